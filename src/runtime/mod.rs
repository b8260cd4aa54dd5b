//! Time and tasks, without a domain word.
//!
//! Starts all tasks ([`Tasks`]), stops them ([`Stop`]), reads the only clock ([`Clock`]), paces new work ([`Pacer`])
//! and lets tasks wait for a value ([`Watched`]). Calls to a service that may be slow, busy or down go through
//! [`Dependency`], which combines [`retry`], the adaptive [`Limit`] and the [`Breaker`]. Also here: the text of an
//! error with its causes ([`error_chain`]), files for their owner alone ([`private`]), and text that is safe to print
//! ([`printable`]). Never knows what the work is about.

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
