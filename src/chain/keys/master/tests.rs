use std::fs;
use std::os::unix::fs::{chown, symlink};

use super::*;
use crate::chain::keys::tests::key_file;

const ONE: &str = "1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const TWO: &str = "2://////////////////////////////////////////8=";

fn problem(text: &str) -> String {
    MasterKeys::parse(text).unwrap_err()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

#[test]
fn the_newest_of_the_keys_seals_whatever_their_order() {
    let keys = MasterKeys::parse(&format!("# made by hand\n\n  {TWO}\r\n{ONE}")).unwrap();
    assert_eq!(keys.newest(), 2);
    assert_eq!(keys.key(1).unwrap(), (0..32).collect::<Vec<u8>>());
    assert_eq!(keys.key(2).unwrap(), [255; 32]);
    assert!(matches!(keys.key(3), Err(KeyError::UnknownVersion(3))));
}

#[test]
fn a_bad_line_is_named_by_its_number_and_never_by_its_content() {
    let base64 = &ONE[2..];
    let version = "the version must be a whole number from 1 to 4294967295";
    for (line, fault) in [
        ("canary", "it must be `version:base64`"),
        (base64, "it must be `version:base64`"),
        (&format!(":{base64}"), version),
        (&format!("0:{base64}"), version),
        (&format!("-1:{base64}"), version),
        (&format!("+1:{base64}"), version),
        (&format!("1.0:{base64}"), version),
        (&format!("canary:{base64}"), version),
        (&format!("4294967296:{base64}"), version),
        ("3:", "the key must be exactly 32 bytes"),
        ("3:Y2FuYXJ5", "the key must be exactly 32 bytes"),
        ("3:Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5", "the key must be exactly 32 bytes"),
        ("3:canary!", "the key must be base64, padded with `=`"),
        (&format!("3: {base64}"), "the key must be base64, padded with `=`"),
        (&format!("3:{base64} canary"), "the key must be base64, padded with `=`"),
        (
            base64.trim_end_matches('=').replacen("AA", "3:", 1).as_str(),
            "the key must be base64, padded with `=`",
        ),
    ] {
        let problem = problem(&format!("\n# two\n{line}\n{TWO}\n"));
        assert_eq!(problem, format!("line 3: {fault}"), "{line}");
    }
    assert_eq!(problem(&format!("{ONE}\n{TWO}\n{ONE}")), "line 3: version 1 was given before");
    assert_eq!(problem(&format!("{ONE}\n01:{base64}")), "line 2: version 1 was given before");
    for empty in ["", "\n\n", "# 1:AAAA"] {
        assert!(problem(empty).starts_with("it holds no key"));
    }
}

#[test]
fn a_new_file_is_its_owners_alone_and_holds_version_1() {
    let (folder, path) = key_file();
    assert_eq!(mode(&path), 0o600);
    assert_eq!(MasterKeys::read(&path).unwrap().newest(), 1);
    let text = fs::read_to_string(&path).unwrap();
    assert!(matches!(MasterKeys::create(&path), Err(KeyError::Io { what: "created", .. })));
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    let other = folder.path().join("other.key");
    MasterKeys::create(&other).unwrap();
    assert_ne!(fs::read_to_string(&other).unwrap(), text);
}

#[test]
fn a_file_that_others_can_read_or_write_is_refused_with_the_command_that_mends_it() {
    let (_folder, path) = key_file();
    for bits in [0o001, 0o002, 0o004, 0o010, 0o020, 0o040, 0o044, 0o077] {
        fs::set_permissions(&path, Permissions::from_mode(0o600 | bits)).unwrap();
        let message = MasterKeys::read(&path).unwrap_err().to_string();
        assert!(message.ends_with(&format!("run `chmod 600 {}`", path.display())), "{message}");
        assert!(MasterKeys::add_version(&path).is_err());
    }
    for owner in [0o600, 0o400, 0o700] {
        fs::set_permissions(&path, Permissions::from_mode(owner)).unwrap();
        assert!(MasterKeys::read(&path).is_ok());
    }
}

#[test]
fn what_is_no_such_file_is_refused() {
    let (folder, path) = key_file();
    assert!(matches!(MasterKeys::read(&folder.path().join("none")), Err(KeyError::Io { what: "read", .. })));
    assert!(matches!(MasterKeys::create(&folder.path().join("a/b")), Err(KeyError::Io { .. })));
    assert!(matches!(MasterKeys::add_version(&folder.path().join("none")), Err(KeyError::Io { .. })));
    fs::write(&path, [0xff, 0xfe]).unwrap();
    assert!(matches!(MasterKeys::read(&path), Err(KeyError::Io { what: "read", .. })));
    fs::write(&path, "#".repeat(FILE_BYTES + 1)).unwrap();
    assert!(MasterKeys::read(&path).unwrap_err().to_string().ends_with("it is larger than 64 KiB"));
    fs::write(&path, "3:canary").unwrap();
    let message = MasterKeys::read(&path).unwrap_err().to_string();
    let name = path.display();
    assert_eq!(message, format!("master key file {name}: line 1: the key must be base64, padded with `=`"));
}

#[test]
fn a_new_version_is_appended_and_all_else_stays() {
    let (folder, path) = key_file();
    let old = format!("# kept\n{TWO}\n\n{ONE}");
    fs::write(&path, &old).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
    assert_eq!(MasterKeys::add_version(&path).unwrap(), 3);
    assert_eq!(MasterKeys::add_version(&path).unwrap(), 4);
    let new = fs::read_to_string(&path).unwrap();
    assert!(new.starts_with(&format!("{old}\n3:")), "{new}");
    let keys = MasterKeys::read(&path).unwrap();
    assert_eq!(keys.newest(), 4);
    assert_ne!(keys.key(3).unwrap(), keys.key(4).unwrap());
    assert!(keys.agrees_with(&MasterKeys::parse(&old).unwrap()));
    assert_eq!(mode(&path), 0o400);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn a_file_without_room_for_another_version_stays_as_it_is() {
    let (_folder, path) = key_file();
    let last = format!("4294967295{}", &ONE[1..]);
    let comment = "#".repeat(FILE_BYTES - 60);
    for text in [last, format!("{comment}\n{ONE}")] {
        fs::write(&path, &text).unwrap();
        let message = MasterKeys::add_version(&path).unwrap_err().to_string();
        assert!(message.ends_with("has no room for another version"), "{message}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn a_link_stays_a_link_and_the_owner_stays_the_owner() {
    let (folder, path) = key_file();
    let link = folder.path().join("link");
    symlink(&path, &link).unwrap();
    let root = chown(&path, Some(12345), Some(12345)).is_ok();
    assert_eq!(MasterKeys::add_version(&link).unwrap(), 2);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    let about = fs::metadata(&path).unwrap();
    assert!(!root || (about.uid(), about.gid()) == (12345, 12345));
    assert_eq!(MasterKeys::read(&path).unwrap().newest(), 2);
}

/// Sabotage: do not lock the folder.
#[test]
fn of_versions_added_at_once_none_is_lost() {
    let (_folder, path) = key_file();
    let mut versions: Vec<u32> = std::thread::scope(|scope| {
        let adding: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| (0..4).map(|_| MasterKeys::add_version(&path).unwrap()).collect()))
            .collect();
        adding.into_iter().flat_map(|it| -> Vec<u32> { it.join().unwrap() }).collect()
    });
    versions.sort_unstable();
    assert_eq!(versions, (2..=33).collect::<Vec<_>>());
    assert_eq!(MasterKeys::read(&path).unwrap().0.len(), 33);
}
