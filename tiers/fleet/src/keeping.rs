//! The thread of a tier: it asks for generations, looks whether others are done, renews leases and stores blocks.

use crate::asking::Doubts;
use crate::breaker::State;
use crate::clock::Moment;
use crate::failure::Failure;
use crate::fleet::Fleet;
use crate::key::Digest;
use crate::lease::Wait;
use crate::link::{Answer, Ask, Link, Parcel};
use crate::store::{Lease, Store};
use crate::value::Form;
use std::collections::VecDeque;

/// Whoever was faster with a lease that was free: the next look tells who.
const ANOTHER: &str = "";

/// So many blocks are sent at once, unless they are as long as this before.
const AT_ONCE: usize = 32;
const BYTES_AT_ONCE: usize = 1 << 20;

/// What the thread has to do.
#[derive(Default)]
pub(crate) struct Work {
    /// Something came that it does not know of when it sleeps.
    pub(crate) has_news: bool,
    is_ended: bool,
    /// When it looked last whether sources are still to be believed.
    pub(crate) looked: Option<Moment>,
    /// When the generations are to be asked for.
    pub(crate) poll: Moment,
    pub(crate) waits: Vec<(Ask, Wait)>,
    /// Leases that are to be given back.
    pub(crate) ended: Vec<Lease>,
    puts: VecDeque<Put>,
    /// Some of those that were put are on their way.
    is_sending: bool,
}

struct Put {
    key: Digest,
    form: Form,
    lease: u64,
    parcel: Box<dyn Parcel>,
}

impl Work {
    pub(crate) fn is_storing(&self) -> bool {
        self.is_sending || !self.puts.is_empty()
    }

    pub(crate) fn put(&mut self, key: Digest, form: Form, lease: u64, parcel: Box<dyn Parcel>) {
        self.puts.push_back(Put {
            key,
            form,
            lease,
            parcel,
        });
    }
}

impl<S: Store, L: Link> Fleet<S, L> {
    /// Works until [`Fleet::end`] is called.
    pub fn run(&self) {
        loop {
            let next = self.turn();
            let mut known = self.known.lock();
            if known.work.is_ended {
                break;
            }
            if !known.work.has_news {
                let time = next.since(self.clock.now());
                self.news.wait_for(&mut known, time);
            }
        }
        self.give_back();
    }

    /// Ends [`Fleet::run`] after what it is at.
    pub fn end(&self) {
        let mut known = self.known.lock();
        known.work.is_ended = true;
        self.wake(&mut known);
    }

    /// Does what is due, and says when there is more to do.
    pub fn turn(&self) -> Moment {
        self.known.lock().work.has_news = false;
        self.suspect_in_time();
        self.poll();
        self.look_at_waits();
        self.renew();
        self.give_back_ended();
        self.store_next();
        self.next_turn()
    }

    fn next_turn(&self) -> Moment {
        let known = self.known.lock();
        let work = &known.work;
        if !work.puts.is_empty() || !work.ended.is_empty() {
            return Moment::default();
        }
        let polls = (!known.sources.is_empty()).then_some(work.poll);
        let looks = work.waits.iter().map(|(_, wait)| wait.look());
        let renewals = known
            .leases
            .values()
            .filter_map(|held| held.holding.renewal());
        let next = polls.into_iter().chain(looks).chain(renewals).min();
        // Nothing wakes the thread then but news.
        next.unwrap_or(Moment::NEVER)
    }

    fn poll(&self) {
        let asked = self.clock.now();
        let sources: Vec<_> = {
            let mut known = self.known.lock();
            if asked < known.work.poll {
                return;
            }
            known.work.poll = asked.after(self.options.turn());
            let staying = known.sources.iter().filter(|(_, source)| !source.has_left);
            staying
                .map(|(name, source)| (name.clone(), source.key))
                .collect()
        };
        if !sources.is_empty() && self.may_ask() {
            self.ask_for_generations(asked, &sources);
        }
        self.give_up_new(&sources);
    }

    fn ask_for_generations(&self, asked: Moment, sources: &[(String, Digest)]) {
        let keys: Vec<_> = sources
            .iter()
            .map(|&(_, key)| (key, self.random()))
            .collect();
        let stored = self.call_each(|store| store.generations(&keys, self.options.turn()));
        let Ok(stored) = stored else {
            return; // What was confirmed is valid for as long as it would be.
        };
        for ((source, _), stored) in sources.iter().zip(stored) {
            self.confirm(source, asked, stored);
        }
    }

    /// Of those of these that are new nothing came: who opens one need not wait for that any longer.
    fn give_up_new(&self, sources: &[(String, Digest)]) {
        let _telling = self.telling.lock();
        let is_new = |name: &String| {
            let mut known = self.known.lock();
            let source = known.sources.get_mut(name);
            source.is_some_and(|source| std::mem::take(&mut source.is_new))
        };
        let names = sources.iter().map(|(name, _)| name);
        let new: Vec<_> = names.filter(|name| is_new(name)).collect();
        new.iter().for_each(|name| self.link.changed(name, None));
    }

    /// Looks for those who wait, once for each key, whether the others still have the leases.
    fn look_at_waits(&self) {
        let now = self.clock.now();
        let (due, keys) = {
            let mut known = self.known.lock();
            let (due, later) = std::mem::take(&mut known.work.waits)
                .into_iter()
                .partition::<Vec<_>, _>(|(_, wait)| wait.look() <= now);
            known.work.waits = later;
            let mut keys: Vec<_> = due.iter().map(|(ask, _)| ask.key).collect();
            keys.sort_unstable();
            keys.dedup();
            (due, keys)
        };
        if due.is_empty() {
            return;
        }
        let due: Vec<_> = due
            .into_iter()
            .filter(|(ask, _)| {
                let wanted = self.link.is_wanted(ask.ticket);
                self.counters.waits_unwanted.add((!wanted).into());
                wanted
            })
            .collect();
        let holders = match self.may_ask() {
            true => self
                .call(|store| store.holders(&keys, self.options.turn()))
                .ok(),
            false => None,
        };
        let Some(holders) = holders else {
            self.counters.waits_failed.add(due.len() as u64);
            return due
                .iter()
                .for_each(|(ask, _)| self.link.answer(ask.ticket, Answer::Miss));
        };
        let holder = |ask: &Ask| {
            let at = keys.binary_search(&ask.key).ok()?;
            holders[at].as_deref()
        };
        let mut free = Vec::new();
        for (ask, wait) in due {
            match holder(&ask) {
                Some(holder) => self.go_on_waiting(ask, wait, holder),
                None => free.push((ask, wait)),
            }
        }
        self.take_leases(free);
    }

    fn go_on_waiting(&self, ask: Ask, mut wait: Wait, holder: &str) {
        let now = self.clock.now();
        wait.looked(now, holder, self.random());
        if wait.is_over(now) {
            self.counters.waits_over.one();
            self.link.answer(ask.ticket, Answer::Miss);
        } else {
            self.known.lock().work.waits.push((ask, wait));
        }
    }

    /// The leases of those are gone: the block is there, or one of all who wait decodes it.
    fn take_leases(&self, free: Vec<(Ask, Wait)>) {
        if free.is_empty() {
            return;
        }
        let begun = self.clock.now();
        let limit = self.options.turn();
        let numbers = self.next_leases(free.len());
        let leases: Vec<_> = free
            .iter()
            .zip(numbers.clone())
            .map(|((ask, _), number)| self.new_lease(ask, number))
            .collect();
        let Ok(won) = self.call(|store| store.lease(&leases, limit)) else {
            self.counters.waits_failed.add(free.len() as u64);
            return free
                .iter()
                .for_each(|(ask, _)| self.link.answer(ask.ticket, Answer::Miss));
        };
        let mut held = Vec::new();
        for (((ask, wait), number), won) in free.into_iter().zip(numbers).zip(won) {
            if won {
                self.hold(&ask, number, begun);
                held.push((ask, number));
            } else {
                self.go_on_waiting(ask, wait, ANOTHER);
            }
        }
        let taken = held.len() as u64;
        let unneeded = self.decode_or_find(held, limit, Doubts::Counted);
        self.counters.waits_fed.add(unneeded);
        self.counters.waits_leased.add(taken - unneeded);
    }

    fn renew(&self) {
        let asked = self.clock.now();
        let due: Vec<_> = {
            let known = self.known.lock();
            let due = known.leases.iter().filter(|(_, held)| {
                held.holding
                    .renewal()
                    .is_some_and(|renewal| renewal <= asked)
            });
            due.map(|(&number, held)| (number, self.leased(number, held)))
                .collect()
        };
        if due.is_empty() {
            return;
        }
        let leases: Vec<_> = due.iter().map(|(_, lease)| lease.clone()).collect();
        let renewed = match self.may_ask() {
            true => self
                .call(|store| store.renew(&leases, self.options.turn()))
                .ok(),
            false => None,
        };
        let mut known = self.known.lock();
        for (at, (number, _)) in due.iter().enumerate() {
            let Some(held) = known.leases.get_mut(number) else {
                continue;
            };
            match &renewed {
                Some(renewed) if renewed[at] => {
                    self.counters.renewals.one();
                    held.holding.renewed(asked);
                }
                Some(_) => {
                    self.counters.leases_lost.one();
                    known.leases.remove(number);
                }
                // It is tried again as late as if it had been renewed, and may end before.
                None => held.holding.renewed(asked),
            }
        }
    }

    fn give_back_ended(&self) {
        let ended = std::mem::take(&mut self.known.lock().work.ended);
        if !ended.is_empty() && self.may_ask() {
            // Where this fails they end by themselves.
            let _ = self.call(|store| store.unlease(&ended, self.options.turn()));
        }
    }

    /// Stores the next blocks, as many as are soon sent.
    fn store_next(&self) {
        let (mut values, mut leases, mut bytes) = (Vec::new(), Vec::new(), 0);
        while values.len() < AT_ONCE && bytes < BYTES_AT_ONCE {
            let put = {
                let work = &mut self.known.lock().work;
                work.is_sending |= !work.puts.is_empty();
                work.puts.pop_front()
            };
            let Some(Put {
                key,
                form,
                lease,
                parcel,
            }) = put
            else {
                break;
            };
            match self.packer.pack(&key, &form, parcel.pixels()) {
                Ok(value) => {
                    bytes += value.len();
                    values.push((key, value));
                }
                Err(_) => self.counters.puts_too_long.one(),
            }
            drop(parcel); // What it held is free while the value is sent.
            leases.push(lease);
        }
        self.send(&values);
        leases.into_iter().for_each(|lease| self.unlease(lease));
        self.give_back_ended();
        self.known.lock().work.is_sending = false;
        self.stored.notify_all();
    }

    fn send(&self, values: &[(Digest, Vec<u8>)]) {
        if values.is_empty() {
            return;
        }
        let limit = self.options.put.min(self.options.turn());
        // It may have opened since the blocks were queued.
        let is_closed = self.known.lock().breaker.state() == State::Closed;
        let sent = match is_closed {
            true => self.call_each(|store| store.put(values, limit)).ok(),
            false => None,
        };
        let (mut stored, mut full) = (0, 0);
        for ((_, value), put) in values.iter().zip(sent.unwrap_or_default()) {
            match put {
                Ok(()) => {
                    stored += 1;
                    self.counters.bytes_sent.add(value.len() as u64);
                }
                Err(Failure::Full(_)) => full += 1,
                Err(_) => (),
            }
        }
        if stored > 0 && full == 0 {
            self.known.lock().breaker.was_put();
        }
        self.counters.stored.add(stored);
        self.counters.puts_full.add(full);
        self.counters.puts_dropped.add(values.len() as u64 - stored);
    }

    /// What is left when the cache goes: nobody is to wait for leases that nobody will end.
    fn give_back(&self) {
        let (puts, leases) = {
            let mut known = self.known.lock();
            let leases: Vec<_> = known.leases.drain().collect();
            (std::mem::take(&mut known.work.puts), leases)
        };
        self.counters.puts_dropped.add(puts.len() as u64);
        drop(puts);
        let ended = leases
            .iter()
            .map(|(number, held)| self.leased(*number, held));
        self.known.lock().work.ended.extend(ended);
        self.give_back_ended();
    }
}
