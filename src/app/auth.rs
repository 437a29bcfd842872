//! Who calls: from the text of an API key to a [`Caller`].

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::App;
use crate::clock;
use crate::domain::{Actor, ApiKey, ApiKeyId, Caller, Error, Result, Secret, SecretHash};
use crate::store::Store;

impl App {
    /// Whoever shows the text of a key.
    ///
    /// # Errors
    ///
    /// [`Error::ApiKeyMissing`], [`Error::ApiKeyInvalid`], [`Error::ApiKeyExpired`], [`Error::ApiKeyRevoked`],
    /// [`Error::RateLimited`].
    pub async fn authenticate(&self, shown: Option<&str>) -> Result<Caller> {
        if !self.0.is_open.load(Ordering::Acquire) {
            return Err(Error::unavailable("starting"));
        }
        let text = shown.ok_or(Error::ApiKeyMissing)?;
        let (id, hash) = Secret::read(text)?;
        let caller = match self.known(id, &hash) {
            Some(known) => known?,
            None if Secret::is_whole(text) => self.look_up(id, &hash).await?,
            None => return Err(Error::ApiKeyInvalid),
        };
        self.count_call(id).await?;
        Ok(caller)
    }

    /// Whether a caller who was let in would still be: their key may have ended while their call goes on.
    ///
    /// # Errors
    ///
    /// As [`App::authenticate`].
    pub(super) async fn still_admits(&self, caller: &Caller) -> Result<()> {
        match (&caller.actor, &caller.shown) {
            (Actor::Key(id), Some(shown)) => match self.known(*id, shown) {
                Some(known) => known.map(drop),
                None => self.look_up(*id, shown).await.map(drop),
            },
            _ => Ok(()),
        }
    }

    /// Whoever shows a key that was looked up a moment ago. Nobody, if that has another secret: another instance may have
    /// rotated it since, and a new secret works at once.
    fn known(&self, id: ApiKeyId, hash: &SecretHash) -> Option<Result<Caller>> {
        let admitted = self.0.fresh_keys.get(&id)?.admit(hash, clock::now_us());
        (!matches!(admitted, Err(Error::ApiKeyInvalid))).then_some(admitted)
    }

    async fn look_up(&self, id: ApiKeyId, hash: &SecretHash) -> Result<Caller> {
        let (asked, now_us) = (Instant::now(), clock::now_us());
        let key = self.0.api_keys.get(id).await?.ok_or(Error::ApiKeyInvalid)?;
        let key = self.0.fresh_keys.keep(id, key, asked);
        let caller = key.admit(hash, now_us)?;
        self.0.key_use.note(&key, now_us);
        Ok(caller)
    }
}

/// Notes when keys are used: at most once a minute each, and off the path of the call.
#[derive(Debug)]
pub(super) struct KeyUse {
    queue: mpsc::Sender<(ApiKeyId, i64)>,
}

impl KeyUse {
    const EVERY_US: i64 = 60_000_000;

    pub(super) fn start(store: &Store) -> Self {
        let (queue, waiting) = mpsc::channel(1_024);
        tokio::spawn(run(store.clone(), waiting));
        Self { queue }
    }

    fn note(&self, key: &ApiKey, now_us: i64) {
        if key.last_use_us.is_none_or(|at| now_us - at >= Self::EVERY_US) {
            // A full queue loses a note, which the next use makes up for.
            let _ = self.queue.try_send((key.id, now_us));
        }
    }
}

async fn run(store: Store, mut waiting: mpsc::Receiver<(ApiKeyId, i64)>) {
    while let Some(first) = waiting.recv().await {
        let mut uses = std::collections::BTreeMap::from([first]);
        while let Ok((id, at)) = waiting.try_recv() {
            uses.insert(id, at);
        }
        let uses: Vec<_> = uses.into_iter().collect();
        if let Err(error) = store.note_key_use(&uses).await {
            tracing::debug!(%error, "the use of keys was not noted");
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
