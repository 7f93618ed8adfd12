#include "otad/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

/*
 * fsync(2) and rename(2) as the module sees them: what was called, in order
 * ('f' sync of a file, 'd' of a directory, 'r' rename), and failures at will.
 */
static struct {
	char calls[32];
	size_t count;
	ino_t synced[32]; /* inode of each sync, beside its call */
	int fail_file_sync;
	int fail_dir_sync;
	int fail_read, fail_write; /* the next one alone */
	int fail_close; /* of a file that was open for writing */
	bool is_nearly_full; /* there is room for root alone */
} disk;

static void note(char call, ino_t inode)
{
	if (disk.count < sizeof(disk.calls) - 1) {
		disk.synced[disk.count] = inode;
		disk.calls[disk.count++] = call;
	}
}

int fsync(int fd)
{
	struct stat st;
	int failure;

	if (fstat(fd, &st) < 0)
		return -1;
	note(S_ISDIR(st.st_mode) ? 'd' : 'f', st.st_ino);
	failure = S_ISDIR(st.st_mode) ? disk.fail_dir_sync :
					disk.fail_file_sync;
	if (failure) {
		errno = failure;
		return -1;
	}
	return (int)syscall(SYS_fsync, fd);
}

static bool fails(int *failure)
{
	if (*failure == 0)
		return false;
	errno = *failure;
	*failure = 0;
	return true;
}

ssize_t read(int fd, void *data, size_t size)
{
	return fails(&disk.fail_read) ? -1 : syscall(SYS_read, fd, data, size);
}

ssize_t write(int fd, const void *data, size_t size)
{
	return fails(&disk.fail_write) ? -1 :
					 syscall(SYS_write, fd, data, size);
}

int close(int fd)
{
	bool writes = (fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY;

	if (syscall(SYS_close, fd) < 0)
		return -1;
	return writes && fails(&disk.fail_close) ? -1 : 0;
}

int statvfs(const char *path, struct statvfs *ret)
{
	struct statfs fs;

	if (statfs(path, &fs) < 0)
		return -1;
	*ret = (struct statvfs){
		.f_frsize = (unsigned long)fs.f_frsize,
		.f_bfree = fs.f_bfree,
		.f_bavail = disk.is_nearly_full ? 2 : fs.f_bavail,
	};
	return 0;
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	note('r', 0);
	return (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, 0);
}

static void forget_calls(void)
{
	memset(&disk, 0, sizeof(disk));
}

/* Each test runs inside a folder of its own. */
static int enter_folder(void **state)
{
	char folder[] = "/tmp/otad-test-file-XXXXXX";

	forget_calls();
	umask(022);
	if (!mkdtemp(folder) || chdir(folder) < 0)
		return -1;
	*state = strdup(folder);
	return *state ? 0 : -1;
}

static int remove_entry(const char *path, const struct stat *st, int type,
			struct FTW *ftw)
{
	return remove(path);
}

static int leave_folder(void **state)
{
	int r = chdir("/");

	r |= nftw(*state, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	free(*state);
	return r;
}

static void put(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void holds(const char *path, const char *text)
{
	char data[256] = "";
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	assert_true(fread(data, 1, sizeof(data) - 1, file) <= sizeof(data));
	assert_int_equal(fclose(file), 0);
	assert_string_equal(data, text);
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static ino_t inode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_ino;
}

static bool is_there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static void a_file_is_read_whole_and_terminated(void **state)
{
	size_t size = 0;
	char *data;

	put("a", "hello\n");
	data = file_read("a", 6, &size, NULL);
	assert_non_null(data);
	assert_int_equal(size, 6);
	assert_string_equal(data, "hello\n");
	free(data);

	put("empty", "");
	data = file_read("empty", 0, &size, NULL);
	assert_non_null(data);
	assert_int_equal(size, 0);
	assert_string_equal(data, "");
	free(data);
}

static void a_file_without_a_size_is_read_too(void **state)
{
	size_t size = 0;
	char *data = file_read("/proc/self/maps", 1 << 20, &size, NULL);

	/* The kernel says it has no bytes, and there are more than a page. */
	assert_int_equal(file_size_bytes("/proc/self/maps"), 0);
	assert_non_null(data);
	assert_true(size > 100);
	assert_int_equal(strlen(data), size);
	free(data);
}

static void a_page_of_sys_is_no_reason_to_refuse(void **state)
{
	size_t size = 0;
	char *data;

	if (file_size_bytes("/sys/kernel/mm/ksm/run") < 4096)
		skip();
	data = file_read("/sys/kernel/mm/ksm/run", 16, &size, NULL);
	assert_non_null(data);
	assert_int_equal(size, 2);
	free(data);
}

static void too_large_a_file_is_refused(void **state)
{
	struct ota_error err = OTA_ERROR_INIT;
	size_t size = 42;

	put("a", "hello\n");
	assert_null(file_read("a", 5, &size, &err));
	assert_int_equal(err.kind, OTA_ERROR_PROTOCOL);
	assert_non_null(strstr(err.text, "larger than 5"));
	assert_int_equal(size, 42);
}

static void a_missing_file_is_not_found(void **state)
{
	struct ota_error err = OTA_ERROR_INIT;
	size_t size;

	assert_null(file_read("none", 5, &size, &err));
	assert_int_equal(err.kind, OTA_ERROR_NOT_FOUND);
	assert_int_equal(err.sys_errno, ENOENT);
	put("a", "");
	assert_null(file_read("a/b", 5, &size, &err));
	assert_int_equal(err.kind, OTA_ERROR_NOT_FOUND);
}

static void what_is_no_file_is_refused_without_blocking(void **state)
{
	struct ota_error err = OTA_ERROR_INIT;
	size_t size;

	assert_int_equal(mkfifo("fifo", 0600), 0);
	assert_null(file_read("fifo", 5, &size, &err));
	assert_int_equal(err.kind, OTA_ERROR_PROTOCOL);
	ota_error_clear(&err);
	assert_null(file_read(".", 5, &size, &err));
	assert_int_equal(err.kind, OTA_ERROR_PROTOCOL);
	ota_error_clear(&err);
	assert_null(file_read("/dev/zero", 5, &size, &err));
	assert_int_equal(err.kind, OTA_ERROR_PROTOCOL);
}

static void only_who_asks_for_it_is_refused_a_link(void **state)
{
	struct ota_error err = OTA_ERROR_INIT;
	size_t size;
	char *data;

	put("a", "x");
	assert_int_equal(symlink("a", "link"), 0);
	data = file_read("link", 5, &size, NULL);
	assert_non_null(data);
	free(data);
	assert_null(file_read_nofollow("link", 5, &size, &err));
	assert_int_equal(err.kind, OTA_ERROR_PROTOCOL);
	data = file_read_nofollow("a", 5, &size, NULL);
	assert_non_null(data);
	free(data);
}

static void a_write_replaces_content_and_mode(void **state)
{
	struct ota_error err = OTA_ERROR_INIT;

	put("a", "old and longer");
	umask(077);
	assert_true(file_write("a", "new", 3, 0644, &err));
	holds("a", "new");
	assert_int_equal(mode_of("a"), 0644);
	assert_true(file_write("a", "", 0, 0600, &err));
	holds("a", "");
	assert_int_equal(mode_of("a"), 0600);
	assert_false(is_there("a.tmp"));
}

static void a_write_is_synced_before_and_after_the_rename(void **state)
{
	assert_true(file_write("a", "new", 3, 0644, NULL));
	assert_string_equal(disk.calls, "frd");
	assert_int_equal(disk.synced[2], inode_of("."));
}

static void a_lazy_write_syncs_the_content_but_not_the_name(void **state)
{
	put("a", "old");
	assert_true(file_write_lazy("a", "new", 3, 0640, NULL));
	assert_string_equal(disk.calls, "fr");
	holds("a", "new");
	assert_int_equal(mode_of("a"), 0640);
}

static void a_draft_is_synced_by_others_and_then_adopted(void **state)
{
	int fd, dir_fd;

	put("a", "old");
	put("a.tmp", "left over");
	fd = file_draft("a", "new", 3, 0640, NULL);
	assert_true(fd >= 0);
	close(fd);
	holds("a", "old");
	dir_fd = file_draft_adopt("a", NULL);
	assert_true(dir_fd >= 0);
	close(dir_fd);
	holds("a", "new");
	assert_int_equal(mode_of("a"), 0640);
	assert_string_equal(disk.calls, "r");
}

static void a_draft_that_is_dropped_changes_nothing(void **state)
{
	int fd;

	put("a", "old");
	fd = file_draft("a", "new", 3, 0640, NULL);
	assert_true(fd >= 0);
	close(fd);
	file_draft_drop("a");
	holds("a", "old");
	assert_false(is_there("a.tmp"));
	assert_int_equal(file_draft_adopt("a", NULL), -1);
	holds("a", "old");
}

static void a_draft_without_a_folder_is_an_error(void **state)
{
	struct ota_error err = OTA_ERROR_INIT;

	assert_int_equal(file_draft("nowhere/a", "new", 3, 0640, &err), -1);
	assert_int_equal(err.sys_errno, ENOENT);
}

static void an_unlinked_file_is_gone_and_may_be_so_already(void **state)
{
	put("a", "old");
	for (unsigned i = 0; i < 2; i++) {
		int dir_fd = file_unlink("a", NULL);

		assert_true(dir_fd >= 0);
		close(dir_fd);
		assert_false(is_there("a"));
	}
	assert_string_equal(disk.calls, "");
}

static void what_an_interrupted_write_left_is_replaced(void **state)
{
	put("a.tmp", "half of something longer");
	assert_int_equal(chmod("a.tmp", 0444), 0);
	assert_true(file_write("a", "new", 3, 0644, NULL));
	holds("a", "new");
	assert_false(is_there("a.tmp"));
}

static void a_link_planted_as_the_tmp_is_not_written_through(void **state)
{
	put("victim", "precious");
	assert_int_equal(symlink("victim", "a.tmp"), 0);
	assert_true(file_write("a", "new", 3, 0644, NULL));
	holds("victim", "precious");
	holds("a", "new");
}

static void a_link_is_replaced_not_followed(void **state)
{
	struct stat st;

	put("target", "precious");
	assert_int_equal(symlink("target", "a"), 0);
	assert_true(file_write("a", "new", 3, 0644, NULL));
	holds("target", "precious");
	assert_int_equal(lstat("a", &st), 0);
	assert_true(S_ISREG(st.st_mode));
}

static void a_failed_sync_fails_the_write_and_keeps_the_old(void **state)
{
	struct ota_error err = OTA_ERROR_INIT;

	put("a", "old");
	disk.fail_file_sync = EIO;
	assert_false(file_write("a", "new", 3, 0644, &err));
	assert_int_equal(err.sys_errno, EIO);
	assert_string_equal(disk.calls, "f");
	holds("a", "old");
	assert_false(is_there("a.tmp"));
}

static void a_signal_interrupts_nothing(void **state)
{
	struct ota_error err = OTA_ERROR_INIT;
	size_t size;
	char *text;

	disk.fail_write = EINTR;
	assert_true(file_write("a", "new", 3, 0644, &err));
	disk.fail_read = EINTR;
	text = file_read("a", 100, &size, &err);
	assert_non_null(text);
	assert_string_equal(text, "new");
	free(text);
}

/* Some file systems say only then that there was no room. */
static void a_failed_close_fails_the_write_and_keeps_the_old(void **state)
{
	struct ota_error err = OTA_ERROR_INIT;

	put("a", "old");
	disk.fail_close = ENOSPC;
	assert_false(file_write("a", "new", 3, 0644, &err));
	assert_int_equal(err.kind, OTA_ERROR_NO_SPACE);
	holds("a", "old");
	assert_false(is_there("a.tmp"));
}

static void a_draft_that_cannot_be_written_is_none(void **state)
{
	struct ota_error err = OTA_ERROR_INIT;

	disk.fail_write = ENOSPC;
	assert_int_equal(file_draft("a", "new", 3, 0644, &err), -1);
	assert_int_equal(err.kind, OTA_ERROR_NO_SPACE);
	assert_false(is_there("a.tmp"));
}

static void a_failed_sync_of_the_directory_is_an_error(void **state)
{
	struct ota_error err = OTA_ERROR_INIT;

	put("a", "old");
	disk.fail_dir_sync = ENOSPC;
	assert_false(file_write("b", "new", 3, 0644, &err));
	assert_int_equal(err.kind, OTA_ERROR_NO_SPACE);
	assert_false(file_rename("a", "c", &err));
	assert_false(file_link("c", "d", &err));
	assert_false(file_remove("d", &err));
	assert_false(file_make_dirs("x/y", 0755, &err));
	assert_false(file_sync_parent("c", &err));
}

static void a_write_that_cannot_happen_changes_nothing(void **state)
{
	struct ota_error err = OTA_ERROR_INIT;
	char longest[256];

	assert_false(file_write("none/a", "x", 1, 0644, &err));
	assert_int_equal(err.sys_errno, ENOENT);
	put("a", "old");
	assert_int_equal(mkdir("a.tmp", 0755), 0);
	assert_false(file_write("a", "new", 3, 0644, &err));
	holds("a", "old");
	assert_true(is_there("a.tmp"));
	assert_int_equal(mkdir("dir", 0755), 0);
	assert_false(file_write("dir", "new", 3, 0644, &err));
	assert_false(is_there("dir.tmp"));
	assert_false(file_write("dir/", "new", 3, 0644, &err));
	assert_false(file_write("dir/..", "new", 3, 0644, &err));
	assert_false(file_write("", "new", 3, 0644, &err));

	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_false(file_write(longest, "new", 3, 0644, &err));
	assert_int_equal(err.sys_errno, ENAMETOOLONG);
}

/* What is mounted in a namespace of our own ends with this process. */
static bool may_mount(void)
{
	return unshare(CLONE_NEWNS) == 0 &&
	       mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0;
}

static void a_full_disk_keeps_the_old_content(void **state)
{
	static const char big[256 * 1024];
	struct ota_error err = OTA_ERROR_INIT;

	assert_int_equal(mkdir("full", 0755), 0);
	if (!may_mount() ||
	    mount("tmpfs", "full", "tmpfs", 0, "size=64k") < 0)
		skip();

	put("full/a", "old");
	assert_false(file_write("full/a", big, sizeof(big), 0644, &err));
	assert_int_equal(err.kind, OTA_ERROR_NO_SPACE);
	assert_int_equal(err.sys_errno, ENOSPC);
	holds("full/a", "old");
	assert_false(is_there("full/a.tmp"));
	/* What the failed attempt took is free again. */
	assert_true(file_write("full/a", big, 32 * 1024, 0644, &err));

	assert_false(file_same_fs("full", "."));
	assert_false(file_same_fs("full/a", "a"));
	assert_true(file_same_fs("full/a", "full/none/yet"));
	assert_int_equal(umount("full"), 0);
}

static void mounts_of_one_file_system_are_kept_apart(void **state)
{
	assert_int_equal(mkdir("a", 0755), 0);
	assert_int_equal(mkdir("b", 0755), 0);
	assert_true(file_same_fs("a", "b"));
	if (!may_mount() || mount("a", "b", "none", MS_BIND, NULL) < 0)
		skip();
	put("a/x", "");
	assert_int_equal(rename("a/x", "b/y"), -1);
	assert_int_equal(errno, EXDEV);
	assert_false(file_same_fs("a", "b"));
	assert_int_equal(umount("b"), 0);
}

static void a_rename_syncs_the_directories_it_changes(void **state)
{
	assert_int_equal(mkdir("from", 0755), 0);
	assert_int_equal(mkdir("to", 0755), 0);
	put("from/a", "x");
	assert_true(file_rename("from/a", "from/b", NULL));
	assert_string_equal(disk.calls, "rd");
	forget_calls();
	assert_true(file_rename("from/b", "to/c", NULL));
	assert_string_equal(disk.calls, "rdd");
	assert_int_equal(disk.synced[1], inode_of("to"));
	assert_int_equal(disk.synced[2], inode_of("from"));
	holds("to/c", "x");
	assert_false(is_there("from/b"));
}

static void a_rename_replaces_and_reports(void **state)
{
	struct ota_error err = OTA_ERROR_INIT;

	put("a", "new");
	put("b", "old");
	assert_true(file_rename("a", "b", NULL));
	holds("b", "new");
	assert_false(file_rename("a", "b", &err));
	assert_int_equal(err.sys_errno, ENOENT);
	holds("b", "new");
}

static void a_removal_is_synced_and_may_be_repeated(void **state)
{
	struct ota_error err = OTA_ERROR_INIT;

	put("a", "x");
	assert_true(file_remove("a", &err));
	assert_string_equal(disk.calls, "d");
	assert_false(is_there("a"));
	/* Who was here before may not have come to the sync. */
	assert_true(file_remove("a", &err));
	assert_string_equal(disk.calls, "dd");
	assert_true(file_remove("none/a", &err));
	assert_int_equal(err.kind, OTA_ERROR_NONE);
	assert_int_equal(mkdir("dir", 0755), 0);
	assert_false(file_remove("dir", &err));
	assert_true(is_there("dir"));
}

static void a_link_names_the_same_file(void **state)
{
	put("a", "x");
	put("backup", "older");
	assert_true(file_link("a", "backup", NULL));
	assert_string_equal(disk.calls, "rd");
	assert_int_equal(inode_of("a"), inode_of("backup"));
	assert_false(is_there("backup.tmp"));
}

static void linking_twice_leaves_no_third_name(void **state)
{
	struct stat st;

	put("a", "x");
	put("backup.tmp", "left over");
	assert_true(file_link("a", "backup", NULL));
	assert_true(file_link("a", "backup", NULL));
	assert_int_equal(stat("a", &st), 0);
	assert_int_equal(st.st_nlink, 2);
	assert_false(is_there("backup.tmp"));
}

static void a_link_that_fails_keeps_the_old(void **state)
{
	struct ota_error err = OTA_ERROR_INIT;

	put("backup", "older");
	assert_false(file_link("none", "backup", &err));
	assert_int_equal(err.sys_errno, ENOENT);
	holds("backup", "older");
	assert_int_equal(mkdir("dir", 0755), 0);
	assert_false(file_link("backup", "dir", &err));
	assert_false(is_there("dir.tmp"));
}

static void directories_are_made_down_to_the_last(void **state)
{
	umask(077);
	assert_true(file_make_dirs("a/b//c/", 0755, NULL));
	assert_int_equal(mode_of("a"), 0755);
	assert_int_equal(mode_of("a/b"), 0755);
	assert_int_equal(mode_of("a/b/c"), 0755);
	/* The directory that got the name of each. */
	assert_string_equal(disk.calls, "ddd");
	assert_int_equal(disk.synced[0], inode_of("."));
	assert_int_equal(disk.synced[2], inode_of("a/b"));
}

static void directories_that_exist_stay_as_they_are(void **state)
{
	assert_int_equal(mkdir("a", 0700), 0);
	assert_int_equal(symlink("a", "link"), 0);
	assert_true(file_make_dirs("a", 0755, NULL));
	assert_true(file_make_dirs("/", 0755, NULL));
	assert_string_equal(disk.calls, "");
	assert_int_equal(mode_of("a"), 0700);
	assert_true(file_make_dirs("link/b", 0750, NULL));
	assert_int_equal(mode_of("a/b"), 0750);
}

static void a_file_in_the_way_of_directories_is_an_error(void **state)
{
	struct ota_error err = OTA_ERROR_INIT;

	put("a", "x");
	assert_false(file_make_dirs("a", 0755, &err));
	assert_int_equal(err.sys_errno, ENOTDIR);
	assert_false(file_make_dirs("a/b", 0755, &err));
	assert_int_equal(symlink("none", "dangling"), 0);
	assert_false(file_make_dirs("dangling", 0755, &err));
	holds("a", "x");
}

static void what_is_there_is_told(void **state)
{
	put("a", "12345");
	assert_int_equal(symlink("none", "dangling"), 0);
	assert_true(file_exists("a"));
	assert_true(file_exists("."));
	assert_false(file_exists("none"));
	assert_false(file_exists("dangling"));
	assert_int_equal(file_size_bytes("a"), 5);
	assert_int_equal(file_size_bytes("."), 0);
	assert_int_equal(file_size_bytes("none"), 0);
}

static void room_is_told_for_what_does_not_exist_yet(void **state)
{
	struct ota_error err = OTA_ERROR_INIT;
	uint64_t here = 0, deeper = 0;

	put("a", "x");
	assert_true(file_free_bytes(".", &here, &err));
	assert_true(here > 0);
	assert_true(file_free_bytes("none/of/these", &deeper, &err));
	assert_true(deeper > 0);
	assert_true(file_free_bytes("/none-of-these", &deeper, &err));
	assert_true(file_free_bytes("a/b", &deeper, &err));
	assert_true(file_free_bytes("", &deeper, &err));
	assert_true(file_free_bytes("/proc/none", &deeper, &err));
	assert_int_equal(deeper, 0);
}

static void what_is_kept_for_root_is_no_room(void **state)
{
	struct ota_error err = OTA_ERROR_INIT;
	struct statvfs fs;
	uint64_t bytes = 0;

	disk.is_nearly_full = true;
	assert_int_equal(statvfs(".", &fs), 0);
	assert_true(file_free_bytes(".", &bytes, &err));
	assert_int_equal(bytes, 2 * fs.f_frsize);
}

static void one_file_system_is_told_from_another(void **state)
{
	put("a", "x");
	assert_true(file_same_fs("a", "."));
	assert_true(file_same_fs("a", "not/yet/there"));
	assert_false(file_same_fs("a", "/proc/self"));
	assert_false(file_same_fs("/proc/self", "a"));
}

static int create(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	return fd;
}

static void mode_and_setuid_are_copied(void **state)
{
	OTA_CLEANUP(close_fdp) int fd = create("b");
	struct ota_error err = OTA_ERROR_INIT;

	put("a", "x");
	assert_int_equal(chmod("a", 06751), 0);
	assert_true(file_copy_metadata("a", fd, &err));
	assert_int_equal(mode_of("b"), 06751);
	assert_false(file_copy_metadata("none", fd, &err));
	assert_int_equal(err.sys_errno, ENOENT);
}

static void the_owner_is_copied_and_setuid_survives_it(void **state)
{
	OTA_CLEANUP(close_fdp) int fd = create("b");
	struct stat st;

	if (geteuid() != 0)
		skip();
	put("a", "x");
	if (chown("a", 12345, 23456) < 0)
		skip();
	assert_int_equal(chmod("a", 04755), 0);
	assert_true(file_copy_metadata("a", fd, NULL));
	assert_int_equal(stat("b", &st), 0);
	assert_int_equal(st.st_uid, 12345);
	assert_int_equal(st.st_gid, 23456);
	assert_int_equal(st.st_mode & 07777, 04755);
}

static void attributes_are_copied(void **state)
{
	OTA_CLEANUP(close_fdp) int fd = create("b");
	char value[16] = "";

	put("a", "x");
	if (setxattr("a", "user.origin", "factory", 7, 0) < 0)
		skip();
	assert_int_equal(setxattr("a", "user.empty", "", 0, 0), 0);
	assert_int_equal(setxattr("b", "user.origin", "other", 5, 0), 0);
	assert_true(file_copy_metadata("a", fd, NULL));
	assert_int_equal(getxattr("b", "user.origin", value, sizeof(value)), 7);
	assert_memory_equal(value, "factory", 7);
	assert_int_equal(getxattr("b", "user.empty", value, sizeof(value)), 0);
}

static void capabilities_are_copied(void **state)
{
	/* vfs_cap_data, version 2: cap_net_bind_service, permitted. */
	static const unsigned char capability[20] = { 0, 0, 0, 2, 0, 4 };
	OTA_CLEANUP(close_fdp) int fd = create("b");
	char value[32];

	put("a", "x");
	if (setxattr("a", "security.capability", capability,
		     sizeof(capability), 0) < 0)
		skip();
	assert_true(file_copy_metadata("a", fd, NULL));
	assert_int_equal(getxattr("b", "security.capability", value,
				  sizeof(value)),
			 sizeof(capability));
	assert_memory_equal(value, capability, sizeof(capability));
}

static void a_signature_of_the_old_content_is_not_copied(void **state)
{
	/* Type IMA_XATTR_DIGEST (1) and a SHA-1: the kernel takes any. */
	static const char digest[21] = { 1 };
	OTA_CLEANUP(close_fdp) int fd = create("b");
	char value[32];

	put("a", "x");
	if (setxattr("a", "security.ima", digest, sizeof(digest), 0) < 0)
		skip();
	assert_true(file_copy_metadata("a", fd, NULL));
	assert_int_equal(getxattr("b", "security.ima", value, sizeof(value)),
			 -1);
	assert_int_equal(errno, ENODATA);
}

/* posix_acl_xattr: version 2; owner rwx, user 1000 rwx, group, mask, others. */
static const unsigned char wide_acl[] = {
	2, 0, 0,  0,	1, 0, 7, 0, 0xFF, 0xFF, 0xFF, 0xFF, 2, 0, 7, 0,
	0xE8, 3, 0, 0,	4, 0, 5, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0x10, 0, 7, 0,
	0xFF, 0xFF, 0xFF, 0xFF, 0x20, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF,
};

static void an_inherited_acl_does_not_widen_the_mode(void **state)
{
	int fd;

	put("a", "x");
	assert_int_equal(chmod("a", 0700), 0);
	if (setxattr(".", "system.posix_acl_default", wide_acl,
		     sizeof(wide_acl), 0) < 0)
		skip();
	fd = create("b");
	assert_true(getxattr("b", "system.posix_acl_access", NULL, 0) > 0);
	assert_true(file_copy_metadata("a", fd, NULL));
	close(fd);
	assert_int_equal(getxattr("b", "system.posix_acl_access", NULL, 0), -1);
	assert_int_equal(mode_of("b"), 0700);
}

static void an_acl_is_copied(void **state)
{
	OTA_CLEANUP(close_fdp) int fd = create("b");
	unsigned char value[64];

	put("a", "x");
	if (setxattr("a", "system.posix_acl_access", wide_acl,
		     sizeof(wide_acl), 0) < 0)
		skip();
	assert_true(file_copy_metadata("a", fd, NULL));
	assert_int_equal(getxattr("b", "system.posix_acl_access", value,
				  sizeof(value)),
			 sizeof(wide_acl));
	assert_memory_equal(value, wide_acl, sizeof(wide_acl));
}

static void the_real_file_behind_links_is_found(void **state)
{
	struct ota_error err = OTA_ERROR_INIT;
	char expected[PATH_MAX];
	char *real;

	put("a", "x");
	assert_int_equal(mkdir("dir", 0755), 0);
	assert_int_equal(symlink("../a", "dir/one"), 0);
	assert_int_equal(symlink("dir/one", "two"), 0);
	assert_int_equal(symlink("loop", "loop"), 0);
	snprintf(expected, sizeof(expected), "%s/a", (const char *)*state);
	real = file_resolve("two", &err);
	assert_non_null(real);
	assert_string_equal(real, expected);
	free(real);
	assert_null(file_resolve("none", &err));
	assert_int_equal(err.kind, OTA_ERROR_NOT_FOUND);
	assert_null(file_resolve("loop", &err));
	assert_int_equal(err.sys_errno, ELOOP);
}

static void a_lock_is_held_once(void **state)
{
	struct ota_error err = OTA_ERROR_INIT;
	int first = file_lock("lock", &err);

	assert_true(first >= 0);
	assert_int_equal(mode_of("lock"), 0600);
	assert_true(fcntl(first, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(file_lock("lock", &err), -1);
	assert_int_equal(err.kind, OTA_ERROR_BUSY);
	close(first);
	first = file_lock("lock", &err);
	assert_true(first >= 0);
	close(first);
	assert_int_equal(symlink("lock", "link"), 0);
	assert_int_equal(file_lock("link", &err), -1);
	assert_int_equal(err.sys_errno, ELOOP);
}

static void escapes_to(const char *text, const char *name)
{
	OTA_CLEANUP(freep) char *escaped = file_name_escape(text);

	assert_non_null(escaped);
	assert_string_equal(escaped, name);
}

static void any_text_becomes_a_safe_name(void **state)
{
	escapes_to("app", "app");
	escapes_to("meter-17_b.c", "meter-17_b.c");
	escapes_to("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd");
	escapes_to(".", "%2E");
	escapes_to("..", "%2E.");
	escapes_to("a b\n%", "a%20b%0A%25");
	escapes_to("\xE7\x94\xB5", "%E7%94%B5");
	escapes_to("", "%");
	escapes_to("%", "%25");
}

static void long_texts_become_different_names_that_fit(void **state)
{
	char text[3][1001];
	char *name[3];

	for (size_t i = 0; i < 3; i++) {
		memset(text[i], '\xE7', 1000);
		text[i][1000] = '\0';
	}
	text[1][999] = '\xE8'; /* as long, escaped, as the first */
	text[2][500] = '\0';
	for (size_t i = 0; i < 3; i++) {
		name[i] = file_name_escape(text[i]);
		assert_non_null(name[i]);
		assert_true(strlen(name[i]) <= 200);
	}
	assert_string_not_equal(name[0], name[1]);
	assert_string_not_equal(name[0], name[2]);
	assert_string_not_equal(name[1], name[2]);
	for (size_t i = 0; i < 3; i++)
		free(name[i]);
}

#define IN_FOLDER(test)                                                        \
	cmocka_unit_test_setup_teardown(test, enter_folder, leave_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(a_file_is_read_whole_and_terminated),
		IN_FOLDER(a_file_without_a_size_is_read_too),
		IN_FOLDER(a_page_of_sys_is_no_reason_to_refuse),
		IN_FOLDER(too_large_a_file_is_refused),
		IN_FOLDER(a_missing_file_is_not_found),
		IN_FOLDER(what_is_no_file_is_refused_without_blocking),
		IN_FOLDER(only_who_asks_for_it_is_refused_a_link),
		IN_FOLDER(a_write_replaces_content_and_mode),
		IN_FOLDER(a_write_is_synced_before_and_after_the_rename),
		IN_FOLDER(a_lazy_write_syncs_the_content_but_not_the_name),
		IN_FOLDER(a_draft_is_synced_by_others_and_then_adopted),
		IN_FOLDER(a_draft_that_is_dropped_changes_nothing),
		IN_FOLDER(a_draft_without_a_folder_is_an_error),
		IN_FOLDER(an_unlinked_file_is_gone_and_may_be_so_already),
		IN_FOLDER(what_an_interrupted_write_left_is_replaced),
		IN_FOLDER(a_link_planted_as_the_tmp_is_not_written_through),
		IN_FOLDER(a_link_is_replaced_not_followed),
		IN_FOLDER(a_failed_sync_fails_the_write_and_keeps_the_old),
		IN_FOLDER(a_signal_interrupts_nothing),
		IN_FOLDER(a_failed_close_fails_the_write_and_keeps_the_old),
		IN_FOLDER(a_draft_that_cannot_be_written_is_none),
		IN_FOLDER(a_failed_sync_of_the_directory_is_an_error),
		IN_FOLDER(a_write_that_cannot_happen_changes_nothing),
		IN_FOLDER(a_full_disk_keeps_the_old_content),
		IN_FOLDER(mounts_of_one_file_system_are_kept_apart),
		IN_FOLDER(a_rename_syncs_the_directories_it_changes),
		IN_FOLDER(a_rename_replaces_and_reports),
		IN_FOLDER(a_removal_is_synced_and_may_be_repeated),
		IN_FOLDER(a_link_names_the_same_file),
		IN_FOLDER(linking_twice_leaves_no_third_name),
		IN_FOLDER(a_link_that_fails_keeps_the_old),
		IN_FOLDER(directories_are_made_down_to_the_last),
		IN_FOLDER(directories_that_exist_stay_as_they_are),
		IN_FOLDER(a_file_in_the_way_of_directories_is_an_error),
		IN_FOLDER(what_is_there_is_told),
		IN_FOLDER(room_is_told_for_what_does_not_exist_yet),
		IN_FOLDER(what_is_kept_for_root_is_no_room),
		IN_FOLDER(one_file_system_is_told_from_another),
		IN_FOLDER(mode_and_setuid_are_copied),
		IN_FOLDER(the_owner_is_copied_and_setuid_survives_it),
		IN_FOLDER(attributes_are_copied),
		IN_FOLDER(capabilities_are_copied),
		IN_FOLDER(a_signature_of_the_old_content_is_not_copied),
		IN_FOLDER(an_inherited_acl_does_not_widen_the_mode),
		IN_FOLDER(an_acl_is_copied),
		IN_FOLDER(the_real_file_behind_links_is_found),
		IN_FOLDER(a_lock_is_held_once),
		IN_FOLDER(any_text_becomes_a_safe_name),
		IN_FOLDER(long_texts_become_different_names_that_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
