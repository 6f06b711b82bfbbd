//! What the kernel takes as the arguments and the environment of a program: execve(2), "Limits on size of
//! arguments and environment".

use super::StartError;

/// The most of one argument or variable, in bytes with the NUL behind it: `MAX_ARG_STRLEN`.
pub(super) const ONE: usize = 128 << 10;
/// The most of all together, where the stack may grow to 8 MiB, as in a container: a quarter of that.
const ALL: usize = 2 << 20;
/// What each costs beside its bytes: the NUL behind it, and a pointer.
const EACH: usize = 1 + size_of::<usize>();

/// The error of a step whose arguments and environment are too long.
pub(super) fn too_long() -> StartError {
    StartError::Step(
        "its script and environment are longer than the system allows (128 KiB for one of them, 2 MiB for all): keep what is \
         large in a file, or read it from a stream"
            .into(),
    )
}

/// Refuses arguments and variables (`NAME=value`) that a container's program could not be started with. An
/// engine would say so in the words of its init, as the output of the step.
pub(super) fn check(arguments: &[String], env: &[String]) -> Result<(), StartError> {
    if let Some(variable) = env.iter().find(|variable| variable.len() >= ONE) {
        let name = variable.split('=').next().unwrap_or_default();
        return Err(StartError::Step(format!(
            "the value of its variable {name} is longer than the system allows (128 KiB): keep it in a file, or read it from \
             a stream"
        )));
    }
    let all: usize = arguments.iter().chain(env).map(|text| text.len() + EACH).sum();
    match all > ALL || arguments.iter().any(|argument| argument.len() >= ONE) {
        true => Err(too_long()),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(arguments: &[String], env: &[String]) -> String {
        check(arguments, env).unwrap_err().to_string()
    }

    #[test]
    fn one_may_be_as_long_as_the_kernel_takes_it() {
        let [fits, long] = [ONE - 1, ONE].map(|length| "x".repeat(length));
        let variable = |length: usize| format!("BIG={}", "x".repeat(length - 4));
        assert!(check(&[fits], &[variable(ONE - 1)]).is_ok());
        assert!(refused(&[long], &[]).contains("longer than the system allows (128 KiB"));
        assert!(refused(&[], &[variable(ONE)]).contains("variable BIG is longer than the system allows"));
    }

    #[test]
    fn all_together_have_a_limit_too() {
        let many = |count: usize| vec!["x".repeat(ONE - EACH); count];
        assert!(check(&many(16), &[]).is_ok());
        assert!(refused(&many(16), &["A=b".to_owned()]).contains("2 MiB for all"));
    }

    #[test]
    fn the_kernel_draws_the_same_line() {
        let start = |length: usize| std::process::Command::new("true").arg("x".repeat(length)).status();
        assert!(start(ONE - 1).is_ok_and(|status| status.success()));
        assert_eq!(start(ONE).unwrap_err().kind(), std::io::ErrorKind::ArgumentListTooLong);
    }
}
