//! Randomness with an address.
//!
//! Every random draw comes from a stream named by where it is used: (seed, purpose, stage, epoch, batch).
//! No generator outlives the step that made it, so there is no generator state to save, and an interrupted
//! run draws exactly what the uninterrupted one would have drawn.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

/// The root of all streams of one kind of chance (network, injury or data) in one trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(pub u64);

/// What a stream is for. The numbers are part of the address: never reuse or renumber one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Purpose {
    /// First weights of a network.
    Initialisation = 1,
    /// Order of the training images in an epoch.
    Shuffle = 2,
    /// Crops and flips of a batch.
    Augmentation = 3,
    /// Order in which synapses are lost.
    Injury = 4,
    /// Drawing of the built-in stimuli.
    Drawing = 5,
}

/// Where in a course a stream is used. Parts that do not apply stay 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// Step of the course; 0 is schooling.
    pub stage: u32,
    /// Epoch within the lesson, from 0.
    pub epoch: u32,
    /// Batch within the epoch, or image, or layer: the smallest unit of the purpose.
    pub item: u64,
}

impl Seed {
    /// The stream for one purpose at one address. Streams of different addresses are independent:
    /// the address is the ChaCha key itself.
    pub fn stream(self, purpose: Purpose, at: Address) -> Stream {
        let mut key = [0u8; 32];
        key[0..8].copy_from_slice(&self.0.to_le_bytes());
        key[8..12].copy_from_slice(&(purpose as u32).to_le_bytes());
        key[12..16].copy_from_slice(&at.stage.to_le_bytes());
        key[16..20].copy_from_slice(&at.epoch.to_le_bytes());
        key[20..28].copy_from_slice(&at.item.to_le_bytes());
        Stream(ChaCha8Rng::from_seed(key))
    }
}

/// A short-lived source of random numbers. The draws are written out here, so that no update of a
/// random-number crate can move a result.
pub struct Stream(ChaCha8Rng);

impl Stream {
    /// A whole number in `0..below`, unbiased (Lemire 2019, arXiv:1805.10941). `below` must not be 0.
    pub fn below(&mut self, below: u64) -> u64 {
        assert!(below > 0, "a draw needs at least one outcome");
        let threshold = below.wrapping_neg() % below;
        loop {
            let wide = u128::from(self.0.next_u64()) * u128::from(below);
            if wide as u64 >= threshold {
                return (wide >> 64) as u64;
            }
        }
    }

    /// A number in `[0, 1)`, in steps of 2^-53.
    pub fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A number in `[low, high)`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Heads or tails.
    pub fn coin(&mut self) -> bool {
        self.0.next_u32() & 1 == 1
    }

    /// A draw from the standard normal distribution (Box and Muller 1958), one of each pair. Logarithm and cosine are the program's own:
    /// those of one system differ from those of another in the last bit.
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * libm::log(1.0 - self.unit())).sqrt();
        radius * libm::cos(std::f64::consts::TAU * self.unit())
    }

    /// Puts `items` into random order (Fisher and Yates; Durstenfeld 1964).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }

    /// A random order of `0..count`.
    pub fn order(&mut self, count: u32) -> Vec<u32> {
        let mut order: Vec<u32> = (0..count).collect();
        self.shuffle(&mut order);
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pins the draws: if this fails, every recorded result has lost its cause. The numbers are those of a second version
    /// of ChaCha8 and of these draws, written in Python from the papers.
    #[test]
    fn the_first_draws_never_change() {
        let stream = || Seed(1).stream(Purpose::Shuffle, Address { stage: 2, epoch: 3, item: 4 });
        insta::assert_debug_snapshot!(stream().order(10), @"
        [
            0,
            4,
            3,
            6,
            2,
            8,
            5,
            1,
            7,
            9,
        ]
        ");
        insta::assert_debug_snapshot!(stream().below(1_000_000), @"911728");
        // a coin takes half of what the other draws take, and so moves them across the edges of the generator's blocks
        let mut mixed = stream();
        let draws: Vec<(bool, u64)> = (0..100).map(|_| (mixed.coin(), mixed.below(1000))).collect();
        insta::assert_debug_snapshot!((draws[0], draws[3], draws[21], draws[99]), @"
        (
            (
                false,
                761,
            ),
            (
                true,
                420,
            ),
            (
                true,
                257,
            ),
            (
                true,
                265,
            ),
        )
        ");
        insta::assert_debug_snapshot!(stream().normal(), @"1.2710897538060695");
        // one of the draws whose last bit another library's logarithm and cosine give otherwise
        let mut normals = Seed(7).stream(Purpose::Initialisation, Address::default());
        let tenth = (0..10).map(|_| normals.normal()).last();
        insta::assert_debug_snapshot!(tenth, @"
        Some(
            -0.34912673631803565,
        )
        ");
    }

    #[test]
    fn every_part_of_the_address_counts() {
        let home = Address { stage: 1, epoch: 1, item: 1 };
        let draw = |seed: u64, purpose, at| Seed(seed).stream(purpose, at).below(u64::MAX);
        let draws = [
            draw(1, Purpose::Shuffle, home),
            draw(2, Purpose::Shuffle, home),
            draw(1, Purpose::Injury, home),
            draw(1, Purpose::Shuffle, Address { stage: 2, ..home }),
            draw(1, Purpose::Shuffle, Address { epoch: 2, ..home }),
            draw(1, Purpose::Shuffle, Address { item: 2, ..home }),
        ];
        for (i, a) in draws.iter().enumerate() {
            assert!(draws[..i].iter().all(|b| a != b), "{draws:?}");
        }
    }

    #[test]
    fn draws_have_the_right_spread() {
        let mut stream = Seed(7).stream(Purpose::Drawing, Address::default());
        let draws: Vec<f64> = (0..20_000).map(|_| stream.normal()).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / draws.len() as f64;
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.04, "mean {mean}, variance {variance}");

        let mut counts = [0u32; 6];
        (0..60_000).for_each(|_| counts[stream.below(6) as usize] += 1);
        assert!(counts.iter().all(|&c| (9_600..10_400).contains(&c)), "{counts:?}");
    }
}
