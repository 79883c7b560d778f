//! Luma and chroma of 8 bits without JPEG: units of several luma samples that share their chroma, which become
//! red, green and blue by libtiff's tables, bit by bit.

use super::directory::Directory;
use super::tags;
use crate::error::{Error, Result};
use std::sync::Arc;

/// How samples are packed into units, and what they become.
#[derive(Clone, Debug)]
pub struct Units {
    /// Luma samples of a unit in a row.
    across: usize,
    /// Rows of luma samples in a unit.
    down: usize,
    tables: Arc<Tables>,
}

/// What each value of a sample adds to a colour. Those for green are in parts of 65536.
#[derive(Debug)]
struct Tables {
    luma: [i32; 256],
    red_of_cr: [i32; 256],
    green_of_cr: [i32; 256],
    green_of_cb: [i32; 256],
    blue_of_cb: [i32; 256],
}

/// Half of a unit of the numbers with 16 bits behind the point.
const HALF: i32 = 1 << 15;

impl Units {
    /// Bytes of the tables that are kept.
    pub fn table_bytes(&self) -> usize {
        size_of::<Tables>()
    }

    /// What the tags say, with the given luma samples to a unit.
    pub fn new(directory: &Directory, subsampling: [u64; 2]) -> Result<Self> {
        if subsampling
            .iter()
            .any(|factor| !matches!(factor, 1 | 2 | 4))
        {
            return Err(Error::corrupt(format!(
                "YCbCr subsampled by {subsampling:?}"
            )));
        }
        let numbers = |tag, default: &[f64]| -> Result<Vec<f32>> {
            let said = directory.numbers(tag, default.len() as u64)?;
            let said = said.filter(|said| said.len() == default.len());
            let numbers = said.unwrap_or_else(|| default.to_vec());
            if numbers.iter().any(|number| number.is_nan()) {
                return Err(Error::corrupt(format!("tag {tag}: {numbers:?}")));
            }
            Ok(numbers.iter().map(|number| *number as f32).collect())
        };
        let weights = numbers(tags::YCBCR_COEFFICIENTS, &[0.299, 0.587, 0.114])?;
        if weights[1] == 0.0 {
            return Err(Error::corrupt(format!(
                "YCbCr coefficients {weights:?}, of which green is divided by"
            )));
        }
        let usual = [0.0, 255.0, 128.0, 255.0, 128.0, 255.0];
        let range = numbers(tags::REFERENCE_BLACK_WHITE, &usual)?;
        Ok(Self {
            across: subsampling[0] as usize,
            down: subsampling[1] as usize,
            tables: Arc::new(Tables::new(&weights, &range)),
        })
    }

    /// Bytes of one row of units over so many columns.
    pub fn row_bytes(&self, columns: u64) -> u64 {
        columns.div_ceil(self.across as u64) * self.unit() as u64
    }

    /// Rows of units over so many rows.
    pub fn rows(&self, rows: u64) -> u64 {
        rows.div_ceil(self.down as u64)
    }

    fn unit(&self) -> usize {
        self.across * self.down + 2
    }

    /// Writes channel `picks[i]` of row `y` of a block to `rows[i]`, from column `first` on. `block` has the rows
    /// of units, each of `row_bytes`.
    pub fn store(
        &self,
        block: &[u8],
        row_bytes: usize,
        y: usize,
        first: usize,
        picks: &[usize],
        rows: &mut [&mut [u8]],
    ) {
        let Self { across, down, .. } = *self;
        let units = &block[y / down * row_bytes..][..row_bytes];
        for (channel, out) in picks.iter().zip(rows) {
            for (i, to) in out.iter_mut().enumerate() {
                let x = first + i;
                let unit = &units[x / across * self.unit()..][..self.unit()];
                let luma = unit[y % down * across + x % across];
                let [cb, cr] = [unit[across * down], unit[across * down + 1]];
                *to = self.tables.colour(*channel, luma, cb, cr);
            }
        }
    }

    /// Writes channel `picks[i]` of a row of luma and of chroma that is not subsampled to `rows[i]`.
    pub fn colour(&self, [luma, cb, cr]: [&[u8]; 3], picks: &[usize], rows: &mut [&mut [u8]]) {
        for (channel, out) in picks.iter().zip(rows) {
            let samples = luma.iter().zip(cb).zip(cr);
            for (to, ((luma, cb), cr)) in out.iter_mut().zip(samples) {
                *to = self.tables.colour(*channel, *luma, *cb, *cr);
            }
        }
    }
}

impl Tables {
    fn new(weights: &[f32], range: &[f32]) -> Self {
        let [red, green, blue] = [weights[0], weights[1], weights[2]];
        let fixed = |factor: f32| (f64::from(factor.clamp(0.0, 2.0) * 65536.0) + 0.5) as i32;
        let (of_red, of_blue) = (2.0 - 2.0 * red, 2.0 - 2.0 * blue);
        let factors = [
            fixed(of_red),
            -fixed(red * of_red / green),
            -fixed(blue * of_blue / green),
            fixed(of_blue),
        ];
        // A value between the two that stand for black and white, where white is to be `top`.
        let scaled = |value: i32, black: f32, white: f32, top: f32| {
            let span = if white - black == 0.0 {
                1.0
            } else {
                white - black
            };
            let scaled = value.saturating_sub(black as i32) as f32 * top / span;
            scaled.clamp(-4096.0, 4096.0) as i32
        };
        let table = |of: &dyn Fn(i32) -> i32| std::array::from_fn(|i| of(i as i32));
        let cb = |i: i32| scaled(i - 128, range[2] - 128.0, range[3] - 128.0, 127.0);
        let cr = |i: i32| scaled(i - 128, range[4] - 128.0, range[5] - 128.0, 127.0);
        Self {
            luma: table(&|i| scaled(i, range[0], range[1], 255.0)),
            red_of_cr: table(&|i| (factors[0] * cr(i) + HALF) >> 16),
            green_of_cr: table(&|i| factors[1] * cr(i)),
            green_of_cb: table(&|i| factors[2] * cb(i) + HALF),
            blue_of_cb: table(&|i| (factors[3] * cb(i) + HALF) >> 16),
        }
    }

    fn colour(&self, channel: usize, luma: u8, cb: u8, cr: u8) -> u8 {
        let [luma, cb, cr] = [luma, cb, cr].map(usize::from);
        let chroma = match channel {
            0 => self.red_of_cr[cr],
            1 => (self.green_of_cb[cb] + self.green_of_cr[cr]) >> 16,
            _ => self.blue_of_cb[cb],
        };
        (self.luma[luma] + chroma).clamp(0, 255) as u8
    }
}
