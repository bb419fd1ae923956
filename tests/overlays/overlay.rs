//! Overlays: copies of published crates in the build folder with one line more in their manifests, and a copy of the programs'
//! workspace that is patched with them.
//!
//! What standin itself depends on cannot be patched, or it would depend on itself. One such crate is `socket2`: tokio needs
//! it, and `redis` hands it the sockets of its `std`. So its copy is a crate beside the registry's, which the copies that need
//! it name by its path.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The crates that block, each used by a program.
const BLOCKING: [&str; 4] = ["redis", "tiny_http", "tungstenite", "ureq"];
/// A crate that does not, and is below what standin is tested with: that alone must not make it one of standin's own.
const BESIDE: &str = "log";
/// Crates below standin to which one of the above hands a socket.
const BY_PATH: [&str; 1] = ["socket2"];
/// How the programs' manifests say where the shim is.
const SHIM: &str = "../../../shims/std";
/// What Cargo says if it cannot reach the registry.
const OUT_OF_REACH: [&str; 4] = [
    "failed to download",
    "download of ",
    "Unable to update registry",
    "you're using offline mode",
];

/// The patched workspace of the programs, in the build folder.
pub(crate) struct Workspace {
    folder: PathBuf,
    build: PathBuf,
    overlays: Vec<Overlay>,
}

/// One version of a crate.
struct Overlay {
    name: String,
    version: String,
    source: PathBuf,
    folder: PathBuf,
}

impl Workspace {
    /// Makes the overlays, of the versions in the programs' lock file.
    ///
    /// # Errors
    ///
    /// What Cargo said, if the crates are not here and the registry is out of reach.
    pub(crate) fn new() -> Result<Self, String> {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
        let programs = repository.join("tests/overlays");
        let build = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("tests-overlays");
        let shim = text(&repository.join("shims/std"));

        fetch(&programs)?;
        let overlays = overlays(&programs, &build);
        for overlay in &overlays {
            copy(&overlay.source, &overlay.folder, &|manifest| {
                add_line(&manifest, &shim, &overlays)
            });
        }
        let mut patch = String::from("\n[patch.crates-io]\n");
        for overlay in overlays.iter().filter(|overlay| overlay.is_patched()) {
            let (name, folder) = (&overlay.name, text(&overlay.folder));
            // The version in the key: there may be several.
            let version = overlay.version.replace(['.', '+'], "-");
            patch += &format!("{name}-{version} = {{ package = {name:?}, path = {folder:?} }}\n");
        }
        let folder = build.join("workspace");
        copy(&programs, &folder, &|manifest| {
            let patch = match manifest.contains("[workspace]") {
                true => &*patch,
                false => "",
            };
            manifest.replace(SHIM, &shim) + patch
        });
        Ok(Self {
            folder,
            build,
            overlays,
        })
    }

    /// Builds the programs, with the engine if there is one; returns the folder that they are in.
    pub(crate) fn build(&self, engine: Option<&str>) -> PathBuf {
        // Patching rewrites the lock file, so it is begun anew. The other versions in it have to stay.
        let locked = self.lock_file();
        let mut cargo = cargo(&self.folder);
        cargo.args(["build", "--offline", "--workspace", "--verbose"]);
        if let Some(engine) = engine {
            cargo.args(["--features", engine]);
        }
        // To Cargo a crate in a folder is one's own, with all its lints.
        let flags = std::env::var("RUSTFLAGS").unwrap_or_default() + " --cap-lints=allow";
        let target = self.build.join("target");
        cargo
            .env("RUSTFLAGS", flags)
            .env("CARGO_TARGET_DIR", &target)
            .env_remove("CARGO_BUILD_TARGET")
            .env_remove("CARGO_ENCODED_RUSTFLAGS");
        let said = said(&mut cargo);
        for overlay in &self.overlays {
            overlay.assert_used(&said);
        }
        assert_eq!(
            packages(&locked),
            packages(&self.lock_file()),
            "the versions are those of tests/overlays/Cargo.lock"
        );

        let programs = self.build.join(engine.unwrap_or("none"));
        for name in BLOCKING {
            let program = format!("with-{}", name.replace('_', "-"));
            fs::create_dir_all(&programs).expect("the build folder can be written to");
            fs::copy(target.join("debug").join(&program), programs.join(&program))
                .unwrap_or_else(|error| panic!("cannot copy {program}: {error}"));
        }
        programs
    }

    fn lock_file(&self) -> String {
        read(&self.folder.join("Cargo.lock"))
    }
}

impl Overlay {
    fn is_patched(&self) -> bool {
        is_patched(&self.name)
    }

    /// By what a build said of each crate.
    fn assert_used(&self, said: &str) {
        let crate_name = format!("{} v{}", self.name, self.version);
        let built = |line: &str| {
            let words = line.trim_start().split_once(' ');
            words.is_some_and(|(verb, rest)| {
                ["Compiling", "Fresh"].contains(&verb) && rest.starts_with(&crate_name)
            })
        };
        let copy = format!("{crate_name} ({})", text(&self.folder));
        let built: Vec<&str> = said.lines().filter(|line| built(line)).collect();
        assert!(
            built.iter().any(|line| line.contains(&copy))
                && (!self.is_patched() || built.iter().all(|line| line.contains(&copy))),
            "the copy of {crate_name} was not used, but {built:?}"
        );
    }
}

fn is_patched(name: &str) -> bool {
    name == BESIDE || BLOCKING.contains(&name)
}

/// Sees to it that the crates in the lock file are here, for this platform.
fn fetch(programs: &Path) -> Result<(), String> {
    let mut cargo = cargo(programs);
    cargo.args(["fetch", "--locked", "--target", &host()]);
    let output = run(&mut cargo);
    let errors = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        return Ok(());
    }
    assert!(
        OUT_OF_REACH.iter().any(|words| errors.contains(words)),
        "{cargo:?} failed (if the lock file is out of date: `cargo update --workspace` in {}):\n{errors}",
        programs.display()
    );
    Err(errors.into_owned())
}

/// The crates to overlay that the programs depend on, where Cargo has their sources.
fn overlays(programs: &Path, build: &Path) -> Vec<Overlay> {
    let mut cargo = cargo(programs);
    cargo.args(["metadata", "--locked", "--offline", "--format-version", "1"]);
    cargo.args(["--filter-platform", &host()]);
    let output = run(&mut cargo);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{cargo:?} failed:\n{errors}");
    let metadata = String::from_utf8(output.stdout).expect("Cargo prints text");

    let mut overlays = Vec::new();
    for field in metadata.split(r#""manifest_path":""#).skip(1) {
        let (manifest, _) = field.split_once('"').expect("the string ends");
        assert!(!manifest.contains('\\'), "{manifest:?} is not as it is");
        let source = Path::new(manifest).parent().expect("it is in a folder");
        let folder = source.file_name().and_then(|name| name.to_str());
        let Some((name, version)) = folder.and_then(|folder| folder.rsplit_once('-')) else {
            continue;
        };
        if is_patched(name) || BY_PATH.contains(&name) {
            overlays.push(Overlay {
                name: name.to_owned(),
                version: version.to_owned(),
                source: source.to_owned(),
                folder: build.join(format!("crates/{name}-{version}")),
            });
        }
    }
    for name in BLOCKING.iter().chain([&BESIDE]).chain(&BY_PATH) {
        let versions = overlays.iter().filter(|overlay| overlay.name == *name);
        assert_ne!(versions.count(), 0, "no program depends on {name}");
    }
    overlays
}

/// The manifest of an overlay.
fn add_line(manifest: &str, shim: &str, overlays: &[Overlay]) -> String {
    assert!(
        manifest.contains("THIS FILE IS AUTOMATICALLY GENERATED BY CARGO"),
        "an old manifest needs more than a line: paths, profiles and patches in it have to go:\n{manifest}"
    );
    let mut text = manifest.to_owned();
    for overlay in overlays.iter().filter(|overlay| !overlay.is_patched()) {
        let head = format!("dependencies.{}]\n", overlay.name);
        let path = format!("path = {:?}\n", self::text(&overlay.folder));
        text = text.replace(&head, &(head.clone() + &path));
    }
    // Cargo writes each dependency as a table of its own, so there is none of this name.
    assert!(!manifest.contains("[dependencies]"));
    text + &format!("\n[dependencies]\nstd = {{ package = \"standin-std\", path = {shim:?} }}\n")
}

/// Copies a folder, with `edit` for the manifests in it. What is there and equal stays as it is: Cargo goes by dates.
fn copy(from: &Path, to: &Path, edit: &dyn Fn(String) -> String) {
    let entries = fs::read_dir(from)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", from.display()));
    fs::create_dir_all(to).expect("the build folder can be written to");
    for entry in entries {
        let from = entry.expect("the folder can be read").path();
        let to = to.join(from.file_name().expect("it has a name"));
        if from.is_dir() {
            copy(&from, &to, edit);
            continue;
        }
        let content = match from.ends_with("Cargo.toml") {
            true => edit(read(&from)).into_bytes(),
            false => fs::read(&from).expect("the file can be read"),
        };
        match fs::read(&to) {
            Ok(there) if there == content => (),
            Err(error) if error.kind() != ErrorKind::NotFound => {
                panic!("cannot read {}: {error}", to.display())
            }
            _ => fs::write(&to, content).expect("the build folder can be written to"),
        }
    }
}

/// The names and versions in a lock file.
fn packages(lock_file: &str) -> BTreeSet<(&str, &str)> {
    let packages = lock_file.split("[[package]]").skip(1);
    let field = |package: &str, name: &str| {
        let start = package.find(name).expect("each package has it") + name.len();
        let length = package[start..].find('"').expect("the string ends");
        start..start + length
    };
    packages
        .map(|package| {
            let name = field(package, "name = \"");
            let version = field(package, "version = \"");
            (&package[name], &package[version])
        })
        .collect()
}

/// Cargo, in a folder.
fn cargo(folder: &Path) -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(folder);
    cargo
}

/// The platform that Cargo builds for.
fn host() -> String {
    let version = run(Command::new("rustc").arg("-vV"));
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("the compiler names its host").to_owned()
}

/// What a command that has to succeed said on stderr.
fn said(command: &mut Command) -> String {
    let output = run(command);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command:?} failed:\n{errors}");
    errors
}

fn run(command: &mut Command) -> Output {
    command
        .output()
        .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

fn text(path: &Path) -> String {
    let path = path.to_str();
    path.expect("the paths of the build are text").to_owned()
}
