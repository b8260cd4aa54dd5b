//! `access/delegate`, `claim/cache` and `assert/index` before the network's own UCAN server and validator: taken as the
//! client sends them, refused with one thing wrong.

use ipld_core::ipld::Ipld;
use sterna::client::{CacheRequest, Services};
use sterna::model::{Class, Reason};
use sterna::proto::claims::{Claim, Content, Location};
use sterna::proto::multihash::{Multihash, codec};
use sterna::proto::ucan::{Capability, Delegation, Draft, Expiration, Proof};
use sterna::proto::{Did, Signer};
use sterna::runtime::Clock;

use crate::altered::{Again, error_name, send, with_a_wrong_byte};
use crate::real::{Real, clients, meaning};

const UNAUTHORIZED: (Class, Reason) = (Class::Permanent, Reason::UNAUTHORIZED);

/// A space's delegation of itself to an account.
fn to_account(space: &Signer) -> Delegation {
    let account = Did::parse("did:mailto:example.org:interop").unwrap();
    grant(space, &account, "*", space.did())
}

fn grant(issuer: &Signer, audience: &Did, can: &str, with: &Did) -> Delegation {
    Draft::new(issuer, audience)
        .capability(Capability::new(can, with.as_str()))
        .expiration(Expiration::Never)
        .sign()
        .unwrap()
}

/// A location claim of the upload service that names a space, with the addresses of its provider.
fn claim(real: &Real, space: &Did) -> (Multihash, CacheRequest) {
    let hash = Multihash::sha256(space.as_str().as_bytes());
    let location = Location {
        content: Content::Digest(hash.clone()),
        location: vec![format!("{}blob/{hash}", real.url("node"))],
        range: None,
        space: Some(space.clone()),
    };
    let service = &real.config.secrets.upload_service;
    let claim = Draft::new(service, space)
        .capability(location.capability(service.did()))
        .sign()
        .unwrap();
    let addresses = Vec::new();
    (hash, CacheRequest { claim, addresses })
}

async fn cache(
    clients: &Services,
    request: &CacheRequest,
) -> Result<(), sterna::client::ClientError> {
    clients.indexing.cache(std::slice::from_ref(request)).await
}

/// A content root and its index.
fn index_of(space: &Did) -> (cid::Cid, cid::Cid) {
    let of = |text: &str, codec| {
        let hash = Multihash::sha256(format!("{text} of {space}").as_bytes());
        hash.cid(codec).unwrap()
    };
    (of("root", codec::DAG_PB), of("index", codec::CAR))
}

/// Whether a capability is about a space.
fn on(space: &Signer) -> impl Fn(&Capability) -> bool {
    move |capability| capability.with == space.did().as_str()
}

/// Sends an invocation with each thing wrong that is wrong in the same way for all of them.
async fn refused_when_altered(url: &str, sent: &Delegation, key: &Signer) {
    assert_eq!(sent.issuer(), key.did());
    let told = error_name(&send(url, &with_a_wrong_byte(sent)).await);
    assert_eq!(told.as_deref(), Some("Unauthorized"), "a wrong byte");

    let mut again = Again::of(sent, key);
    again.audience = Did::parse("did:web:elsewhere.test").unwrap();
    let told = error_name(&send(url, &again.sign()).await);
    assert_eq!(told.as_deref(), Some("InvalidAudience"), "another audience");

    let mut again = Again::of(sent, key);
    again.expiration = Clock::system().unix_secs() - 1;
    let told = error_name(&send(url, &again.sign()).await);
    assert_eq!(told.as_deref(), Some("Unauthorized"), "expired");

    // What makes the difference is what was changed.
    let again = Again::of(sent, key).sign();
    assert_eq!(error_name(&send(url, &again).await), None);
}

/// Sends an invocation without one of its proofs, and with one byte of it wrong.
async fn refused_without_proof(url: &str, sent: &Delegation, key: &Signer, which: usize) {
    let mut again = Again::of(sent, key);
    again.proofs.remove(which);
    let told = error_name(&send(url, &again.sign()).await);
    assert_eq!(
        told.as_deref(),
        Some("Unauthorized"),
        "proof {which} missing"
    );

    let mut again = Again::of(sent, key);
    let wrong = with_a_wrong_byte(again.proofs[which].delegation().unwrap());
    again.proofs[which] = wrong.into();
    let told = error_name(&send(url, &again.sign()).await);
    assert_eq!(told.as_deref(), Some("Unauthorized"), "proof {which} wrong");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Node: tests/interop/run.sh"]
async fn the_gateway_takes_a_grant_with_attestations_and_refuses_it_altered() {
    let real = Real::shared();
    let space = Signer::generate();
    let proof = to_account(&space);
    real.clients()
        .await
        .gateway
        .authorize(space.did(), &proof)
        .await
        .unwrap();

    let sent = real.sent("access/delegate", on(&space)).await;
    let (url, key) = (real.url("gateway"), &real.config.secrets.migration);
    refused_when_altered(url, &sent, key).await;
    // The account's own delegation is signed by nobody, so its attestation bears all.
    let attestation = sent
        .proofs()
        .iter()
        .position(|proof| proof.delegation().unwrap().capabilities()[0].can == "ucan/attest");
    refused_without_proof(url, &sent, key, attestation.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Node: tests/interop/run.sh"]
async fn the_gateway_takes_a_grant_that_rests_on_a_chain_over_a_device_and_on_no_part_of_it() {
    let real = Real::shared();
    let (space, device) = (Signer::generate(), Signer::generate());
    let account = to_account(&space).audience().clone();
    let shared = |by: &Signer, proof: Proof| {
        let draft = Draft::new(by, &account).proof(proof);
        let on_space = |can| Capability::new(can, space.did().as_str());
        let draft = draft.capability(on_space("space/*"));
        draft.capability(on_space("access/*")).sign().unwrap()
    };
    let to_device = grant(&space, device.did(), "*", space.did());
    let whole = shared(&device, to_device.clone().into());
    let gateway = real.clients().await.gateway;
    gateway.authorize(space.did(), &whole).await.unwrap();

    let narrow = grant(&space, device.did(), "upload/*", space.did());
    for broken in [
        shared(&device, Proof::Link(*to_device.cid())),
        shared(&device, narrow.into()),
        shared(&device, with_a_wrong_byte(&to_device).into()),
        shared(&Signer::generate(), to_device.into()),
    ] {
        let told = gateway.authorize(space.did(), &broken).await;
        assert_eq!(meaning(told), UNAUTHORIZED);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Node: tests/interop/run.sh"]
async fn the_indexing_service_takes_a_claim_and_refuses_it_altered() {
    let real = Real::shared();
    let space = Signer::generate();
    let (hash, request) = claim(real, space.did());
    let clients = real.clients().await;
    cache(&clients, &request).await.unwrap();
    let found = clients
        .indexing
        .claims(&[hash], &[], sterna::client::QueryKind::Standard)
        .await
        .unwrap();
    let Claim::Location(found) = Claim::of(&found.claims[0]).unwrap() else {
        panic!("no location")
    };
    assert_eq!(found.space.as_ref(), Some(space.did()));

    let of_claim = Ipld::Link(*request.claim.cid());
    let fits = |capability: &Capability| capability.get("claim") == Some(&of_claim);
    let sent = real.sent("claim/cache", fits).await;
    let (url, key) = (real.url("indexer"), &real.config.secrets.migration);
    refused_when_altered(url, &sent, key).await;
    refused_without_proof(url, &sent, key, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Node: tests/interop/run.sh"]
async fn the_indexing_service_takes_an_index_and_refuses_it_altered() {
    let real = Real::shared();
    let (space, other) = (Signer::generate(), Signer::generate());
    let (content, index) = index_of(space.did());
    let clients = real.clients().await;
    clients
        .indexing
        .assert_index(&space, &content, &index)
        .await
        .unwrap();

    let sent = real.sent("assert/index", on(&space)).await;
    let url = real.url("indexer");
    refused_when_altered(url, &sent, &space).await;
    // Another key needs a proof of the space.
    let mut proven = Again::of(&sent, &other);
    proven.proofs = vec![grant(&space, other.did(), "assert/index", space.did()).into()];
    let proven = proven.sign();
    assert_eq!(error_name(&send(url, &proven).await), None);
    refused_without_proof(url, &proven, &other, 0).await;
}

/// A key that says it is another.
fn impostor(of: &Signer) -> Signer {
    Signer::generate().with_did(of.did().clone())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Node: tests/interop/run.sh"]
async fn the_client_reports_what_is_refused_as_unauthorized() {
    let real = Real::shared();
    let space = Signer::generate();
    let proof = to_account(&space);
    let (_, request) = claim(real, space.did());
    let (content, index) = index_of(space.did());

    // A wrong signature.
    let mut config = real.config.clone();
    config.secrets.migration = impostor(&real.config.secrets.migration);
    let wrong = clients(&config, Clock::system()).await;
    let told = wrong.gateway.authorize(space.did(), &proof).await;
    assert_eq!(meaning(told), UNAUTHORIZED);
    assert_eq!(meaning(cache(&wrong, &request).await), UNAUTHORIZED);
    let told = wrong
        .indexing
        .assert_index(&impostor(&space), &content, &index)
        .await;
    assert_eq!(meaning(told), UNAUTHORIZED);

    // A clock that is hours late: all is expired when it arrives.
    let late = Clock::set_to(Clock::system().now() - std::time::Duration::from_hours(3));
    let late = clients(&real.config, late).await;
    let told = late.gateway.authorize(space.did(), &proof).await;
    assert_eq!(meaning(told), UNAUTHORIZED);
    assert_eq!(meaning(cache(&late, &request).await), UNAUTHORIZED);
    // Not so the claim of an index: the service keeps it, so it does not end.
    let told = late.indexing.assert_index(&space, &content, &index).await;
    assert!(told.is_ok(), "{told:?}");

    // Proofs of somebody else, to somebody else, and with a wrong byte.
    let right = real.clients().await;
    for proof in [
        grant(&Signer::generate(), proof.audience(), "*", space.did()),
        grant(&space, Signer::generate().did(), "*", space.did()),
        with_a_wrong_byte(&proof),
    ] {
        let told = right.gateway.authorize(space.did(), &proof).await;
        assert_eq!(meaning(told), UNAUTHORIZED);
    }
    let (indexer, migration) = (&real.indexer, real.config.secrets.migration.did());
    for proof in [
        grant(&Signer::generate(), migration, "claim/cache", indexer.did()),
        grant(indexer, space.did(), "claim/cache", indexer.did()),
        with_a_wrong_byte(&real.config.secrets.proofs.indexing_service),
    ] {
        config = real.config.clone();
        config.secrets.proofs.indexing_service = proof;
        let wrong = clients(&config, Clock::system()).await;
        assert_eq!(meaning(cache(&wrong, &request).await), UNAUTHORIZED);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Node: tests/interop/run.sh"]
async fn a_service_that_is_not_the_one_configured_is_not_trusted() {
    let real = Real::shared();
    let space = Signer::generate();
    let other = Did::parse("did:web:elsewhere.test").unwrap();
    let mut config = real.config.clone();
    config.network.indexing_service.did = other.clone();
    config.secrets.gateway = config.secrets.gateway.with_did(other.clone());
    config.network.gateway.did = other;
    let elsewhere = clients(&config, Clock::system()).await;
    let forged = (Class::Permanent, Reason::BAD_ANSWER);

    let told = elsewhere
        .gateway
        .authorize(space.did(), &to_account(&space))
        .await;
    assert_eq!(meaning(told), forged);
    // The document at its address is that of another: it tells no key of this one.
    let unread = (Class::Transient, Reason::BAD_ANSWER);
    let (_, request) = claim(real, space.did());
    assert_eq!(meaning(cache(&elsewhere, &request).await), unread);
}
