#pragma once

/* What one client, and all of them together, may take of the daemon. */

/* Together they hold at most 20 MiB, however they behave. */
#define CONTROL_MAX_CLIENTS 64
/* Who may only look leaves room for who may act. */
#define CONTROL_MAX_STRANGERS 48
#define CONTROL_MAX_STRANGERS_PER_UID 16

/* What waits for a client to read it; no reply is longer. */
#define CONTROL_MAX_OUT_BYTES (256 * 1024)
/* A list or a watch goes on when no more than this waits. */
#define CONTROL_LOW_OUT_BYTES (32 * 1024)
/* Read in one turn. */
#define CONTROL_READ_BYTES (16 * 1024)

/*
 * Entries of a list in one reply: as a part of several, and alone. Each costs
 * the updater a look at a file.
 */
#define CONTROL_PART_ENTRIES 32
#define CONTROL_MAX_ENTRIES 128
/* Devices looked at for one reply, whether or not there is something to say. */
#define CONTROL_MAX_DEVICES 128

#define CONTROL_MAX_HISTORY 500
#define CONTROL_DEFAULT_HISTORY 20
#define CONTROL_MAX_REASON_BYTES 256

#define CONTROL_IDLE_MS (5 * 60 * 1000)
/* Nothing of what waits was read for so long: the client is gone. */
#define CONTROL_STALL_MS (30 * 1000)
/* Until the next accept(2) when no descriptor is left. */
#define CONTROL_RETRY_MS 1000
/* Complaints about clients in the log. */
#define CONTROL_COMPLAINT_MS 1000
