#include "judge.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

/* otad's own deadline comes first: it knows more of what went wrong. */
#define SLACK_S(timeout_s) ((timeout_s) / 10 + 2)
#define TERMINATE_MS 5000
#define STEP_MS 100

static time_t now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec;
}

/* Until something changes in the state directory, or `until_s` has come. */
static void wait_for_change(int watch, int timer, time_t until_s)
{
	struct itimerspec at = { .it_value.tv_sec = until_s };
	struct pollfd fds[] = { { watch, POLLIN, 0 }, { timer, POLLIN, 0 } };
	char events[4096] __attribute__((aligned(8)));

	timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL);
	/* Without inotify or a timer: one look a second. */
	poll(fds, 2, watch < 0 || timer < 0 ? 1000 : -1);
	if (watch >= 0 && (fds[0].revents & POLLIN) &&
	    read(watch, events, sizeof(events)) < 0)
		return;
}

/* Runs `pid` the version that the trial was about, not what is back now? */
static bool runs_new(pid_t pid, const char *state_dir)
{
	static const char deleted[] = " (deleted)";
	char link[64], exe[PATH_MAX], target[PATH_MAX];
	struct stat running, file;
	ssize_t length;
	size_t used;

	snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
	length = readlink(link, exe, sizeof(exe) - 1);
	if (length <= 0 || !realpath(state_dir, target))
		return false;
	exe[length] = '\0';
	used = (size_t)length;
	if (used > sizeof(deleted) - 1 &&
	    strcmp(exe + used - (sizeof(deleted) - 1), deleted) == 0)
		exe[used - (sizeof(deleted) - 1)] = '\0';
	used = strlen(target);
	snprintf(target + used, sizeof(target) - used, "/" TARGET);
	if (strcmp(exe, target) != 0 || stat(link, &running) < 0)
		return false;
	return stat(target, &file) < 0 || file.st_dev != running.st_dev ||
	       file.st_ino != running.st_ino;
}

static void send(int pidfd, pid_t pid, int signal_number)
{
	/* Linux before 5.3 has only the other call. */
	if (pidfd < 0 ||
	    syscall(SYS_pidfd_send_signal, pidfd, signal_number, NULL, 0) < 0)
		kill(pid, signal_number);
}

/* Whoever supervises otad starts it again, which runs the old version. */
static void stop(pid_t pid, const char *state_dir)
{
	/* Opened first: what is looked at then is what gets the signal. */
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (!runs_new(pid, state_dir))
		return;
	say("process %d goes on with the ended version: stopped", (int)pid);
	send(pidfd, pid, SIGTERM);
	for (int ms = 0; ms < TERMINATE_MS; ms += STEP_MS) {
		poll(NULL, 0, STEP_MS);
		if (!runs_new(pid, state_dir))
			return;
	}
	send(pidfd, pid, SIGKILL);
}

int deadline_watch(int state_fd, const char *state_dir, bool has_factory)
{
	int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	int timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	static struct marker marker;
	char job[sizeof(marker.job)] = "", reason[64];
	time_t until_s = 0;

	if (watch >= 0)
		inotify_add_watch(watch, state_dir,
				  IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE);
	for (;;) {
		if (!marker_read(state_fd, &marker))
			return 0; /* confirmed, or ended otherwise */
		if (until_s == 0 || strcmp(job, marker.job) != 0)
			until_s = now_s() + marker.timeout_s +
				  SLACK_S(marker.timeout_s);
		memcpy(job, marker.job, sizeof(job));
		if (now_s() >= until_s)
			break;
		wait_for_change(watch, timer, until_s);
	}
	snprintf(reason, sizeof(reason), "not confirmed within %u s",
		 marker.timeout_s);
	if (!trial_end(state_fd, &marker, reason, "health-check-failed",
		       has_factory))
		return 1;
	if (marker.pid > 1)
		stop(marker.pid, state_dir);
	return 0;
}
