//! Customers and spaces: subscriptions, consumers, and what a space delegated to its account.

use super::{Error, LONG_AGO};
use crate::proto::did::Did;
use crate::proto::key::Signer;
use crate::proto::subscription;
use crate::proto::ucan::{Capability, Delegation, Draft, Expiration, to_bytes};
use crate::sandbox::identity::derive;
use crate::sandbox::layout::bucket;
use crate::sandbox::world::plan::{AccountDelegation, Plan, Space};
use crate::sandbox::{Network, PutOptions, Row, Table};

/// Every this many spaces, the delegation lies in the bucket of before R2.
const OLD_BUCKET_EVERY: usize = 5;
/// Every this many spaces, an agent's delegation lies beside the account's.
const AGENT_EVERY: usize = 3;

/// A space that has been written.
pub(super) struct Account {
    /// The customer.
    pub customer: Did,
    /// The key of the space.
    pub space: Signer,
    /// What the space delegated to the customer, if it did.
    pub delegation: Option<Delegation>,
}

/// Writes customers and spaces; gives the spaces in the order of the plan.
pub(super) async fn write(network: &Network, plan: &Plan) -> Result<Vec<Account>, Error> {
    let mut accounts = Vec::with_capacity(plan.spaces.len());
    for (index, space) in plan.spaces.iter().enumerate() {
        let account = account(plan, space)?;
        rows(network, &account).await?;
        for (delegation, bucket) in delegations(plan, index, &account)? {
            store(network, &delegation, bucket).await?;
        }
        accounts.push(account);
    }
    Ok(accounts)
}

fn account(plan: &Plan, space: &Space) -> Result<Account, Error> {
    let customer = Did::parse(&plan.customers[space.customer])?;
    let key = Signer::from_seed(space.key);
    let delegation = match space.delegation {
        AccountDelegation::Present => Some(grant(&key, &customer)?),
        AccountDelegation::Absent => None,
    };
    Ok(Account {
        customer,
        space: key,
        delegation,
    })
}

async fn rows(network: &Network, account: &Account) -> Result<(), Error> {
    let Account {
        customer, space, ..
    } = account;
    let subscription = subscription::id(space.did()).to_string();
    let provider = network.keys.upload.did().as_str();
    let row = |name: &str, value: &str| {
        Row::new()
            .text("subscription", &subscription)
            .text("provider", provider)
            .text("customer", customer.as_str())
            .text("cause", subscription.clone())
            .text("insertedAt", LONG_AGO)
            .text("updatedAt", LONG_AGO)
            .text(name, value)
    };
    let subscribed = row("customer", customer.as_str());
    network.db.put(Table::Subscription, subscribed).await?;
    let consumed = row("consumer", space.did().as_str());
    network.db.put(Table::Consumer, consumed).await?;
    let known = Row::new()
        .text("customer", customer.as_str())
        .text("product", provider)
        .text("insertedAt", LONG_AGO);
    network.db.put(Table::Customer, known).await?;
    Ok(())
}

/// The delegations of a space and the buckets they lie in.
fn delegations(
    plan: &Plan,
    index: usize,
    account: &Account,
) -> Result<Vec<(Delegation, &'static str)>, Error> {
    let mut found = Vec::new();
    if index.is_multiple_of(AGENT_EVERY) {
        let agent = Signer::from_seed(derive(plan.seed, &format!("agent {index}")));
        found.push((grant(&account.space, agent.did())?, bucket::DELEGATIONS));
    }
    if let Some(delegation) = &account.delegation {
        let place = if index % OLD_BUCKET_EVERY == 1 {
            bucket::OLD_DELEGATIONS
        } else {
            bucket::DELEGATIONS
        };
        found.push((delegation.clone(), place));
    }
    Ok(found)
}

/// Everything on the space, for ever, as a client delegates at the creation of a space.
fn grant(space: &Signer, audience: &Did) -> Result<Delegation, Error> {
    let everything = Capability::new("*", space.did().as_str());
    let draft = Draft::new(space, audience)
        .capability(everything)
        .expiration(Expiration::Never);
    Ok(draft.sign()?)
}

async fn store(network: &Network, delegation: &Delegation, bucket: &str) -> Result<(), Error> {
    let link = delegation.cid().to_string();
    let bytes = to_bytes(std::slice::from_ref(delegation));
    let key = format!("/delegations/{link}.car");
    network
        .objects
        .put(bucket, &key, bytes, PutOptions::default())
        .await?;
    let row = Row::new()
        .text("link", link.clone())
        .text("issuer", delegation.issuer().as_str())
        .text("audience", delegation.audience().as_str())
        .null("expiration")
        .text("cause", link)
        .text("insertedAt", LONG_AGO);
    network.db.put(Table::Delegation, row).await?;
    Ok(())
}
