//! A pool of sessions: things that are costly to open and serve one call at a time.

use super::{Awaited, Cancels, Ends, Load, Unshared, Waiting};
use crate::error::{Error, Result};
use crate::sync::{Condvar, Mutex};
use std::sync::Arc;

/// Sessions opened on demand up to a limit, each lent to one call at a time on any thread, and closed
/// by being dropped with the pool.
///
/// Nothing is locked while a session is opened, used or closed.
pub struct Sessions<S> {
    turns: Arc<Turns>,
    /// Open and unused; the last used one is the next to be used.
    idle: Mutex<Vec<S>>,
}

/// The calls that may use a session now.
struct Turns {
    max: usize,
    /// The loads that they belong to.
    users: Mutex<Vec<Arc<Load>>>,
    /// Told once for each call that has ended.
    freed: Condvar,
}

impl Awaited for Turns {
    fn ends(&self) -> Ends {
        let users = self.users.lock();
        // Where a session is free, whoever waits is about to take it.
        let ends = if users.len() < self.max {
            Vec::new()
        } else {
            users.clone()
        };
        Ends::WithAny(ends)
    }

    fn wake(&self) {
        drop(self.users.lock());
        self.freed.notify_all();
    }
}

impl<S: Send> Sessions<S> {
    /// An empty pool of at most `max` sessions, at least one.
    pub fn new(max: usize) -> Self {
        Self {
            turns: Arc::new(Turns {
                max: max.max(1),
                users: Mutex::default(),
                freed: Condvar::new(),
            }),
            idle: Mutex::default(),
        }
    }

    /// Makes a call with a session: an unused one, one that `open` opens, or the next that comes free.
    ///
    /// A call that would wait for itself, because those who use the sessions wait for it, fails; one
    /// whose request is cancelled while it waits fails too.
    pub fn with<R>(
        &self,
        open: impl FnOnce() -> Result<S>,
        call: impl FnOnce(&mut S) -> Result<R>,
    ) -> Result<R> {
        let load = Load::current().unwrap_or_else(|| Load::begin(Cancels::new(), Unshared));
        load.clone().run(|| {
            let turn = Turn::take(&self.turns, load)?;
            let idle = self.idle.lock().pop();
            let mut lent = Lent {
                pool: self,
                session: Some(match idle {
                    Some(session) => session,
                    None => open()?,
                }),
                _turn: turn,
            };
            match &mut lent.session {
                Some(session) => call(session),
                None => Err(Error::internal("a session was lost")),
            }
        })
    }
}

/// The right of a load to use one session, given back when dropped.
struct Turn {
    turns: Arc<Turns>,
    load: Arc<Load>,
}

impl Turn {
    fn take(turns: &Arc<Turns>, load: Arc<Load>) -> Result<Self> {
        // Ends after the lock: whoever follows what waits for what takes them in the other order.
        let mut waiting: Option<Waiting> = None;
        let mut users = turns.users.lock();
        while users.len() >= turns.max {
            match &mut waiting {
                None => {
                    drop(users);
                    waiting = Some(Waiting::begin(turns.clone(), Cancels::new())?);
                    users = turns.users.lock();
                }
                Some(waiting) if waiting.is_disturbed() => {
                    drop(users);
                    let outcome = waiting.check();
                    if outcome.is_err() {
                        // It may have been told of a session that another may use now.
                        turns.freed.notify_one();
                    }
                    outcome?;
                    users = turns.users.lock();
                }
                Some(_) => turns.freed.wait(&mut users),
            }
        }
        users.push(load.clone());
        drop(users);
        Ok(Self {
            turns: turns.clone(),
            load,
        })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut users = self.turns.users.lock();
        let ours = users.iter().position(|user| Arc::ptr_eq(user, &self.load));
        let ours = ours.map(|at| users.swap_remove(at));
        drop(users);
        drop(ours);
        self.turns.freed.notify_one();
    }
}

/// A session in use; the pool has it back before the turn ends.
struct Lent<'a, S: Send> {
    pool: &'a Sessions<S>,
    session: Option<S>,
    _turn: Turn,
}

impl<S: Send> Drop for Lent<'_, S> {
    fn drop(&mut self) {
        self.pool.idle.lock().extend(self.session.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use std::sync::Barrier;
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
                    for _ in 0..if cfg!(miri) { 5 } else { 50 } {
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
        let opening = Barrier::new(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                let slow = || {
                    opening.wait();
                    thread::sleep(Duration::from_millis(20));
                    Err(Error::internal("never opened"))
                };
                pool.with(slow, |()| Ok(())).unwrap_err();
            });
            opening.wait();
            pool.with(|| Ok(()), |()| Ok(())).unwrap();
        });
    }

    #[test]
    fn nobody_waits_for_the_users_where_a_session_is_free() {
        let pool = Sessions::<()>::new(2);
        let users = |count: usize| {
            let load = || Load::begin(Cancels::new(), Unshared);
            *pool.turns.users.lock() = (0..count).map(|_| load()).collect();
            match pool.turns.ends() {
                Ends::WithAny(loads) => loads.len(),
                Ends::WithAll(_) => panic!("any session will do"),
            }
        };
        assert_eq!([0, 1, 2].map(users), [0, 0, 2]);
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
