//! Answers of status 200 that say nothing: neither "not there" nor "done" may be read out of them.

use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _};
use sterna::migrations::uploads::namespace;
use sterna::model::Class;
use sterna::sandbox::{self, Plan, Sandbox, Service};
use sterna::state::rows::{
    Batched, Condition, Dynamo, Key, Row, Rows, RowsError, Select, Update, Value,
};
use sterna::state::{Config, Store};

use crate::place::client;

const TRIES: u32 = 2;

/// Bodies that an error, somebody in between, or a service that lost its head sends.
const BODIES: [&str; 3] = [
    r#"{"__type":"InternalServerError","message":"planned"}"#,
    "{}",
    "<html>It works!</html>",
];

struct Place {
    rows: Dynamo,
    store: Store,
    table: String,
}

type Call = for<'a> fn(&'a Place) -> BoxFuture<'a, Result<String, RowsError>>;

/// Every operation on rows, with what the engine calls it and how often it is tried.
const CALLS: [(&str, u32, Call); 8] = [
    ("GetItem", TRIES, |at| {
        async { told(at.rows.get(&at.table, &known()).await) }.boxed()
    }),
    ("PutItem", TRIES, |at| {
        async {
            let key = other();
            let put = at.rows.put(&at.table, &key, row(), Condition::Always);
            told(put.await)
        }
        .boxed()
    }),
    ("UpdateItem", TRIES, |at| {
        update(at, Update::new().set("a", Value::N(1))).boxed()
    }),
    ("DeleteItem", TRIES, |at| {
        async { told(at.rows.delete(&at.table, &other(), Condition::Always).await) }.boxed()
    }),
    ("Query", TRIES, |at| {
        async { told(at.rows.page(&at.table, &one_space(), None).await) }.boxed()
    }),
    ("Scan", TRIES, |at| {
        async { told(at.rows.page(&at.table, &Select::default(), None).await) }.boxed()
    }),
    ("DescribeTable", TRIES, |at| {
        async { told(at.rows.locate(&at.table).await) }.boxed()
    }),
    ("BatchWriteItem", TRIES, |at| {
        let many = vec![Batched::Put(other(), row())];
        async move { told(at.rows.write_all(&at.table, many).await) }.boxed()
    }),
];

async fn update(at: &Place, update: Update) -> Result<String, RowsError> {
    let key = other();
    let done = at.rows.update(&at.table, &key, update, Condition::Always);
    told(done.await)
}

fn told<T: std::fmt::Debug>(answer: Result<T, RowsError>) -> Result<String, RowsError> {
    answer.map(|answer| format!("{answer:?}"))
}

fn known() -> Key {
    Key::two(("space", "s"), ("item", "known"))
}

fn other() -> Key {
    Key::two(("space", "s"), ("item", "other"))
}

fn row() -> Row {
    Row([("a".to_owned(), Value::N(7))].into())
}

fn one_space() -> Select {
    Select {
        partition: Some(("space", "s".to_owned())),
        ..Select::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_says_nothing_is_neither_nothing_nor_done() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::start(sandbox::Config::in_dir(folder.path())).await;
    let sandbox = sandbox.unwrap();
    let client = client(sandbox.urls().of(Service::DynamoDb).as_str());
    let config = Config::new(namespace("untold-"), folder.path());
    let place = Place {
        rows: Dynamo::new(&client, Duration::from_secs(20), TRIES),
        table: config.namespace.tables.failures.clone(),
        store: Store::new(&client, config),
    };
    place.store.create_tables().await.unwrap();
    let faults = &sandbox.network().faults;
    let plan = |operation: &str, body: &str| Plan {
        service: Some(Service::DynamoDb),
        operation: Some(operation.to_owned()),
        status: Some(200),
        body: Some(body.to_owned()),
        ..Plan::default()
    };
    for (operation, tries, call) in CALLS {
        for body in BODIES {
            call(&place).await.unwrap();
            faults.add(plan(operation, body));
            let answer = call(&place).await;
            let struck = faults.plans()[0].2;
            faults.clear();
            let error = answer.expect_err(&format!("{operation}, {body}"));
            assert_eq!(error.kind.class(), Class::Unknown, "{operation}: {error}");
            assert_eq!(struck, u64::from(tries), "{operation}, {body}: {error}");
        }
    }
    // A table that is not described is not made.
    let made = || {
        sandbox
            .network()
            .meter
            .count(Service::DynamoDb, "CreateTable")
    };
    let before = made();
    for body in BODIES {
        faults.add(plan("DescribeTable", body));
        place.store.create_tables().await.unwrap_err();
        faults.clear();
    }
    assert_eq!(made(), before);
    sandbox.shutdown().await;
}
