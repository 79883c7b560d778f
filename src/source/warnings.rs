//! Warnings: what is wrong with a file of which pixels are read all the same, told as texts of its image.

use crate::image::Metadata;

/// Adds a warning under the next free of the names TC:WARNING:1, TC:WARNING:2, ...
pub fn warn(metadata: &mut Metadata, text: String) {
    let mut number = 1;
    let name = |number: u32| (None, format!("TC:WARNING:{number}"));
    while metadata.contains_key(&name(number)) {
        number += 1;
    }
    metadata.insert(name(number), text);
}
