//! Signatures, in each format.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderName, HeaderValue};
use sha2::Sha256;

use crate::domain::{Error, Result, WebhookFormat, WebhookSecret};

/// The headers that say what a message is and that it is from us. `secrets` are those that sign now, the newest first.
pub(super) fn headers(
    format: WebhookFormat,
    secrets: &[&WebhookSecret],
    id: &str,
    seconds: i64,
    body: &str,
) -> Result<Vec<(HeaderName, HeaderValue)>> {
    let time = seconds.to_string();
    Ok(match format {
        WebhookFormat::Standard => {
            let signatures = secrets.iter().map(|secret| {
                let mac = mac(secret.as_bytes(), &[id, ".", &time, ".", body])?;
                Ok(format!("v1,{}", STANDARD.encode(mac)))
            });
            let signatures = signatures.collect::<Result<Vec<_>>>()?.join(" ");
            vec![
                header("webhook-id", id)?,
                header("webhook-timestamp", &time)?,
                header("webhook-signature", &signatures)?,
            ]
        }
        WebhookFormat::Fossapay => {
            // There is room for one: that of the newest.
            let mac = secrets.first().map(|secret| mac(secret.expose().as_bytes(), &[body])).transpose()?;
            vec![header("x-fossapay-signature", &hex::encode(mac.unwrap_or_default()))?]
        }
        WebhookFormat::Trxn => {
            let signatures = secrets.iter().map(|secret| {
                let mac = mac(secret.expose().as_bytes(), &[&time, ".", body])?;
                Ok(format!(",v1={}", hex::encode(mac)))
            });
            let signatures = signatures.collect::<Result<String>>()?;
            vec![header("x-trxn-signature", &format!("t={time}{signatures}"))?]
        }
    })
}

fn mac(key: &[u8], parts: &[&str]) -> Result<[u8; 32]> {
    let mac = Hmac::<Sha256>::new_from_slice(key).map_err(Error::internal)?;
    let mac = parts.iter().fold(mac, Mac::chain_update);
    Ok(mac.finalize().into_bytes().into())
}

fn header(name: &'static str, value: &str) -> Result<(HeaderName, HeaderValue)> {
    Ok((HeaderName::from_static(name), HeaderValue::from_str(value).map_err(Error::internal)?))
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    fn signed(
        format: WebhookFormat,
        secrets: &[&WebhookSecret],
        id: &str,
        seconds: i64,
        body: &str,
    ) -> String {
        let (_, value) = headers(format, secrets, id, seconds, body).unwrap().pop().unwrap();
        value.to_str().unwrap().to_owned()
    }

    fn secret(text: &str) -> WebhookSecret {
        WebhookSecret::from_bytes(Zeroizing::new(STANDARD.decode(text).unwrap()))
    }

    #[test]
    fn the_example_of_standard_webhooks_comes_out() {
        let secret = secret("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let body = r#"{"test": 2432232314}"#;
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        assert_eq!(
            signed(WebhookFormat::Standard, &[&secret], id, 1_614_265_330, body),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn each_secret_that_signs_has_a_signature_the_newest_first() {
        let (new, old) =
            (secret("bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3"), secret("b2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xk"));
        let both = |format| signed(format, &[&new, &old], "evt_1", 7, "{}");
        let one = |format, secret| signed(format, &[secret], "evt_1", 7, "{}");
        let standard = WebhookFormat::Standard;
        assert_eq!(both(standard), format!("{} {}", one(standard, &new), one(standard, &old)));
        let trxn = WebhookFormat::Trxn;
        let of_old = one(trxn, &old);
        assert_eq!(both(trxn), format!("{},{}", one(trxn, &new), of_old.strip_prefix("t=7,").unwrap()));
        assert_eq!(both(WebhookFormat::Fossapay), one(WebhookFormat::Fossapay, &new));
    }
}
