#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "otad/base/file.h"
#include "otad/base/loop.h"
#include "otad/model/offer.h"

#include "support/fetch-fixture.h"

#define SIZE (3 * MIB + 12345)
#define STALL "[{\"stall_after\":1500000}]"

static struct http_log log_of(struct fetch_fixture *fx)
{
	struct http_log log;

	fetch_log(fx, &log);
	return log;
}

/* Leaves 1500000 bytes and their record behind. */
/* What was removed, in order: "/fw/fw.json". */
static char removed[1024];

int unlinkat(int dir_fd, const char *name, int flags)
{
	size_t used = strlen(removed);

	snprintf(removed + used, sizeof(removed) - used, "/%s", name);
	return (int)syscall(SYS_unlinkat, dir_fd, name, flags);
}

static bool short_writes, interrupts;

ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
	static bool was_interrupted;

	was_interrupted = interrupts && !was_interrupted;
	if (was_interrupted) {
		errno = EINTR;
		return -1;
	}
	return syscall(SYS_pwrite64, fd, data,
		       short_writes ? (size + 1) / 2 : size, at);
}

static void interrupt(struct fetch_fixture *fx, uint64_t size)
{
	fetch_script(fx, STALL);
	fetch_begin(fx, "/fw", size);
	fetch_wait_recorded(fx, 1500000);
	fx->fetch = fetch_free(fx->fetch);
	http_server_reset(fx->server);
}

static void expect_resumed_at(struct fetch_fixture *fx, uint64_t first_byte)
{
	struct http_log log = log_of(fx);

	assert_int_equal(log.n_requests, 1);
	assert_int_equal(log.requests[0].first_byte, first_byte);
	assert_int_equal(log.requests[0].status, 206);
	assert_int_equal(fx->restarts, 0);
}

static void expect_started_over(struct fetch_fixture *fx)
{
	struct http_log log = log_of(fx);

	assert_int_equal(log.n_requests, 1);
	assert_string_equal(log.requests[0].range, "");
}

static void goes_on_after_a_stop(void **state)
{
	struct fetch_fixture *fx = *state;

	fetch_serve(fx, SIZE, 1);
	interrupt(fx, SIZE);
	fetch_expect_ok(fx, SIZE);
	expect_resumed_at(fx, 1500000);
}

/* What came after the last record is kept by a stop in good order. */
static void a_stop_keeps_every_byte(void **state)
{
	struct fetch_fixture *fx = *state;
	struct http_log log;

	fx->limits.record_ms = 1000000;
	fx->limits.record_first_bytes = 1000 * MIB;
	fetch_fixture_renew(fx);
	fetch_serve(fx, SIZE, 2);
	fetch_script(fx, STALL);
	fetch_begin(fx, "/fw", SIZE);
	while (fx->progress.received_bytes < 1500000)
		assert_true(loop_run_once(fx->loop, 1000, NULL));
	assert_int_equal(fetch_recorded(fx, "bytes"), 0);
	fx->fetch = fetch_free(fx->fetch);
	assert_int_equal(fetch_recorded(fx, "bytes"), 1500000);

	fetch_expect_ok(fx, SIZE);
	log = log_of(fx);
	assert_int_equal(log.requests[1].first_byte, 1500000);
}

static void goes_on_after_a_crash(void **state)
{
	struct fetch_fixture *fx = *state;

	fetch_serve(fx, SIZE, 3);
	fetch_script(fx, STALL);
	fetch_crash_at(fx, SIZE, 1500000);
	http_server_reset(fx->server);
	fetch_expect_ok(fx, SIZE);
	expect_resumed_at(fx, 1500000);
}

static void a_crash_costs_no_more_than_a_mebibyte(void **state)
{
	struct fetch_fixture *fx = *state;

	fx->limits.record_ms = 1000000;
	fx->settings.stall_ms = 60000;
	fetch_fixture_renew(fx);
	fetch_serve(fx, SIZE, 4);
	fetch_script(fx, "[{\"stall_after\":3000000}]");
	fetch_crash_at(fx, SIZE, 2000000);
	http_server_reset(fx->server);
	fetch_expect_ok(fx, SIZE);
	assert_int_equal(log_of(fx).n_requests, 1);
	assert_in_range(log_of(fx).requests[0].first_byte, 2000000, 3000000);
}

static void goes_on_after_many_crashes(void **state)
{
	struct fetch_fixture *fx = *state;
	struct http_log log;
	uint64_t recorded = 0;

	fetch_serve(fx, SIZE, 5);
	fetch_script(fx, "[{\"stall_after\":700001},{\"stall_after\":700001},"
			 "{\"stall_after\":700001},{\"stall_after\":700001}]");
	for (unsigned i = 0; i < 4; i++) {
		recorded += 700001;
		fetch_crash_at(fx, SIZE, recorded);
	}
	fetch_expect_ok(fx, SIZE);

	log = log_of(fx);
	assert_int_equal(log.n_requests, 5);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(log.requests[i].first_byte, i * 700001);
}

static void goes_on_at_every_alignment(void **state)
{
	struct fetch_fixture *fx = *state;
	static const unsigned offsets[] = { 1, 4095, 4096, 4097, 262143,
					    262144, 262145, 1048575, 1048577 };
	char script[64];

	fetch_serve(fx, SIZE, 6);
	for (size_t i = 0; i < OTA_ARRAY_SIZE(offsets); i++) {
		snprintf(script, sizeof(script), "[{\"stall_after\":%u}]",
			 offsets[i]);
		fetch_script(fx, script);
		fetch_begin(fx, "/fw", SIZE);
		fetch_wait_recorded(fx, offsets[i]);
		fx->fetch = fetch_free(fx->fetch);
		http_server_reset(fx->server);
		fetch_expect_ok(fx, SIZE);
		expect_resumed_at(fx, offsets[i]);
		http_server_reset(fx->server);
		assert_true(fetch_discard(fx->path, NULL));
	}
}

static void goes_on_without_an_announced_size(void **state)
{
	struct fetch_fixture *fx = *state;

	fetch_serve(fx, SIZE, 7);
	interrupt(fx, OFFER_SIZE_UNKNOWN);
	assert_int_equal(fetch_recorded(fx, "size"), SIZE);
	fetch_expect_ok(fx, OFFER_SIZE_UNKNOWN);
	expect_resumed_at(fx, 1500000);
}

/* A small disk of our own at fx->path, as far as root may. */
static bool mount_disk(struct fetch_fixture *fx, char *folder,
		       const char *options)
{
	assert_non_null(mkdtemp(folder));
	snprintf(fx->path, sizeof(fx->path), "%s/fw", folder);
	snprintf(fx->record, sizeof(fx->record), "%s/fw.json", folder);
	return geteuid() == 0 && unshare(CLONE_NEWNS) == 0 &&
	       mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("none", folder, "tmpfs", 0, options) == 0;
}

static void what_is_there_needs_no_room_again(void **state)
{
	struct fetch_fixture *fx = *state;
	char folder[] = "/tmp/otad-fetch-XXXXXX";

	if (!mount_disk(fx, folder, "size=4m")) {
		rmdir(folder);
		skip();
	}
	fetch_serve(fx, SIZE, 7);
	interrupt(fx, SIZE);
	fetch_expect_ok(fx, SIZE);
	expect_resumed_at(fx, 1500000);
	fx->fetch = fetch_free(fx->fetch);
	assert_int_equal(umount(folder), 0);
	rmdir(folder);
}

/* Of which size it is nobody has said: what there is may be too much now. */
static void starts_over_beyond_a_new_max_size(void **state)
{
	struct fetch_fixture *fx = *state;

	fetch_serve(fx, SIZE, 7);
	interrupt(fx, OFFER_SIZE_UNKNOWN);
	fx->settings.max_size = MIB;
	fetch_script(fx, "[{\"length\":\"chunked\"}]");
	fetch_expect_failure(fx, OFFER_SIZE_UNKNOWN, OTA_ERROR_SIZE_MISMATCH);
	expect_started_over(fx);
}

static void needs_no_request_when_all_is_there(void **state)
{
	struct fetch_fixture *fx = *state;

	fetch_serve(fx, SIZE, 8);
	fetch_script(fx, "[{\"length\":\"chunked\",\"stall_after\":3158073}]");
	fetch_begin(fx, "/fw", SIZE);
	fetch_wait_recorded(fx, SIZE);
	fx->fetch = fetch_free(fx->fetch);
	http_server_reset(fx->server);
	fetch_expect_ok(fx, SIZE);
	assert_int_equal(log_of(fx).n_requests, 0);
}

static void goes_on_from_another_url(void **state)
{
	struct fetch_fixture *fx = *state;

	fetch_serve(fx, SIZE, 9);
	interrupt(fx, SIZE);
	fetch_begin(fx, "/fw?signature=new", SIZE);
	fetch_wait(fx);
	fetch_expect_complete(fx, "fw");
	expect_resumed_at(fx, 1500000);
}

static void goes_on_after_a_refusal_with_a_fresh_url(void **state)
{
	struct fetch_fixture *fx = *state;
	struct http_log log;

	fetch_serve(fx, SIZE, 10);
	fetch_script(fx, "[{\"cut_after\":1500000},{\"status\":403}]");
	fetch_expect_failure(fx, SIZE, OTA_ERROR_URL_EXPIRED);
	assert_int_equal(fetch_recorded(fx, "bytes"), 1500000);
	fetch_expect_ok(fx, SIZE);

	log = log_of(fx);
	assert_int_equal(log.n_requests, 3);
	assert_int_equal(log.requests[2].first_byte, 1500000);
}

static void a_new_url_ends_the_wait(void **state)
{
	struct fetch_fixture *fx = *state;
	struct ota_error err = OTA_ERROR_INIT;

	fx->limits.backoff_first_ms = 100000;
	fx->limits.backoff_max_ms = 100000;
	fetch_fixture_renew(fx);
	fetch_serve(fx, SIZE, 11);
	fetch_script(fx, "[{\"status\":503}]");
	fetch_begin(fx, "/fw", SIZE);
	while (log_of(fx).n_requests == 0 || log_of(fx).requests[0].status == 0)
		assert_true(loop_run_once(fx->loop, 10, &err));
	/* The answer may still be on its way to us. */
	while (fx->dones == 0) {
		assert_true(fetch_set_url(
			fx->fetch, http_server_url(fx->server, "/fw?new"),
			&err));
		assert_true(loop_run_once(fx->loop, 10, &err));
	}
	fetch_expect_complete(fx, "fw");
}

static void a_bad_new_url_is_refused(void **state)
{
	struct fetch_fixture *fx = *state;
	struct ota_error err = OTA_ERROR_INIT;

	fetch_serve(fx, SIZE, 12);
	fetch_begin(fx, "/fw", SIZE);
	assert_false(fetch_set_url(fx->fetch, "ftp://127.0.0.1/fw", &err));
	assert_int_equal(err.kind, OTA_ERROR_PROTOCOL);
	fetch_wait(fx);
	fetch_expect_complete(fx, "fw");
}

static void starts_over_for_another_identity(void **state)
{
	struct fetch_fixture *fx = *state;

	fetch_serve(fx, SIZE, 13);
	interrupt(fx, SIZE);
	fx->identity = "version=1.0.2 digest=abc";
	fetch_expect_ok(fx, SIZE);
	expect_started_over(fx);
}

static void starts_over_for_another_size(void **state)
{
	struct fetch_fixture *fx = *state;

	fetch_serve(fx, SIZE, 14);
	interrupt(fx, SIZE);
	fetch_serve(fx, SIZE - 1, 15);
	fetch_expect_ok(fx, SIZE - 1);
	expect_started_over(fx);
}

static void starts_over_without_a_record(void **state)
{
	struct fetch_fixture *fx = *state;

	fetch_serve(fx, SIZE, 16);
	interrupt(fx, SIZE);
	assert_int_equal(unlink(fx->record), 0);
	fetch_expect_ok(fx, SIZE);
	expect_started_over(fx);
}

static void what_lies_beyond_the_record_is_not_used(void **state)
{
	struct fetch_fixture *fx = *state;
	FILE *file;

	fetch_serve(fx, SIZE, 17);
	interrupt(fx, SIZE);
	file = fopen(fx->path, "ae");
	assert_non_null(file);
	for (unsigned i = 0; i < SIZE; i++)
		fputc('!', file);
	assert_int_equal(fclose(file), 0);
	fetch_begin(fx, "/fw", SIZE);
	assert_int_equal(file_size_bytes(fx->path), 1500000);
	fetch_wait(fx);
	fetch_expect_complete(fx, "fw");
	expect_resumed_at(fx, 1500000);
}

static void starts_over_when_the_file_is_shorter_than_recorded(void **state)
{
	struct fetch_fixture *fx = *state;

	fetch_serve(fx, SIZE, 18);
	interrupt(fx, SIZE);
	assert_int_equal(truncate(fx->path, 1499999), 0);
	fetch_expect_ok(fx, SIZE);
	expect_started_over(fx);
}

static void starts_over_when_the_file_is_gone(void **state)
{
	struct fetch_fixture *fx = *state;

	fetch_serve(fx, SIZE, 19);
	interrupt(fx, SIZE);
	assert_int_equal(unlink(fx->path), 0);
	fetch_expect_ok(fx, SIZE);
	expect_started_over(fx);
}

static void starts_over_when_the_file_shrinks_while_it_is_read(void **state)
{
	struct fetch_fixture *fx = *state;

	fetch_serve(fx, SIZE, 20);
	interrupt(fx, SIZE);
	fetch_begin(fx, "/fw", SIZE);
	assert_int_equal(truncate(fx->path, 1000000), 0);
	fetch_wait(fx);
	fetch_expect_complete(fx, "fw");
	expect_started_over(fx);
	assert_int_equal(fx->restarts, 1);
}

#define GOOD_RECORD                                                            \
	"\"format\":1,\"identity\":\"version=1.0.1 digest=abc\","              \
	"\"url\":\"http://x/\",\"validator\":\"\""

static void hostile_records_start_over(void **state)
{
	static const char *const records[] = {
		"",
		"\0\0\0\0",
		"{",
		"null",
		"[]",
		"{}",
		"{" GOOD_RECORD "}",
		"{" GOOD_RECORD ",\"size\":3158073}",
		"{" GOOD_RECORD ",\"size\":3158073,\"bytes\":-1}",
		"{" GOOD_RECORD ",\"size\":3158073,\"bytes\":3158074}",
		"{" GOOD_RECORD ",\"size\":-2,\"bytes\":100}",
		"{" GOOD_RECORD ",\"size\":3158073,\"bytes\":\"100\"}",
		"{" GOOD_RECORD ",\"size\":3158073,\"bytes\":1e300}",
		"{" GOOD_RECORD ",\"size\":99999999999999999999,\"bytes\":"
		"99999999999999999999}",
		"{" GOOD_RECORD ",\"size\":3158073,\"bytes\":100,\"bytes\":1}",
		"{\"format\":2,\"identity\":\"version=1.0.1 digest=abc\","
		"\"url\":\"http://x/\",\"validator\":\"\",\"size\":3158073,"
		"\"bytes\":100}",
		"{\"format\":1,\"identity\":7,\"url\":\"http://x/\","
		"\"validator\":\"\",\"size\":3158073,\"bytes\":100}",
		"{\"format\":1,\"identity\":\"version=1.0.1 digest=abc\","
		"\"url\":\"http://x/\",\"validator\":\"a\\r\\nCookie: x\","
		"\"size\":3158073,\"bytes\":100}",
	};
	struct fetch_fixture *fx = *state;
	struct ota_error err = OTA_ERROR_INIT;

	fetch_serve(fx, SIZE, 21);
	for (size_t i = 0; i < OTA_ARRAY_SIZE(records); i++) {
		interrupt(fx, SIZE);
		assert_true(file_write(fx->record, records[i],
				       strlen(records[i]), 0600, &err));
		fetch_expect_ok(fx, SIZE);
		expect_started_over(fx);
		http_server_reset(fx->server);
		assert_true(fetch_discard(fx->path, NULL));
	}
}

static void a_record_that_is_a_link_is_not_read(void **state)
{
	struct fetch_fixture *fx = *state;
	char other[600];

	fetch_serve(fx, SIZE, 22);
	interrupt(fx, SIZE);
	snprintf(other, sizeof(other), "%s.other", fx->record);
	assert_int_equal(rename(fx->record, other), 0);
	assert_int_equal(symlink(other, fx->record), 0);
	fetch_expect_ok(fx, SIZE);
	expect_started_over(fx);
	assert_int_equal(unlink(other), 0);
}

/* Otherwise a crash in between would make half a file look whole. */
static void there_is_a_record_before_there_are_bytes(void **state)
{
	struct fetch_fixture *fx = *state;

	fetch_serve(fx, SIZE, 23);
	fetch_begin(fx, "/fw", OFFER_SIZE_UNKNOWN);
	assert_int_equal(fetch_recorded(fx, "bytes"), 0);
	while (fx->dones == 0) {
		assert_true(file_exists(fx->record) ||
			    file_size_bytes(fx->path) == SIZE);
		assert_true(loop_run_once(fx->loop, 1000, NULL));
	}
	fetch_expect_complete(fx, "fw");
}

static void only_the_owner_may_read_the_record(void **state)
{
	struct fetch_fixture *fx = *state;

	fetch_serve(fx, SIZE, 24);
	interrupt(fx, SIZE);
	assert_int_equal(access(fx->record, R_OK), 0);
	if (geteuid() != 0)
		return;
	assert_int_equal(seteuid(65534), 0);
	assert_int_not_equal(euidaccess(fx->record, R_OK), 0);
	assert_int_not_equal(euidaccess(fx->path, R_OK), 0);
	assert_int_equal(seteuid(0), 0);
}

static void discarding_leaves_nothing(void **state)
{
	struct fetch_fixture *fx = *state;
	struct ota_error err = OTA_ERROR_INIT;
	char order[sizeof(removed)];

	fetch_serve(fx, SIZE, 25);
	interrupt(fx, SIZE);
	removed[0] = '\0';
	assert_true(fetch_discard(fx->path, &err));
	assert_false(file_exists(fx->path));
	assert_false(file_exists(fx->record));
	/* Never without its record: that would be a complete one. */
	snprintf(order, sizeof(order), "%s%s", strrchr(fx->path, '/'),
		 strrchr(fx->record, '/'));
	assert_string_equal(removed, order);
	assert_true(fetch_discard(fx->path, &err));
}

static void what_is_started_over_is_recorded_as_nothing(void **state)
{
	struct fetch_fixture *fx = *state;
	uint64_t end_ms = loop_now_ms(fx->loop) + 60000;

	fetch_serve(fx, SIZE, 25);
	interrupt(fx, SIZE);
	fx->limits.record_ms = 1000000;
	fetch_fixture_renew(fx);
	fetch_serve(fx, SIZE, 26);
	fetch_script(fx, "[{\"stall_after\":1000}]");
	fetch_begin(fx, "/fw", SIZE);
	while (fx->restarts == 0) {
		assert_true(loop_now_ms(fx->loop) < end_ms);
		assert_true(loop_run_once(fx->loop, 100, NULL));
	}
	/* The bytes of before are no more. */
	assert_int_equal(fetch_recorded(fx, "bytes"), 0);
}

static void a_disk_that_takes_no_more_of_a_resumed_file_is_no_broken_link(
	void **state)
{
	struct fetch_fixture *fx = *state;
	struct rlimit before, tight = { .rlim_cur = 2000000 };

	fetch_serve(fx, SIZE, 25);
	interrupt(fx, SIZE);
	fetch_begin(fx, "/fw", SIZE);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	tight.rlim_max = before.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
	fetch_wait(fx);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_not_equal(fx->err.kind, OTA_ERROR_NONE);
	assert_int_equal(log_of(fx).n_requests, 1);
}

static void a_write_may_be_a_short_one(void **state)
{
	struct fetch_fixture *fx = *state;

	short_writes = true;
	fetch_serve(fx, SIZE, 25);
	fetch_expect_ok(fx, SIZE);
	short_writes = false;
}

static void a_signal_interrupts_no_write(void **state)
{
	struct fetch_fixture *fx = *state;

	interrupts = true;
	fetch_serve(fx, SIZE, 25);
	fetch_expect_ok(fx, SIZE);
	interrupts = false;
}

static void windows_are_asked_for_one_after_the_other(void **state)
{
	struct fetch_fixture *fx = *state;
	struct http_log log;

	fx->settings.strategy = DOWNLOAD_CHUNKED;
	fetch_serve(fx, SIZE, 26);
	fetch_expect_ok(fx, SIZE);

	log = log_of(fx);
	assert_int_equal(log.n_requests, 4);
	assert_string_equal(log.requests[0].range, "bytes=0-1048575");
	assert_string_equal(log.requests[1].range, "bytes=1048576-2097151");
	assert_string_equal(log.requests[3].range, "bytes=3145728-3158072");
	assert_true(log.requests[3].if_range[0] == '"');
	assert_int_equal(fx->progress.attempt, 1);
}

static void windows_find_out_an_unknown_size(void **state)
{
	struct fetch_fixture *fx = *state;

	fx->settings.strategy = DOWNLOAD_CHUNKED;
	fx->settings.chunk_bytes = 1000000;
	fetch_serve(fx, SIZE, 27);
	fetch_expect_ok(fx, OFFER_SIZE_UNKNOWN);
	assert_int_equal(log_of(fx).n_requests, 4);
}

static void a_broken_window_is_gone_on_with(void **state)
{
	struct fetch_fixture *fx = *state;
	struct http_log log;

	fx->settings.strategy = DOWNLOAD_CHUNKED;
	fetch_serve(fx, SIZE, 28);
	fetch_script(fx, "[{},{\"cut_after\":1000}]");
	fetch_expect_ok(fx, SIZE);

	log = log_of(fx);
	assert_string_equal(log.requests[2].range, "bytes=1049576-2098151");
}

static void windows_end_where_the_server_knows_none(void **state)
{
	struct fetch_fixture *fx = *state;

	fx->settings.strategy = DOWNLOAD_CHUNKED;
	fetch_serve(fx, SIZE, 29);
	fetch_script(fx, "[{\"ignore_range\":true,\"repeat\":true}]");
	fetch_expect_ok(fx, SIZE);
	assert_int_equal(log_of(fx).n_requests, 1);

	http_server_reset(fx->server);
	assert_true(fetch_discard(fx->path, NULL));
	fetch_script(fx, "[{\"ignore_range\":true,\"cut_after\":1500000}]");
	fetch_expect_ok(fx, SIZE);
	assert_string_equal(log_of(fx).requests[1].range, "bytes=1500000-");
}

static void windows_end_where_the_server_gets_them_wrong(void **state)
{
	struct fetch_fixture *fx = *state;
	struct http_log log;

	fx->settings.strategy = DOWNLOAD_CHUNKED;
	fetch_serve(fx, SIZE, 30);
	fetch_script(fx, "[{\"range_shift\":7},{}]");
	fetch_expect_ok(fx, SIZE);
	log = log_of(fx);
	assert_int_equal(log.n_requests, 2);
	assert_string_equal(log.requests[1].range, "");

	http_server_reset(fx->server);
	fetch_script(fx, "[{},{\"range_total\":\"*\"},{\"range_shift\":7},{}]");
	fetch_expect_ok(fx, SIZE);
	log = log_of(fx);
	assert_int_equal(log.n_requests, 4);
	assert_string_equal(log.requests[3].range, "");
	assert_int_equal(fx->restarts, 1);
}

static void a_window_that_is_longer_than_asked_is_refused(void **state)
{
	struct fetch_fixture *fx = *state;
	struct http_log log;

	fx->settings.strategy = DOWNLOAD_CHUNKED;
	fetch_serve(fx, SIZE, 31);
	fetch_script(fx, "[{\"extra\":10,\"length\":\"chunked\"}]");
	fetch_expect_ok(fx, SIZE);
	log = log_of(fx);
	assert_true(log.n_requests >= 4);
	assert_true(log.requests[1].first_byte <= 1048576);
}

static void a_part_longer_than_asked_is_taken_as_far_as_it_goes(void **state)
{
	struct fetch_fixture *fx = *state;

	fx->settings.strategy = DOWNLOAD_CHUNKED;
	fetch_serve(fx, SIZE, 31);
	fetch_script(fx, "[{\"part_to_end\":true}]");
	fetch_expect_ok(fx, SIZE);
	assert_int_equal(log_of(fx).n_requests, 1);
}

static void auto_turns_to_windows_after_two_broken_streams(void **state)
{
	struct fetch_fixture *fx = *state;
	struct http_log log;

	fetch_serve(fx, SIZE, 32);
	fetch_script(fx, "[{\"cut_after\":1000},{\"cut_after\":1000}]");
	fetch_expect_ok(fx, SIZE);

	log = log_of(fx);
	assert_string_equal(log.requests[1].range, "bytes=1000-");
	assert_string_equal(log.requests[2].range, "bytes=2000-1050575");
}

static void simple_never_turns_to_windows(void **state)
{
	struct fetch_fixture *fx = *state;
	struct http_log log;

	fx->settings.strategy = DOWNLOAD_SIMPLE;
	fetch_serve(fx, SIZE, 33);
	fetch_script(fx, "[{\"cut_after\":1000},{\"cut_after\":1000}]");
	fetch_expect_ok(fx, SIZE);

	log = log_of(fx);
	assert_int_equal(log.n_requests, 3);
	assert_string_equal(log.requests[2].range, "bytes=2000-");
}

static void a_part_shorter_than_asked_is_gone_on_with(void **state)
{
	struct fetch_fixture *fx = *state;
	struct http_log log;

	fetch_serve(fx, SIZE, 34);
	fetch_script(fx, "[{\"cut_after\":1000},{\"part_bytes\":5000}]");
	fetch_expect_ok(fx, SIZE);

	log = log_of(fx);
	assert_int_equal(log.requests[2].first_byte, 6000);
	assert_int_equal(fx->restarts, 0);
}

static void no_synced_byte_is_asked_for_again(void **state)
{
	struct fetch_fixture *fx = *state;
	struct http_log log;
	uint64_t asked_up_to = 0;

	fx->settings.attempts = 20;
	fetch_serve(fx, SIZE, 35);
	fetch_script(fx, "[{\"cut_after\":300007},{\"cut_after\":1},"
			 "{\"status\":503},{\"cut_after\":65536},"
			 "{\"cut_head\":true},{\"cut_after\":0},"
			 "{\"cut_after\":700000}]");
	fetch_expect_ok(fx, SIZE);

	log = log_of(fx);
	for (size_t i = 0; i < log.n_requests; i++) {
		assert_true(log.requests[i].first_byte >= asked_up_to);
		asked_up_to = log.requests[i].first_byte +
			      (log.requests[i].status == 206 ||
					       log.requests[i].status == 200
				       ? log.requests[i].sent_bytes
				       : 0);
	}
	assert_int_equal(fx->restarts, 0);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, fetch_set_up, fetch_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(goes_on_after_a_stop),
		TEST(a_stop_keeps_every_byte),
		TEST(goes_on_after_a_crash),
		TEST(a_crash_costs_no_more_than_a_mebibyte),
		TEST(goes_on_after_many_crashes),
		TEST(goes_on_at_every_alignment),
		TEST(goes_on_without_an_announced_size),
		TEST(what_is_there_needs_no_room_again),
		TEST(starts_over_beyond_a_new_max_size),
		TEST(needs_no_request_when_all_is_there),
		TEST(goes_on_from_another_url),
		TEST(goes_on_after_a_refusal_with_a_fresh_url),
		TEST(a_new_url_ends_the_wait),
		TEST(a_bad_new_url_is_refused),
		TEST(starts_over_for_another_identity),
		TEST(starts_over_for_another_size),
		TEST(starts_over_without_a_record),
		TEST(what_lies_beyond_the_record_is_not_used),
		TEST(starts_over_when_the_file_is_shorter_than_recorded),
		TEST(starts_over_when_the_file_is_gone),
		TEST(starts_over_when_the_file_shrinks_while_it_is_read),
		TEST(hostile_records_start_over),
		TEST(a_record_that_is_a_link_is_not_read),
		TEST(there_is_a_record_before_there_are_bytes),
		TEST(only_the_owner_may_read_the_record),
		TEST(discarding_leaves_nothing),
		TEST(what_is_started_over_is_recorded_as_nothing),
		TEST(a_disk_that_takes_no_more_of_a_resumed_file_is_no_broken_link),
		TEST(a_write_may_be_a_short_one),
		TEST(a_signal_interrupts_no_write),
		TEST(windows_are_asked_for_one_after_the_other),
		TEST(windows_find_out_an_unknown_size),
		TEST(a_broken_window_is_gone_on_with),
		TEST(windows_end_where_the_server_knows_none),
		TEST(windows_end_where_the_server_gets_them_wrong),
		TEST(a_window_that_is_longer_than_asked_is_refused),
		TEST(a_part_longer_than_asked_is_taken_as_far_as_it_goes),
		TEST(auto_turns_to_windows_after_two_broken_streams),
		TEST(simple_never_turns_to_windows),
		TEST(a_part_shorter_than_asked_is_gone_on_with),
		TEST(no_synced_byte_is_asked_for_again),
	};

	return cmocka_run_group_tests(tests, fetch_group_set_up,
				      fetch_group_tear_down);
}
