//! `rollback` of uploads: a scope of customers and spaces as the session wants it.

use anyhow::Result;

use crate::app::session::{Agree, Rollback, unless_stopped};
use crate::app::uploads::scope::check_plan;
use crate::app::uploads::workload::connect;
use crate::app::{ProgressSink, RollbackReport, Stop};
use crate::config::{Settings, options};
use crate::proto::CustomerDid;

/// What is told when a rollback was stopped before it began.
const BEGIN: &str = "roll back";

/// Undoes what a migration made.
///
/// # Errors
/// As [`crate::app::session::Session::rollback`]; the customers file is of another plan.
pub async fn rollback(
    settings: &Settings,
    options: options::Rollback,
    agree: Agree<'_>,
    (stop, sink): (Stop, ProgressSink),
) -> Result<RollbackReport> {
    let connecting = async {
        let session = connect(settings, &options.scope, false).await?;
        let file = options.scope.customers.as_ref();
        check_plan(&session.store, session.identity()?, file).await?;
        anyhow::Ok(session)
    };
    let session = unless_stopped(&stop, BEGIN, connecting).await?;
    let config = session.config(options.instance, options.concurrency)?;
    let wish = Rollback {
        units: units(&options.scope),
        run: options.run,
        journals: options.journals,
        dry_run: options.dry_run,
        allow_missing_journal: options.allow_missing_journal,
    };
    session.rollback(config, wish, agree, (stop, sink)).await
}

/// Customers and spaces as the engine wants them.
fn units(scope: &options::Scope) -> Vec<(Option<String>, Option<String>)> {
    let some = |one: &dyn ToString| Some(one.to_string());
    if let Some(file) = &scope.customers {
        let shares = file.customers.iter().flat_map(|share| match &share.spaces {
            None => vec![(some(&share.customer), None)],
            Some(spaces) => spaces
                .iter()
                .map(|space| (some(&share.customer), some(space)))
                .collect(),
        });
        return shares.collect();
    }
    let spaces = || scope.only_spaces.iter();
    if scope.only_customers.is_empty() {
        return spaces().map(|space| (None, some(space))).collect();
    }
    let of_customer = |customer: &CustomerDid| {
        if scope.only_spaces.is_empty() {
            return vec![(some(customer), None)];
        }
        spaces()
            .map(|space| (some(customer), some(space)))
            .collect()
    };
    scope.only_customers.iter().flat_map(of_customer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::CustomersFile;
    use crate::config::options::Scope;

    const ALICE: &str = "did:mailto:example.org:alice";
    const BOB: &str = "did:mailto:example.org:bob";
    const SPACE: &str = "did:key:z6MkwDK3M4PxU1FqcSt4quXghquH1MoWXGzTrNkNWTSy2NLD";

    #[test]
    fn a_split_customer_is_rolled_back_by_its_share() {
        let text =
            format!(r#"{{"customers":["{ALICE}",{{"customer":"{BOB}","spaces":["{SPACE}"]}}]}}"#);
        let file = CustomersFile::parse(std::path::Path::new("file"), &text).unwrap();
        let scope = Scope {
            customers: Some(file),
            ..Scope::default()
        };
        assert_eq!(
            units(&scope),
            [
                (Some(ALICE.into()), None),
                (Some(BOB.into()), Some(SPACE.into()))
            ]
        );
    }

    #[test]
    fn a_space_of_a_customer_is_that_space_alone() {
        let scope = Scope {
            only_customers: vec![ALICE.parse().unwrap()],
            only_spaces: vec![SPACE.parse().unwrap()],
            ..Scope::default()
        };
        assert_eq!(units(&scope), [(Some(ALICE.into()), Some(SPACE.into()))]);
        let scope = Scope {
            only_spaces: vec![SPACE.parse().unwrap()],
            ..Scope::default()
        };
        assert_eq!(units(&scope), [(None, Some(SPACE.into()))]);
    }
}
