#pragma once

/*
 * The battery, from /sys/class/power_supply (kernel documentation
 * ABI/testing/sysfs-class-power): mains power always passes, so does a gateway
 * without a battery.
 */

#include <stdbool.h>

#define POWER_SUPPLY_DIR "/sys/class/power_supply"

/* Capacity of the fullest battery; false when it does not matter. */
bool power_on_battery(const char *dir, unsigned *ret_percent);
