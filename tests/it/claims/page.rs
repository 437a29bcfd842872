//! The page, byte by byte: what it carries, what it refuses, and that nothing gets into it as markup.

use std::net::SocketAddr;
use std::time::Duration;

use purser::app::App;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::desk::{Desk, FORM, claim, hash, http, pages, token_of};
use crate::harness::{chains, on_each_database};

on_each_database!(Desk:
    every_answer_says_that_nobody_keeps_frames_or_follows_it,
    what_is_wrong_is_said_beside_each_field_and_then_it_is_received,
    a_form_that_is_sent_again_is_received_once_and_shows_that_it_was,
    an_unknown_page_and_a_revoked_one_are_the_same,
    what_is_sent_is_never_markup,
    what_is_no_form_is_refused,
    the_longest_note_of_any_characters_is_received,
    a_link_of_somebody_gone_or_in_a_suspended_domain_cannot_be_used_just_now,
    a_page_before_it_is_open_asks_to_try_again,
    a_form_that_does_not_arrive_is_not_waited_for,
    nothing_of_a_form_is_read_for_whoever_has_no_link,
    however_many_forms_are_on_their_way_whoever_asks_whether_it_lives_gets_in,
);

fn right(byte: u8) -> String {
    format!("network=ethereum&token=USDC&amount=1.5&tx_hash={}&note=tea", hash(byte))
}

/// Sabotage: in `src/claim_page/mod.rs`, leave `guarded` out, or put it on one route alone.
async fn every_answer_says_that_nobody_keeps_frames_or_follows_it(mut it: Desk) {
    let (customer, _) = it.payee().await;
    let (address, token) = (pages(it.app()).await, token_of(&it.link(&customer).await));
    let path = format!("/claim/{token}");
    let long = "x".repeat(33_000);
    for (request, headers, body, status) in [
        (format!("GET {path}"), "", "", "200"),
        (format!("HEAD {path}"), "", "", "200"),
        (format!("GET /claim/{}", "A".repeat(32)), "", "", "404"),
        ("GET /claim".to_owned(), "", "", "404"),
        ("GET /claim/".to_owned(), "", "", "404"),
        (format!("GET {path}/"), "", "", "404"),
        (format!("GET {path}/more"), "", "", "404"),
        ("GET /claim/%ff".to_owned(), "", "", "404"),
        ("GET /claim/%2e%2e/livez".to_owned(), "", "", "404"),
        (format!("POST {path}/"), FORM, "", "404"),
        (format!("PUT {path}"), "", "", "405"),
        (format!("POST {path}"), "content-type: application/json\r\n", "{}", "415"),
        (format!("POST {path}"), "", "x", "415"),
        (format!("POST {path}"), FORM, long.as_str(), "413"),
        (format!("POST {path}"), FORM, "", "422"),
    ] {
        let (head, told) = http(address, &request, headers, body).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{request}: {head}");
        for expected in [
            "referrer-policy: no-referrer",
            "cache-control: no-store",
            "x-content-type-options: nosniff",
            "content-security-policy: default-src 'none'; style-src 'sha256-",
            "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        ] {
            assert!(head.contains(expected), "{request}: {head}");
        }
        assert!(!told.contains(&token) && !head.contains(&token), "{request}");
        assert!(!told.contains("<script") && !told.contains("src=") && !told.contains("http"), "{told}");
        assert_eq!(status == "405", head.contains("allow: GET,HEAD,POST"), "{head}");
    }
}

async fn what_is_wrong_is_said_beside_each_field_and_then_it_is_received(mut it: Desk) {
    let (customer, _) = it.payee().await;
    let (address, link) = (pages(it.app()).await, it.link(&customer).await);
    let post = format!("POST /claim/{}", token_of(&link));
    let before = it.purse.picture().await;
    let wrong = "network=ethereum&token=BTC&amount=1,5&tx_hash=0x1&note=tea";
    let (head, body) = http(address, &post, FORM, wrong).await;
    assert!(head.starts_with("HTTP/1.1 422"), "{head}");
    assert!(body.contains("role=\"alert\" tabindex=\"-1\" autofocus"));
    for field in ["token", "amount", "tx_hash"] {
        assert!(body.contains(&format!("<a href=\"#{field}\">")), "{body}");
        assert!(body.contains(&format!("id=\"{field}-fault\"")));
        let about = format!("aria-describedby=\"{field}-fault {field}-hint\" aria-invalid=\"true\"");
        assert!(body.contains(&about), "{body}");
    }
    // What was right stays as it was.
    assert!(body.contains("<option value=\"ethereum\" selected>") && body.contains("\ntea</textarea>"));
    assert!(!body.contains("network-fault") && body.contains("value=\"1,5\""));
    assert_eq!(it.purse.picture().await, before);
    let (head, body) = http(address, &post, FORM, &right(1)).await;
    assert!(head.starts_with("HTTP/1.1 200") && body.contains("Thank you"), "{head} {body}");
    let claims = it.list(purser::api::ListClaimsRequest::default()).await;
    assert_eq!((claims.len(), claims[0].amount.as_str(), claims[0].note.as_str()), (1, "1.5", "tea"));
    assert!(body.contains(&claims[0].id) && body.contains(&hash(1)));
    for request in [post.replacen("POST", "GET", 1), post] {
        let (head, body) = http(address, &request, FORM, &right(2)).await;
        assert!(head.starts_with("HTTP/1.1 410") && body.contains("This link has been used."), "{body}");
    }
    let other = it.link(&customer).await;
    let (head, body) = http(address, &format!("POST /claim/{}", token_of(&other)), FORM, &right(1)).await;
    assert!(head.starts_with("HTTP/1.1 422") && body.contains("was submitted already"), "{body}");
    it.assert_sound().await;
}

/// Sabotage: in `claim_page::submit`, submit without the form's request.
async fn a_form_that_is_sent_again_is_received_once_and_shows_that_it_was(mut it: Desk) {
    let (customer, _) = it.payee().await;
    let (address, link) = (pages(it.app()).await, it.link(&customer).await);
    let path = format!("/claim/{}", token_of(&link));
    let attempt = async || {
        let (_, opened) = http(address, &format!("GET {path}"), "", "").await;
        let (_, after) = opened.split_once("name=\"attempt\" value=\"").unwrap();
        after.split_once('"').unwrap().0.to_owned()
    };
    let (first, second) = (attempt().await, attempt().await);
    assert!(first != second && first.len() == 32, "{first}");
    let post = format!("POST {path}");
    // It stays the same while the form is mended.
    let (_, mended) = http(address, &post, FORM, &format!("attempt={first}")).await;
    assert!(mended.contains(&format!("name=\"attempt\" value=\"{first}\"")), "{mended}");
    let form = format!("attempt={first}&{}", right(1));
    // A second click, before the first is answered; then a page that is loaded again.
    let (one, other) = tokio::join!(http(address, &post, FORM, &form), http(address, &post, FORM, &form));
    assert!(one.0.starts_with("HTTP/1.1 200") && one.1.contains("Thank you"), "{} {}", one.0, one.1);
    assert_eq!(one, other);
    assert_eq!(http(address, &post, FORM, &form).await, one);
    // What was changed since, or sent from a form opened anew, is another claim, and the link is used.
    for form in [format!("attempt={first}&{}", right(2)), format!("attempt={second}&{}", right(1))] {
        let (head, body) = http(address, &post, FORM, &form).await;
        assert!(head.starts_with("HTTP/1.1 410") && body.contains("This link has been used."), "{body}");
    }
    assert_eq!(it.list(purser::api::ListClaimsRequest::default()).await.len(), 1);
    it.assert_sound().await;
}

async fn an_unknown_page_and_a_revoked_one_are_the_same(mut it: Desk) {
    let (customer, _) = it.payee().await;
    let address = pages(it.app()).await;
    let (revoked, used) = (it.link(&customer).await, it.link(&customer).await);
    it.submit(claim(&token_of(&used), 1)).await.unwrap();
    for link in [&revoked, &used] {
        it.revoke(&link.id).await.unwrap();
    }
    for method in ["GET", "POST"] {
        let ask =
            async |token: &str| http(address, &format!("{method} /claim/{token}"), FORM, &right(2)).await;
        let unknown = ask(&"A".repeat(32)).await;
        assert!(unknown.0.starts_with("HTTP/1.1 404"), "{}", unknown.0);
        for token in ["x", &token_of(&revoked), &token_of(&used), &"A".repeat(500), "%3Cscript%3E", "%00"] {
            assert_eq!(ask(token).await, unknown, "{method} {token}");
        }
    }
}

async fn what_is_sent_is_never_markup(mut it: Desk) {
    let (customer, _) = it.payee().await;
    let post = format!("POST /claim/{}", token_of(&it.link(&customer).await));
    let address = pages(it.app()).await;
    let hostile = "%22%27%3E%3C%2Ftextarea%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E%26%00";
    let body =
        ["network", "token", "amount", "tx_hash", "note"].map(|it| format!("{it}={hostile}")).join("&");
    let (head, told) = http(address, &post, FORM, &body).await;
    assert!(head.starts_with("HTTP/1.1 422"), "{head}");
    assert!(!told.contains("<script") && !told.contains("\"'>") && !told.contains('\0'), "{told}");
    assert!(told.contains("&quot;&#39;&gt;&lt;/textarea&gt;&lt;script&gt;"), "{told}");
}

async fn what_is_no_form_is_refused(mut it: Desk) {
    let (customer, _) = it.payee().await;
    let path = format!("/claim/{}", token_of(&it.link(&customer).await));
    let address = pages(it.app()).await;
    let before = it.purse.picture().await;
    for (method, headers, status) in [
        ("PUT", FORM, "405"),
        ("DELETE", FORM, "405"),
        ("POST", "content-type: multipart/form-data; boundary=x\r\n", "415"),
        ("POST", "content-type: text/plain\r\n", "415"),
    ] {
        let (head, _) = http(address, &format!("{method} {path}"), headers, &right(1)).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{method} {headers}: {head}");
    }
    // 32 KiB are read, and not one more.
    let sized = |size: usize| format!("{}&else=", right(1)) + &"x".repeat(size - right(1).len() - 6);
    let (head, _) = http(address, &format!("POST {path}"), FORM, &sized(32 * 1024 + 1)).await;
    assert!(head.starts_with("HTTP/1.1 413"), "{head}");
    assert_eq!(it.purse.picture().await, before);
    let kind = "content-type: Application/X-WWW-Form-urlencoded; charset=utf-8\r\n";
    let (head, _) = http(address, &format!("POST {path}"), kind, &sized(32 * 1024)).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
}

async fn the_longest_note_of_any_characters_is_received(mut it: Desk) {
    let (customer, _) = it.payee().await;
    let (address, path) = (pages(it.app()).await, format!("/claim/{}", token_of(&it.link(&customer).await)));
    let (_, opened) = http(address, &format!("GET {path}"), "", "").await;
    assert!(opened.contains("rows=\"3\" maxlength=\"500\""), "{opened}");
    let body = right(1).replace("note=tea", &format!("note={}", "%F0%9F%8D%B5".repeat(500)));
    let (head, _) = http(address, &format!("POST {path}"), FORM, &body).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let claims = it.list(purser::api::ListClaimsRequest::default()).await;
    assert_eq!(claims[0].note, "\u{1f375}".repeat(500));
}

async fn a_link_of_somebody_gone_or_in_a_suspended_domain_cannot_be_used_just_now(mut it: Desk) {
    let (customer, _) = it.payee().await;
    let (address, path) = (pages(it.app()).await, format!("/claim/{}", token_of(&it.link(&customer).await)));
    let domain = it.purse.acme.tenant.domain.clone();
    let refused = async || {
        for (method, body) in [("GET", ""), ("POST", "note=tea"), ("POST", right(1).as_str())] {
            let (head, told) = http(address, &format!("{method} {path}"), FORM, body).await;
            assert!(head.starts_with("HTTP/1.1 409"), "{method} {head}");
            assert!(told.contains("This link cannot be used just now.") && !told.contains("<form"), "{told}");
            assert!(!told.contains(&customer) && head.contains("referrer-policy: no-referrer"), "{told}");
        }
    };
    it.purse.acme.suspend(&domain).await;
    // It may be a second late in hearing of it.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    refused().await;
    it.purse.acme.reinstate(&domain).await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert!(http(address, &format!("GET {path}"), "", "").await.0.starts_with("HTTP/1.1 200"));
    it.purse.acme.client.delete(&customer).await.unwrap();
    refused().await;
    assert!(it.list(purser::api::ListClaimsRequest::default()).await.is_empty());
}

async fn a_page_before_it_is_open_asks_to_try_again(mut it: Desk) {
    let (customer, _) = it.payee().await;
    let path = format!("/claim/{}", token_of(&it.link(&customer).await));
    let closed = App::start(it.app().store().clone(), chains());
    let address = pages(&closed).await;
    for (method, body) in [("GET", ""), ("POST", right(1).as_str())] {
        let (head, told) = http(address, &format!("{method} {path}"), FORM, body).await;
        assert!(head.starts_with("HTTP/1.1 503") && head.contains("cache-control: no-store"), "{head}");
        assert!(told.contains("This does not work just now."), "{told}");
        // What was filled in is not lost.
        assert_eq!(told.contains("<option value=\"ethereum\" selected>"), method == "POST", "{told}");
        assert_eq!(told.contains("\ntea</textarea>"), method == "POST", "{told}");
    }
}

async fn a_form_that_does_not_arrive_is_not_waited_for(mut it: Desk) {
    let (customer, _) = it.payee().await;
    let post = format!("POST /claim/{}", token_of(&it.link(&customer).await));
    let mut slow = begin(pages(it.app()).await, &post, 10).await;
    let mut told = String::new();
    let read = slow.read_to_string(&mut told);
    tokio::time::timeout(Duration::from_secs(30), read).await.unwrap().unwrap();
    assert!(told.starts_with("HTTP/1.1 408") && told.contains("referrer-policy: no-referrer"), "{told}");
    assert!(told.contains("The form did not arrive in time."), "{told}");
}

/// Sabotage: in `claim_page::submit`, read the body before the link is opened.
async fn nothing_of_a_form_is_read_for_whoever_has_no_link(it: Desk) {
    let mut slow = begin(pages(it.app()).await, &format!("POST /claim/{}", "A".repeat(32)), 10).await;
    let mut told = [0; 12];
    tokio::time::timeout(Duration::from_secs(30), slow.read_exact(&mut told)).await.unwrap().unwrap();
    assert_eq!(&told, b"HTTP/1.1 404");
}

/// Sabotage: in `claim_page::placed`, let everybody in.
async fn however_many_forms_are_on_their_way_whoever_asks_whether_it_lives_gets_in(mut it: Desk) {
    let (customer, _) = it.payee().await;
    let path = format!("/claim/{}", token_of(&it.link(&customer).await));
    let address = pages(it.app()).await;
    let mut slow = Vec::new();
    for _ in 0..256 {
        slow.push(begin(address, &format!("POST {path}"), 10).await);
    }
    let full = async || http(address, &format!("GET {path}"), "", "").await;
    let told = tokio::time::timeout(Duration::from_secs(30), async {
        loop {
            let told = full().await;
            if told.0.starts_with("HTTP/1.1 503") {
                return told;
            }
            // On a busy machine some are given up before all have begun.
            slow.push(begin(address, &format!("POST {path}"), 10).await);
        }
    });
    let (head, body) = told.await.unwrap();
    assert!(head.contains("referrer-policy: no-referrer") && body.contains("This does not work just now."));
    // No head is held that is larger than is read.
    let large = format!("x-large: {}\r\n", "x".repeat(16 * 1024));
    let (head, _) = http(address, "GET /livez", &large, "").await;
    assert!(head.starts_with("HTTP/1.1 431"), "{head}");
    for path in ["/livez", "/readyz", "/metrics"] {
        let (head, _) = http(address, &format!("GET {path}"), "", "").await;
        assert!(head.starts_with("HTTP/1.1 200"), "{path}: {head}");
    }
    drop(slow);
    let free = async { while !full().await.0.starts_with("HTTP/1.1 200") {} };
    tokio::time::timeout(Duration::from_secs(5), free).await.unwrap();
}

/// The head of a form of which nothing else is sent.
async fn begin(address: SocketAddr, request: &str, length: usize) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "{request} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n{FORM}content-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}
