/* Real children, but the clock and the news of their end are the test's. */

#include "otad/base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake/loop.h"

/* A test that hangs ends here. */
#define DEADLINE_S 30
#define TIMEOUT_MS 60000
#define GRACE_MS 5000

struct fixture {
	struct loop *loop;
	struct process *process;
	char folder[40];
	char fifo[64];
	unsigned exits;
	struct process_result result;
	struct ota_error err;
};

static int setup(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	strcpy(fx->folder, "/tmp/test-process-XXXXXX");
	fx->loop = loop_new(&fx->err);
	if (!fx->loop || !mkdtemp(fx->folder))
		return -1;
	snprintf(fx->fifo, sizeof(fx->fifo), "%s/ready", fx->folder);
	if (mkfifo(fx->fifo, 0600) < 0)
		return -1;
	alarm(DEADLINE_S);
	*state = fx;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fx = *state;

	process_free(fx->process);
	loop_free(fx->loop);
	/* Nothing lives on, or this hangs. */
	while (waitpid(-1, NULL, 0) > 0)
		;
	alarm(0);
	unlink(fx->fifo);
	rmdir(fx->folder);
	free(fx);
	return 0;
}

static void on_exit_of(struct process *process,
		       const struct process_result *result, void *user_data)
{
	struct fixture *fx = user_data;

	fx->exits++;
	fx->result = *result;
}

static struct process *start(struct fixture *fx, const char *script)
{
	const char *argv[] = { "sh", "-c", script, fx->fifo, NULL };
	struct process_request request = {
		.argv = argv,
		.name = "handler",
		.timeout_ms = TIMEOUT_MS,
	};

	return process_new(fx->loop, &request, NULL, on_exit_of, fx, &fx->err);
}

/* Until the child says so through the FIFO it is not ready for signals. */
static pid_t start_ready(struct fixture *fx, const char *script)
{
	char byte;
	int fd;

	fx->process = start(fx, script);
	assert_non_null(fx->process);
	fd = open(fx->fifo, O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, &byte, 1), 1);
	close(fd);
	return fake_loop_last_child(fx->loop);
}

static void let_it_end(struct fixture *fx, pid_t pid)
{
	siginfo_t info;

	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT),
			 0);
	assert_true(fake_loop_child_exit(fx->loop, pid, info.si_code,
					 info.si_status));
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static bool has_ended(pid_t pid)
{
	siginfo_t info = { .si_pid = 0 };

	waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT);
	return info.si_pid == pid;
}

static void a_child_in_time_leaves_no_timer(void **state)
{
	struct fixture *fx = *state;
	pid_t pid = start_ready(fx, "echo > $0; exit 2");

	assert_int_equal(fake_loop_next_ms(fx->loop), TIMEOUT_MS);
	let_it_end(fx, pid);

	assert_int_equal(fx->exits, 1);
	assert_int_equal(fx->result.exit_status, 2);
	assert_false(fx->result.timed_out);
	assert_int_equal(fake_loop_next_ms(fx->loop), LOOP_NEVER);
}

static void a_late_child_may_still_tidy_up(void **state)
{
	struct fixture *fx = *state;
	pid_t pid = start_ready(fx, "trap 'echo tidied >&2; exit 7' TERM; "
				    "echo > $0; while :; do sleep 1000 & wait; "
				    "done");

	fake_loop_advance(fx->loop, TIMEOUT_MS - 1);
	assert_false(has_ended(pid));
	fake_loop_advance(fx->loop, 1);
	assert_int_equal(fx->exits, 0);
	let_it_end(fx, pid);

	assert_int_equal(fx->exits, 1);
	assert_true(fx->result.timed_out);
	assert_int_equal(fx->result.exit_status, 7);
	assert_string_equal(fx->result.message, "tidied");
	assert_int_equal(fake_loop_next_ms(fx->loop), LOOP_NEVER);
}

static void a_late_child_that_ignores_sigterm_is_killed(void **state)
{
	struct fixture *fx = *state;
	pid_t pid = start_ready(fx, "trap '' TERM; echo > $0; sleep 1000");

	fake_loop_advance(fx->loop, TIMEOUT_MS + GRACE_MS - 1);
	assert_false(has_ended(pid));
	fake_loop_advance(fx->loop, 1);
	let_it_end(fx, pid);

	assert_int_equal(fx->exits, 1);
	assert_true(fx->result.timed_out);
	assert_int_equal(fx->result.exit_status, -1);
	assert_int_equal(fx->result.signal, SIGKILL);
}

static void a_child_the_kernel_cannot_end_is_given_up(void **state)
{
	struct fixture *fx = *state;
	pid_t pid = start_ready(fx, "trap '' TERM; echo stuck >&2; echo > $0; "
				    "sleep 1000");

	/* The loop just never hears of its end. */
	fake_loop_advance(fx->loop, TIMEOUT_MS + 2 * GRACE_MS - 1);
	assert_int_equal(fx->exits, 0);
	fake_loop_advance(fx->loop, 1);

	assert_int_equal(fx->exits, 1);
	assert_true(fx->result.timed_out);
	assert_int_equal(fx->result.signal, SIGKILL);
	assert_string_equal(fx->result.message, "stuck");
	assert_int_equal(fake_loop_next_ms(fx->loop), LOOP_NEVER);
	/* Should it end after all, it is reaped and nothing is said. */
	assert_false(fake_loop_has_child(fx->loop, pid));
	let_it_end(fx, pid);
	fake_loop_advance(fx->loop, TIMEOUT_MS);
	assert_int_equal(fx->exits, 1);
}

static void freeing_leaves_the_child_to_the_loop(void **state)
{
	struct fixture *fx = *state;
	pid_t pid = start_ready(fx, "trap '' TERM; echo > $0; sleep 1000");

	fake_loop_advance(fx->loop, TIMEOUT_MS + 1);
	fx->process = process_free(fx->process);
	assert_int_equal(fake_loop_source_count(fx->loop), 0);
	let_it_end(fx, pid);
	fake_loop_advance(fx->loop, TIMEOUT_MS);
	assert_int_equal(fx->exits, 0);
}

static void what_cannot_be_watched_is_not_left_running(void **state)
{
	struct fixture *fx = *state;
	unsigned after;

	for (after = 0;; after++) {
		fake_loop_fail_after(fx->loop, after);
		fx->process = start(fx, "exec sleep 1000");
		if (fx->process)
			break;
		assert_int_equal(fx->err.kind, OTA_ERROR_INTERNAL);
		assert_non_null(strstr(fx->err.text, "handler: "));
		assert_int_equal(fake_loop_source_count(fx->loop), 0);
	}
	/* Timer, defer, child and two streams. */
	assert_int_equal(after, 5);
	assert_int_equal(fx->exits, 0);
}

int main(void)
{
#define TIMEOUT_TEST(name)                                                     \
	cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TIMEOUT_TEST(a_child_in_time_leaves_no_timer),
		TIMEOUT_TEST(a_late_child_may_still_tidy_up),
		TIMEOUT_TEST(a_late_child_that_ignores_sigterm_is_killed),
		TIMEOUT_TEST(a_child_the_kernel_cannot_end_is_given_up),
		TIMEOUT_TEST(freeing_leaves_the_child_to_the_loop),
		TIMEOUT_TEST(what_cannot_be_watched_is_not_left_running),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
