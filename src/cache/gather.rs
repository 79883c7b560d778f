//! A tile gathered from the bands of several tiles of one cell: what callers put beside what was loaded.

use crate::error::Result;
use crate::image::Bands;
use crate::layout::{Layout, Shape};
use crate::memory::Canvas;
use crate::tile::Tile;
use std::collections::HashMap;

/// The bands of both, in ascending order; all of them if either has all.
pub fn union(one: &Bands, other: &Bands) -> Bands {
    let (Some(one), Some(other)) = (one.list(), other.list()) else {
        return Bands::ALL;
    };
    let mut list: Vec<u32> = one.iter().chain(other).copied().collect();
    list.sort_unstable();
    list.dedup();
    // The number of bands is not known; whoever knows it brings the list into its usual form.
    Bands::of(&list, u32::MAX)
}

/// The tile with `bands`, each of them from the first of `tiles` that has it, in memory from `allocate`.
/// Every band is in one of them, and all are of one size and type.
pub fn gather(
    bands: &Bands,
    tiles: &[(Tile, Bands)],
    allocate: impl FnOnce(Layout) -> Result<Canvas>,
) -> Result<Tile> {
    let (first, _) = &tiles[0];
    let all = |(tile, has): &(Tile, Bands)| has.list().is_none().then_some(tile.shape().bands);
    let count = tiles.iter().find_map(all).unwrap_or(0);
    let list = bands.to_vec(count as u32);
    let shape = Shape {
        bands: list.len(),
        ..first.shape()
    };
    let mut canvas = allocate(Layout::packed(shape, first.dtype())?)?;
    let mut out = canvas.pixels_mut();
    let mut missing: Vec<(usize, u32)> = list.into_iter().enumerate().collect();
    for (tile, has) in tiles {
        let has = has.to_vec(tile.shape().bands as u32);
        let places: HashMap<u32, usize> = has.into_iter().zip(0..).collect();
        missing.retain(|(to, band)| {
            let Some(from) = places.get(band) else {
                return true;
            };
            for y in 0..shape.height {
                out.row_mut(*to, y).copy_from_slice(tile.row(*from, y));
            }
            false
        });
    }
    let (width, height) = first.valid();
    let tile = Tile::from_canvas(canvas);
    Ok(tile.map(|pixels| pixels.clone().with_valid(width, height)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::DType;
    use crate::memory::Memory;

    /// A tile of one row of two pixels, each band full of one value.
    fn tile(values: &[u8]) -> Tile {
        let shape = Shape {
            width: 2,
            height: 1,
            bands: values.len(),
        };
        let layout = Layout::packed(shape, DType::U8).unwrap();
        let mut canvas = Canvas::new(Memory::zeroed(layout.span()).unwrap(), layout);
        for (band, value) in values.iter().enumerate() {
            canvas.pixels_mut().row_mut(band, 0).fill(*value);
        }
        Tile::from_canvas(canvas)
    }

    #[test]
    fn each_band_comes_from_the_first_that_has_it() {
        let of = |list: &[u32]| Bands::of(list, 4);
        let allocate = |layout: Layout| Ok(Canvas::new(Memory::zeroed(layout.span())?, layout));
        let tiles = [
            (tile(&[11, 13]), of(&[1, 3])),
            (tile(&[0, 1, 2, 3]), Bands::ALL),
        ];
        let values = |bands: &Bands| -> Vec<u8> {
            let tile = gather(bands, &tiles, allocate).unwrap();
            (0..tile.shape().bands)
                .map(|band| tile.row(band, 0)[1])
                .collect()
        };
        assert_eq!(values(&Bands::ALL), [0, 11, 2, 13]);
        assert_eq!(values(&of(&[3, 2])), [13, 2]);
    }

    #[test]
    fn a_union_is_in_order_and_all_where_either_is() {
        let of = |list: &[u32]| Bands::of(list, 9);
        assert_eq!(union(&of(&[4, 1]), &of(&[1, 0])), of(&[0, 1, 4]));
        assert_eq!(union(&of(&[4, 1]), &Bands::ALL), Bands::ALL);
    }
}
