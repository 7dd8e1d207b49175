//! `CatalogService` and `StoreService`.

use cartwright::rpc::pb;
use prost_types::FieldMask;
use tonic::Code;
use uuid::Uuid;

use crate::harness::api::{
    Api, address, bad_fields, call, item, minor, on_every_backend, products, refused, store, usd,
};

on_every_backend!(
    products_are_managed,
    products_are_listed_by_page,
    variants_in_a_batch,
    bad_products,
    the_settings_are_one_versioned_document,
    a_mask_replaces_only_what_it_names,
    bad_settings,
);

async fn products_are_managed(api: Api) {
    let get = |id: &str| pb::GetProductRequest {
        product_id: id.into(),
    };
    let mug = call!(api.catalog, get_product, get("mug"))
        .unwrap()
        .product
        .unwrap();
    assert_eq!(
        (mug.version, mug.modifiers.len(), minor(&mug.price)),
        (1, 3, 1000)
    );
    let request = pb::UpsertProductsRequest {
        products: vec![pb::Product {
            name: "Cup".into(),
            ..mug.clone()
        }],
        request_id: Uuid::from_u128(21).to_string(),
        ..Default::default()
    };
    let stored = call!(api.catalog, upsert_products, request.clone())
        .unwrap()
        .products
        .remove(0);
    assert_eq!((stored.version, stored.name.as_str()), (2, "Cup"));
    let again = call!(api.catalog, upsert_products, request)
        .unwrap()
        .products
        .remove(0);
    assert_eq!(again, stored, "applied once");
    assert_eq!(
        call!(api.catalog, get_product, get("mug"))
            .unwrap()
            .product
            .unwrap(),
        stored
    );

    let delete = pb::DeleteProductRequest {
        product_id: "mug".into(),
        ..Default::default()
    };
    call!(api.catalog, delete_product, delete.clone()).unwrap();
    refused(
        call!(api.catalog, delete_product, delete),
        Code::NotFound,
        "PRODUCT_NOT_FOUND",
    );
    refused(
        call!(api.catalog, get_product, get("mug")),
        Code::NotFound,
        "PRODUCT_NOT_FOUND",
    );
}

async fn products_are_listed_by_page(api: Api) {
    let mut ids = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = pb::ListProductsRequest {
            page_size: 4,
            page_token,
        };
        let page = call!(api.catalog, list_products, request).unwrap();
        assert!(page.products.len() <= 4);
        ids.extend(page.products.into_iter().map(|product| product.id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let mut expected: Vec<_> = products().into_iter().map(|product| product.id).collect();
    expected.sort();
    assert_eq!(ids, expected);
    for page_token in ["nonsense!", "zz"] {
        let request = pb::ListProductsRequest {
            page_size: 4,
            page_token: page_token.into(),
        };
        assert_eq!(
            bad_fields(call!(api.catalog, list_products, request)),
            ["page_token"]
        );
    }
}

async fn variants_in_a_batch(api: Api) {
    let reference = |product_id: &str, variant_id: &str| pb::VariantReference {
        product_id: product_id.into(),
        variant_id: variant_id.into(),
    };
    let variants = vec![
        reference("tee", "tee-m"),
        reference("mug", ""),
        reference("nothing", ""),
    ];
    let request = pb::BatchGetVariantsRequest { variants };
    let found = call!(api.catalog, batch_get_variants, request)
        .unwrap()
        .products;
    let ids: Vec<_> = found.iter().map(|product| product.id.as_str()).collect();
    assert_eq!(ids, ["mug", "tee"]);
    assert_eq!(found[1].variants.len(), 1);
    assert_eq!(minor(&found[1].variants[0].price), 2200);
    let none = pb::BatchGetVariantsRequest { variants: vec![] };
    assert_eq!(
        bad_fields(call!(api.catalog, batch_get_variants, none)),
        ["variants"]
    );
    let many = pb::BatchGetVariantsRequest {
        variants: vec![reference("tee", ""); 101],
    };
    assert_eq!(
        bad_fields(call!(api.catalog, batch_get_variants, many)),
        ["variants"]
    );
}

async fn bad_products(api: Api) {
    let poster = products().remove(0);
    let euros = Some(pb::Money {
        currency_code: "EUR".into(),
        amount_minor: 1,
    });
    for (product, field) in [
        (
            pb::Product {
                id: String::new(),
                ..poster.clone()
            },
            "products[0].id",
        ),
        (
            pb::Product {
                id: "x".repeat(256),
                ..poster.clone()
            },
            "products[0].id",
        ),
        (
            pb::Product {
                name: String::new(),
                ..poster.clone()
            },
            "products[0].name",
        ),
        (
            pb::Product {
                r#type: 0,
                ..poster.clone()
            },
            "products[0].type",
        ),
        (
            pb::Product {
                r#type: 99,
                ..poster.clone()
            },
            "products[0].type",
        ),
        (
            pb::Product {
                price: None,
                ..poster.clone()
            },
            "products[0].price",
        ),
        (
            pb::Product {
                price: usd(-1),
                ..poster.clone()
            },
            "products[0].price.amount_minor",
        ),
        (
            pb::Product {
                price: usd(i64::MAX),
                ..poster.clone()
            },
            "products[0].price.amount_minor",
        ),
        (
            pb::Product {
                price: euros,
                ..poster.clone()
            },
            "products[0].price.currency_code",
        ),
        (
            pb::Product {
                weight_grams: -1,
                ..poster.clone()
            },
            "products[0].weight_grams",
        ),
        (
            pb::Product {
                tax_class_id: "none".into(),
                ..poster.clone()
            },
            "products[0].tax_class_id",
        ),
        (
            pb::Product {
                minimum_purchase_quantity: 3,
                maximum_purchase_quantity: 2,
                ..poster.clone()
            },
            "products[0].maximum_purchase_quantity",
        ),
    ] {
        let request = pb::UpsertProductsRequest {
            products: vec![product],
            ..Default::default()
        };
        assert_eq!(
            bad_fields(call!(api.catalog, upsert_products, request)),
            [field]
        );
    }
    let twice = pb::UpsertProductsRequest {
        products: vec![poster.clone(), poster.clone()],
        ..Default::default()
    };
    assert_eq!(
        bad_fields(call!(api.catalog, upsert_products, twice)),
        ["products[1].id"]
    );
    let none = pb::UpsertProductsRequest::default();
    assert_eq!(
        bad_fields(call!(api.catalog, upsert_products, none)),
        ["products"]
    );
    let many = pb::UpsertProductsRequest {
        products: vec![poster; 101],
        ..Default::default()
    };
    assert!(bad_fields(call!(api.catalog, upsert_products, many)).contains(&"products".to_owned()));
}

async fn the_settings_are_one_versioned_document(api: Api) {
    let get = async || {
        call!(api.store, get_store, pb::GetStoreRequest {})
            .unwrap()
            .store
            .unwrap()
    };
    let first = get().await;
    assert_eq!((first.version, first.name.as_str()), (1, "Test shop"));
    assert_eq!(first.tax.as_ref().unwrap().default_tax_class_id, "standard");
    assert_eq!(first.cart_lifetime.unwrap().seconds, 30 * 24 * 3600);
    // What is answered can be sent back, and changes nothing but the version.
    let same = pb::UpdateStoreRequest {
        store: Some(first.clone()),
        expected_version: Some(1),
        request_id: Uuid::from_u128(31).to_string(),
        ..Default::default()
    };
    let second = call!(api.store, update_store, same.clone())
        .unwrap()
        .store
        .unwrap();
    assert_eq!(
        second,
        pb::Store {
            version: 2,
            ..first
        }
    );
    assert_eq!(
        call!(api.store, update_store, same.clone())
            .unwrap()
            .store
            .unwrap(),
        second
    );
    let stale = pb::UpdateStoreRequest {
        request_id: String::new(),
        ..same
    };
    let refusal = refused(
        call!(api.store, update_store, stale),
        Code::Aborted,
        "VERSION_MISMATCH",
    );
    assert_eq!(
        refusal.error_info().unwrap().metadata["current_version"],
        "2"
    );
    assert_eq!(get().await, second);
}

async fn a_mask_replaces_only_what_it_names(api: Api) {
    let update = |store: pb::Store, paths: &[&str]| pb::UpdateStoreRequest {
        store: Some(store),
        update_mask: Some(FieldMask {
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        }),
        ..Default::default()
    };
    let renamed = pb::Store {
        name: "Renamed".into(),
        ..Default::default()
    };
    let changed = call!(api.store, update_store, update(renamed, &["name"]))
        .unwrap()
        .store
        .unwrap();
    assert_eq!(
        (changed.name.as_str(), changed.shipping_zones.len()),
        ("Renamed", 2)
    );
    let unknown = update(pb::Store::default(), &["nonsense"]);
    assert_eq!(
        bad_fields(call!(api.store, update_store, unknown)),
        ["update_mask.paths[0]"]
    );
    // Carts feel it at once on this replica.
    let cart = api.cart(vec![item("poster", 1)]).await;
    let checkout = api
        .consign(&cart.id, address("US"), &[(&cart.line_items[0].id, 1)])
        .await;
    assert_eq!(checkout.consignments[0].available_shipping_options.len(), 2);
    let nowhere = update(pb::Store::default(), &["shipping_zones"]);
    call!(api.store, update_store, nowhere).unwrap();
    let request = pb::GetCheckoutRequest {
        checkout_id: cart.id,
        include: vec![pb::CheckoutInclude::AvailableShippingOptions.into()],
    };
    let checkout = call!(api.checkouts, get_checkout, request)
        .unwrap()
        .checkout
        .unwrap();
    assert!(
        checkout.consignments[0]
            .available_shipping_options
            .is_empty()
    );
}

async fn bad_settings(api: Api) {
    let good = store();
    let zone = &good.shipping_zones[0];
    let method = zone.methods[0].clone();
    let with_zone = |zone: pb::ShippingZone| pb::Store {
        shipping_zones: vec![zone],
        ..good.clone()
    };
    let ranges = |ranges: &[(i64, i64)]| {
        let ranges = ranges
            .iter()
            .map(|(from, to)| pb::RateRange {
                from: *from,
                to: *to,
                cost: usd(100),
            })
            .collect();
        let rate = Some(pb::shipping_method::Rate::ByWeight(pb::RateTable {
            ranges,
        }));
        let method = pb::ShippingMethod {
            rate,
            ..method.clone()
        };
        with_zone(pb::ShippingZone {
            methods: vec![method],
            ..zone.clone()
        })
    };
    let mut unknown_class = good.clone();
    unknown_class.tax_zones[0].rates[0].class_rates[0].tax_class_id = "none".into();
    let mut bad_rate = good.clone();
    bad_rate.tax_zones[0].rates[0].class_rates[0].rate = "4%".into();
    let tax = |tax: pb::TaxSettings| pb::Store {
        tax: Some(tax),
        ..good.clone()
    };
    for (store, field) in [
        (
            pb::Store {
                default_currency_code: "ABC".into(),
                ..good.clone()
            },
            "store.default_currency_code",
        ),
        (
            pb::Store {
                currencies: vec![pb::StoreCurrency {
                    code: "EUR".into(),
                    exchange_rate: "0".into(),
                }],
                ..good.clone()
            },
            "store.currencies[0].exchange_rate",
        ),
        (
            pb::Store {
                cart_lifetime: Some(prost_types::Duration {
                    seconds: 59,
                    nanos: 0,
                }),
                ..good.clone()
            },
            "store.cart_lifetime",
        ),
        (
            unknown_class,
            "store.tax_zones[0].rates[0].class_rates[0].tax_class_id",
        ),
        (bad_rate, "store.tax_zones[0].rates[0].class_rates[0].rate"),
        (
            tax(pb::TaxSettings {
                prices_include_tax: true,
                ..Default::default()
            }),
            "store.tax.home_tax_zone_id",
        ),
        (
            tax(pb::TaxSettings {
                home_tax_zone_id: "mars".into(),
                ..Default::default()
            }),
            "store.tax.home_tax_zone_id",
        ),
        (
            with_zone(pb::ShippingZone {
                id: String::new(),
                ..zone.clone()
            }),
            "store.shipping_zones[0].id",
        ),
        (
            with_zone(pb::ShippingZone {
                locations: vec![pb::Location::default()],
                ..zone.clone()
            }),
            "store.shipping_zones[0].locations[0].country_code",
        ),
        (
            pb::Store {
                shipping_zones: vec![zone.clone(), zone.clone()],
                ..good.clone()
            },
            "store.shipping_zones[1].id",
        ),
        (
            with_zone(pb::ShippingZone {
                methods: vec![pb::ShippingMethod {
                    rate: None,
                    ..method.clone()
                }],
                ..zone.clone()
            }),
            "store.shipping_zones[0].methods[0].rate",
        ),
        (
            ranges(&[]),
            "store.shipping_zones[0].methods[0].by_weight.ranges",
        ),
        (
            ranges(&[(0, 100), (50, 0)]),
            "store.shipping_zones[0].methods[0].by_weight.ranges[1].from",
        ),
    ] {
        let request = pb::UpdateStoreRequest {
            store: Some(store),
            ..Default::default()
        };
        let fields = bad_fields(call!(api.store, update_store, request));
        assert!(
            fields.contains(&field.to_owned()),
            "{field} is not among {fields:?}"
        );
    }
    let nothing = pb::UpdateStoreRequest::default();
    assert_eq!(
        bad_fields(call!(api.store, update_store, nothing)),
        ["store"]
    );
    let now = call!(api.store, get_store, pb::GetStoreRequest {})
        .unwrap()
        .store
        .unwrap();
    assert_eq!(now.version, 1, "nothing was changed");
}
