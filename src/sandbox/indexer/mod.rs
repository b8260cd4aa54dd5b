//! The indexer's listener.

use std::sync::Arc;

use axum::Router;

use super::network::Network;

/// The indexer's listener.
pub(crate) fn router(shared: Arc<Network>) -> Router {
    drop(shared);
    Router::new()
}
