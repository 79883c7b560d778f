//! What is told beside results: what is wrong with a file that is read all the same, slow loads, what goes and why.
//!
//! A [`Log`] belongs to a cache or to an opening, never to the process. It is told on the thread on which something
//! happens, where no lock is held. What lies too deep to have one, or holds locks, notes what it finds ([`note`]), and
//! the opening that it is a part of tells it in the end ([`Log::of_opening`]).

use crate::error::{Error, Kind, Result};
use crate::sync::thread_local;
use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How much something matters. The numbers are those of the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// A call fails because of it.
    Error = 1,
    /// Something is not as it should be, and is put up with.
    Warning = 2,
    /// Something that explains what a caller may wonder about.
    Info = 3,
    /// What happens all the time.
    Debug = 4,
}

/// What is told of. The numbers are those of the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A file, or one beside it, is damaged or does not fit, and is read all the same.
    Damage = 1,
    /// A part of what a file says of its place is left out.
    Georeference = 2,
    /// A load took long.
    Slow = 3,
    /// A load failed.
    Failed = 4,
    /// A file changed while it was read.
    Changed = 5,
    /// Tiles went.
    Evicted = 6,
    /// A tile found no room.
    Rejected = 7,
    /// A load went on beyond the cap because none had ended for a second.
    Overdue = 8,
}

/// What is told goes here.
pub trait Sink: Send + Sync {
    /// Takes a message on what `subject` names: a file or a key.
    fn write(&self, level: Level, event: Event, subject: &str, text: &str);
}

struct Listener {
    sink: Box<dyn Sink>,
    level: Level,
    slow: Duration,
}

/// Where a cache or an opening tells what happens; by default nowhere.
#[derive(Clone, Default)]
pub struct Log(Option<Arc<Listener>>);

thread_local! {
    /// Whether the thread is in a sink: what happens there is not told, lest it never ends.
    static TELLING: Cell<bool> = const { Cell::new(false) };

    /// What the opening that the thread is in has noted so far, if it tells it.
    static NOTES: RefCell<Option<Vec<Note>>> = const { RefCell::new(None) };
}

/// Something found while a file is opened.
struct Note {
    event: Event,
    text: String,
}

/// Notes what was found while a file is opened, if the opening tells it.
pub fn note(event: Event, text: impl FnOnce() -> String) {
    NOTES.with(|notes| {
        if let Some(notes) = &mut *notes.borrow_mut() {
            let text = text();
            // What several parts of a file share is read for each.
            if notes.iter().all(|known| known.text != text) {
                notes.push(Note { event, text });
            }
        }
    });
}

/// [`note`] of something read that is left out because it cannot be read.
pub fn note_unread<T>(event: Event, what: impl Display, read: Result<T>) -> Option<T> {
    match read {
        Ok(value) => Some(value),
        Err(error) => {
            note(event, || format!("{what} is left out: {error}"));
            None
        }
    }
}

impl Log {
    /// A log that tells `sink` what matters as much as `level` or more, and of loads that take longer than `slow`.
    pub fn new(sink: Box<dyn Sink>, level: Level, slow: Duration) -> Self {
        Self(Some(Arc::new(Listener { sink, level, slow })))
    }

    /// Whether what matters so much is told.
    pub fn hears(&self, level: Level) -> bool {
        let listener = self.0.as_ref();
        listener.is_some_and(|listener| level <= listener.level)
    }

    /// Tells something of what `subject` names.
    pub fn tell(&self, level: Level, event: Event, subject: &str, text: impl FnOnce() -> String) {
        let Some(listener) = self.0.as_ref().filter(|_| self.hears(level)) else {
            return;
        };
        if TELLING.with(|telling| telling.replace(true)) {
            return;
        }
        let _told = Telling;
        listener.sink.write(level, event, subject, &text());
    }

    /// The moment from which a load is timed, if it is told of when it takes long.
    pub fn begin(&self) -> Option<Instant> {
        self.0.as_ref().map(|_| Instant::now())
    }

    /// Tells of a load that took long or failed.
    pub fn loaded<T>(
        &self,
        subject: &str,
        what: &dyn Display,
        took: Duration,
        outcome: &Result<T>,
    ) {
        let Some(listener) = &self.0 else { return };
        if took >= listener.slow {
            self.tell(Level::Warning, Event::Slow, subject, || {
                format!("{what} took {} ms", took.as_millis())
            });
        }
        let Err(error) = outcome else { return };
        let (level, event) = match error.kind() {
            Kind::Cancelled => return,
            Kind::Changed => (Level::Warning, Event::Changed),
            _ => (Level::Info, Event::Failed),
        };
        self.tell(level, event, subject, || error.message().to_owned());
    }

    /// Opens something, and tells then what was noted meanwhile of what `subject` names.
    pub fn of_opening<T>(&self, subject: &str, open: impl FnOnce() -> Result<T>) -> Result<T> {
        let own = self.0.as_ref().map(|_| Vec::new());
        let outer = NOTES.with(|notes| notes.replace(own));
        let back = Noting(Some(outer));
        let opened = open();
        let notes = back.end();
        let level = match &opened {
            Err(error) if is_refusal(error) => Level::Error,
            _ => Level::Warning,
        };
        for Note { event, text } in notes {
            self.tell(level, event, subject, || text);
        }
        opened
    }
}

/// Whether an opening failed because of what the file is.
fn is_refusal(error: &Error) -> bool {
    matches!(error.kind(), Kind::Corrupt | Kind::Unsupported)
}

/// Ends the time in which a thread is in a sink.
struct Telling;

impl Drop for Telling {
    fn drop(&mut self) {
        TELLING.with(|telling| telling.set(false));
    }
}

/// Gives an outer opening its notes back, also where the inner one ends by a panic.
struct Noting(Option<Option<Vec<Note>>>);

impl Noting {
    fn end(mut self) -> Vec<Note> {
        let outer = self.0.take().flatten();
        let own = NOTES.with(|notes| notes.replace(outer));
        own.unwrap_or_default()
    }
}

impl Drop for Noting {
    fn drop(&mut self) {
        if let Some(outer) = self.0.take() {
            NOTES.with(|notes| notes.replace(outer));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::Mutex;

    type Told = Arc<Mutex<Vec<(Level, Event, String)>>>;

    struct Kept {
        told: Told,
        again: Option<Log>,
    }

    impl Sink for Kept {
        fn write(&self, level: Level, event: Event, subject: &str, text: &str) {
            self.told
                .lock()
                .push((level, event, format!("{subject}: {text}")));
            if let Some(again) = &self.again {
                again.tell(Level::Error, Event::Damage, "within", || "never".into());
            }
        }
    }

    fn log(level: Level) -> (Log, Told) {
        let told = Told::default();
        let kept = |again| Kept {
            told: told.clone(),
            again,
        };
        let inner = Log::new(Box::new(kept(None)), Level::Debug, Duration::MAX);
        let log = Log::new(Box::new(kept(Some(inner))), level, Duration::from_secs(1));
        (log, told)
    }

    #[test]
    fn what_matters_less_is_not_told_and_nothing_is_from_within() {
        let (log, told) = log(Level::Warning);
        log.tell(Level::Info, Event::Evicted, "a", || panic!("not asked for"));
        log.tell(Level::Warning, Event::Damage, "a", || "odd".into());
        log.tell(Level::Error, Event::Damage, "a", || "bad".into());
        assert!(log.hears(Level::Error) && !log.hears(Level::Info));
        let expected = [(Level::Warning, "a: odd"), (Level::Error, "a: bad")];
        let told = told.lock().clone();
        assert_eq!(told.len(), 2);
        for ((level, event, text), (of, says)) in told.iter().zip(expected) {
            assert_eq!((*level, *event, &text[..]), (of, Event::Damage, says));
        }
    }

    #[test]
    fn notes_are_told_by_the_opening_that_they_belong_to() {
        let (log, told) = log(Level::Warning);
        note(Event::Damage, || panic!("nobody tells it"));
        let opened = log.of_opening("outer", || {
            note(Event::Damage, || "first".into());
            Log::default().of_opening("silent", || {
                note(Event::Damage, || panic!("nobody tells it"));
                Ok(())
            })?;
            note(Event::Georeference, || "second".into());
            Err::<(), _>(Error::corrupt("refused"))
        });
        assert!(opened.is_err());
        let told: Vec<_> = told.lock().iter().map(|(.., text)| text.clone()).collect();
        assert_eq!(told, ["outer: first", "outer: second"]);
    }

    #[test]
    fn loads_are_told_of_when_they_are_slow_or_fail() {
        let (log, told) = log(Level::Info);
        let second = Duration::from_secs(1);
        log.loaded("a", &"block 1", second / 2, &Ok(()));
        log.loaded("a", &"block 2", second, &Ok(()));
        log.loaded(
            "a",
            &"block 3",
            Duration::ZERO,
            &Err::<(), _>(Error::corrupt("torn")),
        );
        let changed = Error::new(Kind::Changed, "it has changed");
        log.loaded("a", &"block 4", Duration::ZERO, &Err::<(), _>(changed));
        let told: Vec<_> = told.lock().drain(..).collect();
        assert_eq!(
            told,
            [
                (
                    Level::Warning,
                    Event::Slow,
                    "a: block 2 took 1000 ms".into()
                ),
                (Level::Info, Event::Failed, "a: torn".into()),
                (Level::Warning, Event::Changed, "a: it has changed".into()),
            ]
        );
    }
}
