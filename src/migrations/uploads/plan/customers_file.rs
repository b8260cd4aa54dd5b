//! The customers file of an instance: `migration-state/instance-N-customers.json`.
//!
//! ```json
//! {"schema":"sterna.customers","version":3,"plan":"1f3a…",
//!  "state":{"environment":"production","tables":"prod-migration-progress","id":"5b0c…",…},
//!  "instanceId":1,"totals":{…},
//!  "customers":["did:mailto:…",{"customer":"did:mailto:…","spaces":["did:key:…"]}]}
//! ```
//!
//! A customer that is whole stands as its DID, as in the existing tool's files; one that was split over instances as
//! an object with its spaces. `plan` and `state` say which plan it is a part of and where that is in force: a file of
//! another is refused. The room `config` reads it.

use serde::Serialize;

use crate::model::{PlanId, StateIdentity};

/// The schema's name and version in the file.
pub const CUSTOMERS_FILE: (&str, u32) = ("sterna.customers", 3);

/// The names in the file.
pub const CUSTOMERS_FILE_FIELDS: [&str; 8] = [
    "schema",
    "version",
    "plan",
    "state",
    "instanceId",
    "workers",
    "totals",
    "customers",
];

/// What a customers file says of itself.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// The plan it is a part of.
    pub plan: &'a PlanId,
    /// The tables that the plan is for.
    pub state: &'a StateIdentity,
    /// Whose file it is.
    pub instance: u32,
    /// A hint for the run.
    pub workers: Option<u32>,
}

#[derive(Debug, Serialize)]
struct Written<'a> {
    schema: &'static str,
    version: u32,
    plan: &'a PlanId,
    state: &'a StateIdentity,
    #[serde(rename = "instanceId")]
    instance: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    workers: Option<u32>,
    totals: Totals,
    customers: Vec<Entry<'a>>,
}

/// How much the file gives to its instance.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Totals {
    /// Customers, those that are split among them.
    pub customers: usize,
    /// Spaces.
    pub spaces: u64,
    /// Uploads.
    pub uploads: u64,
}

/// A customer in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Entry<'a> {
    /// All spaces of the customer.
    Whole(&'a str),
    /// Some of them; other instances have the rest.
    Part {
        /// The customer.
        customer: &'a str,
        /// Its spaces in this file.
        spaces: Vec<&'a str>,
    },
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

/// The customers file with these entries.
///
/// # Panics
/// Never: texts and numbers are always JSON.
#[must_use]
pub fn customers_file(head: Head<'_>, totals: Totals, customers: Vec<Entry<'_>>) -> String {
    let (schema, version) = CUSTOMERS_FILE;
    let written = Written {
        schema,
        version,
        plan: head.plan,
        state: head.state,
        instance: head.instance,
        workers: head.workers,
        totals,
        customers,
    };
    let mut text =
        serde_json::to_string_pretty(&written).expect("texts and numbers are always JSON");
    text.push('\n');
    text
}
