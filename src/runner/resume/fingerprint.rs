//! What a step's result depends on, as far as the file and its params say.

use sha2::{Digest as _, Sha256};

use crate::pipeline::{Fingerprint, Step};
use crate::runner::Job;
use crate::runner::spec::Rendered;

/// The part that is not known before an engine is asked.
pub(super) const IMAGE: &str = "image";

/// Returns the fingerprint of a rendered step, without its image.
pub(in crate::runner) fn fingerprint(job: &Job, step: &Step, rendered: &Rendered) -> Fingerprint {
    let Rendered { program, env, working_dir, container, shared, produces, products_dir: _ } = rendered;
    let Step {
        secrets,
        inputs,
        output,
        // Rendered.
        member: _,
        action: _,
        env: _,
        working_dir: _,
        container: _,
        produces: _,
        // They say when and how often it runs, and what for, not what it does.
        name: _,
        description: _,
        at: _,
        role: _,
        call: _,
        service: _,
        services: _,
        shared: _,
        user: _,
        condition: _,
        // It says where, and not what.
        kubernetes: _,
        admission: _,
        depends_on: _,
        terminal: _,
        policy: _,
        early: _,
    } = step;
    let hash = |text: String| keyed(&job.place.key, &text);
    let stream = |id| job.pipeline.stream(id).name.as_str();
    let read: Vec<_> =
        inputs.iter().map(|input| (input.name.as_deref(), stream(input.port.stream))).collect();
    let made = output.map(|port| stream(port.stream));
    let value =
        |name: &String| Some((name.clone(), job.templates.secret(step.call, name)?.reveal().to_owned()));
    let secrets: Vec<_> = secrets.iter().filter_map(value).collect();
    let mut parts = Fingerprint::from([
        ("command".to_owned(), hash(format!("{program:?}"))),
        ("environment".to_owned(), hash(format!("{env:?} {secrets:?}"))),
        ("working directory".to_owned(), hash(format!("{working_dir:?}"))),
        ("list of streams and files".to_owned(), hash(format!("{read:?} {made:?} {produces:?}"))),
    ]);
    if let Some(container) = container {
        let user = shared.as_ref().and_then(|shared| shared.user.as_ref());
        let user = user.map(|user| format!(" {user}")).unwrap_or_default();
        parts.insert("container".to_owned(), hash(format!("{container:?}{user}")));
    }
    parts
}

/// Adds the identity of the image that a name means now.
pub(in crate::runner) fn add_image(job: &Job, id: Option<String>, fingerprint: &mut Fingerprint) {
    fingerprint.insert(IMAGE.to_owned(), keyed(&job.place.key, &format!("{id:?}")));
}

/// Returns a hash by which a guess at the text cannot be checked without the key.
fn keyed(key: &[u8], text: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(key);
    hash.update(text.as_bytes());
    let number = hash.finalize().iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    format!("{number:016x}")
}
