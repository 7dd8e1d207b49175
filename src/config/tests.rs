use super::*;

fn parse(arguments: &[&str]) -> Result<Cli, String> {
    Cli::try_parse_from([&["cartwright"], arguments].concat())
        .map_err(|error| explain(error).to_string())
}

#[test]
fn the_definition_holds_together() {
    Cli::command().debug_assert();
}

#[test]
fn options_go_before_or_after_the_command() {
    for arguments in [
        ["--listen=[::]:1", "migrate"],
        ["migrate", "--listen=[::]:1"],
    ] {
        let cli = parse(&arguments).unwrap();
        assert!(matches!(cli.command, Some(Command::Migrate)));
        assert_eq!(cli.config.listen, "[::]:1");
    }
    assert!(parse(&[]).unwrap().command.is_none());
}

#[test]
fn a_bad_value_is_told_with_option_variable_and_what_is_allowed() {
    for (argument, variable, allowed) in [
        ("--listen=:50051", "CARTWRIGHT_LISTEN", "127.0.0.1:50051"),
        ("--database-url=mysql://h/d", "DATABASE_URL", "postgres://"),
        ("--redis-url=tcp://h", "REDIS_URL", "redis://"),
        ("--quote-ttl=0s", "CARTWRIGHT_QUOTE_TTL", "from 1s to 24h"),
        ("--quote-ttl=25h", "CARTWRIGHT_QUOTE_TTL", "from 1s to 24h"),
        (
            "--redis-url=redis-cluster://h:1,h",
            "REDIS_URL",
            "redis-cluster://HOST:PORT,HOST:PORT",
        ),
        (
            "--quote-timeout=31s",
            "CARTWRIGHT_QUOTE_TIMEOUT",
            "from 100ms to 30s",
        ),
        (
            "--catalog-url=catalog:50051",
            "CARTWRIGHT_CATALOG_URL",
            "http:// or https://",
        ),
        (
            "--catalog-ttl=999ms",
            "CARTWRIGHT_CATALOG_TTL",
            "from 1s to 24h",
        ),
        (
            "--catalog-timeout=0s",
            "CARTWRIGHT_CATALOG_TIMEOUT",
            "from 1ms to 24h",
        ),
        (
            "--purge-after=8761h",
            "CARTWRIGHT_PURGE_AFTER",
            "from 1s to 8760h",
        ),
        (
            "--event-retention=0s",
            "CARTWRIGHT_EVENT_RETENTION",
            "from 1s to 8760h",
        ),
        (
            "--abandoned-after=0s",
            "CARTWRIGHT_ABANDONED_AFTER",
            "from 1s to 8760h",
        ),
        (
            "--events-redis-stream=a b",
            "CARTWRIGHT_EVENTS_REDIS_STREAM",
            "letters, digits and .:_-",
        ),
        (
            "--events-format=xml",
            "CARTWRIGHT_EVENTS_FORMAT",
            "json, protobuf",
        ),
        (
            "--events-redis-max-length=0",
            "CARTWRIGHT_EVENTS_REDIS_MAX_LENGTH",
            "1..=4294967295",
        ),
        ("--drain-wait=5", "CARTWRIGHT_DRAIN_WAIT", "ms, s, m or h"),
        ("--drain-wait=-5s", "CARTWRIGHT_DRAIN_WAIT", "ms, s, m or h"),
        (
            "--database-max-connections=0",
            "CARTWRIGHT_DATABASE_MAX_CONNECTIONS",
            "1..=1000",
        ),
        ("--max-in-flight=0", "CARTWRIGHT_MAX_IN_FLIGHT", "1..=65535"),
        (
            "--otlp-endpoint=collector:4317",
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "http://",
        ),
        ("--log-format=xml", "CARTWRIGHT_LOG_FORMAT", "text, json"),
        ("--log=loud=very", "CARTWRIGHT_LOG", "warn,cartwright=debug"),
    ] {
        let told = parse(&[argument]).unwrap_err();
        let (option, _) = argument.split_once('=').unwrap();
        for part in [option, variable, allowed] {
            assert!(told.contains(part), "{argument}: no {part} in {told}");
        }
    }
}

#[test]
fn events_are_published_only_where_there_is_a_redis() {
    let told = parse(&["--events-redis-stream=shop"]).unwrap_err();
    assert!(told.contains("--redis-url"), "{told}");
    let redis = "--redis-url=redis://h:1";
    let cli = parse(&["--events-redis-stream=shop", redis]).unwrap();
    assert_eq!(cli.config.events_redis_stream.as_deref(), Some("shop"));
}

#[test]
fn passwords_are_not_told() {
    let told = parse(&["--database-url=postgress://u:hunter2@db/shop"]).unwrap_err();
    assert!(!told.contains("hunter2"), "{told}");

    let url = "postgres://u:hun@ter2@db:5432/shop?password=hunter2";
    let cli = parse(&["--database-url", url]).unwrap();
    assert_eq!(cli.config.shown_database(), "postgres://db:5432/shop");
    assert!(!format!("{cli:?}").contains("hun"));
}

#[test]
fn times_have_units() {
    assert_eq!(time("250ms"), Ok(Duration::from_millis(250)));
    assert_eq!(time("10m"), Ok(Duration::from_mins(10)));
    assert_eq!(time("0s"), Ok(Duration::ZERO));
    assert_eq!(time("24h"), Ok(DAY));
}
