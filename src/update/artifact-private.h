#pragma once

/* The inside of the artifact store, shared by the artifact*.c files alone. */

#include "artifact.h"

#include <sys/queue.h>

struct fetch;
struct hasher;
struct loop_source;

TAILQ_HEAD(artifact_users, artifact_user);

struct artifact_user {
	struct artifact *artifact;
	struct artifact_users *list; /* of the artifact's, the one it is in */
	TAILQ_ENTRY(artifact_user) link;
	struct artifact_observer observer;
	void *user_data;
};

struct artifact {
	struct artifact_store *store;
	char *path;
	char *version;
	struct digest digest; /* the strongest of the offer that came first */
	char *url;
	uint64_t announced_bytes; /* or OFFER_SIZE_UNKNOWN */
	uint64_t size_bytes;	  /* once complete */
	unsigned claims;
	/* Those who wait, those the outcome is being told to, and the others. */
	struct artifact_users users, due, told;
	struct artifact_user *next_shown; /* of `users`: to hear of progress */
	struct artifact_progress progress;
	struct loop_source *showing;
	struct ota_error outcome; /* what is being told */
	struct loop_source *telling; /* NULL: nothing is */
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
	bool calling; /* outlives its users until the call has returned */
	struct config *config;
};

struct artifact_store {
	struct loop *loop;
	struct fetcher *fetcher;
	struct config *config;
	char *dir;
	void *artifacts; /* tsearch(3) tree */
	unsigned transfers;
	uint64_t trimmed_ms; /* 0: never */
	struct loop_source *trim;
};

/* artifact-work.c: a file is fetched, or hashed */
/* Begins with what lies on the disk. */
bool artifact_begin(struct artifact *artifact, struct ota_error *err)
	OTA_MUST_CHECK;
/* One more user for an artifact at whatever it does. */
bool artifact_go_on(struct artifact *artifact, const char *url,
		    struct ota_error *err) OTA_MUST_CHECK;
void artifact_stop(struct artifact *artifact);

/* artifact-tell.c: users hear of it, thousands of them a few in a turn */
void artifact_init_users(struct artifact *artifact);
void artifact_add_user(struct artifact *artifact, struct artifact_user *user);
/* The last one to go may take the artifact along. */
void artifact_remove_user(struct artifact_user *user);
bool artifact_has_users(const struct artifact *artifact);
void artifact_tell_all(struct artifact *artifact, const struct ota_error *err);
void artifact_show_all(struct artifact *artifact,
		       const struct artifact_progress *progress);
void artifact_stop_telling(struct artifact *artifact);

/* artifact.c */
/* Frees it unless somebody still needs it. */
void artifact_drop_unneeded(struct artifact *artifact);
