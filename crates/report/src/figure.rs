//! The figures. Each is drawn once; the same drawing is the SVG, the PNG and what stands in the page.

mod colour;
pub(crate) mod fonts;
mod sheet;
mod svg;
mod text;

mod heat;
mod legend;
mod plot;
mod scale;

mod against_loss;
mod learning;
mod maps;
pub(crate) mod matrix;
mod rdm;

pub(crate) mod raster;

use crate::names;
use crate::view::View;

pub(crate) use sheet::{Figure, of_means};

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
    if sheet::has_reservations(&view.evidence.cause.stimuli) {
        // a figure may be taken out of the page, and must not leave its data's reservations behind
        let reminder = format!("Data: {} (see the note on these data in {})", view.evidence.cause.stimuli.name, names::PAGE);
        figures.iter_mut().for_each(|figure| figure.canvas.footnote(&reminder));
    }
    Ok(figures)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use neuro::measure::{Distance, Method, Over};
    use neuro::record::Evidence;
    use neuro::representation::Representation;

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
            example::of_a_branch(3, 15, 5, 6),
            example::of_all_trouble(),
            example::of_other_scripts(),
            example::of_long_names(),
        ];
        let narrow = [
            example::evidence(3, 15),
            example::of_many_layers(6),
            example::of_many_classes(20),
            example::of_other_scripts(),
            example::of_long_names(),
        ];
        let alone = narrow.map(alone);
        let fonts = fonts::Fonts::of_this_system();
        for evidence in whole.iter().chain(&alone) {
            for figure in all(&View::new(evidence)).unwrap() {
                let beyond = raster::texts_beyond_the_sheet(&figure.canvas.standalone(), &fonts);
                assert!(beyond.is_empty(), "{} with {} arms: {beyond:?}", figure.name, evidence.study.arms.len());
            }
        }
    }

    /// Axes and scales name how matrices are compared, which can be long.
    #[test]
    fn no_way_to_compare_has_a_name_too_long_for_its_sheet() {
        let fonts = fonts::Fonts::bundled();
        let ways = Method::ALL.into_iter().flat_map(|method| Distance::ALL.map(|distance| (method, distance)));
        let ways = ways.flat_map(|way| [Over::Triangle, Over::FullMatrix].map(|over| (way, over)));
        let ways = ways.flat_map(|way| [None, Some(1), Some(1_000_000)].map(|most| (way, most)));
        let base = |mut evidence: Evidence| {
            evidence.trials.iter_mut().for_each(|trial| trial.pictures.clear());
            example::forget(&mut evidence, "class_accuracy");
            evidence.schooling.clear();
            evidence
        };
        let few = base(example::evidence(1, 2));
        let cases = [few.clone(), base(alone(example::of_many_layers(3)))];
        for (((method, distance), over), most) in ways {
            let which = Representation { layer: String::new(), distance, per_class: most.and_then(NonZeroU32::new) };
            let whole = if over == Over::FullMatrix { "_full_matrix" } else { "" };
            let measure = format!("rdm_similarity_{}{whole}{}", method.to_string().replace('-', "_"), which.ending());
            for case in &cases {
                let mut evidence = case.clone();
                example::measured_as(&mut evidence, &measure);
                for figure in all(&View::new(&evidence)).unwrap() {
                    let beyond = raster::texts_beyond_the_sheet(&figure.canvas.standalone(), &fonts);
                    assert!(beyond.is_empty(), "{measure}, {}: {beyond:?}", figure.name);
                }
            }
        }
    }
}
