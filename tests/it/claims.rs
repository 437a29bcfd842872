//! Payment claim links and claims, over the wire and by the page.

mod browser;
mod deposits;
pub mod desk;
mod kyc;
mod links;
mod lists;
mod page;
mod races;
mod secrets;
mod submissions;
mod verdicts;
