//! The queue message as JSON, as the JavaScript tool and as Go write it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::{Map, Value};

use super::dialect::Dialect;
use super::error::IpniError;
use super::job::{Job, Provider};
use super::multiaddr::Multiaddr;
use super::peer::PeerId;

#[derive(Serialize)]
struct Outer<M> {
    #[serde(rename = "JobID")]
    id: String,
    #[serde(rename = "Message")]
    message: M,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsMessage {
    #[serde(rename = "contextID")]
    context: String,
    metadata: String,
    provider: JsProvider,
}

#[derive(Serialize)]
struct JsProvider {
    id: String,
    addrs: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GoMessage {
    #[serde(rename = "ContextID")]
    context: String,
    metadata: String,
    provider: GoProvider,
}

#[derive(Serialize)]
struct GoProvider {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "Addrs")]
    addrs: Vec<String>,
}

impl Job {
    /// The body of the queue message.
    #[must_use]
    pub fn to_message(&self, dialect: Dialect) -> String {
        write(self, dialect)
    }

    /// Reads the body of a queue message in either dialect; keys in any case.
    ///
    /// # Errors
    /// The body is not such a message.
    pub fn from_message(body: &str) -> Result<Self, IpniError> {
        read(body)
    }
}

fn write(job: &Job, dialect: Dialect) -> String {
    let (context, metadata) = (
        STANDARD.encode(&job.context_id),
        STANDARD.encode(&job.metadata),
    );
    let (provider, id) = (job.provider.id.to_string(), job.id.clone());
    let addrs = job.provider.addrs.iter().map(ToString::to_string).collect();
    let text = match dialect {
        Dialect::Js => {
            let provider = JsProvider {
                id: provider,
                addrs,
            };
            serde_json::to_string(&Outer {
                id,
                message: JsMessage {
                    context,
                    metadata,
                    provider,
                },
            })
        }
        Dialect::Go => {
            let provider = GoProvider {
                id: provider,
                addrs,
            };
            serde_json::to_string(&Outer {
                id,
                message: GoMessage {
                    context,
                    metadata,
                    provider,
                },
            })
        }
    };
    text.expect("text and lists are JSON")
}

fn read(body: &str) -> Result<Job, IpniError> {
    let outer: Map<String, Value> = serde_json::from_str(body)?;
    let message = object(&outer, "Message")?;
    let provider = object(message, "provider")?;
    let addrs = match field(provider, "addrs") {
        Some(Value::Array(list)) => list
            .iter()
            .map(|addr| addr.as_str().ok_or(IpniError::Job("addrs"))),
        _ => return Err(IpniError::Job("addrs")),
    };
    Ok(Job {
        id: text(&outer, "JobID")?.to_owned(),
        context_id: base64(message, "contextID")?,
        metadata: base64(message, "metadata")?,
        provider: Provider {
            id: PeerId::parse(text(provider, "id")?)?,
            addrs: addrs
                .map(|addr| Multiaddr::parse(addr?))
                .collect::<Result<_, _>>()?,
        },
    })
}

/// A field whatever the case of its key, as Go's JSON reader looks it up.
fn field<'a>(map: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    map.iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

fn object<'a>(
    map: &'a Map<String, Value>,
    name: &'static str,
) -> Result<&'a Map<String, Value>, IpniError> {
    field(map, name)
        .and_then(Value::as_object)
        .ok_or(IpniError::Job(name))
}

fn text<'a>(map: &'a Map<String, Value>, name: &'static str) -> Result<&'a str, IpniError> {
    field(map, name)
        .and_then(Value::as_str)
        .ok_or(IpniError::Job(name))
}

fn base64(map: &Map<String, Value>, name: &'static str) -> Result<Vec<u8>, IpniError> {
    STANDARD
        .decode(text(map, name)?)
        .map_err(|_| IpniError::Job(name))
}
