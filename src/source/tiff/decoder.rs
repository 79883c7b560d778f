//! Decoding the blocks of one directory.

use super::blocks::{BlockTable, Stored};
use super::codec::Codecs;
use super::describe;
use super::directory::{Directory, Reader};
use super::encoding::Compression;
#[cfg(feature = "lerc")]
use super::encoding::Packing;
#[cfg(feature = "jxl")]
use super::jxl;
#[cfg(feature = "lerc")]
use super::lerc;
use super::plan::Plan;
use super::samples::RowReader;
#[cfg(feature = "webp")]
use super::webp;
use super::{codec, raw};
use super::{jp2, logluv};
#[cfg(any(feature = "jxl", feature = "lerc"))]
use crate::dtype::DType;
use crate::dtype::Sample;
use crate::error::{Error, Result};
use crate::geometry::Rect;
use crate::image::{Block, Image};
use crate::memory::{Beside, PixelsMut};
use crate::source::in_place::{self, Rows, Run};
use crate::source::jpeg::{self, Colours};
use crate::source::parts::for_each_part;
use crate::source::rgb::Stored as StoredColours;
#[cfg(feature = "lerc")]
use crate::source::scratch::zeroed;
use crate::source::scratch::{Scratch, sized, with_scratch};
use crate::source::warnings::warn;
use crate::source::{Decoder, fax};
use crate::tile::Tile;
use smallvec::SmallVec;

/// The image of one directory: one level on the grid of its strips or tiles.
pub struct TiffDecoder {
    directory: usize,
    pub(super) reader: Reader,
    pub(super) plan: Plan,
    table: BlockTable,
    rows: Vec<RowReader>,
    image: Image,
    mask: bool,
    /// How many quality layers of codestreams are read, the first ones; 0 for all.
    layers: u32,
    /// Of each plane, where blocks follow each other.
    runs: Vec<Run>,
}

/// One stored block, the part of it that is wanted, and where it stands in the grid.
pub(super) struct Wanted<'a> {
    /// The bytes in the file.
    pub stored: Stored,
    /// The set of blocks that it belongs to.
    pub plane: usize,
    /// How its rows are read.
    pub rows: &'a RowReader,
    /// The rows that are stored.
    pub stored_rows: u64,
    /// Those of them that the image has.
    pub image_rows: u64,
    /// The pixels to be delivered, from the block's corner on.
    pub part: Rect,
    /// The channels to be delivered.
    pub picks: &'a [usize],
}

impl TiffDecoder {
    /// The image of a directory; as a mask, its samples become 0 and 255.
    pub(super) fn new(directory: &Directory, plan: Plan, mask: bool) -> Result<Self> {
        let place = || directory.place();
        let table = BlockTable::new(directory, &plan).map_err(|error| error.at(place()))?;
        let mut image =
            describe::image(directory, &plan, mask).map_err(|error| error.at(place()))?;
        image.sparse = true;
        if let Some(text) = table.warning() {
            warn(&mut image.metadata, text);
        }
        image.check().map_err(|error| error.at(place()))?;
        Ok(Self {
            directory: directory.index,
            runs: (0..plan.planes()).map(|_| Run::default()).collect(),
            rows: (0..plan.planes())
                .map(|plane| RowReader::new(&plan, plane, directory.reader.big_endian))
                .collect(),
            reader: directory.reader.clone(),
            plan,
            table,
            image,
            mask,
            layers: 0,
        })
    }

    /// The description of the image. It is sparse until `look_for_absent_blocks` finds none.
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// What its samples are, where they can be shown as red, green and blue.
    pub(in crate::source) fn stored_colours(&self) -> Option<StoredColours> {
        self.plan.rgb
    }

    /// Bytes of the tables that tell where its blocks are.
    pub(super) fn table_bytes(&self) -> u64 {
        self.table.bytes()
    }

    /// Reads all of these tables.
    pub(super) fn look_for_absent_blocks(&mut self) -> Result<()> {
        let is_sparse = self.table.is_sparse();
        let place = |error: Error| error.at(format!("directory {}", self.directory));
        self.image.sparse = is_sparse.map_err(place)?;
        Ok(())
    }

    /// Whether no block at all is stored, by their offsets.
    pub(super) fn has_no_block(&self) -> Result<bool> {
        let place = |error: Error| error.at(format!("directory {}", self.directory));
        self.table.is_empty().map_err(place)
    }

    /// Says among the texts of the image what is wrong.
    pub(super) fn warn(&mut self, text: String) {
        warn(&mut self.image.metadata, text);
    }

    fn index(&self, at: Block, plane: usize) -> u64 {
        let grid = self.plan.grid();
        (plane as u64 * grid.rows() + at.row) * grid.cols() + at.col
    }

    /// A block of a plane, or `None` where it is not stored.
    fn stored(&self, at: Block, plane: usize) -> Result<Option<Stored>> {
        let plan = &self.plan;
        if let Some(whole) = plan.old_jpeg.as_ref().and_then(|old| old.whole) {
            return Ok(Some(whole));
        }
        let size = || plan.stored_bytes(plane, plan.stored_rows(at.row));
        let plain = (plan.compression == Compression::None).then(size);
        self.table.get(self.index(at, plane), plain)
    }

    /// Where the rows of a rectangle lie in the file, if they lie as those of a tile may.
    fn rows_in_place(&self, rect: &Rect, plane: usize) -> Option<Rows> {
        let stride = self.plan.row_bytes(plane);
        let pixel = self.plan.pixel_bytes(plane)?;
        let run = &self.runs[plane];
        in_place::rows(&self.plan.grid(), rect, (stride, pixel), run, |at, rows| {
            let stored = self.stored(at, plane).ok()??;
            (stored.len >= rows * stride).then_some(stored.offset)
        })
    }

    /// Delivers a rectangle whose rows lie at one distance in the file, which is in memory, whatever blocks they are of;
    /// says whether it did.
    fn read_in_place(&self, rect: &Rect, bands: &[u32], into: &mut PixelsMut<'_>) -> bool {
        let native = self.image.in_place && !self.mask && !self.plan.low_bits_first;
        let Some(mapping) = self.reader.bytes.mapping().filter(|_| native) else {
            return false;
        };
        // Of a file that has become shorter the end is not there; reading it says so.
        if self.reader.bytes.check_unchanged().is_err() {
            return false;
        }
        let deliver = |plane: usize, picks: &[usize], into: &mut PixelsMut<'_>| {
            let reader = &self.rows[plane];
            let place = self
                .rows_in_place(rect, plane)
                .filter(|_| reader.is_native());
            let (place, pixel) = place.zip(self.plan.pixel_bytes(plane))?;
            let len = rect.width * pixel;
            in_place::bring(mapping, &place, len, rect.height);
            for y in 0..rect.height {
                let start = (place.start + y * place.stride) as usize;
                let row = mapping.bytes().get(start..start + len as usize)?;
                reader.store(row, 0, picks, &mut into.rows_mut(y as usize));
            }
            Some(())
        };
        if !self.plan.planar {
            let picks: SmallVec<[usize; 4]> = bands.iter().map(|band| *band as usize).collect();
            return deliver(0, &picks, into).is_some();
        }
        let mut bands = bands.iter().enumerate();
        bands.all(|(i, band)| deliver(*band as usize, &[0], &mut into.band_mut(i)).is_some())
    }

    /// Delivers a rectangle of several blocks without compression that follow each other in the file, as if they were
    /// one; `None` where they do not.
    fn read_run(&self, rect: &Rect, bands: &[u32], into: &mut [Beside<'_>]) -> Option<Result<()>> {
        let plan = &self.plan;
        let several = plan.grid().blocks_over(rect).0.count() > 1;
        if !self.is_raw() || !several || plan.grid().cols() > 1 {
            return None;
        }
        let of_plane = |plane: usize| {
            let place = self.rows_in_place(rect, plane)?;
            let before = rect.x * plan.pixel_bytes(plane)?;
            let (offset, len) = (place.start - before, rect.height * place.stride);
            Some(Stored { offset, len })
        };
        let deliver = |stored, plane: usize, picks: &[usize], into: &mut [Beside<'_>]| {
            let wanted = Wanted {
                stored,
                plane,
                rows: &self.rows[plane],
                stored_rows: rect.height,
                image_rows: rect.height,
                part: Rect::new(rect.x, 0, rect.width, rect.height),
                picks,
            };
            let read = with_scratch(|scratch| raw::read(self, &wanted, scratch, into));
            read.map_err(|error| error.at(format!("directory {}, {rect}", self.directory)))
        };
        if !plan.planar {
            let picks: SmallVec<[usize; 4]> = bands.iter().map(|band| *band as usize).collect();
            return Some(deliver(of_plane(0)?, 0, &picks, into));
        }
        let planes: Option<SmallVec<[Stored; 4]>> =
            bands.iter().map(|band| of_plane(*band as usize)).collect();
        let mut planes = planes?.into_iter().zip(bands).enumerate();
        Some(planes.try_for_each(|(i, (stored, band))| {
            deliver(stored, *band as usize, &[0], &mut one_band(into, i))
        }))
    }

    /// Whether its pixels are stored as they are, and come out so.
    pub(super) fn is_raw(&self) -> bool {
        let plan = &self.plan;
        plan.compression == Compression::None && plan.units.is_none() && !self.mask
    }

    pub(super) fn place(&self, at: Block) -> String {
        let Self { directory, .. } = self;
        format!("directory {directory}, block ({}, {})", at.row, at.col)
    }

    /// Delivers part of a block, of each plane that holds one of the bands; into several places if it is raw.
    fn read_part(
        &self,
        at: Block,
        part: Rect,
        bands: &[u32],
        into: &mut [Beside<'_>],
    ) -> Result<()> {
        if self.plan.planar {
            for (i, band) in bands.iter().enumerate() {
                let plane = *band as usize;
                self.read_plane(at, part, plane, &[0], &mut one_band(into, i))
                    .map_err(|error| error.at(format!("band {band}")))?;
            }
            return Ok(());
        }
        let picks: Vec<usize> = bands.iter().map(|band| *band as usize).collect();
        self.read_plane(at, part, 0, &picks, into)
    }

    /// What is read of a block for a part of it; `None` where it is not stored.
    pub(super) fn wanted<'a>(
        &'a self,
        at: Block,
        part: Rect,
        plane: usize,
        picks: &'a [usize],
    ) -> Result<Option<Wanted<'a>>> {
        let stored = self.stored(at, plane)?;
        Ok(stored.map(|stored| Wanted {
            stored,
            plane,
            rows: &self.rows[plane],
            stored_rows: self.plan.stored_rows(at.row),
            image_rows: self.plan.image_rows(at.row),
            part,
            picks,
        }))
    }

    fn read_plane(
        &self,
        at: Block,
        part: Rect,
        plane: usize,
        picks: &[usize],
        into: &mut [Beside<'_>],
    ) -> Result<()> {
        let Some(wanted) = self.wanted(at, part, plane, picks)? else {
            into.iter_mut()
                .for_each(|into| into.pixels.fill(&self.image.pad));
            return Ok(());
        };
        if self.is_raw() {
            return with_scratch(|scratch| raw::read(self, &wanted, scratch, into));
        }
        let [Beside { pixels: into, .. }] = into else {
            return Err(Error::internal("one decode into several places"));
        };
        with_scratch(|scratch| match self.plan.compression {
            Compression::None if self.plan.units.is_none() => {
                raw::read(self, &wanted, scratch, &mut [into.alone()])
            }
            Compression::Fax(coding) => self.draw(coding, &wanted, scratch, into),
            Compression::Jp2 { .. } => self.read_codestream(&wanted, scratch, into),
            _ => self.decode(&wanted, scratch, into),
        })?;
        if self.mask {
            for y in 0..into.layout().shape.height {
                let row = into.row_mut(0, y);
                row.iter_mut()
                    .for_each(|v| *v = if *v == 0 { 0 } else { 255 });
            }
        }
        Ok(())
    }

    /// Delivers part of a compressed block, all of which has to be decompressed.
    fn decode(
        &self,
        wanted: &Wanted<'_>,
        scratch: &mut Scratch,
        into: &mut PixelsMut<'_>,
    ) -> Result<()> {
        let Wanted { rows, part, .. } = wanted;
        let compression = self.plan.compression;
        let row_bytes = self.plan.row_bytes(wanted.plane);
        let expected = self.plan.stored_bytes(wanted.plane, wanted.stored_rows);
        self.check_room(wanted, expected)?;
        let Scratch {
            input,
            output,
            row: spare,
            codecs,
        } = scratch;
        // No codec makes a block much longer; what lies behind belongs to nothing.
        let input = self.read_stored(&wanted.stored, expected.saturating_mul(2), input)?;
        let row_bytes = row_bytes as usize;
        if !self.decode_picture(wanted, input, expected, output, codecs)? {
            self.turn_bits(input);
            let full = self.plan.stored_bytes(wanted.plane, self.plan.block.1);
            // A stream may also go on a little behind its block, as other readers do not even notice.
            let slack = (full - expected).max(1 << 20) as usize;
            // Some writers encode a tile at the lower edge only as far as the image goes.
            let needed = self.plan.stored_bytes(wanted.plane, wanted.image_rows) as usize;
            let whole = part.width == self.plan.block.0 && part.height == wanted.stored_rows;
            if whole && rows.is_one_band() && wanted.picks.len() == 1 {
                // The block is delivered as it is stored, so that no copy is needed.
                if let Some(pixels) = into.band_bytes_mut(0) {
                    codecs.decode(compression, input, pixels, needed, slack)?;
                    for row in pixels.chunks_exact_mut(row_bytes) {
                        rows.restore(row, spare);
                    }
                    return Ok(());
                }
            }
            codecs.decode(compression, input, sized(output, expected)?, needed, slack)?;
        }
        if let Some(units) = &self.plan.units {
            let row_bytes = units.row_bytes(self.plan.block.0) as usize;
            let (x, y) = (part.x as usize, part.y as usize);
            // Without a predictor that does nothing, for samples are bytes.
            for row in output[..expected as usize].chunks_exact_mut(row_bytes) {
                rows.restore(row, spare);
            }
            for row in 0..part.height as usize {
                let mut out = into.rows_mut(row);
                units.store(output, row_bytes, y + row, x, wanted.picks, &mut out);
            }
            return Ok(());
        }
        let decoded = output.chunks_exact_mut(row_bytes).skip(part.y as usize);
        for (y, row) in decoded.take(part.height as usize).enumerate() {
            rows.restore(row, spare);
            rows.store(row, part.x as usize, wanted.picks, &mut into.rows_mut(y));
        }
        Ok(())
    }

    /// Refuses a block that would take much more memory than the pixels that are wanted of it, where it is
    /// not so long that it can be believed.
    fn check_room(&self, wanted: &Wanted<'_>, expected: u64) -> Result<()> {
        /// Blocks up to so many bytes are decoded for any part of them.
        const SMALL: u64 = 32 << 20;
        let (stored, most) = (
            wanted.stored.len,
            codec::most_expansion(self.plan.compression),
        );
        if expected / most > stored {
            return Err(Error::corrupt(format!(
                "{stored} compressed bytes cannot hold a block of {expected}"
            )));
        }
        let share =
            self.plan.block.0 / wanted.part.width * (wanted.stored_rows / wanted.part.height);
        if most == u64::MAX && expected > SMALL && expected / 4096 > stored && share > 16 {
            return Err(Error::limit(format!(
                "{stored} compressed bytes for a block of {expected}, of which the image has {} x {} pixels",
                wanted.part.width, wanted.part.height
            )));
        }
        Ok(())
    }

    /// Decodes a block of the codecs that know of pixels into `output`; gives whether it is one.
    fn decode_picture(
        &self,
        wanted: &Wanted<'_>,
        input: &[u8],
        expected: u64,
        output: &mut Vec<u8>,
        codecs: &mut Codecs,
    ) -> Result<bool> {
        let (width, most_rows) = self.plan.block;
        let rows = wanted.stored_rows;
        let bands = self.plan.plane_bands(wanted.plane).len();
        match self.plan.compression {
            Compression::Jpeg | Compression::OldJpeg => {
                let frame = jpeg::Frame {
                    width: width as usize,
                    rows: rows as usize,
                    most_rows: most_rows as usize,
                    bands,
                    sample_bytes: self.plan.dtype.size(),
                    // As in libtiff, the directory decides, and not the stream.
                    colours: match self.plan.gives_colours() {
                        true => Colours::FromYCbCr,
                        false => Colours::AsStored,
                    },
                };
                let components = self.plan.plane_bands(wanted.plane);
                match &self.plan.old_jpeg {
                    None => jpeg::decode(&self.plan.jpeg_tables, input, &frame, output)?,
                    Some(old) => {
                        let stream = old.stream(input, width, rows, components)?;
                        let colours = Colours::AsStoredRepeated;
                        jpeg::decode(&[], &stream, &jpeg::Frame { colours, ..frame }, output)?;
                    }
                }
            }
            Compression::LogLuv(coding) => {
                logluv::decode(coding, input, width as usize, sized(output, expected)?)?;
            }
            #[cfg(feature = "jxl")]
            Compression::JpegXl => {
                let frame = jxl::Frame {
                    width,
                    rows,
                    bands,
                    bits: self.plan.most_bits(),
                    is_float: self.plan.dtype == DType::F32,
                    sample_bytes: self.plan.dtype.size(),
                };
                jxl::decode(input, &frame, sized(output, expected)?)?;
            }
            #[cfg(feature = "webp")]
            Compression::WebP => {
                webp::decode(input, (width, rows), bands, sized(output, expected)?)?;
            }
            #[cfg(feature = "lerc")]
            Compression::Lerc(packing) => {
                let frame = lerc::Frame {
                    width: width as usize,
                    rows: rows as usize,
                    bands,
                    dtype: self.plan.dtype,
                    opacity: self.plan.opacity && !self.plan.planar && self.plan.dtype == DType::U8,
                };
                let output = sized(output, expected)?;
                if packing == Packing::None {
                    lerc::decode(input, &frame, output)?;
                } else {
                    // As long as libtiff allows.
                    let mut blob = zeroed(256 + expected + expected / 3)?;
                    let len = codecs.unpack(packing, input, &mut blob)?;
                    lerc::decode(&blob[..len], &frame, output)?;
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Reads a block as it is stored, of which no more is needed than `most` bytes and what little a codec adds.
    fn read_stored<'i>(
        &self,
        stored: &Stored,
        most: u64,
        input: &'i mut Vec<u8>,
    ) -> Result<&'i mut [u8]> {
        let len = stored.len.min(most.saturating_add(1 << 20));
        let input = sized(input, len)?;
        self.reader.bytes.read_at(stored.offset, input)?;
        Ok(input)
    }

    /// Delivers part of a codestream.
    fn read_codestream(
        &self,
        wanted: &Wanted<'_>,
        scratch: &mut Scratch,
        into: &mut PixelsMut<'_>,
    ) -> Result<()> {
        let expected = self.plan.stored_bytes(wanted.plane, wanted.stored_rows);
        // No codestream is much longer than its samples.
        let most = expected.saturating_mul(2);
        let input = self.read_stored(&wanted.stored, most, &mut scratch.input)?;
        let frame = jp2::Frame {
            width: self.plan.block.0,
            rows: (wanted.stored_rows, wanted.image_rows),
            bands: self.plan.plane_bands(wanted.plane).len(),
            dtype: self.plan.dtype,
        };
        let mut decoder = jp2::open(input, &frame)?;
        decoder.take_layers(self.layers);
        match &self.plan.units {
            Some(units) => jp2::read_colours(&decoder, units, wanted.part, wanted.picks, into),
            None => {
                let bands: Vec<u32> = wanted.picks.iter().map(|pick| *pick as u32).collect();
                decoder.read_window(0, wanted.part, &bands, into)
            }
        }
    }

    /// Draws part of a facsimile, of which no row behind the part is looked at.
    fn draw(
        &self,
        coding: fax::Coding,
        wanted: &Wanted<'_>,
        scratch: &mut Scratch,
        into: &mut PixelsMut<'_>,
    ) -> Result<()> {
        let Wanted { part, stored, .. } = wanted;
        let (width, _) = self.plan.block;
        // No row is much longer than its pixels, of which two may take nine bits, with its fill bits.
        let longest = width.saturating_mul(wanted.stored_rows).saturating_mul(2);
        let input = self.read_stored(stored, longest, &mut scratch.input)?;
        self.turn_bits(input);
        fax::decode(input, coding, width as u32, part.bottom(), |y, changes| {
            if y >= part.y {
                for row in into.rows_mut((y - part.y) as usize) {
                    fax::draw(row, part.x as usize, changes);
                }
            }
        })
    }

    /// Puts the highest bit of each byte first.
    pub(super) fn turn_bits(&self, bytes: &mut [u8]) {
        if self.plan.low_bits_first {
            bytes
                .iter_mut()
                .for_each(|byte| *byte = byte.reverse_bits());
        }
    }

    /// The result of a read, unless the file changed under it: then nothing that was read, not even
    /// a failure, says anything about the file.
    fn unless_changed(&self, result: Result<()>) -> Result<()> {
        self.reader
            .bytes
            .check_unchanged()
            .map_err(|error| error.at(format!("directory {}", self.directory)))?;
        result
    }
}

impl Decoder for TiffDecoder {
    fn has_block(&self, at: Block) -> Result<bool> {
        for plane in 0..self.plan.planes() {
            let stored = self.stored(at, plane);
            if stored.map_err(|error| error.at(self.place(at)))?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn has_views(&self) -> bool {
        self.image.in_place
            && !self.mask
            && !self.plan.low_bits_first
            && self
                .rows
                .iter()
                .all(|rows| rows.is_one_band() && rows.is_native())
    }

    fn view(&self, _level: u32, rect: Rect, bands: &[u32]) -> Option<Tile> {
        if !self.has_views() {
            return None;
        }
        // Bands that do not stand alone have planes of their own.
        let rows = bands
            .iter()
            .map(|band| self.rows_in_place(&rect, *band as usize));
        let rows: Option<SmallVec<[Rows; 4]>> = rows.collect();
        in_place::view(&*self.reader.bytes, &rect, self.plan.dtype, &rows?)
    }

    fn announce(&self, blocks: &mut dyn Iterator<Item = Block>, bands: &[u32]) {
        let all = [0];
        let planes = if self.plan.planar { bands } else { &all };
        let stored = |at: Block, plane: u32| {
            let stored = self.stored(at, plane as usize).ok()??;
            Some(stored.offset..stored.offset + stored.len)
        };
        let mut ranges =
            blocks.flat_map(|at| planes.iter().filter_map(move |plane| stored(at, *plane)));
        self.reader.bytes.expect(&mut ranges);
    }

    fn forget(&self) {
        self.reader.bytes.forget();
        self.reader.index.forget();
    }

    fn take_layers(&mut self, count: u32) -> bool {
        self.layers = count;
        matches!(self.plan.compression, Compression::Jp2 { .. })
    }

    fn set_pad(&mut self, pad: Sample) {
        self.image.pad = pad;
    }

    fn read_block(&self, at: Block, bands: &[u32], into: &mut PixelsMut<'_>) -> Result<()> {
        let rect = self.plan.grid().rect(at.row, at.col);
        let whole = Rect::new(0, 0, rect.width, rect.height);
        let result = self.read_part(at, whole, bands, &mut [into.alone()]);
        self.unless_changed(result.map_err(|error| error.at(self.place(at))))
    }

    fn read_window(
        &self,
        _level: u32,
        rect: Rect,
        bands: &[u32],
        into: &mut PixelsMut<'_>,
    ) -> Result<()> {
        if self.read_in_place(&rect, bands, into) {
            return self.unless_changed(Ok(()));
        }
        if let Some(result) = self.read_run(&rect, bands, &mut [into.alone()]) {
            return self.unless_changed(result);
        }
        if self.reads_side_by_side(&rect) {
            return self.unless_changed(self.read_side_by_side(&rect, bands, into));
        }
        let result = for_each_part(&self.plan.grid(), &rect, into, |at, part, into| {
            self.read_part(at, part, bands, &mut [into.alone()])
                .map_err(|error| error.at(self.place(at)))
        });
        self.unless_changed(result)
    }

    fn read_beside(&self, rect: Rect, bands: &[u32], into: &mut [Beside<'_>]) -> Result<()> {
        if let Some(result) = self.read_run(&rect, bands, into) {
            return self.unless_changed(result);
        }
        let grid = self.plan.grid();
        let mut blocks = grid.cells_over(&rect);
        let result = blocks.try_for_each(|(row, col)| {
            let (at, block) = (Block::new(0, row, col), grid.rect(row, col));
            let Rect {
                x,
                y,
                width,
                height,
            } = rect.intersection(&block);
            let part = Rect::new(x - block.x, y - block.y, width, height);
            let rows = ((y - rect.y) as usize, height as usize);
            let into = into.iter_mut().map(|into| into.rows(rows.0, rows.1));
            let mut into: Vec<Beside<'_>> = into.collect();
            self.read_part(at, part, bands, &mut into)
                .map_err(|error| error.at(self.place(at)))
        });
        self.unless_changed(result)
    }
}

/// A band of each of some places.
fn one_band<'a>(into: &'a mut [Beside<'_>], band: usize) -> SmallVec<[Beside<'a>; 4]> {
    into.iter_mut().map(|into| into.band(band)).collect()
}
