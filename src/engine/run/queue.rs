//! The queue of units of a run: its own, and those of others that it helps with.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio_util::task::AbortOnDropHandle;

use crate::engine::Migration;
use crate::engine::shared::Shared;
use crate::engine::unit::{ClaimRequest, UnitEnd, work};
use crate::model::{Class, Event, Failure, Unit, UnitId};
use crate::runtime::{Instant, StopLevel};

use crate::state::LeaseHolder;

use super::helper::Helper;
use super::remaining::Remaining;
use super::unbegun;
use super::units::Schedule;

/// An owner, and whether its row was updated.
type Summed = (Arc<str>, Result<(), Failure>);

/// A unit that another holds.
struct Busy {
    unit: Unit,
    held: LeaseHolder,
    seen: Instant,
}

/// The units of a run, and those of others that it helps with.
pub(super) struct Queue<'a, M: Migration> {
    run: &'a Arc<Shared<M>>,
    waiting: VecDeque<ClaimRequest>,
    busy: Vec<Busy>,
    /// Units in scope or leased that have not ended.
    mine: BTreeSet<UnitId>,
    /// Units that this run works on now.
    leased: BTreeSet<UnitId>,
    helper: Option<Helper>,
    began: Instant,
    /// Open units per owner, so that its row is updated once at the end.
    open_of: BTreeMap<Arc<str>, u64>,
    begun: BTreeSet<Arc<str>>,
    /// Updates of owners' rows in progress.
    sums: FuturesUnordered<AbortOnDropHandle<Summed>>,
    remaining: Remaining,
}

impl<M: Migration> Schedule for Queue<'_, M> {
    type Job = ClaimRequest;
    type End = UnitEnd;

    fn next(&mut self) -> Option<ClaimRequest> {
        if self.is_stopped() {
            return None;
        }
        let now = Instant::now();
        let ready = |one: &ClaimRequest| one.not_before.is_none_or(|at| at <= now);
        let place = self.waiting.iter().position(ready)?;
        let next = self.waiting.remove(place)?;
        self.begin(&next.unit);
        Some(next)
    }

    fn work(&mut self, request: &ClaimRequest) -> BoxFuture<'static, UnitEnd> {
        work(Arc::clone(self.run), request.clone()).boxed()
    }

    fn ended(&mut self, request: ClaimRequest, end: Result<UnitEnd, Failure>) {
        while let Some(Some(summed)) = self.sums.next().now_or_never() {
            self.summed(summed);
        }
        self.end(request, end.unwrap_or_else(UnitEnd::Failed));
    }

    fn waits(&self) -> bool {
        !self.is_stopped() && self.next_at().is_some()
    }

    fn wait(&mut self) -> BoxFuture<'_, ()> {
        let (stop, at) = (&self.run.stop, self.next_at());
        async move {
            tokio::select! {
                biased;
                () = until(at) => {}
                () = stop.reached(StopLevel::Drain) => {}
            }
        }
        .boxed()
    }

    fn wake(&mut self) -> BoxFuture<'_, ()> {
        async {
            if !self.is_stopped() {
                self.poll_busy().await;
                self.find_more().await;
            }
        }
        .boxed()
    }
}

async fn until(at: Option<Instant>) {
    if let Some(at) = at {
        tokio::time::sleep_until(at).await;
    }
}

impl<'a, M: Migration> Queue<'a, M> {
    pub(super) fn new(run: &'a Arc<Shared<M>>, units: Vec<Unit>) -> Self {
        let mut open_of: BTreeMap<_, u64> = BTreeMap::new();
        for unit in &units {
            *open_of.entry(Arc::clone(&unit.id.owner)).or_default() += 1;
        }
        let steals = run.config.steal && run.keeps_records();
        Self {
            run,
            mine: units.iter().map(|unit| unit.id.clone()).collect(),
            leased: BTreeSet::new(),
            helper: steals.then(Helper::default),
            began: Instant::now(),
            waiting: units.into_iter().map(ClaimRequest::own).collect(),
            busy: Vec::new(),
            open_of,
            begun: BTreeSet::new(),
            sums: FuturesUnordered::new(),
            remaining: Remaining::default(),
        }
    }

    fn is_stopped(&self) -> bool {
        self.run.stop.level() > StopLevel::Run || self.run.admission.limit_reached()
    }

    /// When the next unit may be ready.
    fn next_at(&self) -> Option<Instant> {
        let later = self.waiting.iter().filter_map(|one| one.not_before);
        let term = self.run.config.pace.lease_term;
        later
            .chain(self.busy.iter().map(|busy| busy.seen + term))
            .chain(self.helps_at())
            .min()
    }

    /// Checks units that another held a term ago. Those that are released, or whose holder is dead, are queued again.
    /// Those with a live holder are left to it, or checked again by a helper.
    async fn poll_busy(&mut self) {
        let term = self.run.config.pace.lease_term;
        let now = Instant::now();
        for busy in std::mem::take(&mut self.busy) {
            if busy.seen + term > now {
                self.busy.push(busy);
                continue;
            }
            let row = self.run.store.progress_row(&busy.unit.id).await;
            let seen = row.map(|row| row.and_then(|row| row.lease).map(LeaseHolder::from));
            let dead = match seen {
                Ok(Some(held)) if held != busy.held => {
                    if self.helper.is_some() {
                        self.busy.push(Busy {
                            held,
                            seen: Instant::now(),
                            ..busy
                        });
                    } else {
                        self.remaining.held.push((busy.unit.id, held));
                    }
                    continue;
                }
                Ok(held) => held,
                // The lease is asked for as it was seen: the store refuses if it lives.
                Err(_) => Some(busy.held),
            };
            self.waiting.push_back(ClaimRequest {
                dead,
                ..ClaimRequest::own(busy.unit)
            });
        }
    }

    /// Updates the row of the owner once, when its first unit starts.
    fn begin(&mut self, unit: &Unit) {
        self.leased.insert(unit.id.clone());
        if unit.id.part.is_none() && self.begun.insert(Arc::clone(&unit.id.owner)) {
            self.sum_up(&unit.id.owner);
        }
    }

    fn end(&mut self, request: ClaimRequest, end: UnitEnd) {
        self.leased.remove(&request.unit.id);
        if request.helping.is_some() {
            self.end_helping(request, end);
            return;
        }
        let unit = &request.unit;
        match end {
            UnitEnd::Ended => {
                self.mine.remove(&unit.id);
                self.has_room();
                let owner = Arc::clone(&unit.id.owner);
                let open = self.open_of.entry(Arc::clone(&owner)).or_default();
                *open = open.saturating_sub(1);
                if *open == 0 {
                    self.sum_up(&owner);
                }
            }
            UnitEnd::Released => self.remaining.unfinished += 1,
            // A helper waits until all units ended; another has this one now.
            UnitEnd::Lost if self.helper.is_some() => {
                let look = Instant::now() + self.run.config.pace.lease_term / 6;
                self.waiting.push_back(ClaimRequest {
                    not_before: Some(look),
                    ..request
                });
            }
            UnitEnd::Lost => self.remaining.lost += 1,
            UnitEnd::Held(held) => self.busy.push(Busy {
                unit: request.unit,
                held,
                seen: Instant::now(),
            }),
            UnitEnd::Failed(failure) => self.trouble(request, failure),
        }
    }

    /// When to look for units of others; `None` if there is enough work or nothing left.
    fn helps_at(&self) -> Option<Instant> {
        let has_room = self.waiting.is_empty() && !self.is_stopped();
        let helper = self.helper.as_ref().filter(|_| has_room)?;
        helper.polls_at(self.began)
    }

    /// Queues units of others, if it is time to.
    async fn find_more(&mut self) {
        let now = Instant::now();
        if self.helps_at().is_none_or(|at| at > now) {
            return;
        }
        if let Some(helper) = &mut self.helper {
            let offers = helper.offers(self.run, &self.mine, &self.leased).await;
            self.mine
                .extend(offers.iter().map(|offer| offer.unit.id.clone()));
            self.waiting.extend(offers);
        }
    }

    /// A unit ended, so a helper looks for more at once.
    fn has_room(&mut self) {
        if let Some(helper) = &mut self.helper {
            helper.poll_now();
        }
    }

    /// Ends the work on a unit of another instance.
    fn end_helping(&mut self, request: ClaimRequest, end: UnitEnd) {
        let id = &request.unit.id;
        if let UnitEnd::Failed(failure) = end {
            self.trouble(request, failure);
            return;
        }
        self.mine.remove(id);
        match end {
            UnitEnd::Ended => {
                self.has_room();
                if id.part.is_none() {
                    self.sum_up(&request.unit.id.owner);
                }
            }
            UnitEnd::Held(held) => {
                if let Some(helper) = &mut self.helper {
                    helper.saw(id, held);
                }
            }
            // It may be offered again.
            UnitEnd::Released | UnitEnd::Lost | UnitEnd::Failed(_) => {}
        }
    }

    /// Delays a failed unit, or gives it up for this run.
    fn trouble(&mut self, request: ClaimRequest, failure: Failure) {
        let pace = &self.run.config.pace;
        tracing::warn!(unit = %request.unit.id, class = %failure.class, reason = %failure.reason, "{}", failure.message);
        if failure.class == Class::Fatal {
            self.run.die(&failure);
        }
        let troubles = request.troubles + 1;
        let hopeless = matches!(failure.class, Class::Fatal | Class::Permanent);
        if hopeless || troubles >= pace.attempts || self.is_stopped() {
            self.mine.remove(&request.unit.id);
            if let Some(helper) = &mut self.helper {
                helper.give_up(&request.unit.id);
            }
            self.remaining.troubled.push((request.unit.id, failure));
            return;
        }
        // The attempt itself had retries, so the wait is longer.
        let wait = pace.backoff().wait(troubles + 1, failure.retry_after);
        self.waiting.push_back(ClaimRequest {
            troubles,
            not_before: Some(Instant::now() + wait),
            ..request
        });
    }

    /// Updates the rows of owners, and counts what is left.
    pub(super) async fn close(mut self) -> Remaining {
        let begun = std::mem::take(&mut self.begun);
        for owner in begun {
            if self.open_of.get(&owner).is_some_and(|open| *open > 0) {
                self.sum_up(&owner);
            }
        }
        while let Some(summed) = self.sums.next().await {
            self.summed(summed);
        }
        let waiting = std::mem::take(&mut self.waiting);
        let own = waiting.into_iter().filter(|one| one.helping.is_none());
        let own: Vec<Unit> = own.map(|one| one.unit).collect();
        let keeps = self.run.keeps_records();
        self.remaining.unfinished += if keeps && self.run.stop.level() == StopLevel::Drain {
            unbegun::publish(self.run, own).await
        } else {
            own.len() as u64
        };
        let busy = self.busy.drain(..).map(|busy| (busy.unit.id, busy.held));
        self.remaining.held.extend(busy);
        if self.remaining.unfinished > 0
            && self.run.admission.limit_reached()
            && self.run.stop.level() == StopLevel::Run
        {
            self.run.events.publish(Event::Draining {
                reason: "the limit of items is reached".to_owned(),
            });
        }
        self.remaining
    }

    /// Updates the row of an owner in the background.
    fn sum_up(&mut self, owner: &Arc<str>) {
        if !self.run.keeps_records() {
            return;
        }
        let (run, owner) = (Arc::clone(self.run), Arc::clone(owner));
        self.sums
            .push(AbortOnDropHandle::new(self.run.tasks.spawn(async move {
                let summed = run.sum_up(&owner).await;
                (owner, summed)
            })));
    }

    /// Records whose row is not up to date.
    fn summed(&mut self, summed: Result<Summed, tokio::task::JoinError>) {
        match summed {
            Ok((owner, Ok(()))) => drop(self.remaining.unsummed.remove(&owner)),
            Ok((owner, Err(failure))) => drop(self.remaining.unsummed.insert(owner, failure)),
            Err(error) => tracing::error!(%error, "an owner was not summed up"),
        }
    }
}
