//! Keys: readable text that tells images apart.

use crate::image::MAX_LEVELS;
use crate::sync::atomic::{AtomicU64, Ordering};

/// The number of a key within one cache.
pub type KeyId = u32;

/// Text from users and files with `% : @ [ ] ( ) ,` percent-encoded, so that it cannot pass for another
/// part of a key.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '%' | ':' | '@' | '[' | ']' | '(' | ')' | ',' => {
                out.push_str(&format!("%{:02X}", c as u32))
            }
            c => out.push(c),
        }
    }
    out
}

/// The name of a source or of an operator's function: the one given, or a number that is never used
/// again. Numbers begin with a colon, which no name can.
pub fn name_or_number(given: Option<&str>) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    match given {
        Some(name) => escape(name),
        None => format!(":{}", NEXT.fetch_add(1, Ordering::Relaxed)),
    }
}

/// What the key of an image that is computed from others begins with. No name can: it has a colon.
const COMPUTE: &str = "compute:";

/// The key of an image that is computed from those with other keys.
pub fn compute_key<'a>(name: &str, sources: impl Iterator<Item = &'a str>) -> String {
    let sources: Vec<_> = sources.collect();
    format!("{COMPUTE}{name}({})", sources.join(","))
}

/// What an image is called in messages for people.
pub fn title(key: &str) -> String {
    let operator = key
        .strip_prefix(COMPUTE)
        .and_then(|key| key.split_once('('));
    match operator {
        Some((name, _)) if name.starts_with(':') => "an operator without a name".into(),
        Some((name, _)) => format!("the operator {name}"),
        None if key.starts_with(':') => "an image without a key".into(),
        None => key.into(),
    }
}

/// The keys of the images that an image is computed from; none for others.
pub fn sources_of(image: &str) -> Vec<&str> {
    let inside = image
        .starts_with(COMPUTE)
        .then(|| image.find('(').zip(image.strip_suffix(')')))
        .flatten()
        .map(|(open, body)| &body[open + 1..]);
    let mut depth = 0u32;
    inside
        .into_iter()
        .flat_map(|keys| {
            keys.split(move |c| {
                match c {
                    '(' => depth += 1,
                    ')' => depth = depth.saturating_sub(1),
                    _ => (),
                }
                c == ',' && depth == 0
            })
        })
        .collect()
}

/// The part of a key that names the image at its source: what operators put behind it is left out. An image
/// computed from several is one of its own.
pub fn image_of(key: &str) -> &str {
    if key.starts_with(COMPUTE) {
        let mut depth = 0u32;
        let end = key.find(|c| {
            match c {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ => (),
            }
            c == ')' && depth == 0
        });
        return end.map_or(key, |end| &key[..=end]);
    }
    const IMAGE: &str = ":image:";
    let Some(at) = key.find(IMAGE) else {
        return key;
    };
    let number = at + IMAGE.len();
    let end = key[number..]
        .find(':')
        .map_or(key.len(), |end| number + end);
    &key[..end]
}

/// Whether what a key names may be built on the pixels under another key: it continues that key, or that
/// of the image whose overview the other is. Overviews themselves are read, not built.
pub fn is_built_on(key: &str, other: &str) -> bool {
    let base = without_overview(other);
    let continues = key
        .strip_prefix(base)
        .is_some_and(|rest| rest.starts_with(':'));
    continues && without_overview(key) != base
}

/// A key of an overview of an image without the part that says which; any other key as it is.
fn without_overview(key: &str) -> &str {
    let number = key.rsplit(':').next().unwrap_or_default();
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    key[..key.len() - number.len()]
        .strip_suffix(":overview:")
        .filter(|_| is_number)
        .unwrap_or(key)
}

/// Where a number stands for a name within a key, behind its beginning.
const UNNAMED: [&str; 3] = ["::", "(:", ",:"];

/// Whether another provider can have the same key later.
pub fn is_named(key: &str) -> bool {
    !key.starts_with(':') && !UNNAMED.iter().any(|unnamed| key.contains(unnamed))
}

/// From this level on a key keeps blocks beneath its tiles, and not tiles. No request asks for them; they
/// wait for tiles that still need them.
pub const KEPT_LEVELS: u32 = MAX_LEVELS as u32;

/// The level at which a key keeps blocks of the `nth` image beneath the tiles of a level.
pub const fn kept_level(tiles: u32, nth: u32) -> u32 {
    KEPT_LEVELS * (1 + nth) + tiles
}
