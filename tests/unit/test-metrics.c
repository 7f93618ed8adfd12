#include "otad/control/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "otad/base/file.h"
#include "otad/base/log.h"

#include "fake/loop.h"
#include "fake/updater.h"

#define MAX_BYTES (1024 * 1024)
/* Every module line of a full file, and everything else, is far below it. */
#define BOUND_BYTES (256 * 1024)

struct fixture {
	char folder[64];
	char path[96];
	struct loop *loop;
	struct updater *updater;
	struct metrics *metrics;
	struct ota_error err;
	char *text;
};

static int setup(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	strcpy(fx->folder, "/tmp/otad-metrics-XXXXXX");
	assert_non_null(mkdtemp(fx->folder));
	snprintf(fx->path, sizeof(fx->path), "%s/otad.prom", fx->folder);
	fx->loop = loop_new(&fx->err);
	fx->updater = fake_updater_new();
	fake_updater_add(fx->updater, DEVICE_SELF, NULL, "app", "1.0");
	fx->metrics = metrics_new(fx->loop, fx->updater, fx->path, &fx->err);
	assert_non_null(fx->metrics);
	*state = fx;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fx = *state;

	metrics_free(fx->metrics);
	assert_int_equal(fake_updater_listeners(fx->updater), 0);
	updater_free(fx->updater);
	loop_free(fx->loop);
	free(fx->text);
	unlink(fx->path);
	rmdir(fx->folder);
	free(fx);
	return 0;
}

static const char *read_file(struct fixture *fx)
{
	size_t size;

	free(fx->text);
	fx->text = file_read(fx->path, MAX_BYTES, &size, &fx->err);
	if (!fx->text)
		fail_msg("%s", fx->err.text);
	return fx->text;
}

/* Whole lines, anywhere in the file. */
static void expect_line(struct fixture *fx, const char *line)
{
	const char *text = read_file(fx);
	size_t size = strlen(line);

	for (const char *at = text; (at = strstr(at, line)); at += size) {
		if ((at == text || at[-1] == '\n') && at[size] == '\n')
			return;
	}
	fail_msg("no line %s in:\n%s", line, text);
}

static unsigned count_word(struct fixture *fx, const char *word)
{
	unsigned count = 0;

	for (const char *at = read_file(fx); (at = strstr(at, word)); at++)
		count++;
	return count;
}

static void end_job(struct fixture *fx, const char *device, const char *module,
		    enum job_state state)
{
	const struct job_view job = {
		.id = "7",
		.device = device,
		.class_name = strcmp(device, DEVICE_SELF) == 0 ? NULL : "meter",
		.module = module,
		.version = "1.1",
		.state = state,
		.received_bytes = 1000,
		.changed_ms = 1795248000500,
	};

	fake_updater_set_job(fx->updater, &job);
}

/* Whether a file is written in the next `ms`. */
static bool is_written_within(struct fixture *fx, uint64_t ms)
{
	unlink(fx->path);
	fake_loop_advance(fx->loop, ms);
	return file_exists(fx->path);
}

static void the_state_of_everything_is_told(void **state)
{
	struct fixture *fx = *state;
	struct updater_status *status = fake_updater_status(fx->updater);
	struct updater_stats *stats = fake_updater_stats(fx->updater);

	status->reports_waiting = 3;
	status->jobs_in[JOB_STATE_DOWNLOADING] = 2;
	status->jobs_in[JOB_STATE_SUCCEEDED] = 9; /* over: no job runs there */
	status->held = true;
	status->connected = false;
	stats->connects = 4;
	stats->uptime_ms = 1500;
	fake_loop_settle(fx->loop);
	expect_line(fx, "otad_info{version=\"1.0.0\",platform=\"hanqi\"} 1");
	expect_line(fx, "otad_connected 0");
	expect_line(fx, "otad_connection_changed_timestamp_seconds 1795248000");
	expect_line(fx, "otad_held 1");
	expect_line(fx, "otad_trial 0");
	expect_line(fx, "otad_uptime_seconds 1.5");
	expect_line(fx, "otad_reports_waiting 3");
	expect_line(fx, "otad_connects_total 4");
	expect_line(fx, "otad_jobs{state=\"downloading\"} 2");
	expect_line(fx, "otad_jobs{state=\"confirming\"} 0");
	assert_int_equal(count_word(fx, "otad_jobs{state=\"succeeded\"}"), 0);
	expect_line(fx, "otad_module_info{device=\"self\",module=\"app\","
			"type=\"binary\",version=\"1.0\"} 1");
	expect_line(fx, "otad_module_state{device=\"self\",module=\"app\","
			"state=\"idle\"} 1");
}

/* An alarm on an increase needs the 0 before the first failure. */
static void every_result_is_there_before_it_happens(void **state)
{
	struct fixture *fx = *state;

	fake_updater_add(fx->updater, "m1", "meter", "mcu", NULL);
	fake_loop_settle(fx->loop);
	expect_line(fx, "otad_jobs_total{result=\"failed\"} 0");
	expect_line(fx, "otad_updates_total{device=\"self\",module=\"app\","
			"result=\"rolled-back\"} 0");
	expect_line(fx, "otad_class_updates_total{class=\"meter\","
			"module=\"mcu\",result=\"failed\"} 0");
	expect_line(fx, "otad_class_devices{class=\"meter\",module=\"mcu\"} 1");
}

static void ends_are_counted_by_module_and_class(void **state)
{
	struct fixture *fx = *state;
	const struct update_counts counts = {
		.succeeded = 3, .failed = 2, .rolled_back = 1,
		.bytes = 4096, .ms = 1250,
	};

	fake_updater_add(fx->updater, "m1", "meter", "mcu", NULL);
	fake_updater_set_counts(fx->updater, "m1", "mcu", &counts);
	end_job(fx, "m1", "mcu", JOB_STATE_FAILED);
	end_job(fx, DEVICE_SELF, "app", JOB_STATE_SUCCEEDED);
	end_job(fx, DEVICE_SELF, "app", JOB_STATE_ROLLED_BACK);
	end_job(fx, DEVICE_SELF, "app", JOB_STATE_DOWNLOADING);
	fake_loop_advance(fx->loop, METRICS_SETTLE_MS);
	expect_line(fx, "otad_jobs_total{result=\"succeeded\"} 1");
	expect_line(fx, "otad_jobs_total{result=\"failed\"} 1");
	expect_line(fx, "otad_jobs_total{result=\"rolled-back\"} 1");
	expect_line(fx, "otad_download_bytes_total 3000");
	expect_line(fx, "otad_class_updates_total{class=\"meter\","
			"module=\"mcu\",result=\"failed\"} 1");
	expect_line(fx, "otad_updates_total{device=\"m1\",module=\"mcu\","
			"result=\"succeeded\"} 3");
	expect_line(fx, "otad_updates_total{device=\"m1\",module=\"mcu\","
			"result=\"failed\"} 2");
	expect_line(fx, "otad_updates_total{device=\"m1\",module=\"mcu\","
			"result=\"rolled-back\"} 1");
	/* The gateway's modules have lines of their own. */
	assert_int_equal(count_word(fx, "{class=\"\""), 0);
	expect_line(fx, "otad_update_bytes_total{device=\"m1\","
			"module=\"mcu\"} 4096");
	expect_line(fx, "otad_update_seconds_total{device=\"m1\","
			"module=\"mcu\"} 1.25");
	expect_line(fx, "otad_module_state{device=\"m1\",module=\"mcu\","
			"state=\"failed\"} 1");
	expect_line(fx, "otad_module_state_changed_timestamp_seconds"
			"{device=\"m1\",module=\"mcu\"} 1795248000.5");
}

static void what_went_before_this_start_is_counted(void **state)
{
	struct fixture *fx = *state;
	struct updater_stats *stats = fake_updater_stats(fx->updater);

	stats->failed = 5;
	stats->bytes_downloaded = 100;
	metrics_free(fx->metrics);
	fx->metrics = metrics_new(fx->loop, fx->updater, fx->path, &fx->err);
	end_job(fx, DEVICE_SELF, "app", JOB_STATE_FAILED);
	fake_loop_advance(fx->loop, METRICS_SETTLE_MS);
	expect_line(fx, "otad_jobs_total{result=\"failed\"} 6");
	expect_line(fx, "otad_download_bytes_total 1100");
}

static void labels_are_escaped(void **state)
{
	struct fixture *fx = *state;

	fake_updater_status(fx->updater)->version = "a\"b\\c\nd";
	fake_updater_add(fx->updater, "电表", "m\"", "固件", NULL);
	fake_loop_settle(fx->loop);
	expect_line(fx, "otad_info{version=\"a\\\"b\\\\c\\nd\","
			"platform=\"hanqi\"} 1");
	expect_line(fx, "otad_class_devices{class=\"m\\\"\",module=\"固件\"} 1");
	expect_line(fx, "otad_module_state{device=\"电表\",module=\"固件\","
			"state=\"idle\"} 1");
}

static void every_metric_is_described_once_and_in_one_piece(void **state)
{
	struct fixture *fx = *state;
	char seen[64][64];
	size_t n_seen = 0;
	char *line, *rest;

	fake_updater_add(fx->updater, "m1", "meter", "mcu", NULL);
	fake_loop_settle(fx->loop);
	read_file(fx);
	for (line = strtok_r(fx->text, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		char name[64];

		if (sscanf(line, "# TYPE %63s", name) == 1) {
			for (size_t i = 0; i < n_seen; i++)
				assert_string_not_equal(seen[i], name);
			assert_true(n_seen < 64);
			strcpy(seen[n_seen++], name);
		} else if (line[0] != '#') {
			assert_true(n_seen > 0);
			snprintf(name, sizeof(name), "%.*s",
				 (int)strcspn(line, "{ "), line);
			assert_string_equal(name, seen[n_seen - 1]);
			assert_int_equal(strncmp(name, "otad_", 5), 0);
		}
	}
	assert_in_range(n_seen, 20, 64);
}

static void a_fleet_makes_no_large_file(void **state)
{
	struct fixture *fx = *state;
	char name[32];

	for (unsigned i = 0; i < METRICS_MAX_MODULES - 1; i++) {
		snprintf(name, sizeof(name), "m%u", i);
		fake_updater_add(fx->updater, name, "meter", "mcu", NULL);
	}
	fake_loop_settle(fx->loop);
	assert_int_equal(count_word(fx, "otad_module_info{"),
			 METRICS_MAX_MODULES);
	assert_in_range(strlen(fx->text), 1, BOUND_BYTES);

	fake_updater_add(fx->updater, "one more", "meter", "mcu", NULL);
	end_job(fx, "m3", "mcu", JOB_STATE_FAILED);
	fake_loop_advance(fx->loop, METRICS_PAUSE_MS);
	assert_int_equal(count_word(fx, "otad_module_info{"), 1);
	assert_int_equal(count_word(fx, "device=\"m"), 0);
	expect_line(fx, "otad_class_devices{class=\"meter\",module=\"mcu\"} 100");
	expect_line(fx, "otad_class_updates_total{class=\"meter\","
			"module=\"mcu\",result=\"failed\"} 1");
}

static void so_many_classes_and_no_more(void **state)
{
	struct fixture *fx = *state;
	char name[32], class_name[32];

	for (unsigned i = 0; i < METRICS_MAX_CLASSES + 5; i++) {
		snprintf(name, sizeof(name), "m%u", i);
		snprintf(class_name, sizeof(class_name), "c%u", i);
		fake_updater_add(fx->updater, name, class_name, "mcu", NULL);
	}
	fake_loop_settle(fx->loop);
	assert_int_equal(count_word(fx, "otad_class_devices{"),
			 METRICS_MAX_CLASSES);
}

static void it_is_written_at_once_and_every_minute(void **state)
{
	struct fixture *fx = *state;
	struct stat st;

	assert_false(file_exists(fx->path));
	fake_loop_settle(fx->loop);
	assert_int_equal(stat(fx->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_false(is_written_within(fx, METRICS_INTERVAL_MS - 1));
	assert_true(is_written_within(fx, 1));
	assert_true(is_written_within(fx, METRICS_INTERVAL_MS));
}

static void the_end_of_a_job_is_told_within_seconds(void **state)
{
	struct fixture *fx = *state;

	fake_loop_settle(fx->loop);
	assert_false(is_written_within(fx, METRICS_PAUSE_MS));
	end_job(fx, DEVICE_SELF, "app", JOB_STATE_DOWNLOADING);
	assert_false(is_written_within(fx, METRICS_SETTLE_MS));
	end_job(fx, DEVICE_SELF, "app", JOB_STATE_SUCCEEDED);
	assert_false(is_written_within(fx, METRICS_SETTLE_MS - 1));
	assert_true(is_written_within(fx, 1));
	/* And the minute begins anew. */
	assert_false(is_written_within(fx, METRICS_INTERVAL_MS - 1));
	assert_true(is_written_within(fx, 1));
}

static void many_ends_make_few_files(void **state)
{
	struct fixture *fx = *state;
	unsigned files = 0;

	fake_loop_settle(fx->loop);
	for (unsigned i = 0; i < 600; i++) {
		end_job(fx, DEVICE_SELF, "app", JOB_STATE_SUCCEEDED);
		files += is_written_within(fx, 100);
	}
	assert_in_range(files, 5, 60 * 1000 / METRICS_PAUSE_MS);
	end_job(fx, DEVICE_SELF, "app", JOB_STATE_SUCCEEDED);
	assert_true(is_written_within(fx, METRICS_PAUSE_MS));
	expect_line(fx, "otad_jobs_total{result=\"succeeded\"} 601");
}

/* On standard error, where the log of a test goes. */
static unsigned lines_said_in(struct fixture *fx, uint64_t ms)
{
	int before = dup(STDERR_FILENO);
	FILE *log = tmpfile();
	unsigned lines = 0;
	int c;

	assert_non_null(log);
	assert_int_equal(dup2(fileno(log), STDERR_FILENO), STDERR_FILENO);
	log_open(LOG_TARGET_STDERR, LOG_LEVEL_INFO);
	fake_loop_advance(fx->loop, ms);
	assert_int_equal(dup2(before, STDERR_FILENO), STDERR_FILENO);
	close(before);
	rewind(log);
	while ((c = fgetc(log)) != EOF)
		lines += c == '\n';
	fclose(log);
	return lines;
}

static void a_folder_that_comes_later_gets_its_file(void **state)
{
	struct fixture *fx = *state;
	char path[128];

	snprintf(path, sizeof(path), "%s/later/otad.prom", fx->folder);
	assert_true(metrics_set_path(fx->metrics, path, &fx->err));
	assert_int_equal(lines_said_in(fx, 2 * METRICS_INTERVAL_MS), 1);
	assert_false(file_exists(path));
	*strrchr(path, '/') = '\0';
	assert_int_equal(mkdir(path, 0755), 0);
	fake_loop_advance(fx->loop, METRICS_INTERVAL_MS);
	strcat(path, "/otad.prom");
	assert_true(file_exists(path));
	unlink(path);
	*strrchr(path, '/') = '\0';
	assert_int_equal(rmdir(path), 0);
}

static void without_a_path_nothing_is_written_but_counted(void **state)
{
	struct fixture *fx = *state;

	assert_true(metrics_set_path(fx->metrics, NULL, &fx->err));
	end_job(fx, DEVICE_SELF, "app", JOB_STATE_FAILED);
	assert_false(is_written_within(fx, 2 * METRICS_INTERVAL_MS));
	assert_int_equal(fake_loop_next_ms(fx->loop), LOOP_NEVER);
	assert_true(metrics_set_path(fx->metrics, fx->path, &fx->err));
	fake_loop_settle(fx->loop);
	expect_line(fx, "otad_jobs_total{result=\"failed\"} 1");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_state_of_everything_is_told),
		TEST(every_result_is_there_before_it_happens),
		TEST(ends_are_counted_by_module_and_class),
		TEST(what_went_before_this_start_is_counted),
		TEST(labels_are_escaped),
		TEST(every_metric_is_described_once_and_in_one_piece),
		TEST(a_fleet_makes_no_large_file),
		TEST(so_many_classes_and_no_more),
		TEST(it_is_written_at_once_and_every_minute),
		TEST(the_end_of_a_job_is_told_within_seconds),
		TEST(many_ends_make_few_files),
		TEST(a_folder_that_comes_later_gets_its_file),
		TEST(without_a_path_nothing_is_written_but_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
