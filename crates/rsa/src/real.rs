//! Single and double precision: what patterns and dissimilarities are made of.

use std::borrow::Cow;
use std::fmt::{Debug, Display};

use crate::{buckets::Key, product::Tile, ranking::order_of_doubles};

/// A number of patterns or dissimilarities: `f32` or `f64`, and no other type.
pub trait Real: Copy + PartialOrd + PartialEq + Default + Debug + Display + Into<f64> + Send + Sync + Sealed + 'static {
    /// The largest number, 3.4e38 or 1.8e308.
    const LARGEST: f64;
    /// The smallest number above 0 that has all its digits, 1.2e-38 or 2.2e-308.
    const SMALLEST: f64;
    /// Half the distance from 1 to the next number: by so much of itself a number may be rounded, 6e-8 or 1.1e-16.
    const ROUNDING: f64;
    /// Stands for what is not defined.
    const UNDEFINED: Self;
    /// What their ranking is found by.
    #[doc(hidden)]
    type Key: Key;

    /// The nearest number, but not 0 for what is not 0.
    #[doc(hidden)]
    fn nearest(value: f64) -> Self;

    /// Products of sixteen vectors with sixteen, added to sums in double precision.
    #[doc(hidden)]
    const ADD_PRODUCTS: Tile<Self>;

    /// What orders as the values do.
    #[doc(hidden)]
    fn keys(values: &[Self]) -> Cow<'_, [Self::Key]>;

    /// Is it no number?
    #[doc(hidden)]
    fn is_undefined(self) -> bool {
        self.into().is_nan()
    }
}

/// Keeps [`Real`] to these two.
#[doc(hidden)]
pub trait Sealed {}

impl Sealed for f32 {}
impl Sealed for f64 {}

impl Real for f32 {
    const LARGEST: f64 = f32::MAX as f64;
    const SMALLEST: f64 = f32::MIN_POSITIVE as f64;
    const ROUNDING: f64 = f32::EPSILON as f64 / 2.0;
    const UNDEFINED: f32 = f32::NAN;
    type Key = f32;
    const ADD_PRODUCTS: Tile<f32> = kernels::add_panel_products;

    fn nearest(value: f64) -> f32 {
        let nearest = value as f32;
        if nearest == 0.0 && value != 0.0 { f32::from_bits(1).copysign(nearest) } else { nearest }
    }

    fn keys(values: &[f32]) -> Cow<'_, [f32]> {
        Cow::Borrowed(values)
    }
}

impl Real for f64 {
    const LARGEST: f64 = f64::MAX;
    const SMALLEST: f64 = f64::MIN_POSITIVE;
    const ROUNDING: f64 = f64::EPSILON / 2.0;
    const UNDEFINED: f64 = f64::NAN;
    type Key = u32;
    const ADD_PRODUCTS: Tile<f64> = kernels::add_panel_products_f64;

    fn nearest(value: f64) -> f64 {
        value
    }

    fn keys(values: &[f64]) -> Cow<'_, [u32]> {
        Cow::Owned(order_of_doubles(values))
    }
}
