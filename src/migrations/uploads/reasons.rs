//! Why an upload or space cannot be migrated: the reasons of this migration, and what an operator does about them.

use crate::model::{Reason, ReasonInfo, Reasons};

pub use crate::client::CUSTOMER_CONFLICT;

/// No usable account delegation lets the gateway serve the space.
pub const MISSING_DELEGATION: Reason = Reason::new("MISSING_DELEGATION");
/// The owner of the space does not want the gateway to serve it.
pub const GATEWAY_DECLINED: Reason = Reason::new("GATEWAY_DECLINED");
/// The space is private: what is in it is for its owner alone.
pub const PRIVATE_SPACE: Reason = Reason::new("PRIVATE_SPACE");
/// The upload names no shards and no index from which to learn them.
pub const NO_SHARDS: Reason = Reason::new("NO_SHARDS");
/// A blob is in no place where it should be.
pub const MISSING_BLOB: Reason = Reason::new("MISSING_BLOB");
/// The root of the upload is in none of its shards, so that no reader could begin.
pub const MISSING_ROOT: Reason = Reason::new("MISSING_ROOT");
/// The size of a shard is recorded nowhere, or as zero.
pub const MISSING_SIZE: Reason = Reason::new("MISSING_SIZE");
/// The stored bytes have another length than is recorded.
pub const WRONG_SIZE: Reason = Reason::new("WRONG_SIZE");
/// A block of a CAR does not hash to its CID, or the CAR cannot be read to its end.
pub const CORRUPT_CAR: Reason = Reason::new("CORRUPT_CAR");
/// A CAR of a kind that cannot be indexed.
pub const UNSUPPORTED_CAR: Reason = Reason::new("UNSUPPORTED_CAR");
/// Blocks are named by a hash function that is not computed here, so nothing can be said of their bytes.
pub const UNVERIFIABLE_HASH: Reason = Reason::new("UNVERIFIABLE_HASH");
/// The index in place does not cover the shards, or cannot be read.
pub const CORRUPT_INDEX: Reason = Reason::new("CORRUPT_INDEX");
/// The bytes are not those that the digest names.
pub const DIGEST_MISMATCH: Reason = Reason::new("DIGEST_MISMATCH");
/// The space has no customer.
pub const MISSING_CUSTOMER: Reason = Reason::new("MISSING_CUSTOMER");
/// The gateway may not serve the space yet: a claim that names it would make content unavailable.
pub const GATEWAY_NOT_AUTHORIZED: Reason = Reason::new("GATEWAY_NOT_AUTHORIZED");
/// The sealed key of a migration space is missing or cannot be opened.
pub const KEY_UNAVAILABLE: Reason = Reason::new("KEY_UNAVAILABLE");

const DARK: &str = "do nothing: its owner does not want it served";
const NOTHING: &str =
    "nothing can be migrated: inform the customer, or leave the upload quarantined";
const SOURCE: &str = "correct the source rows, then retry";
const DAMAGED: &str = "the stored bytes are damaged; upload the content again";
const CARPARKS: &str =
    "CARPARK_PUBLIC_URL, CARPARK_PUBLIC_URLS, BLOB_CARPARK_PUBLIC_URL and STORE_CARPARK_PUBLIC_URL";
const CONSUMERS: &str = "CONSUMER_TABLE_NAME and STORAGE_PROVIDERS";

/// All reasons that a run over uploads may meet.
pub const REASONS: Reasons = Reasons::with(&[
    ReasonInfo::of_data(
        MISSING_DELEGATION,
        "ask the customer to share the space with the account again from a device that still has it, then retry the space",
    )
    .suspects(
        "DELEGATION_TABLE_NAME, DELEGATION_BUCKET_NAME, R2_ENDPOINT and R2_DELEGATION_BUCKET_NAME",
    ),
    ReasonInfo::of_data(GATEWAY_DECLINED, DARK).suspects("GATEWAY_SERVICE_DID"),
    ReasonInfo::of_data(PRIVATE_SPACE, DARK),
    ReasonInfo::of_data(NO_SHARDS, NOTHING).suspects("UPLOAD_TABLE_NAME and UPLOAD_SHARDS_BUCKET_NAME"),
    ReasonInfo::of_data(MISSING_BLOB, NOTHING).suspects(CARPARKS),
    ReasonInfo::of_data(MISSING_ROOT, NOTHING),
    ReasonInfo::of_data(MISSING_SIZE, SOURCE)
        .suspects("ALLOCATIONS_TABLE_NAME, BLOB_REGISTRY_TABLE_NAME and STORE_TABLE_NAME"),
    ReasonInfo::of_data(WRONG_SIZE, SOURCE).suspects(CARPARKS).damage(),
    ReasonInfo::of_data(CORRUPT_CAR, DAMAGED).damage(),
    ReasonInfo::of_data(
        UNSUPPORTED_CAR,
        "the data may be intact, but Sterna cannot read it: upload the content as CARv1, or leave it quarantined",
    ),
    ReasonInfo::of_data(
        UNVERIFIABLE_HASH,
        "the data may be intact, but Sterna cannot compute these hashes: index them unchecked with `sterna retry --failed --reason UNVERIFIABLE_HASH --unverified-hashes index`, or leave them quarantined",
    ),
    ReasonInfo::of_data(CORRUPT_INDEX, DAMAGED).damage(),
    ReasonInfo::of_data(DIGEST_MISMATCH, DAMAGED).damage(),
    ReasonInfo::of_data(
        MISSING_CUSTOMER,
        "correct the space's consumer rows, then retry",
    )
    .suspects(CONSUMERS),
    ReasonInfo::of_data(
        CUSTOMER_CONFLICT,
        "find out who owns the space, then name the owner: `sterna migrate --customer CUSTOMER --space SPACE`",
    )
    .suspects(CONSUMERS),
    ReasonInfo::of_data(Reason::NOT_FOUND, NOTHING),
    // Only a run that may not authorise the gateway itself meets it.
    ReasonInfo::of_data(
        GATEWAY_NOT_AUTHORIZED,
        "authorise the gateway for the space first: `sterna migrate --test-gateway-auth`, then run this again",
    ),
    ReasonInfo::new(KEY_UNAVAILABLE, "check keys, proofs and settings"),
]);
