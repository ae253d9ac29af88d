//! The program: it reads a study, carries it out, keeps its ledger and shows what came of it.
//!
//! The way of a study: [`study_file`] turns a file into a study that cannot be wrong; [`sweep`] takes every case of it in
//! turn; [`trial`] carries a case to its end, step by step as its [`course`] says; the [`ledger`] makes each step durable;
//! [`evidence`] gathers what is committed and has it drawn.

pub mod command;

pub mod study_file;

pub mod sweep;

pub mod trial;

pub mod course;
mod disk;
pub mod ledger;

pub mod evidence;

pub mod arrays;
pub mod similarity;

pub mod bench;
pub mod list;
pub mod plan;

pub mod npy;
pub mod screen;
pub mod trouble;
