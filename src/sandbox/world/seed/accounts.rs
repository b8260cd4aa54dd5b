//! Customers and spaces: subscriptions, consumers, and what a space delegated to its account.

use super::SeedError;
use super::delegations::{self, Given};
use crate::proto::did::Did;
use crate::proto::key::Signer;
use crate::proto::subscription;
use crate::proto::ucan::{Delegation, to_bytes};
use crate::sandbox::layout::bucket;
use crate::sandbox::world::plan::{Plan, Space};
use crate::sandbox::{Network, PutOptions, Row, Table};

/// When all of it was stored.
pub(super) const LONG_AGO: &str = "2024-03-05T10:00:00.000Z";
/// Every this many spaces, the delegation lies in the bucket of before R2.
const OLD_BUCKET_EVERY: usize = 5;

/// A space that has been written.
pub(super) struct Account {
    /// The customer.
    pub customer: Did,
    /// The key of the space.
    pub space: Signer,
    /// What the customer was delegated, if anything.
    pub delegation: Option<Delegation>,
}

/// Writes customers and spaces; gives the spaces in the order of the plan.
pub(super) async fn write(network: &Network, plan: &Plan) -> Result<Vec<Account>, SeedError> {
    let mut accounts = Vec::with_capacity(plan.spaces.len());
    for (index, space) in plan.spaces.iter().enumerate() {
        let (account, beside) = account(plan, index, space)?;
        rows(network, &account).await?;
        for delegation in beside {
            store(network, &delegation, bucket::DELEGATIONS).await?;
        }
        if let Some(delegation) = &account.delegation {
            let old = index % OLD_BUCKET_EVERY == 1;
            let place = if old {
                bucket::OLD_DELEGATIONS
            } else {
                bucket::DELEGATIONS
            };
            store(network, delegation, place).await?;
        }
        accounts.push(account);
    }
    Ok(accounts)
}

/// A space with what lies beside the delegation to its account.
fn account(
    plan: &Plan,
    index: usize,
    space: &Space,
) -> Result<(Account, Vec<Delegation>), SeedError> {
    let customer = Did::parse(&plan.customers[space.customer])?;
    let key = Signer::from_seed(space.key);
    let Given { to_account, beside } = delegations::given(plan, index, &key, &customer)?;
    let account = Account {
        customer,
        space: key,
        delegation: to_account,
    };
    Ok((account, beside))
}

async fn rows(network: &Network, account: &Account) -> Result<(), SeedError> {
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

async fn store(network: &Network, delegation: &Delegation, bucket: &str) -> Result<(), SeedError> {
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
        .text("cause", link)
        .text("insertedAt", LONG_AGO);
    let row = match delegation.expiration() {
        None => row.null("expiration"),
        Some(end) => row.number("expiration", end),
    };
    network.db.put(Table::Delegation, row).await?;
    Ok(())
}
