//! Lines, markers, and the key that explains them, which stands above the plot and so never covers data.

use super::svg::{Anchor, Canvas, PAPER, Text};
use super::{colour, text};

const SIZE: f64 = 14.0;
const HEADING_SIZE: f64 = 13.0;
const ROW: f64 = 20.0;
const SAMPLE: f64 = 36.0;
const INDENT: f64 = SAMPLE + 8.0;
const APART: f64 = 20.0;
const RADIUS: f64 = 4.0;

/// The line of what would be reached by guessing.
pub(super) const CHANCE: &str = r#"stroke="currentColor" stroke-width="1.2" stroke-dasharray="1.5 3""#;

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
        match self.arm % 7 {
            0 => canvas.circle(at, RADIUS * 0.95, &ink),
            1 => canvas.polygon(&polygon(&[(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)]), &ink),
            2 => canvas.polygon(&polygon(&[(0.0, -1.2), (1.1, 0.8), (-1.1, 0.8)]), &ink),
            3 => canvas.polygon(&polygon(&[(0.0, -1.25), (1.15, 0.0), (0.0, 1.25), (-1.15, 0.0)]), &ink),
            4 => canvas.polygon(&polygon(&[(0.0, 1.2), (1.1, -0.8), (-1.1, -0.8)]), &ink),
            5 => canvas.polygon(&polygon(&plus()), &ink),
            _ => canvas.polygon(&polygon(&star()), &ink),
        }
    }

    fn colour(self) -> &'static str {
        colour::arm(self.arm)
    }

    fn dashes(self, pattern: &str) -> String {
        if self.dashed { format!(r#" stroke-dasharray="{pattern}""#) } else { String::new() }
    }
}

fn plus() -> Vec<(f64, f64)> {
    let (long, short) = (1.2, 0.42);
    let arm = [(-short, -long), (short, -long), (short, -short)];
    let turned = |turn: usize, (x, y): (f64, f64)| (0..turn).fold((x, y), |(x, y), _| (-y, x));
    (0..4).flat_map(|turn| arm.map(|point| turned(turn, point))).collect()
}

fn star() -> Vec<(f64, f64)> {
    let point = |i: i32| {
        let (radius, angle) = (if i % 2 == 0 { 1.4 } else { 0.62 }, std::f64::consts::PI * f64::from(i) / 5.0);
        (radius * angle.sin(), -radius * angle.cos())
    };
    (0..10).map(point).collect()
}

/// What an entry of the key shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sample {
    Arm(Look),
    Chance,
}

/// The key: first what is drawn, then one entry for each line, in as many columns as fit. No text is cut: what is too
/// long goes on in the next line.
pub(super) struct Legend {
    heading: Vec<String>,
    columns: Vec<Column>,
}

struct Column {
    width: f64,
    entries: Vec<(Sample, Vec<String>)>,
}

impl Column {
    fn new(entries: &[(Sample, String)], room: f64) -> Self {
        let entries: Vec<_> = entries.iter().map(|(sample, label)| (*sample, text::wrap(label, SIZE, room - INDENT))).collect();
        let widest = entries.iter().flat_map(|(_, lines)| lines).map(|line| text::width(line, SIZE)).fold(0.0, f64::max);
        Self { width: INDENT + widest, entries }
    }

    fn rows(&self) -> usize {
        self.entries.iter().map(|(_, lines)| lines.len()).sum()
    }
}

impl Legend {
    /// A key that is at most `room` wide.
    pub(super) fn new(heading: &str, entries: &[(Sample, String)], room: f64) -> Self {
        let heading = text::wrap(heading, HEADING_SIZE, room);
        // column by column, so that the lines of one arm stay together
        let columns = |count: usize, room| -> Vec<Column> {
            let rows = entries.len().div_ceil(count).max(1);
            entries.chunks(rows).map(|entries| Column::new(entries, room)).collect()
        };
        let fits = |columns: &Vec<Column>| columns.iter().map(|column| column.width + APART).sum::<f64>() - APART <= room;
        let several = (2..=entries.len()).rev().map(|count| columns(count, f64::INFINITY)).find(fits);
        Self { heading, columns: several.unwrap_or_else(|| columns(1, room)) }
    }

    pub(super) fn height(&self) -> f64 {
        let rows = self.columns.iter().map(Column::rows).max().unwrap_or(0);
        ROW * (self.heading.len() + rows) as f64
    }

    pub(super) fn draw(&self, canvas: &mut Canvas, left: f64, top: f64) {
        let baseline = |row: usize| top + ROW * (row as f64 + 0.7);
        for (row, line) in self.heading.iter().enumerate() {
            canvas.text(Text::new((left, baseline(row)), HEADING_SIZE, Anchor::Start), line);
        }
        let mut x = left;
        for column in &self.columns {
            let mut row = self.heading.len();
            for (sample, lines) in &column.entries {
                sample.draw(canvas, (x, baseline(row) - 0.36 * SIZE));
                for line in lines {
                    canvas.text(Text::new((x + INDENT, baseline(row)), SIZE, Anchor::Start), line);
                    row += 1;
                }
            }
            x += column.width + APART;
        }
    }
}

impl Sample {
    fn draw(self, canvas: &mut Canvas, (x, y): (f64, f64)) {
        match self {
            Sample::Arm(look) => {
                canvas.line((x, y), (x + SAMPLE, y), &look.strong());
                look.mark(canvas, (x + SAMPLE / 2.0, y));
            }
            Sample::Chance => canvas.line((x, y), (x + SAMPLE, y), CHANCE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn legend(labels: &[&str], room: f64) -> Legend {
        let sample = |arm| Sample::Arm(Look { arm, dashed: false });
        let entries: Vec<_> = labels.iter().enumerate().map(|(arm, label)| (sample(arm), (*label).to_owned())).collect();
        Legend::new("n = 3", &entries, room)
    }

    #[test]
    fn entries_stand_in_as_many_columns_as_fit() {
        let columns = |labels: &[&str], room| legend(labels, room).columns.len();
        assert_eq!([900.0, 250.0, 130.0, 60.0].map(|room| columns(&["a", "b", "c", "d"], room)), [4, 2, 2, 1]);
        assert_eq!(columns(&["a", "b", "a label that is much longer than the others"], 540.0), 3, "as wide as each must be");
        assert_eq!(legend(&["a", "b", "c", "d"], 60.0).height(), 5.0 * ROW);
        assert_eq!(legend(&[], 100.0).height(), ROW);
    }

    #[test]
    fn a_label_that_is_too_long_goes_on_in_the_next_line() {
        let legend = legend(&["an arm of a long name: treated", "b"], 150.0);
        assert_eq!((legend.columns.len(), legend.columns[0].rows()), (1, 4));
        assert_eq!(legend.columns[0].entries[0].1.join(" "), "an arm of a long name: treated");
        assert!(legend.columns[0].width <= 150.0);
    }

    #[test]
    fn no_two_of_the_first_forty_arms_look_alike() {
        let mark = |arm| {
            let mut canvas = Canvas::new(10.0, 10.0);
            Look { arm, dashed: false }.mark(&mut canvas, (5.0, 5.0));
            canvas.standalone()
        };
        let marks: std::collections::HashSet<String> = (0..42).map(mark).collect();
        assert_eq!(marks.len(), 42);
    }
}
