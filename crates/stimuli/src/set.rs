//! What every source of images gives: an outline beforehand, and in the end three sets with their checksums.

use std::collections::BTreeSet;

use neuro::images::{Check, Checksums, Images, Provenance, Shape, Stimuli};
use sha2::{Digest, Sha256};

use crate::shown;

/// Longest name of a class, in characters.
const LONGEST_NAME: usize = 255;

/// What a choice will give, known before anything is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// Name of the set.
    pub name: String,
    /// Size of each image.
    pub shape: Shape,
    /// Names of the classes, by label.
    pub classes: Vec<String>,
    /// Number of images in each of the three sets.
    pub counts: Counts,
    /// Number of test images of each class, by label. None for a part of CIFAR's test images, which stand in no order that
    /// the classes follow: without reading them it is only known that the classes are of about one size.
    pub test_per_class: Option<Vec<usize>>,
    /// What is downloaded if it is not on disk yet.
    pub archive: Option<Archive>,
}

/// Number of images in each set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// To learn from.
    pub train: usize,
    /// For therapies that must look before they choose.
    pub assessment: usize,
    /// To be scored on.
    pub test: usize,
}

/// A file that can be downloaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Archive {
    /// Its official address.
    pub url: &'static str,
    /// Its size.
    pub bytes: u64,
}

/// The three sets and how they came about, before their checksum is known.
pub(crate) struct Collection {
    pub(crate) name: String,
    pub(crate) source: String,
    pub(crate) check: Check,
    pub(crate) note: Option<String>,
    pub(crate) classes: Vec<String>,
    pub(crate) train: Images,
    pub(crate) assessment: Images,
    pub(crate) test: Images,
}

impl Collection {
    pub(crate) fn into_stimuli(self) -> Stimuli {
        let sets = [&self.train, &self.assessment, &self.test];
        let (sha256, [train, assessment, test]) = rayon::join(|| checksum(&sets), || sets.map(|images| checksum(&[images])));
        Stimuli {
            train: self.train,
            assessment: self.assessment,
            test: self.test,
            classes: self.classes,
            checksums: Checksums { train, assessment, test },
            provenance: Provenance { name: self.name, source: self.source, check: self.check, note: self.note, sha256 },
        }
    }
}

/// SHA-256 over sets in turn, in the layout that [`Checksums`] describes.
pub(crate) fn checksum(sets: &[&Images]) -> String {
    let mut hash = Sha256::new();
    for images in sets {
        let Shape { channels, height, width } = images.shape();
        for size in [channels, height, width, images.len()] {
            hash.update((size as u64).to_le_bytes());
        }
        let labels: Vec<u8> = images.labels().iter().flat_map(|label| label.to_le_bytes()).collect();
        hash.update(labels);
        (0..images.len()).for_each(|index| hash.update(images.image(index)));
    }
    hexadecimal(&hash.finalize())
}

/// Bytes of a checksum, as records write them.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether classes can be told apart by names that fit into a figure.
pub(crate) fn check_class_names(names: &[String]) -> Result<(), String> {
    if let Some(long) = names.iter().find(|name| name.chars().count() > LONGEST_NAME) {
        let length = long.chars().count();
        return Err(format!("the class name '{}' has {length} characters, more than {LONGEST_NAME}", shown::name(long)));
    }
    let mut seen = BTreeSet::new();
    match names.iter().find(|&name| !seen.insert(name)) {
        Some(twice) => Err(format!("two classes are named '{}'", shown::name(twice))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SHA-256 of the same bytes, put down by hand: one image of 1 x 1 x 2 in class 258, and two empty sets.
    #[test]
    fn the_checksum_covers_sizes_labels_and_pixels() {
        let shape = Shape { channels: 1, height: 1, width: 2 };
        let empty = || Images::new(shape, vec![], vec![]);
        let one = Images::new(shape, vec![7, 8], vec![258]);
        let sizes = |count: u8| {
            let eight = |number: u8| [number, 0, 0, 0, 0, 0, 0, 0];
            [eight(1), eight(1), eight(2), eight(count)].concat()
        };
        let sum = |bytes: Vec<u8>| hexadecimal(&Sha256::digest(bytes));
        let bytes = [sizes(1), vec![2, 1, 7, 8], sizes(0), sizes(0)].concat();
        let collection = Collection {
            name: String::new(),
            source: String::new(),
            check: Check::Drawn,
            note: None,
            classes: vec![],
            train: one,
            assessment: empty(),
            test: empty(),
        };
        let stimuli = collection.into_stimuli();
        assert_eq!(stimuli.provenance.sha256, sum(bytes));
        assert_eq!(stimuli.checksums.train, sum([sizes(1), vec![2, 1, 7, 8]].concat()));
        assert_eq!(stimuli.checksums.assessment, sum(sizes(0)));
        assert_eq!(stimuli.checksums.test, sum(sizes(0)));
    }
}
