//! What becomes of a task that a thread has started: its pixels go to all that wait for them, or its
//! failure does.

use super::Stitch;
use super::table::TABLE;
use super::task::{Stage, Task, Waiter, WaitingPart, Work};
use crate::cache::{Class, Scratch};
use crate::error::{Error, Result};
use crate::load::Load;
use crate::memory::Beside;
use crate::provider::Request;
use crate::tile::Tile;
use std::sync::Arc;

/// Makes a task that the thread has started. An error if it was given up for others to make.
pub fn run(
    task: &Arc<Task>,
    load: &Arc<Load>,
    own: &Arc<Waiter>,
    make: impl FnOnce(&Request<'_>) -> Result<Tile>,
    inputs: Option<(&dyn Stitch, &Scratch<'_>)>,
    request: &Request<'_>,
) -> Result<()> {
    let started = Started(task);
    let made = match inputs {
        Some((stitch, _)) if stitch.is_spread() => {
            write_parts(task, load, stitch, request).map(|()| None)
        }
        Some((_, scratch)) => load.run(|| make(&request.with_memory(scratch))).map(Some),
        None => load.run(|| make(request)).map(Some),
    };
    match (made, inputs) {
        (Ok(None), _) => (),
        (Ok(Some(tile)), None) => TABLE.lock().end(task, Ok(tile)),
        (Ok(Some(tile)), Some((stitch, scratch))) => {
            let parts = {
                let _table = TABLE.lock();
                let mut state = task.state.lock();
                state.stage = Stage::Done(Ok(tile.clone()));
                Parts(std::mem::take(&mut state.parts))
            };
            parts.copy(&tile);
            // What looks for the input next must find it, in the table or where it is kept.
            stitch.keep(task.block.at, &tile, request, scratch);
            let spent = {
                let mut table = TABLE.lock();
                table.remove(task);
                std::mem::replace(&mut task.state.lock().stage, Stage::Spent)
            };
            drop(spent);
            scratch.reclaim(tile);
        }
        (Err(error), _) => {
            let gone = TABLE.lock().give_up(task, own, &error);
            if gone.is_none() {
                std::mem::forget(started);
                return Err(error);
            }
        }
    }
    std::mem::forget(started);
    Ok(())
}

/// Has an input written straight into all parts that wait for it, and again into those that came meanwhile.
fn write_parts(
    task: &Task,
    load: &Arc<Load>,
    stitch: &dyn Stitch,
    request: &Request<'_>,
) -> Result<()> {
    loop {
        let mut parts = {
            let mut table = TABLE.lock();
            let mut state = task.state.lock();
            if state.parts.is_empty() {
                let running = std::mem::replace(&mut state.stage, Stage::Spent);
                drop(state);
                table.remove(task);
                drop((table, running));
                return Ok(());
            }
            Parts(std::mem::take(&mut state.parts))
        };
        let mut into = parts.beside();
        let written = load.run(|| stitch.write(task.block.at, &task.bands, &mut into, request));
        drop(into);
        if let Err(error) = written {
            let _table = TABLE.lock();
            task.state.lock().parts.append(&mut parts.0);
            return Err(error);
        }
        parts.complete();
    }
}

/// A task that a thread has started. Dropped on the way of a panic it fails all that wait for it.
struct Started<'a>(&'a Arc<Task>);

impl Drop for Started<'_> {
    fn drop(&mut self) {
        let error = Error::internal("the load of this tile panicked");
        let gone = TABLE.lock().fail(self.0, &error);
        drop(gone);
    }
}

pub fn copy_ready(ready: Vec<(WaitingPart, Tile)>) {
    for (part, tile) in ready {
        Parts(vec![part]).copy(&tile);
    }
}

/// Parts that an input is to be copied into. Dropped on the way of a panic they fail their tasks.
struct Parts(Vec<WaitingPart>);

impl Parts {
    /// Where they are in the input, which they are as high as.
    fn beside(&mut self) -> Vec<Beside<'_>> {
        let parts = self.0.iter_mut().map(|WaitingPart { part, corner, .. }| {
            assert_eq!(corner.1, 0, "a part below the first row");
            Beside {
                x: corner.0,
                pixels: part.pixels_mut(),
            }
        });
        parts.collect()
    }

    /// Copies an input into all parts, and completes the tasks whose last part that was.
    fn copy(mut self, tile: &Tile) {
        self.0.reverse();
        while let Some(WaitingPart { part, corner, .. }) = self.0.last_mut() {
            tile.copy_part_to(corner.0, corner.1, &mut part.pixels_mut());
            self.complete_last();
        }
    }

    /// Completes the tasks whose last part these were, which have their pixels.
    fn complete(mut self) {
        self.0.reverse();
        while !self.0.is_empty() {
            self.complete_last();
        }
    }

    fn complete_last(&mut self) {
        let Some(WaitingPart { owner, part, .. }) = self.0.pop() else {
            return;
        };
        drop(part);
        let complete = {
            let mut state = owner.state.lock();
            state.missing -= 1;
            (state.missing == 0).then(|| state.work.take()).flatten()
        };
        complete.into_iter().for_each(|work| finish(&owner, work));
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        for WaitingPart { owner, .. } in self.0.drain(..) {
            let error = Error::internal("the copy into this tile panicked");
            let gone = TABLE.lock().withdraw(&owner, error);
            drop(gone);
        }
    }
}

/// Enters a complete tile into the cache, then wakes the threads that wait for it.
pub fn finish(task: &Task, work: Work) {
    let finishing = Finishing(task);
    let outcome = match work.canvas.join() {
        Some(canvas) => {
            let tile = Tile::from_canvas(canvas);
            Ok(tile.map(|pixels| pixels.clone().with_valid(work.valid.0, work.valid.1)))
        }
        None => Err(Error::internal("a part of a complete tile is still in use")),
    };
    if let (Some(mut loading), Ok(tile)) = (work.loading, &outcome) {
        if task.is_asked_for() {
            loading.raise();
        }
        match task.is_wanted() {
            true => loading.enter(task.block.at, &task.bands, tile, Class::Asked),
            false => loading.enter_sibling(task.block.at, &task.bands, tile),
        }
    }
    std::mem::forget(finishing);
    TABLE.lock().end(task, outcome);
}

/// A complete tile on its way into the cache. Dropped on the way of a panic it fails all that wait for it.
struct Finishing<'a>(&'a Task);

impl Drop for Finishing<'_> {
    fn drop(&mut self) {
        let error = Error::internal("the entry of this tile into its cache panicked");
        TABLE.lock().end(self.0, Err(error));
    }
}
