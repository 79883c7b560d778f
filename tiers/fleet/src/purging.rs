//! Generations: what the store says of them, and new ones where the pixels of a source have changed.

use crate::clock::Moment;
use crate::failure::Result;
use crate::fleet::{Fleet, Source};
use crate::generation::Generation;
use crate::link::Link;
use crate::statistics::nanoseconds;
use crate::store::Store;
use crate::validity::Seen;
use std::time::Duration;

impl<S: Store, L: Link> Fleet<S, L> {
    /// Tells all processes that the pixels of a source have changed: when this returns well, none of them takes older
    /// ones for true. Where the store cannot be reached the source leaves the tier in this process until a purge goes
    /// through.
    pub fn purge(&self, source: &str) -> Result<()> {
        self.counters.purges.one();
        let asked = self.clock.now();
        let raised = self.raise(source, self.options.purge);
        let failure = {
            let _telling = self.telling.lock();
            let has_left = raised.is_err();
            self.with(source, |source| source.has_left = has_left);
            match raised {
                Ok(Some(generation)) => {
                    self.told(source, asked, generation);
                    None
                }
                Ok(None) => {
                    self.suspect(source);
                    None
                }
                Err(failure) => {
                    self.suspect(source);
                    Some(failure)
                }
            }
        };
        if let Some(failure) = failure {
            self.counters.purges_failed.one();
            return Err(failure);
        }
        // By then every process has asked again, or does not believe its memory any more.
        self.clock.sleep(self.options.validity);
        Ok(())
    }

    /// The store answered a question after the generation of a source.
    pub(crate) fn confirm(&self, source: &str, asked: Moment, stored: Result<Option<Generation>>) {
        let telling = self.telling.lock();
        let lost = match stored {
            Ok(Some(generation)) => self.told(source, asked, generation),
            Ok(None) => true,
            Err(_) => return self.suspect(source),
        };
        drop(telling);
        if !lost {
            return;
        }
        // One that cannot be read, or that was there before: nobody may believe it.
        let asked = self.clock.now();
        let raised = self.raise(source, self.options.turn());
        let _telling = self.telling.lock();
        match raised {
            Ok(Some(generation)) => {
                self.counters.raised.one();
                self.told(source, asked, generation);
            }
            Ok(None) | Err(_) => self.suspect(source),
        }
    }

    /// The sources whose validity ends before the thread of the tier will look again are suspect from now on.
    pub(crate) fn suspect_in_time(&self) {
        let _telling = self.telling.lock();
        let now = self.clock.now();
        let (turn, validity) = (self.options.turn(), self.options.validity);
        let next = match self.options.strict {
            true => now,
            false => now.after(turn),
        };
        let (told, ending) = {
            let mut known = self.known.lock();
            let before = known.work.looked.replace(now);
            let told: Vec<_> = known.sources.iter().filter(|it| it.1.is_told).collect();
            let is_ending =
                |it: &&(&String, &Source)| it.1.validity.valid(next, validity).is_none();
            let ending: Vec<_> = told
                .iter()
                .filter(is_ending)
                .map(|it| it.0.clone())
                .collect();
            (before.filter(|_| !told.is_empty()), ending)
        };
        if let Some(before) = told {
            let delay = now.since(before).saturating_sub(turn);
            let longest = &self.counters.longest_delay_nanoseconds;
            longest.at_least(nanoseconds(delay));
        }
        ending.iter().for_each(|source| self.suspect(source));
    }

    /// Nothing is to be asked any more: all sources are suspect, and for good.
    pub fn leave(&self) {
        let _telling = self.telling.lock();
        let sources = std::mem::take(&mut self.known.lock().sources);
        let told = sources.iter().filter(|(_, source)| source.is_told);
        told.for_each(|(name, _)| self.link.changed(name, None));
    }

    fn raise(&self, source: &str, limit: Duration) -> Result<Option<Generation>> {
        let key = crate::key::source(source, self.options.secret.as_ref());
        let above = self
            .with(source, |source| source.validity.highest())
            .unwrap_or_default();
        let random = self.random();
        self.call(|store| store.raise(&key, above, random, limit))
    }

    /// Takes a generation for confirmed and tells the cache; true if it cannot be, as a later one was seen before.
    /// `telling` is locked.
    fn told(&self, name: &str, asked: Moment, generation: Generation) -> bool {
        let now = self.clock.now();
        let seen = self.with(name, |source| {
            if source.has_left {
                return None;
            }
            let seen = source.validity.answered(asked, generation);
            // The answer may have come late, or been read late.
            let confirmed = source.validity.valid(now, self.options.validity);
            source.is_new = false;
            source.is_told = confirmed.is_some();
            Some((seen, confirmed))
        });
        let Some((seen, confirmed)) = seen.flatten() else {
            return false;
        };
        self.counters.confirmed.one();
        if seen == Seen::Changed {
            self.counters.changed.one();
        }
        match confirmed {
            Some((generation, until)) => self.link.confirmed(name, generation, until),
            None => self.link.changed(name, None),
        }
        seen == Seen::Lost
    }

    /// `telling` is locked.
    fn suspect(&self, name: &str) {
        let was_told = self.with(name, |source| {
            source.validity.end();
            std::mem::take(&mut source.is_told)
        });
        if was_told == Some(true) {
            self.counters.suspect.one();
            self.link.changed(name, None);
        }
    }

    fn with<T>(&self, name: &str, look: impl FnOnce(&mut Source) -> T) -> Option<T> {
        self.known.lock().sources.get_mut(name).map(look)
    }
}
