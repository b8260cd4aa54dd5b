//! The audit, and the plan of a dry run: looks at uploads and changes nothing.

use std::collections::BTreeSet;

use anyhow::Result;
use futures::{StreamExt as _, stream};

use super::scope::{Resolved, Work, refuse_nothing};
use super::uploads::{Opened, admit, config, ended};
use super::{AuditReport, AuditedUpload, Degree, Face, Kind, Seen, Stop, Trouble, UnlistedSpace};
use crate::config::{Root, Settings, options};
use crate::engine::{self, AuditOutcome, Config, Depth, Report, Scope};
use crate::model::{Audited, Failure, Unit, Unlisted};
use crate::monitor::count;
use crate::proto::did::Did;
use crate::proto::multihash::Multihash;

/// Spaces whose uploads are counted at once.
const COUNTS: usize = 32;

/// What an audit leaves out unless it is deep.
const BYTES: &str = "the bytes of shards and indexes (use --deep)";
/// What no audit looks at.
const NEVER_CHECKED: [&str; 2] = [
    "whether the gateway holds its authorisation (it cannot be asked; the record of it, its revocation and its end are)",
    "retrieval through the gateway, and adverts in IPNI",
];

/// Audits without a mutating call. A drain ends it within seconds, whatever it waits for.
pub async fn verify(
    settings: &Settings,
    options: options::Verify,
    stop: Stop,
    face: Face,
) -> Result<AuditReport> {
    let prepare = async {
        let opened = Opened::connect(settings).await?;
        let state = opened.identity(settings)?;
        admit(&opened.store, state, options.scope.customers.as_ref()).await?;
        let Resolved {
            work,
            unknown_roots,
        } = opened.work(settings, &options.scope, &face).await?;
        refuse_nothing(&work, &options.scope)?;
        let work = match options.scope.limit {
            // How many there are is of no use to a sample.
            Some(_) => work,
            None => counted(&opened, work, &face).await,
        };
        anyhow::Ok((opened, work, unknown_roots))
    };
    let (opened, work, unknown_roots) =
        Box::pin(unless_stopped(&stop, "audit uploads", prepare)).await?;
    let mut config = config(&opened, settings, (options.instance, options.concurrency))?;
    config.limit = options.scope.limit;
    config.max_duration = options.max_duration;
    config.depth = if options.deep {
        Depth::Bytes
    } else {
        Depth::Presence
    };
    let how = if options.deep { ", every byte" } else { "" };
    let report = Report {
        resume: options.resume,
        ..Report::new("audit", format!("{}{how}", words(&options.scope)))
    };
    let report = look(&opened, config, work, report, (stop, face)).await?;
    Ok(AuditReport {
        unknown_roots,
        ..report
    })
}

/// Does what comes before the work, unless the command is to stop.
pub async fn unless_stopped<T>(
    stop: &Stop,
    what: &str,
    work: impl Future<Output = Result<T>> + Send,
) -> Result<T> {
    tokio::select! {
        biased;
        done = Box::pin(work) => done,
        () = stop.reached(Degree::Drain) => Err(stopped(stop, what).into()),
    }
}

/// What is told of a command that was stopped before its work began.
#[must_use]
pub fn stopped(stop: &Stop, what: &str) -> Trouble {
    let reason = stop.reason().unwrap_or("asked to stop");
    Trouble::new(
        Kind::Stopped,
        what,
        format!("{reason}, before it began"),
        "start it again; nothing was done",
    )
}

/// Looks at what `work` names as a run would, and says what it would do.
pub(super) async fn run(
    opened: &Opened,
    config: Config,
    work: Work,
    name: &'static str,
    ends: (Stop, Face),
) -> Result<AuditReport> {
    look(opened, config, work, Report::new(name, name), ends).await
}

async fn look(
    opened: &Opened,
    config: Config,
    work: Work,
    report: Report,
    (stop, face): (Stop, Face),
) -> Result<AuditReport> {
    // Of a sample nobody counts how much there is.
    let is_counted = match &work {
        Work::Units(units) => units.iter().all(|unit| unit.planned.is_some()),
        Work::Items(_) => true,
    };
    let scope = match work {
        Work::Units(units) => Scope::Units(units),
        Work::Items(items) => Scope::Items(items),
    };
    let started = opened.clock.moment();
    let state = config.identity.clone();
    let (run, words, depth) = (config.run.clone(), report.scope.clone(), config.depth);
    let (parts, events) = opened.parts(stop);
    let showing = opened.show(events, face);
    let outcome = engine::audit(parts, config, scope, report).await;
    drop(showing);
    let outcome = outcome.map_err(|error| Trouble::of_engine(&error))?;
    let expected = outcome.snapshot.counts.planned;
    let AuditOutcome {
        verdicts, listed, ..
    } = outcome;
    Ok(AuditReport {
        state,
        run,
        resumes: outcome.resumes,
        scope: words,
        ended: ended(outcome.ended)?,
        would: outcome.would,
        verdicts,
        listed,
        expected: (is_counted || outcome.whole == outcome.units)
            .then_some(expected.max(verdicts.total())),
        spaces: outcome.units,
        spaces_whole: outcome.whole,
        unlisted: outcome.unlisted,
        unlisted_spaces: outcome.first_unlisted.into_iter().map(unlisted).collect(),
        uploads: outcome.first.into_iter().map(audited).collect(),
        not_checked: left_out(depth),
        seconds: started.elapsed().as_secs_f64(),
        file: Some(outcome.file),
        unknown_roots: Vec::new(),
    })
}

fn left_out(depth: Depth) -> Vec<String> {
    let bytes = (depth < Depth::Bytes).then_some(BYTES);
    let presence = (depth < Depth::Presence).then_some("whether shards and indexes are there");
    let left_out = presence.into_iter().chain(bytes).chain(NEVER_CHECKED);
    left_out.map(str::to_owned).collect()
}

/// The same work with the uploads counted of spaces of which no row says how many they have. What cannot be counted is
/// left for the listing.
async fn counted(opened: &Opened, work: Work, face: &Face) -> Work {
    let units = match work {
        Work::Units(units) => units,
        items @ Work::Items(_) => return items,
    };
    let (mut done, of) = (0, Some(units.len() as u64));
    let tables = &opened.migration.services().tables;
    let counting = units.into_iter().map(|unit| async move {
        let space = Did::parse(&unit.id.name).ok();
        match (unit.planned, space) {
            (None, Some(space)) => Unit {
                planned: tables.count_uploads(&space).await.ok(),
                ..unit
            },
            _ => unit,
        }
    });
    let counted = stream::iter(counting).buffered(COUNTS).inspect(|_| {
        done += 1;
        let what = "counting uploads by space";
        face(Seen::Start { what, done, of });
    });
    Work::Units(counted.collect().await)
}

/// What a scope is, in words: an audit is resumed by one of the same.
pub(super) fn words(scope: &options::Scope) -> String {
    let mut words = Vec::new();
    if let Some(file) = &scope.customers {
        let of_file = file.plan.as_ref().map_or_else(
            || {
                let shares = format!("{:?}", file.customers);
                let digest = Multihash::sha256(shares.as_bytes()).base58();
                let customers = count(file.customers.len() as u64, "customer");
                format!("{customers}, not of a plan, {digest}")
            },
            |plan| format!("plan {}", plan.id),
        );
        let instance = file.instance.map(|one| format!(" of instance {one}"));
        words.push(format!(
            "customers file{}, {of_file}",
            instance.unwrap_or_default()
        ));
    }
    let (customers, spaces) = (&scope.only_customers, &scope.only_spaces);
    words.extend(customers.iter().map(|one| format!("customer {one}")));
    words.extend(spaces.iter().map(|one| format!("space {one}")));
    words.extend(of_roots(&scope.roots));
    if words.is_empty() {
        return "everything".to_owned();
    }
    words.join(", ")
}

/// Roots in words: the same for the same content, whatever it is called and in whichever order.
fn of_roots(roots: &[Root]) -> Option<String> {
    match roots {
        [] => None,
        [root] => Some(format!("upload {}", root.v1())),
        _ => {
            let names: BTreeSet<&str> = roots.iter().map(Root::v1).collect();
            let names: Vec<&str> = names.into_iter().collect();
            let digest = Multihash::sha256(names.join("\n").as_bytes()).base58();
            Some(format!("{} uploads, {digest}", roots.len()))
        }
    }
}

fn said(failure: &Failure) -> String {
    format!("{}: {}", failure.reason, failure.message)
}

fn audited(found: Audited) -> AuditedUpload {
    AuditedUpload {
        customer: found.unit.owner.to_string(),
        space: found.unit.name.to_string(),
        root: found.item.to_string(),
        verdict: found.verdict,
        findings: found.findings,
        failure: found.failure.as_ref().map(said),
    }
}

fn unlisted(found: Unlisted) -> UnlistedSpace {
    UnlistedSpace {
        customer: found.unit.owner.to_string(),
        space: found.unit.name.to_string(),
        after: found.after.map(|item| item.to_string()),
        failure: said(&found.failure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V0: &str = "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG";
    const V1: &str = "bafybeie5nqv6kd3qnfjupgvz34woh3oksc3iau6abmyajn7qvtf6d2ho34";
    const RAW: &str = "bafkreigxvqjwduxgfekyol7ox6uegnv4nri7xc7twppmvisnqgetzcm7ue";

    #[test]
    fn an_audit_of_the_same_uploads_has_the_same_scope() {
        let scope = |roots: &[&str]| {
            let roots = roots.iter().map(|root| root.parse().unwrap()).collect();
            words(&options::Scope {
                roots,
                ..options::Scope::default()
            })
        };
        assert_eq!(scope(&[]), "everything");
        assert_eq!(scope(&[V0]), format!("upload {V1}"));
        assert_eq!(scope(&[V0, RAW]), scope(&[RAW, V1]));
        assert!(scope(&[V0, RAW]).starts_with("2 uploads, "));
        assert_ne!(scope(&[V0, RAW]), scope(&[V0, V1]));
    }
}
