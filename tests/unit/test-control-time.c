#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "otad/base/log.h"
#include "otad/control/control.h"

#include "../../src/control/limits.h"
#include "fake/loop.h"
#include "fake/updater.h"

/* No descriptor of a test is beyond it. */
#define MAX_FD 256

static const char get_stats[] = "{\"method\":\"io.otad.GetStats\"}";
static const char watch[] = "{\"method\":\"io.otad.Watch\",\"more\":true}";

struct fixture {
	char folder[64];
	struct sockaddr_un address;
	struct loop *loop;
	struct updater *updater;
	struct control *control;
	int fd; /* of one client */
};

/* The kernel's part: whatever is asked for and there is handed over. */
static bool pump_once(struct fixture *fx)
{
	bool any = false;

	for (int fd = 0; fd < MAX_FD; fd++) {
		uint32_t wanted = fake_loop_io_events(fx->loop, fd);
		struct pollfd poll_fd = { fd, (short)wanted, 0 };

		if (wanted && poll(&poll_fd, 1, 0) > 0 && poll_fd.revents)
			any |= fake_loop_io(fx->loop, fd, (uint32_t)poll_fd.revents);
	}
	fake_loop_settle(fx->loop);
	return any;
}

static void pump(struct fixture *fx)
{
	for (unsigned i = 0; i < 100 && pump_once(fx); i++)
		;
}

static void dial(struct fixture *fx)
{
	fx->fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(connect(fx->fd, (struct sockaddr *)&fx->address,
				 sizeof(fx->address)),
			 0);
	pump(fx);
}

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
	fake_updater_add(fx->updater, "self", NULL, "app", "1");
	fx->control = control_new(fx->loop, fx->updater, fx->address.sun_path, &err);
	assert_non_null(fx->control);
	dial(fx);
	*state = fx;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fx = *state;

	control_free(fx->control);
	updater_free(fx->updater);
	loop_free(fx->loop);
	close(fx->fd);
	rmdir(fx->folder);
	free(fx);
	return 0;
}

static void say(struct fixture *fx, const char *call)
{
	assert_int_equal(send(fx->fd, call, strlen(call) + 1, MSG_DONTWAIT),
			 strlen(call) + 1);
	pump(fx);
}

static void read_all(struct fixture *fx)
{
	char data[4096];

	do
		pump(fx);
	while (recv(fx->fd, data, sizeof(data), MSG_DONTWAIT) > 0);
}

/* Whether the server still has our connection; there must be nothing to read. */
static bool is_connected(struct fixture *fx)
{
	char byte;
	ssize_t got;

	pump(fx);
	got = recv(fx->fd, &byte, 1, MSG_DONTWAIT);
	assert_true(got <= 0);
	return got < 0 && errno == EAGAIN;
}

static void a_client_without_a_call_is_let_go(void **state)
{
	struct fixture *fx = *state;

	fake_loop_advance(fx->loop, CONTROL_IDLE_MS - 1);
	assert_true(is_connected(fx));
	fake_loop_advance(fx->loop, 1);
	assert_false(is_connected(fx));
}

static void each_call_gives_a_client_its_time_anew(void **state)
{
	struct fixture *fx = *state;

	for (unsigned i = 0; i < 3; i++) {
		fake_loop_advance(fx->loop, CONTROL_IDLE_MS - 1);
		say(fx, get_stats);
		read_all(fx);
	}
	assert_true(is_connected(fx));
	fake_loop_advance(fx->loop, CONTROL_IDLE_MS);
	assert_false(is_connected(fx));
}

static void a_call_that_wants_no_answer_counts_too(void **state)
{
	struct fixture *fx = *state;

	for (unsigned i = 0; i < 3; i++) {
		fake_loop_advance(fx->loop, CONTROL_IDLE_MS - 1);
		say(fx, "{\"method\":\"io.otad.Release\",\"oneway\":true}");
	}
	assert_true(is_connected(fx));
}

static void single_bytes_buy_no_time(void **state)
{
	struct fixture *fx = *state;

	for (unsigned i = 0; i < 9; i++) {
		fake_loop_advance(fx->loop, CONTROL_IDLE_MS / 10);
		assert_int_equal(send(fx->fd, "{", 1, MSG_DONTWAIT), 1);
		pump(fx);
	}
	assert_true(is_connected(fx));
	fake_loop_advance(fx->loop, CONTROL_IDLE_MS / 10);
	assert_false(is_connected(fx));
}

static void a_watcher_may_wait_as_long_as_it_likes(void **state)
{
	struct fixture *fx = *state;

	say(fx, watch);
	read_all(fx);
	assert_true(fake_loop_next_ms(fx->loop) == LOOP_NEVER);
	fake_loop_advance(fx->loop, 100 * CONTROL_IDLE_MS);
	assert_true(is_connected(fx));
}

/* More than the kernel takes for a client that does not read. */
static void fill(struct fixture *fx)
{
	struct job_view job = {
		.id = "1",
		.device = "self",
		.module = "app",
		.version = "2",
		.state = JOB_STATE_DOWNLOADING,
		.received_bytes = 1, /* mere progress ends no watch */
	};

	for (unsigned i = 0; i < 2000; i++)
		fake_updater_set_job(fx->updater, &job);
	pump(fx);
}

static void a_watcher_that_reads_nothing_for_long_is_let_go(void **state)
{
	struct fixture *fx = *state;
	unsigned sources = fake_loop_source_count(fx->loop);

	say(fx, watch);
	read_all(fx);
	fill(fx);
	fake_loop_advance(fx->loop, CONTROL_STALL_MS - 1);
	assert_int_equal(fake_loop_source_count(fx->loop), sources);
	fake_loop_advance(fx->loop, 1);
	assert_int_equal(fake_loop_source_count(fx->loop), sources - 2);
}

static void a_watcher_that_reads_again_stays(void **state)
{
	struct fixture *fx = *state;

	say(fx, watch);
	read_all(fx);
	for (unsigned i = 0; i < 3; i++) {
		fill(fx);
		fake_loop_advance(fx->loop, CONTROL_STALL_MS - 1);
		read_all(fx);
	}
	fake_loop_advance(fx->loop, 10 * CONTROL_STALL_MS);
	assert_true(is_connected(fx));
}

/* Every descriptor below `limit` is taken; returns how many of `fds` that took. */
static size_t take_descriptors(int *fds, size_t max, int limit)
{
	struct rlimit low;
	size_t n = 0;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &low), 0);
	low.rlim_cur = (rlim_t)limit;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	while (n < max && (fds[n] = dup(STDERR_FILENO)) >= 0)
		n++;
	return n;
}

static void a_shortage_of_descriptors_is_waited_out(void **state)
{
	struct fixture *fx = *state;
	const char *preload = getenv("LD_PRELOAD");
	int fds[MAX_FD];
	struct rlimit old;
	size_t n;
	char byte;

	/* Its accept(2) takes the connection before it says that it cannot. */
	if (preload && strstr(preload, "vgpreload"))
		skip();
	close(fx->fd);
	pump(fx);
	fx->fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	n = take_descriptors(fds, MAX_FD, fx->fd + 1);
	assert_int_equal(connect(fx->fd, (struct sockaddr *)&fx->address,
				 sizeof(fx->address)),
			 0);
	say(fx, get_stats);
	while (n > 0)
		close(fds[--n]);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	/* Asked again at once, the kernel would say the same: that would spin. */
	assert_false(pump_once(fx));
	fake_loop_advance(fx->loop, CONTROL_RETRY_MS - 1);
	assert_true(is_connected(fx));
	fake_loop_advance(fx->loop, 1);
	pump(fx);
	assert_int_equal(recv(fx->fd, &byte, 1, MSG_DONTWAIT), 1);
}

static unsigned count_lines(FILE *file)
{
	unsigned lines = 0;
	int c;

	rewind(file);
	while ((c = fgetc(file)) != EOF)
		lines += c == '\n';
	return lines;
}

static void break_the_protocol(struct fixture *fx)
{
	say(fx, "no call");
	close(fx->fd);
	pump(fx);
	dial(fx);
}

/* On standard error, where the log of a test goes. */
static void mistakes_of_clients_fill_no_log(void **state)
{
	struct fixture *fx = *state;
	int before = dup(STDERR_FILENO);
	FILE *log = tmpfile();
	unsigned at_once, later;

	assert_non_null(log);
	assert_int_equal(dup2(fileno(log), STDERR_FILENO), STDERR_FILENO);
	log_open(LOG_TARGET_STDERR, LOG_LEVEL_INFO);
	for (unsigned i = 0; i < 20; i++)
		break_the_protocol(fx);
	at_once = count_lines(log);
	fake_loop_advance(fx->loop, CONTROL_COMPLAINT_MS);
	break_the_protocol(fx);
	later = count_lines(log);
	assert_int_equal(dup2(before, STDERR_FILENO), STDERR_FILENO);
	close(before);
	fclose(log);
	assert_int_equal(at_once, 1);
	assert_int_equal(later, 2);
}

static int waiting_to_be_read(struct fixture *fx)
{
	int waiting = 0;

	assert_int_equal(ioctl(fx->fd, FIONREAD, &waiting), 0);
	return waiting;
}

/* Reads until the kernel has room again, and the server sends more. */
static void read_some(struct fixture *fx)
{
	char data[4096];
	int before;

	do {
		assert_true(recv(fx->fd, data, sizeof(data), MSG_DONTWAIT) > 0);
		before = waiting_to_be_read(fx);
		pump(fx);
	} while (waiting_to_be_read(fx) <= before);
}

static void a_watcher_that_reads_some_stays_too(void **state)
{
	/* All that may wait here and there, but for a little. */
	enum { TO_SEND = 490 * 1024 };
	struct fixture *fx = *state;
	struct job_view job = {
		.id = "1",
		.device = "self",
		.module = "app",
		.version = "2",
		.state = JOB_STATE_VERIFYING,
	};
	unsigned sources = fake_loop_source_count(fx->loop);

	say(fx, watch);
	read_all(fx);
	for (size_t sent = 0; sent < TO_SEND; sent += 240)
		fake_updater_set_job(fx->updater, &job);
	pump(fx);
	fake_loop_advance(fx->loop, CONTROL_STALL_MS - 1);
	read_some(fx);
	fake_loop_advance(fx->loop, CONTROL_STALL_MS - 1);
	assert_int_equal(fake_loop_source_count(fx->loop), sources);
	fake_loop_advance(fx->loop, 1);
	assert_int_equal(fake_loop_source_count(fx->loop), sources - 2);
}

static void without_clients_nothing_wakes_the_loop(void **state)
{
	struct fixture *fx = *state;

	close(fx->fd);
	pump(fx);
	assert_true(fake_loop_next_ms(fx->loop) == LOOP_NEVER);
	fx->fd = -1;
}

static void a_client_that_cannot_be_watched_is_not_kept(void **state)
{
	struct fixture *fx = *state;
	unsigned sources = fake_loop_source_count(fx->loop);

	for (unsigned allowed = 0; allowed < 2; allowed++) {
		close(fx->fd);
		pump(fx);
		fake_loop_fail_after(fx->loop, allowed);
		dial(fx);
		assert_false(is_connected(fx));
		fake_loop_fail_after(fx->loop, 1000);
	}
	close(fx->fd);
	dial(fx);
	assert_true(is_connected(fx));
	assert_int_equal(fake_loop_source_count(fx->loop), sources);
}

static void no_socket_is_left_by_a_control_that_could_not_be_made(void **state)
{
	struct fixture *fx = *state;
	struct ota_error err = OTA_ERROR_INIT;
	char path[128];

	snprintf(path, sizeof(path), "%s/other", fx->folder);
	for (unsigned allowed = 0; allowed < 3; allowed++) {
		fake_loop_fail_after(fx->loop, allowed);
		assert_null(control_new(fx->loop, fx->updater, path, &err));
		assert_int_equal(access(path, F_OK), -1);
	}
	fake_loop_fail_after(fx->loop, 1000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_client_without_a_call_is_let_go),
		TEST(each_call_gives_a_client_its_time_anew),
		TEST(a_call_that_wants_no_answer_counts_too),
		TEST(single_bytes_buy_no_time),
		TEST(a_watcher_may_wait_as_long_as_it_likes),
		TEST(a_watcher_that_reads_nothing_for_long_is_let_go),
		TEST(a_watcher_that_reads_again_stays),
		TEST(a_watcher_that_reads_some_stays_too),
		TEST(a_shortage_of_descriptors_is_waited_out),
		TEST(mistakes_of_clients_fill_no_log),
		TEST(without_clients_nothing_wakes_the_loop),
		TEST(a_client_that_cannot_be_watched_is_not_kept),
		TEST(no_socket_is_left_by_a_control_that_could_not_be_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
