//! Layouts as the walk takes them: a flat list of operations for each message in each version, and the roles that are wanted.
//!
//! Owns what a version makes of a layout: fields that it has not are gone, those of fixed size without interest are passed over on the way,
//! null and flexible are settled, arrays and tags are jumps; a role that nobody wants is bytes that pass. Made once for the
//! process. May not look at a byte of a frame.

use super::cursor::TEXT_BYTES_MAX;
use super::layout::{Api, Direction, Field, Fields, Kind, bytes_min};
use super::op::{Compact, Length, Op, Operation, Part};
use super::roles::{Place, Role, Roles, role};

/// A tag whose content is looked at.
struct Known {
    /// The place of the tag.
    tag: u32,
    number: u32,
    /// The place of its content.
    content: u32,
}

/// What a walk stops at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Fields with these roles.
    pub roles: Roles,
    /// Of the strings and bytes among them, those with these roles also where they are null.
    pub nulls: Roles,
    /// The tags of the body.
    pub tags: bool,
    /// Values of fixed size also where they are what they mostly are, and mean nothing.
    pub usual: bool,
}

impl Wanted {
    /// Fields with these roles, null or not.
    pub const fn all(roles: Roles) -> Wanted {
        Wanted { roles, nulls: roles, tags: false, usual: true }
    }
}

/// A message in one version, and where a walk through it stops.
pub struct Plan {
    ops: Box<[Operation]>,
    parts: Box<[Part]>,
    known: Box<[Known]>,
    roles: Roles,
    roles_outside_tags: Roles,
}

/// How a role is found: by [`role`], but for layouts that tests make up.
type RoleOf<'a> = &'a dyn Fn(Place<'_>, &Field, i16) -> Option<Role>;

impl Plan {
    /// For a whole message of this API: its header, without the fixed part, and its body.
    pub fn message(api: &Api, direction: Direction, version: i16, wanted: Wanted) -> Plan {
        let mut writer = Writer::new(api.key, direction, (version, version >= api.flexible_from), wanted, &role);
        writer.header();
        writer.body(api.body(direction));
        writer.finish()
    }

    /// For a body that a test made up, with roles by name.
    #[cfg(test)]
    pub fn made_up(fields: Fields, version: (i16, bool), wanted: Wanted, role: RoleOf<'_>) -> Plan {
        let mut writer = Writer::new(0, Direction::Response, version, wanted, role);
        writer.body(fields);
        writer.finish()
    }

    /// All operations.
    #[inline]
    pub(super) fn ops(&self) -> &[Operation] {
        &self.ops
    }

    /// So many parts of an element, from the one at `first` on.
    #[inline]
    pub(super) fn parts(&self, first: u32, parts: u32) -> Option<&[Part]> {
        self.parts.get(first as usize..)?.get(..parts as usize)
    }

    /// Where the content of tag `number` begins, if it is looked at; `tag` is the operation that met it.
    pub(super) fn content(&self, tag: u32, number: u32) -> Option<u32> {
        self.known.iter().find(|known| known.tag == tag && known.number == number).map(|known| known.content)
    }

    /// The roles that it has of those that were wanted.
    #[inline]
    pub fn roles(&self) -> Roles {
        self.roles
    }

    /// Those of them that stand in no tagged field.
    pub fn roles_outside_tags(&self) -> Roles {
        self.roles_outside_tags
    }
}

struct Writer<'a> {
    key: i16,
    direction: Direction,
    version: i16,
    flexible: bool,
    wanted: Wanted,
    role_of: RoleOf<'a>,
    ops: Vec<Operation>,
    /// Bytes of fixed size without interest behind the last operation.
    fixed: u32,
    parts: Vec<Part>,
    /// The field that is written, and those around it.
    path: String,
    /// Arrays of entries around it.
    entries: usize,
    roles: Roles,
    /// Tagged fields, whose content is still to be written.
    pending: Vec<Pending>,
}

/// A tagged field.
struct Pending {
    /// The place of the tag.
    tag: u32,
    number: u32,
    /// Its content.
    field: Field,
    /// The fields around it.
    path: String,
    entries: usize,
}

impl<'a> Writer<'a> {
    fn new(
        key: i16,
        direction: Direction,
        (version, flexible): (i16, bool),
        wanted: Wanted,
        role_of: RoleOf<'a>,
    ) -> Writer<'a> {
        let (ops, path, pending) = (Vec::new(), String::new(), Vec::new());
        Writer {
            key,
            direction,
            version,
            flexible,
            wanted,
            role_of,
            ops,
            fixed: 0,
            parts: Vec::new(),
            path,
            entries: 0,
            roles: Roles::NONE,
            pending,
        }
    }

    /// What stands behind the fixed part of a header: a request's client id, with a length of two bytes in every version,
    /// and in flexible versions tags.
    fn header(&mut self) {
        if self.direction == Direction::Request {
            self.push(Op::Short { null: true });
        }
        if self.flexible {
            self.push(Op::Tags { wanted: false });
            self.push(Op::Tag { body: false, wanted: false });
        }
    }

    fn body(&mut self, fields: Fields) {
        self.fields(fields);
        self.tags(fields, true);
    }

    fn finish(mut self) -> Plan {
        self.push(Op::End);
        let (mut known, roles_outside_tags) = (Vec::new(), self.roles);
        while let Some(pending) = self.pending.pop() {
            let (content, parts, others) = (self.ops.len(), self.parts.len(), self.pending.len());
            let roles = std::mem::replace(&mut self.roles, Roles::NONE);
            (self.path, self.entries) = (pending.path, pending.entries);
            let role = self.enter(&pending.field);
            self.field(&pending.field, role);
            if self.roles == Roles::NONE {
                // Nothing in it is wanted: it is passed over, whatever it holds.
                self.ops.truncate(content);
                self.fixed = 0;
                self.parts.truncate(parts);
                self.pending.truncate(others);
            } else {
                known.push(Known { tag: pending.tag, number: pending.number, content: content as u32 });
                self.push(Op::TagEnd(pending.tag));
            }
            self.roles = self.roles.and(roles);
        }
        let (ops, parts) = (self.ops.into(), self.parts.into());
        Plan { ops, parts, known: known.into(), roles: self.roles, roles_outside_tags }
    }

    /// Goes to a field; its role, where it is wanted.
    fn enter(&mut self, field: &Field) -> Option<Role> {
        if !self.path.is_empty() {
            self.path.push('/');
        }
        self.path.push_str(field.name);
        self.role(field)
    }

    fn role(&self, field: &Field) -> Option<Role> {
        let place = Place { direction: self.direction, key: self.key, path: &self.path, in_entry: self.entries > 0 };
        (self.role_of)(place, field, self.version)
    }

    fn fields(&mut self, fields: &[Field]) {
        let here = self.path.len();
        let version = self.version;
        let mut in_row = fields.iter().filter(|field| field.in_row(version));
        while let Some(field) = in_row.next() {
            let role = self.enter(field);
            match role.filter(|role| self.wanted.roles.has(*role)).map(|role| (role, role.fields(self.direction))) {
                Some((role, covered)) if covered > 1 => {
                    let rest = in_row.by_ref().take(covered - 1).map(fixed_bytes).sum::<usize>();
                    self.push(Op::Leaf((fixed_bytes(field) + rest) as u32, role));
                    self.roles = self.roles.and(Roles::of(&[role]));
                }
                _ => self.field(field, role),
            }
            self.path.truncate(here);
        }
    }

    /// A field whose path was entered, with its role.
    fn field(&mut self, field: &Field, role: Option<Role>) {
        let (null, flexible) = (field.nullable.has(self.version), self.flexible);
        let wanted = role.filter(|role| self.wanted.roles.has(*role));
        if let Some(role) = wanted {
            self.roles = self.roles.and(Roles::of(&[role]));
        }
        let text = |length, role| Op::Text { length, null, null_wanted: self.wanted.nulls.has(role), role };
        let op = match (field.kind, wanted) {
            (Kind::Fixed(bytes @ (2 | 4)), Some(role))
                if !self.wanted.usual && role.event(self.direction).is_some() =>
            {
                let (is, value) = role.event(self.direction).unwrap_or((false, 0));
                Op::LeafWhere { bytes: bytes as u8, role, is, value }
            }
            (Kind::Fixed(bytes), Some(role)) => Op::Leaf(bytes, role),
            (Kind::Fixed(bytes), None) => {
                self.fixed += bytes;
                return;
            }
            (Kind::String, Some(role)) if flexible => text(Length::Compact(TEXT_BYTES_MAX), role),
            (Kind::String, Some(role)) => text(Length::Short, role),
            (Kind::Bytes, Some(role)) if flexible => text(Length::Compact(u32::MAX), role),
            (Kind::Bytes, Some(role)) => text(Length::Long, role),
            (Kind::String, None) => self.string(null),
            (Kind::Bytes, None) => self.counted(null, 1),
            (Kind::FixedArray(width), _) => self.counted(null, width),
            (Kind::StringArray, element) => {
                let element = match element {
                    Some(role) if flexible => {
                        Op::Text { length: Length::Compact(TEXT_BYTES_MAX), null: false, null_wanted: false, role }
                    }
                    Some(role) => Op::Text { length: Length::Short, null: false, null_wanted: false, role },
                    None => self.string(false),
                };
                let at = self.begin_array(null, if flexible { 1 } else { 2 }, None);
                self.push(element);
                return self.end_array(at, None);
            }
            (Kind::Array(element), array_role) => {
                self.entries += usize::from(role == Some(Role::Entries));
                self.array(element, null, array_role);
                self.entries -= usize::from(role == Some(Role::Entries));
                return;
            }
            (Kind::Struct(fields), _) => {
                self.fields(fields);
                return self.tags(fields, false);
            }
        };
        self.push(op);
    }

    fn push(&mut self, op: Op) {
        self.ops.push(Operation { fixed: std::mem::take(&mut self.fixed), op });
    }

    fn string(&self, null: bool) -> Op {
        if self.flexible { Op::Compact(Compact { null, string: true, width: 1 }) } else { Op::Short { null } }
    }

    fn counted(&self, null: bool, width: u32) -> Op {
        match u16::try_from(width) {
            Ok(width) if self.flexible => Op::Compact(Compact { null, string: false, width }),
            _ => Op::Long { null, width },
        }
    }

    /// An array of structs.
    fn array(&mut self, element: Fields, null: bool, role: Option<Role>) {
        let at = self.begin_array(null, bytes_min(element, self.version, self.flexible).max(1), role);
        if role.is_none() {
            self.quick_elements(at, element);
        }
        self.fields(element);
        if self.flexible && role.is_none() {
            self.push(Op::TagsAndNext { start: at as u32 + 1 });
        }
        self.tags(element, false);
        if role.is_none() && self.ops.len() == at + 1 && self.fixed > 0 {
            // Every element takes as many bytes.
            let width = std::mem::take(&mut self.fixed);
            self.fixed = self.ops.pop().map_or(0, |array| array.fixed);
            let op = self.counted(null, width);
            return self.push(op);
        }
        self.end_array(at, role);
    }

    /// Elements of the array at `at` that can be passed over without a look at each operation, where these may be such.
    fn quick_elements(&mut self, at: usize, element: Fields) {
        let first = self.parts.len();
        // Entries of the message's own arrays mostly have such within, and are never passed over.
        let version = self.version;
        let within = |field: &Field| field.in_row(version) && matches!(field.kind, Kind::Array(_));
        let outermost = !self.path.contains('/') && element.iter().any(within);
        if self.flexible && !outermost && self.quick_parts(element).is_some() {
            // Records.
            let often_long = element.iter().any(|field| field.in_row(version) && matches!(field.kind, Kind::Bytes));
            if let Some(part) = self.parts.get_mut(first) {
                part.often_long = often_long;
            }
            let (first, parts) = (first as u32, (self.parts.len() - first) as u32);
            // The end is filled in where the array ends.
            if let Some(Operation { op, .. }) = self.ops.get_mut(at)
                && let Op::Array { null, least, .. } = *op
            {
                *op = Op::QuickArray { null, least, first, parts, end: 0 };
            }
            self.push(Op::Elements { first, parts, end: 0 });
        } else {
            self.parts.truncate(first);
        }
    }

    fn quick_parts(&mut self, element: Fields) -> Option<()> {
        let (here, version, mut fixed) = (self.path.len(), self.version, 0);
        for field in element.iter().filter(|field| field.in_row(version)) {
            let role = self.enter(field).filter(|role| self.wanted.roles.has(*role));
            self.path.truncate(here);
            let null = field.nullable.has(version);
            let least = u32::from(!null);
            let bytes =
                |string, width| (least, if string { TEXT_BYTES_MAX + 1 - least } else { u32::MAX - least }, width);
            let (least, span, width) = match (field.kind, role) {
                (Kind::Fixed(more), None) => {
                    fixed += more;
                    continue;
                }
                (Kind::String, None) => bytes(true, 1),
                (Kind::Bytes, None) => bytes(false, 1),
                (Kind::FixedArray(width), None) => bytes(false, width),
                // What is of interest, or has parts of its own, must not be there.
                (Kind::String | Kind::Bytes, Some(role)) if null && !self.wanted.nulls.has(role) => (0, 0, 0),
                (Kind::Array(_) | Kind::StringArray, None) => (least, 1 - least, 0),
                (Kind::Struct(_), _) | (_, Some(_)) => return None,
            };
            self.parts.push(Part::new(std::mem::take(&mut fixed), least, span, width));
        }
        // No tags.
        self.parts.push(Part::new(fixed, 0, 0, 0));
        Some(())
    }

    fn begin_array(&mut self, null: bool, least: u32, role: Option<Role>) -> usize {
        let at = self.ops.len();
        self.push(Op::Array { compact: self.flexible, null, least, end: 0, role });
        at
    }

    fn end_array(&mut self, at: usize, role: Option<Role>) {
        self.push(match role {
            None => Op::Next { start: at as u32 + 1 },
            Some(role) => Op::NextWithRole { start: at as u32 + 1, role },
        });
        let behind = self.ops.len() as u32;
        for Operation { op, .. } in self.ops.iter_mut().skip(at).take(2) {
            if let Op::Array { end, .. } | Op::QuickArray { end, .. } | Op::Elements { end, .. } = op
                && *end == 0
            {
                *end = behind;
            }
        }
        if let Some(role) = role {
            self.push(Op::ArrayEnd(role));
        }
    }

    fn tags(&mut self, fields: Fields, body: bool) {
        if !self.flexible {
            return;
        }
        let wanted = body && self.wanted.tags;
        self.push(Op::Tags { wanted });
        let (tag, version) = (self.ops.len() as u32, self.version);
        self.push(Op::Tag { body, wanted });
        for field in fields {
            let Some(number) = field.tag_in(version) else { continue };
            let (path, entries) = (self.path.clone(), self.entries);
            self.pending.push(Pending { tag, number, field: *field, path, entries });
        }
    }
}

/// The bytes of a field of fixed size; a role that covers several fields covers no others.
fn fixed_bytes(field: &Field) -> usize {
    match field.kind {
        Kind::Fixed(bytes) => bytes as usize,
        Kind::String | Kind::Bytes | Kind::FixedArray(_) | Kind::StringArray | Kind::Array(_) | Kind::Struct(_) => 0,
    }
}

#[cfg(test)]
mod tests;
