//! The file format of a PostgreSQL backup, written and read sequentially in blocks.
//!
//! The file is a line, `rustok backup 1`, followed by records. A record consists of its kind (1 byte), the length of
//! its content (4 bytes, big-endian; at most 1 MiB), the content, and the SHA-256 of all bytes of the file before
//! this checksum. Each record thus verifies itself and everything before it: changed, missing or reordered data is
//! detected before it is used.
//!
//! | kind | content |
//! |---|---|
//! | `H` | [`Head`] as JSON; the first record |
//! | `T` | [`Table`] as JSON: a table begins |
//! | `D` | rows of that table in the text format of PostgreSQL's COPY, cut anywhere |
//! | `E` | [`Sum`] as JSON: the table ends |
//! | `Z` | [`Total`] as JSON: the end; nothing follows |
//!
//! The reader must verify every length, count and name before it relies on it.

#[cfg(test)]
mod tests;

use crate::error::StoreError;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::io;
use std::path::Path;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

const FIRST_LINE: &[u8; 16] = b"rustok backup 1\n";
/// The beginning of the first line in every version of the format.
pub(super) const PREFIX: &[u8; 14] = b"rustok backup ";
/// The beginning of a SQLite database, to recognise a file of the other kind.
pub(super) const SQLITE: &[u8; 16] = b"SQLite format 3\0";
/// The maximum length of a record's content, in bytes.
const MAX_CONTENT: usize = 1 << 20;
/// Bytes of a table per record.
pub(super) const BLOCK: usize = 64 << 10;
const SUM_BYTES: usize = 32;

/// The origin of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    /// The time of the snapshot, for display only.
    pub(super) taken_at: String,
    /// The names of the applied migrations, in order.
    pub(super) migrations: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<String>,
}

/// The size of a table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sum {
    pub(super) rows: u64,
    pub(super) bytes: u64,
}

impl Sum {
    /// Adds rows. Each line break ends a row, since COPY escapes a line break in a text as `\n`.
    fn add(&mut self, lines: &[u8]) {
        let breaks = lines.iter().filter(|byte| **byte == b'\n').count();
        self.rows += u64::try_from(breaks).unwrap_or(u64::MAX);
        self.bytes += u64::try_from(lines.len()).unwrap_or(u64::MAX);
    }
}

/// The size of the whole backup.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Total {
    pub(super) tables: u64,
    pub(super) rows: u64,
}

/// Writes a backup file.
pub(super) struct Writer<W> {
    to: W,
    before: Sha256,
    table: Sum,
    total: Total,
}

impl<W: AsyncWrite + Unpin> Writer<W> {
    pub(super) async fn begin(to: W, head: &Head) -> io::Result<Self> {
        let mut writer = Self {
            to,
            before: Sha256::new(),
            table: Sum::default(),
            total: Total::default(),
        };
        writer.put(FIRST_LINE).await?;
        writer.json(b'H', head).await?;
        Ok(writer)
    }

    pub(super) async fn table(&mut self, table: &Table) -> io::Result<()> {
        self.table = Sum::default();
        self.json(b'T', table).await
    }

    /// Writes rows of the current table; at most [`BLOCK`] plus one chunk of COPY.
    pub(super) async fn lines(&mut self, lines: &[u8]) -> io::Result<()> {
        self.table.add(lines);
        for block in lines.chunks(BLOCK) {
            self.record(b'D', block).await?;
        }
        Ok(())
    }

    pub(super) async fn end_table(&mut self) -> io::Result<()> {
        self.total.tables += 1;
        self.total.rows += self.table.rows;
        let sum = self.table;
        self.json(b'E', &sum).await
    }

    /// Writes the last record and flushes the file.
    pub(super) async fn end(mut self) -> io::Result<()> {
        let total = self.total;
        self.json(b'Z', &total).await?;
        self.to.flush().await
    }

    async fn json<T: Serialize>(&mut self, kind: u8, content: &T) -> io::Result<()> {
        let content = serde_json::to_vec(content)?;
        self.record(kind, &content).await
    }

    async fn record(&mut self, kind: u8, content: &[u8]) -> io::Result<()> {
        let length = u32::try_from(content.len()).map_err(io::Error::other)?;
        self.put(&[kind]).await?;
        self.put(&length.to_be_bytes()).await?;
        self.put(content).await?;
        let sum = self.before.clone().finalize();
        self.put(&sum).await
    }

    async fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.before.update(bytes);
        self.to.write_all(bytes).await
    }
}

/// A record that was read.
#[derive(Debug)]
pub(super) enum Record<'a> {
    Table(Table),
    Lines(&'a [u8]),
    EndOfTable(Sum),
    End,
}

/// Reads a backup file and verifies it.
pub(super) struct Reader<R> {
    from: R,
    file: String,
    before: Sha256,
    /// The offset of the next byte.
    place: u64,
    content: Vec<u8>,
    table: Option<Sum>,
    total: Total,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    /// `file` is used in error messages.
    pub(super) async fn begin(from: R, file: &Path) -> Result<(Self, Head), StoreError> {
        let mut reader = Self {
            from,
            file: file.display().to_string(),
            before: Sha256::new(),
            place: 0,
            content: Vec::new(),
            table: None,
            total: Total::default(),
        };
        reader.first_line().await?;
        let kind = reader.record().await?;
        let head = reader.json(kind == b'H')?;
        Ok((reader, head))
    }

    /// The number of bytes read.
    pub(super) const fn place(&self) -> u64 {
        self.place
    }

    pub(super) async fn next(&mut self) -> Result<Record<'_>, StoreError> {
        let kind = self.record().await?;
        match (kind, self.table) {
            (b'T', None) => {
                self.table = Some(Sum::default());
                self.json(true).map(Record::Table)
            }
            (b'D', Some(mut sum)) => {
                sum.add(&self.content);
                self.table = Some(sum);
                Ok(Record::Lines(&self.content))
            }
            (b'E', Some(sum)) => {
                self.table = None;
                self.total.tables += 1;
                self.total.rows += sum.rows;
                if self.json::<Sum>(true)? != sum {
                    return Err(self.damaged("a table has other rows than it says"));
                }
                Ok(Record::EndOfTable(sum))
            }
            (b'Z', None) => {
                if self.json::<Total>(true)? != self.total {
                    return Err(self.damaged("it has other tables than it says"));
                }
                if self
                    .from
                    .read(&mut [0])
                    .await
                    .map_err(|error| self.failed(&error))?
                    > 0
                {
                    return Err(self.damaged("something follows its end"));
                }
                Ok(Record::End)
            }
            _ => Err(self.damaged("a record stands where none of its kind may")),
        }
    }

    /// Reads the whole file only to verify it.
    pub(super) async fn check(mut self) -> Result<(), StoreError> {
        while !matches!(self.next().await?, Record::End) {}
        Ok(())
    }

    async fn first_line(&mut self) -> Result<(), StoreError> {
        let mut line = Vec::with_capacity(FIRST_LINE.len());
        let mut begin = (&mut self.from).take(16);
        if let Err(error) = begin.read_to_end(&mut line).await {
            return Err(self.failed(&error));
        }
        let file = &self.file;
        let message = match line.as_slice() {
            whole if whole == FIRST_LINE => {
                self.before.update(FIRST_LINE);
                self.place = 16;
                return Ok(());
            }
            sqlite if sqlite == SQLITE => format!(
                "{file} is a copy of a SQLite database: it is restored where the database's URL begins with sqlite://"
            ),
            begun if !begun.is_empty() && FIRST_LINE.starts_with(begun) => return Err(self.cut_off()),
            newer if newer.starts_with(PREFIX) => {
                format!("{file} is a backup of another format than this binary knows: use a newer rustok")
            }
            _ => format!("{file} is no backup of RusToK"),
        };
        Err(StoreError::Setup(message))
    }

    /// Reads the next record into `content`; returns its kind.
    async fn record(&mut self) -> Result<u8, StoreError> {
        let mut begin = [0; 5];
        self.fill(&mut begin).await?;
        let [kind, length @ ..] = begin;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length > MAX_CONTENT {
            return Err(self.damaged("a record is too long"));
        }
        let mut content = std::mem::take(&mut self.content);
        content.resize(length, 0);
        self.fill(&mut content).await?;
        self.content = content;
        let expected = self.before.clone().finalize();
        let mut sum = [0; SUM_BYTES];
        self.fill(&mut sum).await?;
        if expected.as_slice() != sum {
            return Err(self.damaged("a checksum is wrong"));
        }
        Ok(kind)
    }

    async fn fill(&mut self, bytes: &mut [u8]) -> Result<(), StoreError> {
        match self.from.read_exact(bytes).await {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(self.cut_off()),
            Err(error) => return Err(self.failed(&error)),
        }
        self.before.update(&*bytes);
        self.place += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Ok(())
    }

    fn json<T: DeserializeOwned>(&self, expected: bool) -> Result<T, StoreError> {
        let read = serde_json::from_slice(&self.content).ok();
        read.filter(|_| expected)
            .ok_or_else(|| self.damaged("a record says what cannot be"))
    }

    fn cut_off(&self) -> StoreError {
        StoreError::Setup(format!(
            "{} is cut off behind byte {}: nothing was restored; copy it again, or take another backup",
            self.file, self.place
        ))
    }

    fn damaged(&self, how: &str) -> StoreError {
        StoreError::Setup(format!(
            "{} is damaged before byte {} ({how}): nothing was restored; copy it again, or take another backup",
            self.file, self.place
        ))
    }

    fn failed(&self, error: &io::Error) -> StoreError {
        StoreError::Setup(format!("cannot read {}: {error}", self.file))
    }
}
