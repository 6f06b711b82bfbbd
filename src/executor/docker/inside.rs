//! A look at a container's processes from inside, by its own shell: for an engine whose processes this machine does not
//! see, or may not signal. It needs nothing but the shell.

use rustix::process::Signal;

/// Finds the processes of an attempt and sends them signals. Says `own UID`, `found COUNT`, and `hidden UID` of each
/// process that it cannot look into.
///
/// A process is one of the attempt's if the mark is in its environment, if it has a named pipe of the attempt open, if
/// it is in the session of the attempt's first process, or if it descends from one of these. A session may be
/// another's by now: then its first process lives and has no mark. Processes of a run within this one have a mark of
/// their own, and only KILL is for them.
const LOOK: &str = r#"
mark=$1 folder=$2 signals=$3; shift 3; pipes="$*"
session=; { read -r session <"$folder/session"; } 2>/dev/null
all= own=' ' inner=' ' hidden= members= stranger=
uid() { while read -r key id rest; do [ "$key" = Uid: ] && echo "$1 $id"; done; }
uid own </proc/$$/status
for process in /proc/[0-9]*; do
  process=${process#/proc/}
  [ "$process" = $$ ] && continue
  stat=; { while IFS= read -r line; do stat="$stat $line"; done <"/proc/$process/stat"; } 2>/dev/null
  [ -n "$stat" ] || continue
  set -- ${stat##*) }
  [ "$1" = Z ] || [ "$1" = X ] && continue
  all="$all $process:$2"
  is= other=
  if { true <"/proc/$process/environ"; } 2>/dev/null; then
    { while IFS= read -r line || [ -n "$line" ]; do
      case $line in *"$mark"*) is=1;; *PIPE_OUTPUT=*) other=1;; esac
    done <"/proc/$process/environ"; } 2>/dev/null
  else
    hidden="$hidden $process"
  fi
  for pipe in $pipes; do
    for open in /proc/"$process"/fd/*; do [ "$open" -ef "$folder/$pipe" ] && is=1; done
  done 2>/dev/null
  [ -n "$is" ] && own="$own$process "
  [ -z "$is" ] && [ -n "$other" ] && inner="$inner$process "
  if [ -n "$session" ] && [ "$4" = "$session" ]; then
    members="$members $process"
    [ "$process" = "$session" ] && [ -z "$is" ] && stranger=1
  fi
done
[ -z "$stranger" ] && for process in $members; do
  case $own in *" $process "*) ;; *) own="$own$process ";; esac
done
more=1
while [ -n "$more" ]; do
  more=
  for pair in $all; do
    process=${pair%:*}
    case $own in *" $process "*) continue;; esac
    case $own in *" ${pair#*:} "*) own="$own$process "; more=1;; esac
  done
done
found=0
for process in $own; do
  found=$((found + 1))
  for signal in $signals; do
    case $inner in *" $process "*) [ "$signal" = KILL ] || continue;; esac
    kill -s "$signal" "$process" 2>/dev/null
  done
done
echo "found $found"
for process in $hidden; do
  case $own in *" $process "*) ;; *) uid hidden <"/proc/$process/status";; esac
done 2>/dev/null
"#;

/// What a look is for.
pub(super) struct Look<'a> {
    /// The entry of the environment, `NAME=VALUE`. No other attempt's begins with it.
    pub(super) mark: &'a str,
    /// Where the container sees the folder of the attempt.
    pub(super) folder: &'a str,
    /// The named pipes in it.
    pub(super) pipes: &'a [String],
    /// What is sent.
    pub(super) signals: &'a [Signal],
}

impl Look<'_> {
    /// The words of the program.
    pub(super) fn words(&self) -> Vec<String> {
        let signals: Vec<&str> = self.signals.iter().map(|signal| name(*signal)).collect();
        let signals = signals.join(" ");
        let own = ["sh", "-c", LOOK, "pipe", self.mark, self.folder, &signals].map(str::to_owned);
        own.into_iter().chain(self.pipes.iter().cloned()).collect()
    }
}

fn name(signal: Signal) -> &'static str {
    match signal {
        Signal::CONT => "CONT",
        Signal::KILL => "KILL",
        Signal::PIPE => "PIPE",
        _ => "TERM",
    }
}

/// What a look has found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    /// The number of the user that it ran as.
    pub(super) own: String,
    /// How many processes belong to the attempt.
    pub(super) found: usize,
    /// The users of processes that it could not look into.
    pub(super) hidden: Vec<String>,
}

impl Answer {
    pub(super) fn of(said: &str) -> Self {
        let mut answer = Self::default();
        for (key, value) in said.lines().filter_map(|line| line.split_once(' ')) {
            match key {
                "own" => value.clone_into(&mut answer.own),
                "found" => answer.found = value.parse().unwrap_or_default(),
                "hidden" => answer.hidden.push(value.to_owned()),
                _ => {}
            }
        }
        answer.hidden.sort_unstable();
        answer.hidden.dedup();
        answer
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::os::unix::process::CommandExt as _;
    use std::process::{Child, Command};

    use super::*;

    const SHELLS: [&[&str]; 3] = [&["bash"], &["dash"], &["busybox", "sh"]];

    fn looked(shell: &[&str], look: &Look<'_>) -> Answer {
        let words = look.words();
        let output = Command::new(shell[0])
            .args(&shell[1..])
            .args(&words[1..])
            .env_remove("PIPE_OUTPUT")
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{shell:?}");
        Answer::of(&String::from_utf8(output.stdout).unwrap())
    }

    /// A process with a mark, and a child without one, in a group of its own.
    fn marked(value: &str) -> Child {
        let script = "env -i sleep 1000 & echo; wait";
        let mut command = Command::new("sh");
        command.args(["-c", script]).env("PIPE_OUTPUT", value).env("ODD", "two\nlines").process_group(0);
        let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut [0]).unwrap();
        child
    }

    #[test]
    fn the_processes_of_one_attempt_are_found_and_killed_and_no_other() {
        for shell in SHELLS {
            let own = format!("/run/{}-{}-output", shell[0], std::process::id());
            let (mut child, mut other) = (marked(&own), marked(&format!("{own}0")));
            let mark = format!("PIPE_OUTPUT={own}");
            let look = |mark: &str, signals: &[Signal]| {
                looked(shell, &Look { mark, folder: "/nowhere", pipes: &[], signals })
            };
            let mark_of_other = format!("{mark}0");
            // What begins in the same way is another's only if nothing follows: so attempts are named.
            assert_eq!(look(&mark_of_other, &[]).found, 2, "{shell:?}");
            assert_eq!(look(&mark_of_other, &[Signal::TERM, Signal::CONT]).found, 2, "{shell:?}");
            other.wait().unwrap();
            assert_eq!(look(&mark_of_other, &[]).found, 0, "{shell:?}");
            assert_eq!(look(&mark, &[]).found, 2, "{shell:?}: the neighbour lives");
            look(&mark, &[Signal::KILL]);
            child.wait().unwrap();
            assert_eq!(look(&mark, &[]).found, 0, "{shell:?}");
        }
    }

    #[test]
    fn a_process_is_known_by_a_named_pipe_and_by_its_session() {
        for shell in SHELLS {
            let folder = tempfile::tempdir().unwrap();
            let there = folder.path().to_str().unwrap();
            let made = Command::new("mkfifo").arg(folder.path().join("in0")).status().unwrap();
            assert!(made.success());
            let script = format!("exec <>{there}/in0; echo; read -r x");
            let mut reader = Command::new("env")
                .args(["-i", "sh", "-c", &script])
                .stdout(std::process::Stdio::piped())
                .spawn()
                .unwrap();
            std::io::Read::read_exact(reader.stdout.as_mut().unwrap(), &mut [0]).unwrap();
            let mut leader = Command::new("setsid").args(["env", "-i", "sleep", "1000"]).spawn().unwrap();
            let look = |pipes: &[String]| {
                let look = Look { mark: "PIPE_OUTPUT=/none", folder: there, pipes, signals: &[Signal::KILL] };
                looked(shell, &look)
            };
            assert_eq!(look(&[]).found, 0);
            assert_eq!(look(&["in0".to_owned()]).found, 1, "{shell:?}: by its pipe");
            reader.wait().unwrap();
            std::fs::write(folder.path().join("session"), format!("{}\n", leader.id())).unwrap();
            // Its first process lives and has no mark: the session is another's by now.
            assert_eq!(look(&[]).found, 0, "{shell:?}");
            leader.kill().unwrap();
            leader.wait().unwrap();
        }
    }

    #[test]
    fn an_answer_is_read() {
        let answer = Answer::of("own 0\nfound 3\nhidden 7\nhidden 5\nhidden 7\nnoise\n");
        let hidden = vec!["5".to_owned(), "7".to_owned()];
        assert_eq!(answer, Answer { own: "0".into(), found: 3, hidden });
    }
}
