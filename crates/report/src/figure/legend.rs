//! Lines, markers, and the key that explains them, which stands above the plot and so never covers data.

use super::svg::{Anchor, Canvas, PAPER, Text};
use super::{colour, text};

pub(super) const SIZE: f64 = 14.0;
const ROW: f64 = 21.0;
const SAMPLE: f64 = 40.0;
const APART: f64 = 26.0;
const RADIUS: f64 = 4.0;

/// How a line looks: colour and shape of marker tell the arm, also without colour; dashes and hollow markers tell
/// what was read right after the loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) arm: usize,
    pub(super) dashed: bool,
}

impl Look {
    /// A line of a seed: faint, fainter where there are many.
    pub(super) fn faint(self, seeds: usize) -> String {
        let opacity = if seeds <= 5 { 0.5 } else { 0.25 };
        format!(r#"stroke="{}" stroke-opacity="{opacity}" stroke-width="1"{}"#, self.colour(), self.dashes("3 3"))
    }

    /// The line of the mean.
    pub(super) fn strong(self) -> String {
        format!(r#"stroke="{}" stroke-width="2.2"{}"#, self.colour(), self.dashes("7 4"))
    }

    /// The band of the interval.
    pub(super) fn band(self) -> String {
        format!(r#"fill="{}" fill-opacity="0.17""#, self.colour())
    }

    /// A point of the mean.
    pub(super) fn mark(self, canvas: &mut Canvas, at: (f64, f64)) {
        let colour = self.colour();
        let ink = if self.dashed {
            format!(r#"{PAPER} stroke="{colour}" stroke-width="1.6""#)
        } else {
            format!(r#"fill="{colour}" stroke="{colour}" stroke-width="1""#)
        };
        let polygon =
            |shape: &[(f64, f64)]| shape.iter().map(|(x, y)| (at.0 + RADIUS * x, at.1 + RADIUS * y)).collect::<Vec<_>>();
        match self.arm % 5 {
            0 => canvas.circle(at, RADIUS * 0.95, &ink),
            1 => canvas.polygon(&polygon(&[(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)]), &ink),
            2 => canvas.polygon(&polygon(&[(0.0, -1.2), (1.1, 0.8), (-1.1, 0.8)]), &ink),
            3 => canvas.polygon(&polygon(&[(0.0, -1.25), (1.15, 0.0), (0.0, 1.25), (-1.15, 0.0)]), &ink),
            _ => canvas.polygon(&polygon(&[(0.0, 1.2), (1.1, -0.8), (-1.1, -0.8)]), &ink),
        }
    }

    fn colour(self) -> &'static str {
        colour::arm(self.arm)
    }

    fn dashes(self, pattern: &str) -> String {
        if self.dashed { format!(r#" stroke-dasharray="{pattern}""#) } else { String::new() }
    }
}

/// The key: a first line that says what is drawn, then one entry for each line, in as many columns as fit.
pub(super) struct Legend {
    pub(super) heading: String,
    pub(super) entries: Vec<(Look, String)>,
}

impl Legend {
    pub(super) fn height(&self, room: f64) -> f64 {
        ROW * (1 + self.entries.len().div_ceil(self.columns(room))) as f64
    }

    /// Draws into a space `room` wide, below `top`.
    pub(super) fn draw(&self, canvas: &mut Canvas, left: f64, top: f64, room: f64) {
        let baseline = |row: usize| top + ROW * (row as f64 + 0.7);
        canvas.text(Text::new((left, baseline(0)), SIZE - 1.0, Anchor::Start), &text::fit(&self.heading, SIZE - 1.0, room));
        // column by column, so that the lines of one arm stay together
        let rows = self.entries.len().div_ceil(self.columns(room)).max(1);
        let mut x = left;
        for column in self.entries.chunks(rows) {
            for (row, (look, label)) in column.iter().enumerate() {
                let y = baseline(row + 1);
                let middle = y - 0.36 * SIZE;
                canvas.line((x, middle), (x + SAMPLE, middle), &look.strong());
                look.mark(canvas, (x + SAMPLE / 2.0, middle));
                let label = text::fit(label, SIZE, left + room - x - SAMPLE - 8.0);
                canvas.text(Text::new((x + SAMPLE + 8.0, y), SIZE, Anchor::Start), &label);
            }
            x += width(column) + APART;
        }
    }

    /// As many columns as fit.
    fn columns(&self, room: f64) -> usize {
        let fits = |columns: &usize| {
            let rows = self.entries.len().div_ceil(*columns);
            self.entries.chunks(rows).map(|column| width(column) + APART).sum::<f64>() - APART <= room
        };
        (1..=self.entries.len()).rev().find(fits).unwrap_or(1)
    }
}

fn width(column: &[(Look, String)]) -> f64 {
    SAMPLE + 8.0 + column.iter().map(|(_, label)| text::width(label, SIZE)).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn legend(labels: &[&str]) -> Legend {
        let entries = labels.iter().enumerate().map(|(arm, label)| (Look { arm, dashed: false }, (*label).to_owned())).collect();
        Legend { heading: "n = 3".to_owned(), entries }
    }

    #[test]
    fn entries_stand_in_as_many_columns_as_fit() {
        let short = legend(&["a", "b", "c", "d"]);
        assert_eq!([900.0, 250.0, 130.0, 20.0].map(|room| short.columns(room)), [4, 3, 1, 1]);
        assert_eq!(short.height(20.0), 5.0 * ROW);
        assert_eq!(
            legend(&["a", "b", "a label that is much longer than the others"]).columns(560.0),
            3,
            "columns are as wide as they must be"
        );
        assert_eq!(legend(&[]).height(100.0), ROW);
    }
}
