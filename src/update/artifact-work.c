#include "artifact-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "otad/base/file.h"
#include "otad/base/log.h"
#include "otad/base/loop.h"
#include "otad/fetch/fetch.h"
#include "otad/verify/hasher.h"

/* Hashed in one turn of the loop: about 1 ms without SHA instructions. */
#define REHASH_SLICE_BYTES (512 * 1024)

static void end_work(struct artifact *artifact)
{
	artifact->work = loop_source_free(artifact->work);
	close_fdp(&artifact->fd);
	artifact->fd = -1;
}

static void end_fetch(struct artifact *artifact)
{
	artifact->store->transfers -= artifact->fetch != NULL;
	artifact->fetch = fetch_free(artifact->fetch);
}

void artifact_stop(struct artifact *artifact)
{
	end_fetch(artifact);
	end_work(artifact);
}

/* From the first byte, with every algorithm that is wanted by now. */
static bool begin_hash(struct artifact *artifact, struct ota_error *err)
{
	artifact->hashed_bytes = 0;
	if (artifact->hasher && artifact->hashed_algs == artifact->algs)
		return hasher_reset(artifact->hasher, err);
	artifact->hasher = hasher_free(artifact->hasher);
	artifact->hasher = hasher_new(artifact->algs, err);
	artifact->hashed_algs = artifact->algs;
	return artifact->hasher;
}

static bool hash_file(struct artifact *artifact, struct ota_error *err);
static bool start_fetch(struct artifact *artifact, struct ota_error *err);

/* ---- the end of either way ---- */

static void failed(struct artifact *artifact, const struct ota_error *err)
{
	artifact_tell_all(artifact, err);
}

static bool is_spoilt(const struct artifact *artifact)
{
	const struct digest *found = artifact->digest.alg == DIGEST_MD5 ?
					     &artifact->md5 :
					     &artifact->sha256;

	return artifact->inherited && !digest_equal(found, &artifact->digest);
}

static void fetch_instead(struct artifact *artifact)
{
	struct ota_error err;

	log_notice(NULL, "%s is spoilt and fetched again", artifact->path);
	if (!fetch_discard(artifact->path, &err) ||
	    !start_fetch(artifact, &err))
		failed(artifact, &err);
}

static void completed(struct artifact *artifact)
{
	struct ota_error err = OTA_ERROR_INIT;

	if (!hasher_finish(artifact->hasher, &artifact->md5, &artifact->sha256,
			   &err)) {
		failed(artifact, &err);
	} else if (is_spoilt(artifact)) {
		fetch_instead(artifact);
	} else if (artifact->hashed_algs != artifact->algs) {
		/* Somebody came who has another digest of it. */
		if (!hash_file(artifact, &err))
			failed(artifact, &err);
	} else {
		artifact->complete = true;
		artifact->size_bytes = artifact->hashed_bytes;
		artifact_tell_all(artifact, NULL);
	}
}

/* ---- over the network ---- */

static void on_restart(struct fetch *fetch, void *user_data)
{
	struct artifact *artifact = user_data;
	struct ota_error err;

	if (!begin_hash(artifact, &err))
		log_error(NULL, "%s", err.text);
}

static bool on_bytes(struct fetch *fetch, const void *data, size_t size,
		     void *user_data, struct ota_error *err)
{
	struct artifact *artifact = user_data;

	if (!artifact->hasher)
		return ota_fail_memory(err, "hashing the artifact");
	artifact->hashed_bytes += size;
	return hasher_update(artifact->hasher, data, size, err);
}

static void on_progress(struct fetch *fetch,
			const struct fetch_progress *progress, void *user_data)
{
	struct artifact *artifact = user_data;
	struct artifact_progress told = {
		.received_bytes = progress->received_bytes,
		.total_bytes = progress->total_bytes,
		.bytes_per_second = progress->bytes_per_second,
	};

	artifact_show_all(artifact, &told);
}

static void on_fetched(struct fetch *fetch, const struct ota_error *err,
		       void *user_data)
{
	struct artifact *artifact = user_data;
	struct ota_error copy = OTA_ERROR_INIT;

	if (err)
		copy = *err;
	end_fetch(artifact);
	if (err)
		failed(artifact, &copy);
	else
		completed(artifact);
}

static const struct fetch_observer observer = {
	.restart = on_restart,
	.bytes = on_bytes,
	.progress = on_progress,
	.done = on_fetched,
};

static char *make_identity(const struct artifact *artifact)
{
	char size[24] = "unknown";
	char *identity;

	if (artifact->announced_bytes != OFFER_SIZE_UNKNOWN)
		snprintf(size, sizeof(size), "%llu",
			 (unsigned long long)artifact->announced_bytes);
	if (asprintf(&identity, "version=%s size=%s digest=%s",
		     artifact->version, size, artifact->digest.hex) < 0)
		return NULL;
	return identity;
}

static bool start_fetch(struct artifact *artifact, struct ota_error *err)
{
	OTA_CLEANUP(freep) char *identity = make_identity(artifact);
	struct fetch_request request = {
		.url = artifact->url,
		.path = artifact->path,
		.identity = identity,
		.size_bytes = artifact->announced_bytes,
		.settings = &artifact->config->download,
	};

	if (!identity)
		return ota_fail_memory(err, "downloading");
	artifact->inherited = false;
	if (!begin_hash(artifact, err))
		return false;
	artifact->fetch = fetch_new(artifact->store->fetcher, &request,
				    &observer, artifact, err);
	artifact->store->transfers += artifact->fetch != NULL;
	return artifact->fetch;
}

/* ---- from the disk ---- */

static bool read_slice(struct artifact *artifact, ssize_t *ret_size,
		       struct ota_error *err)
{
	OTA_CLEANUP(freep) char *slice = malloc(REHASH_SLICE_BYTES);

	if (!slice)
		return ota_fail_memory(err, "hashing the artifact");
	*ret_size = read(artifact->fd, slice, REHASH_SLICE_BYTES);
	if (*ret_size < 0)
		return ota_fail_errno(err, errno, "read %s", artifact->path);
	artifact->hashed_bytes += (size_t)*ret_size;
	return hasher_update(artifact->hasher, slice, (size_t)*ret_size, err);
}

/* What CacheSize= lets go is what has not been used for longest. */
static void note_use(const struct artifact *artifact)
{
	if (futimens(artifact->fd, NULL) < 0)
		log_debug(NULL, "%s: %s", artifact->path, strerror(errno));
}

/* A slice for each turn of the loop. */
static void hash_slice(struct loop_source *source, void *user_data)
{
	struct artifact *artifact = user_data;
	struct ota_error err = OTA_ERROR_INIT;
	ssize_t size = 0;

	if (!read_slice(artifact, &size, &err)) {
		end_work(artifact);
		failed(artifact, &err);
	} else if (size > 0) {
		loop_defer_again(artifact->work);
	} else {
		note_use(artifact);
		end_work(artifact);
		completed(artifact);
	}
}

static bool hash_file(struct artifact *artifact, struct ota_error *err)
{
	if (!begin_hash(artifact, err))
		return false;
	artifact->fd = open(artifact->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (artifact->fd < 0)
		return ota_fail_errno(err, errno, "open %s", artifact->path);
	artifact->work = loop_add_defer(artifact->store->loop, hash_slice,
					artifact, err);
	return artifact->work;
}

/* The record is gone only once the file is complete and synced. */
static bool is_whole(const struct artifact *artifact)
{
	OTA_CLEANUP(freep) char *record = NULL;
	struct stat st;

	if (asprintf(&record, "%s.json", artifact->path) < 0) {
		record = NULL;
		return false;
	}
	if (file_exists(record) || lstat(artifact->path, &st) < 0)
		return false;
	return S_ISREG(st.st_mode) && st.st_size > 0 &&
	       (artifact->announced_bytes == OFFER_SIZE_UNKNOWN ||
		(uint64_t)st.st_size == artifact->announced_bytes);
}

bool artifact_begin(struct artifact *artifact, struct ota_error *err)
{
	artifact->complete = false;
	if (!is_whole(artifact))
		return start_fetch(artifact, err);
	artifact->inherited = true;
	return hash_file(artifact, err);
}

static void tell_complete(struct loop_source *source, void *user_data)
{
	struct artifact *artifact = user_data;
	struct ota_error err = OTA_ERROR_INIT;

	end_work(artifact);
	if (artifact->hashed_algs == artifact->algs)
		artifact_tell_all(artifact, NULL);
	else if (!artifact_begin(artifact, &err))
		failed(artifact, &err);
}

bool artifact_go_on(struct artifact *artifact, const char *url,
		    struct ota_error *err)
{
	if (artifact->fetch)
		return fetch_set_url(artifact->fetch, url, err);
	if (artifact->work)
		return true;
	if (!artifact->complete || !file_exists(artifact->path))
		return artifact_begin(artifact, err);
	artifact->work = loop_add_defer(artifact->store->loop, tell_complete,
					artifact, err);
	return artifact->work;
}
