//! An image as a file: an uncompressed TIFF in tiles, with its levels as overviews.

use super::face::Cell;
use super::raster::{NODATA, Raster};

const SHORT: u16 = 3;
const LONG: u16 = 4;
const ASCII: u16 = 2;

/// The file of an image in its first generation; blocks must be as TIFF allows them, with sides that 16
/// divides. Blocks that are not stored are left out.
pub fn file(raster: &Raster) -> Vec<u8> {
    let mut file = b"II*\0".to_vec();
    let mut link = file.len();
    file.extend([0; 4]);
    for level in 0..raster.plan.levels.len() as i32 {
        let places = write_tiles(raster, level, &mut file);
        let start = file.len() as u32;
        file[link..link + 4].copy_from_slice(&start.to_le_bytes());
        link = write_directory(raster, level, &places, &mut file);
    }
    file
}

/// The tiles of a level, filled up to full size: the place and the bytes of each.
fn write_tiles(raster: &Raster, level: i32, file: &mut Vec<u8>) -> Vec<(u32, u32)> {
    let (rows, cols) = raster.grid(level);
    let (width, height) = raster.plan.levels[level as usize].block;
    let bands = raster.plan.bands as usize;
    let mut places = Vec::new();
    for (row, col) in (0..rows).flat_map(|row| (0..cols).map(move |col| (row, col))) {
        let at = Cell { level, row, col };
        if !raster.is_stored(at) {
            places.push((0, 0));
            continue;
        }
        let area = raster.area(at);
        let pixels = raster.pixels(level, area, &raster.all_bands(), 0);
        let start = file.len() as u32;
        for y in 0..height {
            for x in 0..width {
                for band in 0..bands as i64 {
                    let inside = x < area.width && y < area.height;
                    let from = ((band * area.height + y) * area.width + x) as usize;
                    let sample = if inside { pixels[from] } else { !0 };
                    file.extend(sample.to_le_bytes());
                }
            }
        }
        places.push((start, file.len() as u32 - start));
    }
    places
}

/// The directory of a level; where the place of the next one stands.
fn write_directory(
    raster: &Raster,
    level: i32,
    places: &[(u32, u32)],
    file: &mut Vec<u8>,
) -> usize {
    let of = raster.plan.levels[level as usize];
    let bands = raster.plan.bands as usize;
    let longs = |values: &mut dyn Iterator<Item = u32>| values.flat_map(u32::to_le_bytes).collect();
    let shorts = |value: u16| {
        std::iter::repeat_n(value.to_le_bytes(), bands)
            .flatten()
            .collect()
    };
    let long = |value: i64| (LONG, 1, (value as u32).to_le_bytes().to_vec());
    let short = |value: u16| (SHORT, 1, value.to_le_bytes().to_vec());
    type Value = (u16, usize, Vec<u8>);
    let mut tags: Vec<(u16, Value)> = vec![
        (254, long((level > 0).into())),
        (256, long(of.pixels.0)),
        (257, long(of.pixels.1)),
        (258, (SHORT, bands, shorts(32))),
        (259, short(1)),
        (262, short(1)),
        (277, short(bands as u16)),
        (284, short(1)),
        (322, long(of.block.0)),
        (323, long(of.block.1)),
        (
            324,
            (
                LONG,
                places.len(),
                longs(&mut places.iter().map(|place| place.0)),
            ),
        ),
        (
            325,
            (
                LONG,
                places.len(),
                longs(&mut places.iter().map(|place| place.1)),
            ),
        ),
    ];
    if bands > 1 {
        let extra = std::iter::repeat_n(0u16.to_le_bytes(), bands - 1).flatten();
        tags.push((338, (SHORT, bands - 1, extra.collect())));
    }
    tags.push((339, (SHORT, bands, shorts(1))));
    if raster.plan.has_nodata {
        let text = format!("{NODATA}\0").into_bytes();
        tags.push((42113, (ASCII, text.len(), text)));
    }
    let start = file.len();
    let mut behind = start + 2 + 12 * tags.len() + 4;
    let mut values = Vec::new();
    file.extend((tags.len() as u16).to_le_bytes());
    for (tag, (kind, count, value)) in tags {
        file.extend(tag.to_le_bytes());
        file.extend(kind.to_le_bytes());
        file.extend((count as u32).to_le_bytes());
        if value.len() <= 4 {
            file.extend(value.iter().copied().chain([0; 4]).take(4));
        } else {
            file.extend((behind as u32).to_le_bytes());
            behind += value.len();
            values.extend(value);
        }
    }
    let link = file.len();
    file.extend([0; 4]);
    file.extend(values);
    link
}
