//! Windows of large tiles by their code-blocks, each of which is found and decoded once.
//!
//! What is known of a tile is kept like the indexes of files, what its code-blocks hold in the cache of the request.
//! A tile with code-blocks of both Part 1 and Part 15, or damaged in a way that the packet headers show, is left to the codec.

use super::codestream::{Access, Area, Kept, Needed, Samples, Shape, Tile, is_refusal, read};
use super::header::Header;
use super::helpers::Helpers;
use super::index::Part;
use crate::bytes::Bytes;
use crate::error::{Error, Result};
use crate::image::Image;
use crate::source::hidden::Hidden;
use crate::source::index::{Index, most_at_once};
use crate::sync::Mutex;
use crate::sync::atomic::AtomicU64;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The most that the exponents of the sides of a group may have together, so that one pixel does not cost too many
/// coefficients: more have only components with long code-blocks of different shapes.
const MOST_SIDES: u8 = 16;

/// What is known of the tiles of a codestream.
pub struct ByParts {
    index: Index,
    /// The tiles that are left to the codec.
    refused: Mutex<BTreeSet<u64>>,
    hidden: Image,
}

/// Windows of a tile.
pub struct Windows<'a> {
    /// The tile.
    pub tile: Arc<Tile>,
    /// Its number.
    pub number: u64,
    /// The file.
    pub bytes: &'a dyn Bytes,
    /// Where code-blocks are kept, if anywhere.
    pub hidden: Option<&'a Hidden<'a>>,
    /// The threads that may help.
    pub helpers: &'a Helpers,
}

impl ByParts {
    /// Nothing known yet; `None` where the header tells that the tiles are not for this.
    pub fn new(header: &Header) -> Option<Self> {
        let (shape, columns) = Tile::groups(header).ok()?;
        let side = |exponent: u8| 1u64 << exponent;
        if shape.sides.0 + shape.sides.1 > MOST_SIDES {
            return None;
        }
        let tiles = header.size.x.tiles() * header.size.y.tiles();
        let (width, height) = (side(shape.sides.0), side(shape.sides.1));
        let mut hidden = Image::new(width.checked_mul(columns)?, height * tiles, 1, shape.dtype);
        hidden.block = (width, height);
        hidden.check().ok()?;
        Some(Self {
            index: Index::of_one_opening(),
            refused: Mutex::default(),
            hidden,
        })
    }

    /// The image whose blocks are the groups of code-blocks of all tiles.
    pub fn hidden(&self) -> &Image {
        &self.hidden
    }

    /// What is known of a tile, at least what is needed; `None` if the tile is left to the codec. Of all tiles the same
    /// layers are needed.
    pub fn tile(
        &self,
        bytes: &dyn Bytes,
        header: &Header,
        at: (u64, u64),
        parts: &[Part],
        needed: Needed,
    ) -> Result<Option<Arc<Tile>>> {
        let number = at.1 * header.size.x.tiles() + at.0;
        if self.refused.lock().contains(&number) {
            return Ok(None);
        }
        if let Some(tile) = self.index.found::<Tile>(number)
            && tile.level <= needed.level
        {
            return Ok(Some(tile));
        }
        let most = most_at_once();
        let found = Tile::read(bytes, header, at, parts, needed, most);
        // What is said of a file that changes is said of no file.
        bytes.check_unchanged()?;
        let refuse = || {
            self.refused.lock().insert(number);
            Ok(None)
        };
        match found {
            Ok(tile) if tile.bytes() > most || !self.shape().holds(&tile.shape()) => refuse(),
            Ok(tile) => {
                let tile = Arc::new(tile);
                self.index.keep_found(number, &tile, tile.bytes());
                Ok(Some(tile))
            }
            Err(error) if is_refusal(&error) => refuse(),
            Err(error) => Err(error),
        }
    }

    fn shape(&self) -> Shape {
        Shape::of_image(&self.hidden)
    }

    /// Drops what is known of other bytes.
    pub fn forget(&self) {
        self.index.forget();
        let refused = std::mem::take(&mut *self.refused.lock());
        drop(refused);
    }
}

impl Windows<'_> {
    /// The samples of components in areas of a level, unmixed: one component after the other, with the coefficients
    /// that had to be decoded for it.
    pub fn read(
        &self,
        level: u32,
        wanted: &[(u32, Area)],
        mut with: impl FnMut(usize, &[i32]) -> Result<()>,
    ) -> Result<u64> {
        let access = Access {
            bytes: self.bytes,
            kept: self
                .hidden
                .map(|hidden| Kept::new(hidden, &self.tile, self.number)),
            helpers: self.helpers,
            decoded: AtomicU64::new(0),
        };
        let component = |component: u32, area: &Area| {
            read(&self.tile, component as usize, level, area, &access)
        };
        // Mixed components are told apart together, wherever any of them is wanted.
        let mut mixed: Option<(Area, [Vec<i32>; 3])> = None;
        for (index, (number, area)) in wanted.iter().enumerate() {
            if !self.tile.is_transformed || *number >= 3 {
                let samples = component(*number, area)?;
                with(index, &self.levelled(*number, samples))?;
                continue;
            }
            if mixed.as_ref().is_none_or(|(known, _)| known != area) {
                let all = [
                    component(0, area)?,
                    component(1, area)?,
                    component(2, area)?,
                ];
                let [a, b, c] = unmixed(all)?;
                let planes = [
                    self.levelled(0, a),
                    self.levelled(1, b),
                    self.levelled(2, c),
                ];
                mixed = Some((area.clone(), planes));
            }
            if let Some((_, planes)) = &mixed {
                with(index, &planes[*number as usize])?;
            }
        }
        Ok(access.decoded.into_inner())
    }

    /// Samples of the component within its range.
    fn levelled(&self, component: u32, samples: Samples) -> Vec<i32> {
        let grid = &self.tile.grids[component as usize];
        let half = 1i64 << (grid.bits - 1);
        let (shift, least, most) = match grid.signed {
            true => (0, -half, half - 1),
            false => (half, 0, 2 * half - 1),
        };
        let level = |sample: i64| (sample + shift).clamp(least, most) as i32;
        match samples {
            Samples::Whole(mut samples) => {
                samples
                    .iter_mut()
                    .for_each(|sample| *sample = level(i64::from(*sample)));
                samples
            }
            Samples::Fractions(samples) => samples
                .iter()
                .map(|sample| level(i64::from(sample.round_ties_even() as i32)))
                .collect(),
        }
    }
}

/// The components of which three are mixtures (Annex G).
fn unmixed(mixed: [Samples; 3]) -> Result<[Samples; 3]> {
    match mixed {
        [
            Samples::Whole(mut a),
            Samples::Whole(mut b),
            Samples::Whole(mut c),
        ] => {
            for ((a, b), c) in a.iter_mut().zip(&mut b).zip(&mut c) {
                let green = a.wrapping_sub(b.wrapping_add(*c) >> 2);
                (*a, *b, *c) = (c.wrapping_add(green), green, b.wrapping_add(green));
            }
            Ok([a, b, c].map(Samples::Whole))
        }
        [
            Samples::Fractions(mut a),
            Samples::Fractions(mut b),
            Samples::Fractions(mut c),
        ] => {
            for ((a, b), c) in a.iter_mut().zip(&mut b).zip(&mut c) {
                let red = *a + *c * 1.402;
                let green = *a - *b * 0.34413 - *c * 0.71414;
                (*a, *b, *c) = (red, green, *a + *b * 1.772);
            }
            Ok([a, b, c].map(Samples::Fractions))
        }
        _ => Err(Error::corrupt("components of two wavelets are mixed")),
    }
}
