//! The event methods.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio_stream::Stream;
use tonic::{Request, Response, Status};

use super::{Purser, Reply, authorize, convert};
use crate::api;
use crate::api::event_service_server::EventService;
use crate::app::{Moment, PastKey, WatchStart, Watching};
use crate::domain::{Error, EventFilter, Fault, Faults, PageRequest, Result, Scope};

#[tonic::async_trait]
impl EventService for Purser {
    type WatchStream = WatchStream;

    async fn list_events(&self, request: Request<api::ListEventsRequest>) -> Reply<api::ListEventsResponse> {
        let caller = authorize(&request, Scope::EventsRead)?;
        let api::ListEventsRequest { domain_id, after_sequence, types, customer_id, page_size } =
            request.into_inner();
        let mut faults = Faults::default();
        let domain = faults.absorb(convert::optional_id("domain_id", &domain_id))?;
        let after = faults.take("after_sequence", place(after_sequence));
        let filter = EventFilter {
            types: convert::event_types(types, &mut faults),
            customer: faults.absorb(convert::optional_id("customer_id", &customer_id))?,
        };
        let page = faults.gather(PageRequest::parse(page_size, "", &()))?;
        let limit = faults.finish(page)?.size;
        let found = self.app.list_events(&caller, domain, after, &filter, limit).await?;
        Ok(Response::new(api::ListEventsResponse {
            events: found.events.into_iter().map(Into::into).collect(),
            next_after_sequence: found.through,
            last_sequence: found.last,
        }))
    }

    async fn watch(&self, request: Request<api::WatchRequest>) -> Reply<Self::WatchStream> {
        let caller = authorize(&request, Scope::EventsRead)?;
        let api::WatchRequest { domain_id, from, types } = request.into_inner();
        let mut faults = Faults::default();
        let domain = faults.absorb(convert::optional_id("domain_id", &domain_id))?;
        let types = convert::event_types(types, &mut faults);
        let start = start(from, &mut faults);
        let start = faults.finish(start)?;
        let watching = self.app.watch(&caller, domain, start, types).await?;
        Ok(Response::new(WatchStream { watching }))
    }

    async fn get_customer_as_of(
        &self,
        request: Request<api::GetCustomerAsOfRequest>,
    ) -> Reply<api::GetCustomerAsOfResponse> {
        use api::get_customer_as_of_request::{At, Key};
        let caller = authorize(&request, Scope::EventsRead)?;
        let api::GetCustomerAsOfRequest { key, at } = request.into_inner();
        let mut faults = Faults::default();
        let key = faults.gather(match key {
            None => Err(Error::invalid("key", "is required: id or payment_address")),
            Some(Key::Id(it)) => convert::id("id", &it).map(PastKey::Id),
            Some(Key::PaymentAddress(it)) => {
                convert::parse("payment_address", it.try_into()).map(PastKey::PaymentAddress)
            }
        })?;
        let moment = faults.gather(match at {
            None => Err(Error::invalid("at", "is required: time or sequence")),
            Some(At::Sequence(it)) if it < 1 => Err(Error::invalid("sequence", "must be above zero")),
            Some(At::Sequence(it)) => Ok(Moment::Sequence(it)),
            Some(At::Time(it)) => convert::micros("time", Some(it)).map(|it| Moment::TimeUs(it.unwrap_or(0))),
        })?;
        let (key, moment) = faults.finish(key.zip(moment))?;
        let (member, sequence) = self.app.get_customer_as_of(&caller, &key, moment).await?;
        Ok(Response::new(api::GetCustomerAsOfResponse { customer: Some(member.into()), sequence }))
    }
}

/// A place in a log, or before its first event.
fn place(sequence: i64) -> Result<i64, Fault> {
    if sequence < 0 { Err(Fault::new("must not be negative")) } else { Ok(sequence) }
}

fn start(from: Option<api::watch_request::From>, faults: &mut Faults) -> Option<WatchStart> {
    use api::watch_request::From;
    match from {
        None => Some(WatchStart::Latest),
        Some(From::AfterSequence(it)) => faults.keep("after_sequence", place(it).map(WatchStart::After)),
        Some(From::Start(number)) => match api::WatchStart::try_from(number) {
            Ok(api::WatchStart::Earliest) => Some(WatchStart::Earliest),
            Ok(api::WatchStart::Unspecified | api::WatchStart::Latest) => Some(WatchStart::Latest),
            Ok(api::WatchStart::Snapshot) => Some(WatchStart::Snapshot),
            Err(_) => {
                faults.add("start", Fault::new("is not a value that this version knows"));
                None
            }
        },
    }
}

/// What a watcher is sent; it ends with why it ended.
#[derive(Debug)]
pub(super) struct WatchStream {
    watching: Watching,
}

impl Stream for WatchStream {
    type Item = Result<api::WatchResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(notice) = ready!(self.watching.notices.poll_recv(cx)) {
            return Poll::Ready(Some(Ok(notice.into())));
        }
        let why = ready!(Pin::new(&mut self.watching.end).poll(cx));
        let error = why.unwrap_or_else(|_| Error::internal("a watcher has ended without a reason"));
        Poll::Ready(Some(Err(error.into())))
    }
}
