//! The customers file of an instance, in both shapes of the existing tool: a plain list of DIDs, or an object with
//! `customers`, whose entries are DIDs or, for a customer that was split by space, objects with `customer` and
//! `spaces`.
//!
//! A file that `setup` wrote says which plan it is a part of. One of another schema or version is refused whole. A file
//! of the existing tool, or one written by hand, is a part of no plan.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::fault::{Fault, Faults};
use super::names::distance;
use crate::model::{CustomerDid, PlanId, SpaceDid, StateIdentity};
use crate::plan::{CUSTOMERS_FILE, CUSTOMERS_FILE_FIELDS};
use crate::proto::did::Did;

/// The largest file that is read, in bytes: a million customers.
const MAX_BYTES: u64 = 128 << 20;

/// Wrong entries that are named one by one.
const NAMED_FAULTS: usize = 20;

/// Customers of one instance, in the order of the file, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomersFile {
    /// Where it was read.
    pub path: PathBuf,
    /// The instance it was written for, when it says so.
    pub instance: Option<u32>,
    /// The plan that it is a part of; `None` for a file that `setup` did not write.
    pub plan: Option<PlanOfFile>,
    /// The customers.
    pub customers: Vec<CustomerShare>,
    /// What was put together of entries that speak of one customer, in words.
    pub notes: Vec<String>,
}

/// Which plan a customers file is a part of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanOfFile {
    /// The plan.
    pub id: PlanId,
    /// The tables that it is for.
    pub state: StateIdentity,
}

/// A customer, or some of its spaces when it was split over instances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerShare {
    /// The customer.
    pub customer: CustomerDid,
    /// Only these spaces; `None` is all of them.
    pub spaces: Option<Vec<SpaceDid>>,
}

impl CustomersFile {
    /// Reads a file.
    ///
    /// # Errors
    /// Every wrong entry.
    pub fn read(path: &Path) -> Result<Self, Faults> {
        let text = read_text(path).map_err(|problem| Fault {
            name: "--customers-file".into(),
            origin: Some(path.display().to_string()),
            problem,
            remedy: "name a file that `sterna setup` wrote".into(),
        })?;
        Self::parse(path, &text)
    }

    /// What the plan of a file is for, as far as the file tells, whatever its version is.
    #[must_use]
    pub fn state_of(path: &Path) -> Option<StateIdentity> {
        let text = read_text(path).ok()?;
        let value: Value = serde_json::from_str(&text).ok()?;
        serde_json::from_value(value.get("state")?.clone()).ok()
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// Every wrong entry.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Faults> {
        let mut parser = Parser {
            path,
            faults: Faults::default(),
            wrong: 0,
        };
        let file = parser.file(text);
        parser.finish(file)
    }
}

fn read_text(path: &Path) -> Result<String, String> {
    let found = std::fs::metadata(path).map_err(|error| format!("cannot be read: {error}"))?;
    if !found.is_file() {
        return Err("is no file".into());
    }
    if found.len() > MAX_BYTES {
        return Err(format!("is larger than {} MiB", MAX_BYTES >> 20));
    }
    std::fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"))
}

impl CustomerShare {
    /// Adds what this entry says to an earlier one of the same customer; says so if that changes anything.
    fn join(self, before: &mut Self) -> Option<String> {
        let customer = &before.customer;
        let (mut spaces, more) = match (before.spaces.take(), self.spaces) {
            (None, None) => return None,
            (None, Some(_)) | (Some(_), None) => {
                let text =
                    "stands there as a whole and with single spaces: all of its spaces are taken";
                return Some(format!("{customer} {text}"));
            }
            (Some(spaces), Some(more)) => (spaces, more),
        };
        spaces.extend(more);
        let mut seen = HashSet::new();
        spaces.retain(|space| seen.insert(space.clone()));
        let text = format!(
            "{customer} stands there more than once: {} spaces are taken, those of all entries",
            spaces.len()
        );
        before.spaces = Some(spaces);
        Some(text)
    }
}

struct Parser<'a> {
    path: &'a Path,
    faults: Faults,
    wrong: usize,
}

impl Parser<'_> {
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

    fn file(&mut self, text: &str) -> Option<CustomersFile> {
        const SHAPES: &str =
            "write a list of customer DIDs, or an object with such a list under `customers`";
        let value: Value = match serde_json::from_str(text) {
            Ok(value) => value,
            Err(error) => {
                self.wrong(
                    format!("is no JSON: {error}"),
                    "write it anew with `sterna setup`",
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
                "write at least one; without --customers-file a run is about all of them",
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
            let near = known.iter().find(|known| distance(known, name) <= 2);
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
                        format!("has `{name}` {value}, which is no instance"),
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
                    "holds {found} version {of_version}, this program reads {schema} version {version}"
                ),
                remedy: "write it anew with `sterna setup`, or use the program that wrote it; nothing was done"
                    .into(),
            });
            return Err(());
        }
        let id = fields.get("plan").and_then(Value::as_str);
        let state = fields.get("state").cloned();
        let state = state.and_then(|state| serde_json::from_value::<StateIdentity>(state).ok());
        let (Some(id), Some(state)) = (id.filter(|id| !id.is_empty()), state) else {
            self.wrong(
                "does not say which plan it is a part of".into(),
                "write it anew with `sterna setup`",
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
                format!("entry {index} is no customer DID: {entry}"),
                "write did:mailto:<domain>:<name>; spaces (did:key:…) go to --space",
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
                    format!("entry {index} has no list of spaces: {other}"),
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
                    format!("entry {index} has a space that is no space DID: {entry}"),
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

/// A customer: any DID but a `did:key`, which is a space or an agent.
#[must_use]
pub fn customer_did(text: &str) -> Option<CustomerDid> {
    let did = Did::parse(text).ok().filter(|did| !did.is_key())?;
    did.as_str().parse().ok()
}

/// A space: a whole `did:key`.
#[must_use]
pub fn space_did(text: &str) -> Option<SpaceDid> {
    let did = Did::parse(text).ok().filter(Did::is_key)?;
    did.as_str().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: &str = "did:mailto:example.com:alice";
    const SPACE: &str = "did:key:z6MkmtWtY63GQVBrpMyRJWEzsnxfsGkemu6CtMDwGTv4RYj2";

    fn parse(text: &str) -> Result<CustomersFile, Faults> {
        CustomersFile::parse(Path::new("c.json"), text)
    }

    #[test]
    fn both_shapes_give_the_same_customers() {
        let list = parse(&format!(
            r#"["{ALICE}", "{ALICE}", "did:mailto:x.org:bob%2Bt"]"#
        ))
        .unwrap();
        let object = parse(&format!(
            r#"{{"instanceId": "3", "customers": ["{ALICE}", {{"customer": "did:mailto:x.org:bob%2Bt"}}]}}"#
        ))
        .unwrap();
        assert_eq!(list.customers, object.customers);
        assert_eq!(list.customers.len(), 2, "each once");
        assert_eq!((list.instance, object.instance), (None, Some(3)));
    }

    #[test]
    fn an_instance_that_cannot_be_read_is_refused_and_never_ignored() {
        let file = |head: &str| parse(&format!(r#"{{{head}, "customers": ["{ALICE}"]}}"#));
        assert_eq!(file(r#""instance": 2"#).unwrap().instance, Some(2));
        let same = file(r#""instance": 2, "instanceId": "2""#).unwrap();
        assert_eq!(same.instance, Some(2));
        for wrong in [
            "0",
            "-1",
            "1.5",
            "null",
            r#""one""#,
            r#""""#,
            "[1]",
            "4294967296",
        ] {
            let refused = file(&format!(r#""instanceId": {wrong}"#)).unwrap_err();
            assert!(refused.to_string().contains(wrong), "{refused}");
        }
        let both = file(r#""instance": 2, "instanceId": 3"#).unwrap_err();
        assert!(both.to_string().contains("two instances"), "{both}");
    }

    #[test]
    fn a_file_of_setup_names_its_plan_and_others_have_none() {
        let file = |head: &str| parse(&format!(r#"{{{head}"customers": ["{ALICE}"]}}"#));
        let ours = r#""schema":"sterna.customers","version":3,"#;
        let plan = file(&format!(r#"{ours}"plan":"1f3a","state":"local t","#)).unwrap();
        let plan = plan.plan.unwrap();
        assert_eq!((plan.id.as_str(), &plan.state), ("1f3a", &"local t".into()));
        assert_eq!(file("").unwrap().plan, None);
        assert_eq!(file(r#""version":7,"#).unwrap().plan, None);
        let nameless = file(ours).unwrap_err();
        assert!(!nameless.is_mismatch(), "{nameless}");
        for other in [
            r#""schema":"sterna.customers","version":2,"plan":"1f3a","state":"local t","#,
            r#""schema":"sterna.customers","version":4,"plan":"1f3a","state":"local t","#,
            r#""schema":"sterna.customers","#,
            r#""schema":"sterna.checkpoint","version":3,"#,
            r#""schema":7,"version":3,"#,
        ] {
            let refused = file(other).unwrap_err();
            assert!(refused.is_mismatch(), "{other}: {refused}");
            assert!(refused.to_string().contains("version 3"), "{refused}");
        }
    }

    #[test]
    fn a_split_customer_has_its_spaces() {
        let text =
            format!(r#"{{"customers": [{{"customer": "{ALICE}", "spaces": ["{SPACE}"]}}]}}"#);
        let file = parse(&text).unwrap();
        assert_eq!(
            file.customers[0].spaces.as_ref().unwrap()[0].as_str(),
            SPACE
        );
    }

    #[test]
    fn every_wrong_entry_is_named() {
        let text = format!(r#"["{ALICE}", "alice@example.com", 7, "{SPACE}", {{"spaces": []}}]"#);
        let faults = parse(&text).unwrap_err();
        let problems: Vec<&str> = faults.list().iter().map(|f| f.problem.as_str()).collect();
        assert_eq!(problems.len(), 4, "{problems:?}");
        for (problem, index) in problems.iter().zip(1..) {
            assert!(problem.contains(&format!("entry {index} ")), "{problem}");
        }
    }

    #[test]
    fn entries_of_one_customer_are_put_together_and_told() {
        let other = "did:key:z6MkwDK3M4PxU1FqcSt4quXghquH1MoWXGzTrNkNWTSy2NLD";
        let part = |spaces: &[&str]| format!(r#"{{"customer":"{ALICE}","spaces":{spaces:?}}}"#);
        let whole = format!(r#""{ALICE}""#);
        let cases = [
            (vec![part(&[SPACE]), part(&[other, SPACE])], Some(2), 1),
            (vec![part(&[SPACE]), part(&[SPACE])], Some(1), 1),
            (vec![part(&[SPACE]), whole.clone()], None, 1),
            (vec![whole.clone(), part(&[SPACE])], None, 1),
            (vec![whole.clone(), whole], None, 0),
        ];
        for (entries, spaces, notes) in cases {
            let file = parse(&format!("[{}]", entries.join(","))).unwrap();
            let [share] = file.customers.as_slice() else {
                panic!("{entries:?}: {:?}", file.customers)
            };
            let found = share.spaces.as_ref().map(Vec::len);
            assert_eq!((found, file.notes.len()), (spaces, notes), "{entries:?}");
        }
    }

    #[test]
    fn what_names_nothing_and_what_nobody_knows_is_refused() {
        let ours = r#""schema":"sterna.customers","version":3,"plan":"p","state":"local t""#;
        for (text, word) in [
            ("[]".to_owned(), "names no customer"),
            (r#"{"customers":[]}"#.to_owned(), "names no customer"),
            (
                format!(r#"[{{"customer":"{ALICE}","spaces":[]}}]"#),
                "entry 0 names no space",
            ),
            (
                format!(r#"[{{"customer":"{ALICE}","spcaes":["{SPACE}"]}}]"#),
                "`spaces`",
            ),
            (
                format!(r#"[{{"customer":"{ALICE}","limit":3}}]"#),
                "`limit`",
            ),
            (
                format!(r#"{{"instanceID":2,"customers":["{ALICE}"]}}"#),
                "`instanceId`",
            ),
            (
                format!(r#"{{{ours},"more":1,"customers":["{ALICE}"]}}"#),
                "`more`",
            ),
        ] {
            let refused = parse(&text).unwrap_err();
            assert!(!refused.is_mismatch(), "{text}");
            assert!(refused.to_string().contains(word), "{text}: {refused}");
        }
        // Whatever else another program wrote beside is its own.
        let foreign = format!(r#"{{"total":3,"estimate":{{}},"customers":["{ALICE}"]}}"#);
        assert_eq!(parse(&foreign).unwrap().customers.len(), 1);
        // An instance without a share is a fact of the plan; a run of it says so.
        assert!(
            parse(&format!(r#"{{{ours},"customers":[]}}"#))
                .unwrap()
                .customers
                .is_empty()
        );
    }

    #[test]
    fn other_json_and_no_json_are_refused() {
        for text in ["", "{", "7", "null", "{}", r#"{"customers": {}}"#] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_heap_of_wrong_entries_is_summed_up() {
        let text = serde_json::to_string(&vec![1; 1000]).unwrap();
        let faults = parse(&text).unwrap_err();
        assert_eq!(faults.list().len(), NAMED_FAULTS + 1);
        assert!(faults.to_string().contains("980 more"));
    }
}
