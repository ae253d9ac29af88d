//! The figures. Each is drawn once; the same drawing is the SVG, the PNG and what stands in the page.

mod colour;
mod svg;
mod text;

pub(crate) mod heat;
mod legend;
mod plot;

mod against_loss;
mod learning;
mod maps;
mod rdm;

pub(crate) mod raster;

use crate::names;
use crate::view::View;
use svg::Canvas;

/// Width of a figure for one column of a journal. At 85 mm a text of 14 is set in 8 pt.
const COLUMN: f64 = 420.0;
/// Width of a figure for both columns: at 175 mm a text of 14 is set in 8 pt.
const PAGE: f64 = 860.0;
/// Free space at the edges.
const MARGIN: f64 = 8.0;

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

/// Every figure that the evidence has something for, in the order of the page.
pub(crate) fn all(view: &View<'_>) -> anyhow::Result<Vec<Figure>> {
    let accuracy = view.accuracy.iter().filter_map(|question| against_loss::accuracy(view, question));
    // beyond two layers, curve after curve would bury the rest of the page, and one picture shows more
    let many = view.similarities.len() > 2;
    let curves = view.similarities.iter().take(if many { 1 } else { 2 }).enumerate();
    let similarities = curves.filter_map(|(i, question)| against_loss::similarity(view, question, i == 0));
    let layers = if many { maps::layers(view)? } else { None };
    let rest = [maps::classes(view)?, learning::figure(view)].into_iter().flatten();
    let similarities = similarities.chain(layers);
    let mut figures: Vec<Figure> = accuracy.chain(similarities).chain(rdm::figures(view)?).chain(rest).collect();
    if view.evidence.cause.stimuli.note.is_some() {
        // a figure may be taken out of the page, and must not leave its data's reservations behind
        let reminder = format!("Data: {} (see the note on these data in {})", view.evidence.cause.stimuli.name, names::PAGE);
        figures.iter_mut().for_each(|figure| figure.canvas.footnote(&reminder));
    }
    Ok(figures)
}

/// "similarity" for the principal layer, "similarity-block3" for another; safe as the name of a file.
fn layered(name: &str, layer: &str, principal: bool) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '-' };
    if principal { name.to_owned() } else { format!("{name}-{}", layer.chars().map(safe).collect::<String>()) }
}

/// Where branches begin, as a sentence after others; empty if there is none.
fn branches(view: &View<'_>) -> String {
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

/// The sentence that names the data, wherever numbers of it are shown.
fn data(view: &View<'_>) -> String {
    let stimuli = &view.evidence.cause.stimuli;
    let note = if stimuli.note.is_some() { " (see the note on these data)" } else { "" };
    format!("Data: {}{note}.", stimuli.name)
}

#[cfg(test)]
mod tests {
    use neuro::record::Evidence;

    use super::*;
    use crate::example;

    fn names(view: &View<'_>) -> Vec<String> {
        all(view).unwrap().into_iter().map(|figure| figure.name).collect()
    }

    #[test]
    fn there_is_a_figure_for_all_that_was_read_and_none_for_the_rest() {
        let mut evidence = example::evidence(2, 3);
        let everything = ["accuracy", "similarity", "similarity-block3", "rdm", "class-accuracy", "learning"];
        assert_eq!(names(&View::new(&evidence)), everything);

        example::forget(&mut evidence, "rdm_similarity_tau_b");
        example::forget(&mut evidence, "class_accuracy");
        evidence.schooling.clear();
        evidence.trials.iter_mut().for_each(|trial| trial.pictures.clear());
        assert_eq!(names(&View::new(&evidence)), ["accuracy"]);

        evidence.trials.clear();
        assert!(names(&View::new(&evidence)).is_empty());
    }

    #[test]
    fn many_layers_share_a_figure() {
        let evidence = example::of_many_layers(6);
        let expected = ["accuracy", "similarity", "similarity-layers", "rdm", "class-accuracy", "learning"];
        assert_eq!(names(&View::new(&evidence)), expected);
    }

    #[test]
    fn every_caption_states_n_and_names_data_that_need_a_note() {
        let mut evidence = example::evidence(2, 3);
        evidence.cause.stimuli.note = Some("A subset.".to_owned());
        for figure in all(&View::new(&evidence)).unwrap() {
            assert!(figure.caption.contains("n = ") || figure.caption.contains("one network"), "{}", figure.caption);
            assert!(figure.caption.contains("see the note on these data"), "{}", figure.caption);
            let drawn = figure.canvas.standalone();
            assert!(drawn.contains("Data: CIFAR-10 (see the note"), "{} by itself", figure.name);
        }
    }

    /// One arm alone, where a sheet is as narrow as a column.
    fn alone(mut evidence: Evidence) -> Evidence {
        let name = evidence.study.arms[0].name.as_str().to_owned();
        evidence.study.arms.truncate(1);
        evidence.trials.retain(|trial| trial.arm == name);
        evidence
    }

    #[test]
    fn no_text_reaches_beyond_its_sheet() {
        let whole = [
            example::evidence(1, 1),
            example::evidence(3, 15),
            example::of_many_layers(6),
            example::of_many_classes(100),
            example::of_many_arms(5),
        ];
        let alone = [example::evidence(3, 15), example::of_many_layers(6), example::of_many_classes(20)].map(alone);
        for evidence in whole.iter().chain(&alone) {
            for figure in all(&View::new(evidence)).unwrap() {
                let beyond = raster::texts_beyond_the_sheet(&figure.canvas.standalone());
                assert!(beyond.is_empty(), "{} with {} arms: {beyond:?}", figure.name, evidence.study.arms.len());
            }
        }
    }

    #[test]
    fn layers_make_safe_file_names() {
        assert_eq!(layered("rdm", "a/b c", false), "rdm-a-b-c");
        assert_eq!(layered("rdm", "penultimate", true), "rdm");
    }
}
