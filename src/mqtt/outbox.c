#include "otad/mqtt/outbox.h"

#include <stdlib.h>
#include <string.h>

#include "otad/base/file.h"

#include "outbox-file.h"

/* protocols.md, section 1.1. */
#define OUTBOX_MAX_PROGRESS  64
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
	struct outbox_entry *first; /* by number */
	uint64_t next_number;
	size_t in_flight;
};

static struct outbox_entry *take_out(struct outbox *outbox,
				     struct outbox_entry *entry)
{
	struct outbox_entry **at = &outbox->first;

	while (*at != entry)
		at = &(*at)->next;
	*at = entry->next;
	entry->next = NULL;
	if (entry->in_flight)
		outbox->in_flight--;
	return entry;
}

static void append(struct outbox *outbox, struct outbox_entry *entry)
{
	struct outbox_entry **at = &outbox->first;

	while (*at)
		at = &(*at)->next;
	*at = entry;
}

/* Gone for good. A file that stays is only sent once more, after a restart. */
static void discard(struct outbox *outbox, struct outbox_entry *entry)
{
	take_out(outbox, entry);
	if (entry->on_disk)
		outbox_file_remove(outbox->dir, entry->number, NULL);
	outbox_entry_free(entry);
}

static size_t count_droppable(const struct outbox *outbox)
{
	size_t count = 0;

	for (const struct outbox_entry *e = outbox->first; e; e = e->next)
		count += e->message_class != OUTBOX_RESULT;
	return count;
}

/* The oldest that may go; one that was sent already is not worth it. */
static void drop_oldest(struct outbox *outbox)
{
	for (struct outbox_entry *e = outbox->first; e; e = e->next) {
		if (e->message_class != OUTBOX_RESULT && !e->in_flight) {
			discard(outbox, e);
			return;
		}
	}
}

static bool send_entry(struct outbox *outbox, struct outbox_entry *entry)
{
	int id = 0;

	if (!outbox->send(outbox->send_data, entry->topic, entry->payload,
			  strlen(entry->payload), entry->qos, &id))
		return false;
	/* Nobody acknowledges these. */
	if (entry->message_class == OUTBOX_FLEETING || entry->qos == 0) {
		discard(outbox, entry);
		return true;
	}
	entry->in_flight = true;
	entry->id = id;
	outbox->in_flight++;
	return true;
}

static struct outbox_entry *first_unsent(const struct outbox *outbox)
{
	struct outbox_entry *entry = outbox->first;

	while (entry && entry->in_flight)
		entry = entry->next;
	return entry;
}

static void send_all(struct outbox *outbox)
{
	struct outbox_entry *entry;

	/* Sending may bring a message or an acknowledgement of its own. */
	if (outbox->pumping)
		return;
	outbox->pumping = true;
	while (outbox->open && outbox->in_flight < OUTBOX_MAX_IN_FLIGHT) {
		entry = first_unsent(outbox);
		if (!entry || !send_entry(outbox, entry))
			break;
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
	unsigned bad;

	if (!outbox || !(outbox->dir = strdup(dir))) {
		ota_fail_memory(err, "set up the outbox");
		return NULL;
	}
	outbox->send = send;
	outbox->send_data = user_data;
	if (!file_make_dirs(dir, OUTBOX_DIR_MODE, err) ||
	    !outbox_file_load(dir, &outbox->first, &outbox->next_number, &bad,
			      err)) {
		ota_wrap(err, "outbox");
		return NULL;
	}
	if (ret_bad)
		*ret_bad = bad;
	return OTA_TAKE(outbox);
}

struct outbox *outbox_free(struct outbox *outbox)
{
	struct outbox_entry *entry;

	if (!outbox)
		return NULL;
	while ((entry = outbox->first)) {
		/* Progress that cannot be kept is worth no more than this. */
		if (entry->message_class == OUTBOX_PROGRESS && !entry->on_disk)
			(void)!outbox_file_write(outbox->dir, entry, false,
						 NULL);
		outbox->first = entry->next;
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
	if (count_droppable(outbox) > OUTBOX_MAX_PROGRESS)
		drop_oldest(outbox);
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
	struct outbox_entry *next;

	outbox->open = false;
	for (struct outbox_entry *e = outbox->first; e; e = next) {
		next = e->next;
		e->in_flight = false;
		if (e->message_class == OUTBOX_FLEETING)
			discard(outbox, e);
	}
	outbox->in_flight = 0;
}

static struct outbox_entry *find_sent(const struct outbox *outbox, int id)
{
	struct outbox_entry *entry = outbox->first;

	while (entry && !(entry->in_flight && entry->id == id))
		entry = entry->next;
	return entry;
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
	size_t count = 0;

	for (const struct outbox_entry *e = outbox->first; e; e = e->next)
		count += e->message_class != OUTBOX_FLEETING;
	return count;
}

void outbox_on_empty(struct outbox *outbox, void (*fn)(void *user_data),
		     void *user_data)
{
	outbox->on_empty = fn;
	outbox->empty_data = user_data;
}
