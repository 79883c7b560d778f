//! Where what lies in the directory.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Result, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use tilecache_fleet::Digest;

/// A directory of ours.
#[derive(Clone, Debug)]
pub struct Directory {
    root: PathBuf,
}

/// Why a directory is not taken.
#[derive(Debug)]
pub enum Refused {
    /// It is there, and is none of ours, or of another format.
    Foreign(String),
    /// The system says so.
    Failed(String),
}

const MARK: &str = "tilecache-files";
const FORMAT: &str = "tilecache files 1\n";

/// Values and generations lie in so many directories, by the first byte of their keys.
pub(crate) const SHARDS: usize = 256;

impl Directory {
    /// Takes a directory, or makes it. One that has other files in it is not taken.
    pub fn open(root: &Path) -> std::result::Result<Self, Refused> {
        let failed =
            |error: std::io::Error| Refused::Failed(format!("{}: {error}", root.display()));
        let foreign = |text: &str| Refused::Foreign(format!("{} {text}", root.display()));
        match std::fs::create_dir(root) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(failed(error)),
            _ => (),
        }
        if !std::fs::metadata(root).map_err(failed)?.is_dir() {
            return Err(foreign("is no directory"));
        }
        let mark = root.join(MARK);
        let told = match open(&mark, OpenOptions::new().read(true)) {
            Ok(file) => {
                let mut told = Vec::new();
                file.take(FORMAT.len() as u64 + 1)
                    .read_to_end(&mut told)
                    .map_err(failed)?;
                told
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if std::fs::read_dir(root).map_err(failed)?.next().is_some() {
                    // Another process may be as far as this one.
                    if !mark.exists() {
                        return Err(foreign(
                            "has other files in it: give the tier a directory of its own",
                        ));
                    }
                }
                Vec::new()
            }
            Err(error) => return Err(failed(error)),
        };
        if told != FORMAT.as_bytes() {
            // Who was killed while it wrote it had written the beginning.
            if !FORMAT.as_bytes().starts_with(&told) {
                return Err(foreign(
                    "is of another format of tilecache_files, or of something else",
                ));
            }
            let mut options = OpenOptions::new();
            let file = open(&mark, options.write(true).create(true).truncate(false));
            file.and_then(|mut file| file.write_all(FORMAT.as_bytes()))
                .map_err(failed)?;
        }
        Ok(Self {
            root: root.to_owned(),
        })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The directory of this shard.
    pub(crate) fn shard(&self, kind: &str, shard: usize) -> PathBuf {
        self.root.join(format!("{kind}/{shard:02x}"))
    }

    /// The file of this key.
    pub(crate) fn file(&self, kind: &str, key: &Digest) -> PathBuf {
        let mut name = String::with_capacity(64);
        key.0[1..]
            .iter()
            .for_each(|byte| name += &format!("{byte:02x}"));
        self.shard(kind, shard(key)).join(name)
    }
}

pub(crate) fn shard(key: &Digest) -> usize {
    key.0[0].into()
}

/// Whether a file of a shard has a name that we give.
pub(crate) fn is_ours(name: &[u8]) -> bool {
    let digit = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
    name.len() == 62 && name.iter().all(digit)
}

/// Opens a file, never what a link leads to, and never to wait for who is at the other end of a pipe.
pub(crate) fn open(path: &Path, options: &mut OpenOptions) -> Result<File> {
    const FLAGS: rustix::fs::OFlags =
        rustix::fs::OFlags::NOFOLLOW.union(rustix::fs::OFlags::NONBLOCK);
    options.custom_flags(FLAGS.bits() as i32).open(path)
}

/// Writes a file beside its place and puts it there when it is complete. Whoever calls has the lock of `new`.
pub(crate) fn replace(new: &Path, path: &Path, content: &[u8], lasts: bool) -> Result<()> {
    let write = || {
        let mut options = OpenOptions::new();
        let mut file = open(new, options.write(true).create(true).truncate(true))?;
        file.write_all(content)?;
        if lasts {
            file.sync_all()?;
        }
        match std::fs::rename(new, path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let folder = path.parent().unwrap_or(path);
                std::fs::create_dir_all(folder)?;
                std::fs::rename(new, path)
            }
            // Something else has its name. It is in the way.
            Err(error) if error.kind() == ErrorKind::IsADirectory => {
                std::fs::remove_dir_all(path)?;
                std::fs::rename(new, path)
            }
            renamed => renamed,
        }?;
        match path.parent() {
            Some(folder) if lasts => File::open(folder)?.sync_all(),
            _ => Ok(()),
        }
    };
    write().inspect_err(|_| {
        let _ = std::fs::remove_file(new);
    })
}
