//! Codes that shoppers enter: so many are looked up, and more slowly for whoever guesses.

use chrono::{DateTime, Utc};

use super::{Error, Flow, Result};
use crate::{
    domain::{caller::Caller, code_tries::CodeKind},
    limits::Refused,
    store,
};

/// What `find` finds under the code. Services of the shop may try any number of them.
pub(super) async fn look_up<T>(
    flow: &Flow,
    caller: &Caller,
    kind: CodeKind,
    code: &str,
    now: DateTime<Utc>,
    find: impl Future<Output = store::Result<Option<T>>>,
) -> Result<Option<T>> {
    let Some(session) = caller.session() else {
        return Ok(find.await?);
    };
    let attempt = flow.codes.begin(session, kind, code, now).await?;
    let found = find.await;
    match &found {
        Ok(None) => flow.codes.was_wrong(&attempt),
        Ok(Some(_)) | Err(_) => flow.codes.was_not_wrong(&attempt).await,
    }
    Ok(found?)
}

impl From<Refused> for Error {
    fn from(Refused { limit, retry }: Refused) -> Self {
        Self::Limited { limit, retry }
    }
}
