//! Converts attributes from and to serde types.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::Value;
use crate::model::UnixMillis;

impl Value {
    /// The value of a serializable thing.
    pub fn of<T: Serialize>(thing: &T) -> Self {
        // Our types have text keys only, so they always serialize.
        serde_json::to_value(thing).map_or(Self::Null, Self::from)
    }

    /// Reads a value as a type; `None` if it does not fit.
    #[must_use]
    pub fn read<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_value(self.json()).ok()
    }

    /// The value as JSON.
    #[must_use]
    pub fn json(&self) -> Json {
        match self {
            Self::S(text) => Json::String(text.clone()),
            Self::N(number) => Json::from(*number),
            Self::Decimal(text) => text.parse::<u64>().map_or_else(
                |_| text.parse::<f64>().map_or(Json::Null, Json::from),
                Json::from,
            ),
            Self::Bool(truth) => Json::Bool(*truth),
            Self::Null => Json::Null,
            Self::L(list) => list.iter().map(Self::json).collect(),
            Self::M(map) => Json::Object(
                map.iter()
                    .map(|(name, value)| (name.clone(), value.json()))
                    .collect(),
            ),
        }
    }
}

impl From<Json> for Value {
    fn from(json: Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(truth) => Self::Bool(truth),
            Json::Number(number) => number
                .as_i64()
                .map_or_else(|| Self::Decimal(number.to_string()), Self::N),
            Json::String(text) => Self::S(text),
            Json::Array(list) => Self::L(list.into_iter().map(Self::from).collect()),
            Json::Object(map) => Self::M(
                map.into_iter()
                    .map(|(name, value)| (name, Self::from(value)))
                    .collect(),
            ),
        }
    }
}

/// A time as the existing tool writes it (docs/protocol/tables.md).
#[must_use]
pub fn stamp(time: UnixMillis) -> String {
    time.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_survives_the_way_through_attributes() {
        let json = serde_json::json!({ "a": 1, "b": [true, null, "x"], "c": 0.5, "d": u64::MAX });
        assert_eq!(Value::from(json.clone()).json(), json);
    }
}
