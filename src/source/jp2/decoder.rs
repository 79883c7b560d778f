//! Decoding rectangles of the image at any of its levels.

use super::area::{self, Samples, shared};
use super::by_parts::{ByParts, Windows};
use super::codestream::{self, Area, Needed};
use super::coding::{Coding, work_of_bytes, work_of_code_blocks};
use super::describe::{Channel, Description};
use super::header::Header;
use super::helpers::Helpers;
use super::index::{Doubt, Index, Part};
use super::openjpeg::{self, Job, Plane};
use super::samples;
use super::size::Axis;
use super::stream::{TileStream, is_selected};
use super::whole;
use crate::bytes::Bytes;
use crate::error::{Error, Kind, Result};
use crate::geometry::Rect;
use crate::image::{Block, Image, SharedWork};
use crate::memory::PixelsMut;
use crate::source::hidden::Hidden;
use crate::source::{Decoder, beneath};
use crate::sync::Mutex;
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::ops::Range;
use std::sync::Arc;

/// The most memory that one decode may take beside the pixels that it delivers.
pub const MAX_BYTES: u64 = 1 << 31;

/// Components of a tile are decoded one set after the other where all of them take more.
const SET_BYTES: u64 = 1 << 29;

/// Bytes that a sample takes while a whole tile is decoded, which happens in place.
const SAMPLE_BYTES: u64 = 4;

/// Bytes that a sample takes while a part of a tile is decoded, with the wavelet's planes beside it.
const PART_SAMPLE_BYTES: u64 = 12;

/// A thread of the codec should have so many samples of its own.
const CODEC_SHARE: u64 = 1 << 16;

/// The most places at which the codec may look for packets beside those that the bytes are worth.
const MAX_PLACES: u64 = 1 << 22;

/// The image of a codestream.
pub struct Jp2Decoder {
    bytes: Arc<dyn Bytes>,
    header: Header,
    description: Description,
    index: Mutex<Option<Arc<Index>>>,
    /// The tiles whose packets were looked at, and what was wrong with them.
    checked: Mutex<BTreeMap<u64, Result<()>>>,
    helpers: Helpers,
    /// The quality layers that are read, if not all.
    layers: Option<NonZeroU32>,
    /// How windows of large tiles are read.
    by_parts: Option<ByParts>,
}

/// A component that is wanted, and its samples under the wanted pixels.
struct Wanted {
    component: u32,
    /// The bands that show it, by their places among those that are wanted.
    bands: Vec<usize>,
    x: Samples,
    y: Samples,
    columns: Range<u64>,
    rows: Range<u64>,
}

/// The pixels that are wanted, in the coordinates of the level.
struct Window<'a> {
    level: u32,
    columns: Range<u64>,
    rows: Range<u64>,
    bands: &'a [u32],
    /// How it is read.
    way: Way<'a>,
}

/// How pixels are read.
#[derive(Clone, Copy)]
enum Way<'a> {
    /// As a block, by the codec.
    Block,
    /// As a window, by way of code-blocks that may be kept.
    Window(Option<&'a Hidden<'a>>),
}

impl Jp2Decoder {
    /// The image that `description` says.
    pub(super) fn new(bytes: Arc<dyn Bytes>, header: Header, mut description: Description) -> Self {
        // Tiles of Part 15 may be among others, of which the header tells nothing.
        let may_differ = header.is_high_throughput() && !header.coding.is_high_throughput();
        // Where reads are journeys, those of single code-blocks would be too many.
        let is_worth_it = description.image.windowed && !may_differ && bytes.reads_are_cheap();
        let by_parts = is_worth_it.then(|| ByParts::new(&header)).flatten();
        if by_parts.is_none() && header.is_high_throughput() {
            // The codec decodes such tiles as a whole for each window.
            description.image.windowed = false;
            description.image.shared_work = SharedWork::None;
        }
        Self {
            by_parts,
            bytes,
            header,
            description,
            index: Mutex::new(None),
            checked: Mutex::default(),
            helpers: Helpers::default(),
            layers: None,
        }
    }

    /// Lets windows of small tiles be read by their code-blocks too, which gains nothing but a comparison.
    pub fn read_all_by_parts(&mut self) {
        self.by_parts = ByParts::new(&self.header);
    }

    /// The description of the image.
    pub fn image(&self) -> &Image {
        &self.description.image
    }

    /// Where the tile-parts lie. Looked for at the first need; threads that need it at the same time
    /// all look, because a caller's bytes must not be read under a lock.
    fn index(&self) -> Result<Arc<Index>> {
        if let Some(index) = &*self.index.lock() {
            return Ok(index.clone());
        }
        match Index::from_list(&self.header) {
            Some(index) => Ok(self.keep(index)),
            None => self.search(),
        }
    }

    fn search(&self) -> Result<Arc<Index>> {
        Ok(self.keep(Index::search(&*self.bytes, &self.header)?))
    }

    fn keep(&self, index: Index) -> Arc<Index> {
        let index = Arc::new(index);
        *self.index.lock() = Some(index.clone());
        index
    }

    fn stream(&self, col: u64, row: u64, level: u32) -> Result<TileStream<'_>> {
        let tile = row * self.header.size.x.tiles() + col;
        let from = |index: &Index| {
            let parts = index.parts(tile)?;
            TileStream::new(&*self.bytes, &self.header, (col, row), parts, level)
        };
        let index = self.index()?;
        match from(&index) {
            // A list in the header that is wrong costs the time to look for the parts, no more.
            Err(error) if error.kind() == Kind::Corrupt && index.listed => from(&*self.search()?),
            result => result,
        }
    }

    /// Hears of rectangles of levels that are about to be read.
    pub fn expect(&self, rects: &mut dyn Iterator<Item = (u32, Rect)>) {
        let size = &self.header.size;
        let mut index = None;
        let tiles = rects.flat_map(|(level, rect)| {
            let place = |axis: &Axis, unit: u64, start: u64, len: u64| {
                let first = area::pixels(axis, unit, level).start + start;
                let at = |pixel: u64| ((pixel * unit) << level).clamp(axis.start, axis.end - 1);
                axis.tile_at(at(first))..axis.tile_at(at(first + len.max(1) - 1)) + 1
            };
            let unit = self.description.unit;
            let cols = place(&size.x, unit.0, rect.x, rect.width);
            let rows = place(&size.y, unit.1, rect.y, rect.height);
            let tiles =
                rows.flat_map(move |row| cols.clone().map(move |col| row * size.x.tiles() + col));
            tiles.map(move |tile| (tile, level))
        });
        let mut last = None;
        let mut parts = tiles
            .filter(|tile| last.replace(*tile) != Some(*tile))
            .flat_map(|(tile, level)| {
                // What fails here fails again, and is told, when the tile is read.
                let index = index.get_or_insert_with(|| self.index().ok()).as_ref();
                let parts = index.and_then(|index| index.parts(tile).ok());
                let selected = |parts: &&[Part]| level > 0 && is_selected(parts);
                parts
                    .filter(|parts| !selected(parts))
                    .unwrap_or_default()
                    .to_vec()
            })
            .map(|part| part.offset..part.offset + part.len);
        self.bytes.expect(&mut parts);
    }

    /// Delivers a rectangle of a level, tile by tile.
    fn read(
        &self,
        level: u32,
        rect: Rect,
        bands: &[u32],
        way: Way<'_>,
        into: &mut PixelsMut<'_>,
    ) -> Result<()> {
        if rect.is_empty() || bands.is_empty() {
            return Ok(());
        }
        let size = &self.header.size;
        let unit = self.description.unit;
        let left = area::pixels(&size.x, unit.0, level).start + rect.x;
        let top = area::pixels(&size.y, unit.1, level).start + rect.y;
        let window = Window {
            level,
            columns: left..left + rect.width,
            rows: top..top + rect.height,
            bands,
            way,
        };
        let wanted = self.wanted(&window)?;
        let reach = |places: &mut dyn Iterator<Item = (u64, u64)>| {
            places.fold((u64::MAX, 0), |(low, high), (first, last)| {
                (low.min(first), high.max(last))
            })
        };
        let (left, right) = reach(&mut wanted.iter().map(|each| {
            (
                each.x.place(each.columns.start),
                each.x.place(each.columns.end - 1),
            )
        }));
        let (top, bottom) = reach(&mut wanted.iter().map(|each| {
            (
                each.y.place(each.rows.start),
                each.y.place(each.rows.end - 1),
            )
        }));
        // Where samples lie far apart, many tiles have none.
        let has_any = |axis: &Axis, tile: u64, of: &dyn Fn(&Wanted) -> (&Samples, &Range<u64>)| {
            let range = axis.tile_range(tile);
            wanted.iter().any(|each| {
                let (samples, wanted) = of(each);
                !shared(wanted, &samples.within(&range)).is_empty()
            })
        };
        let cols: Vec<u64> = (size.x.tile_at(left)..=size.x.tile_at(right))
            .filter(|col| has_any(&size.x, *col, &|each| (&each.x, &each.columns)))
            .collect();
        let rows = (size.y.tile_at(top)..=size.y.tile_at(bottom))
            .filter(|row| has_any(&size.y, *row, &|each| (&each.y, &each.rows)));
        for row in rows {
            for &col in &cols {
                self.read_tile(col, row, &window, &wanted, into)
                    .map_err(|error| error.at(format!("codestream tile ({row}, {col})")))?;
            }
        }
        Ok(())
    }

    /// The components under the wanted bands, ascending.
    fn wanted(&self, window: &Window<'_>) -> Result<Vec<Wanted>> {
        let size = &self.header.size;
        let unit = self.description.unit;
        let of_band = |band: &u32| self.description.channels[*band as usize].component;
        let mut shown = BTreeMap::<u32, Vec<usize>>::new();
        for (place, band) in window.bands.iter().enumerate() {
            shown.entry(of_band(band)).or_default().push(place);
        }
        let wanted = shown.into_iter().map(|(component, bands)| {
            let step = size.components[component as usize].step;
            let x = Samples::new(&size.x, unit.0, step.0, window.level)?;
            let y = Samples::new(&size.y, unit.1, step.1, window.level)?;
            Some(Wanted {
                component,
                bands,
                columns: x.under_all(&window.columns),
                rows: y.under_all(&window.rows),
                x,
                y,
            })
        });
        let wanted: Option<_> = wanted.collect();
        wanted.ok_or_else(|| Error::internal("a level without samples"))
    }

    /// Delivers what one tile has of the wanted pixels.
    fn read_tile(
        &self,
        col: u64,
        row: u64,
        window: &Window<'_>,
        wanted: &[Wanted],
        into: &mut PixelsMut<'_>,
    ) -> Result<()> {
        let size = &self.header.size;
        let (tile_x, tile_y) = (size.x.tile_range(col), size.y.tile_range(row));
        // Left, top, right, bottom of what is wanted of the tile, over all its components.
        let mut reach = [u64::MAX, u64::MAX, 0, 0];
        let mut here: Vec<&Wanted> = Vec::new();
        let mut areas = Vec::new();
        for each in wanted {
            let columns = shared(&each.columns, &each.x.within(&tile_x));
            let rows = shared(&each.rows, &each.y.within(&tile_y));
            if columns.is_empty() || rows.is_empty() {
                continue;
            }
            let (x, y) = (
                each.x.reach(&columns, &tile_x),
                each.y.reach(&rows, &tile_y),
            );
            reach = [
                reach[0].min(x.start),
                reach[1].min(y.start),
                reach[2].max(x.end),
                reach[3].max(y.end),
            ];
            here.push(each);
            areas.push((
                each.component,
                Area {
                    x: columns,
                    y: rows,
                },
            ));
        }
        if here.is_empty() {
            return Ok(());
        }
        let is_whole = reach == [tile_x.start, tile_y.start, tile_x.end, tile_y.end];
        if let Way::Window(hidden) = window.way
            && (hidden.is_some() || !is_whole)
            && let Some(tile) = self.tile_by_parts(col, row, window.level)?
            && self.check_packets((col, row), None).is_ok()
        {
            let windows = Windows {
                tile,
                number: row * size.x.tiles() + col,
                bytes: &*self.bytes,
                hidden,
                helpers: &self.helpers,
            };
            match self.read_by_parts(&windows, &here, &areas, window, into) {
                // What the codec makes of a spoilt tile is what a block of it has.
                Err(error) if error.kind() == Kind::Corrupt && windows.tile.is_high_throughput => {}
                result => {
                    self.say_decoded(result?, window);
                    return Ok(());
                }
            }
        }
        let mut stream = self.stream(col, row, window.level)?;
        let own = stream.coding.take();
        let coding = own.as_ref().unwrap_or(&self.header.coding);
        let here_in = (&here[..], &areas[..]);
        if let Some(decoded) =
            self.read_without_codec((col, row), &stream, coding, here_in, window, into)?
        {
            if self.by_parts.is_some() && matches!(window.way, Way::Window(_)) {
                self.say_decoded(decoded, window);
            }
            return Ok(());
        }
        if coding.is_high_throughput() {
            reach = [tile_x.start, tile_y.start, tile_x.end, tile_y.end];
        }
        let (x, y) = (reach[0]..reach[2], reach[1]..reach[3]);
        // Mixed components can be told apart only when all three of them are decoded.
        let mixed = coding.is_transformed() && here.iter().any(|each| each.component < 3);
        let whole = x == tile_x && y == tile_y;
        let sample_bytes = if whole {
            SAMPLE_BYTES
        } else {
            PART_SAMPLE_BYTES
        };
        // What one component takes.
        let bytes = area_of(&here, &x, &y).saturating_mul(sample_bytes);
        let fitting = (SET_BYTES / bytes.max(1)) as usize;
        let per_set = match mixed {
            true => here.len(),
            false => fitting.clamp(1, here.len()),
        };
        let decoded = match mixed {
            true => size.components.len(),
            false => per_set,
        };
        self.check_cost(
            coding,
            &stream,
            (&tile_x, &tile_y),
            bytes.saturating_mul(decoded as u64),
        )?;
        self.check_packets((col, row), Some((&stream, coding)))?;
        let samples = (bytes / sample_bytes).saturating_mul(decoded as u64);
        let helped = self.helpers.take(samples, CODEC_SHARE);
        let again = || self.stream(col, row, window.level);
        let mut streams = std::iter::once(Ok(stream)).chain(std::iter::repeat_with(again));
        for set in here.chunks(per_set) {
            let list: Vec<u32> = set.iter().map(|each| each.component).collect();
            let all = mixed || list.len() == size.components.len();
            let job = Job {
                // Coordinates of the reference grid have 31 bits.
                area: reach.map(|place| place as u32),
                level: window.level,
                layers: self.layers,
                components: (!all).then_some(&list[..]),
                threads: helped.threads(),
            };
            let mut stream = streams
                .next()
                .ok_or_else(|| Error::internal("no stream"))??;
            openjpeg::decode(&mut stream, &job, |planes| {
                for (i, each) in set.iter().enumerate() {
                    let plane = planes.get(if all { each.component as usize } else { i });
                    let (columns, rows) = (each.x.within(&x), each.y.within(&y));
                    let plane = plane.filter(|plane| {
                        (plane.width as u64, plane.height as u64)
                            == (columns.end - columns.start, rows.end - rows.start)
                            && plane.samples.len() == plane.width * plane.height
                    });
                    let Some(plane) = plane else {
                        return Err(Error::corrupt(format!(
                            "component {} has not the samples that it should have",
                            each.component
                        )));
                    };
                    self.deliver(each, plane, &columns, &rows, window, into);
                }
                Ok(())
            })?;
        }
        if self.by_parts.is_some() && matches!(window.way, Way::Window(_)) {
            self.say_decoded(bytes / sample_bytes * here.len() as u64, window);
        }
        Ok(())
    }

    /// An error where packets of a tile are lost. They are looked at where its tile-parts give reason to, and, before the
    /// codec reads them, where they have markers.
    fn check_packets(
        &self,
        at: (u64, u64),
        codec: Option<(&TileStream<'_>, &Coding)>,
    ) -> Result<()> {
        let number = at.1 * self.header.size.x.tiles() + at.0;
        let index = self.index()?;
        let parts = index.parts(number)?;
        let doubt = Doubt::about(parts);
        let is_marked = codec.is_some_and(|(stream, coding)| {
            !stream.is_selected && (coding.may_mark_packets() || coding.ends_headers())
        });
        if doubt.is_none() && !is_marked {
            return Ok(());
        }
        if let Some(known) = self.checked.lock().get(&number) {
            return known.clone();
        }
        let outcome = match codec {
            Some((stream, _)) => whole::check(&stream.again(), &self.header, at, parts, doubt),
            None => whole::check(&*self.bytes, &self.header, at, parts, doubt),
        };
        // What is said of a file that changes is said of no file.
        self.bytes.check_unchanged()?;
        if outcome
            .as_ref()
            .err()
            .is_none_or(|error| error.kind() == Kind::Corrupt)
        {
            self.checked.lock().insert(number, outcome.clone());
        }
        outcome
    }

    /// What is known of a tile whose windows are read by their code-blocks.
    fn tile_by_parts(
        &self,
        col: u64,
        row: u64,
        level: u32,
    ) -> Result<Option<Arc<codestream::Tile>>> {
        let Some(by_parts) = &self.by_parts else {
            return Ok(None);
        };
        let number = row * self.header.size.x.tiles() + col;
        let needed = self.needed(level);
        let from = |index: &Index| {
            match index.parts(number) {
                Ok(parts) => by_parts.tile(&*self.bytes, &self.header, (col, row), parts, needed),
                // What is wrong with the list of tile-parts is told, or mended, where all of the tile is read.
                Err(_) => Ok(None),
            }
        };
        from(&*self.index()?)
    }

    /// Delivers what a tile has of the wanted pixels, if it is one that the codec misreads, and says how many coefficients were
    /// decoded. Where code-blocks with a region of interest bypass the arithmetic decoder, the codec takes passes for plain
    /// bits that are none; of code-blocks of Part 15 it reads neither regions nor those that come in several packets or have
    /// passes without bytes.
    fn read_without_codec(
        &self,
        at: (u64, u64),
        stream: &TileStream<'_>,
        coding: &Coding,
        (here, areas): (&[&Wanted], &[(u32, Area)]),
        window: &Window<'_>,
        into: &mut PixelsMut<'_>,
    ) -> Result<Option<u64>> {
        let is_high_throughput = coding.is_high_throughput();
        let is_misread = match is_high_throughput {
            true => stream.has_region || coding.layers() > 1,
            false => stream.has_region && coding.bypasses(),
        };
        if !is_misread && !is_high_throughput {
            return Ok(None);
        }
        let size = &self.header.size;
        let reach = (size.x.tile_range(at.0), size.y.tile_range(at.1));
        // Before packets are looked for, which takes time. Only what is decoded here takes planes.
        self.check_cost(coding, stream, (&reach.0, &reach.1), 0)?;
        let samples = areas.iter().map(|(_, area)| area.count()).max();
        let at_once = if coding.is_transformed() { 3 } else { 1 };
        let planes = samples
            .unwrap_or(0)
            .saturating_mul(PART_SAMPLE_BYTES * at_once);
        let number = at.1 * size.x.tiles() + at.0;
        let index = self.index()?;
        let bytes = stream.again();
        // The codec is led astray by packets that are not needed, too.
        let level = if is_misread { window.level } else { 0 };
        let needed = self.needed(level);
        let tile = codestream::Tile::read(
            &bytes,
            &self.header,
            at,
            index.parts(number)?,
            needed,
            MAX_BYTES.saturating_sub(planes),
        );
        let tile = match tile {
            Ok(tile) if is_misread || tile.has_empty_passes => tile,
            Err(error) if is_misread || !codestream::is_refusal(&error) => return Err(error),
            // What the codec makes of a spoilt tile, or says of one that it can tell no more of, is what it is.
            _ => return Ok(None),
        };
        self.check_cost(coding, stream, (&reach.0, &reach.1), planes)?;
        self.check_packets(at, Some((stream, coding)))?;
        let windows = Windows {
            tile: Arc::new(tile),
            number,
            bytes: &bytes,
            hidden: None,
            helpers: &self.helpers,
        };
        self.read_by_parts(&windows, here, areas, window, into)
            .map(Some)
    }

    /// What is looked for in a tile for a level.
    fn needed(&self, level: u32) -> Needed {
        Needed {
            level,
            layers: self.layers.map_or(u32::MAX, NonZeroU32::get),
        }
    }

    /// Delivers what a tile has of the wanted pixels, by way of its code-blocks; says how many coefficients were decoded.
    fn read_by_parts(
        &self,
        windows: &Windows<'_>,
        here: &[&Wanted],
        areas: &[(u32, Area)],
        window: &Window<'_>,
        into: &mut PixelsMut<'_>,
    ) -> Result<u64> {
        windows.read(window.level, areas, |index, samples| {
            let (_, area) = &areas[index];
            let plane = Plane {
                width: area.width(),
                height: area.height(),
                samples,
            };
            self.deliver(here[index], &plane, &area.x, &area.y, window, into);
            Ok(())
        })
    }

    /// Tells how many samples were decoded for a window, as part of those of a block.
    fn say_decoded(&self, samples: u64, window: &Window<'_>) {
        let block = Block::new(window.level, 0, 0).rect(self.image());
        let all = block.width * block.height * self.header.size.components.len() as u64;
        beneath::say(samples as f64 / all as f64);
    }

    /// Refuses what would take more memory or time than the stored bytes can be worth.
    fn check_cost(
        &self,
        coding: &Coding,
        stream: &TileStream<'_>,
        (x, y): (&Range<u64>, &Range<u64>),
        planes: u64,
    ) -> Result<()> {
        let cost = coding.cost(&self.header.size, (x, y), stream.reordered);
        let bytes = planes
            .saturating_add(cost.bytes)
            .saturating_add(stream.data);
        if bytes > MAX_BYTES {
            return Err(Error::limit(format!(
                "part of a tile of {} x {} takes {bytes} bytes to decode, more than {MAX_BYTES}",
                x.end - x.start,
                y.end - y.start
            )));
        }
        let stored = stream.data + stream.headers();
        let held = work_of_bytes(stored);
        if cost.packets > held {
            return Err(Error::corrupt(format!(
                "{} bytes cannot hold {} packets",
                stream.data, cost.packets
            )));
        }
        // Each packet that is not empty looks at all code-blocks of its precinct.
        let (of_precinct, all) = cost.code_blocks;
        let layers = u64::from(coding.layers());
        let looks = all
            .saturating_mul(layers)
            .min(of_precinct.saturating_mul(stored));
        if looks > held.saturating_add(work_of_code_blocks(all)) {
            return Err(Error::limit(format!(
                "{layers} layers of {stored} bytes look at {all} code-blocks up to {looks} times"
            )));
        }
        if cost.places > held.saturating_add(MAX_PLACES) {
            return Err(Error::limit(format!(
                "{stored} bytes of packets could begin at {} places",
                cost.places
            )));
        }
        Ok(())
    }

    /// Writes the samples of a component, which are those of `columns` and `rows`, to the bands that
    /// show it.
    fn deliver(
        &self,
        of: &Wanted,
        plane: &Plane<'_>,
        columns: &Range<u64>,
        rows: &Range<u64>,
        window: &Window<'_>,
        into: &mut PixelsMut<'_>,
    ) {
        let xs = of.x.over(columns, &window.columns);
        let ys = of.y.over(rows, &window.rows);
        if xs.is_empty() || ys.is_empty() {
            return;
        }
        let dtype = into.layout().dtype;
        let bytes = |x: u64| (x - window.columns.start) as usize * dtype.size();
        let within = bytes(xs.start)..bytes(xs.end);
        let mut spread = Vec::new();
        for y in ys {
            let start = (of.y.under(y) - rows.start) as usize * plane.width;
            let row = &plane.samples[start..start + plane.width];
            let row = match of.x.is_direct() {
                true => {
                    &row[(xs.start - columns.start) as usize..(xs.end - columns.start) as usize]
                }
                false => {
                    spread.clear();
                    let samples = xs
                        .clone()
                        .map(|x| row[(of.x.under(x) - columns.start) as usize]);
                    spread.extend(samples);
                    &spread[..]
                }
            };
            for place in &of.bands {
                let band = window.bands[*place];
                let Channel { table, .. } = &self.description.channels[band as usize];
                let to = into.row_mut(*place, (y - window.rows.start) as usize);
                samples::store(row, table.as_deref(), dtype, &mut to[within.clone()]);
            }
        }
    }

    /// The result of a read, unless the file changed under it: then nothing that was read, not even
    /// a failure, says anything about the file.
    fn unless_changed(&self, result: Result<()>) -> Result<()> {
        self.bytes.check_unchanged()?;
        result
    }
}

/// The samples of the densest of the components in an area.
fn area_of(here: &[&Wanted], x: &Range<u64>, y: &Range<u64>) -> u64 {
    let samples = here.iter().map(|each| {
        let (columns, rows) = (each.x.within(x), each.y.within(y));
        (columns.end - columns.start) * (rows.end - rows.start)
    });
    samples.max().unwrap_or(0)
}

impl Decoder for Jp2Decoder {
    fn allow_threads(&mut self, count: u32) {
        self.helpers = Helpers::new(count);
    }

    fn take_layers(&mut self, count: u32) -> bool {
        self.layers = NonZeroU32::new(count);
        // Tiles may have more than the main header says.
        count > 0
    }

    fn announce(&self, blocks: &mut dyn Iterator<Item = Block>, _bands: &[u32]) {
        self.expect(&mut blocks.map(|at| (at.level, at.rect(self.image()))));
    }

    fn forget(&self) {
        let index = self.index.lock().take();
        drop(index);
        let checked = std::mem::take(&mut *self.checked.lock());
        drop(checked);
        self.by_parts.as_ref().inspect(|it| it.forget());
        self.bytes.forget();
    }

    fn read_block(&self, at: Block, bands: &[u32], into: &mut PixelsMut<'_>) -> Result<()> {
        let rect = at.rect(self.image());
        self.unless_changed(self.read(at.level, rect, bands, Way::Block, into))
    }

    fn read_window(
        &self,
        level: u32,
        rect: Rect,
        bands: &[u32],
        into: &mut PixelsMut<'_>,
    ) -> Result<()> {
        self.unless_changed(self.read(level, rect, bands, Way::Window(None), into))
    }

    fn hidden(&self) -> Option<Image> {
        self.by_parts.as_ref().map(|it| it.hidden().clone())
    }

    fn read_window_by(
        &self,
        hidden: &Hidden<'_>,
        level: u32,
        rect: Rect,
        bands: &[u32],
        into: &mut PixelsMut<'_>,
    ) -> Result<()> {
        self.unless_changed(self.read(level, rect, bands, Way::Window(Some(hidden)), into))
    }
}
