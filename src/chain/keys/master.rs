//! The master keys, and the file that keeps them: one `version:base64` line for each.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{File, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand::TryRngCore;
use rand::rngs::OsRng;
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use super::{KeyError, Place, Sealed};

const KEY_BYTES: usize = 32;
/// More than a thousand keys; whatever is larger is another file.
const FILE_BYTES: usize = 64 * 1024;

/// The master keys by version. The newest seals; the others still open what they sealed.
pub struct MasterKeys(BTreeMap<u32, Zeroizing<Vec<u8>>>);

impl MasterKeys {
    /// Reads the keys from their file.
    ///
    /// # Errors
    ///
    /// [`KeyError::File`] where others may read it or a line is wrong, [`KeyError::Io`] where it cannot be read.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let (text, _) = read_private(path)?;
        Self::parse(&text).map_err(|problem| KeyError::file(path, problem))
    }

    /// Makes a file with one new key, version 1, that only its owner can read.
    ///
    /// # Errors
    ///
    /// [`KeyError::Io`] where it cannot be written or is there already.
    pub fn create(path: &Path) -> Result<Self, KeyError> {
        let folder = open_folder(path)?;
        let file = written(path, &new_line(1)?)?;
        let file = file.persist_noclobber(path).map_err(|it| KeyError::io(path, "created")(it.error))?;
        drop(file);
        folder.sync_all().map_err(KeyError::io(path, "made durable"))?;
        Self::read(path)
    }

    /// Appends a new key to the file, which is from then on the one that seals. Answers its version.
    ///
    /// The file is replaced as a whole, so that whoever reads it meanwhile sees it without the new key or with it. Of
    /// two that do this at once, one waits for the other: a key that was lost would take with it what it had sealed.
    ///
    /// # Errors
    ///
    /// As [`MasterKeys::read`], and [`KeyError::Io`] where it cannot be written.
    pub fn add_version(path: &Path) -> Result<u32, KeyError> {
        // A link stays a link: it is the file behind it that is replaced.
        let path = &path.canonicalize().map_err(KeyError::io(path, "read"))?;
        let folder = open_folder(path)?;
        folder.lock().map_err(KeyError::io(path, "locked"))?;
        let (mut text, old) = read_private(path)?;
        let keys = Self::parse(&text).map_err(|problem| KeyError::file(path, problem))?;
        let full = || KeyError::file(path, "has no room for another version");
        let version = keys.newest().checked_add(1).ok_or_else(full)?;
        let line = new_line(version)?;
        if text.len() + 1 + line.len() > FILE_BYTES {
            return Err(full());
        }
        if !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&line);
        let file = written(path, &text)?;
        // Whoever runs this, the server that reads the file stays its owner.
        fchown(file.as_file(), Some(old.uid()), Some(old.gid()))
            .map_err(KeyError::io(path, "given to its owner"))?;
        let permissions = Permissions::from_mode(old.mode() & 0o7700);
        file.as_file().set_permissions(permissions).map_err(KeyError::io(path, "given to its owner"))?;
        file.as_file().sync_all().map_err(KeyError::io(path, "made durable"))?;
        file.persist(path).map_err(|it| KeyError::io(path, "replaced")(it.error))?;
        folder.sync_all().map_err(KeyError::io(path, "made durable"))?;
        Ok(version)
    }

    /// The version that seals.
    #[must_use]
    pub fn newest(&self) -> u32 {
        self.0.keys().next_back().copied().unwrap_or_default()
    }

    pub(super) fn has(&self, version: u32) -> bool {
        self.0.contains_key(&version)
    }

    /// Whether a version that both have is the same key in both.
    pub(super) fn agrees_with(&self, other: &Self) -> bool {
        self.0.iter().all(|(version, key)| other.0.get(version).is_none_or(|it| it == key))
    }

    pub(super) fn seal(&self, place: Place<'_>, plain: &[u8]) -> Result<Sealed, KeyError> {
        let version = self.newest();
        Sealed::seal(self.key(version)?, version, place, plain)
    }

    pub(super) fn open(&self, place: Place<'_>, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        sealed.open(self.key(sealed.version)?, place)
    }

    fn key(&self, version: u32) -> Result<&[u8], KeyError> {
        self.0.get(&version).map(|it| it.as_slice()).ok_or(KeyError::UnknownVersion(version))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut keys = BTreeMap::new();
        for (number, line) in (1..).zip(text.lines().map(str::trim)) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (version, key) = parse_line(line).map_err(|problem| format!("line {number}: {problem}"))?;
            if keys.insert(version, key).is_some() {
                return Err(format!("line {number}: version {version} was given before"));
            }
        }
        if keys.is_empty() {
            return Err("it holds no key, which is a line `version:base64` of 32 random bytes".to_owned());
        }
        Ok(Self(keys))
    }
}

impl fmt::Debug for MasterKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterKeys").field("versions", &self.0.keys()).finish_non_exhaustive()
    }
}

fn parse_line(line: &str) -> Result<(u32, Zeroizing<Vec<u8>>), &'static str> {
    let (version, key) = line.split_once(':').ok_or("it must be `version:base64`")?;
    let digits = !version.is_empty() && version.bytes().all(|it| it.is_ascii_digit());
    let version = digits.then(|| version.parse().ok()).flatten().filter(|it| *it > 0);
    let version = version.ok_or("the version must be a whole number from 1 to 4294967295")?;
    // The cause says which byte is wrong, so it is not passed on.
    let key =
        STANDARD.decode(key).map(Zeroizing::new).map_err(|_| "the key must be base64, padded with `=`")?;
    if key.len() != KEY_BYTES {
        return Err("the key must be exactly 32 bytes");
    }
    Ok((version, key))
}

fn new_line(version: u32) -> Result<Zeroizing<String>, KeyError> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    OsRng.try_fill_bytes(&mut *key).map_err(KeyError::Randomness)?;
    let key = Zeroizing::new(STANDARD.encode(key.as_slice()));
    let mut line = Zeroizing::new(String::with_capacity(64));
    for part in [&version.to_string(), ":", &key, "\n"] {
        line.push_str(part);
    }
    Ok(line)
}

/// The text of the file, with room for another key, and whose it is.
fn read_private(path: &Path) -> Result<(Zeroizing<String>, std::fs::Metadata), KeyError> {
    let mut file = File::open(path).map_err(KeyError::io(path, "read"))?;
    let about = file.metadata().map_err(KeyError::io(path, "read"))?;
    if about.mode() & 0o077 != 0 {
        let problem = format!("others can read or change it: run `chmod 600 {}`", path.display());
        return Err(KeyError::file(path, problem));
    }
    // Read into room enough from the start: a string that grows leaves a copy behind.
    let mut text = Zeroizing::new(String::with_capacity(FILE_BYTES + 64));
    let limit = FILE_BYTES as u64 + 1;
    (&mut file).take(limit).read_to_string(&mut text).map_err(KeyError::io(path, "read"))?;
    if text.len() > FILE_BYTES {
        return Err(KeyError::file(path, "it is larger than 64 KiB"));
    }
    Ok((text, about))
}

/// A file beside `path`, not yet in its place, with the text on disk. Only its owner can read it.
fn written(path: &Path, text: &str) -> Result<NamedTempFile, KeyError> {
    let mut file = NamedTempFile::new_in(folder_of(path)).map_err(KeyError::io(path, "written"))?;
    file.write_all(text.as_bytes()).map_err(KeyError::io(path, "written"))?;
    file.as_file().sync_all().map_err(KeyError::io(path, "made durable"))?;
    Ok(file)
}

fn open_folder(path: &Path) -> Result<File, KeyError> {
    File::open(folder_of(path)).map_err(KeyError::io(path, "written"))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests;
