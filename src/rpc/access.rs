//! Who may call what: one row for each RPC. A call that has no row is not served.

use self::Who::{Anybody, Services, Shoppers};
use super::pb;
use crate::domain::caller::{
    Access::{self, Read, Write},
    Scope::{self, Carts, Catalog, Checkouts, Events, GiftCertificates, Orders, Promotions, Store},
};

/// What an RPC needs of who calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// The scope that a service of the shop needs.
    pub scope: Scope,
    /// And what it has to be allowed there.
    pub access: Access,
    /// Who else may call it.
    pub who: Who,
}

/// Who may call an RPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Services of the shop.
    Services,
    /// Storefront sessions too, for what is theirs.
    Shoppers,
    /// Services of the shop, and callers without credentials where anonymous sessions are allowed.
    Anybody,
}

type Row = (&'static str, Scope, Access, Who);

/// Every RPC, by service.
#[rustfmt::skip]
const TABLE: &[(&str, &[Row])] = &[
    (pb::cart_service_server::SERVICE_NAME, &[
        ("CreateCart", Carts, Write, Shoppers),
        ("GetCart", Carts, Read, Shoppers),
        ("UpdateCart", Carts, Write, Shoppers),
        ("DeleteCart", Carts, Write, Shoppers),
        ("AddLineItems", Carts, Write, Shoppers),
        ("UpdateLineItem", Carts, Write, Shoppers),
        ("DeleteLineItem", Carts, Write, Shoppers),
    ]),
    (pb::checkout_service_server::SERVICE_NAME, &[
        ("GetCheckout", Checkouts, Read, Shoppers),
        ("WatchCheckout", Checkouts, Read, Shoppers),
        ("UpdateCheckout", Checkouts, Write, Shoppers),
        ("AddBillingAddress", Checkouts, Write, Shoppers),
        ("UpdateBillingAddress", Checkouts, Write, Shoppers),
        ("ApplyStoreCredit", Checkouts, Write, Shoppers),
        ("RemoveStoreCredit", Checkouts, Write, Shoppers),
        ("ApplyDiscounts", Checkouts, Write, Services),
        ("AddFees", Checkouts, Write, Services),
        ("UpdateFees", Checkouts, Write, Services),
        ("DeleteFees", Checkouts, Write, Services),
    ]),
    (pb::consignment_service_server::SERVICE_NAME, &[
        ("AddConsignments", Checkouts, Write, Shoppers),
        ("UpdateConsignment", Checkouts, Write, Shoppers),
        ("DeleteConsignment", Checkouts, Write, Shoppers),
    ]),
    (pb::coupon_service_server::SERVICE_NAME, &[
        ("ApplyCoupon", Checkouts, Write, Shoppers),
        ("RemoveCoupon", Checkouts, Write, Shoppers),
    ]),
    (pb::gift_certificate_service_server::SERVICE_NAME, &[
        ("ApplyGiftCertificate", Checkouts, Write, Shoppers),
        ("RemoveGiftCertificate", Checkouts, Write, Shoppers),
        ("IssueGiftCertificate", GiftCertificates, Write, Services),
        ("GetGiftCertificate", GiftCertificates, Read, Services),
        ("ListGiftCertificates", GiftCertificates, Read, Services),
        ("UpdateGiftCertificate", GiftCertificates, Write, Services),
    ]),
    (pb::order_service_server::SERVICE_NAME, &[
        ("CreateOrder", Orders, Write, Shoppers),
        ("GetOrder", Orders, Read, Shoppers),
        ("ListOrders", Orders, Read, Shoppers),
        // A shopper who could say that money has moved would not have to pay.
        ("RecordPayment", Orders, Write, Services),
        ("CancelOrder", Orders, Write, Services),
        ("UpdateOrderStatus", Orders, Write, Services),
    ]),
    (pb::catalog_service_server::SERVICE_NAME, &[
        ("UpsertProducts", Catalog, Write, Services),
        ("GetProduct", Catalog, Read, Services),
        ("ListProducts", Catalog, Read, Services),
        ("DeleteProduct", Catalog, Write, Services),
        ("BatchGetVariants", Catalog, Read, Services),
    ]),
    (pb::promotion_service_server::SERVICE_NAME, &[
        ("CreatePromotion", Promotions, Write, Services),
        ("GetPromotion", Promotions, Read, Services),
        ("ListPromotions", Promotions, Read, Services),
        ("UpdatePromotion", Promotions, Write, Services),
        ("DeletePromotion", Promotions, Write, Services),
        ("CreateCoupon", Promotions, Write, Services),
        ("CreateCouponCode", Promotions, Write, Services),
        ("GenerateCouponCodes", Promotions, Write, Services),
        ("ListCouponCodes", Promotions, Read, Services),
        ("DeleteCouponCode", Promotions, Write, Services),
    ]),
    (pb::store_service_server::SERVICE_NAME, &[
        ("GetStore", Store, Read, Services),
        ("UpdateStore", Store, Write, Services),
        ("GetStoreCredit", Store, Read, Services),
        ("SetStoreCredit", Store, Write, Services),
    ]),
    (pb::session_service_server::SERVICE_NAME, &[
        ("CreateSession", Carts, Write, Anybody),
        ("RevokeSession", Carts, Write, Services),
        ("ClaimCart", Carts, Write, Shoppers),
    ]),
    (pb::event_service_server::SERVICE_NAME, &[
        ("StreamEvents", Events, Read, Services),
    ]),
];

/// What the RPC of a path, `/package.Service/Method`, needs; none where there is no such RPC.
#[must_use]
pub fn needs(path: &str) -> Option<Needs> {
    let (service, method) = path.strip_prefix('/')?.split_once('/')?;
    let (_, rows) = TABLE.iter().find(|(name, _)| *name == service)?;
    let (_, scope, access, who) = *rows.iter().find(|(name, ..)| *name == method)?;
    Some(Needs { scope, access, who })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::FILE_DESCRIPTOR_SET;

    #[test]
    fn every_rpc_has_its_row_and_no_other() {
        let pool = prost_reflect::DescriptorPool::decode(FILE_DESCRIPTOR_SET).unwrap();
        let methods: Vec<_> = pool
            .services()
            .flat_map(|s| s.methods().collect::<Vec<_>>())
            .collect();
        for method in &methods {
            let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
            assert!(needs(&path).is_some(), "{path} has no row");
        }
        let rows: usize = TABLE.iter().map(|(_, rows)| rows.len()).sum();
        assert_eq!(
            rows,
            methods.len(),
            "a row is of no RPC, or there are two of one"
        );
    }

    #[test]
    fn what_has_no_side_effects_is_read_and_the_rest_is_written() {
        let pool = prost_reflect::DescriptorPool::decode(FILE_DESCRIPTOR_SET).unwrap();
        for method in pool
            .services()
            .flat_map(|s| s.methods().collect::<Vec<_>>())
        {
            let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
            let options = method.options();
            let level = options.get_field_by_name("idempotency_level");
            let is_read = level.and_then(|level| level.as_enum_number()) == Some(1);
            let access = if is_read { Read } else { Write };
            assert_eq!(needs(&path).unwrap().access, access, "{path}");
        }
    }

    #[test]
    fn what_is_no_rpc_needs_nothing_that_anybody_has() {
        for path in [
            "",
            "/",
            "/cartwright.v1.CartService",
            "/cartwright.v1.CartService/",
            "/cartwright.v1.CartService/Get",
            "cartwright.v1.CartService/GetCart",
            "//cartwright.v1.CartService/GetCart",
            "/cartwright.v1.CartService/GetCart/",
        ] {
            assert_eq!(needs(path), None, "{path}");
        }
    }
}
