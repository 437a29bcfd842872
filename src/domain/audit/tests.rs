use super::*;
use crate::domain::{EventId, EventType};

fn header(sequence: i64) -> EventHeader {
    EventHeader {
        id: EventId::from_uuid(Uuid::from_u128(1)),
        log: LogId::from_uuid(Uuid::from_u128(2)),
        sequence,
        kind: EventType::CustomerCreated,
        resource_id: Uuid::from_u128(4),
        customer_id: None,
        actor: "cli:root".to_owned(),
        request_id: String::new(),
        create_us: 5,
        changed_fields: String::new(),
        reason: String::new(),
    }
}

/// A log of so many events, as it was written.
fn links(count: i64) -> Vec<Link> {
    let mut end = [7; 32];
    (1..=count)
        .map(|sequence| {
            let (header, salt, payload) = (header(sequence), [9; 32], "{}".to_owned());
            let digest = header.digest(&salt, &payload);
            end = chain(&end, &digest);
            Link { said: Some((header, salt, payload)), is_torn: false, digest, chain: end }
        })
        .collect()
}

/// What is told of each link, and whether the log may end as it did when it was written.
fn told(links: &[Link]) -> (Vec<Vec<Flaw>>, bool) {
    let mut chain = Chain::from([7; 32]);
    let flaws = links.iter().map(|it| chain.see(it)).collect();
    (flaws, chain.ends(&self::links(5)[4].chain))
}

fn only(at: usize, flaws: &[Flaw]) -> (Vec<Vec<Flaw>>, bool) {
    let mut all = vec![Vec::new(); 5];
    all[at] = flaws.to_vec();
    (all, true)
}

#[test]
fn a_log_as_it_was_written_has_no_flaw() {
    assert_eq!(told(&links(5)), (vec![Vec::new(); 5], true));
}

#[test]
fn an_event_that_was_emptied_keeps_its_place() {
    let mut links = links(5);
    links[2].said = None;
    assert_eq!(told(&links), (vec![Vec::new(); 5], true));
}

#[test]
fn what_an_event_says_is_held_to_its_digest() {
    for at in 0..5 {
        let harms: [fn(&mut Link); 5] = [
            |it| it.said.as_mut().unwrap().2.push(' '),
            |it| it.said.as_mut().unwrap().1[31] ^= 1,
            |it| it.said.as_mut().unwrap().0.actor.push('x'),
            |it| it.said.as_mut().unwrap().0.create_us += 1,
            |it| it.is_torn = true,
        ];
        for harm in harms {
            let mut links = links(5);
            harm(&mut links[at]);
            assert_eq!(told(&links), only(at, &[Flaw::Digest]));
        }
    }
}

#[test]
fn a_break_of_the_chain_is_told_once_and_where_it_is() {
    for at in 0..5 {
        let mut links = links(5);
        links[at].chain[0] ^= 1;
        assert_eq!(told(&links), only(at, &[Flaw::Chain]));
    }
    for at in 0..5 {
        let mut links = links(5);
        links[at].digest[0] ^= 1;
        assert_eq!(told(&links), only(at, &[Flaw::Digest, Flaw::Chain]));
        // Of what was emptied only the chain is left.
        links[at].said = None;
        assert_eq!(told(&links), only(at, &[Flaw::Chain]));
    }
}

#[test]
fn a_chain_from_elsewhere_breaks_at_its_first_event() {
    let mut chain = Chain::from([8; 32]);
    assert_eq!(chain.see(&links(1)[0]), [Flaw::Chain]);
}

#[test]
fn after_a_gap_the_chain_goes_on_from_what_is_there() {
    let links = links(5);
    let mut chain = Chain::from([7; 32]);
    assert_eq!(chain.see(&links[0]), []);
    chain.skip();
    assert!(links[2..].iter().all(|it| chain.see(it).is_empty()));
    assert!(chain.ends(&links[4].chain) && !chain.ends(&links[3].chain));
    chain.skip();
    assert!(chain.ends(&[0; 32]));
}

#[test]
fn events_are_in_order_of_number_and_time() {
    let mut order = Order::from(3);
    assert_eq!(order.see(3, 10), []);
    assert_eq!(order.see(4, 10), []);
    assert_eq!(order.see(7, 11), [(5, Flaw::Missing { through: 6 })]);
    assert_eq!(order.see(8, 10), [(8, Flaw::Early)]);
    // It is told where it is out of order, and not again.
    assert_eq!(order.see(9, 11), []);
    assert_eq!(order.end(9), None);
    assert_eq!(order.end(11), Some((10, Flaw::Missing { through: 11 })));
}

#[test]
fn a_finding_says_where_and_what() {
    let finding =
        |flaw| Finding { log: LogId::OPERATOR, log_name: "operators".to_owned(), sequence: 7, flaw };
    let id = Uuid::from_u128(1);
    for (flaw, text) in [
        (Flaw::Missing { through: 9 }, "missing, and all to 9".to_owned()),
        (Flaw::Digest, "its digest is not that of what it says".to_owned()),
        (Flaw::Row(Table::Wallets, id), format!("{} is not what it says", WalletId::from_uuid(id))),
    ] {
        assert_eq!(finding(flaw).to_string(), format!("log operators, event 7: {text}"));
    }
    let names: std::collections::BTreeSet<_> = Table::ALL.iter().map(|it| name(*it, id)).collect();
    assert_eq!(names.len(), Table::ALL.len());
}
