# Everything that a contributor runs. `just` alone lists it.

set shell := ["bash", "-euo", "pipefail", "-c"]

[private]
default:
    @just --list --unsorted

# The tests, as the README says them.
test *arguments:
    cargo test --workspace --all-features {{arguments}}

# The tests for every set of features that a user may choose.
test-features:
    cargo test --package standin
    cargo test --package standin --features green
    cargo test --package standin --features threads

# The tests with a move to another OS thread wherever one is possible.
test-hop *arguments:
    STANDIN_TEST=hop cargo test --workspace --all-features {{arguments}}

# The tests with a monitor that takes processors from threads at any moment.
test-hasty *arguments:
    STANDIN_TEST=hasty cargo test --workspace --all-features {{arguments}}

# The tests with stack guards by mprotect, as on kernels without lightweight guards.
test-mprotect *arguments:
    STANDIN_TEST=mprotect cargo test --workspace --all-features {{arguments}}

# The tests of stacks and engines with the switch of stacks that other processors than x86-64 have.
test-portable *arguments:
    RUSTFLAGS="--cfg standin_portable_switch" CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/portable" \
        cargo test --package standin --features green,async,threads --lib --test contract --test relay {{arguments}}

# Format and lints, for every set of features; warnings are errors.
lint:
    cargo fmt --all --check
    for features in "" green threads green,threads; do \
        cargo clippy --workspace --exclude standin-benches --all-targets --features "$features" -- -D warnings; \
    done
    cargo clippy --workspace --all-targets --all-features -- -D warnings

# Formats the code.
format:
    cargo fmt --all
    rustfmt --edition 2024 examples/migrate/program.rs

# Builds the documentation, with warnings as errors.
doc *arguments:
    RUSTDOCFLAGS="-Dwarnings" cargo doc --workspace --no-deps --all-features {{arguments}}

# Every interleaving of the models (wait queue, scheduler), in an own folder of builds.
model *arguments:
    RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/loom" \
        cargo test --package standin-core --features _models --release --test 'model*' {{arguments}}

# Every example at a small size, on every engine.
examples:
    bash .ci/examples

# Ten thousand pages at once, on every engine: `just fetch --help` says what else it can.
fetch *arguments:
    cargo run --release --features green,threads --example fetch -- {{arguments}}

# The benchmarks against tokio, may and OS threads.
bench *arguments:
    cargo bench --package standin-benches {{arguments}}

# The figures and plots of the README: half an hour of a machine that should have nothing else to do.
numbers:
    for set in "" --large --scaling; do \
        cargo bench --package standin-benches --bench compare -- $set --svg benches/plots --readme README.md; \
    done

# Instructions that the usual operations take, counted by callgrind and compared with benches/instructions.md.
instructions:
    .ci/instructions

# Takes what is counted now as what is expected.
bless-instructions:
    .ci/instructions --bless

# Pinned green threads under AddressSanitizer.
sanitize:
    .ci/sanitize

# Random users on every engine for so many minutes in all, with seeds that were not tried before, and a summary
# of what they did; a failing run prints its seed, which STANDIN_SOAK_SEED repeats.
soak minutes="60":
    STANDIN_SOAK="$(( ({{minutes}} + 5) / 6 ))" STANDIN_SOAK_SEED="${STANDIN_SOAK_SEED:-$(date +%s)}" \
        cargo test --all-features --test soak -- --nocapture --test-threads=1

# Plants faults in the real code, and shows that the equivalence suite finds each.
faults *names:
    tests/faults/run {{names}}

# The archives that would be published, each compiled against those of the others. Published in this order:
# standin-core, standin, standin-std.
package *arguments:
    cargo package --workspace --exclude standin-benches --all-features {{arguments}}

# Licences and sources of the dependencies; needs cargo-deny.
deny:
    cargo deny --all-features check bans licenses sources

# What must hold before a change lands.
ci:
    bash .ci/run
