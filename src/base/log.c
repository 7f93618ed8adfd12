#include "otad/base/log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* Without it every line would carry the place of the call in here. */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "otad/base/cleanup.h"

#include "clean.h"

/* Of one line; what is longer is cut. Ample for a wrapped ota_error. */
#define TEXT_SIZE 2048
/* Of one field with its name; the longest value is a job's id. */
#define FIELD_SIZE 256

/* systemd-journald.service(8); sd_journal_sendv(3) takes its absence for
 * success. */
#define JOURNAL_SOCKET "/run/systemd/journal/socket"

static const struct {
	const char *name;
	size_t offset; /* in struct log_context */
} fields[] = {
	{ "OTA_JOB", offsetof(struct log_context, job) },
	{ "OTA_DEVICE", offsetof(struct log_context, device) },
	{ "OTA_MODULE", offsetof(struct log_context, module) },
	{ "OTA_VERSION", offsetof(struct log_context, version) },
	{ "OTA_STATE", offsetof(struct log_context, state) },
	{ "OTA_ERROR", offsetof(struct log_context, error) },
};

#define FIELD_COUNT OTA_ARRAY_SIZE(fields)

/* MESSAGE=, PRIORITY=, SYSLOG_IDENTIFIER=, MESSAGE_ID= */
#define FIXED_FIELDS 4

struct entry {
	enum log_level level;
	const struct log_message *message;
	char text[TEXT_SIZE];
	char fields[FIELD_COUNT][FIELD_SIZE]; /* "OTA_JOB=17" */
	size_t field_count;
};

/* Process-wide, as log.h says: any module may log, none carries it along. */
static struct {
	bool to_journal;
	enum log_level max_level;
	unsigned long lost; /* lines that standard error had no room for */
} settings = { .max_level = LOG_LEVEL_INFO };

/* $JOURNAL_STREAM is inherited, but our standard error may be another now. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat status;
	char after;

	if (!stream ||
	    sscanf(stream, "%llu:%llu%c", &device, &inode, &after) != 2)
		return false;
	return fstat(STDERR_FILENO, &status) == 0 && status.st_dev == device &&
	       status.st_ino == inode;
}

static void fill_standard_descriptors(void)
{
	int fd = open("/dev/null", O_RDWR);

	while (fd >= 0 && fd < STDERR_FILENO)
		fd = dup(fd);
	if (fd > STDERR_FILENO)
		close(fd);
}

void log_open(enum log_target target, enum log_level max_level)
{
	fill_standard_descriptors();
	settings.max_level = max_level;
	settings.to_journal = false;
	settings.lost = 0;
	switch (target) {
	case LOG_TARGET_AUTO:
		settings.to_journal = stderr_is_journal();
		break;
	case LOG_TARGET_STDERR:
		break;
	case LOG_TARGET_JOURNAL:
		settings.to_journal = access(JOURNAL_SOCKET, W_OK) == 0;
		break;
	}
}

static void add_fields(struct entry *entry, const struct log_context *context)
{
	size_t i;

	for (i = 0; i < FIELD_COUNT; i++) {
		const char *value;
		char *field = entry->fields[entry->field_count];

		memcpy(&value, (const char *)context + fields[i].offset,
		       sizeof(value));
		if (!value)
			continue;
		clean_text(field, snprintf(field, FIELD_SIZE, "%s=%s",
					   fields[i].name,
					   value) >= FIELD_SIZE);
		entry->field_count++;
	}
}

static bool send_to_journal(const struct entry *entry)
{
	static const char message_name[] = "MESSAGE=";
	char message[sizeof(message_name) + TEXT_SIZE];
	char priority[sizeof("PRIORITY=") + 12];
	char identifier[] = "SYSLOG_IDENTIFIER=otad";
	char id[sizeof("MESSAGE_ID=") + 32];
	struct iovec parts[FIXED_FIELDS + FIELD_COUNT];
	int count = 0;
	size_t i;

#define ADD(field)                                                             \
	(parts[count++] = (struct iovec){ .iov_base = (void *)(field),         \
					  .iov_len = strlen(field) })
	snprintf(message, sizeof(message), "%s%s", message_name, entry->text);
	ADD(message);
	snprintf(priority, sizeof(priority), "PRIORITY=%d", entry->level);
	ADD(priority);
	ADD(identifier);
	if (entry->message) {
		snprintf(id, sizeof(id), "MESSAGE_ID=%s", entry->message->id);
		ADD(id);
	}
	for (i = 0; i < entry->field_count; i++)
		ADD(entry->fields[i]);
#undef ADD
	return sd_journal_sendv(parts, count) >= 0;
}

static const char *level_name(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR:
		return "error";
	case LOG_LEVEL_WARNING:
		return "warning";
	case LOG_LEVEL_NOTICE:
		return "notice";
	case LOG_LEVEL_INFO:
		return "info";
	case LOG_LEVEL_DEBUG:
		return "debug";
	}
	return "info";
}

/*
 * A reader that stands still (a pager, a stopped terminal) must not stop the
 * daemon: up to PIPE_BUF bytes never block a pipe that poll(2) calls ready.
 */
static bool write_line(const char *line, size_t size)
{
	struct pollfd out = { .fd = STDERR_FILENO, .events = POLLOUT };
	ssize_t written;

	if (poll(&out, 1, 0) != 1 || out.revents != POLLOUT)
		return false;
	do
		written = write(STDERR_FILENO, line, size);
	while (written < 0 && errno == EINTR);
	return written == (ssize_t)size;
}

static void report_lost(void)
{
	char line[128];
	int size = snprintf(line, sizeof(line),
			    "warning: %lu line(s) lost, nobody read them\n",
			    settings.lost);

	if (write_line(line, (size_t)size))
		settings.lost = 0;
}

static void send_to_stderr(const struct entry *entry)
{
	char line[sizeof("warning: ") + TEXT_SIZE +
		  FIELD_COUNT * (FIELD_SIZE + 1) + sizeof(" []\n")];
	size_t used, i;

	static_assert(sizeof(line) <= PIPE_BUF, "written in one piece");
	used = (size_t)snprintf(line, sizeof(line), "%s: %s",
				level_name(entry->level), entry->text);
	for (i = 0; i < entry->field_count; i++)
		used += (size_t)snprintf(line + used, sizeof(line) - used,
					 "%s%s", i ? " " : " [",
					 entry->fields[i]);
	used += (size_t)snprintf(line + used, sizeof(line) - used, "%s\n",
				 i ? "]" : "");
	if (settings.lost)
		report_lost();
	if (settings.lost || !write_line(line, used))
		settings.lost++;
}

void log_write(enum log_level level, const struct log_message *message,
	       const struct log_context *context, const char *format, ...)
{
	struct entry entry;
	int saved_errno = errno;
	va_list args;
	int wanted;

	if (level > settings.max_level)
		return;
	entry.level = level;
	entry.message = message;
	entry.field_count = 0;
	va_start(args, format);
	wanted = vsnprintf(entry.text, sizeof(entry.text), format, args);
	va_end(args);
	if (wanted < 0)
		entry.text[0] = '\0';
	clean_text(entry.text, wanted >= (int)sizeof(entry.text));
	if (context)
		add_fields(&entry, context);
	if (!settings.to_journal || !send_to_journal(&entry))
		send_to_stderr(&entry);
	errno = saved_errno;
}

/* Behind "SCHEME:" and any number of slashes: clients take those leniently. */
static const char *skip_scheme(const char *url)
{
	static const char scheme[] = "abcdefghijklmnopqrstuvwxyz"
				     "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "0123456789+-.";
	const char *at = url + strspn(url, scheme);

	if (at[0] != ':' || (at[1] != '/' && at[1] != '\\'))
		at = url;
	else
		at++;
	return at + strspn(at, "/\\");
}

const char *log_url(const char *url, char *buffer, size_t size)
{
	const char *host, *at, *query;
	size_t host_bytes;
	int wanted;

	if (size == 0)
		return buffer;
	if (!url)
		url = "";
	host = skip_scheme(url);
	query = host + strcspn(host, "?#");
	host_bytes = strcspn(host, "/\\?#");
	at = memrchr(host, '@', host_bytes);
	at = at ? at + 1 : host;
	wanted = snprintf(buffer, size, "%.*s%.*s", (int)(host - url), url,
			  (int)(query - at), at);
	clean_text(buffer, wanted < 0 || (size_t)wanted >= size);
	return buffer;
}
