//! A pod without a cluster: a conductor and a wrapper for each step, as plain processes that share a folder.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use base64::Engine as _;
use pipe_runner::cluster::order::message::{FromPod, HaltRecord, Heard, PodEvents, ToPod};
use pipe_runner::cluster::order::{Order, OrderSecrets};
use pipe_runner::event::channel::channel as events;
use pipe_runner::event::mask::Masker;
use pipe_runner::file::{LoadOptions, ParamSources};
use pipe_runner::pipeline::{Outcome, Outputs, Source};
use pipe_runner::plan::{Decisions, Plan};
use pipe_runner::reaper::Reaper;
use pipe_runner::runner::{Deaths, GangOrder, Job, Past, RunPaths, Settings};
use pipe_runner::template::RunContext;

use super::Place;

/// How long something may take that has to happen.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a run has for one gang: the first of a file.
pub struct Client {
    pub job: Arc<Job>,
    pub order: Order,
    pub secrets: OrderSecrets,
}

impl Client {
    /// Reads the `pipeline.yml` of a place. Secrets come from `given`.
    pub fn of(place: &Place, given: &[(&str, &str)]) -> Self {
        let path = place.path().canonicalize().unwrap().join("pipeline.yml");
        let source: Source = pipe_runner::file::read(&path).unwrap();
        let options = LoadOptions::default();
        let mut pipeline =
            pipe_runner::file::load(source, &options).unwrap_or_else(|error| panic!("{error:?}"));
        let cli = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let sources = ParamSources { cli, ..ParamSources::default() };
        let context = RunContext { run_id: "R1".into(), ..RunContext::default() };
        let templates = pipe_runner::file::renderer(&pipeline, &sources, context).unwrap();
        assert!(pipe_runner::file::settle(&mut pipeline, &templates).is_empty());
        let plan = Plan::new(&pipeline).unwrap_or_else(|_| panic!("there is a cycle"));
        let here = path.parent().unwrap().to_owned();
        let unused = |name: &str| here.join("client").join(name);
        let job = Arc::new(Job {
            pipeline: Arc::new(pipeline),
            plan: Arc::new(plan),
            templates,
            events: events(Masker::default()).0,
            place: RunPaths {
                id: "R1".into(),
                working_dir: here.clone(),
                run_dir: unused("run"),
                streams_dir: unused("streams"),
                outputs_dir: unused("outputs"),
                key: vec![7; 16],
                secrets_dir: None,
            },
            past: Past::default(),
            asked: None,
            settings: Settings { grace: Duration::from_secs(5), ..Settings::default() },
            reaper: Reaper::default(),
        });
        let gang = GangOrder {
            steps: job.plan.gangs()[0].steps.clone(),
            job: Arc::clone(&job),
            round: 1,
            given: BTreeMap::new(),
            body: None,
            decisions: Arc::new(Decisions::default()),
            passed_over: std::collections::BTreeSet::new(),
            endpoints: Arc::default(),
            deaths: tokio::sync::watch::channel(Deaths::new()).1,
        };
        let order = Order::of(&gang, &options).unwrap();
        Self { secrets: OrderSecrets::of(&job), job, order }
    }
}

/// A conductor with the wrappers of a gang, in the folder of a place.
pub struct Pod {
    pub place: Place,
    pub client: Client,
    pub conductor: Child,
    stdin: Option<ChildStdin>,
    pub wrappers: BTreeMap<String, Child>,
    messages: Receiver<FromPod>,
    heard: PodEvents,
    /// Everything that the conductor has said.
    pub said: Vec<FromPod>,
    /// How each member has ended.
    pub ends: BTreeMap<String, Outcome>,
    /// What members have written to `$PIPE_OUTPUT`.
    pub outputs: BTreeMap<String, Outputs>,
    /// What each has printed.
    pub logs: BTreeMap<String, Vec<u8>>,
    /// Whether the gang is told to end when a member fails, as a run does.
    pub halts: bool,
}

impl Pod {
    /// Starts the gang of a file, and gives the conductor its order.
    pub fn with(pipeline: &str) -> Self {
        let mut pod = Self::before_its_order(pipeline, &[]);
        pod.start_wrappers();
        pod.give_order();
        pod
    }

    /// Starts a conductor alone.
    pub fn before_its_order(pipeline: &str, given: &[(&str, &str)]) -> Self {
        let place = Place::with(pipeline);
        let client = Client::of(&place, given);
        std::fs::create_dir(place.join("pod")).unwrap();
        let secrets = place.join("client-secrets");
        std::fs::create_dir(&secrets).unwrap();
        for (key, secret) in client.secrets.iter() {
            std::fs::write(secrets.join(key), secret.reveal()).unwrap();
        }
        let mut command = place.command(&["pod", "gang", "--socket", "pod/socket", "--secrets"]);
        command.arg(&secrets).arg("--folder").arg(place.path().canonicalize().unwrap().join("pod"));
        let conductor = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        Self::of(place, client, conductor.unwrap())
    }

    /// Follows a conductor whose streams are pipes.
    pub fn of(place: Place, client: Client, mut conductor: Child) -> Self {
        let (stdin, stdout) = (conductor.stdin.take(), conductor.stdout.take().unwrap());
        let (to, messages) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let message: FromPod =
                    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
                if to.send(message).is_err() {
                    return;
                }
            }
        });
        let heard = PodEvents::new(Arc::clone(&client.job.pipeline));
        Self {
            place,
            client,
            conductor,
            stdin,
            wrappers: BTreeMap::new(),
            messages,
            heard,
            said: Vec::new(),
            ends: BTreeMap::new(),
            outputs: BTreeMap::new(),
            logs: BTreeMap::new(),
            halts: true,
        }
    }

    /// Starts the wrappers of all members.
    pub fn start_wrappers(&mut self) {
        for step in self.client.order.members.clone() {
            self.start_wrapper(&step);
        }
    }

    /// Starts the wrapper of a member.
    pub fn start_wrapper(&mut self, step: &str) {
        let mut command = self.place.command(&["pod", "step", step, "--socket", "pod/socket"]);
        self.wrappers.insert(step.to_owned(), command.stderr(Stdio::piped()).spawn().unwrap());
    }

    /// Gives the conductor its order.
    pub fn give_order(&mut self) {
        let order = ToPod::order(&self.client.order).unwrap();
        self.tell(&order);
    }

    /// Tells the conductor something; one that is dead does not hear it.
    pub fn tell(&mut self, message: &ToPod) {
        let line = serde_json::to_string(message).unwrap() + "\n";
        self.tell_raw(line.as_bytes());
    }

    /// Tells the conductor some bytes.
    pub fn tell_raw(&mut self, bytes: &[u8]) {
        if let Some(stdin) = &mut self.stdin {
            let _ = stdin.write_all(bytes).and_then(|()| stdin.flush());
        }
    }

    /// Ends the connection to the conductor.
    pub fn leave(&mut self) {
        self.stdin = None;
    }

    /// Takes the next message; nothing once there can be none.
    #[track_caller]
    pub fn next(&mut self) -> Option<FromPod> {
        let message = match self.messages.recv_timeout(PATIENCE) {
            Ok(message) => message,
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => panic!("the conductor says nothing more: {:#?}", self.said),
        };
        if let FromPod::Output { step, bytes, .. } = &message {
            let bytes = base64::engine::general_purpose::STANDARD.decode(bytes).unwrap();
            self.logs.entry(step.clone()).or_default().extend(bytes);
        }
        if let Some(Heard::Finished(finished)) = self.heard.read(&message) {
            let name = self.client.job.pipeline.step(finished.step).name.clone();
            if self.halts && finished.outcome.is_failure() {
                self.tell(&ToPod::Halt { how: HaltRecord::Graceful });
            }
            let twice = self.ends.insert(name.clone(), finished.outcome);
            assert_eq!(twice, None, "`{name}` ends twice");
            self.outputs.insert(name, (*finished.outputs).clone());
        }
        self.said.push(message.clone());
        Some(message)
    }

    /// Waits for a message.
    #[track_caller]
    pub fn until(&mut self, is_it: impl Fn(&FromPod) -> bool) -> FromPod {
        while let Some(message) = self.next() {
            if is_it(&message) {
                return message;
            }
        }
        let complaint = self.complaint();
        panic!("the conductor has ended: {:#?}\n{complaint}", self.said)
    }

    /// Waits until the containers of all members are there.
    #[track_caller]
    pub fn gathered(&mut self) {
        self.until(|message| *message == FromPod::Gathered);
    }

    /// Waits for the end of the gang, and tells the conductor that it is known. Returns the ends in words, by
    /// step.
    #[track_caller]
    pub fn done(&mut self) -> String {
        self.until(|message| *message == FromPod::Done);
        self.tell(&ToPod::Over);
        let code = self.conductor.wait().unwrap().code();
        assert_eq!(code, Some(0), "{}", self.complaint());
        self.words()
    }

    /// Returns how the members have ended.
    pub fn words(&self) -> String {
        let word = |(step, outcome): (&String, &Outcome)| match outcome {
            Outcome::Failed(failure) => format!("{step}: {failure:?}"),
            other => format!("{step}: {}", other.word()),
        };
        self.ends.iter().map(word).collect::<Vec<_>>().join(", ")
    }

    /// Waits for the end of a wrapper.
    pub fn code(&mut self, step: &str) -> ExitStatus {
        self.wrappers.get_mut(step).unwrap().wait().unwrap()
    }

    /// Waits for the ends of all wrappers. Returns their exit codes by step; those of killed ones as `-`.
    pub fn codes(&mut self) -> String {
        let code = |(step, child): (&String, &mut Child)| {
            let code = child.wait().unwrap().code().map_or("-".to_owned(), |code| code.to_string());
            format!("{step}={code}")
        };
        self.wrappers.iter_mut().map(code).collect::<Vec<_>>().join(" ")
    }

    /// Waits for a file that a step makes, and returns the number in it.
    #[track_caller]
    pub fn pid(&self, file: &str) -> u32 {
        let read = || std::fs::read_to_string(self.place.join(file)).unwrap_or_default();
        super::processes::eventually(
            || read().ends_with('\n'),
            || format!("there is no {file}: {:?}", self.said),
        );
        read().trim().parse().unwrap()
    }

    /// Returns what the conductor has complained of. It must have ended.
    pub fn complaint(&mut self) -> String {
        let mut text = String::new();
        if let Some(stderr) = &mut self.conductor.stderr {
            let _ = std::io::Read::read_to_string(stderr, &mut text);
        }
        text
    }

    /// Returns the path of the socket.
    pub fn socket(&self) -> PathBuf {
        self.place.join("pod/socket")
    }
}

impl Drop for Pod {
    /// What a failed test leaves behind dies with its conductor.
    fn drop(&mut self) {
        for child in std::iter::once(&mut self.conductor).chain(self.wrappers.values_mut()) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Kills a process.
pub fn kill(pid: u32) {
    assert!(Command::new("kill").args(["-KILL", &pid.to_string()]).status().unwrap().success());
}
