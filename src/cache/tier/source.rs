//! A source as one cache and its other tier know it: its generation there, and the leases of its blocks.

use super::block::TierBlock;
use super::identity::Identity;
use super::{Generation, Lease, Link};
use crate::cache::lineage::{Lineage, Suspension};
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
    suspended: Option<Vec<Suspension>>,
    /// Whether the tier has said anything.
    is_told: bool,
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
                suspended: changes.then(Vec::new),
                ..State::default()
            }),
            told: Condvar::default(),
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
        let is_new = {
            let mut state = self.state.lock();
            state.lineages.retain(|other| other.strong_count() > 0);
            let mut known = state.lineages.iter();
            let is_new = !known.any(|other| other.as_ptr() == Arc::as_ptr(lineage));
            if is_new {
                state.lineages.push(Arc::downgrade(lineage));
            }
            is_new && state.suspended.is_some()
        };
        if is_new {
            self.suspend(std::slice::from_ref(lineage));
        }
    }

    /// Suspends images of a source that is suspended.
    fn suspend(&self, lineages: &[Arc<Lineage>]) {
        // Without the lock, for memory is forgotten.
        let new: Vec<_> = lineages.iter().map(Lineage::suspend).collect();
        let mut new = Some(new);
        if let Some(suspended) = &mut self.state.lock().suspended {
            suspended.extend(new.take().into_iter().flatten());
        }
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

    /// The generation was confirmed. Another one than before lets all memory of the source be forgotten.
    pub(super) fn confirm(&self, generation: Generation) {
        let (suspended, lineages) = {
            let mut state = self.state.lock();
            state.is_told = true;
            let before = state.generation.replace(generation);
            let suspended = state.suspended.take();
            let is_same = suspended.is_some() || before == Some(generation);
            let lineages = match is_same {
                true => Vec::new(),
                false => state.lineages.iter().filter_map(Weak::upgrade).collect(),
            };
            (suspended, lineages)
        };
        if !lineages.is_empty() {
            self.count(|counts| counts.changes.add(1));
        }
        lineages.iter().for_each(|lineage| lineage.invalidate());
        // What was suspended is empty, and may be filled from now on.
        drop(suspended);
        self.told.notify_all();
    }

    /// It is not known any more whether the source has changed.
    pub(super) fn suspect(&self) {
        let lineages: Vec<_> = {
            let mut state = self.state.lock();
            state.is_told = true;
            if state.suspended.is_some() {
                drop(state);
                self.told.notify_all();
                return;
            }
            state.suspended = Some(Vec::new());
            state.lineages.iter().filter_map(Weak::upgrade).collect()
        };
        self.count(|counts| counts.suspicions.add(1));
        self.suspend(&lineages);
        self.told.notify_all();
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
