//! The gateway: who may be served, and what.

use std::collections::BTreeMap;

use cid::Cid;
use ipld_core::ipld::Ipld;
use sterna::proto::Did;
use sterna::proto::car;
use sterna::proto::claims::Content;
use sterna::proto::claims::{Location, Range};
use sterna::proto::index::{Name, ShardBuilder, ShardedDagIndex, Unverifiable};
use sterna::proto::message::CONTENT_TYPE;
use sterna::proto::multihash::{Multihash, codec};
use sterna::proto::ucan::{Capability, Delegation, Draft, Expiration};
use sterna::sandbox::Service;
use sterna::sandbox::unixfs::{Data, HashBits, Kind, Link, PbNode};

use crate::aws::Local;
use crate::claims::{Upload, addresses, cache, index_claim, located};
use crate::ucan::{Space, error_name, map, post, send};

/// A tree of blocks on its way into one shard.
#[derive(Default)]
struct Tree {
    blocks: BTreeMap<Cid, Vec<u8>>,
}

impl Tree {
    fn add(&mut self, codec: u64, bytes: Vec<u8>) -> Cid {
        let cid = Multihash::sha256(&bytes).cid(codec).unwrap();
        self.blocks.insert(cid, bytes);
        cid
    }

    fn node(&mut self, links: Vec<Link>, data: &Data) -> Cid {
        self.add(
            codec::DAG_PB,
            PbNode {
                links,
                data: Some(data.encode()),
            }
            .encode(),
        )
    }

    /// A file of raw leaves under two levels of nodes.
    fn file(&mut self, bytes: &[u8], leaf: usize) -> Cid {
        let halves: Vec<(Cid, u64)> = bytes
            .chunks(leaf * 3)
            .map(|half| {
                let leaves: Vec<(Cid, u64)> = half
                    .chunks(leaf)
                    .map(|part| (self.add(codec::RAW, part.to_vec()), part.len() as u64))
                    .collect();
                (self.parent(&leaves), half.len() as u64)
            })
            .collect();
        self.parent(&halves)
    }

    fn parent(&mut self, parts: &[(Cid, u64)]) -> Cid {
        let links = parts
            .iter()
            .map(|(cid, size)| Link {
                cid: *cid,
                name: String::new(),
                total: *size,
            })
            .collect();
        let sizes: Vec<u64> = parts.iter().map(|(_, size)| *size).collect();
        let data = Data {
            size: Some(sizes.iter().sum()),
            sizes,
            ..Data::new(Kind::File)
        };
        self.node(links, &data)
    }

    fn directory(&mut self, entries: &[(&str, Cid)]) -> Cid {
        let links = entries
            .iter()
            .map(|(name, cid)| Link {
                cid: *cid,
                name: (*name).to_owned(),
                total: 0,
            })
            .collect();
        self.node(links, &Data::new(Kind::Directory))
    }

    /// A directory of one level of shards; names must have different first slots.
    fn sharded(&mut self, entries: &[(&str, Cid)]) -> Cid {
        let named = entries.iter().map(|(name, cid)| {
            let slot = HashBits::of(name).slot(256).unwrap();
            Link {
                cid: *cid,
                name: format!("{slot:02X}{name}"),
                total: 0,
            }
        });
        let data = Data {
            bytes: vec![0xff; 32],
            fanout: Some(256),
            ..Data::new(Kind::Shard)
        };
        self.node(named.collect(), &data)
    }

    fn upload(self, root: Cid) -> Upload {
        let shard = car::write(
            &[root],
            self.blocks.iter().map(|(cid, bytes)| (cid, &bytes[..])),
        );
        let other = car::write(&[], []);
        let mut index = ShardedDagIndex::new(root);
        for bytes in [&shard, &other] {
            let mut builder =
                ShardBuilder::new(Name::Compute, car::Limits::default(), Unverifiable::Refuse);
            builder.push(bytes).unwrap();
            index.add(builder.finish().unwrap());
        }
        Upload {
            root,
            shards: [shard, other],
            index: index.archive(),
        }
    }
}

/// Publishes an upload: blobs, index, and a claim with a space for its first shard.
async fn publish(local: &Local, space: &Space, upload: &Upload) {
    for bytes in [&upload.index, &upload.shards[0], &upload.shards[1]] {
        space.add(local, bytes).await;
    }
    let told = send(local, Service::Indexer, &index_claim(local, space, upload)).await;
    assert!(told.outcome().ok().is_some(), "{:?}", told.outcome());
}

/// Lets the gateway serve a space.
async fn permit(local: &Local, space: &Space) {
    let receipt = send(
        local,
        Service::Gateway,
        &permission(local, space, "space/content/serve/*", Expiration::Never),
    )
    .await;
    assert!(receipt.outcome().ok().is_some(), "{:?}", receipt.outcome());
}

fn permission(local: &Local, space: &Space, can: &str, end: Expiration) -> Delegation {
    let keys = &local.sandbox.network().keys;
    let now = local.sandbox.network().clock.now().0 / 1000;
    let serve = Draft::new(&space.key, keys.gateway.did())
        .capability(Capability::new(can, space.did().as_str()))
        .expiration(end)
        .sign()
        .unwrap();
    let links = map([(&*serve.cid().to_string(), Ipld::Link(*serve.cid()))]);
    let mut draft = Draft::new(&space.key, keys.gateway.did())
        .capability(
            Capability::new("access/delegate", space.did().as_str())
                .nb(map([("delegations", links)])),
        )
        .expiration(Expiration::At(now + 30));
    for block in serve.export() {
        draft = draft.attach(block);
    }
    draft.sign().unwrap()
}

struct Got {
    status: u16,
    headers: reqwest::header::HeaderMap,
    body: Vec<u8>,
}

impl Got {
    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

async fn get(local: &Local, path: &str, headers: &[(&str, &str)]) -> Got {
    ask(local, reqwest::Method::GET, path, headers).await
}

async fn ask(local: &Local, method: reqwest::Method, path: &str, headers: &[(&str, &str)]) -> Got {
    let mut request =
        reqwest::Client::new().request(method, format!("{}{path}", local.url(Service::Gateway)));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    Got {
        status,
        headers,
        body: answer.bytes().await.unwrap().to_vec(),
    }
}

fn content(size: usize) -> Vec<u8> {
    (0..size)
        .map(|at| u8::try_from(at * 7 % 253).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn content_of_a_space_is_dark_until_the_space_lets_it_be_served() {
    let local = Local::start().await;
    let space = Space::provisioned(&local).await;
    let bytes = content(10_000);
    let mut tree = Tree::default();
    let root = tree.file(&bytes, 700);
    publish(&local, &space, &tree.upload(root)).await;
    let path = format!("/ipfs/{root}");
    assert_eq!(get(&local, &path, &[]).await.status, 404);
    permit(&local, &space).await;
    let got = get(&local, &path, &[]).await;
    assert_eq!((got.status, got.body.len()), (200, bytes.len()));
    assert_eq!(got.body, bytes);
    assert_eq!(got.header("etag"), format!("\"{root}\""));
    assert!(got.header("cache-control").contains("immutable"));
    let local = local.restart().await;
    assert_eq!(get(&local, &path, &[]).await.body, bytes);

    let head = ask(&local, reqwest::Method::HEAD, &path, &[]).await;
    assert_eq!((head.status, head.header("content-length")), (200, "10000"));
    let part = get(&local, &path, &[("range", "bytes=650-2199")]).await;
    assert_eq!(
        (part.status, part.header("content-range")),
        (206, "bytes 650-2199/10000")
    );
    assert_eq!(part.body, bytes[650..2200]);
    assert_eq!(
        get(&local, &path, &[("range", "bytes=10000-")])
            .await
            .status,
        400
    );
    let same = get(&local, &path, &[("if-none-match", &format!("\"{root}\""))]).await;
    assert_eq!(same.status, 304);
    let host = format!("{root}.ipfs.localhost");
    assert_eq!(get(&local, "/", &[("host", &host)]).await.body, bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn directories_are_walked_listed_and_exported() {
    let local = Local::start().await;
    let space = Space::provisioned(&local).await;
    permit(&local, &space).await;
    let (one, two) = (content(3000), content(10));
    let mut tree = Tree::default();
    let (file, small) = (tree.file(&one, 500), tree.add(codec::RAW, two.clone()));
    let empty = tree.node(
        Vec::new(),
        &Data {
            size: Some(0),
            ..Data::new(Kind::File)
        },
    );
    let link = tree.node(
        Vec::new(),
        &Data {
            bytes: b"a.bin".to_vec(),
            ..Data::new(Kind::Symlink)
        },
    );
    let inner = tree.sharded(&[("b c.txt", small), ("other", file)]);
    let root = tree.directory(&[
        ("a.bin", file),
        ("dir", inner),
        ("empty", empty),
        ("link", link),
    ]);
    let blocks = tree.blocks.len();
    publish(&local, &space, &tree.upload(root)).await;
    let at = |path: &str| format!("/ipfs/{root}{path}");
    assert_eq!(get(&local, &at("/a.bin"), &[]).await.body, one);
    let text = get(&local, &at("/dir/b%20c.txt"), &[]).await;
    assert_eq!(
        (text.body, text.headers["content-type"].to_str().unwrap()),
        (two, "text/plain; charset=utf-8")
    );
    assert_eq!(get(&local, &at("/dir/other"), &[]).await.body, one);
    let page = String::from_utf8(get(&local, &at("/dir"), &[]).await.body).unwrap();
    assert!(
        page.contains(&format!("/ipfs/{root}/dir/b%20c.txt")) && page.contains(">other<"),
        "{page}"
    );
    assert_eq!(get(&local, &at("/empty"), &[]).await.status, 204);
    assert_eq!(get(&local, &at("/link"), &[]).await.status, 501);
    assert_eq!(get(&local, &at("/nothing"), &[]).await.status, 404);
    assert_eq!(get(&local, &at("/a.bin/x"), &[]).await.status, 404);
    let raw = get(&local, &at("?format=raw"), &[]).await;
    assert_eq!(Multihash::sha256(&raw.body), Multihash::of(&root));
    let exported = get(&local, &at(""), &[("accept", "application/vnd.ipld.car")])
        .await
        .body;
    let exported = car::read(&exported).unwrap();
    assert_eq!(
        (exported.header.root().unwrap(), exported.entries.len()),
        (root, blocks)
    );
}

/// Caches a claim of the old kind: no space, no length.
async fn tell_old_place(local: &Local, digest: &Multihash) {
    let keys = &local.sandbox.network().keys;
    let location = Location {
        content: Content::Digest(digest.clone()),
        location: vec![format!(
            "{}/{digest}/{digest}.blob",
            local.url(Service::Carpark)
        )],
        range: Some(Range {
            offset: 0,
            length: None,
        }),
        space: None,
    };
    let claim = Draft::new(&keys.migration, keys.migration.did())
        .capability(location.capability(keys.migration.did()))
        .sign()
        .unwrap();
    let invocation = cache(local, &keys.migration, &claim, &addresses(local));
    let told = send(local, Service::Indexer, &invocation).await;
    assert!(told.outcome().ok().is_some(), "{:?}", told.outcome());
}

#[tokio::test(flavor = "multi_thread")]
async fn old_content_without_a_space_is_served_freely_but_not_with_a_token() {
    let local = Local::start().await;
    let (upload, space) = (Upload::new(9), Space::provisioned(&local).await);
    let keys = &local.sandbox.network().keys;
    for bytes in [&upload.index, &upload.shards[0]] {
        located(&local, space.did(), bytes).await;
        tell_old_place(&local, &Multihash::sha256(bytes)).await;
    }
    let told = send(
        &local,
        Service::Indexer,
        &index_claim(&local, &space, &upload),
    )
    .await;
    assert!(told.outcome().ok().is_some(), "{:?}", told.outcome());
    let path = format!("/ipfs/{}", upload.root);
    let got = get(&local, &path, &[]).await;
    assert_eq!((got.status, got.body.len()), (200, 500));
    assert_eq!(
        get(&local, &format!("{path}?authToken=x"), &[])
            .await
            .status,
        404
    );
    assert_eq!(
        get(&local, &path, &[("authorization", "Bearer x")])
            .await
            .status,
        404
    );
    // A claim with a length and a space beside it: the one without a length still wins.
    let claim = located(&local, space.did(), &upload.shards[0]).await;
    let told = send(
        &local,
        Service::Indexer,
        &cache(&local, &keys.migration, &claim, &addresses(&local)),
    )
    .await;
    assert!(told.outcome().ok().is_some());
    assert_eq!(get(&local, &path, &[]).await.status, 200);
    let shard = upload.shard(0).cid(codec::CAR).unwrap();
    assert_eq!(
        get(&local, &format!("/ipfs/{shard}"), &[]).await.body,
        upload.shards[0],
        "whoever asks"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_requests_are_refused() {
    let local = Local::start().await;
    let space = Space::new();
    let bad = get(&local, "/ipfs/nope", &[]).await;
    assert_eq!(
        (bad.status, String::from_utf8(bad.body).unwrap()),
        (400, "invalid CID: nope".to_owned())
    );
    assert_eq!(get(&local, "/ipns/x", &[]).await.status, 400);
    assert_eq!(
        ask(&local, reqwest::Method::DELETE, "/ipfs/x", &[])
            .await
            .status,
        405
    );
    let unknown = Multihash::sha256(b"unknown").cid(codec::RAW).unwrap();
    assert_eq!(
        get(&local, &format!("/ipfs/{unknown}"), &[]).await.status,
        404
    );
    let other = permission(&local, &space, "upload/list", Expiration::Never);
    assert_eq!(
        error_name(&send(&local, Service::Gateway, &other).await),
        "InvalidDelegation"
    );
    let expired = permission(
        &local,
        &space,
        "space/content/serve/*",
        Expiration::At(1_600_000_000),
    );
    assert_eq!(
        error_name(&send(&local, Service::Gateway, &expired).await),
        "Unauthorized"
    );
    let stranger: Did = Space::new().did().clone();
    let keys = &local.sandbox.network().keys;
    let stolen = Draft::new(&space.key, keys.gateway.did())
        .capability(
            Capability::new("access/delegate", stranger.as_str())
                .nb(map([("delegations", map([]))])),
        )
        .sign()
        .unwrap();
    assert_eq!(
        error_name(&send(&local, Service::Gateway, &stolen).await),
        "Unauthorized"
    );
    let url = format!("{}/any/path", local.url(Service::Gateway));
    assert_eq!(
        post(&url, &[("content-type", CONTENT_TYPE)], Vec::new())
            .await
            .0,
        400
    );
}
