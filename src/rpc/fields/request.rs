//! Readers of what requests have in common: request ids and expected versions, masks, pages.

use std::fmt::Write as _;

use prost::Message;
use sha2::{Digest, Sha256};

use super::{Fields, pb};
use crate::{
    domain::{caller::Caller, checkout::RequestKey},
    flow::{Guard, Page},
};

/// Items on a page unless asked for otherwise, and most items on a page.
const PAGE_SIZE: u32 = 50;
const MAX_PAGE_SIZE: u32 = 200;
/// Bytes of the digest of a request: enough that no two contents share one.
const DIGEST_BYTES: usize = 16;
/// Most paths of a mask.
const MAX_MASK_PATHS: usize = 100;

/// A request that changes something.
pub trait Mutation: Message {
    /// The method, for the digest of the request.
    const METHOD: &'static str;

    /// What makes the call safe to repeat.
    fn request_id(&mut self) -> &mut String;

    /// The version of what is changed, where the request can have one.
    fn expected_version(&self) -> Option<i64> {
        None
    }
}

macro_rules! mutations {
    ($($request:ident $(($version:ident))?),* $(,)?) => {$(
        impl Mutation for pb::$request {
            const METHOD: &'static str = stringify!($request);

            fn request_id(&mut self) -> &mut String {
                &mut self.request_id
            }

            $(fn expected_version(&self) -> Option<i64> {
                self.$version
            })?
        }
    )*};
}

mutations! {
    CreateCartRequest,
    UpdateCartRequest(expected_version),
    DeleteCartRequest(expected_version),
    AddLineItemsRequest(expected_version),
    UpdateLineItemRequest(expected_version),
    DeleteLineItemRequest(expected_version),
    UpdateCheckoutRequest(expected_version),
    AddBillingAddressRequest(expected_version),
    UpdateBillingAddressRequest(expected_version),
    ApplyDiscountsRequest(expected_version),
    AddFeesRequest(expected_version),
    UpdateFeesRequest(expected_version),
    DeleteFeesRequest(expected_version),
    AddConsignmentsRequest(expected_version),
    UpdateConsignmentRequest(expected_version),
    DeleteConsignmentRequest(expected_version),
    ApplyCouponRequest(expected_version),
    RemoveCouponRequest(expected_version),
    ApplyGiftCertificateRequest(expected_version),
    RemoveGiftCertificateRequest(expected_version),
    ApplyStoreCreditRequest(expected_version),
    RemoveStoreCreditRequest(expected_version),
    CreateOrderRequest(expected_version),
    RecordPaymentRequest,
    CancelOrderRequest,
    UpdateOrderStatusRequest,
    UpsertProductsRequest,
    DeleteProductRequest,
    CreatePromotionRequest,
    UpdatePromotionRequest(expected_version),
    CreateCouponRequest,
    CreateCouponCodeRequest,
    GenerateCouponCodesRequest,
    DeletePromotionRequest,
    DeleteCouponCodeRequest,
    UpdateStoreRequest(expected_version),
    IssueGiftCertificateRequest,
    UpdateGiftCertificateRequest(expected_version),
    SetStoreCreditRequest(expected_version),
    CreateSessionRequest,
    RevokeSessionRequest,
    ClaimCartRequest(expected_version),
}

/// Which fields an update changes.
#[derive(Debug)]
pub struct Mask {
    paths: Vec<String>,
}

impl Mask {
    /// Whether a field is to be changed: it is named, or, where none is, it is `given`.
    #[must_use]
    pub fn names(&self, field: &str, given: bool) -> bool {
        if self.paths.is_empty() {
            given
        } else {
            self.paths.iter().any(|path| path == field)
        }
    }

    /// The text of a field, if it is to be changed.
    #[must_use]
    pub fn text(&self, field: &str, text: String) -> Option<String> {
        self.names(field, !text.is_empty()).then_some(text)
    }
}

/// Says which top-level fields of a message can be replaced, by `FIELDS`, and replaces those of a mask, by `overlaid`.
macro_rules! replaceable {
    ($message:ty; $($field:ident),* $(,)?) => {
        /// The top-level fields that can be replaced.
        const FIELDS: &[&str] = &[$(stringify!($field)),*];

        /// What is there, with the fields of the mask as they are given.
        fn overlaid(mut there: $message, given: &$message, mask: &$crate::rpc::fields::Mask) -> $message {
            $(if mask.names(stringify!($field), true) {
                there.$field.clone_from(&given.$field);
            })*
            there
        }
    };
}
pub(in crate::rpc) use replaceable;

impl Fields {
    /// What guards a change. Takes the request id out of the request, whose rest is then digested.
    pub fn guard(&mut self, request: &mut impl Mutation) -> Guard {
        let id = std::mem::take(request.request_id());
        let id = self.optional_uuid("request_id", &id);
        Guard {
            request: id.map(|id| RequestKey {
                id,
                digest: digest(&self.caller, request),
            }),
            expected_version: request.expected_version(),
            caller: self.caller.clone(),
        }
    }

    /// A mask over the fields that can be changed.
    pub fn mask(&mut self, mask: Option<prost_types::FieldMask>, changeable: &[&str]) -> Mask {
        let paths = mask.unwrap_or_default().paths;
        let paths = self.each(
            "update_mask.paths",
            paths,
            0..=MAX_MASK_PATHS,
            |fields, path| {
                if !changeable.contains(&path.as_str()) {
                    fields.refuse("", format!("must be one of {}", changeable.join(", ")));
                }
                path
            },
        );
        Mask { paths }
    }

    /// Which page of a list.
    pub fn page(&mut self, size: i32, token: &str) -> Page {
        let size = u32::try_from(size).unwrap_or_else(|_| {
            self.refuse("page_size", "must not be negative");
            PAGE_SIZE
        });
        let size = if size == 0 {
            PAGE_SIZE
        } else {
            size.min(MAX_PAGE_SIZE)
        };
        let after = unhex(token).and_then(|bytes| String::from_utf8(bytes).ok());
        if after.is_none() {
            let text = "must be next_page_token of the page before, or empty";
            self.refuse("page_token", text);
        }
        let after = after.filter(|key| !key.is_empty());
        Page { size, after }
    }
}

/// The token of the page that begins after a key; empty where there is none.
#[must_use]
pub fn page_token(next: Option<&str>) -> String {
    hex(next.unwrap_or_default().as_bytes())
}

/// Tells requests with the same id apart by method, content and caller: nobody is answered what another one has asked.
fn digest<M: Mutation>(caller: &Caller, request: &M) -> String {
    let mut digest = Sha256::new()
        .chain_update(M::METHOD)
        .chain_update(request.encode_to_vec());
    match caller {
        Caller::Trusted => {}
        Caller::Management(principal) => digest.update(&principal.id),
        Caller::Storefront(session) if session.customer_id.is_empty() => digest.update(session.id),
        Caller::Storefront(session) => digest.update(&session.customer_id),
    }
    let digest = digest.finalize();
    hex(digest.get(..DIGEST_BYTES).unwrap_or(&digest))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes = pairs
        .iter()
        .map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?));
    bytes
        .collect::<Option<Vec<u8>>>()
        .filter(|_| rest.is_empty())
}
