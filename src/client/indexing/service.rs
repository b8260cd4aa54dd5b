//! What every operation of the indexing service shares.

use crate::client::calls::Calls;
use crate::client::http::Http;
use crate::client::ucan::Connection;
use crate::client::{Secrets, Service};
use crate::proto::key::Signer;
use crate::proto::ucan::Delegation;
use crate::runtime::Clock;

/// The indexing service. Cheap to clone.
#[derive(Clone)]
pub struct IndexingClient {
    pub(super) http: Http,
    pub(super) calls: Calls,
    pub(super) connection: Connection,
    pub(super) service: Service,
    pub(super) clock: Clock,
    /// Who may write: the migration key and its proof; `None` for a client that only asks.
    pub(super) writer: Option<Writer>,
}

#[derive(Clone)]
pub(super) struct Writer {
    pub(super) migration: Signer,
    pub(super) proof: Delegation,
}

impl IndexingClient {
    pub(crate) fn new(
        http: Http,
        calls: Calls,
        connection: Connection,
        service: Service,
        clock: Clock,
    ) -> Self {
        Self {
            http,
            calls,
            connection,
            service,
            clock,
            writer: None,
        }
    }

    /// The same client, which may write too.
    #[must_use]
    pub(crate) fn with_secrets(mut self, secrets: &Secrets) -> Self {
        self.writer = Some(Writer {
            migration: secrets.migration.clone(),
            proof: secrets.proofs.indexing_service.clone(),
        });
        self
    }
}
