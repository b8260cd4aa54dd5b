//! What a handler gets and gives.

use ipld_core::ipld::Ipld;

use crate::proto::Did;
use crate::proto::message::{Effects, Outcome, Task};
use crate::proto::ucan::{Capability, Delegation};

/// A validated invocation.
pub(crate) struct Call {
    /// The invocation with its blocks.
    pub(crate) invocation: Delegation,
    /// Its one capability.
    pub(crate) capability: Capability,
}

impl Call {
    /// The DID that the capability is about.
    pub(crate) fn subject(&self) -> Result<Did, Failure> {
        Did::parse(&self.capability.with).map_err(|error| Failure::thrown(&error))
    }

    /// A caveat that must be there.
    pub(crate) fn caveat(&self, name: &str) -> Result<&Ipld, Failure> {
        self.capability
            .get(name)
            .ok_or_else(|| Failure::broke(&format!("{name} is missing")))
    }
}

/// What a handler did.
#[derive(Debug)]
pub(crate) struct Success {
    /// The value of `out.ok`.
    pub(crate) out: Ipld,
    /// What is to be done elsewhere or was done.
    pub(crate) effects: Effects,
}

impl Success {
    /// Done, with a value.
    pub(crate) fn with(out: Ipld) -> Self {
        Self {
            out,
            effects: Effects::default(),
        }
    }

    /// Done, with nothing to say.
    pub(crate) fn done() -> Self {
        Self::with(map([]))
    }

    /// Adds a task after those that are there.
    pub(crate) fn fork(mut self, task: impl Into<Task>) -> Self {
        self.effects.fork.push(task.into());
        self
    }
}

/// Why a handler did not do it.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An answer of the protocol: a map with a name, sent as it is.
    Refused(Ipld),
    /// The handler broke; sent as a `HandlerExecutionError`.
    Thrown(String),
}

/// What a handler answers.
pub(crate) type Answer = Result<Success, Failure>;

impl Failure {
    /// An answer of the protocol.
    pub(crate) fn named(name: &str, message: &str) -> Self {
        Self::Refused(map([("name", text(name)), ("message", text(message))]))
    }

    /// The handler broke with this error.
    pub(crate) fn thrown(error: &dyn std::error::Error) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            message = format!("{message}: {cause}");
            source = cause.source();
        }
        Self::Thrown(message)
    }

    /// The handler broke, for a reason in words.
    pub(crate) fn broke(reason: &str) -> Self {
        Self::Thrown(reason.to_owned())
    }

    /// The value of `out.error` for an ability and its resource.
    pub(crate) fn into_outcome(self, capability: &Capability) -> Outcome {
        match self {
            Self::Refused(error) => Outcome::Err(error),
            Self::Thrown(message) => Outcome::Err(map([
                ("name", text("HandlerExecutionError")),
                ("error", Ipld::Bool(true)),
                (
                    "message",
                    text(&format!(
                        "service handler {{can: \"{}\"}} error: {message}",
                        capability.can
                    )),
                ),
                (
                    "capability",
                    map([
                        ("can", text(&capability.can)),
                        ("with", text(&capability.with)),
                    ]),
                ),
                (
                    "cause",
                    map([("name", text("Error")), ("message", text(&message))]),
                ),
            ])),
        }
    }
}

/// What breaks inside a handler without being an answer of the protocol.
macro_rules! thrown_from {
    ($($error:ty),* $(,)?) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::thrown(&error)
            }
        })*
    };
}

thrown_from!(
    crate::sandbox::config::SandboxError,
    crate::sandbox::s3::ObjectError,
    crate::proto::ucan::UcanError,
    crate::proto::message::MessageError,
    crate::proto::cbor::CborError,
    crate::proto::did::DidError,
    std::io::Error,
);

/// A map value.
pub(crate) fn map<const N: usize>(entries: [(&str, Ipld); N]) -> Ipld {
    Ipld::Map(
        entries
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect(),
    )
}

/// A text value.
pub(crate) fn text(value: &str) -> Ipld {
    Ipld::String(value.to_owned())
}
