//! The index worker (protocol: index §5).

use std::sync::Arc;

use axum::Router;

use super::network::Network;

/// The index worker's listener.
pub(crate) fn router(shared: Arc<Network>) -> Router {
    drop(shared);
    Router::new()
}
