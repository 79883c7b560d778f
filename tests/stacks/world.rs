//! Random worlds: images, caches, and stacks of operators over the images.

use super::face::{Cache, Provider};
use super::random::Random;
use super::raster::{Origin, Plan, Raster, Size, TAG, shows};
use super::view::View;
use std::ffi::CString;
use std::fmt::Write;
use std::sync::Arc;
use tilecache::capi::{tc_cache_options, tc_threading};

/// What may happen in a world.
#[derive(Clone, Copy, Debug, Default)]
pub struct Laws {
    /// Tiles are put into blocks of images.
    pub puts: bool,
    /// Budgets have room for everything, and nothing is taken out of caches.
    pub wide: bool,
}

/// A stack of operators and what it shows.
pub struct Stack {
    pub name: String,
    pub provider: Provider,
    pub view: View,
    /// The samples beyond the edges of the image.
    pub pad: u32,
}

pub struct World {
    pub seed: u64,
    pub laws: Laws,
    pub caches: Vec<Cache>,
    pub budgets: Vec<u64>,
    pub rasters: Vec<Arc<Raster>>,
    pub stacks: Vec<Stack>,
    pub threads: u64,
}

/// Room for all tiles of a world.
const WIDE: u64 = 256 << 20;

impl World {
    pub fn new(seed: u64, laws: Laws) -> Self {
        let mut random = Random::new(seed);
        let caches = random.within(1, 2);
        let budget = |random: &mut Random| match laws.wide || random.chance(20) {
            true => WIDE,
            false => 1 << random.within(10, 20),
        };
        let budgets: Vec<_> = (0..caches).map(|_| budget(&mut random)).collect();
        let caches = budgets.iter().map(|budget| {
            // SAFETY: numbers, for which zero is valid.
            let mut options: tc_cache_options = unsafe { std::mem::zeroed() };
            options.struct_size = size_of::<tc_cache_options>() as u32;
            options.unread_percent = random.one_of(&[0, 1, 30, 100]);
            options.flags = random.one_of(&[0, 0, 1]);
            options.max_in_flight = random.one_of(&[0, 0, 1, 100_000]);
            options.view_limit = random.one_of(&[0, 0, 1, 1 << 20]);
            Cache::new(*budget, &options)
        });
        let caches: Vec<_> = caches.collect();
        let count = random.within(2, 4) as u64;
        let rasters = (0..count).map(|id| Raster::new(plan(id, laws, &mut random)));
        let mut world = Self {
            seed,
            laws,
            budgets,
            rasters: rasters.collect(),
            caches,
            stacks: Vec::new(),
            threads: random.one_of(&[2, 3, 4, 4, 8, 16]),
        };
        for raster in &world.rasters {
            let source = Stack::over(raster);
            // More than one stack over one provider, and more than one provider of one image.
            for _ in 0..random.within(1, 3) {
                let opened = match random.chance(30) {
                    true => Stack::over(raster),
                    false => source.reader(0),
                };
                let stack = world.build(opened, &mut random);
                world.stacks.push(stack);
            }
        }
        world
    }

    /// A stack of some more operators.
    fn build(&self, base: Stack, random: &mut Random) -> Stack {
        let mut stack = base;
        if self.laws.puts || random.chance(50) {
            let cache = random.below(self.caches.len() as i64) as usize;
            stack = stack.cached(cache, self);
        }
        for _ in 0..random.within(1, 3) {
            stack = self.operator(stack, random);
        }
        stack
    }

    /// The stack under a random operator.
    pub fn operator(&self, stack: Stack, random: &mut Random) -> Stack {
        let cache = (0..self.caches.len()).map(Some).chain([None]);
        let cache = random.one_of(&cache.collect::<Vec<_>>());
        match random.below(100) {
            0..50 => {
                let side = |random: &mut Random| random.within(16, 160);
                let (width, height) = (side(random), side(random));
                stack.retiled((width, height), random.chance(25), cache, self)
            }
            50..60 => match cache {
                Some(cache) => stack.cached(cache, self),
                None => stack,
            },
            60..70 => {
                let levels = stack.view.levels.len() as i64;
                stack.level(random.below(levels) as i32)
            }
            70..85 if !stack.view.is_mask() => {
                let bands = match random.chance(50) {
                    true => Vec::new(),
                    false => some_bands(stack.view.band_count(), random),
                };
                let flip = ((random.below(3) as u32 + 1) * 0x0111_1100) & TAG;
                stack.mapped(&bands, flip, cache, self)
            }
            85..92 if !stack.view.is_mask() && !stack.view.is_mapped() => stack.mask(),
            _ => stack.reader(random.one_of(&[0, 1, 2])),
        }
    }

    /// What the world is made of, for whoever has to find a defect in it.
    pub fn describe(&self) -> String {
        let mut text = format!(
            "{:?}; {} threads; budgets {:?}\n",
            self.laws, self.threads, self.budgets
        );
        for raster in &self.rasters {
            writeln!(text, "  {:?}", raster.plan).expect("a line");
        }
        for stack in &self.stacks {
            writeln!(text, "  {}", stack.name).expect("a line");
        }
        text
    }
}

fn plan(id: u64, laws: Laws, random: &mut Random) -> Plan {
    let windows = random.chance(40);
    let origin = match random.below(100) {
        0..75 => {
            let threading = [
                tc_threading::TC_CONCURRENT as i32,
                tc_threading::TC_CONCURRENT as i32,
                tc_threading::TC_ONE_AT_A_TIME as i32,
                tc_threading::TC_SESSIONS as i32,
            ];
            let threading = random.one_of(&threading);
            Origin::Callbacks { threading, windows }
        }
        75..85 => Origin::Memory {
            step: random.within(1, 2),
        },
        _ => Origin::File,
    };
    let is_file = origin == Origin::File;
    let in_memory = matches!(origin, Origin::Memory { .. });
    let own_grids = is_file || !in_memory && random.chance(60);
    let least = if is_file { 32 } else { 1 };
    let size = (random.within(least, 260), random.within(least, 260));
    let levels = if in_memory { 1 } else { random.within(1, 4) };
    let common = block(size, is_file, random);
    let levels = (0..levels).map(|level| {
        let halved = |side: i64, up: bool| match up {
            true => (side + (1 << level) - 1) >> level,
            false => (side >> level).max(1),
        };
        // Without sizes of their own, levels are rounded up.
        let up = !own_grids || random.chance(70);
        let pixels = (halved(size.0, up), halved(size.1, up));
        let block = match level > 0 && own_grids {
            true => block(pixels, is_file, random),
            false => common,
        };
        Size { pixels, block }
    });
    let levels = levels.collect();
    let is_called = matches!(origin, Origin::Callbacks { .. });
    Plan {
        id,
        origin,
        bands: random.one_of(&[1, 1, 2, 3, 5]),
        levels,
        own_grids,
        is_sparse: !in_memory && random.chance(25),
        has_nodata: random.chance(40),
        picks_bands: random.chance(40),
        pause: random.one_of(&[0, 0, 200, 1500]) as u64,
        changes: is_called && random.chance(50),
        takes_puts: laws.puts && random.chance(70),
    }
}

/// Some of so many bands, in any order.
pub fn some_bands(all: usize, random: &mut Random) -> Vec<i32> {
    let mut bands: Vec<_> = (0..all as i32).collect();
    for at in (1..all).rev() {
        bands.swap(at, random.below(at as i64 + 1) as usize);
    }
    bands.truncate(random.within(1, all as i64) as usize);
    bands
}

/// Blocks of an image of these pixels: strips, one for all, or any.
fn block((width, height): (i64, i64), is_file: bool, random: &mut Random) -> (i64, i64) {
    if is_file {
        return (16 * random.within(1, 6), 16 * random.within(1, 6));
    }
    match random.below(5) {
        0 => (width, random.within(4, 32)),
        1 => (width, height),
        2 => (64, 64),
        _ => (random.within(16, 100), random.within(16, 100)),
    }
}

impl Stack {
    /// The image itself.
    pub fn over(raster: &Arc<Raster>) -> Self {
        let view = View::new(raster.clone());
        let name = format!("image {}", raster.plan.id);
        Self::new(name, raster.open(), view)
    }

    /// Checks that the provider says of itself what the view says.
    fn new(name: String, provider: Provider, view: View) -> Self {
        let info = provider.info();
        let said = (
            (info.width, info.height),
            (info.block_width, info.block_height),
            info.levels as usize,
            info.bands as usize,
            (info.grid_rows, info.grid_cols),
        );
        let right = (
            view.levels[0],
            view.block,
            view.levels.len(),
            view.band_count(),
            view.grid(),
        );
        assert_eq!(said, right, "{name}");
        let pad = match info.dtype {
            1 => u32::from(info.pad[0]),
            _ => u32::from_ne_bytes([info.pad[0], info.pad[1], info.pad[2], info.pad[3]]),
        };
        assert!(view.is_mask() || pad == view.raster.pad(), "{name}");
        Self {
            name,
            provider,
            view,
            pad,
        }
    }

    fn under(&self, operator: String, provider: Provider, view: View) -> Self {
        Self::new(format!("{} > {operator}", self.name), provider, view)
    }

    pub fn cached(&self, cache: usize, world: &World) -> Self {
        let provider = self.provider.cached(&world.caches[cache]);
        self.under(
            format!("cached in {cache}"),
            provider,
            self.view.clone().cached(cache),
        )
    }

    pub fn retiled(
        &self,
        tile: (i64, i64),
        is_padded: bool,
        cache: Option<usize>,
        world: &World,
    ) -> Self {
        let kept = cache.map(|cache| &world.caches[cache]);
        let provider = self.provider.retiled(tile, is_padded, kept);
        let padded = if is_padded { " padded" } else { "" };
        self.under(
            format!("retiled to {} x {}{padded} in {cache:?}", tile.0, tile.1),
            provider,
            self.view.clone().retiled(tile, is_padded, cache),
        )
    }

    pub fn level(&self, level: i32) -> Self {
        let provider = self.provider.level(level);
        self.under(
            format!("level {level}"),
            provider,
            self.view.clone().level(level),
        )
    }

    pub fn mapped(&self, bands: &[i32], flip: u32, cache: Option<usize>, world: &World) -> Self {
        let kept = cache.map(|cache| &world.caches[cache]);
        let function = move |sample: u32| if shows(sample) { sample ^ flip } else { sample };
        let name = CString::new(format!("flip-{flip:x}")).expect("a name");
        let provider = self
            .provider
            .mapped(Some(&name), bands, Box::new(function), kept);
        self.under(
            format!("mapped by {flip:#x}, bands {bands:?}, in {cache:?}"),
            provider,
            self.view.clone().mapped(bands, flip, cache),
        )
    }

    pub fn mask(&self) -> Self {
        self.under(
            "mask".into(),
            self.provider.mask(),
            self.view.clone().mask(),
        )
    }

    /// A reader with these bits of tc_reader_flags.
    pub fn reader(&self, flags: u32) -> Self {
        self.under(
            format!("reader {flags}"),
            self.provider.reader(flags),
            self.view.clone(),
        )
    }
}
