//! What it costs to open files of very many blocks and of very many pages, in reads and bytes.

use super::long_tiff::{self, Laid, TILE, value};
use super::support::*;
use std::sync::Arc;
use tilecache::error::Kind;
use tilecache::geometry::Rect;
use tilecache::image::Block;
use tilecache::source::Decoder;
use tilecache::source::tiff::{TiffDecoder, TiffFile};

fn image(bytes: &Arc<Laid>, index: usize) -> TiffDecoder {
    let file = TiffFile::open(bytes.clone()).expect("a TIFF file");
    file.image(index).expect("an image").levels.swap_remove(0)
}

/// The first pixel of a block of tiles or pages.
fn first(decoder: &TiffDecoder, at: Block, side: u64) -> u8 {
    let whole = shape(&Rect::new(0, 0, side, side), 1);
    let dtype = decoder.image().dtype;
    pixels(whole, dtype, |into| decoder.read_block(at, &[0], into)).expect("a block")[0]
}

#[test]
fn a_million_tiles_are_opened_by_their_header_and_read_by_pieces_of_their_tables() {
    const SIDE: u64 = 1000;
    let bytes = Arc::new(long_tiff::tiles(&[SIDE]).named("a-million-tiles"));
    let decoder = image(&bytes, 0);
    let (reads, read) = bytes.taken();
    assert!(
        reads <= 4 && read <= 512,
        "opened by {reads} reads of {read}"
    );
    let tile = |decoder: &TiffDecoder, row, col| {
        let read = first(decoder, Block::new(0, row, col), TILE);
        assert_eq!(read, value(row * SIDE + col), "tile ({row}, {col})");
    };
    tile(&decoder, 500, 700);
    let (reads, read) = bytes.taken();
    let most = 2 * (64 << 10) + 256;
    assert!(
        reads == 3 && read <= most,
        "a tile by {reads} reads of {read}"
    );
    // Of tiles nearby, and for another opening, the tables are there.
    tile(&decoder, 500, 701);
    let other = image(&bytes, 0);
    bytes.taken();
    tile(&other, 500, 702);
    tile(&decoder, 501, 700);
    assert_eq!(bytes.taken(), (2, 512));
    // Absent blocks are looked for when one is asked for.
    assert!(decoder.image().sparse && decoder.has_block(Block::new(0, 0, 0)).expect("an answer"));
    // The pixels may lie elsewhere now.
    other.forget();
    bytes.taken();
    tile(&decoder, 500, 700);
    assert_eq!(bytes.taken().0, 3);
}

#[test]
fn absent_blocks_and_byte_counts_that_say_nothing_are_found_in_long_tables() {
    const SIDE: u64 = 200;
    let (offsets, counts) = long_tiff::tables(&[SIDE]);
    let blocks = SIDE * SIDE;
    // Tile 30,001 has neither offset nor length, and 30,002 no length, which alone leaves it out too.
    let bytes = long_tiff::tiles(&[SIDE])
        .overlay(offsets + 8 * 30_001, vec![0; 8])
        .overlay(counts + 4 * 30_001, vec![0; 8]);
    let decoder = image(&Arc::new(bytes), 0);
    let has = |index| {
        let at = Block::new(0, index / SIDE, index % SIDE);
        decoder.has_block(at).expect("an answer")
    };
    assert_eq!(
        [30_000, 30_001, 30_002, 30_003].map(has),
        [true, false, false, true]
    );
    assert_eq!(first(&decoder, Block::new(0, 150, 2), TILE), 0);
    // All are 0: the size tells how long blocks without compression are.
    let bytes = long_tiff::tiles(&[SIDE]).overlay(counts, vec![0; 4 * blocks as usize]);
    let decoder = image(&Arc::new(bytes), 0);
    for index in [0, 30_001, blocks - 1] {
        let at = Block::new(0, index / SIDE, index % SIDE);
        assert!(decoder.has_block(at).expect("an answer"));
        assert_eq!(first(&decoder, at, TILE), value(index));
    }
    // A table that reaches beyond the end of the file is refused when it is opened.
    let link = 16 + 8 + 20 * 9 + 12;
    let bytes = long_tiff::tiles(&[SIDE]).overlay(link, (1u64 << 40).to_le_bytes().to_vec());
    let file = TiffFile::open(Arc::new(bytes)).expect("a TIFF file");
    let error = file.image(0).err().expect("an error");
    assert_eq!(error.kind(), Kind::Corrupt);
    assert!(error.message().contains("tag 324: 320000 bytes"), "{error}");
}

#[test]
fn short_tables_tell_whether_blocks_are_left_out() {
    for (side, is_sparse) in [(73, false), (74, true)] {
        let decoder = image(&Arc::new(long_tiff::tiles(&[side])), 0);
        assert_eq!(decoder.image().sparse, is_sparse, "{side}");
    }
}

#[test]
fn the_directories_of_a_long_chain_are_read_once() {
    const PAGES: usize = 400;
    let bytes = Arc::new(long_tiff::pages(PAGES as u64).named("many-pages"));
    for (opening, page) in [0, 1, 200, 399].into_iter().enumerate() {
        let decoder = image(&bytes, page);
        let (reads, read) = bytes.taken();
        let (most, bytes_at_most) = match opening {
            0 => (1 + 3 * PAGES, 120 * PAGES),
            _ => (1, 16),
        };
        assert!(
            reads <= most && read <= bytes_at_most,
            "page {page} by {reads} reads of {read}"
        );
        assert_eq!(
            first(&decoder, Block::new(0, 0, 0), 512),
            value(page as u64)
        );
        bytes.taken();
    }
}
