//! The network: it learns, perceives and is wounded.
//!
//! The only room that names the tensor engine (Burn). What goes in and comes out is plain data: images as
//! bytes, lessons, lesions, responses, and states as safetensors bytes with torchvision's names.

pub use device::{Device, DeviceError, prepare_learning, prepare_process};
pub use learn::{Diverged, EpochOutcome};
pub use network::Network;
pub use perceive::SHOWN_AT_ONCE;
pub use swift::conversions;
pub use weights::WeightsError;

mod device;
mod network;
mod parameter;

mod learn;
mod perceive;
mod weights;

mod batches;
mod operations;
mod swift;
