//! Why an item or unit failed, as a code that scripts, rows and displays share.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The bytes of the longest code. A failure is an error value, and must stay small.
const LONGEST: usize = 31;

/// A failure's reason: one to 31 of `A-Z`, `0-9` and `_`, stable.
///
/// The reasons of the engine and of services are constants here. A migration defines its own beside its steps and
/// explains them in a table ([`super::Reasons`]). Reasons sort by code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reason([u8; LONGEST]);

/// A text that is not the code of a reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a failure reason")]
pub struct UnknownReason(pub String);

impl Reason {
    /// A row of the source is malformed.
    pub const BAD_RECORD: Self = Self::new("BAD_RECORD");
    /// The item is no longer in the source.
    pub const NOT_FOUND: Self = Self::new("NOT_FOUND");
    /// A rollback leaves it, because something that was not undone needs it.
    pub const STILL_NEEDED: Self = Self::new("STILL_NEEDED");

    // What a service said or did.
    /// The service refused the request for good.
    pub const REFUSED: Self = Self::new("REFUSED");
    /// The service rejects the proofs or the signature.
    pub const UNAUTHORIZED: Self = Self::new("UNAUTHORIZED");
    /// The answer cannot be read, or is impossible.
    pub const BAD_ANSWER: Self = Self::new("BAD_ANSWER");
    /// The service answered with an error that may pass.
    pub const SERVICE_ERROR: Self = Self::new("SERVICE_ERROR");
    /// The service asked for less traffic.
    pub const THROTTLED: Self = Self::new("THROTTLED");
    /// No answer within the deadline.
    pub const TIMEOUT: Self = Self::new("TIMEOUT");
    /// The service could not be reached.
    pub const UNREACHABLE: Self = Self::new("UNREACHABLE");
    /// The effect was made, but was not visible before the deadline.
    pub const NOT_VISIBLE_YET: Self = Self::new("NOT_VISIBLE_YET");
    /// The state of the world is unknown.
    pub const COULD_NOT_TELL: Self = Self::new("COULD_NOT_TELL");

    // What happened on our side.
    /// Another holds the lease of the unit, or it was lost.
    pub const LEASE_LOST: Self = Self::new("LEASE_LOST");
    /// Credentials are missing, expired or refused.
    pub const CREDENTIALS: Self = Self::new("CREDENTIALS");
    /// A setting, key or proof is missing or wrong.
    pub const MISCONFIGURED: Self = Self::new("MISCONFIGURED");
    /// State could not be read or written.
    pub const STATE_UNAVAILABLE: Self = Self::new("STATE_UNAVAILABLE");
    /// Work was stopped before it could be settled.
    pub const STOPPED: Self = Self::new("STOPPED");
    /// A bug in this program.
    pub const INTERNAL: Self = Self::new("INTERNAL");

    /// A reason with a constant code.
    ///
    /// # Panics
    /// If the text is no code: in a constant, when the program is built.
    #[must_use]
    pub const fn new(code: &'static str) -> Self {
        match Self::read(code.as_bytes()) {
            Some(reason) => reason,
            None => panic!("a code is 1 to 31 of A-Z, 0-9 and _"),
        }
    }

    const fn read(code: &[u8]) -> Option<Self> {
        if code.is_empty() || code.len() > LONGEST {
            return None;
        }
        let mut bytes = [0; LONGEST];
        let mut at = 0;
        while at < code.len() {
            if !matches!(code[at], b'A'..=b'Z' | b'0'..=b'9' | b'_') {
                return None;
            }
            bytes[at] = code[at];
            at += 1;
        }
        Some(Self(bytes))
    }

    /// The stable code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let end = self.0.iter().position(|byte| *byte == 0);
        let code = &self.0[..end.unwrap_or(LONGEST)];
        // Only ASCII was let in.
        std::str::from_utf8(code).unwrap_or_default()
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Reason {
    type Err = UnknownReason;

    fn from_str(text: &str) -> Result<Self, UnknownReason> {
        Self::read(text.as_bytes()).ok_or_else(|| UnknownReason(text.to_owned()))
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Reason {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_round_trips_and_any_other_text_is_refused() {
        let longest = "A".repeat(LONGEST);
        for code in ["X", "LEASE_LOST", "HTTP_404", &longest] {
            let reason: Reason = code.parse().unwrap();
            assert_eq!(reason.as_str(), code);
            let json = serde_json::to_string(&reason).unwrap();
            assert_eq!(json, format!("{code:?}"));
            assert_eq!(serde_json::from_str::<Reason>(&json).unwrap(), reason);
        }
        for wrong in ["", "lower", "A B", "A\0", "Ä", &"A".repeat(LONGEST + 1)] {
            let error = wrong.parse::<Reason>().unwrap_err();
            assert_eq!(error, UnknownReason(wrong.to_owned()));
        }
        assert!(Reason::new("A") < Reason::new("AB") && Reason::new("AB") < Reason::new("B"));
    }
}
