//! An item in progress, and its outcome.

use std::sync::atomic::AtomicBool;

use crate::engine::lease::LeaseGuard;
use crate::engine::{Migration, UnitContext};
use crate::model::{Failure, Fence, ItemId, Settled, UnitId};

/// An item in progress.
pub(crate) struct ItemContext<'a, M: Migration> {
    pub(crate) unit: &'a UnitContext,
    pub(crate) id: ItemId,
    pub(crate) item: &'a M::Item,
    /// Orders its journal lines among those of other holders.
    pub(crate) fence: Fence,
    /// The lease of the unit, if there is one.
    pub(crate) lease: Option<&'a LeaseGuard>,
    /// Whether any attempt started an effect.
    pub(crate) touched: AtomicBool,
}

impl<M: Migration> ItemContext<'_, M> {
    /// The unit and the fence of its journal lines.
    pub(super) fn place(&self) -> (&UnitId, Fence) {
        (&self.unit.id, self.fence)
    }

    /// Fails if the lease is lost or near its end, so that no more effects may be made.
    pub(super) fn check_lease(&self) -> Result<(), Failure> {
        self.lease.map_or(Ok(()), LeaseGuard::check)
    }
}

/// An item's final outcome in this run.
#[derive(Debug, Clone)]
pub(crate) struct End {
    pub(crate) settled: Settled,
    pub(crate) failure: Option<Failure>,
    pub(crate) attempts: u32,
}

impl End {
    /// The outcome of a bad item.
    pub(crate) fn failed(failure: Failure, attempts: u32) -> Self {
        Self {
            settled: Settled::by_class(failure.class),
            failure: Some(failure),
            attempts,
        }
    }
}
