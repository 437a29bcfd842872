//! Of rows and what was last said of them: a row's state is the payload of its last event, in its home log.

use crate::domain::Table;

/// What must be true of the rows of a table.
pub(super) const fn what(table: Table) -> &'static str {
    match table {
        Table::Organizations => "each organization is what its last event says",
        Table::Domains => "each domain is what its last event says",
        Table::ApiKeys => "each API key is what its last event says",
        Table::Customers => "each customer is what their last event says",
        Table::Wallets => "each wallet is what its last event says",
        Table::Addresses => "each address is what the event that made it says",
        Table::Transactions => "each transaction is what its last event says",
        Table::KeySources => "each source of addresses is what its last event says",
        Table::WebhookEndpoints => "each webhook endpoint is what its last event says",
        Table::PaymentIntents => "each payment intent is what its last event says",
        Table::Invoices => "each invoice is what its last event says",
        Table::Subscriptions => "each subscription is what its last event says",
        Table::PaymentMethods => "each payment method is what its last event says",
        Table::ClaimLinks => "each payment claim link is what its last event says",
        Table::Claims => "each claim is what its last event says",
    }
}

/// The log of a row `t`.
const fn home(table: Table) -> &'static str {
    match table {
        Table::Organizations | Table::Domains => "t.id",
        // A key that reaches no organization is the operators', whose log has the smallest id.
        Table::ApiKeys => {
            "coalesce(t.domain_id, t.organization_id, (SELECT id FROM logs ORDER BY id LIMIT 1))"
        }
        Table::Customers
        | Table::Wallets
        | Table::Addresses
        | Table::Transactions
        | Table::KeySources
        | Table::WebhookEndpoints
        | Table::PaymentIntents
        | Table::Invoices
        | Table::Subscriptions
        | Table::PaymentMethods
        | Table::ClaimLinks
        | Table::Claims => "t.domain_id",
    }
}

/// The rows `t` of a table that are not what their last event `e` says, as `FROM … WHERE …`.
///
/// An event that retention removed says nothing any more, and neither does one that erasure emptied. But a row of which
/// there is a later event is not as that left it, whatever the earlier said. What is last is asked once for all the rows.
pub(super) fn differing(table: Table) -> String {
    let home = home(table);
    let said = match table {
        // Its own, or that of the wallet it was made with, which holds it as it is.
        Table::Addresses => {
            "(e.resource_id = t.id AND e.payload = t.body)
             OR (e.resource_id = t.wallet_id AND replace(e.payload, t.body, '') <> e.payload)"
        }
        _ => "e.resource_id = t.id AND e.payload = t.body",
    };
    format!(
        "FROM {table} AS t LEFT JOIN logs AS l ON l.id = {home}
         LEFT JOIN events AS e ON e.log_id = {home} AND e.sequence = t.sequence
         LEFT JOIN (SELECT log_id, resource_id, max(sequence) AS sequence FROM events GROUP BY log_id, resource_id)
                   AS last ON last.log_id = {home} AND last.resource_id = t.id
         WHERE l.id IS NULL OR (e.id IS NULL AND t.sequence >= l.first_sequence) OR NOT ({said})
               OR last.sequence > t.sequence"
    )
}
