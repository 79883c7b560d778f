//! One question to a tier, and where its answer goes.

use super::block::TierBlock;
use super::source::TierSource;
use super::{Lease, Link};
use crate::cache::{Class, Loading, Namespace};
use crate::error::{Error, Kind, Result};
use crate::image::{Bands, Block};
use crate::in_flight::{Asker, Miss, Question};
use crate::layout::Layout;
use crate::memory::{Canvas, PixelsMut};
use crate::provider::{Allocate, Request};
use crate::sync::Mutex;
use crate::tile::Tile;
use std::sync::{Arc, Weak};
use std::time::Instant;

/// An answer without pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Nothing is there: the block is decoded.
    Miss,
    /// This process has the lease of the block, and decodes it.
    Leased(Lease),
    /// Another process has the lease.
    Busy,
}

/// A question in the hands of a tier. Dropped without an answer it is a miss.
pub struct Ticket(Arc<Slot>);

/// A question as long as it is open.
pub struct Slot(Mutex<Option<Open>>);

struct Open {
    /// Nothing once it was taken back while the tier may write to the memory.
    question: Option<Question>,
    source: Arc<TierSource>,
    link: Arc<Link>,
    block: TierBlock,
    asked_for: AskedFor,
    asked: Instant,
    /// When an answer is too late.
    end: Instant,
    /// Where the tile enters the cache.
    namespace: Namespace,
    at: Block,
    loading: Loading,
    /// Memory that the tier writes to.
    canvas: Option<Canvas>,
}

/// What a question is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum AskedFor {
    /// The block.
    Block,
    /// The lease of it, if no other process has that.
    Lease,
    /// What another process makes, or its lease.
    Other,
}

impl Ticket {
    /// A question for a block, until then, whose answer is kept there; also what takes it back. `None` without a cache.
    pub(super) fn new(
        question: Question,
        (source, link): (&Arc<TierSource>, &Arc<Link>),
        block: TierBlock,
        (asked_for, end): (AskedFor, Instant),
        (namespace, at): (&Namespace, Block),
        request: &Request<'_>,
    ) -> Option<(Self, Weak<Slot>)> {
        let loading = namespace.loading(at, request)?;
        let slot = Arc::new(Slot(Mutex::new(Some(Open {
            question: Some(question),
            source: source.clone(),
            link: link.clone(),
            block,
            asked_for,
            asked: Instant::now(),
            end,
            namespace: namespace.in_cache()?,
            at,
            loading,
            canvas: None,
        }))));
        let back = Arc::downgrade(&slot);
        Some((Self(slot), back))
    }

    /// Whether any request still waits for the answer.
    pub fn is_wanted(&self) -> bool {
        self.0.is_wanted()
    }

    /// Whether nothing is left to be answered, nor any memory that may be written.
    pub fn is_void(&self) -> bool {
        self.0.0.lock().is_none()
    }

    /// The memory of the tile, to be written before [`Ticket::answer_with_room`]: without gaps between rows and bands.
    /// It stays where it is until the ticket is answered or dropped, also where nobody waits for that any more.
    pub fn with_room<R>(&self, write: impl FnOnce(&mut PixelsMut<'_>) -> R) -> Result<R> {
        let mut slot = self.0.0.lock();
        let open = slot.as_mut().filter(|open| open.question.is_some());
        let open = open.ok_or_else(closed)?;
        let canvas = match &mut open.canvas {
            Some(canvas) => canvas,
            none => none.insert(open.loading.canvas(open.block.layout)?),
        };
        Ok(write(&mut canvas.pixels_mut()))
    }

    /// Answers with the pixels that `write` writes, which the cache keeps like those of any load. Where it fails the
    /// answer is a miss.
    pub fn answer(&self, write: impl FnOnce(&mut PixelsMut<'_>) -> Result<()>) -> Result<()> {
        let (question, open) = self.take()?;
        let canvas = open.loading.canvas(open.block.layout)?;
        open.finish(question, canvas, write)
    }

    /// Answers with what was written to the memory of [`Ticket::with_room`].
    pub fn answer_with_room(&self) -> Result<()> {
        let (question, mut open) = self.take()?;
        let Some(canvas) = open.canvas.take() else {
            open.link.counts.refused.add(1);
            return Err(Error::argument(
                "pixels is NULL, and nothing asked for the memory of the tile",
            ));
        };
        open.finish(question, canvas, |_| Ok(()))
    }

    /// Answers without pixels.
    pub fn reply(&self, reply: Reply) -> Result<()> {
        let (question, open) = self.take()?;
        match reply {
            Reply::Miss => {
                open.count_miss();
                // What kind of one the question knows.
                drop(question);
                Ok(())
            }
            _ if open.asked_for == AskedFor::Block => {
                open.link.counts.refused.add(1);
                Err(Error::argument("the question was not one for a lease"))
            }
            Reply::Leased(lease) => {
                open.leased(question, lease);
                Ok(())
            }
            // Else who waits would ask again and again.
            Reply::Busy if open.asked_for == AskedFor::Other => {
                open.link.counts.refused.add(1);
                Err(Error::argument(
                    "the question was one that waits for what is busy",
                ))
            }
            Reply::Busy => {
                question.miss(Miss::Busy);
                Ok(())
            }
        }
    }

    /// The answer was none: a miss.
    pub fn refuse(&self) -> Result<()> {
        let (_question, open) = self.take()?;
        open.link.counts.refused.add(1);
        Ok(())
    }

    /// What the pixels of an answer have to be.
    pub fn layout(&self) -> Result<Layout> {
        let slot = self.0.0.lock();
        Ok(slot.as_ref().ok_or_else(closed)?.block.layout)
    }

    fn take(&self) -> Result<(Question, Open)> {
        let mut open = self.0.take().ok_or_else(closed)?;
        let question = open.question.take().ok_or_else(closed)?;
        if Instant::now() > open.end {
            question.miss(Miss::Late);
            return Err(closed());
        }
        Ok((question, open))
    }
}

fn closed() -> Error {
    Error::new(
        Kind::NotFound,
        "the ticket is not open: it was answered before, is late, or nobody waits for it any more",
    )
}

impl Drop for Ticket {
    fn drop(&mut self) {
        drop(self.0.take());
    }
}

impl Slot {
    fn take(&self) -> Option<Open> {
        self.0.lock().take()
    }

    pub(super) fn is_wanted(&self) -> bool {
        let slot = self.0.lock();
        let question = slot.as_ref().and_then(|open| open.question.as_ref());
        question.is_some_and(Question::is_wanted)
    }
}

impl Asker for Slot {
    /// A later answer comes to nothing. Memory that the tier may be writing to stays.
    fn take_back(&self) {
        let (question, open) = {
            let mut slot = self.0.lock();
            match slot.as_mut() {
                Some(open) if open.canvas.is_some() => (open.question.take(), None),
                _ => (None, slot.take()),
            }
        };
        // Outside the lock: the question, the memory and the namespace go.
        drop((question, open));
    }
}

impl Open {
    /// Nothing is there, or another process did not make it in time.
    fn count_miss(&self) {
        let counts = &self.link.counts;
        match self.asked_for {
            AskedFor::Block => counts.misses.add(1),
            AskedFor::Lease => (),
            AskedFor::Other => counts.leases_given_up.add(1),
        }
    }

    fn finish(
        self,
        question: Question,
        mut canvas: Canvas,
        write: impl FnOnce(&mut PixelsMut<'_>) -> Result<()>,
    ) -> Result<()> {
        let counts = &self.link.counts;
        if let Err(error) = write(&mut canvas.pixels_mut()) {
            counts.refused.add(1);
            return Err(error);
        }
        let (width, height) = self.block.valid;
        let tile = Tile::from_canvas(canvas);
        let tile = tile.map(|pixels| pixels.clone().with_valid(width, height));
        let begun = self.loading.begun();
        // The source may have changed since it was asked: then this is as old as any load that began before.
        let tile = self
            .namespace
            .with_puts_since(self.at, &Bands::ALL, tile, begun, |layout| {
                self.loading.canvas(layout)
            })?;
        let took = u64::try_from(self.asked.elapsed().as_nanos()).unwrap_or(u64::MAX);
        counts.hits.add(1);
        counts.hit_bytes.add(self.block.layout.span() as u64);
        counts.hit_nanoseconds.add(took);
        if self.asked_for == AskedFor::Other {
            counts.leases_waited.add(1);
        }
        self.loading
            .enter(self.at, &Bands::ALL, &tile, Class::Asked);
        question.answer(tile);
        Ok(())
    }

    fn leased(self, question: Question, lease: Lease) {
        let Self {
            source,
            link,
            block,
            ..
        } = self;
        link.counts.leases_won.add(1);
        let material = block.material.clone();
        source.add_lease(block, lease);
        // Who leaves from now on finds the lease, and ends it.
        if !question.is_wanted() {
            source.end_lease(&material);
        }
        question.miss(Miss::Leased);
    }
}
