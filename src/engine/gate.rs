//! How many items may be in flight, and whether new ones may be begun.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Admits items. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    slots: Arc<Semaphore>,
    paused: Arc<watch::Sender<bool>>,
    size: Arc<std::sync::Mutex<Size>>,
    left: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Size {
    wanted: u32,
    given: u32,
}

/// What came of asking for admission of a new item.
#[derive(Debug)]
pub(super) enum Admission {
    /// It may begin.
    Slot(OwnedSemaphorePermit),
    /// As many as were allowed have begun.
    LimitReached,
}

impl Gate {
    pub(super) fn new(concurrency: u32, limit: Option<u64>) -> Self {
        let size = concurrency.max(1);
        Self {
            slots: Arc::new(Semaphore::new(size as usize)),
            paused: Arc::new(watch::channel(false).0),
            size: Arc::new(std::sync::Mutex::new(Size {
                wanted: size,
                given: size,
            })),
            left: Arc::new(AtomicU64::new(limit.unwrap_or(u64::MAX))),
        }
    }

    /// Waits for the admission of an item that was not begun before.
    pub(super) async fn admit(&self) -> Admission {
        let took = self
            .left
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| {
                left.checked_sub(1)
            });
        if took.is_err() {
            return Admission::LimitReached;
        }
        Admission::Slot(self.slot().await)
    }

    /// Waits for a slot, for an item that was admitted before.
    pub(super) async fn slot(&self) -> OwnedSemaphorePermit {
        loop {
            let mut paused = self.paused.subscribe();
            // The sender lives as long as `self`.
            let _ = paused.wait_for(|paused| !paused).await;
            let slot = Arc::clone(&self.slots)
                .acquire_owned()
                .await
                .expect("the semaphore of a gate is never closed");
            if *self.paused.borrow() {
                continue;
            }
            let mut size = self.lock();
            if size.given <= size.wanted {
                return slot;
            }
            size.given -= 1;
            slot.forget();
        }
    }

    /// Whether more items may be begun.
    pub(super) fn limit_reached(&self) -> bool {
        self.left.load(Ordering::Acquire) == 0
    }

    /// Begins nothing new, or goes on; says whether that is a change.
    pub(super) fn pause(&self, paused: bool) -> bool {
        self.paused.send_if_modified(|now| {
            let changed = *now != paused;
            *now = paused;
            changed
        })
    }

    /// Allows another number of items in flight; those in flight stay.
    pub(super) fn resize(&self, concurrency: u32) {
        let mut size = self.lock();
        size.wanted = concurrency.max(1);
        if size.wanted > size.given {
            self.slots.add_permits((size.wanted - size.given) as usize);
            size.given = size.wanted;
        } else {
            let fewer = size.given - size.wanted;
            let taken = self.slots.forget_permits(fewer as usize);
            size.given -= u32::try_from(taken).unwrap_or(fewer);
        }
    }

    /// Items allowed in flight.
    pub(super) fn size(&self) -> u32 {
        self.lock().wanted
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Size> {
        self.size
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
