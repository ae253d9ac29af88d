//! The science of atrophy as plain data.
//!
//! No files, no clock, no terminal, no kernels: what a study asks ([`study`]), which synapses an
//! injury takes ([`injury`]), which lesson follows ([`plasticity`]), and what is asked of the responses
//! ([`measure`]). These strategies decide and return data; the network, in another room, does.

pub mod quantity;
pub mod seed;

pub mod keep;
pub mod study;

pub mod architecture;
pub mod images;
pub mod lesion;
pub mod lesson;
pub mod reading;
pub mod responses;

pub mod injury;
pub mod measure;
pub mod plasticity;
pub mod representation;

pub mod branch;
pub mod course;
pub mod record;
pub mod statistics;

pub mod check;
