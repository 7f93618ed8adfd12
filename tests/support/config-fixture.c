#include "support/config-fixture.h"

#include <ftw.h>
#include <libgen.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const colours[] = { "red", "green", NULL };

static const struct platform_key plain_cloud[] = {
	{ .name = "Id", .kind = KEY_TEXT, .required = true },
	{ .name = "Note", .kind = KEY_FREE },
	{ .name = "SecretFile", .kind = KEY_PATH },
	{ .name = "Interval", .kind = KEY_TIME },
	{ .name = "Verbose", .kind = KEY_BOOL },
	{ .name = "Colour", .kind = KEY_CHOICE, .choices = colours },
	{ .name = NULL },
};
static const struct platform_key plain_device[] = {
	{ .name = "Id", .kind = KEY_TEXT },
	{ .name = NULL },
};
static const struct platform_key strict_cloud[] = {
	{ .name = "Key",
	  .kind = KEY_TEXT,
	  .required = true,
	  .same_as = "OldKey" },
	{ .name = NULL },
};
static const struct platform_key strict_device[] = {
	{ .name = "Serial", .kind = KEY_TEXT, .required = true },
	{ .name = NULL },
};

static const struct platform_key lent_cloud[] = {
	{ .name = "User", .kind = KEY_TEXT, .or_mqtt_username = true },
	{ .name = NULL },
};
static const struct platform_key no_keys[] = { { .name = NULL } };

static const struct platform_keys platforms[] = {
	{
		.platform = "plain",
		.cloud = plain_cloud,
		.device = plain_device,
		.default_module = "default",
		.allow_http = true,
		.clean_session = true,
	},
	{
		.platform = "strict",
		.cloud = strict_cloud,
		.device = strict_device,
		.default_module = "main",
		.check_interval_ms = 60000,
	},
	{
		.platform = "lent",
		.cloud = lent_cloud,
		.device = no_keys,
		.default_module = "main",
	},
	{ .platform = NULL },
};

const struct platform_keys *test_platforms(void)
{
	return platforms;
}

int config_fixture_setup(void **state)
{
	struct config_fixture *fx = calloc(1, sizeof(*fx));

	assert_non_null(fx);
	strcpy(fx->dir, "/tmp/otad-config-XXXXXX");
	assert_non_null(mkdtemp(fx->dir));
	unsetenv("STATE_DIRECTORY");
	unsetenv("RUNTIME_DIRECTORY");
	unsetenv("CONFIGURATION_DIRECTORY");
	unsetenv("CREDENTIALS_DIRECTORY");
	*state = fx;
	return 0;
}

static int remove_one(const char *path, const struct stat *info, int type,
		      struct FTW *position)
{
	return remove(path);
}

int config_fixture_teardown(void **state)
{
	struct config_fixture *fx = *state;

	config_report_done(&fx->report);
	nftw(fx->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(fx);
	return 0;
}

const char *fixture_path(struct config_fixture *fx, const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", fx->dir, name);
	return path;
}

void fixture_write(struct config_fixture *fx, const char *name,
		   const void *text, size_t size)
{
	char dir[256];
	FILE *file;

	strcpy(dir, fixture_path(fx, name));
	mkdir(dirname(dir), 0755);
	file = fopen(fixture_path(fx, name), "w");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

void fixture_write_text(struct config_fixture *fx, const char *name,
			const char *text)
{
	fixture_write(fx, name, text, strlen(text));
}

struct config *fixture_load_path(struct config_fixture *fx, const char *path)
{
	struct config_source source = {
		.file = path,
		.platforms = test_platforms(),
	};

	config_report_done(&fx->report);
	return config_load(&source, &fx->report);
}

struct config *fixture_load(struct config_fixture *fx, const char *name)
{
	return fixture_load_path(fx, fixture_path(fx, name));
}

struct config *fixture_load_text(struct config_fixture *fx, const char *text)
{
	fixture_write_text(fx, "otad.conf", text);
	return fixture_load(fx, "otad.conf");
}

struct config *fixture_must_load(struct config_fixture *fx, const char *text)
{
	struct config *config = fixture_load_text(fx, text);

	if (!config)
		fail_msg("%s:%u: %s", fx->report.problems[0].file,
			 fx->report.problems[0].line,
			 fx->report.problems[0].text);
	assert_int_equal(fx->report.n_problems, 0);
	return config;
}

void fixture_must_fail(struct config_fixture *fx, const char *text,
		       unsigned line, const char *beginning)
{
	const struct config_problem *problem;

	assert_null(fixture_load_text(fx, text));
	problem = fx->report.problems;
	if (fx->report.n_problems != 1 || problem->line != line ||
	    strncmp(problem->text, beginning, strlen(beginning)) != 0)
		fail_msg("%zu problems, first at %u: %s; expected %u: %s",
			 fx->report.n_problems, problem->line, problem->text,
			 line, beginning);
	assert_string_equal(problem->file, fixture_path(fx, "otad.conf"));
}
