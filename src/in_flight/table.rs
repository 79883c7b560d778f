//! The table itself: which tasks there are, and how they begin, are given up and end.

use super::task::{Stage, State, Stitched, Task, TaskInterest, Waiter, WaitingPart, Work};
use super::{BlockId, Draft, Input, Want, Way};
use crate::cache::Moment;
use crate::error::{Error, Kind, Result};
use crate::image::Bands;
use crate::load::{Cancels, Load};
use crate::sync::{Mutex, ProcessGuard, ProcessMutex, Still};
use crate::tile::Tile;
use hashbrown::HashMap;
use smallvec::SmallVec;
use std::collections::BTreeMap;
use std::sync::Arc;

/// All that is in flight in the process.
pub static TABLE: ProcessMutex<Table> = ProcessMutex::new(Table {
    tasks: BTreeMap::new(),
    numbers: 0,
    reopened: 0,
});

/// Keeps tasks from beginning and ending. To be asked for after [`crate::load::loads_stand_still`].
pub fn stands_still() -> Box<dyn Still> {
    Box::new(TABLE.lock())
}

impl Still for ProcessGuard<'static, Table> {
    fn in_child(&mut self) {
        // No thread of the child ends them.
        std::mem::forget(std::mem::take(&mut self.tasks));
    }
}

/// The tasks by what they make.
pub struct Table {
    tasks: BTreeMap<BlockId, SmallVec<[Arc<Task>; 1]>>,
    /// Numbers groups and starts.
    numbers: u64,
    /// How many tasks were given up by a thread that had started them.
    pub reopened: u64,
}

/// What is left of a task that was withdrawn, to be dropped without the lock of the table: memory goes
/// back to the cache, and the last handle of a tile or a provider may be among it.
#[derive(Default)]
pub struct Remains {
    _parts: Vec<WaitingPart>,
    _work: Option<Work>,
    _tasks: Vec<Arc<Task>>,
}

impl Table {
    pub fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    fn at(&self, block: BlockId) -> &[Arc<Task>] {
        self.tasks.get(&block).map_or(&[], |tasks| &tasks[..])
    }

    /// A task that gives what is wanted in some way.
    pub fn find(&self, want: &Want, way: Way) -> Option<&Arc<Task>> {
        self.at(want.block).iter().find(|task| {
            task.begun >= want.oldest
                && task.way() == way
                && want.bands.positions_in(&task.bands, want.all).is_some()
                && !task.state.lock().abandoned
        })
    }

    /// Whether a task with these bands is in flight.
    pub fn contains(&self, block: BlockId, bands: &Bands, all: u32) -> bool {
        let mut tasks = self.at(block).iter();
        tasks.any(|task| !task.is_at_tier() && bands.positions_in(&task.bands, all).is_some())
    }

    pub fn add(&mut self, task: Task) -> Arc<Task> {
        let task = Arc::new(task);
        self.tasks.entry(task.block).or_default().push(task.clone());
        task
    }

    /// Takes a task out of the table.
    pub fn remove(&mut self, task: &Task) {
        if let Some(tasks) = self.tasks.get_mut(&task.block) {
            tasks.retain(|other| !std::ptr::eq(&**other, task));
            if tasks.is_empty() {
                self.tasks.remove(&task.block);
            }
        }
    }

    /// The input of a tile that is about to begin; a new one if it is not in flight.
    pub fn input(&mut self, input: &Input, want: &Want, begun: Moment) -> Arc<Task> {
        let block = input.block_id(want);
        let mut known = self.at(block).iter();
        let known = known.find(|task| {
            task.begun >= want.oldest && task.bands == want.bands && !task.is_at_tier()
        });
        if let Some(known) = known {
            return known.clone();
        }
        self.add(Task {
            block,
            beneath: input.beneath,
            ..Task::new(want, begun)
        })
    }

    /// Adds a task with inputs, given the tasks of those. Parts whose input was made already are returned,
    /// to be copied without the lock.
    pub fn add_stitched(
        &mut self,
        want: &Want,
        begun: Moment,
        draft: Draft,
        inputs: Vec<Arc<Task>>,
        (group, leads): (u64, bool),
    ) -> (Arc<Task>, Vec<(WaitingPart, Tile)>) {
        let (canvas, parts) = draft.canvas.split(&draft.columns, &draft.rows);
        let state = State {
            missing: inputs.len(),
            work: Some(Work {
                canvas,
                loading: draft.loading,
                valid: draft.valid,
            }),
            ..State::default()
        };
        let stitched = Stitched {
            inputs,
            stitch: draft.stitch,
            context: Load::current(),
            group,
            leads,
        };
        let task = self.add(Task {
            stitched: Some(stitched),
            state: Mutex::new(state),
            ..Task::new(want, begun)
        });
        let mut ready = Vec::new();
        let mut inputs = task.inputs().iter();
        for ((input, part), corner) in draft.inputs.iter().zip(parts).zip(draft.corners) {
            let Some(input) = input.as_ref().and_then(|_| inputs.next()) else {
                continue;
            };
            let part = WaitingPart {
                owner: task.clone(),
                part,
                corner,
            };
            let mut state = input.state.lock();
            match &state.stage {
                Stage::Done(Ok(tile)) => ready.push((part, tile.clone())),
                _ => state.parts.push(part),
            }
        }
        (task, ready)
    }

    /// A thread starts a task.
    pub fn start(
        &mut self,
        task: &Arc<Task>,
        own: &Arc<Waiter>,
        parent: Option<Arc<Load>>,
        cancels: Cancels,
    ) -> Arc<Load> {
        let start = self.number();
        let interest = TaskInterest {
            task: Arc::downgrade(task),
            start,
            own: own.clone(),
        };
        let load = Load::begin_inside(parent, cancels, interest);
        let mut state = task.state.lock();
        state.stage = Stage::Running(load.clone());
        state.start = start;
        state.abandoned = false;
        load
    }

    /// The thread `own` has failed to make a task. Where it was cancelled, or told that the task is not
    /// wanted, others that want it all the same may start it anew; else the task fails, with those that it
    /// is a part of and nothing else, and what is left of them is returned.
    pub fn give_up(
        &mut self,
        task: &Arc<Task>,
        own: &Arc<Waiter>,
        error: &Error,
    ) -> Option<Vec<Remains>> {
        let mut state = task.state.lock();
        let is_partial = error.kind() == Kind::Cancelled || state.abandoned;
        if !is_partial || !state.is_wanted_beside(own) {
            drop(state);
            return Some(self.fail(task, error));
        }
        state.stage = Stage::Open;
        state.abandoned = false;
        drop(state);
        self.reopened += 1;
        Task::wake([task]);
        None
    }

    /// Fails a task and those that it is a part of.
    pub fn fail(&mut self, task: &Task, error: &Error) -> Vec<Remains> {
        self.end(task, Err(error.clone()));
        let parts = std::mem::take(&mut task.state.lock().parts);
        let owners = parts.iter().map(|part| &part.owner);
        let mut gone: Vec<_> = owners
            .map(|owner| self.withdraw(owner, error.clone()))
            .collect();
        gone.push(Remains {
            _parts: parts,
            ..Remains::default()
        });
        gone
    }

    /// Ends a task for all that wait for it.
    pub fn end(&mut self, task: &Task, outcome: Result<Tile>) {
        self.remove(task);
        task.state.lock().stage = Stage::Done(outcome);
        task.changed.notify_all();
    }

    /// Ends a task with inputs with an error, and takes its parts out of all of them.
    pub fn withdraw(&mut self, task: &Arc<Task>, error: Error) -> Remains {
        let mut remains = Remains::default();
        for input in task.inputs() {
            let mut state = input.state.lock();
            let (ours, others) = std::mem::take(&mut state.parts)
                .into_iter()
                .partition(|part| Arc::ptr_eq(&part.owner, task));
            state.parts = others;
            let is_unwanted = state.parts.is_empty() && matches!(state.stage, Stage::Open);
            drop(state);
            let ours: Vec<WaitingPart> = ours;
            remains._parts.extend(ours);
            if is_unwanted {
                self.remove(input);
            }
        }
        remains._work = task.state.lock().work.take();
        let is_done = matches!(task.state.lock().stage, Stage::Done(_));
        if !is_done {
            self.end(task, Err(error));
        }
        remains
    }

    /// A thread no longer wants a task and goes without it. Returns the loads that have one less to want
    /// them, and what is left of those that nobody wants.
    pub fn leave(
        &mut self,
        task: &Arc<Task>,
        waiter: &Arc<Waiter>,
    ) -> (Vec<Arc<Load>>, Vec<Remains>) {
        let running = |task: &Arc<Task>| task.state.lock().running().cloned();
        let loads = task.needs().iter().filter_map(running).collect();
        let mut gone = Vec::new();
        let Some(stitched) = &task.stitched else {
            task.end_admission(waiter);
            if (task.is_open() || task.is_at_tier()) && !task.is_wanted() {
                self.remove(task);
            }
            return (loads, gone);
        };
        let group = Self::group(stitched);
        group.iter().for_each(|task| task.end_admission(waiter));
        // The inputs of a tile that is wanted will come, and complete its siblings.
        if !group.iter().any(|task| task.leads() && task.is_wanted()) {
            for orphan in group.iter().filter(|task| !task.is_wanted()) {
                let error = Error::internal("nobody asked for this tile");
                gone.push(self.withdraw(orphan, error));
            }
        }
        gone.push(Remains {
            _tasks: group,
            ..Remains::default()
        });
        (loads, gone)
    }

    /// Those of a task's group that are not complete: all that wait for one of its inputs, for siblings
    /// need no inputs but those of the one that leads.
    fn group(of: &Stitched) -> Vec<Arc<Task>> {
        let mut members: HashMap<*const Task, Arc<Task>> = HashMap::new();
        for input in &of.inputs {
            for WaitingPart { owner, .. } in &input.state.lock().parts {
                if owner
                    .stitched
                    .as_ref()
                    .is_some_and(|it| it.group == of.group)
                {
                    members.insert(Arc::as_ptr(owner), owner.clone());
                }
            }
        }
        members.into_values().collect()
    }

    /// Whether siblings are being prepared just now over all inputs of a tile.
    pub fn is_prepared_for(&self, draft: &Draft, want: &Want) -> bool {
        draft.inputs.iter().flatten().all(|input| {
            let mut tasks = self.at(input.block_id(want)).iter();
            tasks.any(|task| task.bands == want.bands && task.state.lock().is_preparing())
        })
    }
}
