//! Fields of fixed length, one after the other, as the headers of NITF are made of.

use super::version::{DOWNGRADED_BY_EVENT, Version};
use crate::error::{Error, Result};

/// Reads fields in their order, and keeps the texts of those that are metadata.
pub struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
    texts: Vec<(String, String)>,
}

impl<'a> Fields<'a> {
    /// The fields of a header.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            texts: Vec::new(),
        }
    }

    /// The bytes of a field.
    pub fn bytes(&mut self, name: &str, len: usize) -> Result<&'a [u8]> {
        let field = self
            .at
            .checked_add(len)
            .and_then(|end| self.bytes.get(self.at..end));
        let Some(field) = field else {
            return Err(Error::corrupt(format!(
                "field {name} of {len} bytes at offset {} of a header of {}",
                self.at,
                self.bytes.len()
            )));
        };
        self.at += len;
        Ok(field)
    }

    /// The text of a field without the spaces behind it; it becomes metadata under its name.
    pub fn text(&mut self, name: &str, len: usize) -> Result<String> {
        let text = text(self.bytes(name, len)?);
        self.note(name, &text);
        Ok(text)
    }

    /// The number in a field; it becomes metadata like a text.
    pub fn number(&mut self, name: &str, len: usize) -> Result<u64> {
        let digits = self.text(name, len)?;
        number(name, &digits)
    }

    /// A length or a count, which says nothing of the image.
    pub fn count(&mut self, name: &str, len: usize) -> Result<u64> {
        number(name, &text(self.bytes(name, len)?))
    }

    /// Adds a text to the metadata.
    pub fn note(&mut self, name: &str, text: &str) {
        self.texts.push((format!("NITF_{name}"), text.to_owned()));
    }

    /// The names and texts of the fields that were read.
    pub fn into_texts(self) -> Vec<(String, String)> {
        self.texts
    }
}

/// Bytes as Latin-1, of which the character sets of the standard are parts.
pub fn text(bytes: &[u8]) -> String {
    let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
    text.trim_end_matches([' ', '\0']).to_owned()
}

/// Digits alone; writers that fill up with spaces are understood too.
fn number(name: &str, text: &str) -> Result<u64> {
    let digits = text.trim();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Error::corrupt(format!(
            "field {name} is {text:?} and no number"
        )));
    }
    // No field has more than twelve digits.
    digits
        .parse()
        .map_err(|_| Error::corrupt(format!("field {name} is {text:?}")))
}

/// The security fields of a header, whose names begin alike.
pub fn security(fields: &mut Fields<'_>, prefix: &str, version: Version) -> Result<()> {
    if version == Version::Nitf20 {
        return old_security(fields, prefix);
    }
    for (name, len) in [
        ("CLAS", 1),
        ("CLSY", 2),
        ("CODE", 11),
        ("CTLH", 2),
        ("REL", 20),
        ("DCTP", 2),
        ("DCDT", 8),
        ("DCXM", 4),
        ("DG", 1),
        ("DGDT", 8),
        ("CLTX", 43),
        ("CATP", 1),
        ("CAUT", 40),
        ("CRSN", 1),
        ("SRDT", 8),
        ("CTLN", 15),
    ] {
        fields.text(&format!("{prefix}{name}"), len)?;
    }
    Ok(())
}

/// The same of NITF 2.0 (MIL-STD-2500A).
fn old_security(fields: &mut Fields<'_>, prefix: &str) -> Result<()> {
    for (name, len) in [
        ("CLAS", 1),
        ("CODE", 40),
        ("CTLH", 40),
        ("REL", 40),
        ("CAUT", 20),
        ("CTLN", 20),
    ] {
        fields.text(&format!("{prefix}{name}"), len)?;
    }
    if fields.text(&format!("{prefix}DWNG"), 6)? == DOWNGRADED_BY_EVENT {
        fields.text(&format!("{prefix}DEVT"), 40)?;
    }
    Ok(())
}

/// The tagged extensions in an area of a header, each a name and its data.
///
/// What is damaged ends the list: it must not cost the pixels.
pub fn extensions(mut area: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    while let Some((head, rest)) = area.split_at_checked(11) {
        let Ok(len) = number("CEL", &text(&head[6..])) else {
            break;
        };
        let Some((data, rest)) = rest.split_at_checked(len as usize) else {
            break;
        };
        found.push((text(&head[..6]), data.to_vec()));
        area = rest;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_strict_and_named() {
        let mut fields = Fields::new(b"00042 7x  AB\xe9 ");
        assert_eq!(fields.number("A", 5).expect("digits"), 42);
        assert_eq!(fields.number("B", 2).expect("a space before"), 7);
        let error = fields.number("C", 3).expect_err("a letter");
        assert!(error.message().contains("field C"), "{error}");
        assert_eq!(fields.text("D", 4).expect("a text"), "AB\u{e9}");
        let error = fields.text("E", 1).expect_err("the end");
        assert!(error.message().contains("field E"), "{error}");
        let texts = fields.into_texts();
        assert_eq!(texts[0], ("NITF_A".into(), "00042".into()));
    }

    #[test]
    fn extensions_end_where_they_are_damaged() {
        let found = extensions(b"ABC   00003xyzDEFGHI00000BAD   00009short");
        assert_eq!(found.len(), 2);
        assert_eq!(found[0], ("ABC".into(), b"xyz".to_vec()));
        assert_eq!(found[1], ("DEFGHI".into(), Vec::new()));
        assert!(extensions(b"ABC   -0003xyz").is_empty());
    }
}
