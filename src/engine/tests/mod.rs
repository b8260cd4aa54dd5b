//! The engine under a small second migration, with paused time and a store without sockets.

mod audits;
mod calls;
mod copy;
mod crashing;
mod failing;
mod faulty;
mod leasing;
mod limited;
mod outage;
pub(super) mod reasons;
mod rechecking;
mod resuming;
mod retrying;
mod rolling;
mod running;
mod sharing;
mod simulation;
mod taking_over;
mod twins;
mod world;

/// What the caller of the tests asks for in the environment.
#[expect(
    clippy::disallowed_methods,
    reason = "how much is tried is up to whoever runs the tests"
)]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
