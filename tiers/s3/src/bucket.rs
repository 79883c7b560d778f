//! Objects of a bucket, each by one question with a time of its own. The client keeps connections open.

use crate::address::{Address, Keys};
use crate::failures::{broken, failed, is_no_bucket, refused};
use rusty_s3::S3Action;
use rusty_s3::actions::{DeleteObject, GetObject, PutObject};
use std::io::Read;
use std::time::{Duration, SystemTime};
use tilecache_fleet::failure::Result;
use ureq::http::{HeaderMap, Response};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body};

/// For how long a signed question is good: clocks may differ by so much.
const SIGNED: Duration = Duration::from_secs(900);
/// Of what a store says of an error no more is read.
const ERROR: u64 = 4096;

pub(crate) struct Bucket {
    agent: Agent,
    address: Address,
    keys: Keys,
}

/// An object, with what the store says of it.
pub(crate) struct Object {
    pub(crate) content: Vec<u8>,
    pub(crate) tag: String,
    /// When it was written, and what time it is, by the clock of the store.
    pub(crate) written: Option<SystemTime>,
    pub(crate) now: SystemTime,
}

/// What there is under a name.
pub(crate) enum Found {
    Object(Object),
    /// Nothing; and what time it is, by the clock of the store.
    Nothing(SystemTime),
}

/// When an object is to be written.
#[derive(Clone, Copy)]
pub(crate) enum Condition<'a> {
    Always,
    /// There is none.
    Absent,
    /// It has this tag.
    Tag(&'a str),
}

/// Whether it was written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Put {
    /// With this tag.
    Done(String),
    /// The condition does not hold.
    Otherwise,
}

impl Bucket {
    pub(crate) fn new(address: Address, keys: Keys, connections: usize) -> Self {
        let found = rustls_native_certs::load_native_certs();
        let roots: Vec<_> = found
            .certs
            .iter()
            .map(|root| Certificate::from_der(root).to_owned())
            .collect();
        let roots = match roots.is_empty() {
            true => RootCerts::WebPki,
            false => RootCerts::new_with_certs(&roots),
        };
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_idle_connections(4 * connections)
            .max_idle_connections_per_host(4 * connections)
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .build();
        Self {
            agent: Agent::new_with_config(config),
            address,
            keys,
        }
    }

    fn name(&self, object: &str) -> String {
        format!("{}{object}", self.address.prefix)
    }

    /// An object, of which no more than so many bytes and one are read.
    pub(crate) fn get(&self, object: &str, longest: usize, limit: Duration) -> Result<Found> {
        let name = self.name(object);
        let action = GetObject::new(&self.address.bucket, self.keys.0.as_ref(), &name);
        let asked = self.agent.get(action.sign(SIGNED).as_str());
        let asked = asked.config().timeout_global(Some(limit)).build().call();
        let mut answer = asked.map_err(|error| failed(&error))?;
        let headers = answer.headers();
        let now = time(headers, "date").unwrap_or_else(SystemTime::now);
        match answer.status().as_u16() {
            200 => {
                let (tag, written) = (tag(headers), time(headers, "last-modified"));
                let mut content = Vec::new();
                let limit = (longest as u64).saturating_add(1);
                let body = answer.body_mut().with_config().limit(u64::MAX).reader();
                body.take(limit).read_to_end(&mut content).map_err(broken)?;
                Ok(Found::Object(Object {
                    content,
                    tag,
                    written,
                    now,
                }))
            }
            404 => {
                let text = error(&mut answer);
                match is_no_bucket(&text) {
                    true => Err(refused(404, &text)),
                    false => Ok(Found::Nothing(now)),
                }
            }
            status => Err(refused(status, &error(&mut answer))),
        }
    }

    pub(crate) fn put(
        &self,
        object: &str,
        content: &[u8],
        condition: Condition<'_>,
        limit: Duration,
    ) -> Result<Put> {
        let name = self.name(object);
        let mut action = PutObject::new(&self.address.bucket, self.keys.0.as_ref(), &name);
        let header = match condition {
            Condition::Always => None,
            Condition::Absent => Some(("if-none-match", "*".to_owned())),
            Condition::Tag(tag) => Some(("if-match", tag.to_owned())),
        };
        if let Some((name, value)) = &header {
            action.headers_mut().insert(*name, value.clone());
        }
        let mut asked = self.agent.put(action.sign(SIGNED).as_str());
        if let Some((name, value)) = &header {
            asked = asked.header(*name, value);
        }
        let asked = asked.config().timeout_global(Some(limit)).build();
        let mut answer = asked.send(content).map_err(|error| failed(&error))?;
        match answer.status().as_u16() {
            200..=299 => {
                let tag = tag(answer.headers());
                error(&mut answer); // So that the connection can be used again.
                Ok(Put::Done(tag))
            }
            // One that is gone has no tag; and of two at once one is told that there is a conflict.
            409 | 412 if header.is_some() => {
                error(&mut answer);
                Ok(Put::Otherwise)
            }
            404 if matches!(condition, Condition::Tag(_)) => match error(&mut answer) {
                text if is_no_bucket(&text) => Err(refused(404, &text)),
                _ => Ok(Put::Otherwise),
            },
            status => Err(refused(status, &error(&mut answer))),
        }
    }

    pub(crate) fn delete(&self, object: &str, limit: Duration) -> Result<()> {
        let name = self.name(object);
        let action = DeleteObject::new(&self.address.bucket, self.keys.0.as_ref(), &name);
        let asked = self.agent.delete(action.sign(SIGNED).as_str());
        let asked = asked.config().timeout_global(Some(limit)).build().call();
        let mut answer = asked.map_err(|error| failed(&error))?;
        let text = error(&mut answer);
        match answer.status().as_u16() {
            200..=299 => Ok(()),
            404 if !is_no_bucket(&text) => Ok(()),
            status => Err(refused(status, &text)),
        }
    }
}

fn error(answer: &mut Response<Body>) -> String {
    let mut text = Vec::new();
    let body = answer.body_mut().as_reader();
    let _ = body.take(ERROR).read_to_end(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn tag(headers: &HeaderMap) -> String {
    header(headers, "etag").unwrap_or_default().to_owned()
}

fn time(headers: &HeaderMap, name: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(header(headers, name)?).ok()
}
