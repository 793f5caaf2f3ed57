//! Growing a buffer by what came over a connection: where the machine has no memory for that, one session ends, and not the
//! process.

use std::io;

use crate::metrics::Cause;

/// The machine gives no more memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoMemory;

impl From<NoMemory> for Cause {
    fn from(NoMemory: NoMemory) -> Cause {
        Cause::MemoryBudget
    }
}

impl From<NoMemory> for io::Error {
    fn from(NoMemory: NoMemory) -> io::Error {
        io::ErrorKind::OutOfMemory.into()
    }
}

/// Appends bytes.
///
/// # Errors
///
/// There is no memory for them; nothing was appended.
#[inline]
pub fn append(into: &mut Vec<u8>, bytes: &[u8]) -> Result<(), NoMemory> {
    make_room(into, bytes.len())?;
    into.extend_from_slice(bytes);
    Ok(())
}

/// Makes room for so many bytes more.
///
/// # Errors
///
/// There is no memory for them.
#[inline]
pub fn make_room(into: &mut Vec<u8>, bytes: usize) -> Result<(), NoMemory> {
    into.try_reserve(bytes).map_err(|_| NoMemory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_machine_has_is_refused() {
        let mut bytes = Vec::new();
        assert_eq!(append(&mut bytes, b"abc"), Ok(()));
        assert_eq!(make_room(&mut bytes, isize::MAX as usize - 3), Err(NoMemory));
        assert_eq!((bytes.as_slice(), Cause::from(NoMemory)), (b"abc".as_slice(), Cause::MemoryBudget));
    }
}
