//! Sending invocations and reading their receipts.

use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE};

use super::Identity;
use crate::client::calls::Calls;
use crate::client::http::{self, Http};
use crate::client::{Cause, ClientError, Dependency, Service};
use crate::proto::Did;
use crate::proto::key::Verifier;
use crate::proto::message::{self, Message, Outcome, Receipt, concluded};
use crate::proto::ucan::Delegation;

/// Errors in receipts by which a service says that it takes nothing for now (docs/protocol/blob-add.md §5).
const OUTAGES: [&str; 1] = ["ServiceUnavailable"];
/// Largest reply that is read.
const LARGEST: usize = 16 << 20;

/// A UCAN service and who it is. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    http: Http,
    calls: Calls,
    dependency: Dependency,
    service: Service,
    identity: Identity,
}

impl Connection {
    pub(crate) fn new(
        http: Http,
        calls: Calls,
        dependency: Dependency,
        service: Service,
        identity: Identity,
    ) -> Self {
        Self {
            http,
            calls,
            dependency,
            service,
            identity,
        }
    }

    /// The same service, asked once and without waiting for it.
    pub(crate) fn once_only(&self) -> Self {
        Self {
            calls: self.calls.once(),
            ..self.clone()
        }
    }

    /// Sends invocations in one message and gives their receipts in the same order.
    ///
    /// `make` makes them again for every try, since a service answers an invocation that it has seen from its memory,
    /// failures included. Receipts that say an error are given as they are.
    pub(crate) async fn execute(
        &self,
        what: &'static str,
        make: impl Fn() -> Result<Vec<Delegation>, Cause> + Send + Sync,
    ) -> Result<Vec<Receipt>, ClientError> {
        let (http, calls, service) = (&self.http, &self.calls, &self.service);
        let known = self
            .identity
            .receipt_keys(http, calls, self.dependency, service);
        let mut keys = known.await?;
        loop {
            let attempt = || self.once(&make, &keys);
            let error = match calls.run(self.dependency, what, attempt).await {
                Err(error) if matches!(error.cause, Cause::Forged(_)) => error,
                other => return other,
            };
            // It may sign with another key since it was asked.
            let others = self
                .identity
                .other_keys(http, calls, self.dependency, service, &keys);
            keys = others.await?.ok_or(error)?;
        }
    }

    /// Sends one invocation; an error in its receipt is an error here.
    pub(crate) async fn execute_one(
        &self,
        what: &'static str,
        make: impl Fn() -> Result<Delegation, Cause> + Send + Sync,
    ) -> Result<Receipt, ClientError> {
        let receipts = self.execute(what, || Ok(vec![make()?])).await?;
        let receipt = receipts.into_iter().next();
        let receipt = receipt
            .ok_or_else(|| Cause::Malformed("no receipt".to_owned()).at(self.dependency, what))?;
        match failed(&receipt) {
            Some(cause) => Err(cause.at(self.dependency, what)),
            None => Ok(receipt),
        }
    }

    async fn once(
        &self,
        make: impl Fn() -> Result<Vec<Delegation>, Cause> + Send + Sync,
        keys: &[Verifier],
    ) -> Result<Vec<Receipt>, Cause> {
        let invocations = make()?;
        let request = Message::request(&invocations).map_err(malformed)?;
        let post = self
            .http
            .request(Method::POST, self.service.url.clone())
            .header(CONTENT_TYPE, message::CONTENT_TYPE)
            .header(ACCEPT, message::CONTENT_TYPE)
            .body(request.encode());
        let response = http::check(self.http.send(post).await?).await?;
        let body = http::read(response, LARGEST).await?;
        let reply = Message::decode(&body).map_err(malformed)?;
        invocations
            .iter()
            .map(|invocation| self.receipt(&reply, invocation, keys))
            .collect()
    }

    fn receipt(
        &self,
        reply: &Message,
        invocation: &Delegation,
        keys: &[Verifier],
    ) -> Result<Receipt, Cause> {
        let found = reply.receipt(invocation.cid()).map_err(unfit)?;
        let receipt = found
            .ok_or_else(|| Cause::Malformed(format!("no receipt for {}", invocation.cid())))?;
        check_signature(&receipt, self.identity.did(), keys)?;
        match outage(&receipt) {
            Some(cause) => Err(cause),
            None => Ok(receipt),
        }
    }
}

/// What a service in trouble says in a good answer: in the receipt itself, or in one that came along with it.
pub(crate) fn outage(receipt: &Receipt) -> Option<Cause> {
    let is_outage = |cause: &Cause| matches!(cause, Cause::Down(_));
    let forks = receipt.forks();
    let others = forks
        .iter()
        .filter_map(|fork| concluded(fork.delegation()?).ok());
    let others = others.filter_map(|other| failed(&other));
    failed(receipt)
        .into_iter()
        .chain(others)
        .find(|cause| is_outage(cause))
}

/// A receipt must be signed by the service that was asked, under its DID or the did:key of one of its keys.
///
/// With no key of the service available nothing can be checked but who is said to have signed.
fn check_signature(receipt: &Receipt, service: &Did, keys: &[Verifier]) -> Result<(), Cause> {
    let fits = if keys.is_empty() {
        receipt.issuer().is_none_or(|issuer| issuer == service)
    } else {
        signs(receipt, keys)
    };
    if fits {
        Ok(())
    } else {
        Err(Cause::Forged(format!(
            "receipt {} is not signed by {service}",
            receipt.cid()
        )))
    }
}

/// Whether a receipt is signed with one of the keys, under the DID that the key is of or its did:key. One that names no
/// issuer is signed by any of them.
pub(crate) fn signs(receipt: &Receipt, keys: &[Verifier]) -> bool {
    keys.iter().any(|key| match receipt.issuer() {
        None => receipt.verify(key),
        Some(issuer) => {
            (issuer == key.did() || *issuer == key.key_did())
                && receipt.verify(&key.clone().with_did(issuer.clone()))
        }
    })
}

/// What it means that a receipt cannot be taken out of a message.
pub(crate) fn unfit(error: message::MessageError) -> Cause {
    match error {
        message::MessageError::OfAnother(_) => Cause::Forged(error.to_string()),
        other => malformed(other),
    }
}

/// What a receipt's error means; `None` for success.
pub(crate) fn failed(receipt: &Receipt) -> Option<Cause> {
    let Outcome::Err(error) = receipt.outcome() else {
        return None;
    };
    Some(failure(error))
}

/// Name and message of an error value; the message may be missing, or lie in the `cause` of a wrapped one.
pub(crate) fn failure(error: &ipld_core::ipld::Ipld) -> Cause {
    use ipld_core::ipld::Ipld;
    let text = |value: &Ipld, name: &str| match value.get(name) {
        Ok(Some(Ipld::String(text))) => crate::client::error::excerpt(text),
        _ => String::new(),
    };
    let mut name = text(error, "name");
    let mut message = text(error, "message");
    if let Ok(Some(cause)) = error.get("cause") {
        let inner = text(cause, "message");
        if !inner.is_empty() && !message.contains(&inner) {
            message = if message.is_empty() {
                inner
            } else {
                format!("{message}: {inner}")
            };
        }
    }
    if name.is_empty() {
        "Error".clone_into(&mut name);
    }
    if OUTAGES.contains(&name.as_str()) {
        return Cause::Down(format!("{name}: {message}"));
    }
    Cause::Failed { name, message }
}

fn malformed(error: impl std::fmt::Display) -> Cause {
    Cause::Malformed(error.to_string())
}
