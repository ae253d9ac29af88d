//! Measures: questions put to responses.
//!
//! To add one: a variant with its doc sentence, an arm in [`Measure::read`], a line in
//! [`Measure::examples`]. Tables pick it up by themselves.

use std::collections::HashSet;
use std::sync::OnceLock;

pub use rsa::{Method, Over};
use rsa::{Prepared, Rdm};
use serde::{Deserialize, Serialize};

use crate::record::Reading;
use crate::responses::{Patterns, Responses, Showing};

/// A question put to responses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Measure {
    /// Share of the test images that are named right.
    Accuracy,
    /// The same for each class, and the mean over classes ("mean class-wise accuracy").
    ClassAccuracy,
    /// Share of each class's images that is taken for each class; `class` reads `true>answer`.
    Confusion,
    /// Mean cross-entropy over the test images, in nats.
    Loss,
    /// How alike the representation still is to the healthy network's: rank correlation of the two dissimilarity
    /// matrices (1 - Pearson between the patterns of each pair of probe images; Kriegeskorte 2008).
    RdmSimilarity {
        /// Which rank correlation.
        method: Method,
        /// Which entries of the matrices.
        #[serde(default, skip_serializing_if = "is_triangle")]
        over: Over,
        /// The tap; every tap of the probe if not given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        layer: Option<String>,
    },
}

fn is_triangle(over: &Over) -> bool {
    *over == Over::Triangle
}

/// The healthy network's responses, against which others are measured. Its dissimilarity matrices are made when first
/// asked for and kept.
pub struct Healthy {
    /// What it answered.
    pub responses: Responses,
    rdms: Vec<OnceLock<Prepared>>,
}

impl Healthy {
    /// Wraps the healthy network's responses.
    pub fn new(responses: Responses) -> Self {
        let rdms = responses.patterns.iter().map(|_| OnceLock::new()).collect();
        Self { responses, rdms }
    }

    fn rdm(&self, layer: &str) -> &Prepared {
        let index = self.responses.patterns.iter().position(|p| p.layer == layer).expect("the probe taps the layer");
        self.rdms[index].get_or_init(|| Prepared::new(rdm(&self.responses.patterns[index])))
    }
}

/// The dissimilarity matrix of the patterns at one tap.
pub fn rdm(patterns: &Patterns) -> Rdm {
    Rdm::correlation(&patterns.values, patterns.features)
}

/// The readings of all `measures`, in their order, each once: two rank correlations of one layer leave out the same pairs,
/// and a measure may be asked of a layer by name and of all layers besides. Arguments are those of [`Measure::read`].
pub fn read_all(
    measures: &[Measure],
    healthy: &Healthy,
    now: &Responses,
    rdms: &[(String, Rdm)],
    showing: &Showing,
) -> Vec<Reading> {
    let mut seen = HashSet::new();
    let readings = measures.iter().flat_map(|measure| measure.read(healthy, now, rdms, showing));
    readings.filter(|r| seen.insert((r.measure.clone(), r.layer.clone(), r.class.clone()))).collect()
}

impl Measure {
    /// The readings of this measure. `rdms` holds the matrices of `now`, one for each tap of the probe that
    /// [`Measure::needs_rdm_of`] says so of.
    pub fn read(&self, healthy: &Healthy, now: &Responses, rdms: &[(String, Rdm)], showing: &Showing) -> Vec<Reading> {
        let predictions = &now.answers.predictions;
        match self {
            Measure::Accuracy => {
                let right = predictions.iter().zip(&showing.labels).filter(|(p, l)| p == l).count();
                vec![Reading::new("accuracy", ratio(right, predictions.len()), predictions.len() as u64)]
            }
            Measure::ClassAccuracy => class_accuracies(&Confusions::count(predictions, showing), showing),
            Measure::Confusion => Confusions::count(predictions, showing).readings(showing),
            Measure::Loss => {
                let sum: f64 = now.answers.losses.iter().map(|&loss| f64::from(loss)).sum();
                let mean = (!now.answers.losses.is_empty()).then(|| sum / now.answers.losses.len() as f64);
                vec![Reading::new("loss", mean, now.answers.losses.len() as u64)]
            }
            Measure::RdmSimilarity { method, over, .. } => {
                let asked = rdms.iter().filter(|(layer, _)| self.needs_rdm_of(layer));
                asked.flat_map(|(layer, rdm)| similarity(healthy.rdm(layer), layer, rdm, *method, *over)).collect()
            }
        }
    }

    /// Whether this measure needs the dissimilarity matrix of this tap of the probe.
    pub fn needs_rdm_of(&self, tap: &str) -> bool {
        match self {
            Measure::RdmSimilarity { layer, .. } => layer.as_ref().is_none_or(|layer| layer == tap),
            Measure::Accuracy | Measure::ClassAccuracy | Measure::Confusion | Measure::Loss => false,
        }
    }

    /// The tap this measure names, if it names one.
    pub fn named_layer(&self) -> Option<&str> {
        match self {
            Measure::RdmSimilarity { layer, .. } => layer.as_deref(),
            Measure::Accuracy | Measure::ClassAccuracy | Measure::Confusion | Measure::Loss => None,
        }
    }

    /// One of each kind, with a sentence for people.
    pub fn examples() -> Vec<(Measure, &'static str)> {
        let similarity = |method| Measure::RdmSimilarity { method, over: Over::Triangle, layer: None };
        vec![
            (Measure::Accuracy, "share of the test images that are named right"),
            (Measure::ClassAccuracy, "the same for each class, and the mean over classes"),
            (Measure::Confusion, "share of each class's images that is taken for each class"),
            (Measure::Loss, "mean cross-entropy over the test images, in nats"),
            (similarity(Method::TauB), "Kendall's tau-b between the dissimilarity matrix and the healthy network's"),
            (similarity(Method::TauA), "Kendall's tau-a, which does not correct for ties"),
        ]
    }
}

/// How like the healthy network's matrix this one is, and how many pairs had to be left out because an image left the
/// layer silent in one of the two.
fn similarity(healthy: &Prepared, layer: &str, rdm: &Rdm, method: Method, over: Over) -> [Reading; 2] {
    let similarity = healthy.similarity_over(rdm, method, over);
    let whole = if over == Over::FullMatrix { "_full_matrix" } else { "" };
    let name = format!("rdm_similarity_{}{whole}", method.to_string().replace('-', "_"));
    let pairs = similarity.pairs_used + similarity.pairs_left_out;
    [
        Reading::new(&name, similarity.value, similarity.pairs_used).at(layer),
        Reading::new("rdm_pairs_left_out", Some(similarity.pairs_left_out as f64), pairs).at(layer),
    ]
}

fn ratio(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// How often each class was taken for each class.
struct Confusions {
    classes: usize,
    counts: Vec<usize>,
}

impl Confusions {
    fn count(predictions: &[u16], showing: &Showing) -> Self {
        assert_eq!(predictions.len(), showing.labels.len(), "one answer per test image");
        let classes = showing.classes.len();
        let mut counts = vec![0; classes * classes];
        for (&answer, &truth) in predictions.iter().zip(&showing.labels) {
            counts[usize::from(truth) * classes + usize::from(answer)] += 1;
        }
        Self { classes, counts }
    }

    fn row(&self, truth: usize) -> &[usize] {
        &self.counts[truth * self.classes..(truth + 1) * self.classes]
    }

    fn readings(&self, showing: &Showing) -> Vec<Reading> {
        let names = &showing.classes;
        (0..self.classes)
            .flat_map(|truth| {
                let total: usize = self.row(truth).iter().sum();
                (0..self.classes).map(move |answer| {
                    let class = format!("{}>{}", names[truth], names[answer]);
                    Reading::new("confusion", ratio(self.row(truth)[answer], total), total as u64).of_class(&class)
                })
            })
            .collect()
    }
}

/// Accuracy of each class, and their mean over the classes that have images.
fn class_accuracies(confusions: &Confusions, showing: &Showing) -> Vec<Reading> {
    let total = |class: usize| confusions.row(class).iter().sum::<usize>();
    let of_class = |class: usize| ratio(confusions.row(class)[class], total(class));
    let known: Vec<f64> = (0..confusions.classes).filter_map(of_class).collect();
    let mean = (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64);
    let each = (0..confusions.classes)
        .map(|class| Reading::new("class_accuracy", of_class(class), total(class) as u64).of_class(&showing.classes[class]));
    std::iter::once(Reading::new("mean_class_accuracy", mean, known.len() as u64)).chain(each).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::responses::Answers;

    fn showing() -> Showing {
        Showing::new(&[0, 0, 0, 1, 1, 2], None, &["cat", "dog", "ship"].map(str::to_owned))
    }

    fn responses(predictions: [u16; 6], values: [f32; 18]) -> Responses {
        let losses = vec![0.5, 0.5, 0.5, 0.5, 0.5, 2.0];
        let patterns = vec![Patterns { layer: "penultimate".into(), features: 3, values: values.to_vec() }];
        Responses { answers: Answers { predictions: predictions.to_vec(), losses }, patterns }
    }

    const PATTERNS: [f32; 18] = [1., 2., 3., 1., 3., 2., 2., 1., 3., 5., 1., 0., 4., 2., 0., 0., 1., 9.];

    fn read(measure: &Measure, now: &Responses) -> Vec<String> {
        let healthy = Healthy::new(responses([0, 0, 0, 1, 1, 2], PATTERNS));
        let rdms = [("penultimate".to_owned(), rdm(&now.patterns[0]))];
        let readings = measure.read(&healthy, now, &rdms, &showing());
        readings.iter().map(|r| format!("{} {} {:?} n={}", r.measure, r.class, r.value, r.n)).collect()
    }

    #[test]
    fn behaviour_is_counted_by_hand() {
        let now = || responses([0, 1, 0, 1, 0, 2], PATTERNS);
        assert_eq!(read(&Measure::Accuracy, &now()), ["accuracy  Some(0.6666666666666666) n=6"]);
        assert_eq!(read(&Measure::Loss, &now()), ["loss  Some(0.75) n=6"]);
        assert_eq!(
            read(&Measure::ClassAccuracy, &now()),
            [
                "mean_class_accuracy  Some(0.7222222222222222) n=3",
                "class_accuracy cat Some(0.6666666666666666) n=3",
                "class_accuracy dog Some(0.5) n=2",
                "class_accuracy ship Some(1.0) n=1",
            ]
        );
        let confusion = read(&Measure::Confusion, &now());
        assert_eq!(confusion.len(), 9);
        assert_eq!(confusion[1], "confusion cat>dog Some(0.3333333333333333) n=3");
    }

    #[test]
    fn nothing_is_read_twice() {
        let similarity = |method, layer: Option<&str>| Measure::RdmSimilarity {
            method,
            over: Over::Triangle,
            layer: layer.map(str::to_owned),
        };
        let tau_b = similarity(Method::TauB, None);
        let measures = [
            Measure::Accuracy,
            tau_b.clone(),
            similarity(Method::TauA, None),
            similarity(Method::TauB, Some("penultimate")),
            Measure::Accuracy,
        ];
        let healthy = Healthy::new(responses([0, 0, 0, 1, 1, 2], PATTERNS));
        let now = responses([0; 6], PATTERNS);
        let rdms = [("penultimate".to_owned(), rdm(&now.patterns[0]))];
        let readings = read_all(&measures, &healthy, &now, &rdms, &showing());
        let names: Vec<&str> = readings.iter().map(|reading| reading.measure.as_str()).collect();
        assert_eq!(names, ["accuracy", "rdm_similarity_tau_b", "rdm_pairs_left_out", "rdm_similarity_tau_a"]);
        assert_eq!(readings[1..3], tau_b.read(&healthy, &now, &rdms, &showing()));
    }

    #[test]
    fn a_representation_is_like_itself_and_a_silent_image_is_left_out_and_counted() {
        let measure = Measure::RdmSimilarity { method: Method::TauB, over: Over::Triangle, layer: None };
        let same = read(&measure, &responses([0; 6], PATTERNS));
        assert_eq!(same, ["rdm_similarity_tau_b  Some(1.0) n=15", "rdm_pairs_left_out  Some(0.0) n=15"]);
        let mut silent = PATTERNS;
        silent[0..3].fill(0.0);
        let left = read(&measure, &responses([0; 6], silent));
        assert_eq!(left, ["rdm_similarity_tau_b  Some(1.0) n=10", "rdm_pairs_left_out  Some(5.0) n=15"]);
    }
}
