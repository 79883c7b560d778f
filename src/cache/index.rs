//! Where tiles are looked up, apart from the books: a table that is read without a lock.
//!
//! A look-up follows the chain of its bucket and pins what it finds: [`Index::hit`] as it saw it, which fails
//! if the entry was closed since, [`Index::find`] whatever it is by then, and looks again whether that is
//! still there to be found. What takes an entry away first lets nothing find it, then closes it, and then
//! looks whether it is pinned: so look-ups and evictions cannot pass each other by. A look-up that finds
//! nothing while chains are changed looks once more under the lock of those changes.
//!
//! Only what holds the store's lock adds and removes entries, so under it the index stands still.

use super::counts::Counts;
use super::hit_counts::{self, Hits};
use super::key::KeyId;
use super::stamp::{self, Stamp};
use crate::image::{Bands, Block};
use crate::memory::Buffer;
use crate::pages::Pages;
use crate::slab::{Handle, NodeRef, Slab, flag};
use crate::sync::atomic::{AtomicU16, AtomicU32, AtomicU64, Ordering};
use crate::sync::{Hashing, Mutex};
use crate::thread::{Seat, Stripe};
use crate::tile::{Form, Pixels, Tile};
use smallvec::SmallVec;
use std::hash::BuildHasher;
use std::sync::Arc;

/// The number of an entry.
pub type EntryId = u32;

/// A chain this long was followed while it changed, or is that of an enemy.
const LONG: u32 = 64;

/// A place in the cache: a block of the image known by a key.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub struct Cell {
    row: u64,
    col: u64,
    pub key: KeyId,
    pub level: u32,
}

impl Cell {
    pub fn new(key: KeyId, at: Block) -> Self {
        Self {
            row: at.row,
            col: at.col,
            key,
            level: at.level,
        }
    }

    pub fn block(&self) -> Block {
        Block::new(self.level, self.row, self.col)
    }

    fn label(&self) -> [u64; 3] {
        let above = u64::from(self.level) << u32::BITS;
        [self.row, self.col, above | u64::from(self.key)]
    }

    fn of_label([row, col, rest]: [u64; 3]) -> Self {
        Self {
            row,
            col,
            key: rest as u32,
            level: (rest >> u32::BITS) as u32,
        }
    }
}

/// What a look-up is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// A use that counts as a hit.
    Get,
    /// A hit that is no use.
    Read,
    /// A use that is not counted.
    Touch,
    /// Neither.
    Peek,
}

/// An entry of a cell beside others, as a tile with its bands.
pub struct Neighbour {
    pub id: EntryId,
    pub tile: Tile,
    pub bands: Bands,
    pub is_put: bool,
}

/// What a look-up finds.
pub struct Found {
    pub tile: Tile,
    /// Whether the tile has just the bands asked for, and not more.
    pub is_exact: bool,
    /// Whether this was the first get of what was made ahead of it.
    pub is_first: bool,
}

impl Found {
    /// The bands that the tile has, where they are more than those asked for.
    pub fn has(&self) -> Option<&Bands> {
        (!self.is_exact).then(|| &self.tile.form().bands)
    }
}

/// All entries of a cache.
pub struct Index {
    slab: Slab,
    /// The first entry of each bucket, plus one; 0 for none. Their number grows by one at a time.
    buckets: Pages<[AtomicU32; PAGE]>,
    /// A [`Size`].
    size: AtomicU64,
    /// Odd while chains are changed, or entries may be hidden that come to light again.
    version: AtomicU64,
    /// How many entries there are: held while chains are changed.
    entries: Mutex<u32>,
    /// What happened under all keys.
    pub counts: Counts,
    /// What new entries are marked with beside the rest.
    marks: AtomicU16,
    /// What cells are hashed with.
    seeds: [u64; 3],
}

/// Buckets for each entry at least, lest look-ups pass by entries of other cells.
const SPACE: u64 = 2;

/// Buckets of a page, and the least number of them.
const PAGE: usize = 512;

impl Index {
    /// Without entries. Where it is observed, look-ups of new ones go the long way until [`Index::observe_no_more`].
    pub fn new(is_observed: bool) -> Self {
        let hasher = Hashing::default();
        Self {
            slab: Slab::default(),
            buckets: first_page(),
            size: AtomicU64::new(Size::of(PAGE as u32).0),
            version: AtomicU64::new(0),
            entries: Mutex::new(0),
            counts: Counts::default(),
            marks: AtomicU16::new(if is_observed { flag::OBSERVED } else { 0 }),
            seeds: std::array::from_fn(|seed| hasher.hash_one(seed) | 1),
        }
    }
}

/// Both halves of a product.
#[inline(always)]
fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// How many buckets there are, below the largest power of two that is not more, less one.
#[derive(Clone, Copy)]
struct Size(u64);

impl Size {
    fn of(buckets: u32) -> Self {
        let mask = (1u64 << buckets.ilog2()) - 1;
        Self((mask << u32::BITS) | u64::from(buckets))
    }

    fn buckets(self) -> u32 {
        self.0 as u32
    }

    /// The bucket of a hash.
    #[inline(always)]
    fn bucket_of(self, hash: u64) -> u32 {
        let mask = (self.0 >> u32::BITS) as u32;
        let at = hash as u32 & (2 * mask + 1);
        if at < self.buckets() { at } else { at & mask }
    }
}

fn new_page() -> [AtomicU32; PAGE] {
    std::array::from_fn(|_| AtomicU32::new(0))
}

fn first_page() -> Pages<[AtomicU32; PAGE]> {
    let pages = Pages::default();
    pages.make(0, new_page);
    pages
}

impl Index {
    #[inline(always)]
    fn hash(&self, label: &[u64; 3]) -> u64 {
        let [rows, cols, all] = &self.seeds;
        let place = mix(label[0] ^ rows, label[1] ^ cols);
        mix(place ^ label[2], *all)
    }

    /// The tile of a cell with all bands, as a use and a hit, if that is had without a lock, without
    /// memory and without anything that could fail. Else [`Index::find`] has the answer.
    #[inline(always)]
    pub fn hit(&self, cell: &Cell, hits: &Hits) -> Option<Tile> {
        const WANTED: u16 = flag::FINDABLE | flag::ALL_BANDS;
        const LONG_WAY: u16 = flag::UNREAD | flag::OBSERVED | flag::BELIEVED;
        // First, for what is asked of the thread is a call, across which little is to be kept.
        let (seat, stamp) = stamp::next_use();
        let stripe = seat.stripe();
        let label = cell.label();
        let mut next = self.bucket(self.hash(&label))?;
        for _ in 0..LONG {
            let node = self
                .slab
                .node(next.load(Ordering::Acquire).wrapping_sub(1))?;
            // Before the node is looked at, so that the pin fails if it became another since.
            let seen = node.as_seen(stripe)?;
            if !node.is_labelled(&label) {
                next = node.next();
                continue;
            }
            if node.flags() & (WANTED | LONG_WAY) != WANTED {
                return None;
            }
            // Where another thread of the stripe was faster, the node is looked at again.
            if let Some(handle) = seen.pin(stamp) {
                self.count(hits, seat);
                return Some(Tile::from_handle(handle));
            }
        }
        None
    }

    /// The tile of a cell with these bands, of an image with `all` bands, or with more of them; counted
    /// among `hits`, if there are any, where the look is a hit.
    pub fn find(
        &self,
        cell: &Cell,
        bands: &Bands,
        all: Option<u32>,
        look: Look,
        hits: Option<&Hits>,
    ) -> Option<Found> {
        let (handle, node, is_exact) = self.look_up(cell, bands, all)?;
        if matches!(look, Look::Get | Look::Touch) {
            let (seat, stamp) = stamp::next_use();
            node.note_use(seat.stripe(), stamp);
        }
        if let (Look::Get | Look::Read, Some(hits)) = (look, hits) {
            self.count(hits, Seat::current());
        }
        let flags = node.flags();
        if flags & flag::HANDED == 0 {
            node.hand_out();
        }
        // Read in passing, it is no longer unread, but is not used either.
        let is_first = look != Look::Peek
            && flags & flag::UNREAD != 0
            && node.unset(flag::UNREAD) & flag::UNREAD != 0;
        Some(Found {
            tile: Tile::from_handle(handle),
            is_exact,
            is_first,
        })
    }

    /// Counts a hit under a key, and among all.
    #[inline(always)]
    fn count(&self, hits: &Hits, seat: Seat) {
        hit_counts::count([hits, &self.counts.hits], seat);
    }

    /// Whether a cell has these very bands or more of them.
    pub fn contains(&self, cell: &Cell, bands: &Bands, all: Option<u32>) -> bool {
        let label = cell.label();
        let hash = self.hash(&label);
        let version = self.version.load(Ordering::SeqCst);
        let mut left = LONG;
        let seems_there = self.chain(hash).any(|node| {
            left -= 1;
            left == 0 || node.is_labelled(&label)
        });
        if !seems_there
            && version.is_multiple_of(2)
            && self.version.load(Ordering::SeqCst) == version
        {
            return false;
        }
        let _still = self.entries.lock();
        let serves = |node: &NodeRef<'_>| {
            let serves = |pixels: &Pixels| {
                let own = &pixels.form().bands;
                own == bands || own.serve(bands, all)
            };
            node.is_labelled(&label) && self.slab.look(node.id(), serves) == Some(true)
        };
        self.chain(hash).any(|node| serves(&node))
    }

    /// The entry of a cell for just these bands.
    pub fn exact(&self, cell: &Cell, bands: &Bands) -> Option<EntryId> {
        let label = cell.label();
        let _still = self.entries.lock();
        let is_it = |id: EntryId| self.slab.look(id, |pixels| pixels.form().bands == *bands);
        self.chain(self.hash(&label))
            .filter(|node| node.is_labelled(&label))
            .map(|node| node.id())
            .find(|id| is_it(*id) == Some(true))
    }

    /// The entries of a cell.
    pub fn entries_of(&self, cell: &Cell) -> SmallVec<[EntryId; 1]> {
        let label = cell.label();
        let _still = self.entries.lock();
        let chain = self.chain(self.hash(&label));
        chain
            .filter(|node| node.is_labelled(&label))
            .map(|node| node.id())
            .collect()
    }

    /// The entries of a cell that have some of these bands; not a use.
    pub fn meeting(&self, cell: &Cell, bands: &Bands) -> SmallVec<[Neighbour; 1]> {
        let label = cell.label();
        let _still = self.entries.lock();
        let chain = self.chain(self.hash(&label));
        let meets = |node: &NodeRef<'_>| {
            let meets = |pixels: &Pixels| pixels.form().bands.meet(bands);
            node.is_labelled(&label) && self.slab.look(node.id(), meets) == Some(true)
        };
        let neighbour = |node: NodeRef<'_>| {
            let tile = Tile::from_handle(node.pin(Stripe::own())?);
            node.hand_out();
            Some(Neighbour {
                id: node.id(),
                bands: tile.form().bands.clone(),
                tile,
                is_put: node.flags() & flag::PUT != 0,
            })
        };
        chain.filter(meets).filter_map(neighbour).collect()
    }

    /// An entry is what a caller put.
    pub fn mark_put(&self, id: EntryId) {
        if let Some(node) = self.slab.node(id) {
            node.set(flag::PUT);
        }
    }

    /// Look-ups of entries that are new from now on go the long way, where it is looked whether they may be believed.
    pub fn believe_nothing(&self) {
        self.marks.fetch_or(flag::BELIEVED, Ordering::Relaxed);
    }

    /// The entries of a cell need not be noted one by one any more.
    pub fn observe_no_more(&self, cell: &Cell) {
        for id in self.entries_of(cell) {
            if let Some(node) = self.slab.node(id) {
                node.unset(flag::OBSERVED);
            }
        }
    }

    /// Whether an entry is, or was until it was taken out, what a caller put.
    pub fn is_put(&self, id: EntryId) -> bool {
        let node = self.slab.node(id);
        node.is_some_and(|node| node.flags() & flag::PUT != 0)
    }

    /// What some entry of a cell looks like.
    pub fn any_form(&self, cell: &Cell) -> Option<Arc<Form>> {
        let label = cell.label();
        let _still = self.entries.lock();
        let node = self
            .chain(self.hash(&label))
            .find(|node| node.is_labelled(&label))?;
        self.slab.look(node.id(), |pixels| pixels.form().clone())
    }

    /// The entries of a bucket, as they follow each other now.
    fn chain(&self, hash: u64) -> impl Iterator<Item = NodeRef<'_>> {
        let node = |next: &AtomicU32| {
            let next = next.load(Ordering::Acquire);
            self.slab.node(next.wrapping_sub(1))
        };
        std::iter::successors(self.bucket(hash).and_then(node), move |last| {
            node(last.next())
        })
    }

    /// A handle to the entry for these bands, or else to one with more; says which.
    fn look_up(
        &self,
        cell: &Cell,
        bands: &Bands,
        all: Option<u32>,
    ) -> Option<(Handle, NodeRef<'_>, bool)> {
        let label = cell.label();
        let hash = self.hash(&label);
        let version = self.version.load(Ordering::SeqCst);
        match self.follow(hash, &label, bands, all) {
            Ok(Some(found)) => Some(found),
            Ok(None)
                if version.is_multiple_of(2) && self.version.load(Ordering::SeqCst) == version =>
            {
                None
            }
            _ => self.look_again(hash, &label, bands, all),
        }
    }

    #[cold]
    #[inline(never)]
    fn look_again(
        &self,
        hash: u64,
        label: &[u64; 3],
        bands: &Bands,
        all: Option<u32>,
    ) -> Option<(Handle, NodeRef<'_>, bool)> {
        // Dropped after the lock is given back, for the last handle may go with one.
        let mut others = SmallVec::<[Handle; 1]>::new();
        let _still = self.entries.lock();
        let mut more = None;
        for node in self.chain(hash).filter(|node| node.is_labelled(label)) {
            match self.try_node(node, label, bands, all) {
                Tried::Exact(handle) => {
                    others.extend(more.map(|(handle, _, _)| handle));
                    return Some((handle, node, true));
                }
                Tried::More(handle) if more.is_none() => more = Some((handle, node, false)),
                Tried::More(handle) | Tried::Other(handle) => others.push(handle),
                Tried::Gone => (),
            }
        }
        more
    }

    /// Follows a chain, which others may change meanwhile: an error if it seems that they do.
    fn follow(
        &self,
        hash: u64,
        label: &[u64; 3],
        bands: &Bands,
        all: Option<u32>,
    ) -> Result<Option<(Handle, NodeRef<'_>, bool)>, Changed> {
        let Some(mut next) = self.bucket(hash) else {
            return Ok(None);
        };
        let mut more = None;
        for _ in 0..LONG {
            let Some(node) = self.slab.node(next.load(Ordering::Acquire).wrapping_sub(1)) else {
                return Ok(more);
            };
            if node.is_labelled(label) {
                match self.try_node(node, label, bands, all) {
                    Tried::Exact(handle) => return Ok(Some((handle, node, true))),
                    Tried::More(handle) if more.is_none() => more = Some((handle, node, false)),
                    Tried::More(_) | Tried::Other(_) => (),
                    Tried::Gone => return Err(Changed),
                }
            }
            next = node.next();
        }
        Err(Changed)
    }

    /// Pins an entry, and looks then whether it is there to be found, in the cell, and has the bands.
    fn try_node(
        &self,
        node: NodeRef<'_>,
        label: &[u64; 3],
        bands: &Bands,
        all: Option<u32>,
    ) -> Tried {
        let Some(handle) = node.pin(Stripe::own()) else {
            return Tried::Gone;
        };
        let flags = node.flags();
        if flags & flag::FINDABLE == 0 || !node.is_labelled(label) {
            return Tried::Gone;
        }
        let is_exact = match bands.list() {
            None => flags & flag::ALL_BANDS != 0,
            Some(_) => handle.pixels().form().bands == *bands,
        };
        if is_exact {
            Tried::Exact(handle)
        } else if handle.pixels().form().bands.serve(bands, all) {
            Tried::More(handle)
        } else {
            Tried::Other(handle)
        }
    }

    fn size(&self) -> Size {
        Size(self.size.load(Ordering::Acquire))
    }

    /// The bucket of a hash, which exists since it was counted.
    #[inline(always)]
    fn bucket(&self, hash: u64) -> Option<&AtomicU32> {
        self.bucket_at(self.size().bucket_of(hash))
    }

    #[inline(always)]
    fn bucket_at(&self, at: u32) -> Option<&AtomicU32> {
        let page = self.buckets.get(at as usize / PAGE)?;
        Some(&page[at as usize % PAGE])
    }

    /// The same, for those that change it.
    fn own_bucket(&self, hash: u64) -> &AtomicU32 {
        self.bucket(hash).expect("a bucket that was counted")
    }

    /// Adds an entry whose buffer somebody holds.
    pub fn insert(&self, cell: &Cell, pixels: Pixels, is_unread: bool, is_open: bool) -> EntryId {
        let mut entries = self.entries.lock();
        let label = cell.label();
        let mut flags = flag::FINDABLE | self.marks.load(Ordering::Relaxed);
        flags |= if is_unread { flag::UNREAD } else { 0 };
        if pixels.form().bands == Bands::ALL {
            flags |= flag::ALL_BANDS;
        }
        let id = self.slab.insert(pixels, label, flags, stamp::unused());
        if is_open {
            self.slab.open(id);
        }
        *entries += 1;
        while u64::from(*entries) * SPACE > u64::from(self.size().buckets()) {
            self.changing(|| self.split());
        }
        let bucket = self.own_bucket(self.hash(&label));
        if let Some(node) = self.slab.node(id) {
            node.hand_out();
            let first = bucket.load(Ordering::Relaxed);
            node.next().store(first, Ordering::Release);
            bucket.store(id + 1, Ordering::Release);
        }
        id
    }

    /// Does what look-ups may be led astray by. The lock is held.
    fn changing<R>(&self, change: impl FnOnce() -> R) -> R {
        self.version.fetch_add(1, Ordering::SeqCst);
        let result = change();
        self.version.fetch_add(1, Ordering::SeqCst);
        result
    }

    /// Makes one bucket more, out of the one that has had its entries so far.
    fn split(&self) {
        let buckets = self.size().buckets();
        let (from, size) = (buckets - (1 << buckets.ilog2()), Size::of(buckets + 1));
        self.buckets.make(buckets as usize / PAGE, new_page);
        let (Some(old), Some(new)) = (self.bucket_at(from), self.bucket_at(buckets)) else {
            return;
        };
        self.size.store(size.0, Ordering::SeqCst);
        let mut next = old.swap(0, Ordering::AcqRel);
        while let Some(node) = self.slab.node(next.wrapping_sub(1)) {
            let id = next;
            next = node.next().load(Ordering::Relaxed);
            let stays = size.bucket_of(self.hash(&node.label())) == from;
            let into = if stays { old } else { new };
            node.next()
                .store(into.load(Ordering::Relaxed), Ordering::Release);
            into.store(id, Ordering::Release);
        }
    }

    /// Takes an entry out of its chain. The lock is held, and the change announced.
    fn unlink(&self, id: EntryId) {
        let Some(node) = self.slab.node(id) else {
            return;
        };
        let mut link = self.own_bucket(self.hash(&node.label()));
        loop {
            let next = link.load(Ordering::Relaxed);
            if next == id + 1 {
                let after = node.next().load(Ordering::Relaxed);
                return link.store(after, Ordering::Release);
            }
            let Some(other) = self.slab.node(next.wrapping_sub(1)) else {
                return;
            };
            link = other.next();
        }
    }

    /// Takes out an entry: nothing finds it any more. Its handles, which its buffer knows of from now on,
    /// keep their pixels.
    pub fn remove(&self, id: EntryId) {
        {
            let mut entries = self.entries.lock();
            *entries -= 1;
            self.set_findable(&[id], false);
            self.changing(|| self.unlink(id));
        }
        self.slab.remove(id);
    }

    /// Takes out all entries of a buffer, unless somebody holds it; says whether that is so. The buffer
    /// knows of all its handles from now on.
    pub fn remove_unheld(&self, ids: &[EntryId], buffer: &Buffer) -> bool {
        let is_held = {
            let mut entries = self.entries.lock();
            self.changing(|| {
                self.set_findable(ids, false);
                ids.iter().for_each(|id| self.slab.close(*id));
                let is_held = buffer.is_pinned();
                if is_held {
                    self.set_findable(ids, true);
                } else {
                    ids.iter().for_each(|id| self.unlink(*id));
                    *entries -= ids.len() as u32;
                }
                is_held
            })
        };
        if !is_held {
            ids.iter().for_each(|id| self.slab.remove(*id));
        }
        !is_held
    }

    fn set_findable(&self, ids: &[EntryId], findable: bool) {
        for node in ids.iter().filter_map(|id| self.slab.node(*id)) {
            match findable {
                true => node.set(flag::FINDABLE),
                false => node.unset(flag::FINDABLE),
            };
        }
    }

    /// From now on the handles of an entry stand where each thread notes its own.
    pub fn open(&self, id: EntryId) {
        self.slab.open(id);
    }

    /// From now on the buffer of an entry knows of all its handles.
    pub fn close(&self, id: EntryId) {
        self.slab.close(id);
    }

    /// When an entry was last used, as far as look-ups have noted it.
    pub fn last_use(&self, id: EntryId) -> Stamp {
        let node = self.slab.node(id);
        stamp::of_use(node.map_or(0, |node| node.last_use()))
    }

    /// Handles of an entry less those that its buffer knows of.
    pub fn pins(&self, id: EntryId) -> i64 {
        self.slab.node(id).map_or(0, |node| node.pins())
    }

    /// Where an entry is, and what it looks like.
    pub fn place(&self, id: EntryId) -> (Cell, Arc<Form>) {
        let form = self.slab.look(id, |pixels| pixels.form().clone());
        (self.cell(id), form.expect("an entry"))
    }

    /// Where an entry is.
    pub fn cell(&self, id: EntryId) -> Cell {
        let node = self.slab.node(id).expect("an entry");
        Cell::of_label(node.label())
    }

    /// An entry was or is handed out by other ways than [`Index::find`].
    pub fn hand_out(&self, id: EntryId) {
        if let Some(node) = self.slab.node(id) {
            node.hand_out();
        }
    }

    /// In how many chunks entries may be held.
    pub fn chunks_held(&self) -> usize {
        self.slab.chunks_held()
    }

    /// Looks at the entries of at most so many chunks that may be held, until they are seen free: `work` says
    /// whether one is held.
    pub fn for_each_held(&self, most: usize, mut work: impl FnMut(EntryId) -> bool) {
        self.slab.for_each_held(most, |node| work(node.id()));
    }
}

/// A chain was changed while it was followed.
struct Changed;

/// What an entry of the right cell turned out to be.
enum Tried {
    /// One for just the bands asked for.
    Exact(Handle),
    /// One with more bands.
    More(Handle),
    /// One that lacks some.
    Other(Handle),
    /// One that is on its way out.
    Gone,
}
