//! Which addresses settings may name: of no real network while the environment is `local`, and encrypted but next door.

use std::net::IpAddr;

use url::{Host, Url};

use super::environment::Environment;

/// Where the real network lives: nothing of it may be named while the environment is `local`.
const REAL_HOSTS: &[&str] = &[
    "amazonaws.com",
    "r2.cloudflarestorage.com",
    "storacha.network",
    "w3s.link",
    "web3.storage",
    "protocol-labs.workers.dev",
];

/// An address that may be used in `environment`, or the problem and what to do.
pub(super) fn check_url(text: &str, environment: Environment) -> Result<Url, (String, String)> {
    let remedy = || "write a whole address, such as https://up.storacha.network".to_owned();
    let url =
        Url::parse(text).map_err(|error| (format!("`{text}` is not a URL: {error}"), remedy()))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err((
            "holds a user name or a password".into(),
            "leave them out".into(),
        ));
    }
    let plain = match url.scheme() {
        "https" => false,
        "http" => true,
        _ => return Err((format!("`{text}` is neither https nor http"), remedy())),
    };
    let Some(host) = url.host() else {
        return Err((format!("`{text}` names no host"), remedy()));
    };
    if environment == Environment::Local && is_real(&host) {
        return Err((
            format!("`{text}` belongs to a real network, but the environment is local"),
            "choose that network with --env staging or --env production, or unset it".into(),
        ));
    }
    if plain && environment == Environment::Production && is_searched(&host) {
        return Err((
            format!("`{text}` is not encrypted, and search domains decide which host `{host}` is"),
            "write https://, or the address of the host".into(),
        ));
    }
    if plain && environment != Environment::Local && !is_near(&host) {
        return Err((
            format!("`{text}` is not encrypted"),
            "write https://; http:// is for addresses on this machine or in its own network".into(),
        ));
    }
    Ok(url)
}

fn is_real(host: &Host<&str>) -> bool {
    let Host::Domain(name) = host else {
        return false;
    };
    REAL_HOSTS.iter().any(|real| {
        let before = name.strip_suffix(real);
        before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
    })
}

/// Whether a name has no dot, so that any search domain of the machine may complete it.
fn is_searched(host: &Host<&str>) -> bool {
    matches!(host, Host::Domain(name) if !name.contains('.') && *name != "localhost")
}

fn is_near(host: &Host<&str>) -> bool {
    let address = match host {
        Host::Domain(name) => return !name.contains('.') || name.ends_with(".localhost"),
        Host::Ipv4(address) => IpAddr::V4(*address),
        Host::Ipv6(address) => IpAddr::V6(*address),
    };
    match address {
        IpAddr::V4(address) => address.is_loopback() || address.is_private(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_refuses_real_hosts_and_takes_any_other() {
        for text in [
            "https://up.storacha.network",
            "https://w3s.link",
            "https://sqs.us-west-2.amazonaws.com/1/q.fifo",
        ] {
            assert!(check_url(text, Environment::Local).is_err(), "{text}");
            assert!(check_url(text, Environment::Staging).is_ok(), "{text}");
        }
        for text in [
            "http://127.0.0.1:9000",
            "http://node:80/x",
            "https://noww3s.link",
        ] {
            assert!(check_url(text, Environment::Local).is_ok(), "{text}");
        }
    }

    #[test]
    fn real_networks_want_encryption_except_next_door() {
        for text in [
            "http://127.0.0.1:1",
            "http://[::1]:1",
            "http://10.0.0.1",
            "http://localhost:9000",
            "https://minio:9000",
        ] {
            assert!(check_url(text, Environment::Production).is_ok(), "{text}");
        }
        assert!(check_url("http://minio:9000", Environment::Staging).is_ok());
        for text in [
            "http://up.example.net",
            "ftp://x",
            "up.storacha.network",
            "",
            "http://8.8.8.8",
            "http://minio:9000",
        ] {
            assert!(check_url(text, Environment::Production).is_err(), "{text}");
        }
    }
}
