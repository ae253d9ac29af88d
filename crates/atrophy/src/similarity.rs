//! Representational similarity for anybody's activations, from any framework: `atrophy rdm` and `atrophy compare`.

use std::path::{Path, PathBuf};

use rsa::{Distance, Method, Prepared, Rdm, bootstrap, linear_cka};
use serde_json::{Value, json};

use crate::arrays::{self, Array, Values};
use crate::ledger::write_aside;
use crate::npy;
use crate::trouble::{Exit, OrTrouble, Result, Trouble};

/// Pixels along each side of a picture, unless there are fewer images.
const PICTURE_SIDE: usize = 1000;

/// The dissimilarity matrix of activations.
#[derive(Debug, clap::Args)]
pub struct RdmRequest {
    /// Activations, images first: .npy, .npz (or FILE.npz:NAME), 32-bit or 64-bit floats. Further dimensions are taken as features.
    activations: String,
    /// Where the matrix goes: the upper triangle row after row, as SciPy's `squareform` takes it.
    #[arg(short, long, value_name = "RDM.npy")]
    output: PathBuf,
    /// How unlike two patterns are: correlation, cosine, euclidean or squared-euclidean.
    #[arg(long, value_name = "DISTANCE", default_value = "correlation", value_parser = distance)]
    distance: Distance,
    /// Sort the images by these labels (.npy of whole numbers), stably.
    #[arg(long, value_name = "LABELS.npy")]
    labels: Option<String>,
    /// Write the whole square matrix instead of its upper triangle.
    #[arg(long)]
    square: bool,
    /// Also draw the matrix, dark for like and bright for unlike.
    #[arg(long, value_name = "PNG")]
    picture: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// How alike two matrices are.
#[derive(Debug, clap::Args)]
pub struct CompareRequest {
    /// A dissimilarity matrix (upper triangle or square); for linear-cka, activations.
    a: String,
    /// Another over the same images.
    b: String,
    /// tau-b, tau-a, rho-a, spearman, pearson, cosine, or linear-cka.
    #[arg(long, value_name = "METHOD", default_value = "tau-b", value_parser = asked_method)]
    method: Asked,
    /// Resample the images so often for a 95 % interval.
    #[arg(long, value_name = "RESAMPLES")]
    bootstrap: Option<u32>,
    /// Seed of the resampling.
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed: u64,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// What is asked of two arrays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// Of two dissimilarity matrices.
    Of(Method),
    /// Linear centred kernel alignment of two sets of activations (Kornblith 2019).
    LinearCka,
}

fn distance(name: &str) -> std::result::Result<Distance, String> {
    serde_json::from_value(name.into()).map_err(|_| "choose correlation, cosine, euclidean or squared-euclidean".to_owned())
}

fn asked_method(name: &str) -> std::result::Result<Asked, String> {
    if name == "linear-cka" {
        return Ok(Asked::LinearCka);
    }
    let method = serde_json::from_value(name.into()).map(Asked::Of);
    method.map_err(|_| "choose tau-b, tau-a, rho-a, spearman, pearson, cosine or linear-cka".to_owned())
}

/// A result, for people and for programs.
pub struct Told {
    /// For people.
    pub text: String,
    /// For programs: the result under `value`.
    pub object: Value,
}

impl RdmRequest {
    /// Makes the matrix and writes it.
    pub fn carry_out(&self) -> Result<Told> {
        let (mut patterns, features) = patterns(&self.activations)?;
        if let Some(labels) = &self.labels {
            patterns = sorted(&patterns, features, &arrays::read_labels(labels)?, labels)?;
        }
        let rdm = Rdm::of(&patterns, features, self.distance).or_trouble(Exit::Data, || self.activations.clone())?;
        let images = rdm.images();
        if images < 2 {
            return Err(Trouble::new(Exit::Data, format!("{}: one image has no pair; give at least two", self.activations)));
        }
        let bytes = if self.square { npy::square(images, &square(&rdm)) } else { npy::list(rdm.upper()) };
        write_aside(&self.output, &bytes)?;
        if let Some(picture) = &self.picture {
            self.draw(&rdm, picture)?;
        }
        let undefined = rdm.upper().iter().filter(|value| value.is_nan()).count();
        let left =
            if undefined > 0 { format!(", {undefined} of them undefined (patterns without variation)") } else { String::new() };
        let text =
            format!("{}: {images} images, {} pairs{left}, {} distance", self.output.display(), rdm.upper().len(), self.distance);
        let object = json!({
            "value": self.output, "distance": self.distance, "images": images, "features": features,
            "pairs": rdm.upper().len(), "pairs_undefined": undefined,
        });
        Ok(Told { text, object })
    }

    /// Correlation and cosine distances are drawn from 0 to 1, others from 0 to the largest.
    fn draw(&self, rdm: &Rdm, path: &Path) -> Result<()> {
        let picture = rdm.picture(PICTURE_SIDE.min(rdm.images()));
        let highest = match self.distance {
            Distance::Correlation | Distance::Cosine => 1.0,
            Distance::Euclidean | Distance::SquaredEuclidean => {
                picture.values.iter().copied().filter(|value| !value.is_nan()).fold(f32::MIN_POSITIVE, f32::max)
            }
        };
        let png = report::picture(picture.side, &picture.values, highest)
            .or_trouble(Exit::Failed, || "cannot draw the picture".to_owned())?;
        write_aside(path, &png)
    }
}

impl CompareRequest {
    /// Compares.
    pub fn carry_out(&self) -> Result<Told> {
        match self.method {
            Asked::Of(method) => self.compare(method),
            Asked::LinearCka => self.align(),
        }
    }

    fn compare(&self, method: Method) -> Result<Told> {
        let (a, b) = (matrix(&self.a)?, matrix(&self.b)?);
        if a.images() != b.images() {
            let message = format!(
                "{} is over {} images and {} over {}; compare matrices over the same",
                self.a,
                a.images(),
                self.b,
                b.images()
            );
            return Err(Trouble::new(Exit::Data, message));
        }
        let interval = self.bootstrap.map(|resamples| (resamples, bootstrap(&a, &b, method, resamples as usize, self.seed)));
        let images = a.images();
        let similarity = Prepared::new(a).similarity(&b, method);
        let mut text = format!("{} {method}, {} pairs of {images} images", value(similarity.value), similarity.pairs_used);
        if similarity.pairs_left_out > 0 {
            text += &format!(", {} left out as undefined", similarity.pairs_left_out);
        }
        let mut object = json!({
            "value": similarity.value, "method": method, "images": images, "n": similarity.pairs_used,
            "pairs_used": similarity.pairs_used, "pairs_left_out": similarity.pairs_left_out,
        });
        if let Some((resamples, sure)) = interval {
            let (low, high) = (value(sure.lower), value(sure.upper));
            text +=
                &format!("\n95 % interval {low} to {high}, bootstrap over images ({resamples} resamples, seed {})", self.seed);
            object["interval"] = json!({ "lower": sure.lower, "upper": sure.upper, "resamples": resamples, "undefined": sure.undefined, "seed": self.seed });
        }
        Ok(Told { text, object })
    }

    fn align(&self) -> Result<Told> {
        if self.bootstrap.is_some() {
            return Err(Trouble::new(Exit::Study, "--bootstrap goes with dissimilarity matrices, not with linear-cka"));
        }
        let (a, b) = (patterns(&self.a)?, patterns(&self.b)?);
        let images = a.0.len() / a.1.max(1);
        let cka = linear_cka((&a.0, a.1), (&b.0, b.1)).or_trouble(Exit::Data, || format!("{} and {}", self.a, self.b))?;
        let text = format!("{} linear CKA, {images} images", value(cka));
        Ok(Told { text, object: json!({ "value": cka, "method": "linear-cka", "images": images, "n": images }) })
    }
}

fn value(value: Option<f64>) -> String {
    value.map_or_else(|| "undefined".to_owned(), |value| format!("{value:.6}"))
}

/// Activations as images x features.
fn patterns(place: &str) -> Result<(Vec<f32>, usize)> {
    let Array { shape, values } = arrays::read(place)?;
    let [images, features @ ..] = shape.as_slice() else {
        return Err(Trouble::new(Exit::Data, format!("{place} holds a single number; activations are images x features")));
    };
    if features.is_empty() || *images == 0 {
        let message = format!("{place} has the shape {shape:?}; activations are images x features");
        return Err(Trouble::new(Exit::Data, message));
    }
    Ok((values.into_f32(), features.iter().product()))
}

/// A dissimilarity matrix: a list is an upper triangle, a square is a whole matrix.
fn matrix(place: &str) -> Result<Rdm> {
    let Array { shape, values } = arrays::read(place)?;
    let rdm = match (shape.as_slice(), values) {
        ([_], values) => Rdm::from_condensed(values.into_f32()),
        ([rows, columns], Values::F32(values)) if rows == columns => Rdm::from_square(&values),
        ([rows, columns], Values::F64(values)) if rows == columns => Rdm::from_square(&values),
        _ => {
            let message = format!(
                "{place} has the shape {shape:?}; a dissimilarity matrix is square or an upper triangle (make one with `atrophy rdm`)"
            );
            return Err(Trouble::new(Exit::Data, message));
        }
    };
    rdm.or_trouble(Exit::Data, || place.to_owned())
}

fn sorted(patterns: &[f32], features: usize, labels: &[i64], place: &str) -> Result<Vec<f32>> {
    let images = patterns.len() / features.max(1);
    if labels.len() != images {
        return Err(Trouble::new(Exit::Data, format!("{place} has {} labels for {images} images", labels.len())));
    }
    let mut order: Vec<usize> = (0..images).collect();
    order.sort_by_key(|&image| labels[image]);
    Ok(order.iter().flat_map(|&image| &patterns[image * features..(image + 1) * features]).copied().collect())
}

fn square(rdm: &Rdm) -> Vec<f32> {
    let images = rdm.images();
    let mut square = vec![0.0; images * images];
    let pairs = (0..images).flat_map(|i| (i + 1..images).map(move |j| (i, j)));
    for ((i, j), &value) in pairs.zip(rdm.upper()) {
        square[i * images + j] = value;
        square[j * images + i] = value;
    }
    square
}
