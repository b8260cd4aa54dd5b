//! Names of things, each a type of its own so that two cannot be mixed up.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A text that names no part of a unit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a part of a unit")]
pub struct PartIdError {
    /// The text as it was given.
    pub text: String,
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.as_ref().to_owned()
            }
        }

        impl $name {
            /// Takes any text as a name.
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            /// The name as text, as it is written on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self::new(text)
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self::new(text)
            }
        }
    };
}

text_id! {
    /// One instance of the fleet, usually its number as text.
    InstanceId
}
text_id! {
    /// The random id of a state folder, made once and kept in it.
    FolderId
}
text_id! {
    /// One journal: the number of its instance, and the id of the state folder that it lies in (`1#93ab…`).
    JournalId
}
text_id! {
    /// One run of one process, unique in the world.
    RunId
}
text_id! {
    /// A plan of `setup`: the digest of who does which units, in hexadecimal digits.
    PlanId
}
text_id! {
    /// One item inside its unit; items are listed in a stable order of these.
    ItemId
}

impl InstanceId {
    /// The instance with this number, as `setup` hands them out.
    #[must_use]
    pub fn number(number: u32) -> Self {
        Self::new(number.to_string())
    }
}

impl FolderId {
    /// Its first eight letters, for displays.
    #[must_use]
    pub fn short(&self) -> &str {
        self.0.get(..8).unwrap_or(&self.0)
    }
}

impl JournalId {
    /// The journal of an instance in a state folder.
    #[must_use]
    pub fn of(instance: &InstanceId, folder: Option<&FolderId>) -> Self {
        match folder {
            Some(folder) => Self::new(format!("{instance}#{folder}")),
            None => Self::new(instance.as_str()),
        }
    }
}

/// In place of an item's name.
const ALL_OF_UNIT: &str = "*";

impl ItemId {
    /// Stands for all items of a unit that a cause of the unit keeps back. No item has this name.
    #[must_use]
    pub fn all_of_unit() -> Self {
        Self::new(ALL_OF_UNIT)
    }

    /// Whether it stands for all items of a unit.
    #[must_use]
    pub fn is_all_of_unit(&self) -> bool {
        self.as_str() == ALL_OF_UNIT
    }
}

impl PlanId {
    /// Its first eight digits, for displays.
    #[must_use]
    pub fn short(&self) -> &str {
        self.0.get(..8).unwrap_or(&self.0)
    }
}

/// A unit: who it belongs to and its own name. Both are keys of its row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UnitId {
    /// What units are grouped under.
    #[serde(with = "shared_text")]
    pub owner: Arc<str>,
    /// The unit itself.
    #[serde(with = "shared_text")]
    pub name: Arc<str>,
    /// Which part of a split unit; none is the whole of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<PartId>,
}

/// A part of a split unit: a range of its items, which is leased like a unit.
///
/// It names the cut that made it, so that parts of two cuts are never mixed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PartId {
    /// The epoch of the lease under which the unit was cut.
    pub cut: Epoch,
    /// Which part, from 0, in the order of the items.
    pub number: u32,
}

impl UnitId {
    /// A unit by owner and name.
    pub fn new(owner: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self {
            owner: owner.into(),
            name: name.into(),
            part: None,
        }
    }

    /// A part of this unit.
    #[must_use]
    pub fn part(&self, part: PartId) -> Self {
        Self {
            part: Some(part),
            ..self.clone()
        }
    }

    /// The unit itself, without the part.
    #[must_use]
    pub fn whole(&self) -> Self {
        Self {
            part: None,
            ..self.clone()
        }
    }
}

impl fmt::Display for UnitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)?;
        match self.part {
            Some(part) => write!(f, " part {}", part.number),
            None => Ok(()),
        }
    }
}

impl fmt::Display for PartId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:010}-{:04}", self.cut.0, self.number)
    }
}

impl FromStr for PartId {
    type Err = PartIdError;

    fn from_str(text: &str) -> Result<Self, PartIdError> {
        let read = || {
            let (cut, number) = text.split_once('-')?;
            Some(Self {
                cut: Epoch(cut.parse().ok()?),
                number: number.parse().ok()?,
            })
        };
        read().ok_or_else(|| PartIdError {
            text: text.to_owned(),
        })
    }
}

/// Shared text as plain text in serialised forms.
mod shared_text {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(text: &Arc<str>, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(text)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<str>, D::Error> {
        String::deserialize(from).map(Arc::from)
    }
}

macro_rules! static_name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Cow<'static, str>);

        impl $name {
            /// A name that is written in the program.
            #[must_use]
            pub const fn new(name: &'static str) -> Self {
                Self(Cow::Borrowed(name))
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<String> for $name {
            fn from(name: String) -> Self {
                Self(Cow::Owned(name))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

static_name! {
    /// A migration: `blobs`, `store`.
    MigrationName
}
static_name! {
    /// A step of a migration, in the words that rows, events and flags use.
    StepName
}

/// The number of a lease: it grows by one each time a unit changes hands.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Epoch(pub u64);

impl Epoch {
    /// The epoch of the next holder.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_the_unit_with_its_cut_and_number() {
        let unit = UnitId::new("did:mailto:a.b:c", "did:key:z6Mk");
        let id = PartId {
            cut: Epoch(7),
            number: 12,
        };
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!("7".parse::<PartId>().is_err());
        let part = unit.part(id);
        assert_eq!(part.whole(), unit);
        let text = serde_json::to_string(&part).unwrap();
        assert_eq!(serde_json::from_str::<UnitId>(&text).unwrap(), part);
        assert!(part.to_string().ends_with("did:key:z6Mk part 12"));
    }

    #[test]
    fn ids_are_plain_text_in_json() {
        let unit = UnitId::new("did:mailto:a.b:c", "did:key:z6Mk");
        let text = serde_json::to_string(&unit).unwrap();
        assert_eq!(
            text,
            r#"{"owner":"did:mailto:a.b:c","name":"did:key:z6Mk"}"#
        );
        assert_eq!(serde_json::from_str::<UnitId>(&text).unwrap(), unit);
        assert_eq!(
            serde_json::to_string(&StepName::new("index")).unwrap(),
            r#""index""#
        );
    }
}
