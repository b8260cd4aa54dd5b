//! What a service tells about itself.

use std::collections::HashSet;

use async_trait::async_trait;
use cid::Cid;

use super::answer::{Answer, Call};
use crate::proto::message::{Message, Receipt};
use crate::proto::ucan::Delegation;
use crate::proto::validate::Rule;
use crate::proto::{Did, Signer};
use crate::sandbox::network::Network;

/// Whose words a service uses where its implementations differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// The JavaScript server: upload service and gateway.
    Js,
    /// The Go server: indexing service and storage node.
    Go,
}

/// Whom invocations may be addressed to, beside the service itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Audiences {
    /// These DIDs.
    Also(Vec<Did>),
    /// Any did:web and any did:key.
    AnyService,
}

/// Who answers, and whom it trusts.
pub(crate) struct Party {
    /// Signs receipts; its DID is the authority.
    pub(crate) signer: Signer,
    /// Whom invocations may be addressed to.
    pub(crate) audiences: Audiences,
    /// Delegations by the authority that let others attest for it.
    pub(crate) proofs: Vec<Delegation>,
    /// Whose words it uses.
    pub(crate) dialect: Dialect,
}

/// A service that takes invocations.
#[async_trait]
pub(crate) trait UcanService: Send + Sync + 'static {
    /// The network it belongs to: clock and DID documents.
    fn network(&self) -> &Network;

    /// Who it is.
    fn party(&self) -> &Party;

    /// What it checks before it runs an ability; `None` if it has no handler for it.
    fn rule(&self, can: &str) -> Option<Rule>;

    /// Runs a validated invocation.
    async fn run(&self, call: Call) -> Answer;

    /// Takes note of a message before it is executed; an error refuses all of it.
    async fn received(&self, message: &Message) -> Result<(), String> {
        let _ = message;
        Ok(())
    }

    /// The answer that was given to the same invocation before.
    async fn known(&self, invocation: &Cid) -> Option<Receipt> {
        let _ = invocation;
        None
    }

    /// Takes note of new receipts before they are sent.
    async fn answered(&self, reply: &Message) -> Result<(), String> {
        let _ = reply;
        Ok(())
    }

    /// Those of the delegations that were revoked.
    async fn revoked(&self, delegations: &[Cid]) -> HashSet<Cid> {
        let _ = delegations;
        HashSet::new()
    }
}
