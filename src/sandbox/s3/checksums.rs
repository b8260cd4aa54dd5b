//! Checksums of a body: SHA-256 always, others when the request announces them.

use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Md5};

use super::error::ObjectError;

/// What a request says about its body. Texts are base64, as in the headers.
#[derive(Clone, Debug, Default)]
pub(super) struct Expected {
    pub(super) sha256: Option<[u8; 32]>,
    pub(super) sha256_text: Option<String>,
    pub(super) crc32: Option<String>,
    pub(super) crc32c: Option<String>,
    pub(super) crc64nvme: Option<String>,
    pub(super) md5: Option<String>,
    /// Algorithms that a trailer will give, as in `x-amz-trailer`.
    pub(super) trailer: Option<String>,
}

impl Expected {
    fn announces(&self, algorithm: &str) -> bool {
        self.trailer
            .as_deref()
            .is_some_and(|trailer| trailer == format!("x-amz-checksum-{algorithm}"))
    }
}

/// Computes the checksums of a body while it passes.
pub(super) struct Hasher {
    sha256: Context,
    crc32: Option<Crc32>,
    crc32c: Option<Crc32c>,
    crc64nvme: Option<Crc64Nvme>,
    md5: Option<Md5>,
    sums: Sums,
}

/// The finished checksums, in base64.
#[derive(Clone, Debug, Default)]
struct Sums {
    sha256: [u8; 32],
    crc32: Option<String>,
    crc32c: Option<String>,
    crc64nvme: Option<String>,
    md5: Option<String>,
}

impl Hasher {
    pub(super) fn new(expected: &Expected) -> Self {
        let wants = |given: &Option<String>, name| given.is_some() || expected.announces(name);
        Self {
            sha256: Context::new(&SHA256),
            crc32: wants(&expected.crc32, "crc32").then(Crc32::new),
            crc32c: wants(&expected.crc32c, "crc32c").then(Crc32c::new),
            crc64nvme: wants(&expected.crc64nvme, "crc64nvme").then(Crc64Nvme::new),
            md5: expected.md5.is_some().then(Md5::new),
            sums: Sums::default(),
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        if let Some(sum) = &mut self.crc32 {
            sum.update(bytes);
        }
        if let Some(sum) = &mut self.crc32c {
            sum.update(bytes);
        }
        if let Some(sum) = &mut self.crc64nvme {
            sum.update(bytes);
        }
        if let Some(sum) = &mut self.md5 {
            sum.update(bytes);
        }
    }

    /// Ends the body.
    pub(super) fn close(&mut self) {
        let sha256 = std::mem::replace(&mut self.sha256, Context::new(&SHA256)).finish();
        self.sums.sha256.copy_from_slice(sha256.as_ref());
        self.sums.crc32 = self.crc32.take().map(|sum| BASE64.encode(sum.finalize()));
        self.sums.crc32c = self.crc32c.take().map(|sum| BASE64.encode(sum.finalize()));
        self.sums.crc64nvme = self
            .crc64nvme
            .take()
            .map(|sum| BASE64.encode(sum.finalize()));
        self.sums.md5 = self
            .md5
            .take()
            .map(|sum| BASE64.encode(sum.finalize().as_ref()));
    }

    pub(super) fn sha256(&self) -> [u8; 32] {
        self.sums.sha256
    }

    /// Compares with what the request's head said.
    pub(super) fn check(&self, expected: &Expected) -> Result<(), ObjectError> {
        if expected
            .sha256
            .is_some_and(|sha256| sha256 != self.sums.sha256)
        {
            return Err(ObjectError::Digest("SHA-256"));
        }
        let pairs = [
            ("sha256", &expected.sha256_text),
            ("crc32", &expected.crc32),
            ("crc32c", &expected.crc32c),
            ("crc64nvme", &expected.crc64nvme),
            ("md5", &expected.md5),
        ];
        for (name, wanted) in pairs {
            if let Some(wanted) = wanted {
                self.check_one(name, wanted)?;
            }
        }
        Ok(())
    }

    /// Compares one checksum; one that was not computed is not compared.
    pub(super) fn check_one(&self, name: &str, wanted: &str) -> Result<(), ObjectError> {
        let sums = &self.sums;
        let (title, sum) = match name {
            "sha256" => ("SHA-256", Some(BASE64.encode(sums.sha256))),
            "crc32" => ("CRC-32", sums.crc32.clone()),
            "crc32c" => ("CRC-32C", sums.crc32c.clone()),
            "crc64nvme" => ("CRC-64/NVME", sums.crc64nvme.clone()),
            "md5" => ("MD5", sums.md5.clone()),
            _ => return Ok(()),
        };
        if sum.is_some_and(|sum| sum != wanted) {
            return Err(ObjectError::Digest(title));
        }
        Ok(())
    }
}
