//! The network: it learns, perceives and is wounded.
//!
//! Callers see plain data: images as bytes, lessons (settings of SGD), lesions (pruning masks that only grow), responses, and states
//! (checkpoints) as safetensors bytes with torchvision's names. Inside, a network is a program: a list of operations, each of them a call of
//! the kernels on plain slices.

pub use device::{Device, DeviceError, instructions, pin_instructions, prepare_learning, prepare_process, processor};
pub use learn::{Diverged, EpochOutcome};
pub use network::Network;
pub use perceive::{NotFinite, SHOWN_AT_ONCE};
pub use retina::Retina;
pub use weights::{Given, WeightsError};

mod device;
mod network;
mod parameter;
mod retina;
mod statistics;

mod learn;
mod perceive;
mod weights;

mod batches;
mod loss;
mod order;
mod program;
