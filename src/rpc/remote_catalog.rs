//! The client of a remote catalog. It is here because what it reads are the messages of our own API, by the same rules.

use std::{
    collections::{HashMap, HashSet, hash_map},
    sync::Arc,
    time::Duration,
};

use tonic::transport::{self, Channel};

use super::{
    catalog::read,
    fields::Fields,
    pb::{self, catalog_service_client::CatalogServiceClient},
};
use crate::{
    catalog::{Calls, Listing, Listings, Wanted},
    domain::store::Store,
    outbound::{self, Failure, Limits, Outbound},
};

/// The largest answer, in bytes.
const MAX_ANSWER_BYTES: usize = 8 * 1024 * 1024;
/// Calls at a time, so that their answers stay within 256 MiB.
const MAX_CONCURRENT_CALLS: usize = 32;
const MAX_RETRIES: u32 = 2;

/// Calls to the `CatalogService` at this URL, each answered within `timeout` or not at all. It is connected to when
/// first needed, and may come and go: only a malformed URL is an error.
pub fn calls(url: &str, timeout: Duration) -> Result<Calls, transport::Error> {
    let client = CatalogServiceClient::new(outbound::channel(url)?)
        .max_decoding_message_size(MAX_ANSWER_BYTES);
    let limits = Limits {
        timeout,
        max_retries: MAX_RETRIES,
        max_concurrent_calls: MAX_CONCURRENT_CALLS,
    };
    Ok(Outbound::new("catalog", limits, move |wanted| {
        fetch(client.clone(), wanted)
    }))
}

async fn fetch(
    mut client: CatalogServiceClient<Channel>,
    wanted: Wanted,
) -> Result<Listings, Failure> {
    let all_variants = |id: &String| pb::VariantReference {
        product_id: id.clone(),
        variant_id: String::new(),
    };
    let request = pb::BatchGetVariantsRequest {
        variants: wanted.ids.iter().map(all_variants).collect(),
    };
    let answer = client.batch_get_variants(outbound::request(request)).await;
    let answer = answer.map_err(outbound::failure)?;
    Ok(listings(answer.into_inner().products, &wanted))
}

/// What is answered, as far as it was asked for.
fn listings(products: Vec<pb::Product>, wanted: &Wanted) -> Listings {
    let asked: HashSet<&str> = wanted.ids.iter().map(String::as_str).collect();
    let mut listings = HashMap::new();
    for product in products {
        let id = product.id.clone();
        if !asked.contains(id.as_str()) {
            tracing::warn!("the remote catalog answered a product that it was not asked for");
            continue;
        }
        match listings.entry(id) {
            hash_map::Entry::Vacant(free) => {
                free.insert(listing(product, &wanted.store));
            }
            hash_map::Entry::Occupied(mut taken) => {
                tracing::warn!(
                    product_id = taken.key(),
                    "the remote catalog answered a product twice"
                );
                taken.insert(Listing::Malformed);
            }
        }
    }
    listings
}

/// Reads a product as `UpsertProducts` does. One that is not as it has to be costs no other.
fn listing(product: pb::Product, store: &Store) -> Listing {
    let (id, version) = (product.id.clone(), product.version);
    let mut fields = Fields::default();
    let mut product = read::product(&mut fields, product, store);
    product.version = version;
    match fields.finish() {
        Ok(_) => Listing::Product(Arc::new(product)),
        Err(refusal) => {
            let first = refusal.violations.first();
            tracing::warn!(
                product_id = id,
                field = first.map(|violation| violation.subject.as_str()),
                problem = first.map(|violation| violation.description.as_str()),
                "the remote catalog answered a product that cannot be sold"
            );
            Listing::Malformed
        }
    }
}
