#pragma once

/*
 * Reports on their way to the broker, in order, delivered at least once
 * (protocols.md, section 1.1). Results lie on disk, durably, from the moment
 * they are added until the broker acknowledged them; what is on the way to a
 * result lives in memory, at most 64 while offline (1024 while it only waits
 * for its turn), the oldest dropped first; results are never dropped. Files of
 * DIR: one per message, NUMBER.json.
 */

#include "otad/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct outbox;

enum outbox_class {
	OUTBOX_FLEETING, /* QoS 0: sent when connected, else forgotten */
	OUTBOX_VERSION,	 /* waits its turn, until the connection ends: the next one
			  * tells it again */
	OUTBOX_PROGRESS, /* waits its turn, may be dropped when too many do */
	OUTBOX_RESULT,	 /* QoS 1, never lost */
};

struct outbox_message {
	const char *device; /* whom it is about; NULL: all the same */
	/* When sent: another that waits longer has just been passed over. What
	 * its device had to wait for must not be over now. */
	bool passes;
	const char *topic;
	const char *payload; /* text */
	int qos;
	enum outbox_class message_class;
};

enum outbox_sent {
	OUTBOX_SENT,
	OUTBOX_NOT_NOW,	       /* nor anything behind it */
	OUTBOX_DEVICE_NOT_NOW, /* nothing about its device; others may */
};

/*
 * How a message leaves: mqtt_publish() behind a pointer. What stays is tried
 * again at the next acknowledgement, message or opening. Must not call the
 * outbox.
 */
typedef enum outbox_sent (*outbox_send_fn)(void *user_data,
					   const struct outbox_message *message,
					   int *ret_id);

/*
 * Reads what DIR (made if missing) holds; a file that a power cut left
 * unreadable is set aside as NUMBER.bad and counted in `*ret_bad`. Returns
 * owned, or NULL with `err`.
 */
struct outbox *outbox_new(const char *dir, outbox_send_fn send, void *user_data,
			  unsigned *ret_bad, struct ota_error *err) OTA_MUST_CHECK;
/* What waits in memory only is written to DIR first. Accepts NULL. */
struct outbox *outbox_free(struct outbox *outbox);
OTA_DEFINE_CLEANUP(struct outbox *, outbox_free)

/*
 * Copies. True: a result is durable now. Sends at once when open, but never
 * ahead of what waits of the same device. Refuses what no broker would take: an unusable topic or
 * one beyond 1 KiB, a payload that is empty or beyond 64 KiB.
 */
bool outbox_add(struct outbox *outbox, const struct outbox_message *message,
		struct ota_error *err) OTA_MUST_CHECK;

/* Connected and versions told: sends, at most 20 in flight. */
void outbox_open(struct outbox *outbox);
/* The link is gone: what was in flight will be sent again. */
void outbox_close(struct outbox *outbox);
/*
 * The broker acknowledged `id`; true when it was one of ours. To be called for
 * every mqtt_handler.published.
 */
bool outbox_acknowledge(struct outbox *outbox, int id);

/* Messages not yet acknowledged. */
size_t outbox_pending(const struct outbox *outbox);
/* Called (may be NULL) whenever outbox_pending() falls to 0. */
void outbox_on_empty(struct outbox *outbox, void (*fn)(void *user_data),
		     void *user_data);
