//! Pitfalls 57 to 86: tables, objects, HTTP; setting up and operating.

use super::check::{Pitfall, by, not_ours};

pub(crate) const ALL: &[Pitfall] = &[
    by(
        57,
        "lists that end at a page",
        &[
            "tests/state/rows.rs: lists_are_whole_in_order_and_bounded",
            "tests/state/failures.rs: a_list_over_many_pages_of_a_megabyte_is_whole",
            "tests/uploads/tables.rs: lists_are_read_over_every_page",
        ],
    ),
    by(
        58,
        "any delegation of the space",
        &[
            "src/migrations/uploads/decide/proof_tests.rs: a_delegation_by_the_space_must_be_wide_enough_in_force_and_to_an_account",
            "src/migrations/uploads/decide/proof_tests.rs: the_choice_is_always_the_same_and_prefers_the_customer",
            "tests/uploads/tables.rs: a_revoked_delegation_is_not_chosen",
        ],
    ),
    by(
        59,
        "any customer of the space",
        &[
            "src/migrations/uploads/plan/tests.rs: consumer_rows_become_one_entry_per_space_and_oddities_are_kept",
        ],
    ),
    by(
        60,
        "rows that a batch left out",
        &["tests/uploads/tables.rs: a_row_that_a_batch_left_out_is_written_again_and_has_no_cause"],
    ),
    by(
        61,
        "giving out again resets work",
        &[
            "tests/state/customers.rs: giving_out_again_refreshes_what_nobody_began_and_keeps_the_rest",
            "src/app/uploads/setup/tests/mod.rs: setup_on_a_live_run_changes_no_status_and_no_counter",
        ],
    ),
    by(
        62,
        "totals of long ago",
        &[
            "tests/cli/takeover/world.rs: what_the_existing_tool_left_is_finished_and_nothing_is_reset",
        ],
    ),
    by(
        63,
        "an upload read from an index that lacks its shards",
        &["tests/uploads/services.rs: the_network_is_read_as_it_was_seeded"],
    ),
    by(
        64,
        "a cause that is not text",
        &["tests/uploads/tables.rs: a_row_that_a_batch_left_out_is_written_again_and_has_no_cause"],
    ),
    by(
        65,
        "settings of R2 and static keys for everything",
        &[
            "tests/uploads/tables.rs: a_delegation_is_found_in_either_bucket_and_an_error_is_not_absence",
        ],
    ),
    by(
        66,
        "a wrong bucket behind the bucket",
        &[
            "tests/uploads/tables.rs: a_delegation_is_found_in_either_bucket_and_an_error_is_not_absence",
        ],
    ),
    by(
        67,
        "the leading slash of a delegation's key",
        &[
            "tests/sandbox/objects.rs: a_leading_slash_is_part_of_the_key",
            "tests/interop/aws.test.mjs: a key with a leading slash is another key than the one without",
            "tests/uploads/tables.rs: a_delegation_is_found_in_either_bucket_and_an_error_is_not_absence",
        ],
    ),
    by(
        68,
        "a claim that is not stored",
        &[
            "tests/uploads/tables.rs: a_claim_shows_only_after_it_is_stored_and_its_advert_is_queued",
        ],
    ),
    by(
        69,
        "calls without deadline",
        &[
            "src/runtime/retry.rs: who_never_answers_meets_the_deadline_of_each_try",
            "src/runtime/retry.rs: a_passing_error_passes",
        ],
    ),
    not_ours(
        70,
        "invocations that end after half a minute",
        "each try of a call issues its invocation again (`client::ucan` takes a closure), with two minutes to live, so that neither a \
         queue of ours nor a clock that is off by a minute makes it late",
    ),
    by(
        71,
        "the same invocation twice in a second",
        &["tests/uploads/tables.rs: a_repeated_invocation_is_a_new_one"],
    ),
    by(
        72,
        "all shards at once (at most `shards_at_once` are streamed, each in memory bounded by a block)",
        &[
            "tests/uploads/hostile.rs: no_more_shards_of_an_upload_are_read_at_once_than_allowed",
            "src/proto/car/tests.rs: a_block_is_never_held",
        ],
    ),
    not_ours(
        73,
        "a registration that treats its answer as a receipt",
        "`space/index/add` is not called: indexes are registered by `assert/index`, whose receipt is read",
    ),
    by(
        74,
        "an answer that is not a CAR",
        &[
            "tests/uploads/hostile.rs: an_outage_of_the_indexing_service_publishes_nothing",
            "src/proto/query/tests.rs: changed_answers_never_panic",
        ],
    ),
    by(
        75,
        "an environment that is half set",
        &[
            "tests/cli/settings.rs: the_network_is_local_unless_told",
            "tests/cli/settings.rs: local_never_names_a_real_service",
        ],
    ),
    by(
        76,
        "files that override the environment",
        &["tests/cli/settings.rs: the_environment_comes_before_files_and_files_before_presets"],
    ),
    by(
        77,
        "keys and proofs that are missed too late",
        &[
            "tests/cli/settings.rs: all_missing_keys_are_named_at_once",
            "tests/cli/proofs.rs: all_that_is_wrong_with_a_proof_is_reported_at_once",
        ],
    ),
    by(
        78,
        "a checkpoint by position",
        &[
            "src/app/uploads/setup/tests/counting.rs: an_interrupted_setup_goes_on_and_ends_as_one_that_was_not",
        ],
    ),
    by(
        79,
        "a skip list that never matches",
        &["src/migrations/uploads/plan/tests.rs: customers_are_named_as_people_name_them"],
    ),
    by(
        80,
        "consumer rows that vanish",
        &[
            "src/app/uploads/setup/tests/mod.rs: every_space_is_in_one_file_and_has_its_row",
            "src/migrations/uploads/plan/tests.rs: consumer_rows_become_one_entry_per_space_and_oddities_are_kept",
        ],
    ),
    by(
        81,
        "one space that ends the count",
        &[
            "src/app/uploads/setup/tests/counting.rs: a_space_that_cannot_be_counted_once_does_not_end_the_count",
        ],
    ),
    by(
        82,
        "a next step that does not exist, twenty rows of many",
        &[
            "tests/cli/usage.rs: every_command_that_a_text_names_exists",
            "tests/state/failures.rs: a_list_over_many_pages_of_a_megabyte_is_whole",
        ],
    ),
    by(
        83,
        "sealed keys that fit anybody",
        &[
            "src/proto/envelope.rs: an_envelope_opens_only_for_its_customer",
            "src/proto/envelope.rs: an_envelope_cannot_be_called_the_older_version",
            "tests/vectors/data/tool.rs: old_envelopes_open_and_are_made_again",
        ],
    ),
    not_ours(
        84,
        "a script that hands spaces over",
        "nothing moves a space: `ucan issue` prints a delegation and writes no row",
    ),
    by(
        85,
        "a refusal of the gateway whose reason is lost",
        &["tests/uploads/tables.rs: a_refusal_of_the_gateway_keeps_its_reason"],
    ),
    by(
        86,
        "content that goes dark",
        &["tests/uploads/hostile.rs: claims_that_name_a_space_wait_for_the_gateway"],
    ),
];
