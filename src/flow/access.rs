//! Whose credentials are good. It is kept in memory, so that looking costs no statement, and loaded anew when a replica has
//! changed it: see [`Flow::follow_changes`](super::Flow::follow_changes).

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Result, now};
use crate::{
    domain::{
        api_token::{ApiToken, TOKEN},
        caller::{Caller, Principal},
    },
    store::{self, Database},
};

/// Whose credentials are good.
#[derive(Debug)]
pub(super) struct Access {
    /// By their prefixes, those that lived when they were loaded.
    tokens: HashMap<String, Known>,
    /// Those that had not ended when they were loaded.
    revoked_sessions: HashSet<Uuid>,
}

/// A token, and who it is that has it.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) token: ApiToken,
    pub(super) principal: Arc<Principal>,
}

impl Access {
    /// As it is in the database now.
    pub(super) async fn load(database: &Database) -> Result<Self> {
        let now = now();
        let tokens = store::api_token::living(database, now).await?;
        let revoked_sessions = store::revoked_session::living(database, now).await?;
        let known = |token: ApiToken| {
            let principal = Arc::new(token.principal());
            (token.prefix.clone(), Known { token, principal })
        };
        Ok(Self {
            tokens: tokens.into_iter().map(known).collect(),
            revoked_sessions,
        })
    }

    /// The token with this prefix.
    pub(super) fn token(&self, prefix: &str) -> Option<&Known> {
        self.tokens.get(prefix)
    }

    /// Whether who this is may go on: neither the credentials nor the session were revoked, nor have they expired.
    pub(super) fn is_good(&self, caller: &Caller, now: DateTime<Utc>) -> bool {
        match caller {
            Caller::Trusted => true,
            Caller::Management(principal) => {
                let token = principal.id.strip_prefix(TOKEN);
                principal.expire_time.is_none_or(|end| now < end)
                    && token.is_none_or(|prefix| self.tokens.contains_key(prefix))
            }
            Caller::Storefront(session) => {
                now < session.expire_time && !self.is_revoked(session.id)
            }
        }
    }

    /// How many sessions were revoked.
    pub(super) fn revocations(&self) -> usize {
        self.revoked_sessions.len()
    }

    /// Whether the session was revoked.
    pub(super) fn is_revoked(&self, session_id: Uuid) -> bool {
        self.revoked_sessions.contains(&session_id)
    }
}
