//! Ladder: the levels of an image from the finest up, native ones first.

use super::LevelOptions;
use super::reduced::{Reduced, reduced};
use crate::cache::Cache;
use crate::error::{Error, Kind, Result};
use crate::image::{Image, MAX_LEVELS, is_level};
use crate::operator::{cached, level};
use crate::provider::Provider;
use crate::resample::{Axis, Filter, Ratio, Step, of_mask};
use std::sync::Arc;

/// A level.
#[derive(Clone)]
pub struct Rung {
    pub image: Arc<dyn Provider>,
    /// Where it is data, where a mask lies beside it.
    pub mask: Option<Arc<dyn Provider>>,
}

impl Rung {
    fn size(&self) -> (u64, u64) {
        self.image.image().levels[0]
    }
}

/// The levels of an image so far.
pub struct Ladder<'a> {
    pub source: Arc<dyn Provider>,
    pub rungs: Vec<Rung>,
    /// How many of them are the source's own.
    pub natives: usize,
    /// How many levels the source has, computed anew or not.
    pub of_source: usize,
    /// What makes those above the last native one.
    steps: Vec<Step>,
    filter: Filter,
    tile: (u64, u64),
    cache: Option<&'a Cache>,
}

impl<'a> Ladder<'a> {
    /// The native levels of a source.
    pub fn new(
        source: Arc<dyn Provider>,
        options: &LevelOptions,
        cache: Option<&'a Cache>,
    ) -> Result<Self> {
        let image = source.image();
        let filter = options.filter.unwrap_or(Filter::default_for(image));
        filter.check(image)?;
        let of_source = usable_levels(image);
        let natives = if options.recomputes { 1 } else { of_source };
        let mut ladder = Self {
            rungs: Vec::new(),
            natives,
            of_source,
            steps: Vec::new(),
            filter,
            tile: options.tile(),
            cache,
            source,
        };
        for of in 0..natives {
            let image = level(ladder.source.clone(), of as u32)?;
            let mask = ladder.native_mask(&image)?;
            ladder.rungs.push(Rung { image, mask });
        }
        Ok(ladder)
    }

    /// How the levels are made, for keys.
    pub fn name(&self) -> String {
        let (width, height) = self.tile;
        format!("{}:tile:{width}x{height}", self.filter.name())
    }

    /// The mask of a native level: its own, or that of the level before, made as small.
    fn native_mask(&self, image: &Arc<dyn Provider>) -> Result<Option<Arc<dyn Provider>>> {
        let size = image.image().levels[0];
        let own = image.mask().filter(|mask| mask.image().levels[0] == size);
        match (own, self.rungs.last()) {
            (Some(mask), _) => match self.cache {
                Some(cache) => cached(mask, cache).map(Some),
                None => Ok(Some(mask)),
            },
            (None, None) => Ok(None),
            (None, Some(finer)) => {
                let Some(mask) = &finer.mask else {
                    return Ok(None);
                };
                let step = self.step(finer.size(), size);
                let finer = Rung {
                    image: mask.clone(),
                    mask: None,
                };
                self.reduce(vec![finer], vec![of_mask(&step)], None)
                    .map(Some)
            }
        }
    }

    fn step(&self, from: (u64, u64), to: (u64, u64)) -> Step {
        Step {
            x: Axis::new(from.0, to.0),
            y: Axis::new(from.1, to.1),
            filter: self.filter,
        }
    }

    /// The size of the highest level.
    fn size(&self) -> (u64, u64) {
        self.rungs[self.rungs.len() - 1].size()
    }

    /// Adds levels, each a half of the one before, up to the one of this number.
    pub fn climb(&mut self, to: usize) -> Result<()> {
        while self.rungs.len() <= to {
            let (width, height) = self.size();
            self.add(Axis::half(width), Axis::half(height))?;
        }
        Ok(())
    }

    /// Makes a level of some size the highest, with as many beneath it as it takes, and returns its number.
    pub fn climb_to(&mut self, (width, height): (u64, u64)) -> Result<usize> {
        let full = self.rungs[0].size();
        if !(1..=full.0).contains(&width) || !(1..=full.1).contains(&height) {
            return Err(Error::range(format!(
                "{width} x {height} pixels out of an image of {} x {}",
                full.0, full.1
            )));
        }
        let fits = |rung: &Rung| rung.size().0 >= width && rung.size().1 >= height;
        let last = self.rungs.iter().take_while(|rung| fits(rung)).count() - 1;
        if self.rungs[last].size() == (width, height) {
            return Ok(last);
        }
        self.rungs.truncate(last + 1);
        (self.natives, self.of_source) = (last + 1, last + 1);
        while self.size() != (width, height) {
            let now = self.size();
            let halves = |from: u64, to: u64| from.div_ceil(2) >= to;
            let shrinks = |from: u64, to: u64| halves(from, to) && from > to;
            let is_half = shrinks(now.0, width) || shrinks(now.1, height);
            let axis = |from: u64, to: u64| match (is_half, halves(from, to)) {
                (true, true) => Axis::half(from),
                (true, false) => Axis::new(from, from),
                (false, _) => Axis::new(from, to),
            };
            self.add(axis(now.0, width), axis(now.1, height))?;
        }
        Ok(self.rungs.len() - 1)
    }

    /// Adds a level.
    fn add(&mut self, x: Axis, y: Axis) -> Result<()> {
        let step = Step {
            x,
            y,
            filter: self.filter,
        };
        if self.filter == Filter::Sips && (x.ratio != Ratio::Half || y.ratio != Ratio::Half) {
            return Err(Error::new(
                Kind::Unsupported,
                format!(
                    "the filter sips makes halves, and {} x {} pixels are none of {} x {}",
                    x.to, y.to, x.from, y.from
                ),
            ));
        }
        self.steps.push(step);
        let below = &self.rungs[self.natives - 1..];
        let masks: Option<Vec<Rung>> = below
            .iter()
            .map(|rung| {
                let image = rung.mask.clone()?;
                Some(Rung { image, mask: None })
            })
            .collect();
        let mask = masks.map(|masks| {
            let steps = self.steps.iter().map(of_mask).collect();
            self.reduce(masks, steps, None)
        });
        let mask = mask.transpose()?;
        let image = self.reduce(below.to_vec(), self.steps.clone(), mask.clone())?;
        self.rungs.push(Rung { image, mask });
        Ok(())
    }

    fn reduce(
        &self,
        below: Vec<Rung>,
        steps: Vec<Step>,
        mask: Option<Arc<dyn Provider>>,
    ) -> Result<Arc<dyn Provider>> {
        reduced(Reduced::new(below, steps, self.tile), mask, self.cache)
    }

    /// How many levels there are up to the first that is one tile, as many as the source has in any case.
    pub fn levels_to_one_tile(&self) -> usize {
        let (mut width, mut height) = self.size();
        let mut count = self.rungs.len();
        while (width > self.tile.0 || height > self.tile.1) && count < MAX_LEVELS {
            (width, height) = (width.div_ceil(2), height.div_ceil(2));
            count += 1;
        }
        count.max(self.of_source)
    }
}

/// How many of an image's levels can have halves above them, to any height, that are still levels of the whole.
fn usable_levels(image: &Image) -> usize {
    let fits = |natives: &usize| {
        let (mut width, mut height) = image.levels[natives - 1];
        (*natives..MAX_LEVELS).all(|level| {
            (width, height) = (width.div_ceil(2), height.div_ceil(2));
            is_level(image.levels[0], level as u32, (width, height))
        })
    };
    let count = image.levels.len();
    (2..=count).rev().find(fits).unwrap_or(1)
}
