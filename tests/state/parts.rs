//! Parts of split units: leased like units, but only while they are there.

use std::collections::BTreeMap;

use sterna::model::{
    Counts, Epoch, InstanceId, ItemId, ItemRange, Pass, Split, Stage, Status, Unit, UnitId,
    UnitProgress, UnixMillis,
};
use sterna::state::{Grant, ProgressRow, Reopen, Store, TakeKind};

use crate::place::{everywhere, holder, one, run, two, unit};

/// A unit that was cut in three.
fn cut() -> UnitProgress {
    let mut progress = UnitProgress::pending(&unit("a", "giant", 30));
    progress.pass = Pass::first(UnixMillis(9));
    let ends = [Some("h"), Some("p"), None];
    progress.split = Some(Split {
        cut: Epoch(12),
        number: 3,
        stage: Stage::Open,
        parts: ends.map(|end| (end.map(ItemId::new), 10)).to_vec(),
        before: Counts::default(),
        reasons: BTreeMap::new(),
    });
    progress
}

async fn planned(store: &Store) -> Vec<ProgressRow> {
    let progress = cut();
    let split = progress.split.as_ref().unwrap();
    for number in 0..3 {
        let part = split.begin(&progress, number);
        store.plan_part(&part, &one()).await.unwrap();
    }
    store.parts(&progress.unit, split.cut).await.unwrap()
}

async fn ask(store: &Store, id: &UnitId, who: &InstanceId, name: &str, take: TakeKind) -> Grant {
    let unit = Unit::new(id.clone());
    store
        .lease(&unit, &holder(who.clone()), &run(name), &take, Reopen::No)
        .await
        .unwrap()
}

async fn leased(store: &Store, row: &ProgressRow, take: TakeKind) -> Grant {
    ask(store, &row.progress.unit, &one(), "r1", take).await
}

#[tokio::test]
async fn a_cut_is_kept_in_the_row_of_its_unit() {
    everywhere(|store| async move {
        let unit = unit("a", "giant", 30);
        let grant = ask(&store, &unit.id, &one(), "r1", TakeKind::Unheld).await;
        let Grant::Leased { mut lease, .. } = grant else {
            panic!("not leased")
        };
        store.save(&mut lease, &cut()).await.unwrap();
        let row = store.progress(&unit.id).await.unwrap().unwrap();
        assert_eq!(row.split, cut().split);
        let range = row.open_split().unwrap().range(1).unwrap();
        let wanted = ItemRange {
            after: Some(ItemId::new("h")),
            until: Some(ItemId::new("p")),
        };
        assert_eq!(range, wanted);
    })
    .await;
}

#[tokio::test]
async fn parts_are_planned_once_and_found_by_their_cut() {
    everywhere(|store| async move {
        let rows = planned(&store).await;
        let numbers: Vec<u32> = rows
            .iter()
            .map(|row| row.progress.unit.part.unwrap().number)
            .collect();
        assert_eq!(numbers, [0, 1, 2]);
        assert_eq!(rows[1].progress.counts, Counts::planned(10));
        assert_eq!(rows[1].progress.pass, Pass::first(UnixMillis(9)));
        let Grant::Leased { lease, progress } = leased(&store, &rows[1], TakeKind::Unheld).await
        else {
            panic!("not leased")
        };
        assert!(lease.epoch > Epoch(12));
        assert_eq!(
            planned(&store).await[1].lease,
            Some(lease.clone()),
            "left alone"
        );
        let unit = progress.unit.whole();
        assert!(store.parts(&unit, Epoch(1)).await.unwrap().is_empty());
        assert_eq!(store.open_parts(9).await.unwrap().len(), 3);
        // The row of the unit is another.
        assert!(store.progress(&unit).await.unwrap().is_none());
        assert!(store.open_units(9).await.unwrap().is_empty());
        let mut done = progress;
        done.status = Status::Completed;
        store.release(lease, &done).await.unwrap();
        assert!(matches!(
            leased(&store, &rows[1], TakeKind::Unheld).await,
            Grant::Ended { .. }
        ));
    })
    .await;
}

#[tokio::test]
async fn a_part_that_is_removed_is_lost_to_its_holder_and_taken_by_nobody() {
    everywhere(|store| async move {
        let rows = planned(&store).await;
        let Grant::Leased { mut lease, .. } = leased(&store, &rows[0], TakeKind::Unheld).await
        else {
            panic!("not leased")
        };
        store.remove_part(&lease.unit).await.unwrap();
        let lost = store.renew(&mut lease).await.unwrap_err();
        assert!(lost.is_lost_lease(), "{lost}");
        assert_eq!(
            leased(&store, &rows[0], TakeKind::Unheld).await,
            Grant::Gone
        );
        assert_eq!(planned(&store).await.len(), 3);
    })
    .await;
}

#[tokio::test]
async fn a_run_does_not_take_a_part_from_itself() {
    everywhere(|store| async move {
        let rows = planned(&store).await;
        leased(&store, &rows[0], TakeKind::Unheld).await;
        let again = leased(&store, &rows[0], TakeKind::OwnStale(holder(one()))).await;
        assert!(matches!(again, Grant::Busy(held) if held.holder == holder(one())));
        let part = &rows[0].progress.unit;
        let next = ask(
            &store,
            part,
            &one(),
            "r2",
            TakeKind::OwnStale(holder(one())),
        )
        .await;
        assert!(matches!(next, Grant::Leased { .. }));
        let other = ask(
            &store,
            part,
            &two(),
            "r3",
            TakeKind::OwnStale(holder(two())),
        )
        .await;
        assert!(matches!(other, Grant::Busy(_)));
    })
    .await;
}
