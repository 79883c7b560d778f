//! A census: what a cache has and has done, key by key, for those who look at it as a whole.

use super::lineage::Lineage;
use super::stamp::Stamp;
use super::{Cache, Counters, Statistics, Usage};
use crate::dtype::DType;
use crate::image::Block;
use std::sync::Arc;

/// What decodes blocks of an image, as a census finds it.
pub trait Decoding: Send + Sync {
    /// What it is and has done.
    fn about(&self) -> SourceCensus;
}

/// A source beneath the tiles of a cache.
#[derive(Clone, Debug)]
pub struct SourceCensus {
    /// Its key.
    pub key: String,
    /// What messages call it.
    pub title: String,
    /// What it has done, for all who asked it, in all its openings.
    pub counters: Counters,
    /// How many blocks it has, of all levels that it has itself.
    pub blocks: u64,
    /// Nobody reads it any more; it is told of for the tiles that were made from it.
    pub is_closed: bool,
}

impl SourceCensus {
    /// Adds what another opening of the same image has done.
    pub(super) fn add(&mut self, other: &SourceCensus) {
        let distinct = self.counters.distinct_decodes;
        self.counters = self.counters.plus(other.counters);
        // Which blocks those were is not known any more: most likely the same ones.
        self.counters.distinct_decodes = distinct.max(other.counters.distinct_decodes);
        self.is_closed &= other.is_closed;
    }
}

/// What a key has in a cache.
#[derive(Clone, Debug)]
pub struct KeyCensus {
    /// The key.
    pub key: String,
    /// What happened under it.
    pub counters: Counters,
    /// What is there.
    pub usage: Usage,
    /// What providers say of the image; `None` where callers alone have put tiles.
    pub image: Option<KeyImage>,
    /// The keys of the sources that it is made from.
    pub sources: Vec<String>,
    /// Its entries, where they were asked for.
    pub entries: Vec<EntryCensus>,
}

/// What providers say of the image behind a key.
#[derive(Clone, Debug)]
pub struct KeyImage {
    /// The type of the samples.
    pub dtype: DType,
    /// How many bands there are.
    pub bands: u32,
    /// Columns and rows of a block of level 0.
    pub block: (u64, u64),
    /// Columns and rows of each level.
    pub levels: Vec<(u64, u64)>,
    /// Rows and columns of blocks of each level.
    pub grids: Vec<(u64, u64)>,
}

/// An entry of a key.
#[derive(Clone, Copy, Debug)]
pub struct EntryCensus {
    /// Which block it is.
    pub at: Block,
    /// When it was last used; the later the greater.
    pub last_use: Stamp,
    /// Made ahead of its first use.
    pub is_unread: bool,
    /// In the hands of a caller.
    pub is_held: bool,
}

/// What a cache has and has done.
#[derive(Clone, Debug)]
pub struct Census {
    /// The state of the cache.
    pub statistics: Statistics,
    /// Its keys, those with most bytes first.
    pub keys: Vec<KeyCensus>,
    /// The sources beneath them, in the order of their keys.
    pub sources: Vec<SourceCensus>,
}

impl Cache {
    /// What the cache has and has done; with each entry, if that is wanted. The cache stands still while the entries of
    /// one key are looked at, and not from key to key.
    pub fn census(&self, with_entries: bool) -> Census {
        let shared = &self.0;
        let statistics = self.statistics();
        let texts = shared.with(|store| store.key_texts());
        let mut found: Vec<(KeyCensus, Arc<Lineage>)> = texts
            .into_iter()
            .filter_map(|text| shared.with_held(|store| store.key_census(&text, with_entries)))
            .collect();
        let mut sources = Vec::new();
        for (key, lineage) in &mut found {
            let beneath = lineage.decoding();
            key.sources = beneath.iter().map(|source| source.key.clone()).collect();
            sources.extend(beneath);
        }
        sources.sort_by(|one, other| one.key.cmp(&other.key));
        sources.dedup_by(|one, other| one.key == other.key);
        let mut keys: Vec<_> = found.into_iter().map(|(key, _)| key).collect();
        let bytes = |key: &KeyCensus| key.usage.idle + key.usage.held;
        keys.sort_by(|one, other| {
            let by_bytes = bytes(other).cmp(&bytes(one));
            by_bytes.then_with(|| one.key.cmp(&other.key))
        });
        Census {
            statistics,
            keys,
            sources,
        }
    }
}
