//! A source whose every byte follows from its place, and which counts what it is asked to decode.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, LazyLock};
use tilecache::error::Result;
use tilecache::geometry::Rect;
use tilecache::image::{Bands, Block, Image};
use tilecache::memory::PixelsMut;
use tilecache::operator::pyramid;
use tilecache::provider::{Provider, get_block};
use tilecache::source::{Decoder, Source};
use tilecache::tile::{Pixels, Tile};

/// The period of the noise: a prime, so that it fits no grid.
const PERIOD: usize = 65_521;

/// Noise, twice: a row of pixels is a run of it, so that making and checking pixels costs no more than
/// copying and comparing them.
static NOISE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let period = (0..PERIOD as u64).map(|at| mix(at) as u8);
    period.clone().chain(period).collect()
});

/// Spreads a number over all bits (the finaliser of SplitMix64).
pub fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// What a decode does before it writes: sleep, fail, wait, panic.
type Hook = Box<dyn Fn(Block) -> Result<()> + Send + Sync>;

/// The source, its counters and the verdicts over its pixels.
pub struct Synthetic {
    image: Image,
    /// Tells the pixels of sources apart.
    identity: u64,
    generation: AtomicU64,
    hook: Hook,
    /// Decodes of each block of each level.
    decodes: Vec<Box<[AtomicU32]>>,
    windows: AtomicU64,
    inside: AtomicU64,
    most_inside: AtomicU64,
    checked: AtomicU64,
    wrong: AtomicU64,
}

impl Synthetic {
    pub fn new(image: Image, identity: u64) -> Arc<Self> {
        Self::with_hook(image, identity, |_| Ok(()))
    }

    /// A source that calls `hook` at the beginning of each decode.
    pub fn with_hook(
        image: Image,
        identity: u64,
        hook: impl Fn(Block) -> Result<()> + Send + Sync + 'static,
    ) -> Arc<Self> {
        let levels = 0..image.levels.len() as u32;
        let decodes = levels.map(|level| {
            let grid = image.grid(level);
            let blocks = grid.rows() * grid.cols();
            (0..blocks).map(|_| AtomicU32::new(0)).collect()
        });
        Arc::new(Self {
            decodes: decodes.collect(),
            image,
            identity,
            generation: AtomicU64::new(0),
            hook: Box::new(hook),
            windows: AtomicU64::new(0),
            inside: AtomicU64::new(0),
            most_inside: AtomicU64::new(0),
            checked: AtomicU64::new(0),
            wrong: AtomicU64::new(0),
        })
    }

    /// The source as a provider, under a name that others may have too.
    pub fn provider(self: &Arc<Self>, name: Option<&str>) -> Arc<dyn Provider> {
        let decoder = Box::new(Shared(self.clone()));
        Source::provider(name, self.image.clone(), decoder).expect("a valid image")
    }

    /// The source as an image whose levels have grids of their own, as overviews of a file have: blocks
    /// of one size at each of them.
    pub fn in_own_grids(self: &Arc<Self>) -> Arc<dyn Provider> {
        let of_level = |level| {
            let image = Image {
                levels: vec![self.image.levels[level as usize]],
                ..self.image.clone()
            };
            let decoder = OfLevel {
                source: self.clone(),
                level,
                image: image.clone(),
            };
            Source::provider(None, image, Box::new(decoder)).expect("a valid image")
        };
        let levels = (0..self.image.levels.len() as u32).map(of_level);
        pyramid(levels.collect(), None).expect("a pyramid")
    }

    pub fn image(&self) -> &Image {
        &self.image
    }

    /// All decodes so far.
    pub fn decodes(&self) -> u64 {
        let all = self.decodes.iter().flatten();
        all.map(|count| u64::from(count.load(SeqCst))).sum()
    }

    /// Distinct blocks decoded so far.
    pub fn distinct(&self) -> u64 {
        let all = self.decodes.iter().flatten();
        all.filter(|count| count.load(SeqCst) > 0).count() as u64
    }

    /// Decodes of one block.
    pub fn decodes_of(&self, at: Block) -> u64 {
        u64::from(self.counter(at).load(SeqCst))
    }

    /// Windows read so far.
    pub fn windows(&self) -> u64 {
        self.windows.load(SeqCst)
    }

    /// The most decodes that ever ran at once.
    pub fn most_inside(&self) -> u64 {
        self.most_inside.load(SeqCst)
    }

    /// The number of the pixels that are decoded now.
    pub fn generation(&self) -> u64 {
        self.generation.load(SeqCst)
    }

    /// What is decoded from now on has other pixels.
    pub fn change(&self) -> u64 {
        self.generation.fetch_add(1, SeqCst) + 1
    }

    /// Tiles looked at, and those of them with a wrong byte.
    pub fn verdicts(&self) -> (u64, u64) {
        (self.checked.load(SeqCst), self.wrong.load(SeqCst))
    }

    /// Gets a tile of `view`, an image of this source on any grid, and looks at every byte.
    pub fn read(&self, view: &dyn Provider, at: Block) -> Tile {
        let tile = get_block(view, at, &Bands::ALL).expect("a tile");
        self.check(&tile, at.level, &at.rect(view.image()));
        tile
    }

    /// Whether a tile shows a rectangle of the current generation; counted.
    pub fn check(&self, tile: &Pixels, level: u32, rect: &Rect) -> bool {
        self.check_generation(tile, level, rect, self.generation())
    }

    /// The same of another generation.
    pub fn check_generation(
        &self,
        tile: &Pixels,
        level: u32,
        rect: &Rect,
        generation: u64,
    ) -> bool {
        let right = self.shows(tile, level, rect, generation);
        self.count_verdict(right);
        right
    }

    /// Counts a tile that was looked at.
    pub fn count_verdict(&self, right: bool) {
        self.checked.fetch_add(1, SeqCst);
        self.wrong.fetch_add(u64::from(!right), SeqCst);
    }

    /// Whether all bytes of the part of a tile inside the image are those of a generation.
    pub fn shows(&self, tile: &Pixels, level: u32, rect: &Rect, generation: u64) -> bool {
        let shape = tile.shape();
        let (width, height) = tile.valid();
        shape.bands == self.image.bands.len()
            && (width as u64, height as u64) == (rect.width, rect.height)
            && (0..shape.bands).all(|band| {
                (0..height).all(|y| {
                    let row = &tile.row(band, y)[..width * tile.dtype().size()];
                    let at = (rect.x, rect.y + y as u64);
                    self.shows_row(row, level, at, band as u32, generation)
                })
            })
    }

    /// Whether each block's part of a tile of level 0 is whole and of the generation `least` or a later one.
    pub fn shows_since(&self, tile: &Pixels, rect: &Rect, least: u64) -> bool {
        let now = self.generation();
        let mut y = rect.y;
        while y < rect.bottom() {
            let end = (y / self.image.block.1 + 1) * self.image.block.1;
            let part = y..end.min(rect.bottom());
            let is_of = |generation: &u64| {
                part.clone().all(|y| {
                    let row = tile.row(0, (y - rect.y) as usize);
                    self.shows_row(row, 0, (rect.x, y), 0, *generation)
                })
            };
            if !(least..=now).any(|generation| is_of(&generation)) {
                return false;
            }
            y = end;
        }
        true
    }

    /// Whether the bytes of a part of a row that begins at column and row `at` are those of a generation.
    pub fn shows_row(
        &self,
        row: &[u8],
        level: u32,
        at: (u64, u64),
        band: u32,
        generation: u64,
    ) -> bool {
        let from = at.0 as usize * self.image.dtype.size();
        let shift = self.shift(generation, level, at.1, band);
        runs(shift, from, row.len()).all(|(at, noise)| &row[at..at + noise.len()] == noise)
    }

    /// Where in the noise a row of a band begins.
    fn shift(&self, generation: u64, level: u32, y: u64, band: u32) -> usize {
        let row = mix(y ^ u64::from(band) << 40 ^ u64::from(level) << 56);
        let all = mix(row ^ mix(self.identity) ^ mix(!generation));
        (all % PERIOD as u64) as usize
    }

    /// Decodes a block of a source of one band, and gives its rows one after the other.
    pub fn decode_rows(&self, at: Block, mut each: impl FnMut(u64, &[u8])) -> Result<()> {
        let _inside = Inside::new(self);
        let generation = self.begin(at)?;
        let rect = at.rect(&self.image);
        let size = self.image.dtype.size();
        let mut row = vec![0; rect.width as usize * size];
        for y in 0..rect.height {
            let shift = self.shift(generation, at.level, rect.y + y, 0);
            for (at, noise) in runs(shift, rect.x as usize * size, row.len()) {
                row[at..at + noise.len()].copy_from_slice(noise);
            }
            each(y, &row);
        }
        Ok(())
    }

    /// Counts a decode and does what the source does beside it; which pixels it writes.
    fn begin(&self, at: Block) -> Result<u64> {
        self.counter(at).fetch_add(1, SeqCst);
        let generation = self.generation();
        (self.hook)(at)?;
        Ok(generation)
    }

    fn counter(&self, at: Block) -> &AtomicU32 {
        let cols = self.image.grid(at.level).cols();
        &self.decodes[at.level as usize][(at.row * cols + at.col) as usize]
    }

    fn write(
        &self,
        generation: u64,
        level: u32,
        rect: &Rect,
        bands: &[u32],
        into: &mut PixelsMut<'_>,
    ) {
        let size = self.image.dtype.size();
        for (to, band) in bands.iter().enumerate() {
            for y in 0..rect.height {
                let row = into.row_mut(to, y as usize);
                let shift = self.shift(generation, level, rect.y + y, *band);
                for (at, noise) in runs(shift, rect.x as usize * size, row.len()) {
                    row[at..at + noise.len()].copy_from_slice(noise);
                }
            }
        }
    }
}

/// The bytes of a row from byte `from` on, in pieces, each with its place.
fn runs(shift: usize, from: usize, len: usize) -> impl Iterator<Item = (usize, &'static [u8])> {
    (0..len).step_by(PERIOD).map(move |at| {
        let start = (shift + from + at) % PERIOD;
        (at, &NOISE[start..start + PERIOD.min(len - at)])
    })
}

/// Counts who is inside a decode, also on the way of a panic.
struct Inside<'a>(&'a Synthetic);

impl<'a> Inside<'a> {
    fn new(source: &'a Synthetic) -> Self {
        let now = source.inside.fetch_add(1, SeqCst) + 1;
        source.most_inside.fetch_max(now, SeqCst);
        Self(source)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.inside.fetch_sub(1, SeqCst);
    }
}

struct Shared(Arc<Synthetic>);

impl Decoder for Shared {
    fn read_block(&self, at: Block, bands: &[u32], into: &mut PixelsMut<'_>) -> Result<()> {
        let source = &*self.0;
        let _inside = Inside::new(source);
        let generation = source.begin(at)?;
        source.write(generation, at.level, &at.rect(&source.image), bands, into);
        Ok(())
    }

    fn read_window(
        &self,
        level: u32,
        rect: Rect,
        bands: &[u32],
        into: &mut PixelsMut<'_>,
    ) -> Result<()> {
        self.0.windows.fetch_add(1, SeqCst);
        self.0.write(self.0.generation(), level, &rect, bands, into);
        Ok(())
    }
}

/// A level of a source in a grid of its own.
struct OfLevel {
    source: Arc<Synthetic>,
    level: u32,
    image: Image,
}

impl Decoder for OfLevel {
    fn read_block(&self, at: Block, bands: &[u32], into: &mut PixelsMut<'_>) -> Result<()> {
        let source = &*self.source;
        let _inside = Inside::new(source);
        let generation = source.begin(Block::new(self.level, at.row, at.col))?;
        source.write(generation, self.level, &at.rect(&self.image), bands, into);
        Ok(())
    }
}
