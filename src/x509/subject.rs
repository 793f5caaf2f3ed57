//! A distinguished name as Java renders it: `X500Principal.getName()`, which is what Kafka calls a principal.
//!
//! The form is RFC 2253: the last attribute first; nine kinds have a keyword, of others only number and bytes are shown.

use std::fmt::Write;

use super::der::{Element, Elements, OID, SEQUENCE, SET};

/// The kinds with a keyword in RFC 2253, 2.3.
const KEYWORDS: [(&[u8], &str); 9] = [
    (&[0x55, 4, 3], "CN"),
    (&[0x55, 4, 6], "C"),
    (&[0x55, 4, 7], "L"),
    (&[0x55, 4, 8], "ST"),
    (&[0x55, 4, 10], "O"),
    (&[0x55, 4, 11], "OU"),
    (&[0x55, 4, 9], "STREET"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25], "DC"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1], "UID"),
];
/// Kinds of text: UTF8String, PrintableString, T61String, IA5String, GeneralString, BMPString.
const TEXTS: [u8; 6] = [0x0c, 0x13, 0x14, 0x16, 0x1b, 0x1e];

/// The content of a `Name` as text; `None` where it has another structure.
pub(super) fn rfc2253(name: &[u8]) -> Option<String> {
    let mut parts = Vec::new();
    let mut sets = Elements(name);
    while !sets.is_empty() {
        parts.push(attributes(sets.of(SET)?)?);
    }
    parts.reverse();
    Some(parts.join(","))
}

/// One set of attributes; mostly it has one.
fn attributes(set: &[u8]) -> Option<String> {
    let mut parts = Vec::new();
    let mut attributes = Elements(set);
    while !attributes.is_empty() {
        let mut attribute = Elements(attributes.of(SEQUENCE)?);
        let kind = attribute.of(OID)?;
        parts.push(rendered(kind, &attribute.any()?)?);
    }
    (!parts.is_empty()).then(|| parts.join("+"))
}

fn rendered(kind: &[u8], value: &Element<'_>) -> Option<String> {
    let keyword = KEYWORDS.iter().find(|(known, _)| *known == kind).map(|(_, keyword)| (*keyword).to_owned());
    let shown = keyword.clone().map_or_else(|| dotted(kind), Some)?;
    if keyword.is_some() && TEXTS.contains(&value.tag) {
        return Some(format!("{shown}={}", escaped(&String::from_utf8_lossy(value.content))));
    }
    let mut hex = String::with_capacity(value.whole.len() * 2);
    value.whole.iter().try_for_each(|byte| write!(hex, "{byte:02x}")).ok()?;
    Some(format!("{shown}=#{hex}"))
}

/// `1.2.840.113549.1.9.1`.
fn dotted(kind: &[u8]) -> Option<String> {
    let mut numbers: Vec<u64> = Vec::new();
    let mut number: u64 = 0;
    for byte in kind {
        number = number.checked_mul(0x80)? + u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            if numbers.is_empty() {
                // The first two numbers share their bytes: the first is 0, 1 or 2.
                let first = (number / 40).min(2);
                numbers.extend([first, number - first * 40]);
            } else {
                numbers.push(number);
            }
            number = 0;
        }
    }
    let whole = kind.last().is_some_and(|byte| byte & 0x80 == 0);
    whole.then(|| numbers.iter().map(u64::to_string).collect::<Vec<String>>().join("."))
}

/// Special characters get a `\`, and so do spaces at the beginning and the end. Java does so with `=` and every `#` too.
fn escaped(text: &str) -> String {
    const SPECIAL: &str = ",=+<>#;\"\\";
    let blank = |c: char| matches!(c, ' ' | '\r');
    let lead = text.len() - text.trim_start_matches(blank).len();
    let trail = text.trim_end_matches(blank).len();
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        match c {
            '\0' => out.push_str("\\00"),
            _ => {
                if SPECIAL.contains(c) || at < lead || at >= trail {
                    out.push('\\');
                }
                out.push(c);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        [&[tag, u8::try_from(content.len()).unwrap()], content].concat()
    }

    /// Kind, tag, value.
    type Attribute<'a> = (&'a [u8], u8, &'a [u8]);

    /// A name of sets of attributes.
    fn name(sets: &[&[Attribute<'_>]]) -> Vec<u8> {
        let attribute = |(kind, tag, value): &Attribute<'_>| {
            element(SEQUENCE, &[element(OID, kind), element(*tag, value)].concat())
        };
        sets.iter().flat_map(|set| element(SET, &set.iter().flat_map(attribute).collect::<Vec<u8>>())).collect()
    }

    const CN: &[u8] = KEYWORDS[0].0;
    const O: &[u8] = KEYWORDS[4].0;
    const DC: &[u8] = KEYWORDS[7].0;
    const EMAIL: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1];
    const UTF8: u8 = 0x0c;
    const IA5: u8 = 0x16;

    /// The right side is what `new X500Principal(bytes).getName()` of Java 17 gives for the left side.
    #[test]
    fn names_are_rendered_as_java_does() {
        for (sets, meant) in [
            (
                &[&[(DC, IA5, b"com".as_slice())][..], &[(O, UTF8, b"Org")], &[(CN, UTF8, b"Duke")]][..],
                "CN=Duke,O=Org,DC=com",
            ),
            (&[&[(CN, UTF8, b"a"), (O, UTF8, b"b")]], "CN=a+O=b"),
            (&[&[(CN, UTF8, b" #a, b=c+\"<>;\\ ")]], "CN=\\ \\#a\\, b\\=c\\+\\\"\\<\\>\\;\\\\\\ "),
            (&[&[(EMAIL, IA5, b"a@b")]], "1.2.840.113549.1.9.1=#1603614062"),
            (&[&[(CN, UTF8, "Jos\u{e9}\0".as_bytes())]], "CN=Jos\u{e9}\\00"),
            (&[&[(CN, UTF8, b"")]], "CN="),
            (&[&[(CN, 0x03, &[0, 1])]], "CN=#03020001"),
            (&[], ""),
        ] {
            assert_eq!(rfc2253(&name(sets)).as_deref(), Some(meant), "{sets:x?}");
        }
    }

    #[test]
    fn broken_names_are_refused() {
        let whole = name(&[&[(CN, UTF8, b"a")]]);
        for end in 1..whole.len() {
            assert_eq!(rfc2253(&whole[..end]), None);
        }
        assert_eq!(rfc2253(&element(SET, &[])), None);
        assert_eq!(rfc2253(&name(&[&[(&[0xff; 12], UTF8, b"a")]])), None);
    }
}
