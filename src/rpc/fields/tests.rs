use std::time::Duration;

use uuid::Uuid;

use super::*;
use crate::domain::money::{Amount, Rate};

/// Reads one field; answers what was read, or what is wrong with it.
fn read<T>(read: impl FnOnce(&mut Fields) -> T) -> Result<T, String> {
    let mut fields = Fields::default();
    let value = read(&mut fields);
    fields
        .finish()
        .map(|_| value)
        .map_err(|refusal| refusal.message)
}

#[expect(clippy::unnecessary_wraps, reason = "fields are optional")]
fn money(code: &str, amount_minor: i64) -> Option<pb::Money> {
    Some(pb::Money {
        currency_code: code.into(),
        amount_minor,
    })
}

#[test]
fn everything_that_is_wrong_is_told_at_once_by_its_path() {
    let mut fields = Fields::default();
    fields.uuid("cart_id", "");
    fields.each("line_items", vec![1, 0], 1..=100, |fields, quantity| {
        fields.quantity("quantity", quantity)
    });
    fields.within("consignments[0]", |fields| {
        fields.within("address", |fields| {
            fields.country_code("country_code", "us".into())
        })
    });
    fields.each("ids", vec![String::new()], 0..=1, |fields, id| {
        fields.required_text("", id)
    });
    let refusal = fields.finish().unwrap_err();
    assert_eq!(refusal.reason, Reason::InvalidFields);
    let paths: Vec<_> = refusal
        .violations
        .iter()
        .map(|v| v.subject.as_str())
        .collect();
    assert_eq!(
        paths,
        [
            "cart_id",
            "line_items[1].quantity",
            "consignments[0].address.country_code",
            "ids[0]"
        ]
    );
}

#[test]
fn a_hostile_request_is_not_answered_at_length() {
    let mut fields = Fields::default();
    fields.each(
        "ids",
        vec![String::new(); 10_000],
        0..=10_000,
        |fields, id| fields.required_text("", id),
    );
    assert_eq!(
        fields.finish().unwrap_err().violations.len(),
        MAX_VIOLATIONS
    );
}

#[test]
fn uuids() {
    let id = "0193e4a8-5c1d-7e1a-8f00-000000000001";
    assert_eq!(read(|f| f.uuid("id", id)).unwrap().to_string(), id);
    assert_eq!(
        read(|f| f.uuid("id", "7")).unwrap_err(),
        "id: must be a UUID"
    );
    assert_eq!(read(|f| f.uuid("id", "")).unwrap_err(), "id: is required");
    assert_eq!(read(|f| f.optional_uuid("id", "")), Ok(None));
    assert!(read(|f| f.optional_uuid("id", "x")).is_err());
}

#[test]
fn texts() {
    let long = "ä".repeat(MAX_TEXT);
    assert_eq!(read(|f| f.text("name", long.clone())), Ok(long.clone()));
    let problem = read(|f| f.text("name", long + "ä")).unwrap_err();
    assert_eq!(problem, "name: must have at most 255 characters, not 256");
    assert!(read(|f| f.text("name", "a\nb".into())).is_err());
    assert!(read(|f| f.text("name", String::new())).is_ok());
    assert!(read(|f| f.required_text("name", " ".into())).is_err());

    assert!(read(|f| f.long_text("note", "a\r\n\tb".into())).is_ok());
    assert!(read(|f| f.long_text("note", "a\u{0}b".into())).is_err());
    assert!(read(|f| f.long_text("note", "x".repeat(2_001))).is_err());
}

#[test]
fn lists() {
    let ids = |count| vec!["id".to_owned(); count];
    assert_eq!(read(|f| f.ids("ids", ids(3), 3)).unwrap().len(), 3);
    let problem = read(|f| f.ids("ids", ids(4), 3)).unwrap_err();
    assert_eq!(problem, "ids: must have 0 to 3 elements, not 4");
    let problem = read(|f| f.unique("zones", "id", ["a", "b", "a"])).unwrap_err();
    assert!(problem.starts_with("zones[2].id: \"a\""), "{problem}");
}

#[test]
fn coupon_codes_and_emails() {
    for (code, ok) in [
        ("save_10-A b", true),
        ("", false),
        (" ", false),
        ("50%", false),
        ("é", false),
    ] {
        assert_eq!(
            read(|f| f.coupon_code("code", code.into())).is_ok(),
            ok,
            "{code}"
        );
    }
    assert!(read(|f| f.coupon_code("code", "x".repeat(50))).is_ok());
    assert!(read(|f| f.coupon_code("code", "x".repeat(51))).is_err());
    for (email, ok) in [
        ("", true),
        ("a@b", true),
        ("a", false),
        ("@b", false),
        ("a@", false),
        ("a@b@c", false),
    ] {
        assert_eq!(
            read(|f| f.email("email", email.into())).is_ok(),
            ok,
            "{email}"
        );
    }
}

#[test]
fn numbers() {
    for (quantity, ok) in [
        (0, false),
        (1, true),
        (9_999, true),
        (10_000, false),
        (-1, false),
    ] {
        assert_eq!(
            read(|f| f.quantity("quantity", quantity)).is_ok(),
            ok,
            "{quantity}"
        );
    }
    let problem = read(|f| f.number("weight_grams", 7_i64, 0..=5)).unwrap_err();
    assert_eq!(problem, "weight_grams: must be 0 to 5, not 7");
}

#[test]
fn enums() {
    let kind = |number| read(|f| f.choice("type", number, pb::ProductType::as_str_name));
    assert_eq!(kind(2), Ok(Some(pb::ProductType::Digital)));
    for unknown in [0, 3, -1] {
        assert_eq!(
            kind(unknown).unwrap_err(),
            "type: must be one of PRODUCT_TYPE_PHYSICAL, PRODUCT_TYPE_DIGITAL"
        );
    }
    let optional =
        |number| read(|f| f.optional_choice("state", number, pb::PaymentState::as_str_name));
    assert_eq!(optional(0), Ok(None));
    assert!(optional(9).is_err());
    assert_eq!(read(|f| f.include(vec![])), Ok(Include::default()));
    let both = Include {
        shipping_options: true,
        promotion_notifications: true,
    };
    assert_eq!(read(|f| f.include(vec![2, 1])), Ok(both));
    assert!(read(|f| f.include(vec![1, 0])).is_err());
}

#[test]
fn amounts() {
    assert_eq!(read(|f| f.money("price", None)), Ok(None));
    assert_eq!(
        read(|f| f.required_money("price", None)).unwrap_err(),
        "price: is required"
    );
    let yen = read(|f| f.required_money("price", money("JPY", 5))).unwrap();
    assert_eq!(yen.to_string(), "5 JPY");
    for wrong in [
        money("JPY", -1),
        money("JPY", 1_000_000_000_001),
        money("jpy", 5),
        money("", 5),
    ] {
        assert!(
            read(|f| f.money("price", wrong.clone())).is_err(),
            "{wrong:?}"
        );
    }
    let less = read(|f| f.adjustment("price_adjustment", money("USD", -5), Currency::USD));
    assert_eq!(less, Ok(Amount::new(-5)));
    assert_eq!(read(|f| f.amount("price", None, Currency::USD)), Ok(None));
    assert!(read(|f| f.required_amount("price", None, Currency::USD)).is_err());
    assert!(read(|f| f.currency("code", "XXX")).is_err());
    assert_eq!(read(|f| f.optional_currency("code", "")), Ok(None));
}

#[test]
fn a_single_wrong_currency_has_a_reason_of_its_own() {
    let mut fields = Fields::default();
    fields.amount("price", money("EUR", 1), Currency::USD);
    let refusal = fields.finish().unwrap_err();
    assert_eq!(refusal.reason, Reason::CurrencyMismatch);
    assert_eq!(refusal.message, "price.currency_code: must be USD, not EUR");
    let metadata = [("currency_code", "EUR"), ("expected_currency_code", "USD")];
    assert_eq!(
        refusal.metadata,
        metadata.map(|(k, v)| (k.to_owned(), v.to_owned()))
    );
}

#[test]
fn countries() {
    for (code, ok) in [
        ("US", true),
        ("NO", true),
        ("us", false),
        ("UK", false),
        ("USA", false),
        ("D ", false),
        ("", false),
    ] {
        assert_eq!(
            read(|f| f.country_code("country_code", code.into())).is_ok(),
            ok,
            "{code}"
        );
    }
}

#[test]
fn decimals() {
    assert_eq!(read(|f| f.tax_rate("rate", "1")), Ok(Rate::ONE));
    assert!(read(|f| f.tax_rate("rate", "1.000001")).is_err());
    assert!(read(|f| f.tax_rate("rate", "-0.1")).is_err());
    assert_eq!(read(|f| f.percentage("percentage", "100")), Ok(Rate::ONE));
    assert!(read(|f| f.percentage("percentage", "100.0001")).is_err());
    assert!(read(|f| f.percentage("percentage", "")).is_err());
    assert!(read(|f| f.percentage("percentage", "0")).is_ok());
    assert!(read(|f| f.discount_percentage("percentage", "0")).is_err());
    assert!(read(|f| f.discount_percentage("percentage", "0.0001")).is_ok());
    assert!(read(|f| f.exchange_rate("exchange_rate", "154.6")).is_ok());
    assert!(read(|f| f.exchange_rate("exchange_rate", "0")).is_err());
}

#[test]
fn times() {
    let time = |seconds, nanos| {
        read(|f| {
            f.time(
                "start_time",
                Some(prost_types::Timestamp { seconds, nanos }),
            )
        })
    };
    assert_eq!(time(5, 0).unwrap().unwrap().timestamp(), 5);
    assert!(time(0, -1).is_err());
    assert!(time(59, 1_500_000_000).is_err());
    assert!(time(253_402_300_800, 0).is_err());
    assert_eq!(read(|f| f.time("start_time", None)), Ok(None));

    let hour = Duration::from_hours(1);
    let duration = |seconds, nanos| {
        let given = Some(prost_types::Duration { seconds, nanos });
        read(|f| f.duration("lifetime", given, Duration::ZERO..=hour, "up to 1 hour"))
    };
    assert_eq!(duration(3_600, 0), Ok(Some(hour)));
    assert_eq!(
        duration(3_601, 0).unwrap_err(),
        "lifetime: must be up to 1 hour"
    );
    for (seconds, nanos) in [(-1, 0), (0, -1), (i64::MIN, i32::MIN), (i64::MAX, i32::MAX)] {
        assert!(duration(seconds, nanos).is_err(), "{seconds} {nanos}");
    }
}

#[test]
fn addresses() {
    let address = pb::Address {
        id: "theirs".into(),
        city: "Oslo".into(),
        custom_fields: vec![pb::CustomField::default()],
        ..Default::default()
    };
    let problem = read(|f| f.address(address.clone())).unwrap_err();
    assert!(problem.contains("country_code: is required"), "{problem}");
    assert!(
        problem.contains("custom_fields[0].field_id: is required"),
        "{problem}"
    );
    let whole = pb::Address {
        custom_fields: vec![],
        ..address
    };
    let read = read(|f| f.partial_address(whole)).unwrap();
    assert_eq!((read.id, read.city.as_str()), (Uuid::nil(), "Oslo"));
}

#[test]
fn masks() {
    let mask = |paths: &[&str]| {
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        read(|f| {
            f.mask(
                Some(prost_types::FieldMask { paths }),
                &["email", "channel_id"],
            )
        })
    };
    let named = mask(&["email"]).unwrap();
    assert!(named.names("email", false) && !named.names("channel_id", true));
    let empty = mask(&[]).unwrap();
    assert!(empty.names("email", true) && !empty.names("email", false));
    assert_eq!(empty.text("email", "a@b".into()).as_deref(), Some("a@b"));
    assert_eq!(
        mask(&["email", "id"]).unwrap_err(),
        "update_mask.paths[1]: must be one of email, channel_id"
    );
}

#[test]
fn pages() {
    let page = |size, token: &str| read(|f| f.page(size, token));
    let first = page(0, "").unwrap();
    assert_eq!((first.size, first.after), (50, None));
    assert_eq!(page(1_000, "").unwrap().size, 200);
    assert!(page(-1, "").is_err());

    let token = page_token(Some("mug é"));
    assert_eq!(page(7, &token).unwrap().after.as_deref(), Some("mug é"));
    assert_eq!(page_token(None), "");
    for malformed in ["x", "6", "zz", "+1", "ff"] {
        assert!(page(0, malformed).is_err(), "{malformed}");
    }
}

#[test]
fn the_digest_of_a_request_is_of_its_method_and_all_but_its_id() {
    let key =
        |request: &mut pb::DeleteCartRequest| read(|f| f.guard(request)).unwrap().request.unwrap();
    let request = |id: u128, cart_id: &str| pb::DeleteCartRequest {
        cart_id: cart_id.into(),
        request_id: Uuid::from_u128(id).to_string(),
        expected_version: Some(3),
    };
    let first = key(&mut request(1, "a"));
    assert_eq!(first.digest.len(), 32);
    assert_eq!(first.digest, key(&mut request(2, "a")).digest);
    assert_ne!(first.digest, key(&mut request(1, "b")).digest);

    let mut order = pb::CancelOrderRequest {
        order_id: "a".into(),
        request_id: Uuid::from_u128(1).to_string(),
        ..Default::default()
    };
    let other = read(|f| f.guard(&mut order)).unwrap();
    assert_ne!(first.digest, other.request.unwrap().digest);
    assert_eq!(other.expected_version, None);

    let guard = read(|f| f.guard(&mut request(1, "a"))).unwrap();
    assert_eq!(guard.expected_version, Some(3));
    let mut without = pb::DeleteCartRequest::default();
    assert_eq!(read(|f| f.guard(&mut without)).unwrap().request, None);
    let mut wrong = pb::DeleteCartRequest {
        request_id: "7".into(),
        ..Default::default()
    };
    assert_eq!(
        read(|f| f.guard(&mut wrong)).unwrap_err(),
        "request_id: must be a UUID"
    );
}

/// Forgetting one would make its calls unsafe to repeat.
#[test]
fn every_request_with_a_request_id_is_a_mutation() {
    let pool = prost_reflect::DescriptorPool::decode(super::super::FILE_DESCRIPTOR_SET).unwrap();
    let listed = include_str!("request.rs");
    for message in pool.all_messages() {
        if message.get_field_by_name("request_id").is_some() {
            let versioned = message.get_field_by_name("expected_version").is_some();
            let suffix = if versioned { "(expected_version)" } else { "" };
            let line = format!("\n    {}{suffix},\n", message.name());
            assert!(listed.contains(&line), "{line}");
        }
    }
}
