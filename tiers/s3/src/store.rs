//! The store of a fleet in objects.

use crate::address::{Address, Keys};
use crate::bucket::{Bucket, Condition, Found, Put};
use crate::leases::{self, Held};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tilecache_fleet::failure::Result;
use tilecache_fleet::{Digest, Failure, Generation, Lease, Store};

/// How a store is used.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many questions one caller asks at once, for which threads are started that end with the answers.
    pub connections: usize,
    /// Whether blocks are leased where the store keeps conditions.
    pub leases: bool,
    /// For how much longer than its term a lease lasts: clocks of stores count seconds, and their answers take time.
    pub patience: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connections: 8,
            leases: true,
            patience: Duration::from_secs(5),
        }
    }
}

/// A bucket of an object store.
pub struct ObjectStore {
    bucket: Bucket,
    settings: Settings,
    conditions: AtomicU8,
    held: Held,
}

/// What is known of the conditions of a store.
const UNKNOWN: u8 = 0;
const KEPT: u8 = 1;
const IGNORED: u8 = 2;

/// A tag that no object has.
const NONE: &str = "\"0123456789abcdef0123456789abcdef\"";

/// As often a change of a generation is tried that others change, too.
const TRIES: usize = 4;

impl ObjectStore {
    /// Says nothing to the store yet.
    pub fn new(address: Address, keys: Keys, settings: Settings) -> Self {
        Self {
            bucket: Bucket::new(address, keys, settings.connections),
            conditions: AtomicU8::new(UNKNOWN),
            held: Held::new(settings.patience),
            settings,
        }
    }

    /// Whether the store keeps conditions, once that was found out.
    pub fn keeps_conditions(&self) -> Option<bool> {
        match self.conditions.load(Ordering::Relaxed) {
            UNKNOWN => None,
            known => Some(known == KEPT),
        }
    }

    /// Finds that out, where it is not known: whether an object is written though there is one, or though it has
    /// another tag.
    fn conditions(&self, limit: Duration) -> Result<bool> {
        if let Some(known) = self.keeps_conditions() {
            return Ok(known);
        }
        let begun = Instant::now();
        let keeps = |condition| {
            let left = limit.saturating_sub(begun.elapsed());
            match self.bucket.put("probe", b"tilecache", condition, left) {
                Ok(put) => Ok(put == Put::Otherwise),
                // It knows of the header, and says that it has no such thing.
                Err(Failure::Refused(_)) => Ok(false),
                Err(Failure::Unreachable(text)) if text.starts_with("501") => Ok(false),
                Err(failure) => Err(failure),
            }
        };
        // The first time there may be none.
        let kept = (keeps(Condition::Absent)? || keeps(Condition::Absent)?)
            && keeps(Condition::Tag(NONE))?;
        self.conditions
            .store(if kept { KEPT } else { IGNORED }, Ordering::Relaxed);
        Ok(kept)
    }

    /// Asks for each, several at once, in the time that is left.
    fn each<T: Sync, R: Send>(
        &self,
        items: &[T],
        limit: Duration,
        ask: impl Fn(&T, Duration) -> R + Sync,
    ) -> Vec<R> {
        let begun = Instant::now();
        let ask = |item| {
            ask(
                item,
                limit
                    .saturating_sub(begun.elapsed())
                    .max(Duration::from_millis(1)),
            )
        };
        let threads = self.settings.connections.min(items.len());
        if threads <= 1 {
            return items.iter().map(ask).collect();
        }
        let next = Mutex::new(items.iter().enumerate());
        let (sender, answers) = channel();
        let work = || {
            let sender = sender.clone();
            loop {
                let taken = next.lock().map(|mut next| next.next());
                let Ok(Some((at, item))) = taken else {
                    break;
                };
                let _ = sender.send((at, ask(item)));
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..threads {
                // Where there is no thread to be had, the others do it all.
                let _ = std::thread::Builder::new()
                    .name("tilecache-s3-ask".to_owned())
                    .spawn_scoped(scope, work);
            }
            work();
        });
        drop(sender);
        let mut answers: Vec<_> = answers.into_iter().collect();
        answers.sort_unstable_by_key(|(at, _)| *at);
        answers.into_iter().map(|(_, answer)| answer).collect()
    }

    fn all<T: Sync, R: Send>(
        &self,
        items: &[T],
        limit: Duration,
        ask: impl Fn(&T, Duration) -> Result<R> + Sync,
    ) -> Result<Vec<R>> {
        self.each(items, limit, ask).into_iter().collect()
    }

    /// The generation of a source; a new one where there is none.
    fn generation(
        &self,
        source: &Digest,
        random: u64,
        limit: Duration,
    ) -> Result<Option<Generation>> {
        let begun = Instant::now();
        let left = || limit.saturating_sub(begun.elapsed());
        let name = name("g", source);
        let now = match self.bucket.get(&name, LONGEST, left())? {
            Found::Object(object) => return Ok(Generation::parse(&object.content)),
            Found::Nothing(now) => now,
        };
        let made = Generation {
            counter: microseconds(now),
            random,
        };
        let condition = match self.conditions(left())? {
            true => Condition::Absent,
            false => Condition::Always,
        };
        self.bucket
            .put(&name, made.to_text().as_bytes(), condition, left())?;
        // Others may have made one at the same time: that which is there now is the one.
        match self.bucket.get(&name, LONGEST, left())? {
            Found::Object(object) => Ok(Generation::parse(&object.content)),
            Found::Nothing(_) => Ok(None),
        }
    }
}

const LONGEST: usize = 64;

impl Store for ObjectStore {
    fn has_leases(&self) -> bool {
        self.settings.leases && self.conditions.load(Ordering::Relaxed) != IGNORED
    }

    fn values(&self, keys: &[(Digest, usize)], limit: Duration) -> Result<Vec<Option<Vec<u8>>>> {
        self.all(keys, limit, |(key, longest), limit| {
            Ok(match self.bucket.get(&name("v", key), *longest, limit)? {
                Found::Object(object) => Some(object.content),
                Found::Nothing(_) => None,
            })
        })
    }

    fn put(&self, values: &[(Digest, Vec<u8>)], limit: Duration) -> Result<Vec<Result<()>>> {
        Ok(self.each(values, limit, |(key, value), limit| {
            self.bucket
                .put(&name("v", key), value, Condition::Always, limit)
                .map(drop)
        }))
    }

    fn lease(&self, leases: &[Lease], limit: Duration) -> Result<Vec<bool>> {
        let begun = Instant::now();
        if !self.conditions(limit)? {
            return Ok(vec![true; leases.len()]); // As good as none: everybody has it.
        }
        self.all(
            leases,
            limit.saturating_sub(begun.elapsed()),
            |lease, limit| {
                leases::take(
                    &self.bucket,
                    &self.held,
                    &name("l", &lease.key),
                    lease,
                    limit,
                )
            },
        )
    }

    fn holders(&self, keys: &[Digest], limit: Duration) -> Result<Vec<Option<String>>> {
        self.all(keys, limit, |key, limit| {
            leases::look(&self.bucket, &self.held, &name("l", key), limit)
        })
    }

    fn renew(&self, leases: &[Lease], limit: Duration) -> Result<Vec<bool>> {
        self.all(leases, limit, |lease, limit| {
            leases::renew(
                &self.bucket,
                &self.held,
                &name("l", &lease.key),
                lease,
                limit,
            )
        })
    }

    fn unlease(&self, leases: &[Lease], limit: Duration) -> Result<()> {
        let end = |lease: &Lease, limit| {
            leases::end(
                &self.bucket,
                &self.held,
                &name("l", &lease.key),
                lease,
                limit,
            )
        };
        self.all(leases, limit, end).map(drop)
    }

    fn generations(
        &self,
        sources: &[(Digest, u64)],
        limit: Duration,
    ) -> Result<Vec<Result<Option<Generation>>>> {
        Ok(self.each(sources, limit, |(source, random), limit| {
            self.generation(source, *random, limit)
        }))
    }

    fn raise(
        &self,
        source: &Digest,
        above: u64,
        random: u64,
        limit: Duration,
    ) -> Result<Option<Generation>> {
        let begun = Instant::now();
        let left = || limit.saturating_sub(begun.elapsed());
        let name = name("g", source);
        let conditions = self.conditions(left())?;
        for _ in 0..TRIES {
            let (old, tag, now) = match self.bucket.get(&name, LONGEST, left())? {
                Found::Object(object) => {
                    let old = Generation::parse(&object.content).map_or(0, |old| old.counter);
                    (old, Some(object.tag), object.now)
                }
                Found::Nothing(now) => (0, None, now),
            };
            let made = Generation {
                counter: microseconds(now).max(old + 1).max(above.saturating_add(1)),
                random,
            };
            let condition = match &tag {
                _ if !conditions => Condition::Always,
                Some(tag) => Condition::Tag(tag),
                None => Condition::Absent,
            };
            match self
                .bucket
                .put(&name, made.to_text().as_bytes(), condition, left())
            {
                Ok(Put::Done(_)) => return Ok(Some(made)),
                Ok(Put::Otherwise) => (),
                // The source is cold then, and not stale.
                Err(Failure::Full(_)) => return self.bucket.delete(&name, left()).map(|()| None),
                Err(failure) => return Err(failure),
            }
        }
        Err(Failure::Refused(
            "others change the generation all the time".to_owned(),
        ))
    }
}

fn name(kind: &str, key: &Digest) -> String {
    let mut name = format!("{kind}/");
    key.0.iter().for_each(|byte| name += &format!("{byte:02x}"));
    name
}

fn microseconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_micros() as u64
}
