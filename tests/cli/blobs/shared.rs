//! Several processes share one job (docs/blobs.md §12, 3).

use std::collections::BTreeSet;

use serde_json::Value;

use super::files::{files, put};
use crate::run::{Place, until};

/// A folder of many small blobs that are named by their digests.
fn many(place: &Place, number: u32) {
    for blob in 0..number {
        let bytes = blob.to_le_bytes();
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &bytes);
        let hex = multibase::Base::Base16Lower.encode(digest);
        put(&place.path().join("old").join(&hex[..2]).join(&hex), &bytes);
    }
}

#[test]
fn processes_that_join_end_a_job_together_although_one_is_killed() {
    let place = Place::new().env("STERNA_LEASE_TERM", "2");
    many(&place, 3_000);
    let plan = [
        "--from",
        "dir:old",
        "--to",
        "dir:new",
        "--layout",
        "digest:{hex:2}/{hex}",
    ];
    place
        .sterna([&["blobs", "plan", "--job", "cas"][..], &plan].concat())
        .ends(0);
    let copy = ["blobs", "copy", "--job", "cas", "--output", "json"];
    let processes = [place.start(copy), place.start(copy), place.start(copy)];
    until("some blobs", || {
        let status = place.sterna(["blobs", "status", "--job", "cas", "--output", "json"]);
        (status.json()["jobs"][0]["counts"]["done"].as_u64()? > 100).then_some(())
    });
    let [killed, second, third] = processes;
    killed.signal("KILL");
    killed.end();
    let ended = [second.end().ends(0).json(), third.end().ends(0).json()];
    let (old, new) = (
        files(&place.path().join("old")),
        files(&place.path().join("new")),
    );
    assert!(old == new, "{} of {} blobs", new.len(), old.len());
    let counts = &ended[1]["counts"];
    assert_eq!(
        (&counts["planned"], &counts["done"]),
        (&Value::from(3_000), &Value::from(3_000))
    );
    let files: BTreeSet<&str> = ended
        .iter()
        .filter_map(|report| report["files"][0].as_str())
        .collect();
    assert_eq!(files.len(), 2, "two instances: {files:?}");
    place
        .sterna(["blobs", "flip", "--job", "cas", "--sample", "all"])
        .ends(0);
}
