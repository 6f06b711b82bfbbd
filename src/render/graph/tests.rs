//! The text forms of a small fan-out, and what no name or title may do to a drawing.

mod beside;

use proptest::prelude::*;

use super::*;

/// Returns a graph from lines of `FROM -> TO`, `FROM =STREAM=> TO` (live) and `FROM ~STREAM~> TO` (stored),
/// or a lone name.
fn sketch(title: &str, text: &str) -> Graph {
    let mut graph = Graph { title: title.into(), ..Graph::default() };
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let mut node = |label: &str| {
            graph.nodes.iter().position(|node| node.label == label).unwrap_or_else(|| {
                graph.nodes.push(GraphNode { label: label.into(), ..GraphNode::default() });
                graph.nodes.len() - 1
            })
        };
        let from = node(words[0]);
        let [_, arrow, to] = words[..] else { continue };
        let to = node(to);
        let name = arrow.trim_matches(['=', '~', '-', '>']).to_owned();
        let kind = match arrow.as_bytes()[0] {
            b'=' => ArrowKind::Stream { name },
            b'~' => ArrowKind::Stored { name },
            _ => ArrowKind::Order,
        };
        graph.edges.push(GraphEdge { from, to, kind });
    }
    for _ in 0..graph.nodes.len() {
        for edge in &graph.edges {
            graph.nodes[edge.to].rank = graph.nodes[edge.to].rank.max(graph.nodes[edge.from].rank + 1);
            if matches!(edge.kind, ArrowKind::Stream { .. }) {
                let group = |node: usize| graph.nodes[node].group.unwrap_or(node);
                let least = group(edge.from).min(group(edge.to));
                graph.nodes[edge.from].group = Some(least);
                graph.nodes[edge.to].group = Some(least);
            }
        }
    }
    graph
}

fn backup() -> Graph {
    sketch(
        "backup: the \"nightly\" one",
        "prepare -> archive\narchive =tar-stream=> compress\narchive =tar-stream=> checksum\n\
         archive ~tar-stream~> verify\narchive -> notify\ncompress -> verify\ncompress -> manifest\nchecksum -> manifest",
    )
}

#[test]
fn text_shows_levels_and_two_kinds_of_arrow() {
    let mut graph = backup();
    graph.nodes[0].class = Some(Class::Succeeded);
    insta::assert_snapshot!(text(&graph), @r#"
    backup: the "nightly" one

    1  prepare (succeeded)
         ──▶ archive

    2  archive
         ══ tar-stream ══▶ compress, checksum
         ┄┄ tar-stream ┄┄▶ verify
         ────────────────▶ notify

    3  compress
         ──▶ verify, manifest
       checksum
         ──▶ manifest
       notify

    4  verify
       manifest

    ──▶ runs after   ══▶ stream, at the same time   ┄┄▶ stream, from disk
    "#);
}

#[test]
fn edges_that_run_together_are_one_arrow() {
    let mut dense = String::new();
    for from in 0..12 {
        (0..12).for_each(|to| dense += &format!("build-part-{from} -> test-part-{to}\n"));
    }
    insta::assert_snapshot!(text(&sketch("dense", &dense)), @r"
    dense

    1  build-part-0, build-part-1, build-part-2, build-part-3, build-part-4,
       build-part-5, build-part-6, build-part-7, build-part-8, build-part-9,
       build-part-10, build-part-11
         ──▶ test-part-0, test-part-1, test-part-2, test-part-3, test-part-4,
             test-part-5, test-part-6, test-part-7, test-part-8, test-part-9,
             test-part-10, test-part-11

    2  test-part-0
       test-part-1
       test-part-2
       test-part-3
       test-part-4
       test-part-5
       test-part-6
       test-part-7
       test-part-8
       test-part-9
       test-part-10
       test-part-11

    ──▶ runs after
    ");
}

#[test]
fn mermaid_draws_streams_thick_and_stored_ones_dotted() {
    let mut graph = backup();
    graph.nodes[0].class = Some(Class::Failed);
    insta::assert_snapshot!(mermaid(&graph), @r#"
    ---
    title: "backup: the \"nightly\" one"
    ---
    flowchart LR
      subgraph g0 [" "]
        n1["archive"]
        n2["compress"]
        n3["checksum"]
      end
      n0["prepare"]:::failed
      n4["verify"]
      n5["notify"]
      n6["manifest"]
      n0 --> n1
      n1 ==>|"tar-stream"| n2
      n1 ==>|"tar-stream"| n3
      n1 -.->|"tar-stream (from disk)"| n4
      n1 --> n5
      n2 --> n4
      n2 --> n6
      n3 --> n6
      classDef failed fill:#ffebe9,stroke:#cf222e,color:#1f2328
    "#);
}

#[test]
fn dot_draws_streams_bold_and_stored_ones_dashed() {
    insta::assert_snapshot!(dot(&backup()), @r##"
    digraph "backup: the \"nightly\" one" {
      label="backup: the \"nightly\" one"; labelloc=t; rankdir=LR;
      fontname="sans-serif";
      node [shape=box, style="rounded,filled", fillcolor="#ffffff", color="#59636e", fontname="monospace"];
      edge [color="#6e7781", fontname="monospace", fontsize=10];
      subgraph cluster_0 { label=""; style="rounded"; color="#54aeff"; n1; n2; n3; }
      n0 [label="prepare"];
      n1 [label="archive"];
      n2 [label="compress"];
      n3 [label="checksum"];
      n4 [label="verify"];
      n5 [label="notify"];
      n6 [label="manifest"];
      n0 -> n1;
      n1 -> n2 [label="tar-stream", penwidth=3, color="#0969da"];
      n1 -> n3 [label="tar-stream", penwidth=3, color="#0969da"];
      n1 -> n4 [label="tar-stream (from disk)", penwidth=2, style=dashed, color="#8250df"];
      n1 -> n5;
      n2 -> n4;
      n2 -> n6;
      n3 -> n6;
    }
    "##);
}

#[test]
fn text_that_means_something_elsewhere_is_escaped() {
    let nasty = "a \"b\" <c> & 'd' \\n #e; `f` ]] -->\u{1b}[31m\u{202e}\ng";
    let mut graph = sketch(nasty, "x =s=> y\nx ~t~> y");
    graph.nodes[0].label = nasty.into();
    graph.edges[0].kind = ArrowKind::Stream { name: nasty.into() };
    insta::assert_snapshot!(mermaid(&graph), @r#"
    ---
    title: "a \"b\" <c> & 'd' \\n #e; `f` ]] -->[31m g"
    ---
    flowchart LR
      subgraph g0 [" "]
        n0["a #34;b#34; #60;c#62; #38; #39;d#39; #92;n #35;e#59; #96;f#96; #93;#93; --#62;#91;31m g"]
        n1["y"]
      end
      n0 ==>|"a #34;b#34; #60;c#62; #38; #39;d#39; #92;n #35;e#59; #96;f#96; #93;#93; --#62;#91;31m g"| n1
      n0 -.->|"t (from disk)"| n1
    "#);
    insta::assert_snapshot!(dot(&graph).lines().filter(|line| line.contains("f`")).collect::<Vec<_>>().join("\n"), @r##"
    digraph "a \"b\" <c> & 'd' \\n #e; `f` ]] -->[31m g" {
      label="a \"b\" <c> & 'd' \\n #e; `f` ]] -->[31m g"; labelloc=t; rankdir=LR;
      n0 [label="a \"b\" <c> & 'd' \\n #e; `f` ]] -->[31m g"];
      n0 -> n1 [label="a \"b\" <c> & 'd' \\n #e; `f` ]] -->[31m g", penwidth=3, color="#0969da"];
    "##);
    let drawing = svg(&graph);
    well_formed(&drawing).unwrap();
    assert!(
        drawing.contains(
            "<title>a &quot;b&quot; &lt;c&gt; &amp; &#39;d&#39; \\n #e; `f` ]] --&gt;[31m g</title>"
        )
    );
    assert!(!text(&graph).contains(['\u{1b}', '\u{202e}']));
}

#[test]
fn graphs_of_nothing_and_with_loose_edges_are_drawn() {
    let mut graph = Graph::default();
    graph.edges.push(GraphEdge { from: 0, to: 7, kind: ArrowKind::Order });
    for _ in 0..2 {
        well_formed(&svg(&graph)).unwrap();
        assert!(!(text(&graph) + &dot(&graph) + &mermaid(&graph)).contains("n7"));
        graph.nodes.push(GraphNode::default());
        // Against the ranks, and to itself.
        graph.edges.push(GraphEdge { from: 0, to: 0, kind: ArrowKind::Order });
    }
}

#[test]
fn a_graph_too_large_to_be_read_is_still_drawn() {
    let nodes = (0..150).map(|rank| GraphNode { label: format!("s{rank}"), rank, ..GraphNode::default() });
    let edges = (0..150).flat_map(|from| {
        (from + 1..150).step_by(5).map(move |to| GraphEdge { from, to, kind: ArrowKind::Order })
    });
    let graph = Graph { nodes: nodes.collect(), edges: edges.collect(), ..Graph::default() };
    well_formed(&svg(&graph)).unwrap();
}

proptest! {
    #[test]
    fn any_drawing_is_well_formed_and_always_the_same(
        title in any::<String>(),
        labels in prop::collection::vec(any::<String>(), 1..8),
        links in prop::collection::vec((0..8usize, 0..8usize, 0..4u8), 0..16),
    ) {
        let ranked = |(rank, label): (usize, String)| GraphNode {
            label,
            rank: rank / 2,
            group: Some(rank / 3),
            is_service: rank == 5,
            ..GraphNode::default()
        };
        let edge = |(from, to, kind): (usize, usize, u8)| {
            let name = labels[from % labels.len()].clone();
            let kind = match kind {
                0 => ArrowKind::Order,
                1 => ArrowKind::Stream { name },
                2 => ArrowKind::Use,
                _ => ArrowKind::Stored { name },
            };
            GraphEdge { from, to, kind }
        };
        let edges = links.into_iter().map(edge).collect();
        let nodes = labels.clone().into_iter().enumerate().map(ranked).collect();
        let in_one: Vec<usize> = (0..labels.len()).step_by(2).collect();
        let frames = vec![GraphFrame { kind: FrameKind::File, label: labels[0].clone(), nodes: in_one }];
        let graph = Graph { title, nodes, edges, frames };
        let drawing = svg(&graph);
        prop_assert_eq!(well_formed(&drawing), Ok(()));
        prop_assert_eq!(&drawing, &svg(&graph));
        prop_assert!(!drawing.contains("NaN") && !drawing.contains("inf"));
        // No label breaks out of its quotes.
        let bare = dot(&graph).replace("\\\\", "").replace("\\\"", "");
        prop_assert!(bare.lines().all(|line| line.matches('"').count() % 2 == 0));
    }
}

/// Checks that a text is one XML element with balanced tags, quoted attributes, and no stray markup.
fn well_formed(text: &str) -> Result<(), String> {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = text.trim_end();
    while let Some(at) = rest.find('<') {
        let (between, tag) = rest.split_at(at);
        if open.is_empty() && tag.len() < text.trim_end().len() {
            return Err(format!("after the root: {tag}"));
        }
        plain_text(between)?;
        let end = tag.find('>').ok_or("a tag without an end")?;
        let inner = &tag[1..end];
        rest = &tag[end + 1..];
        if let Some(name) = inner.strip_prefix('/') {
            if open.pop() != Some(name) {
                return Err(format!("</{name}> closes nothing"));
            }
            continue;
        }
        let (inner, empty) = inner.strip_suffix('/').map_or((inner, false), |inner| (inner, true));
        let (name, attributes) = inner.split_once(' ').unwrap_or((inner, ""));
        let pieces: Vec<&str> = attributes.split('"').collect();
        for pair in pieces.chunks(2) {
            match pair {
                [key, value] if key.trim().ends_with('=') => plain_text(value)?,
                [last] if last.trim().is_empty() => {}
                _ => return Err(format!("attributes of {name}: {attributes}")),
            }
        }
        if !empty {
            open.push(name);
        }
    }
    if open.is_empty() && rest.is_empty() { Ok(()) } else { Err(format!("left open: {open:?} {rest}")) }
}

fn plain_text(text: &str) -> Result<(), String> {
    let entities = ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;"];
    let stray = |(at, _): (usize, &str)| !entities.iter().any(|entity| text[at..].starts_with(entity));
    let control =
        text.chars().any(|it| it.is_control() && it != '\n' || matches!(it, '\u{fffe}' | '\u{ffff}'));
    if control || text.match_indices('&').any(stray) { Err(format!("stray markup: {text}")) } else { Ok(()) }
}

#[test]
fn the_check_of_well_formedness_finds_faults() {
    for fault in
        ["<a><b></a></b>", "<a x=1/>", "<a>&</a>", "<a/><b/>", "<a", "<a>", "<a>\u{1}</a>", "<a x=\"&\"/>"]
    {
        assert!(well_formed(fault).is_err(), "{fault}");
    }
    assert_eq!(well_formed("<a x=\"1\" y=\"&lt;\">t<b/></a>\n"), Ok(()));
}

#[test]
fn what_a_step_is_for_is_a_tooltip() {
    let mut graph = sketch("p", "a -> b");
    graph.nodes[0].about = Some("Builds\n\"it\" & more".to_owned());
    assert!(dot(&graph).contains(r#"[label="a", tooltip="Builds \"it\" & more"]"#), "{}", dot(&graph));
    assert!(svg(&graph).contains("<title>a – Builds &quot;it&quot; &amp; more</title>"), "{}", svg(&graph));
}

#[test]
fn a_step_with_a_condition_has_a_dashed_box_and_its_condition_beside_it() {
    let mut graph = sketch("p", "a -> b");
    let condition = "release and\n branch == 'main' and \"x\" < env.LONG_NAME_OF_A_VARIABLE";
    graph.nodes[1].condition = Some(condition.to_owned());
    graph.nodes[1].about = Some("Ships it".to_owned());
    let whole = "Ships it – if release and branch == 'main' and \\\"x\\\" < env.LONG_NAME_OF_A_VARIABLE";
    let drawn = dot(&graph);
    assert!(
        drawn.contains(&format!("[label=\"b\", tooltip=\"{whole}\", style=\"rounded,filled,dashed\"]")),
        "{drawn}"
    );
    let drawn = svg(&graph);
    assert!(drawn.contains("<title>b – Ships it – if release and branch == &#39;main&#39;"), "{drawn}");
    assert_eq!(drawn.matches("stroke-dasharray=\"4 3\"").count(), 2, "the box, and the legend: {drawn}");
    assert!(drawn.contains("runs if its condition holds"), "{drawn}");
    well_formed(&drawn).unwrap();
    let drawn = mermaid(&graph);
    assert!(
        drawn.contains("b<br/>if release and branch #61;#61; #39;main#39; and #34;x#34;#8230;"),
        "{drawn}"
    );
    assert!(drawn.contains("  style n1 stroke-dasharray:4 3\n"), "{drawn}");
    let drawn = text(&graph);
    assert!(drawn.contains("b (if release and branch == 'main' and \"x\"…)"), "{drawn}");
}
