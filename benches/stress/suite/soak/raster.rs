//! A file with the pixels of a synthetic source: an uncompressed TIFF in strips.

use super::super::source::Synthetic;
use std::io::Result;
use std::path::Path;
use tilecache::image::Block;

/// Writes an image of one band of u8, whose blocks are strips.
pub fn write(source: &Synthetic, path: &Path) -> Result<()> {
    let image = source.image();
    let strips = image.grid(0).rows();
    let mut file = b"II*\0\0\0\0\0".to_vec();
    let mut places = Vec::new();
    for row in 0..strips {
        let start = file.len() as u32;
        let append = |_: u64, pixels: &[u8]| file.extend_from_slice(pixels);
        source
            .decode_rows(Block::new(0, row, 0), append)
            .expect("pixels");
        places.push((start, file.len() as u32 - start));
    }
    let array = |file: &mut Vec<u8>, values: &mut dyn Iterator<Item = u32>| {
        let start = file.len() as u32;
        values.for_each(|value| file.extend(value.to_le_bytes()));
        start
    };
    let offsets = array(&mut file, &mut places.iter().map(|place| place.0));
    let sizes = array(&mut file, &mut places.iter().map(|place| place.1));
    let directory = file.len() as u32;
    file[4..8].copy_from_slice(&directory.to_le_bytes());
    let tags = [
        (256, 1, image.width() as u32),
        (257, 1, image.height() as u32),
        (258, 1, 8),
        (259, 1, 1),
        (262, 1, 1),
        (273, strips as u32, offsets),
        (278, 1, image.block.1 as u32),
        (279, strips as u32, sizes),
    ];
    file.extend((tags.len() as u16).to_le_bytes());
    for (tag, count, value) in tags {
        file.extend((tag as u16).to_le_bytes());
        file.extend(4u16.to_le_bytes());
        file.extend(u32::to_le_bytes(count));
        file.extend(u32::to_le_bytes(value));
    }
    file.extend([0; 4]);
    std::fs::write(path, file)
}
