//! One look at what the rows say.

use anyhow::Result;

use super::session::store;
use super::{CommandError, Kind};
use crate::config::{Settings, options};
use crate::migrations::uploads::{CustomerTables, VOCABULARY};
use crate::model::InstanceId;
use crate::monitor::{self, Answer, Ask, OwnerRecord, View};
use crate::proto::CustomerDid;
use crate::runtime::Clock;
use crate::state::{self, FailedQuery, Store};

/// A space without progress for so long is stuck.
const STUCK_AFTER_SECONDS: u64 = 600;

/// One look at the fleet; `monitor --watch` calls it again and again. `told` hears how many spaces were read so far
/// when all are summed up.
///
/// # Errors
/// [`Kind::NotFound`] if the customer, space or instance that was asked for is in no table.
pub async fn monitor(
    settings: &Settings,
    options: &options::Monitor,
    told: impl FnMut(u64) + Send,
) -> Result<Answer> {
    let store = store::open(settings).await?;
    let clock = Clock::system();
    let view = if options.exact {
        let exact = monitor::exact(&store, clock.now(), &VOCABULARY, told).await;
        exact.map(View::Overview)
    } else {
        let owner = owner(&store, options.customer.as_ref()).await;
        let owner = owner.map_err(|error| CommandError::of_state(&error))?;
        monitor::answer(&store, clock, &ask(options), &VOCABULARY, owner).await
    };
    let view = view.map_err(|error| CommandError::of_state(&error))?;
    match view.unknown(&VOCABULARY) {
        None => Ok(Answer {
            view,
            words: &VOCABULARY,
        }),
        Some(what) => Err(CommandError::new(
            Kind::NotFound,
            format!("show {what}"),
            "it has no row: `sterna setup` has not seen it, and no run has worked on it",
            "check the name, --env and `sterna monitor`",
        )
        .into()),
    }
}

/// What the row of a customer says.
async fn owner(
    store: &Store,
    customer: Option<&CustomerDid>,
) -> Result<Option<OwnerRecord>, state::StateError> {
    let Some(customer) = customer else {
        return Ok(None);
    };
    let row = CustomerTables::of(store).customer(customer).await?;
    Ok(row.map(|row| OwnerRecord {
        status: row.status,
        instance: row.instance,
    }))
}

fn ask(options: &options::Monitor) -> Ask {
    let instance = options.instance.map(InstanceId::number);
    if options.failed {
        return Ask::Failed(FailedQuery {
            owner: options.customer.as_ref().map(ToString::to_string),
            name: options.space.as_ref().map(ToString::to_string),
            instance,
            ..FailedQuery::default()
        });
    }
    if options.stuck {
        return Ask::Stuck {
            idle_seconds: STUCK_AFTER_SECONDS,
            instance,
            owner: options.customer.as_ref().map(ToString::to_string),
        };
    }
    match (&options.space, &options.customer, instance) {
        (Some(space), ..) => Ask::Unit(space.to_string()),
        (_, Some(customer), _) => Ask::Owner(customer.to_string()),
        (_, _, Some(instance)) => Ask::Instance(instance),
        _ => Ask::Overview,
    }
}
