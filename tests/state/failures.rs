//! Failure rows: found by everything an operator asks for, to the last page.

use sterna::model::{Class, FailedItem, Failure, InstanceId, ItemId, Reason, StepName};
use sterna::state::{FailedQuery, Store};

use crate::place::{customer, everywhere, one, two, unit};

const START: u64 = 1_767_225_600_000;

fn failed(number: u64) -> FailedItem {
    let reason = if number.is_multiple_of(3) {
        Reason::CorruptCar
    } else {
        Reason::Timeout
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
        attempts: 1,
        instance: if number < 10 { one() } else { two() },
        first_at: START + number,
        last_at: START + number,
    }
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
            store.put_failed(&failed(number)).await.unwrap();
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
                reasons: vec![Reason::CorruptCar],
                ..all()
            },
            FailedQuery {
                reasons: vec![Reason::CorruptCar, Reason::Timeout],
                ..all()
            },
            FailedQuery {
                reasons: vec![Reason::NoShards],
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
                since: Some(START + 25),
                ..all()
            },
            FailedQuery {
                since: Some(START + 5),
                instance: Some(one()),
                reasons: vec![Reason::Timeout],
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
        store.put_failed(&first).await.unwrap();
        let failure = Failure::permanent(Reason::MissingBlob, "gone ".repeat(10_000));
        let second = FailedItem {
            failure,
            attempts: 2,
            last_at: START + 900,
            first_at: START + 900,
            ..first.clone()
        };
        store.put_failed(&second).await.unwrap();
        let read = store
            .failed_item(&first.unit, &first.item)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (read.attempts, read.first_at, read.last_at),
            (2, START + 4, START + 900)
        );
        assert_eq!(
            (
                read.failure.reason,
                read.failure.step,
                read.failure.dependency
            ),
            (Reason::MissingBlob, None, None)
        );
        assert!(read.failure.message.len() < 5_000);
        assert_eq!(count(&store, FailedQuery::default()).await, 1);
        assert_eq!(
            count(
                &store,
                FailedQuery {
                    reasons: vec![Reason::Timeout],
                    ..FailedQuery::default()
                }
            )
            .await,
            0
        );
        store.remove_failed(&first.unit, &first.item).await.unwrap();
        store.remove_failed(&first.unit, &first.item).await.unwrap();
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
                failure: Failure::permanent(Reason::CorruptCar, "x".repeat(3_900)),
                item: ItemId::new(format!("item{number:05}")),
                last_at: START + number,
                ..failed(0)
            })
            .collect();
        for chunk in batch.chunks(50) {
            futures::future::try_join_all(chunk.iter().map(|failed| store.put_failed(failed)))
                .await
                .unwrap();
        }
        let query = FailedQuery {
            reasons: vec![Reason::CorruptCar],
            ..FailedQuery::default()
        };
        assert_eq!(count(&store, query).await, 320);
        assert_eq!(count(&store, FailedQuery::default()).await, 320);
        assert_eq!(count(&store, FailedQuery::unit(&failed(0).unit)).await, 320);
    })
    .await;
}
