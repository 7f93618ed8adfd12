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

/* The page cache's, or a part of them. */
#define PAGE_BYTES 4096

/* A recovered slice: read and hashed in far less than 50 ms. */
#define RECOVER_BYTES (256 * 1024)

/* To hash and write longer than the first halves what is done at once, shorter
 * than the second doubles it: the loop must not wait for a slow processor. */
#define SLOW_WRITE_US 20000
#define QUICK_WRITE_US 4000
#define MIN_WRITE_BYTES (64 * 1024)

struct sink {
	char *path;
	int fd;
	int sync_fd; /* the same file, see sink_sync_fd() */
	bool created;
	bool lost; /* a sync failed: nobody knows what is on the disk */
	uint64_t found_bytes;
	sink_fn on_bytes;
	void *user_data;

	uint64_t recover_bytes; /* to be read back */
	uint64_t spared_bytes;  /* no longer in the page cache */

	/* buffer[0] belongs at `base`. */
	uint64_t base;
	unsigned char *buffer;
	size_t buffer_bytes;
	size_t write_bytes; /* at once, see SLOW_WRITE_US */
	size_t fill;   /* content in the buffer, of which ... */
	size_t seen;   /* ... this was shown to the observer, ... */
	size_t stored; /* ... and this is in the file */
};

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
		       sink_fn on_bytes, void *user_data,
		       struct ota_error *err)
{
	OTA_CLEANUP(sink_freep) struct sink *sink = calloc(1, sizeof(*sink));
	void *buffer;

	assert(buffer_bytes > 0);
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
	/* Not malloc(3): really given back at the end. */
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
	sink->base = sink->spared_bytes = 0;
	sink->fill = sink->seen = sink->stored = 0;
	if (ftruncate(sink->fd, (off_t)bytes) < 0)
		return ota_fail_errno(err, errno, "cut %s", sink->path);
	posix_fadvise(sink->fd, 0, (off_t)bytes, POSIX_FADV_SEQUENTIAL);
	return true;
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
	sink->base += want;
	*ret_more = left > want;
	if (!*ret_more)
		sink_spare_page_cache(sink, sink->base);
	return true;
}

bool sink_restart(struct sink *sink, struct ota_error *err)
{
	sink->base = sink->spared_bytes = 0;
	sink->fill = sink->seen = sink->stored = 0;
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

static bool store(struct sink *sink, struct ota_error *err)
{
	while (sink->stored < sink->fill) {
		ssize_t size = pwrite(sink->fd, sink->buffer + sink->stored,
				      sink->fill - sink->stored,
				      (off_t)(sink->base + sink->stored));

		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0)
			return ota_fail_errno(err, errno, "write %s",
					      sink->path);
		sink->stored += (size_t)size;
	}
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

	if (!show(sink, err) || !store(sink, err))
		return false;
	sink->base += sink->fill;
	sink->fill = sink->seen = sink->stored = 0;
	took_us = clock_us() - start_us;
	if (took_us > SLOW_WRITE_US && sink->write_bytes > MIN_WRITE_BYTES)
		sink->write_bytes /= 2;
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
		size_t part = sink->write_bytes - sink->fill;

		if (part > size)
			part = size;
		memcpy(sink->buffer + sink->fill, bytes, part);
		sink->fill += part;
		bytes += part;
		size -= part;
		if (sink->fill < sink->write_bytes)
			return true;
		if (!show_and_store(sink, err))
			return false;
		*ret_heavy = true;
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
	return check_lost(sink, err) && store(sink, err);
}

uint64_t sink_written_bytes(const struct sink *sink)
{
	return sink->base + sink->stored;
}

int sink_sync_fd(const struct sink *sink)
{
	return sink->sync_fd;
}

bool sink_sync(struct sink *sink, struct ota_error *err)
{
	/* Not `sync_fd`: the kernel tells each descriptor of an error only once. */
	return fdatasync(sink->fd) == 0 ||
	       ota_fail_errno(err, errno, "sync %s", sink->path);
}

void sink_lose(struct sink *sink)
{
	sink->lost = true;
}

void sink_spare_page_cache(struct sink *sink, uint64_t synced_bytes)
{
	uint64_t end = synced_bytes - synced_bytes % PAGE_BYTES;

	if (end <= sink->spared_bytes)
		return;
	posix_fadvise(sink->fd, (off_t)sink->spared_bytes,
		      (off_t)(end - sink->spared_bytes), POSIX_FADV_DONTNEED);
	sink->spared_bytes = end;
}

bool sink_finish(struct sink *sink, struct ota_error *err)
{
	if (!check_lost(sink, err) || !show(sink, err) || !store(sink, err))
		return false;
	/* Blocks reserved for a size that was announced too large. */
	if (ftruncate(sink->fd, (off_t)sink_bytes(sink)) < 0)
		return ota_fail_errno(err, errno, "end %s", sink->path);
	return true;
}
