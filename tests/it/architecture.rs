//! Enforces the dependency rule that `src/lib.rs` draws, by reading the source.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Each module with the modules of this crate that it may name, besides itself.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("store", &["domain"]),
    ("outbound", &["domain", "telemetry"]),
    ("redis_link", &[]),
    ("publish", &["redis_link"]),
    ("limits", &["domain", "redis_link"]),
    ("quotes", &["domain", "outbound", "redis_link"]),
    ("tax", &["domain", "outbound"]),
    ("catalog", &["domain", "outbound", "store"]),
    ("auth", &["domain", "outbound"]),
    ("telemetry", &[]),
    ("serve", &["domain"]),
    (
        "flow",
        &[
            "auth",
            "catalog",
            "domain",
            "limits",
            "publish",
            "quotes",
            "redis_link",
            "store",
            "tax",
            "telemetry",
        ],
    ),
    (
        "rpc",
        &[
            "auth",
            "catalog",
            "domain",
            "flow",
            "limits",
            "outbound",
            "publish",
            "serve",
            "telemetry",
        ],
    ),
    (
        "config",
        &["auth", "domain", "limits", "publish", "serve", "telemetry"],
    ),
    (
        "app",
        &[
            "auth",
            "catalog",
            "config",
            "domain",
            "flow",
            "limits",
            "publish",
            "quotes",
            "redis_link",
            "rpc",
            "serve",
            "store",
            "telemetry",
        ],
    ),
    ("demo", &["app", "config", "rpc"]),
    ("healthcheck", &["config", "serve"]),
];

/// Crates that only these modules may name.
const HOMES: &[(&str, &[&str])] = &[
    ("sea_orm", &["store"]),
    ("sea_orm_migration", &["store"]),
    ("redis", &["redis_link"]),
    ("reqwest", &["auth", "outbound", "quotes"]),
    ("jsonwebtoken", &["auth"]),
    ("hyper", &["serve"]),
    ("hyper_util", &["serve"]),
    ("tokio_rustls", &["serve"]),
    ("webpki", &["serve"]),
    ("tower_resilience_circuitbreaker", &["outbound"]),
];

/// All that the pure domain may name from outside this crate.
const DOMAIN_CRATES: &[&str] = &[
    "std",
    "chrono",
    "chrono_tz",
    "iso_currency",
    "serde",
    "sha2",
    "subtle",
    "thiserror",
    "uuid",
];

fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// Every source file with the module it belongs to and its text without comments.
fn sources() -> Vec<(String, PathBuf, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources = Vec::new();
    for path in rust_files(&src) {
        let inside = path.strip_prefix(&src).unwrap();
        let first = inside.iter().next().unwrap().to_str().unwrap();
        let module = first.trim_end_matches(".rs").to_owned();
        let text = fs::read_to_string(&path).unwrap();
        let code: Vec<_> = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect();
        sources.push((module, path.clone(), code.join("\n")));
    }
    sources
}

/// The identifiers that follow `prefix` in the text, also those of `prefix{a, b}`.
fn names_after(text: &str, prefix: &str) -> BTreeSet<String> {
    let identifier = |text: &str| -> String {
        text.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    let mut names = BTreeSet::new();
    for (at, _) in text.match_indices(prefix) {
        let rest = &text[at + prefix.len()..];
        if let Some(group) = rest.strip_prefix('{') {
            // The first name of each entry at the top level of the group.
            let mut depth = 0;
            let mut start = true;
            for (index, character) in group.char_indices() {
                match character {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => start = true,
                    c if start && (c.is_alphanumeric() || c == '_') => {
                        names.insert(identifier(&group[index..]));
                        start = false;
                    }
                    _ => {}
                }
            }
        } else {
            names.insert(identifier(rest));
        }
    }
    names
}

#[test]
fn data_flows_one_way() {
    let mut wrong = Vec::new();
    for (module, path, text) in sources() {
        if module == "main" || module == "lib" {
            continue;
        }
        let (_, allowed) = MAY_NAME
            .iter()
            .find(|(name, _)| *name == module)
            .unwrap_or_else(|| panic!("{module} has no row in MAY_NAME: say what it may name"));
        for named in names_after(&text, "crate::") {
            if named != module && !allowed.contains(&named.as_str()) {
                wrong.push(format!("{}: {module} names {named}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_domain_is_pure() {
    for (module, path, text) in sources()
        .into_iter()
        .filter(|(module, _, _)| module == "domain")
    {
        for line in text
            .lines()
            .filter(|line| line.trim_start().starts_with("use "))
        {
            let named = line.trim_start().trim_start_matches("use ");
            let first = named.split([':', ';', ' ']).next().unwrap();
            let inside = ["crate", "super", "self"].contains(&first);
            assert!(
                inside || DOMAIN_CRATES.contains(&first),
                "{}: {module} names the crate {first}",
                path.display()
            );
        }
        for word in [
            "tokio::",
            "tonic::",
            "tracing::",
            "sea_orm::",
            "redis::",
            "async fn",
            ".await",
        ] {
            assert!(!text.contains(word), "{} has {word}", path.display());
        }
    }
}

#[test]
fn database_and_cache_stay_in_their_homes() {
    for (module, path, text) in sources() {
        for (name, homes) in HOMES {
            let named = text.contains(&format!("{name}::"));
            assert!(
                !named || homes.contains(&module.as_str()),
                "{}: {module} names {name}",
                path.display()
            );
        }
        // Generated messages stay in rpc; the demo is a client like any other.
        let proto = text.contains("pb::");
        assert!(
            !proto || ["rpc", "demo"].contains(&module.as_str()),
            "{} names pb",
            path.display()
        );
    }
}

#[test]
fn the_reader_of_use_lines_sees_what_it_should() {
    let text = "use crate::{\n  domain::{a, b},\n  store,\n};\nuse crate::flow::x;";
    let names = names_after(text, "crate::");
    assert_eq!(
        names.into_iter().collect::<Vec<_>>(),
        ["domain", "flow", "store"]
    );
}
