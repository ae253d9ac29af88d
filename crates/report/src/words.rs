//! Numbers and lists in words: one way of writing each, everywhere in the report.

use neuro::statistics::Estimate;
use neuro::study::TrialSeeds;

use crate::view::Question;

/// How the answers to a question are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Percent,
    Number,
}

impl Question {
    pub(crate) fn unit(&self) -> Unit {
        if self.measure.contains("accuracy") { Unit::Percent } else { Unit::Number }
    }

    /// "Mean class-wise accuracy", "RDM similarity (Kendall’s tau-b)".
    pub(crate) fn title(&self) -> String {
        match self.measure.as_str() {
            "mean_class_accuracy" => "Mean class-wise accuracy".to_owned(),
            "accuracy" => "Accuracy".to_owned(),
            other => match other.strip_prefix("rdm_similarity_") {
                Some(method) => format!("RDM similarity ({})", correlation(&method.replace('_', "-"))),
                None => other.to_owned(),
            },
        }
    }
}

impl Question {
    /// The title as short as an axis needs it, with its unit.
    pub(crate) fn axis_title(&self) -> String {
        match self.unit() {
            Unit::Percent => format!("{} (%)", self.title()),
            Unit::Number => self.title().replace("Kendall’s ", ""),
        }
    }
}

/// Text of the user, or of a file, as it may be shown: without what turns it around, hides it or breaks it.
pub(crate) fn plain(text: &str) -> String {
    text.chars().filter_map(plain_letter).collect()
}

/// What is shown in place of a character; nothing in place of those that are not seen.
pub(crate) fn plain_letter(c: char) -> Option<char> {
    match c {
        // line and paragraph separators; XML 1.0 has no way to write most control characters
        '\u{2028}' | '\u{2029}' => Some(' '),
        c if c.is_control() => Some(' '),
        // embeddings, overrides and isolates of the direction of writing, which would reach beyond a name
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => None,
        // invisible: spaces without width, tags
        '\u{200b}' | '\u{2060}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}' => None,
        // no characters at all
        c if c as u32 & 0xfffe == 0xfffe || ('\u{fdd0}'..='\u{fdef}').contains(&c) => None,
        c => Some(c),
    }
}

/// With a capital letter at its beginning.
pub(crate) fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A correlation by its full name, with what its measure's name adds: "Kendall’s tau-b, whole matrix, cosine distance".
pub(crate) fn correlation(name: &str) -> String {
    if let Some((name, images)) = name.split_once("-per-class-") {
        return format!("{}, {images} images per class", correlation(name));
    }
    for distance in ["squared-euclidean", "euclidean", "cosine"] {
        // a method may be called so, too
        if let Some(name) = name.strip_suffix(distance).and_then(|name| name.strip_suffix('-')) {
            return format!("{}, {} distance", correlation(name), distance.replace("euclidean", "Euclidean").replace('-', " "));
        }
    }
    if let Some(method) = name.strip_suffix("-full-matrix") {
        return format!("{}, whole matrix", correlation(method));
    }
    match name {
        "spearman" => "Spearman’s rho".to_owned(),
        "pearson" => "Pearson’s r".to_owned(),
        _ if name.starts_with("tau") => format!("Kendall’s {name}"),
        _ => name.to_owned(),
    }
}

impl Unit {
    /// The value alone: "92.3 %", "0.712".
    pub(crate) fn value(self, value: f64) -> String {
        match self {
            Unit::Percent => percent(value),
            Unit::Number => minus(&format!("{value:.3}")),
        }
    }

    /// Mean and half-width: "92.3 ± 0.8 %", "0.712 ± 0.013"; the mean alone where there is no interval.
    pub(crate) fn estimate(self, estimate: &Estimate) -> String {
        match (self, estimate.half_width) {
            (_, None) => self.value(estimate.mean),
            (Unit::Percent, Some(half)) => {
                minus(&format!("{:.1} ± {:.1} %", positive_zero(estimate.mean * 100.0, 1), half * 100.0))
            }
            (Unit::Number, Some(half)) => minus(&format!("{:.3} ± {half:.3}", positive_zero(estimate.mean, 3))),
        }
    }

    /// A difference of means: in percentage points where the values are percentages.
    pub(crate) fn difference(self, estimate: &Estimate) -> String {
        let sign = if estimate.mean > 0.0 { "+" } else { "" };
        format!("{sign}{}", self.estimate(estimate).replace(" %", " points"))
    }
}

/// "92.3 %".
pub(crate) fn percent(share: f64) -> String {
    minus(&format!("{:.1} %", positive_zero(share * 100.0, 1)))
}

/// As [`percent`], without decimals where there are none: "10 %", "0.5 %".
pub(crate) fn short_percent(share: f64) -> String {
    format!("{} %", (share * 1000.0).round() / 10.0)
}

/// "10,000".
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// "1 seed", "3 seeds".
pub(crate) fn plural(number: usize, noun: &str) -> String {
    format!("{} {noun}{}", count(number as u64), if number == 1 { "" } else { "s" })
}

/// "a", "a and b", "a, b and c".
pub(crate) fn list(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// "3" or, where it varies, "2–3".
pub(crate) fn range(numbers: impl Iterator<Item = usize> + Clone) -> String {
    match (numbers.clone().min(), numbers.max()) {
        (Some(low), Some(high)) if low < high => format!("{low}–{high}"),
        (Some(low), _) => low.to_string(),
        _ => "0".to_owned(),
    }
}

/// "retrained, seeds 1 / 1 / 1": an arm's trial, by its seeds of network, injury and data.
pub(crate) fn trial(arm: &str, seeds: TrialSeeds) -> String {
    format!("{arm}, seeds {} / {} / {}", seeds.network.0, seeds.injury.0, seeds.data.0)
}

/// A real minus sign.
fn minus(text: &str) -> String {
    text.replace('-', "−")
}

/// No "-0.0".
fn positive_zero(value: f64, decimals: i32) -> f64 {
    if (value * 10f64.powi(decimals)).round() == 0.0 { 0.0 } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_one_way() {
        let estimate = |mean, half_width| Estimate { n: 3, mean, half_width };
        assert_eq!(Unit::Percent.estimate(&estimate(0.9234, Some(0.0081))), "92.3 ± 0.8 %");
        assert_eq!(Unit::Percent.estimate(&estimate(0.9234, None)), "92.3 %");
        assert_eq!(Unit::Percent.difference(&estimate(-0.05, Some(0.01))), "−5.0 ± 1.0 points");
        assert_eq!(Unit::Number.difference(&estimate(0.5, None)), "+0.500");
        assert_eq!(Unit::Number.estimate(&estimate(-0.0001, Some(0.2))), "0.000 ± 0.200");
        assert_eq!([0, 999, 1000, 139_570_240].map(count), ["0", "999", "1,000", "139,570,240"]);
        assert_eq!([0.1, 0.01, 1.0 / 3.0].map(short_percent), ["10 %", "1 %", "33.3 %"]);
        assert_eq!(range([3, 3].into_iter()), "3");
        assert_eq!(range([3, 1, 2].into_iter()), "1–3");
        assert_eq!(list(&["a", "b", "c"].map(str::to_owned)), "a, b and c");
    }
}
