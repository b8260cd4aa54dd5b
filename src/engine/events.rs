//! News of a run: folded into a snapshot, then sent to whoever listens.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::broadcast;

use crate::model::{Event, Invariant, Snapshot};
use crate::runtime::Clock;

/// Events that a slow listener may be behind before it loses some.
const BACKLOG: usize = 4_096;

/// Publishes events. Clones share listeners and snapshot.
///
/// The snapshot folds every event; a listener that falls behind loses some and can look there.
#[derive(Debug, Clone)]
pub struct Events {
    sender: broadcast::Sender<Event>,
    snapshot: Arc<Mutex<Snapshot>>,
    clock: Clock,
}

impl Events {
    /// Nothing happened yet.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self {
            sender: broadcast::channel(BACKLOG).0,
            snapshot: Arc::default(),
            clock,
        }
    }

    /// Tells what happened.
    pub fn publish(&self, event: Event) {
        let mut snapshot = self.lock();
        snapshot.fold(&event, self.clock.now());
        debug_assert!(
            snapshot.adds_up(),
            "{} after {event:?}: {snapshot:?}",
            Invariant::CountsAddUp
        );
        drop(snapshot);
        // Nobody listens: the snapshot has it all the same.
        let _ = self.sender.send(event);
    }

    /// Listens from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.sender.subscribe()
    }

    /// Where the run stands.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.lock().clone()
    }

    /// Looks at the snapshot without a copy. The closure must be short and must not publish.
    pub fn read<T>(&self, at: impl FnOnce(&Snapshot) -> T) -> T {
        at(&self.lock())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Snapshot> {
        self.snapshot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
