//! Members of groups: `steps.NAME.members`, a list of those that have succeeded.

use std::collections::BTreeMap;

use minijinja::value::Value;

use super::values;
use crate::pipeline::{Member, Pipeline};

/// A step of a group, as templates see it.
#[derive(Debug, Clone)]
pub struct GroupMember {
    /// Its name.
    pub step: String,
    /// Its values of the matrix.
    pub member: Member,
}

/// The groups of a pipeline, by name, each with its steps in order.
pub type Groups = BTreeMap<String, Vec<GroupMember>>;

/// Returns the groups of a pipeline.
pub fn groups(pipeline: &Pipeline) -> Groups {
    let member = |id: &_| {
        let step = pipeline.step(*id);
        Some(GroupMember { step: step.name.clone(), member: step.member.as_deref()?.clone() })
    };
    let groups = pipeline.groups.iter();
    groups.map(|group| (group.name.clone(), group.members.iter().filter_map(member).collect())).collect()
}

/// Returns the members of a group that have succeeded: each with `name`, `matrix` and `outputs`, which is nothing for a
/// step that has not.
pub(super) fn members(group: &[GroupMember], outputs: impl Fn(&str) -> Option<Value>) -> Value {
    let entry = |member: &GroupMember| {
        let outputs = outputs(&member.step)?;
        let name = Value::from(member.step.as_str());
        let entry = [("name", name), ("matrix", values::matrix(&member.member)), ("outputs", outputs)];
        let entry = entry.map(|(key, value)| (key.to_owned(), value));
        Some(Value::from_object(BTreeMap::from(entry)))
    };
    group.iter().filter_map(entry).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::pipeline::{GroupId, MatrixValue, Outputs, Span};
    use crate::template::{
        Names, RunContext, Scope, StepOutputs, StepOutputsMode, TemplateRenderer, TextContext, compile,
    };

    fn rendered(source: &str, succeeded: &[(&str, &str)]) -> String {
        let member = |os: &str| GroupMember {
            step: format!("my-test.{os}"),
            member: Member {
                group: GroupId::new(0),
                matrix: vec![("os".into(), MatrixValue::Text(os.into()))],
            },
        };
        let groups = [("my-test".to_owned(), vec![member("alpine"), member("bookworm")])].into();
        let names = Names { steps: true, ..Names::default() };
        let text = compile(source, Span::default(), TextContext::Plain, &names).unwrap();
        assert_eq!(text.members[0].group, "my-test");
        let outputs = |n: &str| Arc::new(Outputs::from([("n".to_owned(), n.to_owned())]));
        let given: StepOutputs = succeeded.iter().map(|(step, n)| ((*step).to_owned(), outputs(n))).collect();
        let scope = Scope { outputs: StepOutputsMode::These(&given), ..Scope::default() };
        TemplateRenderer::new(RunContext { groups, ..RunContext::default() }).render(&text, scope).unwrap()
    }

    #[test]
    fn members_are_those_that_have_succeeded_in_the_order_of_the_matrix() {
        let each = "{% for m in steps.my-test.members %}{{ m.name }} {{ m.matrix.os }}={{ m.outputs.n }} {% endfor %}";
        let both = [("my-test.bookworm", "2"), ("my-test.alpine", "1"), ("other", "3")];
        assert_eq!(rendered(each, &both), "my-test.alpine alpine=1 my-test.bookworm bookworm=2 ");
        assert_eq!(rendered(each, &both[..1]), "my-test.bookworm bookworm=2 ");
        assert_eq!(rendered("{{ steps['my-test'].members | length }}", &[]), "0");
    }
}
