//! Which tables a piece of state belongs to.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Which tables a piece of state belongs to, and where they are.
///
/// Names prove nothing: tables are recreated, restored from a backup, or have the same names in another account. `init`
/// gives the tables a random id. Checkpoints, journals, assignment files and reports carry it with the account and
/// region of the tables. State of another identity is refused.
///
/// ```json
/// {"environment":"production","tables":"prod-migration-progress","id":"5b0c…","account":"505595374361",
///  "region":"us-west-2"}
/// ```
///
/// Earlier versions wrote the text `production prod-migration-progress`, which is read as an identity without id.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Written")]
pub struct StateIdentity {
    /// The network: `local`, `staging`, `production`.
    pub environment: String,
    /// Name of the progress table, which represents all of them.
    pub tables: String,
    /// The random id from `init`; `None` in state of earlier versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// AWS account of the tables; empty where there is none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub account: String,
    /// AWS region of the tables; empty where there is none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub region: String,
}

/// How a piece of state relates to the tables in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Belongs {
    /// It belongs to them.
    Here,
    /// The names are equal, but it was written before tables had an id, so nothing proves it.
    Unproven,
    /// It belongs to other tables, or to another environment, account or region.
    Elsewhere,
}

impl StateIdentity {
    /// Tables without an id.
    #[must_use]
    pub fn new(environment: impl Into<String>, tables: impl Into<String>) -> Self {
        Self {
            environment: environment.into(),
            tables: tables.into(),
            ..Self::default()
        }
    }

    /// How `found` relates to these tables.
    #[must_use]
    pub fn judge(&self, found: &Self) -> Belongs {
        let same_names = (&self.environment, &self.tables) == (&found.environment, &found.tables);
        if self == found {
            Belongs::Here
        } else if same_names && found.id.is_none() {
            Belongs::Unproven
        } else {
            Belongs::Elsewhere
        }
    }
}

impl From<&str> for StateIdentity {
    /// `ENVIRONMENT TABLES`, as earlier versions wrote it.
    fn from(text: &str) -> Self {
        let (environment, tables) = text.split_once(' ').unwrap_or((text, ""));
        Self::new(environment, tables)
    }
}

impl fmt::Display for StateIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.environment, self.tables)?;
        let id = self.id.as_deref().unwrap_or("none");
        write!(f, " (tables id {id}")?;
        for (word, text) in [("account", &self.account), ("region", &self.region)] {
            if !text.is_empty() {
                write!(f, ", {word} {text}")?;
            }
        }
        f.write_str(")")
    }
}

/// Both forms in files.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Names(String),
    Whole {
        environment: String,
        tables: String,
        #[serde(default)]
        id: Option<String>,
        #[serde(default)]
        account: String,
        #[serde(default)]
        region: String,
    },
}

impl From<Written> for StateIdentity {
    fn from(written: Written) -> Self {
        match written {
            Written::Names(names) => names.as_str().into(),
            Written::Whole {
                environment,
                tables,
                id,
                account,
                region,
            } => Self {
                environment,
                tables,
                id,
                account,
                region,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole() -> StateIdentity {
        StateIdentity {
            id: Some("5b0c".into()),
            account: "505595374361".into(),
            region: "us-west-2".into(),
            ..StateIdentity::new("production", "prod-migration-progress")
        }
    }

    #[test]
    fn it_is_written_whole_and_names_of_earlier_versions_are_read() {
        let whole = whole();
        let text = serde_json::to_string(&whole).unwrap();
        assert_eq!(serde_json::from_str::<StateIdentity>(&text).unwrap(), whole);
        let names: StateIdentity =
            serde_json::from_str(r#""production prod-migration-progress""#).unwrap();
        assert_eq!(
            names,
            StateIdentity::new("production", "prod-migration-progress")
        );
    }

    #[test]
    fn only_the_same_id_account_and_region_are_the_same_tables() {
        let here = whole();
        assert_eq!(here.judge(&whole()), Belongs::Here);
        let names = StateIdentity::new("production", "prod-migration-progress");
        assert_eq!(here.judge(&names), Belongs::Unproven);
        let others = [
            StateIdentity {
                id: Some("77".into()),
                ..whole()
            },
            StateIdentity {
                account: "1".into(),
                ..whole()
            },
            StateIdentity {
                region: "us-east-2".into(),
                ..whole()
            },
            StateIdentity {
                environment: "staging".into(),
                ..whole()
            },
            StateIdentity {
                tables: "other".into(),
                ..whole()
            },
            StateIdentity::new("staging", "prod-migration-progress"),
        ];
        for other in others {
            assert_eq!(here.judge(&other), Belongs::Elsewhere, "{other}");
        }
        // What an earlier version wrote is not made theirs by tables that have no id either.
        assert_eq!(names.judge(&here), Belongs::Elsewhere);
    }

    #[test]
    fn people_read_all_of_it() {
        assert_eq!(
            whole().to_string(),
            "production prod-migration-progress (tables id 5b0c, account 505595374361, region us-west-2)"
        );
        assert_eq!(
            StateIdentity::from("local t").to_string(),
            "local t (tables id none)"
        );
    }
}
