//! Short words for who reads the log.

use std::time::Duration;

use purser::api::event_service_client::EventServiceClient;
use purser::api::get_customer_as_of_request::{At, Key};
use purser::api::watch_request::From;
use purser::api::watch_response::Message;
use purser::api::{self, Event};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Status, Streaming};

use crate::harness::{Bearer, connect};
use crate::wire::{Acme, Answer};

/// A client of the log.
#[derive(Clone)]
pub struct Reader(pub EventServiceClient<InterceptedService<Channel, Bearer>>);

impl Reader {
    pub async fn of(it: &Acme) -> Self {
        Self::at(it.server.channel().await, &it.tenant.key)
    }

    pub fn at(channel: Channel, key: &str) -> Self {
        Self(EventServiceClient::with_interceptor(channel, Bearer::new(key)))
    }

    pub async fn elsewhere(address: std::net::SocketAddr, key: &str) -> Self {
        Self::at(connect(address).await, key)
    }

    pub async fn list(&mut self, request: api::ListEventsRequest) -> Answer<api::ListEventsResponse> {
        Ok(self.0.list_events(request).await?.into_inner())
    }

    /// The whole log after a place, page by page.
    pub async fn all_after(&mut self, mut after_sequence: i64) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            let request = api::ListEventsRequest { after_sequence, page_size: 100, ..Default::default() };
            let page = self.list(request).await.unwrap();
            events.extend(page.events);
            after_sequence = page.next_after_sequence;
            if after_sequence == page.last_sequence {
                return events;
            }
        }
    }

    pub async fn watch(&mut self, from: From, types: &[&str]) -> Answer<Stream> {
        let types = types.iter().map(|it| (*it).to_owned()).collect();
        let request = api::WatchRequest { from: Some(from), types, ..Default::default() };
        Ok(Stream(self.0.watch(request).await?.into_inner()))
    }

    pub async fn as_of(&mut self, key: Key, at: At) -> Answer {
        let request = api::GetCustomerAsOfRequest { key: Some(key), at: Some(at) };
        Ok(self.0.get_customer_as_of(request).await?.into_inner().customer.unwrap())
    }
}

/// What a watcher is sent.
pub struct Stream(pub Streaming<api::WatchResponse>);

impl Stream {
    /// The next message, which comes within ten seconds.
    pub async fn next(&mut self) -> Result<Message, Status> {
        let next = tokio::time::timeout(Duration::from_secs(10), self.0.message()).await;
        let next = next.expect("something comes")?;
        Ok(next.expect("the stream goes on").message.unwrap())
    }

    /// The next event, whatever heartbeats come before it.
    pub async fn event(&mut self) -> Event {
        loop {
            match self.next().await.unwrap() {
                Message::Event(it) => return it,
                Message::Heartbeat(_) => {}
                other => panic!("{other:?} is no event"),
            }
        }
    }

    pub async fn events(&mut self, count: usize) -> Vec<Event> {
        let mut events = Vec::with_capacity(count);
        for _ in 0..count {
            events.push(self.event().await);
        }
        events
    }

    /// Why it ended.
    pub async fn end(&mut self) -> Status {
        loop {
            if let Err(status) = self.next().await {
                return status;
            }
        }
    }
}

pub fn after(sequence: i64) -> From {
    From::AfterSequence(sequence)
}

pub fn start(start: api::WatchStart) -> From {
    From::Start(start.into())
}

pub fn now() -> prost_types::Timestamp {
    let us = purser::clock::now_us();
    let nanos = i32::try_from(us % 1_000_000 * 1_000).unwrap();
    prost_types::Timestamp { seconds: us / 1_000_000, nanos }
}
