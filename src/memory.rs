//! Pixel memory: the one file of the core that holds raw pointers.
//!
//! A [`Canvas`] is memory that one owner fills, whole or split into disjoint [`Part`]s that several
//! threads fill at once. Frozen, it becomes a [`Buffer`]: immutable, shared, and alive for as long
//! as anyone holds it. [`Target`] is a caller's own memory that pixels are copied to.

use crate::copy::{Rows, expect, expect_row};
use crate::dtype::{DType, Sample};
use crate::error::{Error, Kind, Result};
use crate::geometry::Area;
use crate::layout::{Layout, Shape};
use crate::mapping::Mapping;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering};
use smallvec::SmallVec;
use std::marker::PhantomData;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Weak};

/// Library buffers start at a multiple of this many bytes.
pub const ALIGNMENT: usize = 64;

/// From this size on memory is mapped from the system page-wise, so that freeing it gives it back
/// at once, whatever the allocator does. A memory checker sees only what the allocator gives out.
/// Of smaller memory the allocator keeps what is free between what is not.
const MAP_FROM: usize = if cfg!(memory_checker) {
    usize::MAX
} else {
    32 << 10
};

/// Of memory that is smaller than this only so many pieces are mapped: the system allows some ten thousands of mappings.
const SMALL: usize = 64 << 10;
const MOST_SMALL: usize = 16 << 10;

/// Up to this size the allocator steps in where the system has no more mappings, which large tiles never reach.
const MAY_ALLOCATE: usize = if cfg!(memory_checker) {
    usize::MAX
} else {
    256 << 10
};

/// Up to this size mapped memory gets all its pages at once where it is written first, which takes about half the time of
/// a fault for each. Pixels are written everywhere, but a larger block may turn out to be damaged before that.
const FILL_UP_TO: usize = 32 << 20;

/// A size is a multiple of [`ALIGNMENT`]; this bit beside it says that the memory is mapped.
const MAPPED: usize = 1;

/// And this one that it has no pages yet, but is to get all of them at once.
const VACANT: usize = 2;

/// The largest single allocation; larger layouts are refused before any memory is taken.
pub const MAX_ALLOCATION: usize = isize::MAX as usize / 4;

/// An exclusively owned, initialised, aligned block of bytes.
pub struct Memory {
    start: NonNull<u8>,
    /// The size, with [`MAPPED`] and [`VACANT`] beside it.
    size: usize,
}

// SAFETY: the block is owned by this value alone, like a boxed slice.
unsafe impl Send for Memory {}
// SAFETY: shared access only reads.
unsafe impl Sync for Memory {}

impl Memory {
    /// How many bytes an allocation of `len` really takes.
    pub fn allocated_size(len: usize) -> usize {
        let unit = if len >= MAP_FROM { 4096 } else { ALIGNMENT };
        len.max(1).next_multiple_of(unit)
    }

    /// Zeroed memory of at least `len` bytes.
    pub fn zeroed(len: usize) -> Result<Self> {
        let refused = || {
            Error::new(
                Kind::NoMemory,
                format!("cannot allocate {len} bytes of pixel memory"),
            )
        };
        if len > MAX_ALLOCATION {
            return Err(refused());
        }
        let size = Self::allocated_size(len);
        if size >= MAP_FROM && may_map(size) {
            if let Some(start) = map_pages(size) {
                let vacant = if size <= FILL_UP_TO { VACANT } else { 0 };
                return Ok(Self {
                    start,
                    size: size | MAPPED | vacant,
                });
            }
            was_unmapped(size);
        }
        if size >= MAY_ALLOCATE {
            return Err(refused());
        }
        let layout = std::alloc::Layout::from_size_align(size, ALIGNMENT).map_err(|_| refused())?;
        // SAFETY: the size is not zero.
        let start = NonNull::new(unsafe { std::alloc::alloc_zeroed(layout) });
        Ok(Self {
            start: start.ok_or_else(refused)?,
            size,
        })
    }

    /// The bytes really taken.
    pub fn size(&self) -> usize {
        self.size & !(MAPPED | VACANT)
    }

    /// Whether pages are still to come, all at once.
    fn is_vacant(&self) -> bool {
        self.size & VACANT != 0
    }

    /// The same with pages, or with such as come one by one.
    fn occupied(mut self) -> Self {
        self.size &= !VACANT;
        self
    }

    /// No memory: what is left where some was taken out.
    fn none() -> Self {
        Self {
            start: NonNull::dangling(),
            size: 0,
        }
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: the block is initialised and nobody writes while it is borrowed.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.size()) }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        if self.size == 0 {
            return;
        }
        if self.size & MAPPED != 0 {
            // SAFETY: start and size are those of the mapping made in `zeroed`.
            unsafe { unmap_pages(self.start, self.size()) };
            was_unmapped(self.size());
        } else {
            // SAFETY: allocated in `zeroed` with this very layout.
            unsafe {
                let layout = std::alloc::Layout::from_size_align_unchecked(self.size, ALIGNMENT);
                std::alloc::dealloc(self.start.as_ptr(), layout);
            }
        }
    }
}

/// How many pieces of mapped memory are smaller than [`SMALL`].
static SMALL_ONES: AtomicUsize = AtomicUsize::new(0);

/// Whether memory of a size may be mapped; then it counts until [`was_unmapped`].
fn may_map(size: usize) -> bool {
    let may = size >= SMALL || SMALL_ONES.fetch_add(1, Ordering::Relaxed) < MOST_SMALL;
    if !may {
        was_unmapped(size);
    }
    may
}

fn was_unmapped(size: usize) {
    if size < SMALL {
        SMALL_ONES.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Room for zeroed pages, or `None` where the system has no more.
fn map_pages(size: usize) -> Option<NonNull<u8>> {
    // SAFETY: an anonymous private mapping at an address of the system's choice touches nothing else.
    let start = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            size,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    (start != libc::MAP_FAILED)
        .then(|| NonNull::new(start.cast()))
        .flatten()
}

/// Fills mapped memory with pages; where the system cannot do so at once, they come one by one as they are written.
fn fill_pages(memory: &Memory) {
    #[cfg(target_os = "linux")]
    // SAFETY: the pages are ours, and those that are there already keep their bytes.
    unsafe {
        libc::madvise(
            memory.start.as_ptr().cast(),
            memory.size(),
            libc::MADV_POPULATE_WRITE,
        );
    }
    #[cfg(not(target_os = "linux"))]
    let _ = memory;
}

/// Gives pages back.
///
/// # Safety
/// `start` and `size` must be those of one [`map_pages`], and nobody may use the pages any more.
unsafe fn unmap_pages(start: NonNull<u8>, size: usize) {
    // SAFETY: promised by the caller. Where the system cannot split a mapping, the pages at least
    // give their memory back.
    unsafe {
        if libc::munmap(start.as_ptr().cast(), size) != 0 {
            libc::madvise(start.as_ptr().cast(), size, libc::MADV_DONTNEED);
        }
    }
}

/// Asks the allocator to give freed memory back to the system.
pub fn trim_allocator() {
    #[cfg(all(target_os = "linux", target_env = "gnu", not(miri)))]
    // SAFETY: `malloc_trim` may be called at any time from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Somebody who counts a buffer and wants to know when its last handle is gone.
pub trait Home: Send + Sync {
    /// The buffer known to this home as `slot` has just lost its last handle.
    fn released(&self, slot: u32);

    /// The pixels of an image, named by its part of a key, have changed.
    fn invalidated(&self, image: &str);

    /// Other pixels were put into an area of the image that a key names.
    fn outdated(&self, key: &str, area: &Area);

    /// Another home counts the buffer known to this one as `slot` too.
    fn shared(&self, slot: u32);

    /// Memory that came from this home is free again, of a buffer that no home counted.
    fn returned(&self, memory: Memory);
}

/// Somebody who gets the pixels of a buffer when it goes, or before.
pub trait Heir: Send + Sync {
    /// Where the pixels lie in the buffer, from its first byte on.
    fn layout(&self) -> Layout;

    /// What it takes itself.
    fn bytes(&self) -> usize;

    /// Here they are, in a buffer that has no heir any more. `is_expected`: room was made for them.
    fn inherit(self: Box<Self>, buffer: Arc<Buffer>, is_expected: bool);
}

/// A home as buffers know it, which may be gone.
pub type HomeRef = Arc<Weak<dyn Home>>;

/// The homes of a buffer, each with the slot under which it counts it. Nearly all buffers have just one.
#[derive(Default)]
enum Homes {
    #[default]
    None,
    /// None either, but one that gets the memory when the buffer goes.
    Lender(HomeRef),
    One {
        slot: u32,
        home: HomeRef,
    },
    Many(Box<SmallVec<[(u32, HomeRef); 2]>>),
    /// Any of these, and somebody who gets the pixels: in here, lest it make all buffers larger.
    Bequeathed(Box<Bequest>),
}

struct Bequest {
    homes: Homes,
    heir: Box<dyn Heir>,
}

impl Homes {
    fn iter(&self) -> impl Iterator<Item = (u32, &HomeRef)> {
        let homes = match self {
            Homes::Bequeathed(bequest) => &bequest.homes,
            homes => homes,
        };
        let (one, many): (_, &[(u32, HomeRef)]) = match homes {
            // Of which there is never one in another.
            Homes::None | Homes::Lender(_) | Homes::Bequeathed(_) => (None, &[]),
            Homes::One { slot, home } => (Some((*slot, home)), &[]),
            Homes::Many(all) => (None, all),
        };
        let many = many.iter().map(|(slot, home)| (*slot, home));
        one.into_iter().chain(many)
    }

    /// In place of those that there are; who gets the pixels stays.
    fn replace(&mut self, all: Self) {
        match self {
            Homes::Bequeathed(bequest) => bequest.homes = all,
            homes => *homes = all,
        }
    }

    fn heir(&self) -> Option<&dyn Heir> {
        match self {
            Homes::Bequeathed(bequest) => Some(&*bequest.heir),
            _ => None,
        }
    }

    fn take_heir(&mut self) -> Option<Box<dyn Heir>> {
        match std::mem::take(self) {
            Homes::Bequeathed(bequest) => {
                *self = bequest.homes;
                Some(bequest.heir)
            }
            homes => {
                *self = homes;
                None
            }
        }
    }

    /// Those that are not gone.
    fn alive(&self) -> impl Iterator<Item = (u32, &HomeRef)> {
        self.iter().filter(|(_, home)| home.strong_count() > 0)
    }
}

impl FromIterator<(u32, HomeRef)> for Homes {
    fn from_iter<I: IntoIterator<Item = (u32, HomeRef)>>(all: I) -> Self {
        let mut all = SmallVec::<[_; 2]>::from_iter(all);
        match (all.len(), all.pop()) {
            (1, Some((slot, home))) => Homes::One { slot, home },
            (_, None) => Homes::None,
            (_, Some(last)) => {
                all.push(last);
                Homes::Many(Box::new(all))
            }
        }
    }
}

/// A caller's function that takes its memory back.
pub type Release = Box<dyn FnOnce() + Send + Sync>;

enum Storage {
    Owned(Memory),
    // The only other one, which so needs no room for a tag.
    Foreign(Box<Foreign>),
}

/// Memory that is not the library's own, readable from `start` for `len` bytes as long as its owner has not got it back.
struct Foreign {
    start: NonNull<u8>,
    len: usize,
    /// Whether it takes room in budgets.
    is_counted: bool,
    owner: Owner,
}

enum Owner {
    Caller(Option<Release>),
    File { _mapping: Arc<Mapping> },
}

impl Drop for Foreign {
    fn drop(&mut self) {
        if let Owner::Caller(Some(release)) =
            std::mem::replace(&mut self.owner, Owner::Caller(None))
        {
            release();
        }
    }
}

/// What a listener counts in [`Buffer::pins`].
const LISTENER: u64 = 1 << 32;

fn handles(pins: u64) -> u32 {
    (pins % LISTENER) as u32
}

/// The address of a byte of a buffer.
#[derive(Clone, Copy)]
pub struct Address(*const u8);

// SAFETY: nothing is read through it here.
unsafe impl Send for Address {}
// SAFETY: as above.
unsafe impl Sync for Address {}

impl Address {
    /// As what is handed to callers.
    pub fn pointer(self) -> *const u8 {
        self.0
    }
}

/// Immutable pixel bytes, alive until the last reference is gone.
pub struct Buffer {
    /// Below [`LISTENER`] the handles that callers hold, references of caches and pins in the columns of
    /// a slab not among them; above it the homes that must hear of the last release. While there are
    /// such pins it may be less than nothing.
    pins: AtomicU64,
    storage: Storage,
    homes: Mutex<Homes>,
}

// SAFETY: the bytes are only read, and a caller that lends memory promises the same of its own.
unsafe impl Send for Buffer {}
// SAFETY: as above.
unsafe impl Sync for Buffer {}

impl Buffer {
    fn new(storage: Storage) -> Self {
        Self {
            storage,
            pins: AtomicU64::new(0),
            homes: Mutex::default(),
        }
    }

    /// A buffer over a caller's memory, which `release` takes back. It takes room in budgets if it is to be
    /// counted.
    ///
    /// # Safety
    /// `len` bytes from `start` on must be readable, and no byte may change, until `release` runs.
    pub unsafe fn foreign(
        start: *const u8,
        len: usize,
        is_counted: bool,
        release: Option<Release>,
    ) -> Result<Self> {
        let start = NonNull::new(start.cast_mut())
            .ok_or_else(|| Error::argument("the pixel pointer is NULL"))?;
        Ok(Self::new(Storage::Foreign(Box::new(Foreign {
            start,
            len,
            is_counted,
            owner: Owner::Caller(release),
        }))))
    }

    /// A buffer over a part of a file in memory, which takes no room in budgets.
    ///
    /// # Panics
    /// If the file has no such part.
    pub fn mapped(mapping: Arc<Mapping>, range: Range<usize>) -> Self {
        let bytes = &mapping.bytes()[range];
        Self::new(Storage::Foreign(Box::new(Foreign {
            start: NonNull::from(bytes).cast(),
            len: bytes.len(),
            is_counted: false,
            owner: Owner::File { _mapping: mapping },
        })))
    }

    /// All bytes.
    pub fn bytes(&self) -> &[u8] {
        match &self.storage {
            Storage::Owned(memory) => memory.bytes(),
            // SAFETY: promised by the caller of `foreign`, and by the mapping, which lives as long.
            Storage::Foreign(foreign) => unsafe {
                std::slice::from_raw_parts(foreign.start.as_ptr(), foreign.len)
            },
        }
    }

    /// The address of a byte, to be looked at as long as the buffer is alive.
    pub fn address(&self, offset: usize) -> Address {
        Address(self.bytes().as_ptr().wrapping_add(offset))
    }

    /// Which byte has an address.
    pub fn offset(&self, address: Address) -> usize {
        address.0.addr() - self.bytes().as_ptr().addr()
    }

    /// Whether the bytes are not the library's own: a caller's, or a file's.
    pub fn is_foreign(&self) -> bool {
        !matches!(self.storage, Storage::Owned(_))
    }

    /// Bytes of pixel memory that this buffer takes from the library's budget.
    pub fn size(&self) -> usize {
        match &self.storage {
            Storage::Owned(memory) => memory.size(),
            Storage::Foreign(foreign) if foreign.is_counted => foreign.len,
            Storage::Foreign(_) => 0,
        }
    }

    /// Bytes of the caller's memory that this buffer keeps from being released.
    pub fn lent(&self) -> usize {
        match &self.storage {
            Storage::Owned(_) => 0,
            Storage::Foreign(foreign) => match foreign.owner {
                Owner::Caller(_) => foreign.len,
                Owner::File { .. } => 0,
            },
        }
    }

    /// Takes the memory out of a buffer that nobody else refers to, and that has no heir.
    pub fn into_memory(buffer: Arc<Self>) -> std::result::Result<Memory, Arc<Self>> {
        let mut buffer = Arc::try_unwrap(buffer)?;
        let has_heir = buffer.homes.get_mut().heir().is_some();
        match &mut buffer.storage {
            Storage::Owned(memory) if !has_heir => Ok(std::mem::replace(memory, Memory::none())),
            _ => Err(Arc::new(buffer)),
        }
    }

    /// From now on somebody gets the pixels when the last reference goes.
    pub fn bequeath(&self, heir: Box<dyn Heir>) {
        let before = {
            let mut all = self.homes.lock();
            let before = all.take_heir();
            let homes = std::mem::take(&mut *all);
            *all = Homes::Bequeathed(Box::new(Bequest { homes, heir }));
            before
        };
        drop(before);
    }

    /// Where the pixels lie that somebody is to get.
    pub fn bequeathed(&self) -> Option<Layout> {
        self.homes.lock().heir().map(|heir| heir.layout())
    }

    /// What it takes to know who gets the pixels.
    pub fn bequest_bytes(&self) -> usize {
        let bytes = |heir: &dyn Heir| size_of::<Bequest>() + heir.bytes();
        self.homes.lock().heir().map_or(0, bytes)
    }

    /// Who was to get the pixels, and now does not.
    pub fn take_heir(&self) -> Option<Box<dyn Heir>> {
        self.homes.lock().take_heir()
    }

    /// Counts one more handle.
    pub fn pin(&self) {
        self.pins.fetch_add(1, Ordering::SeqCst);
    }

    /// Counts handles that stood in the columns of a slab.
    pub fn add_pins(&self, handles: i64) {
        self.pins.fetch_add(handles as u64, Ordering::SeqCst);
    }

    /// The handles that are counted here; less than those that callers hold, or more, by what stands in
    /// the columns of a slab.
    pub fn pins(&self) -> i64 {
        i64::from(handles(self.pins.load(Ordering::SeqCst)) as i32)
    }

    /// Counts one handle less, and tells the homes that asked when it was the last.
    pub fn unpin(&self) {
        let before = self.pins.fetch_sub(1, Ordering::SeqCst);
        if before > LISTENER && handles(before) == 1 {
            self.tell_homes();
        }
    }

    #[cold]
    fn tell_homes(&self) {
        let homes: SmallVec<[_; 1]> = {
            let homes = self.homes.lock();
            let all = homes.iter();
            all.map(|(slot, home)| (slot, home.upgrade())).collect()
        };
        for (slot, home) in homes {
            if let Some(home) = home {
                home.released(slot);
            }
        }
    }

    /// Whether a caller holds a handle now, where none stands in the columns of a slab.
    pub fn is_pinned(&self) -> bool {
        self.pins() != 0
    }

    /// One more home wants to hear of the last release; says whether there are handles to wait for.
    pub fn listen(&self) -> bool {
        handles(self.pins.fetch_add(LISTENER, Ordering::SeqCst)) != 0
    }

    /// Has the memory go back to a home when the buffer goes, unless a home has counted the buffer by then.
    pub fn return_to(&self, lender: &HomeRef) {
        let mut homes = self.homes.lock();
        if matches!(*homes, Homes::None) {
            *homes = Homes::Lender(lender.clone());
        }
    }

    /// Undoes one [`Buffer::listen`].
    pub fn stop_listening(&self) {
        self.pins.fetch_sub(LISTENER, Ordering::SeqCst);
    }

    /// Records that `home` counts this buffer as `slot`.
    pub fn move_in(&self, slot: u32, home: &HomeRef) {
        let mut homes = self.homes.lock();
        let others = homes.alive().map(|(slot, home)| (slot, home.clone()));
        let all = others.chain([(slot, home.clone())]).collect();
        homes.replace(all);
    }

    /// Undoes [`Buffer::move_in`].
    pub fn move_out(&self, home: &HomeRef) {
        let mut homes = self.homes.lock();
        let others = homes.iter().filter(|(_, other)| !Arc::ptr_eq(other, home));
        let others = others.map(|(slot, home)| (slot, home.clone())).collect();
        homes.replace(others);
    }

    /// Whether several homes count this buffer.
    pub fn is_shared(&self) -> bool {
        self.homes.lock().alive().count() > 1
    }

    /// Tells all other homes than `home` that it counts the buffer too.
    pub fn tell_others(&self, home: &HomeRef) {
        let others: SmallVec<[_; 1]> = {
            let homes = self.homes.lock();
            let others = homes.iter().filter(|(_, other)| !Arc::ptr_eq(other, home));
            others.map(|(slot, home)| (slot, home.upgrade())).collect()
        };
        for (slot, home) in others {
            if let Some(home) = home {
                home.shared(slot);
            }
        }
        // The last handle may have gone before all of them knew of it.
        self.pin();
        self.unpin();
    }

    /// The slot under which `home` counts this buffer.
    pub fn slot_in(&self, home: &HomeRef) -> Option<u32> {
        let homes = self.homes.lock();
        let mut all = homes.iter();
        all.find(|(_, other)| Arc::ptr_eq(other, home))
            .map(|(slot, _)| slot)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let homes = self.homes.get_mut();
        if let Homes::Lender(lender) = homes {
            if let Some(lender) = lender.upgrade()
                && let Storage::Owned(memory) = &mut self.storage
                && memory.size() > 0
            {
                lender.returned(std::mem::replace(memory, Memory::none()));
            }
        } else if let Some(heir) = homes.take_heir() {
            let storage = std::mem::replace(&mut self.storage, Storage::Owned(Memory::none()));
            heir.inherit(Arc::new(Self::new(storage)), false);
        }
    }
}

/// Pixels that are being written: a rectangle of rows inside memory that is exclusively ours.
pub struct PixelsMut<'a> {
    start: NonNull<u8>,
    layout: Layout,
    memory: PhantomData<&'a mut [u8]>,
}

// SAFETY: an exclusive borrow of plain bytes, like `&mut [u8]`.
unsafe impl Send for PixelsMut<'_> {}

impl<'a> PixelsMut<'a> {
    /// Columns, rows and bands, the sample type and both strides.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// The first byte, for a callback that writes through the strides of [`PixelsMut::layout`].
    pub fn as_mut_ptr(&mut self) -> *mut u8 {
        self.start.as_ptr()
    }

    /// One row of one band.
    ///
    /// # Panics
    /// If the band or the row does not exist.
    pub fn row_mut(&mut self, band: usize, y: usize) -> &mut [u8] {
        let at = self.layout.offset(band, y);
        // SAFETY: `offset` checks the band and the row, and the layout lies inside our memory.
        unsafe {
            std::slice::from_raw_parts_mut(self.start.as_ptr().add(at), self.layout.row_bytes())
        }
    }

    /// Copies the first of some rows into all of a band.
    ///
    /// # Panics
    /// If the band does not exist, or there are not as many rows.
    pub fn store_band(&mut self, band: usize, rows: &Rows<'_>) {
        let Layout { shape, .. } = self.layout;
        let (at, row) = (self.layout.offset(band, 0), self.layout.row_bytes());
        // SAFETY: as in `row_mut`, for each row of the band.
        unsafe {
            let to = self.start.as_ptr().add(at);
            rows.copy_to(to, self.layout.row_stride as isize, row, shape.height);
        }
    }

    /// All rows of one band in one piece, where they lie without gaps, for decoders that need not
    /// see them singly.
    ///
    /// # Panics
    /// If the band does not exist.
    pub fn band_bytes_mut(&mut self, band: usize) -> Option<&mut [u8]> {
        let Layout { shape, .. } = self.layout;
        if shape.is_empty() || self.layout.row_stride != self.layout.row_bytes() {
            return None;
        }
        let at = self.layout.offset(band, 0);
        let len = shape.height * self.layout.row_stride;
        // SAFETY: as in `row_mut`, for rows that follow each other directly.
        Some(unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr().add(at), len) })
    }

    /// All rows of all bands in one piece, where they lie without gaps.
    pub fn bytes_mut(&mut self) -> Option<&mut [u8]> {
        let Layout { shape, .. } = self.layout;
        let band = shape.height * self.layout.row_stride;
        if shape.is_empty()
            || self.layout.row_stride != self.layout.row_bytes()
            || shape.bands > 1 && self.layout.band_stride != band
        {
            return None;
        }
        // SAFETY: as in `row_mut`, for rows and bands that follow each other directly.
        Some(unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), band * shape.bands) })
    }

    /// The same row of every band at once, for decoders that separate interleaved samples.
    ///
    /// # Panics
    /// If the row does not exist.
    pub fn rows_mut(&mut self, y: usize) -> SmallVec<[&mut [u8]; 8]> {
        let bytes = self.layout.row_bytes();
        (0..self.layout.shape.bands)
            .map(|band| {
                let at = self.layout.offset(band, y);
                // SAFETY: as in `row_mut`.
                let row = unsafe { self.start.as_ptr().add(at) };
                expect_row(row, self.layout.row_stride as isize, bytes);
                // SAFETY: as in `row_mut`; rows of different bands do not overlap.
                unsafe { std::slice::from_raw_parts_mut(row, bytes) }
            })
            .collect()
    }

    /// A rectangle of all bands, borrowed for as long as `self` is not used.
    ///
    /// # Panics
    /// If the rectangle is not inside.
    pub fn window_mut(&mut self, x: usize, y: usize, width: usize, height: usize) -> PixelsMut<'_> {
        let (start, layout) = window(self.start, &self.layout, x, y, width, height);
        PixelsMut {
            start,
            layout,
            memory: PhantomData,
        }
    }

    /// One band alone.
    ///
    /// # Panics
    /// If the band does not exist.
    pub fn band_mut(&mut self, band: usize) -> PixelsMut<'_> {
        let at = self.layout.offset(band, 0);
        let mut layout = self.layout;
        layout.shape.bands = 1;
        PixelsMut {
            // SAFETY: `offset` checks the band.
            start: unsafe { self.start.add(at) },
            layout,
            memory: PhantomData,
        }
    }

    /// Tells the processor of the row of every band that will be written a little after this one: it does not see that by
    /// itself where many rows are written in turns.
    ///
    /// # Panics
    /// If the row does not exist.
    pub fn expect_rows_after(&self, y: usize) {
        for band in 0..self.layout.shape.bands {
            let row = self
                .start
                .as_ptr()
                .wrapping_add(self.layout.offset(band, y));
            expect(
                row,
                self.layout.row_stride as isize,
                self.layout.row_bytes(),
            );
        }
    }

    /// All of it, as the only one that is written.
    pub fn alone(&mut self) -> Beside<'_> {
        Beside {
            x: 0,
            pixels: PixelsMut {
                start: self.start,
                layout: self.layout,
                memory: PhantomData,
            },
        }
    }

    /// Writes one sample everywhere.
    pub fn fill(&mut self, sample: &Sample) {
        let sample = sample.bytes(self.layout.dtype);
        let uniform = sample.iter().all(|byte| *byte == sample[0]);
        for band in 0..self.layout.shape.bands {
            for y in 0..self.layout.shape.height {
                let row = self.row_mut(band, y);
                if uniform {
                    row.fill(sample[0]);
                } else {
                    row.chunks_exact_mut(sample.len())
                        .for_each(|to| to.copy_from_slice(sample));
                }
            }
        }
    }
}

/// Where the pixels of a rectangle go from one of its columns on, in all its rows: one of several places beside each other.
pub struct Beside<'a> {
    /// The column.
    pub x: usize,
    /// As many columns as it takes.
    pub pixels: PixelsMut<'a>,
}

impl Beside<'_> {
    /// Some of the rows.
    ///
    /// # Panics
    /// If there are not as many.
    pub fn rows(&mut self, y: usize, height: usize) -> Beside<'_> {
        let width = self.pixels.layout.shape.width;
        Beside {
            x: self.x,
            pixels: self.pixels.window_mut(0, y, width, height),
        }
    }

    /// One of the bands.
    ///
    /// # Panics
    /// If it does not exist.
    pub fn band(&mut self, band: usize) -> Beside<'_> {
        Beside {
            x: self.x,
            pixels: self.pixels.band_mut(band),
        }
    }
}

fn window(
    start: NonNull<u8>,
    layout: &Layout,
    x: usize,
    y: usize,
    width: usize,
    height: usize,
) -> (NonNull<u8>, Layout) {
    let shape = layout.shape;
    assert!(
        x <= shape.width && width <= shape.width - x,
        "columns outside the pixels"
    );
    assert!(
        y <= shape.height && height <= shape.height - y,
        "rows outside the pixels"
    );
    let shape = Shape {
        width,
        height,
        bands: shape.bands,
    };
    let at = if shape.is_empty() {
        0
    } else {
        layout.offset(0, y) + x * layout.dtype.size()
    };
    // SAFETY: the offset was just checked against the layout, which lies inside the memory.
    (unsafe { start.add(at) }, Layout { shape, ..*layout })
}

/// Memory being filled with the pixels of one tile.
pub struct Canvas {
    memory: Memory,
    layout: Layout,
    /// Whether the memory is to get its pages from whoever writes first.
    is_vacant: AtomicBool,
}

impl Canvas {
    /// A canvas over `memory`.
    ///
    /// # Panics
    /// If the layout does not fit the memory.
    pub fn new(memory: Memory, layout: Layout) -> Self {
        assert!(
            layout.span() <= memory.size(),
            "the layout exceeds the memory"
        );
        Self {
            is_vacant: AtomicBool::new(memory.is_vacant()),
            memory: memory.occupied(),
            layout,
        }
    }

    /// Fills the memory with pages, unless another thread does so already: this one then goes on beside it, at the cost of
    /// a fault for each page that is not there yet.
    fn fill_pages(&self) {
        if self.is_vacant.load(Ordering::Relaxed) && self.is_vacant.swap(false, Ordering::Relaxed) {
            fill_pages(&self.memory);
        }
    }

    /// The layout of the pixels.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// All pixels, to be written.
    pub fn pixels_mut(&mut self) -> PixelsMut<'_> {
        self.fill_pages();
        PixelsMut {
            start: self.memory.start,
            layout: self.layout,
            memory: PhantomData,
        }
    }

    /// Ends the writing.
    pub fn freeze(self) -> (Buffer, Layout) {
        (Buffer::new(Storage::Owned(self.memory)), self.layout)
    }

    /// Splits the canvas along rows and columns into parts that can be written at the same time.
    ///
    /// `columns` and `rows` are ascending edges inside the canvas; part (i, j), row by row, covers
    /// `columns[j]..columns[j + 1]` of `rows[i]..rows[i + 1]`.
    ///
    /// # Panics
    /// If the edges do not ascend or leave the canvas.
    pub fn split(self, columns: &[usize], rows: &[usize]) -> (SplitCanvas, Vec<Part>) {
        assert!(
            columns.is_sorted() && rows.is_sorted(),
            "the edges do not ascend"
        );
        let whole = Arc::new(self);
        let mut parts = Vec::new();
        for y in rows.windows(2) {
            for x in columns.windows(2) {
                let (start, layout) = window(
                    whole.memory.start,
                    &whole.layout,
                    x[0],
                    y[0],
                    x[1] - x[0],
                    y[1] - y[0],
                );
                parts.push(Part {
                    start,
                    layout,
                    whole: whole.clone(),
                });
            }
        }
        (SplitCanvas(whole), parts)
    }
}

/// A canvas whose parts are written elsewhere.
pub struct SplitCanvas(Arc<Canvas>);

impl SplitCanvas {
    /// The canvas again, once every part has been dropped; `None` while one lives.
    pub fn join(self) -> Option<Canvas> {
        Arc::into_inner(self.0)
    }
}

/// The exclusive right to write one rectangle of a canvas.
pub struct Part {
    start: NonNull<u8>,
    layout: Layout,
    whole: Arc<Canvas>,
}

// SAFETY: parts of one canvas are disjoint, so each is an exclusive borrow of its bytes.
unsafe impl Send for Part {}
// SAFETY: a shared part gives no access to the bytes.
unsafe impl Sync for Part {}

impl Part {
    /// The pixels of the part, to be written.
    pub fn pixels_mut(&mut self) -> PixelsMut<'_> {
        self.whole.fill_pages();
        PixelsMut {
            start: self.start,
            layout: self.layout,
            memory: PhantomData,
        }
    }
}

/// A caller's memory that pixels are copied to, with a signed stride in every direction.
#[derive(Clone, Copy)]
pub struct Target {
    start: *mut u8,
    pixel_stride: isize,
    row_stride: isize,
    band_stride: isize,
    /// Columns, rows and bands.
    pub shape: Shape,
    /// The sample type to be written.
    pub dtype: DType,
}

impl Target {
    /// A target of `shape` whose sample (x, y, band) lies at the sum of the three strides.
    ///
    /// # Safety
    /// Every sample so addressed must be writable while the target is used, and nobody else may
    /// touch it.
    pub unsafe fn new(start: *mut u8, strides: [isize; 3], shape: Shape, dtype: DType) -> Self {
        let [pixel_stride, row_stride, band_stride] = strides;
        Self {
            start,
            pixel_stride,
            row_stride,
            band_stride,
            shape,
            dtype,
        }
    }

    /// A rectangle of all bands.
    ///
    /// # Panics
    /// If the rectangle is not inside.
    pub fn window(&self, x: usize, y: usize, width: usize, height: usize) -> Target {
        let shape = self.shape;
        assert!(
            x <= shape.width && width <= shape.width - x,
            "columns outside the target"
        );
        assert!(
            y <= shape.height && height <= shape.height - y,
            "rows outside the target"
        );
        let at = y as isize * self.row_stride + x as isize * self.pixel_stride;
        Target {
            start: self.start.wrapping_offset(at),
            shape: Shape {
                width,
                height,
                bands: shape.bands,
            },
            ..*self
        }
    }

    /// Whether the samples of a pixel lie side by side, and so do the pixels of a row.
    pub fn is_interleaved(&self) -> bool {
        let size = self.dtype.size() as isize;
        self.band_stride == size && self.pixel_stride == size * self.shape.bands as isize
    }

    /// Whether the samples of a row of one band lie side by side.
    pub fn is_packed(&self) -> bool {
        self.pixel_stride == self.dtype.size() as isize
    }

    /// Copies the first of some rows, of samples of the target's type, into all of a band of a packed target.
    ///
    /// # Panics
    /// If the target is not packed, the band does not exist, or there are not as many rows.
    pub fn store_band(&mut self, band: usize, rows: &Rows<'_>) {
        assert!(
            self.is_packed() && band < self.shape.bands,
            "outside the target"
        );
        let row = self.shape.width * self.dtype.size();
        // SAFETY: the samples of each row are just these bytes, and `new` promises that they are ours.
        unsafe {
            let to = self.start.offset(band as isize * self.band_stride);
            rows.copy_to(to, self.row_stride, row, self.shape.height);
        }
    }

    /// Writes a whole row of an interleaved target, all bands of it.
    ///
    /// # Panics
    /// If the target is not interleaved, has no such row, or one of another length.
    pub fn store_pixels(&mut self, y: usize, pixels: &[u8]) {
        let row = self.shape.width * self.shape.bands * self.dtype.size();
        assert!(
            self.is_interleaved() && y < self.shape.height && pixels.len() == row,
            "outside the target"
        );
        // SAFETY: the samples of the row are just these bytes, and `new` promises that they are ours.
        unsafe {
            let to = self.start.offset(y as isize * self.row_stride);
            std::ptr::copy_nonoverlapping(pixels.as_ptr(), to, row);
        }
    }

    /// Writes packed samples of the target's type from (x, y, band) on along the row.
    ///
    /// # Panics
    /// If a sample lies outside the target.
    pub fn store_row(&mut self, band: usize, x: usize, y: usize, samples: &[u8]) {
        let size = self.dtype.size();
        let count = samples.len() / size;
        assert!(
            band < self.shape.bands && y < self.shape.height,
            "outside the target"
        );
        assert!(
            x <= self.shape.width && count <= self.shape.width - x,
            "outside the target"
        );
        let at = band as isize * self.band_stride
            + y as isize * self.row_stride
            + x as isize * self.pixel_stride;
        // SAFETY: the coordinates were just checked, and `new` promises that such samples are ours.
        unsafe {
            let to = self.start.offset(at);
            match (self.pixel_stride, size) {
                (stride, size) if stride == size as isize => {
                    std::ptr::copy_nonoverlapping(samples.as_ptr(), to, samples.len());
                }
                (stride, 1) => scatter::<1>(samples, to, stride),
                (stride, 2) => scatter::<2>(samples, to, stride),
                (stride, 4) => scatter::<4>(samples, to, stride),
                (stride, 8) => scatter::<8>(samples, to, stride),
                (stride, _) => scatter::<16>(samples, to, stride),
            }
        }
    }
}

/// Writes samples of `N` bytes `stride` bytes apart.
///
/// # Safety
/// Every destination must be writable.
unsafe fn scatter<const N: usize>(samples: &[u8], to: *mut u8, stride: isize) {
    let (samples, _) = samples.as_chunks::<N>();
    for (i, sample) in samples.iter().enumerate() {
        // SAFETY: promised by the caller; the destination need not be aligned.
        unsafe {
            to.offset(i as isize * stride)
                .cast::<[u8; N]>()
                .write_unaligned(*sample)
        };
    }
}

#[cfg(all(test, target_os = "linux", not(memory_checker)))]
mod tests {
    use super::*;

    const ROWS: usize = 64;

    /// How many bytes of a canvas have pages.
    fn bytes_there(canvas: &Canvas) -> usize {
        // SAFETY: `sysconf` may be called at any time from any thread.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
        let (start, size) = (canvas.memory.start.as_ptr(), canvas.memory.size());
        let mut are_there = vec![0u8; size.div_ceil(page)];
        // SAFETY: the range is mapped, and a byte for each of its pages is ours.
        let outcome = unsafe { libc::mincore(start.cast(), size, are_there.as_mut_ptr()) };
        assert_eq!(outcome, 0);
        page * are_there.iter().filter(|page| **page & 1 != 0).count()
    }

    /// Linux 5.14 was the first that fills memory at once by this call.
    fn can_fill(canvas: &Canvas) -> bool {
        let (start, size) = (canvas.memory.start.as_ptr(), canvas.memory.size());
        // SAFETY: the pages are ours.
        unsafe { libc::madvise(start.cast(), size, libc::MADV_POPULATE_WRITE) == 0 }
    }

    fn canvas() -> Canvas {
        let shape = Shape {
            width: 4096,
            height: ROWS,
            bands: 1,
        };
        let layout = Layout::packed(shape, DType::U8).expect("a layout");
        Canvas::new(Memory::zeroed(layout.span()).expect("memory"), layout)
    }

    /// Who prepares tiles that others write too would let them wait for all their pages.
    #[test]
    fn the_first_who_writes_a_canvas_fills_it_with_pages() {
        let all = if can_fill(&canvas()) { 4096 * ROWS } else { 0 };
        let mut whole = canvas();
        assert_eq!(bytes_there(&whole), 0);
        whole.pixels_mut();
        assert_eq!(bytes_there(&whole), all);

        let (split, mut parts) = canvas().split(&[0, 4096], &[0, 1, ROWS]);
        assert_eq!(bytes_there(&split.0), 0);
        parts[1].pixels_mut();
        assert_eq!(bytes_there(&split.0), all);
        parts.iter_mut().for_each(|part| {
            part.pixels_mut().row_mut(0, 0).fill(1);
        });
        drop(parts);
        let (buffer, _) = split.join().expect("no part").freeze();
        let set = buffer.bytes().iter().filter(|byte| **byte == 1).count();
        assert_eq!(set, 2 * 4096);
    }

    /// A cache of a hundred thousand small tiles would leave the process no mappings for anything else.
    #[test]
    fn of_small_memory_so_much_is_mapped_and_no_more() {
        let pieces = MOST_SMALL + 100;
        let all: Vec<Memory> = (0..pieces)
            .map(|_| Memory::zeroed(MAP_FROM).expect("memory"))
            .collect();
        let is_mapped = |memory: &&Memory| memory.size & MAPPED != 0;
        assert!(all.iter().filter(is_mapped).count() <= MOST_SMALL);
        assert!(all.iter().take(1000).any(|memory| is_mapped(&memory)));
        drop(all);
        assert!(
            is_mapped(&&Memory::zeroed(MAP_FROM).expect("memory")),
            "free again"
        );
    }
}
