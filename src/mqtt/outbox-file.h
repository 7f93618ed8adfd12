#pragma once

/* One message of the outbox as a file: DIR/NUMBER.json. */

#include "otad/base/error.h"
#include "otad/mqtt/outbox.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

/* A platform's longest topic is a tenth of it. */
#define OUTBOX_MAX_TOPIC_BYTES	 1024
/* A report is a few hundred bytes; platforms refuse far smaller ones. */
#define OUTBOX_MAX_PAYLOAD_BYTES (64 * 1024)

TAILQ_HEAD(outbox_entries, outbox_entry);

/* A message and its place in the order. */
struct outbox_entry {
	TAILQ_ENTRY(outbox_entry) link;
	TAILQ_ENTRY(outbox_entry) droppable; /* unless it is a result */
	uint64_t number;
	char *device; /* or NULL */
	char *topic;
	char *payload;
	int qos;
	enum outbox_class message_class;
	bool on_disk;
	bool in_flight; /* under `id` */
	int id;
};

/* Copies; refuses what could never be sent. Returns owned, or NULL. */
struct outbox_entry *outbox_entry_new(const struct outbox_message *message,
				      uint64_t number,
				      struct ota_error *err) OTA_MUST_CHECK;
struct outbox_entry *outbox_entry_free(struct outbox_entry *entry);
OTA_DEFINE_CLEANUP(struct outbox_entry *, outbox_entry_free)

/* `durable`: a power cut cannot undo it, else only not halve it. */
bool outbox_file_write(const char *dir, struct outbox_entry *entry,
		       bool durable, struct ota_error *err) OTA_MUST_CHECK;
bool outbox_file_remove(const char *dir, uint64_t number,
			struct ota_error *err);

/*
 * Adds the entries of `dir` to `entries`, which is empty, in order; clears
 * what interrupted writes left. `*ret_next`: beyond every number in use.
 */
bool outbox_file_load(const char *dir, struct outbox_entries *entries,
		      uint64_t *ret_next, unsigned *ret_bad,
		      struct ota_error *err) OTA_MUST_CHECK;
