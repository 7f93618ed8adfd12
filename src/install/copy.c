#include "copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "otad/base/loop.h"
#include "otad/verify/hasher.h"

#define BUFFER_BYTES (128 * 1024)
/* Written back in small portions, so that no sync has to wait for all of it. */
#define SYNC_EVERY_BYTES (4ULL * 1024 * 1024)

struct copy {
	int from_fd, to_fd; /* -1: none */
	char *from, *to;
	struct hasher *hasher; /* NULL: no digest */
	struct loop_source *turn;
	copy_done_fn on_done;
	void *user_data;
	struct copy_result result;
	uint64_t synced_bytes;
	bool complete;
	char buffer[BUFFER_BYTES];
};

struct copy *copy_free(struct copy *copy)
{
	if (!copy)
		return NULL;
	loop_source_free(copy->turn);
	hasher_free(copy->hasher);
	if (copy->from_fd >= 0)
		close(copy->from_fd);
	if (copy->to_fd >= 0)
		close(copy->to_fd);
	/* Only what was made here: `to` is set once it is. */
	if (copy->to && !copy->complete)
		unlink(copy->to);
	free(copy->from);
	free(copy->to);
	free(copy);
	return NULL;
}

static bool write_all(struct copy *copy, const char *data, size_t size,
		      struct ota_error *err)
{
	while (size > 0) {
		ssize_t n = write(copy->to_fd, data, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ota_fail_errno(err, errno, "write %s", copy->to);
		data += n;
		size -= (size_t)n;
	}
	return true;
}

static bool write_back(struct copy *copy, struct ota_error *err)
{
	uint64_t waiting = copy->result.size_bytes - copy->synced_bytes;

	if (copy->to_fd < 0)
		return true;
	/* Starts the writing and does not wait; no file system has to do it. */
	sync_file_range(copy->to_fd, (off_t)copy->synced_bytes, (off_t)waiting,
			SYNC_FILE_RANGE_WRITE);
	if (waiting < SYNC_EVERY_BYTES)
		return true;
	if (fdatasync(copy->to_fd) < 0)
		return ota_fail_errno(err, errno, "sync %s", copy->to);
	copy->synced_bytes = copy->result.size_bytes;
	return true;
}

/* At most one slice; `*ret_end` when there is no more. */
static bool copy_slice(struct copy *copy, bool *ret_end, struct ota_error *err)
{
	size_t done = 0;

	*ret_end = false;
	while (done < COPY_SLICE_BYTES) {
		ssize_t n = read(copy->from_fd, copy->buffer, BUFFER_BYTES);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ota_fail_errno(err, errno, "read %s", copy->from);
		if (n == 0) {
			*ret_end = true;
			return true;
		}
		if (copy->hasher &&
		    !hasher_update(copy->hasher, copy->buffer, (size_t)n, err))
			return false;
		if (copy->to_fd >= 0 &&
		    !write_all(copy, copy->buffer, (size_t)n, err))
			return false;
		done += (size_t)n;
		copy->result.size_bytes += (uint64_t)n;
	}
	return write_back(copy, err);
}

static bool complete(struct copy *copy, struct ota_error *err)
{
	int fd = copy->to_fd;

	if (copy->hasher &&
	    !hasher_finish(copy->hasher, &copy->result.md5,
			   &copy->result.sha256, err))
		return false;
	copy->to_fd = -1;
	/* Some file systems tell only now that there was no room. */
	if (fd >= 0 && close(fd) < 0 && errno != EINTR)
		return ota_fail_errno(err, errno, "close %s", copy->to);
	copy->complete = true;
	return true;
}

static void on_turn(struct loop_source *source, void *user_data)
{
	struct copy *copy = user_data;
	struct ota_error err = OTA_ERROR_INIT;
	bool end = false;

	if (!copy_slice(copy, &end, &err) || (end && !complete(copy, &err)))
		copy->on_done(copy, &err, NULL, copy->user_data);
	else if (end)
		copy->on_done(copy, NULL, &copy->result, copy->user_data);
	else
		loop_defer_again(source);
}

static bool open_from(struct copy *copy, uint64_t *ret_size,
		      struct ota_error *err)
{
	struct stat st;

	copy->from_fd = open(copy->from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW |
						 O_NONBLOCK);
	if (copy->from_fd < 0 || fstat(copy->from_fd, &st) < 0)
		return ota_fail_errno(err, errno, "open %s", copy->from);
	if (!S_ISREG(st.st_mode))
		return ota_fail(err, OTA_ERROR_INTERNAL,
				"%s is not a regular file", copy->from);
	*ret_size = (uint64_t)st.st_size;
	return true;
}

static bool open_to(struct copy *copy, const char *to, uint64_t size,
		    struct ota_error *err)
{
	copy->to_fd = open(to,
			   O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			   0600);
	if (copy->to_fd < 0)
		return ota_fail_errno(err, errno, "create %s", to);
	copy->to = strdup(to);
	if (!copy->to) {
		unlink(to);
		return ota_fail_memory(err, "copying");
	}
	/* A full disk is better known before the work than after it. */
	if (size > 0 &&
	    fallocate(copy->to_fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)size) < 0 &&
	    (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
		return ota_fail_errno(err, errno, "%llu bytes for %s",
				      (unsigned long long)size, to);
	return true;
}

struct copy *copy_new(struct loop *loop, const struct copy_request *request,
		      copy_done_fn on_done, void *user_data,
		      struct ota_error *err)
{
	OTA_CLEANUP(copy_freep) struct copy *copy = calloc(1, sizeof(*copy));
	uint64_t size = 0;

	if (!copy) {
		ota_fail_memory(err, "copying");
		return NULL;
	}
	copy->from_fd = copy->to_fd = -1;
	copy->on_done = on_done;
	copy->user_data = user_data;
	copy->from = strdup(request->from);
	if (!copy->from) {
		ota_fail_memory(err, "copying");
		return NULL;
	}
	if (!open_from(copy, &size, err) ||
	    (request->to && !open_to(copy, request->to, size, err)))
		return NULL;
	if (request->algs) {
		copy->hasher = hasher_new(request->algs, err);
		if (!copy->hasher)
			return NULL;
	}
	copy->turn = loop_add_defer(loop, on_turn, copy, err);
	return copy->turn ? OTA_TAKE(copy) : NULL;
}
