//! Who may do what, and what they are told (SEC-1, SEC-2).
//!
//! Every method of the descriptors, by every way to name its object, is called by twelve identities about objects that
//! are their own, another tenant's, absent, and deleted. What each is told is compared with `golden/access.txt`. A
//! method without a row in `access/table.rs` fails. After a change that is meant, read the difference line by line:
//!
//!     UPDATE_GOLDEN=1 ./scripts/test access

pub mod objects;
pub mod table;
pub mod world;

use std::fmt::Write;

use prost::Message;
use prost_reflect::MethodDescriptor;
use purser::api;
use purser::domain::{DomainSettings, DomainStatus, Scope, SettingsPatch};
use tonic::{Code, Status};

use crate::descriptors::{Told, call, code_name, comment, decode, encode, method, methods};
use crate::harness::{line, on_each_database, operator, reason};
use objects::Whose;
use table::{CURIOUS, Kind, ROWS, Row};
use world::{Identity, World};

on_each_database!(World:
    every_identity_is_told_what_the_golden_file_says,
    what_is_another_tenants_looks_exactly_like_what_is_not_there,
);

#[test]
fn every_method_has_a_row() {
    for method in methods() {
        assert!(
            ROWS.iter().any(|it| it.method == method.name()),
            "{} needs a row in access/table.rs",
            method.name()
        );
    }
}

/// Sabotage: in `src/grpc`, leave one `authorize` out, or ask for another scope; in `src/app`, let one `covers` be true.
async fn every_identity_is_told_what_the_golden_file_says(world: World) {
    let mut told = HEAD.to_owned();
    for row in ROWS {
        let method = method(row.method);
        let keyless = row.kind == Kind::ClaimToken;
        // Where no key is looked at, any will do.
        let scopes = if keyless { vec![Scope::ClaimsWrite] } else { scopes_of(&method) };
        let columns = Whose::of(row.kind);
        let named: Vec<_> = columns.iter().map(|it| it.1).collect();
        let named = if named.len() > 1 { format!(" {}", named.join(" | ")) } else { String::new() };
        let wanted = if keyless { "no API key".to_owned() } else { names(&scopes) };
        writeln!(told, "\n{}, {wanted}:{named}", title(&method, row)).unwrap();
        for (identity, name) in Identity::ALL {
            let mut cells = Vec::new();
            for (whose, _) in columns {
                let request = encode(&method, &world.fill(row.json, row.kind, *whose).await);
                let answer = call(&world.channel, &method, world.key(identity, &scopes), request).await;
                if answer.reason == "SCOPE_MISSING" {
                    assert_eq!(
                        answer.metadata_of_reason().get("scope"),
                        scopes.last().map(ToString::to_string).as_ref(),
                        "{}",
                        row.method
                    );
                }
                cells.push(outcome(&world, &method, &answer));
                if row.kind == Kind::Domain {
                    world.restore().await;
                }
            }
            if cells.iter().all(|it| *it == cells[0]) {
                cells.truncate(1);
            }
            writeln!(told, "    {name:38}{}", cells.join(" | ")).unwrap();
        }
    }
    compare(&told);
}

/// Sabotage: in `src/app`, look at anything of an object (its etag, its state, its domain's settings) before `covers`.
async fn what_is_another_tenants_looks_exactly_like_what_is_not_there(world: World) {
    let callers = [Identity::OnlyScope, Identity::Sister, Identity::Organization, Identity::OtherEnvironment];
    // A request id that means something in the other tenant's domain.
    let used = CURIOUS.iter().find(|it| it.json.contains("request_id")).unwrap();
    let (method_used, key) = (method(used.method), world.key(Identity::Stranger, &[Scope::KycWrite]));
    let request = encode(&method_used, &world.fill(used.json, used.kind, Whose::Others).await);
    assert_eq!(call(&world.channel, &method_used, key, request).await.outcome(), "OK");
    for state in ["as it is", "suspended, with shared emails"] {
        for row in
            ROWS.iter().chain(CURIOUS).filter(|it| ![Kind::Nothing, Kind::ClaimToken].contains(&it.kind))
        {
            let method = method(row.method);
            let scopes = scopes_of(&method);
            for caller in callers {
                let mut answers = Vec::new();
                for whose in [Whose::Others, Whose::OthersDeleted, Whose::OthersAbsent, Whose::Nowhere] {
                    // Resolving is for the customers of others too, within the environment.
                    let meant = scopes == [Scope::CustomersResolve] && caller != Identity::OtherEnvironment;
                    if meant && whose == Whose::Others {
                        continue;
                    }
                    let request = encode(&method, &world.fill(row.json, row.kind, whose).await);
                    answers.push((
                        whose,
                        call(&world.channel, &method, world.key(caller, &scopes), request).await,
                    ));
                }
                let (_, absent) = answers.pop().unwrap();
                for (whose, answer) in answers {
                    assert_eq!(
                        answer,
                        absent,
                        "{} by {caller:?} about {whose:?}, {state}",
                        title(&method, row)
                    );
                }
            }
        }
        let app = &world.server.app;
        let settings = DomainSettings { unique_email: false, ..DomainSettings::default() };
        let patch = SettingsPatch { paths: vec!["unique_email".to_owned()], settings };
        app.update_domain_settings(&operator(), world.globex.id, patch, None).await.unwrap();
        let (id, status) = (world.globex.id, DomainStatus::Suspended);
        app.set_domain_status(&operator(), id, status, line("a test"), None).await.unwrap();
    }
}

const HEAD: &str = "\
# Who may do what: each method, by each way to name its object, called by each identity (see tests/it/access.rs).
# A line tells the answers about the objects that the row's head names, in that order; one answer is that about all.
# In brackets: what each item of a batch is told, and whose the resources in a list are.
# All is seen from `home`, a live domain of the organization acme, which also has the domains `sister` (live) and
# `sandbox`. Another tenant's is in `globex`, a live domain of another organization.
# To write it anew: UPDATE_GOLDEN=1 ./scripts/test access
";

fn title(method: &MethodDescriptor, row: &Row) -> String {
    [method.parent_service().name(), "/", method.name(), " ", row.how].concat().trim_end().to_owned()
}

/// The scopes that the method's comment in the proto says it wants: what is documented is what is tested.
pub fn scopes_of(method: &MethodDescriptor) -> Vec<Scope> {
    let comment = comment(&method.parent_service().parent_file(), method.path());
    let after = comment.split_once("copes: `").or_else(|| comment.split_once("cope: `"));
    let after = after.or_else(|| comment.split_once("with scope `")).map_or("", |it| it.1);
    let several = comment.contains("copes: `");
    let named = after.split('`').step_by(2).map_while(|it| it.parse().ok());
    let named: Vec<_> = named.take(if several { usize::MAX } else { 1 }).collect();
    assert!(!named.is_empty(), "the comment of {} names its scope", method.name());
    named
}

fn names(scopes: &[Scope]) -> String {
    scopes.iter().map(|it| it.as_str()).collect::<Vec<_>>().join(" + ")
}

/// What an answer says, and what is in it where it is a batch or a list.
fn outcome(world: &World, method: &MethodDescriptor, told: &Told) -> String {
    if told.code != Code::Ok {
        return told.outcome();
    }
    let item = |error: Option<api::BatchError>| error.map_or_else(|| "OK".to_owned(), |it| item_outcome(&it));
    let items: Vec<String> = match method.name() {
        "BatchGetCustomers" => {
            use api::batch_get_customers_result::Result::Error;
            let answer = api::BatchGetCustomersResponse::decode(told.body.as_slice()).unwrap();
            let errors = answer.results.into_iter().map(|it| match it.result {
                Some(Error(it)) => Some(it),
                _ => None,
            });
            errors.map(item).collect()
        }
        "BatchResolveCustomers" => {
            use api::batch_resolve_customers_result::Result::Error;
            let answer = api::BatchResolveCustomersResponse::decode(told.body.as_slice()).unwrap();
            let errors = answer.results.into_iter().map(|it| match it.result {
                Some(Error(it)) => Some(it),
                _ => None,
            });
            errors.map(item).collect()
        }
        name if name.starts_with("List") => {
            let answer = decode(method, &told.body);
            let lists = answer.as_object().unwrap().values().filter_map(|it| it.as_array());
            let mut owners: Vec<_> = lists.flatten().filter_map(|it| world.owner(it)).collect();
            owners.sort_unstable();
            owners.dedup();
            owners
        }
        _ => return told.outcome(),
    };
    format!("OK [{}]", items.join(", "))
}

fn item_outcome(error: &api::BatchError) -> String {
    let details = error.encode_to_vec().into();
    let status = Status::with_details(Code::from(error.code), error.message.clone(), details);
    format!("{} {}", code_name(status.code()), reason(&status))
}

fn compare(told: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden/access.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, told).unwrap();
        return;
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    let mut row = "";
    let mut differences = String::new();
    for (now, then) in told.lines().zip(golden.lines()) {
        row = if now.starts_with(' ') { row } else { now };
        if now != then {
            writeln!(differences, "{row}\n  is        {now}\n  should be {then}").unwrap();
        }
    }
    assert!(differences.is_empty(), "not as golden/access.txt has it:\n{differences}");
    assert_eq!(told.lines().count(), golden.lines().count(), "golden/access.txt has other rows");
}
