//! Reading one object in pieces, going on after a cut.

use bytes::Bytes;
use reqwest::{Method, Response, header};
use url::Url;

use super::CarparkClient;
use super::rest::{self, Before, Rest};
use crate::client::http;
use crate::client::{Cause, ClientError, Dependency};
use crate::runtime::Instant;

const OPEN: &str = "open a shard";
const READ: &str = "read a shard";
/// Bytes per second that a body must bring.
const SLOWEST: f64 = 1024.0;

/// An object that is being read. Cuts of the connection are fixed by asking for the rest, on condition that the object
/// is still the same where the server's validator allows it; what is read is held against digests by whoever reads it.
#[derive(Debug)]
pub struct Blob {
    client: CarparkClient,
    url: Url,
    body: Response,
    length: Option<u64>,
    /// With what the rest is asked for on condition.
    validator: Option<header::HeaderValue>,
    at: u64,
    /// Bytes of the body that were read from an earlier one.
    skip: u64,
    /// Nothing is left to ask for.
    ended: bool,
    /// Cuts since the last new byte came.
    cuts: usize,
    /// When the pace was looked at last, and where the reading was then.
    paced: (Instant, u64),
}

impl Blob {
    /// Opens an object by its address.
    pub(super) async fn open(client: &CarparkClient, url: Url) -> Result<Self, ClientError> {
        let attempt = || async {
            let request = client.http.request(Method::GET, url.clone());
            let request = request.header(header::ACCEPT_ENCODING, "identity");
            let response = http::check(client.http.send(request).await?).await?;
            if rest::is_plain(response.headers()) {
                Ok(response)
            } else {
                let packed = "a packed body came, though the plain one was asked for";
                Err(Cause::Malformed(packed.to_owned()))
            }
        };
        let body = client.calls.run(Dependency::Carpark, OPEN, attempt).await?;
        Ok(Self {
            client: client.clone(),
            url,
            length: body.content_length(),
            validator: rest::strong(body.headers()),
            body,
            at: 0,
            skip: 0,
            ended: false,
            cuts: 0,
            paced: (Instant::now(), 0),
        })
    }

    /// Length of the whole object, if the server said it.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// The next piece; `None` at the end of the object.
    ///
    /// # Errors
    /// The body comes too slowly, or breaks off and no try gets the rest of the same object.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ClientError> {
        while !self.ended {
            match self.body.chunk().await {
                Ok(Some(piece)) => {
                    if let Some(piece) = self.fresh(piece) {
                        self.keep_pace()?;
                        return Ok(Some(piece));
                    }
                }
                Ok(None)
                    if self.skip == 0 && self.length.is_none_or(|length| length == self.at) =>
                {
                    self.ended = true;
                }
                Ok(None) => {
                    let cut = Cause::Network("body ended early".to_owned());
                    self.go_on(cut).await?;
                }
                Err(error) => self.go_on(http::network(&error)).await?,
            }
        }
        Ok(None)
    }

    /// What of a piece was not read before.
    fn fresh(&mut self, mut piece: Bytes) -> Option<Bytes> {
        let known = usize::try_from(self.skip).map_or(piece.len(), |skip| skip.min(piece.len()));
        self.skip -= known as u64;
        let fresh = piece.split_off(known);
        if fresh.is_empty() {
            return None;
        }
        self.at += fresh.len() as u64;
        self.cuts = 0;
        Some(fresh)
    }

    /// A body that drips would never be silent and never end.
    fn keep_pace(&mut self) -> Result<(), ClientError> {
        let window = self.client.calls.limits().idle;
        let (since, from) = self.paced;
        let took = since.elapsed();
        if took < window {
            return Ok(());
        }
        self.paced = (Instant::now(), self.at);
        let least = took.as_secs_f64() * SLOWEST;
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52 bytes")]
        if ((self.at - from) as f64) < least {
            return Err(Cause::Timeout.at(Dependency::Carpark, READ));
        }
        Ok(())
    }

    /// Asks for the rest of the object.
    async fn go_on(&mut self, cut: Cause) -> Result<(), ClientError> {
        self.cuts += 1;
        if self.cuts > self.client.calls.limits().tries {
            return Err(cut.at(Dependency::Carpark, READ));
        }
        let (response, rest) = match self.rest().await {
            // A condition that does not hold for an object that is named by its digest says more of the server than of
            // the object: without it, lengths and digests tell.
            Err(error) if self.validator.is_some() && is_unmet(&error.cause) => {
                tracing::debug!(url = %self.url, "reading on without a condition");
                self.validator = None;
                self.rest().await?
            }
            answer => answer?,
        };
        match rest {
            Rest::From(first) => self.skip = self.at - first,
            Rest::Nothing => self.ended = true,
            Rest::Other(what) => {
                let at = self.at;
                let text = format!("the bytes from {at} on were asked for, and {what} came");
                return Err(Cause::Malformed(text).at(Dependency::Carpark, READ));
            }
        }
        self.body = response;
        Ok(())
    }

    async fn rest(&self) -> Result<(Response, Rest), ClientError> {
        let before = Before {
            at: self.at,
            length: self.length,
        };
        let attempt = || async {
            let range = format!("bytes={}-", self.at);
            let http = &self.client.http;
            let mut request = http
                .request(Method::GET, self.url.clone())
                .header(header::ACCEPT_ENCODING, "identity")
                .header(header::RANGE, range);
            if let Some(validator) = &self.validator {
                request = request.header(header::IF_MATCH, validator);
            }
            let response = http.send(request).await?;
            let rest = rest::of(&response, before);
            if rest == Rest::Nothing {
                return Ok((response, rest));
            }
            Ok((http::check(response).await?, rest))
        };
        let calls = &self.client.calls;
        calls.run(Dependency::Carpark, READ, attempt).await
    }
}

/// Whether the server told that a condition does not hold.
fn is_unmet(cause: &Cause) -> bool {
    matches!(cause, Cause::Refused { status: 412, .. })
}
