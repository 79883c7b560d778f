//! The store of a fleet in commands of Redis.

use crate::address::Address;
use crate::connections::Connections;
use crate::failures::unexpected;
use crate::scripts;
use redis::{Cmd, Value};
use std::time::Duration;
use tilecache_fleet::failure::Result;
use tilecache_fleet::{Digest, Failure, Generation, Lease, Store};

/// How a store is used.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What all keys begin with.
    pub prefix: String,
    /// How long values are kept; nothing: until the store evicts them.
    pub keep: Option<Duration>,
    /// How long opening a connection may take.
    pub opening: Duration,
    /// How many copies have to have a new generation before a purge is done.
    pub replicas: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            prefix: "tc:".to_owned(),
            keep: Some(Duration::from_secs(7 * 24 * 3600)),
            opening: Duration::from_millis(250),
            replicas: 0,
        }
    }
}

/// A Redis or Valkey, or a cluster of either.
///
/// Under the prefix, `v` and a digest are values, `l` and the same digest the lease of the block, `g` and another one
/// the generation of a source. No path and no name is in any of them.
pub struct Redis {
    connections: Connections,
    settings: Settings,
}

/// Kinds of keys.
const VALUE: u8 = b'v';
const LEASE: u8 = b'l';
const GENERATION: u8 = b'g';

impl Redis {
    /// Says nothing to the store yet.
    pub fn new(address: &Address, settings: Settings) -> std::result::Result<Self, String> {
        if settings.replicas > 0 && address.is_cluster() {
            return Err("copies are not waited for in a cluster".to_owned());
        }
        Ok(Self {
            connections: Connections::new(address, settings.opening)?,
            settings,
        })
    }

    fn key(&self, kind: u8, digest: &Digest) -> Vec<u8> {
        let mut key = self.settings.prefix.clone().into_bytes();
        key.push(kind);
        key.extend_from_slice(&digest.0);
        key
    }

    fn command(&self, name: &str, kind: u8, digest: &Digest) -> Cmd {
        let mut command = redis::cmd(name);
        command.arg(self.key(kind, digest));
        command
    }

    fn script(&self, script: &str, kind: u8, digest: &Digest) -> Cmd {
        let mut command = redis::cmd("EVAL");
        command.arg(script).arg(1).arg(self.key(kind, digest));
        command
    }

    /// Asks, and fails with the first error.
    fn ask(&self, commands: Vec<Cmd>, limit: Duration) -> Result<Vec<Value>> {
        self.connections.ask(commands, limit)?.into_iter().collect()
    }
}

impl Store for Redis {
    fn values(&self, keys: &[(Digest, usize)], limit: Duration) -> Result<Vec<Option<Vec<u8>>>> {
        let get = |(key, longest): &(Digest, usize)| {
            let mut command = self.command("GETRANGE", VALUE, key);
            command.arg(0).arg(*longest);
            command
        };
        let answers = self
            .connections
            .ask(keys.iter().map(get).collect(), limit)?;
        let value = |answer| match answer {
            Ok(Value::BulkString(value)) => Ok((!value.is_empty()).then_some(value)),
            Ok(other) => Err(unexpected(&other)),
            // Something else than a string under this key is no value, and the next one replaces it.
            Err(Failure::Refused(text)) if text.contains("WRONGTYPE") => Ok(Some(Vec::new())),
            Err(failure) => Err(failure),
        };
        answers.into_iter().map(value).collect()
    }

    fn put(&self, values: &[(Digest, Vec<u8>)], limit: Duration) -> Result<Vec<Result<()>>> {
        let put = |(key, value): &(Digest, Vec<u8>)| {
            let mut command = self.command("SET", VALUE, key);
            command.arg(value);
            if let Some(keep) = self.settings.keep {
                command.arg("PX").arg(milliseconds(keep));
            }
            command
        };
        let answers = self
            .connections
            .ask(values.iter().map(put).collect(), limit)?;
        Ok(answers.into_iter().map(|answer| answer.map(drop)).collect())
    }

    fn lease(&self, leases: &[Lease], limit: Duration) -> Result<Vec<bool>> {
        let take = |lease: &Lease| {
            let mut command = self.command("SET", LEASE, &lease.key);
            command
                .arg(&lease.token)
                .arg("NX")
                .arg("PX")
                .arg(milliseconds(lease.term));
            command
        };
        let answers = self.ask(leases.iter().map(take).collect(), limit)?;
        let is_taken = |answer| match answer {
            Value::Okay => Ok(true),
            Value::Nil => Ok(false),
            other => Err(unexpected(&other)),
        };
        answers.into_iter().map(is_taken).collect()
    }

    fn holders(&self, keys: &[Digest], limit: Duration) -> Result<Vec<Option<String>>> {
        let commands = keys
            .iter()
            .map(|key| self.command("GET", LEASE, key))
            .collect();
        let holder = |answer| match answer {
            Value::BulkString(token) => Ok(Some(String::from_utf8_lossy(&token).into_owned())),
            Value::Nil => Ok(None),
            other => Err(unexpected(&other)),
        };
        self.ask(commands, limit)?.into_iter().map(holder).collect()
    }

    fn renew(&self, leases: &[Lease], limit: Duration) -> Result<Vec<bool>> {
        let renew = |lease: &Lease| {
            let mut command = self.script(scripts::RENEW, LEASE, &lease.key);
            command.arg(&lease.token).arg(milliseconds(lease.term));
            command
        };
        let answers = self.ask(leases.iter().map(renew).collect(), limit)?;
        let is_renewed = |answer| match answer {
            Value::Int(renewed) => Ok(renewed == 1),
            other => Err(unexpected(&other)),
        };
        answers.into_iter().map(is_renewed).collect()
    }

    fn unlease(&self, leases: &[Lease], limit: Duration) -> Result<()> {
        let end = |lease: &Lease| {
            let mut command = self.script(scripts::UNLEASE, LEASE, &lease.key);
            command.arg(&lease.token);
            command
        };
        self.ask(leases.iter().map(end).collect(), limit).map(drop)
    }

    fn generations(
        &self,
        sources: &[(Digest, u64)],
        limit: Duration,
    ) -> Result<Vec<Result<Option<Generation>>>> {
        let find = |(source, random): &(Digest, u64)| {
            let mut command = self.script(scripts::GENERATION, GENERATION, source);
            command.arg(format!("{random:016x}"));
            command
        };
        let answers = self
            .connections
            .ask(sources.iter().map(find).collect(), limit)?;
        let generation = |answer| match answer {
            Ok(Value::BulkString(text)) => Ok(Generation::parse(&text)),
            Ok(other) => Err(unexpected(&other)),
            // Something else than a string under this key: a new one replaces it.
            Err(Failure::Refused(text)) if text.contains("WRONGTYPE") => Ok(None),
            Err(failure) => Err(failure),
        };
        Ok(answers.into_iter().map(generation).collect())
    }

    fn raise(
        &self,
        source: &Digest,
        above: u64,
        random: u64,
        limit: Duration,
    ) -> Result<Option<Generation>> {
        let mut raise = self.script(scripts::RAISE, GENERATION, source);
        raise.arg(format!("{random:016x}")).arg(above);
        let mut commands = vec![raise];
        let replicas = self.settings.replicas;
        if replicas > 0 {
            let mut wait = redis::cmd("WAIT");
            wait.arg(replicas).arg(milliseconds(limit / 2));
            commands.push(wait);
        }
        let mut answers = self.ask(commands, limit)?.into_iter();
        let raised = match answers.next() {
            Some(Value::BulkString(text)) if text.is_empty() => None,
            Some(Value::BulkString(text)) => match Generation::parse(&text) {
                Some(generation) => Some(generation),
                None => return Err(unexpected(&Value::BulkString(text))),
            },
            other => return Err(unexpected(&other.unwrap_or(Value::Nil))),
        };
        match answers.next() {
            Some(Value::Int(copies)) if copies < i64::from(replicas) => {
                let text = format!("{copies} of {replicas} copies took it in time");
                Err(Failure::Unreachable(text))
            }
            _ => Ok(raised),
        }
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1)
}
