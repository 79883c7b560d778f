//! What callers wait for: blocks, and leases of those that are not there. On the thread of whoever asks.

use crate::clock::Moment;
use crate::costs::Costs;
use crate::fleet::{Fleet, Held};
use crate::key::Digest;
use crate::lease::{self, Holding};
use crate::link::{Answer, Ask, Link};
use crate::statistics::nanoseconds;
use crate::store::{Lease, Store};
use crate::value::{Checked, HEADER};
use std::time::Duration;

/// However fast a decode is, the store has as long: a question that is late by less is no reason to ask no more.
const LEAST: Duration = Duration::from_millis(10);

/// Whether values that are not believed are counted, or were when they were asked for before.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doubts {
    Counted,
    Known,
}

impl<S: Store, L: Link> Fleet<S, L> {
    /// Asks for blocks at once. Each is answered with pixels or as a miss before this returns.
    pub fn get(&self, asks: Vec<Ask>) {
        self.counters.gets.add(asks.len() as u64);
        let all = asks.len();
        let asks = self.those_that_pay(asks, Costs::pays);
        self.counters.dearer.add((all - asks.len()) as u64);
        if asks.is_empty() {
            return;
        }
        if !self.may_ask() {
            self.counters.not_asked.add(asks.len() as u64);
            return self.miss(&asks);
        }
        let limit = self.limit(&asks);
        let keys: Vec<_> = asks.iter().map(key_and_length).collect();
        let begun = self.clock.now();
        let values = self.call(|store| store.values(&keys, limit));
        let time = self.clock.now().since(begun);
        self.counters.get_nanoseconds.add(nanoseconds(time));
        let Ok(values) = values else {
            return self.miss(&asks);
        };
        if time > limit {
            self.failed(&crate::Failure::Late);
        }
        let each = time / asks.len() as u32;
        for (ask, value) in asks.iter().zip(values) {
            let begun = self.clock.now();
            if !self.is_delivered(ask, value.as_deref(), Doubts::Counted) {
                self.counters.misses.one();
                self.link.answer(ask.ticket, Answer::Miss);
                continue;
            }
            self.counters.hits.one();
            let time = self.clock.now().since(begun);
            self.counters.get_nanoseconds.add(nanoseconds(time));
            if let Some(source) = self.known.lock().sources.get_mut(&ask.source) {
                source.costs.fetched(each + time);
            }
        }
    }

    /// Asks for the leases of blocks that were not there. Each is answered before this returns: the block is leased,
    /// or busy, or there meanwhile; or a miss where the store fails, or where a decode was cheaper than a fetch lately.
    pub fn lease(&self, asks: Vec<Ask>) {
        let asks = self.those_that_pay(asks, |costs, decode| !costs.is_dearer(decode));
        if asks.is_empty() {
            return;
        }
        if !self.store.has_leases() || !self.may_ask() {
            return self.miss(&asks);
        }
        let limit = self.limit(&asks);
        let begun = self.clock.now();
        let numbers = self.next_leases(asks.len());
        let leases: Vec<_> = asks
            .iter()
            .zip(numbers.clone())
            .map(|(ask, number)| self.new_lease(ask, number))
            .collect();
        let Ok(won) = self.call(|store| store.lease(&leases, limit)) else {
            return self.miss(&asks);
        };
        let mut held = Vec::new();
        for ((ask, number), won) in asks.into_iter().zip(numbers).zip(won) {
            if won {
                self.hold(&ask, number, begun);
                held.push((ask, number));
            } else {
                self.counters.leases_busy.one();
                self.link.answer(ask.ticket, Answer::Busy);
            }
        }
        self.decode_or_find(held, limit, Doubts::Known);
    }

    /// Waits, on the thread of the tier, for a block that another process decodes.
    pub fn wait(&self, ask: Ask) {
        self.counters.waits.one();
        let wait = lease::Wait::new(
            self.clock.now(),
            ask.decode,
            self.options.wait,
            self.random(),
        );
        let mut known = self.known.lock();
        known.work.waits.push((ask, wait));
        self.wake(&mut known);
    }

    pub(crate) fn new_lease(&self, ask: &Ask, number: u64) -> Lease {
        Lease {
            key: ask.key,
            token: self.token(number),
            term: lease::term(ask.decode),
        }
    }

    pub(crate) fn hold(&self, ask: &Ask, number: u64, asked: Moment) {
        self.counters.leases_won.one();
        let held = Held {
            key: ask.key,
            holding: Holding::new(asked, ask.decode),
        };
        let mut known = self.known.lock();
        known.leases.insert(number, held);
        self.wake(&mut known); // For it is to be renewed.
    }

    /// Answers those whose lease this process has. Whoever had the lease before may have stored the block after it was
    /// asked for; so it is asked for once more. Says how many were found so.
    pub(crate) fn decode_or_find(
        &self,
        held: Vec<(Ask, u64)>,
        limit: Duration,
        doubts: Doubts,
    ) -> u64 {
        if held.is_empty() {
            return 0;
        }
        let keys: Vec<_> = held.iter().map(|(ask, _)| key_and_length(ask)).collect();
        let values = self.call(|store| store.values(&keys, limit));
        let values = values.unwrap_or_else(|_| vec![None; held.len()]);
        let mut found = 0;
        for ((ask, number), value) in held.into_iter().zip(values) {
            if self.is_delivered(&ask, value.as_deref(), doubts) {
                found += 1;
                self.unlease(number);
            } else {
                self.link.answer(ask.ticket, Answer::Leased(number));
            }
        }
        self.counters.leases_unneeded.add(found);
        found
    }

    /// Whether a value was there and is believed; then the question is answered with it.
    fn is_delivered(&self, ask: &Ask, value: Option<&[u8]>, doubts: Doubts) -> bool {
        let Some(value) = value else {
            return false;
        };
        self.counters.bytes_received.add(value.len() as u64);
        let secret = self.options.secret.as_ref();
        let delivered = Checked::new(value, &ask.key, &ask.form, secret).and_then(|checked| {
            self.link.deliver(ask.ticket, &mut |into| {
                let copied = checked.unpack(into)?;
                self.counters.bytes_unpacked.add(copied as u64);
                Ok(())
            })
        });
        match delivered {
            Ok(()) => true,
            Err(doubt) => {
                if doubts == Doubts::Counted {
                    self.counters.doubted(doubt);
                }
                false
            }
        }
    }

    /// How long the store has to answer: no longer than decodes would take, unless that is all the same.
    fn limit(&self, asks: &[Ask]) -> Duration {
        let longest = self.options.get;
        if self.options.ask_always {
            return longest;
        }
        let decodes: Duration = asks.iter().map(|ask| ask.decode.unwrap_or(longest)).sum();
        longest.min(decodes.max(LEAST))
    }

    /// Answers those as missing that the costs of their sources speak against, and gives the others.
    fn those_that_pay(
        &self,
        asks: Vec<Ask>,
        pays: impl Fn(&mut Costs, Option<Duration>) -> bool,
    ) -> Vec<Ask> {
        if self.options.ask_always {
            return asks;
        }
        let (paying, others) = {
            let mut known = self.known.lock();
            asks.into_iter().partition::<Vec<_>, _>(|ask| {
                let source = known.sources.get_mut(&ask.source);
                source.is_none_or(|source| pays(&mut source.costs, ask.decode))
            })
        };
        self.miss(&others);
        paying
    }

    pub(crate) fn miss(&self, asks: &[Ask]) {
        asks.iter()
            .for_each(|ask| self.link.answer(ask.ticket, Answer::Miss));
    }
}

/// What is not compressed to less is stored as it is: no value is longer, and no more is read of one that is.
fn key_and_length(ask: &Ask) -> (Digest, usize) {
    let longest = ask.form.bytes().map_or(0, |bytes| HEADER + bytes);
    (ask.key, longest)
}
