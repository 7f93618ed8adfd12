/* Downloads onto a disk that takes its time, or fails, when it is to sync. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "otad/base/file.h"
#include "otad/base/loop.h"
#include "otad/model/offer.h"

#include "support/fetch-fixture.h"
#include "support/slow-disk.h"

#define SIZE (5 * MIB + 12345)
/* What may be in the server's, the kernel's and our hands beside that. */
#define ON_ITS_WAY MIB
#define DEADLINE_MS 20000

static int set_up(void **state)
{
	struct fetch_fixture *fx;

	slow_disk_reset();
	if (fetch_set_up(state) != 0)
		return -1;
	fx = *state;
	/* Only what comes in asks for a sync, not the time. */
	fx->limits.record_ms = 1000000;
	fetch_fixture_renew(fx);
	return 0;
}

static int tear_down(void **state)
{
	slow_disk_go_on();
	return fetch_tear_down(state);
}

/* Until there is another order for the disk than those before. */
static void wait_for_orders(struct fetch_fixture *fx, unsigned orders)
{
	uint64_t end_ms = loop_now_ms(fx->loop) + DEADLINE_MS;

	while (slow_disk.orders < orders) {
		assert_true(loop_now_ms(fx->loop) < end_ms);
		assert_true(loop_run_once(fx->loop, 100, NULL));
		assert_int_equal(fx->dones, 0);
	}
}

/* Bytes come for as long as they may. */
static void wait_for_silence(struct fetch_fixture *fx)
{
	size_t seen;

	do {
		seen = fx->seen_bytes;
		for (unsigned i = 0; i < 20; i++)
			assert_true(loop_run_once(fx->loop, 20, NULL));
	} while (fx->seen_bytes > seen);
}

static void nothing_is_recorded_before_it_is_synced(void **state)
{
	struct fetch_fixture *fx = *state;

	slow_disk.holds = true;
	fetch_serve(fx, SIZE, 1);
	fetch_begin(fx, "/fw", SIZE);
	wait_for_orders(fx, 1);
	wait_for_silence(fx);
	assert_int_equal(fetch_recorded(fx, "bytes"), 0);
	assert_int_equal(slow_disk.orders, 1);
	slow_disk_go_on();
	/* By now there are two: the second was not there when it was synced. */
	while (fetch_recorded(fx, "bytes") == 0)
		assert_true(loop_run_once(fx->loop, 100, NULL));
	assert_in_range(fetch_recorded(fx, "bytes"), MIB, MIB + ON_ITS_WAY / 2);
	fetch_wait(fx);
	fetch_expect_complete(fx, "fw");
}

/* What was told should not be lost by a crash. */
static void nothing_is_told_before_it_is_synced(void **state)
{
	struct fetch_fixture *fx = *state;
	unsigned told;

	slow_disk.holds = true;
	fetch_serve(fx, SIZE, 1);
	fetch_begin(fx, "/fw", SIZE);
	wait_for_orders(fx, 1);
	told = fx->progresses;
	wait_for_silence(fx);
	assert_int_equal(fx->progresses, told);
	slow_disk_go_on();
	fetch_wait(fx);
	assert_true(fx->progresses > told);
}

/* A crash must not cost the whole download because the disk is slow. */
static void a_slow_disk_holds_the_download_not_the_loop(void **state)
{
	struct fetch_fixture *fx = *state;

	slow_disk.holds = true;
	fetch_serve(fx, SIZE, 2);
	fetch_begin(fx, "/fw", SIZE);
	wait_for_orders(fx, 1);
	wait_for_silence(fx);
	assert_in_range(fx->seen_bytes, MIB, 2 * MIB + ON_ITS_WAY);
	assert_int_equal(fx->dones, 0);
	slow_disk_go_on();
	fetch_wait(fx);
	fetch_expect_complete(fx, "fw");
}

static void done_is_told_when_all_is_on_the_disk(void **state)
{
	struct fetch_fixture *fx = *state;
	unsigned orders = 2; /* FILE, then the directory */

	fetch_serve(fx, 1000, 3);
	fetch_begin(fx, "/fw", 1000);
	for (unsigned i = 1; i <= orders; i++) {
		slow_disk.holds = true;
		wait_for_orders(fx, i);
		wait_for_silence(fx);
		assert_int_equal(fx->dones, 0);
		assert_true(file_exists(fx->record) == (i == 1));
		slow_disk_go_on();
	}
	fetch_wait(fx);
	assert_int_equal(slow_disk.orders, orders);
	fetch_expect_complete(fx, "fw");
}

/* The kernel lets go of a file after it has told that it is synced. */
static void what_the_kernel_still_holds_can_be_executed(void **state)
{
	struct fetch_fixture *fx = *state;
	int fd;

	slow_disk.holds = slow_disk.clings = true;
	fetch_serve(fx, 1000, 4);
	fetch_begin(fx, "/fw", 1000);
	wait_for_orders(fx, 1);
	slow_disk_go_on();
	fetch_wait(fx);
	fx->fetch = fetch_free(fx->fetch);
	fd = open(fx->path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	/* Refused while anybody has the file open for writing. */
	assert_int_equal(fcntl(fd, F_SETLEASE, F_RDLCK), 0);
	close(fd);
}

static void a_failed_sync_ends_the_download_and_records_nothing(void **state)
{
	struct fetch_fixture *fx = *state;

	slow_disk.failure = EIO;
	fetch_serve(fx, SIZE, 4);
	fetch_begin(fx, "/fw", SIZE);
	fetch_wait(fx);
	assert_int_equal(fx->err.sys_errno, EIO);
	assert_int_equal(fetch_recorded(fx, "bytes"), 0);
	/* The next sync may succeed without a byte written: none is asked for. */
	assert_int_equal(slow_disk.orders, 1);
}

static void a_failed_last_sync_does_not_look_like_success(void **state)
{
	struct fetch_fixture *fx = *state;

	slow_disk.failure = EIO;
	fetch_serve(fx, 1000, 5);
	fetch_expect_failure(fx, 1000, OTA_ERROR_INTERNAL);
	assert_true(file_exists(fx->record));
	slow_disk_reset();
	fetch_expect_ok(fx, 1000);
}

/* Of FILE, of the record, of the directory: each time another is the first. */
static void each_sync_may_fail(void **state)
{
	struct fetch_fixture *fx = *state;
	char draft[sizeof(fx->record) + 4];

	snprintf(draft, sizeof(draft), "%s.tmp", fx->record);
	fetch_serve(fx, SIZE, 6);
	for (unsigned i = 1; i <= 3; i++) {
		slow_disk_reset();
		slow_disk.failure = EIO;
		slow_disk.fails_from = i;
		fetch_begin(fx, "/fw", SIZE);
		fetch_wait(fx);
		assert_int_equal(fx->err.sys_errno, EIO);
		assert_true(file_exists(fx->record));
		assert_false(file_exists(draft));
		fx->fetch = fetch_free(fx->fetch);
	}
	slow_disk_reset();
	fetch_expect_ok(fx, SIZE);
}

static ino_t number_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_ino;
}

static void a_record_is_synced_between_its_bytes_and_its_name(void **state)
{
	struct fetch_fixture *fx = *state;
	char folder[sizeof(fx->path)];

	fetch_serve(fx, SIZE, 6);
	fetch_script(fx, "[{\"stall_after\":1200000}]");
	fetch_begin(fx, "/fw", SIZE);
	wait_for_orders(fx, 3);
	strcpy(folder, fx->path);
	*strrchr(folder, '/') = '\0';
	assert_int_equal(slow_disk.synced[0], number_of(fx->path));
	assert_int_equal(slow_disk.synced[1], number_of(fx->record));
	assert_int_equal(slow_disk.synced[2], number_of(folder));
}

static void a_stop_need_not_wait_for_a_sync_that_runs(void **state)
{
	struct fetch_fixture *fx = *state;
	size_t seen;

	slow_disk.holds = true;
	fetch_serve(fx, SIZE, 7);
	fetch_begin(fx, "/fw", SIZE);
	wait_for_orders(fx, 1);
	seen = fx->seen_bytes;
	fx->fetch = fetch_free(fx->fetch);
	assert_true(fetch_recorded(fx, "bytes") >= (int64_t)seen);
	slow_disk_go_on();
	fetch_expect_ok(fx, SIZE);
}

static void a_stop_records_nothing_that_cannot_be_synced(void **state)
{
	struct fetch_fixture *fx = *state;

	slow_disk.holds = true;
	slow_disk.direct_failure = EIO;
	fetch_serve(fx, SIZE, 7);
	fetch_begin(fx, "/fw", SIZE);
	wait_for_orders(fx, 1);
	fx->fetch = fetch_free(fx->fetch);
	assert_int_equal(slow_disk.direct, 1);
	assert_int_equal(fetch_recorded(fx, "bytes"), 0);
	slow_disk_go_on();
	fetch_expect_ok(fx, SIZE);
}

/* A cut while it waits must not cost what an attempt has brought. */
static void what_a_broken_attempt_brought_is_recorded_while_it_waits(void **state)
{
	struct fetch_fixture *fx = *state;

	fx->limits.backoff_first_ms = fx->limits.backoff_max_ms = 1000000;
	fetch_fixture_renew(fx);
	fetch_serve(fx, SIZE, 8);
	fetch_script(fx, "[{\"cut_after\":200000}]");
	fetch_begin(fx, "/fw", SIZE);
	fetch_wait_recorded(fx, 200000);
}

/* The last byte comes when a record is half written. */
static void the_end_leaves_no_half_record(void **state)
{
	struct fetch_fixture *fx = *state;
	char draft[sizeof(fx->record) + 4];

	snprintf(draft, sizeof(draft), "%s.tmp", fx->record);
	fetch_serve(fx, MIB + 200000, 8);
	fetch_script(fx, "[{\"stall_after\":1200000}]");
	fetch_begin(fx, "/fw", MIB + 200000);
	wait_for_orders(fx, 1);
	slow_disk.holds = true;
	wait_for_orders(fx, 2);
	assert_true(file_exists(draft));
	wait_for_orders(fx, 3);
	assert_false(file_exists(draft));
	slow_disk_go_on();
	fetch_wait(fx);
	fetch_expect_complete(fx, "fw");
}

static void what_is_started_over_is_not_recorded_by_a_late_sync(void **state)
{
	struct fetch_fixture *fx = *state;

	fx->settings.attempts = 5;
	slow_disk.holds = true;
	fetch_serve(fx, SIZE, 9);
	fetch_script(fx, "[{\"cut_after\":1500000},{\"ignore_range\":true,"
			 "\"stall_after\":1000}]");
	fetch_begin(fx, "/fw", SIZE);
	wait_for_orders(fx, 1);
	while (fx->restarts == 0)
		assert_true(loop_run_once(fx->loop, 100, NULL));
	slow_disk_go_on();
	wait_for_silence(fx);
	assert_in_range(fetch_recorded(fx, "bytes"), 0, 1000);
}

static void a_kernel_that_will_not_sync_for_us_is_waited_for(void **state)
{
	struct fetch_fixture *fx = *state;

	slow_disk.refuses = true;
	fetch_serve(fx, SIZE, 10);
	fetch_expect_ok(fx, SIZE);
	assert_int_equal(slow_disk.orders, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_recorded_before_it_is_synced),
		TEST(nothing_is_told_before_it_is_synced),
		TEST(a_slow_disk_holds_the_download_not_the_loop),
		TEST(done_is_told_when_all_is_on_the_disk),
		TEST(what_the_kernel_still_holds_can_be_executed),
		TEST(a_failed_sync_ends_the_download_and_records_nothing),
		TEST(a_failed_last_sync_does_not_look_like_success),
		TEST(each_sync_may_fail),
		TEST(a_record_is_synced_between_its_bytes_and_its_name),
		TEST(a_stop_need_not_wait_for_a_sync_that_runs),
		TEST(a_stop_records_nothing_that_cannot_be_synced),
		TEST(what_a_broken_attempt_brought_is_recorded_while_it_waits),
		TEST(the_end_leaves_no_half_record),
		TEST(what_is_started_over_is_not_recorded_by_a_late_sync),
		TEST(a_kernel_that_will_not_sync_for_us_is_waited_for),
	};

	return cmocka_run_group_tests(tests, fetch_group_set_up,
				      fetch_group_tear_down);
}
