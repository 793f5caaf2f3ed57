//! What is marked in the shapes of a namespaced virtual cluster's messages.

use super::super::shape::{Fields, Marks, text};

/// Marks of names, and of whatever else a namespace must look at. One type for both directions.
#[derive(Clone, Copy, Debug)]
pub struct NameMarks;

/// A marked value of fixed size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameLeaf {
    /// Request: Produce's acks; with 0 no response will come.
    Acks,
    /// Request: forced to -1, whoever asks (Fetch, ListOffsets, OffsetForLeaderEpoch).
    ReplicaId,
    /// Request: FindCoordinator's key type (int8), behind the key in v1-3 and before the keys in v4+.
    KeyType,
    /// Request: the resource type (int8) before a resource's name.
    ResourceType,
    /// Request: Metadata's allow_auto_topic_creation.
    AutoCreate,
    /// Request and response: a topic id.
    TopicId,
    /// Request: Fetch's session id and epoch (eight bytes in a row). Response: the session id (four bytes).
    FetchSession,
    /// Response: an error code of the whole response, or of an entry with no name of its own.
    Error,
    /// Response: an error code of the nearest enclosing entry with a name, standing before or behind that name.
    EntryError,
    /// Response: authorized operations, shown as "not asked for" (INT32_MIN).
    AuthorizedOperations,
    /// Response: the resource type (int8) before a resource's name.
    ShownResourceType,
}

/// A marked string or blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameText {
    /// A topic that is used (produced to, fetched, described).
    Topic,
    /// Request: a topic that is to be created.
    CreatedTopic,
    /// Request: a topic that is to be changed or deleted: additional ones may not be.
    ChangedTopic,
    /// A group where "" is an old, legal one (OffsetCommit, OffsetFetch, DescribeGroups, DeleteGroups, FindCoordinator).
    Group,
    /// A group where the backend refuses "".
    GroupNotEmpty,
    /// A transactional id; null stays null.
    TransactionalId,
    /// FindCoordinator's key: what it names is told by the key type.
    CoordinatorKey,
    /// The name of a resource: what it names is told by the resource type before it.
    Resource,
    /// Response: free text, which may hold physical names.
    Message,
    /// Response: the cluster id.
    ClusterId,
    /// The protocol type of a group, for the blobs behind it.
    ProtocolType,
    /// A blob with a ConsumerProtocolSubscription, where the protocol type is "consumer".
    Subscription,
    /// A blob with a ConsumerProtocolAssignment, where the protocol type is "consumer".
    Assignment,
    /// Request: a regular expression over transactional ids: never forwarded.
    Pattern,
}

/// A marked array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameArray {
    /// Response: an element whose own name is not of this virtual cluster is left out.
    Entries,
}

impl Marks for NameMarks {
    type Leaf = NameLeaf;
    type Text = NameText;
    type Array = NameArray;
    const TAGS_TOLD: bool = false;
    const TEXT: Fields<Self> = &[text("element")];
}
