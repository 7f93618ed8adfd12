/*
 * otad-launch: what the service manager starts instead of otad, and the judge of
 * trials (include/otad/install/trial.h). It needs libc alone, allocates nothing,
 * and is never updated over the air. It believes no marker that it cannot read.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "sha256.h"

#define TARGET "bin/otad"
#define BACKUP "bin/otad.old"
#define STAGED "bin/.otad.otad-new"
#define HALF_BACK "bin/.otad.back"
#define TERMINATE_S 5
#define ENVIRONMENT_MAX 1000 /* variables; what comes after them is dropped */

static const char usage[] =
	"otad-launch " OTAD_VERSION ": judges the trial of a self-updated otad, then runs otad\n"
	"Usage: otad-launch [--deadline] [--state DIR] [--factory PATH] [--] [ARGUMENT]...\n"
	"       otad-launch --help | --version\n";

struct launch {
	const char *state, *factory;
	int state_fd;
	char text[4096 + 1]; /* the marker; "" when it is no readable file */
	unsigned starts, max_starts, timeout_s, pid; /* of it, or defaults */
};

static void __attribute__((format(printf, 1, 2))) say(const char *format, ...)
{
	char line[1024] = "otad-launch: ";
	size_t used = strlen(line);
	va_list args;

	va_start(args, format);
	vsnprintf(line + used, sizeof(line) - used - 1, format, args);
	va_end(args);
	strcat(line, "\n");
	(void)!write(STDERR_FILENO, line, strlen(line));
}

/* ---- the marker ---- */

/* What stands behind the first `key`, up to the end of the text; or "". */
static const char *find(const char *text, const char *key)
{
	for (; *text; text += strcspn(text, "\n"), text += *text == '\n')
		if (strncmp(text, key, strlen(key)) == 0)
			return text + strlen(key);
	return text;
}

static unsigned number(const char *text, const char *key, unsigned min, unsigned max,
		       unsigned otherwise)
{
	const char *value = find(text, key);
	char *end;
	unsigned long n = strtoul(value, &end, 10);

	if (*value < '0' || *value > '9' || (*end && *end != '\n') || n < min || n > max)
		return otherwise;
	return (unsigned)n;
}

/* False when there is none. */
static bool read_marker(struct launch *l)
{
	int fd = openat(l->state_fd, "trial", O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	ssize_t size = read(fd, l->text, sizeof(l->text) - 1);

	close(fd);
	if (fd < 0 && faccessat(l->state_fd, "trial", F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	l->text[size > 0 ? size : 0] = '\0'; /* a NUL inside ends it, too */
	l->max_starts = number(l->text, "MAX_STARTS=", 1, 100, 3);
	l->starts = number(l->text, "STARTS=", 0, 100, l->max_starts); /* not one more */
	l->timeout_s = number(l->text, "TIMEOUT=", 1, 24 * 60 * 60, 300);
	l->pid = number(l->text, "PID=", 2, INT_MAX, 0);
	return true;
}

/* `head` and what else the marker has, durably under `name`. */
static bool write_marker(const struct launch *l, const char *name, const char *head)
{
	char text[sizeof(l->text)];
	size_t used = (size_t)snprintf(text, sizeof(text), "%s", head), length;
	int fd;

	for (const char *line = l->text; *line; line += length + (line[length] == '\n')) {
		length = strcspn(line, "\n");
		if (strncmp(line, "STARTS=", 7) != 0 && strncmp(line, "PID", 3) != 0 &&
		    used + length + 1 < sizeof(text))
			used += (size_t)sprintf(text + used, "%.*s\n", (int)length, line);
	}
	/* Whatever stands there, be it a FIFO, or another name of the backup. */
	unlinkat(l->state_fd, "trial.tmp", 0);
	fd = openat(l->state_fd, "trial.tmp", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	/* What stays open after a failure, the exec closes. */
	return fd >= 0 && write(fd, text, used) == (ssize_t)used && fchmod(fd, 0644) == 0 &&
	       fsync(fd) == 0 && close(fd) == 0 &&
	       renameat(l->state_fd, "trial.tmp", l->state_fd, name) == 0 &&
	       fsync(l->state_fd) == 0;
}

/* ---- the trial's end ---- */

/* Is it what the marker says the backup was? */
static bool is_old(const struct launch *l, const char *name)
{
	char hex[65];

	return sha256_file(l->state_fd, name, hex) &&
	       strncasecmp(hex, find(l->text, "BACKUP_SHA256="), 64) == 0;
}

/* The backup keeps its name where the file system has hard links. */
static bool put_back(const struct launch *l)
{
	const char *from = HALF_BACK;

	if (linkat(l->state_fd, BACKUP, l->state_fd, HALF_BACK, 0) < 0)
		from = BACKUP;
	return renameat(l->state_fd, from, l->state_fd, TARGET) == 0;
}

static bool is_gone(const struct launch *l, const char *name)
{
	return unlinkat(l->state_fd, name, 0) == 0 || errno == ENOENT;
}

/* What to say of it; NULL, with errno, when the disk does not let us. */
static const char *restore(const struct launch *l)
{
	/* A power cut may leave both names of a rename. */
	unlinkat(l->state_fd, HALF_BACK, 0);
	if (is_old(l, TARGET)) /* before a power cut, or never swapped */
		return "";
	if (faccessat(l->state_fd, TARGET, F_OK, 0) == 0) /* else it is not swapped yet */
		unlinkat(l->state_fd, STAGED, 0);
	if (is_old(l, BACKUP))
		return put_back(l) ? "" : NULL;
	if (access(l->factory, X_OK) < 0) /* it has run once, and is all there is */
		return put_back(l) || errno == ENOENT ? "; the backup cannot be checked" : NULL;
	return is_gone(l, TARGET) && is_gone(l, BACKUP) ?
		       "; the backup is damaged: back to the factory version" : NULL;
}

/* The old version back for good. `kind`: the name of an ota_error_kind. */
static bool end_trial(const struct launch *l, const char *reason, const char *kind)
{
	const char *note = restore(l);
	int bin_fd = openat(l->state_fd, "bin", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char head[512];
	bool told;

	if (!note || (bin_fd < 0 ? errno != ENOENT : fsync(bin_fd) < 0)) {
		say("cannot end the trial: %s: %m", reason);
		return false;
	}
	snprintf(head, sizeof(head), "REASON=%s%s\nERROR=%s\n", reason, note, kind);
	told = write_marker(l, "trial-ended", head);
	say("the trial has ended: %s%s%s", reason, note, told ? "" : "; cannot tell otad of it");
	/* Something that no otad has made may be in the way there. */
	if (!is_gone(l, "trial"))
		renameat(l->state_fd, "trial", l->state_fd, "trial.bad");
	return true; /* a marker that a power cut brings back ends once more */
}

/* Counts the start that comes, or ends the trial of what cannot run (says `why`) or
 * has had its starts. False: it has to end and cannot. */
static bool judge(const struct launch *l, int why)
{
	bool is_over = l->starts >= l->max_starts;
	char text[160];

	if (why == 0 && faccessat(l->state_fd, TARGET, X_OK, 0) < 0)
		why = errno;
	/* Cut off before the first swap of all: there is nothing to judge yet. */
	if (why == ENOENT && faccessat(l->state_fd, STAGED, F_OK, 0) == 0)
		return true;
	snprintf(text, sizeof(text), "STARTS=%u\nPID=%d\n", l->starts + 1, getpid());
	if (why == 0 && !is_over && write_marker(l, "trial", text)) {
		say("on trial: start %u of %u", l->starts + 1, l->max_starts);
		return true;
	}
	if (why == 0 && is_over)
		snprintf(text, sizeof(text), "started %u times and never confirmed", l->starts);
	else
		snprintf(text, sizeof(text), "cannot be %s: %s", why ? "executed" : "counted",
			 strerror(why ? why : errno));
	return end_trial(l, text, why || is_over ? "restart-failed" : "internal");
}

/* Does the process of the marker run a file of our name that is gone? */
static bool runs_new(const struct launch *l)
{
	static const char gone[] = "/" TARGET " (deleted)";
	char link[32], path[PATH_MAX];
	ssize_t rest;

	snprintf(link, sizeof(link), "/proc/%u/exe", l->pid);
	rest = readlink(link, path, sizeof(path)) - (ssize_t)strlen(gone);
	return rest >= 0 && memcmp(path + rest, gone, strlen(gone)) == 0;
}

static int wait_and_end(struct launch *l)
{
	char job[17] = "", text[64];
	const char *id;
	struct timespec now;
	time_t until_s = 0;

	for (;; sleep(1)) {
		if (!read_marker(l))
			return 0; /* confirmed, or ended otherwise */
		id = find(l->text, "JOB=");
		clock_gettime(CLOCK_BOOTTIME, &now);
		/* otad's own deadline comes first: it knows more of the why. */
		if (until_s == 0 || strncmp(id, job, sizeof(job) - 1) != 0)
			until_s = now.tv_sec + l->timeout_s + l->timeout_s / 10 + 2;
		snprintf(job, sizeof(job), "%s", id);
		if (now.tv_sec >= until_s)
			break;
	}
	snprintf(text, sizeof(text), "not confirmed within %u s", l->timeout_s);
	if (!end_trial(l, text, "health-check-failed"))
		return 1;
	/* Whoever supervises otad starts it again, which runs the old version. */
	for (int s = 0; s <= TERMINATE_S && runs_new(l); s++, sleep(1))
		kill((pid_t)l->pid, s == 0 ? SIGTERM : s < TERMINATE_S ? 0 : SIGKILL);
	return 0;
}

/* ---- what runs ---- */

/* Comes back with the reason when it cannot. */
static int run(const char *folder, const char *name, char **arguments)
{
	static char path[2 * PATH_MAX], launched[] = "OTAD_LAUNCH=1";
	static char *environment[ENVIRONMENT_MAX + 2] = { launched };

	for (size_t i = 0; i < ENVIRONMENT_MAX && environ[i]; i++)
		environment[i + 1] = environ[i];
	snprintf(path, sizeof(path), "%s%s", folder, name);
	arguments[0] = path;
	execve(path, arguments, environment);
	if (errno != ENOENT)
		say("cannot execute %s: %m", path);
	return errno;
}

static int launch(struct launch *l, char **arguments)
{
	bool may_run = true;
	int why = 0;

	/* Twice: what turns out to be no program needs no further start. */
	for (int i = 0; i < 2 && may_run; i++) {
		if (read_marker(l))
			may_run = judge(l, why);
		if (may_run)
			why = run(l->state, "/" TARGET, arguments);
	}
	/* A trial that cannot be ended leaves the files as they are. */
	if (may_run || is_old(l, BACKUP))
		run(l->state, "/" BACKUP, arguments);
	run("", l->factory, arguments);
	say("there is no otad to run: not in %s/bin, nor %s", l->state, l->factory);
	return 1;
}

int main(int argc, char **argv)
{
	static struct launch l = { .factory = OTAD_FACTORY_PATH };
	const char *list = getenv("STATE_DIRECTORY");
	bool deadline = false;

	l.state = list && *list ? strndupa(list, strcspn(list, ":")) : OTAD_STATE_DIR;
	for (argv++; *argv; argv++) {
		if (strcmp(*argv, "--deadline") == 0)
			deadline = true;
		else if (strcmp(*argv, "--state") == 0 && argv[1])
			l.state = *++argv;
		else if (strcmp(*argv, "--factory") == 0 && argv[1])
			l.factory = *++argv;
		else if (strcmp(*argv, "--help") == 0 || strcmp(*argv, "--version") == 0)
			return write(STDOUT_FILENO, usage, strlen(usage)) < 0;
		else
			break;
	}
	argv += *argv && strcmp(*argv, "--") == 0;
	l.state_fd = open(l.state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (deadline && l.state_fd < 0)
		say("cannot open %s: %m", l.state);
	return !deadline ? launch(&l, argv - 1) : l.state_fd < 0 || wait_and_end(&l);
}
