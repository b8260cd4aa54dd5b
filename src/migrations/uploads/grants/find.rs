//! Finding the delegation: among those that the space issued, else among all to the account.

use cid::Cid;

use super::owner::{not_declined, not_private};
use super::read::{read, revoked};
use crate::client::DelegationRow;
use crate::migrations::uploads::decide::{Broken, Case, Usable, by_preference, judge, missing};
use crate::migrations::uploads::parts::Parts;
use crate::migrations::uploads::reasons;
use crate::model::Failure;
use crate::proto::did::Did;
use crate::proto::validate::Fault;

/// The best delegation by which an account may have the gateway serve a space.
///
/// The customer's own by the space are read first, then the space's to other accounts, and only if none of those will
/// do the delegations to the customer that others issued (docs/protocol/tables.md §6).
///
/// # Errors
/// `GATEWAY_DECLINED` and `PRIVATE_SPACE` if the owner does not want it, `MISSING_DELEGATION` with the reason for each
/// that will not do, and those of tables and buckets.
pub(crate) async fn find(
    parts: &Parts,
    space: &Did,
    customer: &Did,
    now: u64,
) -> Result<Usable, Failure> {
    let rows = parts.services.tables.delegations_by_issuer(space).await?;
    let upload_service = &parts.secrets.upload_service.verifier();
    let case = Case {
        space,
        upload_service,
        now,
    };
    not_declined(parts, &rows, &case).await?;
    let mut search = Search {
        parts,
        customer,
        case,
        broken: Vec::new(),
    };
    let accounts = rows
        .iter()
        .filter(|row| row.audience.starts_with("did:mailto:"));
    let (own, others): (Vec<_>, Vec<_>) =
        accounts.partition(|row| row.audience == customer.as_str());
    for group in [own, others] {
        let links: Vec<Cid> = group
            .into_iter()
            .map(|row: &DelegationRow| row.link)
            .collect();
        if let Some(found) = search.among(&links).await? {
            return Ok(found);
        }
    }
    let (found, by_others) = search.of_account().await?;
    found.ok_or_else(|| {
        let text = missing(space, rows.len() + by_others, &search.broken);
        Failure::permanent(reasons::MISSING_DELEGATION, text)
    })
}

/// Whether a space lets an account do all with it that [`find`] asks for, by itself or through others.
///
/// # Errors
/// Those of tables and buckets.
pub(super) async fn holds(
    parts: &Parts,
    space: &Did,
    account: &Did,
    now: u64,
) -> Result<bool, Failure> {
    let rows = parts.services.tables.delegations_by_issuer(space).await?;
    let to_account = rows.iter().filter(|row| row.audience == account.as_str());
    let links: Vec<Cid> = to_account.map(|row| row.link).collect();
    let mut search = Search {
        parts,
        customer: account,
        case: Case {
            space,
            upload_service: &parts.secrets.upload_service.verifier(),
            now,
        },
        broken: Vec::new(),
    };
    let found = match search.among(&links).await {
        Ok(None) => search.of_account().await.map(|(found, _)| found),
        other => other,
    };
    match found {
        Ok(found) => Ok(found.is_some()),
        // It does, and does not want the gateway to serve it.
        Err(failure) if failure.reason == reasons::PRIVATE_SPACE => Ok(true),
        Err(failure) => Err(failure),
    }
}

/// One search and what it met that will not do.
struct Search<'a> {
    parts: &'a Parts,
    customer: &'a Did,
    case: Case<'a>,
    broken: Vec<Broken>,
}

impl Search<'_> {
    /// The best of what others than the space issued to the customer, and how many of these may be about the space.
    async fn of_account(&mut self) -> Result<(Option<Usable>, usize), Failure> {
        let (parts, customer, space) = (self.parts, self.customer, self.case.space);
        if !customer.is_mailto() {
            return Ok((None, 0));
        }
        let remembered = parts.accounts.remembered(customer, space).await;
        let found = self.among(&remembered).await?;
        if found.is_some() {
            return Ok((found, remembered.len()));
        }
        let listed = parts.accounts.listed(&parts.services, customer, space);
        let listed = listed.await?;
        let is_new = |link: &Cid| !remembered.contains(link);
        let new: Vec<_> = listed.iter().copied().filter(is_new).collect();
        Ok((self.among(&new).await?, listed.len()))
    }

    /// The best of some delegations, unless none will do or the owner does not want it used.
    async fn among(&mut self, links: &[Cid]) -> Result<Option<Usable>, Failure> {
        let mut usable = Vec::new();
        for (link, proof) in read(self.parts, links).await? {
            let absent = || Broken::itself(link, Fault::Absent);
            let judged = proof.ok_or_else(absent);
            match judged.and_then(|proof| judge(proof, &self.case)) {
                Ok(one) => usable.push(one),
                Err(broken) => self.broken.push(broken),
            }
        }
        by_preference(&mut usable, self.customer);
        while let Some(best) = usable.first().cloned() {
            let Some(flaw) = revoked(self.parts, &best).await? else {
                not_private(self.parts, &usable, &self.case).await?;
                return Ok(Some(best));
            };
            self.broken.push(Broken::by(*best.proof.cid(), flaw));
            usable.remove(0);
        }
        Ok(None)
    }
}
