//! Leases: one holder, fenced by an epoch.

use sterna::model::{Epoch, FolderId, Holder, Status};
use sterna::state::rows::{Condition, Key, Update};
use sterna::state::{Grant, Reopen, StateError, TakeKind};

use crate::place::{ask, everywhere, holder, leased, one, run, two, unit};

#[tokio::test]
async fn a_unit_has_one_holder_and_is_free_again_once_given_back() {
    everywhere(|store| async move {
        let unit = unit("a", "one", 3);
        let (lease, progress) = leased(&store, &unit, one(), "r1").await;
        assert_eq!(
            (lease.epoch, progress.counts.planned, progress.status),
            (Epoch(1), 3, Status::Pending)
        );
        let busy = ask(&store, &unit, (two(), "r2"), &TakeKind::Unheld, Reopen::No).await;
        assert!(
            matches!(&busy, Grant::Busy(held) if held.holder == holder(one()) && held.epoch == Epoch(1)),
            "{busy:?}"
        );
        store.release(lease.clone(), &progress).await.unwrap();
        store
            .release(lease, &progress)
            .await
            .expect("giving back twice is once");
        let (lease, _) = leased(&store, &unit, one(), "r3").await;
        assert_eq!(lease.epoch, Epoch(2));
    })
    .await;
}

#[tokio::test]
async fn a_late_writer_loses_whatever_it_writes() {
    everywhere(|store| async move {
        let unit = unit("a", "one", 3);
        let (mut old, mut progress) = leased(&store, &unit, one(), "r1").await;
        progress.status = Status::InProgress;
        store.save(&mut old, &progress).await.unwrap();
        store.renew(&mut old).await.unwrap();
        assert_eq!(old.beat, 2);
        let wrong = TakeKind::Expired {
            epoch: old.epoch,
            beat: 1,
        };
        let refused = ask(&store, &unit, (two(), "r2"), &wrong, Reopen::No).await;
        assert!(
            matches!(refused, Grant::Busy(held) if held.beat == 2),
            "it beat since"
        );
        let over = TakeKind::Expired {
            epoch: old.epoch,
            beat: 2,
        };
        let Grant::Leased { lease: new, .. } = ask(&store, &unit, (two(), "r2"), &over, Reopen::No).await
        else {
            panic!("not taken over")
        };
        progress.counts.planned = 99;
        for error in [
            store.save(&mut old, &progress).await.unwrap_err(),
            store.renew(&mut old).await.unwrap_err(),
            store.release(old.clone(), &progress).await.unwrap_err(),
        ] {
            assert!(error.is_lost_lease(), "{error}");
            assert!(
                matches!(error, StateError::LeaseLost { by: Some(held), .. } if held.holder == holder(two()))
            );
        }
        let row = store.progress_row(&unit.id).await.unwrap().unwrap();
        assert_eq!((row.lease, row.progress.counts.planned), (Some(new), 3));
    })
    .await;
}

#[tokio::test]
async fn a_write_that_was_given_up_and_arrives_late_covers_no_later_one() {
    everywhere(|store| async move {
        let unit = unit("a", "one", 9);
        let (mut lease, mut progress) = leased(&store, &unit, one(), "r1").await;
        progress.status = Status::InProgress;
        // The same write, on its way twice.
        let (mut late, earlier) = (lease.clone(), progress.clone());
        store.save(&mut lease, &progress).await.unwrap();
        store
            .save(&mut late.clone(), &earlier)
            .await
            .expect("a try whose answer was lost is tried again");
        progress.cursor = Some("b".into());
        store.save(&mut lease, &progress).await.unwrap();
        let error = store.save(&mut late, &earlier).await.unwrap_err();
        assert!(error.is_lost_lease(), "{error}");
        let row = store.progress_row(&unit.id).await.unwrap().unwrap();
        assert_eq!(row.progress.cursor, progress.cursor);
        assert_eq!(row.lease, Some(lease));
    })
    .await;
}

#[tokio::test]
async fn a_beat_is_shown_once_even_if_its_answer_was_lost() {
    everywhere(|store| async move {
        let unit = unit("a", "one", 3);
        let (mut lease, _) = leased(&store, &unit, one(), "r1").await;
        let stolen = lease.clone();
        // Refused by another epoch: nothing came of it, and the holder cannot tell.
        lease.epoch = Epoch(9);
        store.renew(&mut lease).await.unwrap_err();
        lease.epoch = stolen.epoch;
        store.renew(&mut lease).await.unwrap();
        assert_eq!(lease.beat, stolen.beat + 2);
        let row = store.progress_row(&unit.id).await.unwrap().unwrap();
        assert_eq!(row.lease, Some(lease));
    })
    .await;
}

#[tokio::test]
async fn an_earlier_process_of_the_same_instance_is_followed_at_once_if_told_so() {
    everywhere(|store| async move {
        let unit = unit("a", "one", 1);
        leased(&store, &unit, one(), "r1").await;
        let held = ask(&store, &unit, (one(), "r2"), &TakeKind::Unheld, Reopen::No).await;
        assert!(matches!(held, Grant::Busy(_)));
        let mine = TakeKind::OwnStale(holder(one()));
        let taken = ask(&store, &unit, (one(), "r2"), &mine, Reopen::No).await;
        assert!(matches!(taken, Grant::Leased { lease, .. } if lease.epoch == Epoch(2)));
        let other = ask(
            &store,
            &unit,
            (two(), "r3"),
            &TakeKind::OwnStale(holder(two())),
            Reopen::No,
        )
        .await;
        assert!(matches!(other, Grant::Busy(_)));
    })
    .await;
}

#[tokio::test]
async fn of_many_that_ask_at_once_one_gets_it() {
    everywhere(|store| async move {
        let unit = unit("a", "one", 1);
        let ask = |number: u32| {
            let (store, unit) = (store.clone(), unit.clone());
            async move {
                let run = run(&format!("r{number}"));
                store
                    .lease(&unit, &holder(one()), &run, &TakeKind::Unheld, Reopen::No)
                    .await
                    .unwrap()
            }
        };
        let grants = futures::future::join_all((0..16).map(ask)).await;
        let won = grants
            .iter()
            .filter(|grant| matches!(grant, Grant::Leased { .. }))
            .count();
        assert_eq!(won, 1);
    })
    .await;
}

#[tokio::test]
async fn an_ended_unit_is_opened_only_on_purpose() {
    everywhere(|store| async move {
        let unit = unit("a", "one", 1);
        let (mut lease, mut progress) = leased(&store, &unit, one(), "r1").await;
        progress.status = Status::Completed;
        progress.counts.done = 1;
        store.save(&mut lease, &progress).await.unwrap();
        store.release(lease, &progress).await.unwrap();
        let ended = ask(&store, &unit, (one(), "r2"), &TakeKind::Unheld, Reopen::No).await;
        for trace in progress.journals.values_mut() {
            trace.open = false;
        }
        let by = Some(holder(one()));
        assert_eq!(ended, Grant::Ended { progress, by });
        let opened = ask(&store, &unit, (one(), "r2"), &TakeKind::Unheld, Reopen::Yes).await;
        assert!(matches!(opened, Grant::Leased { .. }));
    })
    .await;
}

#[tokio::test]
async fn a_status_of_another_program_is_never_overwritten() {
    everywhere(|store| async move {
        let unit = unit("a", "one", 1);
        let (mut lease, progress) = leased(&store, &unit, one(), "r1").await;
        let rows = store.rows();
        let key = Key::two(("customer", &*unit.id.owner), ("space", &*unit.id.name));
        let table = store.config().namespace.tables.progress.clone();
        rows.update(
            &table,
            &key,
            Update::new().set("status", "archived"),
            Condition::Always,
        )
        .await
        .unwrap();
        let refused = store.save(&mut lease, &progress).await.unwrap_err();
        assert!(
            matches!(&refused, StateError::ForeignStatus { status, .. } if status == "archived"),
            "{refused}"
        );
        let refused = store
            .lease(
                &unit,
                &holder(two()),
                &run("r2"),
                &TakeKind::OwnStale(holder(one())),
                Reopen::Yes,
            )
            .await
            .unwrap_err();
        assert!(matches!(refused, StateError::ForeignStatus { .. }));
        let row = rows.get(&table, &key).await.unwrap().unwrap();
        assert_eq!(row.text("status"), Some("archived"));
    })
    .await;
}

#[tokio::test]
async fn the_same_number_elsewhere_is_another_holder() {
    everywhere(|store| async move {
        let unit = unit("a", "one", 3);
        let (mut live, progress) = leased(&store, &unit, one(), "live").await;
        let folder = FolderId::new("another");
        let twin = Holder::new(one(), folder);
        let older = Holder {
            folder: None,
            ..twin.clone()
        };
        for (other, name) in [(&twin, "twin"), (&older, "older")] {
            let (take, run) = (TakeKind::OwnStale(other.clone()), run(name));
            let grant = store.lease(&unit, other, &run, &take, Reopen::Yes);
            let grant = grant.await.unwrap();
            assert!(
                matches!(&grant, Grant::Busy(held) if held.holder == holder(one())),
                "{grant:?}"
            );
        }
        store.renew(&mut live).await.unwrap();
        // It waits for the lease to run out, as anybody does, and is told apart then, too.
        let over = TakeKind::Expired {
            epoch: live.epoch,
            beat: live.beat,
        };
        let late = run("twin");
        let grant = store.lease(&unit, &twin, &late, &over, Reopen::No);
        assert!(matches!(grant.await.unwrap(), Grant::Leased { .. }));
        let lost = store.save(&mut live, &progress).await.unwrap_err();
        assert!(
            matches!(&lost, StateError::LeaseLost { by: Some(held), .. } if held.holder == twin),
            "{lost}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_lease_without_a_folder_is_adopted_by_nobody() {
    everywhere(|store| async move {
        let unit = unit("a", "one", 3);
        // As an older version wrote it.
        leased(&store, &unit, one(), "older").await;
        let key = Key::two(("customer", &*unit.id.owner), ("space", &*unit.id.name));
        let update = Update::new().remove("leaseFolder");
        let table = &store.config().namespace.tables.progress;
        let written = store.rows().update(table, &key, update, Condition::Always);
        written.await.unwrap();
        let mine = TakeKind::OwnStale(holder(one()));
        let ask = |take: TakeKind| {
            let (store, unit) = (store.clone(), unit.clone());
            async move {
                let (holder, run) = (holder(one()), run("r2"));
                let grant = store.lease(&unit, &holder, &run, &take, Reopen::No);
                grant.await.unwrap()
            }
        };
        let Grant::Busy(held) = ask(mine).await else {
            panic!("it was adopted")
        };
        assert_eq!(
            (&held.holder.instance, &held.holder.folder),
            (&one(), &None)
        );
        let over = TakeKind::Expired {
            epoch: held.epoch,
            beat: held.beat,
        };
        assert!(matches!(ask(over).await, Grant::Leased { .. }));
        let row = store.progress_row(&unit.id).await.unwrap().unwrap();
        assert_eq!(row.lease.unwrap().holder, holder(one()));
    })
    .await;
}
