//! Windows: any rectangle of a level, put together from blocks.

use crate::cache::{AskedOfTiers, Asking, Claims, Scratch, note_request};
use crate::convert::convert_row;
use crate::dtype::{DType, Sample};
use crate::error::{Error, Result};
use crate::geometry::Rect;
use crate::image::{Bands, Block, shape};
use crate::layout::Layout;
use crate::load::nesting;
use crate::memory::Target;
use crate::operator::plane;
use crate::provider::{Provider, Request, check_cancelled};
use crate::tile::{Pixels, Tile};
use std::sync::Arc;

/// A rectangle is asked for as a window where its block is so many times larger.
const WINDOW_FACTOR: u128 = 4;

/// Whether a rectangle is better read by itself than cut out of the blocks over it.
pub(crate) fn prefers_window(provider: &dyn Provider, level: u32, rect: &Rect) -> bool {
    let image = provider.image();
    if !image.windowed || image.in_place {
        return image.in_place;
    }
    let grid = image.grid(level);
    let (rows, cols) = grid.blocks_over(rect);
    let area = |rect: &Rect| u128::from(rect.width) * u128::from(rect.height);
    area(&grid.rect(rows.start, cols.start)) >= area(rect) * WINDOW_FACTOR
}

/// The pixels of a rectangle where they lie in a file that is in memory.
fn view_of(provider: &dyn Provider, level: u32, rect: Rect, bands: &Bands) -> Option<Tile> {
    match provider.image().in_place {
        true => provider.get_view(level, rect, bands),
        false => None,
    }
}

/// Whether any block over a rectangle inside the image is stored.
pub(crate) fn has_any(provider: &dyn Provider, level: u32, rect: &Rect) -> Result<bool> {
    for (row, col) in provider.image().grid(level).cells_over(rect) {
        if provider.has_block(Block::new(level, row, col))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Calls `each` with the blocks over a rectangle, row by row, and the part of the rectangle in each.
fn for_blocks(
    provider: &dyn Provider,
    level: u32,
    rect: &Rect,
    bands: &Bands,
    mut each: impl FnMut(Block, Rect, Rect) -> Result<()>,
) -> Result<()> {
    let grid = provider.image().grid(level);
    let (rows, cols) = grid.blocks_over(rect);
    let places = rows
        .clone()
        .flat_map(|row| cols.clone().map(move |col| (row, col)));
    let mut blocks = places.map(|(row, col)| Block::new(level, row, col));
    Request::new().run(|| provider.announce(&mut blocks, bands));
    let request = Request::new();
    for row in rows {
        let of_row = || {
            cols.clone()
                .map(|col| Block::new(level, row, col))
                .collect()
        };
        let _asked = AskedOfTiers::all(provider, of_row, bands, &request)?;
        for col in cols.clone() {
            let block = grid.rect(row, col);
            // At a high level a block between others may have no pixels.
            if !block.is_empty() {
                each(Block::new(level, row, col), block, block.intersection(rect))?;
            }
        }
    }
    Ok(())
}

/// The part of a block's pixels that covers `part`, where the block begins at the corner of `block`.
pub(crate) fn cut(pixels: &Pixels, block: &Rect, part: &Rect) -> Pixels {
    // A block in memory has sides that fit usize.
    pixels.window(
        (part.x - block.x) as usize,
        (part.y - block.y) as usize,
        part.width as usize,
        part.height as usize,
    )
}

/// The part of one block: read by itself where that is better, else cut out of the block.
fn read_part(
    provider: &dyn Provider,
    at: Block,
    block: &Rect,
    part: &Rect,
    bands: &Bands,
    request: &Request<'_>,
) -> Result<Tile> {
    if prefers_window(provider, at.level, part)
        && let Some(tile) = provider.get_window(at.level, *part, bands, request)?
    {
        return Ok(tile);
    }
    let tile = provider.get_block(at, bands, request)?;
    Ok(tile.map(|pixels| cut(pixels, block, part)))
}

/// The pixels of a rectangle inside the image as a tile: a block itself where it is just that, else
/// a copy.
pub(crate) fn read_tile(
    provider: &Arc<dyn Provider>,
    level: u32,
    rect: Rect,
    bands: &Bands,
    request: &Request<'_>,
) -> Result<Tile> {
    let (provider, level) = plane(provider, level);
    let image = provider.image();
    if let Some(view) = view_of(&*provider, level, rect, bands) {
        return Ok(view);
    }
    if prefers_window(&*provider, level, &rect)
        && let Some(tile) = provider.get_window(level, rect, bands, request)?
    {
        return Ok(tile);
    }
    let grid = image.grid(level);
    let (rows, cols) = grid.blocks_over(&rect);
    if !image.padded && grid.rect(rows.start, cols.start) == rect {
        let block = Block::new(level, rows.start, cols.start);
        return provider.get_block(block, bands, request);
    }
    let shape = shape(rect.width, rect.height, bands.count(image.band_count()))?;
    let is_absent = image.sparse && !request.run(|| has_any(&*provider, level, &rect))?;
    if is_absent {
        let block = Block::new(level, rows.start, cols.start);
        let pad = provider.get_block(block, bands, request)?;
        if shape.width <= pad.shape().width && shape.height <= pad.shape().height {
            let part = pad.window(0, 0, shape.width, shape.height);
            return Ok(Tile::hold(part.with_valid(shape.width, shape.height)));
        }
    }
    let mut canvas = request.canvas(Layout::packed(shape, image.dtype)?)?;
    let mut pixels = canvas.pixels_mut();
    for_parts(&provider, level, &rect, bands, request, |part, tile| {
        let mut into = pixels.window_mut(
            (part.x - rect.x) as usize,
            (part.y - rect.y) as usize,
            part.width as usize,
            part.height as usize,
        );
        tile.copy_to(&mut into);
        Ok(())
    })?;
    let tile = Tile::from_canvas(canvas);
    Ok(match is_absent {
        true => tile.map(|pixels| pixels.clone().as_absent()),
        false => tile,
    })
}

/// Calls `each` with the pixels over a rectangle inside the image, part by part in the same memory: of each
/// block what lies inside.
pub(crate) fn for_parts(
    provider: &Arc<dyn Provider>,
    level: u32,
    rect: &Rect,
    bands: &Bands,
    request: &Request<'_>,
    mut each: impl FnMut(Rect, &Pixels) -> Result<()>,
) -> Result<()> {
    let (provider, level) = plane(provider, level);
    let scratch = Scratch::new(request.cache());
    let request = request.with_memory(&scratch);
    for_blocks(&*provider, level, rect, bands, |at, block, part| {
        let tile = read_part(&*provider, at, &block, &part, bands, &request)?;
        each(part, &tile)?;
        scratch.reclaim(tile);
        Ok(())
    })
}

/// Asks other tiers for the blocks over a rectangle of a level.
pub(crate) fn ask_rect(
    provider: &Arc<dyn Provider>,
    level: u32,
    rect: &Rect,
    bands: &Bands,
    asking: &mut Asking<'_>,
) {
    let (provider, level) = plane(provider, level);
    for (row, col) in provider.image().grid(level).cells_over(rect) {
        provider.ask(Block::new(level, row, col), bands, asking);
    }
}

/// Claims what [`for_parts`] has in flight, or [`read_tile`] beside the tile itself, while one of the blocks over
/// a rectangle is loaded; the first stands for all.
pub(crate) fn claim_rect(
    provider: &Arc<dyn Provider>,
    level: u32,
    rect: Rect,
    bands: &Bands,
    claims: &mut Claims,
) {
    let (provider, level) = plane(provider, level);
    if prefers_window(&*provider, level, &rect) {
        return;
    }
    let (rows, cols) = provider.image().grid(level).blocks_over(&rect);
    let block = Block::new(level, rows.start, cols.start);
    claims.of_sample(|claims| provider.claim(block, bands, claims));
}

/// Copies a rectangle at a level into a caller's memory: `into.shape` pixels from column `x` and row
/// `y` on, which may lie outside the image, where pad is written. One target band for each of
/// `bands`; `None` is opaque alpha.
pub fn read_window(
    provider: &Arc<dyn Provider>,
    x: i64,
    y: i64,
    level: u32,
    bands: &[Option<u32>],
    into: Target,
) -> Result<()> {
    let pad = provider.image().pad;
    read_filled(provider, x, y, level, bands, into, &pad)
}

/// [`read_window`] with another sample than pad outside the image.
pub fn read_filled(
    provider: &Arc<dyn Provider>,
    x: i64,
    y: i64,
    level: u32,
    bands: &[Option<u32>],
    into: Target,
    fill: &Sample,
) -> Result<()> {
    nesting::enter(provider.height(), || {
        copy_window(provider, x, y, level, bands, into, fill)
    })
}

fn copy_window(
    provider: &Arc<dyn Provider>,
    x: i64,
    y: i64,
    level: u32,
    bands: &[Option<u32>],
    mut into: Target,
    fill: &Sample,
) -> Result<()> {
    provider.image().check_level(level)?;
    check_cancelled(&**provider)?;
    let all = provider.image().band_count();
    let mut chosen: Vec<u32> = bands.iter().flatten().copied().collect();
    chosen.sort_unstable();
    chosen.dedup();
    let needed = Bands::of(&chosen, all);
    provider.image().check_bands(&needed)?;
    if bands.len() != into.shape.bands {
        return Err(Error::argument(format!(
            "{} bands chosen for a target of {}",
            bands.len(),
            into.shape.bands
        )));
    }
    let place = |band: u32| Some(chosen.binary_search(&band).ok()? as u32);
    let places: Vec<Option<u32>> = bands.iter().map(|band| place((*band)?)).collect();
    let (provider, level) = plane(provider, level);
    let (width, height) = provider.image().levels[level as usize];
    let inside = overlap(x, into.shape.width, width)
        .zip(overlap(y, into.shape.height, height))
        .map(|((x, width), (y, height))| Rect::new(x, y, width, height));
    let whole = inside.is_some_and(|rect| {
        (rect.width, rect.height) == (into.shape.width as u64, into.shape.height as u64)
    });
    if !whole || chosen.is_empty() {
        let image_type = provider.image().dtype;
        fill_outside(image_type, fill, bands, &mut into);
    }
    let Some(rect) = inside.filter(|rect| !rect.is_empty() && !chosen.is_empty()) else {
        return Ok(());
    };
    let origin = |part: &Rect| ((part.x as i64 - x) as usize, (part.y as i64 - y) as usize);
    let request = Request::new();
    let window = match view_of(&*provider, level, rect, &needed) {
        Some(view) => Some(view),
        None if prefers_window(&*provider, level, &rect) => {
            provider.get_window(level, rect, &needed, &request)?
        }
        None => None,
    };
    if let Some(tile) = window {
        let (x, y) = origin(&rect);
        tile.copy_to_target(
            0,
            0,
            &places,
            into.window(x, y, tile.shape().width, tile.shape().height),
        );
        return Ok(());
    }
    for_parts_beneath(&provider, level, &rect, &needed, &mut |part, pixels| {
        let (x, y) = origin(&part);
        let target = into.window(x, y, part.width as usize, part.height as usize);
        pixels.copy_to_target(0, 0, &places, target);
    })
}

/// Calls `each` with the pixels over a rectangle inside the image, part by part: of each block, or of what is
/// beneath it where that is better.
fn for_parts_beneath(
    provider: &Arc<dyn Provider>,
    level: u32,
    rect: &Rect,
    bands: &Bands,
    each: &mut dyn FnMut(Rect, &Pixels),
) -> Result<()> {
    let grid = provider.image().grid(level);
    let part = |(row, col): (u64, u64)| {
        let part = grid.rect(row, col).intersection(rect);
        let beneath = provider.beneath_part(Block::new(level, row, col), &part, bands);
        (part, beneath)
    };
    let mut parts = grid.cells_over(rect).map(part).peekable();
    let mut whole = Vec::new();
    while let Some((part, _)) = parts.next_if(|(_, beneath)| beneath.is_none()) {
        whole.push(part);
    }
    if parts.peek().is_none() {
        return for_whole_blocks(provider, level, rect, bands, each);
    }
    for part in whole {
        for_whole_blocks(provider, level, &part, bands, each)?;
    }
    for (part, beneath) in parts {
        match beneath {
            Some((source, level)) => for_parts_beneath(&source, level, &part, bands, each)?,
            None => for_whole_blocks(provider, level, &part, bands, each)?,
        }
    }
    Ok(())
}

/// [`for_parts_beneath`] of the blocks alone.
fn for_whole_blocks(
    provider: &Arc<dyn Provider>,
    level: u32,
    rect: &Rect,
    bands: &Bands,
    each: &mut dyn FnMut(Rect, &Pixels),
) -> Result<()> {
    let request = Request::new();
    for_blocks(&**provider, level, rect, bands, |at, block, part| {
        note_request(&**provider, at, bands, &request);
        let tile = read_part(&**provider, at, &block, &part, bands, &request)?;
        each(part, &tile);
        Ok(())
    })
}

/// Where `count` pixels from `start` on lie inside `0..limit`.
fn overlap(start: i64, count: usize, limit: u64) -> Option<(u64, u64)> {
    let begin = i128::from(start).max(0);
    let end = (i128::from(start) + count as i128).min(i128::from(limit));
    (begin < end).then(|| (begin as u64, (end - begin) as u64))
}

/// Writes a sample of this type everywhere, and opaque alpha where that is asked for.
fn fill_outside(dtype: DType, fill: &Sample, bands: &[Option<u32>], into: &mut Target) {
    let size = into.dtype.size();
    let mut sample = vec![0; size];
    convert_row(dtype, fill.bytes(dtype), into.dtype, &mut sample);
    let opaque = crate::convert::opaque(into.dtype);
    for (to, band) in bands.iter().enumerate() {
        let sample = match band {
            Some(_) => &sample[..],
            None => opaque.bytes(into.dtype),
        };
        let row = sample.repeat(into.shape.width);
        (0..into.shape.height).for_each(|y| into.store_row(to, 0, y, &row));
    }
}
