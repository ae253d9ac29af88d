//! One file from the network to the disk, in as many sittings as it takes.
//!
//! What arrives goes to `NAME.part`. Only when all of it is there, has the right checksum and is safely on disk
//! does it get its name: a half file is never believed. Nothing is made on disk before the server has answered, and what
//! was made is taken away again if not a byte arrived.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ureq::http::{Response, StatusCode};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body};

use crate::authorities::authorities;
use crate::error::StimuliError;
use crate::file::{self, md5};
use crate::shown;

/// How a download goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetch {
    /// Another process is downloading the same file; it will be waited for.
    Waiting {
        /// The file.
        path: PathBuf,
    },
    /// Bytes begin to arrive.
    Started {
        /// Where from.
        url: String,
        /// Size of the whole file, if the server says.
        bytes_total: Option<u64>,
        /// How much of it was already on disk.
        resumed_from: u64,
    },
    /// So many bytes more have arrived.
    Received {
        /// How many.
        bytes: u64,
    },
    /// The file is complete, has the right checksum and carries its name.
    Verified,
}

/// A file wanted from the network.
pub(crate) struct Order<'a> {
    pub(crate) url: String,
    pub(crate) path: &'a Path,
    pub(crate) md5: &'a str,
    /// No more bytes than this are received, whatever the server sends.
    pub(crate) most: u64,
}

impl Order<'_> {
    /// Downloads the file, or the rest of it.
    pub(crate) fn fetch(&self, report: &mut dyn FnMut(Fetch)) -> Result<(), StimuliError> {
        let begun = match fs::metadata(self.part()) {
            Ok(_) => None,
            Err(_) => Some(self.begin()?),
        };
        let made = self.make_folder()?;
        let fetched = self.fetch_into_part(begun, report);
        if fetched.is_err() {
            // up to the first that is not empty
            made.iter().all(|folder| fs::remove_dir(folder).is_ok());
        }
        fetched
    }

    fn fetch_into_part(&self, begun: Option<Response<Body>>, report: &mut dyn FnMut(Fetch)) -> Result<(), StimuliError> {
        let mut part = self.open_part(report)?;
        // whoever held the lock before may have finished
        let fetched = if self.path.exists() { Ok(()) } else { self.fill(begun, &mut part, report) };
        // as long as it is locked, nobody else can have begun to write to it
        if part.metadata().is_ok_and(|part| part.len() == 0) {
            let _ = fs::remove_file(self.part());
        }
        fetched
    }

    fn fill(&self, begun: Option<Response<Body>>, part: &mut File, report: &mut dyn FnMut(Fetch)) -> Result<(), StimuliError> {
        self.receive(begun, part, report)?;
        part.sync_all().map_err(|error| self.unwritable(error))?;
        self.verify(part)?;
        // no sync of the folder: if the new name is lost with the power, the part is still there and complete
        fs::rename(self.part(), self.path).map_err(|error| StimuliError::writing(self.path, error))?;
        report(Fetch::Verified);
        Ok(())
    }

    /// Makes the folder for the file; returns those that had to be made, the innermost first.
    fn make_folder(&self) -> Result<Vec<PathBuf>, StimuliError> {
        let Some(folder) = self.path.parent() else { return Ok(Vec::new()) };
        let is_new = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
        let made = folder.ancestors().take_while(is_new).map(Path::to_path_buf).collect();
        fs::create_dir_all(folder).map_err(|error| StimuliError::writing(folder, error))?;
        Ok(made)
    }

    fn part(&self) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(".part");
        PathBuf::from(name)
    }

    /// Opens the part for this process alone. Two writers would tear it.
    fn open_part(&self, report: &mut dyn FnMut(Fetch)) -> Result<File, StimuliError> {
        if self.part().exists() {
            file::inspect(&self.part())?;
        }
        let mut options = OpenOptions::new();
        let part = options.read(true).write(true).create(true).truncate(false).open(self.part());
        let part = part.map_err(|error| self.unwritable(error))?;
        match part.try_lock() {
            Err(TryLockError::WouldBlock) => {
                report(Fetch::Waiting { path: self.path.to_path_buf() });
                part.lock().map_err(|error| self.unwritable(error))?;
                // whoever held it may have found it damaged and deleted it: what is open here then has no name any more
                if !self.part().exists() && !self.path.exists() {
                    return self.open_part(report);
                }
            }
            // some network file systems know no locks; the checksum still guards the result
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        Ok(part)
    }

    /// Asks for the whole file.
    fn begin(&self) -> Result<Response<Body>, StimuliError> {
        self.answered(self.request(0)?, 0)
    }

    /// The answer, if it brings the file from its beginning on; `there` bytes of it are on disk.
    fn answered(&self, response: Response<Body>, there: u64) -> Result<Response<Body>, StimuliError> {
        match response.status() {
            StatusCode::OK => Ok(response),
            other => Err(self.broken("cannot download", format!("the server answers {other}"), there)),
        }
    }

    /// Fills the part, from an answer that has `begun` to bring the whole file if the part is still empty.
    fn receive(&self, begun: Option<Response<Body>>, part: &mut File, report: &mut dyn FnMut(Fetch)) -> Result<(), StimuliError> {
        let there = part.seek(SeekFrom::End(0)).map_err(|error| self.unwritable(error))?;
        let mut response = match begun {
            Some(response) if there == 0 => response,
            _ => self.request(there)?,
        };
        let mut resumed_from = 0;
        match response.status() {
            StatusCode::PARTIAL_CONTENT if range_start(&response) == Some(there) => resumed_from = there,
            // nothing lies beyond what is there: the checksum will tell whether it is the file
            StatusCode::RANGE_NOT_SATISFIABLE if there > 0 => return Ok(()),
            StatusCode::PARTIAL_CONTENT => response = self.request(0)?,
            _ => {}
        }
        if resumed_from == 0 {
            response = self.answered(response, there)?;
            part.set_len(0).and_then(|()| part.rewind()).map_err(|error| self.unwritable(error))?;
        }
        let bytes_total = response.body().content_length().map(|rest| resumed_from + rest);
        report(Fetch::Started { url: self.url.clone(), bytes_total, resumed_from });
        self.copy(response.into_body(), part, resumed_from, report)
    }

    fn request(&self, from: u64) -> Result<Response<Body>, StimuliError> {
        let authorities = match authorities() {
            Ok(authorities) => authorities,
            // not needed
            Err(_) if self.url.starts_with("http://") => RootCerts::WebPki,
            Err(reason) => return Err(self.distrusted(reason)),
        };
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(30)))
            .timeout_per_read(Some(Duration::from_secs(60)))
            .user_agent(concat!("atrophy/", env!("CARGO_PKG_VERSION")))
            .tls_config(TlsConfig::builder().root_certs(authorities).build())
            .build();
        let request = Agent::new_with_config(config).get(&self.url).header("accept-encoding", "identity");
        let request = if from > 0 { request.header("range", format!("bytes={from}-")) } else { request };
        request.call().map_err(|error| match error.to_string() {
            // rustls's words
            reason if reason.contains("peer certificate") => self.distrusted(reason),
            reason => self.broken("cannot download", reason, from),
        })
    }

    /// Nobody who is believed vouches for the server, as happens where a network inspects what passes through it.
    fn distrusted(&self, reason: String) -> StimuliError {
        let next = "have SSL_CERT_FILE name a PEM file with the certificate of your network's authority".to_owned();
        let next = format!("{next}, or {}", self.by_hand());
        StimuliError::Download { what: "cannot download", url: self.url.clone(), reason, next }
    }

    fn copy(&self, body: Body, part: &mut File, from: u64, report: &mut dyn FnMut(Fetch)) -> Result<(), StimuliError> {
        let mut body = body.into_reader();
        let mut buffer = vec![0; 1 << 16];
        let mut there = from;
        loop {
            match body.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(bytes) if there + bytes as u64 > self.most => {
                    part.set_len(0).map_err(|error| self.unwritable(error))?;
                    return Err(self.broken("the download was given up", format!("more than {} bytes came", self.most), 0));
                }
                Ok(bytes) => {
                    part.write_all(&buffer[..bytes]).map_err(|error| self.unwritable(error))?;
                    there += bytes as u64;
                    report(Fetch::Received { bytes: bytes as u64 });
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.broken("the download broke off", error.to_string(), there)),
            }
        }
    }

    /// Believes the part if its checksum is right, else deletes it.
    fn verify(&self, part: &mut File) -> Result<(), StimuliError> {
        let found = part.rewind().and_then(|()| md5(part)).map_err(|error| StimuliError::reading(&self.part(), error))?;
        if found == self.md5 {
            return Ok(());
        }
        fs::remove_file(self.part()).map_err(|error| self.unwritable(error))?;
        Err(StimuliError::Download {
            what: "the downloaded file is damaged and was deleted",
            url: self.url.clone(),
            reason: format!("its MD5 is {found}, not {}", self.md5),
            next: format!("run the same command again, or {}", self.by_hand()),
        })
    }

    fn broken(&self, what: &'static str, reason: String, there: u64) -> StimuliError {
        let again = match there {
            0 => "check the network and run the same command again".to_owned(),
            _ => format!("run the same command again to go on after the {there} bytes that are there"),
        };
        StimuliError::Download { what, url: self.url.clone(), reason, next: format!("{again}, or {}", self.by_hand()) }
    }

    fn by_hand(&self) -> String {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        format!(
            "download it by hand and put it into {}, or name another source with --mirror",
            shown::clipped(&shown::path(folder), 50)
        )
    }

    fn unwritable(&self, error: io::Error) -> StimuliError {
        StimuliError::writing(&self.part(), error)
    }
}

/// First byte of a partial answer: `Content-Range: bytes 100-199/200`.
fn range_start(response: &Response<Body>) -> Option<u64> {
    let range = response.headers().get("content-range")?.to_str().ok()?;
    range.trim().strip_prefix("bytes")?.trim_start().split('-').next()?.parse().ok()
}

#[cfg(test)]
pub(crate) mod tests;
