//! The program as a whole: studies, resuming, bad input, and the house's own rules.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

mod arrays;
mod bad_input;
mod damage;
mod growth;
mod hostile_studies;
mod house;
mod kept;
mod matrices;
mod resume;
mod similarity;
mod studies;
mod whole;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A study that takes a second, in a folder of its own.
struct Toy {
    folder: tempfile::TempDir,
}

impl Toy {
    fn new() -> Self {
        let toy = Self { folder: tempfile::tempdir().unwrap() };
        toy.write("toy.toml", include_str!("toy.toml"));
        toy
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        std::fs::write(self.path(name), content).unwrap();
    }

    /// Replaces a part of the study's text, which must be there.
    #[track_caller]
    fn change(&self, part: &str, by: &str) {
        let text = std::fs::read_to_string(self.path("toy.toml")).unwrap();
        assert!(text.contains(part), "{part}");
        self.write("toy.toml", text.replace(part, by));
    }

    /// Runs `atrophy` in the toy's folder.
    fn atrophy(&self, arguments: &str) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_atrophy"));
        command.current_dir(self.folder.path()).args(arguments.split_whitespace());
        command.env_remove("ATROPHY_DATA").env_remove("ATROPHY_MIRROR");
        Ran::of(&command.output().unwrap(), self.folder.path())
    }
}

/// What a run of the program left on the terminal, with the folder's name taken out.
#[must_use = "look at what it said or at its exit code"]
struct Ran {
    exit: i32,
    out: String,
    err: String,
}

impl Ran {
    fn of(output: &Output, folder: &Path) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap().replace(folder.to_str().unwrap(), "DIR");
        Self { exit: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
    }

    #[track_caller]
    fn done(self) -> Self {
        assert_eq!(self.exit, 0, "{}", self.err);
        self
    }

    /// All that a failed run said, with its exit code. Nothing is said on standard output.
    #[track_caller]
    fn refused(&self) -> String {
        assert_eq!(self.out, "");
        assert!(!self.err.contains("panicked"), "{}", self.err);
        format!("exit {}\n{}", self.exit, self.err.trim_end())
    }
}
