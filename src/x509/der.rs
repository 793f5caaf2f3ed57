//! Distinguished Encoding Rules: one element after the other.
//!
//! Reads what certificates use: tags of one byte, definite lengths. Everything else is no element.

/// Tags, as they stand in the first byte.
pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OID: u8 = 0x06;
pub(super) const UTC_TIME: u8 = 0x17;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// One element: its tag, its content, and all of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Element<'d> {
    pub tag: u8,
    pub content: &'d [u8],
    pub whole: &'d [u8],
}

/// The elements of `bytes`, in turn.
#[derive(Clone, Debug)]
pub(super) struct Elements<'d>(pub &'d [u8]);

impl<'d> Elements<'d> {
    /// The next element; `None` where the bytes hold no whole one.
    pub fn any(&mut self) -> Option<Element<'d>> {
        /// A tag number of 31 says that more bytes of it follow.
        const LONG_TAG: u8 = 0x1f;
        let (&tag, rest) = self.0.split_first()?;
        if tag & LONG_TAG == LONG_TAG {
            return None;
        }
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x83 => {
                let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
            }
            // Without a definite length, or above 16 MiB.
            _ => return None,
        };
        let (content, behind) = rest.split_at_checked(length)?;
        let whole = self.0.get(..self.0.len() - behind.len())?;
        self.0 = behind;
        Some(Element { tag, content, whole })
    }

    /// The content of the next element, which must have this tag.
    pub fn of(&mut self, tag: u8) -> Option<&'d [u8]> {
        self.any().filter(|element| element.tag == tag).map(|element| element.content)
    }

    /// The content of the next element where it has this tag; else nothing is taken.
    pub fn optional(&mut self, tag: u8) -> Option<&'d [u8]> {
        let found = self.0.first() == Some(&tag);
        found.then(|| self.of(tag)).flatten()
    }

    /// Whether all bytes were taken.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_read_in_turn_and_never_beyond_the_bytes() {
        let bytes = [0x02, 1, 5, 0x04, 0x81, 2, 7, 8, 0x30, 0];
        let mut elements = Elements(&bytes);
        assert_eq!(elements.optional(SEQUENCE), None);
        assert_eq!(elements.of(INTEGER), Some([5].as_slice()));
        let octets = elements.any().unwrap();
        assert_eq!((octets.tag, octets.content, octets.whole), (OCTET_STRING, [7, 8].as_slice(), &bytes[3..8]));
        assert_eq!(elements.of(SEQUENCE), Some([].as_slice()));
        assert!(elements.is_empty() && elements.any().is_none());
        for broken in
            [&[0x30, 1][..], &[0x30, 0x80, 0, 0], &[0x1f, 1, 0], &[0x30, 0x84, 0, 0, 0, 1, 0], &[0x30, 0x82, 1]]
        {
            assert_eq!(Elements(broken).any(), None, "{broken:x?}");
        }
    }
}
