//! What is a hostname, in which form, and what is none.

use super::*;
use IdentifierError::{Empty, InvalidHost, InvalidPort, IpLiteral};
use proptest::prelude::*;

fn host(raw: &str) -> Result<String, IdentifierError> {
    Hostname::parse(raw, false).map(|host| host.to_string())
}

#[test]
fn spellings_of_one_name_meet_in_one_text() {
    for raw in [
        "bücher.example",
        "BÜCHER.Example",
        "bu\u{308}cher.example",
        "xn--bcher-kva.example",
        "XN--BCHER-KVA.EXAMPLE",
        "bücher\u{3002}example",
        "bücher.example.",
        "bücher.example\u{3002}",
        "bücher.example:443",
        "bücher.example.:443",
        "bücher.example:",
    ] {
        assert_eq!(host(raw).as_deref(), Ok("xn--bcher-kva.example"), "{raw}");
    }
}

#[test]
fn sharp_s_is_not_folded_into_ss() {
    assert_eq!(host("straße.example").as_deref(), Ok("xn--strae-oqa.example"));
}

#[test]
fn plain_names_pass() {
    for raw in [
        "localhost",
        "a.b",
        "r3---sn.example",
        "1.example",
        "0x.example",
        "x1",
    ] {
        assert_eq!(host(raw).as_deref(), Ok(raw));
    }
}

#[test]
fn ports_are_checked_not_ignored() {
    for raw in ["a.example:0", "a.example:65535", "a.example:", "a.example:00080"] {
        assert_eq!(host(raw).as_deref(), Ok("a.example"), "{raw}");
    }
    for raw in [
        "a.example:65536",
        "a.example:+80",
        "a.example:-1",
        "a.example: 80",
        "a.example:８０",
        "user:secret@a.example",
        "a.example:x",
        "a.example:80:80",
        "::1",
        "a:80.",
    ] {
        assert_eq!(host(raw), Err(InvalidPort), "{raw}");
    }
    assert_eq!(split_port("a.example:0443"), Ok(("a.example", Some(443))));
    assert_eq!(split_port("[::1]:80"), Ok(("[::1]", Some(80))));
}

#[test]
fn bad_names_are_refused() {
    for raw in ["", ".", ":80"] {
        assert_eq!(host(raw), Err(Empty), "{raw:?}");
    }
    for raw in [
        "a..b",
        "a.b..",
        ".a",
        "-a.b",
        "a-.b",
        "a_b.c",
        "a b.c",
        " a.b",
        "a.b\r\nx",
        "a.b\0",
        "user@a.b",
        "a.b/c",
        "a%2eb",
        "a\u{ff05}2eb",
        "*.a.b",
        "a,b",
        "a\u{7f}.b",
        "a\tb",
        "a\u{ff1a}80",
        "\u{ad}.example",
        "xn--a.example",
        "xn--.example",
        "xn--abc-.example",
        "xn--xn---epa.example",
        "\u{200d}a.example",
        "a\u{200c}b.example",
        "אa.example",
        "1א.example",
        "\u{202e}a.example",
        "\u{301}a.example",
        "\u{fffd}.example",
        "[::1",
        "[::1]x",
        "[::1].",
        "[fe80::1%25eth0]",
        "[fe80::1%eth0]",
        "[v1.x]",
        "[1:2:3:4:5:6:7:8:9]",
        "[127.0.0.1]",
        "[]",
    ] {
        assert_eq!(host(raw), Err(InvalidHost), "{raw:?}");
    }
}

#[test]
fn lengths_are_bounded_on_both_sides() {
    let label = "a".repeat(63);
    let longest = format!("{label}.{label}.{label}.{}", "a".repeat(61));
    assert_eq!(longest.len(), 253);
    assert_eq!(host(&longest).as_deref(), Ok(&*longest));
    assert_eq!(host(&format!("{longest}.:80")).as_deref(), Ok(&*longest));
    assert_eq!(
        host(&format!("{longest}a")),
        Err(IdentifierError::TooLong { max_bytes: 253 })
    );
    assert_eq!(host(&format!("a{label}.b")), Err(InvalidHost));
    assert_eq!(
        host(&"a".repeat(1_025)),
        Err(IdentifierError::TooLong { max_bytes: 1_024 })
    );
}

#[test]
fn a_label_is_measured_in_its_ascii_form() {
    let label = |letters: usize| Hostname::parse(&format!("{}ü.example", "a".repeat(letters)), false);
    let longest = (0..MAX_LABEL_BYTES).rfind(|letters| label(*letters).is_ok());
    let longest = longest.expect("some label fits");
    let text = label(longest).unwrap();
    assert_eq!(text.as_str().find('.'), Some(MAX_LABEL_BYTES));
    // The next one would fit as it was typed, in characters and in bytes.
    assert!(longest + 1 + 'ü'.len_utf8() < MAX_LABEL_BYTES);
    assert_eq!(label(longest + 1), Err(InvalidHost));
}

#[test]
fn a_name_is_measured_in_its_ascii_form() {
    // Four bytes a letter: 1,012 bytes for 253 of them.
    let label = "\u{1d41a}".repeat(63);
    let name = |last: usize| format!("{label}.{label}.{label}.{}", "\u{1d41a}".repeat(last));
    let plain = "a".repeat(63);
    let longest = format!("{plain}.{plain}.{plain}.{}", "a".repeat(61));
    assert_eq!(
        host(&format!("{}.:65535", name(61))).as_deref(),
        Ok(longest.as_str())
    );
    assert_eq!(host(&name(62)), Err(TOO_LONG));
    // Shorter than the limit as it was typed.
    let grows = format!("{}example", "ü.".repeat(60));
    assert!(grows.len() < MAX_HOST_BYTES);
    assert_eq!(host(&grows), Err(TOO_LONG));
}

#[test]
fn ip_literals_only_when_configured() {
    for raw in [
        "127.0.0.1",
        "127.0.0.1:8080",
        "１２７.0.0.1",
        "127.0.0.1.",
        "[::1]",
        "[0:0::1]:80",
    ] {
        assert_eq!(host(raw), Err(IpLiteral), "{raw}");
    }
    for (raw, canonical) in [
        ("127.0.0.1:8080", "127.0.0.1"),
        ("１２７.0.0.1", "127.0.0.1"),
        ("[0:0::1]:80", "[::1]"),
        ("[2001:DB8::A]", "[2001:db8::a]"),
    ] {
        assert_eq!(Hostname::parse(raw, true).unwrap().as_str(), canonical);
        assert_eq!(Hostname::parse(canonical, true).unwrap().as_str(), canonical);
    }
}

#[test]
fn half_addresses_are_never_names() {
    for raw in [
        "127.1",
        "127.1.",
        "0x7f.1",
        "0X7F.0.0.1",
        "0177.0.0.1",
        "１２７．１",
        "a.0x",
        "2130706433",
        "0x7f000001",
        "a.0x1",
        "a.1",
        "1.2.3.4.5",
        "127.0.0.01",
        "256.0.0.1",
    ] {
        assert_eq!(Hostname::parse(raw, true), Err(InvalidHost), "{raw}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_048))]

    #[test]
    fn the_short_way_gives_what_the_long_way_gives(
        raw in "[a-zA-Z0-9x-]{1,5}(\\.[a-zA-Z0-9-]{1,6}){0,3}\\.?(:[0-9x]{0,6})?|(xn--|XN--)?[a-z]{1,3}\\.[a-z0-9]{1,3}|[a-z.]{250,256}",
    ) {
        let mut short = HostText::new();
        if plain(&raw, &mut short) {
            let (name, _) = split_port(&raw).unwrap();
            prop_assert_eq!(Hostname::parse_without_port(name, false), Ok(Hostname(short)));
        } else {
            prop_assert!(short.is_empty());
        }
    }
}

#[test]
fn what_requests_send_takes_the_short_way() {
    for raw in [
        "demo.localhost:8080",
        "WWW.shop.example",
        "a--b.example",
        "localhost",
        "1a.b2:",
    ] {
        assert!(plain(raw, &mut HostText::new()), "{raw}");
    }
}
