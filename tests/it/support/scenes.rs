//! What must hold of streams wherever their steps run: played on the host by `streams`, in containers by
//! `containers`.

use super::containers::{IN_CONTAINER, Lane};
use super::{Place, Ran};

/// Where the steps of a scene run.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Keys of a producer, each on a line of its own.
    producer: &'static str,
    /// Keys of a reader.
    reader: &'static str,
    /// Which way containers' bytes go; `None` where there are no containers.
    lane: Option<Lane>,
}

impl Setting {
    pub const HOST: Self = Self { producer: "", reader: "", lane: None };

    pub fn producer_in_container(lane: Lane) -> Self {
        Self { producer: IN_CONTAINER, lane: Some(lane), ..Self::HOST }
    }

    pub fn readers_in_containers(lane: Lane) -> Self {
        Self { reader: IN_CONTAINER, lane: Some(lane), ..Self::HOST }
    }

    pub fn all_in_containers(lane: Lane) -> Self {
        Self { producer: IN_CONTAINER, reader: IN_CONTAINER, lane: Some(lane) }
    }

    pub fn lane(self) -> Option<Lane> {
        self.lane
    }

    #[track_caller]
    fn run(self, place: &Place) -> Ran {
        match self.lane {
            Some(lane) => place.run_on(lane),
            None => place.pipe(&["run"]),
        }
    }

    /// A producer of 10 MiB that then does something, and two readers that make a marker file when they see
    /// end-of-file.
    fn fan(self, then: &str, producer_keys: &str) -> Place {
        let Self { producer, reader, .. } = self;
        Place::with(&format!(
            "
steps:
  - name: produce
    run: |
      head -c 10485760 /dev/zero
      {then}
    output: bytes
{producer}{producer_keys}
  - name: count
    run: wc -c > count; touch count.saw-eof
    input: bytes
{reader}
  - name: sum
    run: sha256sum > sum; touch sum.saw-eof
    input: bytes
{reader}
"
        ))
    }
}

#[track_caller]
fn no_reader_saw_the_end(place: &Place) {
    assert!(!place.has("count.saw-eof") && !place.has("sum.saw-eof"));
}

pub fn a_producer_that_dies_taints_its_readers(at: Setting) {
    // A shell in a container is the child of another process there, which tells its signal as a code.
    let killed = if at.producer.is_empty() { "killed by SIGKILL" } else { "exit code 137" };
    for (then, keys, cause) in [
        ("exit 1", "", "exit code 1"),
        ("kill -KILL $$", "", killed),
        ("sleep 1000", "    timeout: 3s", "timed out"),
    ] {
        let place = at.fan(then, keys);
        let ran = at.run(&place).code(1).says("produce").says(cause);
        no_reader_saw_the_end(&place);
        assert_eq!(
            (place.outcome("count"), place.outcome("sum")),
            ("tainted".into(), "tainted".into()),
            "{then}"
        );
        let head = ran.stdout.lines().find(|line| line.contains("failed")).unwrap_or_default();
        assert!(head.contains("produce"), "the first line about a failure names the cause:\n{}", ran.stdout);
    }
}

pub fn an_interrupted_run_breaks_its_streams(at: Setting) {
    let place = at.fan("echo ready >&2; sleep 1000", "");
    an_interrupt_cancels(at, &place, ["produce", "count", "sum"]);
    no_reader_saw_the_end(&place);
}

/// Interrupts the run once a step is `ready`: it cancels the steps and leaves nothing.
fn an_interrupt_cancels(at: Setting, place: &Place, steps: [&str; 3]) {
    let lane = at.lane.map_or("auto", Lane::name);
    let mut running = place.follow(&["run", "--stream-lane", lane]);
    running.wait_for("ready");
    running.signal("INT");
    running.end().code(130);
    for step in steps {
        assert_eq!(place.outcome(step), "cancelled");
    }
    if at.lane.is_some() {
        place.no_container_is_left();
    }
}

/// The producer waits to write more, and no reader will ever take it.
pub fn an_interrupted_run_does_not_wait_for_full_streams(at: Setting) {
    let Setting { producer, reader, .. } = at;
    let place = Place::with(&format!(
        "
steps:
  - name: endless
    run: yes
    output: words
{producer}
  - name: idle
    run: head -c 1M > /dev/null; echo ready >&2; sleep 1000
    input: words
{reader}
  - name: eager
    run: cat > /dev/null
    input: words
{reader}
"
    ));
    an_interrupt_cancels(at, &place, ["endless", "idle", "eager"]);
}

/// `sum` is that of so many zeros.
pub fn a_reader_that_leaves_early_harms_no_other_reader(at: Setting, bytes: u64, sum: &str) {
    let Setting { producer, reader, .. } = at;
    let place = Place::with(&format!(
        "
steps:
  - name: make
    run: head -c {bytes} /dev/zero
    output: zeros
{producer}
  - name: sum
    run: sha256sum > sum
    input: zeros
{reader}
  - name: head
    run: head -c 1M > head
    input: zeros
{reader}
"
    ));
    at.run(&place).code(0).says("`head` left ").says(" unread");
    assert!(place.read("sum").starts_with(sum));
    assert_eq!(std::fs::metadata(place.join("head")).unwrap().len(), 1 << 20);
}

pub fn a_lone_reader_of_an_endless_producer_ends_the_run(at: Setting) {
    let Setting { producer, reader, .. } = at;
    let place = Place::with(&format!(
        "
steps:
  - name: endless
    run: yes
    output: words
{producer}
  - name: head
    run: head -c 1M | wc -c > size
    input: words
{reader}
"
    ));
    at.run(&place).code(0);
    assert_eq!(place.read("size").trim(), "1048576");
}

pub fn a_producer_with_retries_never_mixes_attempts(at: Setting) {
    let Setting { producer, reader, .. } = at;
    let place = Place::with(&format!(
        "
steps:
  - name: flaky
    run: |
      echo x >> flaky.starts
      head -c 5242880 /dev/urandom | tee last
      [ $(wc -l < flaky.starts) -eq 3 ]
    output: bytes
    on_error: retry
    retry: {{count: 2, delay: 1ms}}
{producer}
  - name: one
    run: echo x >> one.starts; sha256sum > one
    input: bytes
{reader}
  - name: two
    run: echo x >> two.starts; sha256sum > two
    input: bytes
{reader}
"
    ));
    at.run(&place).code(0);
    let last = place.sh("sha256sum < last");
    for reader in ["one", "two"] {
        assert_eq!(place.read(reader), last);
        assert_eq!(place.read(&format!("{reader}.starts")), "x\nx\nx\n");
    }
}

pub fn a_producer_that_fails_before_its_first_byte_keeps_its_readers(at: Setting) {
    let Setting { producer, reader, .. } = at;
    let place = Place::with(&format!(
        "
steps:
  - name: flaky
    run: |
      echo x >> flaky.starts
      [ $(wc -l < flaky.starts) -eq 3 ]
      seq 1000
    output: numbers
    on_error: retry
    retry: {{count: 2, delay: 1ms}}
{producer}
  - name: reader
    run: echo x >> reader.starts; wc -l > lines
    input: numbers
{reader}
"
    ));
    at.run(&place).code(0);
    assert_eq!((place.read("reader.starts").as_str(), place.read("lines").trim()), ("x\n", "1000"));
}
