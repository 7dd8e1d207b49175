//! The audit log: who has changed what of the shop and when. It says nothing of what it was changed to, and nothing personal.

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

macro_rules! actions {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $subject:literal;)*) => {
        /// What was done: a method of the API or a command of the command line.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Action { $($(#[$doc])* $variant,)* }

        impl Action {
            /// The name of it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What kind of thing it is done to.
            #[must_use]
            pub const fn subject_kind(self) -> &'static str {
                match self { $(Self::$variant => $subject,)* }
            }
        }
    };
}

actions! {
    /// Products were created or replaced.
    UpsertProducts = "UpsertProducts", "product";
    /// A product was deleted.
    DeleteProduct = "DeleteProduct", "product";
    /// A promotion was created.
    CreatePromotion = "CreatePromotion", "promotion";
    /// A promotion was changed.
    UpdatePromotion = "UpdatePromotion", "promotion";
    /// A promotion was deleted, with its codes.
    DeletePromotion = "DeletePromotion", "promotion";
    /// A classic coupon was created: a promotion with its code.
    CreateCoupon = "CreateCoupon", "promotion";
    /// A code was created. It is told by its id alone: the code is what pays.
    CreateCouponCode = "CreateCouponCode", "coupon_code";
    /// Codes were generated.
    GenerateCouponCodes = "GenerateCouponCodes", "coupon_code_batch";
    /// A code was deleted.
    DeleteCouponCode = "DeleteCouponCode", "coupon_code";
    /// Settings were changed. There is one store, which has no id.
    UpdateStore = "UpdateStore", "store";
    /// The store credit of a customer was set. It is told by the id of the balance, which says nothing of the customer.
    SetStoreCredit = "SetStoreCredit", "store_credit";
    /// A gift certificate was issued.
    IssueGiftCertificate = "IssueGiftCertificate", "gift_certificate";
    /// A gift certificate was changed.
    UpdateGiftCertificate = "UpdateGiftCertificate", "gift_certificate";
    /// A shopper's session was revoked.
    RevokeSession = "RevokeSession", "session";
    /// A customer was erased. Nothing tells who.
    EraseCustomer = "erase-customer", "customer";
    /// An API token was created. It is told by its prefix.
    CreateToken = "token create", "api_token";
    /// An API token was revoked.
    RevokeToken = "token revoke", "api_token";
}

/// What somebody did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditEntry {
    /// Id of the entry. Ids are in the order of time.
    pub id: Uuid,
    /// When.
    pub time: DateTime<Utc>,
    /// Who: see [`Caller::label`](super::caller::Caller::label).
    pub caller: String,
    /// The name of an [`Action`], which may be one of a newer release.
    pub action: String,
    /// What kind of thing it was done to.
    pub subject_kind: String,
    /// To which ones of them.
    pub subject_ids: Vec<String>,
    /// The id that the caller gave the request.
    pub request_id: Option<Uuid>,
}
