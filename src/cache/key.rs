//! Keys: readable text that tells images apart.

use crate::error::{Error, Result};
use crate::image::MAX_LEVELS;
use crate::sync::atomic::{AtomicU64, Ordering};
use sha2::{Digest, Sha256};

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
pub const COMPUTE: &str = "compute:";

/// The longest key of a computed image, in bytes: an image that is computed from another one twice has a key twice
/// as long.
const MAX_COMPUTED: usize = 1 << 16;

/// The key of an image that is computed from those with other keys; refused if it were too long.
pub fn compute_key<S: AsRef<str>>(
    name: &str,
    sources: impl IntoIterator<Item = S>,
) -> Result<String> {
    let mut key = format!("{COMPUTE}{name}(");
    for (at, source) in sources.into_iter().enumerate() {
        key.push_str(if at == 0 { "" } else { "," });
        key.push_str(source.as_ref());
        if key.len() >= MAX_COMPUTED {
            return Err(Error::limit(format!(
                "a key of more than {MAX_COMPUTED} bytes, which names all that an image is computed from"
            )));
        }
    }
    key.push(')');
    if !is_shallow(&key) {
        return Err(Error::limit(format!(
            "more than {MAX_DEPTH} images computed one from another"
        )));
    }
    Ok(key)
}

/// A key that names all sources is not longer than that where there may be very many.
const MAX_READABLE: usize = 1 << 10;

/// The key of an image that is computed from any number of others by an operator of the library: `name`, with `more`
/// behind it, which changes pixels too. Where that is long, 128 bits of its SHA-256 stand for all but the name.
pub fn compute_key_of_many(name: &str, more: &str, sources: &[String]) -> Result<String> {
    let bytes = sources.iter().map(|key| key.len() + 1).sum::<usize>();
    if name.len() + more.len() + bytes <= MAX_READABLE {
        return compute_key(&format!("{name}{more}"), sources);
    }
    // What is computed from what has no name has none either.
    if sources.iter().any(|key| !is_named(key)) {
        let number = name_or_number(None);
        return compute_key(&format!("{name}:{number}"), NO_SOURCES);
    }
    let mut digest = Sha256::new();
    for text in [name, more]
        .into_iter()
        .chain(sources.iter().map(String::as_str))
    {
        // Commas stand between keys, and in none but within brackets.
        digest.update(text);
        digest.update(",");
    }
    let digits = digits(digest);
    compute_key(&format!("{name}:digest:{digits}"), NO_SOURCES)
}

/// 128 bits of the SHA-256 of a text.
pub fn digest(text: &str) -> String {
    digits(Sha256::new_with_prefix(text))
}

/// The first 128 bits of a digest.
fn digits(digest: Sha256) -> String {
    let digest = digest.finalize();
    let digits = digest[..16].iter().map(|byte| format!("{byte:02x}"));
    digits.collect()
}

/// The longest text of a chain that a key has in full.
const MAX_CHAIN: usize = 200;

/// What the key of an image seen through a chain has behind that of its source: the text, or of a long one 128 bits of
/// its SHA-256. No function of a caller's has the same, whatever its name: those end in another way.
pub fn chain_key(text: &str) -> String {
    match text.len() <= MAX_CHAIN {
        true => format!("mapped:{}:chain", escape(text)),
        false => format!("mapped:digest:{}:chain", digest(text)),
    }
}

/// The sources of an image whose key does not name them.
const NO_SOURCES: [&str; 0] = [];

/// How deep brackets may stand in brackets.
const MAX_DEPTH: usize = 128;

fn is_shallow(key: &str) -> bool {
    let mut depth = 0usize;
    key.bytes().all(|byte| {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            _ => (),
        }
        depth <= MAX_DEPTH
    })
}

/// What an image is called in messages for people.
pub fn title(key: &str) -> String {
    let operator = key
        .strip_prefix(COMPUTE)
        .and_then(|key| key.split_once('('));
    match operator {
        Some((name, _)) if name.starts_with(':') => "an operator without a name".into(),
        // Behind a colon stand parameters of one of the library's own.
        Some((name, _)) => match name.split_once(':') {
            Some((name, _)) => format!("the operator {name}"),
            None => format!("the operator {name}"),
        },
        None if key.starts_with(':') => "an image without a key".into(),
        None => key.into(),
    }
}

/// The keys of the images that an image is computed from; none for others, nor for a key of a caller's with more
/// brackets in brackets than those of images.
pub fn sources_of(image: &str) -> Vec<&str> {
    let is_computed = image.starts_with(COMPUTE) && is_shallow(image);
    let inside = is_computed
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
        // A digest may stand for all of them.
        .filter(|key| !key.is_empty())
        .map(|key| match key.strip_suffix(']') {
            // What is read of the image stands behind its key.
            Some(key) => key.rsplit_once('[').map_or(key, |(key, _)| key),
            None => key,
        })
        .collect()
}

/// Whether an image is computed from others by an operator, as its key says.
pub fn is_computed(image: &str) -> bool {
    image.starts_with(COMPUTE)
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
        // A source may be named like that, but has no parentheses.
        if let Some(end) = end {
            return &key[..=end];
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_images_that_one_is_computed_from_are_found_in_its_key() {
        let inner = "compute:slope(dem:image:0[margin:1+1+1+1])";
        let list = "red:image:0:mapped:log:bands:0+2";
        let read = "x:image:1:level:1[bands:2+0]";
        let whole = compute_key("a%3Ab", [inner, read, list]).unwrap();
        assert_eq!(sources_of(&whole), [inner, "x:image:1:level:1", list]);
        assert_eq!(sources_of(inner), ["dem:image:0"]);
        assert_eq!(image_of(&format!("{whole}:of_level:2:retiled:9x9")), whole);
        assert_eq!(title(&whole), "the operator a%3Ab");
        // A source may be called as operators are.
        assert_eq!(image_of("compute:image:0:level:2"), "compute:image:0");
        let long = "x".repeat(MAX_COMPUTED / 3);
        assert!(compute_key("n", [&long; 2]).is_ok() && compute_key("n", [&long; 3]).is_err());
        assert_eq!(sources_of("compute:image:0"), [""; 0]);
    }

    #[test]
    fn chains_are_named_by_their_text_or_its_digest() {
        let short = chain_key("bands=3,1|stretch=2..9%");
        assert_eq!(short, "mapped:bands=3%2C1|stretch=2..9%25:chain");
        let long = |last: char| "x".repeat(MAX_CHAIN) + &last.to_string();
        let key = chain_key(&long('a'));
        assert!(key.starts_with("mapped:digest:") && key.len() < 60, "{key}");
        assert_eq!(key, chain_key(&long('a')));
        assert_ne!(key, chain_key(&long('b')));
    }

    #[test]
    fn many_sources_are_named_by_a_digest_that_tells_them_apart() {
        let sources = |n: usize, last: &str| -> Vec<String> {
            let names = (0..n).map(|at| format!("part{at}:image:0[at:{at}+0]"));
            names.chain([last.to_owned()]).collect()
        };
        let key =
            |sources: &[String]| compute_key_of_many("mosaic:9x9", ":pad:07", sources).unwrap();
        let few = key(&sources(2, "x:image:0"));
        assert_eq!(
            sources_of(&few),
            ["part0:image:0", "part1:image:0", "x:image:0"]
        );
        let many = key(&sources(1000, "x:image:0"));
        assert!(
            many.len() < 80 && many.starts_with("compute:mosaic:9x9:digest:"),
            "{many}"
        );
        assert_eq!(many, key(&sources(1000, "x:image:0")));
        assert_ne!(many, key(&sources(1000, "y:image:0")));
        assert_ne!(many, key(&sources(1000, "x:image:0[at:1+0]")));
        assert_eq!(sources_of(&many), [""; 0]);
        assert_eq!(image_of(&format!("{many}:overview:1:retiled:9x9")), many);
        assert_eq!(
            (title(&many), title(&few)),
            ("the operator mosaic".into(), "the operator mosaic".into())
        );
        assert!(is_named(&many) && is_named(&few));
        // What has no name is never found again.
        let unnamed = sources(1000, ":7:image:0");
        assert!(!is_named(&key(&unnamed)) && !is_named(&key(&sources(1, ":7:image:0"))));
        assert_ne!(key(&unnamed), key(&unnamed));
    }
}
