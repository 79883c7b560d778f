//! Who reads: what stands over a source, and in which ways it is read.

use crate::face::{Area, Cache, Outcome, Pixels, Provider};
use crate::fault::{Control, PATIENCE, TARGET, until};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Barrier};
use std::thread::{self, JoinHandle};

/// What stands over a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stack {
    Nothing,
    Cached,
    Retiled,
    RetiledCached,
    RetiledOverCached,
}

pub const STACKS: [Stack; 5] = [
    Stack::Nothing,
    Stack::Cached,
    Stack::Retiled,
    Stack::RetiledCached,
    Stack::RetiledOverCached,
];

/// The tile of 96 x 96 around the target lies over four blocks of 64 x 64.
const SIDE: i64 = 96;

impl Stack {
    /// Whether it keeps what is read in the cache.
    pub fn keeps(self) -> bool {
        !matches!(self, Stack::Nothing | Stack::Retiled)
    }

    /// Whether it is a grid of tiles.
    pub fn is_tiled(self) -> bool {
        !matches!(self, Stack::Nothing | Stack::Cached)
    }

    pub fn over(self, source: &Provider, cache: &Cache) -> Provider {
        match self {
            Stack::Nothing => source.clone(),
            Stack::Cached => source.cached(cache),
            Stack::Retiled => source.retiled(SIDE, None),
            Stack::RetiledCached => source.retiled(SIDE, Some(cache)),
            Stack::RetiledOverCached => source.cached(cache).retiled(SIDE, Some(cache)),
        }
    }
}

/// A way of reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// One get.
    Get,
    /// Many threads get one tile at once.
    Crowd,
    /// A rectangle that is no tile.
    Window,
    /// A queued request.
    Request,
}

pub const WAYS: [Way; 4] = [Way::Get, Way::Crowd, Way::Window, Way::Request];

/// Threads of a crowd.
const CROWD: usize = 6;

/// Over four blocks of 64 x 64, and within one tile of 96 x 96.
const WINDOW: Area = [230, 220, 50, 60];

type Reading = JoinHandle<Outcome<Pixels>>;

impl Way {
    /// Begins to read, each time through one of the given providers by turns.
    fn begin(self, through: &[&Provider]) -> Vec<Reading> {
        let count = if self == Way::Crowd { CROWD } else { 1 };
        let start = Arc::new(Barrier::new(count));
        let readers = through.iter().cycle().take(count);
        readers
            .map(|provider| {
                let (provider, start) = ((*provider).clone(), start.clone());
                thread::spawn(move || {
                    start.wait();
                    match self {
                        Way::Get | Way::Crowd => provider.get(TARGET),
                        Way::Window => provider.window(WINDOW),
                        Way::Request => {
                            let answers = provider.request(TARGET);
                            let answer = answers.recv_timeout(PATIENCE).expect("an answer");
                            // The sender has gone with the only answer.
                            assert!(answers.recv().is_err(), "it answers twice");
                            answer
                        }
                    }
                })
            })
            .collect()
    }

    /// Reads while the fault is there.
    pub fn read_badly(
        self,
        top: &Provider,
        cache: Option<&Cache>,
        control: &Control,
    ) -> Vec<Outcome<Pixels>> {
        self.gather(control, top, cache);
        ended(self.begin(&[top]))
    }

    /// Reads what never ends, until it is cancelled: through two readers, where there are several.
    pub fn read_and_cancel(
        self,
        top: &Provider,
        cache: Option<&Cache>,
        control: &Control,
    ) -> Vec<Outcome<Pixels>> {
        self.gather(control, top, cache);
        let readers = [top.reader(), top.reader()];
        let begun = self.begin(&[&readers[0], &readers[1]]);
        until("the load", || {
            control.met.load(Ordering::SeqCst) > 0 && control.is_crowded()
        });
        readers.iter().for_each(Provider::cancel);
        ended(begun)
    }

    /// Reads without a fault.
    pub fn read(self, top: &Provider) -> Vec<Outcome<Pixels>> {
        ended(self.begin(&[top]))
    }

    /// Has callbacks hold until the whole crowd is there.
    fn gather(self, control: &Control, top: &Provider, cache: Option<&Cache>) {
        if self == Way::Crowd {
            match cache.cloned() {
                Some(cache) => control.expect_crowd(CROWD, move || cache.statistics().waits),
                None => {
                    let top = top.clone();
                    control.expect_crowd(CROWD, move || top.waits());
                }
            }
        }
    }
}

fn ended(threads: Vec<Reading>) -> Vec<Outcome<Pixels>> {
    let join = |thread: Reading| {
        until("the end of a call", || thread.is_finished());
        thread.join().expect("no panic leaves the library")
    };
    threads.into_iter().map(join).collect()
}
