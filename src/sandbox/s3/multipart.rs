//! Multipart uploads: parts are object files in a folder per upload until they are put together.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::PathBuf;

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use futures::Stream;
use multibase::Base::Base16Lower;
use serde::{Deserialize, Serialize};

use super::checksums::{Expected, Hasher};
use super::error::{ObjectError, at};
use super::file::{Meta, seal, sync_folder, unseal};
use super::store::{Condition, Objects, PutOptions};
use super::write::Spooled;

/// The smallest part that is not the last.
const SMALLEST_PART: u64 = 5 << 20;

/// What is known of an upload before it is complete.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Upload {
    v: u8,
    bucket: String,
    key: String,
    content_type: Option<String>,
    metadata: std::collections::BTreeMap<String, String>,
}

impl Objects {
    /// Begins an upload and returns its id.
    pub(super) async fn begin_upload(
        &self,
        bucket: &str,
        key: &str,
        options: PutOptions,
    ) -> Result<String, ObjectError> {
        self.check_bucket(bucket)?;
        let id = uuid::Uuid::new_v4().simple().to_string();
        let folder = self.root().join(".multipart").join(&id);
        let upload = Upload {
            v: 1,
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            content_type: options.content_type,
            metadata: options.metadata,
        };
        blocking(move || {
            fs::create_dir_all(&folder).map_err(at(&folder))?;
            let path = folder.join("upload.json");
            let json = serde_json::to_vec(&upload).map_err(|error| at(&path)(error.into()))?;
            fs::write(&path, json).map_err(at(&path))?;
            sync_folder(&folder).map_err(at(&folder))
        })
        .await?;
        Ok(id)
    }

    /// Stores a part, over any with its number.
    pub(super) async fn put_part<E: std::fmt::Display>(
        &self,
        id: &str,
        number: i32,
        body: impl Stream<Item = Result<Bytes, E>>,
        expected: Expected,
        finish: impl FnOnce(&Hasher) -> Result<(), ObjectError>,
    ) -> Result<String, ObjectError> {
        let folder = self.upload_folder(id)?;
        let spooled = self.spool(body, expected, finish).await?;
        let meta = Meta {
            v: 1,
            key: number.to_string(),
            size: spooled.size,
            etag: Base16Lower.encode(&spooled.sha256[..16]),
            modified_ms: 0,
            sha256: None,
            content_type: None,
            metadata: std::collections::BTreeMap::new(),
        };
        blocking(move || {
            let mut file = File::options()
                .write(true)
                .open(&spooled.path)
                .map_err(at(&spooled.path))?;
            seal(&mut file, &meta).map_err(at(&spooled.path))?;
            let path = folder.join(part_name(number));
            fs::rename(&spooled.path, &path).map_err(at(&path))?;
            sync_folder(&folder).map_err(at(&folder))?;
            Ok(meta.etag)
        })
        .await
    }

    /// Puts the named parts together as one object. Each part is its number and entity tag.
    pub(super) async fn complete_upload(
        &self,
        id: &str,
        parts: Vec<(i32, Option<String>)>,
        condition: Condition,
    ) -> Result<Meta, ObjectError> {
        let folder = self.upload_folder(id)?;
        let spool = self
            .root()
            .join(".spool")
            .join(uuid::Uuid::new_v4().to_string());
        let joined = {
            let folder = folder.clone();
            blocking(move || join(&folder, &spool, &parts)).await?
        };
        let (upload, spooled, etag) = joined;
        let options = PutOptions {
            content_type: upload.content_type,
            metadata: upload.metadata,
            condition,
            sha256: None,
        };
        let meta = self
            .publish(&upload.bucket, &upload.key, spooled, options, Some(etag))
            .await?;
        fs::remove_dir_all(&folder).map_err(at(&folder))?;
        Ok(meta)
    }

    /// Forgets an upload and its parts.
    pub(super) fn abort_upload(&self, id: &str) -> Result<(), ObjectError> {
        let folder = self.upload_folder(id)?;
        fs::remove_dir_all(&folder).map_err(at(&folder))
    }

    fn upload_folder(&self, id: &str) -> Result<PathBuf, ObjectError> {
        let missing = || ObjectError::NoUpload(id.to_owned());
        if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(missing());
        }
        let folder = self.root().join(".multipart").join(id);
        if folder.join("upload.json").is_file() {
            return Ok(folder);
        }
        Err(missing())
    }
}

/// Checks the parts and writes them one after the other to a file in the spool folder.
fn join(
    folder: &std::path::Path,
    spool: &std::path::Path,
    parts: &[(i32, Option<String>)],
) -> Result<(Upload, Spooled, String), ObjectError> {
    let path = folder.join("upload.json");
    let json = fs::read(&path).map_err(at(&path))?;
    let upload: Upload = serde_json::from_slice(&json).map_err(|error| at(&path)(error.into()))?;
    let mut spooled = Spooled {
        path: spool.to_owned(),
        size: 0,
        sha256: [0; 32],
    };
    let mut whole = File::create_new(spool).map_err(at(spool))?;
    let mut tags = Context::new(&SHA256);
    let mut before = 0;
    for (at_part, (number, wanted)) in parts.iter().enumerate() {
        let path = folder.join(part_name(*number));
        let mut file = File::open(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => ObjectError::Part(*number),
            _ => at(&path)(error),
        })?;
        let meta = unseal(&mut file).map_err(at(&path))?;
        let same_tag = wanted.as_ref().is_none_or(|wanted| *wanted == meta.etag);
        if *number <= before || !same_tag {
            return Err(ObjectError::Part(*number));
        }
        if meta.size < SMALLEST_PART && at_part + 1 < parts.len() {
            return Err(ObjectError::SmallPart(*number));
        }
        before = *number;
        tags.update(meta.etag.as_bytes());
        spooled.size += meta.size;
        io::copy(&mut file.take(meta.size), &mut whole).map_err(at(spool))?;
    }
    if parts.is_empty() {
        return Err(ObjectError::Part(0));
    }
    let etag = format!(
        "{}-{}",
        Base16Lower.encode(&tags.finish().as_ref()[..16]),
        parts.len()
    );
    Ok((upload, spooled, etag))
}

fn part_name(number: i32) -> String {
    format!("part-{number:05}")
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ObjectError> + Send + 'static,
) -> Result<T, ObjectError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| ObjectError::Body(error.to_string()))?
}
