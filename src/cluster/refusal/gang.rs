//! What the pod of a gang has, of what its members say: they must not contradict each other.

use std::collections::BTreeMap;

use super::architecture;
use crate::file::{Code, Diagnostic};
use crate::pipeline::{Pipeline, PodKeys, Span, Step, StepId, Toleration, Written};

/// The label by which nodes tell their architecture.
const ARCHITECTURE: &str = "kubernetes.io/arch";

/// What the pod of a gang has beside its containers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GangKeys {
    /// Labels that its node must have.
    pub node_selector: BTreeMap<String, String>,
    /// Taints that it bears.
    pub tolerations: Vec<Toleration>,
    /// Its priority class.
    pub priority_class: Option<String>,
    /// Labels beside those that `pipe` writes.
    pub labels: BTreeMap<String, String>,
    /// Annotations beside those that `pipe` writes.
    pub annotations: BTreeMap<String, String>,
}

/// Joins what the file says of all pods with what the members of a gang say.
///
/// # Errors
/// Where two members contradict each other.
pub fn gang_keys(pipeline: &Pipeline, gang: &[StepId]) -> Result<GangKeys, Vec<Diagnostic>> {
    let mut merge = Merge { pipeline, problems: Vec::new(), said: BTreeMap::new() };
    let of_file = &pipeline.kubernetes.pod;
    let mut keys = GangKeys {
        node_selector: plain(&of_file.node_selector),
        tolerations: of_file.tolerations.clone(),
        priority_class: of_file.priority_class.as_ref().map(|class| class.value.clone()),
        labels: plain(&of_file.labels),
        annotations: plain(&of_file.annotations),
    };
    for step in gang.iter().map(|id| pipeline.step(*id)) {
        if let Some(platform) = step.container.as_ref().and_then(|container| container.platform.as_deref())
            && let Some(architecture) = architecture(platform)
        {
            let written = Written { value: architecture.to_owned(), at: step.at };
            let label = (ARCHITECTURE.to_owned(), written);
            merge.map(step, "platform", &[label].into(), &mut keys.node_selector);
        }
        let Some(own) = &step.kubernetes else { continue };
        let PodKeys { node_selector, tolerations, priority_class, labels, annotations } = &own.pod;
        merge.map(step, "node_selector", node_selector, &mut keys.node_selector);
        merge.map(step, "labels", labels, &mut keys.labels);
        merge.map(step, "annotations", annotations, &mut keys.annotations);
        if let Some(class) = priority_class
            && merge.may_say(step, ("priority_class", ""), class)
        {
            keys.priority_class = Some(class.value.clone());
        }
        for toleration in tolerations {
            if !keys.tolerations.contains(toleration) {
                keys.tolerations.push(toleration.clone());
            }
        }
    }
    if merge.problems.is_empty() { Ok(keys) } else { Err(merge.problems) }
}

fn plain(map: &BTreeMap<String, Written<String>>) -> BTreeMap<String, String> {
    map.iter().map(|(key, written)| (key.clone(), written.value.clone())).collect()
}

/// What members have said so far.
struct Merge<'a> {
    pipeline: &'a Pipeline,
    problems: Vec<Diagnostic>,
    /// By key, and by the key in its map: who has said what, and where.
    said: BTreeMap<(&'static str, String), (String, Written<String>)>,
}

impl Merge<'_> {
    fn map(
        &mut self,
        step: &Step,
        key: &'static str,
        own: &BTreeMap<String, Written<String>>,
        all: &mut BTreeMap<String, String>,
    ) {
        for (name, written) in own {
            if self.may_say(step, (key, name), written) {
                all.insert(name.clone(), written.value.clone());
            }
        }
    }

    /// Whether no member before has said something else; if one has, that is a problem.
    fn may_say(&mut self, step: &Step, (key, name): (&'static str, &str), own: &Written<String>) -> bool {
        // A platform is a label of the node as well.
        let of = if key == "platform" { "node_selector" } else { key };
        let entry = (of, name.to_owned());
        let Some((other, before)) = self.said.get(&entry).filter(|(_, before)| before.value != own.value)
        else {
            self.said.entry(entry).or_insert_with(|| (step.name.clone(), own.clone()));
            return true;
        };
        let what = if name.is_empty() { format!("`{key}`") } else { format!("`{name}` of `{key}`") };
        let message = format!(
            "`{other}` and `{}` start together in one pod, and want different values for {what}: `{}` and `{}`",
            step.name, before.value, own.value
        );
        let label = format!("`{other}` says `{}`", before.value);
        let problem = Diagnostic::at(Code::GangPod, &self.pipeline.source, own.at, message);
        let help = "write the same at both, leave one out, or store the stream between them: `store: true`";
        let before: Span = before.at;
        self.problems.push(problem.also(before, label).help(help));
        false
    }
}
