//! How the files of CIFAR-10 and CIFAR-100 (Krizhevsky 2009) are laid out, in the binary format of their home page: records
//! of a label or two and 3072 pixels, plane by plane, and a list of the classes' names.

use std::collections::BTreeMap;
use std::iter;
use std::ops::Range;
use std::path::Path;

use neuro::images::{Images, Shape};
use neuro::study::Split;

use crate::error::StimuliError;
use crate::set::{Archive, Counts, check_class_names};
use crate::shown;

/// Longest list of class names, in bytes.
const LONGEST_LIST: usize = 1 << 16;

/// Bytes by which an archive may exceed the official one before it is given up unread. Only the checksum decides.
const SLACK: u64 = 1 << 20;

/// Size of a CIFAR image.
pub(crate) const SHAPE: Shape = Shape { channels: 3, height: 32, width: 32 };

/// The sets, each of which may be taken for the other.
pub(crate) const SETS: [&CifarSet; 2] = [&CIFAR10, &CIFAR100];

/// Ten classes, named in the order of their labels.
pub(crate) const CIFAR10: CifarSet = CifarSet {
    name: "CIFAR-10",
    key: "cifar10",
    archive: Archive { url: "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz", bytes: 170_052_171 },
    archive_file: "cifar-10-binary.tar.gz",
    md5: "c32a1d4ab5d03f1284b67883e8d87530",
    folder: "cifar-10-batches-bin",
    train_files: &["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"],
    images_per_train_file: 10_000,
    test_file: "test_batch.bin",
    test_images: 10_000,
    label_bytes: 1,
    class_file: "batches.meta.txt",
    moments: Some([(0.49139968, 0.24703223), (0.48215841, 0.24348513), (0.44653091, 0.26158784)]),
    classes: &["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"],
};

/// A hundred classes (the fine labels), named in the order of their labels.
pub(crate) const CIFAR100: CifarSet = CifarSet {
    name: "CIFAR-100",
    key: "cifar100",
    archive: Archive { url: "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz", bytes: 168_513_733 },
    archive_file: "cifar-100-binary.tar.gz",
    md5: "03b5dce01913d631647c71ecec9e9cb8",
    folder: "cifar-100-binary",
    train_files: &["train.bin"],
    images_per_train_file: 50_000,
    test_file: "test.bin",
    test_images: 10_000,
    label_bytes: 2,
    class_file: "fine_label_names.txt",
    moments: Some([(0.50707516, 0.26733429), (0.48654887, 0.25643846), (0.44091784, 0.27615047)]),
    #[rustfmt::skip]
    classes: &[
        "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle",
        "bowl", "boy", "bridge", "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle",
        "chair", "chimpanzee", "clock", "cloud", "cockroach", "couch", "crab", "crocodile", "cup", "dinosaur",
        "dolphin", "elephant", "flatfish", "forest", "fox", "girl", "hamster", "house", "kangaroo", "keyboard",
        "lamp", "lawn_mower", "leopard", "lion", "lizard", "lobster", "man", "maple_tree", "motorcycle", "mountain",
        "mouse", "mushroom", "oak_tree", "orange", "orchid", "otter", "palm_tree", "pear", "pickup_truck", "pine_tree",
        "plain", "plate", "poppy", "porcupine", "possum", "rabbit", "raccoon", "ray", "road", "rocket",
        "rose", "sea", "seal", "shark", "shrew", "skunk", "skyscraper", "snail", "snake", "spider",
        "squirrel", "streetcar", "sunflower", "sweet_pepper", "table", "tank", "telephone", "television", "tiger", "tractor",
        "train", "trout", "tulip", "turtle", "wardrobe", "whale", "willow_tree", "wolf", "woman", "worm",
    ],
};

/// One of the CIFAR sets: where it lives and how its files are laid out.
pub(crate) struct CifarSet {
    pub(crate) name: &'static str,
    /// Its name in a study file.
    pub(crate) key: &'static str,
    pub(crate) archive: Archive,
    pub(crate) archive_file: &'static str,
    pub(crate) md5: &'static str,
    /// The folder inside the archive.
    pub(crate) folder: &'static str,
    pub(crate) train_files: &'static [&'static str],
    pub(crate) images_per_train_file: usize,
    pub(crate) test_file: &'static str,
    pub(crate) test_images: usize,
    /// Bytes before the pixels of a record; the last of them is the label.
    pub(crate) label_bytes: usize,
    pub(crate) class_file: &'static str,
    /// Mean and standard deviation of each channel over all official training images, as parts of 255; published with many
    /// trained networks.
    pub(crate) moments: Option<[(f64, f64); 3]>,
    pub(crate) classes: &'static [&'static str],
}

/// The files of a set, by name.
pub(crate) type Files = BTreeMap<&'static str, Vec<u8>>;

impl CifarSet {
    /// How many images each of the three sets gets, if there are that many.
    pub(crate) fn counts(&self, split: &Split) -> Result<Counts, StimuliError> {
        let key = |last| format!("stimuli.{}.{last}", self.key);
        let there = self.train_files.len() * self.images_per_train_file;
        let name = self.name;

        let assessment = split.assessment as usize;
        if assessment >= there {
            let reason = format!("{assessment} images leave none of {name}'s {there} to learn from; keep fewer apart");
            return Err(StimuliError::request(key("assessment"), reason));
        }
        let left = there - assessment;
        let train = split.train.map_or(left, |train| train.get() as usize);
        if train > left {
            let besides = if assessment > 0 { format!(" beside {assessment} for assessment") } else { String::new() };
            let reason = format!("{train} images{besides} are more than {name}'s {there}; ask for at most {left}");
            return Err(StimuliError::request(key("train"), reason));
        }
        let test = split.test.map_or(self.test_images, |test| test.get() as usize);
        if test > self.test_images {
            let reason = format!("{test} images are more than {name} has; ask for at most {}", self.test_images);
            return Err(StimuliError::request(key("test"), reason));
        }
        Ok(Counts { train, assessment, test })
    }

    pub(crate) fn official_classes(&self) -> Vec<String> {
        self.classes.iter().map(|&class| class.to_owned()).collect()
    }

    /// The files that hold images: those of the training set in their order, then that of the test set.
    pub(crate) fn data_files(&self) -> impl Iterator<Item = &'static str> {
        self.train_files.iter().copied().chain([self.test_file])
    }

    /// All files that are read: those with images, then the names of the classes.
    pub(crate) fn files(&self) -> impl Iterator<Item = &'static str> {
        self.data_files().chain([self.class_file])
    }

    /// Whether `folder` has any of these files.
    pub(crate) fn lies_in(&self, folder: &Path) -> bool {
        self.data_files().any(|file| folder.join(file).exists())
    }

    fn record_bytes(&self) -> usize {
        self.label_bytes + SHAPE.len()
    }

    /// How many images a file of this name holds; none if it holds the names of the classes.
    fn images_of(&self, name: &str) -> Option<usize> {
        match name {
            _ if name == self.class_file => None,
            _ if name == self.test_file => Some(self.test_images),
            _ => Some(self.images_per_train_file),
        }
    }

    /// The most bytes that an archive may have.
    pub(crate) fn most_packed(&self) -> u64 {
        self.archive.bytes + SLACK
    }

    /// The most bytes that a file of this name may have.
    pub(crate) fn most_bytes(&self, name: &str) -> usize {
        self.images_of(name).map_or(LONGEST_LIST, |images| images * self.record_bytes())
    }

    /// Whether a file can hold what the format says, told from its size.
    pub(crate) fn check_size(&self, name: &str, there: u64) -> Result<(), String> {
        let wanted = self.most_bytes(name) as u64;
        let Some(images) = self.images_of(name) else {
            return match there <= wanted {
                true => Ok(()),
                false => Err(format!("it is no list of {} classes: {there} bytes", self.classes.len())),
            };
        };
        if there == wanted {
            return Ok(());
        }
        let cause = if there < wanted { "it was cut short or is" } else { "it is" };
        let (name, record) = (self.name, self.record_bytes());
        Err(format!("{cause} not a {name} file in binary format: {there} bytes, not {wanted} ({images} images of {record})"))
    }

    /// Whether a file holds what the format says: the right number of records, with labels in range and pictures in them, or
    /// one name for each class.
    pub(crate) fn check(&self, name: &str, bytes: &[u8]) -> Result<(), String> {
        self.check_size(name, bytes.len() as u64)?;
        let Some(images) = self.images_of(name) else { return self.check_names(bytes) };
        for (index, record) in bytes.chunks_exact(self.record_bytes()).enumerate() {
            let label = record[self.label_bytes - 1];
            if usize::from(label) >= self.classes.len() {
                let classes = self.classes.len();
                return Err(format!("image {index} has label {label}, but {} has {classes} classes", self.name));
            }
        }
        match self.without_a_picture(bytes) {
            // an odd one may be a picture of its kind
            blank if blank * 100 <= images => Ok(()),
            blank => Err(format!("{blank} of its {images} images are of one even colour or repeat the image before them")),
        }
    }

    /// How many images are of one value throughout or the same as the one before: what a disk fills holes with.
    fn without_a_picture(&self, bytes: &[u8]) -> usize {
        let pixels = || bytes.chunks_exact(self.record_bytes()).map(|record| &record[self.label_bytes..]);
        let before = iter::once(&[][..]).chain(pixels());
        let blank = |(image, before): &(&[u8], &[u8])| image == before || image.iter().all(|&value| value == image[0]);
        pixels().zip(before).filter(blank).count()
    }

    fn check_names(&self, bytes: &[u8]) -> Result<(), String> {
        let names = class_names(bytes);
        if names.len() != self.classes.len() {
            return Err(format!("it names {} classes, not {}", names.len(), self.classes.len()));
        }
        check_class_names(&names)
    }

    /// The images at `range`, counted through the named files.
    pub(crate) fn images(&self, files: &Files, names: &[&str], range: Range<usize>) -> Images {
        let mut pixels = Vec::with_capacity(range.len() * SHAPE.len());
        let mut labels = Vec::with_capacity(range.len());
        let records = names.iter().flat_map(|&name| files[name].chunks_exact(self.record_bytes()));
        for record in records.skip(range.start).take(range.len()) {
            labels.push(u16::from(record[self.label_bytes - 1]));
            pixels.extend_from_slice(&record[self.label_bytes..]);
        }
        Images::new(SHAPE, pixels, labels)
    }
}

/// One class name to a line; the official files end in an empty line.
pub(crate) fn class_names(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(shown::line).collect()
}
