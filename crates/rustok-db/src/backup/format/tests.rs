//! What is written is read, and whatever is not that is told.

use super::*;

async fn file() -> Vec<u8> {
    let head = Head {
        taken_at: "today".to_owned(),
        migrations: vec!["0001_initial".to_owned()],
    };
    let mut bytes = Vec::new();
    let mut writer = Writer::begin(&mut bytes, &head).await.unwrap();
    for (name, lines) in [("empty", ""), ("goods", "1\ttea\n2\tcof\\nfee\n")] {
        let columns = ["id", "name"].map(str::to_owned).to_vec();
        let name = name.to_owned();
        writer.table(&Table { name, columns }).await.unwrap();
        writer.lines(lines.as_bytes()).await.unwrap();
        writer.end_table().await.unwrap();
    }
    writer.end().await.unwrap();
    bytes
}

async fn read(bytes: &[u8]) -> Result<Vec<String>, String> {
    let read = async {
        let (mut reader, head) = Reader::begin(bytes, Path::new("copy")).await?;
        let mut records = vec![head.migrations.join(" ")];
        loop {
            match reader.next().await? {
                Record::Table(table) => records.push(format!("{} {}", table.name, table.columns.join(","))),
                Record::Lines(lines) => records.push(String::from_utf8_lossy(lines).into_owned()),
                Record::EndOfTable(sum) => records.push(format!("{} rows", sum.rows)),
                Record::End => return Ok::<_, StoreError>(records),
            }
        }
    };
    read.await.map_err(|error| error.to_string())
}

#[tokio::test]
async fn what_was_written_is_read() {
    let records = read(&file().await).await.unwrap();
    let goods = "1\ttea\n2\tcof\\nfee\n";
    assert_eq!(
        records,
        [
            "0001_initial",
            "empty id,name",
            "0 rows",
            "goods id,name",
            goods,
            "2 rows"
        ]
    );
}

#[tokio::test]
async fn wherever_it_is_cut_it_is_told() {
    let whole = file().await;
    for length in 1..whole.len() {
        let message = read(&whole[..length]).await.unwrap_err();
        assert!(
            message.contains("copy is cut off behind byte"),
            "{length}: {message}"
        );
    }
    assert!(read(b"").await.unwrap_err().contains("no backup of RusToK"));
}

#[tokio::test]
async fn whichever_byte_is_another_it_is_told() {
    let whole = file().await;
    for place in 0..whole.len() {
        for bit in [0x01, 0x80] {
            let mut changed = whole.clone();
            changed[place] ^= bit;
            let message = read(&changed).await.unwrap_err();
            let expected: &[&str] = if place < FIRST_LINE.len() {
                &["no backup of RusToK", "another format"]
            } else {
                // What says that much follows is not believed beyond the file's end.
                &["copy is damaged before byte", "copy is cut off"]
            };
            assert!(
                expected.iter().any(|words| message.contains(words)),
                "{place}: {message}"
            );
        }
    }
}

#[tokio::test]
async fn what_is_no_backup_is_told() {
    let mut longer = file().await;
    longer.push(0);
    for (bytes, words) in [
        (longer.as_slice(), "something follows its end"),
        (b"SQLite format 3\0 and so on", "copy of a SQLite database"),
        (b"rustok backup 27\n and so on", "use a newer rustok"),
        (b"PGDMP of somebody else, long enough", "no backup of RusToK"),
    ] {
        let message = read(bytes).await.unwrap_err();
        assert!(message.contains(words), "{message}");
    }
}

/// A record that is whole where it stands must not be taken for another one's place.
#[tokio::test]
async fn a_table_in_a_table_is_told() {
    let mut bytes = Vec::new();
    let head = Head {
        taken_at: String::new(),
        migrations: Vec::new(),
    };
    let table = Table {
        name: "a".to_owned(),
        columns: Vec::new(),
    };
    let mut writer = Writer::begin(&mut bytes, &head).await.unwrap();
    writer.table(&table).await.unwrap();
    writer.table(&table).await.unwrap();
    writer.end().await.unwrap();
    let message = read(&bytes).await.unwrap_err();
    assert!(message.contains("none of its kind may"), "{message}");
}
