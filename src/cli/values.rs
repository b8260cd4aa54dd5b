//! Values of flags, parsed at the edge.

use std::num::NonZeroUsize;
use std::str::FromStr;
use std::time::Duration;

use cid::Cid;

use crate::app;
use crate::config::{self, CONCURRENCY, Root, Settings};
use crate::model::{Class, Limit as Limits, Reason, StepGroup};
use crate::monitor::is_printable;
use crate::proto::{CustomerDid, SpaceDid};

/// What every command says of its `--concurrency`.
pub(super) const CONCURRENCY_HELP: &str =
    "Keep this many uploads in flight in this process [env: MAX_CONCURRENCY] [default: 10]";

/// Items in flight: flag, environment, default.
pub(super) fn in_flight(flag: Option<usize>, settings: &Settings) -> usize {
    flag.or(settings.concurrency).unwrap_or(CONCURRENCY)
}

/// `90s`, `15m`, `2h30m`, `1d`, `250ms`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "write a time with its unit, such as 250ms, 90s, 15m, 2h30m or 1d".to_owned();
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let number: u64 = rest[..digits].parse().map_err(|_| wrong())?;
        rest = &rest[digits..];
        let end = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let millis: u64 = match &rest[..end] {
            "ms" => 1,
            "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(wrong()),
        };
        rest = &rest[end..];
        let part = number.checked_mul(millis).ok_or_else(wrong)?;
        total = total
            .checked_add(Duration::from_millis(part))
            .ok_or_else(wrong)?;
    }
    Ok(total)
}

/// A duration longer than nothing.
pub(super) fn some_time(text: &str) -> Result<Duration, String> {
    duration(text).and_then(|time| {
        if time.is_zero() {
            Err("the duration must be greater than zero".into())
        } else {
            Ok(time)
        }
    })
}

/// `5%` or `5` is 0.05.
pub(super) fn percent(text: &str) -> Result<f64, String> {
    let number: f64 = text
        .trim_end_matches('%')
        .parse()
        .map_err(|_| "write a percentage, such as 5%".to_owned())?;
    if (0.0..=100.0).contains(&number) {
        Ok(number / 100.0)
    } else {
        Err("write a percentage from 0 to 100".into())
    }
}

/// How many uploads: a number, or `all`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    /// No limit.
    All,
    /// At most so many.
    AtMost(u64),
}

/// A number from 1 up, or `all`.
pub(super) fn limit(text: &str) -> Result<Limit, String> {
    match text {
        "all" => Ok(Limit::All),
        number => match number.parse() {
            Ok(0) | Err(_) => Err("write a number from 1 up, or all".into()),
            Ok(number) => Ok(Limit::AtMost(number)),
        },
    }
}

/// A number from 1 up.
pub(super) fn from_one<N: FromStr + From<u8> + PartialOrd>(text: &str) -> Result<N, String> {
    let number = text.parse().ok().filter(|number| *number >= N::from(1));
    number.ok_or_else(|| "write a number from 1 up".into())
}

/// Items in flight.
pub(super) fn concurrency(text: &str) -> Result<usize, String> {
    match text.parse::<NonZeroUsize>() {
        Ok(number) if number.get() <= 4096 => Ok(number.get()),
        _ => Err("write a number from 1 to 4096".into()),
    }
}

/// A text that says something.
pub(super) fn some_text(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("write at least a word".into()),
        text => one_line(text),
    }
}

/// A text that others will read, on one line, in a log and on a terminal.
pub(super) fn one_line(text: &str) -> Result<String, String> {
    let text = text.trim();
    if is_printable(text) {
        Ok(text.to_owned())
    } else {
        Err("leave out line breaks, control characters and characters that change the direction of text: others read it on their terminals".into())
    }
}

/// A limit of a run that can be changed while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Setting {
    /// Uploads in flight in an instance.
    Concurrency(Limits),
    /// Uploads that an instance may begin a minute.
    Rate(Limits),
}

/// `concurrency=8`, `rate=600`, `rate=600/min`, `rate=10/s`, and either with `default`.
pub(super) fn setting(text: &str) -> Result<Setting, String> {
    let wanted = "write concurrency=N, rate=N (a minute), rate=N/min, rate=N/s, or NAME=default";
    let (name, value) = text.split_once('=').ok_or(wanted)?;
    let to = |parsed: Result<u32, String>| match value {
        "default" => Ok(Limits::Default),
        _ => parsed.map(Limits::To),
    };
    match name {
        "concurrency" => {
            let number = concurrency(value);
            let number = number.and_then(|n| u32::try_from(n).map_err(|e| e.to_string()));
            to(number).map(Setting::Concurrency)
        }
        "rate" => to(per_minute(value)).map(Setting::Rate),
        _ => Err(format!("no such limit; {wanted}")),
    }
}

/// A number a minute from 1 up.
fn per_minute(text: &str) -> Result<u32, String> {
    let wrong = || "write a number from 1 up, with /min or /s; to stop all work, pause".to_owned();
    let (number, times) = match text.split_once('/') {
        None => (text, 1),
        Some((number, "min" | "m")) => (number, 1),
        Some((number, "s")) => (number, 60),
        Some(_) => return Err(wrong()),
    };
    let number: u32 = number.parse().map_err(|_| wrong())?;
    match number.checked_mul(times) {
        Some(0) | None => Err(wrong()),
        Some(rate) => Ok(rate),
    }
}

/// A customer's DID or e-mail address.
pub(super) fn customer(text: &str) -> Result<CustomerDid, String> {
    config::customer_did(text).ok_or_else(|| {
        "write a customer's DID, did:mailto:<domain>:<name>, or e-mail address".into()
    })
}

/// A space's DID.
pub(super) fn space(text: &str) -> Result<SpaceDid, String> {
    config::space_did(text).ok_or_else(|| "write a space's DID: did:key:…".into())
}

/// A CID in any base.
pub(super) fn cid(text: &str) -> Result<Cid, String> {
    text.parse().map_err(|error| format!("not a CID: {error}"))
}

/// The root of an upload: a CID of either version, in any base.
pub(super) fn root(text: &str) -> Result<Root, String> {
    text.parse()
}

/// A reason code, in any case, with the nearest one in the refusal.
pub(super) fn reason(text: &str) -> Result<Reason, String> {
    let code = text.to_uppercase().replace('-', "_");
    let reasons = app::uploads_vocabulary().reasons;
    let known = |reason: &Reason| reasons.info(*reason).is_some();
    code.parse().ok().filter(known).ok_or_else(|| {
        let codes = reasons.all().map(|info| info.reason.as_str());
        unknown("reason", &code, codes)
    })
}

/// A step of the migration.
pub(super) fn step(text: &str) -> Result<String, String> {
    let mut names = app::uploads_vocabulary()
        .steps
        .iter()
        .map(|step| step.name.as_str());
    if names.clone().any(|name| name == text) {
        return Ok(text.to_owned());
    }
    Err(unknown("step", text, &mut names))
}

/// Steps that a run may perform alone.
pub(super) fn step_group(text: &str) -> Result<&'static StepGroup, String> {
    let words = app::uploads_vocabulary();
    let names = words.step_groups.iter().map(|group| group.name);
    let group = words.step_group(text);
    group.ok_or_else(|| unknown("group of steps", text, names))
}

/// What `--only` says of itself.
pub(super) fn only_help() -> String {
    let groups = app::uploads_vocabulary().step_groups.iter();
    let names: Vec<&str> = groups.map(|group| group.name).collect();
    let names = match names.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => names.concat(),
    };
    format!("Only perform these steps: {names}; the same as --test-index and so on")
}

/// What to do with blocks whose hash functions are not computed here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum UnverifiedHashes {
    /// Quarantine their upload.
    Quarantine,
    /// Index them unchecked.
    Index,
}

/// `MISSING_BLOB=30%`: the part of the uploads that a reason of the data may have.
pub(super) fn expected(text: &str) -> Result<(Reason, f64), String> {
    let (name, part) = text
        .split_once('=')
        .ok_or("write a reason and a percentage, such as MISSING_BLOB=30%")?;
    let reason = reason(name)?;
    if !app::uploads_vocabulary()
        .reasons
        .is_explained_by_data(reason)
    {
        return Err(format!(
            "{reason} does not lie in the data: --max-failure-rate limits such failures"
        ));
    }
    Ok((reason, percent(part)?))
}

/// What is said of a name that there is not: the nearest, and all of them.
fn unknown<'a>(what: &str, typed: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    let near = config::nearest(typed, names.iter().copied());
    let near = near.map_or_else(String::new, |near| format!(" did you mean {near}?"));
    format!("no such {what};{near} choose one of {}", names.join(", "))
}

/// A failure class.
pub(super) fn class(text: &str) -> Result<Class, String> {
    Class::parse(text).ok_or_else(|| unknown("class", text, Class::ALL.map(Class::as_str)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("2h30m"), Ok(Duration::from_mins(150)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("0s"), Ok(Duration::ZERO));
        for bad in ["", "5", "s", "5x", "-1s", "1.5h", "99999999999999999999s"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
        assert!(some_time("0s").is_err());
    }

    #[test]
    fn limits_are_positive_or_all() {
        assert_eq!(limit("all"), Ok(Limit::All));
        assert_eq!(limit("7"), Ok(Limit::AtMost(7)));
        for bad in ["0", "-1", "ten", ""] {
            assert!(limit(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn customers_and_spaces_are_not_mixed_up() {
        let space_text = "did:key:z6MkmtWtY63GQVBrpMyRJWEzsnxfsGkemu6CtMDwGTv4RYj2";
        assert!(space(space_text).is_ok());
        assert!(customer(space_text).is_err());
        let alice = customer("did:mailto:example.com:alice");
        assert!(alice.is_ok());
        assert_eq!(customer("alice@example.com"), alice);
        assert!(space("did:mailto:example.com:alice").is_err());
        assert!(space("did:key:z6Mk").is_err());
    }

    #[test]
    fn limits_of_a_run_name_their_unit() {
        let rate = |to| Ok(Setting::Rate(to));
        assert_eq!(setting("rate=600"), rate(Limits::To(600)));
        assert_eq!(setting("rate=10/s"), rate(Limits::To(600)));
        assert_eq!(setting("rate=default"), rate(Limits::Default));
        let eight = Setting::Concurrency(Limits::To(8));
        assert_eq!(setting("concurrency=8"), Ok(eight));
        for bad in [
            "rate=0",
            "rate=5/h",
            "rate=",
            "rate",
            "speed=3",
            "concurrency=0",
        ] {
            assert!(setting(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_expected_is_a_reason_of_the_data_and_a_part() {
        assert_eq!(
            expected("missing_blob=30%"),
            Ok((Reason::new("MISSING_BLOB"), 0.3))
        );
        for wrong in [
            "MISSING_BLOB",
            "MISSING_BLOB=lots",
            "TIMEOUT=30%",
            "MISSING_BLOP=3%",
        ] {
            assert!(expected(wrong).is_err(), "{wrong}");
        }
        assert!(
            expected("MISSING_BLOP=3%")
                .unwrap_err()
                .contains("MISSING_BLOB")
        );
    }

    #[test]
    fn a_misspelt_name_is_answered_with_the_nearest_and_the_list() {
        assert_eq!(step("store-index"), Ok("store-index".to_owned()));
        assert_eq!(
            reason("missing-delegation"),
            Ok(Reason::new("MISSING_DELEGATION"))
        );
        for (refused, near) in [
            (step("location-claim").unwrap_err(), "location-claims?"),
            (step("gatewayauth").unwrap_err(), "gateway-auth?"),
            (reason("CORUPT_CAR").unwrap_err(), "CORRUPT_CAR?"),
            (class("transiet").unwrap_err(), "transient?"),
        ] {
            assert!(
                refused.contains(&format!("did you mean {near}")),
                "{refused}"
            );
        }
        assert!(
            step("x")
                .unwrap_err()
                .contains("choose one of gateway-auth, store-index")
        );
        assert!(step("").is_err());
    }

    #[test]
    fn percentages_are_shares() {
        assert_eq!(percent("5%"), Ok(0.05));
        assert_eq!(percent("100"), Ok(1.0));
        for bad in ["101", "-1", "x", "NaN"] {
            assert!(percent(bad).is_err(), "{bad}");
        }
    }
}
