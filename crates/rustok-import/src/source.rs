//! A buffered byte source that tracks the line and column of every byte, and yields valid UTF-8 only.
//!
//! Invalid bytes are replaced by the same number of `?` and recorded with their exact position, so that only the
//! affected row is rejected. It must never hold more than its fixed buffer.

use std::io::{self, BufRead, ErrorKind, Read};

const BUFFER_BYTES: usize = 64 * 1024;
/// Maximum length of an incomplete UTF-8 sequence at the end of the buffer.
const MAX_TAIL_BYTES: usize = 3;
const UTF8_BOM: &[u8] = b"\xEF\xBB\xBF";

/// A position in the file: line and column from 1, column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) line: u64,
    pub(crate) column: u64,
}

impl Position {
    pub(crate) fn start() -> Self {
        Self { line: 1, column: 1 }
    }
}

/// Why bytes are not storable text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadText {
    NotUtf8,
    Nul,
}

impl BadText {
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::NotUtf8 => "the text is not valid UTF-8; save the file as UTF-8",
            Self::Nul => "the text contains a NUL character",
        }
    }
}

/// How to treat control characters that are neither white space nor NUL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Controls {
    /// Kept: CSV allows them.
    Keep,
    /// Replaced by spaces: XML forbids them, yet exports contain them inside CDATA.
    Blank,
}

/// See the module documentation.
#[derive(Debug)]
pub(crate) struct Source<R> {
    inner: R,
    controls: Controls,
    buffer: Box<[u8]>,
    /// `start..ready` is checked text, `ready..filled` an incomplete sequence that awaits its remaining bytes.
    start: usize,
    ready: usize,
    filled: usize,
    opened: bool,
    eof: bool,
    /// Positions in `buffer[..ready]` that were replaced, ascending, and how many of them have been consumed.
    bad: Vec<(usize, BadText)>,
    passed_bad: usize,
    first_bad: Option<(Position, BadText)>,
    position: Position,
    after_cr: bool,
    consumed: u64,
    /// The offset that [`BufRead`] must not read beyond, so that a parser on top cannot buffer without bound.
    window_end: Option<u64>,
    window_exceeded: bool,
}

impl<R: Read> Source<R> {
    pub(crate) fn new(inner: R, controls: Controls) -> Self {
        Self {
            inner,
            controls,
            buffer: vec![0; BUFFER_BYTES].into_boxed_slice(),
            start: 0,
            ready: 0,
            filled: 0,
            opened: false,
            eof: false,
            bad: Vec::new(),
            passed_bad: 0,
            first_bad: None,
            position: Position::start(),
            after_cr: false,
            consumed: 0,
            window_end: None,
            window_exceeded: false,
        }
    }

    /// The position of the next byte.
    pub(crate) fn position(&self) -> Position {
        self.position
    }

    /// Bytes consumed so far, including a byte order mark.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.consumed
    }

    /// The first replaced byte since the last call, if any.
    pub(crate) fn take_bad(&mut self) -> Option<(Position, BadText)> {
        self.first_bad.take()
    }

    /// Limits reads through [`BufRead`] to `max_bytes` from now on (checked per buffer, so up to one buffer more).
    pub(crate) fn open_window(&mut self, max_bytes: u64) {
        self.window_end = Some(self.consumed.saturating_add(max_bytes));
    }

    pub(crate) fn window_exceeded(&self) -> bool {
        self.window_exceeded
    }

    /// Inspects the first bytes: skips a byte order mark and detects common file types that are not text.
    ///
    /// # Errors
    /// The outer one when reading fails, the inner one with a message when this is not a UTF-8 text file.
    pub(crate) fn sniff(&mut self) -> io::Result<Result<(), &'static str>> {
        while self.filled < 4 && !self.eof {
            self.read_some()?;
        }
        self.opened = true;
        let head = &self.buffer[..self.filled];
        let wrong = match head {
            [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [b'<', 0, ..] | [0, b'<', ..] => {
                Some("the file is UTF-16; save it as UTF-8")
            }
            [0x1F, 0x8B, ..] => Some("the file is compressed (gzip); unpack it first"),
            [b'P', b'K', 3, 4, ..] => {
                Some("the file is a ZIP archive or a spreadsheet; unpack or export it first")
            }
            _ => None,
        };
        if let Some(reason) = wrong {
            return Ok(Err(reason));
        }
        if head.starts_with(UTF8_BOM) {
            self.buffer.copy_within(UTF8_BOM.len()..self.filled, 0);
            self.filled -= UTF8_BOM.len();
            self.consumed = 3;
        }
        self.check();
        Ok(Ok(()))
    }

    /// The next bytes, empty only at the end of the file.
    pub(crate) fn fill(&mut self) -> io::Result<&[u8]> {
        if !self.opened {
            // Only if the caller did not sniff: a file of the wrong type then shows up as bad text.
            self.sniff()?.ok();
        }
        while self.start >= self.ready && !(self.eof && self.ready == self.filled) {
            self.buffer.copy_within(self.ready..self.filled, 0);
            self.filled -= self.ready;
            self.start = 0;
            self.ready = 0;
            if !self.eof {
                self.read_some()?;
            }
            self.check();
        }
        Ok(&self.buffer[self.start..self.ready])
    }

    /// Consumes bytes that [`Self::fill`] returned.
    pub(crate) fn pass(&mut self, amount: usize) {
        let end = self.start.saturating_add(amount).min(self.ready);
        while self.start < end {
            if let Some(&(place, kind)) = self.bad.get(self.passed_bad)
                && place == self.start
            {
                self.passed_bad += 1;
                self.first_bad.get_or_insert((self.position, kind));
            }
            self.step(self.buffer[self.start]);
            self.start += 1;
            self.consumed += 1;
        }
    }

    fn step(&mut self, byte: u8) {
        let was_after_cr = std::mem::replace(&mut self.after_cr, byte == b'\r');
        match byte {
            b'\n' if was_after_cr => {}
            b'\n' | b'\r' => {
                self.position.line += 1;
                self.position.column = 1;
            }
            // A continuation byte is part of the character that its first byte counted.
            0x80..=0xBF => {}
            _ => self.position.column += 1,
        }
    }

    fn read_some(&mut self) -> io::Result<()> {
        loop {
            match self.inner.read(&mut self.buffer[self.filled..]) {
                Ok(0) => self.eof = true,
                Ok(count) => self.filled += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            return Ok(());
        }
    }

    /// Validates a freshly filled buffer as text, and replaces invalid bytes.
    fn check(&mut self) {
        self.bad.clear();
        self.passed_bad = 0;
        let mut at = 0;
        loop {
            let Err(error) = std::str::from_utf8(&self.buffer[at..self.filled]) else {
                self.ready = self.filled;
                break;
            };
            let valid = at + error.valid_up_to();
            let bad_bytes = match error.error_len() {
                Some(length) => length,
                None if self.eof => self.filled - valid,
                None => {
                    debug_assert!(
                        self.filled - valid <= MAX_TAIL_BYTES,
                        "a sequence has at most four bytes"
                    );
                    self.ready = valid;
                    break;
                }
            };
            self.buffer[valid..valid + bad_bytes].fill(b'?');
            self.bad.push((valid, BadText::NotUtf8));
            at = valid + bad_bytes;
        }
        let controls = self.controls;
        let bad = &mut self.bad;
        let mut has_nul = false;
        for (place, byte) in self.buffer[..self.ready].iter_mut().enumerate() {
            match *byte {
                0 => {
                    *byte = b'?';
                    bad.push((place, BadText::Nul));
                    has_nul = true;
                }
                b'\t' | b'\n' | b'\r' | 0x20.. => {}
                _ if controls == Controls::Blank => *byte = b' ',
                _ => {}
            }
        }
        if has_nul {
            bad.sort_unstable_by_key(|&(place, _)| place);
        }
    }
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let count = available.len().min(target.len());
        target[..count].copy_from_slice(&available[..count]);
        self.pass(count);
        Ok(count)
    }
}

impl<R: Read> BufRead for Source<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.window_end.is_some_and(|end| self.consumed > end) {
            self.window_exceeded = true;
            return Err(io::Error::other("one piece of the file is too large"));
        }
        self.fill()
    }

    fn consume(&mut self, amount: usize) {
        self.pass(amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Yields one byte per call, and an interruption before each.
    struct Drip<'a>(&'a [u8], bool);

    impl Read for Drip<'_> {
        fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(ErrorKind::Interrupted.into());
            }
            let Some((first, rest)) = self.0.split_first() else {
                return Ok(0);
            };
            target[0] = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    fn all<R: Read>(source: &mut Source<R>) -> Vec<u8> {
        let mut out = Vec::new();
        loop {
            let bytes = source.fill().unwrap().to_vec();
            if bytes.is_empty() {
                return out;
            }
            source.pass(bytes.len());
            out.extend(bytes);
        }
    }

    #[test]
    fn counts_lines_and_characters_for_every_line_ending() {
        let mut source = Source::new("é\r\nb\rc\n日本".as_bytes(), Controls::Keep);
        assert_eq!(all(&mut source), "é\r\nb\rc\n日本".as_bytes());
        assert_eq!(source.position(), Position { line: 4, column: 3 });
        assert_eq!(source.take_bad(), None);
        assert_eq!(source.bytes_read(), 14);
    }

    #[test]
    fn invalid_bytes_are_replaced_and_placed_however_they_arrive() {
        let text = b"\xEF\xBB\xBFab\n\xD0\xB6\xFF!\xE6\x97";
        for drip in [false, true] {
            let mut whole = Source::new(&text[..], Controls::Keep);
            let mut single = Source::new(Drip(text, false), Controls::Keep);
            let (out, bad, at) = if drip {
                (all(&mut single), single.take_bad(), single.position())
            } else {
                (all(&mut whole), whole.take_bad(), whole.position())
            };
            assert_eq!(out, "ab\nж?!??".as_bytes());
            assert_eq!(bad, Some((Position { line: 2, column: 2 }, BadText::NotUtf8)));
            assert_eq!(at, Position { line: 2, column: 6 });
        }
    }

    #[test]
    fn nul_is_bad_and_other_controls_follow_the_setting() {
        let mut kept = Source::new(&b"a\x0Bb\0"[..], Controls::Keep);
        assert_eq!(all(&mut kept), b"a\x0Bb?");
        assert_eq!(
            kept.take_bad(),
            Some((Position { line: 1, column: 4 }, BadText::Nul))
        );
        assert_eq!(all(&mut Source::new(&b"a\x0Bb"[..], Controls::Blank)), b"a b");
    }

    #[test]
    fn other_file_types_are_named() {
        for (bytes, word) in [
            (&b"\xFF\xFEH\0"[..], "UTF-16"),
            (b"\x1F\x8B\x08\0", "gzip"),
            (b"PK\x03\x04", "ZIP"),
        ] {
            let mut source = Source::new(bytes, Controls::Keep);
            assert!(source.sniff().unwrap().unwrap_err().contains(word));
        }
        let mut short = Source::new(&b"ab"[..], Controls::Keep);
        assert_eq!(short.sniff().unwrap(), Ok(()));
        assert_eq!(all(&mut short), b"ab");
    }

    #[test]
    fn a_window_stops_a_greedy_parser() {
        let mut source = Source::new(io::repeat(b'a').take(1_000_000), Controls::Blank);
        source.open_window(100_000);
        let mut sink = Vec::new();
        assert!(source.read_until(b'<', &mut sink).is_err());
        assert!(source.window_exceeded());
        assert!(sink.len() < 100_000 + 2 * BUFFER_BYTES, "{}", sink.len());
    }
}
