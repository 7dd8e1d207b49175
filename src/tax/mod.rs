//! The tax provider: asked for estimates while the shopper decides, and told of orders that are paid or cancelled.

mod wired;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tonic::{Response, Status, transport::Channel};
use uuid::Uuid;

use crate::{
    domain::{money::Amount, order::Order, store::TaxProvider, tax_estimate::TaxQuestion},
    outbound::{
        self, Limits, Outbound,
        wire::{
            CommitTaxRequest, CommitTaxResponse, VoidTaxRequest, VoidTaxResponse,
            tax_service_client::TaxServiceClient,
        },
    },
};

pub use crate::outbound::Failure;

/// Longest time for telling the provider of an order. Nobody waits for it.
pub const RECORD_TIMEOUT: Duration = Duration::from_secs(10);
/// How often an estimate is tried again within its time. What is recorded is repeated by whoever keeps account of it.
const ESTIMATE_RETRIES: u32 = 1;
/// Calls of one kind at a time.
const MAX_CONCURRENT_CALLS: usize = 100;

/// What is taken of an answer at most.
const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;

type Client = TaxServiceClient<Channel>;

/// The taxes by name on each amount of a question, in their order.
pub type Taxes = Vec<Vec<(String, Amount)>>;

/// Talks to the provider that is set, whichever that is. One for the whole process.
#[derive(Debug, Default)]
pub struct TaxClient {
    current: Mutex<Option<(TaxProvider, Connection)>>,
}

/// One provider, with what its calls may cost.
#[derive(Debug, Clone)]
struct Connection {
    estimate: Outbound<Arc<Estimate>, Taxes>,
    commit: Outbound<CommitTaxRequest, CommitTaxResponse>,
    void: Outbound<VoidTaxRequest, VoidTaxResponse>,
}

#[derive(Debug)]
struct Estimate {
    checkout_id: Uuid,
    question: TaxQuestion,
}

impl TaxClient {
    /// Asks for the taxes of a checkout. The error says what is the matter with the provider, for people: "did not answer
    /// within 2s".
    pub async fn estimate(
        &self,
        provider: &TaxProvider,
        checkout_id: Uuid,
        question: &TaxQuestion,
    ) -> Result<Taxes, Failure> {
        let question = question.clone();
        let estimate = Arc::new(Estimate {
            checkout_id,
            question,
        });
        self.to(provider)?.estimate.call(estimate).await
    }

    /// Records the taxes of a paid order as they were charged; nothing when they were not the provider's. Safe to repeat.
    pub async fn commit(&self, provider: &TaxProvider, order: &Order) -> Result<(), Failure> {
        let Some(charged) = &order.snapshot.tax_estimate else {
            return Ok(());
        };
        let request = wired::commit(order, charged);
        self.to(provider)?.commit.call(request).await?;
        Ok(())
    }

    /// Takes back what was recorded of an order, or will never be. Safe to repeat.
    pub async fn void(&self, provider: &TaxProvider, order_id: Uuid) -> Result<(), Failure> {
        let order_id = order_id.to_string();
        let request = VoidTaxRequest { order_id };
        self.to(provider)?.void.call(request).await?;
        Ok(())
    }

    /// The connection to this provider, made anew when the settings have changed.
    fn to(&self, provider: &TaxProvider) -> Result<Connection, Failure> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, connection)) = &*current
            && known == provider
        {
            return Ok(connection.clone());
        }
        let connection = Connection::to(provider)?;
        *current = Some((provider.clone(), connection.clone()));
        Ok(connection)
    }
}

impl Connection {
    fn to(provider: &TaxProvider) -> Result<Self, Failure> {
        let channel = outbound::channel(&provider.url)
            .map_err(|_| Failure::Lasting("has a URL that cannot be used".to_owned()))?;
        let client = TaxServiceClient::new(channel).max_decoding_message_size(MAX_ANSWER_BYTES);
        let of_estimate = Limits {
            timeout: provider.timeout,
            max_retries: ESTIMATE_RETRIES,
            max_concurrent_calls: MAX_CONCURRENT_CALLS,
        };
        let of_record = Limits {
            timeout: RECORD_TIMEOUT,
            max_retries: 0,
            ..of_estimate
        };
        Ok(Self {
            estimate: Outbound::new("tax", of_estimate, {
                let client = client.clone();
                move |estimate| ask(client.clone(), estimate)
            }),
            commit: Outbound::new("tax", of_record, {
                let client = client.clone();
                move |request| {
                    let mut client = client.clone();
                    async move { answered(client.commit_tax(outbound::request(request)).await) }
                }
            }),
            void: Outbound::new("tax", of_record, move |request| {
                let mut client = client.clone();
                async move { answered(client.void_tax(outbound::request(request)).await) }
            }),
        })
    }
}

async fn ask(client: Client, estimate: Arc<Estimate>) -> Result<Taxes, Failure> {
    let Estimate {
        checkout_id,
        question,
    } = &*estimate;
    let request = wired::question(*checkout_id, question);
    let response = answered(
        client
            .clone()
            .estimate_tax(outbound::request(request))
            .await,
    )?;
    wired::taxes(question, response).map_err(|what| Failure::Lasting(format!("answered {what}")))
}

fn answered<T>(result: Result<Response<T>, Status>) -> Result<T, Failure> {
    result.map(Response::into_inner).map_err(outbound::failure)
}
