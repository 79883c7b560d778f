//! Warnings: what is wrong with a file of which pixels are read all the same, told as texts of its image.

use super::numbered::first_free;
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
    let number = first_free(1, |number| metadata.contains_key(&name(number)));
    metadata.insert(name(number), text);
}
