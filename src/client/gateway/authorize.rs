//! `access/delegate`.

use std::sync::Arc;

use url::Url;

use crate::client::calls::Calls;
use crate::client::clock::expiry;
use crate::client::http::Http;
use crate::client::ucan::Connection;
use crate::client::{Cause, ClientError, Network, Secrets, Service};
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
    /// The address of content by subdomain, without the label of the content.
    pub(super) subdomains: Option<Url>,
    connection: Connection,
    secrets: Arc<Secrets>,
    clock: Clock,
}

impl GatewayClient {
    pub(crate) fn new(
        http: Http,
        calls: Calls,
        connection: Connection,
        network: &Network,
        secrets: Arc<Secrets>,
        clock: Clock,
    ) -> Self {
        Self {
            http,
            calls,
            service: network.gateway.clone(),
            subdomains: network.gateway_subdomains.clone(),
            connection,
            secrets,
            clock,
        }
    }

    /// Gives the gateway a serve delegation of the space, made from a delegation of the space to an account.
    ///
    /// # Errors
    /// The gateway refuses the delegation, or no try gets a valid receipt.
    pub async fn authorize(&self, space: &Did, proof: &Delegation) -> Result<(), ClientError> {
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
