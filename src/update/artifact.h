#pragma once

/*
 * Artifacts in download/: fetched once for however many jobs want the same
 * (version, size, digest), hashed as they arrive, kept while wanted and, within
 * CacheSize=, a while longer. What an earlier run of otad left complete is
 * hashed again, never trusted.
 */

#include "otad/base/error.h"
#include "otad/config/config.h"
#include "otad/model/digest.h"
#include "otad/model/offer.h"

#include <stdbool.h>
#include <stdint.h>

struct artifact;
struct artifact_store;
struct artifact_user; /* one job's interest in one artifact */
struct fetcher;
struct loop;

struct artifact_progress {
	uint64_t received_bytes;
	uint64_t total_bytes; /* or OFFER_SIZE_UNKNOWN */
	uint64_t bytes_per_second;
};

struct artifact_observer {
	void (*progress)(void *user_data, const struct artifact_progress *progress);
	/* The file is complete (err NULL), or cannot be had. Once, from the
	 * loop. */
	void (*fetched)(void *user_data, const struct ota_error *err);
};

/* `dir` is copied, the others borrowed. Owned, or NULL with `err`. */
struct artifact_store *artifact_store_new(struct loop *loop,
					  struct fetcher *fetcher,
					  const char *dir, struct config *config,
					  struct ota_error *err) OTA_MUST_CHECK;
struct artifact_store *artifact_store_free(struct artifact_store *store);
/* For artifacts wanted from now on. */
void artifact_store_configure(struct artifact_store *store,
			      struct config *config);
/*
 * Removes files that no job wants and nobody touched for `max_age_ms`: a failed
 * download is kept a while, since the cloud may offer it again.
 */
void artifact_store_sweep(struct artifact_store *store, uint64_t max_age_ms);

/* Beyond CacheSize= the verified artifacts that no job wants go, those first
 * that have not been used for longest. At most once a second. */
void artifact_store_trim(struct artifact_store *store);

/* How many transfers run; whether `offer`'s artifact is among them or wanted by
 * one that has it. */
unsigned artifact_store_transfers(const struct artifact_store *store);
bool artifact_store_has(const struct artifact_store *store,
			const struct offer *offer);
/* Where the artifact of `offer` lies, or would. Owned, NULL: out of memory. */
char *artifact_store_path(const struct artifact_store *store,
			  const struct offer *offer) OTA_MUST_CHECK;

/*
 * Will want the artifact of `offer`, which names a digest: nothing is fetched
 * yet, but what is on disk stays. Counted; NULL: out of memory.
 */
struct artifact *artifact_claim(struct artifact_store *store,
				const struct offer *offer,
				struct ota_error *err) OTA_MUST_CHECK;
/* Accepts NULL, returns NULL. */
struct artifact *artifact_release(struct artifact *artifact);
unsigned artifact_store_claims(const struct artifact_store *store,
			       const struct offer *offer);

/*
 * Wants the artifact of `offer`: starts, joins or resumes its download. The
 * SHA-256 is computed beside the offer's digests when `want_sha256`.
 */
struct artifact_user *artifact_want(struct artifact_store *store,
				    const struct offer *offer, bool want_sha256,
				    const struct artifact_observer *observer,
				    void *user_data, struct ota_error *err)
	OTA_MUST_CHECK;
/* Lets go. The last to go ends the transfer; what is on disk stays for a resume
 * until artifact_discard() or a sweep. Accepts NULL, returns NULL. */
struct artifact_user *artifact_user_free(struct artifact_user *user);

/* A re-delivery brought another url. */
bool artifact_set_url(struct artifact_user *user, const char *url,
		      struct ota_error *err) OTA_MUST_CHECK;

/*
 * After `fetched`: size and every digest the offer names against what was
 * received. size-mismatch, digest-mismatch.
 */
bool artifact_check(struct artifact_user *user, const struct offer *offer,
		    struct ota_error *err) OTA_MUST_CHECK;
uint64_t artifact_size_bytes(const struct artifact_user *user);
/* DIGEST_NONE when it was not asked for. */
const struct digest *artifact_sha256(const struct artifact_user *user);
/* The bytes are bad, or used up: removes file and record. */
void artifact_discard(struct artifact_user *user);
