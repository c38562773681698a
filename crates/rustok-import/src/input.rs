//! Opens what a file comes wrapped in: gzip, ZIP, and encodings other than UTF-8. Yields UTF-8 as far as the file is
//! text. Must never hold more than two blocks, and never unpack without bound.

use crate::archive::{Archive, refused};
use encoding_rs::{CoderResult, Decoder, Encoding, MACINTOSH, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use std::io::{self, ErrorKind, Read};

const BLOCK_BYTES: usize = 64 * 1024;
/// A byte of any encoding becomes at most three bytes of UTF-8; a replaced pair of UTF-16 as well.
const OUT_BYTES: usize = 3 * BLOCK_BYTES + 16;
const UTF8_BOM: &[u8] = b"\xEF\xBB\xBF";

/// How bytes become UTF-8.
enum Text {
    /// Only ASCII so far, which is the same in all encodings that need no byte order mark.
    Undecided,
    Utf8,
    Other(Box<Decoder>),
}

/// See the module documentation.
pub(crate) struct Input<R> {
    archive: Archive<R>,
    text: Text,
    name: &'static str,
    block: Box<[u8]>,
    filled: usize,
    eof: bool,
    /// An error after bytes that are yielded first.
    failed: Option<io::Error>,
    out: Vec<u8>,
    out_start: usize,
    opened: bool,
    /// Characters that are none in the encoding and became U+FFFD.
    replaced: u64,
}

impl<R> std::fmt::Debug for Input<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Input")
            .field("encoding", &self.name)
            .finish_non_exhaustive()
    }
}

impl<R: Read> Input<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self {
            archive: Archive::new(inner),
            text: Text::Undecided,
            name: "UTF-8",
            block: vec![0; BLOCK_BYTES].into_boxed_slice(),
            filled: 0,
            eof: false,
            failed: None,
            out: Vec::new(),
            out_start: 0,
            opened: false,
            replaced: 0,
        }
    }

    /// One that has nothing.
    pub(crate) fn empty() -> Self {
        Self {
            archive: Archive::empty(),
            text: Text::Utf8,
            name: "UTF-8",
            block: Box::default(),
            filled: 0,
            eof: true,
            failed: None,
            out: Vec::new(),
            out_start: 0,
            opened: true,
            replaced: 0,
        }
    }

    /// Bytes taken from the file itself, packed or not; `None` if they are the bytes that were yielded.
    pub(crate) fn raw_bytes(&self) -> Option<u64> {
        let is_plain = self.archive.is_plain() && !matches!(self.text, Text::Other(_));
        (!is_plain).then(|| self.archive.raw_bytes())
    }

    /// How many characters are none in the encoding of the file and became U+FFFD, so far as the file was read.
    pub(crate) fn replaced(&self) -> u64 {
        self.replaced
    }

    /// Further files of the archive, which are not read.
    pub(crate) fn further_files(&self) -> &[String] {
        self.archive.further_files()
    }

    fn open(&mut self) -> io::Result<()> {
        self.opened = true;
        self.archive.open()?;
        self.fill_block()?;
        let head = &self.block[..self.filled];
        if head.starts_with(UTF8_BOM) {
            self.text = Text::Utf8;
        } else if let Some(encoding) = utf16(head) {
            self.decode(encoding);
        } else if let Some(label) = declared(head) {
            let Some(encoding) = Encoding::for_label(label.as_bytes()) else {
                return Err(refused(format!(
                    "the file says its encoding is {}, which is not known; save it as UTF-8",
                    crate::error::quoted(&label)
                )));
            };
            if encoding == UTF_8 {
                self.text = Text::Utf8;
            } else if encoding != UTF_16LE && encoding != UTF_16BE {
                self.decode(encoding);
            }
        }
        self.convert()
    }

    fn decode(&mut self, encoding: &'static Encoding) {
        self.name = encoding.name();
        self.text = Text::Other(Box::new(encoding.new_decoder_with_bom_removal()));
    }

    fn fill_block(&mut self) -> io::Result<()> {
        self.filled = 0;
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        while self.filled < self.block.len() && !self.eof {
            match self.archive.read(&mut self.block[self.filled..]) {
                Ok(0) => self.eof = true,
                Ok(count) => self.filled += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // What was read before it is yielded first. A decoder need not fail a second time.
                Err(error) if self.filled > 0 => {
                    self.failed = Some(error);
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Converts the block.
    fn convert(&mut self) -> io::Result<()> {
        self.out.clear();
        self.out_start = 0;
        let block = &self.block[..self.filled];
        if matches!(self.text, Text::Undecided) {
            match guess(block) {
                Guess::Ascii => {}
                Guess::Utf8 => self.text = Text::Utf8,
                Guess::Legacy(encoding) => self.decode(encoding),
                Guess::Unknown => {
                    return Err(refused(
                        "the encoding of the file is neither UTF-8 nor that of a Western language; save it as UTF-8"
                            .to_owned(),
                    ));
                }
            }
        }
        let block = &self.block[..self.filled];
        match &mut self.text {
            Text::Undecided | Text::Utf8 => self.out.extend_from_slice(block),
            Text::Other(decoder) => {
                self.out.resize(OUT_BYTES, 0);
                let (result, _, written, has_replaced) =
                    decoder.decode_to_utf8(block, &mut self.out, self.eof);
                debug_assert_eq!(
                    result,
                    CoderResult::InputEmpty,
                    "the output has room for any block"
                );
                self.out.truncate(written);
                if has_replaced {
                    let text = String::from_utf8_lossy(&self.out);
                    let marks = text.matches(char::REPLACEMENT_CHARACTER).count();
                    self.replaced += u64::try_from(marks).unwrap_or(u64::MAX);
                }
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for Input<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if !self.opened {
            self.open()?;
        }
        while self.out_start == self.out.len() {
            if self.eof {
                return Ok(0);
            }
            self.fill_block()?;
            self.convert()?;
        }
        let rest = &self.out[self.out_start..];
        let count = rest.len().min(target.len());
        target[..count].copy_from_slice(&rest[..count]);
        self.out_start += count;
        Ok(count)
    }
}

/// By its byte order mark, or by the zero bytes of ASCII text in it.
fn utf16(head: &[u8]) -> Option<&'static Encoding> {
    const PAIRS: usize = 6;
    match head {
        [0xFF, 0xFE, ..] => return Some(UTF_16LE),
        [0xFE, 0xFF, ..] => return Some(UTF_16BE),
        _ => {}
    }
    let pairs: Vec<&[u8]> = head.chunks_exact(2).take(PAIRS).collect();
    let all = |zero: usize| {
        pairs.len() >= 4
            && pairs
                .iter()
                .all(|pair| (pair[zero] == 0) && (pair[1 - zero] != 0))
    };
    match (all(1), all(0)) {
        (true, _) => Some(UTF_16LE),
        (_, true) => Some(UTF_16BE),
        _ => None,
    }
}

/// The encoding of an XML declaration.
fn declared(head: &[u8]) -> Option<String> {
    const LONGEST: usize = 256;
    let head = head.strip_prefix(UTF8_BOM).unwrap_or(head);
    if !head.starts_with(b"<?xml") {
        return None;
    }
    let end = head.iter().take(LONGEST).position(|byte| *byte == b'>')?;
    let declaration = String::from_utf8_lossy(&head[..end]).into_owned();
    let after = declaration.split_once("encoding")?.1.trim_start();
    let value = after.strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let label = value.get(1..)?.split(quote).next()?;
    Some(label.to_owned())
}

enum Guess {
    Ascii,
    Utf8,
    Legacy(&'static Encoding),
    Unknown,
}

/// What the first block with a byte above 127 is. UTF-8 proves itself; else the places where Western languages have
/// their letters tell Windows' code page from the Macintosh's.
fn guess(block: &[u8]) -> Guess {
    if block.is_ascii() {
        return Guess::Ascii;
    }
    let (mut valid, mut invalid) = (0_usize, 0_usize);
    let mut rest = block;
    loop {
        match std::str::from_utf8(rest) {
            Ok(text) => {
                valid += text.chars().filter(|c| !c.is_ascii()).count();
                break;
            }
            Err(error) => {
                let (good, bad) = rest.split_at(error.valid_up_to());
                valid += String::from_utf8_lossy(good)
                    .chars()
                    .filter(|c| !c.is_ascii())
                    .count();
                // A sequence that the end of the block cuts off.
                let Some(length) = error.error_len() else { break };
                invalid += 1;
                rest = &bad[length..];
            }
        }
    }
    if valid >= invalid {
        return Guess::Utf8;
    }
    let high = |byte: &u8| *byte >= 0xC0;
    // Three letters in a row that are not ASCII: Cyrillic, Greek, and the like.
    if block.windows(3).any(|three| three.iter().all(high)) {
        return Guess::Unknown;
    }
    let windows = block.iter().filter(|byte| high(byte)).count();
    let beside_letter = |at: usize| {
        let letter = |at: Option<usize>| {
            at.and_then(|at| block.get(at))
                .is_some_and(u8::is_ascii_alphabetic)
        };
        letter(at.checked_sub(1)) && letter(at.checked_add(1))
    };
    let macintosh = (0..block.len())
        .filter(|at| (0x80..=0x9F).contains(&block[*at]) && block[*at] != 0x92 && beside_letter(*at))
        .count();
    if macintosh > windows {
        Guess::Legacy(MACINTOSH)
    } else {
        Guess::Legacy(WINDOWS_1252)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<String, String> {
        let mut text = String::new();
        let mut input = Input::new(bytes);
        match input.read_to_string(&mut text) {
            Ok(_) => Ok(text),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn a_wrong_checksum_is_an_error() {
        use std::io::Write as _;
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(b"Handle,Title\n").unwrap();
        let mut packed = packer.finish().unwrap();
        assert_eq!(read(&packed).unwrap(), "Handle,Title\n");
        let at = packed.len() - 8;
        packed[at] ^= 1;
        assert!(read(&packed).is_err());
    }

    #[test]
    fn encodings_are_recognised() {
        let text = "Handle;Title\ncafé;Größe – „x“ €\n";
        let utf16 = |little: bool, mark: bool| {
            let units = mark.then_some(0xFEFF_u16).into_iter().chain(text.encode_utf16());
            units
                .flat_map(|unit| {
                    if little {
                        unit.to_le_bytes()
                    } else {
                        unit.to_be_bytes()
                    }
                })
                .collect::<Vec<u8>>()
        };
        for little in [true, false] {
            assert_eq!(read(&utf16(little, true)).unwrap(), text);
        }
        assert_eq!(read(&utf16(true, false)).unwrap(), text);
        assert_eq!(read(&WINDOWS_1252.encode(text).0).unwrap(), text);
        assert_eq!(read(text.as_bytes()).unwrap(), text);
        assert_eq!(read(b"caf\x8E cr\x8Fme").unwrap(), "café crème");
        assert_eq!(
            read(b"<?xml version='1.0' encoding='windows-1251'?><a>\xC0</a>").unwrap(),
            "<?xml version='1.0' encoding='windows-1251'?><a>А</a>"
        );
        assert!(read(b"\xCF\xF0\xE8\xE2\xE5\xF2").unwrap_err().contains("UTF-8"));
        // A character that the end of the file cuts off is left as it is.
        let mut bytes = Vec::new();
        assert_eq!(Input::new(&b"ab\xC3"[..]).read_to_end(&mut bytes).unwrap(), 3);
    }
}
