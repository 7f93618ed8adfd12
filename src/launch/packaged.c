#include "packaged.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "otad/base/version.h"

#include "judge.h"

#define RECORD "packaged"
#define RECORD_NEW "packaged.tmp"
#define RECORD_MAX_BYTES 512
#define ID_SIZE 100
#define VERSION_SIZE (VERSION_MAX_BYTES + 1)

struct choice {
	bool changed;	   /* the package's file, since the last start */
	bool runs_factory; /* the package's comes first */
	/* Of both files, when they were compared; "": it does not tell. */
	char factory[VERSION_SIZE], target[VERSION_SIZE];
};

/* Prints one line: what takes longer, hangs. */
#define VERSION_TIMEOUT_MS 10000

/* "" when there is no such file. */
static void identify(const char *path, char id[ID_SIZE])
{
	struct stat st;

	id[0] = '\0';
	if (stat(path, &st) == 0)
		snprintf(id, ID_SIZE, "%lld.%lld.%ld.%llu",
			 (long long)st.st_size, (long long)st.st_mtim.tv_sec,
			 st.st_mtim.tv_nsec, (unsigned long long)st.st_ino);
}

/* ---- the versions of both ---- */

static void become(const char *path, int out)
{
	char *arguments[] = { (char *)path, (char *)"--version", NULL };
	int null = open("/dev/null", O_RDWR);

	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDERR_FILENO);
	}
	if (dup2(out, STDOUT_FILENO) >= 0)
		execv(path, arguments);
	_exit(127);
}

/* Up to the end of the output or the time; the bytes read. */
static size_t read_all(int fd, char *text, size_t size)
{
	struct pollfd wait = { fd, POLLIN, 0 };
	size_t used = 0;

	while (used < size && poll(&wait, 1, VERSION_TIMEOUT_MS) > 0) {
		ssize_t n = read(fd, text + used, size - used);

		if (n <= 0)
			break;
		used += (size_t)n;
	}
	return used;
}

static bool parse_version(char *text, char ret[VERSION_SIZE])
{
	static const char name[] = "otad ";

	text[strcspn(text, "\n")] = '\0';
	if (strncmp(text, name, sizeof(name) - 1) != 0 ||
	    !version_is_valid(text + sizeof(name) - 1))
		return false;
	strcpy(ret, text + sizeof(name) - 1); /* valid ones have 64 at most */
	return true;
}

static bool ask_version(const char *path, char ret[VERSION_SIZE])
{
	char text[VERSION_SIZE + 8];
	int ends[2], status = -1;
	pid_t pid;

	ret[0] = '\0';
	if (pipe2(ends, O_CLOEXEC) < 0)
		return false;
	pid = fork();
	if (pid == 0)
		become(path, ends[1]);
	close(ends[1]);
	if (pid > 0) {
		text[read_all(ends[0], text, sizeof(text) - 1)] = '\0';
		/* One that has told its version has nothing else to do. */
		if (!strchr(text, '\n'))
			kill(pid, SIGKILL);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	}
	close(ends[0]);
	return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 &&
	       parse_version(text, ret);
}

/* ---- what was compared before ---- */

static void read_record(int state_fd, char *text)
{
	int fd = openat(state_fd, RECORD,
			O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	ssize_t size = fd >= 0 ? read(fd, text, RECORD_MAX_BYTES) : -1;

	text[size > 0 ? size : 0] = '\0';
	if (fd >= 0)
		close(fd);
}

static void get(const char *text, const char *key, char value[ID_SIZE])
{
	size_t length = strlen(key);
	const char *line = text;

	value[0] = '\0';
	while (*line && strncmp(line, key, length) != 0) {
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
	if (!*line)
		return;
	line += length;
	length = strcspn(line, "\n");
	if (length < ID_SIZE) {
		memcpy(value, line, length);
		value[length] = '\0';
	}
}

static void remember(int state_fd, const char *target, const char *factory,
		     const struct choice *choice)
{
	char factory_id[ID_SIZE], target_id[ID_SIZE] = "";
	bool ok;
	int fd;

	if (state_fd < 0 || !choice->changed)
		return;
	identify(factory, factory_id);
	if (choice->runs_factory)
		identify(target, target_id);
	fd = openat(state_fd, RECORD_NEW,
		    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
		    0644);
	ok = fd >= 0 &&
	     dprintf(fd, "PACKAGED=%s\nPASSED_OVER=%s\n", factory_id,
		     target_id) > 0 &&
	     fsync(fd) == 0;
	if (fd >= 0)
		close(fd);
	ok = ok && renameat(state_fd, RECORD_NEW, state_fd, RECORD) == 0;
	if (ok)
		fsync(state_fd);
	else
		say("cannot remember which otad is packaged: %s",
		    strerror(errno));
}

/* ---- which one ---- */

static bool is_newer(const struct choice *choice)
{
	/* Without a word from the package's own nothing speaks for it. */
	if (!choice->factory[0])
		return false;
	return !choice->target[0] ||
	       version_compare(choice->factory, choice->target) > 0;
}

static void choose(int state_fd, const char *target, const char *factory,
		   struct choice *ret)
{
	char text[RECORD_MAX_BYTES + 1], factory_id[ID_SIZE], known[ID_SIZE],
		target_id[ID_SIZE], passed_over[ID_SIZE];

	*ret = (struct choice){ .changed = false };
	if (state_fd < 0)
		return;
	read_record(state_fd, text);
	get(text, "PACKAGED=", known);
	get(text, "PASSED_OVER=", passed_over);
	identify(factory, factory_id);
	identify(target, target_id);
	ret->changed = strcmp(factory_id, known) != 0;
	if (!target_id[0] || access(target, X_OK) < 0)
		return;
	if (!ret->changed) {
		ret->runs_factory = strcmp(target_id, passed_over) == 0;
		return;
	}
	/* The first package that is seen comes after nothing. */
	if (!known[0])
		return;
	ask_version(factory, ret->factory);
	ask_version(target, ret->target);
	ret->runs_factory = is_newer(ret);
}

static void tell_choice(const char *target, const char *factory,
			const struct choice *choice)
{
	const char *packaged = choice->factory[0] ? choice->factory : "unknown";

	if (choice->runs_factory && !choice->target[0])
		say("%s tells no version: otad %s as packaged runs", target,
		    packaged);
	else if (choice->runs_factory)
		say("otad %s as packaged is newer than %s in %s, and runs",
		    packaged, choice->target, target);
	else if (choice->target[0])
		say("otad %s in %s is not older than %s as packaged, and runs",
		    choice->target, target, packaged);
	else
		say("%s tells no version, nor does %s: the former runs", target,
		    factory);
}

bool packaged_runs(int state_fd, const char *target, const char *factory)
{
	struct choice choice;

	choose(state_fd, target, factory, &choice);
	if (choice.factory[0] || choice.target[0])
		tell_choice(target, factory, &choice);
	/* What cannot be written is compared again. */
	remember(state_fd, target, factory, &choice);
	return choice.runs_factory;
}

static const char *shown(const char *version)
{
	return version[0] ? version : "(tells no version)";
}

void packaged_print(int state_fd, const char *state, const char *factory)
{
	static char target[PATH_MAX + sizeof(TARGET)];
	static struct marker marker;
	bool on_trial = state_fd >= 0 && marker_read(state_fd, &marker);
	char updated[VERSION_SIZE], packaged[VERSION_SIZE];
	struct choice choice;

	snprintf(target, sizeof(target), "%s/" TARGET, state);
	choose(state_fd, target, factory, &choice);
	ask_version(factory, packaged);
	ask_version(target, updated);
	if (access(target, X_OK) < 0)
		printf("%s %s (packaged; there is no other)\n", factory,
		       shown(packaged));
	else if (on_trial || !choice.runs_factory)
		printf("%s %s (self-updated%s; packaged: %s)\n", target,
		       shown(updated), on_trial ? ", on trial" : "",
		       shown(packaged));
	else
		printf("%s %s (packaged; self-updated: %s)\n", factory,
		       shown(packaged), shown(updated));
}
