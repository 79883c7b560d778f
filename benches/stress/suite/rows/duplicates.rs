//! Row 23: one image opened many times is decoded once, and other images never mix with it.

use crate::suite::Run;
use crate::suite::orders::Random;
use crate::suite::report::Report;
use crate::suite::setup::{MIB, cache, column, in_threads, tiles};
use crate::suite::source::Synthetic;
use tilecache::image::Block;
use tilecache::operator::cached;

const TILES: u64 = 256;
const OPENED: usize = 8;

pub fn run(run: &Run, report: &mut Report) {
    let side = run.side(512);
    let cache = cache(3 * TILES * side * side + 16 * MIB);
    let name = format!("twice-{}", run.seed);
    // One image under one name, and as many with no name, of the same form.
    let same = Synthetic::new(column(TILES, (side, side)), run.seed);
    let others: Vec<_> = (1..=2)
        .map(|number| Synthetic::new(column(TILES, (side, side)), run.seed + number))
        .collect();
    let open = |source: &std::sync::Arc<Synthetic>, name: Option<&str>| {
        let below = cached(source.provider(name), &cache).expect("a cached layer");
        tiles(below, side / 2, &cache)
    };
    let views: Vec<_> = (0..OPENED).map(|_| open(&same, Some(&name))).collect();
    let of_others: Vec<_> = others.iter().map(|other| open(other, None)).collect();
    in_threads(OPENED as u64, |thread| {
        let view = &views[thread as usize];
        let grid = view.image().grid(0);
        let mut random = Random::new(run.seed ^ thread);
        let first = random.below(grid.rows());
        for step in 0..grid.rows() * grid.cols() {
            let (row, col) = (
                (first + step / grid.cols()) % grid.rows(),
                step % grid.cols(),
            );
            same.read(&**view, Block::new(0, row, col));
            let other = (thread % 2) as usize;
            others[other].read(&*of_others[other], Block::new(0, row, col));
        }
    });
    report.exactly("decodes of an image opened 8 times", same.decodes(), TILES);
    report.pixels(&same);
    for other in &others {
        report.exactly("decodes of another image", other.decodes(), TILES);
        report.pixels(other);
    }
}
