//! From SVG to PNG.

use std::collections::BTreeSet;

use anyhow::{Context, Result, anyhow};
use resvg::{tiny_skia, usvg};

use super::fonts::Fonts;

/// Pixels for each unit of the drawing: a single column of 85 mm then has about 500 dots per inch.
pub(super) const SCALE: f32 = 4.0;

/// The drawing as a PNG, and the letters in it that none of the fonts has: they are empty boxes.
pub(crate) fn png(svg: &str, fonts: &Fonts) -> Result<(Vec<u8>, BTreeSet<char>)> {
    png_at(svg, fonts, SCALE)
}

/// As [`png`], with so many pixels for each unit of the drawing.
pub(super) fn png_at(svg: &str, fonts: &Fonts, scale: f32) -> Result<(Vec<u8>, BTreeSet<char>)> {
    let mut tree = parsed(svg, &fonts.options())?;
    if !unwritten(&tree).is_empty() {
        tree = parsed(svg, &fonts.options_with_others(svg))?;
    }
    let size = tree.size().to_int_size().scale_by(scale).ok_or_else(|| anyhow!("a figure without size"))?;
    let mut pixels = tiny_skia::Pixmap::new(size.width(), size.height()).ok_or_else(|| anyhow!("a figure without size"))?;
    resvg::render(&tree, tiny_skia::Transform::from_scale(scale, scale), &mut pixels.as_mut());
    Ok((pixels.encode_png().context("a figure as PNG")?, unwritten(&tree)))
}

fn parsed(svg: &str, options: &usvg::Options<'_>) -> Result<usvg::Tree> {
    usvg::Tree::from_str(svg, options).context("a figure that is not SVG")
}

/// Letters without a glyph.
fn unwritten(tree: &usvg::Tree) -> BTreeSet<char> {
    let mut letters = BTreeSet::new();
    each_text(tree.root(), &mut |text| {
        let glyphs = text.layouted().iter().flat_map(|span| &span.positioned_glyphs);
        letters.extend(glyphs.filter(|glyph| glyph.id.0 == 0).flat_map(|glyph| glyph.text.chars()));
    });
    letters
}

fn each_text(group: &usvg::Group, see: &mut impl FnMut(&usvg::Text)) {
    for node in group.children() {
        match node {
            usvg::Node::Group(group) => each_text(group, see),
            usvg::Node::Text(text) => see(text),
            usvg::Node::Path(_) | usvg::Node::Image(_) => {}
        }
    }
}

/// A picture of few colours as a PNG: each pixel names a place in the palette.
pub(super) fn indexed(width: usize, height: usize, palette: &[u8], pixels: &[u8]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, u32::try_from(width)?, u32::try_from(height)?);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(palette);
    encoder.set_compression(png::Compression::High);
    encoder.set_filter(png::Filter::NoFilter);
    encoder.write_header()?.write_image_data(pixels)?;
    Ok(bytes)
}

/// The texts of a drawing that reach beyond the sheet.
#[cfg(test)]
pub(super) fn texts_beyond_the_sheet(svg: &str, fonts: &Fonts) -> Vec<String> {
    let tree = parsed(svg, &fonts.options_with_others(svg)).unwrap();
    let sheet = tree.size().to_rect(0.0, 0.0).unwrap();
    let mut beyond = Vec::new();
    each_text(tree.root(), &mut |text| {
        if sheet.intersect(&text.abs_bounding_box()) != Some(text.abs_bounding_box()) {
            beyond.push(text.chunks().iter().map(usvg::TextChunk::text).collect());
        }
    });
    beyond
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_becomes_a_png_four_times_its_size() {
        let svg =
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="10" height="5"><text x="1" y="4" font-size="4">a</text></svg>"#;
        let (bytes, unwritten) = png(svg, &Fonts::bundled()).unwrap();
        assert_eq!(&bytes[..8], b"\x89PNG\r\n\x1a\n");
        assert_eq!((&bytes[16..20], &bytes[20..24]), (40u32.to_be_bytes().as_slice(), 20u32.to_be_bytes().as_slice()));
        assert!(unwritten.is_empty() && png("<svg", &Fonts::bundled()).is_err());
    }

    /// What these letters look like depends on the machine; that they are missed where no font has them does not.
    #[test]
    fn letters_that_no_font_has_are_told_and_others_drawn() {
        let svg = |text: &str| {
            format!(
                r#"<svg xmlns="http://www.w3.org/2000/svg" width="90" height="15"><text x="1" y="12" font-size="9">{text}</text></svg>"#
            )
        };
        let told = |text: &str, fonts: &Fonts| png(&svg(text), fonts).unwrap().1.into_iter().collect::<String>();
        let alone = Fonts::bundled();
        assert_eq!(told("Ελληνικά кошка éßŁ − ≥ ‘’ 1–2 العربية", &alone), "", "DejaVu Sans has them");
        assert_eq!(told("再学習: treated", &alone), "再学習");
        let system = Fonts::of_this_system();
        let missing = told("再学習: treated", &system);
        assert!(missing.is_empty() || missing == "再学習", "drawn or told: {missing}");
        let label = "हिन्दी: treated, no loss (n = 2–3 of 3, 1 failed)";
        let missing = told(label, &system);
        assert!(missing.is_empty() || missing == told(label, &alone), "a font for the letters is one for the label: {missing}");
        let missing = told("再学習: treated", &system);
        assert_eq!(png(&svg("再学習"), &system).unwrap(), png(&svg("再学習"), &Fonts::of_this_system()).unwrap());
        let drawn = png(&svg("再"), &system).unwrap().0 != png(&svg("習"), &system).unwrap().0;
        assert_eq!(drawn, missing.is_empty(), "boxes are all alike");
    }

    #[test]
    fn other_fonts_change_nothing_that_the_bundled_one_can_write() {
        let svg = r#"<svg xmlns="http://www.w3.org/2000/svg" width="90" height="15"><text x="1" y="12" font-size="9">cat é</text></svg>"#;
        assert_eq!(png(svg, &Fonts::bundled()).unwrap(), png(svg, &Fonts::of_this_system()).unwrap());
    }
}
