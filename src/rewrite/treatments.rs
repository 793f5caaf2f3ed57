//! What is done to each message, decided once for the process: which roles its edits want to see, and how its length changes.
//!
//! Owns the meeting of the rules with the layouts. May not look at a frame.

use std::sync::LazyLock;

use super::engine::patch::{COPIED_BYTES_MAX, COPIED_BYTES_MAX_BETWEEN_RECORDS};
use super::rules::{Hold, NamespaceRule, RequestRule, ResponseRule, Rule, rule};
use crate::wire::{APIS, Api, Direction, Plan, Role, Roles, Scan, Wanted, key, scan};

/// Of requests that name nobody's things: what is read in passing, or checked.
const READ: Roles = Roles::of(&[Role::Acks, Role::ClientSoftware]);

/// Everything that names a node by address, or decides what is told of one.
const ADDRESSES: Roles = Roles::of(&[
    Role::Brokers,
    Role::NodeEndpoints,
    Role::ControllerNodes,
    Role::BrokerId,
    Role::CoordinatorId,
    Role::EndpointId,
    Role::Host,
    Role::Port,
    Role::EndpointRack,
    Role::ErrorBeforeCoordinator,
    Role::ErrorAfterCoordinator,
    Role::ControllerId,
    Role::PartitionLeader,
    Role::PreferredReplica,
]);

/// Everything in a request that a namespace must look at.
const NAMES_IN: Roles = Roles::of(&[
    Role::Topic,
    Role::CreatedTopic,
    Role::ChangedTopic,
    Role::TopicId,
    Role::Group,
    Role::GroupNotEmpty,
    Role::TransactionalId,
    Role::CoordinatorKey,
    Role::KeyType,
    Role::ResourceType,
    Role::ResourceName,
    Role::TransactionalIdPattern,
    Role::Acks,
    Role::ReplicaId,
    Role::AutoCreate,
    Role::FetchSession,
    Role::ProtocolType,
    Role::Subscription,
    Role::Assignment,
    Role::ClusterId,
]);

/// Everything in a response that a namespace must look at.
const NAMES_OUT: Roles = Roles::of(&[
    Role::Topic,
    Role::TopicId,
    Role::Group,
    Role::TransactionalId,
    Role::CoordinatorKey,
    Role::ResourceType,
    Role::ResourceName,
    Role::FetchSession,
    Role::ProtocolType,
    Role::Subscription,
    Role::Assignment,
    Role::ClusterId,
    Role::Error,
    Role::EntryError,
    Role::ErrorBeforeCoordinator,
    Role::ErrorAfterCoordinator,
    Role::ErrorMessage,
    Role::AuthorizedOperations,
    Role::Entries,
]);

/// What means nothing where all names are what they should be: own ones, none of which was refused.
const ONLY_OF_OTHERS: Roles = Roles::of(&[Role::Error, Role::EntryError, Role::TopicId, Role::Entries]);

/// What names nodes by id alone, and all of them stand among the brokers.
const ONLY_WHERE_BROKERS_ARE_HIDDEN: Roles = Roles::of(&[Role::ControllerId, Role::PartitionLeader]);

/// How the length of a message changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// Not at all.
    Same,
    /// By as much for each topic: it is known at their count.
    ByTopics,
    /// Up to the end of the brokers.
    UntilBrokers,
    /// Anywhere: all of the message is held first.
    Anywhere,
}

/// What is done to one message in one version.
pub struct Treatment {
    /// The walk through it.
    pub plan: Plan,
    /// A walk that looks at less, and is enough for most messages that are whole.
    pub quick: Option<Plan>,
    /// One look in straight code, which is enough for most messages that are whole.
    pub scan: Option<Scan>,
    /// The walk behind the brokers, where each of them has an address for the client.
    pub behind_brokers: Option<Plan>,
    /// How its length changes.
    pub length: Length,
    /// As many bytes as these are copied where they stay.
    pub copied_bytes_max: usize,
    /// Every topic in it takes, or loses, the same prefix, whatever it is.
    pub uniform: bool,
    /// Nothing in it is of interest but error codes.
    pub only_errors: bool,
    /// Its version is flexible.
    pub flexible: bool,
}

/// Which names a virtual cluster's clients use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// Those of the backend.
    Physical,
    /// Its own, and every topic takes the same prefix.
    Uniform,
    /// Its own.
    Virtual,
}

/// What is done to a request; `None`: nothing.
#[inline(always)]
pub fn of_request(names: Names, key: i16, version: i16) -> Option<&'static Treatment> {
    get(&TREATMENTS, names as usize * 2, key, version)
}

/// What is done to a response; `None`: nothing.
#[inline(always)]
pub fn of_response(names: Names, key: i16, version: i16) -> Option<&'static Treatment> {
    get(&TREATMENTS, names as usize * 2 + 1, key, version)
}

/// Makes all of them; else the first frame that needs one would.
pub fn prepare() {
    LazyLock::force(&TREATMENTS);
}

/// By names and direction, then by key, then by version.
type Table = [Box<[Box<[Option<Treatment>]>]>; 6];

static TREATMENTS: LazyLock<Table> = LazyLock::new(|| {
    let table = |names, direction| {
        let versions = |api: &Api| {
            let row = rule(api.key);
            let one = |version| {
                row.filter(|row| row.serves(version)).and_then(|row| made(row, api, names, direction, version))
            };
            (0..=api.versions.last).map(one).collect()
        };
        let of = |key| crate::wire::api(key).map_or_else(Box::default, versions);
        (0..=APIS.iter().map(|api| api.key).max().unwrap_or(0)).map(of).collect()
    };
    let both = |names| [table(names, Direction::Request), table(names, Direction::Response)];
    let ([a, b], [c, d], [e, f]) = (both(Names::Physical), both(Names::Uniform), both(Names::Virtual));
    [a, b, c, d, e, f]
});

#[inline(always)]
fn get(table: &'static Table, at: usize, key: i16, version: i16) -> Option<&'static Treatment> {
    table.get(at)?.get(usize::from(key as u16))?.get(usize::from(version as u16))?.as_ref()
}

fn made(row: &Rule, api: &Api, names: Names, direction: Direction, version: i16) -> Option<Treatment> {
    let named = match row.named {
        NamespaceRule::Served(max) => version <= max,
        NamespaceRule::Untouched | NamespaceRule::Disabled | NamespaceRule::Refused | NamespaceRule::Closed => false,
    };
    match (names, direction) {
        (Names::Physical, Direction::Request) => plain_request(row, api, version),
        (_, Direction::Request) if named => Some(request(row, api, version, names)),
        (_, Direction::Request) if row.named == NamespaceRule::Untouched => plain_request(row, api, version),
        (Names::Physical, Direction::Response) => plain_response(row, api, version),
        (_, Direction::Response) if named => Some(response(row, api, version, names)),
        _ => None,
    }
}

fn treatment(api: &Api, direction: Direction, version: i16, wanted: Wanted, length: Length) -> Treatment {
    let plan = Plan::message(api, direction, version, wanted);
    let only_errors = plan.roles().are_among(Roles::of(&[Role::Error]));
    let copied_bytes_max = match (length, api.key, direction) {
        (Length::Same, ..) => 0,
        (_, key::PRODUCE, Direction::Request) | (_, key::FETCH, Direction::Response) => {
            COPIED_BYTES_MAX_BETWEEN_RECORDS
        }
        _ => COPIED_BYTES_MAX,
    };
    let flexible = version >= api.flexible_from;
    let uniform = false;
    Treatment {
        plan,
        quick: None,
        scan: None,
        behind_brokers: None,
        length,
        copied_bytes_max,
        uniform,
        only_errors,
        flexible,
    }
}

fn plain_request(row: &Rule, api: &Api, version: i16) -> Option<Treatment> {
    match row.request {
        RequestRule::Check | RequestRule::ReadAcks | RequestRule::Answer => {
            Some(treatment(api, Direction::Request, version, Wanted::all(READ), Length::Same))
        }
        RequestRule::Forward => None,
    }
}

fn plain_response(row: &Rule, api: &Api, version: i16) -> Option<Treatment> {
    let hold = addressed(row, version)?;
    let length = match hold {
        Hold::Nothing => Length::Same,
        Hold::UntilBrokers => Length::UntilBrokers,
        Hold::Whole => Length::Anywhere,
    };
    let wanted = Wanted { tags: hold == Hold::Nothing, ..Wanted::all(ADDRESSES) };
    let mut treatment = treatment(api, Direction::Response, version, wanted, length);
    if hold == Hold::Nothing && treatment.plan.roles_outside_tags() == Roles::NONE {
        // Nodes are named in tags of the body alone, which there seldom are: it shows in passing.
        treatment.quick = Some(Plan::message(api, Direction::Response, version, Wanted::all(Roles::NONE)));
        treatment.scan = scan(row.key, Direction::Response, version);
    }
    Some(treatment)
}

/// Of a namespace. Null is no name, and stays what it is.
fn request(row: &Rule, api: &Api, version: i16, names: Names) -> Treatment {
    let wanted = Wanted { nulls: Roles::NONE, usual: false, ..Wanted::all(NAMES_IN) };
    let uniform = is_uniform(row, names);
    let scan = if uniform { scan(row.key, Direction::Request, version) } else { None };
    if !uniform || row.key != key::PRODUCE {
        // Fetch requests are small, and never stream.
        return Treatment { scan, uniform, ..treatment(api, Direction::Request, version, wanted, Length::Anywhere) };
    }
    // Entries say how many topics there are: what is whole need not know it.
    let counted = Wanted { roles: NAMES_IN.and(Roles::of(&[Role::Entries])), ..wanted };
    let quick = Some(Plan::message(api, Direction::Request, version, wanted));
    Treatment { quick, scan, uniform, ..treatment(api, Direction::Request, version, counted, Length::ByTopics) }
}

fn response(row: &Rule, api: &Api, version: i16, names: Names) -> Treatment {
    let hold = addressed(row, version);
    let roles = if hold.is_some() { NAMES_OUT.and(ADDRESSES) } else { NAMES_OUT };
    let message = |roles: Roles| {
        let nulls = roles.without(Roles::of(&[Role::ErrorMessage]));
        Plan::message(api, Direction::Response, version, Wanted { roles, nulls, tags: false, usual: false })
    };
    let uniform = is_uniform(row, names);
    let length = if uniform && row.key == key::FETCH { Length::ByTopics } else { Length::Anywhere };
    let wanted = Wanted { tags: hold == Some(Hold::Nothing), usual: false, ..Wanted::all(roles) };
    let mut treatment = treatment(api, Direction::Response, version, wanted, length);
    // Where no name was refused, error codes are shown as they are, and mean something beside a message alone; where none is
    // foreign, no entry is left out; and nodes that are named in tags of the body alone show in passing.
    let quick = if hold == Some(Hold::Nothing) { NAMES_OUT } else { roles }.without(ONLY_OF_OTHERS);
    treatment.uniform = uniform;
    treatment.scan = if uniform { scan(row.key, Direction::Response, version) } else { None };
    treatment.quick = Some(message(quick));
    if hold == Some(Hold::UntilBrokers) {
        treatment.behind_brokers = Some(message(quick.without(ONLY_WHERE_BROKERS_ARE_HIDDEN)));
    }
    treatment
}

/// Names of topics that there may not be are the backend's to refuse in the two APIs that carry records: their frames stream,
/// and a check of each name costs.
fn is_uniform(row: &Rule, names: Names) -> bool {
    names == Names::Uniform && matches!(row.key, key::PRODUCE | key::FETCH)
}

/// How nodes are named in a response, where it is walked for them.
fn addressed(row: &Rule, version: i16) -> Option<Hold> {
    match row.response {
        ResponseRule::Walk(from, hold) if version >= from => Some(hold),
        ResponseRule::Walk(..) | ResponseRule::Forward | ResponseRule::Own => None,
    }
}

#[cfg(test)]
mod tests;
