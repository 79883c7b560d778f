//! Tiles of Part 15 (HTJ2K), which are decoded as a whole, and what Part 2 adds, which is refused.

use super::support::*;
use std::sync::Arc;
use tilecache::bytes::MemoryBytes;
use tilecache::error::Kind;
use tilecache::image::SharedWork;
use tilecache::source::jp2::Jp2File;

#[test]
fn blocks_are_whole_tiles_and_have_no_windows() {
    for (name, block) in [
        ("whole", (333, 517)),
        ("large", (2201, 2003)),
        ("tiles", (128, 100)),
        ("aligned", (90, 70)),
        ("quarters-even", (64, 48)),
        // Along an axis whose tiles do not begin where the image does, or whose samples lie across
        // their edges: one block.
        ("within", (301, 207)),
        ("small", (301, 33)),
        ("quarters-odd", (352, 288)),
        // The same where one block were too large: several tiles.
        ("several", (2400, 2000)),
    ] {
        let decoder = open(&made().join(format!("ht-{name}.j2c"))).expect(name);
        let image = decoder.image();
        assert_eq!(image.block, block, "{name}");
        assert!(
            !image.windowed && image.shared_work == SharedWork::None,
            "{name}"
        );
    }
    let decoder = open(&made().join("offset-within.j2k")).expect("an image");
    assert_eq!(decoder.image().block, (90, 70));
}

/// Makes a stream one of Part 2.
type Change<'a> = &'a dyn Fn(&mut Vec<u8>);

#[test]
fn part_2_is_unsupported() {
    let plain = std::fs::read(made().join("ht-whole.j2c")).expect("the file");
    let marker = |marker: u8| {
        let at = plain.windows(2).position(|pair| pair == [0xff, marker]);
        at.expect("the marker")
    };
    let with = |change: Change<'_>| {
        let mut bytes = plain.clone();
        change(&mut bytes);
        Jp2File::open(Arc::new(MemoryBytes::new(bytes))).err()
    };
    assert!(with(&|_| ()).is_none());
    let (size, style) = (marker(0x51), marker(0x52));
    let changes: [(&str, Change<'_>); 4] = [
        ("capabilities c0a0", &|bytes| {
            bytes[size + 4..size + 6].copy_from_slice(&[0xc0, 0xa0])
        }),
        ("marker ff79", &|bytes| {
            bytes.splice(style..style, [0xff, 0x79, 0, 4, 0, 0]);
        }),
        ("wavelet 2", &|bytes| bytes[style + 13] = 2),
        ("decomposition 130", &|bytes| bytes[style + 9] = 130),
    ];
    for (named, change) in changes {
        let error = with(change).expect(named);
        assert_eq!(error.kind(), Kind::Unsupported, "{error}");
        assert!(error.message().contains(named), "{error}");
    }
}
