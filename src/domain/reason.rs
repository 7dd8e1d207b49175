//! Why something is refused: one enum of reasons for the whole service, and the error that carries one.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::money::Overflow;

/// What kind of refusal a [`Reason`] is. Each class is one gRPC code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The request is wrong whatever the state: `INVALID_ARGUMENT`.
    Invalid,
    /// The thing asked for is not there: `NOT_FOUND`.
    NotFound,
    /// The thing to create is there: `ALREADY_EXISTS`.
    AlreadyExists,
    /// Someone else was first: `ABORTED`.
    Aborted,
    /// The caller may not do it: `PERMISSION_DENIED`.
    Denied,
    /// The state does not allow it: `FAILED_PRECONDITION`.
    Precondition,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $class:ident;)*) => {
        /// Why something is refused. The proto `ErrorReason` documents each with its metadata.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Reason {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)*
        }

        impl Reason {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name on the wire: the proto's without `ERROR_REASON_`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What kind of refusal it is.
            #[must_use]
            pub const fn class(self) -> Class {
                match self { $(Self::$variant => Class::$class,)* }
            }
        }
    };
}

reasons! {
    /// Fields are malformed, missing or beyond a limit.
    InvalidFields = "INVALID_FIELDS", Invalid;
    /// An amount is in another currency.
    CurrencyMismatch = "CURRENCY_MISMATCH", Invalid;
    /// The request id was used with other content.
    RequestIdReused = "REQUEST_ID_REUSED", Invalid;
    /// A required modifier is missing or blank.
    ModifierRequired = "MODIFIER_REQUIRED", Invalid;
    /// The product has variants and none is named.
    VariantRequired = "VARIANT_REQUIRED", Invalid;
    /// An amount grew beyond what can be held.
    AmountOverflow = "AMOUNT_OVERFLOW", Invalid;
    /// No such cart or checkout.
    CartNotFound = "CART_NOT_FOUND", NotFound;
    /// The cart expired.
    CartExpired = "CART_EXPIRED", NotFound;
    /// The cart was deleted.
    CartDeleted = "CART_DELETED", NotFound;
    /// An order of the cart was paid.
    CartPaid = "CART_PAID", NotFound;
    /// No such line.
    LineItemNotFound = "LINE_ITEM_NOT_FOUND", NotFound;
    /// No such consignment.
    ConsignmentNotFound = "CONSIGNMENT_NOT_FOUND", NotFound;
    /// No such billing address.
    BillingAddressNotFound = "BILLING_ADDRESS_NOT_FOUND", NotFound;
    /// No such coupon code.
    CouponNotFound = "COUPON_NOT_FOUND", NotFound;
    /// No such product.
    ProductNotFound = "PRODUCT_NOT_FOUND", NotFound;
    /// No such variant.
    VariantNotFound = "VARIANT_NOT_FOUND", NotFound;
    /// No such order.
    OrderNotFound = "ORDER_NOT_FOUND", NotFound;
    /// No such promotion.
    PromotionNotFound = "PROMOTION_NOT_FOUND", NotFound;
    /// No such gift certificate.
    GiftCertificateNotFound = "GIFT_CERTIFICATE_NOT_FOUND", NotFound;
    /// No such fee.
    FeeNotFound = "FEE_NOT_FOUND", NotFound;
    /// The checkout has this coupon.
    CouponAlreadyApplied = "COUPON_ALREADY_APPLIED", AlreadyExists;
    /// The checkout has a billing address.
    BillingAddressExists = "BILLING_ADDRESS_EXISTS", AlreadyExists;
    /// The code belongs to a promotion.
    CouponCodeExists = "COUPON_CODE_EXISTS", AlreadyExists;
    /// The checkout has this gift certificate.
    GiftCertificateAlreadyApplied = "GIFT_CERTIFICATE_ALREADY_APPLIED", AlreadyExists;
    /// The code belongs to another gift certificate.
    GiftCertificateCodeExists = "GIFT_CERTIFICATE_CODE_EXISTS", AlreadyExists;
    /// Not for shoppers.
    StorefrontNotAllowed = "STOREFRONT_NOT_ALLOWED", Denied;
    /// Another sales channel than the caller's.
    ChannelNotAllowed = "CHANNEL_NOT_ALLOWED", Denied;
    /// Only for a customer who has signed in.
    CustomerSessionRequired = "CUSTOMER_SESSION_REQUIRED", Precondition;
    /// `expected_version` is stale.
    VersionMismatch = "VERSION_MISMATCH", Aborted;
    /// Others kept changing the same thing.
    ConcurrentChange = "CONCURRENT_CHANGE", Aborted;
    /// The product cannot be bought.
    ProductNotPurchasable = "PRODUCT_NOT_PURCHASABLE", Precondition;
    /// Fewer or more units than the product allows.
    PurchaseQuantityNotAllowed = "PURCHASE_QUANTITY_NOT_ALLOWED", Precondition;
    /// The line cannot be changed in this way.
    LineItemNotMutable = "LINE_ITEM_NOT_MUTABLE", Precondition;
    /// The store does not sell in the cart's currency.
    CurrencyNotSupported = "CURRENCY_NOT_SUPPORTED", Precondition;
    /// Something has no amount in another currency.
    CurrencyNotChangeable = "CURRENCY_NOT_CHANGEABLE", Precondition;
    /// Less is left of a variant than the cart needs.
    StockExhausted = "STOCK_EXHAUSTED", Precondition;
    /// More units in consignments than the line has.
    ConsignmentQuantityExceeded = "CONSIGNMENT_QUANTITY_EXCEEDED", Precondition;
    /// The line is not shipped.
    LineItemNotShippable = "LINE_ITEM_NOT_SHIPPABLE", Precondition;
    /// The option is not offered.
    ShippingOptionNotAvailable = "SHIPPING_OPTION_NOT_AVAILABLE", Precondition;
    /// No such pickup method.
    PickupMethodNotAvailable = "PICKUP_METHOD_NOT_AVAILABLE", Precondition;
    /// Products live in a remote catalog.
    CatalogIsRemote = "CATALOG_IS_REMOTE", Precondition;
    /// No such way to wrap the line.
    GiftWrappingNotAvailable = "GIFT_WRAPPING_NOT_AVAILABLE", Precondition;
    /// A coupon discounts the line.
    DiscountConflictsWithCoupon = "DISCOUNT_CONFLICTS_WITH_COUPON", Precondition;
    /// The coupon has expired.
    CouponExpired = "COUPON_EXPIRED", Precondition;
    /// The coupon does not work yet.
    CouponNotStarted = "COUPON_NOT_STARTED", Precondition;
    /// The coupon is switched off.
    CouponDisabled = "COUPON_DISABLED", Precondition;
    /// No uses are left.
    CouponUsesExhausted = "COUPON_USES_EXHAUSTED", Precondition;
    /// This customer has no uses left.
    CouponCustomerUsesExhausted = "COUPON_CUSTOMER_USES_EXHAUSTED", Precondition;
    /// The cart does not come to the minimum.
    CouponMinPurchaseNotMet = "COUPON_MIN_PURCHASE_NOT_MET", Precondition;
    /// No item that the coupon is for.
    CouponNoMatchingItems = "COUPON_NO_MATCHING_ITEMS", Precondition;
    /// Not for the country shipped to.
    CouponCountryNotAllowed = "COUPON_COUNTRY_NOT_ALLOWED", Precondition;
    /// The coupon's amounts are in another currency.
    CouponCurrencyMismatch = "COUPON_CURRENCY_MISMATCH", Precondition;
    /// The store allows one coupon.
    CouponNotCombinable = "COUPON_NOT_COMBINABLE", Precondition;
    /// Not at this hour, or not in this week.
    CouponNotScheduled = "COUPON_NOT_SCHEDULED", Precondition;
    /// Not for this sales channel.
    CouponChannelNotAllowed = "COUPON_CHANNEL_NOT_ALLOWED", Precondition;
    /// For other customers.
    CouponCustomerNotEligible = "COUPON_CUSTOMER_NOT_ELIGIBLE", Precondition;
    /// The cart does not have what the condition asks for.
    CouponConditionNotMet = "COUPON_CONDITION_NOT_MET", Precondition;
    /// The promotion has no uses left.
    PromotionUsesExhausted = "PROMOTION_USES_EXHAUSTED", Precondition;
    /// The promotion applies by itself and has no codes.
    PromotionNotCoupon = "PROMOTION_NOT_COUPON", Precondition;
    /// The gift certificate is switched off.
    GiftCertificateDisabled = "GIFT_CERTIFICATE_DISABLED", Precondition;
    /// The gift certificate has expired.
    GiftCertificateExpired = "GIFT_CERTIFICATE_EXPIRED", Precondition;
    /// Not enough is left of the gift certificate.
    GiftCertificateEmpty = "GIFT_CERTIFICATE_EMPTY", Precondition;
    /// The gift certificate is in another currency.
    GiftCertificateCurrencyMismatch = "GIFT_CERTIFICATE_CURRENCY_MISMATCH", Precondition;
    /// Store credit belongs to a customer.
    StoreCreditCustomerRequired = "STORE_CREDIT_CUSTOMER_REQUIRED", Precondition;
    /// Not enough store credit.
    StoreCreditEmpty = "STORE_CREDIT_EMPTY", Precondition;
    /// Things are missing for an order.
    CheckoutIncomplete = "CHECKOUT_INCOMPLETE", Precondition;
    /// No billing address.
    BillingAddressMissing = "BILLING_ADDRESS_MISSING", Precondition;
    /// The billing address lacks a field.
    BillingAddressIncomplete = "BILLING_ADDRESS_INCOMPLETE", Precondition;
    /// A consignment's address lacks a field.
    ShippingAddressIncomplete = "SHIPPING_ADDRESS_INCOMPLETE", Precondition;
    /// Units are in no consignment.
    LineItemNotConsigned = "LINE_ITEM_NOT_CONSIGNED", Precondition;
    /// A consignment has no selected option.
    ShippingOptionNotSelected = "SHIPPING_OPTION_NOT_SELECTED", Precondition;
    /// Prices are not what the checkout showed.
    PriceChanged = "PRICE_CHANGED", Precondition;
    /// The tax provider cannot be asked, and the store wants no order without it.
    TaxNotAvailable = "TAX_NOT_AVAILABLE", Precondition;
    /// Events after the cursor have been deleted.
    EventCursorExpired = "EVENT_CURSOR_EXPIRED", Precondition;
    /// The order is paid.
    OrderAlreadyPaid = "ORDER_ALREADY_PAID", Precondition;
    /// Another order of the cart is paid.
    SiblingOrderPaid = "SIBLING_ORDER_PAID", Precondition;
    /// The order's state does not allow it.
    OrderStatusNotAllowed = "ORDER_STATUS_NOT_ALLOWED", Precondition;
    /// More than is outstanding.
    PaymentExceedsOutstanding = "PAYMENT_EXCEEDS_OUTSTANDING", Precondition;
    /// The reference is taken by another payment.
    PaymentReferenceConflict = "PAYMENT_REFERENCE_CONFLICT", Precondition;
}

/// One of several things that are wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// What is wrong: a field path such as `line_items[2].quantity`, or the id of a thing.
    pub subject: String,
    /// Why.
    pub reason: Reason,
    /// What is wrong with it, the limit, and the way out.
    pub description: String,
}

impl Violation {
    /// A violation of `reason` at `subject`.
    pub fn new(subject: impl Into<String>, reason: Reason, description: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            reason,
            description: description.into(),
        }
    }
}

/// A refused request: nothing was changed, and the caller is told why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub struct Refusal {
    /// What a program decides by.
    pub reason: Reason,
    /// What a person reads: lower case, names the thing and the way out.
    pub message: String,
    /// Values a program may want, by the names that the proto documents.
    pub metadata: Vec<(String, String)>,
    /// Every single thing that is wrong, where there can be several.
    pub violations: Vec<Violation>,
}

/// Result of anything that can be refused.
pub type Result<T> = std::result::Result<T, Refusal>;

impl Refusal {
    /// A refusal without metadata.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
            metadata: Vec::new(),
            violations: Vec::new(),
        }
    }

    /// Adds a value to the metadata.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl fmt::Display) -> Self {
        self.metadata.push((key.to_owned(), value.to_string()));
        self
    }

    /// Refuses for everything that is wrong, at once: the message says all of it.
    #[must_use]
    pub fn all(reason: Reason, violations: Vec<Violation>) -> Self {
        let texts: Vec<_> = violations.iter().map(|v| v.description.as_str()).collect();
        let message = texts.join("; ");
        Self {
            violations,
            ..Self::new(reason, message)
        }
    }

    /// Refuses a request with every field that is wrong.
    #[must_use]
    pub fn fields(violations: Vec<Violation>) -> Self {
        let list = violations
            .iter()
            .map(|violation| format!("{}: {}", violation.subject, violation.description))
            .collect::<Vec<_>>()
            .join("; ");
        // A single violation with a reason of its own is told by that reason.
        let reason = match violations.as_slice() {
            [only] => only.reason,
            _ => Reason::InvalidFields,
        };
        Self {
            violations,
            ..Self::new(reason, list)
        }
    }

    /// One refusal of several: all wrong fields together; the first, where it is about more than fields.
    #[must_use]
    pub fn merged(refusals: Vec<Self>) -> Option<Self> {
        let about_fields = |refusal: &Self| !refusal.violations.is_empty();
        if refusals.len() > 1 && refusals.iter().all(about_fields) {
            let violations = refusals.into_iter().flat_map(|refusal| refusal.violations);
            return Some(Self::fields(violations.collect()));
        }
        refusals.into_iter().next()
    }

    /// Refuses a request for one field.
    pub fn field(path: impl Into<String>, description: impl Into<String>) -> Self {
        Self::fields(vec![Violation::new(
            path,
            Reason::InvalidFields,
            description,
        )])
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason.name(), self.message)
    }
}

impl From<Overflow> for Refusal {
    fn from(_: Overflow) -> Self {
        Self::new(
            Reason::AmountOverflow,
            "an amount grew beyond what can be held: lower prices or quantities",
        )
    }
}
