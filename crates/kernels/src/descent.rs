//! Stochastic gradient descent with momentum, weight decay, and weights that are lost for good, in one pass over memory.

use crate::scratch::Target;
use crate::simd::{BLOCK, Lanes, Simd, Work};
use crate::threads::pieces;
use std::ops::Range;

/// How a step of descent is taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Descent {
    /// The learning rate.
    pub rate: f32,
    /// How much of its velocity a weight keeps from step to step; 0 for none.
    pub momentum: f32,
    /// Nesterov's momentum: looks ahead by one step.
    pub nesterov: bool,
    /// Weight decay, as a part of the gradient (L2, as in PyTorch's SGD).
    pub decay: f32,
}

/// One step of stochastic gradient descent: `g = gradient + decay * w`, `v = momentum * v + g`, `w = w - rate * v`, or with
/// Nesterov's momentum `w = w - rate * (g + momentum * v)`. The same as PyTorch's SGD (without dampening), whose first step `v = g`
/// is that of velocities that begin with 0.
///
/// `alive`, if given, has a byte for each weight: 0 where it is lost. A lost weight and its velocity become exactly +0.0, whatever they
/// and the gradient were before.
///
/// # Panics
/// If the slices are not equally long.
pub fn descend(weights: &mut [f32], velocities: &mut [f32], gradient: &[f32], alive: Option<&[u8]>, how: &Descent) {
    let (simd, length) = (Simd::current(), weights.len());
    assert!(velocities.len() == length && gradient.len() == length, "a velocity and a gradient for each of {length} weights");
    assert!(alive.is_none_or(|alive| alive.len() == length), "a byte for each of {length} weights");
    let (weights, velocities) = (Target::new(weights), Target::new(velocities));
    pieces(length, 4096, length * 8, |range| {
        // SAFETY: the pieces do not overlap.
        let (weights, velocities) = unsafe { (weights.slice(range.clone()), velocities.slice(range.clone())) };
        let (gradient, alive) = (&gradient[range.clone()], alive.map(|alive| &alive[range]));
        simd.run(Step { weights, velocities, gradient, alive, how });
    });
}

/// A step of some weights.
struct Step<'a> {
    weights: &'a mut [f32],
    velocities: &'a mut [f32],
    gradient: &'a [f32],
    alive: Option<&'a [u8]>,
    how: &'a Descent,
}

impl Work for Step<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(mut self) {
        let length = self.weights.len();
        let whole = length - length % BLOCK;
        self.take::<L>(0..whole);
        if whole < length {
            self.take_last::<L>(whole..length);
        }
    }
}

impl Step<'_> {
    /// `range` is a multiple of sixteen long.
    #[inline(always)]
    fn take<L: Lanes>(&mut self, range: Range<usize>) {
        let length = self.weights.len();
        assert!(range.end <= length && range.len().is_multiple_of(BLOCK));
        assert!(self.velocities.len() == length && self.gradient.len() == length);
        assert!(self.alive.is_none_or(|alive| alive.len() == length));
        let (decay, momentum) = (L::splat(self.how.decay), L::splat(self.how.momentum));
        let descent = L::splat(-self.how.rate);
        for at in range.step_by(BLOCK) {
            // SAFETY: sixteen elements of slices that are equally long.
            unsafe {
                let (w_at, v_at) = (self.weights.as_mut_ptr().add(at), self.velocities.as_mut_ptr().add(at));
                let w = L::load(w_at);
                let g = w.times_plus(decay, L::load(self.gradient.as_ptr().add(at)));
                let v = L::load(v_at).times_plus(momentum, g);
                let step = if self.how.nesterov { v.times_plus(momentum, g) } else { v };
                let w = step.times_plus(descent, w);
                let (w, v) = match self.alive {
                    Some(alive) => (w.keep(alive.as_ptr().add(at)), v.keep(alive.as_ptr().add(at))),
                    None => (w, v),
                };
                w.store(w_at);
                v.store(v_at);
            }
        }
    }

    /// The last few, by way of a copy of sixteen.
    #[inline(always)]
    fn take_last<L: Lanes>(&mut self, range: Range<usize>) {
        let (mut w, mut v, mut g, mut alive) = ([0.0; BLOCK], [0.0; BLOCK], [0.0; BLOCK], [1; BLOCK]);
        w[..range.len()].copy_from_slice(&self.weights[range.clone()]);
        v[..range.len()].copy_from_slice(&self.velocities[range.clone()]);
        g[..range.len()].copy_from_slice(&self.gradient[range.clone()]);
        if let Some(from) = self.alive {
            alive[..range.len()].copy_from_slice(&from[range.clone()]);
        }
        let mut last = Step { weights: &mut w, velocities: &mut v, gradient: &g, alive: Some(&alive), how: self.how };
        last.take::<L>(0..BLOCK);
        self.weights[range.clone()].copy_from_slice(&w[..range.len()]);
        self.velocities[range.clone()].copy_from_slice(&v[..range.len()]);
    }
}
