//! All clients of one network over shared connections.

use std::sync::Arc;

use super::aws::Clients as AwsClients;
use super::buckets::{ClaimStore, DelegationStore};
use super::calls::Calls;
use super::carpark::{Addresses, CarparkClient};
use super::gateway::GatewayClient;
use super::http::Http;
use super::indexing::IndexingClient;
use super::ipni::Publisher;
use super::tables::NetworkTables;
use super::ucan::{Connection, Identity, Issuers};
use super::upload::UploadClient;
use super::{Aws, ClientError, Config, Dependency, Limits, Network, Service};
use crate::runtime::{Clock, ServiceRegistry};

/// Every outside service; cheap to clone.
#[derive(Clone)]
pub struct Services {
    /// The network's own tables.
    pub tables: NetworkTables,
    /// Objects of delegations.
    pub delegations: DelegationStore,
    /// The bucket of claims.
    pub claims: ClaimStore,
    /// The carpark.
    pub carpark: CarparkClient,
    /// The upload service.
    pub upload: UploadClient,
    /// The indexing service.
    pub indexing: IndexingClient,
    /// The gateway.
    pub gateway: GatewayClient,
    /// The IPNI publishing queues.
    pub ipni: Publisher,
    /// The keys of those whose claims count.
    pub issuers: Issuers,
}

impl Services {
    /// Makes all clients; `dependencies` shows what holds calls back. Nothing is sent yet, except what resolving AWS credentials needs.
    ///
    /// # Errors
    /// No HTTP client can be made.
    pub async fn connect(
        config: &Config,
        clock: Clock,
        dependencies: ServiceRegistry,
    ) -> Result<Self, ClientError> {
        let Config {
            network,
            secrets,
            limits,
            ..
        } = config;
        let aws = AwsClients::connect(&config.aws, &network.queues, limits).await;
        let calls = Calls::new(limits, dependencies);
        let http =
            Http::new(limits).map_err(|cause| cause.at(Dependency::Carpark, "set up HTTP"))?;
        let http = http.reaching(network);
        let gateway = Connection::new(
            http.clone(),
            calls.clone(),
            Dependency::Gateway,
            network.gateway.clone(),
            Identity::known(&secrets.gateway.verifier(), &network.gateway),
        );
        let identity = Identity::resolved(&network.indexing_service);
        let identity = identity.unverified(network.unverified_receipts);
        let indexing = indexing(&http, &calls, &network.indexing_service, identity, clock);
        let indexing = indexing.with_secrets(secrets);
        let own = secrets.upload_service.verifier();
        let issuers = Issuers::new(http.clone(), calls.clone(), network, &own);
        let upload = upload(&http, &calls, config, issuers.clone(), clock);
        Ok(Self {
            issuers,
            tables: NetworkTables::new(&aws, &network.tables, &network.buckets, calls.clone()),
            delegations: DelegationStore::new(&aws, config, calls.clone()),
            claims: ClaimStore::new(&aws, &network.buckets, calls.clone()),
            carpark: CarparkClient::new(http.clone(), calls.clone(), Addresses::new(network)),
            upload,
            indexing,
            gateway: GatewayClient::new(
                http.clone(),
                calls.clone(),
                gateway,
                network,
                Arc::new(secrets.clone()),
                clock,
            ),
            ipni: Publisher::new(&aws, network, calls),
        })
    }
}

/// The network's tables alone, for commands that hold no keys.
pub async fn connect_tables(aws: &Aws, network: &Network, limits: &Limits) -> NetworkTables {
    let clients = AwsClients::connect(aws, &network.queues, limits).await;
    NetworkTables::new(
        &clients,
        &network.tables,
        &network.buckets,
        Calls::new(limits, ServiceRegistry::new()),
    )
}

/// The indexing service alone, for commands that only ask it.
///
/// # Errors
/// No HTTP client can be made.
pub fn connect_indexing(
    service: &Service,
    limits: &Limits,
    clock: Clock,
) -> Result<IndexingClient, ClientError> {
    let http =
        Http::new(limits).map_err(|cause| cause.at(Dependency::IndexingService, "set up HTTP"))?;
    let calls = Calls::new(limits, ServiceRegistry::new());
    let identity = Identity::resolved(service);
    Ok(indexing(&http, &calls, service, identity, clock))
}

fn upload(
    http: &Http,
    calls: &Calls,
    config: &Config,
    issuers: Issuers,
    clock: Clock,
) -> UploadClient {
    let service = &config.network.upload_service;
    let identity = Identity::known(&config.secrets.upload_service.verifier(), service);
    let connection = Connection::new(
        http.clone(),
        calls.clone(),
        Dependency::UploadService,
        service.clone(),
        identity,
    );
    UploadClient::new(
        http.clone(),
        calls.clone(),
        connection,
        issuers,
        &config.network,
        clock,
    )
}

fn indexing(
    http: &Http,
    calls: &Calls,
    service: &Service,
    identity: Identity,
    clock: Clock,
) -> IndexingClient {
    let connection = Connection::new(
        http.clone(),
        calls.clone(),
        Dependency::IndexingService,
        service.clone(),
        identity,
    );
    IndexingClient::new(
        http.clone(),
        calls.clone(),
        connection,
        service.clone(),
        clock,
    )
}
