//! A value that others wait for.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// A value whose changes can be waited for. Unlike `tokio::sync::watch`, it wakes waiters in the order of their
/// arrival, so that a simulation replays.
#[derive(Debug, Default)]
pub struct Watched<T> {
    value: Mutex<T>,
    changed: Notify,
}

impl<T: Copy + PartialEq> Watched<T> {
    /// Starts with a value.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self {
            value: Mutex::new(value),
            changed: Notify::new(),
        }
    }

    /// The value now.
    #[must_use]
    pub fn get(&self) -> T {
        *self.lock()
    }

    /// Sets the value; `on_change` runs before the new one is visible. Returns whether the value changed.
    pub fn set(&self, value: T, on_change: impl FnOnce()) -> bool {
        let mut held = self.lock();
        if *held == value {
            return false;
        }
        on_change();
        *held = value;
        drop(held);
        self.changed.notify_waiters();
        true
    }

    /// Waits until the value differs from `seen`.
    pub async fn other_than(&self, seen: T) {
        loop {
            // Registered first, so that a change after the check below is not missed.
            let changed = self.changed.notified();
            if self.get() != seen {
                return;
            }
            changed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, T> {
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn all_that_wait_go_on_in_the_order_in_which_they_came() {
        let watched = Arc::new(Watched::new(1));
        let order = Arc::new(Mutex::new(Vec::new()));
        let tasks = crate::runtime::Tasks::new();
        let waiters: Vec<_> = (0..20)
            .map(|number| {
                let (watched, order) = (Arc::clone(&watched), Arc::clone(&order));
                tasks.spawn(async move {
                    watched.other_than(1).await;
                    order.lock().unwrap().push(number);
                })
            })
            .collect();
        tokio::task::yield_now().await;
        assert!(!watched.set(1, || panic!("nothing changed")));
        assert!(watched.set(2, || {}));
        for waiter in waiters {
            waiter.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), (0..20).collect::<Vec<_>>());
        watched.other_than(1).await;
    }
}
