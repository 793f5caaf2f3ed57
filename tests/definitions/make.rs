//! Messages made up: every field has a value that its definition allows.

use std::collections::BTreeMap;

use super::codec::{Struct, Value};
use super::{Field, Kind, Message, Versions};

/// Chooses the values of fields; `None` leaves one at its default: one element in each array, tagged fields left out.
pub trait Choose {
    fn value(&mut self, field: &Field, version: i16) -> Option<Value>;

    /// How many elements an array has that is not chosen otherwise.
    fn count(&mut self, _field: &Field) -> usize {
        1
    }

    /// Whether a tagged field is there that is not chosen.
    fn tagged(&mut self, _field: &Field) -> bool {
        false
    }

    /// The unknown tagged fields of a struct, where a version has any.
    fn unknown(&mut self) -> BTreeMap<u32, Vec<u8>> {
        BTreeMap::new()
    }
}

impl<F: FnMut(&Field) -> Option<Value>> Choose for F {
    fn value(&mut self, field: &Field, _version: i16) -> Option<Value> {
        self(field)
    }
}

impl Field {
    /// A value of this field.
    pub fn make(&self, version: i16, flexible: bool, choose: &mut impl Choose) -> Value {
        let chosen = choose.value(self, version);
        chosen.unwrap_or_else(|| default(self, &self.kind, version, flexible, choose))
    }

    /// An element of this field, which is an array, as if it were a field of that name.
    pub fn element(&self, kind: &Kind) -> Field {
        Field { kind: kind.clone(), default: None, nullable: Versions::NONE, ..self.clone() }
    }
}

impl Message {
    /// A body of this message.
    pub fn make(&self, version: i16, choose: &mut impl Choose) -> Struct {
        fields(&self.fields, version, self.flexible.has(version), choose)
    }

    /// Changes the values of a message, each told with its field, innermost first.
    pub fn change(&self, version: i16, value: &mut Struct, change: &mut impl FnMut(&Field, &mut Value)) {
        change_fields(&self.fields, version, value, change);
    }

    /// Whether a field, at any depth, satisfies this.
    pub fn any_field(&self, version: i16, is: &impl Fn(&Field) -> bool) -> bool {
        any(&self.fields, version, is)
    }
}

fn any(fields: &[Field], version: i16, is: &impl Fn(&Field) -> bool) -> bool {
    fields.iter().filter(|field| field.versions.has(version)).any(|field| {
        let below = match &field.kind {
            Kind::Struct(fields) => fields,
            Kind::Array(element) => match &**element {
                Kind::Struct(fields) => fields,
                _ => return is(field),
            },
            _ => return is(field),
        };
        is(field) || any(below, version, is)
    })
}

fn fields(fields: &[Field], version: i16, flexible: bool, choose: &mut impl Choose) -> Struct {
    let unknown = if flexible { choose.unknown() } else { BTreeMap::new() };
    let mut made = Struct { unknown, ..Struct::default() };
    for field in fields.iter().filter(|field| field.versions.has(version)) {
        if let Some(value) = choose.value(field, version) {
            made.fields.insert(field.name.clone(), value);
        } else if !field.tagged.has(version) || choose.tagged(field) {
            made.fields.insert(field.name.clone(), default(field, &field.kind, version, flexible, choose));
        }
    }
    made
}

fn default<C: Choose>(field: &Field, kind: &Kind, version: i16, flexible: bool, choose: &mut C) -> Value {
    let text = field.default.as_deref();
    let null = text == Some("null") && field.nullable.has(version);
    match kind {
        Kind::Fixed(length) if *length <= 8 => {
            let number = match text {
                None | Some("" | "false") => 0,
                Some("true") => 1,
                Some(text) => text
                    .strip_prefix("0x")
                    .map_or_else(|| text.parse().ok(), |hex| i64::from_str_radix(hex, 16).ok())
                    .unwrap_or_else(|| panic!("{}: the default {text} is no number", field.name)),
            };
            Value::number(number, *length)
        }
        Kind::Fixed(length) => Value::Fixed(vec![0; *length]),
        Kind::Text | Kind::Bytes | Kind::Records | Kind::Struct(_) if null => Value::Null,
        Kind::Text => Value::Text(text.unwrap_or_default().into()),
        Kind::Bytes | Kind::Records => Value::Bytes(Vec::new()),
        Kind::Array(element) => {
            let element = |choose: &mut C| match &**element {
                Kind::Struct(below) => Value::Struct(fields(below, version, flexible, choose)),
                // A name in a list is chosen as a field of that name would be.
                kind => field.element(kind).make(version, flexible, choose),
            };
            let count = choose.count(field);
            Value::Array((0..count).map(|_| element(choose)).collect())
        }
        Kind::Struct(below) => Value::Struct(fields(below, version, flexible, choose)),
    }
}

fn change_fields(fields: &[Field], version: i16, value: &mut Struct, change: &mut impl FnMut(&Field, &mut Value)) {
    for field in fields.iter().filter(|field| field.versions.has(version)) {
        let Some(value) = value.fields.get_mut(&field.name) else { continue };
        match (&field.kind, &mut *value) {
            (Kind::Struct(below), Value::Struct(inside)) => change_fields(below, version, inside, change),
            (Kind::Array(element), Value::Array(values)) => {
                let one = Field { kind: (**element).clone(), ..field.clone() };
                for value in values {
                    match (&**element, &mut *value) {
                        (Kind::Struct(below), Value::Struct(inside)) => change_fields(below, version, inside, change),
                        _ => change(&one, value),
                    }
                }
            }
            _ => {}
        }
        change(field, value);
    }
}
