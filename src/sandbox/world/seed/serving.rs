//! What an earlier migration left at the gateway: that it may serve spaces with complete uploads.

use std::collections::BTreeSet;

use ipld_core::ipld::Ipld;

use super::SeedError;
use super::accounts::Account;
use crate::proto::ucan::{Capability, Delegation, Draft, Expiration, archive};
use crate::sandbox::world::plan::{Condition, Plan};
use crate::sandbox::{Network, gateway};

/// Lets the gateway serve every space that has a complete upload: its claims name the space,
/// so without this its content would be off the air.
pub(super) fn write(network: &Network, plan: &Plan, accounts: &[Account]) -> Result<(), SeedError> {
    let complete = plan
        .uploads
        .iter()
        .filter(|upload| upload.condition == Condition::Complete);
    let spaces: BTreeSet<usize> = complete.map(|upload| upload.space).collect();
    for account in spaces.into_iter().map(|space| &accounts[space]) {
        let Some(proof) = &account.delegation else {
            continue;
        };
        for delegation in delegations(network, account, proof)? {
            let bytes = archive(&delegation)?;
            gateway::keep(network, account.space.did(), &delegation, bytes)?;
        }
    }
    Ok(())
}

/// The account lets the gateway serve, without signing itself; the upload service attests it
/// (docs/protocol/gateway.md §2).
fn delegations(
    network: &Network,
    account: &Account,
    proof: &Delegation,
) -> Result<[Delegation; 2], SeedError> {
    let keys = &network.keys;
    let space = account.space.did().as_str();
    let serve = Draft::new(&account.customer, keys.gateway.did())
        .capability(Capability::new("space/content/serve/*", space))
        .expiration(Expiration::Never)
        .proof(proof.clone())
        .sign()?;
    let attests = Capability::new("ucan/attest", keys.upload.did().as_str())
        .caveat("proof", Ipld::Link(*serve.cid()));
    let attested = Draft::new(&keys.upload, keys.gateway.did())
        .capability(attests)
        .expiration(Expiration::Never)
        .sign()?;
    Ok([serve, attested])
}
