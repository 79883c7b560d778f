//! The bytes of a file behind HTTP: a client as a caller might write one.

use super::caller::Source;
use std::io::{BufRead, BufReader, Error, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::time::Duration;

/// What takes longer has failed.
const PATIENCE: Duration = Duration::from_millis(500);

/// A file on a server; connections are used again by whoever needs one next.
pub struct Remote {
    address: SocketAddr,
    name: String,
    size: u64,
    idle: Mutex<Vec<BufReader<TcpStream>>>,
}

impl Remote {
    /// Asks the server how long the file is.
    pub fn open(address: SocketAddr, name: &str) -> Result<Self> {
        let mut remote = Self {
            address,
            name: name.to_owned(),
            size: 0,
            idle: Mutex::default(),
        };
        let mut connection = remote.connect()?;
        write!(
            connection.get_mut(),
            "HEAD /{name} HTTP/1.1\r\nHost: test\r\n\r\n"
        )?;
        remote.size = head(&mut connection)?.1 as u64;
        Ok(remote)
    }

    fn connect(&self) -> Result<BufReader<TcpStream>> {
        let stream = TcpStream::connect_timeout(&self.address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(BufReader::new(stream))
    }

    /// Fills the beginning of `into`; how much of it the server gave.
    fn get(&self, offset: u64, into: &mut [u8]) -> Result<usize> {
        let idle = self.idle.lock().unwrap().pop();
        let mut connection = idle.map_or_else(|| self.connect(), Ok)?;
        let last = offset + into.len() as u64 - 1;
        let name = &self.name;
        write!(
            connection.get_mut(),
            "GET /{name} HTTP/1.1\r\nHost: test\r\nRange: bytes={offset}-{last}\r\n\r\n"
        )?;
        let (status, len) = head(&mut connection)?;
        if status != 206 || len == 0 || len > into.len() {
            let told = format!("HTTP status {status} with {len} bytes");
            self.idle.lock().unwrap().push(connection);
            return Err(Error::other(told));
        }
        connection.read_exact(&mut into[..len])?;
        self.idle.lock().unwrap().push(connection);
        Ok(len)
    }
}

impl Source for Remote {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> std::result::Result<(), String> {
        let mut done = 0;
        while done < into.len() {
            let got = self.get(offset + done as u64, &mut into[done..]);
            done += got.map_err(|error| format!("GET /{}: {error}", self.name))?;
        }
        Ok(())
    }
}

/// Status and length of an answer.
fn head(connection: &mut impl BufRead) -> Result<(u16, usize)> {
    let (mut status, mut len) = (0, 0);
    loop {
        let mut line = String::new();
        if connection.read_line(&mut line)? == 0 {
            return Err(Error::other("the connection was closed"));
        }
        let line = line.trim();
        if line.is_empty() {
            return Ok((status, len));
        }
        if let Some(rest) = line.strip_prefix("HTTP/1.1 ") {
            status = rest
                .split(' ')
                .next()
                .and_then(|n| n.parse().ok())
                .unwrap_or(0);
        }
        if let Some(rest) = line.strip_prefix("Content-Length: ") {
            len = rest.parse().unwrap_or(0);
        }
    }
}
