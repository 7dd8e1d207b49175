//! API tokens: the command line makes and revokes them, and calls are made in their names.

use cartwright::{rpc::pb, store};
use chrono::{DateTime, TimeDelta, Utc};
use tonic::{Code, Request};

use crate::harness::{
    api::{Api, call, item, on_every_backend, percentage_coupon, refused},
    server::run,
    token::{by, command, create, is_taken, prefix, token, told, until},
};

on_every_backend!(
    a_token_may_do_what_its_scopes_say,
    a_token_is_for_its_channels,
    what_is_no_good_token_is_refused,
    a_revoked_token_is_refused_by_every_replica,
    a_token_ends_at_its_time,
    the_list_tells_when_a_token_was_used,
    of_a_secret_only_the_hash_is_kept,
    credentials_of_carriers_are_shown_to_who_may_set_them,
    orders_tell_which_service_has_changed_them,
);

fn get(cart_id: &str) -> pb::GetCartRequest {
    pb::GetCartRequest {
        cart_id: cart_id.to_owned(),
    }
}

/// A cart in a sales channel.
fn cart_in(channel_id: &str) -> pb::CreateCartRequest {
    pb::CreateCartRequest {
        line_items: vec![item("poster", 1)],
        channel_id: channel_id.into(),
        ..Default::default()
    }
}

async fn a_token_may_do_what_its_scopes_say(api: Api) {
    let cart = api.cart(vec![item("poster", 1)]).await;
    let token = token(&api, "carts:read,promotions:write").await;
    call!(api.carts, get_cart, by(&token, get(&cart.id))).unwrap();
    let coupon = by(&token, percentage_coupon("TEN", "10"));
    call!(api.promotions, create_coupon, coupon).unwrap();
    let list = by(&token, pb::ListPromotionsRequest::default());
    call!(api.promotions, list_promotions, list).unwrap();

    let request = by(&token, cart_in(""));
    let refusal = refused(
        call!(api.carts, create_cart, request),
        Code::PermissionDenied,
        "SCOPE_MISSING",
    );
    let metadata = &refusal.error_info().unwrap().metadata;
    assert_eq!(metadata["scope"], "carts:write");
    assert_eq!(metadata["method"], "cartwright.v1.CartService/CreateCart");
    let denied = |result| refused(result, Code::PermissionDenied, "SCOPE_MISSING");
    let request = by(&token, pb::ListProductsRequest::default());
    denied(call!(api.catalog, list_products, request).map(drop));
    let request = by(&token, pb::GetStoreRequest {});
    denied(call!(api.store, get_store, request).map(drop));
    let request = by(&token, pb::ListGiftCertificatesRequest::default());
    denied(call!(api.gift_certificates, list_gift_certificates, request).map(drop));
}

async fn a_token_is_for_its_channels(api: Api) {
    let elsewhere = api.cart(vec![item("poster", 1)]).await;
    let token = create(
        &api,
        &["--scope=carts:write", "--channel=eu", "--channel=uk"],
    );
    until(&api, &token, true).await;
    for (asked, channel_id) in [("", "eu"), ("eu", "eu"), ("uk", "uk")] {
        let created = call!(api.carts, create_cart, by(&token, cart_in(asked)));
        let cart = created.unwrap().cart.unwrap();
        assert_eq!(cart.channel_id, channel_id);
        call!(api.carts, get_cart, by(&token, get(&cart.id))).unwrap();
    }
    refused(
        call!(api.carts, create_cart, by(&token, cart_in("us"))),
        Code::PermissionDenied,
        "CHANNEL_NOT_ALLOWED",
    );
    refused(
        call!(api.carts, get_cart, by(&token, get(&elsewhere.id))),
        Code::NotFound,
        "CART_NOT_FOUND",
    );
}

async fn what_is_no_good_token_is_refused(api: Api) {
    let (one, other) = (
        token(&api, "store:read").await,
        token(&api, "store:read").await,
    );
    let ask = async |authorization: &str| {
        let mut request = Request::new(pb::GetStoreRequest {});
        let value = authorization.parse().unwrap();
        request.metadata_mut().insert("authorization", value);
        call!(api.store, get_store, request)
    };
    ask(&format!("Bearer {one}")).await.unwrap();
    ask(&format!("bearer {one}")).await.unwrap();

    let (secret, others) = (&one[prefix(&one).len()..], &other[prefix(&other).len()..]);
    for wrong in [
        format!("Bearer {}{others}", prefix(&one)),
        format!("Bearer cwt_aaaaaaaaaaaa{secret}"),
        format!("Bearer {}", prefix(&one)),
        format!("Bearer {}", &one[..one.len() - 1]),
        format!("Bearer {}", one.to_uppercase()),
        format!("Basic {one}"),
        one.clone(),
        "Bearer".into(),
    ] {
        let refusal = ask(&wrong).await;
        let message = refusal.as_ref().unwrap_err().message();
        assert!(!message.contains(prefix(&one)), "{message}");
        assert!(!message.contains(secret), "{message}");
        refused(refusal, Code::Unauthenticated, "CREDENTIALS_INVALID");
    }
}

async fn a_revoked_token_is_refused_by_every_replica(api: Api) {
    let other = api.replica().await;
    let (kept, gone) = (
        token(&api, "store:read").await,
        token(&api, "store:read").await,
    );
    until(&other, &kept, true).await;
    until(&other, &gone, true).await;

    let revoked = told(&api, &["token", "revoke", prefix(&gone)]);
    assert_eq!(revoked, format!("revoked {}\n", prefix(&gone)));
    until(&api, &gone, false).await;
    until(&other, &gone, false).await;
    assert!(is_taken(&api, &kept).await && is_taken(&other, &kept).await);
    // Nor by one that starts.
    let third = api.replica().await;
    assert!(!is_taken(&third, &gone).await && is_taken(&third, &kept).await);

    let again = command(&api, &["token", "revoke", prefix(&gone)]);
    assert_eq!(again.status.code(), Some(1));
    let message = String::from_utf8(again.stderr).unwrap();
    assert!(message.contains("there is no token cwt_"), "{message}");
}

async fn a_token_ends_at_its_time(api: Api) {
    for lifetime in ["4s", "16s", "64s"] {
        let lifetime = format!("--expires-in={lifetime}");
        let token = create(&api, &["--scope=store:read", &lifetime]);
        // It knows the token from its start.
        let replica = api.replica().await;
        if is_taken(&replica, &token).await {
            until(&replica, &token, false).await;
            return;
        }
    }
    panic!("no token lives long enough for this machine");
}

/// The cells of the list that are about this token: after the prefix its name, scopes, channels, and when it was created,
/// expires, was last used and was revoked.
fn listed(api: &Api, token: &str) -> Vec<String> {
    let list = told(api, &["token", "list"]);
    assert!(list.starts_with("PREFIX "), "{list}");
    let line = list.lines().find(|line| line.starts_with(prefix(token)));
    let line = line.unwrap_or_else(|| panic!("not in {list}"));
    let cells = line.split("  ").filter(|cell| !cell.is_empty());
    cells.map(|cell| cell.trim().to_owned()).collect()
}

async fn the_list_tells_when_a_token_was_used(api: Api) {
    let used = create(&api, &["--scope=store:read,carts:write", "--channel=eu"]);
    let unused = create(&api, &["--scope=store:read", "--expires-in=90d"]);
    let cells = listed(&api, &used);
    assert_eq!(cells[1..4], ["test", "carts:write,store:read", "eu"]);
    assert_eq!(cells[5..], ["never", "never", "no"]);

    let replica = api.replica().await;
    assert!(is_taken(&replica, &used).await);
    // What was noted is kept before it ends.
    replica.server.stop().await;
    let time = |cell: &str| cell.parse::<DateTime<Utc>>().unwrap();
    let cells = listed(&api, &used);
    assert!(time(&cells[4]) <= time(&cells[6]), "{cells:?}");
    let cells = listed(&api, &unused);
    assert_eq!(time(&cells[5]) - time(&cells[4]), TimeDelta::days(90));
    assert_eq!(cells[6..], ["never", "no"]);
    assert_eq!(cells[2..4], ["store:read", "all"]);
}

async fn of_a_secret_only_the_hash_is_kept(api: Api) {
    let token = token(&api, "store:read").await;
    let (prefix, secret) = token.rsplit_once('_').unwrap();
    let texts = api.server.texts().await;
    assert!(texts.contains(prefix));
    assert!(!texts.contains(secret));
    assert!(!told(&api, &["token", "list"]).contains(secret));
    assert!(!told(&api, &["audit"]).contains(secret));
    let kept = store::api_token::list(&api.server.database().await).await;
    let [kept] = kept.unwrap().try_into().unwrap();
    assert!(kept.secret_hash.is_of(secret));
    assert!(!format!("{kept:?}").contains(secret));
}

#[test]
fn what_the_command_line_cannot_do_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    let url = format!("--database-url=sqlite://{}?mode=rwc", path.display());
    let token = |arguments: &[&str]| {
        let output = run(&[&["token"], arguments, &[url.as_str()]].concat(), &[]);
        let message = String::from_utf8(output.stderr).unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), message, printed)
    };
    let too_long = format!("--name={}", "n".repeat(101));
    let scope = "--scope=carts:write";
    for (arguments, part) in [
        (["--name=n", "--channel=eu"].as_slice(), "--scope <SCOPES>"),
        (
            &["--name=n", "--scope=carts:fly"],
            "\"carts:fly\" is no scope",
        ),
        (&["--name=n", "--scope="], "a token needs a scope"),
        (&[scope], "--name <NAME>"),
        (&["--name=", scope], "1 to 100 characters"),
        (&[&too_long, scope], "1 to 100 characters"),
        (&["--name=n", scope, "--channel="], "channels"),
        (&["--name=n", scope, "--expires-in=soon"], "--expires-in"),
        (
            &["--name=n", "--scope=events:read", "--channel=eu"],
            "not divided by channel",
        ),
    ] {
        let (code, message, printed) = token(&[&["create"], arguments].concat());
        assert_eq!(code, Some(64), "{arguments:?}: {message}");
        assert!(message.contains(part), "no {part} in {message}");
        assert_eq!(printed, "");
    }

    let (code, message, printed) = token(&["create", "--name=n", scope]);
    assert_eq!(code, Some(0), "{message}");
    let created = printed.strip_suffix('\n').unwrap();
    assert!(
        message.contains(prefix(created)) && !message.contains(created),
        "{message}"
    );

    let (code, message, _) = token(&["revoke", "cwt_aaaaaaaaaaaa"]);
    assert_eq!(code, Some(1), "{message}");
    assert!(message.contains("cwt_aaaaaaaaaaaa"), "{message}");
    let (code, message, _) = token(&["revoke", "hunter2"]);
    assert_eq!(code, Some(64), "{message}");
    assert!(!message.contains("hunter2"), "{message}");
    // Who has but the token itself can revoke it, too.
    let (code, message, printed) = token(&["revoke", created]);
    assert_eq!(
        (code, printed),
        (Some(0), format!("revoked {}\n", prefix(created))),
        "{message}"
    );
}

async fn credentials_of_carriers_are_shown_to_who_may_set_them(api: Api) {
    let http = pb::HttpCarrier {
        url: "http://127.0.0.1:1/rate".into(),
        connection_options: [("key".into(), "s3cret".into())].into(),
        ..Default::default()
    };
    let store = pb::Store {
        carriers: vec![pb::Carrier {
            id: "ups".into(),
            endpoint: Some(pb::carrier::Endpoint::Http(http)),
            ..Default::default()
        }],
        ..Default::default()
    };
    let request = pb::UpdateStoreRequest {
        store: Some(store),
        update_mask: Some(prost_types::FieldMask {
            paths: vec!["carriers".into()],
        }),
        ..Default::default()
    };
    call!(api.store, update_store, request).unwrap();
    let seen = async |scope: &str| {
        let token = token(&api, scope).await;
        let answer = call!(api.store, get_store, by(&token, pb::GetStoreRequest {}));
        let store = answer.unwrap().store.unwrap();
        match store.carriers[0].endpoint.clone() {
            Some(pb::carrier::Endpoint::Http(http)) => http.connection_options["key"].clone(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(seen("store:write").await, "s3cret");
    assert_eq!(seen("store:read").await, "");
}

async fn orders_tell_which_service_has_changed_them(api: Api) {
    let checkout = api.ready().await;
    let order = api.order(&checkout.id).await.unwrap();
    let token = token(&api, "orders:write").await;
    let request = pb::CancelOrderRequest {
        order_id: order.id,
        ..Default::default()
    };
    let answer = call!(api.orders, cancel_order, by(&token, request));
    let cancelled = answer.unwrap().order.unwrap();
    let entry = cancelled.history.last().unwrap();
    assert_eq!(entry.actor, format!("token:{}", prefix(&token)));
}
