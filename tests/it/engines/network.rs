//! Engines that are reached over the network. They are on this machine all the same: their containers see its
//! files.

use std::path::Path;
use std::process::Command;

use crate::support::daemon::Daemon;
use crate::support::server::output;
use crate::support::{Place, Ran};

/// A stream from this machine through a container, and back.
const THERE_AND_BACK: &str = "
steps:
  - {name: make, run: seq 100000, output: numbers}
  - {name: count, image: 'alpine:3.20', run: wc -l, input: numbers, output: count}
  - {name: write, run: cat > count, input: count}
";

#[test]
#[ignore = "needs root and Docker"]
fn an_engine_is_reached_over_the_network() {
    let daemon = Daemon::with(&["--host=tcp://127.0.0.1:0", "--tls=false"]);
    let host = format!("tcp://127.0.0.1:{}", daemon.port());
    for lane in ["fifo", "attach"] {
        let place = Place::with(THERE_AND_BACK);
        let mut command = place.command(&["run", "--stream-lane", lane]);
        Ran::of(command.env("DOCKER_HOST", &host).output().unwrap()).code(0);
        assert_eq!(place.read("count").trim(), "100000");
    }
    assert_eq!(daemon.containers(), "");
}

#[test]
#[ignore = "needs root and Docker"]
fn an_engine_and_its_user_know_each_other_by_certificates() {
    let place = Place::with(THERE_AND_BACK);
    let certificates = place.join("certificates");
    make_certificates(&certificates);
    let [ca, cert, key] = ["ca.pem", "server-cert.pem", "server-key.pem"].map(|name| certificates.join(name));
    let daemon = Daemon::with(&[
        "--host=tcp://127.0.0.1:0",
        "--tlsverify",
        &format!("--tlscacert={}", ca.display()),
        &format!("--tlscert={}", cert.display()),
        &format!("--tlskey={}", key.display()),
    ]);
    let host = format!("tcp://127.0.0.1:{}", daemon.port());
    let run = |certificates: &Path| {
        let mut command = place.command(&["run"]);
        command.env("DOCKER_HOST", &host).env("DOCKER_TLS_VERIFY", "1").env("DOCKER_CERT_PATH", certificates);
        Ran::of(command.output().unwrap())
    };
    run(&certificates).code(0);
    assert_eq!(place.read("count").trim(), "100000");
    // Another program's.
    let strange = place.join("strange");
    make_certificates(&strange);
    run(&strange).code(3).says(&format!("cannot reach Docker at {host}"));
    run(&place.join("nothing")).code(3).says(&format!("cannot reach Docker at {host}"));
}

/// An authority, a server of the loopback and a client, in the files that Docker looks for.
fn make_certificates(dir: &Path) {
    std::fs::create_dir_all(dir).unwrap();
    let openssl = |args: &[&str]| output(Command::new("openssl").args(args).current_dir(dir));
    let key = ["-newkey", "rsa:2048", "-noenc", "-keyout"];
    let authority = ["-x509", "-days", "2", "-subj", "/CN=authority", "-out", "ca.pem"];
    openssl(&[&["req"], &key[..], &["ca-key.pem"], &authority].concat());
    for (key_file, cert_file, extensions) in [
        ("server-key.pem", "server-cert.pem", "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n"),
        ("key.pem", "cert.pem", "extendedKeyUsage=clientAuth\n"),
    ] {
        std::fs::write(dir.join("extensions"), extensions).unwrap();
        openssl(&[&["req"], &key[..], &[key_file, "-subj", "/CN=localhost", "-out", "request"]].concat());
        let signs = ["-CA", "ca.pem", "-CAkey", "ca-key.pem", "-CAcreateserial", "-days", "2"];
        let sign = ["x509", "-req", "-in", "request", "-extfile", "extensions", "-out", cert_file];
        openssl(&[&sign[..], &signs].concat());
    }
}
