//! Cross-entropy of outputs (logits) against targets, and its gradient: in double precision, and with functions that are the same on all
//! systems.

/// Target distributions, images x classes.
pub(crate) fn targets(labels: &[u16], classes: usize, smoothing: f64) -> Vec<f32> {
    let mut targets = vec![(smoothing / classes as f64) as f32; labels.len() * classes];
    for (image, &label) in labels.iter().enumerate() {
        targets[image * classes + usize::from(label)] = (1.0 - smoothing + smoothing / classes as f64) as f32;
    }
    targets
}

/// Cross-entropy of one image in nats.
pub(crate) fn cross_entropy(logits: &[f32], target: &[f32]) -> f64 {
    let log_sum = log_sum_exp(logits);
    logits.iter().zip(target).map(|(&x, &t)| f64::from(t) * (log_sum - f64::from(x))).sum()
}

/// The gradient of the mean cross-entropy of `images` images with respect to their logits: (softmax - target) / images.
pub(crate) fn cross_entropy_gradient(logits: &[f32], targets: &[f32], images: usize) -> Vec<f32> {
    let classes = logits.len() / images;
    let mut gradient = Vec::with_capacity(logits.len());
    for (logits, target) in logits.chunks_exact(classes).zip(targets.chunks_exact(classes)) {
        let log_sum = log_sum_exp(logits);
        let of = |(&x, &t): (&f32, &f32)| ((libm::exp(f64::from(x) - log_sum) - f64::from(t)) / images as f64) as f32;
        gradient.extend(logits.iter().zip(target).map(of));
    }
    gradient
}

/// ln(sum of exp), without overflow.
pub(crate) fn log_sum_exp(row: &[f32]) -> f64 {
    let top = f64::from(row.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    top + libm::log(row.iter().map(|&x| libm::exp(f64::from(x) - top)).sum::<f64>())
}

/// Index of the highest value; the first of them in a tie.
pub(crate) fn highest(row: &[f32]) -> usize {
    (1..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gradient_is_that_of_the_loss() {
        let logits = [0.5, -2.0, 3.0, 100.0, 99.0, -100.0f32];
        for smoothing in [0.0, 0.1] {
            let targets = targets(&[2, 1], 3, smoothing);
            let loss = |logits: &[f32]| {
                let rows = logits.chunks(3).zip(targets.chunks(3));
                rows.map(|(logits, target)| cross_entropy(logits, target)).sum::<f64>() / 2.0
            };
            let gradient = cross_entropy_gradient(&logits, &targets, 2);
            for (i, &gradient) in gradient.iter().enumerate() {
                let moved = |by: f32| {
                    let mut logits = logits;
                    logits[i] += by;
                    loss(&logits)
                };
                let difference = (moved(0.0625) - moved(-0.0625)) / 0.125;
                assert!((f64::from(gradient) - difference).abs() < 1e-3, "{i}: {gradient}, by differences {difference}");
            }
        }
    }
}
