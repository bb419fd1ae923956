//! The documentation lists what the shim overrides, item by item. Whoever relies on it reads there what parks, and that
//! everything else is std's: so the list is the code's.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Names by module.
type List = BTreeMap<String, BTreeSet<String>>;

#[test]
fn the_list_is_what_the_code_overrides() {
    assert_eq!(documented(), overridden());
}

/// Of the rows ``| `module` | `name`, `name` and more words |`` under the heading.
fn documented() -> List {
    let text = source("lib.rs");
    let (_, section) = text
        .split_once("//! # What is overridden\n")
        .expect("the section is there");
    let (section, _) = section.split_once("//! # ").expect("another one follows");
    let rows = section.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("//! | ")?.split(" | ");
        Some((cells.next()?, cells.next()?))
    });
    rows.filter(|(module, _)| *module != "module")
        .map(|(module, names)| {
            // Every other piece stands between two backticks.
            let names = names.split('`').skip(1).step_by(2);
            let names = names.map(|name| name.trim_end_matches('!').to_owned());
            (module.trim_matches('`').to_owned(), names.collect())
        })
        .collect()
}

/// Of every `pub use standin::..;` outside of the preludes, which repeat the macros.
fn overridden() -> List {
    let mut list = List::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for file in fs::read_dir(folder).expect("the sources are there") {
        let name = file.expect("a name").file_name();
        let name = name.to_str().expect("text");
        if name == "prelude.rs" {
            continue;
        }
        let text = source(name);
        for (start, _) in text.match_indices("pub use standin::") {
            let path = &text[start + "pub use standin::".len()..];
            let (path, _) = path.split_once(';').expect("a statement has an end");
            let path: String = path.split_whitespace().collect();
            let (module, names) = match path.split_once('{') {
                Some((module, names)) => (module, names.trim_end_matches('}')),
                None => path.split_at(path.rfind("::").expect("in a module") + 2),
            };
            let module = match module.trim_end_matches("::") {
                "" => "macros",
                module => module,
            };
            let names = names.split(',').filter(|name| !name.is_empty());
            let of_module = list.entry(module.to_owned()).or_default();
            of_module.extend(names.map(str::to_owned));
        }
    }
    list
}

fn source(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
