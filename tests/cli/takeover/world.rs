//! A begun migration as a whole: spaces in every state, wrong counters, claims whose adverts are wrong or missing.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sterna::sandbox::world::manifest::Record;

use super::scene::{CONSUMER, CUSTOMERS, DELEGATION, Got, PROGRESS, SPACES, SUBSCRIPTION, Scene};

const BRUNO: &str = "did:mailto:example.org:bruno";
const CARLA: &str = "did:mailto:example.org:carla%2Bnft";
const DARIO: &str = "did:mailto:example.org:dario";

/// The begun spaces, and what the existing tool said of them.
struct Left {
    /// Completed, every upload gone through.
    whole: String,
    /// In progress: one of its uploads is done; its total is of long ago.
    begun: String,
    /// Failed, though all but the last upload are done; the failures are counted as completed.
    failed: String,
    /// Completed by a limit after one upload.
    limited: String,
    /// The customers' migration spaces with their sealed keys.
    own: BTreeMap<&'static str, (String, String)>,
}

/// Whether everything of a row is as it was. What a plan says of it stands beside that.
fn kept(row: &Value, after: &[Value]) -> bool {
    let same = |held: &Value| {
        let mut held = held.clone();
        let attributes = held.as_object_mut().unwrap();
        for name in ["assigned", "planId", "planInstances", "spacesKnown"] {
            attributes.remove(name);
        }
        held == *row
    };
    after.iter().any(same)
}

/// Makes the effects with a run, then puts that tool's traces in the place of ours.
async fn leave(scene: Scene) -> (Scene, Left) {
    let (bruno, carla) = (scene.spaces_of(BRUNO), scene.spaces_of(CARLA));
    let [whole, begun] = &bruno[..] else {
        panic!("{bruno:?}")
    };
    let [failed, limited] = &carla[..] else {
        panic!("{carla:?}")
    };
    for (space, limit) in [(whole, "all"), (begun, "1"), (failed, "4"), (limited, "1")] {
        let ran = scene.sterna(&["migrate", "--space", space, "--limit", limit]);
        ran.ends(0);
    }
    scene.adverts_are_published().await;
    let scene = scene.forget_the_run().await;
    for (space, done) in [(whole, 4), (begun, 1), (failed, 4), (limited, 1)] {
        for (number, record) in scene.uploads(space).into_iter().take(done).enumerate() {
            scene.tool_adverts(record, number > 0).await;
            assert!(!scene.is_advertised(record).await);
        }
    }
    write_down(&scene, [whole, begun, failed, limited]).await;
    let own = BTreeMap::from([
        (BRUNO, scene.tool_migration_space(BRUNO, Got::Row).await),
        (
            CARLA,
            scene.tool_migration_space(CARLA, Got::Provisioned).await,
        ),
    ]);
    // It met its own migration space among the spaces of the customer.
    scene.tables.begin_space((CARLA, &own[CARLA].0), 0).await;
    let left = Left {
        whole: whole.clone(),
        begun: begun.clone(),
        failed: failed.clone(),
        limited: limited.clone(),
        own,
    };
    (scene, left)
}

/// Progress and customer rows, in that tool's words.
async fn write_down(scene: &Scene, [whole, begun, failed, limited]: [&String; 4]) {
    let tables = &scene.tables;
    let root = |space: &str, at: usize| scene.uploads(space)[at].root.clone();

    tables.begin_space((BRUNO, whole), 4).await;
    tables.count_space((BRUNO, whole), 4, &root(whole, 3)).await;
    tables.complete_space((BRUNO, whole)).await;
    tables.begin_space((BRUNO, begun), 9).await;
    tables.count_space((BRUNO, begun), 1, &root(begun, 0)).await;
    tables.begin_space((CARLA, failed), 5).await;
    tables
        .count_space((CARLA, failed), 5, &root(failed, 4))
        .await;
    tables
        .fail_space((CARLA, failed), "1 upload(s) failed")
        .await;
    tables.begin_space((CARLA, limited), 2).await;
    tables
        .count_space((CARLA, limited), 1, &root(limited, 0))
        .await;
    tables.complete_space((CARLA, limited)).await;

    tables.assign(BRUNO, "1", (2, 13)).await;
    tables.begin_customer(BRUNO).await;
    tables.assign(CARLA, "1", (2, 7)).await;
    tables.begin_customer(CARLA).await;
    tables.complete_customer(CARLA).await;
    tables.assign(DARIO, "7", (1, 3)).await;
}

/// What a report says of a space, or of a customer as a whole.
fn told<'a>(report: &'a Value, customer: &str, space: Option<&str>) -> &'a Value {
    let all = report["differences"].as_array().unwrap();
    let wanted = json!(space);
    all.iter()
        .find(|one| one["customer"] == customer && one["space"] == wanted)
        .unwrap_or_else(|| panic!("{space:?} of {customer} is not told: {all:#?}"))
}

fn says(difference: &Value, field: &str, words: &[&str]) {
    let text = difference[field].as_str().unwrap();
    for word in words {
        assert!(
            text.contains(word),
            "no {word:?} in {field}: {difference:#}"
        );
    }
}

async fn all_advertised(scene: &Scene, uploads: &[&Record]) -> bool {
    for record in uploads {
        if !scene.is_advertised(record).await {
            return false;
        }
    }
    true
}

fn number(row: &Value, name: &str) -> u64 {
    row[name]["N"].as_str().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "one story from its begin to its end")]
async fn what_the_existing_tool_left_is_finished_and_nothing_is_reset() {
    let (scene, left) = leave(Scene::start().await).await;
    let tables = &scene.tables;
    let (progress, customers, spaces) = (
        tables.rows(PROGRESS).await,
        tables.rows(CUSTOMERS).await,
        tables.rows(SPACES).await,
    );

    // Setting up tells what is there and touches none of it.
    let setup = scene.sterna(&["setup", "--instances", "1", "--output", "json"]);
    let setup = setup.ends(0).json();
    let of = |customer, space: &str| told(&setup, customer, Some(space)).clone();
    says(&of(BRUNO, &left.whole), "found", &["completed with 4 of 4"]);
    says(
        &of(BRUNO, &left.whole),
        "done",
        &["kept as completed", "--repair"],
    );
    says(
        &of(BRUNO, &left.begun),
        "found",
        &["in-progress with 1 of 9", "it has 2 uploads now"],
    );
    says(
        &of(CARLA, &left.failed),
        "found",
        &["failed with 5 of 5", "1 upload(s) failed"],
    );
    says(
        &of(CARLA, &left.limited),
        "found",
        &["completed with 1 of 2"],
    );
    says(
        &of(CARLA, &left.limited),
        "done",
        &["checks every upload again"],
    );
    says(
        &of(CARLA, &left.own[CARLA].0),
        "found",
        &["in-progress with 0 of 0"],
    );
    says(
        &of(BRUNO, &left.own[BRUNO].0),
        "found",
        &["lacks provisioning", "delegation"],
    );
    let carla = told(&setup, CARLA, None);
    says(
        carla,
        "found",
        &["completed with 0 of 2 spaces and 0 of 7 uploads"],
    );
    for (table, before) in [(PROGRESS, &progress), (SPACES, &spaces)] {
        let after = tables.rows(table).await;
        for row in before {
            assert!(kept(row, &after), "changed: {row:#}");
        }
    }
    let after = tables.rows(CUSTOMERS).await;
    for row in customers
        .iter()
        .filter(|row| row["status"]["S"] != "pending")
    {
        assert!(kept(row, &after), "changed: {row:#}");
    }

    // Both shapes of that tool's customers file name the same work.
    let list = scene
        .place
        .file("list.json", json!([BRUNO, CARLA]).to_string());
    let object = json!({ "instanceId": "1", "totalUploads": 20, "customers": [BRUNO, CARLA] });
    let object = scene.place.file("object.json", object.to_string());
    let plan = |file: &std::path::Path| {
        let file = file.to_str().unwrap().to_owned();
        let ran = scene.sterna(&[
            "migrate",
            "--customers-file",
            &file,
            "--dry-run",
            "--output",
            "json",
        ]);
        ran.ends(0).json()["counts"].clone()
    };
    let planned = plan(&list);
    assert_eq!(plan(&object), planned);
    assert_eq!(planned["planned"], 13);

    let list = list.to_str().unwrap();
    let ran = scene.sterna(&["migrate", "--customers-file", list, "--output", "json"]);
    let report = ran.ends(0).json();
    assert_eq!(
        (&report["counts"]["done"], &report["counts"]["planned"]),
        (&json!(13), &json!(13))
    );
    scene.adverts_are_published().await;

    // What it had completed in full is trusted, and not a byte of it changed.
    let whole = [("space", left.whole.as_str())];
    let row = tables.row(PROGRESS, &whole).await.unwrap();
    let same = |before: &Value| kept(before, std::slice::from_ref(&row));
    assert!(progress.iter().any(same), "{row:#}");
    says(
        told(&report, BRUNO, Some(&left.whole)),
        "done",
        &["kept as completed"],
    );
    assert!(!all_advertised(&scene, &scene.uploads(&left.whole)).await);

    // The rest is gone through: uploads, adverts, counters; what was found is kept beside them.
    for (customer, space, uploads, (status, planned, completed)) in [
        (BRUNO, &left.begun, 2, ("in-progress", 9, 1)),
        (CARLA, &left.failed, 5, ("failed", 5, 5)),
        (CARLA, &left.limited, 2, ("completed", 2, 1)),
    ] {
        let row = tables.row(PROGRESS, &[("space", space)]).await.unwrap();
        assert_eq!(row["status"]["S"], "completed", "{row:#}");
        assert_eq!(
            (
                number(&row, "totalUploads"),
                number(&row, "completedUploads")
            ),
            (uploads, uploads)
        );
        assert_eq!(row["createdAt"]["S"], "2026-01-01T00:00:00.000Z");
        let found = &row["takenOver"]["M"];
        assert_eq!(found["status"]["S"], status);
        assert_eq!(
            (number(found, "planned"), number(found, "completed")),
            (planned, completed)
        );
        assert!(
            all_advertised(&scene, &scene.uploads(space)).await,
            "{space}"
        );
        says(
            told(&report, customer, Some(space)),
            "done",
            &["processed again: completed"],
        );
    }

    // Migration spaces: the same keys, and what was missing.
    for customer in [BRUNO, CARLA] {
        let (space, sealed) = &left.own[customer];
        let row = tables.row(SPACES, &[("customer", customer)]).await.unwrap();
        assert_eq!(
            (&row["migrationSpace"]["S"], &row["privateKey"]["S"]),
            (&json!(space), &json!(sealed))
        );
        assert_eq!(row["created"]["S"], "2026-01-01T00:00:00.000Z");
        assert_eq!(
            (&row["status"]["S"], &row["delegated"]["BOOL"]),
            (&json!("provisioned"), &json!(true))
        );
        let consumer = tables.row(CONSUMER, &[("consumer", space)]).await.unwrap();
        assert_eq!(consumer["customer"]["S"], customer);
        let subscription = consumer["subscription"]["S"].as_str().unwrap();
        assert!(
            tables
                .row(SUBSCRIPTION, &[("subscription", subscription)])
                .await
                .is_some()
        );
        let issued = tables
            .row(DELEGATION, &[("issuer", space), ("audience", customer)])
            .await;
        assert!(issued.is_some(), "no delegation of {space}");
        says(told(&report, customer, Some(space)), "done", &["finished"]);
    }

    // Customers are summed up from their spaces, and a migration space is none of them.
    for (customer, uploads) in [(BRUNO, 6), (CARLA, 7)] {
        let row = tables
            .row(CUSTOMERS, &[("customer", customer)])
            .await
            .unwrap();
        assert_eq!(row["status"]["S"], "completed", "{row:#}");
        assert_eq!(
            (number(&row, "totalSpaces"), number(&row, "completedSpaces")),
            (2, 2)
        );
        assert_eq!(
            (
                number(&row, "totalUploads"),
                number(&row, "completedUploads")
            ),
            (uploads, uploads)
        );
    }

    // A terminal shows it, too.
    let again = scene
        .sterna(&["migrate", "--customers-file", list, "--repair"])
        .ends(0);
    let text = again.text();
    assert!(
        text.contains("left by the existing tool, in 1 place:"),
        "{text}"
    );
    assert!(
        text.contains(&left.whole) && text.contains("completed with 4 of 4"),
        "{text}"
    );
    scene.adverts_are_published().await;
    assert!(all_advertised(&scene, &scene.uploads(&left.whole)).await);
    let row = tables.row(PROGRESS, &whole).await.unwrap();
    assert_eq!(
        (&row["status"]["S"], number(&row, "completedUploads")),
        (&json!("completed"), 4)
    );

    let verify = ["verify", "--customers-file", list, "--output", "json"];
    let verdicts = scene.sterna(&verify).ends(0).json()["verdicts"].clone();
    assert_eq!(verdicts["ok"], 13, "{verdicts}");
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_names_the_uploads_whose_adverts_are_the_existing_tools() {
    let (scene, left) = leave(Scene::start().await).await;
    let verify = ["verify", "--space", &left.whole, "--output", "json"];
    let audit = scene.sterna(&verify).ends(4).json();
    assert_eq!(audit["verdicts"]["missing"], 4);
    let uploads = audit["uploads"].as_array().unwrap();
    for record in scene.uploads(&left.whole) {
        let told = uploads
            .iter()
            .find(|one| one["root"] == record.root.as_str())
            .unwrap();
        let findings = told["findings"].as_array().unwrap();
        let of_adverts = findings
            .iter()
            .filter(|finding| finding["why"].as_str().unwrap().contains("its advert"));
        assert_eq!(of_adverts.count(), record.shards.len(), "{told:#}");
    }
    let repair = scene.sterna(&["migrate", "--space", &left.whole, "--repair"]);
    repair.ends(0);
    scene.sterna(&verify).ends(0);
    scene.stop().await;
}
