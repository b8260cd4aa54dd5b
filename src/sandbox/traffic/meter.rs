//! Counts requests per service and operation, so that budgets and audits can be asserted.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::operation::Operation;
use crate::sandbox::service::Service;

/// Counters of a network since its start or the last reset.
#[derive(Default)]
pub struct Meter {
    counts: Mutex<BTreeMap<Service, ServiceCount>>,
}

/// Counters of one service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceCount {
    /// HTTP requests, whatever they asked for and whatever was answered.
    pub requests: u64,
    /// Operations that were to change something; a message of 10 invocations has 10.
    pub mutating: u64,
    /// Per operation.
    pub operations: BTreeMap<String, Count>,
}

/// Counter of one operation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// How often it was asked for.
    pub count: u64,
    /// Whether it changes something.
    pub mutating: bool,
    /// How often it was refused by a planned fault.
    pub faults: u64,
    /// Requests by what they were about: table, bucket, queue.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub on: BTreeMap<String, u64>,
    /// Rows it named, by table (DynamoDB).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rows: BTreeMap<String, u64>,
}

impl Meter {
    /// Counts one HTTP request with its operations.
    pub fn request(&self, service: Service, operations: &[Operation]) {
        let mut counts = self.lock();
        let counter = counts.entry(service).or_default();
        counter.requests += 1;
        for operation in operations {
            let count = counter
                .operations
                .entry(operation.name.clone())
                .or_default();
            count.count += 1;
            count.mutating = operation.mutating;
            for thing in &operation.on {
                *count.on.entry(thing.clone()).or_default() += 1;
            }
            for (table, rows) in &operation.rows {
                *count.rows.entry(table.clone()).or_default() += rows;
            }
            counter.mutating += u64::from(operation.mutating);
        }
    }

    /// Counts a planned fault that struck `operation`.
    pub fn fault(&self, service: Service, operation: &str) {
        let mut counts = self.lock();
        let counter = counts.entry(service).or_default();
        counter
            .operations
            .entry(operation.to_owned())
            .or_default()
            .faults += 1;
    }

    /// The counters now.
    #[must_use]
    pub fn snapshot(&self) -> BTreeMap<Service, ServiceCount> {
        self.lock().clone()
    }

    /// How often `operation` was asked of `service`.
    #[must_use]
    pub fn count(&self, service: Service, operation: &str) -> u64 {
        self.lock()
            .get(&service)
            .and_then(|counter| counter.operations.get(operation))
            .map_or(0, |count| count.count)
    }

    /// Begins again at zero.
    pub fn reset(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Service, ServiceCount>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
