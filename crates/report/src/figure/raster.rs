//! From SVG to PNG.

use anyhow::{Context, Result, anyhow};
use resvg::{tiny_skia, usvg};

/// So that text looks the same on every machine, whatever fonts it has (licence beside the file).
const DEJAVU_SANS: &[u8] = include_bytes!("../../fonts/DejaVuSans.ttf");

/// Pixels for each unit of the drawing: a single column of 85 mm then has about 500 dots per inch.
const SCALE: f32 = 4.0;

/// The drawing as a PNG.
pub(crate) fn png(svg: &str) -> Result<Vec<u8>> {
    let tree = parsed(svg)?;
    let size = tree.size().to_int_size().scale_by(SCALE).ok_or_else(|| anyhow!("a figure without size"))?;
    let mut pixels = tiny_skia::Pixmap::new(size.width(), size.height()).ok_or_else(|| anyhow!("a figure without size"))?;
    resvg::render(&tree, tiny_skia::Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
    pixels.encode_png().context("a figure as PNG")
}

fn parsed(svg: &str) -> Result<usvg::Tree> {
    let mut options = usvg::Options::default();
    options.fontdb_mut().load_font_data(DEJAVU_SANS.to_vec());
    options.font_family = "DejaVu Sans".to_owned();
    usvg::Tree::from_str(svg, &options).context("a figure that is not SVG")
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
pub(super) fn texts_beyond_the_sheet(svg: &str) -> Vec<String> {
    fn collect(group: &usvg::Group, sheet: tiny_skia::Rect, beyond: &mut Vec<String>) {
        for node in group.children() {
            match node {
                usvg::Node::Group(group) => collect(group, sheet, beyond),
                usvg::Node::Text(text) if sheet.intersect(&text.abs_bounding_box()) != Some(text.abs_bounding_box()) => {
                    beyond.push(text.chunks().iter().map(usvg::TextChunk::text).collect());
                }
                _ => {}
            }
        }
    }
    let tree = parsed(svg).unwrap();
    let sheet = tree.size().to_rect(0.0, 0.0).unwrap();
    let mut beyond = Vec::new();
    collect(tree.root(), sheet, &mut beyond);
    beyond
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_becomes_a_png_four_times_its_size() {
        let svg =
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="10" height="5"><text x="1" y="4" font-size="4">a</text></svg>"#;
        let bytes = png(svg).unwrap();
        assert_eq!(&bytes[..8], b"\x89PNG\r\n\x1a\n");
        assert_eq!((&bytes[16..20], &bytes[20..24]), (40u32.to_be_bytes().as_slice(), 20u32.to_be_bytes().as_slice()));
        assert!(png("<svg").is_err());
    }
}
