//! Leases: tiles that a thread gets again and again are kept at its elbow, so that a hit of one thread
//! writes nothing that others touch.
//!
//! A lease is a handle: while there is one, its tile counts as held and is not evicted. So whoever works
//! on the books in a way that a lease could stand in the way of, or be seen by, recalls all of them
//! first and lets no new ones be made until it is done; see [`Leases::close`].

use super::index::{Cell, Index};
use super::stamp::{self, Stamp};
use crate::image::Bands;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Mutex, thread_number};
use crate::tile::Tile;

/// Threads with the same number modulo this share a stripe. As many as there are bits in
/// [`Leases::used`].
const STRIPES: usize = 64;

/// What a stripe remembers at most; a power of two.
const SLOTS: usize = 32;

/// How many other cells a cell's slot withstands at most before it is given up to one of them.
const STEADFAST: u8 = 16;

/// What one operation counts in [`Leases::closed`] while it lasts.
const CLOSED: u64 = 1;

/// What one operation leaves there.
const BEGUN: u64 = 1 << 16;

/// All leases of a cache.
pub struct Leases {
    /// The operations during which there are no leases: in the low bits how many there are now, above
    /// how many there were.
    closed: AtomicU64,
    /// The stripes that may have leases. Cleared under the lock of the stripe.
    used: AtomicU64,
    stripes: Box<[Stripe]>,
}

/// Stripes lie apart, so that one thread does not slow down another.
#[repr(align(128))]
#[derive(Default)]
struct Stripe(Mutex<Slots>);

/// For each slot the cell that a thread asked for more than for others whose place is there. What a look
/// in vain touches lies together.
#[derive(Default)]
struct Slots {
    /// What is left of the cells' hashes.
    tags: [u32; SLOTS],
    /// How many others the cells withstand.
    steadfast: [u8; SLOTS],
    /// Empty before the first lease.
    leases: Vec<Option<Lease>>,
}

struct Lease {
    cell: Cell,
    bands: Bands,
    tile: Tile,
    /// Hits that the index does not know of.
    hits: u64,
    /// The last of them.
    used: Stamp,
}

/// What a look for a lease comes to.
pub enum Asked {
    /// The tile.
    Leased(Tile),
    /// There is none, but the thread asks for it often.
    Worth(Offer),
    /// There is none.
    Not,
}

/// The offer to lease what the index has now.
pub struct Offer {
    /// What [`Leases::closed`] was before.
    moment: u64,
    stripe: usize,
    place: usize,
    tag: u32,
}

/// While this lives, there are no leases.
pub struct Closed<'a>(&'a Leases);

impl Default for Leases {
    fn default() -> Self {
        Self {
            closed: AtomicU64::new(0),
            used: AtomicU64::new(0),
            stripes: (0..STRIPES).map(|_| Stripe::default()).collect(),
        }
    }
}

impl Leases {
    /// The tile of a cell for just these bands if the calling thread has it on lease, as a use and a
    /// hit.
    pub fn get(&self, cell: &Cell, bands: &Bands, index: &Index) -> Asked {
        let moment = self.closed.load(Ordering::SeqCst);
        let at = thread_number() % STRIPES;
        let (place, tag) = place_of(cell);
        let mut slots = self.stripes[at].0.lock();
        let Slots {
            tags,
            steadfast,
            leases,
        } = &mut *slots;
        let lease = leases.get_mut(place).and_then(Option::as_mut);
        if tags[place] == tag && lease.as_ref().is_none_or(|lease| lease.is_for(cell, bands)) {
            steadfast[place] = (steadfast[place] + 1).min(STEADFAST);
            return match lease {
                Some(lease) => {
                    lease.hits += 1;
                    lease.used = stamp::used();
                    Asked::Leased(lease.tile.clone())
                }
                None if moment.is_multiple_of(BEGUN) => Asked::Worth(Offer {
                    moment,
                    stripe: at,
                    place,
                    tag,
                }),
                None => Asked::Not,
            };
        }
        let mut gone = None;
        match steadfast[place].checked_sub(1) {
            Some(left) => steadfast[place] = left,
            None => {
                tags[place] = tag;
                let lease = leases.get_mut(place).and_then(Option::take);
                gone = lease.map(|lease| lease.end(at, index));
            }
        }
        drop(slots);
        drop(gone);
        Asked::Not
    }

    /// Leases a tile that was found in the index after the offer was made, unless it may be gone from
    /// there by now.
    pub fn take(&self, offer: Offer, cell: &Cell, bands: &Bands, tile: &Tile) {
        let mut slots = self.stripes[offer.stripe].0.lock();
        let Slots { tags, leases, .. } = &mut *slots;
        if leases.is_empty() {
            // Without memory there are no leases.
            if leases.try_reserve_exact(SLOTS).is_err() {
                return;
            }
            leases.resize_with(SLOTS, || None);
        }
        if tags[offer.place] != offer.tag || leases[offer.place].is_some() {
            return;
        }
        // Who closes looks at the two in the other order, so that one of both sees the other.
        let bit = 1 << offer.stripe;
        if self.used.load(Ordering::SeqCst) & bit == 0 {
            self.used.fetch_or(bit, Ordering::SeqCst);
        }
        if self.closed.load(Ordering::SeqCst) == offer.moment {
            leases[offer.place] = Some(Lease {
                cell: *cell,
                bands: bands.clone(),
                tile: tile.clone(),
                hits: 0,
                used: 0,
            });
        }
    }

    /// Recalls all leases: their hits and uses are known from now on, and until what this returns is
    /// dropped there are no new ones. Not to be called under a lock: the last handle of a tile may
    /// go with its lease.
    pub fn close(&self, index: &Index) -> Closed<'_> {
        self.closed.fetch_add(BEGUN + CLOSED, Ordering::SeqCst);
        let closed = Closed(self);
        let mut left = self.used.load(Ordering::SeqCst);
        while left != 0 {
            let at = left.trailing_zeros() as usize;
            left &= left - 1;
            let mut slots = self.stripes[at].0.lock();
            let ended = |lease: &mut Option<Lease>| Some(lease.take()?.end(at, index));
            let gone: Vec<Tile> = slots.leases.iter_mut().filter_map(ended).collect();
            // Only now, so that who closes meanwhile waits until the hits are counted.
            self.used.fetch_and(!(1 << at), Ordering::SeqCst);
            drop(slots);
            drop(gone);
        }
        closed
    }
}

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        self.0.closed.fetch_sub(CLOSED, Ordering::SeqCst);
    }
}

impl Lease {
    fn is_for(&self, cell: &Cell, bands: &Bands) -> bool {
        self.cell == *cell && self.bands == *bands
    }

    /// Tells the index and the buffer what they do not know yet. The tile is to be dropped outside of
    /// all locks.
    fn end(self, stripe: usize, index: &Index) -> Tile {
        if self.hits > 0 {
            index.count_hits(stripe, self.cell.key, self.hits);
            self.tile.buffer().raise_last_use(self.used);
        }
        self.tile
    }
}

/// The place of a cell, and its tag there.
fn place_of(cell: &Cell) -> (usize, u32) {
    let at = cell.block();
    let mixed = [at.row, at.col, u64::from(at.level), u64::from(cell.key)]
        .into_iter()
        .fold(0u64, |mixed, part| {
            (mixed ^ part)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .rotate_left(29)
        });
    (mixed as usize % SLOTS, (mixed >> 32) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::DType;
    use crate::image::Block;
    use crate::layout::{Layout, Shape};
    use crate::memory::{Canvas, Memory};

    fn tile() -> Tile {
        let shape = Shape {
            width: 8,
            height: 8,
            bands: 1,
        };
        let layout = Layout::packed(shape, DType::U8).unwrap();
        Tile::from_canvas(Canvas::new(Memory::zeroed(64).unwrap(), layout))
    }

    fn cell(row: u64) -> Cell {
        Cell::new(0, Block::new(0, row, 0))
    }

    /// The offer that a thread gets when it asks again.
    fn offer(leases: &Leases, cell: &Cell, index: &Index) -> Option<Offer> {
        (0..3).find_map(|_| match leases.get(cell, &Bands::ALL, index) {
            Asked::Worth(offer) => Some(offer),
            _ => None,
        })
    }

    fn is_leased(leases: &Leases, cell: &Cell, index: &Index) -> bool {
        matches!(leases.get(cell, &Bands::ALL, index), Asked::Leased(_))
    }

    #[test]
    fn what_a_thread_gets_again_is_on_lease_until_it_is_recalled() {
        let (leases, index, tile) = (Leases::default(), Index::default(), tile());
        let offered = offer(&leases, &cell(1), &index).expect("an offer");
        leases.take(offered, &cell(1), &Bands::ALL, &tile);
        assert!((0..7).all(|_| is_leased(&leases, &cell(1), &index)));
        assert_eq!(index.hits(0), 0);
        drop(leases.close(&index));
        assert_eq!(index.hits(0), 7);
        assert!(!is_leased(&leases, &cell(1), &index));
    }

    #[test]
    fn nothing_is_leased_while_tiles_go_nor_what_was_found_before() {
        let (leases, index, tile) = (Leases::default(), Index::default(), tile());
        let before = offer(&leases, &cell(1), &index).expect("an offer");
        let closed = leases.close(&index);
        assert!(offer(&leases, &cell(1), &index).is_none());
        drop(closed);
        leases.take(before, &cell(1), &Bands::ALL, &tile);
        assert!(!is_leased(&leases, &cell(1), &index));
    }

    #[test]
    fn a_place_goes_to_another_cell_that_is_asked_for_more() {
        let (leases, index, tile) = (Leases::default(), Index::default(), tile());
        let place = place_of(&cell(1)).0;
        let other = (2..).map(cell).find(|cell| place_of(cell).0 == place);
        let other = other.expect("another cell of the place");
        let offered = offer(&leases, &cell(1), &index).expect("an offer");
        leases.take(offered, &cell(1), &Bands::ALL, &tile);
        assert!((0..20).all(|_| is_leased(&leases, &cell(1), &index)));
        for _ in 0..=STEADFAST {
            let asked = leases.get(&other, &Bands::ALL, &index);
            assert!(matches!(asked, Asked::Not));
        }
        assert_eq!(index.hits(0), 20);
        let offered = offer(&leases, &other, &index).expect("an offer");
        leases.take(offered, &other, &Bands::ALL, &tile);
        assert!(is_leased(&leases, &other, &index));
    }

    #[test]
    fn cells_that_look_alike_are_told_apart() {
        let (one, other) = (
            cell(1),
            Cell::new(0, Block::new(0, 1, 0x0ff2_38ee_eafb_b29f)),
        );
        assert_eq!(place_of(&one), place_of(&other), "the mixing has changed");
        let (leases, index, tile) = (Leases::default(), Index::default(), tile());
        let offered = offer(&leases, &one, &index).expect("an offer");
        leases.take(offered, &one, &Bands::ALL, &tile);
        assert!(is_leased(&leases, &one, &index));
        assert!(!is_leased(&leases, &other, &index));
    }
}
