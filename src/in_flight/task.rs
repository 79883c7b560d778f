//! Tasks: each makes one block of one image for all that want it.

use super::ask::{Asker, Miss, Then};
use super::table::TABLE;
use super::{BlockId, Stitch, Want, Way};
use crate::cache::{Loading, Moment};
use crate::error::Result;
use crate::image::Bands;
use crate::load::{Awaited, Cancels, Ends, Interest, Load};
use crate::memory::{Part, SplitCanvas};
use crate::provider::Request;
use crate::sync::{Mutex, ProcessCondvar};
use crate::tile::Tile;
use hashbrown::HashSet;
use std::any::Any;
use std::sync::{Arc, Weak};

/// A block that is being made, with some of its bands.
pub struct Task {
    pub block: BlockId,
    pub bands: Bands,
    /// How many bands the image has.
    pub all: u32,
    /// When its request began: it has the pixels of then or later ones.
    pub begun: Moment,
    /// What stands for an input while the source makes it, if anything does.
    pub beneath: Option<BlockId>,
    /// What it is put together from; without that it is made by one call.
    pub stitched: Option<Stitched>,
    /// Guarded by the lock of the table.
    pub changed: ProcessCondvar,
    /// Changed under the lock of the table, but for what is missing, and for who wanted what has ended.
    pub state: Mutex<State>,
}

/// What a task is put together from.
pub struct Stitched {
    pub inputs: Vec<Arc<Task>>,
    /// Makes the inputs for threads that come by.
    pub stitch: Arc<dyn Stitch>,
    /// The load in which it was begun.
    pub context: Option<Arc<Load>>,
    /// Numbers the tasks that one request began.
    pub group: u64,
    /// Whether the others of the group are its siblings, which need no inputs but its own.
    pub leads: bool,
}

#[derive(Default)]
pub struct State {
    pub stage: Stage,
    /// The number of its latest start.
    pub start: u64,
    /// The thread that makes it was told that it is not wanted.
    pub abandoned: bool,
    /// Threads that want it; none for an input, and none for a sibling until it is joined.
    pub waiters: Vec<Arc<Waiter>>,
    /// The one of them that has the permit for it.
    pub admitted: Option<Arc<Waiter>>,
    /// The parts of other tasks that wait for it.
    pub parts: Vec<WaitingPart>,
    /// The tasks that its maker works on or waits for.
    pub inside: Vec<Arc<Task>>,
    /// Parts without pixels.
    pub missing: usize,
    /// Set while siblings are about to be added; until then the inputs are left alone, so that no
    /// sibling misses one.
    pub preparing: Option<Arc<Load>>,
    pub work: Option<Work>,
    /// What another tier's answer does.
    pub then: Vec<Then>,
    /// What has asked the other tier, while that has not answered.
    pub asker: Option<Weak<dyn Asker>>,
}

/// How far a task has come.
#[derive(Default)]
pub enum Stage {
    /// No thread has started it, or the one that had gave it up.
    #[default]
    Open,
    /// Another tier was asked for it.
    AtTier,
    /// Another tier does not have it.
    Missed(Miss),
    /// A thread makes it.
    Running(Arc<Load>),
    /// It was made, or has failed.
    Done(Result<Tile>),
    /// All parts have its pixels.
    Spent,
}

/// A thread that wants a task, known by its address.
pub struct Waiter {
    /// Whether it makes the task ahead of its first use.
    pub is_ahead: bool,
    /// What cancels its request. It may be in a callback then, and cannot leave at once.
    pub cancels: Cancels,
    /// The task that it makes meanwhile.
    pub inside: Option<Arc<Task>>,
}

impl Waiter {
    pub fn new(request: &Request<'_>) -> Arc<Self> {
        Arc::new(Self {
            is_ahead: request.is_ahead(),
            cancels: request.cancels(),
            inside: Task::current(),
        })
    }

    /// It does not want a task any more; returned is what the task that it makes had of that.
    pub fn leave(&self, task: &Arc<Task>) -> Option<Arc<Task>> {
        let mut maker = self.inside.as_ref()?.state.lock();
        let place = maker.inside.iter().position(|it| Arc::ptr_eq(it, task))?;
        Some(maker.inside.swap_remove(place))
    }

    fn is_cancelled(&self) -> bool {
        self.cancels.iter().any(|cancel| cancel.is_cancelled())
    }
}

/// A part of a task that waits for an input, and the column and row of that where it begins.
pub struct WaitingPart {
    pub owner: Arc<Task>,
    pub part: Part,
    pub corner: (usize, usize),
}

/// The memory of a task with inputs until it is complete.
pub struct Work {
    pub canvas: SplitCanvas,
    pub loading: Option<Loading>,
    pub valid: (usize, usize),
}

impl Task {
    /// What is wanted, made by one call.
    pub fn new(want: &Want, begun: Moment) -> Self {
        Self {
            block: want.block,
            bands: want.bands.clone(),
            all: want.all,
            begun,
            beneath: None,
            stitched: None,
            changed: ProcessCondvar::default(),
            state: Mutex::default(),
        }
    }

    /// How it comes about.
    pub fn way(&self) -> Way {
        match (&self.stitched, self.is_at_tier()) {
            (Some(_), _) => Way::Stitch,
            (None, true) => Way::Tier,
            (None, false) => Way::Call,
        }
    }

    /// Whether another tier is asked for it.
    pub fn is_at_tier(&self) -> bool {
        matches!(self.state.lock().stage, Stage::AtTier)
    }

    /// What it is put together from.
    pub fn inputs(&self) -> &[Arc<Task>] {
        self.stitched.as_ref().map_or(&[], |it| &it.inputs)
    }

    /// What threads make on its way: its inputs, or itself.
    pub fn needs(self: &Arc<Self>) -> &[Arc<Task>] {
        match &self.stitched {
            Some(stitched) => &stitched.inputs,
            None => std::slice::from_ref(self),
        }
    }

    /// Whether others of its group are its siblings.
    pub fn leads(&self) -> bool {
        self.stitched.as_ref().is_some_and(|it| it.leads)
    }

    /// Whether it waits for a thread to start it.
    pub fn is_open(&self) -> bool {
        let state = self.state.lock();
        matches!(state.stage, Stage::Open) && !state.is_preparing()
    }

    /// What came of it, if it has ended.
    pub fn outcome(&self) -> Option<Result<Tile>> {
        match &self.state.lock().stage {
            Stage::Done(outcome) => Some(outcome.clone()),
            _ => None,
        }
    }

    /// A thread does not want it any more.
    pub fn forget(&self, waiter: &Arc<Waiter>) {
        let mut state = self.state.lock();
        state.waiters.retain(|it| !Arc::ptr_eq(it, waiter));
    }

    /// Whether a part that waits for it will get its pixels.
    pub fn is_coming(&self) -> bool {
        match self.state.lock().stage {
            Stage::Open | Stage::Running(_) | Stage::Done(Ok(_)) => true,
            Stage::Done(Err(_)) | Stage::Spent | Stage::AtTier | Stage::Missed(_) => false,
        }
    }

    /// Whether some of what it needs waits for a thread to start it.
    pub fn has_open(self: &Arc<Self>) -> bool {
        self.needs().iter().any(|task| task.is_open())
    }

    /// A thread has given up: if it was the one that was admitted for the task, another is to be. To be
    /// called under the lock of the table.
    pub fn end_admission(&self, of: &Arc<Waiter>) {
        let mut state = self.state.lock();
        if state
            .admitted
            .as_ref()
            .is_some_and(|it| Arc::ptr_eq(it, of))
        {
            state.admitted = None;
            self.changed.notify_all();
        }
    }

    /// The task that the calling thread makes.
    pub fn current() -> Option<Arc<Task>> {
        let task = Load::current()?.made()?;
        task.downcast::<Task>().ok()
    }

    /// Whether a thread wants it that does not make it ahead.
    pub fn is_asked_for(&self) -> bool {
        let state = self.state.lock();
        state.waiters.iter().any(|waiter| !waiter.is_ahead)
    }

    /// Whether a thread wants it.
    pub fn is_wanted(&self) -> bool {
        !self.state.lock().waiters.is_empty()
    }

    /// A task beneath it with inputs that wait for a thread, of those that other threads work on. To be
    /// called under the lock of the table.
    pub fn find_open_beneath(self: &Arc<Self>) -> Option<Arc<Task>> {
        self.find_beneath(&mut Vec::new())
    }

    /// `passed` holds the tasks that were looked at: a circle stands until one of its threads is refused.
    fn find_beneath(self: &Arc<Self>, passed: &mut Vec<*const Task>) -> Option<Arc<Task>> {
        if passed.contains(&Arc::as_ptr(self)) {
            return None;
        }
        passed.push(Arc::as_ptr(self));
        self.needs().iter().find_map(|need| {
            let inside = need.state.lock().inside.clone();
            inside.iter().find_map(|task| match task.stitched {
                Some(_) if task.has_open() => Some(task.clone()),
                _ => task.find_beneath(passed),
            })
        })
    }

    /// Wakes all that wait for some tasks, directly or as a part of what they want, so that they look for
    /// what they can do. To be called under the lock of the table.
    pub fn wake<'a>(tasks: impl IntoIterator<Item = &'a Arc<Task>>) {
        let mut next: Vec<Arc<Task>> = tasks.into_iter().cloned().collect();
        let mut woken = HashSet::new();
        while let Some(task) = next.pop() {
            if woken.insert(Arc::as_ptr(&task)) {
                task.changed.notify_all();
                let state = task.state.lock();
                next.extend(state.parts.iter().map(|part| part.owner.clone()));
                next.extend(state.waiters.iter().filter_map(|it| it.inside.clone()));
            }
        }
    }
}

impl State {
    /// Whether a tile that wants it may still get siblings.
    pub fn is_preparing(&self) -> bool {
        let mut owners = self.parts.iter().map(|part| &part.owner);
        owners.any(|owner| owner.state.lock().preparing.is_some())
    }

    /// The loads that it waits for.
    fn loads(&self) -> impl Iterator<Item = Arc<Load>> {
        let owners = self.parts.iter().map(|part| &part.owner);
        let preparing = owners.filter_map(|owner| owner.state.lock().preparing.clone());
        self.running().cloned().into_iter().chain(preparing)
    }

    /// The load of the thread that makes it.
    pub fn running(&self) -> Option<&Arc<Load>> {
        match &self.stage {
            Stage::Running(load) => Some(load),
            _ => None,
        }
    }

    /// Whether a thread other than `own` wants it, and was not cancelled.
    pub fn is_wanted_beside(&self, own: &Arc<Waiter>) -> bool {
        let others = |waiters: &[Arc<Waiter>]| {
            let mut others = waiters.iter().filter(|it| !Arc::ptr_eq(it, own));
            others.any(|other| !other.is_cancelled())
        };
        let mut owners = self.parts.iter().map(|part| &part.owner);
        others(&self.waiters) || owners.any(|owner| others(&owner.state.lock().waiters))
    }
}

/// The interest in a task that a thread has started.
pub struct TaskInterest {
    pub task: Weak<Task>,
    pub start: u64,
    /// The thread.
    pub own: Arc<Waiter>,
}

impl Interest for TaskInterest {
    fn is_shared(&self) -> bool {
        let Some(task) = self.task.upgrade() else {
            return false;
        };
        let _table = TABLE.lock();
        let mut state = task.state.lock();
        if state.start != self.start {
            return false;
        }
        state.abandoned |= !state.is_wanted_beside(&self.own);
        !state.abandoned
    }

    fn made(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        let task = self.task.upgrade()?;
        Some(task)
    }
}

/// The end of a task, which only needs what other threads make.
pub struct End(pub Arc<Task>);

impl Awaited for End {
    fn ends(&self) -> Ends {
        let _table = TABLE.lock();
        let needs = self.0.needs().iter();
        let loads = needs.flat_map(|task| task.state.lock().loads().collect::<Vec<_>>());
        Ends::WithAll(loads.collect())
    }

    fn wake(&self) {
        drop(TABLE.lock());
        self.0.changed.notify_all();
    }
}

/// The end of what a thread makes for another while it waits.
pub struct Helped(pub Arc<Load>);

impl Awaited for Helped {
    fn ends(&self) -> Ends {
        Ends::WithAll(vec![self.0.clone()])
    }

    fn wake(&self) {}
}
