//! A disk that keeps only what it was told to keep: what strace saw of a process, and what power loss leaves of it.
//!
//! A write, a new length and a name may be lost until they are synced, each by itself; a write may be kept in part, by
//! sectors. What is synced stays. Nothing is taken for durable because some file system would have made it so: a file's
//! name is its folder's, and lasts once the folder is synced.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rand::Rng;
use rand::rngs::StdRng;

/// Every call by which a file can change, and those that make it last. What is not modelled is here to be refused.
const CALLS: &str = "openat,open,creat,write,pwrite64,writev,pwritev,pwritev2,ftruncate,truncate,fsync,fdatasync,rename,\
                     renameat,renameat2,unlink,unlinkat,fallocate,copy_file_range,sendfile,sync_file_range,link,linkat";

/// What strace is to be told, so that [`calls`] can read what it writes: one file for each thread, all text in hexadecimal.
pub fn arguments(trace: &Path) -> Vec<String> {
    let fixed = "-D -ff -qq --seccomp-bpf -y -xx -s 1048576 -T --absolute-timestamps=format:unix,precision:us \
                 -e signal=none";
    let mut arguments: Vec<_> = fixed.split_whitespace().map(str::to_owned).collect();
    arguments.extend(["-e".to_owned(), format!("trace={CALLS}"), "-o".to_owned()]);
    arguments.push(trace.to_str().unwrap().to_owned());
    arguments
}

/// One call that succeeded.
#[derive(Debug)]
pub struct Call {
    begin_us: i64,
    pub end_us: i64,
    effect: Effect,
}

#[derive(Debug)]
enum Effect {
    Open {
        path: PathBuf,
        empties: bool,
    },
    /// At an offset, or at the end.
    Write {
        path: PathBuf,
        at: Option<usize>,
        bytes: Vec<u8>,
    },
    Cut {
        path: PathBuf,
        length: usize,
    },
    Sync {
        path: PathBuf,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    Link {
        from: PathBuf,
        to: PathBuf,
    },
    Unlink {
        path: PathBuf,
    },
}

/// The calls that touched a folder, in the order in which they ended. Panics at one that is not modelled.
pub fn calls(folder: &Path, trace: &Path) -> Vec<Call> {
    let mut calls = Vec::new();
    let name = format!("{}.", trace.file_name().unwrap().to_str().unwrap());
    for file in std::fs::read_dir(trace.parent().unwrap()).unwrap().map(Result::unwrap) {
        if file.file_name().to_str().is_some_and(|it| it.starts_with(&name)) {
            let text = std::fs::read_to_string(file.path()).unwrap();
            calls.extend(text.lines().filter_map(|line| call(folder, line)));
        }
    }
    calls.sort_by_key(|it| it.end_us);
    calls
}

/// `1795306395.595223 pwrite64(3<\x2f…>, "\x68…", 5, 0) = 5 <0.000040>`
fn call(folder: &Path, line: &str) -> Option<Call> {
    let (time, rest) = line.split_once(' ')?;
    let (name, rest) = rest.split_once('(')?;
    // One that the end of the process cut off has no answer, or `? <unavailable>`.
    let (arguments, answer) = rest.rsplit_once(") = ")?;
    let (answer, took) = answer.rsplit_once(" <")?;
    if answer.starts_with(['-', '?']) {
        return None;
    }
    let begin_us = micros(time);
    let end_us = begin_us + micros(took.trim_end_matches('>'));
    let effect = effect(folder, name, &arguments.split(", ").collect::<Vec<_>>())?;
    Some(Call { begin_us, end_us, effect })
}

fn effect(folder: &Path, name: &str, arguments: &[&str]) -> Option<Effect> {
    let number = |n: usize| arguments[n].parse::<usize>().unwrap();
    // A name is relative to the folder, where the process is; one that is a descriptor's is whole.
    let path = |n: usize| {
        let text = arguments[n];
        let (is_descriptor, hex) = text.split_once('<').map_or((false, text), |it| (true, it.1));
        let name = PathBuf::from(String::from_utf8(bytes(hex)).unwrap());
        let is_socket = is_descriptor && name.is_relative();
        let path: PathBuf = folder.join(name).components().collect();
        (path.starts_with(folder) && !is_socket && !text.ends_with("(deleted)")).then_some(path)
    };
    let empties = |n: usize| arguments[n].contains("O_TRUNC");
    let is_made = |n: usize| arguments[n].contains("O_CREAT");
    match name {
        "openat" if is_made(2) => Some(Effect::Open { path: path(1)?, empties: empties(2) }),
        "open" if is_made(1) => Some(Effect::Open { path: path(0)?, empties: empties(1) }),
        "openat" => path(1).map(|it| assert!(!empties(2), "{it:?} is emptied")).and(None),
        "write" => Some(Effect::Write { path: path(0)?, at: None, bytes: bytes(arguments[1]) }),
        "pwrite64" => Some(Effect::Write { path: path(0)?, at: Some(number(3)), bytes: bytes(arguments[1]) }),
        "ftruncate" => Some(Effect::Cut { path: path(0)?, length: number(1) }),
        "fsync" | "fdatasync" => Some(Effect::Sync { path: path(0)? }),
        "rename" => Some(Effect::Rename { from: path(0)?, to: path(1)? }),
        "renameat" | "renameat2" => Some(Effect::Rename { from: path(1)?, to: path(3)? }),
        "link" => Some(Effect::Link { from: path(0)?, to: path(1)? }),
        "linkat" => Some(Effect::Link { from: path(1)?, to: path(3)? }),
        "unlink" => Some(Effect::Unlink { path: path(0)? }),
        "unlinkat" => Some(Effect::Unlink { path: path(1)? }),
        _ => path(0).map(|it| panic!("{name} of {it:?} is not modelled")),
    }
}

fn micros(seconds: &str) -> i64 {
    let (whole, part) = seconds.split_once('.').unwrap();
    assert_eq!(part.len(), 6, "microseconds");
    whole.parse::<i64>().unwrap() * 1_000_000 + part.parse::<i64>().unwrap()
}

/// `"\x68\x65"`, with whatever surrounds it.
fn bytes(hex: &str) -> Vec<u8> {
    assert!(!hex.ends_with("..."), "strace cut it short");
    let digit = |it: u8| char::from(it).to_digit(16).unwrap();
    let hex = hex.trim_start_matches('"').as_bytes();
    let hex = hex.chunks_exact(4).take_while(|it| it.starts_with(b"\\x"));
    hex.map(|it| u8::try_from(digit(it[2]) * 16 + digit(it[3])).unwrap()).collect()
}

/// Files, with what of them is synced and what is not.
#[derive(Debug, Default)]
pub struct Disk {
    files: Vec<File>,
    names: BTreeMap<PathBuf, usize>,
    /// The names that are synced.
    kept: BTreeMap<PathBuf, usize>,
}

#[derive(Debug, Default)]
struct File {
    kept: Vec<u8>,
    /// What came since, and when.
    unsynced: Vec<(i64, Change)>,
    length: usize,
}

#[derive(Debug)]
enum Change {
    Write(usize, Vec<u8>),
    Cut(usize),
}

impl Disk {
    /// Carries out a call.
    pub fn run(&mut self, call: Call) {
        let end_us = call.end_us;
        match call.effect {
            Effect::Open { path, empties } => {
                let file = *self.names.entry(path).or_insert_with(|| {
                    self.files.push(File::default());
                    self.files.len() - 1
                });
                if empties {
                    self.files[file].change(end_us, Change::Cut(0));
                }
            }
            Effect::Write { path, at, bytes } => {
                let file = self.file(&path);
                let at = at.unwrap_or(file.length);
                file.change(end_us, Change::Write(at, bytes));
            }
            Effect::Cut { path, length } => self.file(&path).change(end_us, Change::Cut(length)),
            Effect::Sync { path } if self.names.contains_key(&path) => self.file(&path).sync(call.begin_us),
            Effect::Sync { path } => {
                let is_in = |it: &Path| it.parent() == Some(&path);
                self.kept.retain(|it, _| !is_in(it));
                let names = self.names.iter().filter(|it| is_in(it.0));
                self.kept.extend(names.map(|it| (it.0.clone(), *it.1)));
            }
            Effect::Rename { from, to } => {
                let file = self.names.remove(&from).unwrap();
                self.names.insert(to, file);
            }
            Effect::Link { from, to } => {
                let file = self.names[&from];
                self.names.insert(to, file);
            }
            Effect::Unlink { path } => drop(self.names.remove(&path)),
        }
    }

    fn file(&mut self, path: &Path) -> &mut File {
        &mut self.files[self.names[path]]
    }

    /// What is there after the power was lost: of what was not synced, this share of the sectors, lengths and names.
    pub fn after_power_loss(&self, rng: &mut StdRng, share: f64) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut names = self.kept.clone();
        for path in self.kept.keys().chain(self.names.keys()) {
            if rng.random_bool(share) {
                match self.names.get(path) {
                    Some(file) => drop(names.insert(path.clone(), *file)),
                    None => drop(names.remove(path)),
                }
            }
        }
        let sector = if rng.random() { 512 } else { 4_096 };
        let of = |file: &usize| self.files[*file].after_power_loss(rng, share, sector);
        let files: Vec<_> = names.values().map(of).collect();
        names.into_keys().zip(files).collect()
    }
}

impl File {
    fn change(&mut self, end_us: i64, change: Change) {
        self.length = match &change {
            Change::Write(at, bytes) => self.length.max(at + bytes.len()),
            Change::Cut(length) => *length,
        };
        self.unsynced.push((end_us, change));
    }

    /// Keeps what had ended when the sync began.
    fn sync(&mut self, begin_us: i64) {
        let (kept, unsynced) =
            std::mem::take(&mut self.unsynced).into_iter().partition(|it| it.0 <= begin_us);
        self.unsynced = unsynced;
        kept.into_iter().for_each(|it: (i64, Change)| apply(&mut self.kept, &it.1, |_| true, usize::MAX));
    }

    fn after_power_loss(&self, rng: &mut StdRng, share: f64, sector: usize) -> Vec<u8> {
        let mut bytes = self.kept.clone();
        for (_, change) in &self.unsynced {
            apply(&mut bytes, change, |_| rng.random_bool(share), sector);
        }
        bytes
    }
}

/// Applies a change, or those sectors of it that are kept.
fn apply(file: &mut Vec<u8>, change: &Change, mut is_kept: impl FnMut(usize) -> bool, sector: usize) {
    match change {
        Change::Cut(length) if is_kept(*length) => file.resize(*length, 0),
        Change::Cut(_) => {}
        Change::Write(at, bytes) => {
            let mut from = 0;
            while from < bytes.len() {
                let until = (at + from + 1).checked_next_multiple_of(sector).map_or(usize::MAX, |it| it - at);
                let part = &bytes[from..until.min(bytes.len())];
                if is_kept(from) {
                    let (begin, end) = (at + from, at + from + part.len());
                    file.resize(file.len().max(end), 0);
                    file[begin..end].copy_from_slice(part);
                }
                from += part.len();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn disk(lines: &[&str]) -> Disk {
        let mut disk = Disk::default();
        lines.iter().filter_map(|it| call(Path::new("/d"), it)).for_each(|it| disk.run(it));
        disk
    }

    const A: &str = r"\x2f\x64\x2f\x61";
    const OPENED: &str = r#"1.000000 openat(AT_FDCWD<\x2f\x64>, "\x61", O_RDWR|O_CREAT, 0644) = 3<\x2f\x64\x2f\x61> <0.000001>"#;
    const NAMED: &str = r"1.000002 fsync(4<\x2f\x64>) = 0 <0.000001>";

    fn written(time: &str, byte: &str, at: usize) -> String {
        format!(r#"{time} pwrite64(3<{A}>, "\x{byte}", 1, {at}) = 1 <0.000001>"#)
    }

    fn left(disk: &Disk, share: f64) -> Vec<Vec<u8>> {
        disk.after_power_loss(&mut StdRng::seed_from_u64(1), share).into_values().collect()
    }

    #[test]
    fn what_is_not_synced_may_be_lost_and_what_is_synced_stays() {
        let synced = format!("1.000006 fdatasync(3<{A}>) = 0 <0.000002>");
        let late = written("1.000007", "63", 2);
        let all = disk(&[
            OPENED,
            NAMED,
            &written("1.000004", "61", 0),
            &late,
            &synced,
            &written("1.000009", "62", 1),
        ]);
        assert_eq!(left(&all, 0.0), [b"a"]);
        assert_eq!(left(&all, 1.0), [b"abc"]);
        let cut = format!("1.000012 ftruncate(3<{A}>, 0) = 0 <0.000001>");
        assert_eq!(left(&disk(&[OPENED, NAMED, &written("1.000004", "61", 0), &cut, &synced]), 1.0), [b""]);
    }

    #[test]
    fn a_call_that_the_end_of_the_process_cut_off_changed_nothing() {
        for answer in
            ["", ") = ?", ") = ? <unavailable>", ") = -1 EINTR (Interrupted system call) <0.000001>"]
        {
            let cut_off = format!(r#"1.000004 pwrite64(3<{A}>, "\x61", 1, 0{answer}"#);
            assert_eq!(left(&disk(&[OPENED, NAMED, &cut_off]), 1.0), [b""]);
        }
    }

    #[test]
    fn a_name_lasts_once_its_folder_is_synced() {
        assert_eq!(left(&disk(&[OPENED]), 0.0).len(), 0);
        assert_eq!(left(&disk(&[OPENED]), 1.0).len(), 1);
        let gone = disk(&[OPENED, NAMED, r#"1.000005 unlink("\x61") = 0 <0.000001>"#]);
        assert_eq!([left(&gone, 0.0).len(), left(&gone, 1.0).len()], [1, 0]);
    }

    #[test]
    fn a_write_may_be_kept_in_part() {
        let mut file = Vec::new();
        apply(&mut file, &Change::Write(510, vec![7; 4]), |from| from > 0, 512);
        assert_eq!((file.len(), file.iter().filter(|it| **it == 7).count()), (514, 2));
    }
}
