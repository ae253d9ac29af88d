//! A sheet to draw on, kept as SVG. Text stays text.
//!
//! Lines and letters are `currentColor`, so that the page's colour scheme reaches into its figures; the fill of hollow
//! markers has the class `paper` for the same reason. A file by itself is dark on white.

use std::fmt::Write;

use base64::Engine;

use super::text;
use crate::words;

/// Free space at the edges.
pub(super) const MARGIN: f64 = 8.0;

/// Family of all text; the first is also what PNGs are set in.
const FONT: &str = "DejaVu Sans, Verdana, sans-serif";

/// Fill of what hides what lies below.
pub(super) const PAPER: &str = r##"fill="#ffffff" class="paper""##;

/// A drawing.
pub(crate) struct Canvas {
    width: f64,
    height: f64,
    body: String,
}

/// Which point of a text its position names.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// How a text is set: its baseline begins, is centred or ends at `at`.
#[derive(Clone, Copy)]
pub(super) struct Text {
    pub(super) at: (f64, f64),
    pub(super) size: f64,
    pub(super) anchor: Anchor,
    /// Reads upwards.
    pub(super) upright: bool,
}

impl Text {
    pub(super) fn new(at: (f64, f64), size: f64, anchor: Anchor) -> Self {
        Self { at, size, anchor, upright: false }
    }

    pub(super) fn upright(self) -> Self {
        Self { upright: true, ..self }
    }
}

impl Canvas {
    pub(super) fn new(width: f64, height: f64) -> Self {
        Self { width, height, body: String::new() }
    }

    pub(crate) fn width(&self) -> f64 {
        self.width
    }

    /// `ink` is SVG attributes, here and below: `stroke="currentColor" stroke-width="1"`.
    pub(super) fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64), ink: &str) {
        self.add(format_args!(r#"<line x1="{}" y1="{}" x2="{}" y2="{}" {ink}/>"#, short(x1), short(y1), short(x2), short(y2)));
    }

    pub(super) fn polyline(&mut self, points: &[(f64, f64)], ink: &str) {
        self.add(format_args!(r#"<polyline points="{}" fill="none" stroke-linejoin="round" {ink}/>"#, pairs(points)));
    }

    pub(super) fn polygon(&mut self, points: &[(f64, f64)], ink: &str) {
        self.add(format_args!(r#"<polygon points="{}" {ink}/>"#, pairs(points)));
    }

    pub(super) fn circle(&mut self, (x, y): (f64, f64), radius: f64, ink: &str) {
        self.add(format_args!(r#"<circle cx="{}" cy="{}" r="{}" {ink}/>"#, short(x), short(y), short(radius)));
    }

    pub(super) fn rectangle(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), ink: &str) {
        let [x, y, width, height] = [x, y, width, height].map(short);
        self.add(format_args!(r#"<rect x="{x}" y="{y}" width="{width}" height="{height}" {ink}/>"#));
    }

    /// Text of whatever origin: it is escaped here.
    pub(super) fn text(&mut self, text: Text, content: &str) {
        let (x, y) = (short(text.at.0), short(text.at.1));
        let anchor = match text.anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let turn = if text.upright { format!(r#" transform="rotate(-90 {x} {y})""#) } else { String::new() };
        let content = escaped(content);
        let size = short(text.size);
        self.add(format_args!(
            r#"<text x="{x}" y="{y}" font-size="{size}" text-anchor="{anchor}" fill="currentColor"{turn}>{content}</text>"#
        ));
    }

    /// Makes room for a text below all else.
    pub(super) fn footnote(&mut self, content: &str) {
        const SIZE: f64 = 12.5;
        const LINE: f64 = 16.0;
        for line in text::wrap(content, SIZE, self.width - 2.0 * MARGIN) {
            self.text(Text::new((MARGIN, self.height + SIZE), SIZE, Anchor::Start), &line);
            self.height += LINE;
        }
        self.height += MARGIN;
    }

    /// A small picture, each of its pixels drawn as a sharp square, held inside the file.
    pub(super) fn picture(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), png: &[u8]) {
        let data = base64::engine::general_purpose::STANDARD.encode(png);
        let [x, y, width, height] = [x, y, width, height].map(short);
        self.add(format_args!(
            r#"<image x="{x}" y="{y}" width="{width}" height="{height}" preserveAspectRatio="none" style="image-rendering:pixelated" href="data:image/png;base64,{data}"/>"#
        ));
    }

    fn add(&mut self, element: std::fmt::Arguments<'_>) {
        // writing to a String cannot fail
        let _ = writeln!(self.body, "{element}");
    }

    /// A file by itself, on white.
    pub(crate) fn standalone(&self) -> String {
        let (width, height, body) = (short(self.width), short(self.height), &self.body);
        format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" color="#1a1a1a" font-family="{FONT}">
<rect width="{width}" height="{height}" fill="#ffffff"/>
{body}</svg>
"##
        )
    }

    /// For use inside a page: without background, in the colour of the text around it.
    pub(crate) fn inline(&self, title: &str) -> String {
        let (width, height, body) = (short(self.width), short(self.height), &self.body);
        let title = escaped(title);
        format!(
            r#"<svg role="img" aria-label="{title}" width="{width}" viewBox="0 0 {width} {height}" font-family="{FONT}">
{body}</svg>"#
        )
    }
}

/// Text that cannot be taken for markup, in content or in an attribute.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars().filter_map(words::plain_letter) {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

/// A hundredth of a pixel is enough.
fn short(value: f64) -> String {
    let rounded = (value * 100.0).round() / 100.0;
    if rounded == 0.0 { "0".to_owned() } else { rounded.to_string() }
}

fn pairs(points: &[(f64, f64)]) -> String {
    points.iter().map(|&(x, y)| format!("{},{}", short(x), short(y))).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_break_out() {
        let mut canvas = Canvas::new(10.0, 10.0);
        canvas.text(Text::new((1.0, 2.0), 12.0, Anchor::Start), "<script>&\"'\u{1}</script>");
        let svg = canvas.standalone();
        assert!(svg.contains("&lt;script&gt;&amp;&quot;&#39; &lt;/script&gt;") && !svg.contains("<script"));
        assert!(canvas.inline("\"><script>").contains(r#"aria-label="&quot;&gt;&lt;script&gt;""#));
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([1.0, 0.004, -0.001, 12.3456, -7.5].map(short), ["1", "0", "0", "12.35", "-7.5"]);
    }
}
