//! API tokens, as the command line makes them.

use std::{process::Output, time::Duration};

use cartwright::rpc::pb;
use tokio::time::{Instant, sleep};
use tonic::{Code, Request};

use super::{
    PATIENCE,
    api::{Api, call},
    server::run,
};

/// Between looks: a service that is asked with wrong credentials all the time stops to listen.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// Runs a command beside the service, on its database.
pub(crate) fn command(api: &Api, arguments: &[&str]) -> Output {
    let url = format!("--database-url={}", api.server.database_url());
    run(&[arguments, &[url.as_str()]].concat(), &[])
}

/// What a command that succeeds says.
pub(crate) fn told(api: &Api, arguments: &[&str]) -> String {
    let output = command(api, arguments);
    let log = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{log}");
    String::from_utf8(output.stdout).unwrap()
}

/// A new token with these scopes, which the service knows.
pub(crate) async fn token(api: &Api, scopes: &str) -> String {
    let token = create(api, &["--scope", scopes]);
    until(api, &token, true).await;
    token
}

/// A new token.
pub(crate) fn create(api: &Api, options: &[&str]) -> String {
    let create = ["token", "create", "--name=test"];
    let told = told(api, &[create.as_slice(), options].concat());
    told.trim_end().to_owned()
}

/// Waits until the service takes the token, or does not any more.
pub(crate) async fn until(api: &Api, token: &str, wanted: bool) {
    let end = Instant::now() + PATIENCE;
    while is_taken(api, token).await != wanted {
        assert!(Instant::now() < end, "it never comes to that");
        sleep(LOOK_INTERVAL).await;
    }
}

/// Whether the service takes the token, whatever its scopes.
pub(crate) async fn is_taken(api: &Api, token: &str) -> bool {
    match call!(api.store, get_store, by(token, pb::GetStoreRequest {})) {
        Err(status) => status.code() != Code::Unauthenticated,
        Ok(_) => true,
    }
}

/// A request in the name of a token's principal.
pub(crate) fn by<M>(token: &str, message: M) -> Request<M> {
    let mut request = Request::new(message);
    let bearer = format!("Bearer {token}").parse().unwrap();
    request.metadata_mut().insert("authorization", bearer);
    request
}

/// The prefix of a token.
pub(crate) fn prefix(token: &str) -> &str {
    token.rsplit_once('_').unwrap().0
}
