//! How tasks begin: joined if they are in flight, else entered into the table, with their siblings.

use super::run::{copy_ready, finish};
use super::table::TABLE;
use super::task::{Task, Waiter};
use super::work::Wanted;
use super::{Draft, Want, Way};
use crate::cache::Permits;
use crate::image::{Bands, Block};
use crate::load::{Load, Unshared};
use crate::provider::Request;
use hashbrown::HashMap;
use std::sync::Arc;

/// How the calling thread came to a task that it wants.
pub enum Start {
    /// It has begun the task.
    Begun(Begun),
    /// Another thread began it meanwhile.
    Joined(Wanted),
}

/// A task that the calling thread has begun.
pub struct Begun {
    /// Ends first: until then no input is started.
    preparing: Option<Preparing>,
    wanted: Wanted,
}

/// Joins a task that gives what is wanted in some way.
pub fn join(want: &Want, way: Way, request: &Request<'_>) -> Option<Wanted> {
    let waiter = Waiter::new(request);
    let table = TABLE.lock();
    let task = table.find(want, way)?.clone();
    Some(Wanted::of(&table, task, waiter))
}

/// Begins a task, from inputs if there is a draft, or joins one that another thread has begun; `None` if
/// the block was made since the caller looked for it, as `is_resident` tells, which runs no code of callers.
pub fn begin(
    want: &Want,
    draft: Option<Draft>,
    request: &Request<'_>,
    permits: Permits,
    is_resident: impl FnOnce() -> bool,
) -> Option<Start> {
    let way = match draft {
        Some(_) => Way::Stitch,
        None => Way::Call,
    };
    let waiter = Waiter::new(request);
    let mut table = TABLE.lock();
    if let Some(known) = table.find(want, way).cloned() {
        let wanted = Wanted::of(&table, known, waiter);
        drop(table);
        // A task is counted once, however many threads wait for it.
        drop((draft, permits));
        return Some(Start::Joined(wanted));
    }
    // A task leaves the table only after its block has entered the cache.
    if is_resident() {
        drop(table);
        return None;
    }
    let begun = request.begun();
    let (task, ready, prepares) = match draft {
        None => (table.add(Task::new(want, begun)), Vec::new(), false),
        Some(draft) => {
            // Two threads that prepare the same siblings would take the room from each other.
            let prepares = !table.is_prepared_for(&draft, want);
            let inputs = draft.inputs.iter().flatten();
            let inputs = inputs
                .map(|input| table.input(input, want, begun))
                .collect();
            let group = (table.number(), true);
            let (task, ready) = table.add_stitched(want, begun, draft, inputs, group);
            (task, ready, prepares)
        }
    };
    let preparing = prepares.then(|| Preparing::begin(&task, request));
    // What is made by one call this thread makes, and at once.
    let starts = way == Way::Call;
    let mut wanted = Wanted::of(&table, task, waiter);
    if starts {
        let (parent, cancels) = (Load::current(), request.cancels());
        wanted.started = Some(table.start(&wanted.task, &wanted.waiter, parent, cancels));
    }
    let mut state = wanted.task.state.lock();
    state.admitted = Some(wanted.waiter.clone());
    let is_complete = wanted.task.stitched.is_some() && state.missing == 0;
    let complete = is_complete.then(|| state.work.take()).flatten();
    drop(state);
    drop(table);
    wanted.permits = Some(permits);
    complete
        .into_iter()
        .for_each(|work| finish(&wanted.task, work));
    copy_ready(ready);
    Some(Start::Begun(Begun { preparing, wanted }))
}

impl Begun {
    /// The task with the siblings that `drafts` prepares for it, given its bands, as far as all their inputs
    /// are still to come.
    pub fn with_siblings(self, drafts: impl FnOnce(&Bands) -> Vec<(Want, Draft)>) -> Wanted {
        let Begun { preparing, wanted } = self;
        if let Some(preparing) = preparing {
            let drafts = preparing.load.run(|| drafts(&wanted.task.bands));
            begin_siblings(&wanted.task, drafts);
        }
        wanted
    }

    /// The task without siblings.
    pub fn alone(self) -> Wanted {
        self.wanted
    }
}

fn begin_siblings(lead: &Arc<Task>, drafts: Vec<(Want, Draft)>) {
    let Some(stitched) = &lead.stitched else {
        return;
    };
    let inputs = stitched.inputs.iter();
    let inputs: HashMap<Block, &Arc<Task>> = inputs.map(|task| (task.block.at, task)).collect();
    for (want, draft) in drafts {
        let own = draft.inputs.iter().flatten();
        let own: Option<Vec<_>> = own
            .map(|it| inputs.get(&it.kept).copied().cloned())
            .collect();
        let mut table = TABLE.lock();
        let own = own.filter(|own| own.iter().all(|input| input.is_coming()) && !own.is_empty());
        let Some(own) = own.filter(|_| table.find(&want, Way::Stitch).is_none()) else {
            drop(table);
            drop(draft);
            continue;
        };
        let group = (stitched.group, false);
        let (task, ready) = table.add_stitched(&want, lead.begun, draft, own, group);
        task.state.lock().admitted = lead.state.lock().admitted.clone();
        drop(table);
        copy_ready(ready);
    }
}

/// The time in which siblings may be added; ends when dropped, also on the way of a panic.
struct Preparing {
    task: Arc<Task>,
    load: Arc<Load>,
}

impl Preparing {
    /// To be called under the lock of the table.
    fn begin(task: &Arc<Task>, request: &Request<'_>) -> Self {
        let load = Load::begin(request.cancels(), Unshared);
        task.state.lock().preparing = Some(load.clone());
        Self {
            task: task.clone(),
            load,
        }
    }
}

impl Drop for Preparing {
    fn drop(&mut self) {
        let _table = TABLE.lock();
        self.task.state.lock().preparing = None;
        Task::wake(self.task.inputs());
    }
}
