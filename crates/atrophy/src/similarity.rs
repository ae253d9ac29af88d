//! Representational similarity for anybody's activations, from any framework: `atrophy rdm`, `atrophy compare`, `atrophy noise-ceiling`.
//!
//! The numbers are those of crate `rsa`. Here are the questions (`matrix`, `compare`, `ceiling`), what is read for them
//! (`activations`, `matrices`), the file beside a matrix that says what it is (`side`), and how results get to the disk
//! (`deliver`).

mod activations;
mod ceiling;
mod compare;
mod deliver;
mod matrices;
mod matrix;
mod side;

pub use ceiling::CeilingRequest;
pub use compare::CompareRequest;
pub use matrix::RdmRequest;

use clap::builder::{OsStringValueParser, TypedValueParser};
use serde_json::Value;

use crate::arrays::Place;
use crate::output;
use crate::trouble::{Result, warn};

/// A result, for people and for programs.
pub struct Told {
    /// For people.
    text: String,
    /// For programs: the result under `value`.
    object: Value,
    /// What a person should know besides; programs find it under `warnings`.
    warnings: Vec<String>,
}

impl Told {
    /// Prints the result, and warnings to standard error.
    ///
    /// # Errors
    /// If standard output cannot be written.
    pub fn say(mut self, json: bool) -> Result<()> {
        self.warnings.iter().for_each(|warning| warn(warning));
        if !self.warnings.is_empty() {
            self.object["warnings"] = self.warnings.into();
        }
        output::say(json, || self.text, || self.object)
    }
}

/// Names of files may be of any bytes.
fn place() -> impl TypedValueParser<Value = Place> {
    OsStringValueParser::new().try_map(Place::parse)
}

/// A number of a result, for people.
fn value(value: Option<f64>) -> String {
    value.map_or_else(|| "undefined".to_owned(), |value| format!("{value:.6}"))
}

/// "1 pair", "3 pairs".
fn counted(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
