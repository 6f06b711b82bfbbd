//! Colours, numbers and text of an SVG document.

use super::super::model::plain;

/// The style sheet. Every colour is given once for light pages and once for dark ones; where the viewer knows
/// no dark pages, the light ones stand on their own ground.
pub(super) const STYLE: &str = "
.page{fill:#fff;stroke:#d1d9e0}
.title{font:600 17px -apple-system,'Segoe UI','Noto Sans',Helvetica,Arial,sans-serif;fill:#1f2328}
.legend{font:12px -apple-system,'Segoe UI','Noto Sans',Helvetica,Arial,sans-serif;fill:#59636e}
.step text{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#1f2328;text-anchor:middle}
.name{font:11px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#0550ae;text-anchor:middle}
.step rect{fill:#f6f8fa;stroke:#818b98;stroke-width:1.2}
.gang{fill:#ddf4ff;fill-opacity:.55;stroke:#54aeff;stroke-opacity:.6}
path{fill:none}
.order{stroke:#818b98;stroke-width:1.5}
.stream{stroke:#0969da;stroke-width:3}
.stored{stroke:#8250df;stroke-width:2.2;stroke-dasharray:6 4}
.order-head{fill:#818b98}
.stream-head{fill:#0969da}
.stored-head{fill:#8250df}
.succeeded rect{fill:#dafbe1;stroke:#1a7f37}
.ignored rect{fill:#fff8c5;stroke:#9a6700}
.failed rect{fill:#ffebe9;stroke:#cf222e;stroke-width:2}
.stopped rect{fill:#fff1e5;stroke:#bc4c00}
.skipped rect{fill:#f6f8fa;stroke-dasharray:4 3}
.skipped text{fill:#59636e}
@media(prefers-color-scheme:dark){
.page{fill:#0d1117;stroke:#3d444d}
.title,.step text{fill:#f0f6fc}
.legend,.skipped text{fill:#9198a1}
.name{fill:#79c0ff}
.step rect{fill:#212830;stroke:#656c76}
.gang{fill:#1f6feb;fill-opacity:.13;stroke:#388bfd}
.order{stroke:#656c76}
.stream{stroke:#388bfd}
.stored{stroke:#ab7df8}
.order-head{fill:#656c76}
.stream-head{fill:#388bfd}
.stored-head{fill:#ab7df8}
.succeeded rect{fill:#12261e;stroke:#3fb950}
.ignored rect{fill:#272115;stroke:#d29922}
.failed rect{fill:#25171c;stroke:#f85149}
.stopped rect{fill:#221a16;stroke:#db6d28}
.skipped rect{fill:#151b23}
}
";

/// What is added where there are services, files that are used or shared containers.
pub(super) const STYLE_BESIDE: &str = "\
.use{stroke:#818b98;stroke-width:1.8;stroke-dasharray:1 5;stroke-linecap:round}
.container,.file{fill:none;stroke:#9a6700;stroke-opacity:.75}
.file{stroke:#6e7781}
.container-name,.file-name{font:10px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#7d4e00}
.file-name{fill:#59636e}
.ground{fill:#fff}
@media(prefers-color-scheme:dark){
.use{stroke:#656c76}
.container{stroke:#d29922}
.container-name{fill:#e3b341}
.file{stroke:#818b98}
.file-name{fill:#9198a1}
.ground{fill:#0d1117}
}
";

/// Returns text as XML.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::new();
    for char in plain(text).chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(char),
        }
    }
    out
}

/// Returns a coordinate to a tenth of a pixel.
pub(super) fn number(value: f64) -> String {
    let tenths = (value * 10.0).round() / 10.0;
    // Adding nothing turns -0 into 0.
    format!("{}", tenths + 0.0)
}

/// About how wide a text is, generously: characters of other scripts may take two places.
pub(super) fn text_width(text: &str, char: f64) -> f64 {
    let is_narrow = |it: char| it < '\u{1100}' || it == '…';
    text.chars().map(|it| if is_narrow(it) { char } else { char.max(8.0) * 1.8 }).sum()
}
