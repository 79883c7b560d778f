//! What is kept of the indexes of files: pieces of the tables that tell where blocks lie, and what headers
//! were found to hold. It is kept once for all openings of a file, within one bound for the process.
//!
//! Files that are no longer open keep what there is room for, as the next opening may be near.

use crate::bytes::Bytes;
use crate::error::Result;
use crate::source::scratch::zeroed;
use crate::sync::atomic::{AtomicU64, Ordering::Relaxed};
use crate::sync::{ProcessGuard, ProcessMutex, Still};
use std::any::Any;
use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};
use std::ops::Range;
use std::sync::{Arc, LazyLock};

/// Pieces end at multiples of so many bytes of the file.
pub const PIECE: u64 = 64 << 10;

/// What an entry takes beside its content, with the name of its file but for the text.
const OVERHEAD: u64 = 384;

/// The place of what was found in a file's header.
const HEADER: u64 = u64::MAX;

/// The most bytes that are kept.
static BOUND: AtomicU64 = AtomicU64::new(32 << 20);

static KEPT: LazyLock<ProcessMutex<Kept>> = LazyLock::new(ProcessMutex::default);

/// Keeps the indexes from being changed.
pub fn stand_still() -> Box<dyn Still> {
    Box::new(KEPT.lock())
}

impl Still for ProcessGuard<'static, Kept> {}

/// Sets the most bytes that are kept, and drops what is more.
pub fn set_bound(bound: u64) {
    BOUND.store(bound, Relaxed);
    let dropped = KEPT.lock().make_room();
    drop(dropped);
}

/// The most bytes of one thing that are kept: what would take all the room alone is not.
pub fn most_at_once() -> u64 {
    BOUND.load(Relaxed) / 2
}

/// The bytes that are kept.
pub fn kept_bytes() -> u64 {
    KEPT.lock().bytes
}

/// The index of one file, for one of its openings.
pub struct Index {
    file: u64,
    /// What tells the file from others; without it no other opening shares the index.
    identity: Option<Arc<str>>,
}

/// All that is kept. Trees and no hash tables, for it is never freed: memory that a checker finds.
#[derive(Default)]
struct Kept {
    /// By file, and by its place there.
    entries: BTreeMap<(u64, u64), Entry>,
    bytes: u64,
    /// Where the search for the next entry to go has come to.
    hand: (u64, u64),
    /// The files with an identity that are open, or of which something is kept.
    files: BTreeMap<u64, File>,
    /// Their numbers.
    numbers: BTreeMap<Arc<str>, u64>,
    next: u64,
}

struct File {
    identity: Arc<str>,
    openings: u64,
}

struct Entry {
    value: Value,
    bytes: u64,
    /// It was used since the hand came by.
    used: bool,
}

#[derive(Clone)]
enum Value {
    Piece(Arc<[u8]>),
    Found(Arc<dyn Any + Send + Sync>),
}

impl Index {
    /// The index of a file, shared with other openings where the bytes have an identity.
    pub fn of(bytes: &dyn Bytes) -> Self {
        let identity: Option<Arc<str>> = bytes.identity().map(Arc::from);
        let mut kept = KEPT.lock();
        let known = identity
            .as_ref()
            .and_then(|identity| kept.numbers.get(identity));
        let file = known.copied().unwrap_or(kept.next);
        kept.next += u64::from(file == kept.next);
        if let Some(identity) = &identity {
            kept.numbers.insert(identity.clone(), file);
            let new = File {
                identity: identity.clone(),
                openings: 0,
            };
            kept.files.entry(file).or_insert(new).openings += 1;
        }
        Self { file, identity }
    }

    /// An index of what no other opening has.
    pub fn of_one_opening() -> Self {
        let mut kept = KEPT.lock();
        let file = kept.next;
        kept.next += 1;
        Self {
            file,
            identity: None,
        }
    }

    /// Fills `into` with bytes of a table that lies in `table`, out of its pieces.
    pub fn read(
        &self,
        bytes: &dyn Bytes,
        table: &Range<u64>,
        mut at: u64,
        mut into: &mut [u8],
    ) -> Result<()> {
        while !into.is_empty() {
            let page = at / PIECE * PIECE;
            let range = page.max(table.start)..(page + PIECE).min(table.end);
            let from = (at - range.start) as usize;
            let piece = self.piece(bytes, range)?;
            let len = into.len().min(piece.len() - from);
            let (now, later) = into.split_at_mut(len);
            now.copy_from_slice(&piece[from..from + len]);
            (at, into) = (at + len as u64, later);
        }
        Ok(())
    }

    fn piece(&self, bytes: &dyn Bytes, range: Range<u64>) -> Result<Arc<[u8]>> {
        let len = range.end - range.start;
        let known = KEPT.lock().find((self.file, range.start));
        if let Some(Value::Piece(piece)) = known
            && piece.len() as u64 == len
        {
            return Ok(piece);
        }
        let mut piece = zeroed(len)?;
        bytes.read_near(range.start, &mut piece)?;
        // Other openings must not see what was read of a file that changed.
        bytes.check_unchanged()?;
        let piece: Arc<[u8]> = piece.into();
        self.keep(range.start, Value::Piece(piece.clone()), len);
        Ok(piece)
    }

    /// What another opening found in the header of the file.
    pub fn header<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.found(HEADER)
    }

    /// Keeps what was found in the header, of so many bytes, for other openings of the file.
    pub fn keep_header<T: Any + Send + Sync>(&self, header: &Arc<T>, bytes: u64) {
        if self.identity.is_some() {
            self.keep_found(HEADER, header, bytes);
        }
    }

    /// What was found at a place of the file, by which nothing else is kept.
    pub fn found<T: Any + Send + Sync>(&self, at: u64) -> Option<Arc<T>> {
        match KEPT.lock().find((self.file, at))? {
            Value::Found(found) => found.downcast().ok(),
            Value::Piece(_) => None,
        }
    }

    /// Keeps what was found at a place, of so many bytes.
    pub fn keep_found<T: Any + Send + Sync>(&self, at: u64, found: &Arc<T>, bytes: u64) {
        if bytes <= most_at_once() {
            self.keep(at, Value::Found(found.clone()), bytes);
        }
    }

    fn keep(&self, at: u64, value: Value, bytes: u64) {
        let name = self.identity.as_ref().map_or(0, |name| name.len() as u64);
        let bytes = bytes + OVERHEAD + name;
        let entry = Entry {
            value,
            bytes,
            used: true,
        };
        let mut kept = KEPT.lock();
        let old = kept.entries.insert((self.file, at), entry);
        kept.bytes += bytes;
        kept.bytes -= old.as_ref().map_or(0, |old| old.bytes);
        let dropped = kept.make_room();
        drop(kept);
        drop((old, dropped));
    }

    /// Drops what is kept of the file.
    pub fn forget(&self) {
        let dropped = KEPT.lock().remove_file(self.file);
        drop(dropped);
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        if self.identity.is_none() {
            // No other opening can ask for it.
            return self.forget();
        }
        let mut kept = KEPT.lock();
        if let Some(file) = kept.files.get_mut(&self.file) {
            file.openings -= 1;
        }
        kept.forget_name(self.file);
    }
}

impl Kept {
    fn find(&mut self, at: (u64, u64)) -> Option<Value> {
        let entry = self.entries.get_mut(&at)?;
        entry.used = true;
        Some(entry.value.clone())
    }

    /// Takes out what was not used lately, until the rest is within the bound.
    fn make_room(&mut self) -> Vec<Entry> {
        let bound = BOUND.load(Relaxed);
        let mut dropped = Vec::new();
        while self.bytes > bound {
            let mut behind = self.entries.range((Excluded(self.hand), Unbounded));
            let next = behind.next().or_else(|| self.entries.first_key_value());
            let Some(at) = next.map(|(at, _)| *at) else {
                break;
            };
            self.hand = at;
            let entry = self.entries.get_mut(&at);
            let was_used = entry.is_some_and(|entry| std::mem::take(&mut entry.used));
            if !was_used {
                dropped.extend(self.remove(at));
            }
        }
        dropped
    }

    fn remove(&mut self, at: (u64, u64)) -> Option<Entry> {
        let entry = self.entries.remove(&at)?;
        self.bytes -= entry.bytes;
        self.forget_name(at.0);
        Some(entry)
    }

    fn remove_file(&mut self, file: u64) -> Vec<Entry> {
        let of_file = self.entries.range((file, 0)..=(file, HEADER));
        let places: Vec<_> = of_file.map(|(at, _)| *at).collect();
        places
            .into_iter()
            .filter_map(|at| self.remove(at))
            .collect()
    }

    /// Forgets the identity of a file that is not open and of which nothing is kept.
    fn forget_name(&mut self, file: u64) {
        let is_kept = self
            .entries
            .range((file, 0)..=(file, HEADER))
            .next()
            .is_some();
        let is_open = self.files.get(&file).is_some_and(|file| file.openings > 0);
        if !is_kept
            && !is_open
            && let Some(file) = self.files.remove(&file)
        {
            self.numbers.remove(&file.identity);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::MemoryBytes;
    use crate::sync::atomic::AtomicUsize;

    /// Bytes with a name, and the reads of them.
    struct Named(MemoryBytes, Option<&'static str>, AtomicUsize);

    impl Bytes for Named {
        fn len(&self) -> u64 {
            self.0.len()
        }

        fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<()> {
            self.2.fetch_add(1, Relaxed);
            self.0.read_at(offset, into)
        }

        fn identity(&self) -> Option<String> {
            self.1.map(str::to_owned)
        }
    }

    fn named(name: Option<&'static str>) -> Named {
        let bytes: Vec<u8> = (0..300_000u32).map(|i| (i / 3) as u8).collect();
        Named(MemoryBytes::new(bytes), name, AtomicUsize::new(0))
    }

    fn reads(bytes: &Named) -> usize {
        bytes.2.swap(0, Relaxed)
    }

    #[test]
    fn a_table_is_read_by_pieces_once_for_all_openings() {
        let bytes = named(Some("index-shared"));
        let table = 1001..250_003;
        let mut got = [0; 8];
        for opening in 0..3 {
            let index = Index::of(&bytes);
            // Two pieces, and a number that lies in both.
            for at in [1001, 65_530, 65_532] {
                index.read(&bytes, &table, at, &mut got).expect("bytes");
                let expected: Vec<u8> = (at..at + 8).map(|i| (i / 3) as u8).collect();
                assert_eq!(got[..], expected);
            }
            assert_eq!(reads(&bytes), if opening == 0 { 2 } else { 0 });
        }
        let index = Index::of(&bytes);
        index.forget();
        index.read(&bytes, &table, 1001, &mut got).expect("bytes");
        assert_eq!(reads(&bytes), 1);
        index.forget();
    }

    #[test]
    fn bytes_without_an_identity_share_nothing_and_leave_nothing() {
        let bytes = named(None);
        let mut got = [0; 4];
        for _ in 0..2 {
            let index = Index::of(&bytes);
            index.read(&bytes, &(0..100), 0, &mut got).expect("bytes");
            assert_eq!(reads(&bytes), 1);
            let file = index.file;
            drop(index);
            let kept = KEPT.lock();
            assert!(
                kept.entries
                    .range((file, 0)..=(file, HEADER))
                    .next()
                    .is_none()
            );
            assert!(!kept.files.contains_key(&file));
        }
    }

    #[test]
    fn what_was_not_used_lately_goes_first_and_with_it_the_name_of_a_closed_file() {
        let mut kept = Kept::default();
        let entry = |used| Entry {
            value: Value::Piece(Arc::from([])),
            bytes: 20 << 20,
            used,
        };
        for (file, used) in [(1, true), (2, false)] {
            let identity: Arc<str> = file.to_string().into();
            kept.numbers.insert(identity.clone(), file);
            let openings = 0;
            kept.files.insert(file, File { identity, openings });
            kept.entries.insert((file, 0), entry(used));
            kept.bytes += 20 << 20;
        }
        assert_eq!(kept.make_room().len(), 1);
        assert_eq!(kept.entries.keys().collect::<Vec<_>>(), [&(1, 0)]);
        assert_eq!(kept.files.keys().collect::<Vec<_>>(), [&1]);
        assert_eq!((kept.numbers.len(), kept.bytes), (1, 20 << 20));
    }
}
