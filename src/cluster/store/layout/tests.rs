use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::PathBuf;

use super::super::manifest::ManifestEntry;
use super::*;

fn entry(path: &str, content: Content) -> ManifestEntry {
    ManifestEntry { path: PathBuf::from(path).try_into().unwrap(), content }
}

/// When all of these files were written.
const MODIFIED: ModifiedTime = ModifiedTime { seconds: -86_400, nanos: 250_000_000 };

fn file(path: &str, text: &str, mode: u32) -> ManifestEntry {
    let (hash, size) = (FileHash::of(text.as_bytes()), text.len() as u64);
    entry(path, Content::File { hash, size, mode, modified: MODIFIED })
}

fn dir(path: &str, mode: u32) -> ManifestEntry {
    entry(path, Content::Folder { mode, modified: MODIFIED })
}

fn lay_out(folder: &Path, files: Vec<ManifestEntry>, texts: &[&str]) -> io::Result<()> {
    let layout = Layout::open(folder, Manifest { files })?;
    for text in texts {
        let mut new = layout.create(FileHash::of(text.as_bytes()))?;
        new.write(text.as_bytes())?;
        new.finish()?;
    }
    layout.finish()
}

fn mode(path: PathBuf) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn files_folders_and_links_come_out_with_their_modes() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("work");
    let files = vec![
        dir("closed", 0o555),
        file("closed/a", "one", 0o640),
        file("b/c/d", "one", 0o4755),
        file("b/e", "two", 0o600),
        entry("l", Content::Link { target: "b/e".into() }),
        dir("empty", 0o750),
    ];
    lay_out(&root, files.clone(), &["one", "two"]).unwrap();
    assert_eq!(fs::read_to_string(root.join("closed/a")).unwrap(), "one");
    assert_eq!(fs::read_to_string(root.join("b/c/d")).unwrap(), "one");
    assert_eq!(fs::read_to_string(root.join("l")).unwrap(), "two");
    assert_eq!(fs::read_link(root.join("l")).unwrap(), PathBuf::from("b/e"));
    let modes = ["closed", "closed/a", "b/c/d", "b/e", "empty"].map(|path| mode(root.join(path)));
    assert_eq!(modes, [0o555, 0o640, 0o755, 0o600, 0o750], "without the bits that change a user");
    assert_eq!(fs::read_dir(root.join("b")).unwrap().count(), 2, "nothing half is left");
    let modified = ["closed", "closed/a", "b/c/d", "b/e", "empty"].map(|path| {
        let metadata = fs::metadata(root.join(path)).unwrap();
        (metadata.mtime(), metadata.mtime_nsec())
    });
    assert_eq!(modified, [(-86_400, 250_000_000); 5]);

    // The manifest of the folder is the one that it was made of.
    let paths = files.iter().map(|entry| entry.path.path().to_owned());
    let found = Manifest::read(&root, paths).unwrap();
    assert_eq!(found.files.len(), files.len());
    assert_eq!(found.files[1], files[1]);
    fs::set_permissions(root.join("closed"), Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn nothing_is_written_through_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let (root, outside) = (folder.path().join("work"), folder.path().join("outside"));
    fs::create_dir_all(&root).unwrap();
    fs::create_dir_all(&outside).unwrap();
    fs::write(outside.join("file"), "untouched").unwrap();
    symlink(&outside, root.join("out")).unwrap();
    symlink(outside.join("file"), root.join("f")).unwrap();

    let error = lay_out(&root, vec![file("out/new", "one", 0o644)], &["one"]).unwrap_err();
    assert_eq!(error.to_string(), "`out/new` leads through a link or a file");
    let folder_entry = vec![dir("out", 0o700)];
    assert!(lay_out(&root, folder_entry, &[]).unwrap_err().to_string().contains("`out`"));
    let link = vec![entry("out/l", Content::Link { target: "x".into() })];
    assert!(lay_out(&root, link, &[]).is_err());
    // A link of the manifest itself leads nowhere either: files come before links.
    let both = vec![entry("a", Content::Link { target: outside.clone() }), file("a/new", "one", 0o644)];
    assert!(lay_out(&root, both, &["one"]).is_err());
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);

    // A link in the file's own place is replaced.
    lay_out(&root, vec![file("f", "one", 0o644)], &["one"]).unwrap();
    assert!(fs::symlink_metadata(root.join("f")).unwrap().is_file());
    assert_eq!(fs::read_to_string(outside.join("file")).unwrap(), "untouched");
}

#[test]
fn bytes_that_are_not_those_of_the_hash_get_no_name() {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::open(folder.path(), Manifest { files: vec![file("a", "right", 0o644)] }).unwrap();
    fs::write(folder.path().join("a"), "old").unwrap();
    let mut new = layout.create(FileHash::of(b"right")).unwrap();
    new.write(b"wrong").unwrap();
    let error = new.finish().unwrap_err().to_string();
    assert!(error.contains("has the hash"), "{error}");
    assert_eq!(fs::read_to_string(folder.path().join("a")).unwrap(), "old");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    assert!(layout.create(FileHash::of(b"unknown")).is_err());
}

#[test]
fn what_is_removed_is_in_the_folder_and_not_behind_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("work");
    lay_out(
        &root,
        vec![file("d/a", "one", 0o600), file("d/b", "one", 0o600), file("e/c", "one", 0o600)],
        &["one"],
    )
    .unwrap();
    fs::write(folder.path().join("kept"), "").unwrap();
    symlink("..", root.join("out")).unwrap();
    let paths = |paths: &[&str]| paths.iter().map(|path| PathBuf::from(path).try_into().unwrap()).collect();
    remove_below(&root, paths(&["d", "d/a", "e", "e/c", "e/none"])).unwrap();
    assert!(root.join("d/b").exists(), "a folder with something else in it stays");
    assert!(!root.join("d/a").exists() && !root.join("e").exists());
    assert!(
        remove_below(&root, paths(&["out/kept"])).unwrap_err().to_string().contains("leads through a link")
    );
    assert!(folder.path().join("kept").exists());
}
