//! TLS: a certificate that the system trusts is taken, and no other.

mod support;

use std::path::Path;
use std::process::Command;
use std::time::Duration;
use support::server::{Server, free_port};
use tilecache_fleet::{Digest, Failure, Store};
use tilecache_redis::{Address, Redis, Settings};

const URL: &str = "TILECACHE_TLS_URL";

/// In a process of its own, where this program is told so: asks a store by TLS.
#[test]
fn asks() {
    let Ok(url) = std::env::var(URL) else {
        return;
    };
    let settings = Settings {
        opening: Duration::from_secs(10),
        ..Settings::default()
    };
    let store = Redis::new(&Address::parse(&url).unwrap(), settings).unwrap();
    match store.values(&[(Digest([1; 32]), 9)], Duration::from_secs(10)) {
        Ok(values) => println!("answered {values:?}"),
        Err(Failure::Unreachable(text)) => println!("unreachable {text}"),
        Err(other) => panic!("{other:?}"),
    }
}

/// What it says, where certificates of this file are trusted.
fn asked(url: &str, trusted: &Path) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["asks", "--exact", "--nocapture"])
        .env(URL, url)
        .env("SSL_CERT_FILE", trusted)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn only_whom_the_system_trusts_is_asked() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let make = |name: &str| {
        let file = |end| folder.join(format!("{name}.{end}"));
        let (key, certificate) = (file("key"), file("crt"));
        let made = Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
            ])
            .args(["-nodes", "-days", "2", "-subj", "/CN=localhost"])
            .args(["-addext", "subjectAltName=DNS:localhost"])
            // Of a server, and not of one that signs others.
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&certificate)
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        (key, certificate)
    };
    let ((key, certificate), (_, other)) = (make("server"), make("other"));
    let port = free_port();
    let _server = Server::start(&[
        "--tls-port",
        &port.to_string(),
        "--tls-cert-file",
        certificate.to_str().unwrap(),
        "--tls-key-file",
        key.to_str().unwrap(),
        "--tls-auth-clients",
        "no",
        "--tls-ca-cert-file",
        certificate.to_str().unwrap(),
    ]);
    let url = format!("rediss://localhost:{port}");
    assert!(
        asked(&url, &certificate).contains("answered [None]"),
        "{}",
        asked(&url, &certificate)
    );
    let refused = asked(&url, &other);
    assert!(
        refused.contains("unreachable") && refused.contains("certificate"),
        "{refused}"
    );
}
