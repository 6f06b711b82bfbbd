//! What a run makes in a cluster: created, read, listed, deleted.

use futures::{StreamExt as _, TryStreamExt as _, stream};
use http::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::client::ApiClient;
use super::error::ApiError;
use crate::cluster::rights::Right;
use crate::cluster::status::{JobObject, ObjectMeta, PodObject};

/// How many questions are asked at a time.
const AT_ONCE: usize = 4;

/// The kinds of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectKind {
    /// The hub of a run.
    Job,
    /// Steps that start together.
    Pod,
    /// Keys and values of a run.
    Secret,
    /// The volume of a hub.
    Claim,
}

impl ObjectKind {
    /// Returns the path of all objects of the kind in a namespace.
    fn path(self, namespace: &str) -> String {
        let (group, name) = match self {
            Self::Job => ("/apis/batch/v1", "jobs"),
            Self::Pod => ("/api/v1", "pods"),
            Self::Secret => ("/api/v1", "secrets"),
            Self::Claim => ("/api/v1", "persistentvolumeclaims"),
        };
        format!("{group}/namespaces/{namespace}/{name}")
    }
}

/// An object of which only what all objects have is read.
#[derive(Deserialize)]
struct AnyObject {
    #[serde(default)]
    metadata: ObjectMeta,
}

/// A list of objects, and where a watch goes on from it.
#[derive(Deserialize)]
pub(super) struct ObjectList<T> {
    #[serde(default)]
    pub(super) metadata: ObjectMeta,
    #[serde(default = "Vec::new")]
    pub(super) items: Vec<T>,
}

/// What a user may do of all that is needed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckedRights {
    /// What is not allowed.
    pub missing: Vec<Right>,
}

#[derive(Deserialize)]
struct Review {
    #[serde(default)]
    status: ReviewStatus,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ReviewStatus {
    allowed: bool,
}

#[derive(Deserialize)]
struct ServerVersion {
    #[serde(rename = "gitVersion", default)]
    git_version: String,
}

impl ApiClient {
    /// Creates an object; returns the name and the `uid` that it got.
    ///
    /// # Errors
    /// If the cluster refuses it, also because there is one of the name.
    pub async fn create(&self, kind: ObjectKind, manifest: &Value) -> Result<ObjectMeta, ApiError> {
        let path = kind.path(self.access().namespace());
        let made: AnyObject = self.ask(Method::POST, &path, Some(manifest)).await?;
        Ok(made.metadata)
    }

    /// Asks whether an object would be created, by quotas, policies and all; nothing is.
    ///
    /// # Errors
    /// If the cluster would refuse it.
    pub async fn would_create(&self, kind: ObjectKind, manifest: &Value) -> Result<(), ApiError> {
        let path = format!("{}?dryRun=All", kind.path(self.access().namespace()));
        let _: AnyObject = self.ask(Method::POST, &path, Some(manifest)).await?;
        Ok(())
    }

    /// Returns a pod.
    ///
    /// # Errors
    /// If there is none, or the cluster does not say.
    pub async fn pod(&self, name: &str) -> Result<PodObject, ApiError> {
        let path = format!("{}/{name}", ObjectKind::Pod.path(self.access().namespace()));
        self.ask(Method::GET, &path, None).await
    }

    /// Returns the names of all objects of a kind with these labels: `pipe.run=ID,pipe.role=hub`.
    ///
    /// # Errors
    /// If the cluster does not say.
    pub async fn list(&self, kind: ObjectKind, labels: &str) -> Result<Vec<ObjectMeta>, ApiError> {
        let list: ObjectList<AnyObject> = self.labelled(kind, labels).await?;
        Ok(list.items.into_iter().map(|object| object.metadata).collect())
    }

    /// Returns the Jobs with these labels.
    ///
    /// # Errors
    /// If the cluster does not say.
    pub async fn jobs(&self, labels: &str) -> Result<Vec<JobObject>, ApiError> {
        Ok(self.labelled(ObjectKind::Job, labels).await?.items)
    }

    /// Returns the pods with these labels.
    ///
    /// # Errors
    /// If the cluster does not say.
    pub async fn pods(&self, labels: &str) -> Result<Vec<PodObject>, ApiError> {
        Ok(self.labelled(ObjectKind::Pod, labels).await?.items)
    }

    /// Lists the objects of a kind that have these labels.
    pub(super) async fn labelled<T: DeserializeOwned>(
        &self,
        kind: ObjectKind,
        labels: &str,
    ) -> Result<ObjectList<T>, ApiError> {
        let path = kind.path(self.access().namespace());
        self.ask(Method::GET, &format!("{path}?{}", query(&[("labelSelector", labels)])), None).await
    }

    /// Deletes an object, and then what belongs to it. One that is gone already is no error.
    ///
    /// # Errors
    /// If the cluster refuses it.
    pub async fn delete(&self, kind: ObjectKind, name: &str) -> Result<(), ApiError> {
        self.delete_by(
            kind,
            name,
            &json!({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}),
        )
        .await
    }

    /// Deletes a pod in which nothing runs that needs time to end: its containers are killed.
    ///
    /// # Errors
    /// If the cluster refuses it.
    pub async fn delete_pod(&self, name: &str) -> Result<(), ApiError> {
        self.delete_by(
            ObjectKind::Pod,
            name,
            &json!({"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 1}),
        )
        .await
    }

    async fn delete_by(&self, kind: ObjectKind, name: &str, how: &Value) -> Result<(), ApiError> {
        let path = format!("{}/{name}", kind.path(self.access().namespace()));
        match self.ask::<Value>(Method::DELETE, &path, Some(how)).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_gone() => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Asks for each right whether this user has it.
    ///
    /// # Errors
    /// If the cluster does not say.
    pub async fn check_rights(&self, rights: impl Iterator<Item = Right>) -> Result<CheckedRights, ApiError> {
        let asked = rights.map(|right| async move { Ok((right, self.may(right).await?)) });
        let answers = stream::iter(asked.collect::<Vec<_>>()).buffered(AT_ONCE);
        let answers: Result<Vec<(Right, bool)>, ApiError> = answers.try_collect().await;
        let missing = answers?.into_iter().filter(|(_, is_allowed)| !is_allowed).map(|(right, _)| right);
        Ok(CheckedRights { missing: missing.collect() })
    }

    async fn may(&self, right: Right) -> Result<bool, ApiError> {
        let Right { group, resource, verb } = right;
        let (resource, part) = resource.split_once('/').unwrap_or((resource, ""));
        let namespace = self.access().namespace();
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {
                "namespace": namespace, "verb": verb, "group": group, "resource": resource, "subresource": part,
            }},
        });
        let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        let review: Review = self.ask(Method::POST, path, Some(&review)).await?;
        Ok(review.status.allowed)
    }

    /// Returns the version of the cluster, such as `v1.33.1`.
    ///
    /// # Errors
    /// If the cluster does not say.
    pub async fn version(&self) -> Result<String, ApiError> {
        let version: ServerVersion = self.ask(Method::GET, "/version", None).await?;
        Ok(version.git_version)
    }
}

/// Returns the path of the pods of the client's namespace.
pub(super) fn pods_path(client: &ApiClient) -> String {
    ObjectKind::Pod.path(client.access().namespace())
}

/// Returns the query of a path.
pub(super) fn query(pairs: &[(&str, &str)]) -> String {
    // Texts and texts always can be written so.
    serde_urlencoded::to_string(pairs).unwrap_or_default()
}
