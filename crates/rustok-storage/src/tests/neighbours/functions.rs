//! Each function on tenant data, called for the things of [`rows`](super::rows).

use super::rows::{ID, WORD};
use super::*;
use crate::people::accounts::Account;
use crate::people::invitations::{
    Invitation, delete_invitation, find_invitation, find_invitation_by_id, insert_invitation,
    list_invitations,
};
use crate::people::members::{
    count_members, delete_member, find_member, insert_member, list_members, lock_owners, set_role,
};
use crate::people::proofs::{NewProof, count_try, find_proof, insert_proof, note_device, take_proof};
use crate::people::sessions::{
    NewSession, delete_other_sessions, delete_session, delete_sessions, find_session, find_session_by_id,
    insert_link, list_sessions, open_session, take_link, touch_session,
};
use crate::tokens::ApiToken;
use crate::{
    authors, customers, home, idempotency, import_references, imports, inventory, jobs, mails, nodes, orders,
    products, reservations, standing, terms, tokens,
};
use rustok_auth::{Principal, Role, TokenHash};
use rustok_commerce::product::Handle;
use rustok_content::{Author, Taxonomy, Term};
use rustok_core::money::Currency;
use rustok_core::page::Limit;
use rustok_events::ids::EventId;
use rustok_events::{ClaimedJob, Event, Job, JobKind, Topic};
use rustok_text::CanonicalEmail;
use rustok_text::locale::Preference;
use rustok_text::{Locale, Slug};

/// What each function said, by `file::function`.
type Reported = Vec<(&'static str, String)>;

/// Calls a function in a transaction of its own that is never committed.
macro_rules! ask {
    ($reported:ident, $store:ident, $tenant:ident, $($name:literal => |$tx:ident| $call:expr;)+) => {$(
        let mut transaction = $store.write($tenant, soon()).await.unwrap();
        let $tx = &mut transaction;
        let said = format!("{:?}", $call.await);
        drop(transaction);
        $reported.push(($name, said));
    )+};
}

fn preference() -> Preference<'static> {
    Preference {
        wanted: &[],
        default: en(),
    }
}

fn shown_locales() -> nodes::public::ShownLocales<'static> {
    nodes::public::ShownLocales {
        preference: preference(),
        listed: Vec::new(),
    }
}

fn email() -> CanonicalEmail {
    CanonicalEmail::parse("kanarek@example.com").unwrap()
}

fn en() -> Locale {
    "en".parse().unwrap()
}

fn slug() -> Slug {
    Slug::parse(WORD).unwrap()
}

fn author(number: u128) -> Author {
    Author {
        id: id(number).into(),
        login: WORD.to_owned(),
        display_name: String::new(),
    }
}

fn term(number: u128) -> Term {
    Term {
        id: id(number).into(),
        taxonomy: Taxonomy::Category,
        slug: slug(),
        name: "x".to_owned(),
        parent_id: None,
    }
}

fn event(tenant: TenantHandle) -> Event {
    Event::new(
        EventId::from_uuid(id(99)),
        tenant.tenant_id(),
        Topic::ALL[0],
        id(ID),
        now(),
    )
}

fn movement() -> inventory::LevelChange {
    inventory::LevelChange {
        id: id(99).into(),
        variant_id: id(ID).into(),
        delta: 1,
        reason: inventory::MovementReason::Set,
        note: None,
        actor: "test".to_owned(),
        at: now(),
    }
}

/// Asks them all.
pub(super) async fn ask(store: &Store, tenant: TenantHandle) -> Reported {
    // On the heap: unoptimised, the calls of each take more than a thread has.
    let mut reported = Box::pin(content(store, tenant)).await;
    reported.extend(Box::pin(filing(store, tenant)).await);
    reported.extend(Box::pin(shop(store, tenant)).await);
    reported.extend(Box::pin(overviews(store, tenant)).await);
    reported.extend(Box::pin(others(store, tenant)).await);
    reported.extend(Box::pin(of_people(store, tenant)).await);
    reported.extend(of_mails(store, tenant).await);
    reported.extend(Box::pin(of_imports(store, tenant)).await);
    reported
}

async fn content(store: &Store, tenant: TenantHandle) -> Reported {
    let mut reported = Reported::new();
    let (node, other, limit) = (id(ID).into(), id(8).into(), Limit::default());
    let (filter, shown) = (
        nodes::details::NodeFilter::default(),
        nodes::details::ShownLocale::Exactly(en()),
    );
    let (public, base) = (
        nodes::public::PublicFilter::default(),
        Slug::parse("kanarek").unwrap(),
    );
    let text = nodes::texts::TextKey {
        node,
        locale: en(),
        revision: 1,
    };
    ask! { reported, store, tenant,
        "authors::find_author" => |tx| authors::find_author(tx, WORD);
        "authors::insert_author" => |tx| authors::insert_author(tx, &author(8), now());
        "authors::rename_author" => |tx| authors::rename_author(tx, &author(ID));
        "terms::list_terms_known_by" => |tx| terms::list_terms_known_by(tx, &[&slug()], &["name".to_owned()]);
        "terms::list_terms" => |tx| terms::list_terms(tx, &[id(ID).into()]);
        "terms::find_term" => |tx| terms::find_term(tx, Taxonomy::Category, &slug());
        "terms::insert_term" => |tx| terms::insert_term(tx, &term(8), now());
        "terms::update_term" => |tx| terms::update_term(tx, &term(ID));
        "terms::list_lineage" => |tx| terms::list_lineage(tx, id(ID).into());
        "nodes/details::find_node" => |tx| nodes::details::find_node(tx, node, shown);
        "nodes/details::is_in_use" => |tx| nodes::details::is_in_use(tx, node);
        "nodes/details::list_nodes" => |tx| nodes::details::list_nodes(tx, &filter, preference(), nodes::texts::Part::Whole, None, limit);
        "nodes/history::list_history" => |tx| nodes::history::list_history(tx, node, None, limit);
        "nodes/history::find_creator" => |tx| nodes::history::find_creator(tx, node);
        "nodes/public::find_public" => |tx| nodes::public::find_public(tx, &slug(), shown_locales(), now());
        "nodes/public::list_public" => |tx| nodes::public::list_public(tx, &public, shown_locales(), now(), None, limit);
        "nodes/texts::find_texts" => |tx| nodes::texts::find_texts(tx, &[text], nodes::texts::Part::Whole);
        "nodes/texts::find_sizes" => |tx| nodes::texts::find_sizes(tx, &[text]);
        "nodes/slugs::is_taken" => |tx| nodes::slugs::is_taken(tx, en(), other, &slug());
        "nodes/slugs::find_free_number" => |tx| nodes::slugs::find_free_number(tx, en(), other, &base);
        "nodes/slugs::list_saved" => |tx| nodes::slugs::list_saved(tx, node);
    }
    reported
}

async fn filing(store: &Store, tenant: TenantHandle) -> Reported {
    let mut reported = Reported::new();
    let limit = Limit::default();
    ask! { reported, store, tenant,
        "authors/list::list_page" => |tx| authors::list::list_page(tx, None, None, limit);
        "authors/list::find_listed" => |tx| authors::list::find_listed(tx, id(ID).into());
        "authors/retire::lock_author" => |tx| authors::retire::lock_author(tx, id(ID).into());
        "authors/retire::change_author" => |tx| authors::retire::change_author(tx, &author(ID));
        "authors/retire::delete_author" => |tx| async {
            // Its node and its row are told apart.
            authors::retire::delete_author(tx, id(ID).into()).await?;
            authors::list::find_listed(tx, id(ID).into()).await
        };
        "authors/retire::retire_author" => |tx| authors::retire::retire_author(tx, id(ID).into(), id(8).into(), now());
        "authors/retire::move_some" => |tx| async {
            authors::retire::retire_author(tx, id(ID).into(), id(8).into(), now()).await?;
            authors::retire::move_some(tx, id(ID).into()).await
        };
        "terms/list::list_page" => |tx| terms::list::list_page(tx, &terms::list::TermFilter::default(), None, limit);
        "terms/list::find_listed" => |tx| terms::list::find_listed(tx, id(ID).into());
        "terms/retire::lock_term" => |tx| terms::retire::lock_term(tx, id(ID).into());
        "terms/retire::find_namesake" => |tx| async {
            let namesake = Term { name: WORD.to_owned(), ..term(8) };
            terms::retire::find_namesake(tx, &namesake).await
        };
        "terms/retire::rename_term" => |tx| terms::retire::rename_term(tx, &term(ID));
        "terms/retire::retire_term" => |tx| terms::retire::retire_term(tx, id(ID).into(), None, now());
        "terms/retire::move_some" => |tx| async {
            terms::retire::retire_term(tx, id(ID).into(), None, now()).await?;
            terms::retire::move_some(tx, id(ID).into()).await
        };
    }
    reported
}

async fn shop(store: &Store, tenant: TenantHandle) -> Reported {
    let mut reported = Reported::new();
    let (product, variant, limit) = (id(ID).into(), id(ID).into(), Limit::default());
    let (filter, handle) = (products::ProductFilter::default(), Handle::parse(WORD).unwrap());
    let level = inventory::NewLevel {
        available: 5,
        allow_backorder: None,
    };
    let usd = Currency::parse("USD").unwrap();
    ask! { reported, store, tenant,
        "products::find_product" => |tx| products::find_product(tx, product);
        "products::find_product_of_variant" => |tx| products::find_product_of_variant(tx, variant);
        "products/storefront::list_active" => |tx| products::storefront::list_active(tx, None, limit);
        "products/storefront::find_active" => |tx| products::storefront::find_active(tx, WORD);
        "products/storefront::find_stock" => |tx| products::storefront::find_stock(tx, &[product]);
        "products/page::find_products" => |tx| products::find_products(tx, &[product]);
        "products::find_deleted_product" => |tx| async {
            products::delete_product(tx, product, 1, now(), &event(tenant)).await?;
            products::find_deleted_product(tx, product).await
        };
        "standing::find_standing" => |tx| standing::find_standing(tx, Principal::Token(id(ID).into()), Timestamp::UNIX_EPOCH);
        "products/page::list_products" => |tx| products::list_products(tx, &filter, None, limit);
        "products/write::find_taken_handles" => |tx| products::find_taken_handles(tx, &[handle], None);
        "products/write::lock_product" => |tx| products::lock_product(tx, product);
        "products/write::lock_product_of_variant" => |tx| products::lock_product_of_variant(tx, variant);
        "products/write::advance_product" => |tx| products::advance_product(tx, product, 1, now(), &event(tenant));
        "products/write::delete_product" => |tx| products::delete_product(tx, product, 1, now(), &event(tenant));
        "products/write::undelete_product" => |tx| async {
            let before = products::find_product(tx, product).await?;
            let Some(before) = before else { return Ok(None) };
            let undeleted = products::undelete_product(tx, &before, &before.handle, now(), &event(tenant)).await;
            undeleted.map(Some)
        };
        "inventory::lock_level" => |tx| inventory::lock_level(tx, variant);
        "inventory::set_level" => |tx| inventory::set_level(tx, None, &level, movement(), &event(tenant));
        "inventory::adjust_level" => |tx| inventory::adjust_level(tx, &movement(), 0..=9, &event(tenant));
        "reservations::read_shelf" => |tx| reservations::read_shelf(tx, &[variant], &[WORD], usd, reservations::Buyer { email: &email(), network: Some(&[1; 16]) });
        "customers::upsert_customer" => |tx| customers::upsert_customer(tx, id(8).into(), &email(), now());
    }
    let (order, all) = (id(ID).into(), orders::OrderFilter::default());
    let claimed = ClaimedJob {
        job: Job {
            id: id(ID).into(),
            tenant_id: tenant.tenant_id(),
            kind: JobKind::ExpireOrder,
            subject_id: id(ID),
            due_at: now(),
        },
        lease: id(ID),
        attempts: 1,
    };
    ask! { reported, store, tenant,
        "orders::find_order" => |tx| orders::find_order(tx, order);
        "orders/list::list_orders" => |tx| orders::list_orders(tx, &all, None, limit);
        "orders/history::list_history" => |tx| orders::list_history(tx, order);
        "jobs::postpone_job" => |tx| jobs::postpone_job(tx, JobKind::ExpireOrder, id(ID), now());
        "jobs::delete_job" => |tx| jobs::delete_job(tx, JobKind::ExpireOrder, id(ID));
        "jobs::schedule" => |tx| jobs::schedule(tx, &Job { kind: JobKind::RetireTerm, ..claimed.job });
        "jobs::finish" => |tx| jobs::finish(tx, &claimed);
        "jobs::reschedule" => |tx| jobs::reschedule(tx, &claimed, now());
    }
    reported
}

async fn overviews(store: &Store, tenant: TenantHandle) -> Reported {
    let mut reported = Reported::new();
    let (variant, limit) = (id(ID).into(), Limit::default());
    let usd = Currency::parse("USD").unwrap();
    ask! { reported, store, tenant,
        "customers::list_customers" => |tx| customers::list_customers(tx, None, None, limit, 9);
        "customers::find_customers" => |tx| customers::find_customers(tx, &[id(ID).into()], 9);
        "customers::find_matching" => |tx| async {
            // The word index has the word of another kind of thing.
            customers::upsert_customer(tx, id(8).into(), &email(), now()).await?;
            let found = customers::find_matching(tx, &rustok_text::words::Query::of("kanarek"), None, limit).await?;
            Ok::<_, StoreError>((found, customers::list_customers(tx, None, None, limit, 9).await?))
        };
        "orders/list::list_orders_of" => |tx| orders::list_orders_of(tx, &[id(ID).into()], limit);
        "inventory::list_movements" => |tx| inventory::list_movements(tx, variant, None, limit);
        "orders/sales::list_sales" => |tx| orders::sales::list_sales(tx, usd, 0, 9);
        "home::count_to_handle" => |tx| home::count_to_handle(tx);
        "home::list_low_stock" => |tx| home::list_low_stock(tx, 9, None, limit);
        "home::list_activity" => |tx| home::list_activity(tx, 9);
    }
    reported
}

async fn others(store: &Store, tenant: TenantHandle) -> Reported {
    let mut reported = Reported::new();
    let scope = idempotency::IdempotencyScope {
        actor: WORD.to_owned(),
        route: WORD.to_owned(),
        key_hash: [0; 32],
    };
    let imported = import_references::Imported::ShopifyProduct;
    let change = import_references::ReferenceChange {
        reference: import_references::ImportReference {
            external_id: WORD.to_owned(),
            subject_id: id(ID),
            hash: [1; 32],
            fields: Vec::new(),
            changed_at: None,
            address: None,
        },
        before: Some([0; 32]),
    };
    let (hash, long_ago) = (TokenHash::from_bytes([0; 32]), Timestamp::UNIX_EPOCH);
    ask! { reported, store, tenant,
        "idempotency::claim" => |tx| idempotency::claim(tx, &scope, long_ago, now());
        "idempotency::count_records_before" => |tx| idempotency::count_records_before(tx, now(), 9);
        "idempotency::delete_records_before" => |tx| idempotency::delete_records_before(tx, now(), 9);
        "import_references::list_references" => |tx| import_references::list_references(tx, imported, &[WORD]);
        "import_references::save_references" => |tx| import_references::save_references(tx, imported, &[change], now());
        "tokens::insert_token" => |tx| tokens::insert_token(tx, &ApiToken::new(id(8).into(), "x", Role::Admin, now()), &hash);
        "tokens::find_token" => |tx| tokens::find_token(tx, &hash, long_ago);
        "tokens::find_token_by_id" => |tx| tokens::find_token_by_id(tx, id(ID).into());
        "tokens::revoke_tokens_of" => |tx| tokens::revoke_tokens_of(tx, id(ID).into(), now());
        "tokens::revoke_expired_tokens" => |tx| tokens::revoke_expired_tokens(tx, now());
        "tokens::expire_token" => |tx| tokens::expire_token(tx, id(ID).into(), now());
        "tokens::touch_token" => |tx| tokens::touch_token(tx, id(ID).into(), now());
        "tokens::list_tokens" => |tx| tokens::list_tokens(tx);
        "tokens::list_valid_tokens" => |tx| tokens::list_valid_tokens(tx);
        "tokens::revoke_token" => |tx| tokens::revoke_token(tx, id(ID).into(), now());
    }
    reported
}

async fn of_people(store: &Store, tenant: TenantHandle) -> Reported {
    let mut reported = Reported::new();
    let (user, session, hash) = (id(ID).into(), id(ID).into(), TokenHash::from_bytes([0; 32]));
    let (early, late) = (Timestamp::UNIX_EPOCH, now());
    let account = Account {
        id: user,
        email: "x@example.com".to_owned(),
        name: WORD.to_owned(),
        password_hash: None,
        created_at: early,
        disabled_at: None,
        vouched_at: None,
        second_factor_at: None,
        version: 1,
    };
    let invitation = Invitation {
        id: id(8).into(),
        email: "x@example.com".to_owned(),
        role: Role::Viewer,
        actor: WORD.to_owned(),
        created_at: early,
        expires_at: late,
    };
    let new = NewSession {
        id: id(8).into(),
        user,
        hash: TokenHash::from_bytes([1; 32]),
        host: String::new(),
        device: String::new(),
        address: None,
        now: late,
        expires_at: late,
        account_version: None,
        second_factor: false,
        replaces: None,
    };
    let proof = NewProof {
        id: id(8).into(),
        user,
        hash: TokenHash::from_bytes([1; 32]),
        code_hash: None,
        now: late,
        expires_at: late,
    };
    ask! { reported, store, tenant,
        "people/proofs::insert_proof" => |tx| insert_proof(tx, &proof, early, 1_000);
        "people/proofs::find_proof" => |tx| find_proof(tx, &hash, false, early);
        "people/proofs::count_try" => |tx| count_try(tx, id(ID).into(), 1_000);
        "people/proofs::take_proof" => |tx| take_proof(tx, id(ID).into(), early);
        "people/proofs::note_device" => |tx| note_device(tx, user, &hash, late);
        "people/invitations::insert_invitation" => |tx| insert_invitation(tx, &invitation, &hash);
        "people/invitations::list_invitations" => |tx| list_invitations(tx, early);
        "people/invitations::find_invitation" => |tx| find_invitation(tx, &hash, early);
        "people/invitations::find_invitation_by_id" => |tx| find_invitation_by_id(tx, id(ID).into());
        "people/invitations::delete_invitation" => |tx| delete_invitation(tx, id(ID).into());
        "people/members::list_members" => |tx| list_members(tx);
        "people/members::insert_member" => |tx| insert_member(tx, &account, Role::Viewer, late);
        "people/members::count_members" => |tx| count_members(tx);
        "people/members::find_member" => |tx| find_member(tx, user);
        "people/members::lock_owners" => |tx| lock_owners(tx);
        "people/members::set_role" => |tx| set_role(tx, user, 1, Role::Viewer, now());
        "people/members::delete_member" => |tx| delete_member(tx, user, 1);
        "people/sessions::open_session" => |tx| open_session(tx, &new);
        "people/sessions::find_session" => |tx| find_session(tx, &hash);
        "people/sessions::find_session_by_id" => |tx| find_session_by_id(tx, user, session);
        "people/sessions::touch_session" => |tx| touch_session(tx, session, late);
        "people/sessions::list_sessions" => |tx| list_sessions(tx, user);
        "people/sessions::delete_session" => |tx| delete_session(tx, user, session);
        "people/sessions::delete_sessions" => |tx| delete_sessions(tx, user);
        "people/sessions::delete_other_sessions" => |tx| delete_other_sessions(tx, user, id(9).into());
        "people/sessions::insert_link" => |tx| insert_link(tx, user, &hash, late);
        "people/sessions::take_link" => |tx| take_link(tx, &hash, early);
    }
    reported
}

async fn of_mails(store: &Store, tenant: TenantHandle) -> Reported {
    let mut reported = Reported::new();
    let mail = mails::NewMail {
        id: id(ID).into(),
        kind: rustok_events::MailKind::NewDevice,
        recipient: WORD.to_owned(),
        language: "en",
        sealed_body: vec![1],
        now: now(),
    };
    let job = Job {
        id: id(8).into(),
        tenant_id: tenant.tenant_id(),
        kind: JobKind::SendMail,
        subject_id: mail.id.as_uuid(),
        due_at: mail.now,
    };
    ask! { reported, store, tenant,
        "mails::insert_waiting" => |tx| mails::insert_waiting(tx, &mail, &job);
        "mails::insert_kept" => |tx| mails::insert_kept(tx, &mail);
        "mails::find_mail" => |tx| mails::find_mail(tx, mail.id);
        "mails::list_kept" => |tx| mails::list_kept(tx, None, Limit::default());
        "mails::end_mail" => |tx| mails::end_mail(tx, mail.id, true, now());
    }
    reported
}

async fn of_imports(store: &Store, tenant: TenantHandle) -> Reported {
    let mut reported = Reported::new();
    let (import, until) = (id(ID).into(), Timestamp::MAX);
    let end = imports::ImportEnd {
        bytes_read: 1,
        counts: imports::ImportCounts::default(),
        errors: Vec::new(),
        failure: None,
        is_incomplete: false,
    };
    let new = imports::NewImport {
        id: import,
        source: imports::ImportSource::Shopify(Currency::parse("USD").unwrap()),
        dry_run: false,
        options: imports::ImportOptions::default(),
        file: WORD.to_owned(),
        actor: WORD.to_owned(),
        bytes_total: 1,
    };
    ask! { reported, store, tenant,
        "imports::count_open" => |tx| imports::count_open(tx);
        "imports::insert_import" => |tx| imports::insert_import(tx, &new, id(8).into(), until, now());
        "imports::find_import" => |tx| imports::find_import(tx, import);
        "imports::list_imports" => |tx| imports::list_imports(tx, None, Limit::default());
        "imports::begin_import" => |tx| imports::begin_import(tx, import, now());
        "imports::save_progress" => |tx| imports::save_progress(tx, import, 0);
        "imports::put_back" => |tx| imports::put_back(tx, import);
        "imports::finish_import" => |tx| imports::finish_import(tx, import, &end, now());
        "imports::fail_import" => |tx| imports::fail_import(tx, import, "x", now());
        "imports::delete_imports_before" => |tx| imports::delete_imports_before(tx, now());
    }
    reported
}
