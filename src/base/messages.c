#include "otad/base/messages.h"

#include "otad/base/log.h"

/*
 * Random, made with `systemd-id128 new`, never used again for another event.
 * A new one needs an entry in systemd/otad.catalog.
 */

const struct log_message message_started = {
	"90f0fb2d8bb1479cb1d5b7f421bec822",
};

const struct log_message message_stopping = {
	"074af336ba4543d0ac78298a0e66bea6",
};

const struct log_message message_config_loaded = {
	"8b7a74fb632946a7a421dd4c2795b4cb",
};

const struct log_message message_config_refused = {
	"73bf1c9f9df3426da3943925355d98b6",
};

const struct log_message message_connected = {
	"52343b47571c4569bd63f81ff0e74964",
};

const struct log_message message_disconnected = {
	"6f3408a4cec04440956177025ca1cce2",
};

const struct log_message message_offer_refused = {
	"302de1a77a0a467cae517a660025d46f",
};

const struct log_message message_message_rejected = {
	"db1ed94dc20b440183fb5423cf290931",
};

const struct log_message message_held = {
	"265ea89f943f4b479bb49fa8de895c27",
};

const struct log_message message_released = {
	"bf5c7d587b984a5eb498e61f148f3856",
};

const struct log_message message_state_lost = {
	"f91eee934eb94b4d9fcb6f9b624d27ed",
};

const struct log_message message_job_available = {
	"c0d478e2657a4640970dd6c7f6703f60",
};

const struct log_message message_job_downloading = {
	"6b9688ae3bd5444a9baf99b1de905d3b",
};

const struct log_message message_job_verifying = {
	"38c91e5d6a424d56bb631f5d73895d77",
};

const struct log_message message_job_backing_up = {
	"96a27ce68f034c5681c99aa138437cc3",
};

const struct log_message message_job_installing = {
	"c84b94d431784550b654d0113aa41520",
};

const struct log_message message_job_restarting = {
	"cd560aea7a264db283c469655337de27",
};

const struct log_message message_job_confirming = {
	"a34ba180e7b8470ea3feeacef86b7521",
};

const struct log_message message_job_succeeded = {
	"31b5d23a7cc743fd9c6ff69359613450",
};

const struct log_message message_job_failed = {
	"530c9ff455b1488583f30333ebe69dcf",
};

const struct log_message message_job_rolled_back = {
	"91dee154e59f4f709d5e25e46590901b",
};
