#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/update/policy.h"

#define MIB (1024 * 1024ULL)

struct fixture {
	struct config_update update;
	struct config_download download;
	struct policy_facts facts;
	struct offer *offer;
	struct ota_error err;
};

static int set_up(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	fx->update.automatic = true;
	fx->update.window.always = true;
	fx->update.min_battery_percent = 20;
	fx->download.max_size = 100 * MIB;
	fx->download.max_downloads = 4;
	fx->facts = (struct policy_facts){
		.update = &fx->update,
		.download = &fx->download,
		.running = "1.0.0",
		.free_bytes = 1000 * MIB,
		.now_ms = 1771000000000,
	};
	fx->offer = offer_new();
	fx->offer->version = strdup("1.0.1");
	fx->offer->size_bytes = 10 * MIB;
	digest_set(&fx->offer->md5, DIGEST_MD5,
		   "d41d8cd98f00b204e9800998ecf8427e");
	*state = fx;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fx = *state;

	offer_free(fx->offer);
	free(fx);
	return 0;
}

static void offer_version(struct fixture *fx, const char *version)
{
	free(fx->offer->version);
	fx->offer->version = strdup(version);
}

static enum ota_error_kind refusal(struct fixture *fx)
{
	ota_error_clear(&fx->err);
	return policy_accepts(&fx->facts, fx->offer, &fx->err) ?
		       OTA_ERROR_NONE :
		       fx->err.kind;
}

static void look_at_clock(struct fixture *fx)
{
	fx->facts.window_wait_ms =
		time_window_wait_ms(&fx->update.window, fx->facts.now_ms);
}

static const char *reason_to_wait(struct fixture *fx, uint64_t *ret_wait_ms)
{
	look_at_clock(fx);
	return policy_wait(&fx->facts, fx->offer, false, ret_wait_ms);
}

static void a_newer_version_is_accepted(void **state)
{
	assert_int_equal(refusal(*state), OTA_ERROR_NONE);
}

static void an_older_version_is_a_downgrade(void **state)
{
	struct fixture *fx = *state;

	offer_version(fx, "0.9.9");
	assert_int_equal(refusal(fx), OTA_ERROR_DOWNGRADE_REFUSED);
	assert_non_null(strstr(fx->err.text, "0.9.9"));
	fx->update.allow_downgrade = true;
	assert_int_equal(refusal(fx), OTA_ERROR_NONE);
}

static void anything_is_newer_than_an_unknown_version(void **state)
{
	struct fixture *fx = *state;

	fx->facts.running = NULL;
	offer_version(fx, "0.0.1");
	assert_int_equal(refusal(fx), OTA_ERROR_NONE);
}

static void numbers_compare_by_value(void **state)
{
	struct fixture *fx = *state;

	fx->facts.running = "1.9";
	offer_version(fx, "1.10");
	assert_int_equal(refusal(fx), OTA_ERROR_NONE);
}

static void an_offer_without_a_digest_is_refused(void **state)
{
	struct fixture *fx = *state;

	fx->offer->md5.alg = DIGEST_NONE;
	assert_int_equal(refusal(fx), OTA_ERROR_INCOMPATIBLE);
}

static void md5_alone_is_refused_where_sha256_is_required(void **state)
{
	struct fixture *fx = *state;

	fx->update.require_sha256 = true;
	assert_int_equal(refusal(fx), OTA_ERROR_INCOMPATIBLE);
	digest_set(&fx->offer->sha256, DIGEST_SHA256,
		   "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	assert_int_equal(refusal(fx), OTA_ERROR_NONE);
}

static void an_artifact_beyond_max_size_is_refused(void **state)
{
	struct fixture *fx = *state;

	fx->offer->size_bytes = fx->download.max_size + 1;
	assert_int_equal(refusal(fx), OTA_ERROR_INCOMPATIBLE);
	fx->offer->size_bytes = fx->download.max_size;
	assert_int_equal(refusal(fx), OTA_ERROR_NONE);
}

static void twice_the_size_and_16_mib_must_be_free(void **state)
{
	struct fixture *fx = *state;

	fx->facts.free_bytes = 36 * MIB;
	assert_int_equal(refusal(fx), OTA_ERROR_NONE);
	fx->facts.free_bytes = 36 * MIB - 1;
	assert_int_equal(refusal(fx), OTA_ERROR_NO_SPACE);
}

static void a_size_that_overflows_does_not_fit(void **state)
{
	struct fixture *fx = *state;

	fx->download.max_size = UINT64_MAX;
	fx->offer->size_bytes = UINT64_MAX - 1;
	fx->facts.free_bytes = UINT64_MAX - 1;
	assert_int_equal(refusal(fx), OTA_ERROR_NO_SPACE);
}

static void an_unknown_size_needs_the_spare_room_alone(void **state)
{
	struct fixture *fx = *state;

	fx->offer->size_bytes = OFFER_SIZE_UNKNOWN;
	fx->facts.free_bytes = 16 * MIB;
	assert_int_equal(refusal(fx), OTA_ERROR_NONE);
	fx->facts.free_bytes = 16 * MIB - 1;
	assert_int_equal(refusal(fx), OTA_ERROR_NO_SPACE);
}

static void a_low_battery_refuses_and_mains_does_not(void **state)
{
	struct fixture *fx = *state;

	fx->facts.battery_percent = 19;
	assert_int_equal(refusal(fx), OTA_ERROR_NONE);
	fx->facts.on_battery = true;
	assert_int_equal(refusal(fx), OTA_ERROR_POWER_LOW);
	fx->facts.battery_percent = 20;
	assert_int_equal(refusal(fx), OTA_ERROR_NONE);
}

static void nothing_in_the_way_means_now(void **state)
{
	uint64_t wait_ms;

	assert_null(reason_to_wait(*state, &wait_ms));
}

static void auto_off_waits_for_an_operator_or_force(void **state)
{
	struct fixture *fx = *state;
	uint64_t wait_ms;

	fx->update.automatic = false;
	assert_non_null(reason_to_wait(fx, &wait_ms));
	assert_true(wait_ms == UINT64_MAX);
	assert_null(policy_wait(&fx->facts, fx->offer, true, &wait_ms));
	fx->offer->force = true;
	assert_null(reason_to_wait(fx, &wait_ms));
}

static void a_hold_stops_even_a_forced_offer(void **state)
{
	struct fixture *fx = *state;
	uint64_t wait_ms;

	fx->facts.held = true;
	fx->offer->force = true;
	assert_non_null(reason_to_wait(fx, &wait_ms));
	assert_true(wait_ms == UINT64_MAX);
	fx->facts.hold_until_ms = fx->facts.now_ms + 5000;
	assert_non_null(reason_to_wait(fx, &wait_ms));
	assert_int_equal(wait_ms, 5000);
}

static void a_closed_window_says_when_it_opens(void **state)
{
	struct fixture *fx = *state;
	uint64_t wait_ms;

	setenv("TZ", "UTC", 1);
	assert_true(units_parse_window("02:00-05:00", &fx->update.window));
	fx->facts.now_ms = 1771027200000; /* 2026-02-14 00:00 UTC */
	assert_non_null(reason_to_wait(fx, &wait_ms));
	assert_int_equal(wait_ms, 2 * 3600 * 1000);
	fx->offer->force = true;
	assert_null(reason_to_wait(fx, &wait_ms));
}

static void only_so_many_transfers_run_at_a_time(void **state)
{
	struct fixture *fx = *state;
	uint64_t wait_ms;

	fx->facts.transfers = 4;
	assert_non_null(reason_to_wait(fx, &wait_ms));
	fx->facts.artifact_here = true;
	assert_null(reason_to_wait(fx, &wait_ms));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_newer_version_is_accepted),
		TEST(an_older_version_is_a_downgrade),
		TEST(anything_is_newer_than_an_unknown_version),
		TEST(numbers_compare_by_value),
		TEST(an_offer_without_a_digest_is_refused),
		TEST(md5_alone_is_refused_where_sha256_is_required),
		TEST(an_artifact_beyond_max_size_is_refused),
		TEST(twice_the_size_and_16_mib_must_be_free),
		TEST(a_size_that_overflows_does_not_fit),
		TEST(an_unknown_size_needs_the_spare_room_alone),
		TEST(a_low_battery_refuses_and_mains_does_not),
		TEST(nothing_in_the_way_means_now),
		TEST(auto_off_waits_for_an_operator_or_force),
		TEST(a_hold_stops_even_a_forced_offer),
		TEST(a_closed_window_says_when_it_opens),
		TEST(only_so_many_transfers_run_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
