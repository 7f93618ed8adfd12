#include "artifact-private.h"

#include <search.h>
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
	artifact_stop_telling(artifact);
	artifact_stop(artifact);
	hasher_free(artifact->hasher);
	config_unref(artifact->config);
	free(artifact->path);
	free(artifact->version);
	free(artifact->url);
	free(artifact);
}

/* By the digest first: it tells most of them apart. */
static int compare(const void *a, const void *b)
{
	const struct artifact *one = a, *other = b;
	int order = strcmp(one->digest.hex, other->digest.hex);

	return order ? order : strcmp(one->version, other->version);
}

static void unlink_artifact(struct artifact *artifact)
{
	tdelete(artifact, &artifact->store->artifacts, compare);
	artifact_free(artifact);
}

void artifact_drop_unneeded(struct artifact *artifact)
{
	if (artifact->calling || artifact_has_users(artifact))
		return;
	/* What nobody waits for is not fetched; a claim keeps the rest. */
	artifact_stop(artifact);
	if (artifact->claims == 0)
		unlink_artifact(artifact);
}

struct artifact_store *artifact_store_free(struct artifact_store *store)
{
	if (!store)
		return NULL;
	while (store->artifacts)
		unlink_artifact(*(struct artifact **)store->artifacts);
	loop_source_free(store->trim);
	config_unref(store->config);
	free(store->dir);
	free(store);
	return NULL;
}

static struct artifact *find(const struct artifact_store *store,
			     const struct offer *offer)
{
	const struct digest *digest = offer_digest(offer);
	struct artifact key = { .version = offer->version };
	struct artifact **node;

	if (!digest)
		return NULL;
	key.digest = *digest;
	node = tfind(&key, &store->artifacts, compare);
	return node ? *node : NULL;
}

bool artifact_store_has(const struct artifact_store *store,
			const struct offer *offer)
{
	const struct artifact *artifact = find(store, offer);

	return artifact && artifact_has_users(artifact);
}

unsigned artifact_store_transfers(const struct artifact_store *store)
{
	return store->transfers;
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

static struct artifact *artifact_new(struct artifact_store *store,
				     const struct offer *offer,
				     struct ota_error *err)
{
	struct artifact *artifact = calloc(1, sizeof(*artifact));
	struct artifact **node;

	if (!artifact) {
		ota_fail_memory(err, "keeping an artifact");
		return NULL;
	}
	artifact_init_users(artifact);
	artifact->fd = -1;
	artifact->store = store;
	artifact->config = config_ref(store->config);
	artifact->announced_bytes = offer->size_bytes;
	artifact->digest = *offer_digest(offer);
	artifact->path = artifact_store_path(store, offer);
	artifact->url = strdup(offer->url);
	artifact->version = strdup(offer->version);
	node = artifact->path && artifact->url && artifact->version ?
		       tsearch(artifact, &store->artifacts, compare) :
		       NULL;
	if (!node) {
		artifact_free(artifact);
		ota_fail_memory(err, "keeping an artifact");
		return NULL;
	}
	return artifact;
}

struct artifact *artifact_claim(struct artifact_store *store,
				const struct offer *offer, struct ota_error *err)
{
	struct artifact *artifact = find(store, offer);

	if (!artifact)
		artifact = artifact_new(store, offer, err);
	if (artifact)
		artifact->claims++;
	return artifact;
}

struct artifact *artifact_release(struct artifact *artifact)
{
	if (!artifact)
		return NULL;
	artifact->claims--;
	artifact_drop_unneeded(artifact);
	return NULL;
}

unsigned artifact_store_claims(const struct artifact_store *store,
			       const struct offer *offer)
{
	const struct artifact *artifact = find(store, offer);

	return artifact ? artifact->claims : 0;
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

/* The first one begins; the others find it at whatever it does. */
static bool begin_or_join(struct artifact *artifact, const struct offer *offer,
			  bool want_sha256, struct ota_error *err)
{
	bool begins = !artifact_has_users(artifact);

	if (!take_url(artifact, offer->url, err))
		return false;
	if (!begins) {
		artifact->algs |= algs_of(offer, want_sha256);
		return artifact_go_on(artifact, offer->url, err);
	}
	config_ref(artifact->store->config);
	config_unref(artifact->config);
	artifact->config = artifact->store->config;
	artifact->announced_bytes = offer->size_bytes;
	artifact->algs = algs_of(offer, want_sha256);
	return artifact_begin(artifact, err);
}

struct artifact_user *artifact_want(struct artifact_store *store,
				    const struct offer *offer, bool want_sha256,
				    const struct artifact_observer *observer,
				    void *user_data, struct ota_error *err)
{
	OTA_CLEANUP(freep) struct artifact_user *user = calloc(1, sizeof(*user));
	struct artifact *artifact = find(store, offer);

	if (!user) {
		ota_fail_memory(err, "wanting an artifact");
		return NULL;
	}
	if (!artifact)
		artifact = artifact_new(store, offer, err);
	if (!artifact)
		return NULL;
	if (!begin_or_join(artifact, offer, want_sha256, err)) {
		artifact_drop_unneeded(artifact);
		return NULL;
	}
	user->observer = *observer;
	user->user_data = user_data;
	artifact_add_user(artifact, user);
	return OTA_TAKE(user);
}

struct artifact_user *artifact_user_free(struct artifact_user *user)
{
	if (!user)
		return NULL;
	artifact_remove_user(user);
	free(user);
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
