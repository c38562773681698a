//! Opens gzip and ZIP, one file of it, and recognises files that are neither those nor text. Must never unpack without
//! bound: the limits are on the size and on the ratio of the unpacked to the packed.

use flate2::Crc;
use flate2::bufread::{DeflateDecoder, MultiGzDecoder};
use std::io::{self, BufRead, BufReader, Chain, Cursor, ErrorKind, Read, Take};

const MAX_UNPACKED_BYTES: u64 = 4 << 30;
/// Above any text that people write: XML and CSV have 3 to 30.
const MAX_RATIO: u64 = 200;
/// Below this the ratio does not count.
const FREE_BYTES: u64 = 32 << 20;
const HEAD_BYTES: usize = 64;
const MAX_NAME_BYTES: usize = 1024;
/// Names of further files that are kept.
const MAX_NAMES: usize = 20;
/// Unpacked bytes of entries that are passed, all together.
const MAX_PASSED_BYTES: u64 = 64 << 20;
/// Entries of an archive that are looked at.
const MAX_ENTRIES: usize = 10_000;
const LOCAL_HEADER: [u8; 4] = *b"PK\x03\x04";

/// An error that says what the file is instead.
pub(crate) fn refused(reason: String) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, Refused(reason))
}

/// The reason of an error that [`refused`] made.
pub(crate) fn reason(error: &io::Error) -> Option<&str> {
    let inner = error.get_ref()?.downcast_ref::<Refused>()?;
    Some(&inner.0)
}

#[derive(Debug)]
struct Refused(String);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

/// Counts what was read.
struct Counted<R> {
    inner: R,
    bytes: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(target)?;
        self.bytes += u64::try_from(count).unwrap_or(0);
        Ok(count)
    }
}

type Raw<R> = BufReader<Chain<Cursor<Vec<u8>>, Counted<R>>>;

enum State<R> {
    Closed(R),
    Plain(Raw<R>),
    Gzip(Box<MultiGzDecoder<Raw<R>>>),
    Deflated(Box<DeflateDecoder<Raw<R>>>, Entry),
    Stored(Take<Raw<R>>, Entry),
    /// The entry was read to its end.
    End(Raw<R>),
    Broken,
}

/// What a local header of a ZIP says.
#[derive(Debug, Clone)]
struct Entry {
    name: String,
    method: u16,
    packed_bytes: u64,
    /// Of the unpacked content, with its size; zeros if they follow it.
    sum: Sum,
    /// Sizes have 64 bits.
    is_large: bool,
    encrypted: bool,
    /// Sizes follow the content.
    described_after: bool,
}

/// Checksum and size of an unpacked file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sum {
    crc: u32,
    /// Of its size the lower 32 bits, as the format has it.
    bytes: u32,
}

impl Entry {
    /// Folders, and what macOS adds.
    fn is_aside(&self) -> bool {
        let base = self.name.rsplit('/').next().unwrap_or_default();
        base.is_empty() || base.starts_with('.') || self.name.starts_with("__MACOSX")
    }
}

/// See the module documentation.
pub(crate) struct Archive<R> {
    state: State<R>,
    unpacked: u64,
    /// Of what was yielded.
    crc: Crc,
    /// Unpacked bytes of entries that were passed.
    passed: u64,
    /// Bytes taken from the file before the state became [`State::Broken`].
    raw_before: u64,
    further: Vec<String>,
}

impl<R: Read> Archive<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self {
            state: State::Closed(inner),
            unpacked: 0,
            crc: Crc::new(),
            passed: 0,
            raw_before: 0,
            further: Vec::new(),
        }
    }

    /// One that has nothing.
    pub(crate) fn empty() -> Self {
        Self {
            state: State::Broken,
            unpacked: 0,
            crc: Crc::new(),
            passed: 0,
            raw_before: 0,
            further: Vec::new(),
        }
    }

    pub(crate) fn is_plain(&self) -> bool {
        matches!(self.state, State::Closed(_) | State::Plain(_))
    }

    pub(crate) fn raw_bytes(&self) -> u64 {
        match &self.state {
            State::Closed(_) => 0,
            State::Broken => self.raw_before,
            State::Plain(raw) | State::End(raw) => raw.get_ref().get_ref().1.bytes,
            State::Gzip(decoder) => decoder.get_ref().get_ref().get_ref().1.bytes,
            State::Deflated(decoder, _) => decoder.get_ref().get_ref().get_ref().1.bytes,
            State::Stored(take, _) => take.get_ref().get_ref().get_ref().1.bytes,
        }
    }

    pub(crate) fn further_files(&self) -> &[String] {
        &self.further
    }

    /// Looks at the first bytes.
    pub(crate) fn open(&mut self) -> io::Result<()> {
        let State::Closed(mut inner) = std::mem::replace(&mut self.state, State::Broken) else {
            return Ok(());
        };
        let mut head = Vec::with_capacity(HEAD_BYTES);
        while head.len() < HEAD_BYTES {
            let mut piece = [0; HEAD_BYTES];
            match inner.read(&mut piece[head.len()..]) {
                Ok(0) => break,
                Ok(count) => head.extend_from_slice(&piece[head.len()..][..count]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // It fails again when its turn comes.
                Err(_) if !head.is_empty() => break,
                Err(error) => return Err(error),
            }
        }
        let wrong = not_text(&head);
        let bytes = u64::try_from(head.len()).unwrap_or(0);
        let start = head.clone();
        let raw = BufReader::new(Cursor::new(head).chain(Counted { inner, bytes }));
        if let Some(reason) = wrong {
            return Err(refused(reason.to_owned()));
        }
        match start.as_slice() {
            [0x1F, 0x8B, ..] => self.state = State::Gzip(Box::new(MultiGzDecoder::new(raw))),
            [b'P', b'K', 3, 4, ..] => self.open_entry(raw)?,
            _ => self.state = State::Plain(raw),
        }
        Ok(())
    }

    /// Enters the first file of a ZIP that is no folder.
    fn open_entry(&mut self, mut raw: Raw<R>) -> io::Result<()> {
        for _ in 0..MAX_ENTRIES {
            let Some(entry) = next_entry(&mut raw)? else {
                return Err(refused("the ZIP archive holds no file".to_owned()));
            };
            if entry.encrypted {
                return Err(refused(
                    "the ZIP archive has a password; unpack it and send the file in it".to_owned(),
                ));
            }
            if ["[Content_Types].xml", "xl/", "_rels/", "docProps/", "mimetype"]
                .iter()
                .any(|part| entry.name.starts_with(part))
            {
                return Err(refused(
                    "the file is a spreadsheet (XLSX or ODS); in its program choose Save as, CSV UTF-8, and send that"
                        .to_owned(),
                ));
            }
            if entry.is_aside() {
                raw = self.pass_entry(raw, &entry)?;
                continue;
            }
            self.state = match entry.method {
                8 => State::Deflated(Box::new(DeflateDecoder::new(raw)), entry),
                0 if !entry.described_after => State::Stored(raw.take(entry.packed_bytes), entry),
                _ => {
                    return Err(refused(
                        "the ZIP archive is packed in an uncommon way; unpack it and send the file in it"
                            .to_owned(),
                    ));
                }
            };
            return Ok(());
        }
        Err(refused("the ZIP archive holds too many folders".to_owned()))
    }

    /// Skips the content of an entry.
    fn pass_entry(&mut self, mut raw: Raw<R>, entry: &Entry) -> io::Result<Raw<R>> {
        if !entry.described_after {
            let mut content = raw.take(entry.packed_bytes);
            io::copy(&mut content, &mut io::sink())?;
            return Ok(content.into_inner());
        }
        if entry.method == 8 {
            let mut decoder = DeflateDecoder::new(raw);
            let room = MAX_PASSED_BYTES.saturating_sub(self.passed);
            let passed = io::copy(&mut (&mut decoder).take(room + 1), &mut io::sink())?;
            if passed > room {
                return Err(far_too_large());
            }
            self.passed += passed;
            raw = decoder.into_inner();
        }
        read_descriptor(&mut raw, entry)?;
        Ok(raw)
    }

    /// After the content: compares its checksum and size, and notes the names of the files that follow. A fault of those
    /// takes nothing from what was read.
    fn look_further(&mut self, mut raw: Raw<R>, entry: &Entry) -> io::Result<()> {
        let expected = match entry.described_after {
            true => read_descriptor(&mut raw, entry)?,
            false => entry.sum,
        };
        let bytes = u32::try_from(self.unpacked & u64::from(u32::MAX)).unwrap_or_default();
        let found = Sum {
            crc: self.crc.sum(),
            bytes,
        };
        if found != expected {
            self.state = State::End(raw);
            return Err(io::Error::new(
                ErrorKind::InvalidData,
                "the file in the ZIP archive is damaged: its checksum or size is another; pack it again",
            ));
        }
        for _ in 0..MAX_ENTRIES {
            let Ok(Some(next)) = next_entry(&mut raw) else {
                break;
            };
            if !next.is_aside() && self.further.len() < MAX_NAMES {
                self.further.push(next.name.clone());
            }
            match self.pass_entry(raw, &next) {
                Ok(after) => raw = after,
                Err(_) => return Ok(()),
            }
        }
        self.state = State::End(raw);
        Ok(())
    }

    fn check_size(&self) -> io::Result<()> {
        let packed = self.raw_bytes().max(1);
        let too_dense = self.unpacked > FREE_BYTES && self.unpacked / packed > MAX_RATIO;
        if self.unpacked > MAX_UNPACKED_BYTES || too_dense {
            return Err(far_too_large());
        }
        Ok(())
    }
}

fn far_too_large() -> io::Error {
    refused("the file unpacks to far more than an export has; unpack it and send the file in it".to_owned())
}

impl<R: Read> Read for Archive<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let count = match &mut self.state {
            State::Closed(_) | State::Broken | State::End(_) => return Ok(0),
            State::Plain(raw) => return raw.read(target),
            State::Gzip(decoder) => decoder.read(target)?,
            State::Deflated(decoder, _) => decoder.read(target)?,
            State::Stored(take, _) => take.read(target)?,
        };
        self.unpacked += u64::try_from(count).unwrap_or(0);
        self.check_size()?;
        if let (State::Deflated(..) | State::Stored(..), Some(read)) = (&self.state, target.get(..count)) {
            self.crc.update(read);
        }
        if count == 0 && !target.is_empty() {
            self.raw_before = self.raw_bytes();
            match std::mem::replace(&mut self.state, State::Broken) {
                State::Deflated(decoder, entry) => self.look_further(decoder.into_inner(), &entry)?,
                State::Stored(take, entry) if take.limit() > 0 => {
                    self.state = State::Stored(take, entry);
                    return Err(ErrorKind::UnexpectedEof.into());
                }
                State::Stored(take, entry) => self.look_further(take.into_inner(), &entry)?,
                other => self.state = other,
            }
        }
        Ok(count)
    }
}

/// Reads a local header; `None` where there is no further one.
fn next_entry(raw: &mut impl BufRead) -> io::Result<Option<Entry>> {
    let mut fixed = [0_u8; 30];
    raw.read_exact(&mut fixed[..4])?;
    if fixed[..4] != LOCAL_HEADER {
        return Ok(None);
    }
    raw.read_exact(&mut fixed[4..])?;
    let short = |at: usize| u16::from_le_bytes([fixed[at], fixed[at + 1]]);
    let flags = short(6);
    let long = |at: usize| u32::from_le_bytes([fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]]);
    let packed = long(18);
    let sum = Sum {
        crc: long(14),
        bytes: long(22),
    };
    let mut name = vec![0; usize::from(short(26))];
    raw.read_exact(&mut name)?;
    let mut extra = vec![0; usize::from(short(28))];
    raw.read_exact(&mut extra)?;
    name.truncate(MAX_NAME_BYTES);
    Ok(Some(Entry {
        name: String::from_utf8_lossy(&name).into_owned(),
        method: short(8),
        packed_bytes: u64::from(packed),
        sum,
        is_large: has_large_sizes(&extra),
        encrypted: flags & 1 != 0,
        described_after: flags & 8 != 0,
    }))
}

/// Whether the extra fields of a header have the one of ZIP64.
fn has_large_sizes(mut extra: &[u8]) -> bool {
    while let [low, high, size_low, size_high, rest @ ..] = extra {
        if [*low, *high] == [1, 0] {
            return true;
        }
        let size = usize::from(u16::from_le_bytes([*size_low, *size_high]));
        extra = rest.get(size..).unwrap_or_default();
    }
    false
}

/// Checksum and sizes after the content: with or without a signature.
fn read_descriptor(raw: &mut impl BufRead, entry: &Entry) -> io::Result<Sum> {
    let mut first = [0; 4];
    raw.read_exact(&mut first)?;
    if first == *b"PK\x07\x08" {
        raw.read_exact(&mut first)?;
    }
    let mut sizes = [0; 16];
    let (size_at, length) = if entry.is_large { (8, 16) } else { (4, 8) };
    raw.read_exact(&mut sizes[..length])?;
    let mut size = [0; 4];
    size.copy_from_slice(&sizes[size_at..size_at + 4]);
    Ok(Sum {
        crc: u32::from_le_bytes(first),
        bytes: u32::from_le_bytes(size),
    })
}

/// Files that are certainly no text.
fn not_text(head: &[u8]) -> Option<&'static str> {
    match head {
        [0xD0, 0xCF, 0x11, 0xE0, ..] => Some(
            "the file is an Excel file of the old kind (XLS) or one with a password; in Excel choose Save as, CSV UTF-8, \
             without a password, and send that",
        ),
        [b'%', b'P', b'D', b'F', ..] => Some("the file is a PDF; send the export itself"),
        [b'R', b'a', b'r', b'!', ..]
        | [b'7', b'z', 0xBC, 0xAF, ..]
        | [b'B', b'Z', b'h', ..]
        | [0xFD, b'7', b'z', b'X', ..] => {
            Some("the file is an archive that is neither ZIP nor gzip; unpack it and send the file in it")
        }
        [0x89, b'P', b'N', b'G', ..] | [0xFF, 0xD8, 0xFF, ..] | [b'G', b'I', b'F', b'8', ..] => {
            Some("the file is a picture; send the export itself")
        }
        [b'S', b'Q', b'L', b'i', b't', b'e', ..] => Some("the file is a database; send the export itself"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder};
    use std::io::Write as _;

    fn deflated(content: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    /// A ZIP of these files; `after`: sizes follow the content, as a program writes that cannot seek.
    pub(crate) fn zip(files: &[(&str, &[u8])], after: bool, flags: u8) -> Vec<u8> {
        let mut out = Vec::new();
        for (name, content) in files {
            let packed = deflated(content);
            let size = u32::try_from(packed.len()).unwrap();
            out.extend(LOCAL_HEADER);
            out.extend([20, 0, flags | if after { 8 } else { 0 }, 0, 8, 0, 0, 0, 0, 0]);
            let mut crc = Crc::new();
            crc.update(content);
            let sums = [crc.sum(), size, u32::try_from(content.len()).unwrap()];
            let sums: Vec<u8> = sums.into_iter().flat_map(u32::to_le_bytes).collect();
            out.extend(if after { &[0; 12] } else { sums.as_slice() });
            out.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
            out.extend([0, 0]);
            out.extend(name.as_bytes());
            out.extend(packed);
            if after {
                out.extend(*b"PK\x07\x08");
                out.extend(sums);
            }
        }
        out.extend(*b"PK\x01\x02rest");
        out
    }

    fn read(bytes: &[u8]) -> (Result<String, String>, Vec<String>) {
        let mut archive = Archive::new(bytes);
        let mut text = String::new();
        let result = archive
            .open()
            .and_then(|()| archive.read_to_string(&mut text))
            .map(|_| text)
            .map_err(|error| error.to_string());
        (result, archive.further_files().to_vec())
    }

    #[test]
    fn gzip_and_zip_are_opened() {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(b"a,b\n").unwrap();
        let gzip = gzip.finish().unwrap();
        assert_eq!(read(&gzip).0.unwrap(), "a,b\n");
        assert!(read(&gzip[..gzip.len() - 3]).0.is_err(), "a cut is told");
        for after in [true, false] {
            let files: [(&str, &[u8]); 4] = [
                ("x/", b""),
                ("__MACOSX/._a", b"zz"),
                ("x/a.csv", b"one"),
                ("x/b.csv", b"two"),
            ];
            let packed = zip(&files, after, 0);
            let (text, further) = read(&packed);
            assert_eq!(
                (text.unwrap().as_str(), further),
                ("one", vec!["x/b.csv".to_owned()]),
                "{after}"
            );
        }
    }

    #[test]
    fn a_damaged_file_of_a_zip_is_an_error() {
        for after in [true, false] {
            let mut packed = zip(&[("a.csv", b"one")], after, 0);
            let at = match after {
                true => packed.len() - 8 - 12,
                false => 14,
            };
            packed[at] ^= 1;
            assert!(read(&packed).0.unwrap_err().contains("damaged"), "{after}");
        }
    }

    #[test]
    fn what_is_passed_has_a_limit_and_the_place_in_the_file_does_not_go_back() {
        let zeros = vec![b'0'; 40 << 20];
        let aside = zip(
            &[("__MACOSX/a", &zeros), ("__MACOSX/b", &zeros), ("a.csv", b"x")],
            true,
            0,
        );
        assert!(read(&aside).0.unwrap_err().contains("unpack"));
        let behind = zip(
            &[
                ("a.csv", b"x"),
                ("b.csv", &zeros),
                ("c.csv", &zeros),
                ("d.csv", b"x"),
            ],
            true,
            0,
        );
        let mut archive = Archive::new(behind.as_slice());
        archive.open().unwrap();
        let before = archive.raw_bytes();
        let mut text = String::new();
        archive.read_to_string(&mut text).unwrap();
        assert_eq!(
            (text.as_str(), archive.further_files()),
            ("x", ["b.csv".to_owned(), "c.csv".to_owned()].as_slice())
        );
        assert!(archive.raw_bytes() >= before);
    }

    #[test]
    fn what_cannot_be_opened_says_what_to_do() {
        for (bytes, word) in [
            (zip(&[("a.csv", b"x")], false, 1), "password"),
            (zip(&[("[Content_Types].xml", b"x")], false, 0), "CSV UTF-8"),
            (zip(&[("xl/workbook.xml", b"x")], true, 0), "CSV UTF-8"),
            (zip(&[("a/", b"")], false, 0), "no file"),
            (b"\xD0\xCF\x11\xE0rest".to_vec(), "password"),
            (b"%PDF-1.7".to_vec(), "PDF"),
            (b"\x89PNG\r\n".to_vec(), "picture"),
        ] {
            let reason = read(&bytes).0.unwrap_err();
            assert!(reason.contains(word), "{word}: {reason}");
        }
    }

    #[test]
    fn a_bomb_is_refused_before_it_is_unpacked() {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        let zeros = vec![b'0'; 1 << 20];
        for _ in 0..64 {
            gzip.write_all(&zeros).unwrap();
        }
        let bomb = gzip.finish().unwrap();
        let mut archive = Archive::new(bomb.as_slice());
        archive.open().unwrap();
        let copied = io::copy(&mut archive, &mut io::sink());
        assert!(reason(&copied.unwrap_err()).unwrap().contains("unpack"));
        assert!(archive.unpacked < FREE_BYTES + (2 << 20), "{}", archive.unpacked);
    }
}
