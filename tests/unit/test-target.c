/* What self, binary and config have in common: one file replaced by another. */

#include "otad/install/installer.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include "otad/base/loop.h"

#include "../../src/install/copy.h"
#include "support/install-fixture.h"

#define JOB_LATER "fedcba9876543210"

/* A file system without hard links, such as vfat. */
static bool no_links;

/* What was asked of the disk, in order: 'f' and 'd' are syncs of a file and of a
 * folder, 'w' is fdatasync(2), 'r' a rename. */
static struct {
	char calls[256];
	size_t count;
	bool file_syncs_fail;
	bool read_fails; /* the next one */
} disk;

static void note(char call)
{
	assert_true(disk.count < sizeof(disk.calls) - 1);
	disk.calls[disk.count++] = call;
	disk.calls[disk.count] = '\0';
}

static void forget_calls(void)
{
	disk.count = 0;
	disk.calls[0] = '\0';
}

int fsync(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	note(S_ISDIR(st.st_mode) ? 'd' : 'f');
	if (disk.file_syncs_fail && S_ISREG(st.st_mode)) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fsync, fd);
}

int fstat(int fd, struct stat *st)
{
	if (!disk.read_fails)
		return fstatat(fd, "", st, AT_EMPTY_PATH);
	disk.read_fails = false;
	errno = EIO;
	return -1;
}

int fdatasync(int fd)
{
	note('w');
	return (int)syscall(SYS_fdatasync, fd);
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	note('r');
	return (int)syscall(SYS_renameat, from_fd, from, to_fd, to);
}

int linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
	if (no_links) {
		errno = EPERM;
		return -1;
	}
	return (int)syscall(SYS_linkat, from_fd, from, to_fd, to, flags);
}

int link(const char *from, const char *to)
{
	return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

static int setup(void **state)
{
	struct install_fixture *fx;

	no_links = false;
	forget_calls();
	disk.file_syncs_fail = disk.read_fails = false;
	if (install_fixture_setup(state) != 0)
		return -1;
	fx = *state;
	install_write(fx->target, "old", 0640);
	install_offer(fx, "new");
	return 0;
}

static int setup_without_links(void **state)
{
	int r = setup(state);

	no_links = true;
	return r;
}

static int teardown(void **state)
{
	struct install_fixture *fx = *state;

	/* Not mounted: no harm. */
	umount2(install_path(fx, "place"), MNT_DETACH);
	return install_fixture_teardown(state);
}

static void nothing_is_staged(struct install_fixture *fx)
{
	assert_false(install_exists(fx->staged));
	assert_false(install_exists(install_path(fx, "place/app.old.tmp")));
	assert_false(install_exists(install_path(fx, "place/app.tmp")));
}

/* A tmpfs in place of the target's folder; skips the test without privilege. */
static void mount_place(struct install_fixture *fx, const char *options)
{
	if (mount("tmpfs", install_path(fx, "place"), "tmpfs", 0, options) < 0)
		skip();
	install_write(fx->target, "old", 0640);
}

/* ---- forward ---- */

static void the_new_file_comes_and_the_old_one_is_kept(void **state)
{
	struct install_fixture *fx = *state;

	install_until(fx, INSTALL_CLEAN - 2);
	install_assert_text(fx->target, "new");
	install_assert_text(fx->backup, "old");
	forget_calls();
	assert_true(install_run(fx, INSTALL_CLEAN));
	assert_string_equal(disk.calls, "d"); /* its record goes */
	install_assert_text(fx->target, "new");
	install_assert_text(fx->backup, "old");
	nothing_is_staged(fx);
	assert_false(install_exists(install_path(fx, "state/install/self%2Fapp")));
}

static void until_the_swap_nothing_changes(void **state)
{
	struct install_fixture *fx = *state;
	ino_t inode = install_inode(fx->target);

	install_until(fx, INSTALL_CHECK);
	install_assert_text(fx->target, "old");
	assert_int_equal(install_inode(fx->target), inode);
	install_assert_text(fx->staged, "new");
}

static void an_artifact_on_the_same_file_system_is_moved(void **state)
{
	struct install_fixture *fx = *state;
	ino_t inode = install_inode(fx->artifact);

	install_until(fx, INSTALL_STAGE);
	assert_int_equal(install_inode(fx->staged), inode);
	assert_false(install_exists(fx->artifact));
}

static void a_shared_artifact_is_copied(void **state)
{
	struct install_fixture *fx = *state;

	fx->request.artifact_shared = true;
	install_until(fx, INSTALL_SWAP);
	install_assert_text(fx->target, "new");
	install_assert_text(fx->artifact, "new");
	assert_int_not_equal(install_inode(fx->target),
			     install_inode(fx->artifact));
}

/* Of it and of its folder: by its name it is known that nothing is swapped. */
static void a_copy_lasts_before_it_counts_as_staged(void **state)
{
	struct install_fixture *fx = *state;

	fx->request.artifact_shared = true;
	install_until(fx, INSTALL_BACKUP);
	forget_calls();
	assert_true(install_run(fx, INSTALL_STAGE));
	assert_string_equal(disk.calls, "fd");
	forget_calls();
	assert_true(install_run(fx, INSTALL_SWAP));
	assert_string_equal(disk.calls, "rd");
}

static void what_is_moved_lasts_in_its_new_folder(void **state)
{
	struct install_fixture *fx = *state;

	install_until(fx, INSTALL_BACKUP);
	forget_calls();
	assert_true(install_run(fx, INSTALL_STAGE));
	/* Its new folder, its old one, its mode and times. */
	assert_string_equal(disk.calls, "rddf");
}

/* After a cut nobody knows whether the name has reached the disk. */
static void a_swap_that_was_done_is_synced_again(void **state)
{
	struct install_fixture *fx = *state;

	install_until(fx, INSTALL_SWAP);
	install_begin(fx);
	forget_calls();
	assert_true(install_run(fx, INSTALL_SWAP));
	assert_string_equal(disk.calls, "d");
}

static void what_is_untouched_is_synced_when_it_goes_back(void **state)
{
	struct install_fixture *fx = *state;

	install_until(fx, INSTALL_BACKUP);
	forget_calls();
	assert_true(install_run(fx, INSTALL_ROLL_BACK));
	assert_string_equal(disk.calls, "d");
}

static void a_way_back_lasts(void **state)
{
	struct install_fixture *fx = *state;

	install_until(fx, INSTALL_SWAP);
	forget_calls();
	assert_true(install_run(fx, INSTALL_ROLL_BACK));
	/* On record first: what runs has to follow. */
	assert_string_equal(disk.calls, "frdrd");
}

static void a_way_back_to_nothing_lasts(void **state)
{
	struct install_fixture *fx = *state;

	assert_int_equal(unlink(fx->target), 0);
	install_until(fx, INSTALL_SWAP);
	forget_calls();
	assert_true(install_run(fx, INSTALL_ROLL_BACK));
	assert_string_equal(disk.calls, "frdd");
}

static void what_cannot_be_synced_is_not_staged(void **state)
{
	struct install_fixture *fx = *state;

	install_until(fx, INSTALL_BACKUP);
	disk.file_syncs_fail = true;
	assert_false(install_run(fx, INSTALL_STAGE));
	assert_int_equal(fx->err.sys_errno, EIO);
	assert_false(install_exists(fx->staged));
}

/* The file and its name, the folder of records, the record and its name. */
static void a_copied_backup_lasts_before_it_is_recorded(void **state)
{
	struct install_fixture *fx = *state;

	no_links = true;
	install_until(fx, INSTALL_BACKUP);
	assert_string_equal(strpbrk(disk.calls, "f"), "frddfrd");
}

static void an_artifact_with_two_names_is_copied(void **state)
{
	struct install_fixture *fx = *state;

	assert_int_equal(link(fx->artifact, install_path(fx, "other")), 0);
	install_until(fx, INSTALL_STAGE);
	assert_true(install_exists(fx->artifact));
	assert_int_not_equal(install_inode(fx->staged),
			     install_inode(fx->artifact));
}

static void an_artifact_on_another_file_system_is_copied(void **state)
{
	struct install_fixture *fx = *state;

	mount_place(fx, "size=1m");
	install_until(fx, INSTALL_SWAP);
	install_assert_text(fx->target, "new");
	install_assert_text(fx->artifact, "new");
}

static void a_large_artifact_is_copied_in_slices(void **state)
{
	struct install_fixture *fx = *state;
	size_t size = 5 * COPY_SLICE_BYTES + 12345;
	char *data = malloc(size);

	assert_non_null(data);
	for (size_t i = 0; i < size; i++)
		data[i] = (char)(i * 2654435761u >> 13);
	install_write_bytes(fx->artifact, data, size, 0600);
	free(data);
	install_describe_artifact(fx);
	fx->request.artifact_shared = true;
	install_until(fx, INSTALL_BACKUP);

	fx->done = false;
	fx->step = INSTALL_STAGE;
	forget_calls();
	installation_run(fx->in, INSTALL_STAGE);
	for (int turn = 0; turn < 5; turn++) {
		assert_true(loop_run_once(fx->loop, 0, NULL));
		assert_false(fx->done);
	}
	install_wait(fx);
	/* Written back on the way: the last sync has little left to wait for. */
	assert_string_equal(disk.calls, "wfd");
	assert_int_equal(fx->err.kind, OTA_ERROR_NONE);
	install_assert_same(fx->staged, fx->artifact);
}

static void what_this_process_did_not_verify_is_hashed(void **state)
{
	struct install_fixture *fx = *state;

	install_write(fx->artifact, "bad", 0600);
	fx->request.artifact_fresh = false;
	install_until(fx, INSTALL_BACKUP);
	assert_false(install_run(fx, INSTALL_STAGE));
	assert_int_equal(fx->err.kind, OTA_ERROR_DIGEST_MISMATCH);
	nothing_is_staged(fx);
	install_assert_text(fx->target, "old");
}

static void a_copy_is_checked_even_when_fresh(void **state)
{
	struct install_fixture *fx = *state;

	install_write(fx->artifact, "bad", 0600);
	fx->request.artifact_shared = true;
	install_until(fx, INSTALL_BACKUP);
	assert_false(install_run(fx, INSTALL_STAGE));
	assert_int_equal(fx->err.kind, OTA_ERROR_DIGEST_MISMATCH);
	nothing_is_staged(fx);
}

static void another_size_is_told_as_such(void **state)
{
	struct install_fixture *fx = *state;

	install_write(fx->artifact, "much longer", 0600);
	fx->request.artifact_fresh = false;
	install_until(fx, INSTALL_BACKUP);
	assert_false(install_run(fx, INSTALL_STAGE));
	assert_int_equal(fx->err.kind, OTA_ERROR_SIZE_MISMATCH);
}

static void an_md5_is_enough_to_know_it_by(void **state)
{
	struct install_fixture *fx = *state;

	assert_true(digest_set(&fx->request.digest, DIGEST_MD5,
			       "22af645d1859cb5ca6da0c484f1f37ea"));
	fx->request.artifact_fresh = false;
	install_until(fx, INSTALL_SWAP);
	install_assert_text(fx->target, "new");
}

static void a_lost_artifact_is_a_clear_failure(void **state)
{
	struct install_fixture *fx = *state;

	assert_int_equal(unlink(fx->artifact), 0);
	install_until(fx, INSTALL_BACKUP);
	assert_false(install_run(fx, INSTALL_STAGE));
	assert_int_equal(fx->err.kind, OTA_ERROR_INSTALL_FAILED);
	assert_non_null(strstr(fx->err.text, "gone"));
}

/* ---- what the file is like ---- */

static void mode_owner_and_attributes_stay(void **state)
{
	struct install_fixture *fx = *state;
	bool owner = chown(fx->target, 12, 34) == 0;
	bool attribute = setxattr(fx->target, "user.note", "x", 1, 0) == 0;
	struct stat st;
	char value[4];

	assert_int_equal(chmod(fx->target, 04751), 0);
	install_until(fx, INSTALL_SWAP);
	assert_int_equal(stat(fx->target, &st), 0);
	assert_int_equal(st.st_mode & 07777, 04751);
	if (owner) {
		assert_int_equal(st.st_uid, 12);
		assert_int_equal(st.st_gid, 34);
	}
	if (attribute)
		assert_int_equal(getxattr(fx->target, "user.note", value,
					  sizeof(value)),
				 1);
}

static void capabilities_stay(void **state)
{
	/* VFS_CAP_REVISION_2, cap_net_raw+ep */
	static const unsigned char caps[20] = { 1, 0, 0, 2, 0, 0x20 };
	struct install_fixture *fx = *state;
	unsigned char value[32];

	if (setxattr(fx->target, "security.capability", caps, sizeof(caps), 0) <
	    0)
		skip();
	install_until(fx, INSTALL_SWAP);
	assert_int_equal(getxattr(fx->target, "security.capability", value,
				  sizeof(value)),
			 sizeof(caps));
	assert_memory_equal(value, caps, sizeof(caps));
}

static void a_first_installation_makes_the_file(void **state)
{
	struct install_fixture *fx = *state;
	struct stat st;

	assert_int_equal(unlink(fx->target), 0);
	install_until(fx, INSTALL_CHECK);
	assert_false(install_exists(fx->target));
	assert_true(install_run(fx, INSTALL_SWAP));
	install_assert_text(fx->target, "new");
	assert_int_equal(stat(fx->target, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_false(installation_has_backup(fx->in));
}

static void the_file_behind_a_link_is_replaced(void **state)
{
	struct install_fixture *fx = *state;
	struct stat st;

	assert_int_equal(symlink(fx->target, install_path(fx, "link")), 0);
	free(fx->settings->path);
	fx->settings->path = strdup(install_path(fx, "link"));
	install_until(fx, INSTALL_CLEAN - 2);
	install_assert_text(fx->target, "new");
	install_assert_text(fx->backup, "old");
	assert_int_equal(lstat(install_path(fx, "link"), &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_true(install_run(fx, INSTALL_ROLL_BACK));
	install_assert_text(fx->target, "old");
	assert_int_equal(lstat(install_path(fx, "link"), &st), 0);
	assert_true(S_ISLNK(st.st_mode));
}

static void refuses_backup(struct install_fixture *fx, enum ota_error_kind kind,
			   const char *why)
{
	install_begin(fx);
	assert_false(install_run(fx, INSTALL_BACKUP));
	assert_int_equal(fx->err.kind, kind);
	if (!strstr(fx->err.text, why))
		fail_msg("\"%s\" does not say \"%s\"", fx->err.text, why);
}

static void a_dangling_link_is_refused(void **state)
{
	struct install_fixture *fx = *state;

	assert_int_equal(unlink(fx->target), 0);
	assert_int_equal(symlink("nowhere", fx->target), 0);
	refuses_backup(fx, OTA_ERROR_INCOMPATIBLE, "link to nothing");
}

static void a_folder_is_refused(void **state)
{
	struct install_fixture *fx = *state;

	assert_int_equal(unlink(fx->target), 0);
	assert_int_equal(mkdir(fx->target, 0755), 0);
	refuses_backup(fx, OTA_ERROR_INCOMPATIBLE, "not a regular file");
}

static void a_missing_folder_is_named(void **state)
{
	struct install_fixture *fx = *state;

	free(fx->settings->path);
	fx->settings->path = strdup(install_path(fx, "nowhere/app"));
	refuses_backup(fx, OTA_ERROR_INSTALL_FAILED, "nowhere does not exist");
}

static void other_hard_links_are_refused(void **state)
{
	struct install_fixture *fx = *state;

	assert_int_equal(link(fx->target, install_path(fx, "other")), 0);
	refuses_backup(fx, OTA_ERROR_INCOMPATIBLE, "hard links");
	assert_false(install_exists(fx->backup));
}

static void hard_links_that_came_since_are_refused(void **state)
{
	struct install_fixture *fx = *state;

	install_until(fx, INSTALL_BACKUP);
	assert_int_equal(link(fx->target, install_path(fx, "other")), 0);
	assert_false(install_run(fx, INSTALL_STAGE));
	assert_int_equal(fx->err.kind, OTA_ERROR_INCOMPATIBLE);
	assert_true(install_exists(fx->artifact));
}

/* ---- file systems that do not let us ---- */

static void assert_untouched(struct install_fixture *fx)
{
	install_assert_text(fx->target, "old");
	assert_false(install_exists(fx->staged));
	assert_int_equal(install_inspect(fx), INSTALL_FOUND_UNTOUCHED);
}

static void a_read_only_file_system_is_a_matter_of_permission(void **state)
{
	struct install_fixture *fx = *state;

	mount_place(fx, "size=1m");
	assert_int_equal(mount("tmpfs", install_path(fx, "place"), "tmpfs",
			       MS_REMOUNT | MS_RDONLY, ""),
			 0);
	refuses_backup(fx, OTA_ERROR_PERMISSION, "");
	assert_true(install_run(fx, INSTALL_CLEAN));
	assert_untouched(fx);
}

static void a_file_system_that_turns_read_only_is_told_when_staging(void **state)
{
	struct install_fixture *fx = *state;

	mount_place(fx, "size=1m");
	install_until(fx, INSTALL_BACKUP);
	assert_int_equal(mount("tmpfs", install_path(fx, "place"), "tmpfs",
			       MS_REMOUNT | MS_RDONLY, ""),
			 0);
	assert_false(install_run(fx, INSTALL_STAGE));
	assert_int_equal(fx->err.kind, OTA_ERROR_PERMISSION);
	assert_untouched(fx);
}

static void a_full_file_system_leaves_nothing_behind(void **state)
{
	struct install_fixture *fx = *state;
	static char data[256 * 1024];

	mount_place(fx, "size=64k");
	install_write_bytes(fx->artifact, data, sizeof(data), 0600);
	install_describe_artifact(fx);
	install_until(fx, INSTALL_BACKUP);
	assert_false(install_run(fx, INSTALL_STAGE));
	assert_int_equal(fx->err.kind, OTA_ERROR_NO_SPACE);
	assert_untouched(fx);
}

static void a_full_file_system_is_told_by_a_copied_backup(void **state)
{
	struct install_fixture *fx = *state;
	static char data[40 * 1024];

	mount_place(fx, "size=64k");
	no_links = true;
	install_write_bytes(fx->target, data, sizeof(data), 0640);
	refuses_backup(fx, OTA_ERROR_NO_SPACE, "");
	assert_false(install_exists(fx->backup));
	nothing_is_staged(fx);
}

static void a_folder_that_keeps_its_files_fails_the_swap_alone(void **state)
{
	struct install_fixture *fx = *state;

	install_until(fx, INSTALL_CHECK);
	/* The staged file is gone: what else could be put in place? */
	assert_int_equal(unlink(fx->staged), 0);
	assert_false(install_run(fx, INSTALL_SWAP));
	assert_int_equal(fx->err.kind, OTA_ERROR_INSTALL_FAILED);
	install_assert_text(fx->target, "old");
}

/* ---- the way back ---- */

static void rolling_back_brings_the_old_file_and_keeps_the_backup(void **state)
{
	struct install_fixture *fx = *state;

	install_until(fx, INSTALL_SWAP);
	assert_true(install_run(fx, INSTALL_ROLL_BACK));
	install_assert_text(fx->target, "old");
	install_assert_text(fx->backup, "old");
	assert_int_equal(install_inspect(fx), INSTALL_FOUND_UNTOUCHED);
	assert_true(install_run(fx, INSTALL_CLEAN));
	nothing_is_staged(fx);
}

static void rolling_back_a_first_installation_removes_the_file(void **state)
{
	struct install_fixture *fx = *state;

	assert_int_equal(unlink(fx->target), 0);
	install_until(fx, INSTALL_SWAP);
	for (int run = 0; run < 2; run++) {
		install_begin(fx);
		assert_true(install_run(fx, INSTALL_ROLL_BACK));
		assert_false(install_exists(fx->target));
	}
	assert_int_equal(install_inspect(fx), INSTALL_FOUND_UNTOUCHED);
}

static void a_file_that_came_before_the_swap_is_not_ours_to_remove(void **state)
{
	struct install_fixture *fx = *state;

	assert_int_equal(unlink(fx->target), 0);
	install_until(fx, INSTALL_STAGE);
	install_write(fx->target, "by hand", 0640);
	install_begin(fx);
	assert_true(install_run(fx, INSTALL_ROLL_BACK));
	install_assert_text(fx->target, "by hand");
	nothing_is_staged(fx);
}

static void a_first_installation_forgets_an_older_backup(void **state)
{
	struct install_fixture *fx = *state;

	install_write(fx->backup, "ancient", 0640);
	assert_int_equal(unlink(fx->target), 0);
	install_until(fx, INSTALL_SWAP);
	assert_false(install_exists(fx->backup));
	assert_true(install_run(fx, INSTALL_ROLL_BACK));
	assert_false(install_exists(fx->target));
}

static void rolling_back_before_the_swap_only_tidies_up(void **state)
{
	struct install_fixture *fx = *state;
	ino_t inode = install_inode(fx->target);

	install_write(fx->backup, "ancient", 0640);
	install_until(fx, INSTALL_STAGE);
	assert_true(install_run(fx, INSTALL_ROLL_BACK));
	install_assert_text(fx->target, "old");
	assert_int_equal(install_inode(fx->target), inode);
	nothing_is_staged(fx);
}

static void without_a_backup_there_is_no_way_back(void **state)
{
	struct install_fixture *fx = *state;

	install_until(fx, INSTALL_SWAP);
	assert_int_equal(unlink(fx->backup), 0);
	assert_false(installation_has_backup(fx->in));
	assert_false(install_run(fx, INSTALL_ROLL_BACK));
	assert_int_equal(fx->err.kind, OTA_ERROR_INSTALL_FAILED);
	install_assert_text(fx->target, "new");
}

static void a_link_is_no_backup(void **state)
{
	struct install_fixture *fx = *state;

	install_until(fx, INSTALL_SWAP);
	assert_int_equal(unlink(fx->backup), 0);
	install_write(install_path(fx, "elsewhere"), "old", 0640);
	assert_int_equal(symlink(install_path(fx, "elsewhere"), fx->backup), 0);
	assert_false(installation_has_backup(fx->in));
}

static void the_old_file_is_known_without_its_backup(void **state)
{
	struct install_fixture *fx = *state;

	install_until(fx, INSTALL_BACKUP);
	assert_int_equal(unlink(fx->backup), 0);
	assert_int_equal(install_inspect(fx), INSTALL_FOUND_UNTOUCHED);
}

/* `otactl rollback`, long after the job: another one, with nothing to install. */
static void a_later_job_may_go_back_too(void **state)
{
	struct install_fixture *fx = *state;

	install_until(fx, INSTALL_CLEAN - 2);
	assert_true(install_run(fx, INSTALL_CLEAN));
	fx->request.job = JOB_LATER;
	fx->request.artifact = NULL;
	install_begin(fx);
	assert_true(installation_has_backup(fx->in));
	assert_true(install_run(fx, INSTALL_ROLL_BACK));
	install_assert_text(fx->target, "old");
	assert_false(installation_has_backup(fx->in));
	assert_true(install_run(fx, INSTALL_CLEAN));
	nothing_is_staged(fx);
}

static void the_next_job_keeps_what_is_there_then(void **state)
{
	struct install_fixture *fx = *state;

	install_until(fx, INSTALL_CLEAN - 2);
	assert_true(install_run(fx, INSTALL_CLEAN));
	install_offer(fx, "newer");
	fx->request.job = JOB_LATER;
	install_until(fx, INSTALL_SWAP);
	install_assert_text(fx->target, "newer");
	install_assert_text(fx->backup, "new");
}

/* CLEAN of the job before never came: its record is worth nothing now. */
static void each_device_has_a_record_of_its_own(void **state)
{
	struct install_fixture *fx = *state;
	const char *device = fx->request.device, *job = fx->request.job;

	install_until(fx, INSTALL_BACKUP);
	fx->request.device = "another";
	fx->request.job = JOB_LATER;
	install_until(fx, INSTALL_BACKUP);
	fx->request.device = device;
	fx->request.job = job;
	install_begin(fx);
	forget_calls();
	/* Done before, as its record says. */
	assert_true(install_run(fx, INSTALL_BACKUP));
	assert_string_equal(disk.calls, "");
}

static void a_record_of_another_job_is_ignored(void **state)
{
	struct install_fixture *fx = *state;

	install_until(fx, INSTALL_SWAP);
	install_offer(fx, "newer");
	fx->request.job = JOB_LATER;
	assert_int_equal(install_inspect(fx), INSTALL_FOUND_UNTOUCHED);
	install_until(fx, INSTALL_SWAP);
	install_assert_text(fx->backup, "new");
}

/* What cannot be read now is not taken for what is not there. */
static void what_cannot_be_looked_at_is_unknown(void **state)
{
	struct install_fixture *fx = *state;
	struct rlimit before, none = { 0 };
	enum install_found found;

	install_until(fx, INSTALL_SWAP);
	install_begin(fx);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none.rlim_max = before.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	found = installation_inspect(fx->in, &fx->err);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(found, INSTALL_FOUND_UNKNOWN);
	assert_int_equal(fx->err.sys_errno, EMFILE);
	assert_int_equal(install_inspect(fx), INSTALL_FOUND_SWAPPED);
}

/* Else the new version would become its own backup. */
static void a_step_waits_for_a_record_that_can_be_read(void **state)
{
	struct install_fixture *fx = *state;

	install_until(fx, INSTALL_SWAP);
	install_begin(fx);
	disk.read_fails = true;
	assert_false(install_run(fx, INSTALL_BACKUP));
	assert_int_equal(fx->err.sys_errno, EIO);
	install_assert_text(fx->backup, "old");
}

static void a_target_that_cannot_be_looked_at_is_unknown(void **state)
{
	struct install_fixture *fx = *state;

	install_until(fx, INSTALL_SWAP);
	/* As if its file system were not mounted. */
	assert_int_equal(rename(install_path(fx, "place"),
				install_path(fx, "away")),
			 0);
	assert_int_equal(install_inspect(fx), INSTALL_FOUND_UNKNOWN);
	assert_int_equal(rename(install_path(fx, "away"),
				install_path(fx, "place")),
			 0);
}

static void a_record_is_no_link_to_another(void **state)
{
	struct install_fixture *fx = *state;
	const char *record = install_path(fx, "state/install/self%2Fapp");

	install_until(fx, INSTALL_SWAP);
	assert_int_equal(rename(record, install_path(fx, "record")), 0);
	assert_int_equal(symlink(install_path(fx, "record"), record), 0);
	assert_int_equal(install_inspect(fx), INSTALL_FOUND_UNTOUCHED);
}

/* ---- power cuts ---- */

static void every_step_may_be_run_again(void **state)
{
	struct install_fixture *fx = *state;

	install_run_twice(fx, INSTALL_BACKUP);
	assert_int_equal(install_inspect(fx), INSTALL_FOUND_UNTOUCHED);
	install_run_twice(fx, INSTALL_STAGE);
	assert_int_equal(install_inspect(fx), INSTALL_FOUND_UNTOUCHED);
	install_run_twice(fx, INSTALL_CHECK);
	install_run_twice(fx, INSTALL_SWAP);
	assert_int_equal(install_inspect(fx), INSTALL_FOUND_SWAPPED);
	install_assert_text(fx->target, "new");
	/* Never by the new version: */
	install_run_twice(fx, INSTALL_BACKUP);
	install_assert_text(fx->backup, "old");
	assert_int_equal(install_inspect(fx), INSTALL_FOUND_SWAPPED);
	install_run_twice(fx, INSTALL_ACTIVATE);
	install_run_twice(fx, INSTALL_CONFIRM);
	install_run_twice(fx, INSTALL_ROLL_BACK);
	assert_int_equal(install_inspect(fx), INSTALL_FOUND_UNTOUCHED);
	install_assert_text(fx->target, "old");
	install_run_twice(fx, INSTALL_CLEAN);
	install_assert_text(fx->target, "old");
	nothing_is_staged(fx);
}

static void every_step_may_be_run_again_without_the_target(void **state)
{
	struct install_fixture *fx = *state;

	assert_int_equal(unlink(fx->target), 0);
	install_run_twice(fx, INSTALL_BACKUP);
	install_run_twice(fx, INSTALL_STAGE);
	assert_int_equal(install_inspect(fx), INSTALL_FOUND_UNTOUCHED);
	install_run_twice(fx, INSTALL_SWAP);
	assert_int_equal(install_inspect(fx), INSTALL_FOUND_SWAPPED);
	install_run_twice(fx, INSTALL_ROLL_BACK);
	assert_int_equal(install_inspect(fx), INSTALL_FOUND_UNTOUCHED);
	assert_false(install_exists(fx->target));
}

static void a_moved_artifact_is_hashed_where_it_is_now(void **state)
{
	struct install_fixture *fx = *state;

	install_until(fx, INSTALL_STAGE);
	install_write(fx->staged, "bad", 0600);
	install_begin(fx);
	assert_false(install_run(fx, INSTALL_STAGE));
	assert_int_equal(fx->err.kind, OTA_ERROR_DIGEST_MISMATCH);
	nothing_is_staged(fx);
}

/* What copying had written when the power failed. */
static void half_a_staged_file_is_made_anew(void **state)
{
	struct install_fixture *fx = *state;

	install_until(fx, INSTALL_BACKUP);
	install_write(fx->staged, "n", 0600);
	fx->request.artifact_shared = true;
	install_run_twice(fx, INSTALL_STAGE);
	install_assert_text(fx->staged, "new");
}

static void half_a_backup_goes_with_a_job_that_ends(void **state)
{
	struct install_fixture *fx = *state;

	install_write(install_path(fx, "place/app.old.tmp"), "ol", 0600);
	install_begin(fx);
	assert_true(install_run(fx, INSTALL_CLEAN));
	nothing_is_staged(fx);
}

static void half_a_backup_is_made_anew(void **state)
{
	struct install_fixture *fx = *state;

	assert_int_equal(link(fx->target, install_path(fx, "place/app.old.tmp")),
			 0);
	install_until(fx, INSTALL_SWAP);
	install_assert_text(fx->backup, "old");
	nothing_is_staged(fx);
}

/* The power failed between link(2) and rename(2) of the way back. */
static void half_a_way_back_is_gone_to_the_end(void **state)
{
	struct install_fixture *fx = *state;

	install_until(fx, INSTALL_SWAP);
	assert_true(install_run(fx, INSTALL_ROLL_BACK));
	/* As before the rename: */
	install_write(install_path(fx, "new"), "new", 0640);
	assert_int_equal(rename(fx->target, fx->staged), 0);
	assert_int_equal(rename(install_path(fx, "new"), fx->target), 0);
	assert_int_equal(install_inspect(fx), INSTALL_FOUND_SWAPPED);
	install_run_twice(fx, INSTALL_ROLL_BACK);
	install_assert_text(fx->target, "old");
	nothing_is_staged(fx);
}

/* The power failed within the swap's rename: both names are there. */
static void both_names_of_a_swap_are_a_swap(void **state)
{
	struct install_fixture *fx = *state;

	install_until(fx, INSTALL_SWAP);
	assert_int_equal(link(fx->target, fx->staged), 0);
	assert_int_equal(install_inspect(fx), INSTALL_FOUND_SWAPPED);
	install_run_twice(fx, INSTALL_ROLL_BACK);
	install_assert_text(fx->target, "old");
	nothing_is_staged(fx);
}

static void a_damaged_record_counts_as_none(void **state)
{
	struct install_fixture *fx = *state;

	assert_int_equal(mkdir(install_path(fx, "state/install"), 0755), 0);
	install_write(install_path(fx, "state/install/self%2Fapp"),
		      "\001\002\nBACKUP=linked\n=\nJOB=", 0644);
	assert_int_equal(install_inspect(fx), INSTALL_FOUND_UNTOUCHED);
	install_until(fx, INSTALL_SWAP);
	install_assert_text(fx->backup, "old");
}

/* ---- copies ---- */

struct copied {
	bool done, ok;
};

static void on_copied(struct copy *copy, const struct ota_error *err,
		      const struct copy_result *result, void *user_data)
{
	*(struct copied *)user_data = (struct copied){ true, !err };
}

static void only_files_are_copied_and_only_to_new_ones(void **state)
{
	struct install_fixture *fx = *state;
	const char *there = install_path(fx, "there");
	struct copy_request request = {
		.from = install_path(fx, "link"),
		.to = install_path(fx, "copy"),
	};

	assert_int_equal(symlink(fx->artifact, request.from), 0);
	assert_null(copy_new(fx->loop, &request, on_copied, NULL, &fx->err));
	request.from = install_path(fx, "fifo");
	assert_int_equal(mkfifo(request.from, 0600), 0);
	assert_null(copy_new(fx->loop, &request, on_copied, NULL, &fx->err));
	request.from = fx->artifact;
	install_write(there, "precious", 0600);
	assert_int_equal(symlink(there, request.to), 0);
	assert_null(copy_new(fx->loop, &request, on_copied, NULL, &fx->err));
	install_assert_text(there, "precious");
}

/* A write that was cut short is gone on with, here to its failure. */
static void a_copy_is_whole_or_none(void **state)
{
	static char data[64 * 1024];
	struct install_fixture *fx = *state;
	struct copy_request request = {
		.from = fx->artifact,
		.to = install_path(fx, "copy"),
	};
	struct rlimit before, limit;
	struct copied copied = { false };
	struct copy *copy;
	struct stat st;
	mode_t umask_before = umask(0);

	install_write_bytes(fx->artifact, data, sizeof(data), 0600);
	copy = copy_new(fx->loop, &request, on_copied, &copied, &fx->err);
	umask(umask_before);
	assert_non_null(copy);
	assert_int_equal(stat(request.to, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = 4096;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	while (!copied.done)
		if (!loop_run_once(fx->loop, 1000, NULL))
			break;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_true(copied.done);
	assert_false(copied.ok);
	copy_free(copy);
	assert_false(install_exists(request.to));
}

/* ---- without hard links ---- */

static void without_hard_links_the_backup_is_a_copy(void **state)
{
	struct install_fixture *fx = *state;
	struct stat st;

	assert_int_equal(chmod(fx->target, 0751), 0);
	install_until(fx, INSTALL_SWAP);
	install_assert_text(fx->target, "new");
	install_assert_text(fx->backup, "old");
	assert_int_equal(stat(fx->backup, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0751);
	nothing_is_staged(fx);
	assert_true(install_run(fx, INSTALL_ROLL_BACK));
	install_assert_text(fx->target, "old");
	install_assert_text(fx->backup, "old");
	assert_int_equal(stat(fx->target, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0751);
}

static void a_copied_file_is_taken_back_when_cancelled(void **state)
{
	struct install_fixture *fx = *state;
	static char data[8 * COPY_SLICE_BYTES];

	install_write_bytes(fx->artifact, data, sizeof(data), 0600);
	install_describe_artifact(fx);
	fx->request.artifact_shared = true;
	install_until(fx, INSTALL_BACKUP);
	fx->done = false;
	fx->step = INSTALL_STAGE;
	installation_run(fx->in, INSTALL_STAGE);
	assert_true(loop_run_once(fx->loop, 0, NULL));
	assert_true(install_exists(fx->staged));
	installation_cancel(fx->in);
	assert_false(fx->done);
	install_wait(fx);
	assert_int_equal(fx->err.kind, OTA_ERROR_CANCELLED);
	nothing_is_staged(fx);
}

static void types_without_an_installer_are_refused(void **state)
{
	struct install_fixture *fx = *state;

	fx->settings->type = INSTALLER_ARCHIVE;
	assert_null(installation_new(&fx->env, &fx->request, NULL, NULL, NULL,
				     &fx->err));
	assert_int_equal(fx->err.kind, OTA_ERROR_INCOMPATIBLE);
	assert_non_null(strstr(fx->err.text, "archive"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_WITHOUT_LINKS(name)                                               \
	{ #name "/without_links", name, setup_without_links, teardown, NULL }

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_new_file_comes_and_the_old_one_is_kept),
		TEST(until_the_swap_nothing_changes),
		TEST(an_artifact_on_the_same_file_system_is_moved),
		TEST(a_shared_artifact_is_copied),
		TEST(a_copy_lasts_before_it_counts_as_staged),
		TEST(what_is_moved_lasts_in_its_new_folder),
		TEST(a_swap_that_was_done_is_synced_again),
		TEST(what_is_untouched_is_synced_when_it_goes_back),
		TEST(a_way_back_lasts),
		TEST(a_way_back_to_nothing_lasts),
		TEST(what_cannot_be_synced_is_not_staged),
		TEST(a_copied_backup_lasts_before_it_is_recorded),
		TEST(an_artifact_with_two_names_is_copied),
		TEST(an_artifact_on_another_file_system_is_copied),
		TEST(a_large_artifact_is_copied_in_slices),
		TEST(what_this_process_did_not_verify_is_hashed),
		TEST(a_copy_is_checked_even_when_fresh),
		TEST(another_size_is_told_as_such),
		TEST(an_md5_is_enough_to_know_it_by),
		TEST(a_lost_artifact_is_a_clear_failure),
		TEST(mode_owner_and_attributes_stay),
		TEST(capabilities_stay),
		TEST(a_first_installation_makes_the_file),
		TEST(the_file_behind_a_link_is_replaced),
		TEST(a_dangling_link_is_refused),
		TEST(a_folder_is_refused),
		TEST(a_missing_folder_is_named),
		TEST(other_hard_links_are_refused),
		TEST(hard_links_that_came_since_are_refused),
		TEST(a_read_only_file_system_is_a_matter_of_permission),
		TEST(a_file_system_that_turns_read_only_is_told_when_staging),
		TEST(a_full_file_system_leaves_nothing_behind),
		TEST(a_full_file_system_is_told_by_a_copied_backup),
		TEST(a_folder_that_keeps_its_files_fails_the_swap_alone),
		TEST(rolling_back_brings_the_old_file_and_keeps_the_backup),
		TEST(rolling_back_a_first_installation_removes_the_file),
		TEST(a_file_that_came_before_the_swap_is_not_ours_to_remove),
		TEST(a_first_installation_forgets_an_older_backup),
		TEST(rolling_back_before_the_swap_only_tidies_up),
		TEST(without_a_backup_there_is_no_way_back),
		TEST(a_link_is_no_backup),
		TEST(the_old_file_is_known_without_its_backup),
		TEST(a_later_job_may_go_back_too),
		TEST(the_next_job_keeps_what_is_there_then),
		TEST(each_device_has_a_record_of_its_own),
		TEST(a_record_of_another_job_is_ignored),
		TEST(what_cannot_be_looked_at_is_unknown),
		TEST(a_step_waits_for_a_record_that_can_be_read),
		TEST(a_target_that_cannot_be_looked_at_is_unknown),
		TEST(a_record_is_no_link_to_another),
		TEST(every_step_may_be_run_again),
		TEST(every_step_may_be_run_again_without_the_target),
		TEST(a_moved_artifact_is_hashed_where_it_is_now),
		TEST(half_a_staged_file_is_made_anew),
		TEST(half_a_backup_goes_with_a_job_that_ends),
		TEST(half_a_backup_is_made_anew),
		TEST(half_a_way_back_is_gone_to_the_end),
		TEST(both_names_of_a_swap_are_a_swap),
		TEST(both_names_of_a_swap_are_a_swap),
		TEST(a_damaged_record_counts_as_none),
		TEST(only_files_are_copied_and_only_to_new_ones),
		TEST(a_copy_is_whole_or_none),
		TEST(a_copied_file_is_taken_back_when_cancelled),
		TEST(types_without_an_installer_are_refused),
		TEST(without_hard_links_the_backup_is_a_copy),
		TEST_WITHOUT_LINKS(without_hard_links_the_backup_is_a_copy),
		TEST_WITHOUT_LINKS(
			rolling_back_brings_the_old_file_and_keeps_the_backup),
		TEST_WITHOUT_LINKS(rolling_back_before_the_swap_only_tidies_up),
		TEST_WITHOUT_LINKS(every_step_may_be_run_again),
		TEST_WITHOUT_LINKS(a_later_job_may_go_back_too),
		TEST_WITHOUT_LINKS(half_a_way_back_is_gone_to_the_end),
	};

	/* Mounts of a test that crashes end with it. Without the privilege, no
	 * test can mount anything either. */
	if (unshare(CLONE_NEWNS) == 0)
		(void)mount("none", "/", "none", MS_REC | MS_PRIVATE, "");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
