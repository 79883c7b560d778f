//! Handles of pixels, and the slab of those that a cache keeps: there the handle is the entry itself.
//!
//! A node of a slab is pinned by each thread in a column of the thread's stripe, and unpinned where it was
//! pinned, so that taking and releasing a handle writes nothing that other threads write. A node is *open* while its pins stand in
//! the columns. [`Slab::close`] moves them into the count of the node and the pins of its buffer, where
//! all later ones go too: from then on the last release is seen. A pin and a close meet in one word of a
//! column, so that each pin is either moved or sees that it has to go to the count.
//!
//! A look-up takes no lock. It pins a node as it was seen, which fails if the node was closed since, or it
//! pins whatever a node is and then looks whether that is what it wanted. Nodes are therefore memory that
//! is never anything else: a chunk of them lives as long as its slab, or as long as one of its nodes is
//! held.

mod word;

use crate::pages::{Late, Pages};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};
use crate::thread::{STRIPES, Stripe};
use crate::tile::Pixels;
use std::cell::UnsafeCell;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr::NonNull;
use std::sync::{Arc, Weak};
use word::{AtomicWord, Word};

/// Nodes of a chunk: as many as there are bits in [`Chunk::handed`].
const NODES: usize = 64;

/// No node.
pub const NONE: u32 = u32::MAX;

/// Flags of a node, which a look-up asks for.
pub mod flag {
    /// Look-ups may hand it out.
    pub const FINDABLE: u32 = 1;
    /// Made ahead of its first use.
    pub const UNREAD: u32 = 2;
    /// It has all bands of its image.
    pub const ALL_BANDS: u32 = 4;
    /// Handed out since it was last seen free.
    pub const HANDED: u32 = 64;
    /// Put by a caller, not loaded.
    pub const PUT: u32 = 128;
    /// Its pins stand in the columns.
    pub(super) const OPEN: u32 = 8;
    /// The slab itself counts as a handle.
    pub(super) const LIVE: u32 = 16;
    /// No node, but a handle apart from any cache.
    pub(super) const APART: u32 = 32;
    /// Above it stands which node of its chunk it is.
    pub(super) const PLACE: u32 = 8;
    /// Above it stands the mark of what keeps it.
    pub(super) const MARK: u32 = 16;
}
use flag::{APART, FINDABLE, HANDED, LIVE, MARK, OPEN, PLACE};

/// What an open node counts beside its handles, lest they seem to be none while they are moved.
const OPEN_COUNT: i64 = 1 << 40;

/// What every handle points to.
#[repr(C)]
struct Head {
    pixels: UnsafeCell<MaybeUninit<Pixels>>,
    flags: AtomicU32,
    /// Of look-ups: the next node of a chain. Of free nodes: the next one that is free.
    next: AtomicU32,
}

impl Head {
    fn new(pixels: MaybeUninit<Pixels>, flags: u32) -> Self {
        Self {
            pixels: UnsafeCell::new(pixels),
            flags: AtomicU32::new(flags),
            next: AtomicU32::new(NONE),
        }
    }
}

// SAFETY: pixels are written before there are handles, and only read while there are any.
unsafe impl Sync for Head {}

/// Pixels with handles apart from any cache; all of them are one pin of the buffer.
#[repr(C)]
struct Apart(Head);

impl Drop for Apart {
    fn drop(&mut self) {
        // SAFETY: written when it was made, and dropped here alone.
        let pixels = unsafe { self.0.pixels.get_mut().assume_init_read() };
        pixels.buffer().unpin();
    }
}

#[repr(C, align(64))]
struct Node {
    head: Head,
    /// Handles that stand in no column, one for the slab, and [`OPEN_COUNT`]; 0 for a free node.
    count: AtomicI64,
    label: [AtomicU64; 3],
}

type Column = [AtomicWord; NODES];

#[repr(C)]
struct Chunk {
    nodes: [Node; NODES],
    columns: [Late<Column>; STRIPES],
    /// One bit for each node: handed out since it was last seen free.
    handed: AtomicU64,
    number: u32,
    slab: Weak<Shared>,
}

impl Chunk {
    fn new(number: u32, slab: Weak<Shared>) -> Self {
        let node = |place: usize| Node {
            head: Head::new(MaybeUninit::uninit(), (place as u32) << PLACE),
            count: AtomicI64::new(0),
            label: Default::default(),
        };
        Self {
            nodes: std::array::from_fn(node),
            columns: Default::default(),
            handed: AtomicU64::new(0),
            number,
            slab,
        }
    }

    /// The column of a stripe, made if there is none. To be called under the lock of the slab, if
    /// there is one.
    fn make_column(&self, stripe: Stripe) -> &Column {
        self.columns[stripe.number()].get_or_make(|| {
            let closed = Word::closed(0);
            let word = |node: &Node| match node.head.flags.load(Ordering::SeqCst) & OPEN {
                0 => AtomicWord::new(closed),
                _ => AtomicWord::new(closed.open()),
            };
            self.nodes.each_ref().map(word)
        })
    }

    /// The words of a node in all columns that there are.
    fn words(&self, place: usize) -> impl Iterator<Item = &AtomicWord> {
        let columns = self.columns.iter().filter_map(Late::get);
        columns.map(move |column| &column[place])
    }
}

struct Shared {
    chunks: Pages<Chunk>,
    /// Held while nodes are opened and closed.
    free: Mutex<Free>,
    /// The numbers of chunks of which a node was handed out since they were last seen free.
    handed: Mutex<Vec<u32>>,
}

/// The nodes without pixels.
struct Free {
    /// The first of those that had some.
    first: u32,
    /// The first of those that never had.
    fresh: u32,
}

/// A handle to pixels that stay as they are: to a node of a slab, or apart from any. Beside the address
/// stands in which stripe the node is pinned.
pub struct Handle(NonNull<Head>);

/// The bits of an address in which that stands.
const STRIPE: usize = STRIPES - 1;

// SAFETY: what it points to is shared among threads by atomics; pixels are only read.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

/// A node, for as long as its slab is borrowed.
#[derive(Clone, Copy)]
pub struct NodeRef<'a> {
    node: NonNull<Node>,
    chunk: &'a Chunk,
    place: usize,
}

/// An open node as a thread of a stripe saw it.
pub struct Seen<'a> {
    node: NodeRef<'a>,
    stripe: Stripe,
    word: &'a AtomicWord,
    seen: Word,
}

impl Seen<'_> {
    /// A handle to the node, as a use with this stamp, unless its pins in the stripe were changed since it was
    /// seen. So what was read of the node in between, label and pixels, is still so.
    #[inline(always)]
    pub fn pin(self, stamp: u64) -> Option<Handle> {
        let Self { node, stripe, .. } = self;
        let replaced = self.word.replace(self.seen, self.seen.pinned(stamp));
        if replaced.is_err() {
            return None;
        }
        let handle = Handle::of_node(node.node, stripe);
        // After the pin, for what looks for held nodes takes the flag away before it looks for pins.
        match node.flags() & HANDED {
            0 => Some(handle.handed_out()),
            _ => Some(handle),
        }
    }
}

impl Handle {
    /// A handle apart from any cache.
    pub fn apart(pixels: Pixels) -> Self {
        pixels.buffer().pin();
        let apart = Arc::new(Apart(Head::new(MaybeUninit::new(pixels), APART)));
        let apart = Arc::into_raw(apart).cast_mut();
        // SAFETY: what an `Arc` gives is never NULL.
        Self(unsafe { NonNull::new_unchecked(apart) }.cast())
    }

    /// A handle to a node that was pinned in a stripe.
    #[inline(always)]
    fn of_node(node: NonNull<Node>, stripe: Stripe) -> Self {
        let marked = node
            .cast::<Head>()
            .as_ptr()
            .map_addr(|at| at | stripe.number());
        // SAFETY: no address becomes NULL by bits that are set.
        Self(unsafe { NonNull::new_unchecked(marked) })
    }

    /// What it points to.
    #[inline(always)]
    fn head(&self) -> NonNull<Head> {
        let mark = self.0.addr().get() & STRIPE;
        let head = self.0.as_ptr().wrapping_byte_sub(mark);
        // SAFETY: the address of something, as it was before it was marked.
        unsafe { NonNull::new_unchecked(head) }
    }

    #[inline(always)]
    fn stripe(&self) -> Stripe {
        Stripe::of(self.0.addr().get() & STRIPE)
    }

    /// The pixels.
    #[inline(always)]
    pub fn pixels(&self) -> &Pixels {
        // SAFETY: a handle keeps what it points to alive, with its pixels written.
        unsafe { (*self.head().as_ref().pixels.get()).assume_init_ref() }
    }

    /// What [`Handle::set_mark`] has set; 0 at first.
    #[inline(always)]
    pub fn mark(&self) -> u16 {
        // SAFETY: a handle keeps what it points to alive.
        let flags = unsafe { self.head().as_ref() }
            .flags
            .load(Ordering::Relaxed);
        (flags >> MARK) as u16
    }

    /// Leaves a mark for those who get the same entry later.
    pub fn set_mark(&self, mark: u16) {
        // SAFETY: as above.
        let flags = unsafe { &self.head().as_ref().flags };
        let marked = |flags: u32| Some((flags % (1 << MARK)) | (u32::from(mark) << MARK));
        let _ = flags.fetch_update(Ordering::SeqCst, Ordering::SeqCst, marked);
    }

    /// The handle as an address, to be given back to [`Handle::from_raw`].
    pub fn into_raw(self) -> NonNull<()> {
        ManuallyDrop::new(self).0.cast()
    }

    /// The handle that was given away.
    ///
    /// # Safety
    /// `raw` must come from [`Handle::into_raw`], and is given back once only.
    pub unsafe fn from_raw(raw: NonNull<()>) -> Self {
        Self(raw.cast())
    }

    /// Drops the handle, unless that may be the last and so may run any code: then it is given back.
    #[inline(always)]
    pub fn release_quickly(self) -> Option<Self> {
        let handle = ManuallyDrop::new(self);
        let node = handle.node();
        let done = node.is_some_and(|node| node.unpin_in_column(handle.stripe()));
        (!done).then(|| ManuallyDrop::into_inner(handle))
    }

    /// The handle, after it was noted that its node is handed out.
    #[cold]
    #[inline(never)]
    fn handed_out(self) -> Self {
        if let Some(node) = self.node() {
            node.hand_out();
        }
        self
    }

    /// The node, unless the handle is apart.
    #[inline(always)]
    fn node(&self) -> Option<NodeRef<'_>> {
        let head = self.head();
        // SAFETY: a handle keeps what it points to alive.
        let flags = unsafe { head.as_ref() }.flags.load(Ordering::Relaxed);
        // SAFETY: such a handle was made of a node, and keeps its chunk alive.
        (flags & APART == 0).then(|| unsafe { NodeRef::at(head.cast(), flags) })
    }
}

impl Clone for Handle {
    fn clone(&self) -> Self {
        match self.node() {
            Some(node) => {
                let handle = node.pin(self.stripe());
                handle.expect("a node that is held")
            }
            None => {
                // SAFETY: made of such an `Arc`, which is alive.
                unsafe { Arc::increment_strong_count(self.0.cast::<Apart>().as_ptr()) };
                Self(self.0)
            }
        }
    }
}

impl Drop for Handle {
    #[inline(always)]
    fn drop(&mut self) {
        match self.node() {
            Some(node) => {
                let stripe = self.stripe();
                if !node.unpin_in_column(stripe) {
                    node.unpin_in_count(stripe);
                }
            }
            None => drop_apart(self.0.cast()),
        }
    }
}

#[inline(never)]
fn drop_apart(apart: NonNull<Apart>) {
    // SAFETY: the handle that goes has one reference.
    let apart = unsafe { Arc::from_raw(apart.as_ptr()) };
    // A race detector does not see the fence by which the last owner of an `Arc` comes after all others.
    #[cfg(race_detector)]
    {
        // SAFETY: the pixels are there as long as the reference.
        let pixels = unsafe { (*apart.0.pixels.get()).assume_init_ref() };
        pixels.buffer().pin();
        pixels.buffer().unpin();
    }
    drop(apart);
}

impl<'a> NodeRef<'a> {
    /// # Safety
    /// `node` must have been reached through its chunk, which is alive for as long as the reference; the
    /// flags are its own.
    #[inline(always)]
    unsafe fn at(node: NonNull<Node>, flags: u32) -> Self {
        let place = (flags >> PLACE) as usize % NODES;
        // SAFETY: the nodes are the first member of the chunk.
        let chunk = unsafe { node.sub(place).cast::<Chunk>().as_ref() };
        Self { node, chunk, place }
    }

    /// The chunk as its `Arc` has it.
    fn chunk_pointer(&self) -> *const Chunk {
        self.node.as_ptr().wrapping_sub(self.place).cast()
    }

    #[inline(always)]
    fn get(&self) -> &'a Node {
        &self.chunk.nodes[self.place % NODES]
    }

    /// The number of the node.
    pub fn id(&self) -> u32 {
        self.chunk.number * NODES as u32 + self.place as u32
    }

    /// What it is found by.
    #[inline(always)]
    pub fn is_labelled(&self, label: &[u64; 3]) -> bool {
        let own = &self.get().label;
        own[0].load(Ordering::Relaxed) == label[0]
            && own[1].load(Ordering::Relaxed) == label[1]
            && own[2].load(Ordering::Relaxed) == label[2]
    }

    /// What it is found by.
    pub fn label(&self) -> [u64; 3] {
        let own = &self.get().label;
        std::array::from_fn(|at| own[at].load(Ordering::Relaxed))
    }

    /// The next node of the chain.
    #[inline(always)]
    pub fn next(&self) -> &'a AtomicU32 {
        &self.get().head.next
    }

    #[inline(always)]
    pub fn flags(&self) -> u32 {
        self.get().head.flags.load(Ordering::SeqCst)
    }

    /// Sets flags, and returns those from before.
    pub fn set(&self, flags: u32) -> u32 {
        self.get().head.flags.fetch_or(flags, Ordering::SeqCst)
    }

    /// Takes flags away, and returns those from before.
    pub fn unset(&self, flags: u32) -> u32 {
        self.get().head.flags.fetch_and(!flags, Ordering::SeqCst)
    }

    /// Notes that it is handed out, unless [`flag::HANDED`] says that this is known. To be called after it
    /// was pinned.
    pub fn hand_out(&self) {
        self.set(HANDED);
        let handed = &self.chunk.handed;
        if handed.fetch_or(1 << self.place, Ordering::SeqCst) == 0
            && let Some(slab) = self.chunk.slab.upgrade()
        {
            slab.handed.lock().push(self.chunk.number);
        }
    }

    /// The moment of the last use that a look-up has left; before the first one, that of its insertion or 0.
    pub fn last_use(&self) -> u64 {
        let words = self.chunk.words(self.place);
        let stamps = words.map(|word| word.load(Ordering::Relaxed).stamp());
        stamps.max().unwrap_or(0)
    }

    /// Handles less those that the pins of its buffer count: of one that is closed, none.
    pub fn pins(&self) -> i64 {
        let words = self.chunk.words(self.place);
        words.map(|word| word.load(Ordering::SeqCst).pins()).sum()
    }

    /// A handle to what the node is at this moment; `None` if it is free.
    pub fn pin(&self, stripe: Stripe) -> Option<Handle> {
        match self.pin_in_column(stripe) {
            None => self.pin_in_count(stripe),
            handle => handle,
        }
    }

    /// The node as it is now, if a thread of the stripe can pin it in the column.
    #[inline(always)]
    pub fn as_seen(&self, stripe: Stripe) -> Option<Seen<'a>> {
        let column = self.chunk.columns[stripe.number()].get()?;
        let word = &column[self.place % NODES];
        let seen = word.load(Ordering::Acquire);
        seen.can_pin().then_some(Seen {
            node: *self,
            stripe,
            word,
            seen,
        })
    }

    fn pin_in_column(&self, stripe: Stripe) -> Option<Handle> {
        loop {
            let pinned = self.as_seen(stripe)?.pin(0);
            if pinned.is_some() {
                return pinned;
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn pin_in_count(&self, stripe: Stripe) -> Option<Handle> {
        let up = |count: i64| (count != 0).then_some(count + 1);
        let count = &self.get().count;
        count
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, up)
            .ok()?;
        let handle = Handle::of_node(self.node, stripe);
        handle.pixels().buffer().pin();
        self.make_even(stripe);
        self.look_again();
        Some(handle)
    }

    /// Notes a use with this stamp.
    pub fn note_use(&self, stripe: Stripe, stamp: u64) {
        let word = &self.column(stripe)[self.place];
        word.change(|seen| Some(seen.used(stamp)));
    }

    /// Takes a pin out of a column; says whether it could.
    #[inline(always)]
    fn unpin_in_column(&self, stripe: Stripe) -> bool {
        if let Some(column) = self.chunk.columns[stripe.number()].get() {
            let word = &column[self.place % NODES];
            let mut seen = word.load(Ordering::Relaxed);
            while let Some(unpinned) = seen.unpinned() {
                match word.replace(seen, unpinned) {
                    Ok(()) => return true,
                    Err(now) => seen = now,
                }
            }
        }
        false
    }

    #[cold]
    #[inline(never)]
    fn unpin_in_count(&self, stripe: Stripe) {
        self.make_even(stripe);
        let node = self.get();
        // SAFETY: the handle that goes still keeps the pixels.
        let pixels = unsafe { (*node.head.pixels.get()).assume_init_ref() };
        pixels.buffer().unpin();
        self.look_again();
        if node.count.fetch_sub(1, Ordering::SeqCst) == 1 {
            // SAFETY: nothing refers to the node any more, and there is only one last.
            unsafe { self.free() };
        }
    }

    /// A handle of an open node was counted in its buffer: a sum over its columns and its buffer may have seen
    /// only one of the two places where the handle came and went.
    fn look_again(&self) {
        if self.flags() & OPEN != 0 {
            self.hand_out();
        }
    }

    /// The column of a stripe, made if there is none.
    fn column(&self, stripe: Stripe) -> &'a Column {
        if let Some(column) = self.chunk.columns[stripe.number()].get() {
            return column;
        }
        let slab = self.chunk.slab.upgrade();
        let _closing = slab.as_ref().map(|slab| slab.free.lock());
        self.chunk.make_column(stripe)
    }

    /// Moves what stands in a column at the end of its range.
    fn make_even(&self, stripe: Stripe) {
        let Some(column) = self.chunk.columns[stripe.number()].get() else {
            return;
        };
        let word = &column[self.place % NODES];
        if word.load(Ordering::Relaxed).even().is_some()
            && let Some(slab) = self.chunk.slab.upgrade()
        {
            let _closing = slab.free.lock();
            if let Some(old) = word.change(Word::even) {
                self.add(old.pins());
            }
        }
    }

    /// Counts handles that stood in a column. The node is held or the slab's.
    fn add(&self, handles: i64) {
        let node = self.get();
        node.count.fetch_add(handles, Ordering::SeqCst);
        // SAFETY: what is held or the slab's has its pixels.
        let pixels = unsafe { (*node.head.pixels.get()).assume_init_ref() };
        pixels.buffer().add_pins(handles);
    }

    /// # Safety
    /// The count has just become 0.
    unsafe fn free(&self) {
        let node = self.get();
        // SAFETY: written when it was occupied, and taken once, for the count became 0 once.
        let pixels = unsafe { (*node.head.pixels.get()).assume_init_read() };
        if let Some(slab) = self.chunk.slab.upgrade() {
            let mut free = slab.free.lock();
            // A look-up that is led astray by this sees that chains were changed.
            node.head.next.store(free.first, Ordering::Release);
            free.first = self.id();
        }
        // SAFETY: an occupied node has one reference to its chunk.
        unsafe { Arc::decrement_strong_count(self.chunk_pointer()) };
        drop(pixels);
    }
}

/// The nodes of a cache.
pub struct Slab(Arc<Shared>);

impl Default for Slab {
    fn default() -> Self {
        Self(Arc::new(Shared {
            chunks: Pages::default(),
            free: Mutex::new(Free {
                first: NONE,
                fresh: 0,
            }),
            handed: Mutex::default(),
        }))
    }
}

impl Slab {
    /// A node, occupied or not.
    #[inline(always)]
    pub fn node(&self, id: u32) -> Option<NodeRef<'_>> {
        let chunk = self.0.chunks.pointer(id as usize / NODES)?;
        let place = id as usize % NODES;
        // SAFETY: the chunk is alive as long as the slab; its first member are more nodes than `place`.
        let (node, chunk) = unsafe { (chunk.cast::<Node>().add(place), chunk.as_ref()) };
        Some(NodeRef { node, chunk, place })
    }

    /// A closed node with these pixels, which is the slab's until it is removed. `stamp` is a moment later than
    /// all that the node was used at.
    pub fn insert(&self, pixels: Pixels, label: [u64; 3], flags: u32, stamp: u64) -> u32 {
        let mut free = self.0.free.lock();
        let id = match free.first {
            NONE => {
                free.fresh += 1;
                free.fresh - 1
            }
            first => first,
        };
        let (number, place) = (id as usize / NODES, id as usize % NODES);
        let new = || Chunk::new(number as u32, Arc::downgrade(&self.0));
        self.0.chunks.make(number, new);
        let node_ref = self.node(id).expect("a chunk that was made");
        let (node, chunk) = (node_ref.get(), node_ref.chunk);
        if free.first == id {
            free.first = node.head.next.load(Ordering::Relaxed);
        }
        // SAFETY: a free node is read by nothing, and leaves the list of free ones under the lock.
        unsafe { (*node.head.pixels.get()).write(pixels) };
        for (own, part) in node.label.iter().zip(label) {
            own.store(part, Ordering::Relaxed);
        }
        let flags = flags | LIVE | ((place as u32) << PLACE);
        node.head.flags.store(flags, Ordering::SeqCst);
        for word in chunk.words(place) {
            word.store(Word::closed(stamp));
        }
        // SAFETY: the pointer comes from an `Arc` that is alive; the node has this reference until it is free.
        unsafe { Arc::increment_strong_count(node_ref.chunk_pointer()) };
        node.count.store(1, Ordering::SeqCst);
        id
    }

    /// From now on the pins of a node stand in the columns.
    pub fn open(&self, id: u32) {
        let _closing = self.0.free.lock();
        let Some(node) = self.live(id) else { return };
        if node.flags() & OPEN == 0 {
            node.get().count.fetch_add(OPEN_COUNT, Ordering::SeqCst);
            node.set(OPEN);
            for word in node.chunk.words(node.place) {
                word.change(|seen| Some(seen.open()));
            }
        }
    }

    /// Moves the pins of a node out of the columns: its buffer knows all of them from now on.
    pub fn close(&self, id: u32) {
        let _closing = self.0.free.lock();
        if let Some(node) = self.live(id) {
            self.close_live(node);
        }
    }

    fn close_live(&self, node: NodeRef<'_>) {
        if node.unset(OPEN) & OPEN == 0 {
            return;
        }
        for word in node.chunk.words(node.place) {
            if let Some(seen) = word.change(|seen| Some(seen.close())) {
                node.add(seen.pins());
            }
        }
        node.get().count.fetch_sub(OPEN_COUNT, Ordering::SeqCst);
    }

    /// Gives up a node. It goes with the last handle to it.
    pub fn remove(&self, id: u32) {
        let closing = self.0.free.lock();
        let Some(node) = self.live(id) else { return };
        self.close_live(node);
        node.unset(LIVE | FINDABLE);
        drop(closing);
        if node.get().count.fetch_sub(1, Ordering::SeqCst) == 1 {
            // SAFETY: nothing refers to the node any more, and there is only one last.
            unsafe { node.free() };
        }
    }

    /// Looks at the pixels of a node that is the slab's, without a handle. `work` takes no lock and drops
    /// no handle.
    pub fn look<R>(&self, id: u32, work: impl FnOnce(&Pixels) -> R) -> Option<R> {
        let _closing = self.0.free.lock();
        let node = self.live(id)?;
        // SAFETY: what is the slab's has its pixels, and is given up under the lock alone.
        let pixels = unsafe { (*node.get().head.pixels.get()).assume_init_ref() };
        Some(work(pixels))
    }

    fn live(&self, id: u32) -> Option<NodeRef<'_>> {
        let node = self.node(id);
        node.filter(|node| node.flags() & LIVE != 0)
    }

    /// How many chunks have nodes that may be held.
    pub fn chunks_held(&self) -> usize {
        self.0.handed.lock().len()
    }

    /// Looks at the nodes of at most so many chunks that may be held, until they are seen free: `work` says
    /// whether one is held. Where one is, its chunk comes last in the order of looks.
    pub fn for_each_held(&self, most: usize, mut work: impl FnMut(NodeRef<'_>) -> bool) {
        let mut numbers: Vec<u32> = {
            let mut handed = self.0.handed.lock();
            let most = most.min(handed.len());
            handed.drain(..most).collect()
        };
        numbers.sort_unstable();
        numbers.dedup();
        numbers.retain(|number| {
            let Some(chunk) = self.0.chunks.get(*number as usize) else {
                return false;
            };
            let mut left = chunk.handed.load(Ordering::SeqCst);
            while left != 0 {
                let place = left.trailing_zeros();
                left &= left - 1;
                let id = chunk.number * NODES as u32 + place;
                // First the bit, for a pin is noted after it is made.
                chunk.handed.fetch_and(!(1 << place), Ordering::SeqCst);
                let Some(node) = self.live(id) else { continue };
                node.unset(HANDED);
                if work(node) {
                    node.hand_out();
                }
            }
            chunk.handed.load(Ordering::SeqCst) != 0
        });
        self.0.handed.lock().extend(numbers);
    }
}

impl Drop for Slab {
    fn drop(&mut self) {
        let fresh = self.0.free.lock().fresh;
        (0..fresh).for_each(|id| self.remove(id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::DType;
    use crate::layout::{Layout, Shape};
    use crate::memory::{Buffer, Canvas, Memory};
    use std::thread;

    fn pixels() -> Pixels {
        let shape = Shape {
            width: 8,
            height: 8,
            bands: 1,
        };
        let layout = Layout::packed(shape, DType::U8).unwrap();
        let mut canvas = Canvas::new(Memory::zeroed(64).unwrap(), layout);
        canvas.pixels_mut().row_mut(0, 3).fill(7);
        Pixels::new(Arc::new(canvas.freeze().0), layout)
    }

    /// A slab with one open node, and the buffer of it.
    fn slab() -> (Slab, u32, Arc<Buffer>) {
        let (slab, pixels) = (Slab::default(), pixels());
        let buffer = pixels.buffer().clone();
        let id = slab.insert(pixels, [1, 2, 3], FINDABLE, 1);
        slab.open(id);
        (slab, id, buffer)
    }

    fn pin(slab: &Slab, id: u32) -> Handle {
        let node = slab.node(id).expect("a node");
        assert!(node.is_labelled(&[1, 2, 3]));
        let handle = node.pin(Stripe::own()).expect("an occupied node");
        node.note_use(Stripe::own(), 5);
        assert_eq!(handle.pixels().row(0, 3), [7; 8]);
        handle
    }

    fn elsewhere<R: Send>(work: impl FnOnce() -> R + Send) -> R {
        thread::scope(|scope| scope.spawn(work).join().expect("a result"))
    }

    #[test]
    fn handles_are_counted_wherever_they_are_taken_and_released() {
        let (slab, id, buffer) = slab();
        let held = || slab.node(id).unwrap().pins() + buffer.pins();
        let mut handles: Vec<_> = (0..300).map(|_| pin(&slab, id)).collect();
        assert_eq!(held(), 300);
        // More than a column counts.
        elsewhere(|| handles.truncate(100));
        assert_eq!(held(), 100);
        elsewhere(|| handles.extend((0..200).map(|_| pin(&slab, id))));
        handles.drain(50..);
        assert_eq!(held(), 50);
        slab.close(id);
        assert_eq!((slab.node(id).unwrap().pins(), buffer.pins()), (0, 50));
        elsewhere(|| handles.extend([pin(&slab, id), handles[0].clone()]));
        assert_eq!(buffer.pins(), 52);
        slab.open(id);
        handles.extend([pin(&slab, id), handles[0].clone()]);
        elsewhere(|| handles.truncate(1));
        assert_eq!(held(), 1);
        assert_eq!(slab.node(id).unwrap().last_use(), 5);
        slab.remove(id);
        assert_eq!(buffer.pins(), 1);
        let next = slab.insert(pixels(), [0; 3], FINDABLE, 9);
        assert_ne!(next, id, "what is held is not used again");
        assert_eq!(handles[0].pixels().row(0, 3), [7; 8]);
        drop(handles);
        assert_eq!((buffer.pins(), Arc::strong_count(&buffer)), (0, 1));
        assert!(slab.node(id).unwrap().pin(Stripe::own()).is_none());
        assert_eq!(slab.insert(pixels(), [0; 3], FINDABLE, 9), id);
    }

    #[test]
    fn what_was_seen_of_a_node_is_pinned_only_as_long_as_it_is_so() {
        let (slab, id, _) = slab();
        let stripe = Stripe::own();
        let see = || slab.node(id).unwrap().as_seen(stripe);
        drop(slab.node(id).unwrap().pin(stripe));
        slab.node(id).unwrap().column(stripe);
        let (first, second) = (see().unwrap(), see().unwrap());
        drop(first.pin(3));
        assert!(second.pin(3).is_none(), "used since");
        let (first, second) = (see().unwrap(), see().unwrap());
        slab.close(id);
        assert!(first.pin(4).is_none() && see().is_none(), "closed since");
        slab.remove(id);
        assert_eq!(slab.insert(pixels(), [0; 3], FINDABLE, 9), id);
        slab.open(id);
        assert!(second.pin(4).is_none(), "another since");
        let unused = see().unwrap();
        slab.remove(id);
        assert_eq!(slab.insert(pixels(), [0; 3], FINDABLE, 10), id);
        slab.open(id);
        assert!(unused.pin(11).is_none(), "another since, both unused");
        assert_eq!(slab.node(id).unwrap().last_use(), 10);
    }

    #[test]
    fn what_is_held_outlives_the_slab_and_nothing_else_does() {
        let (slab, id, buffer) = slab();
        let other = slab.insert(pixels(), [0; 3], FINDABLE, 9);
        let free = slab.insert(pixels(), [0; 3], FINDABLE, 9);
        slab.remove(free);
        let handle = pin(&slab, id);
        let again = elsewhere(|| handle.clone());
        let chunk = slab.node(other).unwrap().chunk_pointer();
        // SAFETY: the chunk is alive, and the reference is given back at the end.
        let chunk = unsafe {
            Arc::increment_strong_count(chunk);
            Arc::from_raw(chunk)
        };
        drop(slab);
        assert_eq!(
            Arc::strong_count(&chunk),
            2,
            "that of the test, and that of the node"
        );
        drop(handle);
        assert_eq!(elsewhere(|| again.pixels().row(0, 3).to_vec()), [7; 8]);
        elsewhere(|| drop(again));
        assert_eq!(
            (Arc::strong_count(&chunk), Arc::strong_count(&buffer)),
            (1, 1)
        );
    }

    #[test]
    fn what_may_be_held_is_looked_at_until_it_is_seen_free() {
        let (slab, id, buffer) = slab();
        let seen = || {
            let mut seen = Vec::new();
            slab.for_each_held(usize::MAX, |node| {
                seen.push(node.id());
                node.pins() + buffer.pins() != 0
            });
            seen
        };
        assert_eq!(seen(), []);
        let handle = pin(&slab, id);
        slab.node(id).unwrap().hand_out();
        assert_eq!((seen(), seen()), (vec![id], vec![id]));
        drop(handle);
        assert_eq!((seen(), seen()), (vec![id], vec![]));
    }

    #[test]
    fn a_handle_apart_is_one_pin_of_its_buffer() {
        let pixels = pixels();
        let buffer = pixels.buffer().clone();
        let handle = Handle::apart(pixels);
        let again = handle.clone();
        assert_eq!(buffer.pins(), 1);
        let handle = handle.release_quickly().expect("it may be the last");
        drop((handle, again));
        assert_eq!((buffer.pins(), Arc::strong_count(&buffer)), (0, 1));
    }
}
