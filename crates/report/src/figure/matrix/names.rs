//! Which classes are named beside a matrix, and how.

use std::collections::BTreeSet;

use super::super::{heat, text};
use crate::words;

pub(super) const CLASS_SIZE: f64 = 12.0;
/// Longer names are cut.
pub(super) const LONGEST_NAME: f64 = 96.0;

/// The name of a class, and the middle of the class as a share of the matrix.
pub(super) struct Name {
    pub(super) text: String,
    pub(super) middle: f64,
}

/// The names that have room beside a matrix of this size, larger classes first. Too long ones are cut: at their end, unless that made two
/// of them one.
pub(super) fn names(classes: &[(String, usize)], panel: f64) -> Vec<Name> {
    let sizes: Vec<usize> = classes.iter().map(|(_, images)| *images).collect();
    let borders = heat::borders(&sizes);
    let mut order: Vec<usize> = (0..classes.len()).filter(|&class| sizes[class] > 0).collect();
    order.sort_by_key(|&class| std::cmp::Reverse(sizes[class]));
    let mut names: Vec<Name> = Vec::new();
    for class in order {
        let middle = (borders[class] + borders[class + 1]) / 2.0;
        if names.iter().all(|name: &Name| (name.middle - middle).abs() * panel >= CLASS_SIZE) {
            names.push(Name { text: words::plain(&classes[class].0), middle });
        }
    }
    let whole: BTreeSet<&str> = names.iter().map(|name| name.text.as_str()).collect();
    let cut: BTreeSet<String> = whole.iter().map(|name| text::fit(name, CLASS_SIZE, LONGEST_NAME)).collect();
    let fit = if cut.len() == whole.len() { text::fit } else { text::fit_ends };
    names.iter().map(|name| Name { text: fit(&name.text, CLASS_SIZE, LONGEST_NAME), ..*name }).collect()
}
