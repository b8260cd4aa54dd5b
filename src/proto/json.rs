//! DAG-JSON of [`Ipld`] values: the form that UCAN signatures cover, and the one that people read
//! (docs/protocol/ucan.md §2).

use std::fmt::Write as _;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use cid::Cid;
use ipld_core::ipld::Ipld;
use serde_json::Value;

/// Base64 without padding; a reader forgives padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// Largest integer up to which every integer is a JavaScript number.
const MAX_SAFE: f64 = 9_007_199_254_740_991.0;

/// Why a text is no DAG-JSON.
#[derive(Debug, thiserror::Error)]
pub enum DagJsonError {
    /// A value has no DAG-JSON form.
    #[error("encode DAG-JSON: {0} is not a number")]
    Encode(f64),
    /// A text is not one JSON value.
    #[error("decode DAG-JSON: {0}")]
    Decode(#[from] serde_json::Error),
    /// `{"/": …}` holds neither a CID nor bytes.
    #[error("decode DAG-JSON: malformed link or bytes {0}")]
    Slash(String),
    /// A number is beyond 64 bits.
    #[error("decode DAG-JSON: number {0} is beyond 64 bits")]
    Number(String),
}

/// Writes a value without white space, map keys sorted bytewise, text escaped as JavaScript does.
///
/// # Errors
/// A float is not finite.
pub fn encode(value: &Ipld) -> Result<String, DagJsonError> {
    let mut out = String::new();
    write(value, &mut out)?;
    Ok(out)
}

/// Reads one value; `{"/": text}` is a link and `{"/": {"bytes": text}}` are bytes.
///
/// # Errors
/// The text is not one JSON value, or as [`from_value`].
pub fn decode(text: &str) -> Result<Ipld, DagJsonError> {
    from_value(&serde_json::from_str(text)?)
}

/// The same form as JSON tree.
///
/// # Errors
/// As [`encode`].
pub fn to_value(value: &Ipld) -> Result<Value, DagJsonError> {
    Ok(match value {
        Ipld::List(items) => Value::Array(items.iter().map(to_value).collect::<Result<_, _>>()?),
        Ipld::Map(entries) => Value::Object(
            entries
                .iter()
                .map(|(key, value)| Ok((key.clone(), to_value(value)?)))
                .collect::<Result<_, DagJsonError>>()?,
        ),
        leaf => serde_json::from_str(&encode(leaf)?)?,
    })
}

/// Reads the DAG-JSON form out of a JSON tree.
///
/// # Errors
/// A `{"/": …}` holds neither a link nor bytes.
pub fn from_value(value: &Value) -> Result<Ipld, DagJsonError> {
    Ok(match value {
        Value::Null => Ipld::Null,
        Value::Bool(value) => Ipld::Bool(*value),
        Value::String(text) => Ipld::String(text.clone()),
        Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
            (Some(number), _, _) => Ipld::Integer(number.into()),
            (_, Some(number), _) => Ipld::Integer(number.into()),
            (_, _, Some(float)) if number.to_string().contains(['.', 'e', 'E']) => {
                Ipld::Float(float)
            }
            _ => return Err(DagJsonError::Number(number.to_string())),
        },
        Value::Array(items) => Ipld::List(items.iter().map(from_value).collect::<Result<_, _>>()?),
        Value::Object(entries) => match entries.get("/") {
            Some(inner) if entries.len() == 1 => slash(inner)?,
            _ => Ipld::Map(
                entries
                    .iter()
                    .map(|(key, value)| Ok((key.clone(), from_value(value)?)))
                    .collect::<Result<_, DagJsonError>>()?,
            ),
        },
    })
}

/// Reads what stands under `"/"`.
fn slash(inner: &Value) -> Result<Ipld, DagJsonError> {
    let malformed = || DagJsonError::Slash(inner.to_string().chars().take(80).collect());
    match inner {
        Value::String(text) => Ok(Ipld::Link(
            Cid::try_from(text.as_str()).map_err(|_| malformed())?,
        )),
        Value::Object(entries) if entries.len() == 1 => {
            let text = entries
                .get("bytes")
                .and_then(Value::as_str)
                .ok_or_else(malformed)?;
            Ok(Ipld::Bytes(BASE64.decode(text).map_err(|_| malformed())?))
        }
        _ => Err(malformed()),
    }
}

fn write(value: &Ipld, out: &mut String) -> Result<(), DagJsonError> {
    match value {
        Ipld::Null => out.push_str("null"),
        Ipld::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Ipld::Integer(value) => drop(write!(out, "{value}")),
        Ipld::Float(value) => out.push_str(&float(*value)?),
        Ipld::String(text) => quote(text, out),
        Ipld::Bytes(bytes) => drop(write!(
            out,
            r#"{{"/":{{"bytes":"{}"}}}}"#,
            BASE64.encode(bytes)
        )),
        Ipld::Link(cid) => drop(write!(out, r#"{{"/":"{cid}"}}"#)),
        Ipld::List(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                out.push_str(if at == 0 { "" } else { "," });
                write(item, out)?;
            }
            out.push(']');
        }
        Ipld::Map(entries) => {
            out.push('{');
            for (at, (key, value)) in entries.iter().enumerate() {
                out.push_str(if at == 0 { "" } else { "," });
                quote(key, out);
                out.push(':');
                write(value, out)?;
            }
            out.push('}');
        }
    }
    Ok(())
}

/// Quotes as `JSON.stringify`: only the quote, the backslash and control characters are escaped.
pub(crate) fn quote(text: &str, out: &mut String) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            control if control < ' ' => drop(write!(out, "\\u{:04x}", u32::from(control))),
            other => out.push(other),
        }
    }
    out.push('"');
}

/// A float as the JavaScript writer prints it: integers without a point as far as they are safe, else with one.
fn float(value: f64) -> Result<String, DagJsonError> {
    if !value.is_finite() {
        return Err(DagJsonError::Encode(value));
    }
    let text = js_number(value);
    let plain = value.fract() == 0.0 && value.abs() <= MAX_SAFE;
    Ok(if plain || text.contains(['.', 'e']) {
        text
    } else {
        text + ".0"
    })
}

/// A finite number as JavaScript's `String(number)`.
pub(crate) fn js_number(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    if (1e-6..1e21).contains(&value.abs()) {
        return value.to_string();
    }
    let text = format!("{value:e}");
    if text.contains("e-") {
        text
    } else {
        text.replace('e', "e+")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_print_as_javascript_prints_them() {
        let printed = |value: f64| encode(&Ipld::Float(value)).unwrap();
        assert_eq!(printed(5.0), "5");
        assert_eq!(printed(-0.0), "0");
        assert_eq!(printed(0.1), "0.1");
        assert_eq!(printed(1e21), "1e+21");
        assert_eq!(printed(1.5e-7), "1.5e-7");
        assert_eq!(printed(9_007_199_254_740_992.0), "9007199254740992.0");
        assert!(encode(&Ipld::Float(f64::NAN)).is_err());
        assert_eq!(
            encode(&Ipld::Integer(u64::MAX.into())).unwrap(),
            "18446744073709551615"
        );
    }

    #[test]
    fn text_is_escaped_as_javascript_escapes_it() {
        let text = Ipld::String("a\"\\/\n\t\u{8}\u{c}\r\u{1}\u{7f}é✓😎\u{2028}".into());
        let json = encode(&text).unwrap();
        assert_eq!(
            json,
            "\"a\\\"\\\\/\\n\\t\\b\\f\\r\\u0001\u{7f}é✓😎\u{2028}\""
        );
        assert_eq!(decode(&json).unwrap(), text);
    }

    #[test]
    fn broken_links_and_bytes_are_refused() {
        for text in [
            r#"{"/":"no cid"}"#,
            r#"{"/":{"bytes":"*"}}"#,
            r#"{"/":1}"#,
            r#"{"/":{"bytes":"","a":1}}"#,
            "1e999",
        ] {
            assert!(decode(text).is_err(), "{text}");
        }
        assert!(matches!(decode(r#"{"/":1,"a":2}"#), Ok(Ipld::Map(_))));
    }
}
