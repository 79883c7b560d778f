//! What goes wrong: the faults, and how a callback comes to them.

use crate::face::{Failure, LoadHandle, Provider, empty, say};
use std::cell::Cell;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tilecache::capi::{tc_error, tc_status};
use tilecache::error::Error;

/// What takes longer has hung.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until something is so; whether it ever was.
fn comes_true(mut is_so: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    while !is_so() {
        if begun.elapsed() > PATIENCE {
            return false;
        }
        thread::sleep(Duration::from_micros(200));
    }
    true
}

/// Waits until something is so.
pub fn until(what: &str, is_so: impl FnMut() -> bool) {
    assert!(comes_true(is_so), "{what}: it never happens");
}

/// What a source does instead of its work, or before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Says what is wrong, and a code of its own.
    Fails,
    /// Returns a negative number and says nothing, as `read` does.
    Negative,
    /// Writes half of what is wanted and returns how much that is, as `read` does.
    Short,
    /// Returns a larger number than what is wanted.
    TooMuch,
    /// Writes nothing and says that all is well, which nobody can tell.
    Lies,
    /// Panics, where it is written in Rust.
    Panics,
    /// Takes its time, and then works.
    Sleeps,
    /// Gets a tile of another image in the same cache, and then works.
    AsksOther,
    /// Gets another tile of the image that it is asked for, and then works.
    AsksNeighbour,
    /// Gets the tile that it is asked for, and fails as that does.
    AsksItself,
    /// Does not return before it is told that nobody wants the load.
    Stuck,
    /// Has no session to give.
    NoSession,
}

pub const CODE: i32 = 77;
pub const SAYS: &str = "the tape is torn";
/// A part of what those are told who waited for a load that panicked.
pub const PANICS: &str = "panicked";

/// How a call ends.
pub enum Verdict {
    /// It does its work.
    Works,
    /// It writes nothing and claims to have worked.
    Lies,
    /// It fails with a code and words.
    Fails(i32, String),
    /// It returns the number of bytes that it has, given as a part of those that are wanted.
    Counts(fn(usize) -> usize),
}

/// A pixel of the tile that the tests want, and of one far from it.
pub const TARGET: (i64, i64) = (200, 200);
pub const FAR: (i64, i64) = (10, 300);

thread_local! {
    /// Inside a call that a faulty callback makes: what serves it has no fault.
    static ASKING: Cell<bool> = const { Cell::new(false) };
}

/// The fault of one source, and what became of it.
#[derive(Default)]
pub struct Control {
    fault: Mutex<Option<Fault>>,
    /// Calls that met the fault.
    pub met: AtomicUsize,
    /// Whom a callback asks.
    top: Mutex<Option<Provider>>,
    other: Mutex<Option<Provider>>,
    /// So many gets must be under way before a callback goes on.
    crowd: AtomicUsize,
    inside: AtomicUsize,
    /// Counts the gets that wait for the load of another.
    waits: Mutex<Option<Box<dyn Fn() -> u64 + Send>>>,
    /// Sessions that are open, and how often the source was released.
    pub sessions: AtomicUsize,
    pub released: AtomicUsize,
    /// The next read is the first of a load in which something is to happen.
    is_next: AtomicBool,
}

impl Control {
    /// From now on something is to happen at the next read.
    pub fn wait_for_read(&self) {
        self.is_next.store(true, Ordering::SeqCst);
    }

    /// Whether this is the read at which something is to happen.
    pub fn takes_turn(&self) -> bool {
        let is_it = self.is_next.swap(false, Ordering::SeqCst);
        self.met.fetch_add(is_it.into(), Ordering::SeqCst);
        is_it
    }

    /// From now on calls meet the fault.
    pub fn arm(&self, fault: Fault, top: &Provider, other: &Provider) {
        *self.top.lock().unwrap() = Some(top.clone());
        *self.other.lock().unwrap() = Some(other.clone());
        *self.fault.lock().unwrap() = Some(fault);
    }

    /// A callback holds until so many gets are in a callback or wait.
    pub fn expect_crowd(&self, crowd: usize, waits: impl Fn() -> u64 + Send + 'static) {
        *self.waits.lock().unwrap() = Some(Box::new(waits));
        self.crowd.store(crowd, Ordering::SeqCst);
    }

    /// The fault is mended; whom the callbacks asked is let go.
    pub fn disarm(&self) {
        *self.fault.lock().unwrap() = None;
        self.crowd.store(0, Ordering::SeqCst);
        *self.waits.lock().unwrap() = None;
        let asked = (
            self.top.lock().unwrap().take(),
            self.other.lock().unwrap().take(),
        );
        drop(asked);
    }

    /// Whether all who are expected have been in a callback or waited at once.
    pub fn is_crowded(&self) -> bool {
        let waits = self.waits.lock().unwrap();
        let there =
            self.inside.load(Ordering::SeqCst) + waits.as_ref().map_or(0, |it| it() as usize);
        if there >= self.crowd.load(Ordering::SeqCst) {
            self.crowd.store(0, Ordering::SeqCst);
        }
        self.crowd.load(Ordering::SeqCst) == 0
    }

    /// What a callback does now that is called for pixels from column and row `at` on.
    pub fn verdict_at(&self, at: (i64, i64)) -> Verdict {
        let fault = *self.fault.lock().unwrap();
        // Any thread may make what a callback asks for, so that it is known by its place alone.
        match fault == Some(Fault::AsksNeighbour) && at.0 < FAR.0 + 128 {
            true => Verdict::Works,
            false => self.verdict(false),
        }
    }

    /// What a callback does now. `is_opening` where it opens a session.
    pub fn verdict(&self, is_opening: bool) -> Verdict {
        let fault = *self.fault.lock().unwrap();
        let Some(fault) =
            fault.filter(|fault| !ASKING.get() && is_opening == (*fault == Fault::NoSession))
        else {
            return Verdict::Works;
        };
        self.met.fetch_add(1, Ordering::SeqCst);
        self.inside.fetch_add(1, Ordering::SeqCst);
        let _inside = Inside(&self.inside);
        // Nothing may unwind into C, so that what hangs is told as another failure.
        match comes_true(|| self.is_crowded()) {
            true => self.commit(fault),
            false => Verdict::Fails(CODE + 1, "the others never come".into()),
        }
    }

    fn commit(&self, fault: Fault) -> Verdict {
        match fault {
            Fault::Fails | Fault::NoSession => Verdict::Fails(CODE, SAYS.into()),
            Fault::Negative => Verdict::Fails(-1, String::new()),
            Fault::Short => Verdict::Counts(|wanted| wanted / 2),
            Fault::TooMuch => Verdict::Counts(|wanted| wanted + 1),
            Fault::Lies => Verdict::Lies,
            Fault::Panics => panic!("the source {PANICS}, on purpose"),
            Fault::Sleeps => {
                thread::sleep(Duration::from_millis(2));
                Verdict::Works
            }
            Fault::AsksOther => self.ask(&self.other, TARGET),
            Fault::AsksNeighbour => self.ask(&self.top, FAR),
            Fault::AsksItself => self.ask(&self.top, TARGET),
            Fault::Stuck => {
                let load = LoadHandle::current();
                let told = comes_true(|| load.as_ref().is_some_and(LoadHandle::is_cancelled));
                let text = if told {
                    "given up"
                } else {
                    "nobody cancels it"
                };
                Verdict::Fails(CODE, text.into())
            }
        }
    }

    /// Gets a tile, whose failure becomes the callback's own.
    fn ask(&self, whom: &Mutex<Option<Provider>>, at: (i64, i64)) -> Verdict {
        let Some(whom) = whom.lock().unwrap().clone() else {
            return Verdict::Fails(CODE + 1, "there is nobody to ask".into());
        };
        ASKING.set(true);
        let outcome = whom.get(at);
        ASKING.set(false);
        match outcome {
            Ok(_) => Verdict::Works,
            Err(Failure {
                status, message, ..
            }) => Verdict::Fails(status, message),
        }
    }
}

struct Inside<'a>(&'a AtomicUsize);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Verdict {
    /// As a callback of C ends that is asked for so many bytes: what it returns, and what it `writes`,
    /// given how many bytes.
    pub fn end(self, wanted: usize, err: *mut tc_error, write: impl FnOnce(usize)) -> tc_status {
        match self {
            Verdict::Works => {
                write(wanted);
                0
            }
            Verdict::Lies => 0,
            Verdict::Fails(code, text) => {
                let mut told = empty();
                say(&mut told, &text);
                // SAFETY: never NULL, and valid during the call.
                unsafe { err.write(told) };
                code
            }
            Verdict::Counts(count) => {
                write(count(wanted).min(wanted));
                count(wanted) as tc_status
            }
        }
    }

    /// As one of Rust ends.
    pub fn result(self) -> tilecache::error::Result<()> {
        match self {
            Verdict::Works => Ok(()),
            Verdict::Fails(code, text) => Err(Error::from_source(code, text)),
            Verdict::Lies | Verdict::Counts(_) => unreachable!("there is no number to return"),
        }
    }
}
