//! Events of a run: folded into a snapshot, then sent to listeners.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::broadcast;

use crate::model::{Event, Invariant, Snapshot};
use crate::runtime::Clock;

/// How many events a slow listener may be behind before it loses some.
const BACKLOG: usize = 4_096;

/// Publishes events. Clones share listeners and snapshot.
///
/// The snapshot has every event. A listener that loses some can read it.
#[derive(Debug, Clone)]
pub struct Events {
    sender: broadcast::Sender<Event>,
    snapshot: Arc<Mutex<Snapshot>>,
    clock: Clock,
}

impl Events {
    /// Starts without events.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self {
            sender: broadcast::channel(BACKLOG).0,
            snapshot: Arc::default(),
            clock,
        }
    }

    /// Publishes an event.
    pub fn publish(&self, event: Event) {
        let mut snapshot = self.lock();
        snapshot.fold(&event, self.clock.now());
        debug_assert!(
            snapshot.adds_up(),
            "{} after {event:?}: {snapshot:?}",
            Invariant::CountsAddUp
        );
        drop(snapshot);
        // Without listeners only the snapshot has it.
        let _ = self.sender.send(event);
    }

    /// Receives events from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.sender.subscribe()
    }

    /// The state of the run.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.lock().clone()
    }

    /// Reads the snapshot without a copy. The closure must be short and must not publish.
    pub fn read<T>(&self, at: impl FnOnce(&Snapshot) -> T) -> T {
        at(&self.lock())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Snapshot> {
        self.snapshot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
