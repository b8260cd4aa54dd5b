//! What the migration is made of.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crate::client::{Addresses, Config, Network, Secrets, Services};
use crate::engine::{Clock, Dependencies};
use crate::model::Failure;
use crate::proto::did::Did;

use super::decide::Trust;
use super::grants::Accounts;
use super::spaces::{MigrationSpaces, Spaces};

/// Choices of the operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Publish location claims that name the space although the gateway may not serve it, which takes content off the
    /// air (protocol: pitfalls 86).
    pub publish_unauthorized: bool,
    /// Index blocks whose hash functions are not computed here unchecked, instead of setting their upload aside.
    pub index_unverified: bool,
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
    pub(super) settings: Settings,
    /// Shards of one upload that are streamed at once.
    pub(super) shards_at_once: usize,
    /// Blocks that were indexed without a check since the start.
    pub(super) unverified: AtomicU64,
}

impl Parts {
    pub(super) async fn connect(
        config: &Config,
        clock: Clock,
        dependencies: Dependencies,
        registry: Arc<dyn MigrationSpaces>,
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
        let spaces = Spaces::new(
            registry,
            services.clone(),
            &config.secrets.encryption,
            &network,
        );
        let secrets = config.secrets.clone();
        let shards_at_once = config.limits.shards_at_once;
        Ok(Self {
            services,
            network,
            secrets,
            trust,
            spaces,
            accounts: Accounts::default(),
            settings,
            shards_at_once,
            unverified: AtomicU64::new(0),
        })
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
