//! What a simulation needs of time and tasks: processes that freeze and die, and chance that repeats.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::sync::Notify;

thread_local! {
    static CHANCE: RefCell<Option<fastrand::Rng>> = const { RefCell::new(None) };
}

/// Draws all further waits of this thread from a seed.
pub(crate) fn seed_chance(seed: u64) {
    CHANCE.with_borrow_mut(|chance| *chance = Some(fastrand::Rng::with_seed(seed)));
}

/// A number, if this thread was given a seed.
pub(super) fn draw() -> Option<u32> {
    CHANCE.with_borrow_mut(|chance| chance.as_mut().map(|chance| chance.u32(..)))
}

/// One process: its tasks are polled only while it runs. Clones are the same process.
#[derive(Debug, Clone, Default)]
pub(crate) struct Process {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    died: Notify,
}

#[derive(Debug, Default)]
struct State {
    life: Life,
    tasks: u64,
    /// Tasks that were woken while the process stood still.
    waiting: BTreeMap<u64, Waker>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Life {
    #[default]
    Running,
    Frozen,
    Dead,
}

impl Process {
    /// A process that runs.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Stops it where it is, as SIGSTOP does.
    pub(crate) fn freeze(&self) {
        let mut state = self.lock();
        if state.life == Life::Running {
            state.life = Life::Frozen;
        }
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self) {
        let woken = {
            let mut state = self.lock();
            if state.life != Life::Frozen {
                return;
            }
            state.life = Life::Running;
            std::mem::take(&mut state.waiting)
        };
        woken.into_values().for_each(Waker::wake);
    }

    /// Ends it where it is: nothing of it runs any more, not even what ends in order.
    pub(crate) fn kill(&self) {
        self.lock().life = Life::Dead;
        self.shared.died.notify_one();
    }

    /// Whether it was killed.
    pub(crate) fn is_dead(&self) -> bool {
        self.lock().life == Life::Dead
    }

    /// Ready once it was killed; for one who waits.
    pub(crate) async fn died(&self) {
        self.shared.died.notified().await;
    }

    /// A task of this process.
    pub(super) fn task<F: Future>(&self, task: F) -> Task<F> {
        let mut state = self.lock();
        state.tasks += 1;
        Task {
            number: state.tasks,
            process: self.clone(),
            work: Box::pin(task),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// See [`Process::task`].
pub(super) struct Task<F> {
    number: u64,
    process: Process,
    work: Pin<Box<F>>,
}

impl<F: Future> Future for Task<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let number = self.number;
        {
            let mut state = self.process.lock();
            if state.life != Life::Running {
                state.waiting.insert(number, context.waker().clone());
                return Poll::Pending;
            }
        }
        let polled = self.work.as_mut().poll(context);
        // It may have died in this very poll.
        if self.process.is_dead() {
            return Poll::Pending;
        }
        polled
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::runtime::{Instant, Tasks};

    #[tokio::test(start_paused = true)]
    async fn a_frozen_process_goes_on_where_it_was_and_a_dead_one_does_not() {
        let process = Process::new();
        let tasks = Tasks::of(&process);
        let start = Instant::now();
        let task = tasks.spawn(async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            start.elapsed()
        });
        tokio::task::yield_now().await;
        process.freeze();
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert!(!task.is_finished());
        process.thaw();
        assert_eq!(task.await.unwrap(), Duration::from_secs(5));
        let task = tasks.spawn(std::future::ready(()));
        process.kill();
        process.died().await;
        process.thaw();
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert!(!task.is_finished());
    }
}
