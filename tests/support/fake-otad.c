/*
 * The control socket of an otad that does only what it is told: fake-otad PATH.
 * Takes one JSON object a line on standard input, answers "ok" to each; says
 * "call ..." when a client changes something. Ends with its input.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <json-c/json_object.h>

#include "otad/base/json.h"
#include "otad/base/loop.h"
#include "otad/control/control.h"

#include "fake/updater.h"

#define MAX_LINE (64 * 1024)

struct fake_otad {
	struct loop *loop;
	struct updater *updater;
	struct control *control;
	const char *path;
	char line[MAX_LINE];
	size_t size;
	/* What updater_status() borrows. */
	struct json_object *status;
};

static void say(const char *text)
{
	printf("%s\n", text);
	fflush(stdout);
}

static void on_call(const char *call, void *user_data)
{
	printf("call %s\n", call);
	fflush(stdout);
}

static void do_job(struct fake_otad *fake, struct json_object *o)
{
	struct job_view job = {
		.id = json_get_string(o, "id"),
		.device = json_get_string(o, "device"),
		.module = json_get_string(o, "module"),
		.version = json_get_string(o, "version"),
		.old_version = json_get_string(o, "old_version"),
		.overall_percent = (unsigned)json_get_int(o, "percent", 0),
		.received_bytes = (uint64_t)json_get_int(o, "received", 0),
		.total_bytes = (uint64_t)json_get_int(o, "total", -1),
		.bytes_per_second = (uint64_t)json_get_int(o, "rate", 0),
		.message = json_get_string(o, "message"),
		.waiting = json_get_string(o, "waiting"),
		.changed_ms = json_get_int(o, "changed_ms", 0),
	};

	job_state_parse(json_get_string(o, "state"), &job.state);
	if (json_get_string(o, "error"))
		ota_error_kind_parse(json_get_string(o, "error"), &job.error);
	fake_updater_set_job(fake->updater, &job);
}

static void do_history(struct fake_otad *fake, struct json_object *o)
{
	struct history_entry entry = {
		.job = json_get_string(o, "job"),
		.device = json_get_string(o, "device"),
		.module = json_get_string(o, "module"),
		.version = json_get_string(o, "version"),
		.old_version = json_get_string(o, "old_version"),
		.message = json_get_string(o, "message"),
		.started_ms = json_get_int(o, "started_ms", 0),
		.ended_ms = json_get_int(o, "ended_ms", 0),
		.bytes = (uint64_t)json_get_int(o, "bytes", 0),
	};

	job_state_parse(json_get_string(o, "state"), &entry.state);
	if (json_get_string(o, "error"))
		ota_error_kind_parse(json_get_string(o, "error"), &entry.error);
	fake_updater_add_history(fake->updater, &entry);
}

static void do_status(struct fake_otad *fake, struct json_object *o)
{
	*fake_updater_status(fake->updater) = (struct updater_status){
		.version = json_get_string(o, "version"),
		.platform = json_get_string(o, "platform"),
		.connected = json_get_bool(o, "connected", false),
		.connected_ms = json_get_int(o, "connected_ms", 0),
		.held = json_get_bool(o, "held", false),
		.hold_reason = json_get_string(o, "reason"),
		.hold_until_ms = json_get_int(o, "until_ms", 0),
		.automatic = json_get_bool(o, "automatic", true),
		.reports_waiting = (size_t)json_get_int(o, "reports", 0),
		.trial = json_get_bool(o, "trial", false),
	};
	json_free(fake->status);
	fake->status = json_object_get(o);
}

static void do_outcome(struct fake_otad *fake, struct json_object *o)
{
	static const char *const names[] = {"started", "joined", "queued",
					    "installed"};

	for (unsigned i = 0; i < OTA_ARRAY_SIZE(names); i++) {
		if (strcmp(json_get_string(o, "outcome"), names[i]) == 0)
			fake_updater_set_outcome(fake->updater,
						 (enum offer_outcome)i,
						 json_get_string(o, "job"));
	}
}

static void do_refuse(struct fake_otad *fake, struct json_object *o)
{
	enum ota_error_kind kind = OTA_ERROR_NONE;

	ota_error_kind_parse(json_get_string(o, "kind"), &kind);
	fake_updater_refuse(fake->updater, kind, json_get_string(o, "message"));
}

static void open_socket(struct fake_otad *fake)
{
	struct ota_error err = OTA_ERROR_INIT;

	fake->control =
		control_new(fake->loop, fake->updater, fake->path, &err);
	if (!fake->control) {
		fprintf(stderr, "fake-otad: %s\n", err.text);
		exit(1);
	}
}

static void obey(struct fake_otad *fake, struct json_object *o)
{
	const char *what = json_get_string(o, "do");

	if (strcmp(what, "module") == 0)
		fake_updater_add(fake->updater, json_get_string(o, "device"),
				 json_get_string(o, "class"),
				 json_get_string(o, "module"),
				 json_get_string(o, "version"));
	else if (strcmp(what, "job") == 0)
		do_job(fake, o);
	else if (strcmp(what, "history") == 0)
		do_history(fake, o);
	else if (strcmp(what, "status") == 0)
		do_status(fake, o);
	else if (strcmp(what, "outcome") == 0)
		do_outcome(fake, o);
	else if (strcmp(what, "refuse") == 0)
		do_refuse(fake, o);
	else if (strcmp(what, "close") == 0)
		fake->control = control_free(fake->control);
	else if (strcmp(what, "open") == 0)
		open_socket(fake);
	else
		abort();
}

static void obey_line(struct fake_otad *fake, const char *line, size_t size)
{
	struct ota_error err = OTA_ERROR_INIT;
	struct json_object *o = json_parse_err(line, size, MAX_LINE, &err);

	if (!o) {
		fprintf(stderr, "fake-otad: %s\n", err.text);
		exit(1);
	}
	obey(fake, o);
	json_free(o);
	say("ok");
}

static void on_input(struct loop_source *source, int fd, uint32_t events,
		     void *user_data)
{
	struct fake_otad *fake = user_data;
	ssize_t got = read(fd, fake->line + fake->size, MAX_LINE - fake->size);
	char *end;

	if (got <= 0) {
		loop_exit(fake->loop, 0);
		return;
	}
	fake->size += (size_t)got;
	while ((end = memchr(fake->line, '\n', fake->size))) {
		size_t size = (size_t)(end - fake->line);

		obey_line(fake, fake->line, size);
		fake->size -= size + 1;
		memmove(fake->line, end + 1, fake->size);
	}
}

int main(int argc, char **argv)
{
	static struct fake_otad fake;
	struct ota_error err = OTA_ERROR_INIT;
	struct loop_source *input;
	int code;

	if (argc != 2)
		return 2;
	fake.path = argv[1];
	fake.loop = loop_new(&err);
	fake.updater = fake_updater_new();
	fake_updater_on_call(fake.updater, on_call, NULL);
	open_socket(&fake);
	input = loop_add_io(fake.loop, STDIN_FILENO, EPOLLIN, on_input, &fake,
			    &err);
	if (!input)
		return 1;
	say("ready");
	code = loop_run(fake.loop, &err);
	loop_source_free(input);
	control_free(fake.control);
	updater_free(fake.updater);
	loop_free(fake.loop);
	json_free(fake.status);
	return code;
}
