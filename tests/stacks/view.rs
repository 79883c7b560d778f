//! What a stack of operators shows, from the definition of each operator alone.

use super::face::{Area, Cell, Samples};
use super::raster::{Place, Put, Raster, Sample, Size, cell_area, shows};
use std::collections::HashMap;
use std::sync::Arc;

/// The image that a stack of operators over a raster makes.
#[derive(Clone)]
pub struct View {
    pub raster: Arc<Raster>,
    /// Columns and rows of each level.
    pub levels: Vec<(i64, i64)>,
    /// Columns and rows of a block at level 0.
    pub block: (i64, i64),
    /// The blocks of each level as an image of its own, where they are not halves of those below.
    own: Option<Vec<(i64, i64)>>,
    /// The level of the raster that is level 0.
    base: i32,
    /// The raster's band behind each band.
    bands: Vec<u32>,
    /// What maps have done to samples that show something.
    flip: u32,
    is_mask: bool,
    is_mapped: bool,
    is_padded: bool,
    /// The key is that of the raster, or of one of its levels with a grid of its own.
    has_source_key: bool,
    /// Grids of other operators lie between this one and that of the raster.
    is_regridded: bool,
    /// Every block over one that the raster stores is said to be stored, and no other.
    knows_absent: bool,
    /// The caches on the way.
    pub caches: Vec<usize>,
    /// The cache that keeps the raster's own blocks, where nothing is kept above them.
    pub sees_puts: Option<usize>,
}

/// What may be seen by a request.
pub struct Sight<'a> {
    /// Where each generation is from.
    pub history: Vec<Put>,
    /// The oldest generation that may be seen.
    pub floor: u32,
    pub puts: &'a HashMap<Place, u32>,
    /// Nothing is ever evicted, so that what was put is still there.
    pub all_stays: bool,
}

impl View {
    pub fn new(raster: Arc<Raster>) -> Self {
        let plan = &raster.plan;
        Self {
            levels: plan.levels.iter().map(|level| level.pixels).collect(),
            block: plan.levels[0].block,
            own: plan
                .own_grids
                .then(|| plan.levels.iter().map(|level| level.block).collect()),
            base: 0,
            bands: raster.all_bands(),
            flip: 0,
            is_mask: false,
            is_mapped: false,
            is_padded: false,
            has_source_key: true,
            is_regridded: false,
            knows_absent: true,
            caches: Vec::new(),
            sees_puts: None,
            raster,
        }
    }

    /// The view through something that is kept in a cache or not.
    fn kept(mut self, cache: Option<usize>) -> Self {
        if let Some(cache) = cache {
            self.caches.push(cache);
            self.sees_puts = None;
        }
        self
    }

    pub fn cached(self, cache: usize) -> Self {
        if self.has_source_key && self.caches.contains(&cache) {
            return self;
        }
        let mut view = self.kept(Some(cache));
        view.sees_puts = view.has_source_key.then_some(cache);
        view
    }

    pub fn retiled(self, block: (i64, i64), is_padded: bool, cache: Option<usize>) -> Self {
        let mut view = self.kept(cache);
        (view.block, view.own, view.is_padded) = (block, None, is_padded);
        view.has_source_key = false;
        view.regrid();
        view
    }

    /// Another grid: blocks of the one before are stored as a whole.
    fn regrid(&mut self) {
        self.knows_absent &= !self.is_regridded;
        self.is_regridded = true;
    }

    pub fn level(mut self, level: i32) -> Self {
        if level == 0 {
            return self;
        }
        self.base += level;
        self.levels.drain(..level as usize);
        self.keep_levels();
        match &mut self.own {
            Some(own) => {
                own.drain(..level as usize);
                self.block = own[0];
            }
            None => {
                let halved = |side: i64| (side + (1 << level) - 1) >> level;
                self.block = (halved(self.block.0), halved(self.block.1));
                (self.is_padded, self.has_source_key) = (false, false);
                self.regrid();
            }
        }
        self
    }

    /// Leaves out the levels from the first on that is not the first one halved as often, because it was
    /// rounded another way.
    fn keep_levels(&mut self) {
        let (full, levels) = (self.levels[0], (0..).zip(&self.levels));
        let halves = |full: i64, times: i32, side: i64| {
            let (down, up) = ((full >> times).max(1), (full + (1 << times) - 1) >> times);
            side == down || side == up
        };
        let kept = levels.take_while(|(times, size)| {
            halves(full.0, *times, size.0) && halves(full.1, *times, size.1)
        });
        self.levels.truncate(kept.count());
    }

    /// These bands, each sample that shows something changed by these bits.
    pub fn mapped(self, bands: &[i32], flip: u32, cache: Option<usize>) -> Self {
        let mut view = self.kept(cache);
        if !bands.is_empty() {
            view.bands = bands
                .iter()
                .map(|band| view.bands[*band as usize])
                .collect();
        }
        view.flip ^= flip;
        (view.is_mapped, view.has_source_key) = (true, false);
        view
    }

    pub fn mask(mut self) -> Self {
        (self.is_mask, self.has_source_key) = (true, false);
        // Where what is absent is data, a mask need not tell.
        self.knows_absent = false;
        self
    }

    /// The view of a stack that alone has its key, so that nothing came into a cache through another one.
    pub fn alone_in(mut self, cache: usize) -> Self {
        self.sees_puts = Some(cache);
        self
    }

    pub fn is_mask(&self) -> bool {
        self.is_mask
    }

    pub fn is_mapped(&self) -> bool {
        self.is_mapped
    }

    pub fn band_count(&self) -> usize {
        if self.is_mask { 1 } else { self.bands.len() }
    }

    /// Rows and columns of blocks.
    pub fn grid(&self) -> (i64, i64) {
        let count = |pixels: i64, block: i64| (pixels + block - 1) / block;
        let (width, height) = self.levels[0];
        (count(height, self.block.1), count(width, self.block.0))
    }

    /// The pixels of a block that lie inside the image.
    pub fn area(&self, at: Cell) -> Area {
        cell_area(at, self.block, self.levels[at.level as usize], at.level)
    }

    /// Columns and rows of a block as it is delivered.
    fn delivered(&self, at: Cell) -> (i64, i64) {
        let endless = (i64::MAX >> 8, i64::MAX >> 8);
        let area = match self.is_padded {
            true => cell_area(at, self.block, endless, at.level),
            false => self.area(at),
        };
        (area.width, area.height)
    }

    /// Whether a block may be said to be stored or not.
    pub fn may_have(&self, at: Cell, has: bool) -> bool {
        let raster = &self.raster;
        let area = self.area(at);
        let places = (area.y..area.y + area.height)
            .flat_map(|y| (area.x..area.x + area.width).map(move |x| (x, y)));
        let mut blocks = places.map(|(x, y)| raster.block_of(self.base + at.level, x, y));
        let is_stored = !raster.plan.is_sparse || blocks.any(|block| raster.is_stored(block));
        has == is_stored || has && !self.knows_absent
    }

    /// What is wrong with the block `at`, of these bands.
    pub fn check_block(
        &self,
        at: Cell,
        bands: &[i32],
        got: &Samples,
        pad: u32,
        sight: &Sight<'_>,
    ) -> Result<(), String> {
        let area = self.area(at);
        let size = self.delivered(at);
        if (got.width, got.height) != size || got.valid != (area.width, area.height) {
            return Err(format!(
                "{} x {} pixels, {:?} of them inside the image, where {size:?} and {:?} should be",
                got.width,
                got.height,
                got.valid,
                (area.width, area.height)
            ));
        }
        self.check(at.level, (area.x, area.y), bands, got, pad, sight)?;
        if got.is_absent && got.values.iter().any(|value| *value != pad) {
            return Err("an absent tile with pixels".into());
        }
        Ok(())
    }

    /// What is wrong with the pixels of these bands from a corner of a level on.
    pub fn check(
        &self,
        level: i32,
        corner: (i64, i64),
        bands: &[i32],
        got: &Samples,
        pad: u32,
        sight: &Sight<'_>,
    ) -> Result<(), String> {
        let all: Vec<i32> = (0..self.band_count() as i32).collect();
        let bands = if bands.is_empty() { &all } else { bands };
        if got.bands != bands.len() {
            return Err(format!("{} bands instead of {bands:?}", got.bands));
        }
        let (width, height) = self.levels[level as usize];
        let left = (-corner.0).clamp(0, got.width);
        let right = (width - corner.0).clamp(left, got.width);
        let mut rows = got.values.chunks_exact(got.width.max(1) as usize);
        for band in bands {
            for y in corner.1..corner.1 + got.height {
                let row = rows.next().ok_or("too few samples")?;
                let inside = match (0..height).contains(&y) {
                    true => left as usize..right as usize,
                    false => 0..0,
                };
                let outside = row[..inside.start].iter().chain(&row[inside.end..]);
                // What is data beyond the edge is said by nobody.
                if !self.is_mask && outside.clone().any(|value| *value != pad) {
                    return Err(format!(
                        "row {y} of band {band} is not pad outside the image"
                    ));
                }
                let start = corner.0 + inside.start as i64;
                let place = (level, start, y);
                let check = match self.is_mask {
                    true => self.check_mask(place, &row[inside]),
                    false => self.check_row(place, *band, &row[inside], sight),
                };
                check.map_err(|error| format!("{error} (row {y} of band {band})"))?;
            }
        }
        Ok(())
    }

    /// A sample of the raster after the maps, without its generation.
    fn mapped_sample(&self, sample: Sample) -> Sample {
        match sample {
            Sample::Of(tag) => Sample::Of(tag ^ self.flip),
            fixed => fixed,
        }
    }

    fn check_row(
        &self,
        (level, x, y): (i32, i64, i64),
        band: i32,
        row: &[u32],
        sight: &Sight<'_>,
    ) -> Result<(), String> {
        let (level, band) = (self.base + level, self.bands[band as usize]);
        let expected = self.raster.row(level, band, y, x);
        // The last pixel's generation, which most of its neighbours have.
        let mut known = None;
        for ((at, got), sample) in (x..).zip(row).zip(expected) {
            let generation = match self.mapped_sample(sample) {
                Sample::Fixed(value) if value == *got => continue,
                Sample::Of(tag) if tag == got & !0xFF => got & 0xFF,
                expected => {
                    return Err(format!(
                        "{got:#x} at column {at} instead of {expected:x?}; {}",
                        self.origin_of(*got)
                    ));
                }
            };
            let block = self.raster.block_of(level, at, y);
            if known != Some((generation, block)) {
                self.check_generation(generation, block, band, sight)
                    .map_err(|error| format!("generation {generation} at column {at}: {error}"))?;
                known = Some((generation, block));
            }
        }
        Ok(())
    }

    fn check_mask(&self, (level, x, y): (i32, i64, i64), row: &[u32]) -> Result<(), String> {
        let plan = &self.raster.plan;
        let nodata = plan.has_nodata.then_some(super::raster::NODATA);
        // Nodata is where it is in all bands.
        let expected = self.raster.row(self.base + level, 0, y, x);
        for ((at, got), sample) in (x..).zip(row).zip(expected) {
            let is_data = match sample {
                Sample::Fixed(value) => Some(value) != nodata,
                Sample::Of(_) => true,
            };
            if *got != if is_data { 255 } else { 0 } {
                return Err(format!("the mask is {got} at column {at}"));
            }
        }
        Ok(())
    }

    fn check_generation(
        &self,
        got: u32,
        block: Cell,
        band: u32,
        sight: &Sight<'_>,
    ) -> Result<(), String> {
        let Some(put) = sight.history.get(got as usize) else {
            return Err("it is yet to come".into());
        };
        if got < sight.floor {
            return Err(format!("it is older than {}", sight.floor));
        }
        // Another stack of the same key may have brought what was put into another cache into this one.
        if let Some((_, other)) = put
            && (*other != block || self.caches.is_empty())
        {
            return Err(format!("it was put into {other:?}"));
        }
        let Some(cache) = self.sees_puts else {
            return Ok(());
        };
        let latest = sight.puts.get(&Place { cache, block, band });
        let is_right = match (latest, put) {
            (Some(latest), Some((of, _))) if *of == cache => got == *latest,
            (Some(_), _) => !sight.all_stays,
            (None, _) => true,
        };
        match is_right {
            true => Ok(()),
            false => Err(format!(
                "{latest:?} was put into {block:?} of cache {cache}"
            )),
        }
    }

    /// Where else in the raster a sample is from, for the message.
    fn origin_of(&self, got: u32) -> String {
        if !shows(got) {
            return format!("the pad is {:#x}", self.raster.pad());
        }
        let got = got ^ self.flip;
        for (level, Size { pixels, .. }) in (0..).zip(&self.raster.plan.levels) {
            for band in self.raster.all_bands() {
                for y in 0..pixels.1 {
                    let row = self.raster.row(level, band, y, 0).take(pixels.0 as usize);
                    if let Some(x) = { row }.position(|sample| sample == Sample::Of(got & !0xFF)) {
                        return format!(
                            "that is column {x}, row {y} of band {band} at level {level}"
                        );
                    }
                }
            }
        }
        "that is of another image".into()
    }
}
