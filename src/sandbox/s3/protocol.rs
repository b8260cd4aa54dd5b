//! The S3 protocol over the store.

use std::sync::Arc;

use axum::Router;
use axum::error_handling::HandleError;
use axum::http::{Response, StatusCode};
use s3s::auth::SimpleAuth;
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, Bucket, CommonPrefix,
    CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CreateBucketInput,
    CreateBucketOutput, CreateMultipartUploadInput, CreateMultipartUploadOutput, DeleteObjectInput,
    DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, DeletedObject, ETag,
    GetBucketLocationInput, GetBucketLocationOutput, GetObjectInput, GetObjectOutput,
    HeadBucketInput, HeadBucketOutput, HeadObjectInput, HeadObjectOutput, ListBucketsInput,
    ListBucketsOutput, ListObjectsV2Input, ListObjectsV2Output, Object, PutObjectInput,
    PutObjectOutput, StreamingBlob, UploadPartInput, UploadPartOutput,
};
use s3s::service::S3ServiceBuilder;
use s3s::{Body, HttpError, S3, S3Request, S3Response, S3Result, s3_error};

use super::checksums::{Expected, Hasher};
use super::list::Listing;
use super::store::{Condition, Objects, PutOptions};
use super::translate::{
    check_read, check_trailers, condition, modified, own_metadata, read_token, refused, signed,
    trailer_of, write_token,
};
use crate::sandbox::layout::{ACCESS_KEY, REGION, SECRET_KEY};
use crate::sandbox::network::Network;

/// The largest page of a listing.
const PAGE: i32 = 1000;

/// The S3 listener. Requests are signed by the one access key of the network.
pub(crate) fn router(shared: &Arc<Network>) -> Router {
    let mut builder = S3ServiceBuilder::new(Bucketeer(shared.objects.clone()));
    builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
    let service = HandleError::new(builder.build(), broken);
    Router::new().fallback_service(service)
}

/// The digests that a request announced. Puts and parts are two types with the same fields.
macro_rules! announced {
    ($input:ident, $trailer:ident) => {
        Expected {
            sha256_text: $input.checksum_sha256,
            crc32: $input.checksum_crc32,
            crc32c: $input.checksum_crc32c,
            crc64nvme: $input.checksum_crc64nvme,
            md5: $input.content_md5,
            trailer: $trailer,
            ..Expected::default()
        }
    };
}

fn nothing() -> StreamingBlob {
    StreamingBlob::from(Body::empty())
}

async fn broken(error: HttpError) -> Response<Body> {
    tracing::warn!(?error, "s3 request broke off");
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    answer
}

struct Bucketeer(Objects);

#[async_trait::async_trait]
impl S3 for Bucketeer {
    async fn list_buckets(
        &self,
        _request: S3Request<ListBucketsInput>,
    ) -> S3Result<S3Response<ListBucketsOutput>> {
        let buckets = self.0.buckets().into_iter().map(|name| Bucket {
            name: Some(name),
            ..Bucket::default()
        });
        Ok(S3Response::new(ListBucketsOutput {
            buckets: Some(buckets.collect()),
            ..ListBucketsOutput::default()
        }))
    }

    async fn create_bucket(
        &self,
        request: S3Request<CreateBucketInput>,
    ) -> S3Result<S3Response<CreateBucketOutput>> {
        let bucket = request.input.bucket;
        if !self.0.create_bucket(&bucket).map_err(refused)? {
            return Err(s3_error!(BucketAlreadyOwnedByYou));
        }
        Ok(S3Response::new(CreateBucketOutput {
            location: Some(format!("/{bucket}")),
        }))
    }

    async fn head_bucket(
        &self,
        request: S3Request<HeadBucketInput>,
    ) -> S3Result<S3Response<HeadBucketOutput>> {
        self.0
            .check_bucket(&request.input.bucket)
            .map_err(refused)?;
        Ok(S3Response::new(HeadBucketOutput {
            bucket_region: Some(REGION.to_owned()),
            ..HeadBucketOutput::default()
        }))
    }

    async fn get_bucket_location(
        &self,
        request: S3Request<GetBucketLocationInput>,
    ) -> S3Result<S3Response<GetBucketLocationOutput>> {
        self.0
            .check_bucket(&request.input.bucket)
            .map_err(refused)?;
        Ok(S3Response::new(GetBucketLocationOutput::default()))
    }

    async fn put_object(
        &self,
        request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let trailers = request.trailing_headers;
        let trailer = trailer_of(&request.headers);
        let input = request.input;
        self.0.check_bucket(&input.bucket).map_err(refused)?;
        let expected = announced!(input, trailer);
        let options = PutOptions {
            content_type: input.content_type,
            metadata: input.metadata.unwrap_or_default().into_iter().collect(),
            condition: condition(input.if_match, input.if_none_match)?,
            sha256: None,
        };
        let body = input.body.unwrap_or_else(nothing);
        let spooled = self
            .0
            .spool(body, expected, |hasher| check_trailers(hasher, trailers))
            .await
            .map_err(refused)?;
        let meta = self
            .0
            .publish(&input.bucket, &input.key, spooled, options, None)
            .await
            .map_err(refused)?;
        Ok(S3Response::new(PutObjectOutput {
            e_tag: Some(ETag::Strong(meta.etag)),
            checksum_sha256: meta.sha256,
            ..PutObjectOutput::default()
        }))
    }

    async fn get_object(
        &self,
        request: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        let input = request.input;
        self.0.check_bucket(&input.bucket).map_err(refused)?;
        let known = self
            .0
            .head(&input.bucket, &input.key)
            .ok_or_else(|| s3_error!(NoSuchKey))?;
        let range = match input.range {
            Some(range) => Some(range.check(known.size)?),
            None => None,
        };
        let (meta, body) = self
            .0
            .stream(&input.bucket, &input.key, range.clone())
            .await
            .map_err(refused)?
            .ok_or_else(|| s3_error!(NoSuchKey))?;
        check_read(&meta, input.if_match.as_ref(), input.if_none_match.as_ref())?;
        let range_given = range.is_some();
        let range = range.unwrap_or(0..meta.size);
        let end = range.end.min(meta.size);
        let length = end.saturating_sub(range.start);
        let mut answer = S3Response::new(GetObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            body: Some(StreamingBlob::wrap(body)),
            content_length: Some(signed(length)),
            content_range: range_given
                .then(|| format!("bytes {}-{}/{}", range.start, end.max(1) - 1, meta.size)),
            content_type: meta.content_type,
            e_tag: Some(ETag::Strong(meta.etag)),
            last_modified: modified(meta.modified_ms),
            metadata: own_metadata(meta.metadata),
            checksum_sha256: meta
                .sha256
                .filter(|_| !range_given && input.checksum_mode.is_some()),
            ..GetObjectOutput::default()
        });
        if range_given {
            answer.status = Some(StatusCode::PARTIAL_CONTENT);
        }
        Ok(answer)
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let input = request.input;
        self.0.check_bucket(&input.bucket).map_err(refused)?;
        let meta = self
            .0
            .head(&input.bucket, &input.key)
            .ok_or_else(|| s3_error!(NoSuchKey))?;
        check_read(&meta, input.if_match.as_ref(), input.if_none_match.as_ref())?;
        Ok(S3Response::new(HeadObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            content_length: Some(signed(meta.size)),
            content_type: meta.content_type,
            e_tag: Some(ETag::Strong(meta.etag)),
            last_modified: modified(meta.modified_ms),
            metadata: own_metadata(meta.metadata),
            checksum_sha256: meta.sha256.filter(|_| input.checksum_mode.is_some()),
            ..HeadObjectOutput::default()
        }))
    }

    async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let input = request.input;
        let condition = condition(input.if_match, None)?;
        self.0
            .delete(&input.bucket, &input.key, condition)
            .await
            .map_err(refused)?;
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    async fn delete_objects(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let input = request.input;
        let mut deleted = Vec::new();
        for object in input.delete.objects {
            self.0
                .delete(&input.bucket, &object.key, Condition::Always)
                .await
                .map_err(refused)?;
            deleted.push(DeletedObject {
                key: Some(object.key),
                ..DeletedObject::default()
            });
        }
        if input.delete.quiet == Some(true) {
            deleted.clear();
        }
        Ok(S3Response::new(DeleteObjectsOutput {
            deleted: Some(deleted),
            ..DeleteObjectsOutput::default()
        }))
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = request.input;
        let limit = input.max_keys.unwrap_or(PAGE).clamp(0, PAGE);
        let (after, after_folded) = match &input.continuation_token {
            Some(token) => read_token(token)?,
            None => (input.start_after.clone(), false),
        };
        let listing = Listing {
            prefix: input.prefix.clone().unwrap_or_default(),
            delimiter: input.delimiter.clone(),
            after,
            after_folded,
            limit: usize::try_from(limit).unwrap_or_default(),
        };
        let page = self.0.list(&input.bucket, &listing).map_err(refused)?;
        let count = page.objects.len() + page.folded.len();
        let contents = page.objects.iter().map(|meta| Object {
            key: Some(meta.key.clone()),
            size: Some(signed(meta.size)),
            e_tag: Some(ETag::Strong(meta.etag.clone())),
            last_modified: modified(meta.modified_ms),
            ..Object::default()
        });
        let folded = page.folded.iter().map(|prefix| CommonPrefix {
            prefix: Some(prefix.clone()),
        });
        Ok(S3Response::new(ListObjectsV2Output {
            contents: Some(contents.collect()),
            common_prefixes: Some(folded.collect()),
            continuation_token: input.continuation_token,
            delimiter: input.delimiter,
            is_truncated: Some(page.next.is_some()),
            key_count: i32::try_from(count).ok(),
            max_keys: Some(limit),
            name: Some(input.bucket),
            next_continuation_token: page.next.as_ref().map(write_token),
            prefix: input.prefix,
            start_after: input.start_after,
            ..ListObjectsV2Output::default()
        }))
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let input = request.input;
        let options = PutOptions {
            content_type: input.content_type,
            metadata: input.metadata.unwrap_or_default().into_iter().collect(),
            ..PutOptions::default()
        };
        let id = self
            .0
            .begin_upload(&input.bucket, &input.key, options)
            .await
            .map_err(refused)?;
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(id),
            ..CreateMultipartUploadOutput::default()
        }))
    }

    async fn upload_part(
        &self,
        request: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        let trailers = request.trailing_headers;
        let trailer = trailer_of(&request.headers);
        let input = request.input;
        let expected = announced!(input, trailer);
        let body = input.body.unwrap_or_else(nothing);
        let finish = |hasher: &Hasher| check_trailers(hasher, trailers);
        let etag = self
            .0
            .put_part(&input.upload_id, input.part_number, body, expected, finish)
            .await
            .map_err(refused)?;
        Ok(S3Response::new(UploadPartOutput {
            e_tag: Some(ETag::Strong(etag)),
            ..UploadPartOutput::default()
        }))
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let input = request.input;
        let parts = input
            .multipart_upload
            .and_then(|upload| upload.parts)
            .unwrap_or_default()
            .into_iter()
            .map(|part| {
                let tag = part.e_tag.map(|tag| tag.value().to_owned());
                (part.part_number.unwrap_or_default(), tag)
            });
        let condition = condition(input.if_match, input.if_none_match)?;
        let meta = self
            .0
            .complete_upload(&input.upload_id, parts.collect(), condition)
            .await
            .map_err(refused)?;
        Ok(S3Response::new(CompleteMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag: Some(ETag::Strong(meta.etag)),
            ..CompleteMultipartUploadOutput::default()
        }))
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        self.0
            .abort_upload(&request.input.upload_id)
            .map_err(refused)?;
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }
}
