//! Warnings: what is wrong with a file of which pixels are read all the same, told as texts of its image.

use crate::image::Metadata;

fn name(number: u32) -> (Option<u32>, String) {
    (None, format!("TC:WARNING:{number}"))
}

/// All warnings, in order.
pub fn all_warnings(metadata: &Metadata) -> impl Iterator<Item = &str> {
    (1..).map_while(|number| metadata.get(&name(number)).map(String::as_str))
}

/// Adds a warning under the next free of the names TC:WARNING:1, TC:WARNING:2, ...
pub fn warn(metadata: &mut Metadata, text: String) {
    let mut number = 1;
    while metadata.contains_key(&name(number)) {
        number += 1;
    }
    metadata.insert(name(number), text);
}
