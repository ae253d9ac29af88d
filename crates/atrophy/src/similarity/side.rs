//! The file beside a matrix that says what it is: `R.json` beside `R.npy`.

use std::path::{Path, PathBuf};

use rsa::Distance;
use serde::{Deserialize, Serialize};

use crate::arrays::Values;
use crate::trouble::{Exit, Result, Trouble};

/// What a dissimilarity matrix is of. Rows and columns are images, or conditions where it was averaged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Side {
    /// How far apart two patterns are.
    pub(super) distance: Distance,
    /// Rows of the matrix.
    pub(super) images: usize,
    /// Features that the distances were taken over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) features: Option<usize>,
    /// Label of each row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) labels: Option<Vec<String>>,
    /// Which image of the activations each row is, counted from 0; the rows are the images in their order if this is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) order: Option<Vec<usize>>,
    /// By which labels rows were sorted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) sorted_by: Option<String>,
    /// By which labels patterns were averaged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) averaged_by: Option<String>,
    /// Rows without a distance to any other: constant patterns, which have no correlation, or zero ones, which have no angle.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) undefined: Vec<usize>,
    /// What the activations were read from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) activations: Option<String>,
    /// CRC-32 of the matrix's numbers as they lie in its file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) crc32: Option<u32>,
}

/// The CRC-32 of numbers as they lie in memory, and in a file that is written here.
pub(super) fn sum_of<T: bytemuck::NoUninit>(numbers: &[T]) -> u32 {
    crc32fast::hash(bytemuck::cast_slice(numbers))
}

/// Where the side file of a matrix is.
pub(super) fn beside(matrix: &Path) -> PathBuf {
    matrix.with_extension("json")
}

/// That no file of somebody else's stands where the side file will.
pub(super) fn check_free(side: &Path) -> Result<()> {
    match std::fs::read(side) {
        Ok(bytes) if serde_json::from_slice::<Side>(&bytes).is_err() => {
            let message = format!(
                "{} is there, and says nothing of a matrix; it would be overwritten by what the matrix is. Give the matrix another name",
                side.display()
            );
            Err(Trouble::new(Exit::Refused, message))
        }
        _ => Ok(()), // what cannot be read cannot be written either, as a rule, and that is told then
    }
}

/// What is said of the matrix of a file that holds these numbers, if anything is; what is said of another one is a warning.
pub(super) fn of(matrix: &Path, numbers: &Values, warnings: &mut Vec<String>) -> Option<Side> {
    let path = beside(matrix);
    if path == matrix {
        return None;
    }
    let side: Side = match std::fs::read(&path).map(|bytes| serde_json::from_slice(&bytes)) {
        Ok(Ok(side)) => side,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Ok(Err(_)) | Err(_) => {
            let (side, matrix) = (path.display(), matrix.display());
            warnings.push(format!("{side} does not say what {matrix} is, as such a file should; it is not minded"));
            return None;
        }
    };
    let found = || match numbers {
        Values::F32(numbers) => sum_of(numbers),
        Values::F64(numbers) => sum_of(numbers),
    };
    let is_of_it = side.crc32.is_none_or(|sum| sum == found());
    if !is_of_it {
        let (side, matrix) = (path.display(), matrix.display());
        warnings.push(format!("{side} was written for another matrix than {matrix} holds now, and is not believed"));
    }
    is_of_it.then_some(side)
}

/// That two matrices may be compared, by what is said of them; or why not. What only makes one wonder is a warning.
pub(super) fn check_belong(a: (&Side, &str), b: (&Side, &str), warnings: &mut Vec<String>) -> std::result::Result<(), String> {
    let ((a, a_name), (b, b_name)) = (a, b);
    if a.images != b.images {
        return Ok(()); // which is refused by what they hold
    }
    match (&a.averaged_by, &b.averaged_by) {
        (Some(by), None) => return Err(format!("{a_name} is over conditions (averaged by {by}) and {b_name} over images")),
        (None, Some(by)) => return Err(format!("{a_name} is over images and {b_name} over conditions (averaged by {by})")),
        _ => {}
    }
    let averaged = a.averaged_by.is_some();
    if averaged && a.labels != b.labels {
        return Err(format!("{a_name} and {b_name} are over different conditions"));
    }
    let rows = |side: &Side| side.order.clone().unwrap_or_else(|| (0..side.images).collect());
    if !averaged && rows(a) != rows(b) {
        let how = |side: &Side| side.sorted_by.as_ref().map_or("as they came".to_owned(), |by| format!("sorted by {by}"));
        return Err(format!(
            "rows of {a_name} and {b_name} are different images: {} and {}; make both in the same order (rdm --sort-by)",
            how(a),
            how(b)
        ));
    }
    if a.labels.is_some() && b.labels.is_some() && a.labels != b.labels {
        warnings.push(format!("images have other labels in {a_name} than in {b_name}"));
    }
    if a.distance != b.distance {
        warnings.push(format!("{a_name} holds {} distances and {b_name} {}", a.distance, b.distance));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side() -> Side {
        let text = r#"{ "distance": "correlation", "images": 3 }"#;
        serde_json::from_str(text).unwrap()
    }

    /// What is told of two matrices: a refusal, or warnings.
    fn told(a: &Side, b: &Side) -> String {
        let mut warnings = Vec::new();
        match check_belong((a, "A"), (b, "B"), &mut warnings) {
            Ok(()) => warnings.join("; "),
            Err(refusal) => format!("refused: {refusal}"),
        }
    }

    #[test]
    fn matrices_belong_together_if_they_are_over_the_same_images() {
        let words = |words: [&str; 3]| Some(words.map(str::to_owned).to_vec());
        let natural = Side { order: Some(vec![0, 1, 2]), ..side() };
        assert_eq!(told(&side(), &natural), "");
        let sorted = Side { order: Some(vec![2, 0, 1]), sorted_by: Some("l.npy".to_owned()), ..side() };
        assert_eq!(
            told(&sorted, &side()),
            "refused: rows of A and B are different images: sorted by l.npy and as they came; make both in the same order (rdm --sort-by)"
        );
        assert_eq!(told(&sorted, &sorted), "");
        let averaged = Side { averaged_by: Some("l.npy".to_owned()), labels: words(["a", "b", "c"]), ..side() };
        assert_eq!(told(&averaged, &side()), "refused: A is over conditions (averaged by l.npy) and B over images");
        let others = Side { labels: words(["a", "b", "d"]), ..averaged.clone() };
        assert_eq!(told(&averaged, &others), "refused: A and B are over different conditions");
        let named = [["cat", "cat", "dog"], ["0", "0", "1"]].map(|labels| Side { labels: words(labels), ..side() });
        assert_eq!(told(&named[0], &named[1]), "images have other labels in A than in B");
        assert_eq!(told(&named[0], &side()), "");
        let euclidean = Side { distance: Distance::Euclidean, ..side() };
        assert_eq!(told(&side(), &euclidean), "A holds correlation distances and B euclidean");
        assert_eq!(told(&side(), &Side { images: 4, ..sorted }), "");
    }
}
