//! What the store promises, on each database.

mod api_token;
mod audit;
mod balance;
mod catalog;
mod checkout;
mod connection;
mod event;
mod gift_certificate;
mod lease;
mod order;
mod promotion;
mod redemption;
mod request;
mod reservation;
mod revoked_session;
mod samples;
mod settings;
mod stock;
mod tax_task;

/// Makes each contract, a function that is given a new database, a test on SQLite and one on PostgreSQL.
macro_rules! contracts {
    ($($area:ident { $($contract:ident,)* })*) => {
        mod sqlite {
            $(mod $area {
                use crate::{harness::database::TestDatabase, store::$area as contracts};

                $(#[tokio::test(flavor = "multi_thread")]
                async fn $contract() {
                    contracts::$contract(TestDatabase::sqlite()).await;
                })*
            })*
        }

        mod postgres {
            $(mod $area {
                use crate::{harness::database::TestDatabase, store::$area as contracts};

                $(#[tokio::test(flavor = "multi_thread")]
                async fn $contract() {
                    contracts::$contract(TestDatabase::postgres().await).await;
                })*
            })*
        }
    };
}

contracts! {
    connection {
        many_replicas_may_migrate_at_once,
        an_older_release_starts_beside_a_newer_one,
        what_was_committed_is_there_after_a_restart,
        a_transaction_that_is_dropped_leaves_nothing,
        a_pool_without_a_free_connection_is_out_of_reach,
    }
    checkout {
        a_checkout_comes_back_as_it_was,
        a_stale_version_replaces_nothing,
        of_changes_to_one_version_one_wins,
        each_of_many_changes_counts_when_retried,
        what_has_ended_is_purged_once_in_batches,
    }
    order {
        an_order_comes_back_with_its_payments,
        an_order_is_numbered_once,
        a_stale_version_updates_nothing,
        a_payment_is_known_by_its_reference,
        a_checkout_is_paid_once,
        a_deleted_cart_can_still_be_paid,
        siblings_that_wait_are_cancelled,
        an_open_payment_is_found_by_its_checkout,
        orders_are_listed_newest_first,
    }
    catalog {
        products_come_back_with_their_versions,
        products_are_listed_by_id,
        a_deleted_product_is_gone,
        upserts_at_once_do_not_deadlock,
    }
    promotion {
        a_promotion_comes_back_with_its_code,
        a_code_is_taken_in_any_case,
        promotions_and_codes_are_listed_by_age,
        promotions_are_listed_by_what_they_are,
        a_promotion_is_replaced_at_its_version,
        those_that_can_apply_are_active,
        codes_are_added_unless_they_are_taken,
        a_row_without_the_newer_columns_is_a_coupon,
        deleting_a_promotion_deletes_its_codes,
        a_limit_is_exact_whoever_redeems_at_once,
        a_customers_limit_is_exact,
        a_checkout_redeems_a_code_once,
        what_is_released_can_be_redeemed_again,
        a_refused_redemption_leaves_nothing,
        a_deleted_code_is_gone,
    }
    redemption {
        a_limit_is_exact_whoever_redeems_at_once,
        a_limit_is_exact_while_uses_are_given_back,
        a_checkout_redeems_a_promotion_once,
        the_last_use_raises_the_revision,
        a_deleted_promotion_is_gone,
        a_change_keeps_the_uses,
    }
    balance {
        store_credit_comes_back_with_its_ledger,
        a_customer_has_one_balance_in_a_currency,
        a_balance_never_goes_below_zero,
        of_changes_to_one_version_one_wins,
        a_checkout_can_pay_with_what_it_holds,
        payments_of_one_checkout_take_turns,
    }
    event {
        events_come_back_in_the_order_of_their_times,
        what_is_committed_late_is_not_skipped,
        every_event_has_one_place_whoever_places,
        an_event_is_written_with_its_change_or_not_at_all,
        old_events_are_forgotten_once_they_are_done_with,
        who_listens_hears_what_others_place,
    }
    gift_certificate {
        a_gift_certificate_comes_back_as_it_was,
        a_code_is_taken_in_any_case,
        gift_certificates_are_listed_newest_first,
    }
    stock {
        no_more_is_taken_than_is_left,
        whoever_takes_in_order_never_deadlocks_with_the_catalog,
        what_is_held_is_known_without_its_product,
    }
    settings {
        settings_come_back_as_they_were,
        of_changes_to_one_version_one_wins,
        each_change_raises_its_revision_alone,
    }
    request {
        an_answer_is_found_again,
        of_equal_requests_one_is_done,
        an_old_request_is_forgotten,
        old_requests_are_forgotten_in_batches,
        a_request_that_failed_can_be_made_again,
    }
    api_token {
        a_token_comes_back_as_it_was,
        what_is_revoked_or_expired_is_not_loaded,
        the_limit_of_living_tokens_is_exact,
    }
    revoked_session {
        a_session_is_refused_until_it_would_have_ended,
    }
    audit {
        entries_are_read_in_pages_and_forgotten_in_batches,
    }
    lease {
        work_is_done_by_one_at_a_time,
    }
    reservation {
        what_has_lapsed_is_found_the_longest_first,
        what_has_lapsed_is_claimed_once,
    }
    tax_task {
        tasks_are_due_in_order_and_done_once,
        a_task_that_is_given_up_is_due_again,
        a_void_comes_after_the_commit_that_it_replaces,
    }
}
