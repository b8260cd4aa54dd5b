//! The node's listener.

use std::sync::Arc;

use axum::Router;

use super::network::Network;

/// The node's listener.
pub(crate) fn router(shared: Arc<Network>) -> Router {
    drop(shared);
    Router::new()
}
