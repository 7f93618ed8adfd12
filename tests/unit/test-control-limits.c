#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <malloc.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "otad/base/json.h"
#include "otad/base/loop.h"
#include "otad/control/control.h"

#include "../../src/control/buffer.h"
#include "../../src/control/limits.h"
#include "../../src/control/peer.h"
#include "fake/updater.h"
#include "support/control-fixture.h"

#define NOBODY 65534
/* A group that no system gives to anybody. */
#define SOME_GROUP 54321

static const char get_stats[] = "{\"method\":\"io.otad.GetStats\"}";

static void expect_served(struct control_fixture *fx)
{
	struct json_object *reply = control_ask(fx, get_stats);

	assert_string_equal(control_error(reply), "");
	json_free(reply);
}

/* What is sent gets one io.otad.Refused at most, and ends the connection. */
static void expect_thrown_out(struct control_fixture *fx, const char *data,
			      size_t size)
{
	int fd = control_dial(fx);
	char *text;

	control_send(fx, fd, data, size);
	text = control_receive(fx, fd);
	assert_non_null(text);
	if (!strstr(text, "{\"error\":\"io.otad.Refused\",\"parameters\":"
			  "{\"kind\":\"protocol-error\","))
		fail_msg("%s", text);
	free(text);
	assert_null(control_receive(fx, fd));
	close(fd);
}

/* ---- what is no call ---- */

static void garbage_is_answered_once_and_thrown_out(void **state)
{
	static const char *const messages[] = {
		"",
		" ",
		"hello",
		"{",
		"{}",
		"[]",
		"null",
		"\"io.otad.GetStatus\"",
		"{\"method\":null}",
		"{\"method\":7}",
		"{\"method\":\"a\\u0000\"}",
		"{\"method\":\"io.otad.GetStatus\",}",
		"{\"method\":\"io.otad.GetStatus\"} x",
		"{\"method\":\"io.otad.GetStatus\",\"method\":\"io.otad.Check\"}",
		"{\"method\":\"io.otad.GetStatus\",\"parameters\":[]}",
		"{\"method\":\"io.otad.GetStatus\",\"parameters\":\"\"}",
		"{\"method\":\"io.otad.GetStatus\",\"more\":1}",
		"{\"method\":\"io.otad.GetStatus\",\"oneway\":\"true\"}",
		"{\"method\":\"io.otad.GetStatus\",\"oneway\":true,\"more\":true}",
		"{\"method\":\"io.otad.GetStatus\",\"upgrade\":true}",
		"{\"method\":\"io.otad.\xff\"}",
		"\xef\xbb\xbf{\"method\":\"io.otad.GetStatus\"}",
		"{\"x\":[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]}",
	};
	struct control_fixture *fx = *state;

	for (size_t i = 0; i < OTA_ARRAY_SIZE(messages); i++)
		expect_thrown_out(fx, messages[i], strlen(messages[i]) + 1);
	assert_int_equal(fake_updater_calls(fx->updater), 0);
	expect_served(fx);
}

static void nothing_is_done_of_what_follows_garbage(void **state)
{
	static const char data[] = "garbage\0{\"method\":\"io.otad.Check\"}";
	struct control_fixture *fx = *state;

	expect_thrown_out(fx, data, sizeof(data));
	assert_int_equal(fake_updater_calls(fx->updater), 0);
}

static void a_flood_of_nul_bytes_is_one_mistake(void **state)
{
	enum { SIZE = 1 << 20 };
	struct control_fixture *fx = *state;
	char *flood = calloc(1, SIZE);

	expect_thrown_out(fx, flood, SIZE);
	expect_served(fx);
	free(flood);
}

static void a_call_may_have_64_kib_and_no_byte_more(void **state)
{
	static const char begin[] = "{\"method\":\"io.otad.Check\"";
	struct control_fixture *fx = *state;
	char *call = malloc(JSON_MAX_BYTES + 2);
	struct json_object *reply;

	memset(call, ' ', JSON_MAX_BYTES + 1);
	memcpy(call, begin, strlen(begin));
	call[JSON_MAX_BYTES - 1] = '}';
	call[JSON_MAX_BYTES] = '\0';
	reply = control_ask(fx, call);
	assert_string_equal(control_error(reply), "");
	json_free(reply);
	assert_int_equal(fake_updater_calls(fx->updater), 1);

	call[JSON_MAX_BYTES - 1] = ' ';
	call[JSON_MAX_BYTES] = '}';
	call[JSON_MAX_BYTES + 1] = '\0';
	expect_thrown_out(fx, call, JSON_MAX_BYTES + 2);
	assert_int_equal(fake_updater_calls(fx->updater), 1);
	free(call);
}

static void a_call_without_end_is_thrown_out(void **state)
{
	enum { SIZE = 4 << 20 };
	struct control_fixture *fx = *state;
	char *call = malloc(SIZE);

	memset(call, 'x', SIZE);
	expect_thrown_out(fx, call, SIZE);
	expect_served(fx);
	free(call);
}

static void half_a_call_is_none(void **state)
{
	static const char half[] = "{\"method\":\"io.otad.Che";
	struct control_fixture *fx = *state;
	int fd = control_dial(fx);

	assert_true(control_send(fx, fd, half, sizeof(half) - 1));
	assert_true(control_is_silent(fx, fd));
	shutdown(fd, SHUT_WR);
	assert_null(control_receive(fx, fd));
	close(fd);
	assert_int_equal(fake_updater_calls(fx->updater), 0);
	expect_served(fx);
}

/* ---- who may ---- */

/* What a child as another user is answered; its exit code is what is expected. */
static int ask_as(struct control_fixture *fx, uid_t uid, const char *call,
		  const char *expected)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		char reply[4096] = "";
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);

		strcpy(address.sun_path, fx->path);
		if (setgroups(0, NULL) < 0 || setgid(uid) < 0 || setuid(uid) < 0)
			_exit(10);
		if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
			_exit(11);
		if (write(fd, call, strlen(call) + 1) < 0 ||
		    read(fd, reply, sizeof(reply) - 1) <= 0)
			_exit(12);
		_exit(strstr(reply, expected) ? 0 : 13);
	}
	for (;;) {
		struct ota_error err;

		if (waitpid(pid, &status, WNOHANG) == pid)
			break;
		loop_run_once(fx->loop, 10, &err);
	}
	return WEXITSTATUS(status);
}

static void others_may_look_but_not_touch(void **state)
{
	static const char *const changing[] = {
		"Check", "Update", "Install", "Cancel", "Rollback", "Hold",
		"Release", "AddDevice", "RemoveDevice",
	};
	static const char *const reading[] = {
		"GetStatus", "ListModules", "ListDevices", "GetHistory", "GetStats",
	};
	struct control_fixture *fx = *state;
	char call[128];

	if (geteuid() != 0)
		skip();
	for (size_t i = 0; i < OTA_ARRAY_SIZE(changing); i++) {
		snprintf(call, sizeof(call), "{\"method\":\"io.otad.%s\"}",
			 changing[i]);
		assert_int_equal(
			ask_as(fx, NOBODY, call,
			       "{\"error\":\"org.varlink.service.PermissionDenied\","
			       "\"parameters\":{}}"),
			0);
	}
	assert_int_equal(fake_updater_calls(fx->updater), 0);
	for (size_t i = 0; i < OTA_ARRAY_SIZE(reading); i++) {
		snprintf(call, sizeof(call), "{\"method\":\"io.otad.%s\"}",
			 reading[i]);
		assert_int_equal(ask_as(fx, NOBODY, call, "{\"parameters\":{\""), 0);
	}
	assert_int_equal(ask_as(fx, NOBODY,
				"{\"method\":\"io.otad.Watch\",\"more\":true}",
				"{\"parameters\":{},\"continues\":true}"),
			 0);
}

/* How peer_read() judges a child of those groups that connects. */
static bool is_trusted_by(const struct peer_rules *rules, uid_t uid, gid_t gid,
			  const gid_t *groups, size_t n_groups)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);
	struct peer peer = { 0 };
	struct ota_error err = OTA_ERROR_INIT;
	socklen_t size = sizeof(address);
	pid_t pid;
	int fd;

	/* An abstract name: there is no file that the child could not reach. */
	assert_int_equal(bind(listener, (struct sockaddr *)&address,
			      sizeof(address.sun_family)),
			 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	assert_int_equal(listen(listener, 1), 0);
	pid = fork();
	if (pid == 0) {
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
		if (setgroups(n_groups, groups) < 0 || setgid(gid) < 0 ||
		    setuid(uid) < 0 ||
		    connect(fd, (struct sockaddr *)&address, size) < 0)
			_exit(1);
		_exit(read(fd, &fd, 1) == 0 ? 0 : 2);
	}
	fd = accept(listener, NULL, NULL);
	assert_true(peer_read(rules, fd, &peer, &err));
	assert_int_equal(peer.uid, uid);
	assert_int_equal(peer.pid, pid);
	close(fd);
	close(listener);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	return peer.trusted;
}

static bool is_trusted(uid_t uid, gid_t gid, const gid_t *groups, size_t n_groups)
{
	const struct peer_rules rules = {
		.own_uid = 4711,
		.has_group = true,
		.group = SOME_GROUP,
	};

	return is_trusted_by(&rules, uid, gid, groups, n_groups);
}

static void root_the_daemons_user_and_its_group_are_trusted(void **state)
{
	gid_t groups[200];

	if (geteuid() != 0)
		skip();
	for (size_t i = 0; i < OTA_ARRAY_SIZE(groups); i++)
		groups[i] = (gid_t)(10000 + i); /* the kernel sorts them */
	assert_false(is_trusted(NOBODY, NOBODY, groups, 0));
	assert_false(is_trusted(NOBODY, NOBODY, groups, 200));
	assert_true(is_trusted(NOBODY, SOME_GROUP, groups, 0));
	groups[199] = SOME_GROUP;
	assert_true(is_trusted(NOBODY, NOBODY, groups, 200));
	assert_true(is_trusted(0, 0, groups, 0));
	assert_true(is_trusted(4711, NOBODY, groups, 0));
}

static void without_the_group_no_group_is_trusted(void **state)
{
	const struct peer_rules rules = { .own_uid = 4711 };
	const gid_t groups[] = { 0, SOME_GROUP };

	if (geteuid() != 0)
		skip();
	assert_false(is_trusted_by(&rules, NOBODY, 0, groups, 0));
	assert_false(is_trusted_by(&rules, NOBODY, NOBODY, groups, 2));
}

/* ---- how many ---- */

/* One that watches is never idle. */
static const char watch[] = "{\"method\":\"io.otad.Watch\",\"more\":true}";

static void an_idle_client_makes_room(void **state)
{
	struct control_fixture *fx = *state;
	int fds[CONTROL_MAX_CLIENTS];

	for (size_t i = 0; i < OTA_ARRAY_SIZE(fds); i++) {
		fds[i] = control_dial(fx);
		if (i == 0)
			control_send(fx, fds[i], watch, sizeof(watch));
		else
			control_send(fx, fds[i], get_stats, sizeof(get_stats));
		free(control_receive(fx, fds[i]));
	}
	expect_served(fx);
	assert_null(control_receive(fx, fds[1]));
	control_send(fx, fds[2], get_stats, sizeof(get_stats));
	free(control_receive(fx, fds[2]));
	for (size_t i = 0; i < OTA_ARRAY_SIZE(fds); i++)
		close(fds[i]);
}

static void the_65th_client_is_told_so(void **state)
{
	struct control_fixture *fx = *state;
	int fds[100];
	unsigned served = 0;
	unsigned refused = 0;

	for (size_t i = 0; i < OTA_ARRAY_SIZE(fds); i++) {
		fds[i] = control_dial(fx);
		control_send(fx, fds[i], watch, sizeof(watch));
	}
	for (size_t i = 0; i < OTA_ARRAY_SIZE(fds); i++) {
		char *text = control_receive(fx, fds[i]);

		served += strstr(text, "{\"parameters\":{") == text;
		if (strstr(text, "{\"error\":\"io.otad.Refused\","
				 "\"parameters\":{\"kind\":\"busy\"") == text) {
			refused++;
			assert_null(control_receive(fx, fds[i]));
		}
		free(text);
	}
	assert_int_equal(served, CONTROL_MAX_CLIENTS);
	assert_int_equal(refused, 100 - CONTROL_MAX_CLIENTS);
	/* Who leaves makes room. */
	close(fds[0]);
	control_settle(fx);
	expect_served(fx);
	for (size_t i = 1; i < OTA_ARRAY_SIZE(fds); i++)
		close(fds[i]);
}

/* A child as another user that holds connections until it may go. */
struct holder {
	pid_t pid;
	int told, release; /* pipes: how many it holds, and the end of that */
};

static unsigned start_holder(struct control_fixture *fx, struct holder *holder,
			     uid_t uid, unsigned tries)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int told[2], release[2];
	unsigned char held = 0;

	assert_int_equal(pipe2(told, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(pipe2(release, O_CLOEXEC), 0);
	holder->told = told[0];
	holder->release = release[1];
	holder->pid = fork();
	if (holder->pid == 0) {
		close(release[1]);
		strcpy(address.sun_path, fx->path);
		if (setgroups(0, NULL) < 0 || setgid(uid) < 0 || setuid(uid) < 0)
			_exit(255);
		for (unsigned i = 0; i < tries; i++) {
			char reply[16] = "";
			int fd = socket(AF_UNIX, SOCK_STREAM, 0);

			if (connect(fd, (struct sockaddr *)&address,
				    sizeof(address)) < 0)
				_exit(254);
			send(fd, get_stats, sizeof(get_stats), MSG_NOSIGNAL);
			held += read(fd, reply, 15) == 15 &&
				strncmp(reply, "{\"parameters\"", 13) == 0;
		}
		if (write(told[1], &held, 1) < 0)
			_exit(253);
		_exit(read(release[0], &held, 1) == 0 ? 0 : 252);
	}
	close(told[1]);
	close(release[0]);
	for (;;) {
		ssize_t got = read(holder->told, &held, 1);

		if (got >= 0) {
			assert_int_equal(got, 1);
			return held;
		}
		assert_true(loop_run_once(fx->loop, 10, NULL));
	}
}

static void end_holder(struct control_fixture *fx, struct holder *holder)
{
	close(holder->told);
	close(holder->release);
	assert_int_equal(waitpid(holder->pid, NULL, 0), holder->pid);
	control_settle(fx);
}

static unsigned connections_held_by(struct control_fixture *fx, uid_t uid,
				    unsigned tries)
{
	struct holder holder;
	unsigned held = start_holder(fx, &holder, uid, tries);

	end_holder(fx, &holder);
	return held;
}

static void a_stranger_finds_no_place_among_64(void **state)
{
	struct control_fixture *fx = *state;
	int fds[CONTROL_MAX_CLIENTS];

	if (geteuid() != 0)
		skip();
	for (size_t i = 0; i < OTA_ARRAY_SIZE(fds); i++) {
		fds[i] = control_dial(fx);
		control_send(fx, fds[i], watch, sizeof(watch));
		free(control_receive(fx, fds[i]));
	}
	assert_int_equal(connections_held_by(fx, NOBODY, 1), 0);
	for (size_t i = 0; i < OTA_ARRAY_SIZE(fds); i++)
		close(fds[i]);
}

static void one_stranger_cannot_take_all_places(void **state)
{
	struct control_fixture *fx = *state;

	if (geteuid() != 0)
		skip();
	assert_int_equal(connections_held_by(fx, NOBODY, 30),
			 CONTROL_MAX_STRANGERS_PER_UID);
	assert_int_equal(connections_held_by(fx, 0, 30), 30);
}

static void strangers_together_leave_places(void **state)
{
	struct control_fixture *fx = *state;
	struct holder holders[3];

	if (geteuid() != 0)
		skip();
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(start_holder(fx, &holders[i], 5000 + i, 16), 16);
	assert_int_equal(connections_held_by(fx, 6000, 1), 0);
	assert_int_equal(connections_held_by(fx, 0, 16), 16);
	for (unsigned i = 3; i > 0; i--)
		end_holder(fx, &holders[i - 1]);
}

/* ---- who does not read ---- */

static int start_watch(struct control_fixture *fx)
{
	static const char call[] = "{\"method\":\"io.otad.Watch\",\"more\":true}";
	int fd = control_dial(fx);
	char *text;

	assert_true(control_send(fx, fd, call, sizeof(call)));
	text = control_receive(fx, fd);
	assert_string_equal(text, "{\"parameters\":{},\"continues\":true}");
	free(text);
	return fd;
}

static void change(struct control_fixture *fx, enum job_state job_state,
		   uint64_t received)
{
	struct job_view job = {
		.id = "7",
		.device = "self",
		.module = "app",
		.version = "2",
		.state = job_state,
		.message = "a message of some length, as those of an update are",
		.received_bytes = received,
		.total_bytes = 1 << 20,
	};

	fake_updater_set_job(fx->updater, &job);
}

static void a_watcher_that_does_not_read_is_ended_with_an_error(void **state)
{
	enum { MANY = 4000 };
	struct control_fixture *fx = *state;
	size_t before;
	char *last = NULL;
	char *text;
	int slow, fast;

	fake_updater_add(fx->updater, "self", NULL, "app", "1");
	slow = start_watch(fx);
	fast = start_watch(fx);
	control_settle(fx);
	before = mallinfo2().uordblks;
	for (unsigned i = 0; i < MANY; i++) {
		change(fx, i % 2 ? JOB_STATE_VERIFYING : JOB_STATE_BACKING_UP, 0);
		text = control_receive(fx, fast);
		assert_non_null(strstr(text, i % 2 ? "verifying" : "backing-up"));
		free(text);
	}
	assert_true(mallinfo2().uordblks < before + 2 * CONTROL_MAX_OUT_BYTES);
	/* What was sent is whole, and ends with the reason. */
	while ((text = control_receive(fx, slow))) {
		free(last);
		last = text;
	}
	assert_string_equal(last, "{\"error\":\"io.otad.TooSlow\",\"parameters\":{}}");
	free(last);
	close(slow);
	close(fast);
}

static void many_changes_at_once_do_not_end_a_good_watcher(void **state)
{
	/* Twice what may wait for a client, were nothing sent meanwhile. */
	enum { BURST = 1200 };
	struct control_fixture *fx = *state;
	int fd;

	fake_updater_add(fx->updater, "self", NULL, "app", "1");
	fd = start_watch(fx);
	for (unsigned i = 0; i < BURST; i++)
		change(fx, JOB_STATE_VERIFYING, 0);
	for (unsigned i = 0; i < BURST; i++) {
		char *text = control_receive(fx, fd);

		if (!strstr(text, "\"verifying\""))
			fail_msg("after %u: %s", i, text);
		free(text);
	}
	close(fd);
}

static void progress_alone_ends_nobodys_watch(void **state)
{
	enum { MANY = 20000 };
	struct control_fixture *fx = *state;
	char *last = NULL;
	char *text;
	int fd;

	fake_updater_add(fx->updater, "self", NULL, "app", "1");
	fd = start_watch(fx);
	for (unsigned i = 0; i < MANY; i++)
		change(fx, JOB_STATE_DOWNLOADING, 1 + i);
	change(fx, JOB_STATE_SUCCEEDED, MANY);
	do {
		free(last);
		last = text = control_receive(fx, fd);
		assert_non_null(text);
		assert_null(strstr(text, "TooSlow"));
	} while (!strstr(text, "succeeded"));
	free(last);
	close(fd);
}

static void a_client_that_reads_no_answers_is_asked_no_more(void **state)
{
	enum { MANY = 5000 };
	static const char describe[] =
		"{\"method\":\"org.varlink.service.GetInterfaceDescription\","
		"\"parameters\":{\"interface\":\"io.otad\"}}";
	struct control_fixture *fx = *state;
	size_t before = mallinfo2().uordblks;
	unsigned sent = 0;
	unsigned failed = 0;
	int fd = control_dial(fx);

	while (sent < MANY && failed < 20) {
		if (send(fd, describe, sizeof(describe), MSG_DONTWAIT) > 0)
			sent++;
		else
			failed++;
		control_settle(fx);
	}
	assert_in_range(sent, 1, MANY - 1);
	assert_true(mallinfo2().uordblks < before + CONTROL_MAX_OUT_BYTES +
						   2 * JSON_MAX_BYTES);
	expect_served(fx);
	/* Once it reads, every call is answered after all. */
	for (unsigned i = 0; i < sent; i++) {
		char *text = control_receive(fx, fd);

		assert_non_null(text);
		assert_non_null(strstr(text, "\"description\""));
		free(text);
	}
	close(fd);
}

/* So many connections, and most have nothing to say for hours. */
static void a_buffer_that_is_empty_holds_no_memory(void **state)
{
	struct buffer buffer = { 0 };

	assert_true(buffer_append(&buffer, "answer", 6));
	buffer_consume(&buffer, 2);
	assert_memory_equal(buffer_data(&buffer), "swer", 4);
	buffer_consume(&buffer, 4);
	assert_null(buffer.data);
}

/* ---- the name of the socket ---- */

static void everybody_may_connect(void **state)
{
	struct control_fixture *fx = *state;
	struct stat info;

	assert_int_equal(lstat(fx->path, &info), 0);
	assert_true(S_ISSOCK(info.st_mode));
	assert_int_equal(info.st_mode & 0777, 0666);
}

static void a_socket_that_is_served_is_left_alone(void **state)
{
	struct control_fixture *fx = *state;
	struct ota_error err = OTA_ERROR_INIT;

	assert_null(control_new(fx->loop, fx->updater, fx->path, &err));
	assert_int_equal(err.kind, OTA_ERROR_BUSY);
	assert_non_null(strstr(err.text, fx->path));
	expect_served(fx);
}

/* Its queue is full: it has its hands full, and is there all the same. */
static void so_is_one_that_is_served_slowly(void **state)
{
	struct control_fixture *fx = *state;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int server = socket(AF_UNIX, SOCK_STREAM, 0);
	struct ota_error err = OTA_ERROR_INIT;
	int fds[8];
	size_t n = 0;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/busy",
		 fx->folder);
	assert_int_equal(bind(server, (struct sockaddr *)&address,
			      sizeof(address)),
			 0);
	assert_int_equal(listen(server, 0), 0);
	do
		fds[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	while (connect(fds[n++], (struct sockaddr *)&address,
		       sizeof(address)) == 0 &&
	       n < OTA_ARRAY_SIZE(fds));
	assert_int_equal(errno, EAGAIN);
	assert_null(control_new(fx->loop, fx->updater, address.sun_path, &err));
	assert_int_equal(err.kind, OTA_ERROR_BUSY);
	while (n > 0)
		close(fds[--n]);
	close(server);
	unlink(address.sun_path);
}

static void a_socket_that_nobody_serves_is_replaced(void **state)
{
	struct control_fixture *fx = *state;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct ota_error err = OTA_ERROR_INIT;
	int dead = socket(AF_UNIX, SOCK_STREAM, 0);

	fx->control = control_free(fx->control);
	assert_int_equal(access(fx->path, F_OK), -1);
	strcpy(address.sun_path, fx->path);
	assert_int_equal(bind(dead, (struct sockaddr *)&address, sizeof(address)), 0);
	close(dead);
	assert_int_equal(access(fx->path, F_OK), 0);
	fx->control = control_new(fx->loop, fx->updater, fx->path, &err);
	assert_non_null(fx->control);
	expect_served(fx);
}

static void what_is_no_socket_is_not_removed(void **state)
{
	struct control_fixture *fx = *state;
	struct ota_error err = OTA_ERROR_INIT;
	char path[160];
	int fd;

	snprintf(path, sizeof(path), "%s/file", fx->folder);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_null(control_new(fx->loop, fx->updater, path, &err));
	assert_int_equal(err.kind, OTA_ERROR_BUSY);
	assert_int_equal(unlink(path), 0);
}

static void a_folder_that_is_missing_and_a_path_too_long_are_errors(void **state)
{
	struct control_fixture *fx = *state;
	struct ota_error err = OTA_ERROR_INIT;
	char path[300];

	snprintf(path, sizeof(path), "%s/none/io.otad", fx->folder);
	assert_null(control_new(fx->loop, fx->updater, path, &err));
	assert_non_null(strstr(err.text, path));
	snprintf(path, sizeof(path), "%s/%0150d", fx->folder, 0);
	assert_null(control_new(fx->loop, fx->updater, path, &err));
	assert_non_null(strstr(err.text, "107"));
}

static void anothers_socket_of_that_name_is_not_removed(void **state)
{
	struct control_fixture *fx = *state;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int other = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(address.sun_path, fx->path);
	assert_int_equal(unlink(fx->path), 0);
	assert_int_equal(bind(other, (struct sockaddr *)&address, sizeof(address)), 0);
	fx->control = control_free(fx->control);
	assert_int_equal(access(fx->path, F_OK), 0);
	close(other);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, control_fixture_setup, \
					control_fixture_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(garbage_is_answered_once_and_thrown_out),
		TEST(nothing_is_done_of_what_follows_garbage),
		TEST(a_flood_of_nul_bytes_is_one_mistake),
		TEST(a_call_may_have_64_kib_and_no_byte_more),
		TEST(a_call_without_end_is_thrown_out),
		TEST(half_a_call_is_none),
		TEST(others_may_look_but_not_touch),
		TEST(root_the_daemons_user_and_its_group_are_trusted),
		TEST(without_the_group_no_group_is_trusted),
		TEST(an_idle_client_makes_room),
		TEST(the_65th_client_is_told_so),
		TEST(a_stranger_finds_no_place_among_64),
		TEST(one_stranger_cannot_take_all_places),
		TEST(strangers_together_leave_places),
		TEST(a_watcher_that_does_not_read_is_ended_with_an_error),
		TEST(many_changes_at_once_do_not_end_a_good_watcher),
		TEST(progress_alone_ends_nobodys_watch),
		TEST(a_client_that_reads_no_answers_is_asked_no_more),
		cmocka_unit_test(a_buffer_that_is_empty_holds_no_memory),
		TEST(everybody_may_connect),
		TEST(a_socket_that_is_served_is_left_alone),
		TEST(so_is_one_that_is_served_slowly),
		TEST(a_socket_that_nobody_serves_is_replaced),
		TEST(what_is_no_socket_is_not_removed),
		TEST(a_folder_that_is_missing_and_a_path_too_long_are_errors),
		TEST(anothers_socket_of_that_name_is_not_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
