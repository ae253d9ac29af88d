use std::fs;

use image::codecs::jpeg::JpegEncoder;
use image::{ImageEncoder, Rgb, Rgba, RgbaImage};
use tempfile::TempDir;

use super::*;

fn save(root: &TempDir, name: &str, picture: &RgbImage) {
    picture.save(root.path().join(name)).unwrap();
}

#[test]
fn a_picture_is_cropped_at_the_centre() {
    let root = tempfile::tempdir().unwrap();
    let at = |x: u32, y: u32| [(10 * x) as u8, (10 * y) as u8, 77];
    for (name, width, height, left, top) in [("wide.png", 9, 4, 2, 0), ("tall.png", 4, 6, 0, 1)] {
        save(&root, name, &RgbImage::from_fn(width, height, |x, y| Rgb(at(x, y))));
        let square = read(&root.path().join(name), 4).unwrap();
        assert_eq!(square.dimensions(), (4, 4));
        for (x, y, pixel) in square.enumerate_pixels() {
            assert_eq!(pixel.0, at(x + left, y + top), "{name} at {x}, {y}");
        }
    }
}

#[test]
fn a_picture_is_resized_with_its_edges_in_place() {
    let root = tempfile::tempdir().unwrap();
    let halves = RgbImage::from_fn(64, 64, |x, _| Rgb(if x < 32 { [200, 0, 0] } else { [0, 0, 100] }));
    save(&root, "halves.png", &halves);
    for size in [8, 128] {
        let square = read(&root.path().join("halves.png"), size).unwrap();
        assert_eq!(square.dimensions(), (size, size));
        for y in 0..size {
            assert_eq!(square.get_pixel(0, y).0, [200, 0, 0], "left edge at size {size}");
            assert_eq!(square.get_pixel(size - 1, y).0, [0, 0, 100], "right edge at size {size}");
            let (before, after) = (square.get_pixel(size / 2 - 1, y).0, square.get_pixel(size / 2, y).0);
            assert!(before[0] > 150 && after[0] < 50, "the middle moved at size {size}: {before:?} {after:?}");
        }
    }
}

#[test]
fn a_very_long_picture_costs_no_more_than_its_middle() {
    let root = tempfile::tempdir().unwrap();
    save(&root, "line.png", &RgbImage::from_pixel(100_000, 1, Rgb([5, 6, 7])));
    let square = read(&root.path().join("line.png"), 1_024).unwrap();
    assert!(square.dimensions() == (1_024, 1_024) && square.pixels().all(|pixel| pixel.0 == [5, 6, 7]));
}

#[test]
fn grey_and_transparent_pictures_become_colour() {
    let root = tempfile::tempdir().unwrap();
    let path = |name: &str| root.path().join(name);
    image::GrayImage::from_pixel(4, 4, image::Luma([90])).save(path("grey.png")).unwrap();
    let clear = RgbaImage::from_fn(4, 4, |x, _| Rgba(if x < 2 { [255, 0, 10, 0] } else { [255, 0, 10, 255] }));
    clear.save(path("clear.png")).unwrap();
    assert!(read(&path("grey.png"), 4).unwrap().pixels().all(|pixel| pixel.0 == [90, 90, 90]));
    let clear = read(&path("clear.png"), 4).unwrap();
    assert_eq!(clear.get_pixel(0, 0).0, [128, 128, 128]);
    assert_eq!(clear.get_pixel(3, 0).0, [255, 0, 10]);
}

/// Cameras store a picture as the sensor lay, and a note which way is up.
#[test]
fn a_photograph_is_turned_upright() {
    let root = tempfile::tempdir().unwrap();
    let picture = RgbImage::from_fn(32, 32, |_, y| Rgb(if y < 16 { [250, 250, 250] } else { [5, 5, 5] }));
    // one entry in the first directory: tag 0x112 (orientation), a short, value 6 (turn to the right to see it upright)
    let exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0".to_vec();
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 95);
    encoder.set_exif_metadata(exif).unwrap();
    encoder.write_image(picture.as_raw(), 32, 32, image::ExtendedColorType::Rgb8).unwrap();
    fs::write(root.path().join("photo.jpg"), bytes).unwrap();
    let upright = read(&root.path().join("photo.jpg"), 32).unwrap();
    assert!(upright.get_pixel(2, 2).0[0] < 30 && upright.get_pixel(29, 29).0[0] > 220, "the top must have come to the right");
}

#[test]
fn jpeg_and_png_agree() {
    let root = tempfile::tempdir().unwrap();
    let smooth = RgbImage::from_fn(48, 48, |x, y| Rgb([(4 * x) as u8, (4 * y) as u8, 128]));
    for name in ["a.png", "a.jpg", "a.jpeg"] {
        save(&root, name, &smooth);
    }
    let png = read(&root.path().join("a.png"), 24).unwrap();
    for name in ["a.jpg", "a.jpeg"] {
        let jpeg = read(&root.path().join(name), 24).unwrap();
        let worst = png.iter().zip(jpeg.iter()).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        assert!(worst < 16, "{name} differs by up to {worst}");
    }
}

#[test]
fn the_end_of_a_preview_is_not_the_end() {
    // a segment of 6 bytes with an end marker in it, then the head of a scan and its data with an escaped 0xff
    let head = [0xff, 0xd8, 0xff, 0xe1, 0, 6, 0xff, 0xd9, 0, 0, 0xff, 0xda, 0, 2, 1, 0xff, 0, 0xff, 0xd0, 5];
    assert!(is_cut_short(&head));
    assert!(!is_cut_short(&[&head[..], &[0xff, 0xff, 0xd9]].concat()));
    assert!(!is_cut_short(&[&head[..], &[0xff, 0xd9, 1, 2, 3]].concat()));
    for length in 0..head.len() {
        assert!(is_cut_short(&head[..length]));
    }
}

/// A PNG file of a few bytes that claims to hold a picture of this size.
fn claims(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    RgbImage::new(1, 1).write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).unwrap();
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    // the checksum of a chunk covers its type and content
    let mut crc = flate2::Crc::new();
    crc.update(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&crc.sum().to_be_bytes());
    bytes
}

#[test]
fn a_picture_that_claims_more_than_a_machine_holds_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("bomb.png");
    for (width, height) in [(100_000, 100_000), (10_001, 10_000), (1, 2_000_000_000), (u32::MAX >> 1, u32::MAX >> 1)] {
        fs::write(&path, claims(width, height)).unwrap();
        let message = read(&path, 8).unwrap_err().to_string();
        assert!(message.starts_with("the picture cannot be read ("), "{message}");
        assert!(message.to_lowercase().contains("limit"), "{width} x {height}: {message}");
    }
    // a JPEG file: the size stands in the segment 0xffc0
    let mut bytes = Vec::new();
    RgbImage::new(8, 8).write_to(&mut Cursor::new(&mut bytes), ImageFormat::Jpeg).unwrap();
    let at = bytes.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    bytes[at + 5..at + 9].fill(0xff);
    fs::write(&path, bytes).unwrap();
    let message = read(&path, 8).unwrap_err().to_string();
    assert!(message.to_lowercase().contains("limit"), "{message}");
}

#[test]
fn an_empty_picture_and_one_that_is_far_too_large_are_named() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("a.png");
    let file = fs::File::create(&path).unwrap();
    let message = read(&path, 8).unwrap_err().to_string();
    assert!(message.starts_with("the picture cannot be read (the file is empty): "), "{message}");
    file.set_len(6 << 30).unwrap();
    let message = read(&path, 8).unwrap_err().to_string();
    assert!(message.starts_with("the file is too large: more than 300000000 bytes: "), "{message}");
}

#[cfg(unix)]
#[test]
fn a_picture_may_be_a_link() {
    let root = tempfile::tempdir().unwrap();
    save(&root, "a.png", &RgbImage::from_pixel(8, 8, Rgb([9, 9, 9])));
    std::os::unix::fs::symlink("a.png", root.path().join("b.png")).unwrap();
    assert_eq!(read(&root.path().join("b.png"), 8).unwrap().get_pixel(0, 0).0, [9, 9, 9]);
}
