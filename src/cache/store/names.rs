//! Numbers of things by their names, which stand with the things themselves.

use crate::sync::Hashing;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// What a number takes at most, with a control byte: of seven buckets at least two are used.
pub const NAME_BYTES: usize = (size_of::<u32>() + 1) * 7 / 2;

/// With so few it is not worth while to give memory back.
const FEW: usize = 64;

/// Numbers by names.
#[derive(Default)]
pub struct Names {
    numbers: HashTable<u32>,
    hashing: Hashing,
}

impl Names {
    /// The number of what has a name.
    pub fn find<'a>(&self, name: &str, name_of: impl Fn(u32) -> &'a str) -> Option<u32> {
        let hash = self.hashing.hash_one(name);
        let found = self.numbers.find(hash, |number| name_of(*number) == name);
        found.copied()
    }

    /// Adds the number of what has a name that nothing else has.
    pub fn insert<'a>(&mut self, number: u32, name: &str, name_of: impl Fn(u32) -> &'a str) {
        let Self { numbers, hashing } = self;
        let hash = |number: &u32| hashing.hash_one(name_of(*number));
        numbers.insert_unique(hashing.hash_one(name), number, hash);
    }

    /// Removes a number of something that still has its name.
    pub fn remove<'a>(&mut self, number: u32, name_of: impl Fn(u32) -> &'a str) {
        let Self { numbers, hashing } = self;
        let hash = |number: &u32| hashing.hash_one(name_of(*number));
        if let Ok(known) = numbers.find_entry(hash(&number), |other| *other == number) {
            known.remove();
        }
        if numbers.len().max(FEW) < numbers.capacity() / 3 {
            numbers.shrink_to_fit(hash);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_found_and_memory_goes_with_what_is_removed() {
        const MANY: u32 = 10_000;
        let texts: Vec<_> = (0..MANY).map(|number| format!("name {number}")).collect();
        let name_of = |number: u32| &*texts[number as usize];
        let mut names = Names::default();
        let find = |names: &Names, number| names.find(name_of(number), name_of);
        for number in 0..MANY {
            assert_eq!(find(&names, number), None);
            names.insert(number, name_of(number), name_of);
        }
        assert!((0..MANY).all(|number| find(&names, number) == Some(number)));
        let bytes = names.numbers.allocation_size() / MANY as usize;
        assert!(bytes <= NAME_BYTES, "{bytes} bytes for each");
        for number in (0..MANY).filter(|number| number % 100 > 0) {
            names.remove(number, name_of);
            names.remove(number, name_of);
        }
        let is_kept = |number| find(&names, number) == (number % 100 == 0).then_some(number);
        assert!((0..MANY).all(is_kept));
        let capacity = names.numbers.capacity();
        assert!(capacity <= 4 * 100, "room for {capacity}");
    }
}
