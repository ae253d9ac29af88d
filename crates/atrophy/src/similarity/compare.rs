//! `atrophy compare`: how alike two dissimilarity matrices, or two sets of activations, are.

use std::borrow::Cow;

use rsa::{CkaError, Method, Prepared, Rdm, Real, bootstrap, linear_cka, linear_cka_minibatch, linear_cka_unbiased};
use serde_json::{Value, json};

use super::activations::Activations;
use super::matrices::{Matrices, Named, Taking, is_tied};
use super::{Told, counted, place, value};
use crate::arrays::{Place, Values};
use crate::memory;
use crate::trouble::{Exit, OrTrouble, Result, Trouble};

/// How alike two matrices are.
#[derive(Debug, clap::Args)]
pub struct CompareRequest {
    /// A dissimilarity matrix (upper triangle or square) or a stack of them; for CKA, activations.
    #[arg(value_parser = place())]
    a: Place,
    /// Another over the same images.
    #[arg(value_parser = place())]
    b: Place,
    /// Of matrices tau-b, tau-a, rho-a, spearman, pearson or cosine; of activations linear-cka, linear-cka-unbiased, or
    /// linear-cka-minibatch (that of package torch-cka).
    #[arg(long, value_name = "METHOD", default_value = "tau-b", value_parser = asked)]
    method: Asked,
    /// Of a stack only the matrix with this number, counted from 0; of two stacks I,J.
    #[arg(long, value_name = "I", value_delimiter = ',')]
    index: Vec<usize>,
    /// Images in a batch of linear-cka-minibatch, taken in their order [default: 256].
    #[arg(long, value_name = "IMAGES", value_parser = clap::value_parser!(u32).range(4..))]
    batch: Option<u32>,
    /// Resample the images (ten at least) so often, at least 40 times, for a 95 % interval.
    #[arg(long, value_name = "RESAMPLES", value_parser = clap::value_parser!(u32).range(40..))]
    bootstrap: Option<u32>,
    /// Seed of the resampling.
    #[arg(long, value_name = "SEED", default_value_t = 1, requires = "bootstrap")]
    seed: u64,
    #[command(flatten)]
    taking: Taking,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// What is asked of two arrays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// Of two dissimilarity matrices.
    Of(Method),
    /// Of two sets of activations.
    Align(Alignment),
}

/// Linear centred kernel alignment (CKA), in one of three ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Alignment {
    /// As Kornblith 2019 has it.
    Plain,
    /// Without bias, by Song's estimate of HSIC.
    Unbiased,
    /// By batches, as package torch-cka has it.
    Minibatch,
}

impl Alignment {
    const ALL: [Alignment; 3] = [Alignment::Plain, Alignment::Unbiased, Alignment::Minibatch];

    /// What it is called on the command line, and for people.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Alignment::Plain => ("linear-cka", "linear CKA"),
            Alignment::Unbiased => ("linear-cka-unbiased", "linear CKA, unbiased"),
            Alignment::Minibatch => ("linear-cka-minibatch", "linear CKA by minibatches"),
        }
    }
}

/// Images in a batch where it is not said, as usual with torch-cka.
const BATCH: u32 = 256;

fn asked(name: &str) -> std::result::Result<Asked, String> {
    if let Some(alignment) = Alignment::ALL.into_iter().find(|alignment| alignment.names().0 == name) {
        return Ok(Asked::Align(alignment));
    }
    let names = Alignment::ALL.map(|alignment| alignment.names().0).join(", ");
    method(name).map(Asked::Of).map_err(|choose| format!("{choose}, {names}"))
}

/// A method by its name.
pub(super) fn method(name: &str) -> std::result::Result<Method, String> {
    let names: Vec<String> = Method::ALL.iter().map(Method::to_string).collect();
    serde_json::from_value(name.into()).map_err(|_| format!("choose {}", names.join(", ")))
}

impl CompareRequest {
    /// Compares.
    ///
    /// # Errors
    /// If one of the two cannot be read, or they do not belong together.
    pub fn carry_out(&self) -> Result<Told> {
        match self.method {
            Asked::Of(method) => self.compare(method),
            Asked::Align(alignment) => self.align(alignment),
        }
    }

    fn compare(&self, method: Method) -> Result<Told> {
        if self.batch.is_some() {
            return Err(Trouble::new(Exit::Study, "--batch goes with linear-cka-minibatch"));
        }
        // one after the other, so that the second is asked for in view of what the first takes
        let mut warnings = Vec::new();
        let a = Matrices::read(&self.a, &self.taking, &mut warnings)?;
        let b = Matrices::read(&self.b, &self.taking, &mut warnings)?;
        self.taking.check_belong(&a, &b, &mut warnings)?;
        let index = self.index(&a, &b)?;
        match a.are_doubles() || b.are_doubles() {
            false => self.told(method, a.take::<f32>(index[0])?, &b.take::<f32>(index[1])?, warnings),
            true => self.told(method, a.take::<f64>(index[0])?, &b.take::<f64>(index[1])?, warnings),
        }
    }

    /// Which matrix of each side is asked for; all if it is not said.
    fn index(&self, a: &Matrices, b: &Matrices) -> Result<[Option<usize>; 2]> {
        match *self.index.as_slice() {
            [] => Ok([None; 2]),
            [i, j] => Ok([Some(i), Some(j)]),
            [i] if b.count == 1 => Ok([Some(i), None]),
            [i] if a.count == 1 => Ok([None, Some(i)]),
            [_, _, _, ..] => Err(Trouble::new(Exit::Study, "--index is one number, or two: I,J")),
            [_] => {
                let message =
                    format!("{} and {} are both stacks; say of each which matrix is meant: --index I,J", self.a, self.b);
                Err(Trouble::new(Exit::Study, message))
            }
        }
    }

    fn told<T: Real>(&self, method: Method, a: Vec<Named<T>>, b: &[Named<T>], warnings: Vec<String>) -> Result<Told> {
        let ((a_name, first), (b_name, second)) = (&a[0], &b[0]);
        let images = first.images();
        if images != second.images() {
            let message =
                format!("{a_name} is over {images} images and {b_name} over {}; compare matrices over the same", second.images());
            return Err(Trouble::new(Exit::Data, message));
        }
        // ranks of both, and what sorts them
        let for_pair = if size_of::<T>() == 4 { 16 } else { 28 };
        memory::refuse_beyond(first.upper().len() as u64 * for_pair, "the comparison")?;
        let is_one = a.len() * b.len() == 1;
        let is_list = a.len() == 1 || b.len() == 1;
        let (mut lines, mut objects, mut values) = (Vec::new(), Vec::new(), Vec::new());
        for (a_name, a) in a {
            let mut row = Vec::new();
            let reference = Prepared::new(a);
            for (b_name, b) in b {
                let (line, object) = self.of_two(method, (&a_name, &reference), (b_name, b))?;
                lines.push(if is_one { line } else { format!("{a_name}, {b_name}: {line}") });
                row.push(object["value"].clone());
                objects.push(object);
            }
            values.push(row);
        }
        let object = match is_one {
            true => objects.remove(0),
            false => {
                let values: Value = if is_list { values.concat().into() } else { json!(values) };
                json!({ "value": values, "method": method, "images": images, "comparisons": objects })
            }
        };
        Ok(Told { text: lines.join("\n"), object, warnings })
    }

    /// The comparison of two matrices.
    fn of_two<T: Real>(
        &self,
        method: Method,
        (a_name, a): (&str, &Prepared<T>),
        (b_name, b): (&str, &Rdm<T>),
    ) -> Result<(String, Value)> {
        let similarity = a.similarity(b, method);
        let images = b.images();
        let pairs = counted(similarity.pairs_used, "pair");
        let mut text = format!("{} {method}, {pairs} of {images} images", value(similarity.value));
        if similarity.pairs_left_out > 0 {
            text += &format!(", {} left out as undefined", similarity.pairs_left_out);
        }
        if similarity.value.is_none() {
            text += &format!(": {}", why_undefined(similarity.pairs_used, (a_name, a.rdm()), (b_name, b)));
        }
        let mut object = json!({
            "value": similarity.value, "method": method, "images": images, "n": similarity.pairs_used,
            "pairs_used": similarity.pairs_used, "pairs_left_out": similarity.pairs_left_out, "a": a_name, "b": b_name,
        });
        if let Some(resamples) = self.bootstrap {
            let found = bootstrap(a.rdm(), b, method, resamples as usize, self.seed);
            let sure = found.or_trouble(Exit::Data, || format!("{a_name} and {b_name}"))?;
            let (resamples, undefined, seed) = (sure.similarities.len(), sure.undefined, self.seed);
            let interval = match sure.interval {
                Some([lower, upper]) => format!("95 % interval {lower:.6} to {upper:.6}"),
                None => "no 95 % interval, as too many resamples have no value".to_owned(),
            };
            let left = if undefined > 0 { format!(", {undefined} of them undefined") } else { String::new() };
            text += &format!("\n{interval}, bootstrap over images ({resamples} resamples{left}, seed {seed})");
            let [lower, upper] = [0, 1].map(|end| sure.interval.map(|ends| ends[end]));
            object["interval"] =
                json!({ "lower": lower, "upper": upper, "resamples": resamples, "undefined": undefined, "seed": seed });
        }
        Ok((text, object))
    }

    fn align(&self, alignment: Alignment) -> Result<Told> {
        let (name, shown) = alignment.names();
        if self.bootstrap.is_some() || !self.index.is_empty() {
            let message = format!("--bootstrap and --index go with dissimilarity matrices, not with {name}");
            return Err(Trouble::new(Exit::Study, message));
        }
        if self.batch.is_some() && alignment != Alignment::Minibatch {
            return Err(Trouble::new(Exit::Study, "--batch goes with linear-cka-minibatch"));
        }
        let (a, b) = (Activations::read(&self.a)?, Activations::read(&self.b)?);
        a.check_finite(&self.a)?;
        b.check_finite(&self.b)?;
        let images = a.images;
        // each in double precision as products want it, and perhaps as doubles before
        let values = images as u64 * (a.features + b.features) as u64;
        memory::refuse_beyond(values * 16, "the comparison")?;
        let batch = self.batch.unwrap_or(BATCH) as usize;
        let cka = match (&a.values, &b.values) {
            (Values::F32(x), Values::F32(y)) => aligned(alignment, (x, a.features), (y, b.features), batch),
            (x, y) => aligned(alignment, (&doubles(x), a.features), (&doubles(y), b.features), batch),
        };
        let cka = cka.or_trouble(Exit::Data, || format!("{} and {}", self.a, self.b))?;
        let mut text = format!("{} {shown}, {images} images", value(cka));
        if cka.is_none() {
            text += if images < 4 { ": it takes four images" } else { ": one of them answers all images alike, or all but one" };
        }
        let mut object = json!({ "value": cka, "method": name, "images": images, "n": images });
        if alignment == Alignment::Minibatch {
            text += &format!(" in batches of {batch}");
            object["batch"] = batch.into();
        }
        Ok(Told { text, object, warnings: Vec::new() })
    }
}

/// In double precision.
fn doubles(values: &Values) -> Cow<'_, [f64]> {
    match values {
        Values::F32(values) => values.iter().map(|&value| f64::from(value)).collect(),
        Values::F64(values) => Cow::Borrowed(values),
    }
}

/// Why a comparison has no value.
fn why_undefined<T: Real>(pairs: u64, a: (&str, &Rdm<T>), b: (&str, &Rdm<T>)) -> String {
    if pairs < 2 {
        return "it takes two pairs that are defined in both".to_owned();
    }
    let in_both = |k: usize| [a.1, b.1].iter().all(|rdm| !rdm.upper()[k].into().is_nan());
    let is_tied = |rdm: &Rdm<T>| is_tied((0..rdm.upper().len()).filter(|&k| in_both(k)).map(|k| rdm.upper()[k]));
    match (is_tied(a.1), is_tied(b.1)) {
        (true, true) => "all dissimilarities are equal in either".to_owned(),
        (true, false) => format!("all dissimilarities of {} are equal", a.0),
        (false, true) => format!("all dissimilarities of {} are equal", b.0),
        (false, false) => "it takes other values than these".to_owned(),
    }
}

fn aligned<T: Real>(
    alignment: Alignment,
    x: (&[T], usize),
    y: (&[T], usize),
    batch: usize,
) -> std::result::Result<Option<f64>, CkaError> {
    match alignment {
        Alignment::Plain => Ok(linear_cka(x, y)?),
        Alignment::Unbiased => Ok(linear_cka_unbiased(x, y)?),
        Alignment::Minibatch => linear_cka_minibatch(x, y, batch),
    }
}
