//! How an object comes to be: its body is spooled, described, synced, then given its key.

use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use futures::{Stream, StreamExt};
use multibase::Base::Base16Lower;
use tokio::io::AsyncWriteExt;

use super::checksums::{Expected, Hasher as BodyHasher};
use super::error::{ObjectError, at};
use super::file::{Meta, seal, sync_folder};
use super::store::{Objects, PutOptions, joined};

/// Bytes written to a file at once.
const CHUNK: usize = 256 << 10;

/// A body on disk that no key names yet.
pub(super) struct Spooled {
    pub(super) path: PathBuf,
    pub(super) size: u64,
    pub(super) sha256: [u8; 32],
}

impl Drop for Spooled {
    fn drop(&mut self) {
        // Renamed away when it was published; otherwise nobody wants it.
        fs::remove_file(&self.path).ok();
    }
}

impl Objects {
    /// Writes a body to the spool folder, hashing it; `finish` sees its checksums.
    pub(super) async fn spool<E: std::fmt::Display>(
        &self,
        body: impl Stream<Item = Result<Bytes, E>>,
        expected: Expected,
        finish: impl FnOnce(&BodyHasher) -> Result<(), ObjectError>,
    ) -> Result<Spooled, ObjectError> {
        let name = uuid::Uuid::new_v4().to_string();
        let path = self.root().join(".spool").join(name);
        let mut spooled = Spooled {
            path: path.clone(),
            size: 0,
            sha256: [0; 32],
        };
        let file = tokio::fs::File::create_new(&path)
            .await
            .map_err(at(&path))?;
        let mut file = tokio::io::BufWriter::with_capacity(CHUNK, file);
        let mut hasher = BodyHasher::new(&expected);
        let mut body = std::pin::pin!(body);
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|error| ObjectError::Body(error.to_string()))?;
            hasher.update(&chunk);
            file.write_all(&chunk).await.map_err(at(&path))?;
            spooled.size += chunk.len() as u64;
        }
        file.flush().await.map_err(at(&path))?;
        hasher.close();
        finish(&hasher)?;
        hasher.check(&expected)?;
        spooled.sha256 = hasher.sha256();
        Ok(spooled)
    }

    /// Gives a spooled body its description and key. `etag` is set for objects made of parts.
    pub(super) async fn publish(
        &self,
        bucket: &str,
        key: &str,
        spooled: Spooled,
        options: PutOptions,
        etag: Option<String>,
    ) -> Result<Meta, ObjectError> {
        let meta = Meta {
            v: 1,
            key: key.to_owned(),
            size: spooled.size,
            sha256: etag.is_none().then(|| BASE64.encode(&spooled.sha256)),
            etag: etag.unwrap_or_else(|| Base16Lower.encode(&spooled.sha256[..16])),
            modified_ms: self.inner.clock.now().0,
            content_type: options.content_type,
            metadata: options.metadata,
        };
        let this = self.clone();
        let bucket = bucket.to_owned();
        let condition = options.condition;
        joined(tokio::task::spawn_blocking(move || {
            let mut file = File::options()
                .write(true)
                .open(&spooled.path)
                .map_err(at(&spooled.path))?;
            seal(&mut file, &meta).map_err(at(&spooled.path))?;
            let _held = this.lock(&bucket, &meta.key);
            this.check(&bucket, &meta.key, &condition)?;
            let path = this.path(&bucket, &meta.key);
            fs::rename(&spooled.path, &path).map_err(at(&path))?;
            let folder = this.root().join(&bucket);
            sync_folder(&folder).map_err(at(&folder))?;
            if let Some(objects) = this.write().get_mut(&bucket) {
                objects.insert(meta.key.clone(), Arc::new(meta.clone()));
            }
            Ok(meta)
        }))
        .await
    }
}
