#include "otad/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

/* A name of that length still takes ".json.tmp" within NAME_MAX. */
#define ESCAPED_MAX_BYTES 200
/* What remains of a longer one, before "%-" and 16 digits of its hash. */
#define ESCAPED_CUT_BYTES 160

bool file_exists(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0;
}

uint64_t file_size_bytes(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	return (uint64_t)st.st_size;
}

/* "a/b/" and "a/b" become "a", "b" becomes ".", "/b" and "/" become "/". */
static void cut_last(char *path)
{
	size_t length = strlen(path);

	while (length > 1 && path[length - 1] == '/')
		length--;
	while (length > 0 && path[length - 1] != '/')
		length--;
	if (length == 0) {
		strcpy(path, "."); /* it had a character at least */
		return;
	}
	while (length > 1 && path[length - 1] == '/')
		length--;
	path[length] = '\0';
}

/* The directory that `path` is, or lies in, or would lie in. Owned. */
static char *nearest_directory(const char *path, struct ota_error *err)
{
	OTA_CLEANUP(freep) char *dir = strdup(*path ? path : ".");
	struct stat st;

	if (!dir) {
		ota_fail_memory(err, "examining a file system");
		return NULL;
	}
	for (;;) {
		if (stat(dir, &st) == 0) {
			if (S_ISDIR(st.st_mode))
				return OTA_TAKE(dir);
		} else if ((errno != ENOENT && errno != ENOTDIR) ||
			   strcmp(dir, ".") == 0 || strcmp(dir, "/") == 0) {
			ota_fail_errno(err, errno, "examine %s", dir);
			return NULL;
		}
		cut_last(dir);
	}
}

static bool examine_mount(const char *path, struct statx *ret_stx)
{
	OTA_CLEANUP(freep) char *dir = nearest_directory(path, NULL);

	return dir && statx(AT_FDCWD, dir, 0, STATX_TYPE | STATX_MNT_ID,
			    ret_stx) == 0;
}

bool file_same_fs(const char *a, const char *b)
{
	struct statx sa, sb;

	if (!examine_mount(a, &sa) || !examine_mount(b, &sb))
		return false;
	if (sa.stx_dev_major != sb.stx_dev_major ||
	    sa.stx_dev_minor != sb.stx_dev_minor)
		return false;
	/* Two mounts of one file system: rename(2) says EXDEV between them. */
	if (sa.stx_mask & sb.stx_mask & STATX_MNT_ID)
		return sa.stx_mnt_id == sb.stx_mnt_id;
	return true;
}

bool file_free_bytes(const char *path, uint64_t *ret_bytes,
		     struct ota_error *err)
{
	OTA_CLEANUP(freep) char *dir = nearest_directory(path, err);
	struct statvfs fs;
	uint64_t bytes;

	if (!dir)
		return false;
	if (statvfs(dir, &fs) < 0)
		return ota_fail_errno(err, errno, "examine %s", dir);
	if (__builtin_mul_overflow((uint64_t)fs.f_bavail,
				   (uint64_t)fs.f_frsize, &bytes))
		bytes = UINT64_MAX;
	*ret_bytes = bytes;
	return true;
}

/* The kernel's own limits, so no size has to be asked for first. */
struct attributes {
	char names[XATTR_LIST_MAX];
	char value[XATTR_SIZE_MAX];
	char present[XATTR_SIZE_MAX];
};

static bool has_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Made for the content of the old file; wrong, and harmful, on another. */
static bool belongs_to_content(const char *name)
{
	return strcmp(name, "security.ima") == 0 ||
	       strcmp(name, "security.evm") == 0;
}

static bool may_be_unsupported(const char *name)
{
	return strcmp(name, "security.selinux") == 0 ||
	       has_prefix(name, "system.posix_acl_");
}

static bool copy_attribute(const char *from, int from_fd, int to_fd,
			   const char *name, struct attributes *attributes,
			   struct ota_error *err)
{
	ssize_t size = fgetxattr(from_fd, name, attributes->value,
				 sizeof(attributes->value));
	ssize_t present;

	if (size < 0 && errno == ENODATA)
		return true; /* removed since it was listed */
	if (size < 0)
		return ota_fail_errno(err, errno, "read attribute %s of %s",
				      name, from);
	/* Setting may need a privilege that being the same does not. */
	present = fgetxattr(to_fd, name, attributes->present,
			    sizeof(attributes->present));
	if (present == size && memcmp(attributes->value, attributes->present,
				      (size_t)size) == 0)
		return true;
	if (fsetxattr(to_fd, name, attributes->value, (size_t)size, 0) == 0)
		return true;
	if (errno == ENOTSUP && may_be_unsupported(name))
		return true;
	return ota_fail_errno(err, errno, "copy attribute %s of %s", name,
			      from);
}

static bool copy_attributes(const char *from, int from_fd, int to_fd,
			    struct ota_error *err)
{
	OTA_CLEANUP(freep) struct attributes *attributes =
		malloc(sizeof(*attributes));
	const char *name;
	ssize_t size;

	if (!attributes)
		return ota_fail_memory(err, "copying attributes");
	size = flistxattr(from_fd, attributes->names,
			  sizeof(attributes->names));
	if (size < 0 && errno == ENOTSUP)
		return true;
	if (size < 0)
		return ota_fail_errno(err, errno, "list attributes of %s",
				      from);
	for (name = attributes->names; name < attributes->names + size;
	     name += strlen(name) + 1)
		if (!belongs_to_content(name) &&
		    !copy_attribute(from, from_fd, to_fd, name, attributes,
				    err))
			return false;
	return true;
}

bool file_copy_metadata(const char *from, int to_fd, struct ota_error *err)
{
	OTA_CLEANUP(close_fdp) int from_fd = -1;
	struct stat st;

	from_fd = open(from, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (from_fd < 0)
		return ota_fail_errno(err, errno, "open %s", from);
	if (fstat(from_fd, &st) < 0)
		return ota_fail_errno(err, errno, "examine %s", from);
	/* chown(2) clears setuid: it comes first. */
	if (fchown(to_fd, st.st_uid, st.st_gid) < 0)
		return ota_fail_errno(err, errno, "give the owner of %s", from);
	/*
	 * What the directory's default ACL gave to the new file may be more
	 * than the old one has. It also changes what fchmod(2) means.
	 */
	if (fremovexattr(to_fd, "system.posix_acl_access") < 0 &&
	    errno != ENODATA && errno != ENOTSUP)
		return ota_fail_errno(err, errno, "remove the inherited ACL");
	if (fchmod(to_fd, st.st_mode & 07777) < 0)
		return ota_fail_errno(err, errno, "give the mode of %s", from);
	return copy_attributes(from, from_fd, to_fd, err);
}

char *file_resolve(const char *path, struct ota_error *err)
{
	char *real = realpath(path, NULL);
	int error = errno;

	if (!real) {
		ota_fail_errno(err, error, "resolve %s", path);
		if (error == ENOENT || error == ENOTDIR)
			ota_rekind(err, OTA_ERROR_NOT_FOUND);
	}
	return real;
}

static bool is_plain(const char *text, const char *at)
{
	return (*at >= 'A' && *at <= 'Z') || (*at >= 'a' && *at <= 'z') ||
	       (*at >= '0' && *at <= '9') || *at == '_' || *at == '-' ||
	       (*at == '.' && at > text);
}

static size_t escaped_bytes(const char *text)
{
	size_t bytes = 0;
	const char *at;

	for (at = text; *at; at++)
		bytes += is_plain(text, at) ? 1 : 3;
	return bytes;
}

/*
 * FNV-1a. Names come from the configuration, so two long ones that collide by
 * accident are all it has to keep apart.
 */
static uint64_t hash(const char *text)
{
	uint64_t value = 0xcbf29ce484222325;

	for (; *text; text++)
		value = (value ^ (unsigned char)*text) * 0x100000001b3;
	return value;
}

char *file_name_escape(const char *text)
{
	char name[ESCAPED_MAX_BYTES + 1] = "%"; /* for an empty text */
	size_t bytes = escaped_bytes(text);
	size_t limit = bytes > ESCAPED_MAX_BYTES ? ESCAPED_CUT_BYTES : bytes;
	const char *at;
	char *out = name;

	for (at = text; *at; at++) {
		size_t unit = is_plain(text, at) ? 1 : 3;

		if ((size_t)(out - name) + unit > limit)
			break;
		if (unit == 1)
			*out = *at;
		else
			snprintf(out, 4, "%%%02X", (unsigned char)*at);
		out += unit;
	}
	if (out > name)
		*out = '\0';
	if (bytes > ESCAPED_MAX_BYTES)
		snprintf(out, sizeof(name) - (size_t)(out - name), "%%-%016jx",
			 (uintmax_t)hash(text));
	return strdup(name);
}
