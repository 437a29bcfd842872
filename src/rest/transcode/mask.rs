//! Field masks as text: names with commas between them.

use prost_reflect::{DynamicMessage, Kind, MessageDescriptor, Value};

use super::rules::named;

/// The message that they are.
pub(super) const NAME: &str = "google.protobuf.FieldMask";

/// Reads a mask of the fields of `resource`.
///
/// Names may be as the proto or as JSON has them. It is split before anything of it is looked up, and what is no name of
/// a field stays as it is: `metadata.orderId` means the key `orderId`, whatever its letters.
pub(super) fn read(
    mask: &MessageDescriptor,
    text: &str,
    resource: Option<&MessageDescriptor>,
) -> DynamicMessage {
    let paths = text.split(',').map(str::trim).filter(|it| !it.is_empty());
    let paths = paths.map(|it| Value::String(path(it, resource))).collect();
    let mut message = DynamicMessage::new(mask.clone());
    message.set_field_by_name("paths", Value::List(paths));
    message
}

fn path(text: &str, resource: Option<&MessageDescriptor>) -> String {
    let (first, rest) = text.split_once('.').map_or((text, None), |it| (it.0, Some(it.1)));
    let field = resource.and_then(|it| named(it, first));
    let name = field.as_ref().map_or(first, |it| it.name());
    let Some(rest) = rest else { return name.to_owned() };
    let within = match field.as_ref().map(prost_reflect::FieldDescriptor::kind) {
        Some(Kind::Message(it)) if it.package_name() != "google.protobuf" => Some(it),
        _ => None,
    };
    format!("{name}.{}", path(rest, within.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api;

    #[test]
    fn a_mask_is_split_before_it_is_converted_and_keys_stay_as_they_are() {
        let mask = api::POOL.get_message_by_name(NAME).unwrap();
        let customer = api::POOL.get_message_by_name("purser.v1.Customer").unwrap();
        for (text, expected) in [
            ("metadata.order_id,first_name", "metadata.order_id first_name"),
            ("metadata.order_id,firstName", "metadata.order_id first_name"),
            ("metadata.orderId,firstName", "metadata.orderId first_name"),
            ("metadata.firstName", "metadata.firstName"),
            ("metadata.a.b_c.dE", "metadata.a.b_c.dE"),
            (
                " billingAddress.postalCode , billing_address.postal_code,",
                "billing_address.postal_code billing_address.postal_code",
            ),
            ("noSuch,no_such.noSuch", "noSuch no_such.noSuch"),
            ("", ""),
        ] {
            let read = read(&mask, text, Some(&customer));
            let paths = read.get_field_by_name("paths").unwrap();
            let paths: Vec<_> = paths.as_list().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
            assert_eq!(paths.join(" "), expected, "{text}");
        }
    }
}
