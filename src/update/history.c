#include "history.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "otad/base/file.h"
#include "otad/base/json.h"

#include "job.h"
#include "store.h"

#define HISTORY_MODE 0600
/* Where the same job would stand after a power cut: at the end. */
#define TAIL_BYTES 8192

static char *history_path(const struct store *store)
{
	char *path;

	return asprintf(&path, "%s/history.jsonl", store->dir) < 0 ? NULL : path;
}

/* A folder, a link, a pipe in its place takes no line, and tells none. */
static void set_odd_aside(const char *path)
{
	struct stat st;
	struct ota_error why;

	if (lstat(path, &st) < 0 || S_ISREG(st.st_mode))
		return;
	ota_fail(&why, OTA_ERROR_PROTOCOL, "%s is not a regular file", path);
	store_set_aside(path, &why);
}

static bool add_text(struct json_object *json, const char *key, const char *value)
{
	return !value || json_add_string(json, key, value);
}

static struct json_object *make_line(const struct job *job)
{
	OTA_CLEANUP(json_freep) struct json_object *json = json_new_object();

	if (!json || !json_add_string(json, "job", job->id) ||
	    !json_add_string(json, "device", job->offer->device) ||
	    !json_add_string(json, "module", job->offer->module) ||
	    !json_add_string(json, "version", job->offer->version) ||
	    !add_text(json, "old_version", job->old_version) ||
	    !json_add_string(json, "state", job_state_name(job->state)) ||
	    !json_add_string(json, "error", ota_error_kind_name(job->cause)) ||
	    !add_text(json, "message", job->cause_text) ||
	    !json_add_int(json, "started_ms", job->created_ms) ||
	    !json_add_int(json, "ended_ms", job->changed_ms) ||
	    !json_add_int(json, "bytes", (int64_t)job->bytes))
		return NULL;
	return OTA_TAKE(json);
}

static char *read_all(const char *path, size_t *ret_size, struct ota_error *err)
{
	char *text;

	*ret_size = 0;
	if (!file_exists(path)) {
		text = strdup("");
		if (!text)
			ota_fail_memory(err, "reading the history");
		return text;
	}
	return file_read(path, 2 * HISTORY_MAX_BYTES, ret_size, err);
}

static bool show(struct json_object *json, history_fn fn, void *user_data)
{
	const char *error = json_get_string(json, "error");
	const char *state = json_get_string(json, "state");
	struct history_entry entry = {
		.job = json_get_string(json, "job"),
		.device = json_get_string(json, "device"),
		.module = json_get_string(json, "module"),
		.version = json_get_string(json, "version"),
		.old_version = json_get_string(json, "old_version"),
		.message = json_get_string(json, "message"),
		.started_ms = json_get_int(json, "started_ms", 0),
		.ended_ms = json_get_int(json, "ended_ms", 0),
		.bytes = (uint64_t)json_get_int(json, "bytes", 0),
	};

	if (!entry.job || !entry.device || !entry.module || !entry.version ||
	    !state || !job_state_parse(state, &entry.state))
		return true;
	if (!error || !ota_error_kind_parse(error, &entry.error))
		entry.error = OTA_ERROR_NONE;
	return fn(&entry, user_data);
}

static bool show_line(const char *line, size_t size, history_fn fn,
		      void *user_data)
{
	enum json_fault fault;
	OTA_CLEANUP(json_freep) struct json_object *json =
		json_parse(line, size, JSON_MAX_BYTES, &fault);

	return show(json, fn, user_data);
}

/* ---- sums ---- */

static uint64_t count_of(struct json_object *json, const char *key)
{
	int64_t count = json_get_int(json, key, 0);

	return count > 0 ? (uint64_t)count : 0;
}

static void count(struct history_totals *totals, enum job_state state,
		  uint64_t bytes)
{
	totals->succeeded += state == JOB_STATE_SUCCEEDED;
	totals->failed += state == JOB_STATE_FAILED;
	totals->rolled_back += state == JOB_STATE_ROLLED_BACK;
	totals->bytes += bytes;
}

static bool count_entry(const struct history_entry *entry, void *user_data)
{
	count(user_data, entry->state, entry->bytes);
	return true;
}

static void add_gone(struct json_object *gone, struct history_totals *totals)
{
	totals->succeeded += count_of(gone, "succeeded");
	totals->failed += count_of(gone, "failed");
	totals->rolled_back += count_of(gone, "rolled_back");
	totals->bytes += count_of(gone, "bytes");
}

/* Whole lines of `size` bytes. */
static void count_lines(const char *text, size_t size,
			struct history_totals *totals)
{
	const char *newline;

	for (const char *at = text; at < text + size; at = newline + 1) {
		OTA_CLEANUP(json_freep) struct json_object *json = NULL;
		enum json_fault fault;

		newline = memchr(at, '\n', (size_t)(text + size - at));
		if (!newline)
			break;
		json = json_parse(at, (size_t)(newline - at), JSON_MAX_BYTES,
				  &fault);
		add_gone(json_get(json, "gone"), totals);
		show(json, count_entry, totals);
	}
}

/* The line that stands for those that are gone. */
static struct json_object *make_sum(const struct history_totals *totals)
{
	OTA_CLEANUP(json_freep) struct json_object *json = json_new_object();
	OTA_CLEANUP(json_freep) struct json_object *gone = json_new_object();

	if (!json || !gone ||
	    !json_add_int(gone, "succeeded", (int64_t)totals->succeeded) ||
	    !json_add_int(gone, "failed", (int64_t)totals->failed) ||
	    !json_add_int(gone, "rolled_back", (int64_t)totals->rolled_back) ||
	    !json_add_int(gone, "bytes", (int64_t)totals->bytes) ||
	    !json_add(json, "gone", OTA_TAKE(gone)))
		return NULL;
	return OTA_TAKE(json);
}

static bool drop_older_half(const char *path, struct ota_error *err)
{
	struct history_totals totals = { 0 };
	OTA_CLEANUP(json_freep) struct json_object *sum = NULL;
	OTA_CLEANUP(freep) char *shorter = NULL;
	size_t size;
	OTA_CLEANUP(freep) char *text = read_all(path, &size, err);
	const char *sum_text;
	char *half;
	int bytes;

	if (!text && err->kind == OTA_ERROR_PROTOCOL) {
		store_set_aside(path, err);
		return true;
	}
	if (!text)
		return false;
	half = memchr(text + size / 2, '\n', size - size / 2);
	half = half ? half + 1 : text + size;
	count_lines(text, (size_t)(half - text), &totals);
	sum = make_sum(&totals);
	sum_text = sum ? json_text(sum) : NULL;
	if (!sum_text)
		return ota_fail_memory(err, "shortening the history");
	bytes = asprintf(&shorter, "%s\n%.*s", sum_text,
			 (int)(text + size - half), half);
	if (bytes < 0) {
		shorter = NULL;
		return ota_fail_memory(err, "shortening the history");
	}
	return file_write(path, shorter, (size_t)bytes, HISTORY_MODE, err);
}

enum line_kind { LINE_UNREADABLE, LINE_OF_ANOTHER, LINE_OF_JOB, LINE_NO_MEMORY };

static enum line_kind kind_of(const char *line, size_t size, const char *id)
{
	enum json_fault fault;
	OTA_CLEANUP(json_freep) struct json_object *json =
		json_parse(line, size, JSON_MAX_BYTES, &fault);
	const char *job = json_get_string(json, "job");

	if (fault == JSON_NO_MEMORY)
		return LINE_NO_MEMORY;
	if (job && json_get_string(json, "state"))
		return strcmp(job, id) == 0 ? LINE_OF_JOB : LINE_OF_ANOTHER;
	return json_get(json, "gone") ? LINE_OF_ANOTHER : LINE_UNREADABLE;
}

/* Where the next line begins: after the last readable one. What a power cut has
 * left behind it, blocks of other files even, is written over. */
static bool find_end(int fd, const char *id, off_t *ret_end, bool *ret_there,
		     struct ota_error *err)
{
	char tail[TAIL_BYTES];
	off_t size = lseek(fd, 0, SEEK_END);
	off_t start = size > TAIL_BYTES ? size - TAIL_BYTES : 0;
	const char *at = tail, *newline;
	ssize_t n;

	if (size < 0)
		return ota_fail_errno(err, errno, "history.jsonl");
	n = pread(fd, tail, TAIL_BYTES, start);
	if (n < 0)
		return ota_fail_errno(err, errno, "history.jsonl");
	*ret_end = start;
	*ret_there = false;
	for (; (newline = memchr(at, '\n', (size_t)(tail + n - at)));
	     at = newline + 1) {
		enum line_kind kind = kind_of(at, (size_t)(newline - at), id);

		if (kind == LINE_NO_MEMORY)
			return ota_fail_memory(err, "reading the history");
		/* The first one may have begun before the tail. */
		if (kind != LINE_UNREADABLE || (at == tail && start > 0))
			*ret_end = start + (newline + 1 - tail);
		*ret_there |= kind == LINE_OF_JOB;
	}
	return true;
}

static bool write_line(int fd, const char *text, off_t end,
		       struct ota_error *err)
{
	OTA_CLEANUP(freep) char *line = NULL;
	int size = asprintf(&line, "%s\n", text);

	if (size < 0)
		return ota_fail_memory(err, "writing the history");
	if (ftruncate(fd, end) < 0)
		return ota_fail_errno(err, errno, "history.jsonl");
	errno = 0;
	if (pwrite(fd, line, (size_t)size, end) == size && fdatasync(fd) == 0)
		return true;
	ota_fail_errno(err, errno ? errno : ENOSPC, "write history.jsonl");
	/* The next attempt must not take it for written. */
	(void)!ftruncate(fd, end);
	return false;
}

bool history_append(const struct store *store, const struct job *job,
		    struct history_totals *totals, struct ota_error *err)
{
	OTA_CLEANUP(freep) char *path = history_path(store);
	OTA_CLEANUP(json_freep) struct json_object *json = make_line(job);
	const char *text = json ? json_text(json) : NULL;
	bool there;
	off_t end;

	if (!path || !text)
		return ota_fail_memory(err, "writing the history");
	set_odd_aside(path);
	if (file_size_bytes(path) > HISTORY_MAX_BYTES &&
	    !drop_older_half(path, err))
		return false;

	OTA_CLEANUP(close_fdp) int fd =
		open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
		     HISTORY_MODE);

	if (fd < 0)
		return ota_fail_errno(err, errno, "open %s", path);
	if (!find_end(fd, job->id, &end, &there, err))
		return false;
	if (there)
		return true;
	/* The first line may have made the file. */
	if (end == 0 && !file_sync_parent(path, err))
		return false;
	if (!write_line(fd, text, end, err))
		return false;
	count(totals, job->state, job->bytes);
	return true;
}

/* The start of the last `count` lines of `size` bytes that end in LF. */
static const char *last_lines(const char *text, size_t size, size_t count)
{
	const char *at = text + size;

	while (count > 0 && at > text) {
		const char *end = at - 1;
		const char *before = memrchr(text, '\n', (size_t)(end - text));

		at = before ? before + 1 : text;
		count--;
	}
	return at;
}

bool history_read(const struct store *store, size_t count, history_fn fn,
		  void *user_data, struct ota_error *err)
{
	OTA_CLEANUP(freep) char *path = history_path(store);
	OTA_CLEANUP(freep) char *text = NULL;
	const char *at, *end;
	size_t size;

	if (!path)
		return ota_fail_memory(err, "reading the history");
	text = read_all(path, &size, err);
	if (!text)
		return false;
	end = memrchr(text, '\n', size);
	if (!end)
		return true;
	size = (size_t)(end + 1 - text);
	for (at = last_lines(text, size, count); at < text + size;) {
		const char *newline = memchr(at, '\n', (size_t)(text + size - at));

		if (!show_line(at, (size_t)(newline - at), fn, user_data))
			return true;
		at = newline + 1;
	}
	return true;
}

bool history_count(const struct store *store, struct history_totals *ret,
		   struct ota_error *err)
{
	OTA_CLEANUP(freep) char *path = history_path(store);
	OTA_CLEANUP(freep) char *text = NULL;
	size_t size;

	if (!path)
		return ota_fail_memory(err, "reading the history");
	set_odd_aside(path);
	text = read_all(path, &size, err);
	if (!text)
		return false;
	*ret = (struct history_totals){ 0 };
	count_lines(text, size, ret);
	return true;
}
