//! A small HTTP/1.1 server of the files in a directory, with ranges, that can be told to misbehave.

use std::fs::File;
use std::io::{BufRead, BufReader, Result, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// How a request is answered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Answer {
    /// With the range that was asked for.
    Whole,
    /// With at most so many bytes of it, said to be so few, as a server may.
    Fewer(usize),
    /// With half of what was promised, then the end of the connection.
    Short,
    /// With an error of the server.
    Error,
    /// With a connection that is reset.
    Reset,
    /// After longer than anybody waits.
    Never,
    /// In small pieces with pauses between them.
    Slow,
}

/// A server, until the test ends.
pub struct Server {
    pub address: SocketAddr,
    state: Arc<State>,
}

struct State {
    directory: PathBuf,
    answer: Mutex<Box<dyn Fn(usize) -> Answer + Send>>,
    /// The ranges that were asked for since somebody looked.
    asked: Mutex<Vec<(u64, u64)>>,
}

impl Server {
    /// Serves the files of a directory, all requests as they should be.
    pub fn of(directory: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let state = Arc::new(State {
            directory: directory.to_owned(),
            answer: Mutex::new(Box::new(|_| Answer::Whole)),
            asked: Mutex::default(),
        });
        let server = Self {
            address: listener.local_addr().expect("an address"),
            state: state.clone(),
        };
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let state = state.clone();
                // A client that goes away ends its connection, which is no failure.
                thread::spawn(move || state.serve(connection).unwrap_or_default());
            }
        });
        server
    }

    /// From now on answers requests, counted from 0, as `answer` says.
    pub fn answer(&self, answer: impl Fn(usize) -> Answer + Send + 'static) {
        self.requests();
        *self.state.answer.lock().unwrap() = Box::new(answer);
    }

    /// How many requests there were since the last time, and their bytes.
    pub fn requests(&self) -> (usize, u64) {
        let asked = std::mem::take(&mut *self.state.asked.lock().unwrap());
        let bytes = asked.iter().map(|(first, last)| last + 1 - first).sum();
        (asked.len(), bytes)
    }
}

impl State {
    /// Answers the requests of a connection, one after the other.
    fn serve(&self, connection: TcpStream) -> Result<()> {
        let mut lines = BufReader::new(connection.try_clone()?);
        // The end of an answer must not wait for the client's acknowledgement of its beginning.
        connection.set_nodelay(true)?;
        let mut to = connection;
        while let Some((method, name, range)) = request(&mut lines)? {
            let Ok(file) = File::open(self.directory.join(&name)) else {
                write!(to, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")?;
                continue;
            };
            let size = file.metadata()?.len();
            let Some((first, last)) = range.filter(|_| method == "GET") else {
                write!(to, "HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n")?;
                continue;
            };
            let answer = {
                let mut asked = self.asked.lock().unwrap();
                asked.push((first, last));
                (self.answer.lock().unwrap())(asked.len() - 1)
            };
            if last >= size {
                write!(
                    to,
                    "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\n\r\n"
                )?;
                continue;
            }
            let mut body = vec![0; (last + 1 - first) as usize];
            file.read_exact_at(&mut body, first)?;
            if !respond(&mut to, answer, first, &body, size)? {
                break;
            }
        }
        Ok(())
    }
}

/// Writes an answer; whether the connection goes on.
fn respond(to: &mut TcpStream, answer: Answer, first: u64, body: &[u8], of: u64) -> Result<bool> {
    let body = match answer {
        Answer::Fewer(most) => &body[..body.len().min(most)],
        _ => body,
    };
    let head = format!(
        "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {first}-{}/{of}\r\nContent-Length: {}\r\n\r\n",
        first + body.len() as u64 - 1,
        body.len()
    );
    match answer {
        Answer::Whole | Answer::Fewer(_) => {
            to.write_all(head.as_bytes())?;
            to.write_all(body)?;
            return Ok(true);
        }
        Answer::Slow => {
            to.write_all(head.as_bytes())?;
            for piece in body.chunks(body.len().div_ceil(5)) {
                thread::sleep(Duration::from_millis(2));
                to.write_all(piece)?;
            }
            return Ok(true);
        }
        Answer::Short => {
            to.write_all(head.as_bytes())?;
            to.write_all(&body[..body.len() / 2])?;
        }
        Answer::Error => {
            write!(
                to,
                "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"
            )?;
            return Ok(true);
        }
        Answer::Never => thread::sleep(Duration::from_secs(2)),
        // Closed with unread bytes on its side, or without a word: the client's read fails.
        Answer::Reset => (),
    }
    Ok(false)
}

/// Method, file and range.
type Request = (String, String, Option<(u64, u64)>);

/// The next request; `None` at the end of the connection.
fn request(lines: &mut impl BufRead) -> Result<Option<Request>> {
    let mut line = String::new();
    if lines.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, name) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let mut range = None;
    loop {
        line.clear();
        lines.read_line(&mut line)?;
        let header = line.trim();
        if header.is_empty() {
            return Ok(Some((
                method,
                name.trim_start_matches('/').to_owned(),
                range,
            )));
        }
        if let Some((first, last)) = header
            .strip_prefix("Range: bytes=")
            .and_then(|r| r.split_once('-'))
        {
            range = first.parse().ok().zip(last.parse().ok());
        }
    }
}
