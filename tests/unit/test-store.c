#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "otad/base/file.h"

#include "../../src/update/history.h"
#include "../../src/update/job.h"
#include "../../src/update/module-record.h"
#include "../../src/update/power.h"
#include "../../src/update/store.h"

static bool folder_breaks; /* while it is read */

struct dirent *readdir(DIR *dir)
{
	static struct dirent *(*real)(DIR *dir);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "readdir64");
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "readdir");
	if (!folder_breaks)
		return real(dir);
	errno = EIO;
	return NULL;
}

/* Of the next files that are opened to be read. */
static struct {
	unsigned count;
	int why;
} bad_reads;

int fstat(int fd, struct stat *st)
{
	if (bad_reads.count == 0)
		return fstatat(fd, "", st, AT_EMPTY_PATH);
	bad_reads.count--;
	errno = bad_reads.why;
	return -1;
}

static struct {
	unsigned of_folders;
	bool fail; /* those of content */
} syncs;

int fsync(int fd)
{
	struct stat st;

	syncs.of_folders += fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
	return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	if (!syncs.fail)
		return (int)syscall(SYS_fdatasync, fd);
	errno = EIO;
	return -1;
}

struct fixture {
	char dir[64];
	struct store store;
	struct job job;
	struct history_totals totals;
	struct ota_error err;
	size_t entries;
	char last[JOB_ID_SIZE];
	enum ota_error_kind last_error;
};

static int set_up(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	bad_reads.count = 0;
	syncs.fail = false;
	strcpy(fx->dir, "/tmp/otad-test-XXXXXX");
	assert_non_null(mkdtemp(fx->dir));
	if (!store_open(&fx->store, fx->dir, &fx->err))
		fail_msg("%s", fx->err.text);
	strcpy(fx->job.id, "0000000000000001");
	fx->job.offer = offer_new();
	fx->job.offer->device = strdup("self");
	fx->job.offer->module = strdup("app");
	fx->job.offer->version = strdup("1.0.1");
	fx->job.offer->url = strdup("http://x/y");
	digest_set(&fx->job.offer->md5, DIGEST_MD5,
		   "d41d8cd98f00b204e9800998ecf8427e");
	fx->job.old_version = strdup("1.0.0");
	fx->job.state = JOB_STATE_SUCCEEDED;
	*state = fx;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fx = *state;
	char command[128];

	store_close(&fx->store);
	snprintf(command, sizeof(command), "rm -rf %s", fx->dir);
	assert_int_equal(system(command), 0);
	offer_free(fx->job.offer);
	free(fx->job.old_version);
	free(fx->job.cause_text);
	free(fx);
	return 0;
}

static bool count(const struct history_entry *entry, void *user_data)
{
	struct fixture *fx = user_data;

	fx->entries++;
	snprintf(fx->last, sizeof(fx->last), "%s", entry->job);
	fx->last_error = entry->error;
	return true;
}

static size_t entries(struct fixture *fx, size_t limit)
{
	fx->entries = 0;
	if (!history_read(&fx->store, limit, count, fx, &fx->err))
		fail_msg("%s", fx->err.text);
	return fx->entries;
}

static void append(struct fixture *fx, unsigned number)
{
	snprintf(fx->job.id, sizeof(fx->job.id), "%016x", number);
	if (!history_append(&fx->store, &fx->job, &fx->totals, &fx->err))
		fail_msg("%s", fx->err.text);
}

static void damage(struct fixture *fx, const char *tail)
{
	char path[96];
	FILE *file;

	snprintf(path, sizeof(path), "%s/history.jsonl", fx->dir);
	file = fopen(path, "a");
	fputs(tail, file);
	fclose(file);
}

static void no_history_is_an_empty_one(void **state)
{
	assert_int_equal(entries(*state, 10), 0);
}

static void the_last_entries_come_oldest_first(void **state)
{
	struct fixture *fx = *state;

	for (unsigned i = 1; i <= 5; i++)
		append(fx, i);
	assert_int_equal(entries(fx, 3), 3);
	assert_string_equal(fx->last, "0000000000000005");
	assert_int_equal(entries(fx, 100), 5);
}

static void an_entry_tells_why_it_failed(void **state)
{
	struct fixture *fx = *state;

	fx->job.state = JOB_STATE_FAILED;
	fx->job.cause = OTA_ERROR_DIGEST_MISMATCH;
	append(fx, 1);
	assert_int_equal(entries(fx, 1), 1);
	assert_int_equal(fx->last_error, OTA_ERROR_DIGEST_MISMATCH);
}

static off_t history_size(const struct fixture *fx)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/history.jsonl", fx->dir);
	return (off_t)file_size_bytes(path);
}

/* The next attempt would take it for written, and go on with the report. */
static void a_line_that_is_not_synced_does_not_stay(void **state)
{
	struct fixture *fx = *state;
	off_t before;

	append(fx, 1);
	before = history_size(fx);
	strcpy(fx->job.id, "0000000000000002");
	syncs.fail = true;
	assert_false(history_append(&fx->store, &fx->job, &fx->totals, &fx->err));
	syncs.fail = false;
	assert_int_equal(fx->err.sys_errno, EIO);
	assert_int_equal(history_size(fx), before);
	assert_int_equal(fx->totals.succeeded, 1);
}

static void half_a_line_is_a_failure(void **state)
{
	struct fixture *fx = *state;
	struct rlimit limit, before;
	off_t size;
	bool ok;

	append(fx, 1);
	size = history_size(fx);
	strcpy(fx->job.id, "0000000000000002");
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = (rlim_t)size + 10;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ok = history_append(&fx->store, &fx->job, &fx->totals, &fx->err);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_false(ok);
	assert_int_equal(history_size(fx), size);
}

static void a_job_told_again_after_a_power_cut_stands_once(void **state)
{
	struct fixture *fx = *state;

	append(fx, 1);
	append(fx, 1);
	assert_int_equal(entries(fx, 100), 1);
}

static void a_torn_last_line_is_written_over(void **state)
{
	struct fixture *fx = *state;

	append(fx, 1);
	damage(fx, "{\"job\":\"000000000000");
	assert_int_equal(entries(fx, 100), 1);
	append(fx, 2);
	assert_int_equal(entries(fx, 100), 2);
}

/* As blocks of other files, or zeros, behind the last line that was synced. */
static void what_a_power_cut_left_is_written_over(void **state)
{
	static const char zeros[512];
	struct fixture *fx = *state;
	OTA_CLEANUP(freep) char *text = NULL;
	char path[96];
	size_t size;
	FILE *file;

	append(fx, 1);
	damage(fx, "{\"stale\":1}\n{\"stale\":1}\n{\"sta");
	append(fx, 2);
	snprintf(path, sizeof(path), "%s/history.jsonl", fx->dir);
	file = fopen(path, "a");
	assert_int_equal(fwrite(zeros, 1, sizeof(zeros), file), sizeof(zeros));
	fputs("\n", file);
	fclose(file);
	append(fx, 3);
	append(fx, 3);
	text = file_read(path, HISTORY_MAX_BYTES, &size, &fx->err);
	assert_non_null(text);
	assert_null(memchr(text, '\0', size));
	assert_null(strstr(text, "stale"));
	assert_int_equal(entries(fx, 3), 3);
	assert_string_equal(fx->last, "0000000000000003");
}

static void a_line_that_mentions_a_job_is_not_its_own(void **state)
{
	struct fixture *fx = *state;

	append(fx, 1);
	damage(fx, "{\"job\":\"0000000000000009\",\"state\":\"failed\","
		   "\"message\":\"after 0000000000000002\"}\n");
	append(fx, 2);
	assert_int_equal(entries(fx, SIZE_MAX), 2);
	assert_string_equal(fx->last, "0000000000000002");
}

static void lines_of_nonsense_are_passed_over(void **state)
{
	struct fixture *fx = *state;

	append(fx, 1);
	damage(fx, "nonsense\n[1,2]\n{\"job\":7}\n\n");
	append(fx, 2);
	assert_int_equal(entries(fx, 100), 2);
}

static void the_older_half_goes_when_it_grows_too_long(void **state)
{
	struct fixture *fx = *state;
	char line[1024];
	char path[96];

	memset(line, ' ', sizeof(line) - 2);
	line[sizeof(line) - 2] = '\n';
	line[sizeof(line) - 1] = '\0';
	append(fx, 1);
	for (size_t i = 0; i <= HISTORY_MAX_BYTES / (sizeof(line) - 1); i++)
		damage(fx, line);
	syncs.of_folders = 0;
	append(fx, 2);
	/* What is added to it next is synced by its content alone. */
	assert_int_equal(syncs.of_folders, 1);
	snprintf(path, sizeof(path), "%s/history.jsonl", fx->dir);
	assert_true(file_size_bytes(path) < HISTORY_MAX_BYTES * 6 / 10);
	assert_true(file_size_bytes(path) > HISTORY_MAX_BYTES * 4 / 10);
	assert_int_equal(entries(fx, SIZE_MAX), 1);
	assert_string_equal(fx->last, "0000000000000002");
}

static void what_left_the_history_still_counts(void **state)
{
	struct fixture *fx = *state;
	struct history_totals totals;
	char path[96];
	unsigned i;

	fx->job.bytes = 1000;
	snprintf(path, sizeof(path), "%s/history.jsonl", fx->dir);
	/* Shortened twice: sums are added up. */
	for (i = 1; i <= 4000; i++) {
		fx->job.state = i % 4 == 0 ? JOB_STATE_FAILED :
				i % 4 == 1 ? JOB_STATE_ROLLED_BACK :
					     JOB_STATE_SUCCEEDED;
		append(fx, i);
	}
	assert_true(file_size_bytes(path) <= HISTORY_MAX_BYTES + 1024);
	assert_true(entries(fx, SIZE_MAX) < 3000);
	assert_true(history_count(&fx->store, &totals, &fx->err));
	assert_int_equal(totals.succeeded, 2000);
	assert_int_equal(totals.failed, 1000);
	assert_int_equal(totals.rolled_back, 1000);
	assert_int_equal(totals.bytes, 4000 * 1000);
}

static void a_sum_that_stands_alone_is_kept(void **state)
{
	struct fixture *fx = *state;
	struct history_totals totals;

	damage(fx, "{\"gone\":{\"succeeded\":7,\"failed\":0,"
		   "\"rolled_back\":0,\"bytes\":70}}\n");
	append(fx, 1);
	assert_true(history_count(&fx->store, &totals, &fx->err));
	assert_int_equal(totals.succeeded, 8);
}

static void a_history_beyond_all_bounds_is_set_aside(void **state)
{
	struct fixture *fx = *state;
	char path[96], bad[112];

	append(fx, 1);
	snprintf(path, sizeof(path), "%s/history.jsonl", fx->dir);
	snprintf(bad, sizeof(bad), "%s.bad", path);
	assert_int_equal(truncate(path, 2 * HISTORY_MAX_BYTES + 1), 0);
	append(fx, 2);
	assert_int_equal(entries(fx, SIZE_MAX), 1);
	assert_true(file_exists(bad));
}

static void what_is_no_file_is_not_the_history(void **state)
{
	struct fixture *fx = *state;
	struct history_totals totals;
	char path[96], bad[112];

	snprintf(path, sizeof(path), "%s/history.jsonl", fx->dir);
	snprintf(bad, sizeof(bad), "%s.bad", path);
	assert_int_equal(mkdir(path, 0700), 0);
	append(fx, 1);
	assert_int_equal(entries(fx, SIZE_MAX), 1);
	assert_int_equal(rmdir(bad), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("elsewhere", path), 0);
	assert_true(history_count(&fx->store, &totals, &fx->err));
	append(fx, 2);
	assert_int_equal(entries(fx, SIZE_MAX), 1);
	assert_int_equal(unlink(bad), 0);
}

/* ---- what is remembered of a module ---- */

static struct module_record *load(struct fixture *fx)
{
	struct module_record *record =
		module_record_load(&fx->store, "self", "app", &fx->err);

	if (!record)
		fail_msg("%s", fx->err.text);
	return record;
}

static void save(struct fixture *fx, struct module_record *record)
{
	if (!module_record_save(record, &fx->store, "self", "app", &fx->err))
		fail_msg("%s", fx->err.text);
	module_record_free(record);
}

static void a_success_is_remembered(void **state)
{
	struct fixture *fx = *state;
	struct module_record *record = load(fx);

	assert_true(module_record_end(record, &fx->job, 1000));
	save(fx, record);
	record = load(fx);
	assert_string_equal(record->version, "1.0.1");
	assert_string_equal(record->previous, "1.0.0");
	assert_int_equal(record->updated_ms, 1000);
	assert_int_equal(record->last_state, JOB_STATE_SUCCEEDED);
	assert_string_equal(record->last_offer->version, "1.0.1");
	module_record_free(record);
}

static void fail_with(struct fixture *fx, struct module_record *record,
		      enum ota_error_kind kind, unsigned number)
{
	snprintf(fx->job.id, sizeof(fx->job.id), "%016x", number);
	fx->job.state = JOB_STATE_FAILED;
	fx->job.cause = kind;
	assert_true(module_record_end(record, &fx->job, 1000));
}

static void the_third_failure_of_one_artifact_is_the_last_for_a_day(void **state)
{
	struct fixture *fx = *state;
	struct module_record *record = load(fx);
	struct offer *other = offer_copy(fx->job.offer);

	fx->job.overall_percent = 99;
	for (unsigned i = 1; i <= 3; i++) {
		assert_false(module_record_refuses(record, fx->job.offer, 1000));
		fail_with(fx, record, OTA_ERROR_HEALTH_CHECK_FAILED, i);
	}
	assert_true(module_record_refuses(record, fx->job.offer, 1000));
	assert_false(module_record_refuses(record, fx->job.offer,
					   1000 + STRIKES_REFUSE_MS));
	/* The clock was ahead when it failed. */
	assert_false(module_record_refuses(record, fx->job.offer, -1));
	free(other->version);
	other->version = strdup("1.0.2");
	assert_false(module_record_refuses(record, other, 1000));
	save(fx, record);
	record = load(fx);
	assert_true(module_record_refuses(record, fx->job.offer, 1000));
	module_record_forgive(record);
	assert_false(module_record_refuses(record, fx->job.offer, 1000));
	offer_free(other);
	module_record_free(record);
}

static void each_artifact_has_strikes_of_its_own(void **state)
{
	struct fixture *fx = *state;
	struct module_record *record = load(fx);
	struct offer *first = offer_copy(fx->job.offer);

	fx->job.overall_percent = 99;
	fail_with(fx, record, OTA_ERROR_INSTALL_FAILED, 1);
	fail_with(fx, record, OTA_ERROR_INSTALL_FAILED, 2);
	/* Mended, under the same version. */
	digest_set(&fx->job.offer->md5, DIGEST_MD5,
		   "00000000000000000000000000000000");
	fail_with(fx, record, OTA_ERROR_INSTALL_FAILED, 3);
	assert_false(module_record_refuses(record, fx->job.offer, 1000));
	fail_with(fx, record, OTA_ERROR_INSTALL_FAILED, 4);
	fail_with(fx, record, OTA_ERROR_INSTALL_FAILED, 5);
	assert_true(module_record_refuses(record, fx->job.offer, 1000));
	assert_false(module_record_refuses(record, first, 1000));
	offer_free(first);
	module_record_free(record);
}

static void what_the_artifact_cannot_help_is_no_strike(void **state)
{
	struct fixture *fx = *state;

	fx->job.overall_percent = 99;
	for (enum ota_error_kind kind = OTA_ERROR_NONE + 1;
	     kind < OTA_ERROR_KIND_COUNT; kind++) {
		bool strikes = kind == OTA_ERROR_DIGEST_MISMATCH ||
			       kind == OTA_ERROR_SIGNATURE_INVALID ||
			       kind == OTA_ERROR_INSTALL_FAILED ||
			       kind == OTA_ERROR_HEALTH_CHECK_FAILED;
		struct module_record *record = load(fx);

		fail_with(fx, record, kind, kind);
		assert_int_equal(record->strikes, strikes);
		module_record_free(record);
	}
}

static void a_success_clears_the_strikes_before_it(void **state)
{
	struct fixture *fx = *state;
	struct module_record *record = load(fx);

	fx->job.overall_percent = 99;
	fail_with(fx, record, OTA_ERROR_INSTALL_FAILED, 1);
	fail_with(fx, record, OTA_ERROR_INSTALL_FAILED, 2);
	fx->job.state = JOB_STATE_SUCCEEDED;
	strcpy(fx->job.id, "0000000000000003");
	assert_true(module_record_end(record, &fx->job, 1000));
	assert_int_equal(record->strikes, 0);
	module_record_free(record);
}

static void after_a_rollback_there_is_no_way_further_back(void **state)
{
	struct fixture *fx = *state;
	struct module_record *record = load(fx);

	assert_true(module_record_end(record, &fx->job, 1000));
	fx->job.state = JOB_STATE_ROLLED_BACK;
	fx->job.cause_text = strdup("it is sick");
	strcpy(fx->job.id, "0000000000000002");
	assert_true(module_record_end(record, &fx->job, 1000));
	save(fx, record);
	record = load(fx);
	assert_string_equal(record->version, "1.0.0");
	assert_null(record->previous);
	assert_string_equal(record->last_message, "it is sick");
	module_record_free(record);
}

static void ends_are_counted_once_each(void **state)
{
	struct fixture *fx = *state;
	struct module_record *record = load(fx);

	/* That there was none yet is no failure. */
	assert_int_equal(fx->err.kind, OTA_ERROR_NONE);
	fx->job.bytes = 100;
	fx->job.created_ms = 1000;
	fx->job.changed_ms = 1750;
	assert_true(module_record_end(record, &fx->job, 2000));
	/* After a power cut the same end comes again. */
	assert_true(module_record_end(record, &fx->job, 2000));
	fail_with(fx, record, OTA_ERROR_NETWORK, 2);
	/* The clock was set back in between. */
	fx->job.changed_ms = 10;
	fx->job.state = JOB_STATE_ROLLED_BACK;
	strcpy(fx->job.id, "0000000000000003");
	assert_true(module_record_end(record, &fx->job, 2000));
	save(fx, record);
	record = load(fx);
	assert_int_equal(record->counts.succeeded, 1);
	assert_int_equal(record->counts.failed, 1);
	assert_int_equal(record->counts.rolled_back, 1);
	assert_int_equal(record->counts.bytes, 300);
	assert_int_equal(record->counts.ms, 1500);
	module_record_free(record);
}

static void a_failure_before_the_backup_leaves_the_way_back(void **state)
{
	struct fixture *fx = *state;
	struct module_record *record = load(fx);

	assert_true(module_record_end(record, &fx->job, 1000));
	fx->job.overall_percent = 95;
	fail_with(fx, record, OTA_ERROR_DIGEST_MISMATCH, 2);
	save(fx, record);
	record = load(fx);
	assert_string_equal(record->previous, "1.0.0");
	assert_string_equal(record->installed->version, "1.0.1");
	/* Now the backup is of 1.0.1, which still runs. */
	fx->job.overall_percent = 98;
	fail_with(fx, record, OTA_ERROR_INSTALL_FAILED, 3);
	assert_null(record->previous);
	module_record_free(record);
}

static void a_broken_link_is_no_strike(void **state)
{
	struct fixture *fx = *state;
	struct module_record *record = load(fx);

	for (unsigned i = 1; i <= 5; i++)
		fail_with(fx, record, OTA_ERROR_NETWORK, i);
	assert_false(module_record_refuses(record, fx->job.offer, 1000));
	module_record_free(record);
}

/* What runs calls itself otherwise, and the cloud goes by that. */
static void the_third_time_once_more_is_the_last_for_a_day(void **state)
{
	struct fixture *fx = *state;
	struct module_record *record = load(fx);

	fx->job.state = JOB_STATE_SUCCEEDED;
	for (unsigned i = 0; i <= STRIKES_LIMIT; i++) {
		assert_false(module_record_refuses(record, fx->job.offer, 1000));
		snprintf(fx->job.id, sizeof(fx->job.id), "%016x", i);
		assert_true(module_record_end(record, &fx->job, 1000));
		/* Ended once more after a power cut. */
		assert_true(module_record_end(record, &fx->job, 1000));
	}
	assert_true(module_record_refuses(record, fx->job.offer, 1000));
	assert_false(module_record_refuses(record, fx->job.offer,
					   1000 + STRIKES_REFUSE_MS));
	module_record_free(record);
}

static void once_more_after_a_day_is_no_strike(void **state)
{
	struct fixture *fx = *state;
	struct module_record *record = load(fx);

	fx->job.state = JOB_STATE_SUCCEEDED;
	for (unsigned i = 0; i <= 2 * STRIKES_LIMIT; i++) {
		int64_t now_ms = 1000 + i * STRIKES_REFUSE_MS;

		snprintf(fx->job.id, sizeof(fx->job.id), "%016x", i);
		assert_true(module_record_end(record, &fx->job, now_ms));
		assert_false(module_record_refuses(record, fx->job.offer, now_ms));
	}
	module_record_free(record);
}

static void one_failure_told_twice_is_one_strike(void **state)
{
	struct fixture *fx = *state;
	struct module_record *record = load(fx);

	fx->job.overall_percent = 98;
	for (unsigned i = 0; i < 5; i++)
		fail_with(fx, record, OTA_ERROR_INSTALL_FAILED, 7);
	assert_int_equal(record->strikes, 1);
	module_record_free(record);
}

/* Else a cloud that offers it every minute is refused for ever. */
static void a_refusal_for_old_strikes_is_no_new_one(void **state)
{
	struct fixture *fx = *state;
	struct module_record *record = load(fx);

	fx->job.overall_percent = 95;
	for (unsigned i = 1; i <= 3; i++)
		fail_with(fx, record, OTA_ERROR_DIGEST_MISMATCH, i);
	fx->job.overall_percent = 0;
	fail_with(fx, record, OTA_ERROR_DIGEST_MISMATCH, 4);
	assert_int_equal(record->strikes, 3);
	module_record_free(record);
}

static void an_unreadable_record_is_set_aside(void **state)
{
	struct fixture *fx = *state;
	char path[128], bad[160];

	snprintf(path, sizeof(path), "%s/modules/self%%2Fapp.json", fx->dir);
	snprintf(bad, sizeof(bad), "%s.bad", path);
	assert_true(file_write(path, "{\"version\":", 11, 0600, &fx->err));
	module_record_free(load(fx));
	assert_false(file_exists(path));
	assert_true(file_exists(bad));
}

static void a_record_that_cannot_be_read_now_is_not_lost(void **state)
{
	struct fixture *fx = *state;
	struct module_record *record = load(fx);
	char path[128];

	save(fx, record);
	bad_reads.count = 1;
	bad_reads.why = ENOMEM;
	assert_null(module_record_load(&fx->store, "self", "app", &fx->err));
	snprintf(path, sizeof(path), "%s/modules/self%%2Fapp.json", fx->dir);
	assert_true(file_exists(path));
}

static void nobody_else_reads_the_state(void **state)
{
	struct fixture *fx = *state;
	struct stat st;
	char path[128];

	save(fx, load(fx));
	append(fx, 1);
	snprintf(path, sizeof(path), "%s/modules/self%%2Fapp.json", fx->dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	snprintf(path, sizeof(path), "%s/history.jsonl", fx->dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static struct module_record *load_text(struct fixture *fx, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/modules/self%%2Fapp.json", fx->dir);
	assert_true(file_write(path, text, strlen(text), 0600, &fx->err));
	return load(fx);
}

static void numbers_of_a_record_stay_within_bounds(void **state)
{
	struct fixture *fx = *state;
	struct module_record *record = load_text(
		fx, "{\"last_percent\":-1,\"strikes\":-1}");

	assert_int_equal(record->last_percent, 0);
	assert_int_equal(record->strikes, 0);
	module_record_free(record);
	/* Which 32 bits would take for 0. */
	record = load_text(fx, "{\"last_percent\":400,\"strikes\":4294967296}");
	assert_int_equal(record->last_percent, 100);
	assert_int_equal(record->strikes, STRIKES_LIMIT);
	module_record_free(record);
}

static void a_record_of_nonsense_is_an_empty_one(void **state)
{
	struct fixture *fx = *state;
	struct module_record *record = load_text(
		fx, "{\"version\":\"../x\",\"last_state\":\"flying\","
		    "\"last_offer\":[1],\"strikes\":\"x\","
		    "\"last_job\":\"short\",\"previous\":7}");

	assert_null(record->version);
	assert_null(record->previous);
	assert_int_equal(record->last_state, JOB_STATE_IDLE);
	module_record_free(record);
}

/* ---- the state directory ---- */

static void a_second_otad_is_refused(void **state)
{
	struct fixture *fx = *state;
	struct store second;

	assert_false(store_open(&second, fx->dir, &fx->err));
	assert_int_equal(fx->err.kind, OTA_ERROR_BUSY);
	assert_non_null(strstr(fx->err.text, fx->dir));
	store_close(&second);
}

static void names_do_not_leave_their_folder(void **state)
{
	struct fixture *fx = *state;
	char *path = store_path(&fx->store, STORE_DEVICES, "../../etc/x", ".json");

	assert_null(strstr(path, "../"));
	free(path);
}

static bool count_documents(void *user_data, const char *path,
			    struct json_object *document, struct ota_error *err)
{
	(*(unsigned *)user_data)++;
	return true;
}

static bool count_document(void *user_data, const char *path,
			   struct json_object *document, struct ota_error *err)
{
	++*(unsigned *)user_data;
	return true;
}

static void odd_things_among_jobs_are_set_aside(void **state)
{
	struct fixture *fx = *state;
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	char path[128];
	unsigned count = 0;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(name.sun_path, sizeof(name.sun_path), "%s/jobs/a.json",
		 fx->dir);
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	close(fd);
	snprintf(path, sizeof(path), "%s/jobs/b.json", fx->dir);
	assert_int_equal(symlink("/nonexistent/file", path), 0);
	snprintf(path, sizeof(path), "%s/jobs/c.json.tmp", fx->dir);
	assert_int_equal(mkdir(path, 0700), 0);
	if (!store_each(&fx->store, STORE_JOBS, count_document, &count,
			&fx->err))
		fail_msg("%s", fx->err.text);
	assert_int_equal(count, 0);
	snprintf(path, sizeof(path), "%s/jobs/a.json.bad", fx->dir);
	assert_int_equal(access(path, F_OK), 0);
	snprintf(path, sizeof(path), "%s/jobs/b.json.bad", fx->dir);
	assert_int_equal(faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW),
			 0);
}

static void what_stands_in_its_way_is_set_aside(void **state)
{
	struct fixture *fx = *state;
	char path[128];

	store_close(&fx->store);
	snprintf(path, sizeof(path), "%s/lock", fx->dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/jobs", fx->dir);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	if (!store_open(&fx->store, fx->dir, &fx->err))
		fail_msg("%s", fx->err.text);
	snprintf(path, sizeof(path), "%s/jobs.bad", fx->dir);
	assert_int_equal(access(path, F_OK), 0);
	snprintf(path, sizeof(path), "%s/lock.bad", fx->dir);
	assert_int_equal(access(path, F_OK), 0);
}

/* What it leads to may only not be mounted yet. */
static void a_link_in_the_place_of_a_folder_is_left_alone(void **state)
{
	struct fixture *fx = *state;
	struct stat st;
	char path[128];

	store_close(&fx->store);
	snprintf(path, sizeof(path), "%s/jobs", fx->dir);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(symlink("/nonexistent/jobs", path), 0);
	assert_false(store_open(&fx->store, fx->dir, &fx->err));
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
}

static void one_bad_moment_of_the_disk_costs_no_file(void **state)
{
	struct fixture *fx = *state;
	unsigned documents = 0;
	char path[128];

	snprintf(path, sizeof(path), "%s/jobs/a.json", fx->dir);
	assert_true(file_write(path, "{}", 2, 0600, &fx->err));
	bad_reads.why = EIO;
	bad_reads.count = 1;
	assert_true(store_each(&fx->store, STORE_JOBS, count_documents,
			       &documents, &fx->err));
	assert_int_equal(documents, 1);
	assert_true(file_exists(path));
	/* What stays unreadable must not stop every start. */
	bad_reads.count = 2;
	assert_true(store_each(&fx->store, STORE_JOBS, count_documents,
			       &documents, &fx->err));
	assert_int_equal(documents, 1);
	assert_false(file_exists(path));
	/* Once: the next start leaves it there. */
	assert_true(store_each(&fx->store, STORE_JOBS, count_documents,
			       &documents, &fx->err));
	assert_int_equal(documents, 1);
	strcat(path, ".bad");
	assert_true(file_exists(path));
}

static void leftovers_are_tidied_and_damage_set_aside(void **state)
{
	static const char *const files[] = { "a.json", "b.json", "c.json.tmp" };
	static const char *const texts[] = { "{}", "", "{}" };
	struct fixture *fx = *state;
	unsigned documents = 0;
	char path[128];

	for (size_t i = 0; i < OTA_ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "%s/jobs/%s", fx->dir, files[i]);
		assert_true(file_write(path, texts[i], strlen(texts[i]), 0600,
				       &fx->err));
	}
	assert_true(store_each(&fx->store, STORE_JOBS, count_documents,
			       &documents, &fx->err));
	assert_int_equal(documents, 1);
	snprintf(path, sizeof(path), "%s/jobs/b.json.bad", fx->dir);
	assert_true(file_exists(path));
	snprintf(path, sizeof(path), "%s/jobs/c.json.tmp", fx->dir);
	assert_false(file_exists(path));
}

/* ---- the battery ---- */

static void supply(struct fixture *fx, const char *name, const char *attribute,
		   const char *value)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/supply/%s", fx->dir, name);
	assert_true(file_make_dirs(path, 0755, &fx->err));
	snprintf(path, sizeof(path), "%s/supply/%s/%s", fx->dir, name, attribute);
	assert_true(file_write(path, value, strlen(value), 0600, &fx->err));
}

static void mains_power_passes_and_the_fullest_battery_counts(void **state)
{
	struct fixture *fx = *state;
	unsigned percent = 0;
	char dir[96];

	snprintf(dir, sizeof(dir), "%s/supply", fx->dir);
	assert_false(power_on_battery(dir, &percent));
	supply(fx, "BAT0", "type", "Battery\n");
	supply(fx, "BAT0", "capacity", "15\n");
	supply(fx, "BAT1", "type", "Battery\n");
	supply(fx, "BAT1", "capacity", "40\n");
	supply(fx, "MOUSE", "type", "Battery\n");
	supply(fx, "MOUSE", "scope", "Device\n");
	supply(fx, "MOUSE", "capacity", "99\n");
	assert_true(power_on_battery(dir, &percent));
	assert_int_equal(percent, 40);
	supply(fx, "AC", "type", "Mains\n");
	supply(fx, "AC", "online", "0\n");
	assert_true(power_on_battery(dir, &percent));
	supply(fx, "AC", "online", "1\n");
	assert_false(power_on_battery(dir, &percent));
}

/* Else otad would go on without them, and nobody would know. */
static void a_folder_that_cannot_be_read_is_not_an_empty_one(void **state)
{
	struct fixture *fx = *state;
	unsigned count = 0;
	bool ok;

	folder_breaks = true;
	ok = store_each(&fx->store, STORE_JOBS, count_documents, &count,
			&fx->err);
	folder_breaks = false;
	assert_false(ok);
	assert_int_equal(fx->err.sys_errno, EIO);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_folder_that_cannot_be_read_is_not_an_empty_one),
		TEST(no_history_is_an_empty_one),
		TEST(the_last_entries_come_oldest_first),
		TEST(an_entry_tells_why_it_failed),
		TEST(a_line_that_is_not_synced_does_not_stay),
		TEST(half_a_line_is_a_failure),
		TEST(a_job_told_again_after_a_power_cut_stands_once),
		TEST(a_torn_last_line_is_written_over),
		TEST(what_a_power_cut_left_is_written_over),
		TEST(a_line_that_mentions_a_job_is_not_its_own),
		TEST(lines_of_nonsense_are_passed_over),
		TEST(the_older_half_goes_when_it_grows_too_long),
		TEST(what_left_the_history_still_counts),
		TEST(a_sum_that_stands_alone_is_kept),
		TEST(a_history_beyond_all_bounds_is_set_aside),
		TEST(what_is_no_file_is_not_the_history),
		TEST(a_success_is_remembered),
		TEST(the_third_failure_of_one_artifact_is_the_last_for_a_day),
		TEST(each_artifact_has_strikes_of_its_own),
		TEST(what_the_artifact_cannot_help_is_no_strike),
		TEST(a_success_clears_the_strikes_before_it),
		TEST(after_a_rollback_there_is_no_way_further_back),
		TEST(ends_are_counted_once_each),
		TEST(a_failure_before_the_backup_leaves_the_way_back),
		TEST(a_broken_link_is_no_strike),
		TEST(the_third_time_once_more_is_the_last_for_a_day),
		TEST(once_more_after_a_day_is_no_strike),
		TEST(one_failure_told_twice_is_one_strike),
		TEST(a_refusal_for_old_strikes_is_no_new_one),
		TEST(an_unreadable_record_is_set_aside),
		TEST(numbers_of_a_record_stay_within_bounds),
		TEST(a_record_that_cannot_be_read_now_is_not_lost),
		TEST(nobody_else_reads_the_state),
		TEST(a_record_of_nonsense_is_an_empty_one),
		TEST(a_second_otad_is_refused),
		TEST(names_do_not_leave_their_folder),
		TEST(odd_things_among_jobs_are_set_aside),
		TEST(what_stands_in_its_way_is_set_aside),
		TEST(a_link_in_the_place_of_a_folder_is_left_alone),
		TEST(one_bad_moment_of_the_disk_costs_no_file),
		TEST(leftovers_are_tidied_and_damage_set_aside),
		TEST(mains_power_passes_and_the_fullest_battery_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
