//! Why a file of weights cannot be used, in messages that stay short whatever the file holds.

/// Why a file of weights cannot be used. Names of tensors are shown with control characters escaped and cut at 60 characters.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum WeightsError {
    /// Not a safetensors file, or cut off.
    #[error("it is not a whole safetensors file ({0})")]
    Unreadable(String),
    /// A file as `torch.save` writes it.
    #[error(
        "it is a PyTorch file; save it as safetensors: `safetensors.torch.save_file(model.state_dict(), \"weights.safetensors\")`"
    )]
    PyTorch,
    /// A tensor of this network is not in it.
    #[error("it has no tensor '{name}'{}, so it belongs to another network than {network}", nearest_name(nearest.as_deref()))]
    Missing {
        /// The tensor.
        name: String,
        /// The name in the file that is most like it, if the file has any.
        nearest: Option<String>,
        /// This network.
        network: String,
    },
    /// A tensor has another shape than this network's.
    #[error("its tensor '{}' has the shape {found}, but {network} needs {needed}, so it belongs to another network", shown(name))]
    Unlike {
        /// The tensor.
        name: String,
        /// Shape in the file.
        found: String,
        /// Shape needed.
        needed: String,
        /// This network.
        network: String,
    },
    /// A tensor of a type that cannot be taken.
    #[error("its tensor '{}' is of the type {found}, but must be {needed}; convert it", shown(name))]
    Type {
        /// The tensor.
        name: String,
        /// Type in the file.
        found: String,
        /// Types that can be taken.
        needed: &'static str,
    },
    /// A state has a tensor that its network has no place for, or a mask that is none.
    #[error("its tensor '{}' is not one that a state of this network has; the file was altered", shown(.0))]
    Altered(String),
    /// A lost synapse has a weight or momentum that is not +0.0.
    #[error("its tensor '{}' breaks the law that a lost synapse is exactly 0; the file was altered", shown(.0))]
    Revived(String),
    /// A value that is not a finite number, or too large for single precision.
    #[error("its tensor '{}' holds values that are not finite numbers in single precision (f32)", shown(.0))]
    NotFinite(String),
    /// A variance below zero.
    #[error("its tensor '{}' holds variances below zero", shown(.0))]
    NegativeVariance(String),
    /// Given weights with a lesion.
    #[error(
        "these weights have a lesion ('{}' marks {lost} of {values} as lost, {:.1} %), and a subject starts healthy; \
         give the weights from before they were pruned",
        shown(mask),
        100.0 * *lost as f64 / *values as f64
    )]
    Wounded {
        /// The mask.
        mask: String,
        /// How many values of its layer it marks as lost.
        lost: u64,
        /// How many values its layer has.
        values: u64,
    },
    /// Given weights with a mask that has zeros and belongs to no tensor of this network, so that a lesion would be lost.
    #[error(
        "its tensor '{}' looks like a mask with lost synapses, but belongs to no weight of this network; a subject starts \
         healthy: give weights that were never pruned, without masks",
        shown(.0)
    )]
    StrayMask(String),
}

fn nearest_name(nearest: Option<&str>) -> String {
    nearest.map_or_else(|| " (nor any other)".to_owned(), |name| format!(" (the nearest it has is '{}')", shown(name)))
}

/// Text out of a file as a message may show it: control characters escaped, cut at 60 characters.
pub(crate) fn shown(text: &str) -> String {
    clipped(text, 60)
}

/// Control characters (and those that turn the direction of text) escaped, cut at `most` characters.
pub(super) fn clipped(text: &str, most: usize) -> String {
    let mut escaped = text.chars().flat_map(|c| {
        // quotes and backslashes are harmless and stay
        let keeps = matches!(c, '\'' | '"' | '\\');
        keeps.then_some(c).into_iter().chain((!keeps).then(|| c.escape_debug()).into_iter().flatten())
    });
    let start: String = escaped.by_ref().take(most).collect();
    if escaped.next().is_some() { start + "…" } else { start }
}
