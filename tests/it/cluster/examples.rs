//! The examples of this repository in a cluster.

use std::path::Path;

use crate::support::cluster::{HEAD, Namespace};
use crate::support::release::binary;
use crate::support::{Place, Ran, pipelines};

/// What an example lacks here: the image of this program.
fn in_cluster(example: &str) -> String {
    let own = example.replace("kubernetes:\n", "kubernetes:\n  helper_image: 'pipe-test/helper:1'\n");
    match own == example {
        true => format!("{}\n{example}", HEAD.lines().next().unwrap()),
        false => own,
    }
}

/// A place with what the examples read, and with them as a cluster of tests takes them.
fn place() -> Place {
    let place = Place::new();
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).display();
    place.sh(&format!("cp -Rp '{repository}/examples' '{repository}/docs' . && mkdir src && cp -p '{repository}'/src/*.rs src"));
    for file in pipelines("examples") {
        let text = std::fs::read_to_string(&file).unwrap();
        place.write(&format!("examples/{}", file.file_name().unwrap().to_str().unwrap()), in_cluster(&text));
    }
    place
}

const IMAGE: [&str; 2] = ["--image", "debian:bookworm-slim"];

fn run(namespace: &Namespace, place: &Place, file: &str) -> Ran {
    namespace.run(place, &[&[file], &IMAGE[..]].concat())
}

#[test]
#[ignore = "needs a cluster"]
fn the_backup_is_the_same_as_on_this_machine() {
    let namespace = Namespace::new("backup");
    let place = place();
    Ran::of(
        place.command_of(binary(), &["run", "examples/backup.yml", "-p", "folder=here"]).output().unwrap(),
    )
    .code(0);
    run(&namespace, &place, "examples/backup.yml").code(0);
    for name in ["src-full.tar.gz", "src-full.tar.sha256", "src-full.count", "remote/src-full.tar.gz"] {
        place.sh(&format!("cmp here/{name} backup/{name}"));
    }
    namespace.is_deserted();
}

/// Others write files that later steps read, and do not say so: a pod does not have them.
#[test]
#[ignore = "needs a cluster"]
fn examples_that_declare_their_files_end_well() {
    let namespace = Namespace::new("examples");
    for name in ["cluster.yml", "outputs.yml", "params.yml"] {
        run(&namespace, &place(), &format!("examples/{name}")).code(0);
    }
    namespace.is_deserted();
}
