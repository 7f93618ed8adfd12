#pragma once

/*
 * Installers that do what the test says: otad/install/installer.h without
 * files, but for the artifact. What is in place outlives the installations, as
 * a disk would, so a test may restart otad between any two steps.
 *
 * By itself every step succeeds, from the loop; CONFIRM of `self` waits for
 * installation_online().
 */

#include "otad/install/installer.h"

#include <stdbool.h>

/* Forgets everything; no installation may be left. */
void fake_installer_reset(void);

/* `step` does not end by itself. */
void fake_installer_hold(enum install_step step, bool hold);
/* Ends the oldest step that runs; NONE: well. False: none runs. */
bool fake_installer_end(enum ota_error_kind kind, const char *text);
/* The step that runs of a module, held or not: INSTALL_STEP_COUNT when there is
 * none. It does what it would do by itself; or it ends so. */
enum install_step fake_installer_step(const char *device, const char *module);
bool fake_installer_go_on(const char *device, const char *module);
bool fake_installer_give_up(const char *device, const char *module,
			    enum ota_error_kind kind, const char *text);
/* `step` fails from now on; OTA_ERROR_NONE: no longer. Borrows `text`. */
void fake_installer_fail(enum install_step step, enum ota_error_kind kind,
			 const char *text);
/* installation_new() fails from now on; OTA_ERROR_NONE: no longer. */
void fake_installer_refuse(enum ota_error_kind kind);
/* What CONFIRM says it waits for. Borrowed. */
void fake_installer_set_trouble(const char *text);

/* What is in place of a module. For ROLLED_BACK with this reason. */
void fake_installer_set_found(const char *device, const char *module,
			      enum install_found found);
enum install_found fake_installer_found(const char *device, const char *module);
void fake_installer_set_backup(const char *device, const char *module,
			       bool there);

/* Names of the steps run so far, with the device's where it is no gateway:
 * "backup stage meter-1:backup". Borrowed until the next step. */
const char *fake_installer_trace(void);
void fake_installer_forget_trace(void);
/* Of the installation made last. */
bool fake_installer_was_shared(void);
bool fake_installer_was_fresh(void);
unsigned fake_installer_running(void);

/* What the next queries are told, from the loop; NULL: nothing. Borrowed. */
void fake_installer_tell_version(const char *version);
/* Queries wait until fake_installer_answer_query(). */
void fake_installer_hold_queries(bool hold);
unsigned fake_installer_queries(void);
bool fake_installer_answer_query(const char *version);
