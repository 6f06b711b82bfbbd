//! What fuzzing found interesting, once more: nothing panics. `fuzz/` has the targets, CONTRIBUTING.md says
//! how to look for more.

#[path = "../../../fuzz/src/lib.rs"]
mod targets;

use std::fs;
use std::path::Path;

fn replay(name: &str, target: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let data = fs::read(&path).unwrap();
        std::panic::catch_unwind(|| target(&data)).unwrap_or_else(|_| panic!("{} panics", path.display()));
        count += 1;
    }
    assert!(count > 50, "only {count} inputs for {name}");
}

#[test]
fn yaml() {
    replay("yaml", targets::yaml);
}

#[test]
fn template() {
    replay("template", targets::template);
}

#[test]
fn shell() {
    replay("shell", targets::shell);
}
