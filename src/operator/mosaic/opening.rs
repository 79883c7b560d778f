//! Parts that are opened when they are first touched, of which a bounded number stays open.

use super::part::OpenPart;
use crate::cache::Counters;
use crate::error::Result;
use crate::load::Sessions;
use crate::sync::{Hashing, Mutex};
use hashbrown::HashMap;
use hashlink::LinkedHashMap;
use std::ops::Deref;
use std::sync::Arc;

/// What is open, by the numbers of the parts. Nothing is locked while a part is opened or closed.
pub struct Openings {
    /// How many stay open. Those in use do, however many they are.
    most: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The last used comes last.
    open: LinkedHashMap<u32, Arc<OpenPart>, Hashing>,
    /// Those that are being opened: each by one call, for which others wait.
    opening: HashMap<u32, Arc<Sessions<()>>, Hashing>,
    /// Those that are being closed, whose work is not in `closed` yet.
    closing: Vec<Arc<OpenPart>>,
    /// What those did that are closed.
    closed: Counters,
}

/// A part in use, which is not closed meanwhile.
pub struct InUse<'a> {
    /// What closes it; none for a part that is always open.
    openings: Option<&'a Openings>,
    part: Option<Arc<OpenPart>>,
}

impl<'a> InUse<'a> {
    /// A part that is always open.
    pub fn always(part: &Arc<OpenPart>) -> Self {
        Self {
            openings: None,
            part: Some(part.clone()),
        }
    }
}

impl Deref for InUse<'_> {
    type Target = OpenPart;

    fn deref(&self) -> &OpenPart {
        self.part.as_deref().expect("a part until it is dropped")
    }
}

impl Drop for InUse<'_> {
    fn drop(&mut self) {
        drop(self.part.take());
        if let Some(openings) = self.openings {
            openings.close_surplus();
        }
    }
}

impl Openings {
    /// Nothing is open; at most so many parts stay open that are not in use.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            state: Mutex::default(),
        }
    }

    /// A part that is open.
    pub fn find(&self, number: u32) -> Option<InUse<'_>> {
        let part = self.state.lock().open.to_back(&number).cloned()?;
        Some(InUse {
            openings: Some(self),
            part: Some(part),
        })
    }

    /// A part that is open, or that is opened by one of the calls which want it. A failure is not remembered.
    pub fn get(&self, number: u32, open: impl FnOnce() -> Result<OpenPart>) -> Result<InUse<'_>> {
        if let Some(part) = self.find(number) {
            return Ok(part);
        }
        let opening = {
            let mut state = self.state.lock();
            let opening = state.opening.entry(number);
            opening
                .or_insert_with(|| Arc::new(Sessions::new(1)))
                .clone()
        };
        let opened = opening.with(
            || Ok(()),
            |()| match self.find(number) {
                Some(part) => Ok(part),
                None => open().map(|part| self.enter(number, part)),
            },
        );
        // Under the lock, so that the last of several sees that it is.
        let mut state = self.state.lock();
        drop(opening);
        let opening = state.opening.get(&number);
        if opening.is_some_and(|opening| Arc::strong_count(opening) == 1) {
            state.opening.remove(&number);
        }
        drop(state);
        opened
    }

    fn enter(&self, number: u32, part: OpenPart) -> InUse<'_> {
        let part = Arc::new(part);
        self.state.lock().open.insert(number, part.clone());
        InUse {
            openings: Some(self),
            part: Some(part),
        }
    }

    /// A part is opened anew when it is touched again.
    pub fn forget(&self, number: u32) {
        let mut state = self.state.lock();
        let part = state.open.remove(&number);
        state.closing.extend(part.iter().cloned());
        drop(state);
        self.end(part);
    }

    /// Closes those that were not used for the longest time, as far as there are too many.
    fn close_surplus(&self) {
        loop {
            let mut state = self.state.lock();
            if state.open.len() <= self.most {
                return;
            }
            // References are made under the lock, so that nobody gets one now.
            let is_unused = |part: &Arc<OpenPart>| Arc::strong_count(part) == 1;
            let mut parts = state.open.iter();
            let Some(oldest) = parts
                .find(|(_, part)| is_unused(part))
                .map(|found| *found.0)
            else {
                return;
            };
            let part = state.open.remove(&oldest);
            state.closing.extend(part.iter().cloned());
            drop(state);
            self.end(part);
        }
    }

    /// Counts what a part did that is being closed, and lets it go.
    fn end(&self, part: Option<Arc<OpenPart>>) {
        let Some(part) = part else { return };
        let did = part.provider.counters();
        let mut state = self.state.lock();
        state.closed = state.closed.plus(did);
        let place = state
            .closing
            .iter()
            .position(|other| Arc::ptr_eq(other, &part));
        let last = place.map(|place| state.closing.swap_remove(place));
        drop(state);
        drop((last, part));
    }

    /// What all parts that are open, or were, have done.
    pub fn counters(&self) -> Counters {
        let (closed, parts): (_, Vec<_>) = {
            let state = self.state.lock();
            let parts = state.open.values().chain(&state.closing);
            (state.closed, parts.cloned().collect())
        };
        let counters = parts.iter().map(|part| part.provider.counters());
        counters.fold(closed, Counters::plus)
    }
}
