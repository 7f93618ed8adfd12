#pragma once

/*
 * A cloud and an inventory out of an identity in the form of the vector files,
 * written with single quotes for double ones.
 */

#include "otad/cloud/cloud.h"

#include "vectors/vectors.h"

#include <stdbool.h>
#include <stddef.h>

struct json_object;

#define CLOUD_MAX_CAUGHT 8

struct cloud_fixture {
	struct json_object *identity;
	struct vector_setup setup;
	struct cloud *cloud;		/* that of the setup */
	struct inventory *inventory;	/* likewise */
	struct cloud_message message;	/* of the last cloud_receive() */
	struct cloud_publication caught[CLOUD_MAX_CAUGHT]; /* of cloud_send() */
	size_t n_caught;
};

struct cloud_fixture *cloud_fixture_new(const char *platform,
					const char *identity);
void cloud_fixture_free(struct cloud_fixture *fx);

/* Single quotes to double ones; owned. */
char *quoted(const char *text);

/* Decodes `payload`, in single quotes; the verdict. */
enum cloud_verdict cloud_receive(struct cloud_fixture *fx, const char *topic,
				 const char *payload);
/* "update", "no-update", "ignore", or why it is a reject. */
const char *cloud_outcome(const struct cloud_message *message);
/* Encodes; how many publications came of it. */
size_t cloud_send(struct cloud_fixture *fx, const struct report *report);
/* Keeps a publication in `caught`; a cloud_publish_fn. */
bool cloud_catch(void *user_data, const struct cloud_publication *publication,
		 struct ota_error *err);
void cloud_forget(struct cloud_fixture *fx);
/* The only publication is this one; `payload` in single quotes, "$any-…" as in
 * the vector files. */
void assert_published(struct cloud_fixture *fx, const char *topic,
		      const char *payload);
