//! Where a table is.

/// AWS account and region of a table, as its ARN says them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Location {
    /// The account, 12 digits; empty if there is none.
    pub account: String,
    /// The region; empty if there is none.
    pub region: String,
}

impl Location {
    /// Reads `arn:PARTITION:dynamodb:REGION:ACCOUNT:table/NAME`; `None` for other text.
    #[must_use]
    pub fn of_arn(arn: &str) -> Option<Self> {
        let mut parts = arn.splitn(6, ':');
        let mut next = || parts.next().filter(|part| !part.is_empty());
        let (Some("arn"), Some(_), Some("dynamodb")) = (next(), next(), next()) else {
            return None;
        };
        let (region, account) = (next()?, next()?);
        next()?.starts_with("table/").then(|| Self {
            account: account.to_owned(),
            region: region.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_has_account_and_region() {
        let arn = "arn:aws-cn:dynamodb:cn-north-1:505595374361:table/prod-migration-control";
        let location = Location::of_arn(arn).unwrap();
        assert_eq!(
            (location.account.as_str(), location.region.as_str()),
            ("505595374361", "cn-north-1")
        );
        for wrong in [
            "",
            "arn:aws:s3:::bucket",
            "arn:aws:dynamodb:us-west-2::table/x",
            "prod",
        ] {
            assert_eq!(Location::of_arn(wrong), None, "{wrong}");
        }
    }
}
