//! Further passes, which make percentiles exact that are in a bin of several values.

use super::count::Source;
use super::key::Wide;
use super::percentile::{Known, bin_of, rank};
use super::tally::{Tally, for_data};
use super::walk::Look;
use crate::dtype::DType;
use crate::error::{Error, Kind, Result};
use crate::geometry::Rect;
use crate::sync::Mutex;
use crate::tile::Pixels;

/// What the values of all bins that are looked into may take, in bytes, as far as each can have the least.
const MAX_BYTES: usize = 256 << 20;

/// The least and the most values that are kept of a bin, or smaller bins that it is cut into.
const KEPT: (usize, usize) = (64, 1 << 20);

/// Bins whose values are still to be told apart.
pub struct Refinement {
    /// By band, in the order of their values.
    targets: Vec<Mutex<Vec<Target>>>,
    known: Vec<Known>,
}

/// A range of keys that has the values of some ranks.
struct Target {
    keys: (u64, u64),
    /// Values before it, and in it.
    before: u64,
    count: u64,
    ranks: Vec<u64>,
    found: Found,
}

/// What a pass finds in a range of keys.
enum Found {
    /// All values.
    Keys(Vec<u64>),
    /// How many there are in each part of 2^n keys.
    Parts(u32, Vec<u64>),
}

impl Refinement {
    /// What is to be found out for percentiles of some bands.
    pub fn new(tallies: &[Tally], percents: &[f64]) -> Result<Self> {
        let mut targets = Vec::new();
        for tally in tallies {
            let mut of_band: Vec<Target> = Vec::new();
            let mut ranks = Vec::new();
            for percent in percents {
                ranks.push(rank(tally.valid, *percent)?);
            }
            ranks.sort_unstable();
            ranks.dedup();
            for rank in ranks {
                let Some((bin, before)) = bin_of(tally, rank) else {
                    continue;
                };
                match of_band.last_mut() {
                    Some(last) if last.keys == bin.keys => last.ranks.push(rank),
                    _ => of_band.push(Target {
                        keys: bin.keys,
                        before,
                        count: bin.count,
                        ranks: vec![rank],
                        found: Found::Keys(Vec::new()),
                    }),
                }
            }
            targets.push(of_band);
        }
        let mut refinement = Self {
            known: vec![Known::new(); tallies.len()],
            targets: Vec::new(),
        };
        refinement.go_on(targets)?;
        Ok(refinement)
    }

    /// Takes what is still to be told apart, and prepares the next pass.
    fn go_on(&mut self, mut targets: Vec<Vec<Target>>) -> Result<()> {
        for (known, of_band) in self.known.iter_mut().zip(&mut targets) {
            of_band.retain(|target| {
                let is_one = target.keys.0 == target.keys.1;
                let ranks = target.ranks.iter().filter(|_| is_one);
                known.extend(ranks.map(|rank| (*rank, target.keys.0)));
                !is_one
            });
        }
        let all = targets.iter().map(Vec::len).sum::<usize>().max(1);
        let kept = (MAX_BYTES / 8 / all).clamp(KEPT.0, KEPT.1);
        for target in targets.iter_mut().flatten() {
            target.found = Found::of(target.keys, target.count, kept)?;
        }
        self.targets = targets.into_iter().map(Mutex::new).collect();
        Ok(())
    }

    /// Whether another pass is needed.
    pub fn is_open(&self) -> bool {
        self.targets
            .iter()
            .any(|targets| !targets.lock().is_empty())
    }

    /// A look at pixels for one thread.
    pub fn looker<'a>(&'a self, source: &'a Source) -> Refining<'a> {
        Refining {
            refinement: self,
            source,
            found: Vec::new(),
        }
    }

    /// Ends a pass.
    pub fn end_pass(&mut self) -> Result<()> {
        let mut open = Vec::new();
        let targets = std::mem::take(&mut self.targets);
        for (of_band, known) in targets.into_iter().zip(&mut self.known) {
            let mut left = Vec::new();
            for target in of_band.into_inner() {
                target.end(known, &mut left)?;
            }
            open.push(left);
        }
        self.go_on(open)
    }

    /// What was found out of each band.
    pub fn known(self) -> Vec<Known> {
        self.known
    }
}

impl Found {
    fn of((low, high): (u64, u64), count: u64, kept: usize) -> Result<Self> {
        let no_memory = |_| Error::new(Kind::NoMemory, "no memory for the values of percentiles");
        let mut values = Vec::new();
        if count <= kept as u64 {
            values
                .try_reserve_exact(count as usize)
                .map_err(no_memory)?;
            return Ok(Found::Keys(values));
        }
        let mut shift = 0;
        while (high - low) >> shift >= kept as u64 {
            shift += 1;
        }
        let parts = ((high - low) >> shift) as usize + 1;
        values.try_reserve_exact(parts).map_err(no_memory)?;
        values.resize(parts, 0);
        Ok(Found::Parts(shift, values))
    }
}

impl Target {
    fn note(&mut self, key: u64) {
        let low = self.keys.0;
        match &mut self.found {
            // More than there were in the first pass are noticed at the end.
            Found::Keys(keys) if keys.len() as u64 <= self.count => keys.push(key),
            Found::Keys(_) => (),
            Found::Parts(shift, parts) => parts[((key - low) >> *shift) as usize] += 1,
        }
    }

    /// Puts what was found out to the known, and what is still open to the rest.
    fn end(self, known: &mut Known, left: &mut Vec<Target>) -> Result<()> {
        let changed = || Error::new(Kind::Changed, "pixels changed from one pass to the next");
        match self.found {
            Found::Keys(mut keys) => {
                if keys.len() as u64 != self.count {
                    return Err(changed());
                }
                keys.sort_unstable();
                let found = |rank: u64| (rank, keys[(rank - self.before - 1) as usize]);
                known.extend(self.ranks.into_iter().map(found));
            }
            Found::Parts(shift, parts) => {
                let mut before = self.before;
                let mut ranks = self.ranks.into_iter().peekable();
                for (low, count) in (0..).zip(parts).filter(|(_, count)| *count > 0) {
                    let mut here = Vec::new();
                    while let Some(rank) = ranks.next_if(|rank| *rank <= before + count) {
                        here.push(rank);
                    }
                    if !here.is_empty() {
                        let low: u64 = self.keys.0 + (low << shift);
                        left.push(Target {
                            keys: (low, (low + ((1 << shift) - 1)).min(self.keys.1)),
                            before,
                            count,
                            ranks: here,
                            found: Found::Keys(Vec::new()),
                        });
                    }
                    before += count;
                }
                if before != self.before + self.count {
                    return Err(changed());
                }
            }
        }
        Ok(())
    }
}

/// Looks for the values of some bins.
pub struct Refining<'a> {
    refinement: &'a Refinement,
    source: &'a Source,
    /// Keys of a row, and the targets that they are in.
    found: Vec<(usize, u64)>,
}

impl Look for Refining<'_> {
    fn look(&mut self, _rect: &Rect, pixels: &Pixels, mask: Option<&Pixels>) -> Result<()> {
        let (refinement, found) = (self.refinement, &mut self.found);
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        let mut of_ranges = usize::MAX;
        self.source
            .for_rows(pixels, mask, |band, dtype, row, data| {
                let targets = &refinement.targets[band];
                if of_ranges != band {
                    of_ranges = band;
                    ranges.clear();
                    ranges.extend(targets.lock().iter().map(|target| target.keys));
                }
                if ranges.is_empty() {
                    return Ok(());
                }
                found.clear();
                for_keys(dtype, row, data, |key| {
                    let nth = ranges.partition_point(|(_, high)| *high < key);
                    if ranges.get(nth).is_some_and(|(low, _)| *low <= key) {
                        found.push((nth, key));
                    }
                })?;
                let mut targets = targets.lock();
                for (nth, key) in found.iter() {
                    targets[*nth].note(*key);
                }
                Ok(())
            })
    }
}

/// Calls `each` with the keys of the valid samples of a row.
fn for_keys(
    dtype: DType,
    row: &[u8],
    data: Option<&[u8]>,
    mut each: impl FnMut(u64),
) -> Result<()> {
    let mut note = |value: f64| {
        if value.is_finite() {
            each(value.key());
        }
        Ok(())
    };
    match dtype {
        DType::F32 => return for_data(row, data, |value: f32| note(value.into())),
        DType::F64 => return for_data(row, data, note),
        _ => (),
    }
    macro_rules! keys {
        ($t:ty) => {
            for_data(row, data, |value: $t| {
                each(value.key());
                Ok(())
            })
        };
    }
    match dtype {
        DType::U32 => keys!(u32),
        DType::I32 => keys!(i32),
        DType::U64 => keys!(u64),
        DType::I64 => keys!(i64),
        // Narrow values have bins of their own, so nothing is asked for.
        _ => Ok(()),
    }
}
