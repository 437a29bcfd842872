//! The service as seen over REST: in its own words, and in those of the documents that others have written for.
//!
//! [`call`] is what surrounds a call whatever it speaks; [`dialect`] is what every dialect is made of, and [`dialects`]
//! are the dialects, one file each.

#![expect(dead_code, reason = "its users, the dialects and the transcoder, come one after another")]

mod call;
mod dialect;
mod dialects;
mod face;
mod json;
mod refusal;
mod target;
mod transcode;

use std::time::Duration;

use axum::Router;

pub use face::{Face, Faces};
pub use transcode::Rpcs;

use crate::app::App;

/// What of REST is offered, and how.
#[derive(Clone, Debug)]
pub struct Offer {
    /// What is spoken.
    pub faces: Faces,
    /// How long a call may take.
    pub deadline: Duration,
}

/// Everything that is spoken. `rpcs` answers the methods of the API.
pub fn router(app: &App, offer: &Offer, rpcs: impl Rpcs) -> Router {
    let router = dialects::router(app, &offer.faces, offer.deadline);
    if offer.faces.has(Face::Canonical) { router.merge(transcode::router(app, rpcs)) } else { router }
}
