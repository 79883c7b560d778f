//! Parts whose every sample follows from its place, and what a mosaic of them must show, pixel by pixel.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use tilecache::dtype::{DType, Sample};
use tilecache::error::{Error, Result};
use tilecache::image::{Band, Block, Colour, Image};
use tilecache::memory::PixelsMut;
use tilecache::operator::{Mosaic, Opening, Part as MosaicPart, Source as PartSource, pyramid};
use tilecache::provider::Provider;
use tilecache::source::{Decoder, Source};

/// Numbers that look random and follow from these.
pub fn mix(numbers: &[u64]) -> u64 {
    numbers.iter().fold(0x9e37_79b9_7f4a_7c15, |hash, number| {
        let hash = (hash ^ number).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let hash = (hash ^ (hash >> 29)).wrapping_mul(0x94d0_49bb_1331_11eb);
        hash ^ (hash >> 32)
    })
}

/// A part of a mosaic.
#[derive(Clone, Debug)]
pub struct Part {
    pub name: String,
    pub place: (i64, i64),
    pub size: (u64, u64),
    pub block: (u64, u64),
    pub levels: usize,
    pub dtype: DType,
    pub bands: u32,
    /// Another one, another image.
    pub seed: u64,
    /// Of each band.
    pub nodata: Vec<Option<f64>>,
    pub has_alpha: bool,
    pub has_mask: bool,
    /// Of eight blocks so many are absent.
    pub absent: u64,
    /// Opened when it is touched.
    pub is_late: bool,
}

impl Part {
    /// An opaque part of one band of u8 in one level.
    pub fn plain(name: &str, place: (i64, i64), size: (u64, u64), seed: u64) -> Self {
        Part {
            name: name.into(),
            place,
            size,
            block: (32, 32),
            levels: 1,
            dtype: DType::U8,
            bands: 1,
            seed,
            nodata: vec![None],
            has_alpha: false,
            has_mask: false,
            absent: 0,
            is_late: false,
        }
    }

    fn level_size(&self, level: usize) -> (u64, u64) {
        let side = |length: u64| length.div_ceil(1 << level);
        (side(self.size.0), side(self.size.1))
    }

    /// Few values, so that nodata is met often.
    pub fn sample(&self, version: u64, level: usize, x: u64, y: u64, band: u32) -> Sample {
        let hash = mix(&[self.seed, version, level as u64, x, y, band.into()]);
        let value = match hash % 8 {
            7 if self.dtype == DType::F32 => f64::NAN,
            value => value as f64 * 25.0,
        };
        Sample::from_f64(self.dtype, value)
    }

    fn is_masked(&self, level: usize, x: u64, y: u64) -> bool {
        // Patches rather than dots.
        self.has_mask && mix(&[self.seed, 99, level as u64, x / 5, y / 3]).is_multiple_of(3)
    }

    fn is_stored(&self, level: usize, row: u64, col: u64) -> bool {
        mix(&[self.seed, 77, level as u64, row, col]) % 8 >= self.absent
    }

    fn image(&self, level: usize) -> Image {
        let (width, height) = self.level_size(level);
        let mut image = Image::new(width, height, self.bands, self.dtype);
        image.block = self.block;
        image.sparse = self.absent > 0;
        let nodata = |value: f64| Sample::from_f64(self.dtype, value);
        let band = |value: &Option<f64>| Band {
            nodata: value.map(nodata),
            ..Band::default()
        };
        image.bands = self.nodata.iter().map(band).collect();
        if self.has_alpha
            && let Some(last) = image.bands.last_mut()
        {
            last.colour = Colour::Alpha;
        }
        image
    }

    /// Whether the mosaic shows a sample of it.
    fn shows(&self, version: u64, level: usize, x: u64, y: u64, band: u32) -> bool {
        let (row, col) = (y / self.block.1, x / self.block.0);
        let is = |sample: Sample, value: f64| match sample.to_f64(self.dtype) {
            sample if sample.is_nan() => value.is_nan(),
            sample => sample == value,
        };
        let alpha = self.sample(version, level, x, y, self.bands - 1);
        let sample = self.sample(version, level, x, y, band);
        let is_nodata = self.nodata[band as usize].is_some_and(|value| is(sample, value));
        let is_clear = self.has_alpha && is(alpha, 0.0);
        let is_hidden = self.is_masked(level, x, y) || is_clear || is_nodata;
        self.is_stored(level, row, col) && !is_hidden
    }
}

/// What happens to the parts of a world.
#[derive(Default)]
pub struct Events {
    /// Changes all pixels of a part.
    pub versions: Mutex<HashMap<String, u64>>,
    /// Blocks that were decoded, of each part.
    pub decodes: Mutex<HashMap<String, u64>>,
}

impl Events {
    pub fn version(&self, name: &str) -> u64 {
        self.versions
            .lock()
            .unwrap()
            .get(name)
            .copied()
            .unwrap_or(0)
    }

    pub fn change(&self, name: &str) {
        *self
            .versions
            .lock()
            .unwrap()
            .entry(name.into())
            .or_default() += 1;
    }

    pub fn decodes_of(&self, name: &str) -> u64 {
        self.decodes.lock().unwrap().get(name).copied().unwrap_or(0)
    }

    pub fn all_decodes(&self) -> u64 {
        self.decodes.lock().unwrap().values().sum()
    }
}

struct PartDecoder {
    part: Part,
    level: usize,
    is_mask: bool,
    image: Image,
    events: Arc<Events>,
}

impl Decoder for PartDecoder {
    fn has_block(&self, at: Block) -> Result<bool> {
        Ok(self.is_mask || self.part.is_stored(self.level, at.row, at.col))
    }

    fn read_block(&self, at: Block, bands: &[u32], into: &mut PixelsMut<'_>) -> Result<()> {
        if !self.is_mask {
            let mut decodes = self.events.decodes.lock().unwrap();
            *decodes.entry(self.part.name.clone()).or_default() += 1;
        }
        let version = self.events.version(&self.part.name);
        let rect = at.rect(&self.image);
        let size = self.image.dtype.size();
        for (to, band) in bands.iter().enumerate() {
            for y in 0..rect.height {
                let row = into.row_mut(to, y as usize);
                for (x, out) in row.chunks_exact_mut(size).enumerate() {
                    let (x, y) = (rect.x + x as u64, rect.y + y);
                    if self.is_mask {
                        out[0] = if self.part.is_masked(self.level, x, y) {
                            0
                        } else {
                            255
                        };
                    } else {
                        let sample = self.part.sample(version, self.level, x, y, *band);
                        out.copy_from_slice(sample.bytes(self.image.dtype));
                    }
                }
            }
        }
        Ok(())
    }
}

/// A part as a provider.
pub fn provider(part: &Part, events: &Arc<Events>) -> Arc<dyn Provider> {
    let level = |level: usize, is_mask: bool| {
        let mut image = part.image(level);
        if is_mask {
            let (width, height) = part.level_size(level);
            image = Image::new(width, height, 1, DType::U8);
            // A grid of its own.
            image.block = (part.block.0 + 3, part.block.1);
        }
        let kind = if is_mask { ":mask" } else { "" };
        let key = match level {
            0 => format!("{}:image:0{kind}", part.name),
            level => format!("{}:image:0{kind}:overview:{level}", part.name),
        };
        let decoder = PartDecoder {
            part: part.clone(),
            level,
            is_mask,
            image: image.clone(),
            events: events.clone(),
        };
        Source::with_key(key, image, Box::new(decoder)).expect("a valid image")
    };
    let levels = |is_mask| {
        (0..part.levels)
            .map(|at| level(at, is_mask))
            .collect::<Vec<_>>()
    };
    let mask = part.has_mask.then(|| pyramid(levels(true), None).unwrap());
    match (part.levels, &mask) {
        (1, None) => level(0, false),
        _ => pyramid(levels(false), mask).unwrap(),
    }
}

/// Level, band and changes.
type PlaneKey = (usize, u32, u64);

/// A world: a mosaic and its parts.
pub struct World {
    pub image: Image,
    pub parts: Vec<Part>,
    pub max_open: usize,
    pub events: Arc<Events>,
    pub opener: Arc<Opener>,
    planes: Mutex<HashMap<PlaneKey, Arc<Vec<u8>>>>,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (image, max_open) = (&self.image, self.max_open);
        write!(f, "{image:?}, {max_open} stay open, of")?;
        self.parts
            .iter()
            .try_for_each(|part| write!(f, "\n{part:?}"))
    }
}

/// Opens the parts of a world, and counts.
pub struct Opener {
    parts: Vec<Part>,
    events: Arc<Events>,
    /// How often each part was opened.
    pub opened: Vec<AtomicU64>,
    now: Vec<AtomicU64>,
    open: Mutex<Vec<Weak<dyn Provider>>>,
    /// So many times opening fails.
    pub failures: AtomicU64,
    /// How long it takes.
    pub delay: Mutex<std::time::Duration>,
}

impl Opener {
    /// How many parts are open.
    pub fn open_now(&self) -> usize {
        let mut open = self.open.lock().unwrap();
        open.retain(|provider| provider.strong_count() > 0);
        open.len()
    }

    pub fn all_opened(&self) -> u64 {
        let opened = self.opened.iter();
        opened.map(|opened| opened.load(Ordering::SeqCst)).sum()
    }
}

impl Opening for Opener {
    fn open(&self, part: usize) -> Result<Arc<dyn Provider>> {
        assert_eq!(
            self.now[part].fetch_add(1, Ordering::SeqCst),
            0,
            "opened by two at once"
        );
        let delay = *self.delay.lock().unwrap();
        std::thread::sleep(delay);
        let fails = self
            .failures
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        self.now[part].fetch_sub(1, Ordering::SeqCst);
        if fails.is_ok() {
            return Err(Error::from_source(5, "no such scene"));
        }
        self.opened[part].fetch_add(1, Ordering::SeqCst);
        let provider = provider(&self.parts[part], &self.events);
        self.open.lock().unwrap().push(Arc::downgrade(&provider));
        Ok(provider)
    }
}

impl World {
    pub fn new(image: Image, parts: Vec<Part>, max_open: usize) -> Self {
        let events = Arc::<Events>::default();
        let counts = || parts.iter().map(|_| AtomicU64::new(0)).collect::<Vec<_>>();
        let opener = Opener {
            parts: parts.clone(),
            events: events.clone(),
            opened: counts(),
            now: counts(),
            open: Mutex::default(),
            failures: AtomicU64::new(0),
            delay: Mutex::default(),
        };
        World {
            image,
            parts,
            max_open,
            events,
            opener: Arc::new(opener),
            planes: Mutex::default(),
        }
    }

    /// The mosaic, to be made.
    pub fn mosaic(&self) -> Mosaic {
        let part = |part: &Part| MosaicPart {
            place: part.place,
            size: part.size,
            source: match part.is_late {
                true => PartSource::Later {
                    key: format!("{}:image:0", part.name),
                },
                false => PartSource::Given(provider(part, &self.events)),
            },
        };
        Mosaic {
            image: self.image.clone(),
            parts: self.parts.iter().map(part).collect(),
            opening: Some(self.opener.clone()),
            max_open: self.max_open,
        }
    }

    /// The parts over a pixel of a level, the last one first, with the pixel as they count.
    fn over(&self, level: usize, x: u64, y: u64) -> impl Iterator<Item = (&Part, u64, u64)> {
        self.parts.iter().rev().filter_map(move |part| {
            let (width, height) = part.level_size(level);
            let own = |at: u64, from: i64, length: u64| {
                let own = at as i64 - (from >> level);
                (0..length as i64).contains(&own).then_some(own as u64)
            };
            let x = own(x, part.place.0, width)?;
            Some((part, x, own(y, part.place.1, height)?))
        })
    }

    /// A sample of the mosaic, by its definition.
    pub fn sample(&self, level: usize, x: u64, y: u64, band: u32) -> Sample {
        let shown = self.over(level, x, y).find_map(|(part, x, y)| {
            let version = self.events.version(&part.name);
            let shows = part.shows(version, level, x, y, band);
            shows.then(|| part.sample(version, level, x, y, band))
        });
        shown.unwrap_or(self.image.pad)
    }

    /// All samples of a band of a level, row by row; known until a part changes.
    pub fn plane(&self, level: usize, band: u32) -> Arc<Vec<u8>> {
        let changes = self.events.versions.lock().unwrap().values().sum();
        let key = (level, band, changes);
        if let Some(plane) = self.planes.lock().unwrap().get(&key) {
            return plane.clone();
        }
        let (width, height) = self.image.levels[level];
        let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let samples = places.flat_map(|(x, y)| {
            let sample = self.sample(level, x, y, band);
            sample.bytes(self.image.dtype).to_vec()
        });
        let plane = Arc::new(samples.collect::<Vec<u8>>());
        self.planes.lock().unwrap().insert(key, plane.clone());
        plane
    }

    /// Whether any band of a pixel is data.
    pub fn is_data(&self, level: usize, x: u64, y: u64) -> bool {
        self.over(level, x, y).any(|(part, x, y)| {
            let version = self.events.version(&part.name);
            (0..part.bands).any(|band| part.shows(version, level, x, y, band))
        })
    }

    /// Whether anything stored lies over a block of a level.
    pub fn has_block(&self, of_level: &Image, level: usize, at: Block) -> bool {
        let rect = at.rect(of_level);
        let pixels =
            (rect.y..rect.bottom()).flat_map(|y| (rect.x..rect.right()).map(move |x| (x, y)));
        let mut stored = pixels.flat_map(|(x, y)| self.over(level, x, y));
        stored.any(|(part, x, y)| part.is_stored(level, y / part.block.1, x / part.block.0))
    }
}
