//! What a network did when it was shown images.

/// Answers to all test images, and activation patterns to the probe images.
#[derive(Clone, Debug, PartialEq)]
pub struct Responses {
    /// Answer to each test image.
    pub answers: Answers,
    /// Activation at each tap of the probe.
    pub patterns: Vec<Patterns>,
}

/// One answer per image, in the order of the test set.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Answers {
    /// Class with the highest output; the lowest such class in a tie.
    pub predictions: Vec<u16>,
    /// Cross-entropy of each image, in nats, without label smoothing.
    pub losses: Vec<f32>,
    /// The network's outputs before any softmax, from which both are made: images x classes, row-major.
    pub logits: Vec<f32>,
}

/// Activation patterns at one tap: one row of features per probe image, in the order of the probe.
#[derive(Clone, Debug, PartialEq)]
pub struct Patterns {
    /// Name of the tap.
    pub layer: String,
    /// Features per image.
    pub features: usize,
    /// images x features, row-major.
    pub values: Vec<f32>,
}

/// Which images of the test set are shown, and which of them are read for representations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Showing {
    /// Class of each test image.
    pub labels: Vec<u16>,
    /// Positions of the probe images in the test set, sorted by class, within a class by position.
    pub probe: Vec<usize>,
    /// Names of the classes.
    pub classes: Vec<String>,
}

impl Showing {
    /// The probe takes the first `per_class` images of each class, or all.
    pub fn new(labels: &[u16], per_class: Option<u32>, classes: &[String]) -> Self {
        let limit = per_class.map_or(usize::MAX, |n| n as usize);
        let of_class = |class: usize| {
            let positions = labels.iter().enumerate().filter(move |&(_, &label)| usize::from(label) == class);
            positions.map(|(position, _)| position).take(limit)
        };
        let probe = (0..classes.len()).flat_map(of_class).collect();
        Self { labels: labels.to_vec(), probe, classes: classes.to_vec() }
    }

    /// Class of each probe image.
    pub fn probe_labels(&self) -> Vec<u16> {
        self.probe.iter().map(|&position| self.labels[position]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probe_is_sorted_by_class() {
        let classes = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(Showing::new(&[2, 0, 1, 0, 2], None, &classes).probe, [1, 3, 2, 0, 4]);
        assert_eq!(Showing::new(&[2, 0, 1, 0, 2], Some(1), &classes).probe, [1, 2, 0]);
    }
}
