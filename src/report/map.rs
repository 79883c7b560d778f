//! Maps: what of an image is in the cache, level by level, each block in its place.

use super::words::{count, escaped};
use crate::cache::{EntryCensus, KeyCensus, KeyImage};
use crate::image::Block;
use hashbrown::HashMap;
use std::fmt::Write;

/// The longer side of the map of the finest level that is drawn, and the shorter side of the smallest one.
const SIDE: f64 = 340.0;
const LEAST: f64 = 14.0;

/// So many rows and columns of a level are drawn; where there are more, several blocks share one.
const MOST: u64 = 80;

/// How many shades there are from what was used last to what was used first.
const SHADES: u64 = 5;

/// How recently entries were used: of all entries of the cache how many were used before, in [`SHADES`] parts.
pub struct Recency {
    stamps: Vec<u64>,
}

impl Recency {
    /// That of all entries of a cache.
    pub fn of<'a>(entries: impl Iterator<Item = &'a EntryCensus>) -> Self {
        let used = entries.filter(|entry| !entry.is_unread);
        let mut stamps: Vec<u64> = used.map(|entry| entry.last_use).collect();
        stamps.sort_unstable();
        Self { stamps }
    }

    /// 0 is the shade of what was used last.
    fn shade(&self, entry: &EntryCensus) -> u64 {
        let before = self.stamps.partition_point(|stamp| *stamp < entry.last_use) as u64;
        let all = self.stamps.len().max(1) as u64;
        (SHADES - 1).saturating_sub(before * SHADES / all)
    }
}

/// What is drawn in one place: one block, or several of a large grid.
#[derive(Clone, Copy, Default)]
struct Place {
    blocks: u64,
    unread: u64,
    held: u64,
    shade: u64,
    asked: u64,
}

/// The maps of a key, those of the levels beside each other.
pub fn maps(key: &KeyCensus, recency: &Recency, asked: &HashMap<Block, u64>) -> String {
    let Some(image) = &key.image else {
        return String::new();
    };
    let mut figures = String::new();
    for (level, grid) in (0..).zip(&image.grids) {
        let entries: Vec<&EntryCensus> = key
            .entries
            .iter()
            .filter(|it| it.at.level == level)
            .collect();
        if !entries.is_empty() {
            figures += &of_level(image, level, *grid, &entries, recency, asked);
        }
    }
    let finest = image.grids.len() as u32;
    let beside = key.entries.iter().filter(|entry| entry.at.level >= finest);
    match beside.count() {
        0 => figures,
        kept => format!(
            "{figures}<p class=\"small\">and {} blocks kept beside the tiles</p>",
            count(kept as u64)
        ),
    }
}

fn of_level(
    image: &KeyImage,
    level: u32,
    (rows, cols): (u64, u64),
    entries: &[&EntryCensus],
    recency: &Recency,
    asked: &HashMap<Block, u64>,
) -> String {
    let share = rows.max(cols).div_ceil(MOST).max(1);
    let mut places: HashMap<(u64, u64), Place> = HashMap::new();
    for entry in entries {
        let place = places
            .entry((entry.at.row / share, entry.at.col / share))
            .or_insert(Place {
                shade: SHADES,
                ..Place::default()
            });
        place.blocks += 1;
        match entry.is_unread {
            true => place.unread += 1,
            false => place.shade = place.shade.min(recency.shade(entry)),
        }
        place.held += u64::from(entry.is_held);
        place.asked += asked.get(&entry.at).copied().unwrap_or(0);
    }
    let (width, height) = image.levels[level as usize];
    // From level to level by the root of two, so that the small ones can be seen.
    let side = SIDE / f64::from(level.min(12)).exp2().sqrt();
    let scale = side / width.max(height).max(1) as f64;
    let (w, h) = (
        (width as f64 * scale).max(LEAST),
        (height as f64 * scale).max(LEAST),
    );
    let (cell_w, cell_h) = (
        w * share as f64 / cols.max(1) as f64,
        h * share as f64 / rows.max(1) as f64,
    );
    let most_asked = places.values().map(|place| place.asked).max().unwrap_or(0);
    let all = rows.saturating_mul(cols);
    let mut svg = format!(
        "<figure><svg width=\"{w:.0}\" height=\"{h:.0}\" viewBox=\"0 0 {w:.1} {h:.1}\" role=\"img\" aria-label=\"level \
         {level}: {} of {all} blocks\"><rect class=\"free\" width=\"{w:.1}\" height=\"{h:.1}\"/>",
        entries.len()
    );
    let mut sorted: Vec<_> = places.into_iter().collect();
    sorted.sort_by_key(|(at, _)| *at);
    for ((row, col), place) in sorted {
        let (x, y) = (col as f64 * cell_w, row as f64 * cell_h);
        let (cw, ch) = (cell_w.min(w - x).max(0.3), cell_h.min(h - y).max(0.3));
        let class = match place.shade {
            SHADES => "unread".to_owned(),
            shade => format!("u{shade}"),
        };
        let held = if place.held > 0 { " held" } else { "" };
        let filled = (place.blocks as f64 / (share * share) as f64).clamp(0.3, 1.0);
        let mut told = match share {
            1 => format!("row {row}, column {col}"),
            share => format!(
                "{} blocks from row {}, column {} on",
                place.blocks,
                row * share,
                col * share
            ),
        };
        for (number, what) in [(place.unread, "unread"), (place.held, "held")] {
            if number > 0 {
                told += &format!(", {what}");
            }
        }
        if place.asked > 0 {
            told += &format!(", asked for {} times", place.asked);
        }
        let _ = write!(
            svg,
            "<rect class=\"{class}{held}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{cw:.1}\" height=\"{ch:.1}\" \
             fill-opacity=\"{filled:.2}\"><title>{}</title></rect>",
            escaped(&told)
        );
        if place.asked > 0 && most_asked > 1 && cw.min(ch) >= 4.0 {
            let radius = 0.32 * cw.min(ch) * (place.asked as f64 / most_asked.max(1) as f64).sqrt();
            let _ = write!(
                svg,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"{radius:.1}\"/>",
                x + cw / 2.0,
                y + ch / 2.0
            );
        }
    }
    let grid = match share {
        1 => String::new(),
        share => format!("; {share} x {share} in one"),
    };
    svg + &format!(
        "</svg><figcaption>level {level}: {} of {} blocks{grid}</figcaption></figure>",
        count(entries.len() as u64),
        count(all)
    )
}
