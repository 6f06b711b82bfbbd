//! Objects of Kubernetes, as far as `pipe` writes them: fields of version 1.20 only, since an older server drops what it
//! does not know without a word.

use std::collections::BTreeMap;

use serde::Serialize;

/// Labels, annotations and the like.
pub(super) type Map = BTreeMap<String, String>;

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Object<S> {
    pub(super) api_version: &'static str,
    pub(super) kind: &'static str,
    pub(super) metadata: Metadata,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) spec: Option<S>,
}

#[derive(Debug, Default, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) labels: Map,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) annotations: Map,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) owner_references: Vec<OwnerReference>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OwnerReference {
    pub(super) api_version: &'static str,
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) uid: String,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PodSpec {
    pub(super) restart_policy: &'static str,
    pub(super) automount_service_account_token: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) service_account_name: Option<String>,
    pub(super) enable_service_links: bool,
    pub(super) termination_grace_period_seconds: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) active_deadline_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) image_pull_secrets: Vec<Name>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) node_selector: Map,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tolerations: Vec<PodToleration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) priority_class_name: Option<String>,
    pub(super) security_context: PodSecurity,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) init_containers: Vec<PodContainer>,
    pub(super) containers: Vec<PodContainer>,
    pub(super) volumes: Vec<Volume>,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Name {
    pub(super) name: String,
}

#[derive(Debug, Serialize)]
pub(super) struct PodToleration {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<String>,
    pub(super) operator: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) effect: Option<&'static str>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PodSecurity {
    pub(super) fs_group: u32,
    pub(super) fs_group_change_policy: &'static str,
    pub(super) seccomp_profile: Typed,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Typed {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PodContainer {
    pub(super) name: String,
    pub(super) image: String,
    pub(super) image_pull_policy: &'static str,
    pub(super) command: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) termination_message_policy: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) env: Vec<PodEnv>,
    pub(super) resources: ContainerResources,
    pub(super) security_context: ContainerSecurity,
    pub(super) volume_mounts: Vec<VolumeMount>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PodEnv {
    pub(super) name: &'static str,
    pub(super) value_from: EnvSource,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EnvSource {
    pub(super) field_ref: FieldRef,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FieldRef {
    pub(super) field_path: &'static str,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct ContainerResources {
    pub(super) requests: Map,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) limits: Map,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ContainerSecurity {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) run_as_user: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) run_as_group: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) run_as_non_root: Option<bool>,
    pub(super) allow_privilege_escalation: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) read_only_root_filesystem: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) capabilities: Option<Capabilities>,
}

#[derive(Debug, Serialize)]
pub(super) struct Capabilities {
    pub(super) drop: [&'static str; 1],
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Volume {
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) empty_dir: Option<EmptyDir>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) persistent_volume_claim: Option<ClaimSource>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) secret: Option<SecretSource>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EmptyDir {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) medium: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) size_limit: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ClaimSource {
    pub(super) claim_name: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SecretSource {
    pub(super) secret_name: String,
    /// Octal 0400, which JSON has as a decimal number.
    pub(super) default_mode: u16,
    pub(super) items: Vec<SecretItem>,
}

#[derive(Debug, Serialize)]
pub(super) struct SecretItem {
    pub(super) key: String,
    pub(super) path: String,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct VolumeMount {
    pub(super) name: String,
    pub(super) mount_path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sub_path: Option<String>,
    #[serde(skip_serializing_if = "is_false")]
    pub(super) read_only: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it so")]
fn is_false(value: &bool) -> bool {
    !value
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct JobSpec {
    pub(super) backoff_limit: u32,
    pub(super) ttl_seconds_after_finished: u64,
    pub(super) template: PodTemplate,
}

#[derive(Debug, Serialize)]
pub(super) struct PodTemplate {
    pub(super) metadata: Metadata,
    pub(super) spec: PodSpec,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ClaimSpec {
    pub(super) access_modes: [&'static str; 1],
    pub(super) storage_class_name: String,
    pub(super) resources: ContainerResources,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SecretObject {
    pub(super) api_version: &'static str,
    pub(super) kind: &'static str,
    pub(super) metadata: Metadata,
    #[serde(rename = "type")]
    pub(super) kind_of_secret: &'static str,
    pub(super) data: Map,
}
