//! The DynamoDB protocol: `POST /` with the operation in `X-Amz-Target`, JSON in and out.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Response, StatusCode, Uri, header};
use axum::routing::post;
use dynoxide::auth_material::{AuthMaterial, validate};
use dynoxide::{Database, DynoxideError};
use serde::de::DeserializeOwned;

use crate::sandbox::network::Network;

/// The largest body that `DynamoDB` takes.
const BODY_LIMIT: usize = 16 << 20;

const CONTENT_TYPE: &str = "application/x-amz-json-1.0";

/// The `DynamoDB` listener.
pub(crate) fn router(shared: Arc<Network>) -> Router {
    Router::new()
        .route("/", post(serve))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(shared)
}

async fn serve(
    State(shared): State<Arc<Network>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let material = AuthMaterial {
        authorization: text(&headers, "authorization"),
        query: uri.query().unwrap_or_default(),
        has_date_header: headers.contains_key("x-amz-date") || headers.contains_key("date"),
    };
    if let Some(refusal) = validate(material) {
        return answer(StatusCode::BAD_REQUEST, refusal);
    }
    let operation = text(&headers, "x-amz-target")
        .and_then(|target| target.rsplit_once('.'))
        .map_or_else(String::new, |(_, operation)| operation.to_owned());
    let work = shared
        .db
        .blocking(move |database| Ok(run(database, &operation, &body)));
    match work.await {
        Ok(Ok(json)) => answer(StatusCode::OK, json),
        Ok(Err(error)) => {
            let status = StatusCode::from_u16(error.status_code());
            answer(status.unwrap_or(StatusCode::BAD_REQUEST), error.to_json())
        }
        Err(error) => answer(
            StatusCode::INTERNAL_SERVER_ERROR,
            DynoxideError::InternalServerError(error.to_string()).to_json(),
        ),
    }
}

fn run(database: &Database, operation: &str, body: &[u8]) -> Result<String, DynoxideError> {
    macro_rules! call {
        ($method:ident) => {
            serde_json::to_string(&database.$method(decode(body)?)?)
        };
    }
    let json = match operation {
        "CreateTable" => call!(create_table),
        "DeleteTable" => call!(delete_table),
        "DescribeTable" => call!(describe_table),
        "ListTables" => call!(list_tables),
        "UpdateTable" => call!(update_table),
        "PutItem" => call!(put_item),
        "GetItem" => call!(get_item),
        "DeleteItem" => call!(delete_item),
        "UpdateItem" => call!(update_item),
        "Query" => call!(query),
        "Scan" => call!(scan),
        "BatchGetItem" => call!(batch_get_item),
        "BatchWriteItem" => call!(batch_write_item),
        "TransactWriteItems" => call!(transact_write_items),
        "TransactGetItems" => call!(transact_get_items),
        "UpdateTimeToLive" => call!(update_time_to_live),
        "DescribeTimeToLive" => call!(describe_time_to_live),
        _ => {
            return Err(DynoxideError::ValidationException(format!(
                "the operation {operation:?} is not served"
            )));
        }
    };
    json.map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}

/// Reads a request. The engine marks its own refusals with a word before the text.
fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, DynoxideError> {
    serde_json::from_slice(body).map_err(|error| {
        let message = error.to_string();
        let plain = message.split(" at line ").next().unwrap_or(&message);
        if let Some((mark, refusal)) = plain.split_once(':') {
            match mark {
                "VALIDATION" | "VALIDATION_REQUEST" | "VALIDATION_AS_READ" => {
                    return DynoxideError::ValidationException(refusal.to_owned());
                }
                "SERIALIZATION" | "SERIALIZATION_AS_READ" => {
                    return DynoxideError::SerializationException(refusal.to_owned());
                }
                _ => {}
            }
        }
        let missing = ["missing field", "unknown variant", "invalid type: null"];
        if missing.iter().any(|word| plain.contains(word)) || plain.contains("AttributeValue") {
            DynoxideError::ValidationException(plain.to_owned())
        } else {
            DynoxideError::SerializationException(plain.to_owned())
        }
    })
}

fn answer(status: StatusCode, json: String) -> Response<Body> {
    let mut response = Response::new(Body::from(json));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static(CONTENT_TYPE),
    );
    response
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
