//! `atrophy noise-ceiling`: how alike to a set of matrices anything can be, as unlike as these are among themselves.

use rsa::{Method, Rdm, noise_ceiling};
use serde_json::json;

use super::compare::method;
use super::matrices::{Held, Matrices, Taking, is_tied};
use super::{Told, place, value};
use crate::arrays::Place;
use crate::memory;
use crate::trouble::{Exit, OrTrouble, Result};

/// With fewer subjects than these the bounds are very uncertain themselves.
const FEW: usize = 5;

/// How alike to a set of matrices, such as those of healthy networks, anything can be (Nili 2014).
///
/// The upper bound is the mean similarity of each matrix with all pooled, the lower bound that with all others pooled. A model or a network
/// whose similarity lies between the two is as alike to them as they are to each other.
#[derive(Debug, clap::Args)]
pub struct CeilingRequest {
    /// Dissimilarity matrices over the same images: a file each, or a stack of them.
    #[arg(required = true, value_parser = place())]
    matrices: Vec<Place>,
    /// tau-b, tau-a, rho-a, spearman, pearson or cosine.
    #[arg(long, value_name = "METHOD", default_value = "tau-b", value_parser = method)]
    method: Method,
    #[command(flatten)]
    taking: Taking,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

impl CeilingRequest {
    /// Finds both bounds.
    ///
    /// # Errors
    /// If a file cannot be read, or they do not belong together, or they are fewer than two.
    pub fn carry_out(&self) -> Result<Told> {
        let mut warnings = Vec::new();
        let read: Result<Vec<Matrices>> =
            self.matrices.iter().map(|place| Matrices::read(place, &self.taking, &mut warnings)).collect();
        let read = read?;
        // each with the first of which something is said, or else with the first
        let first = read.iter().position(|matrices| matrices.side.is_some()).unwrap_or(0);
        for (_, other) in read.iter().enumerate().filter(|(number, _)| *number != first) {
            self.taking.check_belong(&read[first], other, &mut warnings)?;
        }
        match read.iter().any(Matrices::are_doubles) {
            false => self.told::<f32>(read, warnings),
            true => self.told::<f64>(read, warnings),
        }
    }

    fn told<T: Held>(&self, read: Vec<Matrices>, mut warnings: Vec<String>) -> Result<Told> {
        let (mut names, mut rdms) = (Vec::new(), Vec::new());
        for matrices in read {
            let (more_names, more): (Vec<String>, Vec<Rdm<T>>) = matrices.take(None)?.into_iter().unzip();
            names.extend(more_names);
            rdms.extend(more);
        }
        memory::refuse_beyond(rdms[0].upper().len() as u64 * 50, "the noise ceiling")?;
        let ceiling = noise_ceiling(&rdms, self.method).or_trouble(Exit::Data, || names.join(", "))?;
        let (images, matrices, pairs) = (rdms[0].images(), ceiling.matrices, ceiling.pairs_used);
        if matrices < FEW {
            warnings.push(format!("{matrices} matrices say little of how unlike subjects are; {FEW} or more are usual"));
        }
        let left = match ceiling.pairs_left_out {
            0 => String::new(),
            left_out => format!(", {left_out} left out as undefined"),
        };
        let (method, low, high) = (self.method, value(ceiling.lower), value(ceiling.upper));
        let known: Vec<f64> = ceiling.between.iter().flatten().copied().collect();
        let mean = (known.len() == ceiling.between.len()).then(|| known.iter().sum::<f64>() / known.len() as f64);
        let text = format!(
            "{low} to {high} {method}, noise ceiling of {matrices} matrices ({pairs} pairs of {images} images{left}); by twos they are {} alike \
             in the mean",
            value(mean)
        );
        let tied = names.iter().zip(&rdms).find(|(_, rdm)| is_tied(rdm.upper().iter().copied())).map(|(name, _)| name);
        if let (None, Some(name)) = (ceiling.lower, tied) {
            warnings.push(format!(
                "all dissimilarities of {name} are equal, so that nothing can be said of its likeness; leave it out"
            ));
        }
        let object = json!({
            "value": [ceiling.lower, ceiling.upper], "lower": ceiling.lower, "upper": ceiling.upper, "method": method, "images": images,
            "n": matrices, "pairs_used": pairs, "pairs_left_out": ceiling.pairs_left_out, "between": ceiling.between,
            "between_mean": mean, "matrices": names,
        });
        Ok(Told { text, object, warnings })
    }
}
