//! A template of a scenario becomes a message: what is said, and what is to be read of it.

use klamm::rewrite::RejectedName;
use klamm::wire::Asked;
use serde_yaml::{Mapping, Value as Yaml};

use super::super::Dice;
use super::super::cast::{Cast, KINDS, Name};
use super::super::samples::Anything;
use super::ID_MASK;
use crate::definitions::codec::{Struct, Value};
use crate::definitions::make::Choose as _;
use crate::definitions::{Definitions, Field, Kind, Message};

/// What is said, and what is to be read; `None`: nothing, it is left out.
type Pair = (Value, Option<Value>);

/// A scenario while it becomes one message.
pub struct Play<'p> {
    /// The versions that the template is for.
    versions: (i16, i16),
    definitions: &'p Definitions,
    cast: &'p Cast<'p>,
    version: i16,
    pub flexible: bool,
    /// What the exchange of the request is told.
    pub asked: Asked,
    /// The error that all of the response is to show, or 0.
    pub shown_error: i16,
    /// The last error code that was said.
    error: i64,
    /// The names around that were refused: the field, and the error.
    refused: Vec<(String, i16)>,
    /// The last name that was drawn.
    name: Option<Name>,
    depth: usize,
    dice: &'p mut Dice,
}

impl<'p> Play<'p> {
    pub fn new(
        definitions: &'p Definitions,
        cast: &'p Cast<'p>,
        versions: (i16, i16),
        version: i16,
        dice: &'p mut Dice,
    ) -> Play<'p> {
        Play {
            versions,
            definitions,
            cast,
            version,
            flexible: false,
            asked: Asked::Nothing,
            shown_error: 0,
            error: 0,
            refused: Vec::new(),
            name: None,
            depth: 0,
            dice,
        }
    }

    /// A body of this message. `None` here and below: this namespace has no name of a kind that is asked for.
    pub fn message(&mut self, message: &Message, yaml: &Yaml) -> Result<Option<(Struct, Struct)>, String> {
        self.fields(&message.fields, mapping(yaml)?)
    }

    fn fields(&mut self, fields: &[Field], yaml: &Mapping) -> Result<Option<(Struct, Struct)>, String> {
        let versions = self.versions.0..=self.versions.1;
        for key in yaml.keys().filter_map(Yaml::as_str) {
            if !fields.iter().any(|field| field.name == key && versions.clone().any(|one| field.versions.has(one))) {
                let names: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
                return Err(format!("there is no field {key} in these versions; Kafka has {}", names.join(", ")));
            }
        }
        let around = self.refused.len();
        let fields = fields.iter().filter(|field| field.versions.has(self.version));
        // Names first: they decide about what stands before them.
        let (named, others): (Vec<_>, Vec<_>) = fields.partition(|field| yaml.get(&*field.name).is_some_and(is_name));
        let mut given = Struct::default();
        if self.flexible {
            given.unknown = Anything::new(self.dice).unknown();
        }
        let mut then = given.clone();
        for field in named.into_iter().chain(others) {
            let pair = match yaml.get(&*field.name) {
                Some(Yaml::String(text)) if field.tagged.has(self.version) && text == "left out" => continue,
                Some(yaml) => self.value(&field.kind, field, yaml).map_err(|what| format!("{}: {what}", field.name))?,
                None if field.tagged.has(self.version) && self.dice.below(5) > 0 => continue,
                None => {
                    let value = field.make(self.version, self.flexible, &mut Anything::new(self.dice));
                    Some((value.clone(), Some(value)))
                }
            };
            let Some((said, read)) = pair else {
                self.refused.truncate(around);
                return Ok(None);
            };
            given.fields.insert(field.name.clone(), said);
            then.fields.extend(read.map(|read| (field.name.clone(), read)));
        }
        self.refused.truncate(around);
        Ok(Some((given, then)))
    }

    fn value(&mut self, kind: &Kind, field: &Field, yaml: &Yaml) -> Result<Option<Pair>, String> {
        match (kind, yaml) {
            (_, Yaml::Mapping(map)) if map.contains_key("given") => {
                let Some((given, _)) = self.value(kind, field, &map["given"])? else { return Ok(None) };
                let then = match map.get("then").ok_or("what is given, and `then`?")? {
                    Yaml::String(text) if text == "left out" => None,
                    yaml => match self.value(kind, field, yaml)? {
                        Some((_, then)) => then,
                        None => return Ok(None),
                    },
                };
                Ok(Some((given, then)))
            }
            (_, Yaml::Mapping(map)) if map.contains_key("one_of") => {
                let all = map["one_of"].as_sequence().filter(|all| !all.is_empty()).ok_or("one_of is a list")?;
                let one = &all[usize::try_from(self.dice.below(all.len() as u64)).unwrap()];
                self.value(kind, field, one)
            }
            (Kind::Struct(fields), yaml) => {
                let pair = self.fields(fields, mapping(yaml)?)?;
                Ok(pair.map(|(given, then)| (Value::Struct(given), Some(Value::Struct(then)))))
            }
            (Kind::Array(element), Yaml::Sequence(templates)) => {
                let (mut given, mut then) = (Vec::new(), Vec::new());
                let count = if templates.is_empty() { 0 } else { self.count() };
                // A struct's own fields say what they are: copying them all is slow.
                let one = (!matches!(**element, Kind::Struct(_))).then(|| field.element(element));
                let one = one.as_ref().unwrap_or(field);
                self.depth += 1;
                for _ in 0..count {
                    let template = &templates[usize::try_from(self.dice.below(templates.len() as u64)).unwrap()];
                    if let Some((said, read)) = self.value(element, one, template)? {
                        given.push(said);
                        then.extend(read);
                    }
                }
                self.depth -= 1;
                Ok(Some((Value::Array(given), Some(Value::Array(then)))))
            }
            (_, Yaml::Mapping(map)) => self.role(kind, field, map),
            (Kind::Fixed(_), Yaml::String(text)) if text.starts_with("refusal") => {
                let of = text.strip_prefix("refusal of ");
                let around = self.refused.iter().rev().find(|(name, _)| of.is_none_or(|of| of == name));
                let (_, error) = around.ok_or("nothing around it is refused")?;
                Ok(same(Value::number(i64::from(if self.shown_error != 0 { self.shown_error } else { *error }), 2)))
            }
            (_, literal) => self.literal(kind, field, literal).map(same),
        }
    }

    /// Of entries many or none, of parts of an entry some.
    fn count(&mut self) -> u64 {
        let counts = if self.depth == 0 { [0, 1, 2, 3, 5, 9, 20, 130] } else { [0, 1, 2, 3, 1, 2, 3, 5] };
        counts[usize::try_from(self.dice.below(8)).unwrap()]
    }

    fn literal(&self, kind: &Kind, field: &Field, yaml: &Yaml) -> Result<Value, String> {
        match (kind, yaml) {
            (Kind::Text | Kind::Bytes | Kind::Records | Kind::Array(_), Yaml::Null)
                if field.nullable.has(self.version) =>
            {
                Ok(Value::Null)
            }
            (Kind::Fixed(16), Yaml::Number(number)) if number.as_i64() == Some(0) => Ok(Value::Fixed(vec![0; 16])),
            (Kind::Fixed(length), Yaml::Number(number)) if *length <= 8 && number.is_i64() => {
                Ok(Value::number(number.as_i64().unwrap(), *length))
            }
            (Kind::Fixed(1), Yaml::Bool(flag)) => Ok(Value::number(i64::from(*flag), 1)),
            (Kind::Text, Yaml::String(text)) => Ok(Value::text(text)),
            (Kind::Bytes | Kind::Records, Yaml::String(text)) => Ok(Value::Bytes(text.clone().into_bytes())),
            _ => Err(format!("{yaml:?} is not what version {} has there ({})", self.version, field.type_name)),
        }
    }

    /// A value that both sides say in their own way.
    fn role(&mut self, kind: &Kind, field: &Field, map: &Mapping) -> Result<Option<Pair>, String> {
        let (role, of) = match (map.len(), map.iter().next()) {
            (1, Some((Yaml::String(role), of))) => (role.as_str(), of),
            _ => return Err(format!("one role is wanted, not {map:?}")),
        };
        match (role, of.as_str(), kind) {
            (kind, Some(of), Kind::Text) if KINDS.contains(&kind) => {
                let Some(name) = self.cast.draw(kind, of, self.dice)? else { return Ok(None) };
                if name.refused != 0 {
                    self.refused.push((field.name.clone(), name.refused));
                }
                Ok(Some(self.named(name)))
            }
            ("rejected", Some(of), Kind::Text) => {
                let said = self.name.as_ref().and_then(|name| name.shown.clone()).ok_or("no name was given")?;
                Ok(Some(self.named(self.cast.rejected(rejection(of)?, &said))))
            }
            // What stands for a resource of another type: its type and name.
            ("resource", Some(of), Kind::Text) => {
                let name = self.cast.rejected(RejectedName::ForbiddenCluster, of.as_bytes());
                self.refused.push((field.name.clone(), name.refused));
                Ok(Some(self.named(name)))
            }
            ("any", Some("error"), Kind::Fixed(2)) => {
                self.error = [0, 0, 3, 17, 40, 44, 87][usize::try_from(self.dice.below(7)).unwrap()];
                let shown = if self.shown_error != 0 { i64::from(self.shown_error) } else { self.error };
                Ok(Some((Value::number(self.error, 2), Some(Value::number(shown, 2)))))
            }
            ("any", Some("message"), Kind::Text) => {
                let texts = [
                    "",
                    "plain",
                    "Topic vc-PHYSICAL.orders breaks the policy",
                    MEETS,
                    "no such thing: vc-PHYSICAL./ia/b",
                ];
                let Some(text) = texts.get(usize::try_from(self.dice.below(6)).unwrap()) else {
                    return Ok(same(Value::Null));
                };
                let shown = self.cast.message(text, self.error).filter(|_| self.shown_error == 0);
                Ok(Some((Value::text(text), Some(shown.map_or(Value::Null, |text| Value::text(&text))))))
            }
            ("masked", Some("id"), Kind::Fixed(16)) => {
                // No id is that of no topic, masked or not.
                let id = [u8::try_from(1 + self.dice.below(80)).unwrap(); 16];
                let mut masked = id;
                masked.iter_mut().zip(ID_MASK).for_each(|(byte, mask)| *byte ^= mask);
                if self.cast.said {
                    self.asked = Asked::TopicIds;
                }
                let (client, backend) = (Value::Fixed(id.to_vec()), Value::Fixed(masked.to_vec()));
                Ok(Some(if self.cast.said { (client, Some(backend)) } else { (backend, Some(client)) }))
            }
            ("subscription", _, Kind::Bytes) => self.embedded("ConsumerProtocolSubscription", of),
            ("assignment", _, Kind::Bytes) => self.embedded("ConsumerProtocolAssignment", of),
            _ => Err(format!("{role} of {of:?} is nothing that a field of type {} can be", field.type_name)),
        }
    }

    fn named(&mut self, name: Name) -> Pair {
        self.name = Some(name.clone());
        let (physical, shown) = (Value::Text(name.physical), name.shown.map(Value::Text));
        if self.cast.said { (shown.unwrap_or(Value::Null), Some(physical)) } else { (physical, shown) }
    }

    /// Bytes of the consumer protocol, behind their version; newer ones have more behind what is known.
    fn embedded(&mut self, name: &str, of: &Yaml) -> Result<Option<Pair>, String> {
        let message = &self.definitions.data[name];
        let version = i16::try_from(self.dice.below(4)).unwrap();
        let newer = version == 3 && self.dice.below(2) == 0;
        let outer = (self.version, self.flexible, self.versions);
        (self.version, self.flexible, self.versions) = (version, false, (0, 3));
        let pair = self.fields(&message.fields, mapping(of)?);
        (self.version, self.flexible, self.versions) = outer;
        let Some((given, then)) = pair? else { return Ok(None) };
        let [given, then] = [given, then].map(|value| {
            let (said, behind) = if newer { (9, &b"newer"[..]) } else { (version, &b""[..]) };
            Value::Bytes([&said.to_be_bytes()[..], &message.encode(version, &value).bytes, behind].concat())
        });
        Ok(Some((given, Some(then))))
    }
}

const MEETS: &str = "vc-PHYSICAL.orders collides with CANARY7f3a.orders";

fn same(value: Value) -> Option<Pair> {
    Some((value.clone(), Some(value)))
}

/// Whether a template says a name.
fn is_name(yaml: &Yaml) -> bool {
    let Some(map) = yaml.as_mapping() else { return false };
    map.get("given").is_some_and(is_name)
        || map.get("one_of").and_then(Yaml::as_sequence).is_some_and(|all| all.iter().any(is_name))
        || map.contains_key("resource")
        || KINDS.iter().any(|kind| map.contains_key(*kind))
}

fn mapping(yaml: &Yaml) -> Result<&Mapping, String> {
    yaml.as_mapping().ok_or_else(|| format!("fields are wanted, not {yaml:?}"))
}

fn rejection(name: &str) -> Result<RejectedName, String> {
    Ok(match name {
        "Invalid" => RejectedName::Invalid,
        "Absent" => RejectedName::Absent,
        "Exists" => RejectedName::Exists,
        "Forbidden" => RejectedName::Forbidden,
        "ForbiddenGroup" => RejectedName::ForbiddenGroup,
        "InvalidGroup" => RejectedName::InvalidGroup,
        "ForbiddenTransactionalId" => RejectedName::ForbiddenTransactionalId,
        other => return Err(format!("no name is refused as {other}")),
    })
}
