//! DAG-JSON of [`Ipld`] values: the form that UCAN signatures cover, and the one that people read.

use ipld_core::ipld::Ipld;

/// Why a text is no DAG-JSON.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A value has no DAG-JSON form.
    #[error("encode DAG-JSON: {0}")]
    Encode(String),
    /// A text is not one DAG-JSON value.
    #[error("decode DAG-JSON: {0}")]
    Decode(String),
}

/// Writes a value without white space, map keys sorted bytewise, text escaped as JavaScript does.
pub fn encode(value: &Ipld) -> Result<String, Error> {
    let _ = value;
    todo!()
}

/// Reads one value; `{"/": text}` is a link and `{"/": {"bytes": text}}` are bytes.
pub fn decode(text: &str) -> Result<Ipld, Error> {
    let _ = text;
    todo!()
}

/// The same form as JSON tree.
pub fn to_value(value: &Ipld) -> Result<serde_json::Value, Error> {
    let _ = value;
    todo!()
}

/// Reads the DAG-JSON form out of a JSON tree.
pub fn from_value(value: &serde_json::Value) -> Result<Ipld, Error> {
    let _ = value;
    todo!()
}
