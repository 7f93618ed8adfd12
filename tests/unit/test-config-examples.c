/* What is shipped in conf/ loads, and says the truth about defaults. */

#include "otad/config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "otad/base/file.h"
#include "otad/cloud/cloud.h"

#include "support/config-fixture.h"

#define FILE_MAX (1024 * 1024)
#define SHIPPED_FILE OTAD_SOURCE_ROOT "/conf/otad.conf"

static char *read_shipped(void)
{
	struct ota_error err;
	size_t size;
	char *text = file_read(SHIPPED_FILE, FILE_MAX, &size, &err);

	if (!text)
		fail_msg("%s", err.text);
	return text;
}

static struct config *load(struct config_fixture *fx, const char *path)
{
	struct config_source source = {
		.file = path,
		.platforms = cloud_platforms(),
	};

	config_report_done(&fx->report);
	return config_load(&source, &fx->report);
}

static struct config *must_load(struct config_fixture *fx, const char *path)
{
	struct config *config = load(fx, path);

	if (!config)
		fail_msg("%s:%u: %s", fx->report.problems[0].file,
			 fx->report.problems[0].line,
			 fx->report.problems[0].text);
	return config;
}

static void give_credentials(struct config_fixture *fx)
{
	fixture_write_text(fx, "device-secret", "c2VjcmV0\n");
	fixture_write_text(fx, "mqtt-password", "secret\n");
	setenv("CREDENTIALS_DIRECTORY", fx->dir, 1);
}

/* The platform accepts its keys and finds each device an address. */
static void assert_usable(const struct config *config)
{
	struct cloud_options options = {
		.platform = config->platform,
		.keys = config->cloud_keys,
		.n_keys = config->n_cloud_keys,
		.mqtt_username = config->mqtt.username,
		.device_secret = "c2VjcmV0",
		.allow_http = config->download.allow_http,
		.max_size_bytes = config->download.max_size,
	};
	struct ota_error err = OTA_ERROR_INIT;
	struct cloud *cloud = cloud_new(&options, &err);

	if (!cloud)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < config->n_devices; i++) {
		char *address =
			cloud_address(cloud, config->devices[i], &err);

		if (!address)
			fail_msg("%s: %s", config->devices[i]->name, err.text);
		free(address);
	}
	assert_non_null(device_find_module(config->devices[0],
					   cloud_default_module(cloud)));
	cloud_free(cloud);
}

static void there_is_a_working_example_for_each_platform(void **state)
{
	struct config_fixture *fx = *state;
	const struct platform_keys *platform = cloud_platforms();
	char path[512];

	give_credentials(fx);
	assert_non_null(platform->platform);
	for (; platform->platform; platform++) {
		struct config *config;

		snprintf(path, sizeof(path),
			 OTAD_SOURCE_ROOT "/conf/examples/%s.conf",
			 platform->platform);
		config = must_load(fx, path);
		assert_ptr_equal(config->platform, platform);
		assert_true(config->n_devices > 1);
		assert_usable(config);
		config_unref(config);
	}
}

static void the_shipped_file_works_without_credentials(void **state)
{
	struct config_fixture *fx = *state;
	struct config *config = must_load(fx, SHIPPED_FILE);

	assert_usable(config);
	config_unref(config);
}

static void the_listing_of_the_manual_loads(void **state)
{
	struct config_fixture *fx = *state;
	struct config *config;

	give_credentials(fx);
	fixture_write_text(fx, "pem", "");
	config = must_load(
		fx, OTAD_SOURCE_ROOT "/tests/data/config/good/listing.conf");
	assert_usable(config);
	assert_string_equal(config->platform->platform, "tencent");
	assert_true(config->mqtt.tls);
	assert_int_equal(config->update.check_interval_ms, 5 * 60 * 1000);
	assert_int_equal(config->update.window.start_min, 120);
	assert_string_equal(config->download.allowed_hosts[0],
			    "*.example.com");
	assert_string_equal(config->devices[1]->name, "meter-17");
	assert_string_equal(
		device_find_module(config->devices[1], "mcu")->settings->handler,
		"/usr/lib/otad/handlers/flash-meter");
	config_unref(config);
}

/* True for `#Key=value`: prose has a blank behind the '#'. */
static bool is_commented_key(const char *line)
{
	return line[0] == '#' && line[1] >= 'A' && line[1] <= 'Z' &&
	       strchr(line, '=');
}

/*
 * The file with its commented keys in force, but those of a paragraph that
 * calls them examples, and of the modules and devices. Owned.
 */
static char *uncomment_defaults(const char *text, unsigned *ret_keys)
{
	const char *end = strstr(text, "\n[Module default]");
	bool example = false;
	char *result = NULL;
	size_t size;
	FILE *stream = open_memstream(&result, &size);

	assert_non_null(stream);
	assert_non_null(end);
	*ret_keys = 0;
	while (text < end) {
		int length = (int)strcspn(text, "\n");
		const char *mark = memmem(text, (size_t)length, "Example", 7);
		bool use = is_commented_key(text) && !example;

		example = length > 0 && (example || mark);
		*ret_keys += use;
		fprintf(stream, "%.*s\n", length - use, text + use);
		text += length + 1;
	}
	assert_int_equal(fclose(stream), 0);
	return result;
}

static void assert_same_settings(const struct config *a, const struct config *b)
{
#define SAME(member) assert_true(a->member == b->member)
	SAME(mqtt.port);
	SAME(mqtt.tls);
	SAME(mqtt.keep_alive_ms);
	SAME(mqtt.clean_session);
	SAME(mqtt.connect_spread_ms);
	SAME(mqtt.reconnect_spread_ms);
	SAME(download.timeout_ms);
	SAME(download.stall_ms);
	SAME(download.attempts);
	SAME(download.max_speed);
	SAME(download.max_size);
	SAME(download.strategy);
	SAME(download.chunk_bytes);
	SAME(download.allow_http);
	SAME(download.max_downloads);
	SAME(download.cache_bytes);
	SAME(update.automatic);
	SAME(update.check_interval_ms);
	SAME(update.allow_downgrade);
	SAME(update.window.always);
	SAME(update.min_battery_percent);
	SAME(update.require_sha256);
	SAME(update.require_signature);
	SAME(update.confirm_timeout_ms);
	SAME(update.max_trial_starts);
	SAME(update.progress_step_percent);
	SAME(update.away_timeout_ms);
	SAME(update.wave_size);
	SAME(update.wave_stop);
#undef SAME
}

static void the_defaults_it_shows_are_the_defaults(void **state)
{
	struct config_fixture *fx = *state;
	char *text = read_shipped(), *all;
	struct config *shipped, *spelt_out;
	unsigned keys;

	all = uncomment_defaults(text, &keys);
	assert_true(keys > 20);
	fixture_write_text(fx, "otad.conf", all);
	spelt_out = must_load(fx, fixture_path(fx, "otad.conf"));
	shipped = must_load(fx, SHIPPED_FILE);
	assert_same_settings(shipped, spelt_out);
	config_unref(shipped);
	config_unref(spelt_out);
	free(all);
	free(text);
}

/* Whether `key` (with its '=') begins a line of `text`, be it commented. */
static bool shows_key(const char *text, const char *key)
{
	for (const char *at = strstr(text, key); at; at = strstr(at + 1, key)) {
		if (at > text && strchr("\n# ", at[-1]))
			return true;
	}
	return false;
}

/* What the loader itself names when it meets a key that it does not know. */
static void every_key_is_explained_in_the_shipped_file(void **state)
{
	static const char *const sections[] = {
		"Mqtt", "Download", "Update", "Paths", "Module m",
	};
	struct config_fixture *fx = *state;
	char *shipped = read_shipped();
	unsigned keys = 0;

	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
		char text[128], *list, *key;

		snprintf(text, sizeof(text), "[%s]\nNoSuchKeyAnywhere=1\n",
			 sections[i]);
		fixture_write_text(fx, "otad.conf", text);
		assert_null(load(fx, fixture_path(fx, "otad.conf")));
		list = NULL;
		for (size_t j = 0; j < fx->report.n_problems && !list; j++) {
			if (fx->report.problems[j].line == 2)
				list = strstr(fx->report.problems[j].text,
					      "one of ");
		}
		assert_non_null(list);
		for (key = strtok(list + strlen("one of "), ", "); key;
		     key = strtok(NULL, ", ")) {
			keys++;
			if (!shows_key(shipped, key))
				fail_msg("%s of [%s]", key, sections[i]);
		}
	}
	assert_true(keys > 50);
	free(shipped);
}

int main(void)
{
#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, config_fixture_setup,            \
					config_fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(there_is_a_working_example_for_each_platform),
		TEST(the_shipped_file_works_without_credentials),
		TEST(the_listing_of_the_manual_loads),
		TEST(the_defaults_it_shows_are_the_defaults),
		TEST(every_key_is_explained_in_the_shipped_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
