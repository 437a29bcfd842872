//! Requests that took effect, so that none takes effect twice.

use uuid::Uuid;

use super::Store;
use super::set::{Set, Type, Value};
use crate::domain::{Error, LogId, Remembered, RequestId, RequestMark, Resource, Result};

const READ: &str = "
    WITH q(scope, id, id_sha256) AS ({set})
    SELECT r.scope, r.id, r.method, r.digest, r.sequence, r.create_us FROM q CROSS JOIN requests AS r
    WHERE r.scope = q.scope AND r.id = q.id
    UNION ALL
    SELECT q.scope, q.id, '', e.id_sha256, 0, e.create_us FROM q CROSS JOIN erased_requests AS e
    WHERE e.scope = q.scope AND e.id_sha256 = q.id_sha256";

type Row = (Uuid, String, String, Vec<u8>, i64, i64);

/// Requests to ask for, with what would be left of their ids.
pub(super) fn set<'a>(marks: impl Iterator<Item = &'a RequestMark>) -> Set<'static> {
    let rows = marks.map(|it| {
        let erased = RequestMark::erased_id(it.scope, it.id.as_str());
        [Value::from(it.scope.as_uuid()), it.id.as_str().into(), erased.into()]
    });
    Set::of(&[Type::Uuid, Type::Text, Type::Bytes], rows)
}

/// What a row says of a request that took effect.
pub(super) fn parse(
    (scope, id, method, digest, sequence, create_us): Row,
) -> Result<((LogId, RequestId), Remembered)> {
    let id = RequestId::try_from(id).map_err(Error::internal)?;
    let digest = digest.try_into().map_err(|_| Error::internal("a request's digest is not 32 bytes"))?;
    Ok(((LogId::from_uuid(scope), id), Remembered { method, digest, sequence, create_us }))
}

impl Store {
    /// What is remembered under a request's id, if it took effect.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn request(&self, mark: &RequestMark) -> Result<Option<Remembered>> {
        let rows: Vec<Row> = self.read(READ, set(std::iter::once(mark))).await?;
        // The newest: one of somebody erased may be too old to count, and the id another's since.
        Ok(rows.into_iter().max_by_key(|it| it.5).map(parse).transpose()?.map(|it| it.1))
    }

    /// What a request was answered with that took effect before, at that place of its scope's log.
    ///
    /// # Errors
    ///
    /// Those of the database; [`Error::CustomerDeleted`] where it was about somebody who was erased just now.
    pub async fn answer(&self, request: &RequestMark, sequence: i64) -> Result<Resource> {
        // One that changed nothing has an answer of its own: the event that it ended at may be gone.
        const READ: &str = "
            WITH q(scope, id, id_sha256) AS ({set})
            SELECT a.resource, a.sequence, a.body FROM q CROSS JOIN answers AS a
            WHERE a.scope = q.scope AND a.id = q.id";
        let rows: Vec<(String, i64, String)> = self.read(READ, set(std::iter::once(request))).await?;
        match rows.into_iter().next() {
            Some((table, sequence, body)) => {
                Resource::from_json(table.parse().map_err(Error::internal)?, &body, sequence)
            }
            None => self.outcome(request.scope, sequence).await,
        }
    }

    /// Forgets requests that took effect before a time.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn forget_requests(&self, before_us: i64) -> Result<()> {
        // A thousand at a time, so that no writer waits long behind it. Answers go with their requests.
        const FORGET: &str = "
            WITH q(before_us) AS ({set})
            DELETE FROM requests WHERE (scope, id) IN (
                SELECT scope, id FROM requests WHERE create_us < (SELECT max(before_us) FROM q) LIMIT 1000)
            RETURNING 1";
        const FORGET_ERASED: &str = "
            WITH q(before_us) AS ({set})
            DELETE FROM erased_requests WHERE (scope, id_sha256) IN (
                SELECT scope, id_sha256 FROM erased_requests
                WHERE create_us < (SELECT max(before_us) FROM q) LIMIT 1000)
            RETURNING 1";
        for forget in [FORGET, FORGET_ERASED] {
            loop {
                let set = Set::of(&[Type::Int], [[before_us.into()]]);
                let gone: Vec<(i32,)> = self.write(forget, set).await?;
                if gone.len() < 1000 {
                    break;
                }
            }
        }
        Ok(())
    }
}
