//! One binary for all integration tests: one link, and the tests run together.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::pedantic,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs,
    missing_debug_implementations,
    unreachable_pub
)]

mod abuse;
mod access;
mod admin;
mod admin_cli;
mod author;
mod billing;
mod billing_methods;
mod billing_overview;
mod billing_races;
mod billing_wire;
mod chain;
mod changes;
mod claims;
mod cluster;
mod concurrency;
mod customers;
mod customers_batch;
mod customers_erase;
mod customers_faults;
mod customers_fields;
mod customers_life;
mod customers_mask;
mod customers_reach;
mod customers_replays;
mod customers_requests;
mod customers_resolve;
mod customers_update;
mod decisions;
mod descriptors;
mod dialects;
mod disk;
mod disk_full;
mod durability;
mod era;
mod errors;
mod events;
mod events_order;
mod events_watch;
mod events_wire;
mod failover;
mod fuzz;
mod harness;
mod idempotency;
mod instances;
mod journal;
mod keys;
mod layers;
mod lifecycle;
mod lists;
mod lists_pages;
mod load;
mod one_model;
mod outage;
mod peers;
mod power_loss;
mod process;
mod protocol;
mod proxy;
mod quotas;
mod raw;
mod requests;
mod rest;
mod retention;
mod rolling;
mod rows;
mod schema;
mod server;
mod startup;
mod store;
mod store_audit;
mod store_conflicts;
mod store_doctor;
mod store_doctor_billing;
mod store_doctor_wallets;
mod store_emails;
mod store_erase;
mod store_lists;
mod store_log;
mod store_races;
mod store_retention;
mod store_search;
mod wallets;
mod wallets_addresses;
mod wallets_amounts;
mod wallets_balances;
mod wallets_chain;
mod wallets_external;
mod wallets_faults;
mod wallets_indexes;
mod wallets_instances;
mod wallets_parse;
mod wallets_pools;
mod wallets_races;
mod wallets_refusals;
mod wallets_requests;
mod wallets_secrets;
mod wallets_transactions;
mod wallets_watch_only;
mod wallets_wire;
mod webhooks;
mod wire;
