//! Spaces that the existing tool calls completed and that are not: an audit finds what is missing, and `retry --audit`
//! puts it right.

use serde_json::Value;
use sterna::sandbox::world::plan::Expected;

use super::scene::Scene;

/// A customer and a space of which every upload can be migrated and none is yet.
fn whole_space(scene: &Scene) -> (String, String) {
    let records = scene.world.uploads.iter();
    let mut spaces: Vec<_> = records
        .map(|one| (one.customer.clone(), one.space.clone()))
        .collect();
    spaces.dedup();
    let all_migrate = |(_, space): &(String, String)| {
        let uploads = scene.uploads(space);
        uploads.len() > 1 && uploads.iter().all(|one| one.expected == Expected::Migrated)
    };
    spaces.into_iter().find(all_migrate).expect("such a space")
}

fn audit(scene: &Scene, space: &str, code: i32) -> Value {
    let args = [
        "verify", "--space", space, "--limit", "all", "--output", "json",
    ];
    scene.sterna(&args).ends(code).json()
}

/// A report of other tables and other files are refused, and nothing is done.
fn nothing_else_is_taken(scene: &Scene, kept: &str, space: &str) {
    let text = std::fs::read_to_string(kept).unwrap();
    let other = scene
        .place
        .file("other.ndjson", text.replace(space, &crate::run::did(9)));
    let refused = scene.sterna(&["retry", "--audit", other.to_str().unwrap()]);
    refused.ends(13).tells(&["1 of its spaces have no row"]);
    let other = scene.place.file("journal.ndjson", "{\"v\":1}\n");
    let refused = scene.sterna(&["retry", "--audit", other.to_str().unwrap()]);
    refused
        .ends(13)
        .tells(&["line 1 is not a line of an audit report"]);
    scene
        .sterna(&["retry", "--audit", "nothing.ndjson"])
        .ends(2);
    for flag in ["--failed", "--reason=NO_SHARDS"] {
        scene.sterna(&["retry", "--audit", kept, flag]).ends(2);
    }
    let other = [
        "retry",
        "--audit",
        kept,
        "--customer",
        "did:mailto:example.org:nobody",
    ];
    let other = scene.sterna(&[&other[..], &["--output", "json"]].concat());
    assert_eq!(other.ends(0).json()["counts"]["planned"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_audit_finds_in_a_completed_space_is_put_right_by_its_report() {
    let scene = Scene::start().await;
    let (customer, space) = whole_space(&scene);
    let uploads = scene.uploads(&space);
    let (about, total) = ((customer.as_str(), space.as_str()), uploads.len() as u64);
    scene.tables.begin_space(about, total).await;
    let last = &uploads[uploads.len() - 1].root;
    scene.tables.count_space(about, total, last).await;
    scene.tables.complete_space(about).await;
    scene
        .sterna(&["migrate", "--space", &space, "--limit", "all"])
        .ends(0);

    let found = audit(&scene, &space, 4);
    let verdicts = &found["verdicts"];
    assert_eq!(verdicts["missing"].as_u64(), Some(total), "{verdicts}");
    let report = scene.place.path().join(found["file"].as_str().unwrap());
    let kept = scene.place.path().join("found.ndjson");
    std::fs::copy(report, &kept).unwrap();
    let kept = kept.to_str().unwrap();

    nothing_else_is_taken(&scene, kept, &space);
    assert_eq!(audit(&scene, &space, 4)["verdicts"], *verdicts);

    let fixed = scene.sterna(&["retry", "--audit", kept, "--output", "json"]);
    let counts = fixed.ends(0).json()["counts"].clone();
    assert_eq!(counts["planned"].as_u64(), Some(total), "{counts}");
    assert_eq!(counts["done"].as_u64(), Some(total), "{counts}");
    let right = audit(&scene, &space, 0);
    assert_eq!(right["verdicts"]["ok"].as_u64(), Some(total));
    let row = [("customer", customer.as_str()), ("space", space.as_str())];
    let row = scene
        .tables
        .row(super::scene::PROGRESS, &row)
        .await
        .unwrap();
    assert_eq!(row["status"]["S"], "completed");
    assert_eq!(row["completedUploads"]["N"], total.to_string());
    scene.sandbox.shutdown().await;
}
