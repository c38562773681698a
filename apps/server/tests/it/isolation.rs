//! Nothing of a neighbour, ever: every operation of the API document is tried by everybody who might, with everything of
//! a neighbour that could be sent, on both databases and with each wall between the tenants standing alone.
//!
//! The operations come from the running server's document, so a new one fails here until it has its row in
//! `role_matrix.txt` and its entry in [`calls`]. It must never skip an operation.

pub(crate) mod calls;
pub(crate) mod document;
pub(crate) mod neighbour;
mod roles;
mod things;
pub(crate) mod world;

use rustok_test_support::TestDatabase;
use world::{Wall, World};

/// What must hold whichever wall stands: who may do what, and that nothing of a neighbour is seen or touched.
async fn holds(wall: Wall) {
    let world = World::open(wall.database().await, wall).await;
    roles::check(&world).await;
    let found = neighbour::find_leaks(&world).await;
    assert!(found.is_empty(), "{wall:?}:\n{}", found.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_a_neighbour_on_sqlite() {
    holds(Wall::SqliteFilter).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_a_neighbour_on_postgres() {
    holds(Wall::Both).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_a_neighbour_with_row_security_off() {
    holds(Wall::FilterOnly).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_a_neighbour_with_the_filter_of_the_queries_off() {
    holds(Wall::RowSecurityOnly).await;
}

/// That the walk would see a leak: with neither wall there are many, by ids, by names and in lists.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_wall_the_walk_finds_the_neighbour() {
    let world = World::open(TestDatabase::postgres().await, Wall::None).await;
    let found = neighbour::find_leaks_of_reads(world).await;
    for operation in [
        "read_product",
        "read_order",
        "read_node_history",
        "read_own_order",
        "read_published_node",
        "list_products",
        "list_published_nodes",
    ] {
        let reported = found.iter().any(|leak| leak.split(' ').next() == Some(operation));
        assert!(reported, "{operation}: not seen in\n{}", found.join("\n"));
    }
}
