//! What is told about the customer behind an alias.

use super::{Customer, Disclosure, Domain, Line, Profile};

/// The customer behind an alias, with as much of their names as the asker may see.
#[derive(Clone, Debug)]
pub struct Resolution {
    /// The customer, with what is not told already taken out of the profile.
    pub customer: Customer,
    /// Their domain's name.
    pub domain: std::sync::Arc<Domain>,
}

/// The names that the asker may see: all for the customer's own domain, else what the domain discloses.
#[must_use]
pub fn disclose(customer: Customer, domain: std::sync::Arc<Domain>, own: bool) -> Resolution {
    let cut: fn(&Line) -> Line = match domain.settings.disclosure {
        Disclosure::FullName => Line::clone,
        Disclosure::Initials => initials,
        Disclosure::StatusOnly => |_| Line::default(),
    };
    let cut = if own { Line::clone } else { cut };
    let profile = Profile {
        kind: customer.profile.kind,
        name: cut(&customer.profile.name),
        first_name: cut(&customer.profile.first_name),
        middle_name: cut(&customer.profile.middle_name),
        last_name: cut(&customer.profile.last_name),
        nick_name: cut(&customer.profile.nick_name),
        business: super::Business {
            trade_name: cut(&customer.profile.business.trade_name),
            ..super::Business::default()
        },
        payment_address: customer.profile.payment_address.clone(),
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
