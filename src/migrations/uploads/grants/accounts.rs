//! What the delegations to an account are about, whoever issued them.
//!
//! The `audience` index shows links only, so that the objects must be read to learn which spaces they are about. An
//! account may have thousands, and thousands of its spaces may ask: what an object is about is remembered, and each is
//! read once. The list itself is asked for whenever what is remembered does not help, so that nothing new is missed.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use cid::Cid;
use futures::stream::{self, StreamExt as _};

use crate::client::{Cause, ClientError, Services};
use crate::proto::did::Did;
use crate::proto::ucan::Delegation;

/// Accounts that are remembered, the last ones asked for.
const ACCOUNTS: usize = 32;
/// Delegations that are remembered over all accounts but the last one; some 300 bytes each.
const DELEGATIONS: usize = 100_000;
/// Objects that are read at once.
const AT_ONCE: usize = 8;
/// A resource that stands for all that the issuer may do.
const ALL: &str = "ucan:*";

/// The accounts that were asked for last.
#[derive(Default)]
pub(crate) struct Accounts {
    last: Mutex<VecDeque<(Did, Arc<Account>)>>,
}

/// What is known of one account. Only one list of it is read at a time.
#[derive(Default)]
struct Account {
    /// Lists that were begun.
    begun: AtomicU64,
    size: AtomicUsize,
    known: tokio::sync::Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// The number of the last list that was read to its end.
    listed: u64,
    seen: HashSet<Cid>,
    /// Delegations by what they are about, but those that only pass on what is their issuer's own.
    about: HashMap<String, Vec<Cid>>,
}

impl Accounts {
    /// The delegations to an account that may be about a space which did not issue them, as far as they are remembered.
    pub(crate) async fn remembered(&self, account: &Did, space: &Did) -> Vec<Cid> {
        let account = self.account(account);
        let known = account.known.lock().await;
        known.about(space)
    }

    /// The same after the list was asked for.
    pub(crate) async fn listed(
        &self,
        services: &Services,
        account: &Did,
        space: &Did,
    ) -> Result<Vec<Cid>, ClientError> {
        let of = self.account(account);
        let asked = of.begun.load(Ordering::Acquire);
        let mut known = of.known.lock().await;
        // A list that was begun after the question answers it, whoever began it.
        if known.listed <= asked {
            let number = of.begun.fetch_add(1, Ordering::AcqRel) + 1;
            let links = services.tables.delegations_by_audience(account).await?;
            let read = known.learn(services, links).await;
            of.size.store(known.seen.len(), Ordering::Release);
            read?;
            known.listed = number;
        }
        Ok(known.about(space))
    }

    /// The memory of an account, which is now the last one.
    fn account(&self, did: &Did) -> Arc<Account> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let at = last.iter().position(|(known, _)| known == did);
        let (_, account) = at
            .and_then(|at| last.remove(at))
            .unwrap_or_else(|| (did.clone(), Arc::default()));
        let size = |account: &Account| account.size.load(Ordering::Acquire);
        let mut total: usize = last.iter().map(|(_, account)| size(account)).sum();
        while last.len() >= ACCOUNTS || total > DELEGATIONS {
            let Some((_, forgotten)) = last.pop_front() else {
                break;
            };
            total -= size(&forgotten).min(total);
        }
        last.push_back((did.clone(), Arc::clone(&account)));
        account
    }
}

impl Known {
    /// Reads what was not seen yet. What was read is kept if the rest cannot be.
    async fn learn(&mut self, services: &Services, links: Vec<Cid>) -> Result<(), ClientError> {
        let new: Vec<_> = links
            .into_iter()
            .filter(|link| !self.seen.contains(link))
            .collect();
        let reads = new
            .into_iter()
            .map(|link| async move { (link, services.delegations.read(&link).await) });
        let mut reads = stream::iter(reads).buffer_unordered(AT_ONCE);
        while let Some((link, read)) = reads.next().await {
            match read {
                Ok(Some(delegation)) => self.add(&delegation),
                // An object is stored before its row: one that is not there now never comes.
                Ok(None) => {}
                // Nobody can use it, and the others may do.
                Err(error) if matches!(error.cause, Cause::Malformed(_)) => {}
                Err(error) => return Err(error),
            }
            self.seen.insert(link);
        }
        Ok(())
    }

    fn add(&mut self, delegation: &Delegation) {
        let capabilities = delegation.capabilities().iter();
        let resources: HashSet<_> = capabilities.map(|one| one.with.as_str()).collect();
        for resource in resources {
            if resource != delegation.issuer().as_str() {
                let about = self.about.entry(resource.to_owned()).or_default();
                about.push(*delegation.cid());
            }
        }
    }

    fn about(&self, space: &Did) -> Vec<Cid> {
        let of = |resource| self.about.get(resource).into_iter().flatten();
        let mut found: Vec<_> = of(space.as_str()).chain(of(ALL)).copied().collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::key::Signer;
    use crate::proto::ucan::{Capability, Draft};

    fn account(number: usize) -> Did {
        Did::parse(&format!("did:mailto:example.com:{number}")).unwrap()
    }

    #[test]
    fn the_last_accounts_are_kept_unless_they_are_large() {
        let accounts = Accounts::default();
        let kept = || accounts.last.lock().unwrap().len();
        for number in 0..2 * ACCOUNTS {
            accounts.account(&account(number));
        }
        assert_eq!(kept(), ACCOUNTS);
        let last = accounts.account(&account(2 * ACCOUNTS - 1));
        last.size.store(DELEGATIONS + 1, Ordering::Release);
        let again = accounts.account(&account(2 * ACCOUNTS - 1));
        assert!(
            Arc::ptr_eq(&last, &again),
            "the one that is asked for stays"
        );
        assert_eq!(kept(), ACCOUNTS);
        accounts.account(&account(0));
        assert_eq!(kept(), 1);
    }

    #[test]
    fn what_a_delegation_is_about_is_what_its_issuer_does_not_own() {
        let device = Signer::from_seed([1; 32]);
        let space = Signer::from_seed([2; 32]);
        let on = |resource: &str| Capability::new("*", resource);
        let shared = Draft::new(&device, &account(1))
            .capability(on(space.did().as_str()))
            .capability(on(device.did().as_str()));
        let all = Draft::new(&device, &account(1)).capability(on(ALL));
        let (shared, all) = (shared.sign().unwrap(), all.sign().unwrap());
        let mut known = Known::default();
        for delegation in [&shared, &all] {
            known.add(delegation);
        }
        let mut both = vec![*shared.cid(), *all.cid()];
        both.sort_unstable();
        assert_eq!(known.about(space.did()), both);
        assert_eq!(known.about(device.did()), [*all.cid()]);
    }
}
