//! The way between an engine and the store: slow, cut, deaf. What was sent arrives even if its sender died since.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::oneshot;

use super::controls;
use super::judge;
use super::mutant;
use super::request::{Answer, Asks, Request};
use super::sim::{Sim, Who};
use crate::runtime::Instant;
use crate::state::rows::{ErrorKind, RowsError};

/// The deadline of a try, and tries of a request, as a client of the store has them.
const DEADLINE: Duration = Duration::from_secs(2);
const TRIES: u32 = 2;
/// Whoever has to wait longer was not answered at once.
const AT_ONCE: Duration = Duration::from_secs(1);

/// The store, as one process sees it.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) sim: Arc<Sim>,
    pub(super) who: Who,
}

#[async_trait]
impl Asks for Wire {
    async fn ask(&self, table: &str, request: Request) -> Result<Answer, RowsError> {
        let asked = Instant::now();
        let answer = self.tries(table, request, asked).await;
        let at_once = answer.is_ok() && asked.elapsed() < AT_ONCE;
        if table != self.sim.store.config().namespace.tables.control {
            return answer;
        }
        if !at_once {
            controls::unheard(&self.sim, &self.who);
        }
        if answer.is_ok() {
            controls::heard(&self.sim, &self.who);
        }
        mutant::unread(&self.sim, answer)
    }
}

impl Wire {
    async fn tries(
        &self,
        table: &str,
        request: Request,
        asked: Instant,
    ) -> Result<Answer, RowsError> {
        let mut kind = ErrorKind::Unanswered;
        for _ in 0..TRIES {
            let (answer, answered) = oneshot::channel();
            self.sim.tasks.spawn(travel(
                Arc::clone(&self.sim),
                Letter {
                    who: self.who.clone(),
                    table: table.to_owned(),
                    request: request.clone(),
                    asked,
                    answer,
                },
            ));
            kind = match tokio::time::timeout(DEADLINE, answered).await {
                Ok(Ok(Ok(answer))) => return Ok(answer),
                Ok(Ok(Err(kind))) => kind,
                Ok(Err(_)) => {
                    tokio::time::sleep(DEADLINE).await;
                    ErrorKind::Unanswered
                }
                Err(_) => ErrorKind::Unanswered,
            };
            tokio::time::sleep(self.sim.wait(Duration::from_millis(400))).await;
        }
        Err(RowsError {
            doing: request.name(),
            table: table.to_owned(),
            kind,
            detail: String::new(),
            retry_after: None,
        })
    }
}

/// A request on its way.
struct Letter {
    who: Who,
    table: String,
    request: Request,
    /// When the sender began to ask for it.
    asked: Instant,
    answer: oneshot::Sender<Result<Answer, ErrorKind>>,
}

async fn travel(sim: Arc<Sim>, letter: Letter) {
    let faults = &sim.faults;
    let is_failure = matches!(letter.request, Request::ChangeUnder(..));
    let slow = if is_failure && sim.happens(faults.late.rows) {
        faults.late.longest
    } else if sim.happens(faults.slow_store) {
        faults.slow
    } else {
        faults.latency
    };
    tokio::time::sleep(sim.wait(slow)).await;
    if sim.lock().cut.contains(&letter.who.machine) {
        if sim.flips(50) {
            let _ = letter.answer.send(Err(ErrorKind::Unreachable));
        }
        return;
    }
    if sim.happens(faults.throttled) {
        let _ = letter.answer.send(Err(ErrorKind::Throttled));
        return;
    }
    let landed = judge::land(
        &sim,
        &letter.who,
        &letter.table,
        letter.request,
        letter.asked,
    );
    tokio::time::sleep(sim.wait(faults.latency)).await;
    if sim.happens(faults.lost_answer) || sim.lock().cut.contains(&letter.who.machine) {
        return;
    }
    let _ = letter.answer.send(Ok(landed));
}
