//! Progress rows: ours read back as written, the existing tool's as far as they can be trusted.

use sterna::model::{
    Counts, Effect, InstanceId, ItemId, Reason, Settled, Status, StepName, StepRecord, StepState,
    Unit, UnixMillis,
};
use sterna::state::rows::{Batched, Key, Row, Value, stamp};
use sterna::state::{Grant, Reopen, Store, TakeKind};

use crate::place::{ask, everywhere, holder, leased, one, run, two, unit};

/// A row as the existing tool writes it.
async fn legacy(store: &Store, unit: &Unit, status: &str, numbers: (u64, u64)) {
    let row = Row::new()
        .with("status", status)
        .with("totalUploads", numbers.0)
        .with("completedUploads", numbers.1)
        .with("instanceId", "1")
        .with("workerId", "2")
        .with("error", "")
        .with("createdAt", "2026-01-01T00:00:00.000Z")
        .with("updatedAt", "2026-01-01T00:00:00.000Z");
    let key = Key::two(("customer", &unit.id.owner), ("space", &unit.id.name));
    store
        .rows()
        .write_all(
            &store.config().namespace.tables.progress,
            vec![Batched::Put(key, row)],
        )
        .await
        .unwrap();
}

#[tokio::test]
async fn everything_written_of_a_unit_is_read_back() {
    everywhere(|store| async move {
        let unit = unit("a", "one", 5);
        let (mut lease, mut progress) = leased(&store, &unit, one(), "r").await;
        progress.status = Status::InProgress;
        progress.count(Settled::Migrated, None);
        progress.count(Settled::Found, None);
        progress.count(Settled::Quarantined, Some(Reason::new("CORRUPT_CAR")));
        progress.cursor = Some(ItemId::new("bafy2"));
        progress.pass.until = UnixMillis(1_767_225_600_000);
        let effect = Effect::new("delegated", "space")
            .reversible()
            .fact("cid", "bafyd");
        let record = StepRecord {
            state: StepState::Applied(effect),
            at: UnixMillis(7),
            attempts: 2,
        };
        progress.steps.insert(StepName::new("gateway-auth"), record);
        store.save(&mut lease, &progress).await.unwrap();
        assert_eq!(
            store.progress(&unit.id).await.unwrap(),
            Some(progress.clone())
        );

        let key = Key::two(("customer", &unit.id.owner), ("space", &unit.id.name));
        let row = store
            .rows()
            .get(&store.config().namespace.tables.progress, &key)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(row.text("status"), Some("in-progress"));
        assert_eq!(
            (row.number("totalUploads"), row.number("completedUploads")),
            (Some(5), Some(2))
        );
        assert_eq!(
            (row.text("lastProcessedUpload"), row.text("instanceId")),
            (Some("bafy2"), Some("1"))
        );
        assert_eq!(row.get("error"), Some(&Value::S(String::new())));

        progress.cursor = None;
        progress.pass.number = 1;
        store.save(&mut lease, &progress).await.unwrap();
        assert_eq!(store.progress(&unit.id).await.unwrap(), Some(progress));
    })
    .await;
}

#[tokio::test]
async fn a_planned_row_is_made_once_and_never_reset() {
    everywhere(|store| async move {
        let unit = unit("a", "one", 5);
        assert!(store.plan_unit(&unit, &one()).await.unwrap());
        let (mut lease, mut progress) = leased(&store, &unit, two(), "r").await;
        progress.status = Status::InProgress;
        progress.count(Settled::Migrated, None);
        store.save(&mut lease, &progress).await.unwrap();
        assert!(!store.plan_unit(&unit, &one()).await.unwrap());
        let row = store.progress_row(&unit.id).await.unwrap().unwrap();
        assert_eq!(
            (row.progress, row.instance, row.lease),
            (progress, Some(two()), Some(lease))
        );
    })
    .await;
}

#[tokio::test]
async fn rows_of_the_existing_tool_are_trusted_only_as_far_as_its_counters_go() {
    everywhere(|store| async move {
        let cases = [
            ("pending", (5, 0), Status::Pending, Counts::planned(5)),
            (
                "in-progress",
                (5, 3),
                Status::InProgress,
                Counts::planned(5),
            ),
            (
                "completed",
                (5, 5),
                Status::Completed,
                Counts {
                    done: 5,
                    ..Counts::planned(5)
                },
            ),
            // Ended by a limit, or its last count lost: looked at again.
            ("completed", (5, 3), Status::InProgress, Counts::planned(5)),
            ("failed", (5, 5), Status::InProgress, Counts::planned(5)),
        ];
        for (number, (word, numbers, status, counts)) in cases.into_iter().enumerate() {
            let unit = unit("a", &format!("space{number}"), 5);
            legacy(&store, &unit, word, numbers).await;
            let row = store.progress_row(&unit.id).await.unwrap().unwrap();
            assert_eq!(
                (row.progress.status, row.progress.counts),
                (status, counts),
                "{word} {numbers:?}"
            );
            assert!(row.progress.counts.add_up());
            assert_eq!(
                (row.legacy_completed, row.progress.error),
                (Some(numbers.1), None)
            );
            let grant = ask(&store, &unit, (two(), "r"), &TakeKind::Unheld, Reopen::No).await;
            assert_eq!(
                matches!(grant, Grant::Ended { .. }),
                status == Status::Completed,
                "{grant:?}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn what_the_existing_tool_wrote_is_kept_when_its_unit_is_taken_over() {
    everywhere(|store| async move {
        let open = async |unit: &Unit, reopen| {
            store
                .lease(unit, &holder(two()), &run("r"), &TakeKind::Unheld, reopen)
                .await
                .unwrap()
        };
        let limited = unit("a", "limited", 5);
        legacy(&store, &limited, "completed", (5, 3)).await;
        let row = store.progress_row(&limited.id).await.unwrap().unwrap();
        let found = row.progress.taken_over.clone().unwrap();
        assert!(row.has_foreign_work() && !found.is_trusted());
        let Grant::Leased {
            mut lease,
            mut progress,
        } = open(&limited, Reopen::No).await
        else {
            panic!("not leased")
        };
        progress.count(Settled::Migrated, None);
        store.save(&mut lease, &progress).await.unwrap();
        let row = store.progress_row(&limited.id).await.unwrap().unwrap();
        assert_eq!(row.progress.taken_over.as_ref(), Some(&found));
        assert_eq!(
            (found.status, found.planned, found.completed, found.at),
            (Status::Completed, 5, 3, Some(UnixMillis(1_767_225_600_000)))
        );
        assert_eq!(row.created_at, found.at, "it stays as it was made");
        progress.status = Status::Completed;
        store.release(lease, &progress).await.unwrap();
        let row = store.progress_row(&limited.id).await.unwrap().unwrap();
        assert!(!row.has_foreign_work());
        assert!(matches!(
            open(&limited, Reopen::TakenOver).await,
            Grant::Ended { .. }
        ));

        let whole = unit("a", "whole", 5);
        legacy(&store, &whole, "completed", (5, 5)).await;
        assert!(matches!(
            open(&whole, Reopen::No).await,
            Grant::Ended { .. }
        ));
        let Grant::Leased { progress, .. } = open(&whole, Reopen::TakenOver).await else {
            panic!("not opened")
        };
        assert_eq!(
            (progress.status, progress.counts),
            (Status::InProgress, Counts::planned(5))
        );
    })
    .await;
}

#[tokio::test]
async fn rows_are_found_by_owner_status_instance_and_name() {
    everywhere(|store| async move {
        for number in 0..7 {
            let owner = if number < 4 { "a" } else { "b" };
            let instance = InstanceId::number(1 + number % 2);
            store
                .plan_unit(&unit(owner, &format!("s{number}"), 1), &instance)
                .await
                .unwrap();
        }
        let names = |rows: Vec<sterna::state::ProgressRow>| {
            let mut names: Vec<String> = rows
                .iter()
                .map(|row| row.progress.unit.name[12..].to_string())
                .collect();
            names.sort();
            names.concat()
        };
        assert_eq!(
            names(store.progress_of("did:mailto:example.com:a").await.unwrap()),
            "s0s1s2s3"
        );
        assert_eq!(
            names(store.progress_where(None, Some(&two())).await.unwrap()),
            "s1s3s5"
        );
        assert_eq!(
            names(
                store
                    .progress_where(Some("did:key:z6Mks5"), None)
                    .await
                    .unwrap()
            ),
            "s5"
        );
        assert_eq!(
            names(
                store
                    .progress_by_status(Status::Pending, None)
                    .await
                    .unwrap()
            ),
            "s0s1s2s3s4s5s6"
        );
        assert_eq!(
            names(
                store
                    .progress_by_status(Status::Pending, Some(UnixMillis(1_000)))
                    .await
                    .unwrap()
            ),
            ""
        );
        assert_eq!(
            names(
                store
                    .progress_by_status(Status::Completed, None)
                    .await
                    .unwrap()
            ),
            ""
        );
        assert_eq!(stamp(UnixMillis(1_000)), "1970-01-01T00:00:01.000Z");
    })
    .await;
}
