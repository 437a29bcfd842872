//! One file for each document that is spoken: its routes, the shapes of its requests and answers, and how it says no.

mod common;
mod fields;
mod fossapay;
mod juicyway;
mod noderails;
mod pages;
mod paylias;
#[cfg(test)]
mod refusals;
mod trxn;

use std::time::Duration;

use axum::Router;

use super::dialect::Dialect;
use super::face::Faces;
use crate::app::App;

/// A dialect with its routes.
type Spoken = (Dialect, fn() -> Router<App>);

/// Each dialect.
const DIALECTS: [Spoken; 5] = [
    (fossapay::DIALECT, fossapay::routes),
    (paylias::DIALECT, paylias::routes),
    (noderails::DIALECT, noderails::routes),
    (trxn::DIALECT, trxn::routes),
    (juicyway::DIALECT, juicyway::routes),
];

/// Those of `faces`, each under its own prefix.
pub(super) fn router(app: &App, faces: &Faces, deadline: Duration) -> Router {
    let chosen = DIALECTS.into_iter().filter(|it| faces.has(it.0.face));
    chosen.fold(Router::new(), |router, (dialect, routes)| {
        let prefix = format!("/{}", dialect.face.as_str());
        router.nest(&prefix, dialect.serve(routes(), app, deadline))
    })
}
