//! A value that others wait for.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// A value and whoever waits for its changes; these are woken in the order in which they came, unlike those of
/// `tokio::sync::watch`, so that a simulation replays.
#[derive(Debug, Default)]
pub struct Watched<T> {
    value: Mutex<T>,
    changed: Notify,
}

impl<T: Copy + PartialEq> Watched<T> {
    /// Begins with a value.
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

    /// Sets the value; `on_change` runs before anybody sees the new one. Says whether it is another.
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

    /// Ready when the value is another than `seen`.
    pub async fn other_than(&self, seen: T) {
        loop {
            // Asked for first: a change after the look below is not missed.
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
