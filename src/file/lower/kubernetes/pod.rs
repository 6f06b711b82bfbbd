//! What pods have, of all steps and of one.

use std::collections::BTreeMap;

use super::names::{is_label_key, is_label_value, is_quantity, is_subdomain};
use crate::file::lower::Lowering;
use crate::file::raw::{
    RawPod, RawStep, RawStepKubernetes, RawTaintEffect, RawToleration, RawTolerationOperator,
};
use crate::file::words::shown;
use crate::file::yaml::{Entries, Field};
use crate::pipeline::{PodKeys, Span, StepKubernetes, TaintEffect, Toleration, Written};

/// The keys of a pod, of whichever map they stand in.
struct PodFields<'r> {
    node_selector: &'r Field<Entries<String>>,
    tolerations: &'r Field<Vec<Field<RawToleration>>>,
    priority_class: &'r Field<String>,
    labels: &'r Field<Entries<String>>,
    annotations: &'r Field<Entries<String>>,
}

/// What the value of a label may be.
#[derive(Clone, Copy)]
enum Value {
    Label,
    Any,
}

impl Lowering<'_> {
    pub(super) fn pod(&mut self, raw: &RawPod) -> PodKeys {
        let RawPod { node_selector, tolerations, priority_class, labels, annotations } = raw;
        self.pod_keys(&PodFields { node_selector, tolerations, priority_class, labels, annotations })
    }

    /// What a step says about the cluster.
    pub(in crate::file::lower) fn step_kubernetes(&mut self, raw: &RawStep) -> Option<Box<StepKubernetes>> {
        let (raw, at) = raw.kubernetes.get()?;
        let RawStepKubernetes { node_selector, tolerations, priority_class, labels, annotations, limits } =
            raw;
        let fields = PodFields { node_selector, tolerations, priority_class, labels, annotations };
        Some(Box::new(StepKubernetes { at, pod: self.pod_keys(&fields), limits: self.limits(limits) }))
    }

    fn pod_keys(&mut self, fields: &PodFields<'_>) -> PodKeys {
        let PodFields { node_selector, tolerations, priority_class, labels, annotations } = fields;
        let class = self.cluster_name("priority_class", priority_class, is_subdomain);
        PodKeys {
            node_selector: self.labelled("node_selector", node_selector, Value::Label),
            tolerations: self.tolerations(tolerations),
            priority_class: class.map(|(value, at)| Written { value, at }),
            labels: self.labelled("labels", labels, Value::Label),
            annotations: self.labelled("annotations", annotations, Value::Any),
        }
    }

    /// A map of labels or of the like.
    fn labelled(
        &mut self,
        key: &str,
        field: &Field<Entries<String>>,
        kind: Value,
    ) -> BTreeMap<String, Written<String>> {
        let entries = field.value().map(|entries| entries.0.as_slice()).unwrap_or_default();
        let mut labels = BTreeMap::new();
        for (name, value) in entries {
            let (Some((name, name_at)), Some((value, at))) = (name.get(), value.get()) else { continue };
            let is_own = name == "app.kubernetes.io/managed-by" || name.starts_with("pipe.");
            if !is_label_key(name) {
                let message = format!("{} is no key of `{key}`", shown(name));
                self.bad_kubernetes(name_at, message, "write it like `team` or `example.org/team`");
            } else if is_own && key != "node_selector" {
                let message = format!("`pipe` writes `{name}` itself");
                self.bad_kubernetes(name_at, message, "choose another name, such as `example.org/team`");
            } else if self.is_plain_text(key, value, at) {
                match kind {
                    Value::Label if !is_label_value(value) => {
                        let message = format!("{} is no value of a label", shown(value));
                        let help = "a label has 63 letters, digits, `-`, `_` and `.` at the most, and begins and ends with \
                                    a letter or a digit";
                        self.bad_kubernetes(at, message, help);
                    }
                    Value::Label | Value::Any => {
                        labels.insert(name.clone(), Written { value: value.clone(), at });
                    }
                }
            }
        }
        labels
    }

    fn tolerations(&mut self, field: &Field<Vec<Field<RawToleration>>>) -> Vec<Toleration> {
        let entries = field.value().map(Vec::as_slice).unwrap_or_default();
        entries.iter().filter_map(Field::get).filter_map(|(raw, at)| self.toleration(raw, at)).collect()
    }

    fn toleration(&mut self, raw: &RawToleration, at: Span) -> Option<Toleration> {
        let key = self.cluster_name("key", &raw.key, is_label_key).map(|(key, _)| key);
        let value = self.cluster_name("value", &raw.value, is_label_value).map(|(value, _)| value);
        let operator = raw.operator.get().map(|(operator, at)| (*operator, at));
        let value_at = raw.value.at();
        match (operator, value_at) {
            (Some((RawTolerationOperator::Exists, _)), Some(value_at)) => {
                self.bad_kubernetes(
                    value_at,
                    "`Exists` takes any value",
                    "remove `value`, or write `operator: Equal`",
                );
                return None;
            }
            (Some((RawTolerationOperator::Equal, operator_at)), None) => {
                let help = "add `value`, or write `operator: Exists`";
                self.bad_kubernetes(operator_at, "`Equal` compares with a value, and there is none", help);
                return None;
            }
            (Some(_) | None, _) => {}
        }
        if value_at.is_some() && raw.key.is_missing() {
            self.bad_kubernetes(at, "this toleration has a value and no key", "add `key`, or remove `value`");
            return None;
        }
        let effect = raw.effect.value().map(|effect| match effect {
            RawTaintEffect::NoSchedule => TaintEffect::NoSchedule,
            RawTaintEffect::PreferNoSchedule => TaintEffect::PreferNoSchedule,
            RawTaintEffect::NoExecute => TaintEffect::NoExecute,
        });
        Some(Toleration { key, value, effect })
    }

    fn limits(&mut self, field: &Field<Entries<String>>) -> BTreeMap<String, String> {
        let entries = field.value().map(|entries| entries.0.as_slice()).unwrap_or_default();
        let mut limits = BTreeMap::new();
        for (name, amount) in entries {
            let (Some((name, name_at)), Some((amount, at))) = (name.get(), amount.get()) else { continue };
            if matches!(name.as_str(), "cpu" | "cpus" | "memory") {
                let key = if name == "memory" { "memory" } else { "cpus" };
                let help = format!("write `resources: {{{key}: …}}` at the step, which holds everywhere");
                self.bad_kubernetes(name_at, format!("`{name}` is no key of `limits`"), help);
            } else if !is_label_key(name) {
                let message = format!("{} is no name of a resource", shown(name));
                self.bad_kubernetes(
                    name_at,
                    message,
                    "write it like `nvidia.com/gpu` or `ephemeral-storage`",
                );
            } else if !is_quantity(amount) {
                let message = format!("{} is no amount", shown(amount));
                self.bad_kubernetes(at, message, "write a number, such as `1`, or a size, such as `2Gi`");
            } else {
                limits.insert(name.clone(), amount.clone());
            }
        }
        limits
    }
}
