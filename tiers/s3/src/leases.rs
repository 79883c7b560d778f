//! Leases as objects. Their age is told by the clock of the store, which counts seconds.

use crate::bucket::{Bucket, Condition, Found, Object, Put};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use tilecache_fleet::Lease;
use tilecache_fleet::failure::Result;

/// No lease is for as long: what says so is damaged.
const LONGEST_TERM: Duration = Duration::from_secs(60);
const LONGEST: usize = 256;

pub(crate) struct Held {
    /// Those that this process has, by their names and tokens: the tag of the object, and until when it is surely there.
    leases: Mutex<HashMap<String, (String, Instant)>>,
    /// For how much longer than its term a lease lasts.
    patience: Duration,
}

impl Held {
    pub(crate) fn new(patience: Duration) -> Self {
        Self {
            leases: Mutex::default(),
            patience,
        }
    }
}

/// Takes a lease that nobody has.
pub(crate) fn take(
    bucket: &Bucket,
    held: &Held,
    name: &str,
    lease: &Lease,
    limit: Duration,
) -> Result<bool> {
    let begun = Instant::now();
    let left = || limit.saturating_sub(begun.elapsed());
    let content = content(lease);
    let mut put = bucket.put(name, &content, Condition::Absent, left())?;
    if put == Put::Otherwise {
        put = match bucket.get(name, LONGEST, left())? {
            Found::Object(object) if holder(&object, held.patience).is_some() => Put::Otherwise,
            Found::Object(object) => {
                bucket.put(name, &content, Condition::Tag(&object.tag), left())?
            }
            Found::Nothing(_) => bucket.put(name, &content, Condition::Absent, left())?,
        };
    }
    let Put::Done(tag) = put else {
        return Ok(false);
    };
    held.leases
        .lock()
        .insert(held_name(name, lease), (tag, begun + lease.term));
    Ok(true)
}

/// The token of whoever has a lease.
pub(crate) fn look(
    bucket: &Bucket,
    held: &Held,
    name: &str,
    limit: Duration,
) -> Result<Option<String>> {
    Ok(match bucket.get(name, LONGEST, limit)? {
        Found::Object(object) => holder(&object, held.patience),
        Found::Nothing(_) => None,
    })
}

/// Prolongs a lease that this process has still.
pub(crate) fn renew(
    bucket: &Bucket,
    held: &Held,
    name: &str,
    lease: &Lease,
    limit: Duration,
) -> Result<bool> {
    let begun = Instant::now();
    let Some((tag, _)) = held.leases.lock().get(&held_name(name, lease)).cloned() else {
        return Ok(false);
    };
    let put = bucket.put(name, &content(lease), Condition::Tag(&tag), limit)?;
    let mut held = held.leases.lock();
    match put {
        Put::Done(tag) => held.insert(held_name(name, lease), (tag, begun + lease.term)),
        Put::Otherwise => held.remove(&held_name(name, lease)),
    };
    Ok(held.contains_key(&held_name(name, lease)))
}

/// Ends a lease of this process, unless another one may have it meanwhile.
pub(crate) fn end(
    bucket: &Bucket,
    held: &Held,
    name: &str,
    lease: &Lease,
    limit: Duration,
) -> Result<()> {
    match held.leases.lock().remove(&held_name(name, lease)) {
        Some((_, end)) if Instant::now() < end => (),
        _ => return Ok(()),
    }
    bucket.delete(name, limit)
}

fn held_name(name: &str, lease: &Lease) -> String {
    format!("{name} {}", lease.token)
}

fn content(lease: &Lease) -> Vec<u8> {
    format!("{} {}", lease.term.as_millis(), lease.token).into_bytes()
}

/// Who has a lease, while it lasts. What cannot be read is nobody's.
fn holder(object: &Object, patience: Duration) -> Option<String> {
    let text = std::str::from_utf8(&object.content).ok()?;
    let (term, token) = text.split_once(' ')?;
    let term = Duration::from_millis(term.parse().ok()?).min(LONGEST_TERM);
    // One that is written later than now was written just now.
    let age = object
        .now
        .duration_since(object.written?)
        .unwrap_or_default();
    (age <= term + patience).then(|| token.to_owned())
}
