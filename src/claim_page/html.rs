//! What the page says, as HTML. Nothing gets into it but through [`escaped`].

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::form::Form;
use crate::domain::{Claim, Domain, Fault, Network, wallet};

const STYLE: &str = "
:root{color-scheme:light dark}
body{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:0 auto;padding:1.5rem}
label{display:block;margin-top:1.2rem;font-weight:600}
input,select,textarea,button{font:inherit;width:100%;box-sizing:border-box;padding:.5rem;border:2px solid #767676;border-radius:.3rem}
[aria-invalid=true]{border-color:#c00;border-color:light-dark(#c00,#ff8a80)}
.hint{margin:.2rem 0;font-size:.9rem}
.fault{margin:.2rem 0;font-weight:600}
.faults{border:2px solid #c00;border:2px solid light-dark(#c00,#ff8a80);border-radius:.3rem;padding:.5rem 1rem}
button{margin-top:1.5rem;font-weight:600;background:#0b5cad;color:#fff;border-color:#0b5cad}
:focus-visible{outline:3px solid CanvasText;outline-offset:2px}
dt{font-weight:600}dd{margin:0 0 .6rem;overflow-wrap:anywhere}
";

/// What the page may do: show itself in its own style, and send its form to where it is from.
pub(super) static POLICY: LazyLock<String> = LazyLock::new(|| {
    format!(
        "default-src 'none'; style-src 'sha256-{}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        STANDARD.encode(Sha256::digest(STYLE))
    )
});

/// The fields: what each is called on the wire, to people, and what helps to fill it in.
const FIELDS: [(&str, &str, &str); 5] = [
    ("network", "Network", "The blockchain that you paid on."),
    ("token", "Token", "What you paid with."),
    ("amount", "Amount", "In whole tokens, such as 12.5."),
    ("tx_hash", "Transaction hash", "Your wallet shows it beside the payment."),
    ("note", "Note (optional)", "Anything else we should know."),
];

/// The form, as it was filled in, with what is wrong beside each field, or why it was not received though nothing is.
pub(super) fn form(
    domain: Option<&Domain>,
    form: &Form,
    faults: &[(String, Fault)],
    said: Option<&str>,
) -> String {
    let mut main = String::from("<h1>Confirm your payment</h1>\n");
    if let Some(domain) = domain {
        let name = escaped(domain.name.as_str());
        let _ = writeln!(main, "<p>Tell {name} which payment you made, so that it can be found.</p>");
    }
    summary(&mut main, faults, said);
    main.push_str("<form method=\"post\" novalidate autocomplete=\"off\">\n");
    for (name, label, hint) in FIELDS {
        let fault = faults.iter().find(|it| it.0 == name).map(|it| &it.1);
        field(&mut main, domain, form, (name, label, hint), fault);
    }
    let _ = writeln!(main, "<input type=\"hidden\" name=\"attempt\" value=\"{}\">", escaped(&form.attempt));
    main.push_str("<button type=\"submit\">Send</button>\n</form>\n");
    let title = if faults.is_empty() && said.is_none() {
        "Confirm your payment"
    } else {
        "Error: Confirm your payment"
    };
    document(title, &main)
}

/// What is wrong, before all else and with the focus, with ways to where it is.
fn summary(main: &mut String, faults: &[(String, Fault)], said: Option<&str>) {
    const BOX: &str = "<div class=\"faults\" role=\"alert\" tabindex=\"-1\" autofocus>";
    if let Some(said) = said {
        let _ = writeln!(main, "{BOX}\n<h2>{}</h2>\n</div>", escaped(said));
    }
    if faults.is_empty() {
        return;
    }
    let _ = writeln!(main, "{BOX}\n<h2>Please check</h2>\n<ul>");
    for (name, label, _) in FIELDS {
        for (_, fault) in faults.iter().filter(|it| it.0 == name) {
            let _ = writeln!(main, "<li><a href=\"#{name}\">{}</a></li>", sentence(label, fault));
        }
    }
    main.push_str("</ul>\n</div>\n");
}

fn field(
    main: &mut String,
    domain: Option<&Domain>,
    form: &Form,
    (name, label, hint): (&str, &str, &str),
    fault: Option<&Fault>,
) {
    let _ = writeln!(
        main,
        "<label for=\"{name}\">{label}</label>\n<p class=\"hint\" id=\"{name}-hint\">{hint}</p>"
    );
    let mut about = format!("{name}-hint");
    if let Some(fault) = fault {
        let _ = writeln!(main, "<p class=\"fault\" id=\"{name}-fault\">{}</p>", sentence(label, fault));
        about = format!("{name}-fault {about}");
    }
    let invalid = if fault.is_some() { " aria-invalid=\"true\"" } else { "" };
    let required = if name == "note" { "" } else { " aria-required=\"true\"" };
    let common = format!("id=\"{name}\" name=\"{name}\" aria-describedby=\"{about}\"{invalid}{required}");
    let _ = match name {
        "network" => writeln!(main, "<select {common}>{}</select>", options(networks(domain), &form.network)),
        "token" => writeln!(main, "<select {common}>{}</select>", options(tokens(domain), &form.token)),
        "note" => writeln!(
            main,
            "<textarea {common} rows=\"3\" maxlength=\"500\">\n{}</textarea>",
            escaped(&form.note)
        ),
        "amount" => {
            writeln!(
                main,
                "<input {common} type=\"text\" inputmode=\"decimal\" value=\"{}\">",
                escaped(&form.amount)
            )
        }
        _ => writeln!(
            main,
            "<input {common} type=\"text\" spellcheck=\"false\" autocapitalize=\"none\" value=\"{}\">",
            escaped(&form.tx_hash)
        ),
    };
}

/// What is wrong with a field, as people write it: without the marks that are for programmers.
fn sentence(label: &str, fault: &Fault) -> String {
    let label = label.split(" (").next().unwrap_or(label);
    escaped(&format!("{label} {}", fault.problem()).replace('`', ""))
}

/// The networks that a domain may use; all, where it is not known.
fn allowed(domain: Option<&Domain>) -> impl Iterator<Item = &'static Network> {
    Network::ALL.iter().filter(move |it| domain.is_none_or(|domain| wallet::allow(domain, **it).is_ok()))
}

/// The networks that a domain may use, with what people call them.
fn networks(domain: Option<&Domain>) -> impl Iterator<Item = (&'static str, &'static str)> {
    allowed(domain).map(|it| (it.info().key, it.info().name))
}

/// The tokens of those networks.
fn tokens(domain: Option<&Domain>) -> impl Iterator<Item = (&'static str, &'static str)> {
    let symbols: BTreeSet<_> = allowed(domain).flat_map(|it| it.info().tokens).map(|it| it.symbol).collect();
    symbols.into_iter().map(|it| (it, it))
}

fn options<'a>(of: impl Iterator<Item = (&'a str, &'a str)>, chosen: &str) -> String {
    let mut options = String::from("<option value=\"\">Choose…</option>");
    for (value, name) in of {
        let selected = if value == chosen { " selected" } else { "" };
        let _ = write!(options, "<option value=\"{}\"{selected}>{}</option>", escaped(value), escaped(name));
    }
    options
}

/// That a claim was received.
pub(super) fn received(claim: &Claim) -> String {
    let rows = [
        ("Reference", claim.id.to_string()),
        ("Network", claim.network.info().name.to_owned()),
        ("Amount", format!("{} {}", claim.amount.in_token(claim.decimals), claim.token)),
        ("Transaction hash", claim.tx_hash.as_str().to_owned()),
    ];
    let mut main = String::from(
        "<h1 tabindex=\"-1\" autofocus>Thank you</h1>\n<p>We have received this and will check the payment.</p>\n<dl>\n",
    );
    for (name, value) in rows {
        let _ = writeln!(main, "<dt>{name}</dt><dd>{}</dd>", escaped(&value));
    }
    main.push_str("</dl>\n");
    document("Thank you", &main)
}

/// One sentence.
pub(super) fn note(said: &str) -> String {
    let said = escaped(said);
    document(
        &said,
        &format!("<h1>{said}</h1>\n<p>If you think that this is wrong, ask whoever gave you the link.</p>\n"),
    )
}

fn document(title: &str, main: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"robots\" content=\"noindex\">\n<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n\
         <body>\n<main>\n{main}</main>\n</body>\n</html>\n"
    )
}

/// Text as it is in HTML, between tags or in quotation marks.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for it in text.chars() {
        match it {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // Which no document may hold.
            '\0' => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_text_is_markup() {
        let text = "<script>alert(\"x\" + 'y')</script>&amp;\0";
        let expected = "&lt;script&gt;alert(&quot;x&quot; + &#39;y&#39;)&lt;/script&gt;&amp;amp;\u{fffd}";
        assert_eq!(escaped(text), expected);
    }

    #[test]
    fn the_policy_allows_the_style_and_the_form_and_nothing_else() {
        assert!(POLICY.starts_with("default-src 'none'; style-src 'sha256-"));
        assert!(POLICY.ends_with("; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"));
        assert!(note("x").contains(&format!("<style>{STYLE}</style>")));
    }
}
