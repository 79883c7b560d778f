//! Two bands that are the parts of complex numbers, as one band and as they are stored.

use super::support::*;
use std::sync::Arc;
use tilecache::geometry::Rect;
use tilecache::image::{Bands, Block};
use tilecache::provider::{Provider, Request, get_block, has_block};
use tilecache::source::file;

fn open_image(file: &str, index: &str) -> Arc<dyn Provider> {
    let index = index.parse().expect("an index");
    let opened = file::open(&made().join(file), index, None);
    opened.unwrap_or_else(|error| panic!("{file}: {error}"))
}

#[test]
fn parts_of_complex_numbers_are_one_band() {
    let lines = manifest("complex");
    assert!(lines.len() > 12, "{lines:?}");
    for (file, words) in lines {
        let [index, dtype, raw, behind] = &words[..] else {
            panic!("{words:?}");
        };
        let provider = open_image(&file, index);
        let image = provider.image();
        assert_eq!(image.dtype.name(), dtype, "{file}");
        assert_eq!(image.band_count(), 1, "{file}");
        let expected = std::fs::read(made().join(raw)).expect("the expected samples");
        let size = image.dtype.size();
        let check = |rect: &Rect, row: &dyn Fn(usize) -> Vec<u8>| {
            for y in 0..rect.height {
                let start = ((rect.y + y) * image.width() + rect.x) as usize * size;
                let expected = &expected[start..start + rect.width as usize * size];
                let difference = worst_difference(image.dtype.part(), &row(y as usize), expected);
                // Sine and cosine of two libraries may be rounded to two floats.
                let most = if file.starts_with("polar") { 2e-5 } else { 0.0 };
                assert!(
                    difference <= most,
                    "{file} row {y} of {rect:?}: {difference}"
                );
            }
        };
        let grid = image.grid(0);
        for row in 0..grid.rows() {
            for col in 0..grid.cols() {
                let at = Block::new(0, row, col);
                let tile = get_block(&*provider, at, &Bands::ALL).expect("a tile");
                check(&at.rect(image), &|y| tile.row(0, y).to_vec());
            }
        }
        assert!(image.windowed, "{file}");
        let rect = Rect::new(7, 5, 31, 20);
        let window = provider.get_window(0, rect, &Bands::ALL, &Request::new());
        match window.expect("pixels") {
            Some(window) => check(&rect, &|y| window.row(0, y).to_vec()),
            None => assert!(image.sparse, "{file}"),
        }

        let stored = open_image(&file, behind);
        assert_eq!(stored.image().band_count(), 2, "{file}");
        assert_ne!(stored.key(), provider.key());
        let decoder = super::support::image(&file, index).expect("the segment");
        assert_eq!(stored.image().dtype, decoder.image().dtype, "{file}");
        let count = file::image_count(&made().join(&file)).expect("a count");
        assert_eq!(
            count.to_string(),
            (behind.parse::<u32>().expect("n") + 1).to_string()
        );
        let error = file::open(&made().join(&file), count, None).map(drop);
        let error = error.expect_err("no such image");
        assert!(
            error
                .message()
                .ends_with(&format!("of a file with {count}")),
            "{error}"
        );
    }
}

#[test]
fn what_is_said_of_the_parts_is_said_of_the_band() {
    let provider = open_image("iq-masked.ntf", "0");
    let image = provider.image();
    let pad = [0xfd, 0xff, 0xfd, 0xff];
    assert_eq!(image.pad.bytes(image.dtype), pad);
    assert_eq!(image.bands[0].nodata, Some(image.pad));
    assert_eq!(image.bits, 16);
    assert!(image.sparse && !has_block(&*provider, Block::new(0, 1, 1)).expect("an answer"));
    let text = |name: &str| image.metadata[&(Some(0), name.to_owned())].clone();
    assert_eq!(text("NITF_ISUBCAT"), "I,Q");
    assert!(!image.metadata.keys().any(|(band, _)| *band == Some(1)));
    assert_eq!(open_image("iq-SI12-P.ntf", "0").image().bits, 12);
    assert_eq!(open_image("polar.ntf", "1").image().bits, 32);
    // Amplitude and phase mean nothing without SICD.
    assert_eq!(open_image("polar-unknown.ntf", "1").image().band_count(), 2);
    let count = file::image_count(&made().join("polar-unknown.ntf"));
    assert_eq!(count.expect("a count"), 2);
}
