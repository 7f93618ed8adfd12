#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "otad/base/log.h"
#include "otad/control/control.h"

#include "../../src/control/metrics-text.h"
#include "fake/loop.h"
#include "fake/updater.h"
#include "support/fail-malloc.h"

#define MAX_FD 64
/* More than any answer here takes. */
#define MAX_ALLOCATIONS 3000

struct fixture {
	char folder[64];
	struct sockaddr_un address;
	struct loop *loop;
	struct updater *updater;
	struct control *control;
};

static int setup(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));
	struct ota_error err = OTA_ERROR_INIT;

	strcpy(fx->folder, "/tmp/otad-control-XXXXXX");
	assert_non_null(mkdtemp(fx->folder));
	fx->address.sun_family = AF_UNIX;
	snprintf(fx->address.sun_path, sizeof(fx->address.sun_path),
		 "%s/io.otad", fx->folder);
	fx->loop = loop_new(&err);
	fx->updater = fake_updater_new();
	fake_updater_add(fx->updater, "self", NULL, "default", "1");
	fake_updater_add(fx->updater, "m", "meter", "mcu", "1");
	fake_updater_set_job(fx->updater, &(struct job_view){
						  .id = "1",
						  .device = "m",
						  .module = "mcu",
						  .version = "2",
						  .state = JOB_STATE_VERIFYING,
						  .message = "text",
					  });
	fake_updater_add_history(fx->updater, &(struct history_entry){
						      .job = "0",
						      .device = "self",
						      .module = "default",
						      .version = "1",
					      });
	fx->control = control_new(fx->loop, fx->updater, fx->address.sun_path, &err);
	assert_non_null(fx->control);
	*state = fx;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fx = *state;

	control_free(fx->control);
	updater_free(fx->updater);
	loop_free(fx->loop);
	rmdir(fx->folder);
	free(fx);
	return 0;
}

static void pump(struct fixture *fx)
{
	bool any = true;

	for (unsigned round = 0; any && round < 100; round++) {
		any = false;
		for (int fd = 0; fd < MAX_FD; fd++) {
			uint32_t wanted = fake_loop_io_events(fx->loop, fd);
			struct pollfd poll_fd = { fd, (short)wanted, 0 };

			if (wanted && poll(&poll_fd, 1, 0) > 0 && poll_fd.revents)
				any |= fake_loop_io(fx->loop, fd,
						    (uint32_t)poll_fd.revents);
		}
		fake_loop_settle(fx->loop);
	}
}

static void expect_whole_messages(const char *data, ssize_t size)
{
	if (size > 0)
		assert_int_equal(data[size - 1], '\0');
	for (ssize_t at = 0; at < size; at += (ssize_t)strlen(data + at) + 1)
		assert_int_equal(data[at], '{');
}

/* One call while memory runs out after `count` allocations. */
static void call_without_memory(struct fixture *fx, const char *call, long count)
{
	char data[32 * 1024];
	ssize_t size;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&fx->address,
				 sizeof(fx->address)),
			 0);
	assert_int_equal(send(fd, call, strlen(call) + 1, 0), strlen(call) + 1);
	fail_malloc_after(count);
	pump(fx);
	fake_updater_tell(fx->updater, &(struct job_view){
					       .id = "1",
					       .device = "m",
					       .module = "mcu",
					       .version = "2",
					       .state = JOB_STATE_SUCCEEDED,
				       });
	pump(fx);
	size = recv(fd, data, sizeof(data), MSG_DONTWAIT);
	/* An answer, or an end: silence would keep the client waiting. */
	assert_true(size >= 0 || errno == ECONNRESET);
	expect_whole_messages(data, size);
	close(fd);
}

static void memory_that_runs_out_costs_one_client_at_most(void **state)
{
	static const char *const calls[] = {
		"{\"method\":\"org.varlink.service.GetInfo\"}",
		"{\"method\":\"org.varlink.service.GetInterfaceDescription\","
		"\"parameters\":{\"interface\":\"io.otad\"}}",
		"{\"method\":\"io.otad.GetStatus\"}",
		"{\"method\":\"io.otad.GetStats\"}",
		"{\"method\":\"io.otad.GetHistory\"}",
		"{\"method\":\"io.otad.ListModules\"}",
		"{\"method\":\"io.otad.ListModules\",\"more\":true,"
		"\"parameters\":{\"device\":\"m\"}}",
		"{\"method\":\"io.otad.ListDevices\",\"more\":true}",
		"{\"method\":\"io.otad.Update\",\"parameters\":{\"version\":\"1\","
		"\"url\":\"http://h/a\",\"md5\":\"0123456789abcdef0123456789abcdef\"}}",
		"{\"method\":\"io.otad.Nothing\"}",
		"{\"method\":\"io.nothing.At.All\"}",
		"{\"method\":\"io.otad.Check\",\"parameters\":{\"x\":1}}",
		"garbage",
	};
	struct fixture *fx = *state;
	unsigned sources = fake_loop_source_count(fx->loop);

	log_open(LOG_TARGET_STDERR, LOG_LEVEL_ERROR);
	for (size_t i = 0; i < OTA_ARRAY_SIZE(calls); i++) {
		long count = 0;

		do
			call_without_memory(fx, calls[i], count++);
		while (fail_malloc_happened() && count < MAX_ALLOCATIONS);
		assert_in_range(count, 5, MAX_ALLOCATIONS - 1);
		fail_malloc_after(-1);
		pump(fx);
		assert_int_equal(fake_loop_source_count(fx->loop), sources);
	}
}

static void memory_that_runs_out_costs_one_watch_at_most(void **state)
{
	static const char call[] = "{\"method\":\"io.otad.Watch\",\"more\":true,"
				   "\"parameters\":{\"device\":\"m\"}}";
	struct fixture *fx = *state;
	unsigned sources = fake_loop_source_count(fx->loop);
	long count = 0;

	log_open(LOG_TARGET_STDERR, LOG_LEVEL_ERROR);
	do
		call_without_memory(fx, call, count++);
	while (fail_malloc_happened() && count < MAX_ALLOCATIONS);
	assert_in_range(count, 5, MAX_ALLOCATIONS - 1);
	fail_malloc_after(-1);
	pump(fx);
	assert_int_equal(fake_loop_source_count(fx->loop), sources);
	assert_int_equal(fake_updater_listeners(fx->updater), 0);
}

static void without_memory_there_is_no_socket(void **state)
{
	struct fixture *fx = *state;
	struct control *control = NULL;
	char path[128];

	snprintf(path, sizeof(path), "%s/other", fx->folder);
	for (long count = 0; !control; count++) {
		struct ota_error err = OTA_ERROR_INIT;

		assert_true(count < MAX_ALLOCATIONS);
		fail_malloc_after(count);
		control = control_new(fx->loop, fx->updater, path, &err);
		fail_malloc_after(-1);
		if (!control)
			assert_int_equal(access(path, F_OK), -1);
	}
	control_free(control);
}

/* A module that is left out would look like one that is gone. */
static void without_memory_there_are_no_metrics_rather_than_half(void **state)
{
	struct fixture *fx = *state;
	struct metrics_counts counts = { 0 };
	size_t whole_bytes, size;
	char *whole = metrics_text(fx->updater, &counts, &whole_bytes);
	char *text = NULL;

	assert_non_null(whole);
	for (long count = 0; !text; count++) {
		assert_true(count < MAX_ALLOCATIONS);
		fail_malloc_after(count);
		text = metrics_text(fx->updater, &counts, &size);
		fail_malloc_after(-1);
	}
	assert_string_equal(text, whole);
	free(whole);
	free(text);
	metrics_counts_done(&counts);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(memory_that_runs_out_costs_one_client_at_most),
		TEST(memory_that_runs_out_costs_one_watch_at_most),
		TEST(without_memory_there_is_no_socket),
		TEST(without_memory_there_are_no_metrics_rather_than_half),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
