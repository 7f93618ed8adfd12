#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <json-c/json_object.h>

#include "otad/base/file.h"
#include "otad/base/json.h"
#include "otad/base/loop.h"

#include "../../src/control/limits.h"
#include "../../src/control/stream.h"
#include "fake/updater.h"
#include "support/control-fixture.h"

#define SHA256 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789ABCDEF"
#define SHA256_LOWER "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define MD5 "0123456789abcdef0123456789abcdef"

#define SERVICE "org.varlink.service."

static const struct job_view downloading = {
	.id = "7",
	.device = "self",
	.module = "app",
	.version = "1.2.0",
	.old_version = "1.0.0",
	.state = JOB_STATE_DOWNLOADING,
	.download_percent = 50,
	.overall_percent = 42,
	.received_bytes = 512,
	.total_bytes = 1024,
	.bytes_per_second = 100,
	.changed_ms = 1795248000000,
};

static struct job_view job_in(enum job_state state)
{
	struct job_view job = downloading;

	job.state = state;
	return job;
}

/* ---- asking ---- */

static void get_info_names_both_interfaces(void **state)
{
	struct json_object *reply =
		control_ask(*state, "{\"method\":\"" SERVICE "GetInfo\"}");
	struct json_object *info = control_parameters(reply);

	assert_string_equal(control_error(reply), "");
	assert_string_equal(json_get_string(info, "product"), "otad");
	assert_string_equal(json_get_string(info, "version"), OTAD_VERSION);
	assert_non_null(json_get_string(info, "vendor"));
	assert_non_null(json_get_string(info, "url"));
	assert_string_equal(json_text(json_get(info, "interfaces")),
			    "[\"org.varlink.service\",\"io.otad\"]");
	json_free(reply);
}

static char *served_description(struct control_fixture *fx, const char *interface)
{
	char call[256];
	struct json_object *reply;
	char *text;

	snprintf(call, sizeof(call),
		 "{\"method\":\"" SERVICE "GetInterfaceDescription\","
		 "\"parameters\":{\"interface\":\"%s\"}}",
		 interface);
	reply = control_ask(fx, call);
	assert_string_equal(control_error(reply), "");
	text = strdup(json_get_string(control_parameters(reply), "description"));
	json_free(reply);
	return text;
}

static void the_served_description_is_that_of_the_source_tree(void **state)
{
	static const char *const interfaces[] = { "io.otad", "org.varlink.service" };

	for (size_t i = 0; i < 2; i++) {
		char path[512];
		char *served = served_description(*state, interfaces[i]);
		char *written;
		size_t size;

		snprintf(path, sizeof(path),
			 OTAD_SOURCE_ROOT "/src/control/%s.varlink",
			 interfaces[i]);
		written = file_read(path, 1 << 20, &size, NULL);
		assert_non_null(written);
		assert_string_equal(served, written);
		free(written);
		free(served);
	}
}

static void every_described_method_is_there(void **state)
{
	char *description = served_description(*state, "io.otad");
	unsigned n_methods = 0;

	for (const char *at = description; (at = strstr(at, "\nmethod ")); at++) {
		char call[128];
		struct json_object *reply;

		snprintf(call, sizeof(call), "{\"method\":\"io.otad.%.*s\"}",
			 (int)strcspn(at + 8, "( "), at + 8);
		reply = control_ask(*state, call);
		assert_string_not_equal(control_error(reply),
					SERVICE "MethodNotFound");
		json_free(reply);
		n_methods++;
	}
	assert_int_equal(n_methods, 15);
	free(description);
}

static void what_is_not_there_is_said_so(void **state)
{
	static const struct {
		const char *call;
		const char *reply;
	} cases[] = {
		{ "{\"method\":\"io.otad.Nothing\"}",
		  "{\"error\":\"" SERVICE "MethodNotFound\","
		  "\"parameters\":{\"method\":\"Nothing\"}}" },
		{ "{\"method\":\"" SERVICE "Nothing\"}",
		  "{\"error\":\"" SERVICE "MethodNotFound\","
		  "\"parameters\":{\"method\":\"Nothing\"}}" },
		{ "{\"method\":\"io.other.GetStatus\"}",
		  "{\"error\":\"" SERVICE "InterfaceNotFound\","
		  "\"parameters\":{\"interface\":\"io.other\"}}" },
		{ "{\"method\":\"GetStatus\"}",
		  "{\"error\":\"" SERVICE "MethodNotFound\","
		  "\"parameters\":{\"method\":\"GetStatus\"}}" },
		{ "{\"method\":\"\"}",
		  "{\"error\":\"" SERVICE "MethodNotFound\","
		  "\"parameters\":{\"method\":\"\"}}" },
		{ "{\"method\":\"" SERVICE "GetInterfaceDescription\","
		  "\"parameters\":{\"interface\":\"io.other\"}}",
		  "{\"error\":\"" SERVICE "InterfaceNotFound\","
		  "\"parameters\":{\"interface\":\"io.other\"}}" },
	};

	for (size_t i = 0; i < OTA_ARRAY_SIZE(cases); i++) {
		struct json_object *reply = control_ask(*state, cases[i].call);

		assert_string_equal(json_text(reply), cases[i].reply);
		json_free(reply);
	}
}

static void status_is_the_updaters(void **state)
{
	struct control_fixture *fx = *state;
	struct updater_status *status = fake_updater_status(fx->updater);
	struct json_object *reply;

	fake_updater_add(fx->updater, "self", NULL, "default", "1.0.0");
	status->held = true;
	status->hold_reason = "inventory";
	status->hold_until_ms = 1795248000001;
	status->jobs = 3;
	status->trial = true;
	reply = control_ask(fx, "{\"method\":\"io.otad.GetStatus\"}");
	assert_string_equal(
		json_text(reply),
		"{\"parameters\":{\"version\":\"1.0.0\",\"platform\":\"hanqi\","
		"\"connected\":true,\"connection_changed_ms\":1795248000000,"
		"\"automatic\":true,\"held\":true,\"hold_reason\":\"inventory\","
		"\"hold_until_ms\":1795248000001,\"devices\":1,\"modules\":1,"
		"\"jobs\":3,\"reports_waiting\":0,\"trial\":true}}");
	json_free(reply);
}

static void stats_are_the_updaters(void **state)
{
	struct control_fixture *fx = *state;
	struct json_object *reply;

	*fake_updater_stats(fx->updater) = (struct updater_stats){
		1, 2, 3, UINT64_MAX, 5, 6, 7, 8, 9, 10, 11,
	};
	reply = control_ask(fx, "{\"method\":\"io.otad.GetStats\"}");
	assert_string_equal(
		json_text(control_parameters(reply)),
		"{\"succeeded\":1,\"failed\":2,\"rolled_back\":3,"
		"\"bytes_downloaded\":9223372036854775807,\"offers\":5,"
		"\"rejects\":6,\"connects\":7,\"disconnects\":8,\"uptime_ms\":9,"
		"\"longest_stall_us\":10,\"reports_sent\":11}");
	json_free(reply);
}

static void a_module_shows_its_job(void **state)
{
	struct control_fixture *fx = *state;
	struct job_view job = downloading;
	struct json_object *reply;

	fake_updater_add(fx->updater, "self", NULL, "app", "1.0.0");
	job.error = OTA_ERROR_TIMEOUT;
	job.message = "a\x1b[31m \xff \"quoted\"";
	fake_updater_set_job(fx->updater, &job);
	reply = control_ask(fx, "{\"method\":\"io.otad.ListModules\"}");
	assert_string_equal(
		json_text(control_parameters(reply)),
		"{\"modules\":[{\"device\":\"self\",\"module\":\"app\","
		"\"type\":\"binary\",\"version\":\"1.0.0\",\"job\":{\"id\":\"7\","
		"\"device\":\"self\",\"module\":\"app\",\"version\":\"1.2.0\","
		"\"old_version\":\"1.0.0\",\"state\":\"downloading\","
		"\"progress_percent\":42,\"download_percent\":50,"
		"\"received_bytes\":512,\"total_bytes\":1024,"
		"\"bytes_per_second\":100,\"error\":\"timeout\","
		"\"message\":\"a\\u001b[31m \xef\xbf\xbd \\\"quoted\\\"\","
		"\"changed_ms\":1795248000000}}]}");
	json_free(reply);
}

static void what_is_unknown_is_left_out(void **state)
{
	struct control_fixture *fx = *state;
	struct job_view job = {
		.id = "1",
		.device = "self",
		.module = "app",
		.version = "2",
		.state = JOB_STATE_AVAILABLE,
		.total_bytes = OFFER_SIZE_UNKNOWN,
		.waiting = "Auto=no",
	};
	struct json_object *reply;

	fake_updater_add(fx->updater, "self", NULL, "app", NULL);
	fake_updater_set_job(fx->updater, &job);
	reply = control_ask(fx, "{\"method\":\"io.otad.ListModules\"}");
	assert_string_equal(
		json_text(control_parameters(reply)),
		"{\"modules\":[{\"device\":\"self\",\"module\":\"app\","
		"\"type\":\"binary\",\"job\":{\"id\":\"1\",\"device\":\"self\","
		"\"module\":\"app\",\"version\":\"2\",\"state\":\"available\","
		"\"progress_percent\":0,\"download_percent\":0,"
		"\"received_bytes\":0,\"bytes_per_second\":0,"
		"\"waiting\":\"Auto=no\",\"changed_ms\":0}}]}");
	json_free(reply);
}

/* ---- lists ---- */

static void add_meters(struct control_fixture *fx, unsigned count)
{
	fake_updater_add(fx->updater, "self", NULL, "default", "1.0.0");
	for (unsigned i = 0; i < count; i++) {
		char name[32];

		snprintf(name, sizeof(name), "meter-%u", i);
		fake_updater_add(fx->updater, name, "meter", "mcu", "1");
	}
}

static void devices_are_listed_with_their_modules(void **state)
{
	struct control_fixture *fx = *state;
	struct json_object *reply;

	add_meters(fx, 1);
	fake_updater_add(fx->updater, "self", NULL, "app", "2");
	reply = control_ask(fx, "{\"method\":\"io.otad.ListDevices\"}");
	assert_string_equal(
		json_text(control_parameters(reply)),
		"{\"devices\":[{\"name\":\"self\",\"registered\":false,"
		"\"modules\":[\"default\",\"app\"]},{\"name\":\"meter-0\","
		"\"class\":\"meter\",\"registered\":true,\"modules\":[\"mcu\"]}]}");
	json_free(reply);
}

static void modules_of_one_device_are_its_own(void **state)
{
	struct control_fixture *fx = *state;
	struct json_object *reply;

	add_meters(fx, 300);
	reply = control_ask(fx, "{\"method\":\"io.otad.ListModules\","
				"\"parameters\":{\"device\":\"meter-299\"}}");
	assert_string_equal(json_text(control_parameters(reply)),
			    "{\"modules\":[{\"device\":\"meter-299\","
			    "\"module\":\"mcu\",\"class\":\"meter\","
			    "\"type\":\"binary\",\"version\":\"1\"}]}");
	json_free(reply);
}

static void lists_and_watches_of_an_unknown_device_are_not_found(void **state)
{
	static const char *const methods[] = { "ListModules", "Watch" };

	for (size_t i = 0; i < 2; i++) {
		char call[128];
		struct json_object *reply;

		snprintf(call, sizeof(call),
			 "{\"method\":\"io.otad.%s\",\"more\":true,"
			 "\"parameters\":{\"device\":\"nobody\"}}",
			 methods[i]);
		reply = control_ask(*state, call);
		assert_string_equal(control_error(reply), "io.otad.NotFound");
		assert_string_equal(json_get_string(control_parameters(reply),
						    "message"),
				    "no device 'nobody'");
		json_free(reply);
	}
}

static void a_list_too_long_for_one_reply_wants_more(void **state)
{
	struct control_fixture *fx = *state;
	struct json_object *reply;

	add_meters(fx, 300);
	reply = control_ask(fx, "{\"method\":\"io.otad.ListModules\"}");
	assert_string_equal(control_error(reply), SERVICE "ExpectedMore");
	json_free(reply);
	reply = control_ask(fx, "{\"method\":\"io.otad.ListDevices\"}");
	assert_string_equal(control_error(reply), SERVICE "ExpectedMore");
	json_free(reply);
}

/* Reads one part and says whether others follow. */
static bool read_part(struct control_fixture *fx, int fd, const char *key,
		      const char *name, unsigned *counts)
{
	struct ota_error err = OTA_ERROR_INIT;
	char *text = control_receive(fx, fd);
	struct json_object *reply = json_parse_err(text, strlen(text), 1 << 20, &err);
	struct json_object *list = json_get(control_parameters(reply), key);
	bool continues = json_get_bool(reply, "continues", false);

	assert_string_equal(control_error(reply), "");
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		const char *device = json_get_string(
			json_object_array_get_idx(list, i), name);
		unsigned number;

		if (sscanf(device, "meter-%u", &number) == 1)
			counts[number]++;
	}
	json_free(reply);
	free(text);
	return continues;
}

static void a_long_list_comes_in_parts_and_whole(void **state)
{
	static const char call[] = "{\"method\":\"io.otad.ListModules\",\"more\":true}";
	struct control_fixture *fx = *state;
	unsigned counts[1000] = { 0 };
	unsigned n_parts = 1;
	int fd;

	add_meters(fx, 1000);
	fd = control_dial(fx);
	assert_true(control_send(fx, fd, call, sizeof(call)));
	while (read_part(fx, fd, "modules", "device", counts))
		n_parts++;
	assert_true(n_parts > 2);
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(counts[i], 1);
	/* The connection is free for the next call. */
	assert_true(control_is_silent(fx, fd));
	close(fd);
}

/* More than the kernel and we would hold for somebody who does not read. */
static void a_long_list_waits_for_its_reader(void **state)
{
	static const char call[] = "{\"method\":\"io.otad.ListModules\",\"more\":true}";
	enum { MANY = 2000 };
	struct control_fixture *fx = *state;
	OTA_CLEANUP(freep) unsigned *counts = calloc(MANY, sizeof(*counts));
	int fd;

	assert_non_null(counts);
	for (unsigned i = 0; i < MANY; i++) {
		char name[80];

		snprintf(name, sizeof(name), "meter-%u-%050d", i, 0);
		fake_updater_add(fx->updater, name, name, name, name);
	}
	fd = control_dial(fx);
	assert_true(control_send(fx, fd, call, sizeof(call)));
	control_settle(fx);
	while (read_part(fx, fd, "modules", "device", counts))
		control_settle(fx);
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(counts[i], 1);
	close(fd);
}

/* A device comes whole: this one is longer than a reply may be. */
static void a_reply_has_a_bound_whatever_is_in_it(void **state)
{
	struct control_fixture *fx = *state;
	struct json_object *reply;
	char name[64];

	for (unsigned i = 0; i < 4000; i++) {
		snprintf(name, sizeof(name), "a-module-of-a-long-name-%u", i);
		fake_updater_add(fx->updater, "self", NULL, name, "1.0.0");
	}
	reply = control_ask(fx, "{\"method\":\"io.otad.ListModules\"}");
	assert_string_equal(control_error(reply), SERVICE "ExpectedMore");
	json_free(reply);
}

/* Each has nothing to tell, but costs a look. */
static void a_part_of_a_list_looks_at_so_many_devices(void **state)
{
	struct control_fixture *fx = *state;
	struct control_stream *stream =
		control_stream_new(STREAM_WATCH, NULL, NULL);
	unsigned parts = 0;

	assert_non_null(stream);
	add_meters(fx, 300);
	for (; !control_stream_is_listed(stream); parts++) {
		struct ota_error err;
		struct json_object *entries =
			control_stream_next(stream, fx->updater,
					    CONTROL_PART_ENTRIES, &err);

		assert_int_equal(json_object_array_length(entries), 0);
		json_free(entries);
	}
	assert_int_equal(parts, 3);
	control_stream_free(stream);
}

static void remove_meters(struct control_fixture *fx, unsigned first,
			  unsigned count)
{
	for (unsigned i = first; i < first + count; i++) {
		char name[32];

		snprintf(name, sizeof(name), "meter-%u", i);
		fake_updater_remove(fx->updater, name);
	}
}

/* What was told last is gone, and others that were told before. */
static void a_list_goes_on_from_where_it_was_as_near_as_can_be(void **state)
{
	static const char call[] = "{\"method\":\"io.otad.ListDevices\",\"more\":true}";
	struct control_fixture *fx = *state;
	unsigned counts[1000] = { 0 };
	unsigned told = 0;
	char byte;
	int fd;

	add_meters(fx, 1000);
	fd = control_dial(fx);
	assert_true(control_send(fx, fd, call, sizeof(call)));
	do
		assert_true(read_part(fx, fd, "devices", "name", counts));
	while (recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1);
	while (counts[told])
		told++;
	assert_in_range(told, 20, 900);
	remove_meters(fx, told - 20, 20);
	while (read_part(fx, fd, "devices", "name", counts))
		;
	for (size_t i = 0; i < 1000; i++)
		assert_in_range(counts[i], 1, 2);
	close(fd);
}

static void devices_that_go_do_not_hide_others(void **state)
{
	static const char call[] = "{\"method\":\"io.otad.ListDevices\",\"more\":true}";
	struct control_fixture *fx = *state;
	unsigned counts[1000] = { 0 };
	int fd;

	add_meters(fx, 1000);
	fd = control_dial(fx);
	assert_true(control_send(fx, fd, call, sizeof(call)));
	assert_true(read_part(fx, fd, "devices", "name", counts));
	remove_meters(fx, 0, 20);
	while (read_part(fx, fd, "devices", "name", counts))
		;
	for (size_t i = 20; i < 1000; i++)
		assert_int_equal(counts[i], 1);
	close(fd);
}

static void add_history(struct control_fixture *fx, unsigned count,
			const char *message)
{
	for (unsigned i = 0; i < count; i++) {
		char id[32];

		snprintf(id, sizeof(id), "%u", i);
		fake_updater_add_history(fx->updater,
					 &(struct history_entry){
						 .job = id,
						 .device = "self",
						 .module = "app",
						 .version = "2",
						 .old_version = "1",
						 .state = JOB_STATE_FAILED,
						 .error = OTA_ERROR_TIMEOUT,
						 .message = message,
						 .started_ms = 1,
						 .ended_ms = 2,
						 .bytes = 3,
					 });
	}
}

static void history_is_the_last_oldest_first(void **state)
{
	struct control_fixture *fx = *state;
	struct json_object *reply;

	add_history(fx, 30, "no answer");
	reply = control_ask(fx, "{\"method\":\"io.otad.GetHistory\","
				"\"parameters\":{\"count\":2}}");
	assert_string_equal(
		json_text(control_parameters(reply)),
		"{\"history\":[{\"job\":\"28\",\"device\":\"self\","
		"\"module\":\"app\",\"version\":\"2\",\"old_version\":\"1\","
		"\"state\":\"failed\",\"error\":\"timeout\","
		"\"message\":\"no answer\",\"started_ms\":1,\"ended_ms\":2,"
		"\"bytes\":3},{\"job\":\"29\",\"device\":\"self\","
		"\"module\":\"app\",\"version\":\"2\",\"old_version\":\"1\","
		"\"state\":\"failed\",\"error\":\"timeout\","
		"\"message\":\"no answer\",\"started_ms\":1,\"ended_ms\":2,"
		"\"bytes\":3}]}");
	json_free(reply);
	reply = control_ask(fx, "{\"method\":\"io.otad.GetHistory\"}");
	assert_int_equal(json_object_array_length(json_get(
				 control_parameters(reply), "history")),
			 20);
	json_free(reply);
}

static void a_history_too_long_for_one_reply_is_shortened(void **state)
{
	struct control_fixture *fx = *state;
	struct json_object *reply;
	struct json_object *list;
	char message[512];
	size_t n;

	/* Each of them six times as long on the wire. */
	memset(message, 1, sizeof(message));
	message[sizeof(message) - 1] = '\0';
	add_history(fx, 500, message);
	reply = control_ask(fx, "{\"method\":\"io.otad.GetHistory\","
				"\"parameters\":{\"count\":500}}");
	assert_string_equal(control_error(reply), "");
	list = json_get(control_parameters(reply), "history");
	n = json_object_array_length(list);
	assert_in_range(n, 1, 499);
	assert_string_equal(json_get_string(json_object_array_get_idx(list, n - 1),
					    "job"),
			    "499");
	json_free(reply);
}

/* ---- watching ---- */

static void expect_job(struct control_fixture *fx, int fd, const char *state)
{
	struct ota_error err = OTA_ERROR_INIT;
	char *text = control_receive(fx, fd);
	struct json_object *reply;

	assert_non_null(text);
	reply = json_parse_err(text, strlen(text), 1 << 20, &err);
	assert_true(json_get_bool(reply, "continues", false));
	assert_string_equal(json_get_string(json_get(control_parameters(reply),
						     "job"),
					    "state"),
			    state);
	json_free(reply);
	free(text);
}

static void expect_message(struct control_fixture *fx, int fd, const char *message)
{
	char *text = control_receive(fx, fd);

	assert_non_null(text);
	assert_string_equal(text, message);
	free(text);
}

#define LISTED "{\"parameters\":{},\"continues\":true}"

static int start_watch(struct control_fixture *fx, const char *parameters)
{
	char call[256];
	int fd = control_dial(fx);

	snprintf(call, sizeof(call),
		 "{\"method\":\"io.otad.Watch\",\"more\":true,\"parameters\":%s}",
		 parameters);
	assert_true(control_send(fx, fd, call, strlen(call) + 1));
	return fd;
}

static void a_watch_must_take_more(void **state)
{
	struct json_object *reply =
		control_ask(*state, "{\"method\":\"io.otad.Watch\"}");

	assert_string_equal(control_error(reply), SERVICE "ExpectedMore");
	json_free(reply);
}

static void a_watch_tells_what_runs_then_what_changes(void **state)
{
	struct control_fixture *fx = *state;
	struct job_view job = downloading;
	int fd;

	fake_updater_add(fx->updater, "self", NULL, "default", "1");
	fake_updater_add(fx->updater, "self", NULL, "app", "1");
	fake_updater_add(fx->updater, "self", NULL, "ended", "1");
	fake_updater_set_job(fx->updater, &job);
	job.module = "ended";
	job.state = JOB_STATE_FAILED;
	fake_updater_set_job(fx->updater, &job);

	fd = start_watch(fx, "{}");
	expect_job(fx, fd, "downloading");
	expect_message(fx, fd, LISTED);
	assert_true(control_is_silent(fx, fd));
	job = job_in(JOB_STATE_VERIFYING);
	fake_updater_set_job(fx->updater, &job);
	job = job_in(JOB_STATE_SUCCEEDED);
	fake_updater_set_job(fx->updater, &job);
	expect_job(fx, fd, "verifying");
	expect_job(fx, fd, "succeeded");
	assert_true(control_is_silent(fx, fd));
	close(fd);
}

static void a_watch_of_one_module_hears_of_no_other(void **state)
{
	struct control_fixture *fx = *state;
	struct job_view job = downloading;
	int fd;

	add_meters(fx, 1);
	fake_updater_add(fx->updater, "self", NULL, "app", "1");
	fake_updater_set_job(fx->updater, &job);
	fake_updater_add(fx->updater, "meter-0", NULL, "app", "1");
	job.device = "meter-0";
	fake_updater_set_job(fx->updater, &job);
	fd = start_watch(fx, "{\"device\":\"meter-0\",\"module\":\"mcu\"}");
	expect_message(fx, fd, LISTED);
	fake_updater_set_job(fx->updater, &job);
	job.device = "self";
	fake_updater_set_job(fx->updater, &job);
	assert_true(control_is_silent(fx, fd));
	job.device = "meter-0";
	job.module = "mcu";
	fake_updater_set_job(fx->updater, &job);
	expect_job(fx, fd, "downloading");
	close(fd);
}

static void the_updater_is_listened_to_only_while_somebody_watches(void **state)
{
	struct control_fixture *fx = *state;
	int first, second;

	assert_int_equal(fake_updater_listeners(fx->updater), 0);
	first = start_watch(fx, "{}");
	second = start_watch(fx, "{}");
	expect_message(fx, first, LISTED);
	expect_message(fx, second, LISTED);
	assert_int_equal(fake_updater_listeners(fx->updater), 1);
	close(first);
	control_settle(fx);
	assert_int_equal(fake_updater_listeners(fx->updater), 1);
	close(second);
	control_settle(fx);
	assert_int_equal(fake_updater_listeners(fx->updater), 0);
}

static void a_watch_goes_on_after_the_client_has_nothing_more_to_say(void **state)
{
	struct control_fixture *fx = *state;
	struct job_view job = downloading;
	int fd;

	fake_updater_add(fx->updater, "self", NULL, "app", "1");
	fd = start_watch(fx, "{}");
	shutdown(fd, SHUT_WR);
	expect_message(fx, fd, LISTED);
	fake_updater_set_job(fx->updater, &job);
	expect_job(fx, fd, "downloading");
	close(fd);
}

/* ---- changing ---- */

static void expect_call(struct control_fixture *fx, const char *call,
			const char *expected)
{
	struct json_object *reply = control_ask(fx, call);

	assert_string_equal(json_text(reply), "{\"parameters\":{}}");
	assert_string_equal(fake_updater_last_call(fx->updater), expected);
	json_free(reply);
}

static void what_is_asked_for_reaches_the_updater(void **state)
{
	static const struct {
		const char *method, *parameters, *call;
	} cases[] = {
		{ "Check", "{}", "check - -" },
		{ "Check", "{\"device\":null,\"module\":\"app\"}", "check - app" },
		{ "Install", "{\"module\":\"app\"}", "install - app" },
		{ "Cancel", "{\"device\":\"m\",\"module\":\"mcu\"}", "cancel m mcu" },
		{ "Rollback", "{\"module\":\"\\u7535\\u8868\"}",
		  "rollback - \xe7\x94\xb5\xe8\xa1\xa8" },
		{ "Hold", "{}", "hold 0 -" },
		{ "Hold", "{\"until_ms\":9007199254740991,\"reason\":\"night\"}",
		  "hold 9007199254740991 night" },
		{ "Release", "{}", "release" },
		{ "AddDevice", "{\"name\":\"m\",\"class\":\"meter\"}", "add m meter" },
		{ "RemoveDevice", "{\"name\":\"m\"}", "remove m" },
	};

	for (size_t i = 0; i < OTA_ARRAY_SIZE(cases); i++) {
		char call[256];

		snprintf(call, sizeof(call),
			 "{\"method\":\"io.otad.%s\",\"parameters\":%s}",
			 cases[i].method, cases[i].parameters);
		expect_call(*state, call, cases[i].call);
	}
}

static void a_refusal_says_its_kind_and_why(void **state)
{
	struct control_fixture *fx = *state;
	struct json_object *reply;

	fake_updater_refuse(fx->updater, OTA_ERROR_BUSY, "app is installing");
	reply = control_ask(fx, "{\"method\":\"io.otad.Cancel\"}");
	assert_string_equal(json_text(reply),
			    "{\"error\":\"io.otad.Refused\",\"parameters\":"
			    "{\"kind\":\"busy\",\"message\":\"app is installing\"}}");
	json_free(reply);
	fake_updater_refuse(fx->updater, OTA_ERROR_NOT_FOUND, "no module 'x'");
	reply = control_ask(fx, "{\"method\":\"io.otad.Install\"}");
	assert_string_equal(json_text(reply),
			    "{\"error\":\"io.otad.NotFound\",\"parameters\":"
			    "{\"message\":\"no module 'x'\"}}");
	json_free(reply);
}

#define OFFER_BEGIN "{\"method\":\"io.otad.Update\",\"parameters\":{"

static void an_offer_reaches_the_updater_whole(void **state)
{
	struct control_fixture *fx = *state;
	struct json_object *reply;

	fake_updater_set_outcome(fx->updater, OFFER_STARTED, "7");
	reply = control_ask(fx, OFFER_BEGIN
			    "\"device\":\"m\",\"module\":\"mcu\","
			    "\"url\":\"https://host/a?b=c\",\"version\":\"1.2.0\","
			    "\"size\":12,\"sha256\":\"" SHA256 "\","
			    "\"md5\":\"" MD5 "\",\"force\":true}}");
	assert_string_equal(json_text(control_parameters(reply)),
			    "{\"outcome\":\"started\",\"job\":\"7\"}");
	assert_string_equal(fake_updater_last_call(fx->updater),
			    "offer m mcu 1.2.0 https://host/a?b=c 12 " SHA256_LOWER
			    " " MD5 " force");
	json_free(reply);
}

static void an_offer_for_nothing_in_particular_is_for_the_default_module(void **state)
{
	struct control_fixture *fx = *state;
	struct json_object *reply;

	fake_updater_add(fx->updater, "self", NULL, "app", "1");
	fake_updater_add(fx->updater, "self", NULL, "default", "1");
	fake_updater_set_outcome(fx->updater, OFFER_INSTALLED, NULL);
	reply = control_ask(fx, OFFER_BEGIN "\"url\":\"http://h/a\","
				"\"version\":\"1\",\"md5\":\"" MD5 "\"}}");
	assert_string_equal(json_text(control_parameters(reply)),
			    "{\"outcome\":\"installed\"}");
	assert_string_equal(fake_updater_last_call(fx->updater),
			    "offer self default 1 http://h/a - - " MD5);
	json_free(reply);
}

/* Not for the gateway's, which has the same name. */
static void a_device_without_the_default_module_must_be_told_which(void **state)
{
	struct control_fixture *fx = *state;
	struct json_object *reply;

	fake_updater_add(fx->updater, "self", NULL, "default", "1");
	fake_updater_add(fx->updater, "meter", NULL, "mcu", "1");
	reply = control_ask(fx, OFFER_BEGIN
			    "\"device\":\"meter\",\"url\":\"http://h/a\","
			    "\"version\":\"1\",\"md5\":\"" MD5 "\"}}");
	assert_string_equal(control_error(reply), SERVICE "InvalidParameter");
	assert_int_equal(fake_updater_calls(fx->updater), 0);
	json_free(reply);
}

static void every_outcome_has_its_word(void **state)
{
	static const struct {
		enum offer_outcome outcome;
		const char *word;
	} cases[] = {
		{ OFFER_STARTED, "started" },
		{ OFFER_JOINED, "joined" },
		{ OFFER_QUEUED, "queued" },
		{ OFFER_INSTALLED, "installed" },
	};
	struct control_fixture *fx = *state;

	for (size_t i = 0; i < OTA_ARRAY_SIZE(cases); i++) {
		struct json_object *reply;

		fake_updater_set_outcome(fx->updater, cases[i].outcome, NULL);
		reply = control_ask(fx, OFFER_BEGIN
				    "\"module\":\"app\",\"url\":\"http://h/a\","
				    "\"version\":\"1\",\"md5\":\"" MD5 "\"}}");
		assert_string_equal(json_get_string(control_parameters(reply),
						    "outcome"),
				    cases[i].word);
		json_free(reply);
	}
}

#define GOOD "\"url\":\"https://h/a\",\"version\":\"1\",\"sha256\":\"" SHA256 "\""

static void a_wrong_parameter_is_named_and_nothing_happens(void **state)
{
	static const struct {
		const char *method, *parameters, *wrong;
	} cases[] = {
		{ "Update", "{}", "url" },
		{ "Update", "{" GOOD ",\"frce\":true}", "frce" },
		{ "Update", "{" GOOD ",\"force\":1}", "force" },
		{ "Update", "{" GOOD ",\"size\":0}", "size" },
		{ "Update", "{" GOOD ",\"size\":-1}", "size" },
		{ "Update", "{" GOOD ",\"size\":1.5}", "size" },
		{ "Update", "{" GOOD ",\"size\":\"12\"}", "size" },
		{ "Update", "{" GOOD ",\"md5\":\"12\"}", "md5" },
		{ "Update", "{" GOOD ",\"module\":\"a/b\"}", "module" },
		{ "Update", "{" GOOD ",\"module\":\"../b\"}", "module" },
		{ "Update", "{" GOOD ",\"device\":\".\"}", "device" },
		{ "Update", "{" GOOD ",\"module\":\"a\\u0000\"}", "module" },
		{ "Update", "{" GOOD "}", "module" }, /* there is no default one */
		{ "Update", "{\"url\":\"https://h/a\",\"version\":\"1\"}", "sha256" },
		{ "Update", "{\"url\":\"ftp://h/a\",\"version\":\"1\",\"md5\":\"" MD5 "\"}", "url" },
		{ "Update", "{\"url\":\"https://u@h/a\",\"version\":\"1\",\"md5\":\"" MD5 "\"}", "url" },
		{ "Update", "{\"url\":\"https://h/a\",\"version\":\"../1\",\"md5\":\"" MD5 "\"}", "version" },
		{ "Update", "{\"url\":7,\"version\":\"1\",\"md5\":\"" MD5 "\"}", "url" },
		{ "Update", "{\"url\":null,\"version\":\"1\",\"md5\":\"" MD5 "\"}", "url" },
		{ "Update", "{\"url\":\"https://h/a\",\"version\":\"1\",\"sha256\":\"" MD5 "\"}", "sha256" },
		{ "GetHistory", "{\"count\":0}", "count" },
		{ "GetHistory", "{\"count\":501}", "count" },
		{ "GetHistory", "{\"count\":99999999999999999999}", "count" },
		{ "GetHistory", "{\"count\":true}", "count" },
		{ "GetStatus", "{\"x\":1}", "x" },
		{ "GetStatus", "{\"a\\u0000b\":1}", NULL },
		{ "ListModules", "{\"device\":[]}", "device" },
		{ "Check", "{\"module\":{}}", "module" },
		{ "Hold", "{\"until_ms\":1}", "until_ms" },
		{ "Hold", "{\"until_ms\":-1}", "until_ms" },
		{ "Hold", "{\"reason\":\"a\\nb\"}", "reason" },
		{ "AddDevice", "{\"name\":\"m\"}", "class" },
		{ "AddDevice", "{\"name\":\"a/b\",\"class\":\"c\"}", "name" },
		{ "AddDevice", "{\"name\":\"\",\"class\":\"c\"}", "name" },
		{ "RemoveDevice", "{}", "name" },
	};
	struct control_fixture *fx = *state;

	for (size_t i = 0; i < OTA_ARRAY_SIZE(cases); i++) {
		char call[512];
		struct json_object *reply;
		const char *named;

		snprintf(call, sizeof(call),
			 "{\"method\":\"io.otad.%s\",\"parameters\":%s}",
			 cases[i].method, cases[i].parameters);
		reply = control_ask(fx, call);
		named = json_get_string(control_parameters(reply), "parameter");
		if (strcmp(control_error(reply), SERVICE "InvalidParameter") != 0 ||
		    (cases[i].wrong && strcmp(named, cases[i].wrong) != 0))
			fail_msg("%s: %s", call, json_text(reply));
		json_free(reply);
	}
	assert_int_equal(fake_updater_calls(fx->updater), 0);
}

static void a_reason_has_a_bound(void **state)
{
	struct control_fixture *fx = *state;
	char call[600];
	struct json_object *reply;

	snprintf(call, sizeof(call),
		 "{\"method\":\"io.otad.Hold\",\"parameters\":{\"reason\":\"%0256d\"}}",
		 0);
	reply = control_ask(fx, call);
	assert_string_equal(control_error(reply), "");
	json_free(reply);
	snprintf(call, sizeof(call),
		 "{\"method\":\"io.otad.Hold\",\"parameters\":{\"reason\":\"%0257d\"}}",
		 0);
	reply = control_ask(fx, call);
	assert_string_equal(control_error(reply), SERVICE "InvalidParameter");
	json_free(reply);
}

/* ---- the order of things ---- */

static void calls_in_one_go_are_answered_in_order(void **state)
{
	static const char calls[] = "{\"method\":\"io.otad.Check\"}\0"
				    "{\"method\":\"io.otad.GetStats\"}\0"
				    "{\"method\":\"io.otad.Nothing\"}\0"
				    "{\"method\":\"io.otad.Release\"}";
	struct control_fixture *fx = *state;
	int fd = control_dial(fx);
	char *text;

	assert_true(control_send(fx, fd, calls, sizeof(calls)));
	/* The last words of a client are heard. */
	shutdown(fd, SHUT_WR);
	expect_message(fx, fd, "{\"parameters\":{}}");
	text = control_receive(fx, fd);
	assert_non_null(strstr(text, "uptime_ms"));
	free(text);
	text = control_receive(fx, fd);
	assert_non_null(strstr(text, "MethodNotFound"));
	free(text);
	expect_message(fx, fd, "{\"parameters\":{}}");
	assert_null(control_receive(fx, fd));
	close(fd);
}

static void a_call_may_come_in_pieces(void **state)
{
	static const char call[] = "{\"method\":\"io.otad.Check\"}";
	struct control_fixture *fx = *state;
	int fd = control_dial(fx);

	for (size_t i = 0; i < sizeof(call); i++) {
		assert_int_equal(fake_updater_calls(fx->updater), 0);
		assert_true(control_send(fx, fd, &call[i], 1));
		control_settle(fx);
	}
	expect_message(fx, fd, "{\"parameters\":{}}");
	close(fd);
}

static void a_oneway_call_is_done_and_not_answered(void **state)
{
	static const char call[] = "{\"method\":\"io.otad.Check\",\"oneway\":true}";
	static const char bad[] = "{\"method\":\"io.otad.Nothing\",\"oneway\":true}";
	struct control_fixture *fx = *state;
	int fd = control_dial(fx);

	assert_true(control_send(fx, fd, call, sizeof(call)));
	assert_true(control_send(fx, fd, bad, sizeof(bad)));
	assert_true(control_is_silent(fx, fd));
	assert_string_equal(fake_updater_last_call(fx->updater), "check - -");
	close(fd);
}

static void a_oneway_call_counts_even_if_its_client_is_gone(void **state)
{
	static const char call[] = "{\"method\":\"io.otad.Check\",\"oneway\":true}\0"
				   "{\"method\":\"io.otad.Release\",\"oneway\":true}";
	struct control_fixture *fx = *state;
	int fd = control_dial(fx);

	assert_int_equal(send(fd, call, sizeof(call), 0), sizeof(call));
	close(fd);
	control_settle(fx);
	assert_int_equal(fake_updater_calls(fx->updater), 2);
}

static void clients_have_their_turns_one_after_the_other(void **state)
{
	enum { N_CALLS = 50 };
	static const char call[] = "{\"method\":\"io.otad.Check\",\"oneway\":true}";
	static const char last[] = "{\"method\":\"io.otad.GetStats\"}";
	struct control_fixture *fx = *state;
	int busy = control_dial(fx);
	int other = control_dial(fx);
	char *text;

	control_settle(fx);
	for (unsigned i = 0; i < N_CALLS; i++)
		assert_int_equal(send(busy, call, sizeof(call), 0), sizeof(call));
	assert_int_equal(send(other, last, sizeof(last), 0), sizeof(last));
	text = control_receive(fx, other);
	assert_non_null(text);
	assert_true(fake_updater_calls(fx->updater) < N_CALLS);
	free(text);
	close(busy);
	close(other);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, control_fixture_setup, \
					control_fixture_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(get_info_names_both_interfaces),
		TEST(the_served_description_is_that_of_the_source_tree),
		TEST(every_described_method_is_there),
		TEST(what_is_not_there_is_said_so),
		TEST(status_is_the_updaters),
		TEST(stats_are_the_updaters),
		TEST(a_module_shows_its_job),
		TEST(what_is_unknown_is_left_out),
		TEST(devices_are_listed_with_their_modules),
		TEST(modules_of_one_device_are_its_own),
		TEST(lists_and_watches_of_an_unknown_device_are_not_found),
		TEST(a_list_too_long_for_one_reply_wants_more),
		TEST(a_long_list_comes_in_parts_and_whole),
		TEST(a_long_list_waits_for_its_reader),
		TEST(a_reply_has_a_bound_whatever_is_in_it),
		TEST(a_part_of_a_list_looks_at_so_many_devices),
		TEST(devices_that_go_do_not_hide_others),
		TEST(a_list_goes_on_from_where_it_was_as_near_as_can_be),
		TEST(history_is_the_last_oldest_first),
		TEST(a_history_too_long_for_one_reply_is_shortened),
		TEST(a_watch_must_take_more),
		TEST(a_watch_tells_what_runs_then_what_changes),
		TEST(a_watch_of_one_module_hears_of_no_other),
		TEST(the_updater_is_listened_to_only_while_somebody_watches),
		TEST(a_watch_goes_on_after_the_client_has_nothing_more_to_say),
		TEST(what_is_asked_for_reaches_the_updater),
		TEST(a_refusal_says_its_kind_and_why),
		TEST(an_offer_reaches_the_updater_whole),
		TEST(an_offer_for_nothing_in_particular_is_for_the_default_module),
		TEST(a_device_without_the_default_module_must_be_told_which),
		TEST(every_outcome_has_its_word),
		TEST(a_wrong_parameter_is_named_and_nothing_happens),
		TEST(a_reason_has_a_bound),
		TEST(calls_in_one_go_are_answered_in_order),
		TEST(a_call_may_come_in_pieces),
		TEST(a_oneway_call_is_done_and_not_answered),
		TEST(a_oneway_call_counts_even_if_its_client_is_gone),
		TEST(clients_have_their_turns_one_after_the_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
