//! The items of GDAL's metadata tag: a flat list of `<Item name=".." sample="..">text</Item>`.

use crate::source::xml::{attributes, unescape};

/// One name and text.
#[derive(Debug, PartialEq)]
pub struct Item {
    /// The band that it is said of, or `None` for the image.
    pub band: Option<u32>,
    /// The name; one of a domain of its own is preceded by it and a colon.
    pub name: String,
    /// The text.
    pub text: String,
}

/// All items; what is no item is passed over.
pub fn items(xml: &str) -> Vec<Item> {
    let mut items = Vec::new();
    let mut rest = xml;
    while let Some((_, from)) = rest.split_once("<Item") {
        let Some((tag, body)) = from.split_once('>') else {
            break;
        };
        let text = if tag.ends_with('/') {
            rest = body;
            ""
        } else {
            let Some((text, after)) = body.split_once("</Item>") else {
                break;
            };
            rest = after;
            text
        };
        let mut said = attributes(tag);
        let Some(name) = said.remove("name").filter(|name| !name.is_empty()) else {
            continue;
        };
        let name = match said.remove("domain") {
            Some(domain) if !domain.is_empty() => format!("{domain}:{name}"),
            _ => name,
        };
        items.push(Item {
            band: said.get("sample").and_then(|band| band.parse().ok()),
            name,
            // GDAL escapes texts before it makes XML of them, which escapes them again.
            text: unescape(&unescape(text)),
        });
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_of_image_band_and_domain() {
        let xml = r#"<GDALMetadata>
            <Item name="A">1 &amp;lt; 2 &lt; &#65;&#x42;; &no</Item>
            <Item name="B" sample="2" role="scale">0.5</Item>
            <Item name="C" domain="RPC">x</Item><Item name="D"/>
            <Item name="">nameless</Item><Item name="" domain="RPC">too</Item><Item>too</Item>
            <Item name="E">never closed"#;
        let item = |band, name: &str, text: &str| Item {
            band,
            name: name.into(),
            text: text.into(),
        };
        assert_eq!(
            items(xml),
            [
                item(None, "A", "1 < 2 < AB; &no"),
                item(Some(2), "B", "0.5"),
                item(None, "RPC:C", "x"),
                item(None, "D", ""),
            ]
        );
    }

    #[test]
    fn long_texts_take_time_in_proportion() {
        let open = "<Item ".repeat(1 << 20);
        assert_eq!(items(&open), []);
        assert_eq!(items(&format!("{open}/>")), []);
        let items = items(&"<Item name='A'/>".repeat(1 << 16));
        assert_eq!(items.len(), 1 << 16);
    }
}
