//! How uploads are counted, and what is kept of a count.

use super::*;

#[tokio::test]
async fn an_interrupted_setup_goes_on_and_ends_as_one_that_was_not() {
    let (whole, broken) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    run(&parts(network(), whole.path()), &options(3), &Stop::new())
        .await
        .unwrap();
    let mut network = network();
    network.answers = AtomicUsize::new(17);
    let mut parts = parts(network, broken.path());
    let error = run(&parts, &options(3), &Stop::new()).await.unwrap_err();
    assert_eq!(
        error.downcast_ref::<CommandError>().unwrap().kind,
        crate::app::Kind::Temporary
    );
    assert!(!broken.path().join("instance-1-customers.json").exists());
    parts.census.answers = AtomicUsize::new(usize::MAX);
    parts.census.consumers.reverse();
    let report = run(&parts, &options(3), &Stop::new()).await.unwrap();
    assert!(
        report
            .notes
            .iter()
            .any(|note| note.starts_with("17 spaces were counted")),
        "{:?}",
        report.notes
    );
    assert_eq!(parts.census.asked.load(Ordering::Relaxed), 40);
    for instance in 1..=3 {
        let name = format!("instance-{instance}-customers.json");
        let read = |folder: &tempfile::TempDir| {
            std::fs::read_to_string(folder.path().join(&name)).unwrap()
        };
        assert_eq!(read(&whole), read(&broken));
    }
    assert!(!broken.path().join("setup-checkpoint.json").exists());
}

#[tokio::test]
async fn a_space_that_cannot_be_counted_once_does_not_end_the_count() {
    let folder = tempfile::tempdir().unwrap();
    let mut network = network();
    network.hiccups = AtomicUsize::new(3);
    let parts = parts(network, folder.path());
    run(&parts, &options(2), &Stop::new()).await.unwrap();
    assert_eq!(parts.census.asked.load(Ordering::Relaxed), 40);
}

/// What an analysis counted is not trusted later: uploads come.
#[tokio::test]
async fn a_count_that_came_to_its_end_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let parts = parts(network(), folder.path());
    for analyze in [true, false] {
        let asked = options::Setup {
            analyze,
            ..options(2)
        };
        let report = run(&parts, &asked, &Stop::new()).await.unwrap();
        assert!(
            !folder.path().join("setup-checkpoint.json").exists(),
            "{analyze}"
        );
        let interrupted = report.notes.iter().any(|note| note.contains("interrupted"));
        assert!(!interrupted, "{:?}", report.notes);
    }
}

/// Uploads come between two setups: spaces that nobody began have the newer number.
#[tokio::test]
async fn a_later_setup_counts_what_nobody_has_begun() {
    let folder = tempfile::tempdir().unwrap();
    let mut parts = parts(network(), folder.path());
    run(&parts, &options(2), &Stop::new()).await.unwrap();
    let rows = parts.store.progress_where(None, None).await.unwrap();
    let [begun, pending] = [0, 1].map(|number: usize| rows[number].progress.unit.clone());
    let by = Holder {
        instance: InstanceId::number(1),
        folder: Some(FolderId::new("here")),
    };
    let (unit, run_id) = (Unit::new(begun.clone()), RunId::new("r"));
    let grant = parts
        .store
        .lease(&unit, &by, &run_id, &TakeKind::Unheld, Reopen::No);
    assert!(matches!(grant.await.unwrap(), Grant::Leased { .. }));
    for unit in [&begun, &pending] {
        parts.census.uploads.insert(unit.name.to_string(), 1_000);
    }
    let planned = async |parts: &Parts<Network>, unit: &UnitId| {
        let row = parts.store.progress(unit).await.unwrap();
        row.unwrap().counts.planned
    };
    let before = planned(&parts, &begun).await;
    let asked = options::Setup {
        while_running: true,
        ..options(2)
    };
    run(&parts, &asked, &Stop::new()).await.unwrap();
    assert_eq!(planned(&parts, &pending).await, 1_000);
    assert_eq!(planned(&parts, &begun).await, before, "its holder counts");
}

#[tokio::test]
async fn a_stop_ends_the_count_with_its_checkpoint_written() {
    let folder = tempfile::tempdir().unwrap();
    let parts = parts(network(), folder.path());
    let stop = Stop::new();
    stop.request(StopLevel::Drain, "SIGINT");
    let error = run(&parts, &options(2), &stop).await.unwrap_err();
    assert!(error.to_string().contains("stopped"), "{error}");
    assert_eq!(
        error.downcast_ref::<CommandError>().unwrap().kind,
        crate::app::Kind::Stopped
    );
    assert!(folder.path().join("setup-checkpoint.json").exists());
}

#[tokio::test]
async fn a_count_of_another_network_or_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut parts = parts(network(), folder.path());
    let stop = Stop::new();
    stop.request(StopLevel::Drain, "SIGINT");
    run(&parts, &options(2), &stop).await.unwrap_err();
    parts.uploads_table = "another".to_owned();
    let refuses = async |parts: &Parts<Network>, word: &str| {
        let refused = run(parts, &options(2), &Stop::new()).await.unwrap_err();
        let refused = refused.downcast_ref::<CommandError>().unwrap();
        assert_eq!(refused.kind, crate::app::Kind::Mismatch);
        assert!(format!("{refused:?}").contains(word), "{refused:?}");
    };
    refuses(&parts, "another").await;
    let path = folder.path().join("setup-checkpoint.json");
    let newer = crate::state::files::Sealed::new(&path, "sterna.setup", 3);
    newer.write(&7).unwrap();
    refuses(&parts, "sterna.setup version 3").await;
    std::fs::write(&path, "damaged").unwrap();
    run(&parts, &options(2), &Stop::new()).await.unwrap();
}
