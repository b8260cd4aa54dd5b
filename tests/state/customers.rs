//! Customer rows: given out without reset, summed up without covering a newer sum.

use sterna::model::{Settled, Status};
use sterna::state::{Assignment, Grant, Placed, Reopen, Take};

use crate::place::{customer, everywhere, one, run, two, unit};

fn assignment(uploads: u64) -> Assignment {
    Assignment {
        customer: customer("a"),
        instance: one(),
        spaces: 2,
        uploads,
        filter: None,
    }
}

#[tokio::test]
async fn giving_out_again_refreshes_what_nobody_began_and_keeps_the_rest() {
    everywhere(|store| async move {
        assert_eq!(store.assign(&assignment(5)).await.unwrap(), Placed::Made);
        assert_eq!(
            store.assign(&assignment(6)).await.unwrap(),
            Placed::Refreshed
        );
        let unit = unit("a", "one", 6);
        let Grant::Leased {
            mut lease,
            mut progress,
        } = store
            .lease(&unit, &one(), &run("r"), &Take::Free, Reopen::No)
            .await
            .unwrap()
        else {
            panic!("not leased")
        };
        progress.status = Status::InProgress;
        progress.count(Settled::Migrated, None);
        store.save(&mut lease, &progress).await.unwrap();
        store.refresh_owner(&unit.id.owner).await.unwrap();
        let moved = Assignment {
            instance: two(),
            ..assignment(7)
        };
        assert_eq!(
            store.assign(&moved).await.unwrap(),
            Placed::Kept("in-progress".to_owned())
        );
        let row = store.customer(&customer("a")).await.unwrap().unwrap();
        assert_eq!(
            (
                row.status.as_str(),
                row.instance,
                row.total_uploads,
                row.completed_uploads
            ),
            ("in-progress", Some(one()), 6, 1)
        );
        assert_eq!(
            store
                .customers_by_status(Status::InProgress)
                .await
                .unwrap()
                .len(),
            1
        );
        assert_eq!(store.customers_of(Some(&two())).await.unwrap(), vec![]);
    })
    .await;
}

#[tokio::test]
async fn the_last_of_several_spaces_completes_the_customer_whoever_sums_up() {
    everywhere(|store| async move {
        let units: Vec<_> = (0..8)
            .map(|number| unit("a", &format!("s{number}"), 1))
            .collect();
        for unit in &units {
            store.plan_unit(unit, &one()).await.unwrap();
        }
        let work = |unit: sterna::model::Unit| {
            let store = store.clone();
            async move {
                let run = run(&unit.id.name);
                let Grant::Leased {
                    lease,
                    mut progress,
                } = store
                    .lease(&unit, &one(), &run, &Take::Free, Reopen::No)
                    .await
                    .unwrap()
                else {
                    panic!("not leased")
                };
                progress.status = Status::Completed;
                progress.count(Settled::Migrated, None);
                store.release(lease, &progress).await.unwrap();
                while let Err(error) = store.refresh_owner(&unit.id.owner).await {
                    assert!(error.is_transient(), "{error}");
                }
            }
        };
        futures::future::join_all(units.iter().cloned().map(work)).await;
        let row = store.customer(&customer("a")).await.unwrap().unwrap();
        assert_eq!(
            (
                row.status.as_str(),
                row.completed_spaces,
                row.completed_uploads
            ),
            ("completed", 8, 8)
        );
    })
    .await;
}
