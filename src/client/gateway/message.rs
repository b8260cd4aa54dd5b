//! The `access/delegate` invocation and the delegations in it; pure (docs/protocol/gateway.md §2).

use std::collections::BTreeMap;

use ipld_core::ipld::Ipld;

use crate::proto::did::Did;
use crate::proto::key::Signer;
use crate::proto::ucan::{Capability, Delegation, Draft, Expiration, UcanError};

/// The ability that lets a gateway serve the content of a space.
const SERVE: &str = "space/content/serve/*";

/// Who takes part in letting a gateway serve a space.
#[derive(Clone, Copy)]
pub struct Grant<'a> {
    /// Issues the invocation.
    pub migration: &'a Signer,
    /// Attests for the account what the gateway shall believe.
    pub upload_service: &'a Signer,
    /// Attests for the account what the migration key may ask.
    pub gateway: &'a Signer,
    /// The space.
    pub space: &'a Did,
    /// The delegation from the space to an account.
    pub proof: &'a Delegation,
}

/// Makes the invocation. Everything but its end is the same for the same input, so the gateway stores nothing twice.
///
/// The account signs nothing itself: it is absent, and attested.
///
/// # Errors
/// As [`Draft::sign`].
pub fn grant(parties: Grant<'_>, expiration: Expiration) -> Result<Delegation, UcanError> {
    let Grant {
        migration,
        upload_service,
        gateway,
        space,
        proof,
    } = parties;
    let account = proof.audience();
    let access = absentee(account, migration.did(), "access/*", space, proof)?;
    let access_attested = attest(gateway, migration.did(), &access)?;
    let serve = absentee(account, gateway.did(), SERVE, space, proof)?;
    let serve_attested = attest(upload_service, gateway.did(), &serve)?;

    let given: BTreeMap<String, Ipld> = [&serve, &serve_attested]
        .map(|one| (one.cid().to_string(), Ipld::Link(*one.cid())))
        .into();
    let mut draft = Draft::new(migration, gateway.did())
        .capability(
            Capability::new("access/delegate", space.as_str())
                .caveat("delegations", Ipld::Map(given)),
        )
        .expiration(expiration)
        .proof(access)
        .proof(access_attested);
    let mut fact = BTreeMap::new();
    for block in serve_attested.export().into_iter().chain(serve.export()) {
        fact.insert(block.cid.to_string(), Ipld::Link(block.cid));
        draft = draft.attach(block);
    }
    draft.fact(fact).sign()
}

fn absentee(
    account: &Did,
    audience: &Did,
    can: &str,
    space: &Did,
    proof: &Delegation,
) -> Result<Delegation, UcanError> {
    Draft::new(account, audience)
        .capability(Capability::new(can, space.as_str()))
        .expiration(Expiration::Never)
        .proof(proof.clone())
        .sign()
}

fn attest(by: &Signer, audience: &Did, attested: &Delegation) -> Result<Delegation, UcanError> {
    Draft::new(by, audience)
        .capability(
            Capability::new("ucan/attest", by.did().as_str())
                .caveat("proof", Ipld::Link(*attested.cid())),
        )
        .expiration(Expiration::Never)
        .sign()
}
