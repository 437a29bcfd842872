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
fn two_instances_are_never_off_by_more_than_a_twentieth() {
    for text in ["40/s", "1000/s", "999/m", "20000/h"] {
        let allowance = allowance(text);
        assert!(allowance.share() * 2 * 20 <= allowance.tokens().max(40), "{text}");
    }
    assert_eq!(allowance("3/s").share(), 1);
}

#[test]
fn no_number_that_is_taken_overflows() {
    let mut bucket = Bucket::default();
    bucket.charge(allowance("1/24h"), i64::MAX - 1, i64::MAX);
    assert_eq!(bucket.full_ns, i64::MAX);
}
