#include "outbox-file.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mosquitto.h>

#include "otad/base/file.h"
#include "otad/base/json.h"

/* Escaped in JSON, a byte takes up to six. */
#define FILE_MAX_BYTES \
	(6 * (OUTBOX_MAX_PAYLOAD_BYTES + OUTBOX_MAX_TOPIC_BYTES) + 256)
#define FILE_MODE 0600

/* So many digits cannot overflow, nor be used up. */
#define NUMBER_MAX_DIGITS 15
#define NAME_SIZE	  32

/* Fleeting messages never come here. */
static const char *const class_names[] = {
	[OUTBOX_PROGRESS] = "progress",
	[OUTBOX_RESULT] = "result",
};

struct outbox_entry *outbox_entry_free(struct outbox_entry *entry)
{
	if (!entry)
		return NULL;
	free(entry->device);
	free(entry->topic);
	free(entry->payload);
	free(entry);
	return NULL;
}

/* What the broker connection would refuse for ever must not block the rest. */
static bool check_message(const struct outbox_message *message,
			  struct ota_error *err)
{
	size_t topic_bytes = strlen(message->topic);
	size_t payload_bytes = strlen(message->payload);

	if (topic_bytes == 0 || topic_bytes > OUTBOX_MAX_TOPIC_BYTES ||
	    mosquitto_pub_topic_check(message->topic) ||
	    mosquitto_validate_utf8(message->topic, (int)topic_bytes))
		return ota_fail(err, OTA_ERROR_INTERNAL,
				"report with an unusable topic");
	if (payload_bytes == 0 || payload_bytes > OUTBOX_MAX_PAYLOAD_BYTES)
		return ota_fail(err, OTA_ERROR_INTERNAL,
				"report of %zu bytes for %s, 1-%d expected",
				payload_bytes, message->topic,
				OUTBOX_MAX_PAYLOAD_BYTES);
	return true;
}

struct outbox_entry *outbox_entry_new(const struct outbox_message *message,
				      uint64_t number, struct ota_error *err)
{
	OTA_CLEANUP(outbox_entry_freep) struct outbox_entry *entry = NULL;

	if (!check_message(message, err))
		return NULL;
	entry = calloc(1, sizeof(*entry));
	if (entry) {
		entry->topic = strdup(message->topic);
		entry->payload = strdup(message->payload);
		if (message->device)
			entry->device = strdup(message->device);
	}
	if (!entry || !entry->topic || !entry->payload ||
	    (message->device && !entry->device)) {
		ota_fail_memory(err, "keep a report");
		return NULL;
	}
	entry->number = number;
	entry->qos = message->qos;
	entry->message_class = message->message_class;
	/* An acknowledgement is what these wait for. */
	if (entry->message_class == OUTBOX_RESULT && entry->qos < 1)
		entry->qos = 1;
	return OTA_TAKE(entry);
}

static char *entry_path(const char *dir, uint64_t number, const char *suffix,
			struct ota_error *err)
{
	char *path = NULL;

	if (asprintf(&path, "%s/%" PRIu64 ".%s", dir, number, suffix) < 0) {
		ota_fail_memory(err, "name a report");
		return NULL;
	}
	return path;
}

bool outbox_file_write(const char *dir, struct outbox_entry *entry,
		       bool durable, struct ota_error *err)
{
	OTA_CLEANUP(json_freep) struct json_object *json = json_new_object();
	OTA_CLEANUP(freep)
	char *path = entry_path(dir, entry->number, "json", err);
	const char *text;

	if (!path)
		return false;
	if (!json ||
	    (entry->device &&
	     !json_add_string(json, "device", entry->device)) ||
	    !json_add_string(json, "topic", entry->topic) ||
	    !json_add_string(json, "payload", entry->payload) ||
	    !json_add_int(json, "qos", entry->qos) ||
	    !json_add_string(json, "class",
			     class_names[entry->message_class]) ||
	    !(text = json_text(json)))
		return ota_fail_memory(err, "write a report");
	if (durable)
		entry->on_disk =
			file_write(path, text, strlen(text), FILE_MODE, err);
	else
		entry->on_disk = file_write_lazy(path, text, strlen(text),
						 FILE_MODE, err);
	return entry->on_disk;
}

bool outbox_file_remove(const char *dir, uint64_t number, struct ota_error *err)
{
	OTA_CLEANUP(freep) char *path = entry_path(dir, number, "json", err);

	return path && file_remove(path, err);
}

static bool parse_class(const char *name, enum outbox_class *ret_class)
{
	for (size_t i = 0; name && i < OTA_ARRAY_SIZE(class_names); i++) {
		if (class_names[i] && strcmp(name, class_names[i]) == 0) {
			*ret_class = (enum outbox_class)i;
			return true;
		}
	}
	return false;
}

static struct outbox_entry *parse_entry(const char *text, size_t size,
					uint64_t number, struct ota_error *err)
{
	OTA_CLEANUP(json_freep)
	struct json_object *json =
		json_parse_err(text, size, FILE_MAX_BYTES, err);
	struct outbox_message message = {0};
	struct outbox_entry *entry;
	struct json_object *topic, *payload;
	int64_t qos;

	if (!json)
		return NULL;
	topic = json_get(json, "topic");
	payload = json_get(json, "payload");
	message.device = json_get_string(json, "device");
	message.topic = json_get_string(json, "topic");
	message.payload = json_get_string(json, "payload");
	qos = json_get_int(json, "qos", -1);
	if (!message.topic || !message.payload || json_string_has_nul(topic) ||
	    json_string_has_nul(payload) || qos < 0 || qos > 1 ||
	    !parse_class(json_get_string(json, "class"),
			 &message.message_class)) {
		ota_fail(err, OTA_ERROR_PROTOCOL, "not a report");
		return NULL;
	}
	message.qos = (int)qos;
	entry = outbox_entry_new(&message, number, err);
	if (entry)
		entry->on_disk = true;
	else if (err->sys_errno != ENOMEM)
		ota_rekind(err, OTA_ERROR_PROTOCOL);
	return entry;
}

static struct outbox_entry *read_entry(const char *path, uint64_t number,
				       struct ota_error *err)
{
	OTA_CLEANUP(freep) char *text = NULL;
	size_t size = 0;

	text = file_read(path, FILE_MAX_BYTES, &size, err);
	return text ? parse_entry(text, size, number, err) : NULL;
}

/* What another start may well read is not given up: it may be the only word of
 * how a job ended. */
static bool is_damaged(const struct ota_error *err)
{
	return err->kind == OTA_ERROR_PROTOCOL ||
	       err->kind == OTA_ERROR_NOT_FOUND || /* a link to nothing */
	       err->sys_errno == EIO || err->sys_errno == EBADMSG ||
	       err->sys_errno == EUCLEAN;
}

/* In no order, as folders are. */
struct found {
	struct outbox_entry **entries;
	size_t count, size;
};

static bool keep_found(struct found *found, struct outbox_entry *entry,
		       struct ota_error *err)
{
	size_t size = found->size ? 2 * found->size : 64;
	struct outbox_entry **grown;

	if (found->count == found->size) {
		grown = reallocarray(found->entries, size, sizeof(*grown));
		if (!grown) {
			outbox_entry_free(entry);
			return ota_fail_memory(err, "read the reports");
		}
		found->entries = grown;
		found->size = size;
	}
	found->entries[found->count++] = entry;
	return true;
}

static int compare_numbers(const void *a, const void *b)
{
	const struct outbox_entry *const *one = a, *const *other = b;

	return (*one)->number < (*other)->number ? -1 : 1;
}

static bool load_one(const char *dir, uint64_t number,
		     struct found *found, unsigned *bad,
		     struct ota_error *err)
{
	OTA_CLEANUP(freep) char *path = entry_path(dir, number, "json", err);
	OTA_CLEANUP(freep) char *aside = entry_path(dir, number, "bad", err);
	struct outbox_entry *entry;

	if (!path || !aside)
		return false;
	entry = read_entry(path, number, err);
	if (entry)
		return keep_found(found, entry, err);
	if (!is_damaged(err))
		return false;
	/* Kept for people to look at; if even that fails, left where it is. */
	(void)rename(path, aside);
	(*bad)++;
	return true;
}

/* "17.json" is 17 with ".json" left over; 0 for other names. */
static uint64_t parse_name(const char *name, const char **ret_suffix)
{
	size_t digits = strspn(name, "0123456789");

	*ret_suffix = name + digits;
	if (digits == 0 || digits > NUMBER_MAX_DIGITS || name[0] == '0')
		return 0;
	return strtoull(name, NULL, 10);
}

static bool load_named(const char *dir, const char *name,
		       struct found *found, uint64_t *next,
		       unsigned *bad, struct ota_error *err)
{
	const char *suffix;
	uint64_t number = parse_name(name, &suffix);
	bool done = true;

	if (number == 0)
		return true;
	if (strcmp(suffix, ".json") == 0) {
		done = load_one(dir, number, found, bad, err);
	} else if (strcmp(suffix, ".json.tmp") == 0) {
		OTA_CLEANUP(freep)
		char *path = entry_path(dir, number, "json.tmp", err);

		done = path && (unlink(path) == 0 || errno != ENOMEM);
	} else if (strcmp(suffix, ".bad") != 0) {
		return true;
	}
	if (number >= *next)
		*next = number + 1;
	return done;
}

bool outbox_file_load(const char *dir, struct outbox_entries *entries,
		      uint64_t *ret_next, unsigned *ret_bad,
		      struct ota_error *err)
{
	struct found found = {0};
	uint64_t next = 1;
	unsigned bad = 0;
	bool done = true;
	struct dirent *item;
	DIR *items = opendir(dir);

	if (!items)
		return ota_fail_errno(err, errno, "open directory %s", dir);
	for (;;) {
		errno = 0;
		item = readdir(items);
		if (!item)
			break;
		done = load_named(dir, item->d_name, &found, &next, &bad, err);
		if (!done)
			break;
	}
	if (done && errno != 0)
		done = ota_fail_errno(err, errno, "read directory %s", dir);
	closedir(items);
	if (done && found.count > 0)
		qsort(found.entries, found.count, sizeof(*found.entries),
		      compare_numbers);
	for (size_t i = 0; i < found.count; i++) {
		if (done)
			TAILQ_INSERT_TAIL(entries, found.entries[i], link);
		else
			outbox_entry_free(found.entries[i]);
	}
	free(found.entries);
	if (!done)
		return false;
	*ret_next = next;
	*ret_bad = bad;
	return true;
}
