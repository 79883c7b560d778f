//! Memory kept for the next tiles: by size, which it must have exactly to be used again.

use crate::memory::Memory;
use std::collections::VecDeque;

/// Of so many sizes at most; a search among them is short.
const SIZES: usize = 16;

/// Memory that nobody uses.
#[derive(Default)]
pub struct Pool {
    /// The size that was last given or taken comes last.
    sizes: Vec<(usize, VecDeque<Memory>)>,
    bytes: u64,
}

impl Pool {
    /// The bytes of all of it.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Brings a size to the end, where there is memory of it.
    fn touch(&mut self, size: usize) -> Option<&mut VecDeque<Memory>> {
        let at = self.sizes.iter().rposition(|(of, _)| *of == size)?;
        self.sizes[at..].rotate_left(1);
        self.sizes.last_mut().map(|(_, all)| all)
    }

    /// Takes memory in. Returns that of the size that was of no use for longest, where there are too many.
    pub fn put(&mut self, memory: Memory) -> VecDeque<Memory> {
        let size = memory.size();
        self.bytes += size as u64;
        if let Some(all) = self.touch(size) {
            all.push_back(memory);
            return VecDeque::new();
        }
        self.sizes.push((size, VecDeque::from([memory])));
        match self.sizes.len() > SIZES {
            true => {
                let (size, gone) = self.sizes.remove(0);
                self.bytes -= (size * gone.len()) as u64;
                gone
            }
            false => VecDeque::new(),
        }
    }

    /// The latest memory of just this size, which the processor may still have in its caches.
    pub fn take(&mut self, size: usize) -> Option<Memory> {
        let all = self.touch(size)?;
        let taken = all.pop_back();
        if all.is_empty() {
            self.sizes.pop();
        }
        self.bytes -= taken.as_ref().map_or(0, |memory| memory.size() as u64);
        taken
    }

    /// The memory that was of no use for longest.
    pub fn shed(&mut self) -> Option<Memory> {
        let (_, all) = self.sizes.first_mut()?;
        let shed = all.pop_front();
        if all.is_empty() {
            self.sizes.remove(0);
        }
        self.bytes -= shed.as_ref().map_or(0, |memory| memory.size() as u64);
        shed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(units: usize) -> Memory {
        Memory::zeroed(64 * units).expect("memory")
    }

    #[test]
    fn what_was_of_no_use_for_longest_goes_first() {
        let mut pool = Pool::default();
        for units in [1, 2, 1, 3] {
            assert!(pool.put(memory(units)).is_empty());
        }
        assert_eq!(pool.bytes(), 7 * 64);
        assert_eq!(pool.take(2 * 64).map(|it| it.size()), Some(2 * 64));
        assert!(pool.take(2 * 64).is_none() && pool.take(4 * 64).is_none());
        let sizes = std::iter::from_fn(|| pool.shed().map(|it| it.size() / 64));
        assert_eq!(sizes.collect::<Vec<_>>(), [1, 1, 3]);
        assert_eq!(pool.bytes(), 0);
    }

    #[test]
    fn of_too_many_sizes_the_oldest_goes_whole() {
        let mut pool = Pool::default();
        pool.put(memory(1));
        for units in 1..=SIZES {
            assert!(pool.put(memory(units)).is_empty());
        }
        let gone = pool.put(memory(SIZES + 1));
        assert_eq!(gone.iter().map(Memory::size).collect::<Vec<_>>(), [64, 64]);
        let all: usize = (2..=SIZES + 1).sum();
        assert_eq!(pool.bytes(), 64 * all as u64);
    }
}
