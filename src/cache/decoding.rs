//! Which sources decode the blocks of an image, or did while they were open: what a census tells of them.

use super::census::{Decoding, SourceCensus};
use super::lineage::Lineage;
use crate::sync::Mutex;
use std::sync::{Arc, Weak};

/// What decodes blocks of an image, or did while it was open.
pub(super) enum Noted {
    Open(Weak<dyn Decoding>),
    Closed(Box<SourceCensus>),
}

impl Lineage {
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
}
