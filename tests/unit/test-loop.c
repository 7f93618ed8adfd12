#include "otad/base/loop.h"

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
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <systemd/sd-event.h>

#include "otad/base/cleanup.h"
#include "otad/base/notify.h"

/* A test that hangs ends here; nothing is expected to take as long. */
#define DEADLINE_MS 20000
#define MAX_SOURCES 8

struct fixture {
	struct loop *loop;
	struct loop_source *sources[MAX_SOURCES];
	struct loop_source *victim; /* freed by the callback under test */
	unsigned calls;
	char order[64]; /* one letter for each callback */
	int pipe[2];
	uint32_t events;
	int signal_number;
	pid_t pid;
	int code, status;
	bool is_healthy;
};

/* How late the last timer may be. */
static uint64_t slack_us;

int sd_event_source_set_time_accuracy(sd_event_source *source, uint64_t usec)
{
	static int (*real)(sd_event_source *source, uint64_t usec);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT,
					"sd_event_source_set_time_accuracy");
	assert_non_null(real);
	slack_us = usec;
	return real(source, usec);
}

static int setup(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));
	struct ota_error err;

	fx->loop = loop_new(&err);
	if (!fx->loop || pipe2(fx->pipe, O_CLOEXEC | O_NONBLOCK) < 0)
		return -1;
	*state = fx;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fx = *state;
	size_t i;

	for (i = 0; i < MAX_SOURCES; i++)
		loop_source_free(fx->sources[i]);
	loop_free(fx->loop);
	close(fx->pipe[0]);
	if (fx->pipe[1] >= 0)
		close(fx->pipe[1]);
	free(fx);
	return 0;
}

static void run_until_calls(struct fixture *fx, unsigned calls)
{
	uint64_t end_ms = loop_now_ms(fx->loop) + DEADLINE_MS;
	struct ota_error err;

	while (fx->calls < calls && loop_now_ms(fx->loop) < end_ms)
		assert_true(loop_run_once(fx->loop, 100, &err));
	assert_true(fx->calls >= calls);
}

/* Long enough, in rounds, for whatever is pending. */
static void run_rounds(struct fixture *fx, unsigned rounds)
{
	struct ota_error err;

	while (rounds--)
		assert_true(loop_run_once(fx->loop, 0, &err));
}

static void note(struct fixture *fx, char letter)
{
	size_t used = strlen(fx->order);

	fx->calls++;
	if (used + 1 < sizeof(fx->order))
		fx->order[used] = letter;
}

static void count(struct loop_source *source, void *user_data)
{
	note(user_data, '.');
}

static void note_a(struct loop_source *source, void *user_data)
{
	note(user_data, 'a');
}

static void note_b(struct loop_source *source, void *user_data)
{
	note(user_data, 'b');
}

static void note_c(struct loop_source *source, void *user_data)
{
	note(user_data, 'c');
}

static void again(struct loop_source *source, void *user_data)
{
	note(user_data, 'd');
	loop_defer_again(source);
}

static void free_victim(struct loop_source *source, void *user_data)
{
	struct fixture *fx = user_data;

	note(fx, 'f');
	fx->victim = loop_source_free(fx->victim);
}

static void note_io(struct loop_source *source, int fd, uint32_t events,
		    void *user_data)
{
	struct fixture *fx = user_data;

	fx->events = events;
	note(fx, 'i');
}

static void free_victim_io(struct loop_source *source, int fd, uint32_t events,
			   void *user_data)
{
	free_victim(source, user_data);
}

static void note_signal(struct loop_source *source, int signal_number,
			void *user_data)
{
	struct fixture *fx = user_data;

	fx->signal_number = signal_number;
	note(fx, 's');
}

static void free_victim_signal(struct loop_source *source, int signal_number,
			       void *user_data)
{
	free_victim(source, user_data);
}

static void note_child(struct loop_source *source, pid_t pid, int code,
		       int status, void *user_data)
{
	struct fixture *fx = user_data;

	fx->pid = pid;
	fx->code = code;
	fx->status = status;
	note(fx, 'p');
}

static void free_victim_child(struct loop_source *source, pid_t pid, int code,
			      int status, void *user_data)
{
	free_victim(source, user_data);
}

static void a_new_loop_sets_the_signals_it_needs(void **state)
{
	struct sigaction action;
	sigset_t blocked;

	sigprocmask(SIG_BLOCK, NULL, &blocked);
	assert_int_equal(sigismember(&blocked, SIGCHLD), 1);
	sigaction(SIGPIPE, NULL, &action);
	assert_ptr_equal(action.sa_handler, SIG_IGN);
}

static void timers_fire_once_and_may_be_armed_again(void **state)
{
	struct fixture *fx = *state;
	struct ota_error err;

	fx->sources[0] = loop_add_timer(fx->loop, 1, count, fx, &err);
	run_until_calls(fx, 1);
	loop_timer_set(fx->sources[0], 0);
	run_until_calls(fx, 2);
	run_rounds(fx, 5);

	assert_int_equal(fx->calls, 2);
}

static void timers_do_not_fire_early(void **state)
{
	struct fixture *fx = *state;
	uint64_t begin_ms = loop_now_ms(fx->loop);
	struct ota_error err;

	fx->sources[0] = loop_add_timer(fx->loop, 20, count, fx, &err);
	run_until_calls(fx, 1);

	assert_true(loop_now_ms(fx->loop) >= begin_ms + 20);
}

/* 0 would be sd-event's own, a quarter of a second even for short ones. */
static void timers_are_late_by_a_tenth_or_a_quarter_second(void **state)
{
	struct fixture *fx = *state;
	struct ota_error err;

	fx->sources[0] = loop_add_timer(fx->loop, 0, count, fx, &err);
	assert_int_equal(slack_us, 1);
	loop_timer_set(fx->sources[0], 1000);
	assert_int_equal(slack_us, 100 * 1000);
	loop_timer_set(fx->sources[0], 24 * 3600 * 1000);
	assert_int_equal(slack_us, 250 * 1000);
}

static void timers_fire_in_the_order_of_time(void **state)
{
	struct fixture *fx = *state;
	struct ota_error err;

	fx->sources[0] = loop_add_timer(fx->loop, 30, note_b, fx, &err);
	fx->sources[1] = loop_add_timer(fx->loop, 1, note_a, fx, &err);
	run_until_calls(fx, 2);

	assert_string_equal(fx->order, "ab");
}

static void timers_armed_for_never_do_not_fire(void **state)
{
	static const uint64_t never[] = { LOOP_NEVER, LOOP_NEVER - 1,
					  UINT64_MAX / 1000 };
	struct fixture *fx = *state;
	struct ota_error err;
	size_t i;

	for (i = 0; i < OTA_ARRAY_SIZE(never); i++) {
		fx->sources[i] =
			loop_add_timer(fx->loop, never[i], note_a, fx, &err);
		assert_non_null(fx->sources[i]);
	}
	fx->sources[i] = loop_add_timer(fx->loop, 0, note_b, fx, &err);
	loop_timer_set(fx->sources[i], LOOP_NEVER);
	fx->sources[i + 1] = loop_add_timer(fx->loop, 5, note_c, fx, &err);
	run_until_calls(fx, 1);
	run_rounds(fx, 5);

	assert_string_equal(fx->order, "c");
}

static void defers_run_once_in_order_before_the_loop_sleeps(void **state)
{
	struct fixture *fx = *state;
	struct ota_error err;

	fx->sources[0] = loop_add_defer(fx->loop, note_a, fx, &err);
	fx->sources[1] = loop_add_defer(fx->loop, note_b, fx, &err);
	/* Were it to sleep, it would sleep for ever. */
	assert_true(loop_run_once(fx->loop, UINT32_MAX, &err));
	assert_true(loop_run_once(fx->loop, UINT32_MAX, &err));
	run_rounds(fx, 5);

	assert_string_equal(fx->order, "ab");
}

static void defers_may_be_armed_again(void **state)
{
	struct fixture *fx = *state;
	struct ota_error err;

	fx->sources[0] = loop_add_defer(fx->loop, note_a, fx, &err);
	loop_defer_again(fx->sources[0]); /* is armed: no second call */
	run_rounds(fx, 3);
	assert_string_equal(fx->order, "a");
	loop_defer_again(fx->sources[0]);
	run_rounds(fx, 3);
	assert_string_equal(fx->order, "aa");
}

static void sliced_work_leaves_turns_to_descriptors_and_timers(void **state)
{
	struct fixture *fx = *state;
	struct ota_error err;

	fx->sources[0] = loop_add_defer(fx->loop, again, fx, &err);
	run_rounds(fx, 3);
	assert_int_equal(write(fx->pipe[1], "x", 1), 1);
	fx->sources[1] = loop_add_io(fx->loop, fx->pipe[0], EPOLLIN, note_io,
				     fx, &err);
	fx->sources[2] = loop_add_timer(fx->loop, 0, note_a, fx, &err);
	run_rounds(fx, 8);

	assert_non_null(strchr(fx->order, 'i'));
	assert_non_null(strchr(fx->order, 'a'));
}

static void sliced_work_gets_turns_beside_a_busy_descriptor(void **state)
{
	struct fixture *fx = *state;
	struct ota_error err;

	/* Never read: ready in every round. */
	assert_int_equal(write(fx->pipe[1], "x", 1), 1);
	fx->sources[0] = loop_add_io(fx->loop, fx->pipe[0], EPOLLIN, note_io,
				     fx, &err);
	fx->sources[1] = loop_add_defer(fx->loop, again, fx, &err);
	run_rounds(fx, 4);

	assert_string_equal(fx->order, "didididi");
}

static void descriptors_report_what_is_asked_for(void **state)
{
	struct fixture *fx = *state;
	struct ota_error err;

	fx->sources[0] = loop_add_io(fx->loop, fx->pipe[0], EPOLLIN, note_io,
				     fx, &err);
	run_rounds(fx, 2);
	assert_int_equal(fx->calls, 0);
	assert_int_equal(write(fx->pipe[1], "x", 1), 1);
	run_until_calls(fx, 1);
	assert_int_equal(fx->events, EPOLLIN);
}

static void descriptors_without_events_are_not_watched(void **state)
{
	struct fixture *fx = *state;
	struct ota_error err;

	fx->sources[0] = loop_add_io(fx->loop, fx->pipe[0], 0, note_io, fx,
				     &err);
	assert_int_equal(write(fx->pipe[1], "x", 1), 1);
	close(fx->pipe[1]); /* even a hang-up */
	fx->pipe[1] = -1;
	run_rounds(fx, 3);
	assert_int_equal(fx->calls, 0);

	assert_true(loop_source_set_events(fx->sources[0], EPOLLIN, &err));
	run_until_calls(fx, 1);
	assert_int_equal(fx->events, EPOLLIN | EPOLLHUP);

	assert_true(loop_source_set_events(fx->sources[0], 0, &err));
	fx->calls = 0;
	run_rounds(fx, 3);
	assert_int_equal(fx->calls, 0);
}

static void what_cannot_be_watched_is_an_error(void **state)
{
	struct fixture *fx = *state;
	OTA_CLEANUP(fclosep) FILE *file = tmpfile();
	struct ota_error err = OTA_ERROR_INIT;

	assert_null(loop_add_io(fx->loop, 9999, EPOLLIN, note_io, fx, &err));
	assert_int_equal(err.sys_errno, EBADF);
	assert_null(loop_add_io(fx->loop, fileno(file), EPOLLIN, note_io, fx,
				&err));
	assert_int_equal(err.sys_errno, EPERM);
	assert_null(loop_add_signal(fx->loop, 9999, note_signal, fx, &err));
	assert_int_equal(err.sys_errno, EINVAL);
	assert_null(loop_add_child(fx->loop, -1, note_child, fx, &err));
	assert_int_equal(err.kind, OTA_ERROR_INTERNAL);
}

static void signals_arrive_from_the_loop_only(void **state)
{
	struct fixture *fx = *state;
	struct ota_error err;

	fx->sources[0] = loop_add_signal(fx->loop, SIGUSR1, note_signal, fx,
					 &err);
	raise(SIGUSR1); /* would end us, were it not blocked */
	assert_int_equal(fx->calls, 0);
	run_until_calls(fx, 1);

	assert_int_equal(fx->signal_number, SIGUSR1);
}

static pid_t fork_child(int exit_status, int signal_number)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (signal_number)
			raise(signal_number);
		_exit(exit_status);
	}
	assert_true(pid > 0);
	return pid;
}

static void assert_reaped(pid_t pid)
{
	assert_int_equal(waitpid(pid, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void children_report_their_exit_status(void **state)
{
	struct fixture *fx = *state;
	pid_t pid = fork_child(3, 0);
	struct ota_error err;

	fx->sources[0] = loop_add_child(fx->loop, pid, note_child, fx, &err);
	run_until_calls(fx, 1);
	run_rounds(fx, 3);

	assert_int_equal(fx->calls, 1);
	assert_int_equal(fx->pid, pid);
	assert_int_equal(fx->code, CLD_EXITED);
	assert_int_equal(fx->status, 3);
	assert_reaped(pid);
}

static void children_report_the_signal_that_ended_them(void **state)
{
	struct fixture *fx = *state;
	pid_t pid = fork_child(0, SIGKILL);
	struct ota_error err;

	fx->sources[0] = loop_add_child(fx->loop, pid, note_child, fx, &err);
	run_until_calls(fx, 1);

	assert_int_equal(fx->code, CLD_KILLED);
	assert_int_equal(fx->status, SIGKILL);
	assert_reaped(pid);
}

static void look_for_zombie(struct loop_source *source, pid_t pid, int code,
			    int status, void *user_data)
{
	struct fixture *fx = user_data;

	/* Signal 0 goes to a zombie too: its number is not free yet. */
	fx->status = kill(pid, 0);
	fx->sources[0] = loop_source_free(fx->sources[0]);
	note(fx, 'z');
}

static void children_are_reaped_after_their_callback(void **state)
{
	struct fixture *fx = *state;
	pid_t pid = fork_child(0, 0);
	struct ota_error err;

	fx->sources[0] =
		loop_add_child(fx->loop, pid, look_for_zombie, fx, &err);
	run_until_calls(fx, 1);

	assert_int_equal(fx->status, 0);
	assert_reaped(pid);
}

static void abandoned_children_leave_no_zombie(void **state)
{
	struct fixture *fx = *state;
	pid_t pid = fork_child(0, 0);
	struct ota_error err;
	uint64_t end_ms = loop_now_ms(fx->loop) + DEADLINE_MS;

	loop_child_abandon(
		loop_add_child(fx->loop, pid, note_child, fx, &err));
	loop_child_abandon(NULL);
	while (kill(pid, 0) == 0 && loop_now_ms(fx->loop) < end_ms)
		assert_true(loop_run_once(fx->loop, 100, &err));

	assert_reaped(pid);
	assert_int_equal(fx->calls, 0);
}

static void abandoned_children_go_with_the_loop(void **state)
{
	struct ota_error err;
	struct loop *loop = loop_new(&err);
	pid_t pid = fork();

	if (pid == 0) {
		pause();
		_exit(0);
	}
	loop_child_abandon(loop_add_child(loop, pid, note_child, NULL, &err));
	loop_free(loop);

	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void every_callback_may_free_its_own_source(void **state)
{
	struct fixture *fx = *state;
	struct ota_error err;

	fx->victim = loop_add_timer(fx->loop, 0, free_victim, fx, &err);
	run_until_calls(fx, 1);
	fx->victim = loop_add_defer(fx->loop, free_victim, fx, &err);
	run_until_calls(fx, 2);
	assert_int_equal(write(fx->pipe[1], "x", 1), 1);
	fx->victim = loop_add_io(fx->loop, fx->pipe[0], EPOLLIN,
				 free_victim_io, fx, &err);
	run_until_calls(fx, 3);
	fx->victim = loop_add_signal(fx->loop, SIGUSR2, free_victim_signal, fx,
				     &err);
	raise(SIGUSR2);
	run_until_calls(fx, 4);
	fx->victim = loop_add_child(fx->loop, fork_child(0, 0),
				    free_victim_child, fx, &err);
	run_until_calls(fx, 5);
	run_rounds(fx, 5);

	assert_int_equal(fx->calls, 5);
}

static void free_both_io(struct loop_source *source, int fd, uint32_t events,
			 void *user_data)
{
	struct fixture *fx = user_data;

	note(fx, 'f');
	fx->sources[0] = loop_source_free(fx->sources[0]);
	fx->sources[1] = loop_source_free(fx->sources[1]);
}

static void a_freed_source_does_not_run_though_it_was_due(void **state)
{
	struct fixture *fx = *state;
	struct ota_error err;
	int other = fcntl(fx->pipe[0], F_DUPFD_CLOEXEC, 3);

	/* Both are ready in the same round; whichever runs frees the other. */
	assert_int_equal(write(fx->pipe[1], "x", 1), 1);
	fx->sources[0] = loop_add_io(fx->loop, fx->pipe[0], EPOLLIN,
				     free_both_io, fx, &err);
	fx->sources[1] = loop_add_io(fx->loop, other, EPOLLIN, free_both_io,
				     fx, &err);
	run_rounds(fx, 4);
	assert_int_equal(fx->calls, 1);
	close(other);
}

static void a_freed_defer_and_timer_do_not_run(void **state)
{
	struct fixture *fx = *state;
	struct ota_error err;

	fx->sources[0] = loop_add_defer(fx->loop, free_victim, fx, &err);
	fx->victim = loop_add_defer(fx->loop, note_a, fx, &err);
	run_rounds(fx, 4);
	assert_string_equal(fx->order, "f");

	fx->victim = loop_add_timer(fx->loop, 0, note_b, fx, &err);
	loop_defer_again(fx->sources[0]);
	run_rounds(fx, 4);
	assert_string_equal(fx->order, "ff");
}

static void exit_three(struct loop_source *source, void *user_data)
{
	loop_exit(user_data, 3);
}

static void exit_four(struct loop_source *source, void *user_data)
{
	loop_exit(user_data, 4);
}

static void running_ends_with_the_code_of_exit(void **state)
{
	struct fixture *fx = *state;
	struct ota_error err;

	fx->sources[0] =
		loop_add_timer(fx->loop, 1, exit_three, fx->loop, &err);
	assert_int_equal(loop_run(fx->loop, &err), 3);
	/* From a deferred callback, and a second time, as well. */
	fx->sources[1] = loop_add_defer(fx->loop, exit_four, fx->loop, &err);
	assert_int_equal(loop_run(fx->loop, &err), 4);
}

static void an_exit_before_running_is_not_lost(void **state)
{
	struct fixture *fx = *state;
	struct ota_error err;

	fx->sources[0] = loop_add_defer(fx->loop, count, fx, &err);
	loop_exit(fx->loop, 4);

	assert_int_equal(loop_run(fx->loop, &err), 4);
	assert_int_equal(fx->calls, 0);
}

static void spin(struct loop_source *source, void *user_data)
{
	struct fixture *fx = user_data;
	uint64_t begin_ms = loop_now_ms(fx->loop);

	note(fx, 's');
	while (loop_now_ms(fx->loop) < begin_ms + 5)
		;
}

static void the_longest_stall_is_remembered(void **state)
{
	struct fixture *fx = *state;
	struct ota_error err;

	assert_int_equal(loop_longest_stall_us(fx->loop), 0);
	fx->sources[0] = loop_add_timer(fx->loop, 0, spin, fx, &err);
	run_until_calls(fx, 1);
	assert_true(loop_longest_stall_us(fx->loop) >= 4000);
}

static void a_stall_of_deferred_work_counts_too(void **state)
{
	struct fixture *fx = *state;
	struct ota_error err;

	fx->sources[0] = loop_add_defer(fx->loop, spin, fx, &err);
	run_until_calls(fx, 1);
	assert_true(loop_longest_stall_us(fx->loop) >= 4000);
}

static void waiting_is_no_stall(void **state)
{
	struct fixture *fx = *state;
	struct ota_error err;

	uint64_t begin_ms = loop_now_ms(fx->loop);

	fx->sources[0] = loop_add_timer(fx->loop, DEADLINE_MS, count, fx,
					&err);
	assert_true(loop_run_once(fx->loop, 1, &err));
	assert_int_equal(loop_longest_stall_us(fx->loop), 0);
	/* Nor is what was before. */
	loop_timer_set(fx->sources[0], 0);
	run_until_calls(fx, 1);
	assert_true(loop_longest_stall_us(fx->loop) / 1000 <=
		    loop_now_ms(fx->loop) - begin_ms);
}

static void note_once(struct loop_source *source, int fd, uint32_t events,
		    void *user_data)
{
	struct fixture *fx = user_data;

	note(fx, 'i');
	assert_true(loop_source_set_events(source, 0, NULL));
}

static void note_defer(struct loop_source *source, void *user_data)
{
	note(user_data, 'd');
}

/* Works for long, and leaves more to do. */
static void spin_and_defer(struct loop_source *source, void *user_data)
{
	struct fixture *fx = user_data;
	struct ota_error err;

	spin(source, user_data);
	fx->sources[1] = loop_add_defer(fx->loop, note_defer, fx, &err);
	assert_int_equal(write(fx->pipe[1], "x", 1), 1);
}

static void others_come_between_long_work_and_what_it_deferred(void **state)
{
	struct fixture *fx = *state;
	struct ota_error err;

	fx->sources[0] = loop_add_timer(fx->loop, 0, spin_and_defer, fx, &err);
	fx->sources[2] = loop_add_io(fx->loop, fx->pipe[0], EPOLLIN, note_once,
				     fx, &err);
	run_until_calls(fx, 3);
	assert_string_equal(fx->order, "sid");
}

static void spin_again(struct loop_source *source, int fd, uint32_t events,
		       void *user_data)
{
	spin(source, user_data);
}

/* On a slow machine a download alone may be that. */
static void long_work_without_end_lets_deferred_work_through(void **state)
{
	struct fixture *fx = *state;
	struct ota_error err;

	assert_int_equal(write(fx->pipe[1], "x", 1), 1);
	fx->sources[0] = loop_add_io(fx->loop, fx->pipe[0], EPOLLIN, spin_again,
				     fx, &err);
	run_until_calls(fx, 1);
	fx->sources[1] = loop_add_defer(fx->loop, note_defer, fx, &err);
	run_until_calls(fx, 4);
	loop_defer_again(fx->sources[1]);
	run_until_calls(fx, 7);
	assert_string_equal(fx->order, "ssdssds");
}

static void the_clocks_are_those_of_the_system(void **state)
{
	struct fixture *fx = *state;
	struct timespec boot, wall;

	clock_gettime(CLOCK_BOOTTIME, &boot);
	clock_gettime(CLOCK_REALTIME, &wall);
	assert_in_range(loop_now_ms(fx->loop),
			boot.tv_sec * 1000 + boot.tv_nsec / 1000000,
			boot.tv_sec * 1000 + DEADLINE_MS);
	assert_in_range(loop_wall_ms(fx->loop),
			wall.tv_sec * 1000 + wall.tv_nsec / 1000000,
			wall.tv_sec * 1000 + DEADLINE_MS);
}

/* The watchdog: a socket plays the service manager. */

static int notify_listen(void)
{
	/* An abstract name, so that nothing is left behind. */
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	char name[64];
	int length = snprintf(name, sizeof(name), "@otad-test-loop-%d",
			      (int)getpid());

	memcpy(address.sun_path, name, (size_t)length);
	address.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (struct sockaddr *)&address,
			      (socklen_t)(offsetof(struct sockaddr_un,
						   sun_path) +
					  (size_t)length)),
			 0);
	setenv("NOTIFY_SOCKET", name, 1);
	setenv("WATCHDOG_USEC", "4000", 1);
	return fd;
}

static void notify_done(int fd)
{
	close(fd);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

static bool was_notified(int fd)
{
	char message[64] = "";

	if (recv(fd, message, sizeof(message) - 1, 0) < 0)
		return false;
	assert_string_equal(message, "WATCHDOG=1");
	return true;
}

static bool say_health(void *user_data)
{
	struct fixture *fx = user_data;

	note(fx, 'h');
	return fx->is_healthy;
}

static void the_watchdog_is_fed_while_healthy(void **state)
{
	struct fixture *fx = *state;
	int fd = notify_listen();
	struct ota_error err;

	fx->is_healthy = true;
	assert_true(loop_watch(fx->loop, say_health, fx, &err));
	run_until_calls(fx, 2);
	assert_true(was_notified(fd));
	assert_true(was_notified(fd));
	/* A tenth of half of the time that there is. */
	assert_int_equal(slack_us, 200);

	fx->is_healthy = false;
	while (was_notified(fd))
		;
	run_until_calls(fx, fx->calls + 2);
	assert_false(was_notified(fd));

	fx->is_healthy = true;
	run_until_calls(fx, fx->calls + 1);
	assert_true(was_notified(fd));
	/* The next program in this process needs them. */
	assert_non_null(getenv("NOTIFY_SOCKET"));
	assert_non_null(getenv("WATCHDOG_USEC"));
	notify_done(fd);
}

static void the_watchdog_needs_no_health_function(void **state)
{
	struct fixture *fx = *state;
	int fd = notify_listen();
	struct ota_error err;
	uint64_t end_ms = loop_now_ms(fx->loop) + DEADLINE_MS;

	assert_true(loop_watch(fx->loop, NULL, NULL, &err));
	while (!was_notified(fd)) {
		assert_true(loop_now_ms(fx->loop) < end_ms);
		assert_true(loop_run_once(fx->loop, 100, &err));
	}
	notify_done(fd);
}

static void the_service_manager_is_told_of_a_reload(void **state)
{
	int fd = notify_listen();
	char message[128] = "";

	notify_reloading();
	assert_true(recv(fd, message, sizeof(message) - 1, 0) > 0);
	assert_memory_equal(message, "RELOADING=1\n", 12);
	/* Since systemd 253 that counts with the time alone. */
	assert_non_null(strstr(message, "\nMONOTONIC_USEC="));
	notify_ready();
	memset(message, 0, sizeof(message));
	assert_true(recv(fd, message, sizeof(message) - 1, 0) > 0);
	assert_string_equal(message, "READY=1");
	assert_non_null(getenv("NOTIFY_SOCKET"));
	notify_done(fd);
}

static void the_watchdog_of_another_process_is_not_fed(void **state)
{
	struct fixture *fx = *state;
	int fd = notify_listen();
	struct ota_error err;

	setenv("WATCHDOG_PID", "1", 1);
	assert_true(loop_watch(fx->loop, say_health, fx, &err));
	run_rounds(fx, 3);
	assert_int_equal(fx->calls, 0);
	notify_done(fd);
}

static void without_a_watchdog_watching_does_nothing(void **state)
{
	struct fixture *fx = *state;
	struct ota_error err;

	assert_true(loop_watch(fx->loop, say_health, fx, &err));
	run_rounds(fx, 3);
	assert_int_equal(fx->calls, 0);
}

static void a_broken_watchdog_setting_is_an_error(void **state)
{
	struct fixture *fx = *state;
	struct ota_error err;

	setenv("WATCHDOG_USEC", "soon", 1);
	assert_false(loop_watch(fx->loop, NULL, NULL, &err));
	assert_int_equal(err.kind, OTA_ERROR_INTERNAL);
	unsetenv("WATCHDOG_USEC");
}

static void freeing_nothing_is_allowed(void **state)
{
	assert_null(loop_free(NULL));
	assert_null(loop_source_free(NULL));
}

int main(void)
{
#define LOOP_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		LOOP_TEST(a_new_loop_sets_the_signals_it_needs),
		LOOP_TEST(timers_fire_once_and_may_be_armed_again),
		LOOP_TEST(timers_do_not_fire_early),
		LOOP_TEST(timers_are_late_by_a_tenth_or_a_quarter_second),
		LOOP_TEST(timers_fire_in_the_order_of_time),
		LOOP_TEST(timers_armed_for_never_do_not_fire),
		LOOP_TEST(defers_run_once_in_order_before_the_loop_sleeps),
		LOOP_TEST(defers_may_be_armed_again),
		LOOP_TEST(sliced_work_leaves_turns_to_descriptors_and_timers),
		LOOP_TEST(sliced_work_gets_turns_beside_a_busy_descriptor),
		LOOP_TEST(descriptors_report_what_is_asked_for),
		LOOP_TEST(descriptors_without_events_are_not_watched),
		LOOP_TEST(what_cannot_be_watched_is_an_error),
		LOOP_TEST(signals_arrive_from_the_loop_only),
		LOOP_TEST(children_report_their_exit_status),
		LOOP_TEST(children_report_the_signal_that_ended_them),
		LOOP_TEST(children_are_reaped_after_their_callback),
		LOOP_TEST(abandoned_children_leave_no_zombie),
		LOOP_TEST(abandoned_children_go_with_the_loop),
		LOOP_TEST(every_callback_may_free_its_own_source),
		LOOP_TEST(a_freed_source_does_not_run_though_it_was_due),
		LOOP_TEST(a_freed_defer_and_timer_do_not_run),
		LOOP_TEST(running_ends_with_the_code_of_exit),
		LOOP_TEST(an_exit_before_running_is_not_lost),
		LOOP_TEST(the_longest_stall_is_remembered),
		LOOP_TEST(a_stall_of_deferred_work_counts_too),
		LOOP_TEST(waiting_is_no_stall),
		LOOP_TEST(others_come_between_long_work_and_what_it_deferred),
		LOOP_TEST(long_work_without_end_lets_deferred_work_through),
		LOOP_TEST(the_clocks_are_those_of_the_system),
		LOOP_TEST(the_watchdog_is_fed_while_healthy),
		LOOP_TEST(the_watchdog_needs_no_health_function),
		LOOP_TEST(the_service_manager_is_told_of_a_reload),
		LOOP_TEST(the_watchdog_of_another_process_is_not_fed),
		LOOP_TEST(without_a_watchdog_watching_does_nothing),
		LOOP_TEST(a_broken_watchdog_setting_is_an_error),
		LOOP_TEST(freeing_nothing_is_allowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
