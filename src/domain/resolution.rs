//! What is told about the customer behind an alias.

use std::sync::Arc;

use super::{Business, Customer, Disclosure, Domain, Line, Profile};

/// The customer behind an alias, with as much of their names as the asker may see.
#[derive(Clone, Debug)]
pub struct Resolution {
    /// The customer, with what is not told already taken out of the profile.
    pub customer: Customer,
    /// Their domain's name.
    pub domain: Arc<Domain>,
}

/// The names that the asker may see: all for the customer's own domain, else what the domain discloses.
#[must_use]
pub fn disclose(customer: Customer, domain: Arc<Domain>, own: bool) -> Resolution {
    let cut: fn(Line) -> Line = match domain.settings.disclosure {
        Disclosure::FullName => std::convert::identity,
        Disclosure::Initials => |it| initials(&it),
        Disclosure::StatusOnly => |_| Line::default(),
    };
    let cut = if own { std::convert::identity } else { cut };
    let told = customer.profile;
    let profile = Profile {
        kind: told.kind,
        name: cut(told.name),
        first_name: cut(told.first_name),
        middle_name: cut(told.middle_name),
        last_name: cut(told.last_name),
        nick_name: cut(told.nick_name),
        business: Business { trade_name: cut(told.business.trade_name), ..Business::default() },
        payment_address: told.payment_address,
        ..Profile::default()
    };
    Resolution { customer: Customer { profile, ..customer }, domain }
}

/// The first letter or digit of each word, as it is written; a word of marks alone has none.
fn initials(name: &Line) -> Line {
    let letters: Vec<String> = name
        .as_str()
        .split_whitespace()
        .filter_map(|word| word.chars().find(|it| it.is_alphanumeric()))
        .map(String::from)
        .collect();
    // A part of a valid line is one.
    Line::try_from(letters.join(" ")).unwrap_or_default()
}

#[cfg(test)]
mod tests;
