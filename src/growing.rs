//! A list that grows at its end and is read without a lock while it does: what is in it never moves, and stays
//! as long as the list.

use crate::sync::Mutex;
use crate::sync::atomic::{AtomicPtr, Ordering};
use std::marker::PhantomData;
use std::ptr::{NonNull, null_mut, slice_from_raw_parts_mut};

/// In how many segments a list doubles, lest many of its values be ahead of their use.
const PARTS: usize = 4;

/// Segments of a list: enough for 2^24 times `FIRST` values.
const SEGMENTS: usize = 24 * PARTS;

/// A list in segments. `FIRST`, a power of two from [`PARTS`] on, is how many values the first [`PARTS`] of
/// them have together, and each that follow have twice as many.
pub struct Growing<T, const FIRST: usize> {
    segments: [AtomicPtr<T>; SEGMENTS],
    /// Held while a segment is made.
    making: Mutex<()>,
    owns: PhantomData<Box<[T]>>,
}

impl<T, const FIRST: usize> Default for Growing<T, FIRST> {
    fn default() -> Self {
        Self {
            segments: std::array::from_fn(|_| AtomicPtr::new(null_mut())),
            making: Mutex::default(),
            owns: PhantomData,
        }
    }
}

impl<T, const FIRST: usize> Growing<T, FIRST> {
    /// The values of a segment.
    fn len_of(segment: usize) -> usize {
        (FIRST << (segment / PARTS)) / PARTS
    }

    /// The segment of a value, and its place there.
    #[inline(always)]
    fn place(number: u32) -> (usize, usize) {
        let from_start = number as usize + FIRST;
        let doublings = (from_start.ilog2() - FIRST.ilog2()) as usize;
        let len = from_start.ilog2() - PARTS.ilog2();
        let part = (from_start >> len) % PARTS;
        let at = from_start & ((1 << len) - 1);
        (doublings * PARTS + part, at)
    }

    /// A value, if there is a segment with it.
    #[inline(always)]
    pub fn get(&self, number: u32) -> Option<&T> {
        let (segment, at) = Self::place(number);
        let start = NonNull::new(self.segments.get(segment)?.load(Ordering::Acquire))?;
        // SAFETY: the segment has more values than `at`, and stays as long as the list.
        Some(unsafe { start.add(at).as_ref() })
    }
}

impl<T: Default, const FIRST: usize> Growing<T, FIRST> {
    /// A value, which is the default one if it was never asked for.
    pub fn get_or_make(&self, number: u32) -> &T {
        if let Some(value) = self.get(number) {
            return value;
        }
        let (segment, _) = Self::place(number);
        {
            let _making = self.making.lock();
            let start = &self.segments[segment];
            if start.load(Ordering::Relaxed).is_null() {
                let values: Box<[T]> = (0..Self::len_of(segment)).map(|_| T::default()).collect();
                start.store(Box::into_raw(values).cast(), Ordering::Release);
            }
        }
        self.get(number).expect("a segment that was made")
    }
}

impl<T, const FIRST: usize> Drop for Growing<T, FIRST> {
    fn drop(&mut self) {
        for (segment, start) in self.segments.iter().enumerate() {
            let start = start.load(Ordering::Acquire);
            if !start.is_null() {
                let values = slice_from_raw_parts_mut(start, Self::len_of(segment));
                // SAFETY: made of such a box, and read by nothing any more.
                drop(unsafe { Box::from_raw(values) });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn values_stay_where_they_are_while_others_come() {
        let list = Growing::<AtomicUsize, 4>::default();
        assert!(list.get(0).is_none());
        let first = list.get_or_make(0);
        for number in 0..200 {
            list.get_or_make(number)
                .store(number as usize, Ordering::Relaxed);
            list.get_or_make(number / 2);
        }
        assert!(std::ptr::eq(first, list.get(0).unwrap()));
        let value = |number| list.get(number).map(|value| value.load(Ordering::Relaxed));
        assert!((0..200).all(|number| value(number) == Some(number as usize)));
        // Four times 1, 2, 4, 8, 16, and two of 32: 188 so far, and 220 with one more.
        assert_eq!([219, 220, u32::MAX].map(value), [Some(0), None, None]);
    }

    #[test]
    fn a_segment_is_made_once() {
        let list = &Growing::<AtomicUsize, 8>::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for number in 0..300 {
                        list.get_or_make(number).fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        let all = (0..300).map(|number| list.get_or_make(number).load(Ordering::Relaxed));
        assert!(all.into_iter().all(|times| times == 4));
    }
}
