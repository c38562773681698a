//! Which voice of a request counts, and which requests are refused.

use super::*;
use http::Request;
use http::request::Builder;

const TWICE: NameError = NameError::Head("A header that names the tenant stands more than once.");

/// The names as `host-name|header-name`, and `|name of the target` where that is another; `-` where there is none.
fn named(request: Builder, trusted: bool) -> Result<String, NameError> {
    let validator = TenantIdentifierValidator::new("shops.example").unwrap();
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let show = |name: Option<TenantIdentifier>| name.map_or("-".to_owned(), |name| name.to_string());
    Named::read(&validator, &parts, trusted).map(|named| {
        let target = named
            .by_target
            .map_or(String::new(), |target| format!("|{target}"));
        format!("{}|{}{target}", show(named.by_host), show(named.by_header))
    })
}

fn to(host: &str) -> Builder {
    Request::get("/").header("host", HeaderValue::from_bytes(host.as_bytes()).unwrap())
}

#[test]
fn headers_of_strangers_are_not_even_read() {
    let request = to("one.shops.example")
        .header("x-forwarded-host", "two.shops.example")
        .header("x-forwarded-host", "a_b")
        .header("x-tenant-id", "three")
        .header("x-tenant-id", "!");
    assert_eq!(named(request, false).as_deref(), Ok("slug:one|-"));
}

#[test]
fn headers_of_a_proxy_count() {
    let request = || to("one.shops.example");
    let id = "018F4E6A-7B1C-7DEF-8ABC-0123456789AB";
    assert_eq!(
        named(request().header("x-forwarded-host", "Shop.Example.:443"), true).as_deref(),
        Ok("host:shop.example|-|slug:one")
    );
    assert_eq!(
        named(request().header("x-tenant-id", "Three"), true).as_deref(),
        Ok("slug:one|slug:three")
    );
    assert_eq!(
        named(request().header("x-tenant-id", id), true).as_deref(),
        Ok("slug:one|id:018f4e6a-7b1c-7def-8abc-0123456789ab")
    );
    for bad in ["", "shop.example", "www", "a b", "three,four"] {
        let refused = named(request().header("x-tenant-id", bad), true);
        assert!(
            matches!(refused, Err(NameError::Identifier(_))),
            "{bad:?} {refused:?}"
        );
    }
    let twice = request()
        .header("x-tenant-id", "three")
        .header("x-tenant-id", "three");
    assert_eq!(named(twice, true), Err(TWICE));
}

#[test]
fn several_forwarded_hosts_must_be_one_name() {
    let forwarded = |values: &[&str]| {
        let request = values.iter().fold(to("one.shops.example"), |request, value| {
            request.header("x-forwarded-host", *value)
        });
        named(request, true)
    };
    for same in [
        &["two.shops.example, TWO.shops.example.:443"][..],
        &["two.shops.example", "two.shops.example:80"],
        &["two.shops.example,\ttwo.shops.example", "two.shops.example"],
    ] {
        assert_eq!(forwarded(same).as_deref(), Ok("slug:two|-|slug:one"), "{same:?}");
    }
    let several = Err(NameError::Head("X-Forwarded-Host names several hosts."));
    assert_eq!(forwarded(&["two.shops.example, three.shops.example"]), several);
    assert_eq!(forwarded(&["two.shops.example", "three.shops.example"]), several);
    for bad in ["", ",", "two.shops.example,", "a_b", "two.shops.example, a b"] {
        assert!(
            matches!(forwarded(&[bad]), Err(NameError::Identifier(_))),
            "{bad:?}"
        );
    }
}

#[test]
fn the_hosts_of_the_standard_field_count_like_the_others() {
    let forwarded = |fields: &[(&str, &str)]| {
        let request = fields
            .iter()
            .fold(to("one.shops.example"), |request, (name, value)| {
                request.header(*name, *value)
            });
        named(request, true)
    };
    let (standard, usual) = ("forwarded", "x-forwarded-host");
    for same in [
        &[(standard, "for=_x;host=two.shops.example;proto=https")][..],
        &[(
            standard,
            "host=\"TWO.shops.example:443\", for=unknown, host=two.shops.example",
        )],
        &[
            (standard, "host=two.shops.example"),
            (usual, "two.shops.example:80"),
        ],
    ] {
        assert_eq!(forwarded(same).as_deref(), Ok("slug:two|-|slug:one"), "{same:?}");
    }
    assert_eq!(
        forwarded(&[(standard, "for=192.0.2.1")]).as_deref(),
        Ok("slug:one|-")
    );
    for differing in [
        &[(standard, "host=two.shops.example, host=three.shops.example")][..],
        &[
            (standard, "host=two.shops.example"),
            (standard, "host=one.shops.example"),
        ],
        &[(standard, "host=two.shops.example"), (usual, "one.shops.example")],
        &[(standard, "host=two.shops.example;host=two.shops.example")],
        &[(standard, "host=two.shops.example:443")],
    ] {
        assert!(
            matches!(forwarded(differing), Err(NameError::Head(_))),
            "{differing:?}"
        );
    }
    let rubbish = forwarded(&[(standard, "host=\"a b\"")]);
    assert!(matches!(rubbish, Err(NameError::Identifier(_))), "{rubbish:?}");
    let stranger = to("one.shops.example").header(standard, "host=two.shops.example");
    assert_eq!(named(stranger, false).as_deref(), Ok("slug:one|-"));
}

#[test]
fn a_proxy_may_call_this_server_by_its_address_when_it_names_the_tenant() {
    let request = || to("10.0.0.3:8080");
    let refused = Err(NameError::Identifier(IdentifierError::IpLiteral));
    assert_eq!(
        named(request().header("x-tenant-id", "three"), true).as_deref(),
        Ok("-|slug:three")
    );
    assert_eq!(named(request().header("x-tenant-id", "three"), false), refused);
    assert_eq!(named(request(), true), refused);
    let forwarded = request()
        .header("x-forwarded-host", "two.shops.example")
        .header("x-tenant-id", "three");
    assert_eq!(named(forwarded, true).as_deref(), Ok("slug:two|slug:three"));
    let rubbish = to("a_b").header("x-tenant-id", "three");
    assert_eq!(
        named(rubbish, true),
        Err(NameError::Identifier(IdentifierError::InvalidHost))
    );
}

#[test]
fn the_host_below_a_forwarded_one_is_read_too() {
    let forwarded = |host: &str, forwarded: &str| named(to(host).header("x-forwarded-host", forwarded), true);
    let two = "two.shops.example";
    assert_eq!(
        forwarded("one.shops.example", two).as_deref(),
        Ok("slug:two|-|slug:one")
    );
    assert_eq!(
        forwarded("upstream.internal", two).as_deref(),
        Ok("slug:two|-|host:upstream.internal")
    );
    // The same name, an address, and a name that no tenant can have.
    for own in [
        "TWO.shops.example.:80",
        "10.0.0.3:8080",
        "[::1]:8080",
        "rustok_backend",
        "",
    ] {
        assert_eq!(forwarded(own, two).as_deref(), Ok("slug:two|-"), "{own}");
    }
    let without = Request::get("/").header("x-forwarded-host", two);
    assert_eq!(named(without, true).as_deref(), Ok("slug:two|-"));
    let two_things = Request::get("https://one.shops.example/")
        .version(Version::HTTP_2)
        .header("host", "three.shops.example")
        .header("x-forwarded-host", two);
    let differs = Err(NameError::Head("The request's authority and its Host differ."));
    assert_eq!(named(two_things, true), differs);
}

#[test]
fn the_authority_of_an_absolute_target_decides() {
    let absolute = |uri: &str| Request::get(uri).header("host", "one.shops.example");
    assert_eq!(
        named(absolute("http://two.shops.example:80/"), false).as_deref(),
        Ok("slug:two|-")
    );
    for bad in [
        "http://user@two.shops.example/",
        "http://user:secret@two.shops.example/",
        "http://10.0.0.3/",
    ] {
        assert!(
            matches!(named(absolute(bad), false), Err(NameError::Identifier(_))),
            "{bad}"
        );
    }
    let twice = absolute("http://two.shops.example/").header("host", "one.shops.example");
    assert_eq!(named(twice, false), Err(TWICE));
}

#[test]
fn in_http_2_a_host_must_say_what_the_authority_says() {
    let request = |uri: &str| Request::get(uri).version(Version::HTTP_2);
    let two = || request("https://two.shops.example/");
    assert_eq!(named(two(), false).as_deref(), Ok("slug:two|-"));
    assert_eq!(
        named(two().header("host", "TWO.shops.example:443"), false).as_deref(),
        Ok("slug:two|-")
    );
    for other in ["one.shops.example", "", "a_b"] {
        let differs = Err(NameError::Head("The request's authority and its Host differ."));
        assert_eq!(named(two().header("host", other), false), differs, "{other:?}");
    }
    assert_eq!(
        named(request("/").header("host", "one.shops.example"), false).as_deref(),
        Ok("slug:one|-")
    );
    assert_eq!(named(request("/"), false), Err(NO_HOST));
}

#[test]
fn a_host_in_its_own_script_is_read() {
    let key = "host:xn--bcher-kva.example|-";
    for host in ["bücher.example", "BÜCHER.example:80", "xn--bcher-kva.example."] {
        assert_eq!(named(to(host), false).as_deref(), Ok(key), "{host}");
    }
    let latin1 = HeaderValue::from_bytes(b"b\xfccher.example").unwrap();
    let refused = named(Request::get("/").header("host", latin1), false);
    assert_eq!(
        refused,
        Err(NameError::Head("A header that names the tenant is not text."))
    );
}

#[test]
fn a_host_stands_once() {
    let lines = |hosts: &[&str], version: Version| {
        let headers = hosts
            .iter()
            .map(|host| (HOST, HeaderValue::from_str(host).unwrap()))
            .collect();
        check_host_lines(version, &headers).map_err(|error| (error.status(), error.code().to_owned()))
    };
    let refused = Err((400, "invalid_tenant_identifier".to_owned()));
    assert_eq!(lines(&["a.example"], Version::HTTP_11), Ok(()));
    assert_eq!(lines(&[], Version::HTTP_11), refused);
    assert_eq!(lines(&[], Version::HTTP_10), Ok(()));
    assert_eq!(lines(&[], Version::HTTP_2), Ok(()));
    for version in [Version::HTTP_10, Version::HTTP_11, Version::HTTP_2] {
        assert_eq!(
            lines(&["a.example", "a.example"], version),
            refused,
            "{version:?}"
        );
    }
    assert_eq!(named(Request::get("/"), false), Err(NO_HOST));
}
