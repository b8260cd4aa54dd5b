//! Reading one object in pieces, going on after a cut.

use bytes::Bytes;
use reqwest::{Method, Response, StatusCode, header};
use url::Url;

use super::CarparkClient;
use crate::client::http;
use crate::client::{Cause, Dependency, Error};
use crate::runtime::Moment;

const OPEN: &str = "open a shard";
const READ: &str = "read a shard";
/// Bytes per second that a body must bring.
const SLOWEST: f64 = 1024.0;

/// An object that is being read. Cuts of the connection are mended by asking for the rest.
#[derive(Debug)]
pub struct Blob {
    client: CarparkClient,
    url: Url,
    body: Response,
    length: Option<u64>,
    etag: Option<header::HeaderValue>,
    at: u64,
    /// Cuts since the last byte came.
    cuts: usize,
    /// When the pace was looked at last, and where the reading was then.
    paced: (Moment, u64),
}

impl Blob {
    /// Opens an object by its address.
    pub(super) async fn open(client: &CarparkClient, url: Url) -> Result<Self, Error> {
        let attempt = || async {
            let response = client
                .http
                .send(client.http.request(Method::GET, url.clone()))
                .await?;
            http::check(response).await
        };
        let body = client.calls.run(Dependency::Carpark, OPEN, attempt).await?;
        let length = body.content_length();
        let etag = body.headers().get(header::ETAG).cloned();
        Ok(Self {
            client: client.clone(),
            url,
            body,
            length,
            etag,
            at: 0,
            cuts: 0,
            paced: (Moment::now(), 0),
        })
    }

    /// Length of the whole object, if the server said it.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// The next piece; `None` at the end of the object.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            match self.body.chunk().await {
                Ok(Some(piece)) => {
                    self.at += piece.len() as u64;
                    self.cuts = 0;
                    self.keep_pace()?;
                    return Ok(Some(piece));
                }
                Ok(None) if self.length.is_none_or(|length| length == self.at) => return Ok(None),
                Ok(None) => {
                    let cut = Cause::Network("body ended early".to_owned());
                    self.go_on(cut).await?;
                }
                Err(error) => self.go_on(http::network(&error)).await?,
            }
        }
    }

    /// A body that drips would never be silent and never end.
    fn keep_pace(&mut self) -> Result<(), Error> {
        let window = self.client.calls.limits().idle;
        let (since, from) = self.paced;
        let took = since.elapsed();
        if took < window {
            return Ok(());
        }
        self.paced = (Moment::now(), self.at);
        let least = took.as_secs_f64() * SLOWEST;
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52 bytes")]
        if ((self.at - from) as f64) < least {
            return Err(Cause::Timeout.at(Dependency::Carpark, READ));
        }
        Ok(())
    }

    /// Asks for the rest of the object.
    async fn go_on(&mut self, cut: Cause) -> Result<(), Error> {
        self.cuts += 1;
        if self.cuts > self.client.calls.limits().tries {
            return Err(cut.at(Dependency::Carpark, READ));
        }
        let attempt = || async {
            let range = format!("bytes={}-", self.at);
            let mut request = self
                .client
                .http
                .request(Method::GET, self.url.clone())
                .header(header::RANGE, range);
            if let Some(etag) = &self.etag {
                request = request.header(header::IF_MATCH, etag);
            }
            let response = http::check(self.client.http.send(request).await?).await?;
            if self.at > 0 && !starts_at(&response, self.at) {
                return Err(Cause::Refused {
                    status: response.status().as_u16(),
                    message: "the rest of an object was asked for, something else came".to_owned(),
                });
            }
            Ok(response)
        };
        self.body = self
            .client
            .calls
            .run(Dependency::Carpark, READ, attempt)
            .await?;
        Ok(())
    }
}

fn starts_at(response: &Response, at: u64) -> bool {
    let range = response
        .headers()
        .get(header::CONTENT_RANGE)
        .and_then(|value| value.to_str().ok());
    response.status() == StatusCode::PARTIAL_CONTENT
        && range.is_some_and(|range| range.starts_with(&format!("bytes {at}-")))
}
