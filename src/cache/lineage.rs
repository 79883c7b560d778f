//! Lineages: which images there are, and which are computed from which, for every cache of the process. What a change of
//! one does to itself and to others is in `invalidation`.

use super::decoding::Noted;
use super::invalidation::Validity;
use super::key::{image_of, is_computed, sources_of};
use super::moment::{Moment, note_change};
use super::tier::Identity;
use crate::late::Late;
use crate::sync::{Mutex, ProcessGuard, ProcessMutex, Still};
use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Weak};

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

/// What all keys of one image share: those of its source, and of everything built on it.
pub struct Lineage {
    image: Arc<str>,
    /// Since when its pixels are what they are.
    pub(super) validity: Validity,
    /// The images that its key says it is computed from; none for most.
    pub(super) sources: Box<[Arc<Lineage>]>,
    /// Those that it is computed from beside them; see [`Dependent`](super::Dependent).
    pub(super) others: Late<Mutex<Others>>,
    /// The images that are computed from this one.
    pub(super) computed: Mutex<Vec<Weak<Lineage>>>,
    /// What decodes its blocks, and those of its levels and masks, or did.
    pub(super) decoding: Late<Mutex<Vec<Noted>>>,
    /// What it is called on all machines, if other tiers may have its blocks.
    pub(super) identity: Late<Identity>,
}

/// Images that one is computed from, perhaps many.
#[derive(Default)]
pub(super) struct Others {
    pub(super) images: Arc<[Arc<Lineage>]>,
    /// The latest of their generations, and after how many changes of all images it was that.
    pub(super) generation: Moment,
    pub(super) as_of: u64,
}

/// What a lineage takes, with its place among those that are known, without its name.
pub const BYTES: usize = size_of::<Lineage>() + 3 * size_of::<usize>() + 2 * KNOWN_BYTES;

/// Of which a tree may be half full.
const KNOWN_BYTES: usize = size_of::<(Arc<str>, Weak<Lineage>)>() + 2;

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
            validity: Validity::default(),
            sources: sources.into(),
            others: Late::default(),
            computed: Mutex::default(),
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
