//! Keys of JSON in the words of a migration: where a unit is a box, `units_ended` is `boxes_ended`.

use serde::Serialize;
use serde_json::Value;

use crate::model::{Vocabulary, rename_keys};

/// A key that is the same for every migration.
const KEPT: &str = "items_per_minute";

/// Keys whose value names what a document or a record is about.
const NAMES: [&str; 2] = ["view", "record"];

/// What is shown as JSON, with keys in the words of its migration.
///
/// # Errors
/// It cannot be written as JSON.
pub fn in_words(shown: &impl Serialize, words: &Vocabulary) -> serde_json::Result<Value> {
    let mut value = serde_json::to_value(shown)?;
    rename(&mut value, words);
    Ok(value)
}

/// The same of JSON with neutral keys.
pub(super) fn rename(value: &mut Value, words: &Vocabulary) {
    rename_keys(value, &|key| renamed(key, words));
    for name in NAMES {
        if let Some(Value::String(what)) = value.get_mut(name)
            && let Some(noun) = noun(what, words)
        {
            noun.clone_into(what);
        }
    }
}

fn renamed(key: &str, words: &Vocabulary) -> Option<String> {
    let parts = key.split('_');
    let parts: Vec<&str> = parts
        .map(|part| noun(part, words).unwrap_or(part))
        .collect();
    (key != KEPT).then(|| parts.join("_").replace(' ', "_"))
}

fn noun(word: &str, words: &Vocabulary) -> Option<&'static str> {
    Some(match word {
        "owner" => words.owner.one,
        "owners" => words.owner.many,
        "unit" => words.unit.one,
        "units" => words.unit.many,
        "items" => words.item.many,
        _ => return None,
    })
}
