//! Keys: readable text that tells images apart, and what a cache knows of the image behind each.

use super::Counters;
use super::eviction_order::{Group, Slot};
use super::forms::Forms;
use super::hits::Hits;
use super::lineage::Lineage;
use super::puts::Puts;
use super::source_blocks::SourceBlocks;
use super::stamp::Stamp;
use super::store::Weights;
use crate::dtype::{DType, Sample};
use crate::error::{Error, Result};
use crate::geometry::{Area, Grid};
use crate::image::{Bands, Block, Image, MAX_BANDS, MAX_LEVELS};
use crate::layout::Layout;
use crate::sync::atomic::{AtomicU64, Ordering};
use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Weak};

/// The number of a key within one cache.
pub type KeyId = u32;

/// Text from users and files with `% : @ [ ] ( ) ,` percent-encoded, so that it cannot pass for another
/// part of a key.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '%' | ':' | '@' | '[' | ']' | '(' | ')' | ',' => {
                out.push_str(&format!("%{:02X}", c as u32))
            }
            c => out.push(c),
        }
    }
    out
}

/// The name of a source or of an operator's function: the one given, or a number that is never used
/// again. Numbers begin with a colon, which no name can.
pub fn name_or_number(given: Option<&str>) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    match given {
        Some(name) => escape(name),
        None => format!(":{}", NEXT.fetch_add(1, Ordering::Relaxed)),
    }
}

/// What the key of an image that is computed from others begins with. No name can: it has a colon.
const COMPUTE: &str = "compute:";

/// The longest key of a computed image, in bytes: an image that is computed from another one twice has a key twice
/// as long.
const MAX_COMPUTED: usize = 1 << 16;

/// The key of an image that is computed from those with other keys; refused if it were too long.
pub fn compute_key<S: AsRef<str>>(
    name: &str,
    sources: impl IntoIterator<Item = S>,
) -> Result<String> {
    let mut key = format!("{COMPUTE}{name}(");
    for (at, source) in sources.into_iter().enumerate() {
        key.push_str(if at == 0 { "" } else { "," });
        key.push_str(source.as_ref());
        if key.len() >= MAX_COMPUTED {
            return Err(Error::limit(format!(
                "a key of more than {MAX_COMPUTED} bytes, which names all that an image is computed from"
            )));
        }
    }
    key.push(')');
    if !is_shallow(&key) {
        return Err(Error::limit(format!(
            "more than {MAX_DEPTH} images computed one from another"
        )));
    }
    Ok(key)
}

/// How deep brackets may stand in brackets.
const MAX_DEPTH: usize = 128;

fn is_shallow(key: &str) -> bool {
    let mut depth = 0usize;
    key.bytes().all(|byte| {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            _ => (),
        }
        depth <= MAX_DEPTH
    })
}

/// What an image is called in messages for people.
pub fn title(key: &str) -> String {
    let operator = key
        .strip_prefix(COMPUTE)
        .and_then(|key| key.split_once('('));
    match operator {
        Some((name, _)) if name.starts_with(':') => "an operator without a name".into(),
        Some((name, _)) => format!("the operator {name}"),
        None if key.starts_with(':') => "an image without a key".into(),
        None => key.into(),
    }
}

/// The keys of the images that an image is computed from; none for others, nor for a key of a caller's with more
/// brackets in brackets than those of images.
pub fn sources_of(image: &str) -> Vec<&str> {
    let is_computed = image.starts_with(COMPUTE) && is_shallow(image);
    let inside = is_computed
        .then(|| image.find('(').zip(image.strip_suffix(')')))
        .flatten()
        .map(|(open, body)| &body[open + 1..]);
    let mut depth = 0u32;
    inside
        .into_iter()
        .flat_map(|keys| {
            keys.split(move |c| {
                match c {
                    '(' => depth += 1,
                    ')' => depth = depth.saturating_sub(1),
                    _ => (),
                }
                c == ',' && depth == 0
            })
        })
        .map(|key| match key.strip_suffix(']') {
            // What is read of the image stands behind its key.
            Some(key) => key.rsplit_once('[').map_or(key, |(key, _)| key),
            None => key,
        })
        .collect()
}

/// The part of a key that names the image at its source: what operators put behind it is left out. An image
/// computed from several is one of its own.
pub fn image_of(key: &str) -> &str {
    if key.starts_with(COMPUTE) {
        let mut depth = 0u32;
        let end = key.find(|c| {
            match c {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ => (),
            }
            c == ')' && depth == 0
        });
        // A source may be named like that, but has no parentheses.
        if let Some(end) = end {
            return &key[..=end];
        }
    }
    const IMAGE: &str = ":image:";
    let Some(at) = key.find(IMAGE) else {
        return key;
    };
    let number = at + IMAGE.len();
    let end = key[number..]
        .find(':')
        .map_or(key.len(), |end| number + end);
    &key[..end]
}

/// Whether what a key names may be built on the pixels under another key: it continues that key, or that
/// of the image whose overview the other is. Overviews themselves are read, not built.
pub fn is_built_on(key: &str, other: &str) -> bool {
    let base = without_overview(other);
    let continues = key
        .strip_prefix(base)
        .is_some_and(|rest| rest.starts_with(':'));
    continues && without_overview(key) != base
}

/// A key of an overview of an image without the part that says which; any other key as it is.
fn without_overview(key: &str) -> &str {
    let number = key.rsplit(':').next().unwrap_or_default();
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    key[..key.len() - number.len()]
        .strip_suffix(":overview:")
        .filter(|_| is_number)
        .unwrap_or(key)
}

/// Where a number stands for a name within a key, behind its beginning.
const UNNAMED: [&str; 3] = ["::", "(:", ",:"];

/// From this level on a key keeps blocks beneath its tiles, and not tiles. No request asks for them; they
/// wait for tiles that still need them.
pub const KEPT_LEVELS: u32 = MAX_LEVELS as u32;

/// The level at which a key keeps blocks of the `nth` image beneath the tiles of a level.
pub const fn kept_level(tiles: u32, nth: u32) -> u32 {
    KEPT_LEVELS * (1 + nth) + tiles
}

/// What all providers with one key agree on.
#[derive(Clone, Debug, PartialEq)]
struct Identity {
    dtype: DType,
    levels: Vec<(u64, u64)>,
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

/// A key within a cache, and what is known of the image behind it.
pub struct KeyRecord {
    text: Arc<str>,
    identity: Option<Identity>,
    /// Providers that use the key now.
    pub providers: usize,
    /// Entries that it has.
    pub entries: usize,
    /// Buffers on the books that were entered under it.
    pub buffers: usize,
    /// Buffers inside the budget that were entered under it.
    pub resident: usize,
    /// The bytes of buffers that were entered under it, or are on their way.
    pub weights: Weights,
    /// The most that these ever were together.
    pub peak: u64,
    /// The number of its image within the cache.
    pub image: u32,
    pub lineage: Arc<Lineage>,
    /// Where its buffers stand in line.
    pub group: Group,
    /// What its tiles are stitched from, level by level, where the order in which they go depends on it.
    pub source_blocks: Vec<Option<SourceBlocks>>,
    /// The blocks beneath its tiles, level by level of the tiles, that it may keep beside them.
    pub kept_blocks: Vec<Vec<Grid>>,
    /// The first of its entries.
    pub first_entry: u32,
    /// What callers put under it lately.
    pub puts: Puts,
    /// Entries that callers put.
    put_entries: Arc<AtomicU64>,
    /// All but the hits.
    pub counters: Counters,
    pub hits: Arc<Hits>,
    /// What its entries look like.
    pub forms: Forms,
    /// Unread tiles of each level in the order of their making.
    unread: BTreeMap<u32, VecDeque<Unread>>,
    /// What the providers with the key share beside the entries: each kind of provider something else.
    companions: Vec<Weak<dyn Any + Send + Sync>>,
}

impl KeyRecord {
    pub fn new(text: Arc<str>, image: u32, lineage: Arc<Lineage>, group: Group) -> Self {
        Self {
            text,
            identity: None,
            providers: 0,
            entries: 0,
            buffers: 0,
            resident: 0,
            weights: Weights::default(),
            peak: 0,
            image,
            lineage,
            group,
            source_blocks: Vec::new(),
            kept_blocks: Vec::new(),
            first_entry: u32::MAX,
            puts: Puts::default(),
            put_entries: Arc::default(),
            counters: Counters::default(),
            hits: Arc::default(),
            forms: Forms::default(),
            unread: BTreeMap::new(),
            companions: Vec::new(),
        }
    }

    /// Whether nothing refers to the key any more.
    pub fn is_unused(&self) -> bool {
        self.providers == 0 && self.entries == 0 && self.buffers == 0
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether another provider can have the same key later.
    pub fn is_named(&self) -> bool {
        !self.text.starts_with(':') && !UNNAMED.iter().any(|unnamed| self.text.contains(unnamed))
    }

    /// What the key itself is charged.
    pub fn bytes(&self) -> u64 {
        (size_of::<KeyRecord>() + self.text.len() + size_of::<Hits>()) as u64
    }

    /// One more provider; refused if it shows another image than those before it.
    pub fn register(&mut self, image: &Image) -> Result<()> {
        let identity = Identity {
            dtype: image.dtype,
            levels: image.levels.clone(),
            block: image.block,
            bands: image.band_count(),
            pad: image.pad,
            padded: image.padded,
        };
        match &self.identity {
            Some(first) if *first != identity => Err(Error::argument(format!(
                "key {} is in use for another image: {first}; and not {identity}",
                self.text
            ))),
            _ => {
                self.identity = Some(identity);
                self.providers += 1;
                Ok(())
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
        image.levels.clone_from(&identity.levels);
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
        self.put_entries.fetch_add(1, Ordering::Relaxed);
    }

    /// One entry less of what callers put.
    pub fn forget_put_entry(&mut self) {
        self.put_entries.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many entries there are of what callers put.
    pub fn put_entries(&self) -> &Arc<AtomicU64> {
        &self.put_entries
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
        self.companions.retain(|known| known.strong_count() > 0);
        let mut known = self.companions.iter().filter_map(Weak::upgrade);
        if let Some(known) = known.find_map(|any| any.downcast::<T>().ok()) {
            return known;
        }
        let new: Arc<T> = Arc::default();
        let any: Arc<dyn Any + Send + Sync> = new.clone();
        self.companions.push(Arc::downgrade(&any));
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
            Some(Identity { levels, block, .. }) => {
                levels[0].0.div_ceil(block.0) * levels[0].1.div_ceil(block.1)
            }
        };
        self.unread.entry(level).or_default().push_back(Unread {
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
        let mut taken = Vec::new();
        for queue in self.unread.values_mut() {
            while taken.len() < limit {
                let outdated = queue.front().is_some_and(|first| {
                    first.requests <= requests || first.admitted_by_others <= admitted_by_others
                });
                if !outdated {
                    break;
                }
                taken.extend(queue.pop_front().map(|first| (first.slot, first.stamp)));
            }
        }
        self.unread.retain(|_, queue| !queue.is_empty());
        taken
    }

    /// Forgets all unread tiles and returns them.
    pub fn take_unread(&mut self) -> Vec<(Slot, Stamp)> {
        let unread = std::mem::take(&mut self.unread);
        unread
            .into_values()
            .flatten()
            .map(|tile| (tile.slot, tile.stamp))
            .collect()
    }

    /// Whether unread tiles are remembered.
    pub fn has_unread(&self) -> bool {
        !self.unread.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_images_that_one_is_computed_from_are_found_in_its_key() {
        let inner = "compute:slope(dem:image:0[margin:1+1+1+1])";
        let list = "red:image:0:mapped:log:bands:0+2";
        let read = "x:image:1:level:1[bands:2+0]";
        let whole = compute_key("a%3Ab", [inner, read, list]).unwrap();
        assert_eq!(sources_of(&whole), [inner, "x:image:1:level:1", list]);
        assert_eq!(sources_of(inner), ["dem:image:0"]);
        assert_eq!(image_of(&format!("{whole}:of_level:2:retiled:9x9")), whole);
        assert_eq!(title(&whole), "the operator a%3Ab");
        // A source may be called as operators are.
        assert_eq!(image_of("compute:image:0:level:2"), "compute:image:0");
        let long = "x".repeat(MAX_COMPUTED / 3);
        assert!(compute_key("n", [&long; 2]).is_ok() && compute_key("n", [&long; 3]).is_err());
        assert_eq!(sources_of("compute:image:0"), [""; 0]);
    }
}
