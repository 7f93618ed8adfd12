"""What is broken of src/model."""

from mutation import Mutant

MUTANTS = [
    Mutant("an MD5 is the beginning of a SHA-256",
           "model-digest", "src/model/digest.c",
           "	if (a->alg == DIGEST_NONE || a->alg != b->alg)",
           "	if (a->alg == DIGEST_NONE)"),
    Mutant("a message id of any length is read",
           "model-offer", "src/model/offer-json.c",
           "	return size > 0 && size <= MESSAGE_ID_MAX_BYTES &&",
           "	return size > 0 &&"),
    Mutant("modules of removed devices are counted",
           "model-device", "src/model/inventory.c",
           """	inventory->n_modules -= device->n_modules;
""",
           ""),
    Mutant("a copy of a device forgets how it came",
           "model-device", "src/model/device.c",
           """	copy->registered = device->registered;
""",
           ""),
    Mutant("without Timeout= a handler has no time",
           "model-device", "src/model/device.c",
           """	settings->timeout_ms = MODULE_TIMEOUT_DEFAULT_MS;
""",
           ""),
]
