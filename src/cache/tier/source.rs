//! A source as one cache and its other tier know it: its generation there, and the leases of its blocks.

use super::block::TierBlock;
use super::identity::Identity;
use super::{Generation, Lease, Link};
use crate::cache::invalidation::Suspension;
use crate::cache::lineage::Lineage;
use crate::cache::moment::note_change;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Condvar, Mutex};
use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// A source that a tier is asked for.
pub struct TierSource {
    text: Arc<str>,
    link: Weak<Link>,
    state: Mutex<State>,
    told: Condvar,
    /// Until when memory of it may be used, on the clock of its tier; a strict tier's requests look at it.
    until: AtomicU64,
    has_left: AtomicBool,
    leases: Mutex<HashMap<Vec<u8>, Leased>>,
    /// What a decode of a block takes, as of late; 0 before the first.
    decode_nanoseconds: AtomicU64,
}

#[derive(Default)]
struct State {
    /// The images of the source, of which its file may have several.
    lineages: Vec<Weak<Lineage>>,
    generation: Option<Generation>,
    /// While it is not known whether the pixels have changed: no memory of them is used.
    suspended: Option<Suspended>,
    /// Whether the tier has said anything.
    is_told: bool,
    /// How many suspensions began.
    doubts: u64,
}

/// That memory is not used, from one doubt to the next confirmation.
#[derive(Default)]
struct Suspended {
    images: Vec<Suspension>,
    /// How many are forgetting what was in memory.
    forgetting: usize,
    /// Tells it from those before, which may still be forgetting.
    number: u64,
}

/// Without a limit: as long as the tier says nothing else.
pub const ALWAYS: u64 = u64::MAX;

impl State {
    fn images(&self) -> Vec<Arc<Lineage>> {
        self.lineages.iter().filter_map(Weak::upgrade).collect()
    }

    /// Begins a suspension whose number this is; the caller is to forget memory.
    fn doubt(&mut self) -> u64 {
        self.doubts += 1;
        let number = self.doubts;
        self.suspended = Some(Suspended {
            forgetting: 1,
            number,
            ..Suspended::default()
        });
        number
    }
}

impl Suspended {
    /// One more is to forget memory.
    fn forget(&mut self) -> u64 {
        self.forgetting += 1;
        self.number
    }
}

struct Leased {
    lease: Lease,
    /// What it was got for.
    block: TierBlock,
}

/// One part in so many of what was learnt is forgotten with each decode.
const FORGETTING: u64 = 8;

impl TierSource {
    /// A source that has a generation if the tier tells of generations; suspended until it does.
    pub(super) fn new(text: Arc<str>, link: &Arc<Link>) -> Arc<Self> {
        let changes = link.tier.has_generations();
        Arc::new(Self {
            text,
            link: Arc::downgrade(link),
            state: Mutex::new(State {
                generation: (!changes).then(Generation::default),
                suspended: changes.then(Suspended::default),
                ..State::default()
            }),
            told: Condvar::default(),
            until: AtomicU64::new(if changes { 0 } else { ALWAYS }),
            has_left: AtomicBool::new(false),
            leases: Mutex::default(),
            decode_nanoseconds: AtomicU64::new(0),
        })
    }

    /// The identity.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// One more image of the source.
    pub(super) fn add(self: &Arc<Self>, lineage: &Arc<Lineage>, identity: &Identity) {
        {
            let mut sources = identity.sources.lock();
            sources.retain(|other| other.strong_count() > 0);
            if !sources
                .iter()
                .any(|other| other.as_ptr() == Arc::as_ptr(self))
            {
                sources.push(Arc::downgrade(self));
            }
        }
        if identity.has_left.load(Ordering::SeqCst) {
            self.leave();
        }
        let suspended = {
            let mut state = self.state.lock();
            state.lineages.retain(|other| other.strong_count() > 0);
            let mut known = state.lineages.iter();
            if known.any(|other| other.as_ptr() == Arc::as_ptr(lineage)) {
                return;
            }
            state.lineages.push(Arc::downgrade(lineage));
            state.suspended.as_mut().map(Suspended::forget)
        };
        note_change();
        if let Some(number) = suspended {
            self.suspend(std::slice::from_ref(lineage), number);
        }
    }

    /// Suspends images of a source whose suspension of this number counts the caller among those who forget.
    fn suspend(&self, lineages: &[Arc<Lineage>], number: u64) {
        // Without the lock, for memory is forgotten.
        let new: Vec<_> = lineages.iter().map(Lineage::suspend).collect();
        let mut new = Some(new);
        let mut state = self.state.lock();
        if let Some(suspended) = state.suspended.as_mut()
            && suspended.number == number
        {
            suspended.forgetting -= 1;
            suspended.images.extend(new.take().into_iter().flatten());
        }
        drop(state);
        // Confirmed meanwhile: they end here.
        drop(new);
    }

    /// Waits until the tier has said something of the source, at most so long.
    pub(super) fn await_told(&self, at_most: Duration) {
        let end = Instant::now() + at_most;
        let mut state = self.state.lock();
        while !state.is_told && state.suspended.is_some() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || self.told.wait_for(&mut state, left).timed_out() {
                return;
            }
        }
    }

    /// The generation was confirmed, until then. Another one than before lets all memory of the source be forgotten.
    pub(super) fn confirm(&self, generation: Generation, until: u64) {
        let begun = {
            let mut state = self.state.lock();
            state.is_told = true;
            let before = state.generation.replace(generation);
            let suspended = state.suspended.as_ref();
            let is_true = before == Some(generation)
                || suspended.is_some_and(|suspended| suspended.forgetting == 0);
            match is_true {
                true => Ok(self.go_on(&mut state, until)),
                false => Err((suspended.is_none(), state.images())),
            }
        };
        let ended = match begun {
            Ok(ended) => ended,
            Err((is_change, lineages)) => {
                if is_change && !lineages.is_empty() {
                    self.count(|counts| counts.changes.add(1));
                }
                // Only what was confirmed before may be used until this is done.
                lineages.iter().for_each(|lineage| lineage.invalidate());
                let mut state = self.state.lock();
                match state.generation == Some(generation) {
                    true => self.go_on(&mut state, until),
                    false => None,
                }
            }
        };
        // What was suspended is empty, and may be filled from now on.
        drop(ended);
        self.told.notify_all();
    }

    /// What is in memory is true until then.
    fn go_on(&self, state: &mut State, until: u64) -> Option<Suspended> {
        let before = self.until.swap(until, Ordering::SeqCst);
        if until < before {
            // What was found out of it holds for too long.
            note_change();
        }
        state.suspended.take()
    }

    /// It is not known any more whether the source has changed.
    pub(super) fn suspect(&self) {
        let doubted = {
            let mut state = self.state.lock();
            state.is_told = true;
            match state.suspended {
                Some(_) => None,
                None => Some((state.doubt(), state.images())),
            }
        };
        if let Some((number, lineages)) = doubted {
            self.count(|counts| counts.suspicions.add(1));
            self.suspend(&lineages, number);
        }
        self.told.notify_all();
    }

    /// Until when memory of it may be used, as far as is known now; what may not be is forgotten when this returns.
    pub(super) fn believed(&self, now: u64) -> u64 {
        let until = self.until.load(Ordering::SeqCst);
        if now < until {
            return until;
        }
        let doubted = {
            let mut state = self.state.lock();
            let until = self.until.load(Ordering::SeqCst);
            if now < until {
                return until;
            }
            match &state.suspended {
                Some(suspended) if suspended.forgetting == 0 => return until,
                // Whoever began to forget may not be done yet, and must not be waited for: it may be this very thread.
                Some(_) => Err(state.images()),
                None => Ok((state.doubt(), state.images())),
            }
        };
        match doubted {
            Ok((number, lineages)) => {
                self.count(|counts| counts.suspicions.add(1));
                self.suspend(&lineages, number);
            }
            Err(lineages) => lineages.iter().for_each(|lineage| lineage.invalidate()),
        }
        until
    }

    /// The generation under which the tier may be asked now.
    pub fn usable(&self) -> Option<Generation> {
        let state = self.state.lock();
        let is_usable = !self.has_left() && state.suspended.is_none();
        state.generation.filter(|_| is_usable)
    }

    /// A block of it is needed for which the tier may not be asked now.
    pub(super) fn count_unusable(&self, is_current: bool) {
        self.count(|counts| match self.has_left() || !is_current {
            true => counts.left.add(1),
            false => counts.suspect.add(1),
        });
    }

    /// Whether the source has this generation still.
    pub fn has(&self, generation: Generation) -> bool {
        self.usable() == Some(generation)
    }

    /// The pixels changed here, and the tier does not know.
    pub(super) fn leave(&self) {
        self.has_left.store(true, Ordering::SeqCst);
    }

    /// The tier knows of all changes again.
    pub(super) fn come_back(&self) {
        self.has_left.store(false, Ordering::SeqCst);
    }

    pub(super) fn has_left(&self) -> bool {
        self.has_left.load(Ordering::SeqCst)
    }

    pub fn link(&self) -> Option<Arc<Link>> {
        self.link.upgrade()
    }

    fn count(&self, count: impl FnOnce(&super::Counts)) {
        if let Some(link) = self.link() {
            count(&link.counts);
        }
    }

    /// Whether this process has the lease of a block.
    pub fn is_leased(&self, material: &[u8]) -> bool {
        self.leases.lock().contains_key(material)
    }

    /// This process has the lease of a block now.
    pub(super) fn add_lease(&self, block: TierBlock, lease: Lease) {
        let before = {
            let mut leases = self.leases.lock();
            leases.insert(block.material.clone(), Leased { lease, block })
        };
        self.unlease(before);
    }

    /// The lease of a block, which is the caller's to end.
    pub(super) fn take_lease(&self, material: &[u8]) -> Option<Lease> {
        self.leases.lock().remove(material).map(|it| it.lease)
    }

    /// Gives the lease of a block back, if this process has it.
    pub(super) fn end_lease(&self, material: &[u8]) {
        let leased = self.leases.lock().remove(material);
        self.unlease(leased);
    }

    fn unlease(&self, leased: Option<Leased>) {
        if let (Some(leased), Some(link)) = (leased, self.link()) {
            link.tier.unlease(&leased.block, leased.lease);
        }
    }

    /// What a decode of a block takes, as of late; 0 where that is not known.
    pub fn decode_nanoseconds(&self) -> u64 {
        self.decode_nanoseconds.load(Ordering::Relaxed)
    }

    /// A block was decoded in this time.
    pub(super) fn learn(&self, took: Duration) {
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX).max(1);
        let before = self.decode_nanoseconds.load(Ordering::Relaxed);
        let now = match before {
            0 => took,
            // Of two decodes at once the later counts.
            before => before - before / FORGETTING + took / FORGETTING,
        };
        self.decode_nanoseconds.store(now.max(1), Ordering::Relaxed);
    }
}
