//! What the operator asks of the fleet or of one instance: a wish, and what holds after it.

use serde::{Deserialize, Serialize};

/// What is asked of an instance, or of all; kept over restarts until another wish replaces it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Control {
    /// Begin nothing new.
    #[serde(default)]
    pub paused: bool,
    /// End when what is in flight is settled. A process that is started while this holds ends at
    /// once.
    #[serde(default)]
    pub drain: bool,
    /// Items allowed in flight, instead of what the instance was started with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// Items that each instance may begin a minute; none is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<u32>,
    /// The wish that made it so, in words.
    #[serde(default)]
    pub what: String,
    /// Who asked.
    #[serde(default)]
    pub by: String,
    /// Why.
    #[serde(default)]
    pub why: String,
    /// When, Unix milliseconds.
    #[serde(default)]
    pub at: u64,
}

/// What may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Begin nothing new; what is in flight is settled and leases are kept.
    Pause,
    /// Neither pause nor drain any more. A process that drains already still ends.
    Resume,
    /// Settle what is in flight, give leases back, end.
    Drain,
    /// Other limits; what is left alone stays.
    Set {
        /// Items in flight in each instance; its default is what the instance was started with.
        concurrency: Limit,
        /// Items that each instance may begin a minute; its default is no limit.
        rate: Limit,
    },
}

/// What becomes of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Limit {
    /// It stays as it is.
    #[default]
    Stays,
    /// Nothing is asked any more.
    Default,
    /// It is so many.
    To(u32),
}

impl Limit {
    fn after(self, before: Option<u32>) -> Option<u32> {
        match self {
            Self::Stays => before,
            Self::Default => None,
            Self::To(number) => Some(number),
        }
    }

    fn words(self, name: &str) -> Option<String> {
        match self {
            Self::Stays => None,
            Self::Default => Some(format!("{name}=default")),
            Self::To(number) => Some(format!("{name}={number}")),
        }
    }
}

impl Wish {
    /// The wish as it is logged.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Self::Pause => "pause".into(),
            Self::Resume => "resume".into(),
            Self::Drain => "drain".into(),
            Self::Set { concurrency, rate } => {
                let limits = [concurrency.words("concurrency"), rate.words("rate")];
                let limits: Vec<String> = limits.into_iter().flatten().collect();
                format!("set {}", limits.join(" "))
            }
        }
    }
}

impl Control {
    /// What holds after a wish of `by` at `at` (Unix milliseconds), for the reason `why`.
    #[must_use]
    pub fn after(&self, wish: Wish, by: &str, why: &str, at: u64) -> Self {
        let mut next = Self {
            what: wish.words(),
            by: by.to_owned(),
            why: why.to_owned(),
            at,
            ..self.clone()
        };
        match wish {
            Wish::Pause => next.paused = true,
            Wish::Drain => next.drain = true,
            Wish::Resume => (next.paused, next.drain) = (false, false),
            Wish::Set { concurrency, rate } => {
                next.concurrency = concurrency.after(self.concurrency);
                next.rate = rate.after(self.rate);
            }
        }
        next
    }

    /// What holds for an instance of which `own` is asked while `self` is asked of the fleet.
    ///
    /// Pause and drain hold if either asks; a limit of the instance's own goes before the fleet's.
    /// Who and why come from the wish that stops it, else from the newer one.
    #[must_use]
    pub fn and_of(&self, own: &Self) -> Self {
        let (newer, older) = if own.at > self.at {
            (own, self)
        } else {
            (self, own)
        };
        let spoken = if newer.stops() || !older.stops() {
            newer
        } else {
            older
        };
        Self {
            paused: self.paused || own.paused,
            drain: self.drain || own.drain,
            concurrency: own.concurrency.or(self.concurrency),
            rate: own.rate.or(self.rate),
            ..spoken.clone()
        }
    }

    /// Whether nothing new is begun.
    #[must_use]
    pub fn stops(&self) -> bool {
        self.paused || self.drain
    }

    /// What is asked, in words; `None` when nothing is.
    #[must_use]
    pub fn words(&self) -> Option<String> {
        let wishes = [
            self.paused.then(|| "paused".to_owned()),
            self.drain.then(|| "draining".to_owned()),
            self.concurrency
                .map(|limit| format!("at most {limit} uploads in flight per instance")),
            self.rate
                .map(|limit| format!("at most {limit} uploads a minute per instance")),
        ];
        let wishes: Vec<String> = wishes.into_iter().flatten().collect();
        (!wishes.is_empty()).then(|| wishes.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(wishes: &[Wish]) -> Control {
        wishes
            .iter()
            .zip(1..)
            .fold(Control::default(), |held, (wish, at)| {
                held.after(*wish, "ann@host", "test", at)
            })
    }

    const SET: Wish = Wish::Set {
        concurrency: Limit::To(4),
        rate: Limit::To(600),
    };

    #[test]
    fn a_wish_changes_what_it_names_and_nothing_else() {
        let held = asked(&[SET, Wish::Pause, Wish::Drain]);
        assert!(held.paused && held.drain);
        assert_eq!((held.concurrency, held.rate), (Some(4), Some(600)));
        let held = asked(&[SET, Wish::Pause, Wish::Drain, Wish::Resume]);
        assert!(!held.stops());
        assert_eq!((held.concurrency, held.rate), (Some(4), Some(600)));
        assert_eq!((held.what.as_str(), held.at), ("resume", 4));
        let off = Wish::Set {
            concurrency: Limit::Stays,
            rate: Limit::Default,
        };
        let held = asked(&[SET, off]);
        assert_eq!((held.concurrency, held.rate), (Some(4), None));
        assert_eq!(held.what, "set rate=default");
        assert_eq!(SET.words(), "set concurrency=4 rate=600");
    }

    #[test]
    fn what_stops_an_instance_says_who_and_why() {
        let fleet = Control::default().after(Wish::Pause, "ann@a", "deploy", 1);
        let own = Control::default().after(SET, "bob@b", "slow disk", 2);
        let held = fleet.and_of(&own);
        assert!(held.paused);
        assert_eq!((held.by.as_str(), held.rate), ("ann@a", Some(600)));
        assert_eq!(
            own.words().unwrap(),
            "at most 4 uploads in flight per instance, at most 600 uploads a minute per instance"
        );
        assert_eq!(Control::default().words(), None);
    }
}
