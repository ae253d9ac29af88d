//! `atrophy noise-ceiling`: how alike any model could be to a set of matrices.
