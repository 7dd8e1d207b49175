//! The command line: see [`cartwright::config`].

use std::{error::Error, io, iter, process::ExitCode};

use cartwright::{
    app,
    config::{Cli, Command, Config, TokenCommand},
    demo,
    flow::{api_token::Created, session},
    healthcheck,
    telemetry::{self, DEFAULT_LOG_FILTER},
};
use secrecy::ExposeSecret as _;

/// The options cannot be used: `EX_USAGE` of `sysexits.h`.
const USAGE: u8 = 64;
/// The database is out of reach: `EX_UNAVAILABLE`.
const UNAVAILABLE: u8 = 69;

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    let Cli { command, config } = match Cli::read() {
        Ok(cli) => cli,
        Err(told) => {
            let _ = told.print();
            // Help and version, which were asked for, go to standard output.
            return ExitCode::from(if told.use_stderr() { USAGE } else { 0 });
        }
    };
    let command = command.unwrap_or(Command::Serve);
    let log = match command {
        // Is to be read by people.
        Command::Demo => "warn",
        _ => DEFAULT_LOG_FILTER,
    };
    let telemetry = match telemetry::init(&config.telemetry(log)) {
        Ok(telemetry) => telemetry,
        Err(error) => return fail(&error, USAGE),
    };
    let done = run(command, config).await;
    // Last of all, so that what led to the end is traced.
    telemetry.shutdown().await;
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&*error, code(&*error)),
    }
}

async fn run(command: Command, config: Config) -> Result<(), Failure> {
    match command {
        Command::Serve => app::serve(&config).await?,
        Command::Demo => demo::run(config, &mut io::stdout()).await?,
        Command::Migrate => app::migrate(&config).await?,
        Command::Import { file } => {
            let imported = app::import(&config, &file).await?;
            println!(
                "imported {} products, {} promotions and {} coupons; {} promotions and {} coupons were there already",
                imported.products,
                imported.promotions,
                imported.coupons,
                imported.existing_promotions,
                imported.existing_coupons
            );
        }
        Command::EraseCustomer { id } => {
            let erased = app::erase_customer(&config, &id).await?;
            println!(
                "erased {} carts, {} orders, {} gift certificates and {} balances of store credit",
                erased.carts, erased.orders, erased.gift_certificates, erased.store_credits
            );
        }
        Command::SessionKey => println!("{}", session::new_key_line().expose_secret()),
        Command::Token(command) => token(command, &config).await?,
        Command::Audit { since, limit } => {
            app::audit(&config, since, limit, &mut io::stdout()).await?;
        }
        Command::Healthcheck => {
            let tls = config.connections.tls_certificate.is_some();
            healthcheck::healthcheck(&config.listen, tls).await?;
        }
    }
    Ok(())
}

async fn token(command: TokenCommand, config: &Config) -> Result<(), Failure> {
    match command {
        TokenCommand::Create(new) => {
            let Created { token, text } = app::create_token(config, new).await?;
            // Alone on standard output, for whatever keeps it.
            println!("{}", text.expose_secret());
            eprintln!(
                "created the API token {} \"{}\" with the scopes {}: nobody can show it again",
                token.prefix, token.name, token.grants
            );
        }
        TokenCommand::List => print!("{}", app::list_tokens(config).await?),
        TokenCommand::Revoke { prefix } => {
            let prefix = app::revoke_token(config, &prefix).await?;
            println!("revoked {prefix}");
        }
    }
    Ok(())
}

fn code(error: &(dyn Error + Send + Sync + 'static)) -> u8 {
    match error.downcast_ref() {
        Some(app::Error::Connect { .. }) => UNAVAILABLE,
        Some(
            app::Error::Redis(_)
            | app::Error::Catalog(_)
            | app::Error::DemoStore
            | app::Error::Exposed(_)
            | app::Error::Tls(_)
            | app::Error::SessionKeys(_)
            | app::Error::IdentityProvider(_)
            | app::Error::InvalidToken(_)
            | app::Error::NotAPrefix,
        ) => USAGE,
        _ => 1,
    }
}

/// Tells why, with all that led to it.
fn fail(error: &(dyn Error + 'static), code: u8) -> ExitCode {
    let mut told: Vec<String> = vec!["cartwright".to_owned()];
    for cause in iter::successors(Some(error), |error| (*error).source()) {
        let cause = cause.to_string();
        // Some errors tell their cause themselves.
        if !told.last().is_some_and(|last| last.ends_with(&cause)) {
            told.push(cause);
        }
    }
    eprintln!("{}", told.join(": "));
    ExitCode::from(code)
}
