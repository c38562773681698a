//! A buffered byte source that tracks the line and column of every byte, and yields valid UTF-8 only.
//!
//! Invalid bytes are replaced by the same number of `?` and recorded with their exact position, so that only the
//! affected cell is rejected. Control characters become spaces and are counted. It must never hold more than its fixed
//! buffer.

use crate::archive::reason;
use crate::input::Input;
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

/// Why bytes are not text.
pub(crate) const NOT_UTF8: &str = "the text is not valid UTF-8; save the file as UTF-8";

/// See the module documentation.
#[derive(Debug)]
pub(crate) struct Source<R> {
    inner: Input<R>,
    buffer: Box<[u8]>,
    /// `start..ready` is checked text, `ready..filled` an incomplete sequence that awaits its remaining bytes.
    start: usize,
    ready: usize,
    filled: usize,
    opened: bool,
    eof: bool,
    /// Positions in `buffer[..ready]` that were replaced, ascending, and how many of them have been consumed.
    bad: Vec<usize>,
    passed_bad: usize,
    first_bad: Option<Position>,
    /// Control characters that became spaces.
    blanked: u64,
    position: Position,
    after_cr: bool,
    consumed: u64,
    /// The offset that [`BufRead`] must not read beyond, so that a parser on top cannot buffer without bound.
    window_end: Option<u64>,
    window_exceeded: bool,
    /// Bytes to yield again.
    again: &'static [u8],
}

impl<R: Read> Source<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self {
            inner: Input::new(inner),
            buffer: vec![0; BUFFER_BYTES].into_boxed_slice(),
            start: 0,
            ready: 0,
            filled: 0,
            opened: false,
            eof: false,
            bad: Vec::new(),
            passed_bad: 0,
            first_bad: None,
            blanked: 0,
            position: Position::start(),
            after_cr: false,
            consumed: 0,
            window_end: None,
            window_exceeded: false,
            again: &[],
        }
    }

    /// One that has nothing, to stand in the place of another.
    pub(crate) fn empty() -> Self {
        Self {
            inner: Input::empty(),
            buffer: Box::default(),
            start: 0,
            ready: 0,
            filled: 0,
            opened: true,
            eof: true,
            bad: Vec::new(),
            passed_bad: 0,
            first_bad: None,
            blanked: 0,
            position: Position::start(),
            after_cr: false,
            consumed: 0,
            window_end: None,
            window_exceeded: false,
            again: &[],
        }
    }

    /// Passes everything up to the next `word` that a byte of `ends` follows, and yields it again; false at the end of
    /// the file. `word` begins with a byte that it has only once.
    pub(crate) fn seek(&mut self, word: &'static [u8], ends: &[u8]) -> io::Result<bool> {
        self.window_end = None;
        self.window_exceeded = false;
        let mut matched = 0;
        loop {
            let bytes = self.fill()?;
            let Some(byte) = bytes.first().copied() else {
                return Ok(false);
            };
            if matched == word.len() && ends.contains(&byte) {
                self.again = word;
                self.consumed = self.consumed.saturating_sub(word.len() as u64);
                self.position.column = self.position.column.saturating_sub(word.len() as u64).max(1);
                self.first_bad = None;
                return Ok(true);
            }
            matched = match word.get(matched) {
                Some(next) if *next == byte => matched + 1,
                _ => usize::from(word.first() == Some(&byte)),
            };
            self.pass(1);
        }
    }

    /// The position of the next byte.
    pub(crate) fn position(&self) -> Position {
        self.position
    }

    /// Bytes of the file consumed so far, including a byte order mark. In a packed or recoded file those that were
    /// taken from it, which may be a block ahead.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.inner.raw_bytes().unwrap_or(self.consumed)
    }

    /// Bytes of text consumed so far, after unpacking and decoding.
    pub(crate) fn text_bytes(&self) -> u64 {
        self.consumed
    }

    /// How many characters were changed, by kind, so far as the file was looked at.
    pub(crate) fn changed(&self) -> [(&'static str, u64); 2] {
        [
            ("control character that became a space", self.blanked),
            (
                "character that is none in the encoding of the file and became U+FFFD",
                self.inner.replaced(),
            ),
        ]
    }

    /// Files of an archive that are not read.
    pub(crate) fn further_files(&self) -> &[String] {
        self.inner.further_files()
    }

    /// The first replaced byte since the last call, if any.
    pub(crate) fn take_bad(&mut self) -> Option<Position> {
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
    /// The outer one when reading fails, the inner one with a message when this is not a text file.
    pub(crate) fn sniff(&mut self) -> io::Result<Result<(), String>> {
        self.opened = true;
        while self.filled < 4 && !self.eof {
            if let Err(error) = self.read_some() {
                self.eof = true;
                return match reason(&error) {
                    Some(reason) => Ok(Err(reason.to_owned())),
                    None => Err(error),
                };
            }
        }
        if self.buffer[..self.filled].starts_with(UTF8_BOM) {
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
        if !self.again.is_empty() {
            return Ok(self.again);
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
        if !self.again.is_empty() {
            let (passed, rest) = self.again.split_at(amount.min(self.again.len()));
            self.again = rest;
            for byte in passed {
                self.step(*byte);
                self.consumed += 1;
            }
            return;
        }
        let end = self.start.saturating_add(amount).min(self.ready);
        while self.start < end {
            if self.bad.get(self.passed_bad) == Some(&self.start) {
                self.passed_bad += 1;
                self.first_bad.get_or_insert(self.position);
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
            self.bad.push(valid);
            at = valid + bad_bytes;
        }
        for byte in &mut self.buffer[..self.ready] {
            if *byte < 0x20 && !matches!(*byte, b'\t' | b'\n' | b'\r') {
                *byte = b' ';
                self.blanked += 1;
            }
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
        let mut source = Source::new("é\r\nb\rc\n日本".as_bytes());
        assert_eq!(all(&mut source), "é\r\nb\rc\n日本".as_bytes());
        assert_eq!(source.position(), Position { line: 4, column: 3 });
        assert_eq!(source.take_bad(), None);
        assert_eq!(source.bytes_read(), 14);
    }

    #[test]
    fn invalid_bytes_are_replaced_and_placed_however_they_arrive() {
        let text = b"\xEF\xBB\xBFab\n\xD0\xB6\xFF!\xE6\x97";
        for drip in [false, true] {
            let mut whole = Source::new(&text[..]);
            let mut single = Source::new(Drip(text, false));
            let (out, bad, at) = if drip {
                (all(&mut single), single.take_bad(), single.position())
            } else {
                (all(&mut whole), whole.take_bad(), whole.position())
            };
            assert_eq!(out, "ab\nж?!??".as_bytes());
            assert_eq!(bad, Some(Position { line: 2, column: 2 }));
            assert_eq!(at, Position { line: 2, column: 6 });
        }
    }

    #[test]
    fn control_characters_become_spaces_and_are_counted() {
        let mut source = Source::new(&b"a\x0Bb\0\t"[..]);
        assert_eq!(all(&mut source), b"a b \t");
        assert_eq!((source.changed()[0].1, source.take_bad()), (2, None));
    }

    #[test]
    fn other_file_types_are_named() {
        for (bytes, word) in [(&b"%PDF-1"[..], "PDF"), (b"\xD0\xCF\x11\xE0", "Excel")] {
            let mut source = Source::new(bytes);
            assert!(source.sniff().unwrap().unwrap_err().contains(word));
        }
        let mut short = Source::new(&b"ab"[..]);
        assert_eq!(short.sniff().unwrap(), Ok(()));
        assert_eq!(all(&mut short), b"ab");
    }

    #[test]
    fn a_window_stops_a_greedy_parser() {
        let mut source = Source::new(io::repeat(b'a').take(1_000_000));
        source.open_window(100_000);
        let mut sink = Vec::new();
        assert!(source.read_until(b'<', &mut sink).is_err());
        assert!(source.window_exceeded());
        assert!(sink.len() < 100_000 + 2 * BUFFER_BYTES, "{}", sink.len());
    }
}
