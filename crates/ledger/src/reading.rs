//! A reading on its way to the disk: which files it becomes.

use neuro::measure::{Distance, KeptRdm};
use neuro::record::Record;
use neuro::responses::Showing;
use serde::Serialize;

use crate::case::{LOGITS, Questions, rdm_name};
use crate::disk::pretty;
use crate::error::Result;
use crate::npy;

/// A reading on its way to the disk.
#[derive(Debug)]
pub struct NewReading {
    /// The readings and where they belong.
    pub record: Record,
    /// What was asked.
    pub questions: Questions,
    /// The answer to each test image.
    pub predictions: Vec<u16>,
    /// The network's outputs, test images x classes, row-major, if they are to be kept.
    pub logits: Option<Vec<f32>>,
    /// Small pictures of the dissimilarity matrices: layer, side, values.
    pub pictures: Vec<(String, usize, Vec<f32>)>,
    /// The same matrices whole, if they are to be kept.
    pub rdms: Option<NewRdms>,
}

/// Whole dissimilarity matrices on their way to the disk, and the images that they compare.
#[derive(Debug)]
pub struct NewRdms {
    /// One matrix for each layer.
    pub rdms: Vec<KeptRdm>,
    /// Their images.
    pub showing: Showing,
}

/// What `rdm-LAYER.json` says of the matrix beside it. `atrophy compare` knows these keys, and refuses to compare what does not go
/// together.
#[derive(Serialize)]
struct About<'a> {
    distance: Distance,
    images: usize,
    features: usize,
    sorted_by: &'a str,
    /// Class of each image, in the order of the matrix.
    labels: Vec<&'a str>,
    /// Number of each image in the test set, from 0, in the order of the matrix.
    order: &'a [usize],
}

impl NewReading {
    /// Encodes its files one after the other and hands each to `write`, so that no two large ones are held at a time.
    pub(crate) fn encode(&self, mut write: impl FnMut(&str, &[u8]) -> Result<()>) -> Result<()> {
        write("record.json", &pretty(&self.record))?;
        write("predictions.npy", &npy::labels(&self.predictions))?;
        if let Some(logits) = &self.logits {
            write(LOGITS, &npy::rows(self.predictions.len(), logits))?;
        }
        if let Some(confusions) = &self.record.confusions {
            write("confusions.npy", &npy::counts(confusions.classes, &confusions.counts))?;
        }
        for (layer, side, values) in &self.pictures {
            write(&format!("rdm-picture-{layer}.npy"), &npy::square(*side, values))?;
        }
        if let Some(NewRdms { rdms, showing }) = &self.rdms {
            for KeptRdm { layer, features, rdm } in rdms {
                write(&rdm_name(layer), &npy::list(rdm.upper()))?;
                write(&format!("rdm-{layer}.json"), &about(showing, *features))?;
            }
        }
        Ok(())
    }
}

/// What a matrix over the probe is, on one line: there may be ten thousand images.
fn about(showing: &Showing, features: usize) -> Vec<u8> {
    let labels = showing.probe_labels().into_iter().map(|class| showing.classes[usize::from(class)].as_str()).collect();
    let order = showing.probe.as_slice();
    let sorted_by = "class, then number in the test set";
    let about = About { distance: Distance::Correlation, images: order.len(), features, sorted_by, labels, order };
    let mut text = serde_json::to_vec(&about).expect("plain data");
    text.push(b'\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_says_what_it_is() {
        let showing = Showing::new(&[1, 0, 1], None, &["cat", "dog"].map(str::to_owned));
        let text = String::from_utf8(about(&showing, 64)).unwrap();
        insta::assert_snapshot!(text, @r#"{"distance":"correlation","images":3,"features":64,"sorted_by":"class, then number in the test set","labels":["cat","dog","dog"],"order":[1,0,2]}"#);
    }
}
