//! One plan after the other.

use super::*;

#[tokio::test]
async fn a_plan_of_nothing_is_reported_and_takes_no_place() {
    let folder = tempfile::tempdir().unwrap();
    let parts = parts(network(), folder.path());
    run(&parts, &options(2), &Stop::new()).await.unwrap();
    let before = parts.store.current_plan().await.unwrap();
    for analyze in [true, false] {
        let asked = options::Setup {
            analyze,
            filter: Some("no-such-domain.org".to_owned()),
            ..options(2)
        };
        let error = run(&parts, &asked, &Stop::new()).await.unwrap_err();
        let trouble = error.downcast_ref::<CommandError>().unwrap();
        assert_eq!(trouble.kind, crate::app::Kind::NotFound);
        assert!(trouble.cause.contains("--filter"), "{}", trouble.cause);
    }
    assert_eq!(parts.store.current_plan().await.unwrap(), before);
}

/// A report of instance `number` that came just now.
fn speaking(number: u32, plan: &PlanReport) -> InstanceReport {
    let now = Clock::system().now();
    InstanceReport {
        instance: InstanceId::number(number),
        folder: None,
        run: RunId::new(format!("run-{number}")),
        migration: MigrationName::new("uploads"),
        host: "h".to_owned(),
        pid: 1,
        version: "0".to_owned(),
        plan: Some(PlanId::new(plan.id.as_str())),
        started_at: now,
        heartbeat_at: now,
        state: "running".to_owned(),
        note: None,
        counts: Counts::planned(3),
        reasons: BTreeMap::new(),
        helped: BTreeMap::new(),
        elsewhere: Counts::default(),
        units_planned: 1,
        units_ended: 0,
        in_flight: 1,
        items_per_minute: 1.0,
        concurrency: 1,
        rate: None,
        throttles: Vec::new(),
        warnings: Vec::new(),
    }
}

#[tokio::test]
async fn the_same_plan_is_never_refused_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let parts = parts(network(), folder.path());
    let first = run(&parts, &options(3), &Stop::new()).await.unwrap();
    assert!(!first.plan.was_in_force && first.plan.replaces.is_none());
    assert_eq!((first.plan.units_new, first.plan.units_moved), (40, 0));
    for number in 1..=3 {
        let report = speaking(number, &first.plan);
        assert!(parts.store.report(&report).await.unwrap());
    }
    let mask = |text: String| text.replace(char::is_numeric, "");
    let before = everything(&parts).await;
    let again = run(&parts, &options(3), &Stop::new()).await.unwrap();
    assert!(again.plan.was_in_force);
    assert_eq!((again.plan.units_new, again.plan.units_moved), (0, 0));
    assert_eq!(again.plan.id, first.plan.id);
    // But for the time at which rows of customers were looked over.
    assert_eq!(mask(everything(&parts).await), mask(before));
    assert_eq!(parts.store.plans().await.unwrap().len(), 1);
}

#[tokio::test]
async fn another_plan_is_refused_while_instances_run_that_would_lose_spaces() {
    let folder = tempfile::tempdir().unwrap();
    let parts = parts(network(), folder.path());
    let first = run(&parts, &options(3), &Stop::new()).await.unwrap();
    let two = speaking(2, &first.plan);
    assert!(parts.store.report(&two).await.unwrap());
    let before = everything(&parts).await;
    let refused = run(&parts, &options(2), &Stop::new()).await.unwrap_err();
    let refused = refused.downcast_ref::<CommandError>().unwrap();
    assert_eq!(refused.kind, crate::app::Kind::Mismatch);
    assert!(refused.what.contains("instance 2: "), "{}", refused.what);
    assert!(!refused.what.contains("instance 1: ") && !refused.what.contains("instance 3: "));
    assert!(refused.cause.contains("--instances 3") && refused.cause.contains("by ann@host"));
    assert!(refused.next.contains("--while-running"));
    assert_eq!(everything(&parts).await, before);
    // A look is allowed, and tells what would move.
    let asked = options::Setup {
        analyze: true,
        ..options(2)
    };
    let looked = run(&parts, &asked, &Stop::new()).await.unwrap();
    assert!(looked.plan.units_moved > 0 && looked.plan.replaces.is_some());
    assert_eq!(everything(&parts).await, before);

    let asked = options::Setup {
        while_running: true,
        ..options(2)
    };
    let second = run(&parts, &asked, &Stop::new()).await.unwrap();
    assert_eq!(second.plan, looked.plan);
    let plans = parts.store.plans().await.unwrap();
    let ids: Vec<&str> = plans.iter().map(|plan| plan.id.as_str()).collect();
    assert_eq!(ids, [first.plan.id.as_str(), second.plan.id.as_str()]);
    let current = parts.store.current_plan().await.unwrap().unwrap();
    assert_eq!((current.units, current.shares.len()), (40, 2));
    // Instance 2 shows itself, 1 shows its new share, 3 has none.
    let fleet = parts.store.fleet().await.unwrap();
    let shown: Vec<_> = fleet
        .iter()
        .map(|report| {
            let plan = report.plan.as_ref().unwrap();
            (report.instance.as_str(), plan.as_str() == second.plan.id)
        })
        .collect();
    assert_eq!(shown, [("1", true), ("2", false)]);
    for (number, file) in (1..).zip(files(folder.path(), 2)) {
        assert_eq!(file.plan.unwrap().id.as_str(), second.plan.id);
        for row in parts.store.progress_where(None, None).await.unwrap() {
            let mine = row.assigned == Some(InstanceId::number(number));
            let share = file.customers.iter().find(|share| {
                let spaces = share.spaces.as_ref();
                let all = spaces.is_none_or(|spaces| {
                    spaces
                        .iter()
                        .any(|space| *space.as_str() == *row.progress.unit.name)
                });
                *share.customer.as_str() == *row.progress.unit.owner && all
            });
            assert_eq!(mine, share.is_some(), "{}", row.progress.unit);
        }
    }
}

#[tokio::test]
async fn an_instance_that_ended_shows_its_new_share_with_what_is_done_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let parts = parts(network(), folder.path());
    let first = run(&parts, &options(3), &Stop::new()).await.unwrap();
    let unit = parts.store.progress_where(None, None).await.unwrap();
    let row = unit.iter().find(|row| row.progress.counts.planned > 1);
    let unit = Unit::new(row.unwrap().progress.unit.clone());
    let one = Holder::new(InstanceId::number(1), FolderId::new("here"));
    let id = RunId::new("r");
    let lease = parts
        .store
        .lease(&unit, &one, &id, &TakeKind::Unheld, Reopen::No);
    let Grant::Leased {
        lease,
        mut progress,
    } = lease.await.unwrap()
    else {
        panic!("not leased")
    };
    progress.status = Status::InProgress;
    progress.count(Settled::Migrated, None);
    parts.store.release(lease, &progress).await.unwrap();
    for number in 1..=3 {
        let ended = InstanceReport {
            state: "ended".to_owned(),
            ..speaking(number, &first.plan)
        };
        assert!(parts.store.report(&ended).await.unwrap());
    }
    let second = run(&parts, &options(1), &Stop::new()).await.unwrap();
    let fleet = parts.store.fleet().await.unwrap();
    let [only, ended @ ..] = &fleet[..] else {
        panic!("{fleet:?}")
    };
    assert_eq!(only.plan.as_ref().unwrap().as_str(), second.plan.id);
    assert_eq!((only.counts.planned, only.counts.done), (second.uploads, 1));
    assert_eq!(only.units_planned, 40);
    // Those that the plan has no share for stay as they ended.
    let names: Vec<_> = ended.iter().map(|one| one.plan.as_ref().unwrap()).collect();
    assert!(names.len() == 2 && names.iter().all(|id| id.as_str() == first.plan.id));
}
