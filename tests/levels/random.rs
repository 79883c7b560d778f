//! Pictures drawn at random, the same in every run.

use crate::picture::{Picture, Value};
use tilecache::dtype::DType;

/// Numbers that follow from a seed.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 11) % n
    }

    pub fn one_of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len() as u64) as usize]
    }

    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for at in (1..list.len()).rev() {
            list.swap(at, self.below(at as u64 + 1) as usize);
        }
    }
}

/// What tells which pixels are data.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Validity {
    All,
    Nodata,
    NanNodata,
    Mask,
    Alpha,
    Everything,
}

impl Validity {
    pub const ALL: [Validity; 6] = [
        Validity::All,
        Validity::Nodata,
        Validity::NanNodata,
        Validity::Mask,
        Validity::Alpha,
        Validity::Everything,
    ];

    fn has(self, of: Validity) -> bool {
        self == of || self == Validity::Everything
    }
}

/// Few values or many, extreme ones among them.
fn value(picture: &Picture, look: u64, random: &mut Random) -> Value {
    let bits = u32::min(picture.dtype.part().size() as u32 * 8, picture.bits);
    let is_signed = matches!(
        picture.dtype.part(),
        DType::I8 | DType::I16 | DType::I32 | DType::I64
    );
    let base = if is_signed { -(1i128 << (bits - 1)) } else { 0 };
    let most = base + (1i128 << bits) - 1;
    let whole = match (look, random.below(8)) {
        (0, _) => base.max(-2) + i128::from(random.below(4)),
        (1, 0) => base,
        (1, 1) => most,
        (1, 2) => most - 1,
        _ => base + (i128::from(random.next()) & ((1 << bits) - 1)),
    };
    if !picture.is_float() {
        return Value::I(whole);
    }
    let float = match (look, random.below(20)) {
        (0, _) => random.below(3) as f64,
        (1, 0) => f64::NAN,
        (1, 1) => f64::INFINITY,
        (1, 2) => f64::NEG_INFINITY,
        (1, 3) => -0.0,
        (1, 4) => 3e38,
        (1, 5) => 1e-40,
        _ => (random.next() >> 11) as f64 / 1e9 - 4e6,
    };
    match picture.dtype.part() {
        DType::F32 => Value::F(f64::from(float as f32)),
        _ => Value::F(float),
    }
}

/// A picture with this much of what may go wrong.
pub fn picture(
    dtype: DType,
    size: (i64, i64),
    bands: usize,
    validity: Validity,
    random: &mut Random,
) -> Picture {
    let mut picture = Picture::new(dtype, size.0, size.1, bands);
    let look = random.below(3);
    let pixels = (size.0 * size.1) as usize;
    for band in 0..bands {
        for at in 0..pixels {
            picture.bands[band][at] = [0; 2].map(|_: i32| value(&picture, look, random));
        }
    }
    // Whole areas without data, and single pixels.
    let holes = |random: &mut Random| -> Vec<usize> {
        let (x, y) = (random.below(size.0 as u64), random.below(size.1 as u64));
        let single = (0..pixels as u64 / 9 + 1).map(|_| random.below(pixels as u64) as usize);
        let mut all: Vec<usize> = single.collect();
        let inside = |at: &usize| {
            let (column, row) = (*at as u64 % size.0 as u64, *at as u64 / size.0 as u64);
            (x..x + 9).contains(&column) && (y..y + 9).contains(&row)
        };
        all.extend((0..pixels).filter(inside));
        all
    };
    let is_nan = validity == Validity::NanNodata && picture.is_float();
    if is_nan || validity.has(Validity::Nodata) || validity == Validity::NanNodata {
        for band in 0..bands {
            let nodata = match is_nan {
                true => [Value::F(f64::NAN); 2],
                false => [0; 2].map(|_: i32| value(&picture, look, random)),
            };
            picture.nodata[band] = Some(nodata);
            for at in holes(random) {
                picture.bands[band][at] = nodata;
            }
        }
    }
    if validity.has(Validity::Mask) {
        let mut mask = vec![true; pixels];
        holes(random).into_iter().for_each(|at| mask[at] = false);
        picture.mask = Some(mask);
    }
    if validity.has(Validity::Alpha) && bands > 1 && !dtype.is_complex() {
        let alpha = random.below(bands as u64) as usize;
        picture.alpha = Some(alpha);
        let zero = picture.zero();
        if random.below(2) == 0 {
            let full = picture.whole(100);
            picture.bands[alpha].fill([full; 2]);
        }
        for at in holes(random) {
            picture.bands[alpha][at] = [zero; 2];
        }
    }
    if random.below(3) == 0 {
        picture.pad = [0; 2].map(|_: i32| value(&picture, 0, random));
    }
    picture
}
