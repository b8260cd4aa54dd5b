//! By which delegations the gateway is authorised: those that devices issued, chains that break, and owners who want no
//! gateway.

use std::collections::BTreeSet;

use cid::Cid;
use ipld_core::ipld::Ipld;
use sterna::engine::{self, Depth, Job, Report, Scope, StepFilter};
use sterna::migrations::uploads::{GATEWAY, Settings, reasons};
use sterna::model::{FailedItem, ItemId, Reason, StepState, Unit, Verdict};
use sterna::proto::did::Did;
use sterna::proto::key::Signer;
use sterna::proto::ucan::{Capability, Delegation, Draft, to_bytes};
use sterna::sandbox::world::manifest::Record;
use sterna::sandbox::world::plan::{AccountDelegation, Plan, Sizes};
use sterna::sandbox::{PutOptions, Row, Service, Table, bucket};

use crate::auditing::recheck;
use crate::fixture::Local;
use crate::tables::placed;
use crate::worker::{Worker, config, expected, units, unkept_rows};

const SIZES: Sizes = Sizes {
    customers: 2,
    spaces: 7,
    uploads: 28,
};

fn varied() -> Plan {
    Plan::varied(7, SIZES)
}

async fn worker(local: &Local) -> Worker {
    Worker::new(local, unkept_rows(), Settings::default()).await
}

/// Index of the only space with this kind of delegation, and its DID.
fn space(plan: &Plan, kind: AccountDelegation) -> (usize, Signer) {
    let at = plan.spaces.iter().position(|one| one.delegation == kind);
    let at = at.unwrap();
    (at, Signer::from_seed(plan.spaces[at].key))
}

fn uploads<'a>(local: &'a Local, space: &Did) -> Vec<&'a Record> {
    let all = local.world.uploads.iter();
    all.filter(|one| one.space == space.as_str()).collect()
}

fn root(record: &Record) -> Cid {
    Cid::try_from(record.root.as_str()).unwrap()
}

fn unit(local: &Local, space: &Did) -> Unit {
    let mut all = units(local).into_iter();
    all.find(|unit| *unit.id.name == *space.as_str()).unwrap()
}

/// The failure of all uploads of a space.
async fn failure(worker: &Worker, space: &Did) -> FailedItem {
    let mut all = worker.failures().await.into_iter();
    let of_space = all.find(|row| *row.unit.name == *space.as_str() && row.item.is_all_of_unit());
    of_space.unwrap()
}

async fn migrate(worker: &Worker, units: Vec<Unit>, name: &str) {
    worker.run(Job::Units(units), StepFilter::All, name).await;
}

async fn store(local: &Local, delegation: &Delegation) {
    let network = local.sandbox.network();
    let link = delegation.cid().to_string();
    let key = format!("/delegations/{link}.car");
    let bytes = to_bytes(std::slice::from_ref(delegation));
    let put = network
        .objects
        .put(bucket::DELEGATIONS, &key, bytes, PutOptions::default());
    put.await.unwrap();
    let row = Row::new()
        .text("link", link)
        .text("issuer", delegation.issuer().as_str())
        .text("audience", delegation.audience().as_str())
        .text("insertedAt", "2025-01-01T00:00:00.000Z")
        .null("expiration");
    network.db.put(Table::Delegation, row).await.unwrap();
}

pub(crate) async fn revoke(local: &Local, delegation: &Cid) -> Row {
    let row = Row::new().text("revoke", delegation.to_string());
    let db = &local.sandbox.network().db;
    db.put(Table::Revocation, row.clone()).await.unwrap();
    row
}

fn everything<'a>(issuer: &'a Signer, space: &Did, audience: &Did) -> Draft<'a> {
    Draft::new(issuer, audience).capability(Capability::new("*", space.as_str()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_devices_delegation_lets_the_gateway_serve_and_a_broken_one_is_named() {
    let plan = varied();
    let local = Local::start_with(plan.clone()).await;
    let services = local.services().await;
    let worker = worker(&local).await;
    migrate(&worker, units(&local), "all").await;
    assert_eq!(worker.failed().await, expected(&local));

    let (_, by_device) = space(&plan, AccountDelegation::ByDevice);
    let mut claimed = 0;
    for record in uploads(&local, by_device.did()) {
        let served = services.gateway.serves(&root(record)).await.unwrap();
        assert_eq!(served, record.retrievable, "{record:?}");
        claimed += placed(&services, record).await.len();
    }
    assert!(claimed > 0);

    let (_, expired) = space(&plan, AccountDelegation::ByDeviceExpired);
    let text = failure(&worker, expired.did()).await.failure.message;
    let begins = "none lets an account authorise the gateway: bafy";
    assert!(text.contains(begins), "{text}");
    assert!(text.contains(" rests on bafy"), "{text}");
    assert!(text.ends_with("which expired 2024-05-01"), "{text}");
    let allowed = plan.spaces.len() - DARK.len();
    let asked = local.count(Service::Gateway, "access/delegate");
    assert_eq!(asked, allowed as u64);
    local.stop().await;
}

/// Delegations that leave a space dark, with the reason and a word of why.
const DARK: [(AccountDelegation, Reason, &str); 4] = [
    (
        AccountDelegation::Private,
        reasons::PRIVATE_SPACE,
        "is private",
    ),
    (
        AccountDelegation::ServedElsewhere,
        reasons::GATEWAY_DECLINED,
        "lets did:web:gateway.example.org serve it",
    ),
    (
        AccountDelegation::Absent,
        reasons::MISSING_DELEGATION,
        "deleg",
    ),
    (
        AccountDelegation::ByDeviceExpired,
        reasons::MISSING_DELEGATION,
        "expired",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_space_that_is_left_dark_has_no_claims_and_is_explained() {
    let plan = varied();
    let local = Local::start_with(plan.clone()).await;
    let services = local.services().await;
    let worker = worker(&local).await;
    migrate(&worker, units(&local), "all").await;
    for (kind, reason, word) in DARK {
        let (_, dark) = space(&plan, kind);
        let row = failure(&worker, dark.did()).await;
        assert_eq!(row.failure.reason, reason);
        assert!(row.failure.message.contains(word), "{row:?}");
        for record in uploads(&local, dark.did()) {
            assert_eq!(placed(&services, record).await.len(), 0, "{kind:?}");
            let served = services.gateway.serves(&root(record)).await;
            assert!(served.unwrap(), "as before: {kind:?}");
            let item = ItemId::new(record.root.as_str());
            let told = engine::explain(&worker.parts(), &row.unit, Some(&item)).await;
            let told = told.unwrap().failure.unwrap();
            assert_eq!(told.reason, reason, "{told:?}");
            assert!(told.message.contains(word), "{told:?}");
        }
    }
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_is_revoked_ends_the_chain() {
    let plan = varied();
    let local = Local::start_with(plan.clone()).await;
    let worker = worker(&local).await;
    let (_, owner) = space(&plan, AccountDelegation::ByDevice);
    let one = unit(&local, owner.did());
    migrate(&worker, vec![one.clone()], "first").await;
    let row = worker.store.progress(&one.id).await.unwrap().unwrap();
    let StepState::Applied(effect) = &row.steps[&GATEWAY].state else {
        panic!("{row:?}")
    };
    let link = Cid::try_from(effect.facts["rests-on"].as_str()).unwrap();
    revoke(&local, &link).await;

    let mut config = config("audit");
    config.depth = Depth::Presence;
    let scope = Scope::Units(vec![one.clone()]);
    let audit = engine::audit(worker.parts(), config, scope, Report::new("audit", "all"));
    let found = audit.await.unwrap().first;
    let wrong = found.iter().filter(|told| {
        let text = format!("{told:?}");
        told.verdict == Verdict::Wrong && text.contains(&format!("{link}, by which the gateway"))
    });
    assert_eq!(
        wrong.count(),
        uploads(&local, owner.did()).len(),
        "{found:?}"
    );

    recheck(&local, &worker, 1).await;
    let told = failure(&worker, owner.did()).await.failure;
    assert_eq!(told.reason, reasons::MISSING_DELEGATION);
    let text = format!("rests on {link}, which was revoked");
    assert!(told.message.ends_with(&text), "{told:?}");
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delegation_that_comes_later_is_seen_by_the_same_process() {
    let plan = varied();
    let local = Local::start_with(plan.clone()).await;
    let worker = worker(&local).await;
    let (at, owner) = space(&plan, AccountDelegation::Absent);
    let one = unit(&local, owner.did());
    migrate(&worker, vec![one.clone()], "first").await;
    assert_eq!(
        failure(&worker, owner.did()).await.failure.reason,
        reasons::MISSING_DELEGATION
    );

    let customer = Did::parse(&plan.customers[plan.spaces[at].customer]).unwrap();
    let device = Signer::generate();
    let to_device = everything(&owner, owner.did(), device.did())
        .sign()
        .unwrap();
    let shared = everything(&device, owner.did(), &customer).proof(to_device);
    store(&local, &shared.sign().unwrap()).await;
    let job = Job::RetryFailed(engine::Retry::default());
    worker.run(job, StepFilter::All, "retry").await;
    let row = worker.store.progress(&one.id).await.unwrap().unwrap();
    assert!(
        matches!(row.steps[&GATEWAY].state, StepState::Applied(_)),
        "{row:?}"
    );
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_spaces_that_one_device_shared_read_each_delegation_once_for_all() {
    let mut plan = Plan::new(
        7,
        Sizes {
            customers: 1,
            spaces: 24,
            uploads: 24,
        },
    );
    for space in &mut plan.spaces {
        space.delegation = AccountDelegation::ByDevice;
    }
    let local = Local::start_with(plan.clone()).await;
    let worker = worker(&local).await;
    let read = local.count(Service::S3, "GetObject");
    let steps = StepFilter::Only(vec![GATEWAY]);
    worker.run(Job::Units(units(&local)), steps, "all").await;
    let asked = local.count(Service::Gateway, "access/delegate");
    assert_eq!(asked, plan.spaces.len() as u64);
    let spaces: BTreeSet<_> = local.world.uploads.iter().map(|one| &one.space).collect();
    let read = local.count(Service::S3, "GetObject") - read;
    // For all the list, for each space those that it gave devices (one or two), and its own of the list; some lie in
    // the second bucket, after a miss in the first.
    assert!(read <= 6 * spaces.len() as u64, "{read} reads");
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_space_that_took_serving_back_has_declined_and_one_that_gave_it_again_has_not() {
    let plan = varied();
    let local = Local::start_with(plan.clone()).await;
    let (_, owner) = space(&plan, AccountDelegation::Present);
    let gateway = &local.config.network.gateway.did;
    let serve = Capability::new("space/content/serve/*", owner.did().as_str());
    let serving = |nonce: &str| {
        let draft = Draft::new(&owner, gateway).capability(serve.clone());
        draft.nonce(nonce).sign().unwrap()
    };
    let first = serving("1");
    store(&local, &first).await;
    revoke(&local, first.cid()).await;
    let one = unit(&local, owner.did());
    let worker = worker(&local).await;
    migrate(&worker, vec![one.clone()], "first").await;
    let told = failure(&worker, owner.did()).await.failure;
    assert_eq!(told.reason, reasons::GATEWAY_DECLINED);
    assert!(told.message.contains(&first.cid().to_string()), "{told:?}");
    assert_eq!(local.count(Service::Gateway, "access/delegate"), 0);

    store(&local, &serving("2")).await;
    let again = self::worker(&local).await;
    migrate(&again, vec![one], "again").await;
    assert_eq!(local.count(Service::Gateway, "access/delegate"), 1);
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_of_several_delegations_says_whether_a_space_is_private() {
    let plan = varied();
    let local = Local::start_with(plan.clone()).await;
    let (at, owner) = space(&plan, AccountDelegation::Private);
    let customer = Did::parse(&plan.customers[plan.spaces[at].customer]).unwrap();
    // The world's rows are older.
    let opened = everything(&owner, owner.did(), &customer)
        .nonce("public")
        .sign();
    store(&local, &opened.unwrap()).await;
    migrate(
        &worker(&local).await,
        vec![unit(&local, owner.did())],
        "all",
    )
    .await;
    assert_eq!(local.count(Service::Gateway, "access/delegate"), 1);
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_space_that_becomes_private_after_it_was_authorised_is_not_undone() {
    let plan = varied();
    let local = Local::start_with(plan.clone()).await;
    let worker = worker(&local).await;
    let (at, owner) = space(&plan, AccountDelegation::Present);
    let one = unit(&local, owner.did());
    migrate(&worker, vec![one.clone()], "first").await;
    let failed = worker.failed().await;
    let asked = local.count(Service::Gateway, "access/delegate");

    let customer = Did::parse(&plan.customers[plan.spaces[at].customer]).unwrap();
    let private = Ipld::Map([("type".to_owned(), Ipld::String("private".to_owned()))].into());
    let says = Ipld::Map([("access".to_owned(), private)].into());
    let later =
        everything(&owner, owner.did(), &customer).fact([("space".to_owned(), says)].into());
    store(&local, &later.sign().unwrap()).await;
    recheck(&local, &worker, 1).await;
    let row = worker.store.progress(&one.id).await.unwrap().unwrap();
    assert!(
        matches!(row.steps[&GATEWAY].state, StepState::Applied(_)),
        "{row:?}"
    );
    let of_space = worker.failures().await;
    let of_space = of_space.iter().filter(|row| row.unit == one.id);
    assert_eq!(of_space.count(), failed.len());
    let again = local.count(Service::Gateway, "access/delegate");
    let others = plan.spaces.len() - DARK.len() - 1;
    assert_eq!(again, asked + others as u64, "only the other spaces asked");
    local.stop().await;
}
