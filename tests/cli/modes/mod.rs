//! Runs that make one step, and those that make none: by themselves, in any order, beside a run that lives.

mod beside;
mod dry;
mod orders;
mod scopes;

use serde_json::Value;

use crate::network::{Network, seed};
use crate::run::Place;

pub const FILE: &str = "migration-state/instance-1-customers.json";

/// A network with a plan for one instance.
pub fn planned(place: &Place) -> Network {
    let network = Network::start(place);
    seed(place, ["3", "5", "20"]);
    place.sterna(["setup", "--instances", "1"]).ends(0);
    network
}

/// Changing requests so far, but for those on the migration's own tables.
pub fn network_changes(place: &Place) -> u64 {
    let status = place.sterna(["sandbox", "status", "--output", "json"]);
    let status = status.ends(0).json();
    let services = status["requests"].as_object().unwrap();
    let operations = services
        .values()
        .flat_map(|service| service["operations"].as_object().unwrap());
    // The question whether the upload service takes writes removes nothing.
    let operations = operations.filter(|(name, _)| *name != "space/blob/remove");
    let operations = operations.map(|(_, operation)| operation);
    let changing = operations.filter(|operation| operation["mutating"] == true);
    changing
        .map(|operation| {
            let on = operation["on"].as_object();
            let own = on.into_iter().flatten();
            let own = own.filter(|(name, _)| name.starts_with("local-migration-"));
            let own: u64 = own.map(|(_, count)| count.as_u64().unwrap()).sum();
            operation["count"].as_u64().unwrap().saturating_sub(own)
        })
        .sum()
}

pub fn number(value: &Value, name: &str) -> u64 {
    value[name].as_u64().unwrap_or_default()
}
