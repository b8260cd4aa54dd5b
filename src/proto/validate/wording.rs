//! The words of refusals, as the JavaScript validator words them: services and people match on them.

use ipld_core::ipld::Ipld;

use crate::proto::json::{js_number, quote};
use crate::proto::ucan::{Capability, Caveats, in_javascript_order};

/// Why a claim was refused, in the order in which it is told.
#[derive(Default)]
pub(super) struct Reasons {
    /// Matching capabilities whose own proofs failed.
    pub(super) failed: Vec<String>,
    /// Capabilities that match but are malformed or narrower than the claim.
    pub(super) narrower: Vec<String>,
    /// Proofs that are expired, misaligned, unsigned or not here.
    pub(super) invalid: Vec<String>,
    /// Capabilities of another ability.
    pub(super) unknown: Vec<Capability>,
}

impl Reasons {
    /// The refusal of a whole claim.
    pub(super) fn of_claim(&self, can: &str) -> String {
        let head = vec![format!(
            "Claim {{\"can\":{}}} is not authorized",
            quoted(can)
        )];
        self.tell(head, "No matching delegated capability found")
    }

    /// The refusal of a capability that needs proof.
    pub(super) fn of_capability(&self, capability: &Capability, issuer: &str) -> String {
        let head = vec![
            format!(
                "Capability {} is not authorized because:",
                claimed(capability)
            ),
            item(&format!(
                "Capability can not be (self) issued by '{issuer}'"
            )),
        ];
        self.tell(head, "Delegated capability not found")
    }

    fn tell(&self, mut lines: Vec<String>, nothing: &str) -> String {
        let errors = [&self.failed, &self.narrower, &self.invalid];
        lines.extend(
            errors
                .iter()
                .flat_map(|errors| errors.iter())
                .map(|error| item(error)),
        );
        if errors.iter().all(|errors| errors.is_empty()) {
            lines.push(item(nothing));
        }
        if !self.unknown.is_empty() {
            let unknown: Vec<_> = self
                .unknown
                .iter()
                .map(|capability| item(&decoded(capability)))
                .collect();
            lines.push(item(&format!(
                "Encountered unknown capabilities\n{}",
                unknown.join("\n")
            )));
        }
        lines.join("\n")
    }
}

/// A list item: indented, also the lines after the first.
pub(super) fn item(message: &str) -> String {
    format!("  - {}", message.replace('\n', "\n  "))
}

/// A capability as claims are printed.
pub(super) fn claimed(capability: &Capability) -> String {
    let nb = match &capability.nb {
        Some(Ipld::Map(caveats)) if !caveats.is_empty() => {
            format!(",\"nb\":{}", js_json_map(caveats))
        }
        _ => String::new(),
    };
    format!(
        "{{\"can\":{},\"with\":{}{nb}}}",
        quoted(&capability.can),
        quoted(&capability.with)
    )
}

/// A capability as decoded ones are printed: in wire order.
pub(super) fn decoded(capability: &Capability) -> String {
    let nb = capability
        .nb
        .as_ref()
        .map(|nb| format!("\"nb\":{},", js_json(nb)))
        .unwrap_or_default();
    format!(
        "{{{nb}\"can\":{},\"with\":{}}}",
        quoted(&capability.can),
        quoted(&capability.with)
    )
}

/// A value as `JSON.stringify` prints it.
fn js_json(value: &Ipld) -> String {
    match value {
        Ipld::Null => "null".to_owned(),
        Ipld::Bool(value) => value.to_string(),
        Ipld::Integer(value) => value.to_string(),
        Ipld::Float(value) => js_number(*value),
        Ipld::String(text) => quoted(text),
        Ipld::Link(cid) => format!("{{\"/\":\"{cid}\"}}"),
        Ipld::Bytes(bytes) => {
            let entries: Vec<_> = bytes
                .iter()
                .enumerate()
                .map(|(at, byte)| format!("\"{at}\":{byte}"))
                .collect();
            format!("{{{}}}", entries.join(","))
        }
        Ipld::List(items) => format!(
            "[{}]",
            items.iter().map(js_json).collect::<Vec<_>>().join(",")
        ),
        Ipld::Map(entries) => js_json_map(entries),
    }
}

fn js_json_map(entries: &Caveats) -> String {
    let entries = in_javascript_order(entries).into_iter();
    let entries: Vec<_> = entries
        .map(|(key, value)| format!("{}:{}", quoted(key), js_json(value)))
        .collect();
    format!("{{{}}}", entries.join(","))
}

/// A value as JavaScript puts it into text.
pub(super) fn js_text(value: &Ipld) -> String {
    match value {
        Ipld::String(text) => text.clone(),
        Ipld::Link(cid) => cid.to_string(),
        Ipld::Bytes(bytes) => bytes
            .iter()
            .map(u8::to_string)
            .collect::<Vec<_>>()
            .join(","),
        Ipld::List(items) => items.iter().map(js_text).collect::<Vec<_>>().join(","),
        Ipld::Map(_) => "[object Object]".to_owned(),
        scalar => js_json(scalar),
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    quote(text, &mut out);
    out
}

/// Unix seconds as a JavaScript `Date` in UTC is printed.
pub(super) fn js_date(seconds: u64) -> String {
    const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    const LAST: u64 = 8_640_000_000_000;
    if seconds > LAST {
        return "Invalid Date".to_owned();
    }
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let weekday = WEEKDAYS[usize::try_from(days % 7).unwrap_or_default()];
    // Days since 1 March 0000, counted in eras of 400 years.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = (march_month + 2) % 12;
    let year = era * 400 + year_of_era + u64::from(month < 2);
    let month = MONTHS[usize::try_from(month).unwrap_or_default()];
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!(
        "{weekday} {month} {day:02} {year:04} {hour:02}:{minute:02}:{second:02} GMT+0000 (Coordinated Universal Time)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_print_as_javascript_prints_them() {
        let tail = "GMT+0000 (Coordinated Universal Time)";
        assert_eq!(js_date(0), format!("Thu Jan 01 1970 00:00:00 {tail}"));
        assert_eq!(
            js_date(951_782_400),
            format!("Tue Feb 29 2000 00:00:00 {tail}")
        );
        assert_eq!(
            js_date(1_600_000_000),
            format!("Sun Sep 13 2020 12:26:40 {tail}")
        );
        assert_eq!(
            js_date(4_102_444_799),
            format!("Thu Dec 31 2099 23:59:59 {tail}")
        );
        assert_eq!(js_date(u64::MAX), "Invalid Date");
    }

    #[test]
    fn bytes_in_caveats_print_as_indexed_objects() {
        let capability = Capability::new("a/b", "did:web:x")
            .caveat("b", vec![7u8, 8])
            .caveat("a", 1.5);
        assert_eq!(
            claimed(&capability),
            r#"{"can":"a/b","with":"did:web:x","nb":{"a":1.5,"b":{"0":7,"1":8}}}"#
        );
    }
}
