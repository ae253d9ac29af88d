//! CIFAR-10 and CIFAR-100 (Krizhevsky 2009) in the binary format of their home page.
//!
//! Files that are already there are preferred to an archive that is there, and that to a download. An archive is
//! read as it is, and only if it is the official one; unpacked files are believed if every record makes sense.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::ops::Range;
use std::path::Path;

use flate2::read::GzDecoder;
use neuro::images::{Images, Shape, Stimuli};
use neuro::study::Split;
use tar::{Archive as Tar, Entry};

use crate::download::{Order, md5};
use crate::{Archive, Collection, Counts, Fetch, Outline, Place, StimuliError, note};

/// Size of a CIFAR image.
const SHAPE: Shape = Shape { channels: 3, height: 32, width: 32 };

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
    name: &'static str,
    /// Its name in a study file.
    key: &'static str,
    archive: Archive,
    archive_file: &'static str,
    md5: &'static str,
    /// The folder inside the archive.
    folder: &'static str,
    train_files: &'static [&'static str],
    images_per_train_file: usize,
    test_file: &'static str,
    test_images: usize,
    /// Bytes before the pixels of a record; the last of them is the label.
    label_bytes: usize,
    class_file: &'static str,
    classes: &'static [&'static str],
}

/// The images that `split` asks for, from disk or from the network.
pub(crate) fn load(set: &CifarSet, split: &Split, place: &Place, report: &mut dyn FnMut(Fetch)) -> Result<Stimuli, StimuliError> {
    let counts = set.counts(split)?;
    for folder in [&place.data.join(set.folder), &place.data] {
        if set.data_files().any(|file| folder.join(file).exists()) {
            let files = set.read_folder(folder)?;
            let source = "read from unpacked files, of which every size and every label was checked".to_owned();
            return Ok(set.collect(&files, counts, source, note(folder)?));
        }
    }
    let archive = place.data.join(set.archive_file);
    if !archive.exists() {
        let url = match &place.mirror {
            Some(mirror) => format!("{}/{}", mirror.trim_end_matches('/'), set.archive_file),
            None => set.archive.url.to_owned(),
        };
        Order { url, path: &archive, md5: set.md5 }.fetch(report)?;
    }
    let files = set.read_archive(&archive)?;
    let source = format!("read from the official archive {} (MD5 {})", set.archive_file, set.md5);
    Ok(set.collect(&files, counts, source, None))
}

/// What `split` will give; looks at no file.
pub(crate) fn outline(set: &CifarSet, split: &Split) -> Result<Outline, StimuliError> {
    Ok(Outline {
        name: set.name.to_owned(),
        shape: SHAPE,
        classes: set.official_classes(),
        counts: set.counts(split)?,
        archive: Some(set.archive),
    })
}

/// The files of a set, by name.
type Files = BTreeMap<&'static str, Vec<u8>>;

impl CifarSet {
    /// How many images each of the three sets gets, if there are that many.
    fn counts(&self, split: &Split) -> Result<Counts, StimuliError> {
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

    fn official_classes(&self) -> Vec<String> {
        self.classes.iter().map(|&class| class.to_owned()).collect()
    }

    /// The files that hold images: those of the training set in their order, then that of the test set.
    fn data_files(&self) -> impl Iterator<Item = &'static str> {
        self.train_files.iter().copied().chain([self.test_file])
    }

    fn record_bytes(&self) -> usize {
        self.label_bytes + SHAPE.len()
    }

    fn read_folder(&self, folder: &Path) -> Result<Files, StimuliError> {
        let again = format!("unpack {} again, or name another folder with --data", self.archive_file);
        let mut files = Files::new();
        for name in self.data_files().chain([self.class_file]) {
            let path = folder.join(name);
            let bytes = match fs::read(&path) {
                // the official names will do
                Err(error) if error.kind() == io::ErrorKind::NotFound && name == self.class_file => continue,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Err(StimuliError::content(format!("a file of {} is missing", self.name), &path, again));
                }
                other => other.map_err(|error| StimuliError::reading(&path, error))?,
            };
            self.check(name, &bytes).map_err(|what| StimuliError::content(what, &path, &again))?;
            files.insert(name, bytes);
        }
        Ok(files)
    }

    /// Reads the archive without unpacking it. Its checksum is looked at first: what is inside cannot be judged
    /// while it might be anything.
    fn read_archive(&self, path: &Path) -> Result<Files, StimuliError> {
        let unreadable = |error| StimuliError::reading(path, error);
        let found = File::open(path).and_then(|mut file| md5(&mut file)).map_err(unreadable)?;
        if found != self.md5 {
            let what = format!("the archive is damaged or not the official one (its MD5 is {found}, not {})", self.md5);
            let by_hand = format!("unpack it there and say in {}/NOTE.txt what it is", self.folder);
            let next = format!("delete it to have it downloaded again, or, if you trust this copy, {by_hand}");
            return Err(StimuliError::content(what, path, next));
        }
        let mut files = Files::new();
        let mut tar = Tar::new(GzDecoder::new(BufReader::new(File::open(path).map_err(unreadable)?)));
        for entry in tar.entries().map_err(unreadable)? {
            let mut entry = entry.map_err(unreadable)?;
            let Some(name) = self.name_of(&entry) else { continue };
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).map_err(unreadable)?;
            files.insert(name, bytes);
        }
        for name in self.data_files() {
            let wrong = match files.get(name) {
                Some(bytes) => self.check(name, bytes).err().map(|what| format!("{name} in it: {what}")),
                None => Some(format!("{name} is missing in it")),
            };
            if let Some(what) = wrong {
                return Err(StimuliError::content(what, path, "delete it to have it downloaded again"));
            }
        }
        Ok(files)
    }

    /// Which of the set's files an entry of the archive is, if any.
    fn name_of(&self, entry: &Entry<impl Read>) -> Option<&'static str> {
        let path = entry.path().ok()?;
        let last = path.file_name()?;
        self.data_files().chain([self.class_file]).find(|&name| last == name)
    }

    /// Whether a file holds what the format says: the right number of records, with labels in range.
    fn check(&self, name: &str, bytes: &[u8]) -> Result<(), String> {
        if name == self.class_file {
            return match class_names(bytes).len() {
                found if found == self.classes.len() => Ok(()),
                found => Err(format!("it names {found} classes, not {}", self.classes.len())),
            };
        }
        let images = if name == self.test_file { self.test_images } else { self.images_per_train_file };
        let (there, wanted) = (bytes.len(), images * self.record_bytes());
        if there != wanted {
            let cause = if there < wanted { "it was cut short or is" } else { "it is" };
            let name = self.name;
            return Err(format!(
                "{cause} not a {name} file in binary format: {there} bytes, not {wanted} ({images} images of {})",
                self.record_bytes()
            ));
        }
        for (index, record) in bytes.chunks_exact(self.record_bytes()).enumerate() {
            let label = record[self.label_bytes - 1];
            if usize::from(label) >= self.classes.len() {
                let classes = self.classes.len();
                return Err(format!("image {index} has label {label}, but {} has {classes} classes", self.name));
            }
        }
        Ok(())
    }

    /// Takes the three sets out of checked files.
    fn collect(&self, files: &Files, counts: Counts, source: String, note: Option<String>) -> Stimuli {
        let all = self.train_files.len() * self.images_per_train_file;
        let collection = Collection {
            name: self.name.to_owned(),
            source,
            note,
            classes: files.get(self.class_file).map_or_else(|| self.official_classes(), |bytes| class_names(bytes)),
            train: self.images(files, self.train_files, 0..counts.train),
            assessment: self.images(files, self.train_files, all - counts.assessment..all),
            test: self.images(files, &[self.test_file], 0..counts.test),
        };
        collection.into_stimuli()
    }

    /// The images at `range`, counted through the named files.
    fn images(&self, files: &Files, names: &[&str], range: Range<usize>) -> Images {
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
fn class_names(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
