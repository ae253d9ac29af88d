//! What all figures share: their widths, what stands under each, and what every caption says.

use neuro::images::{Check, Provenance};

use super::svg::Canvas;
pub(super) use super::svg::MARGIN;
use crate::view::View;

/// Width of a figure for one column of a journal. At 85 mm a text of 14 is set in 8 pt.
pub(super) const COLUMN: f64 = 420.0;
/// Width of a figure for both columns: at 175 mm a text of 14 is set in 8 pt.
pub(super) const PAGE: f64 = 860.0;

/// A figure with what must be said under it.
pub(crate) struct Figure {
    /// Its file's name without folder and extension.
    pub(crate) name: String,
    pub(crate) title: String,
    /// What the lines are, of which data, with n.
    pub(crate) caption: String,
    pub(crate) canvas: Canvas,
}

impl Figure {
    /// Its place below the report's folder.
    pub(crate) fn file(&self, extension: &str) -> String {
        format!("figures/{}.{extension}", self.name)
    }
}

/// "similarity" for the principal layer, "similarity-block3" for another; safe as the name of a file.
pub(super) fn layered(name: &str, layer: &str, principal: bool) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '-' };
    if principal { name.to_owned() } else { format!("{name}-{}", layer.chars().map(safe).collect::<String>()) }
}

/// Where branches begin, as a sentence after others; empty if there is none.
pub(super) fn branches(view: &View<'_>) -> String {
    let told = view.begun().filter_map(|arm| Some(format!(" Arm ‘{}’ {}.", arm.name(), arm.branch()?)));
    told.collect()
}

/// What must be said wherever means of arms are shown: what they rest on if trials failed, and of which data.
pub(crate) fn of_means(view: &View<'_>) -> String {
    match view.survivors() {
        none if none.is_empty() => data(view),
        survivors => format!("{survivors} {}", data(view)),
    }
}

/// Whether the data may be other than their name says, so that no number or figure should be without a word of it.
pub(super) fn has_reservations(stimuli: &Provenance) -> bool {
    stimuli.note.is_some() || matches!(stimuli.check, Check::Given | Check::NotOfficial)
}

/// The sentence that names the data, wherever numbers of it are shown.
pub(super) fn data(view: &View<'_>) -> String {
    let stimuli = &view.evidence.cause.stimuli;
    let note = if has_reservations(stimuli) { " (see the note on these data)" } else { "" };
    format!("Data: {}{note}.", stimuli.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_make_safe_file_names() {
        assert_eq!(layered("rdm", "a/b c", false), "rdm-a-b-c");
        assert_eq!(layered("rdm", "penultimate", true), "rdm");
    }
}
