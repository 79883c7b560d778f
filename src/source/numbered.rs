//! Names that are told apart by numbers, as of things of which a file may have many.

/// The least number from `first` on that is free, where numbers are taken in their order; found by steps that grow, so
/// that many names do not take time by the square of their number.
pub fn first_free(first: u32, is_taken: impl Fn(u32) -> bool) -> u32 {
    let mut end = 1;
    while is_taken(first + end - 1) {
        end *= 2;
    }
    let (mut least, mut free) = (end / 2, end - 1);
    while least < free {
        let middle = least.midpoint(free);
        if is_taken(first + middle) {
            least = middle + 1;
        } else {
            free = middle;
        }
    }
    first + free
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn the_next_number_is_found_in_few_steps() {
        for count in (0..200).chain([9_999, 65_536]) {
            let asked = Cell::new(0);
            let free = first_free(2, |number| {
                asked.set(asked.get() + 1);
                number < 2 + count
            });
            assert_eq!(free, 2 + count);
            assert!(asked.get() < 40, "{count}: {}", asked.get());
        }
    }
}
