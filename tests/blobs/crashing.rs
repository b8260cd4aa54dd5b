//! A process that ends before or after any call to the target: going on ends equal (docs/blobs.md §12, 5).

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use sterna::client::blobs::{
    Backend, BlobError, BlobWriter, Entry, Head, Identity, Overwrite, Published, Reading, Removed,
};
use sterna::runtime::Tasks;
use tokio::sync::Notify;

use crate::files::files;
use crate::scene::{Scene, open};

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

    async fn around<T>(&self, call: impl Future<Output = T>) -> T {
        let is_here = self.is_here();
        if is_here && !self.after {
            self.end().await;
        }
        let done = call.await;
        if is_here {
            self.end().await;
        }
        done
    }

    async fn end(&self) {
        self.reached.notify_one();
        std::future::pending::<()>().await;
    }
}

struct Ending(Arc<dyn Backend>, Arc<Point>);

impl fmt::Debug for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ending")
    }
}

struct EndingWriter(Box<dyn BlobWriter>, Arc<Point>);

#[async_trait]
impl BlobWriter for EndingWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<(), BlobError> {
        self.1.around(self.0.write(bytes)).await
    }

    async fn seal(&mut self) -> Result<Identity, BlobError> {
        self.1.around(self.0.seal()).await
    }

    async fn publish(self: Box<Self>, overwrite: Overwrite) -> Result<Published, BlobError> {
        self.1.around(self.0.publish(overwrite)).await
    }
}

#[async_trait]
impl Backend for Ending {
    async fn head(&self, key: &str) -> Result<Option<Head>, BlobError> {
        self.1.around(self.0.head(key)).await
    }

    async fn read(&self, key: &str) -> Result<Option<Reading>, BlobError> {
        self.1.around(self.0.read(key)).await
    }

    async fn create(&self, key: &str, size: u64) -> Result<Box<dyn BlobWriter>, BlobError> {
        let writer = self.1.around(self.0.create(key, size)).await?;
        Ok(Box::new(EndingWriter(writer, Arc::clone(&self.1))))
    }

    async fn remove(&self, key: &str, of: &Identity) -> Result<Removed, BlobError> {
        self.0.remove(key, of).await
    }

    fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> BoxStream<'static, Result<Entry, BlobError>> {
        self.0.list(prefix, after)
    }

    async fn tidy(&self) -> Result<u64, BlobError> {
        self.0.tidy().await
    }

    fn place(&self) -> Result<String, BlobError> {
        self.0.place()
    }

    fn refusal(&self, key: &str) -> Option<String> {
        self.0.refusal(key)
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
    let ending = Arc::new(Ending(open(&scene.path("to")), Arc::clone(&point)));
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
