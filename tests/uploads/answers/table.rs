//! The answers, what each call must make of them, and the check.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sterna::client::{ClientError, Services};
use sterna::model::{Class, Failure, Reason};
use sterna::sandbox::{Plan, Service, When};

use super::calls::{Call, Family, Found, Kind};
use super::stage::{PATIENCE, Stage, TRIES};

/// Nothing may take longer; only that a test that hangs ends.
const HANG: Duration = Duration::from_secs(90);
/// What a service asks for with `Retry-After`.
const RETRY_AFTER: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Throttled,
    Broken,
    BadGateway,
    ErrorIn200,
    ErrorReceipt,
    SwitchedOff,
    Cut,
    Slow,
    WrongDigest,
    StaleMiss,
    Duplicate,
    Never,
    Refused,
    NoSuchHost,
}

const ANSWERS: [Answer; 14] = [
    Answer::Throttled,
    Answer::Broken,
    Answer::BadGateway,
    Answer::ErrorIn200,
    Answer::ErrorReceipt,
    Answer::SwitchedOff,
    Answer::Cut,
    Answer::Slow,
    Answer::WrongDigest,
    Answer::StaleMiss,
    Answer::Duplicate,
    Answer::Never,
    Answer::Refused,
    Answer::NoSuchHost,
];

/// How a call ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// With what it was asked for.
    Is(Found),
    /// With a failure.
    Fails(Class, Reason),
}

/// What a call must make of an answer, and how often it must have been struck.
#[derive(Clone, Copy, Debug)]
struct Expect {
    end: End,
    struck: Option<u64>,
}

fn transient(reason: Reason) -> Expect {
    Expect {
        end: End::Fails(Class::Transient, reason),
        struck: Some(TRIES),
    }
}

fn found(found: Found) -> Expect {
    Expect {
        end: End::Is(found),
        struck: Some(1),
    }
}

/// `None` if the answer cannot be given to such a call.
fn expected(call: &Call, answer: Answer) -> Option<Expect> {
    // Answered by the way to another address, without a body.
    let leads_on = call.operation == "GET /receipt";
    let has_body = !leads_on && !matches!(call.kind, Kind::Head | Kind::S3Put | Kind::Put);
    Some(match answer {
        Answer::Throttled => transient(Reason::THROTTLED),
        Answer::Broken | Answer::BadGateway => transient(Reason::SERVICE_ERROR),
        // What has no form is told by its digest, which is for who reads it; without a body there is nothing to see.
        Answer::ErrorIn200 => match call.kind {
            Kind::Raw => found(Found::Other),
            Kind::Head => found(Found::It),
            // The node finds out when it is to accept the blob.
            Kind::Put => Expect {
                struck: Some(1),
                ..transient(Reason::SERVICE_ERROR)
            },
            Kind::S3Put => transient(Reason::SERVICE_ERROR),
            _ => transient(Reason::BAD_ANSWER),
        },
        Answer::ErrorReceipt if call.kind == Kind::Message => Expect {
            struck: Some(1),
            ..transient(Reason::SERVICE_ERROR)
        },
        // An outage in a good answer is waited out.
        Answer::SwitchedOff if call.kind == Kind::Message => found(Found::It),
        Answer::ErrorReceipt | Answer::SwitchedOff => return None,
        Answer::Cut | Answer::Slow if !has_body => return None,
        Answer::Cut => match call.kind {
            Kind::Dynamo | Kind::Sqs => transient(Reason::BAD_ANSWER),
            Kind::Raw => Expect {
                struck: None,
                ..transient(Reason::UNREACHABLE)
            },
            _ => transient(Reason::UNREACHABLE),
        },
        Answer::Slow => Expect {
            struck: None,
            ..transient(Reason::TIMEOUT)
        },
        Answer::WrongDigest => match call.kind {
            Kind::Raw => found(Found::Other),
            Kind::Receipt if leads_on => return None,
            Kind::Message | Kind::Receipt | Kind::Claims | Kind::S3Get => {
                transient(Reason::BAD_ANSWER)
            }
            _ => return None,
        },
        Answer::StaleMiss => Expect {
            end: call.miss?,
            struck: None,
        },
        Answer::Duplicate => found(Found::It),
        Answer::Never => transient(Reason::TIMEOUT),
        Answer::Refused | Answer::NoSuchHost if call.service == Service::Node => return None,
        Answer::Refused | Answer::NoSuchHost => Expect {
            struck: None,
            ..transient(Reason::UNREACHABLE)
        },
    })
}

/// A receipt with an error in a good answer.
fn receipt(answer: Answer, base: Plan) -> Plan {
    let (error, times) = match answer {
        Answer::SwitchedOff => ("ServiceUnavailable", Some(1)),
        _ => ("HandlerExecutionError", None),
    };
    Plan {
        receipt_error: Some(error.to_owned()),
        times,
        ..base
    }
}

fn plan(call: &Call, answer: Answer) -> Plan {
    let base = Plan {
        service: Some(call.service),
        operation: Some(call.operation.to_owned()),
        ..Plan::default()
    };
    let replaced = |status: u16, body: &str| Plan {
        status: Some(status),
        body: Some(body.to_owned()),
        ..base.clone()
    };
    let error = match call.kind {
        Kind::S3Get | Kind::S3Put => {
            "<Error><Code>InternalError</Code><Message>planned</Message></Error>"
        }
        _ => r#"{"__type":"InternalServerError","error":{"message":"planned"}}"#,
    };
    match answer {
        Answer::Throttled => Plan {
            headers: BTreeMap::from([("retry-after".to_owned(), "1".to_owned())]),
            ..replaced(429, error)
        },
        Answer::Broken => replaced(500, error),
        Answer::BadGateway => replaced(502, "<html>Bad Gateway</html>"),
        Answer::ErrorIn200 => replaced(200, error),
        Answer::ErrorReceipt | Answer::SwitchedOff => receipt(answer, base),
        Answer::Cut => Plan {
            cut_after_bytes: Some(0),
            ..base
        },
        Answer::Slow => Plan {
            bytes_per_second: Some(1),
            ..base
        },
        Answer::WrongDigest => Plan {
            flip_byte: Some(call.flip),
            ..base
        },
        Answer::StaleMiss => Plan {
            times: (call.miss == Some(End::Is(Found::It))).then_some(1),
            ..match call.kind {
                Kind::Dynamo => replaced(200, &nothing(call.operation)),
                Kind::S3Get | Kind::S3Put => replaced(404, "<Error><Code>NoSuchKey</Code></Error>"),
                _ => replaced(404, ""),
            }
        },
        Answer::Duplicate => Plan {
            when: When::After,
            times: Some(1),
            ..replaced(500, error)
        },
        Answer::Never => Plan { hang: true, ..base },
        Answer::Refused | Answer::NoSuchHost => Plan {
            times: Some(0),
            ..base
        },
    }
}

/// An answer of DynamoDB from a replica that has not seen the row yet.
fn nothing(operation: &str) -> String {
    let used = r#"{"TableName":"t","CapacityUnits":0.5}"#;
    match operation {
        "BatchGetItem" => {
            format!(r#"{{"Responses":{{}},"UnprocessedKeys":{{}},"ConsumedCapacity":[{used}]}}"#)
        }
        "GetItem" => format!(r#"{{"ConsumedCapacity":{used}}}"#),
        _ => format!(r#"{{"Items":[],"Count":0,"ScannedCount":0,"ConsumedCapacity":{used}}}"#),
    }
}

/// All rows of a call; gives what is wrong with them.
pub(super) async fn rows(stage: &Stage, call: &Call) -> Vec<String> {
    let mut wrong = Vec::new();
    for answer in ANSWERS {
        let Some(expect) = expected(call, answer) else {
            continue;
        };
        let row = format!("{} ({}), {answer:?}", call.name, call.file);
        wrong.extend(
            check(stage, call, answer, expect)
                .await
                .map(|why| format!("{row}: {why}")),
        );
        // Trouble that is over leaves nothing behind.
        let healthy = make(stage, call, &stage.patient).await;
        if healthy != Ok(End::Is(Found::It)) {
            wrong.push(format!("{row}, then healthy: {healthy:?}"));
        }
    }
    wrong
}

async fn check(stage: &Stage, call: &Call, answer: Answer, expect: Expect) -> Option<String> {
    let network = stage.local.sandbox.network();
    let clients = clients(stage, call, answer).await;
    network.faults.clear();
    network.faults.add(plan(call, answer));
    network.meter.reset();
    let began = Instant::now();
    let end = make(stage, call, &clients).await;
    let took = began.elapsed();
    let struck = network.faults.plans()[0].2;
    network.faults.clear();
    let end = match end {
        Ok(end) => end,
        Err(why) => return Some(why),
    };
    if end != expect.end {
        return Some(format!("expected {:?}, found {end:?}", expect.end));
    }
    if let Some(wanted) = expect.struck.filter(|_| call.places == 1)
        && struck != wanted
    {
        return Some(format!("tried {struck} times, not {wanted}"));
    }
    if answer == Answer::Throttled && took < RETRY_AFTER {
        return Some(format!("tried again after {took:?}"));
    }
    let services = network.meter.snapshot();
    let changes: u64 = services.values().map(|service| service.mutating).sum();
    if !call.writes && changes > 0 {
        return Some(format!("a read made {changes} changes"));
    }
    None
}

/// Clients for an answer: in haste where it is slow, lost where nobody answers.
async fn clients(stage: &Stage, call: &Call, answer: Answer) -> Services {
    match answer {
        Answer::Refused => stage.refused.clone(),
        Answer::NoSuchHost => stage.nowhere.clone(),
        // Each with a limit and a breaker of its own, which learn nothing from the row before.
        Answer::Slow | Answer::Never => stage.fresh(haste(call)).await,
        Answer::Throttled => stage.fresh(PATIENCE).await,
        _ if call.fresh => stage.fresh(PATIENCE).await,
        _ => stage.patient.clone(),
    }
}

/// The deadline of clients that meet what is slow or silent. An add makes other calls first, which must meet it.
fn haste(call: &Call) -> Duration {
    Duration::from_millis(if call.family == Family::Upload {
        1_000
    } else {
        300
    })
}

async fn make(stage: &Stage, call: &Call, clients: &Services) -> Result<End, String> {
    match tokio::time::timeout(HANG, (call.make)(stage, clients)).await {
        Ok(Ok(found)) => Ok(End::Is(found)),
        Ok(Err(error)) => Ok(failed(error)),
        Err(_) => Err("no end".to_owned()),
    }
}

fn failed(error: ClientError) -> End {
    let failure = Failure::from(error);
    End::Fails(failure.class, failure.reason)
}
