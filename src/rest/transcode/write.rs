//! From the bytes of a message to its JSON: canonical proto JSON.
//!
//! By tables that the descriptors make once, in one go over the bytes: a message that is made first, as prost-reflect does,
//! takes longer than all the rest of a call. What is neither the API's own nor a time is left to that library.

use std::io::{self, Write};
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context, bail};
use prost::Message;
use prost::encoding::{WireType, decode_key, decode_varint};
use prost_reflect::{DynamicMessage, EnumDescriptor, FieldDescriptor, MessageDescriptor};
use prost_types::Timestamp;
use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter};

use crate::domain::whole;

/// How a message is written.
#[derive(Debug)]
pub(in crate::rest) enum Form {
    /// By the forms of its fields, each at its number.
    Fields(Vec<Option<Field>>),
    Time,
    /// As the library has it.
    Library(MessageDescriptor),
}

#[derive(Debug)]
pub(in crate::rest) struct Field {
    /// Its name between quotation marks, and a colon.
    name: String,
    is_list: bool,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Text,
    Bool,
    /// A whole number of 32 bits.
    Number,
    /// Those of 64 bits, which are strings in JSON.
    Signed,
    Unsigned,
    /// The names of numbers.
    Name(Vec<(i32, String)>),
    Message(Form),
}

/// A field's value, as it is on the wire.
#[derive(Clone, Copy)]
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl Form {
    pub(super) fn of(message: &MessageDescriptor) -> Self {
        if message.full_name() == "google.protobuf.Timestamp" {
            return Self::Time;
        }
        let mut fields = Vec::new();
        for field in message.fields() {
            let Some(kind) = kind(message, &field) else { return Self::Library(message.clone()) };
            let place = usize::try_from(field.number()).unwrap_or_default();
            fields.resize_with(fields.len().max(place + 1), || None);
            let name = format!("\"{}\":", field.json_name());
            fields[place] = Some(Field { name, is_list: field.is_list(), kind });
        }
        Self::Fields(fields)
    }

    /// Writes a message.
    pub(super) fn write(&self, message: &[u8], json: &mut Vec<u8>) -> anyhow::Result<()> {
        match self {
            Self::Fields(fields) => write_fields(fields, message, json),
            Self::Time => write_time(Timestamp::decode(message)?, json),
            Self::Library(descriptor) => {
                let message = DynamicMessage::decode(descriptor.clone(), message)?;
                let written = message.serialize(&mut serde_json::Serializer::with_formatter(json, Whole));
                Ok(written?)
            }
        }
    }
}

/// How a field is written, if that is here.
fn kind(message: &MessageDescriptor, field: &FieldDescriptor) -> Option<Kind> {
    use prost_reflect::Kind as Of;
    if field.is_map() || message.package_name() == "google.protobuf" {
        return None;
    }
    Some(match field.kind() {
        Of::String => Kind::Text,
        Of::Bool => Kind::Bool,
        Of::Int32 | Of::Uint32 => Kind::Number,
        Of::Int64 => Kind::Signed,
        Of::Uint64 => Kind::Unsigned,
        Of::Enum(it) => Kind::Name(names(&it)),
        Of::Message(it) => Kind::Message(Form::of(&it)),
        _ => return None,
    })
}

fn names(of: &EnumDescriptor) -> Vec<(i32, String)> {
    of.values().map(|it| (it.number(), format!("\"{}\"", it.name()))).collect()
}

fn write_fields(fields: &[Option<Field>], mut message: &[u8], json: &mut Vec<u8>) -> anyhow::Result<()> {
    json.push(b'{');
    let (begin, mut list) = (json.len(), None);
    while !message.is_empty() {
        let (number, value) = next(&mut message)?;
        let field = fields.get(number).and_then(Option::as_ref).context("a field is not of its message")?;
        if list == Some(number) {
            json.push(b',');
        } else {
            if list.take().is_some() {
                json.push(b']');
            }
            if json.len() > begin {
                json.push(b',');
            }
            json.extend(field.name.as_bytes());
            if field.is_list {
                json.push(b'[');
                list = Some(number);
            }
        }
        field.kind.write(value, field.is_list, json)?;
    }
    if list.is_some() {
        json.push(b']');
    }
    json.push(b'}');
    Ok(())
}

impl Kind {
    fn write(&self, value: Value<'_>, is_list: bool, json: &mut Vec<u8>) -> anyhow::Result<()> {
        match (self, value) {
            (Self::Text, Value::Bytes(it)) => serde_json::to_writer(json, std::str::from_utf8(it)?)?,
            (Self::Message(form), Value::Bytes(it)) => form.write(it, json)?,
            (Self::Bool, Value::Number(it)) => json.extend(if it == 0 { &b"false"[..] } else { b"true" }),
            (Self::Number, Value::Number(it)) => serde_json::to_writer(json, &it.cast_signed())?,
            (Self::Signed, Value::Number(it)) => write!(json, "\"{}\"", it.cast_signed())?,
            (Self::Unsigned, Value::Number(it)) => write!(json, "\"{it}\"")?,
            (Self::Name(names), Value::Number(it)) => {
                let number = i32::try_from(it.cast_signed())?;
                match names.iter().find(|name| name.0 == number) {
                    Some((_, name)) => json.extend(name.as_bytes()),
                    None => serde_json::to_writer(json, &number)?,
                }
            }
            // Numbers of a list come together.
            (_, Value::Bytes(mut packed)) if is_list && !packed.is_empty() => {
                let mut is_first = true;
                while !packed.is_empty() {
                    if !std::mem::take(&mut is_first) {
                        json.push(b',');
                    }
                    self.write(Value::Number(decode_varint(&mut packed)?), false, json)?;
                }
            }
            _ => bail!("a field is not as its message has it"),
        }
        Ok(())
    }
}

fn write_time(time: Timestamp, json: &mut Vec<u8>) -> anyhow::Result<()> {
    // The years 1 to 9999.
    let Timestamp { seconds, nanos } = time;
    let (-62_135_596_800..=253_402_300_799, Ok(part @ ..=999_999_999)) = (seconds, u32::try_from(nanos))
    else {
        bail!("a time is not one");
    };
    let Ok(since) = u64::try_from(seconds) else { return Ok(write!(json, "\"{time}\"")?) };
    let at = UNIX_EPOCH + Duration::new(since, part);
    let text = match part {
        0 => humantime::format_rfc3339_seconds(at),
        _ if part % 1_000_000 == 0 => humantime::format_rfc3339_millis(at),
        _ if part % 1_000 == 0 => humantime::format_rfc3339_micros(at),
        _ => humantime::format_rfc3339_nanos(at),
    };
    Ok(write!(json, "\"{text}\"")?)
}

/// Takes the next field of a message: its number, and its value.
fn next<'a>(message: &mut &'a [u8]) -> anyhow::Result<(usize, Value<'a>)> {
    let (number, wire_type) = decode_key(message)?;
    let value = match wire_type {
        WireType::Varint => Value::Number(decode_varint(message)?),
        WireType::LengthDelimited => {
            let length = usize::try_from(decode_varint(message)?)?;
            let (value, rest) =
                message.split_at_checked(length).context("a field is longer than its message")?;
            *message = rest;
            Value::Bytes(value)
        }
        _ => bail!("a field is of no kind that the API has"),
    };
    Ok((usize::try_from(number)?, value))
}

/// The bytes of a message's field.
pub(super) fn field(mut message: &[u8], wanted: u32) -> Option<&[u8]> {
    while !message.is_empty() {
        match next(&mut message).ok()? {
            (number, Value::Bytes(it)) if u32::try_from(number) == Ok(wanted) => return Some(it),
            _ => {}
        }
    }
    None
}

/// Numbers of metadata that are whole are written so, as canonical JSON has them.
struct Whole;

impl Formatter for Whole {
    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        if whole(value).is_some() {
            write!(writer, "{value:.0}")
        } else {
            CompactFormatter.write_f64(writer, value)
        }
    }
}

#[cfg(test)]
mod tests {
    use prost_reflect::{Kind as Of, ReflectMessage, Value as Reflected};
    use rand::rngs::StdRng;
    use rand::seq::IndexedRandom;
    use rand::{Rng, SeedableRng};
    use serde_json::{Deserializer, json};

    use super::super::rules::RULES;
    use super::*;

    fn from_json(descriptor: &MessageDescriptor, json: &serde_json::Value) -> DynamicMessage {
        DynamicMessage::deserialize(descriptor.clone(), &mut Deserializer::from_str(&json.to_string()))
            .unwrap_or_else(|error| panic!("{}: {error}", descriptor.full_name()))
    }

    /// A message with anything in it.
    fn message(descriptor: &MessageDescriptor, rng: &mut StdRng) -> DynamicMessage {
        let known = match descriptor.full_name() {
            "google.protobuf.Timestamp" => {
                json!(
                    [
                        "1970-01-01T00:00:00Z",
                        "2026-11-22T04:05:06.7Z",
                        "2026-11-22T04:05:06.000070Z",
                        "2026-11-22T04:05:06.000000007Z",
                        "1969-12-31T23:59:59.999Z",
                        "0001-01-01T00:00:00Z",
                        "9999-12-31T23:59:59.999999999Z",
                    ]
                    .choose(rng)
                )
            }
            "google.protobuf.Struct" => json!({"a": [1, 1.5, -2e60, null, true, {"b": "é\"\n"}], "": {}}),
            "google.protobuf.Duration" => json!("-1.5s"),
            "google.protobuf.FieldMask" => json!("a,bC.d"),
            "google.protobuf.BoolValue" => json!(rng.random_bool(0.5)),
            "google.protobuf.Any" => json!({
                "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "R", "metadata": {"a": "b"}
            }),
            _ => {
                let mut message = DynamicMessage::new(descriptor.clone());
                for field in descriptor.fields().filter(|_| rng.random_bool(0.7)).collect::<Vec<_>>() {
                    let one = |rng: &mut StdRng| value(&field.kind(), rng);
                    let value = if field.is_list() {
                        Reflected::List((0..rng.random_range(0..4)).map(|_| one(rng)).collect())
                    } else {
                        one(rng)
                    };
                    message.set_field(&field, value);
                }
                return message;
            }
        };
        from_json(descriptor, &known)
    }

    fn value(kind: &Of, rng: &mut StdRng) -> Reflected {
        match kind {
            Of::String => {
                Reflected::String((*["", "ada", "é\u{1f600}\"\\\n\u{0}"].choose(rng).unwrap()).to_owned())
            }
            Of::Bool => Reflected::Bool(rng.random()),
            Of::Int32 => Reflected::I32(*[0, 1, -1, i32::MIN, i32::MAX].choose(rng).unwrap()),
            Of::Uint32 => Reflected::U32(*[0, 1, u32::MAX].choose(rng).unwrap()),
            Of::Int64 => Reflected::I64(*[0, 1, -1, i64::MIN, i64::MAX].choose(rng).unwrap()),
            Of::Uint64 => Reflected::U64(*[0, 1, u64::MAX].choose(rng).unwrap()),
            Of::Enum(_) => Reflected::EnumNumber(*[0, 1, 2, 3, 4_000, -1].choose(rng).unwrap()),
            Of::Message(it) => Reflected::Message(message(it, rng)),
            other => panic!("{other:?} is in no answer"),
        }
    }

    #[test]
    fn every_answer_is_written_as_the_library_writes_it() {
        let mut rng = StdRng::seed_from_u64(1);
        for rpc in RULES.iter().map(|it| &it.rpc) {
            assert_eq!(by_the_library(&rpc.written), [""; 0], "{}", rpc.path);
            for _ in 0..50 {
                let message = message(&rpc.output, &mut rng);
                let (mut ours, mut theirs) = (Vec::new(), Vec::new());
                rpc.written.write(&message.encode_to_vec(), &mut ours).unwrap();
                message.serialize(&mut serde_json::Serializer::with_formatter(&mut theirs, Whole)).unwrap();
                let text = |it| String::from_utf8(it).unwrap();
                assert_eq!(text(ours), text(theirs), "{}", rpc.path);
            }
        }
    }

    /// The messages that the library writes, but for Google's own.
    fn by_the_library(form: &Form) -> Vec<&str> {
        match form {
            Form::Time => Vec::new(),
            Form::Library(it) if it.package_name().starts_with("google.") => Vec::new(),
            Form::Library(it) => vec![it.full_name()],
            Form::Fields(fields) => fields
                .iter()
                .flatten()
                .filter_map(|it| if let Kind::Message(form) = &it.kind { Some(form) } else { None })
                .flat_map(by_the_library)
                .collect(),
        }
    }

    /// What is written of bytes that the API's own type has made.
    fn through<T: Message + Default>(name: &str, rng: &mut StdRng) {
        let descriptor = crate::api::POOL.get_message_by_name(&format!("purser.v1.{name}")).unwrap();
        let form = Form::of(&descriptor);
        for _ in 0..200 {
            let bytes = T::decode(&*message(&descriptor, rng).encode_to_vec()).unwrap().encode_to_vec();
            let theirs = DynamicMessage::decode(descriptor.clone(), &*bytes).unwrap();
            let (mut ours, mut json) = (Vec::new(), Vec::new());
            form.write(&bytes, &mut ours).unwrap();
            theirs.serialize(&mut serde_json::Serializer::with_formatter(&mut json, Whole)).unwrap();
            assert_eq!(String::from_utf8(ours), String::from_utf8(json), "{name}");
        }
    }

    #[test]
    fn what_handlers_answer_is_written_as_the_library_writes_it() {
        let rng = &mut StdRng::seed_from_u64(3);
        through::<crate::api::GetCustomerResponse>("GetCustomerResponse", rng);
        through::<crate::api::BatchGetCustomersResponse>("BatchGetCustomersResponse", rng);
        through::<crate::api::ListWalletsResponse>("ListWalletsResponse", rng);
        through::<crate::api::ListNetworksResponse>("ListNetworksResponse", rng);
        through::<crate::api::WatchResponse>("WatchResponse", rng);
        through::<crate::api::CreateApiKeyResponse>("CreateApiKeyResponse", rng);
    }

    #[test]
    fn a_time_that_is_none_is_refused() {
        let written = |seconds, nanos| write_time(Timestamp { seconds, nanos }, &mut Vec::new());
        assert!(written(-62_135_596_800, 0).is_ok() && written(253_402_300_799, 999_999_999).is_ok());
        for (seconds, nanos) in [(-62_135_596_801, 0), (253_402_300_800, 0), (0, -1), (0, 1_000_000_000)] {
            assert!(written(seconds, nanos).is_err(), "{seconds} {nanos}");
        }
    }

    #[test]
    fn what_is_cut_off_or_none_is_refused() {
        let customer = crate::api::POOL.get_message_by_name("purser.v1.Customer").unwrap();
        let form = Form::of(&customer);
        let whole = message(&customer, &mut StdRng::seed_from_u64(2));
        assert_eq!(whole.descriptor(), customer);
        let whole = whole.encode_to_vec();
        let mut refused = 0;
        for end in 0..whole.len() {
            refused += usize::from(form.write(&whole[..end], &mut Vec::new()).is_err());
        }
        assert!(refused > whole.len() / 2, "{refused} of {}", whole.len());
        for wrong in
            [&[0xff][..], &[0x0a, 0x05, b'a'], &[0x0a, 0x01, 0xff], &[0x08, 0x01], &[0x0d, 0, 0, 0, 0]]
        {
            assert!(form.write(wrong, &mut Vec::new()).is_err(), "{wrong:?}");
        }
    }
}
