//! Conditions and changes as data: rendered for DynamoDB, evaluated for SQLite and in memory.

use super::row::{Row, Value};

/// A condition on the stored row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// It always holds.
    Always,
    /// The attribute is absent.
    Absent(&'static str),
    /// The attribute is present.
    Present(&'static str),
    /// The attribute is present and equal.
    Equals(&'static str, Value),
    /// The attribute is present and below.
    Below(&'static str, Value),
    /// All of them.
    All(Vec<Condition>),
    /// At least one of them.
    Any(Vec<Condition>),
}

impl Condition {
    /// Whether it holds for `row`. A missing row counts as empty.
    #[must_use]
    pub fn holds(&self, row: &Row) -> bool {
        match self {
            Self::Always => true,
            Self::Absent(name) => row.get(name).is_none(),
            Self::Present(name) => row.get(name).is_some(),
            Self::Equals(name, value) => row.get(name) == Some(value),
            Self::Below(name, value) => row.get(name).is_some_and(|held| below(held, value)),
            Self::All(parts) => parts.iter().all(|part| part.holds(row)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(row)),
        }
    }

    /// Whether it holds for every row.
    pub(super) fn asks_nothing(&self) -> bool {
        match self {
            Self::Always => true,
            Self::All(parts) => parts.iter().all(Self::asks_nothing),
            Self::Any(parts) => parts.iter().any(Self::asks_nothing),
            _ => false,
        }
    }

    /// The attribute is absent or equal to `value`.
    #[must_use]
    pub fn absent_or(name: &'static str, value: impl Into<Value>) -> Self {
        Self::Any(vec![Self::Absent(name), Self::Equals(name, value.into())])
    }
}

/// Values of different kinds do not compare.
fn below(held: &Value, value: &Value) -> bool {
    std::mem::discriminant(held) == std::mem::discriminant(value) && held < value
}

/// A change of attributes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Update {
    /// Set to a value.
    pub set: Vec<(String, Value)>,
    /// Set where absent.
    pub set_absent: Vec<(String, Value)>,
    /// Remove.
    pub remove: Vec<String>,
}

impl Update {
    /// No change.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets an attribute.
    #[must_use]
    pub fn set(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.set.push((name.into(), value.into()));
        self
    }

    /// Sets an attribute if there is a value.
    #[must_use]
    pub fn set_some<V: Into<Value>>(self, name: &str, value: Option<V>) -> Self {
        match value {
            Some(value) => self.set(name, value),
            None => self,
        }
    }

    /// Sets an attribute if it is absent.
    #[must_use]
    pub fn set_absent(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.set_absent.push((name.into(), value.into()));
        self
    }

    /// Removes an attribute.
    #[must_use]
    pub fn remove(mut self, name: impl Into<String>) -> Self {
        self.remove.push(name.into());
        self
    }

    /// The row after the change.
    #[must_use]
    pub fn apply(&self, mut row: Row) -> Row {
        for (name, value) in &self.set_absent {
            row.0.entry(name.clone()).or_insert_with(|| value.clone());
        }
        for (name, value) in &self.set {
            row.0.insert(name.clone(), value.clone());
        }
        for name in &self.remove {
            row.0.remove(name);
        }
        row
    }
}
