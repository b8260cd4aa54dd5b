//! Conditions and changes as DynamoDB expressions. Every name is aliased, because many words are reserved.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::codec::attribute;
use super::condition::{Condition, Update};
use super::row::Value;
use super::{Bound, Select};

/// Collects the aliases of one request.
#[derive(Debug, Default)]
pub(super) struct Aliases {
    names: Vec<String>,
    values: HashMap<String, AttributeValue>,
}

impl Aliases {
    fn name(&mut self, name: &str) -> String {
        let at = self
            .names
            .iter()
            .position(|held| held == name)
            .unwrap_or_else(|| {
                self.names.push(name.to_owned());
                self.names.len() - 1
            });
        format!("#n{at}")
    }

    fn value(&mut self, value: &Value) -> String {
        let alias = format!(":v{}", self.values.len());
        self.values.insert(alias.clone(), attribute(value));
        alias
    }

    /// Names for the request; `None` if there are none, as DynamoDB requires.
    pub(super) fn names(&self) -> Option<HashMap<String, String>> {
        let pairs = self
            .names
            .iter()
            .enumerate()
            .map(|(at, name)| (format!("#n{at}"), name.clone()));
        Some(pairs.collect::<HashMap<_, _>>()).filter(|names| !names.is_empty())
    }

    /// Values for the request; `None` if there are none.
    pub(super) fn values(self) -> Option<HashMap<String, AttributeValue>> {
        Some(self.values).filter(|values| !values.is_empty())
    }
}

/// The expression of a condition; `None` if it always holds.
pub(super) fn condition(aliases: &mut Aliases, condition: &Condition) -> Option<String> {
    if condition.asks_nothing() {
        return None;
    }
    Some(match condition {
        Condition::Always => return None,
        Condition::Absent(name) => format!("attribute_not_exists({})", aliases.name(name)),
        Condition::Present(name) => format!("attribute_exists({})", aliases.name(name)),
        Condition::Equals(name, value) => {
            format!("{} = {}", aliases.name(name), aliases.value(value))
        }
        Condition::Below(name, value) => {
            format!("{} < {}", aliases.name(name), aliases.value(value))
        }
        Condition::All(parts) => return joined(aliases, parts, " AND "),
        Condition::Any(parts) => return joined(aliases, parts, " OR "),
    })
}

fn joined(aliases: &mut Aliases, parts: &[Condition], with: &str) -> Option<String> {
    let parts: Vec<String> = parts
        .iter()
        .filter_map(|part| condition(aliases, part))
        .collect();
    // DynamoDB refuses parentheses around parentheses.
    match parts.as_slice() {
        [] => None,
        [one] => Some(one.clone()),
        _ => Some(format!("({})", parts.join(with))),
    }
}

/// The expression of a change; `None` if nothing changes.
pub(super) fn update(aliases: &mut Aliases, update: &Update) -> Option<String> {
    let mut set: Vec<String> = update
        .set
        .iter()
        .map(|(name, value)| format!("{} = {}", aliases.name(name), aliases.value(value)))
        .collect();
    set.extend(update.set_absent.iter().map(|(name, value)| {
        let name = aliases.name(name);
        format!("{name} = if_not_exists({name}, {})", aliases.value(value))
    }));
    let remove: Vec<String> = update
        .remove
        .iter()
        .map(|name| aliases.name(name))
        .collect();
    let clauses = [("SET", set), ("REMOVE", remove)];
    let clauses: Vec<String> = clauses
        .into_iter()
        .filter(|(_, parts)| !parts.is_empty())
        .map(|(word, parts)| format!("{word} {}", parts.join(", ")))
        .collect();
    (!clauses.is_empty()).then(|| clauses.join(" "))
}

/// The key condition of a query; `None` for a scan.
pub(super) fn key_condition(aliases: &mut Aliases, select: &Select) -> Option<String> {
    let (name, value) = select.partition.as_ref()?;
    let mut text = format!(
        "{} = {}",
        aliases.name(name),
        aliases.value(&Value::S(value.clone()))
    );
    if let Some((name, bound)) = &select.sort {
        let name = aliases.name(name);
        let (Bound::Below(value) | Bound::From(value) | Bound::Prefix(value)) = bound;
        let value = aliases.value(&Value::S(value.clone()));
        text = match bound {
            Bound::Below(_) => format!("{text} AND {name} < {value}"),
            Bound::From(_) => format!("{text} AND {name} >= {value}"),
            Bound::Prefix(_) => format!("{text} AND begins_with({name}, {value})"),
        };
    }
    Some(text)
}
