//! Figure 3 of the paper: dissimilarity matrices as pictures.

use anyhow::Result;
use neuro::record::{Phase, RdmPicture, TrialRecords};

use super::heat::{self, Bar};
use super::scale::{self, Scale};
use super::sheet::{Figure, MARGIN, PAGE, branches, data, layered};
use super::svg::{Anchor, Canvas, Text};
use super::text;
use crate::view::{Arm, View};
use crate::words;

const GAP: f64 = 8.0;
const LARGEST: f64 = 190.0;
const SIZE: f64 = 14.0;
const LINE: f64 = 17.0;
const CLASS_SIZE: f64 = 12.0;
const HEAD: f64 = 46.0;

/// One figure for each layer that has pictures, of the first seed that has any and of which no trial failed, if there is one.
pub(super) fn figures(view: &View<'_>) -> Result<Vec<Figure>> {
    let trials = &view.evidence.trials;
    let fails = |seeds| trials.iter().any(|trial| trial.seeds == seeds && trial.failure.is_some());
    let pictured = || trials.iter().filter(|trial| !trial.pictures.is_empty());
    let Some(first) = pictured().find(|trial| !fails(trial.seeds)).or_else(|| pictured().next()) else { return Ok(Vec::new()) };
    let rows: Vec<Row<'_>> = view.arms.iter().filter_map(|arm| row(arm, first)).collect();
    let layers = layers(&rows);
    layers.iter().enumerate().filter_map(|(i, layer)| figure(view, &rows, layer, i == 0).transpose()).collect()
}

/// An arm, and its trial of the seed shown.
struct Row<'a> {
    arm: &'a Arm<'a>,
    trial: &'a TrialRecords,
}

/// A moment shown: of step 0 healthy, and the end of the last step, whichever step and phase that is in an arm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    Healthy,
    At(u32, Phase),
    End,
}

fn row<'a>(arm: &'a Arm<'a>, first: &TrialRecords) -> Option<Row<'a>> {
    let trial = arm.trials.iter().find(|trial| trial.seeds == first.seeds && !trial.pictures.is_empty())?;
    Some(Row { arm, trial })
}

/// Layers pictured, `penultimate` first.
fn layers<'a>(rows: &[Row<'a>]) -> Vec<&'a str> {
    let mut layers: Vec<&str> = Vec::new();
    for picture in rows.iter().flat_map(|row| &row.trial.pictures) {
        if !layers.contains(&picture.layer.as_str()) {
            layers.push(&picture.layer);
        }
    }
    layers.sort_by_key(|layer| *layer != "penultimate");
    layers
}

impl Row<'_> {
    /// The last step that ends with a picture.
    fn last(&self, layer: &str) -> u32 {
        let ends =
            |p: &&RdmPicture| p.layer == layer && p.step > self.arm.origin && p.phase == self.arm.outcome && !p.values.is_empty();
        self.trial.pictures.iter().filter(ends).map(|p| p.step).max().unwrap_or(0)
    }
}

impl Moment {
    fn picture<'a>(self, row: &Row<'a>, layer: &str) -> Option<&'a RdmPicture> {
        let (step, phase) = match self {
            Moment::Healthy => (0, Phase::Healthy),
            Moment::At(step, phase) => (step, phase),
            Moment::End => (row.last(layer), row.arm.outcome),
        };
        // what a branch has of its ancestor is shown there
        let own = |p: &&RdmPicture| p.step == 0 || p.step > row.arm.origin;
        row.trial
            .pictures
            .iter()
            .filter(own)
            .find(|p| p.layer == layer && p.step == step && p.phase == phase && !p.values.is_empty())
    }

    fn step(self, row: &Row<'_>, layer: &str) -> u32 {
        match self {
            Moment::Healthy => 0,
            Moment::At(step, _) => step,
            Moment::End => row.last(layer),
        }
    }

    /// "step 1, injured", "step 15, end"; "step 3–15, end" of arms that end at different steps.
    fn title(self, rows: &[Row<'_>], layer: &str) -> String {
        match self {
            Moment::Healthy => "healthy".to_owned(),
            Moment::At(step, phase) => format!("step {step}, {phase}"),
            Moment::End => format!("step {}, end", words::range(rows.iter().map(|row| row.last(layer) as usize))),
        }
    }

    /// "48.8 % lost", or the range of the arms shown that lose synapses.
    fn loss(self, rows: &[Row<'_>], layer: &str) -> Option<String> {
        let losing = rows.iter().filter(|row| self != Moment::Healthy && !row.arm.is_whole());
        let shown = losing.filter(|row| self.picture(row, layer).is_some());
        let losses: Vec<f64> = shown.filter_map(|row| row.arm.lost(self.step(row, layer))).collect();
        let (least, most) = (losses.iter().copied().reduce(f64::min)?, losses.iter().copied().reduce(f64::max)?);
        let [lowest, highest] = [least, most].map(words::percent);
        // a column is too narrow for the decimals of two
        Some(if lowest == highest {
            format!("{highest} lost")
        } else {
            format!("{:.0}–{:.0} % lost", least * 100.0, most * 100.0)
        })
    }

    /// Why there is nothing to see.
    fn absence(self, arm: &Arm<'_>) -> &'static str {
        match self {
            Moment::At(step, _) if step <= arm.origin => "begins later",
            Moment::At(_, Phase::Treated) if arm.outcome == Phase::Injured => "no lesson",
            Moment::At(_, Phase::Injured) if arm.is_sham() => "no loss",
            _ => "not read",
        }
    }
}

/// Healthy, the first two steps of any arm before and after the lesson, and the end; without columns that no arm fills.
fn moments(rows: &[Row<'_>], layer: &str) -> Vec<Moment> {
    let last = rows.iter().map(|row| row.last(layer)).max().unwrap_or(0);
    let first = rows.iter().map(|row| row.arm.origin).min().unwrap_or(0);
    let two =
        [first + 1, first + 2].into_iter().flat_map(|step| [Phase::Injured, Phase::Treated].map(|phase| Moment::At(step, phase)));
    let end = (last > first + 2).then_some(Moment::End);
    let all = std::iter::once(Moment::Healthy).chain(two).chain(end);
    all.filter(|moment| rows.iter().any(|row| moment.picture(row, layer).is_some())).collect()
}

fn figure(view: &View<'_>, rows: &[Row<'_>], layer: &str, principal: bool) -> Result<Option<Figure>> {
    let moments = moments(rows, layer);
    if moments.is_empty() {
        return Ok(None);
    }
    let sheet = Sheet::new(view, rows, &moments, layer);
    Ok(Some(Figure {
        name: layered("rdm", layer, principal),
        title: format!("Dissimilarity matrices, layer {layer}"),
        caption: caption(view, &sheet, layer),
        canvas: sheet.draw()?,
    }))
}

/// All pictures of the figure.
fn shown<'a>(rows: &'a [Row<'a>], moments: &'a [Moment], layer: &'a str) -> impl Iterator<Item = &'a RdmPicture> {
    moments.iter().flat_map(move |moment| rows.iter().filter_map(move |row| moment.picture(row, layer)))
}

/// What is drawn, and how large.
struct Sheet<'a> {
    view: &'a View<'a>,
    rows: &'a [Row<'a>],
    moments: &'a [Moment],
    layer: &'a str,
    left: f64,
    panel: f64,
    names: f64,
    /// One for all panels: it holds all values that are shown.
    scale: Scale,
    bar: Bar,
    /// Names of the arms, in as many lines as each needs beside its panels.
    arms: Vec<Vec<String>>,
}

impl<'a> Sheet<'a> {
    fn new(view: &'a View<'a>, rows: &'a [Row<'a>], moments: &'a [Moment], layer: &'a str) -> Self {
        let classes = &view.evidence.cause.classes;
        let names = classes.iter().map(|class| text::width(class, CLASS_SIZE)).fold(0.0, f64::max).min(90.0);
        let columns = moments.len() as f64;
        let panel = |left: f64| ((PAGE - left - MARGIN - GAP * (columns - 1.0)) / columns).min(LARGEST);
        let left = |lines: f64| LINE * lines + 10.0 + names + 6.0;
        let arms: Vec<_> = rows.iter().map(|row| text::wrap(row.arm.name(), SIZE, panel(left(2.0)))).collect();
        let left = left(arms.iter().map(Vec::len).max().unwrap_or(1) as f64);
        let images = view.evidence.cause.probe_per_class.iter().sum();
        let scale = Scale::of(shown(rows, moments, layer).flat_map(|picture| scale::data(&picture.values, images)));
        let bar = Bar::of(scale, "Dissimilarity (1 − r)");
        Self { view, rows, moments, layer, left, panel: panel(left), names, scale, bar, arms }
    }

    fn draw(&self) -> Result<Canvas> {
        let bottom = HEAD + (self.panel + GAP) * self.rows.len() as f64 - GAP;
        let right = self.left + (self.panel + GAP) * self.moments.len() as f64 - GAP;
        let width = right.max(MARGIN + self.bar.width(f64::INFINITY)) + MARGIN;
        // the scale stands beside the names of the classes if they leave room for it, else below
        let beside = width - MARGIN - self.bar.width(f64::INFINITY) > self.left + self.panel + GAP;
        let below = if beside { bottom + 14.0 } else { bottom + self.names + 16.0 };
        let end = if beside {
            bottom + (self.names + 14.0).max(14.0 + self.bar.height(f64::INFINITY))
        } else {
            below + self.bar.height(f64::INFINITY)
        };

        let mut canvas = Canvas::new(width, end + 4.0);
        for (column, moment) in self.moments.iter().enumerate() {
            self.head(&mut canvas, column, *moment);
            for (i, row) in self.rows.iter().enumerate() {
                self.panel(&mut canvas, self.corner(i, column), row, *moment)?;
            }
        }
        for (i, name) in self.arms.iter().enumerate() {
            let (_, top) = self.corner(i, 0);
            for (column, line) in name.iter().enumerate() {
                let at = (SIZE + 2.0 + LINE * column as f64, top + self.panel / 2.0);
                canvas.text(Text::new(at, SIZE, Anchor::Middle).upright(), line);
            }
            self.class_names(&mut canvas, (self.left, top), false);
        }
        self.class_names(&mut canvas, (self.left, bottom), true);
        self.bar.draw(&mut canvas, width - MARGIN, below, f64::INFINITY)?;
        Ok(canvas)
    }

    fn corner(&self, row: usize, column: usize) -> (f64, f64) {
        (self.left + (self.panel + GAP) * column as f64, HEAD + (self.panel + GAP) * row as f64)
    }

    fn head(&self, canvas: &mut Canvas, column: usize, moment: Moment) {
        let (x, y) = self.corner(0, column);
        let middle = x + self.panel / 2.0;
        let title = text::fit(&moment.title(self.rows, self.layer), SIZE, self.panel + GAP);
        canvas.text(Text::new((middle, y - 8.0 - LINE), SIZE, Anchor::Middle), &title);
        if let Some(lost) = moment.loss(self.rows, self.layer) {
            canvas.text(Text::new((middle, y - 8.0), SIZE, Anchor::Middle), &lost);
        }
    }

    fn panel(&self, canvas: &mut Canvas, at: (f64, f64), row: &Row<'_>, moment: Moment) -> Result<()> {
        let size = (self.panel, self.panel);
        let frame = r#"fill="none" stroke="currentColor" stroke-opacity="0.5" stroke-width="0.8""#;
        match moment.picture(row, self.layer) {
            Some(picture) => {
                let value = |i: usize, j: usize| picture.values.get(i * picture.side + j).map_or(f64::NAN, |&v| f64::from(v));
                let value = |i: usize, j: usize| self.scale.share(value(i, j));
                canvas.picture(at, size, &heat::png(picture.side, picture.side, value)?);
                self.class_borders(canvas, at);
            }
            None => {
                let middle = (at.0 + self.panel / 2.0, at.1 + self.panel / 2.0 + 0.36 * SIZE);
                canvas.text(Text::new(middle, SIZE, Anchor::Middle), moment.absence(row.arm));
            }
        }
        canvas.rectangle(at, size, frame);
        Ok(())
    }

    /// Only where classes are large enough for lines not to hide them.
    fn has_borders(&self) -> bool {
        self.panel / self.view.evidence.cause.classes.len().max(1) as f64 >= 5.0
    }

    /// Which classes are named: each, or one of so many.
    fn every(&self) -> usize {
        heat::every(self.panel / self.view.evidence.cause.classes.len().max(1) as f64, CLASS_SIZE)
    }

    fn class_borders(&self, canvas: &mut Canvas, (x, y): (f64, f64)) {
        if !self.has_borders() {
            return;
        }
        let borders = heat::borders(&self.view.evidence.cause.probe_per_class);
        let ink = r##"stroke="#ffffff" stroke-opacity="0.55" stroke-width="0.7""##;
        for share in borders.iter().filter(|share| **share > 0.0 && **share < 1.0) {
            let along = share * self.panel;
            canvas.line((x + along, y), (x + along, y + self.panel), ink);
            canvas.line((x, y + along), (x + self.panel, y + along), ink);
        }
    }

    /// Beside a panel, or below it.
    fn class_names(&self, canvas: &mut Canvas, (x, y): (f64, f64), below: bool) {
        let cause = &self.view.evidence.cause;
        let borders = heat::borders(&cause.probe_per_class);
        let every = self.every();
        // half a stride in, so that the last name of a row keeps away from the first of the next
        for (class, ends) in cause.classes.iter().zip(borders.windows(2)).skip(every / 2).step_by(every) {
            let middle = (ends[0] + ends[1]) / 2.0 * self.panel + 0.36 * CLASS_SIZE;
            let name = text::fit(class, CLASS_SIZE, self.names);
            let text = if below {
                Text::new((x + middle, y + 5.0), CLASS_SIZE, Anchor::End).upright()
            } else {
                Text::new((x - 5.0, y + middle), CLASS_SIZE, Anchor::End)
            };
            canvas.text(text, &name);
        }
    }
}

fn caption(view: &View<'_>, sheet: &Sheet<'_>, layer: &str) -> String {
    let cause = &view.evidence.cause;
    let seed = sheet.rows.first().map_or(0, |row| row.trial.seeds.network.0);
    let every = if sheet.every() == 1 { "" } else { " Not every class is named." };
    let borders = if sheet.has_borders() { "; thin lines: borders of the classes" } else { "" };
    let [low, high] = sheet.scale.told();
    let images: usize = cause.probe_per_class.iter().sum();
    let hidden = shown(sheet.rows, sheet.moments, sheet.layer).any(|picture| sheet.scale.hides_itself(&picture.values, images));
    let diagonal = if hidden { "all but the diagonal, each image with itself" } else { "all of them" };
    let end = if sheet.moments.contains(&Moment::End) {
        " End: after the lesson of an arm’s last step, where there is one."
    } else {
        ""
    };
    format!(
        "Representational dissimilarity (1 − Pearson’s r) between the activation patterns of each pair of {} probe images, layer {layer}, \
         n = 1 network (network seed {seed}). Images are sorted by class{borders}.{every} Each pixel is the mean over the pairs in it; one \
         colour scale throughout, {low} to {high}, which holds {diagonal}; grey: no pair is defined. Losses above the columns are those of the \
         arms that lose synapses.{end}{} {}",
        words::count(images as u64),
        branches(view),
        data(view),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    fn told(evidence: &neuro::record::Evidence) -> Vec<String> {
        let view = View::new(evidence);
        let first = evidence.trials.iter().find(|trial| !trial.pictures.is_empty()).unwrap();
        let rows: Vec<Row<'_>> = view.arms.iter().filter_map(|arm| row(arm, first)).collect();
        let heads = moments(&rows, "penultimate").into_iter();
        heads
            .map(|m| m.title(&rows, "penultimate") + &m.loss(&rows, "penultimate").map_or(String::new(), |l| format!(": {l}")))
            .collect()
    }

    #[test]
    fn columns_are_those_of_the_paper_and_the_end() {
        let mut evidence = example::evidence(2, 15);
        let all = [
            "healthy",
            "step 1, injured: 20.0 % lost",
            "step 1, treated: 20.0 % lost",
            "step 2, injured: 36.0 % lost",
            "step 2, treated: 36.0 % lost",
            "step 15, end: 96.5 % lost",
        ];
        assert_eq!(told(&evidence), all);
        evidence.trials.retain(|trial| trial.arm == "untreated");
        assert_eq!(told(&evidence), [all[0], all[1], all[3], all[5]]);
        evidence.trials[0].pictures.truncate(1);
        assert_eq!(told(&evidence), ["healthy"]);
    }

    #[test]
    fn arms_of_unequal_length_and_dose_each_show_their_own_end() {
        let mut evidence = example::evidence(1, 15);
        let untreated = &mut evidence.trials[1];
        untreated.records.retain(|record| record.step <= 4);
        untreated.pictures.retain(|picture| picture.step <= 4);
        untreated.records.iter_mut().filter(|record| record.step > 0).for_each(|record| record.fraction_lost /= 2.0);
        let heads = told(&evidence);
        assert_eq!(heads[1], "step 1, injured: 10–20 % lost");
        assert_eq!(heads[5], "step 4–15, end: 30–96 % lost");
        let svg = figures(&View::new(&evidence)).unwrap()[0].canvas.standalone();
        assert!(!svg.contains("not read"));
    }

    /// Patterns are unrelated at 1 and opposite at 2, and a scale that ended at 1 would show both as one.
    #[test]
    fn all_panels_share_a_scale_that_holds_all_values() {
        let drawn = |value: f32| {
            let mut evidence = example::evidence(1, 2);
            evidence.trials[0].pictures[1].values[1] = value;
            let figure = figures(&View::new(&evidence)).unwrap().remove(0);
            (figure.canvas.standalone(), figure.caption)
        };
        let ((unrelated, _), (opposite, caption)) = (drawn(1.25), drawn(2.0));
        let panels =
            |svg: &str| svg.split("href=").skip(1).map(|rest| rest.lines().next().unwrap().to_owned()).collect::<Vec<_>>();
        let differ = panels(&unrelated).iter().zip(&panels(&opposite)).filter(|(a, b)| a != b).count();
        assert_eq!(differ, 5 + 3 + 3, "a larger value changes the colours of every panel");
        assert!(opposite.contains(">Dissimilarity (1 − r), 0 to 2</text>") && opposite.contains(">2</text>"));
        assert!(caption.contains("one colour scale throughout, 0 to 2, which holds all of them"), "{caption}");

        let mut evidence = example::evidence(1, 2);
        evidence.cause.probe_per_class = vec![6; 10];
        let off = evidence.trials.iter_mut().flat_map(|trial| &mut trial.pictures).flat_map(|picture| &mut picture.values);
        off.filter(|value| **value > 0.0).for_each(|value| *value = 0.9 + 0.2 * *value);
        let caption = figures(&View::new(&evidence)).unwrap().remove(0).caption;
        assert!(caption.contains("0.915 to 1.115, which holds all but the diagonal, each image with itself;"), "{caption}");
    }

    #[test]
    fn absent_panels_say_why() {
        let evidence = example::evidence(1, 2);
        let svg = figures(&View::new(&evidence)).unwrap()[0].canvas.standalone();
        assert_eq!(svg.matches(">no lesson</text>").count(), 2);
        assert_eq!(svg.matches(">no loss</text>").count(), 2);
        assert_eq!(svg.matches("<image").count(), 5 + 3 + 3 + 1, "panels of three arms and the scale");
    }

    #[test]
    fn a_hundred_classes_are_thinned() {
        let mut evidence = example::evidence(1, 1);
        evidence.cause.classes = (0..100).map(|i| format!("class {i}")).collect();
        evidence.cause.probe_per_class = vec![1; 100];
        let svg = figures(&View::new(&evidence)).unwrap()[0].canvas.standalone();
        let named = svg.matches(">class ").count();
        assert!((10..80).contains(&named), "{named} names");
        assert!(!svg.contains("stroke=\"#ffffff\""), "no borders between classes of a pixel");
    }

    #[test]
    fn pictures_of_another_layer_are_another_figure() {
        let mut evidence = example::evidence(1, 1);
        let other = RdmPicture { layer: "block3".to_owned(), ..evidence.trials[0].pictures[0].clone() };
        evidence.trials[0].pictures.insert(0, other);
        let names: Vec<String> = figures(&View::new(&evidence)).unwrap().into_iter().map(|figure| figure.name).collect();
        assert_eq!(names, ["rdm", "rdm-block3"]);
    }

    #[test]
    fn a_seed_of_which_no_trial_failed_is_shown_rather_than_one_that_stops_early() {
        let mut evidence = example::evidence(2, 6);
        let seed = |evidence: &neuro::record::Evidence| figures(&View::new(evidence)).unwrap()[0].caption.clone();
        assert!(seed(&evidence).contains("(network seed 1)"));
        example::fail(&mut evidence.trials[2], 3, Phase::Injured);
        assert!(seed(&evidence).contains("(network seed 2)"));
        example::fail(&mut evidence.trials[1], 3, Phase::Injured);
        assert!(seed(&evidence).contains("(network seed 1)"), "there is no other");
    }

    #[test]
    fn a_branch_shows_its_own_pictures_alone() {
        let evidence = example::of_a_branch(1, 8, 5, 3);
        let view = View::new(&evidence);
        let svg = figures(&view).unwrap()[0].canvas.standalone();
        assert_eq!(svg.matches(">begins later</text>").count(), 4);
        assert_eq!(svg.matches("<image").count(), 6 + 4 + 4 + 2 + 1, "panels of four arms and the scale");
        let mut alone = evidence.clone();
        alone.trials.retain(|trial| trial.arm == "branch");
        alone.study.arms.drain(..3);
        assert_eq!(
            told(&alone),
            ["healthy", "step 6, injured: 73.8 % lost", "step 7, injured: 79.0 % lost", "step 8, end: 83.2 % lost"]
        );
    }
}
