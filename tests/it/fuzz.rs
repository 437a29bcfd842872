//! What `scripts/fuzz` tries with any bytes, with those that are kept.

use std::fs;
use std::path::Path;

#[path = "../../fuzz/targets.rs"]
mod targets;

/// What broke a parser once is kept in its corpus, beside what leads deep into it.
#[test]
fn no_bytes_that_are_kept_break_a_parser() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let targets = targets::all();
    for (name, target) in &targets {
        let kept: Vec<_> = fs::read_dir(corpora.join(name)).unwrap().map(|it| it.unwrap().path()).collect();
        assert!(kept.len() > 2, "{name} has a corpus");
        for path in kept {
            let bytes = fs::read(&path).unwrap();
            println!("{}", path.display());
            target(&bytes);
        }
    }
    let programs = fs::read_dir(corpora.join("../fuzz_targets")).unwrap().map(|it| it.unwrap().path());
    let mut programs: Vec<_> =
        programs.map(|it| it.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    programs.sort();
    assert_eq!(programs, targets.keys().copied().collect::<Vec<_>>(), "each has a program");
}
