//! A connection whose questions end in time. Those of the client give each piece of an answer as much time again, so
//! that an answer which trickles lasts for as long as it likes.

use crate::stream::Stream;
use redis::cluster::Connect;
use redis::{ConnectionInfo, ConnectionLike, IntoConnectionInfo, Parser, RedisResult, Value};
use std::cell::Cell;
use std::io::Write;
use std::time::{Duration, Instant};

pub(crate) struct Connection {
    stream: Stream,
    parser: Parser,
    database: i64,
    reading: Cell<Duration>,
    writing: Cell<Duration>,
    is_open: bool,
}

/// Where nobody says how long something may take.
const LONG: Duration = Duration::from_secs(60);

impl Connection {
    /// Opens one, says who it is for, and chooses the database, all in this time.
    pub(crate) fn open(to: &ConnectionInfo, time: Duration) -> RedisResult<Self> {
        let end = Instant::now() + time;
        let settings = to.redis_settings();
        let mut connection = Self {
            stream: Stream::open(to.addr(), end)?,
            parser: Parser::new(),
            database: settings.db(),
            reading: Cell::new(LONG),
            writing: Cell::new(LONG),
            is_open: true,
        };
        let mut told = Vec::new();
        if let Some(password) = settings.password() {
            let mut command = redis::cmd("AUTH");
            settings.username().into_iter().for_each(|user| {
                command.arg(user);
            });
            command.arg(password);
            told.push(command);
        }
        if settings.db() != 0 {
            let mut command = redis::cmd("SELECT");
            command.arg(settings.db());
            told.push(command);
        }
        for command in told {
            connection.send(&command.get_packed_command(), end)?;
            connection.receive(end)?.extract_error()?;
        }
        Ok(connection)
    }

    pub(crate) fn send(&mut self, commands: &[u8], end: Instant) -> RedisResult<()> {
        self.stream.ends(end);
        let sent = self
            .stream
            .write_all(commands)
            .and_then(|()| self.stream.flush());
        self.is_open &= sent.is_ok();
        Ok(sent?)
    }

    pub(crate) fn receive(&mut self, end: Instant) -> RedisResult<Value> {
        self.stream.ends(end);
        let answer = self.parser.parse_value(&mut self.stream);
        self.is_open &= answer.is_ok();
        answer
    }
}

/// For clusters, whose nodes the client finds.
impl Connect for Connection {
    fn connect<T: IntoConnectionInfo>(to: T, time: Option<Duration>) -> RedisResult<Self> {
        Self::open(&to.into_connection_info()?, time.unwrap_or(LONG))
    }

    fn send_packed_command(&mut self, command: &[u8]) -> RedisResult<()> {
        self.send(command, Instant::now() + self.writing.get())
    }

    fn set_write_timeout(&self, time: Option<Duration>) -> RedisResult<()> {
        self.writing.set(time.unwrap_or(LONG));
        Ok(())
    }

    fn set_read_timeout(&self, time: Option<Duration>) -> RedisResult<()> {
        self.reading.set(time.unwrap_or(LONG));
        Ok(())
    }

    fn recv_response(&mut self) -> RedisResult<Value> {
        self.receive(Instant::now() + self.reading.get())
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command(&mut self, command: &[u8]) -> RedisResult<Value> {
        self.send_packed_command(command)?;
        self.recv_response()?.extract_error()
    }

    fn req_packed_commands(
        &mut self,
        commands: &[u8],
        passed: usize,
        count: usize,
    ) -> RedisResult<Vec<Value>> {
        self.send_packed_command(commands)?;
        let answers: Vec<_> = (0..passed + count)
            .map(|_| self.recv_response())
            .collect::<RedisResult<_>>()?;
        Ok(answers.into_iter().skip(passed).collect())
    }

    fn get_db(&self) -> i64 {
        self.database
    }

    fn check_connection(&mut self) -> bool {
        self.req_command(&redis::cmd("PING")).is_ok()
    }

    fn is_open(&self) -> bool {
        self.is_open
    }
}
