//! Every step, and what operators call it: the one place where a step is registered.

use std::sync::Arc;

use super::gateway::{self, AuthorizeGateway, GATEWAY};
use super::location::{self, LOCATION, RepublishLocation};
use super::register_index::{self, REGISTER_INDEX, RegisterIndex};
use super::store_index::{self, STORE_INDEX, StoreIndex};
use crate::engine::{Step, UnitStep};
use crate::migrations::uploads::Uploads;
use crate::migrations::uploads::parts::Parts;
use crate::model::{StepGroup, StepInfo};

/// In the order in which they are made.
pub(in crate::migrations::uploads) const STEPS: &[StepInfo] = &[
    gateway::INFO,
    store_index::INFO,
    register_index::INFO,
    location::INFO,
];

/// What `--only NAME` makes, and `--test-NAME` as the existing tool has it.
pub(in crate::migrations::uploads) const STEP_GROUPS: &[StepGroup] = &[
    StepGroup {
        name: "index",
        steps: &[STORE_INDEX, REGISTER_INDEX],
    },
    StepGroup {
        name: "location-claims",
        steps: &[LOCATION],
    },
    StepGroup {
        name: "gateway-auth",
        steps: &[GATEWAY],
    },
];

/// The steps of an upload, in order.
pub(in crate::migrations::uploads) fn steps(parts: &Arc<Parts>) -> Vec<Arc<dyn Step<Uploads>>> {
    vec![
        Arc::new(StoreIndex::new(parts)),
        Arc::new(RegisterIndex::new(parts)),
        Arc::new(RepublishLocation(Arc::clone(parts))),
    ]
}

/// The steps of a space, in order.
pub(in crate::migrations::uploads) fn unit_steps(parts: &Arc<Parts>) -> Vec<Arc<dyn UnitStep>> {
    vec![Arc::new(AuthorizeGateway(Arc::clone(parts)))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_has_words_of_its_own_and_is_in_a_group() {
        let mut seen = std::collections::BTreeSet::new();
        for step in STEPS {
            assert!(seen.insert((step.verb, step.makes.many)), "{}", step.name);
            let groups = STEP_GROUPS.iter().filter(|group| group.has(&step.name));
            assert_eq!(groups.count(), 1, "{}", step.name);
        }
    }
}
