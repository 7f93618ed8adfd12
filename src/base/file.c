#include "otad/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* First guess where the kernel names no size, as in /proc. */
#define READ_FIRST_BYTES 4096

/* A name in a directory held open: what is synced is what was changed. */
struct place {
	int dir_fd;
	const char *name; /* inside the path that place_open() got */
};

static void place_done(struct place *place)
{
	if (place->dir_fd >= 0)
		close(place->dir_fd);
}

static bool place_open(struct place *place, const char *path,
		       struct ota_error *err)
{
	const char *slash = strrchr(path, '/');
	OTA_CLEANUP(freep) char *dir = NULL;

	place->name = slash ? slash + 1 : path;
	if (strcmp(place->name, "") == 0 || strcmp(place->name, ".") == 0 ||
	    strcmp(place->name, "..") == 0)
		return ota_fail_errno(err, EINVAL, "\"%s\" names no file", path);
	if (!slash)
		dir = strdup(".");
	else if (slash == path)
		dir = strdup("/");
	else
		dir = strndup(path, (size_t)(slash - path));
	if (!dir)
		return ota_fail_memory(err, "opening a directory");

	place->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (place->dir_fd < 0)
		return ota_fail_errno(err, errno, "open directory %s", dir);
	return true;
}

static int place_take_fd(struct place *place)
{
	int fd = place->dir_fd;

	place->dir_fd = -1;
	return fd;
}

static bool place_sync(const struct place *place, const char *path,
		       struct ota_error *err)
{
	if (fsync(place->dir_fd) < 0)
		return ota_fail_errno(err, errno, "sync the directory of %s",
				      path);
	return true;
}

static bool place_tmp_name(const struct place *place, char *tmp, size_t size,
			   struct ota_error *err)
{
	int length = snprintf(tmp, size, "%s.tmp", place->name);

	if (length < 0 || (size_t)length >= size)
		return ota_fail_errno(err, ENAMETOOLONG, "%s.tmp", place->name);
	return true;
}

/* Clears what an interrupted attempt left under that name. */
static bool place_clear(const struct place *place, const char *tmp,
			struct ota_error *err)
{
	if (unlinkat(place->dir_fd, tmp, 0) < 0 && errno != ENOENT)
		return ota_fail_errno(err, errno, "remove %s", tmp);
	return true;
}

/* Reads to the end, but at most `max_bytes` and one byte that proves more. */
static char *read_all(int fd, size_t guess, size_t max_bytes, size_t *ret_size,
		      const char *path, struct ota_error *err)
{
	OTA_CLEANUP(freep) char *data = NULL;
	size_t room = 0, size = 0;

	for (;;) {
		ssize_t n;

		if (size == room) {
			char *more;

			room = room == 0 ? guess + 1 : room * 2;
			if (room > max_bytes + 1)
				room = max_bytes + 1;
			more = realloc(data, room + 1);
			if (!more) {
				ota_fail_memory(err, path);
				return NULL;
			}
			data = more;
		}
		n = read(fd, data + size, room - size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			ota_fail_errno(err, errno, "read %s", path);
			return NULL;
		}
		if (n == 0)
			break;
		size += (size_t)n;
		if (size > max_bytes) {
			ota_fail(err, OTA_ERROR_PROTOCOL,
				 "%s is larger than %zu bytes", path,
				 max_bytes);
			return NULL;
		}
	}
	data[size] = '\0';
	*ret_size = size;
	return OTA_TAKE(data);
}

static int open_regular(const char *path, int flags, struct stat *st,
			struct ota_error *err)
{
	/* Not blocking: a FIFO must not hold up the loop before we see it. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags);

	if (fd < 0) {
		int error = errno;

		ota_fail_errno(err, error, "open %s", path);
		if (error == ENOENT || error == ENOTDIR)
			ota_rekind(err, OTA_ERROR_NOT_FOUND);
		else if (error == ELOOP || error == ENXIO) /* a socket */
			ota_rekind(err, OTA_ERROR_PROTOCOL);
		return -1;
	}
	if (fstat(fd, st) < 0) {
		ota_fail_errno(err, errno, "examine %s", path);
		close(fd);
		return -1;
	}
	if (!S_ISREG(st->st_mode)) {
		ota_fail(err, OTA_ERROR_PROTOCOL, "%s is not a regular file",
			 path);
		close(fd);
		return -1;
	}
	return fd;
}

static char *read_file(const char *path, int flags, size_t max_bytes,
		       size_t *ret_size, struct ota_error *err)
{
	OTA_CLEANUP(close_fdp) int fd = -1;
	struct stat st;
	size_t guess = READ_FIRST_BYTES;

	fd = open_regular(path, flags, &st, err);
	if (fd < 0)
		return NULL;
	if (max_bytes > SSIZE_MAX - 2)
		max_bytes = SSIZE_MAX - 2;
	/* No limit by st_size alone: in /sys it is a page for every file. */
	if (st.st_size > 0)
		guess = (size_t)st.st_size;
	return read_all(fd, guess, max_bytes, ret_size, path, err);
}

char *file_read(const char *path, size_t max_bytes, size_t *ret_size,
		struct ota_error *err)
{
	return read_file(path, 0, max_bytes, ret_size, err);
}

char *file_read_nofollow(const char *path, size_t max_bytes, size_t *ret_size,
			 struct ota_error *err)
{
	return read_file(path, O_NOFOLLOW, max_bytes, ret_size, err);
}

static bool write_all(int fd, const char *data, size_t size, const char *path,
		      struct ota_error *err)
{
	while (size > 0) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ota_fail_errno(err, errno, "write %s", path);
		data += n;
		size -= (size_t)n;
	}
	return true;
}

static bool fill_tmp(int fd, const char *path, const void *data, size_t size,
		     mode_t mode, struct ota_error *err)
{
	if (!write_all(fd, data, size, path, err))
		return false;
	/* Not by open(2): the umask has no say. */
	if (fchmod(fd, mode) < 0)
		return ota_fail_errno(err, errno, "set the mode of %s", path);
	return true;
}

static bool sync_tmp(int fd, const char *path, struct ota_error *err)
{
	/* Else the new name may come to stand for an empty file. */
	if (fsync(fd) < 0)
		return ota_fail_errno(err, errno, "sync %s", path);
	return true;
}

static int create_tmp(const struct place *place, const char *tmp,
		      const char *path, struct ota_error *err)
{
	int fd = openat(place->dir_fd, tmp,
			O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			0600);

	if (fd < 0)
		ota_fail_errno(err, errno, "create %s.tmp", path);
	return fd;
}

static bool write_place(const struct place *place, const char *tmp,
			const char *path, const void *data, size_t size,
			mode_t mode, struct ota_error *err)
{
	int fd = create_tmp(place, tmp, path, err);
	bool filled;

	if (fd < 0)
		return false;
	filled = fill_tmp(fd, path, data, size, mode, err) &&
		 sync_tmp(fd, path, err);
	/* Some file systems tell only now that there was no room. */
	if (close(fd) < 0 && errno != EINTR && filled)
		filled = ota_fail_errno(err, errno, "close %s.tmp", path);
	if (filled &&
	    renameat(place->dir_fd, tmp, place->dir_fd, place->name) < 0)
		filled = ota_fail_errno(err, errno, "rename %s.tmp", path);
	if (!filled)
		unlinkat(place->dir_fd, tmp, 0);
	return filled;
}

static bool replace(const char *path, const void *data, size_t size,
		    mode_t mode, bool durable, struct ota_error *err)
{
	OTA_CLEANUP(place_done) struct place place = { .dir_fd = -1 };
	char tmp[NAME_MAX + 1];

	if (!place_open(&place, path, err) ||
	    !place_tmp_name(&place, tmp, sizeof(tmp), err) ||
	    !place_clear(&place, tmp, err) ||
	    !write_place(&place, tmp, path, data, size, mode, err))
		return false;
	/* A power cut may still undo the rename until the directory is synced. */
	return !durable || place_sync(&place, path, err);
}

bool file_write(const char *path, const void *data, size_t size, mode_t mode,
		struct ota_error *err)
{
	return replace(path, data, size, mode, true, err);
}

bool file_write_lazy(const char *path, const void *data, size_t size,
		     mode_t mode, struct ota_error *err)
{
	return replace(path, data, size, mode, false, err);
}

int file_draft(const char *path, const void *data, size_t size, mode_t mode,
	       struct ota_error *err)
{
	OTA_CLEANUP(place_done) struct place place = { .dir_fd = -1 };
	char tmp[NAME_MAX + 1];
	int fd;

	if (!place_open(&place, path, err) ||
	    !place_tmp_name(&place, tmp, sizeof(tmp), err) ||
	    !place_clear(&place, tmp, err))
		return -1;
	fd = create_tmp(&place, tmp, path, err);
	if (fd < 0 || fill_tmp(fd, path, data, size, mode, err))
		return fd;
	close(fd);
	unlinkat(place.dir_fd, tmp, 0);
	return -1;
}

int file_draft_adopt(const char *path, struct ota_error *err)
{
	OTA_CLEANUP(place_done) struct place place = { .dir_fd = -1 };
	char tmp[NAME_MAX + 1];

	if (!place_open(&place, path, err) ||
	    !place_tmp_name(&place, tmp, sizeof(tmp), err))
		return -1;
	if (renameat(place.dir_fd, tmp, place.dir_fd, place.name) < 0) {
		ota_fail_errno(err, errno, "rename %s.tmp", path);
		unlinkat(place.dir_fd, tmp, 0);
		return -1;
	}
	return place_take_fd(&place);
}

void file_draft_drop(const char *path)
{
	OTA_CLEANUP(place_done) struct place place = { .dir_fd = -1 };
	char tmp[NAME_MAX + 1];

	/* What is left of it is what a power cut leaves, too. */
	if (place_open(&place, path, NULL) &&
	    place_tmp_name(&place, tmp, sizeof(tmp), NULL))
		unlinkat(place.dir_fd, tmp, 0);
}

int file_unlink(const char *path, struct ota_error *err)
{
	OTA_CLEANUP(place_done) struct place place = { .dir_fd = -1 };

	if (!place_open(&place, path, err))
		return -1;
	if (unlinkat(place.dir_fd, place.name, 0) < 0 && errno != ENOENT) {
		ota_fail_errno(err, errno, "remove %s", path);
		return -1;
	}
	return place_take_fd(&place);
}

static bool same_directory(const struct place *a, const struct place *b)
{
	struct stat sa, sb;

	return fstat(a->dir_fd, &sa) == 0 && fstat(b->dir_fd, &sb) == 0 &&
	       sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

bool file_rename(const char *from, const char *to, struct ota_error *err)
{
	OTA_CLEANUP(place_done) struct place source = { .dir_fd = -1 };
	OTA_CLEANUP(place_done) struct place target = { .dir_fd = -1 };

	if (!place_open(&source, from, err) || !place_open(&target, to, err))
		return false;
	if (renameat(source.dir_fd, source.name, target.dir_fd, target.name) <
	    0)
		return ota_fail_errno(err, errno, "rename %s to %s", from, to);
	/* The new name first: the power may fail between the two. */
	return place_sync(&target, to, err) &&
	       (same_directory(&source, &target) ||
		place_sync(&source, from, err));
}

bool file_remove(const char *path, struct ota_error *err)
{
	OTA_CLEANUP(place_done) struct place place = { .dir_fd = -1 };
	struct ota_error why = OTA_ERROR_INIT;

	if (!place_open(&place, path, &why)) {
		if (why.sys_errno == ENOENT || why.sys_errno == ENOTDIR)
			return true;
		if (err)
			*err = why;
		return false;
	}
	if (unlinkat(place.dir_fd, place.name, 0) < 0 && errno != ENOENT)
		return ota_fail_errno(err, errno, "remove %s", path);
	/* Also when it was gone: its removal may not have been synced. */
	return place_sync(&place, path, err);
}

bool file_link(const char *from, const char *to, struct ota_error *err)
{
	OTA_CLEANUP(place_done) struct place place = { .dir_fd = -1 };
	char tmp[NAME_MAX + 1];

	if (!place_open(&place, to, err) ||
	    !place_tmp_name(&place, tmp, sizeof(tmp), err) ||
	    !place_clear(&place, tmp, err))
		return false;
	if (linkat(AT_FDCWD, from, place.dir_fd, tmp, 0) < 0)
		return ota_fail_errno(err, errno, "link %s to %s", from, to);
	if (renameat(place.dir_fd, tmp, place.dir_fd, place.name) < 0) {
		ota_fail_errno(err, errno, "rename %s.tmp", to);
		unlinkat(place.dir_fd, tmp, 0);
		return false;
	}
	/* rename(2) of two links to one file does nothing and leaves both. */
	return place_clear(&place, tmp, err) && place_sync(&place, to, err);
}

bool file_sync_parent(const char *path, struct ota_error *err)
{
	OTA_CLEANUP(place_done) struct place place = { .dir_fd = -1 };

	return place_open(&place, path, err) && place_sync(&place, path, err);
}

static bool make_dir(const char *path, mode_t mode, struct ota_error *err)
{
	OTA_CLEANUP(close_fdp) int fd = -1;
	struct stat st;

	if (stat(path, &st) == 0) {
		if (!S_ISDIR(st.st_mode))
			return ota_fail_errno(err, ENOTDIR, "make directory %s",
					      path);
		return true;
	}
	if (errno != ENOENT)
		return ota_fail_errno(err, errno, "examine %s", path);
	if (mkdir(path, mode) < 0 && errno != EEXIST)
		return ota_fail_errno(err, errno, "make directory %s", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return ota_fail_errno(err, errno, "open directory %s", path);
	/* The umask has no say; an inherited group stays. */
	if (fchmod(fd, mode | (st.st_mode & S_ISGID)) < 0)
		return ota_fail_errno(err, errno, "set the mode of %s", path);
	/* A power cut may still cost it bits of its mode, never add any. */
	return file_sync_parent(path, err);
}

bool file_make_dirs(const char *path, mode_t mode, struct ota_error *err)
{
	OTA_CLEANUP(freep) char *copy = strdup(path);
	char *at;

	if (!copy)
		return ota_fail_memory(err, "making directories");
	for (at = copy; *at;) {
		char kept;

		at += strspn(at, "/");
		if (!*at)
			break;
		at += strcspn(at, "/");
		kept = *at;
		*at = '\0';
		if (!make_dir(copy, mode, err))
			return false;
		*at = kept;
	}
	return true;
}

int file_lock(const char *path, struct ota_error *err)
{
	int fd = open(path,
		      O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY,
		      0600);

	if (fd < 0) {
		ota_fail_errno(err, errno, "open %s", path);
		return -1;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EWOULDBLOCK)
			ota_fail(err, OTA_ERROR_BUSY,
				 "%s is locked by another process", path);
		else
			ota_fail_errno(err, errno, "lock %s", path);
		close(fd);
		return -1;
	}
	return fd;
}
