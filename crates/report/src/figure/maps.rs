//! What is lost first: accuracy of each class, or similarity of each layer, against steps; one map for each arm.

use anyhow::Result;
use neuro::statistics::Estimate;

use super::heat::{self, Bar};
use super::sheet::{COLUMN, Figure, MARGIN, PAGE, branches, of_means};
use super::svg::{Anchor, Canvas, Text};
use super::text;
use crate::names;
use crate::view::{Arm, Question, View};
use crate::words;

const SIZE: f64 = 13.5;
const AXIS_SIZE: f64 = 15.0;
const LINE: f64 = 17.0;
const FOOT: f64 = 36.0;
const GAP: f64 = 16.0;
const ABREAST: usize = 3;

/// One map: the means of one arm, step by step, each with one value for each row.
struct Map<'a> {
    arm: &'a Arm<'a>,
    steps: Vec<u32>,
    means: Vec<Vec<Option<Estimate>>>,
}

/// Accuracy of each class; none if it was not read.
pub(super) fn classes(view: &View<'_>) -> Result<Option<Figure>> {
    let classes = &view.evidence.cause.classes;
    let questions: Vec<Question> = classes.iter().map(|class| Question::of_class("class_accuracy", class)).collect();
    let maps = maps(view, &questions);
    if maps.is_empty() {
        return Ok(None);
    }
    let bar = Bar::of_shares("Accuracy of a class (%)", [(0.0, "0"), (0.5, "50"), (1.0, "100")]);
    let what = "Share of each class’s test images that is named right";
    Ok(Some(Figure {
        name: "class-accuracy".to_owned(),
        title: "Accuracy of each class".to_owned(),
        caption: caption(view, &maps, what),
        canvas: draw(view, &maps, classes, &bar)?,
    }))
}

/// Similarity of each layer, in the order of the probe; none if no layer was read.
pub(super) fn layers(view: &View<'_>) -> Result<Option<Figure>> {
    let mut layers = view.similarities.clone();
    layers.sort_by_key(|question| view.evidence.study.probe.layers.iter().position(|layer| *layer == question.layer));
    let maps = maps(view, &layers);
    let (Some(question), false) = (layers.first(), maps.is_empty()) else { return Ok(None) };
    let names: Vec<String> = layers.iter().map(|question| question.layer.clone()).collect();
    let bar = Bar::of_shares(&question.axis_title(), [(0.0, "≤ 0"), (0.5, "0.5"), (1.0, "1")]);
    let what =
        format!("{} between the dissimilarity matrix of each layer and that of the same network when healthy", question.title());
    Ok(Some(Figure {
        name: "similarity-layers".to_owned(),
        title: "Representational similarity of each layer".to_owned(),
        caption: caption(view, &maps, &what),
        canvas: draw(view, &maps, &names, &bar)?,
    }))
}

/// The maps of all arms that have any value; a row for each question.
fn maps<'a>(view: &'a View<'_>, rows: &[Question]) -> Vec<Map<'a>> {
    let map = |arm: &'a Arm<'a>| {
        // a branch would seem to fall from health in one step if the end of the step it began after were not there
        let begins = [0, arm.origin].into_iter().take(if arm.origin > 0 { 2 } else { 1 });
        let steps: Vec<u32> = begins.chain(arm.steps_read(arm.outcome)).collect();
        let column = |&step: &u32| rows.iter().map(|row| arm.estimate(step, arm.outcome_at(step), row)).collect();
        let means = steps.iter().map(column).collect();
        Map { arm, steps, means }
    };
    view.begun().map(map).filter(|map| map.estimates().next().is_some()).collect()
}

impl Map<'_> {
    fn estimates(&self) -> impl Iterator<Item = Estimate> + Clone {
        self.means.iter().flatten().flatten().copied()
    }
}

fn height_of(rows: usize) -> f64 {
    if rows <= 20 { 18.0 } else { (360.0 / rows as f64).max(2.5) }
}

fn draw(view: &View<'_>, maps: &[Map<'_>], rows: &[String], bar: &Bar) -> Result<Canvas> {
    let cell = height_of(rows.len());
    let names = rows.iter().map(|name| text::width(name, SIZE)).fold(0.0, f64::max).min(110.0);
    let left = MARGIN + names + 6.0;
    let abreast = maps.len().min(ABREAST);
    let sheet = if abreast == 1 { COLUMN } else { PAGE };
    let width = (sheet - left - MARGIN - GAP * (abreast - 1) as f64) / abreast as f64;
    let titles: Vec<Vec<String>> = maps.iter().map(|map| text::wrap(map.arm.name(), SIZE, width)).collect();
    let head = MARGIN + LINE * titles.iter().map(Vec::len).max().unwrap_or(1) as f64;
    let height = cell * rows.len() as f64;
    let row_height = head + height + FOOT;
    let bottom = row_height * maps.len().div_ceil(abreast) as f64;

    let room = sheet - 2.0 * MARGIN;
    let mut canvas = Canvas::new(sheet, bottom + LINE + 14.0 + bar.height(room));
    for (i, (map, title)) in maps.iter().zip(&titles).enumerate() {
        let (row, column) = (i / abreast, i % abreast);
        let corner = (left + (width + GAP) * column as f64, head + row_height * row as f64);
        for (above, line) in title.iter().rev().enumerate() {
            let baseline = corner.1 - 7.0 - LINE * above as f64;
            canvas.text(Text::new((corner.0 + width / 2.0, baseline), SIZE, Anchor::Middle), line);
        }
        draw_map(&mut canvas, view, map, corner, (width, height))?;
        if column == 0 {
            draw_names(&mut canvas, rows, corner, names);
        }
    }
    let axis = format!("Synapses lost (%), one column for each step{}", if abreast == 1 { "" } else { " of an arm" });
    // below the middle of the maps, unless a narrow sheet ends before
    let middle = (left + (sheet - left - MARGIN) / 2.0).min(sheet - MARGIN - text::width(&axis, AXIS_SIZE) / 2.0);
    canvas.text(Text::new((middle, bottom + 8.0), AXIS_SIZE, Anchor::Middle), &axis);
    bar.draw(&mut canvas, sheet - MARGIN, bottom + LINE + 10.0, room)?;
    Ok(canvas)
}

fn draw_map(canvas: &mut Canvas, view: &View<'_>, map: &Map<'_>, (x, y): (f64, f64), (width, height): (f64, f64)) -> Result<()> {
    let rows = map.means[0].len();
    let value = |row: usize, column: usize| map.means[column][row].map_or(f64::NAN, |estimate| estimate.mean);
    canvas.picture((x, y), (width, height), &heat::png(rows, map.steps.len(), value)?);

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

fn draw_names(canvas: &mut Canvas, rows: &[String], (x, y): (f64, f64), room: f64) {
    let cell = height_of(rows.len());
    for (i, name) in rows.iter().enumerate().step_by(heat::every(cell, SIZE)) {
        let middle = y + cell * (i as f64 + 0.5) + 0.36 * SIZE;
        canvas.text(Text::new((x - 6.0, middle), SIZE, Anchor::End), &text::fit(name, SIZE, room));
    }
}

fn caption(view: &View<'_>, maps: &[Map<'_>], what: &str) -> String {
    let n = words::range(maps.iter().flat_map(Map::estimates).map(|estimate| estimate.n).collect::<Vec<_>>().into_iter());
    let rows = maps.first().map_or(0, |map| map.means[0].len());
    let thinned = if heat::every(height_of(rows), SIZE) > 1 { " Not every row is named." } else { "" };
    let placed = match (maps.iter().any(|map| map.arm.is_whole()), view.partner()) {
        (true, Some(partner)) => {
            format!(" An arm that loses nothing is labelled with the loss of the same step of ‘{}’.", partner.name())
        }
        _ => String::new(),
    };
    let second = if maps.iter().any(|map| map.arm.origin > 0) { ", the second of a branch is where it begins" } else { "" };
    format!(
        "{what}, at the end of each step (after the lesson, where there is one); mean over seeds (n = {n}), intervals in {}. The first column \
         is healthy{second}; grey: not defined.{thinned}{placed}{} {}",
        names::TABLE,
        branches(view),
        of_means(view)
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
        let maps = maps(&view, &example::CLASSES.map(|class| Question::of_class("class_accuracy", class)));
        let map = &maps[0];
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
                classes.iter().map(|class| neuro::reading::Reading::new("class_accuracy", Some(0.5), 100).of_class(class));
            record.readings.extend(readings);
        }
        evidence.cause.classes = classes;
        let svg = super::classes(&View::new(&evidence)).unwrap().unwrap().canvas.standalone();
        let named = svg.matches(">class ").count();
        assert!((20..50).contains(&named), "{named}");
    }

    #[test]
    fn layers_are_in_the_order_of_the_probe() {
        let evidence = example::evidence(2, 3);
        let svg = layers(&View::new(&evidence)).unwrap().unwrap().canvas.standalone();
        assert!(svg.find(">block3<").unwrap() < svg.find(">penultimate<").unwrap());
        assert_eq!(svg.matches("<image").count(), 3 + 1, "a map for each arm, and the scale");
        let mut evidence = evidence;
        example::forget(&mut evidence, "rdm_similarity_tau_b");
        assert!(layers(&View::new(&evidence)).unwrap().is_none());
    }

    #[test]
    fn the_map_of_a_branch_begins_healthy_and_where_it_branched() {
        let evidence = example::of_a_branch(2, 8, 5, 3);
        let view = View::new(&evidence);
        let maps = maps(&view, &[Question::of_class("class_accuracy", "cat")]);
        assert_eq!(maps[3].steps, [0, 5, 6, 7, 8]);
        assert_eq!((&maps[3].means[0], &maps[3].means[1]), (&maps[0].means[0], &maps[0].means[5]));
        assert!(super::classes(&view).unwrap().unwrap().caption.contains("the second of a branch is where it begins"));
    }
}
