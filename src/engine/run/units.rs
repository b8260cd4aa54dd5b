//! The loop over units: some at once, each in its own task.

use futures::StreamExt;
use futures::future::{BoxFuture, pending, ready};
use futures::stream::FuturesUnordered;
use tokio_util::task::AbortOnDropHandle;

use crate::engine::Migration;
use crate::engine::shared::Core;
use crate::model::{Failure, Reason};

/// Which units are worked on, what is done with each, and how it ended.
pub(crate) trait Schedule: Send {
    /// One unit, and what is to be done with it.
    type Job: Send;
    /// How the work on it ended.
    type End: Send + 'static;

    /// The next job that may start now.
    fn next(&mut self) -> Option<Self::Job>;

    /// The work.
    fn work(&mut self, job: &Self::Job) -> BoxFuture<'static, Self::End>;

    /// Called when the work ended. A failure means that its task panicked.
    fn ended(&mut self, job: Self::Job, end: Result<Self::End, Failure>);

    /// Whether there may be more jobs after [`Schedule::wait`].
    fn waits(&self) -> bool {
        false
    }

    /// Waits until there may be more jobs. It may be dropped and called again.
    fn wait(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(pending())
    }

    /// Looks for more jobs after [`Schedule::wait`]. It is never dropped.
    fn wake(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(ready(()))
    }
}

/// Works on jobs until there are no more.
pub(crate) async fn all<M: Migration, S: Schedule>(core: &Core<M>, schedule: &mut S) {
    let at_once = core.config.units_at_once.max(1) as usize;
    let mut running = FuturesUnordered::new();
    loop {
        while running.len() < at_once
            && let Some(job) = schedule.next()
        {
            let task = AbortOnDropHandle::new(core.tasks.spawn(schedule.work(&job)));
            running.push(async move { (job, task.await) });
        }
        let waits = running.len() < at_once && schedule.waits();
        if running.is_empty() && !waits {
            return;
        }
        tokio::select! {
            biased;
            Some((job, end)) = running.next() => {
                let panicked = |error: tokio::task::JoinError| {
                    Failure::permanent(Reason::INTERNAL, error.to_string())
                };
                schedule.ended(job, end.map_err(panicked));
            }
            () = schedule.wait(), if waits => schedule.wake().await,
        }
    }
}
