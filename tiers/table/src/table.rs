//! The functions of the table that `tc_set_tier` takes. `user` is a [`Tier`] in a box.

use crate::c::{answered, guarded, text};
use crate::link::{Block, Cache};
use crate::options::sized;
use crate::raw::*;
use parking_lot::Mutex;
use std::cell::RefCell;
use std::ffi::{CStr, c_char, c_void};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;
use tilecache_fleet::breaker::State;
use tilecache_fleet::clock::BootClock;
use tilecache_fleet::value::Form;
use tilecache_fleet::{
    Answer, Ask, Digest, Failure, Fleet, Generation, Link, Options, Sample, Statistics, Store, key,
};

const SHARED: &str = "the tier was given to two caches, but is for one: neither is served";

type Member<S> = Fleet<S, Arc<Cache>>;

/// Where what happens is told.
pub type LogFn = unsafe extern "C" fn(*mut c_void, *const c_char);

/// What a tier is made of.
pub struct Making<S> {
    /// What its thread is called.
    pub name: &'static str,
    /// The store, which is to be asked nothing before the tier is attached.
    pub store: S,
    /// How it is used.
    pub options: Options,
    /// What the store may take beyond that to answer a question for a block.
    pub beyond: Duration,
    /// `tc_tier.queue_bytes`.
    pub queue_bytes: u64,
    /// Where what happens is told.
    pub log: Option<LogFn>,
    /// Passed to that.
    pub log_user: *mut c_void,
}

/// A tier, from its making to its release.
struct Tier<S: Store> {
    name: &'static str,
    /// Until it is attached.
    store: Mutex<Option<S>>,
    options: Options,
    log: Option<LogFn>,
    log_user: *mut c_void,
    running: OnceLock<Running<S>>,
    attached: Attached,
}

/// The caches that were given the table. It is for one: of two nobody could tell which of them a call is for, so neither
/// is served then. The last one to go frees it.
#[derive(Default)]
struct Attached {
    caches: Mutex<Vec<Arc<Cache>>>,
    gone: AtomicUsize,
}

impl Attached {
    fn is_shared(&self) -> bool {
        self.caches.lock().len() > 1
    }
}

/// What there is from tc_set_tier on.
struct Running<S: Store> {
    fleet: Arc<Member<S>>,
    cache: Arc<Cache>,
    thread: Option<JoinHandle<()>>,
}

thread_local! {
    /// What this thread has asked for and not waited for yet, and whose tier it asks.
    static ASKED: RefCell<Vec<(*const c_void, Asked)>> = const { RefCell::new(Vec::new()) };
}

enum Asked {
    Get(Ask),
    Lease(Ask),
}

/// The table of a store.
fn table<S: Store + 'static>(making: Making<S>) -> tc_tier {
    // SAFETY: a struct of numbers, pointers and functions, all of which may be 0.
    let mut table: tc_tier = unsafe { std::mem::zeroed() };
    table.struct_size = size_of::<tc_tier>() as u32;
    let Options {
        get,
        wait,
        strict,
        put_evicted,
        ..
    } = making.options;
    if strict {
        table.flags |= TC_TIER_STRICT;
    }
    if put_evicted {
        table.flags |= TC_TIER_PUT_EVICTED;
    }
    // Answered inside the call: the library's own limit only ends what this library would end, too.
    table.get_ns = nanoseconds(get * 3 + making.beyond);
    table.lease_ns = wait.map_or(0, |wait| nanoseconds(wait + get * 3));
    table.queue_bytes = making.queue_bytes;
    table.attach = Some(attach::<S>);
    table.get = Some(get_block::<S>);
    table.put = Some(put::<S>);
    table.lease = Some(lease::<S>);
    table.unlease = Some(unlease::<S>);
    table.generation = Some(generation::<S>);
    table.purge = Some(purge::<S>);
    table.health = Some(health::<S>);
    table.release = Some(release::<S>);
    table.flush = Some(flush::<S>);
    table.settle = Some(settle::<S>);
    let tier = Tier {
        name: making.name,
        store: Mutex::new(Some(making.store)),
        options: making.options,
        log: making.log,
        log_user: making.log_user,
        running: OnceLock::new(),
        attached: Attached::default(),
    };
    table.user = Box::into_raw(Box::new(tier)).cast();
    table
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Why a tier cannot be made.
pub struct Refused {
    /// The status that says so.
    pub status: tc_status,
    /// What is wrong.
    pub message: String,
}

impl From<String> for Refused {
    /// What is wrong with an argument.
    fn from(message: String) -> Self {
        let status = TC_E_ARGUMENT;
        Self { status, message }
    }
}

/// A function of C that writes the table of a tier whose store is at `place`, which the caller knows as `name`.
///
/// # Safety
///
/// `place` is NULL or a text that ends with NUL; `options` as for [`sized`]; `tier` and `err` are NULL, or may be written.
pub unsafe fn made<T, S: Store + 'static>(
    (name, place): (&str, *const c_char),
    options: *const T,
    tier: *mut tc_tier,
    err: *mut tc_error,
    making: impl FnOnce(&CStr, &T) -> Result<Making<S>, Refused>,
) -> tc_status {
    let make = || {
        // SAFETY: as promised.
        let given = unsafe { sized(options)? };
        if place.is_null() {
            return Err(format!("{name} is NULL").into());
        }
        if tier.is_null() {
            return Err("tier is NULL".to_owned().into());
        }
        // SAFETY: it is not NULL, and ends with NUL.
        let making = making(unsafe { CStr::from_ptr(place) }, &given)?;
        // SAFETY: it is not NULL.
        unsafe { tier.write(table(making)) };
        Ok(())
    };
    let make = || make().map_err(|Refused { status, message }| (status, message));
    // SAFETY: as promised.
    unsafe { answered(err, make) }
}

/// Writes what a tier counted, and what its store did, as one object of JSON.
///
/// # Safety
///
/// `tier` is NULL or a table whose cache is not gone; `err` is NULL or an error that may be written.
pub unsafe fn report<S: Store + 'static>(
    tier: *const tc_tier,
    write: tc_write_fn,
    user: *mut c_void,
    err: *mut tc_error,
    of_store: impl FnOnce(&S) -> Vec<(&'static str, u64)>,
) -> tc_status {
    let argument = |message: &str| (TC_E_ARGUMENT, message.to_owned());
    let report = || {
        // SAFETY: as promised.
        let table = unsafe { tier.as_ref() }.ok_or_else(|| argument("tier is NULL"))?;
        let write = write.ok_or_else(|| argument("write is NULL"))?;
        let ours = attach::<S> as *const ();
        if table.attach.map(|function| function as *const ()) != Some(ours) {
            return Err(argument("tier is not one of this library"));
        }
        // SAFETY: it is one of ours, and its cache is there.
        let running = unsafe { Running::<S>::of(table.user) };
        let mut named = running
            .map_or_else(Statistics::default, Running::statistics)
            .named();
        if let Some(running) = running {
            let of_store = of_store(running.fleet.store()).into_iter();
            named.extend(of_store.map(|(name, count)| (name.to_owned(), count)));
        }
        let fields: Vec<_> = named
            .iter()
            .map(|(name, count)| format!("\"{name}\":{count}"))
            .collect();
        let text = format!("{{{}}}", fields.join(","));
        let mut told = crate::c::no_error();
        // SAFETY: as the header says.
        match unsafe { write(user, text.as_ptr().cast(), text.len(), &mut told) } {
            TC_OK => Ok(()),
            code => Err((code, "write ended the report".to_owned())),
        }
    };
    // SAFETY: as promised.
    unsafe { answered(err, report) }
}

impl<S: Store> Running<S> {
    /// # Safety
    ///
    /// `user` is that of one of our tables which is not released.
    unsafe fn of<'a>(user: *mut c_void) -> Option<&'a Self> {
        // SAFETY: as promised.
        unsafe { (*user.cast::<Tier<S>>()).running.get() }
    }

    /// That of the one cache which may ask.
    ///
    /// # Safety
    ///
    /// As above.
    unsafe fn of_one<'a>(user: *mut c_void) -> Option<&'a Self> {
        // SAFETY: as promised.
        let tier = unsafe { &*user.cast::<Tier<S>>() };
        tier.running.get().filter(|_| !tier.attached.is_shared())
    }

    fn statistics(&self) -> Statistics {
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
    unsafe fn key(&self, block: &tc_tier_block) -> Digest {
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

unsafe extern "C" fn attach<S: Store + 'static>(user: *mut c_void, link: *mut tc_tier_link) {
    guarded(|| {
        // SAFETY: it is the user of one of our tables.
        let tier = unsafe { &*user.cast::<Tier<S>>() };
        let cache = Arc::new(Cache::new(link, tier.log, tier.log_user));
        tier.attached.caches.lock().push(Arc::clone(&cache));
        let Some(store) = tier.store.lock().take() else {
            cache.log(SHARED);
            if let Some(running) = tier.running.get() {
                running.fleet.leave();
            }
            return;
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
        let named = std::thread::Builder::new().name(tier.name.to_owned());
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

unsafe extern "C" fn get_block<S: Store>(
    user: *mut c_void,
    block: *const tc_tier_block,
    _: u64,
    ticket: u64,
) {
    // SAFETY: as the library promises.
    unsafe { collect::<S>(user, block, ticket, Asked::Get) }
}

unsafe extern "C" fn lease<S: Store>(
    user: *mut c_void,
    block: *const tc_tier_block,
    wait: i32,
    _: u64,
    ticket: u64,
) {
    if wait == 0 {
        // SAFETY: as the library promises.
        return unsafe { collect::<S>(user, block, ticket, Asked::Lease) };
    }
    guarded(|| {
        // SAFETY: as the library promises.
        let Some(running) = (unsafe { Running::<S>::of_one(user) }) else {
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
unsafe fn collect<S: Store>(
    user: *mut c_void,
    block: *const tc_tier_block,
    ticket: u64,
    kind: impl FnOnce(Ask) -> Asked,
) {
    guarded(|| {
        // SAFETY: as the library promises.
        let Some(running) = (unsafe { Running::<S>::of_one(user) }) else {
            return;
        };
        // SAFETY: as the library promises.
        match unsafe { running.ask(block, ticket) } {
            Some(ask) => {
                let asked = (std::ptr::from_ref(running).cast(), kind(ask));
                ASKED.with_borrow_mut(|all| all.push(asked));
            }
            None => running.cache.answer(ticket, Answer::Miss),
        }
    });
}

unsafe extern "C" fn flush<S: Store>(user: *mut c_void) {
    guarded(|| {
        // SAFETY: as the library promises.
        let Some(running) = (unsafe { Running::<S>::of(user) }) else {
            return;
        };
        let ours: *const c_void = std::ptr::from_ref(running).cast();
        let (mut gets, mut leases) = (Vec::new(), Vec::new());
        ASKED.with_borrow_mut(|asked| {
            for (_, asked) in asked.extract_if(.., |(of, _)| *of == ours) {
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

unsafe extern "C" fn settle<S: Store>(user: *mut c_void, timeout: u64) -> i32 {
    let mut is_settled = true;
    guarded(|| {
        // SAFETY: as the library promises.
        if let Some(running) = unsafe { Running::<S>::of(user) } {
            is_settled = running.fleet.settle(Duration::from_nanos(timeout));
        }
    });
    is_settled.into()
}

unsafe extern "C" fn put<S: Store>(
    user: *mut c_void,
    block: *const tc_tier_block,
    lease: u64,
    pixels: *const tc_pixels,
    parcel: u64,
) {
    guarded(|| {
        // SAFETY: as the library promises.
        let (running, block) = unsafe { (Running::<S>::of(user), &*block) };
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

unsafe extern "C" fn unlease<S: Store>(user: *mut c_void, _: *const tc_tier_block, lease: u64) {
    guarded(|| {
        // SAFETY: as the library promises.
        if let Some(running) = unsafe { Running::<S>::of(user) } {
            running.fleet.unlease(lease);
        }
    });
}

unsafe extern "C" fn generation<S: Store>(user: *mut c_void, source: *const c_char, watched: i32) {
    guarded(|| {
        // SAFETY: as the library promises.
        let (tier, source) = unsafe { (&*user.cast::<Tier<S>>(), text(source)) };
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

unsafe extern "C" fn purge<S: Store>(
    user: *mut c_void,
    source: *const c_char,
    err: *mut tc_error,
) -> tc_status {
    let purge = || {
        // SAFETY: as the library promises.
        let (running, source) = unsafe { (Running::<S>::of_one(user), text(source)) };
        let (Some(running), Some(source)) = (running, source) else {
            return Err((TC_E_ARGUMENT, SHARED.to_owned()));
        };
        running.fleet.purge(source).map_err(|failure| {
            let text = failure.text();
            match failure {
                Failure::Denied(_) | Failure::Refused(_) | Failure::Full(_) => (
                    TC_E_IO,
                    format!("the store does not take the purge: {text}"),
                ),
                _ => (
                    TC_E_UNREACHABLE,
                    format!("the store is not reached: {text}"),
                ),
            }
        })
    };
    // SAFETY: as the library promises.
    unsafe { answered(err, purge) }
}

unsafe extern "C" fn health<S: Store>(user: *mut c_void, health: *mut tc_tier_account) {
    guarded(|| {
        // SAFETY: as the library promises.
        let (running, health) = unsafe { (Running::<S>::of(user), &mut *health) };
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

unsafe extern "C" fn release<S: Store>(user: *mut c_void) {
    guarded(|| {
        // SAFETY: it is not freed yet.
        let attached = unsafe { &(*user.cast::<Tier<S>>()).attached };
        let all = attached.caches.lock().len();
        if attached.gone.fetch_add(1, Ordering::SeqCst) + 1 < all {
            return; // Another cache has it, too.
        }
        // SAFETY: no other call comes any more.
        let mut tier = unsafe { Box::from_raw(user.cast::<Tier<S>>()) };
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
