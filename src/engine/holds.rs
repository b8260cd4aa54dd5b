//! Publishes what throttles calls to outside services.

use std::time::Duration;

use crate::model::{Event, Throttle};
use crate::runtime::ServiceRegistry;

use super::Events;

/// How often throttles are checked.
const POLL_EVERY: Duration = Duration::from_secs(1);

/// Publishes the throttles whenever they change, and warns once of each service that is down. Never returns.
pub(super) async fn show(events: &Events, dependencies: &ServiceRegistry) {
    let mut shown: Vec<Throttle> = Vec::new();
    loop {
        tokio::time::sleep(POLL_EVERY).await;
        let throttles: Vec<Throttle> = dependencies
            .holds()
            .into_iter()
            .map(|hold| Throttle {
                dependency: hold.name,
                limit: hold.limit,
                reason: hold.reason,
                retry_seconds: hold
                    .retry_in
                    .map(|wait| wait.as_secs() + u64::from(wait.subsec_nanos() > 0)),
            })
            .collect();
        if throttles == shown {
            continue;
        }
        let was_down = |one: &Throttle| {
            let mut before = shown.iter();
            before.any(|was| was.dependency == one.dependency && was.limit == 0)
        };
        for throttle in throttles.iter().filter(|one| one.limit == 0) {
            if !was_down(throttle) {
                let (service, reason) = (&throttle.dependency, &throttle.reason);
                tracing::warn!(dependency = service, "waiting for {service}: {reason}");
            }
        }
        shown.clone_from(&throttles);
        events.publish(Event::Throttled { throttles });
    }
}
