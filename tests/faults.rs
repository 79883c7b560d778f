//! Faults: every kind of source with everything that can go wrong with it, read in every way.
//!
//! Each cell of the tables below is one fault in one kind of source, tried with everything that may stand
//! over it and every way of reading it. In all of them must hold: the call ends, with the status and the
//! words that the fault calls for, or with the right pixels; all who wait are told; nothing that failed
//! is kept, and the books of the cache balance; and once the fault is mended the next load works.
//!
//! `cargo test --test faults -- --nocapture` prints the tables, with the number of ways that were tried.

#[path = "faults/bytes.rs"]
mod bytes;
#[path = "faults/callbacks.rs"]
mod callbacks;
#[path = "faults/consumers.rs"]
mod consumers;
#[path = "faults/face.rs"]
mod face;
#[path = "faults/fault.rs"]
mod fault;
#[path = "faults/files.rs"]
mod files;
#[path = "support/gdal.rs"]
mod gdal;
#[path = "support/mod.rs"]
mod support;

use callbacks::Callback;
use consumers::{STACKS, Stack, WAYS, Way};
use face::{Cache, Outcome, Pixels, Provider};
use fault::{CODE, Control, Fault, PANICS, PATIENCE, SAYS, until};
use files::{CHANGES, Change, FORMATS, Format, Moment, OnDisk, Shows, open_meddled};
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::channel;
use std::thread;
use tilecache::capi::{tc_status, tc_status_code};

/// Columns and rows of all images.
const SIDE: i64 = 320;

/// Room for all that a cell reads.
const BUDGET: u64 = 16 << 20;

/// A source with a fault.
pub struct Rig {
    source: Provider,
    /// What it shows.
    picture: Arc<Pixels>,
    control: Arc<Control>,
    /// How often what was lent is released in the end.
    releases: usize,
}

/// A kind of source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Callbacks that read blocks.
    Calls(Callback),
    /// Bytes read by `read_at` of C.
    Io(Format),
    /// Bytes read in Rust.
    Rust(Format),
}

impl Kind {
    fn open(self) -> Rig {
        match self {
            Kind::Calls(callback) => callbacks::open(callback),
            Kind::Io(format) => bytes::open_io(format),
            Kind::Rust(format) => bytes::open_rust(format),
        }
    }

    /// What errors call it.
    fn name(self) -> &'static str {
        match self {
            Kind::Calls(_) => "",
            Kind::Io(format) | Kind::Rust(format) => format.name(),
        }
    }

    /// Whether it returns a number, and reads.
    fn is_read_in_c(self) -> bool {
        !matches!(
            self,
            Kind::Rust(_) | Kind::Calls(Callback::Decoder | Callback::HasBlock)
        )
    }
}

/// What a read must come to.
#[derive(Debug)]
enum Expected {
    Pixels,
    /// A status, the code of a callback, and a part of the message.
    Failure(tc_status_code, i32, &'static str),
    /// Either of both, where it depends on what is asked first.
    PixelsOr(tc_status_code, i32, &'static str),
    /// Anything that ends: the source told a lie.
    Anything,
}

/// The table: what a fault must come to in a kind of source; `None` where there is no such thing.
fn expected(kind: Kind, fault: Fault, stack: Stack, way: Way) -> Option<Expected> {
    use Callback::*;
    use Expected::*;
    use tc_status_code::*;
    const CIRCLE: &str = "would wait for";
    let itself = TC_E_REENTRANT as i32;
    Some(match fault {
        // Bytes of Rust take the way of others, but for what cannot come out of C.
        _ if matches!(kind, Kind::Rust(_)) && !matches!(fault, Fault::Fails | Fault::Panics) => {
            return None;
        }
        Fault::Fails => Failure(TC_E_SOURCE, CODE, SAYS),
        Fault::Negative if kind.is_read_in_c() => Failure(TC_E_SOURCE, -1, "returned -1"),
        Fault::Short | Fault::TooMuch if kind.is_read_in_c() => {
            Failure(TC_E_SOURCE, 0, "returned ")
        }
        Fault::Lies if matches!(kind, Kind::Io(_)) => Anything,
        Fault::Panics => match kind {
            Kind::Rust(_) | Kind::Calls(Decoder) => Failure(TC_E_INTERNAL, 0, PANICS),
            _ => return None,
        },
        Fault::Sleeps | Fault::AsksOther => Pixels,
        Fault::AsksNeighbour => match kind {
            Kind::Calls(OneAtATime) => Failure(TC_E_SOURCE, itself, CIRCLE),
            Kind::Calls(Concurrent | Sessions | HasBlock | Map | Decoder) => Pixels,
            _ => return None,
        },
        Fault::AsksItself => match kind {
            // Whether a block exists is asked before it is loaded.
            Kind::Calls(HasBlock) => PixelsOr(TC_E_SOURCE, 0, CIRCLE),
            // The tile-parts of JPEG 2000 are looked for before the blocks of a tile are loaded.
            Kind::Io(Format::Jp2) => PixelsOr(TC_E_SOURCE, itself, CIRCLE),
            // A window is no part of the block that is asked for.
            _ if way == Way::Window && !stack.is_tiled() => PixelsOr(TC_E_SOURCE, itself, CIRCLE),
            _ => Failure(TC_E_SOURCE, itself, CIRCLE),
        },
        Fault::Stuck => Failure(TC_E_CANCELLED, 0, "cancelled"),
        Fault::NoSession if kind == Kind::Calls(Sessions) => Failure(TC_E_SOURCE, CODE, SAYS),
        _ => return None,
    })
}

/// Checks what a read came to.
fn check(outcome: &Outcome<Pixels>, expected: &Expected, picture: &Pixels, name: &str) {
    match (expected, outcome) {
        (Expected::Anything, _) => (),
        (Expected::Pixels | Expected::PixelsOr(..), Ok(pixels)) => assert_pixels(pixels, picture),
        (
            Expected::Failure(status, code, says) | Expected::PixelsOr(status, code, says),
            Err(failure),
        ) => {
            assert_eq!(failure.status, *status as tc_status, "{failure:?}");
            assert!(failure.message.contains(says), "{failure:?}");
            if *status == tc_status_code::TC_E_SOURCE {
                assert!(*code == 0 || failure.source_code == *code, "{failure:?}");
                assert!(failure.message.contains(name), "{failure:?} of {name}");
            }
        }
        (_, Err(failure)) => panic!("{failure:?} where pixels were expected"),
        (_, Ok(_)) => panic!("pixels where a failure was expected"),
    }
}

fn assert_pixels(pixels: &Pixels, picture: &Pixels) {
    let [left, top, width, height] = pixels.area;
    for (y, row) in (top..top + height).zip(pixels.samples.chunks(width as usize)) {
        let from = (y * SIDE + left) as usize;
        assert!(
            row == &picture.samples[from..][..width as usize],
            "other pixels in row {y}"
        );
    }
}

/// Nothing is under way or held, and the budget holds.
fn assert_books(cache: &Cache) -> u64 {
    let now = cache.statistics();
    let elsewhere = [now.in_flight, now.held, now.over_budget, now.orphaned];
    assert_eq!(elsewhere, [0; 4], "in flight, held, over_budget, orphaned");
    assert_eq!(now.resident, now.idle + now.reusable);
    assert!(now.resident <= now.budget);
    assert_eq!(now.entries == 0, now.idle == 0);
    now.entries
}

/// One fault in one source, read in one way.
fn try_fault(kind: Kind, fault: Fault, stack: Stack, way: Way, expected: &Expected) {
    let rig = kind.open();
    let (control, cache) = (rig.control.clone(), Cache::new(BUDGET));
    let top = stack.over(&rig.source, &cache);
    let other = callbacks::open(Callback::Concurrent).source.cached(&cache);
    let kept = stack.keeps().then_some(&cache);

    control.arm(fault, &top, &other);
    let read = match fault {
        Fault::Stuck => Way::read_and_cancel,
        _ => Way::read_badly,
    };
    let outcomes = read(way, &top, kept, &control);
    control.disarm();
    assert!(
        control.met.load(Ordering::SeqCst) > 0,
        "the fault was not met"
    );
    for outcome in &outcomes {
        check(outcome, expected, &rig.picture, kind.name());
    }
    let entries = assert_books(&cache);
    match expected {
        // A block that a callback asked for may have been made by another thread all the same.
        Expected::Failure(..) if fault == Fault::AsksNeighbour => (),
        Expected::Failure(..) => assert_eq!(entries, 0, "what failed is kept"),
        Expected::Anything => top.invalidate(),
        Expected::Pixels | Expected::PixelsOr(..) => (),
    }

    for outcome in way.read(&top) {
        check(&outcome, &Expected::Pixels, &rig.picture, "");
    }
    let entries = assert_books(&cache);
    assert!(
        entries > 0 || !stack.keeps() || way == Way::Window,
        "what worked is not kept"
    );
    cache.clear();
    assert_eq!(assert_books(&cache), 0);
    drop((top, other));
    let Rig {
        source, releases, ..
    } = rig;
    drop(source);
    until("the release", || {
        control.released.load(Ordering::SeqCst) == releases
    });
    assert_eq!(control.sessions.load(Ordering::SeqCst), 0, "open sessions");
}

/// One change of one file, read in one way.
fn try_change(format: Format, change: Change, moment: Moment, stack: Stack, way: Way) {
    let on_disk = Arc::new(OnDisk::new(format));
    let (control, cache) = (Arc::<Control>::default(), Cache::new(BUDGET));
    let (before, after) = (&format.sample(0).picture, &format.sample(1).picture);
    let source = match moment {
        Moment::BeforeTheLoad => Provider::open(&on_disk.path).expect("an image"),
        Moment::InTheLoad => open_meddled(on_disk.clone(), change, control.clone()),
    };
    let top = stack.over(&source, &cache);
    match moment {
        Moment::BeforeTheLoad => on_disk.change(change),
        Moment::InTheLoad => control.wait_for_read(),
    }
    let expected = match change.spares_the_file() {
        true => Expected::Pixels,
        false => Expected::Failure(tc_status_code::TC_E_CHANGED, 0, ""),
    };
    for _again in 0..2 {
        for outcome in way.read(&top) {
            check(&outcome, &expected, before, format.name());
        }
        let entries = assert_books(&cache);
        // One of several threads may have read a block in time.
        let in_time = change.spares_the_file() || moment == Moment::InTheLoad && way == Way::Crowd;
        assert!(entries == 0 || in_time, "what failed is kept");
    }

    // Who opens the file now sees what it is now, in the same cache.
    let opened = Provider::open(&on_disk.path);
    match (change.shows(), opened) {
        (Shows::Nothing, Err(failure)) => {
            assert_eq!(failure.status, tc_status_code::TC_E_NOT_FOUND as tc_status);
        }
        (Shows::NotTheSame, Err(_)) => (),
        (_, Err(failure)) => panic!("{failure:?}"),
        (Shows::Nothing, Ok(_)) => panic!("there is no such file"),
        (shows, Ok(opened)) => {
            for outcome in way.read(&stack.over(&opened, &cache)) {
                match (&shows, &outcome) {
                    (Shows::NotTheSame, Err(_)) => (),
                    (Shows::NotTheSame, Ok(pixels)) => {
                        let old = || assert_pixels(pixels, before);
                        assert!(catch_unwind(old).is_err(), "old pixels");
                    }
                    (Shows::Other, _) => check(&outcome, &Expected::Pixels, after, ""),
                    (_, _) => check(&outcome, &Expected::Pixels, before, ""),
                }
            }
        }
    }
    // And who has it open still sees what it was.
    for outcome in way.read(&top) {
        check(&outcome, &expected, before, format.name());
    }
    assert_books(&cache);
}

/// Does something that must not hang, on a thread of its own.
fn bounded(work: impl FnOnce() + Send + 'static) -> Result<(), String> {
    let (sender, receiver) = channel();
    let thread = thread::spawn(move || {
        let outcome = catch_unwind(AssertUnwindSafe(work));
        let said = outcome.map_err(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let short = panic.downcast_ref::<&str>().map(|text| text.to_string());
            text.or(short).unwrap_or_default()
        });
        // Nobody listens any more where it took too long.
        let _late = sender.send(said);
    });
    match receiver.recv_timeout(2 * PATIENCE) {
        Ok(said) => {
            thread.join().expect("it has ended");
            said
        }
        Err(_) => Err("it hangs".into()),
    }
}

/// Tries each cell of a table in all the ways that it has, prints the table, and fails with the list of
/// what does not hold.
fn table<R: Copy + Debug, C: Copy + Debug>(
    rows: &[R],
    columns: &[C],
    ways: impl Fn(R, C) -> Vec<(String, Box<dyn FnOnce() + Send>)>,
) {
    let mut wrong = Vec::new();
    let mut text = format!("{:16}", "");
    for column in columns {
        text += &format!("{:>14}", format!("{column:?}"));
    }
    for row in rows {
        text += &format!("\n{:16}", format!("{row:?}"));
        for column in columns {
            let ways = ways(*row, *column);
            text += &match ways.len() {
                0 => format!("{:>14}", "-"),
                count => format!("{count:>14}"),
            };
            for (way, work) in ways {
                if let Err(said) = bounded(work) {
                    wrong.push(format!("{row:?}, {column:?}, {way}: {said}"));
                }
            }
        }
    }
    println!("{text}");
    assert!(
        wrong.is_empty(),
        "{} cells:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// Every fault with these kinds of sources.
fn faults<C: Copy + Debug>(columns: &[C], kind: impl Fn(C) -> Kind) {
    const FAULTS: [Fault; 12] = [
        Fault::Fails,
        Fault::Negative,
        Fault::Short,
        Fault::TooMuch,
        Fault::Lies,
        Fault::Panics,
        Fault::Sleeps,
        Fault::AsksOther,
        Fault::AsksNeighbour,
        Fault::AsksItself,
        Fault::Stuck,
        Fault::NoSession,
    ];
    table(&FAULTS, columns, |fault, column| {
        let kind = kind(column);
        let mut ways: Vec<(String, Box<dyn FnOnce() + Send>)> = Vec::new();
        for stack in STACKS {
            for way in WAYS {
                if let Some(expected) = expected(kind, fault, stack, way) {
                    let work = move || try_fault(kind, fault, stack, way, &expected);
                    ways.push((format!("{stack:?}, {way:?}"), Box::new(work)));
                }
            }
        }
        ways
    });
}

/// Every change with files of every format.
fn changes(moment: Moment, ways_of_reading: &[Way]) {
    table(&CHANGES, &FORMATS, |change, format| {
        let mut ways: Vec<(String, Box<dyn FnOnce() + Send>)> = Vec::new();
        for stack in STACKS {
            for &way in ways_of_reading {
                let work = move || try_change(format, change, moment, stack, way);
                ways.push((format!("{stack:?}, {way:?}"), Box::new(work)));
            }
        }
        ways
    });
}

#[test]
fn callbacks_that_fail() {
    let callbacks = [
        Callback::Concurrent,
        Callback::OneAtATime,
        Callback::Sessions,
        Callback::Windows,
        Callback::HasBlock,
        Callback::Map,
        Callback::Decoder,
    ];
    faults(&callbacks, Kind::Calls);
}

#[test]
fn bytes_that_fail_under_every_format() {
    faults(&FORMATS, Kind::Io);
}

#[test]
fn bytes_of_rust_that_fail_under_every_format() {
    faults(&FORMATS, Kind::Rust);
}

#[test]
fn files_that_changed_before_the_load() {
    changes(Moment::BeforeTheLoad, &[Way::Get, Way::Crowd, Way::Window]);
}

#[test]
fn files_that_change_in_the_load() {
    changes(Moment::InTheLoad, &[Way::Get, Way::Crowd]);
}
