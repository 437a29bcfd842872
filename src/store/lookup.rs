//! Look-ups of many at once, by id or by a unique name; the answers in the order asked.
//!
//! What is found comes back as one text, a line for each: in the drivers of both databases a row costs more than all that
//! the database does for it. No line breaks another, as a body is JSON on one line.

use uuid::Uuid;

use super::Store;
use super::set::{Set, Type};
use crate::domain::{ApiKey, ApiKeyId, Error, Resource, Result, SecretHash, Table, UniqueKey};

/// What was found for each of what was asked, in its place: a row that does not parse spoils no other.
pub type Found<T> = Vec<Result<Option<T>>>;

/// The expression that makes the one text: place, sequence and body of what was found.
const LINES: &str = "string_agg(q.n || ',' || t.sequence || ',' || t.body, '\n')";

impl Store {
    /// The resources with these ids.
    ///
    /// # Errors
    ///
    /// Those of the database; in its place, [`Error::Internal`] where a row does not parse.
    pub async fn by_id<T>(&self, table: Table, ids: &[Uuid]) -> Result<Found<T>>
    where
        T: TryFrom<Resource, Error = Error>,
    {
        let sql = format!(
            "WITH q(id, n) AS ({{set}}) SELECT {LINES} FROM q CROSS JOIN {table} AS t WHERE t.id = q.id"
        );
        let set = Set::of(&[Type::Uuid], ids.iter().map(|id| [(*id).into()])).numbered();
        self.read_lines(table, &sql, set, ids.len()).await
    }

    /// The resources that own these names and have them in use.
    ///
    /// # Errors
    ///
    /// As [`Store::by_id`].
    pub async fn by_key<T>(&self, table: Table, keys: &[UniqueKey]) -> Result<Found<T>>
    where
        T: TryFrom<Resource, Error = Error>,
    {
        let sql = format!(
            "WITH q(scope, kind, key, n) AS ({{set}})
             SELECT {LINES} FROM q CROSS JOIN unique_keys AS k CROSS JOIN {table} AS t
             WHERE k.scope = q.scope AND k.kind = q.kind AND k.key = q.key AND k.held_until_us IS NULL
               AND t.id = k.owner"
        );
        let rows = keys.iter().map(|it| [it.scope.into(), it.kind.as_str().into(), it.text.as_str().into()]);
        let set = Set::of(&[Type::Uuid, Type::Text, Type::Text], rows).numbered();
        self.read_lines(table, &sql, set, keys.len()).await
    }

    async fn read_lines<T>(&self, table: Table, sql: &str, set: Set<'_>, asked: usize) -> Result<Found<T>>
    where
        T: TryFrom<Resource, Error = Error>,
    {
        let rows: Vec<(Option<String>,)> = self.read(sql, set).await?;
        let text = rows.into_iter().next().and_then(|it| it.0).unwrap_or_default();
        place(asked, text.lines().map(|line| parse(table, line)))
    }

    /// The API keys with these ids, with what is in no event: the hash of the secret and the time of last use.
    ///
    /// # Errors
    ///
    /// As [`Store::by_id`].
    pub async fn api_keys(&self, ids: &[ApiKeyId]) -> Result<Found<ApiKey>> {
        const READ: &str = "
            WITH q(id, n) AS ({set})
            SELECT q.n, t.body, t.sequence, t.secret_sha256, t.last_use_us FROM q CROSS JOIN api_keys AS t
            WHERE t.id = q.id";
        let set = Set::of(&[Type::Uuid], ids.iter().map(|id| [id.as_uuid().into()])).numbered();
        let rows: Vec<(i64, String, i64, Vec<u8>, Option<i64>)> = self.read(READ, set).await?;
        place(
            ids.len(),
            rows.into_iter().map(|(n, body, sequence, hash, last_use_us)| {
                Ok((n, api_key(&body, sequence, hash, last_use_us)))
            }),
        )
    }
}

/// The key of a row.
pub(super) fn api_key(body: &str, sequence: i64, hash: Vec<u8>, last_use_us: Option<i64>) -> Result<ApiKey> {
    let hash: [u8; 32] = hash.try_into().map_err(|_| Error::internal("a key's hash is not 32 bytes"))?;
    let key = ApiKey::try_from(Resource::from_json(Table::ApiKeys, body, sequence)?)?;
    Ok(ApiKey { secret_sha256: SecretHash::from(hash), last_use_us, ..key })
}

/// A line: the place it was asked for, and what it holds.
fn parse<T>(table: Table, line: &str) -> Result<(i64, Result<T>)>
where
    T: TryFrom<Resource, Error = Error>,
{
    let broken = || Error::internal(format!("a line of {table} is not what was asked for"));
    let (n, rest) = line.split_once(',').ok_or_else(broken)?;
    let (sequence, body) = rest.split_once(',').ok_or_else(broken)?;
    let (Ok(n), Ok(sequence)) = (n.parse(), sequence.parse()) else { return Err(broken()) };
    Ok((n, Resource::from_json(table, body, sequence).and_then(T::try_from)))
}

/// Puts what was found where it was asked for; places count from 1.
fn place<T>(asked: usize, found: impl Iterator<Item = Result<(i64, Result<T>)>>) -> Result<Found<T>> {
    let mut places: Found<T> = std::iter::repeat_with(|| Ok(None)).take(asked).collect();
    for it in found {
        let (n, resource) = it?;
        let place = usize::try_from(n - 1).ok().and_then(|n| places.get_mut(n));
        *place.ok_or_else(|| Error::internal("a row came back that was not asked for"))? = resource.map(Some);
    }
    Ok(places)
}
