//! How the healthy networks learned.

use neuro::record::EpochRecord;
use neuro::statistics::Estimate;

use super::legend::Legend;
use super::plot::{Axis, Plot};
use super::sheet::{COLUMN, Figure, MARGIN, data};
use super::svg::Canvas;
use crate::view::View;
use crate::words;

const HEIGHT: f64 = 180.0;
const LEFT: f64 = 60.0;
const EACH: f64 = 132.0;

/// One quantity over the epochs of schooling.
struct Course {
    /// For each epoch, its value in each network that got so far.
    epochs: Vec<Vec<f64>>,
    /// Each network's own line.
    networks: Vec<Vec<(f64, f64)>>,
}

/// None if nothing was learned.
pub(super) fn figure(view: &View<'_>) -> Option<Figure> {
    let schooling: Vec<&[EpochRecord]> = view.evidence.schooling.iter().map(|(_, epochs)| epochs.as_slice()).collect();
    let last = schooling.iter().flat_map(|epochs| epochs.iter()).map(|epoch| epoch.epoch).max()?;
    let loss = course(&schooling, last, |epoch| epoch.loss);
    let accuracy = course(&schooling, last, |epoch| epoch.accuracy);
    let networks = words::range(loss.epochs.iter().map(Vec::len).filter(|&n| n > 0));
    Some(Figure {
        name: "learning".to_owned(),
        title: "Schooling of the healthy networks".to_owned(),
        caption: format!(
            "Mean training loss and share of the training images named right, as seen while learning, in each epoch of schooling; {}{}. {}",
            match networks.as_str() {
                "1" => "n = 1 network: no interval".to_owned(),
                n => format!("mean, 95 % confidence interval of the mean (Student’s t) and each network (n = {n})"),
            },
            match view.subjects(0) {
                subjects if subjects.failed == 0 => String::new(),
                subjects => format!("; {} of {} networks failed", subjects.failed, subjects.planned),
            },
            data(view)
        ),
        canvas: draw(last, &networks, &loss, &accuracy),
    })
}

fn course(schooling: &[&[EpochRecord]], last: u32, value: impl Fn(&EpochRecord) -> f64) -> Course {
    let at = |n: u32| schooling.iter().flat_map(|epochs| epochs.iter()).filter(move |epoch| epoch.epoch == n);
    let epochs = (1..=last).map(|n| at(n).map(&value).filter(|v| v.is_finite()).collect()).collect();
    let line =
        |epochs: &&[EpochRecord]| epochs.iter().map(|e| (f64::from(e.epoch), value(e))).filter(|(_, v)| v.is_finite()).collect();
    Course { epochs, networks: schooling.iter().map(line).collect() }
}

fn draw(last: u32, networks: &str, loss: &Course, accuracy: &Course) -> Canvas {
    let heading = match networks {
        "1" => "n = 1 network: no interval".to_owned(),
        n => format!("n = {n} networks; line: mean, band: 95 % CI, thin: each"),
    };
    let legend = Legend::new(&heading, &[], COLUMN - 2.0 * MARGIN);
    let top = MARGIN + legend.height() + 10.0;
    let mut canvas = Canvas::new(COLUMN, top + HEIGHT + 52.0);
    legend.draw(&mut canvas, MARGIN, MARGIN);
    let highest = loss.networks.iter().flatten().map(|(_, value)| *value).fold(1e-3, f64::max);
    let axes = [(loss, Axis::up_to(highest, 4, "Training loss (nats)")), (accuracy, Axis::percent("Training accuracy (%)"))];
    for (i, (course, y)) in axes.into_iter().enumerate() {
        let x = Axis::round(0.0, f64::from(last), last.min(5) as usize, "Epoch");
        let plot = Plot { left: LEFT + (COLUMN / 2.0 + 5.0) * i as f64, top, width: EACH, height: HEIGHT, x, y };
        plot.draw(&mut canvas);
        draw_course(&mut canvas, &plot, course);
    }
    canvas
}

fn draw_course(canvas: &mut Canvas, plot: &Plot, course: &Course) {
    if course.networks.len() > 1 {
        for network in &course.networks {
            let points: Vec<_> = network.iter().map(|&(x, y)| plot.at(x, y)).collect();
            canvas.polyline(&points, r#"stroke="currentColor" stroke-opacity="0.3" stroke-width="1""#);
        }
    }
    let estimates = course.epochs.iter().enumerate().filter_map(|(i, values)| Some((i as f64 + 1.0, Estimate::of(values)?)));
    let intervals: Vec<_> = estimates.clone().filter_map(|(x, estimate)| Some((x, estimate.interval()?))).collect();
    let low = intervals.iter().map(|&(x, (low, _))| plot.at_inside(x, low));
    let high = intervals.iter().rev().map(|&(x, (_, high))| plot.at_inside(x, high));
    if intervals.len() > 1 {
        canvas.polygon(&low.chain(high).collect::<Vec<_>>(), r#"fill="currentColor" fill-opacity="0.14""#);
    }
    let means: Vec<_> = estimates.map(|(x, estimate)| plot.at(x, estimate.mean)).collect();
    canvas.polyline(&means, r#"stroke="currentColor" stroke-width="2""#);
    means.iter().for_each(|&point| canvas.circle(point, 2.6, r#"fill="currentColor""#));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    #[test]
    fn epochs_are_averaged_over_the_networks_that_got_so_far() {
        let mut evidence = example::evidence(3, 1);
        evidence.schooling[1].1.truncate(4);
        evidence.schooling[2].1[9].loss = f64::NAN;
        let schooling: Vec<&[EpochRecord]> = evidence.schooling.iter().map(|(_, epochs)| epochs.as_slice()).collect();
        let loss = course(&schooling, 10, |epoch| epoch.loss);
        assert_eq!(loss.epochs.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 3, 3, 2, 2, 2, 2, 2, 1]);
        assert_eq!(loss.epochs[0][0], evidence.schooling[0].1[0].loss);
        let figure = figure(&View::new(&evidence)).unwrap();
        assert!(figure.caption.contains("(n = 1–3)") && figure.canvas.standalone().contains("n = 1–3 networks"));
    }

    #[test]
    fn one_epoch_of_one_network_is_enough() {
        let mut evidence = example::evidence(1, 1);
        evidence.schooling[0].1.truncate(1);
        let figure = figure(&View::new(&evidence)).unwrap();
        assert!(figure.canvas.standalone().contains("n = 1 network: no interval"));
        assert!(!figure.canvas.standalone().contains("NaN"));
    }
}
