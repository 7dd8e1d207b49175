//! Options of how far callers may go.

/// Most calls a second, or wrong credentials a minute, that can be set.
const MAX_RATE: i64 = 1_000_000;

/// How far callers may go.
#[derive(Debug, Clone, clap::Args)]
#[expect(clippy::doc_markdown, reason = "the comments are what --help shows")]
pub struct Limits {
    /// Calls a second of one API token or other service of the shop, 0 to 1000000, counted over 10 seconds; more are refused
    /// with RESOURCE_EXHAUSTED; 0: any number
    #[arg(
        long,
        global = true,
        env = "CARTWRIGHT_TOKEN_RATE",
        value_name = "NUMBER"
    )]
    #[arg(default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=MAX_RATE))]
    pub token_rate: u32,

    /// The same of one storefront session, and of one address from which calls come without credentials
    #[arg(
        long,
        global = true,
        env = "CARTWRIGHT_SESSION_RATE",
        value_name = "NUMBER"
    )]
    #[arg(default_value_t = 20, value_parser = clap::value_parser!(u32).range(0..=MAX_RATE))]
    pub session_rate: u32,

    /// Wrong credentials a minute from one address, 0 to 1000000; then no credentials from it are looked at until the minute
    /// is over; 0: any number, where all callers come by way of one address, such as a proxy's
    #[arg(
        long,
        global = true,
        env = "CARTWRIGHT_WRONG_CREDENTIALS",
        value_name = "NUMBER"
    )]
    #[arg(default_value_t = 30, value_parser = clap::value_parser!(u32).range(0..=MAX_RATE))]
    pub wrong_credentials: u32,
}
