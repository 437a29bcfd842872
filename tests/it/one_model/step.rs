//! What is asked, and the names in it.

use proptest::prelude::*;

/// One call. Customers and wallets are named by how manieth they are, round and round; the other numbers are names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Create {
        alias: u8,
        email: u8,
        external_id: u8,
    },
    Rename {
        who: u8,
        to: u8,
        is_stale: bool,
    },
    Move {
        who: u8,
        email: u8,
    },
    Enable {
        who: u8,
        is_enabled: bool,
    },
    /// Below 200 one of the ways there are; from there on any status.
    Kyc {
        who: u8,
        to: u8,
    },
    Delete {
        who: u8,
    },
    Restore {
        who: u8,
    },
    Erase {
        who: u8,
    },
    Link {
        who: u8,
        address: u8,
    },
    Hold {
        wallet: u8,
        to: u8,
    },
    Get {
        who: u8,
    },
    Find {
        by: u8,
        name: u8,
    },
    Resolve {
        alias: u8,
    },
    /// The same as an earlier one, or something else under its id.
    Again {
        of: u8,
        is_other: bool,
    },
}

pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (who, name) = (any::<u8>, || 0..5_u8);
    let step = prop_oneof![
        5 => (name(), name(), name())
            .prop_map(|(alias, email, external_id)| Step::Create { alias, email, external_id }),
        2 => (who(), name(), any::<bool>()).prop_map(|(who, to, is_stale)| Step::Rename { who, to, is_stale }),
        2 => (who(), name()).prop_map(|(who, email)| Step::Move { who, email }),
        1 => (who(), any::<bool>()).prop_map(|(who, is_enabled)| Step::Enable { who, is_enabled }),
        6 => (who(), any::<u8>()).prop_map(|(who, to)| Step::Kyc { who, to }),
        3 => who().prop_map(|who| Step::Delete { who }),
        3 => who().prop_map(|who| Step::Restore { who }),
        1 => who().prop_map(|who| Step::Erase { who }),
        2 => (who(), 0..3_u8).prop_map(|(who, address)| Step::Link { who, address }),
        2 => (who(), 1..=3_u8).prop_map(|(wallet, to)| Step::Hold { wallet, to }),
        1 => who().prop_map(|who| Step::Get { who }),
        1 => (0..3_u8, 1..5_u8).prop_map(|(by, name)| Step::Find { by, name }),
        1 => (1..5_u8).prop_map(|alias| Step::Resolve { alias }),
        2 => (who(), any::<bool>()).prop_map(|(of, is_other)| Step::Again { of, is_other }),
    ];
    prop::collection::vec(step, 1..28)
}

/// The names as they are spelled; 0 is none.
pub fn spelled([alias, email, external_id]: [u8; 3], domain: &str) -> (String, String, String) {
    let of = |n: u8, text: String| if n == 0 { String::new() } else { text };
    (
        of(alias, format!("a{alias}@{domain}")),
        of(email, format!("e{email}@mail.example")),
        of(external_id, format!("x-{external_id}")),
    )
}

pub fn nick_name(n: u8) -> String {
    if n == 0 { String::new() } else { format!("n{n}") }
}

/// Without letters it has one spelling.
pub fn address(n: u8) -> String {
    format!("0x{}", (n + 1).to_string().repeat(40))
}
