//! What must be said under a matrix.

use super::super::scale::{self, Scale};
use super::Matrix;
use crate::words;

/// How the data lie to the scale.
pub(super) struct Spread {
    /// Values that are data.
    count: usize,
    pub(super) below: Beyond,
    pub(super) above: Beyond,
    /// Undefined values, without those of images with themselves.
    grey: usize,
}

/// Values on one side of the scale.
pub(super) struct Beyond {
    pub(super) count: usize,
    furthest: f64,
}

impl Spread {
    pub(super) fn of(matrix: &Matrix<'_>, scale: Scale) -> Self {
        let Matrix { side, values, images, .. } = *matrix;
        let beyond = |is_beyond: &dyn Fn(f64) -> bool, further: fn(f64, f64) -> f64| {
            let values = scale::data(values, images).filter(|value| is_beyond(*value));
            Beyond { count: values.clone().count(), furthest: values.reduce(further).unwrap_or(0.0) }
        };
        let is_grey = |&(i, value): &(usize, &f32)| value.is_nan() && !scale::is_itself(i / side, i % side, side, images);
        Self {
            count: scale::data(values, images).count(),
            below: beyond(&|value| scale.is_above(value), f64::min),
            above: beyond(&|value| scale.is_below(value), f64::max),
            grey: values.iter().enumerate().filter(is_grey).count(),
        }
    }
}

/// n, what a pixel is, what the colours mean, and what they do not show; `named` is how many classes have a name.
pub(super) fn notes(matrix: &Matrix<'_>, scale: Scale, spread: &Spread, named: usize) -> String {
    let mut notes = vec![what(matrix), colours(matrix, scale, spread)];
    notes.extend(grey(matrix, spread));
    if spread.count > 0 && scale.hides_itself(matrix.values, matrix.images) {
        notes.push(format!("The diagonal, each {} with itself, lies beyond the scale.", matrix.row));
    }
    if named < matrix.classes.iter().filter(|(_, images)| *images > 0).count() {
        notes.push("Not every class is named.".to_owned());
    }
    notes.join(" ")
}

fn what(matrix: &Matrix<'_>) -> String {
    let Matrix { images, side, classes, .. } = *matrix;
    let n = words::plural(images, matrix.row);
    let sorted = if classes.is_empty() { "" } else { ", sorted by class" };
    let each = images.div_ceil(side);
    match (each, images.is_multiple_of(side)) {
        (1, _) => format!("n = {n}{sorted}."),
        (_, true) => format!("n = {n}{sorted}; a pixel is the mean of {each} × {each} pairs."),
        (_, false) => format!("n = {n}{sorted}; a pixel is the mean of up to {each} × {each} pairs."),
    }
}

fn colours(matrix: &Matrix<'_>, scale: Scale, spread: &Spread) -> String {
    let mut of = if is_reduced(matrix) { " of the pixels lie" } else { " of the pairs lie" };
    let mut beyond = String::new();
    for (side, which) in [(&spread.below, "below"), (&spread.above, "above")] {
        if side.count > 0 {
            let share = match side.count as f64 / spread.count as f64 {
                little if little < 5e-4 => "less than 0.1 %".to_owned(),
                share => words::percent(share),
            };
            let before = if beyond.is_empty() { "; " } else { ", " };
            beyond += &format!("{before}{share}{of} {which} (to {})", scale.written(side.furthest));
            of = "";
        }
    }
    let [low, high] = scale.told();
    match (spread.count, scale.is_flat() && beyond.is_empty()) {
        (0, _) => "No pair is defined.".to_owned(),
        (_, true) => format!("All values are {low}."),
        (_, false) => format!("Colour scale: {low} to {high}{beyond}."),
    }
}

/// What is undefined, if anything is.
fn grey(matrix: &Matrix<'_>, spread: &Spread) -> Option<String> {
    let (images, undefined) = (matrix.images as u64, matrix.undefined);
    let are = if undefined == 1 { "is" } else { "are" };
    let of = format!("{} of {} pairs {are} undefined", words::count(undefined), words::count(images * (images - 1) / 2));
    match (undefined, spread.grey) {
        (0, 0) => None,
        (0, _) => Some("Grey: undefined.".to_owned()),
        (_, 0) => Some(format!("{of} and left out.")),
        _ if is_reduced(matrix) => Some(format!("{of} and left out; grey: no pair is defined.")),
        _ => Some(format!("Grey: {of}.")),
    }
}

fn is_reduced(matrix: &Matrix<'_>) -> bool {
    matrix.images > matrix.side
}
