//! A caller's table of functions as a tier of the core, and the numbers by which it knows what is open.

use super::status::{callback, tc_status};
use super::tier::{tc_tier, tc_tier_account, tc_tier_block, tc_tier_flags, tc_tier_link};
use super::tile::view;
use crate::cache::{Lease, Link, Parcel, Ticket, Tier, TierBlock, TierHealth};
use crate::error::{Error, Kind, Result};
use crate::sync::Mutex;
use std::collections::HashMap;
use std::ffi::{CString, c_void};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Instant;

/// Tickets and parcels in the hands of a caller's tier, by numbers that never come again.
#[derive(Default)]
pub struct Open {
    link: OnceLock<Weak<Link>>,
    numbers: AtomicU64,
    tickets: Mutex<HashMap<u64, Arc<Ticket>>>,
    parcels: Mutex<HashMap<u64, Parcel>>,
}

const STRICT: u32 = tc_tier_flags::TC_TIER_STRICT as u32;
const PUT_EVICTED: u32 = tc_tier_flags::TC_TIER_PUT_EVICTED as u32;

/// With so many tickets those are looked for that nobody wants any more.
const MANY: usize = 1024;

impl Open {
    /// The cache knows the tier now.
    pub fn attach(&self, link: &Arc<Link>) {
        // The first one is the only one.
        let _ = self.link.set(Arc::downgrade(link));
    }

    /// The cache, if it is there still.
    pub fn link(&self) -> Option<Arc<Link>> {
        self.link.get()?.upgrade()
    }

    fn number(&self) -> u64 {
        1 + self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    fn add_ticket(&self, ticket: Ticket) -> u64 {
        let number = self.number();
        let unwanted: Vec<_> = {
            let mut tickets = self.tickets.lock();
            let unwanted = match tickets.len() >= MANY && tickets.len().is_power_of_two() {
                true => tickets.extract_if(|_, ticket| ticket.is_void()).collect(),
                false => Vec::new(),
            };
            tickets.insert(number, Arc::new(ticket));
            unwanted
        };
        drop(unwanted);
        number
    }

    /// A ticket that is open.
    pub fn ticket(&self, number: u64) -> Result<Arc<Ticket>> {
        let ticket = self.tickets.lock().get(&number).cloned();
        ticket.ok_or_else(|| no_ticket(number))
    }

    /// A ticket that is answered.
    pub fn take_ticket(&self, number: u64) -> Result<Arc<Ticket>> {
        let ticket = self.tickets.lock().remove(&number);
        ticket.ok_or_else(|| no_ticket(number))
    }

    /// A parcel that is not read any more.
    pub fn take_parcel(&self, number: u64) -> Option<Parcel> {
        self.parcels.lock().remove(&number)
    }
}

fn no_ticket(number: u64) -> Error {
    Error::new(
        Kind::NotFound,
        format!("ticket {number} is not open: it was answered before, or never given"),
    )
}

/// A caller's table.
pub struct Table {
    calls: tc_tier,
    attach: unsafe extern "C" fn(*mut c_void, *mut tc_tier_link),
    get: unsafe extern "C" fn(*mut c_void, *const tc_tier_block, u64, u64),
    release: unsafe extern "C" fn(*mut c_void),
    open: Arc<Open>,
    is_attached: OnceLock<()>,
}

// SAFETY: the header demands that the functions may be called on any thread, several at once.
unsafe impl Send for Table {}
// SAFETY: as above.
unsafe impl Sync for Table {}

impl Table {
    /// The tier that a table describes.
    pub fn new(tier: &tc_tier) -> Result<Arc<Self>> {
        let missing = |name: &str| Error::argument(format!("tier.{name} is NULL"));
        let unknown = tier.flags & !(STRICT | PUT_EVICTED);
        if unknown != 0 {
            return Err(Error::argument(format!(
                "tier.flags has bits that are not known: {unknown:#x}"
            )));
        }
        if tier.flags & STRICT != 0 && tier.generation.is_none() {
            return Err(Error::argument(
                "tier.flags has TC_TIER_STRICT, but tier.generation is NULL",
            ));
        }
        if tier.flags & PUT_EVICTED != 0 && tier.put.is_none() {
            return Err(Error::argument(
                "tier.flags has TC_TIER_PUT_EVICTED, but tier.put is NULL",
            ));
        }
        if tier.lease.is_some() != tier.unlease.is_some() {
            return Err(Error::argument(
                "tier.lease and tier.unlease: one is NULL and the other is not",
            ));
        }
        if tier.lease.is_some() && tier.put.is_none() {
            return Err(Error::argument(
                "tier.lease without tier.put: what others wait for would never come",
            ));
        }
        Ok(Arc::new(Self {
            calls: *tier,
            attach: tier.attach.ok_or_else(|| missing("attach"))?,
            get: tier.get.ok_or_else(|| missing("get"))?,
            release: tier.release.ok_or_else(|| missing("release"))?,
            open: Arc::default(),
            is_attached: OnceLock::new(),
        }))
    }

    /// What is open.
    pub fn open(&self) -> &Arc<Open> {
        &self.open
    }

    /// Gives the caller the link: from now on `release` is called at the end.
    pub fn attach(&self, link: *mut tc_tier_link) {
        let _ = self.is_attached.set(());
        // SAFETY: the header says what the callback does with these arguments.
        unsafe { (self.attach)(self.calls.user, link) };
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        if self.is_attached.get().is_some() {
            // SAFETY: called once, after the last other call.
            unsafe { (self.release)(self.calls.user) };
        }
    }
}

/// Lends a block to a call, as C sees it.
fn lend<R>(block: &TierBlock, call: impl FnOnce(*const tc_tier_block) -> R) -> Option<R> {
    // An identity with a NUL was never let in.
    let source = CString::new(&*block.source).ok()?;
    let shape = block.layout.shape;
    let lent = tc_tier_block {
        struct_size: size_of::<tc_tier_block>() as u32,
        dtype: block.layout.dtype as i32,
        source: source.as_ptr(),
        material: block.material.as_ptr().cast(),
        material_bytes: block.material.len(),
        generation_counter: block.generation.counter,
        generation_random: block.generation.random,
        width: shape.width as i64,
        height: shape.height as i64,
        bands: shape.bands as i32,
        sample_bytes: block.layout.dtype.size() as u32,
        level: block.at.level.into(),
        row: block.at.row as i64,
        col: block.at.col as i64,
        decode_ns: block.decode_nanoseconds,
    };
    Some(call(&lent))
}

/// A moment on the monotonic clock of the system in nanoseconds, as C reads it.
fn monotonic(moment: Instant) -> u64 {
    time_of(libc::CLOCK_MONOTONIC).saturating_add(left(moment))
}

/// How many nanoseconds there are until a moment.
fn left(moment: Instant) -> u64 {
    let left = moment.saturating_duration_since(Instant::now());
    u64::try_from(left.as_nanos()).unwrap_or(u64::MAX)
}

/// The clock of confirmations.
#[cfg(target_os = "linux")]
const CONFIRMED_BY: libc::clockid_t = libc::CLOCK_BOOTTIME;
#[cfg(not(target_os = "linux"))]
const CONFIRMED_BY: libc::clockid_t = libc::CLOCK_MONOTONIC;

/// The present moment on a clock in nanoseconds.
fn time_of(clock: libc::clockid_t) -> u64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the struct is ours. The clocks are there on every system that this is built for.
    unsafe { libc::clock_gettime(clock, &mut now) };
    now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()
}

impl Tier for Table {
    fn get(&self, block: &TierBlock, deadline: Instant, ticket: Ticket) {
        let (number, deadline) = (self.open.add_ticket(ticket), monotonic(deadline));
        lend(block, |block| {
            // SAFETY: the header says what the callback does with these arguments.
            unsafe { (self.get)(self.calls.user, block, deadline, number) };
        });
    }

    fn flush(&self) {
        if let Some(flush) = self.calls.flush {
            // SAFETY: as above.
            unsafe { flush(self.calls.user) };
        }
    }

    fn takes_puts(&self) -> bool {
        self.calls.put.is_some()
    }

    fn puts_evicted(&self) -> bool {
        self.calls.flags & PUT_EVICTED != 0
    }

    fn put(&self, block: &TierBlock, lease: Option<Lease>, parcel: Parcel) {
        let Some(put) = self.calls.put else {
            return;
        };
        let pixels = view(parcel.tile());
        let number = self.open.number();
        self.open.parcels.lock().insert(number, parcel);
        let lease = lease.map_or(0, Lease::get);
        lend(block, |block| {
            // SAFETY: as above; the parcel keeps the pixels until the caller has taken it.
            unsafe { put(self.calls.user, block, lease, &pixels, number) };
        });
    }

    fn settle(&self, deadline: Instant) -> bool {
        let timeout = left(deadline);
        self.calls.settle.is_none_or(|settle| {
            // SAFETY: as above.
            unsafe { settle(self.calls.user, timeout) != 0 }
        })
    }

    fn has_leases(&self) -> bool {
        self.calls.lease.is_some()
    }

    fn lease(&self, block: &TierBlock, waits: bool, deadline: Instant, ticket: Ticket) {
        let Some(lease) = self.calls.lease else {
            return;
        };
        let (number, deadline) = (self.open.add_ticket(ticket), monotonic(deadline));
        lend(block, |block| {
            // SAFETY: as above.
            unsafe { lease(self.calls.user, block, waits.into(), deadline, number) };
        });
    }

    fn unlease(&self, block: &TierBlock, lease: Lease) {
        if let Some(unlease) = self.calls.unlease {
            lend(block, |block| {
                // SAFETY: as above.
                unsafe { unlease(self.calls.user, block, lease.get()) };
            });
        }
    }

    fn has_generations(&self) -> bool {
        self.calls.generation.is_some()
    }

    fn is_strict(&self) -> bool {
        self.calls.flags & STRICT != 0
    }

    fn now(&self) -> u64 {
        time_of(CONFIRMED_BY)
    }

    fn watch(&self, source: &str, is_watched: bool) {
        if let (Some(generation), Ok(source)) = (self.calls.generation, CString::new(source)) {
            // SAFETY: as above.
            unsafe { generation(self.calls.user, source.as_ptr(), is_watched.into()) };
        }
    }

    fn can_purge(&self) -> bool {
        self.calls.purge.is_some()
    }

    fn purge(&self, source: &str) -> Result<()> {
        let (Some(purge), Ok(source)) = (self.calls.purge, CString::new(source)) else {
            return Err(Error::unsupported("tier.purge is NULL"));
        };
        callback("purge", |err| -> tc_status {
            // SAFETY: as above, and `err` is an error of ours.
            unsafe {
                let status = purge(self.calls.user, source.as_ptr(), err);
                // Its statuses are the library's own, whether it says so twice or not.
                if (*err).code == 0 {
                    (*err).code = status;
                }
                status
            }
        })
    }

    fn health(&self) -> TierHealth {
        let mut told = tc_tier_account {
            struct_size: size_of::<tc_tier_account>() as u32,
            ..tc_tier_account::default()
        };
        if let Some(health) = self.calls.health {
            // SAFETY: as above.
            unsafe { health(self.calls.user, &mut told) };
        }
        TierHealth {
            state: told.state,
            unreachable: told.unreachable,
            late: told.late,
            garbage: told.garbage,
            forged: told.forged,
            full: told.full,
            refused: told.refused,
            round_trips: told.round_trips,
            bytes_sent: told.bytes_sent,
            bytes_received: told.bytes_received,
            skipped: told.skipped,
        }
    }
}
