#include "record.h"

#include <stdlib.h>
#include <string.h>

#include "otad/base/file.h"
#include "otad/base/json.h"
#include "otad/base/log.h"
#include "otad/model/offer.h"

#define RECORD_FORMAT 1
#define SUFFIX ".json"

/* Signed urls hold a secret. */
#define RECORD_MODE 0600

void record_done(struct record *record)
{
	free(record->identity);
	free(record->url);
	*record = (struct record){ 0 };
}

char *record_path(const char *path, struct ota_error *err)
{
	size_t size = strlen(path);
	char *result = malloc(size + sizeof(SUFFIX));

	if (!result) {
		ota_fail_memory(err, "naming a record");
		return NULL;
	}
	memcpy(result, path, size);
	memcpy(result + size, SUFFIX, sizeof(SUFFIX));
	return result;
}

static bool take_text(struct json_object *json, const char *key, char **ret)
{
	const char *text = json_get_string(json, key);

	if (!text || json_string_has_nul(json_get(json, key)))
		return false;
	*ret = strdup(text);
	return *ret != NULL;
}

/* Sent to a server as it is: no more than what a server may have said. */
static bool take_validator(struct json_object *json, struct record *record)
{
	const char *text = json_get_string(json, "validator");
	size_t size = text ? strlen(text) : 0;

	if (size >= sizeof(record->validator))
		return false;
	for (size_t i = 0; i < size; i++) {
		if (text[i] < 0x20 || text[i] > 0x7e)
			return false;
	}
	if (size > 0)
		memcpy(record->validator, text, size);
	record->validator[size] = '\0';
	return true;
}

static bool take_numbers(struct json_object *json, struct record *record)
{
	int64_t size = json_get_int(json, "size", -1);
	int64_t bytes = json_get_int(json, "bytes", -1);

	if (json_get_int(json, "format", -1) != RECORD_FORMAT || bytes < 0 ||
	    size < -1 || (size >= 0 && bytes > size))
		return false;
	record->size_bytes = size < 0 ? OFFER_SIZE_UNKNOWN : (uint64_t)size;
	record->bytes = (uint64_t)bytes;
	return true;
}

bool record_read(const char *record_path, struct record *ret_record)
{
	OTA_CLEANUP(record_done) struct record record = { 0 };
	OTA_CLEANUP(json_freep) struct json_object *json = NULL;
	OTA_CLEANUP(freep) char *text = NULL;
	struct ota_error err = OTA_ERROR_INIT;
	size_t size;

	text = file_read_nofollow(record_path, JSON_MAX_BYTES, &size, &err);
	if (!text) {
		if (err.kind != OTA_ERROR_NOT_FOUND)
			log_debug(NULL, "%s", err.text);
		return false;
	}
	json = json_parse_err(text, size, JSON_MAX_BYTES, &err);
	if (!json || !take_numbers(json, &record) ||
	    !take_validator(json, &record) ||
	    !take_text(json, "identity", &record.identity) ||
	    !take_text(json, "url", &record.url)) {
		log_debug(NULL, "%s is damaged: the download starts over",
			  record_path);
		return false;
	}
	*ret_record = record;
	record = (struct record){ 0 };
	return true;
}

/* Owned, or NULL: out of memory. */
static struct json_object *to_json(const struct record *record)
{
	OTA_CLEANUP(json_freep) struct json_object *json = json_new_object();
	int64_t size = record->size_bytes == OFFER_SIZE_UNKNOWN ?
			       -1 :
			       (int64_t)record->size_bytes;

	if (json && json_add_int(json, "format", RECORD_FORMAT) &&
	    json_add_string(json, "identity", record->identity) &&
	    json_add_string(json, "url", record->url) &&
	    json_add_string(json, "validator", record->validator) &&
	    json_add_int(json, "size", size) &&
	    json_add_int(json, "bytes", (int64_t)record->bytes))
		return OTA_TAKE(json);
	return NULL;
}

bool record_write(const char *record_path, const struct record *record,
		  struct ota_error *err)
{
	OTA_CLEANUP(json_freep) struct json_object *json = to_json(record);
	const char *text = json ? json_text(json) : NULL;

	if (!text)
		return ota_fail_memory(err, "recording a download");
	return file_write(record_path, text, strlen(text), RECORD_MODE, err);
}

int record_draft(const char *record_path, const struct record *record,
		 struct ota_error *err)
{
	OTA_CLEANUP(json_freep) struct json_object *json = to_json(record);
	const char *text = json ? json_text(json) : NULL;

	if (!text) {
		ota_fail_memory(err, "recording a download");
		return -1;
	}
	return file_draft(record_path, text, strlen(text), RECORD_MODE, err);
}
