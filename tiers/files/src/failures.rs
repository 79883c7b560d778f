//! What errors of the system mean for a fleet.

use rustix::io::Errno;
use std::io::Error;
use std::path::Path;
use tilecache_fleet::Failure;

/// Something could not be read.
pub(crate) fn reading(path: &Path, error: &Error) -> Failure {
    Failure::Unreachable(text(path, error))
}

/// Whether there was no room for more on the disk.
pub(crate) fn is_full(error: &Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::NOSPC | Errno::DQUOT)
    )
}

/// Something could not be written. Where it never can be, what is there is served all the same, as where it is full.
pub(crate) fn writing(path: &Path, error: &Error) -> Failure {
    const WITHOUT_ROOM: [Errno; 6] = [
        Errno::NOSPC,
        Errno::DQUOT,
        Errno::FBIG,
        Errno::ROFS,
        Errno::ACCESS,
        Errno::PERM,
    ];
    match Errno::from_io_error(error) {
        Some(errno) if WITHOUT_ROOM.contains(&errno) => Failure::Full(text(path, error)),
        _ => Failure::Unreachable(text(path, error)),
    }
}

fn text(path: &Path, error: &Error) -> String {
    format!("{}: {error}", path.display())
}
