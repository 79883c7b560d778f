//! Tallies: all that is counted of a band, whatever the order in which its pixels come.

use super::exact::Sums;
use super::key::{BINS, Kind, Wide};
use super::table::{Page, Room, Table};
use crate::dtype::DType;
use crate::error::Result;
use bytemuck::Pod;
use std::sync::Arc;

/// What is counted of a band.
pub struct Tally {
    /// Pixels that were looked at.
    pub seen: u64,
    /// Valid pixels: data, and finite.
    pub valid: u64,
    /// Data that is NaN.
    pub nan: u64,
    /// Data that is infinite.
    pub infinite: u64,
    /// Valid pixels that are 0, where these are in no page.
    zeros: u64,
    /// The keys of the smallest and the largest valid value, of wide types.
    ends: (u64, u64),
    table: Table,
}

impl Tally {
    /// A tally of nothing.
    pub fn new(kind: Kind, room: Arc<Room>) -> Self {
        Self {
            seen: 0,
            valid: 0,
            nan: 0,
            infinite: 0,
            zeros: 0,
            ends: (u64::MAX, 0),
            table: Table::new(kind, room),
        }
    }

    /// How values are counted.
    pub fn kind(&self) -> Kind {
        self.table.kind()
    }

    /// Counts a row of real samples; where `data` is given, those that it says are data by 255.
    pub fn add_row(&mut self, dtype: DType, row: &[u8], data: Option<&[u8]>) -> Result<()> {
        match dtype {
            DType::U8 => self.narrow(row, data, |v: u8| v.into()),
            DType::I8 => self.narrow(row, data, |v: i8| (v as u8 ^ 0x80).into()),
            DType::U16 => self.narrow(row, data, |v: u16| v.into()),
            DType::I16 => self.narrow(row, data, |v: i16| (v as u16 ^ 0x8000).into()),
            DType::U32 => self.wide(row, data, |v: u32| v),
            DType::I32 => self.wide(row, data, |v: i32| v),
            DType::U64 => self.wide(row, data, |v: u64| v),
            DType::I64 => self.wide(row, data, |v: i64| v),
            DType::F32 => self.wide(row, data, |v: f32| f64::from(v)),
            _ => self.wide(row, data, |v: f64| v),
        }
    }

    fn narrow<T: Pod>(
        &mut self,
        row: &[u8],
        data: Option<&[u8]>,
        index: impl Fn(T) -> usize,
    ) -> Result<()> {
        for_data(row, data, |value| {
            let index = index(value);
            self.table.page(false, index / BINS)?.count(index % BINS);
            self.valid += 1;
            Ok(())
        })?;
        self.seen += (row.len() / size_of::<T>()) as u64;
        Ok(())
    }

    fn wide<T: Pod, W: Wide>(
        &mut self,
        row: &[u8],
        data: Option<&[u8]>,
        widen: impl Fn(T) -> W,
    ) -> Result<()> {
        let (mut low, mut high) = self.ends;
        for_data(row, data, |value| {
            let value = widen(value);
            if !value.is_finite() {
                let is_nan = value.is_nan();
                self.nan += u64::from(is_nan);
                self.infinite += u64::from(!is_nan);
                return Ok(());
            }
            let key = value.key();
            (low, high) = (low.min(key), high.max(key));
            match value.binned() {
                Some(binned) => {
                    let page = self.table.page(value.is_negative(), binned.page)?;
                    page.add(binned.bin, binned.magnitude);
                }
                None => self.zeros += 1,
            }
            self.valid += 1;
            Ok(())
        })?;
        self.ends = (low, high);
        self.seen += (row.len() / size_of::<T>()) as u64;
        Ok(())
    }

    /// Adds all that another tally of the same kind counted.
    pub fn merge(&mut self, other: Tally) -> Result<()> {
        self.seen += other.seen;
        self.valid += other.valid;
        self.nan += other.nan;
        self.infinite += other.infinite;
        self.zeros += other.zeros;
        self.ends = (self.ends.0.min(other.ends.0), self.ends.1.max(other.ends.1));
        self.table.merge(other.table)
    }

    /// The keys of the smallest and the largest valid value; `None` without any.
    pub fn ends(&self) -> Option<(u64, u64)> {
        if !self.kind().is_narrow() {
            return (self.valid > 0).then_some(self.ends);
        }
        let first = self.bins().next()?;
        let last = self.bins_backwards().next()?;
        Some((first.keys.0, last.keys.1))
    }

    /// The exact sums over the valid values.
    pub fn sums(&self) -> Sums {
        let kind = self.kind();
        let mut sums = Sums::new(kind.lowest_scale());
        sums.add(false, self.zeros, 0, kind.lowest_scale());
        for (is_negative, nth, page) in self.table.in_order() {
            let Kind::Narrow(first) = kind else {
                let count = page.counts().map(|(_, count)| count).sum();
                let scale = kind.scale(nth);
                sums.add(is_negative, count, page.sum(), scale);
                sums.add_squares(page.squares(), scale);
                continue;
            };
            for (bin, count) in page.counts().filter(|(_, count)| *count > 0) {
                let value = first + (nth * BINS + bin) as i64;
                let magnitude = u128::from(value.unsigned_abs());
                let total = u128::from(count) * magnitude;
                sums.add(value < 0, count, total, 0);
                sums.add_squares((total * magnitude, 0), 0);
            }
        }
        sums
    }

    /// The bins that count anything, in the order of their values.
    pub fn bins(&self) -> impl Iterator<Item = Bin> {
        let (negative, positive) = self.sides();
        let zeros = self.zero_bin();
        negative.chain(zeros).chain(positive)
    }

    fn bins_backwards(&self) -> impl Iterator<Item = Bin> {
        let (negative, positive) = self.sides();
        let zeros = self.zero_bin();
        positive.rev().chain(zeros).chain(negative.rev())
    }

    fn sides(
        &self,
    ) -> (
        impl DoubleEndedIterator<Item = Bin>,
        impl DoubleEndedIterator<Item = Bin>,
    ) {
        let kind = self.kind();
        let bins = move |(is_negative, nth, page): (bool, usize, &Page)| {
            let counts: Vec<_> = match is_negative {
                true => page.counts().rev().collect(),
                false => page.counts().collect(),
            };
            let counts = counts.into_iter().filter(|(_, count)| *count > 0);
            counts.map(move |(bin, count)| Bin {
                keys: kind.keys(is_negative, nth, bin),
                count,
            })
        };
        let pages = || self.table.in_order();
        let negative = pages().filter(|(is_negative, ..)| *is_negative);
        let positive = pages().filter(|(is_negative, ..)| !*is_negative);
        (negative.flat_map(bins), positive.flat_map(bins))
    }

    fn zero_bin(&self) -> Option<Bin> {
        let zero = self.kind().zero();
        let bin = Bin {
            keys: (zero, zero),
            count: self.zeros,
        };
        (bin.count > 0).then_some(bin)
    }

    /// The memory that its table takes, in bytes.
    pub fn bytes(&self) -> u64 {
        self.table.bytes()
    }
}

/// Values that are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bin {
    /// The keys of the first and the last value.
    pub keys: (u64, u64),
    /// How many there are.
    pub count: u64,
}

/// Calls `each` with the samples of a row that are data.
#[inline(always)]
pub fn for_data<T: Pod>(
    row: &[u8],
    data: Option<&[u8]>,
    mut each: impl FnMut(T) -> Result<()>,
) -> Result<()> {
    let samples = row.chunks_exact(size_of::<T>());
    let mut values = samples.map(bytemuck::pod_read_unaligned);
    match data {
        None => values.try_for_each(each),
        Some(data) => {
            let mut both = values.zip(data);
            both.try_for_each(|(value, data)| if *data == 255 { each(value) } else { Ok(()) })
        }
    }
}
