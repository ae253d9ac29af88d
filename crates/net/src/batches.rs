//! Batches, prepared on a thread of their own while the network works on the one before.

use std::sync::mpsc::sync_channel;

use neuro::images::Images;
use neuro::lesson::Augmentation;
use neuro::seed::{Address, Purpose, Seed};

use crate::retina::Retina;

/// Batches that wait ready.
const AHEAD: usize = 3;

/// Black pixels around an image before it is cropped.
const MARGIN: usize = 4;

/// One batch: activity values `[n, height, width, channels]` and the class of each image.
pub(crate) struct Batch {
    pub(crate) values: Vec<f32>,
    pub(crate) labels: Vec<u16>,
}

/// Which images in which order, and what is done to them.
pub(crate) struct Order<'a> {
    pub(crate) images: &'a Images,
    pub(crate) retina: &'a Retina,
    pub(crate) sequence: Vec<usize>,
    pub(crate) batch: usize,
    pub(crate) augmentation: Augmentation,
    /// Where the draws of crops and flips come from: batch b is item b of this address.
    pub(crate) chance: (Seed, Address),
}

impl Order<'_> {
    /// Hands every batch in turn to `work`, until it fails.
    pub(crate) fn each<E: Send>(&self, mut work: impl FnMut(Batch) -> Result<(), E>) -> Result<(), E> {
        std::thread::scope(|scope| {
            let (sender, receiver) = sync_channel(AHEAD);
            scope.spawn(move || {
                let activity = self.retina.activity_of_bytes();
                for (index, chunk) in self.sequence.chunks(self.batch).enumerate() {
                    // the receiver is gone when the work failed
                    if sender.send(self.prepare(index, chunk, &activity)).is_err() {
                        return;
                    }
                }
            });
            receiver.into_iter().try_for_each(&mut work)
        })
    }

    fn prepare(&self, index: usize, chunk: &[usize], activity: &[[f32; 256]]) -> Batch {
        let (seed, address) = self.chance;
        let mut stream = seed.stream(Purpose::Augmentation, Address { item: index as u64, ..address });
        let mut values = Vec::with_capacity(chunk.len() * self.images.shape().len());
        for &image in chunk {
            let span = 2 * MARGIN as u64 + 1;
            let (down, right, mirrored) = match self.augmentation {
                Augmentation::None => (MARGIN, MARGIN, false),
                Augmentation::Crop => (stream.below(span) as usize, stream.below(span) as usize, false),
                Augmentation::CropFlip => (stream.below(span) as usize, stream.below(span) as usize, stream.coin()),
            };
            self.see(image, down, right, mirrored, activity, &mut values);
        }
        Batch { values, labels: chunk.iter().map(|&image| self.images.labels()[image]).collect() }
    }

    /// Appends one image as the network sees it: cropped at (down, right) of the padded image, perhaps mirrored; channels last.
    fn see(&self, image: usize, down: usize, right: usize, mirrored: bool, activity: &[[f32; 256]], values: &mut Vec<f32>) {
        let shape = self.images.shape();
        let plane = shape.height * shape.width;
        let bytes = self.images.image(image);
        for row in 0..shape.height {
            // a position outside the image wraps to a huge number and reads as black
            let row = (row + down).wrapping_sub(MARGIN);
            let line = (row < shape.height).then(|| row * shape.width);
            for column in 0..shape.width {
                let column = if mirrored { shape.width - 1 - column } else { column };
                let column = (column + right).wrapping_sub(MARGIN);
                let pixel = line.filter(|_| column < shape.width).map(|line| line + column);
                for (channel, activity) in activity.iter().enumerate() {
                    values.push(activity[pixel.map_or(0, |pixel| usize::from(bytes[channel * plane + pixel]))]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use neuro::images::Shape;

    use super::*;

    fn collect(augmentation: Augmentation, epoch: u32) -> Vec<f32> {
        let shape = Shape { channels: 2, height: 3, width: 3 };
        let images = Images::new(shape, (0..18 * 5).collect(), vec![0, 1, 2, 3, 4]);
        let retina = Retina { channels: vec![(0.0, 1.0), (10.0, 2.0)] };
        let chance = (Seed(1), Address { stage: 1, epoch, item: 0 });
        let order = Order { images: &images, retina: &retina, sequence: vec![4, 0, 2], batch: 2, augmentation, chance };
        let mut seen = Vec::new();
        let result: Result<(), ()> = order.each(|batch| {
            assert_eq!(batch.values.len(), batch.labels.len() * shape.len());
            seen.extend(batch.values);
            Ok(())
        });
        assert_eq!(result, Ok(()));
        seen
    }

    #[test]
    fn unaltered_images_come_in_order_and_normalised() {
        let seen = collect(Augmentation::None, 0);
        assert_eq!(seen[..4], [72., 35.5, 73., 36.], "two channels of each pixel");
        assert_eq!(seen[18..20], [0., -0.5]);
        assert_eq!(seen.len(), 3 * 18);
    }

    #[test]
    fn crops_repeat_at_their_address_and_differ_elsewhere() {
        assert_eq!(collect(Augmentation::CropFlip, 3), collect(Augmentation::CropFlip, 3));
        assert_ne!(collect(Augmentation::CropFlip, 3), collect(Augmentation::CropFlip, 4));
        assert_ne!(collect(Augmentation::Crop, 3), collect(Augmentation::None, 3));
    }

    #[test]
    fn a_crop_shifts_rows_and_columns_and_a_mirror_turns_columns() {
        let shape = Shape { channels: 1, height: 2, width: 3 };
        let images = Images::new(shape, vec![1, 2, 3, 4, 5, 6], vec![0]);
        let retina = Retina { channels: vec![(0.0, 1.0)] };
        let order = Order {
            images: &images,
            retina: &retina,
            sequence: vec![0],
            batch: 1,
            augmentation: Augmentation::None,
            chance: (Seed(0), Address::default()),
        };
        let see = |down, right, mirrored| {
            let mut values = Vec::new();
            order.see(0, down, right, mirrored, &retina.activity_of_bytes(), &mut values);
            values
        };
        assert_eq!(see(MARGIN, MARGIN, false), [1., 2., 3., 4., 5., 6.]);
        assert_eq!(see(MARGIN + 1, MARGIN, false), [4., 5., 6., 0., 0., 0.]);
        assert_eq!(see(MARGIN, MARGIN - 1, false), [0., 1., 2., 0., 4., 5.]);
        assert_eq!(see(MARGIN, MARGIN, true), [3., 2., 1., 6., 5., 4.]);
    }
}
