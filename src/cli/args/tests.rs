//! The command line as its parser sees it.

use clap::CommandFactory;

#[test]
fn a_report_has_a_kind_and_a_file() {
    let report = |text| super::report(text).map(|report| report.file.display().to_string());
    assert_eq!(report("junit=a=b.xml").unwrap(), "a=b.xml");
    assert_eq!(report("juint=x").unwrap_err(), "there is no kind of report `juint`; did you mean `junit`?");
    assert_eq!(report("html=x").unwrap_err(), "there is no kind of report `html`; there is only `junit`");
    assert!(report("junit").is_err() && report("junit=").is_err());
}

#[test]
fn the_command_line_is_consistent() {
    super::Cli::command().debug_assert();
}
