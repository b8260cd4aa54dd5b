//! The indexing service: caches, adverts, indexes, walks.

use std::io::Read as _;
use std::time::Duration;

use cid::Cid;
use sterna::proto::car;
use sterna::proto::claims::{Cache, Claim, Content, Equals, Index, relocate};
use sterna::proto::index::{Name, ShardBuilder, ShardedDagIndex, Unverifiable, link};
use sterna::proto::ipni::{
    Dialect, Job, Metadata, Multiaddr, PeerId, Port, Provider, context_id, digests_to_body,
};
use sterna::proto::multihash::{Multihash, codec};
use sterna::proto::query::{self, QueryResult};
use sterna::proto::ucan::{Capability, Delegation, Draft, Expiration};
use sterna::proto::{Did, Signer};
use sterna::sandbox::{Config, PutOptions, Row, Sandbox, Service, Table, bucket, queue};

use crate::aws::Local;
use crate::ucan::{Space, error_message, error_name, map, send};

/// Content of two shards: the root and one block in the first, another block in the second.
pub(crate) struct Upload {
    pub(crate) root: Cid,
    pub(crate) shards: [Vec<u8>; 2],
    pub(crate) index: Vec<u8>,
}

impl Upload {
    pub(crate) fn new(seed: u8) -> Self {
        let blocks: Vec<(Cid, Vec<u8>)> = (0..3_u8)
            .map(|at| vec![seed ^ at; 500 + usize::from(at)])
            .map(|bytes| (Multihash::sha256(&bytes).cid(codec::RAW).unwrap(), bytes))
            .collect();
        let shard = |part: &[(Cid, Vec<u8>)]| {
            car::write(&[], part.iter().map(|(cid, bytes)| (cid, &bytes[..])))
        };
        let shards = [shard(&blocks[..2]), shard(&blocks[2..])];
        let mut index = ShardedDagIndex::new(blocks[0].0);
        for bytes in &shards {
            let mut builder =
                ShardBuilder::new(Name::Compute, car::Limits::default(), Unverifiable::Refuse);
            builder.push(bytes).unwrap();
            index.add(builder.finish().unwrap());
        }
        Self {
            root: blocks[0].0,
            shards,
            index: index.archive(),
        }
    }

    pub(crate) fn shard(&self, at: usize) -> Multihash {
        Multihash::sha256(&self.shards[at])
    }
}

async fn query(local: &Local, parameters: &str) -> Result<QueryResult, (u16, String)> {
    let answer = reqwest::get(format!(
        "{}/claims?{parameters}",
        local.url(Service::Indexer)
    ))
    .await
    .unwrap();
    let status = answer.status().as_u16();
    let body = answer.bytes().await.unwrap();
    query::respond(status, &body).map_err(|_| (status, String::from_utf8_lossy(&body).into_owned()))
}

pub(crate) async fn claims_of(local: &Local, digest: &Multihash) -> QueryResult {
    query(local, &format!("multihash={digest}")).await.unwrap()
}

/// `assert/index`, as the migration sends it: self-issued by a space.
pub(crate) fn index_claim(local: &Local, space: &Space, upload: &Upload) -> Delegation {
    let claim = Index {
        content: Content::Link(upload.root),
        index: link(&upload.index),
    };
    let indexer = local.sandbox.network().keys.indexer.did();
    Draft::new(&space.key, indexer)
        .capability(claim.capability(space.did()))
        .sign()
        .unwrap()
}

fn expires(local: &Local) -> Expiration {
    Expiration::At(local.sandbox.network().clock.now().0 / 1000 + 30)
}

/// `claim/cache` by a key that the indexing service trusts.
pub(crate) fn cache(
    local: &Local,
    issuer: &Signer,
    claim: &Delegation,
    addresses: &[Multiaddr],
) -> Delegation {
    let keys = &local.sandbox.network().keys;
    let with = Capability::new("claim/cache", keys.indexer.did().as_str());
    let proof = Draft::new(&keys.indexer, issuer.did())
        .capability(with)
        .sign()
        .unwrap();
    let request = Cache {
        claim: *claim.cid(),
        addresses: addresses.iter().map(Multiaddr::to_bytes).collect(),
    };
    Draft::new(issuer, keys.indexer.did())
        .capability(request.capability(keys.indexer.did()))
        .expiration(expires(local))
        .proof(proof)
        .proof(claim.clone())
        .sign()
        .unwrap()
}

/// Where claims of the piri bucket and blobs of the carpark are.
pub(crate) fn addresses(local: &Local) -> [Multiaddr; 2] {
    let at = |service, path: &str| {
        Multiaddr::from_url(&format!("{}/{path}", local.url(service)), Port::AsGiven).unwrap()
    };
    [
        at(Service::Node, "claim/{claim}"),
        at(Service::Carpark, "{blob}/{blob}.blob"),
    ]
}

/// Puts a blob into the carpark, and makes the claim that a migration makes about it.
pub(crate) async fn located(local: &Local, space: &Did, bytes: &[u8]) -> Delegation {
    let network = local.sandbox.network();
    let digest = Multihash::sha256(bytes);
    let key = format!("{digest}/{digest}.blob");
    network
        .objects
        .put(bucket::CARPARK, &key, bytes.to_vec(), PutOptions::default())
        .await
        .unwrap();
    let url = format!("{}/{key}", local.url(Service::Carpark));
    relocate(
        &network.keys.upload,
        space,
        &digest,
        &url,
        bytes.len() as u64,
    )
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_is_read_and_makes_every_block_findable() {
    let local = Local::start().await;
    let space = Space::provisioned(&local).await;
    let upload = Upload::new(7);
    let early = send(
        &local,
        Service::Indexer,
        &index_claim(&local, &space, &upload),
    )
    .await;
    assert_eq!(error_name(&early), "HandlerExecutionError");
    let lacking = format!(
        "no location commitments found for index: {}",
        link(&upload.index)
    );
    assert!(
        error_message(&early).contains(&lacking),
        "{}",
        error_message(&early)
    );

    space.add(&local, &upload.index).await;
    for shard in &upload.shards {
        space.add(&local, shard).await;
    }
    let claim = index_claim(&local, &space, &upload);
    let told = send(&local, Service::Indexer, &claim).await;
    assert!(told.outcome().ok().is_some(), "{:?}", told.outcome());

    let result = claims_of(&local, &Multihash::of(&upload.root)).await;
    let kinds = result.claims.iter().map(|claim| Claim::of(claim).unwrap());
    let located: Vec<Multihash> = kinds
        .filter_map(|claim| match claim {
            Claim::Location(location) => Some(location.content.hash()),
            _ => None,
        })
        .collect();
    assert!(result.claims.contains(&claim));
    assert!(located.contains(&upload.shard(0)));
    assert!(
        !located.contains(&upload.shard(1)),
        "only shards that hold the root are shown"
    );
    assert_eq!(result.indexes.len(), 1);
    assert_eq!(&result.indexes[0].archive[..], &upload.index[..]);
    let context = context_id(Some(space.did()), &Multihash::sha256(&upload.index));
    assert_eq!(result.indexes[0].key, context.as_bytes());

    let url = format!("{}/claim/{}", local.url(Service::Indexer), claim.cid());
    assert_eq!(reqwest::get(url).await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_takes_several_hashes_and_filters_by_space() {
    let local = Local::start().await;
    let space = Space::provisioned(&local).await;
    let upload = Upload::new(6);
    for shard in &upload.shards {
        space.add(&local, shard).await;
    }
    let both = format!(
        "multihash={}&multihash={}",
        upload.shard(0),
        upload.shard(1)
    );
    assert_eq!(query(&local, &both).await.unwrap().claims.len(), 2);
    let other = Signer::generate();
    let filtered = query(
        &local,
        &format!("multihash={}&spaces={}", upload.shard(0), other.did()),
    )
    .await
    .unwrap();
    assert!(filtered.claims.is_empty());
    let located = query(
        &local,
        &format!(
            "multihash={}&spaces={}&type=location",
            upload.shard(0),
            space.did()
        ),
    )
    .await;
    assert_eq!(located.unwrap().claims.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_upload_service_publishes_an_index_of_known_shards() {
    let local = Local::start().await;
    let space = Space::provisioned(&local).await;
    let upload = Upload::new(8);
    let add = map([("index", ipld_core::ipld::Ipld::Link(link(&upload.index)))]);
    assert_eq!(
        error_name(&space.ask(&local, "space/index/add", add.clone()).await),
        "IndexNotFound"
    );
    space.add(&local, &upload.index).await;
    space.add(&local, &upload.shards[0]).await;
    assert_eq!(
        error_name(&space.ask(&local, "space/index/add", add.clone()).await),
        "ShardNotFound"
    );
    space.add(&local, &upload.shards[1]).await;
    let added = space.ask(&local, "space/index/add", add).await;
    assert!(added.outcome().ok().is_some(), "{:?}", added.outcome());
    assert_eq!(
        claims_of(&local, &Multihash::of(&upload.root))
            .await
            .indexes
            .len(),
        1
    );
    let with_content = map([
        ("index", ipld_core::ipld::Ipld::Link(link(&upload.index))),
        ("content", ipld_core::ipld::Ipld::Link(upload.root)),
    ]);
    let refused = space.ask(&local, "space/index/add", with_content).await;
    assert_eq!(error_name(&refused), "RetrievalAuthorizationNotFound");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cached_claim_shows_at_once_and_needs_a_key_a_proof_and_its_blocks() {
    let local = Local::start().await;
    let space = Space::new();
    let keys = &local.sandbox.network().keys;
    let claim = located(&local, space.did(), b"some blob").await;
    let good = cache(&local, &keys.migration, &claim, &addresses(&local));
    assert!(
        send(&local, Service::Indexer, &good)
            .await
            .outcome()
            .ok()
            .is_some()
    );
    let shown = claims_of(&local, &Multihash::sha256(b"some blob")).await;
    assert_eq!(shown.claims, std::slice::from_ref(&claim));

    let by_web = cache(&local, &keys.upload, &claim, &addresses(&local));
    assert_eq!(
        error_name(&send(&local, Service::Indexer, &by_web).await),
        "HandlerExecutionError"
    );
    let request = Cache {
        claim: *claim.cid(),
        addresses: Vec::new(),
    };
    let own = Draft::new(&space.key, keys.indexer.did())
        .capability(request.capability(space.did()))
        .expiration(expires(&local))
        .proof(claim.clone());
    assert_eq!(
        error_name(&send(&local, Service::Indexer, &own.sign().unwrap()).await),
        "Unauthorized"
    );
    let with = Capability::new("claim/cache", keys.indexer.did().as_str());
    let proof = Draft::new(&keys.indexer, keys.migration.did())
        .capability(with)
        .sign()
        .unwrap();
    let bare = Draft::new(&keys.migration, keys.indexer.did())
        .capability(request.capability(keys.indexer.did()))
        .expiration(expires(&local))
        .proof(proof);
    assert_eq!(
        error_name(&send(&local, Service::Indexer, &bare.sign().unwrap()).await),
        "MissingClaim"
    );
}

/// Queues an advert of a claim, as a migration does.
async fn advertise(local: &Local, claim: &Delegation, space: &Did, digest: &Multihash) {
    let network = local.sandbox.network();
    let put = PutOptions::default();
    let archive = sterna::proto::ucan::archive(claim).unwrap();
    network
        .objects
        .put(
            bucket::CLAIMS,
            &claim.cid().to_string(),
            archive,
            put.clone(),
        )
        .await
        .unwrap();
    let provider = Provider {
        id: PeerId::of(network.keys.node.key_did()).unwrap(),
        addrs: addresses(local).to_vec(),
    };
    let metadata = Metadata::Location {
        claim: *claim.cid(),
        expiration: 0,
        range: None,
        shard: None,
    };
    let job = Job::new(&context_id(Some(space), digest), &[metadata], provider);
    let body = digests_to_body(std::slice::from_ref(digest), Dialect::Js);
    network
        .objects
        .put(bucket::IPNI_BLOB, &job.id, body, put)
        .await
        .unwrap();
    let send = local
        .sqs()
        .send_message()
        .queue_url(network.urls.queue(queue::IPNI_BLOB));
    send.message_body(job.to_message(Dialect::Js))
        .message_group_id(job.group_id())
        .send()
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_too_early_hides_an_advert_for_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::in_dir(folder.path());
    config.lifetimes.nothing = Duration::from_secs(4);
    config.lifetimes.advert = Duration::from_millis(100);
    let local = Local {
        sandbox: Sandbox::start(config).await.unwrap(),
        folder,
    };
    let space = Space::new();
    let (asked, patient) = (b"asked early".as_slice(), b"asked late".as_slice());
    assert!(
        claims_of(&local, &Multihash::sha256(asked))
            .await
            .claims
            .is_empty()
    );
    for bytes in [asked, patient] {
        let claim = located(&local, space.did(), bytes).await;
        advertise(&local, &claim, space.did(), &Multihash::sha256(bytes)).await;
    }
    let network = local.sandbox.network();
    for _ in 0..50 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        if network.queues.messages(queue::IPNI_BLOB).is_empty() {
            break;
        }
    }
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(
        claims_of(&local, &Multihash::sha256(patient))
            .await
            .claims
            .len(),
        1
    );
    assert!(
        claims_of(&local, &Multihash::sha256(asked))
            .await
            .claims
            .is_empty(),
        "remembered as nothing"
    );
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(
        claims_of(&local, &Multihash::sha256(asked))
            .await
            .claims
            .len(),
        1
    );
    let raw = Multihash::sha256(patient).cid(codec::RAW).unwrap();
    let found = reqwest::get(format!("{}/cid/{raw}", local.url(Service::Indexer)))
        .await
        .unwrap();
    assert_eq!(found.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn legacy_claims_are_found_and_a_lost_one_is_an_error() {
    let local = Local::start().await;
    let network = local.sandbox.network();
    let space = Space::new();
    let claim = located(&local, space.did(), b"old blob").await;
    let digest = Multihash::sha256(b"old blob");
    let row = Row::new()
        .text("content", digest.base58())
        .text("claim", claim.cid().to_string())
        .number("expiration", 0);
    network.db.put(Table::Claims, row).await.unwrap();
    let lost = query(&local, &format!("multihash={digest}"))
        .await
        .unwrap_err();
    assert_eq!(lost.0, 500);
    assert!(lost.1.starts_with("processing query: "), "{}", lost.1);
    let key = format!("{0}/{0}.car", claim.cid());
    let archive = sterna::proto::ucan::archive(&claim).unwrap();
    network
        .objects
        .put(bucket::INDEXER_CLAIMS, &key, archive, PutOptions::default())
        .await
        .unwrap();
    assert_eq!(claims_of(&local, &digest).await.claims, [claim]);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_without_usable_addresses_are_an_error() {
    let local = Local::start().await;
    let space = Space::new();
    let claim = located(&local, space.did(), b"unreachable").await;
    let keys = &local.sandbox.network().keys;
    let addresses = addresses(&local);
    assert!(
        send(
            &local,
            Service::Indexer,
            &cache(&local, &keys.migration, &claim, &addresses[1..])
        )
        .await
        .outcome()
        .ok()
        .is_some()
    );
    let (status, text) = query(
        &local,
        &format!("multihash={}", Multihash::sha256(b"unreachable")),
    )
    .await
    .unwrap_err();
    assert_eq!(status, 500);
    assert!(
        text.contains("no {claim} endpoint found in 1 addresses: "),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_names_lead_to_each_other() {
    let local = Local::start().await;
    let space = Space::provisioned(&local).await;
    space.add(&local, b"the blob").await;
    let blob = Multihash::sha256(b"the blob").cid(codec::CAR).unwrap();
    let name = Multihash::sha256(b"another name").cid(codec::RAW).unwrap();
    let claim = Equals {
        content: Content::Link(name),
        equals: blob,
    };
    let indexer = local.sandbox.network().keys.indexer.did();
    let told = Draft::new(&space.key, indexer)
        .capability(claim.capability(space.did()))
        .sign()
        .unwrap();
    assert!(
        send(&local, Service::Indexer, &told)
            .await
            .outcome()
            .ok()
            .is_some()
    );
    let result = claims_of(&local, &Multihash::of(&name)).await;
    assert_eq!(
        result.claims.len(),
        2,
        "the equality, and where the other name is"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_packed_if_and_only_if_asked() {
    let local = Local::start().await;
    let url = format!(
        "{}/claims?multihash={}",
        local.url(Service::Indexer),
        Multihash::sha256(b"nothing")
    );
    let plain = reqwest::get(&url).await.unwrap();
    assert!(plain.headers().get("content-encoding").is_none());
    let plain = plain.bytes().await.unwrap();
    assert_eq!(query::decode(&plain).unwrap(), QueryResult::default());
    let packed = reqwest::Client::new()
        .get(&url)
        .header("accept-encoding", "gzip")
        .send()
        .await
        .unwrap();
    assert_eq!(packed.headers()["content-encoding"], "gzip");
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&packed.bytes().await.unwrap()[..])
        .read_to_end(&mut unpacked)
        .unwrap();
    assert_eq!(unpacked, plain);
    assert_eq!(
        query(&local, "type=standard").await.unwrap_err(),
        (400, "missing digests".to_owned())
    );
    let bad = query(&local, "multihash=z").await.unwrap_err();
    assert_eq!(bad.0, 400);
}
