#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "otad/base/cleanup.h"

/* When $PATH is not set. */
#define DEFAULT_PATH                                                           \
	"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Where the kernel cannot mark all descriptors at once (before Linux 5.11). */
#define LAST_FD 65535

/*
 * A child that told the service manager READY=1 or WATCHDOG=1 in our name, or
 * took itself for socket-activated, would only do harm.
 */
static const char *const own_variables[] = {
	"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID",
	"LISTEN_FDS",	 "LISTEN_PID",	  "LISTEN_FDNAMES",
};

/* A pipe, or -1 twice; both ends are closed on leaving the scope. */
struct pipe_ends {
	int reading;
	int writing;
};

struct plan {
	pid_t parent;
	const char *path;
	const char *const *argv;
	const char **env;
	struct pipe_ends out, err, status;
};

static void close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void plan_done(struct plan *plan)
{
	close_end(&plan->out.reading);
	close_end(&plan->out.writing);
	close_end(&plan->err.reading);
	close_end(&plan->err.writing);
	close_end(&plan->status.reading);
	close_end(&plan->status.writing);
	free(plan->env);
}

static bool open_pipe(struct pipe_ends *ret, struct ota_error *err)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return ota_fail_errno(err, errno, "make a pipe");
	ret->reading = fds[0];
	ret->writing = fds[1];
	return true;
}

/* Only our end: the child shall find an ordinary pipe. */
static bool unblock(int fd, struct ota_error *err)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return ota_fail_errno(err, errno, "make a pipe");
	return true;
}

static bool same_variable(const char *a, const char *b)
{
	size_t length = strcspn(a, "=");

	return length == strcspn(b, "=") && strncmp(a, b, length) == 0;
}

static bool in_variables(const char *variable, const char *const *list,
			 size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (same_variable(variable, list[i]))
			return true;
	return false;
}

/* An array of our own over strings that are not. */
static const char **make_env(const char *const *added)
{
	size_t added_count = 0, count = 0, i;
	const char **env;

	while (added && added[added_count])
		added_count++;
	while (environ && environ[count])
		count++;
	env = calloc(count + added_count + 1, sizeof(*env));
	if (!env)
		return NULL;
	count = 0;
	for (i = 0; environ && environ[i]; i++)
		if (!in_variables(environ[i], added, added_count) &&
		    !in_variables(environ[i], own_variables,
				  OTA_ARRAY_SIZE(own_variables)))
			env[count++] = environ[i];
	for (i = 0; i < added_count; i++)
		env[count++] = added[i];
	return env;
}

/*
 * Looked up here and not by execvp(3), which hands what it cannot execute to a
 * shell: a program for another machine must fail, not be read as a script.
 */
static char *find_program(const char *name, struct ota_error *err)
{
	const char *at = getenv("PATH");
	bool refused = false;
	size_t length;
	char *path;

	if (strchr(name, '/')) {
		path = strdup(name);
		if (!path)
			ota_fail_memory(err, "run a program");
		return path;
	}
	if (!at)
		at = DEFAULT_PATH;
	for (; *name; at += length + 1) {
		struct stat status;

		length = strcspn(at, ":");
		if (asprintf(&path, "%.*s%s%s", (int)length, at,
			     length ? "/" : "./", name) < 0) {
			ota_fail_memory(err, "run a program");
			return NULL;
		}
		if (stat(path, &status) == 0 && S_ISREG(status.st_mode)) {
			if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0)
				return path;
			refused = true;
		}
		free(path);
		if (!at[length])
			break;
	}
	ota_fail(err, refused ? OTA_ERROR_PERMISSION : OTA_ERROR_NOT_FOUND,
		 "run \"%s\": %s", name,
		 refused ? "not executable" : "not found in $PATH");
	return NULL;
}

/* From here to execve(2): the child. Async-signal-safe calls only. */

static void reset_signals(void)
{
	struct sigaction action = { .sa_handler = SIG_DFL };
	sigset_t none;
	int number;

	for (number = 1; number <= SIGRTMAX; number++)
		sigaction(number, &action, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static bool set_descriptors(const struct plan *plan)
{
	/*
	 * Should we run without standard descriptors, then the pipes have got
	 * their numbers: they move out of the way.
	 */
	int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int out = fcntl(plan->out.writing, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	int err = fcntl(plan->err.writing, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	int fd;

	if (in < 0 || out < 0 || err < 0 || dup2(in, STDIN_FILENO) < 0 ||
	    dup2(out, STDOUT_FILENO) < 0 || dup2(err, STDERR_FILENO) < 0)
		return false;
	if (close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
		return true;
	for (fd = STDERR_FILENO + 1; fd <= LAST_FD; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	return true;
}

/*
 * It ends with us: a handler that went on while a restarted otad begins anew
 * would share its device with the new one.
 */
static bool end_with(pid_t parent)
{
	return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent;
}

_Noreturn static void become(const struct plan *plan)
{
	/* Likewise: it must outlive the three that set_descriptors() makes. */
	int status = fcntl(plan->status.writing, F_DUPFD_CLOEXEC,
			   STDERR_FILENO + 1);
	ssize_t written;
	int why;

	if (setpgid(0, 0) == 0 && end_with(plan->parent) &&
	    set_descriptors(plan)) {
		reset_signals();
		execve(plan->path, (char *const *)plan->argv,
		       (char *const *)plan->env);
	}
	why = errno;
	written = write(status, &why, sizeof(why));
	(void)written;
	_exit(127);
}

/* The parent again. */

static bool fail_exec(const char *path, int why, struct ota_error *err)
{
	struct stat status;

	ota_fail_errno(err, why, "run \"%s\"", path);
	switch (why) {
	case EACCES:
		if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
			return ota_fail(err, OTA_ERROR_PERMISSION,
					"run \"%s\": it is a folder", path);
		if (access(path, X_OK) < 0 && access(path, F_OK) == 0)
			return ota_fail(err, OTA_ERROR_PERMISSION,
					"run \"%s\": not executable", path);
		return false;
	case ENOENT:
		if (access(path, F_OK) == 0)
			ota_fail(err, OTA_ERROR_NOT_FOUND,
				 "run \"%s\": its interpreter is missing",
				 path);
		return ota_rekind(err, OTA_ERROR_NOT_FOUND);
	case ENOTDIR:
	case ELOOP:
		return ota_rekind(err, OTA_ERROR_NOT_FOUND);
	case ENOEXEC:
	case ELIBBAD:
		return ota_rekind(err, OTA_ERROR_INCOMPATIBLE);
	default:
		return false;
	}
}

static pid_t fork_quietly(const struct plan *plan)
{
	sigset_t all, before;
	pid_t pid;
	int why;

	/* No handler of ours may run in the child. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	/*
	 * Not fork(2), which copies the page tables of ten thousand devices. The
	 * child only makes system calls until it is another program; ours waits
	 * for that in any case.
	 */
	pid = vfork();
	if (pid == 0)
		become(plan);
	why = errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	errno = why;
	return pid;
}

static bool start(struct plan *plan, pid_t *ret_pid, struct ota_error *err)
{
	pid_t pid = fork_quietly(plan);
	ssize_t got;
	int why;

	if (pid < 0)
		return ota_fail_errno(err, errno, "start a process");
	close_end(&plan->status.writing);
	/* Ends at once: a number, or nothing when execve(2) closed the pipe. */
	do
		got = read(plan->status.reading, &why, sizeof(why));
	while (got < 0 && errno == EINTR);
	if (got != (ssize_t)sizeof(why)) {
		*ret_pid = pid;
		return true;
	}
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return fail_exec(plan->path, why, err);
}

bool spawn_program(const char *const *argv, const char *const *env,
		   struct spawned *ret, struct ota_error *err)
{
	OTA_CLEANUP(freep) char *path = find_program(argv[0], err);
	OTA_CLEANUP(plan_done) struct plan plan = {
		.parent = getpid(),
		.path = path,
		.argv = argv,
		.out = { -1, -1 },
		.err = { -1, -1 },
		.status = { -1, -1 },
	};

	if (!path)
		return false;
	plan.env = make_env(env);
	if (!plan.env)
		return ota_fail_memory(err, "run a program");
	if (!open_pipe(&plan.out, err) || !open_pipe(&plan.err, err) ||
	    !open_pipe(&plan.status, err) || !unblock(plan.out.reading, err) ||
	    !unblock(plan.err.reading, err))
		return false;
	if (!start(&plan, &ret->pid, err))
		return false;
	ret->out_fd = plan.out.reading;
	ret->err_fd = plan.err.reading;
	plan.out.reading = -1;
	plan.err.reading = -1;
	return true;
}
