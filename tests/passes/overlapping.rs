//! Statistics of what is computed from blocks that overlap: they declare their order, and displace nothing.

use crate::setup::{BLOCK_CHARGE, Setup, get};
use std::sync::Arc;
use tilecache::cache::{Cache, Options};
use tilecache::error::Result;
use tilecache::image::{Bands, Block, Image};
use tilecache::memory::PixelsMut;
use tilecache::operator::{Area, Border, Input, Inputs, Kernel, ReaderOptions, computed, reader};
use tilecache::provider::Retention;
use tilecache::stats::{self, PixelStats};
use tilecache::tile::Tile;

/// The mean of a pixel and its neighbours to the right and beneath.
struct Mean(Image);

impl Kernel for Mean {
    fn inputs(&self, at: Block) -> Inputs {
        let rect = at.rect(&self.0);
        let area = Area {
            level: 0,
            x: rect.x as i64,
            y: rect.y as i64,
            width: rect.width + 1,
            height: rect.height + 1,
            border: Border::Nearest,
        };
        [Input::area(0, Bands::ALL, area)].into_iter().collect()
    }

    fn compute(&self, _at: Block, inputs: &[Tile], output: &mut PixelsMut<'_>) -> Result<()> {
        for y in 0..output.layout().shape.height {
            let rows = [0, 1].map(|dy| inputs[0].row(0, y + dy));
            for (x, out) in output.row_mut(0, y).iter_mut().enumerate() {
                let sums = rows.map(|row| u32::from(row[x]) + u32::from(row[x + 1]));
                *out = (sums.iter().sum::<u32>() / 4) as u8;
            }
        }
        Ok(())
    }
}

#[test]
fn statistics_of_overlapping_blocks_decode_less_than_a_reader_and_displace_nothing() {
    const SIDE: u64 = 16;
    const HOT: u64 = 8;
    // Beside what others use there is room for half a row of blocks.
    let decodes = |is_declared: bool| {
        let cache = Cache::new((HOT + SIDE / 2) * BLOCK_CHARGE + 4096, Options::default()).unwrap();
        let (client, beneath) = (
            Setup::blocks_in(&cache, HOT),
            Setup::blocks_in(&cache, SIDE),
        );
        (0..HOT).for_each(|col| drop(get(&client.view, Block::new(0, 0, col))));
        let image = beneath.view.image().clone();
        let view = computed(
            vec![beneath.view.clone()],
            image.clone(),
            Some("mean"),
            Arc::new(Mean(image)),
            None,
        )
        .unwrap();
        if is_declared {
            PixelStats::of(view, &stats::Options::default()).unwrap();
        } else {
            let streamed = ReaderOptions {
                retention: Retention::Streamed,
                load: None,
            };
            let view = reader(view, streamed, Default::default());
            for at in beneath.tiles(&tilecache::operator::Order::Rows) {
                tilecache::provider::get_block(&*view, at, &Bands::ALL).unwrap();
            }
        }
        (0..HOT).for_each(|col| drop(get(&client.view, Block::new(0, 0, col))));
        assert_eq!(client.behaviour.total(), HOT);
        beneath.behaviour.total()
    };
    let (declared, streamed) = (decodes(true), decodes(false));
    println!(
        "{declared} decodes of {}, {streamed} by a reader that streams",
        SIDE * SIDE
    );
    assert!(
        declared < streamed,
        "{declared}, {streamed} by a reader that streams"
    );
}
