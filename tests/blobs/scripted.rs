//! A backend with a script before it: what it does to bytes, and what happens around calls.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use sterna::client::blobs::{
    Backend, BlobError, BlobWriter, Entry, Head, Identity, Overwrite, Published, Reading, Removed,
};

/// What a backend does otherwise than the one behind it; nothing, unless a script says so.
#[async_trait]
pub(crate) trait Script: Send + Sync + 'static {
    /// Before a call. What it says is handed to [`Script::leave`].
    async fn enter(&self) -> bool {
        false
    }

    /// After the call.
    async fn leave(&self, _entered: bool) {}

    /// What becomes of bytes that are written.
    fn written(&self, bytes: Bytes) -> Bytes {
        bytes
    }

    /// What becomes of bytes that are read.
    fn read(&self, bytes: Bytes) -> Bytes {
        bytes
    }

    /// Whether a blob that is published goes nowhere.
    fn drops(&self) -> bool {
        false
    }
}

/// A backend behind a script.
pub(crate) struct Scripted<S>(pub(crate) Arc<dyn Backend>, pub(crate) Arc<S>);

struct ScriptedWriter<S>(Box<dyn BlobWriter>, Arc<S>);

impl<S> fmt::Debug for Scripted<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scripted")
    }
}

async fn around<T>(script: &impl Script, call: impl Future<Output = T>) -> T {
    let entered = script.enter().await;
    let done = call.await;
    script.leave(entered).await;
    done
}

#[async_trait]
impl<S: Script> BlobWriter for ScriptedWriter<S> {
    async fn write(&mut self, bytes: Bytes) -> Result<(), BlobError> {
        let bytes = self.1.written(bytes);
        around(&*self.1, self.0.write(bytes)).await
    }

    async fn seal(&mut self) -> Result<Identity, BlobError> {
        around(&*self.1, self.0.seal()).await
    }

    async fn publish(self: Box<Self>, overwrite: Overwrite) -> Result<Published, BlobError> {
        if self.1.drops() {
            return Ok(Published::Done);
        }
        around(&*self.1, self.0.publish(overwrite)).await
    }
}

#[async_trait]
impl<S: Script> Backend for Scripted<S> {
    fn place(&self) -> Result<String, BlobError> {
        self.0.place()
    }

    async fn head(&self, key: &str) -> Result<Option<Head>, BlobError> {
        around(&*self.1, self.0.head(key)).await
    }

    async fn read(&self, key: &str) -> Result<Option<Reading>, BlobError> {
        let reading = around(&*self.1, self.0.read(key)).await?;
        let script = Arc::clone(&self.1);
        Ok(reading.map(|Reading { head, body }| Reading {
            head,
            body: body
                .map(move |bytes| bytes.map(|bytes| script.read(bytes)))
                .boxed(),
        }))
    }

    async fn create(&self, key: &str, size: u64) -> Result<Box<dyn BlobWriter>, BlobError> {
        let writer = around(&*self.1, self.0.create(key, size)).await?;
        Ok(Box::new(ScriptedWriter(writer, Arc::clone(&self.1))))
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

    fn refusal(&self, key: &str) -> Option<String> {
        self.0.refusal(key)
    }
}
