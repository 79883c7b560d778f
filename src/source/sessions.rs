//! A pool of sessions: things that are costly to open and serve one call at a time.

use crate::error::{Error, Kind, Result};
use crate::sync::{Condvar, Mutex};
use std::cell::RefCell;

thread_local! {
    /// The pools of which this thread uses a session now.
    static IN_USE: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// Sessions opened on demand up to a limit, each lent to one call at a time on any thread, and closed
/// by being dropped with the pool.
///
/// Nothing is locked while a session is opened, used or closed.
pub struct Sessions<S> {
    max: usize,
    state: Mutex<State<S>>,
    /// Told once for each session, or right to open one, that comes free.
    freed: Condvar,
}

struct State<S> {
    /// Open and unused; the last used one is the next to be used.
    idle: Vec<S>,
    /// Open ones, and those that are being opened.
    open: usize,
}

impl<S: Send> Sessions<S> {
    /// An empty pool of at most `max` sessions, at least one.
    pub fn new(max: usize) -> Self {
        Self {
            max: max.max(1),
            state: Mutex::new(State {
                idle: Vec::new(),
                open: 0,
            }),
            freed: Condvar::new(),
        }
    }

    /// Makes a call with a session: an unused one, one that `open` opens, or the next that comes free.
    ///
    /// A call inside a call, on the same thread, that would have to wait fails: what it waits for may
    /// be itself.
    pub fn with<R>(
        &self,
        open: impl FnOnce() -> Result<S>,
        call: impl FnOnce(&mut S) -> Result<R>,
    ) -> Result<R> {
        let mut place = Place {
            pool: self,
            session: self.claim()?,
        };
        let _nesting = Nesting::enter(self.address());
        if place.session.is_none() {
            place.session = Some(open()?);
        }
        match &mut place.session {
            Some(session) => call(session),
            None => Err(Error::internal("a session was lost")),
        }
    }

    /// Waits for a session, or for the right to open one.
    fn claim(&self) -> Result<Option<S>> {
        let mut state = self.state.lock();
        loop {
            if let Some(session) = state.idle.pop() {
                return Ok(Some(session));
            }
            if state.open < self.max {
                state.open += 1;
                return Ok(None);
            }
            if IN_USE.with_borrow(|pools| pools.contains(&self.address())) {
                return Err(Error::new(
                    Kind::Reentrant,
                    "a callback of a source asks the same source, all of whose sessions are in use",
                ));
            }
            self.freed.wait(&mut state);
        }
    }

    fn give_back(&self, session: Option<S>) {
        let mut state = self.state.lock();
        match session {
            Some(session) => state.idle.push(session),
            None => state.open -= 1,
        }
        drop(state);
        self.freed.notify_one();
    }

    fn address(&self) -> usize {
        (&raw const *self).addr()
    }
}

/// The right to one session of a pool, given back when dropped.
struct Place<'a, S: Send> {
    pool: &'a Sessions<S>,
    session: Option<S>,
}

impl<S: Send> Drop for Place<'_, S> {
    fn drop(&mut self) {
        self.pool.give_back(self.session.take());
    }
}

/// A note that this thread uses a session of a pool.
struct Nesting;

impl Nesting {
    fn enter(pool: usize) -> Self {
        IN_USE.with_borrow_mut(|pools| pools.push(pool));
        Nesting
    }
}

impl Drop for Nesting {
    fn drop(&mut self) {
        IN_USE.with_borrow_mut(|pools| pools.pop());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;
    use std::time::Duration;

    struct Counted<'a>(&'a AtomicUsize);

    impl Drop for Counted<'_> {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn sessions_are_shared_within_the_limit_and_closed_with_the_pool() {
        let (opened, closed) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let pool = Sessions::new(3);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let open = || {
                            opened.fetch_add(1, Ordering::SeqCst);
                            Ok(Counted(&closed))
                        };
                        let used = pool.with(open, |_| {
                            let users = now.fetch_add(1, Ordering::SeqCst) + 1;
                            most.fetch_max(users, Ordering::SeqCst);
                            thread::yield_now();
                            now.fetch_sub(1, Ordering::SeqCst);
                            Ok(())
                        });
                        used.unwrap();
                    }
                });
            }
        });
        assert!(most.load(Ordering::SeqCst) <= 3);
        assert!(opened.load(Ordering::SeqCst) <= 3);
        assert_eq!(closed.load(Ordering::SeqCst), 0);
        drop(pool);
        assert_eq!(closed.load(Ordering::SeqCst), opened.load(Ordering::SeqCst));
    }

    #[test]
    fn a_session_that_cannot_be_opened_takes_no_place() {
        let pool = Sessions::new(1);
        let refused = || Err(Error::from_source(3, "no handles left"));
        let error = pool.with(refused, |()| Ok(())).unwrap_err();
        assert_eq!(error.source_code(), 3);
        pool.with(|| Ok(()), |()| Ok(())).unwrap();
    }

    #[test]
    fn a_waiter_gets_the_place_of_a_failed_opening() {
        let pool = Sessions::new(1);
        thread::scope(|scope| {
            scope.spawn(|| {
                let slow = || {
                    thread::sleep(Duration::from_millis(20));
                    Err(Error::internal("never opened"))
                };
                pool.with(slow, |()| Ok(())).unwrap_err();
            });
            thread::sleep(Duration::from_millis(5));
            pool.with(|| Ok(()), |()| Ok(())).unwrap();
        });
    }

    #[test]
    fn waiting_for_oneself_is_an_error() {
        let pool = Sessions::new(1);
        let inner = pool.with(|| Ok(()), |()| pool.with(|| Ok(()), |()| Ok(())));
        assert_eq!(inner.unwrap_err().kind(), Kind::Reentrant);
        let pool = Sessions::new(2);
        let inner = pool.with(|| Ok(()), |()| pool.with(|| Ok(()), |()| Ok(7)));
        assert_eq!(inner.unwrap(), 7);
    }
}
