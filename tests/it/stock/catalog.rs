//! How the shop counts: with `UpsertProducts`, from a file, and in a catalog of its own.

use cartwright::rpc::pb::{self, PaymentState};
use tonic::Code;

use super::{
    add, cancel, exhausted_metadata, get, ordered, pay, ready, set_quantity, shirts, stock,
    tickets, upsert,
};
use crate::harness::{
    api::{Api, call, item, on_every_backend, refused, variant},
    remote_catalog::RemoteCatalog,
    server::{Backend, TestServer, run},
};

on_every_backend!(
    a_level_below_what_is_reserved_costs_nobody_the_reservation,
    what_is_not_counted_any_more_is_still_known,
    a_deleted_product_is_not_counted,
    texts_change_while_goods_are_sold,
    a_file_that_is_imported_again_leaves_the_stock,
    every_answer_tells_the_stock,
);

mod remote {
    use super::*;

    on_every_backend!(std::future::ready =>
        what_a_remote_catalog_tells_is_sold_once,
    );

    async fn what_a_remote_catalog_tells_is_sold_once(backend: Backend) {
        let mut catalog = RemoteCatalog::start(&[tickets("opera", Some(3))]);
        let url = format!("--catalog-url={}", catalog.url());
        let server = TestServer::with(backend, &[&url, "--catalog-ttl=1h"]).await;
        let api = Api::without_products(server).await;
        let (cart, order) = ordered(&api, "opera", 2).await;
        assert_eq!(stock(&api, "opera").await, (3, 1));
        let other = ready(&api, vec![item("opera", 1)]).await;
        let more = set_quantity(&api, &other, 2).await;
        assert_eq!(exhausted_metadata(more), ["opera", "", "2", "1"]);
        // An order asks anew, and goes by what it is told then.
        catalog.put(&[tickets("opera", Some(2))]);
        refused(
            api.order(&other.id).await,
            Code::FailedPrecondition,
            "CHECKOUT_INCOMPLETE",
        );
        catalog.put(&[tickets("opera", Some(3))]);
        api.order(&other.id).await.unwrap();
        assert_eq!(stock(&api, "opera").await, (3, 0));
        // The catalog hears of the order that was paid.
        pay(&api, &order, "a", PaymentState::Completed)
            .await
            .unwrap();
        catalog.put(&[tickets("opera", Some(1))]);
        api.server.lapse(&other.id).await;
        let (_, last) = ordered(&api, "opera", 1).await;
        assert_eq!(stock(&api, "opera").await, (1, 0));
        assert!(add(&api, &cart.id, vec![item("opera", 1)]).await.is_err());
        cancel(&api, &last).await;
        assert_eq!(stock(&api, "opera").await, (1, 1));
    }
}

async fn a_level_below_what_is_reserved_costs_nobody_the_reservation(api: Api) {
    upsert(&api, vec![tickets("opera", Some(3))]).await;
    let mut orders = Vec::new();
    for _ in 0..3 {
        orders.push(ordered(&api, "opera", 1).await.1);
    }
    let lowered = upsert(&api, vec![tickets("opera", Some(1))]).await;
    assert_eq!(
        (lowered[0].stock_level, lowered[0].available_stock),
        (Some(1), Some(0))
    );
    for order in &orders {
        pay(&api, order, "a", PaymentState::Completed)
            .await
            .unwrap();
        assert_eq!(stock(&api, "opera").await, (0, 0));
    }
    // Two more were sold than there were: what comes back goes to those who wait for them.
    for left in [0, 0, 1] {
        let order = orders.pop().unwrap();
        api.update_status(&order, pb::OrderStatus::Cancelled)
            .await
            .unwrap();
        assert_eq!(stock(&api, "opera").await, (left, left));
    }
}

async fn what_is_not_counted_any_more_is_still_known(api: Api) {
    upsert(&api, vec![tickets("opera", Some(5))]).await;
    let (cart, order) = ordered(&api, "opera", 2).await;
    let (_, lapses) = ordered(&api, "opera", 3).await;
    let uncounted = upsert(&api, vec![tickets("opera", None)]).await;
    assert_eq!(
        (uncounted[0].stock_level, uncounted[0].available_stock),
        (None, None)
    );
    let (_, many) = ordered(&api, "opera", 99).await;
    pay(&api, &many, "a", PaymentState::Completed)
        .await
        .unwrap();
    // Counted again, without what is reserved since before.
    upsert(&api, vec![tickets("opera", Some(10))]).await;
    assert_eq!(stock(&api, "opera").await, (10, 5));
    set_quantity(&api, &cart, 8).await.unwrap_err();
    upsert(&api, vec![tickets("opera", None)]).await;
    cancel(&api, &lapses).await;
    upsert(&api, vec![tickets("opera", Some(10))]).await;
    assert_eq!(stock(&api, "opera").await, (10, 8));
    // An order of what is not counted when it is paid takes nothing.
    upsert(&api, vec![tickets("opera", None)]).await;
    pay(&api, &order, "a", PaymentState::Completed)
        .await
        .unwrap();
    upsert(&api, vec![tickets("opera", Some(10))]).await;
    assert_eq!(stock(&api, "opera").await, (10, 10));
    // A payment that began meanwhile is not refused, however few there are when it ends.
    let (cart, order) = ordered(&api, "opera", 2).await;
    api.server.lapse(&cart.id).await;
    upsert(&api, vec![tickets("opera", None)]).await;
    pay(&api, &order, "a", PaymentState::Pending).await.unwrap();
    upsert(&api, vec![tickets("opera", Some(1))]).await;
    assert_eq!(stock(&api, "opera").await, (1, 0));
    pay(&api, &order, "a", PaymentState::Completed)
        .await
        .unwrap();
    assert_eq!(stock(&api, "opera").await, (0, 0));
}

async fn a_deleted_product_is_not_counted(api: Api) {
    upsert(
        &api,
        vec![tickets("opera", Some(5)), tickets("ballet", Some(5))],
    )
    .await;
    let (_, reserved) = ordered(&api, "opera", 2).await;
    let lapsed = ready(&api, vec![item("ballet", 2)]).await;
    let late = api.order(&lapsed.id).await.unwrap();
    api.server.lapse(&lapsed.id).await;
    for id in ["opera", "ballet"] {
        let request = pb::DeleteProductRequest {
            product_id: id.into(),
            ..Default::default()
        };
        call!(api.catalog, delete_product, request).unwrap();
    }
    // An order pays what its snapshot says, whatever became of the catalog.
    pay(&api, &late, "a", PaymentState::Completed)
        .await
        .unwrap();
    upsert(
        &api,
        vec![tickets("opera", Some(5)), tickets("ballet", Some(5))],
    )
    .await;
    assert_eq!(stock(&api, "opera").await, (5, 3));
    assert_eq!(stock(&api, "ballet").await, (5, 5));
    pay(&api, &reserved, "a", PaymentState::Completed)
        .await
        .unwrap();
    assert_eq!(stock(&api, "opera").await, (3, 3));
}

async fn texts_change_while_goods_are_sold(api: Api) {
    upsert(&api, vec![shirts(Some(5), None), tickets("opera", Some(5))]).await;
    let mut read = get(&api, "opera").await;
    let (_, order) = ordered(&api, "opera", 2).await;
    pay(&api, &order, "a", PaymentState::Completed)
        .await
        .unwrap();
    ordered(&api, "opera", 1).await;
    read.name = "Another opera".into();
    let keep = |products| pb::UpsertProductsRequest {
        products,
        keep_stock: true,
        ..Default::default()
    };
    let request = keep(vec![read.clone(), shirts(None, Some(7))]);
    let kept = call!(api.catalog, upsert_products, request).unwrap();
    let (opera, shirt) = (&kept.products[0], &kept.products[1]);
    assert_eq!(opera.name, "Another opera");
    assert_eq!(
        (opera.stock_level, opera.available_stock),
        (Some(3), Some(2))
    );
    // What was not counted takes what it is given.
    let levels: Vec<_> = shirt.variants.iter().map(|v| v.stock_level).collect();
    assert_eq!(levels, [Some(5), Some(7)]);
    for product in &kept.products {
        assert_eq!(get(&api, &product.id).await, *product);
    }
    // A variant that is gone is not counted, nor when it is there again.
    let mut small = shirts(None, None);
    let medium = small.variants.remove(1);
    call!(api.catalog, upsert_products, keep(vec![small.clone()])).unwrap();
    small.variants.push(medium);
    let kept = call!(api.catalog, upsert_products, keep(vec![small])).unwrap();
    let variants = kept.products[0].variants.iter();
    let levels: Vec<_> = variants.map(|v| v.stock_level).collect();
    assert_eq!(levels, [Some(5), None]);
    // Without it, stock is replaced like all else.
    upsert(&api, vec![read]).await;
    assert_eq!(stock(&api, "opera").await, (5, 4));
}

async fn a_file_that_is_imported_again_leaves_the_stock(api: Api) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop.yaml");
    let import = |stock: &str| {
        let product = format!(
            "products: [{{ id: opera, name: Opera, type: PRODUCT_TYPE_DIGITAL, {stock}
             price: {{ currency_code: USD, amount_minor: 500 }} }}]"
        );
        std::fs::write(&file, product).unwrap();
        let url = api.server.database_url();
        let arguments = ["import", file.to_str().unwrap(), "--database-url", url];
        let output = run(&arguments, &[]);
        assert!(output.status.success(), "{output:?}");
    };
    import("stock_level: 5,");
    let (_, order) = ordered(&api, "opera", 2).await;
    pay(&api, &order, "a", PaymentState::Completed)
        .await
        .unwrap();
    for stock_level in ["stock_level: 5,", ""] {
        import(stock_level);
        assert_eq!(stock(&api, "opera").await, (3, 3));
    }
}

async fn every_answer_tells_the_stock(api: Api) {
    upsert(&api, vec![shirts(Some(5), Some(2))]).await;
    let cart = ready(&api, vec![variant("shirt", "m", 2)]).await;
    api.order(&cart.id).await.unwrap();
    let shirt = get(&api, "shirt").await;
    let stock = shirt.variants.iter();
    let stock: Vec<_> = stock.map(|v| (v.stock_level, v.available_stock)).collect();
    assert_eq!(stock, [(Some(5), Some(5)), (Some(2), Some(0))]);
    let request = pb::BatchGetVariantsRequest {
        variants: vec![pb::VariantReference {
            product_id: "shirt".into(),
            variant_id: "m".into(),
        }],
    };
    let found = call!(api.catalog, batch_get_variants, request).unwrap();
    assert_eq!(found.products[0].variants, shirt.variants[1..]);
    let request = pb::ListProductsRequest::default();
    let listed = call!(api.catalog, list_products, request).unwrap();
    assert!(listed.products.contains(&shirt));
}
