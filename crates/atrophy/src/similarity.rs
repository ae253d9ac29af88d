//! Representational similarity for anybody's activations, from any framework: `atrophy rdm` and `atrophy compare`.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::builder::{OsStringValueParser, TypedValueParser};
use ledger::disk::write_aside;
use ledger::npy;
use rsa::{Distance, MOST_IMAGES, Method, Prepared, Rdm, bootstrap, linear_cka};
use serde_json::{Value, json};

use crate::arrays::{self, Array, Place, Values};
use crate::memory;
use crate::trouble::{Exit, OrTrouble, Result, Trouble, shown};

/// Pixels along each side of a picture, unless there are fewer images.
const PICTURE_SIDE: usize = 1000;

/// The dissimilarity matrix of activations.
#[derive(Debug, clap::Args)]
pub struct RdmRequest {
    /// Activations, images first: .npy, .npz (or FILE.npz:NAME), 32-bit or 64-bit floats. Further dimensions are taken as features.
    #[arg(value_parser = place())]
    activations: Place,
    /// Where the matrix goes: the upper triangle row after row, as SciPy's `squareform` takes it.
    #[arg(short, long, value_name = "RDM.npy")]
    output: PathBuf,
    /// How unlike two patterns are: correlation, cosine, euclidean or squared-euclidean.
    #[arg(long, value_name = "DISTANCE", default_value = "correlation", value_parser = distance)]
    distance: Distance,
    /// Sort the images by these labels (.npy of whole numbers), stably.
    #[arg(long, value_name = "LABELS.npy", value_parser = place())]
    labels: Option<Place>,
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
    #[arg(value_parser = place())]
    a: Place,
    /// Another over the same images.
    #[arg(value_parser = place())]
    b: Place,
    /// tau-b, tau-a, rho-a, spearman, pearson, cosine, or linear-cka.
    #[arg(long, value_name = "METHOD", default_value = "tau-b", value_parser = asked_method)]
    method: Asked,
    /// Resample the images (ten at least) so often, at least 40 times, for a 95 % interval.
    #[arg(long, value_name = "RESAMPLES", value_parser = clap::value_parser!(u32).range(40..))]
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

/// Names of files may be of any bytes.
fn place() -> impl TypedValueParser<Value = Place> {
    OsStringValueParser::new().try_map(Place::parse)
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
        self.check_places()?;
        let (mut patterns, features) = patterns(&self.activations, self.distance)?;
        self.check_memory(patterns.len(), features)?;
        if let Some(labels) = &self.labels {
            patterns = sorted(&patterns, features, &arrays::read_labels(labels)?, labels)?;
        }
        let rdm: Rdm = Rdm::of(&patterns, features, self.distance).or_trouble(Exit::Data, || self.activations.to_string())?;
        let images = rdm.images();
        if images < 2 {
            return Err(Trouble::new(Exit::Data, format!("{}: one image has no pair; give at least two", self.activations)));
        }
        let bytes = if self.square { npy::square(images, &square(&rdm)) } else { npy::list(rdm.upper()) };
        deliver(&self.output, &bytes)?;
        if let Some(picture) = &self.picture {
            self.draw(&rdm, picture)?;
        }
        let undefined = rdm.upper().iter().filter(|value| value.is_nan()).count();
        let left =
            if undefined > 0 { format!(", {undefined} of them undefined (patterns without variation)") } else { String::new() };
        let (place, pairs) = (shown(&self.output.to_string_lossy()), rdm.upper().len());
        let text = format!("{place}: {images} images, {pairs} pairs{left}, {} distance", self.distance);
        let object = json!({
            "value": self.output.to_string_lossy(), "distance": self.distance, "images": images, "features": features,
            "pairs": pairs, "pairs_undefined": undefined,
        });
        Ok(Told { text, object })
    }

    /// That no result takes the place of another, or of what it is made from.
    fn check_places(&self) -> Result<()> {
        let is = |a: &Path, b: &Path| a == b || real(a).is_some_and(|a| real(b) == Some(a));
        let sources = [Some(&self.activations), self.labels.as_ref()].map(|place| place.map(|place| &place.file));
        let results = [Some(self.output.as_path()), self.picture.as_deref()];
        let overwritten = results.iter().flatten().find(|result| sources.iter().flatten().any(|source| is(result, source)));
        if let Some(result) = overwritten {
            return Err(Trouble::new(
                Exit::Study,
                format!("{} would be overwritten; give the result another name", result.display()),
            ));
        }
        if self.picture.as_ref().is_some_and(|picture| is(picture, &self.output)) {
            return Err(Trouble::new(Exit::Study, "the matrix and its picture cannot be the same file"));
        }
        // an ending must not promise what the file is not
        let ends = |path: &Path, ending: &str| path.extension().is_some_and(|there| there.eq_ignore_ascii_case(ending));
        let refused = |path: &Path, what: &str| Trouble::new(Exit::Study, format!("cannot write {}: {what}", path.display()));
        if let Some(picture) = self.picture.as_ref().filter(|path| path.extension().is_some() && !ends(path, "png")) {
            return Err(refused(picture, "a picture is a PNG; give a name that ends in .png"));
        }
        if ends(&self.output, "npz") {
            return Err(refused(&self.output, "the matrix is no archive; give a name that ends in .npy"));
        }
        Ok(())
    }

    /// That patterns, matrix and file fit into memory together.
    fn check_memory(&self, values: usize, features: usize) -> Result<()> {
        let images = values / features.max(1);
        if images > MOST_IMAGES {
            return Ok(()); // which is refused for that reason
        }
        // patterns in the order that the product wants; the upper triangle, and the same as a file; a whole square, and the same as a file
        let for_pair_of_images = if self.square { 2 + 4 + 4 } else { 2 + 2 };
        let needed = values as u64 * 4 + (images as u64).pow(2) * for_pair_of_images;
        memory::refuse_beyond(needed, &format!("{}: a matrix of {images} images", self.activations))
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
        deliver(path, &png)
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
        let (a, b) = (matrix(&self.a, method)?, matrix(&self.b, method)?);
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
        // ranks of both, and what sorts them
        memory::refuse_beyond(a.upper().len() as u64 * 16, "the comparison")?;
        let found = self.bootstrap.map(|resamples| bootstrap(&a, &b, method, resamples as usize, self.seed)).transpose();
        let bootstrap = found.or_trouble(Exit::Data, || format!("{} and {}", self.a, self.b))?;
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
        if let Some(sure) = bootstrap {
            let (resamples, undefined, seed) = (sure.similarities.len(), sure.undefined, self.seed);
            let interval = match sure.interval {
                Some([lower, upper]) => format!("95 % interval {lower:.6} to {upper:.6}"),
                None => "no 95 % interval".to_owned(),
            };
            let left = if undefined > 0 { format!(", {undefined} of them undefined") } else { String::new() };
            text += &format!("\n{interval}, bootstrap over images ({resamples} resamples{left}, seed {seed})");
            let [lower, upper] = [0, 1].map(|end| sure.interval.map(|ends| ends[end]));
            object["interval"] =
                json!({ "lower": lower, "upper": upper, "resamples": resamples, "undefined": undefined, "seed": seed });
        }
        Ok(Told { text, object })
    }

    fn align(&self) -> Result<Told> {
        if self.bootstrap.is_some() {
            return Err(Trouble::new(Exit::Study, "--bootstrap goes with dissimilarity matrices, not with linear-cka"));
        }
        let (a, b) = (patterns(&self.a, Distance::Euclidean)?, patterns(&self.b, Distance::Euclidean)?);
        let images = a.0.len() / a.1.max(1);
        memory::refuse_beyond((a.0.len() + b.0.len()) as u64 * 4, "the comparison")?;
        let cka = linear_cka((&a.0, a.1), (&b.0, b.1)).or_trouble(Exit::Data, || format!("{} and {}", self.a, self.b))?;
        let text = format!("{} linear CKA, {images} images", value(cka));
        Ok(Told { text, object: json!({ "value": cka, "method": "linear-cka", "images": images, "n": images }) })
    }
}

/// Writes a result where it is wanted: whole or not at all where a file is or comes to be, through a link to its target, and straight
/// into what is no file, such as a pipe.
fn deliver(path: &Path, bytes: &[u8]) -> Result<()> {
    let cannot = || format!("cannot write {}", path.display());
    match std::fs::metadata(path) {
        Ok(there) if there.is_dir() => Err(Trouble::new(Exit::Failed, format!("{}: it is a folder", cannot()))),
        Ok(there) if there.is_file() => Ok(write_aside(&std::fs::canonicalize(path).or_trouble(Exit::Failed, cannot)?, bytes)?),
        Ok(_) => {
            let open = std::fs::OpenOptions::new().write(true).open(path);
            open.and_then(|mut file| file.write_all(bytes)).or_trouble(Exit::Failed, cannot)
        }
        Err(_) => Ok(write_aside(path, bytes)?),
    }
}

/// Where a file is or will be, whatever way leads there.
fn real(path: &Path) -> Option<PathBuf> {
    let folder = path.parent().map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder });
    let to_be = || Some(std::fs::canonicalize(folder?).ok()?.join(path.file_name()?));
    std::fs::canonicalize(path).ok().or_else(to_be)
}

fn value(value: Option<f64>) -> String {
    value.map_or_else(|| "undefined".to_owned(), |value| format!("{value:.6}"))
}

/// Activations as images x features. f64 input: whatever the distance is invariant to is subtracted and scaled away first (the mean and
/// size of each pattern, or what all patterns have in common, as for linear CKA), so that rounding to f32 keeps small differences.
fn patterns(place: &Place, distance: Distance) -> Result<(Vec<f32>, usize)> {
    let Array { shape, values } = arrays::read(place)?;
    let [images, features @ ..] = shape.as_slice() else {
        return Err(Trouble::new(Exit::Data, format!("{place} holds a single number; activations are images x features")));
    };
    if features.is_empty() || *images == 0 {
        let message = format!("{place} has the shape {shape:?}; activations are images x features");
        return Err(Trouble::new(Exit::Data, message));
    }
    let (images, features) = (*images, features.iter().product());
    Ok((values.into_f32(|values| sightless(values, images, features, distance)), features))
}

/// Takes away what a distance does not see.
fn sightless(values: &mut [f64], images: usize, features: usize, distance: Distance) {
    // what is not finite is told by its own place
    if features == 0 || values.iter().any(|value| !value.is_finite()) {
        return;
    }
    match distance {
        Distance::Correlation => values.chunks_exact_mut(features).for_each(|pattern| {
            let mean = pattern.iter().sum::<f64>() / features as f64;
            pattern.iter_mut().for_each(|value| *value -= mean);
            // what is left of a constant pattern is rounding alone
            if largest(pattern) <= 8.0 * f64::EPSILON * mean.abs() {
                pattern.fill(0.0);
            }
            unit(pattern);
        }),
        Distance::Cosine => values.chunks_exact_mut(features).for_each(unit),
        Distance::Euclidean | Distance::SquaredEuclidean => {
            let mut means = vec![0.0; features];
            for pattern in values.chunks_exact(features) {
                means.iter_mut().zip(pattern).for_each(|(mean, value)| *mean += value / images as f64);
            }
            for pattern in values.chunks_exact_mut(features) {
                pattern.iter_mut().zip(&means).for_each(|(value, mean)| *value -= mean);
            }
        }
    }
}

/// Divides by the largest.
fn unit(values: &mut [f64]) {
    let largest = largest(values);
    if largest > 0.0 && largest.is_finite() {
        values.iter_mut().for_each(|value| *value /= largest);
    }
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |largest, value| largest.max(value.abs()))
}

/// A dissimilarity matrix: a list is an upper triangle, a square is a whole matrix. Doubles are brought to between 0 and 1, which no
/// method sees (cosine sees the shift, and gets none), before they are rounded to singles.
fn matrix(place: &Place, method: Method) -> Result<Rdm> {
    let Array { shape, values } = arrays::read(place)?;
    if let ([rows, columns], values) = (shape.as_slice(), &values)
        && rows == columns
    {
        // of a square the upper triangle is taken, of doubles also in double precision
        let for_pair_of_images = if matches!(values, Values::F32(_)) { 2 } else { 2 + 4 };
        memory::refuse_beyond((*rows as u64).pow(2) * for_pair_of_images, &format!("{place}: a matrix of {rows} images"))?;
    }
    let shift = method != Method::Cosine;
    let spread = |values: &mut [f64]| {
        let least = values.iter().copied().filter(|value| value.is_finite()).fold(f64::INFINITY, f64::min);
        if shift && least.is_finite() {
            values.iter_mut().for_each(|value| *value -= least);
        }
        let most = values.iter().filter(|value| value.is_finite()).fold(0.0, |most: f64, value| most.max(value.abs()));
        if most > 0.0 {
            values.iter_mut().for_each(|value| *value /= most);
        }
    };
    let rdm = match (shape.as_slice(), values) {
        ([_], values) => Rdm::from_condensed(values.into_f32(spread)),
        ([rows, columns], Values::F32(values)) if rows == columns => Rdm::from_square(&values),
        ([rows, columns], Values::F64(values)) if rows == columns => Rdm::from_square(&values).and_then(|whole| {
            let pairs = (0..*rows).flat_map(|i| (i + 1..*rows).map(move |j| i * rows + j));
            let upper: Vec<f64> = pairs.map(|at| values[at]).collect();
            if upper.is_empty() { Ok(whole) } else { Rdm::from_condensed(Values::F64(upper).into_f32(spread)) }
        }),
        _ => {
            let message = format!(
                "{place} has the shape {shape:?}; a dissimilarity matrix is square or an upper triangle (make one with `atrophy rdm`)"
            );
            return Err(Trouble::new(Exit::Data, message));
        }
    };
    rdm.or_trouble(Exit::Data, || place.to_string())
}

fn sorted(patterns: &[f32], features: usize, labels: &[i64], place: &Place) -> Result<Vec<f32>> {
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
