//! A look at a few uploads before a run: settings that name another network, or nothing, show as data that is missing
//! everywhere, and no upload pays for it.

use futures::future::join_all;

use super::session::UploadsSession;
use crate::app::{CommandError, Kind};
use crate::config::options::Migrate;
use crate::migrations::uploads::{GATEWAY, Sample, VOCABULARY, reasons};
use crate::model::{StepDone, StepInfo, StepName, Unit};
use crate::monitor::count;
use crate::proto::did::Did;

/// Spaces that are looked at.
const SPACES: usize = 8;
/// What lacks in fewer spaces than these may lack in the data.
const LEAST: usize = 3;

/// Looks at the first uploads of some spaces of a run, spread over all of them.
///
/// # Errors
/// [`Kind::Preflight`] where none of what was looked for is there, and that was not expected.
pub(super) async fn check(
    opened: &UploadsSession,
    units: &[Unit],
    options: &Migrate,
) -> anyhow::Result<()> {
    let step = units.len().div_ceil(SPACES).max(1);
    let spaces = units.iter().step_by(step).map(|unit| &*unit.id.name);
    let spaces: Vec<Did> = spaces.filter_map(|name| Did::parse(name).ok()).collect();
    if spaces.len() < LEAST {
        return Ok(());
    }
    let samples = spaces.iter().map(|space| opened.migration.sample(space));
    let samples = join_all(samples).await;
    let is_expected = |reason| options.expected.contains_key(&reason);
    let mut faults = Vec::new();
    let makes = |step: &StepName| options.only.is_none_or(|group| group.has(step));
    let of_uploads = |step: &&StepInfo| step.done != StepDone::OncePerUnit;
    let mut of_uploads = VOCABULARY.steps.iter().filter(of_uploads);
    if of_uploads.any(|step| makes(&step.name)) && !is_expected(reasons::MISSING_BLOB) {
        faults.extend(all_lack(&samples, |one| one.shard, &SHARD));
    }
    if makes(&GATEWAY) && !is_expected(reasons::MISSING_DELEGATION) {
        faults.extend(all_lack(&samples, |one| one.delegation, &DELEGATION));
    }
    if let Some(told) = all_lack(&samples, |one| one.claims, &CLAIMS) {
        // A world that was never indexed looks like this.
        tracing::warn!("{told}");
    }
    if faults.is_empty() {
        return Ok(());
    }
    Err(CommandError::new(
        Kind::Preflight,
        format!(
            "check the first upload of {} before the run:\n  {}",
            count(spaces.len() as u64, "space"),
            faults.join("\n  ")
        ),
        "a setting may name the wrong place, or the data is missing everywhere",
        "check the names with `sterna config show --origin`; if the data really is like that, accept it with \
         `--expect MISSING_BLOB=100%` or `--expect MISSING_DELEGATION=100%`; nothing was done",
    )
    .into())
}

/// Something that is looked for, and what would explain that it is nowhere.
struct SampleRequest {
    is_nowhere: &'static str,
    settings: &'static str,
}

const SHARD: SampleRequest = SampleRequest {
    is_nowhere: "no shard is in a carpark, or at the address of a claim",
    settings: "CARPARK_PUBLIC_URL, CARPARK_PUBLIC_URLS, BLOB_CARPARK_PUBLIC_URL, STORE_CARPARK_PUBLIC_URL",
};
const DELEGATION: SampleRequest = SampleRequest {
    is_nowhere: "no delegation that the table names is in its bucket",
    settings: "DELEGATION_TABLE_NAME, DELEGATION_BUCKET_NAME, R2_ENDPOINT, R2_DELEGATION_BUCKET_NAME",
};
const CLAIMS: SampleRequest = SampleRequest {
    is_nowhere: "the indexing service has no claim for any upload that was checked",
    settings: "INDEXING_SERVICE_URL",
};

/// What to say if something was looked for in enough spaces and found in none.
fn all_lack(
    samples: &[Sample],
    of: impl Fn(&Sample) -> Option<bool>,
    wanted: &SampleRequest,
) -> Option<String> {
    let seen: Vec<bool> = samples.iter().filter_map(of).collect();
    let lacks = seen.len() >= LEAST && !seen.contains(&true);
    lacks.then(|| {
        format!(
            "{} (searched in {}): see {}",
            wanted.is_nowhere,
            count(seen.len() as u64, "space"),
            wanted.settings
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lacks_in_some_spaces_or_is_unknown_is_no_fault() {
        let told = |seen: &[Option<bool>]| {
            let sample = |shard: &Option<bool>| Sample {
                shard: *shard,
                ..Sample::default()
            };
            let samples: Vec<Sample> = seen.iter().map(sample).collect();
            all_lack(&samples, |one| one.shard, &SHARD)
        };
        let (no, yes) = (Some(false), Some(true));
        for fine in [
            &[][..],
            &[no, no],
            &[no, no, None, None],
            &[no, no, no, yes],
            &[None, None, None],
        ] {
            assert_eq!(told(fine), None, "{fine:?}");
        }
        let fault = told(&[no, None, no, no]).unwrap();
        assert!(
            fault.contains("in 3 spaces") && fault.contains("CARPARK_PUBLIC_URL"),
            "{fault}"
        );
    }
}
