//! What the directories of a file hold, without the file: the same for all its openings.

use super::directory::{Directory, Listing, Reader};
use super::group::{self, Group, Role};
use super::plan::Plan;
use crate::error::{Error, Kind, Result};
use std::sync::Arc;

/// The directories of a file, sorted into images.
pub struct Layout {
    /// The directories.
    pub parts: Vec<Part>,
    /// Which of them make up each image.
    pub groups: Vec<Group>,
    /// Why the chain of directories ended early; told as a last image that cannot be opened.
    pub broken: Option<Error>,
}

/// A directory and what could be made of it.
pub struct Part {
    listing: Arc<Listing>,
    /// What it says that it is.
    pub role: Role,
    /// What it says of its pixels.
    pub plan: Result<Plan>,
}

/// Bytes of lists that directories may share with each other.
const MANY: u64 = 16 << 20;

impl Layout {
    /// The layout of a file: what another opening of it found, else what all its directories say, each of
    /// which is read once.
    pub fn of(reader: &Reader, first: u64) -> Result<Arc<Self>> {
        if let Some(known) = reader.index.header::<Self>() {
            return Ok(known);
        }
        let layout = Arc::new(Self::read(reader, first));
        reader.bytes.check_unchanged()?;
        if layout.is_lasting() {
            reader.index.keep_header(&layout, layout.bytes());
        }
        Ok(layout)
    }

    fn read(reader: &Reader, first: u64) -> Self {
        let (mut parts, mut lists) = (Vec::new(), 0);
        let broken = reader.walk(first, &mut |directory| {
            let plan = Plan::new(directory);
            lists += plan.as_ref().map_or(0, Plan::list_bytes);
            // There is no room for more, unless directories share them.
            if lists > reader.bytes.len().saturating_mul(4).max(MANY) {
                return Err(Error::limit(format!(
                    "{lists} bytes of tables and lists for samples in a file of {}",
                    reader.bytes.len()
                )));
            }
            parts.push(Part {
                listing: directory.listing.clone(),
                role: group::role(directory),
                plan,
            });
            Ok(())
        });
        // It is kept for long, in most files for a single directory.
        parts.shrink_to_fit();
        let mut groups = group::sort(&parts);
        groups.shrink_to_fit();
        Self {
            groups,
            parts,
            broken,
        }
    }

    /// Whether the next opening would find the same: no read failed.
    fn is_lasting(&self) -> bool {
        let plans = self
            .parts
            .iter()
            .filter_map(|part| part.plan.as_ref().err());
        let lasts = |error: &Error| {
            matches!(
                error.kind(),
                Kind::Corrupt | Kind::Unsupported | Kind::Limit
            )
        };
        plans.chain(&self.broken).all(lasts)
    }

    /// About the memory that it takes, rather more.
    fn bytes(&self) -> u64 {
        /// A node of the tree of tags.
        const NODE: usize = 448;
        /// Short texts and lists beside a directory and a group, with what the allocator adds to each.
        const LISTS: usize = 128;
        let part = |part: &Part| {
            let lists = part.plan.as_ref().map_or(256, Plan::list_bytes) as usize;
            let tags = match part.listing.entries.len() {
                ..12 => NODE,
                tags => tags * NODE / 5, // but for the last, a node has at least as many
            };
            size_of::<Part>() + size_of::<Listing>() + lists + tags + LISTS
        };
        let parts: usize = self.parts.iter().map(part).sum();
        let groups = self.groups.iter().map(|group| {
            let lists = [&group.levels, &group.masks, &group.shown];
            let members: usize = lists.map(Vec::capacity).iter().sum();
            size_of::<Group>() + members * size_of::<(u32, usize)>() + LISTS
        });
        (size_of::<Self>() + parts + groups.sum::<usize>()) as u64
    }
}

impl Part {
    /// The directory in an opening of the file.
    pub fn directory(&self, reader: &Reader) -> Directory {
        Directory {
            listing: self.listing.clone(),
            reader: reader.clone(),
        }
    }
}
