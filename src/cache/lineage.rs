//! Generations: since when the pixels of an image are what they are, for every cache of the process.

use super::census::{Decoding, SourceCensus};
use super::key::{image_of, is_built_on, is_computed, sources_of};
use super::tier::Identity;
use crate::geometry::Area;
use crate::late::Late;
use crate::memory::Home;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Mutex, ProcessGuard, ProcessMutex, Still};
use smallvec::SmallVec;
use std::collections::{BTreeMap, HashSet, VecDeque};
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

type Known = BTreeMap<Arc<str>, Weak<Lineage>>;

static KNOWN: ProcessMutex<Known> = ProcessMutex::new(BTreeMap::new());

/// Keeps images from becoming known and forgotten.
pub fn lineages_stand_still() -> Box<dyn Still> {
    Box::new(KNOWN.lock())
}

impl Still for ProcessGuard<'static, Known> {
    fn in_child(&mut self) {
        // Images that a child opens have nothing to do with the parent's caches, whose locks may be held for
        // ever here.
        std::mem::forget(std::mem::take(&mut **self));
    }
}

/// How often any image has begun or ceased to change, or came to be computed from others.
static CHANGES: AtomicU64 = AtomicU64::new(1);

/// How often any image has changed, or came to be computed from others, or to be known to another tier: what was found out
/// before this was the same number is still true.
pub fn changes() -> u64 {
    CHANGES.load(Ordering::SeqCst)
}

/// Something has changed that others follow.
pub fn note_change() {
    CHANGES.fetch_add(1, Ordering::SeqCst);
}

/// What all keys of one image share: those of its source, and of everything built on it.
pub struct Lineage {
    image: Arc<str>,
    /// The first moment of the present pixels; [`NEVER`] while the old ones are being forgotten.
    changed: AtomicU64,
    /// How many are forgetting old pixels now.
    forgetting: Mutex<usize>,
    homes: Mutex<SmallVec<[Weak<dyn Home>; 1]>>,
    /// The images that its key says it is computed from; none for most.
    pub(super) sources: Box<[Arc<Lineage>]>,
    /// Those that it is computed from beside them; see [`Dependent`](super::Dependent).
    others: Late<Mutex<Others>>,
    /// The images that are computed from this one.
    pub(super) computed: Mutex<Vec<Weak<Lineage>>>,
    /// Under which keys callers put other pixels, and when.
    puts: Late<Mutex<Puts>>,
    /// What decodes its blocks, and those of its levels and masks, or did.
    decoding: Late<Mutex<Vec<Noted>>>,
    /// What it is called on all machines, if other tiers may have its blocks.
    pub(super) identity: Late<Identity>,
}

/// What decodes blocks of an image, or did while it was open.
enum Noted {
    Open(Weak<dyn Decoding>),
    Closed(Box<SourceCensus>),
}

/// As long as it lives it is not known what the pixels of an image are: none are kept, and no load is joined that
/// began before. At its end they are those of then.
pub struct Suspension(Arc<Lineage>);

impl Drop for Suspension {
    fn drop(&mut self) {
        self.0.end_change();
    }
}

/// Images that one is computed from, perhaps many.
#[derive(Default)]
struct Others {
    images: Arc<[Arc<Lineage>]>,
    /// The latest of their generations, and after how many changes of all images it was that.
    generation: Moment,
    as_of: u64,
}

/// What a lineage takes, with its place among those that are known, without its name.
pub const BYTES: usize = size_of::<Lineage>() + 3 * size_of::<usize>() + 2 * KNOWN_BYTES;

/// Of which a tree may be half full.
const KNOWN_BYTES: usize = size_of::<(Arc<str>, Weak<Lineage>)>() + 2;

/// The keys under which callers put other pixels, the latest last.
#[derive(Default)]
struct Puts {
    latest: VecDeque<(Moment, Box<str>)>,
    /// The last put under a key that is not among them.
    before: Moment,
}

/// So many keys with puts are told apart.
const KEYS: usize = 16;

impl Puts {
    fn note(&mut self, key: &str, moment: Moment) {
        self.latest.retain(|(_, other)| **other != *key);
        if self.latest.len() == KEYS
            && let Some((oldest, _)) = self.latest.pop_front()
        {
            self.before = oldest;
        }
        self.latest.push_back((moment, key.into()));
    }

    /// The last put under a key that `key` is built on.
    fn beneath(&self, key: &str) -> Moment {
        let beneath = |(_, other): &&(Moment, Box<str>)| is_built_on(key, other);
        let latest = self.latest.iter().rev().find(beneath);
        latest.map_or(self.before, |(moment, _)| *moment)
    }

    /// The last put that shows under `key`: under itself, or under a key that it is built on.
    fn shown_under(&self, key: &str) -> Moment {
        let own = self.latest.iter().find(|(_, other)| **other == *key);
        own.map_or(0, |(moment, _)| *moment).max(self.beneath(key))
    }
}

/// A moment that does not come.
const NEVER: Moment = Moment::MAX;

impl Lineage {
    /// The lineage of the image behind a key.
    pub fn of(key: &str) -> Arc<Self> {
        let image = image_of(key);
        // Before the lock, which they take too, and dropped after it.
        let mut sources: Vec<_> = sources_of(image).into_iter().map(Self::of).collect();
        sources.sort_by_key(Arc::as_ptr);
        sources.dedup_by(|one, other| Arc::ptr_eq(one, other));
        let mut known = KNOWN.lock();
        if let Some(lineage) = known.get(image).and_then(Weak::upgrade) {
            drop(known);
            return lineage;
        }
        let image: Arc<str> = image.into();
        let lineage = Arc::new(Self {
            image: image.clone(),
            changed: AtomicU64::new(0),
            forgetting: Mutex::new(0),
            homes: Mutex::default(),
            sources: sources.into(),
            others: Late::default(),
            computed: Mutex::default(),
            puts: Late::default(),
            decoding: Late::default(),
            identity: Late::default(),
        });
        known.insert(image, Arc::downgrade(&lineage));
        drop(known);
        let sources = lineage.sources.iter();
        sources.for_each(|source| source.note_computed(&lineage));
        lineage
    }

    /// The images beneath it that are computed from none, if it is computed by an operator.
    pub fn origins(&self) -> Vec<Arc<Lineage>> {
        let mut seen = HashSet::new();
        let mut open = self.beneath();
        let mut origins = Vec::new();
        while let Some(image) = open.pop() {
            if !seen.insert(Arc::as_ptr(&image)) {
                continue;
            }
            let beneath = image.beneath();
            if beneath.is_empty() {
                origins.push(image);
            } else {
                open.extend(beneath);
            }
        }
        origins
    }

    /// It and all images that it changes with, each once.
    pub(super) fn with_all_beneath(self: &Arc<Self>) -> Vec<Arc<Lineage>> {
        let mut seen = HashSet::from([Arc::as_ptr(self)]);
        let mut all = vec![self.clone()];
        let mut next = 0;
        while let Some(image) = all.get(next) {
            let beneath = [&image.sources[..], &image.others()].concat();
            all.extend(
                beneath
                    .into_iter()
                    .filter(|it| seen.insert(Arc::as_ptr(it))),
            );
            next += 1;
        }
        all
    }

    /// A source decodes blocks of it.
    pub(super) fn note_decoding(&self, source: Weak<dyn Decoding>) {
        let mut sources = self.decoding.get_or_make(Mutex::default).lock();
        sources.retain(|other| match other {
            Noted::Open(other) => other.strong_count() > 0,
            Noted::Closed(_) => true,
        });
        sources.push(Noted::Open(source));
    }

    /// A source ends, of which `last` is what it was and did: tiles that were made from it may be kept for long.
    pub(super) fn note_closed(&self, source: *const (), last: SourceCensus) {
        let sources = self.decoding.get();
        // After a fork nobody may ever give the lock back. Then it is not told of.
        let Some(mut sources) = sources.and_then(|sources| sources.try_lock()) else {
            return;
        };
        let is_it = |other: &Noted| matches!(other, Noted::Open(other) if std::ptr::addr_eq(other.as_ptr(), source));
        let Some(place) = sources.iter().position(is_it) else {
            return;
        };
        let mut closed = sources.iter_mut().filter_map(|other| match other {
            Noted::Closed(before) if before.key == last.key => Some(before),
            _ => None,
        });
        match closed.next() {
            Some(before) => {
                before.add(&last);
                sources.swap_remove(place);
            }
            None => sources[place] = Noted::Closed(Box::new(last)),
        }
    }

    /// The sources that decode its blocks, or those of the images beneath it.
    pub(super) fn decoding(&self) -> Vec<SourceCensus> {
        let origins = self.origins();
        let images = origins.iter().map(Arc::as_ref);
        let mut open: Vec<Arc<dyn Decoding>> = Vec::new();
        let mut told = Vec::new();
        for image in images.chain([self]) {
            let Some(sources) = image.decoding.get() else {
                continue;
            };
            for source in sources.lock().iter() {
                match source {
                    Noted::Open(source) => open.extend(source.upgrade()),
                    Noted::Closed(last) => told.push(SourceCensus::clone(last)),
                }
            }
        }
        // Outside the locks: the last handle of a source may go here.
        told.extend(open.iter().map(|source| source.about()));
        told.sort_by(|one, other| one.key.cmp(&other.key));
        told.dedup_by(|one, before| {
            let is_same = one.key == before.key;
            if is_same {
                before.add(one);
            }
            is_same
        });
        told
    }

    /// What an operator computes it from. A source that reads others is one of its own.
    fn beneath(&self) -> Vec<Arc<Lineage>> {
        match is_computed(&self.image) {
            true => [&self.sources[..], &self.others()].concat(),
            false => Vec::new(),
        }
    }

    /// Another image is computed from this one.
    pub(super) fn note_computed(&self, image: &Arc<Lineage>) {
        let mut computed = self.computed.lock();
        computed.retain(|other| other.strong_count() > 0);
        computed.push(Arc::downgrade(image));
    }

    /// The images that this one is computed from beside those that its key names.
    pub(super) fn others(&self) -> Arc<[Arc<Lineage>]> {
        let others = self.others.get().map(|others| others.lock().images.clone());
        others.unwrap_or_default()
    }

    /// Lets others be the images that this one is computed from beside those that its key names; `now` makes them of
    /// those before.
    pub(super) fn set_others(&self, now: impl FnOnce(&[Arc<Lineage>]) -> Arc<[Arc<Lineage>]>) {
        let others = self.others.get_or_make(Mutex::default);
        let before = {
            let mut others = others.lock();
            let images = now(&others.images);
            std::mem::replace(&mut others.images, images)
        };
        note_change();
        // Outside the lock: those that go take others.
        drop(before);
    }

    /// The part of its keys that names the image.
    pub fn image(&self) -> &Arc<str> {
        &self.image
    }

    /// `home` has tiles of the image.
    pub fn settle(&self, home: &Weak<dyn Home>) {
        let mut homes = self.homes.lock();
        homes.retain(|known| known.strong_count() > 0 && !Weak::ptr_eq(known, home));
        homes.push(home.clone());
    }

    /// A number that changes with the pixels, or with those of an image that they are computed from.
    pub fn generation(&self) -> Moment {
        let changed = self.changed.load(Ordering::SeqCst);
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
        self.changed.store(moment, Ordering::SeqCst);
        note_change();
    }

    /// Since when the pixels behind a key are what they are, puts under keys beneath it included.
    pub fn generation_of(&self, key: &str) -> Moment {
        let changed = self.generation();
        match self.puts.get() {
            Some(puts) => changed.max(puts.lock().beneath(key)),
            None => changed,
        }
    }

    /// Other pixels were put into an area of the image that `key` names: what was built on the old ones is
    /// forgotten in every cache, and no request that begins from now on joins what is being built on
    /// them.
    pub fn put(&self, key: &str, area: &Area) {
        let puts = self.puts.get_or_make(Mutex::default);
        puts.lock().note(key, tick());
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
        self.homes.lock().iter().filter_map(Weak::upgrade).collect()
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
            let mut forgetting = self.forgetting.lock();
            *forgetting += 1;
            self.set_changed(NEVER);
        }
        for home in self.homes() {
            home.invalidated(&self.image);
        }
        self.invalidate_computed();
    }

    fn end_change(&self) {
        let mut forgetting = self.forgetting.lock();
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
            let puts = image.puts.get();
            let put = puts.map_or(0, |puts| puts.lock().shown_under(key));
            image.generation().max(put)
        };
        let latest = self.0.iter().map(generation).fold(0, Moment::max);
        Some(latest).filter(|latest| *latest != NEVER)
    }
}

impl Drop for Lineage {
    fn drop(&mut self) {
        let mut known = KNOWN.lock();
        // Somebody may have begun the same lineage anew by now.
        if known
            .get(&*self.image)
            .is_some_and(|lineage| lineage.strong_count() == 0)
        {
            known.remove(&*self.image);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
