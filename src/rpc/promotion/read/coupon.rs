//! Reads classic coupons.

use super::{country_codes, name_or, period, uses};
use crate::{
    domain::{coupon::ClassicDiscount, money::Money, promotion::items::ItemsMatcher},
    flow::promotion::NewCoupon,
    rpc::{
        fields::{Fields, MAX_IDS},
        pb::{self, CouponType},
    },
};

/// A coupon to create.
pub(in crate::rpc) fn coupon(fields: &mut Fields, request: pb::CreateCouponRequest) -> NewCoupon {
    let kind = fields.choice("type", request.r#type, CouponType::as_str_name);
    check_scope(fields, kind, &request);
    let code = fields.coupon_code("code", request.code);
    let name = fields.text("name", request.name);
    let name = name_or(name, &code);
    let display_name = fields.text("display_name", request.display_name);
    let display_name = name_or(display_name, &name);
    let discount = discount(fields, kind, request.amount, &request.percentage);
    let (start_time, end_time) = period(
        fields,
        request.start_time,
        "expire_time",
        request.expire_time,
    );
    NewCoupon {
        code,
        name,
        display_name,
        discount,
        minimum_purchase: minimum_purchase(fields, request.minimum_purchase, discount),
        items: ItemsMatcher::of_classic_coupon(
            fields.ids(
                "applies_to_product_ids",
                request.applies_to_product_ids,
                MAX_IDS,
            ),
            fields.ids(
                "applies_to_category_ids",
                request.applies_to_category_ids,
                MAX_IDS,
            ),
            fields.ids(
                "excluded_product_ids",
                request.excluded_product_ids,
                MAX_IDS,
            ),
            fields.ids(
                "excluded_category_ids",
                request.excluded_category_ids,
                MAX_IDS,
            ),
        ),
        shipping_country_codes: country_codes(fields, request.shipping_country_codes),
        shipping_method_ids: fields.ids(
            "shipping_method_ids",
            request.shipping_method_ids,
            MAX_IDS,
        ),
        start_time,
        end_time,
        max_uses: uses(fields, "max_uses", request.max_uses),
        max_uses_per_customer: uses(
            fields,
            "max_uses_per_customer",
            request.max_uses_per_customer,
        ),
        enabled: !request.disabled,
    }
}

/// Notes what is set and does not go with the kind of coupon: ignoring it would make the coupon give
/// something else than was meant.
fn check_scope(fields: &mut Fields, kind: Option<CouponType>, request: &pb::CreateCouponRequest) {
    let (on_goods, on_shipping) = match kind {
        None | Some(CouponType::Unspecified) => return,
        Some(CouponType::ShippingDiscount | CouponType::FreeShipping) => (false, true),
        Some(_) => (true, false),
    };
    let goods = [
        ("applies_to_product_ids", &request.applies_to_product_ids),
        ("applies_to_category_ids", &request.applies_to_category_ids),
        ("excluded_product_ids", &request.excluded_product_ids),
        ("excluded_category_ids", &request.excluded_category_ids),
    ];
    for (name, ids) in goods {
        if !on_goods && !ids.is_empty() {
            fields.refuse(name, "is for coupons that discount goods");
        }
    }
    if !on_shipping && !request.shipping_method_ids.is_empty() {
        fields.refuse(
            "shipping_method_ids",
            "is for coupons that discount shipping",
        );
    }
    let by_percentage = kind == Some(CouponType::PercentageDiscount);
    if !by_percentage && !request.percentage.is_empty() {
        fields.refuse("percentage", "is for COUPON_TYPE_PERCENTAGE_DISCOUNT");
    }
    if (by_percentage || kind == Some(CouponType::FreeShipping)) && request.amount.is_some() {
        fields.refuse("amount", "is for coupons that take off an amount");
    }
}

/// Placeholder: free shipping.
fn discount(
    fields: &mut Fields,
    kind: Option<CouponType>,
    amount: Option<pb::Money>,
    percentage: &str,
) -> ClassicDiscount {
    let make = match kind {
        Some(CouponType::PercentageDiscount) => {
            let rate = fields.discount_percentage("percentage", percentage);
            return ClassicDiscount::Percentage(rate);
        }
        Some(CouponType::PerItemDiscount) => ClassicDiscount::PerItem,
        Some(CouponType::PerTotalDiscount) => ClassicDiscount::PerTotal,
        Some(CouponType::ShippingDiscount) => ClassicDiscount::Shipping,
        Some(CouponType::FreeShipping | CouponType::Unspecified) | None => {
            return ClassicDiscount::FreeShipping;
        }
    };
    make(fields.positive_money("amount", amount))
}

/// A coupon works in one currency.
fn minimum_purchase(
    fields: &mut Fields,
    minimum: Option<pb::Money>,
    discount: ClassicDiscount,
) -> Option<Money> {
    let minimum = fields.money("minimum_purchase", minimum)?;
    if let ClassicDiscount::PerItem(amount)
    | ClassicDiscount::PerTotal(amount)
    | ClassicDiscount::Shipping(amount) = discount
    {
        let path = "minimum_purchase.currency_code";
        fields.expect_currency(path, minimum.currency, amount.currency);
    }
    Some(minimum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::money::Rate;

    #[expect(clippy::unnecessary_wraps, reason = "fields are optional")]
    fn money(code: &str, amount_minor: i64) -> Option<pb::Money> {
        Some(pb::Money {
            currency_code: code.into(),
            amount_minor,
        })
    }

    fn request(kind: CouponType) -> pb::CreateCouponRequest {
        pb::CreateCouponRequest {
            code: "SAVE 10".into(),
            r#type: kind.into(),
            ..Default::default()
        }
    }

    fn read(request: pb::CreateCouponRequest) -> Result<NewCoupon, Vec<String>> {
        let mut fields = Fields::default();
        let coupon = coupon(&mut fields, request);
        let paths = |refusal: crate::domain::reason::Refusal| {
            refusal
                .violations
                .into_iter()
                .map(|violation| violation.subject)
                .collect()
        };
        fields.finish().map(|_| coupon).map_err(paths)
    }

    #[test]
    fn names_default_to_the_code_and_zero_is_no_limit() {
        let coupon = read(pb::CreateCouponRequest {
            percentage: "33.3333".into(),
            max_uses: 5,
            ..request(CouponType::PercentageDiscount)
        })
        .unwrap();
        assert_eq!(
            (coupon.name.as_str(), coupon.display_name.as_str()),
            ("SAVE 10", "SAVE 10")
        );
        assert_eq!(
            (coupon.max_uses, coupon.max_uses_per_customer),
            (Some(5), None)
        );
        let rate = Rate::parse_percentage("33.3333").unwrap();
        assert_eq!(coupon.discount, ClassicDiscount::Percentage(rate));
        assert!(coupon.enabled);
    }

    #[test]
    fn a_coupon_has_what_its_kind_needs_and_nothing_else() {
        use CouponType::{FreeShipping, PerItemDiscount, PercentageDiscount, ShippingDiscount};
        type Change = fn(&mut pb::CreateCouponRequest);
        let cases: [(CouponType, &[&str], Change); 12] = [
            (FreeShipping, &[], |_| {}),
            (ShippingDiscount, &[], |r| r.amount = money("JPY", 100)),
            (ShippingDiscount, &["amount"], |_| {}),
            (PerItemDiscount, &["amount.amount_minor"], |r| {
                r.amount = money("USD", 0);
            }),
            (PerItemDiscount, &["minimum_purchase.currency_code"], |r| {
                (r.amount, r.minimum_purchase) = (money("USD", 1), money("EUR", 1));
            }),
            (PercentageDiscount, &["percentage"], |_| {}),
            (PercentageDiscount, &["percentage"], |r| {
                r.percentage = "0".into();
            }),
            (PercentageDiscount, &["percentage"], |r| {
                r.percentage = "100.1".into();
            }),
            (
                FreeShipping,
                &["applies_to_category_ids", "percentage", "amount"],
                |r| {
                    r.applies_to_category_ids = vec!["mugs".into()];
                    (r.percentage, r.amount) = ("5".into(), money("USD", 1));
                },
            ),
            (FreeShipping, &["code"], |r| r.code = "50%".into()),
            (FreeShipping, &["expire_time"], |r| {
                let noon = prost_types::Timestamp {
                    seconds: 43_200,
                    nanos: 0,
                };
                (r.start_time, r.expire_time) = (Some(noon), Some(noon));
            }),
            (
                FreeShipping,
                &["shipping_country_codes[0]", "max_uses"],
                |r| {
                    (r.shipping_country_codes, r.max_uses) = (vec!["USA".into()], -1);
                },
            ),
        ];
        for (kind, expected, change) in cases {
            let mut request = request(kind);
            change(&mut request);
            let paths = read(request).err().unwrap_or_default();
            assert_eq!(paths, expected, "{kind:?}");
        }
        assert_eq!(
            read(request(CouponType::Unspecified)).unwrap_err(),
            ["type"]
        );
    }
}
