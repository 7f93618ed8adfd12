#pragma once

/* What the service manager is told: sd_notify(3). No-op without one. */

#include "otad/base/cleanup.h"

#include <stdbool.h>

/* One has started us and waits for notify_ready(). */
bool notify_is_supervised(void);
void notify_ready(void);
void notify_reloading(void);
void notify_stopping(void);
/* One line for `systemctl status`. */
void notify_status(const char *format, ...) OTA_PRINTF(1, 2);
