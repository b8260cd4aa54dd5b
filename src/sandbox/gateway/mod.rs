//! The gateway's listener.

use std::sync::Arc;

use axum::Router;

use super::network::Network;

/// The gateway's listener.
pub(crate) fn router(shared: Arc<Network>) -> Result<Router, super::Error> {
    drop(shared);
    Ok(Router::new())
}
