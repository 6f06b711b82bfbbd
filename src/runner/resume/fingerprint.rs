//! What a step's result hangs on, as far as the file and its params say.

use sha2::{Digest as _, Sha256};

use crate::executor::ImageSpec;
use crate::pipeline::{Fingerprint, ParamValue, Step};
use crate::runner::Shared;
use crate::runner::spec::Rendered;

/// The fingerprint of a rendered step, but for its image.
pub(in crate::runner) fn fingerprint(shared: &Shared, step: &Step, rendered: &Rendered) -> Fingerprint {
    let hash = |text: String| keyed(&shared.place.key, &text);
    let stream = |id| shared.pipeline.stream(id).name.as_str();
    let read: Vec<_> =
        step.inputs.iter().map(|input| (input.name.as_deref(), stream(input.port.stream))).collect();
    let made = step.output.map(|port| stream(port.stream));
    let value = |name: &String| match shared.values.get(name) {
        Some(ParamValue::Secret(secret)) => Some((name.clone(), secret.reveal().to_owned())),
        _ => None,
    };
    let secrets: Vec<_> = step.secrets.iter().filter_map(value).collect();
    let mut parts = Fingerprint::from([
        ("command".to_owned(), hash(format!("{:?}", rendered.program))),
        ("environment".to_owned(), hash(format!("{:?} {secrets:?}", rendered.env))),
        ("working directory".to_owned(), hash(format!("{:?}", rendered.working_dir))),
        ("list of streams and files".to_owned(), hash(format!("{read:?} {made:?} {:?}", rendered.produces))),
    ]);
    if let Some(container) = &rendered.container {
        parts.insert("container".to_owned(), hash(format!("{container:?}")));
    }
    parts
}

/// Adds which image a name means now, as the engine knows it.
pub(in crate::runner) async fn add_image(shared: &Shared, image: &ImageSpec, fingerprint: &mut Fingerprint) {
    let id = shared.executor.image_id(image).await;
    fingerprint.insert("image".to_owned(), keyed(&shared.place.key, &format!("{id:?}")));
}

/// A hash that tells nobody without the key whether a guess at the text is right.
fn keyed(key: &[u8], text: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(key);
    hash.update(text.as_bytes());
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
