//! How a thread sleeps until a task has changed.

use super::table::{TABLE, Table};
use super::task::{End, Task};
use crate::error::Result;
use crate::load::Waiting;
use crate::provider::Request;
use crate::sync::ProcessGuard;
use std::sync::Arc;

/// The sleep of a thread until a task has changed.
#[derive(Default)]
pub struct Sleep(Option<Waiting>);

impl Sleep {
    /// Sleeps until the task has changed, or it may have: to be called again and again. An error if the
    /// request was cancelled, or would wait for itself.
    pub fn until_changed(
        &mut self,
        task: &Arc<Task>,
        mut table: ProcessGuard<'static, Table>,
        request: &Request<'_>,
    ) -> Result<ProcessGuard<'static, Table>> {
        match &mut self.0 {
            // Without the lock: what follows the waits takes them in the other order.
            None => {
                drop(table);
                let end = Arc::new(End(task.clone()));
                self.0 = Some(Waiting::begin(end, request.cancels())?);
            }
            Some(waiting) if waiting.is_disturbed() => {
                drop(table);
                waiting.check()?;
            }
            Some(_) => {
                task.changed.wait(&mut table);
                return Ok(table);
            }
        }
        Ok(TABLE.lock())
    }
}
