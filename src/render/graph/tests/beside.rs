//! Services and shared containers in drawings.

use super::*;

/// Two steps of one container, of which one uses a service; a gang of which one step runs in it.
fn served() -> Graph {
    let mut graph = sketch("served", "db -> test\nbuild -> test\nbuild -> lint\nlint =report=> send");
    graph.edges[0].kind = ArrowKind::Use;
    graph.nodes[0].is_service = true;
    graph.frames =
        vec![GraphFrame { kind: FrameKind::Container, label: "ci (rust:1.90)".into(), nodes: vec![1, 3] }];
    graph
}

#[test]
fn services_and_shared_containers_stand_above_the_levels() {
    insta::assert_snapshot!(text(&served()), @r"
    served

    ●  db
         ··▶ test
    □  ci (rust:1.90): test, lint

    1  build
         ──▶ test, lint

    2  test
       lint
         ══ report ══▶ send

    3  send

    ──▶ runs after   ══▶ stream, at the same time   ··▶ is up for   ● service
    □ shared container
    ");
}

#[test]
fn services_are_rounded_and_shared_containers_are_frames() {
    insta::assert_snapshot!(mermaid(&served()), @r#"
    ---
    title: "served"
    ---
    flowchart LR
      subgraph c1 ["ci (rust:1.90)"]
        n1["test"]
      end
      subgraph g0 [" "]
        n4["send"]
        subgraph c2 ["ci (rust:1.90)"]
          n3["lint"]
        end
      end
      n0("db")
      n2["build"]
      n0 -.- n1
      n2 --> n1
      n2 --> n3
      n3 ==>|"report"| n4
    "#);
    insta::assert_snapshot!(dot(&served()), @r##"
    digraph "served" {
      label="served"; labelloc=t; rankdir=LR;
      fontname="sans-serif";
      node [shape=box, style="rounded,filled", fillcolor="#ffffff", color="#59636e", fontname="monospace"];
      edge [color="#6e7781", fontname="monospace", fontsize=10];
      subgraph cluster_c1 { label="ci (rust:1.90)"; labeljust=l; color="#9a6700"; n1; }
      subgraph cluster_0 { label=""; style="rounded"; color="#54aeff"; n4;
        subgraph cluster_c2 { label="ci (rust:1.90)"; labeljust=l; color="#9a6700"; n3; }
      }
      n0 [label="db", shape=ellipse, style="filled"];
      n1 [label="test"];
      n2 [label="build"];
      n3 [label="lint"];
      n4 [label="send"];
      n0 -> n1 [style=dotted, dir=none];
      n2 -> n1;
      n2 -> n3;
      n3 -> n4 [label="report", penwidth=3, color="#0969da"];
    }
    "##);
    let drawn = svg(&served());
    well_formed(&drawn).unwrap();
    assert_eq!(drawn.matches("<title>ci (rust:1.90)</title>").count(), 1, "{drawn}");
    assert!(drawn.contains("<path class=\"use\" d="), "a dotted line has no head: {drawn}");
    assert_eq!(drawn.matches("rx=\"18\"").count(), 1, "{drawn}");
    let plain = svg(&sketch("plain", "a -> b"));
    assert!(!plain.contains("container"), "{plain}");
}
