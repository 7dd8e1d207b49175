//! Compiles the protos without protoc, and keeps their descriptors for reflection and `import`.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;
use prost_types::FileDescriptorSet;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = compile("proto/cartwright/v1")?;
    #[expect(
        clippy::disallowed_methods,
        reason = "cargo tells a build script by variables"
    )]
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .build_transport(false)
        // In one order, so that a repeated request is the same to the byte.
        .btree_map(".")
        .compile_fds(descriptors)?;
    // What others serve is only called, and no part of our reflection.
    tonic_prost_build::configure()
        .build_transport(false)
        .build_server(false)
        .compile_fds(compile("proto/cartwright/provider/v1")?)?;
    Ok(())
}

/// Compiles the protos of a folder.
fn compile(folder: &str) -> Result<FileDescriptorSet, Box<dyn Error>> {
    let mut protos = Vec::new();
    for entry in fs::read_dir(folder)? {
        protos.push(entry?.path());
    }
    protos.sort();
    Ok(protox::compile(&protos, ["proto"])?)
}
