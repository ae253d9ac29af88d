//! Where each pair of images is in the upper triangle of a matrix: 01, 02, …, 12, 13, …, row after row.

/// The most images a matrix can have: their 2,147,450,880 pairs can be numbered in 31 bits.
pub const MOST_IMAGES: usize = 65_536;

/// Number of pairs of `n` things.
pub(crate) fn pairs(n: usize) -> usize {
    n * n.saturating_sub(1) / 2
}

/// Where the pairs (i, i+1), (i, i+2), … begin in the upper triangle.
pub(crate) fn row_start(images: usize, i: usize) -> usize {
    pairs(images) - pairs(images - i)
}

/// The pair at a place of the upper triangle.
pub(crate) fn pair(images: usize, place: usize) -> (usize, usize) {
    let i = (0..images).find(|&i| row_start(images, i + 1) > place).expect("a place in the triangle");
    (i, place - row_start(images, i) + i + 1)
}

/// Where the pair of two different images is in the upper triangle.
pub(crate) fn position(images: usize, i: usize, j: usize) -> usize {
    let (first, second) = (i.min(j), i.max(j));
    row_start(images, first) + second - first - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_follow_each_other_row_after_row() {
        for images in 0..8 {
            let order = (0..images).flat_map(|i| (i + 1..images).map(move |j| (i, j)));
            let positions: Vec<usize> = order.clone().map(|(i, j)| position(images, i, j)).collect();
            assert_eq!(positions, (0..pairs(images)).collect::<Vec<_>>(), "{images} images");
            assert!(order.clone().all(|(i, j)| position(images, i, j) == position(images, j, i)));
        }
    }
}
