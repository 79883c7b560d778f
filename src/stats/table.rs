//! Tables of counters in pages, of which those are there that were touched.

use super::key::{BINS, Kind};
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

/// The most that the tables of one computation may take, in bytes.
pub const MAX_BYTES: u64 = 1 << 30;

/// Counts what the tables of one computation take.
#[derive(Default)]
pub struct Room(AtomicU64);

impl Room {
    /// Takes so many bytes, or says that there is no room for them.
    fn take(&self, bytes: u64) -> Result<()> {
        if self.0.fetch_add(bytes, Ordering::Relaxed) + bytes > MAX_BYTES {
            self.0.fetch_sub(bytes, Ordering::Relaxed);
            return Err(Error::limit(format!(
                "tables of counters would take more than {MAX_BYTES} bytes; take the statistics of fewer bands"
            )));
        }
        Ok(())
    }

    fn give_back(&self, bytes: u64) {
        self.0.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// The bytes of a page.
const PAGE_BYTES: usize = size_of::<[u32; BINS]>() + size_of::<Page>();

/// The counters of an exponent and a sign, or of 2,048 narrow values.
pub struct Page {
    /// Values of each bin, modulo 2^32.
    counts: Box<[u32; BINS]>,
    /// A bin for each time that its counter began anew.
    wraps: Vec<u16>,
    /// The sum of all magnitudes.
    sum: u128,
    /// The sum of their squares: 128 bits, and how often those overflowed.
    squares: (u128, u64),
}

impl Page {
    fn new(room: &Room) -> Result<Self> {
        room.take(PAGE_BYTES as u64)?;
        let mut counts = Vec::new();
        counts.try_reserve_exact(BINS).map_err(|_| no_memory())?;
        counts.resize(BINS, 0);
        let counts = counts.into_boxed_slice().try_into();
        Ok(Self {
            counts: counts.map_err(|_| Error::internal("a page of another size"))?,
            wraps: Vec::new(),
            sum: 0,
            squares: (0, 0),
        })
    }

    /// Counts a value.
    #[inline(always)]
    pub fn count(&mut self, bin: usize) {
        let counter = &mut self.counts[bin & (BINS - 1)];
        *counter = counter.wrapping_add(1);
        if *counter == 0 {
            self.wraps.push(bin as u16);
        }
    }

    /// Counts a value, and adds up its magnitude and the square of it.
    #[inline(always)]
    pub fn add(&mut self, bin: usize, magnitude: u64) {
        self.count(bin);
        self.sum += u128::from(magnitude);
        let square = u128::from(magnitude) * u128::from(magnitude);
        let (sum, overflows) = self.squares.0.overflowing_add(square);
        self.squares = (sum, self.squares.1 + u64::from(overflows));
    }

    /// Adds all that another page counted.
    fn merge(&mut self, other: Page) {
        for (bin, (counter, more)) in self.counts.iter_mut().zip(other.counts.iter()).enumerate() {
            let (sum, wraps) = counter.overflowing_add(*more);
            *counter = sum;
            if wraps {
                self.wraps.push(bin as u16);
            }
        }
        self.wraps.extend(other.wraps);
        self.sum += other.sum;
        let (sum, overflows) = self.squares.0.overflowing_add(other.squares.0);
        self.squares = (sum, self.squares.1 + other.squares.1 + u64::from(overflows));
    }

    /// Values of each bin.
    pub fn counts(&self) -> impl DoubleEndedIterator<Item = (usize, u64)> {
        let mut counts: Box<[u64; BINS]> = Box::new([0; BINS]);
        for (to, count) in counts.iter_mut().zip(self.counts.iter()) {
            *to = u64::from(*count);
        }
        for bin in &self.wraps {
            counts[*bin as usize] += 1 << 32;
        }
        (0..BINS).map(move |bin| (bin, counts[bin]))
    }

    /// The sum of all magnitudes.
    pub fn sum(&self) -> u128 {
        self.sum
    }

    /// The sum of their squares, see [`super::exact::Sums::add_squares`].
    pub fn squares(&self) -> (u128, u64) {
        self.squares
    }
}

fn no_memory() -> Error {
    Error::new(ErrorKind::NoMemory, "no memory for tables of counters")
}

/// The pages of a band.
pub struct Table {
    kind: Kind,
    room: Arc<Room>,
    /// Where the page of each exponent is, one more than its place; those of positive values first. Empty as long
    /// as there is none.
    places: Vec<u16>,
    pages: Vec<Page>,
}

impl Table {
    /// A table that counts nothing so far.
    pub fn new(kind: Kind, room: Arc<Room>) -> Self {
        Self {
            kind,
            room,
            places: Vec::new(),
            pages: Vec::new(),
        }
    }

    /// How values are counted.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The page of a sign and an exponent.
    #[inline(always)]
    pub fn page(&mut self, is_negative: bool, page: usize) -> Result<&mut Page> {
        let place = page + usize::from(is_negative) * self.kind.pages();
        match self.places.get(place) {
            Some(nth @ 1..) => Ok(&mut self.pages[*nth as usize - 1]),
            _ => self.new_page(place),
        }
    }

    #[cold]
    #[inline(never)]
    fn new_page(&mut self, place: usize) -> Result<&mut Page> {
        if self.places.is_empty() {
            let all = 2 * self.kind.pages();
            self.room.take(2 * all as u64)?;
            self.places.try_reserve(all).map_err(|_| no_memory())?;
            self.places.resize(all, 0);
        }
        let page = Page::new(&self.room)?;
        self.pages.try_reserve(1).map_err(|_| no_memory())?;
        self.pages.push(page);
        self.places[place] = self.pages.len() as u16;
        Ok(self.pages.last_mut().expect("the page just made"))
    }

    /// Adds all that another table of the same kind counted.
    pub fn merge(&mut self, other: Table) -> Result<()> {
        let half = self.kind.pages();
        let mut pages: Vec<Option<Page>> = other.pages.into_iter().map(Some).collect();
        for (place, nth) in other.places.into_iter().enumerate() {
            let page = (nth as usize)
                .checked_sub(1)
                .and_then(|nth| pages[nth].take());
            if let Some(page) = page {
                let to = self.page(place >= half, place % half)?;
                to.merge(page);
                self.room.give_back(PAGE_BYTES as u64);
            }
        }
        Ok(())
    }

    /// The pages in the order of their values, each with its sign and its exponent.
    pub fn in_order(&self) -> impl DoubleEndedIterator<Item = (bool, usize, &Page)> {
        let half = self.kind.pages();
        let negative = (0..half).rev().map(|page| (true, page));
        let positive = (0..half).map(|page| (false, page));
        negative
            .chain(positive)
            .filter_map(move |(is_negative, page)| {
                let place = page + usize::from(is_negative) * half;
                let nth = self.places.get(place).copied().unwrap_or(0);
                Some((
                    is_negative,
                    page,
                    self.pages.get((nth as usize).checked_sub(1)?)?,
                ))
            })
    }

    /// The memory that it takes, in bytes.
    pub fn bytes(&self) -> u64 {
        let page = |page: &Page| PAGE_BYTES + 2 * page.wraps.len();
        (2 * self.places.len() + self.pages.iter().map(page).sum::<usize>()) as u64
    }
}
