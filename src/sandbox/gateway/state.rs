//! What the gateway holds.

use std::sync::Arc;

use crate::proto::ucan::{Capability, Draft};
use crate::sandbox::config::SandboxError;
use crate::sandbox::network::Network;
use crate::sandbox::ucan_server::{Audiences, Dialect, Party};

/// The gateway.
pub(super) struct Gateway {
    pub(super) network: Arc<Network>,
    pub(super) party: Party,
}

impl Gateway {
    /// Makes the gateway. It lets the upload service attest for it (the validator proof).
    pub(super) fn new(network: Arc<Network>) -> Result<Self, SandboxError> {
        let keys = &network.keys;
        let validator_proof = Draft::new(&keys.gateway, keys.upload.did())
            .capability(Capability::new("ucan/attest", keys.gateway.did().as_str()))
            .sign()
            .map_err(|error| SandboxError::Proof {
                what: "the gateway's validator proof",
                reason: error.to_string(),
            })?;
        let party = Party {
            signer: keys.gateway.clone(),
            audiences: Audiences::AnyService,
            proofs: vec![validator_proof],
            dialect: Dialect::Js,
        };
        Ok(Self { network, party })
    }
}
