//! Plasticities: the lesson that follows an injury.
//!
//! To add one: a variant with its doc sentence, an arm in [`Plasticity::lesson`] and
//! [`Plasticity::sentence`], a line in [`Plasticity::examples`].

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::lesson::{Augmentation, Lesson, Schedule};
use crate::quantity::{Fraction, NonNegative, Positive};

/// What the network does about its injury.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Plasticity {
    /// Nothing: it is left as the injury made it.
    None,
    /// It learns the training images again, lost synapses held at zero (Moore et al. 2022, §2.2). What is not stated
    /// here is as in the schooling; momentum starts at rest.
    Retrain(Changes),
}

/// A lesson that is told by what it changes of another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Changes {
    /// Passes over the training images after each injury.
    pub epochs: NonZeroU32,
    /// Images per update.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<NonZeroU32>,
    /// Learning rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Positive>,
    /// Momentum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub momentum: Option<Fraction>,
    /// Nesterov's form of momentum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nesterov: Option<bool>,
    /// Weight decay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decay: Option<NonNegative>,
    /// How the rate changes over the lesson.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// Label smoothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_smoothing: Option<Fraction>,
    /// What is done to an image before it is learned from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub augmentation: Option<Augmentation>,
}

impl Changes {
    /// So many epochs, and nothing else changed.
    pub fn of_epochs(epochs: NonZeroU32) -> Self {
        Self {
            epochs,
            batch: None,
            rate: None,
            momentum: None,
            nesterov: None,
            decay: None,
            schedule: None,
            label_smoothing: None,
            augmentation: None,
        }
    }

    /// The lesson, with what is not stated taken from `other`.
    pub fn over(&self, other: &Lesson) -> Lesson {
        Lesson {
            epochs: self.epochs.get(),
            batch: self.batch.unwrap_or(other.batch),
            rate: self.rate.unwrap_or(other.rate),
            momentum: self.momentum.unwrap_or(other.momentum),
            nesterov: self.nesterov.unwrap_or(other.nesterov),
            decay: self.decay.unwrap_or(other.decay),
            schedule: self.schedule.unwrap_or(other.schedule),
            label_smoothing: self.label_smoothing.unwrap_or(other.label_smoothing),
            augmentation: self.augmentation.unwrap_or(other.augmentation),
        }
    }
}

impl Plasticity {
    /// The lesson that follows each injury, if any; `schooling` supplies what is not stated.
    pub fn lesson(&self, schooling: &Lesson) -> Option<Lesson> {
        match self {
            Plasticity::None => None,
            Plasticity::Retrain(changes) => Some(changes.over(schooling)),
        }
    }

    /// The plasticity as a clause of a methods paragraph. Settings are spelled out only where they are not the schooling's.
    pub fn sentence(&self, schooling: &Lesson) -> String {
        let Some(lesson) = self.lesson(schooling) else { return "the network is not retrained".to_owned() };
        // a network that was not schooled has no settings to refer to
        let as_schooled = schooling.epochs > 0 && Lesson { epochs: schooling.epochs, ..lesson.clone() } == *schooling;
        let settings = if as_schooled {
            let plural = if lesson.epochs == 1 { "" } else { "s" };
            format!("{} epoch{plural} with the settings of the schooling", lesson.epochs)
        } else {
            lesson.sentence()
        };
        let again =
            if lesson.schedule == Schedule::Constant { "" } else { " and the schedule of the learning rate at its beginning" };
        format!("the network is retrained on the training images for {settings}, momentum starting at rest{again}")
    }

    /// One of each kind, with a sentence for people.
    pub fn examples() -> Vec<(Plasticity, &'static str)> {
        let epochs = NonZeroU32::new(3).expect("3 is not 0");
        vec![
            (Plasticity::None, "the network is left as the injury made it"),
            (
                Plasticity::Retrain(Changes::of_epochs(epochs)),
                "the network learns the training images again for some epochs, lost synapses held at zero",
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lesson::Schooling;

    fn schooling() -> Lesson {
        let text = r#"{"epochs":10,"batch":40,"rate":0.001,"momentum":0.9,"decay":0.0005,"schedule":"cosine"}"#;
        serde_json::from_str::<Schooling>(text).unwrap().lesson()
    }

    #[test]
    fn what_a_lesson_does_not_state_it_takes_from_the_schooling() {
        let retrain: Plasticity = serde_json::from_str(r#"{"retrain":{"epochs":3,"rate":0.01}}"#).unwrap();
        let expected = Lesson { epochs: 3, rate: Positive::try_from(0.01).unwrap(), ..schooling() };
        assert_eq!(retrain.lesson(&schooling()), Some(expected));
        let plain: Plasticity = serde_json::from_str(r#"{"retrain":{"epochs":3,"nesterov":false}}"#).unwrap();
        let ahead = Lesson { nesterov: true, ..schooling() };
        assert_eq!(plain.lesson(&ahead), Some(Lesson { epochs: 3, ..schooling() }));
        let sharp: Plasticity = serde_json::from_str(r#"{"retrain":{"epochs":3,"label_smoothing":0}}"#).unwrap();
        let smoothed = Lesson { label_smoothing: Fraction::try_from(0.1).unwrap(), ..schooling() };
        assert_eq!(sharp.lesson(&smoothed), Some(Lesson { epochs: 3, ..schooling() }));
        assert_eq!(Plasticity::None.lesson(&schooling()), None);
    }

    /// The stored form is part of what a case is known by: it says what the study file says, and nothing else.
    #[test]
    fn a_lesson_is_stored_as_it_is_written() {
        let whole = r#"{"retrain":{"epochs":3,"batch":8,"rate":0.01,"momentum":0.5,"nesterov":true,"decay":0.1,"schedule":"cosine","label_smoothing":0.1,"augmentation":"crop"}}"#;
        for text in [r#""none""#, r#"{"retrain":{"epochs":3}}"#, whole] {
            let plasticity: Plasticity = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&plasticity).unwrap(), text);
        }
        assert!(serde_json::from_str::<Plasticity>(r#"{"retrain":{"epochs":3,"epoch":1}}"#).is_err());
        assert!(serde_json::from_str::<Plasticity>(r#"{"retrain":{"batch":3}}"#).is_err());
    }

    #[test]
    fn a_network_that_was_not_schooled_has_no_settings_to_refer_to() {
        let retrain: Plasticity = serde_json::from_str(r#"{"retrain":{"epochs":3}}"#).unwrap();
        let untaught = Lesson { epochs: 0, ..schooling() };
        assert!(retrain.sentence(&untaught).contains("learning rate 0.001"), "{}", retrain.sentence(&untaught));
    }

    #[test]
    fn sentences_spell_out_what_differs_from_the_schooling() {
        let sentence = |text: &str| serde_json::from_str::<Plasticity>(text).unwrap().sentence(&schooling());
        insta::assert_snapshot!(sentence(r#""none""#), @"the network is not retrained");
        insta::assert_snapshot!(sentence(r#"{"retrain":{"epochs":3}}"#), @"the network is retrained on the training images for 3 epochs with the settings of the schooling, momentum starting at rest and the schedule of the learning rate at its beginning");
        insta::assert_snapshot!(sentence(r#"{"retrain":{"epochs":1,"rate":0.01,"schedule":"constant"}}"#), @"the network is retrained on the training images for 1 epoch (stochastic gradient descent on the cross-entropy, batches of 40, constant learning rate 0.01, momentum 0.9, weight decay 0.0005, random crops of images padded by 4 black pixels, half of them mirrored), momentum starting at rest");
    }
}
