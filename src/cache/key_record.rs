//! What a cache knows of the image behind a key, and of what providers do with it.

use super::Counters;
use super::census::KeyImage;
use super::counts::Counts;
use super::eviction_order::{Group, Slot};
use super::forms::FORM_BYTES;
use super::key::KEPT_LEVELS;
use super::lineage::{self, Lineage};
use super::moment::Moment;
use super::puts::Puts;
use super::source_blocks::SourceBlocks;
use super::stamp::{self, Stamp};
use super::store::{IMAGE_BYTES, NAME_BYTES, Weights};
use crate::dtype::{DType, Sample};
use crate::error::{Error, Result};
use crate::geometry::{Area, Grid};
use crate::image::{Bands, Block, Image, MAX_BANDS};
use crate::layout::Layout;
use crate::sync::atomic::{AtomicU64, Ordering};
use smallvec::SmallVec;
use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Weak};

/// What all providers with one key agree on.
#[derive(Clone, Debug, PartialEq)]
struct Identity {
    dtype: DType,
    levels: SmallVec<[(u64, u64); 1]>,
    block: (u64, u64),
    bands: u32,
    pad: Sample,
    padded: bool,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ((width, height), (cols, rows)) = (self.levels[0], self.block);
        let (dtype, bands, pad) = (self.dtype.name(), self.bands, self.pad.to_f64(self.dtype));
        write!(
            f,
            "{width} x {height} {dtype} of {bands} bands in blocks of {cols} x {rows}, pad {pad}"
        )?;
        if self.padded {
            f.write_str(" at the edge too")?;
        }
        write!(f, ", levels")?;
        let mut above = self.levels.iter().skip(1);
        above.try_for_each(|(width, height)| write!(f, " {width} x {height}"))?;
        f.write_str(if self.levels.len() == 1 { " none" } else { "" })
    }
}

impl Identity {
    /// The grid at a level, if there is such a level.
    fn grid(&self, level: u32) -> Option<Grid> {
        let size = self.levels.get(level as usize)?;
        Some(Grid::new(self.levels[0], self.block, level, *size))
    }
}

/// What a key has over an area of an image beneath.
pub enum Over {
    /// Nothing.
    Nothing,
    /// The cells of this level and grid that meet the area.
    Cells(u32, Grid),
    /// Several levels are of the size of the area's, so it may be anything.
    Anything,
}

/// Refuses pixels that are of more or fewer bands than those named, and a list that no tile can be of.
fn check_list(bands: &Bands, layout: &Layout) -> Result<()> {
    let Some(list) = bands.list() else {
        return Ok(());
    };
    let mut sorted = list.to_vec();
    sorted.sort_unstable();
    if let Some(band) = sorted.last().filter(|band| **band >= MAX_BANDS) {
        return Err(Error::range(format!(
            "band {band}; an image has at most {MAX_BANDS} bands"
        )));
    }
    if let Some(twice) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        let band = twice[0];
        return Err(Error::argument(format!("band {band} is named twice")));
    }
    let count = layout.shape.bands;
    if count != list.len() {
        let named = list.len();
        return Err(Error::argument(format!(
            "pixels of {count} bands for {named} bands named"
        )));
    }
    Ok(())
}

/// An unread tile and when it becomes ordinary.
struct Unread {
    slot: Slot,
    stamp: Stamp,
    /// When the provider has served so many requests.
    requests: u64,
    /// When other images have admitted so many bytes.
    admitted_by_others: u64,
}

/// What is there as long as providers use a key.
#[derive(Default)]
struct InUse {
    counts: Arc<Counts>,
    /// Entries that callers put.
    put_entries: Arc<AtomicU64>,
    /// Unread tiles of each level in the order of their making.
    unread: BTreeMap<u32, VecDeque<Unread>>,
    /// What the providers share beside the entries: each kind of provider something else.
    companions: Vec<Weak<dyn Any + Send + Sync>>,
}

/// What the allocator takes for so many bytes.
const fn block(bytes: usize) -> usize {
    match bytes {
        0 => 0,
        _ => (bytes + size_of::<usize>()).next_multiple_of(16),
    }
}

/// What a text takes that several share.
fn shared_text(text: &str) -> usize {
    block(2 * size_of::<usize>() + text.len())
}

/// What a slab that grows by an eighth takes for a box.
const SLOT: usize = 2 * size_of::<usize>() * 9 / 8;

/// The fixed part of what a key takes: its record and that of its image, the numbers of both by their names, and
/// what tiles of one form have in common.
const OF_KEY: usize = block(size_of::<KeyRecord>())
    + block(IMAGE_BYTES)
    + 2 * (SLOT + NAME_BYTES)
    + lineage::BYTES
    + FORM_BYTES;

/// A key within a cache, and what is known of the image behind it.
pub struct KeyRecord {
    text: Arc<str>,
    identity: Option<Box<Identity>>,
    /// Providers that use the key now.
    providers: u32,
    /// What else keeps the key from being forgotten, for a moment each.
    holders: u32,
    /// Entries that it has.
    pub entries: u32,
    /// Buffers on the books that were entered under it.
    pub buffers: u32,
    /// Buffers inside the budget that were entered under it.
    pub resident: u32,
    /// Entries that callers put.
    put_entries: u32,
    /// What the key itself is charged now.
    pub charged: u64,
    /// The bytes of buffers that were entered under it, or are on their way.
    pub weights: Weights,
    /// The most that these ever were together.
    pub peak: u64,
    /// The number of its image within the cache.
    pub image: u32,
    /// Where its buffers stand in line.
    pub group: Group,
    pub lineage: Arc<Lineage>,
    /// What its tiles are stitched from, level by level, where the order in which they go depends on it.
    pub source_blocks: Box<[Option<SourceBlocks>]>,
    /// The blocks beneath its tiles, level by level of the tiles, that it may keep beside them.
    pub kept_blocks: Box<[Box<[Grid]>]>,
    /// The first of its entries.
    pub first_entry: u32,
    /// What callers put under it lately.
    puts: Puts<Block>,
    /// All but what the providers that use it now count.
    pub counters: Counters,
    in_use: Option<Box<InUse>>,
}

impl KeyRecord {
    pub fn new(text: Arc<str>, image: u32, lineage: Arc<Lineage>, group: Group) -> Self {
        Self {
            text,
            identity: None,
            providers: 0,
            holders: 0,
            entries: 0,
            buffers: 0,
            resident: 0,
            put_entries: 0,
            charged: 0,
            weights: Weights::default(),
            peak: 0,
            image,
            group,
            lineage,
            source_blocks: Box::default(),
            kept_blocks: Box::default(),
            first_entry: u32::MAX,
            puts: Puts::default(),
            counters: Counters::default(),
            in_use: None,
        }
    }

    /// Whether nothing refers to the key any more.
    pub fn is_unused(&self) -> bool {
        (self.providers, self.holders, self.entries, self.buffers) == (0, 0, 0, 0)
    }

    /// Keeps the key from being forgotten until [`KeyRecord::let_go`].
    pub fn hold(&mut self) {
        self.holders += 1;
    }

    /// Undoes one [`KeyRecord::hold`].
    pub fn let_go(&mut self) {
        self.holders -= 1;
        self.forget_single_puts();
    }

    /// A provider with the key is gone. With the last one goes what only providers need, and the unread tiles
    /// are returned: those become ordinary.
    pub fn provider_released(&mut self) -> Vec<(Slot, Stamp)> {
        self.providers -= 1;
        if self.providers > 0 {
            return Vec::new();
        }
        self.forget_single_puts();
        let in_use = self.in_use.take();
        let (counters, unread) = in_use.map_or_else(Default::default, |in_use| {
            (in_use.counts.counters(), in_use.unread)
        });
        self.counters = self.counters.plus(counters);
        let tiles = unread.into_values().flatten();
        tiles.map(|tile| (tile.slot, tile.stamp)).collect()
    }

    /// How many providers use the key.
    pub fn providers(&self) -> u32 {
        self.providers
    }

    /// What callers put lately matters to loads and to other puts alone: without any it need not be known cell
    /// by cell.
    fn forget_single_puts(&mut self) {
        if (self.providers, self.holders) == (0, 0) {
            self.puts.forget_cells();
        }
    }

    /// What callers put under the key lately.
    pub fn puts(&self) -> &Puts<Block> {
        &self.puts
    }

    /// A tile was put into a cell, or what it was made from, by what holds the key.
    pub fn note_put(&mut self, at: Block, moment: Moment) {
        match (self.providers, self.holders) {
            (0, 0 | 1) => self.puts.note_all(moment),
            _ => self.puts.note(at, moment),
        }
    }

    /// Something was put that may count for any cell.
    pub fn note_puts_everywhere(&mut self, moment: Moment) {
        self.puts.note_all(moment);
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text, to be shared.
    pub fn shared_text(&self) -> &Arc<str> {
        &self.text
    }

    /// What providers say of the image.
    pub fn described(&self) -> Option<KeyImage> {
        let identity = self.identity.as_ref()?;
        let grids = (0..identity.levels.len() as u32).filter_map(|level| identity.grid(level));
        Some(KeyImage {
            dtype: identity.dtype,
            bands: identity.bands,
            block: identity.block,
            levels: identity.levels.to_vec(),
            grids: grids.map(|grid| (grid.rows(), grid.cols())).collect(),
        })
    }

    /// What the key takes at most as long as it has tiles and no provider.
    pub fn bytes(&self) -> u64 {
        let image = self.lineage.image();
        let texts = match Arc::ptr_eq(&self.text, image) {
            true => shared_text(image),
            false => shared_text(image) + shared_text(&self.text),
        };
        let identity = self.identity.as_ref().map_or(0, |identity| {
            let levels = match identity.levels.spilled() {
                true => block(identity.levels.len() * size_of::<(u64, u64)>()),
                false => 0,
            };
            block(size_of::<Identity>()) + levels
        });
        let blocks = self.kept_blocks.iter();
        let blocks = blocks.map(|grids| size_of_val(grids) + block(size_of_val(&**grids)));
        let beneath = block(size_of_val(&*self.source_blocks)) + blocks.sum::<usize>();
        (OF_KEY + texts + identity + beneath) as u64
    }

    /// One more provider; refused if it shows another image than those before it. What it counts with, and the
    /// number of entries that callers put.
    pub fn register(&mut self, image: &Image) -> Result<(Arc<Counts>, Arc<AtomicU64>)> {
        let identity = Identity {
            dtype: image.dtype,
            levels: image.levels.as_slice().into(),
            block: image.block,
            bands: image.band_count(),
            pad: image.pad,
            padded: image.padded,
        };
        match &self.identity {
            Some(first) if **first != identity => Err(Error::argument(format!(
                "key {} is in use for another image: {first}; and not {identity}",
                self.text
            ))),
            _ => {
                self.identity = Some(Box::new(identity));
                self.providers += 1;
                let in_use = self.in_use.get_or_insert_default();
                let put_entries = u64::from(self.put_entries);
                in_use.put_entries.store(put_entries, Ordering::Relaxed);
                Ok((in_use.counts.clone(), in_use.put_entries.clone()))
            }
        }
    }

    /// Refuses pixels of a layout that a provider with this key does not have in the cell, or that are not
    /// of the bands named.
    pub fn check(&self, at: Block, bands: &Bands, layout: &Layout) -> Result<()> {
        check_list(bands, layout)?;
        let Some(identity) = &self.identity else {
            return Ok(());
        };
        let mut image = Image::new(1, 1, identity.bands, identity.dtype);
        image.levels = identity.levels.to_vec();
        image.block = identity.block;
        image.padded = identity.padded;
        if at.level as usize >= image.levels.len() {
            return Err(Error::range(format!(
                "level {} under key {}, which has {} levels; a level with a grid of its own has a key \
                 of its own",
                at.level,
                self.text,
                image.levels.len()
            )));
        }
        image.check_block(at, bands)?;
        let expected = image.block_shape(at, bands.count(identity.bands))?;
        if expected == layout.shape && identity.dtype == layout.dtype {
            return Ok(());
        }
        let got = layout.shape;
        Err(Error::argument(format!(
            "{} x {} pixels of {} bands of {} do not fit block ({}, {}) at level {} of key {}, \
             which has {} x {} of {} bands of {}",
            got.width,
            got.height,
            got.bands,
            layout.dtype.name(),
            at.row,
            at.col,
            at.level,
            self.text,
            expected.width,
            expected.height,
            expected.bands,
            identity.dtype.name()
        )))
    }

    /// The cell as an area of its image; `None` where no provider has said what the image is.
    pub fn area(&self, at: Block) -> Option<Area> {
        let identity = self.identity.as_ref()?;
        Some(Area {
            level: *identity.levels.get(at.level as usize)?,
            rect: identity.grid(at.level)?.rect(at.row, at.col),
        })
    }

    /// What is there over an area of an image that this one is built on, pixel for pixel.
    pub fn over(&self, area: &Area) -> Over {
        let Some(identity) = &self.identity else {
            return Over::Nothing;
        };
        let levels = (0..).zip(&identity.levels);
        let mut same = levels.filter(|(_, size)| **size == area.level);
        match (same.next(), same.next()) {
            (None, _) => Over::Nothing,
            (Some((level, _)), None) => identity
                .grid(level)
                .map_or(Over::Nothing, |grid| Over::Cells(level, grid)),
            (Some(_), Some(_)) => Over::Anything,
        }
    }

    /// One more entry of what callers put.
    pub fn count_put_entry(&mut self) {
        self.set_put_entries(self.put_entries + 1);
    }

    /// One entry less of what callers put.
    pub fn forget_put_entry(&mut self) {
        self.set_put_entries(self.put_entries - 1);
    }

    fn set_put_entries(&mut self, number: u32) {
        self.put_entries = number;
        if let Some(in_use) = &self.in_use {
            in_use.put_entries.store(number.into(), Ordering::Relaxed);
        }
    }

    /// What happened under the key.
    pub fn counters(&self) -> Counters {
        match &self.in_use {
            Some(in_use) => self.counters.plus(in_use.counts.counters()),
            None => self.counters,
        }
    }

    /// The same selection in the form that entries have, where all bands in order are no list.
    pub fn normal(&self, bands: &Bands) -> Bands {
        match (bands.list(), self.band_count()) {
            (Some(list), Some(count)) => Bands::of(list, count),
            _ => bands.clone(),
        }
    }

    /// How many bands the image has, where that is known.
    pub fn band_count(&self) -> Option<u32> {
        self.identity.as_ref().map(|identity| identity.bands)
    }

    /// What the providers with the key share, made on first use; alive as long as one of them.
    pub fn companion<T: Any + Send + Sync + Default>(&mut self) -> Arc<T> {
        let companions = &mut self.in_use.get_or_insert_default().companions;
        companions.retain(|known| known.strong_count() > 0);
        let mut known = companions.iter().filter_map(Weak::upgrade);
        if let Some(known) = known.find_map(|any| any.downcast::<T>().ok()) {
            return known;
        }
        let new: Arc<T> = Arc::default();
        let any: Arc<dyn Any + Send + Sync> = new.clone();
        companions.push(Arc::downgrade(&any));
        new
    }

    /// An unread tile was made for the key, which has been asked for so many tiles.
    pub fn note_unread(
        &mut self,
        slot: Slot,
        stamp: Stamp,
        level: u32,
        requests: u64,
        admitted_by_others: u64,
    ) {
        let tiles = match &self.identity {
            _ if level >= KEPT_LEVELS => u64::MAX,
            None => 0,
            Some(identity) => {
                let (size, block) = (identity.levels[0], identity.block);
                size.0.div_ceil(block.0) * size.1.div_ceil(block.1)
            }
        };
        let unread = &mut self.in_use.get_or_insert_default().unread;
        unread.entry(level).or_default().push_back(Unread {
            slot,
            stamp,
            requests: requests.saturating_add(tiles),
            admitted_by_others,
        });
    }

    /// Forgets at most `limit` unread tiles whose time is over, and returns them.
    pub fn take_outdated(
        &mut self,
        requests: u64,
        admitted_by_others: u64,
        limit: usize,
    ) -> Vec<(Slot, Stamp)> {
        self.take_unread(limit, |first| {
            first.requests <= requests || first.admitted_by_others <= admitted_by_others
        })
    }

    /// Forgets at most `limit` unread tiles that were made before a use, and returns them.
    pub fn take_earlier(&mut self, than: Stamp, limit: usize) -> Vec<(Slot, Stamp)> {
        self.take_unread(limit, |first| stamp::is_before(first.stamp, than))
    }

    /// Of each level, from the earliest on.
    fn take_unread(&mut self, limit: usize, takes: impl Fn(&Unread) -> bool) -> Vec<(Slot, Stamp)> {
        let mut taken = Vec::new();
        let Some(in_use) = &mut self.in_use else {
            return taken;
        };
        for queue in in_use.unread.values_mut() {
            while taken.len() < limit
                && queue.front().is_some_and(&takes)
                && let Some(first) = queue.pop_front()
            {
                taken.push((first.slot, first.stamp));
            }
        }
        in_use.unread.retain(|_, queue| !queue.is_empty());
        taken
    }

    /// Whether unread tiles are remembered.
    pub fn has_unread(&self) -> bool {
        let in_use = self.in_use.as_ref();
        in_use.is_some_and(|in_use| !in_use.unread.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::super::eviction_order::COMMON;
    use super::*;

    #[test]
    fn puts_are_known_cell_by_cell_only_while_a_load_or_another_put_could_ask() {
        let [one, other] = [0, 1].map(|col| Block::new(0, 0, col));
        let mut record = KeyRecord::new("puts".into(), 0, Lineage::of("puts"), COMMON);
        let known = |record: &KeyRecord| [one, other].map(|at| record.puts().moment(at));
        record.hold();
        record.note_put(one, 5);
        assert_eq!(known(&record), [5, 5]);
        record.hold();
        record.note_put(one, 6);
        record.let_go();
        assert_eq!(known(&record), [6, 5]);
        record.let_go();
        assert_eq!(known(&record), [6, 6]);
        let image = Image::new(1, 1, 1, DType::U8);
        record.register(&image).unwrap();
        record.hold();
        record.note_put(other, 7);
        record.let_go();
        assert_eq!(known(&record), [6, 7]);
        record.provider_released();
        assert_eq!(known(&record), [7, 7]);
    }
}
