//! Whose certificates a server may show.
//!
//! The system's own store, since the network of a hospital or a campus often inspects what passes through it, under an
//! authority that only its own machines know. `SSL_CERT_FILE` and `SSL_CERT_DIR`, where they are set, take the store's
//! place, as they do for OpenSSL. A machine without any store (a bare container) gets Mozilla's list, which comes with the
//! program.

use std::env;
use std::path::Path;

use ureq::tls::{Certificate, RootCerts};

/// The authorities that are believed, or why there are none.
pub(crate) fn authorities() -> Result<RootCerts, String> {
    let file = env::var_os("SSL_CERT_FILE");
    if let Some(path) = &file
        && !Path::new(path).is_file()
    {
        return Err("SSL_CERT_FILE names no file".to_owned());
    }
    let found = rustls_native_certs::load_native_certs().certs;
    if !found.is_empty() {
        return Ok(found.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).into());
    }
    match file.or_else(|| env::var_os("SSL_CERT_DIR")) {
        Some(_) => Err("there is no certificate where SSL_CERT_FILE or SSL_CERT_DIR points to".to_owned()),
        None => Ok(RootCerts::WebPki),
    }
}
