//! Which directories are overviews and masks of which.

use super::{Part, tags};
use crate::image::{MAX_LEVELS, is_level};

/// The directories of one image.
#[derive(Debug)]
pub struct Group {
    /// One for each resolution level.
    pub levels: Vec<usize>,
    /// Masks of the levels, from the first on.
    pub masks: Vec<usize>,
}

/// What a directory says that it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Full,
    Reduced,
    Mask,
}

/// Sorts directories into images, in the order of the file.
///
/// An overview belongs to the nearest image before it that it fits; one that fits none, because its
/// size, type or bands differ or a level below it is missing, is an image of its own.
pub fn sort(parts: &[Part]) -> Vec<Group> {
    let roles: Vec<Role> = parts.iter().map(role).collect();
    let mut groups: Vec<Group> = Vec::new();
    let mut taken = vec![false; parts.len()];
    for (base, _) in roles
        .iter()
        .enumerate()
        .filter(|(_, role)| **role == Role::Full)
    {
        groups.push(Group {
            levels: vec![base],
            masks: Vec::new(),
        });
        taken[base] = true;
    }
    let owners = owners(parts, &roles, &groups);
    for (at, group) in groups.iter_mut().enumerate() {
        let owned: Vec<usize> = (0..parts.len())
            .filter(|part| owners[*part] == Some(at))
            .collect();
        let mut take = |fits: &dyn Fn(usize) -> bool| {
            let found = owned.iter().find(|part| !taken[**part] && fits(**part));
            found.inspect(|part| taken[**part] = true).copied()
        };
        while group.levels.len() < MAX_LEVELS {
            let level = group.levels.len() as u32;
            let base = group.levels[0];
            let Some(part) = take(&|part| {
                roles[part] == Role::Reduced && fits_level(&parts[base], &parts[part], level)
            }) else {
                break;
            };
            group.levels.push(part);
        }
        for level in &group.levels {
            let Some(mask) = take(&|part| {
                roles[part] == Role::Mask && size(&parts[part]) == size(&parts[*level])
            }) else {
                break;
            };
            group.masks.push(mask);
        }
    }
    let alone = (0..parts.len()).filter(|part| !taken[*part]);
    groups.extend(alone.map(|part| Group {
        levels: vec![part],
        masks: Vec::new(),
    }));
    groups.sort_by_key(|group| group.levels[0]);
    groups
}

fn role(part: &Part) -> Role {
    let directory = &part.directory;
    let kind = directory.unsigned(tags::NEW_SUBFILE_TYPE).ok().flatten();
    let old = directory.unsigned(tags::OLD_SUBFILE_TYPE).ok().flatten();
    match (kind, old) {
        (Some(kind), _) if kind & 4 != 0 => Role::Mask,
        (Some(kind), _) if kind & 1 != 0 => Role::Reduced,
        (None, Some(2)) => Role::Reduced,
        _ => Role::Full,
    }
}

/// For every overview and mask the nearest group before it that it fits.
fn owners(parts: &[Part], roles: &[Role], groups: &[Group]) -> Vec<Option<usize>> {
    let owner = |part: usize| {
        let fits = |group: &&Group| {
            let base = &parts[group.levels[0]];
            match roles[part] {
                Role::Full => false,
                Role::Reduced => {
                    (1..MAX_LEVELS as u32).any(|level| fits_level(base, &parts[part], level))
                }
                Role::Mask => is_mask(&parts[part]) && fits_size(base, &parts[part]),
            }
        };
        let before = groups.partition_point(|group| group.levels[0] < part);
        (0..before).rev().find(|at| fits(&&groups[*at]))
    };
    (0..parts.len()).map(owner).collect()
}

fn size(part: &Part) -> Option<(u64, u64)> {
    part.plan.as_ref().ok().map(|plan| plan.size)
}

fn fits_level(base: &Part, part: &Part, level: u32) -> bool {
    match (&base.plan, &part.plan) {
        (Ok(base), Ok(plan)) => {
            base.bands == plan.bands
                && base.dtype == plan.dtype
                && is_level(base.size, level, plan.size)
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

fn is_mask(part: &Part) -> bool {
    part.plan
        .as_ref()
        .is_ok_and(|plan| plan.bands == 1 && matches!(plan.band_bits(0), 1 | 8))
}
