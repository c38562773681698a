//! The laws on every text that was trouble somewhere: here, in the tables of RFC 3986, 5890 and UTS 46, or in a fuzzer.

use crate::laws;

/// One text a line; `fuzz/` starts from the same file. Escapes as in JSON, so that every text fits on its line.
const SEEDS: &str = include_str!("seeds.txt");

/// The seeds, with their escapes resolved.
pub(crate) fn seeds() -> Vec<String> {
    SEEDS
        .lines()
        .map(|line| serde_json::from_str(&format!("\"{line}\"")).unwrap())
        .collect()
}

#[test]
fn the_laws_hold_for_every_seed() {
    let seeds = seeds();
    assert!(seeds.len() > 50);
    for seed in &seeds {
        laws::check(seed);
    }
}

#[test]
fn the_laws_hold_for_every_seed_in_every_dress() {
    for seed in seeds() {
        for dressed in [
            format!("{seed}.shops.example"),
            format!("a.{seed}"),
            format!("{seed}."),
            format!("{seed}:80"),
            format!("[{seed}]"),
            format!("xn--{seed}"),
            format!("{seed}@shop.example"),
            seed.to_uppercase(),
        ] {
            laws::check(&dressed);
        }
    }
}

#[test]
fn any_two_seeds_are_one_key_only_when_they_are_one_name() {
    let seeds = seeds();
    for (index, one) in seeds.iter().enumerate() {
        for other in &seeds[index..] {
            laws::check_pair(one, other);
        }
    }
}
