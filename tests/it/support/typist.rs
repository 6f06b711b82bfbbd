//! Typing at a terminal.

use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};

use super::Place;

/// A command on a terminal of its own (`script`), and all that the terminal has shown so far.
pub struct Typist {
    child: Child,
    shown: String,
}

impl Typist {
    /// Runs a line of a shell, in which `PIPE` stands for the program.
    pub fn of(place: &Place, shell: &str) -> Self {
        let pipe = place.command(&[]).get_program().to_str().unwrap().to_owned();
        let mut command = Command::new("script");
        command
            .args(["-qec", &shell.replace("PIPE ", &format!("{pipe} ")), "/dev/null"])
            .current_dir(place.path());
        for name in ["CI", "TOKEN"] {
            command.env_remove(name);
        }
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        Self { child, shown: String::new() }
    }

    /// Waits until the terminal shows a text, then types another.
    #[track_caller]
    pub fn asked(&mut self, text: &str, answer: &str) -> &mut Self {
        let mut byte = [0];
        while !self.shown.ends_with(text) {
            let read = self.child.stdout.as_mut().unwrap().read(&mut byte).unwrap();
            assert!(read > 0, "`{text}` was not asked:\n{}", self.shown);
            self.shown.push(char::from(byte[0]));
        }
        self.child.stdin.as_mut().unwrap().write_all(answer.as_bytes()).unwrap();
        self
    }

    /// Waits for the end; gives all that was shown.
    pub fn end(mut self) -> (Option<i32>, String) {
        let mut rest = Vec::new();
        self.child.stdout.take().unwrap().read_to_end(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), self.shown + &String::from_utf8_lossy(&rest))
    }
}
