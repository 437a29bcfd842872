//! Bytes that are no request: it is never our fault. No INTERNAL, no UNKNOWN, and an answer to everything.

use prost::encoding::encode_varint;
use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};

use super::probe::{Prober, full, put};
use crate::descriptors::{method, methods};
use crate::harness::{TestServer, on_each_database};

on_each_database!(TestServer:
    random_bytes_are_refused_or_answered,
    a_truncated_message_is_refused_or_answered,
    a_field_of_the_wrong_wire_type_is_refused,
    what_is_nested_too_deep_is_refused,
);

/// A generator whose seed is printed; `PURSER_TEST_SEED` repeats a run.
#[expect(clippy::print_stdout, reason = "a failure is repeated with it")]
fn seeded() -> StdRng {
    let seed =
        std::env::var("PURSER_TEST_SEED").ok().and_then(|it| it.parse().ok()).unwrap_or_else(rand::random);
    println!("PURSER_TEST_SEED={seed}");
    StdRng::seed_from_u64(seed)
}

async fn random_bytes_are_refused_or_answered(server: TestServer) {
    let prober = Prober::new(&server).await;
    let mut rng = seeded();
    for method in methods() {
        for _ in 0..60 {
            let mut message = vec![0; rng.random_range(0..200)];
            rng.fill_bytes(&mut message);
            // Half of them begin with a field of the method, so that more of them are read to the end.
            if rng.random() {
                let field = rng.random_range(1..=5);
                message.splice(..0, [field << 3 | 2, rng.random_range(0..100)]);
            }
            prober.told(&method, &message, "random").await;
        }
    }
}

async fn a_truncated_message_is_refused_or_answered(server: TestServer) {
    let prober = Prober::new(&server).await;
    for method in methods() {
        let whole = full(&method.input(), 2);
        for length in 0..=whole.len() {
            prober.told(&method, &whole[..length], "truncated").await;
        }
    }
}

async fn a_field_of_the_wrong_wire_type_is_refused(server: TestServer) {
    let prober = Prober::new(&server).await;
    for method in methods() {
        for field in method.input().fields() {
            let right = field.kind().wire_type() as u8;
            // 0 varint, 1 eight bytes, 2 with a length, 3 a group begins, 4 a group ends, 5 four bytes, 6 and 7 nothing.
            for wrong in (0..8).filter(|it| *it != right && !(field.is_list() && *it == 2)) {
                let mut message = Vec::new();
                encode_varint(u64::from(field.number()) << 3 | u64::from(wrong), &mut message);
                message.extend([0; 8]);
                prober.refused(&method, &message, &format!("{} as wire type {wrong}", field.name())).await;
            }
        }
    }
}

/// `{"k": {"k": …}}` as a Struct, so many levels of it.
fn nested(levels: usize) -> Vec<u8> {
    let mut inner = Vec::new();
    for _ in 0..levels {
        let (mut value, mut entry, mut outer) = (Vec::new(), Vec::new(), Vec::new());
        put(&mut value, 5, &inner);
        put(&mut entry, 1, b"k");
        put(&mut entry, 2, &value);
        put(&mut outer, 1, &entry);
        inner = outer;
    }
    inner
}

async fn what_is_nested_too_deep_is_refused(server: TestServer) {
    let prober = Prober::new(&server).await;
    for (name, number) in [("CreateCustomer", 1), ("UpdateCustomer", 6)] {
        let method = method(name);
        for levels in [9, 20, 32, 33, 34, 50, 200, 5_000] {
            let (mut customer, mut message) = (Vec::new(), Vec::new());
            put(&mut customer, 15, &nested(levels));
            put(&mut message, number, &customer);
            if name == "UpdateCustomer" {
                put(&mut message, 1, b"cust_00000000000000000000000000");
                put(&mut message, 7, b"\x0a\x08metadata");
            }
            prober.refused(&method, &message, &format!("{levels} levels")).await;
        }
    }
    // Groups in groups, and messages in messages, in fields that are not there.
    for method in methods() {
        // As many as fit: whoever shows no key may say little.
        let groups = [0x83, 0x7d].repeat(if method.name() == "SubmitClaim" { 4_000 } else { 400_000 });
        prober.refused(&method, &groups, "groups").await;
        let mut message = Vec::new();
        for _ in 0..300 {
            let mut outer = Vec::new();
            put(&mut outer, 1, &message);
            message = outer;
        }
        prober.told(&method, &message, "messages").await;
    }
}
