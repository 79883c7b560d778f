//! A linked list of small numbers, whose links lie in one table: a number costs eight bytes, and no
//! move allocates.

/// The number that is no number.
const NONE: u32 = u32::MAX;

#[derive(Clone, Copy)]
struct Links {
    before: u32,
    after: u32,
}

/// A list in which every number stands at most once.
pub struct List {
    links: Vec<Links>,
    first: u32,
    last: u32,
}

impl Default for List {
    fn default() -> Self {
        Self {
            links: Vec::new(),
            first: NONE,
            last: NONE,
        }
    }
}

impl List {
    /// The number at the front.
    pub fn first(&self) -> Option<u32> {
        (self.first != NONE).then_some(self.first)
    }

    /// Appends a number that is not in the list.
    pub fn push(&mut self, number: u32) {
        let at = number as usize;
        if self.links.len() <= at {
            if self.links.capacity() <= at {
                self.links.reserve_exact(at + 1 - self.links.len() + at / 8);
            }
            let none = Links {
                before: NONE,
                after: NONE,
            };
            self.links.resize(at + 1, none);
        }
        self.links[at] = Links {
            before: self.last,
            after: NONE,
        };
        match self.last {
            NONE => self.first = number,
            last => self.links[last as usize].after = number,
        }
        self.last = number;
    }

    /// Takes out a number that is in the list.
    pub fn remove(&mut self, number: u32) {
        let Links { before, after } = self.links[number as usize];
        match before {
            NONE => self.first = after,
            before => self.links[before as usize].after = after,
        }
        match after {
            NONE => self.last = before,
            after => self.links[after as usize].before = before,
        }
    }

    /// Moves a number that is in the list to its end.
    pub fn move_to_end(&mut self, number: u32) {
        if self.last != number {
            self.remove(number);
            self.push(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    proptest! {
        #[test]
        fn it_keeps_the_order_of_a_queue(script in prop::collection::vec((0..3u8, 0..20u32), 0..200)) {
            let mut list = List::default();
            let mut model = VecDeque::new();
            for (op, number) in script {
                let known = model.contains(&number);
                match (op, known) {
                    (0, false) => {
                        list.push(number);
                        model.push_back(number);
                    }
                    (1, true) => {
                        list.remove(number);
                        model.retain(|other| *other != number);
                    }
                    (2, true) => {
                        list.move_to_end(number);
                        model.retain(|other| *other != number);
                        model.push_back(number);
                    }
                    _ => (),
                }
                prop_assert_eq!(list.first(), model.front().copied());
            }
            while let Some(first) = list.first() {
                prop_assert_eq!(Some(first), model.pop_front());
                list.remove(first);
            }
            prop_assert!(model.is_empty());
        }
    }
}
