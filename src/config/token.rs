//! The commands about API tokens.

use std::time::Duration;

use clap::Subcommand;

use super::seconds_to_decade;
use crate::domain::caller::Grants;

/// What to do with API tokens.
#[derive(Debug, Clone, Subcommand)]
pub enum TokenCommand {
    /// Create a token and print it, this once
    Create(NewToken),
    /// List all tokens there ever were, without their secrets
    List,
    /// Revoke a token: every replica refuses it within seconds
    Revoke {
        /// The token's prefix, as the list has it
        prefix: String,
    },
}

/// The token to create.
#[derive(Debug, Clone, clap::Args)]
pub struct NewToken {
    /// Its name, for people: 1 to 100 characters
    #[arg(long)]
    pub name: String,
    /// What it may do, with commas between, such as carts:write,orders:read; to write is also to read
    #[arg(long, value_name = "SCOPES")]
    pub scope: Grants,
    /// A sales channel whose carts, checkouts and orders it is for; once for each, none for all
    #[arg(long, value_name = "ID")]
    pub channel: Vec<String>,
    /// After what time it ends, 1s to 3650d; none: when it is revoked
    #[arg(long, value_name = "TIME", value_parser = seconds_to_decade)]
    pub expires_in: Option<Duration>,
}
