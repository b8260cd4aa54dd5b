//! Whether a customers file may be worked on: only one of these tables, and of the plan in force.
//!
//! A file of an earlier plan may name spaces that another instance has by now: then it is refused. Where all that it
//! names is still this instance's in the plan in force, it is worked on under that plan: a plan that only adds spaces
//! takes nothing from those who run. A file that `setup` did not write is a part of no plan: leases alone keep it apart
//! from others, as they always do.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anyhow::Result;

use crate::app::{CommandError, Kind};
use crate::config::{CustomersFile, PlanOfFile};
use crate::migrations::uploads::{CustomerRow, CustomerTables, VOCABULARY};
use crate::model::{InstanceId, PlanId, PlanSummary, StateIdentity};
use crate::monitor::count;
use crate::proto::{CustomerDid, SpaceDid};
use crate::state::rows::stamp;
use crate::state::{StateError, Store};

/// The plan that a scope is a part of: the one in force, or none. Refuses a customers file of other tables, and one
/// whose spaces are others' in the plan in force; the difference is in the error.
///
/// # Errors
/// [`Kind::Mismatch`], or [`Kind::NotFound`] when no plan is in force at all.
pub(in crate::app::uploads) async fn check_plan(
    store: &Store,
    state: &StateIdentity,
    file: Option<&CustomersFile>,
) -> Result<Option<PlanId>> {
    let Some(file) = file else { return Ok(None) };
    let Some(plan) = &file.plan else {
        return Ok(None);
    };
    let what = format!("work on {}", file.path.display());
    if plan.state != *state {
        return Err(CommandError::new(
            Kind::Mismatch,
            what,
            format!(
                "it belongs to other tables: {}; the settings name {state}",
                plan.state
            ),
            "check --env, region and MIGRATION_*_TABLE_NAME with `sterna config show --origin`; if the tables were recreated, \
             move all earlier customers files and checkpoints out of the state folder, run `sterna setup`, and use \
             the files that it writes; nothing was done",
        )
        .into());
    }
    let trouble = |error: StateError| CommandError::of_state(&error);
    match store.current_plan().await.map_err(trouble)? {
        Some(current) if current.id == plan.id => {
            refuse_another_number(store, file, &current).await?;
            Ok(Some(current.id))
        }
        Some(current) => {
            let of_file = store.plan(&plan.id).await.map_err(trouble)?;
            let rows = CustomerTables::of(store).customers_of(None).await.map_err(trouble)?;
            let stays = of_file.is_some() && stays(store, file, &current, &rows).await?;
            if !stays {
                return Err(other_plan(file, plan, of_file.as_ref(), &current, &rows).into());
            }
            tracing::warn!(
                file = %file.path.display(), of = plan.id.short(), in_force = current.id.short(),
                "the file belongs to an earlier plan, but all its customers are still this instance's, so the run goes ahead; copy \
                 the file of the plan in force when convenient"
            );
            Ok(Some(current.id))
        }
        None => Err(CommandError::new(
            Kind::NotFound,
            what,
            format!(
                "it is part of plan {}, but these tables have no plan: they were recreated, or `sterna setup` did not finish",
                plan.id.short()
            ),
            "run `sterna setup` again and use the file that it writes; nothing was done",
        )
        .into()),
    }
}

/// Customers of a file whose rows are read to see whether it is the share that its number says.
const LOOKED_AT: usize = 8;

/// Refuses a file of the plan in force with the number of another share, or of none: its first and last customers tell.
///
/// # Errors
/// [`Kind::Mismatch`].
async fn refuse_another_number(
    store: &Store,
    file: &CustomersFile,
    current: &PlanSummary,
) -> Result<()> {
    let Some(number) = file.instance else {
        return Ok(());
    };
    let refuse = |why: String| {
        CommandError::new(
            Kind::Mismatch,
            format!("work on {} as instance {number}", file.path.display()),
            why,
            "correct `instanceId`, or copy the file again from where `sterna setup` wrote it; nothing was done",
        )
    };
    let shares = current.shares.len();
    if usize::try_from(number).is_ok_and(|number| number > shares) {
        let instances = count(shares as u64, "instance");
        return Err(refuse(format!(
            "plan {} has {instances}, and the file says that it is instance {number}'s",
            current.id.short()
        ))
        .into());
    }
    let own = InstanceId::number(number);
    let (first, last) = (file.customers.iter(), file.customers.iter().rev());
    for share in first.take(LOOKED_AT / 2).chain(last.take(LOOKED_AT / 2)) {
        let row = CustomerTables::of(store).customer(&share.customer).await;
        let row = row.map_err(|error| CommandError::of_state(&error))?;
        let plan = row.and_then(|row| row.plan);
        let Some((_, instances)) = plan.filter(|(plan, _)| *plan == current.id) else {
            continue;
        };
        if !instances.contains(&own) {
            let names: Vec<&str> = instances.iter().map(InstanceId::as_str).collect();
            return Err(refuse(format!(
                "plan {} gives {} to instance {}, and the file says that it is instance {number}'s",
                current.id.short(),
                share.customer,
                names.join(" and ")
            ))
            .into());
        }
    }
    Ok(())
}

/// Whether all that a file names is, in the plan in force, its instance's alone.
async fn stays(
    store: &Store,
    file: &CustomersFile,
    current: &PlanSummary,
    rows: &[CustomerRow],
) -> Result<bool> {
    let Some(own) = file.instance.map(InstanceId::number) else {
        return Ok(false);
    };
    let now = in_force(rows, current);
    for share in &file.customers {
        let instances = now.get(&share.customer).copied().unwrap_or_default();
        let stays = match &share.spaces {
            None => instances == [own.clone()],
            Some(spaces) => {
                instances.contains(&own) && has(store, &own, &share.customer, spaces).await?
            }
        };
        if !stays {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether the plan in force gave these spaces of a customer to the instance.
async fn has(
    store: &Store,
    own: &InstanceId,
    customer: &CustomerDid,
    spaces: &[SpaceDid],
) -> Result<bool> {
    let rows = store.progress_of(customer.as_str()).await;
    let rows = rows.map_err(|error| CommandError::of_state(&error))?;
    let given: BTreeSet<&str> = rows
        .iter()
        .filter(|row| row.assigned.as_ref() == Some(own))
        .map(|row| &*row.progress.unit.name)
        .collect();
    Ok(spaces.iter().all(|space| given.contains(space.as_str())))
}

/// The instances of each customer in a plan.
fn in_force<'a>(
    rows: &'a [CustomerRow],
    current: &PlanSummary,
) -> BTreeMap<&'a CustomerDid, &'a [InstanceId]> {
    rows.iter()
        .filter_map(|row| {
            let (plan, instances) = row.plan.as_ref()?;
            (*plan == current.id).then_some((&row.customer, instances.as_slice()))
        })
        .collect()
}

fn other_plan(
    file: &CustomersFile,
    plan: &PlanOfFile,
    of_file: Option<&PlanSummary>,
    current: &PlanSummary,
    rows: &[CustomerRow],
) -> CommandError {
    let made = |plan: &PlanSummary| {
        let line = plan.line(&VOCABULARY);
        format!("{line}, made {} by {}", stamp(plan.made_at), plan.made_by)
    };
    let of_file = of_file.map_or_else(
        || {
            format!(
                "plan {}, which was never in force on these tables",
                plan.id.short()
            )
        },
        made,
    );
    let mut what = format!(
        "work on {}: it belongs to another plan",
        file.path.display()
    );
    let _ = write!(what, "\n  in the file: {of_file}");
    let _ = write!(what, "\n  in force:    {}", made(current));
    for line in difference(file, current, rows) {
        let _ = write!(what, "\n  {line}");
    }
    let name = file.instance.map_or_else(
        || "the customers file".to_owned(),
        |number| format!("instance-{number}-customers.json"),
    );
    CommandError::new(
        Kind::Mismatch,
        what,
        "`sterna setup` was run again since this file was written: other instances may have its customers now",
        format!(
            "copy {name} of the plan in force from where it was made ({}), or run `sterna setup` with the flags of \
             the plan that you want. Positions and checkpoints stay valid either way; nothing was done",
            current.made_by
        ),
    )
}

/// Whose the file's customers are now, and what it lacks.
fn difference(file: &CustomersFile, current: &PlanSummary, rows: &[CustomerRow]) -> Vec<String> {
    let now = in_force(rows, current);
    let own = file.instance.map(InstanceId::number);
    let mut groups = BTreeMap::<String, u64>::new();
    for share in &file.customers {
        let group = match now.get(&share.customer) {
            None => "now assigned to no instance".to_owned(),
            Some(instances) if Some(*instances) == own.as_ref().map(std::slice::from_ref) => {
                "still assigned to this instance".to_owned()
            }
            Some([one]) => format!("now assigned to instance {one}"),
            Some(instances) => {
                let names: Vec<&str> = instances.iter().map(InstanceId::as_str).collect();
                format!("now shared by instances {}", names.join(", "))
            }
        };
        *groups.entry(group).or_default() += 1;
    }
    let mut lines = vec![format!(
        "of {} in the file:",
        count(file.customers.len() as u64, "customer")
    )];
    let mut counted: Vec<(String, u64)> = groups.into_iter().collect();
    counted.sort_by_key(|(group, number)| (std::cmp::Reverse(*number), group.clone()));
    lines.extend(
        counted
            .into_iter()
            .map(|(group, number)| format!("  {number} {group}")),
    );
    if let Some(own) = own {
        let held: std::collections::BTreeSet<&CustomerDid> =
            file.customers.iter().map(|share| &share.customer).collect();
        let lacks = now
            .iter()
            .filter(|(customer, instances)| instances.contains(&own) && !held.contains(*customer))
            .count();
        if lacks > 0 {
            let customers = count(lacks as u64, "customer");
            lines.push(format!(
                "not in the file: {customers} that instance {own} has now"
            ));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::model::ShareSize;
    use crate::model::UnixMillis;

    fn customer(name: &str) -> CustomerDid {
        format!("did:mailto:example.org:{name}").parse().unwrap()
    }

    fn row(name: &str, plan: &str, instances: &[u32]) -> CustomerRow {
        CustomerRow {
            customer: customer(name),
            status: "pending".into(),
            total_spaces: 1,
            completed_spaces: 0,
            total_uploads: 1,
            completed_uploads: 0,
            instance: None,
            filter: None,
            error: None,
            plan: Some((
                PlanId::new(plan),
                instances
                    .iter()
                    .map(|one| InstanceId::number(*one))
                    .collect(),
            )),
            updated_at: None,
            is_summed: false,
        }
    }

    #[test]
    fn the_difference_says_whose_the_customers_are_now() {
        let names: Vec<CustomerDid> = ["a", "b", "c", "d", "e"].map(customer).into();
        let text = serde_json::json!({
            "schema": "sterna.customers", "version": 3, "plan": "old", "state": "here",
            "instanceId": 3, "customers": names,
        });
        let file = CustomersFile::parse(Path::new("f.json"), &text.to_string()).unwrap();
        let current = PlanSummary {
            id: PlanId::new("new"),
            made_at: UnixMillis::ZERO,
            made_by: "ann@host".into(),
            shaped_by: "--instances 2".into(),
            owners: 6,
            units: 7,
            items: 8,
            shares: vec![ShareSize::default(); 2],
        };
        let rows = [
            row("a", "new", &[3]),
            row("b", "new", &[1]),
            row("c", "new", &[1]),
            row("d", "new", &[1, 2]),
            row("e", "old", &[3]),
            row("f", "new", &[3]),
        ];
        let plan = file.plan.clone().unwrap();
        let told = other_plan(&file, &plan, None, &current, &rows);
        assert_eq!(told.kind, Kind::Mismatch);
        let lines: Vec<&str> = told.what.lines().map(str::trim).collect();
        assert_eq!(
            lines,
            [
                "work on f.json: it belongs to another plan",
                "in the file: plan old, which was never in force on these tables",
                "in force:    plan new: 2 instances, 6 customers, 7 spaces, 8 uploads (--instances 2), made \
                 1970-01-01T00:00:00.000Z by ann@host",
                "of 5 customers in the file:",
                "2 now assigned to instance 1",
                "1 now assigned to no instance",
                "1 now shared by instances 1, 2",
                "1 still assigned to this instance",
                "not in the file: 1 customer that instance 3 has now",
            ]
        );
        assert!(told.next.contains("instance-3-customers.json"));
    }
}
