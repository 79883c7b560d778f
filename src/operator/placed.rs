//! Placed: an operator whose inputs follow from the place of its blocks, by stated rules.

use super::input::{Area, Border, Input, Inputs};
use super::kernel::{Computed, Kernel, Work};
use crate::cache::Cache;
use crate::error::{Error, Result};
use crate::geometry::Rect;
use crate::image::{Bands, Block, Image};
use crate::memory::PixelsMut;
use crate::provider::Provider;
use crate::tile::Tile;
use std::sync::Arc;

/// The largest number of pixels that one pixel stands for along a side, and the largest margin.
pub const MAX_REACH: u64 = 1 << 20;

/// How many pixels of a source stand for those of the output, along one side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scale {
    /// So many of the source for one of the output.
    Shrinks(u64),
    /// One of the source for so many of the output.
    Grows(u64),
}

/// Which pixels of a source a block of the output is made from.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// The place of the source among the operator's.
    pub source: usize,
    /// The bands of the source.
    pub bands: Bands,
    /// The level of the source that goes with level 0 of the output; each level of the output goes with
    /// one more.
    pub level: u32,
    /// Columns of the output run along rows of the source.
    pub transposed: bool,
    /// The first column of the output comes from the last one of the source, once it is transposed; and so for
    /// rows.
    pub flipped: (bool, bool),
    /// Along columns and rows of the source.
    pub scale: (Scale, Scale),
    /// Pixels of the source beyond these to the left, at the top, to the right and at the bottom.
    pub margin: [u64; 4],
    /// What lies beyond the source.
    pub border: Border,
}

impl Scale {
    /// Pixels of the source for a part of the output, which has `length` pixels along that side.
    fn span(self, from: u64, count: u64) -> (u64, u64) {
        match self {
            Scale::Shrinks(by) => (from.saturating_mul(by), count.saturating_mul(by)),
            Scale::Grows(by) => {
                let first = from / by;
                (first, (from + count).div_ceil(by) - first)
            }
        }
    }

    /// Pixels of the output for so many of the source.
    fn of_output(self, length: u64) -> u64 {
        match self {
            Scale::Shrinks(by) => length.div_ceil(by),
            Scale::Grows(by) => length.saturating_mul(by),
        }
    }
}

impl Rule {
    /// The size of an output that has just the pixels of a level of the source.
    pub fn output_size(&self, source: &Image, level: u32) -> Option<(u64, u64)> {
        let place = self.level.checked_add(level)? as usize;
        let (width, height) = *source.levels.get(place)?;
        let (width, height) = (
            self.scale.0.of_output(width),
            self.scale.1.of_output(height),
        );
        Some(if self.transposed {
            (height, width)
        } else {
            (width, height)
        })
    }

    /// The area of the source for a rectangle of a level of the output.
    fn area(&self, rect: &Rect, output: (u64, u64), level: u32) -> Area {
        // As the output stands over the source: flipped back, then transposed back.
        let back = |is_flipped: bool, from: u64, count: u64, length: u64| match is_flipped {
            true => length - from - count,
            false => from,
        };
        let x = back(self.flipped.0, rect.x, rect.width, output.0);
        let y = back(self.flipped.1, rect.y, rect.height, output.1);
        let ((x, width), (y, height)) = match self.transposed {
            true => ((y, rect.height), (x, rect.width)),
            false => ((x, rect.width), (y, rect.height)),
        };
        let (x, width) = self.scale.0.span(x, width);
        let (y, height) = self.scale.1.span(y, height);
        let [left, top, right, bottom] = self.margin;
        Area {
            level: self.level + level,
            x: x as i64 - left as i64,
            y: y as i64 - top as i64,
            width: width + left + right,
            height: height + top + bottom,
            border: self.border,
        }
    }

    fn check(&self, source: &Image, levels: u32) -> Result<()> {
        source.check_bands(&self.bands)?;
        source.check_level(self.level.saturating_add(levels - 1))?;
        let reach = |scale: Scale| match scale {
            Scale::Shrinks(by) | Scale::Grows(by) => by,
        };
        let reaches = [reach(self.scale.0), reach(self.scale.1)];
        if let Some(by) = reaches.iter().find(|by| !(1..=MAX_REACH).contains(*by)) {
            return Err(Error::range(format!(
                "a scale of {by}; it must be 1 to {MAX_REACH}"
            )));
        }
        match self.margin.iter().find(|margin| **margin > MAX_REACH) {
            Some(margin) => Err(Error::range(format!(
                "a margin of {margin} pixels; at most {MAX_REACH}"
            ))),
            None => Ok(()),
        }
    }
}

/// What is computed of the pixels that the rules name; called from any number of threads.
pub trait Function: Send + Sync {
    /// Writes all bands of the block `at`, which covers `rect` of its level.
    fn compute(
        &self,
        at: Block,
        rect: &Rect,
        inputs: &[Tile],
        output: &mut PixelsMut<'_>,
    ) -> Result<()>;
}

/// A kernel of rules and a function.
struct Placed {
    image: Image,
    rules: Vec<Rule>,
    function: Arc<dyn Function>,
}

impl Placed {
    /// The kernel of an output like `image`; refused where a rule names what its source does not have.
    fn new(
        image: &Image,
        rules: Vec<Rule>,
        sources: &[Arc<dyn Provider>],
        function: Arc<dyn Function>,
    ) -> Result<Self> {
        for (at, rule) in rules.iter().enumerate() {
            let source = sources[rule.source].image();
            rule.check(source, image.levels.len() as u32)
                .map_err(|error| error.at(format!("inputs[{at}]")))?;
        }
        Ok(Self {
            image: image.clone(),
            rules,
            function,
        })
    }
}

impl Kernel for Placed {
    fn inputs(&self, at: Block) -> Inputs {
        let (rect, output) = (at.rect(&self.image), self.image.levels[at.level as usize]);
        let input = |rule: &Rule| {
            let area = rule.area(&rect, output, at.level);
            Input::area(rule.source, rule.bands.clone(), area)
        };
        self.rules.iter().map(input).collect()
    }

    fn compute(&self, at: Block, inputs: &[Tile], output: &mut PixelsMut<'_>) -> Result<()> {
        let rect = at.rect(&self.image);
        self.function.compute(at, &rect, inputs, output)
    }
}

/// The image described by `image`, computed by `function` from the pixels that `rules` name of `sources`; with the
/// mask of the first source, if it is to keep that. See [`super::computed`].
pub fn placed(
    sources: Vec<Arc<dyn Provider>>,
    image: Image,
    name: Option<&str>,
    (rules, function): (Vec<Rule>, Arc<dyn Function>),
    keeps_mask: bool,
    cache: Option<&Cache>,
) -> Result<Arc<dyn Provider>> {
    image.check()?;
    let kernel = Placed::new(&image, rules, &sources, function)?;
    let mut parts = Computed::new(sources, image, name, Work::Kernel(Arc::new(kernel)));
    parts.keeps_mask = keeps_mask;
    parts.build(cache)
}
