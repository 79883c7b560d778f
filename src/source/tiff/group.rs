//! Which directories are overviews and masks of which.

use super::directory::Directory;
use super::layout::Part;
use super::plan::Plan;
use super::tags;
use crate::image::{MAX_LEVELS, is_level};

/// The directories of one image, each with the number of its level.
#[derive(Debug)]
pub struct Group {
    /// The image, and its overviews by their levels.
    pub levels: Vec<(u32, usize)>,
    /// Masks of the levels, from the first on.
    pub masks: Vec<(u32, usize)>,
    /// Overviews in other colours than the image has, for levels that it has not in its own: of use where it is shown as red,
    /// green and blue. As they are no levels of what is stored, they are images of their own too.
    pub shown: Vec<(u32, usize)>,
}

impl Group {
    fn new(base: usize) -> Self {
        Self {
            levels: vec![(0, base)],
            masks: Vec::new(),
            shown: Vec::new(),
        }
    }

    fn base(&self) -> usize {
        self.levels[0].1
    }

    fn has_level(&self, level: u32) -> bool {
        self.levels.iter().any(|(other, _)| *other == level)
    }

    fn shows_level(&self, level: u32) -> bool {
        self.shown.iter().any(|(other, _)| *other == level)
    }
}

/// What a directory says that it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// An image.
    Full,
    /// An overview of one.
    Reduced,
    /// A mask.
    Mask,
}

/// Sorts directories into images, in the order of the file.
///
/// An overview belongs to the nearest image before it that it fits, as the level that its size says. One that
/// fits none, because its type, bands or colours differ or it is no power of two smaller, is an image of its own, and
/// so is a second one of a level.
pub fn sort(parts: &[Part]) -> Vec<Group> {
    let roles: Vec<Role> = parts.iter().map(|part| part.role).collect();
    let is_full = |part: &usize| roles[*part] == Role::Full;
    let mut groups: Vec<Group> = (0..parts.len()).filter(is_full).map(Group::new).collect();
    let mut taken: Vec<bool> = roles.iter().map(|role| *role == Role::Full).collect();
    let owned = owned(parts, &roles, &groups);
    for (group, owned) in groups.iter_mut().zip(&owned) {
        let roles = &roles;
        let of_role = |role| {
            owned
                .iter()
                .copied()
                .filter(move |part| roles[*part] == role)
        };
        let base = &parts[group.base()];
        for part in of_role(Role::Reduced) {
            let free =
                |level: &u32| fits_level(base, &parts[part], *level) && !group.has_level(*level);
            if let Some(level) = (1..MAX_LEVELS as u32).find(free) {
                group.levels.push((level, part));
                taken[part] = true;
            }
        }
        group.levels.sort_unstable();
        for part in of_role(Role::Reduced).filter(|part| !taken[*part]) {
            let is_shown = |level: &u32| is_shown_level(base, &parts[part], *level);
            let free = |level: &u32| {
                is_shown(level) && !group.has_level(*level) && !group.shows_level(*level)
            };
            if let Some(level) = (1..MAX_LEVELS as u32).find(free) {
                group.shown.push((level, part));
            }
        }
        for (level, image) in &group.levels {
            let fits = |part: &usize| !taken[*part] && size(&parts[*part]) == size(&parts[*image]);
            let Some(mask) = of_role(Role::Mask).find(fits) else {
                break;
            };
            taken[mask] = true;
            group.masks.push((*level, mask));
        }
    }
    let alone = (0..parts.len()).filter(|part| !taken[*part]);
    groups.extend(alone.map(Group::new));
    groups.sort_by_key(Group::base);
    groups
}

/// The directories that are overviews of an image of another file, by their levels, and the masks of these; none of them
/// need say what it is. `has_samples` tells which have its bands and samples.
pub fn overviews(parts: &[Part], size: (u64, u64), has_samples: impl Fn(&Plan) -> bool) -> Group {
    let mut group = Group {
        levels: Vec::new(),
        masks: Vec::new(),
        shown: Vec::new(),
    };
    for (at, part) in parts.iter().enumerate() {
        let fits = |plan: &Plan, level| is_level(size, level, plan.size) && has_samples(plan);
        let (Ok(plan), true) = (&part.plan, part.role != Role::Mask) else {
            continue;
        };
        let free = |level: &u32| fits(plan, *level) && !group.has_level(*level);
        if let Some(level) = (1..MAX_LEVELS as u32).find(free) {
            group.levels.push((level, at));
        }
    }
    group.levels.sort_unstable();
    for (level, image) in &group.levels {
        let of_level = |part: &Part| {
            part.role == Role::Mask
                && is_mask(part)
                && self::size(part) == self::size(&parts[*image])
        };
        if let Some(mask) = parts.iter().position(of_level) {
            group.masks.push((*level, mask));
        }
    }
    group
}

/// Whether one size is that of a level below the other.
pub fn is_reduced(size: (u64, u64), reduced: (u64, u64)) -> bool {
    (1..MAX_LEVELS as u32).any(|level| is_level(size, level, reduced))
}

/// What a directory says that it is.
pub fn role(directory: &Directory) -> Role {
    let kind = directory.unsigned(tags::NEW_SUBFILE_TYPE).ok().flatten();
    let old = directory.unsigned(tags::OLD_SUBFILE_TYPE).ok().flatten();
    match (kind, old) {
        (Some(kind), _) if kind & 4 != 0 => Role::Mask,
        (Some(kind), _) if kind & 1 != 0 => Role::Reduced,
        (None, Some(2)) => Role::Reduced,
        (None, None) if directory.is_child => Role::Reduced,
        _ => Role::Full,
    }
}

/// The group of an overview or mask is looked for among so many before it.
const NEAR: usize = 128;

/// For each group the overviews and masks that belong to it: it is the nearest before them that they fit.
fn owned(parts: &[Part], roles: &[Role], groups: &[Group]) -> Vec<Vec<usize>> {
    let owner = |part: usize| {
        let fits = |base: &Part| match roles[part] {
            Role::Full => false,
            Role::Reduced => {
                (1..MAX_LEVELS as u32).any(|level| fits_level(base, &parts[part], level))
            }
            Role::Mask => is_mask(&parts[part]) && fits_size(base, &parts[part]),
        };
        let is_shown = |base: &Part| {
            roles[part] == Role::Reduced
                && (1..MAX_LEVELS as u32).any(|level| is_shown_level(base, &parts[part], level))
        };
        let before = groups.partition_point(|group| group.base() < part);
        let near = before.saturating_sub(NEAR)..before;
        let nearest = |fits: &dyn Fn(&Part) -> bool| {
            let mut near = near.clone().rev();
            near.find(|at| fits(&parts[groups[*at].base()]))
        };
        nearest(&fits).or_else(|| nearest(&is_shown))
    };
    let mut owned = vec![Vec::new(); groups.len()];
    for part in 0..parts.len() {
        if let Some(group) = owner(part) {
            owned[group].push(part);
        }
    }
    owned
}

fn size(part: &Part) -> Option<(u64, u64)> {
    part.plan.as_ref().ok().map(|plan| plan.size)
}

fn fits_level(base: &Part, part: &Part, level: u32) -> bool {
    match (&base.plan, &part.plan) {
        (Ok(base), Ok(plan)) => {
            base.bands == plan.bands
                && base.dtype == plan.dtype
                && !plan.has_other_colours(base)
                && is_level(base.size, level, plan.size)
        }
        _ => false,
    }
}

/// Whether a directory is a level of an image, once both are shown as red, green and blue.
fn is_shown_level(base: &Part, part: &Part, level: u32) -> bool {
    match (&base.plan, &part.plan) {
        (Ok(base), Ok(plan)) => {
            base.is_converted() && plan.rgb.is_some() && is_level(base.size, level, plan.size)
        }
        _ => false,
    }
}

fn fits_size(base: &Part, part: &Part) -> bool {
    match (size(base), size(part)) {
        (Some(base), Some(size)) => (0..MAX_LEVELS as u32).any(|level| is_level(base, level, size)),
        _ => false,
    }
}

/// Whether the samples of a directory can be those of a mask.
pub fn is_mask(part: &Part) -> bool {
    part.plan
        .as_ref()
        .is_ok_and(|plan| plan.bands == 1 && matches!(plan.band_bits(0), 1 | 8))
}
