//! Where the parts of a mosaic lie, and which of them lie over an area: a tree of boxes, so that many parts
//! elsewhere cost nothing.

use crate::geometry::Rect;

/// Boxes in a box.
const FAN: usize = 8;

/// A rectangle that may reach beyond the image, half-open in both axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub left: i64,
    pub top: i64,
    pub right: i64,
    pub bottom: i64,
}

impl Place {
    /// The place of so many columns and rows.
    pub fn new(left: i64, top: i64, (width, height): (u64, u64)) -> Self {
        Self {
            left,
            top,
            right: left.saturating_add_unsigned(width),
            bottom: top.saturating_add_unsigned(height),
        }
    }

    /// What of it lies in a rectangle.
    pub fn within(&self, rect: &Rect) -> Option<Rect> {
        let along = |from: i64, to: i64, first: u64, end: u64| {
            let from = u64::try_from(from).unwrap_or(0).max(first);
            let to = u64::try_from(to).unwrap_or(0).min(end);
            (from < to).then(|| (from, to - from))
        };
        let (x, width) = along(self.left, self.right, rect.x, rect.right())?;
        let (y, height) = along(self.top, self.bottom, rect.y, rect.bottom())?;
        Some(Rect::new(x, y, width, height))
    }

    /// A rectangle inside it, as it counts columns and rows.
    pub fn own(&self, rect: &Rect) -> Rect {
        let along = |at: u64, from: i64| (i128::from(at) - i128::from(from)) as u64;
        Rect {
            x: along(rect.x, self.left),
            y: along(rect.y, self.top),
            ..*rect
        }
    }

    fn meets(&self, other: &Place) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }

    /// The smallest that has both.
    fn with(&self, other: &Place) -> Place {
        Place {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }
}

/// Places by number, found by an area.
pub struct Places {
    /// Those of the parts, then the boxes around each [`FAN`] of them, and so on up to one box.
    boxes: Vec<Vec<Place>>,
    /// The number of each place.
    numbers: Vec<u32>,
}

impl Places {
    /// Of these places with their numbers.
    pub fn new(mut places: Vec<(u32, Place)>) -> Self {
        let around = |all: &[Place]| all.iter().skip(1).fold(all[0], |all, one| all.with(one));
        let all = places.iter().map(|(_, place)| *place);
        if let Some(all) = all.reduce(|all, one| all.with(&one)) {
            places.sort_by_cached_key(|(_, place)| along_curve(place, &all));
        }
        let (numbers, places): (Vec<_>, Vec<_>) = places.into_iter().unzip();
        let mut boxes = vec![places];
        while let Some(below) = boxes.last().filter(|below| below.len() > FAN) {
            boxes.push(below.chunks(FAN).map(around).collect());
        }
        Self { boxes, numbers }
    }

    /// The numbers of the places that meet an area, the highest first.
    pub fn over(&self, area: &Place) -> Vec<u32> {
        let mut found = Vec::new();
        let top = self.boxes.len() - 1;
        let mut left: Vec<_> = (0..self.boxes[top].len()).map(|at| (top, at)).collect();
        while let Some((level, at)) = left.pop() {
            if !self.boxes[level][at].meets(area) {
                continue;
            }
            match level.checked_sub(1) {
                None => found.push(self.numbers[at]),
                Some(below) => {
                    let end = (at * FAN + FAN).min(self.boxes[below].len());
                    left.extend((at * FAN..end).map(|at| (below, at)));
                }
            }
        }
        found.sort_unstable_by(|one, other| other.cmp(one));
        found
    }
}

/// Where the middle of a place lies on a curve through all of them that stays among neighbours: the bits of column
/// and row in turns.
fn along_curve(place: &Place, all: &Place) -> u64 {
    let along = |from: i64, to: i64, first: i64, end: i64| {
        let middle = i128::from(from) + i128::from(to) - 2 * i128::from(first);
        let length = 2 * (i128::from(end) - i128::from(first)).max(1);
        (middle * i128::from(u32::MAX) / length) as u64
    };
    let column = along(place.left, place.right, all.left, all.right);
    let row = along(place.top, place.bottom, all.top, all.bottom);
    (0..32).fold(0, |code, bit| {
        code | (column >> bit & 1) << (2 * bit) | (row >> bit & 1) << (2 * bit + 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn place() -> impl Strategy<Value = Place> {
        let side = || prop_oneof![1..4u64, 1..300u64, Just(1 << 40)];
        (-500..500i64, -500..500i64, side(), side())
            .prop_map(|(left, top, width, height)| Place::new(left, top, (width, height)))
    }

    proptest! {
        #[test]
        fn those_over_an_area_are_found_and_no_others(
            places in prop::collection::vec(place(), 0..200),
            areas in prop::collection::vec(place(), 1..20),
        ) {
            let numbered: Vec<_> = (0..).zip(places.iter().copied()).collect();
            let index = Places::new(numbered.clone());
            for area in areas {
                let met = numbered.iter().rev().filter(|(_, place)| place.meets(&area));
                let met: Vec<u32> = met.map(|(number, _)| *number).collect();
                prop_assert_eq!(index.over(&area), met);
            }
        }
    }

    #[test]
    fn a_place_beyond_the_edge_counts_from_its_own_corner() {
        let place = Place::new(-3, 5, (10, 4));
        let within = place.within(&Rect::new(0, 0, 6, 6)).unwrap();
        assert_eq!(within, Rect::new(0, 5, 6, 1));
        assert_eq!(place.own(&within), Rect::new(3, 0, 6, 1));
        assert_eq!(place.within(&Rect::new(7, 0, 6, 6)), None);
        let far = Place::new(i64::MIN, i64::MIN, (5, 5));
        assert_eq!(far.within(&Rect::new(0, 0, 1, 1)), None);
    }
}
