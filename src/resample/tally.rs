//! Tally: how often each value is there, of which one is chosen.

use super::Filter;
use super::sample::Sample;
use hashbrown::HashMap;
use std::cmp::Ordering;

/// The values that are there so far.
#[derive(Clone)]
pub struct Tally {
    filter: Filter,
    /// How many there are of a value, by its bits.
    counts: HashMap<u64, Counted>,
    /// The one that is chosen, and for the mode how many there are of it.
    best: Option<Counted>,
}

/// A value as it was met first, and how many are equal to it.
#[derive(Clone, Copy)]
struct Counted {
    bits: u64,
    count: u64,
}

/// The bits of a sample, as those of a whole number.
fn bits_of<T: Sample>(sample: T) -> u64 {
    let mut bytes = [0; 8];
    bytes[..size_of::<T>()].copy_from_slice(bytemuck::bytes_of(&sample));
    u64::from_ne_bytes(bytes)
}

fn sample_of<T: Sample>(bits: u64) -> T {
    bytemuck::pod_read_unaligned(&bits.to_ne_bytes()[..size_of::<T>()])
}

impl Tally {
    /// One without values, for mode, least, greatest or median.
    pub fn new(filter: Filter) -> Self {
        Self {
            filter,
            counts: HashMap::new(),
            best: None,
        }
    }

    /// Takes in a value; those of a pixel come in the order of rows and columns.
    pub fn add<T: Sample>(&mut self, sample: T) {
        let bits = bits_of(sample);
        let is_better = |than: Ordering| {
            self.best
                .is_none_or(|best| sample.order(sample_of(best.bits)) == than)
        };
        match self.filter {
            Filter::Min if !is_better(Ordering::Less) => (),
            Filter::Max if !is_better(Ordering::Greater) => (),
            Filter::Min | Filter::Max => self.best = Some(Counted { bits, count: 1 }),
            Filter::Mode => {
                // Zeros are equal whatever their sign: the first one stands for them.
                let is_zero = sample == T::from_f64(0.0);
                let key = if is_zero { 0 } else { bits };
                let counted = self.count(key, bits);
                if self.best.is_none_or(|best| counted.count > best.count) {
                    self.best = Some(counted);
                }
            }
            _ => {
                self.count(bits, bits);
            }
        }
    }

    fn count(&mut self, key: u64, bits: u64) -> Counted {
        let counted = self.counts.entry(key).or_insert(Counted { bits, count: 0 });
        counted.count += 1;
        *counted
    }

    /// How many values are told apart.
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// The value that is chosen, if there is any: the most frequent one, of several the one that is there so often first;
    /// the least; the greatest; or the middle one, of two the lower.
    pub fn chosen<T: Sample>(&self) -> Option<T> {
        if self.filter != Filter::Median {
            return self.best.map(|best| sample_of(best.bits));
        }
        let mut all: Vec<(T, u64)> = self
            .counts
            .values()
            .map(|counted| (sample_of(counted.bits), counted.count))
            .collect();
        all.sort_unstable_by(|(a, _), (b, _)| a.order(*b));
        let count: u64 = all.iter().map(|(_, count)| count).sum();
        let mut before = count.checked_sub(1)? / 2;
        let middle = all.into_iter().find(|(_, count)| {
            let is_here = before < *count;
            before = before.saturating_sub(*count);
            is_here
        });
        middle.map(|(sample, _)| sample)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<T: Sample>(filter: Filter, data: &[T]) -> Option<T> {
        let mut tally = Tally::new(filter);
        data.iter().for_each(|sample| tally.add(*sample));
        tally.chosen()
    }

    #[test]
    fn one_of_the_values_is_chosen() {
        assert_eq!(of(Filter::Median, &[4, 1, 3, 2]), Some(2));
        assert_eq!(of(Filter::Median, &[3, 1, 2, 1, 1]), Some(1));
        assert_eq!(of::<i32>(Filter::Median, &[]), None);
        assert_eq!(of(Filter::Mode, &[1, 2, 2, 1]), Some(2));
        assert_eq!(of(Filter::Mode, &[1, 2, 1, 2]), Some(1));
        assert_eq!(of(Filter::Mode, &[3i8, -2, 1, 0]), Some(3));
        assert_eq!(of(Filter::Min, &[3, -2, 1]), Some(-2));
        assert_eq!(of(Filter::Max, &[3, -2, 1]), Some(3));
        assert_eq!(of(Filter::Max, &[f32::INFINITY, 2.0]), Some(f32::INFINITY));
        let large = [u64::MAX, u64::MAX - 1, u64::MAX - 1];
        assert_eq!(of(Filter::Mode, &large), Some(u64::MAX - 1));
        let zeros = of(Filter::Mode, &[1.0, -0.0, 0.0f32]).expect("a value");
        assert!(zeros == 0.0 && zeros.is_sign_negative());
    }
}
