//! The sum of all progress rows: whole, fenced, and made by one at a time.

use std::time::Duration;

use sterna::model::{Counts, Settled, Status, UnixMillis};
use sterna::runtime::Clock;
use sterna::state::{Grant, Reopen, Store, TakeKind};

use crate::place::{everywhere, holder, one, run, two, unit};

/// 2026-01-01.
const NOW: u64 = 1_767_225_600_000;
const MINUTE: Duration = Duration::from_mins(1);

fn later(store: &Store, seconds: u64) -> Store {
    store
        .clone()
        .with_clock(Clock::set_to(UnixMillis(NOW + seconds * 1_000)))
}

/// Plans a unit of ten items and settles some of it; a status that has ended ends it.
async fn begin(store: &Store, owner: &str, name: &str, done: u64, status: Status) {
    let unit = unit(owner, name, 10);
    store.plan_unit(&unit, &one()).await.unwrap();
    if status == Status::Pending {
        return;
    }
    let (holder, run) = (holder(two()), run("r"));
    let granted = store.lease(&unit, &holder, &run, &TakeKind::Unheld, Reopen::No);
    let Grant::Leased {
        mut lease,
        mut progress,
    } = granted.await.unwrap()
    else {
        panic!("not leased")
    };
    progress.status = Status::InProgress;
    for _ in 0..done {
        progress.count(Settled::Migrated, None);
    }
    progress.status = status;
    store.save(&mut lease, &progress).await.unwrap();
}

#[tokio::test]
async fn every_row_is_in_the_sum_whatever_the_order_of_the_table() {
    everywhere(|store| async move {
        // Owners whose rows were made in turns: a table gives them out together all the same.
        for name in ["x", "y", "z"] {
            begin(&store, "ended", name, 10, Status::Completed).await;
            begin(&store, "open", name, 3, Status::InProgress).await;
            begin(&store, "new", name, 0, Status::Pending).await;
        }
        let mut heard = Vec::new();
        let totals = store.sum_progress(None, |units| heard.push(units)).await;
        let totals = totals.unwrap().unwrap();
        let counts = Counts {
            done: 39,
            ..Counts::planned(90)
        };
        assert_eq!(totals.counts, counts);
        let units = totals.units;
        assert_eq!(
            (units.completed, units.in_progress, units.pending),
            (3, 3, 3)
        );
        let owners = totals.owners;
        assert_eq!(
            (owners.completed, owners.in_progress, owners.pending),
            (1, 1, 1)
        );
        assert_eq!(totals.instances.len(), 1, "by plan, whoever holds them");
        assert_eq!(totals.instances[&one()].units.all(), 9);
        assert_eq!(heard.last(), Some(&9));
        let within = store.sum_progress(Some(0), |_| {}).await.unwrap();
        assert_eq!(within, None, "a part is not taken for all");
    })
    .await;
}

#[tokio::test]
async fn one_sums_at_a_time_and_a_late_sum_is_not_written() {
    everywhere(|store| async move {
        let store = later(&store, 0);
        begin(&store, "a", "x", 3, Status::InProgress).await;
        let slow = store
            .take_turn_to_sum(&one(), MINUTE)
            .await
            .unwrap()
            .unwrap();
        let old = store.sum_progress(None, |_| {}).await.unwrap().unwrap();
        assert_eq!(store.take_turn_to_sum(&two(), MINUTE).await.unwrap(), None);
        assert_eq!(store.stored_totals().await.unwrap(), None);
        // Whoever took the turn is dead after five minutes.
        begin(&store, "a", "y", 4, Status::InProgress).await;
        let later_on = later(&store, 301);
        let fresh = later_on
            .refresh_totals(&two(), MINUTE)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(fresh.totals.counts.done, 7);
        assert!(!later_on.store_totals(&slow, &old).await.unwrap());
        let stored = later_on.stored_totals().await.unwrap().unwrap();
        assert_eq!((stored.by, stored.taken_at), (two(), fresh.taken_at));
        assert_eq!(stored.totals, fresh.totals);
        // Fresh enough for a minute, then anybody's again; one's own open turn is no hindrance.
        assert_eq!(
            later(&store, 330)
                .refresh_totals(&one(), MINUTE)
                .await
                .unwrap(),
            None
        );
        let aged = later(&store, 400);
        assert!(
            aged.take_turn_to_sum(&one(), MINUTE)
                .await
                .unwrap()
                .is_some()
        );
        assert!(
            aged.take_turn_to_sum(&one(), MINUTE)
                .await
                .unwrap()
                .is_some()
        );
        // What holds for the fleet is not mixed up with it.
        assert!(aged.controls().await.unwrap().is_empty());
        assert!(aged.control_log().await.unwrap().is_empty());
    })
    .await;
}
