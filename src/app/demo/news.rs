//! What a demonstration says while it goes on, and how long its stages took.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use crate::runtime::{Clock, Instant};

/// Time between two words on the same stage; who shows them may leave some out.
const EVERY: Duration = Duration::from_millis(250);

/// A part of the demonstration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Starting the local network.
    Network,
    /// Seeding the legacy world.
    World,
    /// Making the migration's tables.
    Init,
    /// Sharing customers out over instances.
    Setup,
    /// Migrating, one process per instance.
    Migrate,
    /// Looking at every upload again, changing nothing.
    Audit,
    /// Fetching content through the gateway.
    Retrieval,
}

impl Stage {
    /// Its name on a line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::World => "world",
            Self::Init => "init",
            Self::Setup => "setup",
            Self::Migrate => "migrate",
            Self::Audit => "audit",
            Self::Retrieval => "retrieval",
        }
    }
}

/// One word on how it goes.
#[derive(Debug, Clone, PartialEq)]
pub struct News {
    /// The stage.
    pub stage: Stage,
    /// What it has done so far; when it ended, what it came to.
    pub text: String,
    /// How long it has taken.
    pub seconds: f64,
    /// It ended well; a stage that ends otherwise ends the demonstration.
    pub ended: bool,
}

/// Shows news; called some times a second, must not block.
pub type Tell = Arc<dyn Fn(&News) + Send + Sync>;

/// How long one stage took.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct StageTime {
    /// The stage.
    pub stage: Stage,
    /// Wall time.
    pub seconds: f64,
}

/// Runs stages one after the other and tells of them.
pub(super) struct Stages {
    tell: Tell,
    clock: Clock,
    began: Instant,
    ended: Vec<StageTime>,
}

impl Stages {
    pub(super) fn new(tell: Tell, clock: Clock) -> Self {
        Self {
            tell,
            clock,
            began: clock.instant(),
            ended: Vec::new(),
        }
    }

    /// Runs one stage. `far` says how far it is; what it came to stands beside its result.
    pub(super) async fn run<T>(
        &mut self,
        stage: Stage,
        work: impl Future<Output = Result<(T, String)>>,
        mut far: impl FnMut() -> String,
    ) -> Result<T> {
        let began = self.clock.instant();
        let seconds = || self.clock.instant().duration_since(began).as_secs_f64();
        let mut work = pin!(work);
        loop {
            let text = far();
            (self.tell)(&News {
                stage,
                text,
                seconds: seconds(),
                ended: false,
            });
            tokio::select! {
                biased;
                result = &mut work => {
                    let (value, text) = result?;
                    let seconds = seconds();
                    (self.tell)(&News { stage, text, seconds, ended: true });
                    self.ended.push(StageTime { stage, seconds });
                    return Ok(value);
                }
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    /// How long each stage took, and all of it.
    pub(super) fn times(&self) -> (Vec<StageTime>, f64) {
        let all = self.clock.instant().duration_since(self.began);
        (self.ended.clone(), all.as_secs_f64())
    }
}
