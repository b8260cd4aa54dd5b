//! Fetches the content of every upload through the gateway, as anybody would, and compares it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures::stream::{self, StreamExt as _};
use serde::Serialize;
use url::Url;

use super::compare::{Difference, served};
use crate::sandbox::world::content;
use crate::sandbox::world::manifest::{Manifest, Record};
use crate::sandbox::world::plan::Plan;

/// Uploads fetched at the same time.
const AT_ONCE: usize = 8;
/// How long one file may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// What was fetched.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Fetched {
    /// Uploads whose every file came back equal.
    pub uploads: u64,
    /// Files compared.
    pub files: u64,
    /// Bytes compared.
    pub bytes: u64,
    /// Uploads that cannot be served and were refused.
    pub refused: u64,
}

/// A retrieval of everything.
pub(super) struct Retrieval<'a> {
    client: reqwest::Client,
    gateway: Url,
    plan: &'a Plan,
    world: &'a Manifest,
    files: AtomicU64,
    bytes: AtomicU64,
}

impl<'a> Retrieval<'a> {
    pub(super) fn new(gateway: &str, plan: &'a Plan, world: &'a Manifest) -> Result<Self> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(PATIENCE)
            .build();
        Ok(Self {
            client: client.context("make a client for the gateway")?,
            gateway: Url::parse(gateway).context("read the gateway's URL")?,
            plan,
            world,
            files: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        })
    }

    /// Files and bytes compared so far.
    pub(super) fn so_far(&self) -> (u64, u64) {
        (
            self.files.load(Ordering::Relaxed),
            self.bytes.load(Ordering::Relaxed),
        )
    }

    /// Fetches and compares all; gives what was equal, and what was not.
    pub(super) async fn run(&self) -> Result<(Fetched, Vec<Difference>)> {
        let mut fetched = Fetched::default();
        let mut all = Vec::new();
        let mut answers = stream::iter(&self.world.uploads)
            .map(|record| async move { (record, self.upload(record).await) })
            .buffer_unordered(AT_ONCE);
        while let Some((record, differences)) = answers.next().await {
            let differences = differences?;
            if differences.is_empty() {
                let counter = if record.retrievable {
                    &mut fetched.uploads
                } else {
                    &mut fetched.refused
                };
                *counter += 1;
            }
            all.extend(differences);
        }
        (fetched.files, fetched.bytes) = self.so_far();
        Ok((fetched, all))
    }

    /// Every file of one upload.
    async fn upload(&self, record: &Record) -> Result<Vec<Difference>> {
        let upload = self.plan.uploads.get(record.number);
        let upload = upload
            .context("find an upload of the world in its plan")?
            .clone();
        let seed = self.plan.seed;
        // Making content is work for a processor: it must not hold up answers.
        let making = tokio::task::spawn_blocking(move || content::make(seed, &upload));
        let content = making.await.context("make content again")?;
        let mut differences = Vec::new();
        let root = content.root.to_string();
        if root != record.root {
            differences.push(Difference::new(record.number, &record.root, &root));
        }
        for (path, expected) in &content.files {
            let url = self.url(&record.root, path);
            let difference = match self.get(&url).await {
                Ok((status, body)) => served(record.retrievable, expected, status, &body),
                Err(error) => Some(("an answer".to_owned(), format!("{error:#}"))),
            };
            if let Some((expected, found)) = difference {
                differences.push(Difference::new(&url, &expected, &found));
            } else if record.retrievable {
                self.files.fetch_add(1, Ordering::Relaxed);
                self.bytes
                    .fetch_add(expected.len() as u64, Ordering::Relaxed);
            }
        }
        Ok(differences)
    }

    async fn get(&self, url: &Url) -> Result<(u16, bytes::Bytes)> {
        let answer = self.client.get(url.clone()).send().await?;
        Ok((answer.status().as_u16(), answer.bytes().await?))
    }

    /// `/ipfs/<root>/<path>`, names encoded; the path of a single file is empty.
    fn url(&self, root: &str, path: &str) -> Url {
        let mut url = self.gateway.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.clear().push("ipfs").push(root);
            segments.extend(path.split('/').filter(|name| !name.is_empty()));
        }
        url
    }
}
