#include "artifact.h"

#include <dirent.h>
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

/* Hashed in one turn of the loop: about 2 ms without SHA instructions. */
#define REHASH_SLICE_BYTES (512 * 1024)

struct artifact_user {
	struct artifact *artifact;
	struct artifact_user *next;
	struct artifact_observer observer;
	void *user_data;
	bool told;
};

struct artifact {
	struct artifact_store *store;
	struct artifact *next;
	char *path;
	char *identity;
	char *url;
	uint64_t size_bytes; /* announced, then known */
	struct artifact_user *users;
	struct fetch *fetch;
	struct hasher *hasher;
	struct loop_source *rehash;
	int rehash_fd;
	uint64_t hashed_bytes;
	struct digest md5, sha256;
	bool complete;
	struct config *config;
};

struct artifact_store {
	struct loop *loop;
	struct fetcher *fetcher;
	struct config *config;
	char *dir;
	struct artifact *artifacts;
	uint64_t received_bytes;
};

struct artifact_store *artifact_store_new(struct loop *loop,
					  struct fetcher *fetcher,
					  const char *dir, struct config *config,
					  struct ota_error *err)
{
	struct artifact_store *store = calloc(1, sizeof(*store));

	if (!store || !(store->dir = strdup(dir))) {
		free(store);
		ota_fail_memory(err, "keeping artifacts");
		return NULL;
	}
	store->loop = loop;
	store->fetcher = fetcher;
	store->config = config_ref(config);
	return store;
}

void artifact_store_configure(struct artifact_store *store,
			      struct config *config)
{
	config_unref(store->config);
	store->config = config_ref(config);
}

static void stop_work(struct artifact *artifact)
{
	artifact->fetch = fetch_free(artifact->fetch);
	artifact->rehash = loop_source_free(artifact->rehash);
	close_fdp(&artifact->rehash_fd);
	artifact->rehash_fd = -1;
}

static void artifact_free(struct artifact *artifact)
{
	stop_work(artifact);
	hasher_free(artifact->hasher);
	config_unref(artifact->config);
	free(artifact->path);
	free(artifact->identity);
	free(artifact->url);
	free(artifact);
}

static void unlink_artifact(struct artifact *artifact)
{
	struct artifact **at = &artifact->store->artifacts;

	while (*at != artifact)
		at = &(*at)->next;
	*at = artifact->next;
	artifact_free(artifact);
}

struct artifact_store *artifact_store_free(struct artifact_store *store)
{
	if (!store)
		return NULL;
	while (store->artifacts)
		unlink_artifact(store->artifacts);
	config_unref(store->config);
	free(store->dir);
	free(store);
	return NULL;
}

/* The version stands in the file's name, so that a person can tell. */
char *artifact_store_path(const struct artifact_store *store,
			  const struct offer *offer)
{
	const struct digest *digest = offer_digest(offer);
	OTA_CLEANUP(freep) char *version = file_name_escape(offer->version);
	char *path;

	if (!version || !digest)
		return NULL;
	if (asprintf(&path, "%s/%s-%s", store->dir, version, digest->hex) < 0)
		return NULL;
	return path;
}

static struct artifact *find(const struct artifact_store *store,
			     const char *path)
{
	for (struct artifact *a = store->artifacts; a; a = a->next)
		if (strcmp(a->path, path) == 0)
			return a;
	return NULL;
}

bool artifact_store_has(const struct artifact_store *store,
			const struct offer *offer)
{
	OTA_CLEANUP(freep) char *path = artifact_store_path(store, offer);

	return path && find(store, path);
}

unsigned artifact_store_transfers(const struct artifact_store *store)
{
	unsigned count = 0;

	for (struct artifact *a = store->artifacts; a; a = a->next)
		if (a->fetch)
			count++;
	return count;
}

uint64_t artifact_store_bytes(const struct artifact_store *store)
{
	return store->received_bytes;
}

/* Tells everyone, where telling one may free others and the artifact itself. */
static void tell_all(struct artifact *artifact, const struct ota_error *err)
{
	struct artifact_store *store = artifact->store;
	bool again = true;

	while (again) {
		again = false;
		for (struct artifact *a = store->artifacts; a; a = a->next)
			if (a == artifact)
				again = true;
		if (!again)
			return;
		again = false;
		for (struct artifact_user *u = artifact->users; u; u = u->next) {
			if (u->told)
				continue;
			u->told = true;
			u->observer.fetched(u->user_data, err);
			again = true;
			break;
		}
	}
}

static bool finish_hash(struct artifact *artifact, struct ota_error *err)
{
	return hasher_finish(artifact->hasher, &artifact->md5,
			     &artifact->sha256, err);
}

static void completed(struct artifact *artifact)
{
	struct ota_error err = OTA_ERROR_INIT;

	if (!finish_hash(artifact, &err)) {
		tell_all(artifact, &err);
		return;
	}
	artifact->complete = true;
	artifact->size_bytes = file_size_bytes(artifact->path);
	tell_all(artifact, NULL);
}

static void on_restart(struct fetch *fetch, void *user_data)
{
	struct artifact *artifact = user_data;
	struct ota_error err;

	artifact->hashed_bytes = 0;
	if (!hasher_reset(artifact->hasher, &err))
		log_error(NULL, "%s", err.text);
}

static bool on_bytes(struct fetch *fetch, const void *data, size_t size,
		     void *user_data, struct ota_error *err)
{
	struct artifact *artifact = user_data;

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

	for (struct artifact_user *u = artifact->users; u; u = u->next)
		u->observer.progress(u->user_data, &told);
}

static void on_fetched(struct fetch *fetch, const struct ota_error *err,
		       void *user_data)
{
	struct artifact *artifact = user_data;

	if (err) {
		struct ota_error copy = *err;

		artifact->fetch = fetch_free(artifact->fetch);
		tell_all(artifact, &copy);
		return;
	}
	artifact->fetch = fetch_free(artifact->fetch);
	artifact->store->received_bytes += artifact->hashed_bytes;
	completed(artifact);
}

static const struct fetch_observer observer = {
	.restart = on_restart,
	.bytes = on_bytes,
	.progress = on_progress,
	.done = on_fetched,
};

static bool start_fetch(struct artifact *artifact, struct ota_error *err)
{
	struct fetch_request request = {
		.url = artifact->url,
		.path = artifact->path,
		.identity = artifact->identity,
		.size_bytes = artifact->size_bytes,
		.settings = &artifact->config->download,
	};

	artifact->hashed_bytes = 0;
	if (!hasher_reset(artifact->hasher, err))
		return false;
	artifact->fetch = fetch_new(artifact->store->fetcher, &request,
				    &observer, artifact, err);
	return artifact->fetch;
}

static void rehash_failed(struct artifact *artifact, struct ota_error *err)
{
	artifact->rehash = loop_source_free(artifact->rehash);
	close_fdp(&artifact->rehash_fd);
	artifact->rehash_fd = -1;
	tell_all(artifact, err);
}

/* A complete file of an earlier run: a slice for each turn of the loop. */
static void rehash_slice(struct loop_source *source, void *user_data)
{
	struct artifact *artifact = user_data;
	struct ota_error err = OTA_ERROR_INIT;
	OTA_CLEANUP(freep) char *slice = malloc(REHASH_SLICE_BYTES);
	ssize_t n;

	if (!slice) {
		ota_fail_memory(&err, "hashing the artifact");
		rehash_failed(artifact, &err);
		return;
	}
	n = read(artifact->rehash_fd, slice, REHASH_SLICE_BYTES);
	if (n < 0) {
		ota_fail_errno(&err, errno, "read %s", artifact->path);
		rehash_failed(artifact, &err);
		return;
	}
	if (n > 0) {
		if (!hasher_update(artifact->hasher, slice, (size_t)n, &err)) {
			rehash_failed(artifact, &err);
			return;
		}
		loop_defer_again(artifact->rehash);
		return;
	}
	artifact->rehash = loop_source_free(artifact->rehash);
	close_fdp(&artifact->rehash_fd);
	artifact->rehash_fd = -1;
	completed(artifact);
}

/* The record is gone only once the file is complete and synced. */
static bool is_complete(const struct artifact *artifact)
{
	OTA_CLEANUP(freep) char *record = NULL;
	struct stat st;

	if (asprintf(&record, "%s.json", artifact->path) < 0)
		return false;
	if (file_exists(record) || lstat(artifact->path, &st) < 0)
		return false;
	return S_ISREG(st.st_mode) && st.st_size > 0 &&
	       (artifact->size_bytes == OFFER_SIZE_UNKNOWN ||
		(uint64_t)st.st_size == artifact->size_bytes);
}

static bool start(struct artifact *artifact, struct ota_error *err)
{
	if (!is_complete(artifact))
		return start_fetch(artifact, err);
	if (!hasher_reset(artifact->hasher, err))
		return false;
	artifact->rehash_fd = open(artifact->path,
				   O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (artifact->rehash_fd < 0)
		return ota_fail_errno(err, errno, "open %s", artifact->path);
	artifact->rehash = loop_add_defer(artifact->store->loop, rehash_slice,
					  artifact, err);
	return artifact->rehash;
}

static bool make_identity(struct artifact *artifact, const struct offer *offer)
{
	char size[24] = "unknown";

	if (offer->size_bytes != OFFER_SIZE_UNKNOWN)
		snprintf(size, sizeof(size), "%llu",
			 (unsigned long long)offer->size_bytes);
	return asprintf(&artifact->identity, "version=%s size=%s digest=%s",
			offer->version, size, offer_digest(offer)->hex) >= 0;
}

static struct artifact *artifact_new(struct artifact_store *store,
				     const struct offer *offer, char *path,
				     bool want_sha256, struct ota_error *err)
{
	struct artifact *artifact = calloc(1, sizeof(*artifact));
	unsigned algs = want_sha256 ? HASHER_SHA256 : 0;

	if (!artifact) {
		free(path);
		ota_fail_memory(err, "keeping an artifact");
		return NULL;
	}
	artifact->path = path;
	artifact->rehash_fd = -1;
	artifact->store = store;
	artifact->config = config_ref(store->config);
	artifact->size_bytes = offer->size_bytes;
	if (offer->md5.alg != DIGEST_NONE)
		algs |= HASHER_MD5;
	if (offer->sha256.alg != DIGEST_NONE)
		algs |= HASHER_SHA256;
	if (!(artifact->url = strdup(offer->url)) ||
	    !make_identity(artifact, offer)) {
		ota_fail_memory(err, "keeping an artifact");
	} else if ((artifact->hasher = hasher_new(algs, err))) {
		artifact->next = store->artifacts;
		store->artifacts = artifact;
		return artifact;
	}
	artifact_free(artifact);
	return NULL;
}

/* One more for an artifact that is here already. */
static void tell_complete(struct loop_source *source, void *user_data)
{
	struct artifact *artifact = user_data;

	artifact->rehash = loop_source_free(artifact->rehash);
	tell_all(artifact, NULL);
}

static bool join(struct artifact *artifact, const struct offer *offer,
		 struct ota_error *err)
{
	if (artifact->fetch)
		return fetch_set_url(artifact->fetch, offer->url, err);
	if (artifact->rehash)
		return true;
	if (artifact->complete && file_exists(artifact->path)) {
		artifact->rehash = loop_add_defer(artifact->store->loop,
						  tell_complete, artifact, err);
		return artifact->rehash;
	}
	artifact->complete = false;
	return start(artifact, err);
}

struct artifact_user *artifact_want(struct artifact_store *store,
				    const struct offer *offer, bool want_sha256,
				    const struct artifact_observer *user_observer,
				    void *user_data, struct ota_error *err)
{
	OTA_CLEANUP(freep) struct artifact_user *user = calloc(1, sizeof(*user));
	char *path = artifact_store_path(store, offer);
	struct artifact *artifact;
	bool ok;

	if (!user || !path) {
		free(path);
		ota_fail_memory(err, "wanting an artifact");
		return NULL;
	}
	artifact = find(store, path);
	if (artifact) {
		free(path);
		ok = join(artifact, offer, err);
	} else {
		artifact = artifact_new(store, offer, path, want_sha256, err);
		if (!artifact)
			return NULL;
		ok = start(artifact, err);
	}
	if (!ok) {
		if (!artifact->users)
			unlink_artifact(artifact);
		return NULL;
	}
	user->artifact = artifact;
	user->observer = *user_observer;
	user->user_data = user_data;
	user->next = artifact->users;
	artifact->users = user;
	return OTA_TAKE(user);
}

struct artifact_user *artifact_user_free(struct artifact_user *user)
{
	struct artifact *artifact;
	struct artifact_user **at;

	if (!user)
		return NULL;
	artifact = user->artifact;
	at = &artifact->users;
	while (*at != user)
		at = &(*at)->next;
	*at = user->next;
	free(user);
	if (!artifact->users)
		unlink_artifact(artifact);
	return NULL;
}

bool artifact_set_url(struct artifact_user *user, const char *url,
		      struct ota_error *err)
{
	struct artifact *artifact = user->artifact;
	char *copy = strdup(url);

	if (!copy)
		return ota_fail_memory(err, "taking over a new url");
	free(artifact->url);
	artifact->url = copy;
	return !artifact->fetch || fetch_set_url(artifact->fetch, url, err);
}

static bool check_digest(const struct digest *want, const struct digest *got,
			 struct ota_error *err)
{
	if (want->alg == DIGEST_NONE || digest_equal(want, got))
		return true;
	return ota_fail(err, OTA_ERROR_DIGEST_MISMATCH,
			"the artifact's %s is %s, the offer says %s",
			digest_alg_name(want->alg), got->hex, want->hex);
}

bool artifact_check(struct artifact_user *user, const struct offer *offer,
		    struct ota_error *err)
{
	const struct artifact *artifact = user->artifact;

	if (!artifact->complete)
		return ota_fail(err, OTA_ERROR_INTERNAL,
				"the artifact is not complete");
	if (offer->size_bytes != OFFER_SIZE_UNKNOWN &&
	    offer->size_bytes != artifact->size_bytes)
		return ota_fail(err, OTA_ERROR_SIZE_MISMATCH,
				"the artifact has %llu bytes, the offer says %llu",
				(unsigned long long)artifact->size_bytes,
				(unsigned long long)offer->size_bytes);
	return check_digest(&offer->sha256, &artifact->sha256, err) &&
	       check_digest(&offer->md5, &artifact->md5, err);
}

const char *artifact_path(const struct artifact_user *user)
{
	return user->artifact->path;
}

uint64_t artifact_size_bytes(const struct artifact_user *user)
{
	return user->artifact->size_bytes;
}

const struct digest *artifact_sha256(const struct artifact_user *user)
{
	return &user->artifact->sha256;
}

bool artifact_is_shared(const struct artifact_user *user)
{
	return user->artifact->users != user || user->next;
}

void artifact_discard(struct artifact_user *user)
{
	struct ota_error err;

	user->artifact->complete = false;
	if (!fetch_discard(user->artifact->path, &err))
		log_warning(NULL, "%s", err.text);
}

static bool is_wanted(const struct artifact_store *store, const char *path)
{
	for (struct artifact *a = store->artifacts; a; a = a->next) {
		size_t n = strlen(a->path);

		if (strncmp(path, a->path, n) == 0 &&
		    (path[n] == '\0' || strncmp(path + n, ".json", 5) == 0))
			return true;
	}
	return false;
}

static bool is_old(const struct artifact_store *store, const char *path,
		   uint64_t max_age_ms)
{
	struct stat st;
	int64_t age_ms;

	if (lstat(path, &st) < 0)
		return false;
	age_ms = loop_wall_ms(store->loop) - (int64_t)st.st_mtime * 1000;
	return age_ms >= 0 && (uint64_t)age_ms >= max_age_ms;
}

void artifact_store_sweep(struct artifact_store *store, uint64_t max_age_ms)
{
	DIR *dir = opendir(store->dir);
	struct dirent *entry;

	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		OTA_CLEANUP(freep) char *path = NULL;
		struct ota_error err;

		if (entry->d_name[0] == '.' ||
		    asprintf(&path, "%s/%s", store->dir, entry->d_name) < 0)
			continue;
		if (is_wanted(store, path) || !is_old(store, path, max_age_ms))
			continue;
		if (!file_remove(path, &err))
			log_warning(NULL, "%s", err.text);
	}
	closedir(dir);
}
