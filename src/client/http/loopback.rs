//! Which hosts no proxy stands before: this machine, and what only its own network leads to.

use std::net::IpAddr;

/// Whether requests to a host, as a URL names it, go there directly, whatever the environment says of proxies: this
/// machine (`127.0.0.0/8`, `::1`, `localhost` and names below it), and private and link-local addresses. A proxy means
/// other machines by them, or gets to see what is meant for no stranger, as the credentials of an instance's role.
pub(crate) fn is_direct(host: &str) -> bool {
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    if let Ok(address) = bare.unwrap_or(host).parse::<IpAddr>() {
        return match address.to_canonical() {
            IpAddr::V4(address) => {
                address.is_loopback() || address.is_private() || address.is_link_local()
            }
            IpAddr::V6(address) => {
                address.is_loopback()
                    || address.is_unique_local()
                    || address.is_unicast_link_local()
            }
        };
    }
    let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_many_names_and_no_proxy_stands_before_its_network() {
        for host in [
            "127.0.0.1",
            "127.9.8.7",
            "[::1]",
            "::1",
            "[::ffff:127.0.0.1]",
            "localhost",
            "LocalHost.",
            "tables.localhost",
            "10.0.0.1",
            "172.16.3.4",
            "192.168.1.1",
            // Where an instance's role gets its credentials.
            "169.254.169.254",
            "169.254.170.2",
            "[fd00:ec2::254]",
            "[fe80::1]",
            "[::ffff:10.0.0.1]",
        ] {
            assert!(is_direct(host), "{host}");
        }
        for host in [
            "128.0.0.1",
            "172.32.0.1",
            "169.253.0.1",
            "8.8.8.8",
            "0.0.0.0",
            "[::2]",
            "[2606:4700::1]",
            "10.0.0.1.example.org",
            "localhost.example.org",
            "notlocalhost",
            "",
        ] {
            assert!(!is_direct(host), "{host}");
        }
    }
}
