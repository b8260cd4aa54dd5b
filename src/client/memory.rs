//! Memory for answers that are read: one budget for all calls of the process together.
//!
//! It has three stages, each of [`TOTAL`]: for what is read, for what it is unpacked to, and for what is made of it. An
//! answer takes the whole room that it needs of a stage at once, before it goes on to the next, and gives all back when
//! nothing is left of it; none takes of a stage while it has room of that or a later one, so that no two wait for each
//! other for ever. Up to [`SMALL`] nothing is taken; there are no more of these than calls in flight.

use std::ops::Deref;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Answers that take nothing of the budget.
pub(super) const SMALL: usize = 256 << 10;

/// Bytes of all larger answers that are in one stage at once. One that is larger than all of it is there alone.
pub(super) const TOTAL: usize = 16 << 20;

/// What is counted.
const PAGE: usize = 64 << 10;

static READ: LazyLock<Budget> = LazyLock::new(|| Budget::new(TOTAL));
static UNPACKED: LazyLock<Budget> = LazyLock::new(|| Budget::new(TOTAL));
static MADE: LazyLock<Budget> = LazyLock::new(|| Budget::new(TOTAL));

/// So many bytes.
#[derive(Debug)]
struct Budget {
    pages: Arc<Semaphore>,
    all: usize,
}

/// Room for an answer, given back with it.
#[derive(Debug, Default)]
pub(crate) struct Room {
    _pages: Option<OwnedSemaphorePermit>,
}

/// An answer and the room that it takes.
#[derive(Debug)]
pub(crate) struct Body {
    bytes: Bytes,
    room: Room,
}

impl Budget {
    fn new(bytes: usize) -> Self {
        let all = bytes / PAGE;
        Self {
            pages: Arc::new(Semaphore::new(all)),
            all,
        }
    }

    async fn room(&self, bytes: usize) -> Room {
        if bytes <= SMALL {
            return Room::default();
        }
        let pages = bytes.div_ceil(PAGE).min(self.all);
        let pages = u32::try_from(pages).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.pages).acquire_many_owned(pages).await;
        // It is never closed.
        Room { _pages: room.ok() }
    }
}

impl Body {
    pub(super) fn new(bytes: Bytes, room: Room) -> Self {
        Self { bytes, room }
    }

    /// The bytes, and the room that they take as long as anything of them is left.
    pub(super) fn into_parts(self) -> (Bytes, Room) {
        (self.bytes, self.room)
    }

    /// The bytes alone, for an answer that somebody keeps.
    pub(crate) fn into_bytes(self) -> Bytes {
        self.bytes
    }
}

impl Deref for Body {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Waits for room to read an answer of so many bytes; of one that does not tell its size, of as many as it may have.
pub(super) async fn read(told: Option<usize>, limit: usize) -> Room {
    READ.room(told.unwrap_or(limit).min(limit)).await
}

/// Waits for room to unpack an answer to so many bytes.
pub(super) async fn unpacked(bytes: usize) -> Room {
    UNPACKED.room(bytes).await
}

/// Waits for room for what is made of an answer.
pub(super) async fn made(bytes: usize) -> Room {
    MADE.room(bytes).await
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use futures::FutureExt;
    use futures::future::join_all;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn many_large_answers_at_once_never_take_more_than_the_budget() {
        let budget = Budget::new(8 << 20);
        let (held, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let one = async |number: usize| {
            // Also such as are larger than all of it: alone.
            let bytes = (1 << 20) + (number % 12) * (1 << 20);
            let _room = budget.room(bytes).await;
            let now = held.fetch_add(bytes.min(8 << 20), Ordering::SeqCst) + bytes.min(8 << 20);
            most.fetch_max(now, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(10)).await;
            held.fetch_sub(bytes.min(8 << 20), Ordering::SeqCst);
        };
        join_all((0..200).map(one)).await;
        assert!(most.into_inner() <= 8 << 20);
    }

    #[tokio::test]
    async fn small_answers_never_wait() {
        let budget = Budget::new(1 << 20);
        let _all = budget.room(1 << 20).await;
        assert!(budget.room(SMALL).now_or_never().is_some());
        assert!(budget.room(SMALL + 1).now_or_never().is_none());
    }
}
