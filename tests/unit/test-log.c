#include "otad/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

/* A write that blocks ends the test. */
#define DEADLINE_S 20

/* What the journal got: its fields, each with a newline behind it. */
static struct {
	char entry[8192];
	unsigned calls;
	int result;
} journal;

/* In place of that of libsystemd. */
int sd_journal_sendv(const struct iovec *iov, int n)
{
	int i;

	journal.calls++;
	journal.entry[0] = '\0';
	for (i = 0; i < n; i++) {
		size_t used = strlen(journal.entry);

		snprintf(journal.entry + used, sizeof(journal.entry) - used,
			 "%.*s\n", (int)iov[i].iov_len,
			 (const char *)iov[i].iov_base);
	}
	errno = EIO;
	return journal.result;
}

struct fixture {
	int saved_stderr;
	int reading; /* the other end of standard error */
	char text[256 * 1024]; /* more than a pipe holds */
};

static int setup(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));
	int fds[2];

	if (!fx || pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	fx->saved_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	fx->reading = fds[0];
	fcntl(fx->reading, F_SETFL, O_NONBLOCK);
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
	memset(&journal, 0, sizeof(journal));
	unsetenv("JOURNAL_STREAM");
	log_open(LOG_TARGET_STDERR, LOG_LEVEL_DEBUG);
	alarm(DEADLINE_S);
	*state = fx;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fx = *state;

	alarm(0);
	dup2(fx->saved_stderr, STDERR_FILENO);
	close(fx->saved_stderr);
	if (fx->reading >= 0)
		close(fx->reading);
	free(fx);
	return 0;
}

/* What was written since the last call. */
static const char *written(struct fixture *fx)
{
	size_t used = 0;
	ssize_t got;

	while ((got = read(fx->reading, fx->text + used,
			   sizeof(fx->text) - 1 - used)) > 0)
		used += (size_t)got;
	fx->text[used] = '\0';
	return fx->text;
}

static void lines_name_their_level(void **state)
{
	struct fixture *fx = *state;

	log_error(NULL, "%d", 1);
	log_warning(NULL, "%d", 2);
	log_notice(NULL, "%d", 3);
	log_info(NULL, "%d", 4);
	log_debug(NULL, "%d", 5);

	assert_string_equal(written(fx), "error: 1\nwarning: 2\nnotice: 3\n"
					 "info: 4\ndebug: 5\n");
}

static void fields_stand_behind_the_text(void **state)
{
	static const struct log_context all = {
		.job = "17",
		.device = "meter",
		.module = "mcu",
		.version = "1.2",
		.state = "failed",
		.error = "timeout",
	};
	static const struct log_context some = { .state = "x", .job = "7" };
	static const struct log_context none = { .state = NULL };
	struct fixture *fx = *state;

	log_notice(&all, "text");
	assert_string_equal(written(fx),
			    "notice: text [OTA_JOB=17 OTA_DEVICE=meter "
			    "OTA_MODULE=mcu OTA_VERSION=1.2 OTA_STATE=failed "
			    "OTA_ERROR=timeout]\n");
	log_notice(&some, "text");
	assert_string_equal(written(fx),
			    "notice: text [OTA_JOB=7 OTA_STATE=x]\n");
	log_notice(&none, "text");
	assert_string_equal(written(fx), "notice: text\n");
}

static void levels_above_the_chosen_one_are_left_out(void **state)
{
	struct fixture *fx = *state;

	log_open(LOG_TARGET_STDERR, LOG_LEVEL_WARNING);
	log_notice(NULL, "no");
	log_warning(NULL, "yes");

	assert_string_equal(written(fx), "warning: yes\n");
}

static void hostile_text_makes_no_lines_of_its_own(void **state)
{
	static const struct log_context context = { .job = "1\nerror: x]" };
	struct fixture *fx = *state;

	log_notice(&context, "a\nerror: b\x1b[2J \xFF 电");

	assert_string_equal(
		written(fx),
		"notice: a?error: b?[2J ? 电 [OTA_JOB=1?error: x]]\n");
}

static void long_text_stays_one_whole_line(void **state)
{
	struct fixture *fx = *state;
	char text[3 * PIPE_BUF];
	struct log_context context = {
		.job = text,
		.device = text,
		.module = text,
		.version = text,
		.state = text,
		.error = text,
	};

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_warning(&context, "%s", text);
	log_warning(NULL, "next");

	written(fx);
	assert_true(strchr(fx->text, '\n') - fx->text < PIPE_BUF);
	assert_non_null(strstr(fx->text, " OTA_ERROR=xxx"));
	assert_string_equal(strchr(fx->text, '\n') - 1,
			    "]\nwarning: next\n");
}

static void fill(int fd)
{
	char block[PIPE_BUF] = "";

	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (write(fd, block, sizeof(block)) > 0)
		;
	fcntl(fd, F_SETFL, 0);
}

static void a_reader_that_stands_still_blocks_nothing(void **state)
{
	struct fixture *fx = *state;

	fill(STDERR_FILENO);
	log_notice(NULL, "one");
	log_notice(NULL, "two");
	written(fx);
	log_notice(NULL, "three");
	assert_string_equal(written(fx), "warning: 2 line(s) lost, nobody "
					 "read them\nnotice: three\n");
	log_notice(NULL, "four");
	assert_string_equal(written(fx), "notice: four\n");
}

static void a_reader_that_left_ends_nothing(void **state)
{
	struct fixture *fx = *state;

	signal(SIGPIPE, SIG_DFL);
	close(fx->reading);
	fx->reading = -1;
	log_notice(NULL, "text");
}

/* The journal. */

static void set_journal_stream(const char *format)
{
	struct stat status;
	char stream[64];

	assert_int_equal(fstat(STDERR_FILENO, &status), 0);
	snprintf(stream, sizeof(stream), format,
		 (unsigned long long)status.st_dev,
		 (unsigned long long)status.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
}

static void a_stderr_of_the_journal_means_the_journal(void **state)
{
	static const struct log_message message = {
		"0123456789abcdef0123456789abcdef"
	};
	static const struct log_context context = { .job = "7",
						    .module = "app" };
	struct fixture *fx = *state;

	set_journal_stream("%llu:%llu");
	log_open(LOG_TARGET_AUTO, LOG_LEVEL_INFO);
	log_write(LOG_LEVEL_NOTICE, &message, &context, "hello %s", "world");

	assert_string_equal(journal.entry,
			    "MESSAGE=hello world\nPRIORITY=5\n"
			    "SYSLOG_IDENTIFIER=otad\n"
			    "MESSAGE_ID=0123456789abcdef0123456789abcdef\n"
			    "OTA_JOB=7\nOTA_MODULE=app\n");
	assert_string_equal(written(fx), "");
	log_debug(NULL, "left out");
	assert_int_equal(journal.calls, 1);
	log_error(NULL, "plain");
	assert_string_equal(journal.entry, "MESSAGE=plain\nPRIORITY=3\n"
					   "SYSLOG_IDENTIFIER=otad\n");
}

static void hostile_text_makes_no_fields_of_its_own(void **state)
{
	static const struct log_context context = { .job = "7\nOTA_X=1" };

	set_journal_stream("%llu:%llu");
	log_open(LOG_TARGET_AUTO, LOG_LEVEL_INFO);
	log_notice(&context, "a\nPRIORITY=0");

	assert_string_equal(journal.entry, "MESSAGE=a?PRIORITY=0\nPRIORITY=5\n"
					   "SYSLOG_IDENTIFIER=otad\n"
					   "OTA_JOB=7?OTA_X=1\n");
}

static void another_stderr_means_text(void **state)
{
	static const char *const streams[] = { "%llu:1%llu", "1%llu:%llu",
					       "%llu:%llux", "", "journal" };
	struct fixture *fx = *state;
	size_t i;

	for (i = 0; i < OTA_ARRAY_SIZE(streams); i++) {
		set_journal_stream(streams[i]);
		log_open(LOG_TARGET_AUTO, LOG_LEVEL_INFO);
		log_notice(NULL, "text");
		assert_string_equal(written(fx), "notice: text\n");
	}
	unsetenv("JOURNAL_STREAM");
	log_open(LOG_TARGET_AUTO, LOG_LEVEL_INFO);
	log_notice(NULL, "text");
	assert_string_equal(written(fx), "notice: text\n");
	set_journal_stream("%llu:%llu");
	log_open(LOG_TARGET_STDERR, LOG_LEVEL_INFO);
	log_notice(NULL, "text");
	assert_string_equal(written(fx), "notice: text\n");
	assert_int_equal(journal.calls, 0);
}

static void the_journal_is_used_on_demand_where_there_is_one(void **state)
{
	bool exists = access("/run/systemd/journal/socket", W_OK) == 0;
	struct fixture *fx = *state;

	log_open(LOG_TARGET_JOURNAL, LOG_LEVEL_INFO);
	log_notice(NULL, "text");

	assert_int_equal(journal.calls, exists);
	assert_string_equal(written(fx), exists ? "" : "notice: text\n");
}

static void errno_is_kept(void **state)
{
	set_journal_stream("%llu:%llu");
	log_open(LOG_TARGET_AUTO, LOG_LEVEL_INFO);
	errno = ENOTTY;
	log_notice(NULL, "text");
	assert_int_equal(journal.calls, 1);
	assert_int_equal(errno, ENOTTY);
}

static void a_closed_stderr_is_no_reason_to_fail(void **state)
{
	close(STDERR_FILENO);
	log_notice(NULL, "text");
}

static void no_file_is_taken_for_a_closed_stderr(void **state)
{
	int fd;

	close(STDERR_FILENO);
	log_open(LOG_TARGET_AUTO, LOG_LEVEL_INFO);
	fd = memfd_create("state", MFD_CLOEXEC);
	assert_true(fd > STDERR_FILENO);
	log_notice(NULL, "text");
	assert_int_equal(lseek(fd, 0, SEEK_END), 0);
	close(fd);
}

static void what_the_journal_refuses_goes_to_stderr(void **state)
{
	struct fixture *fx = *state;

	set_journal_stream("%llu:%llu");
	log_open(LOG_TARGET_AUTO, LOG_LEVEL_INFO);
	journal.result = -ENOBUFS;
	log_notice(NULL, "text");

	assert_int_equal(journal.calls, 1);
	assert_string_equal(written(fx), "notice: text\n");
}

/* Addresses. */

static void urls_are_logged_without_user_and_query(void **state)
{
	static const struct {
		const char *url, *shown;
	} cases[] = {
		{ "https://h.example/a/b.bin", "https://h.example/a/b.bin" },
		{ "https://h:8443/a?token=secret", "https://h:8443/a" },
		{ "https://h/a#secret", "https://h/a" },
		{ "https://h?secret", "https://h" },
		{ "https://h#secret?secret", "https://h" },
		{ "https://user:secret@h/a", "https://h/a" },
		{ "https://user@secret@h/a", "https://h/a" },
		{ "https://h/a@b", "https://h/a@b" },
		{ "https://h/a?b@c/d", "https://h/a" },
		{ "https://user:secret@h?secret", "https://h" },
		{ "https:/user:secret@h/a", "https:/h/a" },
		{ "https:///user:secret@h/a", "https:///h/a" },
		{ "https:\\\\user:secret@h\\a", "https:\\\\h\\a" },
		{ "//user:secret@h/a", "//h/a" },
		{ "user:secret@h/a", "h/a" },
		{ "h/a?secret", "h/a" },
		{ "https://h/\x1b[2J\n\x7f", "https://h/?[2J??" },
		{ "https://h/\xFF电", "https://h/?电" },
		{ "https://", "https://" },
		{ "", "" },
		{ "?secret", "" },
		{ "@", "" },
		{ NULL, "" },
	};
	char buffer[128];
	size_t i;

	for (i = 0; i < OTA_ARRAY_SIZE(cases); i++) {
		assert_ptr_equal(
			log_url(cases[i].url, buffer, sizeof(buffer)), buffer);
		assert_string_equal(buffer, cases[i].shown);
	}
}

static void long_urls_are_cut_between_characters(void **state)
{
	char buffer[12] = "unchanged";

	log_url("https://电电", buffer, sizeof(buffer));
	assert_string_equal(buffer, "https://电");
	log_url("https://a电", buffer, sizeof(buffer));
	assert_string_equal(buffer, "https://a");
	log_url("https://h", buffer, 1);
	assert_string_equal(buffer, "");
	buffer[0] = 'x';
	log_url("https://h", buffer, 0);
	assert_int_equal(buffer[0], 'x');
}

int main(void)
{
#define LOG_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		LOG_TEST(lines_name_their_level),
		LOG_TEST(fields_stand_behind_the_text),
		LOG_TEST(levels_above_the_chosen_one_are_left_out),
		LOG_TEST(hostile_text_makes_no_lines_of_its_own),
		LOG_TEST(long_text_stays_one_whole_line),
		LOG_TEST(a_reader_that_stands_still_blocks_nothing),
		LOG_TEST(a_reader_that_left_ends_nothing),
		LOG_TEST(a_stderr_of_the_journal_means_the_journal),
		LOG_TEST(hostile_text_makes_no_fields_of_its_own),
		LOG_TEST(another_stderr_means_text),
		LOG_TEST(the_journal_is_used_on_demand_where_there_is_one),
		LOG_TEST(errno_is_kept),
		LOG_TEST(a_closed_stderr_is_no_reason_to_fail),
		LOG_TEST(no_file_is_taken_for_a_closed_stderr),
		LOG_TEST(what_the_journal_refuses_goes_to_stderr),
		cmocka_unit_test(urls_are_logged_without_user_and_query),
		cmocka_unit_test(long_urls_are_cut_between_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
