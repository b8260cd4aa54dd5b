//! Every call of the clients against every hostile answer, through the network's fault plan: each ends in its class
//! within its deadline, after the tries that the policy says, and no read changes anything.

mod calls;
mod looks;
mod stage;
mod table;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use calls::{CALLS, Family, MACHINERY};
use stage::Stage;
use sterna::sandbox::Service;

/// Rust files under a folder of `src/client`, as `folder/file.rs`.
fn files(root: &Path, folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(root, &path));
        } else {
            let inside = path.strip_prefix(root).unwrap();
            found.push(inside.to_str().unwrap().to_owned());
        }
    }
    found
}

#[test]
fn every_file_of_the_clients_has_its_rows_or_makes_no_call() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/client");
    let mut there: BTreeSet<String> = files(&root, &root).into_iter().collect();
    // No service of the network: its backends are held to `tests/blobs`.
    there.retain(|file| !file.starts_with("blobs/"));
    let with_rows: BTreeSet<&str> = CALLS.iter().map(|call| call.file).collect();
    let without: BTreeSet<&str> = MACHINERY.iter().copied().collect();
    assert!(with_rows.is_disjoint(&without));
    let known: BTreeSet<String> = with_rows
        .union(&without)
        .map(|file| (*file).to_owned())
        .collect();
    assert_eq!(there, known, "a new file of a client needs its rows here");
}

/// What the clients ask of services to change something, as the network names it.
pub(crate) fn changes() -> BTreeSet<(Service, &'static str)> {
    let writing = CALLS.iter().filter(|call| call.writes);
    let asked = writing.map(|call| (call.service, call.operation));
    // Asking for a receipt is a part of adding a blob that changes nothing.
    asked
        .filter(|(_, operation)| !operation.starts_with("GET "))
        .collect()
}

async fn family(family: Family) {
    // On the heap: it is too large for the stacks of tests.
    let stage = Box::new(Box::pin(Stage::new()).await);
    let mut wrong = Vec::new();
    for call in CALLS.iter().filter(|call| call.family == family) {
        wrong.extend(table::rows(&stage, call).await);
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    Box::pin(stage.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_upload_service_and_its_node() {
    family(Family::Upload).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_indexing_service() {
    family(Family::Indexing).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway() {
    family(Family::Gateway).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_carpark() {
    family(Family::Carpark).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn buckets_and_queues() {
    family(Family::Objects).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_the_tables() {
    family(Family::Lists).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_the_tables() {
    family(Family::Rows).await;
}
