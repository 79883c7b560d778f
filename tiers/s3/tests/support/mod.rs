//! Object stores on free ports of the loopback, ended with the value: moto, which keeps conditions, s3rver, which does not
//! and looks at signatures, and one of this program, which says what a test wants.

#![allow(dead_code, reason = "each of the tests uses its part")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tilecache_s3::{Address, Keys, ObjectStore, Settings};
use tilecache_tier_testing::Folder;

const LIMIT: Duration = Duration::from_secs(60);
pub const BUCKET: &str = "tiles";
/// Which s3rver knows.
pub const KEY: &str = "S3RVER";

pub struct Server {
    pub port: u16,
    running: Child,
    _folder: Folder,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    Moto,
    S3rver,
}

impl Program {
    /// Nothing, and a line that says so, where the program is not there.
    pub fn start(self) -> Option<Server> {
        let variable = match self {
            Self::Moto => "MOTO_SERVER",
            Self::S3rver => "S3RVER",
        };
        let Some(program) = std::env::var_os(variable) else {
            let _ = writeln!(
                std::io::stderr(),
                "LEFT OUT: {variable} does not say where {self:?} is"
            );
            return None;
        };
        let (port, folder) = (free_port(), Folder::new());
        let mut command = Command::new(program);
        match self {
            Self::Moto => command.args(["-H", "127.0.0.1", "-p", &port.to_string()]),
            Self::S3rver => command
                .args([
                    "-a",
                    "127.0.0.1",
                    "-p",
                    &port.to_string(),
                    "--no-vhost-buckets",
                    "-d",
                ])
                .arg(&*folder)
                .args(["--configure-bucket", BUCKET]),
        };
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let running = command.spawn().unwrap();
        let server = Server {
            port,
            running,
            _folder: folder,
        };
        let end = Instant::now() + LIMIT;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < end, "{self:?} does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        if self == Self::Moto {
            let told = tell(port, &format!("PUT /{BUCKET}"), b"");
            assert!(told.contains(" 200 "), "{told}");
        }
        Some(server)
    }
}

impl Server {
    pub fn url(&self) -> String {
        url(self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.running.kill();
        let _ = self.running.wait();
    }
}

pub fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}/{BUCKET}/of/a/fleet")
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// Says something to a server beside the library, unsigned.
pub fn tell(port: u16, request: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let head = format!(
        "{request} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// A server that does this with each connection, once it was asked something. Its threads end with the program.
pub fn answering(answer: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = std::sync::Arc::new(answer);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let answer = std::sync::Arc::clone(&answer);
            std::thread::spawn(move || {
                let mut asked = [0; 1 << 16];
                if stream.read(&mut asked).is_ok_and(|length| length > 0) {
                    answer(&mut stream);
                }
            });
        }
    });
    port
}

pub fn store(port: u16, key: &str) -> ObjectStore {
    let settings = Settings {
        patience: Duration::from_secs(1),
        ..Settings::default()
    };
    let address = Address::parse(&url(port), "us-east-1").unwrap();
    ObjectStore::new(address, Keys::new(key, KEY, None), settings)
}
