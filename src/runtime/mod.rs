//! Time and tasks, without a domain word.
//!
//! Owns the only place that starts tasks ([`Tasks`]), the degrees of stopping ([`Stop`]), the
//! only clock ([`Clock`]), the even pace of new work ([`Pacer`]), values that are waited for ([`Watched`]), and everything
//! between a caller and a service that may be slow, busy or down: [`retry`], the adaptive [`Limit`], the [`Breaker`], and [`Dependency`], which puts the
//! three around a call; how an error reads with its causes ([`error_chain`]); files for their owner alone ([`private`]); and text
//! of others that nothing obeys ([`printable`]). Imports no room. Never knows what the work is about.

mod breaker;
mod clock;
mod dependency;
mod error_chain;
mod limit;
mod pacer;
mod printable;
pub mod private;
mod retry;
#[cfg(test)]
mod simulated;
mod stop;
mod tasks;
mod watched;

pub use breaker::{Breaker, BreakerConfig, Open};
pub use clock::{Clock, Instant};
pub use dependency::{Dependency, DependencyConfig, Hold, ServiceRegistry};
pub use error_chain::{error_chain, root_cause};
pub use limit::{Limit, Permit};
pub use pacer::Pacer;
pub use printable::{is_obeyed, is_printable, printable, printable_json};
pub use retry::{Backoff, Classify, Policy, RetryHint, full_jitter, retry};
#[cfg(test)]
pub(crate) use simulated::{Process, seed_chance};
pub use stop::{Stop, StopLevel};
pub use tasks::Tasks;
pub use watched::Watched;
