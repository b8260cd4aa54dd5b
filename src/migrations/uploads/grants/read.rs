//! Objects of delegations, and whether a chain was revoked.

use cid::Cid;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use crate::migrations::uploads::decide::Usable;
use crate::migrations::uploads::parts::Parts;
use crate::model::Failure;
use crate::proto::ucan::Delegation;
use crate::proto::validate::{Fault, Flaw};

/// Objects that are read at once.
const AT_ONCE: usize = 4;

/// The first link of a chain that was revoked.
pub(super) async fn revoked(parts: &Parts, usable: &Usable) -> Result<Option<Flaw>, Failure> {
    for link in &usable.chain {
        let delegation = *link.cid();
        if parts.services.tables.is_revoked(&delegation).await? {
            let fault = Fault::Revoked;
            return Ok(Some(Flaw { delegation, fault }));
        }
    }
    Ok(None)
}

/// Reads objects of delegations. One that is nowhere is a delegation that cannot be used; one that cannot be read is
/// trouble.
pub(super) async fn read(
    parts: &Parts,
    links: &[Cid],
) -> Result<Vec<(Cid, Option<Delegation>)>, Failure> {
    let reads: Vec<_> = links
        .iter()
        .map(|link| async move {
            let found = parts.services.delegations.read(link).await?;
            Ok::<_, Failure>((*link, found))
        })
        .collect();
    stream::iter(reads).buffered(AT_ONCE).try_collect().await
}
