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
        (
            "--drain-wait=5",
            "CARTWRIGHT_DRAIN_WAIT",
            "ms, s, m, h or d",
        ),
        (
            "--drain-wait=-5s",
            "CARTWRIGHT_DRAIN_WAIT",
            "ms, s, m, h or d",
        ),
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

#[test]
fn what_others_can_reach_is_open_or_plaintext_only_when_that_is_said() {
    let check = |listen: &str, arguments: &[&str]| {
        let connections = parse(arguments).unwrap().config.connections;
        let listen = listen.parse().unwrap();
        connections
            .check_exposure(listen)
            .map_err(|exposed| exposed.to_string())
    };
    for local in [
        "127.0.0.1:1",
        "127.8.8.8:1",
        "[::1]:1",
        "[::ffff:127.0.0.1]:1",
    ] {
        assert_eq!(check(local, &[]), Ok(()), "{local}");
    }
    let tls = ["--tls-certificate=c", "--tls-key=k"];
    for open in ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "[2001:db8::1]:1"] {
        let refused = check(open, &tls).unwrap_err();
        assert!(refused.contains("--authentication required"), "{refused}");
        let refused = check(open, &["--authentication=required"]).unwrap_err();
        assert!(refused.contains("--tls-certificate"), "{refused}");
        assert_eq!(
            check(open, &["--authentication=off", "--plaintext"]),
            Ok(())
        );
        let safe = ["--authentication=required", tls[0], tls[1]];
        assert_eq!(check(open, &safe), Ok(()));
    }
}

#[test]
fn tls_is_set_up_by_all_that_belongs_to_it() {
    for (arguments, missing) in [
        (&["--tls-certificate=c"][..], "--tls-key"),
        (&["--tls-key=k"], "--tls-certificate"),
        (&["--tls-client-ca=a"], "--tls-certificate"),
        (
            &[
                "--tls-certificate=c",
                "--tls-key=k",
                "--tls-client-identities=i",
            ],
            "--tls-client-ca",
        ),
    ] {
        let told = parse(arguments).unwrap_err();
        assert!(told.contains(missing), "{told}");
    }
    let both = ["--tls-certificate=c", "--tls-key=k", "--plaintext"];
    assert!(parse(&both).is_err());
    assert!(parse(&[]).unwrap().config.connections.tls_files().is_none());
    assert!(
        parse(&both[..2])
            .unwrap()
            .config
            .connections
            .tls_files()
            .is_some()
    );
}
