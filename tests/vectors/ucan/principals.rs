//! `principals.json`: DIDs as text and bytes, mail addresses.

use sterna::proto::Did;

use crate::load::{did, hex, load, section, text};

#[test]
fn dids_have_the_same_bytes_and_come_back() {
    for principal in section(&load("principals.json"), "principals") {
        let (did, bytes) = (did(principal, "did"), hex(principal, "bytes_hex"));
        assert_eq!(did.to_bytes(), bytes);
        assert_eq!(Did::from_bytes(&bytes).unwrap(), did);
        assert_eq!(did.to_string(), text(principal, "did"));
    }
}

#[test]
fn mail_addresses_have_the_same_dids_and_come_back() {
    for mail in section(&load("principals.json"), "emails") {
        let account = Did::mailto(text(mail, "email")).unwrap();
        assert_eq!(account, did(mail, "did"));
        assert_eq!(account.to_bytes(), hex(mail, "bytes_hex"));
        assert_eq!(account.email().unwrap(), text(mail, "email"));
        assert!(account.is_mailto());
    }
}
