//! Placed: an operator whose inputs follow from the place of its blocks, by stated rules.

use super::input::{Area, Border, Input, Inputs};
use super::kernel::{Computed, Kernel, Work};
use super::level;
use super::mask::known_mask;
use crate::cache::{Cache, compute_key, name_or_number};
use crate::error::{Error, Result};
use crate::geometry::Rect;
use crate::georef::Affine;
use crate::image::{Bands, Block, Image};
use crate::memory::PixelsMut;
use crate::provider::Provider;
use crate::tile::Tile;
use std::collections::VecDeque;
use std::sync::Arc;

/// The largest number of pixels that one pixel stands for along a side, and the largest margin.
pub const MAX_REACH: u64 = 1 << 20;

/// The furthest pixel of a source that a rule may name, so that sums of coordinates never overflow.
const MAX_EXTENT: u64 = 1 << 60;

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

    /// How many pixels of the source, or parts of one, stand for one of the output.
    fn factor(self) -> f64 {
        match self {
            Scale::Shrinks(by) => by as f64,
            Scale::Grows(by) => 1.0 / by as f64,
        }
    }

    /// As it stands in a key: pixels of the source for one of the output, or with a minus sign the reverse.
    fn text(self) -> String {
        match self {
            Scale::Shrinks(by) => by.to_string(),
            Scale::Grows(by) => format!("-{by}"),
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

    /// Where the pixels of a level of the output, which has this size, stand in that of the source.
    pub fn to_source(&self, (width, height): (u64, u64)) -> Affine {
        let back = |is_flipped: bool, length: u64| match is_flipped {
            true => (length as f64, -1.0),
            false => (0.0, 1.0),
        };
        let (x, columns) = back(self.flipped.0, width);
        let (y, rows) = back(self.flipped.1, height);
        let turned = match self.transposed {
            true => Affine([y, 0.0, rows, x, columns, 0.0]),
            false => Affine([x, columns, 0.0, y, 0.0, rows]),
        };
        Affine::scale(self.scale.0.factor(), self.scale.1.factor()).after(&turned)
    }

    /// What a key says of it behind that of the source: all that is not as in the source itself.
    fn text(&self) -> String {
        let mut parts = Vec::new();
        if let Some(list) = self.bands.list() {
            let list: Vec<_> = list.iter().map(u32::to_string).collect();
            parts.push(format!("bands:{}", list.join("+")));
        }
        if self.level > 0 {
            parts.push(format!("level:{}", self.level));
        }
        let turns = [
            (self.transposed, 't'),
            (self.flipped.0, 'x'),
            (self.flipped.1, 'y'),
        ];
        let turns: String = turns
            .iter()
            .filter(|turn| turn.0)
            .map(|turn| turn.1)
            .collect();
        if !turns.is_empty() {
            parts.push(format!("turned:{turns}"));
        }
        if self.scale != UNSCALED {
            let (x, y) = (self.scale.0.text(), self.scale.1.text());
            parts.push(format!("scale:{x}x{y}"));
        }
        if self.margin != [0; 4] {
            let margin = self.margin.map(|pixels| pixels.to_string());
            parts.push(format!("margin:{}", margin.join("+")));
        }
        match self.border {
            Border::Pad => (),
            Border::Nearest => parts.push("border:nearest".into()),
            Border::Mirrored => parts.push("border:mirrored".into()),
        }
        match parts.is_empty() {
            true => String::new(),
            false => format!("[{}]", parts.join(";")),
        }
    }

    /// Refuses a rule that asks for what the source of an output does not have.
    fn check(&self, source: &Image, output: &Image) -> Result<()> {
        source.check_bands(&self.bands)?;
        let levels = output.levels.len() as u32;
        source.check_level(self.level.saturating_add(levels - 1))?;
        let reach = |scale: Scale| match scale {
            Scale::Shrinks(by) | Scale::Grows(by) => by,
        };
        let scales = [self.scale.0, self.scale.1];
        if let Some(scale) = scales
            .iter()
            .find(|it| !(1..=MAX_REACH).contains(&reach(**it)))
        {
            let sign = if matches!(scale, Scale::Grows(_)) {
                "-"
            } else {
                ""
            };
            return Err(Error::range(format!(
                "a scale of {sign}{}; it must be between -{MAX_REACH} and {MAX_REACH}",
                reach(*scale)
            )));
        }
        if let Some(margin) = self.margin.iter().find(|margin| **margin > MAX_REACH) {
            return Err(Error::range(format!(
                "a margin of {margin} pixels; at most {MAX_REACH}"
            )));
        }
        let (width, height) = output.levels[0];
        let (columns, rows) = match self.transposed {
            true => (height, width),
            false => (width, height),
        };
        for (pixels, scale) in [(columns, self.scale.0), (rows, self.scale.1)] {
            if let Scale::Shrinks(by) = scale
                && pixels.saturating_mul(by) > MAX_EXTENT
            {
                return Err(Error::range(format!(
                    "an output of {pixels} pixels along a side, made from {by} for each"
                )));
            }
        }
        (0..levels).try_for_each(|level| self.check_flips(source, output, level))
    }

    /// An image is flipped about its middle, so input and output must be as long there.
    fn check_flips(&self, source: &Image, output: &Image, level: u32) -> Result<()> {
        let has = output.levels[level as usize];
        let whole = self.output_size(source, level).unwrap_or(has);
        let differs = |(is_flipped, has, whole)| is_flipped && has != whole;
        let sides = [
            (self.flipped.0, has.0, whole.0),
            (self.flipped.1, has.1, whole.1),
        ];
        if !sides.into_iter().any(differs) {
            return Ok(());
        }
        Err(Error::argument(format!(
            "flipped, but level {level} of the output has {} x {} pixels, and all of the input makes {} x {}",
            has.0, has.1, whole.0, whole.1
        )))
    }

    /// Whether pixels of a level of the source are in their places in the output.
    fn is_plain(&self) -> bool {
        !self.transposed && self.flipped == (false, false) && self.scale == UNSCALED
    }
}

/// One pixel for one.
const UNSCALED: (Scale, Scale) = (Scale::Shrinks(1), Scale::Shrinks(1));

/// What is computed of the pixels that the rules name; called from any number of threads.
pub trait Function: Send + Sync {
    /// Writes all bands of the block `at`, which covers `rect` of its level; row and column are those among the
    /// level's own blocks.
    fn compute(
        &self,
        at: Block,
        rect: &Rect,
        inputs: &[Tile],
        output: &mut PixelsMut<'_>,
    ) -> Result<()>;
}

/// An operator but for what it computes.
pub struct Placement {
    /// The images that it reads.
    pub sources: Vec<Arc<dyn Provider>>,
    /// What it reads of them.
    pub rules: Vec<Rule>,
    /// What comes out. Each level is made in blocks of the size of those of level 0.
    pub image: Image,
    /// What it is called in the key, which says with the rules which pixels come out; without a name it is told
    /// apart from all others.
    pub name: Option<String>,
    /// Whether the output has the mask of what the first rule names.
    pub keeps_mask: bool,
}

/// A kernel of rules and a function, for one level of the output.
struct Placed {
    level: u32,
    image: Image,
    rules: Arc<[Rule]>,
    function: Arc<dyn Function>,
}

impl Kernel for Placed {
    fn inputs(&self, at: Block) -> Inputs {
        let (rect, output) = (at.rect(&self.image), self.image.levels[at.level as usize]);
        let input = |rule: &Rule| {
            let area = rule.area(&rect, output, self.level + at.level);
            Input::area(rule.source, rule.bands.clone(), area)
        };
        self.rules.iter().map(input).collect()
    }

    fn compute(&self, at: Block, inputs: &[Tile], output: &mut PixelsMut<'_>) -> Result<()> {
        let rect = at.rect(&self.image);
        let told = Block::new(self.level + at.level, at.row, at.col);
        self.function.compute(told, &rect, inputs, output)
    }
}

impl Placement {
    fn check(&self) -> Result<()> {
        self.image.check()?;
        for (at, rule) in self.rules.iter().enumerate() {
            let source = self.sources[rule.source].image();
            let checked = rule.check(source, &self.image);
            checked.map_err(|error| error.at(format!("inputs[{at}]")))?;
        }
        Ok(())
    }

    fn key(&self) -> Result<String> {
        let named = |rule: &Rule| {
            let source = self.sources[rule.source].key();
            format!("{source}{}", rule.text())
        };
        let name = name_or_number(self.name.as_deref());
        compute_key(&name, self.rules.iter().map(named))
    }

    /// The mask of what the first rule names, if it is to be kept and there is one.
    fn mask(&self) -> Result<Option<Arc<dyn Provider>>> {
        let Some(rule) = self.rules.first().filter(|_| self.keeps_mask) else {
            return Ok(None);
        };
        let source = &self.sources[rule.source];
        let (has, size) = (self.image.levels[0], rule.output_size(source.image(), 0));
        if !rule.is_plain() || size != Some(has) {
            return Err(Error::argument(format!(
                "the mask is to be that of inputs[0], which is turned, scaled or not of {} x {} pixels",
                has.0, has.1
            )));
        }
        let mask = known_mask(source)?;
        mask.map(|mask| level(mask, rule.level)).transpose()
    }
}

/// The image that `function` computes from the pixels that the rules name. See [`super::computed`].
pub fn placed(
    placement: Placement,
    function: Arc<dyn Function>,
    cache: Option<&Cache>,
) -> Result<Arc<dyn Provider>> {
    placement.check()?;
    let (key, mask) = (placement.key()?, placement.mask()?);
    let rules: Arc<[Rule]> = placement.rules.into();
    let computed = |of: u32, above: Vec<Option<Arc<dyn Provider>>>| {
        let mut image = placement.image.clone();
        image.levels = placement.image.levels_from(of);
        let located = placement.image.georef.as_ref();
        image.georef = located.and_then(|all| all.from_level(of, image.levels.len()));
        let kernel = Placed {
            level: of,
            image: image.clone(),
            rules: rules.clone(),
            function: function.clone(),
        };
        let of_level = |mask: &Arc<dyn Provider>| level(mask.clone(), of).ok();
        let parts = Computed {
            sources: placement.sources.clone(),
            work: Work::Kernel(Arc::new(kernel)),
            level: 0,
            key: match of {
                0 => key.clone(),
                of => format!("{key}:of_level:{of}"),
            },
            image,
            mask: mask.as_ref().and_then(of_level),
            above,
        };
        parts.build(cache)
    };
    // From the top down, so that the image of a level has those of the levels above it.
    let mut above = VecDeque::new();
    for of in (1..placement.image.levels.len() as u32).rev() {
        let levels = placement.image.levels_from(of).len();
        let made = computed(of, above.iter().take(levels - 1).cloned().collect())?;
        above.push_front(Some(made));
    }
    computed(0, above.into())
}
