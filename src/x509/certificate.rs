//! An X.509 certificate -> the facts that are used of it.

use std::fmt;
use std::net::IpAddr;

use super::der::{BOOLEAN, Elements, GENERALIZED_TIME, INTEGER, OCTET_STRING, OID, SEQUENCE, UTC_TIME};
use super::subject;

/// `version`, `issuerUniqueID`, `subjectUniqueID` and `extensions` of the signed part.
const VERSION: u8 = 0xa0;
const ISSUER_ID: u8 = 0x81;
const SUBJECT_ID: u8 = 0x82;
const EXTENSIONS: u8 = 0xa3;
/// `subjectAltName`, 2.5.29.17.
const SUBJECT_ALT_NAME: [u8; 3] = [0x55, 0x1d, 0x11];
/// Kinds of alternative names.
const EMAIL: u8 = 0x81;
const DNS_NAME: u8 = 0x82;
const URI: u8 = 0x86;
const ADDRESS: u8 = 0x87;

/// What is used of a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The subject as Java renders it (RFC 2253), for example `CN=alice,OU=Users,O=Example`.
    pub subject: String,
    /// Host names and wildcards that it covers, in lower case, without a dot at the end.
    pub dns_names: Vec<String>,
    /// Addresses that it covers.
    pub addresses: Vec<IpAddr>,
    /// URIs among its alternative names.
    pub uris: Vec<String>,
    /// Mail addresses among its alternative names.
    pub emails: Vec<String>,
    /// The first second of its validity, in Unix time.
    pub not_before: i64,
    /// The last second of its validity, in Unix time.
    pub not_after: i64,
}

/// The bytes are no certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotACertificate;

impl fmt::Display for NotACertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("is not an X.509 certificate")
    }
}

impl std::error::Error for NotACertificate {}

impl Facts {
    /// Reads a certificate's DER bytes. Its signature is not looked at.
    ///
    /// # Errors
    ///
    /// Where the bytes have another structure.
    pub fn read(der: &[u8]) -> Result<Facts, NotACertificate> {
        read(der).ok_or(NotACertificate)
    }
}

fn read(der: &[u8]) -> Option<Facts> {
    let mut outer = Elements(der);
    let mut certificate = Elements(outer.of(SEQUENCE)?);
    let mut signed = Elements(certificate.of(SEQUENCE)?);
    signed.optional(VERSION);
    signed.of(INTEGER)?;
    signed.of(SEQUENCE)?;
    let _issuer = signed.of(SEQUENCE)?;
    let mut validity = Elements(signed.of(SEQUENCE)?);
    let (not_before, not_after) = (time(&mut validity)?, time(&mut validity)?);
    let subject = subject::rfc2253(signed.of(SEQUENCE)?)?;
    let _public_key = signed.of(SEQUENCE)?;
    signed.optional(ISSUER_ID);
    signed.optional(SUBJECT_ID);
    let mut facts = Facts { subject, not_before, not_after, ..Facts::default() };
    if let Some(extensions) = signed.optional(EXTENSIONS) {
        let mut extensions = Elements(Elements(extensions).of(SEQUENCE)?);
        while !extensions.is_empty() {
            let mut extension = Elements(extensions.of(SEQUENCE)?);
            let id = extension.of(OID)?;
            extension.optional(BOOLEAN);
            let value = extension.of(OCTET_STRING)?;
            if id == SUBJECT_ALT_NAME {
                alternative_names(value, &mut facts)?;
            }
        }
    }
    (outer.is_empty() && signed.is_empty()).then_some(facts)
}

/// Names that are no text are passed over: no host name equals them.
fn alternative_names(value: &[u8], facts: &mut Facts) -> Option<()> {
    let mut names = Elements(Elements(value).of(SEQUENCE)?);
    while !names.is_empty() {
        let name = names.any()?;
        let text = std::str::from_utf8(name.content).ok().filter(|text| text.is_ascii());
        match (name.tag, text) {
            (DNS_NAME, Some(text)) => {
                let text = text.strip_suffix('.').unwrap_or(text);
                facts.dns_names.push(text.to_ascii_lowercase());
            }
            (URI, Some(text)) => facts.uris.push(text.to_owned()),
            (EMAIL, Some(text)) => facts.emails.push(text.to_owned()),
            (ADDRESS, _) => facts.addresses.extend(address(name.content)),
            (_, _) => {}
        }
    }
    Some(())
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ` as Unix time.
fn time(from: &mut Elements<'_>) -> Option<i64> {
    let element = from.any()?;
    let text = element.content.strip_suffix(b"Z")?;
    let digits: Vec<i64> = text.iter().map(|byte| i64::from(byte.wrapping_sub(b'0'))).collect();
    if digits.iter().any(|digit| !(0..10).contains(digit)) {
        return None;
    }
    let pairs: Vec<i64> =
        digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |sum, digit| sum * 10 + digit)).collect();
    let (year, rest) = match (element.tag, &*pairs) {
        // RFC 5280, 4.1.2.5.1: two digits stand for 1950 to 2049.
        (UTC_TIME, [year, rest @ ..]) => (if *year < 50 { 2000 + year } else { 1900 + year }, rest),
        (GENERALIZED_TIME, [century, year, rest @ ..]) => (century * 100 + year, rest),
        (_, _) => return None,
    };
    let [month, day, hour, minute, second] = *rest else { return None };
    let right = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second <= 60;
    (right && digits.len().is_multiple_of(2))
        .then(|| days_since_1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// Days of the proleptic Gregorian calendar; years are counted from March, so that the leap day is the last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leaps + (month * 153 + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    fn made(change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["*.Kafka.Example".to_owned(), "a.example".to_owned()]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "alice");
        change(&mut params);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn names_validity_and_subject_are_read() {
        let der = made(|params| {
            params.not_before = rcgen::date_time_ymd(1999, 12, 31);
            params.not_after = rcgen::date_time_ymd(2100, 3, 1);
            params.subject_alt_names.push(SanType::URI("spiffe://example/alice".try_into().unwrap()));
            params.subject_alt_names.push(SanType::Rfc822Name("a@example".try_into().unwrap()));
            params.subject_alt_names.push(SanType::IpAddress("127.0.0.1".parse().unwrap()));
            params.subject_alt_names.push(SanType::IpAddress("::1".parse().unwrap()));
        });
        let facts = Facts::read(&der).unwrap();
        let meant = Facts {
            subject: "CN=alice".to_owned(),
            dns_names: vec!["*.kafka.example".to_owned(), "a.example".to_owned()],
            addresses: vec!["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()],
            uris: vec!["spiffe://example/alice".to_owned()],
            emails: vec!["a@example".to_owned()],
            not_before: 946_598_400,
            not_after: 4_107_542_400,
        };
        assert_eq!(facts, meant);
    }

    #[test]
    fn whatever_is_cut_or_changed_is_read_or_refused_without_a_panic() {
        let der = made(|_| {});
        for end in 0..der.len() {
            assert_eq!(Facts::read(&der[..end]), Err(NotACertificate), "{end}");
        }
        for at in 0..der.len() {
            for value in [0, 0x7f, 0x80, 0x84, 0xff] {
                let mut changed = der.clone();
                changed[at] = value;
                let _ = Facts::read(&changed);
            }
        }
        assert_eq!(Facts::read(&[der, vec![0]].concat()), Err(NotACertificate));
    }

    #[test]
    fn days_are_counted_over_leap_years() {
        for (year, month, day, days) in
            [(1970, 1, 1, 0), (1969, 12, 31, -1), (2000, 2, 29, 11_016), (2100, 3, 1, 47_541), (1950, 1, 1, -7_305)]
        {
            assert_eq!(days_since_1970(year, month, day), days, "{year}-{month}-{day}");
        }
    }
}
