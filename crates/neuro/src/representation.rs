//! Representations: the dissimilarity matrices that measures compare.

use std::num::NonZeroU32;
use std::sync::OnceLock;

use rsa::{Distance, PatternsError, Prepared, Rdm};

use crate::responses::{Answers, Patterns, Responses, Showing};

/// Which dissimilarity matrix of a network's responses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Representation {
    /// The tap.
    pub layer: String,
    /// How far apart two patterns are.
    pub distance: Distance,
    /// Over the first so many probe images of each class; over all if `None`.
    pub per_class: Option<NonZeroU32>,
}

impl Representation {
    /// The usual one of a tap, which pictures show: 1 - Pearson over all probe images.
    pub fn usual(layer: &str) -> Self {
        Self { layer: layer.to_owned(), distance: Distance::Correlation, per_class: None }
    }

    /// What tells it from the usual one, as an ending of a measure's name: "", "_cosine_per_class_100".
    pub fn ending(&self) -> String {
        let distance = match self.distance {
            Distance::Correlation => String::new(),
            other => format!("_{}", other.to_string().replace('-', "_")),
        };
        let images = self.per_class.map_or_else(String::new, |images| format!("_per_class_{images}"));
        distance + &images
    }

    /// The matrix, of responses that were read at its tap.
    ///
    /// Costs images² x features operations and images² x 2 bytes.
    ///
    /// # Errors
    /// If an activation is not finite, or a distance larger than single precision can say, or smaller but not 0.
    ///
    /// # Panics
    /// If the tap was not read.
    pub fn rdm(&self, responses: &Responses, showing: &Showing) -> Result<Rdm, PatternsError> {
        let patterns = responses.patterns.iter().find(|patterns| patterns.layer == self.layer).expect("the probe taps the layer");
        match self.per_class {
            None => Rdm::of(&patterns.values, patterns.features, self.distance),
            Some(images) => Rdm::of(&first_of_each_class(patterns, showing, images), patterns.features, self.distance),
        }
    }
}

/// The patterns of the first so many probe images of each class.
fn first_of_each_class(patterns: &Patterns, showing: &Showing, images: NonZeroU32) -> Vec<f32> {
    let mut taken = vec![0; showing.classes.len()];
    let mut values = Vec::new();
    for (pattern, class) in patterns.values.chunks_exact(patterns.features).zip(showing.probe_labels()) {
        let taken = &mut taken[usize::from(class)];
        if *taken < images.get() {
            *taken += 1;
            values.extend_from_slice(pattern);
        }
    }
    values
}

/// The healthy network's responses, against which others are measured. Its dissimilarity matrices are made when first
/// asked for and kept.
pub struct Healthy {
    responses: Responses,
    matrices: Vec<(Representation, OnceLock<Prepared>)>,
}

impl Healthy {
    /// Wraps the healthy network's responses, of which these matrices may be asked.
    pub fn new(mut responses: Responses, wanted: Vec<Representation>) -> Self {
        responses.answers = Answers::default(); // nobody asks the healthy network's answers again, and they may be large
        Self { responses, matrices: wanted.into_iter().map(|representation| (representation, OnceLock::new())).collect() }
    }

    /// One of its matrices.
    pub(crate) fn matrix(&self, wanted: &Representation, showing: &Showing) -> Result<&Prepared, PatternsError> {
        let found = self.matrices.iter().find(|(representation, _)| representation == wanted);
        let (representation, matrix) = found.expect("the matrix is one of those that were announced");
        if let Some(matrix) = matrix.get() {
            return Ok(matrix);
        }
        let rdm = representation.rdm(&self.responses, showing)?;
        Ok(matrix.get_or_init(|| Prepared::new(rdm)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_images_of_each_class_are_taken_in_order() {
        let showing = Showing::new(&[1, 0, 1, 0, 1], None, &["a", "b"].map(str::to_owned));
        assert_eq!(showing.probe, [1, 3, 0, 2, 4]);
        let patterns = Patterns { layer: "fc".into(), features: 2, values: (0u8..10).map(f32::from).collect() };
        let taken = |images| first_of_each_class(&patterns, &showing, NonZeroU32::new(images).unwrap());
        assert_eq!(taken(1), [0., 1., 4., 5.]);
        assert_eq!(taken(2), [0., 1., 2., 3., 4., 5., 6., 7.]);
        assert_eq!(taken(9), patterns.values);
    }

    #[test]
    fn endings_tell_matrices_apart() {
        let usual = Representation::usual("fc");
        assert_eq!(usual.ending(), "");
        let other = Representation { distance: Distance::SquaredEuclidean, per_class: NonZeroU32::new(100), ..usual };
        assert_eq!(other.ending(), "_squared_euclidean_per_class_100");
    }
}
