//! A fold: the mean of many pixels, which are never there at once.

use super::{Behaviour, read, support, value};
use std::sync::Arc;
use tilecache::cache::{Cache, Options};
use tilecache::dtype::DType;
use tilecache::error::Result;
use tilecache::image::{Bands, Block, Image};
use tilecache::memory::PixelsMut;
use tilecache::operator::{Area, Border, Fold, Folding, Input, Inputs, folded};
use tilecache::provider::Provider;
use tilecache::tile::Pixels;

/// The mean of 64 x 64 pixels, or of those of them inside the image.
struct Mean64(Image);

const FOLDED: u64 = 64;

impl Fold for Mean64 {
    fn inputs(&self, at: Block) -> Inputs {
        let rect = at.rect(&self.0);
        let area = Area {
            level: at.level,
            x: (rect.x * FOLDED) as i64,
            y: (rect.y * FOLDED) as i64,
            width: rect.width * FOLDED,
            height: rect.height * FOLDED,
            border: Border::Pad,
        };
        [Input::area(0, Bands::ALL, area)].into_iter().collect()
    }

    fn begin(&self, at: Block) -> Result<Box<dyn Folding>> {
        let rect = at.rect(&self.0);
        let sums = vec![(0, 0); rect.area() as usize];
        Ok(Box::new(Sums(rect.width, sums)))
    }
}

/// Sums and counts of pixels, in rows of so many.
struct Sums(u64, Vec<(u64, u64)>);

impl Folding for Sums {
    fn add(&mut self, _input: usize, place: (u64, u64), pixels: &Pixels) -> Result<()> {
        for y in 0..pixels.shape().height {
            for (x, value) in pixels.row(0, y).iter().enumerate() {
                let (col, row) = ((place.0 + x as u64) / FOLDED, (place.1 + y as u64) / FOLDED);
                let (sum, count) = &mut self.1[(row * self.0 + col) as usize];
                (*sum, *count) = (*sum + u64::from(*value), *count + 1);
            }
        }
        Ok(())
    }

    fn end(self: Box<Self>, output: &mut PixelsMut<'_>) -> Result<()> {
        for (y, sums) in self.1.chunks(self.0 as usize).enumerate() {
            let means = sums.iter().map(|(sum, count)| (sum / count) as u8);
            output
                .row_mut(0, y)
                .iter_mut()
                .zip(means)
                .for_each(|(to, mean)| *to = mean);
        }
        Ok(())
    }
}

/// Means of an image of 1500 x 1000, and how often its blocks were decoded.
fn means(
    block: (u64, u64),
    own: (u64, u64),
    cache: Option<&Cache>,
) -> (Arc<dyn Provider>, Arc<Behaviour>) {
    let (width, height) = (1500, 1000);
    let mut below = Image::new(width, height, 1, DType::U8);
    below.block = block;
    let mut output = Image::new(
        width.div_ceil(FOLDED),
        height.div_ceil(FOLDED),
        1,
        DType::U8,
    );
    output.block = own;
    let behaviour = Arc::<Behaviour>::default();
    let source = support::source(below, behaviour.clone());
    let fold = Arc::new(Mean64(output.clone()));
    let made = folded(vec![source], output, Some("mean"), fold, cache).unwrap();
    (made, behaviour)
}

#[test]
fn a_fold_never_holds_its_inputs_and_depends_on_no_cut() {
    let mean = |col: u64, row: u64| {
        let (xs, ys) = (col * FOLDED..1500, row * FOLDED..1000);
        let ys = ys.take(FOLDED as usize);
        let pixels: Vec<u64> = ys
            .flat_map(|y| {
                let xs = xs.clone().take(FOLDED as usize);
                xs.map(move |x| value(0, x, y, 0) as u8 as u64)
            })
            .collect();
        (pixels.iter().sum::<u64>() / pixels.len() as u64) as u8
    };
    let expected: Vec<u8> = (0..1000u64.div_ceil(FOLDED))
        .flat_map(|row| (0..1500u64.div_ceil(FOLDED)).map(move |col| (col, row)))
        .map(|(col, row)| mean(col, row))
        .collect();
    for block in [(256, 256), (1500, 1), (100, 1000), (77, 33)] {
        for own in [(64, 64), (5, 7)] {
            for budget in [None, Some(8000), Some(1 << 20)] {
                let cache = budget.map(|budget| {
                    let options = Options {
                        max_in_flight: 1,
                        ..Options::default()
                    };
                    Cache::new(budget, options).unwrap()
                });
                let (made, _) = means(block, own, cache.as_ref());
                for threads in [1, 4] {
                    assert!(
                        read(&made, 0, threads) == expected,
                        "{block:?} {own:?} {budget:?}"
                    );
                }
                // A block of the source and, of the 1.5 MB that go by, what the test holds of the output.
                let most = block.0 * block.1 + 16384;
                let peak = cache.map_or(0, |cache| cache.statistics().peak);
                assert!(
                    peak <= budget.unwrap_or(0) + most,
                    "{peak} {block:?} {own:?}"
                );
            }
        }
    }
    // The whole image in one block of the output decodes each block of the source once.
    let (made, source) = means((256, 256), (64, 64), None);
    read(&made, 0, 1);
    assert_eq!(source.total(), 6 * 4);
}
