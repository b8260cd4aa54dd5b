//! One item of a table, with accessors by type.

use std::collections::HashMap;

use dynoxide::AttributeValue;

/// One item: attribute names and values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row(pub(super) HashMap<String, AttributeValue>);

impl Row {
    /// An item without attributes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With a text.
    #[must_use]
    pub fn text(self, name: &str, value: impl Into<String>) -> Self {
        self.with(name, AttributeValue::S(value.into()))
    }

    /// With a number.
    #[must_use]
    pub fn number(self, name: &str, value: u64) -> Self {
        self.with(name, AttributeValue::N(value.to_string()))
    }

    /// With a signed number.
    #[must_use]
    pub fn signed(self, name: &str, value: i64) -> Self {
        self.with(name, AttributeValue::N(value.to_string()))
    }

    /// With a set of texts; an empty one is left out, as `DynamoDB` refuses it.
    #[must_use]
    pub fn texts<T: Into<String>>(self, name: &str, values: impl IntoIterator<Item = T>) -> Self {
        let values: Vec<String> = values.into_iter().map(Into::into).collect();
        if values.is_empty() {
            return self;
        }
        self.with(name, AttributeValue::SS(values))
    }

    /// With bytes.
    #[must_use]
    pub fn bytes(self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.with(name, AttributeValue::B(value.into()))
    }

    /// With a NULL.
    #[must_use]
    pub fn null(self, name: &str) -> Self {
        self.with(name, AttributeValue::NULL(true))
    }

    /// A text.
    #[must_use]
    pub fn get_text(&self, name: &str) -> Option<&str> {
        match self.0.get(name)? {
            AttributeValue::S(value) => Some(value),
            _ => None,
        }
    }

    /// A number that is whole and not negative.
    #[must_use]
    pub fn get_number(&self, name: &str) -> Option<u64> {
        match self.0.get(name)? {
            AttributeValue::N(value) => value.parse().ok(),
            _ => None,
        }
    }

    /// A set of texts; empty if there is none.
    #[must_use]
    pub fn get_texts(&self, name: &str) -> &[String] {
        match self.0.get(name) {
            Some(AttributeValue::SS(values)) => values,
            _ => &[],
        }
    }

    /// Whether there is such an attribute, of any type.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn with(mut self, name: &str, value: AttributeValue) -> Self {
        self.0.insert(name.to_owned(), value);
        self
    }
}
