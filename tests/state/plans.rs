//! Plans in force and before, and what the tables say of themselves.

use sterna::model::{PlanId, PlanSummary, ShareSize, UnixMillis};
use sterna::state::rows::{Batched, Condition, Key, Row, Update, Value};
use sterna::state::{Grant, Reopen, StateError, Store, TakeKind};

use crate::place::{everywhere, holder, one, run, two, unit};

fn plan(name: &str, made_at: u64) -> PlanSummary {
    PlanSummary {
        id: PlanId::new(name),
        made_at: UnixMillis(made_at),
        made_by: "ann@host".to_owned(),
        shaped_by: "--instances 2".to_owned(),
        owners: 3,
        units: 4,
        items: 5,
        shares: vec![ShareSize::default(); 2],
    }
}

#[tokio::test]
async fn one_plan_is_in_force_and_those_before_it_are_remembered() {
    everywhere(|store| async move {
        assert_eq!(store.current_plan().await.unwrap(), None);
        let (a, b, c) = (plan("a", 1_000), plan("b", 2_000), plan("a", 3_000));
        assert_eq!(store.put_plan_in_force(&a, None).await.unwrap(), None);
        // Once more, its answer was lost.
        assert_eq!(store.put_plan_in_force(&a, None).await.unwrap(), None);
        assert_eq!(store.put_plan_in_force(&b, Some(&a)).await.unwrap(), None);
        // Somebody who saw the first one is late.
        let late = store.put_plan_in_force(&plan("z", 9), Some(&a)).await;
        assert_eq!(late.unwrap(), Some(b.clone()));
        let late = store.put_plan_in_force(&plan("z", 9), None).await;
        assert_eq!(late.unwrap(), Some(b.clone()));
        assert_eq!(store.current_plan().await.unwrap(), Some(b.clone()));
        assert_eq!(store.put_plan_in_force(&c, Some(&b)).await.unwrap(), None);
        let all = store.plans().await.unwrap();
        assert_eq!(all, [a, b.clone(), c.clone()]);
        assert_eq!(store.plan(&c.id).await.unwrap(), Some(c));
        assert_eq!(store.plan(&b.id).await.unwrap(), Some(b));
        assert_eq!(store.plan(&PlanId::new("z")).await.unwrap(), None);
        // Commands lie in the same table and are left alone.
        assert!(store.controls().await.unwrap().is_empty());
        assert!(store.control_log().await.unwrap().is_empty());
    })
    .await;
}

fn refused(result: Result<(), StateError>) -> String {
    let error = result.unwrap_err();
    assert!(matches!(error, StateError::Other { .. }) && error.is_mismatch());
    error.to_string()
}

async fn overwrite(store: &Store, format: Value) {
    let key = Key::two(("scope", "state"), ("entry", "format"));
    let put = vec![Batched::Put(key, Row::new().with("format", format))];
    let table = &store.config().namespace.tables.control;
    store.rows().write_all(table, put).await.unwrap();
}

#[tokio::test]
async fn rows_of_another_version_or_environment_are_refused() {
    everywhere(|store| async move {
        // Tables of the existing tool say nothing.
        store.check_format("staging").await.unwrap();
        store.mark_format("staging").await.unwrap();
        store.mark_format("staging").await.unwrap();
        store.check_format("staging").await.unwrap();
        for other in [
            store.check_format("production").await.map(drop),
            store.mark_format("production").await.map(drop),
        ] {
            let told = refused(other);
            assert!(
                told.contains("of staging") && told.contains("of production"),
                "{told}"
            );
        }
        for version in [0_u64, 2] {
            let format = serde_json::json!({
                "version": version, "environment": "staging", "program": "9.9.9",
            });
            overwrite(&store, Value::from(format)).await;
            let told = refused(store.check_format("staging").await.map(drop));
            assert!(told.contains(&format!("version {version}")), "{told}");
            assert!(
                told.contains("9.9.9") && told.contains("version 1"),
                "{told}"
            );
            refused(store.mark_format("staging").await.map(drop));
        }
        overwrite(&store, Value::from("something else")).await;
        assert!(refused(store.check_format("staging").await.map(drop)).contains("does not know"));
    })
    .await;
}

/// Tables have an id from `init` on: one, whoever gives it, and none of others.
#[tokio::test]
async fn tables_get_one_id_and_keep_it() {
    everywhere(|store| async move {
        assert_eq!(store.identity("staging").await.unwrap(), None);
        let (one, other) = tokio::join!(store.mark_format("staging"), store.mark_format("staging"));
        let (one, other) = (one.unwrap(), other.unwrap());
        assert_eq!(one, other, "two at the same time agree");
        assert!(one.id.as_ref().is_some_and(|id| id.len() == 36), "{one}");
        let tables = &store.config().namespace.tables;
        assert_eq!(
            (one.environment.as_str(), &one.tables),
            ("staging", &tables.progress)
        );
        assert_eq!(store.mark_format("staging").await.unwrap(), one);
        assert_eq!(store.identity("staging").await.unwrap(), Some(one.clone()));

        // Tables that an earlier version made get one, too, and nothing else of the row changes.
        let format = serde_json::json!({
            "version": 1, "environment": "staging", "program": "0.0.1",
        });
        overwrite(&store, Value::from(format.clone())).await;
        assert_eq!(store.identity("staging").await.unwrap(), None);
        let marked = store.mark_format("staging").await.unwrap();
        assert_ne!(marked.id, one.id);
        let key = Key::two(("scope", "state"), ("entry", "format"));
        let row = store
            .rows()
            .get(&tables.control, &key)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(row.get("format"), Some(&Value::from(format)));
    })
    .await;
}

/// Settings that name tables of two sets: the row says which go together.
#[tokio::test]
async fn tables_of_two_sets_are_not_mixed() {
    everywhere(|store| async move {
        store.mark_format("staging").await.unwrap();
        let key = Key::two(("scope", "state"), ("entry", "format"));
        let table = store.config().namespace.tables.control.clone();
        let update = Update::new().set(
            "tables",
            Value::from(serde_json::json!({ "progress": "other-progress", "later": "x" })),
        );
        let updated = store.rows().update(&table, &key, update, Condition::Always);
        updated.await.unwrap();
        let told = refused(store.check_format("staging").await.map(drop));
        assert!(
            told.contains("other-progress")
                && told.contains(&store.config().namespace.tables.progress),
            "{told}"
        );
        refused(store.mark_format("staging").await.map(drop));
    })
    .await;
}

/// A unit is given to another instance: whoever holds it, and whatever its status is, that stays.
#[tokio::test]
async fn a_unit_goes_from_share_to_share_and_keeps_all_else() {
    everywhere(|store| async move {
        let unit = unit("a", "one", 3);
        assert!(store.plan_unit(&unit, &one()).await.unwrap());
        store.assign_unit(&unit, &two()).await.unwrap();
        let row = store.progress_row(&unit.id).await.unwrap().unwrap();
        assert_eq!((row.instance, row.assigned), (Some(two()), Some(two())));
        let (two, run) = (holder(two()), run("r"));
        let lease = store.lease(&unit, &two, &run, &TakeKind::Unheld, Reopen::No);
        let Grant::Leased { .. } = lease.await.unwrap() else {
            panic!("not leased")
        };
        let before = store.progress_row(&unit.id).await.unwrap().unwrap();
        store.assign_unit(&unit, &one()).await.unwrap();
        let mut after = store.progress_row(&unit.id).await.unwrap().unwrap();
        assert_eq!(after.assigned, Some(one()));
        after.assigned.clone_from(&before.assigned);
        assert_eq!(after, before);
    })
    .await;
}

/// A row that this program cannot read is told as one of another version, and not taken for one that is absent.
#[tokio::test]
async fn a_plan_of_another_shape_is_refused() {
    everywhere(|store| async move {
        store.put_plan_in_force(&plan("a", 1), None).await.unwrap();
        let key = Key::two(("scope", "plan"), ("entry", "current"));
        let update = Update::new().set("plan", "something else");
        let table = &store.config().namespace.tables.control;
        let changed = store.rows().update(table, &key, update, Condition::Always);
        changed.await.unwrap();
        assert!(store.current_plan().await.unwrap_err().is_mismatch());
        assert!(store.plans().await.unwrap_err().is_mismatch());
    })
    .await;
}
