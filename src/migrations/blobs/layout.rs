//! Layouts: which keys there are, into which units they fall, and what digest a key names (docs/blobs.md §5).

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use super::digest::Expected;

/// The unit that holds every key, where keys do not fall into parts of about equal size.
const ALL: &str = "all";

/// How keys are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    /// Any key.
    Plain,
    /// Keys made of the digest of their bytes.
    Digest(Template),
}

/// A key made of hexadecimal digits, such as `{hex:2}/{hex}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    text: String,
    parts: Vec<Part>,
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// Text as it stands.
    Literal(String),
    /// These of the digits.
    Some(Range<usize>),
    /// All of the digits.
    Whole,
}

/// A text that names no layout.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a layout: {why}; write plain, or digest: and a template such as {{hex:2}}/{{hex}}"
)]
pub struct LayoutError {
    text: String,
    why: &'static str,
}

impl Layout {
    /// The digest that a key names; `None` if it names none.
    #[must_use]
    pub fn expected(&self, key: &str) -> Option<Expected> {
        match self {
            Self::Plain => None,
            Self::Digest(template) => Expected::of_hex(template.digits(key)?),
        }
    }

    /// Whether there may be such a key.
    #[must_use]
    pub fn holds(&self, key: &str) -> bool {
        match self {
            Self::Plain => true,
            Self::Digest(_) => self.expected(key).is_some(),
        }
    }

    /// The key of a blob, of a digest or of the key itself.
    #[must_use]
    pub fn key(&self, name: &str) -> String {
        match self {
            Self::Digest(template) if Expected::of_hex(name).is_some() => template.key(name),
            Self::Plain | Self::Digest(_) => name.to_owned(),
        }
    }

    /// The units: one for each two digits that keys begin with, if they begin so; else one.
    #[must_use]
    pub fn units(&self) -> Vec<String> {
        match self.before_digits() {
            Some(_) => (0..=255).map(|byte| format!("{byte:02x}")).collect(),
            None => vec![ALL.to_owned()],
        }
    }

    /// What the keys of a unit begin with.
    #[must_use]
    pub fn prefix(&self, unit: &str) -> String {
        match self.before_digits() {
            Some(before) if unit != ALL => format!("{before}{unit}"),
            _ => String::new(),
        }
    }

    /// The unit of a key.
    #[must_use]
    pub fn unit(&self, key: &str) -> String {
        let digits = self
            .before_digits()
            .and_then(|before| key.strip_prefix(before)?.get(..2));
        digits.unwrap_or(ALL).to_owned()
    }

    /// What comes before the first two digits in every key, if they stand together.
    fn before_digits(&self) -> Option<&str> {
        let Self::Digest(template) = self else {
            return None;
        };
        let (before, first) = match &template.parts[..] {
            [Part::Literal(text), first, ..] => (&**text, first),
            [first, ..] => ("", first),
            [] => return None,
        };
        match first {
            Part::Whole => Some(before),
            Part::Some(digits) if digits.start == 0 && digits.len() >= 2 => Some(before),
            Part::Some(_) | Part::Literal(_) => None,
        }
    }
}

impl Template {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let (mut parts, mut rest, mut taken) = (Vec::new(), text, 0);
        while !rest.is_empty() {
            let Some((before, after)) = rest.split_once('{') else {
                parts.push(Part::Literal(rest.to_owned()));
                break;
            };
            if !before.is_empty() {
                parts.push(Part::Literal(before.to_owned()));
            }
            let (inside, after) = after.split_once('}').ok_or("a brace is not closed")?;
            parts.push(if inside == "hex" {
                Part::Whole
            } else {
                let digits = inside
                    .strip_prefix("hex:")
                    .and_then(|digits| digits.parse().ok());
                let digits: usize = digits.ok_or("a brace holds neither hex nor hex:N")?;
                taken += digits;
                Part::Some(taken - digits..taken)
            });
            rest = after;
        }
        if !parts.contains(&Part::Whole) {
            return Err("no {hex} says where the whole digest stands");
        }
        if taken > 64 {
            return Err("it takes more digits than a digest has");
        }
        Ok(Self {
            text: text.to_owned(),
            parts,
        })
    }

    /// The key of these digits.
    fn key(&self, digits: &str) -> String {
        let part = |part: &Part| match part {
            Part::Literal(text) => text.clone(),
            Part::Some(range) => digits.get(range.clone()).unwrap_or_default().to_owned(),
            Part::Whole => digits.to_owned(),
        };
        self.parts.iter().map(part).collect()
    }

    /// The digits of a key that the template makes; `None` if it makes no such key.
    fn digits<'a>(&self, key: &'a str) -> Option<&'a str> {
        let mut start = 0;
        for part in &self.parts {
            match part {
                Part::Literal(text) => start += text.len(),
                Part::Some(range) => start += range.len(),
                Part::Whole => break,
            }
        }
        let rest = key.get(start..)?;
        let end = rest.find(|digit: char| !matches!(digit, '0'..='9' | 'a'..='f'));
        // Where digits come right behind the whole digest, its length is not seen: keys of such templates are told by
        // the lengths that digests have.
        let ends = [Some(end.unwrap_or(rest.len())), Some(64), Some(128)];
        ends.into_iter().flatten().find_map(|end| {
            let digits = rest.get(..end)?;
            (self.key(digits) == key).then_some(digits)
        })
    }
}

impl FromStr for Layout {
    type Err = LayoutError;

    fn from_str(text: &str) -> Result<Self, LayoutError> {
        let wrong = |why| LayoutError {
            text: text.to_owned(),
            why,
        };
        match text.split_once(':') {
            None if text == "plain" => Ok(Self::Plain),
            Some(("digest", template)) => {
                Template::parse(template).map(Self::Digest).map_err(wrong)
            }
            _ => Err(wrong("there is none of this name")),
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain => f.write_str("plain"),
            Self::Digest(template) => write!(f, "digest:{}", template.text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn a_key_of_a_template_names_its_digest_and_its_unit() {
        for (template, key, prefix) in [
            ("{hex:2}/{hex}", format!("e3/{HEX}"), "e3"),
            (
                "sha256/{hex:2}/{hex:2}/{hex}",
                format!("sha256/e3/b0/{HEX}"),
                "sha256/e3",
            ),
            ("{hex}", HEX.to_owned(), "e3"),
            ("b-{hex}.bin", format!("b-{HEX}.bin"), "b-e3"),
        ] {
            let layout: Layout = format!("digest:{template}").parse().unwrap();
            assert_eq!(layout.to_string(), format!("digest:{template}"));
            assert_eq!(layout.key(HEX), key);
            assert_eq!(layout.expected(&key), Expected::of_hex(HEX), "{template}");
            assert_eq!((&*layout.unit(&key), &*layout.prefix("e3")), ("e3", prefix));
            assert_eq!(layout.units().len(), 256);
            assert!(key.starts_with(&layout.prefix(&layout.unit(&key))));
        }
    }

    #[test]
    fn a_key_that_the_template_does_not_make_names_no_digest() {
        let layout: Layout = "digest:{hex:2}/{hex}".parse().unwrap();
        let upper = format!("E3/{}", HEX.to_uppercase());
        for key in [
            "",
            "e3",
            "e3/",
            &format!("e4/{HEX}"),
            &format!("e3/{HEX}x"),
            &format!("e3/{}", &HEX[2..]),
            &upper,
        ] {
            assert!(!layout.holds(key), "{key}");
        }
    }

    #[test]
    fn whatever_is_no_template_is_refused() {
        for text in [
            "",
            "sha",
            "digest",
            "digest:",
            "digest:{hex:2}",
            "digest:{hex",
            "digest:{x}/{hex}",
            "digest:{hex:65}{hex}",
        ] {
            assert!(text.parse::<Layout>().is_err(), "{text}");
        }
        assert_eq!("plain".parse::<Layout>().unwrap().units(), [ALL]);
    }
}
