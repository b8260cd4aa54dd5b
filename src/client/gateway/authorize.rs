//! `access/delegate`.

use std::sync::Arc;

use crate::client::calls::Calls;
use crate::client::clock::expiry;
use crate::client::http::Http;
use crate::client::ucan::Connection;
use crate::client::{Cause, Error, Secrets, Service};
use crate::proto::did::Did;
use crate::proto::ucan::{Delegation, Expiration};
use crate::runtime::Clock;

use super::{Grant, grant};

const DELEGATE: &str = "let the gateway serve a space";

/// The gateway. Cheap to clone.
#[derive(Clone)]
pub struct GatewayClient {
    pub(super) http: Http,
    pub(super) calls: Calls,
    pub(super) service: Service,
    connection: Connection,
    secrets: Arc<Secrets>,
    clock: Clock,
}

impl GatewayClient {
    pub(crate) fn new(
        http: Http,
        calls: Calls,
        connection: Connection,
        service: Service,
        secrets: Arc<Secrets>,
        clock: Clock,
    ) -> Self {
        Self {
            http,
            calls,
            service,
            connection,
            secrets,
            clock,
        }
    }

    /// Gives the gateway a serve delegation of the space, made from a delegation of the space to an account.
    pub async fn authorize(&self, space: &Did, proof: &Delegation) -> Result<(), Error> {
        let make = || {
            let parties = Grant {
                migration: &self.secrets.migration,
                upload_service: &self.secrets.upload_service,
                gateway: &self.secrets.gateway,
                space,
                proof,
            };
            grant(parties, Expiration::At(expiry(&self.clock)))
                .map_err(|error| Cause::Malformed(error.to_string()))
        };
        self.connection.execute_one(DELEGATE, make).await?;
        Ok(())
    }
}
