#pragma once

/* Every MESSAGE_ID of otad; systemd/otad.catalog explains each. */

struct log_message;

extern const struct log_message message_started;
extern const struct log_message message_stopping;
extern const struct log_message message_config_loaded;
extern const struct log_message message_config_refused;
extern const struct log_message message_connected;
extern const struct log_message message_disconnected;
extern const struct log_message message_offer_refused;
extern const struct log_message message_message_rejected;
extern const struct log_message message_held;
extern const struct log_message message_released;
extern const struct log_message message_state_lost; /* a state file was unreadable */
extern const struct log_message message_job_available;
extern const struct log_message message_job_downloading;
extern const struct log_message message_job_verifying;
extern const struct log_message message_job_backing_up;
extern const struct log_message message_job_installing;
extern const struct log_message message_job_restarting;
extern const struct log_message message_job_confirming;
extern const struct log_message message_job_succeeded;
extern const struct log_message message_job_failed;
extern const struct log_message message_job_rolled_back;
