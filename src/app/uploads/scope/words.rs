//! A scope in words, by which an audit or a recheck is found again.

use std::collections::BTreeSet;

use crate::config::{Root, options};
use crate::monitor::count;
use crate::proto::multihash::Multihash;

/// What a scope is, in words: an audit is resumed by one of the same.
pub(in crate::app::uploads) fn words(scope: &options::Scope) -> String {
    let mut words = Vec::new();
    if let Some(file) = &scope.customers {
        let of_file = file.plan.as_ref().map_or_else(
            || {
                let shares = format!("{:?}", file.customers);
                let digest = Multihash::sha256(shares.as_bytes()).base58();
                let customers = count(file.customers.len() as u64, "customer");
                format!("{customers}, not of a plan, {digest}")
            },
            |plan| format!("plan {}", plan.id),
        );
        let instance = file.instance.map(|one| format!(" of instance {one}"));
        words.push(format!(
            "customers file{}, {of_file}",
            instance.unwrap_or_default()
        ));
    }
    let (customers, spaces) = (&scope.only_customers, &scope.only_spaces);
    words.extend(customers.iter().map(|one| format!("customer {one}")));
    words.extend(spaces.iter().map(|one| format!("space {one}")));
    words.extend(of_roots(&scope.roots));
    if words.is_empty() {
        return "everything".to_owned();
    }
    words.join(", ")
}

/// Roots in words: the same for the same content, whatever it is called and in whichever order.
fn of_roots(roots: &[Root]) -> Option<String> {
    match roots {
        [] => None,
        [root] => Some(format!("upload {}", root.v1())),
        _ => {
            let names: BTreeSet<&str> = roots.iter().map(Root::v1).collect();
            let names: Vec<&str> = names.into_iter().collect();
            let digest = Multihash::sha256(names.join("\n").as_bytes()).base58();
            Some(format!("{} uploads, {digest}", roots.len()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V0: &str = "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG";
    const V1: &str = "bafybeie5nqv6kd3qnfjupgvz34woh3oksc3iau6abmyajn7qvtf6d2ho34";
    const RAW: &str = "bafkreigxvqjwduxgfekyol7ox6uegnv4nri7xc7twppmvisnqgetzcm7ue";

    #[test]
    fn an_audit_of_the_same_uploads_has_the_same_scope() {
        let scope = |roots: &[&str]| {
            let roots = roots.iter().map(|root| root.parse().unwrap()).collect();
            words(&options::Scope {
                roots,
                ..options::Scope::default()
            })
        };
        assert_eq!(scope(&[]), "everything");
        assert_eq!(scope(&[V0]), format!("upload {V1}"));
        assert_eq!(scope(&[V0, RAW]), scope(&[RAW, V1]));
        assert!(scope(&[V0, RAW]).starts_with("2 uploads, "));
        assert_ne!(scope(&[V0, RAW]), scope(&[V0, V1]));
    }
}
