//! What pixels that are stored as they are allow, which depends on the bytes that they are read from.

use crate::bytes::Bytes;
use crate::image::{Image, SharedWork};

/// Says of an image whether its pixels are `stored` as they are, and what parts of its blocks then cost.
pub fn describe(image: &mut Image, stored: bool, bytes: &dyn Bytes) {
    image.windowed = stored;
    image.plain = stored && bytes.reads_are_cheap();
    image.in_place = stored && bytes.mapping().is_some();
    if stored && !image.in_place {
        image.shared_work = SharedWork::Rows {
            read: bytes.read_cost(),
        };
    }
}
