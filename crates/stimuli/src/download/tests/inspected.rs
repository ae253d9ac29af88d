//! Downloads in a network that inspects what passes through it: the server shows a certificate of an authority that
//! nobody else knows. `SSL_CERT_FILE` belongs to a process, so each download is one of its own.

use std::process::Command;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::*;

const CERTIFICATES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/certificates");
const URL: &str = "ATROPHY_TEST_URL";
const FOLDER: &str = "ATROPHY_TEST_FOLDER";

/// Serves `body` to one connection that gets as far as asking for it.
fn serve(body: Vec<u8>) -> String {
    let certificates = [CertificateDer::from_pem_file(format!("{CERTIFICATES}/server.pem")).unwrap()].to_vec();
    let key = PrivateKeyDer::from_pem_file(format!("{CERTIFICATES}/server.key")).unwrap();
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(certificates, key).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("https://{}/set.tar.gz", listener.local_addr().unwrap());
    thread::spawn(move || {
        let stream = listener.accept().unwrap().0;
        let mut stream = StreamOwned::new(ServerConnection::new(config.into()).unwrap(), stream);
        let mut request = Vec::new();
        let mut byte = [0];
        while !request.ends_with(b"\r\n\r\n") {
            match stream.read(&mut byte) {
                Ok(1) => request.push(byte[0]),
                // whoever does not believe the certificate asks for nothing
                _ => return,
            }
        }
        let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)).unwrap();
        stream.conn.send_close_notify();
        stream.flush().unwrap();
    });
    address
}

/// The download that the tests below start as a process of its own.
#[test]
fn one_download() {
    let (Ok(url), Ok(folder)) = (std::env::var(URL), std::env::var(FOLDER)) else { return };
    let folder = PathBuf::from(folder);
    let md5 = Case::new().md5;
    let outcome = match (Order { url, path: &folder.join("set.tar.gz"), md5: &md5, most: 200_000 }).fetch(&mut |_| ()) {
        Ok(()) => "downloaded".to_owned(),
        Err(error) => error.to_string(),
    };
    fs::write(folder.join("outcome"), outcome).unwrap();
}

/// Downloads in an environment with these settings; returns what came of it.
fn download(settings: &[(&str, &str)]) -> String {
    let case = Case::new();
    let this = std::env::current_exe().unwrap();
    let mut process = Command::new(this);
    process.args(["--exact", "download::tests::inspected::one_download"]);
    process.env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR");
    process.env(URL, serve(case.body.clone())).env(FOLDER, case.folder.path()).envs(settings.iter().copied());
    assert!(process.output().unwrap().status.success());
    let outcome = fs::read_to_string(case.folder.path().join("outcome")).unwrap();
    let there = fs::read(case.folder.path().join("set.tar.gz"));
    assert_eq!(there.is_ok_and(|bytes| bytes == case.body), outcome == "downloaded", "{outcome}");
    outcome
}

#[test]
fn an_authority_that_the_user_names_is_believed() {
    assert_eq!(download(&[("SSL_CERT_FILE", &format!("{CERTIFICATES}/authority.pem"))]), "downloaded");
    let folder = tempfile::tempdir().unwrap();
    fs::copy(format!("{CERTIFICATES}/authority.pem"), folder.path().join("ours.pem")).unwrap();
    assert_eq!(download(&[("SSL_CERT_DIR", folder.path().to_str().unwrap())]), "downloaded");
}

#[test]
fn a_stranger_is_not_believed_and_the_remedy_is_named() {
    // by the system's authorities, and by one that is not his
    for settings in [&[][..], &[("SSL_CERT_FILE", &*format!("{CERTIFICATES}/server.pem"))]] {
        let outcome = download(settings);
        assert!(outcome.starts_with("cannot download: https://127.0.0.1:"), "{outcome}");
        assert!(outcome.contains("SSL_CERT_FILE name a PEM file"), "{outcome}");
        assert!(outcome.chars().count() <= 400, "{outcome}");
    }
}

#[test]
fn settings_without_a_certificate_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let (empty, missing) = (folder.path().join("empty.pem"), folder.path().join("missing.pem"));
    fs::write(&empty, "").unwrap();
    for (settings, reason) in [
        (("SSL_CERT_FILE", missing.to_str().unwrap()), "SSL_CERT_FILE names no file"),
        (("SSL_CERT_FILE", "/dev/zero"), "SSL_CERT_FILE names no file"),
        (("SSL_CERT_FILE", empty.to_str().unwrap()), "there is no certificate where SSL_CERT_FILE"),
        (("SSL_CERT_DIR", folder.path().to_str().unwrap()), "there is no certificate where SSL_CERT_FILE or SSL_CERT_DIR"),
    ] {
        let outcome = download(&[settings]);
        assert!(outcome.contains(reason), "{outcome}");
    }
}
