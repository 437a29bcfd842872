//! Whether the service may be called, said once and told in two ways: over gRPC, and on `/readyz`.

use tokio::sync::watch;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

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

/// Tells the gRPC health service of every change of `readiness`, for each of `services` and for the server as
/// a whole (`""`). Returns when nobody is left who could change it.
pub async fn mirror(mut readiness: watch::Receiver<Readiness>, reporter: HealthReporter, services: &[&str]) {
    loop {
        let ready = readiness.borrow_and_update().obstacle().is_none();
        let status = if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
        for service in [""].iter().chain(services) {
            reporter.set_service_status(service, status).await;
        }
        if readiness.changed().await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use tonic_health::pb::HealthCheckRequest;
    use tonic_health::pb::health_server::Health;
    use tonic_health::server::HealthService;

    use super::*;

    #[tokio::test]
    async fn only_ready_is_serving_and_each_change_is_told() {
        let (tell, readiness) = watch::channel(Readiness::Starting);
        let reporter = HealthReporter::new();
        let service = HealthService::from_health_reporter(reporter.clone());
        let mirroring = tokio::spawn(mirror(readiness, reporter, &["a.B"]));
        for (readiness, expected) in [
            (Readiness::Missing("database".to_owned()), ServingStatus::NotServing),
            (Readiness::Ready, ServingStatus::Serving),
            (Readiness::Draining, ServingStatus::NotServing),
        ] {
            tell.send_replace(readiness);
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            for name in ["", "a.B"] {
                let request = tonic::Request::new(HealthCheckRequest { service: name.to_owned() });
                let answer = service.check(request).await.unwrap().into_inner();
                assert_eq!(answer.status, expected as i32, "{name}");
            }
        }
        drop(tell);
        mirroring.await.unwrap();
    }
}
