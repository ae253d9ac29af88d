//! Values as colours: pictures, their scale, and the names beside them.

use anyhow::Result;

use super::scale::Scale;
use super::svg::{Anchor, Canvas, Text};
use super::{colour, raster, text};

/// Pictures are stored at least this fine, so that programs that blur small pictures keep their edges.
const FINE: usize = 360;
/// Place in the palette of what is not defined; all others are shares of the scale.
const UNDEFINED: u8 = 255;

/// A picture of rows x columns values, 0 to 1; what lies beyond is clipped, NaN is grey.
pub(super) fn png(rows: usize, columns: usize, value: impl Fn(usize, usize) -> f64) -> Result<Vec<u8>> {
    let times = |count: usize| FINE.div_ceil(count.max(1));
    let (tall, wide) = (times(rows), times(columns));
    let shades: Vec<Vec<u8>> = (0..rows).map(|row| (0..columns).map(|column| shade(value(row, column))).collect()).collect();
    let pixels: Vec<u8> = shades
        .iter()
        .flat_map(|row| std::iter::repeat_n(row, tall))
        .flat_map(|row| row.iter().flat_map(|&shade| std::iter::repeat_n(shade, wide)))
        .collect();
    raster::indexed(columns * wide, rows * tall, &palette(), &pixels)
}

fn shade(value: f64) -> u8 {
    if value.is_nan() { UNDEFINED } else { (value.clamp(0.0, 1.0) * 254.0).round() as u8 }
}

fn palette() -> Vec<u8> {
    (0..=254).map(|shade| colour::viridis(f64::from(shade) / 254.0)).chain([colour::UNDEFINED]).flatten().collect()
}

/// The colour scale: its title, a lying bar, and marks below it.
pub(super) struct Bar {
    pub(super) title: String,
    /// Share of the scale, and what is written there.
    pub(super) marks: Vec<(f64, String)>,
    /// Whether there is one colour alone, that of the middle.
    flat: bool,
}

impl Bar {
    const SIZE: f64 = 13.0;
    const LENGTH: f64 = 150.0;
    const LINE: f64 = 16.0;

    /// From 0 to 1, with these marks.
    pub(super) fn of_shares(title: &str, marks: [(f64, &str); 3]) -> Self {
        Self { title: title.to_owned(), marks: marks.map(|(share, label)| (share, label.to_owned())).into(), flat: false }
    }

    /// Of a scale, whose ends stand in the title.
    pub(super) fn of(scale: Scale, quantity: &str) -> Self {
        let [low, high] = scale.told();
        let title = if scale.is_flat() { format!("{quantity}, all {low}") } else { format!("{quantity}, {low} to {high}") };
        Self { title, marks: scale.marks(Self::LENGTH, Self::SIZE, f64::INFINITY), flat: scale.is_flat() }
    }

    /// The title in as many lines as it needs beside the bar.
    fn lines(&self, room: f64) -> Vec<String> {
        text::wrap(&self.title, Self::SIZE, room - self.beside())
    }

    /// The bar with the space before it and what marks need beyond its end.
    fn beside(&self) -> f64 {
        12.0 + Self::LENGTH + self.beyond()
    }

    /// How far the marks reach beyond the end of the bar.
    fn beyond(&self) -> f64 {
        let end = |(share, label): &(f64, String)| (share - 1.0) * Self::LENGTH + text::width(label, Self::SIZE) / 2.0;
        self.marks.iter().map(end).fold(0.0, f64::max)
    }

    /// With its marks, and all of its title.
    pub(super) fn height(&self, room: f64) -> f64 {
        20.0 + Self::LINE * self.lines(room).len().max(1) as f64
    }

    /// Title, bar, and what marks need beyond its end.
    pub(super) fn width(&self, room: f64) -> f64 {
        self.lines(room).iter().map(|line| text::width(line, Self::SIZE)).fold(0.0, f64::max) + self.beside()
    }

    /// Draws so that nothing reaches beyond `right`, nor further than `room` to its left.
    pub(super) fn draw(&self, canvas: &mut Canvas, right: f64, top: f64, room: f64) -> Result<()> {
        let left = right - self.width(room);
        let bar = right - self.beyond() - Self::LENGTH;
        for (i, line) in self.lines(room).iter().enumerate() {
            let at = (left, top + Self::SIZE * 0.8 + Self::LINE * i as f64);
            canvas.text(Text::new(at, Self::SIZE, Anchor::Start), line);
        }
        strip(canvas, (bar, top), Self::LENGTH, self.flat, &self.marks, Self::SIZE)
    }
}

/// Thickness of a bar of colours.
pub(super) const THICKNESS: f64 = 11.0;

/// All colours from left to right, or one if `flat`, and marks below them.
pub(super) fn strip(
    canvas: &mut Canvas,
    (x, y): (f64, f64),
    length: f64,
    flat: bool,
    marks: &[(f64, String)],
    size: f64,
) -> Result<()> {
    canvas.picture((x, y), (length, THICKNESS), &png(1, 255, |_, column| if flat { 0.5 } else { column as f64 / 254.0 })?);
    let bottom = y + THICKNESS;
    for (share, label) in marks {
        let x = x + share * length;
        canvas.line((x, bottom), (x, bottom + 4.0), r#"stroke="currentColor""#);
        canvas.text(Text::new((x, bottom + 6.0 + size), size, Anchor::Middle), label);
    }
    Ok(())
}

/// Which names of a row of equal cells to show so that they do not run into each other: every so-many-eth. Names of all
/// cells may stand a little closer than names that are picked out.
pub(super) fn every(cell: f64, size: f64) -> usize {
    if cell >= 0.85 * size { 1 } else { (1.1 * size / cell).ceil() as usize }
}

/// Share of the whole at which each class begins, and the end of the last: for classes of these sizes.
pub(super) fn borders(sizes: &[usize]) -> Vec<f64> {
    let total = sizes.iter().sum::<usize>().max(1) as f64;
    let starts = sizes.iter().scan(0, |sum, size| {
        *sum += size;
        Some(*sum as f64 / total)
    });
    std::iter::once(0.0).chain(starts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_beyond_the_scale_are_clipped_and_nan_is_grey() {
        assert_eq!([-1.0, 0.0, 0.5, 1.0, 1.7, f64::NAN].map(shade), [0, 0, 127, 254, 254, 255]);
        let palette = palette();
        assert_eq!(palette.len(), 256 * 3);
        assert_eq!(palette[..3], [0x44, 0x01, 0x54], "viridis begins dark");
        assert_eq!(palette[765..], colour::UNDEFINED);
    }

    #[test]
    fn classes_begin_where_their_images_do() {
        assert_eq!(borders(&[2, 1, 1]), [0.0, 0.5, 0.75, 1.0]);
        assert_eq!(borders(&[]), [0.0]);
    }

    #[test]
    fn names_are_thinned_when_cells_are_low() {
        assert_eq!([16.0, 12.0, 10.5, 10.0, 3.0, 2.5].map(|cell| every(cell, 12.0)), [1, 1, 1, 2, 5, 6]);
    }
}
