// The AWS clients as the existing tool makes them, for a local network.
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { S3Client } from '@aws-sdk/client-s3'
import { SQSClient } from '@aws-sdk/client-sqs'

export function clients({ env }) {
  const settings = (endpoint, key = env.AWS_ACCESS_KEY_ID, secret = env.AWS_SECRET_ACCESS_KEY) => ({
    endpoint,
    region: env.AWS_REGION,
    credentials: { accessKeyId: key, secretAccessKey: secret },
  })
  return {
    dynamo: new DynamoDBClient(settings(env.AWS_ENDPOINT_URL_DYNAMODB)),
    s3: new S3Client(settings(env.AWS_ENDPOINT_URL_S3)),
    r2: new S3Client(settings(env.R2_ENDPOINT, env.R2_ACCESS_KEY_ID, env.R2_SECRET_ACCESS_KEY)),
    sqs: new SQSClient(settings(env.AWS_ENDPOINT_URL_SQS)),
  }
}
