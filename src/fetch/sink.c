#include "sink.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "otad/base/file.h"

/* What O_DIRECT wants of offsets and sizes: a page suits every device. */
#define ALIGN_BYTES 4096

/* A recovered slice: read and hashed in far less than 50 ms. */
#define RECOVER_BYTES (256 * 1024)

/* A write that takes longer than the first halves the next, below the second
 * doubles it: the loop must not wait for a slow flash. */
#define SLOW_WRITE_US 20000
#define QUICK_WRITE_US 4000
#define MIN_WRITE_BYTES (64 * 1024)

/* Without O_DIRECT: dirty pages are pushed out, clean ones given back. */
#define DROP_BYTES (8 * 1024 * 1024)

struct sink {
	char *path;
	int fd;
	int sync_fd; /* the same file, see sink_sync_fd() */
	bool created;
	bool direct; /* O_DIRECT is accepted here */
	bool lost;   /* a sync failed: nobody knows what is on the disk */
	uint64_t found_bytes;
	sink_fn on_bytes;
	void *user_data;

	uint64_t recover_bytes; /* to be read back */
	uint64_t dropped_bytes; /* given back to the page cache */

	/* buffer[0] belongs at `base`, which is aligned. */
	uint64_t base;
	unsigned char *buffer;
	size_t buffer_bytes;
	size_t write_bytes; /* at once, see SLOW_WRITE_US */
	size_t fill;   /* content in the buffer, of which ... */
	size_t seen;   /* ... this was shown to the observer, ... */
	size_t stored; /* ... and this is in the file */
};

static size_t align_down(size_t size)
{
	return size & ~(size_t)(ALIGN_BYTES - 1);
}

static bool set_direct(struct sink *sink, bool on)
{
	int flags = fcntl(sink->fd, F_GETFL);

	if (flags < 0)
		return false;
	flags = on ? flags | O_DIRECT : flags & ~O_DIRECT;
	return fcntl(sink->fd, F_SETFL, flags) == 0;
}

static bool open_file(struct sink *sink, struct ota_error *err)
{
	const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
	struct stat st;

	sink->fd = open(sink->path, flags);
	if (sink->fd < 0 && errno == ENOENT) {
		sink->fd = open(sink->path, flags | O_CREAT | O_EXCL, 0600);
		sink->created = true;
	}
	if (sink->fd < 0)
		return ota_fail_errno(err, errno, "open %s", sink->path);
	if (fstat(sink->fd, &st) < 0)
		return ota_fail_errno(err, errno, "look at %s", sink->path);
	if (!S_ISREG(st.st_mode))
		return ota_fail(err, OTA_ERROR_INTERNAL,
				"%s is not a regular file: remove it",
				sink->path);
	sink->found_bytes = (uint64_t)st.st_size;
	sink->sync_fd = open(sink->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (sink->sync_fd < 0)
		return ota_fail_errno(err, errno, "open %s", sink->path);
	return true;
}

struct sink *sink_open(const char *path, size_t buffer_bytes,
		       bool by_page_cache, sink_fn on_bytes, void *user_data,
		       struct ota_error *err)
{
	OTA_CLEANUP(sink_freep) struct sink *sink = calloc(1, sizeof(*sink));
	void *buffer;

	assert(buffer_bytes > 0 && buffer_bytes % ALIGN_BYTES == 0);
	if (sink) {
		sink->fd = -1;
		sink->sync_fd = -1;
		sink->path = strdup(path);
	}
	if (!sink || !sink->path) {
		ota_fail_memory(err, "opening a download");
		return NULL;
	}
	sink->on_bytes = on_bytes;
	sink->user_data = user_data;
	/* Page-aligned, and really given back at the end. */
	buffer = mmap(NULL, buffer_bytes, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (buffer == MAP_FAILED) {
		ota_fail_memory(err, "opening a download");
		return NULL;
	}
	sink->buffer = buffer;
	sink->buffer_bytes = buffer_bytes;
	sink->write_bytes = buffer_bytes;
	if (!open_file(sink, err))
		return NULL;
	sink->direct = !by_page_cache && set_direct(sink, true) &&
		       set_direct(sink, false);
	return OTA_TAKE(sink);
}

struct sink *sink_free(struct sink *sink)
{
	struct stat st;

	if (!sink)
		return NULL;
	if (sink->fd >= 0) {
		/* Also to the same size it frees blocks beyond the end. */
		if (fstat(sink->fd, &st) == 0 && S_ISREG(st.st_mode) &&
		    ftruncate(sink->fd, st.st_size) < 0)
			errno = 0; /* a reservation too long is no harm */
		close(sink->fd);
	}
	if (sink->sync_fd >= 0)
		close(sink->sync_fd);
	if (sink->buffer)
		munmap(sink->buffer, sink->buffer_bytes);
	free(sink->path);
	free(sink);
	return NULL;
}

uint64_t sink_file_bytes(const struct sink *sink)
{
	return sink->found_bytes;
}

bool sink_was_created(const struct sink *sink)
{
	return sink->created;
}

uint64_t sink_bytes(const struct sink *sink)
{
	return sink->base + sink->fill;
}

bool sink_reserve(struct sink *sink, uint64_t size, struct ota_error *err)
{
	struct stat st;
	uint64_t have_bytes, free_bytes;

	if (size > INT64_MAX)
		return ota_fail(err, OTA_ERROR_NO_SPACE,
				"no file system holds %s", sink->path);
	if (fstat(sink->fd, &st) < 0)
		return ota_fail_errno(err, errno, "look at %s", sink->path);
	have_bytes = (uint64_t)st.st_blocks * 512;
	if (size == 0 || have_bytes >= size)
		return true;
	/* Asked first: fallocate(2) would take what there is, then fail. */
	if (!file_free_bytes(sink->path, &free_bytes, err))
		return false;
	if (free_bytes < size - have_bytes)
		return ota_fail(err, OTA_ERROR_NO_SPACE,
				"no room for %s: %llu bytes are missing, "
				"free some space",
				sink->path,
				(unsigned long long)(size - have_bytes -
						     free_bytes));
	if (fallocate(sink->fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)size) == 0 ||
	    errno == EOPNOTSUPP || errno == ENOSYS || errno == EINTR)
		return true;
	return ota_fail_errno(err, errno, "reserve space for %s", sink->path);
}

bool sink_recover(struct sink *sink, uint64_t bytes, struct ota_error *err)
{
	sink->recover_bytes = bytes;
	sink->base = 0;
	sink->fill = sink->seen = sink->stored = 0;
	if (ftruncate(sink->fd, (off_t)bytes) < 0)
		return ota_fail_errno(err, errno, "cut %s", sink->path);
	posix_fadvise(sink->fd, 0, (off_t)bytes, POSIX_FADV_SEQUENTIAL);
	return true;
}

/* The last, unaligned bytes stay in the buffer: they are written again. */
static void end_recovery(struct sink *sink, size_t slice)
{
	size_t kept = align_down(slice);

	memmove(sink->buffer, sink->buffer + kept, slice - kept);
	sink->base += kept;
	sink->fill = sink->seen = sink->stored = slice - kept;
	posix_fadvise(sink->fd, 0, 0, POSIX_FADV_DONTNEED);
}

bool sink_recover_some(struct sink *sink, bool *ret_more, struct ota_error *err)
{
	uint64_t left = sink->recover_bytes - sink->base;
	size_t want = sink->buffer_bytes < RECOVER_BYTES ? sink->buffer_bytes
							 : RECOVER_BYTES;
	ssize_t size;

	if (left < want)
		want = (size_t)left;
	size = pread(sink->fd, sink->buffer, want, (off_t)sink->base);
	if (size < 0 || (size_t)size != want)
		return ota_fail(err, OTA_ERROR_NOT_FOUND,
				"%s cannot be read back", sink->path);
	if (!sink->on_bytes(sink->buffer, want, sink->user_data, err))
		return false;
	*ret_more = left > want;
	if (*ret_more) {
		sink->base += want;
		return true;
	}
	end_recovery(sink, want);
	return true;
}

bool sink_restart(struct sink *sink, struct ota_error *err)
{
	sink->base = 0;
	sink->fill = sink->seen = sink->stored = 0;
	sink->dropped_bytes = 0;
	if (ftruncate(sink->fd, 0) < 0)
		return ota_fail_errno(err, errno, "empty %s", sink->path);
	return true;
}

static bool show(struct sink *sink, struct ota_error *err)
{
	size_t size = sink->fill - sink->seen;

	if (size > 0 && !sink->on_bytes(sink->buffer + sink->seen, size,
					sink->user_data, err))
		return false;
	sink->seen = sink->fill;
	return true;
}

static bool write_all(struct sink *sink, size_t from, size_t to,
		      struct ota_error *err)
{
	while (from < to) {
		ssize_t size = pwrite(sink->fd, sink->buffer + from, to - from,
				      (off_t)(sink->base + from));

		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0)
			return ota_fail_errno(err, errno, "write %s",
					      sink->path);
		from += (size_t)size;
	}
	return true;
}

/* Writes [from, to), both aligned, past the page cache where it may. */
static bool write_direct(struct sink *sink, size_t from, size_t to,
			 struct ota_error *err)
{
	bool ok;

	if (from == to)
		return true;
	if (!sink->direct || !set_direct(sink, true))
		return write_all(sink, from, to, err);
	ok = write_all(sink, from, to, err);
	set_direct(sink, false);
	if (ok || err->sys_errno != EINVAL)
		return ok;
	/* Refused only now, or a short write left the rest unaligned. */
	sink->direct = false;
	ota_error_clear(err);
	return write_all(sink, from, to, err);
}

static void spare_page_cache(struct sink *sink)
{
	uint64_t end = sink->base + align_down(sink->stored);

	if (sink->direct)
		return;
	sync_file_range(sink->fd, (off_t)sink->dropped_bytes,
			(off_t)(end - sink->dropped_bytes),
			SYNC_FILE_RANGE_WRITE);
	if (end - sink->dropped_bytes < DROP_BYTES)
		return;
	/* Waits for nothing: what is still dirty goes the next time. */
	posix_fadvise(sink->fd, 0, (off_t)end, POSIX_FADV_DONTNEED);
	sink->dropped_bytes = end;
}

/* Whole blocks past the page cache, and the rest, if `all`, through it. */
static bool store(struct sink *sink, bool all, struct ota_error *err)
{
	size_t from = align_down(sink->stored);
	size_t to = align_down(sink->fill);

	if (sink->stored == sink->fill)
		return true;
	if (!write_direct(sink, from, to, err))
		return false;
	if (sink->stored < to)
		sink->stored = to;
	if (all) {
		if (!write_all(sink, to, sink->fill, err))
			return false;
		sink->stored = sink->fill;
	}
	spare_page_cache(sink);
	return true;
}

static uint64_t clock_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static bool show_and_store(struct sink *sink, struct ota_error *err)
{
	uint64_t start_us = clock_us();
	uint64_t took_us;

	if (!show(sink, err) || !store(sink, false, err))
		return false;
	took_us = clock_us() - start_us;
	if (took_us > SLOW_WRITE_US && sink->write_bytes > MIN_WRITE_BYTES)
		sink->write_bytes = align_down(sink->write_bytes / 2);
	else if (took_us < QUICK_WRITE_US &&
		 sink->write_bytes * 2 <= sink->buffer_bytes)
		sink->write_bytes *= 2;
	return true;
}

bool sink_append(struct sink *sink, const void *data, size_t size,
		 bool *ret_heavy, struct ota_error *err)
{
	const unsigned char *bytes = data;

	while (size > 0) {
		size_t goal = align_down(sink->stored) + sink->write_bytes;
		size_t part;

		if (goal > sink->buffer_bytes)
			goal = sink->buffer_bytes;
		part = goal - sink->fill;
		if (part > size)
			part = size;
		memcpy(sink->buffer + sink->fill, bytes, part);
		sink->fill += part;
		bytes += part;
		size -= part;
		if (sink->fill < goal)
			return true;
		if (!show_and_store(sink, err))
			return false;
		*ret_heavy = true;
		if (sink->fill == sink->buffer_bytes) {
			sink->base += sink->fill;
			sink->fill = sink->seen = sink->stored = 0;
		}
	}
	return true;
}

/* After a sync that failed the next may succeed without a byte written. */
static bool check_lost(const struct sink *sink, struct ota_error *err)
{
	if (!sink->lost)
		return true;
	return ota_fail_errno(err, EIO, "sync %s", sink->path);
}

bool sink_flush(struct sink *sink, struct ota_error *err)
{
	return check_lost(sink, err) && store(sink, true, err);
}

uint64_t sink_written_bytes(const struct sink *sink)
{
	return sink->base + sink->stored;
}

int sink_sync_fd(const struct sink *sink)
{
	return sink->sync_fd;
}

void sink_lose(struct sink *sink)
{
	sink->lost = true;
}

bool sink_finish(struct sink *sink, struct ota_error *err)
{
	if (!check_lost(sink, err) || !show(sink, err) ||
	    !store(sink, true, err))
		return false;
	/* Blocks reserved for a size that was announced too large. */
	if (ftruncate(sink->fd, (off_t)sink_bytes(sink)) < 0)
		return ota_fail_errno(err, errno, "end %s", sink->path);
	return true;
}
