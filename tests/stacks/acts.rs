//! What the threads of a world do.

use super::face::{Area, Cell, Tile};
use super::random::Random;
use super::raster::{Place, Raster};
use super::view::Sight;
use super::world::{Stack, World, some_bands};
use std::collections::HashMap;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex, RwLockReadGuard};
use tilecache::capi::tc_status_code::{TC_E_CANCELLED, TC_E_RANGE};

/// What one thread does.
pub struct Actor<'a> {
    pub world: &'a World,
    pub random: Random,
    /// The latest reader that reads slowly enough to be cancelled.
    pub impatient: &'a Mutex<Option<Arc<Stack>>>,
    /// Tiles that are held, with what they showed when they came.
    held: Vec<(Tile, Vec<u32>)>,
    /// Where it reads now: threads that read the same blocks meet.
    focus: (usize, i64),
}

/// A request for a block that has no pixels at its level.
const NOTHING: &str = "a block without pixels was given";

/// The moment at which a request begins: nothing is put while it lasts.
struct Look<'a> {
    raster: &'a Raster,
    puts: RwLockReadGuard<'a, HashMap<Place, u32>>,
    floor: u32,
    all_stays: bool,
}

impl Look<'_> {
    /// What the request may have seen.
    fn sight(&self) -> Sight<'_> {
        Sight {
            history: self.raster.history(),
            floor: self.floor,
            puts: &self.puts,
            all_stays: self.all_stays,
        }
    }
}

impl<'a> Actor<'a> {
    pub fn new(world: &'a World, thread: u64, impatient: &'a Mutex<Option<Arc<Stack>>>) -> Self {
        Self {
            world,
            random: Random::new(world.seed ^ (thread + 1) << 40),
            impatient,
            held: Vec::new(),
            focus: (0, 0),
        }
    }

    fn begin<'b>(&self, stack: &'b Stack) -> Look<'b> {
        let raster = &*stack.view.raster;
        let puts = raster.puts.read().expect("puts");
        Look {
            raster,
            puts,
            floor: raster.floor.load(SeqCst),
            all_stays: self.world.laws.wide,
        }
    }

    /// One step; what was wrong.
    pub fn act(&mut self) -> Result<(), String> {
        let world = self.world;
        if self.random.chance(30) {
            // The same number for all threads, for a while.
            let stacks = world.stacks.len() as i64;
            self.focus = (self.random.below(stacks) as usize, self.random.below(64));
        }
        let stack = &world.stacks[self.focus.0];
        match self.random.below(100) {
            0..55 => self.read_block(stack, 0),
            55..62 => self.read_block(stack, 1),
            62..77 => self.read_window(stack),
            77..82 => self.peek(stack),
            82..85 => self.ask_whether(stack),
            85..88 => self.read_in_passing(stack),
            88..90 => self.read_impatiently(stack),
            90..95 => self.change(stack),
            _ => {
                self.administrate();
                Ok(())
            }
        }
    }

    /// A block of a stack, near where other threads read.
    fn cell(&mut self, stack: &Stack) -> Cell {
        let (rows, cols) = stack.view.grid();
        let near = self.focus.1 + self.random.below(2);
        Cell {
            level: self.random.below(stack.view.levels.len() as i64) as i32,
            row: near / 8 % rows,
            col: (near % 8 + self.random.below(2)) % cols,
        }
    }

    fn bands(&mut self, stack: &Stack) -> Vec<i32> {
        match self.random.chance(55) {
            true => Vec::new(),
            false => some_bands(stack.view.band_count(), &mut self.random),
        }
    }

    /// Compares a tile that was given with what it should show.
    fn check_tile(
        &mut self,
        stack: &Stack,
        at: Cell,
        bands: &[i32],
        tile: Tile,
        look: &Look<'_>,
    ) -> Result<(), String> {
        let samples = tile.samples();
        stack
            .view
            .check_block(at, bands, &samples, stack.pad, &look.sight())
            .map_err(|error| format!("{} {at:?} bands {bands:?}: {error}", stack.name))?;
        if self.random.chance(25) {
            self.held.push((tile, samples.values));
        }
        if self.held.len() > 6 {
            self.let_go()?;
        }
        Ok(())
    }

    /// Gives up what is held; what has changed meanwhile.
    pub fn let_go(&mut self) -> Result<(), String> {
        let changed = self
            .held
            .drain(..)
            .any(|(tile, values)| tile.samples().values != values);
        match changed {
            true => Err("a held tile has changed".into()),
            false => Ok(()),
        }
    }

    /// Gets a block, on this thread or by a request.
    fn read_block(&mut self, stack: &Stack, by_request: i32) -> Result<(), String> {
        let (at, bands) = (self.cell(stack), self.bands(stack));
        let look = self.begin(stack);
        let got = match by_request {
            0 => stack.provider.get(at, &bands),
            _ => stack.provider.request(at, &bands),
        };
        let area = stack.view.area(at);
        let is_empty = area.width * area.height == 0;
        match got {
            Ok(_) if is_empty => Err(format!("{} {at:?}: {NOTHING}", stack.name)),
            Ok(tile) => self.check_tile(stack, at, &bands, tile, &look),
            Err(failure) if is_empty && failure.is(TC_E_RANGE) => Ok(()),
            Err(failure) => Err(format!("{} {at:?}: {failure:?}", stack.name)),
        }
    }

    fn read_window(&mut self, stack: &Stack) -> Result<(), String> {
        let level = self.random.below(stack.view.levels.len() as i64) as i32;
        let (width, height) = stack.view.levels[level as usize];
        let random = &mut self.random;
        let mut side = |length: i64| match random.chance(60) {
            true => (random.within(-8, length), random.within(1, 48)),
            false => (random.within(-8, length / 2), random.within(1, length + 16)),
        };
        let ((x, width), (y, height)) = (side(width), side(height));
        let area = Area {
            x,
            y,
            width,
            height,
        };
        let bands = self.bands(stack);
        let look = self.begin(stack);
        let info = stack.provider.info();
        let count = match bands.len() {
            0 => stack.view.band_count(),
            some => some,
        };
        let got = stack
            .provider
            .window(level, area, &bands, count, info.dtype);
        let told = |error| {
            format!(
                "{} window {area:?} at {level} {bands:?}: {error}",
                stack.name
            )
        };
        let samples = got.map_err(|failure| told(format!("{failure:?}")))?;
        let sight = look.sight();
        let corner = (area.x, area.y);
        let checked = stack
            .view
            .check(level, corner, &bands, &samples, stack.pad, &sight);
        checked.map_err(told)
    }

    /// Looks for a block without loading it: through the stack, or by its key.
    fn peek(&mut self, stack: &Stack) -> Result<(), String> {
        let (at, bands) = (self.cell(stack), self.bands(stack));
        let area = stack.view.area(at);
        if area.width * area.height == 0 {
            return Ok(());
        }
        let by_key = self.random.below(3);
        let look = self.begin(stack);
        let found = match by_key {
            0 => stack.provider.peek(at, &bands),
            which => {
                let caches = self.world.caches.len() as i64;
                let cache = &self.world.caches[self.random.below(caches) as usize];
                cache.find(stack.provider.key(), at, &bands, which == 1)
            }
        };
        match found {
            Some(tile) if by_key == 0 => self.check_tile(stack, at, &bands, tile, &look),
            Some(tile) => self.check_found(stack, at, &bands, tile, &look),
            None => Ok(()),
        }
    }

    /// A tile found by its key may have come there through another stack with the same key, and so
    /// through other caches.
    fn check_found(
        &mut self,
        stack: &Stack,
        at: Cell,
        bands: &[i32],
        tile: Tile,
        look: &Look<'_>,
    ) -> Result<(), String> {
        let mut view = stack.view.clone();
        view.caches = (0..self.world.caches.len()).collect();
        view.sees_puts = None;
        let sight = look.sight();
        view.check_block(at, bands, &tile.samples(), stack.pad, &sight)
            .map_err(|error| format!("{} {at:?} bands {bands:?} by key: {error}", stack.name))
    }

    fn ask_whether(&mut self, stack: &Stack) -> Result<(), String> {
        let at = self.cell(stack);
        let has = stack
            .provider
            .has(at)
            .map_err(|failure| format!("{failure:?}"))?;
        let area = stack.view.area(at);
        let is_right = match area.width * area.height {
            0 => !has,
            _ => stack.view.may_have(at, has),
        };
        match is_right {
            true => Ok(()),
            false => Err(format!("{} says that {at:?} is stored: {has}", stack.name)),
        }
    }

    /// Reads through an operator that nobody else has, and that nobody has read through before.
    fn read_in_passing(&mut self, stack: &Stack) -> Result<(), String> {
        let over = self.world.operator(stack.reader(0), &mut self.random);
        for _ in 0..4 {
            self.read_block(&over, 0)?;
            self.read_window(&over)?;
        }
        Ok(())
    }

    /// Reads until it is cancelled, if it is.
    fn read_impatiently(&mut self, stack: &Stack) -> Result<(), String> {
        let reader = Arc::new(stack.reader(0));
        let before = self
            .impatient
            .lock()
            .expect("a reader")
            .replace(reader.clone());
        if let Some(before) = before {
            before.provider.cancel();
        }
        for _ in 0..4 {
            let (at, bands) = (self.cell(&reader), self.bands(&reader));
            let look = self.begin(&reader);
            match reader.provider.get(at, &bands) {
                Ok(tile) => self.check_tile(&reader, at, &bands, tile, &look)?,
                Err(failure) if failure.is(TC_E_CANCELLED) || failure.is(TC_E_RANGE) => (),
                Err(failure) => return Err(format!("{} {at:?}: {failure:?}", reader.name)),
            }
        }
        Ok(())
    }

    /// Other pixels for the image of a stack: of the source, or put into a cache.
    fn change(&mut self, stack: &Stack) -> Result<(), String> {
        let raster = &*stack.view.raster;
        if raster.plan.takes_puts && self.random.chance(70) {
            return self.put(stack);
        }
        if !raster.plan.changes {
            return Ok(());
        }
        // What was put is forgotten as well.
        let mut puts = raster
            .plan
            .takes_puts
            .then(|| raster.puts.write().expect("puts"));
        if let Some(generation) = raster.next_generation(None) {
            stack.provider.invalidate();
            raster.floor.fetch_max(generation, SeqCst);
            puts.iter_mut().for_each(|puts| puts.clear());
        }
        Ok(())
    }

    /// Puts blocks of the source into a cache, and reads them in every way.
    fn put(&mut self, stack: &Stack) -> Result<(), String> {
        let raster = &stack.view.raster;
        let cache = self.random.below(self.world.caches.len() as i64) as usize;
        let source = Stack::over(raster).cached(cache, self.world);
        let mut tiles = None;
        for _ in 0..2 {
            let Some(generation) = self.put_block(&source, cache) else {
                continue;
            };
            let tiles = tiles.get_or_insert_with(|| {
                // No other stack has tiles of this size.
                let size = (161 + i64::from(generation), self.random.within(16, 100));
                let over = source.retiled(size, false, Some(cache), self.world);
                let view = over.view.clone().alone_in(cache);
                Stack { view, ..over }
            });
            for over in [&source, tiles] {
                self.read_in_passing(over)?;
                self.read_window(over)?;
                self.read_block(over, 0)?;
            }
        }
        Ok(())
    }

    /// Puts some bands of a block under the key of the image in whose grid it is read; with which
    /// generation.
    fn put_block(&mut self, source: &Stack, cache: usize) -> Option<u32> {
        let raster = &*source.view.raster;
        let level = self.random.below(raster.plan.levels.len() as i64) as i32;
        let (rows, cols) = raster.grid(level);
        let (row, col) = (self.random.below(rows), self.random.below(cols));
        let block = Cell { level, row, col };
        let area = raster.area(block);
        if area.width * area.height == 0 || !raster.is_stored(block) {
            return None;
        }
        let bands = match self.random.chance(70) {
            true => (0..raster.plan.bands as i32).collect(),
            false => some_bands(raster.plan.bands as usize, &mut self.random),
        };
        let lend = self.random.chance(50);
        let mut puts = raster.puts.write().expect("puts");
        let generation = raster.next_generation(Some((cache, block)))?;
        let list: Vec<_> = bands.iter().map(|band| *band as u32).collect();
        let pixels = raster.pixels(level, area, &list, generation);
        let of_level = source
            .provider
            .level(if raster.plan.own_grids { level } else { 0 });
        let at = match raster.plan.own_grids {
            true => Cell { level: 0, ..block },
            false => block,
        };
        let size = (area.width, area.height);
        self.world.caches[cache].put(of_level.key(), at, size, &bands, pixels, lend);
        for band in list {
            puts.insert(Place { cache, block, band }, generation);
        }
        Some(generation)
    }

    /// What may happen to a cache at any time.
    fn administrate(&mut self) {
        let cache = self.random.below(self.world.caches.len() as i64) as usize;
        let (of_cache, budget) = (&self.world.caches[cache], self.world.budgets[cache]);
        let now = of_cache.statistics();
        assert!(
            now.resident <= now.budget,
            "{} of {}",
            now.resident,
            now.budget
        );
        if self.world.laws.wide {
            return;
        }
        match self.random.below(6) {
            0 => of_cache.clear(),
            1 => of_cache.set_budget(budget / 2),
            _ => of_cache.set_budget(budget),
        }
    }
}
