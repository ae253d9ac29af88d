//! Where the network lives: chosen at run time from what this build has.

use std::str::FromStr;

/// A device a network can live on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// The processor, with our own kernels.
    Cpu,
    /// The processor, with the engine's operations alone (Burn's `flex` backend): slower, for comparison.
    CpuStock,
    /// A graphics card through Vulkan; needs the cargo feature `vulkan`.
    #[cfg(feature = "vulkan")]
    Vulkan,
    /// An Apple graphics processor through Metal; needs the cargo feature `metal`.
    #[cfg(feature = "metal")]
    Metal,
}

/// Why a device cannot be had.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DeviceError {
    /// A known device that this build lacks.
    #[error("this build has no device '{0}'; install it with `cargo install --features {0}`")]
    NotBuilt(String),
    /// A word that names no device.
    #[error("there is no device '{0}'; choose cpu, cpu-stock, vulkan or metal")]
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
            "cpu-stock" => Ok(Device::CpuStock),
            #[cfg(feature = "vulkan")]
            "vulkan" => Ok(Device::Vulkan),
            #[cfg(feature = "metal")]
            "metal" => Ok(Device::Metal),
            known if ["vulkan", "metal"].contains(&known) => Err(DeviceError::NotBuilt(name.to_owned())),
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
/// machines with different processors compute the same bits on the device `cpu`.
///
/// # Errors
/// If there is no such instruction set, this processor lacks it, or another one was pinned before.
pub fn pin_instructions(name: &str) -> Result<(), DeviceError> {
    Ok(name.parse::<kernels::Simd>()?.pin()?)
}

/// The instruction set that the device `cpu` uses, such as "AVX-512": different ones round differently.
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
            Device::CpuStock => "cpu-stock",
            #[cfg(feature = "vulkan")]
            Device::Vulkan => "vulkan",
            #[cfg(feature = "metal")]
            Device::Metal => "metal",
        }
    }

    pub(crate) fn engine(self) -> burn::tensor::Device {
        match self {
            Device::Cpu | Device::CpuStock => burn::tensor::Device::flex(),
            #[cfg(feature = "vulkan")]
            Device::Vulkan => burn::tensor::Device::vulkan(burn::tensor::DeviceKind::DefaultDevice),
            #[cfg(feature = "metal")]
            Device::Metal => burn::tensor::Device::metal(burn::tensor::DeviceKind::DefaultDevice),
        }
    }
}
