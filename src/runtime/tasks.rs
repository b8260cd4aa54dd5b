//! The only place that starts tasks.

use std::future::Future;

use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

/// Starts tasks and waits for their end. Clones share the same tasks.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    #[cfg(test)]
    process: Option<super::Process>,
}

impl Tasks {
    /// No tasks yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Tasks of a simulated process. Blocking work runs in place, so that no other thread changes the order of events.
    #[cfg(test)]
    pub(crate) fn of(process: &super::Process) -> Self {
        Self {
            tracker: TaskTracker::new(),
            process: Some(process.clone()),
        }
    }

    /// Starts a task.
    pub fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        #[cfg(test)]
        if let Some(process) = &self.process {
            return self.tracker.spawn(process.task(task));
        }
        self.tracker.spawn(task)
    }

    /// Runs blocking work (hashing, parsing, file work beyond half a millisecond) on another thread.
    pub fn blocking<F, T>(&self, work: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        #[cfg(test)]
        if self.process.is_some() {
            return self.spawn(async move { work() });
        }
        self.tracker.spawn_blocking(work)
    }

    /// Tasks that have not ended.
    #[must_use]
    pub fn running(&self) -> usize {
        self.tracker.len()
    }

    /// Waits until every task ended. Tasks may still be started while it waits.
    pub async fn join(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }
}
