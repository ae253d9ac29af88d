//! Readings: the answers of measures.

use serde::{Deserialize, Serialize};

/// The answer of a measure: a number with its n.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reading {
    /// What was asked, such as `accuracy`.
    pub measure: String,
    /// Where in the network; empty for behaviour.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub layer: String,
    /// Of which class; empty where a measure has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub class: String,
    /// The number; none where it is not defined.
    pub value: Option<f64>,
    /// How many images, pairs or classes it rests on.
    pub n: u64,
}

impl Reading {
    /// A reading of the whole network over all classes. A value that is no finite number (the loss of a network whose
    /// outputs have overflowed) is not defined: stored records have no other way to say it.
    pub fn new(measure: &str, value: Option<f64>, n: u64) -> Self {
        let value = value.filter(|value| value.is_finite());
        Self { measure: measure.to_owned(), layer: String::new(), class: String::new(), value, n }
    }

    /// The same reading, said of a layer.
    pub fn at(self, layer: &str) -> Self {
        Self { layer: layer.to_owned(), ..self }
    }

    /// The same reading, said of a class.
    pub fn of_class(self, class: &str) -> Self {
        Self { class: class.to_owned(), ..self }
    }
}

/// How often each class was taken for each class, over the test images: `counts[truth * classes + answer]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confusions {
    /// Number of classes.
    pub classes: usize,
    /// Test images, by true class and then by answer.
    pub counts: Vec<u32>,
}

impl Confusions {
    /// Counts the answers of a network. `predictions` and `labels` hold one class for each test image.
    pub fn count(predictions: &[u16], labels: &[u16], classes: usize) -> Self {
        assert_eq!(predictions.len(), labels.len(), "one answer per test image");
        let mut counts = vec![0; classes * classes];
        for (&answer, &truth) in predictions.iter().zip(labels) {
            counts[usize::from(truth) * classes + usize::from(answer)] += 1;
        }
        Self { classes, counts }
    }

    /// What the images of one class were taken for.
    pub fn of(&self, truth: usize) -> &[u32] {
        &self.counts[truth * self.classes..(truth + 1) * self.classes]
    }

    /// Number of test images of a class.
    pub fn images(&self, truth: usize) -> u32 {
        self.of(truth).iter().sum()
    }

    /// The share of each class's images that is taken for each class, as readings; `class` reads `true>answer`.
    pub fn readings<'a>(&'a self, names: &'a [String]) -> impl Iterator<Item = Reading> + 'a {
        (0..self.classes).flat_map(move |truth| {
            let images = self.images(truth);
            self.of(truth).iter().zip(names).map(move |(&count, answer)| {
                let share = (images > 0).then(|| f64::from(count) / f64::from(images));
                Reading::new("confusion", share, u64::from(images)).of_class(&format!("{}>{answer}", names[truth]))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_is_the_same_after_it_was_stored() {
        for value in [Some(0.25), None, Some(f64::NAN), Some(f64::INFINITY)] {
            let reading = Reading::new("loss", value, 3);
            let stored = serde_json::to_string(&reading).unwrap();
            assert_eq!(serde_json::from_str::<Reading>(&stored).unwrap(), reading, "{stored}");
        }
    }

    #[test]
    fn confusions_are_counted_by_hand() {
        let confusions = Confusions::count(&[0, 1, 0, 1, 0, 2], &[0, 0, 0, 1, 1, 2], 3);
        assert_eq!(confusions.counts, [2, 1, 0, 1, 1, 0, 0, 0, 1]);
        let names = ["cat", "dog", "ship"].map(str::to_owned);
        let readings: Vec<Reading> = confusions.readings(&names).collect();
        assert_eq!(readings.len(), 9);
        assert_eq!(readings[1], Reading::new("confusion", Some(1.0 / 3.0), 3).of_class("cat>dog"));
    }
}
