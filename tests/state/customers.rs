//! Customer rows: given out without reset, summed up without covering a newer sum.

use sterna::migrations::uploads::{
    Assignment, CustomerTables, MigrationSpace, Placed, SpaceStatus,
};
use sterna::model::{PlanId, Settled, Status};
use sterna::state::rows::{Batched, Key, Row};
use sterna::state::{Grant, Reopen, Store, TakeKind};

use crate::place::{customer, everywhere, holder, leased, one, run, space, two, unit};

fn assignment(uploads: u64) -> Assignment {
    Assignment {
        customer: customer("a"),
        plan: PlanId::new("p"),
        instance: one(),
        instances: vec![one()],
        spaces: 2,
        uploads,
        filter: None,
    }
}

#[tokio::test]
async fn giving_out_again_refreshes_what_nobody_began_and_keeps_the_rest() {
    everywhere(|store| async move {
        assert_eq!(
            CustomerTables::of(&store)
                .assign(&assignment(5))
                .await
                .unwrap(),
            Placed::Made
        );
        assert_eq!(
            CustomerTables::of(&store)
                .assign(&assignment(6))
                .await
                .unwrap(),
            Placed::Refreshed
        );
        let unit = unit("a", "one", 6);
        let (mut lease, mut progress) = leased(&store, &unit, one(), "r").await;
        progress.status = Status::InProgress;
        progress.count(Settled::Migrated, None);
        store.save(&mut lease, &progress).await.unwrap();
        CustomerTables::of(&store)
            .refresh(&unit.id.owner)
            .await
            .unwrap();
        let moved = Assignment {
            plan: PlanId::new("q"),
            instance: two(),
            instances: vec![one(), two()],
            ..assignment(7)
        };
        assert_eq!(
            CustomerTables::of(&store).assign(&moved).await.unwrap(),
            Placed::Kept("in-progress".to_owned())
        );
        let row = CustomerTables::of(&store)
            .customer(&customer("a"))
            .await
            .unwrap()
            .unwrap();
        // Only whose it is by the plan has changed.
        assert_eq!(row.plan, Some((PlanId::new("q"), vec![one(), two()])));
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
            CustomerTables::of(&store)
                .customers_by_status(Status::InProgress)
                .await
                .unwrap()
                .len(),
            1
        );
        assert_eq!(
            CustomerTables::of(&store)
                .customers_of(Some(&two()))
                .await
                .unwrap(),
            vec![]
        );
    })
    .await;
}

/// A migration space that the existing tool took for one of the customer's spaces keeps no customer open, and a customer
/// is completed once.
#[tokio::test]
async fn a_customer_is_completed_once_and_its_migration_space_counts_for_nothing() {
    everywhere(|store| async move {
        let (customer, unit) = (customer("a"), unit("a", "one", 0));
        let own = MigrationSpace {
            customer: customer.clone(),
            space: space("own"),
            name: String::new(),
            sealed_key: None,
            status: SpaceStatus::Active,
            delegated: false,
            ours: true,
        };
        CustomerTables::of(&store)
            .create_migration_space(&own)
            .await
            .unwrap();
        let table = &store.config().namespace.tables.progress;
        let key = Key::two(
            ("customer", customer.as_str()),
            ("space", own.space.as_str()),
        );
        let row = Row::new().with("status", "in-progress");
        let rows = vec![Batched::Put(key, row)];
        store.rows().write_all(table, rows).await.unwrap();
        let (lease, mut progress) = leased(&store, &unit, one(), "r").await;
        progress.status = Status::Completed;
        store.release(lease, &progress).await.unwrap();
        let key = Key::one("customer", customer.as_str());
        let table = &store.config().namespace.own_table("customers").unwrap();
        CustomerTables::of(&store)
            .note_spaces(&customer, 1)
            .await
            .unwrap();
        let mut completed_at = Vec::new();
        for _ in 0..2 {
            CustomerTables::of(&store)
                .refresh(customer.as_str())
                .await
                .unwrap();
            let row = store.rows().get(table, &key).await.unwrap().unwrap();
            assert_eq!(row.text("status"), Some("completed"));
            assert_eq!(row.number("totalSpaces"), Some(1));
            completed_at.push(row.text("completedAt").unwrap().to_owned());
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        assert_eq!(completed_at[0], completed_at[1]);
    })
    .await;
}

#[tokio::test]
async fn the_last_of_several_spaces_completes_the_customer_whoever_sums_up() {
    everywhere(|store| async move {
        let units: Vec<_> = (0..30)
            .map(|number| unit("a", &format!("s{number}"), 1))
            .collect();
        for unit in &units {
            store.plan_unit(unit, &one()).await.unwrap();
        }
        CustomerTables::of(&store)
            .note_spaces(&customer("a"), 30)
            .await
            .unwrap();
        let work = |unit: sterna::model::Unit| {
            let store = store.clone();
            async move {
                let run = run(&unit.id.name);
                let Grant::Leased {
                    lease,
                    mut progress,
                } = store
                    .lease(&unit, &holder(one()), &run, &TakeKind::Unheld, Reopen::No)
                    .await
                    .unwrap()
                else {
                    panic!("not leased")
                };
                progress.status = Status::Completed;
                progress.count(Settled::Migrated, None);
                store.release(lease, &progress).await.unwrap();
                CustomerTables::of(&store)
                    .refresh(&unit.id.owner)
                    .await
                    .unwrap();
            }
        };
        futures::future::join_all(units.iter().cloned().map(work)).await;
        let row = CustomerTables::of(&store)
            .customer(&customer("a"))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (
                row.status.as_str(),
                row.completed_spaces,
                row.completed_uploads
            ),
            ("completed", 30, 30)
        );
    })
    .await;
}

async fn end(store: &Store, name: &str, status: Status) {
    let unit = unit("a", name, 0);
    let (one, run) = (holder(one()), run(name));
    let lease = store.lease(&unit, &one, &run, &TakeKind::Unheld, Reopen::No);
    let Grant::Leased {
        lease,
        mut progress,
    } = lease.await.unwrap()
    else {
        panic!("not leased")
    };
    progress.status = status;
    store.release(lease, &progress).await.unwrap();
    CustomerTables::of(store)
        .refresh(&unit.id.owner)
        .await
        .unwrap();
}

/// Rows of spaces come as they are worked on: without a plan, all rows are not all spaces.
#[tokio::test]
async fn a_customer_has_not_ended_before_as_many_spaces_as_are_known_have() {
    everywhere(|store| async move {
        let shown = async || {
            let row = CustomerTables::of(&store)
                .customer(&customer("a"))
                .await
                .unwrap()
                .unwrap();
            (row.status, row.completed_spaces, row.total_spaces)
        };
        // Nobody has said how many there are.
        end(&store, "one", Status::Completed).await;
        assert_eq!(shown().await, ("in-progress".to_owned(), 1, 1));
        CustomerTables::of(&store)
            .note_spaces(&customer("a"), 3)
            .await
            .unwrap();
        end(&store, "two", Status::Completed).await;
        assert_eq!(shown().await, ("in-progress".to_owned(), 2, 3));
        // A listing that saw less takes nothing back.
        CustomerTables::of(&store)
            .note_spaces(&customer("a"), 2)
            .await
            .unwrap();
        CustomerTables::of(&store)
            .refresh(customer("a").as_str())
            .await
            .unwrap();
        assert_eq!(shown().await, ("in-progress".to_owned(), 2, 3));
        end(&store, "three", Status::Failed).await;
        assert_eq!(shown().await, ("failed".to_owned(), 2, 3));
    })
    .await;
}

/// What the existing tool had counted holds as long as nobody knows better.
#[tokio::test]
async fn the_existing_tools_number_of_spaces_is_known() {
    everywhere(|store| async move {
        let key = Key::one("customer", customer("a").as_str());
        let table = &store.config().namespace.own_table("customers").unwrap();
        let row = Row::new()
            .with("status", "in-progress")
            .with("totalSpaces", 2_u64);
        let put = vec![Batched::Put(key, row)];
        store.rows().write_all(table, put).await.unwrap();
        for (name, status) in [("one", "in-progress"), ("two", "completed")] {
            end(&store, name, Status::Completed).await;
            let row = CustomerTables::of(&store)
                .customer(&customer("a"))
                .await
                .unwrap()
                .unwrap();
            assert_eq!((row.status.as_str(), row.total_spaces), (status, 2));
        }
    })
    .await;
}
