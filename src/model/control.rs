//! What the operator asks of the fleet or of one instance: a command, and what holds after it.

use super::UnixMillis;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Noun;

/// What is asked of an instance, or of all; kept over restarts until another command replaces it.
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
    /// Who asked for each setting that holds, when and why; read it with [`Control::said`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<Setting, Said>,
    /// The last command, in words.
    #[serde(default)]
    pub what: String,
    /// Who asked last.
    #[serde(default)]
    pub by: String,
    /// Why.
    #[serde(default)]
    pub why: String,
    /// When.
    #[serde(default)]
    pub at: UnixMillis,
}

/// What may hold, each by a command of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Setting {
    /// Nothing new is begun.
    Pause,
    /// Instances end.
    Drain,
    /// Items in flight.
    Concurrency,
    /// Items begun a minute.
    Rate,
}

/// Who asked for a setting, when and why.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Said {
    /// Who, as `user@host`.
    pub by: String,
    /// Why.
    #[serde(default)]
    pub why: String,
    /// When.
    pub at: UnixMillis,
}

/// What may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControlCommand {
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

impl ControlCommand {
    /// The command as it is logged.
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
    /// What holds after a command of `by` at `at`, for the reason `why`.
    #[must_use]
    pub fn after(&self, command: ControlCommand, by: &str, why: &str, at: UnixMillis) -> Self {
        let mut next = Self {
            what: command.words(),
            by: by.to_owned(),
            why: why.to_owned(),
            at,
            ..self.clone()
        };
        next.settings = self.all_said();
        let mut say = |setting, asked: bool| {
            let (by, why) = (by.to_owned(), why.to_owned());
            if asked {
                next.settings.insert(setting, Said { by, why, at });
            }
        };
        match command {
            ControlCommand::Pause => say(Setting::Pause, true),
            ControlCommand::Drain => say(Setting::Drain, true),
            ControlCommand::Resume => {}
            ControlCommand::Set { concurrency, rate } => {
                say(Setting::Concurrency, concurrency != Limit::Stays);
                say(Setting::Rate, rate != Limit::Stays);
            }
        }
        match command {
            ControlCommand::Pause => next.paused = true,
            ControlCommand::Drain => next.drain = true,
            ControlCommand::Resume => (next.paused, next.drain) = (false, false),
            ControlCommand::Set { concurrency, rate } => {
                next.concurrency = concurrency.after(self.concurrency);
                next.rate = rate.after(self.rate);
            }
        }
        let holds = next.holds();
        next.settings.retain(|setting, _| holds.contains(setting));
        next
    }

    /// The settings that hold, in order.
    #[must_use]
    pub fn holds(&self) -> Vec<Setting> {
        let all = [
            (Setting::Pause, self.paused),
            (Setting::Drain, self.drain),
            (Setting::Concurrency, self.concurrency.is_some()),
            (Setting::Rate, self.rate.is_some()),
        ];
        all.into_iter()
            .filter_map(|(setting, holds)| holds.then_some(setting))
            .collect()
    }

    /// Who asked for a setting that holds, when and why. Rows of earlier versions know the last command only.
    #[must_use]
    pub fn said(&self, setting: Setting) -> Said {
        let last = || Said {
            by: self.by.clone(),
            why: self.why.clone(),
            at: self.at,
        };
        self.settings.get(&setting).cloned().unwrap_or_else(last)
    }

    fn all_said(&self) -> BTreeMap<Setting, Said> {
        let said = |setting| (setting, self.said(setting));
        self.holds().into_iter().map(said).collect()
    }

    /// What holds for an instance of which `own` is asked while `self` is asked of the fleet.
    ///
    /// Pause and drain hold if either asks; a limit of the instance's own goes before the fleet's.
    /// Who and why of each setting go with it; the last command is the newer one.
    #[must_use]
    pub fn and_of(&self, own: &Self) -> Self {
        let newer = if own.at > self.at { own } else { self };
        let mut settings = self.all_said();
        settings.extend(own.all_said());
        Self {
            paused: self.paused || own.paused,
            drain: self.drain || own.drain,
            concurrency: own.concurrency.or(self.concurrency),
            rate: own.rate.or(self.rate),
            settings,
            ..newer.clone()
        }
    }

    /// Whether nothing new is begun.
    #[must_use]
    pub fn stops(&self) -> bool {
        self.paused || self.drain
    }

    /// What is asked of the items so called, in words; `None` when nothing is.
    #[must_use]
    pub fn words(&self, items: Noun) -> Option<String> {
        let settings = self.holds().into_iter();
        let words: Vec<String> = settings.map(|one| self.word(one, items)).collect();
        (!words.is_empty()).then(|| words.join(", "))
    }

    /// A setting that holds, in words; `items` is what items are called.
    #[must_use]
    pub fn word(&self, setting: Setting, items: Noun) -> String {
        let at_most = |limit: Option<u32>| {
            let number = items.count(limit.unwrap_or_default().into());
            format!("at most {number}")
        };
        match setting {
            Setting::Pause => "paused".to_owned(),
            Setting::Drain => "draining".to_owned(),
            Setting::Concurrency => {
                format!("{} in flight per instance", at_most(self.concurrency))
            }
            Setting::Rate => format!("{} a minute per instance", at_most(self.rate)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(wishes: &[ControlCommand]) -> Control {
        wishes
            .iter()
            .zip(1..)
            .fold(Control::default(), |held, (command, at)| {
                held.after(*command, "ann@host", "test", UnixMillis(at))
            })
    }

    const SET: ControlCommand = ControlCommand::Set {
        concurrency: Limit::To(4),
        rate: Limit::To(600),
    };

    #[test]
    fn a_command_changes_what_it_names_and_nothing_else() {
        let held = asked(&[SET, ControlCommand::Pause, ControlCommand::Drain]);
        assert!(held.paused && held.drain);
        assert_eq!((held.concurrency, held.rate), (Some(4), Some(600)));
        let held = asked(&[
            SET,
            ControlCommand::Pause,
            ControlCommand::Drain,
            ControlCommand::Resume,
        ]);
        assert!(!held.stops());
        assert_eq!((held.concurrency, held.rate), (Some(4), Some(600)));
        assert_eq!((held.what.as_str(), held.at.0), ("resume", 4));
        let off = ControlCommand::Set {
            concurrency: Limit::Stays,
            rate: Limit::Default,
        };
        let held = asked(&[SET, off]);
        assert_eq!((held.concurrency, held.rate), (Some(4), None));
        assert_eq!(held.what, "set rate=default");
        assert_eq!(SET.words(), "set concurrency=4 rate=600");
    }

    const LETTERS: Noun = Noun::new("letter", "letters");

    fn said(control: &Control, setting: Setting) -> (String, String, u64) {
        let Said { by, why, at } = control.said(setting);
        (by, why, at.0)
    }

    #[test]
    fn each_setting_keeps_who_asked_for_it_when_and_why() {
        let off = ControlCommand::Set {
            concurrency: Limit::Default,
            rate: Limit::Stays,
        };
        let pause =
            Control::default().after(ControlCommand::Pause, "ann@a", "deploy", UnixMillis(1));
        let limited = pause.after(SET, "bob@b", "slow disk", UnixMillis(2));
        let held = limited.after(off, "cid@c", "new disk", UnixMillis(3));
        assert_eq!(held.holds(), [Setting::Pause, Setting::Rate]);
        let (ann, bob) = (("ann@a", "deploy", 1), ("bob@b", "slow disk", 2));
        let owned = |(by, why, at): (&str, &str, u64)| (by.to_owned(), why.to_owned(), at);
        assert_eq!(said(&held, Setting::Pause), owned(ann));
        assert_eq!(said(&held, Setting::Rate), owned(bob));
        assert!(!held.settings.contains_key(&Setting::Concurrency));
        let resumed = held.after(ControlCommand::Resume, "ann@a", "", UnixMillis(4));
        assert_eq!(resumed.settings.len(), 1);
        assert_eq!((resumed.what.as_str(), resumed.at.0), ("resume", 4));
        // A pause after a pause is another one, with a reason of its own.
        let again = held.after(ControlCommand::Pause, "dan@d", "audit", UnixMillis(5));
        assert_eq!(said(&again, Setting::Pause).0, "dan@d");
    }

    #[test]
    fn rows_of_earlier_versions_say_who_asked_last() {
        let row = r#"{"paused":true,"rate":7,"what":"pause","by":"ann@a","why":"deploy","at":1}"#;
        let held: Control = serde_json::from_str(row).unwrap();
        assert_eq!(said(&held, Setting::Rate).0, "ann@a");
        let later = held.after(ControlCommand::Drain, "bob@b", "night", UnixMillis(2));
        assert_eq!(said(&later, Setting::Pause).1, "deploy");
        assert_eq!(said(&later, Setting::Drain).1, "night");
    }

    #[test]
    fn what_stops_an_instance_says_who_and_why() {
        let fleet =
            Control::default().after(ControlCommand::Pause, "ann@a", "deploy", UnixMillis(1));
        let own = Control::default().after(SET, "bob@b", "slow disk", UnixMillis(2));
        let held = fleet.and_of(&own);
        assert!(held.paused);
        assert_eq!(said(&held, Setting::Pause).0, "ann@a");
        assert_eq!(said(&held, Setting::Rate).0, "bob@b");
        assert_eq!((held.by.as_str(), held.rate), ("bob@b", Some(600)));
        assert_eq!(
            own.words(LETTERS).unwrap(),
            "at most 4 letters in flight per instance, at most 600 letters a minute per instance"
        );
        assert_eq!(Control::default().words(LETTERS), None);
    }
}
