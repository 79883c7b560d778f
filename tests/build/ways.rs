//! Ways to build the same file.

use crate::random::Random;
use tilecache::build::{Compression, Options, Predictor};
use tilecache::cache::{self, Cache};
use tilecache::dtype::DType;

/// What may make no difference.
#[derive(Debug)]
pub struct Way {
    pub block: (u64, u64),
    pub budget: Option<u64>,
    pub threads: u32,
}

impl Way {
    pub const COMPRESSIONS: [Compression; 4] = [
        Compression::None,
        Compression::Deflate,
        Compression::Zstd,
        Compression::Lzw,
    ];

    pub fn any(random: &mut Random) -> Self {
        let sides = [1u64, 7, 16, 64, 300, 1024];
        Way {
            block: (random.one_of(&sides[1..]), random.one_of(&sides)),
            budget: random.one_of(&[None, Some(0), Some(3000), Some(200_000), Some(1 << 24)]),
            threads: random.one_of(&[0, 1, 2, 5]),
        }
    }

    pub fn cache(&self) -> Option<Cache> {
        let budget = self.budget?;
        Some(Cache::new(budget, cache::Options::default()).unwrap())
    }

    pub fn with(&self, options: Options) -> Options {
        Options {
            threads: self.threads,
            ..options
        }
    }
}

/// Any options for samples of a type.
pub fn options(compression: Compression, dtype: DType, random: &mut Random) -> Options {
    let is_float = matches!(dtype, DType::F32 | DType::F64);
    let predictors = [
        None,
        Some(Predictor::None),
        Some(Predictor::Horizontal),
        Some(Predictor::Float),
    ];
    let possible = match (compression, dtype.is_complex(), is_float) {
        (Compression::None, ..) | (_, true, _) => 2,
        (_, _, false) => 3,
        _ => 4,
    };
    Options {
        compression,
        predictor: random.one_of(&predictors[..possible]),
        tile: (random.one_of(&[16, 32, 64]), random.one_of(&[16, 32, 64])),
        is_unsynced: random.below(8) > 0,
        big: random.one_of(&[None, None, Some(true), Some(false)]),
        ..Options::default()
    }
}
