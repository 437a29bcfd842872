//! Changes to many rows of a domain at once.

use super::erasure;
use super::set::{Set, Type};
use super::transaction::Tx;
use crate::domain::{DomainId, Result, Sweep};

/// Whether two live customers of a domain share an email.
pub(super) async fn emails_are_shared(tx: &mut Tx, domain: DomainId) -> Result<bool> {
    const SHARED: &str = "
        WITH q(domain_id) AS ({set})
        SELECT 1 FROM q CROSS JOIN customers AS c
        WHERE c.domain_id = q.domain_id AND c.status <> 'DELETED' AND c.email IS NOT NULL
        GROUP BY c.email HAVING count(*) > 1 LIMIT 1";
    let shared: Vec<(i32,)> = tx.conn().fetch(SHARED, one(domain)).await?;
    Ok(!shared.is_empty())
}

pub(super) async fn run(tx: &mut Tx, sweep: Sweep) -> Result<()> {
    const TAKE: &str = "
        WITH q(domain_id) AS ({set})
        INSERT INTO unique_keys (scope, kind, key, owner)
        SELECT c.domain_id, 'email', c.email, c.id FROM q CROSS JOIN customers AS c
        WHERE c.domain_id = q.domain_id AND c.status <> 'DELETED' AND c.email IS NOT NULL";
    const RELEASE: &str = "
        WITH q(domain_id) AS ({set})
        DELETE FROM unique_keys WHERE kind = 'email' AND scope IN (SELECT domain_id FROM q)";
    match sweep {
        Sweep::TakeEmails(domain) => tx.conn().run(TAKE, one(domain)).await,
        Sweep::ReleaseEmails(domain) => tx.conn().run(RELEASE, one(domain)).await,
        Sweep::Erase(customer) => erasure::erase(tx, customer).await,
    }
}

fn one(domain: DomainId) -> Set<'static> {
    Set::of(&[Type::Uuid], [[domain.as_uuid().into()]])
}
