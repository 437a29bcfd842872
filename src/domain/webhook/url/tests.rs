use super::*;

fn url(text: &str) -> Result<WebhookUrl, Fault> {
    WebhookUrl::try_from(text.to_owned())
}

/// Whether it is refused as it stands: it does not parse, or is an address that is not public.
fn is_refused(host: &str) -> bool {
    match url(&format!("https://{host}/hook")) {
        Err(_) => true,
        Ok(it) => {
            let addresses: Vec<_> = it.host().address().into_iter().collect();
            it.judge(false, &addresses).is_err()
        }
    }
}

/// WH-2, the spellings: every way that we know to write an address that is not public. A name is resolved first, and
/// what it leads to is judged the same.
///
/// Sabotage: judge the text, by its dots, and not what the URL standard makes of it.
#[test]
fn every_spelling_of_an_address_that_is_not_public_is_refused() {
    let listed = include_str!("private_hosts.txt");
    let hosts: Vec<_> = listed.lines().filter(|it| !it.is_empty() && !it.starts_with('#')).collect();
    assert!(hosts.len() >= 150, "{} spellings", hosts.len());
    let taken: Vec<_> = hosts.iter().filter(|it| !is_refused(it)).collect();
    assert!(taken.is_empty(), "{taken:#?}");
    // With a port it is the same host.
    assert!(hosts.iter().all(|it| is_refused(&format!("{it}:8443"))));
}

#[test]
fn public_hosts_are_taken_however_they_are_spelt() {
    for host in [
        "example.com",
        "EXAMPLE.com.",
        "1.1.1.1",
        "0x01010101",
        "16843009",
        "[2606:4700:4700::1111]",
        "xn--bcher-kva.example",
        "bücher.example",
        "127.0.0.1.example.com",
        "10.example.com",
    ] {
        assert!(!is_refused(host), "{host}");
    }
    assert_eq!(url("https://0x01.1.1:8443/a?b=c").unwrap().as_str(), "https://1.1.0.1:8443/a?b=c");
}

#[test]
fn what_is_no_url_to_deliver_to_is_refused() {
    let long = format!("https://example.com/{}", "a".repeat(2_049 - "https://example.com/".len()));
    let grows = format!("https://example.com/{}", "é".repeat(900));
    for text in [
        "",
        "example.com",
        "https://",
        "https:///",
        "https://?x",
        "ftp://example.com/",
        "file:///etc/passwd",
        "unix:/run/x.sock",
        "javascript:alert(1)",
        "https://user@example.com/",
        "https://user:secret@example.com/",
        "https://:secret@example.com/",
        "https://example.com/#a",
        "https://example.com/#",
        " https://example.com/",
        "https://example.com/\n",
        "https://exa\tmple.com/",
        "https://example.com/a b",
        "https://example.com:99999/",
        "https://exa mple.com/",
        "https://[::1/",
        "https://%00/",
        &long,
        &grows,
    ] {
        assert!(url(text).is_err(), "{text}");
    }
    assert!(url(&long[..2_048]).is_ok());
}

#[test]
fn plain_http_and_private_addresses_are_for_hosts_that_the_operator_allows() {
    let loopback: IpAddr = "127.0.0.1".parse().unwrap();
    let http = url("http://receiver.internal/").unwrap();
    assert!(http.judge(false, &[]).is_err());
    assert!(http.judge(true, &[loopback]).is_ok());
    let https = url("https://receiver.example/").unwrap();
    assert!(https.judge(false, &[]).is_ok(), "a name that does not resolve now is judged when it is dialled");
    assert!(
        https.judge(false, &["1.1.1.1".parse().unwrap(), loopback]).is_err(),
        "one bad address is enough"
    );
}

#[test]
fn an_allowed_host_is_the_same_in_every_spelling() {
    for (allowed, at) in [
        ("Receiver.Internal", "http://receiver.internal/x"),
        ("127.0.0.1", "http://2130706433:9000/"),
        ("::1", "http://[0:0:0:0:0:0:0:1]/"),
        ("[::1]", "http://[::1]:80/"),
    ] {
        assert_eq!(allowed.parse::<HostName>().unwrap(), url(at).unwrap().host());
    }
    for bad in ["", "a b", "http://x", "x/y", "[::1", "a:80"] {
        assert!(bad.parse::<HostName>().is_err(), "{bad}");
    }
}

#[test]
fn no_path_shows_in_debug() {
    let it = url("https://example.com:444/very/secret?token=1").unwrap();
    assert_eq!(format!("{it:?}"), "https://example.com/…");
}
