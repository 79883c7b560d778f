//! Prefetch: tiles made in the background, ahead of their first use.

use crate::cache::{AskedOfTiers, Cache, Claims, Stamp, use_from_now};
use crate::error::{Error, Result};
use crate::image::{Bands, Block};
use crate::load::{Cancels, Load, Unshared, nesting};
use crate::provider::{
    Provider, Request, Retention, check_cancelled, has_block, peek_block, tile_bytes,
};
use crate::sync::Mutex;
use crate::workers::{Job, Pause, Workers};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// The tiles of a rectangle of blocks.
#[derive(Clone)]
pub struct Tiles {
    /// The level.
    pub level: u32,
    /// Rows of blocks.
    pub rows: Range<u64>,
    /// Columns of blocks.
    pub cols: Range<u64>,
    /// The bands of each.
    pub bands: Bands,
}

impl Tiles {
    fn count(&self) -> u64 {
        let (rows, cols) = (&self.rows, &self.cols);
        (rows.end - rows.start).saturating_mul(cols.end - cols.start)
    }

    fn has(&self, at: Block) -> bool {
        at.level == self.level && self.rows.contains(&at.row) && self.cols.contains(&at.col)
    }

    /// The `nth` tile in row order.
    fn nth(&self, nth: u64) -> Block {
        let cols = self.cols.end - self.cols.start;
        let (row, col) = (self.rows.start + nth / cols, self.cols.start + nth % cols);
        Block::new(self.level, row, col)
    }
}

/// How far a prefetch came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Tiles that were wanted.
    pub tiles: u64,
    /// Those of them that were resident, or absent from the image, or were made and kept.
    pub ready: u64,
    /// Those that could not be made.
    pub failed: u64,
    /// Whether it stopped because there was no more room for what is made ahead.
    pub is_full: bool,
}

/// Hears once how a prefetch ended: how far it came, and its first error.
pub type Done = dyn FnOnce(Progress, Result<()>) + Send;

/// Begins to make tiles of a provider in the background, in row order, by at most so many threads of its cache; 0
/// is as many as there are. Refused if the provider has no cache. On failure `done` is not called.
pub fn prefetch(
    provider: Arc<dyn Provider>,
    tiles: Tiles,
    threads: usize,
    done: Box<Done>,
) -> Result<()> {
    check_cancelled(&*provider)?;
    let Some(cache) = provider.cache().cloned() else {
        return Err(Error::argument(format!(
            "{} is in no cache that could keep what is made ahead",
            provider.key()
        )));
    };
    let workers = cache.workers().clone();
    let most = workers
        .max()
        .min(if threads == 0 { usize::MAX } else { threads });
    let count = tiles.count();
    let hands = (most as u64).min(count).max(1);
    let prefetch = Arc::new(Prefetch {
        provider,
        cache,
        workers,
        tiles,
        since: use_from_now(),
        state: Mutex::new(State {
            progress: Progress {
                tiles: count,
                ..Progress::default()
            },
            next: 0,
            hands,
            outcome: Ok(()),
            done: Some(done),
        }),
    });
    for hand in 0..hands {
        if let Err(error) = prefetch.workers.add(prefetch.clone().job(None)) {
            if hand == 0 {
                return Err(error);
            }
            // The others do its share.
            prefetch.leave();
        }
    }
    Ok(())
}

struct Prefetch {
    provider: Arc<dyn Provider>,
    cache: Cache,
    workers: Arc<Workers>,
    tiles: Tiles,
    /// What was used from then on keeps its room.
    since: Stamp,
    state: Mutex<State>,
}

struct State {
    progress: Progress,
    /// The next tile that no job has taken.
    next: u64,
    /// Jobs that have not ended.
    hands: u64,
    outcome: Result<()>,
    done: Option<Box<Done>>,
}

/// What became of a tile.
pub enum Made {
    /// It is there, or was and is gone again.
    Ready(bool),
    /// There is no room for it.
    Full,
    /// The cap of bytes in flight does not admit it now; the pause ends when it is worth trying again.
    Later(Pause),
}

impl Prefetch {
    /// The making of tiles, of the one given first.
    fn job(self: Arc<Self>, first: Option<u64>) -> Job {
        Job {
            provider: self.provider.clone(),
            work: Box::new(move |_| self.work(first)),
            is_ahead: true,
        }
    }

    /// Makes tiles until there are no more, or a request waits for the thread.
    fn work(self: Arc<Self>, mut first: Option<u64>) {
        while let Some(nth) = first.take().or_else(|| self.next()) {
            let make = || self.make(self.tiles.nth(nth));
            let made = catch_unwind(AssertUnwindSafe(make));
            let made =
                made.unwrap_or_else(|_| Err(Error::internal("the making of a tile panicked")));
            match made {
                Ok(Made::Later(pause)) => return pause.suspend(self.clone().job(Some(nth))),
                made => self.note(made),
            }
            if self.workers.is_wanted() {
                let rest = self.clone().job(None);
                return self.workers.put_back(rest);
            }
        }
        self.leave();
    }

    fn next(&self) -> Option<u64> {
        let mut state = self.state.lock();
        let nth = state.next;
        state.next += u64::from(nth < state.progress.tiles);
        (nth < state.progress.tiles).then_some(nth)
    }

    fn note(&self, made: Result<Made>) {
        let mut state = self.state.lock();
        match made {
            Ok(Made::Ready(is_there)) => state.progress.ready += u64::from(is_there),
            Ok(Made::Full) => {
                state.progress.is_full = true;
                state.next = state.progress.tiles;
            }
            Ok(Made::Later(_)) => (),
            Err(error) if self.provider.is_cancelled() => {
                state.next = state.progress.tiles;
                state.outcome = Err(error);
            }
            Err(error) => {
                state.progress.failed += 1;
                if state.outcome.is_ok() {
                    state.outcome = Err(error);
                }
            }
        }
    }

    /// A job ends; the last one tells how far all came.
    fn leave(&self) {
        let mut state = self.state.lock();
        state.hands -= 1;
        if state.hands > 0 {
            return;
        }
        let (progress, outcome) = (
            state.progress,
            std::mem::replace(&mut state.outcome, Ok(())),
        );
        let done = state.done.take();
        drop(state);
        done.into_iter()
            .for_each(|done| done(progress, outcome.clone()));
    }

    fn make(&self, at: Block) -> Result<Made> {
        let (provider, bands) = (&*self.provider, &self.tiles.bands);
        let image = provider.image();
        // At a high level a block between others may have no pixels.
        if at.rect(image).is_empty() {
            return Ok(Made::Ready(true));
        }
        if peek_block(provider, at, bands)?.is_some() || image.sparse && !has_block(provider, at)? {
            return Ok(Made::Ready(true));
        }
        let bytes = tile_bytes(image, at, bands);
        if !self
            .cache
            .has_room_ahead(provider.key(), bytes, self.since, |at| self.tiles.has(at))
        {
            return Ok(Made::Full);
        }
        let request = Request::new().kept_as(Retention::Ahead(self.since));
        make_admitted(provider, &self.cache, &self.workers, at, bands, &request)
    }
}

/// Makes a tile on a thread that may not wait for the cap of bytes in flight.
pub fn make_admitted(
    provider: &dyn Provider,
    cache: &Cache,
    workers: &Arc<Workers>,
    at: Block,
    bands: &Bands,
    request: &Request<'_>,
) -> Result<Made> {
    nesting::enter(provider.height(), || {
        let _asked = AskedOfTiers::all(provider, || vec![at], bands, request)?;
        let pause = workers.pause(1);
        let mut claims = Claims::default();
        claims.counted_by(Some(cache), |claims| provider.claim(at, bands, claims));
        let Some(_permits) = claims.admit_or(pause.end_one()) else {
            return Ok(Made::Later(pause));
        };
        // What is asked for inside a load does not wait to be admitted.
        let load = Load::begin(Cancels::new(), Unshared);
        let tile = load.run(|| provider.get_block(at, bands, request))?;
        let is_kept = || provider.peek_block(at, bands).is_some();
        let is_apart = provider.block_id(at).is_some();
        Ok(Made::Ready(tile.is_absent() || !is_apart || is_kept()))
    })
}
