//! Memory: what levels may take while they wait.

use super::cells::Form;
use crate::cache::{Cache, HeldRoom};
use std::path::Path;

/// What levels may take where there is no cache that says it.
const MEMORY: u64 = 256 << 20;

/// The most that blocks of a mask take.
const MASK_MEMORY: u64 = 16 << 20;

/// What the blocks of a mask may take.
pub fn mask_memory(cache: Option<&Cache>) -> u64 {
    match cache {
        Some(cache) => (cache.budget() / 8).clamp(1 << 20, MASK_MEMORY),
        None => MASK_MEMORY,
    }
}

/// What the levels of a chain may take.
pub struct Memory {
    /// How many rows of cells of each level may be there.
    pub rows: Vec<u64>,
    /// So many levels, from the finest on, wait in files aside.
    pub spooled: usize,
    _room: Option<HeldRoom>,
}

impl Memory {
    /// As much as lets reading and encoding go on beside each other, else the least, else less with files.
    pub fn of(forms: &[Form], least: &[u64], cache: Option<&Cache>, path: &Path) -> Self {
        let rows = |extra: u64| -> Vec<u64> { least.iter().map(|rows| rows + extra).collect() };
        let name = format!("build:{}", path.display());
        let ways = [(1, 0)]
            .into_iter()
            .chain((0..forms.len()).map(|spooled| (0, spooled)));
        for (extra, spooled) in ways {
            let rows = rows(extra);
            let bytes = forms.iter().zip(&rows).skip(spooled);
            let bytes = bytes.map(|(form, rows)| form.row_bytes().saturating_mul(*rows));
            let bytes = bytes.fold(0, u64::saturating_add);
            let room = match cache {
                None if bytes <= MEMORY => None,
                Some(cache) if bytes <= cache.budget() => match cache.hold_room(bytes, &name) {
                    None => continue,
                    room => room,
                },
                _ => continue,
            };
            return Self {
                rows,
                spooled,
                _room: room,
            };
        }
        Self {
            rows: rows(0),
            spooled: forms.len(),
            _room: None,
        }
    }
}
