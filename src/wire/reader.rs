//! Reads small whole things as Kafka encodes them: an answer to a request of our own, a request that is refused, a blob of
//! the consumer protocol.
//!
//! Owns the place, and every bound: a length or a count is checked against the bytes that are left before it is used, so
//! that nothing is allocated for what is not there. May not know what is read, nor what an error means to who reads. Frames
//! that come in pieces, or are large, are walked (`cursor`).

use super::cursor::TEXT_BYTES_MAX;
use super::varint::{Varint, read_varint};

/// Why bytes cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// They end within a value.
    Cut,
    /// A string of more bytes than Kafka's readers take, 32,767.
    TooLong,
    /// More elements or tags than can stand in what is left.
    TooMany,
    /// A null where none may be.
    Null,
    /// A length or a count below that of null, -1.
    Negative,
    /// A varint of more than 32 bits.
    Varint,
    /// More bytes behind the last value.
    Trailing,
}

/// What is left to read. A copy goes on from the same place.
///
/// # Errors
///
/// Everything that reads fails with the first [`ReadError`] that it meets, or with what it was given to read an element with;
/// after that the place means nothing.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    flexible: bool,
}

impl<'a> Reader<'a> {
    /// Begins at the first of these bytes. In `flexible` versions (KIP-482) lengths and counts are compact, and structs end
    /// with tags.
    pub fn new(bytes: &'a [u8], flexible: bool) -> Reader<'a> {
        Reader { rest: bytes, flexible }
    }

    /// The bytes that were not read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether all was read.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Nothing may be left.
    pub fn end(&self) -> Result<(), ReadError> {
        if self.is_empty() { Ok(()) } else { Err(ReadError::Trailing) }
    }

    /// The next so many bytes.
    pub fn take(&mut self, bytes: usize) -> Result<&'a [u8], ReadError> {
        let (taken, rest) = self.rest.split_at_checked(bytes).ok_or(ReadError::Cut)?;
        self.rest = rest;
        Ok(taken)
    }

    /// The bytes that `read` takes, lengths and counts included.
    pub fn raw<T>(
        &mut self,
        read: impl FnOnce(&mut Reader<'a>) -> Result<T, ReadError>,
    ) -> Result<&'a [u8], ReadError> {
        let mut ahead = *self;
        read(&mut ahead)?;
        self.take(self.rest.len() - ahead.rest.len())
    }

    /// An int8, or a boolean, which is not 0 where it holds.
    pub fn i8(&mut self) -> Result<i8, ReadError> {
        self.fixed().map(i8::from_be_bytes)
    }

    /// An int16.
    pub fn i16(&mut self) -> Result<i16, ReadError> {
        self.fixed().map(i16::from_be_bytes)
    }

    /// An int32.
    pub fn i32(&mut self) -> Result<i32, ReadError> {
        self.fixed().map(i32::from_be_bytes)
    }

    /// An int64.
    pub fn i64(&mut self) -> Result<i64, ReadError> {
        self.fixed().map(i64::from_be_bytes)
    }

    /// A UUID.
    pub fn uuid(&mut self) -> Result<[u8; 16], ReadError> {
        self.fixed()
    }

    /// An unsigned varint.
    pub fn varint(&mut self) -> Result<u32, ReadError> {
        match read_varint(self.rest) {
            Varint::Value(value, bytes) => self.take(bytes).map(|_| value),
            Varint::Incomplete => Err(ReadError::Cut),
            Varint::Invalid => Err(ReadError::Varint),
        }
    }

    /// A string that is not null; whether it is UTF-8 is not looked at.
    pub fn string(&mut self) -> Result<&'a [u8], ReadError> {
        self.nullable_string()?.ok_or(ReadError::Null)
    }

    /// A string; `None` is null.
    pub fn nullable_string(&mut self) -> Result<Option<&'a [u8]>, ReadError> {
        match self.length(|reader| reader.i16().map(i32::from))? {
            Some(length) if length > TEXT_BYTES_MAX => Err(ReadError::TooLong),
            length => self.body(length),
        }
    }

    /// Bytes that are not null.
    pub fn bytes(&mut self) -> Result<&'a [u8], ReadError> {
        self.nullable_bytes()?.ok_or(ReadError::Null)
    }

    /// Bytes; `None` is null.
    pub fn nullable_bytes(&mut self) -> Result<Option<&'a [u8]>, ReadError> {
        let length = self.length(Reader::i32)?;
        self.body(length)
    }

    /// The count of an array that is not null, whose elements take `least` bytes each, or more.
    pub fn count(&mut self, least: usize) -> Result<u32, ReadError> {
        self.nullable_count(least)?.ok_or(ReadError::Null)
    }

    /// The count of an array whose elements take `least` bytes each, or more; `None` is null.
    pub fn nullable_count(&mut self, least: usize) -> Result<Option<u32>, ReadError> {
        let count = self.length(Reader::i32)?;
        count.map(|count| self.bounded(count, least)).transpose()
    }

    /// An array that is not null, each element read by `each` and of `least` bytes or more.
    pub fn array<T, E: From<ReadError>>(
        &mut self,
        least: usize,
        mut each: impl FnMut(&mut Reader<'a>) -> Result<T, E>,
    ) -> Result<Vec<T>, E> {
        (0..self.count(least)?).map(|_| each(self)).collect()
    }

    /// The elements of an array that is not null, `size` bytes each.
    pub fn fixed_array(&mut self, size: usize) -> Result<&'a [u8], ReadError> {
        let count = self.count(size)?;
        self.take(count as usize * size)
    }

    /// Gives each tag of a struct to `each`, by its number and its content; not in a flexible version, there are none.
    pub fn tags<E: From<ReadError>>(
        &mut self,
        mut each: impl FnMut(u32, Reader<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        let count = if self.flexible { self.varint()? } else { 0 };
        // Number and size take a byte each.
        for _ in 0..self.bounded(count, 2)? {
            let (number, size) = (self.varint()?, self.varint()?);
            each(number, Reader { rest: self.take(size as usize)?, ..*self })?;
        }
        Ok(())
    }

    /// Steps over the tags of a struct.
    pub fn skip_tags(&mut self) -> Result<(), ReadError> {
        self.tags(|_, _| Ok(()))
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], ReadError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(ReadError::Cut)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// A length or a count, which `classic` reads where it is not compact; `None` is null.
    fn length(&mut self, classic: fn(&mut Self) -> Result<i32, ReadError>) -> Result<Option<u32>, ReadError> {
        if self.flexible {
            return Ok(self.varint()?.checked_sub(1));
        }
        match classic(self)? {
            -1 => Ok(None),
            length => u32::try_from(length).map(Some).map_err(|_| ReadError::Negative),
        }
    }

    fn body(&mut self, length: Option<u32>) -> Result<Option<&'a [u8]>, ReadError> {
        length.map(|length| self.take(length as usize)).transpose()
    }

    fn bounded(&self, count: u32, least: usize) -> Result<u32, ReadError> {
        let bytes = (count as usize).checked_mul(least).filter(|bytes| *bytes <= self.rest.len());
        bytes.map(|_| count).ok_or(ReadError::TooMany)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each kind of value, in the order of [`read`].
    fn message(flexible: bool) -> Vec<u8> {
        let numbers = [&[0xff][..], &[0x12, 0x34], &[0xff; 4], &[0, 0, 0, 0, 0, 0, 0, 9], &[7; 16]].concat();
        let rest: [&[u8]; 7] = if flexible {
            [&[2, b's'], &[0], &[3, 1, 2], &[0], &[3, 0, 5, 0, 0, 6, 1, 9, 0], &[2, 8, 8], &[2, 0, 1, 0xaa, 0x80, 1, 0]]
        } else {
            [
                &[0, 1, b's'],
                &[0xff; 2],
                &[0, 0, 0, 2, 1, 2],
                &[0xff; 4],
                &[0, 0, 0, 2, 0, 5, 0, 6],
                &[0, 0, 0, 1, 8, 8],
                &[],
            ]
        };
        [numbers, rest.concat()].concat()
    }

    fn read(bytes: &[u8], flexible: bool) -> Result<(), ReadError> {
        let mut reader = Reader::new(bytes, flexible);
        assert_eq!((reader.i8()?, reader.i16()?, reader.i32()?, reader.i64()?), (-1, 0x1234, -1, 9));
        assert_eq!(reader.uuid()?, [7; 16]);
        assert_eq!((reader.string()?, reader.nullable_string()?), (&b"s"[..], None));
        assert_eq!((reader.bytes()?, reader.nullable_bytes()?), (&[1, 2][..], None));
        let elements = reader.array(2, |reader| {
            let element = reader.i16()?;
            reader.skip_tags().map(|()| element)
        });
        assert_eq!(elements?, [5, 6]);
        let before = reader.rest();
        let raw = reader.raw(|reader| reader.fixed_array(2))?;
        assert!(before.starts_with(raw) && raw.ends_with(&[8, 8]) && before.len() == raw.len() + reader.rest().len());
        let mut tags = Vec::new();
        reader.tags(|number, content| {
            tags.push((number, content.rest()));
            Ok::<_, ReadError>(())
        })?;
        assert_eq!(tags, if flexible { vec![(0, &[0xaa][..]), (128, &[])] } else { vec![] });
        reader.end()
    }

    #[test]
    fn what_is_whole_is_read_and_each_cut_is_an_error() {
        for flexible in [false, true] {
            let mut bytes = message(flexible);
            assert_eq!(read(&bytes, flexible), Ok(()));
            for cut in 0..bytes.len() {
                let error = read(&bytes[..cut], flexible).unwrap_err();
                assert!(matches!(error, ReadError::Cut | ReadError::TooMany), "cut at {cut}: {error:?}");
            }
            bytes.push(0);
            assert_eq!(read(&bytes, flexible), Err(ReadError::Trailing));
        }
    }

    #[test]
    fn what_is_beyond_the_end_is_refused_before_it_is_used() {
        use ReadError::{Cut, Negative, TooLong, TooMany, Varint};
        let never = |_: &mut Reader<'_>| -> Result<(), ReadError> { unreachable!("no element is read") };
        let compact: [(&[u8], _); 3] = [(&[5, 0, 0, 0], TooMany), (&[0xff; 5], Varint), (&[0xff; 2], Cut)];
        let classic: [(&[u8], _); 3] =
            [(&[0, 0, 0, 4, 0, 0, 0], TooMany), (&[0x80, 0, 0, 0], Negative), (&[0, 0, 0], Cut)];
        for (flexible, cases) in [(true, compact), (false, classic)] {
            for (bytes, error) in cases {
                let reader = || Reader::new(bytes, flexible);
                assert_eq!(reader().array(1, never), Err(error), "{bytes:?}");
                assert_eq!(reader().nullable_count(1), Err(error), "{bytes:?}");
                assert_eq!(reader().fixed_array(1), Err(error), "{bytes:?}");
                assert_eq!(reader().nullable_bytes(), Err(if error == TooMany { Cut } else { error }), "{bytes:?}");
            }
            let most = if flexible { [0xff, 0xff, 0xff, 0xff, 0x0f] } else { [0x7f, 0xff, 0xff, 0xff, 0] };
            assert_eq!(Reader::new(&most, flexible).array(usize::MAX, never), Err(TooMany));
        }
        assert_eq!(Reader::new(&[0xff, 0xfe, 0], false).nullable_string(), Err(Negative));
        assert_eq!(Reader::new(&[0, 2, 0], false).nullable_string(), Err(Cut));
        // A compact length could say more than Kafka lets a string have.
        let long = [&[0x80, 0x80, 2][..], &[b'x'; 0x7fff]].concat();
        assert_eq!(Reader::new(&long, true).string().map(<[u8]>::len), Ok(0x7fff));
        let too_long = [&[0x81, 0x80, 2][..], &[b'x'; 0x8000]].concat();
        assert_eq!(Reader::new(&too_long, true).string(), Err(TooLong));
        for (bytes, error) in [(&[2, 0, 0, 0][..], TooMany), (&[1, 0, 1], Cut), (&[1, 0xff, 0xff], Cut)] {
            assert_eq!(Reader::new(bytes, true).skip_tags(), Err(error), "{bytes:?}");
        }
    }

    #[test]
    fn null_is_refused_where_it_may_not_be() {
        // However many bytes null takes.
        for (null, flexible) in [(&[0xff; 4][..], false), (&[0], true), (&[0x80, 0], true)] {
            let reader = || Reader::new(null, flexible);
            assert_eq!((reader().string(), reader().nullable_string()), (Err(ReadError::Null), Ok(None)));
            assert_eq!((reader().bytes(), reader().nullable_bytes()), (Err(ReadError::Null), Ok(None)));
            assert_eq!((reader().count(1), reader().nullable_count(1)), (Err(ReadError::Null), Ok(None)));
        }
    }
}
