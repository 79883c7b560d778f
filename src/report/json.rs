//! JSON (RFC 8259): numbers, texts, and what is made of them, written in the order in which it is said.

use std::fmt::Write;

/// An object or an array that is being written.
pub struct Json {
    text: String,
    /// Whether something stands before the next member.
    follows: bool,
}

impl Json {
    /// An object with the members that `members` writes.
    pub fn object(members: impl FnOnce(&mut Json)) -> String {
        let mut json = Json {
            text: String::new(),
            follows: false,
        };
        json.enclosed('{', '}', members);
        json.text
    }

    fn enclosed(&mut self, open: char, close: char, members: impl FnOnce(&mut Json)) {
        self.text.push(open);
        self.follows = false;
        members(self);
        self.text.push(close);
        self.follows = true;
    }

    fn next(&mut self) {
        if self.follows {
            self.text.push(',');
        }
        self.follows = true;
    }

    fn name(&mut self, name: &str) {
        self.next();
        escaped(&mut self.text, name);
        self.text.push(':');
    }

    /// A member that is a number.
    pub fn number(&mut self, name: &str, number: u64) {
        self.name(name);
        // Writing to a text cannot fail.
        let _ = write!(self.text, "{number}");
    }

    /// A member that is a number with a point; null where it is not finite, for which JSON has no number.
    pub fn fraction(&mut self, name: &str, number: f64) {
        self.name(name);
        let _ = match number.is_finite() {
            true => write!(self.text, "{number:?}"),
            false => write!(self.text, "null"),
        };
    }

    /// A member that is a text.
    pub fn text(&mut self, name: &str, text: &str) {
        self.name(name);
        escaped(&mut self.text, text);
    }

    /// A member that is an object.
    pub fn object_of(&mut self, name: &str, members: impl FnOnce(&mut Json)) {
        self.name(name);
        self.enclosed('{', '}', members);
    }

    /// A member that is an array of objects, one for each item.
    pub fn objects<T>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        mut members: impl FnMut(&mut Json, T),
    ) {
        self.name(name);
        self.enclosed('[', ']', |json| {
            for item in items {
                json.next();
                json.enclosed('{', '}', |json| members(json, item));
            }
        });
    }

    /// A member that is an array of texts.
    pub fn texts<'a>(&mut self, name: &str, texts: impl IntoIterator<Item = &'a str>) {
        self.name(name);
        self.enclosed('[', ']', |json| {
            for text in texts {
                json.next();
                escaped(&mut json.text, text);
            }
        });
    }

    /// A member that is an array of numbers.
    pub fn numbers(&mut self, name: &str, numbers: impl IntoIterator<Item = u64>) {
        self.name(name);
        self.enclosed('[', ']', |json| {
            for number in numbers {
                json.next();
                let _ = write!(json.text, "{number}");
            }
        });
    }
}

/// A text between quotation marks.
fn escaped(into: &mut String, text: &str) {
    into.push('"');
    for c in text.chars() {
        match c {
            '"' => into.push_str("\\\""),
            '\\' => into.push_str("\\\\"),
            c if u32::from(c) < 0x20 => {
                let _ = write!(into, "\\u{:04x}", u32::from(c));
            }
            c => into.push(c),
        }
    }
    into.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_follow_each_other_and_texts_are_escaped() {
        let json = Json::object(|json| {
            json.number("n", u64::MAX);
            json.fraction("half", 0.5);
            json.fraction("whole", 2.0);
            json.fraction("none", f64::NAN);
            json.text("t\"", "a\\b\n\u{1}é");
            json.object_of("empty", |_| ());
            json.objects("list", [1, 2], |json, n| json.number("n", n));
            json.objects("nothing", [0; 0], |_, _: u64| ());
            json.texts("texts", ["x", "y"]);
            json.numbers("numbers", [3, 4]);
        });
        let expected = concat!(
            r#"{"n":18446744073709551615,"half":0.5,"whole":2.0,"none":null,"#,
            "\"t\\\"\":\"a\\\\b\\u000a\\u0001é\",",
            r#""empty":{},"list":[{"n":1},{"n":2}],"nothing":[],"texts":["x","y"],"numbers":[3,4]}"#
        );
        assert_eq!(json, expected);
    }
}
