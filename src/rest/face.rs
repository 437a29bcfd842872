//! The ways in which REST is spoken here, and which of them an operator turned on.

use std::fmt;
use std::str::FromStr;

/// One way of speaking: the API's own, or that of one vendor's document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Face {
    /// `/v1`: every method as the protos have it.
    Canonical,
    /// `/fossapay`.
    Fossapay,
    /// `/paylias`.
    Paylias,
    /// `/noderails`.
    Noderails,
    /// `/trxn`.
    Trxn,
    /// `/juicyway`.
    Juicyway,
}

impl Face {
    /// Each of them.
    pub const ALL: [Self; 6] =
        [Self::Canonical, Self::Fossapay, Self::Paylias, Self::Noderails, Self::Trxn, Self::Juicyway];

    /// Its name, as the option and the metrics have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Canonical => "canonical",
            Self::Fossapay => "fossapay",
            Self::Paylias => "paylias",
            Self::Noderails => "noderails",
            Self::Trxn => "trxn",
            Self::Juicyway => "juicyway",
        }
    }
}

/// A set of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faces(Vec<Face>);

impl Faces {
    /// All of them.
    #[must_use]
    pub fn all() -> Self {
        Self(Face::ALL.to_vec())
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one is in the set.
    #[must_use]
    pub fn has(&self, face: Face) -> bool {
        self.0.contains(&face)
    }
}

impl FromStr for Faces {
    type Err = String;

    /// Names, with commas between them; `all` is every one.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut faces = Vec::new();
        for name in text.split(',').map(str::trim) {
            match Face::ALL.into_iter().find(|it| it.as_str() == name) {
                Some(face) if !faces.contains(&face) => faces.push(face),
                Some(_) => {}
                None if name == "all" => faces.extend(Face::ALL),
                None => return Err(format!("must be `all`, or some of: {}", Self::all())),
            }
        }
        faces.sort_unstable();
        faces.dedup();
        Ok(Self(faces))
    }
}

impl fmt::Display for Faces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.iter().map(|it| it.as_str()).collect::<Vec<_>>().join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faces_are_named_one_by_one_or_all_at_once() {
        let faces = |text: &str| text.parse::<Faces>().map(|it| it.to_string());
        assert_eq!(faces("trxn, canonical,trxn").as_deref(), Ok("canonical,trxn"));
        assert_eq!(faces("trxn,all"), Ok(Faces::all().to_string()));
        for wrong in ["", "canonical,", "TRXN", "rest"] {
            assert!(faces(wrong).unwrap_err().contains("juicyway"), "{wrong}");
        }
    }
}
