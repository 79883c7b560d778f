//! Blocking connections that are used one after the other.

use crate::address::Address;
use crate::connection::Connection;
use crate::failures::{checked, ends_connection, failure};
use parking_lot::Mutex;
use redis::cluster::{ClusterClient, ClusterConnection};
use redis::{Cmd, ConnectionInfo, ConnectionLike, RedisResult, Value};
use std::time::{Duration, Instant};
use tilecache_fleet::Failure;
use tilecache_fleet::failure::Result;

/// One that was idle for longer may have been cut by something between.
const IDLE: Duration = Duration::from_secs(30);
/// More are closed when they are not needed.
const KEPT: usize = 16;

/// Connections to one store.
pub(crate) struct Connections {
    client: Kind,
    /// How long opening one may take.
    opening: Duration,
    idle: Mutex<Vec<(Open, Instant)>>,
}

enum Kind {
    Server(Box<ConnectionInfo>),
    Cluster(Box<ClusterClient>),
}

enum Open {
    Server(Box<Connection>),
    Cluster(Box<ClusterConnection<Connection>>),
}

impl Connections {
    /// Opens none yet.
    pub(crate) fn new(address: &Address, opening: Duration) -> std::result::Result<Self, String> {
        let nodes = address.nodes();
        let client = if address.is_cluster() {
            // The fleet decides when something is asked again.
            let builder = ClusterClient::builder(nodes.to_vec()).retries(1);
            let builder = builder
                .connection_timeout(opening)
                .response_timeout(opening);
            let client = builder
                .build()
                .map_err(|error| format!("{address}: {error}"))?;
            Kind::Cluster(Box::new(client))
        } else {
            Kind::Server(Box::new(nodes[0].clone()))
        };
        Ok(Self {
            client,
            opening,
            idle: Mutex::default(),
        })
    }

    /// Sends commands at once and gives their answers in order. It fails where one has none; what is an error of the
    /// server is one of that answer.
    pub(crate) fn ask(&self, commands: Vec<Cmd>, limit: Duration) -> Result<Vec<Result<Value>>> {
        let mut connection = self.connection()?;
        let result = connection.ask(&commands, Instant::now() + limit);
        match &result {
            // Where one was cut, the others were, too.
            Err(failure) if ends_connection(failure) => self.idle.lock().clear(),
            _ => {
                let mut idle = self.idle.lock();
                if idle.len() < KEPT {
                    idle.push((connection, Instant::now()));
                }
            }
        }
        result
    }

    fn connection(&self) -> Result<Open> {
        let latest = self.idle.lock().pop();
        if let Some((connection, since)) = latest
            && since.elapsed() < IDLE
        {
            return Ok(connection);
        }
        self.idle.lock().clear(); // They are older.
        let opened = match &self.client {
            Kind::Server(server) => Connection::open(server, self.opening)
                .map(|connection| Open::Server(Box::new(connection))),
            Kind::Cluster(client) => client
                .get_generic_connection()
                .map(|connection| Open::Cluster(Box::new(connection))),
        };
        opened.map_err(|error| failure(&error))
    }
}

impl Open {
    fn ask(&mut self, commands: &[Cmd], end: Instant) -> Result<Vec<Result<Value>>> {
        match self {
            Self::Server(connection) => ask_server(connection, commands, end),
            Self::Cluster(connection) => ask_cluster(connection, commands, end),
        }
    }
}

/// At once: all that is asked goes before the first answer is read.
fn ask_server(
    connection: &mut Connection,
    commands: &[Cmd],
    end: Instant,
) -> Result<Vec<Result<Value>>> {
    let packed: Vec<u8> = commands.iter().flat_map(Cmd::get_packed_command).collect();
    connection
        .send(&packed, end)
        .map_err(|error| failure(&error))?;
    commands
        .iter()
        .map(|_| one(connection.receive(end)))
        .collect()
}

/// One after the other, each to its node.
fn ask_cluster(
    connection: &mut ClusterConnection<Connection>,
    commands: &[Cmd],
    end: Instant,
) -> Result<Vec<Result<Value>>> {
    let ask = |command: &Cmd| {
        let rest = end.saturating_duration_since(Instant::now());
        if rest.is_zero() {
            return Err(Failure::Late);
        }
        let _ = connection.set_read_timeout(Some(rest));
        let _ = connection.set_write_timeout(Some(rest));
        one(connection.req_command(command))
    };
    commands.iter().map(ask).collect()
}

/// An answer, which may be an error of the server; or none, where the connection is not to be used any more.
fn one(answer: RedisResult<Value>) -> Result<Result<Value>> {
    match answer {
        Ok(value) => Ok(checked(value)),
        Err(error) => match failure(&error) {
            failure if ends_connection(&failure) => Err(failure),
            failure => Ok(Err(failure)),
        },
    }
}
