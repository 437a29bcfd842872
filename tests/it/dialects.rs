//! The dialects: what their documents say, and what those leave to us.

mod everywhere;
mod fossapay;
mod input;
mod juicyway;
mod noderails;
mod paylias;
mod readme;
mod replays;
mod scripts;
mod seeds;
mod shapes;
mod tenancy;
mod trxn;

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::harness::{On, Tenant};
use crate::rest::client::{Answer, Http};
use crate::wallets_wire::Purse;

/// A server with one tenant, `acme`, whose sandbox domain may use every network, and its HTTP port.
pub struct Town {
    pub purse: Purse,
    pub http: SocketAddr,
}

impl Town {
    pub async fn new(on: On) -> Self {
        let purse = Purse::new(on).await;
        let http = purse.acme.server.http().await;
        Self { purse, http }
    }

    pub const fn tenant(&self) -> &Tenant {
        &self.purse.acme.tenant
    }

    /// A caller with the key of `acme`.
    pub fn desk(&self, face: &'static str) -> Desk {
        self.desk_of(face, self.tenant())
    }

    /// A caller with a tenant's key, who says what a dialect has said beside it.
    pub fn desk_of(&self, face: &'static str, tenant: &Tenant) -> Desk {
        let it = self.desk_with(face, &tenant.key);
        match face {
            "paylias" => it
                .with("x-org-id", &tenant.organization.id.to_string())
                .with("x-partner-id", &tenant.domain.id.to_string()),
            _ => it,
        }
    }

    /// A caller with a key.
    pub fn desk_with(&self, face: &'static str, key: &str) -> Desk {
        let (name, value) = match face {
            "fossapay" | "noderails" => ("x-api-key", key.to_owned()),
            "paylias" => ("x-sfpy-api-key", key.to_owned()),
            _ => ("authorization", format!("Bearer {key}")),
        };
        let http = Http::new(self.http);
        Desk { face, http: if key.is_empty() { http } else { http.with(name, value) } }
    }
}

/// Whoever speaks a dialect.
#[derive(Clone)]
pub struct Desk {
    face: &'static str,
    http: Http,
}

impl Desk {
    pub fn with(&self, name: &str, value: &str) -> Self {
        Self { face: self.face, http: self.http.with(name, value) }
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        shown(&self.raw("GET", path, "").await)
    }

    pub async fn send(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        shown(&self.raw(method, path, &body.to_string()).await)
    }

    pub async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.send("POST", path, &body).await
    }

    /// What is not refused. A body that is `null` is none.
    pub async fn ok(&self, method: &str, path: &str, body: Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (status, answer) = shown(&self.raw(method, path, &body).await);
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    pub async fn raw(&self, method: &str, path: &str, body: &str) -> Answer {
        self.bytes(method, path, body.as_bytes().to_vec()).await
    }

    pub async fn bytes(&self, method: &str, path: &str, body: Vec<u8>) -> Answer {
        let path = match self.face {
            "canonical" => path.to_owned(),
            face => format!("/{face}{path}"),
        };
        self.http.with("content-type", "application/json").send(method, &path, body).await
    }

    /// The header that names a request.
    pub fn once(face: &str) -> &'static str {
        if face == "fossapay" { "x-idempotency-key" } else { "idempotency-key" }
    }
}

/// The status, and what was said; nothing where nothing was.
pub fn shown(answer: &Answer) -> (u16, Value) {
    let body = if answer.body.is_empty() { Value::Null } else { answer.value() };
    (answer.status.as_u16(), body)
}

/// Every dialect, with a path at which something can be made, and what makes it there.
pub fn makers() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("fossapay", "/api/v1/customers", json!({"name": "Ada", "email": "ada@mail.example"})),
        (
            "paylias",
            "/csp/api/v1/csp/customer",
            json!({"first_name": "Ada", "last_name": "L", "payment_address": "ada@acme", "status": "ENABLED"}),
        ),
        ("noderails", "/customers", json!({"email": "bob@mail.example"})),
        ("trxn", "/v1/customers", json!({"email": "cy@mail.example"})),
        ("juicyway", "/customers", juicy("dee@mail.example")),
    ]
}

/// A customer as Juicyway wants one.
pub fn juicy(email: &str) -> Value {
    json!({
        "first_name": "Ada", "last_name": "Obi", "email": email, "phone": "+2348012345678", "type": "individual",
        "billing_address": {"line1": "1 Broad Street", "city": "Lagos", "state": "Lagos", "zip_code": "101221",
                            "country": "NG"}
    })
}
