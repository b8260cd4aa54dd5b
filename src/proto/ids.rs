//! DIDs of customers and of spaces, each a type of its own so that the two cannot be mixed up.
//!
//! They are taken as they are written: rows of other programs are read with them too. [`super::Did`] reads strictly.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A text that is no DID of the kind that is wanted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a {wanted}")]
pub struct IdError {
    /// The text as it was given.
    pub text: String,
    /// What was wanted, in words.
    pub wanted: &'static str,
}

macro_rules! did_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $wanted:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The DID as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let plain = !text.chars().any(|c| c.is_whitespace() || c.is_control());
                if plain && text.len() > $prefix.len() && text.starts_with($prefix) {
                    return Ok(Self(text.into()));
                }
                Err(IdError {
                    text: text.to_owned(),
                    wanted: $wanted,
                })
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.as_ref().to_owned()
            }
        }

        impl From<&$name> for Arc<str> {
            fn from(id: &$name) -> Self {
                Arc::clone(&id.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

did_id! {
    /// A customer of the network, a DID (`did:mailto:example.com:alice`).
    CustomerDid, "did:", "customer DID"
}
did_id! {
    /// A space, a `did:key`.
    SpaceDid, "did:key:", "space DID (did:key:…)"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_space_must_be_a_key() {
        assert!("did:key:z6Mk".parse::<SpaceDid>().is_ok());
        for wrong in ["", "did:key:", "did:mailto:a.b:c", "z6Mk", "did:key:z 6"] {
            assert!(wrong.parse::<SpaceDid>().is_err(), "{wrong:?}");
        }
    }
}
