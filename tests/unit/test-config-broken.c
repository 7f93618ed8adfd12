/*
 * Broken configurations: tests/data/config/bad/NAME.conf, and beside each what
 * is to be said of it, NAME.expected, a line `LINE: text` for each problem.
 */

#include "otad/config/config.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "otad/base/file.h"

#include "support/config-fixture.h"

#define FILE_MAX (1024 * 1024)
#define DATA_DIR OTAD_SOURCE_ROOT "/tests/data/config"
/* Fewer than there are: a folder that is not found must not pass. */
#define CASES_MIN 100

static char *read_text(const char *path, size_t *ret_size)
{
	struct ota_error err;
	char *text = file_read(path, FILE_MAX, ret_size, &err);

	if (!text)
		fail_msg("%s", err.text);
	return text;
}

/* The problems as NAME.expected has them; owned. */
static char *print_problems(const struct config_report *report,
			    const char *path)
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	assert_non_null(stream);
	for (size_t i = 0; i < report->n_problems; i++) {
		assert_string_equal(report->problems[i].file, path);
		fprintf(stream, "%u: %s\n", report->problems[i].line,
			report->problems[i].text);
	}
	assert_int_equal(fclose(stream), 0);
	return text;
}

static bool check_case(struct config_fixture *fx, const char *path)
{
	struct config *config = fixture_load_path(fx, path);
	char expected_path[600], *expected, *found;
	size_t size;
	bool same;

	snprintf(expected_path, sizeof(expected_path), "%.*s.expected",
		 (int)(strlen(path) - strlen(".conf")), path);
	expected = read_text(expected_path, &size);
	found = print_problems(&fx->report, path);
	same = !config && !strcmp(expected, found) && *found;
	if (!same)
		print_error("%s\nexpected: %sfound: %s\n", path, expected,
			    found);
	config_unref(config);
	free(expected);
	free(found);
	return same;
}

static int is_conf(const struct dirent *entry)
{
	const char *end = strrchr(entry->d_name, '.');

	return end && !strcmp(end, ".conf");
}

static void each_mistake_is_named_with_its_line(void **state)
{
	struct config_fixture *fx = *state;
	struct dirent **entries = NULL;
	unsigned wrong = 0;
	int count = scandir(DATA_DIR "/bad", &entries, is_conf, alphasort);

	assert_true(count >= CASES_MIN);
	for (int i = 0; i < count; i++) {
		char path[800];

		snprintf(path, sizeof(path), DATA_DIR "/bad/%s",
			 entries[i]->d_name);
		wrong += !check_case(fx, path);
		free(entries[i]);
	}
	free(entries);
	assert_int_equal(wrong, 0);
}

/* Every problem there is names its place and says what is expected. */
static void assert_sound(const struct config_fixture *fx,
			 const struct config *config)
{
	if (config)
		assert_int_equal(fx->report.n_problems, 0);
	else
		assert_true(fx->report.n_problems > 0);
	for (size_t i = 0; i < fx->report.n_problems; i++) {
		const char *text = fx->report.problems[i].text;

		if (!strcasestr(text, "expected") && !strstr(text, "unknown"))
			fail_msg("says not what is expected: %s", text);
	}
}

static void every_beginning_of_a_file_loads_or_fails_cleanly(void **state)
{
	struct config_fixture *fx = *state;
	size_t size, loaded = 0;
	char *text = read_text(DATA_DIR "/good/everything.conf", &size);

	fixture_write_text(fx, "pem", "");
	setenv("CREDENTIALS_DIRECTORY", fx->dir, 1);
	for (size_t length = 0; length <= size; length++) {
		struct config *config;

		fixture_write(fx, "otad.conf", text, length);
		config = fixture_load(fx, "otad.conf");
		assert_sound(fx, config);
		loaded += config != NULL;
		config_unref(config);
	}
	free(text);
	/* The whole, and some that end at the end of a section. */
	assert_true(loaded > 1);
}

static void every_file_survives_a_spoilt_byte(void **state)
{
	static const char bytes[] = "\0\n\r\t =[]#;/%\x80\xFF";
	struct config_fixture *fx = *state;
	size_t size;
	char *text = read_text(DATA_DIR "/good/everything.conf", &size);

	fixture_write_text(fx, "pem", "");
	setenv("CREDENTIALS_DIRECTORY", fx->dir, 1);
	for (size_t at = 0; at < size; at++) {
		char kept = text[at];
		struct config *config;

		text[at] = bytes[at % (sizeof(bytes) - 1)];
		fixture_write(fx, "otad.conf", text, size);
		config = fixture_load(fx, "otad.conf");
		assert_sound(fx, config);
		config_unref(config);
		text[at] = kept;
	}
	free(text);
}

static void nonsense_is_told_by_its_beginning(void **state)
{
	struct config_fixture *fx = *state;
	size_t size = 500000;
	char *text = malloc(size);

	assert_non_null(text);
	for (size_t i = 0; i < size; i += 2)
		memcpy(text + i, "x\n", 2);
	fixture_write(fx, "otad.conf", text, size);
	free(text);
	assert_null(fixture_load(fx, "otad.conf"));
	assert_int_equal(fx->report.n_problems, 100);
	assert_int_equal(fx->report.problems[99].line, 100);
}

int main(void)
{
#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, config_fixture_setup,            \
					config_fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(each_mistake_is_named_with_its_line),
		TEST(every_beginning_of_a_file_loads_or_fails_cleanly),
		TEST(every_file_survives_a_spoilt_byte),
		TEST(nonsense_is_told_by_its_beginning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
