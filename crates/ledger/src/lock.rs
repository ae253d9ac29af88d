//! Locks: who works on what. A lock is held by an open file, so it is free the moment its holder ends, however that happens; the
//! file itself tells others who that is, and counts for nothing without its holder.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::error::{LedgerError, Result};

/// A lock that this process holds. It is given back when it is dropped.
#[derive(Debug)]
pub struct Lock {
    file: File,
    path: PathBuf,
}

/// Who holds a lock, and since when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Name of the machine.
    pub host: String,
    /// Number of the process on that machine.
    pub process: u32,
    /// Seconds from 1970 to when it took the lock.
    pub since: u64,
}

impl Holder {
    fn this_process() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_secs());
        Self { host: host(), process: std::process::id(), since }
    }
}

impl Holder {
    /// Whether it is the process that asks.
    pub(crate) fn is_this_process(&self) -> bool {
        (self.process, self.host.as_str()) == (std::process::id(), host().as_str())
    }
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "process {} on {}", self.process, self.host)
    }
}

fn host() -> String {
    let told = fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let told = told.or_else(|| std::env::var("HOSTNAME").ok()).or_else(|| std::env::var("COMPUTERNAME").ok());
    told.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).unwrap_or_else(|| "this machine".to_owned())
}

impl Lock {
    /// Takes a lock; none if another process holds it. One that just looks who holds it is gone the next moment.
    pub fn try_take(path: &Path) -> Result<Option<Self>> {
        let mut looks = 0;
        loop {
            let file = open(path)?;
            match file.try_lock() {
                Ok(()) if has_name(&file, path) => return Self::signed(file, path).map(Some),
                // whoever held it before has removed the file: this one is nobody's lock
                Ok(()) => {}
                Err(TryLockError::WouldBlock) if looks < 3 => {
                    looks += 1;
                    std::thread::sleep(Duration::from_millis(2));
                }
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(source)) => return Err(LedgerError::disk("lock", path, source)),
            }
        }
    }

    /// Takes a lock, and waits for it as long as it must.
    pub fn take(path: &Path) -> Result<Self> {
        loop {
            let file = open(path)?;
            file.lock().map_err(|source| LedgerError::disk("lock", path, source))?;
            if has_name(&file, path) {
                return Self::signed(file, path);
            }
        }
    }

    fn signed(mut file: File, path: &Path) -> Result<Self> {
        let text = serde_json::to_vec(&Holder::this_process()).expect("plain data");
        let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(&text));
        written.map_err(|source| LedgerError::disk("write", path, source))?;
        Ok(Self { file, path: path.to_owned() })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // removed while it is still held, so that nobody else's is removed
        if cfg!(unix) && has_name(&self.file, &self.path) {
            let _ = fs::remove_file(&self.path);
        }
        let _ = self.file.unlock();
    }
}

/// Who holds a lock now; none if nobody does. A file without a holder is what a killed process left.
pub(crate) fn holder(path: &Path) -> Option<Holder> {
    let file = File::open(path).ok()?;
    // shared, so that a look does not keep others from looking
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            let unknown = Holder { host: "another machine".to_owned(), process: 0, since: 0 };
            let _ = (&file).take(1 << 12).read_to_string(&mut text);
            Some(serde_json::from_str(&text).unwrap_or(unknown))
        }
        Ok(()) | Err(TryLockError::Error(_)) => None,
    }
}

fn open(path: &Path) -> Result<File> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
    file.map_err(|source| LedgerError::disk("lock", path, source))
}

/// Whether an open file is still the one of that name.
fn has_name(file: &File, path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
        match (file.metadata(), fs::metadata(path)) {
            (Ok(open), Ok(named)) => identity(open) == identity(named),
            _ => false,
        }
    }
    #[cfg(not(unix))]
    {
        let _ = (file, path);
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn one_holds_it_and_the_others_see_who() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        assert_eq!(holder(&path), None);
        let lock = Lock::try_take(&path).unwrap().unwrap();
        assert!(Lock::try_take(&path).unwrap().is_none());
        assert_eq!(holder(&path).unwrap().process, std::process::id());
        drop(lock);
        assert!(!path.exists() && holder(&path).is_none());
        // what a killed process leaves
        fs::write(&path, r#"{"host":"node7","process":4,"since":0}"#).unwrap();
        assert_eq!(holder(&path), None);
        drop(Lock::try_take(&path).unwrap());
        assert!(!path.exists());
    }

    #[test]
    fn of_many_that_come_and_go_never_two_are_inside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let (inside, turns) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for worker in 0..8 {
                let (path, inside, turns) = (&path, &inside, &turns);
                scope.spawn(move || {
                    for _ in 0..200 {
                        let lock = if worker % 2 == 0 { Lock::try_take(path).unwrap() } else { Some(Lock::take(path).unwrap()) };
                        if let Some(_held) = lock {
                            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two are inside");
                            turns.fetch_add(1, Ordering::SeqCst);
                            inside.fetch_sub(1, Ordering::SeqCst);
                        }
                    }
                });
            }
        });
        assert!(turns.into_inner() >= 800);
    }
}
