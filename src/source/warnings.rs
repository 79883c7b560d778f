//! Warnings: what is wrong with a file of which pixels are read all the same, told as texts of its image.

use crate::image::Metadata;

fn name(number: u32) -> (Option<u32>, String) {
    (None, format!("TC:WARNING:{number}"))
}

/// The first warning, if there is one.
pub fn first_warning(metadata: &Metadata) -> Option<&str> {
    metadata.get(&name(1)).map(String::as_str)
}

/// Adds a warning under the next free of the names TC:WARNING:1, TC:WARNING:2, ...
pub fn warn(metadata: &mut Metadata, text: String) {
    let mut number = 1;
    while metadata.contains_key(&name(number)) {
        number += 1;
    }
    metadata.insert(name(number), text);
}
