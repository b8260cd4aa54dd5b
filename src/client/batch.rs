//! Joins what several callers send at the same time, without making anybody wait for company.
//!
//! A caller that finds a free place sends all that is queued at that moment; what is queued meanwhile goes with the
//! next. Alone, a caller pays nothing; in a crowd, round trips are shared. Whose entry is on its way with another
//! caller's batch waits for the answer and for nothing else.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::sync::{Semaphore, oneshot};

use super::Cause;

/// The reply to one entry.
type Reply = oneshot::Sender<Result<(), Cause>>;

/// An entry in the queue.
#[derive(Debug)]
struct Waiting<T> {
    number: u64,
    entry: T,
    reply: Reply,
}

/// Entries that wait to be sent.
#[derive(Debug)]
pub(crate) struct Batcher<T> {
    waiting: Mutex<VecDeque<Waiting<T>>>,
    next: AtomicU64,
    places: Semaphore,
    largest: usize,
}

impl<T> Batcher<T> {
    /// At most `largest` entries in a batch, at most `places` batches on their way.
    pub(crate) fn new(largest: usize, places: usize) -> Self {
        Self {
            waiting: Mutex::default(),
            next: AtomicU64::new(0),
            places: Semaphore::new(places.max(1)),
            largest: largest.max(1),
        }
    }

    /// Sends an entry, perhaps with others or in another caller's batch.
    ///
    /// `send` gets a batch and gives one result per entry, in order. If the caller that sends is dropped, the
    /// others see connection trouble and may try again.
    pub(crate) async fn send<S, F>(&self, entry: T, send: S) -> Result<(), Cause>
    where
        S: Fn(Vec<T>) -> F,
        F: Future<Output = Vec<Result<(), Cause>>>,
    {
        let (reply, mut answer) = oneshot::channel();
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.queue().push_back(Waiting {
            number,
            entry,
            reply,
        });
        while self.is_queued(number) {
            tokio::select! {
                biased;
                result = &mut answer => return result.unwrap_or_else(|_| Err(dropped())),
                place = self.places.acquire() => {
                    let Ok(_place) = place else { return Err(dropped()) };
                    // Another caller may have taken it while this one waited for a place.
                    if self.is_queued(number) {
                        self.send_queued(&send).await;
                    }
                }
            }
        }
        answer.await.unwrap_or_else(|_| Err(dropped()))
    }

    /// Whether an entry is on no batch yet.
    fn is_queued(&self, number: u64) -> bool {
        self.queue().iter().any(|waiting| waiting.number == number)
    }

    async fn send_queued<S, F>(&self, send: &S)
    where
        S: Fn(Vec<T>) -> F,
        F: Future<Output = Vec<Result<(), Cause>>>,
    {
        let (entries, replies): (Vec<T>, Vec<Reply>) = {
            let mut queue = self.queue();
            let size = queue.len().min(self.largest);
            let batch = queue.drain(..size);
            batch.map(|waiting| (waiting.entry, waiting.reply)).unzip()
        };
        let mut results = send(entries).await.into_iter();
        for reply in replies {
            // A caller that has gone away wants no answer.
            let _ = reply.send(results.next().unwrap_or_else(|| Err(dropped())));
        }
    }

    fn queue(&self) -> std::sync::MutexGuard<'_, VecDeque<Waiting<T>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn dropped() -> Cause {
    Cause::Network("the batch was given up".to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_crowd_shares_round_trips_and_each_gets_its_own_answer() {
        let batcher = Batcher::new(10, 1);
        let trips = AtomicUsize::new(0);
        let send = |entries: Vec<usize>| {
            trips.fetch_add(1, Ordering::Relaxed);
            async move {
                tokio::time::sleep(Duration::from_millis(50)).await;
                let odd = |entry: usize| {
                    if entry % 2 == 1 {
                        Err(Cause::Missing)
                    } else {
                        Ok(())
                    }
                };
                entries.into_iter().map(odd).collect()
            }
        };
        let all = futures::future::join_all((0..25).map(|entry| batcher.send(entry, &send))).await;
        for (entry, result) in all.into_iter().enumerate() {
            assert_eq!(result.is_err(), entry % 2 == 1, "{entry}");
        }
        // The first goes alone; the others find each other.
        assert_eq!(trips.load(Ordering::Relaxed), 4);
    }

    /// Runs a future and gives how often it was polled.
    async fn polls<F: Future>(future: F) -> usize {
        let mut future = std::pin::pin!(future);
        let mut polls = 0;
        std::future::poll_fn(|context| {
            polls += 1;
            future.as_mut().poll(context).map(|_| ())
        })
        .await;
        polls
    }

    #[tokio::test(start_paused = true)]
    async fn an_entry_on_its_way_with_others_waits_without_turning() {
        let batcher = Batcher::new(10, 2);
        let slow = |entries: Vec<u8>| async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            entries.iter().map(|_| Ok(())).collect()
        };
        // Both places are taken; what queues meanwhile goes together, and a place is free while it does.
        let first = futures::future::join(batcher.send(0, slow), async {
            tokio::time::sleep(Duration::from_millis(10)).await;
            batcher.send(1, slow).await
        });
        let queued = |entry| {
            let batcher = &batcher;
            async move {
                tokio::time::sleep(Duration::from_millis(20)).await;
                batcher.send(entry, slow).await
            }
        };
        let (_, second, third) = tokio::join!(first, polls(queued(2)), polls(queued(3)));
        // One that turns is polled without end, and paused time stands still.
        assert!(second + third <= 20, "polled {second} and {third} times");
    }

    #[tokio::test(start_paused = true)]
    async fn a_sender_that_goes_away_leaves_nobody_waiting() {
        let batcher = Batcher::new(10, 1);
        let never = |_: Vec<u8>| std::future::pending::<Vec<Result<(), Cause>>>();
        let leader = tokio::time::timeout(Duration::from_millis(10), batcher.send(1, never));
        let follower = async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            batcher
                .send(2, |entries: Vec<u8>| async move {
                    entries.iter().map(|_| Ok(())).collect()
                })
                .await
        };
        let (leader, follower) = tokio::join!(leader, follower);
        assert!(leader.is_err());
        assert_eq!(follower, Ok(()));
    }
}
