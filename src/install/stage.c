#include "target.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "otad/base/file.h"
#include "otad/model/offer.h"
#include "otad/verify/hasher.h"

#include "installation.h"

#define NEW_FILE_MODE 0644
#define NEW_PROGRAM_MODE 0755

static void fail(struct installation *in, const struct ota_error *err)
{
	unlink(in->target.staged);
	in->file_next(in, err);
}

/* Who may read it may run it. */
static mode_t with_execute_bits(mode_t mode)
{
	return mode | S_IXUSR | ((mode & (S_IRGRP | S_IROTH)) >> 2);
}

static bool dress(const struct installation *in, int fd, struct ota_error *err)
{
	mode_t mode = in->staging.executable ? NEW_PROGRAM_MODE : NEW_FILE_MODE;
	struct stat st;

	if (in->target.exists) {
		if (!file_copy_metadata(in->target.path, fd, err))
			return false;
		if (fstat(fd, &st) < 0)
			return ota_fail_errno(err, errno, "examine %s",
					      in->target.staged);
		mode = st.st_mode & 07777;
		if (!in->staging.executable || (mode & S_IXUSR))
			return true;
		mode = with_execute_bits(mode);
	}
	if (fchmod(fd, mode) < 0)
		return ota_fail_errno(err, errno, "set the mode of %s",
				      in->target.staged);
	return true;
}

static bool complete(struct installation *in, struct ota_error *err)
{
	OTA_CLEANUP(close_fdp) int fd = -1;

	/* A program that anybody has open for writing cannot be run. */
	fd = open(in->target.staged, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return ota_fail_errno(err, errno, "open %s", in->target.staged);
	if (!dress(in, fd, err) || !target_make_distinct(in, fd, err))
		return false;
	if (fsync(fd) < 0)
		return ota_fail_errno(err, errno, "sync %s", in->target.staged);
	/* By its name it is known that nothing is swapped yet. Moving it there
	 * has made the name last; a copy's does not yet. */
	return in->staging.move ||
	       file_sync_parent(in->target.staged, err);
}

static void finish(struct installation *in)
{
	struct ota_error err;

	if (complete(in, &err))
		in->file_next(in, NULL);
	else
		fail(in, &err);
}

static bool check_content(const struct installation *in,
			  const struct copy_result *result,
			  struct ota_error *err)
{
	const struct digest *found = in->digest.alg == DIGEST_MD5 ?
					     &result->md5 :
					     &result->sha256;

	if (in->size_bytes != OFFER_SIZE_UNKNOWN &&
	    result->size_bytes != in->size_bytes)
		return ota_fail(err, OTA_ERROR_SIZE_MISMATCH,
				"the artifact has %llu bytes instead of %llu",
				(unsigned long long)result->size_bytes,
				(unsigned long long)in->size_bytes);
	if (!digest_equal(found, &in->digest))
		return ota_fail(err, OTA_ERROR_DIGEST_MISMATCH,
				"the artifact on the disk is not what was verified: %s %s instead of %s",
				digest_alg_name(in->digest.alg), found->hex,
				in->digest.hex);
	return true;
}

static void move(struct installation *in)
{
	struct ota_error err;

	if (file_rename(in->artifact, in->target.staged, &err))
		finish(in);
	else
		fail(in, &err);
}

static void on_read(struct copy *copy, const struct ota_error *err,
		    const struct copy_result *result, void *user_data)
{
	struct installation *in = user_data;
	struct ota_error why;
	bool right;

	if (err) {
		why = *err;
		ota_wrap(&why, "stage");
		in->copy = copy_free(copy);
		in->file_next(in, &why);
		return;
	}
	right = check_content(in, result, &why);
	in->copy = copy_free(copy);
	if (!right)
		fail(in, &why);
	else if (in->staging.move)
		move(in);
	else
		finish(in);
}

static bool has_digest(const struct installation *in, struct ota_error *err)
{
	return in->digest.alg != DIGEST_NONE ||
	       ota_fail(err, OTA_ERROR_DIGEST_MISMATCH,
			"the artifact has no digest to be checked by");
}

static unsigned wanted_alg(const struct installation *in)
{
	return in->digest.alg == DIGEST_MD5 ? HASHER_MD5 : HASHER_SHA256;
}

/* Hashes `from`, and copies it when there is a `to`. */
static void read_through(struct installation *in, const char *from,
			 const char *to)
{
	struct copy_request request = {
		.from = from,
		.to = to,
		.algs = wanted_alg(in),
	};
	struct ota_error err;

	if (has_digest(in, &err))
		in->copy = copy_new(in->env->loop, &request, on_read, in, &err);
	if (!in->copy)
		in->file_next(in, &err);
}

static bool is_there(const char *artifact, struct ota_error *err)
{
	if (artifact && file_exists(artifact))
		return true;
	if (artifact && errno != ENOENT)
		return ota_fail_errno(err, errno, "examine %s", artifact);
	return ota_fail(err, OTA_ERROR_INSTALL_FAILED,
			"the downloaded artifact is gone");
}

/* An earlier run has moved the artifact already, unless it is lost. */
static void stage_again(struct installation *in)
{
	struct ota_error err;

	if (!is_there(in->target.staged, &err)) {
		in->file_next(in, &err);
		return;
	}
	read_through(in, in->target.staged, NULL);
}

static bool can_move(const struct installation *in, const struct stat *artifact)
{
	return !in->artifact_shared && S_ISREG(artifact->st_mode) &&
	       artifact->st_nlink == 1 &&
	       file_same_fs(in->artifact, in->target.staged);
}

void target_stage(struct installation *in, bool executable,
		  install_next_fn next)
{
	struct ota_error err;
	struct stat artifact;

	in->file_next = next;
	in->staging.executable = executable;
	in->staging.move = false;
	if (!target_look(in, &err) || !target_refuse_links(in, &err)) {
		in->file_next(in, &err);
		return;
	}
	if (!in->artifact || (lstat(in->artifact, &artifact) < 0 &&
			      errno == ENOENT)) {
		stage_again(in);
		return;
	}
	if (!target_remove(in->target.staged, &err)) {
		in->file_next(in, &err);
		return;
	}
	in->staging.move = can_move(in, &artifact);
	if (in->staging.move && in->artifact_fresh)
		move(in);
	else
		read_through(in, in->artifact,
			     in->staging.move ? NULL : in->target.staged);
}

static void on_verified(struct copy *copy, const struct ota_error *err,
			const struct copy_result *result, void *user_data)
{
	struct installation *in = user_data;
	struct ota_error why = OTA_ERROR_INIT;
	bool right = !err && check_content(in, result, &why);

	if (err)
		why = *err;
	in->copy = copy_free(copy);
	installation_end(in, right ? NULL : &why);
}

void target_verify_artifact(struct installation *in)
{
	struct copy_request request = {
		.from = in->artifact,
		.algs = wanted_alg(in),
	};
	struct ota_error err;

	if (!is_there(in->artifact, &err)) {
		installation_end(in, &err);
		return;
	}
	if (in->artifact_fresh) {
		installation_end(in, NULL);
		return;
	}
	if (has_digest(in, &err))
		in->copy = copy_new(in->env->loop, &request, on_verified, in,
				    &err);
	if (!in->copy)
		installation_end(in, &err);
}
