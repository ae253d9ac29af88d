//! Which classes are lost first: accuracy of each class against steps, one map for each arm.

use anyhow::Result;
use neuro::record::Record;
use neuro::statistics::Estimate;

use super::heat::{self, Bar};
use super::svg::{Anchor, Canvas, Text};
use super::{COLUMN, Figure, MARGIN, PAGE, data, text};
use crate::view::{Arm, View};
use crate::words;

const SIZE: f64 = 13.5;
const AXIS_SIZE: f64 = 15.0;
const LINE: f64 = 17.0;
const FOOT: f64 = 36.0;
const GAP: f64 = 16.0;
const ABREAST: usize = 3;

/// The maps of one arm: steps x classes.
struct Map<'a> {
    arm: &'a Arm<'a>,
    steps: Vec<u32>,
    means: Vec<Vec<Option<Estimate>>>,
}

/// None if class accuracy was not read.
pub(super) fn figure(view: &View<'_>) -> Result<Option<Figure>> {
    let maps: Vec<Map<'_>> = view.begun().map(|arm| map(view, arm)).filter(Map::says_something).collect();
    if maps.is_empty() {
        return Ok(None);
    }
    Ok(Some(Figure {
        name: "class-accuracy".to_owned(),
        title: "Accuracy of each class".to_owned(),
        caption: caption(view, &maps),
        canvas: draw(view, &maps)?,
    }))
}

fn map<'a>(view: &View<'_>, arm: &'a Arm<'a>) -> Map<'a> {
    let steps: Vec<u32> = std::iter::once(0).chain(arm.steps_read(arm.outcome)).collect();
    let means =
        steps.iter().map(|&step| view.evidence.cause.classes.iter().map(|class| mean(arm, step, class)).collect()).collect();
    Map { arm, steps, means }
}

fn mean(arm: &Arm<'_>, step: u32, class: &str) -> Option<Estimate> {
    let of_class = |record: &Record| record.readings.iter().find(|r| r.measure == "class_accuracy" && r.class == class)?.value;
    arm.estimate_by(step, arm.outcome_at(step), |record| of_class(record).filter(|value| value.is_finite()))
}

impl Map<'_> {
    fn estimates(&self) -> impl Iterator<Item = Estimate> + Clone {
        self.means.iter().flatten().flatten().copied()
    }

    fn says_something(&self) -> bool {
        self.estimates().next().is_some()
    }
}

fn draw(view: &View<'_>, maps: &[Map<'_>]) -> Result<Canvas> {
    let classes = &view.evidence.cause.classes;
    let cell = if classes.len() <= 20 { 18.0 } else { (360.0 / classes.len() as f64).max(2.5) };
    let names = classes.iter().map(|class| text::width(class, SIZE)).fold(0.0, f64::max).min(110.0);
    let left = MARGIN + names + 6.0;
    let abreast = maps.len().min(ABREAST);
    let sheet = if abreast == 1 { COLUMN } else { PAGE };
    let width = (sheet - left - MARGIN - GAP * (abreast - 1) as f64) / abreast as f64;
    let titles: Vec<Vec<String>> = maps.iter().map(|map| text::wrap(map.arm.name(), SIZE, width)).collect();
    let head = MARGIN + LINE * titles.iter().map(Vec::len).max().unwrap_or(1) as f64;
    let height = cell * classes.len() as f64;
    let row_height = head + height + FOOT;
    let bottom = row_height * maps.len().div_ceil(abreast) as f64;

    let mut canvas = Canvas::new(sheet, bottom + LINE + 14.0 + Bar::HEIGHT);
    for (i, (map, title)) in maps.iter().zip(&titles).enumerate() {
        let (row, column) = (i / abreast, i % abreast);
        let corner = (left + (width + GAP) * column as f64, head + row_height * row as f64);
        for (above, line) in title.iter().rev().enumerate() {
            let baseline = corner.1 - 7.0 - LINE * above as f64;
            canvas.text(Text::new((corner.0 + width / 2.0, baseline), SIZE, Anchor::Middle), line);
        }
        draw_map(&mut canvas, view, map, corner, (width, height))?;
        if column == 0 {
            draw_names(&mut canvas, classes, corner, cell, names);
        }
    }
    let middle = left + (sheet - left - MARGIN) / 2.0;
    let axis = format!("Synapses lost (%), one column for each step{}", if abreast == 1 { "" } else { " of an arm" });
    canvas.text(Text::new((middle, bottom + 8.0), AXIS_SIZE, Anchor::Middle), &axis);
    let bar = Bar { title: "Accuracy of a class (%)", marks: [(0.0, "0"), (0.5, "50"), (1.0, "100")] };
    bar.draw(&mut canvas, sheet - MARGIN, bottom + LINE + 10.0)?;
    Ok(canvas)
}

fn draw_map(canvas: &mut Canvas, view: &View<'_>, map: &Map<'_>, (x, y): (f64, f64), (width, height): (f64, f64)) -> Result<()> {
    let classes = view.evidence.cause.classes.len();
    let value = |row: usize, column: usize| map.means[column][row].map_or(f64::NAN, |estimate| estimate.mean);
    canvas.picture((x, y), (width, height), &heat::png(classes, map.steps.len(), value)?);

    let column = width / map.steps.len() as f64;
    let every = heat::every(column, 30.0);
    for (i, &step) in map.steps.iter().enumerate().step_by(every) {
        let Some(lost) = view.place(map.arm, step) else { continue };
        let middle = x + column * (i as f64 + 0.5);
        canvas.line((middle, y + height), (middle, y + height + 4.0), r#"stroke="currentColor""#);
        let label = format!("{:.0}", lost * 100.0);
        canvas.text(Text::new((middle, y + height + 6.0 + SIZE), SIZE, Anchor::Middle), &label);
    }
    Ok(())
}

fn draw_names(canvas: &mut Canvas, classes: &[String], (x, y): (f64, f64), cell: f64, room: f64) {
    for (i, class) in classes.iter().enumerate().step_by(heat::every(cell, SIZE)) {
        let middle = y + cell * (i as f64 + 0.5) + 0.36 * SIZE;
        canvas.text(Text::new((x - 6.0, middle), SIZE, Anchor::End), &text::fit(class, SIZE, room));
    }
}

fn caption(view: &View<'_>, maps: &[Map<'_>]) -> String {
    let n = words::range(maps.iter().flat_map(Map::estimates).map(|estimate| estimate.n).collect::<Vec<_>>().into_iter());
    let thinned = if view.evidence.cause.classes.len() > 30 { " Not every class is named." } else { "" };
    let placed = match (maps.iter().any(|map| map.arm.is_sham()), view.partner()) {
        (true, Some(partner)) => {
            format!(" An arm that loses nothing is labelled with the loss of the same step of ‘{}’.", partner.name())
        }
        _ => String::new(),
    };
    format!(
        "Share of each class’s test images that is named right, at the end of each step (after the lesson, where there is one); mean over \
         seeds (n = {n}). The first column is healthy; grey: not defined.{thinned}{placed} {}",
        data(view)
    )
}

#[cfg(test)]
mod tests {
    use neuro::record::Phase;

    use super::*;
    use crate::example;

    #[test]
    fn a_cell_is_the_mean_over_seeds_of_one_class_at_the_end_of_a_step() {
        let evidence = example::evidence(3, 3);
        let view = View::new(&evidence);
        let map = map(&view, &view.arms[0]);
        assert_eq!(map.steps, [0, 1, 2, 3]);
        let values: Vec<f64> = evidence.trials[..3]
            .iter()
            .map(|trial| trial.records.iter().find(|r| r.step == 2 && r.phase == Phase::Treated).unwrap())
            .map(|record| record.readings.iter().find(|r| r.class == "cat").unwrap().value.unwrap())
            .collect();
        assert_eq!(map.means[2][3], Estimate::of(&values));
    }

    #[test]
    fn many_arms_wrap_and_many_classes_are_thinned() {
        let mut evidence = example::evidence(1, 2);
        let classes: Vec<String> = (0..100).map(|i| format!("class {i}")).collect();
        for record in evidence.trials.iter_mut().flat_map(|trial| &mut trial.records) {
            let readings =
                classes.iter().map(|class| neuro::record::Reading::new("class_accuracy", Some(0.5), 100).of_class(class));
            record.readings.extend(readings);
        }
        evidence.cause.classes = classes;
        let svg = figure(&View::new(&evidence)).unwrap().unwrap().canvas.standalone();
        let named = svg.matches(">class ").count();
        assert!((20..50).contains(&named), "{named}");
    }
}
