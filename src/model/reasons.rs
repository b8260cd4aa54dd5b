//! What reasons mean, and what an operator does about them.

use super::{Class, Failure, Reason};

/// What one reason means.
#[derive(Debug, Clone, Copy)]
pub struct ReasonInfo {
    /// The reason.
    pub reason: Reason,
    /// What an operator does about it, one sentence.
    pub advice: &'static str,
    /// Whether the data itself, or the request, explains the failure. Such failures are counted and shown, but do not
    /// stop the run.
    pub explained_by_data: bool,
    /// Whether something exists and is damaged. Otherwise a permanent failure that the data explains means that it is
    /// missing.
    pub damage: bool,
    /// The settings that cause it if they are wrong.
    pub suspects: Option<&'static str>,
}

impl ReasonInfo {
    /// A reason that counts towards the failure rate.
    #[must_use]
    pub const fn new(reason: Reason, advice: &'static str) -> Self {
        Self {
            reason,
            advice,
            explained_by_data: false,
            damage: false,
            suspects: None,
        }
    }

    /// A reason that the data itself, or the request, explains.
    #[must_use]
    pub const fn of_data(reason: Reason, advice: &'static str) -> Self {
        Self {
            explained_by_data: true,
            ..Self::new(reason, advice)
        }
    }

    /// The same, for something that exists and is damaged.
    #[must_use]
    pub const fn damage(self) -> Self {
        Self {
            damage: true,
            ..self
        }
    }

    /// The same, with the settings that cause it if they are wrong.
    #[must_use]
    pub const fn suspects(self, settings: &'static str) -> Self {
        Self {
            suspects: Some(settings),
            ..self
        }
    }
}

const SERVICE: &str = "check the service, then retry";
const KEYS: &str = "check keys, proofs and settings";

/// The reasons that every migration has.
const COMMON: &[ReasonInfo] = &[
    ReasonInfo::of_data(
        Reason::NOT_FOUND,
        "nothing can be migrated: leave it quarantined",
    ),
    ReasonInfo::of_data(Reason::BAD_RECORD, "correct the source rows, then retry"),
    ReasonInfo::of_data(
        Reason::STILL_NEEDED,
        "undo what needs it first: `sterna rollback --dry-run` lists it",
    ),
    ReasonInfo::new(Reason::REFUSED, KEYS),
    ReasonInfo::new(Reason::UNAUTHORIZED, KEYS),
    ReasonInfo::new(Reason::BAD_ANSWER, SERVICE),
    ReasonInfo::new(Reason::SERVICE_ERROR, SERVICE),
    ReasonInfo::new(Reason::THROTTLED, "lower the concurrency, then retry"),
    ReasonInfo::new(Reason::TIMEOUT, SERVICE),
    ReasonInfo::new(Reason::UNREACHABLE, SERVICE),
    ReasonInfo::new(Reason::NOT_VISIBLE_YET, "wait for the caches, then retry"),
    ReasonInfo::new(Reason::COULD_NOT_TELL, "wait for the caches, then retry"),
    ReasonInfo::new(
        Reason::LEASE_LOST,
        "another process works on it; nothing to do",
    ),
    ReasonInfo::new(
        Reason::CREDENTIALS,
        "log in again, or check the AWS profile, the role and its policy (`sterna init --print`), then run the same command",
    ),
    ReasonInfo::new(Reason::MISCONFIGURED, KEYS),
    ReasonInfo::new(
        Reason::STATE_UNAVAILABLE,
        "check DynamoDB and the disk, then retry",
    ),
    ReasonInfo::new(Reason::STOPPED, "start the run again"),
    ReasonInfo::new(Reason::INTERNAL, "report it, with the log of the item"),
];

/// The advice for a reason that another version or migration wrote.
const UNKNOWN: &str = "this version does not know the reason: look at the message";

/// All reasons of one migration: its own, and those that every migration has.
#[derive(Debug, Clone, Copy)]
pub struct Reasons(&'static [ReasonInfo]);

impl Reasons {
    /// The reasons that every migration has.
    pub const COMMON: Self = Self(&[]);

    /// The reasons of a migration. Its own entry for a common reason replaces the common one.
    #[must_use]
    pub const fn with(own: &'static [ReasonInfo]) -> Self {
        Self(own)
    }

    /// All of them, each once.
    pub fn all(self) -> impl Iterator<Item = &'static ReasonInfo> {
        let is_own = move |reason| self.0.iter().any(|own| own.reason == reason);
        let common = COMMON.iter().filter(move |info| !is_own(info.reason));
        self.0.iter().chain(common)
    }

    /// What is known of a reason.
    #[must_use]
    pub fn info(self, reason: Reason) -> Option<&'static ReasonInfo> {
        let mut both = self.0.iter().chain(COMMON);
        both.find(|info| info.reason == reason)
    }

    /// What an operator does about it, one sentence.
    #[must_use]
    pub fn advice(self, reason: Reason) -> &'static str {
        self.info(reason).map_or(UNKNOWN, |info| info.advice)
    }

    /// Whether the data itself, or the request, explains the failure.
    #[must_use]
    pub fn is_explained_by_data(self, reason: Reason) -> bool {
        self.info(reason).is_some_and(|info| info.explained_by_data)
    }

    /// Whether something exists and is damaged.
    #[must_use]
    pub fn is_damage(self, reason: Reason) -> bool {
        self.info(reason).is_some_and(|info| info.damage)
    }

    /// The settings that cause it if they are wrong.
    #[must_use]
    pub fn suspects(self, reason: Reason) -> Option<&'static str> {
        self.info(reason)?.suspects
    }

    /// Whether a failure counts towards the rate that stops a run.
    #[must_use]
    pub fn is_unexpected(self, failure: &Failure) -> bool {
        !(failure.class == Class::Permanent && self.is_explained_by_data(failure.reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_of_a_migration_goes_before_the_common_one() {
        const OWN: &[ReasonInfo] = &[
            ReasonInfo::of_data(Reason::new("BENT"), "straighten it").damage(),
            ReasonInfo::of_data(Reason::NOT_FOUND, "look for it").suspects("PLACE"),
        ];
        let reasons = Reasons::with(OWN);
        assert_eq!(reasons.advice(Reason::NOT_FOUND), "look for it");
        assert_eq!(reasons.suspects(Reason::NOT_FOUND), Some("PLACE"));
        assert_eq!(Reasons::COMMON.suspects(Reason::NOT_FOUND), None);
        assert_eq!(reasons.all().count(), COMMON.len() + 1);
        let codes: std::collections::BTreeSet<_> = reasons.all().map(|info| info.reason).collect();
        assert_eq!(codes.len(), COMMON.len() + 1);
        let bent = Failure::permanent(Reason::new("BENT"), "it is bent");
        assert!(!reasons.is_unexpected(&bent) && reasons.is_damage(bent.reason));
        assert!(Reasons::COMMON.is_unexpected(&bent));
        assert_eq!(Reasons::COMMON.advice(bent.reason), UNKNOWN);
    }
}
