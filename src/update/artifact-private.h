#pragma once

/* The inside of the artifact store, shared by the artifact*.c files alone. */

#include "artifact.h"

struct fetch;
struct hasher;
struct loop_source;

struct artifact_user {
	struct artifact *artifact;
	struct artifact_user *next;
	struct artifact_observer observer;
	void *user_data;
	bool told;
	bool due; /* of the telling under way */
};

struct artifact {
	struct artifact_store *store;
	struct artifact *next;
	char *path;
	char *version;
	struct digest digest; /* the strongest of the offer that came first */
	char *url;
	uint64_t announced_bytes; /* or OFFER_SIZE_UNKNOWN */
	uint64_t size_bytes;	  /* once complete */
	struct artifact_user *users;
	struct fetch *fetch;
	struct hasher *hasher;
	unsigned algs;	      /* wanted: a set of HASHER_... */
	unsigned hashed_algs; /* what `hasher` computes */
	struct loop_source *work; /* hashing a file, or telling of one */
	int fd;			  /* of the file that is being hashed */
	bool inherited;		  /* it is of an earlier run */
	uint64_t hashed_bytes;
	struct digest md5, sha256;
	bool complete;
	bool telling; /* outlives its users until all are told */
	struct config *config;
};

struct artifact_store {
	struct loop *loop;
	struct fetcher *fetcher;
	struct config *config;
	char *dir;
	struct artifact *artifacts;
};

/* artifact-work.c: a file is fetched, or hashed */
/* Begins with what lies on the disk. */
bool artifact_begin(struct artifact *artifact, struct ota_error *err)
	OTA_MUST_CHECK;
/* One more user for an artifact at whatever it does. */
bool artifact_go_on(struct artifact *artifact, const char *url,
		    struct ota_error *err) OTA_MUST_CHECK;
void artifact_stop(struct artifact *artifact);

/* artifact.c */
void artifact_tell_all(struct artifact *artifact, const struct ota_error *err);
