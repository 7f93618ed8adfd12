#include "otad/base/process.h"

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
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "otad/base/cleanup.h"
#include "otad/base/loop.h"

/* A test that hangs ends here; nothing is expected to take as long. */
#define DEADLINE_MS 30000
#define LONG_MS 600000
/* Until it is stopped, a program has surely begun, on the busiest machine. */
#define BEGIN_MS 3000
#define MAX_OUTPUT 65536

struct fixture {
	struct loop *loop;
	struct process *process;
	struct loop_source *counter;
	char folder[32];
	char path[64]; /* of a file in it */
	char output[MAX_OUTPUT]; /* each line with a '|' behind it */
	unsigned line_count;
	unsigned lines_in_round, most_lines_in_round;
	unsigned exits;
	bool free_on_line, free_on_exit;
	struct process_result result;
	struct ota_error err;
};

static int setup(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	strcpy(fx->folder, "/tmp/test-process-XXXXXX");
	fx->loop = loop_new(&fx->err);
	if (!fx->loop || !mkdtemp(fx->folder))
		return -1;
	snprintf(fx->path, sizeof(fx->path), "%s/program", fx->folder);
	/* Orphans become ours, so that their end can be seen. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	*state = fx;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fx = *state;

	process_free(fx->process);
	loop_source_free(fx->counter);
	loop_free(fx->loop);
	/* Whatever was started has ended, or this hangs. */
	alarm(DEADLINE_MS / 1000);
	while (waitpid(-1, NULL, 0) > 0)
		;
	alarm(0);
	unlink(fx->path);
	rmdir(fx->folder);
	free(fx);
	return 0;
}

static void on_line(struct process *process, const char *line, void *user_data)
{
	struct fixture *fx = user_data;
	size_t used = strlen(fx->output);

	fx->line_count++;
	fx->lines_in_round++;
	snprintf(fx->output + used, sizeof(fx->output) - used, "%s|", line);
	if (fx->free_on_line)
		fx->process = process_free(fx->process);
}

/* For output that is more than `output` holds. */
static void count_line(struct process *process, const char *line,
		       void *user_data)
{
	struct fixture *fx = user_data;

	fx->line_count++;
	fx->lines_in_round++;
}

static void on_exit_of(struct process *process,
		       const struct process_result *result, void *user_data)
{
	struct fixture *fx = user_data;

	fx->exits++;
	if (fx->free_on_exit)
		fx->process = process_free(fx->process);
	fx->result = *result;
}

static bool start(struct fixture *fx, const char *const *argv,
		  const char *const *env, uint64_t timeout_ms)
{
	struct process_request request = {
		.argv = argv,
		.env = env,
		.name = "Check= of app",
		.timeout_ms = timeout_ms,
	};

	fx->process = process_new(fx->loop, &request, on_line, on_exit_of, fx,
				  &fx->err);
	assert_int_equal(fx->exits, 0);
	return fx->process != NULL;
}

static void start_script(struct fixture *fx, const char *script,
			 uint64_t timeout_ms)
{
	const char *argv[] = { "sh", "-c", script, fx->folder, NULL };

	if (!start(fx, argv, NULL, timeout_ms))
		fail_msg("%s", fx->err.text);
}

static bool round_of(struct fixture *fx)
{
	return loop_run_once(fx->loop, 100, &fx->err);
}

static void run_until_exit(struct fixture *fx)
{
	uint64_t end_ms = loop_now_ms(fx->loop) + DEADLINE_MS;

	while (fx->exits == 0 && loop_now_ms(fx->loop) < end_ms)
		assert_true(round_of(fx));
	assert_int_equal(fx->exits, 1);
}

static void run_script(struct fixture *fx, const char *script)
{
	start_script(fx, script, LONG_MS);
	run_until_exit(fx);
}

static bool start_program(struct fixture *fx, const char *program)
{
	const char *argv[] = { program, NULL };

	return start(fx, argv, NULL, LONG_MS);
}

static void write_program(struct fixture *fx, const char *text, mode_t mode)
{
	OTA_CLEANUP(fclosep) FILE *file = fopen(fx->path, "we");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fchmod(fileno(file), mode), 0);
}

/* The end of a process that is, or became, a child of ours. */
static int end_of(pid_t pid)
{
	int status = 0;

	assert_true(pid > 1);
	alarm(DEADLINE_MS / 1000);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	alarm(0);
	return status;
}

/* Starting. */

static void missing_programs_fail_at_once(void **state)
{
	static const char *const missing[] = {
		"/nonexistent/program",
		"no-such-program-anywhere",
		"",
		"/dev/null/program",
	};
	struct fixture *fx = *state;
	size_t i;

	for (i = 0; i < OTA_ARRAY_SIZE(missing); i++) {
		assert_false(start_program(fx, missing[i]));
		assert_int_equal(fx->err.kind, OTA_ERROR_NOT_FOUND);
		assert_non_null(strstr(fx->err.text, "Check= of app: run \""));
		assert_non_null(strstr(fx->err.text, missing[i]));
	}
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void programs_not_executable_fail_at_once(void **state)
{
	struct fixture *fx = *state;

	write_program(fx, "#!/bin/sh\n", 0644);
	assert_false(start_program(fx, fx->path));
	assert_int_equal(fx->err.kind, OTA_ERROR_PERMISSION);
	assert_non_null(strstr(fx->err.text, "not executable"));
	assert_false(start_program(fx, fx->folder));
	assert_int_equal(fx->err.kind, OTA_ERROR_PERMISSION);
	assert_non_null(strstr(fx->err.text, "a folder"));
}

static void programs_for_another_machine_fail_at_once(void **state)
{
	struct fixture *fx = *state;

	/* A shell would take it for a script. */
	write_program(fx, "echo run by a shell\n", 0755);
	assert_false(start_program(fx, fx->path));
	assert_int_equal(fx->err.kind, OTA_ERROR_INCOMPATIBLE);
}

static void a_missing_interpreter_is_named_as_such(void **state)
{
	struct fixture *fx = *state;

	const char *preloaded = getenv("LD_PRELOAD");

	/* Which dies of it. */
	if (preloaded && strstr(preloaded, "valgrind"))
		skip();
	write_program(fx, "#!/nonexistent/sh\n", 0755);
	assert_false(start_program(fx, fx->path));
	assert_int_equal(fx->err.kind, OTA_ERROR_NOT_FOUND);
	assert_non_null(strstr(fx->err.text, "interpreter is missing"));
}

static void names_without_slash_are_looked_up(void **state)
{
	struct fixture *fx = *state;
	OTA_CLEANUP(freep) char *before = strdup(getenv("PATH"));
	char path[128];

	write_program(fx, "#!/bin/sh\necho found\n", 0755);
	snprintf(path, sizeof(path), "/nonexistent:%s:", fx->folder);
	setenv("PATH", path, 1);
	assert_true(start_program(fx, "program"));
	run_until_exit(fx);
	assert_string_equal(fx->output, "found|");

	assert_int_equal(chmod(fx->path, 0644), 0);
	fx->process = process_free(fx->process);
	fx->exits = 0;
	assert_false(start_program(fx, "program"));
	assert_int_equal(fx->err.kind, OTA_ERROR_PERMISSION);
	unsetenv("PATH");
	assert_true(start_program(fx, "true"));
	setenv("PATH", before, 1);
	run_until_exit(fx);
}

static void arguments_and_environment_arrive(void **state)
{
	static const char *const argv[] = {
		"sh", "-c",
		"echo \"$0 $1\"; echo \"$OLD $CHANGED $NEW\";"
		"tr '\\0' '\\n' < /proc/$$/environ | grep ^CHANGED",
		"a  b", "c;d", NULL,
	};
	static const char *const env[] = { "CHANGED=after", "NEW=x=y", NULL };
	struct fixture *fx = *state;

	setenv("OLD", "old", 1);
	setenv("CHANGED", "before", 1);
	setenv("CHANGED_NOT", "x", 1);
	assert_true(start(fx, argv, env, LONG_MS));
	run_until_exit(fx);
	unsetenv("OLD");
	unsetenv("CHANGED");
	unsetenv("CHANGED_NOT");
	assert_string_equal(fx->output, "a  b c;d|old after x=y|"
					"CHANGED_NOT=x|CHANGED=after|");
}

static void the_child_cannot_speak_for_the_service(void **state)
{
	struct fixture *fx = *state;

	setenv("NOTIFY_SOCKET", "/n", 1);
	setenv("WATCHDOG_USEC", "1", 1);
	setenv("LISTEN_FDS", "1", 1);
	run_script(fx, "echo \"<$NOTIFY_SOCKET$WATCHDOG_USEC$LISTEN_FDS>\"");
	assert_string_equal(getenv("NOTIFY_SOCKET"), "/n");
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("LISTEN_FDS");
	assert_string_equal(fx->output, "<>|");
}

static void the_child_inherits_no_signals_of_ours(void **state)
{
	struct fixture *fx = *state;

	/* The loop blocks SIGCHLD and ignores SIGPIPE. */
	run_script(fx, "exec grep -E '^Sig(Blk|Ign):' /proc/self/status");
	assert_string_equal(fx->output, "SigBlk:?0000000000000000|"
					"SigIgn:?0000000000000000|");
	assert_int_equal(fx->result.exit_status, 0);
}

static void the_child_inherits_no_descriptors_of_ours(void **state)
{
	struct fixture *fx = *state;
	char script[128];
	int fd = open("/dev/null", O_RDONLY); /* inheritable */

	snprintf(script, sizeof(script),
		 "[ -e /proc/self/fd/%d ] && echo leaked; readlink "
		 "/proc/self/fd/0",
		 fd);
	run_script(fx, script);
	close(fd);
	assert_string_equal(fx->output, "/dev/null|");
}

static void it_starts_with_our_standard_descriptors_closed(void **state)
{
	struct fixture *fx = *state;
	int saved[3], fd;

	for (fd = 0; fd < 3; fd++) {
		saved[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 100);
		close(fd);
	}
	start_script(fx, "echo out; echo err >&2; readlink /proc/self/fd/0",
		     LONG_MS);
	for (fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && saved[fd] >= 0)
			dup2(saved[fd], fd);
	run_until_exit(fx);
	fx->process = process_free(fx->process);
	for (fd = 0; fd < 3; fd++) {
		dup2(saved[fd], fd);
		close(saved[fd]);
	}
	assert_string_equal(fx->output, "out|/dev/null|");
	assert_string_equal(fx->result.message, "err");
}

static void the_child_leads_a_group_of_its_own(void **state)
{
	struct fixture *fx = *state;
	int pid, group;

	run_script(fx, "echo $$ $(cut -d' ' -f5 /proc/$$/stat)");
	assert_int_equal(sscanf(fx->output, "%d %d|", &pid, &group), 2);
	assert_int_equal(pid, group);
}

/* Output. */

static void output_arrives_line_by_line(void **state)
{
	struct fixture *fx = *state;

	run_script(fx, "printf 'a\\n\\nb c\\r\\nlast'");
	assert_string_equal(fx->output, "a||b c|last|");
}

static void garbage_is_made_harmless(void **state)
{
	struct fixture *fx = *state;

	run_script(fx, "printf 'a\\0b\\033[2Jc\\377d\\tz\\n\\346\\226\\207\\n'; "
		       "printf 'e\\033f\\0' >&2");
	assert_string_equal(fx->output, "a?b?[2Jc?d?z|文|");
	assert_string_equal(fx->result.message, "e?f?");
}

static void long_lines_are_cut(void **state)
{
	struct fixture *fx = *state;

	run_script(fx, "head -c 200000 /dev/zero | tr '\\0' x; echo; "
		       "echo next; head -c 600 /dev/zero | tr '\\0' y; "
		       "head -c 600 /dev/zero | tr '\\0' z >&2");
	assert_int_equal(fx->line_count, 3);
	assert_int_equal(strspn(fx->output, "x"), PROCESS_MAX_LINE - 1);
	assert_int_equal(strncmp(fx->output + PROCESS_MAX_LINE - 1,
				 "|next|yyy", 9),
			 0);
	assert_int_equal(strlen(fx->output),
			 2 * (PROCESS_MAX_LINE - 1) + strlen("||next|"));
	assert_int_equal(strspn(fx->result.message, "z"),
			 PROCESS_MAX_LINE - 1);
}

static void long_lines_are_cut_between_characters(void **state)
{
	struct fixture *fx = *state;

	run_script(fx, "i=0; while [ $i -lt 200 ]; do printf 文; i=$((i+1)); "
		       "done");
	/* 170 of three bytes make 510 of 511. */
	assert_int_equal(strlen(fx->output), 170 * 3 + 1);
	assert_null(strchr(fx->output, '?'));
}

static void the_message_is_the_last_line_said(void **state)
{
	struct fixture *fx = *state;

	run_script(fx, "echo first >&2; echo last >&2; echo >&2; "
		       "echo '  ' >&2; exit 1");
	assert_string_equal(fx->result.message, "last");
	assert_string_equal(fx->output, "");
}

static void where_to_look_further_is_no_message(void **state)
{
	struct fixture *fx = *state;

	run_script(fx, "echo 'Job for app.service failed.' >&2; "
		       "echo 'See \"systemctl status app.service\" and more.' >&2; "
		       "exit 1");
	assert_string_equal(fx->result.message, "Job for app.service failed.");
}

static void output_may_be_ignored(void **state)
{
	static const char *const argv[] = { "sh", "-c", "echo a; exit 2",
					    NULL };
	struct fixture *fx = *state;
	struct process_request request = {
		.argv = argv,
		.name = "x",
		.timeout_ms = LONG_MS,
	};

	fx->process = process_new(fx->loop, &request, NULL, on_exit_of, fx,
				  &fx->err);
	assert_non_null(fx->process);
	run_until_exit(fx);
	assert_int_equal(fx->result.exit_status, 2);
}

static void start_counted(struct fixture *fx, const char *script,
			  uint64_t timeout_ms)
{
	const char *argv[] = { "sh", "-c", script, fx->folder, NULL };
	struct process_request request = {
		.argv = argv,
		.name = "x",
		.timeout_ms = timeout_ms,
	};

	fx->process = process_new(fx->loop, &request, count_line, on_exit_of,
				  fx, &fx->err);
	assert_non_null(fx->process);
}

static void much_output_arrives_whole(void **state)
{
	struct fixture *fx = *state;

	start_counted(fx, "yes | head -n 300000", LONG_MS);
	run_until_exit(fx);
	assert_int_equal(fx->line_count, 300000);
}

static void what_is_in_the_pipe_at_the_end_arrives(void **state)
{
	struct fixture *fx = *state;

	/* 64 KiB fit into the pipe, so the child may be gone at once. */
	start_counted(fx, "yes | head -n 30000; exit 5", LONG_MS);
	run_until_exit(fx);
	assert_int_equal(fx->line_count, 30000);
	assert_int_equal(fx->result.exit_status, 5);
}

static void next_round(struct loop_source *source, void *user_data)
{
	struct fixture *fx = user_data;

	if (fx->lines_in_round > fx->most_lines_in_round)
		fx->most_lines_in_round = fx->lines_in_round;
	fx->lines_in_round = 0;
	loop_defer_again(source);
}

static void a_flood_of_output_leaves_turns_to_others(void **state)
{
	struct fixture *fx = *state;

	fx->counter = loop_add_defer(fx->loop, next_round, fx, &fx->err);
	start_counted(fx, "exec yes", BEGIN_MS);
	run_until_exit(fx);

	assert_true(fx->result.timed_out);
	assert_true(fx->line_count > 0);
	/* Two reads of 4 KiB at most, two bytes a line, and one begun before. */
	assert_true(fx->most_lines_in_round <= 2 * 2048 + 1);
}

/* The end. */

static void the_exit_status_is_reported_once(void **state)
{
	struct fixture *fx = *state;
	unsigned i;

	run_script(fx, "exit 3");
	for (i = 0; i < 5; i++)
		assert_true(loop_run_once(fx->loop, 0, &fx->err));

	assert_int_equal(fx->exits, 1);
	assert_int_equal(fx->result.exit_status, 3);
	assert_int_equal(fx->result.signal, 0);
	assert_false(fx->result.timed_out);
	assert_string_equal(fx->result.message, "");
}

/* As a careless parent has it, who hands that on to us. */
static void it_ends_although_children_were_to_be_ignored(void **state)
{
	struct fixture *fx = *state;

	fx->loop = loop_free(fx->loop);
	signal(SIGCHLD, SIG_IGN);
	fx->loop = loop_new(&fx->err);
	assert_non_null(fx->loop);
	run_script(fx, "exit 7");
	assert_int_equal(fx->result.exit_status, 7);
}

static void a_crash_is_reported_as_its_signal(void **state)
{
	struct fixture *fx = *state;

	run_script(fx, "kill -SEGV $$");
	assert_int_equal(fx->result.exit_status, -1);
	assert_int_equal(fx->result.signal, SIGSEGV);
}

static void a_child_that_takes_too_long_is_ended(void **state)
{
	struct fixture *fx = *state;

	start_script(fx, "echo begun; sleep 1000", 50);
	run_until_exit(fx);
	assert_true(fx->result.timed_out);
	assert_int_equal(fx->result.signal, SIGTERM);
}

/* The shell only waits for it. */
static void what_it_has_started_is_asked_to_end_too(void **state)
{
	struct fixture *fx = *state;

	start_script(fx,
		     "(trap 'echo told; exit' TERM; echo begun;"
		     " while :; do sleep 0.05; done) &"
		     " trap '' TERM; wait; exit 3",
		     BEGIN_MS);
	run_until_exit(fx);
	assert_true(fx->result.timed_out);
	assert_string_equal(fx->output, "begun|told|");
	assert_int_equal(fx->result.exit_status, 3);
}

static void our_own_signals_are_as_before(void **state)
{
	struct fixture *fx = *state;
	sigset_t one, after;

	sigemptyset(&one);
	sigaddset(&one, SIGUSR1);
	assert_int_equal(sigprocmask(SIG_UNBLOCK, &one, NULL), 0);
	run_script(fx, "exit 0");
	assert_int_equal(sigprocmask(SIG_SETMASK, NULL, &after), 0);
	assert_int_equal(sigismember(&after, SIGUSR1), 0);
}

static void a_stopped_child_that_takes_too_long_is_ended(void **state)
{
	struct fixture *fx = *state;

	start_script(fx, "kill -STOP $$", 50);
	run_until_exit(fx);
	assert_true(fx->result.timed_out);
	assert_int_equal(fx->result.signal, SIGTERM);
}

static void what_the_child_leaves_behind_is_killed(void **state)
{
	struct fixture *fx = *state;
	int status;

	run_script(fx, "sleep 1000 & echo $!; exit 0");
	assert_int_equal(fx->result.exit_status, 0);
	status = end_of(atoi(fx->output));
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
}

/* The pipe stays open, so its end never comes. */
static void it_ends_with_its_parent(void **state)
{
	struct fixture *fx = *state;
	OTA_CLEANUP(fclosep) FILE *pids = tmpfile();
	pid_t parent, child = 0;
	int status;

	assert_non_null(pids);
	parent = fork();
	if (parent == 0) {
		fx->loop = loop_new(NULL); /* none survives fork(2) */
		start_script(fx, "echo $$; exec sleep 1000", LONG_MS);
		while (fx->line_count == 0)
			if (!round_of(fx))
				_exit(1);
		fprintf(pids, "%d", atoi(fx->output));
		fflush(pids);
		kill(getpid(), SIGKILL);
	}
	status = end_of(parent);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	rewind(pids);
	assert_int_equal(fscanf(pids, "%d", &child), 1);
	status = end_of(child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void who_escapes_the_group_holds_up_nothing(void **state)
{
	struct fixture *fx = *state;
	pid_t escaped;

	run_script(fx, "mkfifo $0/program; setsid sh -c "
		       "'echo > $0/program; exec sleep 1000' $0 & "
		       "read x < $0/program; echo $!; exit 4");
	assert_int_equal(fx->result.exit_status, 4);
	escaped = atoi(fx->output);
	assert_int_equal(kill(escaped, SIGKILL), 0);
	end_of(escaped);
}

static void who_escapes_and_floods_holds_up_nothing(void **state)
{
	struct fixture *fx = *state;
	pid_t escaped;

	start_counted(fx, "mkfifo $0/program; setsid sh -c "
			  "'echo > $0/program; exec yes' $0 & "
			  "read x < $0/program; echo $! >&2; exit 4",
		      LONG_MS);
	run_until_exit(fx);
	assert_int_equal(fx->result.exit_status, 4);
	escaped = atoi(fx->result.message);
	/* Once the pipe is closed. */
	assert_int_equal(WTERMSIG(end_of(escaped)), SIGPIPE);
}

static void freeing_from_the_exit_callback_is_allowed(void **state)
{
	struct fixture *fx = *state;

	fx->free_on_exit = true;
	run_script(fx, "echo a; echo b >&2; exit 6");
	assert_null(fx->process);
	assert_int_equal(fx->result.exit_status, 6);
	assert_string_equal(fx->result.message, "b");
}

static void assert_killed_and_reaped(struct fixture *fx, pid_t pid)
{
	uint64_t end_ms = loop_now_ms(fx->loop) + DEADLINE_MS;

	while (kill(pid, 0) == 0 && loop_now_ms(fx->loop) < end_ms)
		assert_true(round_of(fx));
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), -1);
	assert_int_equal(fx->exits, 0);
}

static void freeing_from_the_line_callback_ends_the_child(void **state)
{
	struct fixture *fx = *state;
	uint64_t end_ms = loop_now_ms(fx->loop) + DEADLINE_MS;

	fx->free_on_line = true;
	start_script(fx, "printf '%d\\nb\\nc' $$; exec sleep 1000", LONG_MS);
	while (fx->process && loop_now_ms(fx->loop) < end_ms)
		assert_true(round_of(fx));

	assert_int_equal(fx->line_count, 1);
	assert_killed_and_reaped(fx, atoi(fx->output));
}

/* Each of the lines that a callback may see after the child ended. */
static void freeing_from_the_last_lines_is_allowed(void **state)
{
	static const char *const scripts[] = { "printf a", "printf 'a\\nb'",
					       "printf 'a\\nb\\n'" };
	struct fixture *fx = *state;
	size_t i;

	fx->free_on_line = true;
	for (i = 0; i < OTA_ARRAY_SIZE(scripts); i++) {
		uint64_t end_ms = loop_now_ms(fx->loop) + DEADLINE_MS;
		siginfo_t info;

		fx->line_count = 0;
		start_script(fx, scripts[i], LONG_MS);
		/* Ended before the loop hears of the output. */
		waitid(P_ALL, 0, &info, WEXITED | WNOWAIT);
		while (fx->process && loop_now_ms(fx->loop) < end_ms)
			assert_true(round_of(fx));
		assert_int_equal(fx->line_count, 1);
		assert_killed_and_reaped(fx, info.si_pid);
	}
}

static void freeing_ends_the_child_and_its_group(void **state)
{
	struct fixture *fx = *state;
	uint64_t end_ms = loop_now_ms(fx->loop) + DEADLINE_MS;
	int pid, grandchild, status;

	start_script(fx, "sleep 1000 & echo $$ $!; wait", LONG_MS);
	while (fx->line_count == 0 && loop_now_ms(fx->loop) < end_ms)
		assert_true(round_of(fx));
	assert_int_equal(sscanf(fx->output, "%d %d", &pid, &grandchild), 2);
	fx->process = process_free(fx->process);

	assert_killed_and_reaped(fx, pid);
	status = end_of(grandchild);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
}

static void processes_run_side_by_side(void **state)
{
	enum { COUNT = 8 };
	static const char *const argv[] = { "sh", "-c", "echo a; exit 1",
					    NULL };
	struct fixture *fx = *state;
	struct process_request request = {
		.argv = argv,
		.name = "x",
		.timeout_ms = LONG_MS,
	};
	struct process *all[COUNT];
	uint64_t end_ms = loop_now_ms(fx->loop) + DEADLINE_MS;
	unsigned i;

	for (i = 0; i < COUNT; i++) {
		all[i] = process_new(fx->loop, &request, count_line,
				     on_exit_of, fx, &fx->err);
		assert_non_null(all[i]);
	}
	while (fx->exits < COUNT && loop_now_ms(fx->loop) < end_ms)
		assert_true(round_of(fx));
	assert_int_equal(fx->exits, COUNT);
	assert_int_equal(fx->line_count, COUNT);
	for (i = 0; i < COUNT; i++)
		process_free(all[i]);
}

static int lowest_free_fd(void)
{
	int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);

	close(fd);
	return fd;
}

static void no_descriptors_are_left(void **state)
{
	struct fixture *fx = *state;
	int before;

	/* The loop keeps what it needed once. */
	run_script(fx, "echo a");
	fx->process = process_free(fx->process);
	fx->exits = 0;
	before = lowest_free_fd();
	assert_false(start_program(fx, "/nonexistent"));
	assert_int_equal(lowest_free_fd(), before);
	run_script(fx, "echo a");
	fx->process = process_free(fx->process);
	assert_int_equal(lowest_free_fd(), before);
}

/* Results. */

static void results_are_told_in_a_sentence(void **state)
{
	static const struct {
		struct process_result result;
		const char *text;
	} cases[] = {
		{ { .exit_status = 3 }, "x failed with exit status 3" },
		{ { .exit_status = 3, .message = "no flash" },
		  "x failed with exit status 3: no flash" },
		{ { .exit_status = -1, .signal = SIGSEGV },
		  "x was ended by signal 11 (Segmentation fault)" },
		{ { .exit_status = -1, .signal = SIGTERM, .timed_out = true,
		    .message = "at 40 %" },
		  "x did not end in time and was stopped: at 40 %" },
		/* It took the SIGTERM and said all is well. */
		{ { .timed_out = true },
		  "x did not end in time and was stopped" },
	};
	static const struct process_result good = { .message = "noise" };
	struct ota_error err;
	size_t i;

	assert_true(process_result_check(&good, "x", OTA_ERROR_BUSY, &err));
	for (i = 0; i < OTA_ARRAY_SIZE(cases); i++) {
		assert_false(process_result_check(&cases[i].result, "x",
						  OTA_ERROR_INSTALL_FAILED,
						  &err));
		assert_int_equal(err.kind, OTA_ERROR_INSTALL_FAILED);
		assert_string_equal(err.text, cases[i].text);
	}
}

static void freeing_nothing_is_allowed(void **state)
{
	assert_null(process_free(NULL));
}

int main(void)
{
#define PROCESS_TEST(name)                                                     \
	cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		PROCESS_TEST(missing_programs_fail_at_once),
		PROCESS_TEST(programs_not_executable_fail_at_once),
		PROCESS_TEST(programs_for_another_machine_fail_at_once),
		PROCESS_TEST(a_missing_interpreter_is_named_as_such),
		PROCESS_TEST(names_without_slash_are_looked_up),
		PROCESS_TEST(arguments_and_environment_arrive),
		PROCESS_TEST(the_child_cannot_speak_for_the_service),
		PROCESS_TEST(the_child_inherits_no_signals_of_ours),
		PROCESS_TEST(the_child_inherits_no_descriptors_of_ours),
		PROCESS_TEST(it_starts_with_our_standard_descriptors_closed),
		PROCESS_TEST(the_child_leads_a_group_of_its_own),
		PROCESS_TEST(output_arrives_line_by_line),
		PROCESS_TEST(garbage_is_made_harmless),
		PROCESS_TEST(long_lines_are_cut),
		PROCESS_TEST(long_lines_are_cut_between_characters),
		PROCESS_TEST(the_message_is_the_last_line_said),
		PROCESS_TEST(where_to_look_further_is_no_message),
		PROCESS_TEST(output_may_be_ignored),
		PROCESS_TEST(much_output_arrives_whole),
		PROCESS_TEST(what_is_in_the_pipe_at_the_end_arrives),
		PROCESS_TEST(a_flood_of_output_leaves_turns_to_others),
		PROCESS_TEST(the_exit_status_is_reported_once),
		PROCESS_TEST(it_ends_although_children_were_to_be_ignored),
		PROCESS_TEST(a_crash_is_reported_as_its_signal),
		PROCESS_TEST(a_child_that_takes_too_long_is_ended),
		PROCESS_TEST(what_it_has_started_is_asked_to_end_too),
		PROCESS_TEST(our_own_signals_are_as_before),
		PROCESS_TEST(a_stopped_child_that_takes_too_long_is_ended),
		PROCESS_TEST(what_the_child_leaves_behind_is_killed),
		PROCESS_TEST(it_ends_with_its_parent),
		PROCESS_TEST(who_escapes_the_group_holds_up_nothing),
		PROCESS_TEST(who_escapes_and_floods_holds_up_nothing),
		PROCESS_TEST(freeing_from_the_exit_callback_is_allowed),
		PROCESS_TEST(freeing_from_the_line_callback_ends_the_child),
		PROCESS_TEST(freeing_from_the_last_lines_is_allowed),
		PROCESS_TEST(freeing_ends_the_child_and_its_group),
		PROCESS_TEST(processes_run_side_by_side),
		PROCESS_TEST(no_descriptors_are_left),
		cmocka_unit_test(results_are_told_in_a_sentence),
		cmocka_unit_test(freeing_nothing_is_allowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
