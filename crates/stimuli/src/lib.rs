//! Images to show a network.
//!
//! From what a study asks for ([`StimuliChoice`]) to images in memory ([`Stimuli`]): [`load`]. CIFAR files are
//! found on disk or downloaded, folders of pictures are read, shapes are drawn. The same choice on the same
//! data gives the same bytes, whatever the machine and however many threads it has.

mod error;
mod file;
mod place;
mod set;
mod shown;

mod archive;
mod authorities;
mod cifar;
mod download;
mod folder;
mod layout;
mod picture;
mod shapes;
mod shelf;

use neuro::images::Stimuli;
use neuro::study::StimuliChoice;

pub use download::Fetch;
pub use error::StimuliError;
pub use place::Place;
pub use set::{Archive, Counts, Outline, hexadecimal};

/// Loads what `choice` asks for. `report` hears of a download as it goes on, and may end the process at any
/// call: the next download goes on from there.
pub fn load(choice: &StimuliChoice, place: &Place, report: &mut dyn FnMut(Fetch)) -> Result<Stimuli, StimuliError> {
    match choice {
        StimuliChoice::Cifar10(split) => cifar::load(&layout::CIFAR10, split, place, report),
        StimuliChoice::Cifar100(split) => cifar::load(&layout::CIFAR100, split, place, report),
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
        StimuliChoice::Cifar10(split) => cifar::outline(&layout::CIFAR10, split),
        StimuliChoice::Cifar100(split) => cifar::outline(&layout::CIFAR100, split),
        StimuliChoice::Folder { path, size, assessment_per_class } => {
            folder::outline(&place.study_folder.join(path), size.get(), *assessment_per_class)
        }
        StimuliChoice::Shapes { train, assessment, test } => {
            Ok(shapes::outline(shapes::counts(train.get(), *assessment, test.get())))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::num::NonZeroU32;
    use std::path::Path;

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
