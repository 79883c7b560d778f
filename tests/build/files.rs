//! Files of the tests, and all pixels of their levels.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use tilecache::image::{Bands, Block};
use tilecache::operator::level;
use tilecache::provider::{Provider, get_block};

/// A folder that was empty, and is removed at the end.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("build-{name}"));
        let _absent = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// What is in it.
    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _absent = std::fs::remove_dir_all(&self.0);
        }
    }
}

pub fn open(path: &Path) -> Arc<dyn Provider> {
    let opened = tilecache::source::file::open(path, 0, None);
    opened.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The bytes of all levels, each band by band.
pub fn levels_of(provider: &Arc<dyn Provider>) -> Vec<Vec<u8>> {
    let count = provider.image().levels.len() as u32;
    let read = |of: u32| {
        let provider = level(provider.clone(), of).unwrap();
        let image = provider.image();
        let ((width, height), grid) = (image.levels[0], image.grid(0));
        let size = image.dtype.size();
        let mut all = vec![0; (width * height) as usize * image.bands.len() * size];
        for row in 0..grid.rows() {
            for col in 0..grid.cols() {
                let at = Block::new(0, row, col);
                let tile = get_block(&*provider, at, &Bands::ALL).unwrap();
                let rect = at.rect(image);
                for band in 0..image.bands.len() {
                    for y in 0..rect.height {
                        let from = tile.row(band, y as usize);
                        let row = band as u64 * height + rect.y + y;
                        let start = (row * width + rect.x) as usize * size;
                        all[start..start + from.len()].copy_from_slice(from);
                    }
                }
            }
        }
        all
    };
    (0..count).map(read).collect()
}
