//! The README and the book in `docs/`: what they show is what there is.
//!
//! A page is a session in a folder of its own, where `data` lies. From top to bottom, a block that is a file
//! is written there, and a block of the language `console` is run: each line `$ COMMAND` is, and the lines
//! after it are what it prints. There `…` stands for any text, and alone on a line for any lines. Times,
//! rates, who was slow, ids of runs and the folder's path are not compared.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::support::Place;
use crate::support::markdown::{Block, Page};
use regex::Regex;

/// A folder with some `data`.
fn folder() -> Place {
    let place = Place::new();
    place.write("data/report.txt", "one\ntwo\nthree\n");
    place.write("data/two words.txt", "a name with a space\n");
    let numbers: String = (1..=2000).map(|number| format!("{number}\n")).collect();
    place.write("data/photos/numbers.txt", numbers);
    place
}

/// Writes a block that is a file, a script so that it can be run.
fn write(place: &Place, block: &Block<'_>) {
    let Some(name) = block.file() else { return };
    place.write(name, block.text);
    if block.text.starts_with("#!") {
        fs::set_permissions(place.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
}

/// What a command makes of it; `pipe` is the one of this repository, and nothing tells it that this is CI.
fn bash(place: &Place, words: &[&str]) -> Output {
    let folder = Path::new(env!("CARGO_BIN_EXE_pipe")).parent().unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("bash");
    command.args(words).current_dir(place.path()).stdin(Stdio::null());
    for name in ["NO_COLOR", "CLICOLOR_FORCE", "CI", "GITHUB_ACTIONS", "GITLAB_CI"] {
        command.env_remove(name);
    }
    command.env("PATH", path).env("LC_ALL", "C").output().unwrap()
}

/// Text without what is another one each time.
fn plain(text: &str, place: &Place) -> String {
    let folder = place.path().canonicalize().unwrap();
    let text = text.replace(folder.to_str().unwrap(), "/home/me/project");
    let changing = [
        (r"\d{8}-\d{6}-[0-9a-f]{4}", "ID"),
        (r"\d+m \d+s|\d[\d.]* m?s\b", "TIME"),
        // A busy machine starts containers slowly.
        (r" *TIME of it to start,", ""),
        (r" *started in TIME,", ""),
        (r"\d[\d.]* [KMG]?i?B/s", "RATE"),
        (r"\d+:\d+, the caller", "USER, the caller"),
        (r"(?m)^.*`[^`]*` (?:held the pace|was waited for).*\n", ""),
        (r" +", " "),
    ];
    let text = changing
        .iter()
        .fold(text, |text, (from, to)| Regex::new(from).unwrap().replace_all(&text, *to).into());
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim_end().to_owned()
}

/// Whether that is what was printed, `…` being anything.
fn shows(shown: &str, printed: &str) -> bool {
    let line = |line: &str| match line.trim() {
        "…" => "(?:.*\n)*".to_owned(),
        _ => line.split('…').map(regex::escape).collect::<Vec<_>>().join(".*") + "\n",
    };
    let pattern: String = shown.lines().map(line).collect();
    let printed = if printed.is_empty() { String::new() } else { format!("{printed}\n") };
    Regex::new(&format!("^{pattern}$")).unwrap().is_match(&printed)
}

/// The pages whose consoles start containers.
const WITH_CONTAINERS: [&str; 2] = ["docs/how-to/containers.md", "docs/how-to/from-compose.md"];

#[test]
fn consoles_show_what_is_printed() {
    let commands = consoles(Page::all().into_iter().filter(|page| !WITH_CONTAINERS.contains(&&*page.name())));
    assert!(commands > 20, "only {commands} commands are shown");
}

#[test]
#[ignore = "needs Docker"]
fn consoles_of_containers_show_what_is_printed() {
    let commands = consoles(Page::all().into_iter().filter(|page| WITH_CONTAINERS.contains(&&*page.name())));
    assert!(commands > 5, "only {commands} commands are shown");
}

/// Compares the consoles of the pages with what is printed; returns how many commands there are.
fn consoles(pages: impl Iterator<Item = Page>) -> usize {
    let mut commands = 0;
    for page in pages {
        let place = folder();
        for block in page.blocks() {
            write(&place, &block);
            if block.language != "console" {
                continue;
            }
            for session in format!("\n{}", block.text).split("\n$ ").skip(1) {
                let (command, shown) = session.split_once('\n').unwrap_or((session, ""));
                let ran = bash(&place, &["-c", &format!("{{ {command}\n}} 2>&1")]);
                let printed = plain(&String::from_utf8_lossy(&ran.stdout), &place);
                let shown = plain(shown, &place);
                assert!(
                    shows(&shown, &printed),
                    "{}: `{command}` prints\n{printed}\n--- and the page shows\n{shown}",
                    page.name()
                );
                commands += 1;
            }
        }
    }
    commands
}

#[test]
fn pipelines_are_valid_or_said_to_be_wrong() {
    for page in Page::all() {
        let blocks = page.pipelines();
        let (used, own): (Vec<&Block<'_>>, Vec<&Block<'_>>) =
            blocks.iter().partition(|block| block.is_used());
        for block in own {
            let place = folder();
            used.iter().for_each(|used| write(&place, used));
            place.write("pipeline.yml", block.text);
            let args: Vec<&str> = ["validate"].into_iter().chain(block.flag()).collect();
            let ran = place.pipe(&args);
            let code = if block.is_wrong() { 2 } else { 0 };
            assert_eq!(ran.code, Some(code), "{}:\n{}\n{}", page.name(), block.text, ran.stderr);
        }
    }
}

#[test]
fn files_of_other_programs_can_be_read_by_them() {
    let mut seen = [0; 3];
    for page in Page::all() {
        for block in page.blocks() {
            let (kind, checked) = match block.language {
                "sh" | "bash" => (0, Some(bash(&folder(), &["-n", "-c", block.text]))),
                "make" => {
                    let place = folder();
                    place.write("Makefile", block.text);
                    (1, Some(bash(&place, &["-c", "make --dry-run --warn-undefined-variables"])))
                }
                "yaml" => {
                    let read = serde_yaml::from_str::<serde_json::Value>(block.text);
                    assert!(read.is_ok(), "{}: {}\n{read:?}", page.name(), block.text);
                    (2, None)
                }
                _ => continue,
            };
            seen[kind] += 1;
            let complaint = checked.map(|output| String::from_utf8_lossy(&output.stderr).into_owned());
            assert_eq!(complaint.unwrap_or_default(), "", "{}:\n{}", page.name(), block.text);
        }
    }
    assert!(seen.iter().all(|count| *count > 0), "{seen:?}");
}

/// The files of a folder and their bytes.
fn files(place: &Place, folder: &str) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(place.join(folder))
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect();
    files.sort();
    files
}

/// The first block in a language of one page.
fn first<'a>(page: &'a Page, language: &str) -> Block<'a> {
    page.blocks().into_iter().find(|block| block.language == language).unwrap()
}

/// Runs what a page begins with, and then the pipeline that it ends in, on the same data; both leave the same
/// files in these folders.
fn before_and_after_are_the_same(name: &str, language: &str, command: &str, folders: &[&str]) {
    let (page, place) = (Page::of_the_book(name), folder());
    write(&place, &first(&page, language));
    write(&place, &page.pipelines()[0]);
    let run = |command: &str| {
        let ran = bash(&place, &["-c", command]);
        assert!(ran.status.success(), "{command}: {}", String::from_utf8_lossy(&ran.stderr));
        folders.iter().map(|folder| files(&place, folder)).collect::<Vec<_>>()
    };
    let before = run(command);
    assert!(before.iter().all(|files| files.len() >= 2), "{name}: it makes little");
    folders.iter().for_each(|folder| fs::remove_dir_all(place.join(folder)).unwrap());
    let after = run("pipe run");
    assert!(before == after, "{name}: {command} and the pipeline make different files");
}

#[test]
fn the_script_and_its_pipeline_make_the_same_backup() {
    before_and_after_are_the_same("how-to/from-bash.md", "bash", "./backup.sh", &["backup", "remote"]);
    let place = folder();
    write(&place, &Page::of_the_book("how-to/from-bash.md").pipelines()[0]);
    place.pipe(&["run"]).code(0);
    place.sh("mkdir unpacked && tar xzf backup/data.tar.gz -C unpacked && diff -r data unpacked/data");
    place.sh("gunzip -c backup/data.tar.gz | sha256sum -c backup/data.tar.sha256");
}

#[test]
fn the_makefile_and_its_pipeline_make_the_same_release() {
    before_and_after_are_the_same("how-to/from-make.md", "make", "make", &["out", "public"]);
}

/// The files of this repository that have links beside the pages: no page has to lead to them.
const BESIDE: [&str; 4] = ["CONTRIBUTING.md", "SECURITY.md", "RELEASING.md", "CHANGELOG.md"];

#[test]
fn links_lead_to_what_there_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let book = root.join("docs");
    let mut links = 0;
    for page in Page::all().into_iter().chain(BESIDE.map(|name| Page::read(root.join(name)))) {
        for link in page.links().iter().filter(|link| !link.contains("://")) {
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match path {
                "" => page.path.clone(),
                path => page.path.parent().unwrap().join(path),
            };
            assert!(target.exists(), "{}: there is no {link}", page.name());
            let has_anchor =
                anchor.is_empty() || Page::read(target.clone()).anchors().iter().any(|known| known == anchor);
            assert!(has_anchor, "{}: nothing is called {link}", page.name());
            // What is not in the book is not published with it.
            let leaves = page.path.starts_with(&book) && !target.canonicalize().unwrap().starts_with(&book);
            assert!(!leaves, "{}: {link} leads out of the book", page.name());
            links += 1;
        }
    }
    assert!(links > 100, "only {links} links");
}

/// Pages for those who change the code name its files, which move.
#[test]
fn files_of_the_code_that_pages_name_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = Regex::new(r"`((?:src|tests|benches|docs|examples|fuzz|\.ci|\.github)/[\w./-]+)`").unwrap();
    let mut paths = 0;
    for page in Page::all().into_iter().chain(BESIDE.map(|name| Page::read(root.join(name)))) {
        for found in path.captures_iter(&page.prose()) {
            assert!(root.join(&found[1]).exists(), "{}: there is no {}", page.name(), &found[1]);
            paths += 1;
        }
    }
    assert!(paths > 40, "only {paths} paths");
}

/// mdBook makes pages only of what its summary names.
#[test]
fn every_page_can_be_reached_from_the_summary() {
    let summary = Page::of_the_book("SUMMARY.md");
    let links = summary.links();
    for page in Page::all().iter().filter(|page| page.name() != "README.md" && page.path != summary.path) {
        let name = page.name();
        let named = links.iter().filter(|link| Some(link.as_str()) == name.strip_prefix("docs/")).count();
        assert_eq!(named, 1, "docs/SUMMARY.md leads to {name} so often");
    }
}

/// The hello world of the front page runs in an empty folder, and prints what follows it.
#[test]
fn the_hello_world_runs_as_pasted() {
    let (readme, place) = (Page::readme(), Place::new());
    let ran = bash(&place, &["-c", first(&readme, "sh").text]);
    let printed = plain(&String::from_utf8_lossy(&ran.stdout), &place);
    assert!(ran.status.success(), "{printed}{}", String::from_utf8_lossy(&ran.stderr));
    // Steps that run side by side print in any order.
    let shown = plain(first(&readme, "text").text, &place);
    let is_printed = shown.split("…\n").all(|piece| printed.contains(piece.trim_end()));
    assert!(is_printed, "it prints\n{printed}\n--- and the page shows\n{shown}");
}

/// The front page stays one that is read to its end.
#[test]
fn the_front_page_is_short() {
    let lines = Page::readme().text.lines().count();
    assert!(lines <= 150, "README.md has {lines} lines");
}

/// The release that the front page names is the one that is built, and the changelog tells of it.
#[test]
fn one_version_is_named_everywhere() {
    let version = env!("CARGO_PKG_VERSION");
    let changelog = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("CHANGELOG.md")).unwrap();
    assert!(changelog.contains(&format!("\n## [{version}] - ")), "CHANGELOG.md does not tell of {version}");
    let named = Regex::new(r"pipe@v(\d+\.\d+\.\d+)").unwrap();
    for page in Page::all() {
        for found in named.captures_iter(&page.text) {
            assert_eq!(&found[1], version, "{}", page.name());
        }
    }
}
