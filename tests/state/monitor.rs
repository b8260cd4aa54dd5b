//! Looks at the migration: everything that was seeded is shown, and nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use sterna::migrations::uploads::{CustomerTables, VOCABULARY, namespace};
use sterna::model::{
    ControlCommand, Counts, FailedItem, Failure, FolderId, InstanceId, InstanceReport, ItemId,
    Lease, Limit, PlanId, PlanSummary, Reason, RunId, Settled, ShareSize, Status, Unit, UnixMillis,
};
use sterna::monitor::{Alive, Answer, Ask, FACES, OwnerRecord, Paint, Verdict, View, answer};
use sterna::runtime::Clock;
use sterna::state::define::{Definition, Made};
use sterna::state::rows::{
    Batched, Change, Condition, Guard, Key, Location, Memory, Page, Row, Rows, RowsError, Select,
    Update, Written,
};
use sterna::state::{Config, FailedQuery, Grant, Reopen, Scope, Store, TakeKind};

use crate::fleet::report;
use crate::place::{customer, everywhere, holder, one, space, two, unit};

/// 2026-01-01.
pub const NOW: u64 = 1_767_225_600_000;

/// A store whose rows are written at `time`.
fn at(store: &Store, time: u64) -> Store {
    store.clone().with_clock(Clock::set_to(UnixMillis(time)))
}

pub async fn begin(store: &Store, unit: &Unit, who: &InstanceId, run: &str) -> Lease {
    let lease = begin_unit(store, unit, who, run).await;
    CustomerTables::of(store)
        .refresh(&unit.id.owner)
        .await
        .unwrap();
    lease
}

/// The same of a unit whose owner has no row.
pub async fn begin_unit(store: &Store, unit: &Unit, who: &InstanceId, run: &str) -> Lease {
    let run = RunId::new(run);
    let Grant::Leased {
        mut lease,
        mut progress,
    } = store
        .lease(
            unit,
            &holder(who.clone()),
            &run,
            &TakeKind::Unheld,
            Reopen::No,
        )
        .await
        .unwrap()
    else {
        panic!("not leased")
    };
    progress.status = Status::InProgress;
    progress.count(Settled::Migrated, None);
    progress.count(Settled::Quarantined, Some(Reason::new("CORRUPT_CAR")));
    store.save(&mut lease, &progress).await.unwrap();
    lease
}

pub fn speaking(instance: u32, run: &str, age_ms: u64) -> InstanceReport {
    InstanceReport {
        heartbeat_at: UnixMillis(NOW - age_ms),
        ..report(instance, run, NOW - 3_600_000)
    }
}

pub async fn shown(store: &Store, ask: &Ask) -> View {
    let owner = match ask {
        Ask::Owner(owner) => Some(owner),
        Ask::Stuck { owner, .. } => owner.as_ref(),
        Ask::Failed(query) => query.owner.as_ref(),
        _ => None,
    };
    let row = match owner {
        Some(owner) => {
            let customer = owner.parse().unwrap();
            CustomerTables::of(store).customer(&customer).await.unwrap()
        }
        None => None,
    };
    let record = row.map(|row| OwnerRecord {
        status: row.status,
        instance: row.instance,
    });
    answer(
        store,
        Clock::set_to(UnixMillis(NOW)),
        ask,
        &VOCABULARY,
        record,
    )
    .await
    .unwrap()
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
        let lately = at(&store, NOW - 70_000);
        begin(&lately, &unit("b", "busy", 9), &one(), "r1").await;
        let four = InstanceId::number(4);
        begin(&lately, &unit("b", "just-dead", 9), &four, "r4").await;
        store.report(&speaking(1, "r1", 2_000)).await.unwrap();
        store.report(&speaking(2, "r2", 900_000)).await.unwrap();
        // The overview calls it silent from now on.
        store.report(&speaking(4, "r4", 61_000)).await.unwrap();
        let ask = Ask::Stuck {
            idle_seconds: 600,
            instance: None,
            owner: None,
        };
        let View::Stuck { units: spaces, .. } = shown(&store, &ask).await else {
            panic!("another view")
        };
        let mut told: Vec<(&str, Verdict)> = spaces
            .iter()
            .map(|line| (&line.unit.unit[12..], line.verdict))
            .collect();
        told.sort_by_key(|line| line.0);
        let wanted = [
            ("dead", Verdict::Dead),
            ("gone", Verdict::Dead),
            ("just-dead", Verdict::Dead),
            ("restarted", Verdict::Dead),
            ("slow", Verdict::Slow),
            ("waiting", Verdict::Waiting),
        ];
        assert_eq!(told, wanted);
        for line in &spaces {
            let long = if line.unit.unit.ends_with("just-dead") {
                70
            } else {
                1_200
            };
            assert!(line.idle_seconds.abs_diff(long) < 60, "{line:?}");
            let steal = |remedy: &String| remedy.contains("`sterna migrate … --steal`");
            let names_it = line.remedy.as_ref().is_some_and(steal);
            assert_eq!(names_it, line.verdict != Verdict::Slow, "{line:?}");
        }
        let ask = Ask::Stuck {
            idle_seconds: 600,
            instance: Some(two()),
            owner: None,
        };
        assert!(
            shown(&store, &ask)
                .await
                .text(Paint::Plain, &VOCABULARY)
                .contains("silent for 15 min")
        );
        let ask = Ask::Stuck {
            idle_seconds: 600,
            instance: None,
            owner: Some(customer("a").to_string()),
        };
        let View::Stuck { units: spaces, .. } = shown(&store, &ask).await else {
            panic!("another view")
        };
        assert_eq!(spaces.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn two_machines_with_one_number_are_told_apart() {
    everywhere(|store| async move {
        let store = at(&store, NOW);
        let long_ago = at(&store, NOW - 1_200_000);
        begin(&long_ago, &unit("a", "held", 9), &one(), "r1").await;
        let on = |host: &str, folder: &str, run: &str, age_ms: u64| InstanceReport {
            host: host.to_owned(),
            folder: Some(FolderId::new(folder)),
            ..speaking(1, run, age_ms)
        };
        store
            .report(&on("host-b", "other", "r2", 1_000))
            .await
            .unwrap();
        let ask = Ask::Stuck {
            idle_seconds: 600,
            instance: None,
            owner: None,
        };
        let text = async |ask: &Ask| shown(&store, ask).await.text(Paint::Plain, &VOCABULARY);
        let stuck = text(&ask).await;
        assert!(stuck.contains("instance 1 has no fleet row"), "{stuck}");
        let holder = holder(one()).folder.unwrap();
        let dead = on("host-a", holder.as_str(), "r1", 900_000);
        store.report(&dead).await.unwrap();
        let stuck = text(&ask).await;
        assert!(
            stuck.contains("instance 1 on host-a has been silent"),
            "{stuck}"
        );
        let live = on("host-a", holder.as_str(), "r1", 2_000);
        store.report(&live).await.unwrap();
        let stuck = text(&ask).await;
        assert!(stuck.contains("instance 1 on host-a is running"), "{stuck}");
        for ask in [Ask::Overview, Ask::Instance(one()), Ask::Control] {
            let text = text(&ask).await;
            for part in [
                "host-a",
                "host-b",
                "1: runs 2 times, on host-a (pid 42) and host-b",
            ] {
                assert!(text.contains(part), "no {part:?} in\n{text}");
            }
        }
        let View::Instance(view) = shown(&store, &Ask::Instance(one())).await else {
            panic!("another view")
        };
        assert_eq!((view.same_number.len(), view.units.len()), (1, 1));
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
                    heartbeat_at: UnixMillis(0),
                    counts: Counts::planned(7),
                    ..report(3, "", 0)
                },
                &[],
            )
            .await
            .unwrap();
        let own = Scope::Instance(one());
        let limit = ControlCommand::Set {
            concurrency: Limit::Stays,
            rate: Limit::To(30),
        };
        let fleet = store.set_control(&Scope::Fleet, ControlCommand::Pause, "ann@host", "deploy");
        fleet.await.unwrap();
        store
            .set_control(&own, limit, "bob@host", "")
            .await
            .unwrap();
        let view = shown(&store, &Ask::Overview).await;
        let View::Overview(overview) = &view else {
            panic!("another view")
        };
        // Three shares are told by the fleet rows: none of it is counted.
        let totals = overview.totals.as_ref().unwrap();
        let counts = &totals.counts;
        assert_eq!((counts.planned, counts.done, counts.bad()), (10, 1, 1));
        assert!(totals.live && totals.adds_up);
        let alive: Vec<Alive> = overview.instances.iter().map(|line| line.alive).collect();
        assert_eq!(alive, [Alive::Yes, Alive::Silent, Alive::Never]);
        assert!(
            (overview.items_per_minute - 123.5).abs() < f64::EPSILON,
            "the silent one does nothing"
        );
        assert_eq!(totals.reasons[&Reason::new("CORRUPT_CAR")], 1);
        assert_eq!((totals.owners.in_progress, totals.owners.all()), (1, 1));
        let share = overview.instances[0].share.unwrap();
        assert_eq!((share.counts.settled(), share.units), (2, 1));
        assert!(overview.instances[1].share.is_none());
        let text = view.text(Paint::Plain, &VOCABULARY);
        for part in [
            "paused",
            "ann@host",
            "deploy",
            "instance 1",
            "at most 30 uploads a minute per instance",
            "starts at most 600 uploads a minute",
            "SILENT",
            "not started",
            "carpark limited to 3",
            "2 of 10 settled, 1 needs attention, 8 left",
            "1 migrated, 1 quarantined, 8 left",
            "0 of 1 ended: 1 in progress",
            "does not agree with the counts: 0 listed",
        ] {
            assert!(text.contains(part), "{part:?} in\n{text}");
        }
        assert!(
            !text.contains('\x1b')
                && view
                    .text(Paint::Ansi, &VOCABULARY)
                    .contains("\x1b[31mSILENT\x1b[0m")
        );
        let json = sterna::monitor::in_words(&view, &VOCABULARY).unwrap();
        assert_eq!(json["view"], "overview");
        assert_eq!(json["instances"][1]["heartbeat_age_seconds"], 900);
        assert_eq!(json["at"], "2026-01-01T00:00:00.000Z");
        assert_eq!(json["asked"][0]["scope"], "fleet");
        assert_eq!(json["totals"]["counts"]["left"], 8);
        let answer = Answer {
            view: view.clone(),
            words: &VOCABULARY,
        };
        let ndjson = FACES.iter().find(|face| face.name == "ndjson").unwrap();
        let lines = (ndjson.render)(&answer, Paint::Plain).unwrap();
        let records: Vec<serde_json::Value> = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let told: Vec<_> = records
            .iter()
            .map(|one| one["record"].as_str().unwrap())
            .collect();
        let wanted = [
            "overview", "instance", "instance", "instance", "request", "request",
        ];
        assert_eq!(told, wanted);
        assert!(records[0].get("instances").is_none());
        let View::ControlLog { wishes, .. } = shown(&store, &Ask::ControlLog).await else {
            panic!("another view")
        };
        let told: Vec<_> = wishes.iter().map(|command| command.what.as_str()).collect();
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
        let lease = begin(&store, &unit("a", "two", 10), &two(), "r2").await;
        begin(&store, &unit("b", "one", 10), &two(), "r2").await;
        store.report(&speaking(2, "r2", 1_000)).await.unwrap();
        let failed = FailedItem {
            unit: unit("a", "two", 0).id,
            item: ItemId::new("bafyitem"),
            failure: Failure::permanent(
                Reason::new("CORRUPT_CAR"),
                "block bafyblock does not hash",
            ),
            items: 1,
            attempts: 2,
            instance: two(),
            first_at: UnixMillis(NOW),
            last_at: UnixMillis(NOW),
        };
        store.put_failed(&lease, &failed).await.unwrap();
        let View::Owner(view) = shown(&store, &Ask::Owner(customer("a").to_string())).await else {
            panic!("another view")
        };
        assert_eq!(
            (
                view.units.len(),
                view.failures,
                view.counts.settled(),
                view.status.as_deref()
            ),
            (2, 1, 4, Some("in-progress"))
        );
        let View::Unit {
            units: spaces,
            failures,
            ..
        } = shown(&store, &Ask::Unit(space("one").to_string())).await
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
            (view.units.len(), view.failures[&Reason::new("CORRUPT_CAR")]),
            (2, 1)
        );
        let ask = Ask::Failed(FailedQuery {
            owner: Some(customer("a").to_string()),
            ..FailedQuery::default()
        });
        let text = shown(&store, &ask).await.text(Paint::Plain, &VOCABULARY);
        for part in [
            "CORRUPT_CAR",
            "bafyitem",
            "bafyblock does not hash",
            "permanent",
            "upload the content again",
        ] {
            assert!(text.contains(part), "{part:?} in\n{text}");
        }
        assert_eq!(shown(&store, &ask).await.unknown(&VOCABULARY), None);
        // Nothing to show of what nobody knows is no good news.
        let nobody = |query: FailedQuery| Ask::Failed(query);
        for ask in [
            Ask::Owner(customer("nobody").to_string()),
            Ask::Unit(space("nowhere").to_string()),
            Ask::Instance(InstanceId::number(9)),
            nobody(FailedQuery {
                owner: Some(customer("nobody").to_string()),
                ..FailedQuery::default()
            }),
            nobody(FailedQuery {
                name: Some(space("nowhere").to_string()),
                ..FailedQuery::default()
            }),
            nobody(FailedQuery {
                instance: Some(InstanceId::number(9)),
                ..FailedQuery::default()
            }),
        ] {
            assert!(
                shown(&store, &ask).await.unknown(&VOCABULARY).is_some(),
                "{ask:?}"
            );
        }
        let known = Ask::Failed(FailedQuery {
            name: Some(space("one").to_string()),
            ..FailedQuery::default()
        });
        assert_eq!(
            shown(&store, &known).await.unknown(&VOCABULARY),
            None,
            "it has no failure"
        );
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
    async fn get(&self, table: &str, key: &Key) -> Result<Option<Row>, RowsError> {
        self.one();
        self.0.get(table, key).await
    }
    async fn put(
        &self,
        table: &str,
        key: &Key,
        row: Row,
        condition: Condition,
    ) -> Result<Written, RowsError> {
        self.0.put(table, key, row, condition).await
    }
    async fn update(
        &self,
        table: &str,
        key: &Key,
        update: Update,
        condition: Condition,
    ) -> Result<Written, RowsError> {
        self.0.update(table, key, update, condition).await
    }
    async fn delete(
        &self,
        table: &str,
        key: &Key,
        condition: Condition,
    ) -> Result<Written, RowsError> {
        self.0.delete(table, key, condition).await
    }
    async fn change_under(
        &self,
        guard: &Guard,
        table: &str,
        key: &Key,
        change: Change,
    ) -> Result<bool, RowsError> {
        self.0.change_under(guard, table, key, change).await
    }
    async fn page(
        &self,
        table: &str,
        select: &Select,
        after: Option<Row>,
    ) -> Result<Page, RowsError> {
        self.one();
        self.0.page(table, select, after).await
    }
    async fn locate(&self, table: &str) -> Result<Location, RowsError> {
        self.0.locate(table).await
    }
    async fn ensure(&self, table: &Definition) -> Result<Made, RowsError> {
        self.0.ensure(table).await
    }
    async fn write_all(&self, table: &str, rows: Vec<Batched>) -> Result<(), RowsError> {
        self.0.write_all(table, rows).await
    }
}

/// An overview and the number of its requests.
async fn counted(rows: &Counting, store: &Store) -> (Box<sterna::monitor::Overview>, usize) {
    rows.1.store(0, Ordering::Relaxed);
    let View::Overview(overview) = shown(store, &Ask::Overview).await else {
        panic!("another view")
    };
    (Box::new(overview), rows.1.load(Ordering::Relaxed))
}

#[tokio::test]
async fn an_overview_of_many_spaces_takes_at_most_twenty_requests() {
    let rows = Arc::new(Counting(Memory::with_pages_of(100), AtomicUsize::new(0)));
    let store = Store::over(
        rows.clone(),
        Config::new(namespace("test-migration-"), "unused"),
    );
    let early = at(&store, NOW - 40_000);
    for number in 0..10_000 {
        let unit = unit(&format!("user{number}"), "space", 10);
        early.plan_unit(&unit, &one()).await.unwrap();
    }
    for number in 1..=5 {
        store.report(&speaking(number, "r", 1_000)).await.unwrap();
    }
    let (failing, by) = (unit("user1", "space", 0), holder(one()));
    let run = RunId::new("r");
    let grant = early.lease(&failing, &by, &run, &TakeKind::Unheld, Reopen::No);
    let Grant::Leased { lease, progress } = grant.await.unwrap() else {
        panic!("not leased")
    };
    for number in 0..400 {
        let failed = FailedItem {
            unit: unit("user1", "space", 0).id,
            item: ItemId::new(format!("item{number}")),
            failure: Failure::permanent(Reason::new("CORRUPT_CAR"), "flipped"),
            items: 1,
            attempts: 1,
            instance: one(),
            first_at: UnixMillis(NOW),
            last_at: UnixMillis(NOW),
        };
        store.put_failed(&lease, &failed).await.unwrap();
    }
    early.release(lease, &progress).await.unwrap();
    // Nobody summed them: that is said, and no part of them is taken for all.
    let (overview, asked) = counted(&rows, &store).await;
    assert!(asked <= 20, "{asked} requests");
    assert!(overview.totals.is_none() && overview.instances.len() == 5);
    let text = View::Overview(*overview).text(Paint::Plain, &VOCABULARY);
    assert!(
        text.contains("not counted yet: `sterna monitor --exact` counts"),
        "{text}"
    );

    // A clock that was set goes on: this one is set again.
    let early = at(&store, NOW - 40_500);
    let stored = early.refresh_totals(&one(), Duration::ZERO).await.unwrap();
    assert!(stored.is_some());
    let (overview, asked) = counted(&rows, &store).await;
    assert!(asked <= 10, "{asked} requests: no page is read in vain");
    let totals = overview.totals.as_ref().unwrap();
    assert_eq!(
        (totals.counts.planned, totals.units.pending),
        (100_000, 10_000)
    );
    assert_eq!(
        (totals.owners.pending, totals.live, totals.age_seconds),
        (10_000, false, 40)
    );
    let failed = overview.failure_rows.as_ref().unwrap();
    assert!(!failed.whole && failed.note.as_ref().unwrap().contains("--failed"));
    let text = View::Overview(*overview).text(Paint::Plain, &VOCABULARY);
    assert!(text.contains("as of 40 s ago"), "{text}");

    let mut heard = 0;
    let exact = sterna::monitor::exact(&store, UnixMillis(NOW), &VOCABULARY, |spaces| {
        heard = spaces;
    })
    .await
    .unwrap();
    let totals = exact.totals.unwrap();
    assert!(totals.live && totals.counts.planned == 100_000 && heard == 10_000);
}

/// A command of the same number writes the fleet row again, with a scope of its own: no total changes by it.
#[tokio::test]
async fn no_fleet_row_changes_a_total() {
    everywhere(|store| async move {
        let store = at(&store, NOW);
        begin(&store, &unit("a", "one", 10), &one(), "r1").await;
        begin(&store, &unit("b", "two", 40), &two(), "r2").await;
        let settled = |done: u64, planned: u64| Counts {
            done,
            ..Counts::planned(planned)
        };
        let retried = InstanceReport {
            counts: settled(41, 41),
            units_planned: 2,
            units_ended: 5,
            helped: [(two(), settled(6, 6))].into(),
            ..speaking(1, "retry", 0)
        };
        store.report(&retried).await.unwrap();
        let view = shown(&store, &Ask::Overview).await;
        let View::Overview(overview) = &view else {
            panic!("another view")
        };
        let totals = overview.totals.as_ref().unwrap();
        assert_eq!((totals.counts.planned, totals.counts.settled()), (50, 4));
        assert_eq!((totals.units.all(), totals.units.ended()), (2, 0));
        let text = view.text(Paint::Plain, &VOCABULARY);
        assert!(
            text.contains("4 of 50 settled, 2 need attention, 46 left"),
            "{text}"
        );
        assert!(
            text.contains("1: settled 6 uploads of instance 2"),
            "{text}"
        );
    })
    .await;
}

/// A row of 52 settled of 50, beside one with two left: the sum looks right, and is not.
#[tokio::test]
async fn sums_that_do_not_add_up_are_shown() {
    everywhere(|store| async move {
        let store = at(&store, NOW);
        let (holder, run) = (holder(one()), RunId::new("r1"));
        for (name, done) in [("over", 52), ("open", 46)] {
            let unit = unit("a", name, 50);
            let granted = store.lease(&unit, &holder, &run, &TakeKind::Unheld, Reopen::No);
            let Grant::Leased {
                mut lease,
                mut progress,
            } = granted.await.unwrap()
            else {
                panic!("not leased")
            };
            progress.counts = Counts {
                done,
                ..Counts::planned(50)
            };
            store.save(&mut lease, &progress).await.unwrap();
        }
        let view = shown(&store, &Ask::Overview).await;
        let text = view.text(Paint::Plain, &VOCABULARY);
        assert!(
            text.contains("does not add up: in the rows of 1 space:\n"),
            "{text}"
        );
        assert!(text.contains(&space("over").to_string()), "{text}");
        let json = sterna::monitor::in_words(&view, &VOCABULARY).unwrap();
        assert_eq!(json["totals"]["adds_up"], false);
        assert_eq!(json["totals"]["uneven"], 1);
        let line = shown(&store, &Ask::Unit(space("over").to_string())).await;
        let line = sterna::monitor::in_words(&line, &VOCABULARY).unwrap();
        assert_eq!(line["spaces"][0]["counts"]["adds_up"], false);
    })
    .await;
}

/// Who works by another plan than the one in force is named.
#[tokio::test]
async fn instances_of_another_plan_are_named() {
    everywhere(|store| async move {
        let plan = |name: &str, made_at| PlanSummary {
            id: PlanId::new(name),
            made_at,
            made_by: "ann@host".to_owned(),
            shaped_by: "--instances 2".to_owned(),
            owners: 1,
            units: 2,
            items: 10,
            shares: vec![ShareSize::default(); 2],
        };
        let (old, new) = (
            plan("01d01d01d01d", UnixMillis(NOW - 10)),
            plan("0ec0ec0ec0ec", UnixMillis(NOW)),
        );
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
        let in_force: Vec<bool> = overview
            .instances
            .iter()
            .map(|line| line.plan_in_force)
            .collect();
        assert_eq!(in_force, [true, false, false, true]);
        let text = view.text(Paint::Plain, &VOCABULARY);
        for part in [
            "0ec0ec0e of 2026-01-01T00:00:00.000Z by ann@host (--instances 2)",
            "  2: works on plan 01d01d01, which is superseded",
            "  3: ended under plan 01d01d01",
        ] {
            assert!(text.contains(part), "{part:?} in\n{text}");
        }
        assert!(!text.contains("  1: works") && !text.contains("  4: works"));
        let json = sterna::monitor::in_words(&view, &VOCABULARY).unwrap();
        assert_eq!(json["plan"]["id"], "0ec0ec0ec0ec");
        assert_eq!(json["instances"][0]["run"], "r1");
        let View::ControlLog { wishes, .. } = shown(&store, &Ask::ControlLog).await else {
            panic!("another view")
        };
        let told: Vec<_> = wishes.iter().map(|command| command.what.as_str()).collect();
        assert_eq!(told.len(), 2);
        assert!(
            told[1].starts_with("setup: plan 0ec0ec0e: 2 instances"),
            "{told:?}"
        );
    })
    .await;
}

/// One row tells of all uploads that a cause of their space keeps back.
#[tokio::test]
async fn a_failure_row_of_many_uploads_counts_as_many() {
    everywhere(|store| async move {
        let store = at(&store, NOW);
        let (kept, by, run) = (unit("a", "one", 5), holder(one()), RunId::new("r"));
        let grant = store.lease(&kept, &by, &run, &TakeKind::Unheld, Reopen::No);
        let Grant::Leased {
            lease,
            mut progress,
        } = grant.await.unwrap()
        else {
            panic!("not leased")
        };
        for _ in 0..4 {
            progress.count(
                Settled::Quarantined,
                Some(Reason::new("MISSING_DELEGATION")),
            );
        }
        let failed = FailedItem {
            unit: kept.id.clone(),
            item: ItemId::all_of_unit(),
            failure: Failure::permanent(Reason::new("MISSING_DELEGATION"), "nobody may"),
            items: 4,
            attempts: 1,
            instance: one(),
            first_at: UnixMillis(NOW),
            last_at: UnixMillis(NOW),
        };
        store.put_failed(&lease, &failed).await.unwrap();
        store.release(lease, &progress).await.unwrap();
        let View::Overview(overview) = shown(&store, &Ask::Overview).await else {
            panic!("another view")
        };
        let rows = overview.failure_rows.as_ref().unwrap();
        assert_eq!(
            rows.reasons,
            [(Reason::new("MISSING_DELEGATION"), 4)].into()
        );
        assert_eq!(rows.note, None);
    })
    .await;
}

/// A table that somebody deleted is not read as "no failures".
#[cfg(feature = "sandbox")]
#[tokio::test]
async fn a_lost_table_is_named_and_the_rest_is_shown() {
    let client = crate::place::client(&crate::place::embedded().await);
    let store = Store::new(&client, Config::new(namespace("lost-migration-"), "unused"));
    store.create_tables().await.unwrap();
    let store = at(&store, NOW);
    begin(&store, &unit("a", "one", 10), &one(), "r1").await;
    let lost = store.config().namespace.tables.failures.clone();
    client
        .delete_table()
        .table_name(&lost)
        .send()
        .await
        .unwrap();
    let view = shown(&store, &Ask::Overview).await;
    let View::Overview(overview) = &view else {
        panic!("another view")
    };
    assert_eq!(overview.missing_tables, std::slice::from_ref(&lost));
    assert!(overview.failure_rows.is_none() && overview.totals.is_some());
    let text = view.text(Paint::Plain, &VOCABULARY);
    assert!(
        text.contains(&format!("table {lost} does not exist")),
        "{text}"
    );
    assert!(
        text.contains("2 of 10 settled, 1 needs attention, 8 left"),
        "{text}"
    );
    let ask = Ask::Failed(FailedQuery::default());
    let error = answer(
        &store,
        Clock::set_to(UnixMillis(NOW)),
        &ask,
        &VOCABULARY,
        None,
    )
    .await
    .unwrap_err();
    assert!(error.is_missing_table() && error.to_string().contains(&lost));
}
