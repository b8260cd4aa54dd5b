//! Faults planned for requests: by service and operation, a number of times or at a seeded rate.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::operation::Operation;
use crate::sandbox::identity::derive;
use crate::sandbox::service::Service;

/// One planned fault, the body of `POST /_sandbox/faults`. Several parts may be set; they add up:
/// wait, then refuse or run, then cut or slow the answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Plan {
    /// The service; none means all but the control listener.
    pub service: Option<Service>,
    /// The operation as the meter names it; none means all.
    pub operation: Option<String>,
    /// The table, bucket or queue that the operation is about; none means any.
    pub on: Option<String>,
    /// Spares what services ask of each other.
    pub clients_only: bool,
    /// Milliseconds to wait before anything else.
    pub latency_ms: Option<u64>,
    /// The status to answer with instead of the service's answer.
    pub status: Option<u16>,
    /// The body that goes with `status`.
    pub body: Option<String>,
    /// Headers that go with `status`, such as `retry-after`.
    pub headers: BTreeMap<String, String>,
    /// Whether the service sees the request although its answer is replaced, cut or withheld.
    pub when: When,
    /// Never answers.
    pub hang: bool,
    /// Bytes of the answer's body after which the connection breaks.
    pub cut_after_bytes: Option<u64>,
    /// Bytes per second at which the answer's body is sent.
    pub bytes_per_second: Option<u64>,
    /// Flips the bits of this byte of the answer's body.
    pub flip_byte: Option<u64>,
    /// Answers each invocation of a message with a receipt that says an error of this name.
    pub receipt_error: Option<String>,
    /// How many matching requests to let pass first.
    pub after: u64,
    /// How many requests to strike; none means all.
    pub times: Option<u64>,
    /// The share of matching requests to strike, from 0 to 1; none means all.
    pub rate: Option<f64>,
    /// What the choice by `rate` depends on.
    pub seed: u64,
}

/// When a replaced answer is decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum When {
    /// The service never sees the request.
    #[default]
    Before,
    /// The service does the work; its answer is lost.
    After,
}

/// What strikes one request.
#[derive(Clone, Debug, Default)]
pub(super) struct Strike {
    pub(super) latency: Duration,
    pub(super) plan: Option<Plan>,
}

/// The faults of a network: fixed latencies and plans.
#[derive(Default)]
pub struct Faults {
    latency: Mutex<BTreeMap<Service, Duration>>,
    plans: Mutex<Vec<Planned>>,
    landed: AtomicU64,
}

struct Planned {
    plan: Plan,
    seen: u64,
    struck: u64,
}

impl Faults {
    pub(crate) fn with_latency(latency: BTreeMap<Service, Duration>) -> Self {
        Self {
            latency: Mutex::new(latency),
            ..Self::default()
        }
    }

    /// Adds a plan; the first one that matches a request and is not used up strikes it.
    pub fn add(&self, plan: Plan) {
        self.lock().push(Planned {
            plan,
            seen: 0,
            struck: 0,
        });
    }

    /// Removes all plans; the latency of the start stays.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// Sets the latency of a service.
    pub fn set_latency(&self, service: Service, latency: Duration) {
        self.latency
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(service, latency);
    }

    /// All plans with the number of requests they saw and struck.
    #[must_use]
    pub fn plans(&self) -> Vec<(Plan, u64, u64)> {
        self.lock()
            .iter()
            .map(|planned| (planned.plan.clone(), planned.seen, planned.struck))
            .collect()
    }

    /// Struck requests that their service carried out to the end, over all plans.
    #[must_use]
    pub fn landed(&self) -> u64 {
        self.landed.load(Ordering::SeqCst)
    }

    /// A struck request was carried out.
    pub(super) fn land(&self) {
        self.landed.fetch_add(1, Ordering::SeqCst);
    }

    /// What strikes a request with these operations, which another service may have sent; counts it.
    pub(super) fn strike(
        &self,
        service: Service,
        operations: &[Operation],
        internal: bool,
    ) -> Strike {
        let latency = self
            .latency
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&service)
            .copied()
            .unwrap_or_default();
        let mut plans = self.lock();
        let mut struck = None;
        for planned in plans.iter_mut() {
            let spared = internal && planned.plan.clients_only;
            let matches = !spared && planned.matches(service, operations);
            if struck.is_none() && matches && planned.decide() {
                struck = Some(planned.plan.clone());
            }
        }
        let wait = struck.as_ref().and_then(|plan| plan.latency_ms);
        Strike {
            latency: latency + Duration::from_millis(wait.unwrap_or_default()),
            plan: struck,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Planned>> {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Planned {
    fn matches(&self, service: Service, operations: &[Operation]) -> bool {
        let plan = &self.plan;
        let named = |operation: &Operation| {
            let name = plan.operation.as_ref();
            let on = plan.on.as_ref();
            name.is_none_or(|wanted| operation.name == *wanted)
                && on.is_none_or(|wanted| operation.on.contains(wanted))
        };
        let any = plan.operation.is_none() && plan.on.is_none();
        plan.service.is_none_or(|wanted| wanted == service) && (any || operations.iter().any(named))
    }

    /// Whether the matching request is struck: by count first, then by seeded chance.
    fn decide(&mut self) -> bool {
        let number = self.seen;
        self.seen += 1;
        if number < self.plan.after || self.plan.times.is_some_and(|times| self.struck >= times) {
            return false;
        }
        let hit = self
            .plan
            .rate
            .is_none_or(|rate| chance(self.plan.seed, number) < rate);
        self.struck += u64::from(hit);
        hit
    }
}

/// A number from 0 to 1 that depends on the seed and the request's number only.
fn chance(seed: u64, number: u64) -> f64 {
    let bytes = derive(seed, &format!("fault/{number}"));
    let draw = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    f64::from(draw) / f64::from(u32::MAX)
}
