//! Look-ups of many at once, by id or by a unique name; the answers in the order asked.
//!
//! What is found comes back as one text, a line for each: in the drivers of both databases a row costs more than all that
//! the database does for it. No line breaks another, as a body is JSON on one line.

use uuid::Uuid;

use super::Store;
use super::set::{Set, Type, Value};
use crate::domain::{ApiKey, ApiKeyId, Error, Resource, Result, SecretHash, Table, UniqueKey};

/// The expression that makes the one text: place, sequence and body of what was found.
const LINES: &str = "string_agg(q.n || ',' || t.sequence || ',' || t.body, '\n')";

impl Store {
    /// The resources with these ids.
    ///
    /// # Errors
    ///
    /// Those of the database; [`Error::Internal`] where a row does not parse.
    pub async fn by_id(&self, table: Table, ids: &[Uuid]) -> Result<Vec<Option<Resource>>> {
        let sql = format!(
            "WITH q(n, id) AS ({{set}}) SELECT {LINES} FROM q CROSS JOIN {table} AS t WHERE t.id = q.id"
        );
        let set = Set::of(&[Type::Int, Type::Uuid], numbered(ids).map(|(n, id)| [n, (*id).into()]));
        self.read_lines(table, &sql, set, ids.len()).await
    }

    /// The resources that own these names and have them in use.
    ///
    /// # Errors
    ///
    /// Those of the database; [`Error::Internal`] where a row does not parse.
    pub async fn by_key(&self, table: Table, keys: &[UniqueKey]) -> Result<Vec<Option<Resource>>> {
        let sql = format!(
            "WITH q(n, scope, kind, key) AS ({{set}})
             SELECT {LINES} FROM q CROSS JOIN unique_keys AS k CROSS JOIN {table} AS t
             WHERE k.scope = q.scope AND k.kind = q.kind AND k.key = q.key AND k.held_until_us IS NULL
               AND t.id = k.owner"
        );
        let rows = numbered(keys)
            .map(|(n, it)| [n, it.scope.into(), it.kind.as_str().into(), it.text.as_str().into()]);
        let set = Set::of(&[Type::Int, Type::Uuid, Type::Text, Type::Text], rows);
        self.read_lines(table, &sql, set, keys.len()).await
    }

    async fn read_lines(
        &self,
        table: Table,
        sql: &str,
        set: Set<'_>,
        asked: usize,
    ) -> Result<Vec<Option<Resource>>> {
        let rows: Vec<(Option<String>,)> = self.read(sql, set).await?;
        let text = rows.into_iter().next().and_then(|it| it.0).unwrap_or_default();
        place(asked, text.lines().map(|line| parse(table, line)))
    }

    /// The API keys with these ids, with what is in no event: the hash of the secret and the time of last use.
    ///
    /// # Errors
    ///
    /// Those of the database; [`Error::Internal`] where a row does not parse.
    pub async fn api_keys(&self, ids: &[ApiKeyId]) -> Result<Vec<Option<ApiKey>>> {
        const READ: &str = "
            WITH q(n, id) AS ({set})
            SELECT q.n, t.body, t.sequence, t.secret_sha256, t.last_use_us FROM q CROSS JOIN api_keys AS t
            WHERE t.id = q.id";
        let set = Set::of(&[Type::Int, Type::Uuid], numbered(ids).map(|(n, id)| [n, id.as_uuid().into()]));
        let rows: Vec<(i64, String, i64, Vec<u8>, Option<i64>)> = self.read(READ, set).await?;
        place(
            ids.len(),
            rows.into_iter().map(|(n, body, sequence, hash, last_use_us)| {
                Ok((n, api_key(&body, sequence, hash, last_use_us)?))
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

fn numbered<T>(items: &[T]) -> impl Iterator<Item = (Value, &T)> {
    (0_i64..).map(Value::from).zip(items)
}

fn parse(table: Table, line: &str) -> Result<(i64, Resource)> {
    let broken = || Error::internal(format!("a line of {table} is not what was asked for"));
    let (n, rest) = line.split_once(',').ok_or_else(broken)?;
    let (sequence, body) = rest.split_once(',').ok_or_else(broken)?;
    let (Ok(n), Ok(sequence)) = (n.parse(), sequence.parse()) else { return Err(broken()) };
    Ok((n, Resource::from_json(table, body, sequence)?))
}

/// Puts what was found where it was asked for.
fn place<T>(asked: usize, found: impl Iterator<Item = Result<(i64, T)>>) -> Result<Vec<Option<T>>> {
    let mut places: Vec<Option<T>> = std::iter::repeat_with(|| None).take(asked).collect();
    for it in found {
        let (n, resource) = it?;
        let place = usize::try_from(n).ok().and_then(|n| places.get_mut(n));
        *place.ok_or_else(|| Error::internal("a row came back that was not asked for"))? = Some(resource);
    }
    Ok(places)
}
