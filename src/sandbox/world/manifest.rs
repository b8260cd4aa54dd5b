//! The written record of a seeded world: what was put in, what a migration must make of it.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::plan::{Condition, Expected, Protocol, Sizes};

/// The file name of the manifest in the folder of the local network.
pub const FILE: &str = "world.json";

/// The schema that a manifest names.
pub const SCHEMA: &str = "sterna.world/1";

/// A seeded world as written to [`FILE`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`SCHEMA`].
    pub schema: String,
    /// The seed that makes the same world again.
    pub seed: u64,
    /// Its sizes.
    pub sizes: Sizes,
    /// Bytes in all shards.
    pub bytes: u64,
    /// Every upload.
    pub uploads: Vec<Record>,
}

/// One upload of a world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its number; with the seed it determines the content.
    pub number: usize,
    /// The account.
    pub customer: String,
    /// The space, `did:key:…`.
    pub space: String,
    /// The root CID.
    pub root: String,
    /// CIDs of its shards, as in its row.
    pub shards: Vec<String>,
    /// How the shards were stored.
    pub protocol: Protocol,
    /// What it had before the migration.
    pub condition: Condition,
    /// What a migration must make of it.
    pub expected: Expected,
    /// Whether the gateway must serve it once the migration has run.
    pub retrievable: bool,
}

impl Manifest {
    /// Reads the manifest in `folder`.
    ///
    /// # Errors
    /// There is no manifest in it, or one that is not understood.
    pub fn read(folder: &Path) -> std::io::Result<Self> {
        let text = std::fs::read(folder.join(FILE))?;
        serde_json::from_slice(&text).map_err(std::io::Error::from)
    }

    /// Counts by condition and by outcome, for people and scripts.
    #[must_use]
    pub fn summary(&self, folder: &Path) -> Value {
        let mut conditions: BTreeMap<String, u64> = BTreeMap::new();
        let mut expected: BTreeMap<String, u64> = BTreeMap::new();
        for upload in &self.uploads {
            let condition = serde_json::to_value(upload.condition).unwrap_or_default();
            *conditions.entry(word(&condition)).or_default() += 1;
            let outcome = match &upload.expected {
                Expected::Failed(reason) => format!("failed: {reason}"),
                other => word(&serde_json::to_value(other).unwrap_or_default()),
            };
            *expected.entry(outcome).or_default() += 1;
        }
        json!({
            "schema": "sterna.sandbox.world",
            "version": 1,
            "seed": self.seed,
            "customers": self.sizes.customers,
            "spaces": self.sizes.spaces,
            "uploads": self.uploads.len(),
            "bytes": self.bytes,
            "conditions": conditions,
            "expected": expected,
            "manifest": folder.join(FILE),
        })
    }

    /// Writes the manifest into `folder`, whole or not at all.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub fn write(&self, folder: &Path) -> std::io::Result<()> {
        let text = serde_json::to_vec_pretty(self)?;
        let draft = folder.join(".world.json.draft");
        std::fs::write(&draft, text)?;
        std::fs::rename(draft, folder.join(FILE))
    }
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
