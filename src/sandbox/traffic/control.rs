//! The control listener: counters, faults, and what this network is.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Response, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::json;

use super::admit::admit;
use super::answer::{answer, problem};
use super::faults::Plan;
use crate::runtime::error_chain;
use crate::sandbox::network::Network;
use crate::sandbox::{env, world};

/// The control listener. Each request carries `Authorization: Bearer TOKEN`, the token of `sandbox.env`.
///
/// | request | answer |
/// |---|---|
/// | `GET /_sandbox` | the network's endpoints, DIDs and environment |
/// | `GET /_sandbox/requests` | counters by service and operation |
/// | `POST /_sandbox/requests/reset` | counters begin at zero |
/// | `GET /_sandbox/faults` | planned faults, with the requests each saw and struck |
/// | `POST /_sandbox/faults` | plans one fault, or each of a list |
/// | `DELETE /_sandbox/faults` | forgets all plans |
/// | `POST /_sandbox/stop` | asks the process to end the network |
/// | `POST /_sandbox/seed` | writes a legacy world (`seed`, `customers`, `spaces`, `uploads`) and gives its summary |
pub(crate) fn router(shared: Arc<Network>) -> Router {
    Router::new()
        .route("/_sandbox", get(describe))
        .route("/_sandbox/requests", get(requests))
        .route("/_sandbox/requests/reset", post(reset))
        .route("/_sandbox/faults", get(plans).post(plan).delete(clear))
        .route("/_sandbox/stop", post(stop))
        .route("/_sandbox/seed", post(seed))
        .layer(from_fn_with_state(Arc::clone(&shared), admit))
        .with_state(shared)
}

/// The body of `POST /_sandbox/seed`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    seed: u64,
    customers: usize,
    spaces: usize,
    uploads: usize,
}

async fn seed(State(shared): State<Arc<Network>>, body: Bytes) -> Response<Body> {
    let wanted: Wanted = match serde_json::from_slice(&body) {
        Ok(wanted) => wanted,
        Err(error) => return problem(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    let sizes = world::plan::Sizes {
        customers: wanted.customers,
        spaces: wanted.spaces,
        uploads: wanted.uploads,
    };
    let plan = world::plan::Plan::new(wanted.seed, sizes);
    match world::seed(&shared, &plan).await {
        Ok(manifest) => answer(StatusCode::OK, &manifest.summary(&shared.dir)),
        Err(error) => problem(StatusCode::INTERNAL_SERVER_ERROR, &error_chain(&error)),
    }
}

async fn stop(State(shared): State<Arc<Network>>) -> Response<Body> {
    shared.asked_to_stop.cancel();
    answer(StatusCode::OK, &json!({ "stopping": true }))
}

async fn describe(State(shared): State<Arc<Network>>) -> Response<Body> {
    match env::description(&shared) {
        Ok(description) => answer(StatusCode::OK, &description),
        Err(error) => problem(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

async fn requests(State(shared): State<Arc<Network>>) -> Response<Body> {
    let services = shared.meter.snapshot();
    let body = json!({ "schema": "sterna.sandbox.requests", "version": 1, "services": services });
    answer(StatusCode::OK, &body)
}

async fn reset(State(shared): State<Arc<Network>>) -> Response<Body> {
    shared.meter.reset();
    answer(StatusCode::OK, &json!({}))
}

async fn plans(State(shared): State<Arc<Network>>) -> Response<Body> {
    let plans: Vec<_> = shared
        .faults
        .plans()
        .into_iter()
        .map(|(plan, seen, struck)| json!({ "plan": plan, "seen": seen, "struck": struck }))
        .collect();
    let body = json!({ "schema": "sterna.sandbox.faults", "version": 1, "faults": plans });
    answer(StatusCode::OK, &body)
}

async fn plan(State(shared): State<Arc<Network>>, body: Bytes) -> Response<Body> {
    let plans = if body.trim_ascii_start().first() == Some(&b'[') {
        serde_json::from_slice::<Vec<Plan>>(&body)
    } else {
        serde_json::from_slice::<Plan>(&body).map(|plan| vec![plan])
    };
    match plans {
        Ok(plans) => {
            let added = plans.len();
            for plan in plans {
                shared.faults.add(plan);
            }
            answer(StatusCode::OK, &json!({ "added": added }))
        }
        Err(error) => problem(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

async fn clear(State(shared): State<Arc<Network>>) -> Response<Body> {
    shared.faults.clear();
    answer(StatusCode::OK, &json!({}))
}
