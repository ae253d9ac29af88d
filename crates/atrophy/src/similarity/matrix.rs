//! `atrophy rdm`: the dissimilarity matrix of activations.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use ledger::npy;
use rsa::{Distance, MOST_IMAGES, PatternsError, Rdm, Real};
use serde_json::json;

use super::activations::Activations;
use super::deliver::{are_the_same, deliver, ends, is_or_will_be_a_file};
use super::side::{self, Side};
use super::{Told, counted, place};
use crate::arrays::{self, Labels, Place, Values};
use crate::memory;
use crate::trouble::{Exit, OrTrouble, Result, Trouble, shown};

/// Pixels along each side of a picture, unless there are fewer images.
const PICTURE_SIDE: usize = 1000;

/// The dissimilarity matrix of activations.
///
/// Beside RDM.npy a file RDM.json says what the matrix is: distance, labels, order of the images. `atrophy compare` reads it.
#[derive(Debug, clap::Args)]
pub struct RdmRequest {
    /// Activations, images first: .npy, .npz (or FILE.npz:NAME), of numbers of any type. Further dimensions are taken as features.
    #[arg(value_parser = place())]
    activations: Place,
    /// Where the matrix goes: the upper triangle row after row, as SciPy's `squareform` takes it.
    #[arg(short, long, value_name = "RDM.npy")]
    output: PathBuf,
    /// How unlike two patterns are: correlation, cosine, euclidean or squared-euclidean.
    #[arg(long, value_name = "DISTANCE", default_value = "correlation", value_parser = distance)]
    distance: Distance,
    /// Precision of the matrix. In f8 all is computed in double precision.
    #[arg(long, value_name = "TYPE", default_value = "f4")]
    dtype: Precision,
    /// Label of each image: numbers or words in .npy, a line each in .txt, or FILE.csv:COLUMN. They order the picture and name its
    /// classes; the matrix stays in the order of the images.
    #[arg(long, value_name = "LABELS", value_parser = place())]
    labels: Option<Place>,
    /// Sort the images of the matrix by these labels, stably; `labels` for those of --labels.
    #[arg(long, value_name = "LABELS", value_parser = place())]
    sort_by: Option<Place>,
    /// Average the patterns of each label first, so that the matrix is over conditions in the order of their labels; `labels` for those
    /// of --labels.
    #[arg(long, value_name = "LABELS", value_parser = place(), conflicts_with = "sort_by")]
    average_by: Option<Place>,
    /// Write the whole square matrix instead of its upper triangle.
    #[arg(long)]
    square: bool,
    /// Also draw the matrix, with its scale and classes: .png or .svg.
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
    /// Ends of the picture's scale, so that pictures can be compared, as in 0,2. [default: those of the data]
    #[arg(long, value_name = "LOW,HIGH", value_parser = range, requires = "picture", allow_hyphen_values = true)]
    range: Option<[f64; 2]>,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Precision of a matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Precision {
    /// Single precision, 32 bits.
    F4,
    /// Double precision, 64 bits.
    F8,
}

impl Precision {
    fn name(self) -> &'static str {
        match self {
            Precision::F4 => "f4",
            Precision::F8 => "f8",
        }
    }

    /// Bytes of a number.
    fn bytes(self) -> u64 {
        match self {
            Precision::F4 => 4,
            Precision::F8 => 8,
        }
    }
}

fn distance(name: &str) -> std::result::Result<Distance, String> {
    serde_json::from_value(name.into()).map_err(|_| "choose correlation, cosine, euclidean or squared-euclidean".to_owned())
}

fn range(text: &str) -> std::result::Result<[f64; 2], String> {
    let ends: Option<Vec<f64>> = text.split(',').map(|end| end.trim().parse().ok().filter(|end: &f64| end.is_finite())).collect();
    match ends.as_deref() {
        Some([low, high]) if low < high && low.abs().max(high.abs()) <= f64::from(f32::MAX) => Ok([*low, *high]),
        _ => Err("give the lower end, a comma and the higher end, as in 0,2".to_owned()),
    }
}

/// Labels as they were asked for.
struct Labelled {
    place: Place,
    labels: Labels,
}

impl RdmRequest {
    /// Makes the matrix and writes it.
    ///
    /// # Errors
    /// If something of it cannot be read, made, or written; nothing is written then, but what was written before.
    pub fn carry_out(&self) -> Result<Told> {
        self.check_places()?;
        let activations = Activations::read(&self.activations)?;
        let labels = self.labels(self.labels.as_ref(), &activations)?;
        let (activations, side, classes) = self.prepared(activations, labels)?;
        let is_reordered = self.picture.is_some() && classes.as_ref().is_some_and(|classes| classes.order.is_some());
        self.check_memory(&activations, is_reordered)?;
        match self.dtype {
            Precision::F4 => self.finish::<f32>(&activations, side, classes),
            Precision::F8 => self.finish::<f64>(&activations, side, classes),
        }
    }

    /// The labels of a place, or those of `--labels` where the place says `labels`.
    fn labels(&self, asked: Option<&Place>, activations: &Activations) -> Result<Option<Labelled>> {
        let Some(asked) = asked else { return Ok(None) };
        let place = match &self.labels {
            Some(labels) if asked.to_string() == "labels" => labels,
            _ => asked,
        };
        let labels = arrays::read_labels(place)?;
        activations.check(&labels, place)?;
        Ok(Some(Labelled { place: place.clone(), labels }))
    }

    /// Activations as the matrix is over them; what will be said of it; and the labels that order its picture, with that order.
    fn prepared(&self, activations: Activations, labels: Option<Labelled>) -> Result<(Activations, Side, Option<Classes>)> {
        let mut side = Side {
            distance: self.distance,
            images: activations.images,
            features: Some(activations.features),
            labels: labels.as_ref().map(|labelled| labelled.labels.words()),
            order: None,
            sorted_by: None,
            averaged_by: None,
            undefined: Vec::new(),
            activations: Some(self.activations.to_string()),
            crc32: None,
        };
        if let Some(Labelled { place, labels }) = self.labels(self.average_by.as_ref(), &activations)? {
            let means = labels.names().len() as u64 * activations.features as u64 * 8;
            memory::refuse_beyond(means, &format!("{}: the mean pattern of each label", self.activations))?;
            let averaged = activations.averaged(&labels);
            let classes = labels.names().iter().map(|name| (name.clone(), 1)).collect();
            side = Side {
                images: averaged.images,
                labels: Some(labels.names().to_vec()),
                averaged_by: Some(place.to_string()),
                ..side
            };
            return Ok((averaged, side, Some(Classes { classes, order: None })));
        }
        if let Some(Labelled { place, labels: by }) = self.labels(self.sort_by.as_ref(), &activations)? {
            let order = by.order();
            let words = labels.as_ref().map_or(&by, |labelled| &labelled.labels).words();
            let words: Vec<String> = order.iter().map(|&image| words[image].clone()).collect();
            let classes = by.classes();
            memory::refuse_beyond(activations.bytes(), &format!("{}: to sort its images", self.activations))?;
            let sorted = activations.in_order(&order);
            side = Side { labels: Some(words), order: Some(order), sorted_by: Some(place.to_string()), ..side };
            return Ok((sorted, side, Some(Classes { classes, order: None })));
        }
        let classes = labels.map(|Labelled { labels, .. }| Classes { classes: labels.classes(), order: Some(labels.order()) });
        Ok((activations, side, classes))
    }

    fn finish<O: Real + bytemuck::NoUninit>(
        &self,
        activations: &Activations,
        mut side: Side,
        classes: Option<Classes>,
    ) -> Result<Told> {
        let rdm: Rdm<O> = match &activations.values {
            Values::F32(values) => Rdm::of(values, activations.features, self.distance),
            Values::F64(values) => Rdm::of(values, activations.features, self.distance),
        }
        .map_err(|error| self.trouble(&error))?;
        let images = rdm.images();
        if images < 2 {
            let one = if self.average_by.is_some() { "one condition" } else { "one image" };
            return Err(Trouble::new(Exit::Data, format!("{}: {one} has no pair; give at least two", self.activations)));
        }
        if self.picture.is_some() {
            self.check_drawable(&rdm)?;
        }
        let sum = self.write(&rdm)?;
        let is_file = is_or_will_be_a_file(&self.output);
        if is_file {
            side.undefined = rdm.constant().to_vec();
            side.crc32 = Some(sum);
            let text = serde_json::to_vec(&side).or_trouble(Exit::Failed, || "cannot say what the matrix is".to_owned())?;
            deliver(&side::beside(&self.output), |file| file.write_all(&text))?;
        }
        let mut warnings = Vec::new();
        if let Some(picture) = &self.picture {
            warnings.extend(self.draw(&rdm, classes, picture)?);
        }
        Ok(self.told(&rdm, &side, is_file, warnings))
    }

    /// What is wrong with the activations, and what would help.
    fn trouble(&self, error: &PatternsError) -> Trouble {
        let scaled = match error {
            PatternsError::TooFarApart { .. } => "; scale the values down",
            PatternsError::TooClose { .. } => "; scale the values up",
            _ => "",
        };
        let how = if !scaled.is_empty() && self.dtype == Precision::F4 { ", or say --dtype f8" } else { "" };
        Trouble::new(Exit::Data, format!("{}: {error}{scaled}{how}", self.activations))
    }

    fn told<O: Real>(&self, rdm: &Rdm<O>, side: &Side, is_file: bool, warnings: Vec<String>) -> Told {
        let undefined = undefined(rdm);
        let left = match (undefined, self.distance) {
            (0, _) => String::new(),
            (_, Distance::Cosine) => format!(", {undefined} of them undefined (patterns of zeros)"),
            _ => format!(", {undefined} of them undefined (patterns without variation)"),
        };
        let equal = rdm.upper().iter().filter(|&&value| value == O::default()).count() as u64;
        let zeros = if equal > 0 { format!(", {equal} of them 0 (equal patterns)") } else { String::new() };
        let sorted = side.sorted_by.as_ref().map_or_else(String::new, |by| format!(", sorted by {by}"));
        let rows = if side.averaged_by.is_some() { "conditions" } else { "images" };
        let (place, images, pairs) = (shown(&self.output.to_string_lossy()), rdm.images(), rdm.upper().len());
        let counted = counted(pairs as u64, "pair");
        let text = format!("{place}: {images} {rows}{sorted}, {counted}{left}{zeros}, {} distance", self.distance);
        let object = json!({
            "value": self.output.to_string_lossy(), "distance": self.distance, "images": images, "features": side.features,
            "pairs": pairs, "pairs_undefined": undefined, "pairs_equal": equal, "dtype": self.dtype.name(),
            "side_file": is_file.then(|| side::beside(&self.output).to_string_lossy().into_owned()),
        });
        Told { text, object, warnings }
    }

    /// That no result takes the place of another, or of what it is made from.
    fn check_places(&self) -> Result<()> {
        let refused = |message: String| Err(Trouble::new(Exit::Study, message));
        let side = is_or_will_be_a_file(&self.output).then(|| side::beside(&self.output));
        let sources = [Some(&self.activations), self.labels.as_ref(), self.sort_by.as_ref(), self.average_by.as_ref()];
        let results = [Some(self.output.as_path()), self.picture.as_deref(), side.as_deref()];
        for result in results.into_iter().flatten() {
            if sources.iter().flatten().any(|source| are_the_same(result, &source.file)) {
                return refused(format!("{} would be overwritten; give the result another name", result.display()));
            }
        }
        if self.picture.as_ref().is_some_and(|picture| are_the_same(picture, &self.output)) {
            return refused("the matrix and its picture cannot be the same file".to_owned());
        }
        // an ending must not promise what the file is not
        if let Some(picture) =
            self.picture.as_ref().filter(|path| path.extension().is_some() && !ends(path, "png") && !ends(path, "svg"))
        {
            return refused(format!(
                "cannot write {}: a picture is a PNG or an SVG; give a name that ends in .png or .svg",
                picture.display()
            ));
        }
        if self.output.as_os_str() == "-" {
            return refused("there is no file called '-'; /dev/stdout is standard output".to_owned());
        }
        const OTHERS: [&str; 11] = ["npz", "json", "mat", "csv", "tsv", "txt", "h5", "hdf5", "pt", "png", "svg"];
        if let Some(what) = OTHERS.into_iter().find(|ending| ends(&self.output, ending)) {
            let output = self.output.display();
            return refused(format!("cannot write {output}: the matrix is no {what}; give a name that ends in .npy"));
        }
        side.map_or(Ok(()), |side| side::check_free(&side))
    }

    /// That what is made of the patterns fits into memory beside them: the patterns once more in double precision, as differences want
    /// them; half a square; and once more that half, if it is drawn in another order.
    fn check_memory(&self, activations: &Activations, is_reordered: bool) -> Result<()> {
        let (images, values) = (activations.images as u64, (activations.images * activations.features) as u64);
        if activations.images > MOST_IMAGES {
            return Ok(()); // which is refused for that reason
        }
        let matrices = if is_reordered { 2 } else { 1 };
        let needed = values * 8 + matrices * images.pow(2) / 2 * self.dtype.bytes();
        memory::refuse_beyond(needed, &format!("{}: a matrix of {images} images", self.activations))
    }

    /// Writes the matrix; the CRC-32 of its numbers.
    fn write<O: Real + bytemuck::NoUninit>(&self, rdm: &Rdm<O>) -> Result<u32> {
        let dtype = self.dtype.name();
        if self.square {
            let mut sum = crc32fast::Hasher::new();
            deliver(&self.output, |file| {
                file.write_all(&npy::beginning(dtype, &[rdm.images(), rdm.images()]))?;
                for i in 0..rdm.images() {
                    let row: Vec<O> = (0..rdm.images()).map(|j| rdm.get(i, j).unwrap_or(O::UNDEFINED)).collect();
                    sum.update(bytemuck::cast_slice(&row));
                    file.write_all(bytemuck::cast_slice(&row))?;
                }
                Ok(())
            })?;
            return Ok(sum.finalize());
        }
        deliver(&self.output, |file| {
            file.write_all(&npy::beginning(dtype, &[rdm.upper().len()]))?;
            file.write_all(bytemuck::cast_slice(rdm.upper()))
        })?;
        Ok(side::sum_of(rdm.upper()))
    }

    /// That the matrix has a place among the numbers of a picture, which are single.
    fn check_drawable<O: Real>(&self, rdm: &Rdm<O>) -> Result<()> {
        let largest = rdm.upper().iter().map(|&value| value.into().abs()).fold(0.0, f64::max);
        if largest == 0.0 || (f64::from(f32::MIN_POSITIVE)..=f64::from(f32::MAX)).contains(&largest) {
            return Ok(());
        }
        let message = format!(
            "distances up to {largest:.1e} cannot be drawn, only those from 1e-38 to 3e38; scale the values, or leave --picture out"
        );
        Err(Trouble::new(Exit::Data, message))
    }

    /// Draws the matrix; what a person should know of the drawing.
    fn draw<O: Real>(&self, rdm: &Rdm<O>, classes: Option<Classes>, path: &Path) -> Result<Vec<String>> {
        let images = rdm.images();
        let (classes, order) = classes.map_or((Vec::new(), None), |of| (of.classes, of.order));
        let picture = match order {
            Some(order) => rdm.picking(&order).picture(PICTURE_SIDE.min(images)),
            None => rdm.picture(PICTURE_SIDE.min(images)),
        };
        let matrix = report::Matrix {
            title: "",
            quantity: match self.distance {
                Distance::Correlation => "Correlation distance (1 − r)",
                Distance::Cosine => "Cosine distance (1 − cosine)",
                Distance::Euclidean => "Euclidean distance (units of the activations)",
                Distance::SquaredEuclidean => "Squared Euclidean distance (units of the activations, squared)",
            },
            side: picture.side,
            values: &picture.values,
            range: self.range.unwrap_or_else(|| report::scale(&picture.values, images)),
            images,
            row: if self.average_by.is_some() { "condition" } else { "image" },
            undefined: undefined(rdm),
            classes: &classes,
        };
        let cannot = || "cannot draw the picture".to_owned();
        if ends(path, "svg") {
            let svg = report::picture_svg(&matrix).or_trouble(Exit::Failed, cannot)?;
            deliver(path, |file| file.write_all(&svg))?;
            return Ok(Vec::new());
        }
        let drawn = report::picture_png(&matrix).or_trouble(Exit::Failed, cannot)?;
        deliver(path, |file| file.write_all(&drawn.png))?;
        Ok(drawn.warnings)
    }
}

/// What a picture says of classes, and in which order of the matrix's images they follow each other, unless it is their own.
struct Classes {
    classes: Vec<(String, usize)>,
    order: Option<Vec<usize>>,
}

fn undefined<O: Real>(rdm: &Rdm<O>) -> u64 {
    rdm.upper().iter().filter(|&&value| value.into().is_nan()).count() as u64
}
