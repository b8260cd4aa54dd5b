//! Admission control: how many items may be in flight, and whether new ones may start.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::runtime::{Pacer, Watched};

/// Admits items. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct AdmissionControl {
    slots: Arc<Semaphore>,
    paused: Arc<Watched<bool>>,
    size: Arc<std::sync::Mutex<Size>>,
    left: Arc<AtomicU64>,
    pacer: Pacer,
}

#[derive(Debug)]
struct Size {
    wanted: u32,
    given: u32,
}

/// One item of the limit. Dropping it returns the item to the limit, unless it started.
struct Reserved<'a>(Option<&'a AtomicU64>);

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        if let Some(left) = self.0 {
            left.fetch_add(1, Ordering::AcqRel);
        }
    }
}

/// The answer to a request for admission.
#[derive(Debug)]
pub(super) enum Admission {
    /// The item may start.
    Slot(OwnedSemaphorePermit),
    /// The limit of items is reached.
    LimitReached,
}

impl AdmissionControl {
    pub(super) fn new(concurrency: u32, limit: Option<u64>) -> Self {
        let size = concurrency.max(1);
        Self {
            slots: Arc::new(Semaphore::new(size as usize)),
            paused: Arc::new(Watched::new(false)),
            size: Arc::new(std::sync::Mutex::new(Size {
                wanted: size,
                given: size,
            })),
            left: Arc::new(AtomicU64::new(limit.unwrap_or(u64::MAX))),
            pacer: Pacer::new(),
        }
    }

    /// Waits for the admission of a new item. A wait that is dropped takes nothing from the limit.
    pub(super) async fn admit(&self) -> Admission {
        let took = self
            .left
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| {
                left.checked_sub(1)
            });
        if took.is_err() {
            return Admission::LimitReached;
        }
        let mut reserved = Reserved(Some(&self.left));
        loop {
            let slot = self.slot().await;
            self.pacer.turn().await;
            // It may have been paused meanwhile.
            if !self.is_paused() {
                reserved.0 = None;
                return Admission::Slot(slot);
            }
        }
    }

    /// Waits until the run is not paused.
    pub(super) async fn open(&self) {
        self.paused.other_than(true).await;
    }

    /// Waits for a slot for an item that was admitted before.
    pub(super) async fn slot(&self) -> OwnedSemaphorePermit {
        loop {
            self.open().await;
            let slot = Arc::clone(&self.slots)
                .acquire_owned()
                .await
                .expect("the semaphore of a gate is never closed");
            if self.is_paused() {
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

    /// Whether the limit of items is reached.
    pub(super) fn limit_reached(&self) -> bool {
        self.left.load(Ordering::Acquire) == 0
    }

    /// Pauses or resumes. Returns whether that is a change.
    pub(super) fn pause(&self, paused: bool) -> bool {
        self.paused.set(paused, || {})
    }

    /// Changes the number of items allowed in flight. Items in flight stay.
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

    /// Sets the new items per minute; `None` is no limit.
    pub(super) fn pace(&self, per_minute: Option<u32>) {
        self.pacer.set(per_minute);
    }

    /// The new items per minute.
    pub(super) fn rate(&self) -> Option<u32> {
        self.pacer.per_minute()
    }

    /// Whether one more item could start now.
    pub(super) fn is_idle(&self) -> bool {
        !self.is_paused() && self.slots.available_permits() > 0
    }

    /// Whether new items are paused.
    pub(super) fn is_paused(&self) -> bool {
        self.paused.get()
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::FutureExt;

    use super::*;
    use crate::runtime::Instant;

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_waiting_takes_nothing_of_the_limit() {
        let admission = AdmissionControl::new(1, Some(2));
        let Admission::Slot(first) = admission.admit().await else {
            panic!("not admitted")
        };
        assert!(
            admission.admit().now_or_never().is_none(),
            "no slot is free"
        );
        drop(first);
        assert!(matches!(admission.admit().await, Admission::Slot(_)));
        assert!(matches!(admission.admit().await, Admission::LimitReached));
    }

    #[tokio::test(start_paused = true)]
    async fn new_items_keep_the_rate_and_a_pause_holds_who_waited_for_a_turn() {
        let admission = AdmissionControl::new(8, None);
        admission.pace(Some(60));
        let start = Instant::now();
        for _ in 0..11 {
            admission.admit().await;
        }
        assert_eq!(start.elapsed(), Duration::from_secs(10));
        let mut waiting = std::pin::pin!(admission.admit());
        assert!(waiting.as_mut().now_or_never().is_none());
        assert!(admission.pause(true));
        let paused = tokio::time::timeout(Duration::from_mins(5), waiting.as_mut());
        assert!(paused.await.is_err(), "begun while paused");
        admission.pause(false);
        waiting.await;
    }
}
