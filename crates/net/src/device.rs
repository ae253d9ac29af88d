//! Where the network lives.

use std::str::FromStr;

/// A device a network can live on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// The processor.
    Cpu,
}

/// Devices of earlier versions, which went with the tensor library that served them.
const GONE: [&str; 3] = ["cpu-stock", "vulkan", "metal"];

/// Why a device cannot be had.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DeviceError {
    /// A device of earlier versions.
    #[error("the device '{0}' is gone; choose cpu (graphics cards are to come back with networks of PyTorch)")]
    Gone(String),
    /// A word that names no device.
    #[error("there is no device '{0}'; choose cpu")]
    Unknown(String),
    /// An instruction set that cannot be had.
    #[error(transparent)]
    Instructions(#[from] kernels::SimdError),
}

impl FromStr for Device {
    type Err = DeviceError;

    fn from_str(name: &str) -> Result<Self, DeviceError> {
        match name {
            "cpu" => Ok(Device::Cpu),
            gone if GONE.contains(&gone) => Err(DeviceError::Gone(name.to_owned())),
            _ => Err(DeviceError::Unknown(name.to_owned())),
        }
    }
}

impl std::fmt::Display for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Has all kernels of this process use one instruction set: `avx512`, `avx2` or `portable`. Call it once, before any work, so that
/// machines with different processors compute the same bits.
///
/// # Errors
/// If there is no such instruction set, this processor lacks it, or another one was pinned before.
pub fn pin_instructions(name: &str) -> Result<(), DeviceError> {
    Ok(name.parse::<kernels::Simd>()?.pin()?)
}

/// The instruction set that the kernels use, such as "AVX-512": different ones round differently.
#[must_use]
pub fn instructions() -> String {
    kernels::Simd::current().to_string()
}

/// The processor's model name, such as "AMD EPYC 9354 32-Core Processor", or "unknown processor".
#[must_use]
pub fn processor() -> String {
    kernels::processor()
}

/// Prepares this process for large work: the allocator keeps its pages from one step to the next. Call it first.
pub fn prepare_process() {
    kernels::keep_pages();
}

/// Prepares this process for learning: its memory lies on large pages. Call it before threads are started.
pub fn prepare_learning() {
    kernels::use_large_pages();
}

impl Device {
    /// Its name, as it is written on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Device::Cpu => "cpu",
        }
    }
}
