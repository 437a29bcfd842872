//! Whether the service may be called, said once and told in two ways: over gRPC, and on `/readyz`.

use tokio::sync::watch;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::server::{HealthReporter, HealthService};

/// How far the service is from taking calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It has not looked yet.
    Starting,
    /// It takes calls.
    Ready,
    /// Something it needs is not there. The text says what, and is shown to whoever asks.
    Missing(String),
    /// It was told to stop, and takes what comes meanwhile.
    Draining,
}

impl Readiness {
    /// What stands against calls; `None` if nothing does.
    #[must_use]
    pub fn obstacle(&self) -> Option<&str> {
        match self {
            Self::Starting => Some("starting"),
            Self::Ready => None,
            Self::Missing(what) => Some(what),
            Self::Draining => Some("draining"),
        }
    }
}

/// The gRPC health service. It tells of every change of `readiness`, for each of `services` and for the server as a whole
/// (`""`), and of how it stands from the first: of itself it would say that it serves before anything has told it.
pub async fn service(
    mut readiness: watch::Receiver<Readiness>,
    services: Vec<String>,
) -> HealthServer<impl Health> {
    let reporter = HealthReporter::new();
    let service = HealthServer::new(HealthService::from_health_reporter(reporter.clone()));
    let tell = async move |readiness: &mut watch::Receiver<Readiness>| {
        let ready = readiness.borrow_and_update().obstacle().is_none();
        let status = if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
        for service in services.iter().map(String::as_str).chain([""]) {
            reporter.set_service_status(service, status).await;
        }
    };
    tell(&mut readiness).await;
    tokio::spawn(async move {
        while readiness.changed().await.is_ok() {
            tell(&mut readiness).await;
        }
    });
    service
}

#[cfg(test)]
mod tests {
    use tonic_health::pb::HealthCheckRequest;
    use tonic_health::pb::health_client::HealthClient;

    use super::*;

    #[tokio::test]
    async fn only_ready_is_serving_from_the_first_and_each_change_is_told() {
        let (tell, readiness) = watch::channel(Readiness::Starting);
        let service = service(readiness, vec!["a.B".to_owned()]).await;
        for (readiness, expected) in [
            (None, ServingStatus::NotServing),
            (Some(Readiness::Missing("database".to_owned())), ServingStatus::NotServing),
            (Some(Readiness::Ready), ServingStatus::Serving),
            (Some(Readiness::Draining), ServingStatus::NotServing),
        ] {
            // The first is asked for before any other task has had its turn.
            if let Some(readiness) = readiness {
                tell.send_replace(readiness);
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            for service_name in ["", "a.B"] {
                let request = HealthCheckRequest { service: service_name.to_owned() };
                let answer = HealthClient::new(service.clone()).check(request).await.unwrap().into_inner();
                assert_eq!(answer.status, expected as i32, "{service_name}");
            }
        }
    }
}
