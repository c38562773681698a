//! Import references: which product or node an imported item became, and the hash of its source at that time.
//!
//! An equal hash means that the source has not changed, whatever happened to the product or node since.

use jiff::Timestamp;
use rustok_db::{Statement, StoreError, TenantTx, Value, pad, params, placeholders};
use uuid::Uuid;

const TABLE: &str = "import_references";

/// Maximum number of external ids per [`list_references`] call; bounds the length of the statement.
pub const MAX_LISTED: usize = 256;

/// Kind and source of an imported item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Imported {
    /// Products of Shopify's CSV, by handle.
    ShopifyProduct,
    /// Posts and pages of a WordPress export, by post id.
    WordpressNode,
}

impl Imported {
    const fn source(self) -> &'static str {
        match self {
            Self::ShopifyProduct => "shopify",
            Self::WordpressNode => "wordpress",
        }
    }

    const fn kind(self) -> &'static str {
        match self {
            Self::ShopifyProduct => "product",
            Self::WordpressNode => "node",
        }
    }
}

/// The result of importing an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportReference {
    /// The item's identifier in its source.
    pub external_id: String,
    /// The product or node.
    pub subject_id: Uuid,
    /// SHA-256 of the item as last imported.
    pub hash: [u8; 32],
    /// Hashes of what imports wrote, by field; empty if nothing is known.
    pub fields: Vec<u8>,
    /// When the source says that it changed the item last.
    pub changed_at: Option<Timestamp>,
    /// Where the item was in its source: an absolute URL.
    pub address: Option<String>,
}

/// A reference to store, with the hash found when it was looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferenceChange {
    /// The new reference.
    pub reference: ImportReference,
    /// The hash to replace; `None` for an item that was never imported.
    pub before: Option<[u8; 32]>,
}

/// The existing references for these external ids, at most [`MAX_LISTED`], in no particular order.
///
/// # Errors
/// Those of the database.
pub async fn list_references(
    tx: &mut TenantTx,
    imported: Imported,
    external_ids: &[&str],
) -> Result<Vec<ImportReference>, StoreError> {
    if external_ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut list: Vec<Value<'_>> = external_ids.iter().map(|id| Value::from(*id)).collect();
    pad(&mut list);
    let sql = format!(
        "SELECT external_id, subject_id, hash, fields, changed_at, address FROM import_references \
         WHERE tenant_id = $1 AND source = $2 AND kind = $3 AND external_id IN ({})",
        placeholders(4, list.len())
    );
    let mut values = params![tx.tenant(), imported.source(), imported.kind()].to_vec();
    values.append(&mut list);
    tx.db
        .fetch(TABLE, &sql, &values, |row| {
            Ok(ImportReference {
                external_id: row.get("external_id")?,
                subject_id: row.get("subject_id")?,
                hash: row.get("hash")?,
                fields: row.get::<Option<Vec<u8>>>("fields")?.unwrap_or_default(),
                changed_at: row.get("changed_at")?,
                address: row.get("address")?,
            })
        })
        .await
}

/// Stores references, in the transaction that stores what they point to.
///
/// # Errors
/// [`StoreError::Taken`] or [`StoreError::Stale`] when a concurrent import of the same source was faster: this
/// transaction must not be committed then.
pub async fn save_references(
    tx: &mut TenantTx,
    imported: Imported,
    changes: &[ReferenceChange],
    now: Timestamp,
) -> Result<(), StoreError> {
    let statements: Vec<Statement<'_>> = changes
        .iter()
        .map(|ReferenceChange { reference, before }| {
            let key = [
                tx.tenant().into(),
                imported.source().into(),
                imported.kind().into(),
                Value::from(&reference.external_id),
                reference.subject_id.into(),
                Value::from(&reference.hash),
                now.into(),
                Value::from(reference.fields.as_slice()),
                reference.changed_at.into(),
                reference.address.as_deref().into(),
            ];
            match before {
                None => Statement::one(
                    TABLE,
                    "INSERT INTO import_references \
                     (tenant_id, source, kind, external_id, subject_id, hash, imported_at, fields, changed_at, address) \
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
                    &key,
                ),
                Some(before) => Statement::one(
                    TABLE,
                    "UPDATE import_references SET subject_id = $5, hash = $6, imported_at = $7, fields = $8, \
                     changed_at = $9, address = $10 \
                     WHERE tenant_id = $1 AND source = $2 AND kind = $3 AND external_id = $4 AND hash = $11",
                    &[key.as_slice(), &[Value::from(before)]].concat(),
                ),
            }
        })
        .collect();
    tx.db.execute_all(&statements).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;
    use crate::tests::{id, now, open, soon, tenant};
    use rustok_tenancy::TenantHandle;
    use rustok_test_support::both_databases;

    fn change(external_id: &str, subject: u128, hash: u8, before: Option<u8>) -> ReferenceChange {
        let reference = ImportReference {
            external_id: external_id.to_owned(),
            subject_id: id(subject),
            hash: [hash; 32],
            fields: vec![hash, 0, 255],
            changed_at: Some(now()),
            address: (hash == 1).then(|| "https://site.example/?p=1".to_owned()),
        };
        ReferenceChange {
            reference,
            before: before.map(|byte| [byte; 32]),
        }
    }

    async fn save(
        store: &Store,
        shop: TenantHandle,
        imported: Imported,
        changes: &[ReferenceChange],
    ) -> Result<(), StoreError> {
        let mut tx = store.write(shop, soon()).await?;
        save_references(&mut tx, imported, changes, now()).await?;
        tx.commit().await
    }

    async fn listed(
        store: &Store,
        shop: TenantHandle,
        imported: Imported,
        ids: &[&str],
    ) -> Vec<(String, u128, u8)> {
        let mut tx = store.read(shop, soon()).await.unwrap();
        let found = list_references(&mut tx, imported, ids).await.unwrap();
        let mut found: Vec<_> = found
            .into_iter()
            .map(|r| (r.external_id, r.subject_id.as_u128(), r.hash[0]))
            .collect();
        found.sort();
        found
    }

    both_databases! {
        async fn references_are_kept_by_tenant_source_and_id(db) {
            let store = open(&db).await;
            let (one, two) = (tenant(&store, 1, "shop1").await, tenant(&store, 2, "shop2").await);
            let products = Imported::ShopifyProduct;
            let changes: Vec<_> =
                (0..40).map(|n| change(&format!("id-{n:02}"), 100 + n, 1, None)).collect();
            save(&store, one, products, &changes).await.unwrap();
            save(&store, two, products, &[change("id-00", 900, 9, None)]).await.unwrap();
            save(&store, one, Imported::WordpressNode, &[change("id-00", 800, 8, None)]).await.unwrap();

            let ids = ["id-00", "id-07", "id-39", "unknown"];
            let expected = [("id-00".to_owned(), 100, 1), ("id-07".to_owned(), 107, 1), ("id-39".to_owned(), 139, 1)];
            assert_eq!(listed(&store, one, products, &ids).await, expected);
            assert_eq!(listed(&store, two, products, &ids).await, [("id-00".to_owned(), 900, 9)]);
            assert_eq!(listed(&store, one, Imported::WordpressNode, &ids).await, [("id-00".to_owned(), 800, 8)]);
            assert_eq!(listed(&store, two, Imported::WordpressNode, &ids).await, []);
            assert_eq!(listed(&store, one, products, &[]).await, []);
        }

        async fn the_slower_of_two_imports_is_told(db) {
            let store = open(&db).await;
            let shop = tenant(&store, 1, "shop1").await;
            let products = Imported::ShopifyProduct;
            save(&store, shop, products, &[change("a", 1, 1, None)]).await.unwrap();
            let again = save(&store, shop, products, &[change("b", 2, 1, None), change("a", 3, 1, None)]).await;
            assert!(matches!(again, Err(StoreError::Taken { .. })), "{again:?}");

            save(&store, shop, products, &[change("a", 1, 2, Some(1))]).await.unwrap();
            let late = save(&store, shop, products, &[change("b", 2, 1, None), change("a", 1, 3, Some(1))]).await;
            assert!(matches!(late, Err(StoreError::Stale { table: TABLE, .. })), "{late:?}");
            let all = listed(&store, shop, products, &["a", "b"]).await;
            assert_eq!(all, [("a".to_owned(), 1, 2)], "nothing of the slower ones was kept");
        }
    }
}
