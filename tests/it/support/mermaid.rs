//! The real Mermaid, which `tests/run` installs.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Draws a text with Mermaid; what it says where it cannot.
pub fn draw(text: &str) -> Result<String, String> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-tools/bin/mermaidx");
    let mut child = Command::new(&program)
        .args(["--quiet", "--input", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{}, which `tests/run` installs: {error}", program.display()));
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    match output.status.success() {
        true => Ok(String::from_utf8(output.stdout).unwrap()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}
