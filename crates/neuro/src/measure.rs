//! Measures: questions put to responses.
//!
//! To add one: a variant with its doc sentence, an arm in `Measure::of_behaviour` or, if it looks at representations, in
//! [`Measure::compares`] and `Measure::of_representation`, a line in [`Measure::examples`]. Tables pick it up by themselves.

use std::collections::HashSet;
use std::num::NonZeroU32;

pub use rsa::{Distance, Method, Over, PatternsError};
use rsa::{Picture, Prepared, Rdm};
use serde::{Deserialize, Serialize};

use crate::reading::{Confusions, Reading};
use crate::representation::{Healthy, Representation};
use crate::responses::{Responses, Showing};

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
    /// How alike the representation still is to the healthy network's: correlation of the two dissimilarity matrices over
    /// the pairs of probe images (Kriegeskorte 2008).
    RdmSimilarity {
        /// Which correlation.
        method: Method,
        /// How far apart two patterns are; 1 - Pearson if not given.
        #[serde(default, skip_serializing_if = "is_correlation")]
        distance: Distance,
        /// Which entries of the matrices.
        #[serde(default, skip_serializing_if = "is_triangle")]
        over: Over,
        /// The tap; every tap of the probe if not given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        layer: Option<String>,
        /// Over the first so many probe images of each class; over all if not given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        per_class: Option<NonZeroU32>,
    },
}

fn is_triangle(over: &Over) -> bool {
    *over == Over::Triangle
}

fn is_correlation(distance: &Distance) -> bool {
    *distance == Distance::Correlation
}

/// All that is read at one moment.
#[derive(Clone, Debug)]
pub struct Readings {
    /// The readings of all measures, in their order, each once: two correlations of one layer leave out the same pairs, and
    /// a measure may be asked of a layer by name and of all layers besides.
    pub readings: Vec<Reading>,
    /// Which class was taken for which, if a measure asks for it.
    pub confusions: Option<Confusions>,
    /// The usual dissimilarity matrix of each tap as a picture; none where there are no probe images.
    pub pictures: Vec<(String, Picture)>,
    /// The same matrices whole, if they are to be kept.
    pub rdms: Vec<KeptRdm>,
}

/// The usual dissimilarity matrix of a tap (1 - Pearson, all probe images), whole.
#[derive(Clone, Debug)]
pub struct KeptRdm {
    /// The tap.
    pub layer: String,
    /// Features of each pattern.
    pub features: usize,
    /// The matrix, images in the order of the probe.
    pub rdm: Rdm,
}

fn confusions(now: &Responses, showing: &Showing) -> Confusions {
    Confusions::count(&now.answers.predictions, &showing.labels, showing.classes.len())
}

/// The dissimilarity matrices that reading these measures at these taps takes, each once.
pub fn representations(measures: &[Measure], taps: &[String]) -> Vec<Representation> {
    let mut wanted: Vec<Representation> = Vec::new();
    for tap in taps {
        let usual = Representation::usual(tap); // for the picture, whatever is measured
        for representation in std::iter::once(usual).chain(measures.iter().filter_map(|measure| measure.compares(tap))) {
            if !wanted.contains(&representation) {
                wanted.push(representation);
            }
        }
    }
    wanted
}

/// Reads all `measures` of the responses `now` at `taps`, and makes pictures of `side` pixels. Holds one dissimilarity matrix at a
/// time, besides those of the healthy network and, if the whole matrices are to be kept, one for each tap.
///
/// # Errors
/// If an activation is not finite, or a distance larger than single precision can say, or smaller but not 0.
pub fn read_all(
    measures: &[Measure],
    taps: &[String],
    healthy: &Healthy,
    now: &Responses,
    showing: &Showing,
    side: usize,
    keep_rdms: bool,
) -> Result<Readings, PatternsError> {
    let mut answers: Vec<Vec<Reading>> = measures.iter().map(|measure| measure.of_behaviour(now, showing)).collect();
    let (mut pictures, mut rdms) = (Vec::new(), Vec::new());
    for representation in representations(measures, taps) {
        let rdm = representation.rdm(now, showing)?;
        for (measure, answers) in measures.iter().zip(&mut answers) {
            if measure.compares(&representation.layer).as_ref() == Some(&representation) {
                answers.extend(measure.of_representation(healthy.matrix(&representation, showing)?, &representation, &rdm));
            }
        }
        if representation != Representation::usual(&representation.layer) {
            continue;
        }
        let layer = representation.layer;
        if rdm.images() > 0 {
            pictures.push((layer.clone(), rdm.picture(side.min(rdm.images()))));
        }
        if keep_rdms {
            let features = now.patterns.iter().find(|patterns| patterns.layer == layer).map_or(0, |patterns| patterns.features);
            rdms.push(KeptRdm { layer, features, rdm });
        }
    }
    let mut seen = HashSet::new();
    let mut readings: Vec<Reading> = answers.into_iter().flatten().collect();
    readings.retain(|r| seen.insert((r.measure.clone(), r.layer.clone(), r.class.clone())));
    let confusions = measures.contains(&Measure::Confusion).then(|| confusions(now, showing));
    Ok(Readings { readings, confusions, pictures, rdms })
}

impl Measure {
    /// What this measure says of a network's answers; nothing if it asks for its representations.
    fn of_behaviour(&self, now: &Responses, showing: &Showing) -> Vec<Reading> {
        let predictions = &now.answers.predictions;
        match self {
            Measure::Accuracy => {
                let right = predictions.iter().zip(&showing.labels).filter(|(p, l)| p == l).count();
                vec![Reading::new("accuracy", ratio(right, predictions.len()), predictions.len() as u64)]
            }
            Measure::ClassAccuracy => class_accuracies(&confusions(now, showing), showing),
            Measure::Confusion => Vec::new(), // counts, not readings: a thousand classes would make a million of them
            Measure::Loss => {
                let sum: f64 = now.answers.losses.iter().map(|&loss| f64::from(loss)).sum();
                let mean = (!now.answers.losses.is_empty()).then(|| sum / now.answers.losses.len() as f64);
                vec![Reading::new("loss", mean, now.answers.losses.len() as u64)]
            }
            Measure::RdmSimilarity { .. } => Vec::new(),
        }
    }

    /// What this measure says of a dissimilarity matrix beside the healthy network's; nothing if it asks for answers.
    fn of_representation(&self, healthy: &Prepared, which: &Representation, rdm: &Rdm) -> Vec<Reading> {
        match self {
            Measure::RdmSimilarity { method, over, .. } => similarity(healthy, which, rdm, *method, *over).to_vec(),
            Measure::Accuracy | Measure::ClassAccuracy | Measure::Confusion | Measure::Loss => Vec::new(),
        }
    }

    /// Which dissimilarity matrix of a tap this measure compares, if any.
    pub fn compares(&self, tap: &str) -> Option<Representation> {
        match self {
            Measure::RdmSimilarity { layer, distance, per_class, .. } => {
                let asked = layer.as_ref().is_none_or(|layer| layer == tap);
                asked.then(|| Representation { layer: tap.to_owned(), distance: *distance, per_class: *per_class })
            }
            Measure::Accuracy | Measure::ClassAccuracy | Measure::Confusion | Measure::Loss => None,
        }
    }

    /// Whether a reading is an answer to this measure: a record may hold the answers of more measures than a study asks.
    pub fn asks_for(&self, reading: &Reading) -> bool {
        match self {
            Measure::Accuracy => reading.measure == "accuracy",
            Measure::ClassAccuracy => ["mean_class_accuracy", "class_accuracy"].contains(&reading.measure.as_str()),
            Measure::Confusion => false, // its answer is a table of counts
            Measure::Loss => reading.measure == "loss",
            Measure::RdmSimilarity { method, over, .. } => self
                .compares(&reading.layer)
                .is_some_and(|which| similarity_names(&which, *method, *over).contains(&reading.measure)),
        }
    }

    /// One of each kind, with a sentence for people.
    pub fn examples() -> Vec<(Measure, &'static str)> {
        let similarity =
            |method, distance| Measure::RdmSimilarity { method, distance, over: Over::Triangle, layer: None, per_class: None };
        vec![
            (Measure::Accuracy, "share of the test images that are named right"),
            (Measure::ClassAccuracy, "the same for each class, and the mean over classes"),
            (Measure::Confusion, "share of each class's images that is taken for each class"),
            (Measure::Loss, "mean cross-entropy over the test images, in nats"),
            (
                similarity(Method::TauB, Distance::Correlation),
                "Kendall's tau-b between the dissimilarity matrix (1 - Pearson) and the healthy network's",
            ),
            (
                similarity(Method::RhoA, Distance::Euclidean),
                "any of tau-b, tau-a, rho-a, spearman, pearson, cosine; of correlation, cosine, euclidean or squared-euclidean distances; \
                 layer = \"block3\" for one tap of the probe, per_class = 100 for fewer of its images",
            ),
        ]
    }
}

/// How like the healthy network's matrix this one is, and how many pairs had to be left out because an image left the
/// layer silent in one of the two.
fn similarity(healthy: &Prepared, which: &Representation, rdm: &Rdm, method: Method, over: Over) -> [Reading; 2] {
    let similarity = healthy.similarity_over(rdm, method, over);
    let [name, left_out] = similarity_names(which, method, over);
    let pairs = similarity.pairs_used + similarity.pairs_left_out;
    [
        Reading::new(&name, similarity.value, similarity.pairs_used).at(&which.layer),
        Reading::new(&left_out, Some(similarity.pairs_left_out as f64), pairs).at(&which.layer),
    ]
}

/// Names of the two readings that a comparison gives: the similarity, and the number of pairs left out.
fn similarity_names(which: &Representation, method: Method, over: Over) -> [String; 2] {
    let whole = if over == Over::FullMatrix { "_full_matrix" } else { "" };
    [
        format!("rdm_similarity_{}{whole}{}", method.to_string().replace('-', "_"), which.ending()),
        format!("rdm_pairs_left_out{}", which.ending()),
    ]
}

fn ratio(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Accuracy of each class, and their mean over the classes that have images.
fn class_accuracies(confusions: &Confusions, showing: &Showing) -> Vec<Reading> {
    let total = |class: usize| confusions.images(class) as usize;
    let of_class = |class: usize| ratio(confusions.of(class)[class] as usize, total(class));
    let known: Vec<f64> = (0..confusions.classes).filter_map(of_class).collect();
    let mean = (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64);
    let each = (0..confusions.classes)
        .map(|class| Reading::new("class_accuracy", of_class(class), total(class) as u64).of_class(&showing.classes[class]));
    std::iter::once(Reading::new("mean_class_accuracy", mean, known.len() as u64)).chain(each).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::responses::{Answers, Patterns};

    fn showing() -> Showing {
        Showing::new(&[0, 0, 0, 1, 1, 2], None, &["cat", "dog", "ship"].map(str::to_owned))
    }

    fn responses(predictions: [u16; 6], values: [f32; 18]) -> Responses {
        let losses = vec![0.5, 0.5, 0.5, 0.5, 0.5, 2.0];
        let patterns = vec![Patterns { layer: "penultimate".into(), features: 3, values: values.to_vec() }];
        Responses { answers: Answers { predictions: predictions.to_vec(), losses, logits: Vec::new() }, patterns }
    }

    const PATTERNS: [f32; 18] = [1., 2., 3., 1., 3., 2., 2., 1., 3., 5., 1., 0., 4., 2., 0., 0., 1., 9.];

    fn tau_b() -> Measure {
        let (distance, over) = (Distance::Correlation, Over::Triangle);
        Measure::RdmSimilarity { method: Method::TauB, distance, over, layer: None, per_class: None }
    }

    fn all(measures: &[Measure], now: &Responses) -> Readings {
        let taps = ["penultimate".to_owned()];
        let healthy = Healthy::new(responses([0, 0, 0, 1, 1, 2], PATTERNS), representations(measures, &taps));
        read_all(measures, &taps, &healthy, now, &showing(), 3, false).unwrap()
    }

    fn read(measure: &Measure, now: &Responses) -> Vec<String> {
        let readings = all(std::slice::from_ref(measure), now).readings;
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
        assert_eq!(all(&[Measure::Accuracy], &now()).confusions, None, "nobody asked");
        assert_eq!(all(&[Measure::Confusion], &now()).confusions.unwrap().counts, [2, 1, 0, 1, 1, 0, 0, 0, 1]);
    }

    #[test]
    fn nothing_is_read_twice() {
        let change = |change: fn(&mut Measure)| {
            let mut measure = tau_b();
            change(&mut measure);
            measure
        };
        let tau_a = change(|m| {
            if let Measure::RdmSimilarity { method, .. } = m {
                *method = Method::TauA;
            }
        });
        let named = change(|m| {
            if let Measure::RdmSimilarity { layer, .. } = m {
                *layer = Some("penultimate".to_owned());
            }
        });
        let measures = [Measure::Accuracy, tau_b(), tau_a, named, Measure::Accuracy];
        let now = responses([0; 6], PATTERNS);
        let readings = all(&measures, &now).readings;
        let names: Vec<&str> = readings.iter().map(|reading| reading.measure.as_str()).collect();
        assert_eq!(names, ["accuracy", "rdm_similarity_tau_b", "rdm_pairs_left_out", "rdm_similarity_tau_a"]);
        assert_eq!(readings[1..3], all(&[tau_b()], &now).readings);
    }

    #[test]
    fn a_measure_knows_its_own_answers() {
        let measures: Vec<Measure> = Measure::examples().into_iter().map(|(measure, _)| measure).collect();
        let readings = all(&measures, &responses([0; 6], PATTERNS)).readings;
        for measure in &measures {
            let mut own = all(std::slice::from_ref(measure), &responses([0; 6], PATTERNS)).readings;
            own.retain(|reading| measure.asks_for(reading));
            let found: Vec<Reading> = readings.iter().filter(|reading| measure.asks_for(reading)).cloned().collect();
            assert_eq!(found, own, "{measure:?}");
            assert!(*measure == Measure::Confusion || !own.is_empty());
        }
        let named = |layer: &str| Reading::new("rdm_similarity_tau_b", None, 0).at(layer);
        let Measure::RdmSimilarity { method, distance, over, per_class, .. } = tau_b() else { panic!("it is one") };
        let of_fc1 = Measure::RdmSimilarity { method, distance, over, layer: Some("fc1".to_owned()), per_class };
        assert!(of_fc1.asks_for(&named("fc1")) && !of_fc1.asks_for(&named("penultimate")) && tau_b().asks_for(&named("fc1")));
    }

    #[test]
    fn a_measure_names_its_distance_and_its_images() {
        let (method, distance, over) = (Method::TauB, Distance::Euclidean, Over::Triangle);
        let of = |per_class| Measure::RdmSimilarity { method, distance, over, layer: None, per_class };
        let mut moved = PATTERNS;
        moved[3..6].fill(9.0); // the second image of the first class: constant, which has no correlation, but distances
        let now = responses([0; 6], moved);
        let read_of = |per_class| read(&of(per_class), &now);
        assert_eq!(read_of(NonZeroU32::new(1))[0], "rdm_similarity_tau_b_euclidean_per_class_1  Some(1.0) n=3");
        let whole = read_of(None);
        assert!(whole[0].starts_with("rdm_similarity_tau_b_euclidean  Some(0.") && whole[0].ends_with("n=15"), "{whole:?}");
        assert_eq!(whole[1], "rdm_pairs_left_out_euclidean  Some(0.0) n=15");
    }

    #[test]
    fn activity_that_is_no_number_is_an_error() {
        let mut broken = PATTERNS;
        broken[4] = f32::NAN;
        let taps = ["penultimate".to_owned()];
        let healthy = Healthy::new(responses([0; 6], PATTERNS), representations(&[], &taps));
        assert!(read_all(&[], &taps, &healthy, &responses([0; 6], broken), &showing(), 3, false).is_err());
    }

    #[test]
    fn every_tap_has_its_picture_whatever_is_measured() {
        let Readings { readings, pictures, .. } = all(&[], &responses([0; 6], PATTERNS));
        assert_eq!((readings.len(), pictures.len(), pictures[0].0.as_str()), (0, 1, "penultimate"));
        assert_eq!(pictures[0].1.side, 3);
    }

    #[test]
    fn whole_matrices_are_the_usual_ones_of_each_tap() {
        let taps = ["penultimate".to_owned()];
        let cosine = r#"{"rdm_similarity": {"method": "tau-b", "distance": "cosine"}}"#;
        let measures = [serde_json::from_str(cosine).unwrap(), tau_b()];
        let now = responses([0; 6], PATTERNS);
        let healthy = Healthy::new(now.clone(), representations(&measures, &taps));
        let rdms = read_all(&measures, &taps, &healthy, &now, &showing(), 3, true).unwrap().rdms;
        assert_eq!((rdms.len(), rdms[0].layer.as_str(), rdms[0].features), (1, "penultimate", 3));
        assert_eq!(rdms[0].rdm.upper(), Rdm::correlation(&PATTERNS, 3).upper());
        assert!(all(&measures, &now).rdms.is_empty(), "nobody asked");
    }

    #[test]
    fn a_representation_is_like_itself_and_a_silent_image_is_left_out_and_counted() {
        let same = read(&tau_b(), &responses([0; 6], PATTERNS));
        assert_eq!(same, ["rdm_similarity_tau_b  Some(1.0) n=15", "rdm_pairs_left_out  Some(0.0) n=15"]);
        let mut silent = PATTERNS;
        silent[0..3].fill(0.0);
        let left = read(&tau_b(), &responses([0; 6], silent));
        assert_eq!(left, ["rdm_similarity_tau_b  Some(1.0) n=10", "rdm_pairs_left_out  Some(5.0) n=15"]);
    }
}
