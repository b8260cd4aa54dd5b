//! The customers file of an instance: `migration-state/instance-N-customers.json`.
//!
//! ```json
//! {"schema":"sterna.customers","version":1,"instanceId":1,"totals":{…},
//!  "customers":["did:mailto:…",{"customer":"did:mailto:…","spaces":["did:key:…"]}]}
//! ```
//!
//! A customer that is whole stands as its DID, as in the existing tool's files; one that was split over instances as
//! an object with its spaces. The room `config` reads it.

use serde::Serialize;

use super::distribute::{Portion, Share};
use crate::model::{CustomerDid, SpaceDid};

/// The schema's name in the file.
const SCHEMA: &str = "sterna.customers";
/// The schema's version in the file.
const VERSION: u32 = 1;

#[derive(Debug, Serialize)]
struct Written<'a> {
    schema: &'static str,
    version: u32,
    #[serde(rename = "instanceId")]
    instance: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    workers: Option<u32>,
    totals: Totals,
    customers: Vec<Entry<'a>>,
}

#[derive(Debug, Serialize)]
struct Totals {
    customers: usize,
    spaces: u64,
    uploads: u64,
}

#[derive(Debug)]
enum Entry<'a> {
    Whole(&'a CustomerDid),
    Part(&'a Portion),
}

#[derive(Debug, Serialize)]
struct Part<'a> {
    customer: &'a CustomerDid,
    spaces: Vec<&'a SpaceDid>,
}

impl<'a> Entry<'a> {
    fn of(portion: &'a Portion) -> Self {
        if portion.part {
            Self::Part(portion)
        } else {
            Self::Whole(&portion.customer)
        }
    }
}

impl Serialize for Entry<'_> {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Whole(customer) => customer.serialize(to),
            Self::Part(portion) => {
                let spaces = portion.spaces.iter().map(|(space, _)| space).collect();
                Part {
                    customer: &portion.customer,
                    spaces,
                }
                .serialize(to)
            }
        }
    }
}

/// The name of an instance's customers file.
#[must_use]
pub fn customers_file_name(instance: u32) -> String {
    format!("instance-{instance}-customers.json")
}

/// The instance whose customers file has this name.
#[must_use]
pub fn customers_file_instance(name: &str) -> Option<u32> {
    name.strip_prefix("instance-")?
        .strip_suffix("-customers.json")?
        .parse()
        .ok()
}

/// The customers file of `share`. `workers` is a hint for the run.
///
/// # Panics
/// Never: texts and numbers are always JSON.
#[must_use]
pub fn customers_file(instance: u32, workers: Option<u32>, share: &Share) -> String {
    let written = Written {
        schema: SCHEMA,
        version: VERSION,
        instance,
        workers,
        totals: Totals {
            customers: share.portions.len(),
            spaces: share.spaces(),
            uploads: share.uploads(),
        },
        customers: share.portions.iter().map(Entry::of).collect(),
    };
    let mut text =
        serde_json::to_string_pretty(&written).expect("texts and numbers are always JSON");
    text.push('\n');
    text
}
