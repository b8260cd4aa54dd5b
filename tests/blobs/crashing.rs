//! A process that ends before or after any call to the target: going on ends equal (docs/blobs.md §12, 5).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use sterna::runtime::Tasks;
use tokio::sync::Notify;

use crate::files::files;
use crate::scene::{Scene, open};
use crate::scripted::{Script, Scripted};

/// Lets so many calls through; the next one never returns, before or after it was made.
struct Point {
    left: AtomicUsize,
    reached: Notify,
    after: bool,
}

impl Point {
    /// Counts a call. `true` if the process ends at it.
    fn is_here(&self) -> bool {
        let left = self
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            });
        left.is_ok_and(|left| left == 1)
    }

    async fn end(&self) {
        self.reached.notify_one();
        std::future::pending::<()>().await;
    }
}

#[async_trait]
impl Script for Point {
    async fn enter(&self) -> bool {
        let is_here = self.is_here();
        if is_here && !self.after {
            self.end().await;
        }
        is_here
    }

    async fn leave(&self, is_here: bool) {
        if is_here {
            self.end().await;
        }
    }
}

const BLOBS: [(&str, &[u8]); 3] = [("a", b"one"), ("b/c", b""), ("b/d", b"three")];

/// Ends a run at a call, and goes on. `false` if the run had no so many calls.
async fn ends_at(call: usize, after: bool) -> bool {
    let scene = Scene::new(&BLOBS);
    let point = Arc::new(Point {
        left: AtomicUsize::new(call),
        reached: Notify::new(),
        after,
    });
    let ending = Arc::new(Scripted(open(&scene.path("to")), Arc::clone(&point)));
    let session = scene.session(ending).await;
    let (units, tasks) = (scene.units(), Tasks::new());
    let mut running = tasks.spawn(async move {
        let mut config = session.config(1, 1).unwrap();
        config.units_at_once = 1;
        let ends = (sterna::app::Stop::new(), crate::scene::sink());
        session.migrate(config, units, ends).await.unwrap();
    });
    let is_reached = tokio::select! {
        () = point.reached.notified() => true,
        _ = &mut running => false,
    };
    if is_reached {
        running.abort();
        assert!(running.await.unwrap_err().is_cancelled());
    }

    let session = scene.session(open(&scene.path("to"))).await;
    let report = scene.copy(&session).await;
    let counts = report.counts;
    assert_eq!(
        (counts.planned, counts.done),
        (3, 3),
        "call {call}, after: {after}"
    );
    // What ended lets go of its temporary files, and nothing else is left.
    open(&scene.path("to")).tidy().await.unwrap();
    let copied = files(&scene.path("to"));
    assert_eq!(
        copied,
        files(&scene.path("from")),
        "call {call}, after: {after}"
    );
    assert_eq!(scene.audit(&session).await.ok, 3);
    is_reached
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_ends_at_any_call_is_gone_on_with_to_the_same_end() {
    for after in [false, true] {
        let mut call = 1;
        while ends_at(call, after).await {
            call += 1;
        }
        // Each blob is looked at, made, sealed, shown, looked at and read back.
        assert!(call > 15, "{call}");
    }
}
