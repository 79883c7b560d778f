//! Any text as the names of sources and functions: different names give different keys, whatever is
//! built on them, and forgetting one image forgets all that is built on it and nothing else.

use super::input::Input;
use std::sync::Arc;
use tilecache::cache::{Cache, Options, invalidate};
use tilecache::dtype::DType;
use tilecache::error::Result;
use tilecache::image::{Bands, Block, Image};
use tilecache::memory::PixelsMut;
use tilecache::operator::{RetileOptions, cached, level, retiled};
use tilecache::provider::{Provider, get_block};
use tilecache::source::{Decoder, Source};

struct Zeros;

impl Decoder for Zeros {
    fn read_block(&self, _: Block, bands: &[u32], into: &mut PixelsMut<'_>) -> Result<()> {
        for band in 0..bands.len() {
            for y in 0..into.layout().shape.height {
                into.row_mut(band, y).fill(0);
            }
        }
        Ok(())
    }
}

fn source(name: &str) -> Option<Arc<dyn Provider>> {
    let mut image = Image::new(8, 8, 1, DType::U8);
    image.levels = vec![(8, 8), (4, 4)];
    let source = Source::provider(Some(name), image, Box::new(Zeros));
    assert_eq!(source.is_err(), name.is_empty(), "{name:?}");
    source.ok()
}

fn options(tile: (u64, u64), pad_edges: bool) -> RetileOptions {
    RetileOptions { tile, pad_edges }
}

/// The source and what operators make of it, in the order of `steps`.
fn stack(source: Arc<dyn Provider>, steps: &[u8], cache: &Cache) -> Vec<Arc<dyn Provider>> {
    let mut stack = vec![source];
    for step in steps {
        let top = stack[stack.len() - 1].clone();
        let next = match step % 4 {
            0 => retiled(top, &options((4, 4), false), Some(cache)),
            1 => retiled(top, &options((5, 3), true), Some(cache)),
            2 => cached(top, cache),
            _ if top.image().levels.len() > 1 => level(top, 1),
            _ => Ok(top),
        };
        stack.push(next.expect("an operator"));
    }
    stack
}

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let names = [input.text(40), input.text(40)];
    let steps = [(); 2].map(|()| [(); 3].map(|()| input.byte()));
    let cache = Cache::new(1 << 20, Options::default()).expect("a cache");
    let [Some(a), Some(b)] = names.each_ref().map(|name| source(name)) else {
        return;
    };
    let stacks = [stack(a, &steps[0], &cache), stack(b, &steps[1], &cache)];
    let keys = |stack: &[Arc<dyn Provider>]| -> Vec<String> {
        stack.iter().map(|top| top.key().to_owned()).collect()
    };
    let both = stacks.each_ref().map(|stack| keys(stack));
    if names[0] != names[1] {
        for key in &both[0] {
            assert!(!both[1].contains(key), "{names:?} share the key {key:?}");
        }
    }
    for (stack, keys) in stacks.iter().zip(&both) {
        let root = &keys[0];
        for key in keys {
            assert!(key.starts_with(root.as_str()), "{key:?} over {root:?}");
        }
        for top in stack {
            get_block(&**top, Block::new(0, 0, 0), &Bands::ALL).expect("a block");
        }
    }
    let cached = |keys: &[String]| -> Vec<bool> {
        let find = |key: &String| cache.peek(key, Block::new(0, 0, 0), &Bands::ALL);
        let found = keys.iter().map(|key| find(key).expect("a key").is_some());
        found.collect()
    };
    let before = cached(&both[1]);
    invalidate(&both[0][input.below(both[0].len())]);
    assert!(
        !cached(&both[0]).contains(&true),
        "something of {:?} is left",
        names[0]
    );
    if names[0] != names[1] {
        assert_eq!(cached(&both[1]), before, "{names:?}");
    }
}
