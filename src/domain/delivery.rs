//! Deliveries of events to webhook endpoints: what became of each, and when it is tried again.

use super::tenant::DAY_US;
use super::{CustomerId, DeliveryId, EventId, WebhookEndpointId, words};

words! {
    /// What became of a delivery.
    DeliveryStatus {
        /// It is still to be attempted.
        Pending = "PENDING",
        /// The receiver took it.
        Delivered = "DELIVERED",
        /// It was given up.
        Failed = "FAILED",
    }
}

words! {
    /// Why an attempt failed.
    DeliveryFault {
        /// The name of the host has no address.
        NameNotResolved = "NAME_NOT_RESOLVED",
        /// The host has no public address.
        AddressNotPublic = "ADDRESS_NOT_PUBLIC",
        /// Nobody took the connection.
        ConnectionFailed = "CONNECTION_FAILED",
        /// The receiver did not show that it is the host.
        TlsFailed = "TLS_FAILED",
        /// It took longer than an attempt may.
        TimedOut = "TIMED_OUT",
        /// The connection broke, or what came was no HTTP.
        BrokenOff = "BROKEN_OFF",
        /// The answer leads elsewhere, where nothing is ever sent.
        Redirected = "REDIRECTED",
        /// The answer says that it was not taken.
        Unsuccessful = "UNSUCCESSFUL",
        /// The event is no longer kept.
        EventGone = "EVENT_GONE",
        /// The endpoint's format has no form for the event.
        NoForm = "NO_FORM",
    }
}

/// When a delivery is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// For the first time, once those before it of the same customer have been attempted.
    InTurn,
    /// Then, in microseconds since 1970, whatever else is under way.
    At(i64),
}

impl Due {
    /// As it is stored.
    #[must_use]
    pub const fn as_us(self) -> i64 {
        match self {
            Self::InTurn => 0,
            Self::At(us) => us,
        }
    }

    /// One that was stored.
    #[must_use]
    pub const fn from_us(us: i64) -> Self {
        if us == 0 { Self::InTurn } else { Self::At(us) }
    }
}

/// The delivery of one event to one endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Which.
    pub id: DeliveryId,
    /// To where.
    pub endpoint_id: WebhookEndpointId,
    /// The event's place in its domain's log.
    pub sequence: i64,
    /// The event.
    pub event_id: EventId,
    /// Whom the event is about, if it is about a customer.
    pub customer_id: Option<CustomerId>,
    /// The event's type.
    pub kind: String,
    /// What became of it.
    pub status: DeliveryStatus,
    /// How often it was attempted.
    pub attempts: u32,
    /// When it is attempted next, while it is pending.
    pub due: Option<Due>,
    /// When the last attempt ended.
    pub last_attempt_us: Option<i64>,
    /// The HTTP status of the last answer, if there was one.
    pub response_status: Option<u16>,
    /// Why the last attempt failed, if it did.
    pub fault: Option<DeliveryFault>,
    /// When it was first due.
    pub create_us: i64,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AttemptEnd {
    /// The HTTP status of the answer, if there was one.
    pub response_status: Option<u16>,
    /// Why it failed, if it did.
    pub fault: Option<DeliveryFault>,
    /// How long the receiver asked to be left alone, in microseconds.
    pub retry_after_us: Option<i64>,
}

impl AttemptEnd {
    /// An attempt that came to no answer.
    #[must_use]
    pub const fn failed(fault: DeliveryFault) -> Self {
        Self { response_status: None, fault: Some(fault), retry_after_us: None }
    }

    /// What an answer's status means: only 2xx says that the event was taken.
    #[must_use]
    pub const fn answered(status: u16, retry_after_us: Option<i64>) -> Self {
        let fault = match status {
            200..300 => None,
            300..400 => Some(DeliveryFault::Redirected),
            _ => Some(DeliveryFault::Unsuccessful),
        };
        Self { response_status: Some(status), fault, retry_after_us }
    }

    /// Whether the receiver wants no more events at all: 410 Gone.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.response_status == Some(410)
    }
}

impl Delivery {
    /// How long after the first attempt, and after each that follows, the next one comes.
    pub const WAITS_SECONDS: [i64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];

    /// The same once an attempt has ended. `jitter` is anything: it draws the next attempt out by up to a tenth, so that
    /// what failed together does not come back together.
    #[must_use]
    pub fn after(&self, end: AttemptEnd, now_us: i64, jitter: u8) -> Self {
        let attempts = self.attempts.saturating_add(1);
        let next = || next_us(attempts, end.retry_after_us, now_us, jitter);
        let (status, due) = match end.fault {
            None => (DeliveryStatus::Delivered, None),
            Some(DeliveryFault::EventGone | DeliveryFault::NoForm) => (DeliveryStatus::Failed, None),
            Some(_) => match next() {
                Some(us) => (DeliveryStatus::Pending, Some(Due::At(us))),
                None => (DeliveryStatus::Failed, None),
            },
        };
        Self {
            status,
            attempts,
            due,
            last_attempt_us: Some(now_us),
            response_status: end.response_status,
            fault: end.fault,
            ..self.clone()
        }
    }
}

fn next_us(attempts: u32, retry_after_us: Option<i64>, now_us: i64, jitter: u8) -> Option<i64> {
    let waited = usize::try_from(attempts.checked_sub(1)?).ok()?;
    let wait_us = Delivery::WAITS_SECONDS.get(waited)? * 1_000_000;
    let drawn_out = wait_us + wait_us / 10 * i64::from(jitter) / i64::from(u8::MAX);
    // Not for ever, whatever the receiver says.
    let asked = retry_after_us.unwrap_or_default().clamp(0, DAY_US);
    Some(now_us.saturating_add(drawn_out.max(asked)))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const NOW_US: i64 = 1_800_000_000_000_000;

    fn pending() -> Delivery {
        Delivery {
            id: DeliveryId::from_uuid(Uuid::from_u128(1)),
            endpoint_id: WebhookEndpointId::from_uuid(Uuid::from_u128(2)),
            sequence: 3,
            event_id: EventId::from_uuid(Uuid::from_u128(4)),
            customer_id: None,
            kind: "customer.created".to_owned(),
            status: DeliveryStatus::Pending,
            attempts: 0,
            due: Some(Due::InTurn),
            last_attempt_us: None,
            response_status: None,
            fault: None,
            create_us: NOW_US,
        }
    }

    #[test]
    fn it_is_tried_again_after_the_waits_of_the_contract_and_then_given_up() {
        let end = AttemptEnd::failed(DeliveryFault::TimedOut);
        let mut delivery = pending();
        for (made, wait) in (1..).zip(["5s", "5m", "30m", "2h", "5h", "10h", "14h", "20h", "24h"]) {
            let wait_us = i64::try_from(humantime::parse_duration(wait).unwrap().as_micros()).unwrap();
            for jitter in [0, 128, 255] {
                let next = delivery.after(end, NOW_US, jitter);
                let Some(Due::At(at)) = next.due else { panic!("{next:?}") };
                assert!((wait_us..=wait_us + wait_us / 10).contains(&(at - NOW_US)), "{wait} {at}");
                assert_eq!((next.status, next.attempts), (DeliveryStatus::Pending, made));
            }
            delivery = delivery.after(end, NOW_US, 0);
        }
        let last = delivery.after(end, NOW_US, 0);
        assert_eq!((last.status, last.attempts, last.due), (DeliveryStatus::Failed, 10, None));
    }

    #[test]
    fn only_2xx_is_success() {
        for status in [100, 199, 301, 302, 307, 308, 400, 404, 410, 429, 500, 503, 599] {
            let next = pending().after(AttemptEnd::answered(status, None), NOW_US, 0);
            assert_eq!((next.status, next.response_status), (DeliveryStatus::Pending, Some(status)));
            assert!(next.fault.is_some() && next.due.is_some(), "{status}");
        }
        for status in [200, 201, 202, 204, 299] {
            let next = pending().after(AttemptEnd::answered(status, None), NOW_US, 0);
            assert_eq!((next.status, next.due, next.fault), (DeliveryStatus::Delivered, None, None));
        }
        assert!(AttemptEnd::answered(410, None).is_gone());
        assert!(!AttemptEnd::answered(404, None).is_gone() && !AttemptEnd::answered(200, None).is_gone());
    }

    #[test]
    fn a_receiver_is_left_alone_as_long_as_it_asks_but_for_a_day_at_most() {
        let due = |seconds: i64| {
            let end = AttemptEnd::answered(503, Some(seconds * 1_000_000));
            let Some(Due::At(at)) = pending().after(end, NOW_US, 0).due else { panic!() };
            (at - NOW_US) / 1_000_000
        };
        assert_eq!([1, 5, 60, 86_400, 1_000_000, -5].map(due), [5, 5, 60, 86_400, 86_400, 5]);
    }

    #[test]
    fn an_event_that_is_gone_or_has_no_form_is_given_up() {
        for fault in [DeliveryFault::EventGone, DeliveryFault::NoForm] {
            let next = pending().after(AttemptEnd::failed(fault), NOW_US, 0);
            assert_eq!((next.status, next.due), (DeliveryStatus::Failed, None));
        }
    }
}
