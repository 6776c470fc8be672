//! Blocks: shared steps, their values, and what is wrong with them.

use sitedrill_model::Problem;
use sitedrill_model::scenario::{Action, Condition, Fault, ObjectKind};

use crate::support::{parse_all, rendered};

const BLOCK: &str = "\
apiVersion: sitedrill/v1
kind: Block
summary: A controller dies at a step and is replaced.
params: [step]
steps:
  - fault: {kill: failover-controller, at: '${step}'}
    within: 5m
  - lift: kill
";

fn drill(steps: &str) -> String {
    format!(
        "apiVersion: sitedrill/v1
kind: Scenario
metadata: {{name: d, summary: Uses a block.}}
sites: [primary, dr, quorum]
given: {{groups: {{pg-a: {{vms: 1, at: primary}}}}}}
actors:
  a:
{steps}
    - expect: {{site: primary, object: pg/pg-a, matches: {{}}}}
"
    )
}

fn refused(steps: &str, block: &str) -> Vec<Problem> {
    let drill = drill(steps);
    let files: [(&str, &[u8]); 2] = [("d.yaml", drill.as_bytes()), ("_b.yaml", block.as_bytes())];
    parse_all(&files).expect_err("the drill is wrong")
}

fn first(problems: &[Problem]) -> String {
    let it = &problems[0];
    format!("{}: {}", it.location, it.message)
}

const USE: &str = "    - use: _b.yaml\n      with: {step: StopSource}";

#[test]
fn the_steps_of_a_block_stand_in_its_place_with_values_and_places_of_its_own_file() {
    let drill = drill(USE);
    let files: [(&str, &[u8]); 2] = [("d.yaml", drill.as_bytes()), ("_b.yaml", BLOCK.as_bytes())];
    let loaded = parse_all(&files).unwrap_or_else(|it| panic!("{}", rendered(&it)));
    let steps = &loaded.drills[0].drill.chapters[0].actors[0].steps;
    assert_eq!(steps.len(), 3);
    let Action::Fault(fault) = &steps[0].action else {
        panic!("{:?}", steps[0]);
    };
    let at_step =
        matches!(&fault.fault, Fault::Kill { at: Some(step), .. } if step == "StopSource");
    assert!(at_step, "{fault:?}");
    assert_eq!(steps[0].location.to_string(), "_b.yaml:6:5");
    assert_eq!(steps[2].location.file, "d.yaml");
}

#[test]
fn another_block_is_another_drill_to_its_digest() {
    let digest = |block: &str| {
        let drill = drill(USE);
        let files: [(&str, &[u8]); 2] =
            [("d.yaml", drill.as_bytes()), ("_b.yaml", block.as_bytes())];
        let loaded = parse_all(&files).expect("the drill is sound");
        loaded.drills[0].drill.sha256.clone()
    };
    assert_ne!(digest(BLOCK), digest(&BLOCK.replace("5m", "6m")));
}

#[test]
fn a_mistake_in_a_block_is_told_with_its_place_in_the_block() {
    let wrong = BLOCK.replace("lift: kill", "lift: kil");
    assert_eq!(
        first(&refused(USE, &wrong)),
        "_b.yaml:8:11: unknown fault `kil`"
    );
    let wrong = BLOCK.replace("within", "witin");
    assert_eq!(
        first(&refused(USE, &wrong)),
        "_b.yaml:7:5: unknown key `witin`"
    );
    let wrong = BLOCK.replace("lift: kill", "lift: '${stepp}'");
    let problems = refused(USE, &wrong);
    assert!(
        rendered(&problems).contains("unknown variable `stepp`"),
        "{}",
        rendered(&problems)
    );
}

#[test]
fn params_and_values_must_fit() {
    let missing = refused("    - use: _b.yaml", BLOCK);
    assert!(rendered(&missing).contains("the block needs `step`"));
    let surplus = refused(
        "    - use: _b.yaml\n      with: {step: Validate, stp: x}",
        BLOCK,
    );
    assert!(rendered(&surplus).contains("the block has no param `stp`"));
    let alone = refused(
        "    - use: _b.yaml\n      within: 3s\n      with: {step: Validate}",
        BLOCK,
    );
    assert!(rendered(&alone).contains("`use` stands alone"));
}

#[test]
fn blocks_that_use_themselves_or_do_not_exist_are_refused() {
    let circle = BLOCK.replace(
        "  - lift: kill",
        "  - use: _b.yaml\n    with: {step: Validate}",
    );
    let problems = refused(USE, &circle);
    assert!(
        rendered(&problems).contains("the block uses itself"),
        "{}",
        rendered(&problems)
    );
    let problems = refused("    - use: _c.yaml", BLOCK);
    assert!(rendered(&problems).contains("the block `_c.yaml` cannot be read"));
}

#[test]
fn an_invariant_of_its_own_says_always_or_never() {
    let parse = |invariants: &str| {
        let text = drill("").replace("actors:", &format!("invariants: {invariants}\nactors:"));
        parse_all(&[("d.yaml", text.as_bytes())])
    };
    let fact = "{site: primary, object: pg/pg-a, matches: {}}";
    let sound = parse(&format!(
        "[single-primary, {{name: there, always: {fact}}}]"
    ))
    .unwrap();
    let scenario = &sound.drills[0].drill.chapters[0];
    assert_eq!(
        (scenario.invariants.len(), scenario.own_invariants.len()),
        (1, 1)
    );
    assert!(scenario.own_invariants[0].holds);
    let both = parse(&format!("[{{name: x, always: {fact}, never: {fact}}}]")).unwrap_err();
    assert!(
        rendered(&both).contains("`always`, or `never`"),
        "{}",
        rendered(&both)
    );
    let actor = parse("[{name: x, always: {actor: a}}]").unwrap_err();
    assert!(
        rendered(&actor).contains("speaks of the sites"),
        "{}",
        rendered(&actor)
    );
    let twice = parse(&format!("[{{name: single-primary, never: {fact}}}]")).unwrap_err();
    assert!(
        rendered(&twice).contains("named twice"),
        "{}",
        rendered(&twice)
    );
}

#[test]
fn values_and_blocks_that_grow_beyond_measure_are_refused_at_once() {
    let many = "${step}".repeat(20_000);
    let block = format!("{BLOCK}# {many}\n");
    let value = "x".repeat(1_000);
    let problems = refused(
        &format!("    - use: _b.yaml\n      with: {{step: {value}}}"),
        &block,
    );
    assert_eq!(
        problems[0].message,
        "with its values the block has more than 1048576 bytes"
    );
    let large = format!("{BLOCK}# {}\n", "y".repeat(1_000_000));
    let often = format!("{USE}\n").repeat(40);
    let problems = refused(often.trim_end(), &large);
    assert!(
        rendered(&problems).contains("the blocks of the drill have more than 16777216 bytes"),
        "{}",
        rendered(&problems)
    );
}

#[test]
fn blocks_that_multiply_end_at_the_most_steps() {
    let chain = |next: &str| {
        let uses = format!("  - use: {next}\n").repeat(60);
        format!(
            "apiVersion: sitedrill/v1\nkind: Block\nsummary: Uses the next one.\nsteps:\n{uses}"
        )
    };
    let (a, b, c) = (chain("_b.yaml"), chain("_c.yaml"), chain("_d.yaml"));
    let last = "apiVersion: sitedrill/v1\nkind: Block\nsummary: Ends.\nsteps:\n  - lift: kill\n";
    let drill = drill("    - use: _a.yaml");
    let files: [(&str, &[u8]); 5] = [
        ("d.yaml", drill.as_bytes()),
        ("_a.yaml", a.as_bytes()),
        ("_b.yaml", b.as_bytes()),
        ("_c.yaml", c.as_bytes()),
        ("_d.yaml", last.as_bytes()),
    ];
    let problems = parse_all(&files).unwrap_err();
    assert!(
        rendered(&problems).contains("more than 20000 steps"),
        "{}",
        rendered(&problems)
    );
}

#[test]
fn a_param_that_its_block_does_not_use_is_refused() {
    let block = BLOCK.replace("params: [step]", "params: [step, site]");
    let uses = "    - use: _b.yaml\n      with: {step: StopSource, site: dr}";
    let problems = refused(uses, &block);
    assert_eq!(first(&problems), "_b.yaml:4:16: param `site` is never used");
}

#[test]
fn a_block_that_no_drill_uses_is_told_and_one_that_is_used_is_not() {
    let root = tempfile::tempdir().unwrap();
    let put = |file: &str, text: &str| {
        let path = root.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    put("_blocks/used.yaml", BLOCK);
    put("_blocks/idle.yaml", BLOCK);
    put("_notes.yaml", "anything: else\n");
    put(
        "d.yaml",
        &drill(&USE.replace("_b.yaml", "_blocks/used.yaml")),
    );
    let paths = [root.path().to_owned()];
    let loaded = sitedrill_model::load(&paths).unwrap();
    let problems = sitedrill_model::load::unused_blocks(&paths, &loaded);
    assert_eq!(problems.len(), 1, "{}", rendered(&problems));
    assert!(problems[0].location.file.ends_with("_blocks/idle.yaml"));
    assert_eq!(problems[0].message, "no drill uses this block");
}

#[test]
fn an_expression_names_what_it_reads_and_is_understood_before_anything_starts() {
    let parse = |expression: &str| {
        let step = format!("    - expect: {{cel: {expression:?}}}");
        parse_all(&[("d.yaml", drill(&step).as_bytes())])
    };
    let sound = parse("sites.primary.vmi.size() == 0 && sites['dr'].nodes.all(n, n.spec.x > 1)");
    let sound = sound.unwrap_or_else(|problems| panic!("{}", rendered(&problems)));
    let steps = &sound.drills[0].drill.chapters[0].actors[0].steps;
    let Action::Expect(Condition::Cel(expression)) = &steps[0].action else {
        panic!("{:?}", steps[0].action)
    };
    let reads = expression.reads.iter();
    let reads: Vec<_> = reads
        .map(|read| (read.site.as_str(), read.kind, read.namespace.as_deref()))
        .collect();
    assert_eq!(
        reads,
        [
            ("dr", ObjectKind::Node, None),
            (
                "primary",
                ObjectKind::VirtualMachineInstance,
                Some("site-recovery")
            ),
        ]
    );
    for (expression, expected) in [
        (
            "sites.primary.vmi.size( == 0",
            "the expression cannot be understood",
        ),
        (
            "site.primary.vmi.size() == 0",
            "undeclared reference to 'site'",
        ),
        (
            "sites.primary.vmi.count() == 0",
            "undeclared reference to 'count'",
        ),
        (
            "ip(sites.primary.vmi[0].x) == 0",
            "there is no function `ip`",
        ),
        ("1 == 1", "nothing could ever change it"),
        ("sites.size() == 3", "the name of a site and a kind"),
        ("sites.primry.vmi.size() == 0", "unknown site `primry`"),
        ("sites.primary.vmx.size() == 0", "unknown kind `vmx`"),
    ] {
        let problems = rendered(&parse(expression).unwrap_err());
        assert!(problems.contains(expected), "{expression}: {problems}");
    }
    let deep = format!(
        "sites.primary.vmi.size() == {}1{}",
        "(".repeat(5_000),
        ")".repeat(5_000)
    );
    assert!(parse(&deep).is_err());
}

#[test]
fn an_invariant_cannot_use_a_value_that_is_saved_later() {
    let save = "    - save: {site: primary, object: pg/pg-a, field: metadata.name, as: x}";
    let own =
        "invariants: [{name: y, never: {cel: \"sites.primary.pg.exists(p, p.kind == ${x})\"}}]";
    let text = drill(save).replace("actors:", &format!("{own}\nactors:"));
    let problems = rendered(&parse_all(&[("d.yaml", text.as_bytes())]).unwrap_err());
    assert!(
        problems.contains("in force before any value is saved"),
        "{problems}"
    );
}
