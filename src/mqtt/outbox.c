#include "otad/mqtt/outbox.h"

#include <stdlib.h>
#include <string.h>

#include "otad/base/file.h"

#include "outbox-file.h"

/* protocols.md, section 1.1. */
#define OUTBOX_MAX_PROGRESS  64
/* A state each of some hundred devices, whose platform wants them slowly. */
#define OUTBOX_MAX_WAITING   1024
/* So many of them are looked at for one whose device may speak. */
#define OUTBOX_MAX_PASSED    512
/* The broker connection lets no more wait for their PUBACK. */
#define OUTBOX_MAX_IN_FLIGHT 20

#define OUTBOX_DIR_MODE 0700

struct outbox {
	char *dir;
	outbox_send_fn send;
	void *send_data;
	void (*on_empty)(void *user_data);
	void *empty_data;

	bool open;
	bool pumping;
	/* By number: those that were sent, then those that were not. */
	struct outbox_entries sent, waiting;
	struct outbox_entries droppable; /* those of both, oldest first */
	uint64_t next_number;
	size_t in_flight, n_droppable, pending;
};

static bool is_droppable(const struct outbox_entry *entry)
{
	return entry->message_class == OUTBOX_FLEETING ||
	       entry->message_class == OUTBOX_PROGRESS;
}

static void note_new(struct outbox *outbox, struct outbox_entry *entry)
{
	outbox->pending += entry->message_class != OUTBOX_FLEETING;
	if (!is_droppable(entry))
		return;
	TAILQ_INSERT_TAIL(&outbox->droppable, entry, droppable);
	outbox->n_droppable++;
}

static void append(struct outbox *outbox, struct outbox_entry *entry)
{
	TAILQ_INSERT_TAIL(&outbox->waiting, entry, link);
	note_new(outbox, entry);
}

static void take_out(struct outbox *outbox, struct outbox_entry *entry)
{
	TAILQ_REMOVE(entry->in_flight ? &outbox->sent : &outbox->waiting, entry,
		     link);
	outbox->in_flight -= entry->in_flight;
	outbox->pending -= entry->message_class != OUTBOX_FLEETING;
	if (!is_droppable(entry))
		return;
	TAILQ_REMOVE(&outbox->droppable, entry, droppable);
	outbox->n_droppable--;
}

/* Gone for good. A file that stays is only sent once more, after a restart. */
static void discard(struct outbox *outbox, struct outbox_entry *entry)
{
	take_out(outbox, entry);
	if (entry->on_disk)
		outbox_file_remove(outbox->dir, entry->number, NULL);
	outbox_entry_free(entry);
}

/* The oldest that may go; one that was sent already is not worth it. */
static void drop_oldest(struct outbox *outbox)
{
	struct outbox_entry *entry;

	TAILQ_FOREACH(entry, &outbox->droppable, droppable) {
		if (!entry->in_flight) {
			discard(outbox, entry);
			return;
		}
	}
}

static void make_room(struct outbox *outbox)
{
	size_t most = outbox->open ? OUTBOX_MAX_WAITING : OUTBOX_MAX_PROGRESS;

	if (outbox->n_droppable > most)
		drop_oldest(outbox);
}

static enum outbox_sent send_entry(struct outbox *outbox,
				   struct outbox_entry *entry, bool passes)
{
	struct outbox_message message = {
		.device = entry->device,
		.passes = passes,
		.topic = entry->topic,
		.payload = entry->payload,
		.qos = entry->qos,
		.message_class = entry->message_class,
	};
	int id = 0;
	enum outbox_sent sent = outbox->send(outbox->send_data, &message, &id);

	if (sent != OUTBOX_SENT)
		return sent;
	/* Nobody acknowledges these. */
	if (entry->message_class == OUTBOX_FLEETING || entry->qos == 0) {
		discard(outbox, entry);
		return OUTBOX_SENT;
	}
	TAILQ_REMOVE(&outbox->waiting, entry, link);
	TAILQ_INSERT_TAIL(&outbox->sent, entry, link);
	entry->in_flight = true;
	entry->id = id;
	outbox->in_flight++;
	return OUTBOX_SENT;
}

static struct outbox_entry *waiting_after(const struct outbox *outbox,
					  uint64_t number)
{
	struct outbox_entry *entry;

	TAILQ_FOREACH(entry, &outbox->waiting, link) {
		if (entry->number > number)
			return entry;
	}
	return NULL;
}

static void send_all(struct outbox *outbox)
{
	struct outbox_entry *entry = TAILQ_FIRST(&outbox->waiting);
	unsigned passed = 0;

	/* Sending may bring a message or an acknowledgement of its own. */
	if (outbox->pumping)
		return;
	outbox->pumping = true;
	while (entry && outbox->open && passed < OUTBOX_MAX_PASSED &&
	       outbox->in_flight < OUTBOX_MAX_IN_FLIGHT) {
		uint64_t number = entry->number;

		switch (send_entry(outbox, entry, passed > 0)) {
		case OUTBOX_SENT:
			entry = waiting_after(outbox, number);
			break;
		case OUTBOX_NOT_NOW:
			entry = NULL;
			break;
		case OUTBOX_DEVICE_NOT_NOW:
			passed++;
			entry = TAILQ_NEXT(entry, link);
			break;
		}
	}
	outbox->pumping = false;
}

/* To be called last: on_empty() may free us. */
static void pump(struct outbox *outbox, size_t pending_before)
{
	send_all(outbox);
	if (pending_before > 0 && outbox_pending(outbox) == 0 &&
	    outbox->on_empty)
		outbox->on_empty(outbox->empty_data);
}

struct outbox *outbox_new(const char *dir, outbox_send_fn send, void *user_data,
			  unsigned *ret_bad, struct ota_error *err)
{
	OTA_CLEANUP(outbox_freep)
	struct outbox *outbox = calloc(1, sizeof(*outbox));
	struct outbox_entry *entry;
	unsigned bad;

	if (!outbox) {
		ota_fail_memory(err, "set up the outbox");
		return NULL;
	}
	TAILQ_INIT(&outbox->sent);
	TAILQ_INIT(&outbox->waiting);
	TAILQ_INIT(&outbox->droppable);
	outbox->dir = strdup(dir);
	if (!outbox->dir) {
		ota_fail_memory(err, "set up the outbox");
		return NULL;
	}
	outbox->send = send;
	outbox->send_data = user_data;
	if (!file_make_dirs(dir, OUTBOX_DIR_MODE, err) ||
	    !outbox_file_load(dir, &outbox->waiting, &outbox->next_number, &bad,
			      err)) {
		ota_wrap(err, "outbox");
		return NULL;
	}
	TAILQ_FOREACH(entry, &outbox->waiting, link)
		note_new(outbox, entry);
	if (ret_bad)
		*ret_bad = bad;
	return OTA_TAKE(outbox);
}

struct outbox *outbox_free(struct outbox *outbox)
{
	struct outbox_entry *entry;

	if (!outbox)
		return NULL;
	TAILQ_CONCAT(&outbox->sent, &outbox->waiting, link);
	while ((entry = TAILQ_FIRST(&outbox->sent))) {
		/* Progress that cannot be kept is worth no more than this. */
		if (entry->message_class == OUTBOX_PROGRESS && !entry->on_disk)
			(void)!outbox_file_write(outbox->dir, entry, false,
						 NULL);
		TAILQ_REMOVE(&outbox->sent, entry, link);
		outbox_entry_free(entry);
	}
	free(outbox->dir);
	free(outbox);
	return NULL;
}

static bool keep(struct outbox *outbox, struct outbox_entry *entry,
		 struct ota_error *err)
{
	if (entry->message_class != OUTBOX_RESULT ||
	    outbox_file_write(outbox->dir, entry, true, err))
		return true;
	/* It may be there, only not surely: the caller will add it again. */
	outbox_file_remove(outbox->dir, entry->number, NULL);
	return ota_wrap(err, "keep a report for %s", entry->topic);
}

bool outbox_add(struct outbox *outbox, const struct outbox_message *message,
		struct ota_error *err)
{
	OTA_CLEANUP(outbox_entry_freep) struct outbox_entry *entry = NULL;

	entry = outbox_entry_new(message, outbox->next_number, err);
	if (!entry || !keep(outbox, entry, err))
		return false;
	if (entry->message_class == OUTBOX_FLEETING && !outbox->open)
		return true;
	outbox->next_number++;
	append(outbox, OTA_TAKE(entry));
	make_room(outbox);
	pump(outbox, outbox_pending(outbox));
	return true;
}

void outbox_open(struct outbox *outbox)
{
	outbox->open = true;
	pump(outbox, outbox_pending(outbox));
}

void outbox_close(struct outbox *outbox)
{
	struct outbox_entry *entry, *next;

	outbox->open = false;
	TAILQ_FOREACH(entry, &outbox->sent, link)
		entry->in_flight = false;
	outbox->in_flight = 0;
	/* In front of the others, where they were. */
	TAILQ_CONCAT(&outbox->sent, &outbox->waiting, link);
	TAILQ_CONCAT(&outbox->waiting, &outbox->sent, link);
	for (entry = TAILQ_FIRST(&outbox->waiting); entry; entry = next) {
		next = TAILQ_NEXT(entry, link);
		if (entry->message_class == OUTBOX_FLEETING ||
		    entry->message_class == OUTBOX_VERSION)
			discard(outbox, entry);
	}
	while (outbox->n_droppable > OUTBOX_MAX_PROGRESS)
		drop_oldest(outbox);
}

static struct outbox_entry *find_sent(const struct outbox *outbox, int id)
{
	struct outbox_entry *entry;

	TAILQ_FOREACH(entry, &outbox->sent, link) {
		if (entry->id == id)
			return entry;
	}
	return NULL;
}

bool outbox_acknowledge(struct outbox *outbox, int id)
{
	struct outbox_entry *entry = find_sent(outbox, id);
	size_t pending_before = outbox_pending(outbox);
	bool ours = entry;

	if (entry)
		discard(outbox, entry);
	/* Also for another's: what did not fit before may fit now. */
	pump(outbox, pending_before);
	return ours;
}

size_t outbox_pending(const struct outbox *outbox)
{
	return outbox->pending;
}

void outbox_on_empty(struct outbox *outbox, void (*fn)(void *user_data),
		     void *user_data)
{
	outbox->on_empty = fn;
	outbox->empty_data = user_data;
}
