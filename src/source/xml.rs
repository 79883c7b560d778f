//! XML as GDAL writes it: elements, attributes and texts, in one pass over the bytes.
//!
//! Entities are the five of the standard and numbers, so that no text becomes longer than the file has it, and
//! nothing is kept but the elements that are open.

use crate::error::{Error, Result};
use std::cell::OnceCell;
use std::collections::BTreeMap;

/// More elements than this in one another are taken for an attack.
const MAX_DEPTH: usize = 64;

/// Longer names of elements are taken for one, too.
const MAX_NAME: usize = 1024;

/// No entity has a longer name, as UTF-8 and with both its marks.
const LONGEST_ENTITY: usize = 12;

/// An element, from its first tag to its last.
pub struct Element<'a> {
    /// Its name.
    pub name: &'a str,
    /// Behind its name in its tag.
    tag: &'a str,
    /// Read once, however often they are asked for by what stands in the element.
    attributes: OnceCell<Attributes<'a>>,
    /// The text that stands in it and in none of its elements.
    pub text: String,
    /// What lies between its tags, as the document has it.
    pub inner: &'a str,
}

impl Element<'_> {
    /// The value of an attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        let all = self.attributes.get_or_init(|| attributes(self.tag));
        all.get(name).map(String::as_str)
    }
}

/// Tells `closed` of each element where it ends, with those that it stands in before it.
pub fn walk<'a>(xml: &'a str, closed: &mut dyn FnMut(&[Element<'a>])) -> Result<()> {
    let mut open: Vec<Element<'a>> = Vec::new();
    let mut any = false;
    let mut rest = xml;
    while let Some(at) = rest.find('<') {
        if let Some(last) = open.last_mut() {
            last.text.push_str(&unescape(&rest[..at]));
        }
        let tag = &rest[at..];
        rest = if tag.starts_with("<!--") {
            behind(tag, "-->")?.1
        } else if let Some(data) = tag.strip_prefix("<![CDATA[") {
            let (data, rest) = behind(data, "]]>")?;
            if let Some(last) = open.last_mut() {
                last.text.push_str(data);
            }
            rest
        } else if tag.starts_with("<?") {
            behind(tag, "?>")?.1
        } else if tag.starts_with("<!") {
            return Err(Error::unsupported("XML with a document type"));
        } else if let Some(end) = tag.strip_prefix("</") {
            let (name, rest) = behind(end, ">")?;
            let Some(last) = open.last_mut().filter(|last| last.name == name.trim_end()) else {
                return Err(Error::corrupt(format!(
                    "XML that ends {:?} where it is not open",
                    short(name)
                )));
            };
            let len = last.inner.len() - tag.len();
            last.inner = &last.inner[..len];
            closed(&open);
            open.pop();
            rest
        } else {
            let (inside, rest) = opening(&tag[1..])?;
            let (inside, is_empty) = match inside.strip_suffix('/') {
                Some(inside) => (inside, true),
                None => (inside, false),
            };
            let name_end = inside.find(char::is_whitespace).unwrap_or(inside.len());
            let (name, tag) = inside.split_at(name_end);
            if name.len() > MAX_NAME {
                return Err(Error::limit(format!(
                    "XML with a name of {} bytes: {:?}",
                    name.len(),
                    short(name)
                )));
            }
            if open.len() == MAX_DEPTH {
                return Err(Error::limit(format!(
                    "XML of more than {MAX_DEPTH} elements in one another"
                )));
            }
            open.push(Element {
                name,
                tag,
                attributes: OnceCell::new(),
                text: String::new(),
                inner: if is_empty { "" } else { rest },
            });
            any = true;
            if is_empty {
                closed(&open);
                open.pop();
            }
            rest
        };
    }
    match open.last() {
        Some(last) => Err(Error::corrupt(format!(
            "XML that does not end {:?}",
            short(last.name)
        ))),
        None if !any => Err(Error::corrupt("XML without an element")),
        None => Ok(()),
    }
}

/// What stands before an end, and what stands behind it.
fn behind<'a>(text: &'a str, end: &str) -> Result<(&'a str, &'a str)> {
    let parts = text.split_once(end);
    parts.ok_or_else(|| Error::corrupt(format!("XML without the {end:?} of {:?}", short(text))))
}

/// What stands in a tag that opens an element, and what stands behind it. Values may have any character.
fn opening(text: &str) -> Result<(&str, &str)> {
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Ok((&text[..at], &text[at + 1..])),
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            _ => (),
        }
    }
    Err(Error::corrupt(format!(
        "XML without the end of the tag {:?}",
        short(text)
    )))
}

/// The beginning of a text, for a message.
fn short(text: &str) -> String {
    text.chars().take(32).collect()
}

/// Attributes by their names.
pub type Attributes<'a> = BTreeMap<&'a str, String>;

/// The attributes in a tag, of repeated ones the first; up to one that is none.
pub fn attributes(tag: &str) -> Attributes<'_> {
    let mut all = BTreeMap::new();
    let mut rest = tag;
    while let Some((key, after)) = rest.split_once('=') {
        let after = after.trim_start();
        let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''));
        let value = quote.and_then(|quote| after[1..].split_once(quote));
        let Some((value, behind)) = value else {
            break;
        };
        all.entry(key.trim()).or_insert_with(|| unescape(value));
        rest = behind;
    }
    all
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
    use crate::error::Kind;

    /// Each element as it ends: its path, its text, and what is in it.
    fn walked(xml: &str) -> Result<Vec<String>> {
        let mut all = Vec::new();
        walk(xml, &mut |path| {
            let names: Vec<&str> = path.iter().map(|element| element.name).collect();
            let last = path.last().expect("an element");
            let attribute = last.attribute("a").unwrap_or_default();
            all.push(format!(
                "{}[{attribute}]{}|{}",
                names.join("/"),
                last.text,
                last.inner
            ));
        })?;
        Ok(all)
    }

    #[test]
    fn elements_are_told_with_their_path_text_and_inside() {
        let xml = "\u{feff}<?xml version='1.0'?><!-- <no> --><r a='1 &gt; 0'>x<e b = \"<>'\" a=\"&#65;\" />y\
                   <e\n a = 'ü'>&lt;<![CDATA[<&]]>&no;&#x1F600;</e >z</r>\n";
        let inside =
            "x<e b = \"<>'\" a=\"&#65;\" />y<e\n a = 'ü'>&lt;<![CDATA[<&]]>&no;&#x1F600;</e >z";
        assert_eq!(
            walked(xml).expect("XML"),
            [
                "r/e[A]|".to_owned(),
                "r/e[ü]<<&&no;😀|&lt;<![CDATA[<&]]>&no;&#x1F600;".to_owned(),
                format!("r[1 > 0]xyz|{inside}"),
            ]
        );
    }

    #[test]
    fn what_is_no_xml_or_an_attack_is_refused() {
        for (xml, says) in [
            ("", "without an element"),
            ("text", "without an element"),
            ("<a>", "does not end \"a\""),
            ("<a></b>", "ends \"b\""),
            ("</a>", "ends \"a\""),
            ("<a", "end of the tag \"a\""),
            ("<a b='>", "end of the tag"),
            (
                &format!("<{0}></{0}>", "a".repeat(1025)),
                "a name of 1025 bytes",
            ),
            ("<a><!-- ", "without the \"-->\""),
            ("<a><![CDATA[ ]]", "without the \"]]>\""),
            ("<!DOCTYPE a [<!ENTITY b 'bb'>]><a>&b;</a>", "document type"),
            (&"<a>".repeat(100_000), "more than 64 elements"),
        ] {
            let error = walked(xml).expect_err(xml);
            assert!(error.message().contains(says), "{error}");
            assert_ne!(error.kind(), Kind::Internal);
        }
    }

    #[test]
    fn long_texts_take_time_in_proportion() {
        let marks = "&".repeat(4 << 20);
        assert_eq!(unescape(&marks), marks);
        let all = walked(&format!("<a>{marks}</a>")).expect("XML");
        assert_eq!(all[0].len(), 2 * marks.len() + 4);
        // Of an element that has much of its own, too.
        let attributes: String = (0..100_000).map(|i| format!("a{i}='1' ")).collect();
        let many = format!("<f {attributes} a='2'>{}</f>", "<e/>".repeat(100_000));
        let mut count = 0;
        walk(&many, &mut |path| {
            count += usize::from(path[0].attribute("a") == Some("2"));
        })
        .expect("XML");
        assert_eq!(count, 100_001);
        let many = "<e a='1'/>".repeat(100_000);
        assert_eq!(
            walked(&format!("<a>{many}</a>")).expect("XML").len(),
            100_001
        );
    }
}
