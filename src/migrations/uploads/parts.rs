//! What the migration is made of.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tokio::sync::OnceCell;

use crate::client::{Addresses, Config, Network, Secrets, Services};
use crate::engine::{Clock, ServiceRegistry};
use crate::model::Failure;
use crate::proto::did::Did;

use super::decide::Trust;
use super::grants::{Accounts, Confirmed};
use super::rows::CustomerTables;
use super::spaces::Spaces;

/// Choices of the operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Index blocks whose hash functions are not computed here unchecked, instead of setting their upload aside.
    pub index_unverified: bool,
    /// The operator says of the spaces of this run whose they are, so that other rows of the consumer table do not count.
    pub is_customer_named: bool,
}

/// Everything steps work with; shared by all of them.
pub(super) struct Parts {
    pub(super) services: Services,
    pub(super) network: Network,
    pub(super) secrets: Secrets,
    pub(super) trust: Trust,
    pub(super) spaces: Spaces,
    /// What the delegations to an account are about.
    pub(super) accounts: Accounts,
    /// Spaces of which it is known whose they are.
    pub(super) confirmed: Confirmed,
    pub(super) settings: Settings,
    /// Shards of one upload that are streamed at once.
    pub(super) shards_at_once: usize,
    /// Blocks that were indexed without a check since the start.
    pub(super) unverified: AtomicU64,
    /// Set when the upload service was asked whether it takes writes.
    asked: OnceCell<()>,
}

/// How long the first index waits to hear whether the upload service takes writes.
const ASK_WITHIN: Duration = Duration::from_secs(2);

impl Parts {
    pub(super) async fn connect(
        config: &Config,
        clock: Clock,
        dependencies: ServiceRegistry,
        rows: CustomerTables,
        settings: Settings,
    ) -> Result<Self, Failure> {
        let services = Services::connect(config, clock, dependencies).await?;
        let nodes = services.tables.storage_nodes().await?;
        let network = config.network.clone();
        let trust = Trust {
            addresses: Addresses::new(&network),
            issuers: issuers(&network, nodes),
            upload_service: network.upload_service.did.clone(),
        };
        let spaces = Spaces::new(rows, services.clone(), &config.secrets.encryption, &network);
        let secrets = config.secrets.clone();
        let shards_at_once = config.limits.shards_at_once;
        Ok(Self {
            services,
            network,
            secrets,
            trust,
            spaces,
            accounts: Accounts::default(),
            confirmed: Confirmed::default(),
            settings,
            shards_at_once,
            unverified: AtomicU64::new(0),
            asked: OnceCell::new(),
        })
    }
}

impl Parts {
    /// Names the upload service if it takes no writes, once and before the first shard is read for it.
    pub(super) async fn name_refusal_of_writes(&self) {
        let ask = || async {
            let asked = self.services.upload.refuses_writes();
            if let Ok(Some(said)) = tokio::time::timeout(ASK_WITHIN, asked).await {
                tracing::warn!(
                    "the upload service takes no writes now ({said}): the run waits and goes on by itself when it does"
                );
            }
        };
        self.asked.get_or_init(ask).await;
    }
}

/// Everybody whose location claims count: the network's own services and its storage nodes.
fn issuers(network: &Network, nodes: Vec<Did>) -> BTreeSet<Did> {
    let services = [
        &network.upload_service,
        &network.claims_service,
        &network.storage_node.service,
    ];
    let mut all: BTreeSet<Did> = services
        .into_iter()
        .map(|service| service.did.clone())
        .collect();
    all.extend(network.storage_providers.iter().cloned());
    all.extend(nodes);
    all
}
