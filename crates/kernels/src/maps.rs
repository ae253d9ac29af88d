//! The sizes of what the kernels work on.

/// How many maps (images, or what a layer made of them) there are, and how large each is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Maps {
    /// The number of maps.
    pub images: usize,
    /// Rows of each.
    pub height: usize,
    /// Columns of each.
    pub width: usize,
}

impl Maps {
    /// The number of pixels of all maps.
    ///
    /// # Panics
    /// If there are more than memory can hold.
    #[must_use]
    pub fn pixels(self) -> usize {
        product(&[self.images, self.height, self.width])
    }
}

/// The product of sizes. Slices are held against it, so it must not wrap around.
pub(crate) fn product(sizes: &[usize]) -> usize {
    sizes.iter().try_fold(1usize, |product, &size| product.checked_mul(size)).expect("as many numbers as memory can hold")
}
