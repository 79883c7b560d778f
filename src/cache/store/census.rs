//! What the books tell of each key.

use super::Store;
use crate::cache::census::{EntryCensus, KeyCensus};
use crate::cache::lineage::Lineage;
use crate::slab::NONE;
use std::sync::Arc;

impl Store {
    /// The texts of all keys.
    pub fn key_texts(&self) -> Vec<Arc<str>> {
        let keys = self.keys.iter();
        keys.map(|(_, record)| record.shared_text().clone())
            .collect()
    }

    /// What a key has and has done, if it is known, and its image. The sources are not told.
    pub fn key_census(
        &mut self,
        text: &str,
        with_entries: bool,
    ) -> Option<(KeyCensus, Arc<Lineage>)> {
        let id = self.find_key(text)?;
        let usage = self.usage(id);
        let record = &self.keys[id as usize];
        let mut entries = Vec::new();
        let mut next = match with_entries {
            true => record.first_entry,
            false => NONE,
        };
        while next != NONE {
            let link = self.links[next as usize];
            entries.push(EntryCensus {
                at: self.index.cell(next).block(),
                last_use: self.last_use(link.slot),
                is_unread: self.records[link.slot as usize].is_unread(),
                is_held: self.seems_held(link.slot),
            });
            next = link.next_in_key;
        }
        let census = KeyCensus {
            key: text.to_owned(),
            counters: self.key_counters(id),
            usage,
            image: record.described(),
            sources: Vec::new(),
            entries,
        };
        Some((census, record.lineage.clone()))
    }
}
