//! May content of a space be served? (docs/protocol/gateway.md §3)

use ipld_core::ipld::Ipld;

use super::delegate::group;
use super::state::Gateway;
use crate::proto::Did;
use crate::proto::ucan::{Capability, Delegation, Draft, Expiration, extract};
use crate::proto::validate::{Context, Rule, access, derives_equal};
use crate::proto::{Signer, validate::Unauthorized};

/// What is done when content is served.
const TRANSPORT: &str = "space/content/serve/transport/http";

/// How long the invocation of one decision holds, in seconds.
const MOMENT: u64 = 30;

/// Whether the stored delegations of a space let this gateway serve it now.
pub(super) fn may_serve(gateway: &Gateway, space: &Did, token: Option<&str>) -> bool {
    let network = &gateway.network;
    let now = network.clock.now().0;
    let stored: Vec<Delegation> = network
        .shelf
        .list(&group(space), now)
        .into_iter()
        .filter_map(|(_, archive)| extract(&archive).ok())
        .collect();
    let resolve = |did: &Did| network.did_keys(did);
    let authority = gateway.party.signer.verifier();
    let context = Context {
        authority_proofs: &gateway.party.proofs,
        resolve: &resolve,
        ..Context::new(&authority, now / 1000)
    };
    !stored.is_empty() && decide(&gateway.party.signer, space, token, &stored, &context).is_ok()
}

/// Validates an invocation of the gateway at itself that rests on the stored delegations.
pub(super) fn decide(
    signer: &Signer,
    space: &Did,
    token: Option<&str>,
    stored: &[Delegation],
    context: &Context<'_>,
) -> Result<(), Unauthorized> {
    let token = token.map_or(Ipld::Null, |token| Ipld::String(token.to_owned()));
    let invocation = Draft::new(signer, signer.did())
        .capability(Capability::new(TRANSPORT, space.as_str()).caveat("token", token))
        .expiration(Expiration::At(context.now + MOMENT))
        .proofs(stored.iter().cloned())
        .sign()
        .map_err(|error| Unauthorized {
            message: error.to_string(),
            flaws: Vec::new(),
        })?;
    access(
        &invocation,
        &Rule::new(TRANSPORT).derives(derives_equal),
        context,
    )
    .map(drop)
}
