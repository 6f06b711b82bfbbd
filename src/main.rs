//! The `pipe` command.

fn main() -> std::process::ExitCode {
    pipe_runner::cli::main()
}
