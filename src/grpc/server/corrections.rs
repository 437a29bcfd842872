//! What tonic says by itself, put into the contract's words.
//!
//! Our own handlers answer an error with `grpc-status-details-bin`. A status without it comes from tonic:
//! from its codec, before a handler ran, or from its router. It then stands in the head of the answer and
//! not in trailers, for unary and streaming calls alike (tonic's `server::Grpc::map_response`). Trailers
//! without details speak of an answer that could not be encoded, and that is ours to mend, not the caller's.
//!
//! tonic's CANCELLED for a timeout needs no correction: that timeout is in tonic's own server, which is not
//! used here.

use http::HeaderMap;
use tonic::{Code, Status};

use crate::api::ErrorReason;
use crate::grpc::status::{refusal, too_large};

/// The status in `headers`, corrected there if tonic made it, of a method that takes so many bytes. `None` if they hold none:
/// the answer goes on.
pub(super) fn settle(headers: &mut HeaderMap, most_bytes: usize) -> Option<Code> {
    let code = code_in(headers)?;
    if headers.contains_key(Status::GRPC_STATUS_DETAILS) {
        return Some(code);
    }
    let Some((code, reason, message)) = correction(code) else { return Some(code) };
    let said = Status::from_header_map(headers).map(|status| status.message().to_owned());
    let message = said.filter(|said| !said.is_empty()).unwrap_or_else(|| message.to_owned());
    let status = match reason {
        ErrorReason::MessageTooLarge => too_large(most_bytes, message),
        _ => refusal(code, reason, message),
    };
    write(&status, headers);
    Some(code)
}

/// The status in `headers`, head or trailers.
pub(super) fn code_in(headers: &HeaderMap) -> Option<Code> {
    headers.get(Status::GRPC_STATUS).map(|value| Code::from_bytes(value.as_bytes()))
}

/// Writes `status` over what `headers` say. Others stay, such as the encodings that would be accepted.
pub(super) fn write(status: &Status, headers: &mut HeaderMap) {
    if let Err(error) = status.add_header(headers) {
        // Message and details are escaped, so this cannot be; and the code is written first.
        tracing::error!(%error, "a status could not be written");
    }
}

/// What a code of tonic's own means, and what to say where tonic says nothing.
fn correction(code: Code) -> Option<(Code, ErrorReason, &'static str)> {
    match code {
        // Not protobuf, no message, half a message, a bad compression flag.
        Code::Internal => {
            Some((Code::InvalidArgument, ErrorReason::InvalidField, "the request cannot be decoded"))
        }
        // The length that a message announces, or that it grew to when decompressed.
        Code::OutOfRange | Code::ResourceExhausted => {
            Some((Code::ResourceExhausted, ErrorReason::MessageTooLarge, "the message is too large"))
        }
        Code::Unimplemented => {
            Some((Code::Unimplemented, ErrorReason::Unimplemented, "there is no such method"))
        }
        // NOT_FOUND of the health service, for one, is as its own specification has it.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use tonic_types::StatusExt;

    use super::*;

    #[test]
    fn what_tonic_says_is_corrected() {
        for (said, code) in [
            (Status::internal("failed to decode"), Code::InvalidArgument),
            (Status::out_of_range("too large"), Code::ResourceExhausted),
            (Status::resource_exhausted("too large"), Code::ResourceExhausted),
            (Status::unimplemented(""), Code::Unimplemented),
        ] {
            let mut headers = said.into_http::<()>().into_parts().0.headers;
            assert_eq!(settle(&mut headers, 7), Some(code));
            let told = Status::from_header_map(&headers).unwrap();
            assert_eq!(told.code(), code);
            assert!(!told.message().is_empty());
            let limit = told.get_details_error_info().unwrap().metadata.remove("limit_bytes");
            assert_eq!(limit.as_deref() == Some("7"), code == Code::ResourceExhausted);
        }
    }

    #[test]
    fn what_others_say_is_left_alone() {
        let ours = refusal(Code::Internal, ErrorReason::Internal, "internal error");
        for said in [ours, Status::not_found("service not registered")] {
            let before = said.clone().into_http::<()>().into_parts().0.headers;
            let mut headers = before.clone();
            assert_eq!(settle(&mut headers, 7), Some(said.code()));
            assert_eq!(headers, before);
        }
        assert_eq!(settle(&mut HeaderMap::new(), 7), None);
    }
}
