#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sys/stat.h>

#include "otad/base/file.h"
#include "otad/base/loop.h"
#include "otad/model/offer.h"

#include "support/fetch-fixture.h"

/* Not a multiple of anything: tails are part of every test. */
#define SIZE (3 * MIB + 12345)

static struct http_log log_of(struct fetch_fixture *fx)
{
	struct http_log log;

	fetch_log(fx, &log);
	return log;
}

static void takes_one_request_for_a_file(void **state)
{
	struct fetch_fixture *fx = *state;
	struct http_log log;

	fetch_serve(fx, SIZE, 1);
	fetch_expect_ok(fx, SIZE);

	log = log_of(fx);
	assert_int_equal(log.n_requests, 1);
	assert_string_equal(log.requests[0].method, "GET");
	assert_string_equal(log.requests[0].range, "");
	assert_string_equal(log.requests[0].accept_encoding, "identity");
	assert_false(log.requests[0].has_credentials);
	assert_int_equal(fx->restarts, 0);
	assert_true(fx->progresses > 0);
	assert_int_equal(fx->progress.received_bytes, SIZE);
	assert_int_equal(fx->progress.total_bytes, SIZE);
	assert_int_equal(fx->progress.attempt, 1);
}

static void takes_files_of_every_size(void **state)
{
	static const size_t sizes[] = { 1, 4095, 4096, 4097, 65536,
					1024 * 1024 - 1, 1024 * 1024,
					1024 * 1024 + 1, 2 * 1024 * 1024 };
	struct fetch_fixture *fx = *state;

	for (size_t i = 0; i < OTA_ARRAY_SIZE(sizes); i++) {
		fetch_serve(fx, sizes[i], (unsigned)i);
		fetch_expect_ok(fx, sizes[i]);
		assert_int_equal(fetch_discard(fx->path, NULL), true);
	}
}

static void takes_an_unannounced_size(void **state)
{
	struct fetch_fixture *fx = *state;

	fetch_serve(fx, SIZE, 2);
	fetch_expect_ok(fx, OFFER_SIZE_UNKNOWN);
	assert_int_equal(fx->progress.total_bytes, SIZE);
}

static void takes_a_body_that_ends_with_the_connection(void **state)
{
	struct fetch_fixture *fx = *state;

	fetch_serve(fx, SIZE, 3);
	fetch_script(fx, "[{\"length\":\"none\"}]");
	fetch_expect_ok(fx, OFFER_SIZE_UNKNOWN);
}

static void takes_a_chunked_body(void **state)
{
	struct fetch_fixture *fx = *state;

	fetch_serve(fx, 9 * MIB, 4);
	fetch_script(fx, "[{\"length\":\"chunked\"},{\"length\":\"chunked\"}]");
	fetch_expect_ok(fx, 9 * MIB);
	fetch_expect_ok(fx, OFFER_SIZE_UNKNOWN);
}

static void takes_an_interim_answer_for_no_answer(void **state)
{
	struct fetch_fixture *fx = *state;

	fetch_serve(fx, SIZE, 5);
	fetch_script(fx, "[{\"interim\":103}]");
	fetch_expect_ok(fx, SIZE);
}

static void an_interim_answer_says_nothing_of_the_file(void **state)
{
	struct fetch_fixture *fx = *state;
	struct http_log log;

	fetch_serve(fx, SIZE, 5);
	fetch_script(fx, "[{\"interim\":103,\"cut_after\":1000000,"
			 "\"interim_headers\":{\"ETag\":\"\\\"other\\\"\"}}]");
	fetch_expect_ok(fx, SIZE);
	log = log_of(fx);
	assert_int_equal(log.n_requests, 2);
	assert_int_equal(log.requests[1].if_range[0], '"');
	assert_string_not_equal(log.requests[1].if_range, "\"other\"");
}

/* Of those that are open now. */
static unsigned count_descriptors(const char *kind)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	unsigned count = 0;
	char target[64];

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		ssize_t size = readlinkat(dirfd(dir), entry->d_name, target,
					  sizeof(target));

		count += size > 0 && (size_t)size >= strlen(kind) &&
			 memcmp(target, kind, strlen(kind)) == 0;
	}
	closedir(dir);
	return count;
}

static void no_connection_is_left_open(void **state)
{
	struct fetch_fixture *fx = *state;
	unsigned before = count_descriptors("socket:");

	fetch_serve(fx, SIZE, 6);
	fetch_expect_ok(fx, SIZE);
	assert_int_equal(count_descriptors("socket:"), before);
	fx->settings.strategy = DOWNLOAD_CHUNKED;
	fetch_expect_ok(fx, SIZE);
	assert_int_equal(count_descriptors("socket:"), before);
}

static void no_file_is_left_open(void **state)
{
	struct fetch_fixture *fx = *state;
	unsigned before = count_descriptors("/");

	fetch_serve(fx, SIZE, 6);
	fetch_script(fx, "[{\"cut_after\":2000000}]");
	fetch_expect_ok(fx, SIZE);
	fx->fetch = fetch_free(fx->fetch);
	assert_int_equal(count_descriptors("/"), before);
}

/* As long as each chunk comes in time. */
static void a_download_may_take_longer_than_its_timeout(void **state)
{
	struct fetch_fixture *fx = *state;

	fx->settings.timeout_ms = 4000;
	fx->settings.chunk_bytes = 16 * KIB;
	fetch_serve(fx, 320 * KIB, 7);
	fetch_script(fx, "[{\"rate\":65536}]");
	fetch_expect_ok(fx, 320 * KIB);
	assert_int_equal(log_of(fx).n_requests, 1);
}

static void goes_on_where_a_connection_broke(void **state)
{
	struct fetch_fixture *fx = *state;
	struct http_log log;

	fetch_serve(fx, SIZE, 6);
	fetch_script(fx, "[{\"cut_after\":1500000}]");
	fetch_expect_ok(fx, SIZE);

	log = log_of(fx);
	assert_int_equal(log.n_requests, 2);
	assert_string_equal(log.requests[1].range, "bytes=1500000-");
	assert_true(log.requests[1].if_range[0] == '"');
	assert_int_equal(log.requests[1].status, 206);
	assert_int_equal(fx->restarts, 0);
}

static void asks_without_if_range_when_the_etag_is_weak(void **state)
{
	struct fetch_fixture *fx = *state;
	struct http_log log;

	fetch_serve(fx, SIZE, 7);
	fetch_script(fx, "[{\"cut_after\":1500000,\"etag\":\"W/\\\"a\\\"\"},"
			 "{\"etag\":\"W/\\\"a\\\"\"}]");
	fetch_expect_ok(fx, SIZE);

	log = log_of(fx);
	assert_string_equal(log.requests[1].range, "bytes=1500000-");
	assert_string_equal(log.requests[1].if_range, "");
	assert_int_equal(log.requests[1].status, 206);
}

static void if_range_is_the_date_when_there_is_no_etag(void **state)
{
	static const char fault[] =
		"[{\"cut_after\":1500000,\"etag\":\"\",\"last_modified\":"
		"\"Sat, 01 Feb 2020 10:00:00 GMT\"},{\"etag\":\"\","
		"\"last_modified\":\"Sat, 01 Feb 2020 10:00:00 GMT\"}]";
	struct fetch_fixture *fx = *state;
	struct http_log log;

	fetch_serve(fx, SIZE, 8);
	fetch_script(fx, fault);
	fetch_expect_ok(fx, SIZE);

	log = log_of(fx);
	assert_string_equal(log.requests[1].if_range,
			    "Sat, 01 Feb 2020 10:00:00 GMT");
	assert_int_equal(log.requests[1].status, 206);
}

static void starts_over_when_the_content_changed(void **state)
{
	struct fetch_fixture *fx = *state;
	struct http_log log;

	fetch_serve(fx, SIZE, 9);
	fetch_script(fx, "[{\"cut_after\":2000000,\"content\":\"old\","
			 "\"times\":1000000}]");
	fetch_expect_ok(fx, OFFER_SIZE_UNKNOWN);

	log = log_of(fx);
	assert_int_equal(log.n_requests, 2);
	assert_int_equal(log.requests[1].status, 200);
	assert_int_equal(fx->restarts, 1);
}

/* If-Range is not for every server. */
static void starts_over_when_the_etag_of_a_part_is_another(void **state)
{
	struct fetch_fixture *fx = *state;
	struct http_log log;

	fetch_serve(fx, SIZE, 10);
	fetch_script(fx, "[{\"cut_after\":2000000},"
			 "{\"headers\":{\"ETag\":\"\\\"new\\\"\"}}]");
	fetch_expect_ok(fx, SIZE);

	log = log_of(fx);
	assert_int_equal(log.n_requests, 3);
	assert_int_equal(log.requests[1].status, 206);
	assert_string_equal(log.requests[2].range, "");
	assert_int_equal(fx->restarts, 1);
}

static void takes_everything_from_a_server_without_ranges(void **state)
{
	struct fetch_fixture *fx = *state;
	struct http_log log;

	fetch_serve(fx, SIZE, 11);
	fetch_script(fx, "[{\"cut_after\":2000000},{\"ignore_range\":true}]");
	fetch_expect_ok(fx, SIZE);

	log = log_of(fx);
	assert_int_equal(log.n_requests, 2);
	assert_int_equal(log.requests[1].first_byte, 2000000);
	assert_int_equal(log.requests[1].status, 200);
	assert_int_equal(fx->restarts, 1);
}

static void expect_fresh_start_after(struct fetch_fixture *fx,
				     const char *fault)
{
	char script[256];
	struct http_log log;

	snprintf(script, sizeof(script), "[{\"cut_after\":2000000},%s]", fault);
	http_server_reset(fx->server);
	fetch_script(fx, script);
	fetch_expect_ok(fx, SIZE);
	log = log_of(fx);
	assert_int_equal(log.n_requests, 3);
	assert_int_equal(log.requests[1].first_byte, 2000000);
	assert_string_equal(log.requests[2].range, "");
	assert_int_equal(fx->restarts, 1);
	assert_true(fetch_discard(fx->path, NULL));
}

static void starts_over_after_a_part_that_does_not_fit(void **state)
{
	struct fetch_fixture *fx = *state;

	fetch_serve(fx, SIZE, 12);
	expect_fresh_start_after(fx, "{\"range_shift\":1}");
	expect_fresh_start_after(fx, "{\"range_shift\":-4096}");
	expect_fresh_start_after(fx, "{\"range_total\":3158074}");
	expect_fresh_start_after(fx, "{\"range_total\":99999999}");
	expect_fresh_start_after(
		fx, "{\"content_range\":\"bytes 2000000-3158073/*\","
		    "\"extra\":1}");
	expect_fresh_start_after(fx, "{\"no_content_range\":true}");
	expect_fresh_start_after(fx, "{\"content_range\":\"bytes x\"}");
	expect_fresh_start_after(
		fx, "{\"content_range\":\"bytes 2000000-18446744073709551615/"
		    "18446744073709551616\"}");
	expect_fresh_start_after(
		fx, "{\"content_range\":\"bytes 2000000-2000001/3158073\"}");
}

static void starts_over_once_after_416(void **state)
{
	struct fetch_fixture *fx = *state;

	fetch_serve(fx, SIZE, 13);
	expect_fresh_start_after(fx, "{\"unsatisfiable\":true}");
}

static void gives_up_after_416_twice(void **state)
{
	struct fetch_fixture *fx = *state;

	fetch_serve(fx, SIZE, 14);
	fetch_script(fx, "[{\"cut_after\":2000000},{\"unsatisfiable\":true},"
			 "{\"cut_after\":1000000},{\"unsatisfiable\":true}]");
	fetch_expect_failure(fx, SIZE, OTA_ERROR_HTTP);
	assert_int_equal(log_of(fx).n_requests, 4);
}

/* There was no range to be out of. */
static void a_416_to_a_whole_file_is_final(void **state)
{
	struct fetch_fixture *fx = *state;

	fetch_serve(fx, 100000, 16);
	fetch_script(fx, "[{\"status\":416,\"repeat\":true}]");
	fetch_expect_failure(fx, 100000, OTA_ERROR_HTTP);
	assert_int_equal(log_of(fx).n_requests, 1);
}

/* Nothing is at hand yet that a larger file would not fit to. */
static void a_window_of_a_larger_file_is_refused_at_once(void **state)
{
	struct fetch_fixture *fx = *state;

	fetch_serve(fx, SIZE, 17);
	fx->settings.strategy = DOWNLOAD_CHUNKED;
	fetch_expect_failure(fx, SIZE - 1, OTA_ERROR_SIZE_MISMATCH);
	assert_int_equal(log_of(fx).n_requests, 1);
}

static void knows_by_416_that_it_has_everything(void **state)
{
	struct fetch_fixture *fx = *state;

	fetch_serve(fx, 100000, 15);
	/* All of it, but never the end of the last chunk. */
	fetch_script(fx, "[{\"length\":\"chunked\",\"cut_after\":100000}]");
	fetch_expect_ok(fx, OFFER_SIZE_UNKNOWN);
	assert_int_equal(log_of(fx).requests[1].status, 416);
	assert_int_equal(fx->restarts, 0);
}

static void expect_final(struct fetch_fixture *fx, unsigned status,
			 enum ota_error_kind kind)
{
	char script[128];

	http_server_reset(fx->server);
	snprintf(script, sizeof(script), "[{\"status\":%u,\"repeat\":true}]",
		 status);
	fetch_script(fx, script);
	fetch_expect_failure(fx, SIZE, kind);
	assert_int_equal(log_of(fx).n_requests, 1);
}

static void fails_at_once_when_the_server_says_no(void **state)
{
	struct fetch_fixture *fx = *state;

	fetch_serve(fx, SIZE, 16);
	expect_final(fx, 401, OTA_ERROR_URL_EXPIRED);
	expect_final(fx, 403, OTA_ERROR_URL_EXPIRED);
	expect_final(fx, 404, OTA_ERROR_NOT_FOUND);
	expect_final(fx, 410, OTA_ERROR_NOT_FOUND);
	expect_final(fx, 400, OTA_ERROR_HTTP);
	expect_final(fx, 204, OTA_ERROR_HTTP);
	expect_final(fx, 304, OTA_ERROR_HTTP);
}

static void tries_again_when_the_server_is_in_trouble(void **state)
{
	struct fetch_fixture *fx = *state;

	fetch_serve(fx, SIZE, 17);
	fetch_script(fx, "[{\"status\":503},{\"status\":429},{\"status\":408}]");
	fetch_expect_ok(fx, SIZE);
	assert_int_equal(log_of(fx).n_requests, 4);
	assert_int_equal(fx->progress.attempt, 4);
}

static void gives_up_after_so_many_attempts(void **state)
{
	struct fetch_fixture *fx = *state;

	fetch_serve(fx, SIZE, 18);
	fetch_script(fx, "[{\"status\":500,\"repeat\":true}]");
	fetch_expect_failure(fx, SIZE, OTA_ERROR_HTTP);
	assert_int_equal(log_of(fx).n_requests, fx->settings.attempts);
	assert_non_null(strstr(fx->err.text, "after 4 attempts"));
}

static void waits_as_long_as_the_server_asks(void **state)
{
	struct fetch_fixture *fx = *state;
	uint64_t start_ms;

	fetch_serve(fx, 1000, 19);
	/* 3600 s; the fixture allows 40 ms, and 4 ms without being asked. */
	fetch_script(fx, "[{\"status\":503,\"retry_after\":\"3600\"}]");
	start_ms = loop_now_ms(fx->loop);
	fetch_expect_ok(fx, 1000);
	assert_true(loop_now_ms(fx->loop) - start_ms >= 40);
}

static void an_attempt_that_got_far_does_not_count(void **state)
{
	struct fetch_fixture *fx = *state;

	fx->settings.attempts = 2;
	fx->settings.strategy = DOWNLOAD_SIMPLE;
	fetch_serve(fx, SIZE, 20);
	fetch_script(fx, "[{\"cut_after\":10},{\"cut_after\":1048576},"
			 "{\"cut_after\":10},{\"cut_after\":1048576}]");
	fetch_expect_ok(fx, SIZE);
	assert_int_equal(log_of(fx).n_requests, 5);
}

static void attempts_that_get_nowhere_count(void **state)
{
	struct fetch_fixture *fx = *state;

	fx->settings.attempts = 3;
	fetch_serve(fx, SIZE, 21);
	fetch_script(fx, "[{\"cut_after\":1000,\"repeat\":true}]");
	fetch_expect_failure(fx, SIZE, OTA_ERROR_NETWORK);
	assert_int_equal(log_of(fx).n_requests, 3);
	assert_int_equal(fetch_recorded(fx, "bytes"), 3000);
}

/* From the beginning each time: two thirds, again and again. */
static void a_server_that_never_gets_there_is_given_up(void **state)
{
	struct fetch_fixture *fx = *state;

	fetch_serve(fx, SIZE, 22);
	fetch_script(fx, "[{\"cut_after\":2000000,\"ignore_range\":true,"
			 "\"repeat\":true}]");
	fetch_expect_failure(fx, SIZE, OTA_ERROR_NETWORK);
	/* The first got far. */
	assert_int_equal(log_of(fx).n_requests, fx->settings.attempts + 1);
}

/* Each attempt gets far enough not to count as a failure. */
static void a_link_that_always_breaks_is_given_up(void **state)
{
	struct fetch_fixture *fx = *state;

	fx->settings.attempts = 1;
	fx->limits.advance_bytes = 5000;
	fetch_fixture_renew(fx);
	fetch_serve(fx, SIZE, 22);
	fetch_script(fx, "[{\"cut_after\":5000,\"repeat\":true}]");
	fetch_expect_failure(fx, SIZE, OTA_ERROR_NETWORK);
	assert_string_equal(fx->err.text,
			    "gave up after 100 attempts and 500000 bytes");
}

/* Far more attempts are allowed than four times the size and 64 MiB bear. */
static void a_server_that_wastes_the_link_is_given_up(void **state)
{
	struct fetch_fixture *fx = *state;

	fx->settings.attempts = 1000;
	fetch_serve(fx, SIZE, 22);
	fetch_script(fx, "[{\"cut_after\":3000000,\"ignore_range\":true,"
			 "\"repeat\":true}]");
	fetch_expect_failure(fx, SIZE, OTA_ERROR_NETWORK);
	assert_memory_equal(fx->err.text, "gave up after 2", 15);
}

/* The second part that does not fit counts as any failure. */
static void parts_that_never_fit_are_given_up(void **state)
{
	struct fetch_fixture *fx = *state;

	fx->settings.attempts = 3;
	fetch_serve(fx, SIZE, 22);
	fetch_script(fx, "[{\"cut_after\":500000},{\"range_shift\":1},"
			 "{\"cut_after\":500000},{\"range_shift\":1}]");
	fetch_expect_failure(fx, SIZE, OTA_ERROR_HTTP);
	assert_int_equal(log_of(fx).n_requests, 4);
}

static void going_back_and_forth_is_no_advance(void **state)
{
	struct fetch_fixture *fx = *state;

	fx->settings.attempts = 3;
	fetch_serve(fx, SIZE, 22);
	fetch_script(fx, "[{\"cut_after\":2000000,\"ignore_range\":true},"
			 "{\"cut_after\":10,\"ignore_range\":true},"
			 "{\"cut_after\":2000000,\"ignore_range\":true},"
			 "{\"cut_after\":10,\"ignore_range\":true}]");
	fetch_expect_failure(fx, SIZE, OTA_ERROR_NETWORK);
	assert_int_equal(log_of(fx).n_requests, 4);
}

static void a_silent_server_is_a_timeout(void **state)
{
	struct fetch_fixture *fx = *state;

	fx->settings.stall_ms = 60;
	fx->settings.attempts = 2;
	fetch_serve(fx, SIZE, 23);
	fetch_script(fx, "[{\"stall_head\":true},{\"stall_after\":1000}]");
	fetch_expect_failure(fx, SIZE, OTA_ERROR_TIMEOUT);
	assert_non_null(strstr(fx->err.text, "not a byte within 0.06 s"));
	assert_int_equal(log_of(fx).n_requests, 2);
	assert_int_equal(fetch_recorded(fx, "bytes"), 1000);
}

static void an_attempt_without_a_chunk_in_time_is_resumed(void **state)
{
	struct fetch_fixture *fx = *state;
	struct http_log log;

	fx->settings.timeout_ms = 100;
	fetch_serve(fx, SIZE, 24);
	/* Never silent, never quick. */
	fetch_script(fx, "[{\"rate\":100000}]");
	fetch_expect_ok(fx, SIZE);
	log = log_of(fx);
	assert_int_equal(log.n_requests, 2);
	assert_true(log.requests[1].first_byte > 0);
}

/* Servers say so of every .gz. Its digest tells whether it is the artifact. */
static void takes_what_is_called_encoded_as_it_is(void **state)
{
	struct fetch_fixture *fx = *state;

	fetch_serve(fx, SIZE, 25);
	fetch_script(fx, "[{\"encoding\":\"gzip\"}]");
	fetch_expect_ok(fx, SIZE);
	assert_int_equal(log_of(fx).n_requests, 1);
}

static void what_is_no_http_is_a_fault_of_the_server(void **state)
{
	struct fetch_fixture *fx = *state;

	fetch_serve(fx, SIZE, 25);
	fetch_script(fx, "[{\"raw\":\"SSH-2.0-x\\r\\n\\r\\n\",\"repeat\":true}]");
	fetch_expect_failure(fx, SIZE, OTA_ERROR_HTTP);
	assert_true(log_of(fx).n_requests > 1);
}

static void more_than_announced_is_refused_at_once(void **state)
{
	struct fetch_fixture *fx = *state;

	fetch_serve(fx, SIZE, 26);
	fetch_expect_failure(fx, SIZE - 1, OTA_ERROR_SIZE_MISMATCH);
	fetch_script(fx, "[{\"extra\":1,\"length\":\"none\"}]");
	fetch_expect_failure(fx, SIZE, OTA_ERROR_SIZE_MISMATCH);
	assert_int_equal(log_of(fx).n_requests, 2);
}

static void less_than_announced_is_refused_in_the_end(void **state)
{
	struct fetch_fixture *fx = *state;

	fetch_serve(fx, SIZE, 27);
	fetch_expect_failure(fx, SIZE + 1, OTA_ERROR_SIZE_MISMATCH);
	assert_int_equal(log_of(fx).n_requests, fx->settings.attempts);
}

static void a_body_that_ends_too_early_is_resumed(void **state)
{
	struct fetch_fixture *fx = *state;

	fetch_serve(fx, SIZE, 28);
	fetch_script(fx, "[{\"length\":\"none\",\"cut_after\":5000}]");
	fetch_expect_ok(fx, SIZE);
	assert_int_equal(log_of(fx).requests[1].first_byte, 5000);
}

static void a_server_that_lacks_the_end_is_a_size_mismatch(void **state)
{
	struct fetch_fixture *fx = *state;

	fetch_serve(fx, SIZE - 100, 29);
	fetch_script(fx, "[{\"length\":\"none\"},{},{\"length\":\"none\"}]");
	fetch_expect_failure(fx, SIZE, OTA_ERROR_SIZE_MISMATCH);
	/* The same of one that knows no ranges. */
	fetch_script(fx, "[{\"length\":\"none\",\"ignore_range\":true,"
			 "\"repeat\":true}]");
	fetch_expect_failure(fx, SIZE, OTA_ERROR_SIZE_MISMATCH);
}

static void the_largest_size_is_enforced_while_receiving(void **state)
{
	struct fetch_fixture *fx = *state;

	fx->settings.max_size = MIB;
	fetch_serve(fx, SIZE, 30);
	fetch_expect_failure(fx, OFFER_SIZE_UNKNOWN, OTA_ERROR_SIZE_MISMATCH);
	assert_true(file_size_bytes(fx->path) == 0);
	fetch_script(fx, "[{\"length\":\"none\"}]");
	fetch_expect_failure(fx, OFFER_SIZE_UNKNOWN, OTA_ERROR_SIZE_MISMATCH);
	assert_true(file_size_bytes(fx->path) <= MIB);
}

static void endless_headers_are_refused(void **state)
{
	struct fetch_fixture *fx = *state;

	fetch_serve(fx, SIZE, 31);
	fetch_script(fx, "[{\"header_bytes\":80000}]");
	fetch_expect_failure(fx, SIZE, OTA_ERROR_HTTP);
}

static void endless_trailers_are_refused(void **state)
{
	struct fetch_fixture *fx = *state;

	fetch_serve(fx, SIZE, 31);
	fetch_script(fx, "[{\"length\":\"chunked\",\"trailer_bytes\":80000}]");
	fetch_expect_failure(fx, SIZE, OTA_ERROR_HTTP);
}

static void no_byte_is_shown_twice_when_the_observer_fails(void **state)
{
	struct fetch_fixture *fx = *state;

	fx->refuse_bytes = true;
	fetch_serve(fx, SIZE, 32);
	fetch_expect_failure(fx, SIZE, OTA_ERROR_DIGEST_MISMATCH);
	assert_int_equal(fx->seen_bytes, 0);
}

static void speed_is_limited(void **state)
{
	struct fetch_fixture *fx = *state;
	uint64_t start_ms = loop_now_ms(fx->loop);

	fx->settings.max_speed = MIB;
	fetch_serve(fx, 400 * KIB, 33);
	fetch_expect_ok(fx, 400 * KIB);
	/* 390 ms, less what the first eighth of a second may be early. */
	assert_true(loop_now_ms(fx->loop) - start_ms >= 250);
}

static void our_own_pace_is_not_the_servers(void **state)
{
	struct fetch_fixture *fx = *state;

	fx->settings.max_speed = 16 * KIB;
	fx->settings.stall_ms = 500;
	fx->settings.timeout_ms = 1500;
	fetch_serve(fx, 48 * KIB, 34);
	fetch_expect_ok(fx, 48 * KIB);
	assert_int_equal(log_of(fx).n_requests, 1);
}

static void two_downloads_run_side_by_side(void **state)
{
	struct fetch_fixture *fx = *state;
	struct fetch_fixture other = *fx;

	snprintf(other.path, sizeof(other.path), "%.500s.2", fx->path);
	snprintf(other.record, sizeof(other.record), "%.510s.json", other.path);
	other.seen = malloc(SIZE);
	assert_non_null(other.seen);
	fetch_serve(fx, SIZE, 38);
	/* The first one ends last. */
	fetch_script(fx, "[{\"stall_after\":2000000}]");
	fetch_begin(fx, "/fw", SIZE);
	fetch_wait_recorded(fx, 2000000);
	fetch_begin(&other, "/fw", SIZE);
	fetch_wait(&other);
	fetch_expect_complete(&other, "fw");
	assert_int_equal(fx->dones, 0);
	other.fetch = fetch_free(other.fetch);
	assert_true(fetch_discard(other.path, NULL));
	free(other.seen);
}

static void may_be_freed_when_done(void **state)
{
	struct fetch_fixture *fx = *state;

	fx->free_when_done = true;
	fetch_serve(fx, SIZE, 35);
	fetch_expect_ok(fx, SIZE);
	fetch_script(fx, "[{\"status\":404}]");
	fetch_begin(fx, "/fw", SIZE);
	fetch_wait(fx);
	assert_int_equal(fx->err.kind, OTA_ERROR_NOT_FOUND);
	assert_null(fx->fetch);
}

static void may_be_freed_by_progress(void **state)
{
	struct fetch_fixture *fx = *state;

	for (int at_end = 0; at_end < 2; at_end++) {
		fx->free_at_bytes = at_end ? SIZE : 100000;
		fetch_serve(fx, SIZE, 36);
		fetch_script(fx, at_end ? "[]" : "[{\"stall_after\":1100000}]");
		fetch_begin(fx, "/fw", SIZE);
		while (fx->fetch)
			assert_true(loop_run_once(fx->loop, 1000, NULL));
		assert_int_equal(fx->dones, 0);
	}
}

static void a_link_in_the_way_is_not_followed(void **state)
{
	struct fetch_fixture *fx = *state;
	const char *victim = http_server_file(fx->server, "victim");
	const struct fetch_observer none = { 0 };
	struct fetch_request request = {
		.url = http_server_url(fx->server, "/fw"),
		.path = fx->path,
		.identity = "x",
		.size_bytes = 10,
		.settings = &fx->settings,
	};
	struct ota_error err = OTA_ERROR_INIT;

	assert_true(file_write(victim, "precious", 8, 0600, &err));
	assert_int_equal(symlink(victim, fx->path), 0);
	assert_null(fetch_new(fx->fetcher, &request, &none, NULL, &err));
	assert_int_equal(file_size_bytes(victim), 8);

	assert_int_equal(unlink(fx->path), 0);
	assert_int_equal(mkfifo(fx->path, 0600), 0);
	assert_null(fetch_new(fx->fetcher, &request, &none, NULL, &err));
}

static void no_room_is_known_before_the_download(void **state)
{
	struct fetch_fixture *fx = *state;
	const struct fetch_observer none = { 0 };
	struct fetch_request request = {
		.url = http_server_url(fx->server, "/fw"),
		.path = fx->path,
		.identity = "x",
		.size_bytes = INT64_MAX / 2,
		.settings = &fx->settings,
	};
	struct ota_error err = OTA_ERROR_INIT;

	fx->settings.max_size = UINT64_MAX - 1;
	assert_null(fetch_new(fx->fetcher, &request, &none, NULL, &err));
	assert_int_equal(err.kind, OTA_ERROR_NO_SPACE);
	assert_false(file_exists(fx->path));
	assert_false(file_exists(fx->record));
}

static void no_room_is_noticed_when_the_server_tells_the_size(void **state)
{
	struct fetch_fixture *fx = *state;

	fx->settings.max_size = UINT64_MAX - 1;
	fetch_serve(fx, 10, 37);
	fetch_script(fx, "[{\"announce\":4611686018427387904}]");
	fetch_expect_failure(fx, OFFER_SIZE_UNKNOWN, OTA_ERROR_NO_SPACE);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, fetch_set_up, fetch_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(takes_one_request_for_a_file),
		TEST(takes_files_of_every_size),
		TEST(takes_an_unannounced_size),
		TEST(takes_a_body_that_ends_with_the_connection),
		TEST(takes_a_chunked_body),
		TEST(takes_an_interim_answer_for_no_answer),
		TEST(an_interim_answer_says_nothing_of_the_file),
		TEST(no_connection_is_left_open),
		TEST(no_file_is_left_open),
		TEST(a_download_may_take_longer_than_its_timeout),
		TEST(goes_on_where_a_connection_broke),
		TEST(asks_without_if_range_when_the_etag_is_weak),
		TEST(if_range_is_the_date_when_there_is_no_etag),
		TEST(starts_over_when_the_content_changed),
		TEST(starts_over_when_the_etag_of_a_part_is_another),
		TEST(takes_everything_from_a_server_without_ranges),
		TEST(starts_over_after_a_part_that_does_not_fit),
		TEST(starts_over_once_after_416),
		TEST(gives_up_after_416_twice),
		TEST(a_416_to_a_whole_file_is_final),
		TEST(a_window_of_a_larger_file_is_refused_at_once),
		TEST(knows_by_416_that_it_has_everything),
		TEST(fails_at_once_when_the_server_says_no),
		TEST(tries_again_when_the_server_is_in_trouble),
		TEST(gives_up_after_so_many_attempts),
		TEST(waits_as_long_as_the_server_asks),
		TEST(an_attempt_that_got_far_does_not_count),
		TEST(attempts_that_get_nowhere_count),
		TEST(a_server_that_never_gets_there_is_given_up),
		TEST(a_link_that_always_breaks_is_given_up),
		TEST(a_server_that_wastes_the_link_is_given_up),
		TEST(parts_that_never_fit_are_given_up),
		TEST(going_back_and_forth_is_no_advance),
		TEST(a_silent_server_is_a_timeout),
		TEST(an_attempt_without_a_chunk_in_time_is_resumed),
		TEST(takes_what_is_called_encoded_as_it_is),
		TEST(what_is_no_http_is_a_fault_of_the_server),
		TEST(more_than_announced_is_refused_at_once),
		TEST(less_than_announced_is_refused_in_the_end),
		TEST(a_body_that_ends_too_early_is_resumed),
		TEST(a_server_that_lacks_the_end_is_a_size_mismatch),
		TEST(the_largest_size_is_enforced_while_receiving),
		TEST(endless_headers_are_refused),
		TEST(endless_trailers_are_refused),
		TEST(no_byte_is_shown_twice_when_the_observer_fails),
		TEST(speed_is_limited),
		TEST(our_own_pace_is_not_the_servers),
		TEST(two_downloads_run_side_by_side),
		TEST(may_be_freed_when_done),
		TEST(may_be_freed_by_progress),
		TEST(a_link_in_the_way_is_not_followed),
		TEST(no_room_is_known_before_the_download),
		TEST(no_room_is_noticed_when_the_server_tells_the_size),
	};

	return cmocka_run_group_tests(tests, fetch_group_set_up,
				      fetch_group_tear_down);
}
