#include "otad/base/sync.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "otad/base/loop.h"

#include "support/slow-disk.h"

/* A test that hangs ends here; nothing is expected to take as long. */
#define DEADLINE_MS 20000
#define N_SYNCS 3

struct fixture {
	struct loop *loop;
	struct syncer *syncer;
	struct sync *syncs[N_SYNCS];
	struct sync **victim; /* freed by the callback */
	unsigned calls;
	struct ota_error err; /* of the last */
	int fd;
};

static int setup(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));
	char path[] = "/tmp/otad-test-sync-XXXXXX";
	struct ota_error err;

	slow_disk_reset();
	fx->loop = loop_new(&err);
	fx->syncer = fx->loop ? syncer_new(fx->loop, &err) : NULL;
	fx->fd = mkstemp(path);
	if (!fx->syncer || fx->fd < 0 || unlink(path) < 0)
		return -1;
	*state = fx;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fx = *state;

	for (size_t i = 0; i < N_SYNCS; i++)
		sync_free(fx->syncs[i]);
	slow_disk_go_on();
	syncer_free(fx->syncer);
	loop_free(fx->loop);
	close(fx->fd);
	free(fx);
	return 0;
}

static void on_synced(struct sync *sync, const struct ota_error *err,
		      void *user_data)
{
	struct fixture *fx = user_data;

	fx->calls++;
	ota_error_clear(&fx->err);
	if (err)
		fx->err = *err;
	if (fx->victim)
		*fx->victim = sync_free(*fx->victim);
}

static void start(struct fixture *fx, size_t i, int fd, enum sync_what what)
{
	struct ota_error err = OTA_ERROR_INIT;

	fx->syncs[i] = sync_start(fx->syncer, fd, what, "the file", on_synced,
				  fx, &err);
	assert_non_null(fx->syncs[i]);
}

static void wait_for(struct fixture *fx, unsigned calls)
{
	uint64_t end_ms = loop_now_ms(fx->loop) + DEADLINE_MS;

	while (fx->calls < calls) {
		assert_true(loop_now_ms(fx->loop) < end_ms);
		assert_true(loop_run_once(fx->loop, 100, NULL));
	}
}

/* As often as it takes for anything that is to come to have come. */
static void turn(struct fixture *fx)
{
	for (unsigned i = 0; i < 10; i++)
		assert_true(loop_run_once(fx->loop, 10, NULL));
}

static void a_sync_is_told_once_and_from_the_loop(void **state)
{
	struct fixture *fx = *state;

	assert_int_equal(write(fx->fd, "data", 4), 4);
	start(fx, 0, fx->fd, SYNC_CONTENT);
	assert_int_equal(fx->calls, 0);
	wait_for(fx, 1);
	assert_int_equal(fx->err.kind, OTA_ERROR_NONE);
	turn(fx);
	assert_int_equal(fx->calls, 1);
	/* What was told is not looked for again and again. */
	assert_int_equal(slow_disk.collections, 1);
}

static void the_content_is_less_than_all(void **state)
{
	struct fixture *fx = *state;

	start(fx, 0, fx->fd, SYNC_CONTENT);
	assert_int_equal(slow_disk.whole, 0);
	start(fx, 1, fx->fd, SYNC_ALL);
	assert_int_equal(slow_disk.whole, 1);
	wait_for(fx, 2);
}

static bool is_mapped(const char *name)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	bool found = false;
	char line[512];

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps))
		found |= strstr(line, name) != NULL;
	fclose(maps);
	return found;
}

/* Of which all processes together have so many. */
static void the_kernels_part_goes_with_the_syncer(void **state)
{
	struct fixture *fx = *state;

	start(fx, 0, fx->fd, SYNC_CONTENT);
	wait_for(fx, 1);
	assert_true(is_mapped("[aio]"));
	fx->syncs[0] = sync_free(fx->syncs[0]);
	fx->syncer = syncer_free(fx->syncer);
	assert_false(is_mapped("[aio]"));
}

static void the_loop_turns_while_the_disk_takes_its_time(void **state)
{
	struct fixture *fx = *state;

	slow_disk.holds = true;
	start(fx, 0, fx->fd, SYNC_CONTENT);
	turn(fx);
	assert_int_equal(fx->calls, 0);
	slow_disk_go_on();
	wait_for(fx, 1);
	assert_int_equal(fx->err.kind, OTA_ERROR_NONE);
}

static void the_descriptor_may_be_closed_meanwhile(void **state)
{
	struct fixture *fx = *state;
	int fd = dup(fx->fd);

	start(fx, 0, fd, SYNC_ALL);
	close(fd);
	wait_for(fx, 1);
	assert_int_equal(fx->err.kind, OTA_ERROR_NONE);
}

static void a_directory_can_be_synced(void **state)
{
	struct fixture *fx = *state;
	int fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	start(fx, 0, fd, SYNC_ALL);
	close(fd);
	wait_for(fx, 1);
	assert_int_equal(fx->err.kind, OTA_ERROR_NONE);
	assert_int_equal(slow_disk.orders, 1);
}

static void what_the_disk_says_is_told(void **state)
{
	struct fixture *fx = *state;

	slow_disk.failure = EIO;
	start(fx, 0, fx->fd, SYNC_CONTENT);
	wait_for(fx, 1);
	assert_int_equal(fx->err.sys_errno, EIO);
	assert_non_null(strstr(fx->err.text, "the file"));
}

static void what_cannot_be_synced_is_an_error_from_the_loop(void **state)
{
	struct fixture *fx = *state;
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	start(fx, 0, fds[1], SYNC_ALL);
	assert_int_equal(fx->calls, 0);
	wait_for(fx, 1);
	assert_int_equal(fx->err.sys_errno, EINVAL);
	close(fds[0]);
	close(fds[1]);
}

static void where_the_kernel_refuses_the_loop_waits(void **state)
{
	struct fixture *fx = *state;

	slow_disk.refuses = true;
	for (size_t i = 0; i < N_SYNCS; i++)
		start(fx, i, fx->fd, SYNC_CONTENT);
	assert_int_equal(fx->calls, 0);
	wait_for(fx, N_SYNCS);
	assert_int_equal(fx->err.kind, OTA_ERROR_NONE);
	assert_int_equal(slow_disk.orders, 0);
	assert_int_equal(slow_disk.setups, 1);
}

static void several_run_side_by_side(void **state)
{
	struct fixture *fx = *state;

	for (size_t i = 0; i < N_SYNCS; i++)
		start(fx, i, fx->fd, SYNC_CONTENT);
	wait_for(fx, N_SYNCS);
	turn(fx);
	assert_int_equal(fx->calls, N_SYNCS);
}

static void one_may_free_itself_when_told(void **state)
{
	struct fixture *fx = *state;

	fx->victim = &fx->syncs[0];
	start(fx, 0, fx->fd, SYNC_CONTENT);
	wait_for(fx, 1);
	assert_null(fx->syncs[0]);
}

static void what_was_freed_is_not_told(void **state)
{
	struct fixture *fx = *state;

	slow_disk.holds = true;
	start(fx, 0, fx->fd, SYNC_CONTENT);
	start(fx, 1, fx->fd, SYNC_CONTENT);
	fx->syncs[0] = sync_free(fx->syncs[0]);
	slow_disk_go_on();
	wait_for(fx, 1);
	turn(fx);
	assert_int_equal(fx->calls, 1);
}

/* Of those that the loop waited for, too. */
static void what_was_freed_is_not_told_where_the_kernel_refuses(void **state)
{
	struct fixture *fx = *state;

	slow_disk.refuses = true;
	start(fx, 0, fx->fd, SYNC_CONTENT);
	fx->syncs[0] = sync_free(fx->syncs[0]);
	turn(fx);
	assert_int_equal(fx->calls, 0);
}

static void the_syncer_may_go_before_the_disk_is_done(void **state)
{
	struct fixture *fx = *state;

	start(fx, 0, fx->fd, SYNC_CONTENT);
	fx->syncs[0] = sync_free(fx->syncs[0]);
	fx->syncer = syncer_free(fx->syncer);
	turn(fx);
	assert_int_equal(fx->calls, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_sync_is_told_once_and_from_the_loop),
		TEST(the_content_is_less_than_all),
		TEST(the_kernels_part_goes_with_the_syncer),
		TEST(the_loop_turns_while_the_disk_takes_its_time),
		TEST(the_descriptor_may_be_closed_meanwhile),
		TEST(a_directory_can_be_synced),
		TEST(what_the_disk_says_is_told),
		TEST(what_cannot_be_synced_is_an_error_from_the_loop),
		TEST(where_the_kernel_refuses_the_loop_waits),
		TEST(several_run_side_by_side),
		TEST(one_may_free_itself_when_told),
		TEST(what_was_freed_is_not_told),
		TEST(what_was_freed_is_not_told_where_the_kernel_refuses),
		TEST(the_syncer_may_go_before_the_disk_is_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
