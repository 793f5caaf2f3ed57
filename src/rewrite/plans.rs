//! All plans, made once for the process: for each purpose the roles at which its walk stops.
//!
//! Owns which roles each direction wants to see. May not look at a frame.

use std::sync::LazyLock;

use super::rules::{Hold, NamedRule, RequestRule, ResponseRule, Rule, rule};
use crate::wire::{APIS, Api, Direction, Plan, Role, Roles, Wanted, key};

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

/// What means nothing where all names are what they should be.
const ONLY_OF_REFUSALS: Roles = Roles::of(&[Role::EntryError, Role::Entries]);

/// What of a frame that streams must be looked at.
const STREAMED: Roles = Roles::of(&[Role::Acks, Role::TransactionalId, Role::FetchSession, Role::Entries, Role::Topic]);

/// Requests whose structure is looked at.
pub static REQUESTS: LazyLock<Plans> = LazyLock::new(|| {
    of_rows(|rule, api, version| match rule.request {
        RequestRule::Check | RequestRule::ReadAcks | RequestRule::Answer => {
            Some(Plan::message(api, Direction::Request, version, Wanted::all(READ)))
        }
        RequestRule::Forward => None,
    })
});

/// Responses that name nodes.
pub static RESPONSES: LazyLock<Plans> = LazyLock::new(|| {
    of_rows(|rule, api, version| match rule.response {
        ResponseRule::Walk(from, _) if version >= from => {
            let wanted = Wanted { tags: true, ..Wanted::all(ADDRESSES) };
            Some(Plan::message(api, Direction::Response, version, wanted))
        }
        ResponseRule::Walk(..) | ResponseRule::Forward | ResponseRule::Own => None,
    })
});

/// Requests of a namespace. Null is no name, and stays what it is.
pub static NAMED_REQUESTS: LazyLock<Plans> = LazyLock::new(|| {
    let wanted = Wanted { nulls: Roles::NONE, ..Wanted::all(NAMES_IN) };
    of_namespaces(Direction::Request, wanted)
});

/// Responses of a namespace.
pub static NAMED_RESPONSES: LazyLock<Plans> =
    LazyLock::new(|| of_namespaces(Direction::Response, Wanted::all(NAMES_OUT)));

/// The same, where no name was refused and none is left out.
pub static QUIET_RESPONSES: LazyLock<Plans> = LazyLock::new(|| {
    let roles = NAMES_OUT.without(ONLY_OF_REFUSALS);
    let nulls = roles.without(Roles::of(&[Role::ErrorMessage]));
    of_namespaces(Direction::Response, Wanted { nulls, ..Wanted::all(roles) })
});

/// Responses that name nodes in the body's tags alone: where there are no tags, nothing is to be done.
pub static ADDRESSES_IN_TAGS: LazyLock<Plans> = LazyLock::new(|| {
    of_rows(|rule, api, version| {
        let ResponseRule::Walk(_, Hold::Nothing) = rule.response else { return None };
        let in_rows = RESPONSES.get(api.key, version)?.roles_outside_tags();
        let passed_over = || Plan::message(api, Direction::Response, version, Wanted::all(Roles::NONE));
        (in_rows == Roles::NONE).then(passed_over)
    })
});

/// Metadata responses up to the end of the brokers.
pub static METADATA_FRONTS: LazyLock<Plans> = LazyLock::new(|| {
    Plans::new(|api, version| {
        (api.key == key::METADATA).then(|| Plan::front(api, Direction::Response, version, "Brokers"))
    })
});

/// Frames of a namespace that stream: requests where they are Produce, responses where they are Fetch.
pub static STREAMS: LazyLock<Plans> = LazyLock::new(|| {
    Plans::new(|api, version| {
        let direction = match api.key {
            key::PRODUCE => Direction::Request,
            key::FETCH => Direction::Response,
            _ => return None,
        };
        Some(Plan::message(api, direction, version, Wanted::all(STREAMED)))
    })
});

/// A request's header for itself, in versions that are not flexible and in those that are.
pub static HEADERS: LazyLock<[Plan; 2]> = LazyLock::new(|| [false, true].map(Plan::request_header));

/// Makes all of them; else the first frame that needs one would.
pub fn prepare() {
    LazyLock::force(&REQUESTS);
    LazyLock::force(&RESPONSES);
    LazyLock::force(&NAMED_REQUESTS);
    LazyLock::force(&NAMED_RESPONSES);
    LazyLock::force(&QUIET_RESPONSES);
    LazyLock::force(&ADDRESSES_IN_TAGS);
    LazyLock::force(&METADATA_FRONTS);
    LazyLock::force(&STREAMS);
    LazyLock::force(&HEADERS);
}

/// The plans of one direction and purpose, for each API in each version that has one.
pub struct Plans {
    /// By key.
    all: Box<[Versions]>,
}

/// The plans of one API, by version.
type Versions = Box<[Option<Plan>]>;

impl Plans {
    /// Those that `make` has something for.
    fn new(make: impl Fn(&Api, i16) -> Option<Plan>) -> Plans {
        let versions = |api: &Api| {
            let plan = |version| if api.versions.has(version) { make(api, version) } else { None };
            (0..=api.versions.last).map(plan).collect()
        };
        let of = |key| crate::wire::api(key).map_or_else(Box::default, versions);
        let keys = APIS.iter().map(|api| api.key).max().unwrap_or(0);
        Plans { all: (0..=keys).map(of).collect() }
    }

    /// That of one version of an API.
    #[inline]
    pub fn get(&self, key: i16, version: i16) -> Option<&Plan> {
        let versions = self.all.get(usize::try_from(key).ok()?)?;
        versions.get(usize::try_from(version).ok()?)?.as_ref()
    }
}

fn of_rows(make: impl Fn(&Rule, &Api, i16) -> Option<Plan>) -> Plans {
    Plans::new(|api, version| make(rule(api.key)?, api, version))
}

/// Of the versions that a namespace serves: where a higher one has topic ids in place of names, there is no plan.
fn of_namespaces(direction: Direction, wanted: Wanted) -> Plans {
    of_rows(|rule, api, version| match rule.named {
        NamedRule::Served(max) if version <= max => Some(Plan::message(api, direction, version, wanted)),
        NamedRule::Served(_) | NamedRule::Untouched | NamedRule::Disabled | NamedRule::Refused | NamedRule::Closed => {
            None
        }
    })
}
