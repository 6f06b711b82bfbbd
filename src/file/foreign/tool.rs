//! Files that are for another tool, told by their keys.

/// A file of another tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::file) enum OtherTool {
    GitHub,
    GitLab,
    GitHubAction,
    CircleCi,
    Azure,
    Bitbucket,
    Travis,
    Concourse,
    Compose,
    Task,
    Kubernetes,
    Make,
    Docker,
    Jenkins,
}

/// A top-level key, and the keys of its value if that is a map.
pub(in crate::file) struct TopKey<'a> {
    pub(in crate::file) name: &'a str,
    pub(in crate::file) keys: Option<Vec<String>>,
    pub(in crate::file) is_text: bool,
}

impl OtherTool {
    /// Tells the tool by the top-level keys of a file. A file with a key `steps` is one of ours, however wrong.
    pub(in crate::file) fn of(top: &[TopKey<'_>]) -> Option<(Self, usize)> {
        let is_map = |name: &str| top.iter().position(|key| key.name == name && key.keys.is_some());
        let has = |name: &str| top.iter().any(|key| key.name == name);
        if has("steps") {
            return None;
        }
        if let Some(jobs) = is_map("jobs") {
            let kind = if has("orbs") || has("workflows") { Self::CircleCi } else { Self::GitHub };
            return Some((kind, jobs));
        }
        let place = |name: &str| top.iter().position(|key| key.name == name);
        if let (Some(jobs), true) = (place("jobs"), has("resources")) {
            return Some((Self::Concourse, jobs));
        }
        if let (Some(stages), true) = (place("jobs").or(place("stages")), has("pool") || has("trigger")) {
            return Some((Self::Azure, stages));
        }
        if let Some(pipelines) = is_map("pipelines") {
            return Some((Self::Bitbucket, pipelines));
        }
        if let (Some(runs), true) = (is_map("runs"), has("inputs") || has("outputs") || has("description")) {
            return Some((Self::GitHubAction, runs));
        }
        if let (Some(script), true) = (place("script"), has("language") || has("dist")) {
            return Some((Self::Travis, script));
        }
        if let Some(tasks) = is_map("tasks") {
            return Some((Self::Task, tasks));
        }
        if let Some(services) = is_map("services") {
            return Some((Self::Compose, services));
        }
        if let (true, Some(kind)) = (has("apiVersion"), top.iter().position(|key| key.name == "kind")) {
            return Some((Self::Kubernetes, kind));
        }
        const OWN: [&str; 5] = ["name", "description", "on_error", "max_parallel", "params"];
        let is_rule = |key: &TopKey<'_>| {
            key.is_text && !OWN.contains(&key.name) && super::key("a pipeline", key.name).is_none()
        };
        if top.len() > 1 && top.iter().all(is_rule) {
            return Some((Self::Make, 0));
        }
        // Jobs stand at the top there, under names of their own.
        let is_job =
            |key: &TopKey<'_>| key.keys.as_ref().is_some_and(|keys| keys.iter().any(|name| name == "script"));
        top.iter().position(is_job).map(|job| (Self::GitLab, job))
    }

    /// Tells the tool by a file that is no YAML.
    pub(in crate::file) fn of_text(name: &str, text: &str) -> Option<Self> {
        let begins = |word: &str| text.lines().any(|line| line.starts_with(word));
        match name.to_lowercase().as_str() {
            "makefile" | "gnumakefile" | "justfile" | ".justfile" => Some(Self::Make),
            "dockerfile" | "containerfile" => Some(Self::Docker),
            "jenkinsfile" => Some(Self::Jenkins),
            _ if begins(".PHONY") => Some(Self::Make),
            _ if begins("FROM ") && begins("RUN ") => Some(Self::Docker),
            _ if begins("pipeline {") => Some(Self::Jenkins),
            _ => None,
        }
    }

    /// Names the file in a sentence.
    pub(in crate::file) fn file(self) -> &'static str {
        match self {
            Self::GitHub => "a workflow of GitHub Actions",
            Self::GitLab => "a pipeline of GitLab CI",
            Self::GitHubAction => "an action of GitHub",
            Self::CircleCi => "a configuration of CircleCI",
            Self::Azure => "a pipeline of Azure",
            Self::Bitbucket => "a file of Bitbucket Pipelines",
            Self::Travis => "a configuration of Travis CI",
            Self::Concourse => "a pipeline of Concourse",
            Self::Compose => "a Compose file",
            Self::Task => "a Taskfile",
            Self::Kubernetes => "a Kubernetes object",
            Self::Make => "a Makefile or a justfile",
            Self::Docker => "a Dockerfile",
            Self::Jenkins => "a Jenkinsfile",
        }
    }

    /// Says what to write in place of the file.
    pub(in crate::file) fn help(self) -> &'static str {
        match self {
            Self::GitHub
            | Self::GitHubAction
            | Self::GitLab
            | Self::CircleCi
            | Self::Azure
            | Self::Bitbucket
            | Self::Travis
            | Self::Concourse => {
                "write what its jobs do as `steps: [{name: build, run: make}]`, and let a job call `pipe run`; \
                 the page `docs/how-to/ci.md` shows how"
            }
            Self::Compose => {
                "write each container as a step: `steps: [{name: test, image: alpine, run: make test}]`; \
                 the page `docs/how-to/from-compose.md` shows how"
            }
            Self::Make => {
                "write each rule as a step: `steps: [{name: build, run: make}]`; the page `docs/how-to/from-make.md` shows how"
            }
            Self::Docker => {
                "a step builds and uses it: `steps: [{name: test, build: ., run: make test}]`; the page \
                 `docs/how-to/containers.md` shows how"
            }
            Self::Jenkins => {
                "write each stage as a step: `steps: [{name: build, run: make}]`; the page `docs/how-to/ci.md` shows how a CI \
                 service calls `pipe run`"
            }
            Self::Task => {
                "write each task as a step: `steps: [{name: build, run: make}]`; the page `docs/how-to/from-make.md` shows how"
            }
            Self::Kubernetes => "a pipeline is a list of steps: `steps: [{name: build, run: make}]`",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(keys: &[(&str, &[&str])]) -> Option<OtherTool> {
        let top: Vec<TopKey<'_>> = keys
            .iter()
            .map(|(name, keys)| TopKey {
                name,
                keys: (!keys.is_empty()).then(|| keys.iter().map(|&key| key.to_owned()).collect()),
                is_text: keys == &[""],
            })
            .collect();
        OtherTool::of(&top).map(|(kind, _)| kind)
    }

    #[test]
    fn files_of_other_tools_are_told_by_their_keys() {
        assert_eq!(of(&[("name", &[]), ("on", &["push"]), ("jobs", &["build"])]), Some(OtherTool::GitHub));
        assert_eq!(
            of(&[("version", &[]), ("jobs", &["build"]), ("workflows", &["all"])]),
            Some(OtherTool::CircleCi)
        );
        assert_eq!(of(&[("version", &[]), ("tasks", &["build"])]), Some(OtherTool::Task));
        assert_eq!(of(&[("services", &["db"]), ("volumes", &["data"])]), Some(OtherTool::Compose));
        assert_eq!(of(&[("apiVersion", &[]), ("kind", &[]), ("spec", &["x"])]), Some(OtherTool::Kubernetes));
        assert_eq!(of(&[("stages", &[]), ("build", &["stage", "script"])]), Some(OtherTool::GitLab));
        assert_eq!(of(&[("trigger", &[]), ("pool", &["vmImage"]), ("jobs", &[])]), Some(OtherTool::Azure));
        assert_eq!(of(&[("pipelines", &["default"])]), Some(OtherTool::Bitbucket));
        assert_eq!(of(&[("description", &[]), ("runs", &["using"])]), Some(OtherTool::GitHubAction));
        assert_eq!(of(&[("language", &[""]), ("script", &[])]), Some(OtherTool::Travis));
        assert_eq!(of(&[("resources", &[]), ("jobs", &[])]), Some(OtherTool::Concourse));
    }

    #[test]
    fn rules_have_commands_and_nothing_else() {
        let rule: &[&str] = &[""];
        assert_eq!(of(&[("default", rule), ("build target='x'", rule)]), Some(OtherTool::Make));
        assert_eq!(of(&[("name", rule), ("build", rule)]), None);
        assert_eq!(OtherTool::of_text("p.yml", "all: a\n.PHONY: all\n"), Some(OtherTool::Make));
        assert_eq!(OtherTool::of_text("Dockerfile", ""), Some(OtherTool::Docker));
        assert_eq!(OtherTool::of_text("p.yml", "steps:\n\t- name: a\n"), None);
    }

    #[test]
    fn a_file_with_steps_is_one_of_ours() {
        assert_eq!(of(&[("jobs", &["x"]), ("steps", &[])]), None);
        assert_eq!(of(&[("name", &[])]), None);
        assert_eq!(of(&[("tasks", &[])]), None);
        assert_eq!(of(&[]), None);
    }
}
