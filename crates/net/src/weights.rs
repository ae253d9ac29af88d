//! Weights as safetensors bytes, under torchvision's names. Two doors: our own states, in which nothing may have been altered, and
//! weights that users bring, which are converted where that is safe.

pub use error::WeightsError;
pub use given::Given;

mod error;
mod file;
mod given;
mod state;
