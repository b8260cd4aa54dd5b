//! Requests that are led elsewhere.

use reqwest::{Method, Response, StatusCode, header};
use url::Url;

use super::Http;
use crate::client::Cause;

/// Most hops of one request.
const HOPS: usize = 5;

impl Http {
    /// GET or HEAD that follows a few redirects within the origin of its address.
    pub(crate) async fn follow(
        &self,
        method: Method,
        url: Url,
        accept: &str,
    ) -> Result<Response, Cause> {
        self.follow_to(method, url, accept, |_| false).await
    }

    /// As [`Http::follow`], and to the other addresses that `leads` names: those that the settings say a service leads to.
    pub(crate) async fn follow_to(
        &self,
        method: Method,
        url: Url,
        accept: &str,
        leads: impl Fn(&Url) -> bool,
    ) -> Result<Response, Cause> {
        let origin = url.origin();
        let mut request = self.request(method.clone(), url.clone());
        let mut url = url;
        for _ in 0..=HOPS {
            let response = self.send(request.header(header::ACCEPT, accept)).await?;
            if !is_redirect(response.status()) {
                return Ok(response);
            }
            let to = next(&url, &response)?;
            request = if to.origin() == origin {
                self.request(method.clone(), to.clone())
            } else if leads(&to) {
                self.request_named(method.clone(), to.clone())?
            } else {
                let (from, to) = (origin.ascii_serialization(), to.origin());
                let to = to.ascii_serialization();
                return Err(Cause::Address(format!(
                    "{to}, to which {from} leads: redirects to other origins are not followed"
                )));
            };
            url = to;
        }
        Err(Cause::Malformed(format!("more than {HOPS} redirects")))
    }
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

fn next(from: &Url, response: &Response) -> Result<Url, Cause> {
    let location = response
        .headers()
        .get(header::LOCATION)
        .and_then(|value| value.to_str().ok())
        .ok_or_else(|| Cause::Malformed("redirect without an address".to_owned()))?;
    let to = from
        .join(location)
        .map_err(|_| Cause::Malformed("redirect to no address".to_owned()))?;
    let is_plain = matches!(to.scheme(), "http" | "https")
        && to.username().is_empty()
        && to.password().is_none();
    if is_plain {
        Ok(to)
    } else {
        Err(Cause::Address("a redirect to no plain address".to_owned()))
    }
}
