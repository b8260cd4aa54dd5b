//! Pitfalls 1 to 31: the protocol's data, and deciding what to do.

use super::check::{Pitfall, by, not_ours};

pub(crate) const ALL: &[Pitfall] = &[
    by(
        1,
        "context ids made of the DID's text",
        &[
            "src/proto/ipni/tests.rs: context_ids_are_over_principal_bytes_and_not_over_text",
            "tests/vectors/data/trace.rs: every_job_has_its_digests_and_its_claim",
            "tests/cli/takeover/world.rs: what_the_existing_tool_left_is_finished_and_nothing_is_reset",
        ],
    ),
    by(
        2,
        "an index's location claimed by a did:web",
        &["tests/uploads/hostile.rs: a_lost_claim_of_the_node_is_sent_again"],
    ),
    not_ours(
        3,
        "two providers of one claim",
        "nothing compares providers: claims are judged by issuer, space, range and place, and carry no provider; the two records \
         (the agent's from claim/cache, the node's from the queue) are the protocol's",
    ),
    by(
        4,
        "addresses that do not lead to the location",
        &["src/proto/ipni/tests.rs: an_address_made_from_a_location_leads_back_to_it"],
    ),
    by(
        5,
        "an https port in addresses hides the shard's link",
        &[
            "src/proto/ipni/tests.rs: an_address_made_from_a_location_leads_back_to_it",
            "src/proto/ipni/tests.rs: a_store_object_is_found_only_with_its_link",
        ],
    ),
    by(
        6,
        "a leading slash in the http path",
        &["src/proto/ipni/tests.rs: the_path_is_sent_without_slash_and_read_with_and_without"],
    ),
    by(
        7,
        "equal blocks in an index, and the shard's own slice",
        &[
            "src/proto/index/tests.rs: the_last_of_equal_blocks_counts_and_the_shard_is_its_own_first_slice",
            "src/proto/index/tests.rs: a_known_name_of_any_codec_gives_the_same_slices",
            "src/client/tables/sizes.rs: a_size_of_zero_is_no_size",
        ],
    ),
    by(
        8,
        "blocks that nobody hashed",
        &[
            "src/proto/index/tests.rs: a_block_that_does_not_match_is_named",
            "tests/vectors/data/index.rs: a_changed_byte_in_a_shard_is_found",
        ],
    ),
    by(
        9,
        "the lost tail of a CAR",
        &[
            "src/proto/car/tests.rs: the_tail_is_read_or_reported_but_never_dropped",
            "src/proto/index/tests.rs: a_short_last_section_is_indexed_and_padding_is_counted",
        ],
    ),
    by(
        10,
        "CARv2 and empty sections",
        &["src/proto/index/tests.rs: carv2_is_indexed_and_zero_length_sections_are_named"],
    ),
    by(
        11,
        "shards of an index taken for raw blocks",
        &[
            "src/proto/index/tests.rs: shards_are_carried_as_multihashes_and_give_both_links",
            "tests/uploads/tables.rs: a_store_row_is_found_by_the_raw_link_that_an_index_gives",
        ],
    ),
    by(
        12,
        "only the first index and the first claim count",
        &[
            "src/proto/query/tests.rs: all_claims_and_all_indexes_are_given",
            "src/migrations/uploads/decide/tests.rs: what_else_is_said_of_a_shard_takes_nothing_from_a_right_claim",
        ],
    ),
    by(
        13,
        "a list of shards that is not in the row",
        &[
            "src/client/tables/uploads.rs: a_row_may_have_a_set_a_reference_or_nothing",
            "tests/uploads/tables.rs: an_upload_whose_shards_are_listed_in_an_object_is_migrated_whole",
        ],
    ),
    by(
        14,
        "no shards, and a verification of nothing",
        &[
            "src/migrations/uploads/decide/tests.rs: an_upload_without_shards_has_those_of_its_index_or_fails_by_name",
        ],
    ),
    by(
        15,
        "a size that only the blob registry knows",
        &[
            "src/client/tables/sizes.rs: allocation_counts_before_registry_before_store",
            "tests/uploads/tables.rs: a_size_comes_from_any_table_and_at_last_from_the_object",
        ],
    ),
    by(
        16,
        "a size that is not the object's",
        &["tests/uploads/tables.rs: a_size_that_is_not_the_objects_publishes_nothing"],
    ),
    by(
        17,
        "trouble taken for absence of a blob",
        &["tests/uploads/tables.rs: a_carpark_that_fails_is_not_taken_for_an_empty_one"],
    ),
    by(
        18,
        "any location claim counts",
        &[
            "src/migrations/uploads/decide/tests.rs: a_location_claim_counts_only_if_issuer_space_range_and_place_are_right",
        ],
    ),
    by(
        19,
        "varints of 32 bits",
        &[
            "src/proto/varint.rs: varints_above_32_bits_keep_every_bit",
            "src/proto/ipni/tests.rs: protocol_ids_are_64_bit_varints",
        ],
    ),
    by(
        20,
        "old claims without a length win at the gateway",
        &[
            "src/migrations/uploads/decide/tests.rs: an_old_claim_without_length_is_reported_while_it_is_visible",
        ],
    ),
    by(
        21,
        "a query for the root alone",
        &[
            "src/client/indexing/query.rs: every_hash_goes_into_one_request",
            "tests/uploads/hostile.rs: a_complete_upload_costs_one_claims_query",
        ],
    ),
    by(
        22,
        "an outage read as no claims",
        &[
            "tests/uploads/hostile.rs: an_outage_of_the_indexing_service_publishes_nothing",
            "src/engine/tests/failing.rs: what_is_unknown_publishes_nothing",
        ],
    ),
    by(
        23,
        "statuses looked for in texts",
        &[
            "src/client/http/status.rs: statuses_go_by_number_and_never_by_text",
            "src/proto/query/tests.rs: the_status_is_a_number_and_not_a_text",
        ],
    ),
    by(
        24,
        "any index claim counts",
        &[
            "src/migrations/uploads/decide/tests.rs: an_index_counts_only_if_it_covers_the_shards_and_is_signed",
        ],
    ),
    by(
        25,
        "the gateway authorised again for every upload",
        &[
            "src/engine/tests/running.rs: a_step_of_the_unit_is_made_once_and_recorded",
            "tests/uploads/tables.rs: one_space_costs_one_authorisation",
        ],
    ),
    by(
        26,
        "a migration space that nothing needs",
        &["tests/uploads/tables.rs: a_customer_whose_uploads_are_complete_gets_no_migration_space"],
    ),
    by(
        27,
        "a repair that skips steps and verifies nothing",
        &[
            "src/engine/tests/taking_over.rs: a_repair_whose_effect_does_not_show_is_not_called_done",
            "src/engine/tests/taking_over.rs: what_the_world_does_not_show_is_made_once_and_what_was_found_is_kept",
            "tests/cli/takeover/world.rs: an_audit_names_the_uploads_whose_adverts_are_the_existing_tools",
        ],
    ),
    by(
        28,
        "test modes with side effects",
        &["src/engine/tests/running.rs: one_step_alone_writes_nothing_else"],
    ),
    by(
        29,
        "verified in a cache, at once, for good (a query does not tell a cache from IPNI: so a claim is shown only after its \
            advert is queued, and the audit is a command of its own)",
        &[
            "src/engine/tests/running.rs: what_shows_late_is_probed_again_and_not_made_again",
            "tests/uploads/tables.rs: a_claim_shows_only_after_it_is_stored_and_its_advert_is_queued",
            "src/engine/tests/audits/judging.rs: ok_wrong_missing_and_could_not_tell_are_told_apart_and_nothing_is_written",
        ],
    ),
    not_ours(
        30,
        "two verifications",
        "there is one look for all: a run, its verification, the plan and the audit ask `Migration::probe` and `Step::needs`",
    ),
    not_ours(
        31,
        "a fixed gateway, looked at once",
        "no upload is judged by a look at the gateway; where content is fetched (`demo`), GATEWAY_SERVICE_URL says from where, \
         each call has its deadline, and what is not served is a difference that fails the command",
    ),
];
