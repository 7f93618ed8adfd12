#include "vectors.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "otad/base/json.h"

#define KEY_SIZE 64
#define MAX_KEYS 32
#define DEFAULT_MAX_IMAGE_SIZE 1073741824 /* protocols.md, section 1.3 */

/* [Cloud] or [Device], as the configuration would have them. */
struct keys {
	struct key_value pairs[MAX_KEYS];
	size_t count;
};

static void keys_done(struct keys *keys)
{
	for (size_t i = 0; i < keys->count; i++) {
		free(keys->pairs[i].key);
		free(keys->pairs[i].value);
	}
	keys->count = 0;
}

/* "product_key" is ProductKey=. */
static void make_key(const char *name, char ret_key[KEY_SIZE])
{
	bool upper = true;
	size_t used = 0;

	if (!strcmp(name, "addr"))
		name = "address";
	for (; *name && used < KEY_SIZE - 1; name++) {
		if (*name == '_') {
			upper = true;
			continue;
		}
		ret_key[used++] = upper ? (char)toupper((unsigned char)*name) :
					  *name;
		upper = false;
	}
	ret_key[used] = '\0';
}

static bool is_declared(const struct platform_key *key, const char *name)
{
	for (; key->name; key++) {
		if (!strcmp(key->name, name) ||
		    (key->same_as && !strcmp(key->same_as, name)))
			return true;
	}
	return false;
}

/* A list becomes its elements with commas between. */
static char *make_value(struct json_object *value)
{
	struct json_object *element;
	char *text, *longer;

	if (json_object_is_type(value, json_type_boolean))
		return strdup(json_object_get_boolean(value) ? "yes" : "no");
	if (!json_object_is_type(value, json_type_array))
		return strdup(json_object_get_string(value));
	text = vector_need(strdup(""));
	for (size_t i = 0; i < json_object_array_length(value); i++) {
		element = json_object_array_get_idx(value, i);
		if (asprintf(&longer, "%s%s%s", text, i > 0 ? "," : "",
			     json_object_get_string(element)) < 0)
			longer = NULL;
		free(text);
		text = vector_need(longer);
	}
	return text;
}

/* Later values replace earlier ones. */
static void add_keys(struct keys *keys, const struct platform_key *declared,
		     struct json_object *source)
{
	char name[KEY_SIZE];
	size_t place;

	if (!json_object_is_type(source, json_type_object))
		return;
	json_object_object_foreach(source, key, value) {
		make_key(key, name);
		if (!value || !is_declared(declared, name))
			continue;
		for (place = 0; place < keys->count; place++) {
			if (!strcmp(keys->pairs[place].key, name))
				break;
		}
		if (place == MAX_KEYS)
			vector_unusable("too many keys in the identity");
		if (place == keys->count) {
			keys->pairs[place].key = vector_need(strdup(name));
			keys->count++;
		} else {
			free(keys->pairs[place].value);
		}
		keys->pairs[place].value = vector_need(make_value(value));
	}
}

/* `name` in the options, else in the identity itself. */
static struct json_object *option(const struct vector_setup *setup,
				  const char *name)
{
	struct json_object *value =
		json_get(json_get(setup->identity, "options"), name);

	return value ? value : json_get(setup->identity, name);
}

struct cloud *vector_cloud(const struct vector_setup *setup,
			   struct json_object *overrides)
{
	struct json_object *max_size = option(setup, "max_image_size");
	struct json_object *allow_http = option(setup, "allow_http");
	struct keys keys = { .count = 0 };
	struct ota_error err;
	struct cloud *cloud;

	add_keys(&keys, setup->platform->cloud, setup->identity);
	add_keys(&keys, setup->platform->cloud,
		 json_get(setup->identity, "options"));
	add_keys(&keys, setup->platform->cloud, overrides);
	cloud = cloud_new(
		&(struct cloud_options){
			.platform = setup->platform,
			.keys = keys.pairs,
			.n_keys = keys.count,
			.allow_http = allow_http ?
					      json_object_get_boolean(
						      allow_http) :
					      setup->platform->allow_http,
			.max_size_bytes =
				max_size ? json_object_get_uint64(max_size) :
					   DEFAULT_MAX_IMAGE_SIZE,
		},
		&err);
	keys_done(&keys);
	if (!cloud)
		vector_unusable("identity: %s", err.text);
	return cloud;
}

static void set_string(char **string, struct json_object *map, const char *name)
{
	const char *value = json_get_string(map, name);

	if (value)
		*string = vector_need(strdup(value));
}

static void add_module(struct device *device, struct json_object *described,
		       const char *name)
{
	struct module_settings *settings;

	if (!name)
		vector_unusable("device %s: a module without a name",
				device->name);
	settings = vector_need(module_settings_new(name, INSTALLER_EXEC));
	set_string(&settings->version_attribute,
		   json_get(described, "version_attributes"), name);
	set_string(&settings->check_event, json_get(described, "check_events"),
		   name);
	if (!device_add_module(device, settings))
		vector_need(NULL);
	module_settings_unref(settings);
}

/* An entry of a list is a name, or an object with one under `key`. */
static const char *entry_name(struct json_object *entry, const char *key)
{
	if (json_object_is_type(entry, json_type_object))
		return json_get_string(entry, key);
	return json_object_is_type(entry, json_type_string) ?
		       json_object_get_string(entry) :
		       NULL;
}

/* A list of modules, or an object with a member for each. */
static void add_modules(const struct vector_setup *setup, struct device *device,
			struct json_object *described)
{
	struct json_object *modules = json_get(described, "modules");

	if (!modules) {
		add_module(device, described, setup->platform->default_module);
		return;
	}
	if (json_object_is_type(modules, json_type_object)) {
		json_object_object_foreach(modules, name, value) {
			(void)value;
			add_module(device, described, name);
		}
		return;
	}
	if (!json_object_is_type(modules, json_type_array))
		vector_unusable("device %s: \"modules\" is no list",
				device->name);
	for (size_t i = 0; i < json_object_array_length(modules); i++)
		add_module(device, described,
			   entry_name(json_object_array_get_idx(modules, i),
				      "name"));
}

static void add_device(struct vector_setup *setup, const char *name,
		       struct json_object *described)
{
	struct device *device = vector_need(device_new(name, NULL));
	struct keys keys = { .count = 0 };
	struct ota_error err;

	add_keys(&keys, setup->platform->device, described);
	for (size_t i = 0; i < keys.count; i++) {
		if (!device_add_key(device, keys.pairs[i].key,
				    keys.pairs[i].value))
			vector_need(NULL);
	}
	keys_done(&keys);
	add_modules(setup, device, described);
	device->address = cloud_address(setup->cloud, device, &err);
	if (!device->address || !inventory_add(setup->inventory, device, &err))
		vector_unusable("identity: %s", err.text);
}

static void add_sub_devices(struct vector_setup *setup)
{
	struct json_object *list = json_get(setup->identity, "sub_devices");

	if (!json_object_is_type(list, json_type_array))
		return;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *described =
			json_object_array_get_idx(list, i);
		const char *id = entry_name(described, "id");

		if (!id)
			vector_unusable("identity: a sub-device without an id");
		add_device(setup, id, described);
	}
}

static const struct platform_keys *find_platform(const char *name)
{
	const struct platform_keys *platform = cloud_platforms();

	for (; platform->platform; platform++) {
		if (!strcmp(platform->platform, name))
			return platform;
	}
	vector_unusable("no platform %s", name);
}

void vector_setup_init(struct vector_setup *setup, const char *platform,
		       struct json_object *identity)
{
	*setup = (struct vector_setup){
		.platform = find_platform(platform),
		.identity = identity,
		.inventory = vector_need(inventory_new()),
	};
	setup->cloud = vector_cloud(setup, NULL);
	add_device(setup, DEVICE_SELF, identity);
	add_sub_devices(setup);
}

void vector_setup_done(struct vector_setup *setup)
{
	cloud_free(setup->cloud);
	inventory_free(setup->inventory);
}
