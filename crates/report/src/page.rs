//! The page: one file that needs no other, for reading and for printing.

use anyhow::{Context, Result};
use askama::Template;
use neuro::record::Phase;
use neuro::statistics::Estimate;

use crate::attrition::Count;
use crate::figure::{self, Figure};
use crate::headline::{self, Ending};
use crate::methods::{self, Paragraph};
use crate::notice::{self, Notice};
use crate::references;
use crate::table::{self, Comparison, Difference};
use crate::view::{Arm, Question, View};
use crate::words::{self, plural};
use crate::{names, table::moments};

/// What the template fills in. All text is escaped by it; only `svg` is markup, and escapes its own text.
#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    name: &'a str,
    question: &'a str,
    /// Names the data under every table.
    data: String,
    /// What ± is.
    spread: &'static str,
    notices: Vec<Notice>,
    healthy: String,
    accuracy: Option<String>,
    similarity: Option<String>,
    endings: Vec<EndingRow<'a>>,
    break_definition: &'static str,
    figures: Vec<Shown>,
    comparisons: Vec<ComparisonRow<'a>>,
    tables: Vec<Table<'a>>,
    methods: Vec<Paragraph>,
    references: Vec<&'static str>,
    causes: Vec<(&'static str, String)>,
    files: Vec<(String, String)>,
}

struct EndingRow<'a> {
    arm: &'a str,
    /// "15"; "11 of 15" where it has not got to its end.
    step: String,
    lost: String,
    accuracy: String,
    similarity: String,
    n: String,
    broken: String,
}

struct Shown {
    title: String,
    caption: String,
    svg: String,
    wide: bool,
}

struct ComparisonRow<'a> {
    arm: &'a str,
    minus: &'a str,
    of: String,
    last: String,
    largest: String,
}

/// All readings of an arm: a column for each question and phase, a row for each step.
struct Table<'a> {
    arm: &'a str,
    /// "begins after step 5 of arm ‘retrained’"; of a branch alone.
    begins: Option<String>,
    /// Of every cell; none if it varies, and then each cell has its own.
    n: Option<String>,
    columns: Vec<String>,
    rows: Vec<TableRow>,
}

struct TableRow {
    step: u32,
    lost: String,
    cells: Vec<String>,
}

/// The page as HTML.
pub(crate) fn html(view: &View<'_>, figures: &[Figure]) -> Result<String> {
    let evidence = view.evidence;
    let page = Page {
        name: &evidence.name,
        question: &evidence.study.question,
        data: figure::of_means(view),
        spread: match evidence.study.seeds.count.get() {
            1 => "n = 1 seed: no interval",
            _ => "mean over seeds ± half the 95 % confidence interval of the mean (none where n = 1)",
        },
        notices: notice::notices(view),
        healthy: view
            .accuracy
            .as_ref()
            .map_or_else(|| "Nothing has been read yet.".to_owned(), |q| headline::healthy_sentence(view, q)),
        accuracy: view.accuracy.as_ref().map(Question::title),
        similarity: view.similarities.first().map(of),
        endings: view.accuracy.iter().flat_map(|q| headline::endings(view, q)).map(|ending| ending_row(&ending)).collect(),
        break_definition: headline::BREAK,
        figures: figures.iter().map(shown).collect(),
        comparisons: table::comparisons(view).iter().map(comparison_row).collect(),
        tables: view.begun().map(|arm| arm_table(view, arm)).collect(),
        methods: methods::paragraphs(view),
        references: references::references(&evidence.study),
        causes: causes(view),
        files: files(figures),
    };
    Ok(unbroken(&readable(&page.render().context("the page")?)))
}

/// Text of the user may hold anything.
fn readable(html: &str) -> String {
    html.split('\n').map(words::plain).collect::<Vec<_>>().join("\n")
}

/// A number stays in one line with its unit, its n and its half-width.
fn unbroken(html: &str) -> String {
    html.replace(" %", "\u{a0}%").replace("n = ", "n\u{a0}=\u{a0}").replace(" ± ", "\u{a0}±\u{a0}")
}

fn ending_row<'a>(ending: &Ending<'a>) -> EndingRow<'a> {
    EndingRow {
        arm: ending.arm,
        step: if ending.step < ending.end { format!("{} of {}", ending.step, ending.end) } else { ending.step.to_string() },
        lost: if ending.whole { "none".to_owned() } else { words::percent(ending.lost) },
        accuracy: words::Unit::Percent.estimate(&ending.accuracy),
        similarity: ending.similarity.map_or_else(dash, |similarity| {
            // the column n is that of accuracy
            let same = similarity.n == ending.accuracy.n;
            let n = if same { String::new() } else { format!(" (n = {})", Count { n: similarity.n, ..ending.count }.short()) };
            format!("{}{n}", words::Unit::Number.estimate(&similarity))
        }),
        n: ending.count.long(),
        broken: ending.broken.sentence(),
    }
}

fn shown(figure: &Figure) -> Shown {
    Shown {
        title: figure.title.clone(),
        caption: figure.caption.clone(),
        svg: figure.canvas.inline(&figure.title),
        wide: figure.canvas.width() > 600.0,
    }
}

fn comparison_row<'a>(comparison: &Comparison<'a>) -> ComparisonRow<'a> {
    let unit = comparison.question.unit();
    let told = |at: Option<&Difference>| {
        at.map_or_else(dash, |at| {
            let lost = match at.lost.map(|lost| lost.map(words::percent)) {
                [Some(ours), Some(theirs)] if ours != theirs => format!(", {ours} and {theirs} lost"),
                [Some(lost), _] | [None, Some(lost)] => format!(", {lost} lost"),
                [None, None] => String::new(),
            };
            let one = if at.difference.half_width.is_none() { "; one pair: no interval" } else { "" };
            let pairs = at.count.of("pair");
            format!("{} (step {}{lost}; n = {pairs}{one})", unit.difference(&at.difference), at.step)
        })
    };
    ComparisonRow {
        arm: comparison.arm,
        minus: comparison.minus,
        of: of(comparison.question),
        last: told(comparison.last()),
        largest: told(comparison.largest()),
    }
}

/// "Mean class-wise accuracy", "RDM similarity (Kendall’s tau-b), penultimate".
fn of(question: &Question) -> String {
    if question.layer.is_empty() { question.title() } else { format!("{}, {}", question.title(), question.layer) }
}

fn arm_table<'a>(view: &View<'_>, arm: &Arm<'a>) -> Table<'a> {
    let phases: Vec<Phase> =
        [Phase::Injured, Phase::Treated].into_iter().filter(|phase| !arm.steps_read(*phase).is_empty()).collect();
    let phases = if phases.is_empty() { vec![arm.outcome] } else { phases };
    let questions = view.principal();
    let columns: Vec<(&Question, Phase)> =
        questions.iter().flat_map(|question| phases.iter().map(move |phase| (*question, *phase))).collect();
    let mut steps: Vec<u32> = moments(arm).into_iter().map(|(step, _)| step).collect();
    steps.dedup();
    let at = |step, phase: Phase, question| {
        let phase = if step == 0 { Phase::Healthy } else { phase };
        let estimate = arm.estimate(step, phase, question)?;
        Some((estimate, arm.count(estimate.n, step, phase)))
    };
    let row = |&step: &u32| columns.iter().map(|&(question, phase)| at(step, phase, question)).collect();
    let estimates: Vec<Vec<Option<(Estimate, Count)>>> = steps.iter().map(row).collect();
    let counts: Vec<Count> = estimates.iter().flatten().flatten().map(|(_, count)| *count).collect();
    let n = counts.first().filter(|first| counts.iter().all(|count| count == *first)).map(|count| count.long());
    let told = |(question, _): &(&Question, Phase), estimate: &Option<(Estimate, Count)>| cell(question, *estimate, n.is_none());
    let rows = steps.iter().zip(&estimates).map(|(&step, estimates)| TableRow {
        step,
        lost: arm.lost(step).map_or_else(dash, words::percent),
        cells: columns.iter().zip(estimates).map(|(column, estimate)| told(column, estimate)).collect(),
    });
    let heading = |(question, phase): &(&Question, Phase)| format!("{}, {phase}", of(question));
    let (rows, columns) = (rows.collect(), columns.iter().map(heading).collect());
    Table { arm: arm.name(), begins: arm.branch(), n, columns, rows }
}

fn cell(question: &Question, estimate: Option<(Estimate, Count)>, with_n: bool) -> String {
    estimate.map_or_else(dash, |(estimate, count)| {
        let n = if with_n { format!(" (n = {})", count.short().replace(' ', "\u{a0}")) } else { String::new() };
        format!("{}{n}", question.unit().estimate(&estimate))
    })
}

fn dash() -> String {
    "–".to_owned()
}

/// What the numbers depend on.
fn causes(view: &View<'_>) -> Vec<(&'static str, String)> {
    let cause = &view.evidence.cause;
    let mut causes = vec![
        ("Study", format!("{} (SHA-256 of its resolved form {})", view.evidence.name, cause.study_sha256)),
        ("Images", format!("{} (SHA-256 {})", cause.stimuli.name, cause.stimuli.sha256)),
        ("Seeds", methods::seed_range(&view.evidence.study)),
    ];
    causes.extend(
        view.evidence.makers.iter().map(|(maker, cases)| ("Computed by", format!("{maker}, in {}", plural(*cases, "case")))),
    );
    causes.push(("Device", cause.device.clone()));
    let elsewhere = view.arms.iter().filter(|arm| arm.plan.start.as_ref().is_some_and(|start| start.study.is_some()));
    causes.extend(elsewhere.filter_map(|arm| Some(("Branch", format!("Arm ‘{}’ {}", arm.name(), arm.branch()?)))));
    if let Some(hash) = &cause.weights_sha256 {
        causes.push(("Given weights", format!("SHA-256 {hash}")));
    }
    if let Some(note) = &cause.stimuli.note {
        causes.push(("Note on the images", note.clone()));
    }
    causes
}

fn files(figures: &[Figure]) -> Vec<(String, String)> {
    let tables = [
        (names::RESULTS, "every reading: one value a line, with its study, arm, seeds, step, phase and n"),
        (names::TABLE, "means over seeds of all but confusions, with the half-width of their 95 % confidence interval, and n"),
        (names::COMPARISONS, "paired differences between arms at every step, with the half-width of their interval, and n"),
    ];
    let tables = tables.into_iter().map(|(name, what)| (name.to_owned(), what.to_owned()));
    tables.chain(figures.iter().map(|figure| (format!("figures/{}.svg, .png", figure.name), figure.title.clone()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    fn page(evidence: &neuro::record::Evidence) -> String {
        let view = View::new(evidence);
        html(&view, &figure::all(&view).unwrap()).unwrap()
    }

    /// Nothing is fetched: no script, and no address except in what a reader may click.
    #[test]
    fn the_page_needs_nothing_but_itself() {
        let html = page(&example::evidence(2, 3));
        assert!(!html.contains("<script") && !html.contains("<link") && !html.contains("@import") && !html.contains("url("));
        for attribute in ["src=\"", "href=\""] {
            for rest in html.split(attribute).skip(1) {
                let target = &rest[..rest.find('"').unwrap()];
                let link = rest.contains("</a>") && target.starts_with("https://doi.org/");
                assert!(target.starts_with("data:image/png;base64,") || target.starts_with('#') || link, "{target}");
            }
        }
    }

    #[test]
    fn text_of_the_user_cannot_become_markup() {
        let mut evidence = example::evidence(2, 2);
        let evil = "<script>alert('&')</script>\"";
        evidence.name = evil.to_owned();
        evidence.study.question = evil.to_owned();
        evidence.cause.stimuli.name = evil.to_owned();
        evidence.cause.stimuli.note = Some(evil.to_owned());
        evidence.cause.classes[0] = evil.to_owned();
        evidence.cause.network = evil.to_owned();
        let html = page(&evidence);
        assert!(!html.contains("<script") && !html.contains("alert('"));
        assert!(crate::render(&evidence).is_ok(), "the figures are still SVG");
    }

    #[test]
    fn a_note_on_the_data_stands_before_the_first_number() {
        let mut evidence = example::evidence(2, 2);
        assert!(!page(&evidence).contains("Note on the data"));
        evidence.cause.stimuli.note = Some("A look-alike made for tests.".to_owned());
        let html = page(&evidence);
        assert!(html.matches("see the note on these data").count() > 10, "beside every table, figure and drawing");
        let note = html.find("A look-alike made for tests.").unwrap();
        assert!(note < html.find("Healthy networks name").unwrap());
        assert!(html.matches("A look-alike made for tests.").count() >= 3, "above, in the methods, among the causes");
    }

    #[test]
    fn arms_that_lost_unlike_shares_are_compared_with_both_named() {
        let mut evidence = example::evidence(2, 2);
        let untreated = evidence.trials.iter_mut().filter(|trial| trial.arm == "untreated");
        untreated.flat_map(|trial| &mut trial.records).for_each(|record| record.fraction_lost /= 2.0);
        let view = View::new(&evidence);
        let last: Vec<String> = table::comparisons(&view)[..3].iter().map(|c| comparison_row(c).last).collect();
        let told = |i: usize, losses: &str| assert!(last[i].contains(&format!("(step 2, {losses}; n = 2 pairs")), "{}", last[i]);
        told(0, "36.0 % and 18.0 % lost");
        told(1, "36.0 % lost");
        told(2, "18.0 % lost");
    }

    #[test]
    fn a_number_is_not_torn_from_its_unit() {
        assert_eq!(unbroken("92.3 ± 0.8 % (n = 3)"), "92.3\u{a0}±\u{a0}0.8\u{a0}% (n\u{a0}=\u{a0}3)");
        assert!(!page(&example::evidence(2, 2)).contains(" %"));
    }

    #[test]
    fn a_similarity_that_fewer_seeds_have_says_its_n() {
        let mut evidence = example::evidence(3, 2);
        example::set(&mut evidence.trials[0], 2, Phase::Treated, "rdm_similarity_tau_b", None);
        let view = View::new(&evidence);
        let endings = headline::endings(&view, &example::accuracy());
        let rows: Vec<EndingRow<'_>> = endings.iter().map(ending_row).collect();
        assert!(
            rows[0].step == "2"
                && rows[0].n == "3"
                && rows[0].similarity.ends_with("(n = 2)")
                && !rows[1].similarity.contains("n =")
        );
    }

    #[test]
    fn the_table_has_a_column_for_each_phase_and_no_number_is_without_its_n() {
        let mut evidence = example::evidence(3, 2);
        let view = View::new(&evidence);
        let table = arm_table(&view, &view.arms[0]);
        assert_eq!(table.n.as_deref(), Some("3"));
        assert!(table.rows.iter().flat_map(|row| &row.cells).all(|cell| !cell.contains("(n = ")));

        example::set(&mut evidence.trials[0], 2, Phase::Treated, "rdm_similarity_tau_b", None);
        let view = View::new(&evidence);
        let table = arm_table(&view, &view.arms[0]);
        assert_eq!(table.columns[..2], ["Mean class-wise accuracy, injured", "Mean class-wise accuracy, treated"]);
        assert_eq!(table.rows.iter().map(|row| row.step).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(table.rows[1].lost, "20.0 %");
        assert_eq!(table.n, None);
        assert!(table.rows.iter().flat_map(|row| &row.cells).all(|cell| cell.contains("(n = ")));
        assert!(table.rows[2].cells[3].ends_with("(n = 2)"), "{:?}", table.rows[2].cells);
        assert_eq!(arm_table(&view, &view.arms[1]).columns.len(), 2);
    }

    /// In a study with a failed trial, every n of its arm from then on says so.
    #[test]
    fn every_n_of_an_arm_in_which_a_trial_failed_says_so() {
        let mut evidence = example::evidence(3, 6);
        example::fail(&mut evidence.trials[1], 4, Phase::Treated);
        let view = View::new(&evidence);
        let endings = headline::endings(&view, &example::accuracy());
        let n: Vec<String> = endings.iter().map(|ending| ending_row(ending).n).collect();
        assert_eq!(n, ["2 of 3 (1 failed)", "3", "3"]);
        assert!(endings.iter().all(|ending| ending_row(ending).step == "6"));
        let mut short = evidence.clone();
        for trial in &mut short.trials[..3] {
            example::fail(trial, 4, Phase::Injured);
        }
        let view_of_short = View::new(&short);
        assert_eq!(ending_row(&headline::endings(&view_of_short, &example::accuracy())[0]).step, "3 of 6");

        let cells: Vec<String> = arm_table(&view, &view.arms[0]).rows.into_iter().flat_map(|row| row.cells).collect();
        assert_eq!(cells.iter().filter(|cell| cell.ends_with("(n = 2\u{a0}of\u{a0}3)")).count(), 2 * (2 + 2 + 1));
        assert_eq!(arm_table(&view, &view.arms[1]).n.as_deref(), Some("3"));
        let last: Vec<String> = table::comparisons(&view)[..3].iter().map(|c| comparison_row(c).last).collect();
        assert!(
            last[0].contains("n = 2 of 3 pairs, 1 failed")
                && last[1].contains("n = 2 of 3 pairs, 1")
                && last[2].contains("n = 3 pairs")
        );

        let figures = figure::all(&view).unwrap();
        let sentence = "From step 4 on, means of arm ‘retrained’ rest on the 2 of 3 trials that did not fail.";
        let told: Vec<&str> = figures.iter().filter(|f| f.caption.contains(sentence)).map(|f| f.name.as_str()).collect();
        assert_eq!(told, ["accuracy", "similarity", "similarity-block3", "class-accuracy"]);
        let drawn: Vec<String> = figures[..3].iter().map(|figure| figure.canvas.standalone()).collect();
        assert!(drawn[..2].iter().all(|svg| svg.contains("retrained: treated (n = 2–3 of 3, 1 failed)")), "{}", drawn[0]);
        assert!(drawn[..2].iter().all(|svg| svg.contains("n = 2–3 of 3 seeds") && svg.contains("untreated: injured (n = 3)")));
        assert!(html(&view, &figures).unwrap().contains("<h2>Failed</h2>"));
    }

    #[test]
    fn the_page_names_all_makers() {
        let mut evidence = example::evidence(2, 2);
        assert!(
            page(&evidence)
                .contains("<dt>Computed by</dt><dd>atrophy 0.1.0 (3f9c1d2e) on AMD EPYC 9B14 (AVX-512), in 8 cases</dd>")
        );
        evidence.makers.push((example::maker("AVX2"), 1));
        let html = page(&evidence);
        assert_eq!(html.matches("<dt>Computed by</dt>").count(), 2);
        assert!(html.contains("<h2>More than one maker</h2>"));
    }

    #[test]
    fn the_table_of_a_branch_has_its_own_steps_and_says_where_it_begins() {
        let mut evidence = example::of_a_branch(2, 8, 5, 3);
        let view = View::new(&evidence);
        let table = arm_table(&view, &view.arms[3]);
        assert_eq!(table.rows.iter().map(|row| row.step).collect::<Vec<_>>(), [0, 6, 7, 8]);
        assert!(
            page(&evidence).contains("begins after step 5 of arm ‘retrained’</span>")
                && !page(&evidence).contains("<dt>Branch</dt>")
        );
        evidence.study.arms[3].start.as_mut().unwrap().study = Some("earlier".into());
        let told = "<dt>Branch</dt><dd>Arm ‘branch’ begins after step 5 of arm ‘retrained’ of the study in earlier</dd>";
        assert!(page(&evidence).contains(told), "what must be there to repeat it");
    }
}
