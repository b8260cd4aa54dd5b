//! Failure rows: found by everything an operator asks for, to the last page.

use sterna::model::{
    Class, FailedItem, Failure, InstanceId, ItemId, Lease, Reason, StepName, Unit, UnitId,
    UnixMillis,
};
use sterna::state::{FailedQuery, Grant, LeaseHolder, Reopen, Store, TakeKind};

use crate::place::{customer, everywhere, holder, one, run, two, unit};

const START: u64 = 1_767_225_600_000;

fn failed(number: u64) -> FailedItem {
    let reason = if number.is_multiple_of(3) {
        Reason::new("CORRUPT_CAR")
    } else {
        Reason::TIMEOUT
    };
    let class = if number.is_multiple_of(3) {
        Class::Permanent
    } else {
        Class::Transient
    };
    let mut failure =
        Failure::new(class, reason, format!("message {number}")).from_dependency("carpark");
    if number.is_multiple_of(2) {
        failure = failure.at(StepName::new("index"));
    }
    FailedItem {
        unit: unit(
            if number < 20 { "a" } else { "b" },
            &format!("s{}", number % 4),
            0,
        )
        .id,
        item: ItemId::new(format!("item{number:03}")),
        failure,
        items: 1,
        attempts: 1,
        instance: if number < 10 { one() } else { two() },
        first_at: UnixMillis(START + number),
        last_at: UnixMillis(START + number),
    }
}

/// The lease of a unit, for instance 1 of a run, or for instance 2 over it.
async fn leased(store: &Store, unit: &UnitId, over: Option<&Lease>) -> Lease {
    let (by, take) = match over.cloned().map(LeaseHolder::from) {
        None => (holder(one()), TakeKind::OwnStale(holder(one()))),
        Some(LeaseHolder { epoch, beat, .. }) => (holder(two()), TakeKind::Expired { epoch, beat }),
    };
    let unit = Unit::new(unit.clone());
    let run = run(by.instance.as_str());
    let grant = store.lease(&unit, &by, &run, &take, Reopen::Yes).await;
    let Grant::Leased { lease, .. } = grant.unwrap() else {
        panic!("not leased")
    };
    lease
}

async fn put(store: &Store, failed: &FailedItem) {
    let lease = leased(store, &failed.unit, None).await;
    store.put_failed(&lease, failed).await.unwrap();
}

async fn count(store: &Store, query: FailedQuery) -> usize {
    let found = store.failed_items(&query).await.unwrap();
    assert!(found.iter().all(|failed| query.takes(failed)));
    found.len()
}

#[tokio::test]
async fn failures_are_found_by_everything_that_is_asked_for() {
    everywhere(|store| async move {
        for number in 0..30 {
            put(&store, &failed(number)).await;
        }
        let all = FailedQuery::default;
        let matching = |query: &FailedQuery| {
            (0..30)
                .filter(|number| query.takes(&failed(*number)))
                .count()
        };
        let queries = [
            all(),
            FailedQuery::unit(&failed(1).unit),
            FailedQuery {
                owner: Some(customer("a").to_string()),
                ..all()
            },
            FailedQuery {
                name: Some(failed(1).unit.name.to_string()),
                ..all()
            },
            FailedQuery {
                instance: Some(InstanceId::number(2)),
                ..all()
            },
            FailedQuery {
                reasons: vec![Reason::new("CORRUPT_CAR")],
                ..all()
            },
            FailedQuery {
                reasons: vec![Reason::new("CORRUPT_CAR"), Reason::TIMEOUT],
                ..all()
            },
            FailedQuery {
                reasons: vec![Reason::new("NO_SHARDS")],
                ..all()
            },
            FailedQuery {
                classes: vec![Class::Permanent],
                ..all()
            },
            FailedQuery {
                steps: vec![StepName::new("index")],
                ..all()
            },
            FailedQuery {
                since: Some(UnixMillis(START + 25)),
                ..all()
            },
            FailedQuery {
                since: Some(UnixMillis(START + 5)),
                instance: Some(one()),
                reasons: vec![Reason::TIMEOUT],
                ..all()
            },
        ];
        for query in queries {
            assert_eq!(
                count(&store, query.clone()).await,
                matching(&query),
                "{query:?}"
            );
        }
        let newest = FailedQuery {
            owner: Some(customer("b").to_string()),
            ..all()
        };
        let newest = store.failed_items(&newest).await.unwrap();
        assert!(newest.is_sorted_by(|left, right| left.last_at >= right.last_at));
    })
    .await;
}

#[tokio::test]
async fn a_failure_is_one_row_that_keeps_its_first_time_and_goes_when_the_item_is_good() {
    everywhere(|store| async move {
        let first = failed(4);
        let lease = leased(&store, &first.unit, None).await;
        store.put_failed(&lease, &first).await.unwrap();
        let failure = Failure::permanent(Reason::new("MISSING_BLOB"), "gone ".repeat(10_000));
        let second = FailedItem {
            failure,
            attempts: 2,
            last_at: UnixMillis(START + 900),
            first_at: UnixMillis(START + 900),
            ..first.clone()
        };
        store.put_failed(&lease, &second).await.unwrap();
        let read = store
            .failed_item(&first.unit, &first.item)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (read.attempts, read.first_at, read.last_at),
            (2, UnixMillis(START + 4), UnixMillis(START + 900))
        );
        assert_eq!(
            (
                read.failure.reason,
                read.failure.step,
                read.failure.dependency
            ),
            (Reason::new("MISSING_BLOB"), None, None)
        );
        assert!(read.failure.message.len() < 5_000);
        assert_eq!(count(&store, FailedQuery::default()).await, 1);
        assert_eq!(
            count(
                &store,
                FailedQuery {
                    reasons: vec![Reason::TIMEOUT],
                    ..FailedQuery::default()
                }
            )
            .await,
            0
        );
        store.remove_failed(&lease, &first.item).await.unwrap();
        store.remove_failed(&lease, &first.item).await.unwrap();
        assert_eq!(
            store.failed_item(&first.unit, &first.item).await.unwrap(),
            None
        );
    })
    .await;
}

#[tokio::test]
async fn a_list_over_many_pages_of_a_megabyte_is_whole() {
    everywhere(|store| async move {
        let batch: Vec<FailedItem> = (0..320)
            .map(|number| FailedItem {
                failure: Failure::permanent(Reason::new("CORRUPT_CAR"), "x".repeat(3_900)),
                item: ItemId::new(format!("item{number:05}")),
                last_at: UnixMillis(START + number),
                ..failed(0)
            })
            .collect();
        let lease = leased(&store, &failed(0).unit, None).await;
        for failed in &batch {
            store.put_failed(&lease, failed).await.unwrap();
        }
        let query = FailedQuery {
            reasons: vec![Reason::new("CORRUPT_CAR")],
            ..FailedQuery::default()
        };
        assert_eq!(count(&store, query).await, 320);
        assert_eq!(count(&store, FailedQuery::default()).await, 320);
        assert_eq!(count(&store, FailedQuery::unit(&failed(0).unit)).await, 320);
    })
    .await;
}

/// The late words of a holder that was taken over: a row that it would make again after it was removed, and a row that
/// it would remove after it was made.
#[tokio::test]
async fn what_a_stale_holder_sends_late_changes_no_row() {
    everywhere(|store| async move {
        let (first, second) = (failed(4), failed(8));
        let stale = leased(&store, &first.unit, None).await;
        store.put_failed(&stale, &first).await.unwrap();
        let holder = leased(&store, &first.unit, Some(&stale)).await;
        store.remove_failed(&holder, &first.item).await.unwrap();
        store.put_failed(&holder, &second).await.unwrap();
        for refused in [
            store.put_failed(&stale, &first).await,
            store.remove_failed(&stale, &second.item).await,
        ] {
            let error = refused.unwrap_err();
            assert!(error.is_lost_lease(), "{error}");
            assert!(error.to_string().contains("instance 2"), "{error}");
        }
        let rows = store.failed_items(&FailedQuery::default()).await.unwrap();
        assert_eq!(rows, std::slice::from_ref(&second));
        // Renewing a lease takes nothing from it.
        let mut renewed = holder.clone();
        store.renew(&mut renewed).await.unwrap();
        store.remove_failed(&holder, &second.item).await.unwrap();
        assert_eq!(count(&store, FailedQuery::default()).await, 0);
    })
    .await;
}
