use proptest::prelude::*;

use super::*;

const SECOND: i64 = 1_000_000_000;
const NOW: i64 = 1_700_000_000 * SECOND;

fn allowance(text: &str) -> Allowance {
    text.parse().unwrap()
}

#[test]
fn an_allowance_is_a_number_and_a_time() {
    for (text, tokens, seconds) in [
        ("1/s", 1, 1),
        ("100/s", 100, 1),
        ("20000/h", 20_000, 3_600),
        ("600/10m", 600, 600),
        ("5/24h", 5, 86_400),
    ] {
        let it = allowance(text);
        assert_eq!((it.tokens(), it.per()), (tokens, Duration::from_secs(seconds)), "{text}");
        assert_eq!(allowance(&it.to_string()), it);
    }
    for text in [
        "",
        "5",
        "/s",
        "0/s",
        "5/",
        "5/0s",
        "5/25h",
        "5/d",
        "-5/s",
        "1000000001/s",
        "5/1.5s",
        "5 / s",
        "5/99999999999999999999s",
    ] {
        assert!(text.parse::<Allowance>().is_err(), "{text}");
    }
}

#[test]
fn a_bucket_gives_exactly_what_it_holds_and_then_as_fast_as_it_fills() {
    let (allowance, mut bucket) = (allowance("100/10s"), Bucket::default());
    assert_eq!(bucket.left(allowance, NOW), 100);
    assert_eq!((0..200).filter(|_| bucket.take(allowance, NOW, 1, 1).is_ok()).count(), 100);
    assert_eq!(bucket.take(allowance, NOW, 1, 1), Err(Duration::from_millis(100)));
    assert_eq!(bucket.take(allowance, NOW + SECOND / 10 - 1, 1, 1), Err(Duration::from_nanos(1)));
    assert_eq!(bucket.take(allowance, NOW + SECOND / 10, 1, 1), Ok(1));
    assert_eq!(bucket.take(allowance, NOW + SECOND / 10, 1, 1), Err(Duration::from_millis(100)));
    // However long nobody came, it is full and no more.
    assert_eq!(bucket.left(allowance, NOW + 3_600 * SECOND), 100);
}

#[test]
fn as_many_are_taken_as_there_are_of_those_that_are_wanted() {
    let (allowance, mut bucket) = (allowance("100/10s"), Bucket::default());
    assert_eq!(bucket.take(allowance, NOW, 1, 70), Ok(70));
    assert_eq!(bucket.take(allowance, NOW, 1, 70), Ok(30));
    assert_eq!(bucket.take(allowance, NOW, 30, 70), Err(Duration::from_secs(3)));
}

#[test]
fn what_is_owed_is_paid_before_anything_is_given() {
    let (allowance, mut bucket) = (allowance("100/10s"), Bucket::default());
    bucket.charge(allowance, NOW, 120);
    assert_eq!(bucket.left(allowance, NOW), -20);
    assert_eq!(bucket.take(allowance, NOW, 1, 1), Err(Duration::from_millis(2_100)));
    assert_eq!(bucket.take(allowance, NOW + 21 * SECOND / 10, 1, 1), Ok(1));
}

#[test]
fn who_needs_more_than_a_full_bucket_has_waits_for_a_full_one() {
    let (allowance, mut bucket) = (allowance("50/10s"), Bucket::default());
    assert_eq!(bucket.take(allowance, NOW, 100, 100), Ok(100));
    assert_eq!(bucket.left(allowance, NOW), -50);
    assert_eq!(bucket.take(allowance, NOW, 100, 100), Err(Duration::from_secs(20)));
}

#[test]
fn eight_instances_never_keep_more_than_a_twentieth_to_themselves() {
    for text in ["3/s", "40/s", "319/s", "320/s", "1000/s", "999/m", "20000/h"] {
        let allowance = allowance(text);
        // One token of those that are taken is spent at once.
        assert!((allowance.share() - 1) * 8 * 20 <= allowance.tokens(), "{text}");
    }
}

#[test]
fn what_an_instance_has_taken_does_not_outlive_what_comes_to_the_bucket() {
    let (allowance, mut bucket, mut share) = (allowance("400/400s"), Bucket::default(), Share::default());
    share.refill(&mut bucket, allowance, NOW, 1).unwrap();
    let all = |now_ns| share.left(allowance, now_ns) + bucket.left(allowance, now_ns);
    assert_eq!((share.left(allowance, NOW), all(NOW)), (1, 399));
    assert_eq!(all(NOW + SECOND), 400);
    assert_eq!((share.left(allowance, NOW + 400 * SECOND), all(NOW + 400 * SECOND)), (0, 400));
}

/// Tenths of the time that a token takes to come.
fn pause() -> impl Strategy<Value = i64> {
    prop_oneof![50 => 0..30_i64, 1 => 0..5_000_i64]
}

proptest! {
    #[test]
    fn an_instance_gives_out_what_a_bucket_of_its_own_would(
        text in prop::sample::select(vec!["400/400s", "1000/s", "7/3s", "20000/h"]),
        steps in prop::collection::vec((pause(), 1..4_i64, prop::bool::weighted(0.05)), 1..500),
    ) {
        let (allowance, mut now_ns) = (allowance(text), NOW);
        let (mut own, mut bucket, mut share) = (Bucket::default(), Bucket::default(), Share::default());
        for (pause, tokens, is_owed) in steps {
            now_ns += pause * allowance.token_ns() / 10;
            let spent = if is_owed {
                let missing = share.pay(allowance, now_ns, tokens);
                bucket.charge(allowance, now_ns, missing);
                share.seen(bucket);
                true
            } else {
                match share.spend(allowance, now_ns, tokens) {
                    Ok(false) => share.refill(&mut bucket, allowance, now_ns, tokens).is_ok(),
                    spent => spent.is_ok(),
                }
            };
            if spent {
                own.charge(allowance, now_ns, tokens);
            }
            let exact = own.left(allowance, now_ns);
            let left = share.left(allowance, now_ns) + bucket.left(allowance, now_ns);
            prop_assert!((exact - 1..=exact).contains(&left), "{left}, and not {exact}");
        }
    }
}

#[test]
fn what_cannot_be_there_yet_is_refused_without_asking() {
    let (allowance, mut bucket, mut share) = (allowance("10/10s"), Bucket::default(), Share::default());
    assert_eq!(share.spend(allowance, NOW, 1), Ok(false), "nobody knows yet");
    // Others have taken all.
    bucket.charge(allowance, NOW, 10);
    assert_eq!(share.refill(&mut bucket, allowance, NOW, 1), Err(Duration::from_secs(1)));
    assert_eq!(share.spend(allowance, NOW + SECOND - 1, 1), Err(Duration::from_nanos(1)));
    assert_eq!(share.spend(allowance, NOW + SECOND, 1), Ok(false));
    assert_eq!(share.refill(&mut bucket, allowance, NOW + SECOND, 1), Ok(()));
}

#[test]
fn no_number_that_is_taken_overflows() {
    let mut bucket = Bucket::default();
    bucket.charge(allowance("1/24h"), i64::MAX - 1, i64::MAX);
    assert_eq!(bucket.full_ns, i64::MAX);
}
