//! A row as data, and typed access to its attributes.

use std::collections::BTreeMap;

use crate::model::UnixMillis;
use serde::{Deserialize, Serialize};

/// Value of an attribute, in the kinds that migration tables use (docs/protocol/tables.md §3).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Value {
    /// Text.
    S(String),
    /// Whole number.
    N(i64),
    /// A number that is not whole or does not fit, as its text.
    Decimal(String),
    /// Truth.
    Bool(bool),
    /// An explicit null (`filter` of the existing tool).
    Null,
    /// List.
    L(Vec<Value>),
    /// Map.
    M(BTreeMap<String, Value>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::S(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::S(text)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        i64::try_from(number).map_or_else(|_| Self::Decimal(number.to_string()), Self::N)
    }
}

impl From<UnixMillis> for Value {
    fn from(time: UnixMillis) -> Self {
        Self::S(time.to_string())
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

/// Attributes of one row by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Row(pub BTreeMap<String, Value>);

impl Row {
    /// No attributes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same row with one more attribute.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.set(name, value);
        self
    }

    /// Sets an attribute.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// Value of an attribute.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// Text of an attribute; `None` if it is absent, empty or of another kind.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.get(name) {
            Some(Value::S(text)) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    /// A whole number that is not negative, else `None`: counters of the existing tool may be missing, negative or not
    /// whole (docs/protocol/pitfalls.md 43-45).
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        match self.get(name) {
            Some(Value::N(number)) => u64::try_from(*number).ok(),
            Some(Value::Decimal(text) | Value::S(text)) => text.parse().ok(),
            _ => None,
        }
    }

    /// Time of an attribute; `None` if it is absent or not a time.
    #[must_use]
    pub fn time(&self, name: &str) -> Option<UnixMillis> {
        self.text(name).and_then(UnixMillis::parse)
    }

    /// Whether an attribute is true; absent is false.
    #[must_use]
    pub fn truth(&self, name: &str) -> bool {
        matches!(self.get(name), Some(Value::Bool(true)))
    }
}
