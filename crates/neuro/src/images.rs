//! Images in memory, as bytes.

use serde::{Deserialize, Serialize};

/// Size of an image or of a layer's activity: channels x height x width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// Colours, or feature maps.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Shape {
    /// Number of values.
    pub fn len(self) -> usize {
        self.channels * self.height * self.width
    }

    /// Whether there is nothing in it.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} x {} x {}", self.channels, self.height, self.width)
    }
}

/// Labelled images of one size, 8 bits per value: `pixels` holds image after image, each as planes
/// (channel, row, column), `labels` the class of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    shape: Shape,
    pixels: Vec<u8>,
    labels: Vec<u16>,
}

impl Images {
    /// Panics unless there are exactly `labels.len()` images of `shape` in `pixels`.
    pub fn new(shape: Shape, pixels: Vec<u8>, labels: Vec<u16>) -> Self {
        assert_eq!(pixels.len(), shape.len() * labels.len(), "pixels must fill {} images of {shape}", labels.len());
        Self { shape, pixels, labels }
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Size of each image.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Class of each image.
    pub fn labels(&self) -> &[u16] {
        &self.labels
    }

    /// The planes of one image.
    pub fn image(&self, index: usize) -> &[u8] {
        let size = self.shape.len();
        &self.pixels[index * size..(index + 1) * size]
    }

    /// The images at `indices`, in that order.
    pub fn select(&self, indices: &[usize]) -> Images {
        let pixels = indices.iter().flat_map(|&i| self.image(i)).copied().collect();
        Images::new(self.shape, pixels, indices.iter().map(|&i| self.labels[i]).collect())
    }

    /// Mean and standard deviation of each channel over all images, in pixel values 0 to 255.
    /// A channel without any variation gets deviation 1. Exact sums of integers, so independent of order.
    pub fn channel_statistics(&self) -> Vec<(f64, f64)> {
        let plane = self.shape.height * self.shape.width;
        let count = (self.len() * plane).max(1) as f64;
        (0..self.shape.channels)
            .map(|channel| {
                let (mut sum, mut squares) = (0u64, 0u64);
                for index in 0..self.len() {
                    for &value in &self.image(index)[channel * plane..(channel + 1) * plane] {
                        sum += u64::from(value);
                        squares += u64::from(value) * u64::from(value);
                    }
                }
                let mean = sum as f64 / count;
                let variance = (squares as f64 / count - mean * mean).max(0.0);
                (mean, if variance > 0.0 { variance.sqrt() } else { 1.0 })
            })
            .collect()
    }
}

/// Everything a study shows its networks. The three sets are disjoint.
#[derive(Clone, Debug)]
pub struct Stimuli {
    /// What networks learn from.
    pub train: Images,
    /// What a therapy may look at to decide; never trained on, never scored. May be empty.
    pub assessment: Images,
    /// What results are scored on.
    pub test: Images,
    /// Names of the classes, by label.
    pub classes: Vec<String>,
    /// Checksum of each set alone.
    pub checksums: Checksums,
    /// Where the images came from.
    pub provenance: Provenance,
}

/// SHA-256 of each of the three sets alone, in hexadecimal, so that a result can be tied to the images it depends on and to
/// no others: a network's training to the training set, a score to the test set. Equal sets have equal checksums,
/// whichever place they have among the three.
///
/// What is summed up, in this order: channels, height, width and number of images as 64-bit, the labels as 16-bit
/// little-endian numbers, then the pixels, image after image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checksums {
    /// Of the images that networks learn from.
    pub train: String,
    /// Of the images that a therapy may look at.
    pub assessment: String,
    /// Of the images that results are scored on.
    pub test: String,
}

/// What the images of a study were compared with, and so how far they can be believed to be what their name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// They are those of the official archive, whose MD5 was compared.
    OfficialArchive,
    /// Files as they lie: sizes and labels were looked at, and the mean and the standard deviation of each channel over all
    /// training images are those of the official ones. Nothing is known of the test images.
    OfficialStatistics,
    /// Files as they lie: sizes and labels were looked at, the pixels compared with nothing.
    Given,
    /// Files as they lie, and certainly not the official ones: their training images have other means or deviations.
    NotOfficial,
    /// The program drew them.
    Drawn,
    /// A folder of pictures, which has no official form.
    Pictures,
}

impl Check {
    /// What must be said where results are shown, one sentence, unless nothing speaks against the images' name.
    pub fn caution(self) -> Option<&'static str> {
        match self {
            Self::OfficialArchive | Self::Drawn | Self::Pictures => None,
            Self::OfficialStatistics => Some("The test images were not compared with the official ones."),
            Self::Given => Some("These files were not compared with the official ones."),
            Self::NotOfficial => Some("These are not the official files."),
        }
    }
}

/// Where images came from, for the record and the methods paragraph.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// Name of the set, such as "CIFAR-10".
    pub name: String,
    /// How it was obtained and checked, one sentence.
    pub source: String,
    /// What they were compared with.
    pub check: Check,
    /// What a reader must know about this copy of the data (text of a `NOTE.txt` beside the files), if anything.
    /// Control characters but tabs and line breaks are spelt out, as in `\u{1b}`.
    pub note: Option<String>,
    /// SHA-256 over the three sets in turn, in hexadecimal: training, assessment, test, each laid out as for [`Checksums`].
    pub sha256: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Records on disk are read by these words.
    #[test]
    fn checks_are_written_in_these_words() {
        let checks =
            [Check::OfficialArchive, Check::OfficialStatistics, Check::Given, Check::NotOfficial, Check::Drawn, Check::Pictures];
        let words = r#"["official-archive","official-statistics","given","not-official","drawn","pictures"]"#;
        assert_eq!(serde_json::to_string(&checks).unwrap(), words);
        assert_eq!(serde_json::from_str::<[Check; 6]>(words).unwrap(), checks);
        // whoever drew or gave pictures of their own need not be warned of them
        assert_eq!(checks.map(|check| check.caution().is_some()), [false, true, true, true, false, false]);
    }
}
