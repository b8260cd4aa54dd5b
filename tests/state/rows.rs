//! The contract of a store of rows: every store answers every question in the same way.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use sterna::state::rows::{
    Batched, Bound, Condition, Key, Row, Rows, Select, Update, Value, Written, all,
};

use crate::place::{everywhere, stores};

fn key(space: &str, item: &str) -> Key {
    Key::two(("space", space), ("item", item))
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        (-3_i64..3).prop_map(Value::N),
        "[ab]{1,2}".prop_map(Value::S),
        any::<bool>().prop_map(Value::Bool),
        Just(Value::Null),
    ]
}

fn condition() -> impl Strategy<Value = Condition> {
    let name = prop::sample::select(vec!["a", "b", "c"]);
    let leaf = prop_oneof![
        Just(Condition::Always),
        name.clone().prop_map(Condition::Absent),
        name.clone().prop_map(Condition::Present),
        (name.clone(), value()).prop_map(|(name, value)| Condition::Equals(name, value)),
        (name.clone(), (-3_i64..3))
            .prop_map(|(name, number)| Condition::Below(name, Value::N(number))),
        (name, "[ab]{1,2}").prop_map(|(name, text)| Condition::Below(name, Value::S(text))),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..3).prop_map(Condition::All),
            prop::collection::vec(inner, 1..3).prop_map(Condition::Any),
        ]
    })
}

#[derive(Debug, Clone)]
enum Act {
    Put(String, Row, Condition),
    Update(String, Update, Condition),
    Delete(String, Condition),
}

fn row() -> impl Strategy<Value = Row> {
    prop::collection::btree_map("[abc]", value(), 0..3).prop_map(Row)
}

fn update() -> impl Strategy<Value = Update> {
    (value(), value(), 0..6_u8).prop_map(|(one, two, shape)| match shape {
        0 => Update::new().set("a", one).set_absent("b", two),
        1 => Update::new().set_absent("a", one).remove("c"),
        2 => Update::new().set("c", one).remove("a").remove("b"),
        3 => Update::new().set("b", two),
        4 => Update::new(),
        _ => Update::new().remove("b"),
    })
}

fn act() -> impl Strategy<Value = Act> {
    let item = "[xy]";
    prop_oneof![
        (item, row(), condition())
            .prop_map(|(item, row, condition)| Act::Put(item, row, condition)),
        (item, update(), condition())
            .prop_map(|(item, update, condition)| Act::Update(item, update, condition)),
        (item, condition()).prop_map(|(item, condition)| Act::Delete(item, condition)),
    ]
}

async fn perform(rows: &dyn Rows, table: &str, space: &str, act: Act) -> Written {
    match act {
        Act::Put(item, row, condition) => rows
            .put(table, &key(space, &item), row, condition)
            .await
            .unwrap(),
        Act::Update(item, update, condition) => rows
            .update(table, &key(space, &item), update, condition)
            .await
            .unwrap(),
        Act::Delete(item, condition) => rows
            .delete(table, &key(space, &item), condition)
            .await
            .unwrap(),
    }
}

/// Whatever is done, memory says the same as every engine, at each step and at the end.
#[tokio::test]
async fn every_store_answers_like_the_one_in_memory() {
    let stores = stores().await;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for case in 0..60 {
        let acts = prop::collection::vec(act(), 1..8)
            .new_tree(&mut runner)
            .unwrap()
            .current();
        let space = format!("space{case}");
        let mut told: Option<(Vec<Written>, Vec<Row>)> = None;
        for (name, store) in &stores.all {
            let (rows, table) = (store.rows(), &store.config().namespace.tables.failures);
            let mut answers = Vec::new();
            for act in acts.clone() {
                answers.push(perform(rows, table, &space, act).await);
            }
            let select = Select {
                partition: Some(("space", space.clone())),
                ..Select::default()
            };
            let left = all(rows, table, &select).await.unwrap();
            let mine = (answers, left);
            assert_eq!(
                told.get_or_insert_with(|| mine.clone()),
                &mine,
                "{name}: {acts:#?}"
            );
        }
    }
}

#[tokio::test]
async fn lists_are_whole_in_order_and_bounded() {
    everywhere(|store| async move {
        let (rows, table) = (store.rows(), &store.config().namespace.tables.failures);
        let batch: Vec<Batched> = (0..83)
            .map(|number| {
                let row = Row::new()
                    .with("reason", "R")
                    .with("updatedAt", format!("{:02}", number % 50))
                    .with("n", number as u64);
                Batched::Put(key("s", &format!("i{number:02}")), row)
            })
            .collect();
        // The last line for a key counts.
        let doubled = std::iter::once(Batched::Put(key("s", "i00"), Row::new()))
            .chain(batch)
            .collect();
        rows.write_all(table, doubled).await.unwrap();
        let items = |found: Vec<Row>| {
            found
                .iter()
                .map(|row| row.text("item").unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        let query = Select {
            partition: Some(("space", "s".to_owned())),
            page: Some(7),
            ..Select::default()
        };
        let found = items(all(rows, table, &query).await.unwrap());
        assert_eq!(
            found,
            (0..83)
                .map(|number| format!("i{number:02}"))
                .collect::<Vec<_>>()
        );
        let bounded = Select {
            sort: Some(("item", Bound::From("i80".to_owned()))),
            ..query.clone()
        };
        assert_eq!(
            items(all(rows, table, &bounded).await.unwrap()),
            ["i80", "i81", "i82"]
        );
        let bounded = Select {
            sort: Some(("item", Bound::Below("i02".to_owned()))),
            newest_first: true,
            ..query.clone()
        };
        assert_eq!(
            items(all(rows, table, &bounded).await.unwrap()),
            ["i01", "i00"]
        );
        let bounded = Select {
            sort: Some(("item", Bound::Prefix("i8".to_owned()))),
            ..query
        };
        assert_eq!(
            items(all(rows, table, &bounded).await.unwrap()),
            ["i80", "i81", "i82"]
        );

        let by_reason = Select {
            index: Some("reason-index"),
            partition: Some(("reason", "R".to_owned())),
            filter: Some(Condition::Below("n", Value::N(3))),
            page: Some(9),
            ..Select::default()
        };
        let found = items(all(rows, table, &by_reason).await.unwrap());
        assert_eq!(
            found,
            ["i00", "i01", "i02"],
            "pages that a filter emptied do not end the list"
        );
        let whole = Select {
            page: Some(5),
            ..Select::default()
        };
        let mut found = items(all(rows, table, &whole).await.unwrap());
        found.sort();
        found.dedup();
        assert_eq!(found.len(), 83);
        rows.write_all(
            table,
            (0..83)
                .map(|number| Batched::Delete(key("s", &format!("i{number:02}"))))
                .collect(),
        )
        .await
        .unwrap();
        assert_eq!(all(rows, table, &Select::default()).await.unwrap(), vec![]);
    })
    .await;
}
