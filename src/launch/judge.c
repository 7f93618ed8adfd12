#include "judge.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sha256.h"

#define MAX_STARTS_DEFAULT 3
#define MAX_STARTS_LIMIT 100
#define TIMEOUT_DEFAULT_S 300
#define TIMEOUT_LIMIT_S (24 * 60 * 60)

void say(const char *format, ...)
{
	char line[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	dprintf(STDERR_FILENO, "otad-launch: %s\n", line);
}

static bool is_key(const char *line, const char *key)
{
	size_t length = strlen(key);

	return strncmp(line, key, length) == 0 && line[length] == '=';
}

/* The value of the first `key` line if it fits and is printable, else "". */
static void get(const char *text, const char *key, char *value, size_t size)
{
	value[0] = '\0';
	for (; *text; text += strcspn(text, "\n"), text += *text == '\n') {
		size_t i = 0;

		if (!is_key(text, key))
			continue;
		text += strlen(key) + 1;
		while (i + 1 < size && text[i] >= 0x20 && text[i] <= 0x7e) {
			value[i] = text[i];
			i++;
		}
		value[text[i] == '\n' || text[i] == '\0' ? i : 0] = '\0';
		return;
	}
}

static unsigned get_number(const char *text, const char *key, unsigned min,
			   unsigned max, unsigned otherwise)
{
	char value[16], *end;
	unsigned long number;

	get(text, key, value, sizeof(value));
	number = strtoul(value, &end, 10);
	if (value[0] < '0' || value[0] > '9' || *end || number < min ||
	    number > max)
		return otherwise;
	return (unsigned)number;
}

static void read_text(int state_fd, char *text)
{
	int fd = openat(state_fd, "trial",
			O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	ssize_t size = -1;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		size = pread(fd, text, MARKER_MAX_BYTES, 0);
	text[size > 0 ? size : 0] = '\0'; /* a NUL inside ends it, too */
	if (fd >= 0)
		close(fd);
}

bool marker_read(int state_fd, struct marker *ret)
{
	struct stat st;

	if (fstatat(state_fd, "trial", &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	read_text(state_fd, ret->text);
	get(ret->text, "JOB", ret->job, sizeof(ret->job));
	get(ret->text, "VERSION", ret->version, sizeof(ret->version));
	get(ret->text, "BACKUP_SHA256", ret->backup_sha256,
	    sizeof(ret->backup_sha256));
	ret->starts = get_number(ret->text, "STARTS", 0, MAX_STARTS_LIMIT, 1);
	ret->max_starts = get_number(ret->text, "MAX_STARTS", 1,
				     MAX_STARTS_LIMIT, MAX_STARTS_DEFAULT);
	ret->timeout_s = get_number(ret->text, "TIMEOUT", 1, TIMEOUT_LIMIT_S,
				    TIMEOUT_DEFAULT_S);
	ret->pid = (pid_t)get_number(ret->text, "PID", 1, 0x7fffffff, 0);
	return true;
}

/* Replaces `name` by `head` and the marker's lines but for those of `except`. */
static bool write_lines(int state_fd, const char *name, const char *head,
			const struct marker *marker, const char *const *except)
{
	int fd = openat(state_fd, "trial.tmp",
			O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
			0644);
	const char *line = marker->text;
	size_t room = MARKER_MAX_BYTES - strlen(head);
	int why;
	bool ok = fd >= 0 && dprintf(fd, "%s", head) == (int)strlen(head);

	for (size_t length; ok && *line; line += length) {
		bool skip = false;

		length = strcspn(line, "\n");
		for (size_t i = 0; except[i]; i++)
			skip |= is_key(line, except[i]);
		skip |= length + 1 > room;
		if (!skip) {
			ok = dprintf(fd, "%.*s\n", (int)length, line) ==
			     (int)length + 1;
			room -= length + 1;
		}
		length += line[length] == '\n';
	}
	ok = ok && fchmod(fd, 0644) == 0 && fsync(fd) == 0 && close(fd) == 0 &&
	     renameat(state_fd, "trial.tmp", state_fd, name) == 0 &&
	     fsync(state_fd) == 0;
	why = errno;
	if (!ok)
		unlinkat(state_fd, "trial.tmp", 0);
	errno = why;
	return ok;
}

bool marker_count(int state_fd, struct marker *marker)
{
	static const char *const except[] = { "STARTS", "PID", "PID_STARTED",
					      NULL };
	char head[64];

	marker->starts++;
	marker->pid = getpid();
	snprintf(head, sizeof(head), "STARTS=%u\nPID=%d\n", marker->starts,
		 (int)marker->pid);
	return write_lines(state_fd, "trial", head, marker, except);
}

static bool has_digest(int state_fd, const char *name,
		       const struct marker *marker)
{
	char hex[SHA256_HEX_SIZE];

	return marker->backup_sha256[0] &&
	       sha256_file(state_fd, name, hex) &&
	       strcasecmp(hex, marker->backup_sha256) == 0;
}

bool backup_is_right(int state_fd, const struct marker *marker)
{
	return has_digest(state_fd, BACKUP, marker);
}

/* The backup keeps its name where the file system has hard links. */
static bool put_back(int state_fd)
{
	static const char half[] = "bin/.otad.back";

	unlinkat(state_fd, half, 0);
	if (linkat(state_fd, BACKUP, state_fd, half, 0) == 0)
		return renameat(state_fd, half, state_fd, TARGET) == 0;
	return renameat(state_fd, BACKUP, state_fd, TARGET) == 0;
}

static bool is_gone(int state_fd, const char *name)
{
	return unlinkat(state_fd, name, 0) == 0 || errno == ENOENT;
}

static bool sync_bin(int state_fd)
{
	int fd = openat(state_fd, "bin", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = fd < 0 ? errno == ENOENT : fsync(fd) == 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

static bool restore(int state_fd, const struct marker *marker,
		    bool has_factory, const char **ret_note)
{
	*ret_note = "";
	if (has_digest(state_fd, TARGET, marker))
		return true; /* before a power cut, or never swapped */
	if (has_digest(state_fd, BACKUP, marker))
		return put_back(state_fd);
	if (has_factory) {
		*ret_note = "; the backup is damaged: back to the factory version";
		return is_gone(state_fd, TARGET) && is_gone(state_fd, BACKUP);
	}
	/* Whatever the backup is, it has run once; there is nothing else. */
	*ret_note = "; the backup cannot be checked";
	return put_back(state_fd) || errno == ENOENT;
}

bool trial_end(int state_fd, const struct marker *marker, const char *reason,
	       const char *kind, bool has_factory)
{
	static const char *const except[] = { "REASON", "ERROR", NULL };
	const char *note;
	char head[512];

	if (!restore(state_fd, marker, has_factory, &note) ||
	    !sync_bin(state_fd)) {
		say("cannot end the trial of %s (%s): %s", marker->version,
		    reason, strerror(errno));
		return false;
	}
	say("trial of %s ended: %s%s", marker->version, reason, note);
	snprintf(head, sizeof(head), "REASON=%s%s\nERROR=%s\n", reason, note,
		 kind);
	if (!write_lines(state_fd, "trial-ended", head, marker, except))
		say("cannot tell otad of it: %s", strerror(errno));
	/* Something that no otad has made may be in the way there. */
	if (unlinkat(state_fd, "trial", 0) < 0)
		renameat(state_fd, "trial", state_fd, "trial.bad");
	return true; /* a marker that a power cut brings back ends once more */
}
