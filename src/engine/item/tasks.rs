//! Items of one unit in flight.

use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::task::JoinError;
use tokio_util::task::AbortOnDropHandle;

use crate::runtime::Tasks;

/// Items in flight, each in its own task. Dropping this aborts them.
pub(crate) struct ItemTasks<T>(FuturesUnordered<AbortOnDropHandle<T>>);

impl<T: Send + 'static> ItemTasks<T> {
    pub(crate) fn new() -> Self {
        Self(FuturesUnordered::new())
    }

    pub(crate) fn start(&self, tasks: &Tasks, item: impl Future<Output = T> + Send + 'static) {
        self.0.push(AbortOnDropHandle::new(tasks.spawn(item)));
    }

    /// The next one that ends; `None` if none is in flight.
    pub(crate) async fn next(&mut self) -> Option<Result<T, JoinError>> {
        self.0.next().await
    }

    /// One that has ended, or that ends before there is room for more; `None` if there is room.
    pub(crate) async fn next_for_room(
        &mut self,
        has_room: impl FnOnce() -> bool,
    ) -> Option<Result<T, JoinError>> {
        match self.0.next().now_or_never().flatten() {
            Some(ended) => Some(ended),
            None if has_room() => None,
            None => self.0.next().await,
        }
    }
}
