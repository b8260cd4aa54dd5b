//! Whether what a run relies on is there, asked before anything is done.

use std::time::Duration;

use aws_sdk_dynamodb::types::{KeySchemaElement, TableDescription};
use futures::future::join_all;
use reqwest::Method;
use url::Url;

use super::aws::{Clients, cause};
use super::http::Http;
use super::tables::required;
use super::{Aws, Cause, ClientError, Dependency, Limits, Queues};
use crate::runtime::{Policy, retry};

/// Deadline of one try.
const DEADLINE: Duration = Duration::from_secs(10);

/// Something a run relies on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Thing {
    /// A table, and the names of its keys; none where any will do.
    Table(String, &'static [&'static str]),
    /// A bucket.
    Bucket(String),
    /// A bucket in R2.
    R2Bucket(String),
    /// A queue, by its URL.
    Queue(Url),
    /// Something that speaks HTTP; any answer will do.
    Service(Url),
}

/// Something that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absent {
    /// What was looked for.
    pub thing: Thing,
    /// Why it cannot be used.
    pub cause: Cause,
}

/// Looks for all things at once and gives those that cannot be used, in the order asked. Changes nothing. A right to
/// look that is lacking does not count where the run itself does without it.
///
/// # Errors
/// No HTTP client can be made.
pub async fn absent(
    aws: &Aws,
    queues: &Queues,
    limits: &Limits,
    things: Vec<Thing>,
) -> Result<Vec<Absent>, ClientError> {
    let http =
        Http::new(limits).map_err(|cause| cause.at(Dependency::IndexingService, "set up HTTP"))?;
    let clients = Clients::connect(aws, queues, limits).await;
    let policy = Policy {
        tries: u32::try_from(limits.tries).unwrap_or(u32::MAX),
        first_wait: limits.pause,
        ..Policy::default().within(DEADLINE.min(limits.call))
    };
    let looks = things.into_iter().map(|thing| {
        let (clients, http, policy) = (&clients, &http, &policy);
        async move {
            let looked = retry(policy, || check(clients, http, &thing)).await;
            let cause = looked.err()?;
            Some(Absent { thing, cause })
        }
    });
    Ok(join_all(looks).await.into_iter().flatten().collect())
}

async fn check(clients: &Clients, http: &Http, thing: &Thing) -> Result<(), Cause> {
    match thing {
        Thing::Table(name, keys) => {
            let asked = clients.dynamodb.describe_table().table_name(name);
            let answer = asked.send().await.map_err(cause)?;
            required(answer.table.as_ref())?;
            let schema = answer.table.iter().flat_map(TableDescription::key_schema);
            let has: Vec<&str> = schema.map(KeySchemaElement::attribute_name).collect();
            keyed_as(&has, keys)
        }
        Thing::Bucket(name) => bucket(&clients.s3, name).await,
        Thing::R2Bucket(name) => match &clients.r2 {
            Some(r2) => bucket(r2, name).await,
            None => Ok(()),
        },
        Thing::Queue(url) => {
            let asked = clients.sqs.get_queue_attributes().queue_url(url.as_str());
            let answer = asked.send().await.map(drop).map_err(cause);
            may_be_hidden(answer)
        }
        Thing::Service(url) => http
            .send(http.request(Method::GET, url.clone()))
            .await
            .map(drop),
    }
}

/// Whether a table is keyed as it should be: another one, under its name, would answer to no question.
fn keyed_as(has: &[&str], wanted: &[&str]) -> Result<(), Cause> {
    if wanted.is_empty() || has == wanted {
        return Ok(());
    }
    Err(Cause::Setting(format!(
        "keyed by {}, not by {}: another table",
        has.join(" and "),
        wanted.join(" and ")
    )))
}

async fn bucket(client: &aws_sdk_s3::Client, name: &str) -> Result<(), Cause> {
    let answer = client.head_bucket().bucket(name).send().await;
    may_be_hidden(answer.map(drop).map_err(cause))
}

/// Runs read and write objects and messages, and may well lack the right to look at the bucket or queue itself.
fn may_be_hidden(answer: Result<(), Cause>) -> Result<(), Cause> {
    match answer {
        Err(Cause::Credentials(_)) => Ok(()),
        other => other,
    }
}
