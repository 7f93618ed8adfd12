#include "otad/config/config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/config-fixture.h"

#define FILE_MAX (1024 * 1024)

static void assert_problem(struct config_fixture *fx, size_t index,
			   const char *name, unsigned line,
			   const char *beginning)
{
	const struct config_problem *problem = &fx->report.problems[index];

	assert_true(index < fx->report.n_problems);
	assert_string_equal(problem->file, fixture_path(fx, name));
	assert_int_equal(problem->line, line);
	if (strncmp(problem->text, beginning, strlen(beginning)) != 0)
		fail_msg("%s; expected %s", problem->text, beginning);
}

static void a_missing_file_says_what_to_do(void **state)
{
	struct config_fixture *fx = *state;

	assert_null(fixture_load(fx, "otad.conf"));
	assert_int_equal(fx->report.n_problems, 1);
	assert_problem(fx, 0, "otad.conf", 0,
		       "cannot be read: No such file or directory; create it "
		       "or give --config");
}

static void what_passes_is_no_mistake_of_the_file(void **state)
{
	struct config_fixture *fx = *state;
	struct rlimit before, none = { 0 };

	assert_null(fixture_load(fx, "missing.conf"));
	assert_false(fx->report.unreadable);
	fixture_write_text(fx, "otad.conf", TEST_MINIMUM);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none.rlim_max = before.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_null(fixture_load(fx, "otad.conf"));
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_true(fx->report.unreadable);
	assert_problem(fx, 0, "otad.conf", 0,
		       "cannot be read: Too many open files");
}

static bool disk_is_broken;

ssize_t read(int fd, void *buffer, size_t size)
{
	if (disk_is_broken) {
		errno = EIO;
		return -1;
	}
	return syscall(SYS_read, fd, buffer, size);
}

static void nor_is_a_broken_disk(void **state)
{
	struct config_fixture *fx = *state;

	fixture_write_text(fx, "otad.conf", TEST_MINIMUM);
	disk_is_broken = true;
	assert_null(fixture_load(fx, "otad.conf"));
	disk_is_broken = false;
	assert_true(fx->report.unreadable);
	assert_problem(fx, 0, "otad.conf", 0,
		       "cannot be read: Input/output error");
}

static void nobody_has_said_who_we_are(void **state)
{
	struct config_fixture *fx = *state;

	assert_null(fixture_load_text(fx, "[Cloud]\n[Mqtt]\nPort=1883\n"));
	assert_true(fx->report.unconfigured);
	assert_null(fixture_load_text(fx, "# nothing\n"));
	assert_true(fx->report.unconfigured);
	/* One of the two, or another mistake: somebody has begun. */
	assert_null(fixture_load_text(fx, TEST_CLOUD));
	assert_false(fx->report.unconfigured);
	assert_null(fixture_load_text(fx, "[Mqtt]\nHost=broker.example\n"));
	assert_false(fx->report.unconfigured);
	assert_null(fixture_load_text(fx, "[Clout]\n"));
	assert_false(fx->report.unconfigured);
	assert_null(fixture_load_text(fx, "[Cloud]\n[Mqtt]\nPort=none\n"));
	assert_false(fx->report.unconfigured);
	config_unref(fixture_must_load(fx, TEST_MINIMUM));
	assert_false(fx->report.unconfigured);
	assert_null(fixture_load(fx, "missing.conf"));
	assert_false(fx->report.unconfigured);
}

static void a_folder_is_no_file(void **state)
{
	struct config_fixture *fx = *state;

	assert_null(fixture_load_path(fx, fx->dir));
	assert_int_equal(fx->report.n_problems, 1);
	assert_non_null(strstr(fx->report.problems[0].text, "cannot be read"));
}

static void a_file_of_more_than_a_megabyte_is_refused(void **state)
{
	struct config_fixture *fx = *state;
	char *text = malloc(FILE_MAX + 1);
	struct config *config;

	assert_non_null(text);
	memset(text, '\n', FILE_MAX + 1);
	memcpy(text, TEST_MINIMUM, strlen(TEST_MINIMUM));
	fixture_write(fx, "otad.conf", text, FILE_MAX);
	config = fixture_load(fx, "otad.conf");
	assert_non_null(config);
	config_unref(config);
	fixture_write(fx, "otad.conf", text, FILE_MAX + 1);
	assert_null(fixture_load(fx, "otad.conf"));
	assert_problem(fx, 0, "otad.conf", 0, "cannot be read");
	free(text);
}

static void later_drop_ins_win(void **state)
{
	struct config_fixture *fx = *state;
	struct config *config;

	fixture_write_text(fx, "otad.conf", TEST_MINIMUM
			   "Username=main\nClientId=main\n"
			   "[Class meter]\nModule=mcu exec /main\n");
	fixture_write_text(fx, "otad.conf.d/9.conf", "[Mqtt]\nUsername=9\n");
	fixture_write_text(fx, "otad.conf.d/10.conf",
			   "[Mqtt]\nUsername=10\nClientId=10\n"
			   "[Class meter]\nModule=radio exec /drop-in\n");
	fixture_write_text(fx, "otad.conf.d/a.conf", "[Mqtt]\nKeepAlive=7s\n");
	fixture_write_text(fx, "otad.conf.d/B.conf", "[Mqtt]\nKeepAlive=6s\n");
	config = fixture_load(fx, "otad.conf");
	assert_non_null(config);
	/* Byte order: 10 before 9, B before a. */
	assert_string_equal(config->mqtt.username, "9");
	assert_string_equal(config->mqtt.client_id, "10");
	assert_int_equal(config->mqtt.keep_alive_ms, 7000);
	assert_int_equal(config->classes[0].n_modules, 2);
	config_unref(config);
}

/* Not among the keys that are stored as they are read. */
static void a_later_platform_wins_too(void **state)
{
	struct config_fixture *fx = *state;
	struct config *config;

	fixture_write_text(fx, "otad.conf", TEST_MINIMUM);
	fixture_write_text(fx, "otad.conf.d/1.conf", "[Cloud]\nPlatform=none\n");
	assert_null(fixture_load(fx, "otad.conf"));
	fixture_write_text(fx, "otad.conf.d/2.conf", TEST_CLOUD);
	config = fixture_load(fx, "otad.conf");
	assert_non_null(config);
	config_unref(config);
}

static void only_conf_files_are_drop_ins(void **state)
{
	struct config_fixture *fx = *state;
	struct config *config;

	fixture_write_text(fx, "otad.conf", TEST_MINIMUM);
	fixture_write_text(fx, "otad.conf.d/a.conf.dpkg-old", "junk\n");
	fixture_write_text(fx, "otad.conf.d/README", "junk\n");
	fixture_write_text(fx, "otad.conf.d/.hidden.conf", "junk\n");
	config = fixture_load(fx, "otad.conf");
	assert_non_null(config);
	config_unref(config);
}

static void another_file_has_its_own_drop_ins(void **state)
{
	struct config_fixture *fx = *state;
	struct config *config;

	fixture_write_text(fx, "gateway.ini", TEST_MINIMUM);
	fixture_write_text(fx, "otad.conf.d/a.conf", "junk\n");
	fixture_write_text(fx, "gateway.ini.d/a.conf", "[Mqtt]\nPort=9\n");
	config = fixture_load(fx, "gateway.ini");
	assert_non_null(config);
	assert_int_equal(config->mqtt.port, 9);
	config_unref(config);
}

static void problems_name_the_file_they_are_in(void **state)
{
	struct config_fixture *fx = *state;

	fixture_write_text(fx, "otad.conf", TEST_MINIMUM "Port=x\n");
	fixture_write_text(fx, "otad.conf.d/a.conf", "\n[Mqtt]\nTls=x\njunk\n");
	fixture_write_text(fx, "otad.conf.d/b.conf", "[Device d]\nClass=no\n");
	assert_null(fixture_load(fx, "otad.conf"));
	assert_int_equal(fx->report.n_problems, 4);
	assert_problem(fx, 0, "otad.conf", 6, "Port=x");
	assert_problem(fx, 1, "otad.conf.d/a.conf", 3, "Tls=x");
	assert_problem(fx, 2, "otad.conf.d/a.conf", 4, "expected Key=value");
	assert_problem(fx, 3, "otad.conf.d/b.conf", 2, "Class=no");
}

static void an_unreadable_drop_in_is_a_problem(void **state)
{
	struct config_fixture *fx = *state;

	fixture_write_text(fx, "otad.conf", TEST_MINIMUM);
	fixture_write_text(fx, "otad.conf.d/c.conf", "");
	assert_int_equal(mkdir(fixture_path(fx, "otad.conf.d/d.conf"), 0755),
			 0);
	assert_null(fixture_load(fx, "otad.conf"));
	assert_problem(fx, 0, "otad.conf.d/d.conf", 0, "cannot be read");

	assert_int_equal(unlink(fixture_path(fx, "otad.conf.d/c.conf")), 0);
	assert_int_equal(rmdir(fixture_path(fx, "otad.conf.d/d.conf")), 0);
	assert_int_equal(rmdir(fixture_path(fx, "otad.conf.d")), 0);
	fixture_write_text(fx, "otad.conf.d", "a file, no folder");
	assert_null(fixture_load(fx, "otad.conf"));
	assert_problem(fx, 0, "otad.conf.d", 0, "cannot be read");
}

static void assert_directories(struct config_fixture *fx, const char *state_dir,
			       const char *runtime_dir)
{
	struct config *config = fixture_load(fx, "otad.conf");

	assert_non_null(config);
	assert_string_equal(config->state_dir, state_dir);
	assert_string_equal(config->runtime_dir, runtime_dir);
	config_unref(config);
}

static void the_environment_wins_over_the_paths_configured(void **state)
{
	struct config_fixture *fx = *state;

	fixture_write_text(fx, "otad.conf", TEST_MINIMUM);
	assert_directories(fx, OTAD_STATE_DIR, OTAD_RUNTIME_DIR);
	fixture_write_text(fx, "otad.conf.d/a.conf",
			   "[Paths]\nStateDirectory=/srv/state\n"
			   "RuntimeDirectory=/srv/run\n");
	assert_directories(fx, "/srv/state", "/srv/run");
	setenv("STATE_DIRECTORY", "/env/state:/env/other", 1);
	assert_directories(fx, "/env/state", "/srv/run");
	setenv("RUNTIME_DIRECTORY", "/env/run", 1);
	assert_directories(fx, "/env/state", "/env/run");
	setenv("STATE_DIRECTORY", "", 1);
	assert_directories(fx, "/srv/state", "/env/run");
}

static void metrics_are_written_where_that_is_configured(void **state)
{
	struct config_fixture *fx = *state;
	struct config *config;

	fixture_write_text(fx, "otad.conf", TEST_MINIMUM);
	config = fixture_load(fx, "otad.conf");
	assert_null(config->metrics_file);
	config_unref(config);
	fixture_write_text(fx, "otad.conf",
			   TEST_MINIMUM "[Paths]\nMetricsFile=/srv/otad.prom\n");
	config = fixture_load(fx, "otad.conf");
	assert_string_equal(config->metrics_file, "/srv/otad.prom");
	config_unref(config);
	fixture_write_text(fx, "otad.conf",
			   TEST_MINIMUM "[Paths]\nMetricsFile=otad.prom\n");
	assert_null(fixture_load(fx, "otad.conf"));
	assert_problem(fx, 0, "otad.conf", 7, "MetricsFile");
}

static void the_environment_names_the_configuration(void **state)
{
	struct config_fixture *fx = *state;
	struct config *config;

	fixture_write_text(fx, "otad.conf", TEST_MINIMUM);
	setenv("CONFIGURATION_DIRECTORY", fx->dir, 1);
	config = fixture_load_path(fx, NULL);
	assert_non_null(config);
	config_unref(config);
	/* What was asked for by name comes first. */
	assert_null(fixture_load(fx, "other.conf"));
	assert_problem(fx, 0, "other.conf", 0, "cannot be read");
}

static void ten_thousand_devices_load(void **state)
{
	struct config_fixture *fx = *state;
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);
	struct config *config;

	assert_non_null(stream);
	fputs(TEST_MINIMUM "[Class meter]\nModule=mcu exec /flash\n", stream);
	for (unsigned i = 0; i < 10000; i++)
		fprintf(stream, "[Device meter-%u]\nClass=meter\n", i);
	assert_int_equal(fclose(stream), 0);
	fixture_write(fx, "otad.conf", text, size);
	free(text);
	config = fixture_load(fx, "otad.conf");
	assert_non_null(config);
	assert_int_equal(config->n_devices, 10001);
	assert_string_equal(config->devices[10000]->name, "meter-9999");
	config_unref(config);
}

static void a_secret_is_the_first_line_of_its_file(void **state)
{
	static const char *const texts[] = { "s3cr3t ", "s3cr3t \n",
					     "s3cr3t \r\n",
					     "s3cr3t \nmore\n" };
	struct config_fixture *fx = *state;
	struct ota_error err = OTA_ERROR_INIT;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char *secret;

		fixture_write_text(fx, "secret", texts[i]);
		secret = config_read_secret(fixture_path(fx, "secret"), &err);
		assert_non_null(secret);
		assert_string_equal(secret, "s3cr3t ");
		assert_null(config_secret_free(secret));
	}
	assert_null(config_secret_free(NULL));
}

static void what_is_no_secret_is_refused_without_telling_it(void **state)
{
	struct config_fixture *fx = *state;
	struct ota_error err = OTA_ERROR_INIT;
	char large[4097];

	assert_null(config_read_secret(fixture_path(fx, "secret"), &err));
	assert_int_equal(err.kind, OTA_ERROR_NOT_FOUND);
	fixture_write_text(fx, "secret", "");
	assert_null(config_read_secret(fixture_path(fx, "secret"), &err));
	assert_int_equal(err.kind, OTA_ERROR_PROTOCOL);
	fixture_write_text(fx, "secret", "\ns3cr3t");
	assert_null(config_read_secret(fixture_path(fx, "secret"), &err));
	fixture_write(fx, "secret", "s3cr3t\0x", 8);
	assert_null(config_read_secret(fixture_path(fx, "secret"), &err));
	assert_null(strstr(err.text, "s3cr3t"));
	memset(large, 's', sizeof(large));
	fixture_write(fx, "secret", large, sizeof(large));
	assert_null(config_read_secret(fixture_path(fx, "secret"), &err));
	assert_null(config_read_secret(fx->dir, &err));
}

int main(void)
{
#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, config_fixture_setup,            \
					config_fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_missing_file_says_what_to_do),
		TEST(what_passes_is_no_mistake_of_the_file),
		TEST(nor_is_a_broken_disk),
		TEST(nobody_has_said_who_we_are),
		TEST(a_folder_is_no_file),
		TEST(a_file_of_more_than_a_megabyte_is_refused),
		TEST(later_drop_ins_win),
		TEST(a_later_platform_wins_too),
		TEST(only_conf_files_are_drop_ins),
		TEST(another_file_has_its_own_drop_ins),
		TEST(problems_name_the_file_they_are_in),
		TEST(an_unreadable_drop_in_is_a_problem),
		TEST(the_environment_wins_over_the_paths_configured),
		TEST(metrics_are_written_where_that_is_configured),
		TEST(the_environment_names_the_configuration),
		TEST(ten_thousand_devices_load),
		TEST(a_secret_is_the_first_line_of_its_file),
		TEST(what_is_no_secret_is_refused_without_telling_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
