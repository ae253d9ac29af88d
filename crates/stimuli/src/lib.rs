//! Images to show a network.
//!
//! From what a study asks for ([`StimuliChoice`]) to images in memory ([`Stimuli`]): [`load`]. CIFAR files are
//! found on disk or downloaded, folders of pictures are read, shapes are drawn. The same choice on the same
//! data gives the same bytes, whatever the machine and however many threads it has.

mod error;

mod cifar;
mod download;
mod folder;
mod shapes;

use std::fs;
use std::path::{Path, PathBuf};

use neuro::images::{Checksums, Images, Provenance, Shape, Stimuli};
use neuro::study::StimuliChoice;
use sha2::{Digest, Sha256};

pub use download::Fetch;
pub use error::StimuliError;

/// Where images are looked for.
#[derive(Clone, Debug)]
pub struct Place {
    /// Folder of data sets; what is downloaded goes there.
    pub data: PathBuf,
    /// Folder of the study file, from which a relative `folder` path starts.
    pub study_folder: PathBuf,
    /// Base address to download from instead of the official one.
    pub mirror: Option<String>,
}

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

/// Loads what `choice` asks for. `report` hears of a download as it goes on, and may end the process at any
/// call: the next download goes on from there.
pub fn load(choice: &StimuliChoice, place: &Place, report: &mut dyn FnMut(Fetch)) -> Result<Stimuli, StimuliError> {
    match choice {
        StimuliChoice::Cifar10(split) => cifar::load(&cifar::CIFAR10, split, place, report),
        StimuliChoice::Cifar100(split) => cifar::load(&cifar::CIFAR100, split, place, report),
        StimuliChoice::Folder { path, size, assessment_per_class } => {
            folder::load(&place.study_folder.join(path), size.get(), *assessment_per_class)
        }
        StimuliChoice::Shapes { train, assessment, test } => {
            Ok(shapes::load(shapes::counts(train.get(), *assessment, test.get())))
        }
    }
}

/// Tells what `choice` will give. Looks at the disk for folders of pictures only, and then at names alone.
pub fn outline(choice: &StimuliChoice, place: &Place) -> Result<Outline, StimuliError> {
    match choice {
        StimuliChoice::Cifar10(split) => cifar::outline(&cifar::CIFAR10, split),
        StimuliChoice::Cifar100(split) => cifar::outline(&cifar::CIFAR100, split),
        StimuliChoice::Folder { path, size, assessment_per_class } => {
            folder::outline(&place.study_folder.join(path), size.get(), *assessment_per_class)
        }
        StimuliChoice::Shapes { train, assessment, test } => {
            Ok(shapes::outline(shapes::counts(train.get(), *assessment, test.get())))
        }
    }
}

/// The three sets and how they came about, before their checksum is known.
struct Collection {
    name: String,
    source: String,
    note: Option<String>,
    classes: Vec<String>,
    train: Images,
    assessment: Images,
    test: Images,
}

impl Collection {
    fn into_stimuli(self) -> Stimuli {
        let sets = [&self.train, &self.assessment, &self.test];
        let (sha256, [train, assessment, test]) = rayon::join(|| checksum(&sets), || sets.map(|images| checksum(&[images])));
        Stimuli {
            train: self.train,
            assessment: self.assessment,
            test: self.test,
            classes: self.classes,
            checksums: Checksums { train, assessment, test },
            provenance: Provenance { name: self.name, source: self.source, note: self.note, sha256 },
        }
    }
}

/// SHA-256 over sets in turn, in the layout that [`Checksums`] describes.
fn checksum(sets: &[&Images]) -> String {
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

/// What `NOTE.txt` in `folder` says about the data beside it.
fn note(folder: &Path) -> Result<Option<String>, StimuliError> {
    let path = folder.join("NOTE.txt");
    match fs::read(&path) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes).trim().to_owned();
            Ok((!text.is_empty()).then_some(text))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StimuliError::reading(&path, error)),
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn place(folder: &Path) -> Place {
        Place { data: folder.join("data"), study_folder: folder.to_owned(), mirror: None }
    }

    #[test]
    fn a_relative_folder_starts_from_the_study() {
        let root = tempfile::tempdir().unwrap();
        for path in ["pictures/train/a/1.png", "pictures/train/b/1.png", "pictures/test/a/1.png", "pictures/test/b/1.png"] {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            image::RgbImage::new(4, 4).save(path).unwrap();
        }
        let size = NonZeroU32::new(4).unwrap();
        let choice = StimuliChoice::Folder { path: "pictures".into(), size, assessment_per_class: 0 };
        let stimuli = load(&choice, &place(root.path()), &mut |_| ()).unwrap();
        let outline = outline(&choice, &place(root.path())).unwrap();
        assert_eq!(stimuli.train.len(), 2);
        assert_eq!(outline.counts, Counts { train: 2, assessment: 0, test: 2 });
        assert_eq!((outline.name.as_str(), stimuli.provenance.name.as_str()), ("pictures", "pictures"));
    }

    #[test]
    fn an_outline_needs_no_data_folder() {
        let missing = place(Path::new("no such folder"));
        for (choice, name, classes) in [
            (StimuliChoice::Cifar10(Default::default()), "CIFAR-10", 10),
            (StimuliChoice::Cifar100(Default::default()), "CIFAR-100", 100),
        ] {
            let outline = outline(&choice, &missing).unwrap();
            assert_eq!((outline.name.as_str(), outline.classes.len()), (name, classes));
            assert_eq!(outline.counts, Counts { train: 50_000, assessment: 0, test: 10_000 });
        }
    }

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

    /// A score does not depend on how many images there were to learn from.
    #[test]
    fn the_checksum_of_a_set_depends_on_no_other_set() {
        let draw = |train, assessment, test| shapes::load(shapes::counts(train, assessment, test)).checksums;
        let (some, more) = (draw(20, 10, 30), draw(40, 20, 30));
        assert_eq!(some.test, more.test);
        assert_ne!(some.train, more.train);
        assert_ne!(some.assessment, more.assessment);
        assert_ne!(some.train, draw(20, 10, 30).test);
    }
}
