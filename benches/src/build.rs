//! Tells the benches what they are compiled with: the compiler, the target, and the peers'
//! versions.

use std::env;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Command;

fn main() -> Result<(), Box<dyn Error>> {
    let compiler = env::var_os("RUSTC").ok_or("Cargo says which compiler it uses in RUSTC")?;
    let version = Command::new(compiler).arg("--version").output()?.stdout;
    let version = String::from_utf8(version)?;
    println!("cargo::rustc-env=BENCH_RUSTC={}", version.trim());
    let target = env::var("TARGET")?;
    println!("cargo::rustc-env=BENCH_TARGET={target}");

    let package = env::var_os("CARGO_MANIFEST_DIR").ok_or("Cargo says where the package is")?;
    let lock = Path::new(&package).join("../Cargo.lock");
    println!("cargo::rerun-if-changed={}", lock.display());
    println!("cargo::rerun-if-changed=src/build.rs");
    let lock = fs::read_to_string(lock)?;
    for peer in ["may", "tokio"] {
        let version = version_in(&lock, peer).ok_or("every peer is in Cargo.lock")?;
        println!("cargo::rustc-env=BENCH_{}={version}", peer.to_uppercase());
    }
    Ok(())
}

/// The version of a package in the text of a `Cargo.lock`.
fn version_in<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let (_, rest) = lock.split_once(&format!("name = \"{package}\"\nversion = \""))?;
    rest.split('"').next()
}
