/*
 * Bytes of a client on the control socket. Every answer is a reply of the
 * Varlink protocol; afterwards there is nothing left of the client.
 */

#include "fuzz.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <json-c/json.h>

#include "otad/base/json.h"
#include "otad/base/log.h"
#include "otad/base/loop.h"
#include "otad/control/control.h"

#include "fake/updater.h"

#include "../../src/control/limits.h"
#include "../../src/control/server.h"

/* Far more than a client of that many bytes needs. */
#define MAX_ROUNDS 20000
/* So many in which nothing came, and nothing will. */
#define QUIET_ROUNDS 20

struct house {
	struct loop *loop;
	struct updater *updater;
	struct control *control;
	char path[128];
};

static struct job_view some_job(void)
{
	return (struct job_view){
		.id = "0123456789abcdef",
		.device = "self",
		.module = "app",
		.version = "1.0.1",
		.old_version = "1.0.0",
		.state = JOB_STATE_DOWNLOADING,
		.total_bytes = 1000,
	};
}

static struct house *house(void)
{
	static struct house made;
	struct ota_error err = OTA_ERROR_INIT;
	struct job_view job = some_job();

	if (made.control)
		return &made;
	log_open(LOG_TARGET_STDERR, (enum log_level)0);
	snprintf(made.path, sizeof(made.path), "%s/io.otad", fuzz_dir());
	made.loop = loop_new(&err);
	made.updater = fake_updater_new();
	fuzz_check(made.loop && made.updater);
	fake_updater_add(made.updater, "self", NULL, "app", "1.0.0");
	fake_updater_add(made.updater, "meter-17", "meter", "mcu", "2.0");
	fake_updater_set_job(made.updater, &job);
	made.control = control_new(made.loop, made.updater, made.path, &err);
	fuzz_check(made.control);
	return &made;
}

static int dial(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	fuzz_check(fd >= 0);
	strcpy(address.sun_path, path);
	fuzz_check(connect(fd, (struct sockaddr *)&address, sizeof(address)) ==
		   0);
	return fd;
}

static void turn(struct house *home)
{
	struct ota_error err = OTA_ERROR_INIT;

	fuzz_check(loop_run_once(home->loop, 0, &err));
}

static void check_reply(const char *text, size_t size)
{
	enum json_fault fault;
	OTA_CLEANUP(json_freep)
	struct json_object *reply =
		json_parse(text, size, CONTROL_MAX_OUT_BYTES, &fault);
	struct json_object *error = json_get(reply, "error");

	fuzz_check(json_object_is_type(reply, json_type_object));
	fuzz_check(!error || json_object_is_type(error, json_type_string));
	json_object_object_foreach(reply, key, value) {
		(void)value;
		fuzz_check(!strcmp(key, "error") || !strcmp(key, "continues") ||
			   !strcmp(key, "parameters"));
	}
}

struct answers {
	char *text;
	size_t size, room;
};

/* False: the server has closed the connection. */
static bool listen_to(int fd, struct answers *answers)
{
	for (;;) {
		ssize_t got;

		if (answers->room - answers->size < 65536) {
			answers->room += 262144;
			answers->text = realloc(answers->text, answers->room);
			fuzz_check(answers->text);
		}
		got = recv(fd, answers->text + answers->size, 65536, 0);
		if (got < 0)
			return errno == EAGAIN;
		if (got == 0)
			return false;
		answers->size += (size_t)got;
	}
}

static void check_answers(const struct answers *answers)
{
	size_t at = 0;

	while (at < answers->size) {
		const char *end = memchr(answers->text + at, '\0',
					 answers->size - at);

		fuzz_check(end); /* never half a message */
		check_reply(answers->text + at,
			    (size_t)(end - answers->text) - at);
		at = (size_t)(end + 1 - answers->text);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct house *home = house();
	struct answers answers = { NULL, 0, 0 };
	struct job_view job = some_job();
	int fd = dial(home->path);
	unsigned rounds = 0, quiet = 0;
	size_t heard = 0;
	bool open = true;

	while (open && size > 0) {
		ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);

		if (sent > 0) {
			data += sent;
			size -= (size_t)sent;
		}
		open = sent >= 0 || errno == EAGAIN;
		turn(home);
		open = listen_to(fd, &answers) && open;
		fuzz_check(++rounds < MAX_ROUNDS);
	}
	fake_updater_tell(home->updater, &job); /* to one that watches */
	shutdown(fd, SHUT_WR);
	/* One that watches may listen on for ever. */
	while (quiet++ < QUIET_ROUNDS && listen_to(fd, &answers)) {
		if (answers.size > heard)
			quiet = 0;
		heard = answers.size;
		turn(home);
		fuzz_check(++rounds < MAX_ROUNDS);
	}
	close(fd);
	while (home->control->n_clients > 0) {
		turn(home);
		fuzz_check(++rounds < MAX_ROUNDS);
	}
	check_answers(&answers);
	free(answers.text);
	return 0;
}
