//! Pitfalls 32 to 56: effects that are half done, races, progress, limits.

use super::check::{Pitfall, by, not_ours};

pub(crate) const ALL: &[Pitfall] = &[
    by(
        32,
        "a claim that is visible though its advert was never queued",
        &[
            "tests/uploads/tables.rs: a_claim_shows_only_after_it_is_stored_and_its_advert_is_queued",
            "tests/cli/takeover/world.rs: what_the_existing_tool_left_is_finished_and_nothing_is_reset",
        ],
    ),
    by(
        33,
        "two processes that make one customer's space",
        &[
            "tests/state/spaces.rs: of_many_that_create_at_once_all_go_on_with_the_same_space_and_its_key",
            "tests/uploads/hostile.rs: two_processes_make_one_migration_space_per_customer",
        ],
    ),
    by(
        34,
        "a space without its key",
        &[
            "tests/state/spaces.rs: a_row_of_the_existing_tool_without_a_key_is_given_as_it_is",
            "tests/cli/takeover/spaces.rs: a_space_without_its_key_is_reported_and_no_other_is_made",
        ],
    ),
    by(
        35,
        "a delegation that the customer never got",
        &[
            "tests/cli/takeover/spaces.rs: a_half_made_space_is_finished_although_no_upload_needs_it",
        ],
    ),
    by(
        36,
        "a space that was never provisioned",
        &[
            "tests/cli/takeover/spaces.rs: a_half_made_space_is_finished_although_no_upload_needs_it",
        ],
    ),
    by(
        37,
        "somebody else's row taken for one's own",
        &["tests/uploads/tables.rs: a_space_that_another_pays_for_is_a_conflict"],
    ),
    not_ours(
        38,
        "a counter that retries raise",
        "`indexCount` is left as it is found: nothing here reads or writes it after creation",
    ),
    by(
        39,
        "delegations that pile up at the gateway",
        &[
            "src/migrations/uploads/decide/proof_tests.rs: the_choice_is_always_the_same_and_prefers_the_customer",
            "tests/vectors/client/gateway.rs: the_gateway_gets_the_bytes_that_the_tool_sent",
        ],
    ),
    by(
        40,
        "a new job for every retry",
        &["src/proto/ipni/tests.rs: a_repeated_job_is_the_same_object_and_the_same_message"],
    ),
    not_ours(
        41,
        "an absent customer remembered for good",
        "customers are part of a unit's name and are not looked up for uploads; nothing caches a miss",
    ),
    by(
        42,
        "concurrency and dry run that do nothing",
        &[
            "src/engine/tests/running.rs: sixteen_at_once_are_ten_times_as_fast_as_one",
            "src/engine/tests/audits/judging.rs: the_plan_of_a_fresh_world_names_every_step_and_makes_none",
        ],
    ),
    by(
        43,
        "a space started over on resume",
        &[
            "src/engine/tests/resuming.rs: the_row_alone_spares_the_probes_of_what_is_settled",
            "tests/state/progress.rs: rows_of_the_existing_tool_are_trusted_only_as_far_as_its_counters_go",
        ],
    ),
    by(
        44,
        "failures counted as completed",
        &[
            "src/model/counts.rs: counters_add_up_at_every_instant",
            "tests/state/progress.rs: rows_of_the_existing_tool_are_trusted_only_as_far_as_its_counters_go",
        ],
    ),
    by(
        45,
        "a last count that is lost",
        &[
            "src/engine/tests/running.rs: everything_is_copied_and_a_second_run_has_nothing_to_do",
            "tests/state/progress.rs: rows_of_the_existing_tool_are_trusted_only_as_far_as_its_counters_go",
        ],
    ),
    by(
        46,
        "a limit that completes what is left",
        &[
            "src/engine/tests/running.rs: a_limit_ends_the_run_and_completes_no_unit",
            "tests/state/progress.rs: rows_of_the_existing_tool_are_trusted_only_as_far_as_its_counters_go",
        ],
    ),
    by(
        47,
        "a limit per space and in total",
        &["src/engine/tests/running.rs: a_limit_is_one_number_for_the_whole_run"],
    ),
    by(
        48,
        "an audit that skips what is marked as completed",
        &[
            "src/engine/tests/audits/judging.rs: ok_wrong_missing_and_could_not_tell_are_told_apart_and_nothing_is_written",
        ],
    ),
    by(
        49,
        "errors of progress that are swallowed",
        &[
            "src/engine/tests/failing.rs: progress_that_cannot_be_written_ends_the_run_and_is_reported",
        ],
    ),
    by(
        50,
        "progress that cannot be read taken for none",
        &[
            "src/engine/tests/failing.rs: progress_that_cannot_be_read_is_not_taken_for_none",
            "tests/state/tables.rs: a_missing_table_stops_the_run_and_says_what_to_do",
        ],
    ),
    by(
        51,
        "a sample that does not exist",
        &["tests/cli/network.rs: without_flags_ten_uploads_are_migrated"],
    ),
    by(
        52,
        "success with failed uploads",
        &[
            "src/cli/exit.rs: a_run_with_failures_never_ends_with_zero",
            "tests/cli/network.rs: the_main_path_by_hand_ends_with_the_documented_codes",
        ],
    ),
    by(
        53,
        "results that are kept until the end",
        &["src/engine/tests/running.rs: results_hold_one_line_for_each_item"],
    ),
    by(
        54,
        "a prompt where nobody sits",
        &["tests/cli/usage.rs: a_real_network_is_changed_only_if_somebody_says_so"],
    ),
    by(
        55,
        "a space listed once per provider",
        &[
            "src/migrations/uploads/plan/tests.rs: consumer_rows_become_one_entry_per_space_and_oddities_are_kept",
        ],
    ),
    by(
        56,
        "two processes on one customer",
        &[
            "tests/state/leases.rs: of_many_that_ask_at_once_one_gets_it",
            "src/engine/tests/leasing.rs: two_instances_share_units_and_do_nothing_twice",
        ],
    ),
];
