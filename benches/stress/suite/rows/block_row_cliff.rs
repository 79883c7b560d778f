//! Row 14: a wide image in blocks read line by line, with budgets around one row of blocks.

use crate::suite::Run;
use crate::suite::report::{Bytes, Ratio, Report};
use crate::suite::setup::{ENTRY, cache, image, window};
use crate::suite::source::Synthetic;
use tilecache::dtype::DType;
use tilecache::geometry::Rect;
use tilecache::memory::Memory;
use tilecache::operator::cached;

const WIDTH: u64 = 156_335;
const BLOCK: u64 = 128;
const LINES: u64 = 512;
/// What the key of the image is charged.
const KEY: u64 = 1024;

pub fn run(run: &Run, report: &mut Report) {
    let width = run.count(WIDTH);
    let mut in_blocks = image(width, LINES, (BLOCK, BLOCK));
    in_blocks.dtype = DType::I16;
    in_blocks.bits = 16;
    let cols = width.div_ceil(BLOCK);
    let sizes = (0..cols).map(|col| {
        let wide = BLOCK.min(width - col * BLOCK);
        Memory::allocated_size((wide * BLOCK * 2) as usize) as u64
    });
    let pixels: u64 = sizes.sum();
    let enough = pixels + cols * ENTRY + KEY;
    report.note("one row of blocks", Bytes(pixels));
    report.note("the budget that removes the cliff", Bytes(enough));
    for megabytes in 30..=50 {
        let budget = run.count(megabytes * 1_000_000);
        let source = Synthetic::new(in_blocks.clone(), run.seed);
        let cache = cache(budget);
        let view = cached(source.provider(None), &cache).expect("a cached layer");
        for y in 0..LINES {
            let line = window(&view, 0, &Rect::new(0, y, width, 1));
            source.count_verdict(source.shows_row(&line, 0, (0, y), 0, 0));
        }
        let amplification = Ratio(source.decodes() as f64 / source.distinct() as f64);
        let what = format!("budget {}: decodes of a block", Bytes(budget));
        if budget >= enough {
            report.exactly(what, amplification, Ratio(1.0));
        } else {
            let short = (enough - budget) as f64 / enough as f64;
            let best = Ratio(1.0 + (BLOCK - 1) as f64 * short);
            report.note(what, format!("{amplification}, optimum {best}"));
        }
        report.pixels(&source);
    }
}
