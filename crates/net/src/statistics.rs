//! Running statistics of a normalisation, by which it goes when the network is read.

/// How far running statistics move towards those of a batch, as in PyTorch.
const RATE: f64 = 0.1;

/// Running statistics of one normalisation: a number for each channel.
#[derive(Debug)]
pub(crate) struct Statistics {
    /// The normalisation's name in weight files: `features.1`.
    pub(crate) path: String,
    pub(crate) mean: Vec<f32>,
    pub(crate) variance: Vec<f32>,
}

impl Statistics {
    /// Moves towards the statistics of a batch with `n` values of each channel. The variance kept is the unbiased one, n / (n - 1) times
    /// the batch's, as in PyTorch.
    pub(crate) fn follow(&mut self, mean: &[f32], biased_variance: &[f32], n: usize) {
        let unbiased = n as f64 / n.saturating_sub(1).max(1) as f64;
        let follow = |kept: &mut [f32], batch: &[f32], factor: f64| {
            for (kept, &batch) in kept.iter_mut().zip(batch) {
                *kept = *kept * (1.0 - RATE) as f32 + batch * (factor * RATE) as f32;
            }
        };
        follow(&mut self.mean, mean, 1.0);
        follow(&mut self.variance, biased_variance, unbiased);
    }
}
