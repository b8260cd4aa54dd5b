//! The text of a customers file: its shapes, its plan, and every wrong entry.

use std::collections::HashMap;
use std::path::Path;

use serde_json::{Map, Value};
use strsim::levenshtein;

use super::{CustomerShare, CustomersFile, PlanOfFile, customer_did, space_did};
use crate::config::fault::{Fault, Faults};
use crate::config::files::input;
use crate::migrations::uploads::plan::{CUSTOMERS_FILE, CUSTOMERS_FILE_FIELDS};
use crate::model::{PlanId, StateIdentity};
use crate::proto::SpaceDid;

/// The largest file that is read, in bytes: a million customers.
const MAX_BYTES: u64 = 128 << 20;

/// Wrong entries that are named one by one.
pub(super) const NAMED_FAULTS: usize = 20;

impl CustomersFile {
    /// Reads a file, a pipe, or with `-` standard input.
    ///
    /// # Errors
    /// Every wrong entry.
    pub fn read(path: &Path) -> Result<Self, Faults> {
        let text = input::read_text(path, MAX_BYTES).map_err(|problem| Fault {
            name: "--customers-file".into(),
            origin: Some(input::name(path).display().to_string()),
            problem,
            remedy: "name a file that `sterna setup` wrote".into(),
        })?;
        Self::parse(&input::name(path), &text)
    }

    /// What the plan of a file is for, as far as the file tells, whatever its version is.
    #[must_use]
    pub fn state_of(path: &Path) -> Option<StateIdentity> {
        let text = input::read_text(path, MAX_BYTES).ok()?;
        let value: Value = serde_json::from_str(&text).ok()?;
        serde_json::from_value(value.get("state")?.clone()).ok()
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// Every wrong entry.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Faults> {
        let mut parser = Parser::new(path);
        let file = parser.file(text);
        parser.finish(file)
    }
}

/// Reads one file; what is wrong is kept until [`Parser::finish`].
struct Parser<'a> {
    path: &'a Path,
    faults: Faults,
    wrong: usize,
}

impl<'a> Parser<'a> {
    fn new(path: &'a Path) -> Self {
        Self {
            path,
            faults: Faults::default(),
            wrong: 0,
        }
    }

    fn wrong(&mut self, problem: String, remedy: &str) {
        self.wrong += 1;
        if self.wrong > NAMED_FAULTS {
            return;
        }
        self.faults.push(Fault {
            name: "--customers-file".into(),
            origin: Some(self.path.display().to_string()),
            problem,
            remedy: remedy.into(),
        });
    }

    /// The file, or every fault.
    fn finish(mut self, file: Option<CustomersFile>) -> Result<CustomersFile, Faults> {
        if let Some(more) = self.wrong.checked_sub(NAMED_FAULTS)
            && more > 0
        {
            self.wrong = 0;
            self.wrong(
                format!("has {more} more wrong entries"),
                "correct those above first",
            );
        }
        self.faults.or(file)
    }

    /// Reads the text.
    fn file(&mut self, text: &str) -> Option<CustomersFile> {
        const SHAPES: &str =
            "write a list of customers, or an object with such a list under `customers`";
        let value: Value = match serde_json::from_str(text) {
            Ok(value) => value,
            Err(error) => {
                self.wrong(
                    format!("is not JSON: {error}"),
                    "write it again with `sterna setup`",
                );
                return None;
            }
        };
        let (list, instance, plan) = match &value {
            Value::Array(list) => (list, None, None),
            Value::Object(fields) => {
                let plan = self.plan(fields).ok()?;
                if fields.contains_key("schema") {
                    self.unknown_fields(fields, &CUSTOMERS_FILE_FIELDS, true, "");
                } else {
                    let read = ["customers", "instanceId", "instance"];
                    self.unknown_fields(fields, &read, false, "");
                }
                let instance = self.instance(fields).ok()?;
                let Some(Value::Array(list)) = fields.get("customers") else {
                    self.wrong("has no list under `customers`".into(), SHAPES);
                    return None;
                };
                (list, instance, plan)
            }
            _ => {
                self.wrong("is neither a list nor an object".into(), SHAPES);
                return None;
            }
        };
        if list.is_empty() && plan.is_none() {
            self.wrong(
                "names no customer".into(),
                "write at least one; without --customers-file a run covers all customers",
            );
        }
        let (customers, notes) = self.shares(list);
        Some(CustomersFile {
            path: self.path.into(),
            instance,
            plan,
            customers,
            notes,
        })
    }

    /// Each customer once, and what was put together for that.
    fn shares(&mut self, list: &[Value]) -> (Vec<CustomerShare>, Vec<String>) {
        let mut customers = Vec::<CustomerShare>::with_capacity(list.len());
        let mut notes = Vec::new();
        let mut places = HashMap::new();
        for (index, entry) in list.iter().enumerate() {
            let Some(share) = self.share(index, entry) else {
                continue;
            };
            if let Some(place) = places.get(&share.customer) {
                let before: &mut CustomerShare = &mut customers[*place];
                notes.extend(share.join(before));
            } else {
                places.insert(share.customer.clone(), customers.len());
                customers.push(share);
            }
        }
        (customers, notes)
    }

    /// Names that are none of ours: all of them in what `setup` writes, elsewhere those that look like one of ours.
    fn unknown_fields(&mut self, fields: &Map<String, Value>, known: &[&str], all: bool, of: &str) {
        for name in fields.keys().filter(|name| !known.contains(&name.as_str())) {
            let near = known.iter().find(|known| levenshtein(known, name) <= 2);
            if !all && near.is_none() {
                continue;
            }
            let remedy = match near {
                Some(near) => format!("write `{near}`"),
                None => format!("leave it out; there are {}", known.join(", ")),
            };
            self.wrong(format!("{of}has an unknown field `{name}`"), &remedy);
        }
    }

    /// The instance that the file was written for, if it names one.
    ///
    /// # Errors
    /// What it names is no instance; why is noted.
    fn instance(&mut self, fields: &Map<String, Value>) -> Result<Option<u32>, ()> {
        let mut named = None;
        for name in ["instanceId", "instance"] {
            let Some(value) = fields.get(name) else {
                continue;
            };
            let remedy = "write the number of one instance, from 1 up, or leave it out";
            match number(value).filter(|number| *number > 0) {
                None => {
                    self.wrong(
                        format!("has `{name}` {value}, which is not an instance"),
                        remedy,
                    );
                    return Err(());
                }
                Some(number) if named.is_some_and(|named| named != number) => {
                    self.wrong(format!("names two instances: `{name}` is {value}"), remedy);
                    return Err(());
                }
                Some(number) => named = Some(number),
            }
        }
        Ok(named)
    }

    /// The plan that the file is a part of, if it names one.
    ///
    /// # Errors
    /// Nothing of the file may be read any further; why is noted.
    fn plan(&mut self, fields: &Map<String, Value>) -> Result<Option<PlanOfFile>, ()> {
        let (schema, version) = CUSTOMERS_FILE;
        let Some(found) = fields.get("schema") else {
            return Ok(None);
        };
        let of_version = fields.get("version").unwrap_or(&Value::Null);
        if (found.as_str(), of_version.as_u64()) != (Some(schema), Some(version.into())) {
            let found = found
                .as_str()
                .map_or_else(|| found.to_string(), str::to_owned);
            self.faults.push_mismatch(Fault {
                name: "--customers-file".into(),
                origin: Some(self.path.display().to_string()),
                problem: format!(
                    "has schema {found} version {of_version}; this program reads {schema} version {version}"
                ),
                remedy: "write it again with `sterna setup`, or use the program that wrote it; nothing was done"
                    .into(),
            });
            return Err(());
        }
        let id = fields.get("plan").and_then(Value::as_str);
        let state = fields.get("state").cloned();
        let state = state.and_then(|state| serde_json::from_value::<StateIdentity>(state).ok());
        let (Some(id), Some(state)) = (id.filter(|id| !id.is_empty()), state) else {
            self.wrong(
                "does not name its plan".into(),
                "write it again with `sterna setup`",
            );
            return Err(());
        };
        Ok(Some(PlanOfFile {
            id: PlanId::new(id),
            state,
        }))
    }

    fn share(&mut self, index: usize, entry: &Value) -> Option<CustomerShare> {
        let (customer, spaces) = match entry {
            Value::String(_) => (entry, None),
            Value::Object(fields) => {
                let of = format!("entry {index} ");
                self.unknown_fields(fields, &["customer", "spaces"], true, &of);
                (
                    fields.get("customer").unwrap_or(&Value::Null),
                    fields.get("spaces"),
                )
            }
            _ => (&Value::Null, None),
        };
        let customer = customer.as_str().and_then(customer_did);
        let Some(customer) = customer else {
            self.wrong(
                format!("entry {index}, {entry}, is not a customer"),
                "write did:mailto:<domain>:<name> or an e-mail address; spaces (did:key:…) go to --space",
            );
            return None;
        };
        let spaces = match spaces {
            None | Some(Value::Null) => None,
            Some(Value::Array(spaces)) if spaces.is_empty() => {
                self.wrong(
                    format!("entry {index} names no space"),
                    "leave `spaces` out for all of them, or leave the customer out",
                );
                return None;
            }
            Some(Value::Array(spaces)) => Some(self.spaces(index, spaces)),
            Some(other) => {
                self.wrong(
                    format!("entry {index} has {other} in place of a list of spaces"),
                    "write a list",
                );
                return None;
            }
        };
        Some(CustomerShare { customer, spaces })
    }

    fn spaces(&mut self, index: usize, list: &[Value]) -> Vec<SpaceDid> {
        let mut spaces = Vec::with_capacity(list.len());
        for entry in list {
            match entry.as_str().and_then(space_did) {
                Some(space) => spaces.push(space),
                None => self.wrong(
                    format!("entry {index} has the space {entry}, which is not a DID of a space"),
                    "write did:key:…",
                ),
            }
        }
        spaces
    }
}

fn number(value: &Value) -> Option<u32> {
    match value {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64().and_then(|number| number.try_into().ok()),
    }
}
