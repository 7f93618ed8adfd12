#include "updater-fixture.h"

#include <dirent.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "otad/base/file.h"
#include "otad/base/json.h"
#include "otad/base/log.h"
#include "otad/cloud/cloud.h"

#include "vectors/vectors.h"

#define CONTENT "the new version"

int updater_fixture_set_up(void **state)
{
	struct updater_fixture *fx = calloc(1, sizeof(*fx));
	const char *tmp = getenv("TMPDIR");

	assert_non_null(fx);
	log_open(LOG_TARGET_STDERR, (enum log_level)0); /* quiet */
	fake_mqtt_reset();
	fake_fetch_reset();
	fake_installer_reset();
	fake_fetch_put(CONTENT, strlen(CONTENT));
	snprintf(fx->dir, sizeof(fx->dir), "%s/otad-test-XXXXXX",
		 tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(fx->dir));
	snprintf(fx->state, sizeof(fx->state), "%s/state", fx->dir);
	fx->loop = loop_new(&fx->err);
	fx->fetcher = fetcher_new(fx->loop, &fx->err);
	fx->version = "1.0.0";
	*state = fx;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	return remove(path);
}

int updater_fixture_tear_down(void **state)
{
	struct updater_fixture *fx = *state;

	fixture_end(fx);
	fetcher_free(fx->fetcher);
	loop_free(fx->loop);
	assert_int_equal(
		nftw(fx->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
	free(fx);
	return 0;
}

/* ---- beginning and end ---- */

struct config *fixture_config(struct updater_fixture *fx, const char *ini)
{
	OTA_CLEANUP(freep) char *path = NULL;
	struct config_source source = { .platforms = cloud_platforms() };
	struct config_report report = { 0 };
	struct config *config;
	FILE *file;

	assert_true(asprintf(&path, "%s/otad.conf", fx->dir) > 0);
	file = fopen(path, "w");
	assert_non_null(file);
	fprintf(file, "[Paths]\nStateDirectory=%s\nRuntimeDirectory=%s/run\n%s",
		fx->state, fx->dir, ini);
	fclose(file);
	source.file = path;
	config = config_load(&source, &report);
	if (!config)
		fail_msg("%u: %s", report.problems[0].line,
			 report.problems[0].text);
	config_report_done(&report);
	return config;
}

static void exec_self(void *user_data, const char *path, struct ota_error *err)
{
	struct updater_fixture *fx = user_data;

	fx->execs++;
	ota_fail(err, OTA_ERROR_RESTART_FAILED, "no exec in a test");
}

void fixture_make(struct updater_fixture *fx, const char *ini)
{
	OTA_CLEANUP(config_unrefp) struct config *config =
		fixture_config(fx, ini);
	struct updater_options options = {
		.loop = fx->loop,
		.config = config,
		.fetcher = fx->fetcher,
		.resolver = &fx->resolver,
		.self = { .path = "/fake/otad", .version = fx->version },
		.launched = fx->launched,
		.exec_self = exec_self,
		.user_data = fx,
	};

	assert_null(fx->updater);
	fx->updater = updater_new(&options, &fx->err);
	if (!fx->updater)
		fail_msg("%s", fx->err.text);
	fx->updater->power_dir = fx->dir; /* mains */
}

void fixture_start(struct updater_fixture *fx, const char *ini)
{
	fixture_make(fx, ini);
	if (!updater_start(fx->updater, &fx->err))
		fail_msg("%s", fx->err.text);
	fake_loop_settle(fx->loop);
}

void fixture_end(struct updater_fixture *fx)
{
	fx->updater = updater_free(fx->updater);
}

/* ---- files ---- */

char *fixture_path(const struct updater_fixture *fx, const char *name)
{
	char *path;

	assert_true(asprintf(&path, "%s/%s", fx->state, name) > 0);
	return path;
}

char *fixture_read(const struct updater_fixture *fx, const char *name)
{
	OTA_CLEANUP(freep) char *path = fixture_path(fx, name);
	struct ota_error err;
	size_t size;

	return file_read(path, 1 << 20, &size, &err);
}

void fixture_write(const struct updater_fixture *fx, const char *name,
		   const char *content)
{
	OTA_CLEANUP(freep) char *path = fixture_path(fx, name);
	struct ota_error err;

	if (!file_write(path, content, strlen(content), 0644, &err))
		fail_msg("%s", err.text);
}

void fixture_shell(const struct updater_fixture *fx, const char *format, ...)
{
	OTA_CLEANUP(freep) char *words = NULL;
	OTA_CLEANUP(freep) char *command = NULL;
	va_list arguments;

	va_start(arguments, format);
	assert_true(vasprintf(&words, format, arguments) > 0);
	va_end(arguments);
	assert_true(asprintf(&command, "cd %s && %s", fx->state, words) > 0);
	if (system(command) != 0)
		fail_msg("%s", command);
}

void fixture_break(const struct updater_fixture *fx, const char *folder)
{
	OTA_CLEANUP(freep) char *path = fixture_path(fx, folder);
	OTA_CLEANUP(freep) char *away = NULL;
	FILE *file;

	assert_true(asprintf(&away, "%s.away", path) > 0);
	assert_int_equal(rename(path, away), 0);
	file = fopen(path, "w");
	assert_non_null(file);
	fclose(file);
}

void fixture_mend(const struct updater_fixture *fx, const char *folder)
{
	OTA_CLEANUP(freep) char *path = fixture_path(fx, folder);
	OTA_CLEANUP(freep) char *away = NULL;

	assert_true(asprintf(&away, "%s.away", path) > 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rename(away, path), 0);
}

unsigned fixture_entries(const struct updater_fixture *fx, const char *folder)
{
	OTA_CLEANUP(freep) char *path = fixture_path(fx, folder);
	DIR *dir = opendir(path);
	struct dirent *entry;
	unsigned count = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

/* ---- messages ---- */

static char *quoted(const char *text)
{
	char *copy = strdup(text);

	assert_non_null(copy);
	for (char *at = copy; (at = strchr(at, '\'')); at++)
		*at = '"';
	return copy;
}

void fixture_deliver(struct updater_fixture *fx, const char *topic,
		     const char *json)
{
	OTA_CLEANUP(freep) char *text = quoted(json);

	fake_mqtt_deliver(topic, text);
	fake_loop_settle(fx->loop);
}

const struct fake_mqtt_packet *fixture_next(struct updater_fixture *fx)
{
	while (fx->read < fake_mqtt_count() &&
	       fake_mqtt_at(fx->read)->kind == FAKE_MQTT_CONNECT)
		fx->read++;
	if (fx->read == fake_mqtt_count())
		fail_msg("nothing more was sent");
	return fake_mqtt_at(fx->read++);
}

void expect_subscribed(struct updater_fixture *fx, const char *topic)
{
	const struct fake_mqtt_packet *packet = fixture_next(fx);

	if (packet->kind != FAKE_MQTT_SUBSCRIBE)
		fail_msg("%s sent instead of a subscription to %s",
			 packet->topic ? packet->topic : "disconnect", topic);
	assert_string_equal(packet->topic, topic);
	assert_int_equal(packet->qos, 1);
}

void expect_sent(struct updater_fixture *fx, const char *topic, int qos,
		 const char *json)
{
	const struct fake_mqtt_packet *packet = fixture_next(fx);
	OTA_CLEANUP(freep) char *text = quoted(json);
	OTA_CLEANUP(json_freep) struct json_object *expected = NULL;
	OTA_CLEANUP(json_freep) struct json_object *got = NULL;
	struct ota_error err;

	if (packet->kind != FAKE_MQTT_PUBLISH)
		fail_msg("expected %s, not a packet of kind %d for %s", json,
			 packet->kind, packet->topic ? packet->topic : "nobody");
	expected = json_parse_err(text, strlen(text), JSON_MAX_BYTES, &err);
	if (!expected)
		fail_msg("%s: %s", err.text, text);
	got = json_parse_err(packet->payload, strlen(packet->payload),
			     JSON_MAX_BYTES, &err);
	assert_non_null(got);
	if (strcmp(packet->topic, topic) != 0 ||
	    !vector_matches(expected, got))
		fail_msg("expected %s %s, got %s %s", topic, text,
			 packet->topic, packet->payload);
	assert_int_equal(packet->qos, qos);
}

void expect_nothing(struct updater_fixture *fx)
{
	while (fx->read < fake_mqtt_count() &&
	       fake_mqtt_at(fx->read)->kind == FAKE_MQTT_CONNECT)
		fx->read++;
	if (fx->read < fake_mqtt_count())
		fail_msg("sent as well: %s %s", fake_mqtt_at(fx->read)->topic,
			 fake_mqtt_at(fx->read)->payload);
}

void fixture_skip(struct updater_fixture *fx)
{
	fx->read = fake_mqtt_count();
}

unsigned fixture_count(const struct updater_fixture *fx, const char *text)
{
	OTA_CLEANUP(freep) char *wanted = quoted(text);
	unsigned count = 0;

	for (size_t i = fx->read; i < fake_mqtt_count(); i++)
		if (fake_mqtt_at(i)->kind == FAKE_MQTT_PUBLISH &&
		    strstr(fake_mqtt_at(i)->payload, wanted))
			count++;
	return count;
}

/* ---- jobs ---- */

struct job *fixture_job(const struct updater_fixture *fx, const char *device,
			const char *module)
{
	return updater_find_job(fx->updater, device, module);
}

void expect_state(const struct updater_fixture *fx, const char *device,
		  const char *module, enum job_state state)
{
	const struct job *job = fixture_job(fx, device, module);

	if (!job)
		fail_msg("no job for %s of %s", module, device);
	assert_string_equal(job_state_name(job->state), job_state_name(state));
}

struct expected_end {
	const char *module;
	enum job_state state;
	enum ota_error_kind error;
	bool found;
};

static bool check_end(const struct module_view *view, void *user_data)
{
	struct expected_end *expected = user_data;

	if (strcmp(view->module, expected->module) != 0)
		return true;
	assert_non_null(view->job);
	if (view->job->state != expected->state ||
	    view->job->error != expected->error)
		fail_msg("%s ended %s, %s: %s", view->module,
			 job_state_name(view->job->state),
			 ota_error_kind_name(view->job->error),
			 view->job->message ? view->job->message : "");
	expected->found = true;
	return false;
}

void expect_end(const struct updater_fixture *fx, const char *device,
		const char *module, enum job_state state,
		enum ota_error_kind error)
{
	struct expected_end expected = { module, state, error, false };

	assert_null(fixture_job(fx, device, module));
	updater_each_module(fx->updater, device, check_end, &expected);
	assert_true(expected.found);
}

void expect_version(const struct updater_fixture *fx, const char *device,
		    const char *module, const char *version)
{
	struct ota_error err;
	struct module *found =
		updater_find_module(fx->updater, device, module, NULL, &err);

	assert_non_null(found);
	assert_string_equal(module_version(found), version);
}
