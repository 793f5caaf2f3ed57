//! The layouts in `src/wire/layouts.rs` are Kafka's own: made from its definitions, and made anew here to compare.
//!
//! `KLAMM_WRITE_LAYOUTS=1 cargo test --test rewriting layouts_are_kafkas_own` writes the file: an upgrade of Kafka is that
//! command, and a review of what it changed.

use std::fmt::Write as _;

use crate::definitions::{Definitions, Entity, Field, Kind, Message, Versions};

const FILE: &str = "src/wire/layouts.rs";

/// Where the table stops short of the definitions on purpose: (key, lowest version served).
const NOT_FROM_THE_LOWEST: [(i16, i16); 1] = [
    // Behind SaslHandshake 0 tokens travel without any header, which could not be framed.
    (17, 1),
];

const FRONT: &str = "\
//! The messages of Kafka 4.3.1, in every stable version that a broker takes from clients.
//!
//! Made from Kafka's own definitions by the test `layouts_are_kafkas_own`, which says how; not to be edited by hand.

use super::layout::*;

";

/// A definition's stable versions, from the lowest that is served.
fn stable(message: &Message) -> Versions {
    let lowest = NOT_FROM_THE_LOWEST.iter().find(|(key, _)| *key == message.key).map(|(_, lowest)| *lowest);
    let first = lowest.unwrap_or(message.valid.first);
    Versions { first, last: message.valid.last - i16::from(message.unstable) }
}

/// SNAKE_CASE of a name: `DescribeACLs` has none of its kind in Kafka.
fn constant(name: &str) -> String {
    let mut out = String::new();
    for (at, letter) in name.char_indices() {
        if letter.is_uppercase() && at > 0 {
            out.push('_');
        }
        out.push(letter.to_ascii_uppercase());
    }
    out
}

fn constructor(field: &Field) -> String {
    let name = &field.name;
    let plain = if field.type_name == "bool" { "boolean" } else { &field.type_name };
    match &field.kind {
        Kind::Fixed(_) => format!("{plain}({name:?})"),
        Kind::Text => format!("string({name:?})"),
        Kind::Bytes => format!("bytes({name:?})"),
        Kind::Records => format!("records({name:?})"),
        Kind::Array(element) => match &**element {
            Kind::Fixed(_) => format!("{plain}_array({name:?})"),
            Kind::Text => format!("string_array({name:?})"),
            Kind::Struct(_) => format!("array({name:?}, &["),
            Kind::Bytes | Kind::Records | Kind::Array(_) => panic!("{name}: no message has such an array"),
        },
        Kind::Struct(_) => format!("structure({name:?}, &["),
    }
}

/// What stands behind the constructor; `of` are the versions that the message is served in.
fn modifiers(field: &Field, of: Versions) -> String {
    let mut out = String::new();
    out.push_str(match field.entity {
        Entity::Topic => ".topic()",
        Entity::Group => ".group()",
        Entity::TransactionalId => ".transactional_id()",
        Entity::Node => ".node()",
        Entity::ProducerId => ".producer_id()",
        Entity::Other => "",
    });
    if field.versions.first > of.first {
        write!(out, ".since({})", field.versions.first).unwrap();
    }
    if field.versions.last < of.last {
        write!(out, ".until({})", field.versions.last).unwrap();
    }
    let (null, last) = (field.nullable, field.versions.last.min(of.last));
    if null.first <= null.last && null.last >= of.first {
        assert!(null.last >= last, "{}: it stops being nullable, for which there is no word", field.name);
        if null.first <= field.versions.first.max(of.first) {
            out.push_str(".nullable()");
        } else {
            write!(out, ".null_since({})", null.first).unwrap();
        }
    }
    if field.tagged.first <= field.tagged.last {
        assert!(field.tagged.last >= last, "{}: it stops being tagged, for which there is no word", field.name);
        write!(out, ".tag({}, {})", field.tag, field.tagged.first).unwrap();
    }
    out
}

fn write_fields(out: &mut String, fields: &[Field], of: Versions, depth: usize) {
    for field in fields.iter().filter(|field| field.versions.last >= of.first && field.versions.first <= of.last) {
        let within = Versions { first: of.first.max(field.versions.first), last: of.last.min(field.versions.last) };
        let indent = "    ".repeat(depth);
        writeln!(
            out,
            "{indent}{}{}",
            constructor(field),
            match inner(&field.kind) {
                Some(inner) => {
                    let mut lines = String::from("\n");
                    write_fields(&mut lines, inner, within, depth + 1);
                    format!("{lines}{indent}]){},", modifiers(field, of))
                }
                None => format!("{},", modifiers(field, of)),
            }
        )
        .unwrap();
    }
}

fn inner(kind: &Kind) -> Option<&[Field]> {
    match kind {
        Kind::Struct(fields) => Some(fields),
        Kind::Array(element) => inner(element),
        Kind::Fixed(_) | Kind::Text | Kind::Bytes | Kind::Records => None,
    }
}

fn name(message: &Message) -> &str {
    message.name.trim_end_matches("Request")
}

fn layouts(definitions: &Definitions) -> String {
    let mut out = String::from(FRONT);
    let (served, internal): (Vec<_>, Vec<_>) =
        definitions.requests.values().partition(|message| message.of_brokers && stable(message).last >= 0);
    out.push_str("/// The keys of all APIs in [`APIS`].\npub mod key {\n");
    for message in &served {
        writeln!(out, "    /// {}.", name(message)).unwrap();
        writeln!(out, "    pub const {}: i16 = {};", constant(name(message)), message.key).unwrap();
    }
    out.push_str("}\n\n/// What brokers and controllers say, or said, among themselves alone: key and name.\n");
    out.push_str("pub const INTERNAL: &[(i16, &str)] = &[\n");
    let still = internal.iter().map(|message| (message.key, message.name.as_str()));
    let removed = definitions.removed.iter().map(|(key, name)| (*key, name.as_str()));
    for (key, name) in still.chain(removed).collect::<std::collections::BTreeMap<_, _>>() {
        writeln!(out, "    ({key}, {:?}),", name.trim_end_matches("Request")).unwrap();
    }
    out.push_str("];\n\n/// Every API that brokers take from clients, by key.\npub const APIS: &[Api] = &[\n");
    for request in &served {
        let response = &definitions.responses[&request.key];
        assert!(request.valid == response.valid && request.flexible == response.flexible, "{}", request.name);
        let of = stable(request);
        let flexible = request.flexible;
        let flexible_from =
            if flexible.first > flexible.last { String::from("NEVER") } else { flexible.first.to_string() };
        writeln!(out, "    Api {{\n        key: {},\n        name: {:?},", request.key, name(request)).unwrap();
        writeln!(out, "        versions: Versions {{ first: {}, last: {} }},", of.first, of.last).unwrap();
        writeln!(out, "        flexible_from: {flexible_from},").unwrap();
        for (word, message) in [("request", *request), ("response", response)] {
            let mut fields = String::new();
            write_fields(&mut fields, &message.fields, of, 3);
            match fields.is_empty() {
                true => writeln!(out, "        {word}: &[],").unwrap(),
                false => writeln!(out, "        {word}: &[\n{fields}        ],").unwrap(),
            }
        }
        out.push_str("    },\n");
    }
    out.push_str("];\n");
    out
}

#[test]
fn the_file_is_what_kafkas_definitions_make() {
    let made = layouts(&Definitions::read().unwrap());
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    if std::env::var_os("KLAMM_WRITE_LAYOUTS").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let is = std::fs::read_to_string(&path).unwrap();
    let different = is.lines().zip(made.lines()).enumerate().find(|(_, (is, made))| is != made);
    assert!(is == made, "{FILE} is not what the definitions make; the first difference: {different:?}");
}
