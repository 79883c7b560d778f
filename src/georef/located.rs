//! Located: a georeference beside where the pixels of an image, level by level, stand in that which it was said of.

use super::{Affine, Georef};
use crate::image::is_halved;
use std::sync::Arc;

/// The place of an image on the ground.
#[derive(Clone, Debug, PartialEq)]
pub struct Located {
    georef: Arc<Georef>,
    /// Where the pixels of each level of the image stand in the image of the georeference.
    levels: Vec<Affine>,
}

impl Located {
    /// What is said of an image of these levels.
    pub fn new(georef: Georef, sizes: &[(u64, u64)]) -> Self {
        let full = sizes[0];
        Self {
            georef: Arc::new(georef),
            levels: (0..)
                .zip(sizes)
                .map(|(level, size)| of_level(full, level, *size))
                .collect(),
        }
    }

    /// An image of which each level stands where `level` says in a level of this one: its number, and where its
    /// pixels stand there. `None` if there is no such level here.
    pub fn over(&self, levels: impl IntoIterator<Item = (u32, Affine)>) -> Option<Self> {
        let level =
            |(level, there): (u32, Affine)| Some(self.levels.get(level as usize)?.after(&there));
        let levels = levels.into_iter().map(level).collect::<Option<Vec<_>>>()?;
        Some(Self {
            georef: self.georef.clone(),
            levels,
        })
    }

    /// The image of one level, with so many levels from it on.
    pub fn from_level(&self, level: u32, count: usize) -> Option<Self> {
        self.over((level..).take(count).map(|level| (level, Affine::IDENTITY)))
    }

    /// An image of its own that is level `level` of this one, which has `full` pixels.
    pub fn overview(&self, full: (u64, u64), level: u32, size: (u64, u64)) -> Option<Self> {
        self.over([(0, of_level(full, level, size))])
    }

    /// An image whose levels are images of their own; `None` if they do not all lie in one.
    pub fn joined<'a>(levels: impl IntoIterator<Item = Option<&'a Located>>) -> Option<Self> {
        let images = levels.into_iter().collect::<Option<Vec<_>>>()?;
        let georef = &images.first()?.georef;
        let level = |image: &&Located| {
            let is_same = Arc::ptr_eq(&image.georef, georef);
            image.levels.first().copied().filter(|_| is_same)
        };
        Some(Self {
            georef: georef.clone(),
            levels: images.iter().map(level).collect::<Option<_>>()?,
        })
    }

    /// What it says of a level.
    pub fn level(&self, level: u32) -> Option<Georef> {
        Some(self.georef.through(self.levels.get(level as usize)?))
    }

    /// From pixels of a level to coordinates, if that is said.
    pub fn transform(&self, level: u32) -> Option<Affine> {
        let transform = self.georef.transform?;
        Some(transform.after(self.levels.get(level as usize)?))
    }
}

/// Where the pixels of a level stand in the full image. Halved sides cover twice as many pixels each time, so that
/// the last one of an odd side reaches beyond the image; sides of another size cover those of the full image.
fn of_level(full: (u64, u64), level: u32, size: (u64, u64)) -> Affine {
    let factor = |full: u64, size: u64| match is_halved((full, 1), level, (size, 1)) {
        true => (1u64 << level) as f64,
        false => full as f64 / size as f64,
    };
    Affine::scale(factor(full.0, size.0), factor(full.1, size.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn located(sizes: &[(u64, u64)]) -> Located {
        let transform = Affine([500.0, 0.1, 0.0, 80.0, 0.0, -0.3]);
        let georef = Georef {
            transform: Some(transform),
            ..Georef::default()
        };
        Located::new(georef, sizes)
    }

    #[test]
    fn a_level_has_the_same_place_however_it_is_reached() {
        let sizes = [(101, 67), (51, 34), (25, 17), (12, 9)];
        let all = located(&sizes);
        for level in 0..4u32 {
            let expected = all.transform(level);
            let factor = f64::from(1 << level);
            assert_eq!(
                expected,
                Some(Affine([500.0, 0.1 * factor, 0.0, 80.0, 0.0, -0.3 * factor]))
            );
            for first in 0..=level {
                let count = sizes.len() - first as usize;
                let from = all.from_level(first, count).expect("a level");
                assert_eq!(from.transform(level - first), expected);
            }
            let size = sizes[level as usize];
            let alone = all.overview(sizes[0], level, size).expect("a level");
            assert_eq!(alone.transform(0), expected);
        }
        assert_eq!(all.transform(4), None);
        assert_eq!(all.from_level(2, 3), None);
        let parts: Vec<_> = (0..4).map(|level| all.from_level(level, 1)).collect();
        assert_eq!(
            Located::joined(parts.iter().map(Option::as_ref)),
            Some(all.clone())
        );
        let other = located(&sizes[..1]);
        assert_eq!(Located::joined([Some(&all), Some(&other)]), None);
        assert_eq!(Located::joined([Some(&all), None]), None);
    }

    #[test]
    fn a_level_that_is_not_a_half_covers_the_full_image() {
        let all = located(&[(100, 100), (60, 50)]);
        let transform = all.transform(1).expect("a transform");
        let (x, y) = transform.apply(60.0, 50.0);
        assert!(
            (x - 510.0).abs() < 1e-9 && (y - 50.0).abs() < 1e-9,
            "{x} {y}"
        );
    }
}
