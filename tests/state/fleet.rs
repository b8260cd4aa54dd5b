//! Fleet and control rows.

use std::collections::BTreeMap;

use sterna::model::{
    Control, ControlCommand, Counts, FolderId, InstanceId, InstanceReport, Level, Limit,
    MigrationName, PlanId, Reason, Setting, Throttle, UnixMillis, Warning,
};
use sterna::runtime::Clock;
use sterna::state::{Scope, Store};

use crate::place::{everywhere, holder, one, run, two};

pub fn report(instance: u32, name: &str, started_at: u64) -> InstanceReport {
    InstanceReport {
        instance: InstanceId::number(instance),
        folder: holder(InstanceId::number(instance)).folder,
        run: run(name),
        migration: MigrationName::new("uploads"),
        host: "host-a".to_owned(),
        pid: 42,
        version: "0.1.0".to_owned(),
        plan: Some(PlanId::new("p")),
        started_at: UnixMillis(started_at),
        heartbeat_at: UnixMillis(started_at + 500),
        state: "running".to_owned(),
        note: None,
        counts: Counts {
            done: 3,
            found: 1,
            failed: 1,
            ..Counts::planned(10)
        },
        reasons: BTreeMap::from([(Reason::TIMEOUT, 1)]),
        helped: BTreeMap::new(),
        elsewhere: Counts::default(),
        units_planned: 4,
        units_ended: 1,
        in_flight: 16,
        items_per_minute: 123.5,
        concurrency: 16,
        rate: Some(600),
        throttles: vec![Throttle {
            retry_seconds: None,
            dependency: "carpark".to_owned(),
            limit: 3,
            reason: "429".to_owned(),
        }],
        warnings: vec![Warning {
            level: Level::Warning,
            what: "less than 500 MB are free".to_owned(),
            action: "make room".to_owned(),
        }],
    }
}

#[tokio::test]
async fn a_report_is_read_back_and_an_older_run_does_not_cover_a_newer_one() {
    everywhere(|store| async move {
        let (old, new) = (report(1, "old", 1_000), report(1, "new", 2_000));
        assert!(store.report(&old).await.unwrap());
        assert!(store.report(&new).await.unwrap());
        assert!(!store.report(&old).await.unwrap(), "the old process thawed");
        assert!(
            store
                .report(&InstanceReport {
                    heartbeat_at: UnixMillis(9_000),
                    ..new.clone()
                })
                .await
                .unwrap()
        );
        for other in [10, 2, 3] {
            assert!(store.report(&report(other, "r", 1_000)).await.unwrap());
        }
        let fleet = store.fleet().await.unwrap();
        let order: Vec<&str> = fleet
            .iter()
            .map(|report| report.instance.as_str())
            .collect();
        assert_eq!(order, ["1", "2", "3", "10"]);
        assert_eq!(
            fleet[0],
            InstanceReport {
                heartbeat_at: UnixMillis(9_000),
                ..new
            }
        );
    })
    .await;
}

#[tokio::test]
async fn what_setup_gave_is_shown_until_the_instance_speaks_for_itself() {
    everywhere(|store| async move {
        assert!(store.note_assigned(&report(1, "", 0), &[]).await.unwrap());
        assert!(store.note_assigned(&report(1, "", 0), &[]).await.unwrap());
        assert_eq!(store.fleet().await.unwrap()[0].state, "assigned");
        assert!(store.report(&report(1, "r", 5)).await.unwrap());
        assert!(!store.note_assigned(&report(1, "", 0), &[]).await.unwrap());
        assert_eq!(store.fleet().await.unwrap()[0].state, "running");
        // A new share is shown in the place of a run that is over, if it still is.
        let (earlier, over) = (report(1, "r", 4), report(1, "r", 5));
        let share = report(1, "", 0);
        assert!(!store.note_assigned(&share, &[earlier]).await.unwrap());
        assert!(store.note_assigned(&share, &[over]).await.unwrap());
        assert_eq!(store.fleet().await.unwrap()[0].state, "assigned");
        store.forget_assigned(&one()).await.unwrap();
        assert!(store.fleet().await.unwrap().is_empty());
        assert!(store.report(&report(1, "s", 9)).await.unwrap());
        store.forget_assigned(&one()).await.unwrap();
        assert_eq!(store.fleet().await.unwrap().len(), 1);
    })
    .await;
}

/// The same instance in a state folder.
fn inside(folder: &str, report: InstanceReport) -> InstanceReport {
    InstanceReport {
        folder: Some(FolderId::new(folder)),
        ..report
    }
}

async fn shown(store: &Store) -> Vec<(String, String)> {
    let fleet = store.fleet().await.unwrap();
    let name = |report: &InstanceReport| {
        let folder = report.folder.as_ref().map_or("-", FolderId::as_str);
        (folder.to_owned(), report.state.clone())
    };
    fleet.iter().map(name).collect()
}

fn told(rows: &[(&str, &str)]) -> Vec<(String, String)> {
    let row = |(folder, state): &(&str, &str)| ((*folder).to_owned(), (*state).to_owned());
    rows.iter().map(row).collect()
}

#[tokio::test]
async fn two_machines_with_one_number_have_a_row_each() {
    everywhere(|store| async move {
        let store = store.with_clock(Clock::set_to(UnixMillis(10_000)));
        let live = inside("here", report(1, "live", 1_000));
        let later = inside("there", report(1, "later", 2_000));
        assert!(store.note_assigned(&report(1, "", 0), &[]).await.unwrap());
        assert!(store.report(&live).await.unwrap());
        assert!(store.report(&later).await.unwrap());
        let both = told(&[("here", "running"), ("there", "running")]);
        assert_eq!(shown(&store).await, both);
        assert!(store.report(&live).await.unwrap(), "it goes on to report");
        // One of them ends: the other runs.
        let ended = InstanceReport {
            state: "ended".to_owned(),
            ..later
        };
        assert!(store.report(&ended).await.unwrap());
        let one = told(&[("here", "running"), ("there", "ended")]);
        assert_eq!(shown(&store).await, one);
        // A share is not shown in the place of one that runs.
        let share = report(1, "", 0);
        assert!(!store.note_assigned(&share, &[ended]).await.unwrap());
        assert_eq!(shown(&store).await, told(&[("here", "running")]));
        assert!(store.note_assigned(&share, &[live]).await.unwrap());
        assert_eq!(shown(&store).await, told(&[("-", "assigned")]));
    })
    .await;
}

#[tokio::test]
async fn what_a_later_run_of_the_number_made_stale_is_left_out() {
    everywhere(|store| async move {
        let at = |time: u64| store.clone().with_clock(Clock::set_to(UnixMillis(time)));
        let ended = InstanceReport {
            state: "ended".to_owned(),
            ..inside("first", report(1, "a", 1_000))
        };
        // A row of an older version stands under the number alone.
        for row in [
            InstanceReport {
                folder: None,
                ..report(1, "older", 500)
            },
            ended,
            inside("silent", report(1, "b", 2_000)),
            inside("now", report(1, "c", 3_000)),
        ] {
            assert!(store.report(&row).await.unwrap());
        }
        let soon = told(&[("-", "running"), ("silent", "running"), ("now", "running")]);
        assert_eq!(shown(&at(60_000)).await, soon);
        let later = told(&[("now", "running")]);
        assert_eq!(shown(&at(3_700_000)).await, later);
        assert_eq!(store.fleet_rows().await.unwrap().len(), 4);
    })
    .await;
}

#[tokio::test]
async fn commands_for_the_fleet_and_for_one_instance_hold_together_and_are_logged() {
    everywhere(|store| async move {
        assert_eq!(
            store.effective_control(&one()).await.unwrap(),
            Control::default()
        );
        let at = |at: u64| store.clone().with_clock(Clock::set_to(UnixMillis(at)));
        let limit = |number| ControlCommand::Set {
            concurrency: Limit::To(number),
            rate: Limit::Stays,
        };
        let own = Scope::Instance(one());
        let asks = [
            (&Scope::Fleet, ControlCommand::Pause, "ann@a"),
            (&Scope::Fleet, limit(8), "ann@a"),
            (&own, limit(2), "bob@b"),
        ];
        for (number, (scope, command, by)) in (1..).zip(asks) {
            let why = format!("why {number}");
            let asked = at(60_000 * number)
                .set_control(scope, command, by, &why)
                .await
                .unwrap();
            assert_eq!(store.control_of(scope).await.unwrap(), asked);
        }
        let (first, second) = (
            store.effective_control(&one()).await.unwrap(),
            store.effective_control(&two()).await.unwrap(),
        );
        assert_eq!(
            (first.paused, first.concurrency, first.by.as_str()),
            (true, Some(2), "bob@b")
        );
        // The last command is bob's; each setting keeps whose it is.
        let whose = |setting| first.said(setting).by;
        assert_eq!(
            (whose(Setting::Pause), whose(Setting::Concurrency)),
            ("ann@a".to_owned(), "bob@b".to_owned())
        );
        assert_eq!((second.paused, second.concurrency), (true, Some(8)));
        let resumed = at(240_000)
            .set_control(&Scope::Fleet, ControlCommand::Resume, "eve@e", "")
            .await;
        assert_eq!(resumed.unwrap().concurrency, Some(8));
        assert!(!store.effective_control(&one()).await.unwrap().paused);
        let log = store.control_log().await.unwrap();
        let told: Vec<(&str, &str, &str)> = log
            .iter()
            .map(|asked| {
                let control = &asked.control;
                (&*asked.scope, &*control.what, &*control.by)
            })
            .collect();
        let wanted = [
            ("fleet", "pause", "ann@a"),
            ("fleet", "set concurrency=8", "ann@a"),
            ("instance#1", "set concurrency=2", "bob@b"),
            ("fleet", "resume", "eve@e"),
        ];
        assert_eq!(told, wanted);
        assert_eq!(log[2].control.why, "why 3");
        let standing = store.controls().await.unwrap();
        let scopes: Vec<&str> = standing.iter().map(|asked| &*asked.scope).collect();
        assert_eq!(scopes, ["fleet", "instance#1"]);
    })
    .await;
}

#[tokio::test]
async fn commands_at_the_same_time_are_all_kept() {
    everywhere(|store| async move {
        let set = ControlCommand::Set {
            concurrency: Limit::Stays,
            rate: Limit::To(60),
        };
        let ask = |command, by| {
            let store = store.clone();
            async move {
                store
                    .set_control(&Scope::Fleet, command, by, "at once")
                    .await
                    .unwrap()
            }
        };
        tokio::join!(
            ask(ControlCommand::Pause, "ann@a"),
            ask(set, "bob@b"),
            ask(ControlCommand::Drain, "eve@e")
        );
        let held = store.control_of(&Scope::Fleet).await.unwrap();
        assert!(held.paused && held.drain);
        assert_eq!(held.rate, Some(60));
        assert_eq!(store.control_log().await.unwrap().len(), 3);
    })
    .await;
}
