//! The functions of the table that `tc_set_tier` takes. `user` is a [`Tier`] in a box.

use crate::address::Address;
use crate::capi::{LogFn, fails, guarded, text};
use crate::link::{Block, Cache};
use crate::raw::*;
use crate::store::{Redis, Settings};
use parking_lot::Mutex;
use std::cell::RefCell;
use std::ffi::{c_char, c_void};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;
use tilecache_fleet::breaker::State;
use tilecache_fleet::clock::BootClock;
use tilecache_fleet::key;
use tilecache_fleet::value::Form;
use tilecache_fleet::{Answer, Ask, Failure, Fleet, Generation, Link, Options, Sample, Statistics};

const SHARED: &str = "the tier was given to two caches, but is for one: neither is served";

type Member = Fleet<Redis, Arc<Cache>>;

/// A tier, from its making to its release.
pub(crate) struct Tier {
    pub(crate) address: Address,
    pub(crate) settings: Settings,
    pub(crate) options: Options,
    pub(crate) log: Option<LogFn>,
    pub(crate) log_user: *mut c_void,
    pub(crate) running: OnceLock<Running>,
    pub(crate) attached: Attached,
}

/// The caches that were given the table. It is for one: of two nobody could tell which of them a call is for, so neither
/// is served then. The last one to go frees it.
#[derive(Default)]
pub(crate) struct Attached {
    caches: Mutex<Vec<Arc<Cache>>>,
    gone: AtomicUsize,
}

impl Attached {
    fn is_shared(&self) -> bool {
        self.caches.lock().len() > 1
    }
}

/// What there is from tc_set_tier on.
pub(crate) struct Running {
    fleet: Arc<Member>,
    cache: Arc<Cache>,
    thread: Option<JoinHandle<()>>,
}

thread_local! {
    /// What this thread has asked for and not waited for yet, and whose tier it asks.
    static ASKED: RefCell<Vec<(*const Running, Asked)>> = const { RefCell::new(Vec::new()) };
}

enum Asked {
    Get(Ask),
    Lease(Ask),
}

/// Fills in the functions.
pub(crate) fn fill(table: &mut tc_tier) {
    table.attach = Some(attach);
    table.get = Some(get);
    table.put = Some(put);
    table.lease = Some(lease);
    table.unlease = Some(unlease);
    table.generation = Some(generation);
    table.purge = Some(purge);
    table.health = Some(health);
    table.release = Some(release);
    table.flush = Some(flush);
}

/// Whether a table is one of ours.
pub(crate) fn is_ours(table: &tc_tier) -> bool {
    table
        .attach
        .is_some_and(|function| function as usize == attach as *const () as usize)
}

impl Running {
    /// # Safety
    ///
    /// `user` is that of one of our tables which is not released.
    unsafe fn of<'a>(user: *mut c_void) -> Option<&'a Self> {
        // SAFETY: as promised.
        unsafe { (*user.cast::<Tier>()).running.get() }
    }

    /// That of the one cache which may ask.
    ///
    /// # Safety
    ///
    /// As above.
    unsafe fn of_one<'a>(user: *mut c_void) -> Option<&'a Self> {
        // SAFETY: as promised.
        let tier = unsafe { &*user.cast::<Tier>() };
        tier.running.get().filter(|_| !tier.attached.is_shared())
    }

    pub(crate) fn statistics(&self) -> Statistics {
        self.fleet.statistics()
    }

    /// # Safety
    ///
    /// The block is one that the library filled in.
    unsafe fn ask(&self, block: *const tc_tier_block, ticket: u64) -> Option<Ask> {
        // SAFETY: as promised.
        let (block, source) = unsafe { (&*block, text((*block).source)?) };
        Some(Ask {
            source: source.to_owned(),
            // SAFETY: as promised.
            key: unsafe { self.key(block) },
            form: form(block)?,
            decode: (block.decode_ns > 0).then(|| Duration::from_nanos(block.decode_ns)),
            ticket,
        })
    }

    /// # Safety
    ///
    /// The block is one that the library filled in.
    unsafe fn key(&self, block: &tc_tier_block) -> key::Digest {
        // SAFETY: there are so many bytes.
        let material = unsafe {
            std::slice::from_raw_parts(block.material.cast::<u8>(), block.material_bytes)
        };
        let generation = Generation {
            counter: block.generation_counter,
            random: block.generation_random,
        };
        key::block(material, generation, self.fleet.options().secret.as_ref())
    }
}

fn form(block: &tc_tier_block) -> Option<Form> {
    let sample = Sample::from_code(block.dtype)?;
    Some(Form {
        sample,
        width: u32::try_from(block.width).ok()?,
        height: u32::try_from(block.height).ok()?,
        bands: u32::try_from(block.bands).ok()?,
    })
}

unsafe extern "C" fn attach(user: *mut c_void, link: *mut tc_tier_link) {
    guarded(|| {
        // SAFETY: it is the user of one of our tables.
        let tier = unsafe { &*user.cast::<Tier>() };
        let cache = Arc::new(Cache::new(link, tier.log, tier.log_user));
        tier.attached.caches.lock().push(Arc::clone(&cache));
        if tier.attached.is_shared() {
            cache.log(SHARED);
            if let Some(running) = tier.running.get() {
                running.fleet.leave();
            }
            return;
        }
        let store = match Redis::new(&tier.address, tier.settings.clone()) {
            Ok(store) => store,
            Err(error) => return cache.log(&error),
        };
        let fleet = Arc::new(Fleet::new(
            store,
            Arc::clone(&cache),
            tier.options.clone(),
            Box::new(BootClock),
            // Each has keys of its own, of the system's random bits.
            Box::new(|| RandomState::new().hash_one(())),
        ));
        let of_thread = Arc::clone(&fleet);
        let named = std::thread::Builder::new().name("tilecache-redis".to_owned());
        let thread = named.spawn(move || of_thread.run());
        if let Err(error) = &thread {
            // Nothing is confirmed then, and so nothing is asked for.
            cache.log(&format!("the tier has no thread: {error}"));
        }
        let thread = thread.ok();
        let _ = tier.running.set(Running {
            fleet,
            cache,
            thread,
        });
    });
}

unsafe extern "C" fn get(user: *mut c_void, block: *const tc_tier_block, _: u64, ticket: u64) {
    // SAFETY: as the library promises.
    unsafe { collect(user, block, ticket, Asked::Get) }
}

unsafe extern "C" fn lease(
    user: *mut c_void,
    block: *const tc_tier_block,
    wait: i32,
    _: u64,
    ticket: u64,
) {
    if wait == 0 {
        // SAFETY: as the library promises.
        return unsafe { collect(user, block, ticket, Asked::Lease) };
    }
    guarded(|| {
        // SAFETY: as the library promises.
        let Some(running) = (unsafe { Running::of_one(user) }) else {
            return;
        };
        // SAFETY: as the library promises.
        match unsafe { running.ask(block, ticket) } {
            Some(ask) => running.fleet.wait(ask),
            None => running.cache.answer(ticket, Answer::Miss),
        }
    });
}

/// # Safety
///
/// As of the functions of the table.
unsafe fn collect(
    user: *mut c_void,
    block: *const tc_tier_block,
    ticket: u64,
    kind: impl FnOnce(Ask) -> Asked,
) {
    guarded(|| {
        // SAFETY: as the library promises.
        let Some(running) = (unsafe { Running::of_one(user) }) else {
            return;
        };
        // SAFETY: as the library promises.
        match unsafe { running.ask(block, ticket) } {
            Some(ask) => {
                ASKED.with_borrow_mut(|asked| asked.push((std::ptr::from_ref(running), kind(ask))));
            }
            None => running.cache.answer(ticket, Answer::Miss),
        }
    });
}

unsafe extern "C" fn flush(user: *mut c_void) {
    guarded(|| {
        // SAFETY: as the library promises.
        let Some(running) = (unsafe { Running::of(user) }) else {
            return;
        };
        let (mut gets, mut leases) = (Vec::new(), Vec::new());
        ASKED.with_borrow_mut(|asked| {
            for (of, asked) in asked.extract_if(.., |(of, _)| std::ptr::eq(*of, running)) {
                debug_assert!(std::ptr::eq(of, running));
                match asked {
                    Asked::Get(ask) => gets.push(ask),
                    Asked::Lease(ask) => leases.push(ask),
                }
            }
        });
        running.fleet.get(gets);
        running.fleet.lease(leases);
    });
}

unsafe extern "C" fn put(
    user: *mut c_void,
    block: *const tc_tier_block,
    lease: u64,
    pixels: *const tc_pixels,
    parcel: u64,
) {
    guarded(|| {
        // SAFETY: as the library promises.
        let (running, block) = unsafe { (Running::of(user), &*block) };
        let Some(running) = running else {
            return;
        };
        let Some(form) = form(block) else {
            running.cache.taken(parcel);
            return running.fleet.unlease(lease);
        };
        let cache = Arc::clone(&running.cache);
        // SAFETY: as the library promises.
        let pixels = unsafe { Block::new(cache, parcel, &*pixels, form.row_bytes()) };
        // SAFETY: as the library promises.
        let key = unsafe { running.key(block) };
        running.fleet.put(key, form, lease, Box::new(pixels));
    });
}

unsafe extern "C" fn unlease(user: *mut c_void, _: *const tc_tier_block, lease: u64) {
    guarded(|| {
        // SAFETY: as the library promises.
        if let Some(running) = unsafe { Running::of(user) } {
            running.fleet.unlease(lease);
        }
    });
}

unsafe extern "C" fn generation(user: *mut c_void, source: *const c_char, watched: i32) {
    guarded(|| {
        // SAFETY: as the library promises.
        let (tier, source) = unsafe { (&*user.cast::<Tier>(), text(source)) };
        let Some(source) = source else {
            return;
        };
        if tier.attached.is_shared() {
            let caches = tier.attached.caches.lock().clone();
            caches.iter().for_each(|cache| cache.changed(source, None));
        } else if let Some(running) = tier.running.get() {
            running.fleet.watch(source, watched != 0);
        }
    });
}

unsafe extern "C" fn purge(
    user: *mut c_void,
    source: *const c_char,
    err: *mut tc_error,
) -> tc_status {
    let mut status = fails(err, TC_E_INTERNAL, "the tier failed");
    guarded(|| {
        // SAFETY: as the library promises.
        let (Some(running), Some(source)) = (unsafe { (Running::of_one(user), text(source)) })
        else {
            status = fails(err, TC_E_ARGUMENT, SHARED);
            return;
        };
        status = match running.fleet.purge(source) {
            Ok(()) => TC_OK,
            Err(failure @ (Failure::Denied(_) | Failure::Refused(_) | Failure::Full(_))) => fails(
                err,
                TC_E_IO,
                &format!("the store does not take the purge: {}", failure.text()),
            ),
            Err(failure) => fails(
                err,
                TC_E_UNREACHABLE,
                &format!("the store is not reached: {}", failure.text()),
            ),
        };
    });
    status
}

unsafe extern "C" fn health(user: *mut c_void, health: *mut tc_tier_account) {
    guarded(|| {
        // SAFETY: as the library promises.
        let (running, health) = unsafe { (Running::of(user), &mut *health) };
        let Some(Running { fleet, .. }) = running else {
            return;
        };
        let counts = fleet.statistics();
        let [unreachable, late, garbage, _, denied, refused] = counts.failures;
        let [doubts @ .., tag, body] = counts.doubts;
        let has_secret = fleet.options().secret.is_some();
        health.state = match fleet.state() {
            _ if fleet.is_denied() => TC_TIER_DENIED,
            (State::Closed, true) => TC_TIER_FULL,
            (State::Closed, false) => TC_TIER_CLOSED,
            (State::Open { .. }, _) => TC_TIER_OPEN,
            (State::HalfOpen, _) => TC_TIER_HALF_OPEN,
        };
        health.unreachable = unreachable;
        health.late = late;
        health.garbage =
            garbage + doubts.iter().sum::<u64>() + body + if has_secret { 0 } else { tag };
        health.forged = if has_secret { tag } else { 0 };
        health.full = counts.puts_full;
        health.refused = denied + refused + counts.puts_too_long;
        health.round_trips = counts.round_trips;
        health.bytes_sent = counts.bytes_sent;
        health.bytes_received = counts.bytes_received;
        health.skipped = counts.not_asked + counts.dearer;
    });
}

unsafe extern "C" fn release(user: *mut c_void) {
    guarded(|| {
        // SAFETY: it is not freed yet.
        let attached = unsafe { &(*user.cast::<Tier>()).attached };
        let all = attached.caches.lock().len();
        if attached.gone.fetch_add(1, Ordering::SeqCst) + 1 < all {
            return; // Another cache has it, too.
        }
        // SAFETY: no other call comes any more.
        let mut tier = unsafe { Box::from_raw(user.cast::<Tier>()) };
        let Some(Running { fleet, thread, .. }) = tier.running.take() else {
            return;
        };
        fleet.end();
        if let Some(thread) = thread
            && thread.thread().id() != std::thread::current().id()
        {
            let _ = thread.join();
        }
    });
}
