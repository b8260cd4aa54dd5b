//! Blocks whose hash functions are not computed here: quarantined, or indexed unchecked and counted.

use bytes::Bytes;
use cid::Cid;
use sterna::client::QueryKind;
use sterna::engine::{Ended, Job, StepFilter};
use sterna::migrations::uploads::Settings;
use sterna::migrations::uploads::reasons;
use sterna::model::{ItemId, UnitId};
use sterna::proto::multihash::{Multihash, codec};
use sterna::sandbox::world::manifest::Record;
use sterna::sandbox::world::plan::{Condition, Protocol};
use sterna::sandbox::{PutOptions, Row, Table, bucket};

use crate::fixture::{Local, small};
use crate::worker::{Worker, unkept_rows};

/// A block named by a hash function that nobody computes here (md5, `0xd5`), as a section of a CAR.
fn section() -> Vec<u8> {
    let payload = b"a block of old";
    let mut cid = vec![0x01, 0x55, 0xd5, 0x01, 16];
    cid.extend([7; 16]);
    let length = u8::try_from(cid.len() + payload.len()).unwrap();
    [&[length][..], &cid, payload].concat()
}

/// Gives an upload a shard with one more block, under the name that its bytes have then.
async fn with_old_block(local: &Local, record: &Record) -> Multihash {
    let network = local.sandbox.network();
    let before = Multihash::of(&Cid::try_from(record.shards[0].as_str()).unwrap());
    let key = |name: &str| format!("{name}/{name}.blob");
    let name = key(&before.base58());
    let found = network.objects.get(bucket::CARPARK, &name).await;
    let (_, bytes) = found.unwrap().unwrap();
    let bytes = [bytes.to_vec(), section()].concat();
    let (shard, size) = (Multihash::sha256(&bytes), bytes.len() as u64);
    let key = key(&shard.base58());
    let put = network.objects.put(
        bucket::CARPARK,
        &key,
        Bytes::from(bytes),
        PutOptions::default(),
    );
    put.await.unwrap();
    let row = Row::new()
        .text("space", &*record.space)
        .text("multihash", shard.base58())
        .number("size", size);
    network.db.put(Table::Allocation, row).await.unwrap();
    let key = Row::new()
        .text("space", &*record.space)
        .text("root", &*record.root);
    let row = network.db.get(Table::Upload, key).await.unwrap().unwrap();
    let row = row.texts("shards", [shard.cid(codec::CAR).unwrap().to_string()]);
    network.db.put(Table::Upload, row).await.unwrap();
    shard
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_that_cannot_be_checked_are_indexed_only_when_that_is_asked_for() {
    let local = Local::start(small()).await;
    let records = local.world.uploads.iter();
    let record = records
        .filter(|record| record.condition == Condition::Fresh && record.shards.len() == 1)
        .find(|record| record.protocol == Protocol::Blob)
        .unwrap();
    let shard = with_old_block(&local, record).await;
    let spaces = unkept_rows();
    let run = async |index_unverified: bool| {
        let settings = Settings {
            index_unverified,
            ..Settings::default()
        };
        let worker = Worker::new(&local, spaces.clone(), settings).await;
        let unit = UnitId::new(record.customer.as_str(), record.space.as_str());
        let job = Job::Items(vec![(unit, ItemId::new(record.root.as_str()))]);
        let outcome = worker.run(job, StepFilter::All, "one").await;
        assert_eq!(outcome.ended, Ended::Finished);
        let reason = outcome.snapshot.reasons.keys().next().copied();
        (outcome.counts, reason, worker.migration.unverified_blocks())
    };
    let (counts, reason, unverified) = run(false).await;
    assert_eq!(
        (counts.quarantined, reason),
        (1, Some(reasons::UNVERIFIABLE_HASH))
    );
    assert_eq!(unverified, 0);
    let (counts, reason, unverified) = run(true).await;
    assert_eq!((counts.migrated(), reason, unverified), (1, None, 1));
    // Its index holds the block, too.
    let services = local.services().await;
    let roots = [Multihash::of(&Cid::try_from(record.root.as_str()).unwrap())];
    let indexing = &services.indexing;
    let asked = indexing.claims(&roots, &[], QueryKind::Standard);
    let links: Vec<Cid> = asked.await.unwrap().indexes.into_keys().collect();
    let old = Multihash::from_bytes(&section()[3..22]).unwrap();
    let mut held = false;
    for link in &links {
        let index = indexing.index(&roots[0], link).await.unwrap().unwrap();
        let mut slices = index.slices(&shard).into_iter().flatten();
        held |= slices.any(|(slice, _)| *slice == old);
    }
    assert!(held, "in none of {links:?}");
    local.stop().await;
}
