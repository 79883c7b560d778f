//! Invalidation: since when the pixels of an image are what they are, and what is not kept because it began before.
//!
//! A request notes the moment of its beginning. What it loaded is kept, and what is in flight for it is joined by others,
//! only where the pixels have not changed since: [`Lineage::is_current`], [`Lineage::generation_of`]. A change tells
//! every cache that has tiles of the image to forget them, and then whatever is computed from it.

use super::lineage::{Lineage, Others};
use super::moment::{Moment, NEVER, changes, note_change, tick};
use super::puts::Puts;
use crate::geometry::Area;
use crate::late::Late;
use crate::memory::Home;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering};
use smallvec::SmallVec;
use std::sync::{Arc, Weak};

/// Since when the pixels of an image are what they are, and who hears of it when they change.
#[derive(Default)]
pub(super) struct Validity {
    /// The first moment of the present pixels; [`NEVER`] while the old ones are being forgotten.
    changed: AtomicU64,
    /// How many are forgetting old pixels now.
    forgetting: Mutex<usize>,
    /// The caches that have tiles of the image.
    homes: Mutex<SmallVec<[Weak<dyn Home>; 1]>>,
    /// Under which keys callers put other pixels, and when.
    puts: Late<Mutex<Puts<Box<str>>>>,
}

/// The pixels behind a key have changed: forgets them, and everything built on them, in every cache.
///
/// A request that begins after this never gets the old pixels, and a load that began before it is not
/// kept. Handles keep the pixels that they have.
pub fn invalidate(key: &str) {
    let image = Lineage::of(key);
    // The pixels of what is computed change with those of its sources.
    for image in image.origins().iter().chain([&image]) {
        // First, for what is loaded anew may not come from another tier.
        if let Some(identity) = image.identity.get() {
            identity.leave();
        }
        image.invalidate();
    }
}

/// As long as it lives it is not known what the pixels of an image are: none are kept, and no load is joined that
/// began before. At its end they are those of then.
pub struct Suspension(Arc<Lineage>);

impl Drop for Suspension {
    fn drop(&mut self) {
        self.0.end_change();
    }
}

impl Lineage {
    /// `home` has tiles of the image.
    pub fn settle(&self, home: &Weak<dyn Home>) {
        let mut homes = self.validity.homes.lock();
        homes.retain(|known| known.strong_count() > 0 && !Weak::ptr_eq(known, home));
        homes.push(home.clone());
    }

    /// A number that changes with the pixels, or with those of an image that they are computed from.
    pub fn generation(&self) -> Moment {
        let changed = self.validity.changed.load(Ordering::SeqCst);
        let sources = self.sources.iter().map(|source| source.generation());
        let named = sources.fold(changed, Moment::max);
        match self.others.get() {
            Some(others) => named.max(Self::generation_of_others(others)),
            None => named,
        }
    }

    /// The latest generation of many images, which are not asked again while none changes.
    fn generation_of_others(others: &Mutex<Others>) -> Moment {
        // Read first: what changes meanwhile lets all be asked again.
        let as_of = changes();
        let images = {
            let others = others.lock();
            if others.as_of == as_of {
                return others.generation;
            }
            others.images.clone()
        };
        let generations = images.iter().map(|other| other.generation());
        let generation = generations.fold(0, Moment::max);
        let mut others = others.lock();
        if Arc::ptr_eq(&others.images, &images) {
            (others.generation, others.as_of) = (generation, as_of);
        }
        generation
    }

    /// Lets the pixels be those of a moment, or of none.
    fn set_changed(&self, moment: Moment) {
        self.validity.changed.store(moment, Ordering::SeqCst);
        note_change();
    }

    /// Since when the pixels behind a key are what they are, puts under keys beneath it included.
    pub fn generation_of(&self, key: &str) -> Moment {
        let changed = self.generation();
        match self.validity.puts.get() {
            Some(puts) => changed.max(puts.lock().beneath(key)),
            None => changed,
        }
    }

    /// Other pixels were put into an area of the image that `key` names: what was built on the old ones is
    /// forgotten in every cache, and no request that begins from now on joins what is being built on
    /// them.
    pub fn put(&self, key: &str, area: &Area) {
        let puts = self.validity.puts.get_or_make(Mutex::default);
        puts.lock().note(key.into(), tick());
        for home in self.homes() {
            home.outdated(key, area);
        }
        self.invalidate_computed();
    }

    /// Forgets what is computed from the image, of which it may be all that has changed.
    fn invalidate_computed(&self) {
        let computed: Vec<_> = self
            .computed
            .lock()
            .iter()
            .filter_map(Weak::upgrade)
            .collect();
        computed.iter().for_each(|image| image.invalidate());
    }

    fn homes(&self) -> Vec<Arc<dyn Home>> {
        self.validity
            .homes
            .lock()
            .iter()
            .filter_map(Weak::upgrade)
            .collect()
    }

    /// Whether a request that began at that moment can only have seen the present pixels.
    pub fn is_current(&self, begun: Moment) -> bool {
        begun >= self.generation()
    }

    /// The pixels have changed: forgets them in every cache. What began before is not kept, nor what
    /// begins meanwhile, which may still have found old pixels to build on.
    pub fn invalidate(&self) {
        self.begin_change();
        self.end_change();
    }

    /// The pixels may change at any time: forgets them in every cache, and keeps none until it is over.
    pub fn suspend(self: &Arc<Self>) -> Suspension {
        self.begin_change();
        Suspension(self.clone())
    }

    fn begin_change(&self) {
        {
            let mut forgetting = self.validity.forgetting.lock();
            *forgetting += 1;
            self.set_changed(NEVER);
        }
        for home in self.homes() {
            home.invalidated(self.image());
        }
        self.invalidate_computed();
    }

    fn end_change(&self) {
        let mut forgetting = self.validity.forgetting.lock();
        *forgetting -= 1;
        if *forgetting == 0 {
            self.set_changed(tick());
        }
    }
}

/// Images that something follows from which no cache keeps.
pub struct Followed(Box<[(Arc<Lineage>, Box<str>)]>);

impl Followed {
    /// Those with these keys.
    pub fn new<S: AsRef<str>>(keys: impl IntoIterator<Item = S>) -> Self {
        let image = |key: S| (Lineage::of(key.as_ref()), key.as_ref().into());
        Self(keys.into_iter().map(image).collect())
    }

    /// A number that changes with the pixels of any of them; `None` while the old ones of one are being forgotten.
    pub fn generation(&self) -> Option<Moment> {
        let generation = |(image, key): &(Arc<Lineage>, Box<str>)| {
            let puts = image.validity.puts.get();
            let put = puts.map_or(0, |puts| puts.lock().shown_under(key));
            image.generation().max(put)
        };
        let latest = self.0.iter().map(generation).fold(0, Moment::max);
        Some(latest).filter(|latest| *latest != NEVER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::moment::now;
    use crate::geometry::Rect;
    use crate::memory::Memory;

    /// Begins something while it is told to forget old pixels, and notes whether that would be kept; the
    /// first time also after another invalidation has come and gone.
    struct Beginning {
        lineage: Mutex<Option<Arc<Lineage>>>,
        kept: Mutex<Vec<bool>>,
    }

    impl Home for Beginning {
        fn released(&self, _: u32) {}

        fn invalidated(&self, _: &str) {
            let lineage = self.lineage.lock().clone().expect("the lineage");
            self.kept.lock().push(lineage.is_current(now()));
            if self.kept.lock().len() == 1 {
                lineage.invalidate();
                self.kept.lock().push(lineage.is_current(now()));
            }
        }

        fn outdated(&self, _: &str, _: &Area) {}

        fn shared(&self, _: u32) {}

        fn returned(&self, _: Memory) {}
    }

    #[test]
    fn while_an_image_is_suspended_nothing_is_current() {
        let lineage = Lineage::of("suspended:image:0");
        let computed = Lineage::of("compute:of(suspended:image:0)");
        let before = now();
        let suspended = [lineage.suspend(), lineage.suspend()];
        for one in suspended {
            assert!(!lineage.is_current(now()) && !computed.is_current(now()));
            lineage.invalidate();
            assert!(!lineage.is_current(now()));
            drop(one);
        }
        assert!(!lineage.is_current(before));
        assert!(lineage.is_current(now()) && computed.is_current(now()));
    }

    #[test]
    fn what_follows_from_images_is_of_their_latest_generation() {
        let none: [&str; 0] = [];
        assert_eq!(Followed::new(none).generation(), Some(0));
        let area = Area {
            level: (9, 9),
            rect: Rect::new(0, 0, 1, 1),
        };
        let keys = ["followed:image:0", "followed:image:1:retiled:9x9"];
        let followed = Followed::new(keys);
        let mut before = followed.generation();
        for change in 0..5 {
            match change {
                0 => Lineage::of(keys[0]).invalidate(),
                1 => Lineage::of(keys[1]).invalidate(),
                2 => Lineage::of(keys[1]).put("followed:image:1", &area),
                3 => Lineage::of(keys[0]).put(keys[0], &area),
                _ => Lineage::of("followed:image:2").invalidate(),
            }
            let now = followed.generation();
            assert_eq!(now > before, change < 4, "{change}");
            before = now;
        }
        let image = Lineage::of(keys[0]);
        image.set_changed(NEVER);
        assert_eq!(followed.generation(), None);
    }

    #[test]
    fn what_begins_while_old_pixels_are_forgotten_is_not_kept() {
        let lineage = Lineage::of("forgotten:image:0");
        let home = Arc::new(Beginning {
            lineage: Mutex::new(Some(lineage.clone())),
            kept: Mutex::default(),
        });
        lineage.settle(&(Arc::downgrade(&home) as Weak<dyn Home>));
        let before = now();
        assert!(lineage.is_current(before));
        lineage.invalidate();
        assert_eq!(*home.kept.lock(), [false; 3]);
        assert!(!lineage.is_current(before));
        assert!(lineage.is_current(now()));
    }
}
