//! What a caller says about a customer, and the one table of its fields.

use serde::{Deserialize, Serialize};

use super::{Alias, Country, Email, ExternalId, Fault, Line, Mcc, Metadata, Phone, Text, words};

words! {
    /// Whether a customer is a person or a firm.
    CustomerType {
        /// A person.
        Individual = "INDIVIDUAL",
        /// A firm.
        Business = "BUSINESS",
    }
}

/// What a firm is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Business {
    /// Its name in the register.
    #[serde(skip_serializing_if = "Text::is_empty")]
    pub legal_name: Line,
    /// The name it trades under.
    #[serde(skip_serializing_if = "Text::is_empty")]
    pub trade_name: Line,
    /// Where to read about it.
    #[serde(skip_serializing_if = "Text::is_empty")]
    pub website: Line,
    /// What it does, as a merchant category code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub industry: Option<Mcc>,
    /// What it does, in words.
    #[serde(skip_serializing_if = "Text::is_empty")]
    pub description: Text<500>,
}

/// Where bills go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BillingAddress {
    /// Street and number.
    #[serde(skip_serializing_if = "Text::is_empty")]
    pub line1: Text<500>,
    /// What did not fit on the first line.
    #[serde(skip_serializing_if = "Text::is_empty")]
    pub line2: Text<500>,
    /// City.
    #[serde(skip_serializing_if = "Text::is_empty")]
    pub city: Line,
    /// State or region.
    #[serde(skip_serializing_if = "Text::is_empty")]
    pub state: Line,
    /// Postal code.
    #[serde(skip_serializing_if = "Text::is_empty")]
    pub postal_code: Line,
    /// Country.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<Country>,
}

/// What a caller says about a customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Profile {
    /// Person or firm.
    #[serde(rename = "type")]
    pub kind: CustomerType,
    /// The whole name, where it is kept whole.
    #[serde(skip_serializing_if = "Text::is_empty")]
    pub name: Line,
    /// First name.
    #[serde(skip_serializing_if = "Text::is_empty")]
    pub first_name: Line,
    /// Middle name.
    #[serde(skip_serializing_if = "Text::is_empty")]
    pub middle_name: Line,
    /// Last name.
    #[serde(skip_serializing_if = "Text::is_empty")]
    pub last_name: Line,
    /// What friends say.
    #[serde(skip_serializing_if = "Text::is_empty")]
    pub nick_name: Line,
    /// What a firm is.
    #[serde(skip_serializing_if = "is_default")]
    pub business: Business,
    /// Email.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<Email>,
    /// Telephone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<Phone>,
    /// Where bills go.
    #[serde(skip_serializing_if = "is_default")]
    pub billing_address: BillingAddress,
    /// The alias that money is sent to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment_address: Option<Alias>,
    /// The caller's own id of the customer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<ExternalId>,
    /// Whatever else the caller keeps here.
    #[serde(skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            kind: CustomerType::Individual,
            name: Line::default(),
            first_name: Line::default(),
            middle_name: Line::default(),
            last_name: Line::default(),
            nick_name: Line::default(),
            business: Business::default(),
            email: None,
            phone: None,
            billing_address: BillingAddress::default(),
            payment_address: None,
            external_id: None,
            metadata: Metadata::default(),
        }
    }
}

fn is_default<T: Default + PartialEq>(it: &T) -> bool {
    *it == T::default()
}

/// One field of a [`Profile`], as masks, requirements and events name it.
#[derive(Debug)]
pub struct Field {
    /// Its path in the proto.
    pub path: &'static str,
    copy: fn(&mut Profile, &Profile),
    is_same: fn(&Profile, &Profile) -> bool,
    is_set: fn(&Profile) -> bool,
}

/// The table of fields: a path, and the place it names.
macro_rules! fields {
    ($($path:literal => $($place:ident).+),+ $(,)?) => {
        &[$(Field {
            path: $path,
            copy: |to, from| to.$($place).+.clone_from(&from.$($place).+),
            is_same: |one, other| one.$($place).+ == other.$($place).+,
            // An individual is what a customer is by default, and still said: a type is always set.
            is_set: |it| $path == "type" || it.$($place).+ != Profile::default().$($place).+,
        }),+]
    };
}

const FIELDS: &[Field] = fields! {
    "type" => kind,
    "name" => name,
    "first_name" => first_name,
    "middle_name" => middle_name,
    "last_name" => last_name,
    "nick_name" => nick_name,
    "business" => business,
    "business.legal_name" => business.legal_name,
    "business.trade_name" => business.trade_name,
    "business.website" => business.website,
    "business.industry" => business.industry,
    "business.description" => business.description,
    "email" => email,
    "phone" => phone,
    "billing_address" => billing_address,
    "billing_address.line1" => billing_address.line1,
    "billing_address.line2" => billing_address.line2,
    "billing_address.city" => billing_address.city,
    "billing_address.state" => billing_address.state,
    "billing_address.postal_code" => billing_address.postal_code,
    "billing_address.country" => billing_address.country,
    "payment_address" => payment_address,
    "external_id" => external_id,
    "metadata" => metadata,
};

impl Field {
    /// The field at a path, if there is one.
    #[must_use]
    pub fn named(path: &str) -> Option<&'static Self> {
        FIELDS.iter().find(|it| it.path == path)
    }

    /// Whether the profile says anything there.
    #[must_use]
    pub fn is_set(&self, profile: &Profile) -> bool {
        (self.is_set)(profile)
    }
}

impl Profile {
    /// Whether `path` names something that can be set.
    ///
    /// # Errors
    ///
    /// Where it does not.
    pub fn can_set(path: &str) -> Result<(), Fault> {
        Self::default().set(path, &Self::default())
    }

    /// The same with what `from` says at `path`; what is empty there is cleared.
    ///
    /// # Errors
    ///
    /// Where there is no such path, or the whole would be too large.
    pub fn set(&mut self, path: &str, from: &Self) -> Result<(), Fault> {
        if let Some(key) = path.strip_prefix("metadata.") {
            if key.is_empty() || !key.bytes().all(|it| matches!(it, b'a'..=b'z' | b'0'..=b'9' | b'_')) {
                return Err(Fault::new("names a metadata key outside `[a-z0-9_]+`: give `metadata` whole"));
            }
            self.metadata = self.metadata.with_key(key, &from.metadata)?;
            return Ok(());
        }
        let field = Field::named(path).ok_or(Fault::new("names no field that can be updated"))?;
        (field.copy)(self, from);
        Ok(())
    }

    /// The paths at which two profiles differ: the parts of `business` and `billing_address`, not the whole.
    pub fn changes<'a>(&'a self, to: &'a Self) -> impl Iterator<Item = &'static str> + 'a {
        FIELDS
            .iter()
            .filter(|it| !matches!(it.path, "business" | "billing_address"))
            .filter(move |it| !(it.is_same)(self, to))
            .map(|it| it.path)
    }

    /// The whole name: as it was said, or else made of its parts.
    #[must_use]
    pub fn full_name(&self) -> String {
        if !self.name.is_empty() {
            return self.name.as_str().to_owned();
        }
        let parts = [&self.first_name, &self.middle_name, &self.last_name].map(Text::as_str);
        parts.into_iter().filter(|it| !it.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// The text that `search` looks through, folded: names, email and external id, one a line.
    #[must_use]
    pub fn search_text(&self) -> String {
        let email = self.email.as_ref().map_or("", Email::as_str);
        let external_id = self.external_id.as_ref().map_or("", ExternalId::as_str);
        [
            self.name.as_str(),
            self.first_name.as_str(),
            self.middle_name.as_str(),
            self.last_name.as_str(),
            self.nick_name.as_str(),
            self.business.legal_name.as_str(),
            self.business.trade_name.as_str(),
            email,
            external_id,
        ]
        .into_iter()
        .filter(|it| !it.is_empty())
        .map(super::fold)
        .collect::<Vec<_>>()
        .join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(json: serde_json::Value) -> Profile {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_masked_field_is_copied_and_an_empty_one_cleared() {
        let mut it = profile(
            serde_json::json!({"first_name": "Ada", "business": {"legal_name": "A", "trade_name": "B"}}),
        );
        let from = profile(serde_json::json!({"last_name": "Lovelace", "business": {"trade_name": "C"}}));
        for path in ["first_name", "last_name", "business.trade_name"] {
            it.set(path, &from).unwrap();
        }
        assert_eq!(
            it,
            profile(
                serde_json::json!({"last_name": "Lovelace", "business": {"legal_name": "A", "trade_name": "C"}})
            )
        );
    }

    #[test]
    fn metadata_is_set_whole_or_by_key() {
        let mut it = profile(serde_json::json!({"metadata": {"a": 1, "b": 2}}));
        it.set("metadata.a", &profile(serde_json::json!({"metadata": {"a": 3, "c": 4}}))).unwrap();
        assert_eq!(it, profile(serde_json::json!({"metadata": {"a": 3, "b": 2}})));
        it.set("metadata", &Profile::default()).unwrap();
        assert_eq!(it, Profile::default());
    }

    #[test]
    fn a_path_that_is_none_is_refused() {
        for path in [
            "",
            "*",
            "id",
            "etag",
            "kyc_status",
            "nick",
            "metadata.",
            "metadata.A",
            "metadata.a.b",
            "business.x",
        ] {
            assert!(Profile::default().set(path, &Profile::default()).is_err(), "{path}");
        }
    }

    #[test]
    fn changes_name_the_parts_that_differ() {
        let from = profile(serde_json::json!({"name": "A", "billing_address": {"city": "X"}}));
        let to =
            profile(serde_json::json!({"name": "B", "billing_address": {"city": "Y"}, "metadata": {"k": 1}}));
        assert_eq!(from.changes(&to).collect::<Vec<_>>(), ["name", "billing_address.city", "metadata"]);
    }

    #[test]
    fn every_path_of_the_table_can_be_set_and_says_whether_it_is() {
        for field in FIELDS {
            Profile::default().set(field.path, &Profile::default()).unwrap();
            assert_eq!(field.is_set(&Profile::default()), field.path == "type");
        }
    }

    #[test]
    fn the_search_text_is_folded_and_has_no_aliases() {
        let it = profile(serde_json::json!({
            "first_name": "ADA", "email": "ada@x.example", "external_id": "Ext-1", "payment_address": "secret@acme"
        }));
        assert_eq!(it.search_text(), "ada\nada@x.example\next-1");
    }
}
