//! JSON-RPC 2.0, several calls in one request.

use reqwest::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::domain::Fault;

use super::{Node, http};

/// A method and its parameters.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) method: &'static str,
    pub(super) params: Value,
}

/// Asks all calls at once; the result of each, in their order, if none was refused.
pub(super) async fn results(node: &Node, calls: &[Call]) -> Result<Vec<Value>, Fault> {
    let batch: Vec<Value> = (1_u64..)
        .zip(calls)
        .map(|(id, it)| json!({"jsonrpc": "2.0", "id": id, "method": it.method, "params": it.params}))
        .collect();
    let request = node
        .http
        .post(node.url.clone())
        .header(CONTENT_TYPE, "application/json")
        .body(Value::from(batch).to_string());
    sort(&http::send(request).await?, calls)
}

/// One answer of a batch.
#[derive(Deserialize)]
struct Answer {
    jsonrpc: String,
    id: Option<u64>,
    result: Option<Value>,
    error: Option<Value>,
}

impl Answer {
    fn code(&self) -> Option<i64> {
        self.error.as_ref().and_then(|it| it.get("code")).and_then(Value::as_i64)
    }
}

/// Puts the results, which may come in any order, into that of the calls: one for each, and no other.
///
/// Of a refusal only the method's name and the code are told: a node may repeat the key in its text.
fn sort(body: &[u8], calls: &[Call]) -> Result<Vec<Value>, Fault> {
    const MALFORMED: Fault = Fault::new("gave an answer that is not JSON-RPC");
    let Ok(answers) = serde_json::from_slice::<Vec<Answer>>(body) else {
        // A batch that is refused as a whole has one answer, without a list.
        return Err(match serde_json::from_slice::<Answer>(body) {
            Ok(whole) if whole.error.is_some() => refused("the batch", whole.code()),
            _ => MALFORMED,
        });
    };
    let mut outcomes: Vec<Option<Result<Value, Fault>>> = calls.iter().map(|_| None).collect();
    for answer in answers {
        let place = answer.id.and_then(|it| usize::try_from(it).ok()?.checked_sub(1));
        let (Some(place), "2.0") = (place, answer.jsonrpc.as_str()) else { return Err(MALFORMED) };
        let (Some(outcome @ None), Some(call)) = (outcomes.get_mut(place), calls.get(place)) else {
            return Err(Fault::new("answered a call twice, or one that was not made"));
        };
        let code = answer.code();
        *outcome = Some(match (answer.result, answer.error) {
            (Some(result), None) => Ok(result),
            (None, Some(_)) => Err(refused(call.method, code)),
            _ => return Err(MALFORMED),
        });
    }
    let all: Option<Vec<_>> = outcomes.into_iter().collect();
    all.ok_or(Fault::new("left a call of the batch without an answer"))?.into_iter().collect()
}

fn refused(what: &str, code: Option<i64>) -> Fault {
    Fault::because(match code {
        Some(code) => format!("answered {what} with error {code}"),
        None => format!("answered {what} with an error"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(body: &str) -> Result<Vec<Value>, String> {
        let calls = ["one", "two"].map(|method| Call { method, params: json!([]) });
        sort(body.as_bytes(), &calls).map_err(|it| it.to_string())
    }

    #[test]
    fn answers_are_put_into_the_order_of_the_calls() {
        let results = sorted(
            r#"[{"jsonrpc":"2.0","id":2,"result":"0x2"},
                {"id":1,"jsonrpc":"2.0","result":"0x1","error":null}]"#,
        );
        assert_eq!(results.unwrap(), ["0x1", "0x2"]);
    }

    #[test]
    fn whatever_is_not_one_answer_for_each_call_is_refused() {
        let one = r#"{"jsonrpc":"2.0","id":1,"result":"0x1"}"#;
        let malformed = "gave an answer that is not JSON-RPC";
        let other = "answered a call twice, or one that was not made";
        let missing = "left a call of the batch without an answer";
        for (body, said) in [
            (String::new(), malformed),
            ("<html>".to_owned(), malformed),
            ("null".to_owned(), malformed),
            (one.to_owned(), malformed),
            (
                r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32600}}"#.to_owned(),
                "answered the batch with error -32600",
            ),
            (r#"{"jsonrpc":"2.0","error":{"message":"no"}}"#.to_owned(), "answered the batch with an error"),
            (
                format!(r#"[{{"jsonrpc":"2.0","id":2,"error":{{"code":-32000,"message":"no"}}}},{one}]"#),
                "answered two with error -32000",
            ),
            ("[]".to_owned(), missing),
            (format!("[{one}]"), missing),
            (format!("[{one},{one}]"), other),
            (format!(r#"[{one},{{"jsonrpc":"2.0","id":3,"result":"0x1"}}]"#), other),
            (format!(r#"[{one},{{"jsonrpc":"2.0","id":0,"result":"0x1"}}]"#), malformed),
            (format!(r#"[{one},{{"jsonrpc":"2.0","id":"2","result":"0x1"}}]"#), malformed),
            (format!(r#"[{one},{{"jsonrpc":"2.0","id":null,"result":"0x1"}}]"#), malformed),
            (format!(r#"[{one},{{"jsonrpc":"2.0","result":"0x1"}}]"#), malformed),
            (format!(r#"[{one},{{"jsonrpc":"1.0","id":2,"result":"0x1"}}]"#), malformed),
            (format!(r#"[{one},{{"id":2,"result":"0x1"}}]"#), malformed),
            (format!(r#"[{one},{{"jsonrpc":"2.0","id":2}}]"#), malformed),
            (format!(r#"[{one},{{"jsonrpc":"2.0","id":2,"result":null}}]"#), malformed),
            (format!(r#"[{one},{{"jsonrpc":"2.0","id":2,"id":2,"result":"0x1"}}]"#), malformed),
            (format!(r#"[{one},{{"jsonrpc":"2.0","id":2,"result":"0x1","error":{{"code":1}}}}]"#), malformed),
            (format!(r#"[{one},{{"jsonrpc":"2.0","id":2,"result":"0x1"}}] []"#), malformed),
            (format!(r#"[{one},{{"jsonrpc":"2.0","id":2,"resu"#), malformed),
        ] {
            assert_eq!(sorted(&body).unwrap_err(), said, "{body}");
        }
    }
}
