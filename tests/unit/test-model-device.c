#include "otad/model/device.h"

#include "otad/model/offer.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* More than a gateway ever has; see design.md, section 1. */
#define MANY_DEVICES 10000
/* What a device that does nothing may cost. */
#define IDLE_DEVICE_MAX_BYTES 1024

static struct device *add_device(struct inventory *inventory, const char *name,
				 const char *address)
{
	struct device *device = device_new(name, NULL);
	struct ota_error err;

	assert_non_null(device);
	if (address) {
		device->address = strdup(address);
		assert_non_null(device->address);
	}
	assert_true(inventory_add(inventory, device, &err));
	return device;
}

static void installers_have_names(void **state)
{
	enum installer_type type = INSTALLER_SELF;

	for (unsigned i = 0; i < INSTALLER_TYPE_COUNT; i++) {
		const char *name = installer_type_name((enum installer_type)i);

		assert_true(installer_type_parse(name, &type));
		assert_int_equal(type, i);
	}
	assert_string_equal(installer_type_name(INSTALLER_ARCHIVE), "archive");
	assert_false(installer_type_parse("Self", &type));
	assert_false(installer_type_parse("", &type));
}

static void settings_live_as_long_as_anybody_needs_them(void **state)
{
	struct module_settings *settings =
		module_settings_new("app", INSTALLER_BINARY);
	struct device *device = device_new("meter", "meters");

	assert_non_null(settings);
	assert_non_null(device);
	assert_int_equal(settings->keep, MODULE_KEEP_DEFAULT);
	assert_int_equal(settings->timeout_ms, MODULE_TIMEOUT_DEFAULT_MS);
	assert_true(device_add_module(device, settings));
	assert_null(module_settings_unref(settings));
	assert_string_equal(
		device_find_module(device, "app")->settings->name, "app");
	assert_null(module_settings_unref(NULL));
	device_free(device);
	assert_null(device_free(NULL));
}

static void an_unknown_version_is_reported_as_zero(void **state)
{
	struct module module = { 0 };

	assert_string_equal(module_version(&module), "0");
	assert_true(module_set_version(&module, "1.2"));
	assert_string_equal(module_version(&module), "1.2");
	assert_true(module_set_version(&module, NULL));
	assert_string_equal(module_version(&module), "0");
}

static void adding_a_module_again_keeps_its_version(void **state)
{
	struct module_settings *one = module_settings_new("a", INSTALLER_SELF);
	struct module_settings *two = module_settings_new("a", INSTALLER_EXEC);
	struct device *device = device_new(DEVICE_SELF, NULL);

	assert_true(device_add_module(device, one));
	assert_true(module_set_version(device_find_module(device, "a"), "7"));
	assert_true(device_add_module(device, two));
	assert_true(device_add_module(device, two));
	assert_int_equal(device->n_modules, 1);
	assert_int_equal(device->modules[0].settings->type, INSTALLER_EXEC);
	assert_string_equal(device->modules[0].version, "7");
	assert_null(device_find_module(device, "b"));
	module_settings_unref(one);
	module_settings_unref(two);
	device_free(device);
}

static void the_later_key_wins(void **state)
{
	struct device *device = device_new("meter", NULL);

	assert_null(key_value_get(NULL, 0, "ProductKey"));
	assert_true(device_add_key(device, "ProductKey", "a"));
	assert_true(device_add_key(device, "DeviceName", "b"));
	assert_true(device_add_key(device, "ProductKey", "c"));
	assert_int_equal(device->n_keys, 2);
	assert_string_equal(
		key_value_get(device->keys, device->n_keys, "ProductKey"), "c");
	assert_null(key_value_get(device->keys, device->n_keys, "productkey"));
	device_free(device);
}

static void a_copy_outlives_the_original(void **state)
{
	struct module_settings *settings =
		module_settings_new("mcu", INSTALLER_EXEC);
	struct device *device = device_new("meter", "meters");
	struct device *copy;

	device->address = strdup("1,2");
	device->owner_data = settings;
	device->registered = true;
	assert_true(device_add_key(device, "Address", "1,2"));
	assert_true(device_add_module(device, settings));
	assert_true(module_set_version(&device->modules[0], "3"));
	module_settings_unref(settings);
	copy = device_copy(device);
	device_free(device);

	assert_non_null(copy);
	assert_string_equal(copy->name, "meter");
	assert_string_equal(copy->class_name, "meters");
	assert_true(copy->registered);
	assert_string_equal(copy->address, "1,2");
	assert_string_equal(key_value_get(copy->keys, copy->n_keys, "Address"),
			    "1,2");
	assert_string_equal(module_version(device_find_module(copy, "mcu")),
			    "3");
	assert_null(copy->owner_data);
	device_free(copy);
}

static void devices_are_found_by_name_and_by_address(void **state)
{
	struct inventory *inventory = inventory_new();
	struct device *one = add_device(inventory, "one", "pk.1");
	struct device *two = add_device(inventory, "two", "pk.2");
	struct device *bare = add_device(inventory, "bare", NULL);

	assert_ptr_equal(inventory_find(inventory, "one"), one);
	assert_ptr_equal(inventory_find(inventory, "bare"), bare);
	assert_ptr_equal(inventory_find_address(inventory, "pk.2"), two);
	assert_null(inventory_find(inventory, "pk.2"));
	assert_null(inventory_find_address(inventory, "two"));
	assert_null(inventory_at(inventory, 3));
	inventory_free(inventory);
	assert_null(inventory_free(NULL));
}

static void a_name_or_address_is_given_once(void **state)
{
	struct inventory *inventory = inventory_new();
	struct device *same_name = device_new("one", NULL);
	struct device *same_address = device_new("two", NULL);
	struct ota_error err;

	add_device(inventory, "one", "pk.1");
	assert_false(inventory_add(inventory, same_name, &err));
	assert_int_equal(err.kind, OTA_ERROR_BUSY);
	same_address->address = strdup("pk.1");
	assert_false(inventory_add(inventory, same_address, &err));
	assert_int_equal(err.kind, OTA_ERROR_BUSY);
	assert_non_null(strstr(err.text, "one"));

	assert_int_equal(inventory_count(inventory), 1);
	assert_null(inventory_find(inventory, "two"));
	device_free(same_name);
	device_free(same_address);
	inventory_free(inventory);
}

static void the_gateway_comes_first(void **state)
{
	struct inventory *inventory = inventory_new();

	add_device(inventory, "b", NULL);
	add_device(inventory, "a", NULL);
	add_device(inventory, DEVICE_SELF, NULL);
	add_device(inventory, "c", NULL);
	assert_string_equal(inventory_at(inventory, 0)->name, DEVICE_SELF);
	assert_string_equal(inventory_at(inventory, 1)->name, "b");
	assert_string_equal(inventory_at(inventory, 2)->name, "a");
	assert_string_equal(inventory_at(inventory, 3)->name, "c");
	inventory_free(inventory);
}

static void a_removed_device_leaves_room_for_its_like(void **state)
{
	struct module_settings *settings =
		module_settings_new("a", INSTALLER_SELF);
	struct inventory *inventory = inventory_new();
	struct device *device = device_new("b", NULL);
	struct ota_error err;

	device->address = strdup("2");
	add_device(inventory, "a", "1");
	add_device(inventory, "c", "3");
	assert_true(device_add_module(device, settings));
	module_settings_unref(settings);
	assert_true(inventory_add(inventory, device, &err));
	assert_int_equal(inventory_count_modules(inventory), 1);
	assert_true(inventory_remove(inventory, "b"));
	assert_int_equal(inventory_count_modules(inventory), 0);
	assert_false(inventory_remove(inventory, "b"));
	assert_null(inventory_find(inventory, "b"));
	assert_null(inventory_find_address(inventory, "2"));
	assert_int_equal(inventory_count(inventory), 2);
	assert_string_equal(inventory_at(inventory, 1)->name, "c");
	add_device(inventory, "b", "2");
	assert_string_equal(inventory_at(inventory, 2)->name, "b");
	inventory_free(inventory);
}

static void add_numbered(struct inventory *inventory, unsigned number,
			 struct module_settings *settings)
{
	struct device *device;
	char name[32], address[64];

	snprintf(name, sizeof(name), "meter-%u", number);
	snprintf(address, sizeof(address), "a1ProductKey.meter-%u", number);
	device = add_device(inventory, name, address);
	assert_true(device_add_key(device, "ProductKey", "a1ProductKey"));
	assert_true(device_add_module(device, settings));
	assert_true(module_set_version(&device->modules[0], "1.0.0"));
}

static void ten_thousand_devices_are_cheap(void **state)
{
	struct module_settings *settings =
		module_settings_new("mcu", INSTALLER_EXEC);
	struct inventory *inventory = inventory_new();
	size_t before = mallinfo2().uordblks, used;
	char name[32];

	for (unsigned i = 0; i < MANY_DEVICES; i++)
		add_numbered(inventory, i, settings);
	/* 0 under a checker that brings an allocator of its own. */
	used = mallinfo2().uordblks - before;
	assert_true(used / MANY_DEVICES <= IDLE_DEVICE_MAX_BYTES);
	for (unsigned i = 0; i < MANY_DEVICES; i += 2) {
		snprintf(name, sizeof(name), "meter-%u", i);
		assert_true(inventory_remove(inventory, name));
	}
	assert_int_equal(inventory_count(inventory), MANY_DEVICES / 2);
	assert_null(inventory_find(inventory, "meter-9998"));
	assert_string_equal(
		inventory_find_address(inventory, "a1ProductKey.meter-9999")
			->name,
		"meter-9999");
	inventory_free(inventory);
	module_settings_unref(settings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(installers_have_names),
		cmocka_unit_test(settings_live_as_long_as_anybody_needs_them),
		cmocka_unit_test(an_unknown_version_is_reported_as_zero),
		cmocka_unit_test(adding_a_module_again_keeps_its_version),
		cmocka_unit_test(the_later_key_wins),
		cmocka_unit_test(a_copy_outlives_the_original),
		cmocka_unit_test(devices_are_found_by_name_and_by_address),
		cmocka_unit_test(a_name_or_address_is_given_once),
		cmocka_unit_test(the_gateway_comes_first),
		cmocka_unit_test(a_removed_device_leaves_room_for_its_like),
		cmocka_unit_test(ten_thousand_devices_are_cheap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
