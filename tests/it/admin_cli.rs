//! The commands beside the server, as real processes on a real database.

mod help;
mod schema;

use purser::api;
use serde_json::{Value, json};

use crate::harness::{Database, connect, customers, on_each_database, with_alias};
use crate::process::{Process, purser};

on_each_database!(Database:
    what_is_made_is_listed,
    json_has_the_names_of_the_proto,
    every_setting_of_a_domain_can_be_given,
    a_key_reaches_what_the_options_say,
    a_domain_is_named_by_id_or_by_name,
    a_key_works_at_a_running_server_until_it_is_rotated_or_revoked,
    what_is_refused_is_one_line_and_a_failure,
    the_database_is_named_before_or_after_the_command,
    a_long_list_is_printed_whole,
);

/// What a command printed, and how it ended.
struct Ran {
    out: String,
    err: String,
    code: i32,
}

async fn run(database: &Database, arguments: &[&str]) -> Ran {
    let output = purser(database.folder(), arguments).env("USER", "ada").output().await.unwrap();
    Ran {
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
        code: output.status.code().unwrap(),
    }
}

/// Runs `purser admin …`, which has to work, and gives what it prints.
async fn admin(database: &Database, arguments: &[&str]) -> String {
    let all = [&["admin", "--database-url", &database.url], arguments].concat();
    let ran = run(database, &all).await;
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{arguments:?}");
    ran.out
}

async fn admin_json(database: &Database, arguments: &[&str]) -> Value {
    serde_json::from_str(&admin(database, &[arguments, &["--json"]].concat()).await).unwrap()
}

/// An organization and its sandbox domain `acme` on a migrated database: their ids.
async fn acme(database: &Database) -> (String, String) {
    migrated(database).await;
    let organization = admin_json(database, &["organization", "create", "--name", "Acme"]).await;
    let organization = organization["organization"]["id"].as_str().unwrap().to_owned();
    let create = ["domain", "create", "--organization", &organization, "--name", "acme"];
    let domain = admin_json(database, &create).await["domain"]["id"].as_str().unwrap().to_owned();
    (organization, domain)
}

async fn migrated(database: &Database) {
    let ran = run(database, &["migrate", "--database-url", &database.url]).await;
    assert_eq!(ran.code, 0, "{}", ran.err);
}

async fn what_is_made_is_listed(database: Database) {
    let (organization, domain) = acme(&database).await;
    let create =
        ["key", "create", "--domain", "acme", "--scopes", "customers.read,kyc.write", "--name", "Till 1"];
    let made = admin(&database, &create).await;
    let key = made.lines().next().unwrap().split("  ").next().unwrap().to_owned();
    let secret = made.lines().nth(1).unwrap().rsplit(' ').next().unwrap();
    assert!(key.starts_with("key_") && secret.starts_with("purser_test_"), "{made}");

    assert!(
        admin(&database, &["organization", "list"]).await.starts_with(&format!("{organization}  Acme\n"))
    );
    let domains = admin(&database, &["domain", "list"]).await;
    assert!(domains.starts_with(&format!("{domain}  acme  {organization}")), "{domains}");
    assert!(domains.contains("SANDBOX"), "{domains}");
    let keys = admin(&database, &["key", "list", "--domain", "acme"]).await;
    assert!(
        keys.starts_with(&format!("{key}  Till 1")) && keys.contains("customers.read,kyc.write"),
        "{keys}"
    );
    assert!(!keys.contains(secret));
    assert_eq!(admin(&database, &["domain", "list", "--organization", &organization]).await, domains);
}

async fn json_has_the_names_of_the_proto(database: Database) {
    let (organization, domain) = acme(&database).await;
    let made = admin_json(&database, &["organization", "create", "--name", "Globex"]).await;
    assert_eq!(made["organization"]["display_name"], "Globex");
    assert!(made["organization"]["create_time"].as_str().unwrap().ends_with('Z'));
    let listed = admin_json(&database, &["organization", "list"]).await;
    assert_eq!(listed["organizations"].as_array().unwrap()[1], made["organization"]);

    let listed = admin_json(&database, &["domain", "list"]).await;
    let mut found = listed["domains"][0].clone();
    assert!(found["create_time"].take().is_string());
    assert_eq!(
        found,
        json!({
            "id": domain,
            "organization_id": organization,
            "name": "acme",
            "environment": "ENVIRONMENT_SANDBOX",
            "status": "DOMAIN_STATUS_ACTIVE",
            "create_time": null,
            "settings": {
                "default_customer_status": "CUSTOMER_STATUS_ENABLED",
                "unique_email": true,
                "alias_quarantine": "2592000s",
                "disclosure": "DISCLOSURE_FULL_NAME",
            },
        })
    );

    let create = ["key", "create", "--domain", &domain, "--scopes", "admin", "--expires", "90d"];
    let made = admin_json(&database, &create).await;
    assert!(made["secret"].as_str().unwrap().starts_with("purser_test_"));
    let key = made["api_key"].as_object().unwrap();
    let names: Vec<_> = key.keys().map(String::as_str).collect();
    let mut expected =
        ["create_time", "domain_id", "environment", "expire_time", "id", "organization_id", "scopes"];
    expected.sort_unstable();
    assert_eq!(names, expected);
    let id = key["id"].as_str().unwrap();
    let rotated = admin_json(&database, &["key", "rotate", id]).await;
    assert!(rotated["secret"].is_string() && rotated["secret"] != made["secret"]);
    assert_eq!(rotated["api_key"], made["api_key"]);
    let revoked = admin_json(&database, &["key", "revoke", id]).await;
    assert!(revoked["api_key"]["revoke_time"].is_string() && revoked.get("secret").is_none());
    let listed = admin_json(&database, &["key", "list"]).await;
    assert_eq!(listed["api_keys"], json!([revoked["api_key"]]));
}

async fn every_setting_of_a_domain_can_be_given(database: Database) {
    let (organization, _) = acme(&database).await;
    let create = [
        &["domain", "create", "--organization", &organization, "--name", "strict", "--environment", "live"][..],
        &["--kyc-required", "--shared-emails", "--disabled-by-default", "--allow-mainnet-in-sandbox"],
        &["--required-fields", "first_name,billing_address.country", "--alias-quarantine", "7d"],
        &["--disclosure", "initials"],
    ];
    let made = admin_json(&database, &create.concat()).await;
    assert_eq!(made["domain"]["environment"], "ENVIRONMENT_LIVE");
    assert_eq!(
        made["domain"]["settings"],
        json!({
            "default_customer_status": "CUSTOMER_STATUS_DISABLED",
            "required_fields": ["first_name", "billing_address.country"],
            "unique_email": false,
            "kyc_required": true,
            "alias_quarantine": "604800s",
            "allow_mainnet_in_sandbox": true,
            "disclosure": "DISCLOSURE_INITIALS",
        })
    );
}

async fn a_key_reaches_what_the_options_say(database: Database) {
    let (organization, domain) = acme(&database).await;
    let create = async |options: &[&str]| {
        let all = [&["key", "create", "--scopes", "all"], options].concat();
        admin_json(&database, &all).await["api_key"].clone()
    };
    let operator = create(&["--operator"]).await;
    assert!(operator.get("organization_id").is_none() && operator.get("environment").is_none());
    assert_eq!(operator["scopes"].as_array().unwrap().len(), purser::domain::Scope::ALL.len());
    let whole = create(&["--organization", &organization, "--environment", "live"]).await;
    assert_eq!(whole["organization_id"], organization);
    assert_eq!(whole["environment"], "ENVIRONMENT_LIVE");
    let one = create(&["--domain", "acme"]).await;
    assert_eq!((&one["organization_id"], &one["domain_id"]), (&json!(organization), &json!(domain)));

    for options in [
        &[][..],
        &["--operator", "--domain", "acme"],
        &["--operator", "--organization", &organization, "--environment", "live"],
        &["--organization", &organization],
        &["--organization", &organization, "--environment", "moon"],
        &["--operator", "--expires", "soon"],
    ] {
        let all = [&["admin", "--database-url", &database.url, "key", "create", "--scopes", "all"], options]
            .concat();
        let ran = run(&database, &all).await;
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{options:?}");
    }
}

async fn a_domain_is_named_by_id_or_by_name(database: Database) {
    let (_, domain) = acme(&database).await;
    let named = admin_json(&database, &["key", "create", "--domain", "acme", "--scopes", "admin"]).await;
    let by_id = admin_json(&database, &["key", "create", "--domain", &domain, "--scopes", "admin"]).await;
    for key in [named, by_id] {
        assert_eq!(key["api_key"]["domain_id"], domain);
    }
    let lists = [
        admin(&database, &["key", "list", "--domain", "acme"]).await,
        admin(&database, &["key", "list", "--domain", &domain]).await,
    ];
    assert_eq!(lists[0], lists[1]);
    assert_eq!(lists[0].lines().count(), 2);
}

async fn a_key_works_at_a_running_server_until_it_is_rotated_or_revoked(database: Database) {
    migrated(&database).await;
    let server = Process::serve(database.folder(), &database.url, &["--drain-delay", "0s"]).await;
    let (_, domain) = acme(&database).await;
    let made = admin_json(&database, &["key", "create", "--domain", "acme", "--scopes", "all"]).await;
    let id = made["api_key"]["id"].as_str().unwrap().to_owned();
    let (first, channel) = (made["secret"].as_str().unwrap(), connect(server.grpc).await);
    let customer = customers(channel.clone(), first).create_customer(with_alias("ada@acme")).await.unwrap();
    assert_eq!(customer.into_inner().customer.unwrap().domain_id, domain);

    let rotated = admin_json(&database, &["key", "rotate", &id]).await;
    let second = rotated["secret"].as_str().unwrap();
    let list = api::ListCustomersRequest::default;
    customers(channel.clone(), second).list_customers(list()).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let refused = customers(channel.clone(), first).list_customers(list()).await.unwrap_err();
    assert_eq!(crate::harness::reason(&refused), "API_KEY_INVALID");

    admin(&database, &["key", "revoke", &id]).await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let refused = customers(channel, second).list_customers(list()).await.unwrap_err();
    assert_eq!(crate::harness::reason(&refused), "API_KEY_REVOKED");
    // The log knows who it was: somebody at the machine.
    assert!(crate::rows::dump(&database, "events").await.contains("cli:ada"));
}

async fn what_is_refused_is_one_line_and_a_failure(database: Database) {
    let (organization, _) = acme(&database).await;
    for (arguments, said) in [
        (&["organization", "create", "--name", " "][..], "`organization.display_name`"),
        (
            &["domain", "create", "--organization", &organization, "--name", "acme"],
            "the domain name is already in use",
        ),
        (&["domain", "create", "--organization", &organization, "--name", "A"], "`domain.name`"),
        (&["domain", "create", "--organization", "org_1", "--name", "a"], "`domain.organization_id`"),
        (
            &[
                "domain",
                "create",
                "--organization",
                &organization,
                "--name",
                "n",
                "--auto-wallet-networks",
                "ethereum",
            ],
            "may not use the network ethereum",
        ),
        (
            &[
                "domain",
                "create",
                "--organization",
                &organization,
                "--name",
                "n",
                "--auto-wallet-networks",
                "sepolia,sepolia",
            ],
            "must name each network once",
        ),
        (
            &[
                "domain",
                "create",
                "--organization",
                &organization,
                "--name",
                "n",
                "--alias-quarantine",
                "300000000000y",
            ],
            "`domain.settings.alias_quarantine`",
        ),
        (&["key", "create", "--domain", "nobody", "--scopes", "all"], "domain not found"),
        (&["key", "create", "--domain", "acme", "--scopes", "customers.burn"], "`api_key.scopes`"),
        (
            &["key", "create", "--domain", "acme", "--environment", "live", "--scopes", "all"],
            "`api_key.environment`",
        ),
        (&["key", "rotate", "key_00000000000000000000000000"], "API key not found"),
        (&["key", "revoke", &organization], "`id`"),
    ] {
        let all = [&["admin", "--database-url", &database.url], arguments].concat();
        let ran = run(&database, &all).await;
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{arguments:?}");
        assert!(ran.err.starts_with("purser: ") && ran.err.contains(said), "{arguments:?}: {}", ran.err);
        assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    }
}

async fn the_database_is_named_before_or_after_the_command(database: Database) {
    acme(&database).await;
    let url = ["--database-url", &database.url];
    let before = run(&database, &[&["admin"][..], &url, &["domain", "list"]].concat()).await;
    let after = run(&database, &[&["admin", "domain", "list"][..], &url].concat()).await;
    assert_eq!(before.out, after.out, "{}", after.err);
    let mut by_environment = purser(database.folder(), &["admin", "domain", "list"]);
    let output = by_environment.env("PURSER_DATABASE_URL", &database.url).output().await.unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), before.out);
}

async fn a_long_list_is_printed_whole(database: Database) {
    let app = purser::app::App::start(database.store().await, crate::harness::chains());
    for n in 0..205 {
        let name = crate::harness::line(&format!("O {n}"));
        app.create_organization(&crate::harness::operator(), name, None).await.unwrap();
    }
    let listed = admin(&database, &["organization", "list"]).await;
    let names: Vec<_> = listed.lines().map(|it| it.split("  ").nth(1).unwrap().to_owned()).collect();
    assert_eq!(names, (0..205).map(|n| format!("O {n}")).collect::<Vec<_>>());
}
