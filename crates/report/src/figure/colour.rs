//! Colours that stay apart for colour-blind eyes, on white and on black.

/// Okabe & Ito 2008, without black (it vanishes on dark paper) and yellow (it vanishes on white).
const ARMS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];

/// Colour of an arm.
pub(super) fn arm(index: usize) -> &'static str {
    ARMS[index % ARMS.len()]
}

/// What is not defined.
pub(super) const UNDEFINED: [u8; 3] = [0x9a, 0x9a, 0x9a];

/// Viridis: even steps look even, also in grey (van der Walt & Smith 2015). 0 to 1; values beyond are clipped.
pub(super) fn viridis(share: f64) -> [u8; 3] {
    let colour = colorous::VIRIDIS.eval_continuous(share.clamp(0.0, 1.0));
    [colour.r, colour.g, colour.b]
}
