//! What the command line does for those who run the shop: API tokens and the audit log.

use std::io::{self, Write};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use super::{Error, with_flow};
use crate::{
    config::{Config, NewToken},
    domain::api_token::{ApiToken, NewApiToken, prefix_of},
    flow::{
        Guard,
        api_token::{self, Created},
        audit,
    },
};

/// The columns of the list of tokens.
const COLUMNS: [&str; 8] = [
    "PREFIX",
    "NAME",
    "SCOPES",
    "CHANNELS",
    "CREATED",
    "EXPIRES",
    "LAST USED",
    "REVOKED",
];

/// Creates an API token.
pub async fn create_token(config: &Config, wanted: NewToken) -> Result<Created, Error> {
    let lifetime = wanted.expires_in.map(TimeDelta::from_std).transpose();
    let lifetime = lifetime.unwrap_or(None);
    let new = NewApiToken::new(wanted.name, wanted.scope, wanted.channel, lifetime)?;
    let create = async |flow: &_| api_token::create(flow, new, Guard::default()).await;
    with_flow(config, create).await?.map_err(Error::Token)
}

/// All API tokens there ever were, as a table.
pub async fn list_tokens(config: &Config) -> Result<String, Error> {
    let listed = with_flow(config, api_token::list).await?;
    let tokens = listed.map_err(Error::Token)?;
    let mut rows = vec![COLUMNS.map(str::to_owned)];
    rows.extend(tokens.iter().map(row));
    Ok(table(&rows))
}

/// Revokes the API token with this prefix, and answers the prefix. The token itself is taken, too, and never repeated.
pub async fn revoke_token(config: &Config, text: &str) -> Result<String, Error> {
    let prefix = prefix_of(text).ok_or(Error::NotAPrefix)?;
    let revoke = async |flow: &_| api_token::revoke(flow, prefix, Guard::default()).await;
    let revoked = with_flow(config, revoke).await?.map_err(Error::Token)?;
    let prefix = prefix.to_owned();
    if revoked {
        Ok(prefix)
    } else {
        Err(Error::NoToken { prefix })
    }
}

/// Writes the audit log as lines of JSON, the oldest entry first: from a time on, at most `limit` entries.
pub async fn audit(
    config: &Config,
    since: Option<DateTime<Utc>>,
    limit: Option<u64>,
    out: &mut (dyn Write + Send),
) -> Result<(), Error> {
    let copy = async |flow: &_| {
        let mut log = audit::Reader::new(flow, since, limit);
        loop {
            let entries = log.next().await.map_err(Error::Audit)?;
            if entries.is_empty() {
                return Ok(());
            }
            for entry in entries {
                serde_json::to_writer(&mut *out, &entry).map_err(io::Error::from)?;
                out.write_all(b"\n")?;
            }
        }
    };
    with_flow(config, copy).await?
}

fn row(token: &ApiToken) -> [String; 8] {
    let time = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
    let or = |at: Option<_>, other: &str| at.map_or_else(|| other.to_owned(), time);
    let channels = if token.channels.is_empty() {
        "all".to_owned()
    } else {
        token.channels.join(",")
    };
    [
        token.prefix.clone(),
        token.name.clone(),
        token.grants.to_string().replace(' ', ","),
        channels,
        time(token.create_time),
        or(token.expire_time, "never"),
        or(token.last_use_time, "never"),
        or(token.revoke_time, "no"),
    ]
}

/// Lines of columns that are as wide as their widest cells.
fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..N).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths);
        let cells: Vec<_> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let rows = [["NAME", "SCOPE"], ["é", "carts:read"], ["shop", ""]];
        let rows = rows.map(|row| row.map(str::to_owned));
        assert_eq!(table(&rows), "NAME  SCOPE\né     carts:read\nshop\n");
    }
}
