//! Where tiles are put together from blocks: each block decoded once for every tile that needs it,
//! by whichever thread is free.
//!
//! A thread that wants a tile decodes one of its blocks that nobody has started, copies it into all
//! tiles under assembly that need it, and goes on; it sleeps only when all that its tile still
//! lacks is being decoded by others, and is woken when its own tile is complete or has failed.

use crate::cache::{Class, Loading, Moment, Permits};
use crate::error::{Error, Kind, Result};
use crate::image::{Bands, Block};
use crate::load::{Awaited, Cancels, Ends, Interest, Load, Unshared, Waiting};
use crate::memory::{Canvas, Part, SplitCanvas};
use crate::sync::{Condvar, Mutex};
use crate::tile::Tile;
use hashbrown::HashMap;
use std::sync::{Arc, Weak};

/// A tile with the bands wanted of it, and the generation of its pixels.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Piece {
    pub at: Block,
    pub bands: Bands,
    pub generation: Moment,
}

impl Piece {
    /// Another tile with the same bands and generation.
    pub fn of(&self, at: Block) -> Piece {
        Piece { at, ..self.clone() }
    }

    /// A block under the tile.
    fn over(&self, block: Block) -> JobKey {
        JobKey {
            tiles: self.at.level,
            piece: self.of(block),
        }
    }
}

/// A block under tiles. Each level of tiles may stand on an image of its own, whose blocks are
/// numbered like those of any other: the block alone does not tell which pixels are meant.
#[derive(Clone, PartialEq, Eq, Hash)]
struct JobKey {
    /// The level of the tiles.
    tiles: u32,
    piece: Piece,
}

/// The assemblies in progress of all providers that share a key in a cache.
#[derive(Default)]
pub struct Workshop {
    bench: Arc<Mutex<Bench>>,
}

#[derive(Default)]
struct Bench {
    tiles: HashMap<Piece, Arc<Assembly>>,
    jobs: HashMap<JobKey, Job>,
    /// Numbers the groups of assemblies that one request began.
    groups: u64,
    /// Numbers the decodes.
    starts: u64,
    /// How many jobs were given up by a thread that had started them.
    reopened: u64,
}

/// A source block that assemblies wait for.
#[derive(Default)]
struct Job {
    /// The decode of the block.
    started: Option<Arc<Load>>,
    /// The number of that decode.
    start: u64,
    /// Who decodes it was told that nobody wants it.
    abandoned: bool,
    wanted: Vec<Slice>,
    /// The pixels, while they are being copied.
    ready: Option<Tile>,
}

/// A part of a tile under assembly and the column and row of its block where it begins.
struct Slice {
    owner: Arc<Assembly>,
    part: Part,
    corner: (usize, usize),
}

/// A tile under assembly. It can be joined, not found.
pub struct Assembly {
    tile: Piece,
    blocks: Vec<Block>,
    group: u64,
    /// Whether the others of the group are its siblings, which need no blocks but its own.
    leads: bool,
    /// Guarded by the bench's lock together with `progress`.
    changed: Condvar,
    progress: Mutex<Progress>,
}

struct Progress {
    missing: usize,
    /// Set while siblings are about to be added; until then the blocks are left alone, so that no
    /// sibling misses one.
    preparing: Option<Arc<Load>>,
    /// Threads that want the tile; none for a sibling until it is joined.
    waiters: Vec<Arc<Waiter>>,
    /// The one of them for which the tile is counted as in flight.
    admitted: Option<Arc<Waiter>>,
    work: Option<Work>,
    outcome: Option<Result<Tile>>,
}

/// A thread that wants a tile, known by its address.
struct Waiter {
    /// What cancels its request. It may be in a callback then, and cannot leave at once.
    cancels: Cancels,
}

impl Waiter {
    fn is_cancelled(&self) -> bool {
        self.cancels.iter().any(|cancel| cancel.is_cancelled())
    }
}

/// The memory of an assembly until it is complete.
struct Work {
    canvas: SplitCanvas,
    loading: Option<Loading>,
    valid: (usize, usize),
}

/// A tile that is ready to be assembled: its memory, and the block that each part of it waits for.
pub struct Draft {
    pub tile: Piece,
    pub canvas: Canvas,
    /// Where the parts begin and end in the canvas.
    pub columns: Vec<usize>,
    pub rows: Vec<usize>,
    /// The blocks of the parts, row by row; `None` where the part is filled already.
    pub blocks: Vec<Option<Block>>,
    /// The column and row of its block where each part begins.
    pub corners: Vec<(usize, usize)>,
    /// Columns and rows inside the image.
    pub valid: (usize, usize),
    /// Enters the finished tile into the cache.
    pub loading: Option<Loading>,
}

/// What became of a tile that was complete.
pub enum Finished {
    /// It was asked for.
    Asked,
    /// Nobody has asked for it yet.
    Sibling,
}

/// What a thread does for the tiles that it works on.
pub trait Worker {
    /// What cancels the request that the thread works for.
    fn cancels(&self) -> Cancels;

    /// An error if it was cancelled.
    fn check_cancelled(&self) -> Result<()>;

    /// Waits until the tile may be in flight with all that it needs.
    fn admit(&self) -> Result<Permits>;

    /// The right to have a block of the tile in flight beside those of the thread that was admitted for the
    /// tile; `None` if there is no room for it now.
    fn try_help(&self) -> Option<Permits>;

    /// Whether another thread is decoding a block elsewhere already.
    fn is_loading(&self, block: Block) -> bool;

    /// The pixels of a block.
    fn decode(&self, block: Block) -> Result<Tile>;

    /// Keeps a block that tiles beyond these still need.
    fn keep(&self, block: Block, tile: &Tile);

    /// Takes the memory of a block back that all tiles have got.
    fn reclaim(&self, tile: Tile);

    /// Hears of a tile that was completed on the way.
    fn finished(&self, finished: Finished);
}

/// What a thread finds when it looks for work on its tile.
enum Next {
    Decode(Block, Arc<Load>),
    /// There is a block to decode, for which the thread has no room yet.
    Help,
    /// No thread that was admitted is at work on the tile: this one asks to be.
    Admit,
    Done(Result<Tile>),
}

/// What a thread may do for its tile.
#[derive(Clone, Copy, PartialEq, Eq)]
enum May {
    /// Decode its blocks.
    Decode,
    /// Look for a block to decode, and then for room.
    Look,
    /// Wait for others: there was no room.
    Wait,
}

/// How the calling thread came to a tile that it wants.
pub enum Start<'a> {
    /// It has begun the tile.
    Begun(Begun<'a>),
    /// Another thread began it meanwhile.
    Joined(Wanted<'a>),
}

/// A tile that the calling thread has begun.
pub struct Begun<'a> {
    /// Ends first: until then nobody starts a block.
    preparing: Option<Preparing<'a>>,
    wanted: Wanted<'a>,
}

/// A tile that the calling thread wants, until this is dropped.
pub struct Wanted<'a> {
    workshop: &'a Workshop,
    assembly: Arc<Assembly>,
    waiter: Arc<Waiter>,
    /// The right to work on the tile, and whether the thread has it or needs none.
    permits: Option<Permits>,
    /// Whether the tile was complete.
    served: bool,
}

impl std::ops::Deref for Wanted<'_> {
    type Target = Assembly;

    fn deref(&self) -> &Assembly {
        &self.assembly
    }
}

impl Drop for Wanted<'_> {
    fn drop(&mut self) {
        self.workshop.leave(self);
    }
}

/// A block that is being decoded, as its load sees it.
struct Takers {
    bench: Weak<Mutex<Bench>>,
    block: JobKey,
    start: u64,
    /// The thread that decodes.
    own: Arc<Waiter>,
}

impl Interest for Takers {
    fn is_shared(&self) -> bool {
        let Some(bench) = self.bench.upgrade() else {
            return false;
        };
        let mut bench = bench.lock();
        let job = bench.jobs.get_mut(&self.block);
        let Some(job) = job.filter(|job| job.start == self.start) else {
            return false;
        };
        job.abandoned |= !job.is_wanted_beside(&self.own);
        !job.abandoned
    }
}

/// A tile that only needs what others are decoding.
struct Rest {
    bench: Arc<Mutex<Bench>>,
    assembly: Arc<Assembly>,
}

impl Awaited for Rest {
    fn ends(&self) -> Ends {
        let bench = self.bench.lock();
        let jobs = self.assembly.blocks.iter();
        let jobs = jobs.filter_map(|block| bench.jobs.get(&self.assembly.tile.over(*block)));
        Ends::WithAll(jobs.flat_map(Job::loads).collect())
    }

    fn wake(&self) {
        drop(self.bench.lock());
        self.assembly.changed.notify_all();
    }
}

impl Workshop {
    /// Joins the assembly of a tile with at least these bands, out of `all`.
    pub fn join(&self, tile: &Piece, all: u32, cancels: Cancels) -> Option<Wanted<'_>> {
        let bench = self.bench.lock();
        let joined = bench.find(tile, all)?;
        Some(self.want(joined, cancels))
    }

    /// To be called under the lock of the bench.
    fn want(&self, assembly: Arc<Assembly>, cancels: Cancels) -> Wanted<'_> {
        let waiter = Arc::new(Waiter { cancels });
        assembly.progress.lock().waiters.push(waiter.clone());
        Wanted {
            workshop: self,
            assembly,
            waiter,
            permits: None,
            served: false,
        }
    }

    /// Whether a tile is under assembly.
    pub fn contains(&self, tile: &Piece, all: u32) -> bool {
        self.bench.lock().find(tile, all).is_some()
    }

    /// Begins an assembly that the caller will wait for, or joins one that another thread has begun;
    /// `None` if the tile was completed since the caller looked for it, as `is_resident` tells.
    pub fn begin(
        &self,
        draft: Draft,
        all: u32,
        cancels: Cancels,
        permits: Permits,
        is_resident: impl FnOnce() -> bool,
    ) -> Option<Start<'_>> {
        let mut preparing = None;
        let mut bench = self.bench.lock();
        let (assembly, ready) = match bench.find(&draft.tile, all) {
            Some(known) => {
                let wanted = self.want(known, cancels);
                drop(bench);
                // A tile is counted once, however many threads wait for it.
                drop((draft, permits));
                return Some(Start::Joined(wanted));
            }
            // A tile leaves the bench only after it has entered the cache.
            None if is_resident() => {
                drop(bench);
                return None;
            }
            None => {
                bench.groups += 1;
                let group = bench.groups;
                // Two threads that prepare the same siblings would take the room from each other.
                let prepares = !bench.is_prepared_for(&draft);
                let (assembly, ready) = bench.register(draft, group, true);
                if prepares {
                    let load = Load::begin(cancels.clone(), Unshared);
                    assembly.progress.lock().preparing = Some(load.clone());
                    preparing = Some(Preparing {
                        workshop: self,
                        assembly: assembly.clone(),
                        load,
                    });
                }
                (assembly, ready)
            }
        };
        let mut wanted = self.want(assembly, cancels);
        wanted.assembly.progress.lock().admitted = Some(wanted.waiter.clone());
        drop(bench);
        wanted.permits = Some(permits);
        self.copy_ready(ready);
        Some(Start::Begun(Begun { preparing, wanted }))
    }

    /// Adds siblings to a tile that the calling thread has begun, as `drafts` prepares them for it,
    /// where all their blocks are still to come.
    pub fn add_siblings<'a>(
        &self,
        begun: Begun<'a>,
        all: u32,
        drafts: impl FnOnce(&Piece) -> Vec<Draft>,
    ) -> Wanted<'a> {
        let Begun { preparing, wanted } = begun;
        if let Some(preparing) = preparing {
            let drafts = preparing.load.run(|| drafts(&wanted.tile));
            self.begin_siblings(&wanted, drafts, all);
        }
        wanted
    }

    fn begin_siblings(&self, of: &Assembly, drafts: Vec<Draft>, all: u32) {
        for draft in drafts {
            let mut bench = self.bench.lock();
            let coming = draft
                .blocks
                .iter()
                .flatten()
                .all(|block| bench.jobs.contains_key(&draft.tile.over(*block)));
            if !coming || bench.find(&draft.tile, all).is_some() {
                drop(bench);
                drop(draft);
                continue;
            }
            let (sibling, ready) = bench.register(draft, of.group, false);
            sibling.progress.lock().admitted = of.progress.lock().admitted.clone();
            drop(bench);
            self.copy_ready(ready);
        }
    }

    /// Works on a tile until it is complete or has failed, or the request is cancelled.
    pub fn work(&self, wanted: &mut Wanted<'_>, worker: &impl Worker) -> Result<Tile> {
        let outcome = self.work_on(wanted, worker);
        wanted.served = outcome.is_ok();
        outcome
    }

    fn work_on(&self, wanted: &mut Wanted<'_>, worker: &impl Worker) -> Result<Tile> {
        let (assembly, waiter) = (wanted.assembly.clone(), wanted.waiter.clone());
        let is_nested = Load::is_nested();
        if is_nested {
            // Else it would first decode all other blocks of a tile that cannot be completed.
            drop(Waiting::begin(self.rest(&assembly), worker.cancels())?);
        }
        let mut search = Search::default();
        let mut help = None;
        let mut was_refused = false;
        loop {
            worker.check_cancelled()?;
            // What is asked for inside a load is in flight with it.
            let may = match is_nested || wanted.permits.is_some() || help.is_some() {
                true => May::Decode,
                false if was_refused => May::Wait,
                false => May::Look,
            };
            match self.next(wanted, &mut search, may, worker) {
                Next::Done(outcome) => return outcome,
                Next::Admit => wanted.permits = Some(worker.admit()?),
                Next::Help => {
                    help = worker.try_help();
                    was_refused = help.is_none();
                }
                Next::Decode(block, load) => {
                    let piece = assembly.tile.over(block);
                    let started = StartedJob {
                        workshop: self,
                        piece: &piece,
                    };
                    match load.run(|| worker.decode(block)) {
                        Ok(tile) => {
                            let slices = self.ready(&piece, &tile);
                            self.copy(slices.into_iter().map(|slice| (slice, &tile)), |finished| {
                                worker.finished(finished);
                            });
                            // Whoever looks for the block next must find it, on the bench or where
                            // it is kept.
                            worker.keep(block, &tile);
                            started.end();
                            worker.reclaim(tile);
                            help = None;
                        }
                        Err(error) => {
                            started.end();
                            // Where a reader beneath was cancelled, others may get the block.
                            let is_partial = error.kind() == Kind::Cancelled;
                            if self.reopen(&piece, &waiter, is_partial) {
                                return Err(error);
                            }
                            self.fail(&piece, &error);
                        }
                    }
                }
            }
        }
    }

    fn next(
        &self,
        wanted: &Wanted<'_>,
        search: &mut Search,
        may: May,
        worker: &impl Worker,
    ) -> Next {
        let assembly = &wanted.assembly;
        // Ends after the lock: whoever follows what waits for what takes them in the other order.
        let mut waiting: Option<Waiting> = None;
        let mut bench = self.bench.lock();
        loop {
            if let Some(outcome) = assembly.progress.lock().outcome.clone() {
                return Next::Done(outcome);
            }
            if may != May::Decode {
                let mut progress = assembly.progress.lock();
                if progress.admitted.is_none() {
                    progress.admitted = Some(wanted.waiter.clone());
                    return Next::Admit;
                }
            }
            if may == May::Look && bench.has_unstarted(assembly) {
                return Next::Help;
            }
            if may == May::Decode
                && let Some(block) = search.next(&mut bench, assembly, worker)
            {
                bench.starts += 1;
                let takers = Takers {
                    bench: Arc::downgrade(&self.bench),
                    block: assembly.tile.over(block),
                    start: bench.starts,
                    own: wanted.waiter.clone(),
                };
                let (start, piece) = (takers.start, takers.block.clone());
                let load = Load::begin(worker.cancels(), takers);
                if let Some(job) = bench.jobs.get_mut(&piece) {
                    job.started = Some(load.clone());
                    job.start = start;
                    job.abandoned = false;
                }
                return Next::Decode(block, load);
            }
            match &mut waiting {
                None => {
                    drop(bench);
                    match Waiting::begin(self.rest(assembly), worker.cancels()) {
                        Ok(begun) => waiting = Some(begun),
                        Err(error) => return Next::Done(Err(error)),
                    }
                    bench = self.bench.lock();
                }
                Some(waiting) if waiting.is_disturbed() => {
                    drop(bench);
                    if let Err(error) = waiting.check() {
                        return Next::Done(Err(error));
                    }
                    bench = self.bench.lock();
                }
                Some(_) => assembly.changed.wait(&mut bench),
            }
        }
    }

    /// What the thread at work on a tile waits for when it has nothing to do.
    fn rest(&self, assembly: &Arc<Assembly>) -> Arc<Rest> {
        Arc::new(Rest {
            bench: self.bench.clone(),
            assembly: assembly.clone(),
        })
    }

    /// Leaves a block that the thread `own` has given up, `willing` or because it was told
    /// that nobody wants it, to the others that want it; says whether there are any.
    fn reopen(&self, piece: &JobKey, own: &Arc<Waiter>, willing: bool) -> bool {
        let mut bench = self.bench.lock();
        let job = bench.jobs.get_mut(piece);
        let may = |job: &&mut Job| (willing || job.abandoned) && job.is_wanted_beside(own);
        let Some(job) = job.filter(may) else {
            return false;
        };
        job.started = None;
        for slice in &job.wanted {
            slice.owner.changed.notify_all();
        }
        bench.reopened += 1;
        true
    }

    /// Publishes a block's pixels and takes the parts that wait for them.
    fn ready(&self, piece: &JobKey, tile: &Tile) -> Vec<Slice> {
        let mut bench = self.bench.lock();
        match bench.jobs.get_mut(piece) {
            Some(job) => {
                job.ready = Some(tile.clone());
                std::mem::take(&mut job.wanted)
            }
            None => Vec::new(),
        }
    }

    fn copy_ready(&self, ready: Vec<(Slice, Tile)>) {
        for (slice, tile) in ready {
            self.copy([(slice, &tile)], |_| ());
        }
    }

    /// Copies blocks into slices, and completes the tiles whose last part that was.
    fn copy<'a>(
        &self,
        slices: impl IntoIterator<Item = (Slice, &'a Tile)>,
        finished: impl Fn(Finished),
    ) {
        for (slice, tile) in slices {
            let Slice {
                owner,
                mut part,
                corner: (x, y),
            } = slice;
            let mut pixels = part.pixels_mut();
            let shape = pixels.layout().shape;
            tile.window(x, y, shape.width, shape.height)
                .copy_to(&mut pixels);
            drop(part);
            let complete = {
                let mut progress = owner.progress.lock();
                progress.missing -= 1;
                (progress.missing == 0)
                    .then(|| progress.work.take())
                    .flatten()
            };
            if let Some(work) = complete {
                finished(self.complete(&owner, work));
            }
        }
    }

    /// Enters a complete tile into the cache, then tells those who wait for it.
    fn complete(&self, assembly: &Arc<Assembly>, work: Work) -> Finished {
        let asked = !assembly.progress.lock().waiters.is_empty();
        let outcome = match work.canvas.join() {
            Some(canvas) => {
                let tile = Tile::from_canvas(canvas);
                Ok(tile.map(|pixels| pixels.clone().with_valid(work.valid.0, work.valid.1)))
            }
            None => Err(Error::internal("a part of a complete tile is still in use")),
        };
        if let (Some(loading), Ok(tile)) = (work.loading, &outcome) {
            let class = if asked { Class::Asked } else { Class::Unread };
            loading.enter(assembly.tile.at, &assembly.tile.bands, tile, class);
        }
        self.settle(assembly, outcome);
        if asked {
            Finished::Asked
        } else {
            Finished::Sibling
        }
    }

    fn settle(&self, assembly: &Arc<Assembly>, outcome: Result<Tile>) {
        let mut bench = self.bench.lock();
        bench.tiles.remove(&assembly.tile);
        assembly.progress.lock().outcome = Some(outcome);
        drop(bench);
        assembly.changed.notify_all();
    }

    /// Fails the tiles that wait for a block, and nothing else.
    fn fail(&self, piece: &JobKey, error: &Error) {
        let job = self.bench.lock().jobs.remove(piece);
        for slice in job.into_iter().flat_map(|job| job.wanted) {
            drop(slice.part);
            self.withdraw(&slice.owner, error.clone());
        }
    }

    /// A thread no longer wants a tile. Where it goes without it, tiles of the same request that
    /// nobody wants are dropped, and who decodes for them is told.
    fn leave(&self, wanted: &Wanted<'_>) {
        let Wanted {
            assembly,
            waiter,
            served,
            ..
        } = wanted;
        let mut gone = Vec::new();
        let mut unwanted = Vec::new();
        {
            let mut bench = self.bench.lock();
            let mut progress = assembly.progress.lock();
            progress.waiters.retain(|it| !Arc::ptr_eq(it, waiter));
            drop(progress);
            if *served {
                return;
            }
            let jobs = assembly.blocks.iter();
            let jobs = jobs.filter_map(|block| bench.jobs.get(&assembly.tile.over(*block)));
            unwanted.extend(jobs.filter_map(|job| job.started.clone()));
            let group: Vec<_> = bench
                .tiles
                .values()
                .filter(|tile| tile.group == assembly.group)
                .cloned()
                .collect();
            group.iter().for_each(|tile| tile.end_admission(waiter));
            let is_wanted = |tile: &Assembly| !tile.progress.lock().waiters.is_empty();
            // The blocks of a tile that somebody wants will come, and complete its siblings.
            if !group.iter().any(|tile| tile.leads && is_wanted(tile)) {
                for orphan in group.iter().filter(|tile| !is_wanted(tile)) {
                    let error = Error::internal("nobody asked for this tile");
                    gone.push(bench.withdraw(orphan, error));
                }
            }
        }
        // Memory goes back to the cache outside the lock.
        drop(gone);
        unwanted.iter().for_each(|load| load.disturb());
    }

    /// Ends an assembly with an error.
    fn withdraw(&self, assembly: &Assembly, error: Error) {
        let gone = self.bench.lock().withdraw(assembly, error);
        // Memory goes back to the cache outside the lock.
        drop(gone);
    }
}

/// What an assembly had: its parts, and its memory.
type Remains = (Vec<Vec<Slice>>, Option<Work>);

impl Bench {
    /// Ends an assembly with an error, and takes its parts out of all jobs.
    fn withdraw(&mut self, assembly: &Assembly, error: Error) -> Remains {
        let mut parts = Vec::new();
        for block in &assembly.blocks {
            let piece = assembly.tile.over(*block);
            let Some(job) = self.jobs.get_mut(&piece) else {
                continue;
            };
            let (ours, others) = std::mem::take(&mut job.wanted)
                .into_iter()
                .partition(|slice| std::ptr::eq(&*slice.owner, assembly));
            job.wanted = others;
            parts.push(ours);
            if job.started.is_none() && job.wanted.is_empty() {
                self.jobs.remove(&piece);
            }
        }
        let ours = |tile: &Arc<Assembly>| std::ptr::eq(&**tile, assembly);
        if self.tiles.get(&assembly.tile).is_some_and(ours) {
            self.tiles.remove(&assembly.tile);
        }
        let mut progress = assembly.progress.lock();
        progress.outcome.get_or_insert(Err(error));
        let work = progress.work.take();
        drop(progress);
        assembly.changed.notify_all();
        (parts, work)
    }

    /// The job of a block that nobody has started.
    fn unstarted(&mut self, piece: &JobKey) -> Option<&mut Job> {
        self.jobs.get_mut(piece).filter(|job| job.started.is_none())
    }

    /// Whether there is a block under a tile that no thread has started.
    fn has_unstarted(&mut self, assembly: &Assembly) -> bool {
        let mut blocks = assembly.blocks.iter();
        blocks.any(|block| {
            let job = self.unstarted(&assembly.tile.over(*block));
            job.is_some_and(|job| !job.is_preparing())
        })
    }

    /// Whether another thread is preparing siblings over all blocks of a tile just now.
    fn is_prepared_for(&self, draft: &Draft) -> bool {
        draft.blocks.iter().flatten().all(|block| {
            let job = self.jobs.get(&draft.tile.over(*block));
            job.is_some_and(Job::is_preparing)
        })
    }

    fn find(&self, tile: &Piece, all: u32) -> Option<Arc<Assembly>> {
        let whole = Piece {
            bands: Bands::ALL,
            ..tile.clone()
        };
        let found = self.tiles.get(tile).or_else(|| self.tiles.get(&whole))?;
        let has_all = tile.bands.positions_in(&found.tile.bands, all).is_some();
        has_all.then(|| found.clone())
    }

    /// Puts a tile on the bench. Parts whose block is at hand are returned, to be copied outside the
    /// lock.
    fn register(
        &mut self,
        draft: Draft,
        group: u64,
        leads: bool,
    ) -> (Arc<Assembly>, Vec<(Slice, Tile)>) {
        let (canvas, parts) = draft.canvas.split(&draft.columns, &draft.rows);
        let blocks: Vec<Block> = draft.blocks.iter().flatten().copied().collect();
        let assembly = Arc::new(Assembly {
            tile: draft.tile,
            group,
            leads,
            changed: Condvar::new(),
            progress: Mutex::new(Progress {
                missing: blocks.len(),
                preparing: None,
                waiters: Vec::new(),
                admitted: None,
                work: Some(Work {
                    canvas,
                    loading: draft.loading,
                    valid: draft.valid,
                }),
                outcome: None,
            }),
            blocks,
        });
        self.tiles.insert(assembly.tile.clone(), assembly.clone());
        let mut ready = Vec::new();
        let pieces = draft.blocks.into_iter().zip(parts).zip(draft.corners);
        for ((block, part), corner) in pieces {
            let Some(block) = block else { continue };
            let job = self.jobs.entry(assembly.tile.over(block)).or_default();
            let slice = Slice {
                owner: assembly.clone(),
                part,
                corner,
            };
            match &job.ready {
                Some(tile) => ready.push((slice, tile.clone())),
                None => job.wanted.push(slice),
            }
        }
        (assembly, ready)
    }
}

impl Assembly {
    /// The tile and its bands.
    pub fn tile(&self) -> &Piece {
        &self.tile
    }

    /// The bands of the tile.
    pub fn bands(&self) -> &Bands {
        &self.tile.bands
    }

    /// A thread has given up: if it was the one that was admitted for the tile, another is to be. To be called
    /// under the lock of the bench.
    fn end_admission(&self, of: &Arc<Waiter>) {
        let mut progress = self.progress.lock();
        if progress
            .admitted
            .as_ref()
            .is_some_and(|it| Arc::ptr_eq(it, of))
        {
            progress.admitted = None;
            self.changed.notify_all();
        }
    }
}

impl Job {
    /// Whether a tile that wants the block may still get siblings.
    fn is_preparing(&self) -> bool {
        let mut owners = self.wanted.iter().map(|slice| &slice.owner);
        owners.any(|owner| owner.progress.lock().preparing.is_some())
    }

    /// The loads that the block waits for.
    fn loads(&self) -> Vec<Arc<Load>> {
        let owners = self.wanted.iter().map(|slice| &slice.owner);
        let preparing = owners.filter_map(|owner| owner.progress.lock().preparing.clone());
        self.started.iter().cloned().chain(preparing).collect()
    }

    /// Whether a thread other than `own` waits for the block, and was not cancelled.
    fn is_wanted_beside(&self, own: &Arc<Waiter>) -> bool {
        self.wanted.iter().any(|slice| {
            let progress = slice.owner.progress.lock();
            let mut others = progress.waiters.iter().filter(|it| !Arc::ptr_eq(it, own));
            others.any(|other| !other.is_cancelled())
        })
    }
}

/// Where a thread stands in looking for unstarted blocks of its tile. It need not look twice at those
/// that were started, unless one was given up since.
#[derive(Default)]
struct Search {
    at: usize,
    /// Blocks passed over: another thread decodes them for another purpose, or prepares siblings.
    later: Vec<Block>,
    reopened: u64,
}

impl Search {
    fn next(
        &mut self,
        bench: &mut Bench,
        assembly: &Assembly,
        worker: &impl Worker,
    ) -> Option<Block> {
        if self.reopened != bench.reopened {
            *self = Self {
                reopened: bench.reopened,
                ..Self::default()
            };
        }
        while let Some(block) = assembly.blocks.get(self.at).copied() {
            self.at += 1;
            let Some(job) = bench.unstarted(&assembly.tile.over(block)) else {
                continue;
            };
            if job.is_preparing() || worker.is_loading(block) {
                self.later.push(block);
                continue;
            }
            return Some(block);
        }
        let mut next = None;
        self.later.retain(|block| {
            let Some(job) = bench.unstarted(&assembly.tile.over(*block)) else {
                return false;
            };
            if next.is_some() || job.is_preparing() {
                return true;
            }
            next = Some(*block);
            false
        });
        next
    }
}

/// The time in which siblings may be added; ends when dropped, also on the way of a panic.
struct Preparing<'a> {
    workshop: &'a Workshop,
    assembly: Arc<Assembly>,
    load: Arc<Load>,
}

impl Drop for Preparing<'_> {
    fn drop(&mut self) {
        let bench = self.workshop.bench.lock();
        self.assembly.progress.lock().preparing = None;
        for block in &self.assembly.blocks {
            let job = bench.jobs.get(&self.assembly.tile.over(*block));
            for slice in job.into_iter().flat_map(|job| &job.wanted) {
                slice.owner.changed.notify_all();
            }
        }
    }
}

/// A job that a thread has begun. Dropped on the way of a panic it fails the tiles that wait for it.
struct StartedJob<'a> {
    workshop: &'a Workshop,
    piece: &'a JobKey,
}

impl StartedJob<'_> {
    /// The job was done, and all parts have their pixels; or its tiles are failed next.
    fn end(self) {
        let mut bench = self.workshop.bench.lock();
        let idle = bench
            .jobs
            .get(self.piece)
            .is_some_and(|job| job.ready.is_some());
        let job = if idle {
            bench.jobs.remove(self.piece)
        } else {
            None
        };
        drop(bench);
        drop(job);
        std::mem::forget(self);
    }
}

impl Drop for StartedJob<'_> {
    fn drop(&mut self) {
        self.workshop.fail(
            self.piece,
            &Error::internal("the decode of this block panicked"),
        );
    }
}
