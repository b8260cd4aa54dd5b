//! One GET, PUT or DELETE of an object.

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use bytes::{Bytes, BytesMut};

use crate::client::Cause;
use crate::client::aws::cause;
use crate::client::memory::{self, Body};

/// Reads a whole object of at most `limit` bytes, once.
pub(crate) async fn get(
    client: &Client,
    bucket: &str,
    key: &str,
    limit: usize,
) -> Result<Body, Cause> {
    let answer = client
        .get_object()
        .bucket(bucket)
        .key(key)
        .send()
        .await
        .map_err(cause)?;
    let length = answer
        .content_length()
        .and_then(|length| usize::try_from(length).ok());
    if length.is_some_and(|length| length > limit) {
        return Err(Cause::TooLarge { limit });
    }
    let room = memory::read(length, limit).await;
    let mut body = answer.body;
    let mut bytes = BytesMut::new();
    while let Some(chunk) = body
        .try_next()
        .await
        .map_err(|error| Cause::Network(error.to_string()))?
    {
        if bytes.len() + chunk.len() > limit {
            return Err(Cause::TooLarge { limit });
        }
        bytes.extend_from_slice(&chunk);
    }
    if length.is_some_and(|length| length != bytes.len()) {
        return Err(Cause::Network("object was cut".to_owned()));
    }
    Ok(Body::new(bytes.freeze(), room))
}

/// Writes a whole object, once. The same key and bytes may be written any number of times.
pub(crate) async fn put(
    client: &Client,
    bucket: &str,
    key: &str,
    content_type: &str,
    bytes: Bytes,
) -> Result<(), Cause> {
    let put = client
        .put_object()
        .bucket(bucket)
        .key(key)
        .content_type(content_type);
    let answer = put
        .body(ByteStream::from(bytes))
        .send()
        .await
        .map_err(cause)?;
    // Every store names what it has stored.
    match answer.e_tag {
        Some(_) => Ok(()),
        None => Err(Cause::Malformed("the answer names no object".to_owned())),
    }
}

/// Removes an object, once; one that is not there is no error.
pub(crate) async fn delete(client: &Client, bucket: &str, key: &str) -> Result<(), Cause> {
    let delete = client.delete_object().bucket(bucket).key(key);
    delete.send().await.map_err(cause)?;
    Ok(())
}
