//! R-sets: reduced resolutions that lie as files of their own beside the full one.

use crate::image::MAX_LEVELS;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The files with the resolutions above `path`, as far as there are any, the largest first.
///
/// The reduced resolutions of `name.ntf` are `name.ntf.r1`, `name.ntf.r2` and so on, or `name.r1`,
/// or the same with `.hr1`; those of `name.r0` are `name.r1` and so on.
pub fn beside(path: &Path) -> Vec<PathBuf> {
    for mark in ["r", "hr"] {
        let appended = |level: usize| {
            let mut name = OsString::from(path);
            name.push(format!(".{mark}{level}"));
            PathBuf::from(name)
        };
        let replaced = |level: usize| path.with_extension(format!("{mark}{level}"));
        let namings: [&dyn Fn(usize) -> PathBuf; 2] = [&appended, &replaced];
        for naming in namings {
            let found: Vec<PathBuf> = (1..MAX_LEVELS)
                .map(naming)
                .take_while(|file| file != path && file.is_file())
                .collect();
            if !found.is_empty() {
                return found;
            }
        }
    }
    Vec::new()
}
