//! Tasks that another tier was asked for: no thread works on them, and none needs to wait, until the answer
//! comes.

use super::sleep::Sleep;
use super::table::TABLE;
use super::task::{Stage, Task, Waiter};
use super::work::Wanted;
use super::{Want, Way};
use crate::error::Result;
use crate::provider::Request;
use crate::tile::Tile;
use std::sync::Arc;
use std::time::Instant;

/// What the answer to a question does, beside waking the threads that wait for it.
pub type Then = Box<dyn FnOnce() + Send>;

/// A question that is out, in the hands of what answers it. One that is dropped without an answer is a miss.
pub struct Question(Arc<Task>);

/// The answer to a question, which may be still to come.
pub struct Answer(Wanted);

/// Why an answer has no tile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Miss {
    /// It is not there.
    #[default]
    Nothing,
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

/// Asks for what is wanted; with the question that is to be sent, if no other thread has sent it.
pub fn ask(want: &Want, request: &Request<'_>) -> (Answer, Option<Question>) {
    let waiter = Waiter::new(request);
    let mut table = TABLE.lock();
    if let Some(known) = table.find(want, Way::Tier).cloned() {
        return (Answer(Wanted::of(&table, known, waiter)), None);
    }
    let task = table.add(Task::new(want, request.begun()));
    task.state.lock().stage = Stage::Asked;
    let answer = Answer(Wanted::of(&table, task.clone(), waiter));
    (answer, Some(Question(task)))
}

impl Question {
    /// Whether anything waits for the answer.
    pub fn is_wanted(&self) -> bool {
        let _table = TABLE.lock();
        self.0.is_wanted()
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
        if !matches!(self.0.state.lock().stage, Stage::Asked) {
            return;
        }
        table.remove(&self.0);
        let mut state = self.0.state.lock();
        state.stage = stage;
        let then = std::mem::take(&mut state.then);
        drop(state);
        self.0.changed.notify_all();
        drop(table);
        then.into_iter().for_each(|then| then());
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        self.end(Stage::Missed(Miss::default()));
    }
}

impl Answer {
    /// Has `then` called when the answer is there; at once if it is.
    pub fn then(&self, then: Then) {
        let table = TABLE.lock();
        let mut state = self.0.task.state.lock();
        if matches!(state.stage, Stage::Asked) {
            state.then.push(then);
            return;
        }
        drop((state, table));
        then();
    }

    /// Waits for the answer, until then at most. An error if the request is cancelled.
    pub fn wait(&self, end: Instant, request: &Request<'_>) -> Result<Outcome> {
        let task = &self.0.task;
        let mut sleep = Sleep::until(end);
        let mut table = TABLE.lock();
        loop {
            match &task.state.lock().stage {
                Stage::Done(Ok(tile)) => return Ok(Outcome::Tile(tile.clone())),
                Stage::Asked => (),
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
