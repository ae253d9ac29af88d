//! Names of the report's files.

/// The page.
pub(crate) const PAGE: &str = "report.html";
/// Every reading.
pub(crate) const RESULTS: &str = "results.csv";
/// Means over seeds.
pub(crate) const TABLE: &str = "table.csv";
/// Paired differences between arms.
pub(crate) const COMPARISONS: &str = "comparisons.csv";
