//! A server on a free port of the loopback, ended with the value.

use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tilecache_redis::Address;

const LIMIT: Duration = Duration::from_secs(20);

/// A Redis or a Valkey.
pub struct Server {
    program: Program,
    options: Vec<String>,
    pub port: u16,
    password: Option<String>,
    folder: PathBuf,
    running: Option<Child>,
}

#[derive(Clone)]
pub struct Program {
    path: PathBuf,
    pub name: &'static str,
}

impl Program {
    pub fn redis() -> Self {
        let told = std::env::var_os("REDIS_SERVER").map(PathBuf::from);
        Self {
            // Debian's package of tools has the server under this name, and no service.
            path: told.unwrap_or_else(|| "redis-check-rdb".into()),
            name: "redis-server",
        }
    }

    /// The Redis, and the Valkey that VALKEY_SERVER names.
    pub fn all() -> Vec<Self> {
        let valkey = std::env::var_os("VALKEY_SERVER").map(|path| Self {
            path: path.into(),
            name: "valkey-server",
        });
        std::iter::once(Self::redis()).chain(valkey).collect()
    }
}

impl Server {
    pub fn start(options: &[&str]) -> Self {
        Self::of(&Program::redis(), options)
    }

    pub fn of(program: &Program, options: &[&str]) -> Self {
        let mut server = Self {
            program: program.clone(),
            options: options.iter().map(|&option| option.to_owned()).collect(),
            port: 0,
            folder: folder(),
            password: options
                .iter()
                .position(|&option| option == "--requirepass")
                .map(|at| options[at + 1].to_owned()),
            running: None,
        };
        // Whoever else looks for a free port may find the same one, and be faster.
        let limit = Instant::now() + LIMIT;
        loop {
            server.port = free_port();
            if server.is_started(limit) {
                return server;
            }
        }
    }

    /// Starts it again, without data, on the same port.
    pub fn go_on(&mut self) {
        assert!(
            self.is_started(Instant::now() + LIMIT),
            "port {} is taken",
            self.port
        );
    }

    fn is_started(&mut self, limit: Instant) -> bool {
        let mut command = Command::new(&self.program.path);
        // The program looks by this name what it is.
        command.arg0(self.program.name);
        command.args(["--bind", "127.0.0.1", "--port", &self.port.to_string()]);
        command
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(&self.folder);
        command
            .args(&self.options)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let started = command.spawn();
        let mut child = started.unwrap_or_else(|error| {
            panic!(
                "{}: {error} (REDIS_SERVER may name it)",
                self.program.path.display()
            )
        });
        let id = format!("process_id:{}\r", child.id());
        loop {
            if child.try_wait().unwrap().is_some() {
                return false; // The port is taken.
            }
            if self.info().is_some_and(|info| info.contains(&id)) {
                self.running = Some(child);
                return true;
            }
            assert!(Instant::now() < limit, "the server does not start");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn info(&self) -> Option<String> {
        let client = redis::Client::open(self.url()).unwrap();
        let mut connection = client.get_connection_with_timeout(LIMIT).ok()?;
        if let Some(password) = &self.password {
            let _: redis::Value = redis::cmd("AUTH")
                .arg(password)
                .query(&mut connection)
                .ok()?;
        }
        redis::cmd("INFO").arg("server").query(&mut connection).ok()
    }

    pub fn stop(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.kill().unwrap();
            running.wait().unwrap();
        }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub fn address(&self) -> Address {
        Address::parse(&self.url()).unwrap()
    }

    pub fn used_memory(&self) -> u64 {
        let info: String = redis::cmd("INFO")
            .arg("memory")
            .query(&mut self.client())
            .unwrap();
        let used = info
            .lines()
            .find_map(|line| line.strip_prefix("used_memory:")?.trim().parse().ok());
        used.unwrap()
    }

    /// A client beside the library.
    pub fn client(&self) -> redis::Connection {
        let client = redis::Client::open(self.url()).unwrap();
        let connection = client
            .get_connection_with_timeout(Duration::from_secs(5))
            .unwrap();
        connection
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        connection
    }

    pub fn tell(&self, words: &[&str]) -> redis::Value {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        command.query(&mut self.client()).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Of one server: what one writes another one would read.
fn folder() -> PathBuf {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    let name = format!("tilecache-redis-{}-{number}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}
