//! Compiles the protos without protoc, and keeps their descriptors for reflection and `import`.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let mut protos = Vec::new();
    for entry in fs::read_dir("proto/cartwright/v1")? {
        protos.push(entry?.path());
    }
    protos.sort();
    let descriptors = protox::compile(&protos, ["proto"])?;
    #[expect(
        clippy::disallowed_methods,
        reason = "cargo tells a build script by variables"
    )]
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .build_transport(false)
        .compile_fds(descriptors)?;
    Ok(())
}
