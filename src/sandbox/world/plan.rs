//! What a seeded world holds, decided before a byte of it is made.
//!
//! The same seed and sizes give the same plan. Every upload says what a correct migration
//! makes of it, so that an audit can compare the outcome by name.

use fastrand::Rng;
use serde::{Deserialize, Serialize};

use super::writer::{Leaves, Version};

/// How large a world is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    /// Accounts.
    pub customers: usize,
    /// Spaces over all customers, at least one each.
    pub spaces: usize,
    /// Uploads over all spaces.
    pub uploads: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            customers: 12,
            spaces: 40,
            uploads: 400,
        }
    }
}

/// What a space has delegated: whether its account may act for it, and what its owner wants of gateways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountDelegation {
    /// By the space to the account, stored in the delegation bucket and table.
    Present,
    /// Nothing to the account.
    Absent,
    /// By a device to the account, as `shareSpace` makes it; the space delegated to the device.
    ByDevice,
    /// The same, but what the space delegated to the device has expired.
    ByDeviceExpired,
    /// By the space to the account, with the fact that the space is private.
    Private,
    /// By the space to the account, and to serve its content to another gateway alone.
    ServedElsewhere,
}

impl AccountDelegation {
    /// Every kind that only [`Plan::varied`] has.
    const UNUSUAL: [Self; 4] = [
        Self::ByDevice,
        Self::ByDeviceExpired,
        Self::Private,
        Self::ServedElsewhere,
    ];

    /// The reason for which the gateway cannot or should not be authorised.
    fn refused(self) -> Option<&'static str> {
        match self {
            Self::Present | Self::ByDevice => None,
            Self::Absent | Self::ByDeviceExpired => Some("MISSING_DELEGATION"),
            Self::Private => Some("PRIVATE_SPACE"),
            Self::ServedElsewhere => Some("GATEWAY_DECLINED"),
        }
    }
}

/// A space of the plan.
#[derive(Clone, Debug)]
pub struct Space {
    /// Index of the owner among the customers.
    pub customer: usize,
    /// Seed of the key of the space.
    pub key: [u8; 32],
    /// Whether its account may act for it.
    pub delegation: AccountDelegation,
}

/// The protocol by which the shards of an upload were stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// `{multihash}/{multihash}.blob`, rows in allocation and blob registry.
    Blob,
    /// `{car cid}/{car cid}.car`, row in the store table.
    Store,
}

/// What an upload has before the migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// Shards and rows, nothing at the indexing service.
    Fresh,
    /// Index and location claims without a space: the gateway serves it freely.
    Legacy,
    /// An index, no location claims for its shards.
    IndexOnly,
    /// Location claims without a space, no index.
    ClaimsWithoutSpace,
    /// Everything a migration makes.
    Complete,
    /// No shards in its row, but an index that names them.
    NoShards,
    /// One block of one shard does not have the digest its CID says.
    CorruptCar,
    /// One shard is not in the carpark.
    MissingBlob,
}

/// The shape of the content of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One file of so many bytes.
    File(usize),
    /// A directory with files of so many bytes.
    Directory(Vec<usize>),
    /// A directory sharded by name hashes, with files of so many bytes.
    ShardedDirectory(Vec<usize>),
}

/// An upload of the plan.
#[derive(Clone, Debug)]
pub struct Upload {
    /// Its number in the world; with the seed it determines the content.
    pub number: usize,
    /// Index of its space.
    pub space: usize,
    /// How its shards were stored.
    pub protocol: Protocol,
    /// CAR shards it is cut into, at most; small content may have fewer.
    pub shards: usize,
    /// What it has before the migration.
    pub condition: Condition,
    /// The shape of its content.
    pub shape: Shape,
    /// The leaves of its files.
    pub leaves: Leaves,
    /// The CID version of its nodes.
    pub version: Version,
    /// Bytes in a chunk of its files.
    pub chunk: usize,
}

/// What a correct migration makes of an upload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expected {
    /// It is migrated and verified.
    Migrated,
    /// It is found complete and left alone.
    AlreadyComplete,
    /// It is quarantined with this reason code.
    Failed(String),
}

/// A whole world, not yet made.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What the plan was made from.
    pub seed: u64,
    /// What the plan was made from.
    pub sizes: Sizes,
    /// Account DIDs, `did:mailto:…`.
    pub customers: Vec<String>,
    /// All spaces.
    pub spaces: Vec<Space>,
    /// All uploads, by number.
    pub uploads: Vec<Upload>,
}

/// Local parts of account addresses; later rounds get a number.
const NAMES: &[&str] = &[
    "alba",
    "bruno",
    "carla%2Bnft",
    "dario",
    "edith",
    "fumiko",
    "gustav",
    "hana",
    "imre",
    "jola",
];

impl Plan {
    /// Plans a world, whose last space has no account delegation.
    #[must_use]
    pub fn new(seed: u64, sizes: Sizes) -> Self {
        Self::with(seed, sizes, &[AccountDelegation::Absent])
    }

    /// Plans a world, the last spaces of which have each kind of delegation once.
    #[must_use]
    pub fn varied(seed: u64, sizes: Sizes) -> Self {
        let mut last = AccountDelegation::UNUSUAL.to_vec();
        last.push(AccountDelegation::Absent);
        Self::with(seed, sizes, &last)
    }

    /// Plans a world with these delegations of its last spaces; the first space has the usual one.
    fn with(seed: u64, sizes: Sizes, last: &[AccountDelegation]) -> Self {
        let sizes = Sizes {
            customers: sizes.customers.max(1),
            spaces: sizes.spaces.max(sizes.customers).max(1),
            uploads: sizes.uploads,
        };
        let mut rng = Rng::with_seed(seed);
        let customers = (0..sizes.customers).map(customer).collect();
        let spaces = spaces(&mut rng, sizes, last);
        let mut uploads: Vec<Upload> = (0..sizes.uploads)
            .map(|number| upload(&mut rng, number, &spaces))
            .collect();
        place_damage(&spaces, &mut uploads);
        Self {
            seed,
            sizes,
            customers,
            spaces,
            uploads,
        }
    }

    /// What a correct migration makes of `upload`.
    #[must_use]
    pub fn expected(&self, upload: &Upload) -> Expected {
        if let Some(reason) = self.spaces[upload.space].delegation.refused() {
            return Expected::Failed(reason.into());
        }
        match upload.condition {
            Condition::Complete => Expected::AlreadyComplete,
            Condition::CorruptCar => Expected::Failed("CORRUPT_CAR".into()),
            Condition::MissingBlob => Expected::Failed("MISSING_BLOB".into()),
            _ => Expected::Migrated,
        }
    }

    /// Whether the gateway can serve the content once the migration has run.
    #[must_use]
    pub fn retrievable(&self, upload: &Upload) -> bool {
        !matches!(
            upload.condition,
            Condition::CorruptCar | Condition::MissingBlob
        )
    }
}

fn customer(index: usize) -> String {
    let name = NAMES[index % NAMES.len()];
    match index / NAMES.len() {
        0 => format!("did:mailto:example.org:{name}"),
        round => format!("did:mailto:example.org:{name}.{round}"),
    }
}

/// One space for each customer, the rest by a skew: the first customers have most.
fn spaces(rng: &mut Rng, sizes: Sizes, last: &[AccountDelegation]) -> Vec<Space> {
    let mut spaces: Vec<Space> = (0..sizes.spaces)
        .map(|index| {
            let customer = if index < sizes.customers {
                index
            } else {
                skewed(rng, sizes.customers)
            };
            let mut key = [0; 32];
            rng.fill(&mut key);
            Space {
                customer,
                key,
                delegation: AccountDelegation::Present,
            }
        })
        .collect();
    let others = spaces.iter_mut().skip(1);
    for (space, delegation) in others.rev().zip(last.iter().rev()) {
        space.delegation = *delegation;
    }
    spaces
}

/// An index below `count`, small ones far more often.
fn skewed(rng: &mut Rng, count: usize) -> usize {
    let square = rng.usize(..count) * rng.usize(..count);
    square / count.max(1)
}

fn upload(rng: &mut Rng, number: usize, spaces: &[Space]) -> Upload {
    // The first round gives every space one, so that none is empty.
    let space = if number < spaces.len() {
        number
    } else {
        skewed(rng, spaces.len())
    };
    let version = if rng.u8(..10) == 0 {
        Version::V0
    } else {
        Version::V1
    };
    let leaves = match version {
        Version::V0 => Leaves::DagPb,
        Version::V1 if rng.u8(..4) == 0 => Leaves::DagPb,
        Version::V1 => Leaves::Raw,
    };
    let condition = match spaces[space].delegation.refused() {
        // Without authorisation such content must stay as it is: served freely.
        Some(_) => Condition::Legacy,
        None => condition(rng),
    };
    Upload {
        number,
        space,
        protocol: if rng.u8(..3) == 0 {
            Protocol::Store
        } else {
            Protocol::Blob
        },
        shards: [1, 1, 1, 2, 2, 3, 4][rng.usize(..7)],
        condition,
        shape: shape(rng),
        leaves,
        version,
        chunk: 1024 << rng.u32(2..7),
    }
}

fn condition(rng: &mut Rng) -> Condition {
    match rng.u8(..100) {
        0..50 => Condition::Fresh,
        50..66 => Condition::Legacy,
        66..74 => Condition::IndexOnly,
        74..82 => Condition::ClaimsWithoutSpace,
        82..96 => Condition::Complete,
        _ => Condition::NoShards,
    }
}

fn shape(rng: &mut Rng) -> Shape {
    match rng.u8(..100) {
        0..40 => Shape::File(rng.usize(1..20_000)),
        40..62 => Shape::File(rng.usize(20_000..200_000)),
        62..70 => Shape::File(rng.usize(200_000..900_000)),
        70..72 => Shape::File(rng.usize(1_000_000..4_000_000)),
        72..96 => {
            let files = rng.usize(1..8);
            Shape::Directory((0..files).map(|_| rng.usize(..40_000)).collect())
        }
        _ => {
            let files = rng.usize(20..60);
            Shape::ShardedDirectory((0..files).map(|_| rng.usize(..2_000)).collect())
        }
    }
}

/// Turns the first two fitting uploads into the corrupt and the missing one.
fn place_damage(spaces: &[Space], uploads: &mut [Upload]) {
    let mut wanted = [Condition::CorruptCar, Condition::MissingBlob].into_iter();
    for upload in uploads.iter_mut().rev() {
        let fits = spaces[upload.space].delegation.refused().is_none()
            && upload.condition == Condition::Fresh;
        if fits {
            let Some(condition) = wanted.next() else {
                return;
            };
            upload.condition = condition;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_plan_and_another_gives_another() {
        let text = |seed| format!("{:?}", Plan::new(seed, Sizes::default()));
        assert_eq!(text(7), text(7));
        assert_ne!(text(7), text(8));
    }

    #[test]
    fn the_default_world_has_every_condition_and_the_damage_once() {
        let plan = Plan::new(1, Sizes::default());
        let count = |wanted| {
            plan.uploads
                .iter()
                .filter(|one| one.condition == wanted)
                .count()
        };
        assert_eq!(count(Condition::CorruptCar), 1);
        assert_eq!(count(Condition::MissingBlob), 1);
        for condition in [
            Condition::Fresh,
            Condition::Legacy,
            Condition::IndexOnly,
            Condition::ClaimsWithoutSpace,
            Condition::Complete,
            Condition::NoShards,
        ] {
            assert!(count(condition) > 0, "{condition:?}");
        }
        let absent = |space: &&Space| space.delegation == AccountDelegation::Absent;
        assert_eq!(plan.spaces.iter().filter(absent).count(), 1);
        assert_eq!(plan.uploads.len(), 400);
    }

    #[test]
    fn a_varied_world_has_each_delegation() {
        let plan = Plan::varied(1, Sizes::default());
        let has = |wanted| plan.spaces.iter().any(|space| space.delegation == wanted);
        assert!(AccountDelegation::UNUSUAL.into_iter().all(has));
        assert!(has(AccountDelegation::Present) && has(AccountDelegation::Absent));
    }

    #[test]
    fn small_worlds_can_be_planned_too() {
        for (customers, spaces, uploads) in [(0, 0, 0), (1, 1, 1), (3, 2, 5)] {
            let plan = Plan::new(
                3,
                Sizes {
                    customers,
                    spaces,
                    uploads,
                },
            );
            assert_eq!(plan.uploads.len(), uploads);
            assert!(
                plan.spaces
                    .iter()
                    .all(|space| space.customer < plan.customers.len())
            );
        }
    }
}
