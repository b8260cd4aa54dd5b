//! Conditions and changes as data: rendered for DynamoDB, evaluated in memory.

use super::row::{Row, Value};

/// What must hold of the row that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Nothing is asked.
    Always,
    /// The attribute is not there.
    Absent(&'static str),
    /// The attribute is there.
    Present(&'static str),
    /// The attribute is there and equal.
    Equals(&'static str, Value),
    /// The attribute is there and another.
    Differs(&'static str, Value),
    /// The attribute is there and below.
    Below(&'static str, Value),
    /// All of them.
    All(Vec<Condition>),
    /// At least one of them.
    Any(Vec<Condition>),
}

impl Condition {
    /// Whether it holds for `row`; a row that is not there is an empty one.
    #[must_use]
    pub fn holds(&self, row: &Row) -> bool {
        match self {
            Self::Always => true,
            Self::Absent(name) => row.get(name).is_none(),
            Self::Present(name) => row.get(name).is_some(),
            Self::Equals(name, value) => row.get(name) == Some(value),
            Self::Differs(name, value) => row.get(name).is_some_and(|held| held != value),
            Self::Below(name, value) => row.get(name).is_some_and(|held| below(held, value)),
            Self::All(parts) => parts.iter().all(|part| part.holds(row)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(row)),
        }
    }

    /// Whether it holds whatever the row is.
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
    /// Add to a number (absent is 0).
    pub add: Vec<(String, i64)>,
    /// Take away.
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

    /// Sets an attribute that is not there.
    #[must_use]
    pub fn set_absent(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.set_absent.push((name.into(), value.into()));
        self
    }

    /// Adds to a number.
    #[must_use]
    pub fn add(mut self, name: impl Into<String>, number: i64) -> Self {
        self.add.push((name.into(), number));
        self
    }

    /// Takes an attribute away.
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
        for (name, number) in &self.add {
            let held = match row.get(name) {
                Some(Value::N(held)) => *held,
                _ => 0,
            };
            row.0
                .insert(name.clone(), Value::N(held.saturating_add(*number)));
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
