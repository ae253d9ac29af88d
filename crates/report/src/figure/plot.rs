//! A frame with two axes.

use super::svg::{Anchor, Canvas, Text};
use super::text;

pub(super) const TICK_SIZE: f64 = 14.0;
pub(super) const TITLE_SIZE: f64 = 15.0;
const TITLE_LINE: f64 = 18.0;

/// One axis: what it spans, where it is marked, what it says.
pub(super) struct Axis {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) ticks: Vec<(f64, String)>,
    pub(super) title: String,
}

/// Where a frame lies on the sheet, and its axes.
pub(super) struct Plot {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) x: Axis,
    pub(super) y: Axis,
}

impl Axis {
    /// About `count` round marks over the span.
    pub(super) fn round(from: f64, to: f64, count: usize, title: &str) -> Self {
        let step = round_step((to - from) / count as f64);
        let decimals = (-step.log10().floor()).max(0.0) as usize;
        let first = (from / step - 1e-9).ceil() as i64;
        let last = (to / step + 1e-9).floor() as i64;
        let tick = |i: i64| (i as f64 * step, format!("{:.decimals$}", i as f64 * step).replace('-', "−"));
        Self { from, to, ticks: (first..=last).map(tick).collect(), title: title.to_owned() }
    }

    /// From 0 to the first round mark that holds `highest`.
    pub(super) fn up_to(highest: f64, count: usize, title: &str) -> Self {
        let step = round_step(highest / count as f64);
        Self::round(0.0, (highest / step - 1e-9).ceil() * step, count, title)
    }

    /// 0 to 100 %, for shares.
    pub(super) fn percent(title: &str) -> Self {
        let ticks = (0..=5).map(|i| (f64::from(i) * 0.2, format!("{}", i * 20))).collect();
        Self { from: 0.0, to: 1.0, ticks, title: title.to_owned() }
    }

    /// The title in lines that are no longer than the axis.
    fn upright_lines(&self, height: f64) -> Vec<String> {
        text::wrap(&self.title, TITLE_SIZE, height)
    }

    /// Room to the left of an axis of this height beyond what a title of one line needs.
    pub(super) fn more_lines(&self, height: f64) -> f64 {
        TITLE_LINE * (self.upright_lines(height).len() - 1) as f64
    }

    fn share(&self, value: f64) -> f64 {
        (value - self.from) / (self.to - self.from)
    }
}

/// 1, 2 or 5 times a power of ten, not below `rough`.
fn round_step(rough: f64) -> f64 {
    let power = 10f64.powf(rough.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= rough * (1.0 - 1e-9)).unwrap_or(10.0);
    factor * power
}

impl Plot {
    /// The point on the sheet.
    pub(super) fn at(&self, x: f64, y: f64) -> (f64, f64) {
        (self.left + self.x.share(x) * self.width, self.top + (1.0 - self.y.share(y)) * self.height)
    }

    /// As [`Plot::at`], held inside the frame from top to bottom: for intervals that reach beyond what is possible.
    pub(super) fn at_inside(&self, x: f64, y: f64) -> (f64, f64) {
        self.at(x, y.clamp(self.y.from, self.y.to))
    }

    /// Axes, marks, titles and a faint grid.
    pub(super) fn draw(&self, canvas: &mut Canvas) {
        let (right, bottom) = (self.left + self.width, self.top + self.height);
        let axis = r#"stroke="currentColor" stroke-width="1.2""#;
        for (value, label) in &self.y.ticks {
            let (_, y) = self.at(self.x.from, *value);
            canvas.line((self.left, y), (right, y), r#"stroke="currentColor" stroke-opacity="0.13" stroke-width="1""#);
            canvas.line((self.left - 5.0, y), (self.left, y), axis);
            canvas.text(Text::new((self.left - 9.0, y + 0.36 * TICK_SIZE), TICK_SIZE, Anchor::End), label);
        }
        for (value, label) in &self.x.ticks {
            let (x, _) = self.at(*value, self.y.from);
            canvas.line((x, bottom), (x, bottom + 5.0), axis);
            canvas.text(Text::new((x, bottom + 8.0 + TICK_SIZE), TICK_SIZE, Anchor::Middle), label);
        }
        canvas.polyline(&[(self.left, self.top), (self.left, bottom), (right, bottom)], axis);
        let middle = (self.left + self.width / 2.0, bottom + 14.0 + TICK_SIZE + TITLE_SIZE);
        canvas.text(Text::new(middle, TITLE_SIZE, Anchor::Middle), &self.x.title);
        let labels = self.y.ticks.iter().map(|(_, label)| text::width(label, TICK_SIZE)).fold(0.0, f64::max);
        let lines = self.y.upright_lines(self.height);
        for (i, line) in lines.iter().rev().enumerate() {
            let beside = (self.left - labels - 18.0 - TITLE_LINE * i as f64, self.top + self.height / 2.0);
            canvas.text(Text::new(beside, TITLE_SIZE, Anchor::Middle).upright(), line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_and_inside() {
        let labels = |from, to, count| Axis::round(from, to, count, "").ticks.into_iter().map(|(_, l)| l).collect::<Vec<_>>();
        assert_eq!(labels(0.0, 1.0, 5), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(-0.2, 1.0, 6), ["−0.2", "0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(0.0, 100.0, 5), ["0", "20", "40", "60", "80", "100"]);
        assert_eq!(labels(1.0, 10.0, 5), ["2", "4", "6", "8", "10"]);
        assert_eq!([0.37, 1.8, 2.0].map(|highest| Axis::up_to(highest, 4, "").to), [0.4, 2.0, 2.0]);
    }

    #[test]
    fn values_map_linearly_and_intervals_stay_inside() {
        let plot = Plot { left: 10.0, top: 20.0, width: 100.0, height: 50.0, x: Axis::percent("x"), y: Axis::percent("y") };
        assert_eq!(plot.at(0.0, 0.0), (10.0, 70.0));
        assert_eq!(plot.at(1.0, 1.0), (110.0, 20.0));
        assert_eq!(plot.at(0.5, 0.25), (60.0, 57.5));
        assert_eq!(plot.at_inside(0.5, 1.2), (60.0, 20.0));
    }
}
