//! Automatic chains: for each kind of image the right one, resolved, with the reasons, and what is seen through it.

mod kinds;
mod misfits;
#[path = "../support/picture.rs"]
mod picture;

use picture::{Decodes, Picture};
use std::sync::Arc;
use tilecache::chain::{Chain, sample};
use tilecache::image::{Bands, Block, Image};
use tilecache::operator::display;
use tilecache::provider::{Provider, get_block};
use tilecache::stats::Options;

/// An image, how often its blocks are decoded, its automatic chain, and the bands seen through it, row by row.
struct Seen {
    decodes: Decodes,
    chain: Chain,
    bands: Vec<Vec<u8>>,
}

impl Seen {
    fn text(&self) -> &str {
        self.chain.text()
    }

    fn why(&self) -> &str {
        self.chain.why().to_str().unwrap()
    }
}

fn automatic(provider: &Arc<dyn Provider>, options: &Options) -> Chain {
    Chain::automatic(provider, options, &mut |_| true).unwrap()
}

/// A picture in one block, described further by `describe`, through its automatic chain.
fn seen(picture: &Picture, describe: impl FnOnce(&mut Image)) -> Seen {
    seen_with(picture, describe, &sample())
}

fn seen_with(picture: &Picture, describe: impl FnOnce(&mut Image), options: &Options) -> Seen {
    let mut image = picture.image((picture.width, picture.height));
    describe(&mut image);
    let (provider, decodes) = picture.described(image);
    let chain = automatic(&provider, options);
    // Its text says all that it does, and why is one line a decision.
    assert_eq!(Chain::parse(chain.text()).unwrap(), chain);
    assert!(chain.info().is_resolved);
    let why = chain.why().to_str().unwrap();
    assert!(
        why.ends_with('\n') && why.lines().all(|line| line.contains(": ")),
        "{why}"
    );
    let before = decodes.lock().unwrap().clone();
    let shown = display(provider, &chain, None).unwrap();
    let tile = get_block(&*shown, Block::new(0, 0, 0), &Bands::ALL).unwrap();
    let shape = tile.shape();
    let band = |band| {
        (0..shape.height)
            .flat_map(|y| tile.row(band, y).to_vec())
            .collect()
    };
    Seen {
        decodes: Arc::new(before.into()),
        chain: chain.clone(),
        bands: (0..shape.bands).map(band).collect(),
    }
}
