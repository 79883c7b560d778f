//! A process of a fleet: what it knows, and how it takes what the store answers.

use crate::breaker::{Breaker, State};
use crate::clock::{Clock, Moment};
use crate::complaint::Complaint;
use crate::costs::Costs;
use crate::failure::{Failure, Result};
use crate::keeping::Work;
use crate::key::{self, Digest};
use crate::lease::Holding;
use crate::link::{Link, Parcel};
use crate::options::Options;
use crate::statistics::{Counters, Statistics};
use crate::store::{Lease, Store};
use crate::validity::Validity;
use crate::value::{Form, Packer};
use parking_lot::{Condvar, Mutex};
use std::collections::HashMap;
use std::time::Duration;

/// A process of a fleet, between its cache and a store. What callers wait for is asked of the store on their threads;
/// all else is done by the one thread that is in [`Fleet::run`].
pub struct Fleet<S, L> {
    pub(crate) store: S,
    pub(crate) link: L,
    pub(crate) options: Options,
    pub(crate) packer: Packer,
    pub(crate) clock: Box<dyn Clock>,
    pub(crate) counters: Counters,
    random: Mutex<Box<dyn FnMut() -> u64 + Send>>,
    /// In the tokens of all its leases.
    process: u64,
    pub(crate) known: Mutex<Known>,
    /// Held while the cache is told of a generation, so that it is told in the order in which the store answered.
    /// Taken before `known`.
    pub(crate) telling: Mutex<()>,
    pub(crate) news: Condvar,
    /// Something that was put is stored or dropped.
    pub(crate) stored: Condvar,
}

/// What changes. Never locked while the store or the cache is called.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) breaker: Breaker,
    complaint: Complaint,
    pub(crate) sources: HashMap<String, Source>,
    pub(crate) leases: HashMap<u64, Held>,
    last_lease: u64,
    pub(crate) work: Work,
}

/// A source of the cache.
pub(crate) struct Source {
    pub(crate) key: Digest,
    pub(crate) validity: Validity,
    /// The cache was told nothing of it yet, and may wait for that.
    pub(crate) is_new: bool,
    /// Whether the cache was told a generation, and not since that it is suspect.
    pub(crate) is_told: bool,
    /// A purge did not reach the store: what is there may be old.
    pub(crate) has_left: bool,
    pub(crate) costs: Costs,
}

/// A lease that this process has.
pub(crate) struct Held {
    pub(crate) key: Digest,
    pub(crate) holding: Holding,
}

impl<S: Store, L: Link> Fleet<S, L> {
    /// Of a clock and of random bits, both of which tests may choose.
    pub fn new(
        store: S,
        link: L,
        options: Options,
        clock: Box<dyn Clock>,
        mut random: Box<dyn FnMut() -> u64 + Send>,
    ) -> Self {
        let packer = Packer {
            compression: options.compression,
            secret: options.secret.clone(),
            max_bytes: options.max_bytes,
        };
        Self {
            store,
            link,
            options,
            packer,
            clock,
            counters: Counters::default(),
            process: random(),
            random: Mutex::new(random),
            known: Mutex::default(),
            telling: Mutex::default(),
            news: Condvar::new(),
            stored: Condvar::new(),
        }
    }

    /// The store.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// What it was told to do.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// What was counted.
    pub fn statistics(&self) -> Statistics {
        self.counters.statistics()
    }

    /// Where the breaker is, and whether the store is full.
    pub fn state(&self) -> (State, bool) {
        let known = self.known.lock();
        (known.breaker.state(), known.breaker.is_full())
    }

    /// Whether the store does not let us in.
    pub fn is_denied(&self) -> bool {
        self.known.lock().breaker.is_denied()
    }

    /// From now on, or no longer, the cache is told the generation of a source.
    pub fn watch(&self, source: &str, watched: bool) {
        let mut known = self.known.lock();
        if watched {
            let key = key::source(source, self.options.secret.as_ref());
            known
                .sources
                .entry(source.to_owned())
                .or_insert_with(|| Source::new(key));
            known.work.poll = Moment::default();
            self.wake(&mut known);
        } else {
            known.sources.remove(source);
        }
    }

    /// Stores the pixels of a block when the thread comes to it, and ends its lease, if it has one, after that.
    pub fn put(&self, key: Digest, form: Form, lease: u64, parcel: Box<dyn Parcel>) {
        self.counters.puts.one();
        let now = self.clock.now();
        let mut known = self.known.lock();
        if known.breaker.may_put() {
            if let Some(held) = known.leases.get_mut(&lease) {
                held.holding.decoded(now);
            }
            known.work.put(key, form, lease, parcel);
            self.wake(&mut known);
        } else {
            self.counters.puts_dropped.one();
            let is_full = known.breaker.state() == State::Closed;
            self.counters.puts_full.add(is_full.into());
            drop(known);
            drop(parcel);
            self.unlease(lease);
        }
    }

    /// Waits until what was put is stored or dropped, at most so long; says whether it is.
    pub fn settle(&self, time: Duration) -> bool {
        let mut known = self.known.lock();
        let is_storing = |known: &mut Known| known.work.is_storing();
        let waited = self.stored.wait_while_for(&mut known, is_storing, time);
        !waited.timed_out()
    }

    /// Ends a lease without a block.
    pub fn unlease(&self, lease: u64) {
        let mut known = self.known.lock();
        if let Some(held) = known.leases.remove(&lease) {
            let ended = self.leased(lease, &held);
            known.work.ended.push(ended);
            self.wake(&mut known);
        }
    }

    pub(crate) fn random(&self) -> u64 {
        (self.random.lock())()
    }

    pub(crate) fn wake(&self, known: &mut Known) {
        known.work.has_news = true;
        self.news.notify_all();
    }

    /// Whether the store may be asked now; then the question has to go through [`Fleet::call`].
    pub(crate) fn may_ask(&self) -> bool {
        let now = self.clock.now();
        self.known.lock().breaker.may_ask(now)
    }

    /// Asks the store, and notes how that went.
    pub(crate) fn call<T>(&self, question: impl FnOnce(&S) -> Result<T>) -> Result<T> {
        self.counters.round_trips.one();
        let result = question(&self.store);
        match &result {
            Ok(_) => self.went_well(),
            Err(failure) => self.failed(failure),
        }
        result
    }

    /// Asks the store what it answers one by one: that it answers is no success where it refuses all of it.
    pub(crate) fn call_each<T>(
        &self,
        question: impl FnOnce(&S) -> Result<Vec<Result<T>>>,
    ) -> Result<Vec<Result<T>>> {
        self.counters.round_trips.one();
        let answers = question(&self.store).inspect_err(|failure| self.failed(failure))?;
        if answers.iter().any(Result::is_ok) {
            self.went_well();
        }
        let failures = answers.iter().filter_map(|answer| answer.as_ref().err());
        failures.for_each(|failure| self.failed(failure));
        Ok(answers)
    }

    fn went_well(&self) {
        let now = self.clock.now();
        let is_over = {
            let mut known = self.known.lock();
            known.breaker.went_well();
            known.breaker.state() == State::Closed && known.complaint.went_well(now)
        };
        if is_over {
            self.link.log("the store is asked again");
        }
    }

    pub(crate) fn failed(&self, failure: &Failure) {
        self.counters.failed(failure);
        let (now, random) = (self.clock.now(), self.random());
        let is_told = {
            let mut known = self.known.lock();
            if !known.breaker.failed(failure, now, random) {
                return;
            }
            known.complaint.opened(failure, now)
        };
        self.counters.opened.one();
        if is_told {
            self.link
                .log(&format!("the store is not asked for a while: {failure}"));
        }
    }

    pub(crate) fn leased(&self, lease: u64, held: &Held) -> Lease {
        Lease {
            key: held.key,
            token: self.token(lease),
            term: held.holding.term(),
        }
    }

    pub(crate) fn token(&self, lease: u64) -> String {
        format!("{:016x}-{lease}", self.process)
    }

    pub(crate) fn next_leases(
        &self,
        count: usize,
    ) -> impl Iterator<Item = u64> + Clone + use<S, L> {
        let mut known = self.known.lock();
        let first = known.last_lease + 1;
        known.last_lease += count as u64;
        first..=known.last_lease
    }
}

impl Source {
    fn new(key: Digest) -> Self {
        Self {
            key,
            validity: Validity::default(),
            is_new: true,
            is_told: false,
            has_left: false,
            costs: Costs::default(),
        }
    }
}
