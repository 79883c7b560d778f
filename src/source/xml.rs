//! XML as GDAL writes it: attributes and texts.
//!
//! Entities are the five of the standard and numbers, so that no text becomes longer than the file has it.

/// No entity has a longer name, as UTF-8 and with both its marks.
const LONGEST_ENTITY: usize = 12;

/// The value of an attribute among those of a tag.
pub fn attribute(attributes: &str, name: &str) -> Option<String> {
    let mut rest = attributes;
    while let Some((key, after)) = rest.split_once('=') {
        let after = after.trim_start();
        let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let (value, behind) = after[1..].split_once(quote)?;
        if key.trim() == name {
            return Some(unescape(value));
        }
        rest = behind;
    }
    None
}

/// A text with the characters that its entities stand for.
pub fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        // Looked for near by, so that a text of nothing but these marks takes no longer than any other.
        let near = rest.bytes().take(LONGEST_ENTITY);
        let end = near.into_iter().position(|byte| byte == b';');
        match end.and_then(|end| Some((entity(&rest[1..end])?, end))) {
            Some((character, end)) => {
                plain.push(character);
                rest = &rest[end + 1..];
            }
            None => {
                plain.push('&');
                rest = &rest[1..];
            }
        }
    }
    plain.push_str(rest);
    plain
}

fn entity(name: &str) -> Option<char> {
    match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_take_time_in_proportion() {
        let marks = "&".repeat(4 << 20);
        assert_eq!(unescape(&marks), marks);
        assert_eq!(unescape("&#x1F600;&amp;lt;&no;&"), "😀&lt;&no;&");
    }
}
