//! `verify`: audits uploads without a mutating call.

use std::collections::BTreeSet;

use anyhow::Result;
use futures::{StreamExt as _, stream};

use super::plan::check_plan;
use super::scope::{Resolved, refuse_nothing, resolver};
use super::{UploadsSession, connect};
use crate::app::session::{Work, unless_stopped};
use crate::app::{AuditReport, ProgressSink, ProgressUpdate, Stop};
use crate::config::{Root, Settings, options};
use crate::engine::{Depth, Report};
use crate::model::Unit;
use crate::monitor::count;
use crate::proto::did::Did;
use crate::proto::multihash::Multihash;

/// Spaces whose uploads are counted at once.
const COUNTS: usize = 32;

/// Audits without a mutating call. A drain ends it within seconds, whatever it waits for.
pub async fn verify(
    settings: &Settings,
    options: options::Verify,
    stop: Stop,
    sink: ProgressSink,
) -> Result<AuditReport> {
    let prepare = async {
        let opened = connect(settings, &options.scope, false).await?;
        let state = opened.identity()?;
        check_plan(&opened.store, state, options.scope.customers.as_ref()).await?;
        let Resolved {
            work,
            unknown_roots,
        } = resolver(&opened).work(&options.scope, &sink).await?;
        refuse_nothing(&work, &options.scope)?;
        let work = match options.scope.limit {
            // How many there are is of no use to a sample.
            Some(_) => work,
            None => counted(&opened, work, &sink).await,
        };
        anyhow::Ok((opened, work, unknown_roots))
    };
    let (opened, work, unknown_roots) =
        Box::pin(unless_stopped(&stop, "audit uploads", prepare)).await?;
    let mut config = opened.config(options.instance, options.concurrency)?;
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
    let report = opened.audit(config, work, report, (stop, sink)).await?;
    Ok(AuditReport {
        unknown_roots,
        ..report
    })
}

/// The same work with the uploads counted of spaces of which no row says how many they have. What cannot be counted is
/// left for the listing.
async fn counted(opened: &UploadsSession, work: Work, sink: &ProgressSink) -> Work {
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
        sink(ProgressUpdate::Start { what, done, of });
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
