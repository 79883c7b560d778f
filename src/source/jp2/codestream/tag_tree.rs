//! Tag trees (B.10.2): numbers of a grid, told by the least of ever larger parts of it.

use crate::error::Result;

/// A number that is not known.
const UNKNOWN: u32 = u32::MAX;

#[derive(Clone, Copy)]
struct Node {
    /// The number, once it is known.
    value: u32,
    /// It is known to be at least this.
    low: u32,
    parent: u32,
}

/// The tree of a grid.
pub struct TagTree {
    nodes: Vec<Node>,
}

impl TagTree {
    /// A tree of a grid of so many columns and rows, at least one each.
    pub fn new(columns: usize, rows: usize) -> Self {
        let mut nodes = Vec::new();
        let (mut columns, mut rows) = (columns, rows);
        loop {
            let (begin, half) = (nodes.len(), columns.div_ceil(2));
            let is_root = columns * rows == 1;
            let above = begin + columns * rows;
            for row in 0..rows {
                for column in 0..columns {
                    let parent = match is_root {
                        true => begin,
                        false => above + row / 2 * half + column / 2,
                    };
                    nodes.push(Node {
                        value: UNKNOWN,
                        low: 0,
                        parent: parent as u32,
                    });
                }
            }
            if is_root {
                return Self { nodes };
            }
            (columns, rows) = (half, rows.div_ceil(2));
        }
    }

    /// The number of a leaf if it is less than `threshold`; reads what is needed to tell.
    pub fn below(
        &mut self,
        leaf: usize,
        threshold: u32,
        mut bit: impl FnMut() -> Result<bool>,
    ) -> Result<Option<u32>> {
        // A grid has at most 2^32 cells.
        let (mut path, mut depth, mut at) = ([0; 33], 0, leaf);
        loop {
            let node = &self.nodes[at];
            if node.value == UNKNOWN && node.low >= threshold {
                // So is all beneath it, for which nothing has to be read.
                return Ok(None);
            }
            path[depth] = at;
            let parent = self.nodes[at].parent as usize;
            if parent == at {
                break;
            }
            (at, depth) = (parent, depth + 1);
        }
        let mut low = 0;
        for at in path[..=depth].iter().rev() {
            let node = &mut self.nodes[*at];
            node.low = node.low.max(low);
            while node.low < threshold && node.value == UNKNOWN {
                match bit()? {
                    true => node.value = node.low,
                    false => node.low += 1,
                }
            }
            low = node.low;
        }
        let value = self.nodes[leaf].value;
        Ok((value < threshold).then_some(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of B.10.2: 1 3 2 / 2 2 1 in a grid of 6 x 3, of which the first three of a row are told.
    #[test]
    fn the_example_of_the_standard() {
        let bits = [0, 1, 1, 1, 1, 0, 0, 1, 1, 0, 1];
        let mut bits = bits.iter().map(|bit| *bit == 1);
        let mut tree = TagTree::new(6, 3);
        for (leaf, value) in [(0, 1), (1, 3), (2, 2)] {
            let bit = || Ok(bits.next().expect("a bit"));
            assert_eq!(tree.below(leaf, 7, bit).expect("bits"), Some(value));
        }
        assert_eq!(bits.next(), None);
    }
}
