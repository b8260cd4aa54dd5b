//! The way between an engine and the store: slow, cut, deaf. What was sent arrives even if its sender died since.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::oneshot;

use super::judge;
use super::mutant;
use super::request::{Answer, Asks, Request};
use super::sim::{Sim, Who};
use super::wishes;
use crate::runtime::Moment;
use crate::state::rows::{Error, Trouble};

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
    async fn ask(&self, table: &str, request: Request) -> Result<Answer, Error> {
        let asked = Moment::now();
        let answer = self.tries(table, request, asked).await;
        let at_once = answer.is_ok() && asked.elapsed() < AT_ONCE;
        if table != self.sim.store.config().namespace.tables.control {
            return answer;
        }
        if !at_once {
            wishes::unheard(&self.sim, &self.who);
        }
        if answer.is_ok() {
            wishes::heard(&self.sim, &self.who);
        }
        mutant::unread(&self.sim, answer)
    }
}

impl Wire {
    async fn tries(&self, table: &str, request: Request, asked: Moment) -> Result<Answer, Error> {
        let mut trouble = Trouble::Unanswered;
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
            trouble = match tokio::time::timeout(DEADLINE, answered).await {
                Ok(Ok(Ok(answer))) => return Ok(answer),
                Ok(Ok(Err(trouble))) => trouble,
                Ok(Err(_)) => {
                    tokio::time::sleep(DEADLINE).await;
                    Trouble::Unanswered
                }
                Err(_) => Trouble::Unanswered,
            };
            tokio::time::sleep(self.sim.wait(Duration::from_millis(400))).await;
        }
        Err(Error {
            doing: request.name(),
            table: table.to_owned(),
            trouble,
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
    asked: Moment,
    answer: oneshot::Sender<Result<Answer, Trouble>>,
}

async fn travel(sim: Arc<Sim>, letter: Letter) {
    let weather = &sim.weather;
    let is_failure = matches!(letter.request, Request::ChangeUnder(..));
    let slow = if is_failure && sim.happens(weather.late.rows) {
        weather.late.longest
    } else if sim.happens(weather.slow_store) {
        weather.slow
    } else {
        weather.latency
    };
    tokio::time::sleep(sim.wait(slow)).await;
    if sim.lock().cut.contains(&letter.who.machine) {
        if sim.flips(50) {
            let _ = letter.answer.send(Err(Trouble::Unreachable));
        }
        return;
    }
    if sim.happens(weather.throttled) {
        let _ = letter.answer.send(Err(Trouble::Throttled));
        return;
    }
    let landed = judge::land(
        &sim,
        &letter.who,
        &letter.table,
        letter.request,
        letter.asked,
    );
    tokio::time::sleep(sim.wait(weather.latency)).await;
    if sim.happens(weather.lost_answer) || sim.lock().cut.contains(&letter.who.machine) {
        return;
    }
    let _ = letter.answer.send(Ok(landed));
}
