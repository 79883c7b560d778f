//! Generations: since when the pixels of an image are what they are, for every cache of the process.

use super::key::image_of;
use crate::memory::Home;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering};
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

/// A moment: it passes with every change of any image.
pub type Moment = u64;

static CLOCK: AtomicU64 = AtomicU64::new(1);

/// The present moment, which every request remembers from its beginning.
pub fn now() -> Moment {
    CLOCK.load(Ordering::SeqCst)
}

/// Lets a moment pass, and returns the new one.
pub fn tick() -> Moment {
    CLOCK.fetch_add(1, Ordering::SeqCst) + 1
}

static KNOWN: Mutex<BTreeMap<Box<str>, Weak<Lineage>>> = Mutex::new(BTreeMap::new());

/// What all keys of one image share: those of its source, and of everything built on it.
pub struct Lineage {
    image: Box<str>,
    /// The first moment of the present pixels.
    changed: AtomicU64,
    homes: Mutex<Vec<Weak<dyn Home>>>,
}

impl Lineage {
    /// The lineage of the image behind a key.
    pub fn of(key: &str) -> Arc<Self> {
        let image = image_of(key);
        let mut known = KNOWN.lock();
        if let Some(lineage) = known.get(image).and_then(Weak::upgrade) {
            return lineage;
        }
        let lineage = Arc::new(Self {
            image: image.into(),
            changed: AtomicU64::new(0),
            homes: Mutex::default(),
        });
        known.insert(image.into(), Arc::downgrade(&lineage));
        lineage
    }

    /// The part of its keys that names the image.
    pub fn image(&self) -> &str {
        &self.image
    }

    /// `home` has tiles of the image.
    pub fn settle(&self, home: &Weak<dyn Home>) {
        let mut homes = self.homes.lock();
        homes.retain(|known| known.strong_count() > 0 && !Weak::ptr_eq(known, home));
        homes.push(home.clone());
    }

    /// A number that changes with the pixels.
    pub fn generation(&self) -> Moment {
        self.changed.load(Ordering::SeqCst)
    }

    /// Whether a request that began at that moment can only have seen the present pixels.
    pub fn is_current(&self, begun: Moment) -> bool {
        begun >= self.generation()
    }

    /// The pixels have changed: forgets them in every cache. What began before is not kept.
    pub fn invalidate(&self) {
        self.changed.fetch_max(tick(), Ordering::SeqCst);
        let homes: Vec<_> = self.homes.lock().iter().filter_map(Weak::upgrade).collect();
        homes.iter().for_each(|home| home.invalidated(&self.image));
    }
}

impl Drop for Lineage {
    fn drop(&mut self) {
        let mut known = KNOWN.lock();
        // Somebody may have begun the same lineage anew by now.
        if known
            .get(&self.image)
            .is_some_and(|lineage| lineage.strong_count() == 0)
        {
            known.remove(&self.image);
        }
    }
}
