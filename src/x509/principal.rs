//! The rules that make a principal of a certificate's name, in the syntax of Kafka's `ssl.principal.mapping.rules`.
//!
//! `RULE:pattern/replacement/[LU]` and `DEFAULT`, tried in order; the first whose pattern matches the whole name is used.
//! Patterns are those of the crate `regex`: what Java has beyond it (looking around, references back) is refused.

use std::fmt;

use regex::{Captures, Regex, RegexBuilder};

/// Bytes of all rules: far more than anybody writes.
const RULES_BYTES_MAX: usize = 8 << 10;
/// Bytes that one pattern may take when it is compiled; `regex` matches in time linear in the name's length.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// The rules in order.
#[derive(Clone, Debug)]
pub struct PrincipalMapping {
    rules: Vec<Rule>,
    text: Box<str>,
}

/// As they were written: the rules follow from that alone.
impl PartialEq for PrincipalMapping {
    fn eq(&self, other: &PrincipalMapping) -> bool {
        self.text == other.text
    }
}

/// What is wrong with the rules; a sentence without its subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingFault(String);

impl fmt::Display for MappingFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for MappingFault {}

/// No rule matches a name, or the one that does makes nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoPrincipal;

#[derive(Clone, Debug)]
enum Rule {
    /// The name as it is.
    Default,
    Replace(Box<Replace>),
}

#[derive(Clone, Debug)]
struct Replace {
    /// Must match the whole name.
    whole: Regex,
    /// Each match of it is replaced then, as in Kafka: it may be shorter than the name.
    part: Regex,
    replacement: Vec<Piece>,
    case: Case,
}

#[derive(Clone, Copy, Debug)]
enum Case {
    Kept,
    Lower,
    Upper,
}

#[derive(Clone, Debug)]
enum Piece {
    Text(String),
    Group(usize),
}

impl Default for PrincipalMapping {
    fn default() -> PrincipalMapping {
        PrincipalMapping { rules: vec![Rule::Default], text: "DEFAULT".into() }
    }
}

impl PrincipalMapping {
    /// Reads rules that are separated by commas.
    ///
    /// # Errors
    ///
    /// What is wrong with the first rule that is.
    pub fn parse(text: &str) -> Result<PrincipalMapping, MappingFault> {
        if text.len() > RULES_BYTES_MAX {
            return Err(MappingFault(format!("is longer than {RULES_BYTES_MAX} bytes; shorten it")));
        }
        let mut rules = Vec::new();
        let mut rest = text.trim_start();
        loop {
            let number = rules.len() + 1;
            let fault_of_rule = |fault: String| MappingFault(format!("has a wrong rule {number}: {fault}"));
            let (rule, behind) = rule(rest).map_err(fault_of_rule)?;
            rules.push(rule);
            let behind = behind.trim_start();
            match behind.strip_prefix(',') {
                Some(next) if !next.trim().is_empty() => rest = next.trim_start(),
                // Kafka takes a comma at the end.
                Some(_) => break,
                None if behind.is_empty() => break,
                None => {
                    return Err(fault_of_rule(
                        "a comma must follow it; write RULE:pattern/replacement/[LU] or DEFAULT".into(),
                    ));
                }
            }
        }
        Ok(PrincipalMapping { rules, text: text.into() })
    }

    /// The rules as they were written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The principal of a certificate that carries `name`.
    ///
    /// # Errors
    ///
    /// Where no rule matches, and where nothing is left of the name: nobody has an empty principal.
    pub fn principal(&self, name: &str) -> Result<String, NoPrincipal> {
        let found = self.rules.iter().find_map(|rule| match rule {
            Rule::Default => Some(name.to_owned()),
            Rule::Replace(replace) => replace.apply(name),
        });
        found.filter(|principal| !principal.is_empty()).ok_or(NoPrincipal)
    }
}

impl Replace {
    fn apply(&self, name: &str) -> Option<String> {
        if !self.whole.is_match(name) {
            return None;
        }
        let replaced = self.part.replace_all(name, |groups: &Captures<'_>| {
            let text = |piece: &Piece| match piece {
                Piece::Text(text) => text.clone(),
                Piece::Group(group) => groups.get(*group).map_or(String::new(), |found| found.as_str().to_owned()),
            };
            self.replacement.iter().map(text).collect::<String>()
        });
        Some(match self.case {
            Case::Kept => replaced.into_owned(),
            Case::Lower => replaced.to_lowercase(),
            Case::Upper => replaced.to_uppercase(),
        })
    }
}

/// The rule at the front of `text`, and what stands behind it.
fn rule(text: &str) -> Result<(Rule, &str), String> {
    if let Some(behind) = text.strip_prefix("DEFAULT") {
        return Ok((Rule::Default, behind));
    }
    let Some(rest) = text.strip_prefix("RULE:") else {
        return Err("it begins neither with RULE: nor with DEFAULT (in capitals)".to_owned());
    };
    let (pattern, rest) = up_to_slash(rest).ok_or("no / ends its pattern; write RULE:pattern/replacement/[LU]")?;
    let (replacement, rest) =
        up_to_slash(rest).ok_or("no / ends its replacement; write RULE:pattern/replacement/[LU]")?;
    let (case, rest) = match (rest.strip_prefix('L'), rest.strip_prefix('U')) {
        (Some(rest), _) => (Case::Lower, rest),
        (None, Some(rest)) => (Case::Upper, rest),
        (None, None) => (Case::Kept, rest),
    };
    let part = compiled(pattern)?;
    let whole = compiled(&format!("^(?:{pattern})$"))?;
    let replacement = pieces(replacement, part.captures_len() - 1)?;
    Ok((Rule::Replace(Box::new(Replace { whole, part, replacement, case })), rest))
}

fn compiled(pattern: &str) -> Result<Regex, String> {
    // The parser's own words take several lines and show the text: it may have been inserted.
    let wrong =
        |_| "its pattern is no regular expression; looking around and references back are not served".to_owned();
    RegexBuilder::new(pattern).size_limit(PATTERN_BYTES_MAX).build().map_err(wrong)
}

/// What stands before the first `/` that has no `\` in front, and what stands behind it.
fn up_to_slash(text: &str) -> Option<(&str, &str)> {
    let mut escaped = false;
    let slash = text.char_indices().find(|(_, c)| {
        let found = *c == '/' && !escaped;
        escaped = *c == '\\' && !escaped;
        found
    });
    let (at, _) = slash?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// A replacement as Java reads it: `$1` is a group, `\` takes what follows it literally.
fn pieces(text: &str, groups: usize) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => plain.extend(chars.next()),
            '$' => {
                let digit = |chars: &mut std::iter::Peekable<std::str::Chars<'_>>| {
                    chars.peek().and_then(|c| c.to_digit(10)).and_then(|digit| usize::try_from(digit).ok())
                };
                let mut group =
                    digit(&mut chars).ok_or("a $ in its replacement is not followed by a group's number")?;
                chars.next();
                if group > groups {
                    return Err(format!("its replacement names the group {group}, and its pattern has {groups}"));
                }
                // Further digits belong to the number as long as there is such a group.
                while let Some(longer) = digit(&mut chars).map(|digit| group * 10 + digit).filter(|&n| n <= groups) {
                    group = longer;
                    chars.next();
                }
                if !plain.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut plain)));
                }
                pieces.push(Piece::Group(group));
            }
            _ => plain.push(c),
        }
    }
    if !plain.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn principal(rules: &str, name: &str) -> Result<String, NoPrincipal> {
        PrincipalMapping::parse(rules).unwrap_or_else(|fault| panic!("{rules}: {fault}")).principal(name)
    }

    /// What Kafka's documentation and KIP-371 show, and what its implementation does with the same rules.
    #[test]
    fn kafkas_examples_map_as_kafka_maps_them() {
        const DOCUMENTED: &str = "RULE:^CN=(.*?),OU=ServiceUsers.*$/$1/, \
             RULE:^CN=(.*?),OU=(.*?),O=(.*?),L=(.*?),ST=(.*?),C=(.*?)$/$1@$2/L, \
             RULE:^.*[Cc][Nn]=([a-zA-Z0-9.]*).*$/$1/L, DEFAULT";
        const MIXED: &str = "RULE:^CN=(.*?),OU=ServiceUsers.*$/$1/L, \
             RULE:^CN=(.*?),OU=(.*?),O=(.*?),L=(.*?),ST=(.*?),C=(.*?)$/$1@$2/L, \
             RULE:^cn=(.*?),ou=(.*?),dc=(.*?),dc=(.*?)$/$1@$2/U, RULE:^.*[Cc][Nn]=([a-zA-Z0-9.]*).*$/$1/U, DEFAULT";
        for (rules, name, meant) in [
            (DOCUMENTED, "CN=serviceuser,OU=ServiceUsers,O=Unknown,L=Unknown,ST=Unknown,C=Unknown", "serviceuser"),
            (DOCUMENTED, "CN=adminUser,OU=Admin,O=Unknown,L=Unknown,ST=Unknown,C=Unknown", "adminuser@admin"),
            (DOCUMENTED, "O=Org,CN=Duke", "duke"),
            (DOCUMENTED, "OU=JavaSoft,O=Sun Microsystems,C=US", "OU=JavaSoft,O=Sun Microsystems,C=US"),
            (MIXED, "CN=Duke,OU=ServiceUsers,O=Org,C=US", "duke"),
            (MIXED, "CN=Duke,OU=SME,O=mycp,L=Fulton,ST=MD,C=US", "duke@sme"),
            (MIXED, "cn=duke,ou=sme,dc=mycp,dc=com", "DUKE@SME"),
            (MIXED, "cN=duke,OU=JavaSoft,O=Sun Microsystems", "DUKE"),
            ("RULE:^CN=([^,ADEFLTU,]+)(,.*|$)/$1/", "CN=duke,OU=x", "duke"),
            ("RULE:^CN=([^,DEFAULT,]+)(,.*|$)/$1/,", "CN=duke", "duke"),
            (r"RULE:^CN=(.*)\/(.*)$/$2\/\$1\\$1/", "CN=a/b", r"b/$1\a"),
            // The pattern matches the whole name, but what is replaced is its first, shorter match.
            ("RULE:CN=(.*?)/$1/", "CN=abc", "abc"),
            ("RULE:(a)(.*)/$12/", "ab", "a2"),
        ] {
            assert_eq!(principal(rules, name).as_deref(), Ok(meant), "{rules} on {name}");
        }
        assert_eq!(principal("RULE:^CN=(.*?),OU=ServiceUsers.*$/$1/", "CN=x"), Err(NoPrincipal));
        assert_eq!(principal("RULE:.*//", "CN=x"), Err(NoPrincipal));
    }

    #[test]
    fn rules_that_kafka_refuses_are_refused() {
        for rules in [
            "default",
            "DEFAUL",
            "DEFAULT/L",
            "DEFAULT/U",
            "",
            "rule:^CN=(.*)$/$1/",
            "RULE:^CN=(.*)$/$1",
            "RULE:^CN=(.*)$",
            "RULE:^CN=(.*)$/$1/X",
            "RULE:^CN=(.*)$/$1/LU",
            "RULE:^CN=(.*)$/$1/L/U",
            "RULE:^CN=(.*)$/$1/L DEFAULT",
            "/L",
            "RULE:(/$1/",
            "RULE:(?=a)/$1/",
            r"RULE:(a)\1/x/",
            "RULE:a/$1/",
            "RULE:(a)/$x/",
            "RULE:(a)/$/",
            ",DEFAULT",
        ] {
            assert!(PrincipalMapping::parse(rules).is_err(), "{rules}");
        }
        assert!(PrincipalMapping::parse(&"RULE:a/b/,".repeat(2000)).is_err());
        let fault = PrincipalMapping::parse("DEFAULT, RULE:(a)/$2/").unwrap_err().to_string();
        assert_eq!(fault, "has a wrong rule 2: its replacement names the group 2, and its pattern has 1");
    }
}
