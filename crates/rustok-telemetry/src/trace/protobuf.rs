//! The part of protobuf's wire format that OTLP needs (<https://protobuf.dev/programming-guides/encoding/>).

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const BYTES: u32 = 2;
const FIXED32: u32 = 5;

/// Writes one message.
#[derive(Debug, Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn finish(self) -> Vec<u8> {
        self.0
    }

    pub(super) fn varint(&mut self, field: u32, value: u64) {
        self.key(field, VARINT);
        self.raw_varint(value);
    }

    pub(super) fn fixed64(&mut self, field: u32, value: u64) {
        self.key(field, FIXED64);
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub(super) fn fixed32(&mut self, field: u32, value: u32) {
        self.key(field, FIXED32);
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub(super) fn bytes(&mut self, field: u32, value: &[u8]) {
        self.key(field, BYTES);
        self.raw_varint(length(value.len()));
        self.0.extend_from_slice(value);
    }

    /// Writes an embedded message; its length prefix is inserted once it is known.
    pub(super) fn message(&mut self, field: u32, write: impl FnOnce(&mut Self)) {
        self.key(field, BYTES);
        let start = self.0.len();
        write(self);
        let end = self.0.len();
        self.raw_varint(length(end - start));
        self.0[start..].rotate_left(end - start);
    }

    fn key(&mut self, field: u32, kind: u32) {
        self.raw_varint(u64::from(field << 3 | kind));
    }

    fn raw_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(low_seven(value) | 0x80);
            value >>= 7;
        }
        self.0.push(low_seven(value));
    }
}

fn low_seven(value: u64) -> u8 {
    u8::try_from(value & 0x7f).unwrap_or_default()
}

fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// The fields of one message, in order: field number and value. Malformed input ends the iterator.
pub(super) fn fields(message: &[u8]) -> impl Iterator<Item = (u64, Field<'_>)> {
    let mut rest = message;
    std::iter::from_fn(move || {
        let key = read_varint(&mut rest)?;
        let value = match u32::try_from(key & 7).ok()? {
            VARINT => Field::Varint(read_varint(&mut rest)?),
            BYTES => {
                let length = usize::try_from(read_varint(&mut rest)?).ok()?;
                Field::Bytes(rest.split_off(..length)?)
            }
            FIXED64 => Field::Bytes(rest.split_off(..8)?),
            FIXED32 => Field::Bytes(rest.split_off(..4)?),
            _ => return None,
        };
        Some((key >> 3, value))
    })
}

/// A field's value.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Field<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
}

fn read_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *rest.split_off_first()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        let long = vec![7; 300];
        let mut writer = Writer::default();
        writer.varint(1, 300);
        writer.message(2, |inner| {
            inner.bytes(1, &long);
            inner.message(3, |_| {});
        });
        writer.fixed64(4, 5);
        writer.fixed32(16, 6);
        let bytes = writer.finish();
        let read: Vec<_> = fields(&bytes).collect();
        assert_eq!(read[0], (1, Field::Varint(300)));
        let (2, Field::Bytes(inner)) = read[1] else {
            panic!("{read:?}")
        };
        let inner: Vec<_> = fields(inner).collect();
        assert_eq!(inner, [(1, Field::Bytes(&long)), (3, Field::Bytes(&[]))]);
        assert_eq!(read[2], (4, Field::Bytes(&5_u64.to_le_bytes())));
        assert_eq!(read[3], (16, Field::Bytes(&6_u32.to_le_bytes())));
    }

    #[test]
    fn rubbish_ends_the_fields() {
        for rubbish in [&[0x0a, 0x05, 1][..], &[0xff; 12], &[0x0b], &[0x08]] {
            assert_eq!(fields(rubbish).count(), 0, "{rubbish:?}");
        }
    }
}
