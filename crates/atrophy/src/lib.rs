//! The program: it reads a study, carries it out, keeps its ledger and shows what came of it.
//!
//! The way of a study: [`command`] says what can be asked; the [`door`] turns words into a study that cannot be wrong
//! ([`study_file`]) with its images; [`run`] is the story; [`sweep`] takes any case whose start is done; [`trial`] carries a case to its
//! end, step by step: there the method is. The crate `ledger` makes each step durable, and [`report`] has drawn what is committed.

pub mod command;

pub mod door;
pub mod study_file;

pub mod run;
pub mod sweep;
pub mod trial;

pub mod lab;
pub mod process;

pub mod care;
pub mod report;

pub mod arrays;
pub mod similarity;

pub mod bench;
pub mod list;
pub mod memory;
pub mod plan;

pub mod output;
pub mod screen;
pub mod trouble;
