//! Why an item or unit failed, as a word that scripts, rows and displays share.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        /// A failure's reason; its code is stable.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Reason {
            $($(#[$doc])* #[serde(rename = $code)] $name,)*
        }

        impl Reason {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable code.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)*
                }
            }
        }
    };
}

reasons! {
    // What the data itself explains.
    /// No usable account delegation lets the gateway serve the space.
    MissingDelegation = "MISSING_DELEGATION",
    /// The owner of the space does not want the gateway to serve it.
    GatewayDeclined = "GATEWAY_DECLINED",
    /// The space is private: what is in it is for its owner alone.
    PrivateSpace = "PRIVATE_SPACE",
    /// The upload names no shards and no index from which to learn them.
    NoShards = "NO_SHARDS",
    /// A blob is in no place where it should be.
    MissingBlob = "MISSING_BLOB",
    /// The root of the upload is in none of its shards, so that no reader could begin.
    MissingRoot = "MISSING_ROOT",
    /// The size of a shard is recorded nowhere, or as zero.
    MissingSize = "MISSING_SIZE",
    /// The stored bytes have another length than is recorded.
    WrongSize = "WRONG_SIZE",
    /// A block of a CAR does not hash to its CID, or the CAR cannot be read to its end.
    CorruptCar = "CORRUPT_CAR",
    /// A CAR of a kind that cannot be indexed.
    UnsupportedCar = "UNSUPPORTED_CAR",
    /// Blocks are named by a hash function that is not computed here, so nothing can be said of their bytes.
    UnverifiableHash = "UNVERIFIABLE_HASH",
    /// The index in place does not cover the shards, or cannot be read.
    CorruptIndex = "CORRUPT_INDEX",
    /// The bytes are not those that the digest names.
    DigestMismatch = "DIGEST_MISMATCH",
    /// The space has no customer.
    MissingCustomer = "MISSING_CUSTOMER",
    /// The space's rows name different customers or owners.
    CustomerConflict = "CUSTOMER_CONFLICT",
    /// A row of the source cannot be read as what it should be.
    BadRecord = "BAD_RECORD",
    /// The item is not in the source any more.
    NotFound = "NOT_FOUND",

    /// The gateway may not serve the space yet: a claim that names it would make content unavailable.
    GatewayNotAuthorized = "GATEWAY_NOT_AUTHORIZED",
    /// A rollback leaves it: something that was not taken back needs it.
    StillNeeded = "STILL_NEEDED",

    // What a service said or did.
    /// The service refused the invocation for good.
    Refused = "REFUSED",
    /// The service says that the proofs or the signature do not suffice.
    Unauthorized = "UNAUTHORIZED",
    /// The answer cannot be read, or says something that cannot be.
    BadAnswer = "BAD_ANSWER",
    /// The service answered with an error that may pass.
    ServiceError = "SERVICE_ERROR",
    /// The service asked for less traffic.
    Throttled = "THROTTLED",
    /// No answer within the deadline.
    Timeout = "TIMEOUT",
    /// The service could not be reached.
    Unreachable = "UNREACHABLE",
    /// Published, but not yet seen where it must be seen before the deadline.
    NotVisibleYet = "NOT_VISIBLE_YET",
    /// The state of the world could not be established.
    CouldNotTell = "COULD_NOT_TELL",

    // What happened on our side.
    /// The unit's lease is held by another, or was lost.
    LeaseLost = "LEASE_LOST",
    /// The sealed key of a migration space is missing or cannot be opened.
    KeyUnavailable = "KEY_UNAVAILABLE",
    /// The credentials of AWS or R2 are absent, have ended, or are refused.
    Credentials = "CREDENTIALS",
    /// A setting, key or proof is missing or wrong.
    Misconfigured = "MISCONFIGURED",
    /// State could not be read or written.
    StateUnavailable = "STATE_UNAVAILABLE",
    /// Work was stopped before it could be settled.
    Stopped = "STOPPED",
    /// A fault of this program.
    Internal = "INTERNAL",
}

/// A code that names no reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a failure reason")]
pub struct UnknownReason(pub String);

impl Reason {
    /// Whether the data itself, or what was asked for, explains the failure: counted and shown, never held against the
    /// run.
    #[must_use]
    pub fn is_explained_by_data(self) -> bool {
        matches!(
            self,
            Self::MissingDelegation
                | Self::GatewayDeclined
                | Self::PrivateSpace
                | Self::NoShards
                | Self::MissingBlob
                | Self::MissingRoot
                | Self::MissingSize
                | Self::WrongSize
                | Self::CorruptCar
                | Self::UnsupportedCar
                | Self::UnverifiableHash
                | Self::CorruptIndex
                | Self::DigestMismatch
                | Self::MissingCustomer
                | Self::CustomerConflict
                | Self::BadRecord
                | Self::NotFound
                | Self::StillNeeded
                // Only a run that may not authorise the gateway itself meets it.
                | Self::GatewayNotAuthorized
        )
    }

    /// The settings that would explain it if they were wrong.
    #[must_use]
    pub fn suspects(self) -> Option<&'static str> {
        match self {
            Self::MissingBlob | Self::WrongSize => Some(
                "CARPARK_PUBLIC_URL, CARPARK_PUBLIC_URLS, BLOB_CARPARK_PUBLIC_URL and STORE_CARPARK_PUBLIC_URL",
            ),
            Self::MissingSize => {
                Some("ALLOCATIONS_TABLE_NAME, BLOB_REGISTRY_TABLE_NAME and STORE_TABLE_NAME")
            }
            Self::GatewayDeclined => Some("GATEWAY_SERVICE_DID"),
            Self::MissingDelegation => Some(
                "DELEGATION_TABLE_NAME, DELEGATION_BUCKET_NAME, R2_ENDPOINT and R2_DELEGATION_BUCKET_NAME",
            ),
            Self::NoShards => Some("UPLOAD_TABLE_NAME and UPLOAD_SHARDS_BUCKET_NAME"),
            Self::MissingCustomer | Self::CustomerConflict => {
                Some("CONSUMER_TABLE_NAME and STORAGE_PROVIDERS")
            }
            _ => None,
        }
    }

    /// What an operator does about it, one sentence.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::MissingDelegation => {
                "ask the customer to share the space with the account again from a device that still has it, then retry the space"
            }
            Self::GatewayDeclined | Self::PrivateSpace => {
                "do nothing: its owner does not want it served"
            }
            Self::GatewayNotAuthorized => {
                "authorise the gateway for the space first: `sterna migrate --test-gateway-auth`, then run this again"
            }
            Self::NoShards | Self::MissingBlob | Self::MissingRoot | Self::NotFound => {
                "nothing can be migrated: inform the customer, or leave the upload quarantined"
            }
            Self::MissingSize | Self::WrongSize | Self::BadRecord => {
                "correct the source rows, then retry"
            }
            Self::CorruptCar | Self::CorruptIndex | Self::DigestMismatch => {
                "the stored bytes are damaged; upload the content again"
            }
            Self::UnsupportedCar => {
                "the data may be intact, but Sterna cannot read it: upload the content as CARv1, or leave it quarantined"
            }
            Self::UnverifiableHash => {
                "the data may be intact, but Sterna cannot compute these hashes: index them unchecked with `sterna retry --failed --reason UNVERIFIABLE_HASH --unverified-hashes index`, or leave them quarantined"
            }
            Self::MissingCustomer => "correct the space's consumer rows, then retry",
            Self::CustomerConflict => {
                "find out who owns the space, then name the owner: `sterna migrate --customer CUSTOMER --space SPACE`"
            }
            Self::Refused | Self::Unauthorized | Self::Misconfigured | Self::KeyUnavailable => {
                "check keys, proofs and settings"
            }
            Self::Credentials => {
                "log in again, or check the AWS profile, the role and its policy (`sterna init --print`), then run the same command"
            }
            Self::BadAnswer | Self::ServiceError | Self::Unreachable | Self::Timeout => {
                "check the service, then retry"
            }
            Self::StillNeeded => "undo what needs it first: `sterna rollback --dry-run` lists it",
            Self::Throttled => "lower the concurrency, then retry",
            Self::NotVisibleYet | Self::CouldNotTell => "wait for the caches, then retry",
            Self::LeaseLost => "another process works on it; nothing to do",
            Self::StateUnavailable => "check DynamoDB and the disk, then retry",
            Self::Stopped => "start the run again",
            Self::Internal => "report it, with the log of the item",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Reason {
    type Err = UnknownReason;

    fn from_str(text: &str) -> Result<Self, UnknownReason> {
        Self::ALL
            .iter()
            .copied()
            .find(|reason| reason.as_str() == text)
            .ok_or_else(|| UnknownReason(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_round_trip_and_are_distinct() {
        let mut seen = std::collections::BTreeSet::new();
        for reason in Reason::ALL {
            assert!(seen.insert(reason.as_str()));
            assert_eq!(reason.as_str().parse(), Ok(*reason));
            assert_eq!(
                serde_json::to_string(reason).unwrap(),
                format!("{:?}", reason.as_str())
            );
        }
    }
}
