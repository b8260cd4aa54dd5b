//! Finding out where a shard really lies.

use reqwest::{Method, StatusCode, header};
use url::Url;

use super::{Blob, CarparkClient, Layout, rest};
use crate::client::http;
use crate::client::{Cause, ClientError, Dependency};
use crate::proto::multihash::{self, Multihash};

const CONFIRM: &str = "read a shard where a claim names it";
const HEAD: &str = "look for a shard in the carpark";

/// Where a shard lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// Its address.
    pub url: Url,
    /// Its length in bytes, if the server says it.
    pub length: Option<u64>,
    /// The layout of the address; `None` for one that a claim named.
    pub layout: Option<Layout>,
}

impl CarparkClient {
    /// Looks for a shard in every carpark, under the layout `first` and then under the other, and at `others` as far as
    /// they are expected.
    ///
    /// What lies at an address of `others` is read and hashed: anybody may name one, and its path need not name the shard.
    ///
    /// `None` only if every place said 404, or holds something else.
    ///
    /// # Errors
    /// A place refuses with anything but "not found", no try gets a valid answer from it, or the hash cannot be
    /// computed here.
    pub async fn locate(
        &self,
        shard: &Multihash,
        first: Layout,
        others: &[Url],
    ) -> Result<Option<Located>, ClientError> {
        for (url, layout) in self.places(shard, first, others) {
            let found = match layout {
                Some(_) => self.at(&url).await?,
                None => self.read(&url, shard).await?,
            };
            if let Some(length) = found {
                return Ok(Some(Located {
                    url,
                    length,
                    layout,
                }));
            }
        }
        Ok(None)
    }

    /// The length of a shard at an address, every byte of it read; `None` if it is not what lies there.
    async fn read(&self, url: &Url, shard: &Multihash) -> Result<Option<Option<u64>>, ClientError> {
        let unknown = |error: multihash::MultihashError| Cause::Malformed(error.to_string());
        let hasher = shard.hasher().map_err(unknown);
        let mut hasher = hasher.map_err(|cause| cause.at(Dependency::Carpark, CONFIRM))?;
        let mut blob = match Blob::open(self, url.clone()).await {
            Ok(blob) => blob,
            Err(error) if error.cause == Cause::Missing => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut length = 0;
        while let Some(piece) = blob.next().await? {
            hasher.update(&piece);
            length += piece.len() as u64;
        }
        if hasher.check(shard).is_ok() {
            return Ok(Some(Some(length)));
        }
        tracing::warn!(%url, %shard, "something else is where a claim names a shard");
        Ok(None)
    }

    /// Whether anything lies at an address, and how long it is if the server says that; `None` if the server says that
    /// nothing does.
    ///
    /// # Errors
    /// The server refuses with anything but "not found", or no try gets a valid answer.
    pub async fn at(&self, url: &Url) -> Result<Option<Option<u64>>, ClientError> {
        match self.length(url).await {
            Ok(length) => Ok(Some(length)),
            Err(error) if error.cause == Cause::Missing => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Opens a shard for reading, looking in the same places as [`CarparkClient::locate`].
    ///
    /// # Errors
    /// A place refuses with anything but "not found", or no try gets a valid answer from it.
    pub async fn open(
        &self,
        shard: &Multihash,
        first: Layout,
        others: &[Url],
    ) -> Result<Option<(Located, Blob)>, ClientError> {
        for (url, layout) in self.places(shard, first, others) {
            match Blob::open(self, url.clone()).await {
                Ok(blob) => {
                    return Ok(Some((
                        Located {
                            url,
                            length: blob.length(),
                            layout,
                        },
                        blob,
                    )));
                }
                Err(error) if error.cause == Cause::Missing => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Asks for the length of an object.
    async fn length(&self, url: &Url) -> Result<Option<u64>, ClientError> {
        let attempt = || async {
            let request = self.http.request(Method::HEAD, url.clone());
            match http::check(self.http.send(request).await?).await {
                // No shard is empty: a server that says so does not count what it does not send.
                Ok(response) => Ok(rest::length(response.headers()).filter(|bytes| *bytes > 0)),
                Err(cause) if knows_no_head(&cause) => self.length_by_reading(url).await,
                Err(cause) => Err(cause),
            }
        };
        self.calls.run(Dependency::Carpark, HEAD, attempt).await
    }

    /// As [`CarparkClient::length`], of a server that answers to `GET` only: one byte is asked for.
    async fn length_by_reading(&self, url: &Url) -> Result<Option<u64>, Cause> {
        let request = self.http.request(Method::GET, url.clone());
        let request = request.header(header::RANGE, "bytes=0-0");
        let response = http::check(self.http.send(request).await?).await?;
        let headers = response.headers();
        Ok(match response.status() {
            StatusCode::PARTIAL_CONTENT => rest::whole(headers),
            _ => rest::length(headers),
        })
    }

    fn places(
        &self,
        shard: &Multihash,
        first: Layout,
        others: &[Url],
    ) -> Vec<(Url, Option<Layout>)> {
        let own = self.addresses().all(shard, first).into_iter();
        let mut places: Vec<_> = own.map(|(url, layout)| (url, Some(layout))).collect();
        for url in others {
            if self.addresses().expects(url) && places.iter().all(|(known, _)| known != url) {
                places.push((url.clone(), None));
            }
        }
        places
    }
}

/// Whether a server told that it does not answer to `HEAD`.
fn knows_no_head(cause: &Cause) -> bool {
    matches!(
        cause,
        Cause::Refused { status: 405, .. } | Cause::Unavailable { status: 501, .. }
    )
}
