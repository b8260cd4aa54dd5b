//! What has become of a network: all that counts, in words that two networks can be compared by.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use cid::Cid;
use sterna::app::{self, Stop};
use sterna::client::{AwsClients, QueryKind, Services};
use sterna::config::options;
use sterna::migrations::uploads::CustomerTables;
use sterna::model::{Counts, StepState};
use sterna::proto::claims::Claim;
use sterna::proto::multihash::Multihash;
use sterna::runtime::{Clock, ServiceRegistry};
use sterna::sandbox::{Listing, Service, Table, bucket, queue};
use sterna::state::{FailedQuery, ProgressRow, Store};

use super::scene::{Scene, scope};

/// Names of things, each with what is to be said of it.
pub(super) type Picture = BTreeMap<String, String>;

impl Scene {
    /// Everything but times, epochs, ports, keys, and claims that say the same as another.
    pub(super) async fn picture(&self) -> Picture {
        self.published().await;
        let mut picture = Picture::new();
        let names = self.state(&mut picture).await;
        self.tables(&mut picture).await;
        self.buckets(&mut picture);
        self.claims(&mut picture).await;
        picture.insert("audit".to_owned(), self.audit().await);
        let urls = self.sandbox.urls();
        let ports = Service::ALL.map(|service| (urls.of(service), service.to_string()));
        let plain = |text: String| {
            let text = names
                .iter()
                .fold(text, |text, (name, means)| text.replace(name, means));
            ports
                .iter()
                .fold(text, |text, (url, service)| text.replace(url, service))
        };
        picture
            .into_iter()
            .map(|(name, value)| (plain(name), plain(value)))
            .collect()
    }

    /// Waits until every queued job is published.
    async fn published(&self) {
        let queues = &self.sandbox.network().queues;
        while queue::ALL
            .iter()
            .any(|name| !queues.messages(name).is_empty())
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The migration's own tables; gives the random names and what they mean.
    async fn state(&self, picture: &mut Picture) -> BTreeMap<String, String> {
        let client = AwsClients::dynamodb_only(&self.settings.aws, &self.settings.limits).await;
        let store = Store::new(&client, self.settings.state.clone());
        for row in store.progress_where(None, None).await.unwrap() {
            picture.insert(format!("space {}", row.progress.unit), of_row(&row));
        }
        for failed in store.failed_items(&FailedQuery::default()).await.unwrap() {
            let name = format!("failed {} {}", failed.unit, failed.item);
            picture.insert(name, failed.failure.reason.to_string());
        }
        for row in CustomerTables::of(&store).customers_of(None).await.unwrap() {
            let told = format!(
                "{} {}/{} spaces, {}/{} uploads",
                row.status,
                row.completed_spaces,
                row.total_spaces,
                row.completed_uploads,
                row.total_uploads
            );
            picture.insert(format!("customer {}", row.customer), told);
        }
        let mut names = BTreeMap::new();
        let (spaces, odd) = CustomerTables::of(&store).migration_spaces().await.unwrap();
        assert!(odd.is_empty(), "{odd:?}");
        for space in spaces {
            let (name, customer) = (space.space.to_string(), &space.customer);
            names.insert(name.clone(), format!("the migration space of {customer}"));
            let told = format!(
                "{name} {:?}, delegated {}, ours {}, key {}",
                space.status,
                space.delegated,
                space.ours,
                space.sealed_key.is_some()
            );
            picture.insert(format!("migration space of {customer}"), told);
        }
        names
    }

    /// Rows of the network: those that must not come twice.
    async fn tables(&self, picture: &mut Picture) {
        let words: [(Table, &[&str]); 7] = [
            (Table::Consumer, &["consumer", "customer", "provider"]),
            (Table::Subscription, &["customer", "provider"]),
            (Table::Delegation, &["issuer", "audience"]),
            (Table::Allocation, &["space", "multihash"]),
            (Table::BlobRegistry, &["space", "digest"]),
            (Table::SpaceDiff, &["pk"]),
            (Table::Revocation, &[]),
        ];
        for (table, words) in words {
            let rows = self.sandbox.network().db.scan(table).await.unwrap();
            for row in rows {
                let words = words.iter().map(|name| row.get_text(name).unwrap());
                let name = words.collect::<Vec<_>>().join(" ");
                once_more(picture, format!("{table:?} {name}"));
            }
        }
    }

    /// Objects: blobs by name, delegations by number. Of claims and jobs one more is no harm.
    fn buckets(&self, picture: &mut Picture) {
        let network = self.sandbox.network();
        for name in [
            bucket::CARPARK,
            bucket::DELEGATIONS,
            bucket::OLD_DELEGATIONS,
        ] {
            let listing = Listing {
                limit: 10_000,
                ..Listing::default()
            };
            for meta in network.objects.list(name, &listing).unwrap().objects {
                let key = if name == bucket::CARPARK {
                    meta.key.as_str()
                } else {
                    ""
                };
                once_more(picture, format!("object {name} {key}"));
            }
        }
        let mut spaces = BTreeSet::new();
        for record in &self.world.uploads {
            spaces.insert(&record.space);
        }
        for space in spaces {
            let group = format!("gateway/delegations/{space}");
            let kept = network.shelf.list(&group, network.clock.now().0).len();
            picture.insert(format!("gateway {space}"), kept.to_string());
        }
    }

    /// What a reader of the network is told of each root, shard and index, and what IPNI holds of it.
    async fn claims(&self, picture: &mut Picture) {
        let config = self.settings.client();
        let services = Services::connect(&config, Clock::system(), ServiceRegistry::new());
        let services = Box::pin(services).await.unwrap();
        let cids = self.world.uploads.iter().flat_map(|record| {
            let texts = std::iter::once(&record.root).chain(&record.shards);
            texts.map(|text| Cid::try_from(text.as_str()).unwrap())
        });
        let mut hashes: BTreeSet<Multihash> = cids.map(|cid| Multihash::of(&cid)).collect();
        // The indexes are named by the claims of the roots.
        for _ in 0..2 {
            let all: Vec<_> = hashes.iter().cloned().collect();
            let asked = services.indexing.claims(&all, &[], QueryKind::Standard);
            for claim in &asked.await.unwrap().claims {
                if let Ok(Claim::Index(index)) = Claim::of(claim) {
                    hashes.insert(Multihash::of(&index.index));
                }
                picture.insert(told(claim), "claimed".to_owned());
            }
        }
        let network = self.sandbox.network();
        for hash in hashes {
            let adverts = network
                .shelf
                .list(&format!("ipni/{hash}"), network.clock.now().0);
            picture.insert(format!("adverts of {hash}"), adverts.len().to_string());
        }
    }

    async fn audit(&self) -> String {
        let (settings, scope) = (Arc::clone(&self.settings), scope());
        let audit = move || {
            let options = options::Verify {
                scope,
                instance: 9,
                concurrency: 4,
                max_duration: None,
                resume: false,
                deep: false,
            };
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let sink: app::ProgressSink = Arc::new(|_| {});
            let verify = Box::pin(app::verify(&settings, options, Stop::new(), sink));
            let report = runtime.unwrap().block_on(verify).unwrap();
            format!("{:?} {:?}", report.ended, report.verdicts)
        };
        tokio::task::spawn_blocking(audit).await.unwrap()
    }
}

/// How far a space is.
fn of_row(row: &ProgressRow) -> String {
    let progress = &row.progress;
    // Whether an upload needed something depends on who came first.
    let counts = Counts {
        found: 0,
        ..progress.counts
    };
    let state = |state: &StepState| match state {
        StepState::Applied(_) => "applied",
        StepState::Started => "started",
        StepState::Found => "found",
        StepState::Failed(_) => "failed",
        StepState::Undone(_) => "undone",
    };
    let steps = progress.steps.iter();
    let steps: Vec<_> = steps
        .map(|(name, record)| format!("{name} {}", state(&record.state)))
        .collect();
    format!(
        "{} {counts:?} {:?} {:?} {steps:?} {:?} held by {:?}",
        progress.status,
        progress.reasons,
        progress.cursor,
        progress.error,
        row.lease.as_ref().map(|lease| &lease.holder)
    )
}

/// Counts what may be there several times.
fn once_more(picture: &mut Picture, name: String) {
    let count = picture.entry(name).or_insert_with(|| "0".to_owned());
    *count = (count.parse::<u32>().unwrap() + 1).to_string();
}

/// What a claim says; who signed it and when is left out.
fn told(claim: &sterna::proto::ucan::Delegation) -> String {
    match Claim::of(claim) {
        Ok(Claim::Location(location)) => format!(
            "{} is at {:?} {:?} for {:?}",
            location.content.hash(),
            location.location,
            location.range,
            location.space
        ),
        Ok(Claim::Index(index)) => format!("{} has index {}", index.content.hash(), index.index),
        other => format!("{other:?}"),
    }
}
