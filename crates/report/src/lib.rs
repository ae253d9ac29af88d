//! The report: figures, tables and one page, made from records alone.
//!
//! [`render`] gives the same bytes for the same evidence. It asks no clock and no network, and adds no science: every mean and
//! interval is [`neuro::statistics::Estimate`]'s. Whatever is shown is shown with its n. It opens no file but the fonts of the
//! system, and those only where a name has letters that the font which comes with the program lacks (Chinese, Japanese, Korean,
//! Hindi); then PNGs are the same on one machine.

use std::collections::BTreeSet;

use neuro::record::Evidence;

use figure::fonts::Fonts;

mod names;
mod view;

mod attrition;
mod csv;
mod curve;
mod headline;
mod methods;
mod notice;
mod references;
mod table;
mod words;

mod figure;
mod page;

#[cfg(test)]
mod example;

pub use csv::results_csv;
pub use figure::matrix::{Matrix, Picture, picture_png, picture_svg, scale};

/// A file of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// Its place below the report's folder, with `/` between folders: `figures/accuracy.svg`.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// A report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// Its files.
    pub artifacts: Vec<Artifact>,
    /// What the user should be told, a sentence each: letters that no font could draw.
    pub warnings: Vec<String>,
}

/// All files of the report: `results.csv`, `table.csv`, `comparisons.csv`, each figure as SVG and PNG, and
/// `report.html`, which needs none of the others.
///
/// Evidence may be partial: what has not been read yet is left out, and the page says what is missing.
///
/// # Errors
/// If a picture cannot be encoded, or is too large to be.
pub fn render(evidence: &Evidence) -> anyhow::Result<Rendered> {
    render_with(evidence, &Fonts::of_this_system())
}

fn render_with(evidence: &Evidence, fonts: &Fonts) -> anyhow::Result<Rendered> {
    let view = view::View::new(evidence);
    let figures = figure::all(&view)?;

    let mut artifacts = vec![
        Artifact { name: names::RESULTS.to_owned(), bytes: results_csv(evidence).into_bytes() },
        Artifact { name: names::TABLE.to_owned(), bytes: csv::table_csv(&view).into_bytes() },
        Artifact { name: names::COMPARISONS.to_owned(), bytes: csv::comparisons_csv(&view).into_bytes() },
    ];
    let mut unwritten = BTreeSet::new();
    for figure in &figures {
        let svg = figure.canvas.standalone();
        let (png, missing) = figure::raster::png(&svg, fonts)?;
        unwritten.extend(missing);
        artifacts.push(Artifact { name: figure.file("svg"), bytes: svg.into_bytes() });
        artifacts.push(Artifact { name: figure.file("png"), bytes: png });
    }
    artifacts.push(Artifact { name: names::PAGE.to_owned(), bytes: page::html(&view, &figures)?.into_bytes() });
    Ok(Rendered { artifacts, warnings: unwritten_names(evidence, &unwritten).into_iter().collect() })
}

/// A warning that names what cannot be read in the PNGs; none if nothing is missing.
fn unwritten_names(evidence: &Evidence, unwritten: &BTreeSet<char>) -> Option<String> {
    let arms = evidence.study.arms.iter().map(|arm| arm.name.as_str());
    let cause = &evidence.cause;
    let all = arms.chain(cause.classes.iter().map(String::as_str)).chain([cause.stimuli.name.as_str()]);
    let touched: Vec<&str> = all.filter(|name| name.chars().any(|c| unwritten.contains(&c))).collect();
    let mut names: Vec<String> = touched.iter().take(3).map(|name| format!("‘{}’", words::plain(name))).collect();
    match touched.len() {
        _ if unwritten.is_empty() => return None,
        0 => names.push(format!("‘{}’", unwritten.iter().collect::<String>())),
        1..=3 => {}
        more => names.push(format!("{} more names", more - 3)),
    }
    Some(format!(
        "no font of this system has the letters of {}: they are empty boxes in the PNG figures. The SVG figures and the page show them in \
         any browser that has such a font. Install one (Noto has them all) and make the report again",
        words::list(&names)
    ))
}

#[cfg(test)]
mod tests {
    use neuro::record::Phase;

    use super::*;

    fn names(artifacts: &[Artifact]) -> Vec<&str> {
        artifacts.iter().map(|artifact| artifact.name.as_str()).collect()
    }

    /// To look at the files: `REPORT_TEST_OUT=FOLDER cargo test -p report`.
    fn show(name: &str, artifacts: &[Artifact]) {
        let Ok(folder) = std::env::var("REPORT_TEST_OUT") else { return };
        for artifact in artifacts {
            let path = std::path::Path::new(&folder).join(name).join(&artifact.name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, &artifact.bytes).unwrap();
        }
    }

    #[test]
    fn the_same_evidence_gives_the_same_bytes() {
        let evidence = example::evidence(3, 15);
        let rendered = render(&evidence).unwrap();
        assert_eq!(rendered, render(&evidence).unwrap());
        assert!(rendered.warnings.is_empty());
        let artifacts = rendered.artifacts;
        show("whole", &artifacts);
        assert_eq!(
            names(&artifacts),
            [
                "results.csv",
                "table.csv",
                "comparisons.csv",
                "figures/accuracy.svg",
                "figures/accuracy.png",
                "figures/similarity.svg",
                "figures/similarity.png",
                "figures/similarity-block3.svg",
                "figures/similarity-block3.png",
                "figures/rdm.svg",
                "figures/rdm.png",
                "figures/class-accuracy.svg",
                "figures/class-accuracy.png",
                "figures/learning.svg",
                "figures/learning.png",
                "report.html",
            ]
        );
    }

    fn without_pictures(svg: &str) -> String {
        svg.lines().filter(|line| !line.starts_with("<image")).collect()
    }

    /// Whatever is missing, there is a page, and no figure that is not SVG.
    #[test]
    fn whatever_is_missing_there_is_a_report() {
        let whole = || example::evidence(3, 4);
        let mut cases = vec![("one-seed", example::evidence(1, 1)), ("ten-seeds", example::evidence(10, 15))];
        let mut nothing = whole();
        nothing.trials.clear();
        nothing.schooling.clear();
        cases.push(("nothing", nothing));
        let mut healthy = whole();
        healthy.trials.truncate(2);
        healthy.trials.iter_mut().for_each(|trial| {
            trial.records.truncate(1);
            trial.pictures.truncate(1);
            trial.done = false;
        });
        cases.push(("healthy", healthy));
        let mut partial = whole();
        partial.cause.stimuli.note = Some("Only the first 5,000 images of each class were at hand.".to_owned());
        partial.trials.truncate(5);
        partial.trials[4].records.truncate(2);
        partial.trials[4].done = false;
        cases.push(("partial", partial));
        let mut behaviour = whole();
        example::forget(&mut behaviour, "rdm_similarity_tau_b");
        example::forget(&mut behaviour, "class_accuracy");
        behaviour.trials.iter_mut().for_each(|trial| trial.pictures.clear());
        cases.push(("behaviour", behaviour));
        let mut lone = whole();
        lone.study.arms.truncate(1);
        lone.trials.truncate(3);
        cases.push(("one-arm", lone));
        let mut sham = whole();
        sham.trials.retain(|trial| trial.arm == "sham");
        sham.study.arms.remove(0);
        cases.push(("sham-alone", sham));
        cases.push(("undefined", undefined()));
        cases.push(("many-classes", example::of_many_classes(100)));
        cases.push(("many-layers", example::of_many_layers(6)));
        cases.push(("many-arms", example::of_many_arms(7)));
        cases.push(("branch", example::of_a_branch(3, 15, 5, 6)));
        let mut failed = whole();
        for trial in &mut failed.trials {
            example::fail(trial, 3, if trial.arm == "untreated" { Phase::Injured } else { Phase::Treated });
        }
        cases.push(("all-failed", failed.clone()));
        failed.trials.iter_mut().for_each(|trial| example::fail(trial, 0, Phase::Healthy));
        failed.schooling.iter_mut().for_each(|(_, epochs)| epochs.truncate(1));
        cases.push(("no-subject", failed));
        cases.push(("long-names", example::of_long_names()));
        cases.push(("trouble", example::of_all_trouble()));
        for (name, evidence) in cases {
            let artifacts = render(&evidence).unwrap_or_else(|error| panic!("{name}: {error:#}")).artifacts;
            show(name, &artifacts);
            assert_eq!(names(&artifacts).last(), Some(&"report.html"), "{name}");
            for artifact in artifacts.iter().filter(|artifact| artifact.name.ends_with(".svg")) {
                let text = without_pictures(std::str::from_utf8(&artifact.bytes).unwrap());
                assert!(!text.contains("NaN") && !text.contains("inf"), "{name}: {}", artifact.name);
            }
        }
    }

    #[test]
    fn names_that_no_font_can_write_are_told() {
        let mut evidence = example::evidence(1, 2);
        evidence.cause.classes[3] = "猫".to_owned();
        example::rename_class(&mut evidence, 5, "狗");
        let without = render_with(&evidence, &Fonts::bundled()).unwrap();
        assert_eq!(without.warnings.len(), 1);
        assert!(
            without.warnings[0]
                .starts_with("no font of this system has the letters of ‘猫’ and ‘狗’: they are empty boxes in the PNG")
        );
        let with = render(&evidence).unwrap();
        let bytes = |rendered: &Rendered, name: &str| rendered.artifacts.iter().find(|a| a.name == name).unwrap().bytes.clone();
        let figure = |extension: &str| format!("figures/class-accuracy.{extension}");
        assert_eq!(bytes(&without, &figure("svg")), bytes(&with, &figure("svg")), "SVGs are the same on every machine");
        assert_eq!(bytes(&without, &figure("png")) == bytes(&with, &figure("png")), !with.warnings.is_empty());
        assert_eq!(with, render(&evidence).unwrap());
        show("other-scripts", &render(&example::of_other_scripts()).unwrap().artifacts);
        show("other-scripts-without-fonts", &render_with(&example::of_other_scripts(), &Fonts::bundled()).unwrap().artifacts);
    }

    #[test]
    fn many_names_are_not_all_listed() {
        let mut evidence = example::evidence(1, 1);
        evidence.cause.classes = (0..100).map(|i| format!("猫{i}")).collect();
        evidence.cause.probe_per_class = vec![1; 100];
        let warnings = render_with(&evidence, &Fonts::bundled()).unwrap().warnings;
        assert!(warnings[0].contains("‘猫0’, ‘猫1’, ‘猫2’ and 97 more names:"), "{}", warnings[0]);
    }

    /// Whatever stands in a name, no file of the report holds a character that turns text around, hides or breaks it.
    #[test]
    fn nothing_in_a_name_turns_text_around() {
        let mut evidence = example::evidence(1, 2);
        let evil = "a\u{202e}b\u{2066}c\u{1b}[31md\u{0}e\u{2028}f\u{feff}g\u{ffff}h\u{85}i\u{e0041}j\u{200b}k";
        example::rename_class(&mut evidence, 5, evil);
        for text in
            [&mut evidence.name, &mut evidence.study.question, &mut evidence.cause.stimuli.name, &mut evidence.cause.network]
        {
            *text = evil.to_owned();
        }
        evidence.cause.stimuli.note = Some(evil.to_owned());
        let rendered = render(&evidence).unwrap();
        let shown = rendered.artifacts.iter().filter(|a| a.name.ends_with(".svg") || a.name.ends_with(".html"));
        for artifact in shown {
            let text = std::str::from_utf8(&artifact.bytes).unwrap();
            let bad: Vec<char> = text.chars().filter(|&c| c != '\n' && (evil.contains(c) && !c.is_ascii_graphic())).collect();
            assert!(bad.is_empty(), "{}: {bad:?}", artifact.name);
        }
        assert!(rendered.warnings.is_empty(), "{:?}", rendered.warnings);
    }

    /// Every tau of a step, one whole arm's accuracy, and a picture without any pair.
    fn undefined() -> Evidence {
        let mut evidence = example::evidence(3, 4);
        for trial in &mut evidence.trials[..3] {
            example::set(trial, 2, Phase::Treated, "rdm_similarity_tau_b", None);
        }
        for trial in &mut evidence.trials[3..6] {
            (1..=4).for_each(|step| example::set(trial, step, Phase::Injured, "mean_class_accuracy", Some(f64::NAN)));
        }
        evidence.trials[0].pictures[1].values.fill(f32::NAN);
        evidence
    }
}
