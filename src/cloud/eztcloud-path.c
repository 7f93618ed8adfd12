#include "eztcloud-path.h"

#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "otad/base/json.h"

#include "fields.h"
#include "identity.h"

#define BLANKS " \t"

/* One name of the path: `*at` moves behind it and its comma. */
struct segment {
	const char *name;
	size_t bytes;
};

static struct segment next_segment(const char **at)
{
	struct segment segment = { .name = *at, .bytes = strcspn(*at, ",") };

	*at += segment.bytes;
	if (**at == ',')
		(*at)++;
	return segment;
}

/* Without the blanks that people write behind commas. */
static struct segment trim(struct segment segment)
{
	size_t lead = strspn(segment.name, BLANKS);

	if (lead > segment.bytes)
		lead = segment.bytes;
	segment.name += lead;
	segment.bytes -= lead;
	while (segment.bytes > 0 &&
	       strchr(BLANKS, segment.name[segment.bytes - 1]))
		segment.bytes--;
	return segment;
}

size_t ezt_levels(const char *address)
{
	size_t levels = 1;

	while ((address = strchr(address, ','))) {
		address++;
		levels++;
	}
	return levels;
}

static char *normalise(const struct device *device, const char *configured,
		       struct ota_error *err)
{
	OTA_CLEANUP(freep) char *address = calloc(1, strlen(configured) + 1);
	const char *at = configured;
	size_t used = 0;

	if (!address) {
		ota_fail_memory(err, "address a device");
		return NULL;
	}
	for (size_t left = ezt_levels(configured); left > 0; left--) {
		struct segment segment = trim(next_segment(&at));

		if (segment.bytes == 0 ||
		    ezt_levels(configured) > EZT_MAX_LEVELS) {
			ota_fail(err, OTA_ERROR_PROTOCOL,
				 "device %s: Address=%s: one to %d names with "
				 "commas between are expected",
				 device->name, configured, EZT_MAX_LEVELS);
			return NULL;
		}
		memcpy(address + used, segment.name, segment.bytes);
		used += segment.bytes;
		if (left > 1)
			address[used++] = ',';
	}
	return OTA_TAKE(address);
}

char *ezt_address(const struct device *device, struct ota_error *err)
{
	const char *configured = device_key(device, "Address");
	char *address;

	if (configured && !device_is_gateway(device))
		return normalise(device, configured, err);
	if (!device_is_gateway(device) && strchr(device->name, ',')) {
		ota_fail(err, OTA_ERROR_PROTOCOL,
			 "device %s: a name with a comma needs Address=",
			 device->name);
		return NULL;
	}
	address = strdup(device_is_gateway(device) ? "" : device->name);
	if (!address)
		ota_fail_memory(err, "address a device");
	return address;
}

/* Appends one name from the wire; false: no device of ours can have it. */
static bool append_name(char address[ADDRESS_SIZE], const char *name)
{
	size_t used = strlen(address);
	size_t bytes = strlen(name);

	/* A comma would make one name look like two. */
	if (bytes == 0 || strchr(name, ',') ||
	    used + bytes + 2 > ADDRESS_SIZE)
		return false;
	if (used > 0)
		address[used++] = ',';
	memcpy(address + used, name, bytes + 1);
	return true;
}

static bool is_path(struct json_object *list)
{
	size_t count;

	if (!json_object_is_type(list, json_type_array))
		return false;
	count = json_object_array_length(list);
	for (size_t i = 0; i < count; i++) {
		if (!json_object_is_type(json_object_array_get_idx(list, i),
					 json_type_string))
			return false;
	}
	return count >= 1 && count <= EZT_MAX_LEVELS;
}

static void read_path(struct reader *reader, struct json_object *list,
		      const char *key)
{
	char address[ADDRESS_SIZE] = "";

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *name = json_object_array_get_idx(list, i);

		if (json_string_has_nul(name)) {
			read_fault(reader, CLOUD_REASON_EMBEDDED_NUL, key);
			return;
		}
		if (!append_name(address, json_object_get_string(name))) {
			read_fault(reader, CLOUD_REASON_UNKNOWN_DEVICE, key);
			return;
		}
	}
	read_device(reader, address, key);
}

void ezt_read_device(struct reader *reader, struct json_object *message,
		     const char *key)
{
	struct json_object *value = json_get(message, key);
	char address[ADDRESS_SIZE] = "";
	const char *name;

	if (is_path(value)) {
		read_path(reader, value, key);
		return;
	}
	/* Here a list is of the wrong type like anything but a string. */
	name = read_string(reader, message, key, FIELD_REQUIRED);
	if (!name)
		return;
	if (append_name(address, name))
		read_device(reader, address, key);
	else
		read_fault(reader, CLOUD_REASON_UNKNOWN_DEVICE, key);
}

static struct json_object *new_name(struct segment segment)
{
	return json_object_new_string_len(segment.name, (int)segment.bytes);
}

struct json_object *ezt_path_value(const char *address, bool always_list)
{
	OTA_CLEANUP(json_freep) struct json_object *list = NULL;
	const char *at = address;

	if (ezt_levels(address) == 1 && !always_list)
		return new_name(next_segment(&at));
	list = json_new_array();
	for (size_t left = ezt_levels(address); left > 0; left--) {
		if (!list || !json_append(list, new_name(next_segment(&at))))
			return NULL;
	}
	return OTA_TAKE(list);
}

/* {NAME:BODY}; takes `body`. */
static struct json_object *wrap_in_name(struct segment segment,
					struct json_object *body)
{
	OTA_CLEANUP(json_freep) struct json_object *owned_body = body;
	OTA_CLEANUP(json_freep) struct json_object *json = json_new_object();
	OTA_CLEANUP(freep) char *name = strndup(segment.name, segment.bytes);

	if (!json || !name || !json_add(json, name, OTA_TAKE(owned_body)))
		return NULL;
	return OTA_TAKE(json);
}

struct json_object *ezt_nest_attributes(const char *address,
					struct json_object *values)
{
	static const struct segment attributes = { "attributes", 10 };
	static const struct segment sub = { "sub", 3 };
	struct segment path[EZT_MAX_LEVELS];
	size_t levels = ezt_levels(address);
	struct json_object *json;

	if (levels > EZT_MAX_LEVELS)
		levels = EZT_MAX_LEVELS;
	for (size_t i = 0; i < levels; i++)
		path[i] = next_segment(&address);
	json = wrap_in_name(attributes, values);
	for (size_t i = levels; i-- > 0;) {
		json = wrap_in_name(path[i], json);
		if (i > 0)
			json = wrap_in_name(sub, json);
	}
	return json;
}
