//! Figure 2 of the paper: what is left against what was lost.

use neuro::record::Phase;

use super::legend::{CHANCE, Legend, Look, Sample};
use super::plot::{Axis, Plot};
use super::sheet::{COLUMN, Figure, MARGIN, branches, layered, of_means};
use super::svg::Canvas;
use crate::attrition::Count;
use crate::curve::{Curve, Point, curves};
use crate::view::{Question, View};
use crate::words;

const LEFT: f64 = 70.0;
const RIGHT: f64 = 18.0;
const HEIGHT: f64 = 240.0;
const BELOW: f64 = 52.0;

/// Figure 2A: accuracy.
pub(super) fn accuracy(view: &View<'_>, question: &Question) -> Option<Figure> {
    let curves = curves(view, question);
    let axis = Axis::percent(&question.axis_title());
    let [_, _, test] = view.evidence.cause.images;
    let of = format!("{} on the {} test images", question.title(), words::count(test as u64));
    let chance = format!(" Dotted: chance ({}).", words::short_percent(view.chance()));
    Some(Figure {
        name: "accuracy".to_owned(),
        title: "Accuracy against synapses lost".to_owned(),
        caption: caption(view, &curves, &of, &chance),
        canvas: draw(view, &curves, axis, Some(view.chance()))?,
    })
}

/// Figure 2B: similarity of the representation to the healthy network's.
pub(super) fn similarity(view: &View<'_>, question: &Question, principal: bool) -> Option<Figure> {
    let curves = curves(view, question);
    let lowest = curves.iter().flat_map(values).fold(0.0, f64::min);
    let axis = Axis::round((lowest * 5.0).floor().min(0.0) / 5.0, 1.0, 7, &question.axis_title());
    let of = format!(
        "{} between the dissimilarity matrix of each network and that of the same network when healthy, layer {} ({} probe images)",
        question.title(),
        question.layer,
        words::count(question.images(&view.evidence.cause.probe_per_class) as u64),
    );
    Some(Figure {
        name: layered("similarity", &question.layer, principal),
        title: format!("Representational similarity against synapses lost, layer {}", question.layer),
        caption: caption(view, &curves, &of, " 1: as in the healthy network."),
        canvas: draw(view, &curves, axis, None)?,
    })
}

/// All values drawn, means and seeds.
fn values(curve: &Curve) -> Vec<f64> {
    let means = curve.points.iter().filter_map(|point| Some(point.estimate?.mean));
    means.chain(curve.seeds.iter().flatten().filter_map(|(_, value)| *value)).collect()
}

fn draw(view: &View<'_>, curves: &[Curve], axis: Axis, chance: Option<f64>) -> Option<Canvas> {
    if curves.is_empty() {
        return None;
    }
    let (heading, entries) = key(view, curves, chance);
    let legend = Legend::new(&heading, &entries, COLUMN - 2.0 * MARGIN);
    let top = MARGIN + legend.height() + 14.0;
    let left = LEFT + axis.more_lines(HEIGHT);
    let width = COLUMN - left - RIGHT;
    let plot = Plot { left, top, width, height: HEIGHT, x: Axis::percent("Synapses lost (%)"), y: axis };
    let mut canvas = Canvas::new(COLUMN, top + HEIGHT + BELOW);
    legend.draw(&mut canvas, MARGIN, MARGIN);
    plot.draw(&mut canvas);
    if let Some(chance) = chance {
        canvas.line(plot.at(0.0, chance), plot.at(1.0, chance), CHANCE);
    }
    // the first arm comes last, on top; means above the faint lines of all
    for curve in curves.iter().rev() {
        draw_spread(&mut canvas, &plot, curve);
    }
    for curve in curves.iter().rev() {
        draw_means(&mut canvas, &plot, curve);
    }
    Some(canvas)
}

fn draw_spread(canvas: &mut Canvas, plot: &Plot, curve: &Curve) {
    let look = look(curve);
    if curve.seeds.len() > 1 {
        for seed in &curve.seeds {
            for run in seed.split(|(_, value)| value.is_none()) {
                let points: Vec<_> = run.iter().filter_map(|(lost, value)| Some(plot.at(*lost, (*value)?))).collect();
                if points.len() > 1 {
                    canvas.polyline(&points, &look.faint(curve.seeds.len()));
                }
            }
        }
    }
    let interval = |point: &Point| point.estimate.and_then(|estimate| estimate.interval());
    for run in curve.points.split(|point| interval(point).is_none()) {
        let low = run.iter().filter_map(|point| Some(plot.at_inside(point.lost, interval(point)?.0)));
        let high = run.iter().filter_map(|point| Some(plot.at_inside(point.lost, interval(point)?.1)));
        let outline: Vec<_> = low.chain(high.rev()).collect();
        if run.len() > 1 {
            canvas.polygon(&outline, &look.band());
        }
    }
}

/// A line stops where a step has no defined value: a bridge would be an invention.
fn draw_means(canvas: &mut Canvas, plot: &Plot, curve: &Curve) {
    let look = look(curve);
    for run in curve.points.split(|point| point.estimate.is_none()) {
        let points: Vec<_> = run.iter().filter_map(|point| Some(plot.at(point.lost, point.estimate?.mean))).collect();
        if points.len() > 1 {
            canvas.polyline(&points, &look.strong());
        }
        points.iter().for_each(|&point| look.mark(canvas, point));
    }
}

fn look(curve: &Curve) -> Look {
    Look { arm: curve.arm, dashed: curve.phase == Phase::Injured }
}

/// What the key says: of all lines, and of each.
fn key(view: &View<'_>, curves: &[Curve], chance: Option<f64>) -> (String, Vec<(Sample, String)>) {
    let planned = worst(view, curves).map_or_else(String::new, |count| format!(" of {}", count.planned));
    let n = format!("{}{planned}", n(curves));
    let one_n = !n.contains('–') && planned.is_empty();
    let heading = match n.as_str() {
        "1" => "n = 1 seed: no interval".to_owned(),
        n => format!("n = {n} seeds; line: mean, band: 95 % CI, thin: each seed"),
    };
    let entry = |curve: &Curve| {
        let arm = view.arms[curve.arm].name();
        let placed = if curve.placed { ", no loss" } else { "" };
        let n = if one_n { String::new() } else { format!(" ({})", n_of(view, curve)) };
        (Sample::Arm(look(curve)), format!("{arm}: {}{placed}{n}", curve.phase))
    };
    let chance = chance.map(|chance| (Sample::Chance, format!("chance: {}", words::short_percent(chance))));
    (heading, curves.iter().map(entry).chain(chance).collect())
}

/// Number of seeds of the means drawn.
fn n(curves: &[Curve]) -> String {
    words::range(curves.iter().flat_map(Curve::seeds_per_point).collect::<Vec<_>>().into_iter())
}

/// "n = 3", "n = 2–3 of 3, 1 failed".
fn n_of(view: &View<'_>, curve: &Curve) -> String {
    let n = words::range(curve.seeds_per_point().into_iter());
    match worst(view, std::slice::from_ref(curve)) {
        Some(count) => format!("n = {n} of {}, {} failed", count.planned, count.failed),
        None => format!("n = {n}"),
    }
}

/// How many trials have failed by the end of the curve that lost most; none if none has.
fn worst(view: &View<'_>, curves: &[Curve]) -> Option<Count> {
    let end = |curve: &Curve| {
        let arm = &view.arms[curve.arm];
        let point = curve.points.iter().rev().find(|point| point.step > curve.origin)?;
        Some(arm.count(point.estimate.map_or(0, |estimate| estimate.n), point.step, curve.phase))
    };
    Count::worst(curves.iter().filter_map(end)).filter(|count| count.failed > 0)
}

fn caption(view: &View<'_>, curves: &[Curve], of: &str, after: &str) -> String {
    let mut text = format!("{of}, against the share of synapses lost, counted from the lesion. ");
    let planned = worst(view, curves).map_or_else(String::new, |count| format!(" of {}", count.planned));
    text += &match format!("{}{planned}", n(curves)).as_str() {
        "1" => "n = 1 seed: no interval.".to_owned(),
        n => format!(
            "Strong lines: mean over seeds (n = {n}); bands: 95 % confidence interval of that mean (Student’s t); thin lines: each seed."
        ),
    };
    if curves.iter().any(|curve| curve.phase == Phase::Treated) {
        text += " Solid line, filled markers: treated, after the lesson of each step.";
    }
    if curves.iter().any(|curve| curve.phase == Phase::Injured) {
        text += " Dashed line, hollow markers: injured, right after the loss.";
    }
    let shams: Vec<String> =
        curves.iter().filter(|curve| curve.placed).map(|c| format!("‘{}’", view.arms[c.arm].name())).collect();
    if let (false, Some(partner)) = (shams.is_empty(), view.partner()) {
        let verb = if shams.len() == 1 { "loses nothing and is" } else { "lose nothing and are" };
        text += &format!(" {} {verb} placed at the loss of the same step of ‘{}’.", words::list(&shams), partner.name());
    }
    text += &branches(view);
    format!("{text}{after} {}", of_means(view))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    #[test]
    fn the_legend_states_n_and_every_line() {
        let evidence = example::evidence(3, 4);
        let view = View::new(&evidence);
        let (heading, entries) = key(&view, &curves(&view, &example::accuracy()), Some(0.1));
        assert_eq!(heading, "n = 3 seeds; line: mean, band: 95 % CI, thin: each seed");
        let labels: Vec<&str> = entries.iter().map(|(_, label)| label.as_str()).collect();
        assert_eq!(
            labels,
            ["retrained: treated", "retrained: injured", "untreated: injured", "sham: treated, no loss", "chance: 10 %"]
        );
        let line = |arm, dashed| Sample::Arm(Look { arm, dashed });
        assert_eq!(
            entries.iter().map(|(sample, _)| *sample).collect::<Vec<_>>(),
            [line(0, false), line(0, true), line(1, true), line(2, false), Sample::Chance]
        );
    }

    #[test]
    fn an_n_that_varies_is_said_of_each_line() {
        let mut evidence = example::evidence(3, 4);
        evidence.trials[0].records.retain(|record| record.step < 3);
        let view = View::new(&evidence);
        let (heading, entries) = key(&view, &curves(&view, &example::accuracy()), None);
        assert!(heading.starts_with("n = 2–3 seeds"));
        assert_eq!(entries[0].1, "retrained: treated (n = 2–3)");
        assert_eq!(entries[2].1, "untreated: injured (n = 3)");
    }

    #[test]
    fn one_seed_has_no_band_and_says_so() {
        let evidence = example::evidence(1, 4);
        let view = View::new(&evidence);
        let figure = accuracy(&view, &example::accuracy()).unwrap();
        let svg = figure.canvas.standalone();
        assert!(svg.contains("n = 1 seed: no interval") && !svg.contains("fill-opacity"));
        assert!(figure.caption.contains("n = 1 seed: no interval") && !figure.caption.contains("bands"));
        assert!(
            accuracy(&View::new(&example::evidence(2, 4)), &example::accuracy())
                .unwrap()
                .canvas
                .standalone()
                .contains("fill-opacity")
        );
    }

    #[test]
    fn a_negative_similarity_is_on_the_axis() {
        let mut evidence = example::evidence(2, 4);
        let question = View::new(&evidence).similarities[0].clone();
        example::set(&mut evidence.trials[0], 3, Phase::Treated, "rdm_similarity_tau_b", Some(-0.25));
        let svg = similarity(&View::new(&evidence), &question, true).unwrap().canvas.standalone();
        assert!(svg.contains(">−0.4</text>") && !svg.contains(">−0.6</text>"));
    }

    #[test]
    fn a_gap_is_not_bridged() {
        let mut evidence = example::evidence(1, 4);
        let lines = |evidence: &_| {
            let svg = accuracy(&View::new(evidence), &example::accuracy()).unwrap().canvas.standalone();
            svg.matches(r##"stroke="#0072b2" stroke-width="2.2"/>"##).count()
        };
        let whole = lines(&evidence);
        example::set(&mut evidence.trials[0], 2, Phase::Treated, "mean_class_accuracy", None);
        assert_eq!(lines(&evidence), whole + 1);
    }
}
