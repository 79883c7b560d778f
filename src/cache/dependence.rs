//! Dependence that keys do not tell: images that others turn out to be computed from.

use super::key::is_named;
use super::lineage::Lineage;
use crate::error::{Error, Kind, Result};
use crate::sync::{ProcessMutex, Still};
use std::collections::BTreeSet;
use std::sync::{Arc, Weak};

/// Taken by whoever links images, so that none comes to depend on itself.
static LINKING: ProcessMutex<()> = ProcessMutex::new(());

/// Keeps images from being linked.
pub fn links_stand_still() -> Box<dyn Still> {
    Box::new(LINKING.lock())
}

/// How many images may be computed one from another.
const MAX_DEPTH: u32 = 128;

/// In how many ways an image may be computed from one that it is linked with.
const MAX_WAYS: u64 = 1 << 20;

/// An image that changes with others, whether its key names them or not.
pub struct Dependent(Arc<Lineage>);

impl Dependent {
    /// The image with this key, computed from those with the other keys. What is kept of it after it is gone
    /// depends on them still.
    pub fn new<S: AsRef<str>>(key: &str, on: impl IntoIterator<Item = S>) -> Result<Self> {
        let image = Self(Lineage::of(key));
        let others = on.into_iter().map(|key| Lineage::of(key.as_ref()));
        image.link(others.collect())?;
        Ok(image)
    }

    /// It is computed from the image with this key too, of which nothing was read so far.
    pub fn add(&self, key: &str) -> Result<()> {
        self.link(vec![Lineage::of(key)])
    }

    fn link(&self, mut others: Vec<Arc<Lineage>>) -> Result<()> {
        let image = &self.0;
        others.sort_by_key(Arc::as_ptr);
        others.dedup_by(|one, other| Arc::ptr_eq(one, other));
        let linked = image.others();
        let known: BTreeSet<_> = image
            .sources
            .iter()
            .chain(linked.iter())
            .map(Arc::as_ptr)
            .filter(|known| others.binary_search_by_key(known, Arc::as_ptr).is_ok())
            .collect();
        others.retain(|other| !known.contains(&Arc::as_ptr(other)));
        if others.is_empty() {
            return Ok(());
        }
        let _linking = LINKING.lock();
        let mut above = Walk::default();
        above.from(image, &computed_from, 0)?;
        for other in &others {
            let mut beneath = Walk {
                avoided: Some(image),
                ways: 0,
            };
            beneath.from(other, &sources_of, 0)?;
            if above.ways.saturating_mul(beneath.ways) > MAX_WAYS {
                return Err(too_many());
            }
        }
        image.set_others(|linked| {
            // What has no name and is gone never changes again.
            let may_change =
                |other: &&Arc<Lineage>| is_named(other.image()) || Arc::strong_count(other) > 1;
            let kept = linked.iter().filter(may_change);
            kept.chain(&others).cloned().collect()
        });
        others.iter().for_each(|other| other.note_computed(image));
        Ok(())
    }
}

/// A walk through all images that one is computed from, or that are computed from it.
#[derive(Default)]
struct Walk<'a> {
    /// What must not be met.
    avoided: Option<&'a Arc<Lineage>>,
    /// How many ways there are.
    ways: u64,
}

impl Walk<'_> {
    fn from(
        &mut self,
        image: &Arc<Lineage>,
        next: &dyn Fn(&Lineage) -> Vec<Arc<Lineage>>,
        depth: u32,
    ) -> Result<()> {
        if self
            .avoided
            .is_some_and(|avoided| Arc::ptr_eq(avoided, image))
        {
            return Err(Error::new(
                Kind::Reentrant,
                "an image would be computed from itself",
            ));
        }
        self.ways += 1;
        if depth > MAX_DEPTH || self.ways > MAX_WAYS {
            return Err(too_many());
        }
        let next_to = next(image);
        next_to
            .iter()
            .try_for_each(|other| self.from(other, next, depth + 1))
    }
}

fn too_many() -> Error {
    Error::limit(format!(
        "more than {MAX_DEPTH} images computed one from another, or one from another in more than {MAX_WAYS} ways"
    ))
}

fn sources_of(image: &Lineage) -> Vec<Arc<Lineage>> {
    let others = image.others();
    image.sources.iter().chain(others.iter()).cloned().collect()
}

fn computed_from(image: &Lineage) -> Vec<Arc<Lineage>> {
    let computed = image.computed.lock();
    computed.iter().filter_map(Weak::upgrade).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::{invalidate, now};

    fn is_current(image: &Dependent, begun: u64) -> bool {
        image.0.is_current(begun)
    }

    #[test]
    fn an_image_changes_with_what_it_is_linked_to_at_any_height() {
        let digest = "compute:mosaic:1:digest:ab()";
        let image = Dependent::new(digest, ["linked:image:0", "other:image:0"]).unwrap();
        let above = Dependent::new("compute:mosaic:1:digest:cd()", [digest]).unwrap();
        for key in ["linked:image:0", "other:image:0"] {
            let begun = now();
            assert!(is_current(&image, begun) && is_current(&above, begun));
            invalidate(key);
            assert!(!is_current(&image, begun) && !is_current(&above, begun));
        }
        let begun = now();
        invalidate("late:image:0");
        assert!(is_current(&above, begun));
        image.add("late:image:0").unwrap();
        image.add("late:image:0").unwrap();
        assert_eq!(image.0.others().len(), 3);
        invalidate("late:image:0");
        assert!(!is_current(&above, begun));
        // A key with the same image names the same lineage.
        assert!(Arc::ptr_eq(
            &image.0,
            &Lineage::of(&format!("{digest}:overview:1"))
        ));
    }

    #[test]
    fn images_without_a_name_are_forgotten_once_they_are_gone() {
        let image = Dependent::new("compute:mosaic:3:digest:ab()", ["a:image:0"]).unwrap();
        let held = Lineage::of(":901:image:0");
        for number in 901..999 {
            image.add(&format!(":{number}:image:0")).unwrap();
        }
        let names = image.0.others();
        let names: Vec<_> = names.iter().map(|other| &**other.image()).collect();
        assert!(names.contains(&"a:image:0") && names.contains(&":901:image:0"));
        assert!(names.len() < 6, "{names:?}");
        drop(held);
    }

    #[test]
    fn no_image_comes_to_depend_on_itself_and_ways_are_bounded() {
        let name = |n: u32| format!("compute:mosaic:2:digest:{n}()");
        let one = Dependent::new(&name(0), [name(1)]).unwrap();
        let two = Dependent::new(&name(1), [name(2)]).unwrap();
        let three = Dependent::new(&name(2), ["leaf:image:0"]).unwrap();
        assert_eq!(three.add(&name(0)).unwrap_err().kind(), Kind::Reentrant);
        assert_eq!(three.add(&name(2)).unwrap_err().kind(), Kind::Reentrant);
        drop((one, two));
        // Each level is computed from the one below in two ways.
        let mut images = Vec::new();
        let refused = (3..100).find_map(|n| {
            let (below, side) = (name(n - 1), format!("compute:x{n}({})", name(n - 1)));
            let image = Dependent::new(&name(n), [below, side]);
            image.map(|image| images.push(image)).err()
        });
        assert_eq!(refused.map(|error| error.kind()), Some(Kind::Limit));
        assert!(images.len() > 10 && images.len() < 30);
    }
}
