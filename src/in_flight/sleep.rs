//! How a thread sleeps until a task has changed.

use super::table::{TABLE, Table};
use super::task::{End, Task};
use crate::error::Result;
use crate::load::Waiting;
use crate::provider::Request;
use crate::sync::ProcessGuard;
use std::sync::Arc;
use std::time::Instant;

/// The sleep of a thread until a task has changed.
#[derive(Default)]
pub struct Sleep {
    waiting: Option<Waiting>,
    /// When it is over at the latest, if ever.
    end: Option<Instant>,
    is_over: bool,
}

impl Sleep {
    /// A sleep that is over then.
    pub fn until(end: Instant) -> Self {
        Self {
            end: Some(end),
            ..Self::default()
        }
    }

    /// Whether its time is over.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// Sleeps until the task has changed, or it may have: to be called again and again. An error if the
    /// request was cancelled, or would wait for itself.
    pub fn until_changed(
        &mut self,
        task: &Arc<Task>,
        mut table: ProcessGuard<'static, Table>,
        request: &Request<'_>,
    ) -> Result<ProcessGuard<'static, Table>> {
        match &mut self.waiting {
            // Without the lock: what follows the waits takes them in the other order.
            None => {
                drop(table);
                let end = Arc::new(End(task.clone()));
                self.waiting = Some(Waiting::begin(end, request.cancels())?);
            }
            Some(waiting) if waiting.is_disturbed() => {
                drop(table);
                waiting.check()?;
            }
            Some(_) => {
                match self.end {
                    Some(end) => {
                        let left = end.saturating_duration_since(Instant::now());
                        self.is_over = task.changed.wait_for(&mut table, left).timed_out();
                    }
                    None => task.changed.wait(&mut table),
                }
                return Ok(table);
            }
        }
        Ok(TABLE.lock())
    }
}
