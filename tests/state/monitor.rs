//! Looks at the migration: everything that was seeded is shown, and nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use sterna::model::{
    Counts, FailedItem, Failure, InstanceId, InstanceReport, ItemId, Lease, Limit, PlanId,
    PlanSummary, Reason, RunId, Settled, ShareSize, Status, Unit, Wish,
};
use sterna::monitor::{Alive, Ask, Paint, Verdict, View, look};
use sterna::runtime::Clock;
use sterna::state::define::{Definition, Made};
use sterna::state::rows::{
    Batched, Condition, Error, Key, Memory, Page, Row, Rows, Select, Update, Written,
};
use sterna::state::{Assignment, Config, FailedQuery, Grant, Reopen, Scope, Store, Take};

use crate::fleet::report;
use crate::place::{customer, everywhere, one, space, two, unit};

/// 2026-01-01.
const NOW: u64 = 1_767_225_600_000;

/// A store whose rows are written at `time`.
fn at(store: &Store, time: u64) -> Store {
    store.clone().with_clock(Clock::set_to(time))
}

async fn begin(store: &Store, unit: &Unit, holder: &InstanceId, run: &str) -> Lease {
    let run = RunId::new(run);
    let Grant::Leased {
        mut lease,
        mut progress,
    } = store
        .lease(unit, holder, &run, &Take::Free, Reopen::No)
        .await
        .unwrap()
    else {
        panic!("not leased")
    };
    progress.status = Status::InProgress;
    progress.count(Settled::Migrated, None);
    progress.count(Settled::Quarantined, Some(Reason::CorruptCar));
    store.save(&mut lease, &progress).await.unwrap();
    store.refresh_owner(&unit.id.owner).await.unwrap();
    lease
}

fn speaking(instance: u32, run: &str, age_ms: u64) -> InstanceReport {
    InstanceReport {
        heartbeat_at: NOW - age_ms,
        ..report(instance, run, NOW - 3_600_000)
    }
}

async fn shown(store: &Store, ask: &Ask) -> View {
    look(store, Clock::set_to(NOW), ask).await.unwrap()
}

#[tokio::test]
async fn slow_dead_and_waiting_spaces_are_told_apart() {
    everywhere(|store| async move {
        let long_ago = at(&store, NOW - 1_200_000);
        begin(&long_ago, &unit("a", "slow", 9), &one(), "r1").await;
        begin(&long_ago, &unit("a", "dead", 9), &two(), "r2").await;
        begin(
            &long_ago,
            &unit("b", "gone", 9),
            &InstanceId::number(3),
            "r3",
        )
        .await;
        begin(&long_ago, &unit("b", "restarted", 9), &one(), "r0").await;
        let lease = begin(&long_ago, &unit("b", "waiting", 9), &one(), "r1").await;
        let progress = long_ago.progress(&lease.unit).await.unwrap().unwrap();
        long_ago.release(lease, &progress).await.unwrap();
        begin(
            &at(&store, NOW - 5_000),
            &unit("b", "busy", 9),
            &one(),
            "r1",
        )
        .await;
        store.report(&speaking(1, "r1", 2_000)).await.unwrap();
        store.report(&speaking(2, "r2", 900_000)).await.unwrap();
        let ask = Ask::Stuck {
            idle_seconds: 600,
            instance: None,
            customer: None,
        };
        let View::Stuck { spaces, .. } = shown(&store, &ask).await else {
            panic!("another view")
        };
        let mut told: Vec<(&str, Verdict)> = spaces
            .iter()
            .map(|line| (&line.space.space[12..], line.verdict))
            .collect();
        told.sort_by_key(|line| line.0);
        let wanted = [
            ("dead", Verdict::Dead),
            ("gone", Verdict::Dead),
            ("restarted", Verdict::Dead),
            ("slow", Verdict::Slow),
            ("waiting", Verdict::Waiting),
        ];
        assert_eq!(told, wanted);
        assert!(
            spaces
                .iter()
                .all(|line| line.idle_seconds.abs_diff(1_200) < 60)
        );
        let ask = Ask::Stuck {
            idle_seconds: 600,
            instance: Some(two()),
            customer: None,
        };
        assert!(
            shown(&store, &ask)
                .await
                .text(Paint::Plain)
                .contains("silent for 15 min")
        );
        let ask = Ask::Stuck {
            idle_seconds: 600,
            instance: None,
            customer: Some(customer("a")),
        };
        let View::Stuck { spaces, .. } = shown(&store, &ask).await else {
            panic!("another view")
        };
        assert_eq!(spaces.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn the_overview_sums_up_the_fleet_and_names_who_is_silent() {
    everywhere(|store| async move {
        let store = at(&store, NOW);
        begin(&store, &unit("a", "one", 10), &one(), "r1").await;
        store.report(&speaking(1, "r1", 2_000)).await.unwrap();
        store.report(&speaking(2, "r2", 900_000)).await.unwrap();
        store
            .note_assigned(
                &InstanceReport {
                    heartbeat_at: 0,
                    counts: Counts::planned(7),
                    ..report(3, "", 0)
                },
                None,
            )
            .await
            .unwrap();
        let own = Scope::Instance(one());
        let limit = Wish::Set {
            concurrency: Limit::Stays,
            rate: Limit::To(30),
        };
        let fleet = store.ask(&Scope::Fleet, Wish::Pause, "ann@host", "deploy");
        fleet.await.unwrap();
        store.ask(&own, limit, "bob@host", "").await.unwrap();
        let view = shown(&store, &Ask::Overview).await;
        let View::Overview(overview) = &view else {
            panic!("another view")
        };
        assert_eq!(
            (
                overview.counts.planned,
                overview.counts.done,
                overview.counts.failed
            ),
            (27, 6, 2)
        );
        let alive: Vec<Alive> = overview.instances.iter().map(|line| line.alive).collect();
        assert_eq!(alive, [Alive::Yes, Alive::Silent, Alive::Never]);
        assert!(
            (overview.items_per_minute - 123.5).abs() < f64::EPSILON,
            "the silent one does nothing"
        );
        assert_eq!(overview.reasons[&Reason::Timeout], 3);
        assert_eq!(overview.totals.customers["in-progress"], 1);
        assert!(overview.totals.whole);
        let text = view.text(Paint::Plain);
        for part in [
            "paused",
            "ann@host",
            "deploy",
            "instance 1",
            "at most 30 uploads a minute per instance",
            "begins at most 600 uploads a minute",
            "SILENT",
            "not started",
            "carpark limited to 3",
            "TIMEOUT",
            "8 of 27 settled, 2 bad, 19 left",
        ] {
            assert!(text.contains(part), "{part:?} in\n{text}");
        }
        assert!(!text.contains('\x1b') && view.text(Paint::Ansi).contains("\x1b[31mSILENT\x1b[0m"));
        let json = serde_json::to_value(&view).unwrap();
        assert_eq!(json["view"], "overview");
        assert_eq!(json["instances"][1]["heartbeat_age_seconds"], 900);
        assert_eq!(json["at"], "2026-01-01T00:00:00.000Z");
        assert_eq!(json["asked"][0]["scope"], "fleet");
        let View::ControlLog { wishes, .. } = shown(&store, &Ask::ControlLog).await else {
            panic!("another view")
        };
        let told: Vec<_> = wishes.iter().map(|wish| wish.what.as_str()).collect();
        assert_eq!(told, ["pause", "set rate=30"]);
        let View::Control {
            asked, instances, ..
        } = shown(&store, &Ask::Control).await
        else {
            panic!("another view")
        };
        assert_eq!((asked.len(), instances.len()), (2, 3));
    })
    .await;
}

#[tokio::test]
async fn customer_space_and_instance_show_their_own() {
    everywhere(|store| async move {
        let store = at(&store, NOW);
        begin(&store, &unit("a", "one", 10), &one(), "r1").await;
        begin(&store, &unit("a", "two", 10), &two(), "r2").await;
        begin(&store, &unit("b", "one", 10), &two(), "r2").await;
        store.report(&speaking(2, "r2", 1_000)).await.unwrap();
        let failed = FailedItem {
            unit: unit("a", "two", 0).id,
            item: ItemId::new("bafyitem"),
            failure: Failure::permanent(Reason::CorruptCar, "block bafyblock does not hash"),
            attempts: 2,
            instance: two(),
            first_at: NOW,
            last_at: NOW,
        };
        store.put_failed(&failed).await.unwrap();
        let View::Customer(view) = shown(&store, &Ask::Customer(customer("a"))).await else {
            panic!("another view")
        };
        assert_eq!(
            (
                view.spaces.len(),
                view.failures,
                view.counts.settled(),
                view.status.as_deref()
            ),
            (2, 1, 4, Some("in-progress"))
        );
        let View::Space {
            spaces, failures, ..
        } = shown(&store, &Ask::Space(space("one"))).await
        else {
            panic!("another view")
        };
        assert_eq!(
            (spaces.len(), failures.len()),
            (2, 0),
            "both customers' rows"
        );
        let View::Instance(view) = shown(&store, &Ask::Instance(two())).await else {
            panic!("another view")
        };
        assert_eq!(
            (view.spaces.len(), view.failures[&Reason::CorruptCar]),
            (2, 1)
        );
        let ask = Ask::Failed(FailedQuery {
            owner: Some(customer("a").to_string()),
            ..FailedQuery::default()
        });
        let text = shown(&store, &ask).await.text(Paint::Plain);
        for part in [
            "CORRUPT_CAR",
            "bafyitem",
            "bafyblock does not hash",
            "permanent",
            "upload the content again",
        ] {
            assert!(text.contains(part), "{part:?} in\n{text}");
        }
        let unknown = shown(&store, &Ask::Customer(customer("nobody")))
            .await
            .text(Paint::Plain);
        assert!(unknown.contains("no row"), "{unknown}");
    })
    .await;
}

/// Counts requests; pages hold as many rows as a megabyte of small ones.
#[derive(Debug)]
struct Counting(Memory, AtomicUsize);

impl Counting {
    fn one(&self) {
        self.1.fetch_add(1, Ordering::Relaxed);
    }
}

#[async_trait]
impl Rows for Counting {
    async fn get(&self, table: &str, key: &Key) -> Result<Option<Row>, Error> {
        self.one();
        self.0.get(table, key).await
    }
    async fn put(
        &self,
        table: &str,
        key: &Key,
        row: Row,
        condition: Condition,
    ) -> Result<Written, Error> {
        self.0.put(table, key, row, condition).await
    }
    async fn update(
        &self,
        table: &str,
        key: &Key,
        update: Update,
        condition: Condition,
    ) -> Result<Written, Error> {
        self.0.update(table, key, update, condition).await
    }
    async fn delete(&self, table: &str, key: &Key, condition: Condition) -> Result<Written, Error> {
        self.0.delete(table, key, condition).await
    }
    async fn page(&self, table: &str, select: &Select, after: Option<Row>) -> Result<Page, Error> {
        self.one();
        self.0.page(table, select, after).await
    }
    async fn count(
        &self,
        table: &str,
        select: &Select,
        after: Option<Row>,
    ) -> Result<(u64, Option<Row>), Error> {
        self.one();
        self.0.count(table, select, after).await
    }
    async fn ensure(&self, table: &Definition) -> Result<Made, Error> {
        self.0.ensure(table).await
    }
    async fn write_all(&self, table: &str, rows: Vec<Batched>) -> Result<(), Error> {
        self.0.write_all(table, rows).await
    }
}

#[tokio::test]
async fn an_overview_of_many_customers_takes_at_most_twenty_requests() {
    let rows = Arc::new(Counting(Memory::with_pages_of(100), AtomicUsize::new(0)));
    let store = Store::over(rows.clone(), Config::new("test-migration-", "unused"));
    for number in 0..5_000 {
        let assignment = Assignment {
            plan: PlanId::new("p"),
            instances: vec![one()],
            customer: customer(&format!("user{number}")),
            instance: one(),
            spaces: 1,
            uploads: 10,
            filter: None,
        };
        store.assign(&assignment).await.unwrap();
    }
    for number in 1..=5 {
        store.report(&speaking(number, "r", 1_000)).await.unwrap();
    }
    rows.1.store(0, Ordering::Relaxed);
    let View::Overview(overview) = shown(&store, &Ask::Overview).await else {
        panic!("another view")
    };
    let asked = rows.1.load(Ordering::Relaxed);
    assert!(asked <= 20, "{asked} requests");
    assert!(!overview.totals.whole && overview.instances.len() == 5);
}

#[tokio::test]
async fn what_helpers_did_is_counted_once_whether_or_not_the_helped_instance_knows() {
    everywhere(|store| async move {
        let settled = |done: u64, planned: u64| Counts {
            done,
            ..Counts::planned(planned)
        };
        let dead = InstanceReport {
            counts: settled(4, 10),
            ..speaking(1, "r1", 900_000)
        };
        let knows = InstanceReport {
            counts: settled(10, 10),
            elsewhere: settled(3, 3),
            ..speaking(2, "r2", 0)
        };
        let helped = [(one(), settled(6, 6)), (two(), settled(3, 3))];
        let idle = InstanceReport {
            counts: settled(5, 5),
            helped: helped.into(),
            ..speaking(3, "r3", 0)
        };
        for report in [&dead, &knows, &idle] {
            store.report(report).await.unwrap();
        }
        let View::Overview(overview) = shown(&store, &Ask::Overview).await else {
            panic!("another view")
        };
        assert_eq!((overview.counts.planned, overview.counts.done), (25, 25));
        assert!(overview.counts.add_up() && overview.counts.left() == 0);
        let text = View::Overview(overview).text(Paint::Plain);
        assert!(
            text.contains("3: settled 6 uploads of instance 1"),
            "{text}"
        );
    })
    .await;
}

/// Shares of two plans hold the same spaces: only those of the plan in force are summed up, and who works by another
/// is named.
#[tokio::test]
async fn instances_of_another_plan_are_named_and_in_no_sum() {
    everywhere(|store| async move {
        let plan = |name: &str, made_at| PlanSummary {
            id: PlanId::new(name),
            made_at,
            made_by: "ann@host".to_owned(),
            shaped_by: "--instances 2".to_owned(),
            customers: 1,
            spaces: 2,
            uploads: 10,
            shares: vec![ShareSize::default(); 2],
        };
        let (old, new) = (plan("01d01d01d01d", NOW - 10), plan("0ec0ec0ec0ec", NOW));
        store.put_plan_in_force(&old, None).await.unwrap();
        store.put_plan_in_force(&new, Some(&old)).await.unwrap();
        let of = |number, run: &str, plan: Option<&PlanSummary>, state: &str| InstanceReport {
            plan: plan.map(|plan| plan.id.clone()),
            state: state.to_owned(),
            ..speaking(number, run, 1_000)
        };
        for report in [
            of(1, "r1", Some(&new), "running"),
            of(2, "r2", Some(&old), "running"),
            of(3, "r3", Some(&old), "ended"),
            of(4, "r4", None, "running"),
        ] {
            assert!(store.report(&report).await.unwrap());
        }
        let view = shown(&store, &Ask::Overview).await;
        let View::Overview(overview) = &view else {
            panic!("another view")
        };
        assert_eq!(overview.counts.planned, 20, "of instances 1 and 4");
        let in_force: Vec<bool> = overview
            .instances
            .iter()
            .map(|line| line.plan_in_force)
            .collect();
        assert_eq!(in_force, [true, false, false, true]);
        let text = view.text(Paint::Plain);
        for part in [
            "0ec0ec0e of 2026-01-01T00:00:00.000Z by ann@host (--instances 2)",
            "  2: works by plan 01d01d01, which is not in force",
            "  3: ended under plan 01d01d01",
        ] {
            assert!(text.contains(part), "{part:?} in\n{text}");
        }
        assert!(!text.contains("  1: works") && !text.contains("  4: works"));
        let json = serde_json::to_value(&view).unwrap();
        assert_eq!(json["plan"]["id"], "0ec0ec0ec0ec");
        assert_eq!(json["instances"][0]["run"], "r1");
        let View::ControlLog { wishes, .. } = shown(&store, &Ask::ControlLog).await else {
            panic!("another view")
        };
        let told: Vec<_> = wishes.iter().map(|wish| wish.what.as_str()).collect();
        assert_eq!(told.len(), 2);
        assert!(
            told[1].starts_with("setup: plan 0ec0ec0e: 2 instances"),
            "{told:?}"
        );
    })
    .await;
}
