//! A file of the system, read by position and not mapped unless that is asked for: a file that shrinks gives an error
//! instead of killing the process.

use super::Bytes;
use super::GDAL;
use super::descriptors::Reopened;
use crate::error::{Error, Kind, Result};
use crate::mapping::Mapping;
use crate::sync::{Mutex, thread};
use std::fs::{File, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A file and what it was when it was first opened.
#[derive(Debug)]
pub struct FileBytes {
    file: Reopened,
    opened: Identity,
    links: Mutex<Links>,
}

/// What tells one state of one file from every other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// The change time that is accepted now, and the number of names that the file had then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Links {
    changed: (i64, i64),
    count: u64,
    /// The number was seen to change before the time that goes with it.
    is_early: bool,
}

/// Whether a key, or that of an image that it was made from, is of a file.
pub fn is_of_file(key: &str, file: &Metadata) -> bool {
    key.contains(&key_start(file.dev(), file.ino()))
}

/// What keys of a file begin with.
fn key_start(device: u64, inode: u64) -> String {
    format!("file-{device:x}-{inode:x}-")
}

/// How often, and after how long each time, a file is looked at again whose change time alone is another:
/// file systems may show the time of a change of its names before their number.
const LOOKS: u32 = 6;
const BETWEEN: Duration = Duration::from_millis(1);

impl FileBytes {
    /// Opens a regular file for reading.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let failed = |error: std::io::Error| {
            let kind = match error.kind() {
                ErrorKind::NotFound => Kind::NotFound,
                _ => Kind::Io,
            };
            let name = path.to_string_lossy();
            let message = match name.starts_with("/vsi") || name.contains("://") {
                true => format!("{name}: {error}; {GDAL}"),
                false => format!("{name}: {error}"),
            };
            Error::new(kind, message)
        };
        let (reopened, file) = Reopened::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(Error::unsupported(format!(
                "{} is not a regular file; {GDAL}",
                path.display()
            )));
        }
        Ok(Self {
            file: reopened,
            opened: Identity::of(&metadata),
            links: Mutex::new(Links::of(&metadata)),
        })
    }

    /// All of the file in memory, for those who know that it does not change.
    pub(super) fn map(&self) -> Result<Mapping> {
        let file = self.file()?;
        Mapping::of(&file, self.opened.size).map_err(|error| Error::new(Kind::Io, error))
    }

    /// The open file, which is the one that was opened first.
    fn file(&self) -> Result<Arc<File>> {
        self.file.file(|again| {
            self.check(again).map_err(|error| match error.kind() {
                Kind::Changed => Error::new(
                    Kind::Changed,
                    "the file was replaced or modified while it was not open",
                ),
                _ => error,
            })
        })
    }

    /// An error if this file is not what was opened first.
    fn check(&self, file: &File) -> Result<()> {
        for look in 0..LOOKS {
            if look > 0 {
                thread::sleep(BETWEEN);
            }
            let metadata = file
                .metadata()
                .map_err(|error| Error::new(Kind::Io, error))?;
            let now = Identity::of(&metadata);
            let expected = Identity {
                changed: self.accept(Links::of(&metadata)),
                ..self.opened
            };
            if now == expected {
                return Ok(());
            }
            let changed = now.changed;
            if now
                != (Identity {
                    changed,
                    ..expected
                })
            {
                break;
            }
        }
        Err(Error::new(
            Kind::Changed,
            "the file was modified while it was open",
        ))
    }

    /// The change time that is expected of a file whose names are so.
    ///
    /// A file that another one was renamed over loses a name. That moves the change time of the old inode
    /// and none of its bytes, so it is the one change that is accepted.
    fn accept(&self, links: Links) -> (i64, i64) {
        let mut accepted = self.links.lock();
        if links.count != accepted.count {
            let is_early = links.changed == accepted.changed;
            *accepted = Links { is_early, ..links };
        } else if accepted.is_early && links.changed != accepted.changed {
            *accepted = links;
        }
        accepted.changed
    }
}

impl Identity {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

impl Links {
    fn of(metadata: &Metadata) -> Self {
        Self {
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            count: metadata.nlink(),
            is_early: false,
        }
    }
}

impl Bytes for FileBytes {
    fn len(&self) -> u64 {
        self.opened.size
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<()> {
        self.file()?
            .read_exact_at(into, offset)
            .map_err(|error| match error.kind() {
                // Readers stay inside the length of the opened file, so it has become shorter.
                ErrorKind::UnexpectedEof => Error::new(
                    Kind::Changed,
                    format!(
                        "{} bytes at offset {offset} are no longer in the file",
                        into.len()
                    ),
                ),
                _ => Error::new(
                    Kind::Io,
                    format!("{} bytes at offset {offset}: {error}", into.len()),
                ),
            })
    }

    fn identity(&self) -> Option<String> {
        let Identity {
            device,
            inode,
            size,
            modified,
            changed,
        } = self.opened;
        Some(format!(
            "{}{size}-{}.{:09}-{}.{:09}",
            key_start(device, inode),
            modified.0,
            modified.1,
            changed.0,
            changed.1
        ))
    }

    fn check_unchanged(&self) -> Result<()> {
        let file = self.file()?;
        self.check(&file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::OpenOptions;
    use std::io::Write;

    fn scratch(name: &str) -> std::path::PathBuf {
        let dir = std::env::temp_dir().join(format!("tilecache-bytes-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a scratch directory");
        dir.join(name)
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri does not open files with such flags")]
    fn a_file_renamed_over_keeps_being_read() {
        let (path, other) = (scratch("kept"), scratch("other"));
        std::fs::write(&path, b"old pixels").expect("write");
        std::fs::write(&other, b"new").expect("write");
        let bytes = FileBytes::open(&path).expect("open");
        std::fs::rename(&other, &path).expect("rename");
        let mut read = [0; 10];
        bytes.read_at(0, &mut read).expect("read");
        assert_eq!(&read, b"old pixels");
        bytes.check_unchanged().expect("the old inode is unchanged");
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri does not open files with such flags")]
    fn a_rewrite_and_a_truncation_are_seen() {
        let path = scratch("changing");
        std::fs::write(&path, b"0123456789").expect("write");
        let bytes = FileBytes::open(&path).expect("open");
        bytes.check_unchanged().expect("unchanged");
        let mut file = OpenOptions::new().append(true).open(&path).expect("append");
        file.write_all(b"more").expect("write");
        assert_eq!(bytes.check_unchanged().unwrap_err().kind(), Kind::Changed);
        file.set_len(3).expect("truncate");
        let error = bytes.read_at(0, &mut [0; 10]).unwrap_err();
        assert_eq!(error.kind(), Kind::Changed);
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri does not open files with such flags")]
    fn opening_twice_is_one_identity_and_a_missing_file_is_named() {
        let path = scratch("same");
        std::fs::write(&path, b"x").expect("write");
        let identity = || FileBytes::open(&path).expect("open").identity();
        assert_eq!(identity(), identity());
        let error = FileBytes::open(scratch("absent")).unwrap_err();
        assert_eq!(error.kind(), Kind::NotFound);
        assert!(error.message().contains("absent"));
        let error = FileBytes::open(std::env::temp_dir()).unwrap_err();
        assert_eq!(error.kind(), Kind::Unsupported);
        let error = FileBytes::open("/vsizip/a.zip/b.tif").unwrap_err();
        assert!(error.message().contains("tc_gdal_open"));
    }
}
