//! Ids of what a configuration names: small, the same for the same name as long as the process lives, and never another's.
//!
//! Owns the one list of names, behind a lock: ids are made where a configuration is checked, never by a shard.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

/// The number of each name that ever stood in a configuration, whatever it named there. More names than numbers would not fit
/// into memory.
static NUMBERS: LazyLock<Mutex<HashMap<Box<str>, u32>>> = LazyLock::new(Mutex::default);

fn number(name: &str) -> u32 {
    let mut numbers = NUMBERS.lock().unwrap_or_else(PoisonError::into_inner);
    let next = numbers.len() as u32;
    match numbers.get(name) {
        Some(number) => *number,
        None => *numbers.entry(name.into()).or_insert(next),
    }
}

macro_rules! ids {
    ($(#[doc = $doc:literal] $id:ident;)*) => {$(
        #[doc = $doc]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $id(u32);

        impl $id {
            /// The id of this name: the same at each reload, and no other name's. Takes a lock.
            pub fn of(name: &str) -> $id {
                $id(number(name))
            }
        }
    )*};
}

ids! {
    /// A listener.
    ListenerId;
    /// A backend cluster.
    BackendId;
    /// A virtual cluster.
    VirtualClusterId;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_id_and_no_two_names_share_one() {
        let names: Vec<String> = (0..100).map(|number| format!("ids-{number}")).collect();
        let ids = || names.iter().map(|name| BackendId::of(name)).collect::<Vec<_>>();
        let first = ids();
        let elsewhere = std::thread::scope(|scope| scope.spawn(ids).join().unwrap());
        assert_eq!(first, elsewhere);
        let mut distinct = first.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!(distinct.len(), names.len());
        assert_eq!((ids(), size_of::<BackendId>()), (first, 4));
    }
}
