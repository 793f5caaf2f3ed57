//! Descriptors: as many as the hard limit allows, and a sentence before they run out.
//!
//! Owns the check. Children inherit the limit.

use crate::error::{Context, Error, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that are needed besides those of connections.
const BESIDES: u64 = 200;

/// Raises the soft limit to the hard one.
pub fn raise(connections: usize) -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })
        .doing("cannot raise the number of descriptors")?;
    check(connections, limit.maximum)
}

fn check(connections: usize, maximum: Option<u64>) -> Result<()> {
    let needed = 2 * u64::try_from(connections).unwrap_or(u64::MAX / 4) + BESIDES;
    match maximum {
        Some(maximum) if maximum < needed => {
            Err(Error::new(format!("{needed} descriptors are needed, the hard limit is {maximum}"))
                .try_this("Raise it (ulimit -Hn) or take fewer --connections."))
        }
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_few_are_an_error_with_both_numbers() {
        assert!(check(1000, Some(4096)).is_ok());
        assert!(check(1000, None).is_ok());
        let error = check(2000, Some(4096)).unwrap_err();
        assert!(error.what().contains("4200 descriptors are needed, the hard limit is 4096"), "{error}");
    }
}
