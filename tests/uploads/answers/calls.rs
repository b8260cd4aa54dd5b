//! One row per call of the clients.

use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::StreamExt as _;
use sterna::client::{Blob, ClientError, QueryKind, Services};
use sterna::model::{Class, Reason};
use sterna::proto::multihash::Multihash;
use sterna::sandbox::Service;

use super::stage::{Stage, blob_protocol, new_bytes};
use super::table::End;

/// What an answer told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// What was asked for, or done.
    It,
    /// That there is no such thing.
    Nothing,
    /// Bytes that have another digest.
    Other,
}

/// Which test a call belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Upload,
    Indexing,
    Gateway,
    Carpark,
    Objects,
    Lists,
    Rows,
}

/// What an answer looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An agent message with receipts.
    Message,
    /// The same, asked for with GET.
    Receipt,
    /// Claims as a CAR.
    Claims,
    /// JSON over HTTP.
    Json,
    /// Bytes that are told by their digest alone.
    Raw,
    /// A head.
    Head,
    /// The answer to a plain PUT.
    Put,
    /// DynamoDB.
    Dynamo,
    /// An object.
    S3Get,
    /// The answer to the PUT of an object.
    S3Put,
    /// SQS.
    Sqs,
}

type Make = for<'a> fn(&'a Stage, &'a Services) -> BoxFuture<'a, Result<Found, ClientError>>;

/// A call.
pub(super) struct Call {
    /// Its file in `src/client`.
    pub(super) file: &'static str,
    pub(super) name: &'static str,
    pub(super) family: Family,
    pub(super) kind: Kind,
    /// The request that is answered badly.
    pub(super) service: Service,
    pub(super) operation: &'static str,
    /// How it ends when the answer says that there is no such thing.
    pub(super) miss: Option<End>,
    /// Whether anything may be changed.
    pub(super) writes: bool,
    /// Whether it is made once in a process.
    pub(super) fresh: bool,
    /// A byte of its answer that is covered by a digest.
    pub(super) flip: u64,
    /// Where it looks, one after the other.
    pub(super) places: u64,
    pub(super) make: Make,
}

/// Files that make no call of their own.
pub(super) const MACHINERY: &[&str] = &[
    "aws/connect.rs",
    "aws/failure.rs",
    "aws/http.rs",
    "aws/mod.rs",
    "batch.rs",
    "buckets/mod.rs",
    "buckets/object.rs",
    "calls.rs",
    "carpark/address.rs",
    "carpark/client.rs",
    "carpark/mod.rs",
    "carpark/rest.rs",
    "carpark/tests.rs",
    "clock.rs",
    "config/aws.rs",
    "config/clients.rs",
    "config/limits.rs",
    "config/mod.rs",
    "config/network.rs",
    "config/secrets.rs",
    "error.rs",
    "failure.rs",
    "gateway/message.rs",
    "gateway/mod.rs",
    "http/body.rs",
    "http/connection.rs",
    "http/loopback.rs",
    "http/mod.rs",
    "http/reach.rs",
    "http/redirect.rs",
    "http/shared.rs",
    "http/status.rs",
    "indexing/mod.rs",
    "indexing/service.rs",
    "ipni/mod.rs",
    "memory.rs",
    "mod.rs",
    // Looks before a run, with clients of their own: `looks.rs`.
    "presence.rs",
    "services.rs",
    "tables/item.rs",
    "tables/mod.rs",
    "tables/table.rs",
    "ucan/execute.rs",
    // Asks for documents through `ucan/identity.rs`.
    "ucan/issuers.rs",
    "ucan/mod.rs",
    "upload/blob.rs",
    "upload/effects.rs",
    "upload/mod.rs",
    // Asks for documents through `ucan/issuers.rs`.
    "upload/signers.rs",
    "upload/site.rs",
];

const NOT_FOUND: Option<End> = Some(End::Fails(Class::Permanent, Reason::NOT_FOUND));
const NOTHING: Option<End> = Some(End::Is(Found::Nothing));
const IT: Option<End> = Some(End::Is(Found::It));

const fn reads(
    (file, name): (&'static str, &'static str),
    (family, kind): (Family, Kind),
    (service, operation): (Service, &'static str),
    miss: Option<End>,
    make: Make,
) -> Call {
    Call {
        file,
        name,
        family,
        kind,
        service,
        operation,
        miss,
        writes: false,
        fresh: false,
        flip: 200,
        places: 1,
        make,
    }
}

const fn writes(
    names: (&'static str, &'static str),
    what: (Family, Kind),
    request: (Service, &'static str),
    miss: Option<End>,
    make: Make,
) -> Call {
    Call {
        writes: true,
        ..reads(names, what, request, miss, make)
    }
}

fn is(there: bool) -> Found {
    if there { Found::It } else { Found::Nothing }
}

pub(super) const CALLS: &[Call] = &[
    writes(
        ("upload/blob_add.rs", "add a blob"),
        (Family::Upload, Kind::Message),
        (Service::Upload, "space/blob/add"),
        NOT_FOUND,
        add,
    ),
    writes(
        ("upload/put.rs", "send a blob"),
        (Family::Upload, Kind::Put),
        (Service::Node, "PUT /{key}"),
        NOT_FOUND,
        add,
    ),
    writes(
        ("upload/blob_add.rs", "conclude"),
        (Family::Upload, Kind::Message),
        (Service::Upload, "ucan/conclude"),
        NOT_FOUND,
        add,
    ),
    writes(
        ("upload/receipt.rs", "receipt"),
        (Family::Upload, Kind::Receipt),
        (Service::Upload, "GET /receipt"),
        IT,
        add,
    ),
    writes(
        ("upload/receipt.rs", "the message of a receipt"),
        (Family::Upload, Kind::Receipt),
        (Service::Upload, "GET /messages"),
        IT,
        add,
    ),
    writes(
        ("upload/remove.rs", "remove a blob"),
        (Family::Upload, Kind::Message),
        (Service::Upload, "space/blob/remove"),
        NOT_FOUND,
        |stage, with| {
            async {
                let gone = Multihash::sha256(&new_bytes());
                let done = with.upload.remove_blob(&stage.paid, &gone).await;
                done.map(|()| Found::It)
            }
            .boxed()
        },
    ),
    writes(
        ("upload/revoke.rs", "revoke a delegation"),
        (Family::Upload, Kind::Message),
        (Service::Upload, "ucan/revoke"),
        NOT_FOUND,
        |stage, with| {
            async {
                let done = with.upload.revoke(&stage.paid, &stage.granted).await;
                done.map(|()| Found::It)
            }
            .boxed()
        },
    ),
    reads(
        ("indexing/query.rs", "claims"),
        (Family::Indexing, Kind::Claims),
        (Service::Indexer, "GET /claims"),
        Some(End::Fails(Class::Permanent, Reason::REFUSED)),
        |stage, with| {
            async {
                let asked = [stage.hash()];
                let found = with
                    .indexing
                    .claims(&asked, &[], QueryKind::Standard)
                    .await?;
                Ok(is(!found.claims.is_empty()))
            }
            .boxed()
        },
    ),
    writes(
        ("indexing/cache.rs", "cache a claim"),
        (Family::Indexing, Kind::Message),
        (Service::Indexer, "claim/cache"),
        NOT_FOUND,
        |stage, with| {
            let request = stage.cache();
            async move { with.indexing.cache(&[request]).await.map(|()| Found::It) }.boxed()
        },
    ),
    writes(
        ("indexing/index.rs", "register an index"),
        (Family::Indexing, Kind::Message),
        (Service::Indexer, "assert/index"),
        NOT_FOUND,
        register,
    ),
    Call {
        fresh: true,
        ..writes(
            ("ucan/identity.rs", "the key of a service"),
            (Family::Indexing, Kind::Json),
            (Service::Indexer, "GET /.well-known"),
            // A service without a document has no key to check with.
            IT,
            register,
        )
    },
    writes(
        ("gateway/authorize.rs", "authorise"),
        (Family::Gateway, Kind::Message),
        (Service::Gateway, "access/delegate"),
        NOT_FOUND,
        |stage, with| {
            async {
                let done = with.gateway.authorize(&stage.space, &stage.proof).await;
                done.map(|()| Found::It)
            }
            .boxed()
        },
    ),
    Call {
        flip: 0,
        ..reads(
            ("gateway/retrieve.rs", "fetch"),
            (Family::Gateway, Kind::Raw),
            (Service::Gateway, "GET /ipfs"),
            NOT_FOUND,
            |stage, with| {
                async {
                    let raw = "application/vnd.ipld.raw";
                    let body = with.gateway.fetch(&stage.root, "", raw, 1 << 22).await?;
                    Ok(same(&body, &Multihash::of(&stage.root)))
                }
                .boxed()
            },
        )
    },
    reads(
        ("gateway/retrieve.rs", "serves"),
        (Family::Gateway, Kind::Head),
        (Service::Gateway, "HEAD /ipfs"),
        NOTHING,
        |stage, with| async { with.gateway.serves(&stage.root).await.map(is) }.boxed(),
    ),
    reads(
        ("carpark/locate.rs", "locate"),
        (Family::Carpark, Kind::Head),
        (Service::Carpark, "HEAD /{key}"),
        NOTHING,
        |stage, with| {
            async {
                let place = with
                    .carpark
                    .locate(&stage.hash(), stage.layout, &[])
                    .await?;
                Ok(is(place.is_some()))
            }
            .boxed()
        },
    ),
    Call {
        flip: 0,
        ..reads(
            ("carpark/blob.rs", "read"),
            (Family::Carpark, Kind::Raw),
            (Service::Carpark, "GET /{key}"),
            NOTHING,
            |stage, with| {
                async {
                    let opened = with.carpark.open(&stage.hash(), stage.layout, &[]).await?;
                    let Some((_, mut blob)) = opened else {
                        return Ok(Found::Nothing);
                    };
                    let mut whole = Vec::new();
                    while let Some(piece) = blob.next().await? {
                        whole.extend_from_slice(&piece);
                    }
                    Ok(same(&whole, &stage.hash()))
                }
                .boxed()
            },
        )
    },
    writes(
        ("buckets/claims.rs", "store a claim"),
        (Family::Objects, Kind::S3Put),
        (Service::S3, "PutObject"),
        NOT_FOUND,
        |stage, with| {
            let claim = stage.claim();
            async move { with.claims.store(&claim).await.map(|()| Found::It) }.boxed()
        },
    ),
    Call {
        // R2, then the older bucket.
        places: 2,
        ..reads(
            ("buckets/delegations.rs", "read a delegation"),
            (Family::Objects, Kind::S3Get),
            (Service::S3, "GetObject"),
            NOTHING,
            |stage, with| {
                async {
                    let read = with.delegations.read(stage.proof.cid()).await?;
                    Ok(is(read.is_some()))
                }
                .boxed()
            },
        )
    },
    writes(
        ("buckets/delegations.rs", "store a delegation"),
        (Family::Objects, Kind::S3Put),
        (Service::S3, "PutObject"),
        NOT_FOUND,
        |stage, with| {
            async {
                with.delegations
                    .store(&stage.proof)
                    .await
                    .map(|()| Found::It)
            }
            .boxed()
        },
    ),
    writes(
        ("buckets/delegations.rs", "remove a delegation"),
        (Family::Objects, Kind::S3Put),
        (Service::S3, "DeleteObject"),
        NOT_FOUND,
        |stage, with| {
            let gone = *stage.claim().cid();
            async move { with.delegations.remove(&gone).await.map(|()| Found::It) }.boxed()
        },
    ),
    writes(
        ("ipni/publish.rs", "store a job"),
        (Family::Objects, Kind::S3Put),
        (Service::S3, "PutObject"),
        NOT_FOUND,
        |stage, with| {
            let (job, digests) = (stage.job(), [stage.hash()]);
            async move {
                let stored = with.ipni.store(blob_protocol(), &job, &digests).await;
                stored.map(|()| Found::It)
            }
            .boxed()
        },
    ),
    writes(
        ("ipni/publish.rs", "queue a job"),
        (Family::Objects, Kind::Sqs),
        (Service::Sqs, "SendMessageBatch"),
        None,
        |stage, with| {
            let job = stage.job();
            async move {
                with.ipni
                    .queue(blob_protocol(), &job)
                    .await
                    .map(|()| Found::It)
            }
            .boxed()
        },
    ),
    Call {
        flip: 3,
        ..reads(
            ("tables/shards.rs", "a list of shards"),
            (Family::Objects, Kind::S3Get),
            (Service::S3, "GetObject"),
            NOT_FOUND,
            |stage, with| {
                async {
                    with.tables
                        .listed_shards(&stage.list)
                        .await
                        .map(|all| is(!all.is_empty()))
                }
                .boxed()
            },
        )
    },
    reads(
        ("tables/uploads.rs", "uploads of a space"),
        (Family::Lists, Kind::Dynamo),
        (Service::DynamoDb, "Query"),
        NOTHING,
        |stage, with| {
            async {
                with.tables
                    .uploads(&stage.space, None, None)
                    .await
                    .map(|page| is(!page.rows.is_empty()))
            }
            .boxed()
        },
    ),
    reads(
        ("tables/count.rs", "count the uploads"),
        (Family::Lists, Kind::Dynamo),
        (Service::DynamoDb, "Query"),
        NOTHING,
        |stage, with| {
            async {
                with.tables
                    .count_uploads(&stage.space)
                    .await
                    .map(|all| is(all > 0))
            }
            .boxed()
        },
    ),
    reads(
        ("tables/delegations.rs", "delegations of a space"),
        (Family::Lists, Kind::Dynamo),
        (Service::DynamoDb, "Query"),
        NOTHING,
        |stage, with| {
            async {
                let all = with.tables.delegations_by_issuer(&stage.space).await?;
                Ok(is(!all.is_empty()))
            }
            .boxed()
        },
    ),
    reads(
        ("tables/delegations.rs", "delegations to an account"),
        (Family::Lists, Kind::Dynamo),
        (Service::DynamoDb, "Query"),
        NOTHING,
        |stage, with| {
            async {
                let account = stage.proof.audience();
                let all = with.tables.delegations_by_audience(account).await?;
                Ok(is(all.contains(stage.proof.cid())))
            }
            .boxed()
        },
    ),
    reads(
        ("tables/allocations.rs", "blobs of a space"),
        (Family::Lists, Kind::Dynamo),
        (Service::DynamoDb, "Query"),
        IT,
        // It has none, and it must be DynamoDB who says so.
        |stage, with| {
            async {
                let any = with.tables.has_blobs(stage.paid.did()).await;
                any.map(|any| is(!any))
            }
            .boxed()
        },
    ),
    reads(
        ("tables/consumers.rs", "spaces of a customer"),
        (Family::Lists, Kind::Dynamo),
        (Service::DynamoDb, "Query"),
        NOTHING,
        |stage, with| {
            async {
                let all = with.tables.spaces_of_customer(&stage.customer).await?;
                Ok(is(!all.is_empty()))
            }
            .boxed()
        },
    ),
    reads(
        ("tables/consumers.rs", "all consumers"),
        (Family::Lists, Kind::Dynamo),
        (Service::DynamoDb, "Scan"),
        NOTHING,
        |_, with| {
            async {
                let first = with.tables.scan_consumers(1).next().await;
                Ok(is(first.transpose()?.is_some()))
            }
            .boxed()
        },
    ),
    reads(
        ("tables/uploads.rs", "one upload"),
        (Family::Rows, Kind::Dynamo),
        (Service::DynamoDb, "GetItem"),
        NOTHING,
        |stage, with| {
            async {
                let row = with
                    .tables
                    .upload(&stage.space, &stage.root.to_string())
                    .await?;
                Ok(is(row.is_some()))
            }
            .boxed()
        },
    ),
    reads(
        ("tables/allocations.rs", "a blob of a space"),
        (Family::Rows, Kind::Dynamo),
        (Service::DynamoDb, "GetItem"),
        IT,
        |stage, with| {
            async {
                let tables = &with.tables;
                let there = tables.has_blob(stage.paid.did(), &stage.hash()).await;
                there.map(|there| is(!there))
            }
            .boxed()
        },
    ),
    reads(
        (
            "tables/delegations.rs",
            "when a delegation's row was written",
        ),
        (Family::Rows, Kind::Dynamo),
        (Service::DynamoDb, "GetItem"),
        NOTHING,
        |stage, with| {
            async {
                let link = stage.proof.cid();
                let at = with.tables.delegation_written_at(link).await;
                at.map(|at| is(at.is_some()))
            }
            .boxed()
        },
    ),
    reads(
        ("tables/delegations.rs", "a delegation's row"),
        (Family::Rows, Kind::Dynamo),
        (Service::DynamoDb, "GetItem"),
        NOTHING,
        |stage, with| {
            async {
                let there = with.tables.has_delegation_row(stage.proof.cid()).await;
                there.map(is)
            }
            .boxed()
        },
    ),
    writes(
        ("tables/delegations.rs", "remove a delegation row"),
        (Family::Rows, Kind::Dynamo),
        (Service::DynamoDb, "DeleteItem"),
        None,
        |stage, with| {
            let gone = *stage.claim().cid();
            async move {
                let done = with.tables.remove_delegation_row(&gone).await;
                done.map(|()| Found::It)
            }
            .boxed()
        },
    ),
    Call {
        // The consumer's row, then the subscription's.
        places: 2,
        ..reads(
            ("tables/provision.rs", "is it provisioned"),
            (Family::Rows, Kind::Dynamo),
            (Service::DynamoDb, "GetItem"),
            NOTHING,
            |stage, with| {
                async {
                    let there = with.tables.is_provisioned(&stage.paid_for).await;
                    there.map(is)
                }
                .boxed()
            },
        )
    },
    writes(
        ("tables/provision.rs", "undo a provisioning"),
        (Family::Rows, Kind::Dynamo),
        (Service::DynamoDb, "DeleteItem"),
        None,
        |stage, with| {
            let provision = stage.provision();
            async move {
                let done = with.tables.unprovision(&provision).await;
                done.map(|()| Found::It)
            }
            .boxed()
        },
    ),
    reads(
        ("tables/sizes.rs", "sizes of shards"),
        (Family::Rows, Kind::Dynamo),
        (Service::DynamoDb, "BatchGetItem"),
        NOTHING,
        |stage, with| {
            async {
                let rows = with.tables.shard_rows(&stage.space, &[stage.shard]).await?;
                Ok(is(!rows.is_empty()))
            }
            .boxed()
        },
    ),
    reads(
        ("tables/revocations.rs", "a revocation"),
        (Family::Rows, Kind::Dynamo),
        (Service::DynamoDb, "GetItem"),
        IT,
        // Nobody revoked it, and it must be DynamoDB who says so.
        |stage, with| {
            async {
                with.tables
                    .is_revoked(stage.proof.cid())
                    .await
                    .map(|it| is(!it))
            }
            .boxed()
        },
    ),
    reads(
        ("tables/storage_providers.rs", "storage nodes"),
        (Family::Rows, Kind::Dynamo),
        (Service::DynamoDb, "Scan"),
        IT,
        |_, with| async { with.tables.storage_nodes().await.map(|_| Found::It) }.boxed(),
    ),
    writes(
        ("tables/provision.rs", "provision"),
        (Family::Rows, Kind::Dynamo),
        (Service::DynamoDb, "PutItem"),
        None,
        |stage, with| {
            let provision = stage.provision();
            async move { with.tables.provision(&provision).await.map(|()| Found::It) }.boxed()
        },
    ),
    writes(
        ("tables/delegations.rs", "store a delegation row"),
        (Family::Rows, Kind::Dynamo),
        (Service::DynamoDb, "BatchWriteItem"),
        None,
        |stage, with| {
            async {
                let (tables, link) = (&with.tables, stage.proof.cid());
                let stored = tables.store_delegation_row(link, &stage.customer, &stage.space, None);
                stored.await.map(|()| Found::It)
            }
            .boxed()
        },
    ),
];

fn add<'a>(stage: &'a Stage, with: &'a Services) -> BoxFuture<'a, Result<Found, ClientError>> {
    let blob = Blob::new(new_bytes());
    async move {
        with.upload
            .add_blob(&stage.paid, &blob)
            .await
            .map(|_| Found::It)
    }
    .boxed()
}

fn register<'a>(stage: &'a Stage, with: &'a Services) -> BoxFuture<'a, Result<Found, ClientError>> {
    async {
        let (root, index) = (&stage.root, &stage.index);
        let done = with.indexing.assert_index(&stage.paid, root, index).await;
        done.map(|()| Found::It)
    }
    .boxed()
}

fn same(bytes: &[u8], hash: &Multihash) -> Found {
    if Multihash::sha256(bytes) == *hash {
        Found::It
    } else {
        Found::Other
    }
}
