//! Many units, some in hand at once.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use futures::StreamExt;
use futures::stream::FuturesUnordered;

use crate::engine::Migration;
use crate::engine::shared::Shared;
use crate::engine::unit::{UnitEnd, Wanted, work};
use crate::model::{Class, Event, Failure, Reason, Unit, UnitId};
use crate::runtime::{Degree, Moment, full_jitter};

use crate::state::Held;

use super::start::{Left, Task};
use super::steal::Steal;
use super::unbegun;

/// A unit that waits for its turn.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    pub(super) wanted: Wanted,
    /// Times it could not be worked on.
    troubles: u32,
    not_before: Option<Moment>,
}

impl From<Wanted> for Waiting {
    fn from(wanted: Wanted) -> Self {
        Self {
            wanted,
            troubles: 0,
            not_before: None,
        }
    }
}

/// An owner, and why its row is not up to date, if it is not.
type Summed = (Arc<str>, Result<(), Failure>);

/// A unit that another holds.
struct Busy {
    unit: Unit,
    held: Held,
    seen: Moment,
}

pub(super) struct Queue<'a, M: Migration> {
    pub(super) run: &'a Arc<Shared<M>>,
    pub(super) waiting: VecDeque<Waiting>,
    busy: Vec<Busy>,
    /// Units in scope or in hand that have not ended.
    pub(super) mine: BTreeSet<UnitId>,
    /// Units that are worked on here now.
    pub(super) in_hand: BTreeSet<UnitId>,
    pub(super) steal: Option<Steal>,
    pub(super) began: Moment,
    /// Units of an owner that have not ended, so that its row is summed up once.
    open_of: BTreeMap<Arc<str>, u64>,
    begun: BTreeSet<Arc<str>>,
    /// Owners' rows that are being summed up.
    sums: FuturesUnordered<Task<Summed>>,
    pub(super) left: Left,
}

/// Works on units until none is left that can be worked on.
pub(super) async fn units<M: Migration>(run: &Arc<Shared<M>>, units: Vec<Unit>) -> Left {
    let mut queue = Queue::new(run, units);
    let mut flying = FuturesUnordered::new();
    let at_once = run.config.units_at_once.max(1) as usize;
    loop {
        while flying.len() < at_once && !queue.is_stopped() {
            let Some(next) = queue.next() else { break };
            queue.begin(&next.wanted.unit);
            let task = work(Arc::clone(run), next.wanted.clone());
            let task = Task::new(run.tasks.spawn(task));
            flying.push(async move { (next, task.await) });
        }
        let wake = queue
            .next_at()
            .filter(|_| flying.len() < at_once && !queue.is_stopped());
        if flying.is_empty() && wake.is_none() {
            break;
        }
        tokio::select! {
            biased;
            Some(summed) = queue.sums.next() => queue.summed(summed),
            Some((waiting, end)) = flying.next() => queue.end(waiting, unpanicked(end)),
            () = until(wake), if wake.is_some() => {
                queue.look_at_busy().await;
                queue.look_for_more().await;
            }
            () = run.stop.reached(Degree::Drain), if flying.is_empty() => {}
        }
    }
    queue.close().await
}

async fn until(at: Option<Moment>) {
    if let Some(at) = at {
        tokio::time::sleep_until(at).await;
    }
}

/// A unit whose task panicked is in trouble, the others are not.
fn unpanicked(end: Result<UnitEnd, tokio::task::JoinError>) -> UnitEnd {
    end.unwrap_or_else(|error| {
        UnitEnd::Trouble(Failure::permanent(Reason::INTERNAL, error.to_string()))
    })
}

impl<'a, M: Migration> Queue<'a, M> {
    fn new(run: &'a Arc<Shared<M>>, units: Vec<Unit>) -> Self {
        let mut open_of: BTreeMap<_, u64> = BTreeMap::new();
        for unit in &units {
            *open_of.entry(Arc::clone(&unit.id.owner)).or_default() += 1;
        }
        let steals = run.config.steal && run.keeps_records();
        Self {
            run,
            mine: units.iter().map(|unit| unit.id.clone()).collect(),
            in_hand: BTreeSet::new(),
            steal: steals.then(Steal::default),
            began: Moment::now(),
            waiting: units
                .into_iter()
                .map(|unit| Wanted::own(unit).into())
                .collect(),
            busy: Vec::new(),
            open_of,
            begun: BTreeSet::new(),
            sums: FuturesUnordered::new(),
            left: Left::default(),
        }
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.run.stop.degree() > Degree::Run || self.run.gate.limit_reached()
    }

    /// The next unit whose time has come.
    fn next(&mut self) -> Option<Waiting> {
        let now = Moment::now();
        let ready = |one: &Waiting| one.not_before.is_none_or(|at| at <= now);
        let place = self.waiting.iter().position(ready)?;
        self.waiting.remove(place)
    }

    /// When a unit may be ready that is not now.
    fn next_at(&self) -> Option<Moment> {
        let later = self.waiting.iter().filter_map(|one| one.not_before);
        let term = self.run.config.pace.lease_term;
        later
            .chain(self.busy.iter().map(|busy| busy.seen + term))
            .chain(self.steals_at())
            .min()
    }

    /// Units that another held a term ago: those that are free or whose holder did not beat since
    /// wait for their turn, those whose holder lives are left to it; who helps looks again.
    async fn look_at_busy(&mut self) {
        let term = self.run.config.pace.lease_term;
        let now = Moment::now();
        for busy in std::mem::take(&mut self.busy) {
            if busy.seen + term > now {
                self.busy.push(busy);
                continue;
            }
            let row = self.run.store.progress_row(&busy.unit.id).await;
            let seen = row.map(|row| row.and_then(|row| row.lease).map(Held::from));
            let dead = match seen {
                Ok(Some(held)) if held != busy.held => {
                    if self.steal.is_some() {
                        self.busy.push(Busy {
                            held,
                            seen: Moment::now(),
                            ..busy
                        });
                    } else {
                        self.left.held.push((busy.unit.id, held));
                    }
                    continue;
                }
                Ok(held) => held,
                // The lease is asked for as it was seen: the store refuses if it lives.
                Err(_) => Some(busy.held),
            };
            let wanted = Wanted {
                dead,
                ..Wanted::own(busy.unit)
            };
            self.waiting.push_back(wanted.into());
        }
    }

    /// Tells the owner's row that work on it began, once.
    fn begin(&mut self, unit: &Unit) {
        self.in_hand.insert(unit.id.clone());
        if unit.id.part.is_none() && self.begun.insert(Arc::clone(&unit.id.owner)) {
            self.sum_up(&unit.id.owner);
        }
    }

    fn end(&mut self, waiting: Waiting, end: UnitEnd) {
        self.in_hand.remove(&waiting.wanted.unit.id);
        if waiting.wanted.from.is_some() {
            self.end_helping(waiting, end);
            return;
        }
        let Wanted { unit, .. } = &waiting.wanted;
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
            UnitEnd::Released => self.left.unfinished += 1,
            // Who helps waits for the end of all units; this one is another's now.
            UnitEnd::Lost if self.steal.is_some() => {
                let look = Moment::now() + self.run.config.pace.lease_term / 6;
                self.waiting.push_back(Waiting {
                    not_before: Some(look),
                    ..waiting
                });
            }
            UnitEnd::Lost => self.left.lost += 1,
            UnitEnd::Held(held) => self.busy.push(Busy {
                unit: waiting.wanted.unit,
                held,
                seen: Moment::now(),
            }),
            UnitEnd::Trouble(failure) => self.trouble(waiting, failure),
        }
    }

    /// Puts a unit off, or gives it up for this run.
    pub(super) fn trouble(&mut self, waiting: Waiting, failure: Failure) {
        let pace = &self.run.config.pace;
        tracing::warn!(unit = %waiting.wanted.unit.id, class = %failure.class, reason = %failure.reason, "{}", failure.message);
        if failure.class == Class::Fatal {
            self.run.die(&failure);
        }
        let troubles = waiting.troubles + 1;
        let hopeless = matches!(failure.class, Class::Fatal | Class::Permanent);
        if hopeless || troubles >= pace.attempts || self.is_stopped() {
            self.give_up(&waiting.wanted.unit.id);
            self.left.troubled.push((waiting.wanted.unit.id, failure));
            return;
        }
        let grown = pace.attempt_wait * 2_u32.saturating_pow(troubles);
        let wait = full_jitter(grown.min(pace.longest_attempt_wait))
            .max(failure.retry_after.unwrap_or_default());
        self.waiting.push_back(Waiting {
            troubles,
            not_before: Some(Moment::now() + wait),
            ..waiting
        });
    }

    /// Brings owners' rows in step and counts what is left.
    async fn close(mut self) -> Left {
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
        let own = waiting.into_iter().filter(|one| one.wanted.from.is_none());
        let own: Vec<Unit> = own.map(|one| one.wanted.unit).collect();
        let keeps = self.run.keeps_records();
        self.left.unfinished += if keeps && self.run.stop.degree() == Degree::Drain {
            unbegun::publish(self.run, own).await
        } else {
            own.len() as u64
        };
        let busy = self.busy.drain(..).map(|busy| (busy.unit.id, busy.held));
        self.left.held.extend(busy);
        if self.left.unfinished > 0
            && self.run.gate.limit_reached()
            && self.run.stop.degree() == Degree::Run
        {
            self.run.events.publish(Event::Draining {
                reason: "the limit of items is reached".to_owned(),
            });
        }
        self.left
    }

    /// Brings an owner's row in step, beside the work.
    pub(super) fn sum_up(&mut self, owner: &Arc<str>) {
        if !self.run.keeps_records() {
            return;
        }
        let (run, owner) = (Arc::clone(self.run), Arc::clone(owner));
        self.sums.push(Task::new(self.run.tasks.spawn(async move {
            let summed = run.sum_up(&owner).await;
            (owner, summed)
        })));
    }

    /// Remembers whose row is not up to date.
    fn summed(&mut self, summed: Result<Summed, tokio::task::JoinError>) {
        match summed {
            Ok((owner, Ok(()))) => drop(self.left.unsummed.remove(&owner)),
            Ok((owner, Err(failure))) => drop(self.left.unsummed.insert(owner, failure)),
            Err(error) => tracing::error!(%error, "an owner was not summed up"),
        }
    }
}
