#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "control-fixture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "otad/base/json.h"
#include "otad/base/loop.h"
#include "otad/control/control.h"

#include "fake/updater.h"

/* Far more rounds than anything here takes; each waits 10 ms at most. */
#define MAX_ROUNDS   3000
/* So many rounds without anything to do, and nothing comes any more. */
#define QUIET_ROUNDS 5

int control_fixture_setup(void **state)
{
	struct control_fixture *fx = calloc(1, sizeof(*fx));
	struct ota_error err = OTA_ERROR_INIT;

	strcpy(fx->folder, "/tmp/otad-control-XXXXXX");
	assert_non_null(mkdtemp(fx->folder));
	/* Other users take part in the tests of permissions. */
	assert_int_equal(chmod(fx->folder, 0755), 0);
	snprintf(fx->path, sizeof(fx->path), "%s/io.otad", fx->folder);
	fx->loop = loop_new(&err);
	assert_non_null(fx->loop);
	fx->updater = fake_updater_new();
	fx->control = control_new(fx->loop, fx->updater, fx->path, &err);
	if (!fx->control)
		print_error("%s\n", err.text);
	assert_non_null(fx->control);
	*state = fx;
	return 0;
}

int control_fixture_teardown(void **state)
{
	struct control_fixture *fx = *state;

	control_free(fx->control);
	updater_free(fx->updater);
	loop_free(fx->loop);
	unlink(fx->path);
	rmdir(fx->folder);
	free(fx);
	return 0;
}

static void turn(struct control_fixture *fx, unsigned timeout_ms)
{
	struct ota_error err = OTA_ERROR_INIT;

	assert_true(loop_run_once(fx->loop, timeout_ms, &err));
}

void control_settle(struct control_fixture *fx)
{
	/* A round of the loop has at most one source in it. */
	for (unsigned i = 0; i < 100; i++)
		turn(fx, 0);
}

int control_dial(struct control_fixture *fx)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	strcpy(address.sun_path, fx->path);
	assert_int_equal(
		connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	turn(fx, 0); /* the backlog is short */
	return fd;
}

bool control_send(struct control_fixture *fx, int fd, const char *data,
		  size_t size)
{
	for (unsigned round = 0; size > 0 && round < MAX_ROUNDS; round++) {
		ssize_t sent =
			send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent < 0 && errno != EAGAIN)
			return false;
		if (sent > 0) {
			data += sent;
			size -= (size_t)sent;
		}
		turn(fx, sent < 0 ? 10 : 0);
	}
	assert_int_equal(size, 0);
	return true;
}

char *control_receive(struct control_fixture *fx, int fd)
{
	char *message = NULL;
	size_t size = 0;

	for (unsigned round = 0; round < MAX_ROUNDS;) {
		char byte;
		ssize_t got = recv(fd, &byte, 1, MSG_DONTWAIT);

		if (got < 0 && errno == EAGAIN) {
			turn(fx, 10);
			round++;
			continue;
		}
		if (got <= 0) {
			assert_int_equal(size, 0); /* never half a message */
			free(message);
			return NULL;
		}
		if (size % 1024 == 0)
			message = realloc(message, size + 1024);
		message[size++] = byte;
		if (byte == '\0')
			return message;
	}
	fail_msg("no answer came");
	return NULL;
}

bool control_is_silent(struct control_fixture *fx, int fd)
{
	char byte;

	for (unsigned i = 0; i < QUIET_ROUNDS; i++) {
		control_settle(fx);
		if (recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) >= 0 ||
		    errno != EAGAIN)
			return false;
	}
	return true;
}

struct json_object *control_ask(struct control_fixture *fx, const char *call)
{
	struct ota_error err = OTA_ERROR_INIT;
	int fd = control_dial(fx);
	struct json_object *reply;
	char *text;

	assert_true(control_send(fx, fd, call, strlen(call) + 1));
	text = control_receive(fx, fd);
	assert_non_null(text);
	reply = json_parse_err(text, strlen(text), 1 << 20, &err);
	if (!reply)
		print_error("%s: %s\n", err.text, text);
	assert_non_null(reply);
	free(text);
	close(fd);
	control_settle(fx);
	return reply;
}

const char *control_error(struct json_object *reply)
{
	const char *error = json_get_string(reply, "error");

	return error ? error : "";
}

struct json_object *control_parameters(struct json_object *reply)
{
	struct json_object *parameters = json_get(reply, "parameters");

	assert_non_null(parameters);
	return parameters;
}
