//! What a face is: one form in which answers are put out.

use serde_json::Value;

use super::keys::in_words;
use super::paint::Paint;
use super::view::{SCHEMA, VERSION, View};
use crate::model::Vocabulary;

/// One form of output.
#[derive(Debug, Clone, Copy)]
pub struct Face {
    /// What it is called on the command line (`--output NAME`).
    pub name: &'static str,
    /// How reports are put out that are no answer of the monitor.
    pub form: Form,
    /// Renders any answer, with colours if its form has them.
    pub render: fn(&Answer, Paint) -> serde_json::Result<String>,
}

/// What a face is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Text for people.
    Text,
    /// One JSON document.
    Document,
    /// A JSON record per line.
    Lines,
}

/// An answer of the monitor, and the words of the migration that it is about.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The answer.
    pub view: View,
    /// What its units, items and owners are called.
    pub words: &'static Vocabulary,
}

impl Answer {
    /// The answer as JSON, in the words of its migration, with the name and version of the schema.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub fn document(&self) -> serde_json::Result<Value> {
        Ok(with_schema(
            in_words(&self.view, self.words)?,
            SCHEMA,
            VERSION,
        ))
    }
}

/// A document or record with the name and version of the schema.
#[must_use]
pub fn with_schema(mut value: Value, schema: &str, version: u32) -> Value {
    if let Value::Object(fields) = &mut value {
        fields.insert("schema".into(), schema.into());
        fields.insert("version".into(), version.into());
    }
    value
}
