//! Writes a sheet of the built-in drawn images, one column for each class:
//! `cargo run -p stimuli --example contact_sheet -- out.png`

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::process::ExitCode;

use image::{Rgb, RgbImage};
use neuro::study::StimuliChoice;
use stimuli::Place;

const ROWS: u32 = 16;

fn main() -> ExitCode {
    let Some(path) = std::env::args_os().nth(1) else {
        eprintln!("usage: contact_sheet OUT.png");
        return ExitCode::from(2);
    };
    match sheet().and_then(|sheet| Ok(sheet.save(&path)?)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", path.display());
            ExitCode::FAILURE
        }
    }
}

fn sheet() -> Result<RgbImage, Box<dyn std::error::Error>> {
    let place = Place { data: PathBuf::new(), study_folder: PathBuf::new(), mirror: None };
    let wanted = |count| NonZeroU32::new(count).ok_or("a sheet needs rows");
    let choice = StimuliChoice::Shapes { train: wanted(10 * ROWS)?, assessment: 0, test: wanted(1)? };
    let images = stimuli::load(&choice, &place, &mut |_| {})?.train;

    let (shape, columns) = (images.shape(), 10);
    let (width, height) = (shape.width as u32, shape.height as u32);
    let mut sheet = RgbImage::new(columns * (width + 1), ROWS * (height + 1));
    for index in 0..images.len() as u32 {
        let planes = images.image(index as usize);
        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
            let at = |channel: u32| planes[((channel * height + y) * width + x) as usize];
            let (left, top) = (index % columns * (width + 1), index / columns * (height + 1));
            sheet.put_pixel(left + x, top + y, Rgb([at(0), at(1), at(2)]));
        }
    }
    Ok(sheet)
}
