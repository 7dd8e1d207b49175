//! A catalog in another process instead of the built-in one: one in Python that answers as a test wants it to, and
//! another Cartwright.

use std::time::{Duration, Instant};

use cartwright::rpc::pb::{self, CheckoutMessageCode as MessageCode};
use serde_json::json;
use tokio::task::JoinSet;
use tonic::{Code, Status};

use crate::harness::{
    PATIENCE,
    api::{Api, call, engraved, item, minor, on_every_backend, products, refused, usd, variant},
    promotion::promotion,
    remote_catalog::RemoteCatalog,
    server::{Backend, TestServer, run},
};

on_every_backend!(std::future::ready =>
    from_cart_to_paid_order,
    a_price_that_changes,
    while_the_catalog_is_away_known_products_are_sold,
    another_cartwright_is_the_catalog,
);

/// Longer than any test.
const LONG: &str = "--catalog-ttl=1h";
/// As short as it can be, and how long to wait until it is over.
const SHORT: &str = "--catalog-ttl=1s";
const A_SHORT_TIME: Duration = Duration::from_millis(1_100);

/// A shop whose products are in a catalog in Python.
async fn shop(backend: Backend, options: &[&str]) -> (Api, RemoteCatalog) {
    let catalog = RemoteCatalog::start(&products());
    let api = shop_beside(&catalog.url(), backend, options).await;
    (api, catalog)
}

async fn shop_beside(url: &str, backend: Backend, options: &[&str]) -> Api {
    let url = format!("--catalog-url={url}");
    let options = [&[url.as_str()], options].concat();
    Api::without_products(TestServer::with(backend, &options).await).await
}

/// The product of the sample shop with this id, at this price.
fn priced(id: &str, price: i64) -> pb::Product {
    let product = products().into_iter().find(|product| product.id == id);
    pb::Product {
        price: usd(price),
        ..product.unwrap()
    }
}

async fn add(api: &Api, cart_id: &str, items: Vec<pb::NewLineItem>) -> Result<pb::Cart, Status> {
    let request = pb::AddLineItemsRequest {
        cart_id: cart_id.into(),
        line_items: items,
        ..Default::default()
    };
    Ok(call!(api.carts, add_line_items, request)?.cart.unwrap())
}

/// Changes something that has nothing to do with products.
async fn touch(api: &Api, checkout_id: &str) -> Result<pb::Checkout, Status> {
    let request = pb::UpdateCheckoutRequest {
        checkout_id: checkout_id.into(),
        customer_message: "Please ring twice".into(),
        ..Default::default()
    };
    Ok(call!(api.checkouts, update_checkout, request)?
        .checkout
        .unwrap())
}

fn told(checkout: &pb::Checkout) -> Vec<MessageCode> {
    let messages = checkout.messages.iter();
    messages.map(pb::CheckoutMessage::code).collect()
}

/// What stands in the way of an order.
async fn obstacles(api: &Api, checkout_id: &str, reason: &str) -> Vec<String> {
    let order = api.order(checkout_id).await;
    let details = refused(order, Code::FailedPrecondition, reason);
    let failure = details.precondition_failure().unwrap();
    let reasons = failure.violations.iter();
    reasons.map(|one| one.r#type.clone()).collect()
}

async fn from_cart_to_paid_order(backend: Backend) {
    let (api, catalog) = shop(backend, &[LONG]).await;
    let cart = api
        .cart(vec![
            item("poster", 2),
            variant("tee", "tee-m", 1),
            engraved("Ada"),
        ])
        .await;
    let prices: Vec<_> = cart
        .line_items
        .iter()
        .map(|line| minor(&line.list_price))
        .collect();
    assert_eq!(prices, [3195, 2200, 1250]);
    let checkout = api.make_ready(&cart).await;
    assert_eq!(told(&checkout), []);
    assert_eq!(catalog.asked(), [["mug", "poster", "tee"]]);

    let order = api.order(&cart.id).await.unwrap();
    assert_eq!(catalog.asked().len(), 2, "an order asks anew");
    let total = minor(&order.totals.as_ref().unwrap().grand_total);
    let paid = api
        .pay(&order, "ch_1", total, pb::PaymentState::Completed)
        .await
        .unwrap();
    assert_eq!(paid.status(), pb::OrderStatus::AwaitingFulfillment);
}

async fn a_price_that_changes(backend: Backend) {
    let (api, mut catalog) = shop(backend, &[SHORT]).await;
    let ready = api.ready().await;
    catalog.put(&[priced("poster", 3000)]);
    tokio::time::sleep(A_SHORT_TIME).await;
    let checkout = touch(&api, &ready.id).await.unwrap();
    assert_eq!(told(&checkout), [MessageCode::PriceRefreshed]);
    assert_eq!(
        checkout.messages[0].text,
        "the price of \"The poster\" changed from 31.95 USD to 30.00 USD"
    );

    catalog.put(&[priced("poster", 2900)]);
    let reasons = obstacles(&api, &ready.id, "PRICE_CHANGED").await;
    assert_eq!(reasons, ["PRICE_CHANGED"]);
    assert_eq!(
        told(&api.get(&ready.id).await),
        [MessageCode::PriceRefreshed]
    );
    let order = api.order(&ready.id).await.unwrap();
    assert_eq!(minor(&order.line_items[0].list_price), 2900);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_fresh_is_not_asked_for_again() {
    let (api, mut catalog) = shop(Backend::Embedded, &[LONG]).await;
    let cart = api.cart(vec![item("poster", 1)]).await;
    catalog.put(&[priced("poster", 1)]);
    add(&api, &cart.id, vec![item("poster", 1)]).await.unwrap();
    assert_eq!(told(&touch(&api, &cart.id).await.unwrap()), []);
    for _ in 0..2 {
        let nothing = add(&api, &cart.id, vec![item("sofa", 1)]).await;
        refused(nothing, Code::NotFound, "PRODUCT_NOT_FOUND");
    }
    assert_eq!(catalog.asked(), [["poster"], ["sofa"]]);

    // What is in no catalog is never asked for.
    let cart = api.custom_cart(&[500]).await;
    touch(&api, &cart.id).await.unwrap();
    assert_eq!(catalog.asked().len(), 2);
}

async fn while_the_catalog_is_away_known_products_are_sold(backend: Backend) {
    let (api, mut catalog) = shop(backend, &[SHORT]).await;
    let ready = api.ready().await;
    let known = api.get(&ready.id).await;

    catalog.kill();
    tokio::time::sleep(A_SHORT_TIME).await;
    let unknown = add(&api, &ready.id, vec![item("poster", 1), item("lamp", 1)]).await;
    refused(unknown, Code::Unavailable, "CATALOG_UNAVAILABLE");
    assert_eq!(api.get(&ready.id).await, known, "nothing was done");
    let unknown = pb::CreateCartRequest {
        line_items: vec![item("lamp", 1)],
        ..Default::default()
    };
    let unknown = call!(api.carts, create_cart, unknown);
    refused(unknown, Code::Unavailable, "CATALOG_UNAVAILABLE");

    let checkout = touch(&api, &ready.id).await.unwrap();
    assert_eq!(told(&checkout), [MessageCode::CatalogStale]);
    let text = &checkout.messages[0].text;
    let (before, time) = text.split_once("those of ").unwrap();
    assert_eq!(before, "the catalog is out of reach: prices are ");
    let time = chrono::DateTime::parse_from_rfc3339(time).unwrap();
    let changed = known.update_time.unwrap().seconds;
    assert!(time.timestamp() <= changed, "{text}, changed {changed}");

    let order = api.order(&ready.id).await.unwrap();
    assert_eq!(minor(&order.totals.unwrap().grand_total), 4155);
    assert_eq!(told(&api.get(&ready.id).await), [MessageCode::CatalogStale]);

    catalog.restart();
    catalog.put(&[priced("poster", 3000)]);
    let checkout = again(&api, &ready.id).await;
    assert_eq!(told(&checkout), [MessageCode::PriceRefreshed]);
}

/// Changes the checkout until it does not tell that the catalog is away.
async fn again(api: &Api, checkout_id: &str) -> pb::Checkout {
    let began = Instant::now();
    loop {
        let checkout = touch(api, checkout_id).await.unwrap();
        if !told(&checkout).contains(&MessageCode::CatalogStale) {
            return checkout;
        }
        assert!(began.elapsed() < PATIENCE, "it is not asked again");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_the_matter_with_the_catalog_carts_live_on() {
    for mode in [
        "hang",
        "UNAVAILABLE",
        "INTERNAL",
        "PERMISSION_DENIED",
        "UNIMPLEMENTED",
        "huge",
        "die",
    ] {
        let options = [LONG, "--catalog-timeout=500ms"];
        let (api, catalog) = shop(Backend::Embedded, &options).await;
        let ready = api.ready().await;
        catalog.behave(json!({ "mode": mode }));
        let unknown = add(&api, &ready.id, vec![item("lamp", 1)]).await;
        refused(unknown, Code::Unavailable, "CATALOG_UNAVAILABLE");
        let order = api.order(&ready.id).await;
        assert_eq!(order.unwrap().line_items.len(), 1, "{mode}");
        let checkout = api.get(&ready.id).await;
        assert_eq!(told(&checkout), [MessageCode::CatalogStale], "{mode}");
        call!(
            api.carts,
            delete_cart,
            pb::DeleteCartRequest {
                cart_id: ready.id,
                ..Default::default()
            }
        )
        .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cart_whose_products_are_not_known_can_be_deleted_while_the_catalog_is_away() {
    let (api, mut catalog) = shop(Backend::Embedded, &[LONG]).await;
    let cart = api.cart(vec![item("poster", 1)]).await;
    catalog.kill();
    let other = Api::of(api.server.replica().await);
    let refusal = touch(&other, &cart.id).await;
    refused(refusal, Code::Unavailable, "CATALOG_UNAVAILABLE");
    let request = pb::DeleteCartRequest {
        cart_id: cart.id,
        ..Default::default()
    };
    call!(other.carts, delete_cart, request).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_that_is_gone() {
    let (api, mut catalog) = shop(Backend::Embedded, &[SHORT]).await;
    let ready = api.ready().await;
    catalog.delete("poster");
    tokio::time::sleep(A_SHORT_TIME).await;
    let gone = add(&api, &ready.id, vec![item("poster", 1)]).await;
    refused(gone, Code::NotFound, "PRODUCT_NOT_FOUND");
    let checkout = touch(&api, &ready.id).await.unwrap();
    assert_eq!(told(&checkout), [MessageCode::ItemUnavailable]);
    let reasons = obstacles(&api, &ready.id, "CHECKOUT_INCOMPLETE").await;
    assert_eq!(reasons, ["PRODUCT_NOT_FOUND"]);

    catalog.put(&[priced("poster", 3195)]);
    api.order(&ready.id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn gifts_and_other_currencies_come_from_the_remote_catalog() {
    let (api, mut catalog) = shop(Backend::Embedded, &[LONG]).await;
    let gift = promotion(json!({
        "name": "Sticker",
        "rules": [{ "action": { "gift_item": { "product_id": "sticker" } } }],
    }));
    api.create_promotion(gift).await.unwrap();
    let cart = api.cart(vec![item("poster", 1)]).await;
    let products: Vec<_> = cart
        .line_items
        .iter()
        .map(|line| &line.product_id)
        .collect();
    assert_eq!(products, ["poster", "sticker"]);
    let request = pb::UpdateCartRequest {
        cart_id: cart.id.clone(),
        currency_code: "EUR".into(),
        ..Default::default()
    };
    let cart = call!(api.carts, update_cart, request)
        .unwrap()
        .cart
        .unwrap();
    assert_eq!(minor(&cart.line_items[0].list_price), 1598);
    assert_eq!(catalog.asked(), [["poster"], ["sticker"]]);

    // While it is away what is known is given, and what is not known keeps the cart as it is.
    catalog.kill();
    assert_eq!(
        touch(&api, &cart.id)
            .await
            .unwrap()
            .cart
            .unwrap()
            .line_items
            .len(),
        2
    );
    let other = Api::of(api.server.replica().await);
    let refusal = touch(&other, &cart.id).await;
    refused(refusal, Code::Unavailable, "CATALOG_UNAVAILABLE");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_that_is_not_as_it_has_to_be_costs_no_other() {
    type Change = fn(&mut pb::Product);
    let changes: [(&str, Change); 5] = [
        ("negative", |product| product.price = usd(-1)),
        ("euro", |product| {
            product.price = Some(pb::Money {
                currency_code: "EUR".into(),
                amount_minor: 100,
            });
        }),
        ("nameless", |product| product.name.clear()),
        ("class", |product| product.tax_class_id = "food".into()),
        ("options", |product| {
            product.options = vec![pb::ProductOption::default(); 11];
        }),
    ];
    let (api, mut catalog) = shop(Backend::Embedded, &[SHORT]).await;
    let ready = api.ready().await;
    let cart = api.cart(vec![item("lamp", 1)]).await;
    for (id, change) in changes {
        let mut product = pb::Product {
            id: id.into(),
            ..priced("poster", 100)
        };
        change(&mut product);
        catalog.put(&[product]);
        let malformed = add(&api, &cart.id, vec![item(id, 1), item("lamp", 1)]).await;
        refused(
            malformed,
            Code::FailedPrecondition,
            "PRODUCT_NOT_PURCHASABLE",
        );
    }

    let mut poster = priced("poster", 100);
    poster.name.clear();
    catalog.put(&[poster]);
    tokio::time::sleep(A_SHORT_TIME).await;
    let checkout = touch(&api, &ready.id).await.unwrap();
    assert_eq!(told(&checkout), [MessageCode::ItemUnavailable]);
    let reasons = obstacles(&api, &ready.id, "CHECKOUT_INCOMPLETE").await;
    assert_eq!(reasons, ["PRODUCT_NOT_PURCHASABLE"]);
    assert_eq!(told(&touch(&api, &cart.id).await.unwrap()), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_with_more_than_was_asked_for() {
    let (api, catalog) = shop(Backend::Embedded, &[LONG]).await;
    catalog.behave(json!({ "mode": "more" }));
    let cart = api.cart(vec![item("poster", 1)]).await;
    let uninvited = add(&api, &cart.id, vec![item("uninvited", 1)]).await;
    refused(
        uninvited,
        Code::FailedPrecondition,
        "PRODUCT_NOT_PURCHASABLE",
    );
    assert_eq!(catalog.asked(), [["poster"], ["uninvited"]]);

    catalog.behave(json!({ "mode": "twice" }));
    let twice = add(&api, &cart.id, vec![item("lamp", 1)]).await;
    refused(twice, Code::FailedPrecondition, "PRODUCT_NOT_PURCHASABLE");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_products_than_a_call_takes() {
    let (api, mut catalog) = shop(Backend::Embedded, &[LONG]).await;
    let ids: Vec<_> = (0..250).map(|number| format!("p{number}")).collect();
    let many = ids.iter().map(|id| pb::Product {
        id: id.clone(),
        ..priced("ebook", 100)
    });
    catalog.put(&many.collect::<Vec<_>>());
    let cart = api.cart(vec![item("p0", 1)]).await;
    for ids in ids[1..].chunks(100) {
        let items = ids.iter().map(|id| item(id, 1)).collect();
        add(&api, &cart.id, items).await.unwrap();
    }
    let before = catalog.asked().len();
    // Lacks an address, but asks for all there is.
    obstacles(&api, &cart.id, "CHECKOUT_INCOMPLETE").await;
    let asked = catalog.asked().split_off(before);
    let mut sizes: Vec<_> = asked.iter().map(Vec::len).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [50, 100, 100]);
    let mut asked = asked.concat();
    asked.sort_unstable();
    let mut ids = ids;
    ids.sort_unstable();
    assert_eq!(asked, ids);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_shoppers_share_calls() {
    let (api, catalog) = shop(Backend::Embedded, &[LONG]).await;
    catalog.behave(json!({ "delay_ms": 500 }));
    let ids = ["anvil", "ebook", "lamp", "poster", "sticker"];
    let mut shoppers = JoinSet::new();
    for number in 0..100 {
        let [first, second] = [number, number + 1].map(|number| ids[number % ids.len()]);
        let request = pb::CreateCartRequest {
            line_items: vec![item(first, 1), item(second, 1)],
            ..Default::default()
        };
        let mut carts = api.carts.clone();
        shoppers.spawn(async move { carts.create_cart(request).await });
    }
    let carts = shoppers.join_all().await;
    assert!(carts.iter().all(Result::is_ok));
    let mut asked = catalog.asked().concat();
    asked.sort_unstable();
    assert_eq!(asked, ids, "each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_lines_wait_for_a_catalog_that_hangs_no_longer_than_one() {
    let options = [LONG, "--catalog-timeout=300ms"];
    let (api, catalog) = shop(Backend::Embedded, &options).await;
    let cart = api.cart(vec![item("poster", 1)]).await;
    catalog.behave(json!({ "mode": "hang" }));
    let before = catalog.asked().len();
    let items = (0..100).map(|number| item(&format!("p{number}"), 1));
    let unknown = add(&api, &cart.id, items.collect()).await;
    refused(unknown, Code::Unavailable, "CATALOG_UNAVAILABLE");
    assert_eq!(catalog.asked().len(), before + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_asks_also_right_after_a_failure() {
    let (api, mut catalog) = shop(Backend::Embedded, &[LONG]).await;
    let ready = api.ready().await;
    catalog.behave(json!({ "mode": "UNAVAILABLE" }));
    let unknown = add(&api, &ready.id, vec![item("lamp", 1)]).await;
    refused(unknown, Code::Unavailable, "CATALOG_UNAVAILABLE");
    catalog.behave(json!({}));
    catalog.put(&[priced("poster", 3000)]);
    let reasons = obstacles(&api, &ready.id, "PRICE_CHANGED").await;
    assert_eq!(reasons, ["PRICE_CHANGED"]);
    // And the catalog is known to be back.
    add(&api, &ready.id, vec![item("lamp", 1)]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remote_catalog_is_read_here_and_changed_there() {
    let (api, mut catalog) = shop(Backend::Embedded, &[LONG]).await;
    let request = pb::UpsertProductsRequest {
        products: products(),
        ..Default::default()
    };
    let upsert = call!(api.catalog, upsert_products, request);
    refused(upsert, Code::FailedPrecondition, "CATALOG_IS_REMOTE");
    let request = pb::DeleteProductRequest {
        product_id: "poster".into(),
        ..Default::default()
    };
    let delete = call!(api.catalog, delete_product, request);
    refused(delete, Code::FailedPrecondition, "CATALOG_IS_REMOTE");
    let list = call!(
        api.catalog,
        list_products,
        pb::ListProductsRequest::default()
    );
    refused(list, Code::FailedPrecondition, "CATALOG_IS_REMOTE");
    assert_eq!(catalog.asked().len(), 0);

    catalog.put(&[pb::Product {
        version: 7,
        ..priced("poster", 3195)
    }]);
    let get = |id: &str| pb::GetProductRequest {
        product_id: id.into(),
    };
    for _ in 0..2 {
        let poster = call!(api.catalog, get_product, get("poster")).unwrap();
        let poster = poster.product.unwrap();
        assert_eq!((minor(&poster.price), poster.version), (3195, 7));
    }
    let sofa = call!(api.catalog, get_product, get("sofa"));
    refused(sofa, Code::NotFound, "PRODUCT_NOT_FOUND");
    assert_eq!(catalog.asked(), [["poster"], ["sofa"]]);

    let reference = |product_id: &str, variant_id: &str| pb::VariantReference {
        product_id: product_id.into(),
        variant_id: variant_id.into(),
    };
    let request = pb::BatchGetVariantsRequest {
        variants: vec![
            reference("tee", "tee-m"),
            reference("poster", ""),
            reference("sofa", ""),
        ],
    };
    let answer = call!(api.catalog, batch_get_variants, request).unwrap();
    let found: Vec<_> = answer
        .products
        .iter()
        .map(|product| (product.id.as_str(), product.variants.len()))
        .collect();
    assert_eq!(found, [("poster", 0), ("tee", 1)]);
    assert_eq!(catalog.asked(), [["poster"], ["sofa"], ["tee"]]);
}

async fn another_cartwright_is_the_catalog(backend: Backend) {
    let catalog = Api::start(backend).await;
    let url = format!("http://{}", catalog.server.address());
    let api = shop_beside(&url, backend, &[SHORT]).await;
    let cart = api
        .cart(vec![engraved("Ada"), variant("tee", "tee-s", 1)])
        .await;
    let checkout = api.make_ready(&cart).await;
    let total = |checkout: &pb::Checkout| minor(&checkout.totals.as_ref().unwrap().grand_total);
    assert_eq!(total(&checkout), (1250 + 2000 + 800) * 104 / 100);

    let request = pb::UpsertProductsRequest {
        products: vec![priced("tee", 1900)],
        ..Default::default()
    };
    call!(catalog.catalog, upsert_products, request).unwrap();
    tokio::time::sleep(A_SHORT_TIME).await;
    let checkout = touch(&api, &cart.id).await.unwrap();
    assert_eq!(told(&checkout), [MessageCode::PriceRefreshed]);
    api.order(&cart.id).await.unwrap();
}

#[test]
fn a_shop_with_products_is_not_set_up_beside_a_remote_catalog() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!(
        "sqlite://{}/cartwright.db?mode=rwc",
        folder.path().display()
    );
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/store.yaml");
    let catalog = "--catalog-url=http://127.0.0.1:9";
    for (arguments, code, told) in [
        (
            vec!["import", sample, catalog],
            1,
            "products: CATALOG_IS_REMOTE: products live in a remote catalog",
        ),
        (
            vec!["serve", "--demo-store", catalog],
            64,
            "leave out --demo-store or --catalog-url",
        ),
        (
            vec!["serve", "--catalog-url=http://no port:x"],
            64,
            "cannot use the URL of --catalog-url",
        ),
    ] {
        let output = run(&arguments, &[("DATABASE_URL", &url)]);
        let log = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{log}");
        assert!(log.contains(told), "{log}");
    }
    // Settings alone can be imported, and the demonstration has a catalog of its own.
    let settings = folder.path().join("settings.yaml");
    std::fs::write(&settings, "store: { default_currency_code: USD }").unwrap();
    let settings = settings.display().to_string();
    assert!(
        run(&["import", &settings, catalog], &[("DATABASE_URL", &url)])
            .status
            .success()
    );
    assert!(run(&["demo", catalog], &[]).status.success());
}
