//! Tasks that another tier was asked for: no thread works on them, and none needs to wait, until the answer
//! comes.

use super::sleep::Sleep;
use super::table::{TABLE, Table};
use super::task::{Stage, Task, Waiter};
use super::work::Wanted;
use super::{Want, Way};
use crate::error::Result;
use crate::provider::Request;
use crate::tile::Tile;
use std::sync::{Arc, Weak};
use std::time::Instant;

/// What the answer to a question does, beside waking the threads that wait for it.
pub type Then = Box<dyn FnOnce() + Send>;

/// A question that is out, in the hands of what answers it. One that is dropped without an answer is a miss.
pub struct Question {
    task: Arc<Task>,
    /// Which one.
    otherwise: Miss,
}

/// What has a question, and can take it back.
pub trait Asker: Send + Sync {
    /// Nobody waits for the answer any more.
    fn take_back(&self);
}

/// The answer to a question, which may be still to come. When the last is dropped before, the question is taken back.
pub struct Answer {
    /// There until this is dropped.
    wanted: Option<Wanted>,
    task: Arc<Task>,
}

/// Why an answer has no tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Miss {
    /// It is not there.
    Nothing,
    /// It is not there, and will not come from another process.
    GivenUp,
    /// The answer came too late.
    Late,
    /// It is not there, and it is for this process to make it.
    Leased,
    /// It is not there, and another process makes it.
    Busy,
}

/// What came of a question.
pub enum Outcome {
    /// The tile.
    Tile(Tile),
    /// None.
    Missed(Miss),
    /// No answer in time.
    Late,
}

/// Asks for what is wanted; with the question that is to be sent, if no other thread has sent one. Without an answer it is
/// the miss `otherwise`. What another thread has sent may ask for something else of the same block: its answer tells.
pub fn ask(want: &Want, otherwise: Miss, request: &Request<'_>) -> (Answer, Option<Question>) {
    let waiter = Waiter::new(request);
    let mut table = TABLE.lock();
    if let Some(known) = table.find(want, Way::Tier).cloned() {
        return (Answer::of(&table, known, waiter), None);
    }
    let task = table.add(Task::new(want, request.begun()));
    task.state.lock().stage = Stage::AtTier;
    let answer = Answer::of(&table, task.clone(), waiter);
    (answer, Some(Question { task, otherwise }))
}

impl Question {
    /// Whether anything waits for the answer.
    pub fn is_wanted(&self) -> bool {
        let _table = TABLE.lock();
        self.task.is_wanted()
    }

    /// Answers it with a tile that the cache has, or has had.
    pub fn answer(self, tile: Tile) {
        self.end(Stage::Done(Ok(tile)));
    }

    /// Answers it without a tile.
    pub fn miss(self, miss: Miss) {
        self.end(Stage::Missed(miss));
    }

    fn end(&self, stage: Stage) {
        let mut table = TABLE.lock();
        if !matches!(self.task.state.lock().stage, Stage::AtTier) {
            return;
        }
        table.remove(&self.task);
        let mut state = self.task.state.lock();
        state.stage = stage;
        let then = std::mem::take(&mut state.then);
        drop(state);
        self.task.changed.notify_all();
        drop(table);
        then.into_iter().for_each(|then| then());
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        self.end(Stage::Missed(self.otherwise));
    }
}

impl Answer {
    fn of(table: &Table, task: Arc<Task>, waiter: Arc<Waiter>) -> Self {
        let wanted = Some(Wanted::of(table, task.clone(), waiter));
        Self { wanted, task }
    }

    /// Says who has the question.
    pub fn asked_by(&self, asker: Weak<impl Asker + 'static>) {
        let _table = TABLE.lock();
        self.task.state.lock().asker = Some(asker);
    }

    /// Has `then` called when the answer is there; at once if it is.
    pub fn then(&self, then: Then) {
        let table = TABLE.lock();
        let mut state = self.task.state.lock();
        if matches!(state.stage, Stage::AtTier) {
            state.then.push(then);
            return;
        }
        drop((state, table));
        then();
    }

    /// Waits for the answer, until then at most. An error if the request is cancelled.
    pub fn wait(&self, end: Instant, request: &Request<'_>) -> Result<Outcome> {
        let task = &self.task;
        let mut sleep = Sleep::until(end);
        let mut table = TABLE.lock();
        loop {
            match &task.state.lock().stage {
                Stage::Done(Ok(tile)) => return Ok(Outcome::Tile(tile.clone())),
                Stage::AtTier => (),
                Stage::Missed(miss) => return Ok(Outcome::Missed(*miss)),
                _ => return Ok(Outcome::Missed(Miss::Nothing)),
            }
            if sleep.is_over() {
                return Ok(Outcome::Late);
            }
            table = sleep.until_changed(task, table, request)?;
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        drop(self.wanted.take());
        let asker = {
            let _table = TABLE.lock();
            let mut state = self.task.state.lock();
            let is_out = matches!(state.stage, Stage::AtTier) && state.waiters.is_empty();
            is_out.then(|| state.asker.take()).flatten()
        };
        // Without the lock: what waits for the answer, and the memory for it, go.
        asker
            .and_then(|asker| asker.upgrade())
            .into_iter()
            .for_each(|asker| asker.take_back());
    }
}
