//! How names are resolved: each by one look-up at a time, and few at once.
//!
//! The system's resolver holds a thread for as long as it takes, which may be half a minute, and cannot be told to stop.
//! So a look-up goes on after whoever asked has lost patience, and keeps its place until it has really ended: names that
//! never resolve hold the threads that they have and no more.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};

/// A future of a resolver.
pub type Resolving = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// How long a name may take to resolve.
const PATIENCE: Duration = Duration::from_secs(3);
/// How many names are looked up at once.
const AT_ONCE: usize = 16;

/// Why there are no addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoAnswer {
    /// The resolver said so.
    Failed,
    /// It has not said anything in time, or was not even asked, as others do not end.
    Late,
}

type Answer = Result<Vec<IpAddr>, NoAnswer>;

/// Whoever looks names up. Cheap to clone.
#[derive(Clone)]
pub(super) struct Names {
    resolve: Arc<dyn Fn(String) -> Resolving + Send + Sync>,
    places: Arc<Semaphore>,
    /// Look-ups that have not ended.
    under_way: Arc<Mutex<HashMap<String, watch::Receiver<Option<Answer>>>>>,
}

impl Names {
    pub(super) fn new(resolve: impl Fn(String) -> Resolving + Send + Sync + 'static) -> Self {
        Self {
            resolve: Arc::new(resolve),
            places: Arc::new(Semaphore::new(AT_ONCE)),
            under_way: Arc::default(),
        }
    }

    /// As the system resolves them.
    pub(super) fn of_system() -> Self {
        Self::new(|name| Box::pin(by_system(name)))
    }

    /// The addresses of a name.
    pub(super) async fn addresses(&self, name: &str) -> Answer {
        let answered = async {
            let mut answer = self.joined(name)?;
            let answer = answer.wait_for(Option::is_some).await.map_err(|_| NoAnswer::Failed)?;
            answer.clone().unwrap_or(Err(NoAnswer::Failed))
        };
        tokio::time::timeout(PATIENCE, answered).await.unwrap_or(Err(NoAnswer::Late))
    }

    /// The look-up of a name that is under way, or a new one, if there is a place for it.
    fn joined(&self, name: &str) -> Result<watch::Receiver<Option<Answer>>, NoAnswer> {
        let mut under_way = self.lock();
        if let Some(it) = under_way.get(name) {
            return Ok(it.clone());
        }
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| NoAnswer::Late)?;
        let (tell, answer) = watch::channel(None);
        under_way.insert(name.to_owned(), answer.clone());
        let looking = Looking { names: self.clone(), name: name.to_owned() };
        tokio::spawn(async move {
            let found = (looking.names.resolve)(looking.name.clone()).await.map_err(|_| NoAnswer::Failed);
            // Whoever asks from now on gets an answer of their own.
            drop(looking);
            drop(place);
            tell.send_replace(Some(found));
        });
        Ok(answer)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, watch::Receiver<Option<Answer>>>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Names").finish_non_exhaustive()
    }
}

/// A look-up that is under way, until it ends, in whatever way.
struct Looking {
    names: Names,
    name: String,
}

impl Drop for Looking {
    fn drop(&mut self) {
        self.names.lock().remove(&self.name);
    }
}

async fn by_system(name: String) -> io::Result<Vec<IpAddr>> {
    Ok(tokio::net::lookup_host((name, 0)).await?.map(|it| it.ip()).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Notify;

    use super::*;

    /// Names of which those that begin with `slow` do not resolve before they are let, and how many are being looked up.
    fn names() -> (Names, Arc<Notify>, Arc<AtomicUsize>) {
        let (let_go, asked) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
        let (waiting, counted) = (Arc::clone(&let_go), Arc::clone(&asked));
        let names = Names::new(move |name| {
            counted.fetch_add(1, Ordering::Relaxed);
            let waiting = Arc::clone(&waiting);
            Box::pin(async move {
                if name.starts_with("slow") {
                    waiting.notified().await;
                }
                Ok(vec![IpAddr::from([192, 0, 2, 1])])
            })
        });
        (names, let_go, asked)
    }

    #[tokio::test]
    async fn a_name_that_does_not_resolve_is_looked_up_once_however_many_ask() {
        let (names, let_go, asked) = names();
        let asking = (0..100).map(|_| {
            let names = names.clone();
            tokio::spawn(async move { names.addresses("slow.example").await })
        });
        for it in asking.collect::<Vec<_>>() {
            assert_eq!(it.await.unwrap(), Err(NoAnswer::Late));
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        let_go.notify_one();
        tokio::time::sleep(Duration::from_millis(50)).await;
        // The next is asked for anew.
        let_go.notify_one();
        assert!(names.addresses("slow.example").await.is_ok());
        assert_eq!(asked.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn look_ups_that_do_not_end_hold_their_places_and_no_others() {
        let (names, let_go, asked) = names();
        let asking = (0..AT_ONCE).map(|n| {
            let names = names.clone();
            tokio::spawn(async move { names.addresses(&format!("slow{n}.example")).await })
        });
        for it in asking.collect::<Vec<_>>() {
            assert_eq!(it.await.unwrap(), Err(NoAnswer::Late));
        }
        assert_eq!(names.addresses("quick.example").await, Err(NoAnswer::Late));
        assert_eq!(asked.load(Ordering::Relaxed), AT_ONCE);
        let_go.notify_waiters();
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(names.addresses("quick.example").await.is_ok());
    }
}
