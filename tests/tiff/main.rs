//! TIFF files written by GDAL and libtiff, compared pixel by pixel with what GDAL reads from them,
//! damaged in many ways, and read under difficulties.

#[path = "../support/blocks.rs"]
mod blocks;
mod compare;
mod damage;
#[path = "../support/damage.rs"]
mod damaged;
#[path = "../support/gdal.rs"]
mod gdal;
mod index;
mod jpeg_xl;
mod levels;
#[path = "../support/long_tiff.rs"]
mod long_tiff;
mod support;

use std::path::Path;
use std::sync::Arc;
use support::*;
use tilecache::bytes::{Bytes, FileBytes, MemoryBytes};
use tilecache::error::Kind;
use tilecache::source::file;
use tilecache::source::tiff::TiffFile;

#[test]
fn a_change_under_a_reader_is_seen() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("changing.tif");
    std::fs::copy(made().join("u8-NONE-1-LITTLE-PIXEL.tif"), &path).expect("a copy");
    let bytes: Arc<dyn Bytes> = Arc::new(FileBytes::open(&path).expect("the file"));
    let file = TiffFile::open(bytes).expect("a TIFF file");
    let image = file.image(0).expect("an image");
    read_all(&image.levels[0], &[0]).expect("pixels");
    let other = std::fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .expect("a writer");
    other.set_len(500).expect("a truncation");
    let error = read_all(&image.levels[0], &[0]).expect_err("an error");
    assert_eq!(error.kind(), Kind::Changed, "{error}");
}

#[test]
fn a_file_says_what_it_is() {
    let mut seen = Vec::new();
    for name in [
        "u8-NONE-1-LITTLE-PIXEL.tif",
        "u8-NONE-1-BIG-PIXEL.tif",
        "u8-LZW-1-BIG-PIXEL.tif",
    ] {
        let path = made().join(name);
        let first = std::fs::read(&path).expect("the file");
        let format = if first[2..4].contains(&43) {
            c"BigTIFF"
        } else {
            c"TIFF"
        };
        let image = file::open(&path, 0, None).expect("the file");
        assert_eq!(image.image().format, Some(format), "{name}");
        seen.push(format);
    }
    assert!(seen.contains(&c"BigTIFF") && seen.contains(&c"TIFF"));
}

#[test]
fn many_threads_read_one_decoder() {
    let image = open(&made().join("overviews-planar.tif"))
        .and_then(|f| f.image(0))
        .expect("an image");
    let decoder = &image.levels[0];
    let expected = read_all(decoder, &[0, 1, 2]).expect("pixels");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert!(read_packed(decoder, &[0, 1, 2]).expect("pixels") == expected));
        }
    });
}

/// Overviews behind a link of the directory that they belong to, which no encoder at hand writes.
#[test]
fn sub_directories_are_overviews() {
    let pixels = [1, 2, 3, 4, 5, 6, 7, 8, 9];
    let tags = |kind: Option<u32>, side: u32, at: u32, link: u32| {
        let mut tags = vec![
            (256, 4, 1, side),
            (257, 4, 1, side),
            (258, 3, 1, 8),
            (262, 3, 1, 1),
            (273, 4, 1, at),
            (279, 4, 1, side * side),
            (330, 4, 1, link),
        ];
        if let Some(kind) = kind {
            tags.insert(0, (254, 4, 1, kind));
        }
        tags
    };
    // Some writers do not say what a sub-directory is.
    for kind in [Some(1), None] {
        let size = |tags: u32| 2 + tags * 12 + 4;
        let second = 8 + size(8);
        let at = second + size(tags(kind, 2, 0, 0).len() as u32);
        let child = damage::crafted(&tags(kind, 2, at + 3, 0), &pixels);
        let file = damage::crafted(&tags(Some(0), 3, at, second), &child[8..]);
        let file = TiffFile::open(Arc::new(MemoryBytes::new(file))).expect("a TIFF file");
        assert_eq!(file.image_count(), 1);
        let image = file.image(0).expect("an image");
        assert_eq!(image.levels.len(), 2);
        assert_eq!(read_all(&image.levels[0], &[0]).expect("pixels"), pixels);
        let level = read_all(&image.levels[1], &[0]).expect("pixels");
        assert_eq!(level, pixels[3..7]);
    }
}

/// A directory of a made file: the side of its image, its sub-directories, and the directory that it is linked to.
type Linked = (u32, &'static [usize], Option<usize>);

/// A file of such directories, whose pixels are their numbers.
fn linked(directories: &[Linked]) -> Vec<u8> {
    const SIZE: u32 = 2 + 7 * 12 + 4;
    let place = |directory: usize| 8 + directory as u32 * SIZE;
    let lists = place(directories.len());
    let mut pixels = lists + directories.len() as u32 * 8;
    let mut file = b"II\x2a\0\x08\0\0\0".to_vec();
    for (number, (side, children, next)) in directories.iter().enumerate() {
        let children_at = match children {
            [only] => place(*only),
            _ => lists + number as u32 * 8,
        };
        // Tag 331 says nothing.
        let link = 331 - u16::from(!children.is_empty());
        let tags = [
            (256u16, 1, *side),
            (257, 1, *side),
            (258, 1, 8),
            (262, 1, 1),
            (273, 1, pixels),
            (279, 1, side * side),
            (link, children.len() as u32, children_at),
        ];
        file.extend(7u16.to_le_bytes());
        for (tag, count, value) in tags {
            file.extend(tag.to_le_bytes());
            file.extend(4u16.to_le_bytes());
            file.extend(count.to_le_bytes());
            file.extend(value.to_le_bytes());
        }
        file.extend(next.map_or(0, place).to_le_bytes());
        pixels += side * side;
    }
    for (_, children, _) in directories {
        let of = |at| children.get(at).copied().map_or(0, place);
        for at in [0, 1] {
            file.extend(of(at).to_le_bytes());
        }
    }
    for (number, (side, ..)) in directories.iter().enumerate() {
        file.extend(vec![number as u8; (side * side) as usize]);
    }
    file
}

/// Sub-directories that follow each other in a chain, of which the first alone is named, and those of sub-directories.
#[test]
fn chains_of_sub_directories_are_overviews() {
    for (what, directories) in [
        (
            "named",
            &[(9, &[1, 2][..], None), (5, &[], None), (3, &[], None)],
        ),
        (
            "a chain",
            &[(9, &[1], None), (5, &[], Some(2)), (3, &[], None)],
        ),
        (
            "one in another",
            &[(9, &[1], None), (5, &[2], None), (3, &[], None)],
        ),
        (
            "named and a chain",
            &[(9, &[1, 2], None), (5, &[], Some(2)), (3, &[], None)],
        ),
        (
            "a ring",
            &[(9, &[1], None), (5, &[], Some(2)), (3, &[], Some(1))],
        ),
    ] as [(_, &[Linked]); 5]
    {
        let file = TiffFile::open(Arc::new(MemoryBytes::new(linked(directories)))).expect(what);
        assert_eq!(file.image_count(), 1, "{what}");
        let image = file.image(0).expect(what);
        let first = |decoder| read_all(decoder, &[0]).expect(what)[0];
        let levels: Vec<u8> = image.levels.iter().map(first).collect();
        assert_eq!(levels, [0, 1, 2], "{what}");
    }
    // The last one may be linked to the page behind, which stays a page.
    let pages = linked(&[(9, &[1], Some(2)), (5, &[], Some(2)), (5, &[], None)]);
    let file = TiffFile::open(Arc::new(MemoryBytes::new(pages))).expect("a TIFF file");
    assert_eq!(file.image_count(), 2);
    assert_eq!(file.image(0).expect("a page").levels.len(), 2);
}
