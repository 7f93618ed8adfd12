#include "artifact-private.h"

#include <string.h>

#include "otad/base/log.h"
#include "otad/base/loop.h"
#include "otad/fetch/fetch.h"
#include "otad/verify/hasher.h"

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
	config_ref(config);
	config_unref(store->config);
	store->config = config;
}

static void artifact_free(struct artifact *artifact)
{
	artifact_stop(artifact);
	hasher_free(artifact->hasher);
	config_unref(artifact->config);
	free(artifact->path);
	free(artifact->version);
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

/* By the digest first: it tells most of them apart. */
static struct artifact *find(const struct artifact_store *store,
			     const struct offer *offer)
{
	const struct digest *digest = offer_digest(offer);

	for (struct artifact *a = digest ? store->artifacts : NULL; a;
	     a = a->next)
		if (strcmp(a->digest.hex, digest->hex) == 0 &&
		    strcmp(a->version, offer->version) == 0)
			return a;
	return NULL;
}

bool artifact_same(const struct offer *a, const struct offer *b)
{
	const struct digest *one = offer_digest(a), *other = offer_digest(b);

	return one && other && strcmp(one->hex, other->hex) == 0 &&
	       strcmp(a->version, b->version) == 0;
}

bool artifact_store_has(const struct artifact_store *store,
			const struct offer *offer)
{
	return find(store, offer) != NULL;
}

unsigned artifact_store_transfers(const struct artifact_store *store)
{
	unsigned count = 0;

	for (struct artifact *a = store->artifacts; a; a = a->next)
		if (a->fetch)
			count++;
	return count;
}

static struct artifact_user *next_due(const struct artifact *artifact)
{
	struct artifact_user *user = artifact->users;

	while (user && !user->due)
		user = user->next;
	return user;
}

/* Whoever is told may let go, free others, and want the same again: that is
 * for the next telling. */
void artifact_tell_all(struct artifact *artifact, const struct ota_error *err)
{
	struct artifact_user *user;

	for (user = artifact->users; user; user = user->next)
		user->due = !user->told;
	artifact->telling = true;
	while ((user = next_due(artifact))) {
		user->due = false;
		user->told = true;
		user->observer.fetched(user->user_data, err);
	}
	artifact->telling = false;
	if (!artifact->users)
		unlink_artifact(artifact);
}

static unsigned algs_of(const struct offer *offer, bool want_sha256)
{
	unsigned algs = want_sha256 ? HASHER_SHA256 : 0;

	if (offer->md5.alg != DIGEST_NONE)
		algs |= HASHER_MD5;
	if (offer->sha256.alg != DIGEST_NONE)
		algs |= HASHER_SHA256;
	return algs;
}

/* Takes `path`. */
static struct artifact *artifact_new(struct artifact_store *store,
				     const struct offer *offer, char *path,
				     struct ota_error *err)
{
	struct artifact *artifact = calloc(1, sizeof(*artifact));

	if (!artifact) {
		free(path);
		ota_fail_memory(err, "keeping an artifact");
		return NULL;
	}
	artifact->path = path;
	artifact->fd = -1;
	artifact->store = store;
	artifact->config = config_ref(store->config);
	artifact->announced_bytes = offer->size_bytes;
	artifact->digest = *offer_digest(offer);
	artifact->url = strdup(offer->url);
	artifact->version = strdup(offer->version);
	if (!artifact->url || !artifact->version) {
		artifact_free(artifact);
		ota_fail_memory(err, "keeping an artifact");
		return NULL;
	}
	artifact->next = store->artifacts;
	store->artifacts = artifact;
	return artifact;
}

static bool take_url(struct artifact *artifact, const char *url,
		     struct ota_error *err)
{
	char *copy = strdup(url);

	if (!copy)
		return ota_fail_memory(err, "taking over a new url");
	free(artifact->url);
	artifact->url = copy;
	return true;
}

/* One more for an artifact that is here already. */
static bool join(struct artifact *artifact, const struct offer *offer,
		 bool want_sha256, struct ota_error *err)
{
	if (!take_url(artifact, offer->url, err))
		return false;
	artifact->algs |= algs_of(offer, want_sha256);
	return artifact_go_on(artifact, offer->url, err);
}

static struct artifact *find_or_begin(struct artifact_store *store,
				      const struct offer *offer,
				      bool want_sha256, struct ota_error *err)
{
	struct artifact *artifact = find(store, offer);
	char *path;
	bool ok;

	if (artifact) {
		ok = join(artifact, offer, want_sha256, err);
	} else {
		path = artifact_store_path(store, offer);
		if (!path) {
			ota_fail_memory(err, "wanting an artifact");
			return NULL;
		}
		artifact = artifact_new(store, offer, path, err);
		if (!artifact)
			return NULL;
		artifact->algs = algs_of(offer, want_sha256);
		ok = artifact_begin(artifact, err);
	}
	if (!ok && !artifact->users && !artifact->telling)
		unlink_artifact(artifact);
	return ok ? artifact : NULL;
}

struct artifact_user *artifact_want(struct artifact_store *store,
				    const struct offer *offer, bool want_sha256,
				    const struct artifact_observer *observer,
				    void *user_data, struct ota_error *err)
{
	OTA_CLEANUP(freep) struct artifact_user *user = calloc(1, sizeof(*user));
	struct artifact *artifact;

	if (!user) {
		ota_fail_memory(err, "wanting an artifact");
		return NULL;
	}
	artifact = find_or_begin(store, offer, want_sha256, err);
	if (!artifact)
		return NULL;
	user->artifact = artifact;
	user->observer = *observer;
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
	if (!artifact->users && !artifact->telling)
		unlink_artifact(artifact);
	return NULL;
}

bool artifact_set_url(struct artifact_user *user, const char *url,
		      struct ota_error *err)
{
	struct artifact *artifact = user->artifact;

	return take_url(artifact, url, err) &&
	       (!artifact->fetch || fetch_set_url(artifact->fetch, url, err));
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

uint64_t artifact_size_bytes(const struct artifact_user *user)
{
	return user->artifact->size_bytes;
}

const struct digest *artifact_sha256(const struct artifact_user *user)
{
	return &user->artifact->sha256;
}

void artifact_discard(struct artifact_user *user)
{
	struct ota_error err;

	if (!fetch_discard(user->artifact->path, &err))
		log_warning(NULL, "%s", err.text);
}
