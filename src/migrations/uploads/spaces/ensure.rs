//! Having a migration space that is ready for use: created once, sealed, provisioned, delegated.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use zeroize::Zeroizing;

use crate::client::{ClientError, EncryptionKey, Network, Provision, Services};
use crate::engine::Clock;
use crate::migrations::uploads::reasons;
use crate::migrations::uploads::rows::SpaceMark;
use crate::model::{Failure, Reason};
use crate::proto::did::Did;
use crate::proto::envelope::Key;
use crate::proto::key::Signer;
use crate::proto::subscription;
use crate::proto::ucan::{Capability, Delegation, Draft, Expiration};
use crate::proto::{CustomerDid, SpaceDid};

use super::super::rows::{CustomerTables, MigrationSpace, SpaceStatus};

/// One cell per customer, so that a crowd of uploads makes one space.
type Cell = Arc<OnceCell<Signer>>;

/// Migration spaces that are ready for use, each made ready once per process.
pub(crate) struct Spaces {
    pub(super) rows: CustomerTables,
    pub(super) services: Services,
    seal: Key,
    provider: Did,
    ready: Mutex<BTreeMap<CustomerDid, Cell>>,
    names: Mutex<BTreeMap<CustomerDid, SpaceDid>>,
}

impl Spaces {
    pub(crate) fn new(
        rows: CustomerTables,
        services: Services,
        seal: &EncryptionKey,
        network: &Network,
    ) -> Self {
        let provider = network.upload_service.did.clone();
        Self {
            rows,
            services,
            seal: Key::from_bytes(*seal.as_bytes()),
            provider,
            ready: Mutex::default(),
            names: Mutex::default(),
        }
    }

    /// The key of the customer's migration space. Whatever an earlier run left undone is finished first
    /// (docs/protocol/pitfalls.md 34-37).
    pub(crate) async fn ensure(
        &self,
        customer: &CustomerDid,
        clock: &Clock,
    ) -> Result<Signer, Failure> {
        let cell = {
            let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(ready.entry(customer.clone()).or_default())
        };
        cell.get_or_try_init(|| self.make_ready(customer, clock))
            .await
            .cloned()
    }

    async fn make_ready(&self, customer: &CustomerDid, clock: &Clock) -> Result<Signer, Failure> {
        let account = account(customer)?;
        let row = match self.row(customer).await? {
            Some(row) => row,
            None => self.create(customer, &account).await?,
        };
        let signer = self.open(&account, &row)?;
        if row.status == SpaceStatus::Active {
            self.provision(&account, signer.did(), clock).await?;
            self.mark(customer, &row.space, SpaceMark::Provisioned(true))
                .await?;
        }
        if !row.delegated {
            self.delegate(&signer, &account).await?;
            self.mark(customer, &row.space, SpaceMark::Delegated(true))
                .await?;
        }
        Ok(signer)
    }

    /// The customer's migration space, if it has one.
    pub(super) async fn row(
        &self,
        customer: &CustomerDid,
    ) -> Result<Option<MigrationSpace>, Failure> {
        let row = self.rows.migration_space(customer).await;
        row.map_err(|error| error.failure())
    }

    /// Notes how far the space is made. Fails if the row has another space: somebody replaced it.
    pub(super) async fn mark(
        &self,
        customer: &CustomerDid,
        space: &SpaceDid,
        mark: SpaceMark,
    ) -> Result<(), Failure> {
        let marked = self.rows.mark_space(customer, space, mark).await;
        if marked.map_err(|error| error.failure())? {
            return Ok(());
        }
        Err(Failure::permanent(
            Reason::BAD_RECORD,
            format!("the migration space of {customer} is not {space} any more"),
        ))
    }

    /// The row of another process may come back: then its key is the one to use.
    async fn create(
        &self,
        customer: &CustomerDid,
        account: &Did,
    ) -> Result<MigrationSpace, Failure> {
        let signer = Signer::generate();
        let secret = Zeroizing::new(signer.to_secret_text());
        let sealed = self.seal.seal(account, &secret);
        let sealed = sealed
            .map_err(|error| Failure::permanent(reasons::KEY_UNAVAILABLE, error.to_string()))?;
        let space: SpaceDid = signer.did().as_str().parse().map_err(internal)?;
        let name = format!("Migrated Indexes - {customer}");
        let row = MigrationSpace {
            customer: customer.clone(),
            space,
            name,
            sealed_key: Some(sealed),
            status: SpaceStatus::Active,
            delegated: false,
            ours: true,
        };
        let stored = self.rows.create_migration_space(&row).await;
        Ok(stored.map_err(|error| error.failure())?.into_space())
    }

    /// Makes the space ready again when it is wanted next.
    pub(super) fn forget(&self, customer: &CustomerDid) {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        ready.remove(customer);
    }

    /// The customer's migration space, if it has one. A space is asked for once: it never changes.
    pub(crate) async fn name(&self, customer: &CustomerDid) -> Result<Option<SpaceDid>, Failure> {
        let names = || self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(name) = names().get(customer) {
            return Ok(Some(name.clone()));
        }
        let row = self.row(customer).await?;
        if let Some(row) = &row {
            names().insert(customer.clone(), row.space.clone());
        }
        Ok(row.map(|row| row.space))
    }

    pub(super) fn open(&self, account: &Did, row: &MigrationSpace) -> Result<Signer, Failure> {
        let unusable = |why: String| {
            Failure::permanent(
                reasons::KEY_UNAVAILABLE,
                format!("key of migration space {}: {why}", row.space),
            )
        };
        let sealed = row
            .sealed_key
            .as_ref()
            .ok_or_else(|| unusable("is not in its row".to_owned()))?;
        let opened = self
            .seal
            .open(account, sealed)
            .map_err(|error| unusable(error.to_string()))?;
        let signer = Signer::parse(&opened.secret).map_err(|error| unusable(error.to_string()))?;
        if signer.did().as_str() == row.space.as_str() {
            Ok(signer)
        } else {
            Err(unusable(format!("is that of {}", signer.did())))
        }
    }

    async fn provision(
        &self,
        account: &Did,
        space: &Did,
        clock: &Clock,
    ) -> Result<(), ClientError> {
        let provision = self.provisioning(account, space, clock.now().to_string());
        self.services.tables.provision(&provision).await
    }

    pub(super) fn provisioning(&self, account: &Did, space: &Did, at: String) -> Provision {
        Provision {
            space: space.clone(),
            customer: account.clone(),
            provider: self.provider.clone(),
            subscription: subscription::id(space).to_string(),
            at,
        }
    }

    /// The object first, then the row that leads to it.
    async fn delegate(&self, space: &Signer, account: &Did) -> Result<(), Failure> {
        let delegation = self.not_revoked(space, account).await?;
        self.services.delegations.store(&delegation).await?;
        let tables = &self.services.tables;
        tables
            .store_delegation_row(
                delegation.cid(),
                account,
                space.did(),
                delegation.expiration(),
            )
            .await?;
        Ok(())
    }
}

impl Spaces {
    /// The first delegation that no rollback revoked.
    async fn not_revoked(&self, space: &Signer, account: &Did) -> Result<Delegation, Failure> {
        for number in 0.. {
            let delegation = to_account(space, account, number)?;
            let revoked = self.services.tables.is_revoked(delegation.cid()).await?;
            if !revoked {
                return Ok(delegation);
            }
        }
        Err(internal("all delegations are revoked"))
    }
}

/// Everything in the space, for ever: the same bytes each time it is made. A revoked one is followed by the next
/// `number`, which is its nonce.
pub(super) fn to_account(
    space: &Signer,
    account: &Did,
    number: u32,
) -> Result<Delegation, Failure> {
    let all = Capability::new("space/*", space.did().as_str());
    let draft = Draft::new(space, account)
        .capability(all)
        .expiration(Expiration::Never);
    let draft = match number {
        0 => draft,
        number => draft.nonce(number.to_string()),
    };
    draft.sign().map_err(internal)
}

/// Only a mail account can hold a space; said before anything is written (docs/protocol/pitfalls.md 80).
pub(super) fn account(customer: &CustomerDid) -> Result<Did, Failure> {
    let did = Did::parse(customer.as_str());
    let did = did.map_err(|error| Failure::permanent(Reason::BAD_RECORD, error.to_string()))?;
    if did.is_mailto() {
        return Ok(did);
    }
    let text = format!(
        "customer {customer} is not a did:mailto, so no migration space can be delegated to it"
    );
    Err(Failure::permanent(Reason::BAD_RECORD, text))
}

fn internal(error: impl std::fmt::Display) -> Failure {
    Failure::permanent(Reason::INTERNAL, error.to_string())
}
