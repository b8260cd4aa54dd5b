//! SQS of the local network.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{QueueAttributeName, SendMessageBatchRequestEntry};
use sterna::sandbox::queue;

use crate::aws::Local;

async fn receive(client: &Client, url: &str) -> Vec<(String, String)> {
    let answer = client
        .receive_message()
        .queue_url(url)
        .max_number_of_messages(10)
        .send()
        .await
        .unwrap();
    answer
        .messages
        .unwrap_or_default()
        .into_iter()
        .map(|message| (message.body.unwrap(), message.receipt_handle.unwrap()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_received_in_the_order_of_its_groups() {
    let local = Local::start().await;
    let client = local.sqs();
    let url = local.variable("IPNI_BLOB_PUBLISHING_QUEUE");
    let entries = ["a1", "b1", "a2"].map(|body| {
        SendMessageBatchRequestEntry::builder()
            .id(body)
            .message_body(body)
            .message_group_id(&body[..1])
            .build()
            .unwrap()
    });
    let answer = client
        .send_message_batch()
        .queue_url(&url)
        .set_entries(Some(entries.to_vec()))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.successful().len(), 3);
    assert!(
        answer
            .successful()
            .iter()
            .all(|entry| entry.sequence_number().is_some())
    );

    let first = receive(&client, &url).await;
    let bodies: Vec<_> = first.iter().map(|(body, _)| body.as_str()).collect();
    assert_eq!(bodies, ["a1", "b1", "a2"]);
    assert!(receive(&client, &url).await.is_empty());
    for (_, handle) in first {
        let delete = client
            .delete_message()
            .queue_url(&url)
            .receipt_handle(handle);
        delete.send().await.unwrap();
    }
    assert!(
        local
            .sandbox
            .network()
            .queues
            .messages(queue::IPNI_BLOB)
            .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_too_large_or_ambiguous_is_refused_whole() {
    let local = Local::start().await;
    let client = local.sqs();
    let url = local.variable("IPNI_BLOB_PUBLISHING_QUEUE");
    let entry = |id: usize| {
        SendMessageBatchRequestEntry::builder()
            .id(id.to_string())
            .message_body("body")
            .message_group_id("group")
            .build()
            .unwrap()
    };
    let refused = async |ids: Vec<usize>| {
        let batch = client.send_message_batch().queue_url(&url);
        let entries = ids.into_iter().map(entry).collect();
        let answer = batch.set_entries(Some(entries)).send().await;
        answer.unwrap_err().into_service_error()
    };
    let error = refused((0..11).collect()).await;
    assert!(error.is_too_many_entries_in_batch_request(), "{error}");
    let error = refused(vec![1, 1]).await;
    assert!(error.is_batch_entry_ids_not_distinct(), "{error}");
    let error = refused(Vec::new()).await;
    assert!(error.is_empty_batch_request(), "{error}");
    let queues = &local.sandbox.network().queues;
    assert!(queues.messages(queue::IPNI_BLOB).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_body_is_one_message_even_after_a_restart() {
    let mut local = Local::start().await;
    let url = local.variable("IPNI_STORE_PUBLISHING_QUEUE");
    let mut ids = Vec::new();
    for _ in 0..2 {
        let client = local.sqs();
        let message = client.send_message().queue_url(&url).message_body("same");
        let answer = message.message_group_id("g").send().await.unwrap();
        ids.push(answer.message_id.unwrap());
        local = local.restart().await;
    }
    assert_eq!(ids[0], ids[1]);
    let messages = local.sandbox.network().queues.messages(queue::IPNI_STORE);
    assert_eq!(messages.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn queues_are_found_described_made_and_emptied() {
    let local = Local::start().await;
    let client = local.sqs();
    let url = local.variable("IPNI_BLOB_PUBLISHING_QUEUE");
    let found = client
        .get_queue_url()
        .queue_name(queue::IPNI_BLOB)
        .send()
        .await
        .unwrap();
    assert_eq!(found.queue_url(), Some(url.as_str()));
    let missing = client.get_queue_url().queue_name("none").send().await;
    let error = missing.unwrap_err().into_service_error();
    assert!(error.is_queue_does_not_exist(), "{error}");

    let send = client.send_message().queue_url(&url).message_body("x");
    send.message_group_id("g").send().await.unwrap();
    let attributes = client
        .get_queue_attributes()
        .queue_url(&url)
        .attribute_names(QueueAttributeName::All)
        .send()
        .await
        .unwrap()
        .attributes
        .unwrap();
    assert_eq!(
        attributes[&QueueAttributeName::ContentBasedDeduplication],
        "true"
    );
    assert_eq!(
        attributes[&QueueAttributeName::ApproximateNumberOfMessages],
        "1"
    );
    client.purge_queue().queue_url(&url).send().await.unwrap();
    assert!(receive(&client, &url).await.is_empty());

    let made = client
        .create_queue()
        .queue_name("plain")
        .send()
        .await
        .unwrap();
    let plain = made.queue_url.unwrap();
    let send = client.send_message().queue_url(&plain).message_body("y");
    send.send().await.unwrap();
    assert_eq!(receive(&client, &plain).await.len(), 1);
    let listed = client.list_queues().send().await.unwrap();
    assert_eq!(listed.queue_urls().len(), 3);
}
