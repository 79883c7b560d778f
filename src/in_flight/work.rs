//! What a thread does for a task that it wants: it starts what is needed, or sleeps.

use super::run::run;
use super::sleep::Sleep;
use super::table::{TABLE, Table};
use super::task::{End, Helped, Stage, Stitched, Task, Waiter};
use super::{Maker, Stitch};
use crate::cache::{Permits, Scratch};
use crate::error::Result;
use crate::image::{Bands, Block};
use crate::load::{Cancels, Load, Waiting, cancelled, nesting};
use crate::provider::Request;
use crate::tile::Tile;
use std::sync::Arc;

/// A task that the calling thread wants, until this is dropped.
pub struct Wanted {
    pub(super) task: Arc<Task>,
    pub(super) waiter: Arc<Waiter>,
    /// The right to work on the task, where the thread has one.
    pub(super) permits: Option<Permits>,
    /// The load of the task, where the thread has started it and not begun to make it.
    pub(super) started: Option<Arc<Load>>,
    /// Whether it got what it wanted.
    is_served: bool,
}

/// What a thread may do for its task.
#[derive(Clone, Copy, PartialEq, Eq)]
enum May {
    /// Start what it needs.
    Start,
    /// Look for something to start, and then for room.
    Look,
    /// Wait for others: there was no room.
    Wait,
}

/// What a thread finds when it looks for something to do.
enum Next {
    Run(Arc<Task>, Arc<Load>),
    /// There is something to start, for which the thread has no room yet.
    Help,
    /// No thread that was admitted is at work on the task: this one asks to be.
    Admit,
    /// There is something to start on the way to what other threads make.
    HelpBeneath(Arc<Task>),
    Done(Result<Tile>),
}

impl Wanted {
    /// To be called under the lock of the table.
    pub(super) fn of(_table: &Table, task: Arc<Task>, waiter: Arc<Waiter>) -> Self {
        task.state.lock().waiters.push(waiter.clone());
        if let Some(inside) = &waiter.inside {
            inside.state.lock().inside.push(task.clone());
            if task.stitched.is_some() && task.has_open() {
                Task::wake([inside]);
            }
        }
        Wanted {
            task,
            waiter,
            permits: None,
            started: None,
            is_served: false,
        }
    }

    /// Whether a thread makes it ahead of its first use.
    pub fn was_ahead(&self) -> bool {
        let state = self.task.state.lock();
        state.waiters.iter().any(|waiter| waiter.is_ahead)
    }

    /// The bands that it will have.
    pub fn bands(&self) -> &Bands {
        &self.task.bands
    }

    /// What stands for the first block that it is put together from.
    pub fn first_input(&self) -> Option<Block> {
        self.task.inputs().first().map(|input| input.block.at)
    }

    /// Works on a task whose inputs `stitch` makes until it is complete or has failed, or the request is
    /// cancelled.
    pub fn stitch(mut self, stitch: &dyn Stitch, request: &Request<'_>) -> Result<(Tile, Bands)> {
        let outcome = {
            // Gives its memory back before the permits are.
            let scratch = Scratch::new(stitch.cache().or(request.cache()));
            self.work(stitch, Some((stitch, &scratch)), request)
        };
        self.end(outcome)
    }

    /// Has `maker` make a task without inputs, or waits until another thread has made it.
    pub fn make(mut self, maker: &dyn Maker, request: &Request<'_>) -> Result<(Tile, Bands)> {
        let outcome = self.work(maker, None, request);
        self.end(outcome)
    }

    fn end(mut self, outcome: Result<Tile>) -> Result<(Tile, Bands)> {
        self.is_served = outcome.is_ok();
        Ok((outcome?, self.bands().clone()))
    }

    fn work(
        &mut self,
        maker: &dyn Maker,
        inputs: Option<(&dyn Stitch, &Scratch<'_>)>,
        request: &Request<'_>,
    ) -> Result<Tile> {
        let is_nested = Load::is_nested();
        if let Some(load) = self.started.take() {
            let make = |request: &Request<'_>| {
                request.check_cancelled()?;
                maker.make(self.task.block.at, &self.task.bands, request)
            };
            run(&self.task, &load, &self.waiter, make, inputs, request)?;
        } else if is_nested {
            // Else it would first make all other inputs of a task that cannot be completed.
            let end = Arc::new(End(self.task.clone()));
            drop(Waiting::begin(end, request.cancels())?);
        }
        let mut search = Search::default();
        let mut help = None;
        let (mut was_refused, mut stays_above) = (false, false);
        loop {
            request.check_cancelled()?;
            if let Some(outcome) = self.task.outcome() {
                return outcome;
            }
            // What is asked for inside a load is in flight with it.
            let may = match is_nested || self.permits.is_some() || help.is_some() {
                true => May::Start,
                false if was_refused => May::Wait,
                false => May::Look,
            };
            match self.next(&mut search, may, stays_above, request) {
                Next::Done(outcome) => return outcome,
                Next::Admit => self.permits = Some(maker.admit(request)?),
                Next::Help => {
                    help = maker.try_help();
                    was_refused = help.is_none();
                }
                Next::HelpBeneath(task) => stays_above = !self.help_beneath(&task, request),
                Next::Run(task, load) => {
                    let make =
                        |request: &Request<'_>| maker.make(task.block.at, &task.bands, request);
                    let request = request.since(task.begun);
                    run(&task, &load, &self.waiter, make, inputs, &request)?;
                    help = None;
                }
            }
        }
    }

    fn next(
        &self,
        search: &mut Search,
        may: May,
        stays_above: bool,
        request: &Request<'_>,
    ) -> Next {
        let task = &self.task;
        let mut sleep = Sleep::default();
        let mut table = TABLE.lock();
        loop {
            if let Some(outcome) = task.outcome() {
                return Next::Done(outcome);
            }
            let mut state = task.state.lock();
            if may != May::Start && state.admitted.is_none() {
                state.admitted = Some(self.waiter.clone());
                return Next::Admit;
            }
            drop(state);
            if may == May::Look && task.has_open() {
                return Next::Help;
            }
            if may == May::Start
                && let Some(open) = search.next(&table, task)
            {
                let load = table.start(&open, &self.waiter, Load::current(), request.cancels());
                return Next::Run(open, load);
            }
            if !stays_above && let Some(beneath) = task.find_open_beneath() {
                return Next::HelpBeneath(beneath);
            }
            table = match sleep.until_changed(task, table, request) {
                Ok(table) => table,
                Err(error) => return Next::Done(Err(error)),
            };
        }
    }

    /// Makes an input of a task beneath, for the threads that work on that task; says whether it is worth
    /// looking for another.
    fn help_beneath(&self, task: &Arc<Task>, request: &Request<'_>) -> bool {
        let Some(Stitched {
            stitch,
            inputs,
            context,
            ..
        }) = &task.stitched
        else {
            return false;
        };
        let _permits = match Load::is_nested() {
            true => None,
            false => match stitch.try_help() {
                None => return false,
                permits => permits,
            },
        };
        let helped = nesting::enter(stitch.height(), || {
            let mut table = TABLE.lock();
            let Some(open) = inputs.iter().find(|input| input.is_open()).cloned() else {
                return Ok(());
            };
            let load = table.start(&open, &self.waiter, context.clone(), Cancels::new());
            drop(table);
            // What the input waits for may not wait for what this thread does meanwhile.
            let helped = Arc::new(Helped(load.clone()));
            let waiting = Waiting::begin(helped, request.cancels());
            let make = |request: &Request<'_>| match &waiting {
                Ok(_) => stitch.make(open.block.at, &open.bands, request),
                Err(error) => Err(error.clone()),
            };
            let scratch = Scratch::new(stitch.cache());
            let inputs = Some((&**stitch, &scratch));
            let request = Request::new().since(open.begun).kept_as(stitch.retention());
            run(&open, &load, &self.waiter, make, inputs, &request)
        });
        helped.is_ok()
    }
}

impl Drop for Wanted {
    fn drop(&mut self) {
        let Self { task, waiter, .. } = self;
        if self.is_served {
            // Nobody asks who wants what has ended, or works on the way to it.
            task.forget(waiter);
            drop(waiter.leave(task));
            return;
        }
        let mut table = TABLE.lock();
        let started = self.started.take();
        let unmade = started.map(|_| table.give_up(task, waiter, &cancelled()));
        task.forget(waiter);
        let inside = waiter.leave(task);
        let (loads, gone) = table.leave(task, waiter);
        drop(table);
        drop((inside, gone, unmade));
        loads.iter().for_each(|load| load.disturb());
    }
}

/// Where a thread stands in looking for something to start. It need not look twice at what was started,
/// unless some of it was given up since.
#[derive(Default)]
struct Search {
    at: usize,
    /// Tasks passed over: the source makes them for another purpose, or siblings are being prepared.
    later: Vec<Arc<Task>>,
    reopened: u64,
}

impl Search {
    fn next(&mut self, table: &Table, task: &Arc<Task>) -> Option<Arc<Task>> {
        if self.reopened != table.reopened {
            *self = Self {
                reopened: table.reopened,
                ..Self::default()
            };
        }
        let needs = task.needs();
        while let Some(need) = needs.get(self.at) {
            self.at += 1;
            let state = need.state.lock();
            if !matches!(state.stage, Stage::Open) {
                continue;
            }
            let is_preparing = state.is_preparing();
            drop(state);
            let is_made = |block| table.contains(block, &need.bands, need.all);
            if is_preparing || need.beneath.is_some_and(is_made) {
                self.later.push(need.clone());
                continue;
            }
            return Some(need.clone());
        }
        let mut next = None;
        self.later.retain(|need| {
            if !matches!(need.state.lock().stage, Stage::Open) {
                return false;
            }
            if next.is_some() || !need.is_open() {
                return true;
            }
            next = Some(need.clone());
            false
        });
        next
    }
}
