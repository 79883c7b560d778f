//! Any bytes as a file beside another: its overviews, its mask, the overviews of that, or its description, as the first
//! byte says. Whatever they are, the image has its pixels, and what else it has is read within the bounds of a file.

use super::allocations::peak_of;
use super::files::{OPENING, OPENING_PER_BYTE, look_at};
use std::sync::Arc;
use tilecache::bytes::{Bytes, MemoryBytes};
use tilecache::error::Result;
use tilecache::image::{Bands, Block};
use tilecache::provider::{self, Provider};
use tilecache::source::beside::Beside;
use tilecache::source::file::{self, Choice};

/// What a file beside another can be.
const SUFFIXES: [&str; 4] = [".ovr", ".msk", ".msk.ovr", ".aux.xml"];

/// The only file beside, but for a sound mask where it is the overviews of that.
struct One {
    suffix: &'static str,
    bytes: Arc<dyn Bytes>,
}

impl Beside for One {
    fn open(&self, suffix: &str) -> Result<Option<Arc<dyn Bytes>>> {
        Ok(match suffix {
            suffix if suffix == self.suffix => Some(self.bytes.clone()),
            ".msk" if self.suffix == ".msk.ovr" => Some(Arc::new(MemoryBytes::new(picture(true)))),
            _ => None,
        })
    }
}

const WIDTH: u32 = 24;
const HEIGHT: u32 = 20;

/// A TIFF of one strip, which says that it is a mask if it is one.
fn picture(is_mask: bool) -> Vec<u8> {
    const ASCII: u16 = 2;
    const LONG: u16 = 4;
    let text = b"<Item name=\"INTERNAL_MASK_FLAGS_1\">2</Item>\0";
    let pixels = WIDTH * HEIGHT;
    let mut tags = vec![
        (256, LONG, 1, WIDTH),
        (257, LONG, 1, HEIGHT),
        (258, LONG, 1, 8),
        (259, LONG, 1, 1),
        (262, LONG, 1, 1),
        (273, LONG, 1, 8),
        (278, LONG, 1, HEIGHT),
        (279, LONG, 1, pixels),
    ];
    if is_mask {
        tags.push((42112, ASCII, text.len() as u32, 8 + pixels));
    }
    let mut file = b"II*\0".to_vec();
    file.extend((8 + pixels + text.len() as u32).to_le_bytes());
    file.extend((0..pixels).map(|at| (at * 7 % 251) as u8));
    file.extend(text);
    file.extend((tags.len() as u16).to_le_bytes());
    for (tag, kind, count, value) in tags {
        file.extend(u16::to_le_bytes(tag));
        file.extend(u16::to_le_bytes(kind));
        file.extend(u32::to_le_bytes(count));
        file.extend(u32::to_le_bytes(value));
    }
    file.extend([0; 4]);
    file
}

pub fn run(data: &[u8]) {
    let Some((choice, data)) = data.split_first() else {
        return;
    };
    let one = One {
        suffix: SUFFIXES[*choice as usize % SUFFIXES.len()],
        bytes: Arc::new(MemoryBytes::new(data)),
    };
    let choice = Choice {
        name: Some("fuzzed"),
        beside: Some(&one),
        ..Choice::default()
    };
    let bytes: Arc<dyn Bytes> = Arc::new(MemoryBytes::new(picture(false)));
    let (image, peak) = peak_of(|| file::open_bytes(bytes, &choice));
    let allowed = OPENING + OPENING_PER_BYTE * data.len();
    assert!(peak <= allowed, "{peak} bytes taken to open {}", one.suffix);
    let image = image.expect("an image, whatever lies beside it");
    check_pixels(&*image);
    look_at(&image, data.len());
    if let Some(mask) = image.mask() {
        look_at(&mask, data.len());
    }
    for level in 1..image.image().levels.len() as u32 {
        if let Some(level) = image.level_image(level) {
            look_at(&level, data.len());
        }
    }
}

fn check_pixels(image: &dyn Provider) {
    let tile = provider::get_block(image, Block::new(0, 0, 0), &Bands::ALL).expect("its pixels");
    for y in 0..HEIGHT {
        let start = (8 + y * WIDTH) as usize;
        assert_eq!(
            tile.pixels().row(0, y as usize),
            &picture(false)[start..start + WIDTH as usize]
        );
    }
}
