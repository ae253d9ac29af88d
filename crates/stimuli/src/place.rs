//! Where images are looked for.

use std::path::PathBuf;

/// Where images are looked for. Its two folders are relative to different places: whoever starts the program says where the
/// data sets of this machine lie, while a study says where its own pictures lie, wherever the study is put.
#[derive(Clone, Debug)]
pub struct Place {
    /// Folder of data sets (CIFAR); what is downloaded goes there. A relative path starts from the working directory.
    pub data: PathBuf,
    /// Folder of the study file. The relative `path` of a `folder` in `stimuli` starts from here, not from `data`.
    pub study_folder: PathBuf,
    /// Base address to download from instead of the official one.
    pub mirror: Option<String>,
}
