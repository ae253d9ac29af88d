//! One picture: from a PNG or JPEG file to planes of a square image.

use std::io::Cursor;
use std::path::Path;

use image::error::ImageResult;
use image::imageops::{self, FilterType};
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage};

use crate::error::StimuliError;
use crate::{file, shown};

/// Largest file, and most bytes of one picture in memory: a hundred megapixels in colour. A file of a few bytes can claim
/// to hold more than any machine.
const LARGEST: u64 = 300_000_000;

/// What shines through the transparent parts of a picture: mid-grey, as is usual for isolated objects.
const GROUND: u8 = 128;

/// One picture as a square: the largest one around its centre, resized to `size` pixels. To crop before resizing gives
/// the same picture as to crop afterwards, without ever holding a very long one at full length.
pub(crate) fn read(path: &Path, size: u32) -> Result<RgbImage, StimuliError> {
    let next = "replace it, or move it elsewhere";
    let bytes = file::read(path, LARGEST, next)?;
    let picture = decode(&bytes).map_err(|reason| {
        let reason = shown::clipped(&shown::line(&reason), 120);
        StimuliError::content(format!("the picture cannot be read ({reason})"), path, next)
    })?;
    let (width, height) = (picture.width(), picture.height());
    let side = width.min(height);
    let square = opaque(&picture.crop_imm((width - side) / 2, (height - side) / 2, side, side));
    Ok(if side == size { square } else { imageops::resize(&square, size, size, FilterType::CatmullRom) })
}

/// The picture that `bytes` hold, upright: a camera stores it as the sensor lay, with a note which way is up.
fn decode(bytes: &[u8]) -> Result<DynamicImage, String> {
    if bytes.is_empty() {
        return Err("the file is empty".to_owned());
    }
    let readable = |bytes| -> ImageResult<_> {
        let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
        let mut limits = Limits::no_limits();
        limits.max_alloc = Some(LARGEST);
        reader.limits(limits.clone());
        let format = reader.format();
        let mut decoder = reader.into_decoder()?;
        // the decoder bounds what it needs itself, not the picture that it fills
        limits.reserve(decoder.total_bytes())?;
        let orientation = decoder.orientation()?;
        let mut picture = DynamicImage::from_decoder(decoder)?;
        picture.apply_orientation(orientation);
        Ok((picture, format))
    };
    let (picture, format) = readable(bytes).map_err(|error| error.to_string())?;
    // the decoder fills what is missing with grey and says nothing
    if format == Some(ImageFormat::Jpeg) && is_cut_short(bytes) {
        return Err("the file ends before the picture does".to_owned());
    }
    Ok(picture)
}

/// Whether a JPEG file lacks its end marker. Segments are skipped by their length, since they may hold a small
/// preview with an end of its own; within the coded picture, a byte 0xff followed by 0 or 0xd0 to 0xd7 is no marker
/// of a segment (ITU-T T.81, section B.1.1).
fn is_cut_short(jpeg: &[u8]) -> bool {
    const END: u8 = 0xd9;
    // after the two bytes that begin every file
    let mut rest = jpeg.get(2..).unwrap_or_default();
    loop {
        let marker = rest.windows(2).position(|pair| pair[0] == 0xff && !matches!(pair[1], 0 | 0xff | 0xd0..=0xd7));
        let Some(at) = marker else { return true };
        if rest[at + 1] == END {
            return false;
        }
        let [_, _, high, low, ..] = rest[at..] else { return true };
        let length = usize::from(u16::from_be_bytes([high, low]));
        rest = rest.get(at + 2 + length..).unwrap_or_default();
    }
}

/// The picture on a grey ground, where it is transparent.
fn opaque(picture: &DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.to_rgb8();
    }
    let picture = picture.to_rgba8();
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        let [red, green, blue, alpha] = picture.get_pixel(x, y).0.map(u32::from);
        let over = |value: u32| ((value * alpha + u32::from(GROUND) * (255 - alpha) + 127) / 255) as u8;
        image::Rgb([over(red), over(green), over(blue)])
    })
}

/// Lays the picture out as planes.
pub(crate) fn fill(planes: &mut [u8], picture: &RgbImage) {
    let plane = planes.len() / 3;
    for (index, pixel) in picture.pixels().enumerate() {
        for (channel, &value) in pixel.0.iter().enumerate() {
            planes[channel * plane + index] = value;
        }
    }
}

#[cfg(test)]
mod tests;
