use std::path::Path;
use neuro::images::Stimuli;
use crate::{Outline, StimuliError};
pub(crate) fn load(_: &Path, _: u32, _: u32) -> Result<Stimuli, StimuliError> { todo!() }
pub(crate) fn outline(_: &Path, _: u32, _: u32) -> Result<Outline, StimuliError> { todo!() }
