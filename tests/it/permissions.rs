//! Who may call what: every RPC that there is, by every kind of caller, against the table in docs/security.md.

use std::collections::BTreeMap;

use cartwright::domain::caller::{Access, Scope};
use prost_reflect::MethodDescriptor;
use serde_json::json;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::harness::{
    any::{call_any, methods, name},
    api::Api,
    server::{Backend, TestServer},
    session::session,
    token::token,
};

const MANUAL: &str = include_str!("../../docs/security.md");
const SHOPPERS: &str = "services, shoppers";
const ANYBODY: &str = "services, anybody if allowed";

/// What the manual says of an RPC: the scope it needs, and who may call it.
struct Documented {
    scope: String,
    who: String,
}

/// The rows of the manual, by `Service.Method`.
fn documented() -> BTreeMap<String, Documented> {
    let (_, table) = MANUAL.split_once("| RPC | scope | who |\n").unwrap();
    let rows = table.lines().skip(1);
    let rows = rows.take_while(|line| line.starts_with('|')).map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [rpc, scope, who] = cells[..] else {
            panic!("{row}")
        };
        let documented = Documented {
            scope: scope.trim_matches('`').to_owned(),
            who: who.to_owned(),
        };
        (rpc.trim_matches('`').to_owned(), documented)
    });
    rows.collect()
}

/// Calls with an empty request: why the caller did not get through to the RPC, with the code and the reason.
async fn denied(
    api: &Api,
    method: &MethodDescriptor,
    token: Option<&str>,
) -> Option<(Code, String)> {
    let answer = call_any(&api.server.channel(), method, &json!({}), token).await;
    let status: Status = answer.err()?;
    let is_denied = [Code::Unauthenticated, Code::PermissionDenied].contains(&status.code());
    let info = status.get_details_error_info();
    is_denied.then(|| {
        (
            status.code(),
            info.map_or_else(String::new, |info| info.reason),
        )
    })
}

fn because(code: Code, reason: &str) -> Option<(Code, String)> {
    Some((code, reason.to_owned()))
}

async fn api(options: &[&str]) -> Api {
    // Wrong on purpose and fast.
    let fast = ["--session-rate=0", "--wrong-credentials=0"];
    Api::of(TestServer::with(Backend::Embedded, &[&fast, options].concat()).await)
}

#[test]
fn the_manual_has_every_rpc_and_no_other() {
    let known: Vec<_> = documented().into_keys().collect();
    let mut there: Vec<_> = methods().iter().map(name).collect();
    there.sort();
    assert_eq!(known, there);
}

#[tokio::test(flavor = "multi_thread")]
async fn services_may_what_their_scopes_say() {
    let api = api(&["--authentication=required"]).await;
    let mut tokens = BTreeMap::new();
    for scope in Scope::ALL {
        for access in [Access::Read, Access::Write] {
            let scope = format!("{}:{}", scope.name(), access.name());
            let token = token(&api, &scope).await;
            tokens.insert(scope, token);
        }
    }
    let documented = documented();
    for method in methods() {
        let rpc = name(&method);
        let needed = &documented[&rpc].scope;
        for (scope, token) in &tokens {
            let may = scope == needed || *scope == needed.replace(":read", ":write");
            let expected = (!may).then(|| (Code::PermissionDenied, "SCOPE_MISSING".to_owned()));
            let answer = denied(&api, &method, Some(token)).await;
            assert_eq!(answer, expected, "{rpc} with {scope}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn shoppers_may_what_is_for_them_and_others_nothing() {
    let api = api(&["--authentication=required"]).await;
    let maker = token(&api, "carts:write").await;
    let guest = session(&api, Some(&maker), "").await;
    let customer = session(&api, Some(&maker), "customer-1").await;
    let documented = documented();
    for method in methods() {
        let rpc = name(&method);
        let who = &documented[&rpc].who;
        for token in [&guest, &customer] {
            let expected = (who != SHOPPERS)
                .then(|| (Code::PermissionDenied, "STOREFRONT_NOT_ALLOWED".to_owned()));
            assert_eq!(denied(&api, &method, Some(token)).await, expected, "{rpc}");
        }
        let missing = because(Code::Unauthenticated, "CREDENTIALS_MISSING");
        assert_eq!(denied(&api, &method, None).await, missing, "{rpc}");
        for wrong in ["x", "cwt_aaaaaaaaaaaa_x", "a.b.c"] {
            let invalid = because(Code::Unauthenticated, "CREDENTIALS_INVALID");
            assert_eq!(
                denied(&api, &method, Some(wrong)).await,
                invalid,
                "{rpc} with {wrong}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn anybody_may_begin_a_session_where_that_is_allowed_and_do_no_more() {
    let api = api(&["--authentication=required", "--anonymous-sessions"]).await;
    let documented = documented();
    for method in methods() {
        let rpc = name(&method);
        let may = documented[&rpc].who == ANYBODY;
        let expected = (!may).then(|| (Code::Unauthenticated, "CREDENTIALS_MISSING".to_owned()));
        assert_eq!(denied(&api, &method, None).await, expected, "{rpc}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_authentication_everybody_may_everything_but_not_with_wrong_credentials() {
    let api = api(&[]).await;
    for method in methods() {
        let rpc = name(&method);
        assert_eq!(denied(&api, &method, None).await, None, "{rpc}");
        let invalid = because(Code::Unauthenticated, "CREDENTIALS_INVALID");
        assert_eq!(denied(&api, &method, Some("x")).await, invalid, "{rpc}");
    }
}
