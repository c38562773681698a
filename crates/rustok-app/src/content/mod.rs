//! Content: the life cycle of nodes, and reads for the administration and the public.
//!
//! The public functions never read a working revision; all others check the actor's role first. The state machine is
//! in `rustok-content`.

mod addresses;
pub mod authors;
mod change;
mod create;
mod duplicate;
pub mod import;
mod life;
pub mod locales;
mod preview;
mod public;
mod read;
pub mod terms;
mod update;

pub use authors::AuthorRef;
pub use authors::manage::{
    AuthorNames, ListedAuthor, MergedAuthor, change_author, create_author, delete_author, get_author,
    list_authors, merge_author,
};
pub use create::{NewContent, WrittenNode, create};
pub use duplicate::duplicate;
pub use life::{ArchiveNode, PublishNode, archive, delete, publish, restore, undelete, unpublish};
pub use preview::preview;
pub use public::{find_public, list_public, public_texts};
pub use read::{get, history, list};
pub use rustok_storage::counted::Counted;
pub use rustok_storage::nodes::details::NodeFilter;
pub use rustok_storage::nodes::history::NodeHistoryEntry;
pub use rustok_storage::nodes::public::{PublicFilter, PublicHead, PublicTerm};
pub use rustok_storage::nodes::texts::{Part, PublicText, TextBody, TextKey};
pub use rustok_storage::nodes::{FiledTerm, ListedText, NodeDetail, StoredNode, TranslationState};
pub use terms::TermRef;
pub use terms::manage::{
    ChangeTerm, ListedTerm, MergedTerm, TermFilter, TermPlace, change_term, create_term, delete_term,
    get_term, list_terms, merge_term,
};
pub use update::{NodeEdit, PutTranslation, UpdateNode, delete_translation, put_translation, update};
