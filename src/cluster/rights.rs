//! The rights that a run needs in its namespace, and those of them that are missing. The pods of a run need none.

use std::fmt::Write as _;

/// A right: something that may be done with a kind of object, in one namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Right {
    /// The group of the API; the first one has no name.
    pub group: &'static str,
    /// The kind of object, with a part of it after a slash: `pods/portforward`.
    pub resource: &'static str,
    /// What may be done with it.
    pub verb: &'static str,
}

/// Some rights to one kind of object, and what a run does with them.
struct Rights {
    group: &'static str,
    resource: &'static str,
    verbs: &'static [&'static str],
    why: &'static str,
}

/// Whatever a run needs. Secrets are made and never read.
const NEEDED: &[Rights] = &[
    Rights {
        group: "batch",
        resource: "jobs",
        verbs: &["create", "get", "list", "watch", "delete"],
        why: "the hub of a run, which owns the rest; `pipe clean` lists those that are left",
    },
    Rights {
        group: "",
        resource: "pods",
        verbs: &["create", "get", "list", "watch", "delete"],
        why: "steps that start together are a pod",
    },
    // With WebSockets a connection counts as `get`; newer clusters ask for `create`.
    Rights {
        group: "",
        resource: "pods/portforward",
        verbs: &["get", "create"],
        why: "the connection to the hub",
    },
    Rights {
        group: "",
        resource: "secrets",
        verbs: &["create", "delete"],
        why: "keys of the run, and its secret params; never read",
    },
];

/// What the hub's own volume needs, if the file asks for one.
const OF_VOLUME: &[Rights] = &[Rights {
    group: "",
    resource: "persistentvolumeclaims",
    verbs: &["create", "delete"],
    why: "the volume of `kubernetes.store.class`",
}];

/// Returns the rights that a run needs. `has_volume` says whether its hub has a volume of its own.
pub fn needed(has_volume: bool) -> impl Iterator<Item = Right> {
    let of_volume: &[Rights] = if has_volume { OF_VOLUME } else { &[] };
    NEEDED.iter().chain(of_volume).flat_map(|rights| {
        let Rights { group, resource, verbs, why: _ } = rights;
        verbs.iter().map(|verb| Right { group, resource, verb })
    })
}

/// Says which rights are missing, and how they are given; nothing if none is.
pub fn missing(namespace: &str, missing: &[Right]) -> Option<(String, String)> {
    let mut by_resource: Vec<(&str, Vec<&str>)> = Vec::new();
    for Right { resource, verb, group: _ } in missing {
        match by_resource.iter_mut().find(|(known, _)| known == resource) {
            Some((_, verbs)) => verbs.push(verb),
            None => by_resource.push((resource, vec![verb])),
        }
    }
    let parts: Vec<String> =
        by_resource.iter().map(|(resource, verbs)| format!("{} {resource}", verbs.join(", "))).collect();
    let what = match parts.split_last() {
        None => return None,
        Some((only, [])) => only.clone(),
        Some((last, others)) => format!("{}, and {last}", others.join("; ")),
    };
    Some((
        format!("you may not do all that a run needs in the namespace {namespace}: {what}"),
        format!(
            "let an administrator run `kubectl apply -n {namespace} -f` with the role on the page \"Run in a Kubernetes cluster\" \
             of the book"
        ),
    ))
}

/// Returns the role of users of `pipe`, and its binding to a group of users, as a file for `kubectl apply -n NAMESPACE`.
pub fn role() -> String {
    let mut text = String::from(
        "# What runs of `pipe` need, in the namespace that they are in. Their pods need nothing.\n\
         apiVersion: v1\nkind: List\nitems:\n\
         - apiVersion: rbac.authorization.k8s.io/v1\n  kind: Role\n  metadata: {name: pipe}\n  rules:\n",
    );
    for Rights { group, resource, verbs, why } in NEEDED.iter().chain(OF_VOLUME) {
        let group = if group.is_empty() { "\"\"" } else { group };
        let verbs = verbs.join(", ");
        let _ = writeln!(text, "  # {}.", capital(why));
        let _ = writeln!(text, "  - {{apiGroups: [{group}], resources: [{resource}], verbs: [{verbs}]}}");
    }
    text.push_str(
        "- apiVersion: rbac.authorization.k8s.io/v1\n  kind: RoleBinding\n  metadata: {name: pipe}\n  \
         roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: pipe}\n  \
         subjects:\n  - {apiGroup: rbac.authorization.k8s.io, kind: Group, name: developers} # or kind: User\n",
    );
    text
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_book_has_the_role() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/how-to/kubernetes.md");
        let page = std::fs::read_to_string(page).unwrap();
        assert!(
            page.contains(&format!("```yaml\n{}```\n", role())),
            "the page has no such block:\n{}",
            role()
        );
    }

    #[test]
    fn secrets_are_never_read() {
        let verbs: Vec<&str> =
            needed(true).filter(|right| right.resource == "secrets").map(|right| right.verb).collect();
        assert_eq!(verbs, ["create", "delete"]);
        assert_eq!(needed(true).count() - needed(false).count(), 2);
    }

    #[test]
    fn what_is_missing_is_said_by_kind() {
        assert_eq!(missing("x", &[]), None);
        let all: Vec<Right> = needed(false)
            .filter(|right| {
                matches!((right.resource, right.verb), ("pods", "create" | "watch") | ("secrets", _))
            })
            .collect();
        let (sentence, help) = missing("team", &all).unwrap();
        assert_eq!(
            sentence,
            "you may not do all that a run needs in the namespace team: create, watch pods, and create, delete secrets"
        );
        assert!(help.contains("kubectl apply -n team"));
    }
}
